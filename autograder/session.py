"""The pytest plugin that runs probes: it gives them `submission`, `observe` and `draw`, and fails those that saw a difference.

It serves a student's `check`, which runs one exercise on the kernel's names against the recording, and it works for any
submission and any expected sightings, so that a check file is an ordinary pytest file wherever it runs.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from autograder.compare import difference
from autograder.judge import Sightings
from autograder.probe import PUBLIC_SEEDS, Observed
from autograder.submission import Submission

#: What pytest would do besides running tests: caches, captures, reports, plugins of the environment. A kernel wants none of it.
_PLAIN = (
    "cacheprovider",
    "terminal",
    "unraisableexception",
    "threadexception",
    "logging",
    "warnings",
    "faulthandler",
    "junitxml",
    "doctest",
)


class Session:
    """Runs probes on one submission. After the run, `seen` holds the sightings."""

    def __init__(self, submission: Submission, expected: Sightings, seeds: tuple[int, ...] = PUBLIC_SEEDS) -> None:
        self._submission, self._expected, self._seeds = submission, expected, seeds
        self.seen: dict[tuple[str, int], Observed] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each seed; the probe's own arguments are supplied when it runs."""
        metafunc.fixturenames[:] = ["seed"]
        metafunc.parametrize("seed", metafunc.function.probe.seeds(self._seeds))

    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        probe, seed = pyfuncitem.function.probe, pyfuncitem.callspec.params["seed"]
        self.seen[probe.name, seed] = seen = probe.observe(self._submission, seed)
        found = difference(seen, self._expected[probe.name, seed])
        if found:
            pytest.fail(f"{probe.behaviour}\n{found.sentence}", pytrace=False)
        return True


def run(session: Session, check_file: Path, tests: Sequence[str]) -> Mapping[tuple[str, int], Observed]:
    """Run some tests of a check file in this process, quietly, and give back what the probes saw."""
    nodes = [f"{check_file}::{test}" for test in tests]
    quiet = [option for name in _PLAIN for option in ("-p", f"no:{name}")]
    with _own_options():
        code = pytest.main(
            [*nodes, "-s", "--assert=plain", "--noconftest", "-c", os.devnull, "--rootdir", str(check_file.parent), *quiet], [session]
        )
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the checks in {check_file.name} could not be run (pytest's exit code {int(code)})")
    return session.seen


@contextmanager
def _own_options() -> Iterator[None]:
    """Options and plugins that the student's environment would add to pytest are left out."""
    before = {name: os.environ.pop(name, None) for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update({name: value for name, value in before.items() if value is not None})
