"""A request as a curl command, its secrets as shell variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tap_asyncreport.http.redaction import HIDDEN

if TYPE_CHECKING:
    from tap_asyncreport.http.calls import Exchange

_OURS = frozenset({"user-agent", "accept-encoding", "host", "connection", "content-length"})
_QUERY = re.compile(r"\?…(\d*)")
_NAMED = re.compile(r"\$TAP_ASYNCREPORT_SECRETS_[A-Z0-9_]+|\$HIDDEN_QUERY\d*|\$TOKEN|" + re.escape(HIDDEN))


def curl(exchange: Exchange) -> str:
    """The command that sends the request again.

    Secrets of the configuration are `$TAP_ASYNCREPORT_SECRETS_<NAME>`, fetched tokens and whatever else was hidden
    `$TOKEN`, query strings that were cut `$HIDDEN_QUERY<n>`: the n-th link seen.
    """
    return " \\\n  ".join(_parts(exchange))


def _parts(exchange: Exchange) -> Iterator[str]:
    call = exchange.call
    method = "" if call.method == "GET" else "--head " if call.method == "HEAD" else f"-X {call.method} "
    url = _QUERY.sub(r"?$HIDDEN_QUERY\1", call.url)
    yield f"curl {method}{quoted(url)}"
    for name, value in call.headers:
        lower = name.lower()
        if value is None or lower in _OURS or (lower == "accept" and value == "*/*"):
            continue
        scheme, _, credentials = value.partition(" ")
        if lower == "authorization" and scheme.lower() == "basic" and ":" in credentials:
            yield f"-u {quoted(credentials)}"
        else:
            yield f"-H {quoted(f'{name}: {value}')}"
    if call.body:
        yield f"--data-binary {quoted(call.body.decode('utf-8', 'backslashreplace'))}"


def quoted(text: str) -> str:
    """The text for a shell, where variables in it are to be expanded and nothing else is."""
    pieces = []
    end = 0
    for found in _NAMED.finditer(text):
        pieces += [_plain(text[end : found.start()]), f'"{_variable(found[0])}"']
        end = found.end()
    pieces.append(_plain(text[end:]))
    return "".join(filter(None, pieces)) or "''"


def _plain(text: str) -> str:
    return shlex.quote(text) if text else ""


def _variable(found: str) -> str:
    return "$TOKEN" if found == HIDDEN else found
