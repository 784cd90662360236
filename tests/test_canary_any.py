"""Any secret at all through the real log, errors, run page, traces and recordings; credentials written where they are used."""

from __future__ import annotations

import io
import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from canaries import PART, leaks
from commanding import run, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from told import STARTED, Told, day
from warm import WarmProcess

from tap_asyncreport.commands.curl import curl
from tap_asyncreport.commands.narrator import Narrator
from tap_asyncreport.commands.recording import exchange_data
from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.config.loading import load
from tap_asyncreport.config.shown import confidential
from tap_asyncreport.error_text import render
from tap_asyncreport.errors import ConfigurationError, DecodeError, JobError, Problem, ReportError, Where, excerpt
from tap_asyncreport.http.calls import Call, Exchange, Outgoing
from tap_asyncreport.http.guard import guard_logging
from tap_asyncreport.http.naming import NamingRedactor
from tap_asyncreport.http.observing import Watch
from tap_asyncreport.reporting import RunFacts, RunLedger, StreamEnd, closing_table, write_report
from tap_asyncreport.telling import Telling

odd = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("%+/=\\\"'&<>;#?\n\t {}[]$|u0041xn")), min_size=9, max_size=60
).filter(lambda text: len(set(text.strip())) >= PART and "***" not in text)  # what is all zeros stands in any text


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return STARTED[1]

    def monotonic(self) -> float:
        return 100.0


class Answer:
    """As much of a reply as an observer sees."""

    def __init__(self, body: bytes, **headers: str) -> None:
        self.status_code, self.headers, self.beginning, self.size, self.ended = 418, headers, body, len(body), True


def exchange(secret: str, telling: Telling) -> Exchange:
    """A call that holds the secret wherever it may, and an answer that repeats it."""
    body = json.dumps({"all": [secret, {"key": secret}]}).encode()
    url = f"https://api.example.com/{quote(secret, safe='')}?k={quote(secret)}&again={quote(quote(secret))}"
    headers = {"X-Key": quote(secret), "Authorization": f"Bearer {secret}", "X-Raw": secret.encode().decode("latin-1")}
    call = Call(step="creation_requester", stream="orders", job_id="r-1", method="POST", url=url)
    seen: list[Exchange] = []
    watch = Watch(call, Outgoing("POST", url, headers, body), telling.redactor, Still(), [seen.append])  # type: ignore[arg-type]
    watch.done(Answer(body * 40, **{"X-Echo": quote(secret), "Set-Cookie": f"sid={quote(secret)}; Path=/"}))  # type: ignore[arg-type]
    return seen[0]


def errors(secret: str) -> list[Any]:
    where = Where(stream="orders", job_id=secret, request_line=f"GET /{quote(secret)}", partition=json.dumps({"a": secret}))
    long = f"{'x' * (500 - len(secret) // 2)}{secret}"
    return [
        JobError(f"the job failed: {secret}", where=where, excerpt=excerpt(long), hint=f"{'word ' * 17}{secret}"),
        DecodeError(f"line 3: {secret!r} is no integer", where=where, excerpt=excerpt(json.dumps({"a": secret}))),
        ReportError(secret, where=where, excerpt=repr(secret.encode())),
        ConfigurationError([Problem(f"{secret!r} is not allowed", "key", "file", 1, 2, secret)]),
    ]


def logged(secret: str, telling: Telling) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("tap_asyncreport.test.any")
    logger.propagate, logger.level, logger.handlers = False, logging.DEBUG, [handler]
    with guard_logging(telling.redactor):
        for error in errors(secret):
            logger.error("%s", render(error))
            try:
                raise error from ValueError(secret)
            except Exception:
                logger.exception("again %r", [secret])
    return stream.getvalue()


