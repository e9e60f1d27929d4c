# SPDX-License-Identifier: Apache-2.0
"""Campaigns below systemd: where they run, and what a logout does to them."""

import os
import signal
import subprocess
import time

import pytest

from conftest import (AUTOEXP, IS_ROOT, UID, Session, cgroup_of, enforcements, loop, manager_runs,
                      root_only, scopes, until, user_only)

SLOW = loop.SCORE + "sleep 1\n"


def has_row(made):
    return (made.derived / "results.tsv").exists() and bool(made.rows())


# --- one that somebody waits for ---------------------------------------------------------


def test_all_of_a_campaign_is_in_one_scope(repo):
    repo.standard(harness=SLOW)
    process = repo.start("run", "--max-experiments", 2,
                         *([] if IS_ROOT else ["--until-logout"]))
    until(lambda: has_row(repo), 60, "the baseline")
    group = cgroup_of(process.pid)
    assert "/autoexp-" in group and group.endswith(".scope/supervisor")
    assert len(scopes()) == 1
    out, err = loop.finish(process, 120)
    assert process.returncode == 0, err
    assert len(repo.consistent()) == 3
    assert enforcements(repo) == {"cgroup2"}
    until(lambda: scopes() == [], what="the end of the scope")


@user_only
def test_run_refuses_what_a_logout_would_end(repo):
    done = repo.autoexp("run", status=1)
    assert "loginctl enable-linger" in done.stderr
    assert "--until-logout" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not repo.truth.exists() and not repo.derived.exists()
    assert repo.git("branch", "--list", "autoexp/*") == ""


@user_only
def test_one_experiment_needs_no_lingering(repo):
    repo.write("params.txt", "x = 20\n")
    assert repo.autoexp("try", status=0).stderr == ""
    assert enforcements(repo) == {"cgroup2"}


@user_only
def test_with_soft_limits_a_campaign_stays_in_its_session(repo):
    """The session's processes may outlive it, those of the user's manager do not."""
    repo.standard(harness=SLOW)
    process = repo.start("run", "--soft-limits")
    until(lambda: has_row(repo), 60, "the baseline")
    assert cgroup_of(process.pid) == cgroup_of()
    assert scopes() == []
    process.send_signal(signal.SIGTERM)
    loop.finish(process)
    assert enforcements(repo) == {"soft"}


# --- logout --------------------------------------------------------------------------------


def users_processes():
    """What runs as the user: command lines by pid."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == UID:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    found[int(name)] = file.read().split(b"\0")
        except OSError:
            pass
    return found


def campaign_runs():
    return any(words[1:2] == [b"run"] for words in users_processes().values())


def log_in_and_start(made, *options):
    """A session that starts a campaign in the background and stays open."""
    made.standard(harness=SLOW, config=loop.CONFIG.replace("max_experiments: 5",
                                                           "max_experiments: 4"))
    made.hand_over()
    command = f"setsid nohup {AUTOEXP} run --tag t {' '.join(options)} >{made.path.parent}/log 2>&1"
    session = Session(f"cd {made.path}; export HOME={made.path.parent}; {command} & sleep 600")

    def first_row():
        log = made.path.parent / "log"
        assert session.process.poll() is None, session.process.communicate()
        assert campaign_runs() or not log.exists() or not log.read_text(), log.read_text()
        return has_row(made)
    until(first_row, 60, "the baseline")
    return session


@root_only
def test_with_lingering_a_campaign_outlives_the_session(user_repo):
    subprocess.run(["loginctl", "enable-linger", str(UID)], check=True)
    session = log_in_and_start(user_repo)
    session.terminate()
    until(lambda: Session.all() == [], what="the session's end")
    time.sleep(3)
    assert manager_runs()
    until(lambda: not campaign_runs(), 90, "the campaign's end")
    assert len(user_repo.consistent()) == 5, (user_repo.path.parent / "log").read_text()
    assert enforcements(user_repo) == {"cgroup2"}


@root_only
def test_without_lingering_a_campaign_ends_cleanly_with_the_session(user_repo):
    session = log_in_and_start(user_repo, "--until-logout")
    rows = len(user_repo.rows())
    session.terminate()
    until(lambda: not manager_runs(), what="the manager's end")
    until(lambda: users_processes() == {}, 5, "the end of the user's processes")
    # systemd tidies up when it comes to it.
    until(lambda: not os.path.exists(f"/sys/fs/cgroup/user.slice/user-{UID}.slice"),
          what="the end of the slice")
    # Whatever the end hit was not the experiment's fault.
    assert "crash" not in user_repo.statuses()
    assert rows <= len(user_repo.rows()) < 5
    # The next run goes on where it was.
    done = Session(user_repo.script("run", "--tag", "t", "--until-logout"))
    done.finish()
    assert len(user_repo.consistent()) == 5
    assert "crash" not in user_repo.statuses()


@root_only
def test_a_user_without_a_session_is_told_what_is_missing(user_repo):
    user_repo.standard()
    user_repo.hand_over()
    done = subprocess.run([AUTOEXP, "run", "--tag", "t"], cwd=user_repo.path, env=user_repo.env,
                          user=UID, group=UID, extra_groups=[], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == 1
    assert f"loginctl enable-linger {UID}" in done.stdout + done.stderr


@root_only
@pytest.mark.parametrize("way", ["su", "variables removed"])
def test_a_lingering_user_without_a_bus_variable_can_run(user_repo, way):
    user_repo.standard()
    user_repo.hand_over()
    subprocess.run(["loginctl", "enable-linger", str(UID)], check=True)
    until(lambda: os.path.exists(f"/run/user/{UID}/systemd/private"), what="the manager")
    command = user_repo.script("run", "--tag", "t", "--max-experiments", "1")
    if way == "su":
        argv = ["su", "-s", "/bin/sh", "tester", "-c", command]
        user = {}
    else:
        argv = ["sh", "-c", command]
        user = {"user": UID, "group": UID, "extra_groups": []}
    done = subprocess.run(argv, env=user_repo.env, **user, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert enforcements(user_repo) == {"cgroup2"}
