"""A tap that is ended while it still starts: the same exit codes, and not a word."""

from __future__ import annotations

import signal
import subprocess
import sys

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
