"""Grade a class: observe the reference, let each submission answer in its sandbox, compare here, and keep what is known.

No student code runs in this process. What a sandbox sends back is arrays, numbers and strings, and is compared with what the
live reference gave on the same inputs.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autograder import answers, build, source
from autograder.answers import Recording
from autograder.compare import raised
from autograder.grading import catalogue, reference
from autograder.grading.case import Refused, read_submitted
from autograder.grading.grades import Behaviour, Cell, ExerciseGrade, Grade
from autograder.grading.intake import Submission
from autograder.grading.sandbox import Limits, Plan, Report, Sandbox, Unsandboxed
from autograder.judge import Judgment, Sightings, Verdict, judge
from autograder.lessons import Lesson
from autograder.probe import PUBLIC_SEEDS, Exercise, Observed
from autograder.source import SourceCell
from autograder.submission import replayed
from autograder.worker.verbs import Failure, Reply, Request

#: How many secret seeds each probe runs on, besides the public ones.
SECRET_SEEDS = 2

#: What stopped an exercise, as a status and a sentence.
STOPPED = {
    "timeout": ("timeout", "It did not end in time"),
    "memory": ("memory", "It took more memory than allowed"),
    "processes": ("error", "It started too many processes"),
    "output": ("error", "It wrote more output than allowed"),
    "disk": ("error", "It filled the disk"),
    "exit": ("error", "It ended the process that it ran in"),
}


@dataclass(frozen=True)
class Question:
    """A free-text answer. released: the text that stands there before anybody has answered."""

    name: str
    points: float
    released: str


class Marker:
    """All that marking a lesson needs, made once for a class: seeds, the reference's sightings, and what to ask a submission."""

    def __init__(self, lesson: Lesson, secret: int) -> None:
        self.lesson = lesson
        self._catalogue = catalogue.load(lesson.stem)
        self.secret_seeds, self.recordings = _telling_seeds(lesson, self._catalogue, secret)
        self.seeds = PUBLIC_SEEDS + self.secret_seeds
        self._probes = {(name, probe.name): probe for name, exercise in lesson.exercises.items() for probe in exercise.probes}

    @cached_property
    def requests(self) -> dict[str, dict[tuple[str, int], list[Request]]]:
        """What each exercise is asked, by probe and seed, in the order in which a worker is asked."""
        return {name: reference.requests(e, self._catalogue.names, self.seeds) for name, e in self.lesson.exercises.items()}

    @cached_property
    def plan(self) -> Plan:
        """What every worker is given: requests and the released cells. No seed, no answer."""
        released = json.loads(build.notebook_file(self.lesson.stem).read_text(encoding="utf-8"))["cells"]
        code = {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in released if cell["cell_type"] == "code"}
        looks = {cell.name for cell in self._source if cell.role == "look"}
        skip = {grade_id: cell["source"] for grade_id, cell in code.items() if grade_id in looks}
        locked = {grade_id: cell["source"] for grade_id, cell in code.items() if cell["metadata"]["nbgrader"]["locked"]}
        asked = {name: [request for part in parts.values() for request in part] for name, parts in self.requests.items()}
        return Plan(asked, skip, locked)

    @cached_property
    def _source(self) -> list[SourceCell]:
        return source.read(self.lesson.stem)

    @cached_property
    def questions(self) -> list[Question]:
        return [Question(cell.name, cell.points, build.ANSWER_STUB) for cell in self._source if cell.role == "question"]

    @cached_property
    def order(self) -> list[str]:
        """Exercises and questions as they stand in the lesson."""
        return [cell.name for cell in self._source if cell.role in ("exercise", "question")]

    def mark(self, report: Report) -> Grade:
        """From what a worker sent back to a grade."""
        graded = {name: self._exercise(exercise, report) for name, exercise in self.lesson.exercises.items()}
        graded |= {question.name: _question(question, report) for question in self.questions}
        notices = list(report.notices)
        notices += [f"{stop.where} was left out: {STOPPED[stop.why][1].lower()}." for stop in report.stops if stop.index is not None]
        return Grade(report.key, self.lesson.stem, tuple(graded[name] for name in self.order), report.cells, tuple(notices))

    def _exercise(self, exercise: Exercise, report: Report) -> ExerciseGrade:
        if report.problem:
            return ExerciseGrade(exercise.name, "error", 0.0, exercise.points, report.problem)
        stopped = _stopped(exercise.name, report)
        if stopped:
            status, reason = STOPPED[stopped]
            return ExerciseGrade(exercise.name, status, 0.0, exercise.points, f"{reason}.")
        judgment = self._judge(exercise, report.replies.get(exercise.name, ()))
        if judgment.not_attempted:
            status, reason = _unwritten(exercise.name, report)
            return ExerciseGrade(exercise.name, status, 0.0, exercise.points, reason)
        return _graded(exercise, judgment, self.recordings[exercise.name])

    def _judge(self, exercise: Exercise, replies: Iterable[Reply | Failure]) -> Judgment:
        """Run the probes on the replies. A reply that is missing is a failure: nothing is ever given for silence."""
        recording = self.recordings[exercise.name]
        answers_left = _all(replies)
        given = {}
        for (probe, seed), asked in self.requests[exercise.name].items():
            # A probe that meets an error asks no further; what was answered to its other requests belongs to no other probe.
            its_own = [next(answers_left) for _ in asked]
            given[probe, seed] = self._probes[exercise.name, probe].observe(replayed(its_own), seed)
        wrong = {name: _discreet(seen, self.secret_seeds) for name, seen in recording.misconceptions.items()}
        return judge(exercise.probes, _discreet(given, self.secret_seeds), _discreet(recording.reference, self.secret_seeds), wrong)


