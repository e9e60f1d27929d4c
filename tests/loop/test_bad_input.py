# SPDX-License-Identifier: Apache-2.0
"""Each mistake gets an answer that says what is wrong and what to do."""

import os
import re
import shutil
import stat
import subprocess
import tempfile

import pytest

from conftest import CONFIG, SCORE

ERRNO = re.compile(r"\bE[A-Z]{3,}\b|errno|Errno", re.ASCII)


def fails(repo, *words, status, args=("run",), **more):
    """The command fails with one message that has these words and shows no bare errno."""
    done = repo.autoexp(*args, status=status, **more)
    for word in words:
        assert word in done.stderr, done.stderr
    own = [line for line in done.stderr.splitlines() if line.startswith("autoexp ")]
    assert own and not any(ERRNO.search(line) for line in own), done.stderr
    return done


def nothing_began(repo):
    assert not (repo.truth / "journal.jsonl").exists()
    assert repo.git("for-each-ref", "refs/heads/autoexp", "refs/autoexp") == ""


# --- the configuration ---

def test_missing_configuration(repo):
    (repo.path / "autoexp.yaml").unlink()
    fails(repo, "autoexp.yaml", status=2)
    fails(repo, "other.yaml", status=2, args=("run", "--config", "other.yaml"))
    nothing_began(repo)


def test_unparsable_configuration(repo):
    repo.write("autoexp.yaml", "target: [\nharness: x\n")
    fails(repo, "autoexp.yaml:", status=2)
    nothing_began(repo)


def test_unknown_key_is_named_with_its_place(repo):
    repo.write("autoexp.yaml", CONFIG.replace("caps:", "cap:"))
    fails(repo, "autoexp.yaml:6:1", "cap", "caps", status=2)


def test_impossible_cap_on_the_command_line(repo):
    fails(repo, "--max-hours", "'soon'", status=2, args=("run", "--max-hours", "soon"))
    nothing_began(repo)


# --- the target ---

def test_target_not_in_git(new_repo):
    repo = new_repo()
    repo.write("evaluate.sh", SCORE)
    repo.write("autoexp.yaml", CONFIG)
    repo.commit()
    repo.write("params.txt", "x = 1\n")
    fails(repo, "params.txt", "git add", status=1)
    nothing_began(repo)


def test_target_missing(repo):
    repo.write("autoexp.yaml", CONFIG.replace("params.txt", "parms.txt"))
    fails(repo, "parms.txt", status=1)
    nothing_began(repo)


def test_target_is_a_symlink(new_repo):
    repo = new_repo()
    repo.write("real.txt", "x = 1\n")
    repo.write("evaluate.sh", SCORE)
    repo.write("autoexp.yaml", CONFIG)
    os.symlink("real.txt", repo.path / "params.txt")
    repo.commit()
    fails(repo, "params.txt", "symbolic link", status=1)
    nothing_began(repo)


def test_target_is_a_directory(new_repo):
    repo = new_repo()
    repo.write("params.txt/inner", "x = 1\n")
    repo.write("evaluate.sh", SCORE)
    repo.write("autoexp.yaml", CONFIG)
    repo.commit()
    fails(repo, "params.txt", "directory", status=1)
    nothing_began(repo)


# --- the harness ---

def baseline_fails(new_repo, harness, *words, config=CONFIG):
    repo = new_repo()
    repo.standard(harness=harness, config=config)
    done = fails(repo, "baseline", "runs/0000/output.log", *words, status=1)
    assert (repo.derived / "runs/0000/output.log").exists()
    assert repo.rows() == []
    return repo, done


def test_harness_without_metric(new_repo):
    _, done = baseline_fails(new_repo, "echo 'nothing to see'\n", "no-metric", "score")
    assert "| nothing to see" in done.stderr


def test_harness_with_several_values(new_repo):
    baseline_fails(new_repo, "echo score: 1; echo score: 2\n", "ambiguous", "take:")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_harness_that_prints_no_number(new_repo, value):
    baseline_fails(new_repo, f"echo 'score: {value}'\n", "not-finite", "score")


def test_harness_that_fails(new_repo):
    _, done = baseline_fails(new_repo, "echo 'it \033[31mbroke' >&2; exit 7\n", "7")
    assert "| it \\x1b[31mbroke" in done.stderr


def test_harness_that_writes_beside_itself(new_repo):
    baseline_fails(new_repo, "mkdir out && echo score: 1\n", "scratch_paths")
    baseline_fails(lambda: new_repo("second"),
                   "python3 -c 'open(\"cache\", \"w\")' && echo score: 1\n", "scratch_paths")


def test_harness_not_in_head(repo):
    repo.write("autoexp.yaml", CONFIG.replace("sh evaluate.sh", "sh measure.sh"))
    repo.write("measure.sh", SCORE)
    fails(repo, "measure.sh", "HEAD", "git add measure.sh", status=1)
    nothing_began(repo)


def test_harness_that_is_the_target(repo):
    repo.write("autoexp.yaml", CONFIG.replace("sh evaluate.sh", "sh params.txt"))
    fails(repo, "params.txt", status=2)


