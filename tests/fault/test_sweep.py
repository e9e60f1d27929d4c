# SPDX-License-Identifier: Apache-2.0
"""
A fault at a call of each class, wherever it is put: the program fails with a word on what to do,
or dies, and goes on later as if nothing had happened. See sweep.py.
"""

import collections
import multiprocessing
import random

import pytest

import campaign
import sweep

WORKERS = 2
ground = {}     # what the workers share by being forked


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory, soft):
    folder = tmp_path_factory.mktemp("sweep")
    ground["folder"] = folder
    ground["scenarios"] = sweep.scenarios(folder, soft)
    for scenario in ground["scenarios"]:
        scenario.count(folder)
    return ground["scenarios"]


def attempt(index):
    scenario, place, kind = ground["points"][index]
    return kind, scenario.attempt(place, kind, ground["folder"])


@pytest.mark.parametrize("group", sweep.KINDS)
def test_faults(request, scenarios, seed, group):
    faults = request.config.getoption("faults")
    points = [p for p in sweep.points(scenarios, every=faults == "all") if p[1].group == group]
    random.Random(seed).shuffle(points)
    assert {kind for _, _, kind in points} == set(sweep.KINDS[group])
    number = request.config.getoption("number") if faults == "some" else len(points)
    ground["points"] = points[:number]
    tried, wrong = collections.Counter(), []
    with multiprocessing.get_context("fork").Pool(WORKERS, campaign.adopt_orphans) as pool:
        for kind, text in pool.imap_unordered(attempt, range(len(ground["points"]))):
            tried[kind] += 1
            if text:
                wrong.append(text)
                print(text)
    print(f"{sum(tried.values())} of {len(points)} tried: {dict(tried)}")
    assert not wrong, f"{len(wrong)} of {sum(tried.values())}:\n\n" + "\n\n".join(wrong)