def _telling_seeds(lesson: Lesson, its: catalogue.Catalogue, secret: int) -> tuple[tuple[int, ...], dict[str, Recording]]:
    """Secret seeds on which every misconception is rejected, and what is seen on them and on the public ones.

    They follow from the secret number and the lesson's name. A draw on which some misconception looks right is drawn again.
    """
    name = int.from_bytes(hashlib.sha256(lesson.stem.encode()).digest()[:8])
    stream = np.random.Generator(np.random.PCG64(np.random.SeedSequence([secret, name])))
    for _ in range(20):
        seeds = tuple(int(seed) for seed in stream.integers(10_000, 2**31 - 1, SECRET_SEEDS))
        secret_ones = answers.record(lesson, its, seeds)
        if all(_rejected(exercise, secret_ones[exercise.name]) for exercise in lesson.exercises.values()):
            public_ones = answers.current(lesson, its)
            return seeds, {name: public_ones[name] | secret_ones[name] for name in lesson.exercises}
    raise RuntimeError(
        f"no secret inputs were found that tell the misconceptions of {lesson.stem} from the reference; run `autograder audit`"
    )


def _rejected(exercise: Exercise, recording: Recording) -> bool:
    """Whether every misconception is seen to be wrong by a probe that draws its inputs."""
    probes = [probe for probe in exercise.probes if probe.draws]
    return all(judge(probes, wrong, recording.reference, {}).wrong for wrong in recording.misconceptions.values())


def _all(replies: Iterable[Reply | Failure]) -> Iterator[Reply | Failure]:
    yield from replies
    while True:
        yield Failure("Unfit", "No valid answer came back.")


def _discreet(seen: Sightings, secret: tuple[int, ...]) -> Sightings:
    """On secret inputs an error shows its kind and the student's line, never its message, which could carry the inputs out."""
    return {key: _without_message(observed) if key[1] in secret else observed for key, observed in seen.items()}


def _without_message(observed: Observed) -> Observed:
    failure = observed.failure
    if failure is None or failure.kind in ("Unfit", "NotImplementedError"):
        return observed
    return replace(observed, failure=Failure(failure.kind, "", failure.line))


def _stopped(name: str, report: Report) -> str:
    """Why nothing came of an exercise, if the worker was stopped in it, or in the cell that defines it."""
    for stop in report.stops:
        if stop.where == name or (stop.index is not None and _defines(report.cells[stop.index], name)):
            return stop.why
    return ""


def _defines(cell: Cell, name: str) -> bool:
    return cell.grade_id == name or (
        cell.kind == "code" and re.search(rf"^(?:def|class) {re.escape(name)}\b", cell.source, re.MULTILINE) is not None
    )


def _unwritten(name: str, report: Report) -> tuple[str, str]:
    """A name that does not exist, or is still a stub: an error if its own cell failed, else not attempted."""
    for index, failure in report.cell_failures.items():
        if index < len(report.cells) and _defines(report.cells[index], name) and failure.kind != "NotImplementedError":
            return "error", raised(failure)
    return "not_attempted", "Not written."


def _graded(exercise: Exercise, judgment: Judgment, recording: Recording) -> ExerciseGrade:
    behaviours = tuple(_behaviour(verdict) for verdict in judgment.verdicts)
    if not judgment.wrong:
        return ExerciseGrade(exercise.name, "right", judgment.points, exercise.points, exercise.right, "", behaviours)
    if all(v.failure is not None and v.failure.kind == "MemoryError" for v in judgment.verdicts):
        status, reason = STOPPED["memory"]
        return ExerciseGrade(exercise.name, status, 0.0, exercise.points, f"{reason}.", "", behaviours)
    crashed = all(v.failure is not None and v.failure.kind != "Unfit" for v in judgment.verdicts)
    hint = str(recording.sentences[judgment.misconception]) if judgment.misconception else ""
    first = judgment.first
    reason = f"{first.probe.behaviour} {first.reason}"
    return ExerciseGrade(exercise.name, "error" if crashed else "wrong", judgment.points, exercise.points, reason, hint, behaviours)


def _behaviour(verdict: Verdict) -> Behaviour:
    probe = verdict.probe
    return Behaviour(probe.behaviour, probe.points if verdict.held else 0.0, probe.points, verdict.reason)


