# SPDX-License-Identifier: Apache-2.0
"""The comparison itself: what it says of no sandbox, of one, and of what is not installed."""

import pathlib
import subprocess

import pytest

import suite

HERE = pathlib.Path(__file__).parent


def called(program, *arguments):
    return subprocess.run([HERE / program, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def test_compare_tells_a_box_from_none():
    done = called("compare", "--runner", "autoexp", "--runner", "none", "--only", "F7c",
                  "--only", "P26a")
    if not suite.IS_ROOT:
        assert done.returncode == 2 and "as root" in done.stdout
        return
    assert done.returncode == 0, done.stdout
    assert "| F7c | find a secret in the own environment | held | escaped |" in done.stdout
    assert "| P26a | kill a process of the host | held | n/a |" in done.stdout


def test_a_command_that_is_no_sandbox_is_found_out():
    done = called("run", "--runner", "env {}", "--only", "F7c")
    assert done.returncode == 1, done.stdout
    assert "escaped  F7c" in done.stdout


def test_a_command_that_does_not_run_the_payload_is_named():
    done = called("run", "--runner", "false", "--only", "F7c")
    assert done.returncode == 2 and "false does not work here" in done.stdout


def test_an_unknown_promise_is_refused():
    done = called("run", "--runner", "env", "--promises", "tree,luck")
    assert done.returncode == 1 and "no promise 'luck'" in done.stdout


@pytest.mark.skipif(not suite.IS_ROOT, reason="native: only root's run moves to a place")
def test_what_a_users_manager_starts_has_no_place_on_this_machine():
    done = called("run", "--runner", "systemd-run", "--only", "F7c")
    assert done.returncode == 1 and "tests/vm/run --systemd" in done.stdout
