# SPDX-License-Identifier: Apache-2.0
"""Groups that cannot be used: each says why and what to do, and nothing has run."""

import fcntl
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import cgroup_root, hard_only, read


@pytest.fixture
def group():
    """A fresh group below our own, removed with what a test makes in it."""
    own = read("/proc/self/cgroup").decode().rpartition("::")[2].strip()
    path = pathlib.Path(f"{cgroup_root()}{own.removesuffix('/supervisor').rstrip('/')}/why")
    path.mkdir()
    yield path
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)


def refused(exec_box, group, *words):
    box = exec_box("echo", "ran", options=["--cgroup", group])
    assert (box.status, box.stdout, box.record["verdict"]) == (125, "", "setup-error"), box
    for word in words:
        assert word in box.stderr, (word, box.stderr)
    assert "\n" not in box.record["reason"]


@pytest.mark.parametrize("path, words", [
    ("/etc/passwd", ["this is a file", "directory of a group"]),
    ("/etc", ["not a cgroup v2 directory", "/sys/fs/cgroup"]),
    ("/sys/fs/cgroup/nonesuch", ["No such file"]),
])
def test_what_is_no_group_is_named(exec_box, path, words):
    refused(exec_box, path, *words)


@hard_only
def test_a_controller_that_is_not_handed_down_on_the_way(exec_box, group):
    (group / "a" / "b").mkdir(parents=True)
    refused(exec_box, group / "a" / "b", "'memory'", f"not handed down by {group};",
            f"echo +memory >{group}/cgroup.subtree_control")


@hard_only
def test_a_threaded_group_cannot_hold_a_box(exec_box, group):
    (group / "t").mkdir()
    (group / "t" / "cgroup.type").write_text("threaded")
    refused(exec_box, group / "t", "of type 'threaded'", "name one of type 'domain'")


@hard_only
@pytest.mark.parametrize("file", ["cgroup.max.descendants", "cgroup.max.depth"])
def test_a_full_group_names_the_limit_that_is_reached(exec_box, group, file):
    (group / file).write_text("0")
    refused(exec_box, group, f"{file} of {group} is reached")


def sleeper(leaf):
    """A process that lives in a leaf, as the box of a supervisor does that died."""
    process = subprocess.Popen(["sleep", "60"])
    (leaf / "cgroup.procs").write_text(str(process.pid))
    return process


@hard_only
def test_a_group_of_ours_left_behind_is_swept_and_one_in_use_is_not(exec_box, group):
    left, held, other = group / "box-1", group / "box-2", group / "others"
    for leaf in (left, held, other):
        leaf.mkdir()
    dead, alive, theirs = sleeper(left), sleeper(held), sleeper(other)
    fd = os.open(held, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        box = exec_box("true", options=["--cgroup", group])
        assert box.status == 0, box
        assert dead.wait(timeout=10) == -signal.SIGKILL and not left.exists()
        assert alive.poll() is None and held.exists()
        assert theirs.poll() is None and other.exists()
    finally:
        os.close(fd)
        for process in (dead, alive, theirs):
            process.kill()
            process.wait()
        for leaf in (held, other):
            leaf.rmdir()
