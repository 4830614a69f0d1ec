"""A recording: electrodes, behavior and trials, checked when it is made; read from NWB, BrainVision or EDF, and written to NWB.

NWB is what simulated sessions are stored in: it keeps the potentials with their unit, the electrodes with their positions, the
behavior at its own rate and the trial table in one standard file, and the course reads NWB for its spikes already. BrainVision and
EDF, in which clinics record, are read through MNE where it is installed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

MICROVOLTS_A_STEP = 0.1
HAND = ("hand x", "hand y", "hand velocity x", "hand velocity y")
HAND_UNITS = {"hand_pos": "mm", "hand_vel": "mm/s"}


@dataclass(frozen=True)
class Recording:
    """Potentials from electrodes on the brain, and what the participant did.

    signal: (sample, electrode) in microvolts, `rate` samples a second.
    behavior: (moment, quantity), `behavior_rate` moments a second, starting with the signal; `behavior_names` says what each quantity is.
    positions: (electrode, 2) in mm on the cortex, or None if not known.
    trials: one array for each column of the trial table (times in seconds); empty if there are no trials.

    Raises ValueError for electrodes with NaN or constant values, for a rate that is not positive, and for behavior that does not
    cover the same time as the signal.
    """

    signal: np.ndarray
    rate: float
    behavior: np.ndarray
    behavior_rate: float
    behavior_names: tuple[str, ...]
    electrodes: tuple[str, ...]
    positions: np.ndarray | None = None
    trials: dict[str, np.ndarray] = field(default_factory=dict)
    line_frequency: float = 60.0
    simulated: bool = False

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_rates(self)
        _check_electrodes(self)

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return len(self.signal) / self.rate

    def __repr__(self) -> str:
        kind = "simulated" if self.simulated else "recorded"
        return (
            f"Recording({kind}, {self.seconds:.0f} s, {self.signal.shape[1]} electrodes at {self.rate:g} Hz, "
            f"behavior: {', '.join(self.behavior_names)} at {self.behavior_rate:g} Hz, {len(next(iter(self.trials.values()), []))} trials)"
        )


def _check_shapes(recording: Recording) -> None:
    signal, behavior = recording.signal, recording.behavior
    if signal.ndim != 2 or signal.shape[1] != len(recording.electrodes):
        raise ValueError(
            f"The signal has shape {signal.shape}; expected (sample, electrode) with {len(recording.electrodes)} electrodes, "
            f"one for each name. If it is (electrode, sample), pass signal.T."
        )
    if behavior.ndim != 2 or behavior.shape[1] != len(recording.behavior_names):
        raise ValueError(
            f"The behavior has shape {behavior.shape}; expected (moment, quantity) with {len(recording.behavior_names)} quantities, "
            f"one for each of {recording.behavior_names}."
        )


def _check_rates(recording: Recording) -> None:
    for name in ("rate", "behavior_rate"):
        rate = getattr(recording, name)
        if not (np.isfinite(rate) and rate > 0):
            raise ValueError(f"{name} is {rate}; expected a positive number of samples a second. Look it up in the recording's header.")
    behaved = len(recording.behavior) / recording.behavior_rate
    if abs(behaved - recording.seconds) > max(0.05, 1.5 / recording.behavior_rate):
        raise ValueError(
            f"The signal lasts {recording.seconds:.2f} s ({len(recording.signal)} samples at {recording.rate:g} Hz) and the behavior "
            f"{behaved:.2f} s ({len(recording.behavior)} at {recording.behavior_rate:g} Hz); expected the same time. One of the two "
            f"sampling rates is wrong, or one of the two is cut: correct the rate, or cut both to the time they share."
        )
    if not np.isfinite(recording.behavior).all():
        bad = [name for name, values in zip(recording.behavior_names, recording.behavior.T, strict=True) if not np.isfinite(values).all()]
        raise ValueError(
            f"Behavior {', '.join(bad)} has NaN or infinite values; expected numbers throughout. Cut those times out, or fill them in."
        )


def _check_electrodes(recording: Recording) -> None:
    broken, flat = [], []
    for name, values in zip(recording.electrodes, recording.signal.T, strict=True):
        if not np.isfinite(values.sum()):
            broken.append(name)
        elif values.min() == values.max():
            flat.append(name)
    if broken or flat:
        found = [
            f"{', '.join(names)} {what}" for names, what in ((broken, "with NaN or infinite values"), (flat, "that never change")) if names
        ]
        raise ValueError(
            f"Electrodes {' and '.join(found)}; expected a number at every sample. One bad electrode spoils every window: "
            f"leave them out with load(path, without={(broken + flat)[:4]!r})."
        )


def load(
    path: str | Path,
    *,
    electrodes: Sequence[str] | None = None,
    behavior: Sequence[str] | None = None,
    without: Sequence[str] = (),
) -> Recording:
    """Read a recording from NWB (.nwb), BrainVision (.vhdr) or EDF (.edf); the last two need MNE.

    electrodes, behavior: names of the channels to read. By default, electrodes are those a BIDS channels.tsv beside the file calls
    ECOG, or without such a table all that are not behavior; behavior is what it calls MISC. without: electrodes to leave out.
    An NWB file needs an ElectricalSeries named "ecog" and, under processing/behavior, series with a rate.

    Raises FileNotFoundError, ModuleNotFoundError without MNE, and ValueError for a recording that cannot be used; each says what to do.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"No recording at {path}. Give the path of an .nwb, .vhdr or .edf file, or use session(seed) for a simulated one."
        )
    if path.suffix == ".nwb":
        return _load_nwb(path, electrodes, without)
    if path.suffix in (".vhdr", ".edf"):
        return _load_mne(path, electrodes, behavior, without)
    raise ValueError(
        f"Cannot read {path.name}: expected .nwb, .vhdr (BrainVision) or .edf. Of a BrainVision recording give the .vhdr, not the .eeg; "
        f"for arrays use load_pair(data, labels, step)."
    )


