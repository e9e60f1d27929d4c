# SPDX-License-Identifier: Apache-2.0
"""autoexp and its peers, each with what it promises and how it is started.

A peer gets the same contents as a box of autoexp, as far as it can: the system read-only, the
payload and the canary repository read-only, own /proc, /dev and /tmp, no network, an empty
environment. It runs in a place of its own, see place.py, so that what it does not hold shows
without hurting this machine.

What a sandbox promises, `features`:

    walls                            there is a sandbox at all
    memory pids wall cpu scratch output     limits of these
    hard                             memory limits are the kernel's
    leaf                             the kernel counts CPU time of the whole box
    tree                             nothing outlives the command
    target show verdict              a file handed in, checked folders, a record
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess

import place
from suite import (BUILD, PAYLOAD, bytes_of, on_time, own_line, processes_marked, seconds_of,
                   unmet)

AUTOEXP = BUILD / "src" / "autoexp"
SYSTEM = [path for path in ("/usr", "/etc", "/opt") if os.path.isdir(path)]
LINKS = [path for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64") if os.path.islink(path)]
FOLDERS = [path for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
           if os.path.isdir(path) and not os.path.islink(path)]


def quiet(argv, **more):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)


class Sandbox:
    """What all have in common, and the judge of those without a record."""

    name = ""
    features = frozenset()
    note = ""

    def has(self, feature):
        return feature in self.features

    @staticmethod
    def safe():
        """May a dangerous case be tried?"""
        return True

    @staticmethod
    def prepare():
        """Called in the child before it becomes the sandbox."""

    def works(self):
        """None, or why it cannot be used here."""
        raise NotImplementedError

    def usable(self):
        """Is it still, after a case?"""
        return True

    def command(self, case, options, host, payload):
        """(argv, path of the record or None)"""
        raise NotImplementedError

    def end(self, process, mark):
        """A run that does not end by itself: its processes, found by their mark."""
        for pid, _ in processes_marked(mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass

    def judge(self, case, run, host, damage):
        word, detail = own_line(case, run)
        if damage:
            return "escaped", "; ".join(damage)
        if word == "escaped":
            return "escaped", detail
        if word:
            return word, detail
        if run.hung and self.has("wall"):
            return "escaped", f"did not end within {run.seconds:.0f} s"
        if run.hung:
            return "skipped", f"no end within {run.seconds:.0f} s, and no time limit is promised"
        if "silent" in case.words or "wall" in case.needs or run.status < 0 or run.status > 128:
            return "held", f"ended without a line, status {run.status}"
        return "skipped", f"no result, status {run.status}: {run.stderr.strip()[-200:]}"


class Autoexp(Sandbox):
    name = "autoexp"
    features = frozenset("walls memory pids wall cpu scratch output tree target show verdict"
                         .split())

    def __init__(self):
        hard = quiet([AUTOEXP, "exec", "--memory", "64M", "--pids", "8", "--cpus", "0.5", "--",
                      "true"])
        self.soft = hard.returncode != 0
        if not self.soft:
            self.features |= {"hard"}
        if self.cpu_is_counted():
            self.features |= {"leaf"}
        self.note = "soft limits" if self.soft else "cgroup v2"

    def cpu_is_counted(self):
        """By the kernel, in a group of the box's own, also of processes nobody waited for?"""
        done = subprocess.run([AUTOEXP, "exec", *["--soft-limits"] * self.soft, "--json", "-",
                               "--", "true"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0 and json.loads(
            done.stdout)["evidence"]["cpu.stat"]["usage_usec"] > 0

    def works(self):
        done = quiet([AUTOEXP, "exec", *["--soft-limits"] * self.soft, "--", "true"])
        return None if done.returncode == 0 else done.stdout.strip()

    def command(self, case, options, host, payload):
        record = str(host.folder / "record.json")
        argv = [str(AUTOEXP), "exec", "--json", record, *["--soft-limits"] * self.soft,
                "--env", "ATTACK_MARK", "--show", str(PAYLOAD.parent), "--out",
                options["scratch"]]
        for name in ("memory", "pids", "wall", "scratch", "output", "cpus", "cpu-time"):
            if name in options:
                argv += ["--" + name, options[name]]
        if "target" in options:
            argv += ["--target-mode", options["target"], "--target", str(host.target)]
        # In overlay mode the folder of the target is what is shown, and its neighbours with it.
        argv += ["--show", str(host.repo)]
        if "show-socket" in case.words:
            argv += ["--show", str(host.outside / "s")]
        if "show-fifo" in case.words:
            argv += ["--show", str(host.outside / "f")]
        return argv + ["--", *payload], record

    def judge(self, case, run, host, damage):
        word, detail = own_line(case, run)
        record = run.record or {}
        said = f"verdict {record.get('verdict')}: {record.get('reason')}"
        if damage:
            return "escaped", "; ".join(damage)
        if word == "escaped":
            return "escaped", detail
        if run.hung:
            return "escaped", f"did not end within {run.seconds:.0f} s"
        missing = unmet(case, run, host, word)
        if missing:
            return "escaped", (f"not {', '.join(missing)} ({said}; {word} {detail}) "
                               f"{run.stderr[-300:]}")
        if record.get("verdict") == "timeout" and not on_time(case, run):
            return "escaped", f"the time-out came late: {record['wall_us'] / 1e6:.1f} s"
        if word is None:
            return "held", said
        return "absent" if word == "absent" else "held", detail


class Peer(Sandbox):
    """Whatever runs a command line."""

    name = "none"
    features = frozenset()
    note = "no sandbox at all, only the outer safety"
    safe = staticmethod(place.inside)
    prepare = staticmethod(place.limit)

    def wrap(self, options, host, payload):
        del options, host
        return payload

    def command(self, case, options, host, payload):
        return self.wrap(options, host, payload), None

    def works(self):
        """The payload without a case ends with its usage, when it gets as far as that."""
        argv = self.wrap({"wall": "9s"}, None, [str(PAYLOAD)])
        if not shutil.which(argv[0]):
            return "not installed"
        try:
            done = quiet(argv, timeout=30)
        except subprocess.TimeoutExpired:
            return "does not end"
        if "usage: attack" in done.stdout:
            return None
        return " ".join(done.stdout.split())[-300:] or f"exit status {done.returncode}"


class Bwrap(Peer):
    name = "bwrap"
    features = frozenset(["walls", "tree"])
    note = "--unshare-all, the system read-only; it has no limits and brings no filter"

    def wrap(self, options, host, payload):
        argv = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent",
                "--new-session", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin",
                "--hostname", "box", "--cap-drop", "ALL"]
        for path in SYSTEM + FOLDERS:
            argv += ["--ro-bind", path, path]
        for path in LINKS:
            argv += ["--symlink", os.readlink(path), path]
        argv += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/home/box"]
        for path in shown(host):
            argv += ["--ro-bind", path, path]
        return argv + ["--chdir", "/", "--", *payload]


class Firejail(Peer):
    name = "firejail"
    features = frozenset(["walls", "tree", "wall"])
    note = "--noprofile and its walls one by one; the rest of the file system stays as it is, " \
           "and so does the environment"

    def wrap(self, options, host, payload):
        return ["firejail", "--quiet", "--noprofile", "--net=none", "--private",
                "--private-dev", "--private-tmp", "--ipc-namespace", "--caps.drop=all",
                "--seccomp", "--seccomp.block-secondary", "--protocol=unix,inet,inet6",
                "--restrict-namespaces", "--nonewprivs", "--dbus-user=none",
                "--dbus-system=none", *[f"--read-only={path}" for path in shown(host)],
                f"--timeout=00:00:{int(seconds_of(options['wall'])):02d}", "--", *payload]


PROFILE = "/usr/share/containers/seccomp.json"


def filter_of_containers():
    """Debian's default profile for containers, as a specification of runc has it: what depends
    on an architecture or a capability is decided here, and the container has no capability."""
    with open(PROFILE, encoding="utf-8") as file:
        profile = json.load(file)
    rules = []
    for rule in profile["syscalls"]:
        wanted = rule.get("includes") or {}
        if not wanted.get("caps") and "amd64" in (wanted.get("arches") or ["amd64"]):
            rules.append({key: rule[key] for key in ("names", "action", "args", "errnoRet")
                          if rule.get(key) is not None})
    return {"defaultAction": profile["defaultAction"],
            "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": rules}


class Runc(Peer):
    name = "runc"
    count = 0

    def __init__(self):
        self.features = frozenset(["walls", "tree"])
        self.note = "`runc spec --rootless`, terminal false, a network namespace, no new " \
                    "privileges, no capabilities, the mounts of bwrap, "
        self.filter = os.path.exists(PROFILE)
        self.note += f"the filter of {PROFILE}" if self.filter else "no filter"
        if place.group():
            self.features |= {"memory", "pids", "hard"}
            self.note += ", memory without swap and processes limited in a delegated cgroup"
        else:
            self.note += ", no limits without a cgroup"

    def specification(self, folder, options, host, payload):
        quiet(["runc", "spec", "--rootless"], cwd=folder)
        spec = json.loads((folder / "config.json").read_text())
        process, linux = spec["process"], spec["linux"]
        process.update(terminal=False, args=payload, noNewPrivileges=True)
        process["capabilities"] = {kind: [] for kind in process["capabilities"]}
        spec["root"] = {"path": "rootfs", "readonly": True}
        linux["namespaces"].append({"type": "network"})
        if self.filter:
            linux["seccomp"] = filter_of_containers()
        if place.group():
            memory = bytes_of(options.get("memory", "64M"))
            linux["cgroupsPath"] = f"{place.group()}/{folder.name}"
            linux["resources"] = {"memory": {"limit": memory, "swap": memory},
                                  "pids": {"limit": int(options.get("pids", 32))}}
        spec["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
                               "options": ["nosuid", "nodev"]})
        for each in [*SYSTEM, *FOLDERS, *shown(host)]:
            os.makedirs(f"{folder}/rootfs{each}", exist_ok=True)
            spec["mounts"].append({"destination": each, "type": "none", "source": each,
                                   "options": ["rbind", "ro", "nosuid", "nodev"]})
        return spec

    def wrap(self, options, host, payload):
        if not shutil.which("runc"):
            return ["runc"]
        Runc.count += 1
        folder = place.scratch() / f"bundle-{Runc.count}"
        (folder / "rootfs" / "tmp").mkdir(parents=True)
        spec = self.specification(folder, options, host, payload)
        for each in LINKS:
            os.symlink(os.readlink(each), f"{folder}/rootfs{each}")
        (folder / "config.json").write_text(json.dumps(spec))
        return ["runc", "--root", str(place.scratch() / "runc"), "run", "--bundle", str(folder),
                f"attack-{os.getpid()}-{Runc.count}"]


