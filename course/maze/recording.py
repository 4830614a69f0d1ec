"""Read a delayed-reach recording in the published NWB layout, and cut it into trials aligned to movement onset."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from . import truth

WINDOW_MS = (-250, 450)
"""The benchmark's window around movement onset."""
FEWEST_TRIALS = 10
SPLITS = ("train", "val", "test")
SIMULATED = "Simulated: no animal took part."
"""A file whose session description begins with this was made by this course."""

_UNITS = ("id", "spike_times", "spike_times_index", "heldout")
_TRIALS = ("start_time", "stop_time", "move_onset_time", "split", "trial_type", "trial_version", "maze_id", "target_pos", "num_targets")
_TRIALS += ("target_pos_index", "active_target")


class MazeFileError(ValueError):
    """A file that cannot be read as a delayed-reach recording; the message says why and what to do."""


@dataclass(frozen=True)
class Session:
    """Trials aligned to movement onset. K trials, T bins, N neurons.

    heldin, heldout: spike counts, (K, T, N) float32. rates_heldin, rates_heldout: the true expected counts a bin, of a simulated session.
    position (mm), velocity (mm/s): the hand, (K, T, 2), `lag_ms` later than the spikes. times: bin centers, ms from movement onset.
    split: "train", "val" or "test"; condition: 0 ... number of conditions - 1, one for each pair of trial_type and trial_version.
    target: the reached one, (K, 2) mm on the screen. units_heldin, units_heldout: ids; the leading digit is 1 in PMd, 2 in M1.
    left_out: number of trials left out, by reason.
    """

    name: str
    simulated: bool
    bin_ms: int
    lag_ms: int
    times: np.ndarray
    heldin: np.ndarray
    heldout: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    rates_heldin: np.ndarray | None
    rates_heldout: np.ndarray | None
    trial: np.ndarray
    split: np.ndarray
    condition: np.ndarray
    trial_type: np.ndarray
    trial_version: np.ndarray
    maze_id: np.ndarray
    target: np.ndarray
    units_heldin: np.ndarray
    units_heldout: np.ndarray
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.trial)

    @property
    def num_heldin(self) -> int:
        return self.heldin.shape[2]

    @property
    def num_heldout(self) -> int:
        return self.heldout.shape[2]

    def of(self, *splits: str) -> Session:
        """The trials of one split, or of several."""
        for split in splits:
            if not (self.split == split).any():
                present = ", ".join(f"{s} ({np.sum(self.split == s)})" for s in SPLITS if (self.split == s).any())
                raise ValueError(f"{self.name} has no trials of the split {split!r}. It has: {present}.")
        return self.select(np.isin(self.split, splits))

    def first(self, num_trials: int) -> Session:
        """The first trials, in the order of the recording."""
        return self.select(slice(num_trials))

    def select(self, chosen) -> Session:
        """The trials that a boolean mask, a slice, or indices choose."""
        per_trial = (
            "heldin heldout position velocity rates_heldin rates_heldout trial split condition trial_type trial_version maze_id target"
        )
        values = {name: getattr(self, name) for name in per_trial.split()}
        return replace(self, **{name: value[chosen] for name, value in values.items() if value is not None})

    def __repr__(self) -> str:
        counts = ", ".join(f"{np.sum(self.split == s)} {s}" for s in SPLITS if (self.split == s).any())
        return (
            f"{self.name}: {len(self)} trials ({counts}) of {len(self.times)} bins of {self.bin_ms} ms, "
            f"{self.num_heldin} held-in and {self.num_heldout} held-out neurons, {len(np.unique(self.condition))} conditions"
        )


