"""Fetch a published MC_Maze file from the DANDI archive, once, whole, and verified."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from course import cache
from course.progress import Progress

ARCHIVE = "https://api.dandiarchive.org/api"
ATTEMPTS = 4
TIMEOUT_S = 30
BLOCK = 1 << 18


@dataclass(frozen=True)
class Published:
    """A published file. Where the checksum is None, the archive is asked for it."""

    dandiset: str
    path: str
    version: str | None = None
    asset: str | None = None
    sha256: str | None = None


PUBLISHED = {
    "small": Published(
        "000140", "sub-Jenkins/sub-Jenkins_ses-small_desc-train_behavior+ecephys.nwb", "0.220113.0408",
        "7821971e-c6a4-4568-8773-1bfa205c13f8", "dcaf3a524e2b2f65f163ee3b07789b8474bdfc6ca66098bc542ab93dff489884",
    ),
    "medium": Published("000139", "sub-Jenkins/sub-Jenkins_ses-medium_desc-train_behavior+ecephys.nwb"),
    "large": Published("000138", "sub-Jenkins/sub-Jenkins_ses-large_desc-train_behavior+ecephys.nwb"),
    "full": Published("000128", "sub-Jenkins/sub-Jenkins_ses-full_desc-train_behavior+ecephys.nwb"),
}  # fmt: skip


class DownloadError(OSError):
    """A download that did not succeed; the message says what was kept and what to do."""


def download(size: str = "small", folder: str | Path | None = None, archive: str = ARCHIVE) -> Path:
    """Fetch a recording's training file (train and val trials, with behavior) into the cache folder, and return its path for `maze.load`.

    size: "small" (29 MB, 100 trials), "medium" (250 trials), "large" (500 trials) or "full" (2295 trials). A file that is there already is
    returned at once, without the network. A broken transfer goes on where it stopped, in this call or the next. The SHA-256 is checked.
    The data are by Churchland and Kaufman, CC-BY-4.0. Raises ValueError for an unknown size, DownloadError for everything else.
    """
    if size not in PUBLISHED:
        raise ValueError(f"There is no MC_Maze size {size!r}. Choose one of: {', '.join(PUBLISHED)}.")
    published = PUBLISHED[size]
    folder = cache.folder() if folder is None else Path(folder)
    target = folder / published.path.rsplit("/", 1)[1]
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    asset, sha256 = (published.asset, published.sha256) if published.sha256 else _look_up(published, archive)
    _fetch(f"{archive}/assets/{asset}/download/", part, Progress(f"Downloading MC_Maze {size}"))
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise DownloadError(
            f"{target.name} arrived with the SHA-256 {found[:12]}…, and {sha256[:12]}… was expected. It was deleted. "
            "Call maze.download again; if it happens twice, something on the way changes the file (a proxy, a login page)."
        )
    part.replace(target)
    return target


def _look_up(published: Published, archive: str) -> tuple[str, str]:
    """Ask the archive for the asset's id and checksum in the newest published version."""
    version = published.version or _ask(f"{archive}/dandisets/{published.dandiset}/")["most_recent_published_version"]["version"]
    assets = f"{archive}/dandisets/{published.dandiset}/versions/{version}/assets/"
    found = [a for a in _ask(f"{assets}?path={urllib.parse.quote(published.path)}")["results"] if a["path"] == published.path]
    if not found:
        raise DownloadError(
            f"DANDI {published.dandiset}, version {version}, has no {published.path}. Look at https://dandiarchive.org for it."
        )
    asset = found[0]["asset_id"]
    return asset, _ask(f"{assets}{asset}/")["digest"]["dandi:sha2-256"]


def _ask(url: str) -> dict:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(_explain(url, error)) from error


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """Bring `part` to its full length, going on where it stopped. What arrived is kept even if this fails."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(min(2**attempt, 8) * 0.25)
        try:
            _fetch_rest(url, part, progress)
            return
        except urllib.error.HTTPError as error:
            if error.code == 416 and part.is_file():  # nothing after what we have: whole, or of another file; the checksum decides
                return
            if error.code < 500:
                raise DownloadError(_explain(url, error)) from error
            last = error
        except (OSError, HTTPException) as error:
            last = error
    kept = f" {part.stat().st_size:,} bytes are kept, and the next call goes on from there." if part.is_file() else ""
    raise DownloadError(_explain(url, last) + kept) from last


def _fetch_rest(url: str, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        if answer.status != 206:  # the server sends the file from its start, whatever was asked
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if have else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                have += len(block)
                progress(min(have / total, 0.999) if total else 0.0, f"{have / 1e6:.1f} MB")
    if total and have < total:
        raise ConnectionError(f"the connection closed after {have:,} of {total:,} bytes")
    progress(1.0, f"{have / 1e6:.1f} MB")


def _explain(url: str, error: Exception) -> str:
    host = urllib.parse.urlsplit(url).netloc
    if isinstance(error, urllib.error.HTTPError):
        return f"{host} answered {error.code} ({error.reason}) for {url}. Try again later, or use maze.session(), which needs no network."
    reason = getattr(error, "reason", None) or error
    return f"Could not fetch from {host}: {reason}. Check the network and try again, or use maze.session(), which needs none."


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
