"""Across runs and at their end: adoption, jobs nobody waits for, interruption, refused logins."""

from __future__ import annotations

import time

import pytest
from orchestra import Stage, add, after, answer, completed, days, failed, ok, retry, running, unit

from tap_asyncreport.errors import LoginError
from tap_asyncreport.job import Job, Means, Unit
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import Budget


def left_behind(*units: Unit, attempt: int = 1) -> dict[Unit, Job]:
    return {each: Job(each, attempt, id=f"old{n}", adopted=True) for n, each in enumerate(units, 1)}


def stage_with(adopted: dict[Unit, Job], *more: Unit, **options) -> Stage:
    return Stage([*adopted, *more], adopted=adopted, **options)


def written(stage: Stage) -> list[str]:
    return [line.split()[2] for line in stage.calls("write")]


# -- promise 8: adoption


@pytest.mark.promise(8)
def test_an_adopted_job_is_asked_about_at_once_and_no_other_is_made() -> None:
    stage = stage_with(left_behind(unit(1)), deletes=True).play()

    assert ["0 poll old1", "0 targets old1", "0 download old1", "0 write 1", "0 delete old1"] == stage.log
    assert "adopted" == stage.kinds()[0]
    assert {} == stage.kept.jobs


@pytest.mark.promise(8)
def test_an_adopted_job_has_a_whole_timeout_from_its_adoption() -> None:
    stage = stage_with(left_behind(unit(1)), script={("poll", "1"): [running()] * 99}, timeout=50.0).play()

    assert 50.0 == stage.now
    assert ["old1"] == list(stage.kept.jobs)


@pytest.mark.promise(8)
def test_an_adopted_job_that_is_gone_is_made_again_and_no_attempt_is_spent() -> None:
    script = {
        ("poll", "old1"): [answer(Means.JOB_GONE, code=404)],
        ("poll", "r1"): [failed()],
        ("poll", "r2"): [failed()],
    }
    stage = stage_with(left_behind(unit(1), attempt=3), script=script, max_attempts=2).play()

    assert 2 == len(stage.calls("create"))
    assert [1, 2] == [event.job.attempt for event in stage.events if str(event.kind) == "created"]


@pytest.mark.promise(8)
def test_an_adopted_job_that_failed_is_the_attempt_that_it_was() -> None:
    stage = stage_with(left_behind(unit(1), attempt=2), script={("poll", "1"): [failed()] * 9}, max_attempts=3).play()

    assert 1 == len(stage.calls("create"))
    assert {} == stage.kept.jobs


@pytest.mark.promise(8)
def test_more_jobs_than_the_limit_are_all_adopted_and_nothing_is_started_until_there_is_a_slot() -> None:
    adopted = left_behind(*days(1, 4))
    stage = stage_with(
        adopted, unit(5), limit=2, script={("poll", str(day)): [running()] * (5 - day) for day in range(1, 4)}
    ).play()

    assert [4.75] == stage.times("create", "5"), "when the third of them has ended"
    assert ["1", "2", "3", "4", "5"] == written(stage)


@pytest.mark.promise(8)
def test_a_job_nobody_waits_for_is_aborted_and_deleted_before_its_window_gets_another() -> None:
    stage = Stage(
        unit(1),
        script={("abort", "old1"): [after(2.0, ok())], ("poll", "old1"): [running(), answer(Means.FAIL)]},
        aborts=True,
        deletes=True,
    )
    stage.orchestrator.discard_job("orders", unit(1), Job(unit(1), id="old1"), alive=True, now=0.0)
    stage.kept.jobs["old1"] = Job(unit(1))
    stage.play()

    assert ["0 abort old1", "3 poll old1", "4.5 poll old1", "4.5 delete old1", "4.5 create 1"] == stage.log[:5]
    assert ["aborted", "dropped", "deleted"] == stage.kinds("old1")
    assert {} == stage.kept.jobs


@pytest.mark.promise(8)
def test_other_windows_do_not_wait_for_a_job_that_is_discarded() -> None:
    stage = Stage(
        days(1, 2), script={("abort", "old1"): [after(2.0, ok())], ("poll", "old1"): [answer(Means.FAIL)]}, aborts=True
    )
    stage.orchestrator.discard_job("orders", unit(1), Job(unit(1), id="old1"), alive=True, now=0.0)
    stage.play()

    assert [0] == stage.times("create", "2")
    assert [3] == stage.times("create", "1")


