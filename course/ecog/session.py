"""Simulated sessions on disk: made once, named by seed and simulator version, then read like any other recording."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from course import cache
from course.ecog.recording import HAND, Recording, load, save_nwb
from course.ecog.simulate import RATE, Coupling, cortical_drive, draw_grid, signals
from course.ecog.task import HAND_RATE, reach_task
from course.progress import Progress

VERSION = 1
SECONDS = 1200.0


def session(seed: int = 0, *, folder: str | Path | None = None, seconds: float = SECONDS, progress: bool = True) -> Recording:
    """A simulated session: 64 electrodes at 500 Hz over 20 minutes of reaches to eight targets. The same seed gives the same session.

    Made on first use (some 10 s, 77 MB) and kept in `folder`: by default the course's cache.
    A file appears there only once it is complete. Each seed is another participant: other tuning, other grid placement.
    """
    folder = cache.folder() if folder is None else Path(folder)
    path = folder / f"simulated-ecog-v{VERSION}-seed{seed}-{seconds:g}s.nwb"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        recording = _with_progress(seed, seconds) if progress else simulate(seed, seconds)
        unfinished = path.with_name(f".{path.stem}-{os.getpid()}.nwb")
        try:
            save_nwb(unfinished, recording, "Simulated electrocorticogram of a center-out reach task; not a recording of a person.")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return load(path)


def simulate(
    seed: int, seconds: float = SECONDS, coupling: Coupling | None = None, report: Callable[[int, int], None] | None = None
) -> Recording:
    """Make a simulated session in memory. report: called with (electrodes made, electrodes in all)."""
    # Streams of their own, so that a change in one part leaves the others as they were.
    for_task, for_grid, for_drive, for_signal = (np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(4))
    size = round(seconds * RATE)
    task = reach_task(for_task, seconds)
    grid = draw_grid(for_grid)
    drive = cortical_drive(for_drive, grid, task, coupling or Coupling())
    count = len(grid.positions)
    signal = np.empty((count, size), np.float32)
    for e, potential in enumerate(signals(for_signal, grid, drive, size)):
        signal[e] = potential
        if report:
            report(e + 1, count)
    return Recording(
        signal=signal.T,
        rate=RATE,
        behavior=np.concatenate([task.position, task.velocity], axis=1).astype(np.float32),
        behavior_rate=HAND_RATE,
        behavior_names=HAND,
        electrodes=tuple(f"E{e + 1:02d}" for e in range(count)),
        positions=grid.positions,
        trials=task.trials,
        simulated=True,
    )


def _with_progress(seed: int, seconds: float) -> Recording:
    bar = Progress(f"Simulating ECoG session {seed}")
    return simulate(seed, seconds, report=lambda made, count: bar(made / count, f"{made} of {count} electrodes"))
