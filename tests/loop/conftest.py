# SPDX-License-Identifier: Apache-2.0
"""
Throw-away repositories, and the program run on them as a user would.

The harness of most tests is a line of shell that computes a number from the target, so that a
whole campaign takes a second. Nothing here reads the configuration of the user who runs the
tests, and everything works as root and as an ordinary user.
"""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AUTOEXP_BUILD", ROOT / "build")).resolve()
AUTOEXP = BUILD / "src" / "autoexp"

# The score is the distance of x from 50: a number in the target that can be improved.
SCORE = """\
x=$(sed -n 's/^x = //p' params.txt)
awk -v x="$x" 'BEGIN { d = x - 50; print "score: " (d < 0 ? -d : d) }'
"""

CONFIG = """\
target: params.txt
harness: sh evaluate.sh
metrics:
  - name: score
    goal: minimize
caps:
  max_experiments: 5
  max_cost_usd: 0
  max_wall_clock_hours: 1
limits:
  wall: 20s
  memory: 128MiB
  pids: 32
  scratch: 16MiB
"""


def environment(home):
    keep = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home)}
    return {**keep, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "T", "GIT_AUTHOR_EMAIL": "t@localhost",
            "GIT_COMMITTER_NAME": "T", "GIT_COMMITTER_EMAIL": "t@localhost"}


@pytest.fixture(scope="session")
def soft(tmp_path_factory):
    """["--soft-limits"] where this host cannot enforce a memory limit, else []."""
    home = tmp_path_factory.mktemp("home")
    probe = subprocess.run([AUTOEXP, "exec", "--memory", "64M", "--", "true"],
                           env=environment(home), capture_output=True, timeout=60)
    if probe.returncode == 0:
        return []
    soft_probe = subprocess.run([AUTOEXP, "exec", "--soft-limits", "--", "true"],
                                env=environment(home), capture_output=True, text=True,
                                timeout=60)
    assert soft_probe.returncode == 0, soft_probe.stderr
    return ["--soft-limits"]


class Repo:
    """One repository with a target, a harness and a configuration, and one campaign in it."""

    def __init__(self, path, home, soft_limits, tag="t"):
        self.path = pathlib.Path(path)
        self.env = environment(home)
        self.soft = soft_limits
        self.tag = tag
        self.path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    # --- the user's side ---

    def git(self, *args, check=True):
        done = subprocess.run(["git", "-C", str(self.path), *args], env=self.env, text=True,
                              capture_output=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name, text, mode=None):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if mode is not None:
            file.chmod(mode)
        return file

    def commit(self, message="change"):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def standard(self, harness=SCORE, target="x = 10\n", config=CONFIG):
        self.write("params.txt", target)
        self.write("evaluate.sh", harness)
        self.write("autoexp.yaml", config)
        return self.commit("start")

    # --- the program's side ---

    def command(self, *args, tag=True):
        args = [str(a) for a in args]
        if tag and self.tag:
            args[1:1] = ["--tag", self.tag]
        if args[0] in ("run", "try"):
            args[1:1] = self.soft
        return [str(AUTOEXP), *args]

    def autoexp(self, *args, status=0, tag=True, timeout=120, cwd=None, env=None, **more):
        done = subprocess.run(self.command(*args, tag=tag), cwd=cwd or self.path,
                              env={**self.env, **(env or {})}, text=True,
                              stdin=more.pop("stdin", subprocess.DEVNULL),
                              capture_output=True, timeout=timeout, **more)
        assert status is None or done.returncode == status, (
            f"{args}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *args, **more):
        return subprocess.Popen(self.command(*args), cwd=self.path, env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    # --- what a campaign leaves ---

    @property
    def truth(self):
        return self.path / ".git" / "autoexp" / self.tag

    @property
    def derived(self):
        return self.path / ".autoexp" / self.tag

    def rows(self):
        lines = (self.derived / "results.tsv").read_text().splitlines()
        header = lines[0].split("\t")
        return [dict(zip(header, line.split("\t"))) for line in lines[1:]]

    def statuses(self):
        return [row["status"] for row in self.rows()]

    def events(self):
        return [json.loads(line) for line in
                (self.truth / "journal.jsonl").read_text().splitlines()]

    def branch(self):
        return self.git("rev-parse", f"refs/heads/autoexp/{self.tag}")

    def run_json(self, number):
        return json.loads((self.derived / "runs" / f"{number:04d}" / "run.json").read_text())

    def best(self):
        return self.git("show", f"autoexp/{self.tag}:params.txt")

    def consistent(self):
        """Every row's commit is reachable, and the branch is at the last keep."""
        rows = self.rows()
        for number, row in enumerate(rows):
            if number:
                ref = self.git("rev-parse", f"refs/autoexp/{self.tag}/{number:04d}")
                assert ref.startswith(row["commit"]), number
                changed = self.git("diff", "--name-only", f"{ref}~1", ref)
                assert changed in ("params.txt", ""), number
        kept = [row["commit"] for row in rows if row["status"] == "keep"]
        if kept:
            assert self.branch().startswith(kept[-1])
        self.git("fsck", "--strict", "--no-dangling")
        return rows


def wait_for(condition, seconds=30, what="condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    pytest.fail(f"{what} did not come true in {seconds} s")


def finish(process, seconds=60):
    """Output of a started supervisor; killed where it does not end."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        pytest.fail(f"still running after {seconds} s:\n{out}\n{err}")
    return out, err


@pytest.fixture
def new_repo(tmp_path, soft):
    def make(name="repo", tag="t"):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return Repo(tmp_path / name, home, soft, tag)
    return make


@pytest.fixture
def repo(new_repo):
    made = new_repo()
    made.standard()
    return made
