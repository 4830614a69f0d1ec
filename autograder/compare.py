"""Two observations: are they equal, and if not, what is the first difference, in words that give nothing away?"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from autograder.probe import Observation, Observed
from autograder.worker.verbs import Failure, Tree

_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "floating-point", "c": "complex"}


@dataclass(frozen=True)
class Difference:
    """One difference. words: makes its sentence, without the expected values. margin: in tolerances, infinite for another form."""

    words: Callable[[], str]
    margin: float = math.inf

    @property
    def sentence(self) -> str:
        return self.words()


def difference(given: Observed, expected: Observed) -> Difference | None:
    """The first difference between what a probe saw and what it should have seen; None if they are equal.

    The margin is that of the largest difference, so that a misconception is as far away as its clearest sign.
    """
    found = [d for d in _differences(given, expected) if d.margin > 1]
    return Difference(found[0].words, max(d.margin for d in found)) if found else None


def equal(given: Observed, expected: Observed) -> bool:
    """Whether there is no difference beyond the tolerance. Quicker than `difference`: it stops at the first one and words nothing."""
    return not any(d.margin > 1 for d in _differences(given, expected))


def margin(given: Observed, expected: Observed) -> float:
    """The largest error in tolerances: at most 1 means equal; infinite where shape, kind or structure differ."""
    return max((d.margin for d in _differences(given, expected)), default=0.0)


def raised(failure: Failure) -> str:
    """An error of the student's code as a sentence."""
    if failure.kind == "Unfit":
        return failure.message
    where = f" at your line `{failure.line}`" if failure.line else ""
    message = f": {failure.message}" if failure.message else ""
    return f"Your code raised {failure.kind}{where}{message}"


def _differences(given: Observed, expected: Observed) -> Iterator[Difference]:
    for g, e in zip(given.observations, expected.observations, strict=False):
        yield from _walk(g.value, e.value, e, e.label)
    if (
        given.failure
        and expected.failure
        and (given.failure.kind, given.failure.message) == (expected.failure.kind, expected.failure.message)
    ):
        return
    if given.failure:
        failure = given.failure
        yield Difference(lambda: raised(failure))
    elif expected.failure:
        yield Difference(lambda: "Your code raised no error where one was expected.")
    elif len(given.observations) != len(expected.observations):
        yield Difference(lambda: "What came back has an unexpected form.")


def _walk(given: Tree, expected: Tree, near: Observation, label: str) -> Iterator[Difference]:
    """The differences leaf by leaf; those of numbers below the tolerance too."""
    if isinstance(expected, Mapping) and isinstance(given, Mapping):
        if set(given) != set(expected):
            yield Difference(lambda: f"{label}: {_names(given, expected)}.")
        for key in sorted(set(expected) & set(given)):
            yield from _walk(given[key], expected[key], near, f"{label}, {key}")
    elif isinstance(expected, list | tuple) and isinstance(given, list | tuple) and len(given) == len(expected):
        for i, (g, e) in enumerate(zip(given, expected, strict=True)):
            yield from _walk(g, e, near, f"{label}[{i}]" if len(expected) > 1 else label)
    elif _is_number(expected) and _is_number(given):
        yield _numbers(np.asarray(given), np.asarray(expected), near, label)
    elif isinstance(expected, list | tuple) or type(given) is not type(expected) or given != expected:
        yield Difference(lambda: f"{label}: expected {_form(expected)}, got {_form(given)}.")


def _numbers(given: np.ndarray, expected: np.ndarray, near: Observation, label: str) -> Difference:
    if given.shape != expected.shape:
        return Difference(lambda: f"{label}: expected shape {expected.shape}, got {given.shape}{_shape_hint(given.shape, expected.shape)}.")
    kinds = _KINDS.get(given.dtype.kind, str(given.dtype)), _KINDS[expected.dtype.kind]
    if kinds[0] != kinds[1]:
        return Difference(lambda: f"{label}: expected {kinds[1]} values, got {kinds[0]} ones ({given.dtype}).")
    given, expected = given.astype(float), expected.astype(float)
    error = _errors(given, expected)
    in_tolerances = error / _tolerance(expected, near)
    largest = float(in_tolerances.max(initial=0.0))
    return Difference(lambda: f"{label}: {_values(given, expected, error, ~(in_tolerances <= 1))}", largest)


def _errors(given: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Absolute errors. A NaN counts as infinitely wrong, but where it is expected, as it is in the fingerprint of a misconception."""
    with np.errstate(invalid="ignore"):
        same = (given == expected) | (np.isnan(given) & np.isnan(expected))
        error = np.where(same, 0.0, np.abs(given - expected))
    return np.where(np.isnan(error), math.inf, error)


def _tolerance(expected: np.ndarray, near: Observation) -> np.ndarray:
    return np.maximum(near.atol + near.rtol * np.abs(np.where(np.isfinite(expected), expected, 0.0)), 1e-300)


def _values(given: np.ndarray, expected: np.ndarray, error: np.ndarray, bad: np.ndarray) -> str:
    count = f"{bad.sum()} of {bad.size} values differ" if bad.size > 1 else "the value differs"
    if np.isnan(given).any():
        return f"{np.isnan(given).sum()} of {given.size} values are NaN (not a number)."
    if np.isinf(given).any() and not np.isinf(expected).any():
        return f"{np.isinf(given).sum()} of {given.size} values are infinite."
    place = np.unravel_index(np.argmax(error), error.shape)
    where = f"; the largest difference is at [{', '.join(map(str, place))}], where yours ({given[place]:.4g})" if place else "; yours"
    side = "too large" if given[place] > expected[place] else "too small"
    if bad.size > 1 and np.allclose(given, given.flat[0]) and not np.allclose(expected, expected.flat[0]):
        return f"all of your values are the same ({given.flat[0]:.4g}), and they should not be."
    return f"{count}{where} is {side}."


def _shape_hint(given: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if len(given) == len(expected) and sorted(given) == sorted(expected):
        return " (the same axes in another order)"
    if len(given) != len(expected):
        return f" ({len(given)} axes instead of {len(expected)})"
    return ""


def _names(given: Mapping, expected: Mapping) -> str:
    missing, extra = sorted(set(expected) - set(given)), sorted(set(given) - set(expected))
    parts = [f"missing {', '.join(missing)}"] if missing else []
    return " and ".join(parts + ([f"unexpected {', '.join(extra)}"] if extra else []))


def _is_number(value: Tree) -> bool:
    return isinstance(value, bool | int | float | np.ndarray | np.generic)


def _form(value: Tree) -> str:
    if value is None:
        return "None (does the function return?)"
    if isinstance(value, str):
        return f'"{value}"' if value else "nothing"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, list | tuple):
        return f"{len(value)} values" if len(value) != 1 else "one value in a list"
    return f"one array of shape {np.asarray(value).shape}" if np.asarray(value).ndim else "one number"