def load(path: str | Path, bin_ms: int = 20, window_ms: tuple[int, int] = WINDOW_MS, lag_ms: int = 0) -> Session:
    """Read an NWB file of the MC_Maze family, published or simulated.

    bin_ms: width of a bin, which must divide the window. window_ms: from and to, around movement onset. lag_ms: how much later than the
    spikes the hand is read (the benchmark: 120 ms for Small, Medium and Large, 100 ms for the full session).

    A trial whose window reaches into a gap of the recording, or whose hand has a NaN there, is left out and counted in `left_out`.
    Raises FileNotFoundError, or MazeFileError if the file is truncated, is something else, lacks a field, or leaves too few trials.
    """
    path = Path(path)
    start, stop = window_ms
    if bin_ms < 1 or stop <= start or (stop - start) % bin_ms:
        raise ValueError(f"bins of {bin_ms} ms do not fill the window {start} ... {stop} ms: choose a width that divides {stop - start} ms")
    with _open(path) as file:
        recording = _read(file, path)
        trials = recording["trials"]
        edges = np.arange(start, stop + 1, bin_ms)
        hand_at = (edges[:-1] + edges[1:]) / 2 + lag_ms
        keep, left_out = _usable(recording, window_ms, hand_at, path)
        onset = trials["move_onset_time"][keep]
        counts = _bin(recording["spike_times"], onset, edges)
        position, velocity = (_hand_at(recording[name], onset, hand_at) for name in ("hand_pos", "hand_vel"))
    rates = truth.expected_counts(path, keep, recording["unit_ids"], edges)
    pairs = np.stack([trials["trial_type"][keep], trials["trial_version"][keep]], axis=1)
    heldout = recording["heldout"]
    return Session(
        name=recording["name"], simulated=recording["simulated"], bin_ms=bin_ms, lag_ms=lag_ms, times=(edges[:-1] + edges[1:]) / 2,
        heldin=counts[..., ~heldout], heldout=counts[..., heldout], position=position, velocity=velocity,
        rates_heldin=None if rates is None else rates[..., ~heldout], rates_heldout=None if rates is None else rates[..., heldout],
        trial=keep, split=trials["split"][keep], condition=np.unique(pairs, axis=0, return_inverse=True)[1].ravel(),
        trial_type=pairs[:, 0], trial_version=pairs[:, 1], maze_id=trials["maze_id"][keep], target=recording["target"][keep],
        units_heldin=recording["unit_ids"][~heldout], units_heldout=recording["unit_ids"][heldout], left_out=left_out,
    )  # fmt: skip


# --- reading -----------------------------------------------------------------------------------------------------------------


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path}. maze.session() makes a simulated session, maze.download('small') fetches a real one."
        )
    try:
        return h5py.File(path, "r")
    except OSError as error:
        size = path.stat().st_size
        why = "is cut short" if "truncated" in str(error) else "is not an HDF5 file, which every NWB file is"
        raise MazeFileError(f"{path.name} ({size:,} bytes) {why}. Delete it and make or download it again.") from error


def _read(file: h5py.File, path: Path) -> dict:
    _require(file, path)
    units, table = file["units"], file["intervals/trials"]
    try:
        ends = units["spike_times_index"][:]
        spike_times = np.split(units["spike_times"][:], ends[:-1])
        trials = {name: _column(table[name]) for name in _TRIALS}
        recording = {
            "name": _describe(file, path)[0], "simulated": _describe(file, path)[1],
            "unit_ids": units["id"][:], "heldout": units["heldout"][:].astype(bool), "spike_times": spike_times, "trials": trials,
            "intervals": _observed(units), "target": _reached_targets(trials),
        }  # fmt: skip
        for name in ("hand_pos", "hand_vel"):
            series = file[f"processing/behavior/{name}"]
            recording[name] = (series["timestamps"][:], series["data"][:].astype(np.float32))
    except (OSError, KeyError) as error:
        raise MazeFileError(f"{path.name} is damaged: {error}. Delete it and make or download it again.") from error
    return recording


def _require(file: h5py.File, path: Path) -> None:
    needed = [f"units/{name}" for name in _UNITS] + [f"intervals/trials/{name}" for name in _TRIALS]
    behavior = [f"processing/behavior/{series}/{part}" for series in ("hand_pos", "hand_vel") for part in ("data", "timestamps")]
    missing = [name for name in needed + behavior if name not in file]
    if not missing:
        return
    if "units" in file and all(name in missing for name in behavior):
        raise MazeFileError(
            f"{path.name} has no hand position or velocity, so it is probably the benchmark's test file (desc-test). "
            "Load the training file (desc-train) instead: it holds the train and val trials."
        )
    if "units" not in file or "intervals/trials" not in file:
        raise MazeFileError(f"{path.name} has no {missing[0]}: it is not a recording of the MC_Maze family. It holds: {', '.join(file)}.")
    raise MazeFileError(f"{path.name} lacks {', '.join(missing)}. Expected is the layout of DANDI sets 000128 and 000138 to 000140.")


def _column(data: h5py.Dataset) -> np.ndarray:
    return data.asstr()[:] if h5py.check_string_dtype(data.dtype) else data[:]


