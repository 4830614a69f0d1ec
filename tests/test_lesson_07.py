"""What lesson 07 claims of its session, its saved models, and its read-outs."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from autograder import source
from autograder.grading import reference
from course import maze, neural_scores

MODELS = source.ROOT / "assets" / "models"


@pytest.fixture(scope="module")
def lesson():
    return reference.namespace("07_ndt")


@pytest.fixture(scope="module")
def session():
    return maze.session(0, lag_ms=120)


@pytest.fixture(scope="module")
def model(lesson):
    model = lesson["NeuralDataTransformer"](122, 162, 64, 2, 2, 35, 0.2).eval()
    model.load_state_dict(load_file(MODELS / "07_ndt.safetensors"))
    return model


def log_rates(model, part):
    with torch.no_grad():
        return model(torch.tensor(part.heldin))


def test_bin_spikes_and_the_loader_count_the_same(lesson, session):
    import h5py

    with h5py.File(maze.simulated_file(0)) as nwb:
        units = nwb["units"]
        times = [torch.tensor(t) for t in np.split(units["spike_times"][:], units["spike_times_index"][:-1])]
        onset, heldin = nwb["intervals/trials/move_onset_time"][7], ~units["heldout"][:]
    table = lesson["bin_spikes"](times, onset + torch.arange(-0.25, 0.451, 0.02, dtype=torch.float64))
    assert torch.equal(table[:, heldin].float(), torch.tensor(session.heldin[7]))


def test_bits_per_spike_is_the_benchmarks_score(lesson, session, model):
    test = session.of("test")
    found = log_rates(model, test)[..., session.num_heldin :]
    ours = lesson["bits_per_spike"](found, torch.tensor(test.heldout))
    assert ours == pytest.approx(neural_scores.bits_per_spike(found.double().exp().numpy(), test.heldout), abs=1e-4)


def test_the_saved_model_is_well_above_smoothing_and_below_the_oracle(session, model):
    test = session.of("test")
    found = neural_scores.bits_per_spike(log_rates(model, test)[..., session.num_heldin :].exp().numpy(), test.heldout)
    oracle = neural_scores.bits_per_spike(test.rates_heldout, test.heldout)
    assert 0.27 < found < oracle  # smoothing: 0.188


def test_a_pretrained_encoder_fits_the_lessons_model_and_brings_no_neurons(model):
    saved = load_file(MODELS / "07_pretrained.safetensors")
    own = model.state_dict()
    assert {name.split(".")[0] for name in saved} == {"positions", "encoder"}
    assert all(own[name].shape == values.shape for name, values in saved.items())


def test_a_linear_read_out_of_the_whole_trial_takes_most_of_the_jump_in_velocity(lesson, session, model):
    learn, test = session.of("train", "val"), session.of("test")

    def score(x_learn, x_test, alphas, whole=False):
        x = [torch.as_tensor(t).flatten(1)[:, None] if whole else torch.as_tensor(t) for t in (x_learn, x_test)]
        v = torch.tensor(learn.velocity).float()
        weights, offset, _ = lesson["fit_decoder"](x[0], v.flatten(1)[:, None] if whole else v, 0, alphas)
        return neural_scores.r2(test.velocity, (x[1] @ weights + offset).reshape(test.velocity.shape).numpy())

    smoothed = [lesson["smooth_spikes"](torch.tensor(part.heldin), 2.5) for part in (learn, test)]
    instantaneous = score(*smoothed, [10.0])
    whole = score(*smoothed, [30.0], whole=True)
    ndt = score(log_rates(model, learn).exp(), log_rates(model, test).exp(), [1e-4])
    assert instantaneous < 0.55 < 0.74 < whole < ndt
    assert (whole - instantaneous) > 0.6 * (ndt - instantaneous)
