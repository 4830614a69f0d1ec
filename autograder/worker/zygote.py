"""The warm process of a grader: it imports and uses everything once, then clones itself into a jail for each submission.

It never holds an answer, a check or a seed, and runs no student code itself. It talks to the grader over a socket that keeps
messages apart, in JSON: it takes {"id", "task"} with two descriptors (the notebook, and where its frames go), and answers
{"started": id} with a descriptor of the process, then {"ended": id, "code", "cpu"}; the first message of all is {"ready": ...}.
"""

import builtins
import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import socket
import sys
from dataclasses import astuple, dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import cells, jail, run, wire
from .verbs import Request, perform


def main() -> None:
    """Started with the socket's descriptor, that of the encoded plan, and the jail's walls as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    with open(int(sys.argv[2]), "rb") as file:
        plan = wire.Plan.decode(file.read())
    run.hold_to_one_thread()
    _warm(plan)
    prison = jail.Jail(jail.Walls(**json.loads(sys.argv[3])))
    gc.collect()
    gc.freeze()
    _use_huge_pages()
    if _threads() != 1:
        raise RuntimeError(f"The worker has {_threads()} threads and cannot be cloned; one of its imports started them.")
    control.send(json.dumps({"ready": _own_bytes()}).encode())
    Zygote(control, plan, prison).serve()


@dataclass
class Child:
    """A submission that is running."""

    id: int
    process: int


class Zygote:
    """Starts children and reports their ends."""

    def __init__(self, control: socket.socket, plan: wire.Plan, prison: jail.Jail) -> None:
        self.control, self.plan, self.prison = control, plan, prison
        self.children: dict[int, Child] = {}  # by pidfd
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Until the grader closes its end of the socket."""
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor in self.children:
                    self._bury(descriptor)
                elif not self._start():
                    return

    def _start(self) -> bool:
        try:
            message, descriptors, _, _ = socket.recv_fds(self.control, 1 << 20, 2)
        except ConnectionResetError:
            return False
        if not message:
            return False
        order = json.loads(message)
        process = jail.clone()
        if process == 0:
            self._live(order, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        handle = os.pidfd_open(process)
        self.children[handle] = Child(order["id"], process)
        self.poll.register(handle, select.POLLIN)
        socket.send_fds(self.control, [json.dumps({"started": order["id"]}).encode()], [handle])
        return True

    def _live(self, order: dict, notebook: int, frames: int) -> None:
        """A child's whole life. Never returns."""
        try:
            self.prison.confine(notebook, frames)
        except BaseException as error:  # fail closed, whatever happened
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(wire.UNJAILED)
        try:
            with open(jail.NOTEBOOK, "rb") as file:
                data = file.read()
            run.work(data, self.plan, wire.Task(**order["task"]), run.sender(jail.FRAMES))
        finally:
            os._exit(0)

    def _bury(self, handle: int) -> None:
        child = self.children.pop(handle)
        self.poll.unregister(handle)
        os.close(handle)
        # Waiting returns when the whole pid namespace is dead, so that nothing of the submission is left.
        _, status, usage = os.wait4(child.process, 0)
        ended = {"ended": child.id, "code": os.waitstatus_to_exitcode(status), "cpu": usage.ru_utime + usage.ru_stime}
        self.control.send(json.dumps(ended).encode())


def _warm(plan: wire.Plan) -> None:
    """Use once what submissions will use, so that no child pays for it: the first optimizer alone takes more than a second."""
    model = nn.Sequential(nn.Embedding(8, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU(), nn.Dropout(0.1))
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(2):
        F.cross_entropy(model(torch.arange(4)), torch.arange(4)).backward()
        optimizer.step()
        optimizer.zero_grad()
    nn.TransformerEncoderLayer(8, 2, batch_first=True)(torch.randn(1, 4, 8)).sum().backward()
    F.scaled_dot_product_attention(*torch.randn(3, 1, 2, 4, 8))
    torch.einsum("ij,kj->ik", torch.ones(2, 3), torch.ones(2, 3))
    torch.linalg.svd(torch.ones(2, 2))
    torch.testing.assert_close(torch.ones(1), torch.ones(1))
    repr(torch.rand(3, 3))
    figure, axes = plt.subplots()
    axes.imshow([[0, 1]])
    figure.canvas.draw()
    plt.close(figure)
    _rehearse(plan)
    _import_given(plan)


def _rehearse(plan: wire.Plan) -> None:
    """Do a whole task in this process, but for the fork: reading, running, answering and failing."""
    source = "%matplotlib inline\ndef right(x):\n    return x.softmax(-1)\ndef wrong(x):\n    raise ValueError"
    notebook = {"nbformat": 4, "cells": [{"cell_type": "code", "metadata": {}, "source": source}]}
    main_module, ask = sys.modules["__main__"], builtins.input
    try:
        run.work(json.dumps(notebook).encode(), plan, wire.Task(), wire.encode)
        for name in ("right", "wrong"):
            request = Request("call", name, (np.ones((2, 3), np.float32),))
            answer = perform(request, vars(sys.modules["__main__"]))
            wire.encode(astuple(answer))
    finally:
        sys.modules["__main__"], builtins.input = main_module, ask


def _import_given(plan: wire.Plan) -> None:
    """Import what the lesson's given cells import, `course` above all. Not where that starts threads, which children would wait for."""
    names = sorted(set().union(*(cells.Code(source, "<given>").imports for source in plan.given.values())))
    child = os.fork()
    if child == 0:
        try:
            _import(names)
            os._exit(_threads() - 1)
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1] == 0:
        _import(names)


def _import(names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _use_huge_pages() -> None:
    """Gather this process's memory in pages of 2 MB. A fork copies the table of pages; with 500 times fewer it takes a third of the time.

    Kernels before 6.1 cannot, and then everything is only slower.
    """
    collapse, size = 25, 2 << 20
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with open("/proc/self/maps", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    for where, rights, _, _, inode, *_ in lines:
        if rights != "rw-p" or inode != "0":
            continue
        start, end = (int(address, 16) for address in where.split("-"))
        for address in range(-(-start // size) * size, end // size * size, size):
            libc.madvise(address, size, collapse)


def _own_bytes() -> int:
    """The bytes of memory that are this process's own, rather than files': what each child starts with, and shares until it writes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon:"))
