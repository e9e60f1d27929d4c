# SPDX-License-Identifier: Apache-2.0
"""The checker sees what it is for: each kind of damage to a good campaign is named."""

import fcntl
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import pytest

import campaign

FNV_BASIS, FNV_PRIME = campaign.check.FNV_BASIS, campaign.check.FNV_PRIME


def seal(repo, events):
    """A journal of these events, with right numbers and sums."""
    total, lines = FNV_BASIS, []
    for seq, event in enumerate(events, 1):
        event = {"seq": seq, **{k: v for k, v in event.items() if k not in ("seq", "sum")}}
        body = json.dumps(event, separators=(",", ":"))[:-1]
        for byte in body.encode():
            total = (total ^ byte) * FNV_PRIME & (1 << 64) - 1
        lines.append(f'{body},"sum":"{total:016x}"}}\n')
    (repo.truth / "journal.jsonl").write_text("".join(lines))


def of(events, kind, number):
    return next(i for i, e in enumerate(events) if e["event"] == kind and e.get("n") == number)


def double(kind, number):
    def damage(repo):
        events = repo.events()
        at = of(events, kind, number)
        seal(repo, events[:at + 1] + [events[at]] + events[at + 1:])
    return damage


def drop(kind, number):
    def damage(repo):
        events = repo.events()
        del events[of(events, kind, number)]
        seal(repo, events)
    return damage


def behind(kind, number, more):
    """Another event behind one that is there."""
    def damage(repo):
        events = repo.events()
        events.insert(of(events, kind, number) + 1, more(events))
        seal(repo, events)
    return damage


def edit(kind, number, **changes):
    def damage(repo):
        events = repo.events()
        events[of(events, kind, number)].update(changes)
        seal(repo, events)
    return damage


def money(*settled):
    """A call of 5 dollars that is settled as told."""
    def damage(repo):
        events = repo.events()
        at = of(events, "propose", 3)
        cost = {"t": events[at]["t"], "event": "cost", "n": 3, "call": 1, "nano": 5 * 10**9,
                "tokens_in": 1, "tokens_out": 1}
        events[at + 1:at + 1] = [{**cost, "what": what} for what in ("reserve", *settled)]
        seal(repo, events)
    return damage


def lines(name, change):
    def damage(repo):
        file = repo.derived / name
        file.write_text("".join(change(file.read_text().splitlines(keepends=True))))
    return damage


def flip(repo):
    file = repo.truth / "journal.jsonl"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut(repo):
    file = repo.truth / "journal.jsonl"
    file.write_bytes(file.read_bytes()[:-20])


def git(*args):
    return lambda repo: repo.git(*args)


def another_file(repo):
    """The commit of experiment 3, made again with a second file changed."""
    old = repo.git("rev-parse", "refs/autoexp/t/0003")
    env = {**repo.env, "GIT_INDEX_FILE": str(repo.path / ".git" / "other-index")}
    run = lambda *a, **k: subprocess.run(["git", "-C", repo.path, *a], env=env, text=True, check=True,
                                         capture_output=True, **k).stdout.strip()
    run("read-tree", old)
    blob = run("hash-object", "-w", "--stdin", input="score=1\n")
    run("update-index", "--cacheinfo", f"100644,{blob},harness.sh")
    new = run("commit-tree", run("write-tree"), "-p", f"{old}~1", "-m", "more")
    os.unlink(repo.path / ".git" / "other-index")
    replace(repo, old, new)


def another_parent(repo):
    old = repo.git("rev-parse", "refs/autoexp/t/0003")
    base = repo.events()[0]["base"]
    replace(repo, old, repo.git("commit-tree", f"{old}^{{tree}}", "-p", base, "-m", "late"))


def replace(repo, old, new):
    repo.git("update-ref", "refs/autoexp/t/0003", new)
    seal(repo, json.loads(json.dumps(repo.events()).replace(old, new)))
    for file in (repo.derived / "results.tsv", repo.derived / "runs" / "0003" / "run.json"):
        file.write_text(file.read_text().replace(old, new).replace(old[:12], new[:12]))


def write(name, text="damage\n"):
    def damage(repo):
        path = repo.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return damage


def write_old(name):
    def damage(repo):
        write(name)(repo)
        os.utime(repo.path / name, (10**9, 10**9))
    return damage


def remove(name):
    def damage(repo):
        path = repo.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return damage


