"""A simulated electrocorticogram: an 8 x 8 grid over hand sensorimotor cortex during the reaches of `course.ecog.task`.

What was built in, and where it was seen:

- high gamma (60-200 Hz) has a log-normal amplitude; a population whose neurons prefer all directions adds up to a signal that
  follows speed more than direction (Hammer et al. 2016), with a saturating speed gain; the direction tuning that is left depends
  partly on speed and partly on the movement being under way (Moran and Schwartz 1999), and turns with posture (Caminiti et al. 1990);
- planning has tuning of its own, unrelated to the tuning of movement (Churchland et al. 2010; Elsayed et al. 2016);
- premotor cortex leads the hand, primary motor cortex follows it, somatosensory cortex lags: each electrode has its own delay;
- mu and beta rhythms shrink during planning and movement over a wide area, untuned, and beta rebounds after it (Pfurtscheller 1999);
- the local motor potential is direction tuned but small beside the 1/f background (Schalk et al. 2007);
- gains drift with arousal, baselines drift with the electrode, muscle bursts and the power line are everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.signal import lfilter
from scipy.special import expit

from course.ecog.task import HAND_RATE, Task

RATE = 500.0  # Hz
GRID = (8, 8)
PITCH_MM = 5.0
LINE_HZ = 60.0
NUM_SOURCES = 14  # spatial sources of what neighboring electrodes share


@dataclass(frozen=True)
class Coupling:
    """How strongly the brain that is simulated speaks of the hand: log units of amplitude, and microvolts for the potential.

    These were set on tuned ridge regression alone, before any other decoder was tried.
    """

    speed: float = 0.50
    direction: float = 0.08
    under_way: float = 0.08
    planning: float = 0.18
    potential: float = 6.0


@dataclass(frozen=True)
class Grid:
    """Where the electrodes are and what each is tuned to; one draw is one participant. Arrays are (electrode,) unless said otherwise."""

    positions: np.ndarray  # (electrode, 2) mm: anterior, dorsal
    motor: np.ndarray
    sensory: np.ndarray
    premotor: np.ndarray
    lead: np.ndarray  # s by which the electrode runs ahead of the hand
    preferred: np.ndarray  # rad, during movement
    preferred_plan: np.ndarray  # rad, during planning
    turn: np.ndarray  # (electrode, 2) rad by which posture turns the preferred direction, for each reach length
    fields: np.ndarray  # (source, electrode) spread of the shared sources, columns of length 1


def draw_grid(rng: np.random.Generator) -> Grid:
    """Draw one participant: a grid on cortex, and the tuning under each electrode."""
    rows, columns = GRID
    x, y = np.meshgrid(np.arange(columns) - (columns - 1) / 2, np.arange(rows) - (rows - 1) / 2)
    positions = PITCH_MM * np.stack([x.ravel(), y.ravel()], axis=1)
    count = len(positions)
    shift = rng.normal(0, 2, 2)

    def area(center: tuple[float, float], spread: float) -> np.ndarray:
        distance = np.linalg.norm(positions - (np.array(center) + shift), axis=1)
        return np.exp(-0.5 * (distance / spread) ** 2) * np.exp(rng.normal(0, 0.3, count))

    motor, sensory, premotor = area((2.5, 0), 7), area((-7.5, -1), 6), area((13, 8), 7)
    total = motor + sensory + premotor + 1e-3
    lead = (0.10 * motor - 0.06 * sensory + 0.17 * premotor) / total + rng.normal(0, 0.02, count)
    centers = rng.uniform(-22, 22, (NUM_SOURCES, 2))
    fields = np.exp(-0.5 * (np.linalg.norm(centers[:, None] - positions, axis=2) / 12) ** 2) * rng.choice([-1, 1], (NUM_SOURCES, 1))
    fields = fields / np.linalg.norm(fields, axis=0)
    preferred, preferred_plan = _smooth_angles(rng, positions), _smooth_angles(rng, positions)
    return Grid(positions, motor, sensory, premotor, lead, preferred, preferred_plan, rng.normal(0, 0.5, (count, 2)), fields)


def _smooth_angles(rng: np.random.Generator, positions: np.ndarray) -> np.ndarray:
    """Preferred directions, alike only at neighboring electrodes. (electrode,)"""
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    near = np.exp(-0.5 * (distance / 4) ** 2)
    field = near @ rng.normal(size=(len(positions), 2))
    return np.arctan2(field[:, 1], field[:, 0])


@dataclass(frozen=True)
class Drive:
    """What modulates each electrode, `HAND_RATE` samples a second; all (sample, electrode)."""

    high_gamma: np.ndarray  # log amplitude
    beta: np.ndarray  # log amplitude
    mu: np.ndarray  # log amplitude
    potential: np.ndarray  # microvolts


def cortical_drive(rng: np.random.Generator, grid: Grid, task: Task, coupling: Coupling) -> Drive:
    """Turn behavior into the modulation of every electrode, with the fluctuations that have nothing to do with it."""
    size, count = len(task.velocity), len(grid.positions)
    arousal = _wander(rng, size, 1, 40.0)
    gain = np.exp(0.25 * arousal)
    tuned = _movement_drive(grid, task, coupling) + _planning_drive(grid, task, coupling)
    shared = _wander(rng, size, NUM_SOURCES, 0.3) @ grid.fields
    private = _wander(rng, size, count, 0.15)
    common = _wander(rng, size, 1, 0.5)
    baseline = _wander(rng, size, count, 150.0)
    high_gamma = gain * tuned + 0.16 * shared + 0.12 * private + 0.08 * common + 0.15 * baseline

    state = _desynchronization(task)
    wide = np.clip(grid.motor + grid.sensory + 0.5 * grid.premotor, 0, 1.2)
    bursts = _wander(rng, size, NUM_SOURCES, 0.25) @ grid.fields
    beta = -0.7 * state[:, :1] * wide + 0.45 * bursts - 0.2 * arousal + 0.15 * _wander(rng, size, count, 150.0)
    waxing = _wander(rng, size, NUM_SOURCES, 0.6) @ grid.fields
    mu = -0.6 * state[:, 1:] * np.clip(grid.motor + 1.2 * grid.sensory, 0, 1.2) + 0.5 * waxing - 0.15 * arousal
    return Drive(high_gamma, beta, mu, _motor_potential(grid, task, coupling))


def _movement_drive(grid: Grid, task: Task, coupling: Coupling) -> np.ndarray:
    """Speed, direction scaled by speed, and direction of the movement under way, at each electrode's own delay. (sample, electrode)"""
    speed = np.linalg.norm(task.velocity, axis=1)
    saturating = 1.6 * speed / (speed + 180)  # about 1 at the peak of a usual reach
    heading = np.arctan2(task.velocity[:, 1], task.velocity[:, 0])
    aim = np.arctan2(task.goal[:, 1], task.goal[:, 0])
    under_way = _ease(task.moving, 0.06)
    weight = np.maximum(grid.motor, 0.8 * grid.sensory) + 0.4 * grid.premotor
    drive = np.empty((len(speed), len(weight)), np.float32)
    for e, ahead in enumerate(np.round(grid.lead * HAND_RATE).astype(int)):
        preferred = grid.preferred[e] + task.position @ grid.turn[e] / 120.0
        movement = coupling.speed * saturating + coupling.direction * saturating * np.cos(heading - preferred)
        movement += coupling.under_way * under_way * np.cos(aim - preferred)
        drive[:, e] = weight[e] * _shift(movement, -ahead)
    return drive


