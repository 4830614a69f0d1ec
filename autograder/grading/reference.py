"""The trusted side's answers: a lesson's source as a namespace, and what probes see of it."""

import contextlib
import io
import linecache
from collections.abc import Sequence
from typing import Any

import torch

from autograder import source
from autograder.judge import Sightings
from autograder.probe import PUBLIC_SEEDS, Exercise
from autograder.submission import Submission, in_process, recording
from autograder.worker.verbs import Request, undisturbed


def namespace(stem: str) -> dict[str, Any]:
    """Run the lesson's given code and solutions (not what trains or plots), and give back the names they define."""
    names: dict[str, Any] = {"__name__": stem}
    with undisturbed(), contextlib.redirect_stdout(io.StringIO()):
        for index, cell in enumerate(source.read(stem)):
            if cell.kind == "code" and cell.role in ("", "exercise"):
                execute(cell.source, f"<{stem}, cell {index}>", names)
    return names


def execute(code: str, filename: str, names: dict[str, Any]) -> None:
    """Run code so that a traceback shows its lines."""
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    exec(compile(code, filename, "exec"), names)


def sightings(exercise: Exercise, submission: Submission, seeds: Sequence[int] = PUBLIC_SEEDS) -> Sightings:
    """What all probes of an exercise see of a submission, on each seed."""
    return {(p.name, seed): p.observe(submission, seed) for p in exercise.probes for seed in p.seeds(tuple(seeds))}


def expected(exercise: Exercise, names: dict[str, Any], seeds: Sequence[int] = PUBLIC_SEEDS) -> Sightings:
    """What the probes see of the reference, in float64."""
    return sightings(exercise, in_process(names, torch.float64), seeds)


def requests(exercise: Exercise, names: dict[str, Any], seeds: Sequence[int]) -> dict[tuple[str, int], list[Request]]:
    """What each probe of an exercise asks on each seed. It asks the same of everybody, because it never branches on what it sees."""
    asked: dict[tuple[str, int], list[Request]] = {}
    for probe in exercise.probes:
        for seed in probe.seeds(tuple(seeds)):
            asked[probe.name, seed] = []
            probe.observe(recording(names, asked[probe.name, seed], torch.float64), seed)
    return asked
