"""From a notebook's bytes to cells, and a namespace to run them in. Runs where student code runs; everything it reads is hostile."""

import ast
import asyncio
import builtins
import inspect
import json
import linecache
import random
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from IPython.core.inputtransformer2 import TransformerManager

from .verbs import Failure, failure

MAX_CELLS = 5_000

#: `%%time` and the like run the rest of the cell; so do we, untimed. Any other cell magic holds no Python of ours to run.
_TIMING_CELL = re.compile(r"\s*%%(time|timeit|capture|prun)\b.*")
_TIMING_LINE = {"time", "timeit", "prun"}
_TIMING_OPTIONS = re.compile(r"(-([nrplsTD]\s*\S+|[a-zA-Z]+)\s+)*")

#: Cells that IPython would leave as they are: no magics, shell commands, help or prompts, and no indent to remove.
_PLAIN = re.compile(r"(?![ \t>]|In \[)[^%!?]*")

_transform = TransformerManager().transform_cell


class Unreadable(Exception):
    """The file is no notebook that can be graded. The message is a sentence for the student."""


class Source(NamedTuple):
    """One cell as submitted. kind: "code" or "markdown" (raw cells too: text that is only shown)."""

    kind: str
    text: str
    grade_id: str


def read_notebook(data: bytes) -> list[Source]:
    """The cells of a notebook file, in order. Raises Unreadable."""
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable("The file is not a notebook: it is not valid JSON.") from None
    if not isinstance(notebook, dict) or ("cells" not in notebook and "worksheets" not in notebook):
        raise Unreadable("The file is not a notebook: it is JSON without cells.")
    if "worksheets" in notebook or notebook.get("nbformat", 4) != 4:
        raise Unreadable("The notebook is not in format 4. Open it in Jupyter, save it again, and submit that file.")
    cells = notebook["cells"]
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        raise Unreadable(f"The file is not a notebook: its cells are not a list of at most {MAX_CELLS:,}.")
    return [_source(cell) for cell in cells]


def _source(cell: Any) -> Source:
    try:
        text = cell["source"]
        if isinstance(text, list):
            text = "".join(text)
        kind = "code" if cell["cell_type"] == "code" else "markdown"
        metadata = cell.get("metadata")
        nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
        return Source(kind, _clean(text), _clean(grade_id)[:200] if isinstance(grade_id, str) else "")
    except (TypeError, KeyError, AttributeError):
        raise Unreadable("The file is not a notebook: one of its cells has no type or no source.") from None