class SystemdRun(Peer):
    """A transient service of the user's own manager, with what systemd.exec(5) offers to one."""

    name = "systemd-run"
    features = frozenset("walls memory pids wall tree hard scratch".split())
    note = "--user: namespaces, a filter, limits; the system read-only, homes hidden. It has " \
           "neither a process namespace nor a root of its own"
    walls = """
        PrivateUsers=yes PrivateNetwork=yes PrivateIPC=yes PrivateDevices=yes
        ProtectSystem=strict ProtectHome=yes ProtectClock=yes ProtectControlGroups=yes
        ProtectHostname=yes ProtectKernelLogs=yes ProtectKernelModules=yes
        ProtectKernelTunables=yes ProtectProc=invisible
        NoNewPrivileges=yes CapabilityBoundingSet= RestrictNamespaces=yes RestrictRealtime=yes
        RestrictSUIDSGID=yes LockPersonality=yes KeyringMode=private
        RestrictAddressFamilies=AF_UNIX RestrictAddressFamilies=AF_INET
        RestrictAddressFamilies=AF_INET6 SystemCallFilter=@system-service
        SystemCallErrorNumber=EPERM SystemCallArchitectures=native
        InaccessiblePaths=-/run InaccessiblePaths=-/var InaccessiblePaths=-/srv
        TemporaryFileSystem=/dev/shm:mode=1777,size=1M
        UMask=077 LimitCORE=0 MemorySwapMax=0 KillMode=control-group TimeoutStopSec=1""".split()

    def wrap(self, options, host, payload):
        properties = [*self.walls, f"MemoryMax={options.get('memory', '64M')}",
                      f"TasksMax={options.get('pids', '32')}",
                      f"RuntimeMaxSec={options['wall']}", f"CPUQuota={self.quota(options)}",
                      f"TemporaryFileSystem=/tmp:mode=1777,size={options.get('scratch', '16M')},"
                      "nr_inodes=4096"]
        properties += [f"BindReadOnlyPaths={path}" for path in shown(host)]
        return ["systemd-run", "--user", "--wait", "--collect", "--pipe",
                *[word for each in properties for word in ("-p", each)], "--", *payload]

    def usable(self):
        with socket.socket(socket.AF_UNIX) as manager:
            return manager.connect_ex(f"{os.environ['XDG_RUNTIME_DIR']}/systemd/private") == 0

    def judge(self, case, run, host, damage):
        if not self.usable():
            damage = [*damage, "the user's manager was ended"]
        # Its own status does not tell a kill from a failure, its words do.
        if re.search("Finished with result: (oom-kill|timeout|signal|core-dump)", run.stderr):
            run = run._replace(status=128 + signal.SIGKILL)
        return super().judge(case, run, host, damage)

    @staticmethod
    def quota(options):
        return f"{round(100 * float(options.get('cpus', os.cpu_count())))}%"


