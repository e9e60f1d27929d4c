# SPDX-License-Identifier: Apache-2.0
"""Who takes part, how each of them runs a command, and how results are printed.

Every contestant runs the same command on the same mounts: the system read-only, a private /proc,
/dev and /tmp, no network. Nothing else of them is alike, and the notes say what.
"""

import collections
import json
import os
import re
import shutil
import statistics
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.realpath(os.environ.get("AUTOEXP_BUILD", os.path.join(REPOSITORY, "build")))
AUTOEXP = os.path.join(BUILD, "src", "autoexp")
STOPWATCH = os.path.join(BUILD, "tests", "bench", "stopwatch")
BARE = os.path.join(BUILD, "tests", "bench", "bare")
PAYLOAD = os.path.join(BUILD, "tests", "bench", "payload")
IS_ROOT = os.geteuid() == 0

SYSTEM = [path for path in ("/usr", "/etc", "/opt") if os.path.isdir(path)]
LINKS = [(path, os.readlink(path)) for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
         if os.path.islink(path)]
FOLDERS = [path for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
           if os.path.isdir(path) and not os.path.islink(path)]
# What no sandbox lets pass; the rest of the kernel's calls is the allowlist given to runc.
REFUSED = ("bpf", "perf_event_open", "ptrace", "mount", "umount2", "pivot_root", "keyctl",
           "add_key", "request_key", "io_uring_setup", "userfaultfd", "init_module",
           "finit_module", "kexec_load", "reboot", "swapon", "swapoff", "setns", "unshare")

Contestant = collections.namedtuple("Contestant", "name note wrap")


def quiet(argv, **more):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)


def limits_of_host():
    """The limits of autoexp that this machine can hold, and whether the kernel holds them."""
    hard = ["--memory", "512M", "--pids", "64", "--cpus", "1", "--cpu-time", "60s",
            "--wall", "60s", "--scratch", "64M", "--output", "1M"]
    if quiet([AUTOEXP, "exec", *hard, "--", "/bin/true"]).returncode == 0:
        return hard, "cgroup v2"
    return ["--soft-limits", *hard], "soft limits: no cgroup v2 controllers here"


def autoexp(limits):
    def wrap(command, show=()):
        shown = [word for path in show for word in ("--show", path)]
        return [AUTOEXP, "exec", *limits, *shown, "--", *command]
    return wrap


def bwrap(command, show=()):
    argv = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
            "--setenv", "PATH", "/usr/bin:/bin", "--hostname", "box", "--cap-drop", "ALL"]
    for path in SYSTEM + FOLDERS:
        argv += ["--ro-bind", path, path]
    for path, to in LINKS:
        argv += ["--symlink", to, path]
    argv += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/home/box"]
    for path in show:
        argv += ["--ro-bind", path, path]
    return argv + ["--chdir", "/", "--", *command]


def firejail(command, show=()):
    del show  # all of the file system stays where it is
    return ["firejail", "--quiet", "--noprofile", "--net=none", "--private", "--private-dev",
            "--keep-var-tmp", "--caps.drop=all", "--nonewprivs", "--seccomp", "--", *command]


def systemd_run(command, show=()):
    del show
    return ["systemd-run", *([] if IS_ROOT else ["--user"]), "--quiet", "--wait", "--collect",
            "--pipe", "-p", "MemoryMax=512M", "-p", "TasksMax=64", "-p", "PrivateNetwork=yes",
            "-p", "ProtectSystem=strict", *command]


def allowlist():
    """A system call filter for runc: like Docker's, a list of names that may pass."""
    done = quiet(["sh", "-c", "echo '#include <sys/syscall.h>' | cc -E -dM -"])
    names = set(re.findall(r"#define SYS_(\w+) ", done.stdout)) - set(REFUSED)
    return {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": sorted(names), "action": "SCMP_ACT_ALLOW"}]}


class Runc:
    """Bundles as `runc spec` makes them, one a command, on a root with the same mounts."""

    def __init__(self, scratch, filtered):
        self.state = os.path.join(scratch, "runc")
        self.scratch = scratch
        self.filter = allowlist() if filtered else None
        self.bundles = {}

    def make(self, folder, command, show):
        os.makedirs(os.path.join(folder, "rootfs", "tmp"))
        quiet(["runc", "spec"] + ([] if IS_ROOT else ["--rootless"]), cwd=folder)
        path = os.path.join(folder, "config.json")
        with open(path, encoding="utf-8") as file:
            spec = json.load(file)
        spec["process"].update(terminal=False, args=list(command), noNewPrivileges=True)
        spec["root"] = {"path": "rootfs", "readonly": False}
        spec["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
                               "options": ["nosuid", "nodev"]})
        for place in [*SYSTEM, *FOLDERS, *show]:
            spec["mounts"].append({"destination": place, "type": "none", "source": place,
                                   "options": ["rbind", "ro", "nosuid", "nodev"]})
        for place, to in LINKS:
            os.symlink(to, os.path.join(folder, "rootfs", place[1:]))
        if self.filter and self.filter["syscalls"][0]["names"]:
            spec["linux"]["seccomp"] = self.filter
        with open(path, "w", encoding="utf-8") as file:
            json.dump(spec, file)

    def bundle(self, command, show):
        key = (*command, "show", *show)
        if key not in self.bundles:
            folder = os.path.join(self.scratch, f"bundle-{id(self)}-{len(self.bundles)}")
            self.make(folder, command, show)
            self.bundles[key] = folder
        return self.bundles[key]

    def __call__(self, command, show=()):
        if not shutil.which("runc"):
            return ["runc"]
        # A fixed name would clash with the run before, which runc may still be tidying away.
        script = 'exec runc --root "$1" run --bundle "$2" "bench-$$"'
        return ["sh", "-c", script, "sh", self.state, self.bundle(command, show)]


