"""What every lesson has, whatever it teaches: its parts, its size, its figures, its catalogue."""

import re
from collections import Counter

import pytest

from autograder import build, lessons, source
from autograder.grading import catalogue

STEMS = lessons.stems()


def text_of(stem: str) -> str:
    return "\n\n".join(cell.source for cell in source.read(stem) if cell.kind == "markdown" and cell.role != "question")


def words(text: str) -> int:
    visible = re.sub(r"<[^>]+>|\$\$?[^$]*\$\$?|!\[[^]]*\]\([^)]*\)|`[^`]*`", " ", text)
    return len(re.findall(r"[A-Za-z][\w’'-]*", visible))


def test_exercise_names_are_unique_in_the_course():
    counted = Counter(name for stem in STEMS for name in lessons.lesson(stem).exercises)
    assert [name for name, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("stem", STEMS)
class TestLesson:
    def test_every_exercise_has_a_stub_a_check_and_probes(self, stem):
        roles = [(cell.role, cell.name) for cell in source.read(stem) if cell.role in ("exercise", "check")]
        names = list(lessons.lesson(stem).exercises)
        assert [name for role, name in roles if role == "exercise"] == [name for role, name in roles if role == "check"]
        assert sorted(name for role, name in roles if role == "exercise") == sorted(names)
        assert all(exercise.points > 0 and exercise.right for exercise in lessons.lesson(stem).exercises.values())

    def test_every_stub_is_valid_python_with_a_docstring(self, stem):
        for cell in build.student_notebook(stem).cells:
            if cell.cell_type == "code" and cell.metadata.nbgrader.solution:
                compile(cell.source, cell.id, "exec")
                assert '"""' in cell.source and build.STUB in cell.source

    def test_size(self, stem):
        cells = source.read(stem)
        assert 25 <= len(cells) <= 75
        assert 1500 <= words(text_of(stem)) <= 4600
        longest = max(len(cell.source.splitlines()) for cell in cells if cell.kind == "code" and cell.role != "exercise")
        assert longest <= 30

    def test_figures_exist_and_have_alt_text(self, stem):
        figures = re.findall(r"!\[([^]]*)\]\((\.\./assets/figures/[^)]+)\)", text_of(stem))
        own = [path for _, path in figures if f"/{stem[:2]}_" in path]
        assert len(set(own)) >= 6
        for alt, path in figures:
            assert (source.ROOT / "notebooks" / path).is_file(), path
            assert len(alt) >= 10 or "colab" in path, f"{path} needs alt text"

    def test_nothing_is_hot_linked(self, stem):
        assert not re.search(r"!\[[^]]*\]\(https?:|<img|<iframe", text_of(stem))

    def test_links_inside_the_lesson_resolve(self, stem):
        text = text_of(stem)
        anchors = set(re.findall(r'id="([^"]+)"', text))
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors

    def test_sections_that_every_lesson_ends_with(self, stem):
        text = text_of(stem).lower()
        for heading in ("recap", "glossary", "common mistakes", "further reading"):
            assert re.search(rf"^#+ .*{heading}", text, re.MULTILINE), heading

    def test_imports_from_us_only_check_and_course(self, stem):
        code = "\n".join(cell.source for cell in source.read(stem) if cell.kind == "code")
        ours = re.findall(r"^\s*(?:from|import) ((?:autograder|course)\S*)(.*)", code, re.MULTILINE)
        assert all(module.startswith("course") or (module, names.strip()) == ("autograder", "import check") for module, names in ours)

    def test_catalogue_has_enough_of_each(self, stem):
        its = catalogue.load(stem)
        for name in lessons.lesson(stem).exercises:
            assert len(its.wrong(name)) >= 2, f"{name}: misconceptions"
            assert len(its.also_right(name)) >= 2, f"{name}: alternatives"
            assert all(len(v.sentence.what) > 15 and len(v.sentence.why) > 15 for v in its.wrong(name))

    def test_american_spelling(self, stem):
        british = r"\b(colour|behaviour|normalis|initialis|centre\b|optimis|neighbour|generalis|visualis|minimis|maximis|analys(e|ing)\b)"
        assert not re.findall(british, text_of(stem))
