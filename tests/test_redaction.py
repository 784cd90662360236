"""Secrets are hidden by their values, in whatever spelling they come."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import logging.handlers
import sys
import threading
from types import SimpleNamespace
from urllib.parse import quote, quote_plus

import pytest
from canaries import leaks
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.guard import RecordCleaning, guard_logging
from tap_asyncreport.http.urls import origin_of

SECRET = 'p&s/w0rd +"ü\\é\n%~=<x>'
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n"

SPELLINGS = {
    "raw": lambda text: text,
    "quoted": lambda text: quote(text, safe=""),
    "quoted, slashes kept": quote,
    "quoted for a form": quote_plus,
    "quoted in lower case": lambda text: lower_hex(quote(text, safe="")),
    "quoted as browsers do": lambda text: quote(text, safe="!*'()~"),
    "quoted twice": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": lambda text: json.dumps(text),
    "JSON, letters kept": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps({"body": json.dumps({"a": text})}),
    "JSON with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON for HTML": lambda text: json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
    "repr": repr,
    "repr of a list": lambda text: repr([text, 1]),
    "ascii": ascii,
    "HTML": html.escape,
    "CSV": lambda text: '"' + text.replace('"', '""') + '"',
    "on one line": lambda text: " ".join(text.split()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 with a user": lambda text: base64.b64encode(f"me:{text}".encode()).decode(),
    "base64 with another user": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "base64 between others": lambda text: base64.b64encode(f"ab{text}yz".encode()).decode(),
    "base64, quoted": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}


def lower_hex(quoted):
    head, *parts = quoted.split("%")
    return head + "".join("%" + part[:2].lower() + part[2:] for part in parts)


@pytest.mark.promise(26)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_hidden_however_it_is_spelt(spelling):
    spelt = SPELLINGS[spelling](SECRET)
    shown = Redactor([SECRET]).redact(f"before {spelt} after")
    assert "***" in shown
    assert shown.startswith("before ") and shown.endswith(" after")
    assert len(shown) <= len("before  after") + 40, shown
    assert [] == [fragment for fragment in ("w0rd", "0rd", base64.b64encode(b"w0rd").decode()[:5]) if fragment in shown]


@pytest.mark.promise(26)
@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if "base64" not in name and name != "on one line"])
def test_nothing_but_the_secret_is_hidden(spelling):
    spell = SPELLINGS[spelling]
    assert f"a {spell('HIDDEN')} b".replace("HIDDEN", "***") == Redactor(["tok/en+12 34"]).redact(f"a {spell('tok/en+12 34')} b")


@pytest.mark.promise(26)
@settings(max_examples=60)
@given(st.text(min_size=6, max_size=30).filter(lambda text: len(text.strip()) >= 6 and "\x00" not in text), st.sampled_from(sorted(SPELLINGS)))
def test_any_text_is_hidden_however_it_is_spelt(secret, spelling):
    try:
        spelt = SPELLINGS[spelling](secret.strip())
    except UnicodeEncodeError:
        return
    assert "***" in Redactor([secret]).redact(f"|{spelt}|")


@pytest.mark.promise(26)
@settings(max_examples=40)
@given(st.lists(st.text("abcdef0123456789-_.", min_size=4, max_size=20), min_size=1, max_size=5))
def test_no_secret_is_left_where_there_are_several(secrets):
    shown = Redactor(secrets).redact(" and ".join(secrets)).replace("***", "")
    assert [] == [secret for secret in secrets if secret in shown]


def test_the_longest_secret_is_hidden_whole():
    assert "***" == Redactor(["abcd", "abcdefgh"]).redact("abcdefgh")


@pytest.mark.promise(26)
def test_every_value_inside_a_secret_is_hidden():
    redactor = Redactor([{"a": {"b": ["first-one", 123456]}, "c": '{"key": "second-one"}', "d": True, "e": None}])
    assert "*** *** *** True None" == redactor.redact("first-one 123456 second-one True None")


@pytest.mark.promise(26)
def test_a_private_key_is_hidden_line_by_line_too():
    redactor = Redactor([PEM])
    assert "key: ***" == redactor.redact("key: " + PEM.strip())
    assert "key: ***" == redactor.redact("key: " + PEM.strip().replace("\n", "\\n"))
    assert "key: *** and -----BEGIN PRIVATE KEY-----" == redactor.redact(
        "key: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC and -----BEGIN PRIVATE KEY-----"
    )


def test_what_is_public_in_a_google_key_stays():
    key = {"type": "service_account", "private_key": PEM, "client_email": "me@example.com", "token_uri": "https://oauth2.example.com/token"}
    for given_as in (key, json.dumps(key)):
        shown = Redactor([{"google": given_as}]).redact("service_account me@example.com https://oauth2.example.com/token")
        assert "service_account *** https://oauth2.example.com/token" == shown


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("abc", "abc abcd xabc a-abc.", "*** abcd xabc a-***."),
        ("42", "42 rows, 142 bytes, r-42", "*** rows, 142 bytes, r-***"),
        ("1", "1 row", "1 row"),
        ("", "nothing", "nothing"),
        ("  ", "no  thing", "no  thing"),
        ("abcd", "xabcdx", "x***x"),
        (123456, "id=123456", "id=***"),
        ("padded\n", "padded", "***"),
    ],
)
def test_short_secrets_are_hidden_as_words_only(secret, text, shown):
    assert shown == Redactor([secret]).redact(text)


@pytest.mark.promise(26)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://b.example/x?sig=1&a=2 -> 200", "GET https://b.example/x?… -> 200"),
        ('{"url": "https://b.example/x?sig=1\\u0026a=2", "n": 1}', '{"url": "https://b.example/x?…", "n": 1}'),
        ('{"url":"https:\\/\\/b.example\\/x?sig=1\\/2"}', '{"url":"https:\\/\\/b.example\\/x?…"}'),
        ('"{\\"url\\": \\"https://b.example/x?sig=1\\"}"', '"{\\"url\\": \\"https://b.example/x?…\\"}"'),
        ("<https://b.example/x?sig=1>; rel=next", "<https://b.example/x?…>; rel=next"),
        ("HTTPS://B.example?sig=1", "HTTPS://B.example?…"),
        ("https://a.example/v1?page=2", "https://a.example/v1?page=2"),
        ("https://a.example:8443/v1?page=2", "https://a.example:8443/v1?…"),
        ("http://a.example/v1?page=2", "http://a.example/v1?…"),
        ("https://b.example/x?…", "https://b.example/x?…"),
        ("really? https://b.example/x", "really? https://b.example/x"),
    ],
)
def test_query_strings_of_other_origins_are_cut(text, shown):
    redactor = Redactor()
    redactor.own(origin_of("https://a.example/v1"))
    assert shown == redactor.redact(text)


def test_redacting_twice_changes_nothing_more():
    redactor = Redactor([SECRET])
    once = redactor.redact(f"{SECRET} https://b.example/x?a=1")
    assert once == redactor.redact(once)


def test_data_is_redacted_as_data():
    redactor = Redactor(["tok-123456", 987654])
    assert {"a": ["***", 1, None, True, 2.5], "***": {"b": "x ***"}, "n": "***"} == redactor.redact_value(
        {"a": ("tok-123456", 1, None, True, 2.5), "tok-123456": {"b": "x tok-123456"}, "n": 987654}
    )


def test_an_excerpt_is_redacted_before_it_is_cut():
    secret = "s" * 40
    body = "x" * 480 + secret + "tail"
    assert "x" * 480 + "***tail" == Redactor([secret]).excerpt(body)
    assert "x" * 480 + "***tail" == Redactor([secret]).excerpt(body.encode())
    assert None is Redactor().excerpt(b"")
    assert "\\xff" == Redactor().excerpt(b"\xff")


def test_secrets_may_be_added_while_others_redact():
    redactor = Redactor()
    failures = []

    def add(n):
        for m in range(30):
            secret = f"secret-{n}-{m}"
            redactor.add(secret)
            if "***" != redactor.redact(secret):
                failures.append(secret)

    threads = [threading.Thread(target=add, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures


def test_whether_data_holds_a_secret():
    redactor = Redactor(["tok-123456"])
    assert [True, True, False, False, False] == [
        redactor.holds_secret(data) for data in (b"a=tok-123456", "tok%2d123456", b"a=1", b"\xff", None)
    ]


# logs and tracebacks


@pytest.fixture
def log(monkeypatch):
    """A logger with a handler as the SDK sets one up, and what it wrote."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(job_id)s", defaults={"job_id": ""}))
    logger = logging.getLogger("tap_asyncreport.test")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    redactor = Redactor(["tok-123456"])
    with guard_logging(redactor):
        yield logger, stream, redactor
    logger.removeHandler(handler)


