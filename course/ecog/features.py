"""From potentials to features: what a decoder reads, one vector for each time bin, from causal filters only unless asked otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import butter, iirnotch, lfilter, sosfilt, sosfiltfilt, tf2sos

from course.ecog.recording import Recording

STEP_S = 0.05
MU_BETA_HZ = (8.0, 30.0)
HIGH_GAMMA_HZ = (70.0, 150.0)
FILTER_MEMORY_S = 3.0  # how far back a feature remembers; a gap between training and test is at least this and a window
BANDS = ("high gamma", "mu/beta", "local motor potential")
_SMOOTHING_S = {"high gamma": 0.05, "mu/beta": 0.12}
_DRIFT_HZ = 0.3


@dataclass(frozen=True)
class Features:
    """What a decoder reads and what it should say, for each of `step` seconds.

    x: (bin, electrode, band) float32: log power in two bands and the local motor potential, or (bin, feature) from `load_pair`.
    y: (bin, quantity) float32: behavior averaged over the bin, for a simulated session hand velocity in mm/s.
    target: (bin,) the target that is planned or reached, -1 between trials; all -1 where there are no trials.
    A bin holds what is known at its end.
    """

    x: np.ndarray
    y: np.ndarray
    target: np.ndarray
    step: float
    names: tuple[str, ...]
    bands: tuple[str, ...] = BANDS

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.target):
            raise ValueError(
                f"There are {len(self.x)} bins of data and {len(self.y)} of labels; expected one label for each bin. "
                f"Cut both to the time they share, or make the labels again with the data's step of {self.step:g} s."
            )
        bad = np.flatnonzero(~np.isfinite(self.x).all(axis=0).reshape(self.x.shape[1], -1).all(axis=1))
        if len(bad):
            raise ValueError(
                f"Channels {bad.tolist()} of the data have NaN or infinite values; expected numbers throughout. Leave them out."
            )
        if not np.isfinite(self.y).all():
            raise ValueError("The labels have NaN or infinite values; expected numbers throughout. Cut those bins out of data and labels.")

    @property
    def flat(self) -> np.ndarray:
        """x as (bin, feature), electrode by electrode."""
        return self.x.reshape(len(self.x), -1)

    def save_pair(self, folder: str | Path) -> tuple[Path, Path]:
        """Write data.npy (bin, feature) and labels.npy (bin, quantity and then target) into a folder; return the two paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        data, labels = folder / "data.npy", folder / "labels.npy"
        np.save(data, self.flat)
        np.save(labels, np.column_stack([self.y, self.target]).astype(np.float32))
        return data, labels


def load_pair(data: str | Path, labels: str | Path, step: float = STEP_S) -> Features:
    """Read features and labels that somebody stored as two arrays: data (bin, feature), labels (bin,) or (bin, quantity).

    Raises FileNotFoundError, and ValueError for shapes or values that cannot be used.
    """
    arrays = []
    for path in (Path(data), Path(labels)):
        if not path.exists():
            raise FileNotFoundError(
                f"There is no {path}. Give the paths of two .npy files: data (bin, feature) and labels (bin, quantity)."
            )
        arrays.append(np.load(path, allow_pickle=False).astype(np.float32))
    x, y = arrays
    if x.ndim != 2 or y.ndim not in (1, 2):
        raise ValueError(f"data has shape {x.shape} and labels {y.shape}; expected (bin, feature), and (bin,) or (bin, quantity).")
    y = y.reshape(len(y), -1)
    names = tuple(f"label {i}" for i in range(y.shape[1]))
    return Features(x, y, np.full(len(y), -1), step, names, bands=())


def features(recording: Recording, step: float = STEP_S, *, causal: bool = True, quantities: tuple[str, ...] | None = None) -> Features:
    """Compute log high-gamma power, log mu/beta power and the local motor potential of every electrode, every `step` seconds.

    The average over electrodes is subtracted, the power line notched out, and each band filtered (Butterworth, fourth order), squared
    and smoothed. With causal=True a feature depends on the past only; causal=False runs each filter forward and backward, as is usual
    offline, so that a feature also depends on the future. quantities: behavior to predict; by default velocities if there are any, else
    all.

    Raises ValueError for a sampling rate too low for high gamma, and for a step that is not a whole number of samples.
    """
    samples = round(step * recording.rate)
    if recording.rate <= 2 * HIGH_GAMMA_HZ[1]:
        raise ValueError(
            f"The recording has {recording.rate:g} samples a second; high gamma up to {HIGH_GAMMA_HZ[1]:g} Hz needs more than "
            f"{2 * HIGH_GAMMA_HZ[1]:g}. If the header's rate is wrong, correct it; else this recording has no high gamma to read."
        )
    if samples < 1 or abs(samples / recording.rate - step) > 1e-9:
        raise ValueError(
            f"A step of {step:g} s is {step * recording.rate:g} samples at {recording.rate:g} Hz; expected a whole number of samples."
        )
    bins = len(recording.signal) // samples
    x = np.empty((bins, recording.signal.shape[1], len(BANDS)), np.float32)
    average = recording.signal.mean(axis=1) if recording.signal.shape[1] > 1 else np.zeros(len(recording.signal), np.float32)
    filters = _Filters(recording.rate, recording.line_frequency, causal)
    for e in range(x.shape[1]):
        x[:, e] = filters.describe(recording.signal[:, e] - average, samples, bins)
    y, names = _behavior_in_bins(recording, step, bins, quantities)
    return Features(x, y, _target_in_bins(recording.trials, step, bins), step, names)


