"""Public stand-ins for parts that an exercise builds on, so that each exercise earns its own points whatever the others do.

A stand-in is simple, holds given weights, and depends on every argument it is given (a mask included), by position or keyword:
code that drops an argument, or passes it in the wrong place, gives another result.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


def attention(q, k, v, mask=None):
    """PyTorch's attention with our convention: True (or 1) = may attend; a row without a key gives zeros. Returns (output, weights)."""
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask.bool(), float("-inf"))
    weights = torch.nan_to_num(F.softmax(scores, dim=-1))
    return weights @ v, weights


def rotations(max_len, d_model):
    """Rows of sines and cosines (max_len, d_model): powers of one complex number for each pair of columns, imaginary part first."""
    if d_model % 2:
        raise ValueError(f"rotations need an even width, and were given {d_model}")
    turns = torch.polar(torch.ones(d_model // 2), torch.logspace(0, 8 / d_model - 4, d_model // 2))
    return torch.view_as_real(turns ** torch.arange(max_len).unsqueeze(1)).flip(-1).flatten(1)


#: Functions that may stand in for an earlier exercise's function, by name.
FUNCTIONS = {
    "attention": attention,
    "softmax": lambda x, dim: F.softmax(x, dim=dim),
    "attention_scores": lambda q, k: q @ k.transpose(-2, -1),
    "dot_product": lambda a, b: (a * b).sum(dim=-1),
    "cosine_similarity": lambda a, b: F.cosine_similarity(a, b, dim=-1),  # zero vectors give 0
    "nearest": lambda query, embeddings, k: F.cosine_similarity(query, embeddings, dim=-1).topk(k).indices,
    "sinusoidal_encoding": rotations,
}


class Mixer(nn.Module):
    """A stand-in for a sub-layer: a fixed linear map of its first argument, shifted by a number that depends on every other argument.

    weight: (D, D). arguments: the names by which the layer's arguments may be given, in order, the first being the input.
    """

    def __init__(self, weight: Any, arguments: tuple[str, ...] = ("x", "mask")) -> None:
        super().__init__()
        self.register_buffer("weight", torch.as_tensor(weight))
        self.arguments = tuple(arguments)

    def forward(self, *args, **kwargs):
        given = dict(zip(self.arguments, args, strict=False)) | kwargs
        unknown = set(given) - set(self.arguments)
        if unknown or len(args) > len(self.arguments):
            raise TypeError(f"expected the arguments {', '.join(self.arguments)}, and was given {', '.join(map(str, given))}")
        x = given.pop(self.arguments[0])
        output = x @ self.weight.to(x)
        for place, name in enumerate(self.arguments[1:], start=1):
            if given.get(name) is not None:
                output = output + place * fingerprint(given[name]).to(x)
        return output


def fingerprint(tensor: torch.Tensor) -> torch.Tensor:
    """One number that changes with any entry of the tensor and with their order."""
    values = torch.as_tensor(tensor).double().flatten()
    return (values * torch.cos(torch.arange(len(values), dtype=torch.float64))).mean()


class Translator(nn.Module):
    """A stand-in for an encoder and a decoder. It says as many tokens as the source has, and then `eos`.

    Which tokens depends on the row's own source and on all tokens told so far, in their order; `pad` is never one of them. In training
    mode it says other ones. encode(src) -> memory (B, S, 1); decode(trg, memory, src) -> logits (B, T, vocab).
    """

    def __init__(self, vocab: int, eos: int, pad: int) -> None:
        super().__init__()
        self.vocab, self.eos, self.pad = vocab, eos, pad

    def encode(self, src):
        places = torch.arange(1, src.shape[1] + 1)
        return torch.where(src == self.pad, 0.0, torch.sin(src.double() * places)).unsqueeze(-1)

    def decode(self, trg, memory, src):
        told = torch.arange(trg.shape[1])
        state = memory.sum(dim=(1, 2)).unsqueeze(1) + torch.cos(trg.double() + told).cumsum(dim=1)  # (B, T)
        logits = torch.cos(state.unsqueeze(-1) * 7 + 2.4 * torch.arange(self.vocab))
        logits = logits.roll(1, dims=-1) if self.training else logits
        logits[..., self.pad] = -2.0
        over = told == (src != self.pad).sum(dim=1, keepdim=True)  # (B, T); whoever goes on after that will not be stopped again
        logits[..., self.eos] = torch.where(over, 2.0, -2.0).to(logits)
        return logits

    def forward(self, src, trg):
        return self.decode(trg, self.encode(src), src)


MODULES = {"mixer": Mixer, "linear": nn.Linear, "translator": Translator}


def module_double(double: str, **settings: Any) -> nn.Module:
    """The stand-in module of that name, with the given settings."""
    return MODULES[double](**settings)


def layer_class(*sizes: str, arguments: tuple[str, ...] = ("x", "mask")) -> type[nn.Module]:
    """A stand-in for the class of a layer that is made with the given sizes, by position or keyword, and called with `arguments`.

    Its one parameter is `gain` (1,). What it puts out depends on every size, on its gain, on its input and on every other argument.
    """

    class LayerDouble(nn.Module):
        def __init__(self, *args, **kwargs):
            super().__init__()
            given = dict(zip(sizes, args, strict=False)) | kwargs
            if set(given) != set(sizes) or len(args) > len(sizes):
                raise TypeError(f"expected the sizes {', '.join(sizes)}, and was given {len(args) + len(kwargs)}: {', '.join(given)}")
            self.gain = nn.Parameter(torch.ones(1))
            self.made_with = fingerprint(torch.tensor([float(given[name]) for name in sizes]))

        def forward(self, *args, **kwargs):
            given = dict(zip(arguments, args, strict=False)) | kwargs
            if not set(given) <= set(arguments) or len(args) > len(arguments):
                raise TypeError(f"expected the arguments {', '.join(arguments)}, and was given {', '.join(map(str, given))}")
            x = given[arguments[0]]
            others = sum(place * fingerprint(given[name]) for place, name in enumerate(arguments) if place and given.get(name) is not None)
            return self.gain * torch.tanh(x.roll(1, dims=-1)) + torch.as_tensor(self.made_with + others).to(x)

    return LayerDouble


ATTENTION_SIZES = ("input_dim", "num_heads", "head_dims", "dropout_p")
ENCODER_SIZES = ("input_dim", "num_heads", "head_dims", "ffn_dim", "mha_dropout_p", "ffn_dropout_p")

#: Lesson 04: heads side by side, and the classes that an encoder is made of.
FUNCTIONS |= {
    "split_heads": lambda x, num_heads: torch.stack(x.chunk(num_heads, dim=-1), dim=1),
    "merge_heads": lambda x: torch.cat(x.unbind(dim=1), dim=-1),
    "MultiHeadAttention": layer_class(*ATTENTION_SIZES),
    "FeedForwardLayer": layer_class("input_dim", "hidden_dim", "dropout_p", arguments=("x",)),
    "EncoderLayer": layer_class(*ENCODER_SIZES),
}

DECODER_SIZES = ("input_dim", "num_heads", "head_dims", "ffn_dim", "mha_dropout_p", "ffn_dropout_p")

#: Lesson 05: the mask of a decoder, and the classes that a transformer is made of.
FUNCTIONS |= {
    "make_trg_mask": lambda trg, pad: torch.ones(2 * trg.shape[1:], dtype=torch.bool).tril() & (trg != pad)[:, None, None],
    "CrossAttention": layer_class("input_dim", "memory_dim", *ATTENTION_SIZES[1:], arguments=("x", "memory", "mask")),
    "DecoderLayer": layer_class(*DECODER_SIZES, arguments=("x", "memory", "trg_mask", "src_mask")),
    "Encoder": layer_class("num_layers", *ENCODER_SIZES),
}

GPT_SIZES = ("n_embd", "n_head", "block_size", "dropout")

#: Lesson 06: the classes that a GPT is made of.
FUNCTIONS |= {
    "CausalSelfAttention": layer_class(*GPT_SIZES, arguments=("x",)),
    "MLP": layer_class("n_embd", "dropout", arguments=("x",)),
    "Block": layer_class(*GPT_SIZES, arguments=("x",)),
}


class Moody(nn.Module):
    """A stand-in for a model with dropout: a linear map (..., inputs) to (..., outputs) that shows how it is asked.

    notices: "training" adds one to its outputs in training mode, "gradients" where they are recorded.
    """

    def __init__(self, inputs: int, outputs: int, notices: str) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.dropout = nn.Dropout()  # a part whose mode can be forgotten
        self.notices = notices

    def forward(self, x):
        modes = {"training": self.training or self.dropout.training, "gradients": torch.is_grad_enabled()}
        return self.linear(x) + float(modes[self.notices])


class Passing(nn.Module):
    """A stand-in that gives back its first argument, whatever else it is told. Whoever goes through its `layers` finds none."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList()

    def forward(self, x, *args, **kwargs):
        return x


class Reader(nn.Module):
    """A stand-in for a model that attends: x (B, T, width) is read by PyTorch's encoder, and then looks at memory (B, S, width).

    The layer that looks at memory is made first and called last, `looks` times; without memory it looks at x. padding (B, T), True =
    blocked, hides keys from the encoder. Where gradients are recorded, or in training mode, everything comes out differently.
    """

    def __init__(self, width: int, heads: int, other_heads: int, layers: int = 1, looks: int = 1) -> None:
        super().__init__()
        torch.backends.mha.set_fastpath_enabled(True)  # as in a fresh process
        self.across = nn.MultiheadAttention(width, other_heads, dropout=0.5, batch_first=True)
        block = nn.TransformerEncoderLayer(width, heads, width + 1, dropout=0.5, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, layers)
        self.looks = looks

    def forward(self, x, memory=None, padding=None):
        x = self.encoder(2 * x if torch.is_grad_enabled() else x, src_key_padding_mask=padding)
        memory = x if memory is None else memory
        for _ in range(self.looks):
            x = x + self.across(x, memory, memory)[0]
        return x


MODULES |= {"moody": Moody, "passing": Passing, "reader": Reader}

#: Lesson 07: the loss of a training step.
FUNCTIONS |= {"masked_poisson_nll": lambda log_rates, spikes, mask: F.poisson_nll_loss(log_rates[mask], spikes[mask])}


def shares_memory(result, first, *others):
    """Whether a tensor, or a NumPy array, lies in the memory of the call's first argument; None for anything else."""
    if not hasattr(result, "__array__"):
        return None
    return torch.as_tensor(result).untyped_storage().data_ptr() == first.untyped_storage().data_ptr()


def modes(result, model, *others):
    """Which of the model's modules are in training mode, the model itself first."""
    return [module.training for module in model.modules()]


def saved(model, *sizes):
    """For everything that is saved with a model, by name: its mean and its standard deviation."""
    return {name: [float(values.double().mean()), float(values.double().std())] for name, values in model.state_dict().items()}


def gradient(result, first, *others):
    """The gradient of a result of one number by the call's first argument; zeros where the result does not depend on it."""
    if not (isinstance(result, torch.Tensor) and result.requires_grad):
        return torch.zeros_like(first)
    return torch.autograd.grad(result.sum(), first, allow_unused=True, materialize_grads=True)[0]


def parameters(result, model, *others):
    """The model's parameters by name, as the call left them."""
    return dict(model.named_parameters())


def left_behind(result, model, *others):
    """What a call leaves on a model, and in PyTorch, when it returns or raises: an exception that it raised is `result`."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(True)  # for whoever is asked next
    return {
        "raised": isinstance(result, Exception),
        "hooks": sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds),
        "replaced methods": sum(module.forward != type(module).forward.__get__(module) for module in model.modules()),
        "training": [module.training for module in model.modules()],
        "parameters": dict(model.named_parameters()),
        "with gradients": sum(p.grad is not None for p in model.parameters()),
        "learnable": sum(p.requires_grad for p in model.parameters()),
        "fast path": fast,
    }


#: What may be asked after a call, of its result and its arguments.
AFTERWARDS = {each.__name__: each for each in (shares_memory, modes, saved, gradient, parameters, left_behind)}

#: What is asked even if the call raised.
AFTER_ERRORS = {"left_behind"}