def _planning_drive(grid: Grid, task: Task, coupling: Coupling) -> np.ndarray:
    """The target that is being planned, with tuning of its own; it rises 100 ms after the target and ends as the arm starts."""
    rising = _ease(_shift(task.planning, 10), 0.12) * _ease(_shift(1 - task.moving, -8), 0.05)
    angle = 2 * np.pi * task.target / 8
    shape = (0.25 + np.cos(angle[:, None] - grid.preferred_plan)) * (task.target >= 0)[:, None]
    shape *= (coupling.planning * rising)[:, None] * (grid.premotor + 0.5 * grid.motor)
    return shape.astype(np.float32)


def _desynchronization(task: Task) -> np.ndarray:
    """1 where rhythms are fully suppressed, below 0 where beta rebounds. (sample, 2): beta, mu"""
    prepared = _ease(_shift(task.planning, 20), 0.25)
    moved = np.maximum(_shift(task.moving, -15), task.moving)
    suppressed = np.maximum(0.4 * prepared, _ease(moved, 0.12))
    rebound = _ease(_shift(task.moving, 45), 0.2) * (1 - suppressed)
    return np.stack([suppressed - 0.5 * rebound, np.maximum(0.4 * prepared, _ease(moved, 0.3))], axis=1)


def _motor_potential(grid: Grid, task: Task, coupling: Coupling) -> np.ndarray:
    """Low-frequency potential: direction tuned, plus what a cue evokes and the ramp before a movement. (sample, electrode)"""
    velocity = np.stack([_ease(task.velocity[:, i], 0.08) for i in range(2)], axis=1) / 250.0
    toward = np.stack([np.cos(grid.preferred + 1.0), np.sin(grid.preferred + 1.0)])
    evoked = _shift(np.maximum(np.diff(task.planning, prepend=0), 0), 12)
    evoked = lfilter([1.0], np.poly([0.93, 0.93]), evoked) * 0.07**2 * 40
    ramp = _ease(_shift(task.moving, -30), 0.2)
    weight = grid.motor + 0.7 * grid.sensory + 0.5 * grid.premotor
    potential = coupling.potential * weight * (velocity @ toward)
    potential += 6.0 * evoked[:, None] * grid.premotor - 4.0 * ramp[:, None] * grid.motor
    for e, ahead in enumerate(np.round(grid.lead * HAND_RATE).astype(int)):
        potential[:, e] = _shift(potential[:, e], -ahead)
    return potential