def save_nwb(path: Path, recording: Recording, about: str) -> None:
    """Write a recording with hand position and velocity as NWB: potentials as 16-bit steps of 0.1 microvolt."""
    from pynwb import NWBHDF5IO, NWBFile

    file = NWBFile(session_description=about, identifier=path.stem, session_start_time=datetime(2026, 1, 1, tzinfo=UTC))
    _add_signal(file, recording)
    _add_hand(file, recording)
    for name in recording.trials:
        if name not in ("start_time", "stop_time"):
            file.add_trial_column(name=name, description=name.replace("_", " "))
    for row in range(len(next(iter(recording.trials.values()), []))):
        file.add_trial(**{name: values[row] for name, values in recording.trials.items()})
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)


def _add_signal(file, recording: Recording) -> None:
    from pynwb.ecephys import ElectricalSeries

    device = file.create_device(name="grid", description="subdural grid")
    group = file.create_electrode_group(name="grid", description="sensorimotor cortex", location="sensorimotor cortex", device=device)
    file.add_electrode_column(name="label", description="name of the electrode")
    for name, (x, y) in zip(recording.electrodes, recording.positions, strict=True):
        file.add_electrode(rel_x=float(x), rel_y=float(y), rel_z=0.0, location="sensorimotor cortex", group=group, label=name)
    table = file.create_electrode_table_region(region=list(range(len(recording.electrodes))), description="all electrodes")
    steps = np.empty(recording.signal.shape, np.int16)
    for start in range(0, len(steps), 50_000):
        part = recording.signal[start : start + 50_000] / MICROVOLTS_A_STEP
        steps[start : start + 50_000] = np.clip(np.rint(part), -32768, 32767)
    comments = f"power line {recording.line_frequency:g} Hz" + ("; simulated" if recording.simulated else "")
    file.add_acquisition(
        ElectricalSeries(
            name="ecog", data=steps, electrodes=table, rate=recording.rate, conversion=MICROVOLTS_A_STEP * 1e-6, comments=comments
        )
    )


def _add_hand(file, recording: Recording) -> None:
    from pynwb import TimeSeries

    module = file.create_processing_module(name="behavior", description="what the hand did")
    for name, part in (("hand_pos", recording.behavior[:, :2]), ("hand_vel", recording.behavior[:, 2:])):
        module.add(TimeSeries(name=name, data=part, unit=HAND_UNITS[name], rate=recording.behavior_rate))


def _load_nwb(path: Path, electrodes: Sequence[str] | None, without: Sequence[str]) -> Recording:
    from pynwb import NWBHDF5IO

    try:
        io = NWBHDF5IO(str(path), "r", load_namespaces=True)
    except (OSError, TypeError, KeyError) as error:
        raise ValueError(f"{path.name} is not a readable NWB file ({error}). It may be cut short: copy or download it again.") from error
    with io:
        file = io.read()
        series = file.acquisition.get("ecog")
        if series is None:
            raise ValueError(
                f"{path.name} has no ElectricalSeries 'ecog'; it has {sorted(file.acquisition)}. Rename the potentials to 'ecog'."
            )
        if series.rate is None:
            raise ValueError(
                f"'ecog' in {path.name} has timestamps and no rate; expected regular samples. Resample it, and store its rate."
            )
        table = file.electrodes.to_dataframe().iloc[np.asarray(series.electrodes.data[:])]
        names = [str(name) for name in table.get("label", table.index)]
        keep = _chosen(names, electrodes, without)
        signal = series.data[:][:, keep].astype(np.float32) * np.float32(series.conversion * 1e6)
        behavior, behavior_names, rate = _behavior(file, path)
        known = {"rel_x", "rel_y"} <= set(table)
        positions = table[["rel_x", "rel_y"]].to_numpy(float)[keep] if known else None
        trials = {name: np.asarray(file.trials[name].data[:]) for name in file.trials.colnames} if file.trials is not None else {}
        comments = series.comments or ""
    return Recording(
        signal=signal,
        rate=float(series.rate),
        behavior=behavior,
        behavior_rate=rate,
        behavior_names=behavior_names,
        electrodes=tuple(np.array(names)[keep]),
        positions=positions,
        trials=trials,
        line_frequency=50.0 if "50 Hz" in comments else 60.0,
        simulated="simulated" in comments,
    )


