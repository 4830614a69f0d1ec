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
# # 07 · A Neural Data Transformer
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you build a transformer that reads firing rates out of single trials of spikes, train it without labels, and score it as the Neural Latents Benchmark does.**
#
# *Before you start:* the training loop and dropout (lesson 00), attention (03), the encoder layer (04). No code of earlier lessons is needed.
#
# | section | minutes |
# |---|---|
# | 1 · [Where transformers meet neural data](#where) | 7 |
# | 2 · [A session, opened](#session) | 8 |
# | 3 · [From spikes to bins](#bins): `bin_spikes` | 12 |
# | 4 · [Rates and PSTHs](#rates): `smooth_spikes` | 15 |
# | 5 · [The game: hide and predict](#mask): `mask_spikes` | 16 |
# | 6 · [Log-rates and the Poisson loss](#loss): `masked_poisson_nll` | 14 |
# | 7 · [An honest score](#score): `bits_per_spike` | 16 |
# | 8 · [Two baselines](#baselines) | 5 |
# | 9 · [The model](#model): `NeuralDataTransformer` | 24 |
# | 10 · [Training](#train): `train_step` | 18 |
# | 11 · [From saved weights to rates](#tune) | 12 |
# | 12 · [Reading the hand](#decode): `fit_decoder` | 20 |
# | 13 · [More sessions, less data, other choices](#more) | 6 |
# | 14 · [What may be claimed](#claim) | 8 |
# | 15 · [Your own recording](#own) | 4 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# These are two sittings: section 8 ends the first. After them you can
#
# 1. **turn** spike times into trials, bins, smoothed rates and PSTHs,
# 2. **hide** part of the data and **score** a model on just that part,
# 3. **compute** bits per spike against the benchmark's null model,
# 4. **build** and **train** a Neural Data Transformer (NDT), with validation and early stopping,
# 5. **decode** the hand with folds that respect trials, and **say** what the score does not show.

# %%
import copy
import json
import math
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import FactorAnalysis
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from autograder import check
from course import maze, neural_scores, plots

torch.manual_seed(7)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.set_num_threads(1)  # the tensors are small: more threads would mostly wait for one another
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# <a id="where"></a>
# ## 1 · Where transformers meet neural data
#
# ![fMRI, calcium imaging and electrophysiology, each as a table of time by channels, and what a token is](../assets/figures/07_tokens.svg)
#
# Every recording of the brain is a table, time by channels. A transformer needs one decision first: **what is a token?**
#
# | recording | one number is | a usual token | why it is hard |
# |---|---|---|---|
# | fMRI | blood oxygen of a region, every second or two | a patch of regions and times, or one volume | slow, indirect; little data a subject |
# | calcium imaging | fluorescence of a cell, some ten a second | a frame, or one cell's trace | the indicator smears each spike over a second |
# | electrophysiology | spikes of a neuron, to the millisecond | a time bin of all neurons, or a single spike | sparse and noisy; neurons change from day to day |
#
# What trains them is mostly the same game: **hide some of the data, and predict it from the rest.** No labels are needed, only recordings.
# BrainLM plays it with patches of fMRI; Neuroformer reads calcium images and spikes; POYO takes single spikes as tokens, and learns from labels instead.
# We build an early and simple one for spikes, the **Neural Data Transformer** of Ye and Pandarinath (2021): one token a time bin, an encoder without a causal mask.
#
# <a id="session"></a>
# ## 2 · A session, opened
#
# ![A delayed reach: targets appear, wait, go, the hand curves around a barrier; bins align to movement onset](../assets/figures/07_task.svg)
#
# The benchmark's best-known data set is **MC_Maze**: a monkey reaches around barriers on a screen while some 150 neurons of its premotor (PMd) and motor cortex (M1) are recorded.
# Our session has the same layout, but it is **simulated**: 600 reaches of 9 mazes in 3 versions, 162 neurons, made on first use in some ten seconds.
# That has a price (nothing here is a finding about brains) and a prize: we know each neuron's *true* rate, which nobody knows for a real one.
#
# The file is **NWB** (Neurodata Without Borders), an HDF5 file with agreed names. All spike times of all neurons stand in one long column; a second column says where each neuron's end.


# %% look="open"
with h5py.File(maze.simulated_file(0)) as nwb:  # a published file opens in the same way
    units, trials = nwb["units"], nwb["intervals/trials"]
    columns = np.split(units["spike_times"][:], units["spike_times_index"][:-1])
    is_heldout = torch.tensor(units["heldout"][:])
    onset, target_on, go = (torch.tensor(trials[f"{name}_time"][:]) for name in ("move_onset", "target_on", "go_cue"))
    print("units:", ", ".join(units), "\ntrials:", ", ".join(trials))
spike_times = [torch.tensor(column) for column in columns]  # one tensor a neuron, in seconds
print(f"\n{len(spike_times)} neurons, {sum(map(len, spike_times)):,} spikes, {len(onset)} trials")
print(f"in trial 0 the hand starts to move at {onset[0]:.3f} s")

# %% look="raster"
k = 0  # another trial?
around = [1000 * (t[(t > onset[k] - 1) & (t < onset[k] + 0.6)] - onset[k]) for t in spike_times]
events = {"targets": target_on[k], "go": go[k], "movement": onset[k]}
events = {name: 1000 * (when - onset[k]) for name, when in events.items() if when > onset[k] - 1}
plots.raster(around, events, "ms from movement onset", "Simulated spikes of one trial: each row is a neuron")

# %% [markdown]
# <a id="bins"></a>
# ## 3 · From spikes to bins
#
# **Exercise `bin_spikes`** · difficulty 2/5 · importance 3/5 · 8 minutes · {points:bin_spikes} points
#
# *Why now:* a model wants a table, not lists of different lengths. So we cut time into bins and count:
#
# $$y_{t,n} = \#\{\, s \in \text{spikes of neuron } n : e_t \le s < e_{t+1} \,\} .$$
#
# ![Spikes on a line, cut by edges; a spike on an edge belongs to the bin that starts there](../assets/figures/07_bins.svg)
#
# *By hand:* spikes at $0.1, 0.5, 0.5, 1.0, 2.0$ and edges $0, 0.5, 1, 2$ give the counts $1, 2, 1$. The spike *on* the last edge is outside.
#
# **Alignment.** Reaction times differ, so bin 7 after the go cue is one thing in one trial, and another in the next. We therefore place the edges relative to the *movement onset* of each trial, from −250 to +450 ms.
#
# **Predict.** These neurons fire about four spikes a second. What share of 20 ms bins is empty?
#
# <details><summary>Answer</summary>
#
# The mean count is about 0.07, so at least 93 % of the bins are empty. Almost everything in this lesson follows from that: single trials are mostly zeros.
#
# </details>


# %% exercise="bin_spikes"
def bin_spikes(times, edges):
    """Count each neuron's spikes in time bins.

    times: list of N tensors, one a neuron: its spike times, in any order; a neuron may have none.
    edges: (T + 1,), ascending, in the same unit; the bins need not be equally wide.
    Returns (T, N), floating point: how many spikes of neuron n lie in bin t, which reaches from
    edges[t] (included) to edges[t + 1] (not included). Spikes outside of all bins are not counted.
    """
    ### BEGIN SOLUTION
    bins = len(edges) - 1
    # bucketize counts the edges at or before a spike: 0 before the first bin, bins + 1 after the last.
    counts = [torch.bucketize(spikes, edges, right=True).bincount(minlength=bins + 2)[1:-1] for spikes in times]
    return torch.stack(counts, dim=1).to(edges.dtype)
    ### END SOLUTION


# %% check="bin_spikes"
check("bin_spikes")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# For one neuron: find for each spike the number of edges at or before it. That number says in which bin it lies, and two numbers mean *outside*. Then count how often each occurs.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# `torch.bucketize` finds places among sorted edges; read in its documentation what `right` does to a spike on an edge. `bincount` counts; its `minlength` keeps empty bins. Cut off both outsides, and stack the neurons as columns.
#
# </details>
#
# #### Look
#
# The trial of the raster, through your function; and the same counts from the course's loader, `maze.session`, which does all trials at once and keeps *held-in* and *held-out* neurons apart (section 5).
# Change the width of the bins: what do 5 ms and 100 ms gain and lose?

