# SPDX-License-Identifier: Apache-2.0
"""The outer safety: where a sandbox is attacked that may not hold.

Started as root, the whole run, with its canaries, goes to a user ID that nobody uses, in mount,
IPC and network namespaces of its own. There /tmp, /var/tmp, /dev/shm and /mnt are small and in
memory, the user has a line in /etc/passwd and a home in /mnt, and the network is a loopback.
What the user may start and write is limited, and what it leaves running is killed in the end.

Started by anybody else there are only these limits, and nothing dangerous is tried.
"""

import os
import pathlib
import pwd
import resource
import signal
import socket
import subprocess
import sys
import time

from suite import BUILD, IS_ROOT, REPOSITORY

SIGN = "ATTACK_PLACE"
USER_IDS = range(54321, 54337)
PROCESSES = 256
FILE_SIZE = 64 << 20
SMALL = ("/tmp", "/var/tmp", "/dev/shm", "/mnt")

# Flags of an interface: up and running, as `ip link set lo up` does.
LOOPBACK_UP = """
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 0x41))
"""

SCRIPT = """
trap 'exit 2' EXIT
uid=$1 python=$2 loopback_up=$3
shift 3
for folder in %s; do
	mount -t tmpfs -o size=64m,nr_inodes=64k,mode=1777,nosuid,nodev attack "$folder"
done
mkdir -m 755 /mnt/home /mnt/etc
chown "$uid:$uid" /mnt/home
cp /etc/passwd /mnt/etc/passwd
echo "attack:x:$uid:$uid::/mnt/home:/bin/sh" >>/mnt/etc/passwd
mount --bind /mnt/etc/passwd /etc/passwd
"$python" -c "$loopback_up"
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all --pdeathsig KILL \\
	env HOME=/mnt/home TMPDIR=/mnt USER=attack %s=1 "$@"
""" % (" ".join(SMALL), SIGN)


def inside():
    return SIGN in os.environ


def scratch():
    """Where a peer keeps what it needs; it goes with the place, or with the user's home."""
    return pathlib.Path(os.environ["HOME"])


def limit():
    """Called in the child, before it becomes the sandbox."""
    for what, value in ((resource.RLIMIT_NPROC, 2 * processes_of(os.getuid()) + PROCESSES),
                        (resource.RLIMIT_FSIZE, FILE_SIZE)):
        hard = resource.getrlimit(what)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))


def processes_of(uid):
    count = 0
    for name in os.listdir("/proc"):
        try:
            count += name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid
        except FileNotFoundError:
            pass
    return count


def free_user():
    """A user ID, and a lock on it for others who attack here at the same time."""
    known = {entry.pw_uid for entry in pwd.getpwall()}
    for uid in USER_IDS:
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0attack-user-{uid}")
        except OSError:
            continue
        if uid not in known and not processes_of(uid):
            return uid, lock
        lock.close()
    raise SystemExit(f"tests/attack: every user ID of {USER_IDS} is in use")


def run_in(argv, pass_fds=()):
    """Run ARGV in a place of its own. Returns its exit status."""
    for folder in SMALL:
        for path in (BUILD, REPOSITORY):
            if str(path).startswith(folder + "/"):
                raise SystemExit(f"tests/attack: {path} would be hidden: move it out of {folder}")
    uid, lock = free_user()
    try:
        status = subprocess.run(["unshare", "--mount", "--ipc", "--net", "sh", "-ec", SCRIPT, "sh",
                                 str(uid), sys.executable, LOOPBACK_UP, *argv],
                                check=False, pass_fds=pass_fds).returncode
    finally:
        kill_all_of(uid)
        lock.close()
    if status < 0:
        print(f"tests/attack: signal {-status} reached the run itself: nothing held it",
              file=sys.stderr)
        return 1
    return status


def kill_all_of(uid):
    """As that user, so that nobody else can be hit. Again while forks are quicker."""
    end = time.monotonic() + 10
    while processes_of(uid) and time.monotonic() < end:
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        time.sleep(0.05)
    if processes_of(uid):
        print(f"tests/attack: processes of user {uid} are left", file=sys.stderr)


def needed(runner):
    """Does a run against RUNNER have to move to such a place first?"""
    return IS_ROOT and not inside() and runner != "autoexp"
