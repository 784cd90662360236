"""Kills the tap at random moments, goes on from the state that was out by then, and counts what came of it.

Exits with 1 where a row is missing, comes twice in one run, or comes again after its window was finished; where a window
gets a second job although its first was in a STATE message; or where a job is left behind.
`python tests/benchmarks/kills.py [kills] [seed]`
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from deaths import AT_ONCE, Life, specs


def main(kills: int, seed: int) -> int:
    began = time.monotonic()
    deaths: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    wrong: list[str] = []
    endings: list[float] = []
    lives = 0
    while sum(deaths.values()) < kills:
        with tempfile.TemporaryDirectory() as directory:
            life = Life(Path(directory), random.Random(seed + lives), cleans_up=lives % 2 == 0)
            life.live()
        lives += 1
        deaths += life.deaths
        endings += life.seconds
        totals += Counter(
            windows=len(specs()), jobs=life.created, untold=life.untold, rows=sum(life.kept_rows.values()),
            missing=life.missing, twice=life.twice, aborted=sum(job.aborted > 0 for job in life.api.jobs.values()),
        )  # fmt: skip
        wrong += [f"seed {seed + lives - 1}: {what}" for what in life.wrong]
    print(f"{lives} lives of {len(specs())} windows, {AT_ONCE} jobs at once; {dict(deaths)} in {time.monotonic() - began:.0f} s")
    print(
        f"rows: {totals['rows']} of {totals['windows'] * life.rows}, {totals['missing']} missing, {totals['twice']} again "
        f"because a run died before their window was finished; "
        f"jobs: {totals['jobs']} for {totals['windows']} windows, {totals['aborted']} aborted, "
        f"{totals['untold']} made by a run that was killed before it could tell"
    )
    if endings:
        print(f"SIGTERM to the end: {max(endings):.1f} s at most")
    print(f"{len(wrong)} wrong")
    print("\n".join(wrong[:20]))
    return bool(wrong)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    sys.exit(main(*(numbers + [200, 1][len(numbers) :])))
