"""A small canvas for the course's figures: shapes and text in one visual language, written as plain SVG.

Figures are drawn by `python -m assets.figures.draw_NN_name`, from the project's folder; see README.md beside this file.
"""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from course.plots import FAINT, INK, KEY, MUTED, PALE, QUERY, VALUE, WEIGHT

__all__ = ["FAINT", "INK", "KEY", "MUTED", "PALE", "QUERY", "VALUE", "WEIGHT", "Canvas"]

FOLDER = Path(__file__).parent
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
TITLE, BODY, SMALL = 17, 14, 12


class Canvas:
    """One figure. Coordinates in pixels from the top left; a white card with round corners, so that it reads on a dark page too."""

    def __init__(self, name: str, description: str, width: int = 760, height: int = 300) -> None:
        self.name, self.description, self.width, self.height = name, description, width, height
        self._parts: list[str] = []
        self._heads: set[str] = set()
        self.rect(0.5, 0.5, width - 1, height - 1, fill="white", stroke=FAINT, radius=8)

    def rect(
        self, x: float, y: float, w: float, h: float, fill: str = "white", stroke: str = INK, radius: float = 6, dash: str = ""
    ) -> None:
        """A rectangle with its top left corner at (x, y)."""
        self._add("rect", x=x, y=y, width=w, height=h, rx=radius, fill=fill, stroke=stroke, stroke_width=1.4, stroke_dasharray=dash)

    def circle(self, x: float, y: float, r: float, fill: str = "white", stroke: str = INK, width: float = 1.6) -> None:
        """A circle around (x, y)."""
        self._add("circle", cx=x, cy=y, r=r, fill=fill, stroke=stroke, stroke_width=width)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = BODY,
        color: str = INK,
        anchor: str = "middle",
        bold: bool = False,
        italic: bool = False,
    ) -> None:
        """A line of text whose middle (or start, or end) stands at (x, y), centered vertically."""
        style = {"font_weight": "bold" if bold else "", "font_style": "italic" if italic else ""}
        place = {"x": x, "y": y + 0.35 * size, "font_size": size, "fill": color, "text_anchor": anchor}
        self._parts.append(f"<text {_attributes(place | style)}>{escape(words)}</text>")

    def lines(self, x: float, y: float, words: Sequence[str], size: float = BODY, color: str = INK, anchor: str = "middle") -> None:
        """Several lines of text, the first at (x, y)."""
        for i, line in enumerate(words):
            self.text(x, y + 1.35 * size * i, line, size, color, anchor)

    def box(self, x: float, y: float, w: float, h: float, words: str, color: str = INK, size: float = BODY, bold: bool = False) -> None:
        """A labeled box, filled with the pale version of its color."""
        self.rect(x, y, w, h, fill=PALE.get(color, "#F6F6F6"), stroke=color)
        self.text(x + w / 2, y + h / 2, words, size, color, bold=bold)

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str = INK, width: float = 1.6, dash: str = "") -> None:
        """A straight line."""
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=color, stroke_width=width, stroke_dasharray=dash)

    def arrow(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        color: str = INK,
        width: float = 1.6,
        bend: float = 0,
        opacity: float = 1,
        dash: str = "",
    ) -> None:
        """An arrow; `bend` pushes its middle to the left of its direction, in pixels."""
        dx, dy = x2 - x1, y2 - y1
        length = math.hypot(dx, dy)
        cx, cy = (x1 + x2) / 2 + 2 * bend * dy / length, (y1 + y2) / 2 - 2 * bend * dx / length
        head = f"head{color.lstrip('#')}"
        self._heads.add(color)
        path = f"M {x1:g} {y1:g} Q {cx:.1f} {cy:.1f} {x2:g} {y2:g}"
        self._add(
            "path",
            d=path,
            fill="none",
            stroke=color,
            stroke_width=width,
            opacity=opacity,
            stroke_dasharray=dash,
            marker_end=f"url(#{head})",
        )

    def grid(
        self,
        x: float,
        y: float,
        cell: float,
        values: Sequence[Sequence[str]],
        fills: Sequence[Sequence[str]] | None = None,
        stroke: str = INK,
    ) -> None:
        """A table of small texts. fills: the color of each cell; white text is used on dark ones."""
        for i, row in enumerate(values):
            for j, word in enumerate(row):
                fill = fills[i][j] if fills else "white"
                self.rect(x + j * cell, y + i * cell, cell, cell, fill=fill, stroke=stroke, radius=0)
                self.text(x + (j + 0.5) * cell, y + (i + 0.5) * cell, word, SMALL, "white" if _dark(fill) else INK)

    def save(self) -> Path:
        """Write assets/figures/NAME.svg."""
        heads = "".join(
            f'<marker id="head{c.lstrip("#")}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 5L0 10z" fill="{c}"/></marker>'
            for c in sorted(self._heads)
        )
        body = "\n".join(self._parts)
        path = FOLDER / f"{self.name}.svg"
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}" '
            f'font-family="{FONT}" role="img">\n<desc>{escape(self.description)}</desc>\n<defs>{heads}</defs>\n{body}\n</svg>\n',
            encoding="utf-8",
        )
        return path

    def _add(self, tag: str, **attributes: object) -> None:
        self._parts.append(f"<{tag} {_attributes(attributes)}/>")


def shade(weight: float) -> str:
    """The color of an attention weight between 0 and 1, from white to the weights' purple."""
    white, full = (255, 255, 255), tuple(int(WEIGHT[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(w + (f - w) * weight):02X}" for w, f in zip(white, full, strict=True))


def _attributes(values: dict[str, object]) -> str:
    return " ".join(f'{name.replace("_", "-")}="{_number(value)}"' for name, value in values.items() if value != "")


def _number(value: object) -> object:
    return f"{value:.5g}" if isinstance(value, float) else value


def _dark(color: str) -> bool:
    if not color.startswith("#"):
        return False
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue < 140
