# SPDX-License-Identifier: Apache-2.0
"""One host with its canaries for the whole session, and one autoexp."""

import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import sandboxes  # noqa: E402
import suite      # noqa: E402

# Of sandboxes for this machine; the virtual one is there for autoexp's own limits.
collect_ignore = ["test_compare.py"] if suite.IN_VM else []


@pytest.fixture(scope="session")
def autoexp():
    return sandboxes.Autoexp()


@pytest.fixture(scope="session")
def host():
    canaries = suite.Host()
    yield canaries
    canaries.close()


def pytest_sessionstart(session):
    box = sandboxes.Autoexp()
    if suite.IN_VM and box.soft:
        pytest.exit("in the virtual machine every limit must be hard", 3)
