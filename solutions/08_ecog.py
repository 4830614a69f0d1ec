# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · ECoG decoding: an honest score
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you decode a moving hand from the surface of the brain, and learn to tell a good score from a leak.**
#
# *Before you start:* attention with a causal mask (lesson 03), the encoder layer (04), the GPT (06), training and validation (00).
#
# | section | minutes |
# |---|---|
# | 1 · [What is the sequence?](#sequence) | 5 |
# | 2 · [Features of a bin](#features) | 6 |
# | 3 · [Windows without copies](#windows): `sliding_windows` | 9 |
# | 4 · [A split that lies](#leak): `contiguous_split` | 14 |
# | 5 · [Standardize, from training data](#standardize): `fit_standardizer` | 5 |
# | 6 · [A baseline worth beating](#ridge): `ridge_fit` | 10 |
# | 7 · [From a GPT to a decoder](#decoder): `ECoGDecoder` | 16 |
# | 8 · [Losses that can be compared](#training): `evaluate` | 11 |
# | 9 · [The honest score](#score) | 5 |
# | 10 · [What each decoder may claim](#claims) | 3 |
# | 11 · [Which of eight targets?](#targets) | 4 |
# | 12 · [Bring your own recording](#own) | 2 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **cut** a recording into overlapping windows that cost no memory,
# 2. **split** it so that the test knows nothing of training, and prove it with labels that have nothing to do with the data,
# 3. **standardize** and **fit** a ridge baseline from training data alone,
# 4. **build** a causal transformer decoder out of what a GPT taught you,
# 5. **compare** losses that are means of the same thing, and scores with chance beside them.

# %%
import copy
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from autograder import check
from course import ecog, plots

torch.manual_seed(8)
torch.set_printoptions(precision=3, sci_mode=False)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# The device is chosen here and nowhere else. With several graphics cards write `cuda:1` for the second; what follows stays as it is.
#
# <a id="sequence"></a>
# ## 1 · What is the sequence?
#
# **Electrocorticography** (ECoG) records from a grid of electrodes that lies *on* the brain, under the skull, in patients who need it
# for their treatment. Each electrode averages hundreds of thousands of neurons: less sharp than spikes, but stable for years.
#
# Our session is **simulated**: 64 electrodes over the hand area, 20 minutes, 278 reaches to eight targets. It has the troubles of real
# ones: noise shared by neighbors, drift, muscle bursts, the power line. What we decode is the hand's velocity, a vector in mm/s.
#
# ![A window of recording: columns are time bins, the tokens; a column's numbers are the features](../assets/figures/08_sequence.svg)
#
# Before any model, answer two questions. **What is the sequence?** Here time, in bins of 50 ms, as words follow one another in a
# sentence. **What is the feature dimension?** What is known of one bin: 64 electrodes with three numbers each, so $N = 192$. Nothing
# forces this choice: electrodes could be the tokens and time the features, and then attention would relate places instead of moments.
#
# The first run simulates the session (about 15 s), and keeps it in a cache.

# %% look="session"
recording = ecog.session(0)
data = ecog.features(recording)  # causal filters, one vector for each bin of 50 ms
features = torch.from_numpy(data.flat).to(device)  # (T, N)
velocity = torch.from_numpy(data.y).to(device)  # (T, 2)
print(recording)
print("features:", tuple(features.shape), "= (bins T, electrodes · bands N)")
print("velocity:", tuple(velocity.shape), "= (bins T, x and y)")

# %% [markdown]
# **Predict.** Which band will follow the hand's *speed*, and will it rise or fall?
#
# <details><summary>Answer</summary>
#
# High gamma (70–150 Hz) rises with the neurons' firing, in a few places only. The mu and beta rhythms (8–30 Hz) are an idling
# of wide areas: they shrink as the hand moves. So one map is orange in spots, the other purple all over.
#
# </details>

# %% look="grid"
speed = np.hypot(*data.y.T)
maps = {}
for band, name in enumerate(ecog.BANDS):
    target = data.y[:, 0] if name == "local motor potential" else speed
    what = "velocity x" if name == "local motor potential" else "speed"
    maps[f"{name} and {what}"] = [np.corrcoef(values, target)[0, 1] for values in data.x[:, :, band].T]
plots.grid_maps(maps, recording.positions, "correlation", "Electrodes on the cortex (simulated)")
best = int(np.argmax(maps["high gamma and speed"]))  # the electrode that knows most of speed
print(f"best for speed is {recording.electrodes[best]}, with r = {max(maps['high gamma and speed']):.2f}")

# %% [markdown]
# <a id="features"></a>
# ## 2 · Features of a bin
#
# A potential at 500 samples a second is mostly slow waves whose power falls steeply with frequency. What speaks of movement is the *power in bands*:
#
# ![A potential goes through two band filters with squaring and smoothing, and a slow filter, into one bin](../assets/figures/08_features.svg)
#
# Subtract the average of all electrodes, notch out the power line, filter, square, smooth, take the logarithm (power is skewed). The slow part itself is
# the **local motor potential**. `ecog.features` does this.
#
# Here is the change of power around 278 movement onsets, at one electrode. No filter is chosen beforehand: we look at all frequencies.

# %% look="spectrogram"
from scipy.signal import spectrogram

rate, around = recording.rate, round(1.5 * recording.rate)
onsets = (recording.trials["move_onset_time"] * rate).astype(int)
trials = np.stack([recording.signal[o - around : o + around, best] for o in onsets])  # (trials, samples)
frequencies, times, power = spectrogram(trials, rate, nperseg=128, noverlap=112)
times, low = times - 1.5, frequencies <= 180
power = np.log(power.mean(axis=0)[low])  # mean over trials: (frequencies, times)
change = power - power[:, times < -1].mean(axis=1, keepdims=True)
title = f"Electrode {recording.electrodes[best]} (simulated)"
plots.spectrogram(change, times, frequencies[low], {"movement": 0.0}, title)

# %% [markdown]
# Above 60 Hz power rises, below 30 Hz it falls: the two bands of the maps. The second rise is the way back. (At 120 Hz the power line stands still.)
#
# **Causal filters.** A filter that runs forward knows the past only. Run forward *and* backward (`sosfiltfilt`, the usual choice in offline work) it has no delay, because
# it also uses the future. **Predict:** a burst of activity begins at time 0. Where does each kind of band power begin to rise?

# %% look="filters"
from scipy.signal import butter, sosfilt, sosfiltfilt

rng, samples = np.random.default_rng(8), np.arange(-500, 500)
burst = np.where((samples >= 0) & (samples < 100), 9.0, 1.0)  # power: nine times as much for 200 ms
bursts = rng.normal(size=(200, 1000)) * np.sqrt(burst)
high_gamma = butter(4, (70, 150), "bandpass", fs=500, output="sos")
smoother = butter(1, 2, fs=500, output="sos")
lines = {"the burst": burst}
for name, run in {"causal filters": sosfilt, "forward and backward": sosfiltfilt}.items():
    power = run(smoother, run(high_gamma, bursts) ** 2).mean(axis=0)
    lines[name] = power / power[100:300].mean()
plots.traces(samples / 500, {"relative power": lines}, "time, s", "A burst, seen through two kinds of filters")