def _clean(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class Code:
    """A code cell as Python: magics rewritten as IPython rewrites them. filename: as it stands in tracebacks, "<cell 7>"."""

    text: str
    filename: str

    @cached_property
    def python(self) -> str:
        """Plain Python. Where IPython cannot rewrite the cell, it stays as it is, and its syntax error is in the student's own words."""
        lines = self.text.splitlines(keepends=True)
        for place, line in enumerate(lines):
            if _TIMING_CELL.fullmatch(line.rstrip("\r\n")):
                lines[place] = "\n"
            elif line.strip():
                break
        if _PLAIN.fullmatch(self.text):
            return self.text
        try:
            return _transform("".join(lines))
        except Exception:  # IPython's tokenizer raises many things for broken code
            return "".join(lines)

    @cached_property
    def tree(self) -> ast.Module | None:
        """The parsed cell, or None where it has a syntax error."""
        try:
            return ast.parse(self.python, self.filename)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    @property
    def defines(self) -> set[str]:
        """The names that the cell's outermost statements bind with def, class or =."""
        names = set()
        for statement in self.tree.body if self.tree else ():
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(statement.name)
            elif isinstance(statement, ast.Assign):
                names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        return names

    @property
    def imports(self) -> set[str]:
        """The modules that the cell's outermost statements import."""
        names = set()
        for statement in self.tree.body if self.tree else ():
            if isinstance(statement, ast.Import):
                names |= {alias.name for alias in statement.names}
            elif isinstance(statement, ast.ImportFrom) and statement.module:
                names |= {statement.module, *(f"{statement.module}.{alias.name}" for alias in statement.names)}
        return names

    @property
    def checks(self) -> set[str]:
        """The exercises that the cell calls check("...") for."""
        if "check" not in self.text or self.tree is None:
            return set()
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        ours = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "check")
        return {
            argument.value
            for call in ours
            for argument in call.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        }

    def compiled(self) -> types.CodeType:
        """Byte code. Raises SyntaxError and what else the compiler raises."""
        tree = self.tree or ast.parse(self.python, self.filename)
        return compile(tree, self.filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


class Kernel:
    """One namespace that cells run in, one after the other: the `__main__` module of a notebook."""

    def __init__(self) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module  # where dataclasses and pickle look for a class of the notebook
        builtins.input = _no_input
        self.namespace: dict[str, Any] = module.__dict__
        shell = Shell(self)
        self.namespace.update(get_ipython=lambda: shell, display=lambda *things, **how: None, __builtins__=builtins)

    def run(self, code: Code, seed: int) -> Failure | None:
        """Run a cell, its random numbers seeded. Returns what it raised, whatever that was, or None."""
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        try:
            self.execute(code)
        except SyntaxError as error:
            return Failure(type(error).__name__, str(error.msg)[:2000], str(error.text or "").strip()[:200])
        except BaseException as error:  # a cell that calls sys.exit() must not end the grading of the next
            return failure(error, self.namespace)
        return None

    def execute(self, code: Code) -> None:
        """Run code in the namespace, awaiting it where it awaits at its outermost level. Raises what it raises."""
        linecache.cache[code.filename] = (len(code.python), None, code.python.splitlines(keepends=True), code.filename)
        compiled = code.compiled()
        if compiled.co_flags & inspect.CO_COROUTINE:
            asyncio.run(self._awaited(compiled))
        else:
            exec(compiled, self.namespace)

    async def _awaited(self, compiled: types.CodeType) -> None:
        await eval(compiled, self.namespace)

    def evaluate(self, text: str) -> Any:
        """The value of an expression; for a statement, run it. What `%time` does, untimed."""
        code = Code(text, "<magic>")
        try:
            expression = compile(text.strip(), code.filename, "eval")
        except SyntaxError:
            return self.execute(code)
        return eval(expression, self.namespace)


class Shell:
    """What get_ipython() returns: magics that time run what they time; all others, and shell commands, do nothing."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.user_ns = kernel.namespace

    def run_line_magic(self, name: str, line: str = "", *_: Any, **__: Any) -> Any:
        if name in _TIMING_LINE and line.strip():
            return self._kernel.evaluate(line[_TIMING_OPTIONS.match(line).end() :])
        return None

    def run_cell_magic(self, name: str, line: str = "", cell: str = "") -> None:
        """Cell magics that time were unwrapped before; the body of any other is not Python, or not for this kernel."""

    def magic(self, text: str) -> Any:
        name, _, line = text.lstrip("%").partition(" ")
        return self.run_line_magic(name, line)

    def system(self, command: str) -> None:
        """There is no shell."""

    def getoutput(self, command: str, *_: Any, **__: Any) -> list[str]:
        return []


def _no_input(prompt: object = "") -> str:
    raise RuntimeError("input() has nobody to ask while a notebook is graded.")


def notices(cells: list[Source], codes: Mapping[int, Code], exercises: set[str], given: Mapping[str, str]) -> list[str]:
    """Sentences about the notebook as a whole: lost metadata, locked cells that were edited, exercises defined more than once."""
    said = []
    by_id = {cell.grade_id: cell for cell in cells if cell.grade_id}
    checked = set().union(*(code.checks for code in codes.values()))
    lost = sorted(name for name in exercises if f"{name}-check" not in by_id)
    if lost == sorted(exercises) and not by_id.keys() & given.keys():
        said.append("The cells have lost nbgrader's metadata; the exercises were found by their names.")
    elif lost:
        found = ", ".join(name for name in lost if name in checked) or "none"
        said.append(f"The cells that check {', '.join(lost)} are missing or have lost their metadata; found by name: {found}.")
    if by_id.keys() & given.keys():
        missing = [grade_id for grade_id in given if grade_id not in by_id]
        edited = [grade_id for grade_id in given if grade_id in by_id and not same(by_id[grade_id].text, given[grade_id])]
        said += [f"Given cells are missing: {', '.join(missing)}."] if missing else []
        said += [f"Given cells were edited: {', '.join(edited)}."] if edited else []
    for name in sorted(exercises):
        places = [index + 1 for index, code in codes.items() if name in code.defines]
        if len(places) > 1:
            said.append(f"{name} is defined in cells {', '.join(map(str, places))}; graded is what it was when its check was reached.")
    return said


def same(source: str, released: str) -> bool:
    """Whether a cell's source is the released one. Editors add and drop line ends, and spaces before them."""
    return [line.rstrip() for line in source.strip().splitlines()] == [line.rstrip() for line in released.strip().splitlines()]
