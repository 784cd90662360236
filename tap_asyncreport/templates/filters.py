"""The filters that templates have beyond Jinja's own."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin
from zoneinfo import ZoneInfo

from jinja2 import filters as jinja
from jinja2.runtime import Context, Undefined
from jinja2.utils import pass_context, pass_environment

from tap_asyncreport.durations import parse_step, shift
from tap_asyncreport.response import Response
from tap_asyncreport.templates import limits
from tap_asyncreport.templates.lookup import kind_of
from tap_asyncreport.templates.names import ANSWERS, LINKED_FROM
from tap_asyncreport.templates.text import NullFound, as_text, iso, parse_instant, to_json

if TYPE_CHECKING:
    from jinja2 import Environment


_PRECISIONS = ("seconds", "milliseconds", "microseconds")


class FilterError(Exception):
    """A filter cannot do what is asked; the message holds no value."""


def filters(zone: ZoneInfo) -> dict[str, Callable[..., Any]]:
    """The filters; `zone` is that of instants written without one."""
    moments = Moments(zone)
    return {
        "plus": moments.plus,
        "minus": moments.minus,
        "strftime": moments.strftime,
        "epoch": moments.epoch,
        "iso": moments.iso,
        "in_zone": moments.in_zone,
        "hash": digest,
        "hmac": keyed_digest,
        "rsa_sha256": rsa_signature,
        "b64": b64,
        "urlencode": urlencode,
        "to_json": to_json,
        "tojson": to_json,
        "absolute": absolute,
        "attr": _attr,
        "replace": _replace,
        "join": _join,
        "center": _center,
        "indent": _indent,
        "format": _format,
        "batch": _batch,
        "slice": _slice,
    }


class Moments:
    """Filters over dates, datetimes and their ISO 8601 texts; a text stays a text of its own kind."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def plus(self, value: Any, step: str) -> Any:
        """Later by a step such as `1d`; a day that a month lacks becomes its last."""
        return self._moved("plus", value, step, 1)

    def minus(self, value: Any, step: str) -> Any:
        """Earlier by a step."""
        return self._moved("minus", value, step, -1)

    def _moved(self, name: str, value: Any, step: str, times: int) -> Any:
        try:
            length = parse_step(step)
        except ValueError:
            raise FilterError(f"`{name}` takes a number and a unit, for example {name}('1d')") from None
        at = self._moment(name, value)
        try:
            moved = shift(at, length, times)
        except ValueError:
            raise FilterError(f"`{name}`: a date moves by whole days, not by less") from None
        except OverflowError:
            raise FilterError(f"`{name}`: the result is outside the years 1 to 9999") from None
        return _as_written(value, moved) if isinstance(value, str) else moved

    def strftime(self, value: Any, pattern: str) -> str:
        """A date or instant by a strftime pattern, in the zone that it has."""
        return self._moment("strftime", value).strftime(pattern)

    def epoch(self, value: Any) -> int | float:
        """Seconds since 1970; a whole number where it is one. A date counts from its midnight."""
        seconds = self._instant("epoch", value).timestamp()
        return int(seconds) if seconds == int(seconds) else seconds

    def iso(self, value: Any) -> str:
        """ISO 8601: `Z` in UTC, else the offset."""
        return iso(self._moment("iso", value))

    def in_zone(self, value: Any, zone: str) -> datetime:
        """The same instant on the clocks of another zone."""
        try:
            there = ZoneInfo(zone)
        except (ValueError, OSError, KeyError, TypeError):
            raise FilterError("`in_zone` takes the name of a zone, for example in_zone('Europe/Berlin')") from None
        return self._instant("in_zone", value).astimezone(there)

    def _moment(self, name: str, value: Any) -> date:
        value = _defined(value)
        if isinstance(value, date):
            return value
        if value is None:
            raise NullFound
        if not isinstance(value, str):
            raise FilterError(f"`{name}` takes a date, an instant or its text, not {kind_of(value)}")
        try:
            return parse_instant(value)
        except ValueError as error:
            raise FilterError(f"`{name}`: {error}") from None

    def _instant(self, name: str, value: Any) -> datetime:
        moment = self._moment(name, value)
        at = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
        return at.replace(tzinfo=self._zone) if at.tzinfo is None else at


