# SPDX-License-Identifier: Apache-2.0
"""The attack suite: cases, the host they must not hurt, and the judge.

The cases are a C program, payload/attack; `attack --list` prints a line for each:

    ID <tab> title <tab> expect <tab> how

`expect` is what has to be true of a run under autoexp: alternatives separated by "|", each a
sum of facts by "+":

    held            the payload's own line says "held" (or "absent"), and the verdict is ok
    oom, timeout …  the verdict in the record
    exit:N signal:N the verdict with its number
    hit:LIMIT       the record says that this limit was hit
    soft            the record says that limits were soft
    dropped         some output was dropped
    changed         the target changed, says the record
    kept            the host's target is what it was
    target-error    the record says why the target was not taken
    no-secret       the host's target does not hold the canary's secret
    still           the host's target does not change any more

`how` are words for the runner:

    NAME=VALUE      an option of the box: wall, memory, scratch, pids, cpus, cpu-time, target
    needs:A,B       what a sandbox has to promise for the case to mean anything
    leaf            CPU time that only a cgroup of the box's own counts
    hard            kernel memory or files that no process maps: the kernel has to hold it
    dangerous       never without a sandbox; of a peer only in a place of its own, see place.py
    open            autoexp does not hold it, as SECURITY.md says; when it does, tell it there
    twice           run two times, with turn=1 and turn=2
    silent          the payload cannot print its line
    slow-reader, show-socket, show-fifo, core-helper      see run_case()

Whatever a case does, afterwards the host must be as before: see class Host.
"""

import collections
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import uuid

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "lib"))

from leftovers import gone_within, groups_of, mounts, processes_marked, read  # noqa: E402

BUILD = pathlib.Path(os.environ.get("AUTOEXP_BUILD", REPOSITORY / "build")).resolve()
PAYLOAD = BUILD / "tests" / "attack" / "payload" / "attack"
IN_VM = os.environ.get("AUTOEXP_VM") == "1"
IS_ROOT = os.geteuid() == 0
SYS_KEYCTL, KEYCTL_INVALIDATE = 250, 21

FAMILIES = {
    "F": "files", "P": "processes", "PID": "processes", "CORE": "processes", "M": "memory",
    "C": "time", "O": "output", "I": "ipc, network, kernel", "SHOW": "ipc, network, kernel",
    "FLOOD": "ipc, network, kernel",
}

Case = collections.namedtuple("Case", "id title expect options needs words family")
Result = collections.namedtuple("Result", "case outcome detail status record seconds")
Run = collections.namedtuple("Run", "status stdout stderr record seconds hung")


def load_cases():
    listed = subprocess.run([PAYLOAD, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    return [parse_case(line) for line in listed.stdout.splitlines()]


def parse_case(line):
    ident, title, expect, how = line.split("\t")
    options, needs, words = {}, set(), set()
    for word in how.split():
        if word.startswith("needs:"):
            needs |= set(word[6:].split(","))
        elif "=" in word:
            options.update([word.split("=")])
        else:
            words.add(word)
    family = FAMILIES[re.match("[A-Z]+", ident).group()]
    return Case(ident, title, expect, options, needs, words, family)


def bytes_of(text):
    return int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1]]


def seconds_of(text):
    return float(text.removesuffix("s"))


# --- the host ------------------------------------------------------------------------------


class Listener:
    """A service of the host: whatever arrives is proof of a way out."""

    def __init__(self, sock, name):
        self.socket, self.name = sock, name
        sock.setblocking(False)
        if sock.type == socket.SOCK_STREAM:
            sock.listen(64)

    def visits(self):
        count = 0
        while True:
            try:
                if self.socket.type == socket.SOCK_STREAM:
                    self.socket.accept()[0].close()
                else:
                    self.socket.recv(64)
                count += 1
            except OSError:
                return count


def ipc_ids(key):
    """System V objects with KEY, in this namespace."""
    found = []
    for kind in ("shm", "msg", "sem"):
        for line in read(f"/proc/sysvipc/{kind}").decode().splitlines()[1:]:
            fields = line.split()
            if int(fields[0]) & 0xffffffff == key:
                found.append(f"{kind} {fields[1]}")
    return found


def remove_ipc(found):
    for entry in found:
        kind, ident = entry.split()
        subprocess.run(["ipcrm", {"shm": "-m", "msg": "-q", "sem": "-s"}[kind], ident],
                       check=False, stderr=subprocess.DEVNULL)


