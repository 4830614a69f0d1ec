"""The command line: lessons, check, build, audit, grade."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autograder import lessons
from autograder.outcome import Right, as_text

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
def audit(
    lesson: Annotated[str, typer.Option("--lesson", "-l", help="One lesson; all by default.")] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Lessons at the same time.")] = 2,
    as_json: Json = False,
) -> None:
    """Prove the checks: every misconception rejected and named, every alternative accepted."""
    from autograder.grading.audit import audit_lessons

    chosen = _chosen([lesson] if lesson else None)
    of_lessons = track(audit_lessons(chosen, jobs), "auditing", len(chosen), console=Console(stderr=True), transient=True)
    findings = [finding for _, of_lesson in of_lessons for finding in of_lesson]
    problems = [f for f in findings if f.problem]
    if as_json:
        print(json.dumps([vars(f) | {"margin": f"{f.margin:.3g}"} for f in findings], indent=1))
    else:
        console.print(_audit_table(findings))
        wrong, right = (sum(f.kind == kind for f in findings) for kind in ("misconception", "alternative"))
        console.print(f"{wrong} misconceptions, {right} alternatives, {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


@app.command()
def check(notebook: Annotated[Path, typer.Argument(help="Your notebook.")]) -> None:
    """Run a notebook's cells here, and show what its checks say. (Cells that train or draw run too.)"""
    from autograder.check import check_notebook

    problems = 0
    for outcome in check_notebook(notebook):
        console.print(as_text(outcome), markup=False, highlight=False)
        problems += not isinstance(outcome, Right)
    raise typer.Exit(1 if problems else 0)


@app.command()
def grade(
    paths: Annotated[list[Path], typer.Argument(help="Notebooks <student>.ipynb, folders of them, or nbgrader's submitted/.")],
    lesson: LessonOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where grades, feedback and the nbgrader course go.")],
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Submissions at the same time.")] = 2,
    db: Annotated[str, typer.Option("--db", help="URL of nbgrader's database; a file under --out by default.")] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="The secret seed; by default the folder's, or a fresh one.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for each cell and each call.")] = 10.0,
    memory: Annotated[float, typer.Option("--memory", min=0.25, help="GiB for each submission.")] = 1.0,
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Run students' code unprotected, with your rights.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Grade and show; write nothing.")] = False,
) -> None:
    """Grade submissions of a lesson in the sandbox, and write grades, feedback pages and an nbgrader course."""
    from autograder.grading import desk, engine
    from autograder.grading.sandbox import Limits

    run = engine.Run(Limits(seconds=timeout, memory_gib=memory), jobs, sandboxed=not no_sandbox)
    try:
        desk.grade_class(paths, lessons.lesson(lesson), out, run, console, db or None, seed, write=not dry_run)
    except desk.CannotGrade as problem:
        errors.print(f"autograder: {problem}", markup=False)
        raise typer.Exit(2) from None


def _audit_table(findings: list) -> Table:
    table = Table(title="Audit (margins in tolerances)")
    for column in ("exercise", "variant", "margin", ""):
        table.add_column(column, overflow="fold")
    for previous, f in zip([None, *findings], findings, strict=False):
        if previous is None or previous.lesson != f.lesson:
            table.add_section()
            table.add_row(f"[bold]{f.lesson}")
        verdict = f"[red]✗ {f.problem}" if f.problem else ("✓ named" if f.kind == "misconception" else "✓ accepted")
        table.add_row(f.exercise, f.variant if f.kind != "reference" else "[dim]reference", f"{f.margin:.3g}", verdict)
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
