# SPDX-License-Identifier: Apache-2.0
"""Refused system calls are counted, with who tried them, and a flood of them disturbs nobody."""

import os
import resource
import signal
import subprocess
import time

import pytest

from conftest import AUTOEXP, IN_VM, payload


def denied(box):
    return {name: entry["count"] for name, entry in box.record["denied_syscalls"].items()}


def test_an_ordinary_command_is_refused_nothing(exec_box):
    box = exec_box("sh", "-c", "ls / >/dev/null; python3 -c pass; echo a | cat")
    assert box.record["denied_syscalls"] == {}


def test_refused_calls_are_counted_by_name_with_who_tried(exec_box):
    box = exec_box("sh", "-c", "unshare -U true; unshare -n true; mount -t tmpfs x /tmp; true")
    calls = box.record["denied_syscalls"]
    assert calls["unshare"] == {"count": 2, "throttled": False, "by": ["unshare"]}
    assert calls["mount"]["count"] >= 1
    assert calls["mount"]["by"] == ["mount"]
    assert box.stderr.count("Operation not permitted") == 2


def test_refusals_that_depend_on_arguments_are_counted_too(exec_box):
    box = exec_box(payload("denied"), "rules")
    # Namespaces by clone, terminal input by ioctl, limits and scheduling of others.
    assert {"clone", "ioctl", "setrlimit", "prlimit64", "setpriority"} <= denied(box).keys()


def test_what_is_refused_with_another_errno_is_not_counted(exec_box):
    script = ("import socket\n"
              "for family in (socket.AF_PACKET, socket.AF_ALG):\n"
              "    try: socket.socket(family, socket.SOCK_SEQPACKET)\n"
              "    except OSError as error: print(error.errno)")
    box = exec_box("python3", "-c", script)
    assert box.stdout == "97\n97\n"
    assert box.record["denied_syscalls"] == {}


def test_a_name_is_text_whatever_the_process_calls_itself(exec_box):
    script = ("import ctypes\n"
              "libc = ctypes.CDLL(None)\n"
              "for name in (b'a\\nb', b'\\xff\\x1b[2J', b'\"', b'x' * 15, b'fifth'):\n"
              "    libc.prctl(15, name, 0, 0, 0)\n"
              "    libc.chroot(b'/')")
    box = exec_box("python3", "-c", script)
    entry = box.record["denied_syscalls"]["chroot"]
    assert (entry["count"], len(entry["by"])) == (5, 4)
    assert entry["by"][0] == "a"
    assert "\x1b" not in "".join(entry["by"])


def test_the_first_thousand_are_quick_and_the_rest_slow(exec_box):
    box = exec_box(payload("flood"), "1", "1000")
    assert box.record["denied_syscalls"]["chroot"] == {
        "count": 1000, "throttled": False, "by": ["flood"]}
    box = exec_box(payload("flood"), "1", "1500")
    assert box.record["denied_syscalls"]["chroot"] == {
        "count": 1500, "throttled": True, "by": ["flood"]}
    # A thousand a second and no more.
    assert box.record["wall_us"] > 450000


@pytest.mark.parametrize("processes", ["1", "16"])
def test_a_flood_delays_no_limit_and_burns_no_cpu_of_ours(exec_box, processes):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    box = exec_box(payload("flood"), processes, options=["--wall", "2s", "--pids", "32"])
    assert (box.record["verdict"], box.status) == ("timeout", 124), box
    assert box.record["wall_us"] < 2500000
    assert box.record["evidence"]["kill"]["dead_after_us"] < 1000000
    entry = box.record["denied_syscalls"]["chroot"]
    assert entry["throttled"]
    assert 1000 < entry["count"] < 1000 + 2 * 1000 + 500
    # Both sides together; unslowed, one core of ours alone would be more than half of it.
    assert IN_VM or used() - before < 1


def test_a_flood_does_not_hold_up_an_interrupt(exec_box):
    process, _ = exec_box.start(payload("flood"), "8")
    time.sleep(1)
    process.stdout.close()
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=10) == 130
    process.stderr.close()


def test_the_end_of_the_supervisor_ends_who_waits_for_an_answer(exec_box):
    process = subprocess.Popen([AUTOEXP, "exec", *exec_box.soft([]), "--env", "BOX_MARK",
                                "--show", payload("flood"), "--", payload("flood"), "8"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=exec_box.environment(None))
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=1)
    process.kill()
    process.communicate()
