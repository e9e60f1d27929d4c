# SPDX-License-Identifier: Apache-2.0
"""A campaign from its first row to its last, and what it must leave alone."""

import hashlib
import json
import os
import re
import shlex
import subprocess

import pytest

from conftest import CONFIG, SCORE

CONSTANT = "echo 'score: 7'\n"


def fingerprint(repo):
    """All a user can see of their checkout, bit by bit."""
    files = {}
    for root, dirs, names in os.walk(repo.path):
        dirs[:] = [d for d in dirs if d not in (".git", ".autoexp")]
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                files[path] = (hashlib.sha256(file.read()).hexdigest(), os.stat(path).st_mode,
                               os.stat(path).st_mtime_ns)
    return (files, (repo.path / ".git/index").read_bytes(),
            (repo.path / ".git/HEAD").read_bytes(), repo.git("rev-parse", "HEAD"),
            repo.git("status", "--porcelain=v2", "--branch", "--ignored=no"))


def test_baseline_keep_and_discard(repo):
    done = repo.autoexp("run")
    rows = repo.consistent()
    assert len(rows) == 6
    assert rows[0]["status"] == "keep" and rows[0]["description"] == "baseline"
    assert float(rows[0]["score"]) == 40
    assert repo.git("rev-parse", "HEAD").startswith(rows[0]["commit"])
    assert {"keep", "discard"} <= {row["status"] for row in rows[1:]}
    best = 40.0
    for row in rows[1:]:
        if row["status"] == "keep":
            assert float(row["score"]) < best
            best = float(row["score"])
        else:
            assert float(row["score"]) >= best
    x = float(repo.best().split(" = ")[1])
    assert abs(x - 50) == best
    assert "max_experiments 5 reached" in done.stdout
    assert "git merge autoexp/t" in done.stdout
    assert str(repo.derived / "results.tsv") in done.stdout
    assert repo.git("status", "--porcelain") == ""


def test_run_json_of_each_experiment(repo):
    repo.autoexp("run", "--max-experiments", 2)
    for number, row in enumerate(repo.rows()):
        record = repo.run_json(number)
        assert record["schema"] == 1
        assert record["box"]["verdict"] == "ok"
        assert record["trial"]["number"] == number
        assert record["trial"]["commit"].startswith(row["commit"])
        assert record["trial"]["metrics"]["score"] == float(row["score"])
        assert record["trial"]["decision"] == row["status"]
        log = repo.derived / "runs" / f"{number:04d}" / "output.log"
        assert log.read_text().startswith("score: ")


def test_budget_log(repo):
    repo.autoexp("run", "--max-experiments", 2)
    lines = (repo.derived / "budget.log").read_text().splitlines()
    assert lines[0].split("\t")[:4] == ["time", "experiment", "kind", "usd"]
    assert [line.split("\t")[2] for line in lines[1:]] == ["compute"] * 3
    hours = [float(line.split("\t")[7]) for line in lines[1:]]
    assert hours == sorted(hours) and hours[-1] > 0


def test_hundred_constant_experiments(new_repo):
    repo = new_repo()
    target = "".join(f"v{i} = {i + 1}.5\n" for i in range(40))
    repo.standard(harness=CONSTANT, target=target,
                  config=CONFIG.replace("max_experiments: 5", "max_experiments: 100"))
    repo.git("status")
    before = fingerprint(repo)
    repo.autoexp("run", timeout=280)
    assert fingerprint(repo) == before
    rows = repo.consistent()
    assert len(rows) == 101
    assert [row["status"] for row in rows] == ["keep"] + ["discard"] * 100
    assert repo.branch() == repo.git("rev-parse", "HEAD")
    assert repo.best() == target.strip()


def test_dirty_checkout_is_not_measured_and_not_touched(repo):
    repo.write("params.txt", "x = 49\n")
    repo.write("evaluate.sh", "echo 'score: 0'\n")
    repo.write("staged.txt", "new\n")
    repo.git("add", "staged.txt")
    before = fingerprint(repo)
    done = repo.autoexp("run", "--max-experiments", 1)
    assert fingerprint(repo) == before
    assert float(repo.rows()[0]["score"]) == 40
    for name in ("params.txt", "evaluate.sh"):
        assert f"{name} has changes that are not committed" in done.stderr


def test_untracked_files_are_not_seen(new_repo):
    repo = new_repo()
    repo.write(".gitignore", "secret\n")
    repo.write("secret", "1\n")
    repo.standard(harness="test ! -e secret && test ! -e .git && echo 'score: 1'\n")
    repo.write("loose", "1\n")
    repo.autoexp("run", "--max-experiments", 1)
    assert repo.statuses()[0] == "keep"


