"""A tree of arrays as JSON and a flat dictionary of arrays, and back: what recordings and messages are written in."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def split(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The tree as JSON values. Each array goes into `arrays` under a new key, and its key into the JSON."""
    if isinstance(tree, np.ndarray | np.generic):
        key = str(len(arrays))
        # Shapes without an axis need care: np.ascontiguousarray would give them one.
        arrays[key] = np.array(tree, order="C")
        return {"array": key}
    if isinstance(tree, Mapping):
        return {"dict": [[str(key), split(value, arrays)] for key, value in tree.items()]}
    if isinstance(tree, tuple):
        return {"tuple": [split(value, arrays) for value in tree]}
    if isinstance(tree, list):
        return [split(value, arrays) for value in tree]
    if isinstance(tree, float) and not math.isfinite(tree):
        return {"float": repr(tree)}
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise TypeError(f"a tree holds arrays, numbers, strings and None, in lists, tuples and dictionaries; got {type(tree).__name__}")


def join(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The tree again. Raises ValueError for JSON that `split` does not write."""
    if isinstance(value, list):
        return [join(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError("a node of a tree has one key")
    ((kind, inner),) = value.items()
    if kind == "array" and isinstance(inner, str) and inner in arrays:
        return arrays[inner]
    if kind == "tuple" and isinstance(inner, list):
        return tuple(join(item, arrays) for item in inner)
    if kind == "dict" and isinstance(inner, list) and all(isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in inner):
        return {key: join(item, arrays) for key, item in inner}
    if kind == "float" and inner in ("inf", "-inf", "nan"):
        return float(inner)
    raise ValueError(f"a tree has no node of kind {kind!r}")