# %% [markdown]
# The filter without delay announces the burst before it happens. With such features even a causal model decodes from the future. So wherever we claim
# to decode *now*, all filters are causal, and we accept that they lag. They also remember: a feature still feels what happened up to 3 s ago.
#
# <a id="windows"></a>
# ## 3 · Windows without copies
#
# **Exercise `sliding_windows`** · difficulty 2/5 · importance 5/5 · 9 minutes · {points:sliding_windows} points
#
# *Why now:* one bin says little; the two seconds before it say more. So a model reads a *window* of `length` bins, and the next window
# begins `step` bins later:
#
# $$w_{i,t} = x_{\,i \cdot step + t}, \qquad 0 \le t < length, \qquad \text{number of windows} = \left\lfloor \frac{T - length}{step} \right\rfloor + 1 .$$
#
# ![Windows of three bins with step two lie over the same memory; each bin is stored once](../assets/figures/08_windows.svg)
#
# *By hand*, 7 bins, `length` 3, `step` 2: windows begin at bins 0, 2 and 4. There are $\lfloor 4/2 \rfloor + 1 = 3$; with 8 bins there would
# still be three, and the last bin belongs to none.
#
# Overlapping windows need no memory of their own. A tensor is a block of numbers plus a rule (*strides*) that says how far to go for the
# next entry of each axis. A **view** is a second rule for the same block. A Python loop that collects slices copies every bin `length` times.
#
# **Predict.** A classic pair of files holds `data.npy` of shape (8999, 200) and one label for each row. What is the shape of all windows of
# 10 rows with step 1?
#
# <details><summary>Answer</summary>
#
# (8990, 10, 200): 8999 − 10 + 1 windows. Not (8990, 200, 10): a transformer of this course wants time before features.
#
# </details>


# %% exercise="sliding_windows"
def sliding_windows(x, length, step):
    """All windows of `length` bins that begin at bins 0, step, 2 * step, ... and lie within x.

    x: (T, N), T time bins of N features, of any dtype. length, step: integers, in bins.
    Returns (num_windows, length, N): entry [w, t] is x[w * step + t]. Bins left over at the end,
    too few for another window, are not used.
    The result is a view: it shares the memory of x, and no number is copied.
    ValueError if length or step is below 1, or if x has fewer than `length` bins.
    """
    ### BEGIN SOLUTION
    if length < 1 or step < 1:
        raise ValueError(f"length={length} and step={step} were given; both must be at least 1 bin")
    if len(x) < length:
        raise ValueError(f"a window of {length} bins does not fit into {len(x)} bins; record longer, or shorten the window")
    return x.unfold(0, length, step).transpose(1, 2)  # (num_windows, N, length) -> (num_windows, length, N)
    ### END SOLUTION


# %% check="sliding_windows"
check("sliding_windows")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# NumPy and PyTorch both have a method that slides along one axis and gives a view; look for one whose name is the opposite of *fold*. Where does it put the axis of the
# window?
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Check the three things that may be wrong first, and say numbers. Then slide along time; the window's axis comes out last, so
# let it trade places with the features. `reshape` would copy and mix them up.
#
# </details>
#
# #### Look, and break it
#
# A pair of files as above, read with `ecog.load_pair`, cut by you. Then the same windows collected in a loop: what do they cost?

# %% look="pair"
with plots.needs("sliding_windows"), tempfile.TemporaryDirectory() as folder:
    np.save(f"{folder}/data.npy", np.random.default_rng(0).normal(size=(8999, 200)).astype(np.float32))
    np.save(f"{folder}/labels.npy", np.zeros((8999, 2), np.float32))
    pair = ecog.load_pair(f"{folder}/data.npy", f"{folder}/labels.npy", step=0.05)
    print("data:", pair.x.shape, " labels:", pair.y.shape, " labels[:, 0]:", pair.y[:, 0].shape)
    x = torch.from_numpy(pair.x)
    windows = sliding_windows(x, 10, 1)
    looped = torch.stack([x[start : start + 10] for start in range(len(x) - 9)])
    for name, tensor in {"yours": windows, "a loop": looped}.items():
        megabytes = tensor.untyped_storage().nbytes() / 1e6
        print(f"{name:7} {tuple(tensor.shape)}: {megabytes:5.1f} MB of memory, strides {tensor.stride()}")

# %% [markdown]
# From here on a window is 40 bins (2 s), and windows begin every 2 bins (0.1 s). So that nothing below depends on your exercises, the
# notebook fetches windows by number, as a copy of the few that it needs.

# %%
WINDOW, STEP = 40, 2  # bins
MEMORY = round(ecog.FILTER_MEMORY_S / ecog.STEP_S)  # bins that a feature remembers


def windows_at(series, numbers):
    """The windows with these numbers (n,) of a series (T, ...), copied: (n, WINDOW, ...)."""
    bins = STEP * numbers[:, None] + torch.arange(WINDOW)
    return series[bins.to(series.device)]


def correlation(predicted, true):
    """Pearson's r for each output; both (n, O), result (O,)."""
    p, t = predicted - predicted.mean(dim=0), true - true.mean(dim=0)
    return (p * t).sum(dim=0) / ((p**2).sum(dim=0) * (t**2).sum(dim=0)).sqrt()


def r_squared(predicted, true):
    """The share of variance explained, for each output (O,): 0 for the mean, below for worse."""
    return 1 - ((predicted - true) ** 2).sum(dim=0) / ((true - true.mean(dim=0)) ** 2).sum(dim=0)


def nearest_neighbors(known, labels, asked, k=3):
    """For each asked window (m, P) the mean label of the k known ones (n, P) most like it. (m, O)"""
    return labels[torch.cdist(asked, known).topk(k, largest=False).indices].mean(dim=1)


# %% [markdown]
# <a id="leak"></a>
# ## 4 · A split that lies
#
# A common recipe: cut all windows, deal 70 % of them at random to training, 15 % to validation, 15 % to test. Let us try it with a decoder
# that cannot generalize at all. It compares a test window with every training window and repeats the labels of the three most
# similar. And let us also try it with labels that have **nothing to do with the data**: the velocity of 150 s earlier.
#
# **Predict.** How large will $r$ be for each?

# %% look="lie"
LEAK_WINDOW = 20
torch.manual_seed(8)
with plots.needs("sliding_windows"):
    series = (features - features.mean(dim=0)) / features.std(dim=0)  # careless: section 5
    windows = sliding_windows(series, LEAK_WINDOW, 1)  # (W, 20, N)
    compact = windows.unflatten(1, (5, 4)).mean(dim=2).flatten(1)  # five averages of 200 ms: (W, 5 N)
    components = compact @ torch.pca_lowrank(compact[::8], 40)[2]  # (W, 40)
    now = torch.arange(len(windows)) + LEAK_WINDOW - 1  # the last bin of each window
    dealt = torch.randperm(len(windows))
    train, test = dealt[: int(0.7 * len(dealt))], dealt[int(0.85 * len(dealt)) :]
    lies = {}
    for name, shift in {"its own velocity": 0, "the velocity of 150 s earlier": 3000}.items():
        labels = velocity.roll(shift, dims=0)[now]
        predicted = nearest_neighbors(components[train], labels[train], components[test])
        lies[name] = correlation(predicted, labels[test]).mean().item()
    plots.bars(lies, "r, mean of x and y", "Three nearest neighbors, random split (simulated ECoG)")

