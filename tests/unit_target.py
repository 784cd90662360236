"""A Singer target for tests: appends each row to the file named first, and says STATE once all before it is there.

With a second argument it dies at the first row, with these words.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    out = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    waiting: list[bytes] = []
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["type"] == "RECORD":
            if len(sys.argv) > 2:
                sys.exit(sys.argv[2])
            waiting.append(json.dumps({"stream": message["stream"], **message["record"]}).encode() + b"\n")
        elif message["type"] == "STATE":
            os.write(out, b"".join(waiting))
            waiting.clear()
            print(json.dumps(message["value"]), flush=True)
    os.write(out, b"".join(waiting))


main()
