"""For any order of answers, errors, deaths and restarts: nothing lost, nothing doubled, nothing left behind.

`ORCHESTRATOR_EXAMPLES=5000` looks deeper than the quick suite does, and shrinks what it finds.
"""

from __future__ import annotations

import os

import pytest
from adversary import WORST, Adversary, Setting
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tap_asyncreport.orchestrator.budgets import Budget, Tries

DEEP = "ORCHESTRATOR_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("ORCHESTRATOR_EXAMPLES", "250"))

budgets = st.builds(
    Budget,
    max_concurrent=st.sampled_from([None, 1, 2]),
    max_concurrent_per=st.sampled_from([{}, {"account": 1}]),
    timeout=st.sampled_from([5.0, 30.0]),
    stall_timeout=st.sampled_from([None, 10.0]),
    keep_on_timeout=st.booleans(),
    keep_on_exit=st.booleans(),
    max_attempts=st.sampled_from([1, 2, 3]),
    retry_wait=st.sampled_from([0.0, 2.0]),
    creation=st.sampled_from([Tries(2), Tries(5)]),
    polling=st.sampled_from([Tries(), Tries(3)]),
    target=st.just(Tries(3)),
    download=st.sampled_from([Tries(1), Tries(4)]),
    aborts=st.booleans(),
    deletes=st.booleans(),
    polls=st.sampled_from([True, True, True, False]),
    batch=st.sampled_from([1, 1, 3]),
)


class Machine(RuleBasedStateMachine):
    """Hypothesis chooses what happens next; the adversary knows the rules."""

    @initialize(
        limit=st.integers(1, 3),
        orders=budgets,
        users=st.none() | budgets,
        chains=st.booleans(),
        parts=st.booleans(),
        spool=st.sampled_from([1, 2, 99]),
    )
    def begin(self, limit: int, orders: Budget, users: Budget | None, chains: bool, parts: bool, spool: int) -> None:
        streams = {"orders": orders} if users is None else {"orders": orders, "users": users}
        self.play = Adversary(Setting(limit, chains, parts, streams, spool))
        self.crashes = 0

    @rule(index=st.integers(0, 9), choice=st.integers(0, WORST - 1))
    @precondition(lambda self: self.play.flying)
    def respond(self, index: int, choice: int) -> None:
        self.play.respond(index, choice)

    @rule(several=st.integers(1, 8))
    @precondition(lambda self: self.play.flying)
    def respond_well(self, several: int) -> None:
        for _ in range(several):
            self.play.respond(0, 0)

    @rule()
    @precondition(lambda self: self.play.run.next_due() is not None)
    def wait_until_something_is_due(self) -> None:
        self.play.to_next()

    @rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.play.advance(seconds)

    @rule()
    @precondition(lambda self: self.play.in_hand is None)
    def take(self) -> None:
        self.play.take()

    @rule(readable=st.sampled_from([True, True, True, False]), said=st.booleans())
    @precondition(lambda self: self.play.in_hand is not None)
    def put(self, readable: bool, said: bool) -> None:
        self.play.put(readable=readable, said=said)

    @rule()
    @precondition(lambda self: self.play.unsaid)
    def say(self) -> None:
        self.play.say()

    @rule(
        what=st.sampled_from(
            ["no", "no", "no", "no", "no", "no", "interrupt", "crash", "crash with a job nobody knows", "end"]
        )
    )
    @precondition(lambda self: self.crashes < 3 and not self.play.stopped)
    def disturb(self, what: str) -> None:
        if what == "interrupt":
            self.play.interrupt()
        elif what != "no":
            self._begin_again(what)

    @rule(what=st.sampled_from(["crash", "end"]))
    @precondition(lambda self: self.play.stopped)
    def begin_again(self, what: str) -> None:
        self._begin_again(what)

    def _begin_again(self, what: str) -> None:
        self.crashes += 1
        if what == "end":
            self.play.finish()
            self.play.begin()
        else:
            self.play.crash(lost=what != "crash")

    def teardown(self) -> None:
        if hasattr(self, "play"):
            self.play.finish()


@pytest.mark.promise(7)
@pytest.mark.promise(8)
def test_whatever_happens_the_rules_hold() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=80,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=list(Phase) if DEEP else [Phase.generate],
        ),
    )


@pytest.mark.promise(8)
@pytest.mark.parametrize("aborts", [True, False])
def test_a_run_after_a_bad_one_completes_every_lane(aborts: bool) -> None:
    """However the first runs were treated, runs with a good API finish what is left."""
    budget = Budget(aborts=aborts, deletes=True, timeout=30.0, keep_on_exit=False)
    for seed in range(40):
        play = Adversary(Setting(2, seed % 2 == 0, seed % 3 == 0, {"orders": budget, "users": budget}, 2))
        for step in range(30):
            play.respond(step, seed * 31 + step * 7)
            play.take()
            play.put(readable=step % 5 != 0)
            play.to_next()
        for _ in range(4):
            play.finish()
            play.begin()
        play.finish()
        assert {len(play.until)} == {sum(until == max(play.until.values()) for until in play.until.values())}
        assert all(lane.error is None for work in play.run.streams.values() for lane in work.lanes.values())
        assert {} == play.kept.jobs
