# SPDX-License-Identifier: Apache-2.0
"""A box gets its cgroup from systemd where nobody has delegated one before."""

import json
import os
import signal
import socket
import struct
import subprocess
import threading

import pytest

from conftest import (AUTOEXP, IS_ROOT, MANAGER, UID, autoexp, cgroup_of, root_only, scopes,
                      until, user_only)

SLICE = "/system.slice" if IS_ROOT else f"/user.slice/user-{UID}.slice/user@{UID}.service/app.slice"


def start(*command, argv=(), **more):
    return subprocess.Popen([*argv, AUTOEXP, "exec", "--memory", "64M", "--cpus", "0.5", "--pids",
                             "8", "--", *command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def started(process):
    """Wait until its box is there; the path of the group it was made in."""
    def look():
        assert process.poll() is None, process.communicate()
        path = cgroup_of(process.pid)
        parent = path.removesuffix("/supervisor")
        return parent if os.path.isdir(f"/sys/fs/cgroup{parent}/box-{process.pid}") else None
    return until(look, what="the box")


def test_every_limit_is_hard_without_any_preparation():
    done = autoexp("exec", "--memory", "64M", "--cpus", "0.5", "--pids", "8", "--json", "-",
                   "--", "true")
    assert done.returncode == 0, done.stderr
    assert '"enforcement":"cgroup2"' in done.stdout
    assert done.stderr == ""


def test_the_scope_is_for_this_process_alone_and_goes_with_it():
    before = cgroup_of()
    process = start("sleep", "60")
    group = started(process)
    assert group.startswith(f"{SLICE}/autoexp-{process.pid}-") and group.endswith(".scope")
    name = group.rpartition("/")[2]
    assert scopes() == [name]
    shown = subprocess.run(["systemctl", *MANAGER, "show", "-p", "Delegate,Description", name],
                           text=True, capture_output=True, check=True).stdout
    assert "Delegate=yes" in shown and "Description=autoexp" in shown
    assert cgroup_of() == before
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130
    until(lambda: scopes() == [], what="the end of the scope")


def test_nothing_stays_when_autoexp_is_killed():
    process = start("sleep", "60")
    group = started(process)
    process.kill()
    process.communicate(timeout=20)
    until(lambda: scopes() == [], what="the end of the scope")
    assert not os.path.exists("/sys/fs/cgroup" + group)


def test_status_input_and_descriptors_are_as_without():
    """Nothing is executed again: the process is the one that the caller started."""
    done = autoexp("exec", "--stdin", "--", "sh", "-c", "cat; exit 7", stdin=None, input="through")
    assert (done.returncode, done.stdout, done.stderr) == (7, "through", "")
    read, write = os.pipe()
    process = subprocess.Popen([AUTOEXP, "exec", "--record-fd", str(write), "--", "true"],
                               pass_fds=[write], stdin=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as record:
        assert '"verdict":"ok"' in record.read()
    assert process.wait(timeout=20) == 0


def test_a_group_delegated_beforehand_is_used_as_it_is():
    """Its own limits, which somebody chose, are not escaped."""
    argv = ["systemd-run", *MANAGER, "--scope", "--quiet", "-p", "Delegate=yes", "-p",
            "MemoryMax=300M", "--unit", "mine.scope"]
    process = start("sleep", "60", argv=argv)
    try:
        until(lambda: cgroup_of(process.pid).endswith("mine.scope/supervisor"), what="the scope")
        assert started(process).endswith("/mine.scope")
        assert scopes() == []
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_a_pipeline_shares_the_group_delegated_to_it():
    script = ("for i in 1 2 3; do \"$0\" exec --memory 64M -- echo fine | cat & done; wait")
    done = subprocess.run(["systemd-run", *MANAGER, "--scope", "--quiet", "-p", "Delegate=yes",
                           "sh", "-c", script, AUTOEXP], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("fine\n" * 3, "")


def test_boxes_started_together_get_a_scope_each():
    boxes = [start("sh", "-c", "sleep 1; echo $0", str(i)) for i in range(6)]
    for i, process in enumerate(boxes):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, f"{i}\n", "")
    until(lambda: scopes() == [], what="the end of the scopes")


def test_systemd_is_not_asked_where_that_is_not_wanted():
    env = {"AUTOEXP_SCOPE": "no"}
    done = autoexp("exec", "--", "true", env=env)
    assert done.returncode == 125
    assert "AUTOEXP_SCOPE=no" in done.stderr
    assert "--soft-limits" in done.stderr
    done = autoexp("exec", "--soft-limits", "--json", "-", "--", "true", env=env)
    assert done.returncode == 0
    assert '"enforcement":"soft"' in done.stdout


def test_soft_limits_are_hard_where_systemd_helps():
    done = autoexp("exec", "--soft-limits", "--json", "-", "--", "true")
    assert done.returncode == 0
    assert '"enforcement":"cgroup2"' in done.stdout


def test_doctor_finds_every_limit_hard():
    done = autoexp("doctor", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "soft" not in done.stdout
    assert "Everything holds" in done.stdout


@root_only
def test_root_gets_the_rarer_controllers_too():
    done = autoexp("exec", "--cpuset", "0", "--io-read", "1M", "--json", "-", "--", "true")
    assert done.returncode == 0, done.stderr
    limits = json.loads(done.stdout)["limits"]
    assert {limits[name]["enforced_by"] for name in ("cpuset", "io_read")} == {"cgroup2"}


@user_only
@pytest.mark.parametrize("option, controller", [(("--cpuset", "0"), "cpuset"),
                                                (("--io-read", "1M"), "io")])
def test_controllers_that_users_do_not_get_are_named_with_the_unit(option, controller):
    done = autoexp("exec", *option, "--", "true")
    assert done.returncode == 125
    assert f"'{controller}'" in done.stderr
    assert f"Delegate={controller}" in done.stderr and "user@.service" in done.stderr


# --- no manager to ask -------------------------------------------------------------------


@user_only
def test_cron_and_su_need_no_variables():
    env = {k: v for k, v in os.environ.items()
           if k not in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")}
    done = subprocess.run([AUTOEXP, "exec", "--", "true"], env=env, capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@root_only
def test_without_a_manager_the_remedy_is_named(no_sessions):
    done = autoexp("exec", "--", "true", user=UID, group=UID, extra_groups=[])
    assert done.returncode == 125
    assert f"loginctl enable-linger {UID}" in done.stderr
    assert "--soft-limits" in done.stderr
    # And it is one.
    subprocess.run(["loginctl", "enable-linger", str(UID)], check=True)
    until(lambda: os.path.exists(f"/run/user/{UID}/systemd/private"), what="the manager")
    done = autoexp("exec", "--", "true", user=UID, group=UID, extra_groups=[])
    assert (done.returncode, done.stderr) == (0, "")


def message(kind, serial, fields=b"", body=b""):
    """A D-Bus message; FIELDS are laid out already."""
    head = struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), 77, len(fields))
    return head + fields + b"\0" * (-len(fields) % 8) + body


def field(code, kind, value):
    data = bytes([code, 1]) + kind + b"\0"
    if kind == b"u":
        data += struct.pack("<I", value)
    elif kind == b"g":
        data += bytes([len(value)]) + value + b"\0"
    else:
        data += struct.pack("<I", len(value)) + value + b"\0"
    return data + b"\0" * (-len(data) % 8)


def refusal(serial):
    text = b"not today"
    body = struct.pack("<I", len(text)) + text + b"\0"
    return message(3, serial, field(4, b"s", b"org.example.No") + field(8, b"g", b"s") +
                   field(5, b"u", serial), body)


# What a manager may answer to a call, and what is said about it.
ANSWERS = {
    "refusal": (refusal, "systemd refuses a scope: not today"),
    "signals first": (lambda s: message(4, s, field(5, b"u", s)) * 3 + refusal(s),
                      "systemd refuses a scope: not today"),
    "end": (lambda s: b"", "refuses a scope: no answer"),
    "half": (lambda s: refusal(s)[:20], "refuses a scope: no answer"),
    "noise": (lambda s: b"\xff" * 400, "refuses a scope: no answer"),
    "wild lengths": (lambda s: message(3, s, b"\5\1s\0\xff\xff\xff\xff" * 4) + refusal(s),
                     "systemd refuses a scope: not today"),
    "error without a text": (lambda s: message(3, s, field(5, b"u", s)),
                             "systemd refuses a scope: no reason given"),
}


def serve(listener, answer):
    """One connection of a manager that answers the first call with ANSWER."""
    peer, _ = listener.accept()
    with peer:
        data = b""
        while b"BEGIN\r\n" not in data:
            data += peer.recv(4096)
        peer.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
        peer.recv(65536)
        peer.sendall(answer(1))


@user_only
@pytest.mark.parametrize("name", ANSWERS)
def test_a_manager_that_does_not_help_is_quoted(name, tmp_path):
    answer, words = ANSWERS[name]
    (tmp_path / "systemd").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "systemd/private"))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener, answer))
        thread.start()
        done = autoexp("exec", "--", "true", env={"XDG_RUNTIME_DIR": str(tmp_path)})
        thread.join()
    assert done.returncode == 125, done
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@user_only
def test_a_manager_that_is_gone_is_named(tmp_path):
    done = autoexp("exec", "--", "true", env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert done.returncode == 125
    assert f"{tmp_path}/bus" in done.stderr
