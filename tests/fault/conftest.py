# SPDX-License-Identifier: Apache-2.0
"""Repositories for this suite; the faults themselves are in fault.c, campaign.py and sweep.py."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import campaign     # pylint: disable=wrong-import-position

soft = campaign.loop.soft       # the fixture of tests/loop


def pytest_addoption(parser):
    parser.addoption("--faults", choices=["some", "ways", "all"], default="some",
                     help="where faults are put: at some calls, in every way that calls come "
                          "about (an hour or two), at all calls (most of a day); with the last "
                          "two, storms are long as well")
    parser.addoption("--seed", type=int, default=1,
                     help="of what is chosen by chance (1)")
    parser.addoption("--number", type=int, default=6,
                     help="of faults at calls of each class, where only some are tried (6)")


def pytest_report_header(config):
    return f"faults: {config.getoption('faults')}, --seed {config.getoption('seed')}"


@pytest.fixture(scope="session")
def thorough(request):
    return request.config.getoption("faults") != "some"


@pytest.fixture(scope="session")
def seed(request):
    return request.config.getoption("seed")


@pytest.fixture(scope="session", autouse=True)
def orphans():
    if not campaign.FAULT.exists():
        pytest.skip(f"{campaign.FAULT} is not built: it needs the GNU C library")
    campaign.adopt_orphans()


@pytest.fixture
def new_repo(tmp_path, soft):
    def make(name="repo"):      # or an absolute path
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return campaign.Repo(tmp_path / name, home, soft)
    return make


@pytest.fixture
def repo(new_repo):
    made = new_repo()
    made.short()
    made.user = campaign.check.snapshot(made.path)
    return made


@pytest.fixture(scope="session")
def done(tmp_path_factory, soft):
    """A campaign that ended well, to be copied."""
    top = tmp_path_factory.mktemp("done")
    (top / "home").mkdir()
    repo = campaign.Repo(top / "repo", top / "home", soft)
    repo.short()
    repo.user = campaign.check.snapshot(repo.path)
    repo.autoexp("run")
    return repo
