"""Who may be alive at once, what an API without a place for us leads to, and the room in the spool."""

from __future__ import annotations

import pytest
from orchestra import Stage, after, answer, busy, completed, days, failed, ok, retry, running, unit

from tap_asyncreport.job import Means
from tap_asyncreport.orchestrator.budgets import Budget, Tries


def most_alive(stage: Stage, prefix: str = "") -> int:
    """The most jobs that were alive at once, from creation call to the last poll."""
    alive, most = set(), 0
    names = {event.job.id: event.unit for event in stage.events if event.job is not None and event.job.id}
    from orchestra import name_of

    last = {job: max((n for n, line in enumerate(stage.log) if line.split()[1] == "poll" and job in line.split()[2:]), default=-1) for job in names}
    by_unit = {name_of(unit): job for job, unit in names.items()}
    for number, line in enumerate(stage.log):
        _, verb, *rest = line.split()
        if verb == "create" and rest[0].startswith(prefix):
            alive.add(by_unit.get(rest[0]))
        elif verb == "poll":
            alive -= {job for job in rest if last[job] == number}
        most = max(most, len(alive))
    return most


def written(stage: Stage) -> list[str]:
    return [line.split()[2] for line in stage.calls("write")]


# -- promise 7: slots


@pytest.mark.promise(7)
def test_no_more_jobs_are_alive_than_the_limit_and_a_slot_is_used_again_at_once() -> None:
    stage = Stage(days(1, 6), limit=2, script={("poll", "*"): []}, usual={"poll": lambda _: completed()}).play()

    assert [
        "0 create 1",
        "0 create 2",
        "0.25 create 3",
        "0.25 create 4",
        "0.5 create 5",
        "0.5 create 6",
    ] == stage.calls("create")
    assert 2 == most_alive(stage)


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    "script",
    [
        {("poll", "1"): [failed()] * 3},
        {("create", "1"): [answer(Means.FAIL, code=400)]},
        {("create", "1"): [answer(Means.EMPTY)]},
        {("create", "1"): [retry()] * 9},
        {("create", "1"): [answer(Means.SKIP_PARTITION)]},
        {("create", "1"): [answer(Means.TOO_LARGE)]},
        {("poll", "1"): [running()] * 9_999},
        {("poll", "1"): [answer(Means.FAIL, code=400)]},
        {("poll", "1"): [answer(Means.JOB_GONE)] * 3},
        {("poll", "1"): [answer(Means.SKIP_PARTITION)]},
        {("poll", "1"): [answer(Means.EMPTY)]},
        {("poll", "1"): [answer(Means.TOO_LARGE)]},
        {("targets", "1"): [answer(Means.FAIL)]},
        {("download", "1"): [answer(Means.FAIL)]},
        {("download", "1"): [answer(Means.JOB_GONE)] * 3},
        {("download", "1"): [answer(Means.LINK_EXPIRED)] * 99},
    ],
    ids=lambda script: " ".join([*next(iter(script)), *{str(a.means) for a in next(iter(script.values()))}]),
)
@pytest.mark.parametrize("aborts", [False, True])
def test_a_slot_comes_back_on_every_way_out(script, aborts: bool) -> None:
    stage = Stage([unit(1), unit(1, "users")], limit=1, script=script, aborts=aborts, deletes=True, keep_on_timeout=not aborts).play()

    assert "users:1" in written(stage)
    assert 0 == stage.orchestrator.slots.alive
    assert stage.idle


@pytest.mark.promise(7)
def test_limits_per_stream_and_per_partition_value_leave_the_others_their_slots() -> None:
    budgets = {
        "orders": Budget(max_concurrent=3, max_concurrent_per={"account": 1}),
        "users": Budget(),
    }
    units = [*days(1, 3, account="a"), *days(1, 3, account="b"), *days(1, 4, stream="users")]
    stage = Stage(units, limit=4, budgets=budgets).play()

    assert ["0 create a1", "0 create b1", "0 create users:1", "0 create users:2"] == stage.calls("create")[:4]
    assert 1 == most_alive(stage, "a")
    assert 1 == most_alive(stage, "b")
    assert 10 == len(written(stage))