def _behavior(file, path: Path) -> tuple[np.ndarray, tuple[str, ...], float]:
    """All regular series of processing/behavior, side by side."""
    found = dict(file.processing["behavior"].data_interfaces) if "behavior" in file.processing else {}
    found = {name: series for name, series in sorted(found.items()) if getattr(series, "rate", None)}
    rates = {float(series.rate) for series in found.values()}
    if len(rates) != 1:
        raise ValueError(
            f"{path.name} has behavior at {len(rates)} sampling rates under processing/behavior; expected one, for all of its series. "
            f"Store the behavior there as TimeSeries with one rate."
        )
    if set(found) == set(HAND_UNITS):
        names = HAND
    else:
        names = tuple(
            f"{name} {i}" for name, series in found.items() for i in range(np.asarray(series.data).reshape(len(series.data), -1).shape[1])
        )
    values = np.concatenate([np.asarray(series.data[:], np.float32).reshape(len(series.data), -1) for series in found.values()], axis=1)
    return values, names, rates.pop()


def _load_mne(path: Path, electrodes: Sequence[str] | None, behavior: Sequence[str] | None, without: Sequence[str]) -> Recording:
    try:
        import mne
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"Reading {path.name} needs MNE-Python, which is not installed. Run: pip install mne. (NWB files need nothing more.)"
        ) from None
    read = mne.io.read_raw_brainvision if path.suffix == ".vhdr" else mne.io.read_raw_edf
    raw = read(path, preload=True, verbose="error")
    kinds = _bids_kinds(path)
    behavior = list(behavior) if behavior is not None else [name for name in raw.ch_names if kinds.get(name) == "MISC"]
    missing = [name for name in behavior if name not in raw.ch_names]
    if not behavior or missing:
        raise ValueError(
            f"{path.name} has no behavior channel {', '.join(missing)}".rstrip() + f"; its channels are {', '.join(raw.ch_names)}. "
            f"Say which of them is behavior: load(path, behavior=['...'])."
        )
    others = [name for name in raw.ch_names if name not in behavior and kinds.get(name, "ECOG") == "ECOG"]
    names = [others[i] for i in _chosen(others, electrodes, without)]
    rate = float(raw.info["sfreq"])
    # MNE gives volts.
    return Recording(
        signal=raw.get_data(names).T.astype(np.float32) * np.float32(1e6),
        rate=rate,
        behavior=raw.get_data(behavior).T.astype(np.float32),
        behavior_rate=rate,
        behavior_names=tuple(behavior),
        electrodes=tuple(names),
        line_frequency=_bids_line_frequency(path) or float(raw.info["line_freq"] or 60.0),
    )


def _bids_kinds(path: Path) -> dict[str, str]:
    """Channel types by name from the BIDS channels.tsv beside a recording; empty if there is none."""
    table = path.with_name(path.stem.rsplit("_", 1)[0] + "_channels.tsv")
    if not table.exists():
        return {}
    header, *rows = [line.split("\t") for line in table.read_text(encoding="utf-8-sig").splitlines() if line]
    return {row[header.index("name")]: row[header.index("type")].upper() for row in rows}


def _bids_line_frequency(path: Path) -> float | None:
    """The power line's frequency from the BIDS sidecar of a recording, if it is there and says."""
    sidecar = path.with_suffix(".json")
    if not sidecar.exists():
        return None
    frequency = json.loads(sidecar.read_text(encoding="utf-8-sig")).get("PowerLineFrequency")
    return float(frequency) if isinstance(frequency, int | float) else None


def _chosen(names: Sequence[str], electrodes: Sequence[str] | None, without: Sequence[str]) -> list[int]:
    unknown = [name for name in (*(electrodes or ()), *without) if name not in names]
    if unknown:
        raise ValueError(f"There is no electrode {', '.join(unknown)}; the electrodes are {', '.join(names)}.")
    keep = [i for i, name in enumerate(names) if name not in without and (electrodes is None or name in electrodes)]
    if not keep:
        raise ValueError(f"No electrode is left of {', '.join(names)}; name at least one.")
    return keep
