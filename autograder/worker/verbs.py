"""The four things a probe may ask of student code, and the answer in arrays, strings and numbers.

A request is plain data, so that it can be carried out in this process (a student's kernel, the reference) or sent to a
sandboxed one. Carrying it out knows nothing of what the right answer is.
"""

import random
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from .doubles import AFTER_ERRORS, AFTERWARDS, FUNCTIONS, module_double

#: A tree of arrays: what goes in and what comes back. NumPy arrays, numbers, strings and None, in lists, tuples and dicts.
Tree = Any


@dataclass(frozen=True)
class Request:
    """One question to a submission. All arrays are NumPy arrays; floating ones are cast to the submission's dtype.

    verb: "call" a function, "method" of a module, "describe" a module, or "train" a module with a function for a few steps.
    name: the function or class, a global name of the notebook.
    args, kwargs: of the call, or of the module's method.
    sizes: the keyword arguments of the module's constructor.
    parameters: by name, loaded into the module before the call; buffers never are.
    parts: attribute name -> what stands in for that sub-module (see `doubles.module_double`).
    doubles: global name -> name of the function in `doubles.FUNCTIONS` that stands in for it during the call.
    method: which method of the module; training: whether it is in training mode.
    module: for "call", made as for "train" and given to the function before its other arguments; for "train", what is trained.
    then: for "call" and "method": the function of `doubles.AFTERWARDS` that is asked about (result, *arguments), a method's module being
    the first; its answer is the reply's result. For "gradient", gradients by the first argument are recorded from the start.
    steps, optimizer: for "train": how often `name(module, *args, optimizer)` is called; class name and arguments of the optimizer.
    """

    verb: str
    name: str
    args: tuple = ()
    kwargs: Mapping[str, Tree] = field(default_factory=dict)
    sizes: Mapping[str, Tree] | None = None
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Tree]] = field(default_factory=dict)
    doubles: Mapping[str, str] = field(default_factory=dict)
    method: str = "forward"
    training: bool = False
    module: str = ""
    then: str = ""
    steps: int = 0
    optimizer: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What came back: the result, and the positional arguments as they were afterwards (both trees of arrays)."""

    result: Tree
    arguments: Tree = ()


@dataclass(frozen=True)
class Failure:
    """Student code raised. kind: the exception's class name; message: its text; line: the student's own line, if known."""

    kind: str
    message: str = ""
    line: str = ""


class Unfit(Exception):
    """What the student defined cannot be asked: a missing name or parameter, or a result that is not arrays and numbers."""


def perform(request: Request, namespace: dict[str, Any], dtype: torch.dtype = torch.float32) -> Reply | Failure:
    """Carry out one request on the names of `namespace`. Leaves the process as it was: RNGs, default dtype, grad mode, warnings."""
    with undisturbed(dtype):
        try:
            return _VERBS[request.verb](request, namespace, dtype)
        except Unfit as unfit:
            return Failure("Unfit", str(unfit))
        except Exception as error:  # whatever student code raises is its answer
            return failure(error, namespace)


def failure(error: BaseException, namespace: Mapping[str, Any]) -> Failure:
    """What happened, with the last line of the traceback that stands in the student's own code."""
    line = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_globals is namespace:
            summary = traceback.FrameSummary(frame.f_code.co_filename, number, frame.f_code.co_name)
            line = (summary.line or "").strip() or line
    try:
        message = str(error)
    except Exception:  # a student's exception class may fail to say what it is
        message = ""
    return Failure(type(error).__name__, message[:2000], line[:200])