# %% [markdown]
# A near-perfect score, *on labels that the brain knew nothing about*. The decoder reads no movement. It recognizes **when** a window was
# recorded, looks up which label stood there, and repeats it: velocity changes little within 50 ms.
#
# ![Random split: each test window lies between training windows that share its bins. Blocks: a gap between](../assets/figures/08_leak.svg)
#
# With a random split practically every sample of a test window lies in some training window too. A held-out set that was seen is not held out. Stop here for a moment: this recipe stands in tutorials, and in papers.
#
# **Exercise `contiguous_split`** · difficulty 2/5 · importance 5/5 · 9 minutes · {points:contiguous_split} points
#
# *Why now:* the cure is to cut *time*, not windows: one block for training, the next for validation, the last for test, and between
# neighbors a **gap** so wide that no test window shares anything with training. What has to be shared with nobody? The bins of a window, and
# what the filters remember:
#
# $$gap \;\ge\; \frac{\text{window} + \text{filter memory}}{\text{step}} = \frac{40 + 60 \text{ bins}}{2} = 50 \text{ windows, } 5 \text{ s}.$$
#
# *By hand*, 20 windows, shares (0.7, 0.15, 0.15), a gap of 2. The gaps take 4, so 16 remain: $\lfloor 11.2 \rfloor = 11$ for training,
# $\lfloor 2.4 \rfloor = 2$ for validation, the other 3 for test. Training has windows 0…10, validation 13 and 14, test 17, 18, 19.
#
# **Predict.** Why not simply take windows that do not overlap, and deal those at random?
#
# <details><summary>Answer</summary>
#
# That removes the shared samples but neither the filters' memory nor slow drifts: windows that are neighbors in time stay alike. It also
# throws most windows away. And the question a decoder must answer in life is about *later*: train in the morning, use in the afternoon.
#
# </details>


# %% exercise="contiguous_split"
def contiguous_split(num_windows, fractions, gap):
    """Three blocks of windows, one after the other in time: training, then validation, then test.

    num_windows: how many windows there are, in order of time. fractions: three shares that sum to 1,
    of the windows that remain when those of the two gaps are taken away. gap: how many windows are
    left out between training and validation, and again between validation and test; 0 or more.
    The numbers of training and of validation windows are rounded down; test gets the rest, to the
    last window.
    Returns (train, validation, test): int64 tensors, each (n,), the numbers of its windows,
    ascending.
    ValueError, with num_windows and the gap in its message, if a part would be empty.
    """
    ### BEGIN SOLUTION
    remaining = num_windows - 2 * gap
    train, validation = int(fractions[0] * remaining), int(fractions[1] * remaining)
    if min(train, validation, remaining - train - validation) < 1:
        raise ValueError(
            f"{num_windows} windows, of which two gaps take {2 * gap}, cannot be split by {fractions}: a part would be empty; "
            f"record longer, or shorten the gap"
        )
    index = torch.arange(num_windows)
    after_train, after_validation = train + gap, train + gap + validation
    return index[:train], index[after_train:after_validation], index[after_validation + gap :]
    ### END SOLUTION


# %% check="contiguous_split"
check("contiguous_split")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# First take the windows of both gaps away, then share out what is left. Which part gets what rounding leaves over?
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Number all windows in a row. Each block is a slice of these numbers, and each begins where the one before ended, plus the gap. Before you
# cut, ask whether one of the three sizes is below one, and say all numbers if so.
#
# </details>
#
# #### Look
#
# The control that should become a habit: **shift the labels** against the data, and watch the score. What a decoder has learned about the
# brain must fade as the shift grows beyond a reach. Ridge regression (section 6) joins the nearest neighbors.
#
# **Move the slider.** Solid truth on one side, the same lie at every shift on the other.

# %% look="slider"
from sklearn.linear_model import Ridge

shifts = {"0 s": 0, "0.5 s": 10, "1 s": 20, "3 s": 60, "10 s": 200, "30 s": 600, "150 s": 3000}
with plots.needs("contiguous_split", "sliding_windows"):
    count = len(sliding_windows(features, LEAK_WINDOW, 1))
    blocks = contiguous_split(count, (0.7, 0.15, 0.15), LEAK_WINDOW + MEMORY)
    shifted = torch.cat([velocity.roll(shift, dims=0)[now] for shift in shifts.values()], dim=1)  # (W, 14)
    r = {}
    splits = {"random split": (train, test), "contiguous split": (blocks[0], blocks[2])}
    for name, (known, asked) in splits.items():
        memory = nearest_neighbors(components[known], shifted[known], components[asked])
        ridge = Ridge(1000.0, solver="cholesky").fit(compact[known].cpu(), shifted[known].cpu())
        linear = torch.from_numpy(ridge.predict(compact[asked].cpu())).to(device)
        scores = [correlation(predicted, shifted[asked]) for predicted in (memory, linear)]
        r[name] = torch.stack(scores).unflatten(1, (-1, 2)).mean(dim=2)  # (decoder, shift)
    frames = {}
    for i, shift in enumerate(shifts):
        frames[shift] = {name: values[:, i].clip(0) for name, values in r.items()}
    title = "What labels score that are shifted against the data (simulated)"
    plots.bars_with_slider(frames, "shift", "0: nearest neighbors · 1: ridge regression", "r", title).show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is what it says:
#
# ![Score against shift: with the random split neighbors stay at 0.97, with blocks all fall to zero](../assets/figures/08_shift.svg)
#
# On the contiguous split the neighbors know *nothing*, even at shift 0: they had only ever recognized the moment. Ridge keeps 0.44 of its
# 0.63, and that is real: it fades within a reach. So the lie is not a constant that one could subtract. It grows with a decoder's
# **capacity** to remember, and it turns rankings upside down: on the random split the worst decoder wins.
#
# ### Through which door does it come in?
#
# Overlapping windows share numbers, but *shifted by one bin*: they look alike only if the features change slowly. **Predict:** 16 channels of pure noise, smoothed over more and more bins; labels
# that have nothing to do with it; a random split. From how much smoothing on do the neighbors "decode"?

