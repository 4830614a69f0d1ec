"""Trains the saved models of lesson 07: `python -m assets.models.make_07_ndt`, from the project's folder; some minutes on one thread.

Both are the lesson's own NeuralDataTransformer, trained by the lesson's own train_step on simulated sessions. Writes here:
07_pretrained.safetensors: positions and encoder, shared by six sessions of which each had a read-in and a read-out of its own. The lesson
fine-tunes it on a seventh, session 0. 07_ndt.safetensors: a whole model, trained on session 0 alone; lesson 09 looks into it.
Both have two layers, half as many as the benchmark's recipe: they are fine-tuned and looked at in a notebook.
"""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from benchmarks.ndt_training import LESSON, Recipe, build, draw_batch, follow, predict, tensors, train, warm_cosine
from course import maze, neural_scores
from course.progress import Progress

OTHERS = (2, 3, 4, 5, 6, 7)
SHARED = ("positions", "encoder")
SMALL = Recipe(num_layers=2)


def main() -> None:
    """Train both from fixed seeds, and save the weights by name."""
    torch.set_num_threads(1)
    here = Path(__file__).parent
    pretrained = pretrain([maze.session(seed) for seed in OTHERS], replace(SMALL, steps=3600))
    shared = {name: values for name, values in pretrained.state_dict().items() if name.startswith(SHARED)}
    save_file(shared, here / "07_pretrained.safetensors")
    session = maze.session(0)
    trained = train(session, SMALL)
    save_file(trained.model.state_dict(), here / "07_ndt.safetensors")
    test = session.of("test")
    bits = neural_scores.bits_per_spike(predict([trained.model], test.heldin)[..., test.num_heldin :], test.heldout)
    print(f"07_ndt: {trained.val_bits:.3f} bits per spike on validation trials when it was chosen, {bits:.3f} on test trials")


def pretrain(sessions: list[maze.Session], recipe: Recipe) -> nn.Module:
    """Train one encoder on all sessions in turn. Returns a running average of the model of the last of them."""
    torch.manual_seed(recipe.seed)
    data = [tensors(session) for session in sessions]
    models = nn.ModuleList(build(session, recipe) for session in sessions)
    for model, (_, targets) in zip(models, data, strict=True):
        model.positions, model.encoder = models[0].positions, models[0].encoder
        model.start_at_mean(targets)
    average = build(sessions[-1], recipe).eval()
    optimizer = torch.optim.AdamW(models.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(step, recipe))
    progress = Progress(f"Pretraining on {len(sessions)} sessions")
    for step in range(1, recipe.steps + 1):
        which = step % len(sessions)
        LESSON["train_step"](models[which], draw_batch(*data[which], recipe), optimizer)
        schedule.step()
        follow(average, models[-1], min(recipe.averaging, step / (step + 10)))
        progress(step / recipe.steps)
    return average


if __name__ == "__main__":
    main()
