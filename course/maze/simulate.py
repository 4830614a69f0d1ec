"""A simulated delayed-reach session: hand paths, latent dynamics, true firing rates, and Poisson spikes.

Everything here is invented, and every figure made from it must say so. The sizes, the spread of firing rates, the speed and extent of the
reaches and the rise of activity around them follow two published trials of the real recording. Three numbers were set on six populations so
that, on average, smoothed spikes predict held-out neurons and hand velocity about as well as published for the real recording, and do so
with about as wide a kernel: the depth of the modulation, the weight of the hand's velocity, and how fast the dynamics turn. Nothing else
was fitted (`python -m benchmarks.maze_calibration` shows it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VERSION = 2
STEP_MS = 5
NUM_MAZES, NUM_VERSIONS = 9, 3
LEAD_MS = 120
"""Neurons lead the hand by so much."""
TRIGGER_MS = 150
"""Movement dynamics start so long before the hand does."""
CURSOR_OFFSET = (0.0, 33.0)

MODULATION = 0.695
"""Standard deviation of a typical neuron's log-rate around the reach. Set by the co-bps of smoothed spikes."""
DEPTH_SPREAD = 0.1
"""Standard deviation over neurons of the logarithm of that. Small, so that no few neurons make one session easy and the next hard."""
KINEMATIC_WEIGHT = 0.335
"""Weight of the hand's own velocity among the latents. Set by the velocity R² of smoothed spikes."""
ROTATION_HZ = (2.5, 3.5)
"""How fast the two planes of movement dynamics turn. Set by the width of the kernel that smooths best."""
MEAN_RATE_HZ, RATE_SHAPE = 3.5, 0.75
"""Mean over neurons around the reach, and the shape of the gamma distribution over neurons."""

LATENT_NAMES = (
    *(f"preparation {i}" for i in range(1, 7)),
    *(f"rotation {plane}{axis}" for plane in "AB" for axis in (1, 2)),
    "reach onset",
    "reach epoch",
    "velocity x",
    "velocity y",
    "speed",
    *(f"fluctuation {i}" for i in range(1, 4)),
)
PREPARATION, ROTATION, COMMON, KINEMATIC, FLUCTUATION = slice(0, 6), slice(6, 10), slice(10, 12), slice(12, 15), slice(15, 18)


@dataclass
class Trials:
    """What happened in each trial. Times in integer milliseconds from the start of the session, positions in mm."""

    start: np.ndarray
    target_on: np.ndarray
    go_cue: np.ndarray
    move_onset: np.ndarray
    stop: np.ndarray
    maze: np.ndarray
    version: np.ndarray
    split: np.ndarray
    duration: np.ndarray
    bend: np.ndarray
    origin: np.ndarray
    endpoint: np.ndarray
    targets: list[np.ndarray]
    active: np.ndarray
    barriers: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.start)


@dataclass
class Simulation:
    """A whole simulated session.

    position, velocity: one (milliseconds, 2) array a trial, mm and mm/s. latents: one (steps, 18) float16 array a trial, steps of 5 ms
    that begin at `latent_start` (ms). A neuron's rate is exp(log_base + loadings · latents) Hz. spike_times: one sorted array of seconds a
    neuron.
    """

    seed: int
    trials: Trials
    position: list[np.ndarray]
    velocity: list[np.ndarray]
    latents: list[np.ndarray]
    latent_start: np.ndarray
    loadings: np.ndarray
    log_base: np.ndarray
    unit_ids: np.ndarray
    heldout: np.ndarray
    spike_times: list[np.ndarray]


