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


#: Functions that may stand in for an earlier exercise's function, by name.
FUNCTIONS = {
    "attention": attention,
    "softmax": lambda x, dim: F.softmax(x, dim=dim),
    "attention_scores": lambda q, k: q @ k.transpose(-2, -1),
    "dot_product": lambda a, b: (a * b).sum(dim=-1),
    "cosine_similarity": lambda a, b: F.cosine_similarity(a, b, dim=-1),  # zero vectors give 0
    "nearest": lambda query, embeddings, k: F.cosine_similarity(query, embeddings, dim=-1).topk(k).indices,
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


MODULES = {"mixer": Mixer, "linear": nn.Linear}


def module_double(double: str, **settings: Any) -> nn.Module:
    """The stand-in module of that name, with the given settings."""
    return MODULES[double](**settings)
