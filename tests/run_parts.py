"""Runs everything that must hold, part by part, and shows the minutes that each part took.

    python tests/run_parts.py [PART ...] [--tests FOLDER] [--list]

A test file belongs to the first part whose pattern its name matches, so that a new file is never left out: what no pattern
claims is `unit`. Browser tests are one part, by their marker, whatever file they are in. The exit status is 0 if all passed, 1 if
something failed, 2 for bad use.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).resolve().parent.parent

# `unit` takes the rest and `browser` goes by marker. The order is that of running: what is quick and fails often comes first.
COMMANDS = {
    "lint": [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]],
    "build-check": [["-m", "autograder", "build", "--check"]],
}
PATTERNS = {
    "unit": [],
    "audit": ["test_audit*.py"],
    "notebooks": ["test_notebook*.py", "test_lesson*.py"],
    "grading": ["test_grad*.py", "test_sandbox*.py", "test_engine*.py", "test_feedback*.py", "test_intake*.py", "test_nbgrader*.py"],
    "attacks": ["test_attack*.py"],
    "leak": ["test_leak*.py"],
    "browser": [],
}
PARTS = [*COMMANDS, *PATTERNS]

# A test that hangs must not take the whole run with it.
SECONDS_PER_TEST = 900
NO_TESTS_COLLECTED = 5


@dataclass
class Result:
    """What one part came to."""

    part: str
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0


def part_of(file: Path) -> str:
    """The part that a test file belongs to, by its name."""
    for part, patterns in PATTERNS.items():
        if any(fnmatch(file.name, pattern) for pattern in patterns):
            return part
    return "unit"


def run_commands(part: str) -> Result:
    """Run a part that is not pytest's; each command counts as one."""
    start = time.monotonic()
    codes = [subprocess.run([sys.executable, *command], cwd=PROJECT).returncode for command in COMMANDS[part]]
    return Result(part, time.monotonic() - start, passed=codes.count(0), failed=len(codes) - codes.count(0))


def run_tests(part: str, files: list[Path]) -> Result:
    """Run a part's test files with pytest, in a process of its own, and read the counts from its report."""
    marker = "browser" if part == "browser" else "not browser"
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-c", str(PROJECT / "pyproject.toml"), "-m", marker, "--strict-markers", f"--timeout={SECONDS_PER_TEST}"]
        output = ["-q", "-ra", "--durations=5", "--durations-min=5", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *output, *map(str, files)]
        code = subprocess.run(command, cwd=PROJECT).returncode
        seconds = time.monotonic() - start
        if code == NO_TESTS_COLLECTED:
            return Result(part, seconds)
        if not report.exists():
            return Result(part, seconds, failed=1)
        passed, failed, skipped = counts(report)
    # A run that pytest calls failed is failed, even if no single test is to blame (a broken conftest, an interrupt).
    return Result(part, seconds, passed, max(failed, int(code != 0)), skipped)


def counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit report."""
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return max(total - failed - skipped, 0), failed, skipped


def show(results: list[Result], console: Console) -> None:
    """Print the table of parts, and last of all the sum, alone on a line."""
    table = Table(title="Minutes by part")
    table.add_column("part")
    for heading in ("minutes", "passed", "failed", "skipped"):
        table.add_column(heading, justify="right")
    for result in results:
        style = "red" if result.failed else None
        numbers = [str(number) if number else "·" for number in (result.passed, result.failed, result.skipped)]
        table.add_row(result.part, f"{result.seconds / 60:.1f}", *numbers, style=style)
    table.add_section()
    sums = [sum(getattr(result, field) for result in results) for field in ("passed", "failed", "skipped")]
    table.add_row("all", f"{sum(result.seconds for result in results) / 60:.1f}", *map(str, sums), style="bold")
    console.print(table)
    passed, failed, skipped = sums
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run all tests, part by part.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these of: {', '.join(PARTS)}")
    parser.add_argument("--tests", type=Path, default=PROJECT / "tests", metavar="FOLDER", help="where the test files are")
    parser.add_argument("--list", action="store_true", help="only say which file is in which part")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"no part named {', '.join(unknown)}; there are: {', '.join(PARTS)}")

    files = sorted(arguments.tests.rglob("test_*.py"))
    if arguments.list:
        for file in files:
            print(f"{part_of(file):<12} {file.name}")
        return 0

    console = Console()
    results = []
    for part in arguments.parts or PARTS:
        mine = files if part == "browser" else [file for file in files if part_of(file) == part]
        if part in PATTERNS and not mine:
            continue
        console.rule(part, align="left")
        sys.stdout.flush()  # before the part's own processes write to the same place
        results.append(run_commands(part) if part in COMMANDS else run_tests(part, mine))
    show(results, console)
    return int(any(result.failed for result in results) or not any(result.passed for result in results))


if __name__ == "__main__":
    sys.exit(main())