def test_show_and_scratch_paths(new_repo):
    repo = new_repo()
    repo.write(".gitignore", "data\nbuild\n")
    repo.write("data/n", "3\n")
    repo.standard(harness="cp data/n build/n && ! (echo 4 >data/n) 2>/dev/null"
                          " && echo \"score: $(cat build/n)\"\n",
                  config=CONFIG + "show: [data]\nscratch_paths: [build]\n")
    repo.autoexp("run", "--max-experiments", 1)
    assert float(repo.rows()[0]["score"]) == 3
    assert not (repo.path / "build").exists()
    assert (repo.path / "data/n").read_text() == "3\n"


def test_crashes_are_rows_and_the_loop_goes_on(new_repo):
    repo = new_repo()
    # What the candidate does depends on its number: it fails in a new way each time.
    harness = SCORE + """
case $(sed -n 's/^x = //p' params.txt) in
10) ;;
20) python3 -c 'b = bytearray(600 << 20); import time; time.sleep(9)' ;;
30) sleep 60 ;;
40) exit 3 ;;
41) kill -SEGV $$ ;;
esac
"""
    config = CONFIG.replace("wall: 20s", "wall: 5s").replace(
        "harness: sh evaluate.sh", "harness: [sh, evaluate.sh]") + """proposer:
  kind: builtin
  numbers: none
  pool:
    - ["x = 10", "x = 20", "x = 30", "x = 40", "x = 41", "x = 49"]
"""
    repo.standard(harness=harness, config=config.replace("experiments: 5", "experiments: 30"))
    repo.autoexp("run")
    rows = repo.consistent()
    by_target = {}
    for number, row in enumerate(rows):
        ref = f"refs/autoexp/t/{number:04d}" if number else repo.git("rev-parse", "HEAD")
        x = repo.git("show", f"{ref}:params.txt").split(" = ")[1]
        by_target.setdefault(x, row)
    for x, word in (("20", "oom"), ("30", "timeout"), ("40", "status 3"), ("41", "signal")):
        assert by_target[x]["status"] == "crash", by_target[x]
        assert by_target[x]["score"] == "0.0000"
        assert word in by_target[x]["description"], by_target[x]
    assert by_target["49"]["status"] == "keep"
    verdicts = {e["verdict"] for e in repo.events() if e["event"] == "outcome"}
    assert {"ok", "oom", "timeout", "exit", "signal"} <= verdicts


def test_duplicates_are_not_run(new_repo):
    repo = new_repo()
    repo.standard(config=CONFIG.replace("experiments: 5", "experiments: 40") + """proposer:
  kind: builtin
  numbers: none
  pool:
    - ["x = 10", "x = 11"]
""")
    done = repo.autoexp("run")
    events = repo.events()
    runs = [e["n"] for e in events if e["event"] == "run"]
    contents = [e["content"] for e in events if e["event"] == "propose" and e["n"] in runs]
    assert len(contents) == len(set(contents))
    assert len(runs) < 40
    assert "ended" in done.stdout


def test_two_metrics_and_measured_ones(new_repo):
    repo = new_repo()
    repo.standard(harness=SCORE + "echo 'size = 12'\n", config=CONFIG.replace(
        "    goal: minimize\n", "    goal: minimize\n  - name: wall\n    goal: minimize\n"
        "    from: '@wall_ms'\n    max_regression: 1000\n"))
    repo.autoexp("run", "--max-experiments", 1)
    rows = repo.rows()
    assert list(rows[0]) == ["commit", "score", "wall", "status", "description"]
    assert float(rows[0]["wall"]) > 0


def test_metric_by_regex_and_json(new_repo):
    for name, source, pattern in (
            ("regex", "echo 'loss is <3.25> now'", "loss is <([0-9.]+)>"),
            ("json", "echo '{\"a\": {\"b\": [1, 3.25]}}'", "json:a.b[1]")):
        repo = new_repo(name)
        repo.standard(harness=source + "\n", config=CONFIG.replace(
            "    goal: minimize\n", f"    goal: minimize\n    from: '{pattern}'\n"))
        repo.autoexp("run", "--max-experiments", 1)
        assert float(repo.rows()[0]["score"]) == 3.25


def test_take_says_which_of_several(new_repo):
    repo = new_repo()
    repo.standard(harness="for i in 3 1 2; do echo score: $i; done\n",
                  config=CONFIG.replace("minimize\n", "minimize\n    take: last\n"))
    repo.autoexp("run", "--max-experiments", 1)
    assert float(repo.rows()[0]["score"]) == 2