def _describe(file: h5py.File, path: Path) -> tuple[str, bool]:
    """A name for titles, and whether the session is simulated. A simulated session is never named like a real one."""
    text = _text(file, "session_description")
    return (_text(file, "identifier") or path.stem, True) if text.startswith(SIMULATED) else (path.stem, False)


def _text(file: h5py.File, name: str) -> str:
    return file[name].asstr()[()] if name in file else ""


def _observed(units: h5py.Group) -> np.ndarray | None:
    """(intervals, 2) seconds in which the first unit was recorded; in these files all units share them."""
    if "obs_intervals" not in units:
        return None
    return units["obs_intervals"][: int(units["obs_intervals_index"][0])]


def _reached_targets(trials: dict[str, np.ndarray]) -> np.ndarray:
    """target_pos lists every trial's targets one after another; its index says where each trial's end."""
    first = trials["target_pos_index"].astype(int) - trials["num_targets"].astype(int)
    positions = trials["target_pos"].astype(float).reshape(-1, 2)
    return positions[np.clip(first + trials["active_target"].astype(int), 0, len(positions) - 1)]


# --- cutting -----------------------------------------------------------------------------------------------------------------


def _usable(recording: dict, window_ms: tuple[int, int], hand_at: np.ndarray, path: Path) -> tuple[np.ndarray, dict[str, int]]:
    """Which trials can be cut, and how many cannot, by reason. A trial without a split of ours is not ours to use, and is not counted."""
    trials = recording["trials"]
    onset = trials["move_onset_time"].astype(float)
    ours = np.isin(trials["split"], SPLITS)
    problems = {"no movement onset": ~np.isfinite(onset)}
    onset = np.where(np.isfinite(onset), onset, -1e9)
    problems["spikes not recorded in the whole window"] = ~_inside(
        recording["intervals"], onset + window_ms[0] / 1000, onset + window_ms[1] / 1000
    )
    hand = np.concatenate([_hand_at(recording[name], onset, hand_at) for name in ("hand_pos", "hand_vel")], axis=-1)
    problems["hand not recorded in the whole window"] = ~np.isfinite(hand).all(axis=(1, 2))
    usable, left_out = ours, {}
    for reason, broken in problems.items():
        if (usable & broken).any():
            left_out[reason] = int((usable & broken).sum())
        usable = usable & ~broken
    if usable.sum() < FEWEST_TRIALS:
        reasons = "; ".join(f"{count} left out: {reason}" for reason, count in left_out.items()) or "none had to be left out"
        raise MazeFileError(
            f"{path.name} leaves {usable.sum()} of {len(onset)} trials, and at least {FEWEST_TRIALS} are needed ({reasons}). "
            f"Check its trials' split (one of {', '.join(SPLITS)}) and gaps, or load a larger recording."
        )
    if left_out:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in left_out.items())
        warnings.warn(f"{path.name}: trials left out, {reasons}", stacklevel=3)
    return np.flatnonzero(usable), left_out


def _inside(intervals: np.ndarray | None, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    if intervals is None:
        return np.ones(len(start), bool)
    intervals = intervals[np.argsort(intervals[:, 0])]
    which = np.searchsorted(intervals[:, 0], start + 1e-6, side="right") - 1
    return (which >= 0) & (stop <= intervals[which, 1] + 1e-6)


def _bin(spike_times: list[np.ndarray], onset: np.ndarray, edges_ms: np.ndarray) -> np.ndarray:
    """(trials, bins, neurons) counts. A spike on an edge belongs to the bin that begins there."""
    edges = onset[:, None] + edges_ms / 1000 - 1e-9
    counts = [np.diff(np.searchsorted(np.sort(times), edges), axis=1) for times in spike_times]
    return np.stack(counts, axis=-1).astype(np.float32)


def _hand_at(series: tuple[np.ndarray, np.ndarray], onset: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
    """(trials, bins, 2): the hand between the two samples around each time, NaN where they are more than 2 ms apart, in a gap."""
    timestamps, data = series
    at = onset[:, None] + at_ms / 1000
    after = np.clip(np.searchsorted(timestamps, at), 1, len(timestamps) - 1)
    early, late = timestamps[after - 1], timestamps[after]
    inside = (at >= early - 1e-6) & (at <= late + 1e-6) & (late - early <= 0.002)
    share = ((at - early) / np.where(inside, late - early, 1)).astype(np.float32)[..., None]
    return np.where(inside[..., None], data[after - 1] * (1 - share) + data[after] * share, np.float32(np.nan))
