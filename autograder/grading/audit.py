"""The proof of the checks: every misconception is rejected and named, every alternative accepted, with a margin on both sides."""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from autograder import answers, lessons
from autograder.answers import Recording
from autograder.compare import margin
from autograder.grading import catalogue, reference
from autograder.grading.catalogue import Catalogue, Variant
from autograder.judge import Sightings, judge
from autograder.lessons import Lesson
from autograder.probe import PUBLIC_SEEDS, Exercise
from autograder.submission import in_process
from autograder.worker.verbs import Request, Tree
from autograder.worker.wire import split

#: A misconception is at least this many tolerances away from the reference, and from every other misconception.
FAR = 10.0
#: An alternative is at most this many tolerances away from the reference.
NEAR = 0.1
#: Seeds besides the public ones that the audit tries, as grading does.
MORE_SEEDS = (101, 102)


@dataclass(frozen=True)
class Finding:
    """One variant's row. kind: reference, misconception or alternative. margin: in tolerances. problem: "" if all is as it should be."""

    lesson: str
    exercise: str
    kind: str
    variant: str
    margin: float
    named: str = ""
    problem: str = ""


def audit_lessons(stems: Sequence[str], jobs: int) -> Iterator[tuple[str, list[Finding]]]:
    """Each lesson's findings, in the order of `stems`. `jobs` lessons are audited at the same time, in processes of their own."""
    with ProcessPoolExecutor(min(jobs, len(stems)), get_context("spawn")) as pool:
        yield from zip(stems, pool.map(_findings, stems), strict=True)


def _findings(stem: str) -> list[Finding]:
    return list(audit(lessons.lesson(stem)))


def audit(lesson: Lesson) -> Iterator[Finding]:
    """One finding for the reference in float32, and for each misconception and alternative, of every exercise."""
    its_catalogue = catalogue.load(lesson.stem)
    seeds = PUBLIC_SEEDS + MORE_SEEDS
    recordings = answers.record(lesson, its_catalogue, seeds)
    for exercise in lesson.exercises.values():
        yield from _audit(lesson, exercise, its_catalogue, recordings[exercise.name], seeds)


def _audit(lesson: Lesson, exercise: Exercise, its: Catalogue, recording: Recording, seeds: tuple[int, ...]) -> Iterator[Finding]:
    asked = reference.requests(exercise, its.names, seeds)
    seen = reference.sightings(exercise, in_process(its.names), seeds)
    yield _accepted(lesson, exercise, "reference", "reference", seen, recording)
    for variant in its.wrong(exercise.name):
        with its.in_place(variant) as names:
            seen = reference.sightings(exercise, in_process(names), seeds)
            again = reference.requests(exercise, names, seeds)
        yield _rejected(lesson, exercise, variant, seen, recording, steered=not _same(asked, again))
    for variant in its.also_right(exercise.name):
        with its.in_place(variant) as names:
            seen = reference.sightings(exercise, in_process(names), seeds)
        yield _accepted(lesson, exercise, "alternative", variant.name, seen, recording)


def _accepted(lesson: Lesson, exercise: Exercise, kind: str, name: str, seen: Sightings, recording: Recording) -> Finding:
    away = max(margin(seen[key], recording.reference[key]) for key in seen)
    judgment = judge(exercise.probes, seen, recording.reference, recording.misconceptions)
    problem = ""
    if any(not_finite(o.value) for seen_here in recording.reference.values() for o in seen_here.observations):
        problem = "the reference itself gives NaN or infinity"
    elif judgment.wrong:
        problem = f"rejected: {judgment.first.probe.name}: {judgment.first.reason}"
    elif away > NEAR:
        problem = f"accepted, but {away:.2g} tolerances away (at most {NEAR})"
    return Finding(lesson.stem, exercise.name, kind, name, away, problem=problem)


def _rejected(lesson: Lesson, exercise: Exercise, variant: Variant, seen: Sightings, recording: Recording, steered: bool) -> Finding:
    judgment = judge(exercise.probes, seen, recording.reference, recording.misconceptions)
    away = _distance(seen, recording.reference)
    others = [name for name in recording.misconceptions if name != variant.name]
    twins = [name for name in others if _distance(recording.misconceptions[variant.name], recording.misconceptions[name]) < FAR]
    problems = []
    if not judgment.wrong:
        problems.append("accepted")
    elif judgment.misconception != variant.name:
        problems.append(f"named as {judgment.misconception or 'nothing'}")
    if away < FAR:
        problems.append(f"only {away:.2g} tolerances away (at least {FAR:g})")
    if twins:
        problems.append(f"looks like {', '.join(twins)}")
    if steered:
        problems.append("changes what the probes ask: a probe branches on, or feeds back, what it observed")
    return Finding(lesson.stem, exercise.name, "misconception", variant.name, away, judgment.misconception, "; ".join(problems))


def not_finite(tree: Tree) -> bool:
    """Whether any number of a tree is NaN or infinite."""
    text, arrays = split(tree)
    return '{"f":' in text or any(not np.isfinite(array).all() for array in arrays if array.dtype.kind == "f")


def _distance(a: Sightings, b: Sightings) -> float:
    return max((margin(a[key], b[key]) for key in a if key in b), default=math.inf)


def _same(asked: Mapping[tuple[str, int], list[Request]], again: Mapping[tuple[str, int], list[Request]]) -> bool:
    """Equal requests, as far as the shorter list goes: a variant that raises is asked no more by that probe."""
    pairs = ((first, second) for key in asked for first, second in zip(asked[key], again[key], strict=False))
    return all(_bytes(first) == _bytes(second) for first, second in pairs)


def _bytes(request: Request) -> bytes:
    text, arrays = split(vars(request))
    return text.encode() + b"".join(array.tobytes() for array in arrays)
