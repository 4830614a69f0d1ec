"""One line of progress that rewrites itself, on standard output: in a notebook, anything on standard error looks like a fault."""

from __future__ import annotations

import sys
import time


class Progress:
    """Call it with a share between 0 and 1. It prints at most four times a second, and ends the line at 1."""

    def __init__(self, what: str) -> None:
        self.what, self.last = what, 0.0

    def __call__(self, share: float, detail: str = "") -> None:
        now = time.monotonic()
        if share < 1 and now - self.last < 0.25:
            return
        self.last = now
        filled = int(20 * share)
        sys.stdout.write(f"\r{self.what}  {'█' * filled}{'·' * (20 - filled)} {share:4.0%} {detail:24}" + ("\n" if share >= 1 else ""))
        sys.stdout.flush()
