# SPDX-License-Identifier: Apache-2.0
"""Every case of the catalogue, against autoexp exec with tight limits."""

import pytest

import suite


@pytest.mark.parametrize("case", suite.load_cases(), ids=lambda case: case.id)
def test_attack(case, autoexp, host):
    result = suite.run_case(case, autoexp, host)
    if result.outcome == "skipped":
        assert not suite.IN_VM, result.detail
        pytest.skip(result.detail)
    if "open" in case.words:
        assert result.outcome == "escaped", f"held by now: {result.detail}"
        return
    assert result.outcome in ("held", "absent"), f"{case.title}: {result.detail}"


def test_the_catalogue_is_long_and_without_doubles():
    cases = suite.load_cases()
    assert len(cases) >= 70
    assert len({case.id for case in cases}) == len(cases)
