"""Wrong implementations, each with its sentences, and other right ones: what the checks are proved by."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from autograder import source
from autograder.grading import reference
from autograder.judge import Sentence


@dataclass(frozen=True)
class Variant:
    """Another implementation of an exercise. sentence: only for a misconception."""

    exercise: str
    name: str
    thing: Callable
    sentence: Sentence | None = None


@dataclass
class Catalogue:
    """A lesson's reference, misconceptions and alternatives, in one namespace, so that each can stand in the reference's place."""

    stem: str
    names: dict[str, Any]
    misconceptions: list[Variant] = field(default_factory=list)
    alternatives: list[Variant] = field(default_factory=list)

    def wrong(self, exercise: str) -> list[Variant]:
        return [v for v in self.misconceptions if v.exercise == exercise]

    def also_right(self, exercise: str) -> list[Variant]:
        return [v for v in self.alternatives if v.exercise == exercise]

    @contextmanager
    def in_place(self, variant: Variant):
        """The namespace with the variant in place of the reference."""
        before = self.names[variant.exercise]
        self.names[variant.exercise] = variant.thing
        try:
            yield self.names
        finally:
            self.names[variant.exercise] = before


def load(stem: str) -> Catalogue:
    """Run the lesson's source and its two catalogue files.

    Raises ValueError for a variant of no exercise, or one whose name hides a name of the reference's.
    """
    catalogue = Catalogue(stem, reference.namespace(stem))
    own = dict(catalogue.names)

    def misconception(exercise: str, what: str, why: str) -> Callable:
        return _register(catalogue.misconceptions, exercise, own, Sentence(what, why))

    def alternative(exercise: str) -> Callable:
        return _register(catalogue.alternatives, exercise, own, None)

    for folder, decorator in (("misconceptions", misconception), ("alternatives", alternative)):
        path = source.SOLUTIONS / folder / f"{stem}.py"
        if path.is_file():
            catalogue.names[decorator.__name__] = decorator
            reference.execute(path.read_text(encoding="utf-8"), f"<{folder}/{stem}>", catalogue.names)
    hidden = [name for name, value in own.items() if not name.startswith("__") and catalogue.names[name] is not value]
    if hidden:
        raise ValueError(f"{stem}: the catalogue redefines {', '.join(hidden)}; give each variant a name of its own")
    return catalogue


def _register(variants: list[Variant], exercise: str, own: dict[str, Any], sentence: Sentence | None) -> Callable:
    if exercise not in own:
        raise ValueError(f"the catalogue speaks of {exercise!r}, which the lesson does not define")

    def register(thing: Callable) -> Callable:
        variants.append(Variant(exercise, thing.__name__, thing, sentence))
        return thing

    return register
