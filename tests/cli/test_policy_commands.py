# SPDX-License-Identifier: Apache-2.0
"""autoexp policy: list, show, explain and check, as people and as a CI use them."""

import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("AUTOEXP_BUILD", HERE.parents[1] / "build")).resolve()
SHIPPED = ["agent", "default", "gpu", "strict"]


def policy(*args, status=0):
    done = subprocess.run([BUILD / "src" / "autoexp", "policy", *map(str, args)], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode == status, (args, done.stdout, done.stderr)
    return done.stdout if status != 2 else done.stderr


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def findings(*paths, status=1):
    return json.loads(policy("check", "--json", *paths, status=status))


def keys(path, severity, status=1):
    return {f["key"] for f in findings(path, status=status) if f["severity"] == severity}


# --- list, help, usage -------------------------------------------------------------------


def test_help(tmp_path):
    text = policy("--help")
    file = HERE / "help" / "policy.txt"
    if os.environ.get("AUTOEXP_UPDATE"):
        file.write_text(text)
    assert text == file.read_text()
    assert max(map(len, text.splitlines())) <= 90
    assert policy("show", "-h") == text


def test_list_names_every_shipped_policy():
    listed = json.loads(policy("list", "--json"))
    assert [one["name"] for one in listed] == SHIPPED
    text = policy("list")
    for one in listed:
        assert one["description"] and one["description"] in text
        assert pathlib.Path(one["path"]).is_file() and one["path"] in text


@pytest.mark.parametrize("args, words", [
    ([], "accepted are list, show, explain and check"),
    (["shw", "default"], "accepted are list, show, explain and check, not shw"),
    (["show"], "give the name or the path of a policy to show"),
    (["show", "default", "strict"], "one policy at a time, not also strict"),
    (["list", "default"], "list takes no name: default"),
    (["explain", "--plain", "default"], "--plain belongs to show"),
    (["show", "--plain", "--json", "default"], "--plain belongs to show"),
    (["show", "--nonsense", "default"], "unrecognized option '--nonsense'"),
    (["show", "nobody"], "there is no policy 'nobody' in "),
    (["check", "/nowhere/x.yaml"], "cannot read the policy /nowhere/x.yaml"),
])
def test_wrong_arguments_are_usage_errors(args, words):
    said = policy(*args, status=2)
    assert said.startswith("autoexp policy: ") and words in said


def test_a_file_that_is_wrong_is_named_with_its_place(tmp_path):
    path = write(tmp_path, "limits:\n  wal: 5m\n")
    for command in ("show", "explain", "check"):
        assert f"{path}:2:3: limits: unknown key 'wal'; did you mean 'wall'?" in policy(
            command, path, status=2)


# --- show --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_what_show_prints_is_a_policy_that_says_the_same(tmp_path, name):
    plain = policy("show", "--plain", name)
    again = write(tmp_path, plain, "again.yaml")
    assert policy("show", "--plain", again) == plain
    commented = write(tmp_path, policy("show", name), "commented.yaml")
    assert policy("show", "--plain", commented) == plain
    as_json = json.loads(policy("show", "--json", name))
    assert as_json["policy_sha256"] == hashlib.sha256(plain.encode()).hexdigest()


def test_each_value_comes_with_file_and_line(tmp_path):
    base = write(tmp_path, "limits:\n  wall: 1m\nsystem: [/usr,\n  /bin]\n", "base.yaml")
    child = write(tmp_path, "extends: ./base.yaml\nlimits: {pids: 32}\n"
                            "seccomp:\n  deny: [sync]\n", "child.yaml")
    lines = dict(line.rsplit("# ", 1) for line in policy("show", child).splitlines()
                 if line.count("# ") == 1 and not line.startswith("#"))
    where = {key.strip(): place for key, place in lines.items()}
    # What a path looks like inside is up to the reader: only its end is told here.
    assert where["wall: 1m"].endswith("base.yaml:2")
    assert where["pids: 32"].endswith("child.yaml:2")
    assert where["- /bin"].endswith("base.yaml:4")
    assert where["- sync"].endswith("child.yaml:4")
    assert where["memory: 2GiB"] == "built in"
    shown = json.loads(policy("show", "--json", child))
    assert shown["limits"]["wall"]["line"] == 2 and shown["limits"]["wall"]["value"] == 60000000
    assert shown["limits"]["memory"]["file"] is None
    assert shown["seccomp"]["deny"][0] | {"file": ""} == {"value": "sync", "line": 4, "file": ""}
    assert [pathlib.Path(f).name for f in shown["files"]] == ["child.yaml", "base.yaml"]
    assert base.exists()


# --- explain -----------------------------------------------------------------------------


def test_explain_says_what_the_filter_answers(tmp_path):
    calls = json.loads(policy("explain", "--json", "default"))["syscalls"]
    for name, answer in {"read": "allowed", "execve": "allowed", "ptrace": "EPERM",
                         "bpf": "EPERM", "clone3": "ENOSYS", "clone": "depends on arguments",
                         "ioctl": "depends on arguments", "io_setup": "ENOSYS"}.items():
        assert calls[name] == answer, name
    path = write(tmp_path, "seccomp: {allow: [ptrace], deny: [sync]}\n")
    calls = json.loads(policy("explain", "--json", path))["syscalls"]
    assert (calls["ptrace"], calls["sync"]) == ("allowed", "EPERM")
    assert "ALLOWED by this policy, others refuse:\n      ptrace" in policy("explain", path)


def test_explain_says_what_can_be_read_written_and_reached():
    text = policy("explain", "strict")
    for words in ("Can be read", "/etc/ld.so.cache", "Can be written:", "the target, in place",
                  "sockets of the families unix: others fail", "loopback inside the box",
                  "this policy ends the run instead", "io_uring_setup", "1GiB"):
        assert words in text
    assert "its whole folder" in policy("explain", "agent")
    assert max(map(len, policy("explain", "default").splitlines())) <= 110


def test_explain_warns_of_the_hosts_network(tmp_path):
    path = write(tmp_path, "network: host\n")
    assert "ALL of the host's network" in policy("explain", path)


def test_explain_names_a_layer_for_each_limit():
    limits = json.loads(policy("explain", "--json", "strict"))["limits"]
    assert all(one["held_by"] for one in limits.values() if one["limit"])
    assert limits["memory"]["held_by"].startswith("cgroup v2")
    assert limits["output"]["ends_run"] and not limits["memory"]["ends_run"]


# --- check -------------------------------------------------------------------------------


def of_this_host(finding):
    """What depends on the machine: how large it is, and what its /etc has."""
    return finding["key"] in ("limits.memory", "limits.cpus", "system", "limits.cpu_time")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_need_no_change(name):
    done = subprocess.run([BUILD / "src" / "autoexp", "policy", "check", "--json", name],
                          capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1)
    found = json.loads(done.stdout)
    assert [f for f in found if f["severity"] != "note" and not of_this_host(f)] == []
    assert (done.returncode == 0) == all(f["severity"] == "note" for f in found)


def test_strict_is_clean_and_says_so():
    assert policy("check", "strict").endswith("strict: 0 findings, nothing that needs a change\n")


@pytest.mark.parametrize("text, severity, key", [
    ("limits: {wall: 1m, cpus: 1, cpu_time: 2m}", "error", "limits.cpu_time"),
    ("limits: {wall: 1m, cpu_time: 300h}", "warning", "limits.cpu_time"),
    ("limits: {wall: 25h}", "warning", "limits.wall"),
    ("limits: {cpus: 999}", "warning", "limits.cpus"),
    ("limits: {memory: 1024TiB}", "warning", "limits.memory"),
    ("limits: {scratch: 3GiB}", "error", "limits.scratch"),
    ("limits: {out: 3GiB}", "error", "limits.out"),
    ("limits: {file_size: 2GiB}", "warning", "limits.file_size"),
    ("limits: {pids: 1}", "error", "limits.pids"),
    ("limits: {output: 2GiB}", "warning", "limits.output"),
    ("limits: {}", "note", "limits.cpus"),
    ("kill_on: [output]", "note", "kill_on"),
    ("network: host", "warning", "network"),
    ("{network: host, seccomp: {sockets: [unix]}}", "error", "seccomp.sockets"),
    ("target: overlay", "note", "target"),
    ("system+: [/home]", "warning", "system"),
    ("system+: [/var/lib]", "warning", "system"),
    ("system: [/etc/alternatives]", "error", "system"),
    ("system: [/usr, /etc]", "note", "system"),
    ("seccomp: {allow: [io_uring_setup]}", "warning", "seccomp.allow"),
    ("seccomp: {allow: [ptrace]}", "warning", "seccomp.allow"),
    ("seccomp: {allow: [userfaultfd]}", "warning", "seccomp.allow"),
    ("seccomp: {allow: [io_setup]}", "warning", "seccomp"),
    ("seccomp: {deny: [execve]}", "error", "seccomp"),
    ("seccomp: {deny: [mmap]}", "error", "seccomp"),
    ("count_denials: false", "warning", "count_denials"),
])
def test_check_finds(tmp_path, text, severity, key):
    path = write(tmp_path, text + "\n")
    done = subprocess.run([BUILD / "src" / "autoexp", "policy", "check", "--json", str(path)],
                          capture_output=True, text=True, check=False)
    found = [f for f in json.loads(done.stdout) if (f["severity"], f["key"]) == (severity, key)]
    assert found, done.stdout
    assert done.returncode == 1 or severity == "note"
    assert all(f["what"] and f["remedy"].endswith(".") for f in found)


def test_findings_carry_their_place(tmp_path):
    path = write(tmp_path, "extends: strict\nnetwork: host\nseccomp:\n  allow:\n    - bpf\n")
    places = {f["key"]: f["line"] for f in findings(path) if str(f["file"]) == str(path)}
    assert places["network"] == 2
    assert places["seccomp.allow"] == 5
    assert f"{path}:5: warning: seccomp.allow: bpf is allowed" in policy("check", path, status=1)


def test_check_looks_into_a_profile(tmp_path):
    profile = tmp_path / "open.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["ptrace"], '
                       '"action": "SCMP_ACT_ERRNO"}]}')
    path = write(tmp_path, "extends: strict\nseccomp:\n  profile: ./open.json\n")
    found = [f for f in findings(path) if f["key"].startswith("seccomp")]
    text = " ".join(f["what"] for f in found)
    for words in ("unshare", "bpf", "the profile allows what it does not name"):
        assert words in text
    assert "ptrace," not in text
    assert {f["line"] for f in found if f["key"] == "seccomp.profile"} == {3}


