"""Reading a submitted notebook, and running its cells as Jupyter would, without Jupyter."""

import builtins
import json
import sys

import pytest

from autograder.worker import cells
from autograder.worker.cells import Code, Kernel, Source, Unreadable, notices, read_notebook


def notebook(*sources, **fields) -> bytes:
    listed = [{"cell_type": "code", "metadata": {}, "source": source} for source in sources]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": listed} | fields).encode()


@pytest.fixture
def kernel():
    main, ask = sys.modules["__main__"], builtins.input
    yield Kernel()
    sys.modules["__main__"], builtins.input = main, ask


def run(kernel, text, seed=0):
    return kernel.run(Code(text, "<cell 7>"), seed)


# Reading


def test_cells_keep_their_order_kind_and_id():
    source = {"cell_type": "markdown", "metadata": {"nbgrader": {"grade_id": "why"}}, "source": ["because\n", "of that"]}
    read = read_notebook(notebook(cells=[source, {"cell_type": "code", "source": "x = 1"}]))
    assert read == [Source("markdown", "because\nof that", "why"), Source("code", "x = 1", "")]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "JSON"),
        (b"\xff\xfe\xfa", "JSON"),
        (b"[" * 1_000_000, "JSON"),
        (b"[]", "without cells"),
        (b'{"cells": 3}', "list"),
        (b'{"cells": [3]}', "source"),
        (b'{"cells": [{"cell_type": "code", "source": {}}]}', "source"),
        (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "source"),
        (b'{"nbformat": 3, "worksheets": [{"cells": []}]}', "format 4"),
        (b'{"nbformat": 3, "cells": []}', "format 4"),
        (notebook(*[""] * (cells.MAX_CELLS + 1)), "at most"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_notebook_is_refused_in_words(data, word):
    with pytest.raises(Unreadable, match=word):
        read_notebook(data)


def test_half_a_surrogate_pair_is_replaced():
    assert read_notebook(b'{"cells": [{"cell_type": "code", "source": "x = \'\\ud800\'"}]}')[0].text == "x = '?'"


def test_metadata_of_the_wrong_type_count_as_lost():
    cell = {"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": 5}}}
    assert read_notebook(notebook(cells=[cell, cell | {"metadata": []}])) == [Source("code", "x", "")] * 2


# Running


def test_functions_have_the_namespace_as_their_globals(kernel):
    run(kernel, "def f():\n    return y")
    run(kernel, "y = 5")
    assert kernel.namespace["f"]() == 5
    assert kernel.namespace["f"].__globals__ is kernel.namespace


def test_a_notebook_is_the_main_module(kernel):
    assert (
        run(kernel, "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int'\nassert A.__module__ == __name__ == '__main__'")
        is None
    )


def test_a_failure_names_the_students_line(kernel):
    failed = run(kernel, "import torch\ndef f(x):\n    return x @ x   # here\nf(torch.ones(2, 3))")
    assert (failed.kind, failed.line) == ("RuntimeError", "return x @ x   # here")


def test_a_syntax_error_names_the_students_line(kernel):
    failed = run(kernel, "x = 1\ny = (2")
    assert (failed.kind, failed.line) == ("SyntaxError", "y = (2")


@pytest.mark.parametrize("text", ["import sys; sys.exit()", "raise KeyboardInterrupt", "class E(BaseException): pass\nraise E"])
def test_no_exception_ends_the_run(kernel, text):
    assert run(kernel, text).kind in ("SystemExit", "KeyboardInterrupt", "E")
    assert run(kernel, "x = 1") is None


def test_an_exception_that_cannot_say_what_it_is_is_a_failure(kernel):
    failed = run(kernel, "class E(Exception):\n    def __str__(self): raise ValueError\nraise E")
    assert (failed.kind, failed.message) == ("E", "")


@pytest.mark.parametrize(
    "text",
    [
        "%%time\nx = 42",
        "%%timeit -n 10\nx = 42",
        "%%capture out\nx = 42",
        "\n%%time\n%%capture\nx = 42",
        "%time x = 42",
        "x = %time 40 + 2",
        "x = %timeit -n 3 -r 1 -o 42",
        "%matplotlib inline\nx = 42",
        "%load_ext autoreload\n%autoreload 2\nx = 42",
        "!pip install torch\nx = 42",
        "files = !ls\nx = 42 if files == [] else 0",
        "len?\nx = 42",
        "import asyncio\nawait asyncio.sleep(0)\nx = 42",
        "get_ipython().run_line_magic('matplotlib', 'inline')\nx = 42",
        "display(1, 2)\nx = 42",
        "    x = 42",
        ">>> x = 42",
        "print('100 %')\nx = 42",
        "x = 42;",
    ],
)
def test_a_cell_runs_as_in_jupyter(kernel, text):
    assert run(kernel, text) is None
    assert kernel.namespace["x"] == 42


@pytest.mark.parametrize("text", ["%%bash\nrm -rf /", "%%html\n<b>", "%%writefile x.py\nraise ValueError", "# a comment", ""])
def test_what_is_no_python_is_left_out(kernel, text):
    assert run(kernel, text) is None


def test_nobody_answers_input(kernel):
    assert "nobody" in run(kernel, "input('name? ')").message


def test_random_numbers_depend_on_the_cell_alone(kernel):
    draw = "import torch, random, numpy as np\nx = (torch.rand(1).item(), random.random(), np.random.rand())"
    first = [run(kernel, draw, seed) or kernel.namespace["x"] for seed in (1, 2, 1)]
    assert first[0] == first[2] != first[1]


# What is said about a notebook


def test_names_that_a_cell_defines_and_checks():
    code = Code(
        "def f(): pass\nclass A: pass\nx = y = 1\nif x:\n    def hidden(): pass\nfor n in [1]:\n    check('f', 'A')\nother.check('g')",
        "<cell 1>",
    )
    assert code.defines == {"f", "A", "x", "y"}
    assert code.checks == {"f", "A"}


def said(*sources, given=None, exercises=("f",)):
    codes = {index: Code(source.text, "<cell>") for index, source in enumerate(sources) if source.kind == "code"}
    return notices(list(sources), codes, set(exercises), given or {})


SOLUTION, CHECK = Source("code", "def f(): pass", "f"), Source("code", 'check("f")', "f-check")


def test_nothing_is_said_of_an_ordinary_notebook():
    assert said(Source("code", "x = 1 \n", "imports"), SOLUTION, CHECK, given={"imports": "x = 1"}) == []


def test_an_exercise_defined_twice_is_noticed():
    (sentence,) = said(SOLUTION, CHECK, Source("code", "f = 3", ""))
    assert sentence.startswith("f is defined in cells 1, 3")


def test_lost_metadata_are_noticed():
    (sentence,) = said(*(source._replace(grade_id="") for source in (SOLUTION, CHECK)), given={"imports": "x"})
    assert "lost" in sentence


def test_a_lost_check_is_noticed():
    (sentence,) = said(SOLUTION, CHECK, Source("code", "check('g')", ""), exercises=("f", "g"))
    assert "check g " in sentence


def test_edited_and_missing_given_cells_are_noticed():
    sentences = said(Source("code", "x = 2", "imports"), SOLUTION, CHECK, given={"imports": "x = 1", "plot": "y"})
    assert sentences == ["Given cells are missing: plot.", "Given cells were edited: imports."]
