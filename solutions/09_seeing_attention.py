# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · Seeing attention

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn

from autograder import check
from course import attention_view, plots

# %% exercise="collect_attention"
def collect_attention(model, inputs):
    """The attention weights of every nn.MultiheadAttention inside a model, when it reads `inputs`.

    model: any nn.Module. inputs: a tensor, its only argument; or a tuple, all its arguments in order.
    Returns a list with one tensor (B, heads, T_q, T_k) for each call of an attention layer, in the
    order of the calls: a layer that is called twice stands there twice.
    The model reads once, in evaluation mode and without recording a gradient, and with PyTorch's fast
    path off, so that padded queries have their rows too. Models may name the argument need_weights
    when they call their layers; none gives it by position.
    Afterwards, even if the model raised an error (which is raised on), all is as before: the mode,
    the parameters, the fast path's switch, and no hook is left.
    """
    ### BEGIN SOLUTION
    weights = []

    def ask(layer, args, kwargs):
        return args, kwargs | {"need_weights": True, "average_attn_weights": False}

    def note(layer, args, output):
        weights.append(output[1])

    layers = [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]
    hooks = [layer.register_forward_pre_hook(ask, with_kwargs=True) for layer in layers]
    hooks += [layer.register_forward_hook(note) for layer in layers]
    training, fast = model.training, torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        model.eval()
        with torch.no_grad():
            model(*inputs) if isinstance(inputs, tuple) else model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
        torch.backends.mha.set_fastpath_enabled(fast)
    return weights
    ### END SOLUTION


# %% check="collect_attention"
check("collect_attention")
# %% exercise="head_entropy"
def head_entropy(weights):
    """How widely each head spreads its attention: the entropy of a row, in bits, mean over the queries.

    weights: (..., heads, T_q, T_k), each row positive or zero, with sum one. A weight of zero adds
    zero bits. A row of zeros, of a query that may look nowhere, counts as 0 bits.
    Returns (..., heads); the weights are left unchanged.
    """
    ### BEGIN SOLUTION
    return -torch.xlogy(weights, weights).sum(dim=-1).mean(dim=-1) / math.log(2)
    ### END SOLUTION


# %% check="head_entropy"
check("head_entropy")
# %% exercise="find_head"
def find_head(weights, pattern):
    """Which head of a model looks most at the marked keys?

    weights: a list with (B, heads, T_q, T_k) for each layer; layers may differ in their heads.
    pattern: bool (T_q, T_k), True where the head should look. A query's share is the sum of its
    weights on its marked keys. A head's score is the mean share over all sequences and over the
    queries that have a marked key; queries without one do not count.
    Returns (layer, head, score) of the head with the highest score: two ints, from 0, and a float.
    A pattern without any mark raises ValueError.
    """
    ### BEGIN SOLUTION
    asked = pattern.any(dim=-1)  # (T_q,)
    if not asked.any():
        raise ValueError("the pattern marks no key at all; at least one query needs a marked key")
    best = (0, 0, -1.0)
    for layer, table in enumerate(weights):
        shares = (table * pattern).sum(dim=-1)[..., asked]  # (B, heads, queries that count)
        for head, score in enumerate(shares.mean(dim=(0, 2)).tolist()):
            best = max(best, (layer, head, score), key=lambda found: found[2])
    return best
    ### END SOLUTION


# %% check="find_head"
check("find_head")
# %% exercise="attention_rollout"
def attention_rollout(weights):
    """How much of each input token reaches each output through all layers, as far as attention tells.

    weights: a list with (B, heads, T, T) for each layer, in the order in which they read; layers may
    differ in their heads.
    Of each layer: the mean over its heads; half of it, plus half of the identity (the residual);
    each row divided by its sum. Then the matrix product of all layers, the first acting first.
    Returns (B, T, T); entry [b, i, j] is how much of input token j reaches output i.
    """
    ### BEGIN SOLUTION
    length = weights[0].shape[-1]
    identity = torch.eye(length, dtype=weights[0].dtype, device=weights[0].device)
    rollout = identity.expand(weights[0].shape[0], length, length)
    for table in weights:
        mixed = (table.mean(dim=1) + identity) / 2  # (B, T, T)
        rollout = mixed / mixed.sum(dim=-1, keepdim=True) @ rollout
    return rollout
    ### END SOLUTION


# %% check="attention_rollout"
check("attention_rollout")
# %% exercise="ablate_head"
def ablate_head(model, inputs, layer, head):
    """What the model returns when one of its heads says nothing, all else being the same.

    model, inputs: as for collect_attention; so is what the model is left with. No attention layer is
    called twice. layer: which nn.MultiheadAttention, counted from 0 in the order of the calls, as in
    the list of collect_attention. head: which of its heads, from 0.
    That head adds zero to the sum that its layer's out_proj makes; the bias of out_proj stays.
    A layer or head that does not exist, a negative one too, raises ValueError.
    Returns what the model returns, in evaluation mode and without a recorded gradient.
    """
    ### BEGIN SOLUTION
    calls, kept = [], []

    def silence(module, args):
        if len(calls) == layer and 0 <= head < module.num_heads:
            weight, start = module.out_proj.weight, head * module.head_dim
            kept.append((weight, weight.clone()))
            weight[:, start : start + module.head_dim] = 0
        calls.append(module)

    hooks = [m.register_forward_pre_hook(silence) for m in model.modules() if isinstance(m, nn.MultiheadAttention)]
    training = model.training
    with torch.no_grad():
        try:
            model.eval()
            output = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
        finally:
            for hook in hooks:
                hook.remove()
            for weight, values in kept:
                weight.copy_(values)
            model.train(training)
    if not kept:
        raise ValueError(f"there is no layer {layer} with a head {head}; the model has {len(calls)} attention layers, counted from 0")
    return output
    ### END SOLUTION


# %% check="ablate_head"
check("ablate_head")