@contextmanager
def undisturbed(dtype: torch.dtype = torch.float32) -> Iterator[None]:
    """Run something without leaving a trace in the process: what it seeds, switches or warns is undone."""
    before = torch.get_default_dtype(), torch.get_rng_state(), np.random.get_state(), random.getstate()
    grad, threads = torch.is_grad_enabled(), torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # the tensors are tiny: waiting for a second thread can cost a hundred times the sum
        torch.set_default_dtype(dtype)
        torch.default_generator.manual_seed(0)  # torch.manual_seed also prepares devices, which takes a millisecond
        torch.set_grad_enabled(True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_default_dtype(before[0])
        torch.set_rng_state(before[1])
        np.random.set_state(before[2])
        random.setstate(before[3])
        torch.set_grad_enabled(grad)
        torch.set_num_threads(threads)


def _call(request: Request, namespace: dict, dtype: torch.dtype) -> Reply:
    function = _lookup(request.name, namespace)
    args, kwargs = to_tensors(request.args, dtype), to_tensors(dict(request.kwargs), dtype)
    if request.then == "gradient":
        args[0].requires_grad_()
    with _bound(request.doubles, namespace):  # gradients as in a notebook: a function may differentiate on its own
        first = [_build(request.module, request, namespace, dtype)] if request.module else []
        try:
            result = function(*first, *args, **kwargs)
        except Exception as error:
            if request.then not in AFTER_ERRORS or isinstance(error, NotImplementedError):
                raise
            result = error  # what the call left behind is asked all the same
    if request.then:
        result = AFTERWARDS[request.then](result, *first, *args)
    return Reply(to_arrays(result, request.name), to_arrays(args, request.name))


def _method(request: Request, namespace: dict, dtype: torch.dtype) -> Reply:
    with torch.no_grad(), _bound(request.doubles, namespace):
        module = _build(request.name, request, namespace, dtype)
        args, kwargs = to_tensors(request.args, dtype), to_tensors(dict(request.kwargs), dtype)
        method = module if request.method == "forward" else getattr(module, request.method)
        result = method(*args, **kwargs)
        if request.then:
            result = AFTERWARDS[request.then](result, module, *args)
    return Reply(to_arrays(result, request.name), to_arrays(args, request.name))


def _describe(request: Request, namespace: dict, dtype: torch.dtype) -> Reply:
    with _bound(request.doubles, namespace):
        module = _lookup(request.name, namespace)(**(request.sizes or {}))
    if not isinstance(module, nn.Module):
        raise Unfit(f"{request.name}(...) must make an nn.Module, and made {_a(module)}.")
    owners: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        owners.setdefault(parameter.data_ptr(), []).append(name)
    return Reply(
        {
            "parameters": {name: list(p.shape) for name, p in sorted(module.named_parameters(remove_duplicate=False))},
            "buffers": {name: list(b.shape) for name, b in sorted(module.named_buffers())},
            "count": sum(p.numel() for p in module.parameters()),
            "shared": sorted(sorted(names) for names in owners.values() if len(names) > 1),
        }
    )


def _train(request: Request, namespace: dict, dtype: torch.dtype) -> Reply:
    """Call the student's step function on a module (the student's own class, or a public double) for at most three steps, in float64."""
    step = _lookup(request.name, namespace)
    with _bound(request.doubles, namespace), undisturbed(torch.float64):
        module = _build(request.module, request, namespace, torch.float64)
        settings = dict(request.optimizer)
        optimizer = getattr(torch.optim, settings.pop("name"))(module.parameters(), **settings)
        args = to_tensors(request.args, torch.float64)
        losses = [step(module, *args, optimizer) for _ in range(min(request.steps, 3))]
    after = {name: parameter for name, parameter in module.named_parameters()}
    return Reply({"returned": to_arrays(losses, request.name), "parameters": to_arrays(after, request.name), "training": module.training})


_VERBS = {"call": _call, "method": _method, "describe": _describe, "train": _train}


def _lookup(name: str, namespace: Mapping[str, Any]) -> Any:
    if name not in namespace:
        raise NotImplementedError(f"{name} is not defined")
    return namespace[name]


@contextmanager
def _bound(doubles: Mapping[str, str], namespace: dict[str, Any]) -> Iterator[None]:
    """Bind stand-ins in place of earlier exercises' functions, and put the student's own back afterwards."""
    missing = object()
    before = {name: namespace.get(name, missing) for name in doubles}
    namespace.update({name: FUNCTIONS[double] for name, double in doubles.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is missing:
                namespace.pop(name, None)
            else:
                namespace[name] = value


def _build(name: str, request: Request, namespace: dict, dtype: torch.dtype) -> nn.Module:
    """The module with the given sizes, parts replaced by their stand-ins, parameters loaded by name."""
    if name.startswith("double:"):
        module = module_double(name.removeprefix("double:"), **dict(request.sizes or {}))
    else:
        module = _lookup(name, namespace)(**to_tensors(dict(request.sizes or {}), dtype))
    if not isinstance(module, nn.Module):
        raise Unfit(f"{name}(...) must make an nn.Module, and made {_a(module)}.")
    for attribute, part in request.parts.items():
        _place(module, attribute, part, name)
    module.to(dtype).train(request.training)
    own = dict(module.named_parameters(remove_duplicate=False))
    for key in request.parameters:
        if key not in own:
            raise Unfit(f"{name} has no parameter {key}; it has {_listed(own)}.")
    extra = sorted(set(own) - set(request.parameters))
    if extra:
        raise Unfit(f"{name} has {_listed(extra)}, which the exercise does not ask for.")
    for key, values in request.parameters.items():
        if tuple(own[key].shape) != values.shape:
            raise Unfit(f"{name}.{key} has shape {tuple(own[key].shape)}; the exercise asks for {values.shape}.")
        with torch.no_grad():
            own[key].copy_(torch.from_numpy(values))
    return module


def _place(module: nn.Module, attribute: str, part: Mapping[str, Tree], name: str) -> None:
    *path, last = attribute.split(".")
    owner = module
    for step in path:
        owner = getattr(owner, step)
    if not isinstance(getattr(owner, last, None), nn.Module):
        raise Unfit(f"{name} has no sub-module named {attribute}.")
    settings = dict(part)
    setattr(owner, last, module_double(settings.pop("double"), **settings))


def to_tensors(tree: Tree, dtype: torch.dtype) -> Tree:
    """NumPy arrays to tensors, floating ones in `dtype`; every tensor is a fresh copy. Everything else stays."""
    if isinstance(tree, np.ndarray):
        tensor = torch.from_numpy(np.array(tree))
        return tensor.to(dtype) if tensor.is_floating_point() else tensor
    if isinstance(tree, Mapping):
        return {key: to_tensors(value, dtype) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(to_tensors(value, dtype) for value in tree)
    return tree


def to_arrays(tree: Tree, name: str) -> Tree:
    """What student code returned, as NumPy arrays and plain Python values. Raises Unfit where it is neither."""
    if isinstance(tree, torch.Tensor):
        tensor = tree.detach().cpu()
        if tensor.dtype in (torch.bfloat16, torch.float16):
            tensor = tensor.float()
        return np.array(tensor.resolve_conj().resolve_neg().numpy())
    if isinstance(tree, np.generic):
        return np.array(tree)
    if isinstance(tree, np.ndarray):
        if tree.dtype.kind not in "fiub":
            raise Unfit(f"{name} gave back an array of {tree.dtype}; expected numbers.")
        return np.array(tree)
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if isinstance(tree, Mapping):
        return {str(key): to_arrays(value, name) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return tuple(to_arrays(value, name) for value in tree)
    raise Unfit(f"{name} gave back {_a(tree)}; expected a tensor.")


def _a(thing: Any) -> str:
    return f"a value of type {type(thing).__name__}"


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"
