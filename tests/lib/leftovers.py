# SPDX-License-Identifier: Apache-2.0
"""What boxes may leave on the host, for the suites that look for it."""

import os
import time


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def gone_within(seconds, look):
    """Call LOOK until it finds nothing; returns what it found last."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.02)


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def processes_marked(mark):
    """(number, command line) of all others with MARK in their arguments or environment."""
    found = []
    for pid in processes():
        line = read(f"/proc/{pid}/cmdline")
        if pid != os.getpid() and mark.encode() in line + read(f"/proc/{pid}/environ"):
            found.append((pid, line.replace(b"\0", b" ").decode(errors="replace")[:120]))
    return found


def cgroup_root():
    for line in read("/proc/self/mounts").decode().splitlines():
        if line.split()[2] == "cgroup2":
            return line.split()[1]
    return None


def groups_of(pids):
    """cgroups that boxes started by PIDS have left."""
    names = {f"box-{pid}" for pid in pids}
    root = cgroup_root()
    return [os.path.join(top, name) for top, folders, _ in os.walk(root) for name in folders
            if name in names] if root else []


def mounts():
    """Without their numbers, which others may use again."""
    return sorted(line.split(" ", 1)[1] for line in
                  read("/proc/self/mountinfo").decode().splitlines())