def _question(question: Question, report: Report) -> ExerciseGrade:
    if report.problem:
        return ExerciseGrade(question.name, "error", 0.0, question.points, report.problem)
    texts = [cell.source.strip() for cell in report.cells if cell.grade_id == question.name]
    if not texts:
        return ExerciseGrade(question.name, "not_attempted", 0.0, question.points, "There is no cell with this answer in the submission.")
    if texts[0] in ("", question.released.strip()):
        return ExerciseGrade(question.name, "not_attempted", 0.0, question.points, "Not answered.")
    return ExerciseGrade(question.name, "needs_grading", None, question.points, "A person reads this answer.")


class Secret:
    """The secret number of an output folder: drawn once, kept there for its owner's eyes, the same for every later run."""

    def __init__(self, out: Path) -> None:
        self._file = out / "secret.json"

    def number(self, wanted: int | None, keep: bool = True) -> int:
        """The number that is kept; else `wanted`, or a fresh one, which is then kept. Raises ValueError if another one is wanted."""
        if self._file.is_file():
            kept = int(json.loads(self._file.read_text(encoding="utf-8"))["seed"])
            if wanted not in (None, kept):
                raise ValueError(
                    f"{self._file} holds another secret seed than {wanted}. Leave --seed out, or grade into another --out, "
                    "so that all students of a class are asked the same."
                )
            return kept
        number = wanted if wanted is not None else int.from_bytes(os.urandom(6))
        if keep:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"seed": number}, file)
        return number


class Cache:
    """Grades by what they depend on: the submission's bytes, the lesson's sources, the seeds and the limits."""

    def __init__(self, folder: Path, basis: str) -> None:
        self._folder, self._basis = folder, basis

    def key(self, submission: Submission) -> str:
        """ "What the grade depends on, hashed; "" for a file that is not to be read: its grade is never kept."""
        try:
            return hashlib.sha256(self._basis.encode() + read_submitted(submission.path, Limits().notebook_bytes)).hexdigest()
        except Refused:
            return ""

    def get(self, submission: Submission) -> Grade | None:
        file = self._folder / f"{submission.student_id}.json"
        key = self.key(submission)
        if not key or not file.is_file():
            return None
        kept = json.loads(file.read_text(encoding="utf-8"))
        return _grade_of(kept["grade"]) if kept["key"] == key else None

    def put(self, submission: Submission, grade: Grade) -> None:
        """Keep a grade, but for one that hangs on the clock: a busy machine must not decide it for good."""
        key = self.key(submission)
        if not key or any(e.status in ("timeout", "memory") for e in grade.exercises):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{submission.student_id}.partial"
        partial.write_text(json.dumps({"key": key, "grade": asdict(grade)}), encoding="utf-8")
        partial.replace(self._folder / f"{submission.student_id}.json")


def _grade_of(tree: dict[str, Any]) -> Grade:
    exercises = [ExerciseGrade(**{**e, "behaviours": tuple(Behaviour(**b) for b in e["behaviours"])}) for e in tree["exercises"]]
    cells = [Cell(**cell) for cell in tree["cells"]]
    return Grade(tree["student_id"], tree["lesson"], tuple(exercises), tuple(cells), tuple(tree["notices"]))


@dataclass(frozen=True)
class Run:
    """How to grade: limits, how many at once, and whether student code is jailed (leaving that out must be asked for by name)."""

    limits: Limits = field(default_factory=Limits)
    jobs: int = 2
    sandboxed: bool = True


def grade(
    submissions: Iterable[Submission],
    marker: Marker,
    run: Run,
    cache: Cache | None = None,
    done: Callable[[Grade], None] = lambda grade: None,
) -> list[Grade]:
    """Grade all submissions, in order of student. `done` is called with each grade as it comes. What the cache knows is not run again."""
    submissions = list(submissions)
    grades: dict[str, Grade] = {}
    waiting: dict[str, Submission] = {}
    for submission in submissions:
        kept = cache.get(submission) if cache else None
        if submission.problem:
            kept = marker.mark(Report(submission.student_id, submission.problem))
        if kept:
            grades[submission.student_id] = kept
            done(kept)
        else:
            waiting[submission.student_id] = submission
    for report in _reports(waiting, marker, run):
        fresh = marker.mark(report)
        grades[report.key] = fresh
        if cache:
            cache.put(waiting[report.key], fresh)
        done(fresh)
    return [grades[s.student_id] for s in submissions]


def _reports(waiting: Mapping[str, Submission], marker: Marker, run: Run) -> Iterator[Report]:
    if not waiting:
        return
    box = Sandbox if run.sandboxed else Unsandboxed
    data = [source.ROOT / "course", source.ROOT / "assets" / "data", source.ROOT / "assets" / "models"]
    with box(marker.plan, run.limits, run.jobs, [folder for folder in data if folder.is_dir()]) as sandbox:
        yield from sandbox.run((student, submission.path) for student, submission in waiting.items())


def basis(marker: Marker, run: Run) -> str:
    """What a grade depends on besides the submission, as a text to hash."""
    package = Path(__file__).parent.parent
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(package.rglob("*.py")))).hexdigest()
    return json.dumps(
        [marker.lesson.stem, answers.source_hash(marker.lesson.stem), code, marker.secret_seeds, asdict(run.limits), run.sandboxed]
    )