# %% look="smoothing"
noise = torch.randn(12_000, 16)
leaked = []
for bins in (1, 2, 4, 8, 16):
    smoothed = F.avg_pool1d(noise.T, bins, stride=1, padding=bins // 2).T[: len(noise)]
    vectors = torch.cat([smoothed[t : t - 20] for t in range(20)], dim=1)  # (W, 20 · 16)
    labels, mixed = velocity.cpu()[19 : 19 + len(vectors)], torch.randperm(len(vectors))
    known, asked = mixed[:8000], mixed[8000:9500]
    guesses = nearest_neighbors(vectors[known], labels[known], vectors[asked])
    leaked.append(correlation(guesses, labels[asked]).mean())
lines = {"noise, random split": leaked, "chance": [0.0] * 5}
title = "The leak enters through slow features (simulated)"
plots.curves([1, 2, 4, 8, 16], lines, "bins that a feature averages", "r of unrelated labels", title, "x")

# %% [markdown]
# Independent noise does not betray its neighbors; smooth noise does. That explains a finding on real data: with *raw spike counts* of motor cortex, overlapping windows and a random split scored as blocks did, and
# shifted labels scored zero. Counts in separate bins are nearly independent. Band power, potentials, smoothed rates and calcium are not, and there the leak bites. You
# cannot know beforehand; so block the split, and run the control.
#
# **Question** · {points:leaky_paper} points, read by your teacher
#
# A manuscript decodes finger force from band power in overlapping windows of 1 s, dealt at random into ten folds. A convolutional network reaches $r = 0.93$, ridge
# regression 0.58; "deep learning nearly doubles performance". You are the reviewer. In four to six sentences: (a) what else explains both numbers *and their
# difference*, (b) which one control you ask for, and what it shows if you are right, (c) how the split should be made, with the gap in numbers.

# %% [markdown] question="leaky_paper" points=2
# **(a)** Overlapping windows of smooth features in random folds share samples with training, so a decoder can recognize the moment and repeat its label; the flexible network can do this better than ridge, so the
# difference may be memory and not decoding. **(b)** Fit both on labels shifted by much more than the signals' memory (minutes), with the same folds: if the split leaks, scores stay well above zero, higher for the network.
# **(c)** Contiguous blocks in time for training, validation and test, with at least one window plus the filters' memory (1 s and more) left out between them; report chance and ridge beside the network.
#
# *Rubric:* 1 point for (a) with both the shared samples and the role of capacity (half each); 1 point for (b) shifted or otherwise unrelated labels with the expected result, and (c) blocks with a gap of window plus filter memory (half each).

# %% [markdown]
# <a id="standardize"></a>
# ## 5 · Standardize, from training data
#
# **Exercise `fit_standardizer`** · difficulty 1/5 · importance 4/5 · 5 minutes · {points:fit_standardizer} points
#
# *Why now:* log power varies by about 1, the motor potential by 18 microvolts. A penalty (section 6) and a network treat all features alike only if these are of one scale:
#
# $$z = \frac{x - \mu}{\sigma}, \qquad \mu = \frac1n \sum_t x_t, \qquad \sigma = \sqrt{\frac1n \sum_t (x_t - \mu)^2}, \quad \text{both from training data alone.}$$
#
# Mean and spread of the *whole* session would tell training about the test block; and online the future has no mean yet.
#
# *By hand:* a feature with values 1, 3, 5, 7 has mean 4 and $\sigma = \sqrt{(9 + 1 + 1 + 9)/4} = 2.24$. A dead channel with 2, 2, 2, 2 has mean 2
# and spread 0; 0/0 would be NaN, and one NaN spoils every window. It gets $\sigma = 1$.
#
# **Predict.** Windows of shape (500, 40, 192) come in. What shape has the mean?
#
# <details><summary>Answer</summary>
#
# (192,): one for each feature, over windows *and* bins.
#
# </details>


# %% exercise="fit_standardizer"
def fit_standardizer(train):
    """What it takes to standardize data: x becomes (x - mean) / sd.

    train: (..., N), training data alone: bins (T, N), windows (W, T, N), or any axes before the
    features.
    Returns (mean, sd), each (N,): for every feature its mean and its standard deviation over all
    other axes. The standard deviation is the square root of the mean squared deviation (its sum is
    divided by the number of values, not by one less).
    A feature that never changes gets sd 1, so that standardizing makes it 0 and not NaN.
    train is left unchanged.
    """
    ### BEGIN SOLUTION
    values = train.flatten(0, -2)  # (n, N)
    constant = values.amax(dim=0) == values.amin(dim=0)  # rounding can leave a spread a hair above 0, so ask for the range
    return values.mean(dim=0), values.std(dim=0, correction=0).masked_fill(constant, 1.0)
    ### END SOLUTION


# %% check="fit_standardizer"
check("fit_standardizer")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# All axes but the last are alike here. Flatten them into one first, whatever their number, and two lines remain.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# PyTorch's standard deviation divides by one less than the number of values unless told otherwise; look for `correction`. For the feature that never
# changes compare its largest and smallest value: rounding may leave its computed spread a hair above zero.
#
# </details>
#
# #### Look
#
# A drifting electrode, standardized with the numbers of training. Later blocks lie off zero: an honest picture of what a decoder meets.

# %%
# What contiguous_split makes of this session's 11,981 windows, written down: no later cell depends on yours.
TRAIN, VALIDATION, TEST = torch.arange(0, 8316), torch.arange(8366, 10148), torch.arange(10198, 11981)
TRAIN_BINS = STEP * 8315 + WINDOW  # bins that training windows cover

# %% look="drift"
training = features[:TRAIN_BINS]
inputs = (features - training.mean(dim=0)) / training.std(dim=0)
targets = (velocity - velocity[:TRAIN_BINS].mean(dim=0)) / velocity[:TRAIN_BINS].std(dim=0)
with plots.needs("fit_standardizer"):
    mean, sd = fit_standardizer(training)
    minutes = ((features - mean) / sd).view(20, 1200, -1).mean(dim=1)  # (minutes, N)
    drifting = minutes.std(dim=0).argmax()
    borders = {"validation": 14.0, "test": 17.0}
    name = f"electrode {recording.electrodes[drifting // 3]}, {ecog.BANDS[drifting % 3]}"
    title = "Standardized from training data (simulated)"
    plots.curves(range(20), {name: minutes[:, drifting]}, "minute", "mean, in sds", title, events=borders)

# %% [markdown]
# <a id="ridge"></a>
# ## 6 · A baseline worth beating
#
# **Exercise `ridge_fit`** · difficulty 3/5 · importance 4/5 · 10 minutes · {points:ridge_fit} points
#
# *Why now:* before a transformer, the simplest thing that could work. Lay a window out as one row of numbers and predict velocity as their
# weighted sum. Neuroscience calls it a Wiener filter. A penalty on large weights tames it, since neighboring electrodes and bins
# nearly repeat one another:
#
# $$\min_{W,\,b} \; \sum_{i} \lVert y_i - x_i W - b \rVert^2 + \alpha \lVert W \rVert^2 .$$
#
# With columns of $X$ and $Y$ centered the intercept drops out, and setting the gradient to zero gives
#
# $$(X_c^\top X_c + \alpha I)\, W = X_c^\top Y_c, \qquad b = \bar y - \bar x\, W .$$
#
# ![A window laid out as one row, times a column of weights for each output, plus the intercept](../assets/figures/08_ridge.svg)
#
# *By hand*, one feature $x = (9, 10, 11)$, $y = (1, 2, 6)$. Centered: $(-1, 0, 1)$ and $(-2, -1, 3)$. So $X_c^\top X_c = 2$ and
# $X_c^\top Y_c = 5$. Without penalty $W = 2.5$; with $\alpha = 2$ it is $5/4 = 1.25$, and $b = 3 - 10 \cdot 1.25 = -9.5$.
#
# **Predict.** What do $W$ and $b$ become as $\alpha$ grows without bound?
#
# <details><summary>Answer</summary>
#
# $W \to 0$ and $b \to \bar y$: it predicts the mean. If the intercept were penalized too, even that would shrink toward zero.
#
# </details>


# %% exercise="ridge_fit"
def ridge_fit(x, y, alpha):
    """Ridge regression: the weights W and the intercept b that make the least of

        sum of (y - x @ W - b)**2 over all samples and outputs, plus alpha * (sum of W**2).

    x: (n, P), n samples of P features. y: (n, O), what to predict. alpha: the penalty, above 0.
    The intercept is not penalized: a constant added to y moves b and leaves W as it is.
    Returns (weights, intercept), (P, O) and (O,). x and y are left unchanged.
    """
    ### BEGIN SOLUTION
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    centered = x - x_mean
    gram = centered.T @ centered  # (P, P)
    gram.diagonal().add_(alpha)
    weights = torch.linalg.solve(gram, centered.T @ (y - y_mean))
    return weights, y_mean - x_mean @ weights
    ### END SOLUTION


# %% check="ridge_fit"
check("ridge_fit")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Center copies of x and y, solve the system for the weights, then find the intercept from the two means. Which shape has the matrix of the system, and where does the penalty go in it?
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Do not invert the matrix: PyTorch's linear algebra can solve a system with several right-hand sides at once. The penalty belongs to the diagonal alone.
#
# </details>
#
# #### Look
#
# How large should $\alpha$ be? Every value is fitted on training and judged on **validation**; only the winner meets the test, once. Choosing on the test would be a leak again, a small one.
#
# We read high gamma and the motor potential of 2 s, averaged over 200 ms: 1,280 numbers.

# %% look="alpha"
with plots.needs("ridge_fit"):
    chosen = inputs.unflatten(1, (64, 3))[:, :, [0, 2]].flatten(1)  # two bands of 64 electrodes
    rows, say = {}, {}
    for name, part in {"train": TRAIN, "validation": VALIDATION, "test": TEST}.items():
        means = windows_at(chosen, part).unflatten(1, (10, 4)).mean(dim=2)  # (W, 10, 128)
        rows[name], say[name] = means.flatten(1), windows_at(velocity, part)[:, -1]
    alphas, curve, best_r = [10.0**power for power in range(6)], {"train": [], "validation": []}, -1.0
    for alpha in alphas:
        weights, intercept = ridge_fit(rows["train"], say["train"], alpha)
        for name, line in curve.items():
            line.append(correlation(rows[name] @ weights + intercept, say[name]).mean().item())
        if line[-1] > best_r:
            best_r, ridge_says = line[-1], rows["test"] @ weights + intercept
    _, ax = plots.plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    plots.curves(alphas, curve, "α", "r, mean of x and y", "Ridge regression, contiguous (simulated)", ax=ax)
    ax.set_xscale("log")
    r_xy, r2 = correlation(ridge_says, say["test"]), r_squared(ridge_says, say["test"])
    print(f"test: r {r_xy.mean():.2f} (x {r_xy[0]:.2f}, y {r_xy[1]:.2f}), R² {r2.mean():.2f}")

# %% [markdown]
# $r$ asks whether the prediction goes up and down with the truth; $R^2$ also whether its size is right. Report both, for each dimension.
#
# <a id="decoder"></a>
# ## 7 · From a GPT to a decoder
#
# Lesson 06's GPT reads tokens in order under a causal mask. That is what a decoder of the brain needs. What has to change?
#
# ![GPT and ECoG decoder side by side: embedding table, tied head and softmax replaced, the rest kept](../assets/figures/08_gpt.svg)
#
# | in the language model | in the decoder | why |
# |---|---|---|
# | `wte`, a table with a row for each word | **removed**: `read_in`, a linear map $N \to D$ | a bin is a vector already; there is no vocabulary to look up |
# | `wpe`, learned positions | kept: `positions` | attention is blind to order; without them *now* and *two seconds ago* are alike |
# | causal blocks | kept; the mask becomes a choice | online or offline (section 10) |
# | tied head over the vocabulary | **removed**: `read_out`, $D \to O$ | outputs are continuous: two velocities, or eight scores |
# | softmax, next-token cross-entropy | **removed**: squared error at every bin | the answer is given by the hand, not by the next input |
# | generation | **removed** | nothing is fed back |
#
# Adapters of small GPTs wrap this in a function like `get_transformer(input_size, num_layers, num_heads, n_embd, out_dim, trial_len)`. The same six numbers are the
# arguments below. The width of the model is *not* the number of electrodes: 192 features would tie model and grid together, and must divide by the heads. The read-in sets
# it free.
#
# **Exercise `ECoGDecoder`** · difficulty 4/5 · importance 5/5 · 16 minutes · {points:ECoGDecoder} points
#
# *Why now:* ridge needs one weight for each electrode, band *and* moment, and can only add up. A transformer finds out which moments matter, and bends.
#
# $$h = \operatorname{dropout}(W_{in} x_t + b + p_t), \qquad h \leftarrow \operatorname{layers}(h), \qquad \hat y_t = W_{out} \operatorname{norm}(h_t) + b_{out} .$$
#
# *By hand*, the parameters at $N = 192$, $D = 64$, two layers, $O = 2$, window 40: read-in $192 \cdot 64 + 64 = 12{,}352$, positions 2,560, each layer
# 33,472 (attention 16,640, feed-forward 16,576, two norms 256), norm 128, read-out 130. Together 82,114.
#
# PyTorch's layers take a mask in which **True = blocked**, the opposite of lesson 03.
#
# **Predict.** Why does it answer at *every* bin, when only the last one, *now*, is used online?
#
# <details><summary>Answer</summary>
#
# In training each window then gives forty lessons instead of one, as every token did for the GPT. The causal mask makes each an honest one.
#
# </details>


# %% exercise="ECoGDecoder"
class ECoGDecoder(nn.Module):
    """A transformer that reads a window of features and says something at every bin.

    num_electrodes: N, the features of a bin (electrodes times bands). d_model: D, the width of a
    token. num_heads: ValueError if it does not divide d_model. num_layers. num_outputs: O.
    window: the most bins that will ever come. causal: whether a bin reads itself and earlier bins
    only (True), or all bins of the window (False).
    Its parts, with these names:
      read_in    nn.Linear(N, D)
      positions  nn.Parameter (window, D), drawn from a normal distribution with sd 0.02
      dropout    nn.Dropout(0.3)
      layers     nn.TransformerEncoder of num_layers nn.TransformerEncoderLayer: pre-norm, GELU,
                 feed-forward width 2 * D, dropout 0.3, batch first, no norm at the end
      norm       nn.LayerNorm(D)
      read_out   nn.Linear(D, O)
    No other parameters. If you store the mask, register it as a buffer that is not saved.
    """

    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        ### BEGIN SOLUTION
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"d_model={d_model} cannot be divided among num_heads={num_heads} heads; choose a multiple")
        self.read_in = nn.Linear(num_electrodes, d_model)
        self.positions = nn.Parameter(0.02 * torch.randn(window, d_model))
        self.dropout = nn.Dropout(0.3)
        layer = nn.TransformerEncoderLayer(d_model, num_heads, 2 * d_model, 0.3, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.read_out = nn.Linear(d_model, num_outputs)
        blocked = torch.ones(window, window).triu(1).bool() if causal else torch.zeros(window, window).bool()
        self.register_buffer("blocked", blocked, persistent=False)
        ### END SOLUTION

    def forward(self, x):
        """x: (B, T, N); returns (B, T, O), and leaves x unchanged.

        The positions of the first T bins are added to what read_in makes of them; then dropout,
        layers, norm, read_out. ValueError if T is larger than the window.
        """
        ### BEGIN SOLUTION
        bins, window = x.shape[1], len(self.positions)
        if bins > window:
            raise ValueError(f"{bins} bins were given; this decoder has positions for {window}: cut the input into windows")
        hidden = self.dropout(self.read_in(x) + self.positions[:bins])  # (B, T, N) -> (B, T, D)
        hidden = self.layers(hidden, mask=self.blocked[:bins, :bins])
        return self.read_out(self.norm(hidden))  # (B, T, O)
        ### END SOLUTION


# %% check="ECoGDecoder"
check("ECoGDecoder")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Make the parts in the order of the docstring. PyTorch's layer has an argument for each wish: activation, batch first, norm first. Nothing else is hidden: forward is the formula.
#
# </details>
# <details><summary>Hint 2: the mask</summary>
#
# A square as large as the window in which everything *above* the diagonal is True; without the causal switch, nothing is. Let it be boolean: ones and zeros as floats would be *added* to the scores. In forward cut it to the bins that came. `persistent=False` keeps it out of saved files.
#
# </details>
# <details><summary>Hint 3: pseudocode</summary>
#
# T longer than window? complain with both numbers · h ← read-in of x, plus the first T positions (they broadcast over the batch) · dropout · layers with the mask · norm · read-out
#
# </details>
#
# #### Look
#
# Who depends on whom: each bin of a window is changed in turn; a filled square is an output that moved. The acausal decoder reads everything.

# %% look="dependence"
with plots.needs("ECoGDecoder"):
    _, axes = plots.plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for ax, causal in zip(axes, (True, False)):
        model = ECoGDecoder(6, 8, 2, 2, 3, window=9, causal=causal).eval()
        x = torch.randn(1, 9, 6)
        changed = x + torch.eye(9)[:, :, None] * torch.randn(6)  # (9, 9, 6): row i has another bin i
        with torch.no_grad():
            moved = ((model(changed) - model(x)).abs().amax(dim=-1) > 1e-6).T
        plots.mask_map(moved, f"causal={causal}", "output at bin", "input at bin", ax)
    count = sum(p.numel() for p in ECoGDecoder(192, 64, 4, 2, 2, WINDOW).parameters())
    print(f"{count:,} parameters")

# %% [markdown]
# #### Break it: positions on the wrong axis
#
# ![Data as (batch, electrode, time): a positional encoding numbers the middle axis, which are electrodes](../assets/figures/08_axis.svg)
#
# Recordings often come as (batch, electrode, time). An off-the-shelf positional encoding takes (batch, *position*, channel) and numbers the **middle** axis, whatever it is. **Predict:** add it
# before the permutation to (batch, time, electrode). Along which axis of the token table does the pattern run?


# %% look="wrong-axis"
def sinusoids(x):
    """Sinusoidal positions for x (batch, position, channel), as packages make them: sines, then cosines."""
    position, rate = torch.arange(x.shape[1]), 1e4 ** (-torch.arange(0, x.shape[2], 2) / x.shape[2])
    angles = position[:, None] * rate
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, : x.shape[2]].expand_as(x)