def paged(secret: str, telling: Telling, directory: Path) -> str:
    ledger = RunLedger(STARTED, keep_lanes=True)
    told = Told("orders", day(1), secret, account=secret)
    ledger.observe([told.creating(100), told.created(101), told.failed(103, error=errors(secret)[0])])
    ledger.stream_ended("orders", StreamEnd.FAILED, errors(secret)[1], at=104)
    bookmark = {"partitions": [{"context": {"account": secret}, "replication_key_value": secret}]}
    facts = RunFacts("failed", 1, state_before={"bookmarks": {"orders": bookmark}}, configuration=[("key", secret, secret)])
    write_report(directory / "page.html", ledger, facts, now=105, redact=telling.redactor.redact)
    pages = [(directory / name).read_text(encoding="utf-8", errors="surrogateescape") for name in ("page.html", "page.json")]
    return "\n".join([closing_table(ledger, redact=telling.redactor.redact), *pages])


def traced(secret: str, telling: Telling) -> str:
    out = io.StringIO()
    seen = exchange(secret, telling)
    for narrator in (Narrator(Console(telling.redactor, out), "orders", as_curl=as_curl) for as_curl in (False, True)):
        narrator.exchanged(seen)
    return "\n".join([out.getvalue(), curl(seen), json.dumps(exchange_data(seen, {}, telling.redactor))])


@pytest.mark.promise(26)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd)
def test_any_secret_is_hidden_in_logs_errors_pages_and_traces(tmp_path: Path, secret: str) -> None:
    secret, telling = secret.strip(), Telling()
    telling.redactor = NamingRedactor()
    telling.redactor.name("TAP_ASYNCREPORT_SECRETS_KEY", secret)
    texts = {
        "errors": "\n".join(map(telling.text, errors(secret))),
        "log": without_code(logged(secret, telling)),
        "page": paged(secret, telling, tmp_path),
        "trace": traced(secret, telling),
    }
    of_itself = set(leaks(paged("another-one", Telling(), tmp_path), secret))  # "undefined" stands in the page's script
    assert {} == {name: found for name, text in texts.items() if (found := set(leaks(text, secret)) - of_itself)}


def without_code(text: str) -> str:
    """A log without the lines of our own files that tracebacks quote."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(("  File", "    ")))


@pytest.mark.promise(26)
def test_credentials_that_are_written_where_they_are_used_are_as_secret() -> None:
    """Even those of a step that never came to its turn."""
    key = {"type": "service_account", "client_email": "me@example.com", "private_key": "written-key-1"}
    stream = {
        "name": "orders", "creation_requester": "POST /a", "download_retriever": "GET /b",
        "polling_requester": {"request": "GET /c", "authenticator": {"type": "bearer", "token": "written-token-1"}},
        "delete_requester": {"request": "DELETE /c", "authenticator": {"type": "google_service_account", "key": key, "scopes": ["a"]}},
    }  # fmt: skip
    oauth = {"type": "oauth2", "token_url": "/t", "client_id": "me", "client_secret": "{{ secrets.a }}", "token": "$.token"}
    top = {"base_url": "https://api.example.com", "streams": [stream], "authenticator": oauth, "secrets": {"a": "under-secrets"}}
    found = [each for each in confidential(load([top], environ={})) if each is not None]
    assert [{"a": "under-secrets"}, "written-key-1", "written-token-1"] == [found[0], *sorted(found[1:])]


@pytest.mark.promise(26)
@pytest.mark.parametrize("secret", ['it\'s "so"\\said', "pä߀wörd\nnext-line"])
def test_a_wrong_configuration_shows_no_secret(secret: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it stands in a key that is wrong, quoted as errors quote it."""
    stream = {"name": "orders", "creation_requester": f"POST{secret}", "polling_requester": "GET /c", "download_retriever": secret}
    top = {"base_url": secret, "streams": [stream], "secrets": {"a": secret}, "start_date": secret, "timezone": secret}
    path = written(tmp_path, {**top, "max_concurrent_jobs": secret, "unknown_columns": secret})
    said = [run(capsys, command, "--config", path) for command in ("check", "plan")]
    ran = WarmProcess(tmp_path, {"TAP_ASYNCREPORT_LOGLEVEL": "DEBUG"}).run(json.loads(path.read_text()), "--discover")
    assert [78, 78, 78] == [*(each.code for each in said), ran.exit_code]
    assert [] == leaks("\n".join([*(each.all for each in said), ran.stderr]), secret)