# %% look="counts"
session = maze.session(0, lag_ms=120)  # the hand is read 120 ms after the spikes: section 12
print(session)
with plots.needs("bin_spikes"):
    edges = onset[k] + torch.arange(-0.25, 0.451, 0.02, dtype=torch.float64)  # 36 edges, 35 bins
    table = bin_spikes(spike_times, edges)
    ax = plots.plt.subplots(figsize=(8, 4.6), layout="constrained")[1]
    plots.population(table, {"movement": 12}, f"Simulated: spike counts of trial {k} in 20 ms bins", ax=ax)
    same = torch.equal(table[:, ~is_heldout].float(), torch.tensor(session.heldin[k]))
    print(f"{(table == 0).double().mean():.0%} of the bins are empty; the loader counts the same: {same}")

# %% [markdown]
# <a id="rates"></a>
# ## 4 · Rates and PSTHs
#
# **Exercise `smooth_spikes`** · difficulty 2/5 · importance 4/5 · 10 minutes · {points:smooth_spikes} points
#
# *Why now:* behind the zeros and ones there is a **firing rate**, the count that is expected. The oldest estimate of it is a weighted mean over neighboring bins:
#
# $$\hat y_t = \frac{\sum_s w_{ts}\, y_s}{\sum_s w_{ts}}, \qquad w_{ts} = e^{-(t-s)^2 / 2\sigma^2} .$$
#
# ![A Gaussian kernel in the middle of a trial and at its edge, where the remaining weights are scaled up; trials stay apart](../assets/figures/07_smooth.svg)
#
# *By hand:* counts $(0, 3, 0)$, $\sigma = 1$ bin. In the middle the weights are $0.61, 1, 0.61$, so $3 / 2.21 = 1.36$. At the first bin they are $1, 0.61, 0.14$: $3 \cdot 0.61 / 1.74 = 1.04$.
#
# The division matters there: without it the rate would sink toward each edge of each trial.
#
# **Trials stay apart.** They stand end to end in memory, but in the recording seconds lie between them. A filter over the concatenated array mixes the end of one trial into the start of the next.
#
# **Predict.** A constant count of 2 in every bin: what comes out at the edges?
#
# <details><summary>Answer</summary>
#
# 2, everywhere: a weighted mean of equal numbers. A good test of any smoother.
#
# </details>


# %% exercise="smooth_spikes"
def smooth_spikes(spikes, sd):
    """Smooth counts along time with a Gaussian, each trial and each neuron on its own.

    spikes: (B, T, N) counts, floating point. sd: standard deviation in bins, above 0.
    Bin s weighs exp(-(t - s)² / (2 sd²)) in the average at bin t; all T bins of the trial take
    part, and for each t the weights are divided by their sum, so that they are shares at the
    edges of a trial, too. Nothing crosses from one trial into another.
    Returns (B, T, N); spikes is left unchanged.
    """
    ### BEGIN SOLUTION
    time = torch.arange(spikes.shape[1], device=spikes.device, dtype=spikes.dtype)
    weights = torch.exp(-0.5 * ((time[:, None] - time) / sd) ** 2)  # (T, T): a row for each t
    return (weights / weights.sum(dim=1, keepdim=True)) @ spikes
    ### END SOLUTION


# %% check="smooth_spikes"
check("smooth_spikes")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Build the whole table of weights, (T, T), from the differences of all pairs of bins. No loop is needed: a column of times against a row of times.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Each row divided by its own sum, then one matrix product with the counts. Broadcasting over trials does the rest, and keeps them apart.
#
# </details>
#
# #### Look: how wide?
#
# The simulator knows the true rates, so the error of each width can be measured. Wider kernels average away the noise (variance), and with it what the neurons do (bias). The best width lies between; on real data only a score like that of section 7 can find it.

# %% look="width"
with plots.needs("smooth_spikes"):
    heldin, true = torch.tensor(session.heldin), torch.tensor(session.rates_heldin)
    fast = int(true[k].std(dim=0).argmax())  # the neuron that changes most in this trial
    widths = [0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 10]
    error = [((smooth_spikes(heldin[:100], sd) - true[:100]) ** 2).mean().sqrt() for sd in widths]
    _, (left, right) = plots.plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
    lines = {f"SD {20 * sd} ms": smooth_spikes(heldin[k : k + 1], sd)[0, :, fast] / 0.02 for sd in (1, 3, 10)}
    lines["true rate"] = true[k, :, fast] / 0.02
    labels = "ms from movement onset", "spikes a second"
    plots.curves(session.times, lines, *labels, "Simulated: one neuron, one trial", ax=left)
    title = "Error of the smoothed rates, 100 trials"
    plots.curves(20 * np.array(widths), {"all neurons": error}, "SD, ms", "RMS error, spikes a bin", title, ax=right)

# %% [markdown]
# **PSTH.** The *peristimulus time histogram* averages trials of a kind instead of neighboring bins. Below, trials of one of eight directions of the target, averaged, then smoothed with a narrow kernel.
# Both are averages, and both lose something: smoothing loses speed, a PSTH loses what differs between trials. A model of *single trials* should lose neither.

# %% look="psth"
angles = np.arctan2(session.target[:, 1], session.target[:, 0])  # of the reached target, (trials,)
octant = np.round(angles / (np.pi / 4)).astype(int) % 8
with plots.needs("smooth_spikes"):
    means = np.stack([session.heldin[octant == o].mean(axis=0) for o in np.unique(octant)])  # (directions, T, N)
    psth = smooth_spikes(torch.tensor(means), 1.5) / 0.02
    tuned = psth.std(dim=0).mean(dim=0).argsort(descending=True)[:4].tolist()  # differ most between directions
    area = np.where(session.units_heldin < 2000, "PMd", "M1")
    panels = {f"{area[n]}, unit {session.units_heldin[n]}": psth[..., n] for n in tuned}
    title = "Simulated PSTHs by direction of the target"
    around, names = np.unique(octant), ["E", "NE", "N", "NW", "W", "SW", "S", "SE"]
    labels = "ms from movement onset", "spikes a second"
    plots.by_direction(session.times, panels, around * np.pi / 4, *labels, title, [names[o] for o in around])

# %% [markdown]
# <a id="mask"></a>
# ## 5 · The game: hide and predict
#
# **Exercise `mask_spikes`** · difficulty 3/5 · importance 5/5 · 12 minutes · {points:mask_spikes} points
#
# *Why now:* we want rates but have no rates to learn from, only counts. A model that is shown a count and asked for the same count learns to copy. **Hide it**, and the best answer is what the *other* bins and neurons say about it: the rate.
#
# Two things are hidden:
#
# - **Held-out neurons** (40 of 162) are *never* shown, only predicted. At test time this is the score: **co-smoothing**.
# - **Masked entries** of the other, held-in neurons: a fresh random share for each batch, in training only.
#
# ![The table of a trial: held-in neurons with masked entries go in, all neurons come out; scored are masked and held-out ones](../assets/figures/07_cosmooth.svg)
#
# Each entry is hidden with probability $p$, on its own. The others are multiplied by $1/(1-p)$, as dropout does, so that the expected input is the same with masks and without:
#
# $$E[\tilde y] = p \cdot 0 + (1-p) \cdot \frac{y}{1-p} = y .$$
#
# *By hand:* counts $(2, 0, 1, 4)$, $p = 0.5$, second and last hidden: the model is shown $(4, 0, 2, 0)$.
#
# Beware: here **True = hidden**, and hidden = scored. In lesson 03 True meant *may be seen*.
#
# **Predict.** The model is shown a zero. Is the count zero, or hidden?
#
# <details><summary>Answer</summary>
#
# It cannot tell, and with counts this sparse it matters little. A model for denser data may be given a learned mask token, or the mask itself as a second input.
#
# </details>


# %% exercise="mask_spikes"
def mask_spikes(spikes, ratio, seed):
    """Hide a random share of the counts from the model.

    spikes: (B, T, N) counts, floating point. ratio: the probability that an entry is hidden, each
    entry on its own; 0 <= ratio < 1, else ValueError. seed: an integer; the same seed hides the
    same entries, another seed others.
    Returns (masked, mask), both (B, T, N). mask: bool, True = hidden. masked: 0 where hidden;
    elsewhere the count times 1 / (1 - ratio), so that the expected input stays as it was.
    spikes is left unchanged.
    """
    ### BEGIN SOLUTION
    if not 0 <= ratio < 1:
        raise ValueError(f"ratio={ratio} was given; it is the share of hidden entries: choose 0 <= ratio < 1")
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.rand(spikes.shape, generator=generator) < ratio).to(spikes.device)
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask
    ### END SOLUTION


