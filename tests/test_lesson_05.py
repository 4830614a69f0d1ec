"""What lesson 05 promises beyond its checks: a saved model that solves the task, and equality with PyTorch's transformer."""

import pytest
import torch
from safetensors.torch import load_file

from autograder.grading import reference
from autograder.source import ROOT


@pytest.fixture(scope="module")
def lesson():
    return reference.namespace("05_decoder")


@pytest.fixture(scope="module")
def saved(lesson):
    model = lesson["TorchTransformer"](**lesson["sizes"]).eval()
    model.load_state_dict(load_file(ROOT / "assets" / "models" / "05_decoder.safetensors"))
    return model


def test_saved_model_solves_held_out_runs(lesson, saved):
    torch.manual_seed(123)
    src, targets = lesson["simulate_replay"](500, held_out=True)
    assert lesson["all_right"](saved, src, targets).float().mean() >= 0.99


def test_greedy_decoding_and_teacher_forcing_agree_on_what_is_right(lesson, saved):
    torch.manual_seed(124)
    src, targets = lesson["simulate_replay"](50, before=(7, 10), held_out=True)
    written = lesson["greedy_decode"](saved, src, lesson["SOS"], lesson["EOS"], lesson["PAD"], targets.shape[1])
    written = torch.nn.functional.pad(written, (0, targets.shape[1] - written.shape[1]), value=lesson["PAD"])
    right = (written == targets).all(dim=1)
    assert torch.equal(right, lesson["all_right"](saved, src, targets))
    assert 0 < right.float().mean() < 1


def test_own_transformer_equals_torch_after_copying_weights(lesson, saved):
    own = lesson["Transformer"](**lesson["sizes"]).eval()
    lesson["copy_weights"](saved, own)
    src, fed = lesson["test_src"][:20], lesson["test_targets"][:20]
    real = fed != lesson["PAD"]
    with torch.no_grad():
        torch.testing.assert_close(own(src, fed)[real], saved(src, fed)[real], rtol=1e-4, atol=1e-4)


def test_held_out_replays_are_never_trained_on(lesson):
    kept_back = {tuple(row) for row in lesson["test_targets"].tolist()}
    _, targets = lesson["simulate_replay"](3000)
    assert not kept_back & {tuple(row) for row in targets.tolist()}