def remove_keys(mark):
    """Keys named MARK, whatever ring they are in. The kernel sweeps up a moment later."""
    def listed():
        return re.findall(rf"^(\w+) .*{re.escape(mark)}",
                          read("/proc/keys").decode(errors="replace"), re.M)
    for number in listed():
        ctypes.CDLL(None).syscall(SYS_KEYCTL, KEYCTL_INVALIDATE, ctypes.c_int32(int(number, 16)))
    gone_within(2, listed)


def digest(path):
    """What can be told of a file without changing it."""
    try:
        s = os.lstat(path)
    except OSError as error:
        return type(error).__name__
    content = read(path) if stat.S_ISREG(s.st_mode) else b""
    return (stat.S_IFMT(s.st_mode), stat.S_IMODE(s.st_mode), s.st_uid, s.st_nlink, s.st_ino,
            hashlib.sha256(content).hexdigest())


def tree(folder):
    found = {}
    for top, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(top, name)
            found[path] = digest(path)
    return found


def names(folder):
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


SYSTEM_FILES = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/ld.so.preload", "/etc/crontab",
                "/etc/profile", "/etc/hosts", "/usr/bin/env", "/root/.bashrc", "/root/.profile",
                "/root/.ssh/authorized_keys", "/var/spool/cron/root", "/usr/local/bin/git"]
SYSTEM_FOLDERS = ["/", "/etc", "/etc/cron.d", "/etc/sudoers.d", "/usr", "/usr/bin", "/opt", "/boot",
                  "/dev", "/usr/lib/python3/dist-packages"]
SETTINGS = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
            "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname",
            "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/sysrq"]

EVALUATE = "print('METRIC loss=1')\n"
TARGET = "rate = 1\n" + "# a line of the target, so that it has some length\n" * 20