# %% check="mask_spikes"
check("mask_spikes")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# One uniform random number for each entry, compared with the ratio. The numbers must come from a generator of your own, made from the seed, not from the global one: else the same seed would not give the same mask twice.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Check the ratio first, at both ends · `torch.Generator`, seeded, handed to `torch.rand` · compare · a *new* tensor with zeros where the mask is True, the rest scaled · return both, in order.
#
# </details>
#
# #### Look, and break it
#
# Your mask on one trial. Beneath, the mean input of your function at three ratios, beside that of a version without the factor: the model would be trained on quieter neurons than it meets at test time, when nothing is hidden.

# %% look="masks"
with plots.needs("mask_spikes"):
    heldin = torch.tensor(session.heldin[:100])
    shown, hidden = mask_spikes(heldin, 0.35, seed=0)
    _, axes = plots.plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    tables = {"counts": heldin[k], "hidden (35%)": hidden[k].float(), "what the model is shown": shown[k]}
    for ax, (title, values) in zip(axes, tables.items()):
        plots.population(values[:, :40], title=f"{title}, 40 neurons", ax=ax)
    plots.plt.gcf().axes[4].set_ylabel("1 = hidden")
    print(f"mean count {heldin.mean():.4f}")
    for ratio in (0.2, 0.5, 0.8):
        shown, hidden = mask_spikes(heldin, ratio, seed=1)
        without = heldin.masked_fill(hidden, 0).mean()
        print(f"ratio {ratio}: mean input {shown.mean():.4f}, without the factor {without:.4f}")

# %% [markdown]
# #### Kinds of masks
#
# ![Four masks of a table: single entries, whole time bins, whole neurons, spans; and zeros or random counts to replace](../assets/figures/07_masks.svg)
#
# What is hidden decides what must be learned. **Single entries** can be filled in from the same bin's other neurons and from the same neuron's other bins. Whole **time bins** force the model to look along time; whole **neurons** to look across the population, which is what co-smoothing asks for. **Spans** of bins make interpolation harder.
# The published NDT hides whole bins, a quarter of them, later in spans; most become zeros, some random counts. Section 13 compares kinds on our sessions; hiding *something* matters far more than what.
#
# <a id="loss"></a>
# ## 6 · Log-rates and the Poisson loss
#
# **Exercise `masked_poisson_nll`** · difficulty 3/5 · importance 5/5 · 12 minutes · {points:masked_poisson_nll} points
#
# *Why now:* how wrong is a rate of 0.1 if one spike came? Squared error would treat a count of 5 at a rate of 5 like a count of 5 at a rate of 0. Counts of independent events are **Poisson**: the probability of $y$ at rate $\lambda$ is $\lambda^y e^{-\lambda} / y!$. Its negative logarithm, without the term that no model can change, is
#
# $$\ell(\lambda, y) = \lambda - y \log \lambda = e^{z} - y z \quad \text{with the log-rate } z = \log \lambda .$$
#
# The model puts out $z$, which may be any number; $e^z$ is never negative. PyTorch's `nn.PoissonNLLLoss` expects exactly that, its default being `log_input=True`. **Outputs are log-rates: exponentiate before you plot or decode.**
#
# *By hand:* $y = 2$. At $z = 0$ (rate 1) the loss is $1 - 0 = 1$; at $z = \log 2$ it is $2 - 2 \cdot 0.69 = 0.61$, the least possible.
#
# The mean is over scored entries alone. Counts must stay counts: z-scored ones, negative and fractional, have no Poisson probability.
#
# **Predict.** What would a loss over *all* entries reward, seen ones included?
#
# <details><summary>Answer</summary>
#
# Copying. A seen count says more about itself than everything else does. Section 10 shows what that costs.
#
# </details>


# %% exercise="masked_poisson_nll"
def masked_poisson_nll(log_rates, spikes, mask):
    """Mean Poisson loss of the entries that the mask chooses: exp(log_rate) - count * log_rate.

    log_rates: (B, T, N), logarithms of expected counts. spikes: (B, T, N), the counts.
    mask: (B, T, N) bool, True = this entry is scored.
    The mean is over the scored entries of the whole batch. All others do not count at all, not
    even where a log-rate or a count is NaN or infinite: neither in the loss nor in its gradient.
    Returns a tensor with one number; 0 if no entry is scored. The arguments are left unchanged.
    """
    ### BEGIN SOLUTION
    chosen = log_rates[mask]  # (how many,)
    losses = chosen.exp() - spikes[mask] * chosen
    return losses.sum() / max(1, len(chosen))
    ### END SOLUTION


# %% check="masked_poisson_nll"
check("masked_poisson_nll")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Multiplying by the mask is not enough: 0 times infinity is NaN, and NaN spreads through a sum. Pick the scored entries out *before* you compute anything with them.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Index both tensors with the mask · the loss of each entry · their sum, divided by how many there are, or by one if there are none.
#
# </details>
#
# #### Look, and break it
#
# Your loss against the log-rate, for three counts: each has its least value at the logarithm of the count. On the right the same loss is fed *rates*, as if the logarithm had been forgotten: the least value moves to a wrong rate, and nothing crashes.

# %% look="poisson"
with plots.needs("masked_poisson_nll"):
    z = torch.linspace(-2.5, 1.8, 30)
    one = torch.ones(1, 1, 1)

    def losses(x, count):
        return [masked_poisson_nll(value * one, count * one, one > 0) for value in x]

    _, (left, right) = plots.plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
    plots.curves(z, {f"count {c}": losses(z, c) for c in (0, 1, 3)}, "log-rate", "loss", "As it should be", ax=left)
    wrong = {f"count {c}: least at {z.exp()[np.argmin(losses(z.exp(), c))]:.1f}": losses(z.exp(), c) for c in (1, 3)}
    plots.curves(z.exp(), wrong, "rate, given as if it were a log-rate", "loss", "Broken", ax=right)
    right.set_ylim(-2, 12)
    x, y = torch.randn(4, 5, 6), torch.poisson(torch.ones(4, 5, 6))
    gap = masked_poisson_nll(x, y, torch.ones(4, 5, 6) > 0) - nn.PoissonNLLLoss(log_input=True)(x, y)
    print(f"with everything scored, yours and PyTorch's differ by {gap.abs():.1e}")

# %% [markdown]
# <a id="score"></a>
# ## 7 · An honest score
#
# **Exercise `bits_per_spike`** · difficulty 3/5 · importance 5/5 · 12 minutes · {points:bits_per_spike} points
#
# *Why now:* a loss of 0.23 says nothing. Better than what? The benchmark's **null model** knows each neuron's mean rate and nothing else. What a model saves of its loss, for each spike, in bits:
#
# $$\text{bits per spike} = \frac{\sum \ell(\bar y_n, y) - \sum \ell(\lambda, y)}{\big(\sum y\big)\, \ln 2} .$$
#
# ![A scale: below zero worse than the mean, 0 the null model, then smoothing, and the true rates as the most](../assets/figures/07_bits.svg)
#
# *By hand:* one neuron, counts $(0, 0, 3, 1)$, mean 1. The null's loss is $4 \cdot 1 - 4 \log 1 = 4$. Rates $(0.5, 0.5, 2, 1)$ give $4 - 3 \log 2 = 1.92$. Four spikes: $2.08 / (4 \cdot 0.693) = 0.75$ bits.
#
# On held-out neurons this is **co-bps**, the benchmark's first score. The null's means come from the very spikes that are scored, so it is a little too good, and the score a little too low. Neurons that fire much weigh most, so **never compare co-bps between sessions** without the score of the true rates beside it.
#
# **Predict.** What do the *true* rates score: 1?
#
# <details><summary>Answer</summary>
#
# No. Spikes stay random even if the rate is known, and how much a rate can save depends on how far it swings. Here it is about 0.38. Real data have no such number.
#
# </details>


# %% exercise="bits_per_spike"
def bits_per_spike(log_rates, spikes):
    """How much better log-rates explain counts than each neuron's mean count does, in bits a spike.

    log_rates: (B, T, N), finite logarithms of expected counts. spikes: (B, T, N), the counts.
    Score = (loss of the null model - loss of log_rates) / (number of spikes) / ln 2, with the
    *summed* Poisson loss exp(log_rate) - count * log_rate of all entries. The null model predicts,
    for each neuron, its mean over the trials and bins of these very spikes. A neuron without a
    spike adds 0 to the null model's loss.
    Returns a float. No spike at all: ValueError.
    """
    ### BEGIN SOLUTION
    num_spikes = spikes.sum()
    if num_spikes == 0:
        raise ValueError("spikes holds no spike, so bits per spike has no meaning: score more trials or more neurons")
    means = spikes.mean(dim=(0, 1))  # (N,)
    null_loss = num_spikes - torch.xlogy(spikes.sum(dim=(0, 1)), means).sum()  # the rates of the null add up to the spikes
    loss = (log_rates.exp() - spikes * log_rates).sum()
    return ((null_loss - loss) / num_spikes / math.log(2)).item()
    ### END SOLUTION


