"""What a check file is written with: exercises, their probes, and the inputs that a probe draws."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from autograder.submission import StudentError, Submission
from autograder.worker.verbs import Failure, Tree

#: The seeds of the inputs that a student's own checks use, and that the recordings answer.
PUBLIC_SEEDS = (1, 2)


@dataclass
class Exercise:
    """One thing the student writes. name: function or class, unique in the course. right: what to notice, shown when all is right."""

    name: str
    right: str
    probes: list["Probe"] = field(default_factory=list)

    @property
    def points(self) -> float:
        return sum(probe.points for probe in self.probes)

    def probe(self, points: float) -> Callable[[Callable], Callable]:
        """Register a test function as a probe of this exercise. Its docstring is the behaviour that it asks for, in one sentence.

        A probe that earns points draws its inputs: an answer to inputs that everybody knows could be written down.
        """

        def register(function: Callable) -> Callable:
            if not inspect.getdoc(function):
                raise ValueError(f"{function.__name__} has no docstring; write the behaviour that it asks for, in one sentence")
            if points and "draw" not in inspect.signature(function).parameters:
                raise ValueError(f"{function.__name__} earns points but draws no input; take `draw`, or give it points=0")
            function.probe = Probe(self.name, function.__name__.removeprefix("test_"), points, function)
            self.probes.append(function.probe)
            return function

        return register


def exercise(name: str, right: str) -> Exercise:
    """Declare an exercise in a check file."""
    return Exercise(name, right)


@dataclass(frozen=True)
class Observation:
    """One thing a probe saw, and how near another must be to count as equal (|a - b| <= atol + rtol * |b|)."""

    label: str
    value: Tree
    rtol: float = 1e-4
    atol: float = 1e-5


@dataclass(frozen=True)
class Observed:
    """All that one probe saw on one seed, in order; `failure` if the student's code raised on the way."""

    observations: tuple[Observation, ...]
    failure: Failure | None = None


@dataclass(frozen=True)
class Probe:
    """One behaviour asked of one exercise."""

    exercise: str
    name: str
    points: float
    function: Callable

    @property
    def behaviour(self) -> str:
        return " ".join((inspect.getdoc(self.function) or "").split("\n\n")[0].split())

    @property
    def draws(self) -> bool:
        return "draw" in inspect.signature(self.function).parameters

    def seeds(self, seeds: tuple[int, ...]) -> tuple[int, ...]:
        """The seeds on which this probe runs: all of them, or the first public one where it draws nothing."""
        return seeds if self.draws else tuple(seed for seed in seeds if seed == PUBLIC_SEEDS[0])

    def observe(self, submission: Submission, seed: int) -> Observed:
        """Run the probe. Never raises for a student's mistake."""
        seen = Notes()
        arguments = {"submission": submission, "observe": seen, "draw": Draw(seed)}
        wanted = inspect.signature(self.function).parameters
        try:
            self.function(**{name: arguments[name] for name in wanted})
        except StudentError as error:
            return Observed(tuple(seen.observations), error.failure)
        except Exception as error:
            # A probe works on what the reference returns; that it stumbles means that the submission returned something of another form.
            return Observed(tuple(seen.observations), Failure("Unfit", f"What came back has an unexpected form ({type(error).__name__})."))
        return Observed(tuple(seen.observations))


class Notes:
    """The `observe` of a probe: takes down what the probe saw."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []

    def __call__(self, label: str, value: Tree, rtol: float = 1e-4, atol: float = 1e-5) -> None:
        self.observations.append(Observation(label, _plain(value), rtol, atol))


class Draw:
    """Random inputs from a frozen stream (NumPy's RandomState never changes), rounded to what float32 can hold."""

    def __init__(self, seed: int) -> None:
        self._stream = np.random.RandomState(seed)

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        """Normal numbers, mean 0, standard deviation `scale`."""
        return _float32(scale * self._stream.standard_normal(shape))

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Uniform numbers in [low, high)."""
        return _float32(self._stream.uniform(low, high, shape))

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Integers in [low, high), int64."""
        return np.array(self._stream.randint(low, high, shape, dtype=np.int64))

    def permutation(self, length: int) -> np.ndarray:
        """The numbers 0 ... length - 1 in random order, int64."""
        return self._stream.permutation(length).astype(np.int64)

    def linear(self, name: str, inputs: int, outputs: int, bias: bool = True) -> dict[str, np.ndarray]:
        """Parameters of an nn.Linear called `name`, by name: weight (outputs, inputs), bias (outputs,)."""
        weight = {f"{name}.weight": self.normal(outputs, inputs, scale=inputs**-0.5)}
        return weight | ({f"{name}.bias": self.normal(outputs, scale=0.5)} if bias else {})

    def norm(self, name: str, width: int) -> dict[str, np.ndarray]:
        """Parameters of an nn.LayerNorm called `name`, by name: weight and bias (width,)."""
        return {f"{name}.weight": 1 + self.normal(width, scale=0.3), f"{name}.bias": self.normal(width, scale=0.3)}


def _plain(value: Tree) -> Tree:
    """NumPy's own numbers as arrays without an axis, wherever they stand in the tree."""
    if isinstance(value, np.generic):
        return np.array(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return type(value)(map(_plain, value)) if isinstance(value, list | tuple) else value


def _float32(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float32).astype(np.float64)
