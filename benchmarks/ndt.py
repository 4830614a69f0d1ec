"""A Neural Data Transformer beside honest baselines, on simulated sessions it was never tuned on: `python -m benchmarks.ndt`.

The model follows Ye & Pandarinath 2021: one token a time bin, an encoder over the whole trial, log-rates out, a Poisson loss on what was
masked at the input. Everything was tuned on session 0, the lesson's; the figures are means over the sessions of `--sessions`.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from course import maze, neural_scores
from course.maze import Session, simulate

from . import baselines

FRESH_SESSIONS = (201, 202, 203)
RESULTS = Path(__file__).parent / "results" / "ndt.json"


@dataclass(frozen=True)
class Recipe:
    """How the reference model is built and trained."""

    d_model: int = 64
    num_heads: int = 2
    num_layers: int = 2
    dropout: float = 0.2
    mask: str = "elements"  # elements, timesteps, neurons, or none
    mask_ratio: float = 0.35
    steps: int = 1200
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warm_up: int = 100
    averaging: float = 0.99  # of the weights, exponentially; the average is what is validated and kept
    check_every: int = 50
    seed: int = 0


class NeuralDataTransformer(nn.Module):
    """(B, T, held-in) spike counts to (B, T, held-in + held-out) log expected counts."""

    def __init__(self, num_in: int, num_out: int, trial_length: int, recipe: Recipe, mean_counts: torch.Tensor) -> None:
        super().__init__()
        d = recipe.d_model
        self.read_in = nn.Linear(num_in, d)
        self.positions = nn.Parameter(torch.randn(trial_length, d) * 0.02)
        self.dropout = nn.Dropout(recipe.dropout)
        layer = nn.TransformerEncoderLayer(d, recipe.num_heads, 2 * d, recipe.dropout, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, recipe.num_layers, nn.LayerNorm(d), enable_nested_tensor=False)
        self.read_out = nn.Linear(d, num_out)
        nn.init.normal_(self.read_out.weight, std=0.02)
        with torch.no_grad():
            self.read_out.bias.copy_(mean_counts.clamp(min=1e-4).log())

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        tokens = self.dropout(self.read_in(spikes) + self.positions)
        return self.read_out(self.dropout(self.encoder(tokens)))


@dataclass
class Trained:
    model: NeuralDataTransformer
    val_bits: float
    best_step: int
    seconds: float
    curve: list[tuple[int, float]]


def train(session: Session, recipe: Recipe, device: str = "cpu") -> Trained:
    """Train on the train split, find the step that scores best on the val split, and train as long on both."""
    began = time.monotonic()
    first = _train(session.of("train"), session.of("val"), recipe, recipe.steps, device)
    final = _train(session.of("train", "val"), None, recipe, first.best_step, device)
    return replace(first, model=final.model, seconds=time.monotonic() - began)


def _train(fit: Session, val: Session | None, recipe: Recipe, steps: int, device: str) -> Trained:
    torch.manual_seed(recipe.seed)
    heldin = torch.tensor(fit.heldin, device=device)
    targets = torch.tensor(np.concatenate([fit.heldin, fit.heldout], axis=-1), device=device)
    model = NeuralDataTransformer(fit.num_heldin, targets.shape[-1], targets.shape[1], recipe, targets.mean(dim=(0, 1))).to(device)
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_cosine(step, recipe))
    result = Trained(average, -np.inf, steps, 0.0, [])
    for step in range(1, steps + 1):
        rows = torch.randint(len(heldin), (recipe.batch,), device=device)
        spikes, masked = mask_spikes(heldin[rows], recipe)
        scored = torch.cat([masked, torch.ones_like(targets[rows][..., fit.num_heldin :], dtype=torch.bool)], dim=-1)
        losses = nn.functional.poisson_nll_loss(model(spikes), targets[rows], log_input=True, reduction="none")
        loss = losses[scored].mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        _follow(average, model, min(recipe.averaging, step / (step + 10)))
        if val is not None and step % recipe.check_every == 0:
            bits = neural_scores.bits_per_spike(predict(average, val.heldin)[..., val.num_heldin :], val.heldout)
            result.curve.append((step, bits))
            if bits > result.val_bits:
                result = replace(result, val_bits=bits, best_step=step)
    return result


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
def predict(model: NeuralDataTransformer, heldin: np.ndarray) -> np.ndarray:
    """(K, T, neurons) expected counts, float64, from whole trials of held-in spikes."""
    device = model.positions.device
    return model.eval()(torch.tensor(heldin, device=device)).exp().double().cpu().numpy()


def _warm_cosine(step: int, recipe: Recipe) -> float:
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    return 0.5 * (1 + np.cos(np.pi * (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)))


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - keep)


# --- the bench --------------------------------------------------------------------------------------------------------------


def measure(seed: int, recipe: Recipe, device: str) -> dict[str, float]:
    """One fresh session: every model's scores on test trials that neither training nor tuning saw."""
    session = maze.session(seed, lag_ms=simulate.LEAD_MS)
    test = session.of("test")
    found = {"oracle co-bps": neural_scores.bits_per_spike(test.rates_heldout, test.heldout)}

    def add(name: str, rates: dict[str, np.ndarray]) -> None:
        found[f"{name} co-bps"] = neural_scores.bits_per_spike(rates["test"][..., session.num_heldin :], test.heldout)
        found[f"{name} velocity"] = _velocity(session, rates)

    smoothing = baselines.tuned_smoothing(session)
    add("smoothing", smoothing.rates)
    best_for_velocity = baselines.tuned_smoothing(session, score="velocity")
    found["smoothing tuned for velocity, velocity"] = _velocity(session, best_for_velocity.rates)
    factors = baselines.tuned_factor_analysis(session)
    add("factor analysis", factors.rates)
    ridge = baselines.tuned_whole_trial_ridge(session)
    found["whole-trial ridge velocity"] = neural_scores.r2(test.velocity, ridge.velocity)
    trained = train(session, recipe, device)
    add("NDT", {split: predict(trained.model, session.of(split).heldin) for split in ("train", "val", "test")})
    found["NDT seconds"], found["NDT best step"] = trained.seconds, trained.best_step
    for baseline in (smoothing, best_for_velocity, factors, ridge):
        print(f"  {baseline.name}: {baseline.choice}", flush=True)
    return found


