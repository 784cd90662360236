"""A Singer target for the examples: appends each row to `NAME.jsonl` of its directory, and echoes each STATE after it.

TARGET_ECHOES=end echoes the last one alone, as targets that load in batches do. TARGET_DIES=n ends it in the middle of
writing its n-th STATE (0: at the first row).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    if "--config" in sys.argv:
        json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
    dies, at_end = int(os.environ.get("TARGET_DIES", -1)), os.environ.get("TARGET_ECHOES") == "end"
    states: list[str] = []
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["type"] == "RECORD":
            if dies == 0:
                os._exit(1)
            with Path(f"{message['stream']}.jsonl").open("a") as rows:
                rows.write(json.dumps(message["record"]) + "\n")
        elif message["type"] == "STATE":
            states.append(json.dumps(message["value"]))
            if len(states) == dies:
                os.write(1, states[-1][: len(states[-1]) // 2].encode())
                os._exit(1)
            if not at_end:
                print(states[-1], flush=True)
    if at_end and states:
        print(states[-1])


main()