def rewrite_record(repo):
    file = repo.derived / "runs" / "0002" / "run.json"
    record = json.loads(file.read_text())
    record["trial"]["decision"] = "keep"
    file.write_text(json.dumps(record))


def lose_objects(repo):
    pack = sorted((repo.path / ".git" / "objects" / "pack").glob("*.idx"))[0]
    pack.unlink()
    pack.with_suffix(".pack").unlink()


RUN = {"t": "2026-01-01T00:00:00.000Z", "event": "run", "attempt": 2, "boot_id": "x", "pid": 1}
CHECKOUT = ".git/autoexp/t/checkout/"

DAMAGES = {
    # what happened: (how it is done, what the checker says)
    "a byte of the journal flipped": (flip, "journal: line .* no right sum"),
    "the journal cut short": (cut, "journal: line .* no right sum"),
    "the journal gone": (remove(".git/autoexp/t/journal.jsonl"), "journal: cannot be read"),
    "a decision twice": (double("decide", 2), "journal: experiment 2 decided twice"),
    "an outcome twice": (double("outcome", 2), "journal: experiment 2 (measured|has an outcome)"),
    "a proposal twice": (double("propose", 2), "journal: experiment 2 proposed twice"),
    "a commit twice": (double("commit", 2), "journal: experiment 2 committed twice"),
    "a run after the verdict": (behind("outcome", 2, lambda e: {**RUN, "n": 2}),
                                "journal: experiment 2 run again after its verdict"),
    "a run after the decision": (behind("decide", 2, lambda e: {**RUN, "n": 2}),
                                 "journal: experiment 2 run again after its verdict"),
    "an attempt not counted": (edit("run", 2, attempt=3), "journal: experiment 2: attempt 3 follows 0"),
    "a decision missing": (drop("decide", 2), "journal: .* before \\[2\\] ended"),
    "the last decision missing": (drop("decide", 3), "journal: experiment \\[3\\] was left"),
    "a number left out": (edit("propose", 3, n=4), "journal: experiment 4 proposed where 3 belongs"),
    "the branch not advanced": (drop("advance", 1), "journal: .* kept, and the branch never advanced"),
    "the branch advanced to a discard":
        (behind("decide", 3, lambda e: {**e[of(e, "advance", 1)], "n": 3,
                                        "commit": e[of(e, "commit", 3)]["commit"]}),
         "journal: .* advanced to .* not what was kept last"),
    "time given back": (edit("outcome", 3, active_us=1), "budget: .* hours went back"),
    "a call settled twice": (money("spend", "spend"), "budget: call 1 settled twice"),
    "a call reserved twice": (money("reserve"), "budget: call 1 reserved twice"),
    "money not in budget.log": (money("spend"), "budget.log: 4 rows where the journal has 6"),
    "a row missing": (lines("results.tsv", lambda r: r[:2] + r[3:]), "results.tsv: 3 rows"),
    "a row twice": (lines("results.tsv", lambda r: r + r[-1:]), "results.tsv: 5 rows"),
    "a row cut short": (lines("results.tsv", lambda r: r[:-1] + [r[-1][:9]]),
                        "results.tsv: the last line is cut short"),
    "another status": (lines("results.tsv", lambda r: [x.replace("discard", "keep") for x in r]),
                       "results.tsv: row 3 is .* keep, not .* discard"),
    "another number": (lines("results.tsv", lambda r: [x.replace("\t9\t", "\t1\t") for x in r]),
                       "results.tsv: row 3 has"),
    "another column": (lines("results.tsv", lambda r: [r[0].replace("score", "x"), *r[1:]]),
                       "results.tsv: has the columns"),
    "no table": (remove(".autoexp/t/results.tsv"), "results.tsv: cannot be read"),
    "a charge missing": (lines("budget.log", lambda r: r[:-1]), "budget.log: 3 rows"),
    "a charge changed": (lines("budget.log", lambda r: [x.replace("0.00\t0.00", "0.00\t7.00")
                                                        for x in r]), "budget.log: has"),
    "a record gone": (remove(".autoexp/t/runs/0001/run.json"), "run.json: of 1 cannot be read"),
    "a record of another decision": (rewrite_record, "run.json: of 2 has"),
    "a record of nothing": (write(".autoexp/t/runs/0007/run.json"), "run.json: runs/0007 is of no experiment"),
    "a reference gone": (git("update-ref", "-d", "refs/autoexp/t/0002"),
                         "reference: 0002 is missing"),
    "a reference moved": (git("update-ref", "refs/autoexp/t/0002", "HEAD"),
                          "reference: 0002 is at"),
    "a reference too many": (git("update-ref", "refs/autoexp/t/0009", "HEAD"),
                             "reference: 0009 is of no experiment"),
    "the branch moved": (git("update-ref", "refs/heads/autoexp/t", "HEAD"), "branch: is at"),
    "the branch gone": (git("branch", "-D", "autoexp/t"), "branch: is at None"),
    "a commit of two files": (another_file, "commit: of 3 changes .*harness.sh"),
    "a commit on another one": (another_parent, "commit: of 3 is on"),
    "another proposal than committed": (edit("propose", 2, content="0" * 40),
                                        "commit: of 2 holds another content"),
    "objects gone": (lose_objects, "objects: "),
    "a file of the checkout changed": (write(CHECKOUT + "harness.sh"),
                                       "checkout: harness.sh is not what the base has"),
    "a file of the checkout gone": (remove(CHECKOUT + "data/deep"),
                                    "checkout: data/deep/table.txt is missing"),
    "a file too many in the checkout": (write(CHECKOUT + "sneaked.txt"),
                                        "checkout: sneaked.txt is not part of the base"),
    "no checkout": (remove(CHECKOUT), "checkout: is not there"),
    "a target of the user changed": (write("target.sh"), "user: files"),
    "a file of the user gone": (remove("harness.sh"), "user: files"),
    "a file added": (write("new.txt"), "user: files"),
    "the index changed": (git("rm", "-q", "--cached", "harness.sh"), "user: index"),
    "HEAD moved": (git("checkout", "-q", "-b", "elsewhere"), "user: HEAD"),
    "a branch of the user moved": (git("tag", "v1"), "user: references"),
    "a lock of git left": (write(".git/refs/heads/autoexp/t.lock"), "leftover: .*t.lock"),
    "half a checkout left": (write(".git/autoexp/t/checkout.tmp/x"), "leftover: .*checkout.tmp"),
    "a temporary table left": (write(".autoexp/t/results.tsv.tmp~"), "leftover: .*tmp~"),
    "half a record left": (write(".autoexp/t/runs/0002/run.json~"), "leftover: .*run.json~"),
    "half a pack left for days": (write_old(".git/objects/pack/pack_git2_0a1b"),
                                  "leftover: .*pack_git2_"),
}


