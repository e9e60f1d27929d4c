#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compile workload.c with the flags of flags.conf, check what it prints, time it.

Prints `run_ms: X` (CPU time of the best of several runs: a busy machine disturbs it less than
the wall clock) and `size_bytes: N` (code and data, as size(1) counts). Exit status 1 with one
sentence on standard error when the flags are refused, do not compile, or change the result.
Everything it writes goes to a directory below $TMPDIR or /tmp.
"""
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RUNS = 30                   # at most; the best one counts
SECONDS = 2.0               # of CPU time for all runs together; at least three are made
TOLERANCE = 1e-7            # relative, for numbers with a fraction; everything else is exact

# What a flag may look like. No paths, and nothing that loads code or replaces the program.
FLAG = re.compile(r"-O[0-9a-z]*|-[fm][A-Za-z0-9][A-Za-z0-9=,.+-]*|--param=[a-z0-9-]+=[0-9]+")
REFUSED = re.compile(r"-f(plugin|profile|auto-profile|dump|syntax-only|preprocessed|sanitize)")


def fail(sentence):
    sys.stdout.flush()
    print("evaluate.py: " + sentence, file=sys.stderr)
    sys.exit(1)


def read_flags(path):
    flags = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if not FLAG.fullmatch(line) or REFUSED.match(line):
                fail(f"flags.conf:{number}: {line!r} is not one flag of the kinds -O, -f, -m or "
                     "--param=NAME=NUMBER that this example accepts")
            flags.append(line)
    return flags


def compile_program(flags, program):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        fail("there is no C compiler; install the package gcc")
    command = [compiler, *flags, "-o", program, os.path.join(HERE, "workload.c"), "-lm"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        fail("the program does not compile with these flags: "
             + (errors or done.stderr.splitlines() or ["no message"])[0])


def run_once(program, output):
    """Run the program with its output in a file; the seconds of CPU time that it took."""
    actions = [(os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    pid = os.posix_spawn(program, [program], {"LC_ALL": "C"}, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        fail(f"the program compiled with these flags ended with status {code}")
    return usage.ru_utime + usage.ru_stime


def same_value(found, wanted):
    if found == wanted:
        return True
    if "." not in wanted:
        return False
    try:
        return math.isclose(float(found), float(wanted), rel_tol=TOLERANCE)
    except ValueError:
        return False


def check_output(output):
    with open(os.path.join(HERE, "expected.txt"), encoding="utf-8") as f:
        wanted = [line.split() for line in f]
    with open(output, encoding="utf-8", errors="replace") as f:
        found = [line.split() for line in f]
    for pair, line in zip(wanted, found):
        if len(line) != 2 or line[0] != pair[0] or not same_value(line[1], pair[1]):
            fail(f"these flags change the result: expected {' '.join(pair)!r}, "
                 f"the program printed {' '.join(line)!r}")
    if len(found) != len(wanted):
        fail(f"these flags change the result: {len(found)} lines instead of {len(wanted)}")


def size_of(program):
    columns = subprocess.run(["size", program], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.splitlines()[1].split()
    return int(columns[0]) + int(columns[1])


def main():
    flags = read_flags(os.path.join(HERE, "flags.conf"))
    with tempfile.TemporaryDirectory(prefix="flags-") as scratch:
        program = os.path.join(scratch, "workload")
        output = os.path.join(scratch, "output.txt")
        compile_program(flags, program)
        times = []
        while len(times) < RUNS and (len(times) < 3 or sum(times) < SECONDS):
            times.append(run_once(program, output))
            check_output(output)
        print(f"run_ms: {min(times) * 1000:.2f}")
        print(f"size_bytes: {size_of(program)}")


if __name__ == "__main__":
    main()
