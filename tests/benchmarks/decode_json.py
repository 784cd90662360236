"""JSONL and JSON arrays, ten fields, to RECORD lines, declared and undeclared; against msgspec decoding and encoding line by line.

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


def floor(path: str) -> None:
    """Every line decoded and encoded again, no promise kept."""
    import msgspec

    decode, encode, write = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode, sys.stdout.buffer.write
    with open(path, "rb") as file:
        for line in file:
            write(kit.HEAD + encode(decode(line)) + kit.TAIL + b"\n")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    path = kit.made("decode.jsonl", lambda: (record(i) + "\n" for i in range(rows)))
    array = kit.made("decode.json", lambda: ("[" * (i == 0) + record(i) + (",\n" if i < rows - 1 else "]") for i in range(rows)))
    print(f"{rows} rows, {Path(path).stat().st_size / 1e6:.0f} MB")
    best = kit.compare(__file__, ["floor", "declared", "undeclared", "selected", "renamed", "texts"], rows, path)
    print("the same as one array (the floor still reads lines)")
    kit.compare(__file__, ["array declared", "array undeclared"], rows, array, floor=best["floor"])
    Path(path).unlink()
    Path(array).unlink()


TEXTS = dict.fromkeys(kit.TEN, "string")
RENAMED = {f"x_{name}": {"type": kind, "source": name} for name, kind in kit.TEN.items()}
WAYS = {
    "declared": {"columns": kit.TEN, "primary_keys": ["order_id"], "replication_key": "updated_at"},
    "undeclared": {"primary_keys": ["order_id"]},
    "renamed": {"columns": RENAMED},
    "texts": {"columns": TEXTS},
}

if __name__ == "__main__":
    way = (sys.argv[1:2] or [""])[0].removeprefix("array ")
    if way == "floor":
        floor(sys.argv[2])
    elif way == "selected":
        kit.write_out(sys.argv[2], selected=set(kit.TEN) - {"note"}, **WAYS["declared"])
    elif way in WAYS:
        kit.write_out(sys.argv[2], **WAYS[way])
    elif way == "nothing":
        kit.reader(columns=kit.TEN)
    else:
        main()
