# SPDX-License-Identifier: Apache-2.0
"""
How autoexp gets along with systemd. Runs in the machine of `tests/vm/run --systemd` only: as
root in a service whose group is not delegated, with --user in a session as a login makes it.
"""

import importlib.util
import json
import os
import pathlib
import pwd
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AUTOEXP_BUILD", ROOT / "build")).resolve()
AUTOEXP = BUILD / "src" / "autoexp"
IS_ROOT = os.geteuid() == 0
UID = 1234

root_only = pytest.mark.skipif(not IS_ROOT, reason="needs root")
user_only = pytest.mark.skipif(IS_ROOT, reason="needs an ordinary user")
MANAGER = [] if IS_ROOT else ["--user"]


def loop_suite():
    """tests/loop/conftest.py, whose repositories are wanted here too."""
    spec = importlib.util.spec_from_file_location("loop_suite", ROOT / "tests/loop/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


loop = loop_suite()


def pytest_sessionstart(session):
    if os.environ.get("AUTOEXP_VM_SYSTEMD") != "1":
        pytest.exit("run this in the machine of tests/vm/run --systemd", 3)


def pytest_collection_modifyitems(config, items):
    """What is for root is not collected for a user, and the other way round: no skips."""
    gone = [i for i in items if any(m.args and m.args[0] for m in i.iter_markers("skipif"))]
    for item in gone:
        items.remove(item)
    config.hook.pytest_deselected(items=gone)


def autoexp(*args, env=None, timeout=60, **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([AUTOEXP, *map(str, args)], env={**os.environ, **(env or {})},
                          text=True, capture_output=True, timeout=timeout, check=False, **more)


def cgroup_of(pid="self"):
    return pathlib.Path(f"/proc/{pid}/cgroup").read_text().rpartition("::")[2].strip()


def scopes(manager=None):
    """The scopes of autoexp that systemd knows."""
    listed = subprocess.run(["systemctl", *(MANAGER if manager is None else manager),
                             "list-units", "--all", "--plain", "--no-legend", "autoexp-*.scope"],
                            text=True, capture_output=True, check=True)
    return [line.split()[0] for line in listed.stdout.splitlines()]


def until(look, seconds=60, what="it"):
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        time.sleep(0.05)
    return found


class Session:
    """The ordinary user in a session that PAM opens, as a login does; for root to use."""

    ARGV = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-p", f"User={UID}",
            "-p", "PAMName=vm", "-p", "KillMode=mixed", "--"]

    def __init__(self, script):
        self.process = subprocess.Popen([*self.ARGV, "sh", "-c", script], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    @staticmethod
    def all():
        listed = subprocess.run(["loginctl", "--no-legend"], text=True, capture_output=True,
                                check=True)
        return [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]

    def finish(self, status=0):
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == status, out
        return out

    def terminate(self):
        for number in self.all():
            subprocess.run(["loginctl", "terminate-session", number], check=True)
        self.process.communicate(timeout=30)


def manager_runs():
    state = subprocess.run(["systemctl", "is-active", f"user@{UID}.service"], text=True,
                           capture_output=True, check=False)
    return state.stdout.strip() not in ("inactive", "failed", "unknown")


@pytest.fixture
def no_sessions():
    """Nobody of the user's is here, neither before nor after the test."""
    def leave():
        subprocess.run(["loginctl", "disable-linger", str(UID)], check=True)
        for number in Session.all():
            subprocess.run(["loginctl", "terminate-session", number], check=False)
        until(lambda: not Session.all() and not manager_runs(), what="the user's manager's end")
    leave()
    yield
    leave()


class UserRepo(loop.Repo):
    """A campaign's repository that belongs to the ordinary user, seen by root."""

    def __init__(self, path, home):
        super().__init__(path, home, [])
        self.env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                     "GIT_CONFIG_VALUE_0": "*"}

    def hand_over(self):
        user = pwd.getpwuid(UID)
        for top, folders, files in os.walk(self.path.parent):
            for name in [".", *folders, *files]:
                os.lchown(os.path.join(top, name), user.pw_uid, user.pw_gid)

    def script(self, *args):
        """Shell text that runs autoexp on it, for a session."""
        return f"cd {self.path} && HOME={self.path.parent} exec {AUTOEXP} {' '.join(args)}"


@pytest.fixture
def user_repo(no_sessions):
    # pytest's own folders are closed to others.
    top = pathlib.Path(tempfile.mkdtemp(dir="/home/tester"))
    made = UserRepo(top / "repo", top)
    return made


@pytest.fixture
def repo(tmp_path):
    (tmp_path / "home").mkdir()
    made = loop.Repo(tmp_path / "repo", tmp_path / "home", [])
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        if name in os.environ:
            made.env[name] = os.environ[name]
    made.standard()
    return made


def enforcements(made):
    """How the runs of a campaign were held, without repetition."""
    found = set()
    for number in range(len(made.rows())):
        found.add(made.run_json(number)["box"]["enforcement"])
    return found