class Command(Peer):
    """Any other: the payload is appended, or put in place of {}."""

    note = "a command, called as given"

    def __init__(self, text, promises):
        self.words = shlex.split(text)
        self.name = self.words[0]
        self.features = frozenset(["walls", *promises])

    def wrap(self, options, host, payload):
        if "{}" not in self.words:
            return self.words + payload
        at = self.words.index("{}")
        return self.words[:at] + payload + self.words[at + 1:]


def shown(host):
    return [str(PAYLOAD.parent)] + ([str(host.repo)] if host else [])


PEERS = {peer.name: peer for peer in (Peer, Bwrap, Firejail, Runc, SystemdRun)}
PROMISES = ("memory", "pids", "wall", "cpu", "scratch", "output", "tree")


def find(runner, promises=""):
    promises = [word for word in promises.split(",") if word]
    wrong = set(promises) - set(PROMISES)
    if wrong:
        raise SystemExit(f"tests/attack/run: no promise '{wrong.pop()}'; there are: "
                         f"{', '.join(PROMISES)}")
    if runner == "autoexp":
        return Autoexp()
    if runner in PEERS:
        return PEERS[runner]()
    if not runner.split():
        raise SystemExit("tests/attack/run: --runner needs a name or a command")
    return Command(runner, promises)
