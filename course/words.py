"""Real word vectors: 5,000 English words of the GloVe 6B set, 50 numbers each. They ship with the course; no network is needed.

Where they come from, and under which license, says `data/glove_50d_5k.origin.txt`; `make_words.py` makes them.
"""

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

import torch
from safetensors.torch import load as read_tensors

NAME = "glove_50d_5k"
SIZE = 5000


@dataclass(frozen=True)
class WordVectors:
    """words: from frequent to rare. vectors: float32 (words, 50), a row for each word."""

    words: list[str]
    vectors: torch.Tensor

    @cached_property
    def index(self) -> dict[str, int]:
        """Word -> its row."""
        return {word: row for row, word in enumerate(self.words)}

    def row(self, word: str) -> int:
        """The row of a word. Raises KeyError, with a sentence, if the word is not among the 5,000."""
        if word not in self.index:
            raise KeyError(f"{word!r} is not among the {len(self.words)} words; they are in lower case, and plain letters only")
        return self.index[word]

    def __getitem__(self, word: str) -> torch.Tensor:
        """The vector of a word, (50,)."""
        return self.vectors[self.row(word)]

    def of(self, words: list[str]) -> torch.Tensor:
        """The vectors of several words, (len(words), 50)."""
        return self.vectors[[self.row(word) for word in words]]

    def __len__(self) -> int:
        return len(self.words)


def load() -> WordVectors:
    """The word vectors, in float32. Read as package data, so from a clone, an installed wheel or a zip alike."""
    data = files("course") / "data"
    words = (data / f"{NAME}.txt").read_text(encoding="utf-8").split()
    vectors = read_tensors((data / f"{NAME}.safetensors").read_bytes())["vectors"].float()
    return WordVectors(words, vectors)