batch = torch.zeros(4, 16, 40)  # (batch, electrode, time), silent
right = sinusoids(batch.permute(0, 2, 1))  # (batch, time, electrode): positions are bins
wrong = sinusoids(batch).permute(0, 2, 1)  # numbered first, permuted afterwards
_, axes = plots.plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
tables = {"permuted first: bins are numbered": right, "too late: electrodes are numbered": wrong}
for ax, (title, table) in zip(axes, tables.items()):
    ax.imshow(table[0].T, aspect="auto", cmap="PuOr")
    ax.set(title=title, xlabel="time bin", ylabel="feature of the token")
    ax.title.set_fontsize(11)

# %% [markdown]
# Both have the right shape, and no error comes. Two tensors of equal sizes hide such mistakes, so give every axis another size, and permute first.
#
# <a id="training"></a>
# ## 8 · Losses that can be compared
#
# **Exercise `evaluate`** · difficulty 2/5 · importance 5/5 · 8 minutes · {points:evaluate} points
#
# *Why now:* training prints a loss, validation prints a loss, and you compare them. May you? Only if both are the same kind of mean:
#
# $$L = \frac{1}{n} \sum_{i=1}^{n} \operatorname{mean}\big((\hat y_i - y_i)^2\big), \qquad \text{over samples, not over batches.}$$
#
# ![Two batches of three and one samples: mean of samples 2, mean of batch means 3, their sum 6](../assets/figures/08_mean.svg)
#
# *By hand:* a batch of three samples with errors 1, 1, 1, and a last batch of one with error 5. Over samples: $8/4 = 2$. The mean of the batches' means: $(1 + 5)/2 = 3$.
# Their sum: 6, and it grows with the number of batches. Forty-three batches with a mean of 50 sum to 2,150: beside a training loss of 52 that looks like a disaster, and is none.
#
# Two more conditions: in evaluation mode (else dropout silences 30 % at random), and without gradients (else memory fills with them). And hand the model back in the mode it was in.
#
# **Predict.** A model scores its training data during training, dropout on; and validation data with dropout off. Can validation be *lower*?
#
# <details><summary>Answer</summary>
#
# Yes, easily. It is not a sign of a leak, but of two different measurements.
#
# </details>


