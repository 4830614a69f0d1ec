"""The command line: lessons, check, build, audit, grade."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from autograder import lessons

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Checks, builds and grades the course's lessons.", pretty_exceptions_enable=False
)
console = Console()
errors = Console(stderr=True)

LessonOption = Annotated[str, typer.Option("--lesson", "-l", help="A lesson: 03_attention, or 03.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("lessons")
def list_lessons(as_json: Json = False) -> None:
    """List the lessons, their exercises and points."""
    rows = [(stem, name, e.points, len(e.probes)) for stem in lessons.stems() for name, e in lessons.lesson(stem).exercises.items()]
    if as_json:
        print(json.dumps([dict(zip(("lesson", "exercise", "points", "probes"), row, strict=True)) for row in rows], indent=1))
        return
    table = Table("lesson", "exercise", "points", "probes", title="Lessons")
    for row in rows:
        table.add_row(row[0], row[1], f"{row[2]:g}", str(row[3]))
    console.print(table)


@app.command()
def build(
    stems: Annotated[list[str] | None, typer.Argument(metavar="[LESSON]...", help="Lessons; all if none is named.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a build would change something.")] = False,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Also write the zip that students get.")] = None,
) -> None:
    """Make the students' notebooks and the recordings from the sources."""
    from autograder import build as builder

    chosen = _chosen(stems)
    if check:
        found = [sentence for stem in chosen for sentence in builder.stale(stem)]
        for sentence in found:
            errors.print(f"✗ {sentence}", markup=False)
        if found:
            errors.print("Run: autograder build", markup=False)
            raise typer.Exit(1)
        console.print(f"✓ {len(chosen)} lessons are built from their sources")
        return
    for stem in chosen:
        for path in builder.build(stem):
            console.print(f"wrote {path.relative_to(builder.ROOT)}", markup=False)
    if bundle:
        names = builder.bundle(bundle, chosen)
        console.print(f"wrote {bundle} ({len(names)} files)", markup=False)


@app.command()
def audit(lesson: Annotated[str, typer.Option("--lesson", "-l", help="One lesson; all by default.")] = "", as_json: Json = False) -> None:
    """Prove the checks: every misconception rejected and named, every alternative accepted."""
    from autograder.grading.audit import audit as findings_of

    findings = [f for stem in _chosen([lesson] if lesson else None) for f in findings_of(lessons.lesson(stem))]
    problems = [f for f in findings if f.problem]
    if as_json:
        print(json.dumps([vars(f) | {"margin": f"{f.margin:.3g}"} for f in findings], indent=1))
    else:
        console.print(_audit_table(findings))
        wrong, right = (sum(f.kind == kind for f in findings) for kind in ("misconception", "alternative"))
        console.print(f"{wrong} misconceptions, {right} alternatives, {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


def _audit_table(findings: list) -> Table:
    table = Table("lesson", "exercise", "variant", "margin", "", title="Audit (margins in tolerances)")
    for f in findings:
        verdict = f"[red]✗ {f.problem}" if f.problem else ("✓ rejected and named" if f.kind == "misconception" else "✓ accepted")
        table.add_row(f.lesson, f.exercise, f"{f.variant}" if f.kind != "reference" else "[dim]reference", f"{f.margin:.3g}", verdict)
    return table


def _chosen(stems: list[str] | None) -> list[str]:
    return [lessons.lesson(stem).stem for stem in stems] if stems else lessons.stems()


def main() -> None:
    """Exit code 0: fine; 1: something failed; 2: used wrongly."""
    try:
        app(standalone_mode=True)
    except (LookupError, FileNotFoundError, ValueError) as error:
        errors.print(f"autograder: {error}", markup=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
