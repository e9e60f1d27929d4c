# SPDX-License-Identifier: Apache-2.0
"""What the commands that only look print; tags; what a configuration reaches for."""

import json
import os
import pty
import time

import pytest

from conftest import CONFIG, SCORE, finish, wait_for
from test_resume import in_stage


@pytest.fixture
def done_repo(repo):
    repo.autoexp("run", "--max-experiments", 3)
    return repo


# --- looking ---

def test_results(done_repo):
    text = done_repo.autoexp("results").stdout.splitlines()
    assert text[0].split() == ["N", "commit", "score", "status", "description"]
    assert len(text) == 5
    for number, (line, row) in enumerate(zip(text[1:], done_repo.rows())):
        assert line.split()[:2] == [f"{number:04d}", row["commit"]]
        assert row["status"] in line and row["description"] in line
    rows = json.loads(done_repo.autoexp("results", "--json").stdout)
    assert [r["number"] for r in rows] == [0, 1, 2, 3]
    assert [r["status"] for r in rows] == done_repo.statuses()
    assert [r["metrics"]["score"] for r in rows] == [float(r["score"])
                                                     for r in done_repo.rows()]


def test_show(done_repo):
    for number in ("1", "0001"):
        text = done_repo.autoexp("show", number).stdout
        row = done_repo.rows()[1]
        assert "0001 of campaign t" in text and row["description"] in text
        assert f"{row['status']}:" in text and row["commit"] in text
        assert "score" in text and "| score: " in text
        assert str(done_repo.derived / "runs" / "0001") in text
    assert json.loads(done_repo.autoexp("show", "1", "--json").stdout) == done_repo.run_json(1)
    done = done_repo.autoexp("show", 9, status=1)
    assert "0009" in done.stderr and "0003" in done.stderr
    done_repo.autoexp("show", "x", status=2)
    done_repo.autoexp("show", status=2)


def test_show_escapes_what_stands_in_the_record(done_repo):
    path = done_repo.derived / "runs" / "0002" / "run.json"
    before = path.read_text()
    record = json.loads(before)
    record["box"]["enforcement"] = "soft\x1b[2J"
    record["box"]["limits"] = {"wall\nstatus keep": {"enforced_by": "\x1b]0;x\x07", "hit": True}}
    path.write_text(json.dumps(record))
    try:
        text = done_repo.autoexp("show", 2).stdout
    finally:
        path.write_text(before)
    assert "\x1b" not in text and "\x07" not in text and "\nstatus keep" not in text
    assert "enforcement soft\\x1b[2J, wall\\x0astatus keep \\x1b]0;x\\x07 (hit)\n" in text


def test_diff(done_repo):
    text = done_repo.autoexp("diff", "0001").stdout
    assert "-x = 10\n" in text and "\n+x = " in text and "params.txt" in text
    assert "changes nothing" in done_repo.autoexp("diff", 0).stderr
    done_repo.autoexp("diff", 9, status=1)
    done_repo.autoexp("diff", status=2)


def test_status(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "sleep 0.5\n")
    assert "no campaign" in repo.autoexp("status", status=1).stderr
    process = repo.start("run", "--max-experiments", 2)
    wait_for(lambda: in_stage(repo, "run", 1), what="experiment 1")
    said = json.loads(repo.autoexp("status", "--json").stdout)
    assert said["running"]["pid"] == process.pid
    assert said["pending"]["number"] == 1 and said["pending"]["stage"] == "running"
    assert f"pid {process.pid}" in repo.autoexp("status").stdout
    finish(process)
    said = json.loads(repo.autoexp("status", "--json").stdout)
    assert said["running"] is None and said["pending"] is None
    assert said["baseline"]["metrics"] == {"score": 40.0}
    assert said["used"]["max_experiments"] == 2
    assert said["caps"] == {"max_experiments": 2, "max_cost_usd": 0.0,
                            "max_wall_clock_hours": 1.0}
    assert said["branch"] == repo.branch()
    text = repo.autoexp("status").stdout
    assert "2 of 2 experiments" in text and "max_experiments 2 reached" in text


def test_looking_writes_nothing(done_repo):
    def listing():
        found = {}
        for root, _, names in os.walk(done_repo.path):
            for name in names:
                path = os.path.join(root, name)
                found[path] = (os.stat(path).st_mtime_ns, os.stat(path).st_size)
        return found
    before = listing()
    time.sleep(0.02)
    for args in (["results"], ["status"], ["show", "1"], ["diff", "1"], ["stop"]):
        done_repo.autoexp(*args)
    assert listing() == before


# --- tags ---

def campaigns(repo):
    return [path.parent.name for path in (repo.path / ".git/autoexp").glob("*/journal.jsonl")]


def test_default_tag_is_target_and_date(repo):
    repo.tag = None
    before = time.strftime("%Y%m%d")
    repo.autoexp("run", "--max-experiments", 1)
    after = time.strftime("%Y%m%d")
    (tag,) = campaigns(repo)
    assert tag in (f"params-{before}", f"params-{after}")


def test_the_only_campaign_is_meant(done_repo):
    done_repo.tag, tag = None, done_repo.tag
    done_repo.autoexp("run", "--max-experiments", 4)
    assert campaigns(done_repo) == [tag]
    assert len(done_repo.autoexp("results").stdout.splitlines()) == 6


def test_several_campaigns_must_be_named(done_repo):
    done_repo.tag = "u"
    done_repo.autoexp("run", "--max-experiments", 1)
    done_repo.tag = None
    done = done_repo.autoexp("results", status=1)
    assert "--tag" in done.stderr and " t u" in done.stderr


