"""The three things that `check` can say, and how each is shown as text and as HTML."""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class NotAttempted:
    """The exercise is still a stub, or its name does not exist yet."""

    exercise: str
    reason: str = "Not written yet."

    symbol, title, color = "○", "not attempted", "#5f6b7a"

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [("", self.reason)]


@dataclass(frozen=True)
class Wrong:
    """Something is not as asked. behaviour: what was asked; reason: the first difference; hint: the likely misunderstanding, if known."""

    exercise: str
    behaviour: str
    reason: str
    hint: str = ""
    held: int = 0
    total: int = 0

    symbol, title, color = "✗", "not yet", "#b3410e"

    @property
    def lines(self) -> list[tuple[str, str]]:
        found = [("Asked", self.behaviour), ("Seen", self.reason)]
        if self.hint:
            found.append(("Likely", self.hint))
        if self.total > 1:
            found.append(("", f"{self.held} of {self.total} behaviors hold."))
        return found


@dataclass(frozen=True)
class Right:
    """All is as asked. note: what to notice."""

    exercise: str
    note: str
    total: int = 0

    symbol, title, color = "✓", "right", "#0b6e4f"

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [("Notice", self.note)]


Outcome = NotAttempted | Wrong | Right


def as_text(outcome: Outcome) -> str:
    """For a terminal: a head line, and an indented line for each sentence."""
    head = f"{outcome.symbol} {outcome.exercise}: {outcome.title}"
    return "\n".join([head, *(f"    {label + ': ' if label else ''}{text}" for label, text in outcome.lines)])


def as_html(outcome: Outcome) -> str:
    """For a notebook: the same sentences in a quiet box that reads on a light and a dark page. All text is escaped."""
    rows = "".join(
        f'<div style="margin-top:.25em">{f"<b>{escape(label)}.</b> " if label else ""}{escape(text)}</div>' for label, text in outcome.lines
    )
    return (
        f'<div style="border-left:.3em solid {outcome.color};padding:.35em .8em;margin:.3em 0;max-width:52em">'
        f'<span style="color:{outcome.color};font-weight:bold">{outcome.symbol} {outcome.title}</span> '
        f"<code>{escape(outcome.exercise)}</code>{rows}</div>"
    )
