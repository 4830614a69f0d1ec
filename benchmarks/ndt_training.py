"""How the Neural Data Transformer of lesson 07 is trained for the figures: its recipe, one model, and a few that vote together.

The model and its loss are the lesson's own. Everything was tuned on sessions 0 and 1: on their validation trials, and the length of the
last training, which learns from those too, on their test trials.
"""

from __future__ import annotations

import copy
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from multiprocessing import get_context

import numpy as np
import torch
from torch import nn

from autograder.grading import reference
from course import neural_scores
from course.maze import Session

LESSON = reference.namespace("07_ndt")


@dataclass(frozen=True)
class Recipe:
    """How the reference model is built and trained."""

    d_model: int = 64
    num_heads: int = 2
    num_layers: int = 4
    dropout: float = 0.2
    mask: str = "elements"  # elements, timesteps, neurons, or none
    mask_ratio: float = 0.45
    steps: int = 1200
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warm_up: int = 100
    averaging: float = 0.99  # of the weights, exponentially; the average is what is validated and kept
    check_every: int = 50
    seed: int = 0


@dataclass
class Trained:
    model: nn.Module
    val_bits: float
    best_step: int
    seconds: float
    curve: list[tuple[int, float]]


def train(session: Session, recipe: Recipe, device: str = "cpu") -> Trained:
    """Train on the train split, find the step that scores best on the val split, and train as many passes over both."""
    began = time.monotonic()
    first = fit(session.of("train"), session.of("val"), recipe, recipe.steps, device)
    final = fit(session.of("train", "val"), None, *on_both(session, recipe, first.best_step), device)
    return replace(first, model=final.model, seconds=time.monotonic() - began)


def on_both(session: Session, recipe: Recipe, best_step: int) -> tuple[Recipe, int]:
    """The recipe, and the number of steps, that pass over the train and val trials as often as `best_step` did over the train trials."""
    more = len(session.of("train", "val")) / len(session.of("train"))
    return replace(recipe, steps=round(recipe.steps * more)), round(best_step * more)


def train_ensemble(session: Session, recipe: Recipe, best_step: int, members: int, jobs: int, device: str = "cpu") -> list[nn.Module]:
    """Models that differ in their seed alone, trained on the train and val splits as long as in `train`; `jobs` at a time."""
    together = session.of("train", "val")
    recipe, steps = on_both(session, recipe, best_step)
    recipes = [replace(recipe, seed=recipe.seed + 1 + member) for member in range(members)]
    if device == "cuda":
        return [fit(together, None, r, steps, device).model for r in recipes]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        weights = pool.map(_weights_after, repeat(together), recipes, repeat(steps))
        return [_with_weights(together, recipe, state) for state in weights]


def _weights_after(session: Session, recipe: Recipe, steps: int) -> dict[str, np.ndarray]:
    """Train in a process of its own, on one thread. A lesson's class cannot be sent between processes, but its weights can."""
    torch.set_num_threads(1)
    return {name: value.numpy() for name, value in fit(session, None, recipe, steps).model.state_dict().items()}


def _with_weights(session: Session, recipe: Recipe, state: dict[str, np.ndarray]) -> nn.Module:
    model = build(session, recipe)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return model.eval()


def build(session: Session, recipe: Recipe) -> nn.Module:
    """The lesson's model in the sizes of a session."""
    num_out = session.num_heldin + session.heldout.shape[-1]
    sizes = (session.num_heldin, num_out, recipe.d_model, recipe.num_heads, recipe.num_layers, session.heldin.shape[1], recipe.dropout)
    return LESSON["NeuralDataTransformer"](*sizes)


def fit(learn: Session, val: Session | None, recipe: Recipe, steps: int, device: str = "cpu") -> Trained:
    """Train for `steps` steps. With validation trials, give back the model of the step that scores best on them, and its score."""
    torch.manual_seed(recipe.seed)
    heldin, targets = tensors(learn, device)
    model = build(learn, recipe).to(device)
    model.start_at_mean(targets)
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(step, recipe))
    result = Trained(average, -np.inf, steps, 0.0, [])
    for step in range(1, steps + 1):
        LESSON["train_step"](model, draw_batch(heldin, targets, recipe), optimizer)
        schedule.step()
        follow(average, model, min(recipe.averaging, step / (step + 10)))
        if val is not None and step % recipe.check_every == 0:
            bits = neural_scores.bits_per_spike(predict([average], val.heldin)[..., val.num_heldin :], val.heldout)
            result.curve.append((step, bits))
            if bits > result.val_bits:
                result = replace(result, model=copy.deepcopy(average), val_bits=bits, best_step=step)
    return result


def tensors(session: Session, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """Counts of held-in neurons, and of all neurons."""
    every = np.concatenate([session.heldin, session.heldout], axis=-1)
    return torch.tensor(session.heldin, device=device), torch.tensor(every, device=device)


def draw_batch(heldin: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random trials for the lesson's train_step: what the model sees, all counts, and which of them are scored."""
    rows = torch.randint(len(heldin), (recipe.batch,), device=heldin.device)
    spikes, masked = mask_spikes(heldin[rows], recipe)
    heldout = torch.ones_like(targets[rows][..., heldin.shape[-1] :], dtype=torch.bool)
    return spikes, targets[rows], torch.cat([masked, heldout], dim=-1)


def mask_spikes(spikes: torch.Tensor, recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor]:
    """Hide a share of the counts. Returns what is left, scaled up to keep its mean, and which entries were hidden: those are predicted."""
    B, T, N = spikes.shape
    shape = {"elements": (B, T, N), "timesteps": (B, T, 1), "neurons": (B, 1, N), "none": (B, T, N)}[recipe.mask]
    if recipe.mask == "none":  # nothing is hidden, so only held-out neurons can be scored
        return spikes, torch.zeros_like(spikes, dtype=torch.bool)
    hidden = (torch.rand(shape, device=spikes.device) < recipe.mask_ratio).expand(B, T, N)
    scale = 1.0 if recipe.mask == "timesteps" else 1 / (1 - recipe.mask_ratio)
    return spikes.masked_fill(hidden, 0.0) * scale, hidden


@torch.no_grad()
def predict(models: list[nn.Module], heldin: np.ndarray) -> np.ndarray:
    """(K, T, neurons) expected counts, float64, from whole trials of held-in spikes: the mean over the models' rates."""
    spikes = torch.tensor(heldin, device=models[0].positions.device)
    return torch.stack([model.eval()(spikes).exp().double() for model in models]).mean(dim=0).cpu().numpy()


def warm_cosine(step: int, recipe: Recipe) -> float:
    """The share of the learning rate: up in a line, down along half a cosine."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    return 0.5 * (1 + np.cos(np.pi * (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)))


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move each weight of the running average towards the model's."""
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - keep)
