"""The record types that msgspec reads and writes for a stream's columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from tap_asyncreport.decoding.fields import Field

NULL = msgspec.Raw(b"null")
_TEXTS = msgspec.json.Decoder(list[str | None])

# What passes as it is, and what is read to be written anew: numbers keep their digits as raw text.
AS_IT_IS: dict[str, Any] = {
    "string": str | None, "integer": int | None, "number": float | None, "decimal": float | None,
    "boolean": bool | None,
    "date": str | None, "date-time": str | None, "object": dict | None, "array": list | None, "any": Any,
}  # fmt: skip
TO_BUILD: dict[str, Any] = {
    **dict.fromkeys(("string", "date", "date-time"), str | None), "integer": int | None, "boolean": bool | None,
    **dict.fromkeys(("number", "decimal", "object", "array", "any"), msgspec.Raw),
}  # fmt: skip
CHECKS: dict[str, msgspec.json.Decoder[Any]] = {
    **dict.fromkeys(("number", "decimal"), msgspec.json.Decoder(list[float | None])),
    "object": msgspec.json.Decoder(list[dict[str, Any] | None]),
    "array": msgspec.json.Decoder(list[list[Any] | None]),
    "any": msgspec.json.Decoder(list[Any]),
}
SHAPES = {
    **dict.fromkeys(("string", "date", "date-time"), re.compile(rb'"|null')),
    "integer": re.compile(rb"-?[0-9]+\Z|null"),
    "boolean": re.compile(rb"true|false|null"),
    **dict.fromkeys(("number", "decimal"), re.compile(rb"[-0-9]|null")),
}


def record_type(
    fields: Sequence[Field],
    types: Sequence[Any],
    *,
    strict: bool = False,
    optional: Collection[str] = (),
    by_name: bool = False,
    ignored: Sequence[str] = (),
) -> type[msgspec.Struct]:
    """A record with a field `f0`, `f1`, ... per column, which JSON has under its source, or with `by_name` its name.

    `ignored` are names that may be there, too, as `x0`, `x1`, ...; what is UNSET is not written.
    """
    made: list[Any] = []
    for number, (of, declared) in enumerate(zip(fields, types, strict=True)):
        required = of.name not in optional or not of.nullable
        kind = declared if of.nullable or by_name else _without_null(declared)
        made.append((f"f{number}", kind) if required else (f"f{number}", kind, NULL if kind is msgspec.Raw else None))
    names = {f"f{number}": of.name if by_name else of.source for number, of in enumerate(fields)}
    unlike = max(names.values(), key=len, default="") + "x"  # msgspec wants a name of its own for each, written or not
    for number, source in enumerate(ignored):
        made.append((f"x{number}", msgspec.Raw, msgspec.UNSET))
        names[f"x{number}"] = f"{unlike}{number}" if by_name else source
    return msgspec.defstruct(
        "Record", made, rename=names, forbid_unknown_fields=strict, kw_only=bool(optional), gc=False
    )


def order_type(fields: Sequence[Field], types: Mapping[str, Any], order: Sequence[str]) -> type[msgspec.Struct]:
    """A record that is a list with a value for each name of `order`; the columns are its fields `f0`, `f1`, ..."""
    at = {of.source: (f"f{number}", of) for number, of in enumerate(fields)}
    made: list[Any] = []
    for number, name in enumerate(order):
        if name not in at:
            made.append((f"other{number}", msgspec.Raw))
            continue
        field, of = at[name]
        kind = types[of.name]
        made.append((field, kind if of.nullable else _without_null(kind)))
    return msgspec.defstruct("Row", made, array_like=True, forbid_unknown_fields=True, gc=False)


def _without_null(kind: Any) -> Any:
    parts = [part for part in getattr(kind, "__args__", ()) if part is not type(None)]
    return parts[0] if len(parts) == 1 else kind


def texts_of(raws: Sequence[Any]) -> list[str | None]:
    """JSON scalars as the texts they are written with; null is None; ValueError where they are not all of one sort."""
    joined = b",".join(raws)
    if not (b'"' in joined or b"[" in joined or b"{" in joined):
        texts = joined.decode().split(",")
        return [None if text == "null" else text for text in texts] if b"null" in joined else list(texts)
    found: list[str | None] = _TEXTS.decode(b"[%b]" % joined)
    if len(found) != len(raws):
        raise ValueError(joined[:100])
    return found
