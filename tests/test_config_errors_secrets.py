"""No error of a configuration shows a secret, and each that is missing is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from config_told import BASE, Told

from tap_asyncreport.config.loading import load
from tap_asyncreport.errors import ConfigurationError

CANARY = "c4n4ry-s3cr3t"


def test_each_missing_secret_is_told_once_and_only_where_secrets_are_required(told: Told, tmp_path: Path) -> None:
    text = BASE + "authenticator: {type: basic, username: '{{ secrets.user }}', password: '{{ secrets.password }}'}\nheaders: {A: '{{ secrets.user }}'}\nsecrets: {usr: x}\n"
    assert (
        "tap.yaml:8:30: authenticator.username: secret user is not set: looked in `secrets` and TAP_ASYNCREPORT_SECRETS_USER\n"
        "    try: did you mean `usr`?\n"
        "tap.yaml:8:62: authenticator.password: secret password is not set: looked in `secrets` and TAP_ASYNCREPORT_SECRETS_PASSWORD"
    ) == told(text)
    assert {"usr": "x"} == load([tmp_path / "tap.yaml"], environ={}, require_secrets=False).settings.secrets
    environ = {"TAP_ASYNCREPORT_SECRETS_USER": "u", "TAP_ASYNCREPORT_SECRETS_PASSWORD": "p"}
    assert {"usr": "x", "user": "u", "password": "p"} == load([tmp_path / "tap.yaml"], environ=environ).settings.secrets


@pytest.mark.promise(26)
@pytest.mark.parametrize(
    "authenticator",
    [
        CANARY,
        [CANARY],
        {"type": CANARY},
        {CANARY: 1, "type": "bearer", "token": "x"} | {CANARY: CANARY},
        {"type": "bearer", "token": [CANARY]},
        {"type": "bearer", "token": {"a": CANARY}},
        {"type": "bearer", "token": "x {{ " + CANARY},
        {"type": "bearer", "token": "{{ '" + CANARY + "' | nope }}"},
        {"type": "bearer", "token": "{{ nope." + CANARY.replace("-", "_") + " }}"},
        {"type": "api_key", "in": CANARY, "name": "x", "value": "y"},
        {"type": "oauth2", "token_url": CANARY, "grant": CANARY, "refresh_before": CANARY, "expires_in": CANARY, "token": CANARY},
        {"type": "oauth2", "token_url": "/x", "client_auth": CANARY, "extra": CANARY, "token_headers": {"A": [CANARY]}},
        {"type": "jwt", "key": "x", "lifetime": CANARY, "algorithm": CANARY},
        {"type": "session", "login": CANARY},
        {"type": "session", "login": {"request": CANARY, "json": {"p": CANARY}}},
        {"type": "session", "login": {"request": "POST /x", "json": {"p": "{{ " + CANARY}}},
        {"type": "aws_sigv4", "access_key": 5, "secret_key": [CANARY], "region": {CANARY: CANARY}, "service": None},
    ],
)
def test_nothing_from_under_an_authenticator_is_ever_shown(told: Told, authenticator: Any) -> None:
    broken = json.dumps({"base_url": "x", "nope": 1, "authenticator": authenticator, "streams": [{"name": "a", "creation_requester": "POST /x", "polling_requester": {"request": "GET /x", "authenticator": authenticator}, "download_retriever": "GET /x"}]})
    text = told(broken, "tap.json")
    shown = set(authenticator if isinstance(authenticator, dict) else ())
    assert CANARY not in text or CANARY in shown


@pytest.mark.promise(26)
def test_a_secrets_value_is_hidden_wherever_it_was_written_again(told: Told) -> None:
    text = told(
        BASE
        + f"    jobs: {{timeout: {CANARY}}}\n    incremental: {{start: '{CANARY}'}}\n    status: {{extractor: '{CANARY}'}}\n"
        + f"    unknown_columns: {CANARY}\nsecrets: {{a: {{b: {CANARY}}}}}\ntimezone: {CANARY}\n"
    )
    assert CANARY not in text
    assert "jobs.timeout: '•••' is not a duration" in text
    from_environment = told(BASE + "timezone: env-s3cret\n", environ={"TAP_ASYNCREPORT_SECRETS_X": "env-s3cret"})
    assert "tap.yaml:8:1: timezone: there is no time zone `•••`" in from_environment


@pytest.mark.promise(26)
def test_secrets_of_the_wrong_kind_are_not_shown(told: Told) -> None:
    assert "tap.yaml:8:1: secrets: it must be a mapping, not text\n    try: for example `secrets: {\"token\":\"…\"}`" == told(BASE + f"secrets: {CANARY}\n")
    assert CANARY not in told(BASE + f"secrets: [{CANARY}]\n")
    assert CANARY not in told(BASE + f"secrets: {{a: {CANARY}, a: {CANARY}}}\n")
    assert CANARY not in told(BASE + f"secrets: {{a: {CANARY}: b}}\n")
    assert CANARY not in told(BASE + f"secrets: {{a: {{{{ {CANARY} }}}}\n")
    assert CANARY not in told(f'{{"secrets": {{"a": "{CANARY}" "b": 1}}}}', "tap.json")


@pytest.mark.promise(26)
def test_an_error_itself_holds_no_more_than_what_is_told(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(BASE + f"authenticator: {{type: bearer, token: [{CANARY}]}}\n")
    with pytest.raises(ConfigurationError) as raised:
        load([path], environ={})
    assert CANARY not in f"{raised.value!r} {raised.value} {raised.value.__cause__!r} {raised.value.problems!r}"
    assert raised.value.__context__ is None
