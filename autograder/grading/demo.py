"""`make demo`: build the course, make a sample class, grade it in the sandbox, and show the gradebook."""

import time
from pathlib import Path

from nbformat import NotebookNode
from rich.console import Console

from autograder import build, lessons, source
from autograder.grading import desk, engine, sample
from autograder.grading.sandbox import Limits

STEM = "03_attention"
OUT = source.ROOT / "out" / "demo"

#: Exercise -> misconception or alternative of that exercise, by student.
WRONG = {
    "bruno": {"scaled_dot_product_attention": "attention_without_scaling"},
    "chen": {"scaled_dot_product_attention": "attention_normalized_over_queries"},
    "dana": {"scaled_dot_product_attention": "attention_with_the_mask_inverted", "causal_mask": "causal_mask_of_the_future"},
    "emeka": {"softmax": "softmax_that_overflows"},
    "farah": {"SelfAttention": "SelfAttentionOfKeys"},
}
OTHERWISE_RIGHT = {
    "goran": {"attention_scores": "scores_by_einsum"},
    "hana": {"scaled_dot_product_attention": "attention_by_the_fused_function"},
    "ines": {"softmax": "softmax_by_logsumexp"},
}


def sample_class() -> dict[str, NotebookNode]:
    """Sixteen submissions: one right, three right in other ways, five with misconceptions, and seven troublemakers."""
    right = sample.solutions(STEM)
    made = {"ada": sample.notebook(STEM, right)}
    for folder, students in (("misconceptions", WRONG), ("alternatives", OTHERWISE_RIGHT)):
        for student, variants in students.items():
            made[student] = sample.notebook(STEM, right | {e: sample.variant(STEM, folder, v, e) for e, v in variants.items()})
    made |= {
        "jun-syntax-error": sample.notebook(STEM, right | {"softmax": "def softmax(x, dim)\n    return x\n"}),
        "kim-endless-loop": sample.notebook(STEM, right | {"causal_mask": right["causal_mask"] + "\n\n" + sample.LOOP}),
        "lena-untouched": sample.notebook(STEM),
        "milo-memory-hog": sample.notebook(STEM, right | {"padding_mask": sample.MEMORY_HOG}),
        "nora-reads-files": sample.notebook(STEM, before=sample.READER),
        "omar-always-equal": sample.notebook(
            STEM, {name: f"{sample.ALWAYS_EQUAL}\n\n{name} = anything" for name in lessons.lesson(STEM).exercises}
        ),
        "pia-grades-herself": sample.notebook(STEM, before=sample.SELF_GRADER),
    }
    return made


def main() -> None:
    console = Console()
    began = time.monotonic()
    for stem in lessons.stems():
        build.build(stem, anew=False)
    submitted = sample.write(sample_class(), OUT / "submitted")
    console.print(
        f"A sample class of {len(list(submitted.glob('*.ipynb')))} submissions of {STEM} lies in {_short(submitted)}.", markup=False
    )
    desk.grade_class([submitted], lessons.lesson(STEM), OUT, engine.Run(Limits(seconds=3.0), jobs=2), console)
    console.print(f"Done in {time.monotonic() - began:.0f} s. To see it in nbgrader's formgrader: make formgrader", markup=False)


def _short(path: Path) -> str:
    return str(path.relative_to(source.ROOT))


if __name__ == "__main__":
    main()
