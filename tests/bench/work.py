# SPDX-License-Identifier: Apache-2.0
"""What a box costs while something runs in it: system calls, files, programs, arithmetic."""

import os
import shutil
import statistics

from contest import PAYLOAD, Spread, in_turns, told_in_turns

FOLDER = os.path.dirname(PAYLOAD)


def wrapped(entries, command, show):
    return {c.name: c.wrap(command, show) for c in entries}


def ratio(name, value, base):
    return "" if name == "outside" else f"{value / base:.3f}"


def show_calls(out, entries, rounds, n):
    """Nanoseconds a call; the difference to outside is what filter and Landlock cost."""
    told = told_in_turns(wrapped(entries, [PAYLOAD, "calls", str(n)], [FOLDER]), rounds,
                         lambda text: dict(line.split() for line in text.splitlines()))
    rows = []
    for name, runs in told.items():
        rows.append([name])
        for call in ("getpid", "read", "open"):
            spread = Spread.of([float(run[call]) for run in runs])
            base = statistics.median(float(run[call]) for run in told["outside"])
            rows[-1] += [spread.text(1, 0), ratio(name, spread.median, base)]
    out.table(f"One system call: ns, median (10 %-90 %) of {rounds} rounds of {n} calls",
              ["", "getpid", "x outside", "read 1 byte", "x outside", "openat + close",
               "x outside"], rows)


def make_files(folder, n, big):
    os.makedirs(os.path.join(folder, "small"))
    for i in range(n):
        with open(os.path.join(folder, "small", f"file-{i:05}"), "wb") as file:
            file.write(os.urandom(4096))
    with open(os.path.join(folder, "big"), "wb") as file:
        for _ in range(big):
            file.write(os.urandom(1 << 20))


def show_files(out, entries, scratch, rounds, smoke):
    n, big = (20, 1) if smoke else (3000, 128)
    folder = os.path.join(scratch, "files")
    make_files(folder, n, big)
    rows = {c.name: [c.name] for c in entries}
    for what in ("small", "big"):
        path = os.path.join(folder, what)
        told = told_in_turns(wrapped(entries, [PAYLOAD, "read", path], [FOLDER, folder]), rounds,
                             lambda text: float(text))
        base = statistics.median(told["outside"])
        for name, us in told.items():
            spread = Spread.of(us)
            rows[name] += [spread.text(1000, 1), ratio(name, spread.median, base)]
    out.table(f"Reading what is in the page cache: ms, median (10 %-90 %) of {rounds} rounds",
              ["", f"{n} files of 4 KiB", "x outside", f"one of {big} MiB", "x outside"],
              rows.values())


SOURCE = """\
static int f{i}(int a, int b)
{{
	for (int i = 0; i < b; i++)
		a = a * {i} + (a ^ i) % (b + 1);
	return a;
}}
"""


def make_source(folder, n):
    os.makedirs(folder)
    path = os.path.join(folder, "job.c")
    with open(path, "w", encoding="ascii") as file:
        file.write("".join(SOURCE.format(i=i) for i in range(n)))
        calls = " + ".join(f"f{i}(a, b)" for i in range(n))
        file.write(f"int job(int a, int b) {{ return {calls}; }}\n")
    return path


def show_programs(out, entries, scratch, rounds, smoke):
    """Whole programs, start and end of the sandbox counted."""
    folder = os.path.join(scratch, "source")
    source = make_source(folder, 3 if smoke else 300)
    # Outside this is the machine's own /tmp.
    made = f"/tmp/{os.path.basename(scratch)}.o"
    jobs = {"cc -O1 -c": (["/usr/bin/cc", "-O1", "-c", source, "-o", made], [folder]),
            "python3 -c pass": (["/usr/bin/python3", "-c", "pass"], [])}
    rows, head = {c.name: [c.name] for c in entries}, [""]
    for what, (command, show) in jobs.items():
        if not shutil.which(command[0]):
            continue
        head += [what, "x outside"]
        took = in_turns(wrapped(entries, command, show), rounds)
        base = took["outside"][0].median
        for name, (wall, _) in took.items():
            rows[name] += [wall.text(1000, 1), ratio(name, wall.median, base)]
    if os.path.exists(made):
        os.unlink(made)
    out.table("Whole programs, the start of the sandbox counted: ms, median (10 %-90 %) of "
              f"{rounds} rounds", head, rows.values())


def show_steady(out, entries, rounds, smoke):
    """A loop that only computes, with limits and watchdog in force, beside the same outside. Many
    short runs: the best of each is what the machine can do when nobody else is in the way."""
    pair = [c for c in entries if c.name in ("autoexp exec", "outside")]
    told = told_in_turns(wrapped(pair, [PAYLOAD, "spin", "1" if smoke else "12"], [FOLDER]),
                         rounds, lambda text: [float(word) for word in text.split()[:2]])
    rows = []
    for column, what in enumerate(("elapsed", "CPU time")):
        inside, outside = ([run[column] for run in told[name]]
                           for name in ("autoexp exec", "outside"))
        pairs = Spread.of([100 * (a / b - 1) for a, b in zip(inside, outside)])
        rows.append([what, Spread.of(outside).text(1000, 0), Spread.of(inside).text(1000, 0),
                     f"{100 * (statistics.median(inside) / statistics.median(outside) - 1):+.2f}",
                     f"{100 * (min(inside) / min(outside) - 1):+.2f}",
                     f"{pairs.median:+.2f}"])
    out.table(f"A loop over 8 MiB of memory: ms, median (10 %-90 %) of {rounds} rounds in pairs",
              ["", "outside", "inside", "medians %", "best of each %", "median of pairs %"],
              rows)
