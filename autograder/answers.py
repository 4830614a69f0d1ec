"""Recordings: what the probes saw of the reference and of each misconception on the public seeds. Observations, never code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open
from safetensors.numpy import save

from autograder.compare import margin
from autograder.judge import Sentence, Sightings
from autograder.lessons import Lesson
from autograder.probe import PUBLIC_SEEDS, Observation, Observed
from autograder.submission import in_process
from autograder.worker.verbs import Failure, Tree
from autograder.worker.wire import join, split

if TYPE_CHECKING:
    from autograder.grading.catalogue import Catalogue

ANSWERS = Path(__file__).parent / "answers"

#: A misconception that sees on a probe what the reference sees is recorded as this.
_AS_REFERENCE = "="


@dataclass(frozen=True)
class Recording:
    """One exercise's sightings of the reference and of each misconception, and each misconception's sentences."""

    reference: Sightings
    misconceptions: Mapping[str, Sightings]
    sentences: Mapping[str, Sentence]

    def __or__(self, other: "Recording") -> "Recording":
        """This recording and another one, of the same exercise on other seeds."""
        wrong = {name: {**seen, **other.misconceptions[name]} for name, seen in self.misconceptions.items()}
        return Recording({**self.reference, **other.reference}, wrong, self.sentences)


def answers_file(stem: str) -> Path:
    return ANSWERS / f"{stem}.safetensors"


@cache
def load(stem: str) -> dict[str, Recording]:
    """The lesson's recordings, by exercise. Raises FileNotFoundError if they were not built."""
    if not answers_file(stem).is_file():
        raise FileNotFoundError(f"{answers_file(stem).name} is missing; an instructor makes it with `autograder build {stem}`")
    with safe_open(answers_file(stem), framework="numpy") as file:
        arrays = [file.get_tensor(key) for key in sorted(file.keys())]
    return {name: _recording(entry) for name, entry in join(_header(stem)["exercises"], arrays).items()}


def write(lesson: Lesson, catalogue: "Catalogue") -> None:
    """Record the lesson: run all probes on the reference and on every misconception, and write the file."""
    exercises = {}
    for name, recording in record(lesson, catalogue).items():
        wrong = {m: _encode(seen, recording.reference) for m, seen in recording.misconceptions.items()}
        sentences = {m: asdict(sentence) for m, sentence in recording.sentences.items()}
        exercises[name] = {"reference": _encode(recording.reference, {}), "misconceptions": wrong, "sentences": sentences}
    text, arrays = split(exercises)
    ANSWERS.mkdir(exist_ok=True)
    named = {f"{place:05}": array for place, array in enumerate(arrays)}
    metadata = {"recording": json.dumps({"source": source_hash(lesson.stem), "exercises": text})}
    answers_file(lesson.stem).write_bytes(save(named, metadata=metadata))
    load.cache_clear()


def current(lesson: Lesson, catalogue: "Catalogue") -> dict[str, Recording]:
    """The recording on disk where it was made from these sources, else a fresh one."""
    return load(lesson.stem) if recorded_hash(lesson.stem) == source_hash(lesson.stem) else record(lesson, catalogue)


def record(lesson: Lesson, catalogue: "Catalogue", seeds: tuple[int, ...] = PUBLIC_SEEDS) -> dict[str, Recording]:
    """Observe the live reference, in float64, and the misconceptions, in float32 as a student's code runs (some show only there)."""
    # Imported here: the reference is the instructors' part.
    from autograder.grading import reference

    recordings = {}
    for name, exercise in lesson.exercises.items():
        seen = reference.expected(exercise, catalogue.names, seeds)
        wrong = {}
        for variant in catalogue.wrong(name):
            with catalogue.in_place(variant) as names:
                wrong[variant.name] = reference.sightings(exercise, in_process(names), seeds)
        recordings[name] = Recording(seen, wrong, {v.name: v.sentence for v in catalogue.wrong(name)})
    return recordings


def differences(lesson: Lesson, catalogue: "Catalogue") -> list[str]:
    """Where the recording on disk and a fresh one differ by more than the tolerance, in sentences."""
    old, new = load(lesson.stem), record(lesson, catalogue)
    found = []
    for name in new:
        pairs = {"the reference": (old[name].reference, new[name].reference)}
        pairs |= {m: (old[name].misconceptions[m], new[name].misconceptions[m]) for m in new[name].misconceptions}
        found += [
            f"{lesson.stem}: the recording of {name} ({who}) differs"
            for who, (a, b) in pairs.items()
            if any(margin(a[k], b[k]) > 1 for k in b)
        ]
    return found


def source_hash(stem: str) -> str:
    """A hash of a lesson's source, misconceptions and probes. What carries them out is not in it: a change there shows in `differences`."""
    from autograder import source

    package = Path(__file__).parent
    files = [source.source_file(stem), source.SOLUTIONS / "misconceptions" / f"{stem}.py", package / "checks" / f"test_{stem}.py"]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def recorded_hash(stem: str) -> str:
    """The hash that the recording on disk was made from; "" if there is none."""
    return _header(stem)["source"] if answers_file(stem).is_file() else ""


def _header(stem: str) -> dict[str, str]:
    with safe_open(answers_file(stem), framework="numpy") as file:
        return json.loads(file.metadata()["recording"])


def _encode(seen: Sightings, reference: Sightings) -> dict[str, Tree]:
    encoded = {}
    for (probe, seed), observed in seen.items():
        same = (probe, seed) in reference and margin(observed, reference[probe, seed]) <= 1e-6
        encoded[f"{probe} {seed}"] = _AS_REFERENCE if same else _encode_one(observed)
    return encoded


def _encode_one(observed: Observed) -> Tree:
    observations = [[o.label, o.value, o.rtol, o.atol] for o in observed.observations]
    # The line that failed is left out: in a recording it would be a line of the misconception.
    failure = {"kind": observed.failure.kind, "message": observed.failure.message} if observed.failure else None
    return {"observations": observations, "failure": failure}


def _recording(entry: dict[str, Tree]) -> Recording:
    reference = {_key(key): _decode(value) for key, value in entry["reference"].items()}
    wrong = {
        name: {_key(key): reference[_key(key)] if value == _AS_REFERENCE else _decode(value) for key, value in seen.items()}
        for name, seen in entry["misconceptions"].items()
    }
    return Recording(reference, wrong, {name: Sentence(**sentence) for name, sentence in entry["sentences"].items()})


def _key(text: str) -> tuple[str, int]:
    probe, seed = text.rsplit(" ", 1)
    return probe, int(seed)


def _decode(value: dict[str, Tree]) -> Observed:
    observations = tuple(Observation(*observation) for observation in value["observations"])
    return Observed(observations, Failure(**value["failure"]) if value["failure"] else None)
