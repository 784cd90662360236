"""What the pages show: their fenced blocks, and the commands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md"])


@dataclass(frozen=True)
class Block:
    """A fenced block, and the heading that it stands under."""

    page: str
    heading: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What a reader types: what stands behind the prompts."""
        return re.findall(r"^\$ (.+)$", self.text, re.MULTILINE)


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """The blocks of a page, from its top."""
    found: list[Block] = []
    heading, inside = "", None
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.match(r" *```(\w*)", line)
        if inside is not None:
            if fence:
                found.append(Block(page.relative_to(ROOT).as_posix(), heading, inside[0], "\n".join([*inside[1:], ""])))
                inside = None
            else:
                inside.append(line)
        elif fence:
            inside = [fence[1]]
        elif line.startswith("#"):
            heading = line.strip("# ")
    assert inside is None, f"a block of {page} has no end"
    return tuple(found)


def shown(page: str, heading: str, language: str, number: int = 0) -> Block:
    """One block; where several of a language stand under a heading, by number."""
    return [block for block in blocks(ROOT / page) if (heading, language) == (block.heading, block.language)][number]
