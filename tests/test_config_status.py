"""Status words: the well-known ones, the user's, and several at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tap_asyncreport.config.status_words import WELL_KNOWN, classify, in_two_classes, known_words, normal
from tap_asyncreport.config.streams import Status
from tap_asyncreport.job import JobStatus

RUNNING, COMPLETED, FAILED, TIMED_OUT, SKIPPED = JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.SKIPPED
PLAIN = Status()
MAPPED = Status.model_validate({"mapping": {"completed": ["DONE", 100, True], "running": "ready", "skipped": [None, "no data"]}})


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("pending", RUNNING), ("QUEUED", RUNNING), ("In_Queue", RUNNING), ("in-progress", RUNNING), ("IN  PROGRESS", RUNNING), (" Active ", RUNNING),
        ("complete", COMPLETED), ("Success", COMPLETED), ("available", COMPLETED), ("failure", FAILED), ("ERRORED", FAILED), ("Fatal", FAILED),
        ("expired", TIMED_OUT), ("timed_out", TIMED_OUT), ("TIMEOUT", TIMED_OUT),
        ("cancelled", None), ("canceled", None), ("aborted", None), ("nope", None), ("", None), (None, None), (True, None), (100, None), ({}, None),
    ],
)  # fmt: skip
def test_well_known_words(word: Any, expected: JobStatus | None) -> None:
    assert expected == classify(PLAIN, word)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("done", COMPLETED), (100, COMPLETED), (100.0, COMPLETED), (Decimal("100"), COMPLETED), ("100", COMPLETED), (True, COMPLETED), ("true", COMPLETED),
        ("completed", None), ("success", None), ("ready", RUNNING), ("pending", None), ("failed", FAILED), ("timeout", TIMED_OUT),
        (None, SKIPPED), ("null", SKIPPED), ("NO_DATA", SKIPPED), (False, None), (1, None), (99.5, None),
    ],
)  # fmt: skip
def test_a_class_that_the_user_lists_replaces_that_classs_default(word: Any, expected: JobStatus | None) -> None:
    assert expected == classify(MAPPED, word)


def test_a_word_that_the_user_maps_leaves_every_default() -> None:
    status = Status.model_validate({"mapping": {"skipped": ["EXPIRED"], "failed": ["timed-out"]}})
    assert (SKIPPED, FAILED, TIMED_OUT, None) == tuple(classify(status, word) for word in ("expired", "Timed Out", "timeout", "failure"))
    assert ["timeout"] == known_words(status)[TIMED_OUT]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["done", "done"], COMPLETED), (["done", "running"], RUNNING), (["done", "failed", "running"], FAILED), (["done", "timeout"], FAILED),
        (["timeout", "timeout"], TIMED_OUT), (["no data", "no data"], SKIPPED), (["no data", "done"], COMPLETED), ([["done"], [["running"]]], RUNNING),
        (["done", "nope"], None), ([], None), ([[]], None), (["failed", "nope"], None),
    ],
)  # fmt: skip
def test_several_words(words: list[Any], expected: JobStatus | None) -> None:
    assert expected == classify(Status.model_validate({"mapping": {"skipped": ["no data"]}}), words)



def test_words_in_two_classes() -> None:
    assert [("a b", "running", "failed"), (1, "running", "completed")] == list(in_two_classes({"running": ["A-B", "1"], "failed": "a b", "completed": [1, 1]}))
    assert [] == list(in_two_classes({"running": ["A", "a"]}))


def test_no_well_known_word_is_in_two_classes() -> None:
    assert [] == list(in_two_classes({kind.value: list(words) for kind, words in WELL_KNOWN.items()}))


@pytest.mark.parametrize(("word", "expected"), [("In_Queue", "in queue"), ("a - b__c", "a b c"), (True, "true"), (None, "null"), (1.5, "1.5"), (["x"], '["x"]')])
def test_how_words_are_compared(word: Any, expected: str) -> None:
    assert expected == normal(word)
