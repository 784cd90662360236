"""A tap that is ended while it still starts: the same exit codes, and not a word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

STARTS = """
import os, signal, sys

class Ends:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Ends())
sys.argv = ["tap-asyncreport", *{arguments!r}]
from tap_asyncreport.cli import main
main()
"""


@pytest.mark.promise(9)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("tap_asyncreport.telling", ["--discover"]),
        ("click", ["--discover"]),
        ("singer_sdk.tap_base", ["--config", "orders.yaml"]),
        ("tap_asyncreport.commands.check", ["check", "--config", "orders.yaml"]),
    ],
)
def test_a_signal_among_the_imports_ends_with_its_code(number: int, code: int, module: str, arguments: list[str]) -> None:
    script = STARTS.format(module=module, number=int(number), arguments=arguments)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)

    assert code == run.returncode, run.stderr
    assert b"" == run.stdout
    assert b"Traceback" not in run.stderr


@pytest.mark.promise(9)
def test_a_signal_that_whoever_started_us_ignores_is_ignored_while_we_start() -> None:
    """As `nohup` and shells do for what runs behind them."""
    script = STARTS.format(module="click", number=int(signal.SIGINT), arguments=["--version"])
    script = script.replace("signal.default_int_handler", "signal.SIG_IGN")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)

    assert 0 == run.returncode, run.stderr


@pytest.mark.parametrize("arguments", [["--discover"], ["plan"]])
@pytest.mark.parametrize("name", ["TAP_ASYNCREPORT_LOGLEVEL", "LOGLEVEL"])
def test_a_log_level_that_does_not_exist_is_a_warning_and_nothing_else(
    name: str, arguments: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"definition": "demo"}))
    script = STARTS.format(module="nothing", number=0, arguments=[*arguments, "--config", str(config)])
    levels = {"TAP_ASYNCREPORT_LOGLEVEL": "", "LOGLEVEL": "", name: "LOUD"}
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False, env={**os.environ, **levels}
    )

    assert 0 == run.returncode, run.stderr
    assert run.stderr.startswith(f"{name}: there is no log level 'LOUD'; it is one of DEBUG, INFO, ")


@pytest.mark.parametrize("flag", ["--state", "--catalog"])
@pytest.mark.parametrize(("data", "said"), [(b"\xff\xfe{", "it is not UTF-8"), (None, "No such file or directory")])
def test_a_given_file_that_cannot_be_read_is_a_wrong_configuration(
    flag: str, data: bytes | None, said: str, tmp_path: Path
) -> None:
    config, given = tmp_path / "config.json", tmp_path / "given.json"
    config.write_text(json.dumps({"definition": "demo"}))
    if data is not None:
        given.write_bytes(data)
    script = STARTS.format(module="nothing", number=0, arguments=["--config", str(config), flag, str(given)])
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert 78 == run.returncode, run.stderr
    assert f"the {flag[2:]} given in {given} cannot be read: {said}" == run.stderr.splitlines()[-1]