# %% exercise="evaluate"
def evaluate(model, loader):
    """The mean squared error of a model on data that it does not learn from.

    model: an nn.Module. loader: gives pairs (x, y) of batches, of B samples each; the last may be
    smaller. model(x) has the shape of y, (B, ...).
    Returns a Python float: the mean of the squared errors over all numbers of all samples. Each
    sample counts the same, whatever the size of its batch.
    The model is asked in evaluation mode and without recording gradients. Afterwards it is in the
    mode in which it was before, and nothing about its parameters or their gradients has changed.
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in loader:
            total += ((model(x) - y) ** 2).sum().item()
            count += y.numel()
    model.train(was_training)
    return total / count
    ### END SOLUTION


# %% check="evaluate"
check("evaluate")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Two running totals: of squared errors, and of how many numbers they came from. Divide once, at the end.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# A module knows its mode: read it before you change it. Ask for a Python number from each batch's total, so that nothing on the device is kept.
#
# </details>
#
# ### Data, in batches
#
# A `Dataset` answers "give me sample $i$", a `DataLoader` makes batches of it. Neighboring training windows are 95 % alike, so every
# other one is enough. Each training window gets fresh noise, and an offset for every feature, as a drifting electrode has: the decoder cannot remember single windows.


# %%
class Windows(Dataset):
    """Windows of x (T, N) and labels y (T, ...), by their numbers; a sample is (x, y) of one window."""

    def __init__(self, x, y, numbers):
        self.x, self.y, self.numbers = x, y, numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, i):
        start = STEP * int(self.numbers[i])
        return self.x[start : start + WINDOW], self.y[start : start + WINDOW]


def loaders(x, y):
    """Batches to learn from, some of the same windows to score, and the validation windows."""
    learn = DataLoader(Windows(x, y, TRAIN[::2]), batch_size=64, shuffle=True)
    learned = DataLoader(Windows(x, y, TRAIN[::10]), batch_size=256)
    return learn, learned, DataLoader(Windows(x, y, VALIDATION), batch_size=256)


def drifting_noise(x):
    """Noise at every bin, and an offset for each feature of a window."""
    return x + 0.6 * torch.randn_like(x) + 0.7 * torch.randn_like(x[:, :1])


# %% look="batch"
learn, learned, held_out = loaders(inputs, targets)
x, y = next(iter(DataLoader(Windows(inputs, targets, TRAIN), batch_size=32, shuffle=True)))
print("one batch of 32:", tuple(x.shape), "= (B, T, N),", tuple(y.shape), "= (B, T, O)", x.dtype)
print(f"inputs {x.mean():.2f} ± {x.std():.2f}, targets {y.mean():.2f} ± {y.std():.2f}; {len(learn)} batches an epoch")

# %% [markdown]
# ### Overfit one batch first
#
# The cheapest test of a new model: can it learn 32 windows by heart? Mean prediction scores about 1. If the loss does not fall to nearly 0, look for the bug *before* you train for hours: positions, mask, labels, learning
# rate, a forgotten `zero_grad`.


# %%
def fit(model, batches, epochs, rate=3e-3, change=drifting_noise, loss_of=F.mse_loss, after=lambda epoch: None):
    """Train a model; `change` alters each batch's inputs, `after` is called at the end of each epoch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.1, betas=(0.9, 0.98))
    total = epochs * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=total, pct_start=0.1)
    for epoch in range(epochs):
        model.train()
        for x, y in batches:
            loss = loss_of(model(change(x)), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # one wild batch must not undo the others
            optimizer.step()
            schedule.step()
        after(epoch)


def without_dropout(model):
    """Switch all dropout off for good, in attention too: for learning by heart."""
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        if isinstance(part, nn.MultiheadAttention):
            part.dropout = 0.0
    return model


# %% look="one-batch"
with plots.needs("ECoGDecoder", "evaluate"):
    torch.manual_seed(8)
    model, losses = without_dropout(ECoGDecoder(192, 64, 4, 2, 2, WINDOW)).to(device), []

    def note(epoch):
        losses.append(evaluate(model, [(x, y)]))

    fit(model, [(x, y)], 64, change=lambda x: x, after=note)
    lines = {"this batch": losses[::4], "predicting the mean": [y.var().item()] * 16}
    plots.curves(range(1, 65, 4), lines, "steps", "mean squared error", "32 windows by heart (simulated)")

# %% [markdown]
# It can. That says the machinery works, and nothing about the brain: it would learn thirty-two *random* answers as well.
#
# ### Train
#
# Both losses are measured by your `evaluate`, the same way, after each epoch. The best epoch *on validation* is kept. This cell takes about half a minute.

# %% look="train"
with plots.needs("ECoGDecoder", "evaluate"):
    torch.manual_seed(8)
    decoder = ECoGDecoder(192, 64, 4, 2, 2, WINDOW).to(device)
    history, kept = [(evaluate(decoder, learned), evaluate(decoder, held_out))], []

    def note(epoch):
        history.append((evaluate(decoder, learned), evaluate(decoder, held_out)))
        if history[-1][1] == min(validation for _, validation in history):
            kept[:] = [copy.deepcopy(decoder.state_dict())]
        print(f"epoch {epoch + 1}: training {history[-1][0]:.3f}, validation {history[-1][1]:.3f}")

    fit(decoder, learn, 4, after=note)
    decoder.load_state_dict(kept[0])
    lines = dict(zip(("training", "validation"), zip(*history)))
    plots.curves(range(len(history)), lines, "epoch", "mean squared error", "Same mean, same mode (simulated)")

# %% [markdown]
# ### And does it leak?
#
# The same decoder, dropout off and no noise added, learns the labels of *150 s earlier*, with both splits. **Predict** its place between ridge and the neighbors.


# %% look="capacity"
def learn_unrelated(known, asked):
    """Train a decoder on labels that have nothing to do with the data; r on the asked windows."""

    def pick(numbers):
        return (numbers[:, None] + torch.arange(LEAK_WINDOW)).to(device)  # bins of windows with step 1

    torch.manual_seed(8)
    unrelated = targets.roll(3000, dims=0)
    model = without_dropout(ECoGDecoder(192, 128, 4, 1, 2, LEAK_WINDOW)).to(device)
    steps = [pick(known[torch.randint(len(known), (64,))]) for _ in range(300)]
    fit(model, [(inputs[bins], unrelated[bins]) for bins in steps], 1, change=lambda x: x)
    model.eval()
    with torch.no_grad():
        says = torch.cat([model(inputs[pick(part)])[:, -1] for part in asked.split(256)])
    return correlation(says, unrelated[pick(asked)[:, -1]]).mean().item()


with plots.needs("sliding_windows", "contiguous_split", "ECoGDecoder"):
    count = len(sliding_windows(features, LEAK_WINDOW, 1))
    blocks = contiguous_split(count, (0.7, 0.15, 0.15), LEAK_WINDOW + MEMORY)
    splits = {"random split": (train, test), "contiguous split": (blocks[0], blocks[2])}
    found = {}
    for name, (known, asked) in splits.items():
        found[f"ridge, {name}"] = r[name][1, -1].item()
        found[f"transformer, {name}"] = learn_unrelated(known, asked)
        found[f"neighbors, {name}"] = r[name][0, -1].item()
    plots.bars(found, "r with labels of 150 s earlier", "Unrelated labels: all of this is leak (simulated)")

# %% [markdown]
# The more a decoder can remember, the more it "decodes"; honest blocks give about zero to all, with some spread: a few minutes hold few independent reaches. On five fresh sessions the means were 0.97 for neighbors, 0.47 for the transformer and 0.21 for ridge on two bands with the random split, and between −0.01 and 0.01 with blocks.
#
# <a id="score"></a>
# ## 9 · The honest score
#
# The test block is opened now, once. **Chance** beside it: the same prediction, shifted in a circle around the test block. The shifted copies keep all
# smoothness and lose all meaning, so their scores tell how large an $r$ luck brings.

# %% look="score"
with plots.needs("ECoGDecoder", "evaluate", "ridge_fit"):
    ridge_fit(torch.eye(2), torch.eye(2), 1.0), ECoGDecoder(1, 1, 1, 1, 1, 1)  # both written?
    decoder.eval()
    spread, middle = velocity[:TRAIN_BINS].std(dim=0), velocity[:TRAIN_BINS].mean(dim=0)
    with torch.no_grad():
        says = [decoder(windows_at(inputs, part))[:, -1] for part in TEST.split(256)]
    transformer_says = torch.cat(says) * spread + middle  # (W, 2), mm/s
    true = windows_at(velocity, TEST)[:, -1]
    for name, predicted in {"ridge": ridge_says, "transformer": transformer_says}.items():
        r_xy, r2 = correlation(predicted, true), r_squared(predicted, true)
        around = range(100, len(true) - 100, 10)
        luck = [correlation(predicted.roll(s, dims=0), true).mean().item() for s in around]
        print(f"{name:12} r x {r_xy[0]:.2f}, y {r_xy[1]:.2f}, mean {r_xy.mean():.2f}; R² {r2.mean():+.2f};", end=" ")
        print(f"chance {np.mean(luck):+.2f}, 95 % of it below {np.percentile(luck, 95):.2f}")
    stretch = slice(300, 550)
    panels = {}
    for i, axis in enumerate("xy"):
        lines = {"hand": true, "ridge": ridge_says, "transformer": transformer_says}
        panels[f"velocity {axis}, mm/s"] = {name: line[stretch, i] for name, line in lines.items()}
    seconds, title = np.arange(250) * STEP * ecog.STEP_S, "Decoded from the past only (simulated)"
    plots.traces(seconds, panels, "time in the test block, s", title)

# %% [markdown]
# One session, one seed: an anecdote. The course's benchmark (`make bench-ecog`) measured five other sessions, on which nothing was tuned, and stored what it found.
# There ridge chooses its bands and its window on validation too, as a fair opponent should.
# Each dot is a session, that is, another simulated participant; the interval of the difference comes from resampling blocks of 10 s.

# %% look="bench"
results = Path("../assets/results/08_ecog.json")
bench = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}


