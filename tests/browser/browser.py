"""A real JupyterLab and pages that notice what should not happen: scripts of a student's, and requests to other hosts."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Route

PROJECT = Path(__file__).resolve().parents[2]
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "file:", "about:")

# What JupyterLab should do differently in a test: ask nobody for news, render cells that are off screen, save only when told to.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}


@dataclass(frozen=True)
class Server:
    """A running JupyterLab. Its log is a file, for when a test fails."""

    address: str
    token: str
    log: Path

    def url(self, path: str) -> str:
        """The address of a page of the server, such as "lab/tree/03_attention.ipynb" or "formgrader", by way of logging in."""
        return f"{self.address}/login?token={self.token}&next=/{path}"

    def answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.address}/api/status?token={self.token}", timeout=2) as reply:
            return reply.status == 200
        return False


@contextlib.contextmanager
def lab_server(
    root: Path, options: Sequence[str] = (), environment: Mapping[str, str] | None = None, timeout: float = 90
) -> Iterator[Server]:
    """Run JupyterLab on 127.0.0.1, in `root`, with settings and state of its own; end it and its kernels on leaving.

    Args:
        root: the folder it starts in and serves.
        options: further options of `jupyter lab`.
        environment: further environment variables.
        timeout: seconds that it may take to answer.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as home:
        own = _own_places(Path(home))
        server = Server(f"http://127.0.0.1:{port}", token, Path(home) / "server.log")
        command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--LabApp.expose_app_in_browser=True"]
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
        command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}", *options]
        with server.log.open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=root,
                env={**os.environ, **own, **(environment or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, so that ending it ends its kernels and nothing else
            )
            try:
                _wait_for(server, process, timeout)
                yield server
            finally:
                _end(process)


def _own_places(home: Path) -> dict[str, str]:
    """Environment variables that keep JupyterLab out of the user's own settings."""
    for plugin, values in SETTINGS.items():
        package, name = plugin.rsplit("/", 1)
        file = home / "settings" / package / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    return {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_ALLOW_INSECURE_WRITES": "1",  # as root, in containers, where file modes cannot be kept
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH", "")))),
    }


def _wait_for(server: Server, process: subprocess.Popen, timeout: float) -> None:
    end = time.monotonic() + timeout
    while not server.answers():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"JupyterLab did not start:\n{server.log.read_text()[-3000:]}")
        time.sleep(0.2)


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class Watched:
    """A page, and what happened on it.

    Attributes:
        page: Playwright's page.
        outside: addresses on other hosts that it asked for; none was let through.
        dialogs: messages of alert, confirm and prompt.
        errors: uncaught exceptions, and errors on the console.
    """

    page: "Page"
    outside: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextlib.contextmanager
def page(browser: "Browser", width: int = 1400, height: int = 1000, dark: bool = False) -> Iterator[Watched]:
    """A fresh page, without cookies of others, that cannot reach any other host than this one."""
    context: BrowserContext = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    watched = Watched(context.new_page())

    def gate(route: "Route") -> None:
        if route.request.url.startswith(LOCAL):
            route.continue_()
        else:
            watched.outside.append(route.request.url)
            route.abort()

    def dismiss(dialog: "Dialog") -> None:
        watched.dialogs.append(dialog.message)
        dialog.dismiss()

    context.route("**/*", gate)
    watched.page.on("dialog", dismiss)
    watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
    watched.page.on("console", lambda message: watched.errors.append(message.text) if message.type == "error" else None)
    try:
        yield watched
    finally:
        context.close()


def wait_for_kernel(page: "Page", timeout: float = 90) -> None:
    """Wait until the notebook that JupyterLab shows is there and its kernel idle."""
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=timeout * 1000)
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=timeout * 1000
    )


def run_all_cells(page: "Page", timeout: float = 300) -> None:
    """Run the shown notebook from top to bottom, and wait for its end."""
    page.set_default_timeout(timeout * 1000)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_for_kernel(page, timeout)
