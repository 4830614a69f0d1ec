"""The frames between grader and worker: everything that is a tree comes back as it was, everything else is refused."""

import json
import math
import random

import numpy as np
import pytest
from safetensors.numpy import save

from autograder.worker import wire
from autograder.worker.verbs import Request


def frame(node, arrays=None) -> bytes:
    """A frame with any header, as a hostile worker could write it."""
    header = node if isinstance(node, bytes) else json.dumps(node).encode()
    body = arrays if isinstance(arrays, bytes) else save(arrays) if arrays else b""
    return wire.PREFIX.pack(len(header), len(body)) + header + body


@pytest.mark.parametrize(
    "tree", [None, True, 0, -(2**63), 1.5, 0.1 + 0.2, "Müller ✓", "", [], (), {}, [1, (2, [3])], {"a": (1,), "b": {"c": None}}], ids=repr
)
def test_plain_values_come_back_as_they_were(tree):
    back = wire.decode(wire.encode(tree))
    assert back == tree
    assert type(back) is type(tree)


def test_numbers_that_json_lacks_come_back():
    nan, infinity, negative = wire.decode(wire.encode([math.nan, math.inf, -math.inf]))
    assert math.isnan(nan)
    assert (infinity, negative) == (math.inf, -math.inf)


@pytest.mark.parametrize("dtype", sorted(wire.DTYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)], ids=str)
def test_arrays_keep_dtype_shape_and_values(dtype, shape):
    array = np.asarray(np.arange(math.prod(shape)).reshape(shape) % 2, dtype)
    back = wire.decode(wire.encode({"a": array}))["a"]
    assert (back.dtype, back.shape) == (array.dtype, shape)
    np.testing.assert_array_equal(back, array)


def test_arrays_that_are_not_laid_out_plainly_keep_their_values():
    array = np.arange(12.0).reshape(3, 4)
    transposed, foreign, not_finite = wire.decode(wire.encode([array.T, array.astype(">f8"), np.array([np.nan, np.inf])]))
    np.testing.assert_array_equal(transposed, array.T)
    np.testing.assert_array_equal(foreign, array)
    np.testing.assert_array_equal(not_finite, [np.nan, np.inf])


def test_a_plan_comes_back_with_its_requests():
    request = Request(
        "method", "Layer", (np.ones(2), [1, (2,)]), {"mask": None}, {"d": 4}, {"w": np.zeros(3)}, {"ffn": {"double": "mixer"}}
    )
    plan = wire.Plan.decode(wire.Plan({"Layer": [request]}, {"plot": "plt.plot()"}, {"given": "x = 1"}).encode())
    back = plan.exercises["Layer"][0]
    np.testing.assert_array_equal(back.args[0], np.ones(2))
    assert back.args[1] == [1, (2,)]
    assert (back.verb, back.sizes, dict(back.parts), plan.skip) == (
        "method",
        {"d": 4},
        {"ffn": {"double": "mixer"}},
        {"plot": "plt.plot()"},
    )


def test_a_stream_is_cut_into_frames_wherever_it_is_broken():
    trees = [1, {"a": np.ones(3)}, "x" * 1000]
    stream = b"".join(map(wire.encode, trees))
    for size in (1, 7, len(stream)):
        frames = wire.Frames()
        whole = [one for start in range(0, len(stream), size) for one in frames.feed(stream[start : start + size])]
        assert whole == [wire.encode(tree) for tree in trees]


@pytest.mark.parametrize(
    "value",
    [object(), 1j, b"bytes", {1: 2}, 2**63, "\ud800", np.array(["a"]), np.array([1j]), np.array([None]), [np.zeros(1)] * 300, [0] * 30_000],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_tree_is_not_sent(value):
    with pytest.raises(ValueError):
        wire.encode(value)


def test_a_tree_within_itself_is_not_sent():
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError):
        wire.encode(endless)


MALFORMED = {
    "empty": b"",
    "no JSON": frame(b"{"),
    "not UTF-8": frame(b'"\xff"'),
    "half a surrogate pair": frame(b'"\\ud800"'),
    "NaN": frame(b"NaN"),
    "a float beyond float": frame(b"1e999"),
    "an endless integer": frame(b"9" * 5000),
    "a bare list": frame([1]),
    "an unknown tag": frame({"x": 1}),
    "two tags": frame({"l": [], "t": []}),
    "no tag": frame({}),
    "a key twice": frame({"d": [["a", 1], ["a", 2]]}),
    "a key that is a number": frame({"d": [[1, 1]]}),
    "a key that is a list": frame({"d": [[{"l": []}, 1]]}),
    "a dict of singles": frame({"d": [[1]]}),
    "a list that is a number": frame({"l": 5}),
    "a list inside a list bare": frame({"l": [[1]]}),
    "deep": frame(b'{"l":[' * 500 + b"]}" * 500),
    "deeper than Python": frame(b'{"l":[' * 100_000),
    "many nodes": frame({"l": [0] * 30_000}),
    "an array that is not there": frame({"a": 0}),
    "an array that nobody names": frame(None, {"0": np.ones(2)}),
    "an array twice": frame({"l": [{"a": 0}, {"a": 0}]}, {"0": np.ones(2)}),
    "an array by another name": frame({"a": 0}, {"x": np.ones(2)}),
    "an array by a negative number": frame({"a": -1}, {"0": np.ones(2)}),
    "an array by True": frame({"l": [{"a": 0}, {"a": True}]}, {"0": np.ones(2), "1": np.ones(2)}),
    "300 arrays": frame({"l": [{"a": i} for i in range(300)]}, {str(i): np.ones(0) for i in range(300)}),
    "metadata": frame({"a": 0}, save({"0": np.ones(2)}, {"a": "b"})),
    "a complex array": frame({"a": 0}, save({"0": np.ones(2, np.complex64)})),
    "a truth value of 2": frame({"a": 0}, save({"0": np.full(3, 2, np.uint8)}).replace(b'"U8"', b'"BOOL"')),
    "a body cut short": frame({"a": 0}, save({"0": np.ones(2)})[:-1]),
    "a huge index": frame({"a": 0}, b"\xff" * 8 + b"{}"),
    "an index that is a list": frame({"a": 0}, (2).to_bytes(8, "little") + b"[]"),
    "a negative shape": frame({"a": 0}, save({"0": np.ones(2)}).replace(b'"shape":[2]', b'"shape":[-2]')),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_frames_raise_value_errors(data):
    with pytest.raises(ValueError):
        wire.decode(data)


def test_mutated_frames_decode_or_raise_value_errors():
    generator = random.Random(0)
    whole = wire.encode({"result": (np.ones((2, 3), np.float32), [1.5, None]), "text": "wrong"})
    refused = 0
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        try:
            wire.decode(bytes(data[: generator.choice([len(data), generator.randrange(len(data))])]))
        except ValueError:
            refused += 1
    assert refused > 1000


def test_a_frame_that_announces_too_much_is_refused_before_it_arrives():
    with pytest.raises(ValueError):
        list(wire.Frames().feed(wire.PREFIX.pack(2**31, 0)))
