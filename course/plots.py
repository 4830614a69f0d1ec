"""Pictures for the notebooks: attention maps, masks, populations of neurons, vectors, one palette for all lessons.

Every function takes tensors or arrays and draws with matplotlib, on `ax` if that is given (or makes a plotly figure, where it says so).
Nothing is returned, so that a cell may end with a picture and show nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

#: One color each for query, key, value, and attention weight, in every figure of the course. Told apart with any kind of color vision.
QUERY, KEY, VALUE, WEIGHT = "#0072B2", "#D55E00", "#009E73", "#AA3377"
#: The same, pale, for filling boxes.
PALE = {QUERY: "#D6EAF5", KEY: "#FBE3D3", VALUE: "#D3F0E6", WEIGHT: "#F5DFEC"}
INK, MUTED, FAINT = "#222222", "#707070", "#E6E6E6"

#: Colors, markers and dashes of the lines in a plot, so that no two differ by color alone.
LINES = [(QUERY, "o", "-"), (KEY, "s", "--"), (VALUE, "^", "-."), (WEIGHT, "D", ":"), (MUTED, "v", (0, (5, 1, 1, 1, 1, 1)))]

WEIGHT_MAP = LinearSegmentedColormap.from_list("weights", ["#FFFFFF", "#E7B5D0", WEIGHT, "#3B0A26"])


@contextmanager
def needs(*names: str) -> Iterator[None]:
    """Draw a picture that needs the reader's own code: where that is not written yet, or fails, say so in a sentence instead.

    names: the exercises that the picture uses, for the sentence.
    """
    wanted = " and ".join(f"`{name}`" for name in names)
    try:
        yield
    except Exception as error:  # whatever the reader's code raises, the notebook goes on
        plt.close("all")
        missing = isinstance(error, NameError) and error.name in names
        if missing or isinstance(error, NotImplementedError):
            print(f"This picture is drawn with your own {wanted}. Write it above, run its cell, then run this cell again.")
        else:
            print(
                f"This picture is drawn with your own {wanted}; on the way came {type(error).__name__}: {error}. The check above says more."
            )


def attention_map(
    weights: Any, queries: Sequence[str] | None = None, keys: Sequence[str] | None = None, title: str = "", ax: Axes | None = None
) -> None:
    """Attention weights (T_q, T_k) as a heat map: a row for each query, a column for each key, and numbers where there is room.

    Raises ValueError if `weights` has not exactly two axes.
    """
    weights = _array(weights)
    if weights.ndim != 2:
        raise ValueError(
            f"attention_map draws one table of weights (T_q, T_k), and was given the shape {weights.shape}; pick one, e.g. weights[0]"
        )
    ax = ax or _axes(weights.shape)
    ax.imshow(weights, cmap=WEIGHT_MAP, vmin=0, vmax=1, aspect="equal")
    if weights.size <= 64:
        for (i, j), weight in np.ndenumerate(weights):
            ax.text(j, i, f"{weight:.2f}", ha="center", va="center", fontsize=9, color="white" if weight > 0.5 else INK)
    _name_ticks(ax, weights.shape, queries, keys)
    ax.set_title(title, fontsize=11)


def attention_maps(
    tables: Mapping[str, Any], queries: Sequence[str] | None = None, keys: Sequence[str] | None = None, width: float = 3.2
) -> None:
    """Several attention maps side by side. tables: title -> weights (T_q, T_k). width: of each, in inches."""
    _, axes = plt.subplots(1, len(tables), figsize=(width * len(tables), width), squeeze=False, layout="constrained")
    for ax, (title, weights) in zip(axes[0], tables.items(), strict=True):
        attention_map(weights, queries, keys, title, ax)


def mask_map(mask: Any, title: str = "", queries: str = "query", keys: str = "key", ax: Axes | None = None) -> None:
    """A mask (T_q, T_k), True = may attend, as filled (may) and hatched (may not) squares."""
    mask = _array(mask).astype(bool)
    ax = ax or _axes(mask.shape)
    for (i, j), allowed in np.ndenumerate(mask):
        style = {"facecolor": WEIGHT} if allowed else {"facecolor": "white", "hatch": "////"}
        ax.add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, edgecolor="#BBBBBB", linewidth=0.8, **style))
    ax.set(xlim=(-0.5, mask.shape[1] - 0.5), ylim=(mask.shape[0] - 0.5, -0.5), aspect="equal", xlabel=keys, ylabel=queries)
    ax.set_xticks(range(mask.shape[1]))
    ax.set_yticks(range(mask.shape[0]))
    ax.set_title(title, fontsize=11)


def population(
    rates: Any,
    events: Mapping[str, float] | None = None,
    title: str = "",
    rows: str = "neuron",
    columns: str = "time bin",
    ax: Axes | None = None,
) -> None:
    """Activity of a population (time, neurons) as a heat map, time to the right; `events` are marked: name -> time bin."""
    rates = _array(rates)
    ax = ax or plt.subplots(figsize=(6.5, 3.2), layout="constrained")[1]
    image = ax.imshow(rates.T, aspect="auto", cmap="cividis", interpolation="nearest", origin="lower")
    ax.figure.colorbar(image, ax=ax, label="spikes per bin")
    for name, when in (events or {}).items():
        ax.axvline(when, color="white", linestyle="--", linewidth=1.2)
        ax.annotate(name, (when, 1.02), xycoords=("data", "axes fraction"), color=INK, fontsize=9, ha="center")
    ax.set(xlabel=columns, ylabel=rows)
    ax.set_title(title, fontsize=11, pad=20 if events else None)


def curves(
    x: Any,
    lines: Mapping[str, Any],
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: str = "",
    events: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> None:
    """Named lines over a common x, each with its own color, marker and dash. log: "x", "y" or "xy". events: name -> x, marked."""
    ax = ax or plt.subplots(figsize=(6.5, 3.4), layout="constrained")[1]
    for (name, y), (color, marker, dash) in zip(lines.items(), LINES * len(lines), strict=False):
        ax.plot(_array(x), _array(y), label=name, color=color, marker=marker, linestyle=dash, markersize=4.5)
    if "x" in log:
        ax.set_xscale("log", base=2)
    if "y" in log:
        ax.set_yscale("log")
    for name, when in (events or {}).items():
        ax.axvline(when, color=MUTED, linewidth=1)
        ax.annotate(name, (when, 1.02), xycoords=("data", "axes fraction"), color=MUTED, fontsize=9, ha="center")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_title(title, fontsize=11, pad=20 if events and title else None)
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)


def vectors(arrows: Mapping[str, Any], colors: Sequence[str] | None = None, title: str = "", ax: Axes | None = None) -> None:
    """Vectors of the plane as arrows from the origin. arrows: name -> (2,)."""
    ax = ax or plt.subplots(figsize=(4, 4), layout="constrained")[1]
    ends = {name: _array(end) for name, end in arrows.items()}
    for i, ((name, end), color) in enumerate(zip(ends.items(), colors or [line[0] for line in LINES] * len(ends), strict=False)):
        ax.annotate("", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2, "shrinkA": 0, "shrinkB": 0})
        # The first label stands below its arrow's tip, the others above, so that arrows in line keep their names apart.
        ax.annotate(name, end, (0, 7 if i else -13), textcoords="offset points", color=color, fontsize=10, ha="center")
    ax.axhline(0, color=FAINT, zorder=0)
    ax.axvline(0, color=FAINT, zorder=0)
    corners = np.stack([*ends.values(), np.zeros(2)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = 0.25 * (high - low).max()
    ax.set(xlim=(low[0] - room, high[0] + 1.5 * room), ylim=(low[1] - room, high[1] + room), aspect="equal")
    ax.set_title(title, fontsize=11)


def plane(points: Mapping[str, Any], angles: Any, title: str = "", limit: float | None = None) -> None:
    """Points of the plane, a panel for each name: name -> (trials, 2). angles (trials,), in radians, color them; rays show them."""
    _, axes = plt.subplots(1, len(points), figsize=(3.6 * len(points), 3.6), squeeze=False, layout="constrained")
    angles = _array(angles)
    limit = limit or 1.1 * max(float(np.abs(_array(p)).max()) for p in points.values())
    for ax, (name, cloud) in zip(axes[0], points.items(), strict=True):
        for angle in np.unique(angles):
            ax.plot([0, 2 * limit * np.cos(angle)], [0, 2 * limit * np.sin(angle)], color=FAINT, linewidth=1, zorder=0)
        ax.scatter(*_array(cloud).T, c=angles, cmap="twilight_shifted", vmin=-np.pi, vmax=np.pi, s=18, edgecolor=INK, linewidth=0.3)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=name, xlabel="x", ylabel="y")
    axes[0][0].figure.suptitle(title, fontsize=11)


def message_graph(weights: Any, names: Sequence[str], title: str = "", ax: Axes | None = None) -> None:
    """Attention weights (T, T) as messages: an arrow from j to i, the thicker the more of j's value reaches i; a ring for j = i."""
    weights = _array(weights)
    ax = ax or plt.subplots(figsize=(1.7 * len(names) + 0.6, 3), layout="constrained")[1]
    for (i, j), weight in np.ndenumerate(weights):
        if weight < 0.02:
            continue
        style = {"arrowstyle": "-|>", "color": WEIGHT, "lw": 0.5 + 5 * weight, "alpha": 0.35 + 0.65 * weight, "mutation_scale": 14}
        if i == j:
            ax.add_patch(plt.Circle((i, 0), 0.24, fill=False, edgecolor=WEIGHT, linewidth=style["lw"], alpha=style["alpha"]))
        else:
            ax.annotate("", (i, 0), (j, 0), arrowprops={**style, "shrinkA": 20, "shrinkB": 20, "connectionstyle": "arc3,rad=-0.45"})
    for i, name in enumerate(names):
        ax.add_patch(plt.Circle((i, 0), 0.2, facecolor="white", edgecolor=INK, zorder=3))
        ax.text(i, 0, name, ha="center", va="center", fontsize=10, zorder=4)
    ax.set(xlim=(-0.5, len(names) - 0.5), ylim=(-0.8, 0.8), aspect="equal")
    ax.set_title(title, fontsize=11)
    ax.axis("off")