@pytest.mark.promise(7)
def test_two_limits_at_once_never_leave_a_slot_unused() -> None:
    units = [unit(day, account=account, region=region) for day in (1, 2, 3) for account in "ab" for region in "xy"]
    stage = Stage(units, limit=10, max_concurrent_per={"account": 2, "region": 2}).play()

    assert [0, 0, 0, 0] == [float(line.split()[0]) for line in stage.calls("create")][:4]
    assert 12 == len(written(stage))
    assert 0.75 == stage.now, "three rounds of four"


@pytest.mark.promise(7)
def test_the_jobs_of_the_next_stream_run_while_this_ones_rows_are_written() -> None:
    stage = Stage([unit(1), unit(1, "users")], write=10.0).play()

    assert ["0.25 write 1", "10.25 write users:1"] == stage.calls("write")
    assert ["0.25 download r1", "0.25 download r2"] == stage.calls("download")


@pytest.mark.promise(7)
def test_rows_come_out_in_the_order_of_windows_whatever_is_ready_first() -> None:
    script = {("poll", str(day)): [running()] * (5 - day) for day in range(1, 5)}
    stage = Stage(days(1, 4), script=script).play()

    assert ["1", "2", "3", "4"] == written(stage)


@pytest.mark.promise(7)
def test_of_two_partitions_the_one_that_is_ready_is_written_first() -> None:
    stage = Stage([*days(1, 2, account="a"), *days(1, 2, account="b")], script={("poll", "a1"): [running()] * 3}).play()

    assert ["b1", "b2", "a1", "a2"] == written(stage)


@pytest.mark.promise(7)
def test_a_slot_is_not_used_again_while_the_cancel_is_under_way() -> None:
    script = {("poll", "1"): [answer(Means.FAIL), running("CANCELLING"), answer(Means.FAIL, code=400)]}
    stage = Stage([unit(1), unit(1, "users")], limit=1, script=script, aborts=True, deletes=True).play()

    assert [
        "0 create 1",
        "0.25 poll r1",
        "0.25 abort r1",
        "1.25 poll r1",
        "2.75 poll r1",
        "2.75 delete r1",
        "2.75 create users:1",
    ] == stage.log[:7]


@pytest.mark.promise(7)
def test_the_wait_for_a_cancel_is_bounded() -> None:
    stage = Stage([unit(1), unit(1, "users")], limit=1, script={("poll", "1"): [answer(Means.FAIL), *[running()] * 99]}, aborts=True).play()

    assert [10.25] == stage.times("create", "users:1")


@pytest.mark.promise(7)
def test_a_live_job_without_an_abort_holds_its_slot_until_it_is_deleted() -> None:
    script = {("poll", "1"): [answer(Means.FAIL)], ("delete", "1"): [after(4.0, ok())]}
    stage = Stage([unit(1), unit(1, "users")], limit=1, script=script, deletes=True).play()

    assert [4.25] == stage.times("create", "users:1")


@pytest.mark.promise(7)
def test_a_live_job_that_is_left_to_the_next_run_holds_its_slot_until_it_is_done() -> None:
    script = {("poll", "1"): [failed()], ("poll", "2"): [running()] * 5}
    stage = Stage([*days(1, 2), *days(1, 2, stream="users")], limit=2, script=script, max_attempts=1).play()

    assert ["0 create 1", "0 create 2", "0.25 create users:1", "0.5 create users:2"] == stage.calls("create")
    assert ["r2"] == list(stage.kept.jobs)
    assert 0.75 == max(float(line.split()[0]) for line in stage.calls("write", "download"))
    assert stage.idle, "nobody waits for it when the work is done"


