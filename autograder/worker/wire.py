"""Frames between the grader and its worker: a tree as JSON, its arrays as safetensors. Strict, capped, and never pickle.

A tree is None, a bool, a number, a string or a NumPy array, or a list, tuple or dict (with strings as keys) of trees. A frame is

    header length (u32) · body length (u32) · header (JSON) · body (safetensors; empty where there is no array)

JSON has one kind of sequence and no infinity, so in the header every list, tuple, dict, array and float that is not finite is an
object with one key: {"l": [...]}, {"t": [...]}, {"d": [[key, value], ...]}, {"a": 0}, {"f": "nan"}. Arrays are numbered in the
order of the header. What comes from a worker is hostile: whatever is malformed raises ValueError, and nothing else.
"""

import json
import math
import signal
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from .verbs import Request, Tree

PREFIX = struct.Struct("<II")

#: safetensors' names of the dtypes that may travel, and the bytes of one entry.
ITEM_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8}
DTYPES = {"bool", "uint8", "int8", "uint16", "int16", "float16", "uint32", "int32", "float32", "uint64", "int64", "float64"}


#: Why a worker, or its fork for one exercise, can have ended before its time.
WHYS = ("timeout", "memory", "processes", "output", "exit", "disk")

#: The exit code of a child whose jail could not be built: the machine's fault, never the student's.
UNJAILED = 97


@dataclass(frozen=True)
class Caps:
    """How large one frame may be. header, body: bytes; index: bytes of the safetensors header; nodes: values of any kind in the tree."""

    header: int
    body: int
    index: int
    arrays: int
    nodes: int
    depth: int = 40


#: For a reply, which student code can forge.
REPLY = Caps(header=1 << 20, body=32 << 20, index=64 << 10, arrays=256, nodes=20_000)
#: For a cell as submitted, sent before student code has run. A cell may be as long as a notebook.
CELL = Caps(header=64 << 20, body=0, index=0, arrays=0, nodes=10)
#: For what the grader sends: all requests of a lesson in one frame. It is trusted; the caps only find mistakes.
PLAN = Caps(header=256 << 20, body=2 << 30, index=64 << 20, arrays=1_000_000, nodes=20_000_000)


def split(tree: Tree, caps: Caps = PLAN) -> tuple[str, list[np.ndarray]]:
    """A tree as JSON and the arrays that the JSON numbers. Raises ValueError for what is no tree, or is larger than the caps."""
    arrays: list[np.ndarray] = []
    node = _Packer(arrays, caps).pack(tree)
    return json.dumps(node, ensure_ascii=False, allow_nan=False, separators=(",", ":")), arrays


def join(text: str, arrays: list[np.ndarray], caps: Caps = PLAN) -> Tree:
    """The tree that `split` took apart. Raises ValueError where JSON and arrays do not fit together."""
    unpacker = _Unpacker(arrays, caps)
    tree = unpacker.unpack(_JSON.decode(text))
    if unpacker.taken != len(arrays):
        raise ValueError("there is an array that the JSON does not name")
    return tree


def encode(tree: Tree, caps: Caps = REPLY) -> bytes:
    """The frame that holds a tree. Raises ValueError for what is no tree, or is larger than the caps."""
    text, arrays = split(tree, caps)
    header = text.encode()
    body = save({str(place): array for place, array in enumerate(arrays)}) if arrays else b""
    if len(header) > caps.header or len(body) > caps.body:
        raise ValueError(f"a value of {len(header) + len(body):,} bytes is too large to send")
    return PREFIX.pack(len(header), len(body)) + header + body