def _velocity(session: Session, rates: dict[str, np.ndarray]) -> float:
    """The benchmark's velocity score: a linear read-out of each bin's rates, fitted on the train and val trials."""
    learned = np.concatenate([rates[split] for split in baselines.LEARNED])
    velocity = np.concatenate([session.of(split).velocity for split in baselines.LEARNED])
    return neural_scores.velocity_r2(learned, velocity, rates["test"], session.of("test").velocity)


def compare(sessions: list[dict[str, float]]) -> list[tuple[str, list[float], float, float]]:
    """The rows of the table: what is compared, its value in each session, and what it should reach at least and at best."""

    def column(name: str) -> np.ndarray:
        return np.array([found[name] for found in sessions])

    ndt, velocity = column("NDT co-bps"), column("NDT velocity")
    smoothed = np.maximum(column("smoothing velocity"), column("smoothing tuned for velocity, velocity"))
    return [
        ("co-bps of NDT / smoothing + Poisson regression", list(ndt / column("smoothing co-bps")), 1.4, 1.7),
        ("co-bps of NDT / factor analysis + Poisson regression", list(ndt / column("factor analysis co-bps")), 1.35, 1.6),
        ("co-bps of NDT / the true rates", list(ndt / column("oracle co-bps")), 0.70, 0.80),
        ("velocity R² of NDT - smoothing", list(velocity - smoothed), 0.15, 0.25),
        ("velocity R² of NDT - whole-trial ridge", list(velocity - column("whole-trial ridge velocity")), 0.0, 0.05),
        ("training from scratch, minutes", list(column("NDT seconds") / 60), 4.0, 2.0),
    ]


CHOICES = {
    "the recipe": {},
    "no masking": {"mask": "none"},
    "a quarter masked": {"mask_ratio": 0.25},
    "three quarters masked": {"mask_ratio": 0.75},
    "whole time steps masked": {"mask": "timesteps", "mask_ratio": 0.25},
    "whole neurons masked": {"mask": "neurons"},
    "no dropout": {"dropout": 0.0},
    "one layer": {"num_layers": 1},
    "no weight averaging": {"averaging": 0.0},
}


