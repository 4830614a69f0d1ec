"""Grading a class, from notebooks on disk to marks: what is right earns, what is wrong is named, what breaks costs only itself."""

import csv
import json

import pytest
from classroom import STEM, exercise, grade, graded, marker, right, statuses
from nbformat.v4 import new_code_cell

from autograder import lessons
from autograder.grading import desk, engine, intake, sample
from autograder.grading.sandbox import Limits
from autograder.probe import PUBLIC_SEEDS

EXERCISES = list(lessons.lesson(STEM).exercises)


def variants(folder: str, its: list) -> dict:
    return {f"{folder}-{i:03}": (v.exercise, v.name) for i, v in enumerate(its)}


class TestWholeCatalogue:
    """Every misconception and alternative, submitted as a notebook and graded in the sandbox on secret inputs."""

    def test_each_costs_its_own_exercise_and_no_other(self, tmp_path):
        its = marker()._catalogue
        made, wanted = {}, {}
        for folder, entries in (("misconceptions", its.misconceptions), ("alternatives", its.alternatives)):
            for student, (name, variant) in variants(folder, entries).items():
                made[student] = sample.notebook(STEM, right() | {name: sample.variant(STEM, folder, variant, name)})
                wanted[student] = (folder, name, variant)
        for student, found in grade(made, tmp_path, Limits()).items():  # none of them loops, so none may run out of time
            folder, name, variant = wanted[student]
            others = {n: s for n, s in statuses(found).items() if n in EXERCISES and n != name}
            assert set(others.values()) == {"right"}, f"{variant} costs {others}"
            its_own = exercise(found, name)
            if folder == "alternatives":
                assert its_own.status == "right", f"{variant}: {its_own.reason}"
            else:
                assert its_own.status in ("wrong", "error", "not_attempted"), variant
                assert its_own.points < its_own.max_points, variant
                assert its_own.hint == str(marker().recordings[name].sentences[variant]), f"{variant} is named: {its_own.hint}"