def test_baseline_is_measured_again_after_a_fix(new_repo):
    repo, _ = baseline_fails(new_repo, "echo nothing\n", "no-metric")
    repo.write("evaluate.sh", SCORE)
    head = repo.commit("fix the harness")
    repo.autoexp("run", "--max-experiments", 1)
    rows = repo.consistent()
    assert len(rows) == 2 and head.startswith(rows[0]["commit"])


def test_show_path_that_is_not_there(repo):
    repo.write("autoexp.yaml", CONFIG + "show: [data]\n")
    fails(repo, "show", "data", status=1)
    nothing_began(repo)


def test_ratio_against_a_baseline_of_zero(new_repo):
    repo = new_repo()
    repo.standard(harness="echo score: 1; echo size: 0\n", config=CONFIG.replace(
        "    goal: minimize\n", "    goal: minimize\n  - name: size\n    goal: minimize\n"
        "    max_regression: 1.1\n"))
    fails(repo, "size", "abs", status=1)


# --- the repository ---

def test_no_repository(new_repo, tmp_path):
    repo = new_repo()
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "autoexp.yaml").write_text(CONFIG)
    fails(repo, "git", status=1, cwd=plain)


def test_repository_without_commits(new_repo):
    repo = new_repo()
    repo.write("params.txt", "x = 1\n")
    repo.write("autoexp.yaml", CONFIG)
    fails(repo, "commit", status=1)


def test_branch_that_exists(repo):
    repo.git("branch", "autoexp/t")
    fails(repo, "autoexp/t", "--tag", status=1)
    assert repo.branch() == repo.git("rev-parse", "HEAD")


def test_git_tag_of_the_same_name(repo):
    repo.git("tag", "autoexp/t")
    fails(repo, "refs/tags/autoexp/t", "--tag", status=1)
    repo.git("tag", "-d", "autoexp/t")
    repo.autoexp("run", "--max-experiments", 1)
    assert len(repo.consistent()) == 2


def test_branch_that_is_checked_out(repo):
    repo.autoexp("run", "--max-experiments", 1)
    repo.git("checkout", "-q", "autoexp/t")
    before = repo.branch()
    fails(repo, "autoexp/t", "checked out", status=1, args=("run", "--max-experiments", 2))
    assert repo.branch() == before and repo.git("status", "--porcelain") == ""


def test_branch_that_somebody_moved(repo):
    repo.autoexp("run", "--max-experiments", 3)
    left = repo.branch()
    other = repo.git("commit-tree", "-m", "x", "HEAD^{tree}")
    repo.git("update-ref", "refs/heads/autoexp/t", other)
    fails(repo, "git branch -f autoexp/t", left, status=1, args=("run", "--max-experiments", 4))
    repo.git("branch", "-f", "autoexp/t", left)
    repo.autoexp("run", "--max-experiments", 4)
    assert len(repo.consistent()) == 5


def test_journal_that_is_gone(repo):
    repo.autoexp("run", "--max-experiments", 1)
    (repo.truth / "journal.jsonl").unlink()
    fails(repo, "journal", "autoexp/t", status=1)
    repo.git("branch", "-q", "-D", "autoexp/t")
    fails(repo, "journal", "refs/autoexp/t", status=1)


def test_repository_behind_a_symlink(repo, tmp_path):
    os.symlink(repo.path, tmp_path / "link")
    repo.autoexp("run", "--max-experiments", 1, cwd=tmp_path / "link")
    assert len(repo.consistent()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a repository under /root")
def test_repository_under_root(new_repo, soft):
    home = tempfile.mkdtemp(dir="/root", prefix="autoexp-test-")
    try:
        assert stat.S_IMODE(os.stat(home).st_mode) == 0o700
        repo = new_repo(os.path.join(home, "repo"))
        repo.standard()
        repo.autoexp("run", "--max-experiments", 1)
        assert len(repo.consistent()) == 2
    finally:
        shutil.rmtree(home)


def test_repository_under_tmp(new_repo, tmp_path):
    home = tempfile.mkdtemp(dir="/tmp", prefix="autoexp-test-")
    try:
        repo = new_repo(os.path.join(home, "repo"))
        repo.standard()
        repo.autoexp("run", "--max-experiments", 1)
        assert len(repo.consistent()) == 2
    finally:
        shutil.rmtree(home)


def test_disk_that_cannot_be_written(repo):
    # A read-only mount needs privileges; for an ordinary user a closed directory is the same.
    if os.geteuid() == 0:
        command = ["unshare", "--mount", "sh", "-c",
                   'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"',
                   str(repo.path), *repo.command("run")]
        done = subprocess.run(command, cwd="/", env=repo.env, text=True,
                              capture_output=True, timeout=60)
    else:
        (repo.path / ".git").chmod(0o500)
        done = repo.autoexp("run", status=None)
        (repo.path / ".git").chmod(0o700)
    assert done.returncode == 1
    assert ".git" in done.stderr and "cannot" in done.stderr
    assert not ERRNO.search(done.stderr)
    nothing_began(repo)


def test_unknown_command(repo):
    done = repo.autoexp("fly", status=2, tag=False)
    assert "fly" in done.stderr
