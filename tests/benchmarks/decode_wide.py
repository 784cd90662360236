"""A wide table (300 columns) and many tiny files (10 rows each), to RECORD lines, against the floor.

`python tests/benchmarks/decode_wide.py [rows] [files]`
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import decode_kit as kit

KINDS = ("integer", "number", "string", "date", "string", "integer")
WIDE = {f"column_{number}": KINDS[number % len(KINDS)] for number in range(300)}


def cell(row: int, column: int) -> str:
    """A value of the column's type."""
    kind = KINDS[column % len(KINDS)]
    number = row * 31 + column
    return {"integer": str(number % 100_000), "number": f"{number % 10_007}.{number % 100:02}", "string": f"v{number % 1000}",
            "date": f"2026-0{number % 9 + 1}-{number % 28 + 1:02}"}[kind]  # fmt: skip


def floor(path: str) -> None:
    """csv.reader, a typed dict per row, msgspec, stdout."""
    import msgspec

    encode, write = msgspec.json.Encoder().encode, sys.stdout.buffer.write
    cast = {"integer": int, "number": float, "string": str, "date": str}
    casts = [(name, cast[kind]) for name, kind in WIDE.items()]
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            write(kit.HEAD + encode({name: of(text) for (name, of), text in zip(casts, row, strict=True)}) + kit.TAIL + b"\n")


def tiny(directory: str, ours: bool) -> None:
    """Each file of the directory as one job's file; the floor only opens and reads it."""
    reader = kit.reader(columns=kit.TEN, primary_keys=["order_id"])
    for path in Path(directory).iterdir():
        file = kit.File(path, path.stat().st_size)
        if ours:
            for lines, _ in reader.chunks([file], {}, kit.HEAD, kit.TAIL):
                sys.stdout.buffer.write(lines)
        else:
            sys.stdout.buffer.write(path.read_bytes())


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    files = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000

    def lines():
        yield ",".join(WIDE) + "\n"
        some = [",".join(cell(row, column) for column in range(300)) + "\n" for row in range(997)]
        for row in range(rows):
            yield some[row % 997]

    path = kit.made("decode-wide.csv", lines)
    print(f"{rows} rows of 300 columns, {Path(path).stat().st_size / 1e6:.0f} MB")
    kit.compare(__file__, ["floor", "ours"], rows, path, repeat=2)
    Path(path).unlink()
    with tempfile.TemporaryDirectory() as directory:
        for number in range(files):
            body = ",".join(kit.TEN) + "\n" + "".join(",".join(kit.ten(number * 10 + i)) + "\n" for i in range(10))
            (Path(directory) / f"{number}.csv").write_text(body)
        seconds = {way: min(kit.measured(__file__, way, directory)[0] for _ in range(2)) for way in ("tiny read", "tiny ours")}
        each = (seconds["tiny ours"] - seconds["tiny read"]) / files
        print(f"{files} files of 10 rows: {each * 1000:.3f} ms CPU per file beyond opening and reading it")


if __name__ == "__main__":
    way = (sys.argv[1:2] or [""])[0]
    if way == "floor":
        floor(sys.argv[2])
    elif way == "ours":
        kit.write_out(sys.argv[2], columns=WIDE)
    elif way.startswith("tiny"):
        tiny(sys.argv[2], way == "tiny ours")
    elif way == "nothing":
        kit.reader(columns=WIDE)
    else:
        main()
