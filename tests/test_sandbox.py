"""The real sandbox on tiny notebooks: right answers come back, each attack is stopped and named, and nobody else is affected.

All submissions are graded in one go, as a class is, with ordinary ones among them; each test then looks at one report.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograder.grading.sandbox import Limits, Plan, Sandbox, SandboxError, Unsandboxed, available
from autograder.worker.verbs import Failure, Reply, Request

LIMITS = Limits(seconds=3.0, memory_gib=0.6, output_bytes=8 << 20, notebook_bytes=4 << 20)

X = np.arange(6, dtype=np.float32).reshape(2, 3)
PLAN = Plan(
    exercises={
        "double": [Request("call", "double", (X,)), Request("call", "double", (X + 1,))],
        "answer": [Request("call", "answer")],
    },
    skip={"plot": "raise RuntimeError('skipped cells do not run')"},
    given={"imports": "from autograder import check"},
)

DOUBLE = ("double", "def double(x):\n    return 2 * x")
ANSWER = ("answer", "def answer():\n    return 42")
ORDINARY = [
    ("imports", "from autograder import check"),
    DOUBLE,
    ("double-check", 'check("double")'),
    ANSWER,
    ("answer-check", 'check("answer")'),
]


def notebook(*cells) -> bytes:
    """A notebook of (grade_id, source) pairs; a bare source has no id."""
    pairs = [cell if isinstance(cell, tuple) else ("", cell) for cell in cells]
    listed = [{"cell_type": "code", "metadata": {"nbgrader": {"grade_id": name}} if name else {}, "source": text} for name, text in pairs]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": listed}).encode()


def answering(body: str) -> bytes:
    """A notebook whose `answer` has that body; `double` is right."""
    return notebook(DOUBLE, "def answer():\n" + "".join(f"    {line}\n" for line in body.splitlines()))


def beginning(code: str) -> bytes:
    """A notebook whose first cell is that code; all else is right."""
    return notebook(code, *ORDINARY)


PROJECT = Path(__file__).resolve().parent.parent
SECRETS = [
    PROJECT / "solutions",
    PROJECT / "autograder" / "grading",
    PROJECT / "autograder" / "answers",
    Path(__file__),
    Path.home() / ".bashrc",
]

SUBMISSIONS = {
    "ordinary": notebook(*ORDINARY),
    "failing cell": beginning("x = 1\nx.missing  # here\n"),
    "raising answer": answering("raise ValueError('no')"),
    "exiting answer": answering("raise SystemExit"),
    "skipped cell": notebook(("plot", "raise RuntimeError('skipped cells do not run')\n"), *ORDINARY),
    "edited skipped cell": notebook(("plot", "raise RuntimeError('edited')"), *ORDINARY),
    "redefined later": notebook(*ORDINARY, "def answer():\n    return 0"),
    "checked without metadata": notebook(
        "from autograder import check", DOUBLE[1], 'check("double")', ANSWER[1], 'check("answer")', "answer = double = None"
    ),
    "defined below its check": notebook(("answer-check", 'check("answer")'), ANSWER),
    "helpers and threads": beginning("import torch\ntorch.set_num_threads(4)\n(torch.randn(500, 500) @ torch.randn(500, 500)).sum()"),
    "data loader": answering(
        "import torch\nloader = torch.utils.data.DataLoader(torch.arange(8.), batch_size=4, num_workers=2)\n"
        "return [float(batch.sum()) for batch in loader]"
    ),
    # what never ends, or takes too much
    "endless cell": beginning("while True: pass"),
    "endless answer": answering("while True: pass"),
    "endless second call": notebook("def double(x):\n    while x[0, 0]: pass\n    return 2 * x", ANSWER),
    "endless answer, alarm off": answering("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"),
    "memory": answering("import torch\nreturn torch.ones(10**9).sum()"),
    "memory of many": beginning(
        "import os, time\nfor _ in range(3):\n    if not os.fork():\n"
        "        block = bytearray(300 << 20)\n        time.sleep(60)\ntime.sleep(60)"
    ),
    "fork bomb": beginning("import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(1)"),
    "large answer": answering("import torch\nreturn torch.zeros(3_000_000)"),
    "output flood": beginning("import os\nwhile True: os.write(4, b'\\0' * 65536)"),
    "garbage": beginning("import os\nos.write(4, b'\\xff' * 100)\nimport time\ntime.sleep(60)"),
    "printing": beginning("for _ in range(200): print('x' * 100_000)"),
    "disk": beginning("with open('big', 'wb') as file:\n    for _ in range(100): file.write(bytes(1 << 20))"),
    # what ends the process
    "exit in a cell": beginning("import os\nos._exit(0)"),
    "exit in an answer": answering("import os\nos._exit(0)"),
    "segfault in a cell": beginning("import ctypes\nctypes.string_at(0)"),
    "segfault in an answer": answering("import ctypes\nctypes.string_at(0)"),
    "kill everybody": beginning("import os, signal\nos.kill(0, 9)\nos.kill(-1, 9)\nos.kill(os.getppid(), 9)"),
    "five endings": notebook(*["import os\nos._exit(1)"] * 5, *ORDINARY),
    "leftovers": beginning("import os, time\nif not os.fork():\n    os.setsid()\n    time.sleep(600)"),
    # what looks around
    "files": answering(f"import os\nreturn [path for path in {list(map(str, SECRETS))} if os.path.exists(path)]"),
    "own folder": answering(
        "import os\nreturn sorted(os.listdir('/app')) + sorted(os.listdir('/home') if os.path.exists('/home') else [])"
    ),
    "descriptors": answering("import os\nreturn [os.path.exists(f'/proc/self/fd/{n}') for n in range(3, 100)].count(True)"),
    "processes": answering("import os\nreturn sorted(int(name) for name in os.listdir('/proc') if name.isdigit())"),
    "writing": answering(
        "import sys, tempfile\nwritable = []\n"
        "for folder in ['/', '/app', '/app/worker', '/app/course', '/dev', '/proc', sys.prefix, sys.base_prefix, '/usr/lib', '/etc']:\n"
        "    try:\n        open(folder + '/mark', 'w')\n        writable.append(folder)\n    except OSError: pass\n"
        "for folder in ['/box', tempfile.gettempdir(), '/dev/shm']:\n    open(folder + '/mark', 'w')\nreturn writable"
    ),
    "network": answering(
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 22), 1)\n    return 'connected'\nexcept OSError as error:\n"
        "    return error.errno"
    ),
    "system calls": answering(
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "return [libc.ptrace(0, 0, 0, 0), libc.unshare(0x10000000), libc.mount(b'x', b'/box', b'tmpfs', 0, None)]"
    ),
    "the course's package": answering("import course\nreturn course.__file__"),
    "the grader's module": answering("import autograder\nreturn [hasattr(autograder, 'grading'), autograder.check('answer') is None]"),
    "patched comparison": answering("import torch\ntorch.allclose = lambda *a, **k: True\nreturn 41"),
    # what writes frames of its own
    "forged cell": beginning(
        "import os\nfrom worker import wire\nos.write(4, wire.encode(('cell', 'code', 'as released', '')))\nwhile True: pass"
    ),
    "forged notice": beginning("import os\nfrom worker import wire\nos.write(4, wire.encode(('notice', 'full marks')))\nwhile True: pass"),
    "forged end": beginning("import os\nfrom worker import wire\nos.write(4, wire.encode(('end',)))\nwhile True: pass"),
    # what cannot be read
    "no JSON": b"{",
    "deep JSON": b"[" * 2_000_000,
    "old format": b'{"nbformat": 3, "worksheets": []}',
    "too large": notebook("x" * (5 << 20)),
}

#: After each of these an ordinary submission follows, and runs beside the next.
FILES = ("link", "folder", "pipe", "missing")


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    if problem := available():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("submissions")
    paths = {}
    for place, (name, data) in enumerate(SUBMISSIONS.items()):
        paths[name] = folder / f"{place}.ipynb"
        paths[name].write_bytes(data)
    paths |= {name: folder / f"{name}.ipynb" for name in FILES}
    paths["link"].symlink_to(paths["ordinary"])
    paths["folder"].mkdir()
    os.mkfifo(paths["pipe"])
    with_ordinary = [pair for name, path in paths.items() for pair in ((name, path), (f"after {name}", paths["ordinary"]))]
    with Sandbox(PLAN, LIMITS, jobs=2, data=[PROJECT / "course"]) as sandbox:
        graded = {report.key: report for report in sandbox.run(with_ordinary)}
        graded["processes left"] = processes_below(os.getpid())
    assert len(graded) == len(with_ordinary) + 1
    return graded


def processes_below(process: int) -> dict[int, str]:
    """The zygote and its children, below this process: their commands by their ids."""
    rows = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    parents = {int(row.split()[0]): (int(row.split()[1]), row.split(None, 2)[2]) for row in rows}
    below = {process}
    for _ in range(5):
        below |= {child for child, (parent, _) in parents.items() if parent in below}
    return {each: parents[each][1] for each in below - {process} if parents[each][1].startswith(sys.executable)}


def answer(report):
    """What `answer()` gave back."""
    (reply,) = report.replies["answer"]
    return reply.result if isinstance(reply, Reply) else reply


def stops(report):
    return [(stop.where, stop.why) for stop in report.stops]


def is_right(report) -> bool:
    """Whether everything of an ordinary submission came back, and nothing else."""
    first, second = report.replies["double"]
    np.testing.assert_array_equal(first.result, 2 * X)
    np.testing.assert_array_equal(second.result, 2 * X + 2)
    return answer(report) == 42 and not report.problem


# What comes back


def test_right_answers_come_back(reports):
    report = reports["ordinary"]
    assert is_right(report)
    np.testing.assert_array_equal(report.replies["double"][1].arguments[0], X + 1)
    assert (report.stops, report.notices, dict(report.cell_failures)) == ((), (), {})
    assert [(cell.kind, cell.grade_id) for cell in report.cells][:2] == [("code", "imports"), ("code", "double")]
    assert report.cells[1].source == DOUBLE[1]


def test_every_other_submission_is_unaffected(reports):
    after = [report for key, report in reports.items() if key.startswith("after ")]
    assert len(after) == len(SUBMISSIONS) + len(FILES)
    assert all(is_right(report) and not report.stops for report in after)


def test_a_failing_cell_is_recorded_and_the_run_goes_on(reports):
    report = reports["failing cell"]
    assert is_right(report)
    assert dict(report.cell_failures) == {0: Failure("AttributeError", "'int' object has no attribute 'missing'", "x.missing  # here")}


@pytest.mark.parametrize(("key", "kind"), [("raising answer", "ValueError"), ("exiting answer", "SystemExit")])
def test_an_exception_is_an_answer(reports, key, kind):
    assert answer(reports[key]).kind == kind


def test_a_given_cell_that_plots_is_skipped_while_it_is_unedited(reports):
    assert not reports["skipped cell"].cell_failures
    assert reports["edited skipped cell"].cell_failures[0].message == "edited"


def test_graded_is_what_stood_at_the_check(reports):
    assert is_right(reports["redefined later"])
    assert reports["redefined later"].notices == ("answer is defined in cells 4, 6; graded is what it was when its check was reached.",)


def test_a_notebook_without_metadata_is_graded_by_name(reports):
    assert is_right(reports["checked without metadata"])
    assert "lost" in reports["checked without metadata"].notices[0]


def test_what_is_defined_below_its_check_is_found(reports):
    assert answer(reports["defined below its check"]) == 42


def test_code_that_asks_for_threads_still_answers(reports):
    assert is_right(reports["helpers and threads"])


def test_a_data_loader_with_workers_runs(reports):
    assert answer(reports["data loader"]) == (6.0, 22.0)


# What never ends, or takes too much


def test_an_endless_cell_is_left_out(reports):
    report = reports["endless cell"]
    assert is_right(report)
    assert [(stop.where, stop.why, stop.index) for stop in report.stops] == [("cell 1", "timeout", 0)]


@pytest.mark.parametrize("key", ["endless answer", "endless answer, alarm off"])
def test_an_endless_answer_costs_only_its_exercise(reports, key):
    assert stops(reports[key]) == [("answer", "timeout")]
    assert reports[key].replies["answer"] == ()
    np.testing.assert_array_equal(reports[key].replies["double"][0].result, 2 * X)


def test_an_exercise_that_was_stopped_keeps_what_came_before(reports):
    report = reports["endless second call"]
    assert stops(report) == [("double", "timeout")]
    np.testing.assert_array_equal(report.replies["double"][0].result, 2 * X)
    assert (len(report.replies["double"]), answer(report)) == (1, 42)


def test_too_much_memory_is_a_memory_error(reports):
    assert answer(reports["memory"]).kind == "MemoryError"


def test_memory_is_counted_over_all_processes(reports):
    assert stops(reports["memory of many"]) == [("cell 1", "memory")]
    assert is_right(reports["memory of many"])
    assert reports["memory of many"].peak_bytes > LIMITS.memory_bytes


def test_a_fork_bomb_is_named(reports):
    assert stops(reports["fork bomb"]) == [("cell 1", "processes")]
    assert is_right(reports["fork bomb"])


def test_an_answer_that_is_too_large_ends_the_run(reports):
    assert stops(reports["large answer"]) == [("answer", "output")]


@pytest.mark.parametrize("key", ["output flood", "garbage"])
def test_a_worker_that_writes_nonsense_is_ended(reports, key):
    assert stops(reports[key]) == [("cell 1", "output")]
    assert is_right(reports[key])


def test_printing_is_free(reports):
    assert is_right(reports["printing"])
    assert not reports["printing"].stops


def test_the_disk_is_small(reports):
    assert is_right(reports["disk"])
    assert reports["disk"].cell_failures[0].kind == "OSError"


# What ends the process


@pytest.mark.parametrize("key", ["exit in a cell", "segfault in a cell", "kill everybody"])
def test_a_cell_that_ends_the_worker_is_left_out(reports, key):
    assert stops(reports[key]) in ([("cell 1", "exit")], [])
    assert is_right(reports[key])


@pytest.mark.parametrize("key", ["exit in an answer", "segfault in an answer"])
def test_an_answer_that_ends_the_worker_costs_only_its_exercise(reports, key):
    assert stops(reports[key]) == [("answer", "exit")]
    np.testing.assert_array_equal(reports[key].replies["double"][0].result, 2 * X)


def test_after_three_repeats_the_rest_is_stopped(reports):
    report = reports["five endings"]
    assert stops(report) == [*((f"cell {n}", "exit") for n in (1, 2, 3, 4)), ("double", "exit"), ("answer", "exit")]
    assert dict(report.replies) == {"double": (), "answer": ()}


def test_nothing_is_left_running(reports):
    assert is_right(reports["leftovers"])
    assert len(reports["processes left"]) == 1  # the zygote


# What looks around


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("files", ()),
        ("own folder", ("autograder.py", "course", "worker")),
        ("descriptors", 1),
        ("writing", ()),
        ("network", 97),
        ("system calls", (-1, -1, -1)),
        ("the course's package", "/app/course/__init__.py"),
        ("the grader's module", (False, True)),
    ],
)
def test_there_is_nothing_to_find(reports, key, seen):
    assert answer(reports[key]) == seen


def test_a_worker_sees_only_its_own_processes(reports):
    assert len(answer(reports["processes"])) == 2


def test_patching_pytorch_changes_only_the_students_own_numbers(reports):
    assert answer(reports["patched comparison"]) == 41


# What writes frames of its own


@pytest.mark.parametrize("key", ["forged cell", "forged notice"])
def test_cells_and_notices_are_not_believed_once_student_code_runs(reports, key):
    report = reports[key]
    assert stops(report) == [("cell 1", "output")]
    assert is_right(report)
    assert (len(report.cells), report.notices) == (1 + len(ORDINARY), ())


def test_an_early_end_earns_nothing(reports):
    assert stops(reports["forged end"]) == [("double", "exit"), ("answer", "exit")]
    assert dict(reports["forged end"].replies) == {"double": (), "answer": ()}


# What cannot be read


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("no JSON", "JSON"),
        ("deep JSON", "JSON"),
        ("old format", "format 4"),
        ("too large", "larger than 4 MB"),
        ("link", "link"),
        ("folder", "regular file"),
        ("pipe", "regular file"),
        ("missing", "No such file"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(reports, key, word):
    assert word in reports[key].problem
    assert (reports[key].cells, dict(reports[key].replies)) == ((), {})


# When the sandbox itself fails


@pytest.mark.slow
def test_a_jail_that_cannot_be_built_grades_nobody_and_says_why(tmp_path):
    (tmp_path / "1.ipynb").write_bytes(SUBMISSIONS["ordinary"])
    with Sandbox(PLAN, Limits(disk_bytes=-1)) as sandbox, pytest.raises(SandboxError, match="mount /box"):
        list(sandbox.run([("ordinary", tmp_path / "1.ipynb")]))


@pytest.mark.slow
def test_a_zygote_that_dies_is_replaced_and_nobody_loses(tmp_path):
    path = tmp_path / "1.ipynb"
    path.write_bytes(beginning("import time\ntime.sleep(1)"))
    with Sandbox(PLAN, LIMITS, jobs=2) as sandbox:
        running = sandbox.run((str(number), path) for number in range(6))
        graded = [next(running)]
        zygote = min(process for process, command in processes_below(os.getpid()).items() if "worker.zygote" in command)
        os.kill(zygote, signal.SIGKILL)
        graded += running
    assert sorted(report.key for report in graded) == list("012345")
    assert all(is_right(report) and not report.stops for report in graded)


# Without a sandbox


def test_without_a_sandbox_the_same_comes_back(tmp_path):
    paths = {"ordinary": tmp_path / "1.ipynb", "endless cell": tmp_path / "2.ipynb"}
    for key, path in paths.items():
        path.write_bytes(SUBMISSIONS[key])
    with Unsandboxed(PLAN, Limits(seconds=3), jobs=2) as grader:
        graded = {report.key: report for report in grader.run(paths.items())}
    assert all(is_right(report) for report in graded.values())
    assert stops(graded["endless cell"]) == [("cell 1", "timeout")]


def test_a_machine_that_is_not_linux_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "namespaces" in available.__wrapped__()