@pytest.mark.parametrize("mode, is_found", [("644", True), ("600", False)])
def test_a_secret_that_the_box_can_read_is_found(mode, is_found):
    """With an /etc of our own, in a mount namespace of our own."""
    script = (f"mount -t tmpfs none /etc || exit 99; echo x >/etc/netrc; chmod {mode} /etc/netrc; "
              f"exec {BUILD}/src/autoexp policy check --json default")
    done = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", script],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        pytest.skip("native: no mount namespace to be had: " + done.stderr.strip())
    secrets = [f["what"] for f in json.loads(done.stdout) if "secret" in f["what"]]
    assert [w.split(",")[0] for w in secrets] == (["/etc/netrc"] if is_found else [])


def test_several_policies_are_checked_at_once(tmp_path):
    path = write(tmp_path, "extends: strict\nnetwork: host\n")
    text = policy("check", "strict", path, "strict", status=1)
    assert text.count("strict: 0 findings") == 2 and text.count("mine: ") == 1


# --- the manual page ---------------------------------------------------------------------


def test_the_page_names_every_key(tmp_path):
    """The program itself says which keys there are, when it is given one that is not."""
    page = (HERE.parents[1] / "sandbox" / "autoexp-policy.5.scd").read_text()
    documented = set(re.findall(r"\*([a-z_]+\+?)\*(?:, \*[a-z_]+\+\*)?\n\t", page))
    documented |= set(re.findall(r", \*([a-z_]+\+)\*\n\t", page))
    accepted = set()
    for text in ("zzzzzzzzzz: 1\n", "seccomp: {zzzzzzzzzz: 1}\n"):
        said = policy("show", write(tmp_path, text), status=2)
        names = said.split("accepted are ")[1].strip().replace(" or ", ", ").split(", ")
        accepted.update(names)
    assert accepted == documented
    said = policy("show", write(tmp_path, "limits: {zzzzzzzzzz: 1}\n"), status=2)
    limits = said.split("accepted are ")[1].strip().replace(" or ", ", ").split(", ")
    assert {name for name in limits if f"_{name}_" not in page} <= {"gpus"}
