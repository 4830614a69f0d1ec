"""The Neural Latents Benchmark's scores, in NumPy: co-smoothing bits per spike, velocity R², PSTH R².

Definitions: Pei et al. 2021, "Neural Latents Benchmark '21", section 3, and its evaluation code. Rates are expected counts per bin.
"""

from __future__ import annotations

import numpy as np

ALPHAS = tuple(float(a) for a in np.logspace(-4, 0, 9))
SMALLEST_RATE = 1e-9
"""What a rate of exactly zero becomes: one spike there costs 30 bits."""


def poisson_nll(rates: np.ndarray, spikes: np.ndarray) -> float:
    """The summed Poisson negative log-likelihood of counts, in nats, with its constant term. Bins whose count is NaN do not count."""
    rates, spikes = _check_rates(rates, spikes)
    seen = ~np.isnan(spikes)
    rates, spikes = rates[seen], spikes[seen]
    if not np.isfinite(rates).all():
        raise ValueError("rates contain NaN or infinity where spikes were counted: check the model's output before scoring it")
    rates = np.where(rates == 0, SMALLEST_RATE, rates)
    return float(np.sum(rates - spikes * np.log(rates) + _log_factorial(spikes)))


def bits_per_spike(rates: np.ndarray, spikes: np.ndarray) -> float:
    """How much better the rates predict the counts than each neuron's own mean does, in bits for each spike.

    rates, spikes: (trials, time, neurons). The null model's means are taken from these very spikes, as the benchmark does.
    """
    rates, spikes = _check_rates(rates, spikes)
    num_spikes = np.nansum(spikes)
    if num_spikes == 0:
        raise ValueError("spikes has no spike at all, so bits per spike is undefined: score more trials or more neurons")
    null = np.broadcast_to(np.nanmean(spikes, axis=(0, 1), keepdims=True), spikes.shape)
    return float((poisson_nll(null, spikes) - poisson_nll(rates, spikes)) / num_spikes / np.log(2))


def velocity_r2(train_rates, train_velocity, test_rates, test_velocity, alphas=ALPHAS) -> float:
    """R² (mean over x and y) of hand velocity read linearly from each bin's rates, without lags.

    rates: (trials, time, neurons), velocity: (trials, time, 2), already lagged. Ridge regression, its strength chosen on the training
    rates by five folds of consecutive bins.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(Ridge(), {"alpha": list(alphas)})
    search.fit(_flat(train_rates), _flat(train_velocity))
    return float(search.score(_flat(test_rates), _flat(test_velocity)))


def r2(true: np.ndarray, predicted: np.ndarray) -> float:
    """R² of each column over all other axes, averaged over columns."""
    true, predicted = _flat(true), _flat(predicted)
    residual = ((true - predicted) ** 2).sum(axis=0)
    return float(np.mean(1 - residual / ((true - true.mean(axis=0)) ** 2).sum(axis=0)))


def psth_r2(psth: np.ndarray, condition: np.ndarray, rates: np.ndarray) -> float:
    """R² (mean over neurons) between each trial's rates and its condition's PSTH, over all trials and bins.

    psth: (conditions, time, neurons), condition: (trials,) indices into it, rates: (trials, time, neurons), both in the same unit.
    """
    return r2(np.asarray(psth)[np.asarray(condition)], rates)


def _flat(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, float)
    return x.reshape(-1, x.shape[-1])


def _check_rates(rates: np.ndarray, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rates, spikes = np.asarray(rates, float), np.asarray(spikes, float)
    if rates.shape != spikes.shape:
        raise ValueError(f"rates have the shape {rates.shape} and spikes {spikes.shape}: they must agree bin by bin")
    if (rates < 0).any():
        raise ValueError(f"rates go down to {rates.min():g}: rates are expected counts, so exponentiate log-rates before scoring them")
    return rates, spikes


def _log_factorial(counts: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    return gammaln(counts + 1.0)
