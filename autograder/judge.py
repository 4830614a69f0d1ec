"""From what the probes of one exercise saw to a verdict: which held, what differs first, and which misconception it looks like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder.compare import difference, equal
from autograder.probe import Observed, Probe
from autograder.worker.verbs import Failure

#: What each probe saw on each seed: (name of the probe, seed) -> observed.
Sightings = Mapping[tuple[str, int], Observed]


@dataclass(frozen=True)
class Sentence:
    """A misconception's two sentences: what is wrong, and why it matters."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} {self.why}"


@dataclass(frozen=True)
class Verdict:
    """One probe's verdict. reason: "" if it held on every seed. failure: the student's code raised."""

    probe: Probe
    reason: str = ""
    failure: Failure | None = None

    @property
    def held(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class Judgment:
    """One exercise's verdicts, the misconception that equals the most of what was seen ("" if none does), and the probes it explains."""

    verdicts: tuple[Verdict, ...]
    misconception: str = ""
    explained: frozenset[str] = frozenset()

    @property
    def not_attempted(self) -> bool:
        return any(v.failure and v.failure.kind == "NotImplementedError" for v in self.verdicts)

    @property
    def wrong(self) -> list[Verdict]:
        return [v for v in self.verdicts if not v.held]

    @property
    def first(self) -> Verdict:
        """The verdict to tell the student: where a misconception is named, one that it explains."""
        return next((v for v in self.wrong if v.probe.name in self.explained), self.wrong[0])

    @property
    def points(self) -> float:
        return sum(v.probe.points for v in self.verdicts if v.held)


def judge(probes: Sequence[Probe], given: Sightings, expected: Sightings, misconceptions: Mapping[str, Sightings]) -> Judgment:
    """Compare what was seen of a submission with what was seen of the reference, and name the likely misconception."""
    verdicts = tuple(_verdict(probe, given, expected) for probe in probes)
    wrong = [v.probe for v in verdicts if not v.held]
    return Judgment(verdicts, *(_closest(wrong, given, misconceptions) if wrong else ()))


def _verdict(probe: Probe, given: Sightings, expected: Sightings) -> Verdict:
    for key in (key for key in expected if key[0] == probe.name):
        found = difference(given[key], expected[key])
        if found:
            return Verdict(probe, found.sentence, given[key].failure)
    return Verdict(probe)


def _closest(wrong: Sequence[Probe], given: Sightings, misconceptions: Mapping[str, Sightings]) -> tuple[str, frozenset[str]]:
    """The misconception that equals what was seen on the most probes, and the failed ones that it explains (a whole one at least)."""
    best, explains, most = "", frozenset(), 0
    for name, seen in misconceptions.items():
        same = {key for key in given if key in seen and equal(given[key], seen[key])}
        explained = frozenset(probe.name for probe in wrong if all(key in same for key in given if key[0] == probe.name))
        if explained and len(same) > most:
            best, explains, most = name, explained, len(same)
    return best, explains
