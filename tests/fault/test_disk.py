# SPDX-License-Identifier: Apache-2.0
"""A disk that is really full: of memory, but with an end, and with whatever room is left."""

import os
import random
import subprocess

import pytest

import campaign

PAGE = 4096
SIZE = 2 << 20

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", path], check=True)
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill(disk, pages_left):
    """Take all room but so many pages."""
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * PAGE)
        except OSError:
            pass
        room = os.statvfs(disk).f_bavail
        file.truncate(max(0, file.tell() - (pages_left - room) * PAGE))
    assert os.statvfs(disk).f_bavail == pages_left


def decisions(repo):
    wrong, found = repo.checked(user=repo.user)
    assert wrong == []
    return found


# Of so many pages, which no compression makes much smaller, that they do not fit at once.
LARGE = "".join(f"# {random.Random(1).getrandbits(256 * i):x}\n" for i in range(9, 64))


def pytest_generate_tests(metafunc):
    if "pages" in metafunc.fixturenames:
        few = metafunc.config.getoption("faults") == "some"
        metafunc.parametrize("pages", [0, 3, 7, 14, 25] if few else
                             [*range(24), 27, 30, 40, 50, 60, 80])


@pytest.mark.parametrize("begun", [0, 1], ids=["new", "begun"])
def test_full_disk(new_repo, disk, begun, pages):
    repo = new_repo(disk / "repo")
    repo.short(more=LARGE)
    repo.user = campaign.check.snapshot(repo.path)
    if begun:
        repo.autoexp("run", "--max-experiments", 1)
    fill(disk, pages)
    run = repo.autoexp("run", status=None)
    campaign.reap()
    if run.returncode != 0:
        assert run.returncode == 1, run.stdout + run.stderr
        assert "make room on that disk, then start the same command again" in run.stderr
    if (repo.truth / "journal.jsonl").exists():
        for command in (["status"], ["results"], ["show", "0"] if begun else ["status", "--json"]):
            shown = repo.autoexp(*command)
            assert shown.stdout and not shown.stderr
        assert repo.checked(killed=True, user=repo.user)[0] == []
    (disk / "filler").unlink()
    repo.autoexp("run")
    assert [status for _, status, *_ in decisions(repo)] == ["keep", "keep", "crash", "discard"]