@pytest.mark.promise(7)
def test_a_live_job_that_is_left_alone_is_watched_at_a_polls_pace_while_others_want_its_slot() -> None:
    script = {("poll", "1"): [failed()], ("poll", "2"): [running()] * 4}
    stage = Stage([*days(1, 2), *days(1, 9, stream="users")], limit=2, script=script, max_attempts=1, poll_interval=0.4, poll_backoff=1.0).play()

    assert [0.1, 0.5, 0.9, 1.3] == stage.times("poll", "r2")[:4]
    assert 9 == len(written(stage))


# -- busy


@pytest.mark.promise(7)
def test_busy_waits_for_one_of_our_own_jobs_and_spends_nothing() -> None:
    script = {("create", "3"): [busy()], ("poll", "1"): [running()] * 2, ("poll", "2"): [running()] * 4}
    stage = Stage(days(1, 3), script=script, max_attempts=1, creation=Tries(1, wait=100.0)).play()

    assert [0, 2.75] == stage.times("create", "3")
    assert stage.lane_error() is None


@pytest.mark.promise(7)
def test_busy_backs_off_where_nothing_of_ours_can_end() -> None:
    stage = Stage(unit(1), script={("create", "1"): [busy()] * 5}, creation=Tries(1)).play()

    assert [0, 1, 3, 7, 15, 31] == stage.times("create", "1")


@pytest.mark.promise(7)
def test_busy_waits_as_long_as_the_api_says() -> None:
    stage = Stage(unit(1), script={("create", "1"): [busy(wait=42.0)]}).play()

    assert [0, 42] == stage.times("create", "1")


@pytest.mark.promise(7)
def test_a_job_that_is_left_to_the_next_run_makes_no_place_for_another() -> None:
    script = {("poll", "a1"): [retry(86400.0)], ("create", "b1"): [busy(wait=50.0)]}
    stage = Stage([unit(1, account="a"), unit(1, account="b")], script=script).play()

    assert [0, 50] == stage.times("create", "b1")


@pytest.mark.promise(7)
def test_busy_for_ever_is_bounded_by_the_timeout_and_fails_the_stream() -> None:
    stage = Stage(
        [*days(1, 2, account="a"), *days(1, 2, account="b")], script={("create", "*"): [busy()] * 99}, timeout=100.0
    ).play()

    expected = "the API has had no place for a job within jobs.timeout of 100 s (the API answered 400)"
    assert expected == stage.lane_error(account="a").message
    assert expected == stage.lane_error(account="b").message
    assert stage.now <= 100.0
    assert stage.orchestrator.streams["orders"].quota is None
    assert stage.idle


@pytest.mark.promise(7)
def test_busy_that_lasts_longer_than_there_is_time_ends_at_once() -> None:
    stage = Stage(unit(1), script={("create", "1"): [busy(wait=86400.0)]}, timeout=3600.0).play()

    assert ["0 create 1"] == stage.log
    assert "the API asks to wait 86400 s for a place, longer than jobs.timeout of 3600 s (the API answered 400)" == stage.lane_error().message


@pytest.mark.promise(7)
def test_a_busy_stream_does_not_hold_up_another() -> None:
    stage = Stage([*days(1, 2), *days(1, 2, stream="users")], script={("create", "1"): [busy()] * 3, ("create", "2"): [busy()] * 3}).play()

    assert ["users:1", "users:2"] == sorted(written(stage))[-2:]
    assert [0, 0] == [*stage.times("create", "users:1"), *stage.times("create", "users:2")]


@pytest.mark.promise(7)
@pytest.mark.parametrize(("jobs", "places"), [(20, 2), (200, 20)])
def test_an_api_with_fewer_places_is_not_asked_again_and_again(jobs: int, places: int) -> None:
    stage = Stage(days(1, jobs), limit=places * 4, poll_interval=4.0)
    taken: set[str] = set()
    stage.usual["poll"] = lambda name: taken.discard(name) or completed()

    def create(name: str):
        if len(taken) >= places:
            return busy()
        taken.add(name)
        return ok()

    stage.usual["create"] = create
    stage.play()

    assert jobs == len(written(stage))
    refused = len(stage.calls("create")) - jobs
    assert refused <= 3 * places + jobs, "the first rush, and one for each job that ended"
    assert 0.25 * jobs / places == float(stage.log[-1].split()[0]), "a quarter of a second each"


