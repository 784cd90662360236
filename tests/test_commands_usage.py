"""What is said to words of the command line that cannot be understood: what to write instead."""

from __future__ import annotations

import pytest
from commanding import run

CHECK = "write tap-asyncreport check --config orders.yaml"
WRITE: dict[str, str] = {
    "check orders.yaml": CHECK,
    "check --offline orders.yaml": "write tap-asyncreport check --offline --config orders.yaml",
    "check a.yaml b.json": "write tap-asyncreport check --config a.yaml --config b.json",
    "jobs orders.yaml": "write tap-asyncreport jobs --config orders.yaml --state FILE",
    "jobs orders.yaml state.json": "write tap-asyncreport jobs --config orders.yaml --state state.json",
    "trace orders.yaml": "write tap-asyncreport trace --config orders.yaml",
    "trace orders orders.yaml": "write tap-asyncreport trace orders --config orders.yaml",
    "columns orders.yaml": "write tap-asyncreport columns --config orders.yaml",
    "plan orders.yaml": "write tap-asyncreport plan --config orders.yaml",
    "schema orders.yaml": f"`schema` reads no file; {CHECK}",
    "demo orders.yaml": f"`demo` reads no file; {CHECK}",
    "init orders.yaml": "`tap-asyncreport init --write orders.yaml` writes a file",
    "explain jobs.timeout --config orders.yaml": "leave it out: `explain` reads no configuration",
    "orders.yaml": "write tap-asyncreport --config orders.yaml",
    "orders.yaml --discover": "write tap-asyncreport --config orders.yaml --discover",
    "--config a.yaml a.yaml": "write tap-asyncreport --config a.yaml --config a.yaml",
    "--config a.yaml check": "a command is the first word: tap-asyncreport check --config a.yaml",
    "definitions demo": "write tap-asyncreport definitions show demo",
    "sync": "write tap-asyncreport --config FILE",
    "discover": "write tap-asyncreport --config FILE --discover",
    "version": "write tap-asyncreport --version",
    "help trace": "write tap-asyncreport trace --help",
    "chek": "did you mean check?",
    "definitions shw demo": "did you mean show?",
    "state merg x": "did you mean merge?",
    "state orders.yaml": "there is merge",
    "nonsense": "there are init, check, trace",
    "check --stat x": "did you mean --state?",
    "check -c orders.yaml": "did you mean --config?",
    "trace -h": "did you mean --help?",
    "--stat x": "did you mean --state?",
    "--confg x": "did you mean --config?",
    "--config x --offline": "it is an option of check",
    "check --limit 3": "it is an option of trace",
}


@pytest.mark.promise(28)
@pytest.mark.parametrize("words", WRITE)
def test_words_that_cannot_be_understood_are_told_with_what_to_write(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One suggestion, on standard error; nothing is begun."""
    said = run(capsys, *words.split())
    assert WRITE[words] in said.err
    assert 1 >= said.err.lower().count("did you mean")
    assert ("", True) == (said.out, said.code in (2, 78))


@pytest.mark.promise(28)
def test_under_meltano_its_own_command_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name that the project gives the tap."""
    monkeypatch.setenv("MELTANO_EXTRACTOR_NAME", "tap-orders")
    assert "write meltano invoke tap-orders:check --config orders.yaml" in run(capsys, "check", "--config", "ENV", "orders.yaml").err
    assert "`meltano invoke tap-orders:init` writes a file" in run(capsys, "plan").err