class TestOneSubmission:
    def test_a_right_submission_earns_all_points_but_those_for_a_person(self, tmp_path):
        found = grade({"ada": sample.notebook(STEM, right())}, tmp_path)["ada"]
        assert [e.status for e in found.exercises if e.exercise in EXERCISES] == ["right"] * len(EXERCISES)
        assert [(e.status, e.points) for e in found.exercises if e.exercise not in EXERCISES] == [("needs_grading", None)]

    def test_an_untouched_notebook_is_not_attempted_and_earns_nothing(self, tmp_path):
        found = grade({"lena": sample.notebook(STEM)}, tmp_path)["lena"]
        assert set(statuses(found).values()) == {"not_attempted"}
        assert found.points == 0

    def test_cells_with_magics_awaits_and_shell_lines_do_not_break_a_right_answer(self, tmp_path):
        cells = right()
        cells["softmax"] = "%%time\n" + cells["softmax"]
        submitted = sample.notebook(STEM, cells, before="%matplotlib inline\n!pip list\nimport asyncio\nawait asyncio.sleep(0)\nx = !ls")
        found = grade({"ada": submitted}, tmp_path)["ada"]
        assert statuses(found)["softmax"] == "right"

    def test_lost_metadata_are_noticed_and_the_answers_found_by_name(self, tmp_path):
        submitted = sample.notebook(STEM, right())
        for cell in submitted.cells:
            cell.metadata.clear()
        found = grade({"ada": submitted}, tmp_path)["ada"]
        assert {statuses(found)[name] for name in EXERCISES} == {"right"}
        assert any("metadata" in notice for notice in found.notices)

    def test_the_object_at_the_check_is_graded_and_a_second_definition_is_noticed(self, tmp_path):
        submitted = sample.notebook(STEM, right())
        submitted.cells.append(new_code_cell("def softmax(x, dim):\n    return x", id="later"))
        found = grade({"ada": submitted}, tmp_path)["ada"]
        assert statuses(found)["softmax"] == "right"
        assert any("softmax is defined in cells" in notice for notice in found.notices)

    def test_an_error_on_secret_inputs_shows_its_kind_and_line_and_no_message(self, tmp_path):
        code = "def softmax(x, dim):\n    raise ValueError(f'secret {x.flatten()[0]}')\n"
        found = exercise(grade({"ada": sample.notebook(STEM, right() | {"softmax": code})}, tmp_path)["ada"], "softmax")
        assert found.status == "error" and "ValueError" in found.reason
        hidden = code.replace("raise", "if abs(float(x.flatten()[0]) + 0.4) > 99:\n        raise")
        assert (
            "secret"
            not in exercise(grade({"b": sample.notebook(STEM, right() | {"softmax": hidden})}, tmp_path / "b")["b"], "softmax").reason
        )

    def test_answers_to_public_inputs_only_earn_nothing(self, tmp_path):
        """A student who recognizes the public inputs and answers them from a table still meets secret ones."""
        its = marker()
        asked = its.requests["softmax"]
        table = [json.dumps(r.args[0].tolist()) for (_, seed), part in asked.items() if seed in PUBLIC_SEEDS for r in part]
        code = (
            "import json, torch\n"
            f"KNOWN = {table!r}\n"
            "def softmax(x, dim):\n"
            "    tables = [torch.tensor(json.loads(k)).float() for k in KNOWN]\n"
            "    known = any(t.shape == x.shape and torch.allclose(t, x) for t in tables)\n"
            "    return torch.softmax(x, dim) if known else torch.zeros_like(x)\n"
        )
        found = exercise(grade({"ada": sample.notebook(STEM, right() | {"softmax": code})}, tmp_path)["ada"], "softmax")
        assert found.points == 0

    @pytest.mark.parametrize(
        ("where", "code", "status"),
        [
            ("causal_mask", "while True:\n    pass\n", "timeout"),
            ("causal_mask", "def causal_mask(length):\n    while True:\n        pass\n", "timeout"),
            ("padding_mask", "def padding_mask(lengths, max_length):\n    return [bytearray(1 << 26) for _ in range(99)]\n", "memory"),
            ("softmax", "def softmax(x, dim)\n    return x\n", "error"),
            ("softmax", "import os\ndef softmax(x, dim):\n    os._exit(0)\n", "error"),
            ("softmax", "import os\nos._exit(0)\n", "error"),
            ("softmax", "def softmax(x, dim):\n    return softmax(x, dim)\n", "error"),
            ("softmax", "softmax = 3\n", "error"),
            ("softmax", "del torch\n", "not_attempted"),
        ],
    )
    def test_what_breaks_costs_its_own_exercise(self, tmp_path, where, code, status):
        found = statuses(grade({"ada": sample.notebook(STEM, right() | {where: code})}, tmp_path)["ada"])
        assert found.pop(where) == status
        if code != "del torch\n":
            assert {found[name] for name in EXERCISES if name != where} == {"right"}


