"""Whatever goes wrong, in any order: nothing twice, nothing lost, nothing told that is not so.

Every seed is a schedule of faults of GitLab, of the model and of the job. IQUEST_TEST_SCHEDULES=1000 plays a thousand,
IQUEST_TEST_SCHEDULES=1000-1100 a hundred from there.
"""

import os
from collections.abc import Iterator

import pytest
import requests

from tests.support.pipeline import IID, PROJECT, summary
from tests.support.schedule import KILLS, TOKEN, Mishap, schedule
from tests.support.schedule_stage import Stage, play, staged

USUAL = 50
ASKED = os.environ.get("IQUEST_TEST_SCHEDULES", str(USUAL)).split("-")
SEEDS = range(int(ASKED[0]) if len(ASKED) > 1 else 0, int(ASKED[-1]))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_twice_lost_or_untrue_whatever_goes_wrong(stage: Stage, seed: int) -> None:
    drawn = schedule(seed, stage.requests)
    try:
        play(stage, drawn)
    except AssertionError as error:
        error.add_note(f"seed {seed}: {drawn}")
        raise


# -- what proves that the schedules prove something


@pytest.mark.parametrize("name", ["in parts", "later"])
def test_an_undisturbed_run_again_changes_nothing(stage: Stage, name: str) -> None:
    stage.set(name)

    for _ in range(2):
        stage.check(stage.run(name))
        assert stage.state == stage.stories[name].wanted


def test_the_usual_seeds_hold_each_story_server_and_kind_of_end(stage: Stage) -> None:
    drawn = [schedule(seed, stage.requests) for seed in range(USUAL)]
    mishaps = [mishap for one in drawn for run in one.runs for mishap in run]

    assert drawn == [schedule(seed, stage.requests) for seed in range(USUAL)]
    assert {one.story for one in drawn} == {"first", "in parts", "later", "nothing new"}
    assert {one.signal for one in mishaps if one.signal} == set(KILLS.values())
    assert len({one.kind for one in mishaps if one.server == "gitlab"}) > 20
    assert len({one.kind for one in mishaps if one.server == "model"}) > 20


def test_a_fault_hits_the_request_it_is_meant_for(stage: Stage) -> None:
    stage.set("first")
    failed = stage.run("first", (Mishap("gitlab", 0, "401"),))
    refused = stage.run("first", (Mishap("model", 0, "401"),))
    killed = stage.run("first", (Mishap("gitlab", 0, "killed"),))

    assert [failed.code, refused.code, killed.code] == [4, 3, -9]
    assert "Not reviewed, because" in summary(stage.gitlab)


def test_a_second_note_is_noticed(stage: Stage) -> None:
    stage.set("first")
    run = stage.run("first")
    stage.check(run)
    notes = f"{stage.gitlab.api_url}/projects/{PROJECT}/merge_requests/{IID}/notes"
    requests.post(notes, json={"body": summary(stage.gitlab)}, headers={"PRIVATE-TOKEN": TOKEN}, timeout=5)

    with pytest.raises(AssertionError):
        stage.check(run)


@pytest.mark.parametrize("number", [5, 6], ids=["git is asking", "git is reading"])
def test_an_interrupted_fetch_ends_the_run_at_once(stage: Stage, number: int) -> None:
    stage.set("first")

    assert stage.run("first", (Mishap("gitlab", number - 1, "interrupted"),), in_time=3).code == 130
