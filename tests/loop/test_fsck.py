# SPDX-License-Identifier: Apache-2.0
"""
`autoexp fsck`: what was damaged is named; --repair mends it, nothing is spent twice, and the
campaign goes on.
"""

import json
import shutil

import pytest

from conftest import SCORE, finish, wait_for
from test_resume import in_stage


@pytest.fixture
def done(repo):
    """A campaign of four experiments that has ended."""
    repo.autoexp("run", "--max-experiments", 4)
    return repo


def fsck(repo, *args, status=0):
    return repo.autoexp("fsck", *args, status=status).stdout


def mend(repo, *words):
    """What is wrong is named, then mended, and then nothing is wrong any more."""
    found = fsck(repo, status=1)
    for word in words:
        assert word in found
    mended = fsck(repo, "--repair")
    assert "mended" in mended and "fault" not in mended
    assert "all is well" in fsck(repo)
    return mended


def go_on(repo, number):
    """The campaign continues to experiment `number`, each number once."""
    repo.autoexp("run", "--max-experiments", number)
    used = [e["n"] for e in repo.events() if e["event"] == "propose"]
    assert used[-1] == number and len(set(used)) == len(used)
    assert "all is well" in fsck(repo)


def spoil(repo, line, change):
    """Change a line of the journal, from 1, and tell what the file was."""
    path = repo.truth / "journal.jsonl"
    text = path.read_bytes()
    lines = text.splitlines(keepends=True)
    lines[line - 1] = change(lines[line - 1])
    path.write_bytes(b"".join(lines))
    return text


def test_a_good_campaign(done):
    before = {p: p.read_bytes() for p in done.truth.iterdir() if p.is_file()}
    said = fsck(done)
    assert said == f"campaign t: {len(done.events())} events, 4 experiments; all is well\n"
    assert fsck(done, "--repair") == said
    after = {p: p.read_bytes() for p in done.truth.iterdir() if p.is_file()}
    del before[done.truth / "lock"], after[done.truth / "lock"]
    assert before == after


def test_json(done):
    (done.derived / "results.tsv").write_text("")
    said = json.loads(fsck(done, "--json", status=1))
    assert said["tag"] == "t" and said["experiments"] == 4 and said["faults"] == 1
    assert [f["kind"] for f in said["findings"]] == ["fault"]
    assert "results.tsv" in said["findings"][0]["text"]
    assert json.loads(fsck(done, "--repair", "--json"))["mended"] == 1


def test_one_wrong_byte(done):
    text = spoil(done, 9, lambda l: l[:30] + bytes([l[30] ^ 4]) + l[31:])
    refused = done.autoexp("run", "--max-experiments", 5, status=1).stderr
    assert "line 9" in refused and "autoexp fsck" in refused
    assert "one byte" in mend(done, "line 9")
    assert (done.truth / "journal.jsonl").read_bytes() == text
    assert (done.truth / "journal.damaged.jsonl").exists()
    go_on(done, 5)


@pytest.mark.parametrize("line", [8, 11, 15, 20])
def test_lost_lines(done, line):
    refs = done.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/autoexp/t")
    hours = done.events()[-2]["active_us"]
    text = spoil(done, line, lambda l: l[:10] + b"\0" * 40 + l[50:])
    mended = mend(done, f"line {line} on", "numbers go on at 0005")
    assert "used of the caps stays used" in mended
    assert (done.truth / "journal.damaged.jsonl").read_bytes() != text
    # The commits of what is forgotten are still there, under their numbers.
    assert done.git("for-each-ref", "--format=%(refname) %(objectname)",
                    "refs/autoexp/t") == refs
    end = done.events()[-1]
    assert end["event"] == "salvage" and end["experiments"] == 4
    assert end["active_us"] >= hours
    # The cap was used up before, and still is.
    said = done.autoexp("run", "--max-experiments", 4)
    assert "max_experiments 4 reached" in said.stdout
    go_on(done, 6)


def test_a_truncated_journal(done):
    """The file system lost the end of the file; git and budget.log know better."""
    path = done.truth / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:12]))
    mend(done, "up to 0004", "it is older")
    go_on(done, 5)


def test_a_journal_from_a_backup(done):
    """Money and hours that only budget.log knows of stay used."""
    path = done.truth / "journal.jsonl"
    old = path.read_bytes()
    done.autoexp("run", "--max-experiments", 6)
    hours = done.events()[-2]["active_us"]
    path.write_bytes(old)
    mend(done, "up to 0006")
    assert done.events()[-1]["active_us"] >= hours - 100000
    go_on(done, 7)