@pytest.mark.promise(8)
def test_a_job_that_is_discarded_has_a_slot_until_it_is_over() -> None:
    stage = Stage(
        days(2, 3),
        limit=1,
        script={("abort", "old1"): [after(2.0, ok())], ("poll", "old1"): [answer(Means.FAIL)]},
        aborts=True,
    )
    stage.orchestrator.discard_job("orders", unit(1), Job(unit(1), id="old1"), alive=True, now=0.0)
    stage.play()

    assert [3] == stage.times("create", "2")


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    ("alive", "options", "calls", "left"),
    [
        (True, {}, [], []),
        (False, {}, [], []),
        (False, {"aborts": True}, [], []),
        (True, {"deletes": True}, ["0 delete old1"], []),
        (False, {"aborts": True, "deletes": True}, ["0 delete old1"], []),
        (False, {"deletes": True, "script": {("delete", "old1"): [answer(Means.FAIL)]}}, ["0 delete old1"], []),
        (True, {"deletes": True, "script": {("delete", "old1"): [answer(Means.FAIL)]}}, ["0 delete old1"], ["old1"]),
        (True, {"aborts": True, "script": {("abort", "old1"): [answer(Means.FAIL)]}}, ["0 abort old1"], ["old1"]),
    ],
)
def test_a_discarded_job_leaves_the_state_unless_it_may_be_alive(alive, options, calls, left) -> None:
    stage = Stage(unit(2), **options)
    stage.kept.jobs["old1"] = Job(unit(1))
    stage.orchestrator.discard_job("orders", unit(1), Job(unit(1), id="old1"), alive=alive, now=0.0)
    stage.play()

    assert calls == stage.calls("abort", "delete")[: len(calls)]
    assert left == list(stage.kept.jobs)
    assert stage.idle


@pytest.mark.promise(8)
def test_a_later_link_that_is_discarded_leaves_the_state_whatever_becomes_of_it() -> None:
    stage = Stage(unit(1), deletes=True, script={("delete", "old1"): [answer(Means.FAIL)]})
    link = unit(1, link=1)
    stage.kept.jobs["old1"] = Job(link)
    stage.orchestrator.discard_job("orders", link, Job(link, id="old1"), alive=True, now=0.0)
    stage.play()

    assert {} == stage.kept.jobs


@pytest.mark.promise(7)
def test_a_window_that_waits_for_a_cancel_passes_its_slot_on() -> None:
    stage = Stage(days(1, 4), max_concurrent=2, deletes=True, script={("delete", "old1"): [after(5.0, ok())]})
    stage.at(
        0.1, lambda: stage.orchestrator.discard_job("orders", unit(3), Job(unit(3), id="old1"), alive=True, now=0.1)
    )
    stage.play()

    assert [0.25] == stage.times("create", "4")
    assert [5.1] == stage.times("create", "3")


@pytest.mark.promise(1, 8)
def test_no_job_is_deleted_before_a_state_message_covers_its_rows() -> None:
    stage = Stage(days(1, 3), deletes=True)
    stage.covers = False
    stage.play()
    assert ["write 1", "write 2", "write 3"] == [line.split(" ", 1)[1] for line in stage.calls("write", "delete")]
    assert not stage.idle

    stage.orchestrator.covered(stage.now)
    stage.play()
    assert 3 == len(stage.calls("delete"))
    assert stage.idle


@pytest.mark.promise(1, 9)
def test_rows_that_no_state_message_will_cover_leave_their_job_to_the_next_run() -> None:
    stage = Stage(days(1, 2), deletes=True)
    stage.covers = False
    stage.play()
    stage.orchestrator.interrupt(stage.now)
    stage.orchestrator.never_covered()
    stage.play()

    assert [] == stage.calls("delete")
    assert stage.idle
    assert ["r1", "r2"] == sorted(stage.kept.jobs)


