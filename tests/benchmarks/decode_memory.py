"""Peak memory for a small and a large file of each kind: it must not grow with the file.

`python tests/benchmarks/decode_memory.py [megabytes] [kinds]`, 1000 by default; the small file has 10. Kinds are some of
csv, "csv quoted", jsonl, json, xml, gzip and zip (of CSV); all, where none is named.
"""

from __future__ import annotations

import gzip
import itertools
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import decode_kit as kit
from decode_json import record

MEGABYTE = 1_000_000
SAMPLE = 20_000


def csv_lines(size: int, quote: str = "") -> Iterator[str]:
    yield ",".join(kit.TEN) + "\n"
    lines = [",".join(f"{quote}{value}{quote}" for value in kit.ten(i)) + "\n" for i in range(SAMPLE)]
    yield from bounded(lines, size)


def bounded(lines: list[str], size: int) -> Iterator[str]:
    """Lines over and over until they make so many bytes."""
    done = 0
    for line in itertools.cycle(lines):
        yield line
        done += len(line)
        if done >= size:
            return


def array_lines(size: int) -> Iterator[str]:
    yield '{"data":[' + record(0)
    yield from bounded([",\n" + record(i) for i in range(SAMPLE)], size)
    yield "]}"


MAKE = {
    "csv": lambda size: csv_lines(size),
    "csv quoted": lambda size: csv_lines(size, '"'),
    "jsonl": lambda size: bounded([record(i) + "\n" for i in range(SAMPLE)], size),
    "json": array_lines,
    "xml": lambda size: itertools.chain(["<r>"], bounded([f"<i><order_id>{i}</order_id><note>text {i}</note></i>" for i in range(SAMPLE)], size), ["</r>"]),
}
PACKED = ("gzip", "zip")


def packed(path: str, how: str) -> str:
    """The file as it is, or as gzip or zip."""
    if how == "gzip":
        with open(path, "rb") as source, gzip.open(path + ".gz", "wb", 1) as target:
            shutil.copyfileobj(source, target, MEGABYTE)
        return path + ".gz"
    if how == "zip":
        with zipfile.ZipFile(path + ".zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(path, "report.csv")
        return path + ".zip"
    return path


def main() -> None:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for name in sys.argv[2:] or [*MAKE, *PACKED]:
        kind, how = ("csv", name) if name in PACKED else (name, "")
        peaks = []
        for size in (10, large):
            with tempfile.TemporaryDirectory() as directory:
                path = kit.made(f"{Path(directory).name}.{kind.split()[0]}", lambda size=size, kind=kind: MAKE[kind](size * MEGABYTE))
                made = packed(path, how)
                peaks.append(kit.measured(__file__, kind.split()[0], made)[1])
                for one in {path, made}:
                    Path(one).unlink()
        print(f"{name:14s} 10 MB: {peaks[0]:6.1f} MB   {large} MB: {peaks[1]:6.1f} MB   growth {peaks[1] - peaks[0]:6.1f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("csv", "jsonl", "json", "xml"):
        decode = {"records": "$.data[*]"} if sys.argv[1] == "json" else {}
        columns = {"order_id": "integer", "note": "string"} if sys.argv[1] == "xml" else kit.TEN
        kit.write_out(sys.argv[2], columns=columns, decode=decode)
    else:
        main()
