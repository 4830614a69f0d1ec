"""Measure the ECoG lesson: the leak, honest scores beside ridge and chance, causal and acausal, and scores against minutes of data.

python -m benchmarks.ecog [--seeds 301 302 303 304 305] [--parts honest acausal leak targets minutes] [--out out/bench-ecog]

The decoder and the split are the lesson's own. The simulator is frozen under the git tag ecog-simulator-1, set before a transformer was
trained on it; the recipe below was tuned on session 200 alone. Each result is stored as soon as it is there; a second run continues. What
the lesson shows of them is written to assets/results/08_ecog.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from torch import nn

from autograder.grading import reference
from course import cache, ecog

SEEDS = (301, 302, 303, 304, 305)
WINDOW = 40  # bins of 50 ms: 2 s
GAP = WINDOW + round(ecog.FILTER_MEMORY_S / ecog.STEP_S)
UNRELATED_SHIFT = round(150 / ecog.STEP_S)
HIGH_GAMMA, POTENTIAL = 0, 2
PARTS = ("honest", "acausal", "leak", "targets", "minutes")
LESSON = reference.namespace("08_ecog")
SHOWN = Path(__file__).parents[1] / "assets" / "results" / "08_ecog.json"


# Data


def session_features(seed: int, causal: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (bin, electrode, band), y (bin, 2), target (bin,) of a simulated session; kept without its 77 MB of potentials."""
    path = cache.folder() / f"ecog-features-v1-seed{seed}-{'causal' if causal else 'acausal'}.npz"
    if not path.exists():
        data = ecog.features(ecog.simulate(seed), causal=causal)
        unfinished = path.with_name(f".{path.name}")
        np.savez(unfinished.open("wb"), x=data.x, y=data.y, target=data.target)
        unfinished.replace(path)
    with np.load(path) as stored:
        return stored["x"], stored["y"], stored["target"]


def contiguous(num_windows: int, gap: int = GAP) -> list[np.ndarray]:
    """The lesson's split: training, validation and test windows in order of time, with `gap` windows left out between."""
    return [part.numpy() for part in LESSON["contiguous_split"](num_windows, (0.7, 0.15, 0.15), gap)]


