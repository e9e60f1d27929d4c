# SPDX-License-Identifier: Apache-2.0
"""Who the command is, and what it was given: ids, capabilities, descriptors, variables."""

import os
import pwd
import subprocess
import time

import pytest

from conftest import (IS_ROOT, IN_VM, facts, payload, processes_marked, read)


@pytest.fixture
def me(exec_box):
    return exec_box.facts("identity", "/usr/bin/su")


def test_the_command_is_nobody_special(me):
    assert me["Uid"].split() == ["1000"] * 4
    assert me["Gid"].split() == ["1000"] * 4
    assert me["Groups"] in ("", "65534") or not IS_ROOT
    assert me["setuid0"] != "done"


def test_no_capabilities_and_no_way_to_get_any(me):
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(me[name], 16) == 0, name
    assert me["NoNewPrivs"] == "1"
    assert me["Seccomp"] == "2"


def test_resource_limits(me):
    # 0 would be ignored where core dumps are piped to a helper.
    assert me["core"] == "1 1"
    assert me["nofile"] == "4096 4096"
    assert [int(n) <= 1024 for n in me["sigpending"].split()] == [True, True]
    assert me["msgqueue"] == "0 0"
    # Never an address space limit: CUDA and sanitizers reserve what they never touch.
    assert me["as"] == "18446744073709551615 18446744073709551615"


def test_a_pid_namespace_and_session_of_its_own(me):
    assert (me["pid"], me["ppid"], me["session"]) == ("2", "1", "1")
    assert me["NSpid"] == "2"
    assert me["host"] == "autoexp"
    assert me["cwd"] == "/"
    assert me["tty"] == "ENXIO"


def test_signals_are_as_new(exec_box):
    """Under nohup, with a mask and without a terminal the command starts the same."""
    import signal

    def spoil():
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD])

    process, record = exec_box.start(payload("identity"), preexec_fn=spoil, text=True)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    # An ignored SIGCHLD must not cost us the news of the box's end.
    assert '"unreaped":false' in record.read_text()
    me = facts(stdout)
    assert (int(me["SigBlk"], 16), int(me["SigIgn"], 16)) == (0, 0)


def test_nobody_else_s_descriptors(exec_box, tmp_path):
    leaks = [os.open(path, os.O_RDONLY) for path in ("/", "/etc/passwd", str(tmp_path)) * 4]
    leaks.append(os.dup2(leaks[0], 500))
    me = exec_box.facts("identity", pass_fds=leaks)
    for fd in leaks:
        os.close(fd)
    given = {name: value for name, value in me.items() if name.startswith("fd")}
    assert sorted(given) == ["fd0", "fd1", "fd2"]
    assert given["fd0"] == "/dev/null"
    assert given["fd1"].startswith("pipe:")
    assert given["fd2"].startswith("pipe:")


def test_closed_standard_descriptors_do_no_harm(exec_box):
    process, record = exec_box.start("sh", "-c", "exit 7", close_fds=True,
                                     preexec_fn=lambda: (os.close(0), os.close(1)))
    process.communicate(timeout=30)
    assert process.returncode == 7
    assert record.exists()


def test_outside_the_box_the_command_is_nobody(exec_box):
    process, _ = exec_box.start("sleep", "30", options=["--wall", "20s"])
    end = time.monotonic() + 10
    outside = []
    while not outside and time.monotonic() < end:
        outside = [pid for pid, line in processes_marked(exec_box.mark)
                   if line.startswith("sleep")]
    status = facts(read(f"/proc/{outside[0]}/status").decode().replace(":\t", " "))
    process.terminate()
    process.communicate(timeout=10)
    uids = {int(n) for n in status["Uid"].split()}
    if not IS_ROOT:
        assert uids == {os.getuid()}
        return
    (uid,) = uids
    assert uid not in {entry.pw_uid for entry in pwd.getpwall()}
    ids = sum(int(line.split()[2]) for line in read("/proc/self/uid_map").splitlines())
    if ids > 2 * 10**9 or IN_VM:
        assert uid >= 2 * 10**9
    assert uid > 0


