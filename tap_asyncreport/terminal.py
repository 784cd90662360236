"""How wide the terminal is on which errors are read."""

from __future__ import annotations

import os
import sys

from tap_asyncreport.error_text import WIDTH

NARROWEST = 40


def text_width() -> int:
    """The columns that a text of ours may fill: those of the terminal behind stderr, at most 100; 100 without one."""
    try:
        columns = os.get_terminal_size(sys.__stderr__.fileno()).columns if sys.__stderr__ else WIDTH
    except (OSError, ValueError):  # no terminal, or closed
        return WIDTH
    return max(NARROWEST, min(WIDTH, columns - 1)) if columns else WIDTH