# %% check="bits_per_spike"
check("bits_per_spike")

# %% [markdown]
# <details><summary>Hint 1: the null model</summary>
#
# One mean for each neuron, over two axes. Then its summed loss; where a neuron is silent, 0 · log 0 needs care (`torch.xlogy` knows it).
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# no spikes? say so · two summed losses, the null's and the model's · their difference over the number of spikes, over the logarithm of two · a plain number
#
# </details>
#
# #### Look, and break it
#
# Five "models" of the test trials. The copycat predicts what it was shown: brilliant on the neurons it sees, ruinous once an entry is hidden. That is why the score is taken on held-out neurons. The last line forgets the logarithm.

# %% look="copycat"
with plots.needs("bits_per_spike", "mask_spikes"):
    test = session.of("test")
    seen, unseen = torch.tensor(test.heldin), torch.tensor(test.heldout)
    truth, flat = torch.tensor(test.rates_heldout), unseen.mean(dim=(0, 1)).expand_as(unseen)
    shown, hidden = mask_spikes(seen, 0.35, seed=2)
    copied = (shown * 0.65 + 0.01).log()
    found = {
        "each neuron's mean, held-out": bits_per_spike(flat.clamp(min=1e-6).log(), unseen),
        "the true rates, held-out": bits_per_spike(truth.log(), unseen),
        "copycat, entries it was shown": bits_per_spike(copied[~hidden][None, :, None], seen[~hidden][None, :, None]),
        "copycat, entries hidden from it": bits_per_spike(copied[hidden][None, :, None], seen[hidden][None, :, None]),
        "true rates, taken for log-rates": bits_per_spike(truth, unseen),
    }
    for name, bits in found.items():
        print(f"{name:34} {bits:8.3f} bits per spike")

# %% [markdown]
# <a id="baselines"></a>
# ## 8 · Two baselines
#
# A model is worth what it adds to simpler ones, given as much care. Both of ours smooth the held-in spikes, then predict each held-out neuron by a **Poisson regression**, $z = w \cdot x + b$, fitted with the loss of section 6.
#
# - **Smoothing**: $x$ is the logarithm of the smoothed counts, one for each held-in neuron.
# - **Factor analysis**: $x$ are 44 factors, patterns in which the neurons vary together; smoothed square-root counts go in.
#
# Widths, factors and penalties were chosen beforehand, by fitting 375 trials (`train`) and scoring 125 others (`val`); below, both are used for the fit. The bars are scores on 100 trials that nothing else touches (`test`). The ceiling is the **oracle**: the true rates.


# %%
def poisson_regression(x, counts, penalty):
    """Fit log-rates, linear in x (trials, T, M), to counts (trials, T, N); returns a function x -> rates."""
    x, counts = (torch.as_tensor(values, dtype=torch.float32).flatten(0, 1) for values in (x, counts))
    center, scale = x.mean(dim=0), x.std(dim=0).mean()
    weights = torch.zeros(x.shape[1], counts.shape[1], requires_grad=True)
    offset = counts.mean(dim=0).clamp(min=1e-6).log().requires_grad_()
    optimizer = torch.optim.LBFGS([weights, offset], max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        z = (x - center) / scale @ weights + offset
        value = (z.exp() - counts * z).mean(dim=0).sum() + penalty / 2 * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return lambda new: ((torch.as_tensor(new).float() - center) / scale @ weights + offset).detach().exp().numpy()


def smoothed(values, sd_bins=2.5):
    """SciPy's Gaussian filter, along time in each trial and scaled at the edges, as yours is."""
    weight = gaussian_filter1d(np.ones_like(values), sd_bins, axis=1, mode="constant")
    return gaussian_filter1d(values, sd_bins, axis=1, mode="constant") / weight


# %% look="baselines"
learn, test = session.of("train", "val"), session.of("test")
features = {"smoothing": [np.log(smoothed(part.heldin) + 1) for part in (learn, test)]}
roots = [smoothed(np.sqrt(part.heldin), 2.0) for part in (learn, test)]
factors = FactorAnalysis(44, max_iter=40, tol=1, random_state=0).fit(roots[0].reshape(-1, session.num_heldin))
features["factor analysis"] = [factors.transform(r.reshape(-1, r.shape[2])).reshape(*r.shape[:2], 44) for r in roots]
scores = {"null: each neuron's mean": 0.0}
for (name, (x, x_test)), penalty in zip(features.items(), (0.1, 0.04)):
    rates = poisson_regression(x, learn.heldout, penalty)(x_test)
    scores[name] = neural_scores.bits_per_spike(rates, test.heldout)
oracle = neural_scores.bits_per_spike(test.rates_heldout, test.heldout)
plots.bars(scores, "co-bps on test trials", "Simulated session: what simple models reach", {"oracle": oracle})

# %% [markdown]
# *A good place for a break.*
#
# <a id="model"></a>
# ## 9 · The model
#
# **Exercise `NeuralDataTransformer`** · difficulty 4/5 · importance 5/5 · 20 minutes · {points:NeuralDataTransformer} points
#
# *Why now:* smoothing mixes bins with fixed weights, factor analysis mixes neurons with fixed weights. Attention makes its weights from the data: a bin may read those that matter for this neuron, in this trial. All parts but the first and last are old friends:
#
# ![From counts through read-in, positions, encoder layers and read-out to log-rates, with shapes](../assets/figures/07_ndt.svg)
#
# - **Read-in**, a linear map, turns the 122 counts of a bin into a token of width $D$. (The published NDT takes the counts themselves as the token, so its width is the number of neurons. With a read-in, the encoder does not depend on which neurons were recorded.)
# - **Positions** are learned, one vector a bin: trials are aligned, so bin 12 means *movement onset* in all of them. They start small (SD 0.02), lest they drown the data.
# - **Encoder**: PyTorch's own, pre-norm, with GELU. No causal mask: for rates after the fact, the future is welcome.
# - **Read-out**: log-rates of *all* neurons, also of those that were never shown. Its bias starts at the logarithm of the mean counts: the model begins as the null model, at a score of 0, and has to learn only what differs from it.
#
# *By hand:* a neuron with mean count 0.08 gets the bias $\log 0.08 = -2.53$. With read-out weights of 0, $e^{-2.53} = 0.08$ in every bin. A silent neuron would get $-\infty$, hence the floor.
#
# **Predict.** The bias starts at 0 instead. What is the expected count of each neuron, and what score do you get?
#
# <details><summary>Answer</summary>
#
# $e^0 = 1$ in each bin, fifty spikes a second: a dozen times too many. The score is far below zero, and the first hundred steps go into finding the means.
#
# </details>


# %% exercise="NeuralDataTransformer"
class NeuralDataTransformer(nn.Module):
    """From spike counts of held-in neurons to log-rates of all neurons; a token is a time bin.

    Parts, in the order in which they act:
    read_in, an nn.Linear(num_in, d_model); positions, an nn.Parameter (trial_length, d_model),
    added to what it gives; dropout, an nn.Dropout(dropout_p);
    encoder, an nn.TransformerEncoder of num_layers times nn.TransformerEncoderLayer: num_heads
    heads, feed-forward width 2 * d_model, dropout_p, GELU, pre-norm, batch first, no mask; with
    a final nn.LayerNorm; dropout once more; read_out, an nn.Linear(d_model, num_out).
    positions and read_out.weight start as normal random numbers of standard deviation 0.02.
    """

    def __init__(self, num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p):
        ### BEGIN SOLUTION
        super().__init__()
        self.read_in = nn.Linear(num_in, d_model)
        self.positions = nn.Parameter(torch.randn(trial_length, d_model) * 0.02)
        self.dropout = nn.Dropout(dropout_p)
        layer = nn.TransformerEncoderLayer(d_model, num_heads, 2 * d_model, dropout_p, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(d_model), enable_nested_tensor=False)
        self.read_out = nn.Linear(d_model, num_out)
        nn.init.normal_(self.read_out.weight, std=0.02)
        ### END SOLUTION

    def forward(self, spikes):
        """Returns log-rates (B, T, num_out): logarithms of expected counts a bin.

        spikes: (B, T, num_in), counts. If T is not trial_length: ValueError whose message holds both.
        """
        ### BEGIN SOLUTION
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"a trial of {spikes.shape[1]} bins was given; this model was made for trial_length={len(self.positions)}")
        tokens = self.dropout(self.read_in(spikes) + self.positions)  # (B, T, d_model)
        return self.read_out(self.dropout(self.encoder(tokens)))
        ### END SOLUTION

    def start_at_mean(self, counts):
        """Set read_out.bias to the logarithm of each neuron's mean count, and return read_out.bias.

        counts: (B, T, num_out). The mean is over trials and bins; a mean below 1e-4 counts as 1e-4.
        """
        ### BEGIN SOLUTION
        with torch.no_grad():
            self.read_out.bias.copy_(counts.mean(dim=(0, 1)).clamp(min=1e-4).log())
        return self.read_out.bias
        ### END SOLUTION