class Host:
    """Canaries around the boxes, and what the host looked like before them."""

    def __init__(self):
        self.mark = "attack-" + uuid.uuid4().hex[:16]
        self.secret = "secret-" + uuid.uuid4().hex
        self.key = int(uuid.uuid4().hex[:7], 16)
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="attack-"))
        self.stack.callback(shutil.rmtree, self.folder, True)
        self.folder.chmod(0o755)
        self.home = pathlib.Path(os.environ.get("HOME") or "/root") / f".{self.mark}"
        self.home.mkdir(mode=0o755)
        self.stack.callback(shutil.rmtree, self.home, True)
        (self.home / "secret").write_text(self.secret + "\n")
        self.make_repository()
        self.make_services()
        self.start_victim()
        self.master, self.terminal_fd = pty.openpty()
        self.terminal = os.ttyname(self.terminal_fd)
        attributes = termios.tcgetattr(self.terminal_fd)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self.terminal_fd, termios.TCSANOW, attributes)
        self.before = self.look()

    def make_repository(self):
        self.repo = self.folder / "repo"
        (self.repo / ".git" / "hooks").mkdir(parents=True)
        (self.repo / ".git" / "config").write_text("[core]\n\tbare = false\n")
        (self.repo / "evaluate.py").write_text(EVALUATE)
        self.target = self.repo / "train.py"
        self.target.write_text(TARGET)

    def make_services(self):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind("\0" + self.mark)
        self.outside = self.folder / "outside"
        (self.outside / "s").mkdir(parents=True)
        (self.outside / "f").mkdir()
        path = socket.socket(socket.AF_UNIX)
        path.bind(str(self.outside / "s" / "socket"))
        os.chmod(self.outside / "s" / "socket", 0o777)
        fifo = self.outside / "f" / "fifo"
        os.mkfifo(fifo)
        fifo.chmod(0o666)
        self.fifo = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.tcp, self.udp = tcp.getsockname()[1], udp.getsockname()[1]
        self.services = [Listener(tcp, "TCP on loopback"), Listener(udp, "UDP on loopback"),
                         Listener(abstract, "abstract socket"), Listener(path, "socket file")]
        # A descriptor that a careless runner would hand on: a folder with a secret.
        self.leak = os.open(self.home, os.O_RDONLY | os.O_DIRECTORY)
        os.set_inheritable(self.leak, True)

    def start_victim(self):
        self.victim = subprocess.Popen(
            ["sleep", "3600"], env={"PATH": os.environ.get("PATH", ""),
                                    "ATTACK_SECRET": self.secret},
            stdin=subprocess.DEVNULL, start_new_session=True)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmget.restype = ctypes.c_int
        self.shared = libc.shmget(self.key + 1, 4096, 0o1666)

    def close(self):
        self.victim.kill()
        self.victim.wait()
        remove_ipc(ipc_ids(self.key) + ipc_ids(self.key + 1))
        for each in self.services:
            each.socket.close()
        for fd in (self.master, self.terminal_fd, self.fifo, self.leak):
            os.close(fd)
        self.stack.close()

    def look(self):
        """Everything that no box may change."""
        victim = self.victim.pid
        return {
            "files": {path: digest(path) for path in SYSTEM_FILES},
            # Others may work on this machine: only names as the payloads choose them count.
            "folders": {path: {n for n in names(path) if "attack" in n or n == "x"}
                        for path in SYSTEM_FOLDERS},
            "repository": {k: v for k, v in tree(self.repo).items() if k != str(self.target)},
            "home": tree(self.home),
            "settings": {path: read(path) for path in SETTINGS},
            "mounts": mounts(),
            "victim": "ended" if self.victim.poll() is not None else (
                os.getpriority(os.PRIO_PROCESS, victim),
                read(f"/proc/{victim}/stat").rpartition(b")")[2].split()[:1] == [b"T"],
                read(f"/proc/{victim}/limits"), os.sched_getaffinity(victim)),
            "runner": (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)),
            "interfaces": names("/sys/class/net"),
        }

    def prepare(self):
        """Before a case: a fresh target, empty services, a quiet terminal."""
        self.restore_target()
        for each in self.services:
            each.visits()
        self.drain(self.fifo)
        self.drain_terminal()
        self.clock = time.time() - time.monotonic()
        self.memory = free_memory()

    def restore_target(self):
        if digest(self.target)[1:2] != (0o644,) or read(self.target) != TARGET.encode():
            if self.target.is_dir() and not self.target.is_symlink():
                shutil.rmtree(self.target)
            self.target.unlink(missing_ok=True)
            self.target.write_text(TARGET)
            self.target.chmod(0o644)

    @staticmethod
    def drain(fd):
        got = b""
        while select.select([fd], [], [], 0)[0]:
            got += os.read(fd, 4096)
        return got

    def drain_terminal(self):
        termios.tcflush(self.terminal_fd, termios.TCIFLUSH)
        return self.drain(self.master)

    def typed(self):
        """Bytes that wait in the terminal for whoever reads next."""
        buffer = fcntl.ioctl(self.terminal_fd, termios.FIONREAD, struct.pack("i", 0))
        return struct.unpack("i", buffer)[0]

    def damage(self, pid, mark):
        """A list of sentences about what is not as before. Empty is what everybody hopes for."""
        found = []
        left = gone_within(1, lambda: processes_marked(mark))
        if left:
            found.append(f"still running: {left[:3]}")
            for each, _ in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(each, signal.SIGKILL)
        found += [f"cgroup left: {leaf}" for leaf in groups_of([pid])]
        for each in self.services:
            visits = each.visits()
            if visits:
                found.append(f"{visits} visit(s) at the host's {each.name}")
        if self.drain(self.fifo):
            found.append("something came through the host's FIFO")
        if self.typed():
            found.append(f"{self.typed()} bytes typed into the terminal")
        if self.drain_terminal():
            found.append("something was written to the terminal")
        objects = ipc_ids(self.key)
        if objects:
            found.append(f"System V objects left: {objects}")
            remove_ipc(objects)
        if self.mark in read("/proc/keys").decode(errors="replace"):
            found.append("a key left in a keyring of the host")
            remove_keys(self.mark)
        for folder in ("/dev/shm", "/dev/mqueue", "/tmp", "/var/tmp", "/run", "/run/lock"):
            for name in names(folder):
                if name == self.mark or name == mark:
                    found.append(f"left in {folder}: {name}")
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, name))
        if abs(time.time() - time.monotonic() - self.clock) > 5:
            found.append("the clock was set")
        if IN_VM:
            # Caches come and go; what was charged to a box must not stay.
            lost = gone_within(3, lambda: max(0, self.memory - free_memory() - (96 << 20)))
            if lost:
                found.append(f"{lost >> 20} MiB and more not given back")
        found += self.changes()
        return found

    def changes(self):
        now, found = self.look(), []
        for what, before in self.before.items():
            if now[what] == before:
                continue
            if isinstance(before, dict):
                keys = [k for k in before.keys() | now[what].keys()
                        if before.get(k) != now[what].get(k)]
                found.append(f"{what} changed: {', '.join(map(str, keys[:4]))}")
            else:
                found.append(f"{what} changed: {before} {now[what]}"[:300])
        if self.before["victim"] != now["victim"]:
            # The next case wants one that is as it should be.
            self.victim.kill()
            self.victim.wait()
            self.start_victim()
            now = self.look()
        self.before = now
        return found

    def arguments(self, options, turn, mark):
        """What the payload may know of the outside."""
        known = {
            "mark": self.mark, "box": mark, "secret": self.secret, "home": self.home,
            "repo": self.repo, "target": self.target, "secret-file": self.home / "secret",
            "victim": self.victim.pid, "runner": os.getpid(), "runner-group": os.getpgrp(),
            "abstract": self.mark, "socket": self.outside / "s" / "socket",
            "fifo": self.outside / "f" / "fifo", "shown-socket": self.outside / "s",
            "shown-fifo": self.outside / "f", "tcp": self.tcp, "udp": self.udp,
            "terminal": self.terminal, "key": self.key, "host-key": self.key + 1, "turn": turn,
            "memory": bytes_of(options["memory"]), "scratch": bytes_of(options["scratch"]),
            "pids": options["pids"],
        }
        return [f"{name}={value}" for name, value in known.items()]