def bars_with_slider(frames: Mapping[str, Mapping[str, Any]], slider: str, xlabel: str, ylabel: str, title: str = "") -> Any:
    """Bars that follow a slider, in plotly. frames: position of the slider -> name of the bars -> heights. Returns a plotly Figure."""
    import plotly.graph_objects as go

    first = next(iter(frames.values()))
    figure = go.Figure(
        [
            go.Bar(name=name, y=_array(heights).tolist(), marker_color=line[0])
            for (name, heights), line in zip(first.items(), LINES, strict=False)
        ]
    )
    figure.update_layout(
        sliders=[
            {"currentvalue": {"prefix": f"{slider} = "}, "pad": {"t": 45}, "steps": [_slide(name, bars) for name, bars in frames.items()]}
        ],
        barmode="group",
        title=title,
        height=420,
        template="plotly_white",
        margin={"t": 60, "b": 40},
        legend={"orientation": "h", "y": 1.12},
        yaxis={"title": {"text": ylabel}, "range": [0, 1]},
        xaxis={"title": {"text": xlabel}},
    )
    return figure


def _slide(name: str, bars: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": name, "method": "restyle", "args": [{"y": [_array(heights).tolist() for heights in bars.values()]}]}


def _array(values: Any) -> np.ndarray:
    """A tensor (on any device, with or without a gradient) or anything array-like, as a NumPy array."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _axes(shape: tuple[int, ...]) -> Axes:
    return plt.subplots(figsize=(1.4 + 0.55 * max(shape[1], 3), 1.1 + 0.55 * max(shape[0], 3)), layout="constrained")[1]


def _name_ticks(ax: Axes, shape: tuple[int, ...], queries: Sequence[str] | None, keys: Sequence[str] | None) -> None:
    few = [range(0, size, max(1, size // 8)) for size in shape]
    ax.set_yticks(range(shape[0]) if queries else few[0], queries or [str(i) for i in few[0]], color=QUERY)
    ax.set_xticks(range(shape[1]) if keys else few[1], keys or [str(j) for j in few[1]], color=KEY)
    ax.set_ylabel("query: who looks", color=QUERY)
    ax.set_xlabel("key: who is looked at", color=KEY)


def similarity_map(
    values: Any,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    title: str = "",
    limit: float = 1,
    ax: Axes | None = None,
) -> None:
    """A table of similarities (rows, columns) as a heat map: purple for negative, orange for positive, numbers where there is room."""
    values = _array(values)
    ax = ax or _axes(values.shape)
    image = ax.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="equal", interpolation="nearest")
    if values.size <= 100:
        for (i, j), value in np.ndenumerate(values):
            ax.text(
                j,
                i,
                f"{round(float(value), 2) + 0.0:.2f}".removesuffix(".00"),
                ha="center",
                va="center",
                fontsize=9,
                color=INK if abs(value) < 0.8 * limit else "white",
            )
    else:
        ax.figure.colorbar(image, ax=ax, shrink=0.8)
    if columns:
        ax.set_xticks(range(len(columns)), columns, rotation=0 if max(map(len, columns)) < 7 else 45)
    if rows:
        ax.set_yticks(range(len(rows)), rows)
    ax.set_title(title, fontsize=11)


def named_points(points: Any, names: Sequence[str], groups: Sequence[str] | None = None, title: str = "", ax: Axes | None = None) -> None:
    """Points of the plane (n, 2), each with its name; the groups differ in color and marker."""
    points, groups = _array(points), list(groups or [""] * len(names))
    ax = ax or plt.subplots(figsize=(4.6, 4.2), layout="constrained")[1]
    for group, (color, marker, _) in zip(dict.fromkeys(groups), LINES * len(names), strict=False):
        members = [i for i, own in enumerate(groups) if own == group]
        ax.scatter(*points[members].T, color=color, marker=marker, s=28, label=group)
        for place, i in enumerate(members):  # above and below by turns, so that near points keep their names apart
            ax.annotate(names[i], points[i], (4, (3, -9)[place % 2]), textcoords="offset points", fontsize=9, color=color)
    ax.margins(0.18)
    ax.axhline(0, color=FAINT, zorder=0)
    ax.axvline(0, color=FAINT, zorder=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(title, fontsize=11)


def space(
    points: Any,
    names: Sequence[str],
    groups: Sequence[str] | None = None,
    title: str = "",
    axes: Sequence[str] = ("", "", ""),
    arrows: bool = False,
) -> Any:
    """Points of space (n, 3) to turn around, in plotly: each with its name, colored by group, as arrows from the origin if wished.

    Returns a plotly Figure. A click on a group in the legend hides it.
    """
    import plotly.graph_objects as go

    points, groups = _array(points), list(groups or names)
    symbols = ["circle", "square", "diamond", "cross", "x", "circle-open", "diamond-open", "square-open"]
    colors = [*(line[0] for line in LINES), "#8A6D00", "#4B3FA3", INK]
    figure = go.Figure()
    for number, group in enumerate(dict.fromkeys(groups)):
        members = [i for i, own in enumerate(groups) if own == group]
        color, symbol = colors[number % len(colors)], symbols[number % len(symbols)]
        figure.add_scatter3d(
            **dict(zip("xyz", points[members].T.tolist(), strict=True)),
            mode="markers+text",
            text=[names[i] for i in members],
            name=group,
            marker={"size": 4, "color": color, "symbol": symbol},
            textfont={"color": color, "size": 16 if arrows else 11},
            hoverinfo="text",
        )
        for i in members if arrows else ():
            shaft = {axis: [0, end] for axis, end in zip("xyz", points[i].tolist(), strict=True)}
            figure.add_scatter3d(**shaft, mode="lines", line={"color": color, "width": 6}, showlegend=False, hoverinfo="skip")
    low, high = np.minimum(points.min(axis=0), 0), np.maximum(points.max(axis=0), 0)
    room = (0.18 if arrows else 0.08) * (high - low)  # names that stick out of the box would be cut off
    scene = {
        f"{axis}axis": {"title": {"text": label}, "range": [start, end]}
        for axis, label, start, end in zip("xyz", axes, (low - room).tolist(), (high + room).tolist(), strict=True)
    }
    eye = {"x": 1.6, "y": -1.6, "z": 0.9} if arrows else {"x": 1.2, "y": 1.2, "z": 1.0}
    scene["camera"] = {"eye": eye, "center": {"x": 0, "y": 0, "z": -0.15}}
    figure.update_layout(title=title, height=520, template="plotly_white", margin={"t": 50, "b": 10, "l": 10, "r": 10}, scene=scene)
    return figure


def dials_with_slider(frames: Mapping[str, Any], names: Sequence[str], slider: str, title: str = "") -> Any:
    """A row of dials whose hands follow a slider, in plotly. frames: position of the slider -> tips of the hands (dials, 2), length 1.

    Returns a plotly Figure. names: of the dials, from left to right.
    """
    import plotly.graph_objects as go

    circle = np.append(np.linspace(0, 2 * np.pi, 60), np.nan)
    rims = go.Scatter(
        x=np.concatenate([2.5 * i + np.cos(circle) for i in range(len(names))]).tolist(),
        y=np.tile(np.sin(circle), len(names)).tolist(),
        line={"color": MUTED, "width": 1},
        hoverinfo="skip",
    )
    first = _hands(next(iter(frames.values())))
    hands = go.Scatter(**first, mode="lines+markers", line={"color": QUERY, "width": 4}, marker={"color": QUERY, "size": 7})
    steps = [
        {"label": name, "method": "restyle", "args": [{axis: [ends] for axis, ends in _hands(tips).items()}, [1]]}
        for name, tips in frames.items()
    ]
    labels = [{"x": 2.5 * i, "y": -1.35, "text": name, "showarrow": False} for i, name in enumerate(names)]
    figure = go.Figure([rims, hands])
    figure.update_layout(
        sliders=[{"currentvalue": {"prefix": f"{slider} = "}, "pad": {"t": 10}, "steps": steps}],
        annotations=labels,
        title=title,
        height=330,
        showlegend=False,
        template="plotly_white",
        margin={"t": 50, "b": 20, "l": 10, "r": 10},
        xaxis={"visible": False},
        yaxis={"visible": False, "scaleanchor": "x", "range": [-1.6, 1.1]},
    )
    return figure


def _hands(tips: Any) -> dict[str, list[float | None]]:
    """Hands from the middle of each dial to its tip, as one line with gaps."""
    x, y = _array(tips).T.tolist()
    return {
        "x": [place for i, tip in enumerate(x) for place in (2.5 * i, 2.5 * i + tip, None)],
        "y": [place for tip in y for place in (0.0, tip, None)],
    }


#: Marks of plotly, to tell points apart without color.
PLOTLY_MARKS = ["circle", "square", "x", "diamond", "cross", "triangle-up"]


def views(panels: Mapping[str, Any], names: Sequence[str], groups: Sequence[str], title: str = "") -> Any:
    """The same things seen in several planes, in plotly: a button for each view moves the named points. panels: view -> points (n, 2).

    groups: the kind of each point, told by color and mark. Returns a plotly Figure.
    """
    import plotly.graph_objects as go

    points = {name: _array(of_view) for name, of_view in panels.items()}
    together = np.concatenate(list(points.values()))
    low, high = together.min(axis=0), together.max(axis=0)
    kinds = [list(dict.fromkeys(groups)).index(group) for group in groups]
    colors = [(KEY, QUERY, VALUE, WEIGHT, MUTED)[kind % 5] for kind in kinds]
    shown = next(iter(points.values()))
    figure = go.Figure(
        go.Scatter(
            x=shown[:, 0].tolist(),
            y=shown[:, 1].tolist(),
            mode="markers+text",
            text=list(names),
            textposition="top center",
            textfont={"size": 14, "color": colors},
            marker={"size": 12, "color": colors, "symbol": [PLOTLY_MARKS[kind % len(PLOTLY_MARKS)] for kind in kinds]},
            hoverinfo="text",
            hovertext=[f"{name}: {group}" for name, group in zip(names, groups, strict=True)],
        )
    )
    buttons = [
        {"label": name, "method": "animate", "args": [[name], {"transition": {"duration": 600}, "frame": {"duration": 600}}]}
        for name in points
    ]
    figure.frames = [
        go.Frame(name=name, data=[go.Scatter(x=at[:, 0].tolist(), y=at[:, 1].tolist())], traces=[0]) for name, at in points.items()
    ]
    across, up = ({"range": [a - 0.15 * (b - a), b + 0.15 * (b - a)], "zerolinecolor": MUTED} for a, b in zip(low, high, strict=True))
    menu = {"type": "buttons", "direction": "down", "buttons": buttons, "x": 1.02, "xanchor": "left", "y": 1, "yanchor": "top"}
    figure.update_layout(
        title=title, height=430, template="plotly_white", margin={"t": 50, "b": 30, "r": 20}, updatemenus=[menu], xaxis=across, yaxis=up
    )
    return figure


def fit_with_slider(
    x: Any, frames: Mapping[str, Any], points: Mapping[str, tuple[Any, Any]], slider: str, xlabel: str, ylabel: str, title: str = ""
) -> Any:
    """A curve over named clouds of points, in plotly; it follows a slider. frames: position of the slider -> y; points: name -> (x, y).

    Returns a plotly Figure.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    heights = [_array(y).ravel() for _, y in points.values()] + [_array(y).ravel() for y in frames.values()]
    for i, (name, (across, up)) in enumerate(points.items()):
        marker = {"color": LINES[i + 1][0], "symbol": PLOTLY_MARKS[i + 1], "size": 11 - 4 * i}
        figure.add_scatter(x=_array(across).ravel().tolist(), y=_array(up).ravel().tolist(), mode="markers", name=name, marker=marker)
    first = next(iter(frames.values()))
    figure.add_scatter(x=_array(x).tolist(), y=_array(first).tolist(), mode="lines", name="fit", line={"color": QUERY, "width": 3})
    steps = [{"label": name, "method": "restyle", "args": [{"y": [_array(y).tolist()]}, [len(points)]]} for name, y in frames.items()]
    low, high = min(y.min() for y in heights[: len(points)]), max(y.max() for y in heights[: len(points)])
    room = 0.15 * (high - low)
    figure.update_layout(
        sliders=[{"currentvalue": {"prefix": f"{slider} = "}, "pad": {"t": 45}, "steps": steps}],
        title=title,
        height=460,
        template="plotly_white",
        margin={"t": 60, "b": 40},
        legend={"orientation": "h", "y": 1.1},
        xaxis={"title": {"text": xlabel}},
        yaxis={"title": {"text": ylabel}, "range": [float(low - room), float(high + room)]},
    )
    return figure


def raster(
    times: Sequence[Any], events: Mapping[str, float] | None = None, xlabel: str = "time", title: str = "", ax: Axes | None = None
) -> None:
    """Spikes as ticks, a row for each neuron. times: one array a neuron. events: name -> time, marked."""
    ax = ax or plt.subplots(figsize=(8.5, 4.4), layout="constrained")[1]
    ax.eventplot([_array(spikes) for spikes in times], colors=QUERY, linelengths=1, linewidths=1.2)
    for name, when in (events or {}).items():
        ax.axvline(when, color=KEY, linewidth=1.2, linestyle="--")
        ax.annotate(name, (when, 1.01), xycoords=("data", "axes fraction"), color=KEY, fontsize=9, ha="center", va="bottom")
    ax.set(xlabel=xlabel, ylabel="neuron", ylim=(-0.5, len(times) - 0.5))
    ax.set_title(title, fontsize=11, pad=20 if events else None)
    ax.spines[["top", "right"]].set_visible(False)


def bars(
    values: Mapping[str, Any],
    xlabel: str,
    title: str = "",
    marks: Mapping[str, float] | None = None,
    digits: int = 2,
    ax: Axes | None = None,
) -> None:
    """Named horizontal bars, from the top, each with its number. values: name -> a number, or several: then their mean, and a dot for each.

    marks: name -> place of a line to compare with. digits: of the numbers, after the point.
    """
    ax = ax or plt.subplots(figsize=(7, 0.9 + 0.42 * len(values)), layout="constrained")[1]
    for row, value in enumerate(values.values()):
        each = np.atleast_1d(_array(value)).astype(float)
        ax.barh(row, each.mean(), color=PALE[QUERY], edgecolor=QUERY, height=0.65)
        if len(each) > 1:
            ax.plot(each, np.full(len(each), row), "o", color=QUERY, markersize=4)
        ax.annotate(
            f"{each.mean():.{digits}f}", (max(each.max(), 0), row), (7, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    for name, place in (marks or {}).items():
        ax.axvline(place, color=KEY, linestyle="--", linewidth=1.4)
        ax.annotate(name, (place, 1.01), xycoords=("data", "axes fraction"), color=KEY, fontsize=9, ha="center", va="bottom")
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(values)), list(values))
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set(xlabel=xlabel)
    ax.set_title(title, fontsize=11, pad=18 if marks else None)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(left=False)


def by_direction(
    x: Any, panels: Mapping[str, Any], angles: Any, xlabel: str, ylabel: str, title: str = "", names: Sequence[str] | None = None
) -> None:
    """Lines colored by direction, a panel for each name: name -> (directions, time). angles (directions,), in radians.

    names: of the directions, for a legend.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 2.9), squeeze=False, layout="constrained")
    for ax, (name, lines) in zip(axes[0], panels.items(), strict=True):
        for line, color in zip(_array(lines), direction_colors(angles), strict=True):
            ax.plot(_array(x), line, color=color, linewidth=1.8)
        ax.axvline(0, color=MUTED, linewidth=1)
        ax.set(title=name, xlabel=xlabel, ylabel=ylabel)
        ax.title.set_fontsize(10)
        ax.spines[["top", "right"]].set_visible(False)
    if names is not None:
        figure.legend(axes[0][0].lines[: len(names)], names, loc="outside right center", frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=11)


def direction_colors(angles: Any) -> np.ndarray:
    """(n, 4) colors of directions in radians, from the cyclic map in which all lessons draw reaches; its palest part is darkened."""
    colors = plt.get_cmap("twilight_shifted")((_array(angles) + np.pi) / (2 * np.pi) % 1)
    colors[:, :3] *= 0.85
    return colors


def paths(panels: Mapping[str, Any], angles: Any, title: str = "", unit: str = "mm") -> None:
    """Paths in the plane, a panel for each name: name -> (trials, time, 2). angles (trials,), in radians, color them."""
    figure, axes = plt.subplots(
        1, len(panels), figsize=(2.9 * len(panels), 3.3), squeeze=False, sharex=True, sharey=True, layout="constrained"
    )
    for ax, (name, lines) in zip(axes[0], panels.items(), strict=True):
        for line, color in zip(_array(lines), direction_colors(angles), strict=True):
            ax.plot(*line.T, color=color, linewidth=1)
        ax.set(aspect="equal", xlabel=f"x, {unit}")
        ax.set_title(name, fontsize=10)
    axes[0][0].set_ylabel(f"y, {unit}")
    figure.suptitle(title, fontsize=11)


def trajectories(panels: Mapping[str, Any], angles: Any, names: Sequence[str], title: str = "", mark: int = 0) -> Any:
    """Paths through space to turn around, in plotly, a scene for each name: name -> (lines, time, 3). Returns a plotly Figure.

    angles (lines,), in radians, color them; lines of one name share a place in the legend, where a click hides them; mark: the time step
    that gets a dot.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(1, len(panels), specs=[[{"type": "scene"}] * len(panels)], subplot_titles=list(panels), horizontal_spacing=0.02)
    colors = [f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in 255 * direction_colors(angles)[:, :3]]
    for column, lines in enumerate(panels.values(), 1):
        for row, (name, line, color) in enumerate(zip(names, _array(lines), colors, strict=True)):
            places = dict(zip("xyz", line.T.round(4).tolist(), strict=True))
            look = {"name": name, "legendgroup": name, "line": {"color": color, "width": 5}, "hoverinfo": "name"}
            figure.add_trace(
                go.Scatter3d(**places, mode="lines", showlegend=column == 1 and name not in list(names)[:row], **look), 1, column
            )
            dot = {axis: [line[mark, i].item()] for i, axis in enumerate("xyz")}
            marker = {"color": color, "size": 4}
            figure.add_trace(
                go.Scatter3d(**dot, mode="markers", marker=marker, legendgroup=name, showlegend=False, hoverinfo="skip"), 1, column
            )
    scene = {f"{axis}axis": {"title": {"text": f"PC {i}"}, "showticklabels": False} for i, axis in enumerate("xyz", 1)}
    scene["camera"] = {"eye": {"x": 1.65, "y": 1.65, "z": 1.0}, "center": {"x": 0, "y": 0, "z": -0.12}}
    figure.update_scenes(scene)
    figure.update_layout(title=title, height=470, template="plotly_white", margin={"t": 80, "b": 10, "l": 10, "r": 10})
    return figure


def grid_maps(panels: Mapping[str, Any], positions: Any, label: str, title: str = "", limit: float | None = None) -> None:
    """A number for each electrode where the electrode lies, a panel for each name: name -> (electrodes,).

    positions (electrodes, 2), in mm. Purple is negative, orange positive; limit: the number of the darkest color.
    """
    places = _array(positions)
    limit = limit or max(float(np.abs(_array(values)).max()) for values in panels.values())
    figure, axes = plt.subplots(1, len(panels), figsize=(3.1 * len(panels) + 0.8, 3.3), squeeze=False, layout="constrained")
    pitch = np.diff(np.unique(places[:, 0])).min() if len(places) > 1 else 1.0
    for ax, (name, values) in zip(axes[0], panels.items(), strict=True):
        for place, value in zip(places, _array(values) / limit, strict=True):
            corner = place - 0.46 * pitch
            color = plt.get_cmap("PuOr_r")((value + 1) / 2)
            ax.add_patch(plt.Rectangle(corner, 0.92 * pitch, 0.92 * pitch, facecolor=color, edgecolor="#BBBBBB", linewidth=0.6))
        low, high = places.min(axis=0) - pitch, places.max(axis=0) + pitch
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="mm, anterior →", xticks=[], yticks=[])
        ax.set_title(name, fontsize=10)
        ax.spines[:].set_visible(False)
    axes[0][0].set_ylabel("mm, dorsal →")
    colors = plt.cm.ScalarMappable(plt.Normalize(-limit, limit), "PuOr_r")
    figure.colorbar(colors, ax=axes[0].tolist(), label=label, shrink=0.75)
    figure.suptitle(title, fontsize=11)


