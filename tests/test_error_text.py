"""The one renderer of errors: a golden text for every class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport import errors
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.error_text import OF_A_STREAM, WIDTH, partition_text, printable, render, summary
from tap_asyncreport.errors import (
    ConfigurationError,
    DecodeError,
    Interrupted,
    JobError,
    LoginError,
    Problem,
    ReportError,
    RequestError,
    SpoolError,
    StateError,
    TapError,
    TemplateError,
    TransferError,
    Where,
)

WHERE = Where(
    stream="orders",
    partition='{"account": "7", "day": 3}',
    window="2026-01-01 to 2026-01-02",
    step="polling_requester",
    job_id="r-101",
    request_line="GET https://api.example.com/exports/r-101?fields=id,name",
    status_code=503,
    request_id="4bf92f35",
)


class KnownSources:
    """One key with a place."""

    def where(self, key: str) -> tuple[str, int, int] | None:
        return ("tap.yml", 12, 5) if key.startswith("streams.orders") else None


GOLDEN = [
    (
        TapError("the catalog is not JSON", hint="run --discover again"),
        """\
the catalog is not JSON
  try         run --discover again""",
    ),
    (
        ConfigurationError(
            [
                Problem("there is no such key", "streams.orders.jobs.timout", "tap.yml", 9, 7, "Did you mean `timeout`?"),
                Problem("a value is required", "streams.orders.name"),
                Problem("secrets.token is not set", "authenticator.token", hint="looked in: secrets, the environment"),
                Problem("the file is empty", file="tap.yml"),
            ]
        ),
        """\
The configuration has 4 problems:

tap.yml:9:7: streams.orders.jobs.timout: there is no such key
    Did you mean `timeout`?

tap.yml:12:5: streams.orders.name: a value is required

authenticator.token: secrets.token is not set
    looked in: secrets, the environment

tap.yml: the file is empty""",
    ),
    (
        StateError("the bookmark of orders, 'soon', is not a date", hint="delete it, or write a date such as 2026-01-31"),
        """\
the bookmark of orders, 'soon', is not a date
  try         delete it, or write a date such as 2026-01-31""",
    ),
    (Interrupted("stopped by SIGTERM", 143), "stopped by SIGTERM"),
    (
        ReportError("unexpected KeyError in poll: 'x'", where=WHERE, excerpt="server said no", hint="report this"),
        """\
orders: unexpected KeyError in poll: 'x'
  window      2026-01-01 to 2026-01-02
  partition   account=7 day=3
  step        polling_requester
  job         r-101
  request     GET https://api.example.com/exports/r-101?fields=id,name
  status      503
  API's words server said no
  request id  4bf92f35
  try         report this""",
    ),
    (
        LoginError(
            "the API refused the credentials (401)",
            where=Where(step="token", request_line="POST https://login.example.com/token", status_code=401),
            excerpt='{"error": "invalid_client"}',
            hint="check `authenticator.client_secret`",
        ),
        """\
the API refused the credentials (401)
  step        token
  request     POST https://login.example.com/token
  status      401
  API's words {"error": "invalid_client"}
  try         check `authenticator.client_secret`""",
    ),
    (
        TemplateError("there is no `partition.acount`; known: account", key="streams.orders.creation_requester.json"),
        """\
there is no `partition.acount`; known: account
  key         streams.orders.creation_requester.json (tap.yml:12:5)""",
    ),
    (
        RequestError("creating the job: the API answered 400", where=Where(stream="orders", status_code=400), excerpt="bad"),
        """\
