"""The project around the code: what is installed, what students get, and what its files must not say."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

PYPROJECT = "pyproject.toml"

# Where conda-forge calls a package something else.
CONDA_NAMES = {"torch": "pytorch", "build": "python-build"}

# Imported only where a user asks for it, with a message that says what to install.
OPTIONAL = {"mne"}

REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?P<range>[^;\s]*)")


def name_and_range(requirement: str) -> tuple[str, str]:
    """'numpy>=2.0,<3' to ('numpy', '>=2.0,<3'); a marker behind ';' is left out."""
    match = REQUIREMENT.match(requirement)
    assert match, f"not a requirement: {requirement!r}"
    return match["name"].lower(), match["range"]


def imported(folder: Path) -> set[str]:
    """The top-level names that a package's files import, wherever in the file."""
    names = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names


def requirements_of(package: str) -> set[str]:
    """What an installed package always needs; nothing for one that this system has no use for."""
    try:
        listed = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return set()
    return {name_and_range(one)[0] for one in listed if "extra ==" not in one}


def tracked_files(project: Path) -> list[Path]:
    """The files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=project, capture_output=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.decode("utf-8").split("\0") if name]
    return [project / name for name in names if (project / name).is_file()]


@pytest.fixture(scope="module")
def declared(project: Path) -> dict[str, str]:
    """Name to version range of all that pyproject.toml asks for, extras included."""
    metadata = tomllib.loads((project / PYPROJECT).read_text(encoding="utf-8"))["project"]
    extras = metadata["optional-dependencies"].values()
    return dict(map(name_and_range, [*metadata["dependencies"], *(one for extra in extras for one in extra)]))


@pytest.fixture(scope="module")
def environment(project: Path) -> dict:
    return yaml.safe_load((project / "environment.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names inside the wheel, built from a copy so that no build folder is left in the project."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in (PYPROJECT, "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(project / name, copy)
    for name in ("autograder", "course", "solutions"):
        shutil.copytree(project / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    # What must stay out is there to be taken, whatever the state of the project.
    (copy / "autograder" / "grading").mkdir(exist_ok=True)
    (copy / "autograder" / "grading" / "reference.py").touch()
    (copy / "autograder" / "worker").mkdir(exist_ok=True)
    (copy / "autograder" / "answers").mkdir(exist_ok=True)
    (copy / "autograder" / "answers" / "99_test.safetensors").touch()
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "--quiet"]
    subprocess.run(command, cwd=copy, check=True)
    (built,) = (copy / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_conda_environment_asks_for_the_same_packages_and_versions(environment: dict, declared: dict[str, str]) -> None:
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    listed = [
        entry for entry in environment["dependencies"] if isinstance(entry, str) and name_and_range(entry)[0] not in ("python", "pip")
    ]
    listed += [entry for entry in pip if not entry.startswith("-e")]
    assert dict(map(name_and_range, listed)) == {CONDA_NAMES.get(name, name): range_ for name, range_ in declared.items()}


def test_conda_environment_has_the_same_python_and_installs_the_project(environment: dict, project: Path) -> None:
    metadata = tomllib.loads((project / PYPROJECT).read_text(encoding="utf-8"))["project"]
    assert f"python{metadata['requires-python']}" in environment["dependencies"]
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert "-e ." in pip


@pytest.mark.parametrize(
    ("package", "version"),
    [("torch", "2.11"), ("numpy", "2.1"), ("plotly", "5.24"), ("pandas", "2.2"), ("ipython", "7.34"), ("matplotlib", "3.10")],
)
def test_colabs_versions_are_accepted(declared: dict[str, str], package: str, version: str) -> None:
    from packaging.specifiers import SpecifierSet

    assert version in SpecifierSet(declared[package])


def test_every_package_that_is_imported_is_asked_for(project: Path, declared: dict[str, str]) -> None:
    # What a package needs in order to be used comes with it: nbgrader's database layer, Jinja's markup strings.
    needed = {one for name in declared for one in requirements_of(name)}
    known = {*declared, *needed}
    distributions = importlib.metadata.packages_distributions()
    ours = {"autograder", "course"}
    for name in (imported(project / "autograder") | imported(project / "course")) - ours - OPTIONAL - sys.stdlib_module_names:
        providers = {provider.lower() for provider in distributions.get(name, [])}
        assert providers & known, f"{name} is imported, but pyproject.toml does not ask for it"


def test_the_light_package_is_enough_for_check_and_the_command_line() -> None:
    instructors_only = ["h5py", "jupytext", "nbclient", "nbconvert", "nbformat", "nbgrader", "pandas", "pynwb", "scipy", "sklearn"]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({instructors_only}))"
    ran = subprocess.run([sys.executable, "-c", f"{blocked}; import autograder.__main__, course.plots"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_wheel_has_what_a_notebook_needs(wheel: list[str]) -> None:
    assert "autograder/__init__.py" in wheel
    assert "autograder/answers/99_test.safetensors" in wheel
    assert [name for name in wheel if name.startswith("autograder/worker/")]
    assert [name for name in wheel if name.endswith("LICENSE")]


def test_wheel_has_no_answers_and_no_grading(wheel: list[str]) -> None:
    assert [name for name in wheel if "solutions" in name or "grading" in name or "misconceptions" in name] == []


def test_wheel_has_nothing_beside_the_two_packages(wheel: list[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info" not in name} <= {"autograder", "course"}


def test_no_file_names_a_registry_or_a_folder_of_the_authors_machine(project: Path) -> None:
    # In two halves each, so that this file does not name them either.
    halves = [("pypi", ".org"), ("pythonhosted", ".org"), ("download.pytorch", ".org"), ("npmjs", ".org"), ("npmjs", ".com")]
    halves += [
        ("anaconda", ".org"),
        ("deb.debian", ".org"),
        ("/work/", "main"),
        ("/work/", "shared"),
        ("/opt/", "pypi"),
        ("/opt/", "wheels"),
    ]
    forbidden = re.compile("|".join(re.escape("".join(pair)) for pair in halves).encode("utf-8"))
    found = [
        f"{file.relative_to(project)}: {match[0].decode()}"
        for file in tracked_files(project)
        for match in forbidden.finditer(file.read_bytes())
    ]
    assert found == []


def test_every_make_command_in_the_documents_exists(project: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    documents = [project / "README.md", *sorted((project / "docs").glob("*.md"))]
    named = {
        command
        for file in documents
        for command in re.findall(r"(?:`|^)make ([a-z-]+)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    assert named, "the README names no command"
    assert named <= targets


def test_every_local_link_in_the_documents_leads_somewhere(project: Path) -> None:
    documents = [project / "README.md", *sorted((project / "docs").glob("*.md"))]
    broken = []
    for file in documents:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", file.read_text(encoding="utf-8")):
            if "://" not in target and not (file.parent / target).exists():
                broken.append(f"{file.relative_to(project)}: {target}")
    assert broken == []


def test_the_lesson_table_tells_which_lessons_are_there(project: Path) -> None:
    rows = re.findall(r"^\| (\d\d) \|(.*)$", (project / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [number for number, _ in rows] == [f"{number:02}" for number in range(10)]
    announced = {number for number, row in rows if "in preparation" not in row}
    assert announced == {notebook.name[:2] for notebook in (project / "notebooks").glob("*.ipynb")}
    assert {number for number, row in rows if f"(notebooks/{number}_" in row} == announced


def test_make_help_lists_every_command_without_installing(project: Path, tmp_path: Path) -> None:
    for name in ("Makefile", PYPROJECT):
        shutil.copy(project / name, tmp_path)
    shown = subprocess.run(["make", "help"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    for command in ("demo", "lab", "test", "bench", "build", "audit", "format"):
        assert f"make {command} " in shown
    assert not (tmp_path / ".venv").exists()


def test_set_up_without_a_fitting_python_says_what_to_do(project: Path, tmp_path: Path) -> None:
    for name in ("Makefile", PYPROJECT):
        shutil.copy(project / name, tmp_path)
    tried = subprocess.run(["make", "setup", "PYTHON=no-such-python"], cwd=tmp_path, capture_output=True, text=True)
    assert tried.returncode != 0
    assert "No Python 3.11 or newer" in tried.stdout
    assert "make setup PYTHON=" in tried.stdout


def test_set_up_with_a_python_that_lacks_ensurepip_says_what_to_install(project: Path, tmp_path: Path) -> None:
    for name in ("Makefile", PYPROJECT):
        shutil.copy(project / name, tmp_path)
    debian = tmp_path / "debian-python"
    debian.write_text(f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n', encoding="utf-8")
    debian.chmod(0o755)
    tried = subprocess.run(["make", "setup", "PYTHON=./debian-python"], cwd=tmp_path, capture_output=True, text=True)
    assert tried.returncode != 0
    assert "apt install python3-venv" in tried.stdout
    assert not (tmp_path / ".venv").exists()


def test_lab_copies_notebooks_and_never_overwrites_a_students_work(project: Path, tmp_path: Path) -> None:
    for name in ("Makefile", PYPROJECT):
        shutil.copy(project / name, tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_new.ipynb").write_text("released", encoding="utf-8")
    (tmp_path / "notebooks" / "01_begun.ipynb").write_text("released", encoding="utf-8")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "01_begun.ipynb").write_text("mine", encoding="utf-8")
    # `true` stands for the environment's interpreter, and so for JupyterLab: only the copying is of interest here.
    command = ["make", "lab", "RUN=true", "READY=Makefile"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert (tmp_path / "work" / "00_new.ipynb").read_text(encoding="utf-8") == "released"
    assert (tmp_path / "work" / "01_begun.ipynb").read_text(encoding="utf-8") == "mine"
    assert "copied work/00_new.ipynb" in shown
    assert "kept   work/01_begun.ipynb, with your changes" in shown


def test_a_failing_test_fails_the_whole_run_and_is_counted(project: Path, tmp_path: Path) -> None:
    (tmp_path / "test_sum.py").write_text("def test_right(): assert 1\n\ndef test_wrong(): assert 0\n", encoding="utf-8")
    command = [sys.executable, "tests/run_parts.py", "unit", "--tests", str(tmp_path)]
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1] == "1 passed, 1 failed"


def test_a_run_without_any_test_is_not_called_a_success(project: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "tests/run_parts.py", "leak", "--tests", str(tmp_path)], cwd=project, capture_output=True, text=True
    )
    assert ran.returncode == 1
