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

# %%
import torch
import torch.nn.functional as F
from torch import nn

from autograder import check
from course import ecog, plots

torch.manual_seed(8)
torch.set_printoptions(precision=3, sci_mode=False)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")  # the one place that says so
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# **Exercise `sliding_windows`** · difficulty 2/5 · importance 5/5 · 8 minutes · {points:sliding_windows} points


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
# **Exercise `contiguous_split`** · difficulty 2/5 · importance 5/5 · 10 minutes · {points:contiguous_split} points


# %% exercise="contiguous_split"
def contiguous_split(num_windows, fractions, gap):
    """Three blocks of windows, one after the other in time: training, then validation, then test.

    num_windows: how many windows there are, in order of time. fractions: three shares that sum to 1,
    of the windows that remain when those of the two gaps are taken away. gap: how many windows are
    left out between training and validation, and again between validation and test; 0 or more.
    The numbers of training and of validation windows are rounded down; test gets the rest, to the
    last window.
    Returns (train, validation, test): int64 tensors, each (n,), the numbers of its windows, ascending.
    ValueError, with the numbers in its message, if a part would be empty.
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
# **Exercise `fit_standardizer`** · difficulty 1/5 · importance 4/5 · 5 minutes · {points:fit_standardizer} points


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
# **Exercise `ridge_fit`** · difficulty 3/5 · importance 4/5 · 10 minutes · {points:ridge_fit} points


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
# **Exercise `ECoGDecoder`** · difficulty 4/5 · importance 5/5 · 18 minutes · {points:ECoGDecoder} points


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
# **Exercise `evaluate`** · difficulty 2/5 · importance 5/5 · 8 minutes · {points:evaluate} points


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
