"""One submission in its worker: read the notebook, run its cells, ask each exercise in a fork, and send every answer as it comes.

What is sent, in order; the first three kinds before any student code has run, so they cannot be forged:

    ("unreadable", sentence)                       and nothing more
    ("cell", kind, source, grade_id)               each cell
    ("notice", sentence)
    ("run", index)                                 a cell begins; then ("failed", index, *failure) if it raises
    ("ask", exercise, number)                      a request begins; then one of
    ("reply", exercise, number, result, arguments) and ("failure", exercise, number, kind, message, line)
    ("stopped", exercise, why)                     the fork that answered for an exercise ended before its time
    ("end",)

Run as a module, it does this once, for a plain process without a sandbox: the job comes on stdin, and frames go to stdout.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from . import cells, wire
from .verbs import Failure, Reply, Request, Tree, failure, perform

#: Takes a message, and the caps to hold it to if they are not those of a reply.
Send = Callable[..., None]


def work(notebook: bytes, plan: wire.Plan, task: wire.Task, send: Send) -> None:
    """Do the task. Whatever the notebook holds, this returns, unless its code ends the process."""
    try:
        sources = cells.read_notebook(notebook)
        codes = {index: cells.Code(cell.text, f"<cell {index + 1}>") for index, cell in enumerate(sources) if cell.kind == "code"}
        said = cells.notices(sources, codes, set(plan.exercises), plan.given)
    except cells.Unreadable as problem:
        return send(("unreadable", str(problem)))
    except MemoryError:
        return send(("unreadable", "The notebook is too large to read."))
    for cell in sources:
        send(("cell", *cell), wire.CELL)
    for sentence in said:
        send(("notice", sentence))
    namespace = _run_cells(sources, codes, plan, task, send)
    for name in task.exercises:
        _examine(name, plan.exercises[name], namespace, task.seconds, send)
    send(("end",))


def _run_cells(
    sources: list[cells.Source], codes: Mapping[int, cells.Code], plan: wire.Plan, task: wire.Task, send: Send
) -> dict[str, Any]:
    """Run the code cells. Returns their namespace, with every exercise bound to what it was when its check was reached."""
    kernel = cells.Kernel()
    process = os.getpid()
    graded: dict[str, Any] = {}
    ids = {cell.grade_id for cell in sources}
    by_name = {name for name in plan.exercises if f"{name}-check" not in ids}
    for index, code in codes.items():
        grade_id = sources[index].grade_id
        reached = (code.checks & by_name) | ({grade_id.removesuffix("-check")} if grade_id.endswith("-check") else set())
        graded |= {name: kernel.namespace[name] for name in reached if name in plan.exercises and name in kernel.namespace}
        if index in task.left_out or (grade_id in plan.skip and cells.same(code.text, plan.skip[grade_id])):
            continue
        send(("run", index))
        failed = kernel.run(code, seed=index)
        if os.getpid() != process:
            os._exit(0)  # the cell forked, and this is its child: it has nothing to report
        if failed:
            send(("failed", index, *_texts(failed)))
    kernel.namespace.update(graded)
    return kernel.namespace


def _examine(name: str, requests: Sequence[Request], namespace: dict[str, Any], seconds: float, send: Send) -> None:
    """Ask one exercise in a process of its own, so that what its answers leave behind or break is gone afterwards."""
    try:
        child = os.fork()
    except OSError:
        return send(("stopped", name, "processes"))  # the cells left too many of them behind
    if child == 0:
        try:
            _answer(name, requests, namespace, seconds, send)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        send(("stopped", name, wire.why_ended(code)))


def _answer(name: str, requests: Sequence[Request], namespace: dict[str, Any], seconds: float, send: Send) -> None:
    """Carry out the requests in order. Each may take its seconds: the alarm's default action ends the process."""
    process = os.getpid()
    for number, request in enumerate(requests):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        send(("ask", name, number))
        try:
            answer = perform(request, namespace)
        except BaseException as error:  # sys.exit() in student code is an answer too
            answer = failure(error, namespace)
        if os.getpid() != process:
            os._exit(0)
        try:
            if isinstance(answer, Reply):
                send(("reply", name, number, answer.result, answer.arguments))
                continue
        except ValueError as unsendable:
            answer = Failure("Unfit", f"{request.name} gave back something that cannot be compared: {unsendable}.")
        except MemoryError:
            answer = Failure("MemoryError")
        send(("failure", name, number, *_texts(answer)))


def _texts(failed: Failure) -> tuple[str, str, str]:
    """A failure's three texts, fit to send. PyTorch has no class of its own for too little memory; Python's stands in for it."""
    kind = "MemoryError" if "can't allocate memory" in failed.message else failed.kind
    return tuple(str(text).encode("utf-8", "replace").decode("utf-8")[:2000] for text in (kind, failed.message, failed.line))


def hold_to_one_thread() -> None:
    """A process with OpenMP's threads cannot be forked: its children wait for them for ever. Student code cannot start them by accident."""
    torch.set_num_threads(1)
    torch.set_num_threads = torch.set_num_interop_threads = lambda threads: None


def sender(descriptor: int) -> Send:
    """A function that writes one frame to a file descriptor. Raises ValueError for what cannot be sent; a closed pipe ends the process."""

    def send(message: Tree, caps: wire.Caps = wire.REPLY) -> None:
        left = memoryview(wire.encode(message, caps))
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except BrokenPipeError:
            os._exit(0)

    return send


def main() -> None:
    """Do the one task that stdin holds: the length of the encoded plan (u64), the plan, and the notebook."""
    task = wire.Task(**json.loads(sys.argv[1]))
    (length,) = struct.unpack("<Q", sys.stdin.buffer.read(8))
    plan = wire.Plan.decode(sys.stdin.buffer.read(length))
    notebook = sys.stdin.buffer.read()
    frames, null = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    hold_to_one_thread()
    os.write(frames, b"!")  # all is imported; the clock starts
    work(notebook, plan, task, sender(frames))


if __name__ == "__main__":
    main()