def compare_choices(seeds: tuple[int, ...], recipe: Recipe, device: str) -> dict[str, list[float]]:
    """co-bps on test trials with one choice changed at a time, in every session."""
    found: dict[str, list[float]] = {name: [] for name in CHOICES}
    for seed in seeds:
        session = maze.session(seed)
        test = session.of("test")
        for name, change in CHOICES.items():
            rates = predict(train(session, replace(recipe, **change), device).model, test.heldin)
            found[name].append(neural_scores.bits_per_spike(rates[..., session.num_heldin :], test.heldout))
            print(f"  session {seed}, {name}: {found[name][-1]:.3f}", flush=True)
    return found


def compare_sizes(seed: int, recipe: Recipe, device: str, sizes: tuple[int, ...] = (100, 250, 500)) -> dict[int, dict[str, float]]:
    """Scores on the same test trials, with the first 100, 250 and 500 of the other trials to learn from; a quarter of them validates."""
    session = maze.session(seed, lag_ms=simulate.LEAD_MS)
    others, found = np.flatnonzero(session.split != "test"), {}
    for size in sizes:
        part = session.select(np.sort(np.concatenate([others[:size], np.flatnonzero(session.split == "test")])))
        smoothing = baselines.tuned_smoothing(part).rates
        model = train(part, recipe, device).model
        ndt = {split: predict(model, part.of(split).heldin) for split in ("train", "val", "test")}
        found[size] = {}
        for name, rates in (("smoothing", smoothing), ("NDT", ndt)):
            found[size][f"{name} co-bps"] = neural_scores.bits_per_spike(rates["test"][..., part.num_heldin :], part.of("test").heldout)
            found[size][f"{name} velocity"] = _velocity(part, rates)
        print(f"  {size} trials: {found[size]}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, nargs="+", default=list(FRESH_SESSIONS), help="seeds of the simulated sessions")
    parser.add_argument("--choices", action="store_true", help="also train with one choice changed at a time")
    parser.add_argument("--sizes", action="store_true", help="also train on 100, 250 and 500 trials of the lesson's session")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to keep the figures; sessions that it has are not run again")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe = Recipe()
    made_with = {"simulator": simulate.VERSION, "device": device, "threads": arguments.threads, "recipe": asdict(recipe)}
    results = _kept(arguments.results, made_with)
    sessions = results["sessions"]
    for seed in map(str, arguments.sessions):
        print(f"session {seed}", flush=True)
        if seed not in sessions:
            sessions[seed] = measure(int(seed), recipe, device)
            _save(results, arguments.results)
        print("  " + ", ".join(f"{name} {value:.3f}" for name, value in sessions[seed].items()), flush=True)
    print("\n| simulated test trials | mean | by session | at least | aim |\n|---|---|---|---|---|")
    for name, values, least, aim in compare([sessions[str(seed)] for seed in arguments.sessions]):
        print(f"| {name} | {np.mean(values):.2f} | {', '.join(f'{v:.2f}' for v in values)} | {least} | {aim} |")
    print("The simulator has the hand's velocity among its latents, so these velocity scores say nothing about real cortex.\n")
    if arguments.choices:
        results["choices"] = compare_choices(tuple(arguments.sessions), recipe, device)
        print("| choice | co-bps, mean ± SD over sessions of the difference to the recipe |\n|---|---|")
        base = np.array(results["choices"]["the recipe"])
        for name, values in results["choices"].items():
            print(f"| {name} | {np.mean(values):.3f} | {np.mean(values - base):+.3f} ± {np.std(values - base):.3f} |")
        _save(results, arguments.results)
    if arguments.sizes:
        results["sizes"] = compare_sizes(0, recipe, device)
        _save(results, arguments.results)


def _kept(path: Path, made_with: dict) -> dict:
    """Earlier figures, if they were made with the same simulator and recipe; else none yet."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return kept if made_with == {name: kept.get(name) for name in made_with} else made_with | {"sessions": {}}


def _save(results: dict, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