def shuffled(num_windows: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The split that leaks: overlapping windows dealt out at random."""
    return np.split(rng.permutation(num_windows), [int(0.7 * num_windows), int(0.85 * num_windows)])


def standardized(x: np.ndarray, train: np.ndarray, window: int) -> np.ndarray:
    """x (bin, feature) less the mean and over the standard deviation of the bins that training windows cover."""
    covered = np.zeros(len(x), bool)
    for offset in range(window):
        covered[train + offset] = True
    return ((x - x[covered].mean(axis=0)) / x[covered].std(axis=0)).astype(np.float32)


def windows_of(x: np.ndarray, window: int) -> np.ndarray:
    """All windows of x (bin, feature), as a view. (window, bin, feature)"""
    return np.lib.stride_tricks.sliding_window_view(x, window, axis=0).swapaxes(1, 2)


# Scores


def correlation(predicted: np.ndarray, true: np.ndarray) -> float:
    """Pearson's r, averaged over dimensions."""
    return float(np.mean([np.corrcoef(p, t)[0, 1] for p, t in zip(predicted.T, true.T, strict=True)]))


def explained(predicted: np.ndarray, true: np.ndarray) -> float:
    """R squared about the mean of the test labels, averaged over dimensions."""
    return float(np.mean(1 - ((predicted - true) ** 2).sum(axis=0) / ((true - true.mean(axis=0)) ** 2).sum(axis=0)))


def chance(predicted: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Mean and 95th percentile of r when the prediction is shifted around the test block, by at least 10 s."""
    shifts = np.arange(200, len(true) - 200, 20)
    scores = [correlation(np.roll(predicted, shift, axis=0), true) for shift in shifts]
    return float(np.mean(scores)), float(np.percentile(scores, 95))


def paired_interval(sessions: list[tuple[np.ndarray, np.ndarray, np.ndarray]], block: int = 200, draws: int = 1000) -> list[float]:
    """95 % interval of r(first) - r(second), averaged over sessions; each resamples blocks of 10 s of its test block."""
    rng = np.random.default_rng(0)
    differences = []
    for first, second, true in sessions:
        starts = np.arange(0, len(true) - block + 1)
        drawn = rng.choice(starts, (draws, len(true) // block))
        index = (drawn[:, :, None] + np.arange(block)).reshape(draws, -1)
        differences.append([correlation(first[i], true[i]) - correlation(second[i], true[i]) for i in index])
    return np.percentile(np.mean(differences, axis=0), [2.5, 97.5]).tolist()


# Decoders


def ridge(x: np.ndarray, y: np.ndarray, window: int, at: int, split: list[np.ndarray], penalties=(3e3, 1e4, 3e4, 1e5)) -> dict:
    """Ridge regression from a window of x (bin, feature) to y at its bin `at`; the penalty is the best on validation."""
    train, validation, test = split
    read = windows_of(standardized(x, train, window), window).reshape(len(x) - window + 1, -1)
    say = y[at : at + len(read)]
    mean = say[train].mean(axis=0)
    seen = read[train]
    gram, product = seen.T @ seen, seen.T @ (say[train] - mean)
    del seen
    best = {"validation": -1.0}
    for penalty in penalties:
        regularized = gram.copy()
        regularized[np.diag_indices(len(gram))] += penalty
        weights = cho_solve(cho_factor(regularized, overwrite_a=True), product)
        score = correlation(read[validation] @ weights, say[validation])
        if score > best["validation"]:
            best = {"validation": score, "penalty": penalty, "predicted": read[test] @ weights + mean}
    return best


def tuned_ridge(x: np.ndarray, y: np.ndarray, centered: bool, split: list[np.ndarray]) -> dict:
    """The best ridge on validation over penalty, window and bands. x: (bin, electrode, band). All predict the same bins."""
    best = {"validation": -1.0}
    for bands, window in (([HIGH_GAMMA], WINDOW), ([HIGH_GAMMA, POTENTIAL], WINDOW), ([0, 1, 2], WINDOW // 2)):
        # A shorter window is cut from the middle or the end of the long one, so that all predict the same bins.
        late = (WINDOW - window) // 2 if centered else WINDOW - window
        flat = x[:, :, bands].reshape(len(x), -1)[late : len(x) - (WINDOW - window - late)]
        here = y[late : len(y) - (WINDOW - window - late)]
        result = ridge(flat, here, window, window // 2 if centered else window - 1, split)
        if result["validation"] > best["validation"]:
            best = result | {"bands": [ecog.BANDS[b] for b in bands], "window": window}
    return best


def transformer(
    x: np.ndarray,
    y: np.ndarray,
    split: list[np.ndarray],
    causal: bool = True,
    window: int = WINDOW,
    steps: int = 400,
    noise: float = 0.6,
    drift: float = 0.7,
    classes: int = 0,
    seed: int = 0,
) -> dict:
    """Train the decoder on x (bin, feature) and y (bin, output), or on targets y (bin,) of `classes`; predict the test windows.

    Each training window gets fresh noise at every bin and an offset of its own for every feature, as a drifting electrode has. The
    weights that are used are a running average, at the step that was best on validation.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    train, validation, test = split
    at = window - 1 if causal else window // 2
    read = torch.from_numpy(standardized(x, train, window)).unfold(0, window, 1).transpose(1, 2)  # a view: (window, T, N)
    center, scale = (y[train + at].mean(axis=0), y[train + at].std()) if not classes else (0.0, 1.0)
    labels = torch.from_numpy(y).long() if classes else torch.from_numpy((y - center) / scale).float()[:, None]
    say = labels.unfold(0, window, 1) if classes else labels[:, 0].unfold(0, window, 1).transpose(1, 2)
    decoder = LESSON["ECoGDecoder"](x.shape[1], 64, 4, 2, classes or y.shape[1], window, causal)
    average = torch.optim.swa_utils.AveragedModel(decoder, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99))
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=2e-3, weight_decay=0.1, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    best = {"validation": -1.0}
    start, wall = time.process_time(), time.monotonic()
    for step in range(1, steps + 1):
        index = torch.from_numpy(rng.choice(train, 64))
        batch = read[index]
        batch = batch + noise * torch.randn_like(batch) + drift * torch.randn(64, 1, x.shape[1])
        loss = _loss(decoder(batch), say[index], classes)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(decoder)
        if step % 100 == 0:
            score = _score(_predict(average, read, validation, at), say[validation, ..., at] if classes else say[validation, at], classes)
            if score > best["validation"]:
                best = {"validation": score, "step": step, "predicted": _predict(average, read, test, at) * scale + center}
    return best | {"cpu_s": time.process_time() - start, "wall_s": time.monotonic() - wall}


def _loss(predicted: torch.Tensor, true: torch.Tensor, classes: int) -> torch.Tensor:
    if not classes:
        return nn.functional.mse_loss(predicted, true)
    return nn.functional.cross_entropy(predicted.flatten(0, 1), true.flatten(), ignore_index=-1)


def _score(predicted: np.ndarray, true: torch.Tensor, classes: int) -> float:
    if not classes:
        return correlation(predicted, true.numpy())
    known = true.numpy() >= 0
    return float((predicted.argmax(axis=1) == true.numpy())[known].mean())


@torch.no_grad()
def _predict(model: nn.Module, read: torch.Tensor, index: np.ndarray, at: int) -> np.ndarray:
    model.eval()
    parts = [model(read[torch.from_numpy(part)])[:, at] for part in np.array_split(index, len(index) // 512 + 1)]
    model.train()
    return torch.cat(parts).numpy()


# Parts


def honest(seed: int, causal: bool = True) -> dict:
    """Ridge and transformer on the contiguous split. Acausal: zero-phase filters, full attention, the bin in the middle of the window."""
    x, y, _ = session_features(seed, causal)
    split = contiguous(len(x) - WINDOW + 1)
    true = y[split[2] + (WINDOW - 1 if causal else WINDOW // 2)]
    linear = tuned_ridge(x, y, not causal, split)
    model = transformer(x.reshape(len(x), -1), y, split, causal)
    result = {"true": true}
    for name, found in (("ridge", linear), ("transformer", model)):
        predicted = found.pop("predicted")
        mean, high = chance(predicted, true)
        scores = {"r": correlation(predicted, true), "r2": explained(predicted, true), "chance_r": mean, "chance_r_95": high}
        result |= {name: found | scores, f"{name}_predicted": predicted.astype(np.float32)}
    return result


def leak(seed: int) -> dict:
    """Labels shifted by 150 s have nothing to do with the data; what they score is leakage."""
    x, y, _ = session_features(seed, True)
    window, flat, y = 20, x.reshape(len(x), -1), np.roll(y, UNRELATED_SHIFT, axis=0)
    rng = np.random.default_rng(seed)
    gap = window + GAP - WINDOW
    count = len(x) - window + 1
    result = {}
    for name, split in (("random split", shuffled(count, rng)), ("contiguous split", contiguous(count, gap))):
        true = y[split[2] + window - 1]
        read = windows_of(standardized(flat, split[0], window), window).reshape(count, -1)
        components = PCA(40, svd_solver="randomized", random_state=0).fit(read[np.sort(split[0])[::4]]).transform(read)
        neighbors = KNeighborsRegressor(3).fit(components[split[0]], y[split[0] + window - 1])
        fitted = ridge(x[:, :, [HIGH_GAMMA, POTENTIAL]].reshape(len(x), -1), y, window, window - 1, split, (1e2, 1e3, 1e4))
        # No noise is added here: the recipe that resists over-fitting would hide what a split allows.
        model = transformer(flat, y, split, window=window, steps=600, noise=0.0, drift=0.0)
        result[name] = {
            "nearest neighbors": correlation(neighbors.predict(components[split[2]]), true),
            "transformer": correlation(model["predicted"], true),
            "ridge": correlation(fitted["predicted"], true),
        }
    return result


def targets(seed: int) -> dict:
    """Which of eight targets, at every bin from 0.3 s after it appears to the end of the reach; chance is 1 in 8."""
    x, _, target = session_features(seed, True)
    late = np.concatenate([np.full(6, -1), target[:-6]])
    target = np.where(late == target, target, -1)
    split = contiguous(len(x) - WINDOW + 1)
    model = transformer(x.reshape(len(x), -1), target, split, classes=8)
    true = target[split[2] + WINDOW - 1]
    known = true >= 0
    flat = standardized(x[:, :, [HIGH_GAMMA, POTENTIAL]].reshape(len(x), -1), split[0], WINDOW)
    read = windows_of(flat, WINDOW)[:, WINDOW // 4 :: 5].reshape(len(x) - WINDOW + 1, -1)  # every fifth bin: enough for a linear classifier
    best = (-1.0, None)
    fit = split[0][target[split[0] + WINDOW - 1] >= 0][::4]
    for strength in (1e-5, 1e-4, 1e-3):
        linear = LogisticRegression(C=strength, max_iter=200).fit(read[fit], target[fit + WINDOW - 1])
        check = split[1][target[split[1] + WINDOW - 1] >= 0]
        best = max(best, (float((linear.predict(read[check]) == target[check + WINDOW - 1]).mean()), strength), key=lambda pair: pair[0])
        if best[1] == strength:
            chosen = linear
    predicted = model["predicted"].argmax(axis=1)[known]
    confusion = np.histogram2d(true[known], predicted, bins=(np.arange(9), np.arange(9)))[0]
    return {
        "transformer": float((predicted == true[known]).mean()),
        "logistic": float((chosen.predict(read[split[2]][known]) == true[known]).mean()),
        "chance": 1 / 8,
        "confusion": confusion,
    }


def minutes(seed: int) -> dict:
    """Scores on the same test block after training on the latest few minutes before validation."""
    x, y, _ = session_features(seed, True)
    train, validation, test = contiguous(len(x) - WINDOW + 1)
    true = y[test + WINDOW - 1]
    result = {}
    for amount in (1, 2, 4, 8, 13.8):
        split = [train[-round(amount * 60 / ecog.STEP_S) :], validation, test]
        linear, model = tuned_ridge(x, y, False, split), transformer(x.reshape(len(x), -1), y, split)
        result[f"{amount:g}"] = {"ridge": correlation(linear["predicted"], true), "transformer": correlation(model["predicted"], true)}
    return result


def stored(folder: Path, part: str, seed: int) -> dict:
    """The result of a part for a session: read if it is there, else measured and stored (numbers as JSON, arrays as .npz)."""
    path = folder / f"{part}-{seed}.json"
    arrays = path.with_suffix(".npz")
    if not path.exists():
        print(f"measuring {part}, session {seed} ...", flush=True)
        measure = {"honest": honest, "acausal": lambda s: honest(s, causal=False), "leak": leak, "targets": targets, "minutes": minutes}
        result = measure[part](seed)
        np.savez(arrays, **{name: value for name, value in result.items() if isinstance(value, np.ndarray)})
        numbers = {name: value for name, value in result.items() if not isinstance(value, np.ndarray)}
        path.write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    with np.load(arrays) as found:
        return json.loads(path.read_text(encoding="utf-8")) | dict(found)


def report_scores(part: str, results: dict[int, dict]) -> None:
    print(f"\n{part}: contiguous split, gap {GAP * ecog.STEP_S:g} s, hand velocity, r (R2)")
    print("session   ridge           transformer     difference [95 %]        chance r, 95th pct   training CPU s / wall s")
    for seed, found in results.items():
        linear, model = found["ridge"], found["transformer"]
        low, high = paired_interval([(found["transformer_predicted"], found["ridge_predicted"], found["true"])])
        print(
            f"{seed}       {linear['r']:.3f} ({linear['r2']:+.2f})   {model['r']:.3f} ({model['r2']:+.2f})   "
            f"{model['r'] - linear['r']:+.3f} [{low:+.3f}, {high:+.3f}]   {model['chance_r']:+.3f}, {model['chance_r_95']:.3f}"
            f"        {model['cpu_s']:.0f} / {model['wall_s']:.0f}"
        )
    low, high = paired_interval([(f["transformer_predicted"], f["ridge_predicted"], f["true"]) for f in results.values()])
    linear, model = (np.mean([f[name]["r"] for f in results.values()]) for name in ("ridge", "transformer"))
    print(f"mean      {linear:.3f}           {model:.3f}           {model - linear:+.3f} [{low:+.3f}, {high:+.3f}]")


def report_table(title: str, results: dict[int, dict]) -> None:
    print(f"\n{title}")
    for seed, found in results.items():
        for row, scores in found.items():
            if isinstance(scores, dict):
                print(f"{seed}  {row:17}" + "".join(f"  {name} {value:.3f}" for name, value in scores.items()))
            elif isinstance(scores, float):
                print(f"{seed}  {row:17}  {scores:.3f}")


def write_shown(folder: Path, seeds: list[int]) -> None:
    """Gather the stored numbers for the lesson: part, then session, then what that part measured."""
    shown: dict[str, dict] = {part: {} for part in PARTS}
    for part in PARTS:
        found = {seed: stored(folder, part, seed) for seed in seeds if (folder / f"{part}-{seed}.json").exists()}
        for seed, result in found.items():
            shown[part][str(seed)] = {name: value for name, value in result.items() if not isinstance(value, np.ndarray)}
        if part in ("honest", "acausal") and found:
            predictions = [(f["transformer_predicted"], f["ridge_predicted"], f["true"]) for f in found.values()]
            difference = np.mean([f["transformer"]["r"] - f["ridge"]["r"] for f in found.values()])
            shown[part]["difference"] = {"mean": float(difference), "interval": paired_interval(predictions)}
        if part == "targets" and found:
            shown[part]["confusion"] = np.sum([f["confusion"] for f in found.values()], axis=0).astype(int).tolist()
    SHOWN.parent.mkdir(exist_ok=True)
    SHOWN.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure what is missing, and print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("out/bench-ecog"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    titles = {
        "leak": "leak: r of labels that have nothing to do with the data",
        "targets": "targets: accuracy over eight targets",
        "minutes": "minutes of training data: r",
    }
    for part in arguments.parts:
        seeds = arguments.seeds[:1] if part == "minutes" else arguments.seeds
        results = {seed: stored(arguments.out, part, seed) for seed in seeds}
        report_scores(part, results) if part in ("honest", "acausal") else report_table(titles[part], results)
    write_shown(arguments.out, arguments.seeds)


if __name__ == "__main__":
    main()
