"""Whole runs that end oddly, as they are told: logins, targets, the disk, and signals."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi, Reply, json_reply
from odd import HTML, failing, orders, told
from warm import WarmProcess

LOGIN = {"type": "oauth2", "grant": "client_credentials", "client_id": "me", "client_secret": "hush-hush-hush"}

# -- logins

LOGINS: dict[str, tuple[Reply | None, str]] = {
    "refused": (
        json_reply({"error": "invalid_client"}, 401, {"X-Request-Id": "rq-9"}),
        """\
ERROR orders: the login was refused with 401
  step        login
  request     POST URL/oauth/token
  status      401
  API's words {"error": "invalid_client"}
  request id  rq-9
  key         authenticator (FILE)
  try         look at `client_id` and `client_secret` of `authenticator`; or the API wants
              `client_auth: basic`""",
    ),
    "answered by a page for people": (
        HTML,
        """\
ERROR orders: the login's answer holds no token at $.access_token: it is an HTML page
  step        login
  request     POST URL/oauth/token
  status      200
  key         authenticator (FILE)
  try         check the URL in `authenticator`""",
    ),
    "answered by an error at 200": (
        json_reply({"error": {"code": 17}, "hint": "hush"}),
        """\
ERROR orders: the login's answer holds no token at $.access_token
  step        login
  request     POST URL/oauth/token
  status      200
  API's words error: {"code":17}, hint
  key         authenticator (FILE)
  try         look at the secrets of `authenticator`; else set `authenticator.token` to where the
              token stands""",
    ),
    "without a token": (
        json_reply({"token_type": "Bearer", "expires_in": 3600}),
        """\
ERROR orders: the login's answer holds no token at $.access_token
  step        login
  request     POST URL/oauth/token
  status      200
  API's words token_type, expires_in
  key         authenticator.token (FILE)
  try         set `authenticator.token` to where the token stands""",
    ),
    "with a token that is refused": (
        None,
        """\
ERROR orders: creating the job: the API refused a fresh token (401)
  step        creation_requester
  request     POST URL/exports
  status      401
  API's words {"error": "invalid token"}
  key         authenticator (FILE)
  try         check what the credentials of `authenticator` may do, and how the API wants the token:
              `tap-asyncreport trace orders` shows what was sent, and `authenticator.header` and
              `authenticator.prefix` change it""",
    ),
}


@pytest.mark.promise(28)
@pytest.mark.parametrize(("answer", "text"), LOGINS.values(), ids=LOGINS)
def test_a_login(answer: Reply | None, text: str, tmp_path: Path) -> None:
    faults = {} if answer is None else {("token", "*"): answer}
    with FakeApi(oauth=True, token_calls=0, faults=faults) as api:
        config = {**orders(api), "authenticator": {**LOGIN, "token_url": f"{api.url}/oauth/token"}}
        run = WarmProcess(tmp_path).run(config)
        assert [text] == told(run, api)
    assert 77 == run.exit_code
    assert re.search(r"orders +- +0/1 +0 +failed \(1 window failed\)\n", run.stderr)


# -- targets


@pytest.mark.promise(6, 28)
@pytest.mark.parametrize("answer", [{"files": []}, {"files": None}, {"files": "x"}, {"files": [{"url": None}]}, {}])
def test_a_completed_job_without_targets(answer: dict[str, Any], tmp_path: Path) -> None:
    """It is asked again within its tries, and then an error that names the extractor; the job stays for the next run."""
    patient = {"wait": "10ms", "max_tries": 2}
    run, said, steps = failing(
        tmp_path,
        {("target", "*"): json_reply(answer)},
        download_target_requester={"request": "GET /exports/{{ creation_response.id }}/files", "retry": patient},
        download_target_extractor="$.files[*].url",
        download_retriever={"request": "GET {{ download_target }}", "retry": patient},
    )
    assert 1 == run.exit_code
    words = str(answer).replace("'", '"').replace("None", "null")
    assert [
        f"""\
