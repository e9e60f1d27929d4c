# SPDX-License-Identifier: Apache-2.0
"""
The words of the commands that autoexp-loop runs: help compared with files, and what wrong
arguments get. After a deliberate change: AUTOEXP_UPDATE=1 writes the files again.
"""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("AUTOEXP_BUILD", HERE.parents[1] / "build")).resolve()
COMMANDS = ["run", "try", "status", "results", "show", "diff", "stop", "fsck"]
NOT_OF_ONE_CAMPAIGN = ["budget"]


def autoexp(*args, cwd, status):
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(cwd),
           "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run([BUILD / "src" / "autoexp", *args], cwd=cwd, env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert done.returncode == status, (args, done.stdout, done.stderr)
    return done


@pytest.mark.parametrize("name", COMMANDS + NOT_OF_ONE_CAMPAIGN)
def test_help(name, tmp_path):
    said = autoexp(name, "--help", cwd=tmp_path, status=0)
    assert said.stderr == ""
    assert autoexp(name, "-h", cwd=tmp_path, status=0).stdout == said.stdout
    file = HERE / "help" / f"{name}.txt"
    if os.environ.get("AUTOEXP_UPDATE"):
        file.write_text(said.stdout)
    assert said.stdout == file.read_text()
    assert said.stdout.startswith(f"usage: autoexp {name}")
    assert ("--tag TAG" in said.stdout) == (name in COMMANDS)
    for part in ("--help", "Exit status:", "Example:"):
        assert part in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 90
    # Help needs no configuration and no repository, and leaves nothing.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_arguments(name, tmp_path):
    for args, words in ((["--nonsense"], "unknown option '--nonsense'"),
                        (["-z"], "unknown option '-z'"),
                        (["--tag"], "--tag needs a value"),
                        (["one", "two"], "")):
        done = autoexp(name, *args, cwd=tmp_path, status=2)
        assert done.stdout == ""
        assert done.stderr.startswith(f"autoexp {name}: {words}")
        assert f"autoexp {name} --help" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_numbers_of_experiments(tmp_path):
    for name in ("show", "diff"):
        for text in ("x", "-1", "1.5", "", "99999999999999999999"):
            autoexp(name, "--", text, cwd=tmp_path, status=2)


def test_flags_take_no_value(tmp_path):
    done = autoexp("run", "--trust=yes", cwd=tmp_path, status=2)
    assert "--trust takes no value" in done.stderr
