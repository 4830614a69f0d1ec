"""What a transformer for spikes has to beat: smoothing, factor analysis, and a linear decoder that sees the whole trial.

Each is tuned by the score that it is compared on: fitted on training trials for every choice of the grid written here, scored on validation
trials. With the best choice it is fitted again on both, as a benchmark's entry would be.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import minimize
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning

from course import neural_scores
from course.maze import Session

LEARNED = ("train", "val")  # what a model whose choices are made is fitted on
SMOOTHING_MS = (30, 40, 50, 60, 80)
OFFSETS = (0.05, 0.15, 0.4, 1.0)  # expected counts a bin, added before the logarithm
GLM_ALPHAS = (0.04, 0.1, 0.25)
FACTORS = (16, 32, 44, 60, 80)
RIDGE_ALPHAS = tuple(10.0**e for e in (-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2))  # of features scaled to a squared length of one in all
LOWEST_LOG_RATE, HIGHEST_LOG_RATE = -9.0, 1.5  # predictions are clipped, so that one confident bin cannot ruin a score


@dataclass
class Result:
    """A tuned baseline. Rates are expected counts a bin, (trials, time, held-in + held-out neurons), for train, val and test."""

    name: str
    choice: dict[str, float]
    val_score: float
    rates: dict[str, np.ndarray] | None = None
    velocity: np.ndarray | None = None  # of test trials, where velocity is predicted without rates


def smooth(spikes: np.ndarray, sd_bins: float) -> np.ndarray:
    """Gaussian smoothing along time within each trial. At an edge the kernel's remaining weights are scaled up to a sum of one."""
    time = np.arange(spikes.shape[1])
    kernel = np.exp(-0.5 * ((time[:, None] - time) / sd_bins) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return np.einsum("ts,ksn->ktn", kernel, spikes, optimize=True)


def tuned_smoothing(session: Session, score: str = "co-bps") -> Result:
    """Smoothed spikes, their logarithm, and one Poisson regression for each held-out neuron. Tuned by `score`: co-bps or velocity."""
    grid = product(SMOOTHING_MS, OFFSETS, GLM_ALPHAS) if score == "co-bps" else product(SMOOTHING_MS, [0.15], [0.06])
    best = None
    for sd, offset, alpha in grid:
        found = _val_score(session, _smoothed_rates(session, ("train",), ("train", "val"), sd, offset, alpha), score)
        if best is None or found > best.val_score:
            best = Result(f"smoothing, tuned by {score}", {"sd_ms": sd, "offset": offset, "alpha": alpha}, found)
    best.rates = _smoothed_rates(session, LEARNED, (*LEARNED, "test"), *best.choice.values())
    return best


def _smoothed_rates(session: Session, learn: tuple, predict: tuple, sd_ms: float, offset: float, alpha: float) -> dict[str, np.ndarray]:
    smoothed = {s: smooth(session.of(s).heldin, sd_ms / session.bin_ms) for s in {*learn, *predict}}
    fit = _fit_glms(np.log(np.concatenate([smoothed[s] for s in learn]) + offset), _heldout(session, learn), alpha)
    return {s: np.concatenate([smoothed[s], fit(np.log(smoothed[s] + offset))], axis=-1) for s in predict}


def tuned_factor_analysis(session: Session) -> Result:
    """Smoothed square-root counts, their factors, and one Poisson regression of each neuron, held in or out, on the factors."""
    best = None
    for sd, num_factors in product(SMOOTHING_MS, FACTORS):
        factors = _factors(session, ("train",), ("train", "val"), sd, num_factors)
        for alpha in GLM_ALPHAS:
            fit = _fit_glms(factors["train"], session.of("train").heldout, alpha)
            found = neural_scores.bits_per_spike(fit(factors["val"]), session.of("val").heldout)
            if best is None or found > best.val_score:
                best = Result("factor analysis", {"sd_ms": sd, "factors": num_factors, "alpha": alpha}, found)
    sd, num_factors, alpha = best.choice.values()
    factors = _factors(session, LEARNED, (*LEARNED, "test"), sd, num_factors)
    learned = np.concatenate([factors[s] for s in LEARNED])
    fits = [_fit_glms(learned, counts, alpha) for counts in (_heldin(session, LEARNED), _heldout(session, LEARNED))]
    best.rates = {s: np.concatenate([fit(x) for fit in fits], axis=-1) for s, x in factors.items()}
    return best


def _factors(session: Session, learn: tuple, predict: tuple, sd_ms: float, num_factors: int) -> dict[str, np.ndarray]:
    smoothed = {s: smooth(np.sqrt(session.of(s).heldin), sd_ms / session.bin_ms) for s in {*learn, *predict}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        learned = _flat(np.concatenate([smoothed[s] for s in learn]))
        analysis = FactorAnalysis(num_factors, max_iter=60, random_state=0).fit(learned)
    return {s: analysis.transform(_flat(smoothed[s])).reshape(*smoothed[s].shape[:2], -1) for s in predict}


def tuned_whole_trial_ridge(session: Session) -> Result:
    """Velocity in each bin from the held-in spikes of every bin of the trial: as much context as a transformer has, but linear."""
    train, val, learned, test = (session.of(*splits) for splits in (["train"], ["val"], LEARNED, ["test"]))
    best = None
    for sd, power in product((0, *SMOOTHING_MS), (1.0, 0.5)):
        for alpha, predicted in _ridge(train, val, sd / session.bin_ms, power, RIDGE_ALPHAS):
            found = neural_scores.r2(val.velocity, predicted)
            if best is None or found > best.val_score:
                best = Result("whole-trial ridge", {"sd_ms": sd, "power": power, "alpha": alpha}, found)
    sd, power, alpha = best.choice.values()
    best.velocity = next(_ridge(learned, test, sd / session.bin_ms, power, [alpha]))[1]
    return best


def _ridge(learn: Session, apply: Session, sd_bins: float, power: float, alphas):
    """For each penalty, the velocity of `apply`. There are fewer trials than features, so it is solved in the space of trials."""
    x, x_new = (_whole_trials(s.heldin**power, sd_bins) for s in (learn, apply))
    mean, y = x.mean(axis=0), learn.velocity.reshape(len(learn), -1)
    scale = x.std(axis=0).mean() * np.sqrt(x.shape[1])
    x, x_new = (x - mean) / scale, (x_new - mean) / scale
    values, vectors = np.linalg.eigh(x @ x.T)
    centered = vectors.T @ (y - y.mean(axis=0))
    for alpha in alphas:
        weights = x.T @ (vectors @ (centered / (values + alpha)[:, None]))
        yield alpha, (x_new @ weights + y.mean(axis=0)).reshape(apply.velocity.shape)


def _heldin(session: Session, splits: tuple) -> np.ndarray:
    return np.concatenate([session.of(s).heldin for s in splits])


def _heldout(session: Session, splits: tuple) -> np.ndarray:
    return np.concatenate([session.of(s).heldout for s in splits])


def _whole_trials(spikes: np.ndarray, sd_bins: float) -> np.ndarray:
    smoothed = smooth(spikes, sd_bins) if sd_bins else spikes
    return smoothed.reshape(len(spikes), -1)


def _fit_glms(features: np.ndarray, counts: np.ndarray, alpha: float):
    """One Poisson regression a neuron, log link, `alpha` / 2 times the squared weights added to the mean loss. Returns features to rates.

    All neurons are fitted at once by L-BFGS, in coordinates in which a Poisson loss of constant rate would be round: about ten times
    faster than one Newton solver a neuron, and equal to it (tested).
    """
    x, y = _flat(features).astype(float), _flat(counts).astype(float)
    mean, scale = x.mean(axis=0), x.std(axis=0).mean() + 1e-12
    x = (x - mean) / scale
    variances, directions = np.linalg.eigh(x.T @ x / len(x))
    x = x @ directions
    mean_counts = np.maximum(y.mean(axis=0), 1e-6)
    stretch = 1 / np.sqrt(np.concatenate([variances[:, None].clip(0) * mean_counts + alpha, mean_counts[None]]))
    target = np.concatenate([x.T @ y, y.sum(axis=0, keepdims=True)]) / len(x)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(stretch.shape) * stretch
        rates = np.exp(np.clip(x @ w[:-1] + w[-1] + np.log(mean_counts), -30, 10))
        slope = np.concatenate([x.T @ rates, rates.sum(axis=0, keepdims=True)]) / len(x) - target
        slope[:-1] += alpha * w[:-1]
        value = rates.sum() / len(x) - (w * target).sum() + alpha / 2 * (w[:-1] ** 2).sum()
        return value, (slope * stretch).ravel()

    found = minimize(loss, np.zeros(stretch.size), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-9, "gtol": 1e-5})
    solved = found.x.reshape(stretch.shape) * stretch
    weights, offsets = directions @ solved[:-1], solved[-1] + np.log(mean_counts)

    def predict(features: np.ndarray) -> np.ndarray:
        log_rates = np.clip((_flat(features) - mean) / scale @ weights + offsets, LOWEST_LOG_RATE, HIGHEST_LOG_RATE)
        return np.exp(log_rates).reshape(*features.shape[:2], -1)

    return predict


def _val_score(session: Session, rates: dict[str, np.ndarray], score: str) -> float:
    val = session.of("val")
    if score == "co-bps":
        return neural_scores.bits_per_spike(rates["val"][..., session.num_heldin :], val.heldout)
    return neural_scores.velocity_r2(rates["train"], session.of("train").velocity, rates["val"], val.velocity, alphas=[1e-2])


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])
