"""JSONL and JSON arrays, ten fields, to RECORD lines, in five ways; against msgspec decoding, doing the same, and encoding.

`python tests/benchmarks/decode_json.py [rows]`
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import decode_kit as kit


def record(i: int) -> str:
    """One record of ten fields."""
    r = kit.ten(i)
    return (
        f'{{"order_id":{r[0]},"date":"{r[1]}","updated_at":"{r[2]}","customer":"{r[3]}","country":"{r[4]}","clicks":{r[5]},'
        f'"cost":{r[6]},"revenue":{r[7]},"active":{r[8]},"note":"{r[9]}"}}'
    )


def floor(path: str, way: str) -> None:
    """What msgspec does at best, no promise kept: decode, what the way asks for, encode; a list is read in one piece."""
    import msgspec

    change, decode, encode, write = CHANGES.get(way), msgspec.json.Decoder().decode, msgspec.json.Encoder().encode, sys.stdout.buffer.write
    with open(path, "rb") as file:
        for record in decode(file.read()) if path.endswith(".json") else map(decode, file):
            write(kit.HEAD + encode(change(record) if change else record) + kit.TAIL + b"\n")


def selected(record: dict) -> dict:
    """Without the deselected column."""
    del record["note"]
    return record


def renamed(record: dict) -> dict:
    """Each column under its other name."""
    return {name: record[source] for name, source in SOURCES}


def texts(record: dict) -> dict:
    """Numbers as text; their digits may be lost."""
    return {name: value if value is None or type(value) is str else str(value) for name, value in record.items()}


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    path = kit.made("decode.jsonl", lambda: (record(i) + "\n" for i in range(rows)))
    array = kit.made("decode.json", lambda: ("[" * (i == 0) + record(i) + (",\n" if i < rows - 1 else "]") for i in range(rows)))
    print(f"{rows} rows, {Path(path).stat().st_size / 1e6:.0f} MB; each way against msgspec doing the same work")
    for file, kind in ((path, "lines"), (array, "array")):
        print(kind)
        for way in ("declared", "undeclared", "selected", "renamed", "texts"):
            kit.compare(__file__, [f"floor {way}", way], rows, file)
        Path(file).unlink()


TEXTS = dict.fromkeys(kit.TEN, "string")
RENAMED = {f"x_{name}": {"type": kind, "source": name} for name, kind in kit.TEN.items()}
WAYS = {
    "declared": {"columns": kit.TEN, "primary_keys": ["order_id"], "replication_key": "updated_at"},
    "undeclared": {"primary_keys": ["order_id"]},
    "renamed": {"columns": RENAMED},
    "texts": {"columns": TEXTS},
}

SOURCES = [(f"x_{name}", name) for name in kit.TEN]
CHANGES = {"selected": selected, "renamed": renamed, "texts": texts}

if __name__ == "__main__":
    way = (sys.argv[1:2] or [""])[0]
    if way.startswith("floor "):
        floor(sys.argv[2], way.removeprefix("floor "))
    elif way == "selected":
        kit.write_out(sys.argv[2], selected=set(kit.TEN) - {"note"}, **WAYS["declared"])
    elif way in WAYS:
        kit.write_out(sys.argv[2], **WAYS[way])
    elif way == "nothing":
        kit.reader(columns=kit.TEN)
    else:
        main()