def sessions(part):
    """What the benchmark stored of one part, a dict for each session; empty where it is not here."""
    if not bench.get(part):
        print(f"'{part}' is not in {results}: run `make bench-ecog`, or open a copy of the whole course.")
    return [found for name, found in bench.get(part, {}).items() if name.isdigit()]


if honest := sessions("honest"):
    rows = {name: [s[name]["r"] for s in honest] for name in ("ridge", "transformer")}
    chance = float(np.mean([s["ridge"]["chance_r_95"] for s in honest]))
    title = "Fresh sessions, contiguous split, causal (simulated)"
    plots.bars(rows, "r, mean of x and y", title, {"chance, 95 %": chance})
    gain = bench["honest"]["difference"]
    low, high = gain["interval"]
    print(f"transformer less ridge: {gain['mean']:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}")
if amounts := sessions("minutes"):
    x = [float(minutes) for minutes in amounts[0]]
    lines = {name: [scores[name] for scores in amounts[0].values()] for name in ("ridge", "transformer")}
    title = "What more data buys (one session, simulated)"
    plots.curves(x, lines, "minutes of training data", "r on the same test block", title, "x")

# %% [markdown]
# Real decoders of *finger flexion* from ECoG, another task, reach $r$ of about 0.4 to 0.7. Ours was made so that ridge lands there. Whether a transformer pays on *your* data is a question for your data, with ridge beside it.
#
# <a id="claims"></a>
# ## 10 · What each decoder may claim
#
# ![Causal: filters and attention end at now. Acausal: both reach past the decoded bin into the future](../assets/figures/08_claims.svg)
#
# `causal=False` lets every bin read the whole window. Together with filters that run both ways it is the better *estimate*, and a different *claim*:
#
# | | may be used for | may not claim |
# |---|---|---|
# | causal filters **and** causal attention, standardized from the past | brain–computer interfaces, any statement on *when* | to be the best estimate |
# | one of them acausal | reconstruction after the fact | to work online, or that activity *precedes* movement |
#
# An acausal chain also widens the gap that a split needs: filters and windows then reach over it from both sides.

