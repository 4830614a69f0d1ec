"""A lesson's source, cell by cell: what each cell is, from the one key of its marker."""

import sys
from dataclasses import dataclass
from pathlib import Path

# jsonschema, which jupytext and nbgrader import, builds a grammar of international addresses if it finds this package: 1.7 s for
# a check that no notebook asks for. It does without if the import fails.
sys.modules.setdefault("rfc3987_syntax", None)

import jupytext  # noqa: E402

ROOT = Path(__file__).parent.parent
SOLUTIONS = ROOT / "solutions"

#: The keys by which a cell says what it is; given code and text have none.
ROLES = ("exercise", "check", "question", "look")


@dataclass(frozen=True)
class SourceCell:
    """kind: "code" or "markdown". role: one of ROLES, or "" for given code and text. name: the exercise, question or picture."""

    kind: str
    source: str
    role: str = ""
    name: str = ""
    points: float = 0.0


def source_file(stem: str) -> Path:
    """Where the lesson's source is. Raises FileNotFoundError where the instructors' files are absent: in a wheel, a student's bundle."""
    path = SOLUTIONS / f"{stem}.py"
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is not here: the lessons' sources are in the instructors' clone only")
    return path


def read(stem: str) -> list[SourceCell]:
    """The cells of a lesson's source, in order. Raises ValueError for a marker that does not fit."""
    notebook = jupytext.reads(source_file(stem).read_text(encoding="utf-8"), fmt="py:percent")
    return [_cell(stem, cell) for cell in notebook.cells]


def _cell(stem: str, cell) -> SourceCell:
    roles = [role for role in ROLES if role in cell.metadata]
    unknown = set(cell.metadata) - set(ROLES) - {"points", "lines_to_next_cell", "lines_to_end_of_cell_marker"}
    where = f"{stem}.py, cell beginning {cell.source.strip().splitlines()[:1]}"
    if len(roles) > 1 or unknown:
        raise ValueError(f"{where}: expected at most one of {', '.join(ROLES)}, got {', '.join([*roles, *sorted(unknown)])}")
    role = roles[0] if roles else ""
    name = str(cell.metadata[role]) if role else ""
    if cell.cell_type != ("markdown" if role == "question" else "code") and role:
        raise ValueError(f"{where}: {role} does not go on a {cell.cell_type} cell")
    if role == "check" and cell.source.strip() != f'check("{name}")':
        raise ValueError(f'{where}: a check cell holds check("{name}") and nothing else')
    if role == "exercise" and "### BEGIN SOLUTION" not in cell.source:
        raise ValueError(f"{where}: an exercise has a ### BEGIN SOLUTION ... ### END SOLUTION")
    return SourceCell(cell.cell_type, cell.source, role, name, float(cell.metadata.get("points", 0)))
