"""What is told of a configuration that has faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tap_asyncreport.config.loading import load
from tap_asyncreport.config.problems import render
from tap_asyncreport.errors import ConfigurationError

BASE = """\
base_url: https://api.example.com/v1
start_date: 2026-01-01
streams:
  - name: orders
    creation_requester: POST /exports
    polling_requester: GET /exports/{{ job.id }}
    download_retriever: GET {{ polling_response.url }}
"""

Told = Callable[..., str]


def told_of(text: str, name: str = "tap.yaml", environ: dict[str, str] | None = None, **how: Any) -> str:
    """Writes a file where the process is, loads it, and gives what is told of it."""
    Path(name).write_bytes(text.encode())
    with pytest.raises(ConfigurationError) as raised:
        load([name], environ=environ or {}, **how)
    assert 78 == raised.value.exit_code
    return render(raised.value.problems)