def signals(rng: np.random.Generator, grid: Grid, drive: Drive, size: int) -> Iterator[np.ndarray]:
    """Yield the potential of one electrode after another, in microvolts; each is (size,) at `RATE`."""
    frequencies = fft.rfftfreq(size, 1 / RATE).astype(np.float32)
    knee = np.float32(0.8)
    slope = (frequencies**2 + knee**2) ** -0.65 * (frequencies > 0.05)  # power falls with frequency to the 2.6
    broadband = _band(frequencies, 55, 210, 8) * (70 / np.maximum(frequencies, 1)) ** 1.2
    sources = np.stack([_shaped(rng, slope, size) for _ in range(NUM_SOURCES)])
    beta = np.stack([_shaped(rng, _band(frequencies, 14, 28, 2.5), size) for _ in range(NUM_SOURCES)])
    mu = np.stack([_shaped(rng, _band(frequencies, 8.5, 11.5, 1), size) for _ in range(NUM_SOURCES)])
    line, muscle = _line(rng, size), _muscle(rng, frequencies, size)
    count = len(grid.positions)
    line_gain, muscle_gain = np.exp(rng.normal(0, 0.6, count)), np.exp(grid.positions[:, 1] / -20 + rng.normal(0, 0.3, count))
    scale = np.exp(rng.normal(0, 0.2, count))  # contact quality
    for e in range(count):
        field = grid.fields[:, e].astype(np.float32)
        signal = 26 * (field @ sources) + 11 * _shaped(rng, slope, size)
        signal += _upsample(drive.potential[:, e], size)
        signal += 5.0 * np.exp(_upsample(drive.beta[:, e], size)) * (field @ beta)
        signal += 5.0 * np.exp(_upsample(drive.mu[:, e], size)) * (field @ mu)
        signal += 1.6 * np.exp(_upsample(drive.high_gamma[:, e], size)) * _shaped(rng, broadband, size)
        signal += np.float32(muscle_gain[e]) * muscle + _upsample(25 * _wander(rng, len(drive.beta), 1, 30.0)[:, 0], size)
        yield np.float32(scale[e]) * signal + np.float32(line_gain[e]) * line


