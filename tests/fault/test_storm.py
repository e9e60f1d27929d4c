# SPDX-License-Identifier: Apache-2.0
"""
A long campaign in a storm of signals: killed, stopped, or its box killed, at any moment. Time
and again everything has to be there, and at the end each experiment once.
"""

import pathlib
import random
import signal
import subprocess
import time

import campaign

TARGET = "".join(f"v{i}={i * 7 + 3}\n" for i in range(8))
HARNESS = """\
. ./target.sh
echo "score: $(( (v0 - 17) * (v0 - 17) + (v1 - 5) * (v1 - 5) + v2 + v3 - v4 + v5 % (v6 + 1) + v7 ))"
"""


def storm_repo(new_repo):
    repo = new_repo()
    repo.write("target.sh", TARGET)
    repo.write("harness.sh", HARNESS)
    config = campaign.CONFIG[:campaign.CONFIG.index("proposer:")] + \
        campaign.CONFIG[campaign.CONFIG.index("caps:"):]
    repo.write("autoexp.yaml", config)
    repo.commit("start")
    repo.user = campaign.check.snapshot(repo.path)
    return repo


def events(repo):
    journal = repo.truth / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def box_of(pid):
    """The program that holds the box of a supervisor, where it has one just now."""
    try:
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"exec\0" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    except OSError:
        pass
    return None


def strike(chance, repo, process):
    """One bolt. Returns the statuses that the supervisor may end with."""
    # So many events further on, or, where it hangs somewhere, so much later.
    wanted, end = events(repo) + chance.choice([0, 0, 1, 1, 2, 3, 5, 8, 13]), time.monotonic() + 3
    while events(repo) < wanted and time.monotonic() < end and process.poll() is None:
        time.sleep(0.0005)
    time.sleep(chance.uniform(0, 0.03))
    what = chance.choices(["kill", "term", "int", "box"], [12, 2, 2, 2])[0]
    box = box_of(process.pid) if what == "box" else None
    if box:
        try:
            subprocess.run(["kill", "-KILL", str(box)], capture_output=True, check=False)
            # It is a failure of the host; the supervisor tries again.
            time.sleep(chance.uniform(0, 0.1))
        finally:
            process.send_signal(signal.SIGTERM)
        return (0, 1, -signal.SIGTERM)
    if what in ("kill", "box"):
        process.kill()
        return (0, -signal.SIGKILL)
    # Before it listens a signal ends it like any program.
    number = signal.SIGTERM if what == "term" else signal.SIGINT
    process.send_signal(number)
    return (0, -number)


def test_storm(new_repo, seed, thorough):
    bolts, experiments = (500, 300) if thorough else (25, 12)
    chance = random.Random(seed)
    repo = storm_repo(new_repo)
    statuses = []
    for bolt in range(bolts):
        process = repo.start("run", "--max-experiments", experiments)
        accepted = strike(chance, repo, process)
        out, err = campaign.loop.finish(process)
        statuses.append(process.returncode)
        assert process.returncode in accepted, f"bolt {bolt}: {process.returncode}\n{out}\n{err}"
        campaign.reap()
        if bolt % 10 == 9 and events(repo):
            assert repo.checked(killed=True, user=repo.user)[0] == [], f"bolt {bolt}"
    repo.autoexp("run", "--max-experiments", experiments, timeout=600)
    campaign.reap()
    wrong, decisions = repo.checked(user=repo.user)
    assert wrong == []
    assert [number for number, *_ in decisions] == list(range(experiments + 1))
    assert statuses.count(-signal.SIGKILL) >= bolts // 4, statuses
