"""`check`: stage by stage, everything that is wrong at once, no job started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commanding import plain, run, written
from fake_api import FakeApi, Reply, json_reply
from test_sync import config, stream

DAYS = {"start": "2026-01-01", "end": "2026-01-31", "step": "1d", "format": "date", "end_is": "inclusive"}
TOKEN = {"authenticator": {"type": "bearer", "token": "{{ secrets.token }}"}}


def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage says what it found; the login is of the authenticator's own making."""
    monkeypatch.setenv("TAP_ASYNCREPORT_SECRETS_TOKEN", "geheim-7")
    with FakeApi(token="geheim-7") as api:
        path = written(tmp_path, config(api, stream(incremental=DAYS), **TOKEN, max_concurrent_jobs=2))
        said = run(capsys, "check", "--config", path)
        assert [] == api.log
    golden = """\
keys       ok  FILE: 1 stream
templates  ok  7 templates, 0 paths
secrets    ok  token: environment variable TAP_ASYNCREPORT_SECRETS_TOKEN
windows    ok  clicks: 31 jobs, first 2026-01-01 to 2026-01-02, last 2026-01-31 to 2026-02-01
login      ok  URL: no login of its own

31 jobs to do
next: tap-asyncreport trace clicks --config FILE runs one job and shows it all
"""
    assert golden == plain(said.out, FILE=str(path), URL=api.url)
    assert (0, "") == (said.code, said.err)


def test_the_first_of_a_hundred_faults_hides_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys, templates and secrets are told together, each at its stage and with its line."""
    path = tmp_path / "bad.yaml"
    path.write_text(
        """\
base_url: https://api.example.com
authenticator: {type: bearer, token: "{{ secrets.token }}"}
streams:
  - name: clicks
    jbos: {timeout: 1h}
    incremental: {start: 2026-01-01, step: 1d, format: date}
    creation_requester: POST /exports/{{ window.begin }}
    polling_requester: GET /exports/{{ creation_response.id }}
    download_retriever: GET {{ polling_response.url }}
"""
    )
    said = run(capsys, "check", "--config", path)
    golden = """\
keys       wrong
templates  wrong
secrets    wrong
windows    -      not looked at: put the others right first
login      -      not looked at: put the others right first

The configuration has 3 problems:

FILE:5:5: streams.clicks.jbos: there is no such key
    did you mean `jobs`?

FILE:7:5: streams.clicks.creation_requester: `window` has start, end, start_at, end_at; there is no `begin`

FILE:2:31: authenticator.token: secret token is not set: looked in `secrets` and TAP_ASYNCREPORT_SECRETS_TOKEN
"""
    assert golden == plain(said.out, FILE=str(path))
    assert 78 == said.code


def test_a_secret_that_is_not_set_hides_no_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [stream()], **TOKEN})
    said = run(capsys, "check", "--config", path)
    assert 78 == said.code
    assert "windows    ok     clicks: 3 jobs, first 2026-01-01 to 2026-01-02, last 2026-01-03 to 2026-01-04" in said.out
    assert "login      -      not tried: put the others right first" in said.out


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("{{ 'gestern' }}", "incremental.end: the template gives 'gestern', which is neither a date nor an instant"),
        ("{{ window.start }}", "incremental.end: `window` is not known here"),
        ("{{ partition.account }}", "incremental.end: `partition` is not known here"),
        ("{{ now | minus('2 days') }}", "incremental.end: "),
        ("gestern", "incremental.end: 'gestern' is neither a date (2026-01-31) nor an instant"),
    ],
)
def test_a_template_for_an_end_is_tried(
    end: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no moment is told with its line; nothing is sent."""
    spans = {"start": "2026-01-01", "end": end, "format": "date"}
    with FakeApi() as api:
        path = written(tmp_path, config(api, stream(incremental=spans)))
        told = run(capsys, "check", "--config", path)
        assert [] == api.log
    assert (78, True) == (told.code, said in told.out), told.all
    assert f"{path}:1:" in told.out


