"""What lesson 06 claims of its text and its saved model, and the page on PyTorch Lightning."""

import re

import pytest
import torch
from safetensors.torch import load_file

from autograder import source
from autograder.grading import reference
from course import novel

FILE = source.ROOT / "assets" / "models" / "06_gpt.safetensors"
SIZES = {"vocab_size": 1000, "block_size": 32, "n_layer": 2, "n_head": 4, "n_embd": 64, "dropout": 0.1}


@pytest.fixture(scope="module")
def lesson():
    return reference.namespace("06_gpt")


@pytest.fixture(scope="module")
def book():
    return novel.load()


def test_the_parts_of_the_novel_are_in_order_and_the_vocabulary_is_of_the_first(book):
    assert len(book.vocabulary) == len(set(book.vocabulary)) == 1000
    assert book.decode(book.train[:4]) == "it is a truth"
    assert len(book.train) > 8 * len(book.test) > 12 * len(book.valid)
    assert book.index[novel.EOS] == 0 and book.index[novel.UNKNOWN] == 1


def test_encoding_what_was_decoded_gives_the_tokens_back(book):
    tokens = book.test[:40]
    tokens = tokens[(tokens > 1)]
    assert torch.equal(book.encode(book.decode(tokens)), tokens)


def test_the_saved_model_beats_a_bigram_by_far_and_needs_its_past(lesson, book):
    model = lesson["TorchGPT"](**SIZES).eval()
    model.load_state_dict(load_file(FILE))
    assert lesson["bits_per_token"](model, book.test) < 5.5  # the smoothed bigram: 5.97
    shuffled = book.test[torch.randperm(len(book.test), generator=torch.Generator().manual_seed(0))]
    assert lesson["bits_per_token"](model, shuffled) > 7


def test_the_reference_and_pytorchs_parts_agree_on_the_saved_weights(lesson, book):
    theirs, ours = lesson["TorchGPT"](**SIZES).eval(), lesson["GPT"](**SIZES).eval()
    theirs.load_state_dict(load_file(FILE))
    ours.load_state_dict(lesson["weights_for_yours"](theirs))
    tokens = book.test[:96].view(3, 32)
    with torch.no_grad():
        assert torch.allclose(ours(tokens)[0], theirs(tokens)[0], atol=1e-4)


def test_the_page_on_lightning_trains(lesson, book):
    pytest.importorskip("lightning", reason="lightning is not installed; the page's code runs only where it is")
    page = (source.ROOT / "docs" / "lightning.md").read_text(encoding="utf-8")
    names = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)
    torch.manual_seed(6)
    model = lesson["initialize"](lesson["GPT"](**SIZES))
    trainer = names["fit"](model, book.train[:3300], book.valid[:1000], epochs=2)
    assert trainer.callback_metrics["held_out_loss"] < 6.9  # of a model that knows nothing: ln 1000
