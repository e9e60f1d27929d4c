# SPDX-License-Identifier: Apache-2.0
"""What a box costs: its start, each step of its set-up, and the end of a crowd in it."""

import json
import os
import select
import signal
import subprocess
import sys
import time

from contest import (AUTOEXP, IS_ROOT, PAYLOAD, Spread, in_turns, limits_of_host,
                     without_cpus)

SILENCE = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def show_start(out, entries, missing, rounds):
    took = in_turns({c.name: c.wrap(["/bin/true"]) for c in entries}, rounds)
    ours = took["autoexp exec"][0].median
    rows = []
    for entry in sorted(entries, key=lambda c: took[c.name][0].median):
        wall, cpu = took[entry.name]
        ratio = "" if entry.name == "autoexp exec" else f"{ours / wall.median:.2f}"
        rows.append([entry.name, wall.text(1000), f"{cpu.median / 1000:.2f}", ratio])
    out.table(f"Start and end of /bin/true: ms, median (10 %-90 %) of {rounds} rounds in turns, "
              f"as {'root' if IS_ROOT else 'a user'}, Linux {os.uname().release}",
              ["", "ms", "CPU ms", "autoexp is x"], rows,
              [f"{c.name}: {c.note}" for c in entries]
              + [f"{name}: not measured: {why}" for name, why in missing.items()])


def record_of(argv):
    done = subprocess.run([*argv[:2], "--json", "-", *argv[2:]], **SILENCE,
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def show_steps(out, rounds):
    argv = [AUTOEXP, "exec", *limits_of_host()[0], "--", "/bin/true"]
    records = [record_of(argv) for _ in range(rounds)]
    rows = [[step.replace("_", ", "), Spread.of([r["setup_us"][step] for r in records]).text(1, 0)]
            for step in records[0]["setup_us"]]
    rows.append(["the command", Spread.of([r["wall_us"] for r in records]).text(1, 0)])
    rows.append(["its end until all is gone",
                 Spread.of([r["evidence"]["kill"]["dead_after_us"] for r in records]).text(1, 0)])
    out.table(f"Inside the start of autoexp (setup_us of the record): µs, {rounds} rounds",
              ["step", "µs"], rows)


# --- the end of a crowd ------------------------------------------------------------------


def crowd_in_autoexp(n):
    limits = without_cpus(limits_of_host()[0])
    return [AUTOEXP, "exec", "--json", "-", *limits, "--pids", str(n + 8), "--memory", "4G",
            "--show", os.path.dirname(PAYLOAD), "--", PAYLOAD, "crowd", str(n)]


def killed_outright(argv, kill):
    """What came after the crowd's own line, and µs from the kill until nobody holds its standard
    output any more."""
    with subprocess.Popen(argv, **SILENCE, stdout=subprocess.PIPE, start_new_session=True) as p:
        if not select.select([p.stdout], [], [], 60)[0] or not p.stdout.readline().strip():
            p.kill()
            return None, None
        time.sleep(0.2)
        begin = time.monotonic()
        kill(p)
        rest = p.stdout.read()
        return rest, (time.monotonic() - begin) * 1e6


def kill_child(process):
    """bare only waits: of its child, which is process 1, all others depend."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), signal.SIGKILL)


def kill_runc(runc):
    def kill(process):
        subprocess.run(["runc", "--root", runc.state, "kill", f"bench-{process.pid}", "KILL"],
                       **SILENCE, stdout=subprocess.DEVNULL, check=False)
    return kill


WITH_RECORD = "autoexp exec, with its record"


def show_kill(out, entries, n, rounds):
    peers = {"bare clone3": lambda c: kill_child, "bwrap": lambda c: subprocess.Popen.kill,
             "runc run": lambda c: kill_runc(c.wrap)}
    crowds = [(WITH_RECORD, crowd_in_autoexp(n), subprocess.Popen.terminate)]
    crowds += [(entry.name, entry.wrap([PAYLOAD, "crowd", str(n)], [os.path.dirname(PAYLOAD)]),
                peers[entry.name](entry)) for entry in entries if entry.name in peers]
    took = {}
    for _ in range(rounds):
        for name, argv, kill in crowds:
            rest, us = killed_outright(argv, kill)
            if us is None:
                print(f"{name}: the crowd did not come together in a minute", file=sys.stderr)
                continue
            if name == WITH_RECORD:
                dead_us = json.loads(rest)["evidence"]["kill"]["dead_after_us"]
                took.setdefault("autoexp exec", []).append(dead_us)
            took.setdefault(name, []).append(us)
    if WITH_RECORD not in took:
        return
    ours = Spread.of(took["autoexp exec"])
    rows = [[name, Spread.of(us).text(1000, 1),
             "" if name.startswith("autoexp exec") else f"{ours.median / Spread.of(us).median:.2f}"]
            for name, us in took.items()]
    out.table(f"From the kill until {n} processes are dead: ms, {rounds} rounds",
              ["", "ms", "autoexp is x"], rows,
              ["bare clone3: SIGKILL to process 1, until it is reaped and with it all others",
               "autoexp exec: from seeing SIGTERM, which ends a run as the wall limit does, until "
               "the tree is reaped, as its record says; with its record: until that is written",
               "bwrap: SIGKILL to bwrap, --die-with-parent, until the last has let go of a pipe",
               "runc run: `runc kill ... KILL`, until the last has let go of a pipe"])
