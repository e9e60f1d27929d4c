# SPDX-License-Identifier: Apache-2.0
"""How runs end: verdicts, exit statuses, the record, stops from outside, and wrong usage."""

import json
import os
import signal
import subprocess
import time

import pytest

from conftest import AUTOEXP, HARD, IN_VM, gone_within, payload, processes_marked


# --- the command's own end -------------------------------------------------------------------


@pytest.mark.parametrize("script, verdict, status, code, number", [
    ("exit 0", "ok", 0, 0, None),
    ("exit 1", "exit", 1, 1, None),
    # A number says nothing: only evidence does.
    ("exit 137", "exit", 137, 137, None),
    ("exit 124", "exit", 124, 124, None),
    ("exit 139", "exit", 139, 139, None),
    ("exit 255", "exit", 255, 255, None),
    ("kill -KILL $$", "signal", 137, None, 9),
    ("kill -SEGV $$", "signal", 139, None, 11),
    ("kill -TERM $$", "signal", 143, None, 15),
    ("kill -ABRT $$", "signal", 134, None, 6),
    # A child's death is the shell's business.
    ("sh -c 'kill -KILL $$'; exit 5", "exit", 5, 5, None),
])
def test_the_commands_own_end(exec_box, script, verdict, status, code, number):
    box = exec_box("sh", "-c", script)
    assert (box.record["verdict"], box.status) == (verdict, status), box
    assert (box.record["exit_code"], box.record["signal"]) == (code, number)
    assert box.record["reason"]


@pytest.mark.parametrize("command, status, message", [
    (["no-such-command"], 127, "command not found"),
    (["/no/such/file"], 127, "No such file"),
    (["/etc/passwd"], 126, "Permission denied"),
    (["/usr"], 126, "Permission denied"),
    (["/etc/passwd/x"], 127, "Not a directory"),
])
def test_commands_that_cannot_be_executed(exec_box, command, status, message):
    box = exec_box(*command)
    assert (box.record["verdict"], box.status) == ("setup-error", status), box
    assert message in box.stderr
    assert command[0] in box.stderr


# --- stops from outside ----------------------------------------------------------------------


def start_daemon(exec_box):
    """A box with a command and a daemon that ignores every signal, both running."""
    process, record = exec_box.start(payload("daemon"), "stay", text=True,
                                     options=["--wall", "60s"])
    assert process.stdout.readline() == "daemon runs\n"
    return process, record


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stop_signals_end_the_whole_box(exec_box, number):
    process, record = start_daemon(exec_box)
    process.send_signal(number)
    process.communicate(timeout=5)
    assert process.returncode == 130
    found = json.loads(record.read_text())
    assert found["verdict"] == "interrupted"
    assert found["evidence"]["kill"]["by"] == "interrupt"
    assert processes_marked(exec_box.mark) == []


def test_killing_autoexp_itself_ends_the_whole_box(exec_box):
    process, record = start_daemon(exec_box)
    assert len(processes_marked(exec_box.mark)) >= 4
    process.kill()
    process.communicate()
    assert gone_within(1, lambda: processes_marked(exec_box.mark)) == []
    assert not record.exists()
    # The dead cannot remove their leaf of the cgroup tree; the next start does.
    assert exec_box("true").status == 0


def test_killing_process_1_from_outside_is_told_apart(exec_box):
    process, record = start_daemon(exec_box)
    marked = processes_marked(exec_box.mark)
    children = [pid for pid, _ in marked
                if open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]
                == str(process.pid)]
    assert len(children) == 1
    os.kill(children[0], signal.SIGKILL)
    process.communicate(timeout=5)
    found = json.loads(record.read_text())
    assert (found["verdict"], found["signal"], process.returncode) == ("signal", 9, 137)
    assert "outside" in found["reason"]


# --- the record ------------------------------------------------------------------------------