@pytest.mark.promise(7)
def test_jobs_that_count_until_they_are_deleted_make_way_for_the_window_that_is_written_next() -> None:
    """Windows 2 to 4 got the API's three places before window 1 did, and none of them can be written before it."""
    stored: set[str] = set()
    stage = Stage(days(1, 4), deletes=True, max_attempts=1)

    def create(name: str):
        if name == "1" and not stage.now:
            return busy()
        if len(stored) >= 3:
            return busy()
        stored.add(name)
        return ok()

    def delete(name: str):
        stored.discard(name)
        return ok()

    stage.usual |= {"create": create, "delete": delete}
    stage.play()

    assert ["1", "2", "3", "4"] == written(stage)
    assert {"4"} == {line.split()[2] for line in stage.calls("create") if stage.times("create", line.split()[2])[1:]} - {"1"}
    assert stage.lane_error() is None
    assert stage.idle


# -- too many requests


@pytest.mark.promise(4)
def test_too_many_requests_for_one_creation_hold_up_the_stream_s_others() -> None:
    script = {("create", "1"): [retry(30.0, code=429)]}
    stage = Stage(days(1, 9), limit=3, script=script).play()

    assert ["0 create 1", "0 create 2", "0 create 3", "30 create 1", "30 create 4"] == stage.calls("create")[:5]


@pytest.mark.promise(4)
def test_other_errors_of_a_creation_hold_up_nobody() -> None:
    stage = Stage(days(1, 4), limit=2, script={("create", "1"): [retry(code=500)]}).play()

    assert ["0 create 1", "0 create 2", "0 create 3", "0.25 create 4", "1 create 1"] == stage.calls("create")


@pytest.mark.promise(4)
def test_an_api_that_takes_few_creations_a_minute_costs_no_window_its_tries() -> None:
    made: list[float] = []
    stage = Stage(days(1, 60), limit=20, creation=Tries(5))

    def create(name: str):
        if len([at for at in made if at > stage.now - 60]) >= 10:
            return retry(60.0, code=429)
        made.append(stage.now)
        return ok()

    stage.usual["create"] = create
    stage.play()

    assert 60 == len(written(stage))


# -- quota


@pytest.mark.promise(7)
def test_a_quota_starts_nothing_more_of_the_stream_and_lets_live_jobs_finish() -> None:
    script = {("create", "3"): [answer(Means.QUOTA_EXHAUSTED, code=403)], ("poll", "1"): [running()] * 2}
    stage = Stage([*days(1, 5), *days(1, 2, stream="users")], limit=3, script=script, deletes=True).play()

    assert ["1", "2"] == [name for name in written(stage) if ":" not in name]
    assert ["users:1", "users:2"] == [name for name in written(stage) if ":" in name]
    assert [0] == stage.times("create", "3")
    assert [] == stage.times("create", "4")
    assert "the API answered 403" == stage.orchestrator.streams["orders"].quota.message
    assert stage.lane_error() is stage.orchestrator.streams["orders"].quota
    assert {} == stage.kept.jobs
    assert 1 == stage.kinds().count("warning")


@pytest.mark.promise(7)
def test_a_quota_keeps_live_jobs_whose_rows_cannot_be_written_in_this_run() -> None:
    script = {
        ("create", "1"): [retry()],
        ("create", "3"): [after(0.5, answer(Means.QUOTA_EXHAUSTED))],
        ("poll", "2"): [running()] * 9,
    }
    stage = Stage(days(1, 3), script=script, aborts=True, deletes=True, keep_on_exit=False).play()

    assert [0] == stage.times("create", "1")
    assert [] == stage.calls("abort", "write")
    assert ["r1"] == list(stage.kept.jobs)


