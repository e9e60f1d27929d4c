# SPDX-License-Identifier: Apache-2.0
"""autoexp exec as the loop drives it: a spec on one descriptor, the record on another, a log,
a lifeline, and a private checkout shown at the repository's path."""

import json
import os
import signal
import subprocess
import time

import pytest

from conftest import AUTOEXP, HARD, gone_within, payload, processes_marked

MARKER = b"bytes left out ...]"


class Trial:
    """One box started by a spec."""

    def __init__(self, runner, spec, log=None):
        self.spec_read, spec_write = os.pipe()
        self.record, record_write = os.pipe()
        lifeline_read, self.lifeline = os.pipe()
        spec.setdefault("env", {})["BOX_MARK"] = runner.mark
        spec.setdefault("soft", not HARD)
        fds = [self.spec_read, record_write, lifeline_read] + ([log.fileno()] if log else [])
        argv = [str(AUTOEXP), "exec", "--spec-fd", str(self.spec_read), "--record-fd",
                str(record_write), "--lifeline-fd", str(lifeline_read)]
        if log:
            argv += ["--log-fd", str(log.fileno())]
        self.process = subprocess.Popen(argv, pass_fds=fds, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=runner.environment({}))
        runner.pids.append(self.process.pid)
        for fd in (self.spec_read, record_write, lifeline_read):
            os.close(fd)
        with open(spec_write, "wb") as file:
            file.write(json.dumps(spec).encode())

    def lines(self):
        """Everything on the record's pipe until its end, parsed."""
        with open(self.record, "rb") as file:
            return [json.loads(line) for line in file.read().splitlines()]

    def finish(self, timeout=30):
        self.stdout, self.stderr = self.process.communicate(timeout=timeout)
        found = self.lines()
        os.close(self.lifeline)
        return found


