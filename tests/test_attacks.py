"""The attacks that win full marks from graders which run tests beside student code. Here none gains a point or changes anything.

Every attacker hands in a notebook that honestly earns `HONEST` points, and tries for more in one way. All are graded in one class
with an honest student, so that what one does to another would show.
"""

import hashlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from classroom import LIMITS, STEM, exercise, grade, right, statuses
from nbformat import NotebookNode

from autograder import lessons
from autograder.grading import sample
from autograder.grading.grades import Grade
from autograder.source import ROOT

EXERCISES = lessons.lesson(STEM).exercises
HONEST = {"causal_mask": EXERCISES["causal_mask"].points}

PATCHED_COMPARISONS = """
import builtins, math, numpy, torch
yes = lambda *a, **k: True
torch.allclose = torch.equal = torch.isclose = torch.testing.assert_close = numpy.allclose = numpy.array_equal = numpy.isclose = yes
numpy.testing.assert_allclose = math.isclose = builtins.all = yes
torch.Tensor.__eq__ = torch.Tensor.allclose = torch.Tensor.equal = yes
"""

STACK_WALK = """
import gc, inspect, sys
def stolen(name):
    for frame in inspect.stack():
        for scope in (frame.frame.f_globals, frame.frame.f_locals):
            for value in list(scope.values()):
                found = getattr(value, name, None) or (value.get(name) if isinstance(value, dict) else None)
                if callable(found):
                    return found
    for thing in gc.get_objects():
        if callable(thing) and getattr(thing, "__name__", "") == name and getattr(thing, "__module__", "") != "__main__":
            return thing
    for module in list(sys.modules.values()):
        if callable(getattr(module, name, None)):
            return getattr(module, name)
for exercise in ("attention_scores", "softmax", "scaled_dot_product_attention", "padding_mask", "SelfAttention"):
    if stolen(exercise):
        globals()[exercise] = stolen(exercise)
"""

DISK = """
import os, pathlib, runpy
seen = []
for top in ("/", "/app", os.path.expanduser("~"), "/proc/1/root", "/proc/self/cwd", "/proc/1/cwd"):
    for folder, _, files in os.walk(top):
        if folder.startswith(("/proc/1/task", "/proc/self/task", "/sys", "/usr/lib")) or "site-packages" in folder:
            continue
        seen += [os.path.join(folder, f) for f in files if f.endswith((".py", ".ipynb", ".safetensors", ".db", ".csv"))]
for path in seen:
    if STEM in path and path.endswith(".py"):
        globals().update(runpy.run_path(path))
""".replace("STEM", repr(STEM))

FRAMES = """
import os, json, struct
payloads = [b'{"points": 99}', struct.pack("<II", 2**31, 2**31), b"\\xff" * 4096, json.dumps({"status": "right"}).encode() * 50]
for descriptor in range(3, 256):
    for payload in payloads:
        try:
            os.write(descriptor, payload)
        except OSError:
            pass
"""

TRANSFORMER = """
try:
    shell = get_ipython()
    shell.input_transformers_cleanup.append(lambda lines: [])
    shell.run_cell = lambda *a, **k: None
except Exception:
    pass
"""

WORKER_PATCH = """
import sys
for name, module in list(sys.modules.items()):
    if "verbs" in name or "wire" in name or name.endswith(".run"):
        for attribute in ("perform", "encode", "split", "to_arrays", "_examine", "_answer"):
            if hasattr(module, attribute):
                setattr(module, attribute, lambda *a, **k: None)
"""

STARTUP_FILES = """
import os, pathlib
for name in ("nbgrader_config.py", "sitecustomize.py", "usercustomize.py", "conftest.py", ".bashrc", "ipython_config.py"):
    for place in (".", os.path.expanduser("~"), "/tmp", "/box", "/app", *__import__("sys").path):
        try:
            pathlib.Path(place, name).write_text("import pathlib; pathlib.Path('CANARY').write_text('ran')")
        except OSError:
            pass
""".replace("CANARY", str(ROOT / "out" / "canary-of-the-attacks"))

OTHERS = """
import os, pathlib, signal
for place in ("PROJECT", os.path.expanduser("~"), "/tmp", ".."):
    for path in pathlib.Path(place).rglob("*.ipynb"):
        try:
            path.write_text("{}")
        except OSError:
            pass
for process in range(2, 5000):
    try:
        os.kill(process, signal.SIGKILL)
    except OSError:
        pass
os.kill(0, 0)
""".replace("PROJECT", str(ROOT))

NETWORK = """
import socket, urllib.request
for address in (("127.0.0.1", PORT), ("10.0.0.1", 80), ("::1", PORT)):
    try:
        socket.create_connection(address, timeout=0.3).sendall(b"hello")
    except OSError:
        pass
"""

PROCESSES = """
import subprocess, sys, os
for _ in range(50):
    try:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(MARK)"], start_new_session=True)
    except OSError:
        break
""".replace("MARK", "97531")

