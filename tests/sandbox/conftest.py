# SPDX-License-Identifier: Apache-2.0
"""What every test of the box needs: to start one, its record, and a look at the host.

The suite runs on this machine and in the virtual machine of tests/vm. What needs limits of
the kernel is skipped on a machine without cgroup v2 controllers, with a reason that begins
with "native:"; in the virtual machine nothing may be skipped, and nothing is soft.
"""

import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "lib"))

# Some are for the tests, who ask this file for all they need.
from leftovers import (cgroup_root, gone_within, groups_of, mounts, processes,  # noqa: E402, F401
                       processes_marked, read)

BUILD = pathlib.Path(os.environ.get("AUTOEXP_BUILD", REPOSITORY / "build")).resolve()
AUTOEXP = BUILD / "src" / "autoexp"
PAYLOADS = BUILD / "tests" / "sandbox" / "payload"
IN_VM = os.environ.get("AUTOEXP_VM") == "1"
IS_ROOT = os.geteuid() == 0

Box = collections.namedtuple("Box", "status stdout stderr record seconds")


def payload(name):
    """The path of one of the programs in tests/sandbox/payload."""
    return str(PAYLOADS / name)


def facts(text):
    """Lines "name value" as a dictionary; of a name that comes twice the last."""
    pairs = (line.partition(" ") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def kernel_holds_limits():
    """Does autoexp itself start a box with hard limits of every kind here?"""
    done = subprocess.run([AUTOEXP, "exec", "--memory", "64M", "--pids", "8", "--cpus", "0.5",
                           "--", "true"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


HARD, WHY_SOFT = kernel_holds_limits()
hard_only = pytest.mark.skipif(
    not HARD and not IN_VM, reason="native: no cgroup v2 controllers for us on this machine")
soft_only = pytest.mark.skipif(
    HARD, reason="native: this machine has cgroup v2 controllers")
# Linux 6.3 brought them to tmpfs, where tests keep their files; overlay has none yet, and /root
# of a machine or container may be one.
KERNEL = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
idmap_only = pytest.mark.skipif(
    IS_ROOT and KERNEL < (6, 3), reason="native: no id-mapped mounts for root's closed files")
root_only = pytest.mark.skipif(not IS_ROOT, reason="native: needs root")
idmap_of_root_only = pytest.mark.skipif(
    subprocess.run(["stat", "-f", "-c", "%T", "/root"], capture_output=True, text=True,
                   check=False).stdout.strip() == "overlayfs",
    reason="native: /root lies on an overlay, which has no id-mapped mounts")


def pytest_sessionstart(session):
    if IN_VM and not HARD:
        pytest.exit("in the virtual machine every limit must be hard: " + WHY_SOFT, 3)


def pytest_collection_modifyitems(config, items):
    """In the virtual machine there is nothing to skip: leave out what is not for it."""
    if not IN_VM:
        return
    gone = [i for i in items if any("native" in m.kwargs.get("reason", "") and m.args and m.args[0]
                                    for m in i.iter_markers("skipif"))]
    for item in gone:
        items.remove(item)
    config.hook.pytest_deselected(items=gone)


# --- starting boxes --------------------------------------------------------------------


class Runner:
    """Starts boxes, remembers their processes and marks everything that belongs to them."""

    def __init__(self, folder):
        self.folder = folder
        self.mark = "mark-" + uuid.uuid4().hex
        self.pids = []
        self.count = 0

    def soft(self, options):
        return [] if HARD or "--soft-limits" in options else ["--soft-limits"]

    def record_path(self):
        self.count += 1
        return self.folder / f"{self.mark}-{self.count}.json"

    def environment(self, env):
        return {**os.environ, "BOX_MARK": self.mark, **(env or {})}

    def start(self, *command, options=(), env=None, soft=None, **popen):
        """autoexp exec as a process. Returns it and where its record will be."""
        record = self.record_path()
        flags = list(self.soft(options)) if soft is None else ["--soft-limits"] if soft else []
        show = ["--show", str(PAYLOADS)] if str(command[0]).startswith(str(PAYLOADS)) else []
        argv = [str(AUTOEXP), "exec", "--json", str(record), "--env", "BOX_MARK", *flags, *show,
                *map(str, options), "--", *map(str, command)]
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(argv, env=self.environment(env), **popen)
        self.pids.append(process.pid)
        return process, record

    def __call__(self, *command, input=None, timeout=60, text=True, **arguments):
        if input is not None:
            arguments["stdin"] = subprocess.PIPE
        begin = time.monotonic()
        process, record = self.start(*command, text=text, **arguments)
        try:
            stdout, stderr = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise AssertionError(f"still running after {timeout} s: {stdout} {stderr}") from None
        seconds = time.monotonic() - begin
        parsed = json.loads(record.read_text()) if record.exists() else None
        return Box(process.returncode, stdout, stderr, parsed, seconds)

    def facts(self, name, *arguments, **more):
        """What a payload says about the box it runs in."""
        box = self(payload(name), *arguments, **more)
        assert box.status == 0, box
        return facts(box.stdout)


@pytest.fixture
def exec_box(tmp_path, host_clean):
    runner = Runner(tmp_path)
    host_clean.watch(runner)
    return runner


# --- the host, before and after --------------------------------------------------------


def user_processes():
    """In the virtual machine, where nobody else works: everything but kernel threads and the
    helper that watches inodes there."""
    found = {}
    for pid in processes():
        line = read(f"/proc/{pid}/cmdline").split(b"\0")[0].decode(errors="replace")
        if line and os.path.basename(line) not in ("usleep", "grep", "busybox", "sh"):
            found[pid] = line
    return found


class Host:
    """The host as it was before a test."""

    def __init__(self):
        self.runners = []
        self.mounts = mounts()
        self.temporary = set(os.listdir(tempfile.gettempdir()))
        self.processes = user_processes() if IN_VM else {}

    def watch(self, runner):
        self.runners.append(runner)

    def check(self):
        for runner in self.runners:
            # Only what outlives `autoexp exec` itself is a leak: it must be gone at once.
            assert gone_within(1, lambda r=runner: processes_marked(r.mark)) == []
            assert groups_of(runner.pids) == []
            assert [p for p in runner.folder.rglob("*.tmp~")] == []
        assert mounts() == self.mounts
        if IN_VM:
            now = user_processes()
            assert {p: now[p] for p in now.keys() - self.processes.keys()} == {}
            left = set(os.listdir(tempfile.gettempdir())) - self.temporary
            assert {name for name in left if not name.startswith("pytest-")} == set()


@pytest.fixture
def host_clean():
    """After the test nothing of its boxes is left on the host."""
    host = Host()
    yield host
    host.check()


# --- a service of the host, for boxes to reach in vain ----------------------------------


@pytest.fixture
def victim(tmp_path):
    """A process of the host with a secret in its environment."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                               env={"HOST_SECRET": "hunter2"}, stdin=subprocess.DEVNULL)
    yield process
    assert process.poll() is None, "somebody killed a process of the host"
    process.send_signal(signal.SIGKILL)
    process.wait()