NUMBER, TEXT, FLAG = int, str, bool
KEYS = {
    "schema": NUMBER, "verdict": TEXT, "reason": TEXT, "exit_code": NUMBER,
    "signal": type(None), "wall_us": NUMBER, "cpu_us": NUMBER, "memory_peak_bytes": NUMBER,
    "memory_peak_sampled": FLAG,
    "output_bytes": NUMBER, "output_dropped_bytes": NUMBER, "limits": dict,
    "enforcement": TEXT, "evidence": dict, "setup_us": dict, "unreaped": FLAG,
    "target_changed": FLAG, "host": dict, "policy": TEXT, "landlock_abi": NUMBER,
    "policy_sha256": TEXT, "bpf_sha256": TEXT, "libseccomp": TEXT,
    "denied_syscalls": dict, "label": type(None), "gpu": type(None),
}
EVIDENCE = {
    "memory.events": {"max", "oom", "oom_kill", "oom_group_kill"},
    "pids.events": {"max"},
    "cpu.stat": {"usage_usec", "nr_throttled", "throttled_usec"},
    "psi": {"memory_full_us"},
    "io.stat": {"rbytes", "wbytes"},
    "watchdog": {"looks", "close_looks", "spent_us"},
    "kill": {"by", "signal", "at_us", "dead_after_us"},
}


def test_the_record_has_every_key_with_its_type(exec_box):
    box = exec_box("sh", "-c", "echo x; exit 2",
                   options=["--cpu-time", "5s", "--wall", "10s"])
    record = box.record
    assert record["schema"] == 1
    for key, kind in KEYS.items():
        assert type(record[key]) is kind, key
    for group, keys in EVIDENCE.items():
        assert keys <= record["evidence"][group].keys(), group
    layers = {"cgroup2", "rlimit", "tmpfs", "affinity", "seccomp", "supervisor", "watchdog",
              "none"}
    for name, entry in record["limits"].items():
        assert entry.keys() == {"value", "enforced_by", "hit"}, name
        assert entry["enforced_by"] in layers
        assert type(entry["hit"]) is bool
    assert all(type(us) is int for us in record["setup_us"].values())
    assert record["host"]["kernel"] == os.uname().release
    assert record["output_bytes"] == 2
    assert (record["exit_code"], record["reason"]) == (2, "exit status 2")


def test_a_frameworks_word_for_out_of_memory_is_a_label_and_no_verdict(exec_box):
    box = exec_box("sh", "-c", "echo 'torch: CUDA out of memory.' >&2; exit 3")
    assert box.record["label"] == "CUDA out of memory"
    assert (box.record["verdict"], box.status) == ("exit", 3)