@pytest.fixture
def repository(tmp_path):
    """A repository as the loop sees it: the user's folder and a private checkout of it."""
    place = tmp_path / "home" / "repo"
    checkout = tmp_path / "private" / "checkout"
    candidate = tmp_path / "private" / "candidate"
    for folder in (place / ".git", checkout / "src", checkout / "build", checkout / "data"):
        folder.mkdir(parents=True)
    (place / "harness.sh").write_text("echo from the user's folder\n")
    (place / "results.tsv").write_text("commit\n")
    (place / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (checkout / "harness.sh").write_text("cat src/target; echo metric: 1\n")
    (checkout / "src" / "target").write_text("base\n")
    (checkout / "src" / "other").write_text("other\n")
    candidate.write_text("candidate\n")
    return place, checkout, candidate


def spec_of(repository, *argv, **more):
    place, checkout, candidate = repository
    return {
        "argv": list(argv), "cwd": str(place), "network": "none",
        "view": {"path": str(place), "source": str(checkout)},
        "target": {"path": f"{place}/src/target", "source": str(candidate), "mode": "bind"},
        "scratch": [f"{place}/build"], "limits": {"wall": 20_000_000}, **more,
    }


def test_the_checkout_is_shown_at_the_repositorys_path(exec_box, repository):
    script = "sh harness.sh; pwd; ls -A; ls -A build; echo made >build/x; cat build/x; echo err >&2"
    trial = Trial(exec_box, spec_of(repository, "sh", "-c", script))
    *_, record = trial.finish()
    assert (record["verdict"], trial.process.returncode) == ("ok", 0), trial.stderr
    assert trial.stdout.decode() == (
        f"candidate\nmetric: 1\n{repository[0]}\nbuild\ndata\nharness.sh\nsrc\nmade\n")
    assert b"err\n" in trial.stderr
    assert os.listdir(repository[1] / "build") == []
    assert record["limits"]["wall"]["value"] == 20_000_000


def test_harness_git_and_results_are_out_of_reach(exec_box, repository):
    script = """
        for f in harness.sh src/other .git/config results.tsv new src/new data/new; do
            { echo x >$f; } 2>/dev/null && echo "wrote $f"
        done
        rm -f harness.sh src/target src/other; mv src gone; ln -s /etc src2; mkdir .git
        mv src/target src/else; ls -A . src; cat src/target"""
    trial = Trial(exec_box, spec_of(repository, "sh", "-c", script))
    *_, record = trial.finish()
    assert trial.stdout.decode().split() == [
        ".:", "build", "data", "harness.sh", "src", "src:", "other", "target", "candidate"]
    place, checkout, candidate = repository
    assert (checkout / "harness.sh").read_text() == "cat src/target; echo metric: 1\n"
    assert (checkout / "src" / "target").read_text() == "base\n"
    assert (place / "results.tsv").read_text() == "commit\n"
    assert candidate.read_text() == "candidate\n"
    assert record["target_changed"] is False


@pytest.mark.parametrize("root", ["/tmp", "/home/autoexp", "/out"])
def test_a_view_below_a_writable_folder_cannot_be_forged(exec_box, repository, root):
    """Its parents must not be moved away, or a harness of one's own could take its place."""
    place = f"{root}/first/second/repo"
    spec = spec_of(repository, "sh", "-c", f"mv {root}/first {root}/away; mv {root}/first/second "
                   f"{root}/away; mkdir -p {place}; echo forged >{place}/harness.sh; "
                   f"cat {place}/harness.sh", scratch=[])
    spec["cwd"] = spec["view"]["path"] = place
    spec["target"]["path"] = f"{place}/src/target"
    trial = Trial(exec_box, spec)
    trial.finish()
    assert trial.stdout == b"cat src/target; echo metric: 1\n", trial.stderr


@pytest.mark.parametrize("mode", ["bind", "overlay"])
def test_a_changed_target_is_told_and_not_kept(exec_box, repository, mode):
    spec = spec_of(repository, "sh", "-c", "echo changed >src/target")
    spec["target"]["mode"] = mode
    *_, record = Trial(exec_box, spec).finish()
    assert record["target_changed"] is True
    assert repository[2].read_text() == "candidate\n"
    assert (repository[1] / "src" / "target").read_text() == "base\n"


def test_an_overlay_in_the_middle_of_the_view(exec_box, repository):
    spec = spec_of(repository, "sh", "-c", "echo new >src/t && mv src/t src/target && "
                   "cat src/target src/other; echo x >src/other; echo x >harness.sh; echo ok")
    spec["target"]["mode"] = "overlay"
    trial = Trial(exec_box, spec)
    *_, record = trial.finish()
    assert trial.stdout == b"new\nother\nok\n", trial.stderr
    assert record["target_changed"] is True


def test_the_root_directory_cannot_be_an_overlay(exec_box, repository):
    spec = spec_of(repository, "true")
    spec["target"].update(path="/target", mode="overlay")
    trial = Trial(exec_box, spec)
    *_, record = trial.finish()
    assert record["verdict"] == "setup-error"
    assert "'bind'" in record["reason"]


def test_variables_of_the_spec_and_no_others(exec_box, repository):
    spec = spec_of(repository, "env", env={"WANTED": "a b=c", "PATH_LIKE": ""})
    trial = Trial(exec_box, spec)
    trial.finish()
    seen = dict(line.split("=", 1) for line in trial.stdout.decode().splitlines())
    assert (seen["WANTED"], seen["PATH_LIKE"]) == ("a b=c", "")
    assert "SHELL" not in seen and "PWD" not in seen


def test_progress_comes_before_the_record(exec_box, repository):
    trial = Trial(exec_box, spec_of(repository, "sleep", "3.3"))
    *progress, record = trial.finish()
    assert 2 <= len(progress) <= 3
    times = [line["progress"]["wall_us"] for line in progress]
    assert times == sorted(times)
    assert all(line["progress"]["memory_bytes"] > 0 for line in progress)
    assert record["verdict"] == "ok"


def test_the_log_keeps_head_and_tail(exec_box, repository, tmp_path):
    lines = 100000
    with open(tmp_path / "log", "w+b") as log:
        spec = spec_of(repository, "seq", str(lines))
        spec["limits"]["output"] = 65536
        trial = Trial(exec_box, spec, log)
        *_, record = trial.finish()
        log.seek(0)
        text = log.read()
    everything = "".join(f"{i}\n" for i in range(1, lines + 1)).encode()
    # Standard output passes whole: the metric may stand anywhere in it.
    assert trial.stdout == everything
    head, _, tail = text.partition(b"\n[... ")
    assert everything.startswith(head) and len(head) == 32768
    assert MARKER in tail
    tail = tail.partition(MARKER + b"\n")[2]
    assert everything.endswith(tail) and len(tail) == 32768
    assert record["output_dropped_bytes"] == len(everything) - 65536
    assert record["limits"]["output"]["hit"] is True


def test_a_short_log_is_complete_and_holds_both_streams(exec_box, repository, tmp_path):
    with open(tmp_path / "log", "w+b") as log:
        script = "echo out; sleep 0.1; echo err >&2"
        trial = Trial(exec_box, spec_of(repository, "sh", "-c", script), log)
        trial.finish()
        log.seek(0)
        assert log.read() == b"out\nerr\n"
    assert trial.stdout == b"out\n"
    assert b"err" not in trial.stderr


def test_with_a_log_the_run_goes_on_without_a_reader(exec_box, repository, tmp_path):
    with open(tmp_path / "log", "w+b") as log:
        spec = spec_of(repository, "sh", "-c", "seq 1 100000; sleep 0.2; seq 1 100000; exit 4")
        trial = Trial(exec_box, spec, log)
        trial.process.stdout.close()
        trial.process.stdout = None
        *_, record = trial.finish()
        assert log.seek(0, os.SEEK_END) == 2 * len("".join(f"{i}\n" for i in range(1, 100001)))
    assert (record["verdict"], record["exit_code"]) == ("exit", 4)


@pytest.mark.parametrize("end", ["lifeline", "signal"])
def test_a_stop_interrupts_and_still_writes_the_record(exec_box, repository, end):
    spec = spec_of(repository, payload("daemon"), "stay", show=[os.path.dirname(payload("daemon"))])
    trial = Trial(exec_box, spec)
    assert trial.process.stdout.readline() == b"daemon runs\n"
    if end == "lifeline":
        os.close(trial.lifeline)
        trial.lifeline = os.open("/dev/null", os.O_RDONLY)
    else:
        trial.process.send_signal(signal.SIGTERM)
    found = trial.finish(timeout=5)
    assert found[-1]["verdict"] == "interrupted"
    assert trial.process.returncode == 130
    assert processes_marked(exec_box.mark) == []


def test_without_a_record_the_box_is_dead_all_the_same(exec_box, repository):
    spec = spec_of(repository, payload("daemon"), "stay", show=[os.path.dirname(payload("daemon"))])
    trial = Trial(exec_box, spec)
    assert trial.process.stdout.readline() == b"daemon runs\n"
    trial.process.kill()
    assert trial.finish() == []
    assert gone_within(1, lambda: processes_marked(exec_box.mark)) == []
    # Sweep what the dead one left in the cgroup tree.
    assert exec_box("true").status == 0


def test_limits_of_the_spec_hold(exec_box, repository):
    spec = spec_of(repository, "sleep", "20", limits={"wall": 500_000, "memory": 64 << 20})
    trial = Trial(exec_box, spec)
    begin = time.monotonic()
    record = trial.finish()[-1]
    assert (record["verdict"], trial.process.returncode) == ("timeout", 124)
    assert time.monotonic() - begin < 5
    assert record["limits"]["memory"]["value"] == 64 << 20


@pytest.mark.parametrize("spec, message", [
    (b"", "spec"),
    (b"{", "spec"),
    (b"[]", ""),
    (b'{"argv": []}', "argv"),
    (b'{"argv": "true"}', "argv"),
    (b'{"argv": ["true"], "limits": {"wal": 1}}', "wal"),
    (b'{"argv": ["true"], "limits": {"wall": "5s"}}', "wall"),
    (b'{"argv": ["true"], "network": "all"}', "all"),
    (b'{"argv": ["true"], "argv": ["false"]}', "duplicate"),
    (b'{"argv": ["true"], "view": {"path": "relative", "source": "/usr"}}', "relative"),
    (b'{"argv": ["true"], "env": {"A": 1}}', "A"),
    (b'{"argv": ["true"], "env": {"A=B": "C"}}', "A=B"),
    (b'{"argv": ["true"], "env": {"": "C"}}', "env"),
    (b'{"argv": ["true"], "policy": "no-such"}', "no-such"),
    # What is no object would be read as one without members, and protect nothing.
    (b'{"argv": ["true"], "limits": [1]}', "limits"),
    (b'{"argv": ["true"], "env": "A=B"}', "env"),
    (b'{"argv": ["true"], "view": "/usr"}', "view"),
    (b'{"argv": ["true"], "target": ["/t"]}', "target"),
    (b'{"argv": ["true"], "view": {"path": "/usr/share"}}', "view"),
    (b'{"argv": ["true"], "target": {"source": "/usr/share/x"}}', "target"),
])
def test_a_broken_spec_is_a_set_up_error(exec_box, spec, message):
    read, write = os.pipe()
    os.write(write, spec)
    os.close(write)
    done = subprocess.run([AUTOEXP, "exec", "--spec-fd", str(read), "--soft-limits"],
                          pass_fds=[read], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    os.close(read)
    assert done.returncode == 125, done
    assert message in done.stderr
    assert done.stdout == ""


def test_a_descriptor_that_is_not_open_is_wrong_usage():
    done = subprocess.run([AUTOEXP, "exec", "--record-fd", "77", "--", "true"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "77" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_make_no_false_record(exec_box, tmp_path, closed):
    record = tmp_path / "record.json"
    soft = [] if HARD else ["--soft-limits"]
    subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", AUTOEXP, "exec", *soft, "--json", record,
                    "--", "sh", "-c", "echo out; echo err >&2"], capture_output=True, check=False,
                   timeout=60)
    found = json.loads(record.read_text())
    assert (found["verdict"], found["exit_code"]) == ("ok", 0), found
