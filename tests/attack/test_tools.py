# SPDX-License-Identifier: Apache-2.0
"""Checks that others wrote, or that nobody chose by hand, inside the box.

stress-ng loads every part of the kernel that it knows; capsh says in the words of libcap what
the box may do; and the walk calls every system call number there is and holds the answers
against the tables of sandbox/syscalls.c, read here without the help of the program.
"""

import ctypes
import functools
import json
import os
import re
import subprocess
import time
import uuid

import pytest

import sandboxes
import suite

MIB = 1 << 20
LIMITS = ["--memory", "64M", "--pids", "32", "--scratch", "8M", "--out", "8M"]
PIDS = 32
WALK = suite.PAYLOAD.parent / "walk"


class Box:
    """One run of autoexp exec: what it said, its record, and how many processes it had."""

    def __init__(self, autoexp, host, command, wall):
        self.wall, self.most, self.mark = wall, 0, "box-" + uuid.uuid4().hex[:16]
        path = host.folder / "record.json"
        host.prepare()
        argv = [str(sandboxes.AUTOEXP), "exec", *["--soft-limits"] * autoexp.soft, *LIMITS,
                "--wall", f"{wall}s", "--json", str(path), "--env", "ATTACK_MARK",
                "--show", str(suite.PAYLOAD.parent), "--", *map(str, command)]
        self.process = subprocess.Popen(
            argv, env={**os.environ, "ATTACK_MARK": self.mark}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.text = self.follow()
        self.status = self.process.returncode
        self.record = json.loads(path.read_text())
        path.unlink()
        assert host.damage(self.process.pid, self.mark) == []
        late = 5 if suite.IN_VM else 1.5
        assert self.record["wall_us"] < (wall + late) * 1e6

    def follow(self):
        end = time.monotonic() + self.wall + 60
        while time.monotonic() < end:
            self.most = max(self.most, len(suite.processes_marked(self.mark)))
            try:
                return self.process.communicate(timeout=0.2)[0]
            except subprocess.TimeoutExpired:
                pass
        self.process.kill()
        raise AssertionError(f"did not end: {self.process.communicate()[0]}")

    def __str__(self):
        return f"{self.record['verdict']}: {self.record['reason']}\n{self.text}"


# --- load ----------------------------------------------------------------------------------

# What is asked of stress-ng, the verdicts that are right, and a limit that it has to meet. A second
# is enough to load a part of the kernel, but an emulated processor takes longer to meet something.
STRESSORS = [
    ("--vm 2 --vm-bytes 256M", {"oom"}, "memory"),
    ("--mmap 1 --mmap-bytes 256M", {"ok", "oom"}, None),
    ("--bigheap 1", {"ok", "oom"}, None),
    ("--memfd 1", {"ok", "oom"}, None),
    ("--fork 4 --fork-max 32", {"ok", "oom"}, "pids"),
    ("--clone 2", {"ok", "oom"}, None),
    ("--daemon 2", {"ok"}, None),
    ("--pipe 2", {"ok"}, None),
    ("--shm 2", {"ok", "oom"}, None),
    ("--shm-sysv 2", {"ok", "oom"}, None),
    ("--hdd 1 --hdd-bytes 64M", {"ok"}, "scratch"),
    ("--dentry 2", {"ok"}, None),
    ("--switch 2", {"ok"}, None),
    # Its own number instead of 0 counts as another's: refused, and so stress-ng gives up.
    ("--schedpolicy 2", {"exit"}, None),
]


@pytest.mark.parametrize("stressor, verdicts, hit", STRESSORS,
                         ids=[s[0].split()[0][2:] for s in STRESSORS])
def test_the_limits_hold_under_stress_ng(autoexp, host, stressor, verdicts, hit):
    seconds = 5 if suite.IN_VM and (hit or "ok" not in verdicts) else 1
    box = Box(autoexp, host, ["stress-ng", "--temp-path", "/tmp", "--timeout", str(seconds),
                              *stressor.split()], 20 if suite.IN_VM else 8)
    # On an emulated processor a second of work may take any time.
    allowed = verdicts | {"timeout"} if suite.IN_VM else verdicts
    assert box.record["verdict"] in allowed, box
    assert "dispatching hogs" in box.text
    # And process 1 of the box and autoexp itself.
    assert box.most <= PIDS + 2
    limits = box.record["limits"]
    assert limits["memory"]["value"] == 64 * MIB and limits["pids"]["value"] == PIDS
    if not autoexp.soft:
        assert box.record["enforcement"] == "cgroup2"
        assert box.record["memory_peak_bytes"] <= 64 * MIB
    # Without controllers nobody counts how often the limit of processes was met.
    # An emulated stressor may not get as far as the limit in its time; that none is passed is
    # looked at above, and suite.py meets each.
    if hit and not suite.IN_VM and not (autoexp.soft and hit == "pids"):
        assert limits[hit]["hit"], box


# --- capabilities --------------------------------------------------------------------------


def test_capsh_finds_no_capability(autoexp, host):
    box = Box(autoexp, host, ["/usr/sbin/capsh", "--print"], 20)
    assert (box.record["verdict"], box.status) == ("ok", 0), box
    lines = box.text.splitlines()
    assert "Current: =" in lines
    assert "Bounding set =" in [line.rstrip() for line in lines]
    assert "Ambient set =" in [line.rstrip() for line in lines]
    assert re.search(r"^Securebits: .*no-new-privs=1", box.text, re.M)
    assert re.search(r"^uid=1000\(\S+\) euid=1000\(", box.text, re.M)
    assert re.search(r"^gid=1000\(", box.text, re.M)
    # Root gives its further groups up, nobody else can: see SECURITY.md.
    further = [] if suite.IS_ROOT else os.getgroups()
    found = re.search(r"^groups=(.*)$", box.text, re.M).group(1)
    assert re.findall(r"(?:^|,)(\d+)", found) == \
        [str(1000 if group == os.getgid() else 65534) for group in further]


# --- every system call ---------------------------------------------------------------------

# Allowed calls that the rules refuse with these arguments.
OTHERS = {name: "EPERM" for name in
          ("clone", "prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam",
           "sched_setscheduler", "setpriority", "ioprio_set")}
HUGE = {name: "ENOMEM" for name in ("mmap", "mmap2", "memfd_create", "shmget")}
FAMILIES = {name: "EAFNOSUPPORT" for name in ("socket", "socketpair")}
REFUSED = {-1: {**OTHERS, **HUGE, **FAMILIES}, 0: FAMILIES}

# Allowed calls that need not come back, and why.
NO_RETURN = {
    "exit": "ends who calls it", "exit_group": "ends who calls it",
    "pause": "waits for a signal", "select": "with zeros waits for ever",
    "_newselect": "with zeros waits for ever", "pselect6": "with zeros waits for ever",
    "ppoll": "with zeros waits for ever", "rt_sigreturn": "there is no frame to return to",
    "sync": "writes back for the whole host, and that may take longer than the patience",
}

# The kernel itself lets these pass any filter, and ends who calls them by hand or has no such
# probe: they are the trampolines of its own tracing of programs.
BEYOND_FILTERS = {"uretprobe": 335, "uprobe": 336}
BEYOND_ANSWERS = {"ENOSYS", "ENXIO", "EPERM", "signal 4", "signal 11"}


def lists():
    """(allowed names, denied names) in sandbox/syscalls.c"""
    text = (suite.REPOSITORY / "sandbox" / "syscalls.c").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    allowed = re.search(r"syscalls_allowed\[\] = \{(.*?)\n\};", text, re.S).group(1)
    denied = re.search(r"syscalls_denied\[\] = \{(.*?)\n\};", text, re.S).group(1)
    groups = re.findall(r"const char \*const\[\]\)\{(.*?)\}", denied, re.S)
    return set(re.findall(r'"(\w+)"', allowed)), set(re.findall(r'"(\w+)"', " ".join(groups)))


@functools.lru_cache(None)
def numbers():
    """The numbers of this machine's calls in the lists: the headers' word, where they have one;
    what the library of the filter cannot name the filter cannot answer by name."""
    macros = subprocess.run(["cc", "-E", "-dM", "-include", "asm/unistd.h", "-x", "c", os.devnull],
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    defined = re.findall(r"^#define __NR_(\w+) (\d+)$", macros, re.M)
    headers = {name: int(nr) for name, nr in defined}
    library = ctypes.CDLL("libseccomp.so.2")
    allowed, denied = lists()
    found = {}
    for name in allowed | denied:
        nr = library.seccomp_syscall_resolve_name(name.encode())
        if nr >= 0:
            assert headers.get(name, nr) == nr
            found[name] = nr
    return found


def answers(text):
    return {int(nr): answer for nr, answer in re.findall(r"^(\d+) (.+)$", text, re.M)}


def absent_outside(candidates):
    """Those of CANDIDATES that this kernel does not have, whoever asks."""
    if not candidates:
        return set()
    done = subprocess.run([WALK, "-1", *map(str, sorted(candidates))], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True)
    return {nr for nr, answer in answers(done.stdout).items() if answer == "ENOSYS"}


def wrong(name, answer, argument, absent, allowed, denied):
    """What should have come instead of ANSWER, or None."""
    if name in BEYOND_FILTERS:
        return None if answer in BEYOND_ANSWERS else "what the kernel says by itself"
    if name in denied:
        return None if answer == "EPERM" else "EPERM"
    if name not in allowed:
        return None if answer == "ENOSYS" else "ENOSYS"
    refused = REFUSED[argument].get(name)
    if refused:
        return None if answer == refused else refused
    if answer == "ENOSYS" and not absent:
        return "the kernel's own answer"
    if answer.startswith(("signal", "exit")) and name not in NO_RETURN:
        return "an answer"
    return None


@pytest.mark.parametrize("argument", [-1, 0])
def test_every_system_call_is_answered_as_the_tables_say(autoexp, host, argument):
    box = Box(autoexp, host, [WALK, argument], 120 if suite.IN_VM else 60)
    assert (box.record["verdict"], box.status) == ("ok", 0), box
    said = answers(box.text)
    assert said.keys() == set(range(512))
    allowed, denied = lists()
    assert len(allowed) > 300 and len(denied) > 60 and not allowed & denied
    names = {nr: name for name, nr in [*BEYOND_FILTERS.items(), *numbers().items()]}
    absent = absent_outside({nr for nr, answer in said.items()
                             if answer == "ENOSYS" and names.get(nr) in allowed})
    surprises = {}
    for nr, answer in said.items():
        expected = wrong(names.get(nr), answer, argument, nr in absent, allowed, denied)
        if expected:
            surprises[f"{nr} {names.get(nr)}"] = f"{answer} instead of {expected}"
    assert surprises == {}
    # EPERM may be the kernel's: the record says which were the filter's, those and no others.
    by_filter = {name for name in numbers() if name in denied or
                 REFUSED[argument].get(name) == "EPERM"}
    assert {name: entry["count"] for name, entry in box.record["denied_syscalls"].items()} == \
        {name: 1 for name in by_filter}