def _shaped(rng: np.random.Generator, amplitude: np.ndarray, size: int) -> np.ndarray:
    """Gaussian noise with the given amplitude spectrum, of standard deviation 1. (size,) float32"""
    spectrum = rng.standard_normal((2, len(amplitude)), dtype=np.float32)
    spectrum *= amplitude.astype(np.float32)
    noise = fft.irfft(spectrum[0] + 1j * spectrum[1], size, overwrite_x=True)
    noise /= noise.std()
    return noise


def _band(frequencies: np.ndarray, low: float, high: float, edge: float) -> np.ndarray:
    """A pass band with smooth edges. (frequency,)"""
    return expit((frequencies - low) / edge) * expit((high - frequencies) / edge)


def _line(rng: np.random.Generator, size: int) -> np.ndarray:
    """Power line and two harmonics; its frequency and amplitude wander a little. (size,)"""
    hand_size = round(size / RATE * HAND_RATE)
    wander = _upsample(_wander(rng, hand_size, 1, 20.0)[:, 0], size)
    phase = np.cumsum(2 * np.pi * (LINE_HZ + 0.02 * wander.astype(np.float64)) / RATE)
    wave = sum(strength * np.sin(k * phase) for k, strength in ((1, 9.0), (2, 2.0), (3, 1.5)))
    return (wave * np.exp(0.2 * _upsample(_wander(rng, hand_size, 1, 30.0)[:, 0], size))).astype(np.float32)


def _muscle(rng: np.random.Generator, frequencies: np.ndarray, size: int) -> np.ndarray:
    """Short broadband bursts, four a minute, at times that have nothing to do with the task. (size,)"""
    envelope = np.zeros(size, np.float32)
    for start in rng.integers(0, size, rng.poisson(4 * size / RATE / 60)):
        length = round(rng.uniform(0.15, 0.6) * RATE)
        burst = (rng.uniform(1.5, 6) * np.hanning(length)).astype(np.float32)
        envelope[start : start + length] += burst[: size - start]
    return envelope * _shaped(rng, _band(frequencies, 25, 220, 5), size)


def _wander(rng: np.random.Generator, size: int, count: int, seconds: float) -> np.ndarray:
    """Ornstein-Uhlenbeck fluctuations of standard deviation 1 with the given time constant. (size, count) at `HAND_RATE`"""
    keep = np.exp(-1 / (seconds * HAND_RATE))
    start = keep * rng.standard_normal((1, count))
    noise = rng.standard_normal((count, size), dtype=np.float32).T
    return lfilter([np.sqrt(1 - keep**2)], [1.0, -keep], noise, axis=0, zi=start)[0].astype(np.float32)


def _ease(x: np.ndarray, seconds: float) -> np.ndarray:
    """A causal exponential smoothing of the time course x. (sample,)"""
    keep = np.exp(-1 / (seconds * HAND_RATE))
    return lfilter([1 - keep], [1.0, -keep], x)


def _shift(x: np.ndarray, samples: int) -> np.ndarray:
    """x later by `samples` (earlier if negative); the ends are held. (sample,)"""
    index = np.clip(np.arange(len(x)) - samples, 0, len(x) - 1)
    return x[index]


def _upsample(x: np.ndarray, size: int) -> np.ndarray:
    """From `HAND_RATE` to `RATE`, linearly. (size,) float32"""
    factor = round(RATE / HAND_RATE)
    x = x.astype(np.float32)
    change = np.diff(x, append=x[-1:])
    steps = np.arange(factor, dtype=np.float32) / np.float32(factor)
    return (x[:, None] + change[:, None] * steps).ravel()[:size]