class _Filters:
    """The filters of one recording; `causal` decides whether they run forward only."""

    def __init__(self, rate: float, line: float, causal: bool) -> None:
        self.rate, self.run = rate, sosfilt if causal else sosfiltfilt
        self.causal = causal
        harmonics = [line * k for k in range(1, 4) if line * k < 0.95 * rate / 2]
        self.notch = np.concatenate([tf2sos(*iirnotch(f, 30 * f / line, fs=rate)) for f in harmonics])
        self.bands = {
            "high gamma": butter(4, HIGH_GAMMA_HZ, "bandpass", fs=rate, output="sos"),
            "mu/beta": butter(4, MU_BETA_HZ, "bandpass", fs=rate, output="sos"),
        }
        self.drift = butter(1, _DRIFT_HZ, "highpass", fs=rate, output="sos")

    def describe(self, signal: np.ndarray, samples: int, bins: int) -> np.ndarray:
        """The features of one electrode. (bin, band)"""
        signal = self.run(self.notch, signal.astype(np.float64) - signal[0])
        columns = []
        for name, band in self.bands.items():
            power = (self.run(band, signal) ** 2)[: bins * samples].reshape(bins, samples).mean(axis=1)
            columns.append(np.log(self._smooth(power, _SMOOTHING_S[name] / (samples / self.rate)) + 1e-12))
        slow = self.run(self.drift, signal)[: bins * samples].reshape(bins, samples).mean(axis=1)
        return np.stack([*columns, slow], axis=1)

    def _smooth(self, power: np.ndarray, bins: float) -> np.ndarray:
        keep = np.exp(-1 / bins)
        past = lfilter([1 - keep], [1, -keep], power, zi=[keep * power[:20].mean()])[0]
        if self.causal:
            return past
        return lfilter([1 - keep], [1, -keep], past[::-1], zi=[keep * past[-20:].mean()])[0][::-1]


def _behavior_in_bins(
    recording: Recording, step: float, bins: int, quantities: tuple[str, ...] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    names = recording.behavior_names
    if quantities is None:
        quantities = tuple(name for name in names if "velocity" in name) or names
    unknown = [name for name in quantities if name not in names]
    if unknown:
        raise ValueError(f"There is no behavior {', '.join(unknown)}; there is {', '.join(names)}.")
    chosen = recording.behavior[:, [names.index(name) for name in quantities]].astype(np.float64)
    which = np.minimum((np.arange(len(chosen)) / recording.behavior_rate / step + 1e-9).astype(int), bins - 1)
    count = np.maximum(np.bincount(which, minlength=bins), 1)
    y = np.stack([np.bincount(which, weights=column, minlength=bins) / count for column in chosen.T], axis=1)
    return y.astype(np.float32), quantities


def _target_in_bins(trials: dict[str, np.ndarray], step: float, bins: int) -> np.ndarray:
    target = np.full(bins, -1)
    if {"target", "target_on_time", "move_end_time"} <= set(trials):
        for which, start, stop in zip(trials["target"], trials["target_on_time"], trials["move_end_time"], strict=True):
            target[int(np.ceil(start / step)) : int(stop / step)] = which
    return target


def check_length(num_bins: int, window: int, gap: int, fractions: tuple[float, ...] = (0.7, 0.15, 0.15)) -> None:
    """Raise ValueError unless windows of `window` bins can be split into contiguous parts with `gap` windows left out between them."""
    windows, gaps = num_bins - window + 1, len(fractions) - 1
    if windows < 1 or min(fractions) * (windows - gap * gaps) < 1:
        raise ValueError(
            f"The recording has {num_bins} bins: {max(windows, 0)} windows of {window} bins, of which {gap * gaps} are needed for {gaps} "
            f"gaps; expected at least one window in each of {gaps + 1} parts. Use a longer recording or a shorter window."
        )