def test_what_a_template_does_with_a_window_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first creation request is rendered: what fails then is told with its line, and nothing is sent."""
    creation = {"request": "POST /exports", "json": {"day": "{{ window.start_at + 1 }}"}}
    with FakeApi() as api:
        path = written(tmp_path, config(api, stream(creation_requester=creation)))
        said = run(capsys, "check", "--config", path)
        assert [] == api.log
    assert 78 == said.code
    assert "templates  wrong" in said.out
    assert f"{path}:1:" in said.out
    assert "`{{ window.start_at + 1 }}`" in said.out


@pytest.mark.parametrize(
    ("oauth", "code", "word"),
    [
        (json_reply({"access_token": "tok-1234567", "expires_in": 60}), 0, "a token was fetched"),
        (json_reply({"error": "invalid_client"}, 400), 77, "invalid_client"),
        (json_reply({"token": "x"}), 77, "access_token"),
    ],
)
def test_the_login_is_tried(
    oauth: Reply, code: int, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token is fetched and no job started; a refusal is exit code 77."""
    login = {"type": "oauth2", "token_url": "/oauth/token", "client_id": "me", "client_secret": "secret-77"}
    with FakeApi(hooks={"token": lambda api, request: oauth}) as api:
        path = written(tmp_path, config(api, authenticator=login))
        said = run(capsys, "check", "--config", path)
        assert {"token"} == set(api.steps())
    assert code == said.code, said.all
    assert word in said.out
    assert "secret-77" not in said.all


def test_offline_means_no_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    login = {"type": "oauth2", "token_url": "/oauth/token", "client_id": "me", "client_secret": "secret-77"}
    with FakeApi() as api:
        said = run(capsys, "check", "--offline", "--config", written(tmp_path, config(api, authenticator=login)))
        assert [] == api.log
    assert 0 == said.code
    assert "login      -   not tried: --offline" in said.out


def test_nobody_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection is no fault of the configuration, and no refusal."""
    monkeypatch.setattr("tap_asyncreport.clock.SystemClock.wait", lambda self, seconds: False)
    login = {
        "type": "oauth2", "token_url": "http://127.0.0.1:9/token", "client_id": "me", "client_secret": "secret-77",
    }  # fmt: skip
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [stream()], "authenticator": login})
    said = run(capsys, "check", "--config", path)
    assert 1 == said.code
    assert "login      wrong" in said.out
    assert "no connection to http://127.0.0.1:9" in said.out
    assert "Traceback" not in said.all


# -- the outlook


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({"rate_limits": [{"match": {"step": "creation_requester"}, "rate": "4/1m", "burst": 2}]}, (62 - 2) * 15),
        ({"rate_limits": [{"match": {"path": "/exports"}, "rate": "2/1s"}]}, 61 / 2),
        ({"rate_limits": [{"rate": "1/1s", "burst": 10}]}, 62 * 4 - 10),
        ({"max_concurrent_jobs": 2, "stream_defaults": {"jobs": {"initial_delay": "30s"}}}, 62 * 30 / 2),
        ({"stream_defaults": {"jobs": {"initial_delay": "30s", "max_concurrent": 1}}}, 31 * 30),
    ],
)
def test_the_least_time(limits: dict[str, Any], seconds: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rates, jobs at once and delays: the longest of what they come to, for two streams of 31 jobs."""
    streams = [{**stream(name, incremental=DAYS), "jobs": {}} for name in ("one", "two")]
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": streams, **limits})
    said = run(capsys, "check", "--offline", "--json", "--config", path)
    found = json.loads(said.out)
    assert (62, seconds) == (found["jobs"], found["least_seconds"])


def test_the_least_time_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = [{"match": {"step": "creation_requester"}, "rate": "4/1m"}]
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [stream(incremental=DAYS)], "rate_limits": limits})
    said = run(capsys, "check", "--offline", "--config", path)
    why = "rate_limits: 4 in 1 min for step creation_requester"
    assert f"31 jobs to do; at least 7 min 30 s ({why})" == said.out.splitlines()[-2]


