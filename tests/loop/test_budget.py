# SPDX-License-Identifier: Apache-2.0
"""Caps that cost money by the hour, and caps that several campaigns share."""

import json

import pytest

from conftest import CONFIG, SCORE, finish, wait_for

SLEEP = SCORE + "sleep 0.3\n"


def config(**keys):
    return CONFIG + "".join(f"{k}: {v}\n" for k, v in keys.items())


def used(repo):
    return json.loads(repo.autoexp("status", "--json").stdout)["used"]


@pytest.fixture
def shared(new_repo):
    """Several repositories of one user, each with a campaign in the group night."""
    def make(n, harness=SCORE, group="night", **keys):
        made = []
        for i in range(n):
            repo = new_repo(f"repo{i}")
            repo.env["XDG_STATE_HOME"] = repo.env["HOME"] + "/state"
            repo.standard(harness=harness, config=config(budget_group=group, **keys))
            made.append(repo)
        return made
    return make


def budget(repo, *args, status=0):
    return repo.autoexp("budget", *args, status=status, tag=False)


def group(repo, name="night"):
    return json.loads(budget(repo, name, "--json").stdout)


# --- what an hour costs ---

def test_machine_time_is_booked(new_repo):
    repo = new_repo()
    repo.standard(harness=SLEEP, config=config(compute_usd_per_hour=3600))
    repo.autoexp("run", "--max-experiments", 2, "--max-cost", "unlimited")
    spent = used(repo)
    # A dollar a second, for the active time and for nothing else.
    assert spent["max_cost_usd"] >= 0.9
    assert spent["max_cost_usd"] == pytest.approx(spent["max_wall_clock_hours"] * 3600, abs=1e-3)
    table = [line.split("\t") for line in
             (repo.derived / "budget.log").read_text().splitlines()[1:]]
    assert {row[2] for row in table} == {"compute"}
    assert float(table[-1][4]) == pytest.approx(sum(float(row[3]) for row in table), abs=1e-6)


def test_a_campaign_goes_on_with_another_price(new_repo):
    repo = new_repo()
    repo.standard(harness=SLEEP, config=config(compute_usd_per_hour=3600))
    repo.autoexp("run", "--max-experiments", 1, "--max-cost", "unlimited")
    before = used(repo)
    repo.write("autoexp.yaml", config(compute_usd_per_hour=0))
    repo.autoexp("run", "--max-experiments", 2)
    after = used(repo)
    assert after["max_wall_clock_hours"] > before["max_wall_clock_hours"]
    assert after["max_cost_usd"] == before["max_cost_usd"]


def test_money_ends_a_run_and_the_run_comes_again(new_repo):
    """The run is longer than what is left pays for: interrupted, pending, never a crash."""
    repo = new_repo()
    repo.standard(harness=SCORE + "grep -q '^x = 10$' params.txt || sleep 30\n",
                  config=config(compute_usd_per_hour=3600))
    done = repo.autoexp("run", "--max-experiments", 1, "--max-cost", 3)
    assert "a cap ended experiment 0001" in done.stdout and "max_cost_usd" in done.stdout
    assert [row["status"] for row in repo.rows()] == ["keep"]
    assert used(repo)["max_cost_usd"] >= 3
    assert repo.events()[-1]["event"] == "stop"
    # Without more money nothing begins.
    runs = sum(e["event"] == "run" for e in repo.events())
    assert "--max-cost" in repo.autoexp("run", "--max-experiments", 1, "--max-cost", 3).stdout
    assert sum(e["event"] == "run" for e in repo.events()) == runs


@pytest.mark.parametrize("text", ["-1", "x", "'2'", "1e3", "10001", "[]"])
def test_wrong_prices(new_repo, text):
    repo = new_repo()
    repo.standard(config=config(compute_usd_per_hour=text))
    assert "compute_usd_per_hour" in repo.autoexp("run", status=2).stderr


# --- a group ---