def spectrogram(
    power: Any, times: Any, frequencies: Any, events: Mapping[str, float] | None = None, title: str = "", ax: Axes | None = None
) -> None:
    """Change of power (frequencies, times) as a heat map around zero, time to the right; `events` are marked: name -> time in s."""
    power, times, frequencies = _array(power), _array(times), _array(frequencies)
    ax = ax or plt.subplots(figsize=(6.5, 3.4), layout="constrained")[1]
    limit = np.abs(power).max()
    image = ax.pcolormesh(times, frequencies, power, cmap="PuOr_r", vmin=-limit, vmax=limit, shading="nearest", rasterized=True)
    ax.figure.colorbar(image, ax=ax, label="change of log power")
    for name, when in (events or {}).items():
        ax.axvline(when, color=INK, linestyle="--", linewidth=1.2)
        ax.annotate(name, (when, 1.02), xycoords=("data", "axes fraction"), color=INK, fontsize=9, ha="center")
    ax.set(xlabel="time, s", ylabel="frequency, Hz")
    ax.set_title(title, fontsize=11, pad=20 if events else None)


def traces(times: Any, panels: Mapping[str, Mapping[str, Any]], xlabel: str, title: str = "") -> None:
    """Time courses under one another, a panel for each quantity: quantity -> name of the line -> (times,). The first line is gray."""
    figure, axes = plt.subplots(len(panels), 1, figsize=(8.5, 1.2 + 1.5 * len(panels)), squeeze=False, sharex=True, layout="constrained")
    styles = [(MUTED, "-", 2.6), (KEY, "--", 1.3), (QUERY, "-", 1.5), (VALUE, "-.", 1.5)]
    for ax, (quantity, lines) in zip(axes[:, 0], panels.items(), strict=True):
        for (name, line), (color, dash, width) in zip(lines.items(), styles, strict=False):
            ax.plot(_array(times), _array(line), label=name, color=color, linestyle=dash, linewidth=width)
        ax.axhline(0, color=FAINT, zorder=0)
        ax.set_ylabel(quantity, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].legend(frameon=False, fontsize=9, ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    axes[-1, 0].set_xlabel(xlabel)
    figure.suptitle(title, fontsize=11, x=0.02, ha="left")


def confusion(counts: Any, names: Sequence[str], title: str = "", ax: Axes | None = None) -> None:
    """How often each true class (row) was taken for each class (column), counts (classes, classes), as shares of the row."""
    counts = _array(counts).astype(float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax = ax or _axes(shares.shape)
    ax.imshow(shares, cmap=WEIGHT_MAP, vmin=0, vmax=max(0.5, shares.max()), aspect="equal")
    for (i, j), share in np.ndenumerate(shares):
        ax.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=9, color="white" if share > 0.3 else INK)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="decoded", ylabel="true")
    ax.set_title(title, fontsize=11)