def without_cpus(limits):
    at = limits.index("--cpus")
    return limits[:at] + limits[at + 2:]


def contestants(scratch):
    limits, note = limits_of_host()
    return [
        Contestant("autoexp exec", note, autoexp(limits)),
        Contestant("outside", "no sandbox at all", lambda command, show=(): [*command]),
        Contestant("bare clone3", "same namespaces, nothing else: the floor",
                   lambda command, show=(): [BARE, *command]),
        Contestant("bwrap", "--unshare-all; no limits, no system call filter", bwrap),
        Contestant("firejail", "--net=none --private --caps.drop=all --seccomp", firejail),
        Contestant("runc run", "as `runc spec` makes it, with an allowlist of system calls, "
                   "through sh", Runc(scratch, True)),
        Contestant("systemd-run", "--wait: no sandbox, a transient unit with limits",
                   systemd_run),
    ]


def why_not(contestant):
    """None, or why a contestant cannot take part here."""
    argv = contestant.wrap(["/bin/true"])
    if not shutil.which(argv[0]):
        return "not installed"
    try:
        done = quiet(argv, timeout=30)
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    reason = lines[-1] if lines else f"exit status {done.returncode}"
    return re.sub(r"time=\S+ level=\w+ msg=", "", reason)[:100]


def workers(entries):
    """For what computes: without the floor, and without a CPU limit. No peer has one, and where
    it is soft it ties the command to one CPU, which may be the slower one."""
    ours = entries[0]._replace(wrap=autoexp(without_cpus(limits_of_host()[0])))
    return [ours] + [c for c in entries[1:] if c.name not in ("bare clone3", "systemd-run")]


def able(scratch):
    """Those who can take part, and {name: why not} of the others. autoexp comes first."""
    everybody = contestants(scratch)
    reasons = {c.name: why_not(c) for c in everybody}
    for name in ("autoexp exec", "outside", "bare clone3"):
        if reasons[name]:
            raise SystemExit(f"{name}: {reasons[name]}")
    return ([c for c in everybody if not reasons[c.name]],
            {name: why for name, why in reasons.items() if why})


# --- measuring ---------------------------------------------------------------------------


class Spread(collections.namedtuple("Spread", "low median high")):
    """The median of many values, and between what four of five of them lie."""

    @classmethod
    def of(cls, values):
        tenths = [values[0]]
        if len(values) > 1:
            tenths = statistics.quantiles(values, n=10, method="inclusive")
        return cls(tenths[0], statistics.median(values), tenths[-1])

    def text(self, unit=1, digits=2):
        """Like "1.23 (1.10-1.40)", in UNITs."""
        low, middle, high = (f"{value / unit:.{digits}f}" for value in self)
        return f"{middle} ({low}-{high})"


def in_turns(named, rounds):
    """Time whole commands in turns. {name: argv} becomes {name: (wall, CPU)} in µs."""
    argv = [STOPWATCH, str(rounds)]
    for command in named.values():
        argv += [*command, ","]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=True)
    names, runs = list(named), {}
    for line in done.stdout.splitlines():
        number, wall, cpu, status = map(int, line.split())
        if status:
            raise SystemExit(f"{names[number]}: a run ended with status {status}")
        runs.setdefault(names[number], []).append((wall, cpu))
    return {name: tuple(map(Spread.of, zip(*values))) for name, values in runs.items()}


def told_in_turns(named, rounds, parse):
    """What commands say of themselves, in turns. {name: [parse(stdout), ...]}"""
    told = {name: [] for name in named}
    for _ in range(rounds):
        for name, command in named.items():
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: status {done.returncode}: {done.stderr.strip()}")
            told[name].append(parse(done.stdout))
    return told


# --- printing ----------------------------------------------------------------------------


class Printer:
    """Tables as aligned text, or as Markdown."""

    def __init__(self, markdown):
        self.markdown = markdown

    def table(self, title, head, rows, notes=()):
        rows = [list(map(str, row)) for row in rows]
        if self.markdown:
            print(f"\n{title}\n\n| {' | '.join(head)} |")
            print("| --- |" + " ---: |" * (len(head) - 1))
            for row in rows:
                print(f"| {' | '.join(row)} |")
        else:
            width = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
            print(f"\n{title}\n")
            for row in [head, *rows]:
                cells = [row[0].ljust(width[0])]
                cells += [cell.rjust(width[i]) for i, cell in enumerate(row) if i]
                print("  " + "  ".join(cells).rstrip())
        if notes:
            print()
        for note in notes:
            print(f"- {note}" if self.markdown else f"  {note}")