def free_memory():
    """What the kernel could hand out, and what it would drop for it."""
    found = dict(re.findall(rb"(\w+): +(\d+) kB", read("/proc/meminfo")))
    return sum(int(found[name]) << 10 for name in (b"MemFree", b"Buffers", b"Cached",
                                                   b"SReclaimable")) - (
        int(found[b"Shmem"]) << 10)


# --- starting one box ----------------------------------------------------------------------

KEEP = 1 << 18


class Kept:
    """The beginning and the end of a stream."""

    def __init__(self):
        self.head, self.tail, self.total = b"", b"", 0

    def add(self, data):
        self.total += len(data)
        room = KEEP - len(self.head)
        self.head += data[:room]
        self.tail = (self.tail + data[room:])[-KEEP:]

    def text(self):
        return (self.head + self.tail).decode(errors="replace")


def collect(process, timeout, slow=False):
    """Read what PROCESS prints until it ends. Returns both streams and whether it hung."""
    kept = {process.stdout.fileno(): Kept(), process.stderr.fileno(): Kept()}
    streams = list(kept.values())
    poll = select.poll()
    for fd in kept:
        poll.register(fd, select.POLLIN)
    end = time.monotonic() + timeout
    open_fds, ended = set(kept), None
    reading = time.monotonic() + (2.5 if slow else 0)
    if slow:
        poll.unregister(process.stdout.fileno())
    while open_fds or process.poll() is None:
        now = time.monotonic()
        if now > end:
            return streams, True
        if slow and now > reading:
            poll.register(process.stdout.fileno(), select.POLLIN)
            slow = False
        for fd, _ in poll.poll(50):
            data = os.read(fd, 1 << 16)
            if data:
                kept[fd].add(data)
            else:
                poll.unregister(fd)
                open_fds.discard(fd)
        # Somebody may hold the pipe open for ever: that is what a case tries.
        if process.poll() is not None:
            ended = ended or now
            if now - ended > 0.3:
                break
    return streams, False


def start_in_terminal(argv, host, environment, prepare):
    """ARGV in a session of its own, with the canary terminal as the controlling one."""
    def enter():
        os.setsid()
        fd = os.open(host.terminal, os.O_RDWR)
        fcntl.ioctl(fd, termios.TIOCSCTTY, 1)
        os.close(fd)
        prepare()
    return subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=host.repo,
                            preexec_fn=enter, pass_fds=[host.leak])


def own_line(case, run):
    """("held" | "escaped" | "absent" | None, detail) from the payload's own lines."""
    found = re.findall(rf"^case {re.escape(case.id)} (\w+) (.*)$", run.stderr + "\n" + run.stdout,
                       re.M)
    for word in ("escaped", "absent", "held"):
        for each in found:
            if each[0] == word:
                return each
    return None, ""


def run_once(case, sandbox, host, options, turn):
    mark = "box-" + uuid.uuid4().hex[:16]
    argv, record = sandbox.command(case, options, host,
                                   [str(PAYLOAD), case.id, *host.arguments(options, turn, mark)])
    environment = {**os.environ, "ATTACK_SECRET": host.secret, "ATTACK_MARK": mark,
                   "SSH_AUTH_SOCK": str(host.outside / "s" / "socket")}
    begin = time.monotonic()
    process = start_in_terminal(argv, host, environment, sandbox.prepare)
    limit = seconds_of(options["wall"]) + (60 if IN_VM else 20)
    if not sandbox.has("wall"):
        limit = 20 if IN_VM else 8
    (out, err), hung = collect(process, limit, "slow-reader" in case.words)
    if hung:
        process.kill()
        sandbox.end(process, mark)
    process.wait()
    process.stdout.close()
    process.stderr.close()
    seconds = time.monotonic() - begin
    found = json.loads(read(record)) if record and read(record) else None
    if record:
        pathlib.Path(record).unlink(missing_ok=True)
    run = Run(process.returncode, out.text(), err.text(), found, seconds, hung)
    return run, process.pid, mark


