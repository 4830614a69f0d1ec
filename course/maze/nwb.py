"""Write a simulated session as an NWB file with the names and columns of the published MC_Maze files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .recording import SIMULATED
from .simulate import CURSOR_OFFSET, VERSION, Simulation

_TRIAL_COLUMNS = {
    "target_on_time": "When the targets appeared, seconds",
    "go_cue_time": "When the go cue was given, seconds",
    "move_onset_time": "When the hand began to move, seconds",
    "rt": "Reaction time from go cue to movement onset, ms",
    "delay": "From targets to go cue, ms",
    "split": "train, val or test",
    "trial_type": "Index of the maze",
    "trial_version": "0: one target, no barrier. 1: one target, barrier. 2: three targets, barrier",
    "maze_id": "Id of the maze",
    "success": "Whether the reach was rewarded",
    "num_targets": "Number of targets shown",
    "active_target": "Which of the targets could be reached",
    "num_barriers": "Number of barriers shown",
}


def write(path: Path, simulation: Simulation) -> None:
    """Write the file. pynwb's validator accepts it, and maze.load reads it as it reads a published one."""
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.file import Subject

    file = NWBFile(
        session_description=f"{SIMULATED} Delayed reaches in the layout of the MC_Maze recordings, spikes from a Poisson model.",
        identifier=f"simulated session {simulation.seed} (version {VERSION})",
        session_start_time=datetime(2000, 1, 1, tzinfo=UTC),
        file_create_date=datetime(2000, 1, 1, tzinfo=UTC),
        keywords=["simulated", "delayed reach"],
        subject=Subject(subject_id="simulated", description="A simulation", species="Macaca mulatta", sex="U", age="P0D"),
    )
    _add_behavior(file, simulation)
    _add_trials(file, simulation)
    _add_units(file, simulation)
    with NWBHDF5IO(path, "w") as io:
        io.write(file)


def _add_behavior(file, simulation: Simulation) -> None:
    from pynwb import TimeSeries

    timestamps = np.concatenate([np.arange(a, b) for a, b in zip(simulation.trials.start, simulation.trials.stop, strict=True)]) / 1000
    position = np.concatenate(simulation.position).astype(np.float32)
    velocity = np.concatenate(simulation.velocity).astype(np.float32)
    module = file.create_processing_module("behavior", "The hand and the cursor, simulated, at 1 kHz within trials")
    first = None
    series = {
        "hand_pos": (position, "mm", "Hand position"),
        "hand_vel": (velocity, "mm/s", "Hand velocity"),
        "cursor_pos": (position + np.float32(CURSOR_OFFSET), "mm", "Cursor position on the screen"),
    }
    for name, (data, unit, description) in series.items():
        when = first or _compressed(timestamps)  # stored once, and linked to
        stored = TimeSeries(
            name=name, data=_compressed(data), unit=unit, timestamps=when, description=description, comments="columns=[x,y]"
        )
        module.add(stored)
        first = first or stored


def _compressed(data: np.ndarray):
    from pynwb import H5DataIO

    return H5DataIO(data, compression="gzip", compression_opts=1, shuffle=True)


def _add_trials(file, simulation: Simulation) -> None:
    trials = simulation.trials
    for name, description in _TRIAL_COLUMNS.items():
        file.add_trial_column(name, description)
    file.add_trial_column("target_pos", "Targets on the screen: x, y in mm", index=True)
    file.add_trial_column("barrier_pos", "Barriers on the screen: center x, y, half width, half height in mm", index=True)
    for k in range(len(trials)):
        file.add_trial(
            start_time=trials.start[k] / 1000, stop_time=trials.stop[k] / 1000,
            target_on_time=trials.target_on[k] / 1000, go_cue_time=trials.go_cue[k] / 1000,
            move_onset_time=trials.move_onset[k] / 1000, rt=int(trials.move_onset[k] - trials.go_cue[k]),
            delay=int(trials.go_cue[k] - trials.target_on[k]), split=str(trials.split[k]), trial_type=int(trials.maze[k]),
            trial_version=int(trials.version[k]), maze_id=int(trials.maze[k]) + 1, success=True, num_targets=len(trials.targets[k]),
            active_target=int(trials.active[k]), num_barriers=len(trials.barriers[k]), target_pos=trials.targets[k].round(2).tolist(),
            barrier_pos=trials.barriers[k].round(2).tolist(),
        )  # fmt: skip


def _add_units(file, simulation: Simulation) -> None:
    from hdmf.common import DynamicTableRegion, VectorData, VectorIndex
    from pynwb.misc import Units

    device = file.create_device("simulated array", description="No device: a simulation")
    for area in ("PMd", "M1"):
        group = file.create_electrode_group(f"{area} array", description="96 electrodes, simulated", location=area, device=device)
        for _ in range(96):
            file.add_electrode(location=area, group=group)
    # Whole columns, not add_unit: that looks at each of 700,000 spikes for ten seconds.
    trials, num_units = simulation.trials, len(simulation.unit_ids)
    array, electrode = np.divmod(simulation.unit_ids - 1000, 1000)
    observed = np.tile(np.stack([trials.start, trials.stop], axis=1) / 1000, (num_units, 1))
    spikes = VectorData(name="spike_times", description="Spike times in seconds", data=np.concatenate(simulation.spike_times))
    intervals = VectorData(name="obs_intervals", description="When the unit was recorded, seconds", data=observed)
    electrodes = DynamicTableRegion(name="electrodes", data=96 * array + electrode // 10 - 1, description="Where", table=file.electrodes)
    heldout = VectorData(
        name="heldout", description="Whether the unit is held out: to be predicted, never an input", data=simulation.heldout
    )
    each = np.arange(1, num_units + 1)
    columns = [
        spikes, VectorIndex(name="spike_times_index", data=np.cumsum([len(t) for t in simulation.spike_times]), target=spikes),
        intervals, VectorIndex(name="obs_intervals_index", data=each * len(trials), target=intervals),
        electrodes, VectorIndex(name="electrodes_index", data=each, target=electrodes), heldout,
    ]  # fmt: skip
    file.units = Units(name="units", description="Simulated units", id=simulation.unit_ids, columns=columns)