def run(seed: int = 0, num_trials: int = 600, num_heldin: int = 122, num_heldout: int = 40, progress=lambda share: None) -> Simulation:
    """Simulate a session. The same seed gives the same session, in any version of NumPy (its legacy stream is frozen)."""
    random = np.random.RandomState(seed)
    mazes = _draw_mazes(random)
    trials = _draw_trials(random, mazes, num_trials)
    hand = [_reach(trials, k, random) for k in range(num_trials)]
    latents, latent_start = _draw_latents(random, trials, [velocity for _, velocity in hand])
    progress(0.1)
    unit_ids, in_pmd = _name_units(random, num_heldin + num_heldout)
    heldout, rates_hz = _draw_rates(random, num_heldin, num_heldout)
    around_reach = _around_reach(trials, latents, latent_start)
    loadings = _draw_loadings(random, in_pmd, around_reach)
    log_base = np.log(rates_hz) - _log_mean_modulation(around_reach, loadings)
    spikes = _draw_spikes(random, latents, latent_start, loadings, log_base, lambda share: progress(0.1 + 0.9 * share))
    return Simulation(
        seed=seed, trials=trials, position=[position for position, _ in hand], velocity=[velocity for _, velocity in hand], latents=latents,
        latent_start=latent_start, loadings=loadings, log_base=log_base, unit_ids=unit_ids, heldout=heldout, spike_times=spikes,
    )  # fmt: skip


# --- the task ----------------------------------------------------------------------------------------------------------------


@dataclass
class _Maze:
    targets: np.ndarray  # (3, 2) mm; the first is the one that can be reached
    bend: float  # mm, how far the way around the barriers leaves the straight line; its sign is the side


def _draw_mazes(random: np.random.RandomState) -> list[_Maze]:
    """Nine mazes whose targets go all around the screen, each with a way around its barriers."""
    angles = 2 * np.pi * (np.arange(NUM_MAZES) + random.uniform(-0.3, 0.3, NUM_MAZES)) / NUM_MAZES
    mazes = []
    for angle in angles:
        others = angle + random.choice([-1, 1]) * np.array([0.0, 1.7, 3.4]) + random.uniform(-0.3, 0.3, 3) * [0, 1, 1]
        targets = np.stack([np.cos(others), np.sin(others)], axis=1) * [135, 110]  # the screen is wider than high
        mazes.append(_Maze(targets, random.choice([-1, 1]) * random.uniform(50, 90)))
    return mazes