DEFAULTS = {"memory": "64M", "pids": "32", "wall": "10s", "scratch": "16M", "output": "1M"}


def why_not(case, sandbox):
    """A reason not to run CASE here, or None."""
    missing = case.needs - sandbox.features
    if missing:
        return f"{sandbox.name} does not promise: {', '.join(sorted(missing))}"
    if "hard" in case.words and not sandbox.has("hard"):
        return "native: only the kernel can hold it, and there are no cgroup v2 controllers here"
    if "leaf" in case.words and not sandbox.has("leaf"):
        return "native: what nobody waited for is counted only in a cgroup, and we have none here"
    if "dangerous" in case.words and not sandbox.has("walls"):
        return "dangerous without a sandbox"
    if "dangerous" in case.words and not sandbox.safe():
        return "dangerous: started as root, it would have a place of its own"
    return None


def run_case(case, sandbox, host):
    """Carry out CASE in SANDBOX and judge it. Returns a Result."""
    reason = why_not(case, sandbox)
    if reason:
        return Result(case, "skipped", reason, None, None, 0)
    options = {**DEFAULTS, **case.options}
    host.prepare()
    damage, run = [], None
    with CoreHelper(case, host) as helper:
        for turn in (1, 2) if "twice" in case.words else (1,):
            run, pid, mark = run_once(case, sandbox, host, options, turn)
            damage += host.damage(pid, mark)
            if damage or own_line(case, run)[0] == "escaped":
                break
    damage += helper.damage()
    outcome, detail = sandbox.judge(case, run, host, damage)
    return Result(case, outcome, detail, run.status, run.record, run.seconds)


class CoreHelper:
    """In a machine of our own: a core_pattern that starts a program, as many hosts have it."""

    def __init__(self, case, host):
        self.on = "core-helper" in case.words and IN_VM and IS_ROOT
        self.host = host
        self.trace = host.folder / "core-helper-ran"
        self.script = host.folder / "core-helper"

    def __enter__(self):
        if self.on:
            self.script.write_text(f"#!/bin/sh\nid >{self.trace}\n")
            self.script.chmod(0o755)
            self.old = read(SETTINGS[0])
            self.set(f"|{self.script}".encode())
        return self

    def set(self, text):
        with open(SETTINGS[0], "wb") as file:
            file.write(text)
        self.host.before["settings"][SETTINGS[0]] = read(SETTINGS[0])

    def __exit__(self, *_):
        if self.on:
            self.set(self.old)

    def damage(self):
        if not self.on:
            return []
        time.sleep(0.3)
        return ["the host's core dump helper ran"] if self.trace.exists() else []


# --- judging -------------------------------------------------------------------------------


def fact_holds(fact, case, run, host, word):
    """One fact of `expect`, about a run under autoexp."""
    record = run.record or {}
    verdict = record.get("verdict")
    name, _, value = fact.partition(":")
    if fact == "held":
        # A target that was not taken is a failure of the command line, not of the box.
        return (word in ("held", "absent") and verdict == "ok" and
                run.status == (1 if record.get("target_error") else 0))
    if name == "hit":
        return record["limits"][value]["hit"]
    if name == "exit":
        return (verdict, record.get("exit_code"), run.status) == ("exit", int(value), int(value))
    if name == "signal" and value:
        return (verdict, record.get("signal")) == ("signal", int(value))
    if fact == "soft":
        return record.get("enforcement") == "soft"
    if fact == "dropped":
        return record.get("output_dropped_bytes", 0) > 0
    if fact == "changed":
        return record.get("target_changed") is True
    if fact == "target-error":
        return bool(record.get("target_error"))
    if fact == "kept":
        return digest(host.target)[0] == stat.S_IFREG and read(host.target) == TARGET.encode()
    if fact == "no-secret":
        return not host.target.is_symlink() and host.secret.encode() not in read(host.target)
    if fact == "still":
        first = read(host.target)
        time.sleep(0.1)
        return read(host.target) == first
    return verdict == fact


def unmet(case, run, host, word):
    """The facts that are not true, of the alternative that comes nearest; [] when one holds."""
    results = []
    for alternative in case.expect.split("|"):
        results.append([f for f in alternative.split("+")
                        if not fact_holds(f, case, run, host, word)])
    return min(results, key=len)


def on_time(case, run):
    """A time-out that comes late is none: with the clock of a busy machine in mind."""
    wall = seconds_of({**DEFAULTS, **case.options}["wall"])
    measured = (run.record or {}).get("wall_us", 0) / 1e6
    return measured < wall + (5 if IN_VM else 1.5)
