# SPDX-License-Identifier: Apache-2.0
"""Ends that come together: one documented order, decided by what the kernel counted."""

import pytest

from conftest import HARD, hard_only, payload

MIB = 1 << 20
SOON = ["200ms", "400ms", "600ms", "800ms", "1200ms"]


def counted(box):
    return box.record["evidence"]["memory.events"]["oom_kill"]


def consistent(box):
    """Whatever won the race, verdict, status and evidence tell the same story."""
    by = box.record["evidence"]["kill"]["by"]
    if box.record["verdict"] == "oom":
        assert (box.status, counted(box) > 0 or by == "memory watchdog") == (137, True), box
    elif box.record["verdict"] == "timeout":
        assert (box.status, by, counted(box)) == (124, "wall limit", 0), box
    else:
        assert (box.record["verdict"], counted(box)) == ("cpu-limit", 0), box
    return box.record["verdict"]


@pytest.mark.parametrize("wall", SOON)
def test_the_time_is_up_while_memory_runs_out(exec_box, wall):
    options = ["--wall", wall, "--memory", "48M"]
    assert consistent(exec_box(payload("hog"), "self", 4000, options=options)) != "cpu-limit"


@hard_only
def test_the_kernels_kill_beats_our_own_that_came_later(exec_box):
    """The hog is killed, and the rest of its tree with it, before the wall limit comes."""
    script = f"{payload('hog')} self 200; sleep 60"
    box = exec_box("sh", "-c", script,
                   options=["--memory", "48M", "--wall", "5s", "--show", payload("hog")])
    assert (consistent(box), box.record["wall_us"] < 4500000) == ("oom", True), box


@hard_only
@pytest.mark.parametrize("end", ["exit 0", "exit 137", "kill -KILL $$", "kill -SEGV $$"])
def test_out_of_memory_whatever_the_main_process_makes_of_it(exec_box, end):
    script = f"{payload('hog')} self 200; {end}"
    box = exec_box("sh", "-c", script, options=["--memory", "48M", "--show", payload("hog")])
    assert (box.record["verdict"], box.status) == ("oom", 137), box
    assert counted(box) >= 1


@pytest.mark.parametrize("end, verdict, status", [
    ("exit 137", "exit", 137), ("kill -KILL $$", "signal", 137), ("exit 0", "ok", 0),
])
def test_close_to_the_limit_is_not_over_it(exec_box, end, verdict, status):
    script = f"timeout 1 {payload('hog')} self 32 >/dev/null; {end}"
    box = exec_box("sh", "-c", script, options=["--memory", "64M", "--show", payload("hog")])
    assert (box.record["verdict"], box.status, counted(box)) == (verdict, status, 0), box


@pytest.mark.parametrize("wall", SOON)
def test_wall_and_cpu_time_at_the_same_moment(exec_box, wall):
    box = exec_box("sh", "-c", "while :; do :; done", options=["--wall", wall, "--cpu-time", wall])
    limits = box.record["limits"]
    assert box.status == 124
    if box.record["verdict"] == "timeout":
        assert limits["wall"]["hit"]
    else:
        assert (box.record["verdict"], limits["cpu_time"]["hit"]) == ("cpu-limit", True), box


def test_a_command_that_ends_at_its_wall_limit_has_one_end_or_the_other(exec_box):
    seen = set()
    for length in ("0.28", "0.29", "0.30", "0.31", "0.32"):
        box = exec_box("sleep", length, options=["--wall", "300ms"])
        seen.add(box.record["verdict"])
        expected = {"ok": (0, "nobody", False), "timeout": (124, "wall limit", True)}
        assert (box.status, box.record["evidence"]["kill"]["by"],
                box.record["limits"]["wall"]["hit"]) == expected[box.record["verdict"]], box
        assert (box.record["verdict"] == "timeout") == (box.record["wall_us"] >= 300000)
    assert "timeout" in seen


def test_refused_forks_explain_an_end_and_are_none(exec_box):
    script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; exit 7"
    box = exec_box("bash", "-c", script, options=["--pids", "4"])
    assert box.record["verdict"] in ("exit", "pids-limit")
    if HARD:
        assert (box.record["verdict"], box.record["limits"]["pids"]["hit"]) == ("exit", True)
        assert "pids limit of 4" in box.record["reason"]


def test_killed_by_the_filter_with_a_full_output(exec_box):
    box = exec_box("sh", "-c", f"head -c 70000 /dev/zero; exec {payload('foreign')} x32",
                   options=["--output", "64K", "--show", payload("foreign")])
    assert (box.record["verdict"], box.status) == ("violation", 159), box
    assert box.record["limits"]["output"]["hit"]
    box = exec_box("sh", "-c", f"head -c 70000 /dev/zero; exec {payload('foreign')} x32",
                   options=["--output", "64K", "--show", payload("foreign"), "--kill-on",
                            "output"])
    assert (box.record["verdict"], box.status) == ("output-limit", 123), box
