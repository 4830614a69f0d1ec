"""A small lesson as students get it, grades for it, and texts that try to act: what the tests of gradebook and feedback share."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from autograder.grading.grades import Behaviour, Cell, ExerciseGrade, Grade

LESSON = "03_attention"

SOFTMAX = "def softmax(x, dim):\n    e = (x - x.max()).exp()\n    return e / e.sum()  # <b>everything</b> at once\n"
ATTENTION = "def attention(q, k, v):\n    return softmax(q @ k.mT, -1) @ v\n"
WHY = "Because the variance of $q \\cdot k$ grows with $d$.\n\n- gradients *vanish*\n- `softmax` saturates"

# Each tries to run a script, to call another host, or to take the place of something on the page.
CANARY = "document.documentElement.dataset.canary='ran';alert('canary')"
HOSTILE_MARKDOWN = (
    f"<script>{CANARY}</script>",
    f'<img src="x" onerror="{CANARY}">',
    f'<svg onload="{CANARY}"><script>{CANARY}</script></svg>',
    f'<iframe srcdoc="<script>parent.{CANARY}</script>"></iframe>',
    f'<iframe src="javascript:parent.{CANARY}"></iframe>',
    f'<details open ontoggle="{CANARY}">open</details>',
    '<style>body { display: none }</style><div style="position:fixed;inset:0;background:red">gone</div>',
    '<link rel="stylesheet" href="http://canary.example/a.css"><img src="http://canary.example/b.png">',
    '<form action="http://canary.example/"><input autofocus onfocus="alert(1)"></form>',
    '<meta http-equiv="refresh" content="0;url=http://canary.example/">',
    f"[link](javascript:{CANARY})",
    f"[link][target]\n\n[target]: javascript:{CANARY}",
    f"<javascript:{CANARY}>",
    "![picture](http://canary.example/c.png)",
    "![picture](attachment:nothing.png)",
    f'```mermaid\ngraph LR\n</pre><img src=x onerror="{CANARY}">\n```',
    f"~~~ mermaid\n<script>{CANARY}</script>\n~~~",
    "> ```mermaid\n> &lt;script&gt;\n> ```",
    f"$\\href{{javascript:{CANARY}}}{{x}} \\style{{position:fixed}}{{x}}$",
    f"$$</script><script>{CANARY}</script>$$",
    f'\\begin{{equation}}<img src=x onerror="{CANARY}">\\end{{equation}}',
    "# softmax-check",
    "softmax-comment\n---",
    f"\\<script>{CANARY}</script>",
    f"&lt;script&gt;{CANARY}&lt;/script&gt;",
    f"<!-- --><script>{CANARY}</script>",
    f"    <script>{CANARY}</script>",
    f"`<script>{CANARY}</script>`",
    f"<scr\x00ipt>{CANARY}</scr\x00ipt>",
    f"| a |\n|---|\n| <script>{CANARY}</script> |",
    f'<a href="data:text/html,<script>{CANARY}</script>">x</a>',
    f"*<script>*{CANARY}</script>",
)
HOSTILE_CODE = (
    f"%%html\n<script>{CANARY}</script>",
    f"%%javascript\n{CANARY}",
    f"# </code></pre><script>{CANARY}</script>",
    "\x1b]0;owned\x07\x1b[2J\x1b[31m# \u202e txet desrever",
    "# a broken surrogate: \ud800",
)


def cell(name: str, source: str, kind: str = "code", **nbgrader: Any) -> dict[str, Any]:
    """A cell with nbgrader's metadata, as `autograder build` writes it."""
    metadata = {"grade": False, "grade_id": name, "locked": False, "schema_version": 3, "solution": False, "task": False, **nbgrader}
    made = {"cell_type": kind, "id": name, "metadata": {"nbgrader": metadata}, "source": source}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def text(name: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def release(folder: Path, *more: dict[str, Any], softmax_points: float = 3) -> Path:
    """Write the lesson's notebook: two exercises of 3 and 2 points, a question of 2, and whatever is given besides."""
    cells = [
        text("title", "# Attention"),
        cell("given", "import torch", locked=True),
        cell("softmax", "def softmax(x, dim):\n    raise NotImplementedError", solution=True),
        cell("softmax-check", 'check("softmax")', grade=True, locked=True, points=softmax_points),
        text("between", "Now weigh the values."),
        cell("attention", "def attention(q, k, v):\n    raise NotImplementedError", solution=True),
        cell("attention-check", 'check("attention")', grade=True, locked=True, points=2),
        cell("why-scale", "*Your answer here.*", "markdown", grade=True, solution=True, points=2),
        cell("play", "plot(softmax)"),
        *more,
    ]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    path = folder / f"{LESSON}.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def cells(*added: Cell, softmax: str = SOFTMAX, why: str = WHY) -> tuple[Cell, ...]:
    """The lesson as a student submits it, with added cells after the question."""
    return (
        Cell("markdown", "# Attention"),
        Cell("code", "import torch", "given"),
        Cell("code", softmax, "softmax"),
        Cell("code", 'check("softmax")', "softmax-check"),
        Cell("markdown", "Now weigh the values."),
        Cell("code", ATTENTION, "attention"),
        Cell("code", 'check("attention")', "attention-check"),
        Cell("markdown", why, "why-scale"),
        *added,
    )


def grade(
    student_id: str = "ada",
    *,
    softmax: ExerciseGrade | None = None,
    attention: ExerciseGrade | None = None,
    why: ExerciseGrade | None = None,
    cells: tuple[Cell, ...] = cells(),
    notices: tuple[str, ...] = (),
) -> Grade:
    """A grade of the lesson: softmax wrong with a known misconception, attention right, the question for a person to read."""
    one_axis = Behaviour("Softmax normalizes the axis it is asked for.", 0, 2, "The rows sum to 0.2.")
    positive = Behaviour("Softmax gives positive numbers.", 1, 1)
    wrong = ExerciseGrade("softmax", "wrong", 1, 3, "The rows sum to 0.2.", "Each query needs its own distribution.", (positive, one_axis))
    right = ExerciseGrade("attention", "right", 2, 2, behaviours=(Behaviour("Each query gets a mean of the values.", 2, 2),))
    unread = ExerciseGrade("why-scale", "needs_grading", None, 2)
    return Grade(student_id, LESSON, (softmax or wrong, attention or right, why or unread), cells, notices)


class Acting(HTMLParser):
    """Collects what could act in a page."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in (
            "script",
            "style",
            "iframe",
            "svg",
            "img",
            "link",
            "meta",
            "form",
            "object",
            "embed",
            "details",
            "base",
            "math",
            "video",
        ):
            self.found.append(tag)
        for name, value in attrs:
            harmless_link = name == "href" and (value or "").startswith(("https://", "http://", "#"))
            if name.startswith("on") or name in ("src", "srcdoc", "action") or (name == "href" and not harmless_link):
                self.found.append(f"{tag} {name}")
            if "mermaid" in (value or "") or (name == "id" and value in ("softmax-check", "softmax-comment")):
                self.found.append(f"{tag} {name}={value}")