# %% look="acausal"
if honest and (offline := sessions("acausal")):
    rows = {}
    for kind, found in {"causal": honest, "acausal": offline}.items():
        rows |= {f"{name}, {kind}": [s[name]["r"] for s in found] for name in ("ridge", "transformer")}
    plots.bars(rows, "r, mean of x and y", "What the future is worth (simulated)")

# %% [markdown]
# <a id="targets"></a>
# ## 11 · Which of eight targets?
#
# The same brain, another question: *which* target is the reach for? Targets are **classes**. Their numbers 0 to 7 are names: regressing the number with a squared error would hold target 7
# far from target 0, its neighbor on the circle.
#
# So the decoder gets eight outputs, scores for a softmax, and cross-entropy as its loss. Labels may be class numbers, or one-hot rows with a single 1; both give the same loss. Bins
# between trials have no class and are ignored. Chance is 1 in 8.

# %% look="classes"
target = torch.from_numpy(data.target).to(device)
late = torch.cat([target.new_full((6,), -1), target[:-6]])
target = torch.where(late == target, target, -1)  # from 0.3 s after a target appears: nobody reacts at once


def cross_entropy(scores, classes):
    """Of scores (B, T, 8) and classes (B, T); bins with class -1 do not count."""
    return F.cross_entropy(scores.flatten(0, 1), classes.flatten(), ignore_index=-1)


scores, classes = torch.randn(1, 5, 8), torch.tensor([[2, 0, 7, 7, 3]])
one_hot = F.one_hot(classes, 8).float()  # (1, 5, 8)
by_hand = -(one_hot * scores.log_softmax(dim=-1)).sum(dim=-1).mean()
print(f"class numbers {cross_entropy(scores, classes):.4f}, one-hot rows {by_hand:.4f}: the same loss")

with plots.needs("ECoGDecoder"):
    torch.manual_seed(8)
    classifier = ECoGDecoder(192, 64, 4, 2, 8, WINDOW).to(device)
    fit(classifier, loaders(inputs, target)[0], 3, rate=2e-3, loss_of=cross_entropy)
    classifier.eval()
    with torch.no_grad():
        scores = torch.cat([classifier(windows_at(inputs, part))[:, -1] for part in TEST.split(256)])
    true_class = windows_at(target, TEST)[:, -1]
    known = true_class >= 0
    right = (scores.argmax(dim=-1) == true_class)[known].float().mean()
    print(f"right in {right:.0%} of {int(known.sum())} bins; chance 12.5 %")

# %% look="confusion"
if answers := sessions("targets"):
    title = "Fresh sessions: % of each true target (simulated)"
    plots.confusion(bench["targets"]["confusion"], [str(k) for k in range(8)], title)
    for name in ("transformer", "logistic"):
        print(f"{name:12} accuracy {np.mean([session[name] for session in answers]):.3f}; chance 0.125")

# %% [markdown]
# Our one session is near chance, and its hundreds of bins come from some 38 reaches, so ±5 % is luck. Five sessions say 25 %, twice chance and far from good; a *linear* classifier has 23 %. Direction is a faint signal in a population average: speed shows in high gamma much more than heading. A confusion matrix says more than the accuracy: mistakes near the diagonal (and in the corners: 7 is next to 0) are neighbors on the circle.
#
# <a id="own"></a>
# ## 12 · Bring your own recording
#
# `ecog.load` reads NWB, and BrainVision or EDF where MNE is installed. Everything above then runs on it: the read-in takes any number of electrodes. What cannot be used is refused with a reason, as here a dead channel:

# %% look="own"
my_recording = ""  # the path of your .nwb, .vhdr or .edf file
if my_recording:
    own = ecog.features(ecog.load(my_recording))
    ecog.check_length(len(own.x), WINDOW, WINDOW + MEMORY)
    print("features:", own.x.shape, " labels:", own.y.shape, own.names)
try:
    signal = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    signal[400, 1] = np.nan
    ecog.Recording(signal, 500.0, np.zeros((1000, 1), np.float32), 500.0, ("force",), ("E1", "E2", "E3"))
except ValueError as error:
    print(error)
try:
    ecog.check_length(num_bins=150, window=WINDOW, gap=WINDOW + MEMORY)
except ValueError as error:
    print(error)

# %% [markdown]
# <a id="recap"></a>
# ## Recap
#
# - The sequence is time; a token is a bin; its features are electrodes times bands, from causal filters.
# - Overlapping windows are views: one block of numbers, another rule to read it.
# - A random split of overlapping windows measures memory. Cut time into blocks, with a gap of window plus filter memory.
# - Shift the labels: a score that stays is a leak. Always put chance and a linear baseline beside a score.
# - Statistics, penalties and the best epoch come from training and validation; the test is opened once.
# - A decoder is a GPT without vocabulary: read-in, positions, causal layers, read-out.
# - Compare losses only if they are the same mean, in the same mode.
#
# *You have built* an honest decoding study. *Lesson 09* looks inside trained transformers.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | ECoG | potentials from electrodes on the surface of the brain |
# | high gamma, mu, beta | bands around 70–150, 8–12, 13–30 Hz |
# | local motor potential | the smoothed potential itself |
# | view, stride | a second way to read the same memory; how far the next entry lies |
# | leak | information about the test that reaches training |
# | contiguous split, gap | blocks of time; what is left out between them |
# | shifted labels | a control: labels moved in time until they mean nothing |
# | ridge, Wiener filter | linear regression with a penalty; the same on a window of the past |
# | read-in, read-out | linear maps from features to the model's width, and from it to outputs |
# | circular shift | a prediction moved around the test block, to measure chance |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - A random split of overlapping windows: run the shifted-label control.
# - A gap of the window alone: filters remember longer.
# - Mean and spread from the whole session; a dead channel that becomes NaN.
# - The intercept penalized, or $\alpha$ chosen on the test.
# - Positions that never reach the tokens, or number electrodes: shuffle the bins and see what changes.
# - Zero-phase filters under a causal mask: the claim fails before the model begins.
# - A sum beside a mean, dropout on in validation, no baseline, no chance.
# - Class numbers regressed; the width tied to the number of electrodes.
# - Labels made with the wrong index (one for each window instead of each bin): shapes may agree, meaning does not.
#
# <a id="reading"></a>
# ## Further reading
#
# - Kaufman et al. (2012), *Leakage in Data Mining*, ACM TKDD 6(4): sections 3 and 4, what counts as a leak and how to detect one.
# - Schalk et al. (2007), *Decoding two-dimensional movement trajectories using electrocorticographic signals in humans*, J. Neural Eng. 4: 264: the local motor potential.
# - Miller et al. (2007), *Spectral changes in cortical surface potentials during motor movement*, J. Neurosci. 27: 2424: high gamma rises, beta falls.
# - Tangermann et al. (2012), *Review of the BCI Competition IV*, Front. Neurosci. 6: 55: data set 4, finger flexion from ECoG.
# - Glaser et al. (2020), *Machine learning for neural decoding*, eNeuro 7(4): baselines and cross-validation done with care.
# - Karpathy, *nanoGPT* ([github.com/karpathy/nanoGPT](https://github.com/karpathy/nanoGPT)): the model that section 7 changes.
