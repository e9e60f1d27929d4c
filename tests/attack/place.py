# SPDX-License-Identifier: Apache-2.0
"""The outer safety: where a sandbox is attacked that may not hold.

Started as root, the whole run, with its canaries, goes to a user ID that nobody uses, in mount,
IPC and network namespaces of its own. There /tmp, /var/tmp, /dev/shm and /mnt are small and in
memory, the user has a line in /etc/passwd and a home in /mnt, and the network is a loopback.
What the user may start and write is limited, and what it leaves running is killed in the end.
Below systemd the run has a cgroup of its own, too, where sandboxes may make theirs.

What is started by a user's own service manager is not in there. So that has a session of an
ordinary user for its place, and only in the virtual machine, where nobody else can be hurt.

Started by anybody else there are only these limits, and nothing dangerous is tried.
"""

import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from suite import BUILD, IN_VM, IS_ROOT, REPOSITORY

SIGN, GROUP = "ATTACK_PLACE", "ATTACK_GROUP"
USER_IDS = range(54321, 54337)
PROCESSES = 256
SILENCE_S = 90
FILE_SIZE = 64 << 20
SMALL = ("/tmp", "/var/tmp", "/dev/shm", "/mnt")

# Flags of an interface: up and running, as `ip link set lo up` does.
LOOPBACK_UP = """
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 0x41))
"""

# The scope is the user's, and so are groups beside this one: none may have both processes and
# groups with limits in it.
SCOPE = ["systemd-run", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"]

SCRIPT = """
trap 'exit 2' EXIT
uid=$1 python=$2 loopback_up=$3 scope=$4
shift 4
group=
if [ -n "$scope" ]; then
	group=$(sed -n 's/^0:://p' /proc/self/cgroup)
	top=/sys/fs/cgroup$group
	mkdir "$top/run"
	echo $$ >"$top/run/cgroup.procs"
	echo +memory +pids +cpu >"$top/cgroup.subtree_control"
	for each in "$top" "$top/run"; do
		for name in "" cgroup.procs cgroup.subtree_control cgroup.threads; do
			chown "$uid:$uid" "$each/$name"
		done
	done
fi
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
	env HOME=/mnt/home TMPDIR=/mnt USER=attack %s=1 %s="$group" "$@"
""" % (" ".join(SMALL), SIGN, GROUP)

# As tests/systemd opens one.
SESSION_USER = "tester"
SESSION = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-p", f"User={SESSION_USER}",
           "-p", "PAMName=vm", "-p", "TasksMax=infinity", "--", "env", f"{SIGN}=1"]


def inside():
    return SIGN in os.environ


def group():
    """The cgroup below whose root a sandbox may make groups with limits, or ""."""
    return os.environ.get(GROUP, "")


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


def below_systemd():
    """And with cgroup v2, which it hands on."""
    return all(map(os.path.exists, ("/run/systemd/private", "/sys/fs/cgroup/cgroup.controllers")))


def run_in_session(argv, results=None):
    """Run ARGV in sessions of the machine's ordinary user. Returns an exit status.

    Nothing keeps a case from ending or stopping the run itself here, or the manager that starts
    what it wants to: both are the same user's. Then that case escaped, and the next session goes
    on behind it. RESULTS is a file for what `--json` writes.
    """
    if not (IN_VM and below_systemd()):
        raise SystemExit("tests/attack: as root this needs the machine of tests/vm/run --systemd")
    cases, more, found = [], [], {"finished": False}
    while not found["finished"]:
        found = run_in_one_session([*argv, *more])
        if not found or not (found["now"] or found["cases"]):
            return 2
        cases += found["cases"]
        if found["now"]:
            cases.append({**found["now"], "outcome": "escaped", "status": None, "seconds": 0,
                          "detail": "it ended or stopped the run itself"})
            print(f"escaped  {found['now']['id']}: {cases[-1]['detail']}", flush=True)
        more = ["--after", cases[-1]["id"]]
    if results:
        with open(results, "w", encoding="utf-8") as file:
            json.dump({**found, "cases": cases}, file)
    return int(any(case["outcome"] == "escaped" for case in cases))


def run_in_one_session(argv):
    """What `--json` wrote until the run ended, or wrote nothing for long; None where it failed."""
    user = pwd.getpwnam(SESSION_USER).pw_uid
    known = [f"{name}={os.environ[name]}" for name in ("AUTOEXP_VM", "AUTOEXP_BUILD", "PATH")
             if name in os.environ]
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as file:
        os.chown(file.name, user, user)
        process = subprocess.Popen([*SESSION, *known, *argv, "--json", file.name])
        try:
            while process.poll() is None:
                if time.time() - os.stat(file.name).st_mtime > SILENCE_S:
                    kill_all_of(user)
                time.sleep(0.5)
        finally:
            kill_all_of(user)
            wait_for_logout(user)
        text = file.read()
    found = json.loads(text) if text else None
    # 255 for a signal; what ended with 1 in the midst of a case was no case's doing.
    return None if found and found["now"] and process.returncode == 1 else found


def wait_for_logout(uid):
    """Until nothing is known of the user, so that the next session gets a manager of its own."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        known = subprocess.run(["loginctl", "show-user", str(uid)], check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if known.returncode:
            return
        time.sleep(0.5)
    print("tests/attack: the user does not leave", file=sys.stderr)


def run_in(argv, pass_fds=()):
    """Run ARGV in a place of its own. Returns its exit status."""
    for folder in SMALL:
        for path in (BUILD, REPOSITORY):
            if str(path).startswith(folder + "/"):
                raise SystemExit(f"tests/attack: {path} would be hidden: move it out of {folder}")
    uid, lock = free_user()
    scope = SCOPE if below_systemd() else []
    try:
        status = subprocess.run([*scope, "unshare", "--mount", "--ipc", "--net", "sh", "-ec", SCRIPT, "sh",
                                 str(uid), sys.executable, LOOPBACK_UP, "yes" * bool(scope),
                                 *argv], check=False, pass_fds=pass_fds).returncode
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