# %% check="NeuralDataTransformer"
check("NeuralDataTransformer")

# %% [markdown]
# <details><summary>Hint 1: the parts</summary>
#
# `nn.TransformerEncoderLayer` has arguments for everything that the docstring lists; three differ from their defaults in kind: activation, `batch_first`, `norm_first`. `nn.TransformerEncoder` copies the layer and takes the final norm as an argument.
#
# </details>
# <details><summary>Hint 2: forward</summary>
#
# length wrong? say so · counts through the read-in, plus positions · dropout · encoder · dropout · read-out. No exponential: log-rates are wanted.
#
# </details>
# <details><summary>Hint 3: the bias</summary>
#
# A parameter is overwritten in place, where no gradient is recorded; assigning a plain tensor to it is refused.
#
# </details>
#
# #### Look, and break it
#
# Your untrained model, started at the mean and not; and how far the log-rates of each bin move if one bin of the input changes. The table is full: every bin reads every bin, already at random weights.

# %% look="untrained"
with plots.needs("NeuralDataTransformer"):
    torch.manual_seed(1)
    model = NeuralDataTransformer(122, 162, 64, 2, 2, 35, 0.2).eval()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    test = session.of("test")
    spikes, everything = torch.tensor(test.heldin), torch.tensor(np.concatenate([test.heldin, test.heldout], axis=2))
    with torch.no_grad():
        for start in ("bias as it comes", "bias at the mean"):
            bits = neural_scores.bits_per_spike(model(spikes)[..., 122:].exp().numpy(), test.heldout)
            print(f"{start}: {bits:.2f} bits per spike")
            model.start_at_mean(everything)
        moved = torch.zeros(35, 35)
        for t in range(35):
            changed = spikes[:1].clone()
            changed[:, t] += 1
            moved[:, t] = (model(changed) - model(spikes[:1])).abs().mean(dim=(0, 2))
    plots.population(moved.T.log10(), {}, "log₁₀ of how far bin t moves when bin s changes", "bin t", "bin s, changed")
    plots.plt.gcf().axes[-1].set_ylabel("log₁₀ of the change")

# %% [markdown]
# <a id="train"></a>
# ## 10 · Training
#
# **Exercise `train_step`** · difficulty 3/5 · importance 4/5 · 10 minutes · {points:train_step} points
#
# *Why now:* all parts are there: inputs with holes, log-rates, a loss of what is scored. One step of training puts them together, as in lesson 00, with one addition. Now and then a batch makes a huge gradient; **clipping** scales the gradient of all parameters together down to a norm of 5 and keeps its direction:
#
# $$g \leftarrow g \cdot \min\!\left(1, \frac{5}{\lVert g \rVert}\right).$$
#
# *By hand:* $g = (6, 8)$ has the norm 10, so it becomes $(3, 4)$. With plain gradient descent at rate 0.1 the weights move by $(-0.3, -0.4)$.
#
# **Predict.** What goes wrong if the gradient is clipped before the backward pass, or after the optimizer's step?
#
# <details><summary>Answer</summary>
#
# Nothing is clipped. Before, there is no new gradient yet; after, the update has already been made.
#
# </details>


# %% exercise="train_step"
def train_step(model, batch, optimizer):
    """One update of the model's weights on one batch; call `masked_poisson_nll` for the loss.

    batch: (inputs, counts, scored): inputs (B, T, num_in) are what the model is shown; counts
    (B, T, num_out) are the true counts of all neurons; scored (B, T, num_out) bool, True = this
    entry is in the loss.
    The model is put into training mode. Gradients left over from before must not count. Before
    the update the gradient of all parameters together is scaled down to norm 5 if it is longer
    (`nn.utils.clip_grad_norm_`).
    Returns the loss before the update, as a float.
    """
    ### BEGIN SOLUTION
    inputs, counts, scored = batch
    model.train()
    loss = masked_poisson_nll(model(inputs), counts, scored)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% check="train_step"
check("train_step")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Six calls, in an order that each comment of lesson 00's loop would name: mode, loss, old gradients away, new gradients, clip, update.
#
# </details>
# <details><summary>Hint 2: what is returned</summary>
#
# A plain number. Returning the tensor would keep its whole graph in memory for as long as you keep the number.
#
# </details>
#
# ### The loop around it
#
# ![Training, validation and test trials: weights learn on the first, the best step is chosen on the second, the third is scored once](../assets/figures/07_loop.svg)
#
# `fit` below is given. Every 25 steps it scores the **validation** trials and keeps a copy of the weights that did best (**best checkpoint**); after six checks without a new best it stops (**early stopping**). What it validates and keeps is a running average of the weights, which is steadier than the weights themselves.


# %%
def make_batch(counts, ratio, seed, score_seen=False):
    """A batch for train_step, from counts (B, T, 162) of all neurons; the first 122 are held in."""
    inputs, hidden = mask_spikes(counts[..., :122], ratio, seed)
    scored = torch.ones_like(counts, dtype=torch.bool)  # held-out neurons always are
    scored[..., :122] = hidden | score_seen
    return inputs, counts, scored


def fit(model, learn, val, steps, ratio=0.35, rate=2e-3, score_seen=False):
    """Train on counts `learn`; returns the averaged model that scored best on `val`, and {step: co-bps}."""
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98)).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    best, curve = copy.deepcopy(average.module), {}
    for step in range(1, steps + 1):
        trials = torch.randint(len(learn), (32,))
        train_step(model, make_batch(learn[trials], ratio, step, score_seen), optimizer)
        schedule.step()
        average.update_parameters(model)
        if step % 25 == 0:
            with torch.no_grad():
                bits = bits_per_spike(average.module(val[..., :122])[..., 122:], val[..., 122:])
            if bits > max(curve.values(), default=-math.inf):
                best = copy.deepcopy(average.module)
            curve[step] = bits
            if max(list(curve.values())[-6:]) < max(curve.values()):  # six checks without a new best
                break
    return best.eval(), curve


# %% [markdown]
# #### Look, and break it: is the mask worth it?
#
# Three trainings from the same start, 250 steps each. **This is the slow cell: under a minute on a quiet computer.**
#
# - **masked**: as described;
# - **not masked, held-out scored**: the input has no holes; only the held-out neurons are in the loss;
# - **not masked, all scored**: the input has no holes, and the held-in counts that it shows are in the loss, too.
#
# **Predict** their order before you run it.
#
# <details><summary>Answer</summary>
#
# The last is the identity trap: copying pays so well that hardly anything else is learned, and the held-out neurons suffer. The second is honest, but learns from 40 neurons instead of 162, and overfits sooner. Masking makes every neuron a teacher.
#
# </details>

# %% look="masking"
counts = {  # split -> (trials, T, 162) counts, held-in neurons first
    split: torch.tensor(np.concatenate([part.heldin, part.heldout], axis=2)).to(device)
    for split in ("train", "val", "test")
    for part in [session.of(split)]
}
trained, curves = {}, {}  # name -> a model; name -> {step: co-bps}
recipes = {"masked": (0.35, False), "not masked, held-out scored": (0.0, False), "not masked, all scored": (0.0, True)}
with plots.needs("NeuralDataTransformer", "train_step", "masked_poisson_nll", "mask_spikes", "bits_per_spike"):
    for name, (ratio, score_seen) in recipes.items():
        torch.manual_seed(7)
        model = NeuralDataTransformer(122, 162, 64, 2, 2, 35, 0.2).to(device)
        model.start_at_mean(counts["train"])
        trained[name], curves[name] = fit(model, counts["train"], counts["val"], 250, ratio, score_seen=score_seen)
    steps = range(0, 251, 25)
    lines = {name: [0.0] + [curve.get(step, math.nan) for step in steps[1:]] for name, curve in curves.items()}
    plots.curves(steps, lines, "step", "co-bps on validation trials", "Simulated session: three ways to train")