@pytest.mark.parametrize("program", ["/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount"])
def test_setuid_programs_gain_nothing(exec_box, program):
    assert os.stat(program).st_mode & 0o4000, "not set-user-ID on this host: nothing to try"
    copy = f"cp {program} /tmp/own && chmod 4755 /tmp/own && ls -n /tmp/own"
    box = exec_box("sh", "-c", f"{copy}; {program} --help >/dev/null 2>&1 & "
                   "sleep 0.2; cat /proc/$!/status 2>/dev/null | grep -i uid; wait; "
                   f"grep CapEff /proc/self/status; findmnt -no OPTIONS /tmp /usr")
    assert "CapEff:\t0000000000000000" in box.stdout
    for line in box.stdout.splitlines():
        if line.startswith("Uid:"):
            assert line.split()[1:] == ["1000"] * 4
        if "," in line:
            assert "nosuid" in line.split(","), line


def test_the_supervisors_environment_is_not_visible(exec_box):
    secrets = {"ANTHROPIC_API_KEY": "sk-secret", "SECRET_TOKEN": "s3cr3t", "WANTED": "yes",
               "LD_PRELOAD": "", "SSH_AUTH_SOCK": "/run/secret"}
    box = exec_box("env", env=secrets, options=["--env", "WANTED", "--env", "NOT_SET"])
    seen = dict(line.split("=", 1) for line in box.stdout.splitlines())
    assert seen.pop("WANTED") == "yes"
    assert seen.pop("BOX_MARK") == exec_box.mark
    seen.pop("TZ", None)
    assert seen == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/home/autoexp", "USER": "autoexp", "LOGNAME": "autoexp", "LANG": "C.UTF-8",
        "TMPDIR": "/tmp", "AUTOEXP": "1", "AUTOEXP_OUT": "/out",
        "PYTHONDONTWRITEBYTECODE": "1"}


def test_standard_input_only_when_asked_for(exec_box):
    box = exec_box("cat", input="hello")
    assert (box.status, box.stdout) == (0, "")
    box = exec_box("cat", input="hello", options=["--stdin"])
    assert (box.status, box.stdout) == (0, "hello")


def test_a_directory_as_standard_input_is_refused(exec_box, tmp_path):
    """".." of it would be outside the box."""
    folder = os.open(tmp_path, os.O_RDONLY)
    box = exec_box("ls", "/proc/self/fd/0/..", options=["--stdin"], stdin=folder)
    os.close(folder)
    assert box.status == 125
    assert "directory" in box.stderr


def test_made_up_accounts(exec_box):
    box = exec_box("sh", "-c", "id; getent passwd; echo ~; ls -A ~; touch ~/x && echo wrote")
    lines = box.stdout.splitlines()
    assert lines[0] == "uid=1000(autoexp) gid=1000(autoexp) groups=1000(autoexp)" or not IS_ROOT
    assert [line.split(":")[0] for line in lines[1:-2]] == ["root", "autoexp", "nobody"]
    assert lines[-2:] == ["/home/autoexp", "wrote"]


def test_nothing_of_a_box_outlives_it(exec_box):
    assert exec_box("sh", "-c", "echo x >/tmp/stays; echo x >/dev/shm/stays; "
                    "echo x >/home/autoexp/stays; echo x >/out/stays").status == 0
    box = exec_box("sh", "-c", "find /tmp /dev/shm /home /out -name stays")
    assert (box.status, box.stdout) == (0, "")
    assert not os.path.exists("/tmp/stays")
    assert not os.path.exists("/dev/shm/stays")


def test_without_a_terminal_and_under_nohup(exec_box, tmp_path):
    from conftest import AUTOEXP
    record = exec_box.record_path()
    soft = exec_box.soft([])
    done = subprocess.run(["setsid", "nohup", AUTOEXP, "exec", *soft, "--json", record, "--",
                           "sh", "-c", "echo works"], cwd=tmp_path, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "works\n"), done.stderr