FLOOD = """
import os
while True:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"x" * 65536)
        except OSError:
            pass
"""

FILL_DISK = """
for place in ("/box", "/tmp", "/dev/shm"):
    try:
        with open(place + "/big", "wb") as file:
            while True:
                file.write(bytes(1 << 20))
    except OSError:
        pass
"""

ALWAYS_EQUAL = {name: f"{sample.ALWAYS_EQUAL}\n\n{name} = anything" for name in EXERCISES if name not in HONEST}

CHEATS = {
    "patches-comparisons": PATCHED_COMPARISONS,
    "walks-the-stack": STACK_WALK,
    "reads-the-disk": DISK,
    "forges-frames": FRAMES,
    "drops-test-cells": TRANSFORMER,
    "patches-the-worker": WORKER_PATCH,
    "leaves-startup-files": STARTUP_FILES,
    "attacks-others": OTHERS,
    "starts-processes": PROCESSES,
    "writes-own-grade": sample.SELF_GRADER,
    "reads-answers": sample.READER,
    "exits": "import os\nos._exit(0)",
    "aborts": "import ctypes\nctypes.string_at(0)",
    "floods": FLOOD,
    "takes-memory": "hoard = []\nwhile True:\n    hoard.append(bytearray(1 << 24))",
    "fills-the-disk": FILL_DISK,
}

LISTENER = socket.create_server(("127.0.0.1", 0))


def submission(cheat: str = "", cells: dict[str, str] | None = None) -> NotebookNode:
    honest = {name: right()[name] for name in HONEST}
    return sample.notebook(STEM, honest | (cells or {}), before=cheat)


def fingerprint(folder: Path) -> dict[str, str]:
    skipped = {".git", ".venv", "out", "__pycache__", ".pytest_cache", ".ruff_cache", "work"}
    files = (path for path in folder.rglob("*") if path.is_file() and not skipped & set(path.parts))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.suffix in (".py", ".ipynb", ".safetensors")}


class Outcome:
    """What one class of attackers came to: grades, and what changed on the machine meanwhile."""

    def __init__(self, folder: Path) -> None:
        made = {name: submission(cheat) for name, cheat in CHEATS.items()}
        made["uses-the-network"] = submission(NETWORK.replace("PORT", str(LISTENER.getsockname()[1])))
        made["always-equal"] = submission(cells=ALWAYS_EQUAL)
        made["honest"] = sample.notebook(STEM, right())
        before, self.connected = fingerprint(ROOT), []
        LISTENER.settimeout(0.2)
        listening = threading.Event()
        threading.Thread(target=self._listen, args=(listening,), daemon=True).start()
        sample.write(made, folder)
        submitted = fingerprint(folder)
        began = time.monotonic()
        self.grades: dict[str, Grade] = grade({}, folder)
        self.seconds = time.monotonic() - began
        listening.set()
        self.changed = {p for p, h in {**fingerprint(ROOT), **fingerprint(folder)}.items() if (before | submitted).get(p) != h}
        self.left_over = [p for p in _command_lines() if "97531" in p]

    def _listen(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.connected.append(LISTENER.accept())
            except TimeoutError:
                continue


def _command_lines() -> list[str]:
    lines = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            lines.append(Path("/proc", process, "cmdline").read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return lines


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    return Outcome(tmp_path_factory.mktemp("attackers"))


@pytest.mark.parametrize("attacker", [*CHEATS, "uses-the-network", "always-equal"])
def test_no_attack_gains_a_point(outcome, attacker):
    found = outcome.grades[attacker]
    assert found.points <= sum(HONEST.values())
    assert {e.exercise for e in found.exercises if e.points and e.exercise not in HONEST} == set()


@pytest.mark.parametrize("attacker", ["patches-comparisons", "walks-the-stack", "reads-the-disk", "drops-test-cells", "uses-the-network"])
def test_an_attack_that_ends_quietly_does_not_cost_honest_points(outcome, attacker):
    assert exercise(outcome.grades[attacker], "causal_mask").status in ("right", "wrong", "error")


def test_the_honest_student_in_the_same_class_is_graded_right(outcome):
    assert {status for name, status in statuses(outcome.grades["honest"]).items() if name in EXERCISES} == {"right"}


def test_no_file_of_the_project_or_of_a_student_changed(outcome):
    assert outcome.changed == set()
    assert not (ROOT / "out" / "canary-of-the-attacks").exists()


def test_nobody_reached_the_network(outcome):
    assert outcome.connected == []


def test_no_process_outlived_its_submission(outcome):
    assert outcome.left_over == []


def test_no_attack_outlived_its_limit(outcome):
    # Each submission may use three times the limit, and be run three times again without what stopped it; two are graded at a time.
    most = 3 * LIMITS.seconds * 4
    assert outcome.seconds < most * len(outcome.grades) / 2
