"""Trains the saved model of lesson 05: `python -m assets.models.make_05_decoder`, from the project's folder; under a minute on one thread.

The model is the lesson's own TorchTransformer, trained by the lesson's own code on simulated data. Writes 05_decoder.safetensors here.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

from autograder.grading import reference


def main() -> None:
    """Train once from a fixed seed, and save the weights by name."""
    torch.set_num_threads(1)
    lesson = reference.namespace("05_decoder")
    torch.manual_seed(1)
    model = lesson["TorchTransformer"](**lesson["sizes"])
    history = lesson["train"](model)
    file = Path(__file__).with_name("05_decoder.safetensors")
    save_file(model.state_dict(), file)
    print(f"{history[-1]:.1%} of the held-out replays all right; {file.stat().st_size / 1e3:.0f} kB in {file.name}")


if __name__ == "__main__":
    main()
