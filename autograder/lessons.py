"""The lessons and their exercises, as the check files declare them."""

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.probe import Exercise

CHECKS = Path(__file__).parent / "checks"


@dataclass(frozen=True)
class Lesson:
    """A lesson that has checks. stem: "03_attention", the one name of all its files."""

    stem: str
    exercises: dict[str, Exercise]

    @property
    def check_file(self) -> Path:
        return CHECKS / f"test_{self.stem}.py"

    @property
    def points(self) -> float:
        """Points that checks decide; free-text answers come on top."""
        return sum(exercise.points for exercise in self.exercises.values())


def stems() -> list[str]:
    """The stems of all lessons that have checks, in order."""
    return sorted(path.stem.removeprefix("test_") for path in CHECKS.glob("test_*.py"))


@cache
def lesson(stem: str) -> Lesson:
    """The lesson of that stem, or of a number ("03") or unique part of it. Raises LookupError for none, or more than one."""
    found = [s for s in stems() if s == stem] or [s for s in stems() if stem in s]
    if len(found) != 1:
        raise LookupError(f"no lesson is called {stem!r}; the lessons are {', '.join(stems())}")
    module = importlib.import_module(f"autograder.checks.test_{found[0]}")
    declared = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return Lesson(found[0], {exercise.name: exercise for exercise in declared})


def lesson_of(exercise: str) -> Lesson:
    """The lesson that an exercise belongs to. Raises LookupError with the nearest names if there is none."""
    for stem in stems():
        if exercise in lesson(stem).exercises:
            return lesson(stem)
    names = [name for stem in stems() for name in lesson(stem).exercises]
    raise LookupError(f"no exercise is called {exercise!r}; the exercises are {', '.join(names)}")