def test_the_record_on_standard_output(exec_box):
    done = subprocess.run([AUTOEXP, "exec", *exec_box.soft([]), "--json", "-", "--", "true"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["verdict"] == "ok"


def test_a_record_that_cannot_be_written_is_an_error(exec_box):
    done = subprocess.run([AUTOEXP, "exec", *exec_box.soft([]), "--json", "/no/such/folder/x",
                           "--", "true"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1
    assert "/no/such/folder/x" in done.stderr


def test_a_record_to_what_is_no_file_replaces_nothing(exec_box, tmp_path):
    """As root, a new file in place of /dev/null would hurt the whole host."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    subprocess.run([AUTOEXP, "exec", *exec_box.soft([]), "--json", pipe, "--", "true"],
                   stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert json.loads(os.read(reader, 65536))["verdict"] == "ok"
    assert pipe.is_fifo()
    os.close(reader)


@pytest.mark.parametrize("command", [os.fsdecode(b"\xff\xfe"), "\u00e4" * 400],
                         ids=["no UTF-8", "cut within a character"])
def test_a_record_is_written_whatever_bytes_the_command_has(exec_box, command):
    box = exec_box(command, text=False)
    assert box.status in (126, 127), box
    assert box.record["verdict"] == "setup-error"


# --- wrong usage -----------------------------------------------------------------------------

USAGE = [
    ([], "no command"),
    (["--"], "no command"),
    (["--", ""], "empty"),
    (["--no-such-option", "--", "true"], "no-such-option"),
    (["--wall", "--", "true"], "wall"),
    (["--wall", "5", "--", "true"], "duration"),
    (["--wall", "0s", "--", "true"], "wall"),
    (["--wall", "-1s", "--", "true"], "wall"),
    (["--wall", "2 s", "--", "true"], "wall"),
    (["--wall", "9999999d", "--", "true"], "wall"),
    (["--memory", "64X", "--", "true"], "size"),
    (["--memory", "0", "--", "true"], "memory"),
    (["--memory", "1M", "--", "true"], "4MiB"),
    (["--memory", "-64M", "--", "true"], "memory"),
    (["--memory", "99999999999999999999", "--", "true"], "memory"),
    (["--pids", "0", "--", "true"], "pids"),
    (["--pids", "1.5", "--", "true"], "pids"),
    (["--cpus", "0", "--", "true"], "cpus"),
    (["--cpus", "0.0001", "--", "true"], "cpus"),
    (["--cpus", "two", "--", "true"], "cpus"),
    (["--scratch", "", "--", "true"], "scratch"),
    (["--net", "all", "--", "true"], "none"),
    (["--target-mode", "rw", "--", "true"], "bind"),
    (["--env", "A=b", "--", "true"], "name"),
    (["--show", "/no/such/path", "--", "true"], "/no/such/path"),
    (["--target", "/no/such/folder/x", "--", "true"], "/no/such/folder"),
    (["--target", "/tmp/..", "--", "true"], "directory"),
    (["--policy", "no-such-policy", "--", "true"], "no-such-policy"),
]


def test_wrong_usage_is_status_2_and_says_what_is_accepted():
    for arguments, message in USAGE:
        done = subprocess.run([AUTOEXP, "exec", *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 2, (arguments, done)
        assert message in done.stderr, (arguments, done.stderr)
        assert done.stdout == ""


@pytest.mark.skipif(IN_VM, reason="native: no box is started, and the machine is slow")
@pytest.mark.parametrize("name", ["wall", "cpu-time", "cpus", "memory", "pids", "scratch",
                                  "inodes", "file-size", "out", "output"])
@pytest.mark.parametrize("value", ["", "0", "-1", "-1s", "x", "1e99", "99999999999999999999",
                                   "0x10", "1 2", "nan", "infinity", "unlimited"])
def test_no_limit_takes_what_is_no_limit(name, value):
    done = subprocess.run([AUTOEXP, "exec", f"--{name}={value}", "--", "true"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done
    assert name.replace("-", "_") + ": " in done.stderr
    assert f"'{value}' is " in done.stderr


def test_help_needs_nothing():
    done = subprocess.run([AUTOEXP, "exec", "--help"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0
    assert done.stdout.startswith("usage: autoexp exec")


@pytest.mark.parametrize("path, message", [
    ("/no/such/group", "No such file"),
    ("/tmp", "not a cgroup v2 directory"),
    (None, ""),
])
def test_a_cgroup_that_is_not_ours_is_refused(exec_box, path, message):
    from conftest import cgroup_root
    # The root of the tree: other processes live in it, and it is nobody's to hand out.
    path = path or cgroup_root()
    box = exec_box("true", options=["--cgroup", path])
    assert box.status == 125, box
    assert f"--cgroup {path}" in box.stderr
    assert message in box.stderr


def test_doctor_tries_the_host(exec_box):
    done = subprocess.run([AUTOEXP, "doctor"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    assert "starts: all namespaces" in done.stdout
    assert ("Everything holds" in done.stdout) == HARD, done.stdout
    assert "FAIL" not in done.stdout


def test_stopping_early_and_often_leaves_nothing(exec_box):
    """A stop may come at any moment of the set-up."""
    for delay in (0, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01):
        process, _ = exec_box.start("sleep", "20")
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        # -15: before autoexp had taken its signals, and so before there was a box.
        assert process.returncode in (130, -15)
    assert gone_within(1, lambda: processes_marked(exec_box.mark)) == []


def test_looking_through_what_is_shown_can_be_interrupted(exec_box, tmp_path):
    """The signal is there before the first file is looked at."""
    for i in range(1000):
        (tmp_path / str(i)).touch()

    def hold_back():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)

    box = exec_box("touch", "/tmp/x", options=["--show", tmp_path], preexec_fn=hold_back)
    assert (box.record["verdict"], box.status) == ("interrupted", 130), box
    assert (box.record["wall_us"], box.record["setup_us"]["clone"]) == (0, 0)


def test_sigkill_at_any_moment_leaves_no_helper(exec_box, tmp_path):
    """As root a shown folder takes a short-lived process of ours, with the ids of its owner."""
    for delay in range(40):
        process, _ = exec_box.start("sleep", "20", options=["--show", tmp_path] * 2)
        time.sleep(delay * 0.0002)
        process.kill()
        process.communicate(timeout=10)
    assert gone_within(1, lambda: processes_marked(exec_box.mark)) == []
    exec_box("true")  # sweeps up the last one's cgroup, which nobody was left to remove


def test_what_fails_before_the_box_has_a_record_too(exec_box, tmp_path):
    box = exec_box("true", options=["--target", tmp_path / "nowhere"])
    assert box.status == 125, box
    assert box.record["verdict"] == "setup-error"
    assert "No such file" in box.record["reason"] and "nowhere" in box.record["reason"]