def test_a_group_must_be_made(shared):
    [repo] = shared(1)
    said = repo.autoexp("run", status=1).stderr
    assert "no budget group night" in said and "autoexp budget night --max-" in said
    assert not repo.truth.exists()
    assert "no budget group yet" in budget(repo).stdout
    assert "no budget group night" in budget(repo, "night", status=1).stderr
    budget(repo, "night", "--max-experiments", 1)
    assert budget(repo).stdout == "night\n"
    repo.autoexp("run")
    assert len(repo.rows()) == 2


def test_experiments_are_shared(shared):
    first, second = shared(2)
    budget(first, "night", "--max-experiments", 5)
    first.autoexp("run", "--max-experiments", 3)
    said = second.autoexp("run").stdout
    assert "budget group night: max_experiments 5 reached" in said
    assert "autoexp budget night --max-experiments" in said
    assert len(first.rows()) == 4 and len(second.rows()) == 3
    assert group(first)["used"]["max_experiments"] == 5
    assert {c["repository"] for c in group(first)["campaigns"]} == {
        str(r.path / ".git") for r in (first, second)}
    # Raised, it goes on; its own caps bind as well.
    said = budget(first, "night", "--max-experiments", 6).stdout
    assert "5 of 6 experiments" in said and "repo0" in said and "repo1" in said
    first.autoexp("run")
    assert len(first.rows()) + len(second.rows()) == 2 + 6


def test_all_at_once(shared):
    repos = shared(4, harness=SCORE + "sleep 0.05\n")
    budget(repos[0], "night", "--max-experiments", 13)
    running = [repo.start("run") for repo in repos]
    for process in running:
        _, err = finish(process, seconds=120)
        assert process.returncode == 0, err
    assert sum(len(repo.consistent()) - 1 for repo in repos) == 13
    assert group(repos[0])["used"]["max_experiments"] == 13


def test_killed_members_stay_charged_once(shared):
    killed, other = shared(2, harness=SCORE + "sleep 0.2\n")
    budget(killed, "night", "--max-experiments", 6)
    for _ in range(4):
        process = killed.start("run", "--max-experiments", 4)
        number = len(killed.rows()) if (killed.derived / "results.tsv").exists() else 0
        wait_for(lambda n=number: len(killed.rows()) > n
                 if (killed.derived / "results.tsv").exists() else False, what="a row")
        process.kill()
        process.communicate()
    assert group(other)["used"]["max_experiments"] <= 6
    killed.autoexp("run", "--max-experiments", 4)
    other.autoexp("run")
    assert len(killed.consistent()) == 5 and len(other.consistent()) == 3
    assert group(other)["used"]["max_experiments"] == 6


def test_hours_of_a_group_end_a_run(shared):
    [repo] = shared(1, harness=SCORE + "grep -q '^x = 10$' params.txt || sleep 30\n")
    budget(repo, "night", "--max-hours", "0.0005")
    said = repo.autoexp("run").stdout
    assert "a cap ended experiment 0001" in said and "budget group night" in said
    assert [row["status"] for row in repo.rows()] == ["keep"]


def test_try_cannot_leave_the_group(shared):
    [repo] = shared(1)
    budget(repo, "night", "--max-experiments", 1)
    repo.autoexp("run")
    budget(repo, "night", "--max-experiments", 2)
    repo.write("autoexp.yaml", CONFIG)
    for number in (11, 12):
        repo.write("params.txt", f"x = {number}\n")
        done = repo.autoexp("try", "-m", "by hand", status=None)
    assert done.returncode == 3 and "budget group night" in done.stdout + done.stderr
    assert group(repo)["used"]["max_experiments"] == 2


@pytest.mark.parametrize("args", [["../x"], [".x"], ["a", "b"], ["--max-cost", "1"],
                                  ["a" * 65], ["night", "--max-cost", "-1"],
                                  ["night", "--max-hours", "0"]])
def test_wrong_use(shared, args):
    [repo] = shared(1)
    budget(repo, *args, status=2)
    assert "no budget group yet" in budget(repo).stdout
