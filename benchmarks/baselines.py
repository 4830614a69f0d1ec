"""What a transformer for spikes has to beat: smoothing, factor analysis, and a linear decoder that sees the whole trial.

Each is fitted on training trials and tuned on validation trials over the grid written beside it, by the score that it is compared on.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor

from course import neural_scores
from course.maze import Session

SMOOTHING_MS = (40, 50, 60, 80)
OFFSETS = (0.05, 0.15, 0.4)  # expected counts a bin, added before the logarithm
GLM_ALPHAS = (0.04, 0.1)
FACTORS = (10, 16, 24)
RIDGE_ALPHAS = tuple(10.0**e for e in range(-1, 6))
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
    best = None
    for sd in SMOOTHING_MS:
        smoothed = {s: smooth(session.of(s).heldin, sd / session.bin_ms) for s in ("train", "val")}
        grid = product(OFFSETS, GLM_ALPHAS) if score == "co-bps" else [(0.15, 0.06)]
        for offset, alpha in grid:
            fit = _fit_glms(np.log(smoothed["train"] + offset), session.of("train").heldout, alpha)
            rates = {s: np.concatenate([x, fit(np.log(x + offset))], axis=-1) for s, x in smoothed.items()}
            found = _val_score(session, rates, score)
            if best is None or found > best.val_score:
                best = Result(f"smoothing, tuned by {score}", {"sd_ms": sd, "offset": offset, "alpha": alpha}, found, rates)
                best_fit = fit
    test = smooth(session.of("test").heldin, best.choice["sd_ms"] / session.bin_ms)
    best.rates["test"] = np.concatenate([test, best_fit(np.log(test + best.choice["offset"]))], axis=-1)
    return best


def tuned_factor_analysis(session: Session) -> Result:
    """Smoothed square-root counts, their factors, and one Poisson regression of each neuron, held in or out, on the factors."""
    best = None
    for sd, num_factors in product(SMOOTHING_MS, FACTORS):
        smoothed = {s: smooth(np.sqrt(session.of(s).heldin), sd / session.bin_ms) for s in ("train", "val", "test")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            analysis = FactorAnalysis(num_factors, max_iter=200, random_state=0).fit(_flat(smoothed["train"]))
        factors = {s: analysis.transform(_flat(x)).reshape(*x.shape[:2], -1) for s, x in smoothed.items()}
        for alpha in GLM_ALPHAS:
            fit = _fit_glms(factors["train"], session.of("train").heldout, alpha)
            found = neural_scores.bits_per_spike(fit(factors["val"]), session.of("val").heldout)
            if best is None or found > best.val_score:
                best = Result("factor analysis", {"sd_ms": sd, "factors": num_factors, "alpha": alpha}, found)
                best_factors, best_fit = factors, fit
    fit_in = _fit_glms(best_factors["train"], session.of("train").heldin, best.choice["alpha"])
    best.rates = {s: np.concatenate([fit_in(x), best_fit(x)], axis=-1) for s, x in best_factors.items()}
    return best


def tuned_whole_trial_ridge(session: Session) -> Result:
    """Velocity in each bin from the held-in spikes of every bin of the trial: as much context as a transformer has, but linear."""
    train, val, test = (session.of(s) for s in ("train", "val", "test"))
    best = None
    for sd, power in product((0, *SMOOTHING_MS), (1.0, 0.5)):
        x, x_val, x_test = (_whole_trials(s.heldin**power, sd / session.bin_ms) for s in (train, val, test))
        mean, y = x.mean(axis=0), train.velocity.reshape(len(train), -1)
        scale = x.std(axis=0).mean()
        x, x_val, x_test = (x - mean) / scale, (x_val - mean) / scale, (x_test - mean) / scale
        # Fewer trials than features: solve in the space of trials.
        values, vectors = np.linalg.eigh(x @ x.T)
        centered = vectors.T @ (y - y.mean(axis=0))
        for alpha in (a * x.shape[1] / 100 for a in RIDGE_ALPHAS):
            dual = vectors @ (centered / (values + alpha)[:, None])
            predicted = (x_val @ (x.T @ dual) + y.mean(axis=0)).reshape(val.velocity.shape)
            found = neural_scores.r2(val.velocity, predicted)
            if best is None or found > best.val_score:
                best = Result("whole-trial ridge", {"sd_ms": sd, "power": power, "alpha": alpha}, found)
                best.velocity = (x_test @ (x.T @ dual) + y.mean(axis=0)).reshape(test.velocity.shape)
    return best


def _whole_trials(spikes: np.ndarray, sd_bins: float) -> np.ndarray:
    smoothed = smooth(spikes, sd_bins) if sd_bins else spikes
    return smoothed.reshape(len(spikes), -1)


def _fit_glms(features: np.ndarray, counts: np.ndarray, alpha: float):
    """One ridge-penalized Poisson regression a neuron. Returns a function from features to rates."""
    x, y = _flat(features), _flat(counts)
    mean, scale = x.mean(axis=0), x.std(axis=0).mean() + 1e-12
    weights, offsets = [], []
    for n in range(y.shape[1]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            glm = PoissonRegressor(alpha=alpha, solver="newton-cholesky", max_iter=30).fit((x - mean) / scale, y[:, n])
        weights.append(glm.coef_)
        offsets.append(glm.intercept_)
    weights, offsets = np.stack(weights, axis=1), np.array(offsets)

    def predict(features: np.ndarray) -> np.ndarray:
        log_rates = np.clip((_flat(features) - mean) / scale @ weights + offsets, LOWEST_LOG_RATE, HIGHEST_LOG_RATE)
        return np.exp(log_rates).reshape(*features.shape[:2], -1)

    return predict


def _val_score(session: Session, rates: dict[str, np.ndarray], score: str) -> float:
    val = session.of("val")
    if score == "co-bps":
        return neural_scores.bits_per_spike(rates["val"][..., session.num_heldin :], val.heldout)
    return neural_scores.velocity_r2(rates["train"], session.of("train").velocity, rates["val"], val.velocity)


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])
