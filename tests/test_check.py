"""What a student sees: three outcomes, in a kernel and in a terminal, and a kernel left as it was."""

import builtins
import random
import subprocess
import sys
import warnings

import nbclient
import nbformat
import numpy as np
import pytest
import torch
from classroom import STEM, right

from autograder.check import check_notebook, examine
from autograder.grading import catalogue, sample
from autograder.outcome import NotAttempted, Right, Wrong, as_html, as_text

#: What the solutions of the lesson stand on.
PRELUDE = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n"


@pytest.fixture
def kernel() -> dict:
    """The names of a notebook in which everything is right."""
    names: dict = {}
    exec(PRELUDE, names)
    for name, code in right().items():
        if "def " in code or "class " in code:
            exec(compile(code, name, "exec"), names)
    return names


def test_a_right_answer_is_told_what_to_notice(kernel):
    outcome = examine("softmax", kernel)
    assert isinstance(outcome, Right) and len(outcome.note) > 20


def test_a_missing_name_and_a_stub_are_not_attempted(kernel):
    del kernel["softmax"]
    assert isinstance(examine("softmax", kernel), NotAttempted)
    exec("def softmax(x, dim):\n    raise NotImplementedError", kernel)
    assert isinstance(examine("softmax", kernel), NotAttempted)


def test_a_misconception_is_named_and_no_answer_is_given_away(kernel):
    its = catalogue.load(STEM)
    wrong = next(v for v in its.wrong("softmax") if v.name == "softmax_always_last")
    kernel["softmax"] = wrong.thing
    outcome = examine("softmax", kernel)
    assert isinstance(outcome, Wrong) and outcome.hint == str(wrong.sentence)
    assert "amax" not in as_text(outcome) and "exp(" not in as_text(outcome)


def test_an_uncatalogued_mistake_gets_its_first_difference_in_words(kernel):
    exec("def causal_mask(length):\n    return torch.zeros(length + 3, 2)", kernel)
    outcome = examine("causal_mask", kernel)
    assert isinstance(outcome, Wrong) and "expected shape" in outcome.reason and outcome.hint == ""


def test_an_error_shows_the_students_own_line(kernel):
    import linecache

    code = "def softmax(x, dim):\n    y = x.exp()\n    return y.missing_method()\n"
    linecache.cache["<mine>"] = (len(code), None, code.splitlines(keepends=True), "<mine>")
    exec(compile(code, "<mine>", "exec"), kernel)
    outcome = examine("softmax", kernel)
    assert "AttributeError" in outcome.reason and "return y.missing_method()" in outcome.reason


def test_what_a_student_wrote_is_escaped(kernel):
    exec("def softmax(x, dim):\n    raise ValueError('<script>alert(1)</script>')", kernel)
    assert "<script>" not in as_html(examine("softmax", kernel))


def test_an_unknown_exercise_is_an_error_that_lists_the_known_ones(kernel):
    with pytest.raises(LookupError, match="softmax"):
        examine("soft_max", kernel)


def test_the_process_is_left_as_it_was(kernel):
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    before = torch.get_rng_state().clone(), np.random.get_state()[1].copy(), random.getstate(), list(warnings.filters)
    switches = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    names = {name: value for name, value in kernel.items() if name != "__builtins__"}
    modules = list(sys.path), sys.stdout
    exec("def softmax(x, dim):\n    torch.manual_seed(1); torch.set_default_dtype(torch.float64); return torch.rand(3)", kernel)
    names["softmax"] = kernel["softmax"]
    examine("softmax", kernel)
    examine("SelfAttention", kernel)
    assert torch.equal(torch.get_rng_state(), before[0]) and (np.random.get_state()[1] == before[1]).all()
    assert random.getstate() == before[2] and list(warnings.filters) == before[3]
    assert (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()) == switches
    assert {name: value for name, value in kernel.items() if name != "__builtins__"} == names
    assert (list(sys.path), sys.stdout) == modules


def test_in_a_kernel_it_is_html_and_in_a_terminal_text():
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("from autograder import check\nimport torch\ndef softmax(x, dim): return torch.softmax(x, dim)"),
            nbformat.v4.new_code_cell('check("softmax")'),
        ]
    )
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[1].outputs
    assert "✓ right" in output.data["text/html"] and "✓ softmax: right" in output.data["text/plain"]
    code = "from autograder import check\nimport torch\ndef softmax(x, dim): return torch.softmax(x, dim)\ncheck('softmax')"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    assert told.startswith("✓ softmax: right")


def test_a_notebook_can_be_checked_from_the_shell(tmp_path, monkeypatch):
    # A notebook takes over its process as a kernel would; this process is to get its own back.
    monkeypatch.setattr(builtins, "input", builtins.input)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    sample.write({"mine": sample.notebook(STEM, {"softmax": right()["softmax"]})}, tmp_path)
    outcomes = {outcome.exercise: outcome for outcome in check_notebook(tmp_path / "mine.ipynb")}
    assert isinstance(outcomes.pop("softmax"), Right)
    assert {type(outcome) for outcome in outcomes.values()} == {NotAttempted}


def test_what_is_no_notebook_is_explained(tmp_path):
    (tmp_path / "mine.ipynb").write_text("hello", encoding="utf-8")
    with pytest.raises(ValueError, match="not a notebook"):
        list(check_notebook(tmp_path / "mine.ipynb"))