orders: creating the job: the API answered 400
  status      400
  API's words bad""",
    ),
    (
        JobError(
            "not completed within jobs.timeout of 3 s; the status is still 'QUEUED'",
            where=Where(stream="orders", window="2026-01-01 to 2026-01-03", job_id="r1"),
            hint="raise jobs.timeout; the next run goes on polling this job",
        ),
        """\
orders: not completed within jobs.timeout of 3 s; the status is still 'QUEUED'
  window      2026-01-01 to 2026-01-03
  job         r1
  key         streams.orders.jobs.timeout (tap.yml:12:5)
  try         raise jobs.timeout; the next run goes on polling this job""",
    ),
    (
        TransferError("the file has 10 bytes, 20 were promised", where=Where(stream="orders", job_id="r1")),
        """\
orders: the file has 10 bytes, 20 were promised
  job         r1""",
    ),
    (
        SpoolError("no space left on the disk of /var/spool", hint="free space, or set `spool.directory`"),
        """\
no space left on the disk of /var/spool
  try         free space, or set `spool.directory`""",
    ),
    (
        DecodeError("column amount, line 3: 'x' is not an integer", where=Where(stream="orders")),
        "orders: column amount, line 3: 'x' is not an integer",
    ),
]


def all_errors(base: type[TapError]) -> set[type[TapError]]:
    return {base, *(found for child in base.__subclasses__() for found in all_errors(child))}


@pytest.mark.promise(28)
@pytest.mark.parametrize(("error", "text"), GOLDEN, ids=[type(error).__name__ for error, _ in GOLDEN])
def test_golden_text(error: TapError, text: str) -> None:
    """Every class of error says what happened, where, what was seen and what to try."""
    assert text == render(error, KnownSources())


@pytest.mark.promise(28)
def test_every_class_has_a_golden_text() -> None:
    """No error is told in a way that nobody has looked at."""
    here = {kind for kind in all_errors(TapError) if kind.__module__ == errors.__name__}
    assert here == {type(error) for error, _ in GOLDEN}


@pytest.mark.promise(28)
def test_the_place_of_the_work_is_added() -> None:
    """What the error does not know about its place comes from the caller; what it knows stays."""
    error = JobError("failed", where=Where(stream="orders", job_id="own"))
    text = render(error, where=Where(stream="other", job_id="given", window="2026-01-01 to 2026-01-02"))
    assert "orders: failed\n  window      2026-01-01 to 2026-01-02\n  job         own" == text
    assert error.where.window is None


@pytest.mark.promise(28)
def test_what_was_seen_is_never_wrapped() -> None:
    """500 characters of the API's words stand on one line, so that they can be searched for; advice is wrapped."""
    words = "the quota of project 7 is used up " * 14
    lines = render(JobError("failed", excerpt=words, hint="wait until tomorrow " * 20)).splitlines()
    assert f"  API's words {words}" == lines[1]
    assert all(len(line) <= WIDTH for line in lines[2:])
    assert " ".join(["wait until tomorrow"] * 20) == " ".join(line[14:] for line in lines[2:])


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone\r", "\\x1b[2Jgone\\r"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("half a pair \ud83d", "half a pair \\ud83d"),
        ("two\nlines", "two\nlines"),
        ("Größe 😀 ‌\u200c", "Größe 😀 ‌\u200c"),
    ],
)
def test_nothing_that_a_terminal_obeys(text: str, shown: str) -> None:
    """Control characters in an API's words reach the terminal as escapes, letters of any script as they are."""
    assert shown == printable(text)


@given(st.text())
def test_any_text_can_be_written_as_utf_8(text: str) -> None:
    """Whatever an API says, the message can be written."""
    render(JobError(text, where=Where(stream=text, partition=text, job_id=text), excerpt=text, hint=text)).encode()


def test_partition_text() -> None:
    """Partitions read as names and values."""
    assert "account=7 n=3 on=true" == partition_text('{"account": "7", "n": 3, "on": true}')
    assert "7" == partition_text("7")
    assert "account 7" == partition_text("account 7")


def test_summary() -> None:
    """One line: message and the API's words, those only once."""
    assert "failed: no quota" == summary(JobError("failed", excerpt="no quota"))
    assert "failed: no quota" == summary(JobError("failed:\n no quota", excerpt="no quota"))
    assert "the disk is full" == summary(TapError("the disk\nis full"))


def test_keys_of_a_stream() -> None:
    """A hint's key is looked for in the configuration by the names that a stream has there, and no others."""
    assert {field.alias or name for name, field in Stream.model_fields.items()} == OF_A_STREAM