def decode(frame: bytes, caps: Caps = REPLY) -> Tree:
    """The tree of one whole frame. Arrays are read-only. Raises ValueError for anything malformed or larger than the caps."""
    try:
        header_length, body_length = PREFIX.unpack_from(frame)
        body_start = PREFIX.size + header_length
        if header_length > caps.header or body_length > caps.body or len(frame) != body_start + body_length:
            raise ValueError("the lengths of a frame do not fit")
        return join(frame[PREFIX.size : body_start].decode("utf-8"), _arrays(frame[body_start:], caps), caps)
    except ValueError:
        raise
    except Exception as error:
        # SafetensorError, KeyError, TypeError, RecursionError, MemoryError, struct.error: all were seen for mutated frames.
        raise ValueError(f"not a valid frame ({type(error).__name__})") from None


class Frames:
    """Cuts a stream of bytes into whole frames. `caps` may be changed between frames."""

    def __init__(self, caps: Caps = REPLY) -> None:
        self.caps = caps
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take what has arrived; yield each frame that is complete. Raises ValueError where a frame announces more than the caps."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= PREFIX.size:
                header_length, body_length = PREFIX.unpack_from(self._buffer, start)
                if header_length > self.caps.header or body_length > self.caps.body:
                    raise ValueError("a frame announces more bytes than are allowed")
                end = start + PREFIX.size + header_length + body_length
                if len(self._buffer) < end:
                    return
                frame = bytes(self._buffer[start:end])
                start = end
                yield frame
        finally:
            del self._buffer[:start]


@dataclass(frozen=True)
class Plan:
    """What is the same for a whole class: encoded once, and handed to each worker.

    exercises: name -> all requests of all its probes and seeds, in order.
    skip: grade_id -> released source of cells that train or plot; they are not run where the submitted source equals it.
    given: grade_id -> released source of locked cells, by which edits are noticed.
    """

    exercises: Mapping[str, Sequence[Request]]
    skip: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The plan as one frame. Raises ValueError where a request holds what cannot be sent."""
        exercises = {name: [_fields(request) for request in requests] for name, requests in self.exercises.items()}
        return encode({"exercises": exercises, "skip": dict(self.skip), "given": dict(self.given)}, PLAN)

    @classmethod
    def decode(cls, frame: bytes) -> "Plan":
        """The plan of that frame."""
        tree = decode(frame, PLAN)
        exercises = {name: tuple(Request(**request) for request in requests) for name, requests in tree["exercises"].items()}
        return cls(exercises, tree["skip"], tree["given"])


@dataclass(frozen=True)
class Task:
    """What to do for one submission: the cells to leave out, by index; the exercises to ask; the seconds that a request may take."""

    left_out: tuple[int, ...] = ()
    exercises: tuple[str, ...] = ()
    seconds: float = 10.0


def why_ended(code: int) -> str:
    """What a worker's exit code says about its end, where the grader did not end it: one of WHYS."""
    if code == -signal.SIGALRM:
        return "timeout"
    if code == -signal.SIGKILL:
        return "memory"  # the kernel, short of memory, picks the workers first
    return "disk" if code in (-signal.SIGBUS, -signal.SIGXFSZ) else "exit"


def _fields(request: Request) -> Tree:
    return {each.name: getattr(request, each.name) for each in fields(Request)}