@pytest.mark.promise(26)
def test_logs_hold_no_secret(log):
    logger, stream, _ = log
    logger.debug("token %s in %r, %d%%", "tok-123456", {"a": "tok-123456"}, 5)
    logger.info("as it is: tok-123456", extra={"job_id": "tok-123456"})
    try:
        raise ValueError("tok-123456")
    except ValueError:
        logger.exception("failed")
    written = stream.getvalue()
    assert "DEBUG token *** in {'a': '***'}, 5% \nINFO as it is: *** ***\nERROR failed" == written[: written.index(" \nTraceback")]
    assert "ValueError: ***" in written
    assert "tok-123456" not in written


@pytest.mark.promise(26)
def test_logs_hide_what_becomes_secret_later(log):
    logger, stream, redactor = log
    redactor.add("token-2-abc")
    logger.info("token-2-abc https://b.example/x?sig=9")
    assert "INFO *** https://b.example/x?… \n" == stream.getvalue()


@pytest.mark.promise(26)
def test_the_sdks_structured_logs_hold_no_secret():
    from singer_sdk.logging import StructuredFormatter

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(StructuredFormatter())
    logger = logging.getLogger("tap_asyncreport.test.structured")
    logger.addHandler(handler)
    try:
        with guard_logging(Redactor(['to"k-1234'])):
            try:
                raise ValueError('to"k-1234')
            except ValueError:
                logger.exception("with %s", 'to"k-1234', extra={"job_id": 'to"k-1234'})
    finally:
        logger.removeHandler(handler)
    record = json.loads(stream.getvalue())
    assert ("with ***", "***") == (record["message"], record["exception"]["message"])
    assert "k-1234" not in stream.getvalue()


