"""The benchmark's baselines: smoothing, Poisson regression, and a ridge over whole trials."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import baselines
from course import maze


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> maze.Session:
    return maze.load(maze.simulated_file(seed=3, folder=tmp_path_factory.mktemp("maze"), num_trials=60), lag_ms=120)


def test_smoothing_keeps_a_constant_rate_up_to_the_edges():
    np.testing.assert_allclose(baselines.smooth(np.full((2, 35, 3), 0.7), 2.5), 0.7)


def test_smoothing_never_crosses_trials():
    spikes = np.zeros((2, 35, 1))
    spikes[0] = 1
    assert (baselines.smooth(spikes, 3.0)[1] == 0).all()


def test_poisson_regression_equals_scikit_learn():
    from sklearn.linear_model import PoissonRegressor

    random = np.random.RandomState(0)
    x = random.randn(40, 20, 5)
    y = random.poisson(np.exp(x @ random.randn(5, 2) * 0.4 - 1.5))
    found = baselines._fit_glms(x, y, alpha=0.05)(x)
    flat, mean = x.reshape(-1, 5), x.reshape(-1, 5).mean(axis=0)
    scaled = (flat - mean) / flat.std(axis=0).mean()
    for n in range(2):
        expected = PoissonRegressor(alpha=0.05, solver="newton-cholesky", tol=1e-8).fit(scaled, y[..., n].ravel()).predict(scaled)
        np.testing.assert_allclose(found[..., n].ravel(), expected.clip(max=np.exp(baselines.HIGHEST_LOG_RATE)), rtol=2e-3)


def test_a_whole_trial_ridge_reads_velocity_that_depends_on_another_bin(session):
    random = np.random.RandomState(0)
    heldin = random.poisson(2.0, (60, 35, 4)).astype(np.float32)
    velocity = np.repeat(heldin[:, ::-1, :1], 2, axis=2)  # each bin's velocity is the count at the mirrored bin
    result = baselines.tuned_whole_trial_ridge(session.__class__(**{**session.__dict__, "heldin": heldin, "velocity": velocity}))
    test = velocity[session.split == "test"]
    assert 1 - ((result.velocity - test) ** 2).mean() / test.var() > 0.15
