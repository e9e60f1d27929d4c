# SPDX-License-Identifier: Apache-2.0
"""`autoexp try`: one experiment on the target as it stands."""

import json
import os

import pytest

from conftest import CONFIG, SCORE, finish, wait_for
from test_resume import in_stage


def attempt(repo, text, *args, status, **more):
    repo.write("params.txt", text)
    return repo.autoexp("try", *args, status=status, **more)


def test_exit_statuses(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "grep -q 13 params.txt && exit 1; true\n")
    attempt(repo, "x = 20\n", "-m", "nearer", status=0)         # keep; after the baseline
    attempt(repo, "x = 15\n", "-m", "farther", status=10)       # discard
    attempt(repo, "x = 13\n", "-m", "broken", status=11)        # crash
    attempt(repo, "x = 15\n", "-m", "again", status=10)         # a duplicate
    attempt(repo, "x = 50\n", "--message=best", status=0)
    rows = repo.consistent()
    assert [row["status"] for row in rows] == ["keep", "keep", "discard", "crash", "discard",
                                               "keep"]
    assert [row["description"].split(" (")[0] for row in rows] == [
        "baseline", "nearer", "farther", "broken", "again", "best"]
    assert "same as 0002" in rows[4]["description"]
    assert len([e for e in repo.events() if e["event"] == "run"]) == 5
    done = attempt(repo, "x = 49\n", status=3)                  # five of five
    assert "max_experiments" in done.stderr
    assert len(repo.rows()) == 6
    assert (repo.path / "params.txt").read_text() == "x = 49\n"


def test_nothing_is_written_without_sync(repo):
    attempt(repo, "x = 1\n", status=10)
    assert (repo.path / "params.txt").read_text() == "x = 1\n"
    attempt(repo, "x = 1\n", "--sync", status=10)
    assert (repo.path / "params.txt").read_text() == "x = 10\n"
    attempt(repo, "x = 45\n", "--sync", status=0)
    assert (repo.path / "params.txt").read_text() == "x = 45\n"


def test_unchanged_target_is_no_edit(repo):
    done = repo.autoexp("try", status=11)
    assert len(repo.rows()) == 2
    assert repo.rows()[1]["status"] == "crash"
    assert done.stdout


def test_file_and_standard_input(repo, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("x = 30\n")
    repo.autoexp("try", "--file", other)
    assert repo.best() == "x = 30"
    with open(other, "w+") as file:
        file.write("x = 40\n")
        file.seek(0)
        repo.autoexp("try", "--file", "-", stdin=file)
    assert repo.best() == "x = 40"
    assert (repo.path / "params.txt").read_text() == "x = 10\n"


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_target_that_is_no_file_any_more(repo, kind):
    target = repo.path / "params.txt"
    target.unlink()
    {"link": lambda: target.symlink_to("evaluate.sh"), "directory": target.mkdir,
     "fifo": lambda: os.mkfifo(target)}[kind]()
    done = repo.autoexp("try", status=1, timeout=10)
    assert "params.txt is not a regular file any more" in done.stderr
    assert "--file" in done.stderr


def test_content_that_is_too_large(repo, tmp_path):
    big = tmp_path / "big.txt"
    big.write_bytes(b"x" * (1 << 20) + b"y")
    with open(big) as file:
        done = repo.autoexp("try", "--file", "-", status=1, stdin=file)
    assert "standard input has more than the 1048576 bytes" in done.stderr


def test_json(repo):
    done = attempt(repo, "x = 20\n", "--json", status=0)
    said = json.loads(done.stdout)
    assert said["number"] == 1 and said["status"] == "keep"
    assert said["metrics"] == {"score": 30.0} and said["best"] == {"score": 30.0}
    assert said["commit"] == repo.branch()
    done = attempt(repo, "x = 11\n", "--json", status=10)
    assert json.loads(done.stdout)["best"] == {"score": 30.0}


def test_description_cannot_forge_rows(repo):
    attempt(repo, "x = 20\n", "-m", "=cmd()\tkeep\nsecond\x1b[31m line", status=0)
    rows = repo.rows()
    assert len(rows) == 2 and len((repo.derived / "results.tsv").read_text().split("\n")) == 4
    assert rows[1]["description"].startswith("'=cmd()")
    assert "\x1b" not in (repo.derived / "results.tsv").read_text()
    assert "\x1b" not in repo.autoexp("results").stdout
    assert "\x1b" not in repo.autoexp("show", 1).stdout


def test_caps_are_those_of_the_last_run(repo):
    repo.autoexp("run", "--max-experiments", 2)
    repo.write("autoexp.yaml", CONFIG.replace("max_experiments: 5", "max_experiments: 50"))
    attempt(repo, "x = 33\n", status=3)
    repo.autoexp("run", "--max-experiments", 3)
    assert len(repo.rows()) == 4


def test_between_runs(repo):
    repo.autoexp("run", "--max-experiments", 2)
    repo.write("autoexp.yaml", CONFIG)
    repo.autoexp("run", "--max-experiments", 3)
    assert len(repo.consistent()) == 4
    statuses = repo.statuses()
    repo.autoexp("run", "--max-experiments", 5)
    assert repo.statuses()[:4] == statuses


def test_by_hand_then_by_the_proposer(new_repo):
    repo = new_repo()
    repo.standard()
    attempt(repo, "x = 49.5\n", status=0)
    repo.git("checkout", "-q", "params.txt")
    repo.autoexp("run", "--max-experiments", 4)
    rows = repo.consistent()
    assert len(rows) == 5
    assert float(rows[1]["score"]) == 0.5


def test_refused_while_a_supervisor_runs(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "sleep 1\n")
    process = repo.start("run", "--max-experiments", 1)
    wait_for(lambda: in_stage(repo, "run", 0), what="the baseline")
    done = attempt(repo, "x = 20\n", status=1)
    assert str(process.pid) in done.stderr
    finish(process)


def test_finishes_what_was_pending_first(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "sleep 0.4\n")
    process = repo.start("run", "--max-experiments", 3)
    wait_for(lambda: in_stage(repo, "run", 1), what="experiment 1")
    process.kill()
    process.communicate()
    attempt(repo, "x = 50\n", status=0)
    rows = repo.consistent()
    assert len(rows) == 3 and float(rows[2]["score"]) == 0
