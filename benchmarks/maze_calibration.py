"""How close the simulated session is to the published recording: `python -m benchmarks.maze_calibration`.

The statistics of the real recording are those of two published trials of DANDI 000128 (rates, reaches), and of the Neural Latents
Benchmark's tutorial on MC_Maze-Large (smoothing). The simulator was set by these alone, before any other model had seen it; the sessions
here are not those of the lesson or of `benchmarks.ndt`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from course import maze, neural_scores
from course.maze import simulate

from .baselines import LEARNED, tuned_smoothing

REAL = {
    "mean rate over the trial (Hz)": "2.8",
    "median, 90th percentile, maximum (Hz)": "1.5, 7.3, 14-19",
    "mean rate around the reach (Hz)": "3.5-3.9",
    "peak hand speed, median over trials (mm/s)": "907-979",
    "farthest hand position in x (mm)": "130-150",
    "co-bps of tuned smoothing": "0.225",
    "velocity R² of tuned smoothing": "0.54",
    "co-bps of the true rates": "unknown",
}


def measure(seed: int, folder: Path) -> dict[str, str]:
    """One simulated session's row for each real one."""
    simulation = simulate.run(seed)
    trials = simulation.trials
    hz = np.array([len(times) for times in simulation.spike_times]) / ((trials.stop - trials.start).sum() / 1000)
    session = maze.load(maze.simulated_file(seed, folder), lag_ms=simulate.LEAD_MS)
    test = session.of("test")
    smoothing = tuned_smoothing(session)
    rates = smoothing.rates
    velocity = neural_scores.velocity_r2(
        np.concatenate([rates[s] for s in LEARNED]), np.concatenate([session.of(s).velocity for s in LEARNED]), rates["test"], test.velocity
    )
    values = (
        f"{hz.mean():.2f}",
        f"{np.median(hz):.1f}, {np.quantile(hz, 0.9):.1f}, {hz.max():.0f}",
        f"{np.concatenate([session.heldin, session.heldout], axis=2).mean() * 1000 / session.bin_ms:.2f}",
        f"{np.median([np.linalg.norm(v, axis=1).max() for v in simulation.velocity]):.0f}",
        f"{np.abs(np.concatenate(simulation.position)[:, 0]).max():.0f}",
        f"{neural_scores.bits_per_spike(rates['test'][..., session.num_heldin :], test.heldout):.3f}",
        f"{velocity:.3f}",
        f"{neural_scores.bits_per_spike(test.rates_heldout, test.heldout):.3f}",
    )
    return dict(zip(REAL, values, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103])
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as folder:
        columns = [measure(seed, Path(folder)) for seed in seeds]
    print("| statistic | real | " + " | ".join(f"simulated {seed}" for seed in seeds) + " |")
    print("|---" * (2 + len(seeds)) + "|")
    for name, real in REAL.items():
        print(f"| {name} | {real} | " + " | ".join(column[name] for column in columns) + " |")


if __name__ == "__main__":
    main()