# %% [markdown]
# <a id="tune"></a>
# ## 11 · From saved weights to rates
#
# A few hundred steps from scratch are little. Two files of saved weights lie beside the course (`assets/models/make_07_ndt.py` made them):
#
# - `07_pretrained`: positions and encoder, trained on *six other* simulated sessions. Each had neurons of its own, so each had its own read-in and read-out, which are not kept. You load what fits, start a new read-in and read-out, and **fine-tune** everything on session 0.
# - `07_ndt`: a whole model of session 0, trained for long, on training and validation trials. With it the rest of the notebook runs even if you skip the training.
#
# **Predict.** The neurons of the six sessions are not ours. What can a pretrained encoder know that is of use here?
#
# <details><summary>Answer</summary>
#
# How reaches unfold in time: which bins belong together, how wide to average, when activity turns. Which neuron says what must be learned anew. On our session pretraining saves time: fine-tuned for 300 steps, the model scores what training from scratch reaches after some 700. With little data it would matter more.
#
# </details>


# %%
def new_model():
    """An untrained NeuralDataTransformer for session 0: 122 neurons in, 162 out, width 64, 2 heads, 2 layers."""
    return NeuralDataTransformer(122, 162, 64, 2, 2, 35, 0.2).to(device).eval()


def load_saved(model, name):
    """Load what fits the model from a file of saved weights; returns which parts (none: no such file)."""
    file = Path(f"../assets/models/{name}.safetensors")
    if not file.is_file():
        print(f"{file} is missing, so this starts from scratch; run it from a copy of the whole course.")
        return []
    own, saved = model.state_dict(), load_file(file)
    fits = {key: values for key, values in saved.items() if key in own and own[key].shape == values.shape}
    model.load_state_dict(own | fits)
    return sorted({key.split(".")[0] for key in fits})


def log_rates(split, name="NDT"):
    """(trials, T, 162) log-rates of a split's trials from a trained model, with nothing hidden."""
    if name not in trained:
        raise NotImplementedError("there is no model yet")
    with torch.no_grad():
        return trained[name](counts[split][..., :122]).cpu()


# %% look="tune"
with plots.needs("NeuralDataTransformer", "train_step", "masked_poisson_nll", "mask_spikes", "bits_per_spike"):
    torch.manual_seed(8)
    model = new_model()
    print("from the pretrained model:", ", ".join(load_saved(model, "07_pretrained")))
    model.start_at_mean(counts["train"])
    trained["NDT"], curves["fine-tuned"] = fit(model, counts["train"], counts["val"], 300)
    steps, shown = range(0, 301, 25), {"from scratch": curves.get("masked", {}), "fine-tuned": curves["fine-tuned"]}
    lines = {name: [0.0] + [curve.get(step, math.nan) for step in steps[1:]] for name, curve in shown.items()}
    lines["smoothing + regression"] = [0.193] * len(steps)  # on the same trials
    plots.curves(steps, lines, "step", "co-bps on validation trials", "Simulated session: what pretraining is worth")

# %% look="scores"
with plots.needs("NeuralDataTransformer"):
    model = new_model()
    if load_saved(model, "07_ndt"):
        trained["saved NDT"] = model
        trained.setdefault("NDT", model)
    scores |= {
        name: neural_scores.bits_per_spike(log_rates("test", model)[..., 122:].exp().numpy(), test.heldout)
        for name, model in {"NDT, fine-tuned 300 steps": "NDT", "NDT, saved, long training": "saved NDT"}.items()
        if model in trained
    }
    plots.bars(scores, "co-bps on test trials", "Simulated session: held-out neurons, unseen trials", {"oracle": oracle})

# %% [markdown]
# **Rates of single neurons.** Three held-out neurons, each in the test trial in which its true rate changes most. The model was shown *none* of their spikes (the dots); smoothing was given them all.

# %% look="neurons"
with plots.needs("NeuralDataTransformer"):
    inferred = log_rates("test")[..., 122:].exp().numpy() / 0.02  # log-rates become rates, in spikes a second
    swing = test.rates_heldout.std(axis=1)  # (trials, held-out neurons)
    busy = swing.mean(axis=0).argsort()[::-1][:3]
    figure, axes = plots.plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
    for ax, n in zip(axes, busy):
        trial = swing[:, n].argmax()
        lines = {"true rate": test.rates_heldout[trial, :, n] / 0.02, "NDT, spikes not shown": inferred[trial, :, n]}
        lines["smoothed own spikes"] = smoothed(test.heldout[trial : trial + 1])[0, :, n] / 0.02
        title = f"unit {test.units_heldout[n]}, test trial {trial}"
        plots.curves(test.times, lines, "ms from movement onset", "spikes a second", title, ax=ax)
        spikes = test.heldout[trial, :, n]
        ax.scatter(test.times[spikes > 0], np.full((spikes > 0).sum(), -6), s=12 * spikes[spikes > 0], color=plots.INK)
    figure.suptitle("Simulated held-out neurons", fontsize=11)

# %% [markdown]
# **The population as a path.** PCA finds the three directions along which 122 rates vary most; each trial becomes a line through that space. (Of square roots, so that a few fast neurons do not drown the rest.) **Turn the scenes, and click directions away.** The same test trials, up to four of each direction, with a dot at movement onset: left smoothed spikes, right your model's rates.


# %%
def principal(rates, k=3):
    """Project rates (trials, T, N) onto their first k principal components: (trials, T, k)."""
    flat = rates.reshape(-1, rates.shape[2])
    axes = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)[2][:k]
    return (rates - flat.mean(axis=0)) @ axes.T


# %% look="pca"
COMPASS = ["E", "NE", "N", "NW", "W", "SW", "S", "SE"]
with plots.needs("NeuralDataTransformer"):
    towards = np.round(np.arctan2(*test.target.T[::-1]) / (np.pi / 4)).astype(int) % 8
    chosen = np.concatenate([np.flatnonzero(towards == o)[:4] for o in np.unique(towards)])
    clouds = {"smoothed spikes": smoothed(test.heldin), "NDT rates": log_rates("test")[..., :122].exp().numpy()}
    lines = {name: principal(np.sqrt(rates))[chosen] for name, rates in clouds.items()}
    names = [COMPASS[o] for o in towards[chosen]]
    title = "Simulated test trials in three dimensions"
    plots.trajectories(lines, towards[chosen] * np.pi / 4, names, title, mark=12).show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is a flat view of it:
#
# ![Paths of trials in the first two principal components: tangled for smoothed spikes, bundled by direction for NDT rates](../assets/figures/07_pca.svg)
#
# Trials of one direction run closer together on the right. The lines are also more jagged: nothing tells the model that rates are smooth, while smoothing can say nothing else.
#
# <a id="decode"></a>
# ## 12 · Reading the hand
#
# **Exercise `fit_decoder`** · difficulty 4/5 · importance 4/5 · 15 minutes · {points:fit_decoder} points
#
# *Why now:* do the rates say what the animal does? The benchmark's second score reads the hand's velocity from the rates of *one* bin by a linear map $\hat v = W^\top r + b$, found by **ridge regression**:
#
# $$\min_{W, b} \; \sum \lVert v - W^\top r - b \rVert^2 + \alpha \lVert W \rVert^2 .$$
#
# Two decisions are yours:
#
# - **The lag.** Motor cortex leads the hand, so $v_{t + \text{lag}}$ goes with $r_t$.
# - **The penalty** $\alpha$. The larger, the smaller the weights; it is chosen on trials that the fit has not seen. Neighboring bins of one trial resemble each other, so folds must be *whole trials*: a fold of random bins would meet near copies of itself in training (lesson 08 shows how far that can go).
#
# *By hand:* a trial of 4 bins, lag 1: the pairs are $(r_0, v_1), (r_1, v_2), (r_2, v_3)$. The velocity $v_0$ and the rates $r_3$ stay alone. With 7 trials, trials 0 and 5 make fold 0.
#
# `ridge` is given. When there are more columns than rows it solves the smaller of two equivalent systems, which we will need.
#
# **Predict.** The simulator's velocity neurons lead the hand by 120 ms. Which lag, in bins of 20 ms, will decode best?
#
# <details><summary>Answer</summary>
#
# 6 bins. And it matters: the hand's velocity changes within a reach, so three bins too early or late cost a good part of the score.
#
# </details>


