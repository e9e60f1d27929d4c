# SPDX-License-Identifier: Apache-2.0
"""autoexp and its peers, each with what it promises and how it is started.

A peer gets the same contents as a box of autoexp: the system read-only, the payload and the
canary repository read-only, own /proc, /dev and /tmp, no network, an empty environment, and
what it has of limits. It runs as an ordinary user and below limits of the outer system, so
that what it does not hold shows without hurting this machine.

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
import pwd
import shlex
import shutil
import signal
import subprocess

from suite import (BUILD, DEFAULTS, IN_VM, IS_ROOT, PAYLOAD, bytes_of, gone_within, on_time,
                   own_line, processes_marked, seconds_of, unmet)

AUTOEXP = BUILD / "src" / "autoexp"
PEER_UID = 54321


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

    def works(self):
        """None, or why it cannot be used here."""
        raise NotImplementedError

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
        if word == "absent":
            return "absent", detail
        if run.hung:
            return "escaped", f"did not end within {run.seconds:.0f} s"
        if word == "held":
            return "held", detail
        return "held", f"ended by the sandbox, status {run.status}"


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
            return "escaped", f"not {', '.join(missing)} ({said}; {word} {detail}) {run.stderr[-300:]}"
        if record.get("verdict") == "timeout" and not on_time(case, run):
            return "escaped", f"the time-out came late: {record['wall_us'] / 1e6:.1f} s"
        if word is None:
            return "held", said
        return "absent" if word == "absent" else "held", detail


PEERS = {}


def find(runner, promises):
    if runner == "autoexp":
        return Autoexp()
    raise SystemExit(f"no sandbox {runner}")
