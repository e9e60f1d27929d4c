# SPDX-License-Identifier: Apache-2.0
"""Inside containers of others: as far as the kernel allows, and with the reason where not."""

import subprocess

import pytest

from conftest import AUTOEXP, HARD, IS_ROOT, payload, root_only

SOFT = [] if HARD else ["--soft-limits"]
user_only = pytest.mark.skipif(IS_ROOT, reason="native: needs an ordinary user")


def box(*command, around=(), options=SOFT):
    """A box below the program AROUND, which is to execute it."""
    return subprocess.run([*map(str, around), str(AUTOEXP), "exec", *options, "--", *command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=60)


def refused(done, *words):
    """Status, one sentence, and the words in it."""
    assert done.returncode == 125, done
    assert done.stdout == ""
    sentence = [line for line in done.stderr.splitlines() if "setup-error" in line]
    assert len(sentence) == 1, done.stderr
    for word in words:
        assert word in sentence[0]


def below(script):
    """A user namespace in which we are root, with SCRIPT run before the box."""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec",
            script + '\nexec "$@"', "sh"]


@user_only
def test_root_of_a_namespace_with_one_id_is_the_user_outside(exec_box):
    done = box("sh", "-c", "id -u; id -g; cat /proc/self/uid_map; echo x >/tmp/x && cat /tmp/x",
               around=below(""), options=["--soft-limits"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1000", "1000", "1000", "0", "1", "x"]


@root_only
def test_the_hosts_root_is_never_in_a_box():
    refused(box("true", around=below(""), options=["--soft-limits"]), "no unused ids")


@user_only
@pytest.mark.parametrize("kind", ["user", "net", "ipc"])
def test_namespaces_that_are_switched_off_are_named(kind):
    around = below(f"echo 0 >/proc/sys/user/max_{kind}_namespaces")
    refused(box("true", around=around, options=["--soft-limits"]),
            f"user.max_{kind}_namespaces is 0", f"sysctl user.max_{kind}_namespaces=15000")


@user_only
def test_a_masked_proc_is_named():
    around = below("mount -t tmpfs none /proc/fs")
    refused(box("true", around=around, options=["--soft-limits"]), "/proc",
            "systempaths=unconfined")


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
@pytest.mark.parametrize("call", ["clone3", "fsopen", "pivot_root"])
def test_an_outer_seccomp_filter_is_named(call, error):
    refused(box("true", around=[payload("outer"), error, call, "--"]), "seccomp",
            "seccomp=unconfined")


def test_an_outer_seccomp_filter_that_forbids_nothing_needed_is_in_nobodys_way():
    done = box("echo", "fine", around=[payload("outer"), "EPERM", "--"])
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_a_chroot_is_named(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    around = ["unshare", *([] if IS_ROOT else ["--user", "--map-root-user"]), "--mount", "sh",
              "-ec", f'mount --rbind / {root}; exec chroot {root} "$@"', "sh"]
    refused(box("true", around=around, options=["--soft-limits"]), "chroot")


@user_only
def test_a_cgroup_tree_that_cannot_be_written_is_named():
    around = below("mount -t tmpfs none /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup")
    refused(box("true", around=around, options=[]), "cgroup v2", "--soft-limits")
    done = box("echo", "fine", around=around, options=["--soft-limits"])
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr
