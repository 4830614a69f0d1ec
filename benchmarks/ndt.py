"""Lesson 07's transformer beside honest baselines, on simulated sessions that it was never tuned on.

python -m benchmarks.ndt [--parts sessions choices sizes] [--seeds 401 402 403]

`sessions` compares all models on fresh sessions, `choices` changes one choice of the recipe at a time, `sizes` learns from 100, 250 and 500
trials of the lesson's session. Each figure is stored as soon as it is there; a second run continues. What the lesson shows of them is
written to assets/results/07_ndt.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from course import maze, neural_scores
from course.maze import Session, simulate

from . import baselines
from .ndt_training import Recipe, fit, predict, train, train_ensemble

FRESH_SESSIONS = (401, 402, 403)
PARTS = ("sessions", "choices", "sizes")
SIZES = (100, 250, 500)
MEMBERS = 3
SHOWN = Path(__file__).parents[1] / "assets" / "results" / "07_ndt.json"
SPLITS = ("train", "val", "test")

CHOICES = {
    "the recipe": {},
    "no masking": {"mask": "none"},
    "fifteen percent masked": {"mask_ratio": 0.15},
    "sixty percent masked": {"mask_ratio": 0.6},
    "whole time steps masked": {"mask": "timesteps", "mask_ratio": 0.25},
    "whole neurons masked": {"mask": "neurons"},
    "no dropout": {"dropout": 0.0},
    "two layers": {"num_layers": 2},
    "one layer": {"num_layers": 1},
    "no weight averaging": {"averaging": 0.0},
}


def measure(seed: int, recipe: Recipe, threads: int, device: str) -> dict[str, float]:
    """One fresh session: every model's scores on test trials that neither training nor tuning saw."""
    session = maze.session(seed, lag_ms=simulate.LEAD_MS)
    test = session.of("test")
    found = {"oracle co-bps": neural_scores.bits_per_spike(test.rates_heldout, test.heldout)}

    def add(name: str, rates: dict[str, np.ndarray]) -> None:
        found[f"{name} co-bps"] = _co_bps(session, rates["test"])
        found[f"{name} velocity"] = _velocity(session, rates)

    smoothing = baselines.tuned_smoothing(session)
    add("smoothing", smoothing.rates)
    best_for_velocity = baselines.tuned_smoothing(session, score="velocity")
    found["smoothing tuned for velocity, velocity"] = _velocity(session, best_for_velocity.rates)
    factors = baselines.tuned_factor_analysis(session)
    add("factor analysis", factors.rates)
    ridge = baselines.tuned_whole_trial_ridge(session)
    found["whole-trial ridge velocity"] = neural_scores.r2(test.velocity, ridge.velocity)
    trained = train(session, recipe, device)
    add("NDT", {split: predict([trained.model], session.of(split).heldin) for split in SPLITS})
    began = time.monotonic()
    several = train_ensemble(session, recipe, trained.best_step, MEMBERS, threads, device)
    add("ensemble", {split: predict(several, session.of(split).heldin) for split in SPLITS})
    found |= {"NDT seconds": trained.seconds, "ensemble seconds": time.monotonic() - began, "NDT best step": trained.best_step}
    for baseline in (smoothing, best_for_velocity, factors, ridge):
        print(f"  {baseline.name}: {baseline.choice}", flush=True)
    return found


def _co_bps(session: Session, test_rates: np.ndarray) -> float:
    return neural_scores.bits_per_spike(test_rates[..., session.num_heldin :], session.of("test").heldout)


def _velocity(session: Session, rates: dict[str, np.ndarray]) -> float:
    """The benchmark's velocity score: a linear read-out of each bin's rates, fitted on the train and val trials."""
    learned = np.concatenate([rates[split] for split in baselines.LEARNED])
    velocity = np.concatenate([session.of(split).velocity for split in baselines.LEARNED])
    return neural_scores.velocity_r2(learned, velocity, rates["test"], session.of("test").velocity)


def measure_choices(seed: int, recipe: Recipe, device: str) -> dict[str, float]:
    """co-bps on a session's test trials with one choice changed at a time. Fitted on the train split, at the step that val likes best."""
    session, found = maze.session(seed), {}
    for name, change in CHOICES.items():
        model = fit(session.of("train"), session.of("val"), replace(recipe, **change), recipe.steps, device).model
        found[name] = _co_bps(session, predict([model], session.of("test").heldin))
        print(f"  {name}: {found[name]:.3f}", flush=True)
    return found


def measure_size(size: int, recipe: Recipe, device: str) -> dict[str, float]:
    """Scores on the test trials of the lesson's session, learned from the first `size` of the others."""
    session = maze.session(0, lag_ms=simulate.LEAD_MS)
    others, test = np.flatnonzero(session.split != "test"), np.flatnonzero(session.split == "test")
    part = session.select(np.sort(np.concatenate([others[:size], test])))
    model = train(part, recipe, device).model
    ndt = {split: predict([model], part.of(split).heldin) for split in SPLITS}
    found = {"oracle co-bps": neural_scores.bits_per_spike(part.of("test").rates_heldout, part.of("test").heldout)}
    for name, rates in (("smoothing", baselines.tuned_smoothing(part).rates), ("NDT", ndt)):
        found |= {f"{name} co-bps": _co_bps(part, rates["test"]), f"{name} velocity": _velocity(part, rates)}
    return found


# --- tables -----------------------------------------------------------------------------------------------------------------


def compare(sessions: list[dict[str, float]]) -> list[tuple[str, list[float], float, float]]:
    """The rows of the table: what is compared, its value in each session, and what it should reach at least and at best."""

    def column(name: str) -> np.ndarray:
        return np.array([found[name] for found in sessions])

    smoothed = np.maximum(column("smoothing velocity"), column("smoothing tuned for velocity, velocity"))
    rows = []
    alone = column("NDT seconds")
    for name, who, seconds in (("NDT", "NDT", alone), ("ensemble", f"ensemble of {MEMBERS}", alone + column("ensemble seconds"))):
        bits, velocity = column(f"{name} co-bps"), column(f"{name} velocity")
        rows += [
            (f"co-bps of {who} / smoothing + Poisson regression", list(bits / column("smoothing co-bps")), 1.4, 1.7),
            (f"co-bps of {who} / factor analysis + Poisson regression", list(bits / column("factor analysis co-bps")), 1.35, 1.6),
            (f"co-bps of {who} / the true rates", list(bits / column("oracle co-bps")), 0.70, 0.80),
            (f"velocity R² of {who} - smoothing", list(velocity - smoothed), 0.15, 0.25),
            (f"velocity R² of {who} - whole-trial ridge", list(velocity - column("whole-trial ridge velocity")), 0.0, 0.05),
            (f"training {who} from scratch, minutes", list(seconds / 60), 4.0, 2.0),
        ]
    return rows


def print_sessions(found: dict[str, dict[str, float]]) -> None:
    print(f"\n| simulated test trials, sessions {', '.join(found)} | mean ± SD | by session | at least | aim |\n|---|---|---|---|---|")
    for name, values, least, aim in compare(list(found.values())):
        print(f"| {name} | {np.mean(values):.2f} ± {np.std(values):.2f} | {', '.join(f'{v:.2f}' for v in values)} | {least} | {aim} |")
    print("The simulator has the hand's velocity among its latents, so these velocity scores say nothing about real cortex.")


def print_choices(found: dict[str, dict[str, float]]) -> None:
    print("\n| choice | co-bps | difference to the recipe, mean ± SD over sessions |\n|---|---|---|")
    for name in CHOICES:
        values = np.array([scores[name] for scores in found.values()])
        change = values - [scores["the recipe"] for scores in found.values()]
        print(f"| {name} | {np.mean(values):.3f} | {np.mean(change):+.3f} ± {np.std(change):.3f} |")


def print_sizes(found: dict[str, dict[str, float]]) -> None:
    print("\n| trials of session 0 | oracle co-bps | smoothing: co-bps, velocity R² | NDT: co-bps, velocity R² |\n|---|---|---|---|")
    for size, s in found.items():
        pairs = [f"{s[f'{name} co-bps']:.3f}, {s[f'{name} velocity']:.3f}" for name in ("smoothing", "NDT")]
        print(f"| {size} | {s['oracle co-bps']:.3f} | {pairs[0]} | {pairs[1]} |")


# --- command line -----------------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure what is missing, print every table, and write what the lesson shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(FRESH_SESSIONS), help="of the simulated sessions")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out/bench-ndt.json"), help="where figures are kept until all are there")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe, threads, seeds = Recipe(), arguments.threads, arguments.seeds
    results = _kept(arguments.out, {"simulator": simulate.VERSION, "device": device, "threads": threads, "recipe": asdict(recipe)})
    todo: dict[str, tuple[tuple, Callable]] = {
        "sessions": (seeds, lambda seed: measure(seed, recipe, threads, device)),
        "choices": (seeds, lambda seed: measure_choices(seed, recipe, device)),
        "sizes": (SIZES, lambda size: measure_size(size, recipe, device)),
    }
    for part in arguments.parts:
        which, ask = todo[part]
        for key in which:
            if str(key) not in results[part]:
                print(f"{part}: {key}", flush=True)
                results[part][str(key)] = ask(key)
                _save(results, arguments.out)
    for part, show in (("sessions", print_sessions), ("choices", print_choices), ("sizes", print_sizes)):
        if results[part]:
            show(results[part])
    _save(results, SHOWN)


def _kept(path: Path, made_with: dict) -> dict:
    """Earlier figures, if they were made with the same simulator and recipe; else none yet."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    same = made_with == {name: kept.get(name) for name in made_with}
    return kept if same else made_with | {part: {} for part in PARTS}


def _save(results: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
