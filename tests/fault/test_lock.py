# SPDX-License-Identifier: Apache-2.0
"""One supervisor a campaign: the kernel's lock decides, never what is written somewhere."""

import fcntl
import os
import pathlib
import socket
import struct
import subprocess

import pytest

import campaign

BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def forge(repo, pid, host=None, boot=BOOT):
    (repo.truth / "lock").write_text(
        f"pid {pid}\nhost {host or socket.gethostname()}\nboot {boot}\n"
        "since 2026-01-01T00:00:00.000Z\n")


@pytest.fixture
def bystander():
    """A process that has nothing to do with it, whose number a supervisor once had."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("holder", ["this boot", "another boot", "another host", "nonsense"])
def test_what_a_dead_supervisor_wrote_locks_nobody_out(repo, bystander, holder):
    repo.autoexp("run", "--max-experiments", 1)
    if holder == "nonsense":
        (repo.truth / "lock").write_bytes(b"pid -1\nhost \0\xff\nboot")
    else:
        forge(repo, bystander.pid, host="elsewhere" if holder == "another host" else None,
              boot="0" * 36 if holder == "another boot" else BOOT)
    assert "nothing is running" in repo.autoexp("stop", "--now").stdout
    assert '"running": null' in repo.autoexp("status", "--json").stdout
    repo.autoexp("run")
    assert bystander.poll() is None
    assert repo.checked(user=repo.user)[0] == []


def test_stop_signals_nobody_who_does_not_hold_the_lock(repo, bystander):
    """As between a new supervisor's lock and its name in the file: the name is another's."""
    repo.autoexp("run", "--max-experiments", 1)
    forge(repo, bystander.pid)
    with open(repo.truth / "lock", "rb+") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        done = repo.autoexp("stop", "--now", status=1)
        assert "just starts" in done.stderr
        done = repo.autoexp("run", status=1)
        assert str(bystander.pid) not in done.stderr
        assert "just starting" in done.stderr
    assert bystander.poll() is None
    repo.autoexp("run")


def test_of_two_supervisors_started_at_once_one_goes_on(repo, thorough):
    for _ in range(20 if thorough else 4):
        both = [repo.start("run", "--max-experiments", len(decided(repo)) + 1) for _ in range(2)]
        ends = [(campaign.loop.finish(p), p.returncode) for p in both]
        # The second may have come when the first was done.
        assert sorted(status for _, status in ends) in ([0, 0], [0, 1]), ends
        for (_, err), status in ends:
            if status == 1:
                assert "is being run by process" in err or "just starting" in err, err
        assert repo.checked(user=repo.user)[0] == []


def decided(repo):
    journal = repo.truth / "journal.jsonl"
    return [e for e in repo.events() if e["event"] == "decide" and e["n"]] \
        if journal.exists() else []
