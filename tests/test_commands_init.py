"""`init NAME`: a configuration to begin with, for every definition that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_asyncreport.commands.init import _of_definition
from tap_asyncreport.config.loading import load
from tap_asyncreport.config.reading import shipped


@pytest.mark.parametrize("name", sorted(name for name, _ in shipped()))
def test_what_it_writes_is_a_configuration(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(_of_definition(name, "mine.yaml"))
    load([path], environ={}, require_secrets=False)


def test_what_only_the_user_knows_stands_open_and_the_knobs_as_comments() -> None:
    text = _of_definition("snowflake_sql", "mine.yaml")
    assert (
        "\nvars:\n  account: ...\n  user: ...\n# The definition's own knobs, with their defaults.\n#   statement"
        in text
    )
    assert "\n# vars:\n#   max_file_size: 5000\n" in _of_definition("sendgrid_contacts", "mine.yaml")