def test_tag_of_the_configuration(new_repo):
    repo = new_repo()
    repo.standard(config=CONFIG + "tag: night\n")
    repo.tag = None
    repo.autoexp("run", "--max-experiments", 1)
    assert campaigns(repo) == ["night"]
    repo.autoexp("results")


@pytest.mark.parametrize("tag", ["a/b", "..", "-x", "a b", "x.lock", ""])
def test_impossible_tags(repo, tag):
    repo.tag = None
    done = repo.autoexp("run", f"--tag={tag}", status=2)
    assert "tag" in done.stderr
    assert repo.git("for-each-ref", "refs/heads/autoexp") == ""


# --- what reaches outside the box ---

@pytest.mark.parametrize("reach", ["network: host\n", "env: [SECRET]\n", "show: [/usr/share]\n",
                                   "policy: ./policy.yaml\n"])
def test_reaching_outside_must_be_accepted_once(new_repo, reach):
    repo = new_repo()
    repo.write("policy.yaml", "limits:\n  pids: 20\n  output: 1M\n")
    repo.standard(harness='echo "score: ${SECRET:-1}"\n', config=CONFIG + reach)
    done = repo.autoexp("run", status=2)
    assert "--trust" in done.stderr and reach.split(":")[0] in done.stderr
    assert not repo.truth.exists()
    repo.autoexp("run", "--trust", "--max-experiments", 1, env={"SECRET": "5"})
    assert float(repo.rows()[0]["score"]) == (5 if "SECRET" in reach else 1)
    repo.autoexp("run", "--max-experiments", 2)      # remembered
    repo.tag = "u"
    repo.autoexp("run", "--max-experiments", 1)
    repo.write("autoexp.yaml", CONFIG + reach + "# another version\n")
    repo.tag = "v"
    repo.autoexp("run", status=2)


def test_policy_fills_what_the_configuration_does_not_write(new_repo):
    repo = new_repo()
    repo.write("rules/strict.yaml", "limits:\n  pids: 20\n  output: 1M\n")
    repo.standard(config=CONFIG + "policy: rules/strict.yaml\n")
    done = repo.autoexp("run", "--trust", "--max-experiments", 1)
    limits = repo.run_json(1)["box"]["limits"]
    assert limits["pids"]["value"] == 32            # the configuration's
    assert limits["output"]["value"] == 1 << 20     # the policy's
    assert "output 1MiB" in done.stdout
    repo.write("rules/strict.yaml", "limits:\n  output: 2M\n")
    done = repo.autoexp("run", "--max-experiments", 2, status=2)    # another version of it
    assert "--trust" in done.stderr


@pytest.mark.parametrize("changed", ["rules/base.yaml", "rules/calls.json"])
def test_what_a_policy_is_made_of_is_accepted_with_it(new_repo, changed):
    repo = new_repo()
    profile = '{"defaultAction": "SCMP_ACT_ALLOW"%s}'
    repo.write("rules/base.yaml", "limits:\n  output: 1M\n")
    repo.write("rules/calls.json", profile % "")
    repo.write("rules/mine.yaml", "extends: ./base.yaml\nseccomp: {profile: ./calls.json}\n")
    repo.standard(config=CONFIG + "policy: rules/mine.yaml\n")
    repo.autoexp("run", "--trust", "--max-experiments", 1)
    repo.autoexp("run", "--max-experiments", 2)
    repo.write(changed, "limits:\n  output: 2M\n" if "base" in changed
               else profile % ', "comment": "another"')
    done = repo.autoexp("run", "--max-experiments", 3, status=2)
    assert "--trust" in done.stderr


def test_asks_on_a_terminal(new_repo):
    for answer, status in ((b"n\n", 2), (b"y\n", 0)):
        repo = new_repo(f"repo-{status}")
        repo.standard(config=CONFIG + "env: [LANG]\n")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(repo.path)
            os.execve(repo.command("run")[0], repo.command("run", "--max-experiments", 1),
                      repo.env)
        shown = b""
        answered = False
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            shown += part
            if b"[y/N]" in shown and not answered:
                answered = True
                os.write(terminal, answer)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status, shown
        os.close(terminal)
        assert b"env: LANG" in shown
        assert repo.truth.exists() == (status == 0)


def test_staying_inside_needs_no_question(new_repo):
    repo = new_repo()
    repo.write(".gitignore", "data\n")
    repo.write("data/n", "3\n")
    repo.standard(config=CONFIG + f"show: [data]\nscratch_paths: [build]\n")
    repo.autoexp("run", "--max-experiments", 1)


def test_trust_that_cannot_be_kept_is_said_and_holds_for_now(new_repo, tmp_path):
    repo = new_repo()
    repo.standard(config=CONFIG + "env: [LANG]\n")
    (tmp_path / "file").write_text("")
    nowhere = {"XDG_STATE_HOME": str(tmp_path / "file" / "state")}
    done = repo.autoexp("run", "--trust", "--max-experiments", 1, env=nowhere)
    assert "cannot remember" in done.stderr and "asks again" in done.stderr
    assert len(repo.rows()) == 2


def test_trust_is_kept_where_xdg_says(new_repo, tmp_path):
    repo = new_repo()
    repo.standard(config=CONFIG + "env: [LANG]\n")
    state = tmp_path / "state"
    repo.autoexp("run", "--trust", "--max-experiments", 1, env={"XDG_STATE_HOME": str(state)})
    (line,) = (state / "autoexp" / "trusted").read_text().splitlines()
    assert line == repo.git("hash-object", "autoexp.yaml")
    assert ((state / "autoexp" / "trusted").stat().st_mode & 0o077) == 0
