"""`check("softmax")`: run that exercise's checks on the caller's own names, and say what was found."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder import answers, session
from autograder.judge import judge
from autograder.lessons import lesson_of
from autograder.outcome import NotAttempted, Outcome, Right, Wrong, as_html, as_text
from autograder.submission import in_process


def check(name: str) -> None:
    """Check the exercise `name` (a function or class defined where this is called) and show one of three outcomes:
    not attempted; not yet, with the first difference and the likely misunderstanding; right, with what to notice.

    Raises LookupError if no exercise has that name.
    """
    show(examine(name, inspect.currentframe().f_back.f_globals))


def examine(name: str, namespace: dict[str, Any]) -> Outcome:
    """What `check` shows, as a value. The namespace and the process are left as they were."""
    lesson = lesson_of(name)
    if name not in namespace:
        return NotAttempted(name, f"There is no {name} here yet. Run the cell that defines it, then this one.")
    exercise, recording = lesson.exercises[name], answers.load(lesson.stem)[name]
    tests = [probe.function.__name__ for probe in exercise.probes]
    seen = session.run(session.Session(in_process(namespace), recording.reference), lesson.check_file, tests)
    judgment = judge(exercise.probes, seen, recording.reference, recording.misconceptions)
    if judgment.not_attempted:
        return NotAttempted(name)
    if not judgment.wrong:
        return Right(name, exercise.right, len(exercise.probes))
    first = judgment.first
    hint = str(recording.sentences[judgment.misconception]) if judgment.misconception else ""
    held = len(judgment.verdicts) - len(judgment.wrong)
    return Wrong(name, first.probe.behaviour, first.reason, hint, held, len(judgment.verdicts))


def check_notebook(path: Path) -> Iterator[Outcome]:
    """Run the code cells of a notebook in this process, and examine each exercise when its check is reached.

    Raises ValueError if the file is not a notebook. A cell that raises is left behind, as in a notebook whose reader goes on.
    """
    # Imported here: in a kernel the cells are already running.
    from autograder.worker import cells

    try:
        found = cells.read_notebook(path.read_bytes())
    except (OSError, cells.Unreadable) as problem:
        raise ValueError(f"{path} cannot be checked: {problem}") from None
    kernel = cells.Kernel()
    for index, cell in enumerate(found):
        code = cells.Code(cell.text, f"<cell {index + 1}>")
        if cell.kind != "code":
            continue
        names = sorted(code.checks)
        if names:
            yield from (examine(name, kernel.namespace) for name in names)
        else:
            kernel.run(code, seed=index)


def show(outcome: Outcome) -> None:
    """As HTML in a notebook, as text in a terminal."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    shell = get_ipython()
    if shell is not None and getattr(shell, "kernel", None) is not None:
        display({"text/plain": as_text(outcome), "text/html": as_html(outcome)}, raw=True)
    else:
        print(as_text(outcome))
