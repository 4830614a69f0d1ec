"""The simulated behavior: a delayed center-out reach task with eight targets and continuous hand kinematics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HAND_RATE = 100.0  # Hz
NUM_TARGETS = 8
REACH_MM = 120.0
TRIAL_COLUMNS = ("start_time", "target_on_time", "go_cue_time", "move_onset_time", "move_end_time", "return_onset_time", "stop_time")


@dataclass(frozen=True)
class Task:
    """What the hand did, `HAND_RATE` samples a second.

    position, velocity: (sample, 2) in mm and mm/s. goal: (sample, 2) unit vector to where the current movement goes, zero between
    movements. moving, planning: (sample,) 0 or 1. target: (sample,) the target that is being planned or reached, -1 for none.
    trials: one array for each of `TRIAL_COLUMNS` (seconds) and "target".
    """

    position: np.ndarray
    velocity: np.ndarray
    goal: np.ndarray
    moving: np.ndarray
    planning: np.ndarray
    target: np.ndarray
    trials: dict[str, np.ndarray]


def reach_task(rng: np.random.Generator, seconds: float) -> Task:
    """Draw trials until `seconds` are full; only whole trials are kept, and the hand rests after the last."""
    size = round(seconds * HAND_RATE)
    position = np.zeros((size, 2))
    goal = np.zeros((size, 2))
    moving, planning = np.zeros(size), np.zeros(size)
    target = np.full(size, -1)
    trials: dict[str, list] = {name: [] for name in (*TRIAL_COLUMNS, "target")}
    here = np.zeros(2)
    now, order = 1.0, []
    while True:
        order = order or list(rng.permutation(NUM_TARGETS))  # every target once in each block of eight
        which = int(order.pop())
        times = _draw_times(rng, now)
        if times["stop_time"] > seconds - 1:
            break
        angle = 2 * np.pi * which / NUM_TARGETS
        there = REACH_MM * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 6, 2)
        back = rng.normal(0, 5, 2)
        onset, end, onset_back = times["move_onset_time"], times["move_end_time"], times["return_onset_time"]
        end_back = times.pop("return_end")
        for start, stop, origin, aim in ((onset, end, here, there), (onset_back, end_back, there, back)):
            first, last = round(start * HAND_RATE), round(stop * HAND_RATE)
            position[first:last] = _reach(rng, origin, aim, last - first)
            position[last:] = aim
            goal[first:last] = (aim - origin) / np.linalg.norm(aim - origin)
            moving[first:last] = 1
        seen, gone = round(times["target_on_time"] * HAND_RATE), round(onset * HAND_RATE)
        planning[seen:gone] = 1
        target[seen : round(end * HAND_RATE)] = which
        here, now = back, times["stop_time"]
        for name, value in (*times.items(), ("target", which)):
            trials[name].append(value)
    position += _tremor(rng, size)
    velocity = np.gradient(position, 1 / HAND_RATE, axis=0)
    return Task(position, velocity, goal, moving, planning, target, {name: np.array(values) for name, values in trials.items()})


def _draw_times(rng: np.random.Generator, start: float) -> dict[str, float]:
    """When each event of one trial happens: hold, instructed delay, reaction, reach, hold, return, pause; none is predictable."""
    seen = start + rng.uniform(0.4, 0.8)
    go = seen + rng.uniform(0.5, 1.0)
    onset = go + 0.18 + rng.gamma(4.0, 0.03)
    end = onset + np.clip(rng.normal(0.75, 0.12), 0.5, 1.1)
    onset_back = end + rng.uniform(0.3, 0.8)
    end_back = onset_back + np.clip(rng.normal(0.85, 0.12), 0.55, 1.2)
    stop = end_back + rng.uniform(0.3, 0.7)
    return dict(zip(TRIAL_COLUMNS, (start, seen, go, onset, end, onset_back, stop), strict=True)) | {"return_end": end_back}


def _reach(rng: np.random.Generator, origin: np.ndarray, aim: np.ndarray, size: int) -> np.ndarray:
    """A minimum-jerk reach (Flash and Hogan 1985), bent sideways; one in three undershoots and is corrected on the way. (size, 2)"""
    tau = np.linspace(0, 1, size)
    travelled = _minimum_jerk(tau)
    if rng.random() < 1 / 3:
        share = rng.uniform(0.75, 0.92)
        travelled = share * _minimum_jerk(np.minimum(tau / 0.8, 1)) + (1 - share) * _minimum_jerk(np.clip((tau - 0.5) / 0.5, 0, 1))
    ahead = aim - origin
    aside = np.array([-ahead[1], ahead[0]]) / np.linalg.norm(ahead)
    bend = rng.normal(0, 8) * 16 * (tau * (1 - tau)) ** 2
    return origin + travelled[:, None] * ahead + bend[:, None] * aside


def _minimum_jerk(tau: np.ndarray) -> np.ndarray:
    return tau**3 * (10 - 15 * tau + 6 * tau**2)


def _tremor(rng: np.random.Generator, size: int) -> np.ndarray:
    """About 0.3 mm of smooth postural jitter. (size, 2)"""
    kernel = np.hanning(31)
    kernel /= np.sqrt((kernel**2).sum())
    return 0.3 * np.stack([np.convolve(rng.normal(size=size), kernel, mode="same") for _ in range(2)], axis=1)
