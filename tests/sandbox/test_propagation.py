# SPDX-License-Identifier: Apache-2.0
"""Mounts do not travel between box and host, on a host whose mounts are shared.

That is how systemd leaves them. Each test has a mount namespace of its own, all shared, so that
what goes wrong stays there.
"""

import os
import subprocess

import pytest

from conftest import AUTOEXP, root_only

AS_USER = "setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all"

pytestmark = root_only


def on_shared_host(script, folder):
    """The lines that SCRIPT prints; in it $box starts a box."""
    env = {**os.environ, "box": f"{AUTOEXP} exec --soft-limits", "folder": str(folder),
           "user": f"{AS_USER} env HOME=/nonexistent"}
    done = subprocess.run(["unshare", "-m", "--propagation", "shared", "sh", "-ec", script],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=False, env=env, timeout=60)
    assert done.returncode == 0, done
    return done.stdout.splitlines()


@pytest.mark.parametrize("what", ["$folder/file", "/dev/zero"])
def test_a_null_device_that_is_none_is_refused(tmp_path, what):
    (tmp_path / "file").touch()
    lines = on_shared_host(f"mount --bind {what} /dev/null\n"
                           "status=0; $box -- true 2>$folder/errors || status=$?\n"
                           "echo $status; cat $folder/errors", tmp_path)
    assert lines[0] == "125"
    assert "/dev/null of this host is not the device 1:3" in lines[1]


def test_the_host_sees_no_mount_of_the_box(tmp_path):
    before_during_after = on_shared_host(
        "mount --make-rshared /\n"
        "cut -d' ' -f2- /proc/self/mountinfo | sort | md5sum\n"
        "mkfifo $folder/started\n"
        "$box -- sh -c 'echo; sleep 1' >$folder/started &\n"
        "read line <$folder/started\n"
        "cut -d' ' -f2- /proc/self/mountinfo | sort | md5sum\n"
        "wait\n"
        "cut -d' ' -f2- /proc/self/mountinfo | sort | md5sum\n", tmp_path)
    assert len(before_during_after) == 3
    assert len(set(before_during_after)) == 1


@pytest.mark.parametrize("who", ["root", "user"])
def test_a_later_mount_of_the_host_stays_out_of_the_box(tmp_path, who):
    tmp_path.chmod(0o755)
    lines = on_shared_host(
        "mount --make-rshared /\n"
        "mkdir -p /opt/later\n"
        "trap 'umount /opt/later; rmdir /opt/later' EXIT\n"
        "mkfifo $folder/started $folder/mounted\n"
        f"{'$user ' if who == 'user' else ''}$box --stdin -- "
        "sh -c 'echo; read line; ls -a /opt/later' <>$folder/mounted >$folder/out &\n"
        "until test -s $folder/out; do sleep 0.02; done\n"
        "mount -t tmpfs later /opt/later\n"
        "touch /opt/later/of-the-host\n"
        "echo >$folder/mounted\n"
        "wait $!\n"
        "cat $folder/out\n", tmp_path)
    assert lines == ["", ".", ".."]