@pytest.fixture
def repo(done, tmp_path):
    repo = done.copy(tmp_path / "repo")
    repo.user = done.user
    return repo


def found_by(repo, killed=False):
    return campaign.check.Check(repo.path, repo.tag, killed, repo.user).run()


def run_check(repo, *args):
    user = repo.path.parent / "user.json"
    user.write_text(json.dumps(repo.user))
    return subprocess.run([sys.executable, "-B", campaign.HERE / "check", "--user", user, *args,
                           repo.path, repo.tag], text=True, capture_output=True, timeout=60,
                          env=repo.env)


def test_nothing_is_wrong_with_a_good_campaign(repo):
    assert repo.statuses() == ["keep", "keep", "crash", "discard"]
    checked = run_check(repo)
    assert (checked.returncode, checked.stdout) == (0, "everything is there, once\n")
    assert run_check(repo, "--killed").returncode == 0


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_named(repo, what):
    damage, says = DAMAGES[what]
    damage(repo)
    found = found_by(repo)
    assert any(re.match(says, line) for line in found), found


def test_the_program_says_it_with_its_status(repo):
    DAMAGES["a charge missing"][0](repo)
    checked = run_check(repo)
    assert (checked.returncode, checked.stdout) == \
        (1, "budget.log: 3 rows where the journal has 4\n")


def test_a_held_lock_is_named(repo):
    with open(repo.truth / "lock", "rb+") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        assert found_by(repo) == ["lock: is still held"]


def test_a_process_left_is_named(repo, tmp_path):
    program = tmp_path / "autoexp-loop"
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([program, "60"], cwd=repo.path) as process:
        try:
            assert found_by(repo) == [f"process: {process.pid} is left of the campaign"]
        finally:
            process.kill()


@pytest.mark.parametrize("what", ["the journal cut short", "a temporary table left",
                                  "a lock of git left", "no table", "a row missing",
                                  "no checkout"])
def test_what_a_kill_may_leave_is_accepted_after_one(repo, what):
    damage, _ = DAMAGES[what]
    if what == "a row missing":
        damage = lines("results.tsv", lambda r: r[:-1])
    damage(repo)
    assert found_by(repo, killed=True) == []
