"""The submission that a probe talks to, wherever it runs: this process, or a sandbox whose replies are played back."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.worker.verbs import Failure, Reply, Request, Tree, perform


class StudentError(Exception):
    """The student's code raised; `failure` says what."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


class Submission:
    """Four verbs on somebody's code. What comes back is NumPy arrays and plain values, in the structure that was returned."""

    def __init__(self, answer: Callable[[Request], Reply | Failure]) -> None:
        self._answer = answer

    def call(
        self,
        name: str,
        *args: Tree,
        doubles: Mapping[str, str] | None = None,
        model: Mapping[str, Tree] | None = None,
        then: str = "",
        **kwargs: Tree,
    ) -> Reply:
        """Call a function. Raises StudentError if it raises.

        model: a module that the function is given before its other arguments: {"module": "double:NAME" or a class of the notebook,
        "sizes": ..., "parameters": ..., "training": ...}, of which all but the first may be left out.
        then: what to ask about the result and the arguments, a name of `doubles.AFTERWARDS`: whether they share memory, the model's mode,
        the result's gradient by the first argument.
        """
        return self._ask(Request("call", name, args, kwargs, doubles=doubles or {}, then=then, **(model or {})))

    def error(self, name: str, *args: Tree, doubles: Mapping[str, str] | None = None, **kwargs: Tree) -> str:
        """The class name of the exception that a call raises; "" if it raises none. Code not written yet still counts as such."""
        reply = self._answer(Request("call", name, args, kwargs, doubles=doubles or {}))
        if isinstance(reply, Failure) and reply.kind == "NotImplementedError":
            raise StudentError(reply)
        return reply.kind if isinstance(reply, Failure) else ""

    def module(
        self,
        name: str,
        sizes: Mapping[str, Tree],
        parameters: Mapping[str, np.ndarray] | None = None,
        parts: Mapping[str, Mapping[str, Tree]] | None = None,
        doubles: Mapping[str, str] | None = None,
        training: bool = False,
        then: str = "",
    ) -> "Module":
        """A module to call: built with `sizes`, its parts replaced by stand-ins, its parameters loaded by name (and all of them).

        then: what to ask about each call's result and the module, a name of `doubles.AFTERWARDS`.
        """
        made_of = {"sizes": dict(sizes), "parameters": parameters or {}, "parts": parts or {}, "doubles": doubles or {}}
        return Module(self, Request("method", name, training=training, then=then, **made_of))

    def describe(self, name: str, sizes: Mapping[str, Tree]) -> dict[str, Any]:
        """Parameter names and shapes, buffers, the number of parameters, and which share storage."""
        return self._ask(Request("describe", name, sizes=dict(sizes))).result

    def train(
        self,
        name: str,
        *args: Tree,
        module: str,
        sizes: Mapping[str, Tree],
        parameters: Mapping[str, np.ndarray],
        optimizer: Mapping[str, Tree],
        steps: int = 3,
        doubles: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call the step function `name(module, *args, optimizer)` at most three times in float64.

        module: a class of the notebook, or "double:linear". optimizer: {"name": "SGD", "lr": 0.1, ...}, a class of torch.optim.
        Returns {"returned": what each step returned, "parameters": by name, afterwards, "training": the module's mode}.
        """
        made_of = {"module": module, "sizes": dict(sizes), "parameters": parameters, "doubles": doubles or {}}
        return self._ask(Request("train", name, args, optimizer=optimizer, steps=steps, **made_of)).result

    def _ask(self, request: Request) -> Reply:
        reply = self._answer(request)
        if isinstance(reply, Failure):
            raise StudentError(reply)
        return reply


class Module:
    """A module of the submission. A fresh one is built for each call, so that no call depends on an earlier one."""

    def __init__(self, submission: Submission, request: Request) -> None:
        self._submission, self._request = submission, request

    def __call__(self, *args: Tree, **kwargs: Tree) -> Reply:
        return self.method("forward", *args, **kwargs)

    def method(self, method: str, *args: Tree, **kwargs: Tree) -> Reply:
        """Call one method of the module. Raises StudentError if it raises."""
        request = Request(**{**vars(self._request), "args": args, "kwargs": kwargs, "method": method})
        return self._submission._ask(request)


def in_process(namespace: dict[str, Any], dtype: Any = None) -> Submission:
    """The names of this process: a student's kernel, the reference, a misconception."""
    return Submission(partial(perform, namespace=namespace, **({"dtype": dtype} if dtype else {})))


def recording(namespace: dict[str, Any], requests: list[Request], dtype: Any) -> Submission:
    """As `in_process`, and every request is noted in `requests`."""

    def answer(request: Request) -> Reply | Failure:
        requests.append(request)
        return perform(request, namespace, dtype)

    return Submission(answer)


def replayed(replies: Iterable[Reply | Failure]) -> Submission:
    """Replies that came from elsewhere, in the order in which the probe asks for them."""
    queue = iter(replies)
    return Submission(lambda request: next(queue))
