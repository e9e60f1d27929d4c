#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run query.sql on the databases that `prepare` made, check its rows, time it.

Prints `query_ms: X`: CPU time of the best of several runs on data/shop.db (a busy machine disturbs
it less than the wall clock). Exit status 1 with one sentence on standard error when the query is
not one reading statement, is too slow, or returns anything but the rows that expected.txt knows by
their hash. It has to be right on data/other.db as well, so the answer cannot be written into it.

`evaluate.py --hashes` prints what belongs into expected.txt for the query as it stands.
"""
import hashlib
import os
import sqlite3
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
DATABASES = ["other.db", "shop.db"]     # the last one is timed
RUNS = 15                   # at most; the best one counts
SECONDS = 1.5               # of CPU time for all runs together; at least one is made
SLOWEST_SECONDS = 4.0       # of CPU time for a single run

ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION,
           sqlite3.SQLITE_RECURSIVE}


def fail(sentence):
    sys.stdout.flush()
    print("evaluate.py: " + sentence, file=sys.stderr)
    sys.exit(1)


def open_database(name):
    path = os.path.join(HERE, "data", name)
    if not os.path.exists(path):
        fail(f"data/{name} is missing; ./prepare makes it")
    uri = "file:" + urllib.parse.quote(path) + "?mode=ro&immutable=1"
    con = sqlite3.connect(uri, uri=True)
    con.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in ALLOWED
                       else sqlite3.SQLITE_DENY)
    return con


def run_query(con, query):
    """All rows, and the seconds of CPU time that they took."""
    start = time.process_time()
    con.set_progress_handler(lambda: time.process_time() - start > SLOWEST_SECONDS, 100_000)
    try:
        rows = con.execute(query).fetchall()
    except (sqlite3.Error, sqlite3.Warning) as problem:
        if time.process_time() - start > SLOWEST_SECONDS:
            fail(f"the query was stopped after {SLOWEST_SECONDS:g} s")
        fail(f"the database refuses the query: {problem}")
    return rows, time.process_time() - start


def hash_of(rows):
    text = "".join("|".join(map(str, row)) + "\n" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def read_expected():
    with open(os.path.join(HERE, "expected.txt"), encoding="ascii") as f:
        return dict(line.split() for line in f)


def check_rows(rows, name, expected):
    if hash_of(rows) != expected[name]:
        fail(f"wrong result on data/{name}: the {len(rows)} rows returned are not the expected "
             "ones")


def main():
    with open(os.path.join(HERE, "query.sql"), encoding="utf-8") as f:
        query = f.read()
    if sys.argv[1:] == ["--hashes"]:
        for name in sorted(DATABASES):
            print(name, hash_of(run_query(open_database(name), query)[0]))
        return
    expected = read_expected()
    for name in DATABASES:
        con = open_database(name)
        rows, seconds = run_query(con, query)
        check_rows(rows, name, expected)
    times = [seconds]
    while len(times) < RUNS and sum(times) < SECONDS:
        rows, seconds = run_query(con, query)
        check_rows(rows, name, expected)
        times.append(seconds)
    print(f"query_ms: {min(times) * 1000:.2f}")


if __name__ == "__main__":
    main()
