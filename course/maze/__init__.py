"""Delayed reaches in a maze: a simulated session, and the real MC_Maze recordings (DANDI 000128, 000138, 000139, 000140).

`session()` is the simulated default and needs no network; `download(size)` fetches a real file; `load(path)` reads either.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from course import cache
from course.progress import Progress

from . import simulate, truth
from .dandi import DownloadError, download
from .recording import MazeFileError, Session, load

__all__ = ["DownloadError", "MazeFileError", "Session", "download", "load", "session", "simulated_file"]


def session(seed: int = 0, bin_ms: int = 20, window_ms: tuple[int, int] = (-250, 450), lag_ms: int = 0) -> Session:
    """The simulated session of the size of MC_Maze-Large: 600 trials, 122 held-in and 40 held-out neurons, 27 conditions.

    Made on first use (about ten seconds), then read from the cache folder. The arguments other than the seed are those of `load`.
    """
    path = simulated_file(seed)
    try:
        return load(path, bin_ms, window_ms, lag_ms)
    except MazeFileError:  # a damaged cache is ours to mend
        path.unlink()
        return load(simulated_file(seed), bin_ms, window_ms, lag_ms)


def simulated_file(seed: int = 0, folder: Path | None = None, num_trials: int = 600) -> Path:
    """The NWB file of the simulated session, made if it is not there yet; the true rates are in a file beside it.

    Each file appears under its name only when it is whole, and the NWB file last: if it is there, both are.
    """
    from . import nwb

    folder = cache.folder() if folder is None else Path(folder)
    size = "" if num_trials == 600 else f"-{num_trials}-trials"
    path = folder / f"simulated-maze-{simulate.VERSION}-seed{seed}{size}.nwb"
    if path.is_file() and truth.path_beside(path).is_file():
        return path
    progress = Progress("Simulating a session of 600 trials" if not size else f"Simulating {num_trials} trials")
    simulation = simulate.run(seed, num_trials=num_trials, progress=lambda share: progress(0.8 * share))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as workshop:
        draft = Path(workshop) / path.name
        truth.write(draft, simulation)
        nwb.write(draft, simulation)
        os.replace(truth.path_beside(draft), truth.path_beside(path))
        os.replace(draft, path)
    progress(1.0)
    return path