def test_a_lost_first_line(done):
    spoil(done, 1, lambda l: b"?" * 20 + l[20:])
    said = fsck(done, status=1)
    assert "backup" in said and "fault" in said
    text = (done.truth / "journal.jsonl").read_bytes()
    assert "backup" in fsck(done, "--repair", status=1)
    assert (done.truth / "journal.jsonl").read_bytes() == text


def test_a_newer_version(done):
    def change(line):
        event = json.loads(line)
        event["format"] = 2
        return json.dumps(event, separators=(",", ":")).encode() + b"\n"
    spoil(done, 1, change)
    assert "another version" in done.autoexp("run", status=1).stderr


def test_derived_files(done):
    table = (done.derived / "results.tsv").read_text()
    log = (done.derived / "budget.log").read_text()
    (done.derived / "results.tsv").write_text(table.replace("keep", "crash", 1))
    (done.derived / "budget.log").unlink()
    mend(done, "results.tsv", "budget.log")
    assert (done.derived / "results.tsv").read_text() == table
    assert (done.derived / "budget.log").read_text() == log


def test_references(done):
    commits = [done.git("rev-parse", f"refs/autoexp/t/{n:04d}") for n in range(1, 5)]
    done.git("update-ref", "-d", "refs/autoexp/t/0002")
    mend(done, "0002 is gone")
    assert done.git("rev-parse", "refs/autoexp/t/0002") == commits[1]
    done.git("update-ref", "refs/autoexp/t/0003", commits[0])
    # Which of the two is right is for a person to say.
    for args in ((), ("--repair",)):
        assert "0003 names" in fsck(done, *args, status=1)
    done.git("update-ref", "refs/autoexp/t/0003", commits[2])
    assert "all is well" in fsck(done)


def test_a_lost_commit(done):
    done.git("update-ref", "-d", "refs/autoexp/t/0004")
    done.git("update-ref", "-d", "refs/heads/autoexp/t")
    done.git("reflog", "expire", "--expire=now", "--all")
    shutil.rmtree(done.path / ".git/logs", ignore_errors=True)
    done.git("gc", "-q", "--prune=now")
    said = fsck(done, "--repair", status=1)
    assert "experiment 0004" in said and "not in the repository" in said


def test_the_branch(done):
    tip = done.branch()
    done.git("update-ref", "refs/heads/autoexp/t", done.git("rev-parse", "main"))
    mend(done, "the branch autoexp/t")
    assert done.branch() == tip
    done.git("update-ref", "-d", "refs/heads/autoexp/t")
    mend(done, "is gone")
    assert done.branch() == tip
    go_on(done, 5)


def test_a_branch_somebody_uses(done):
    done.git("update-ref", "refs/heads/autoexp/t", done.git("rev-parse", "main"))
    done.git("worktree", "add", "-q", str(done.path.parent / "tree"), "autoexp/t")
    assert "tree" in fsck(done, "--repair", status=1)


def test_an_advance_that_was_torn_off(new_repo):
    """The journal says keep, and a power cut took the word that the branch moves."""
    repo = new_repo()
    repo.standard()
    repo.autoexp("run", "--max-experiments", 4)
    path = repo.truth / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    at = [i for i, e in enumerate(repo.events()) if e["event"] == "advance"][-1]
    number, parent = repo.events()[at]["n"], repo.events()[at]["commit"] + "~1"
    path.write_text("".join(lines[:at]) + lines[at][:25])
    repo.git("update-ref", "refs/heads/autoexp/t", repo.git("rev-parse", parent))
    for later in range(number + 1, 5):
        repo.git("update-ref", "-d", f"refs/autoexp/t/{later:04d}")
    repo.autoexp("run", "--max-experiments", 6)
    repo.consistent()
    assert "all is well" in fsck(repo)


def test_the_configuration(done):
    pinned = done.truth / "config.yaml"
    pinned.write_text(pinned.read_text() + "\n")
    assert "configuration" in fsck(done, "--repair", status=1)


def test_the_private_checkout(done):
    (done.truth / "checkout" / "evaluate.sh").chmod(0o600)
    said = fsck(done)
    assert "note" in said and "private checkout" in said
    go_on(done, 5)


def test_while_it_is_run(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "sleep 2\n")
    process = repo.start("run", "--max-experiments", 1)
    wait_for(lambda: in_stage(repo, "run", 0), what="the first run")
    assert str(process.pid) in repo.autoexp("fsck", status=1).stderr
    finish(process)
    assert "all is well" in fsck(repo)


def test_no_such_campaign(done):
    said = done.autoexp("fsck", "--tag", "other", status=1, tag=False).stderr
    assert "no campaign other" in said
    assert not (done.truth.parent / "other").exists()
