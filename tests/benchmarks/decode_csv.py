"""CSV, ten typed fields, to RECORD lines: plain, quoted throughout, quoted where needed, gzip; against the floor.

The floor is csv.reader, a typed dict per row, msgspec, stdout. `python tests/benchmarks/decode_csv.py [rows]`
"""

from __future__ import annotations

import csv
import gzip
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import decode_kit as kit


def floor(path: str) -> None:
    """What Python does at best without any promise: no nulls, no checks of dates or digits."""
    import msgspec

    encode, write = msgspec.json.Encoder().encode, sys.stdout.buffer.write
    opened = gzip.open(path, "rt", newline="", encoding="utf-8") if path.endswith(".gz") else open(path, newline="", encoding="utf-8")
    with opened as file:
        rows = csv.reader(file)
        next(rows)
        for r in rows:
            record = {
                "order_id": int(r[0]), "date": r[1], "updated_at": r[2], "customer": r[3], "country": r[4],
                "clicks": int(r[5]), "cost": float(r[6]), "revenue": float(r[7]), "active": r[8] == "true", "note": r[9],
            }  # fmt: skip
            write(kit.HEAD + encode(record) + kit.TAIL + b"\n")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    header = ",".join(kit.TEN) + "\n"

    def plain():
        yield header
        for i in range(rows):
            yield ",".join(kit.ten(i)) + "\n"

    def quoted():
        yield header
        for i in range(rows):
            yield ",".join(f'"{value}"' for value in kit.ten(i)) + "\n"

    def mixed():
        yield header
        for i in range(rows):
            row = kit.ten(i)
            row[9] = f'"{row[9]}, and ""more"""' if i % 10 == 0 else row[9]
            yield ",".join(row) + "\n"

    for name, lines in (("plain", plain), ("quoted", quoted), ("mixed", mixed)):
        path = kit.made(f"decode-{name}.csv", lines)
        print(f"{name}: {rows} rows, {Path(path).stat().st_size / 1e6:.0f} MB")
        kit.compare(__file__, ["floor", "ours"], rows, path)
        if name == "plain":
            with open(path, "rb") as source, gzip.open(path + ".gz", "wb", 6) as target:
                shutil.copyfileobj(source, target)
            print("plain, gzip")
            kit.compare(__file__, ["floor", "ours"], rows, path + ".gz")
            Path(path + ".gz").unlink()
        Path(path).unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["floor"]:
        floor(sys.argv[2])
    elif sys.argv[1:2] == ["ours"]:
        kit.write_out(sys.argv[2], columns=kit.TEN, primary_keys=["order_id"], replication_key="updated_at")
    elif sys.argv[1:2] == ["nothing"]:
        kit.reader(columns=kit.TEN)
    else:
        main()
