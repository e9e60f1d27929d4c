# SPDX-License-Identifier: Apache-2.0
"""Policies, as boxes feel them: the shipped ones, those of users, and profiles of others."""

import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest

from conftest import AUTOEXP, facts, payload

PROFILE = pathlib.Path("/usr/share/containers/seccomp.json")
with_profile = pytest.mark.skipif(
    not PROFILE.exists(), reason="native: needs the package golang-github-containers-common")
SHIPPED = ["default", "strict", "gpu", "agent"]

# Interpreter, threads, a compiler, pipes, names of users: what every policy has to run.
ORDINARY = """
import os, pwd, socket, subprocess, tempfile, threading
t = threading.Thread(target=lambda: print("thread", flush=True)); t.start(); t.join()
a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1).decode())
print(pwd.getpwuid(os.getuid()).pw_name)
os.chdir(tempfile.mkdtemp())
with open("a.c", "w") as f: f.write("int main(void) { return 7; }")
subprocess.run(["cc", "a.c", "-o", "a"], check=True)
print(subprocess.run(["sh", "-c", "./a; echo $? | cat"], capture_output=True,
                     text=True).stdout.strip())
"""


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def policy_json(command, which):
    done = subprocess.run([AUTOEXP, "policy", command, "--json", str(which)],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


# --- the shipped ones ----------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_ordinary_programs_run_under_each_policy(exec_box, name):
    # Numbers of CPUs are no subject here, and not every machine can hold them.
    box = exec_box("/usr/bin/python3", "-S", "-c", ORDINARY,
                   options=["--policy", name, "--memory", "1G", "--wall", "120s",
                            "--cpu-time", "100s"], timeout=120)
    assert (box.status, box.stdout) == (0, "thread\nx\nautoexp\n7\n"), box
    assert box.record["policy"] == name
    assert box.record["denied_syscalls"] == {}


def test_strict_has_sockets_only_inside_itself(exec_box):
    got = exec_box.facts("denied", "rules", options=["--policy", "strict"])
    families = {int(name[7:]) for name, errno in got.items()
                if name.startswith("family_") and errno != "EAFNOSUPPORT"}
    assert families == {1}
    assert got["socket_inet"] == got["socket_netlink_route"] == "EAFNOSUPPORT"


def test_strict_shows_little_of_etc(exec_box):
    box = exec_box("sh", "-c", "ls -A /etc; ls /opt 2>&1", options=["--policy", "strict"])
    allowed = {"alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime",
               "nsswitch.conf", "passwd", "group"}
    etc = set(box.stdout.split("ls: ")[0].split())
    assert etc <= allowed and "ld.so.cache" in etc
    assert "No such file" in box.stdout
    box = exec_box("cat", "/etc/passwd", options=["--policy", "strict"])
    assert [line.split(":")[0] for line in box.stdout.split()] == ["root", "autoexp", "nobody"]


def test_strict_ends_a_run_that_fills_its_log(exec_box):
    box = exec_box("sh", "-c", "yes", options=["--policy", "strict", "--wall", "30s"], text=False)
    assert (box.record["verdict"], box.status) == ("output-limit", 123), box.record


# --- what users write ----------------------------------------------------------------------


def test_a_denied_call_fails_and_is_counted(exec_box, tmp_path):
    path = write(tmp_path, "extends: strict\nseccomp:\n  deny+: [mkdir, mkdirat]\n")
    box = exec_box("sh", "-c", "mkdir /tmp/x", options=["--policy", path])
    assert box.status == 1 and "Operation not permitted" in box.stderr
    denied = box.record["denied_syscalls"]
    assert len(denied) == 1 and set(denied) <= {"mkdir", "mkdirat"}


def test_without_counting_a_denied_call_fails_all_the_same(exec_box, tmp_path):
    path = write(tmp_path, "count_denials: false\nseccomp: {deny: [mkdir, mkdirat]}\n")
    box = exec_box("sh", "-c", "mkdir /tmp/x", options=["--policy", path])
    assert box.status == 1 and "Operation not permitted" in box.stderr
    assert box.record["denied_syscalls"] == {}


def test_allowing_a_call_allows_no_other(exec_box, tmp_path):
    path = write(tmp_path, "seccomp: {allow: [keyctl, unshare]}\n")
    before = exec_box.facts("denied", "names")
    after = exec_box.facts("denied", "names", options=["--policy", path])
    # unshare is asked for all flags at once, namespaces among them: these stay refused.
    assert before["keyctl"] == before["unshare"] == after["unshare"] == "EPERM"
    assert after["keyctl"] not in ("EPERM", "ENOSYS")
    assert {name for name in before if before[name] != after[name]} == {"keyctl"}


def test_a_policy_may_extend_a_shipped_one_from_anywhere(exec_box, tmp_path):
    path = write(tmp_path, "extends: strict\nlimits: {wall: 9s}\n")
    record = exec_box("true", options=["--policy", path]).record
    assert record["policy"] == "mine"
    assert record["limits"]["wall"]["value"] == 9000000
    assert record["limits"]["pids"]["value"] == 64


def test_a_policy_that_is_wrong_starts_nothing(exec_box, tmp_path):
    path = write(tmp_path, "seccomp:\n  allow: [ptrce]\n")
    box = exec_box("touch", "/tmp/x", options=["--policy", path])
    assert box.status == 2 and box.record is None
    assert f"{path}:2:11: seccomp.allow[0]: 'ptrce' is no system call" in box.stderr


def test_a_profile_that_is_wrong_starts_nothing(exec_box, tmp_path):
    write(tmp_path, '{"defaultAction": "SCMP_ACT_ALLOW",\n "syscals": []}', "p.json")
    path = write(tmp_path, "seccomp: {profile: ./p.json}\n")
    box = exec_box("echo", "ran", options=["--policy", path])
    assert (box.status, box.stdout) == (125, "")
    assert "p.json:2:2: unknown key 'syscals'; did you mean 'syscalls'?" in box.stderr


# --- the record ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_the_record_names_the_policy_by_hash(exec_box, name):
    """Limits that this machine cannot hold are left out, here and there."""
    shown = policy_json("show", name)
    record = exec_box("true", options=["--policy", name]).record
    assert record["policy_sha256"] == shown["policy_sha256"]
    assert record["bpf_sha256"] == shown["bpf_sha256"]
    assert record["libseccomp"] == shown["libseccomp"]
    plain = subprocess.run([AUTOEXP, "policy", "show", "--plain", name], capture_output=True,
                           check=True).stdout
    assert record["policy_sha256"] == hashlib.sha256(plain).hexdigest()


def test_another_policy_has_another_hash(exec_box, tmp_path):
    path = write(tmp_path, "seccomp: {deny: [sync]}\n")
    same = exec_box("true").record
    option = exec_box("true", options=["--wall", "9m"]).record
    filtered = exec_box("true", options=["--policy", path]).record
    assert len({r["policy_sha256"] for r in (same, option, filtered)}) == 3
    assert same["bpf_sha256"] == option["bpf_sha256"] != filtered["bpf_sha256"]


# --- profiles of others --------------------------------------------------------------------


@pytest.fixture
def debian(tmp_path):
    return write(tmp_path, f"seccomp:\n  profile: {PROFILE}\n", "debian.yaml")


@with_profile
def test_ordinary_programs_run_under_the_profile_of_debian(exec_box, debian):
    box = exec_box("/usr/bin/python3", "-S", "-c", ORDINARY, timeout=120,
                   options=["--policy", debian, "--wall", "120s"])
    assert (box.status, box.stdout) == (0, "thread\nx\nautoexp\n7\n"), box


@with_profile
def test_the_floor_holds_under_the_profile_of_debian(exec_box, debian):
    got = exec_box.facts("denied", "rules", options=["--policy", debian])
    for name in ("clone_newns", "clone_newuser", "clone_newpid", "tiocsti", "tiocsti_high",
                 "setrlimit_core", "prlimit_core", "affinity_parent", "priority_user"):
        assert got[name] == "EPERM", name
    assert got["clone3"] == "ENOSYS"
    assert got["socket_packet"] == got["socket_vsock"] == "EAFNOSUPPORT"
    box = exec_box("unshare", "--user", "true", options=["--policy", debian])
    assert box.status == 1 and "Operation not permitted" in box.stderr


def verdicts(profile):
    """What a runtime without capabilities makes of PROFILE here, for arguments that are all 0:
    name -> answers, strictest first."""
    release = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    arch = names.get(os.uname().machine, os.uname().machine)

    def number(text):
        return tuple(map(int, text.split(".")))

    def meant(rule):
        inc, exc = rule.get("includes") or {}, rule.get("excludes") or {}
        return not (inc.get("caps") or
                    inc.get("arches") and arch not in inc["arches"] or
                    inc.get("minKernel") and release < number(inc["minKernel"]) or
                    exc.get("arches") and arch in exc["arches"] or
                    exc.get("minKernel") and release >= number(exc["minKernel"]))

    def holds(arg):
        value, second = arg["value"], arg.get("valueTwo", 0)
        return {"SCMP_CMP_EQ": value == 0, "SCMP_CMP_NE": value != 0,
                "SCMP_CMP_MASKED_EQ": second == 0}[arg["op"]]

    found = {}
    for rule in profile["syscalls"]:
        if meant(rule) and all(map(holds, rule.get("args") or [])):
            for name in rule["names"]:
                found.setdefault(name, set()).add(
                    "allowed" if rule["action"] == "SCMP_ACT_ALLOW" else rule["errnoRet"])
    return found


@with_profile
def test_differences_from_the_profile_of_debian_are_only_stricter(debian):
    wanted = verdicts(json.loads(PROFILE.read_text()))
    got = policy_json("explain", debian)["syscalls"]
    floor = set()
    for name, answer in got.items():
        want = wanted.get(name, {38})
        if answer == "depends on arguments":
            continue
        if want == {"allowed"} and answer != "allowed":
            floor.add(name)
        elif "allowed" not in want:
            errors = {"EPERM": 1, "ENOSYS": 38, "EINVAL": 22}
            assert errors[answer] in want, (name, answer, want)
    # All that is stricter without looking at arguments.
    assert floor == {"clone3"}
    assert len([a for a in got.values() if a == "allowed"]) > 200


@with_profile
def test_denying_beside_a_profile_takes_from_it(exec_box, tmp_path):
    path = write(tmp_path, f"seccomp:\n  profile: {PROFILE}\n  deny: [ptrace, keyctl]\n")
    got = exec_box.facts("denied", "names", options=["--policy", path])
    assert got["ptrace"] == got["keyctl"] == "EPERM"
    assert facts(subprocess.run([payload("denied"), "names"], capture_output=True, text=True,
                                check=True).stdout)["keyctl"] != "EPERM"


@pytest.mark.parametrize("call, status", [("sendmsg", 0), ("execve", 126)])
def test_a_policy_may_refuse_what_the_start_itself_calls(exec_box, tmp_path, call, status):
    """At once, and not when the time for the start is up."""
    policy = tmp_path / "narrow.yaml"
    policy.write_text(f"seccomp: {{deny: [{call}]}}\n")
    box = exec_box("true", options=["--policy", policy], timeout=20)
    assert (box.status, box.record["denied_syscalls"].keys() - {"execve"}) == (status, set()), box
