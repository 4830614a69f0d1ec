"""One submission on its way through a worker: what it said, what had to be left out, and the report in the end.

Nothing in here runs student code or reads a notebook; it only keeps the books on a stream of hostile frames. A frame that
does not fit what was asked ends the run. A forged one that fits can only change the student's own answers.
"""

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..worker import wire
from ..worker.verbs import Failure, Reply
from ..worker.wire import WHYS, Plan, Task, why_ended
from .grades import Cell

#: How often a submission is run again, each time without what ended the run before.
REPEATS = 3


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    seconds: wall time of each cell and of each call; the whole submission gets three times that.
    memory_gib, processes: of all its processes together. output_bytes: of everything it sends back. notebook_bytes: of its file.
    disk_bytes: of its scratch folder, and again of its shared memory.
    """

    seconds: float = 10.0
    memory_gib: float = 1.0
    processes: int = 16
    output_bytes: int = 32 << 20
    notebook_bytes: int = 20 << 20
    disk_bytes: int = 64 << 20

    @property
    def memory_bytes(self) -> int:
        return int(self.memory_gib * 2**30)


@dataclass(frozen=True)
class Stop:
    """Something that killed or outlasted the worker and was left out.

    where: "cell 7", or an exercise's name. why: one of wire.WHYS. index: of the cell, from 0; None for an exercise.
    """

    where: str
    why: str
    index: int | None = None


@dataclass(frozen=True)
class Report:
    """What came back of one submission. Every text in it is hostile.

    problem: "", or why the notebook could not be read at all. cells: in order. cell_failures: by index, from 0.
    replies: one answer a request; an exercise that was stopped has those from before it. stops: everything that was left out.
    seconds, cpu_seconds: over all runs. peak_bytes: the most memory of its own at a time, as sampled.
    """

    key: str
    problem: str = ""
    cells: tuple[Cell, ...] = ()
    cell_failures: Mapping[int, Failure] = field(default_factory=dict)
    replies: Mapping[str, tuple[Reply | Failure, ...]] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()
    notices: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


class Refused(Exception):
    """A submitted file that is not even opened, or not read to its end. The message is a sentence."""


def read_submitted(path: Path, most: int) -> bytes:
    """The bytes of a submitted file: a regular file, no link, at most `most` bytes. Raises Refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        what = "is a link, not a file" if path.is_symlink() else f"cannot be opened ({error.strerror})"
        raise Refused(f"The submitted notebook {what}.") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Refused("The submitted notebook is not a regular file.")
    with open(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Refused(f"The submitted notebook is larger than {most >> 20} MB. Clear its outputs and submit it again.")
    return data


class Transcript:
    """What one run of a worker has said so far. It takes each cell once, in order, and each request once: a flood of frames ends soon.

    step: the index of the cell, or (exercise, number of the request), that began last; since: when. running: whether student
    code may have run, after which cells and notices are no longer believed.
    """

    def __init__(self, plan: Plan, task: Task, now: float) -> None:
        self.plan, self.task = plan, task
        self.problem = ""
        self.cells: list[Cell] = []
        self.notices: list[str] = []
        self.failures: dict[int, Failure] = {}
        self.replies: dict[str, list[Reply | Failure]] = {name: [] for name in task.exercises}
        self.stopped: dict[str, str] = {}
        self.running = self.ended = False
        self.step: int | tuple[str, int] | None = None
        self._last_cell = -1
        self.since = now
        self._frames = wire.Frames(wire.CELL)

    def feed(self, data: bytes, now: float) -> None:
        """Take what has arrived. Raises ValueError for a frame that is malformed or out of place."""
        for frame in self._frames.feed(data):
            self._take(wire.decode(frame, self._frames.caps), now)
            if self.running:
                self._frames.caps = wire.REPLY

    def _take(self, message: wire.Tree, now: float) -> None:
        match message:
            case ("unreadable", str(sentence)) if not self.running:
                self.problem, self.ended = sentence, True
            case ("cell", "code" | "markdown" as kind, str(source), str(grade_id)) if not self.running:
                self.cells.append(Cell(kind, source, grade_id))
            case ("notice", str(sentence)) if not self.running:
                self.notices.append(sentence)
            case ("run", int(index)) if self._last_cell < index < len(self.cells):
                self._last_cell = index
                self._begin(index, now)
            case ("failed", int(index), str(kind), str(text), str(line)) if index == self.step and index not in self.failures:
                self.failures[index] = Failure(kind, text, line)
            case ("ask", str(name), int(number)) if name in self.replies and number == len(self.replies[name]) < len(
                self.plan.exercises[name]
            ):
                self._begin((name, number), now)
            case ("reply", str(name), int(number), result, arguments) if self._awaits(name, number):
                self.replies[name].append(Reply(result, arguments))
            case ("failure", str(name), int(number), str(kind), str(text), str(line)) if self._awaits(name, number):
                self.replies[name].append(Failure(kind, text, line))
            case ("stopped", str(name), str(why)) if name in self.replies and name not in self.stopped and why in WHYS:
                self.running = True
                self.stopped[name] = why
            case ("end",):
                self.running = self.ended = True
            case _:
                raise ValueError("a frame that was not asked for")

    def _begin(self, step: int | tuple[str, int], now: float) -> None:
        self.running, self.step, self.since = True, step, now

    def _awaits(self, name: str, number: int) -> bool:
        return self.step == (name, number) and len(self.replies[name]) == number


class Case:
    """One submission, over as many runs as it takes. Between `begin` and `finish` its worker runs."""

    def __init__(self, key: str, plan: Plan, limits: Limits) -> None:
        self.key, self.plan, self.limits = key, plan, limits
        self.left_out: list[int] = []
        self.open = list(plan.exercises)
        self.runs = 0
        self.peak_bytes = 0
        self._spent = self._cpu = 0.0
        self._problem = ""
        self._cells: tuple[Cell, ...] = ()
        self._notices: tuple[str, ...] = ()
        self._failures: dict[int, Failure] = {}
        self._replies: dict[str, tuple[Reply | Failure, ...]] = {}
        self._stops: list[Stop] = []

    def begin(self) -> Transcript:
        """A new run: its empty transcript, which holds the task to give to the worker."""
        self.runs += 1
        self._began = time.monotonic()
        self.transcript = Transcript(self.plan, Task(tuple(self.left_out), tuple(self.open), self.limits.seconds), self._began)
        return self.transcript

    def start_clock(self) -> None:
        """Count time from now, where a worker had to start first."""
        self._began = self.transcript.since = time.monotonic()

    def forget_run(self) -> None:
        """The run ended through no fault of the submission."""
        self.runs -= 1

    def overdue_at(self) -> float:
        """When the run has to be ended."""
        # In an exercise's fork an alarm rings half a second earlier, which costs no new run.
        grace = 0.5 if isinstance(self.transcript.step, tuple) else 0.0
        return min(self.transcript.since + self.limits.seconds + grace, self._began + 3 * self.limits.seconds - self._spent)

    def finish(self, why: str, code: int, cpu_seconds: float) -> bool:
        """The worker has ended. Returns whether the report is complete; if not, `begin` again.

        why: the grader's reason for ending it, "" where it did not. code: its exit code.
        """
        said = self.transcript
        self._spent += time.monotonic() - self._began
        self._cpu += cpu_seconds
        why = "" if said.ended else why or why_ended(code)
        if said.problem or not said.running:
            self._problem = said.problem or _UNREAD.get(why, "The notebook could not be read: reading it ended the worker.")
            return True
        self._cells, self._notices = tuple(said.cells), tuple(said.notices)
        self._failures |= said.failures
        if said.ended:
            for name in list(self.open):
                self._settle(name, said.stopped.get(name, "exit"))
            return True
        for name in [name for name in self.open if name in said.stopped or self._complete(name)]:
            self._settle(name, said.stopped.get(name, "exit"))
        if isinstance(said.step, int):
            self.left_out.append(said.step)
            self._stops.append(Stop(f"cell {said.step + 1}", why, said.step))
        elif said.step and said.step[0] in self.open:
            self._settle(said.step[0], why)
        if self.open and self.runs <= REPEATS and self._spent < 3 * self.limits.seconds - 0.1:
            return False
        for name in list(self.open):
            self._settle(name, why)
        return True

    def _complete(self, name: str) -> bool:
        return len(self.transcript.replies[name]) == len(self.plan.exercises[name])

    def _settle(self, name: str, why: str) -> None:
        """Close an exercise with the replies of this run; where some are missing, say why."""
        self.open.remove(name)
        self._replies[name] = tuple(self.transcript.replies[name])
        if not self._complete(name):
            self._stops.append(Stop(name, why))

    def report(self) -> Report:
        return Report(
            key=self.key,
            problem=self._problem,
            cells=self._cells,
            cell_failures=self._failures,
            replies=self._replies,
            stops=tuple(self._stops),
            notices=self._notices,
            seconds=self._spent,
            cpu_seconds=self._cpu,
            peak_bytes=self.peak_bytes,
        )


_UNREAD = {
    "timeout": "The notebook could not be read: it took too long.",
    "memory": "The notebook could not be read: it needs too much memory.",
    "output": "The notebook could not be read: it is too large.",
}
