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

# %%
import math

import torch
from torch import nn

from autograder import check
from course import plots

torch.manual_seed(7)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# **Exercise `bin_spikes`** · difficulty 2/5 · importance 3/5 · 8 minutes · {points:bin_spikes} points


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
# **Exercise `smooth_spikes`** · difficulty 2/5 · importance 4/5 · 10 minutes · {points:smooth_spikes} points


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
# **Exercise `mask_spikes`** · difficulty 3/5 · importance 5/5 · 12 minutes · {points:mask_spikes} points


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
# **Exercise `masked_poisson_nll`** · difficulty 3/5 · importance 5/5 · 12 minutes · {points:masked_poisson_nll} points


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
# **Exercise `bits_per_spike`** · difficulty 3/5 · importance 5/5 · 12 minutes · {points:bits_per_spike} points


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
# **Exercise `NeuralDataTransformer`** · difficulty 4/5 · importance 5/5 · 20 minutes · {points:NeuralDataTransformer} points


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
# **Exercise `train_step`** · difficulty 3/5 · importance 4/5 · 10 minutes · {points:train_step} points


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


# %% [markdown]
# **Exercise `fit_decoder`** · difficulty 4/5 · importance 4/5 · 15 minutes · {points:fit_decoder} points


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