# %%
def ridge(x, y, alpha):
    """Linear read-out of y (rows, M) from x (rows, N): weights (N, M) and offset (M,) that minimize
    the summed squared error plus alpha times the summed squared weights; the offset is free."""
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - x_mean, y - y_mean
    rows, columns = x.shape
    if columns <= rows:
        weights = torch.linalg.solve(x.T @ x + alpha * torch.eye(columns).to(x), x.T @ y)
    else:  # more columns than rows: the same weights, from the smaller system
        weights = x.T @ torch.linalg.solve(x @ x.T + alpha * torch.eye(rows).to(x), y)
    return weights, y_mean - x_mean @ weights


# %% exercise="fit_decoder"
def fit_decoder(rates, velocity, lag, alphas):
    """A linear read-out of velocity from rates by `ridge`, its penalty chosen on left-out trials.

    rates: (B, T, N). velocity: (B, T, M), for instance M = 2 for x and y. lag: 0 <= lag < T:
    velocity in bin t + lag is read from the rates in bin t of the same trial; bins without a
    partner are left out. alphas: list of penalties, each above 0.
    Five folds of whole trials: trial b is in fold b % 5 (B >= 5). For each alpha, every fold is
    predicted by a read-out fitted on the other four; the alpha whose squared error, summed over
    all folds, is smallest is used for a last fit on all trials.
    Returns (weights (N, M), offset (M,), alpha), alpha as a float.
    """
    ### BEGIN SOLUTION
    T = rates.shape[1]
    x, y = rates[:, : T - lag], velocity[:, lag:]  # (B, T - lag, N), (B, T - lag, M)
    fold = torch.arange(len(x), device=x.device) % 5

    def left_out_error(alpha):
        error = 0.0
        for f in range(5):
            weights, offset = ridge(x[fold != f].flatten(0, 1), y[fold != f].flatten(0, 1), alpha)
            error += float(((x[fold == f] @ weights + offset - y[fold == f]) ** 2).sum())
        return error

    best = float(min(alphas, key=left_out_error))
    return *ridge(x.flatten(0, 1), y.flatten(0, 1), best), best
    ### END SOLUTION


# %% check="fit_decoder"
check("fit_decoder")

# %% [markdown]
# <details><summary>Hint 1: the lag</summary>
#
# Two slices along time, one that ends early and one that starts late; both along axis 1, so that no trial reaches into the next. Watch what `[:-lag]` does at lag 0.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# slice · number the trials' folds · for each alpha: add up the squared errors of the five left-out folds, each predicted by a ridge on the other trials · take the alpha with the least · fit once more on everything, flattened to rows
#
# </details>
#
# #### Look
#
# First the lag, on smoothed spikes against velocity *without* any shift: your decoder's score on validation trials. From here on we use the session as loaded, whose hand is already shifted by 120 ms, and lag 0.

# %% look="lag"
with plots.needs("fit_decoder"):
    unshifted = maze.session(0)
    learn_at_once, check_on = unshifted.of("train"), unshifted.of("val")
    rates = [torch.tensor(smoothed(part.heldin)) for part in (learn_at_once, check_on)]
    found = {}
    for lag in range(0, 15, 2):
        weights, offset, _ = fit_decoder(rates[0], torch.tensor(learn_at_once.velocity).float(), lag, [1.0])
        read = rates[1][:, : 35 - lag] @ weights + offset
        found[20 * lag] = neural_scores.r2(check_on.velocity[:, lag:], read.numpy())
    lines = {"smoothed spikes": list(found.values())}
    plots.curves(list(found), lines, "lag, ms", "R² of velocity", "Simulated: the hand comes later")

# %% [markdown]
# **The score.** Four read-outs of the test trials' velocity, all by your function:
#
# - smoothed spikes of the bin, and NDT rates of the bin: the benchmark's comparison;
# - the **whole trial**: one ridge from all 35 × 122 smoothed counts of a trial to all its velocities at once;
# - the true rates of the bin: the oracle.
#
# ![Smoothing sees a few bins; a whole-trial ridge and an NDT rate both see the whole trial](../assets/figures/07_context.svg)
#
# The whole trial is there for fairness. Smoothed spikes know about 100 ms; an NDT rate has attention to the whole trial inside it. Part of the jump between them is not the transformer but the *context*, which a linear decoder can have, too.

# %% look="velocity"
alphas = [10.0**power for power in (-4, -3, -2, -1, 0)]
hand = {split: torch.tensor(session.of(split).velocity).float() for split in ("train", "val", "test")}
velocity, decoded = {}, {}


def decode(name, rates, alphas=alphas, whole=False):
    """Fit on train and val, score on test. rates: split -> (trials, T, N); whole: all bins of a trial are one row."""
    x, v = ({s: t.flatten(1)[:, None] if whole else t for s, t in table.items()} for table in (rates, hand))
    learn_x, learn_v = (torch.cat([table["train"], table["val"]]) for table in (x, v))
    weights, offset, alpha = fit_decoder(learn_x, learn_v, 0, alphas)
    decoded[name] = (x["test"] @ weights + offset).reshape(hand["test"].shape)
    velocity[name] = neural_scores.r2(hand["test"].numpy(), decoded[name].numpy())
    print(f"{name:26} R² {velocity[name]:.3f} (alpha {alpha:g})")


spikes = {split: torch.tensor(smoothed(session.of(split).heldin)) for split in hand}
both = np.concatenate([session.rates_heldin, session.rates_heldout], axis=2)
true_rates = {split: torch.tensor(both[session.split == split]) for split in hand}
with plots.needs("fit_decoder", "NeuralDataTransformer"):
    decode("smoothed spikes, one bin", spikes, [0.1, 1.0, 10.0, 100.0])
    decode("whole-trial ridge", spikes, [1.0, 3.0, 10.0, 30.0, 100.0], whole=True)
    decode("true rates, one bin", true_rates)
    decode("NDT rates, one bin", {split: log_rates(split).exp() for split in hand})
    if "saved NDT" in trained:
        decode("saved NDT rates, one bin", {split: log_rates(split, "saved NDT").exp() for split in hand})
    ceiling = velocity.pop("true rates, one bin")
    plots.bars(velocity, "R² of hand velocity on test trials", "Simulated session", {"oracle": ceiling})

# %% look="paths"
with plots.needs("fit_decoder", "NeuralDataTransformer"):
    start = torch.tensor(test.position[:, :1]).float()
    panels = {"true": hand["test"]} | {name: decoded[name] for name in velocity}
    walked = {name: (start + 0.02 * v.cumsum(dim=1))[:40] for name, v in panels.items()}
    aim = np.arctan2(*test.target.T[::-1])[:40]
    plots.paths(walked, aim, "Simulated: 40 test reaches, decoded velocity added up from the true start")

# %% [markdown]
# <a id="more"></a>
# ## 13 · More sessions, less data, other choices
#
# One session and one seed are an anecdote. The next cells read saved results of longer trainings from scratch, of models with four layers instead of two: three fresh sessions with neurons of their own, none of which was used to choose anything; one choice changed at a time; and fewer trials of session 0. The *ensemble* is the mean of the rates of several NDTs that differ in their seed alone.
#
# **Predict.** With 100 trials instead of 500, which loses more: smoothing or the NDT?
#
# <details><summary>Answer</summary>
#
# The NDT. With 500 trials it is three fifths above smoothing in co-bps; with 100, by the same recipe, a fifth. A model with some 150,000 weights lives on data; smoothing has little to learn. With few trials, more masking, more dropout and early stopping help.
#
# </details>


# %%
def saved_results():
    """The saved scores of other sessions, choices and sizes; empty where the file is missing."""
    file = Path("../assets/results/07_ndt.json")
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))
    print(f"{file} is missing; run this notebook from a copy of the whole course.")
    return {}


# %% look="sessions"
results = saved_results()
if results.get("sessions"):
    each = list(results["sessions"].values())
    _, (left, right) = plots.plt.subplots(1, 2, figsize=(12.5, 3), layout="constrained")
    names = ("smoothing", "factor analysis", "NDT", "ensemble")
    share = {name: [s[f"{name} co-bps"] / s["oracle co-bps"] for s in each] for name in names}
    plots.bars(share, "co-bps ÷ co-bps of the true rates", f"{len(each)} fresh simulated sessions, a dot each", ax=left)
    read = {"smoothing, tuned for this": [s["smoothing tuned for velocity, velocity"] for s in each]}
    read |= {name: [s[f"{name} velocity"] for s in each] for name in ("whole-trial ridge", "NDT", "ensemble")}
    plots.bars(read, "R² of hand velocity", "The same simulated sessions", ax=right)