@pytest.mark.promise(8)
def test_a_job_is_told_of_as_soon_as_it_exists() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [running()] * 99})
    stage.play(until=0.0)

    assert ["r1"] == list(stage.kept.jobs)


@pytest.mark.promise(8)
def test_a_creation_that_was_refused_but_left_a_job_is_told_of_and_cleaned_up() -> None:
    stage = Stage(unit(1), aborts=True, deletes=True)
    stage.usual["create"] = lambda _: answer(Means.FAIL)
    answered = stage.orchestrator.answered

    def with_id(command, outcomes, now):
        command.jobs[0].id = command.jobs[0].id or "r1"
        answered(command, outcomes, now)

    stage.orchestrator.answered = with_id
    stage.play()

    assert ["0 create 1", "0 abort r1", "0 delete r1"] == stage.log
    assert ["creating", "created", "failed", "aborted", "dropped", "deleted"] == stage.kinds()


@pytest.mark.promise(8)
@pytest.mark.parametrize("script", [{}, {("delete", "1"): [retry(), retry()]}, {("delete", "1"): [answer(Means.FAIL)]}])
def test_exactly_one_word_about_the_delete_follows_what_is_written(script) -> None:
    stage = Stage(unit(1), script=script, deletes=True).play()

    after_written = stage.kinds("r1")[stage.kinds("r1").index("written") + 1 :]
    assert 1 == len(after_written)
    assert after_written[0] in ("deleted", "warning")
    assert {} == stage.kept.jobs


# -- promise 9: interruption


def interrupted(at: float, *units, **options) -> Stage:
    stage = Stage(*units, **options)
    stage.at(at, lambda: stage.orchestrator.interrupt(stage.now))
    return stage.play()


@pytest.mark.promise(9)
def test_an_interruption_aborts_live_jobs_and_keeps_finished_ones() -> None:
    script = {("poll", "2"): [completed()], ("poll", "*"): [running()] * 99}
    stage = interrupted(2.0, days(1, 4), limit=3, script=script, aborts=True, deletes=True, keep_on_exit=False)

    assert ["2 abort r1", "2 abort r3", "2 abort r4"] == stage.calls("abort")
    assert ["2 delete r1", "2 delete r3", "2 delete r4"] == stage.calls("delete")
    assert ["r2"] == list(stage.kept.jobs)
    assert 2.0 == float(stage.log[-1].split()[0])
    assert stage.idle
    assert 0 == stage.orchestrator.slots.alive


@pytest.mark.promise(9)
def test_an_interruption_aborts_by_on_exit_also_where_a_later_window_timed_out_before() -> None:
    script = {("poll", "1"): [running()] * 99, ("poll", "2"): [retry(86400.0)]}
    stage = interrupted(2.0, days(1, 2), script=script, aborts=True, keep_on_exit=False)

    assert ["2 abort r1"] == stage.calls("abort")
    assert ["r2"] == list(stage.kept.jobs)


@pytest.mark.promise(9)
def test_an_interruption_keeps_live_jobs_where_on_exit_says_so() -> None:
    stage = interrupted(2.0, days(1, 3), script={("poll", "*"): [running()] * 99}, aborts=True, deletes=True)

    assert [] == stage.calls("abort", "delete")
    assert ["r1", "r2", "r3"] == list(stage.kept.jobs)
    assert ["kept"] * 3 == stage.kinds()[-3:]
    assert stage.idle


@pytest.mark.promise(9)
@pytest.mark.parametrize("keeps", [True, False])
def test_a_job_that_is_just_being_created_is_dealt_with_when_its_answer_comes(keeps: bool) -> None:
    stage = Stage(
        days(1, 2),
        script={("create", "1"): [after(3.0, ok())], ("create", "2"): [after(3.0, answer(Means.FAIL))]},
        aborts=True,
        keep_on_exit=keeps,
    )
    stage.at(1.0, lambda: stage.orchestrator.interrupt(1.0))
    stage.play(until=2.0)
    assert not stage.idle
    stage.play()

    assert ["r1"] * keeps == list(stage.kept.jobs)
    assert ["3 abort r1"] * (not keeps) == stage.calls("abort")
    assert stage.idle
    assert 0 == stage.orchestrator.slots.alive


