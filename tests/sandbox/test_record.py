# SPDX-License-Identifier: Apache-2.0
"""The manual page of the record says what the record has, no more and no less."""

import re

import pytest

from conftest import REPOSITORY

PAGE = (REPOSITORY / "sandbox" / "autoexp-record.5.scd").read_text()

# Where the record has them: not in a run in which nothing of the kind happened.
SOMETIMES = {"target_error"}


def section(title):
    return re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", PAGE, re.M | re.S).group(1)


def documented():
    """Keys are the lines of bold words that an indented text follows."""
    keys = set()
    for line in re.findall(r"^((?:\*[a-z0-9_]+\*(?:, )?)+)\n\t", PAGE, re.M):
        keys.update(re.findall(r"\*([a-z0-9_]+)\*", line))
    return keys


def test_every_key_is_documented_and_every_documented_key_is_there(exec_box):
    there = exec_box("true").record.keys()
    assert there <= documented()
    assert documented() - SOMETIMES <= there


def test_evidence_and_steps_are_documented(exec_box):
    record = exec_box("true").record
    text = section("EVIDENCE")
    for group, values in record["evidence"].items():
        assert f"_{group}_" in text
        for key in values:
            assert f"_{key}_" in text, (group, key)
    for key in record["setup_us"]:
        assert f"_{key}_" in text


def test_verdicts_are_documented_in_the_order_of_the_rules():
    table = (REPOSITORY / "sandbox" / "sandbox.h").read_text()
    enum = re.search(r"enum sbx_verdict \{(.*?)_SBX_VERDICT_MAX", table, re.S).group(1)
    names = [name.lower().replace("_", "-") for name in re.findall(r"SBX_([A-Z_]+)[,\s]", enum)]
    assert re.findall(r"^\|\[ _([a-z-]+)_$", section("VERDICTS"), re.M) == names


@pytest.mark.parametrize("name", ["wall", "cpus", "memory", "pids", "scratch", "output"])
def test_each_limit_has_its_three_facts(exec_box, name):
    options = {"wall": "9s", "cpus": "2", "memory": "64M", "pids": "9", "scratch": "1M",
               "output": "64K"}
    entry = exec_box("true", options=[f"--{name}", options[name]]).record["limits"][name]
    assert entry.keys() == {"value", "enforced_by", "hit"}
    assert entry["enforced_by"] in re.findall(r"^(?:\[-|\|) +_([a-z0-9]+)_$", PAGE, re.M)
    assert entry["hit"] is False
