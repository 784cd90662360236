"""Who may be alive at once, in what order rows come out, and the room in the spool."""

from __future__ import annotations

from collections import Counter

import pytest
from orchestra import Stage, after, answer, completed, days, failed, ok, retry, running, unit

from tap_asyncreport.job import Means, Outcome
from tap_asyncreport.orchestrator.budgets import Budget


def most_alive(stage: Stage, prefix: str = "") -> int:
    """The most jobs that were alive at once, from creation call to the last poll."""
    alive, most = set(), 0
    names = {event.job.id: event.unit for event in stage.events if event.job is not None and event.job.id}
    from orchestra import name_of

    last = {
        job: max(
            (n for n, line in enumerate(stage.log) if line.split()[1] == "poll" and job in line.split()[2:]), default=-1
        )
        for job in names
    }
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
    stage = Stage(
        [unit(1), unit(1, "users")], limit=1, script=script, aborts=aborts, deletes=True, keep_on_timeout=not aborts
    ).play()

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
    stage = Stage(
        [unit(1), unit(1, "users")],
        limit=1,
        script={("poll", "1"): [answer(Means.FAIL), *[running()] * 99]},
        aborts=True,
    ).play()

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
    stage = Stage(
        [*days(1, 2), *days(1, 9, stream="users")],
        limit=2,
        script=script,
        max_attempts=1,
        poll_interval=0.4,
        poll_backoff=1.0,
    ).play()

    assert [0.1, 0.5, 0.9, 1.3] == stage.times("poll", "r2")[:4]
    assert 9 == len(written(stage))


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
            orchestrator.spool_fill = len(self.files) / places
            made = commands(now)
            downloads = [command for command in made if command.verb == "download"]
            self.urgent += sum(command.urgent for command in downloads if len(self.files) >= places)
            for command in downloads:
                fetch(command)
            return made

        def release(task, rows, now, **more):
            self.files.discard(str(task.job.id))
            orchestrator.spool_fill = len(self.files) / places
            written_(task, rows, now, **more)

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


@pytest.mark.promise(24)
def test_only_so_many_finished_jobs_wait_for_the_writer_that_state_stays_small() -> None:
    """Window 1 is late, and its first job fails; the others of its lane wait for it."""
    late = [running()] * 20
    stage = Stage(days(1, 200), limit=4, script={("poll", "1"): [*late, failed(), *late]}, poll_interval=10.0, deletes=True)
    stage.play(until=150)

    assert 50 + 4 >= len(stage.calls("create")) >= 50
    assert 50 + 4 >= len(stage.kept.jobs)
    stage.play()
    assert [str(day) for day in range(1, 201)] == written(stage)


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
    stage = Stage(
        days(1, 6),
        limit=4,
        script={("poll", "r1"): [running()] * 4 + [failed()], ("poll", "r8"): [running()]},
        retry_wait=5.0,
    )
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


@pytest.mark.parametrize("places", [1000, 20], ids=["by count", "by the spool"])
@pytest.mark.promise(18, 24)
def test_finished_jobs_of_later_streams_do_not_slow_the_one_that_is_written(places: int) -> None:
    """The first stream is refused for a while, so that the second one runs as far ahead as it may."""
    asked: Counter[str] = Counter()

    def poll(name: str) -> Outcome:
        asked[name] += 1
        return completed() if name.startswith("users:") or asked[name] == 3 else running()

    stage = Stage(
        [*days(1, 40), *days(1, 200, stream="users")],
        limit=10,
        usual={"poll": poll, "create": lambda name: ok() if stage.now or name.startswith("users:") else retry(20.0, 429)},
        poll_interval=10.0,
    )
    Spool(stage, places)
    stage.play(until=19)

    assert min(places / 2, 50) <= len(stage.calls("create")) - 10 <= min(places, 50) + 10
    stage.play()
    started = [stage.times("create", str(day))[-1] for day in range(1, 41)]
    assert max(started) < 20 + 4 * 21, "four rounds of ten, not forty of one"


@pytest.mark.promise(18)
def test_the_stream_that_the_writer_asks_for_is_the_one_that_goes_first() -> None:
    """The writer may take the streams in an order of its own."""
    stage = Stage([*days(1, 3), *days(1, 3, stream="users")], limit=6, script={("poll", "users:1"): [running()] * 3})
    Spool(stage, 2)
    stage._take = lambda: stage.orchestrator.take(
        "orders" if stage.orchestrator.exhausted("users") else "users", stage.now
    )
    stage.play()

    assert ["users:1", "users:2", "users:3", "1", "2", "3"] == written(stage)


@pytest.mark.promise(18)
def test_a_download_that_found_no_room_waits_for_its_turn_or_for_room() -> None:
    no_room = answer(Means.NO_ROOM)
    stage = Stage(
        days(1, 3), script={("download", "2"): [no_room], ("download", "3"): [no_room] * 2, ("poll", "1"): [running()]}
    ).play()

    assert [0.25, 1.25] == stage.times("download", "r2"), "room came back when 1 was written"
    assert ["1", "2", "3"] == written(stage)
    assert stage.lane_error() is None


@pytest.mark.promise(18)
def test_no_room_for_the_next_unit_is_no_hot_loop() -> None:
    stage = Stage(unit(1), script={("download", "1"): [answer(Means.NO_ROOM)] * 3}).play()

    assert [0.25, 1.25, 2.25, 3.25] == stage.times("download", "r1")


@pytest.mark.promise(18)
def test_not_more_than_eight_downloads_at_once_but_for_the_one_that_is_written_next() -> None:
    stage = Stage(
        days(1, 12), limit=12, script={("poll", "1"): [running()]}, usual={"download": lambda _: after(5.0, ok())}
    )
    stage.play(until=2.0)

    assert [f"0.25 download r{n}" for n in range(2, 10)] + ["1.25 download r1"] == stage.calls("download")


@pytest.mark.promise(7)
def test_no_window_takes_the_place_of_the_one_that_is_written_first() -> None:
    """An API that keeps jobs until they are deleted, and whose calls overtake each other, is still no dead end."""
    stage = Stage(
        days(1, 5), limit=5, deletes=True, usual={"create": lambda name: after(0.5 if name == "1" else 0.1, ok())}
    )

    assert ["0 create 1", "0.5 create 2", "0.5 create 3", "0.5 create 4", "0.5 create 5"] == stage.play().calls(
        "create"
    )


def test_the_others_do_not_wait_for_ever_for_the_first_creation() -> None:
    stage = Stage(days(1, 2), deletes=True, usual={"create": lambda name: after(30.0 if name == "1" else 0.1, ok())})

    assert ["0 create 1", "1 create 2"] == stage.play().calls("create")
