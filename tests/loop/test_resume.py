# SPDX-License-Identifier: Apache-2.0
"""A campaign goes on where it was, however it ended."""

import os
import random
import re
import signal
import subprocess
import time

import pytest

from conftest import CONFIG, SCORE, finish, wait_for

SLOW = SCORE + "sleep 0.4\n"


def alive(pattern):
    """Processes whose command line has this text."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if pattern.encode() in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def in_stage(repo, event, number):
    journal = repo.truth / "journal.jsonl"
    text = journal.read_text() if journal.exists() else ""
    return re.search(rf'"event":"{event}","n":{number},', text) is not None


def test_goes_on_with_a_higher_cap(repo):
    repo.autoexp("run", "--max-experiments", 2)
    first = repo.rows()
    done = repo.autoexp("run", "--max-experiments", 4)
    assert "goes on" in done.stdout
    rows = repo.consistent()
    assert len(rows) == 5 and rows[:3] == first


def test_a_stopped_campaign_proposes_what_an_unbroken_one_would(new_repo):
    whole, parts = new_repo("whole"), new_repo("parts")
    for repo in (whole, parts):
        repo.standard()
    whole.autoexp("run", "--max-experiments", 6)
    for n in (1, 2, 5, 6):
        parts.autoexp("run", "--max-experiments", n)
    strip = [{k: row[k] for k in ("score", "status", "description")} for row in whole.rows()]
    assert [{k: row[k] for k in ("score", "status", "description")}
            for row in parts.rows()] == strip


@pytest.mark.parametrize("stage", ["propose", "commit", "run", "outcome"])
@pytest.mark.parametrize("number", [0, 1])
def test_kill_at_a_stage(new_repo, stage, number):
    repo = new_repo()
    repo.standard(harness=SLOW)
    process = repo.start("run", "--max-experiments", 3)
    wait_for(lambda: in_stage(repo, stage, number), what=f"{stage} of {number}")
    process.kill()
    process.communicate()
    wait_for(lambda: not alive(str(repo.truth)), what="the end of every process")
    repo.autoexp("run", "--max-experiments", 3)
    rows = repo.consistent()
    assert len(rows) == 4
    numbers = [e["n"] for e in repo.events() if e["event"] == "decide"]
    assert numbers == [0, 1, 2, 3]


def test_kill_at_random_moments(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "sleep 0.05\n",
                  target="".join(f"v{i} = {i}.5\n" for i in range(9)) + "x = 10\n")
    chance = random.Random(7)
    kills = 0
    for _ in range(12):
        process = repo.start("run", "--max-experiments", 12)
        time.sleep(chance.uniform(0.02, 0.35))
        kills += process.poll() is None
        process.kill()
        process.communicate()
    done = repo.autoexp("run", "--max-experiments", 12)
    assert kills >= 3
    rows = repo.consistent()
    assert len(rows) == 13, done.stdout
    numbers = [e["n"] for e in repo.events() if e["event"] == "decide"]
    assert numbers == list(range(13))
    assert repo.git("status", "--porcelain") == ""


def test_killed_supervisor_leaves_no_process(new_repo):
    repo = new_repo()
    mark = f"31{os.getpid()}"
    repo.standard(harness=f"echo score: 1; sleep {mark}\n")
    process = repo.start("run")
    wait_for(lambda: alive(mark), what="the run")
    process.kill()
    process.communicate()
    wait_for(lambda: not alive(mark), seconds=10, what="the end of the run")


def test_interrupted_three_times_is_not_measurable(new_repo):
    repo = new_repo()
    # Only the baseline is quick.
    repo.standard(harness=SCORE + "grep -q '^x = 10$' params.txt || sleep 19\n")
    for attempt in (1, 2, 3):
        process = repo.start("run", "--max-experiments", 1)
        wait_for(lambda: len([e for e in repo_events(repo) if e["event"] == "run"
                              and e["n"] == 1]) == attempt, what=f"attempt {attempt}")
        process.kill()
        process.communicate()
    repo.autoexp("run", "--max-experiments", 1)
    rows = repo.consistent()
    assert rows[1]["status"] == "discard"
    assert "not measurable" in rows[1]["description"]


def repo_events(repo):
    return repo.events() if (repo.truth / "journal.jsonl").exists() else []


def test_candidate_lost_before_its_commit(new_repo):
    repo = new_repo()
    repo.standard()
    repo.autoexp("run", "--max-experiments", 1)
    # A journal as a kill right behind the proposal leaves it, and no candidate.
    process = repo.start("run", "--max-experiments", 3)
    wait_for(lambda: in_stage(repo, "propose", 2), what="proposal 2")
    process.kill()
    process.communicate()
    lines = (repo.truth / "journal.jsonl").read_text().splitlines(keepends=True)
    cut = [i for i, line in enumerate(lines) if '"propose","n":2' in line][-1]
    (repo.truth / "journal.jsonl").write_text("".join(lines[:cut + 1]))
    # The kill may have come while a reference was locked; git would refuse to touch it.
    for lock in (repo.path / ".git/refs").rglob("*.lock"):
        lock.unlink()
    repo.git("update-ref", "-d", "refs/autoexp/t/0002")
    (repo.truth / "candidate").unlink()
    repo.git("update-ref", "refs/heads/autoexp/t",
             [e["commit"] for e in repo.events() if e["event"] == "advance"][-1]
             if "advance" in {e["event"] for e in repo.events()}
             else repo.git("rev-parse", "HEAD"))
    done = repo.autoexp("run", "--max-experiments", 3)
    assert "lost" in done.stderr
    rows = repo.consistent()
    assert len(rows) == 4 and rows[2]["status"] == "crash"
    assert "no-edit" in rows[2]["description"] or "no valid edit" in rows[2]["description"]


def test_second_supervisor_is_refused(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "sleep 2\n")
    process = repo.start("run", "--max-experiments", 1)
    wait_for(lambda: in_stage(repo, "run", 0), what="the first run")
    done = repo.autoexp("run", status=1)
    assert str(process.pid) in done.stderr
    out, err = finish(process)
    assert process.returncode == 0, err
    assert len(repo.consistent()) == 2


def test_derived_files_are_made_again(repo):
    repo.autoexp("run", "--max-experiments", 2)
    table = (repo.derived / "results.tsv").read_text()
    subprocess.run(["rm", "-r", repo.path / ".autoexp"], check=True)
    done = repo.autoexp("run", "--max-experiments", 2)
    assert (repo.derived / "results.tsv").read_text() == table
    assert "results.tsv" in done.stderr


def test_git_clean_loses_nothing(repo):
    repo.autoexp("run", "--max-experiments", 2)
    repo.git("clean", "-qfdx")
    repo.autoexp("run", "--max-experiments", 3)
    assert len(repo.consistent()) == 4


def test_git_clean_during_a_run_does_not_end_it(new_repo):
    repo = new_repo()
    repo.standard(harness=SLOW)
    process = repo.start("run", "--max-experiments", 2)
    wait_for(lambda: in_stage(repo, "run", 1), what="experiment 1")
    time.sleep(0.2)
    repo.git("clean", "-qfdx")
    out, err = finish(process)
    assert process.returncode == 0, err
    assert len(repo.consistent()) == 3
    assert [repo.run_json(n)["trial"]["number"] for n in (1, 2)] == [1, 2]


def test_damaged_checkout_is_made_again(repo):
    repo.autoexp("run", "--max-experiments", 1)
    file = repo.truth / "checkout" / "evaluate.sh"
    file.chmod(0o644)
    file.write_text("echo score: 0\n")
    repo.autoexp("run", "--max-experiments", 2)
    assert all(float(row["score"]) != 0 for row in repo.rows())


def test_only_caps_and_proposer_may_change(repo):
    repo.autoexp("run", "--max-experiments", 1)
    repo.write("autoexp.yaml", CONFIG.replace("max_experiments: 5", "max_experiments: 2")
               + "proposer:\n  kind: builtin\n  seed: 9\n")
    repo.autoexp("run")
    assert len(repo.rows()) == 3
    repo.write("autoexp.yaml", CONFIG + "min_delta: 1\n")
    done = repo.autoexp("run", "--max-experiments", 3, status=2)
    assert "min_delta" in done.stderr and "--tag" in done.stderr
    repo.tag = "second"
    repo.autoexp("run", "--max-experiments", 1)
    assert len(repo.rows()) == 2


def test_goes_on_from_its_base_when_head_moved(repo):
    base = repo.git("rev-parse", "HEAD")
    repo.autoexp("run", "--max-experiments", 1)
    repo.write("evaluate.sh", "echo score: 0\n")
    repo.commit("another harness")
    done = repo.autoexp("run", "--max-experiments", 3)
    assert base[:12] in done.stderr
    assert all(float(row["score"]) > 0 for row in repo.consistent())


def test_setup_errors_are_not_rows(repo):
    soft, repo.soft = repo.soft, []
    if not soft:
        pytest.skip("this host can enforce every limit: nothing to refuse")
    # A new campaign is not even begun ...
    done = repo.autoexp("run", status=1)
    assert "--soft-limits" in done.stderr
    assert not (repo.truth / "journal.jsonl").exists() and repo.git("branch") == "* main"
    # ... and one that is there waits with its candidate.
    repo.soft = soft
    repo.autoexp("run", "--max-experiments", 1)
    repo.soft = []
    done = repo.autoexp("run", "--max-experiments", 3, status=1)
    assert "--soft-limits" in done.stderr and "3 tries" in done.stderr
    outcomes = [e["verdict"] for e in repo.events() if e["event"] == "outcome"]
    assert outcomes[2:] == ["setup-error"] * 3
    assert len(repo.rows()) == 2
    repo.soft = soft
    repo.autoexp("run", "--max-experiments", 3)
    assert len(repo.consistent()) == 4
    assert len([e for e in repo.events() if e["event"] == "propose"]) == 4


def test_stops_where_nothing_can_be_written(repo):
    """The disk is full: the campaign stops, says so, and goes on when there is room."""
    repo.autoexp("run", "--max-experiments", 1)
    size = (repo.truth / "journal.jsonl").stat().st_size
    command = ["prlimit", f"--fsize={size + 300}", *repo.command("run", "--max-experiments", 3)]
    done = subprocess.run(command, cwd=repo.path, env=repo.env, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "journal" in done.stderr or "cannot" in done.stderr
    repo.autoexp("run", "--max-experiments", 3)
    assert len(repo.consistent()) == 4