def test_partitions_that_are_listed_in_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are not asked for: it is said how many jobs each of them has; given ones are counted."""
    listed = {"name": "account", "request": "GET /accounts"}
    kinds = {"name": "kind", "values": ["a", "b"]}
    with FakeApi() as api:
        path = written(tmp_path, config(api, stream(partitions=[listed, kinds]), stream("other", partitions=[kinds])))
        said = run(capsys, "check", "--config", path)
        assert [] == api.log
    assert "clicks: 6 jobs for each account, which are listed in the run, first 2026-01-01" in said.out
    assert "other: 6 jobs over 2 partitions, first 2026-01-01" in said.out
    assert said.out.splitlines()[-2].startswith("12 jobs to do, and more for the partitions that are listed in the run")


def test_a_state_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a state: the windows of the next run, and the jobs that it goes on with; of lines the last counts."""
    job = {"id": "job-9", "window": ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"], "creation_response": {"id": "job-9"}}
    bookmark = {"replication_key": "date", "replication_key_value": "2026-01-01", "until": "2026-01-02T00:00:00Z"}
    (tmp_path / "states.jsonl").write_text("{}\n" + json.dumps({"bookmarks": {"clicks": {**bookmark, "jobs": [job]}}}) + "\n\n")
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [stream()]})
    said = run(capsys, "check", "--config", path, "--state", tmp_path / "states.jsonl")
    assert 0 == said.code, said.all
    assert "clicks: 2 jobs, first 2026-01-02 to 2026-01-03, last 2026-01-03 to 2026-01-04" in said.out


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("{", "is not JSON"),
        ("7", "not a JSON object"),
        ('{"bookmarks": {"clicks": {"replication_key_value": "soon"}}}', "clicks"),
        ('{"bookmarks": {"clicks": {"jobs": 7}}}', "its `jobs` are no list of objects"),
    ],
)
def test_a_state_that_cannot_be_read(state: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.json").write_text(state)
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [stream()]})
    found = run(capsys, "check", "--config", path, "--state", tmp_path / "state.json")
    assert 78 == found.code
    assert "windows    wrong" in found.out
    assert said in found.out


def test_json_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stages with their results and problems, streams with their windows; the exit code is the same."""
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [stream()], **TOKEN})
    said = run(capsys, "check", "--json", "--config", path)
    found = json.loads(said.out)
    assert (78, 78, False) == (said.code, found["exit_code"], found["ok"])
    assert {"keys": "ok", "templates": "ok", "secrets": "wrong", "windows": "ok", "login": "-"} == {
        stage["stage"]: stage["result"] for stage in found["stages"]
    }
    (problem,) = found["stages"][2]["problems"]
    assert ("authenticator.token", str(path)) == (problem["key"], problem["file"])
    assert "clicks" == found["streams"][0]["stream"]
    assert ["2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"] == found["streams"][0]["first"]


# -- where a configuration comes from


def test_the_environment_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As Meltano does it: `--config ENV`, structures as JSON."""
    monkeypatch.setenv("TAP_ASYNCREPORT_STREAMS", json.dumps([stream()]))
    monkeypatch.setenv("TAP_ASYNCREPORT_BASE_URL", "http://127.0.0.1:9")
    said = run(capsys, "check", "--config", "ENV")
    assert (0, "keys       ok  ENV: 1 stream") == (said.code, said.out.splitlines()[0])


def test_no_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "check")
    assert 78 == said.code
    assert "no configuration was given\n  try         add `--config FILE`" in said.err


def test_files_lie_over_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [stream()]}, "one.json")
    two = tmp_path / "two.yaml"
    two.write_text("streams:\n  - name: clicks\n    incremental: {end: 2026-01-01}\n")
    said = run(capsys, "check", "--config", one, "--config", two)
    assert "clicks: 1 job, 2026-01-01 to 2026-01-02" in said.out
