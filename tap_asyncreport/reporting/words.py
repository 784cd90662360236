"""Numbers and events as a person reads them."""

from __future__ import annotations

from tap_asyncreport.job import Unit

MINUTE = 60
HOUR = 3600
DAY = 86400
SHORT = 9.95  # seconds below which a tenth is worth showing
NEARLY_ONE = 0.9995
FULL = 999.5
THREE_DIGITS = 99.95


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `4 min 12 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < SHORT:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    for unit, name, part, part_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name} {rest} {part_name}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def brief(seconds: float) -> str:
    """A time that may be short: `34 ms`, or as `duration`."""
    return f"{seconds * 1000:.0f} ms" if seconds < NEARLY_ONE else duration(seconds)


def number(value: int) -> str:
    """With a comma between thousands."""
    return f"{value:,}"


def many(count: int, noun: str) -> str:
    """`1 job`, `1,200 jobs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(count: float) -> str:
    """Bytes in the decimal unit that fits: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < FULL:
            return f"{count:.0f} {unit}" if unit == "B" or count >= THREE_DIGITS else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def partition(unit: Unit) -> str:
    """`account=7 region=eu`; empty without partitions."""
    return " ".join(f"{name}={value}" for name, value in unit.partition.items())


def window(unit: Unit) -> str:
    """The span of time, and which job of a chain it is; empty for a full table."""
    text = "" if unit.window is None else str(unit.window)
    return f"{text} (job {unit.link + 1})".strip() if unit.link else text