def test_repeat_takes_the_median(new_repo):
    repo = new_repo()
    # Each run sees the clock go on; three values, and the middle one counts.
    repo.standard(harness="sleep 0.1; echo \"score: $(date +%s%N)\"\n",
                  config=CONFIG + "repeat: 3\n")
    repo.autoexp("run", "--max-experiments", 1)
    record = repo.run_json(0)
    assert len(record["repeats"]) == 3
    logs = sorted((repo.derived / "runs" / "0000").glob("output*.log"))
    values = sorted(float(log.read_text().split()[1]) for log in logs)
    assert len(values) == 3
    assert record["trial"]["metrics"]["score"] == values[1]


def test_in_a_subdirectory(new_repo):
    repo = new_repo()
    repo.write("sub/params.txt", "x = 10\n")
    repo.write("sub/evaluate.sh", SCORE)
    repo.write("sub/autoexp.yaml", CONFIG)
    repo.write("other.txt", "1\n")
    repo.commit()
    repo.autoexp("run", "--max-experiments", 1, cwd=repo.path / "sub")
    assert len(repo.rows()) == 2
    changed = repo.git("diff", "--name-only", "refs/autoexp/t/0001~1", "refs/autoexp/t/0001")
    assert changed == "sub/params.txt"
    repo.autoexp("run", "--max-experiments", 2)     # from the pinned configuration
    assert len(repo.rows()) == 3


@pytest.mark.parametrize("name", ["it's $(touch gone).txt", "*.txt", "-n", "ü →.txt"])
def test_the_line_to_copy_can_be_copied(new_repo, name):
    """From the top and from below, whatever the shell and git make of the name."""
    repo = new_repo()
    repo.write(name, "x = 10\n")
    repo.write("other.txt", "x = 10\n")
    repo.write("below/file", "1\n")
    repo.write("evaluate.sh", SCORE.replace("params.txt", shlex.quote(f"./{name}")))
    repo.write("autoexp.yaml", CONFIG.replace("params.txt", json.dumps(name)))
    repo.commit()
    repo.autoexp("run", "--max-experiments", 3)
    assert "keep" in repo.statuses()[1:]
    for cwd in (repo.path, repo.path / "below"):
        shown = repo.autoexp("status", cwd=cwd).stdout
        line = re.search(r"take it .* or +(git checkout .*)", shown)[1]
        repo.git("checkout", "-q", "HEAD", ".")
        subprocess.run(["sh", "-ec", line], cwd=cwd, env=repo.env, check=True)
        best = repo.git("show", f"autoexp/{repo.tag}:{name}")
        assert (repo.path / name).read_text().strip() == best
        assert (repo.path / "other.txt").read_text() == "x = 10\n"
        assert not list(repo.path.rglob("gone*"))


def test_executable_target_keeps_its_mode(new_repo):
    repo = new_repo()
    repo.write("params.txt", "#!/bin/sh\necho score: 5\n", mode=0o755)
    repo.write("evaluate.sh", "./params.txt\n")
    repo.write("autoexp.yaml", CONFIG)
    repo.commit()
    repo.autoexp("run", "--max-experiments", 1)
    assert repo.rows()[0]["status"] == "keep"
    assert repo.git("ls-tree", "refs/autoexp/t/0001", "params.txt").startswith("100755")


def test_target_may_be_written_in_place_but_nothing_else(new_repo):
    repo = new_repo()
    repo.standard(harness="echo 'x = 1' >params.txt && echo score: 1;"
                          " (echo 1 >evaluate.sh) 2>/dev/null && echo score: 2;"
                          " (echo 1 >new) 2>/dev/null && echo score: 3; true\n")
    repo.autoexp("run", "--max-experiments", 1)
    assert float(repo.rows()[0]["score"]) == 1
    assert repo.run_json(0)["box"]["target_changed"] is True
    assert repo.best() == "x = 10"


def test_what_only_the_working_tree_has_is_named(new_repo, tmp_path):
    inner = new_repo("inner")
    inner.write("file", "1\n")
    inner.commit()
    repo = new_repo()
    repo.write("weights.bin", "version https://git-lfs.github.com/spec/v1\n"
               f"oid sha256:{'0' * 64}\nsize 12345\n")
    repo.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path),
             "module")
    repo.standard()
    done = repo.autoexp("run", "--max-experiments", 1)
    assert "weights.bin" in done.stderr and "show: [weights.bin]" in done.stderr
    assert "module" in done.stderr and "show: [module]" in done.stderr
    assert len(repo.consistent()) == 2
