"""Jobs made in several steps: what the first ones made is not left behind where a later one fails."""

from __future__ import annotations

import pytest
from orchestra import Stage, after, answer, busy, days, ok, retry

from tap_asyncreport.job import Means, Outcome
from tap_asyncreport.orchestrator.task import Command, Verb
from tap_asyncreport.response import Response


def written(stage: Stage) -> list[str]:
    return [line.split()[2] for line in stage.calls("write")]


class TwoSteps(Stage):
    """Creations whose first step is always answered; the script says what came of the second."""

    def _answered(self, command: Command, outcomes: list[Outcome]) -> None:
        for job in command.jobs if command.verb is Verb.CREATE else ():
            job.creation_responses["first"] = Response({"id": "part"})
            if outcomes[0].means is Means.OK:
                job.creation_response = Response({"id": "whole"})
        super()._answered(command, outcomes)


def parts(**options) -> TwoSteps:
    return TwoSteps(days(1, 1), **{"deletes": True, **options})


@pytest.mark.promise(1)
@pytest.mark.parametrize("means", [Means.FAIL, Means.QUOTA_EXHAUSTED, Means.SKIP_PARTITION, Means.EMPTY])
def test_a_job_made_in_part_is_cleaned_up_whatever_the_second_step_came_to(means: Means) -> None:
    stage = parts(script={("create", "1"): [answer(means)]}, aborts=True).play()

    assert ["0 abort None", "0 delete None"] == stage.calls("abort", "delete")
    assert ({}, True) == (stage.kept.jobs, stage.idle)
    assert not {"aborted", "deleted"} & set(stage.kinds())


@pytest.mark.promise(1)
def test_a_job_made_in_part_is_kept_while_its_creation_goes_on() -> None:
    stage = parts(script={("create", "1"): [retry(), busy(), ok()]}).play()

    assert ["create", "create", "create", "poll", "targets", "download", "write", "delete"] == [
        line.split()[1] for line in stage.log
    ]
    assert ["delete r1"] == [line.split(" ", 1)[1] for line in stage.calls("delete")]


@pytest.mark.promise(1)
def test_halves_are_made_when_the_part_is_let_go() -> None:
    stage = parts(script={("create", "1"): [answer(Means.TOO_LARGE)]}).play()

    assert 1 == len([line for line in stage.calls("delete") if line.endswith("None")])
    assert ["1+0.5", "1.5+0.5"] == written(stage)


@pytest.mark.promise(1)
def test_a_part_is_cleaned_up_when_the_run_is_interrupted() -> None:
    waiting = parts(script={("create", "1"): [retry()] * 9})
    waiting.at(0.5, lambda: waiting.orchestrator.interrupt(0.5)).play()
    under_way = parts(script={("create", "1"): [after(2.0, answer(Means.FAIL))]})
    under_way.at(0.5, lambda: under_way.orchestrator.interrupt(0.5)).play()

    assert ["0.5 delete None"] == waiting.calls("delete")
    assert ["2 delete None"] == under_way.calls("delete")
    assert (True, True) == (waiting.idle, under_way.idle)


@pytest.mark.promise(1)
def test_a_part_that_cannot_be_deleted_is_a_warning() -> None:
    stage = parts(script={("create", "1"): [answer(Means.FAIL)], ("delete", "1"): [answer(Means.FAIL)]}).play()

    assert 1 == stage.kinds().count("warning")
    assert "the API answered 503" in str(stage.lane_error())
