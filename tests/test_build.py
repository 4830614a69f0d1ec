"""From source to notebook: what a marker becomes, what is refused, and that a build depends on nothing but its source."""

import json
import subprocess
import sys

import pytest
from classroom import STEM

from autograder import build, lessons, source


@pytest.fixture
def cells() -> dict[str, dict]:
    notebook = json.loads(build.as_text(build.student_notebook(STEM)))
    return {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in notebook["cells"] if "nbgrader" in cell["metadata"]}


def test_a_stub_has_its_docstring_and_raises(cells):
    code = cells["softmax"]["source"]
    assert '"""' in code and build.STUB in code and "SOLUTION" not in code
    names: dict = {}
    exec("import torch\n" + code, names)
    with pytest.raises(NotImplementedError):
        names["softmax"](None, 0)


def test_points_are_those_of_the_probes(cells):
    for name, exercise in lessons.lesson(STEM).exercises.items():
        assert cells[f"{name}-check"]["metadata"]["nbgrader"]["points"] == exercise.points


def test_check_cells_are_locked_and_pictures_are_not(cells):
    assert cells["softmax-check"]["metadata"]["editable"] is False
    looks = [cell.name for cell in source.read(STEM) if cell.role == "look"]
    assert looks and all("editable" not in cells[name]["metadata"] for name in looks)


def test_a_model_answer_stays_behind(cells):
    questions = [cell for cell in source.read(STEM) if cell.role == "question"]
    assert questions and all(cells[q.name]["source"] == build.ANSWER_STUB for q in questions)


def test_points_and_addresses_are_filled_in():
    text = build.as_text(build.student_notebook(STEM))
    assert "{points:" not in text and "COLAB_URL" not in text


def test_a_build_in_another_process_is_the_same_bytes():
    code = f"from autograder import build; print(build.as_text(build.student_notebook({STEM!r})), end='')"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}, timeout=120).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] == build.notebook_file(STEM).read_bytes()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('# %% excercise="softmax"\ndef softmax(): pass\n', "expected at most one of"),
        ('# %% exercise="softmax"\ndef softmax(): pass\n', "BEGIN SOLUTION"),
        ('# %% check="softmax"\ncheck("soft_max")\n', "nothing else"),
        ('# %% question="why"\n1\n', "does not go on a code cell"),
    ],
)
def test_a_marker_that_does_not_fit_is_refused(tmp_path, monkeypatch, text, complaint):
    monkeypatch.setattr(source, "SOLUTIONS", tmp_path)
    (tmp_path / "99_try.py").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        source.read("99_try")


def test_a_missing_source_is_explained():
    with pytest.raises(FileNotFoundError, match="instructors' clone"):
        source.read("99_absent")


def test_the_command_line_has_help_and_exit_codes():
    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", "autograder", *words], capture_output=True, text=True, timeout=120)

    assert run("--help").returncode == 0
    listed = run("lessons", "--json")
    assert listed.returncode == 0 and {"lesson", "exercise", "points", "probes"} == set(json.loads(listed.stdout)[0])
    assert run("build", "no-such-lesson").returncode == 2
    assert run("no-such-command").returncode == 2
    refused = run("grade", "nowhere", "--lesson", "03", "--out", "nowhere-either")
    assert refused.returncode == 2 and "neither a notebook nor a folder" in refused.stderr.replace("\n", " ")