class TestClass:
    def test_everything_is_written_and_a_later_run_grades_only_what_changed(self, tmp_path):
        folder, out = tmp_path / "submitted", tmp_path / "out"
        first, text = graded({"ada": sample.notebook(STEM, right()), "lena": sample.notebook(STEM)}, folder, out, seed=5)
        rows = list(csv.DictReader((out / "grades.csv").open(encoding="utf-8")))
        assert list(rows[0]) == ["student_id", "lesson", "exercise", "points", "max_points", "status", "reason"]
        assert len(rows) == 2 * len(marker().order)
        assert all(row["points"] != "" or row["status"] == "needs_grading" for row in rows)
        for name in ("ada", "lena"):
            assert (out / "feedback" / name / f"{STEM}.html").is_file()
        assert (out / "nbgrader" / "gradebook.db").is_file() and "grades.csv" in text

        kept = {path.name: path.stat().st_mtime_ns for path in (out / "cache" / STEM).iterdir()}
        again, _ = graded({"ada": sample.notebook(STEM, right()), "lena": sample.notebook(STEM, right())}, folder, out)
        changed = {path.name for path in (out / "cache" / STEM).iterdir() if path.stat().st_mtime_ns != kept[path.name]}
        assert changed == {"lena.json"}
        assert again["ada"] == first["ada"] and again["lena"].points > first["lena"].points

    def test_a_dry_run_writes_nothing(self, tmp_path):
        _, text = graded({"ada": sample.notebook(STEM, right())}, tmp_path / "submitted", tmp_path / "out", write=False)
        assert "ada" in text and not (tmp_path / "out").exists()

    def test_students_files_are_never_modified(self, tmp_path):
        folder = sample.write({"ada": sample.notebook(STEM, right())}, tmp_path / "submitted")
        before = (folder / "ada.ipynb").read_bytes(), (folder / "ada.ipynb").stat().st_mtime_ns
        graded({}, folder, tmp_path / "out")
        assert ((folder / "ada.ipynb").read_bytes(), (folder / "ada.ipynb").stat().st_mtime_ns) == before

    def test_another_seed_than_the_kept_one_is_refused(self, tmp_path):
        assert engine.Secret(tmp_path).number(5) == 5
        assert engine.Secret(tmp_path).number(None) == 5
        with pytest.raises(ValueError, match="another secret seed"):
            engine.Secret(tmp_path).number(6)
        assert (tmp_path / "secret.json").stat().st_mode & 0o077 == 0

    def test_no_answer_is_the_same_on_two_secret_seeds(self):
        assert set(marker(7).secret_seeds).isdisjoint(engine.Marker(lessons.lesson(STEM), 8).secret_seeds)

    def test_a_class_that_cannot_be_found_is_explained(self, tmp_path):
        with pytest.raises(desk.CannotGrade, match="No submission"):
            graded({}, tmp_path / "empty", tmp_path / "out")
        assert not (tmp_path / "out" / "nbgrader").exists()


class TestUnreadable:
    @pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3, "nbformat": 4}', '{"worksheets": [], "nbformat": 3}', "[" * 100_000])
    def test_a_file_that_is_no_notebook_is_told_and_earns_nothing(self, tmp_path, content):
        folder = sample.write({"ada": sample.notebook(STEM, right())}, tmp_path)
        (folder / "bad.ipynb").write_text(content, encoding="utf-8")
        grades = grade({}, tmp_path)
        assert set(statuses(grades["bad"]).values()) == {"error"} and grades["bad"].points == 0
        assert "notebook" in grades["bad"].exercises[0].reason
        assert grades["ada"].points > 0

    def test_a_link_is_not_followed(self, tmp_path):
        target = sample.write({"ada": sample.notebook(STEM, right())}, tmp_path / "elsewhere") / "ada.ipynb"
        (tmp_path / "class").mkdir()
        (tmp_path / "class" / "bob.ipynb").symlink_to(target)
        found = grade({}, tmp_path / "class")["bob"]
        assert found.points == 0 and "link" in found.exercises[0].reason


class TestIntake:
    def test_nbgraders_tree(self, tmp_path):
        for student in ("ada", "bob"):
            (tmp_path / student / STEM).mkdir(parents=True)
            (tmp_path / student / STEM / f"{STEM}.ipynb").write_text("{}", encoding="utf-8")
        (tmp_path / "bob" / STEM / "notes.ipynb").write_text("{}", encoding="utf-8")
        assert [(s.student_id, s.path.name) for s in intake.find([tmp_path], STEM)] == [("ada", f"{STEM}.ipynb"), ("bob", f"{STEM}.ipynb")]

    @pytest.mark.parametrize("name", ["a b", "x" * 65, "é", "a;b", ".hidden"])
    def test_a_name_that_is_no_id_is_refused(self, tmp_path, name):
        (tmp_path / f"{name}.ipynb").write_text("{}", encoding="utf-8")
        with pytest.raises(intake.IntakeError, match="student's id"):
            intake.find([tmp_path], STEM)

    def test_two_submissions_of_one_student_are_refused(self, tmp_path):
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "ada.ipynb").write_text("{}", encoding="utf-8")
        with pytest.raises(intake.IntakeError, match="two submissions"):
            intake.find([tmp_path / "one", tmp_path / "two"], STEM)
