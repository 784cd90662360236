"""What all tests share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches what is tested."""
    for name in list(os.environ):
        if name.startswith("TAP_ASYNCREPORT_") or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            monkeypatch.delenv(name)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that no one can read name no test: compressed ones hold the time, and workers must agree on the names."""
    if isinstance(val, bytes) and not val.isascii():
        return f"{argname}-{len(val)}-bytes"
    return None
