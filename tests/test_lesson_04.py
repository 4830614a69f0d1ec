"""Lesson 04: its encoder is PyTorch's, and the training at its end shows what the text says."""

import contextlib
import io

import matplotlib
import pytest
import torch

matplotlib.use("agg")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def lesson() -> dict:
    """The names that the lesson's given code and solutions leave behind."""
    return names_after(())


def names_after(pictures: tuple[str, ...]) -> dict:
    """The lesson's names after its given code, its solutions, and the pictures of these names."""
    source = pytest.importorskip("autograder.source")
    names: dict = {"__name__": "lesson_04"}
    for cell in source.read("04_encoder"):
        if cell.kind == "code" and (cell.role in ("", "exercise") or cell.name in pictures):
            with contextlib.redirect_stdout(io.StringIO()):
                exec(cell.source, names)
    return names


def test_an_encoder_layer_is_pytorchs_with_the_mask_turned_around(lesson: dict) -> None:
    own = lesson["EncoderLayer"](12, 3, 4, 20, 0.0, 0.0).eval()
    theirs, x = lesson["as_torch_layer"](own, num_heads=3), torch.randn(5, 7, 12)
    mask = torch.rand(7, 7) < 0.5
    mask.fill_diagonal_(True)
    with torch.no_grad():
        torch.testing.assert_close(own(x, mask), theirs(x, src_mask=~mask), rtol=1e-4, atol=1e-5)


def test_parameters_are_as_many_as_the_text_says(lesson: dict) -> None:
    count, wide = lesson["count_parameters"], {"input_dim": 512, "num_heads": 8, "head_dims": 64}
    attention = lesson["MultiHeadAttention"](**wide, dropout_p=0.1)
    computing = lesson["FeedForwardLayer"](512, 2048, 0.1)
    assert count(attention) - count(attention.norm) == 1_050_624
    assert count(computing) - count(computing.norm) == 2_099_712
    assert count(lesson["EncoderLayer"](**wide, ffn_dim=2048, mha_dropout_p=0.1, ffn_dropout_p=0.1)) == 3_152_384


def test_units_of_one_neuron_are_near_each_other_on_the_circle(lesson: dict) -> None:
    units, neuron = lesson["simulate_two_days"](200)
    apart = ((units[:, :, None] - units[:, None] + 1) % 2 - 1).abs().amax(dim=-1)  # (sets, T, T)
    same = neuron[:, :, None] == neuron[:, None]
    assert units.shape == (200, 9, 3) and units.abs().max() <= 1
    assert (same.sum(dim=-1).sort(dim=-1).values == torch.tensor([1] + 8 * [2])).all()
    assert apart[same].max() < 0.35 < apart[~same].mean()


@pytest.mark.slow
def test_the_encoder_needs_to_communicate_and_to_compute() -> None:
    """Section 9: far above mean pooling and above each ablation; without communication at most one in five; order does not matter."""
    trained = names_after(("train", "controls"))
    accuracy, encoder, controls = trained["accuracy"], trained["model"], trained["controls"]
    assert accuracy(encoder) > 0.85
    assert accuracy(controls["cannot compute"]) < accuracy(encoder) - 0.05
    assert accuracy(controls["mean pooling"]) < 0.5
    assert accuracy(controls["cannot communicate"]) < 0.22
    order, units = torch.randperm(9), trained["units"]
    with torch.no_grad():
        torch.testing.assert_close(encoder(units[:, order]), encoder(units)[:, order], rtol=1e-3, atol=1e-3)
