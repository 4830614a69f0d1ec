"""Trains the saved model of lesson 06: `python -m assets.models.make_06_gpt`, from the project's folder; some minutes on one thread.

The model is the lesson's own TorchGPT, trained by the lesson's own code on the novel that ships. Writes 06_gpt.safetensors here.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

from autograder.grading import reference
from course import novel


def main() -> None:
    """Train once from a fixed seed, and save the weights by name."""
    torch.set_num_threads(1)
    lesson = reference.namespace("06_gpt")
    book = novel.load()
    torch.manual_seed(6)
    sizes = {"vocab_size": len(book.vocabulary), "block_size": 32, "n_layer": 2, "n_head": 4, "n_embd": 64, "dropout": 0.1}
    model = lesson["initialize"](lesson["TorchGPT"](**sizes))
    history = lesson["train"](model, book.train, book.valid, steps=3000)
    file = Path(__file__).with_name("06_gpt.safetensors")
    save_file(model.state_dict(), file)
    print({step: round(held_out, 3) for step, (_, held_out) in history.items()})
    bits = lesson["bits_per_token"](model, book.test)
    print(f"{bits:.2f} bits per token on the test part; {file.stat().st_size / 1e3:.0f} kB in {file.name}")


if __name__ == "__main__":
    main()