@pytest.mark.promise(9)
def test_late_answers_of_other_calls_change_nothing() -> None:
    script = {
        ("poll", "1"): [after(5.0, completed())],
        ("download", "2"): [after(5.0, ok())],
        ("targets", "3"): [after(5.0, ok())],
    }
    stage = interrupted(1.0, days(1, 3), script=script)

    assert 3 == len(stage.kept.jobs)
    assert [] == written(stage)
    assert stage.idle


@pytest.mark.promise(9)
def test_a_wait_for_a_cancel_is_cut_short_by_an_interruption() -> None:
    script = {("poll", "a1"): [answer(Means.FAIL), *[running()] * 99], ("poll", "b1"): [running()] * 99}
    units = [unit(1, account="a"), unit(1, account="b"), unit(1, account="c")]
    stage = interrupted(1.0, units, limit=2, script=script, aborts=True, deletes=True, keep_on_exit=False)

    assert ["1 abort r2", "1 delete r1", "1 delete r2"] == [line for line in stage.log if line.startswith("1 ")]


@pytest.mark.promise(9)
def test_units_that_come_after_the_interruption_are_left_alone() -> None:
    stage = Stage(unit(1, account="a"))
    stage.orchestrator.interrupt(0.0)
    late = unit(1, account="b")
    add(stage.orchestrator, "orders", [late, unit(2, account="b")], {late: Job(late, id="old1")})
    stage.play()

    assert [] == stage.log
    assert ["old1"] == list(stage.kept.jobs)
    assert stage.idle


@pytest.mark.promise(9)
def test_the_unit_in_the_writers_hands_may_still_be_finished() -> None:
    stage = Stage(days(1, 2), write=10.0, deletes=True)
    stage.at(1.0, lambda: stage.orchestrator.interrupt(1.0))
    stage.play()

    assert ["0.25 write 1"] == stage.calls("write")
    assert ["10.25 delete r1"] == stage.calls("delete")
    assert ["r2"] == list(stage.kept.jobs)


@pytest.mark.promise(9)
def test_a_busy_stream_and_waiting_tasks_end_with_the_run() -> None:
    script = {("create", "1"): [retry(50.0)], ("create", "2"): [answer(Means.BUSY, wait=50.0)]}
    stage = interrupted(1.0, days(1, 9), limit=3, script=script)

    assert stage.idle
    assert [0] == stage.times("create", "1")


@pytest.mark.promise(9)
def test_a_refused_login_fails_every_stream_that_has_work() -> None:
    stage = Stage(
        [*days(1, 2), unit(1, "users"), unit(1, "done")],
        script={("poll", "*"): [running()] * 99, ("poll", "done:1"): [completed()]},
    )
    refused = LoginError("the API refused the credentials")
    stage.at(2.0, lambda: stage.orchestrator.fail_all(refused, 2.0))
    stage._take = lambda: stage.orchestrator.take("done", stage.now)
    stage.play()

    assert ["done:1"] == written(stage)
    assert refused is stage.lane_error()
    assert refused is stage.lane_error("users")
    assert stage.lane_error("done") is None
    assert stage.idle


# -- cost


def test_five_thousand_jobs_cost_less_than_a_second() -> None:
    for lanes in (1, 5_000):
        orchestrator = Orchestrator(50, jitter=lambda: 0.0)
        orchestrator.add_stream("orders", Budget(deletes=True))
        units = days(1, 5_000) if lanes == 1 else [unit(1, account=n) for n in range(5_000)]
        began = time.process_time()
        add(orchestrator, "orders", units)
        orchestrator.complete("orders")
        now, done = 0.0, 0
        while not orchestrator.idle:
            for command in orchestrator.commands(now):
                outcome = completed() if command.verb == "poll" else ok()
                if command.verb == "create":
                    command.jobs[0].id = "x"
                orchestrator.answered(command, [outcome], now)
            while (task := orchestrator.take("orders", now)) is not None:
                orchestrator.written(task, 1, now)
                done += 1
            orchestrator.events.clear()
            now = max(now, orchestrator.next_due() or now)
        assert 5_000 == done
        assert time.process_time() - began < 3.0, "one second where nobody else computes"