ERROR orders: the job is completed, and `download_target_extractor` finds no target in the answer ($.files[*].url)
  step        download_target_requester
  job         job-1
  request     GET URL/exports/job-1/files
  status      200
  API's words {words}
  key         streams.orders.download_target_extractor (FILE)
  try         check `download_target_extractor`; where there are no rows then, set
              `download_target_extractor.none: empty`"""
    ] == said
    assert ["create", "poll", "target", "poll", "target"] == steps
    assert ["job-1"] == [job["id"] for job in run.jobs("orders")]


@pytest.mark.promise(28)
def test_targets_that_are_no_links(tmp_path: Path) -> None:
    run, said, _ = failing(
        tmp_path,
        {("target", "*"): json_reply({"files": [{"href": "a"}]})},
        download_target_requester="GET /exports/{{ creation_response.id }}/files",
        download_target_extractor="$.files[*]",
        download_retriever="GET {{ download_target }}",
    )
    assert 1 == run.exit_code
    assert ['ERROR orders: what should be a URL is a mapping: {"href":"a"}'] == [text.splitlines()[0] for text in said]


# -- the disk


@pytest.mark.promise(18, 28)
def test_files_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with FakeApi(("DONE",), rows="id\n1\n") as api:
        run = WarmProcess(tmp_path).run({**orders(api), "spool": {"directory": str(tmp_path / "file" / "spool")}})
        said = [text.replace(str(tmp_path), "HERE") for text in told(run, api)]
    assert 1 == run.exit_code
    assert [
        """\
ERROR orders: downloaded files cannot be kept in HERE/file/spool: Not a directory
  step        download_retriever
  job         job-1
  key         spool.directory (FILE)
  try         point `spool.directory` at a directory that can be written"""
    ] == said


@pytest.mark.promise(18, 28)
def test_a_disk_without_space(tmp_path: Path) -> None:
    full = "import errno, tap_asyncreport.spool as spool; spool.NO_SPACE = (errno.EFBIG,)"
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    changes = f"{full}; {limit}; resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))"
    with FakeApi(("DONE",), rows="id\n" + "1\n" * 9000) as api:
        run = WarmProcess(tmp_path, changes=changes).run({**orders(api), "spool": {"directory": str(tmp_path)}})
        said = [re.sub(r"in \S+, which holds [\d,]+ bytes", "in HERE, which holds N bytes", text) for text in told(run, api)]
    assert 1 == run.exit_code
    assert [
        """\
ERROR orders: no space left for downloaded files in HERE, which holds N bytes of this run
  step        download_retriever
  job         job-1
  key         spool.directory (FILE)
  try         free some space, point `spool.directory` at a larger disk, or lower `spool.max_bytes`"""
    ] == said
    assert [] == run.records("orders")


# -- signals


@pytest.mark.promise(9, 28)
@pytest.mark.parametrize(
    ("number", "code", "on_exit", "steps", "outcome"),
    [
        (signal.SIGINT, 130, "abort", ["abort", "delete"], "interrupted"),
        (signal.SIGTERM, 143, "keep", [], "interrupted (1 job kept for the next run)"),
    ],
)
def test_a_signal(number: signal.Signals, code: int, on_exit: str, steps: list[str], outcome: str, tmp_path: Path) -> None:
    """What stopped the run, what became of its jobs, and how far it came: no more, and no traceback."""
    with FakeApi(("RUNNING",)) as api:

        def stop(process: Any) -> None:
            while not api.calls("poll"):
                time.sleep(0.01)
            process.send_signal(number)

        config = orders(api)
        config["streams"][0]["jobs"]["on_exit"] = on_exit
        run = WarmProcess(tmp_path).run(config, while_running=stop)
        said = told(run, api)
        assert steps == [step for step in api.steps() if step not in ("create", "poll")]
    assert code == run.exit_code
    assert [
        f"WARNING stopped by {number.name}: starts no more jobs, aborts those at the API or keeps them for the next run as "
        "`jobs.on_exit` says, and ends within 10 seconds"
    ] == said
    assert run.stderr.endswith(f"\nstream  partitions  windows  rows  outcome\norders           -      0/1     0  {outcome}\n")
    assert "Traceback" not in run.stderr