@pytest.mark.promise(26)
def test_tracebacks_that_nobody_caught_hold_no_secret(log, monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    thread = threading.Thread(target=lambda: int("tok-123456"))
    thread.start()
    thread.join()
    try:
        int("tok-123456")
    except ValueError:
        sys.excepthook(*sys.exc_info())
        sys.unraisablehook(SimpleNamespace(exc_type=ValueError, exc_value=sys.exc_info()[1], exc_traceback=None))
    assert 3 == stderr.getvalue().count("invalid literal for int() with base 10: '***'")
    assert "tok-123456" not in stderr.getvalue()


@pytest.mark.promise(26)
def test_targets_do_not_reach_the_log_by_way_of_libraries(log):
    logger = logging.getLogger("urllib3.connectionpool")
    assert [False, True] == [bool(logger.filter(logging.LogRecord("x", level, "", 0, "m", (), None))) for level in (logging.DEBUG, logging.WARNING)]


def test_the_guard_can_be_set_twice_and_taken_off():
    handler = logging.StreamHandler(io.StringIO())
    formatter = logging.Formatter("%(message)s")
    handler.setFormatter(formatter)
    logger = logging.getLogger("tap_asyncreport.test.twice")
    logger.addHandler(handler)
    with guard_logging(Redactor()), guard_logging(Redactor()):
        assert formatter is handler.formatter.inner
    assert formatter is handler.formatter
    assert sys.excepthook is not None
    logger.removeHandler(handler)


@pytest.mark.promise(26)
def test_handlers_that_write_no_formatted_line_get_records_without_secrets():
    """Those that send records on, and those that lay out tracebacks themselves, as rich does."""
    from rich.console import Console
    from rich.logging import RichHandler

    class Sending(logging.Handler):
        def emit(self, record):
            sent.append(dict(record.__dict__))

    sent, out = [], io.StringIO()
    rich = RichHandler(console=Console(file=out, width=200), rich_tracebacks=True, tracebacks_show_locals=True)
    logger = logging.getLogger("tap_asyncreport.test.handlers")
    handlers = (Sending(), logging.handlers.MemoryHandler(100, target=rich), rich)
    for handler in handlers:
        logger.addHandler(handler)
    with guard_logging(Redactor(["tok-123456-long-enough"])):
        try:
            raise ValueError("tok-123456-long-enough")
        except ValueError:
            logger.exception("with %s", "tok-123456-long-enough", extra={"job_id": {"a": "tok-123456-long-enough"}})
        handlers[1].flush()
    for handler in handlers:
        logger.removeHandler(handler)
    assert [] == leaks(repr(sent) + out.getvalue(), "tok-123456-long-enough")
    assert ("with ***", {"a": "***"}) == (sent[0]["msg"], sent[0]["job_id"])
    assert out.getvalue().count("ValueError: ***") == 2


def test_a_record_without_secrets_is_handed_on_as_it_is():
    point = object()
    record = logging.makeLogRecord({"msg": "METRIC: %s", "args": (point,), "tags": {"a": 1}})
    assert RecordCleaning(Redactor(["tok-123456"])).filter(record)
    assert ("METRIC: %s", (point,), {"a": 1}) == (record.msg, record.args, record.tags)


@pytest.mark.promise(26)
@pytest.mark.parametrize("value", ["sid=abcdefgh; Path=/; HttpOnly", "sid=abcdefgh", "Bearer abcdefgh=", "abcdefgh"])
def test_what_a_header_of_credentials_holds_is_never_shown(value):
    assert "abcdefgh" not in Redactor().veil(value)