@pytest.mark.promise(7)
@pytest.mark.parametrize(("verb", "expected"), [("poll", ["1"]), ("targets", ["1", "2"]), ("download", ["1", "2"])])
def test_a_quota_told_elsewhere_lets_live_jobs_go_on_and_starts_no_other(verb: str, expected: list[str]) -> None:
    stage = Stage(days(1, 3), limit=1, script={(verb, "1"): [answer(Means.QUOTA_EXHAUSTED)]}).play()

    assert expected == written(stage)
    assert stage.orchestrator.streams["orders"].quota is not None
    assert stage.idle


@pytest.mark.promise(7)
@pytest.mark.parametrize("verb", ["targets", "download"])
def test_a_quota_told_for_ever_is_bounded(verb: str) -> None:
    stage = Stage(unit(1), script={(verb, "1"): [answer(Means.QUOTA_EXHAUSTED)] * 999}).play()

    assert 10 == len(stage.calls(verb))


@pytest.mark.promise(7)
def test_after_a_quota_a_failed_job_is_not_made_again() -> None:
    script = {("create", "2"): [answer(Means.QUOTA_EXHAUSTED)], ("poll", "1"): [failed()]}
    stage = Stage(days(1, 2), script=script, retry_wait=100.0).play()

    assert [0] == stage.times("create", "1")
    assert 0.25 == stage.now
    assert stage.lane_error() is not None


@pytest.mark.promise(7)
@pytest.mark.parametrize("late", [busy(), busy(counts=True), retry(), answer(Means.FAIL), answer(Means.QUOTA_EXHAUSTED)])
def test_a_creation_that_is_refused_after_the_quota_is_not_repeated(late) -> None:
    stage = Stage(days(1, 2), script={("create", "1"): [after(1.0, late)], ("create", "2"): [answer(Means.QUOTA_EXHAUSTED)]}).play()

    assert ["0 create 1", "0 create 2"] == stage.log
    assert stage.lane_error() is not None
    assert stage.idle
    assert 0 == stage.orchestrator.slots.alive


@pytest.mark.promise(7)
def test_after_a_quota_units_that_are_added_are_not_started() -> None:
    stage = Stage(unit(1, account="a"), script={("create", "a1"): [answer(Means.QUOTA_EXHAUSTED)]})
    stage.at(5.0, lambda: stage.orchestrator.add_units("orders", days(1, 2, account="b"), now=5.0))
    stage.play()

    assert ["0 create a1"] == stage.log
    assert stage.lane_error(account="b") is not None
    assert stage.idle


# -- promise 18: room in the spool


class Spool:
    """A spool for so many files; each is there from its download until it is written."""

    def __init__(self, stage: Stage, places: int) -> None:
        self.files: set[str] = set()
        self.most = 0
        self.urgent = 0
        orchestrator = stage.orchestrator
        commands, written_ = orchestrator.commands, orchestrator.written

        def fetch(command):
            names = {str(job.id) for job in command.jobs}
            if len(self.files) < places or command.urgent:
                self.files |= names
                self.most = max(self.most, len(self.files))

        def look(now):
            orchestrator.spool_full = len(self.files) >= places
            made = commands(now)
            downloads = [command for command in made if command.verb == "download"]
            self.urgent += sum(command.urgent for command in downloads if len(self.files) >= places)
            for command in downloads:
                fetch(command)
            return made

        def release(task, rows, now):
            self.files.discard(str(task.job.id))
            orchestrator.spool_full = len(self.files) >= places
            written_(task, rows, now)

        orchestrator.commands, orchestrator.written = look, release


@pytest.mark.promise(18)
def test_nothing_is_started_that_the_full_spool_has_no_place_for() -> None:
    stage = Stage(days(1, 30), limit=3, write=10.0)
    spool = Spool(stage, 4)
    stage.play(until=9.0)

    assert len(stage.calls("create")) <= 4 + 3 + 3
    assert spool.most <= 4 + 3
    stage.play()
    assert 30 == len(written(stage))