class _Packer:
    """Makes a JSON node of a tree, and puts the arrays that it finds into `arrays`."""

    def __init__(self, arrays: list[np.ndarray], caps: Caps) -> None:
        self.arrays, self.caps, self.nodes = arrays, caps, 0

    def pack(self, tree: Tree, depth: int = 0) -> Any:
        self.nodes += 1
        if self.nodes > self.caps.nodes or depth > self.caps.depth:
            raise ValueError("a value has too many parts to send")
        if tree is None or isinstance(tree, bool | str):
            return tree
        if isinstance(tree, int):
            if not -(2**63) <= tree < 2**63:
                raise ValueError("an integer is too large to send")
            return int(tree)
        if isinstance(tree, float):
            return float(tree) if math.isfinite(tree) else {"f": repr(float(tree))}
        if isinstance(tree, np.ndarray):
            return {"a": self._place(tree)}
        if isinstance(tree, Mapping):
            return {"d": [[_key(key), self.pack(value, depth + 1)] for key, value in tree.items()]}
        if isinstance(tree, list | tuple):
            return {"l" if isinstance(tree, list) else "t": [self.pack(value, depth + 1) for value in tree]}
        raise ValueError(f"a value of type {type(tree).__name__} cannot be sent; only arrays, numbers and strings can")

    def _place(self, array: np.ndarray) -> int:
        if array.dtype.name not in DTYPES:
            raise ValueError(f"an array of {array.dtype} cannot be sent")
        if len(self.arrays) >= self.caps.arrays:
            raise ValueError("a value has too many arrays to send")
        # safetensors writes memory as it lies: in C order, little-endian. (ascontiguousarray would give a 0-d array an axis.)
        self.arrays.append(np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C"))
        return len(self.arrays) - 1


class _Unpacker:
    """Makes a tree of a JSON node that may be anything."""

    def __init__(self, arrays: list[np.ndarray], caps: Caps) -> None:
        self.arrays, self.caps = arrays, caps
        self.nodes = self.taken = 0

    def unpack(self, node: Any, depth: int = 0) -> Tree:
        self.nodes += 1
        if self.nodes > self.caps.nodes or depth > self.caps.depth:
            raise ValueError("a frame has too many parts")
        if isinstance(node, str):
            return _text(node)
        if not isinstance(node, _Tagged | list):
            return node
        if isinstance(node, list):
            raise ValueError("a frame holds a bare JSON list")
        tag, value = node
        if tag == "f" and value in ("nan", "inf", "-inf"):
            return float(value)
        if tag == "a" and type(value) is int and value == self.taken < len(self.arrays):
            self.taken += 1
            return self.arrays[value]
        if tag == "d" and type(value) is list:
            items = {_key(key): self.unpack(item, depth + 1) for key, item in value}
            if len(items) != len(value):
                raise ValueError("a frame names a key twice")
            return items
        if tag in ("l", "t") and type(value) is list:
            values = [self.unpack(item, depth + 1) for item in value]
            return values if tag == "l" else tuple(values)
        raise ValueError("a frame holds an unknown kind of value")


class _Tagged(tuple):
    """The one (key, value) of a JSON object in a header."""


def _tagged(pairs: list[tuple[str, Any]]) -> _Tagged:
    if len(pairs) != 1:
        raise ValueError("a JSON object in a frame must have one key")
    return _Tagged(pairs[0])


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError("a key must be a string")
    return _text(key)


def _text(text: str) -> str:
    """The text itself, which must be writable as UTF-8: JSON's escapes can spell half of a surrogate pair."""
    text.encode("utf-8")
    return text


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= 20 else 2**63
    if not -(2**63) <= number < 2**63:
        raise ValueError("an integer is too large")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a bare number must be finite")
    return number


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_tagged, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _arrays(body: bytes, caps: Caps) -> list[np.ndarray]:
    """The arrays of a safetensors body, in order. Its index is checked first: loading a million empty arrays takes 12 s and 1.4 GB."""
    if not body:
        return []
    (index_length,) = struct.unpack_from("<Q", body)
    if index_length > min(caps.index, len(body) - 8):
        raise ValueError("the index of the arrays is too large")
    index = json.loads(body[8 : 8 + index_length].decode("utf-8"))
    names = [str(place) for place in range(len(index))]
    if len(index) > caps.arrays or set(index) != set(names):
        raise ValueError("the arrays are not numbered")
    for entry in index.values():
        _check_entry(entry)
    arrays = load(body)
    for array in arrays.values():
        if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
            raise ValueError("an array of truth values holds something else")
    return [arrays[name] for name in names]


def _check_entry(entry: Any) -> None:
    start, end = entry["data_offsets"]
    shape = entry["shape"]
    if len(shape) > 32 or not all(type(size) is int and 0 <= size < 2**40 for size in shape):
        raise ValueError("an array has an impossible shape")
    if math.prod(shape) * ITEM_BYTES[entry["dtype"]] != end - start:
        raise ValueError("an array does not have the bytes of its shape")
