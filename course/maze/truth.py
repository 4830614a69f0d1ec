"""The true firing rates of a simulated session, stored beside its NWB file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .simulate import LATENT_NAMES, STEP_MS, Simulation


def path_beside(nwb: Path) -> Path:
    """Where the truth about a simulated NWB file is."""
    return nwb.with_name(f"{nwb.stem}_truth.npz")


def write(nwb: Path, simulation: Simulation) -> None:
    """Store what the rates were made from: exp(log_base + loadings · latents) in Hz, in steps of 5 ms. 5 times smaller than the rates."""
    first_step = np.cumsum([0, *(len(z) for z in simulation.latents)])
    with path_beside(nwb).open("wb") as file:
        np.savez(
            file, latents=np.concatenate(simulation.latents), first_step=first_step, latent_names=np.array(LATENT_NAMES), step_ms=STEP_MS,
            onset_step=(simulation.trials.move_onset - simulation.latent_start) // STEP_MS, loadings=simulation.loadings,
            log_base=simulation.log_base, unit_ids=simulation.unit_ids,
        )  # fmt: skip


def expected_counts(nwb: Path, trials: np.ndarray, unit_ids: np.ndarray, edges_ms: np.ndarray) -> np.ndarray | None:
    """(trials, bins, neurons): the true expected spike counts, bins aligned to movement onset. None if nothing is stored beside the file.

    Raises ValueError if the edges are not multiples of 5 ms, or the file beside is of another session.
    """
    path = path_beside(nwb)
    if not path.is_file():
        return None
    with np.load(path) as stored:
        if not np.array_equal(stored["unit_ids"], unit_ids):
            raise ValueError(f"{path.name} does not belong to {nwb.name}: their units differ. Delete both and call maze.session() again.")
        step_ms, latents, onset = int(stored["step_ms"]), stored["latents"], stored["first_step"][:-1] + stored["onset_step"]
        if (edges_ms % step_ms).any():
            raise ValueError(f"true rates are stored in steps of {step_ms} ms: choose bins and a window that are multiples of it")
        loadings, log_base = stored["loadings"], stored["log_base"]
        edges = edges_ms // step_ms
        rates = np.empty((len(trials), len(edges) - 1, len(log_base)), np.float32)
        for row, k in enumerate(trials):
            z = latents[onset[k] + edges[0] : onset[k] + edges[-1]].astype(float)
            hz = np.exp(z @ loadings.T + log_base)
            rates[row] = hz.reshape(len(edges) - 1, -1, hz.shape[1]).sum(axis=1) * (step_ms / 1000)
    return rates
