"""Names of the environment that are misspelt: warned of, and none that is somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding import run, written
from fake_api import FakeApi
from test_commands_trace import SMALL
from test_sync import ROWS, config
from warm import WarmProcess

from tap_asyncreport.config.environment import misspelt

KEYS = {"start_date": True, "base_url": True, "timezone": False, "secrets": True, "vars": True, "streams": True}
MELTANOS = [
    "_LOAD_SCHEMA", "_LOG_PARSER", "_METADATA", "_METADATA___A", "_SCHEMA", "_SELECT", "_SELECT_FILTER", "_CATALOG", "_STATE",
    "_USE_CACHED_CATALOG", "VARS_REGION", "STREAMS", "STREAMS_0_NAME", "SECRETS_API_TOKEN", "START_DATE", "BASE_URL", "LOGLEVEL",
]  # fmt: skip
BEARER = {"type": "bearer", "token": "{{ secrets.token }}"}


def found(*names: str, only_secrets: bool = False) -> dict[str, str]:
    listed = misspelt([f"TAP_ASYNCREPORT_{name}" for name in names], KEYS, ["api_token"], only_secrets=only_secrets)
    return {each.name.removeprefix("TAP_ASYNCREPORT_"): each.meant.removeprefix("TAP_ASYNCREPORT_") for each in listed}


@pytest.mark.promise(28)
def test_a_misspelt_variable_is_told_with_the_one_that_was_meant() -> None:
    wrong = {"STRAT_DATE": "START_DATE", "BASEURL": "BASE_URL", "STREAM": "STREAMS", "TIME_ZONE": "TIMEZONE"}
    secrets = {"SECRET_API_TOKEN": "SECRETS_API_TOKEN", "API_TOKEN": "SECRETS_API_TOKEN"}
    assert {**wrong, **secrets} == found(*wrong, *secrets)
    assert secrets == found(*wrong, *secrets, only_secrets=True)


def test_what_meltano_exports_and_what_is_like_nothing_is_left_alone() -> None:
    assert {} == found(*MELTANOS, "HOME", "VERSION", "DEBUG", "IMAGE")
    assert {} == found("STRAT_DATE", "START_DATE")


@pytest.mark.promise(28)
def test_check_and_a_sync_tell_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A remark where all else is well; and the secret that is missing names the variable."""
    said = "environment variable TAP_ASYNCREPORT_STRAT_DATE is read by nobody; did you mean TAP_ASYNCREPORT_START_DATE?"
    monkeypatch.setenv("TAP_ASYNCREPORT_STRAT_DATE", "2026-01-01")
    with FakeApi(["DONE"], rows=ROWS) as api:
        path = written(tmp_path, config(api, SMALL))
        checked = run(capsys, "check", "--config", path, "--config", "ENV")
        synced = WarmProcess(tmp_path, {"TAP_ASYNCREPORT_STRAT_DATE": "2026-01-01"}).call("--config", path, "--config", "ENV")
        assert (0, 0, 1, 1) == (checked.code, synced.exit_code, checked.all.count(said), synced.stderr.count(said))
        assert said not in run(capsys, "check", "--config", path).all
        monkeypatch.setenv("TAP_ASYNCREPORT_SECRET_TOKEN", "canary-7-canary")
        wrong = run(capsys, "check", "--config", written(tmp_path, config(api, SMALL, authenticator=BEARER)))
    assert 78 == wrong.code
    assert "TAP_ASYNCREPORT_SECRET_TOKEN is set; did you mean TAP_ASYNCREPORT_SECRETS_TOKEN?" in wrong.all
    assert "canary" not in wrong.all
