"""A novel to learn words from: Jane Austen, Pride and Prejudice (1813), in the public domain. It ships; no network is needed.

Where the text comes from says `data/pride_and_prejudice.origin.txt`; `make_novel.py` makes it.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

import torch

NAME = "pride_and_prejudice"
EOS, UNKNOWN = "<eos>", "<unk>"
MARKS = ".,;:!?"


def words(text: str) -> list[str]:
    """A text as words in lower case and the marks . , ; : ! ? as words of their own; each line, a paragraph, ends with <eos>."""
    found = []
    for line in text.lower().replace("mr.", "mr").replace("mrs.", "mrs").splitlines():
        found += [*re.findall(r"[a-z]+(?:'[a-z]+)?|[.,;:!?]", line), EOS]
    return found


@dataclass(frozen=True)
class Novel:
    """vocabulary: the words that have a number, from frequent to rare. train, valid, test: int64 tokens, in the order of the novel."""

    vocabulary: list[str]
    train: torch.Tensor
    valid: torch.Tensor
    test: torch.Tensor

    @cached_property
    def index(self) -> dict[str, int]:
        """Word -> its number, the token."""
        return {word: number for number, word in enumerate(self.vocabulary)}

    def encode(self, text: str) -> torch.Tensor:
        """The tokens of a text, int64 (T,), without <eos> at its end; words that are not in the vocabulary become <unk>."""
        return torch.tensor([self.index.get(word, self.index[UNKNOWN]) for word in words(text)[:-1]], dtype=torch.int64)

    def decode(self, tokens: torch.Tensor) -> str:
        """The text of tokens (T,)."""
        text = " ".join(self.vocabulary[token] for token in tokens.tolist())
        return re.sub(rf" ([{MARKS}])", r"\1", text)


def load(vocabulary_size: int = 1000) -> Novel:
    """The novel: the first 85 % to train on, the next 5 % to choose with, the last 10 % to test on.

    The vocabulary comes from the training part alone: <eos>, <unk>, and the words that are most frequent there.
    """
    told = words((files("course") / "data" / f"{NAME}.txt").read_text(encoding="utf-8"))
    first, second = int(0.85 * len(told)), int(0.90 * len(told))
    counted = Counter(word for word in told[:first] if word != EOS)
    ranked = sorted(counted, key=lambda word: (-counted[word], word))
    vocabulary = [EOS, UNKNOWN, *ranked[: vocabulary_size - 2]]
    index = {word: number for number, word in enumerate(vocabulary)}
    tokens = torch.tensor([index.get(word, 1) for word in told], dtype=torch.int64)
    return Novel(vocabulary, tokens[:first], tokens[first:second], tokens[second:])
