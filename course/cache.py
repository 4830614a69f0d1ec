"""The folder where this course keeps what it made or downloaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "NEURAL_COURSE_CACHE"


def folder() -> Path:
    """The cache folder, made if need be: $NEURAL_COURSE_CACHE, else the platform's place for caches.

    Raises PermissionError, with what to do, if nothing can be written there.
    """
    chosen = os.environ.get(VARIABLE)
    path = Path(chosen).expanduser() if chosen else _platform_cache() / "transformers-for-neural-data"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionError(
            f"Cannot make the folder {path} ({error.strerror}). Set {VARIABLE} to a folder that you may write to."
        ) from error
    if not os.access(path, os.W_OK):
        raise PermissionError(f"Cannot write to {path}. Set {VARIABLE} to a folder that you may write to.")
    return path


def _platform_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
