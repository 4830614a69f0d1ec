"""How close the simulated session is to the published recording: `python -m benchmarks.maze_calibration`.

The statistics of the real recording are those of two published trials of DANDI 000128 (rates, reaches), and of the Neural Latents
Benchmark's own smoothing of MC_Maze-Large. The simulator was set by these alone, on average over the six populations here: no other model
had a say, and they are not the sessions of the lesson or of `benchmarks.ndt`.
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
    "SD of the tuned kernel (ms)": "40",
    "co-bps of the true rates": "unknown",
}


def measure(seed: int, folder: Path) -> dict[str, tuple[float, ...]]:
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
        (hz.mean(),),
        (np.median(hz), np.quantile(hz, 0.9), hz.max()),
        (np.concatenate([session.heldin, session.heldout], axis=2).mean() * 1000 / session.bin_ms,),
        (np.median([np.linalg.norm(v, axis=1).max() for v in simulation.velocity]),),
        (np.abs(np.concatenate(simulation.position)[:, 0]).max(),),
        (neural_scores.bits_per_spike(rates["test"][..., session.num_heldin :], test.heldout),),
        (velocity,),
        (smoothing.choice["sd_ms"],),
        (neural_scores.bits_per_spike(test.rates_heldout, test.heldout),),
    )
    return dict(zip(REAL, values, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104, 105])
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as folder:
        columns = [measure(seed, Path(folder)) for seed in seeds]
    print("| statistic | real | simulated, mean | " + " | ".join(f"population {seed}" for seed in seeds) + " |")
    print("|---" * (3 + len(seeds)) + "|")
    for name, real in REAL.items():
        values = np.array([column[name] for column in columns])
        cells = [", ".join(f"{value:.3g}" for value in row) for row in (values.mean(axis=0), *values)]
        print(f"| {name} | {real} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