def _as_written(text: str, moved: date) -> str:
    """The text of `moved` in the style of the text it came from."""
    stripped = text.strip()
    if not isinstance(moved, datetime):
        return moved.strftime("%Y%m%d") if stripped.isdigit() else moved.isoformat()
    precision = _PRECISIONS[max(_digits(stripped), 2 if moved.microsecond % 1000 else 1 if moved.microsecond else 0)]
    written = moved.isoformat(sep=" " if " " in stripped else "T", timespec=precision)
    return written[:-6] + "Z" if stripped.endswith(("Z", "z")) else written


def _digits(text: str) -> int:
    """How precisely an instant is written: whole seconds, thousandths, millionths."""
    fraction = re.search(r"\.(\d+)", text)
    return 0 if fraction is None else 1 if len(fraction[1]) <= 3 else 2  # noqa: PLR2004


def digest(value: Any) -> str:
    """SHA-256 in hex, of a text, or of the JSON of anything else with its keys sorted."""
    return sha256(_text(_sorted(_defined(value))).encode()).hexdigest()


def keyed_digest(value: Any, key: Any) -> str:
    """HMAC-SHA256 (RFC 2104) of a text in hex, for APIs that want a value signed with a secret."""
    return hmac.new(_text(_defined(key)).encode(), _text(_defined(value)).encode(), "sha256").hexdigest()


def rsa_signature(value: Any, key: Any) -> str:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017) of a text in base64, by a private key in PEM, or in DER as base64."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    text = _text(_defined(key)).replace("\\n", "\n")
    try:
        pem = "-----" in text
        private = load_pem_private_key(text.encode(), None) if pem else load_der_private_key(b64decode(text), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, RSAPrivateKey):
        raise FilterError("`rsa_sha256` takes an RSA private key without a passphrase, in PEM, or in base64")
    return b64encode(private.sign(_text(_defined(value)).encode(), PKCS1v15(), SHA256())).decode()


def _sorted(value: Any) -> Any:
    if isinstance(value, Response):
        value = value.text if value.body is None else value.body
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value, key=str)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value


def b64(value: Any) -> str:
    """Base64 (RFC 4648) of the text's UTF-8."""
    return b64encode(value if isinstance(value, bytes) else _text(_defined(value)).encode()).decode()


def urlencode(value: Any) -> str:
    """Percent-encoded, with nothing but letters, digits and `-._~` left as they are; a mapping gives `a=1&b=2`."""
    value = _defined(value)
    if isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, list | tuple):
        return "&".join(f"{urlencode(name)}={urlencode(item)}" for name, item in value)
    return quote(_text(value), safe="")


@pass_context
def absolute(context: Context, link: Any, base: Any = None) -> str:
    """A link as a full URL, resolved against the answer it came from (or against `base`, an answer or a URL)."""
    candidates = [base] if base is not None else [context.get(name) for name in ("response", LINKED_FROM, *ANSWERS)]
    urls = [candidate.url if isinstance(candidate, Response) else candidate for candidate in candidates]
    found = next((url for url in urls if isinstance(url, str) and url), "")
    full = urljoin(found, _text(_defined(link)))
    if "://" not in full:
        raise FilterError("`absolute` knows no answer that the link came from; name it: absolute(polling_response)")
    return full


def _defined(value: Any) -> Any:
    return str(value) if isinstance(value, Undefined) else value


def _text(value: Any) -> str:
    if value is None:
        raise NullFound
    return format(value, "f") if isinstance(value, Decimal) else as_text(value)


@pass_environment
def _attr(environment: Environment, value: Any, name: str) -> Any:
    return environment.getattr(value, name)


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    return limits.replace(as_text(value), as_text(old), as_text(new), -1 if count is None else count)


@pass_environment
def _join(environment: Environment, value: Any, separator: str = "", attribute: str | int | None = None) -> str:
    items = value if attribute is None else map(jinja.make_attrgetter(environment, attribute), value)
    return limits.join(separator, map(as_text, items))


def _center(value: str, width: int = 80) -> str:
    return limits.padded("center", as_text(value), width)


def _indent(value: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    text = as_text(value)
    limits.at_most(len(text) + text.count("\n") * (width if isinstance(width, int) else len(width)) + 1)
    return jinja.do_indent(text, width, first, blank)


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    return jinja.do_format(limits.sound_format(as_text(value)), *args, **kwargs)


def _batch(value: Any, size: int, fill: Any = None) -> Any:
    return jinja.do_batch(value, limits.at_most(size), fill)


def _slice(value: Any, slices: int, fill: Any = None) -> Any:
    return jinja.sync_do_slice(value, limits.at_most(slices), fill)
