# SPDX-License-Identifier: Apache-2.0
"""
A short campaign with one of everything: the baseline, a keep, a crash and a discard, each an
experiment of the built-in proposer, which proposes the same in every repository; and what is
needed to run it under a fault (fault.c) and to look at what is left (check).
"""

import ctypes
import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("AUTOEXP_BUILD", ROOT / "build")).resolve()
FAULT = BUILD / "tests" / "fault" / "fault.so"
PR_SET_CHILD_SUBREAPER = 36


def load(name, path):
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


check = load("check", HERE / "check")
loop = load("loop_conftest", ROOT / "tests" / "loop" / "conftest.py")

CONFIG = """\
target: target.sh
harness: sh harness.sh
metrics:
  - name: score
    goal: minimize
proposer:
  kind: builtin
  numbers: false
  pool:
    - ["echo score: 5", "echo score: 3", "exit 1", "echo score: 9", "echo score: 4"]
caps: {max_experiments: 3, max_cost_usd: 0, max_wall_clock_hours: 1}
limits: {wall: 20s, memory: 128MiB, pids: 32, scratch: 16MiB}
"""


class Repo(loop.Repo):
    def __init__(self, path, home, soft_limits, tag="t"):
        super().__init__(path, home, soft_limits, tag)
        # Everywhere, so that nothing waits for a disk.
        self.env.update(LD_PRELOAD=str(FAULT), FAULT_SYNC="no")

    def short(self, more=""):
        """The short campaign; its harness is a shell that prints a number."""
        self.write("target.sh", "echo score: 5\n" + more)
        self.write("harness.sh", ". ./target.sh\n")
        self.write("data/deep/table.txt", "1 2 3\n")
        self.write("autoexp.yaml", CONFIG)
        return self.commit("start")

    def copy(self, path):
        """This repository with its campaign, as if it had always been there."""
        shutil.copytree(self.path, path, symlinks=True)
        other = Repo.__new__(Repo)
        other.path, other.env, other.soft, other.tag = pathlib.Path(path), self.env, self.soft, \
            self.tag
        return other

    def faulty(self, *args, fault=None, log=None, timeout=120, program=None):
        """The program under a fault; with a log only, its calls are counted."""
        env = {**self.env, **{k: str(v) for k, v in
                              {"FAULT": fault, "FAULT_LOG": log, "FAULT_PROGRAM": program}.items()
                              if v}}
        done = subprocess.run(self.command(*args), cwd=self.path, env=env, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout)
        reap()
        return done

    def checked(self, killed=False, user=None):
        """What is wrong with the campaign, and its decisions."""
        found = check.Check(self.path, self.tag, killed, user)
        return found.run(), found.decisions()


def adopt_orphans():
    """What loses its parent below this process becomes its child, so that reap() sees it."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(seconds=15):
    """Wait for every process of a supervisor that is no more. They have to end by themselves."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            time.sleep(0.005)
    left = children()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    raise AssertionError(f"processes outlived their supervisor: {left}")


def children():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(pid))
    return found


def boxes_left(log):
    """Control groups of boxes that a faulty run started, by the log of its processes."""
    pids = {line.split()[1] for line in log.read_text(errors="replace").splitlines()
            if line.startswith("FORKED")} if log.exists() else set()
    tops = [pathlib.Path(line.split()[1]) for line in open("/proc/self/mounts")
            if line.split()[2] == "cgroup2"]
    return [str(leaf) for top in tops for leaf in top.glob("autoexp/box-*")
            if leaf.name[4:] in pids]