# %% look="choices"
if results.get("choices"):
    found = list(results["choices"].values())
    names = [choice for choice in found[0] if choice != "the recipe"]
    change = {choice: [of[choice] - of["the recipe"] for of in found] for choice in names}
    label = "change of co-bps on test trials, a dot a session"
    plots.bars(change, label, "One choice changed (simulated)", digits=3)

# %% look="sizes"
if results.get("sizes"):
    _, axes = plots.plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained")
    sizes = results["sizes"]
    for ax, score in zip(axes, ("co-bps", "velocity")):
        lines = {name: [of[f"{name} {score}"] for of in sizes.values()] for name in ("NDT", "smoothing")}
        if score == "co-bps":
            lines["oracle"] = [of["oracle co-bps"] for of in sizes.values()]
        label = {"co-bps": "co-bps", "velocity": "R² of hand velocity"}[score]
        plots.curves([int(n) for n in sizes], lines, "trials to learn from", label, "Less data (simulated)", ax=ax)

# %% [markdown]
# <a id="claim"></a>
# ## 14 · What may be claimed
#
# - **The solid claim is co-bps.** Rates of neurons that were never shown, on trials that were never trained on, without a label: there the NDT stands against baselines with as much care and the same input.
# - **The velocity jump is mostly context.** On our session smoothing reads about 0.51, the whole-trial ridge 0.77, your fine-tuned NDT as much, and the long-trained one 0.83; on the three fresh sessions the NDT of four layers is 0.25 above smoothing, but only 0.05 above the ridge. So compare with the ridge, not with smoothing alone. What stays is that NDT rates were made *without* the hand.
# - **Our simulator has the hand's velocity among the signals that drive its neurons.** That velocity can be read from these rates is built in. It says nothing about real cortex.
# - **Acausal rates cannot be used online**, and say nothing about *when* a neuron knew something (lesson 03).
# - **Calibration, not copy.** Three numbers of the simulator were set until smoothing scored, on the average of six populations, about as on the real *Large* set, where the benchmark's own tutorial reports 0.225 co-bps and an R² of 0.542 on validation trials. Populations still differ: in the three fresh sessions smoothing reaches 0.18 to 0.26 co-bps, and the true rates 0.37 to 0.45. Scores of the NDT on our sessions are not predictions for real ones.
#
# **Question** · {points:ndt_claim} points, read by your teacher
#
# A colleague trains an NDT on a real session. Her velocity R² rises from 0.55 (smoothed spikes) to 0.80 (NDT rates). She writes: "The transformer discovered hidden dynamics that encode movement." In four to six sentences: (a) give another explanation of the jump, and the baseline that would test it; (b) say which score supports her rates better, and why it cannot be reached by copying; (c) name one thing that the simulated session of this lesson can show and hers cannot, and one the other way round.

# %% [markdown] question="ndt_claim" points=2
# **(a)** An NDT rate in one bin depends on the spikes of the whole trial, while smoothed spikes know some 100 ms, so the jump may come from temporal context (and from reaches being stereotyped). The test is a linear decoder with the same context: a ridge from the whole trial's spikes to velocity, tuned as carefully; only what the NDT has beyond it needs another explanation. **(b)** Co-smoothing bits per spike on held-out neurons of test trials: their spikes are in neither the input nor, for these trials, in training, so there is nothing to copy; the null model is each neuron's mean, and baselines stand beside it. **(c)** The simulation has true rates, so the estimated rates and the oracle's score can be compared with the truth; it cannot say that real cortex contains such dynamics, for they (and velocity) were put in by hand. Her session can, but no rate there is ever known.
#
# *Rubric:* 1 point for (a), context named (half) and a whole-trial linear baseline (half); 1 point for (b) co-smoothing with the reason that held-out spikes are never shown (half) and (c) both directions (half).

# %% [markdown]
# <a id="own"></a>
# ## 15 · Your own recording
#
# `maze.load(path)` reads any NWB file with the columns of the MC_Maze family. `maze.download("small")` fetches the real one of 100 trials (29 MB, CC-BY-4.0, from the DANDI archive) into the course's cache folder, checks it, and continues a broken transfer. Without a network it says so, and what to do. A file that is cut off, or lacks a column, is refused with the reason.
#
# Fewer neurons mean other sizes in the model; `session.num_heldin` and `session.num_heldout` tell them. With 100 trials, mask more (0.5 to 0.7), use more dropout, and stop early.

# %% look="own"
recording = None  # "small" to download the real one, or the path of an NWB file
try:
    if recording is None:
        print("No recording chosen: set it in this cell. The simulated session stays.")
    else:
        path = maze.download("small") if recording == "small" else recording
        print(maze.load(path, lag_ms=120))
except (OSError, maze.MazeFileError) as error:  # no network, no such file, or not such a recording
    print(f"That did not work. {error}")

# %% [markdown]
# <a id="recap"></a>
# ## Recap
#
# - Spikes become a table by binning, trials comparable by alignment. Most entries are zero.
# - Smoothing and PSTHs average over time or trials; a transformer learns what to average over.
# - Hide entries, show the rest, score only what was hidden. Without a mask the model learns to copy.
# - The model puts out log-rates; the Poisson loss is $e^z - yz$; the bias starts at the log of the mean.
# - Bits per spike compare with each neuron's mean. Co-smoothing takes them on neurons that are never shown.
# - Choose on validation trials, score test trials once, and give baselines the same context and care.
#
# *You have built* the whole path from spike times to decoded reaches. *Lesson 08* decodes ECoG causally, and shows how a leaky split makes noise decodable.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | bin, count | a short stretch of time; how many spikes fell into it |
# | rate, log-rate | the expected count; its logarithm |
# | PSTH | mean count over trials of a kind, against time |
# | alignment | placing time zero at the same event of each trial |
# | held-in, held-out | neurons that are shown to the model; neurons that it must predict unseen |
# | co-smoothing, co-bps | predicting held-out neurons; the bits per spike of that |
# | null model | each neuron's mean rate |
# | oracle | the true rates, known in a simulation only |
# | early stopping, best checkpoint | ending when validation no longer improves; keeping the weights that did best |
# | ridge | linear regression with a penalty on the size of its weights |
# | NWB | Neurodata Without Borders, a file format |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - The loss over entries that were shown: an excellent loss, and rates that are copies. Score held-out neurons.
# - Masking only in the loss: if the input has no holes, the identity solves the task.
# - Log-rates taken for rates, in plots, decoders, or scores. Rates are never negative: look.
# - A null model with one mean for all neurons: everything beats it.
# - Marking unscored entries with NaN, or −100 as some published code does, and letting them into a sum. Use a mask.
# - z-scored counts under a Poisson loss.
# - Smoothing the concatenated session: trials leak into one another.
# - `[:-lag]` at lag 0: an empty array.
# - Folds of random bins: each bin's neighbors sit in training.
# - Scoring in training mode: dropout is on, and the score too low.
#
# <a id="reading"></a>
# ## Further reading
#
# - Ye and Pandarinath (2021), *Representation learning for neural population activity with Neural Data Transformers*,
#   [arXiv:2108.01210](https://arxiv.org/abs/2108.01210): the model, its masks, and its tuning.
# - Pei et al. (2021), *Neural Latents Benchmark '21: Evaluating latent variable models of neural population activity*,
#   [arXiv:2109.04463](https://arxiv.org/abs/2109.04463): section 3 defines the scores.
# - Le and Shlizerman (2022), *STNDT: Modeling Neural Population Activity with a Spatiotemporal Transformer*,
#   [arXiv:2206.04727](https://arxiv.org/abs/2206.04727): attention across neurons, too.
# - Azabou et al. (2023), *A Unified, Scalable Framework for Neural Population Decoding*,
#   [arXiv:2310.16046](https://arxiv.org/abs/2310.16046): POYO, single spikes as tokens.
# - Antoniades et al. (2023), *Neuroformer: Multimodal and Multitask Generative Pretraining for Brain Data*,
#   [arXiv:2311.00136](https://arxiv.org/abs/2311.00136): calcium images and spikes.
# - Churchland et al. (2012), *Neural population dynamics during reaching*, Nature 487, 51–56: the rotations that our simulator imitates.
# - The real data: DANDI [000128](https://dandiarchive.org/dandiset/000128), [000138](https://dandiarchive.org/dandiset/000138),
#   [000139](https://dandiarchive.org/dandiset/000139), [000140](https://dandiarchive.org/dandiset/000140), CC-BY-4.0.