def _draw_trials(random: np.random.RandomState, mazes: list[_Maze], num_trials: int) -> Trials:
    condition = np.concatenate([random.permutation(NUM_MAZES * NUM_VERSIONS) for _ in range(num_trials // 27 + 1)])[:num_trials]
    maze, version = condition // NUM_VERSIONS, condition % NUM_VERSIONS
    has_barriers = version > 0
    plan = np.array([mazes[m].bend for m in maze]) * np.where(version == 2, 1.12, 1.0) * has_barriers
    bend = plan * (1 + 0.12 * random.randn(num_trials)) + 4 * random.randn(num_trials)
    origin = np.array([0.0, -30.0]) + 4 * random.randn(num_trials, 2)
    goal = np.stack([mazes[m].targets[0] for m in maze])
    endpoint = goal - CURSOR_OFFSET + 5 * random.randn(num_trials, 2)
    length = np.hypot(np.linalg.norm(endpoint - origin, axis=1), 2.2 * np.abs(bend))
    duration = np.clip((135 + 1.05 * length) * np.exp(0.07 * random.randn(num_trials)), 220, 800).astype(int)

    until_target = random.randint(450, 850, num_trials)
    delay = random.randint(300, 1000, num_trials)
    reaction = np.clip(330 + 45 * random.randn(num_trials), 230, 500).astype(int)
    hold = random.randint(450, 600, num_trials)
    pause = random.randint(200, 700, num_trials)
    whole = until_target + delay + reaction + duration + hold
    start = np.cumsum(pause + np.concatenate([[0], whole[:-1]]))
    target_on = start + until_target
    go_cue = target_on + delay
    targets = [mazes[m].targets if v == 2 else mazes[m].targets[:1] for m, v in zip(maze, version, strict=True)]
    order = [random.permutation(len(t)) for t in targets]
    return Trials(
        start=start, target_on=target_on, go_cue=go_cue, move_onset=go_cue + reaction, stop=start + whole, maze=maze, version=version,
        split=_split(random, num_trials), duration=duration, bend=bend, origin=origin, endpoint=endpoint,
        targets=[t[o] for t, o in zip(targets, order, strict=True)], active=np.array([int(np.argmin(o)) for o in order]),
        barriers=[_barriers(mazes[m]) if v else np.zeros((0, 4)) for m, v in zip(maze, version, strict=True)],
    )  # fmt: skip


def _barriers(maze: _Maze) -> np.ndarray:
    """One wall across the straight way that leaves the curved way free: (1, 4) center x, y, half width, half height in mm."""
    middle = maze.targets[0] / 2
    side = _perpendicular(maze.targets[0]) * -np.sign(maze.bend)
    return np.array([[*(middle + 25 * side), 18.0, 18.0]])


def _split(random: np.random.RandomState, num_trials: int) -> np.ndarray:
    """Of every six trials, one tests; of the other five, a quarter validates: 375, 125 and 100 of 600."""
    num_test = num_trials // 6
    num_val = (num_trials - num_test) // 4
    names = np.array(["test"] * num_test + ["val"] * num_val + ["train"] * (num_trials - num_test - num_val))
    return names[random.permutation(num_trials)]


def _perpendicular(way: np.ndarray) -> np.ndarray:
    return np.array([-way[1], way[0]]) / np.linalg.norm(way)


def _reach(trials: Trials, k: int, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """The hand at 1 kHz over trial k: still, a minimum-jerk advance around the barriers, still. Returns position and velocity."""
    time = np.arange(trials.stop[k] - trials.start[k])
    share = np.clip((time - (trials.move_onset[k] - trials.start[k] - 20)) / trials.duration[k], 0, 1)
    advance = share**3 * (10 - 15 * share + 6 * share**2)
    way = trials.endpoint[k] - trials.origin[k]
    path = trials.origin[k] + advance[:, None] * way + np.sin(np.pi * advance)[:, None] * trials.bend[k] * _perpendicular(way)
    sway = np.cumsum(np.convolve(random.randn(len(time) + 99), np.hanning(100) / 50, "valid")) * 0.02
    path[:, 0] += sway - sway[0]
    velocity = np.gradient(path, axis=0) * 1000
    return path.round(2), velocity.round(1)


# --- what the population does ------------------------------------------------------------------------------------------------


def _draw_latents(random: np.random.RandomState, trials: Trials, velocity: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Eighteen latent time courses a trial, each of about unit size when it is active."""
    plans = _plan_states(random, trials)
    to_rotation = random.randn(6, 4) / np.sqrt(6)
    slow = _fluctuations(random, len(trials), int(np.max(trials.stop - trials.start)) // STEP_MS + 2)
    latents, starts = [], []
    for k in range(len(trials)):
        # The steps are anchored at movement onset, so that a bin aligned to it is a whole number of steps.
        before = (trials.move_onset[k] - trials.start[k]) // STEP_MS
        after = (trials.stop[k] - trials.move_onset[k]) // STEP_MS
        time = (np.arange(-before, after) + 0.5) * STEP_MS  # ms from movement onset
        z = np.zeros((len(time), len(LATENT_NAMES)))
        z[:, PREPARATION] = _preparation(time - (trials.target_on[k] - trials.move_onset[k]), time)[:, None] * plans[k]
        z[:, ROTATION] = _rotation(time + TRIGGER_MS, plans[k] @ to_rotation)
        z[:, COMMON] = _common(time, trials.duration[k])
        z[:, KINEMATIC] = _kinematics(velocity[k], time + trials.move_onset[k] - trials.start[k])
        z[:, FLUCTUATION] = slow[k, : len(time)]
        latents.append(z.astype(np.float16))
        starts.append(trials.move_onset[k] - before * STEP_MS)
    return latents, np.array(starts)


def _plan_states(random: np.random.RandomState, trials: Trials) -> np.ndarray:
    """(trials, 6): where preparation settles. It depends on this trial's own reach, and a little on nothing that can be seen."""
    way = trials.endpoint - trials.origin
    angle = np.arctan2(way[:, 1], way[:, 0])
    bend = trials.bend / 60
    hurry = (np.linalg.norm(way, axis=1) + np.abs(trials.bend)) / trials.duration
    features = np.stack(
        [np.cos(angle), np.sin(angle), bend, bend * np.cos(angle), bend * np.sin(angle), np.cos(2 * angle), np.sin(2 * angle),
         (hurry - hurry.mean()) / hurry.std() * 0.5], axis=1,
    )  # fmt: skip
    plans = features @ random.randn(features.shape[1], 6)
    return (plans - plans.mean(axis=0)) / plans.std(axis=0) + 0.15 * random.randn(len(plans), 6)


def _preparation(since_target: np.ndarray, since_onset: np.ndarray) -> np.ndarray:
    """Rises 80 ms after the targets appear, falls when the movement is triggered."""
    rise = 1 - np.exp(-np.clip(since_target - 80, 0, None) / 70)
    fall = 1 / (1 + np.exp((since_onset + TRIGGER_MS - 60) / 25))
    return rise * fall


def _rotation(since_trigger: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """(steps, 4): two planes that turn and decay, from the state that preparation left."""
    time = np.clip(since_trigger, 0, None) / 1000
    envelope = (1 - np.exp(-time / 0.04)) * np.exp(-time / 0.30) * 1.4
    planes = []
    for plane, frequency in enumerate(ROTATION_HZ):
        turn = 2 * np.pi * frequency * time
        a, b = initial[2 * plane : 2 * plane + 2]
        planes += [envelope * (a * np.cos(turn) - b * np.sin(turn)), envelope * (a * np.sin(turn) + b * np.cos(turn))]
    return np.stack(planes, axis=1)


def _common(since_onset: np.ndarray, duration: int) -> np.ndarray:
    """(steps, 2): what every reach has in common: a transient at its onset, and a step that lasts as long as it does."""
    transient = np.exp(-0.5 * ((since_onset + 60) / 80) ** 2)
    epoch = 1 / (1 + np.exp(-(since_onset + 110) / 25)) / (1 + np.exp((since_onset - duration) / 60))
    return np.stack([transient, epoch], axis=1)


def _kinematics(velocity: np.ndarray, at_ms: np.ndarray) -> np.ndarray:
    """(steps, 3): the hand's velocity and speed 120 ms later, in units of 500 mm/s."""
    later = np.clip((at_ms + LEAD_MS).astype(int), 0, len(velocity) - 1)
    v = velocity[later] / 500
    return np.concatenate([v, np.linalg.norm(v, axis=1, keepdims=True)], axis=1)


def _fluctuations(random: np.random.RandomState, num_trials: int, num_steps: int, time_constant_ms: float = 200) -> np.ndarray:
    """(trials, steps, 3): Ornstein-Uhlenbeck processes, shared by the population and unrelated to the task."""
    keep = np.exp(-STEP_MS / time_constant_ms)
    state = random.randn(num_trials, 3)
    states = np.empty((num_trials, num_steps, 3), np.float32)
    for step in range(num_steps):
        states[:, step] = state
        state = keep * state + np.sqrt(1 - keep**2) * random.randn(num_trials, 3)
    return states


# --- the neurons -------------------------------------------------------------------------------------------------------------


def _name_units(random: np.random.RandomState, num_units: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids as in the published files: array (1 PMd, 2 M1), electrode (two digits), unit on it. Half of the units are in each area."""
    ids = []
    for array, count in ((1, num_units - num_units // 2), (2, num_units // 2)):
        slots = np.sort(random.choice(96 * 2, count, replace=False))
        ids += [array * 1000 + (slot // 2 + 1) * 10 + slot % 2 + 1 for slot in slots]
    unit_ids = np.array(ids)
    return unit_ids, unit_ids < 2000


def _draw_rates(random: np.random.RandomState, num_heldin: int, num_heldout: int) -> tuple[np.ndarray, np.ndarray]:
    """Held-out flags and mean rates in Hz.

    Both groups take evenly spaced quantiles of one gamma distribution: co-bps is dominated by the fastest held-out neurons, and a chance
    draw of 40 would make sessions hard to compare.
    """
    quantiles = np.sort(random.gamma(RATE_SHAPE, MEAN_RATE_HZ / RATE_SHAPE, 100_000))
    heldout = np.zeros(num_heldin + num_heldout, bool)
    heldout[random.permutation(len(heldout))[:num_heldout]] = True
    rates = np.empty(len(heldout))
    for group, count in ((heldout, num_heldout), (~heldout, num_heldin)):
        share = (random.permutation(count) + 0.5) / count
        rates[group] = quantiles[(share * len(quantiles)).astype(int)]
    return heldout, np.clip(rates, 0.1, None)


def _around_reach(trials: Trials, latents: list[np.ndarray], latent_start: np.ndarray) -> np.ndarray:
    """(trials, 140, 18): the latents from 250 ms before to 450 ms after movement onset."""
    onsets = (trials.move_onset - latent_start) // STEP_MS
    return np.stack([z[onset - 50 : onset + 90] for z, onset in zip(latents, onsets, strict=True)]).astype(float)


def _draw_loadings(random: np.random.RandomState, in_pmd: np.ndarray, around_reach: np.ndarray) -> np.ndarray:
    """(neurons, 18): how strongly each latent moves each neuron's log-rate. PMd prepares more, M1 moves more.

    Every neuron prefers a random direction among the latents of a kind. Then its loadings are scaled to the depth of modulation that was
    drawn for it: the latents are correlated, so that directions alone would modulate some neurons several times as deeply as others.
    """
    num_units = len(in_pmd)
    weights = np.concatenate([_directions(random, num_units, size) for size in (6, 4, 2, 2, 1, 3)], axis=1)
    weights[:, PREPARATION] *= np.where(in_pmd, 0.48, 0.30)[:, None]
    weights[:, ROTATION] *= np.where(in_pmd, 0.45, 0.60)[:, None]
    weights[:, COMMON] = weights[:, COMMON] * 0.45 + 0.20  # on average activity rises around the reach
    weights[:, KINEMATIC] *= np.where(in_pmd, 0.7, 1.3)[:, None] * KINEMATIC_WEIGHT
    weights[:, FLUCTUATION] *= 0.22
    covariance = np.cov(around_reach.reshape(-1, around_reach.shape[-1]).T)
    spread = np.sqrt(np.einsum("nz,zy,ny->n", weights, covariance, weights))
    depth = MODULATION * np.exp(DEPTH_SPREAD * random.randn(num_units))
    return weights * (depth / spread)[:, None]


def _directions(random: np.random.RandomState, num_units: int, size: int) -> np.ndarray:
    """(neurons, size): uniformly drawn directions, of length √size, so that each entry is of unit size on average."""
    directions = random.randn(num_units, size)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * np.sqrt(size)


def _log_mean_modulation(around_reach: np.ndarray, loadings: np.ndarray) -> np.ndarray:
    """(neurons,): the log of what the latents multiply the rate by, on average around the reach."""
    return np.log(np.mean([np.exp(z @ loadings.T).mean(axis=0) for z in around_reach], axis=0))


def _draw_spikes(random, latents, latent_start, loadings, log_base, progress) -> list[np.ndarray]:
    """Poisson spikes: for each trial first how many, then in which neuron's which 5 ms step. Seconds, sorted, one array a neuron.

    Within a step they lie on a 0.1 ms grid that never touches its edges, so that no rounding moves a spike to another bin.
    """
    times, neurons = [], []
    for k, z in enumerate(latents):
        expected = np.exp(z.astype(float) @ loadings.T + log_base) * (STEP_MS / 1000)
        so_far = np.cumsum(expected.ravel())
        where = np.searchsorted(so_far, random.uniform(0, so_far[-1], random.poisson(so_far[-1])))
        step, neuron = np.divmod(where, len(log_base))
        tenths = (int(latent_start[k]) + step * STEP_MS) * 10 + random.randint(0, STEP_MS * 10, len(step)) + 0.5
        times.append(tenths / 10_000)
        neurons.append(neuron)
        if k % 25 == 24:
            progress((k + 1) / len(latents))
    times, neurons = np.concatenate(times), np.concatenate(neurons)
    order = np.lexsort((times, neurons))
    return np.split(times[order], np.cumsum(np.bincount(neurons, minlength=len(loadings)))[:-1])