@pytest.mark.promise(18)
def test_the_unit_that_is_written_next_always_may_download() -> None:
    """Windows 2 to 4 fill the spool while window 1 is late."""
    stage = Stage(days(1, 6), limit=4, script={("poll", "1"): [running()] * 5})
    spool = Spool(stage, 3)
    stage.play()

    assert ["1", "2", "3", "4", "5", "6"] == written(stage)
    assert 1 == spool.urgent
    assert 4 == spool.most


@pytest.mark.promise(18)
def test_a_failed_job_of_the_next_window_is_made_again_though_the_spool_is_full() -> None:
    stage = Stage(days(1, 6), limit=4, script={("poll", "r1"): [running()] * 4 + [failed()], ("poll", "r8"): [running()]}, retry_wait=5.0)
    Spool(stage, 3)
    stage.play()

    assert ["1", "2", "3", "4", "5", "6"] == written(stage)


@pytest.mark.promise(18)
def test_a_later_streams_files_never_block_this_ones() -> None:
    stage = Stage([*days(1, 3), *days(1, 9, stream="users")], limit=6, script={("poll", "1"): [running()] * 6})
    Spool(stage, 2)
    stage.play()

    assert ["1", "2", "3"] == written(stage)[:3]
    assert 12 == len(written(stage))


@pytest.mark.promise(18)
def test_the_stream_that_the_writer_asks_for_is_the_one_that_goes_first() -> None:
    """The writer may take the streams in an order of its own."""
    stage = Stage([*days(1, 3), *days(1, 3, stream="users")], limit=6, script={("poll", "users:1"): [running()] * 3})
    Spool(stage, 2)
    stage._take = lambda: stage.orchestrator.take("orders" if stage.orchestrator.exhausted("users") else "users", stage.now)
    stage.play()

    assert ["users:1", "users:2", "users:3", "1", "2", "3"] == written(stage)


@pytest.mark.promise(18)
def test_a_download_that_found_no_room_waits_for_its_turn_or_for_room() -> None:
    no_room = answer(Means.NO_ROOM)
    stage = Stage(days(1, 3), script={("download", "2"): [no_room], ("download", "3"): [no_room] * 2, ("poll", "1"): [running()]}).play()

    assert [0.25, 1.25] == stage.times("download", "r2"), "room came back when 1 was written"
    assert ["1", "2", "3"] == written(stage)
    assert stage.lane_error() is None


@pytest.mark.promise(18)
def test_no_room_for_the_next_unit_is_no_hot_loop() -> None:
    stage = Stage(unit(1), script={("download", "1"): [answer(Means.NO_ROOM)] * 3}).play()

    assert [0.25, 1.25, 2.25, 3.25] == stage.times("download", "r1")


@pytest.mark.promise(18)
def test_not_more_than_eight_downloads_at_once_but_for_the_one_that_is_written_next() -> None:
    stage = Stage(days(1, 12), limit=12, script={("poll", "1"): [running()]}, usual={"download": lambda _: after(5.0, ok())})
    stage.play(until=2.0)

    assert [f"0.25 download r{n}" for n in range(2, 10)] + ["1.25 download r1"] == stage.calls("download")


@pytest.mark.promise(7)
def test_no_window_takes_the_place_of_the_one_that_is_written_first() -> None:
    """An API that keeps jobs until they are deleted, and whose calls overtake each other, is still no dead end."""
    stage = Stage(days(1, 5), limit=5, deletes=True, usual={"create": lambda name: after(0.5 if name == "1" else 0.1, ok())})

    assert ["0 create 1", "0.5 create 2", "0.5 create 3", "0.5 create 4", "0.5 create 5"] == stage.play().calls("create")


def test_the_others_do_not_wait_for_ever_for_the_first_creation() -> None:
    stage = Stage(days(1, 2), deletes=True, usual={"create": lambda name: after(30.0 if name == "1" else 0.1, ok())})

    assert ["0 create 1", "1 create 2"] == stage.play().calls("create")
