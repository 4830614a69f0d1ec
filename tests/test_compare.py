"""Comparing: what counts as equal, and which sentence tells a difference."""

import numpy as np
import pytest

from autograder.compare import difference, margin
from autograder.probe import Observation, Observed
from autograder.worker.verbs import Failure


def seen(value, label="output"):
    return Observed((Observation(label, value),))


def sentence(given, expected):
    found = difference(seen(given), seen(expected))
    return found and found.sentence


VALUES = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "value", [VALUES, VALUES.astype(np.float32), True, 3, "ValueError", None, (VALUES, [1, 2.0]), {"a": VALUES}, np.array(2.0)]
)
def test_equal_values_do_not_differ(value):
    assert difference(seen(value), seen(value)) is None


def test_rounding_within_the_tolerance_is_equal():
    assert sentence(VALUES * (1 + 5e-5), VALUES) is None
    assert sentence(VALUES * (1 + 5e-4), VALUES)


def test_float32_equals_float64():
    assert sentence((VALUES / 7).astype(np.float32), VALUES / 7) is None


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        (VALUES.T, VALUES, "expected shape (2, 3), got (3, 2) (the same axes in another order)"),
        (VALUES[None], VALUES, "got (1, 2, 3) (3 axes instead of 2)"),
        (VALUES.astype(int), VALUES, "expected floating-point values, got integer ones"),
        (VALUES > 1, VALUES, "expected floating-point values, got boolean ones"),
        (np.full((2, 3), np.nan), VALUES, "6 of 6 values are NaN"),
        (np.full((2, 3), np.inf), VALUES, "infinite"),
        (np.zeros((2, 3)), VALUES, "all of your values are the same"),
        (None, VALUES, "got None (does the function return?)"),
        (VALUES, (VALUES, VALUES), "expected 2 values, got one array"),
        ((VALUES, VALUES[0]), (VALUES, VALUES, VALUES), "expected 3 values, got 2 values"),
        ((VALUES,), {"a": VALUES}, "expected a dictionary"),
        ({"b": VALUES}, {"a": VALUES}, "missing a and unexpected b"),
        ("", "ValueError", 'expected "ValueError", got nothing'),
    ],
)
def test_a_difference_is_told_in_words(given, expected, words):
    assert words in sentence(given, expected)


def test_the_place_of_the_largest_difference_is_told_and_never_the_expected_value():
    given = VALUES.copy()
    given[1, 2] = 4.25
    told = sentence(given, VALUES)
    assert "1 of 6 values differ" in told and "[1, 2]" in told and "4.25" in told and "too small" in told
    assert "5" not in told.replace("4.25", "")


def test_nan_never_passes_unless_it_is_the_fingerprint():
    nan = np.array([np.nan, 1.0])
    assert sentence(nan, np.array([0.0, 1.0]))
    assert sentence(nan, nan) is None


def test_an_error_differs_from_an_answer_and_equals_the_same_error():
    answered, crashed = seen(VALUES), Observed((), Failure("IndexError", "too many", "x[3]"))
    assert "IndexError at your line `x[3]`: too many" in difference(crashed, answered).sentence
    assert difference(crashed, Observed((), Failure("IndexError", "too many"))) is None
    assert difference(crashed, Observed((), Failure("ValueError", "too many")))
    assert difference(answered, crashed)


def test_margin_is_in_tolerances():
    assert margin(seen(VALUES), seen(VALUES)) == 0
    assert margin(seen(np.array(1.0 + 1.1e-4)), seen(np.array(1.0))) == pytest.approx(1.0)
    assert margin(seen(VALUES.T), seen(VALUES)) == np.inf


def test_fewer_observations_differ():
    assert difference(Observed(()), seen(VALUES))
