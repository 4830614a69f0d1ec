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
# # 02 · Positional encoding: telling tokens where they are
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you give every token its place, in time or on a grid of electrodes, and learn to see whether it arrived.**
#
# *Before you start:* tensors, shapes and `nn.Module` (lesson 00), embeddings and the dot product (01).
#
# | section | minutes |
# |---|---|
# | 1 · [A bag of tokens](#bag) | 8 |
# | 2 · [How to number tokens](#number) | 5 |
# | 3 · [Sines and cosines](#sines): `sinusoidal_encoding` | 15 |
# | 4 · [A shift is a rotation](#shift) | 7 |
# | 5 · [Interleaved or concatenated](#order) | 3 |
# | 6 · [A table that is not learned: buffers](#buffers) | 4 |
# | 7 · [Adding positions](#add): `PositionalEmbedding` | 14 |
# | 8 · [Added or appended](#append) | 5 |
# | 9 · [Learned positions](#learned): `LearnedPositions` | 8 |
# | 10 · [A library, and the wrong axis](#axis) | 6 |
# | 11 · [Positions on a grid](#grid): `sinusoidal_encoding_2d` | 12 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **compute** the table of sines and cosines, and explain why its columns come in pairs,
# 2. **predict** what a shift in time does to it,
# 3. **add** positions to tokens at a fitting scale, from a buffer that follows the module,
# 4. **learn** positions instead, and say what that costs,
# 5. **place** electrodes and image patches on a grid,
# 6. **notice** when positions sit on the wrong axis.

# %%
import importlib.util
import math

import torch
import torch.nn.functional as F
from torch import nn

from autograder import check
from course import plots

torch.manual_seed(2)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# <a id="bag"></a>
# ## 1 · A bag of tokens
#
# Does the fish hunt the boat, or the boat the fish? *"fish hunt boat"* and *"boat hunt fish"* hold the same words. A model that averages
# the vectors of its tokens gets the same average from both: it sees a **bag**, in which order is lost.
#
# ![Two word orders fall into one bag with one mean; two trials with cues exchanged do too](../assets/figures/02_bag.svg)
#
# A recurrent network reads token after token, so order comes for free. A transformer reads all tokens at once, and its attention
# (lesson 03) treats them as a set, much as a mean does. Whatever it shall know about order must be written *into the tokens*.

# %%
words = ["fish", "hunt", "boat"]
vectors = torch.tensor([[3.0, 0, 0, 3], [0, 3, 3, 0], [0, 0, 3, 3]])  # one row a word, (3, D) with D = 4
print("mean of fish hunt boat:", vectors[[0, 1, 2]].mean(dim=0).tolist())
print("mean of boat hunt fish:", vectors[[2, 1, 0]].mean(dim=0).tolist())

# %% [markdown]
# The same with neurons. A monkey sees two cues, one after the other, and has to remember which came first.
# We *simulate* $N = 24$ neurons over $T = 12$ bins; **each time bin is a token** of 24 spike counts.
# Half of the neurons fire for a left cue, half for a right one; the first cue comes in bins 1 to 4, the second in bins 7 to 10.


# %%
def simulate_two_cues(trials, bins=12):
    """Spike counts (trials, bins, 24), and whether the left cue came first (trials,)."""
    left_first = torch.rand(trials) < 0.5
    first, second = torch.randint(1, 5, (trials,)), torch.randint(7, 11, (trials,))
    prefers_left = torch.arange(24) < 12
    rates = torch.full((trials, bins, 24), 2.0)
    for when, left in ((first, left_first), (second, ~left_first)):
        rates[torch.arange(trials), when] += 3.0 * (prefers_left == left[:, None])
    return torch.poisson(rates).to(device), left_first.to(device)


counts, left_first = simulate_two_cues(1600)  # (B, T, N), (B,)
training = counts[:1000]
tokens = (counts - training.mean(dim=(0, 1))) / training.std(dim=(0, 1))  # standardized, (B, T, N)
print("tokens:", tuple(tokens.shape), "= (trials B, time bins T, neurons N)")

# %% look="two-cues"
_, axes = plots.plt.subplots(1, 2, figsize=(11, 3), layout="constrained")
for ax, title, which in [(axes[0], "left, then right", left_first), (axes[1], "right, then left", ~left_first)]:
    plots.population(counts[which][0], title=f"Simulated: {title}", ax=ax)

# %% [markdown]
# Our decoder is a small one. Each token passes the same random layer with a ReLU, all tokens of a trial are averaged, and a linear
# read-out, fitted by least squares on 1,000 trials, names the first cue in 600 others. Chance is 50 %.
#
# **Predict.** How often is it right? And if we shuffle the bins of each trial?
#
# <details><summary>Answer, once you have a guess</summary>
#
# At chance, both times: the same number, even. In both kinds of trial there is one left bin and one right bin, and the mean cannot say
# which was earlier. A larger network, more neurons, more training: none of it helps as long as tokens are pooled like this.
#
# </details>


# %%
def order_accuracy(tokens, relu=True):
    """Share of 600 test trials in which averaged tokens (B, T, D) tell the first cue.

    The mean of five decoders, each with a random layer of its own.
    """
    width, right = tokens.shape[-1], []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(width, 300, generator=generator).to(tokens) / math.sqrt(width)
        bias = 0.5 * torch.randn(300, generator=generator).to(tokens)
        features = tokens @ weight + bias  # (B, T, 300)
        pooled = (features.relu() if relu else features).mean(dim=1)  # (B, 300): here the order goes
        pooled = F.pad(pooled, (0, 1), value=1.0)  # one more column, for a constant
        train, test = pooled[:1000], pooled[1000:]
        ridge = torch.eye(301, device=tokens.device)
        target = 2.0 * left_first[:1000] - 1  # 1 for left first, -1 for right first
        readout = torch.linalg.solve(train.T @ train + ridge, train.T @ target)
        right.append(((test @ readout > 0) == left_first[1000:]).float().mean())
    return torch.stack(right).mean().item()


# %% look="bag"
print(f"bins in order: {order_accuracy(tokens):.3f} right")
print(f"bins shuffled: {order_accuracy(tokens[:, torch.randperm(12)]):.3f} right, chance 0.5 ± 0.02")

# %% [markdown]
# <a id="number"></a>
# ## 2 · How to number tokens
#
# ![Index, fraction, binary digits, and waves as codes of the positions 0 to 15](../assets/figures/02_counters.svg)
#
# | code of position $t$ | trouble |
# |---|---|
# | the index $t$ itself | grows without bound; bin 500 shouts down the spike counts |
# | the fraction $t/T$ | one step means another thing in a trial of another length |
# | binary digits of $t$ | bounded and exact, but neighbors can differ in all digits: 7 is 0111, 8 is 1000 |
# | sines and cosines | bounded, smooth, and a step is the same step everywhere |
#
# Look at the binary digits: the last flips at every step, the one before at every second, the next at every fourth.
# Sines and cosines are the smooth version, a set of clocks from fast to slow. The fast hands tell neighbors apart; the slow ones tell
# which turn of the fast ones it is.

# %% [markdown]
# <a id="sines"></a>
# ## 3 · Sines and cosines
#
# **Exercise `sinusoidal_encoding`** · difficulty 2/5 · importance 5/5 · 12 minutes · {points:sinusoidal_encoding} points
#
# *Why now:* with clocks chosen, only their speeds are left. The first transformer took a geometric series from fast to slow. Position
# $t$ gets a row of $D$ numbers, two for each of $D/2$ clocks $i = 0, 1, \dots$:
#
# $$p_{t,\,2i} = \sin(\omega_i\, t), \qquad p_{t,\,2i+1} = \cos(\omega_i\, t), \qquad \omega_i = \frac{1}{10000^{\,2i/D}} .$$
#
# ![The table: a row for each position, two columns for each clock, sine and cosine](../assets/figures/02_columns.svg)
#
# *By hand,* three positions in two dimensions: one clock, $\omega_0 = 1$. Rows: $(\sin 0, \cos 0) = (0, 1)$, then $(0.841, 0.540)$, then
# $(0.909, -0.416)$. With $D = 4$ a second clock joins, $\omega_1 = 1/10000^{2/4} = 0.01$, and row 2 becomes
# $(0.909, -0.416, 0.020, 1.000)$.
#
# **Why steps of two?** Because a clock owns *two* columns, a sine and a cosine of the **same** angle. From the sine alone you could not
# tell whether the hand is going up or down. A loop over the columns $0, 2, 4, \dots$ holds $2i$ in its variable already: doubled once
# more, half of the clocks stand still.
#
# **Predict.** What is row 0, for any width? How long is each row as a vector?
#
# <details><summary>Answer</summary>
#
# $(0, 1, 0, 1, \dots)$: all hands point up. Each pair has length $\sin^2 + \cos^2 = 1$, so every row has length $\sqrt{D/2}$, whatever
# its position. That makes a check which takes one line.
#
# </details>


# %% exercise="sinusoidal_encoding"
def sinusoidal_encoding(max_len, d_model):
    """The table of sines and cosines that tells positions apart.

    max_len: how many positions, at least 1; they are 0, 1, ... max_len - 1.
    d_model: how many columns, at least 2.
    Returns a floating-point tensor (max_len, d_model). With t the position, and with
    i = 0, 1, ... d_model / 2 - 1 the pair of columns,
        column 2i     holds sin(t / 10000^(2i / d_model)),
        column 2i + 1 holds cos(t / 10000^(2i / d_model)).
    Raises ValueError if d_model is odd.
    """
    ### BEGIN SOLUTION
    if d_model % 2:
        raise ValueError(f"d_model must be even, for pairs of sine and cosine, and is {d_model}")
    frequencies = 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)  # (D/2,), from 1 down
    angles = torch.arange(max_len)[:, None] * frequencies  # (L, D/2)
    table = torch.empty(max_len, d_model)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table
    ### END SOLUTION


# %% check="sinusoidal_encoding"
check("sinusoidal_encoding")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Write down the frequencies first, a vector with one entry for each *pair*, and print it for a width of 4: it should hold 1 and 0.01.
# Then one table of angles, positions times frequencies.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Positions as a column, frequencies as a row: broadcasting makes all angles at once. Two slices with a step fill the even and the odd
# columns.
#
# </details>
# <details><summary>Hint 3: pseudocode</summary>
#
# complain if the width is odd · even ← 0, 2, 4, … below the width · frequency ← base to the power of minus (even over width) · angle ←
# position column times frequency row · empty table · every second column from 0 ← sines · every second column from 1 ← cosines
#
# </details>
#
# **Look.** Your table. Left columns turn fast, right ones hardly move. **Break it** with two popular slips: the exponent doubled, and a
# cosine that takes the frequency of the *next* pair. Which one would your eyes have caught?

# %% look="table"
with plots.needs("sinusoidal_encoding"):
    right = sinusoidal_encoding(60, 32)
    doubled, crossed = torch.zeros_like(right), right.clone()
    doubled[:, :16] = sinusoidal_encoding(60, 16)  # the fast half, twice as steep,
    doubled[:, 17::2] = 1.0  # and the slow half standing still
    crossed[:, 1:-1:2] = right[:, 3::2]
    _, axes = plots.plt.subplots(1, 3, figsize=(11, 4.6), layout="constrained")
    tables = {"yours": right, "exponent doubled": doubled, "cosine of the next pair": crossed}
    for ax, (title, table) in zip(axes, tables.items()):
        plots.similarity_map(table, title=title, ax=ax)
        ax.set(xlabel="column", ylabel="position", aspect="auto")
    lengths = {title: table[:, 4:6].square().sum(dim=1) for title, table in tables.items()}
    plots.curves(range(60), lengths, "position", "sine² + cosine²", "Columns 4 and 5: the hand of one clock?")
    plots.plt.gca().set_ylim(0, 3)

# %% [markdown]
# <details><summary>What the pictures say</summary>
#
# The doubled exponent leaves half of the columns blank: the eye sees it, sine² + cosine² does not. The crossed cosine looks fine, but
# sine and cosine are not the hand of one clock any more: its length changes from position to position. One check is never enough.
#
# </details>
#
# Look at *your* columns 20 to 31: over 60 positions they are almost constant. The base 10,000 was chosen for sentences. A trial of 12
# bins, 24 wide, moves only 4 of the 12 hands by more than a tenth of a turn; for short recordings a smaller base is worth a try.
#
# **Move the slider.** Each pair of columns as a clock: the cosine upward, the sine to the right.

# %% look="clocks"
with plots.needs("sinusoidal_encoding"):
    table = sinusoidal_encoding(41, 12)  # six clocks
    hands = {str(t): table[t].view(6, 2) for t in range(41)}  # (6, 2): the tip's x and y
    names = [f"columns {2 * i}, {2 * i + 1}" for i in range(6)]
    plots.dials_with_slider(hands, names, "position", "Your table as six clocks").show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is what it says:
#
# ![Six clocks at positions 0, 1, 5 and 20: the first spins, the last hardly moves](../assets/figures/02_clocks.svg)
#
# <a id="shift"></a>
# ## 4 · A shift is a rotation
#
# Go $k$ positions on, and clock $i$ turns by the angle $\omega_i k$, **wherever you started**:
#
# $$\begin{pmatrix} \sin \omega (t+k) \\ \cos \omega (t+k) \end{pmatrix} = \begin{pmatrix} \cos \omega k & \sin \omega k \\ -\sin \omega k
# & \cos \omega k \end{pmatrix} \begin{pmatrix} \sin \omega t \\ \cos \omega t \end{pmatrix} .$$
#
# ![Moving on by k turns each hand by its own fixed angle, from every starting position](../assets/figures/02_rotation.svg)
#
# The matrix knows $k$ but not $t$. So "five bins ago" is one fixed linear map, which a model can learn from some positions and use at
# all of them. In this hope, and for sequences longer than those trained on, its authors chose sinusoids.
#
# Two consequences. The dot product of two positions, $p_t \cdot p_s = \sum_i \cos \omega_i (t - s)$, depends on their *distance* only.
# And it is the same for $t - s$ and $s - t$: closeness can be read from it, before and after cannot; for these a rotation is needed.
#
# **Predict.** How does the dot product change with distance? Steadily down?
#
# <details><summary>Answer</summary>
#
# It falls over the first steps, then it wobbles: fast clocks come round again, slow ones do not. The largest value is at distance 0.
#
# </details>

# %% look="rotation"
with plots.needs("sinusoidal_encoding"):
    table, k = sinusoidal_encoding(60, 32), 5
    hand = torch.complex(table[:, 1::2], table[:, 0::2])  # (60, 16): cosine + i sine
    turned = hand[:-k] * hand[k]  # a product adds angles: all turn by those of position k
    print(f"turned by k and shifted by k differ by at most {(turned - hand[k:]).abs().max():.1e}")

    _, (left, middle) = plots.plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    plots.similarity_map(table @ table.T, title="dot products of positions", limit=16, ax=left)
    left.set(xlabel="position", ylabel="position")
    early, late = (table @ table[0])[:40], (table @ table[20])[20:]
    distances = {"from position 0": early, "from position 20": late}
    plots.curves(range(40), distances, "distance", "dot product", "Only the distance counts", ax=middle)

# %% [markdown]
# <a id="order"></a>
# ## 5 · Interleaved or concatenated
#
# The formula of the paper **interleaves**: sine, cosine, sine, cosine. Other code, the authors' own first release among it,
# **concatenates**: all sines, then all cosines. Same numbers, columns in another order.
#
# **Predict.** Does the choice change what a model can learn? Dot products between positions?
#
# <details><summary>Answer</summary>
#
# Neither. The next linear layer can have its columns in any order too, and a dot product does not care. But weights trained with one
# order are wrong for the other: when you load a model, find out which it used. In this course tables are interleaved.
#
# </details>

# %% look="interleaved"
with plots.needs("sinusoidal_encoding"):
    interleaved = sinusoidal_encoding(60, 32)
    concatenated = torch.cat([interleaved[:, 0::2], interleaved[:, 1::2]], dim=1)
    gap = (interleaved @ interleaved.T - concatenated @ concatenated.T).abs().max()
    print(f"dot products differ by at most {gap:.1e}")
    print(f"entries differ by up to {(interleaved - concatenated).abs().max():.2f}")

# %% [markdown]
# <a id="buffers"></a>
# ## 6 · A table that is not learned: buffers
#
# The table is constant, but a module needs it. Where should it live?
#
# ![A parameter is trained, saved and moved; a buffer is saved and moved; a plain attribute is neither](../assets/figures/02_buffers.svg)
#
# `self.register_buffer(name, tensor)` makes it a **buffer**: it is saved in the `state_dict`, follows the module to another device or
# dtype, and no optimizer ever sees it. It needs no `requires_grad_(False)`: only parameters ask for gradients by themselves.
# A plain attribute works on your laptop and breaks on the GPU.
#
# A saved table ties the state to its length. Where that is in the way, `persistent=False` makes a buffer that moves but is not saved: a
# formula can always be computed again.


# %%
class Cupboard(nn.Module):
    """Three ways for a module to keep a tensor."""

    def __init__(self):
        super().__init__()
        self.trained = nn.Parameter(torch.ones(2))
        self.register_buffer("constant", torch.ones(2))
        self.plain = torch.ones(2)


cupboard = Cupboard().double()
print("the optimizer sees", [name for name, _ in cupboard.named_parameters()])
print("state_dict saves  ", list(cupboard.state_dict()))
for name in ("trained", "constant", "plain"):
    print(f"after .double()    {name} is {getattr(cupboard, name).dtype}")

# %% [markdown]
# <a id="add"></a>
# ## 7 · Adding positions
#
# **Exercise `PositionalEmbedding`** · difficulty 2/5 · importance 5/5 · 10 minutes · {points:PositionalEmbedding} points
#
# *Why now:* a table helps nobody until it is in the tokens. The simplest way is to add it, once, before the first layer. The first
# transformer multiplied its tokens by $\sqrt D$ beforehand:
#
# $$\tilde x_t = \sqrt{D}\; x_t + p_t .$$
#
# *By hand,* $D = 4$ and $x_1 = (0.5, 0, 0.5, 0)$: twice that is $(1, 0, 1, 0)$; plus row 1, $(0.841, 0.540, 0.010, 1.000)$, makes
# $(1.841, 0.540, 1.010, 1.000)$.
#
# **Why $\sqrt D$?** The paper gives no reason. A likely one: its embeddings share their weights with the output layer, whose entries
# start with a spread of about $1/\sqrt D$, so an embedding has length 1 where a row of positions has length $\sqrt{D/2}$. Unscaled, the
# place would drown the word; scaled, they are of one size at every width. With other tokens it is another matter, as you will see.
#
# **Predict.** In *"fish hunt fish"*, how many different vectors come out?
#
# <details><summary>Answer</summary>
#
# Three. The same word at two places gets two vectors: that is the point.
#
# </details>


# %% exercise="PositionalEmbedding"
class PositionalEmbedding(nn.Module):
    """Scales tokens and adds the sines and cosines of their positions.

    max_seq_len: L, the longest sequence. embed_model_dim: D, the width of a token, even.
    It has no parameters, and a buffer called pe, saved with the module's state:
    the table sinusoidal_encoding(L, D), in shape (1, L, D).
    """

    def __init__(self, max_seq_len, embed_model_dim):
        ### BEGIN SOLUTION
        super().__init__()
        table = sinusoidal_encoding(max_seq_len, embed_model_dim)  # (L, D)
        self.register_buffer("pe", table[None])  # (1, L, D)
        ### END SOLUTION

    def forward(self, x):
        """x: (B, T, D), with T from 1 to L; it is left unchanged.

        Returns (B, T, D): the square root of D times x, plus rows 0 ... T - 1 of the table.
        """
        ### BEGIN SOLUTION
        return x * math.sqrt(x.shape[-1]) + self.pe[:, : x.shape[1]]  # (B, T, D) + (1, T, D)
        ### END SOLUTION


# %% check="PositionalEmbedding"
check("PositionalEmbedding")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# The table is made once, when the module is built, for the longest sequence. A batch is often shorter: which rows does it need? Which
# axis of `pe` are they on?
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# build: set up the module · table ← your function · one more axis in front · keep it under the name pe, as section 6 keeps a constant.
# forward: new tensor ← x times the root of the width · plus the first T rows, the same for every sequence of the batch
#
# </details>
#
# **Look.** How alike the tokens of *"fish hunt fish"* are (cosine), before and after your module.

# %% look="repeated-word"
with plots.needs("PositionalEmbedding", "sinusoidal_encoding"):
    sentence = vectors[[0, 1, 0]] / 4  # (3, 4): fish hunt fish, each about 1 long
    placed = PositionalEmbedding(10, 4)(sentence[None])[0]
    names = ["fish", "hunt", "fish again"]
    _, axes = plots.plt.subplots(1, 2, figsize=(7.6, 3.4), layout="constrained")
    for ax, title, x in [(axes[0], "words alone", sentence), (axes[1], "with positions", placed)]:
        plots.similarity_map(F.cosine_similarity(x[:, None], x[None], dim=-1), names, names, title, ax=ax)

# %% [markdown]
# ### How loud should a position be?
#
# Below, the share of a token's squared length that is position, at several widths: for embeddings that start as in the paper (entries of
# spread, that is standard deviation, $1/\sqrt D$), and for `nn.Embedding`'s own start (spread 1), with and without the factor.

# %% look="loudness"
widths = [4, 16, 64, 256, 1024]
names = [f"spread {spread}, {factor}" for spread in ("1/√D", "1") for factor in ("not scaled", "times √D")]
share = {name: [] for name in names}
for D in widths:
    for name, size in zip(names, [1 / math.sqrt(D), 1, 1, math.sqrt(D)]):  # of an entry, in the end
        squared = (size * torch.randn(500, D)).square().sum(dim=1).mean().item()  # squared length
        share[name].append(D / 2 / (squared + D / 2))
plots.curves(widths, share, "width D", "share", "How much of a token's squared length is position", log="x")
legend = plots.plt.gca().legend(frameon=False, fontsize=9, loc="center right", bbox_to_anchor=(1, 0.68))

# %% [markdown]
# The factor keeps words and places in balance for the paper's embeddings, and lets places vanish for `nn.Embedding`'s, which are in
# balance without it (the two level curves lie on each other). It is not a law: know the size of your tokens.
#
# Now back to the neurons with two cues. Their counts are standardized, so their entries have spread 1.
#
# **Predict.** Rank these by accuracy: no positions; positions added; positions added after $\times\sqrt D$; positions added, but no ReLU
# before the mean.
#
# <details><summary>Answer, after running the next cell</summary>
#
# Added is far above chance. After $\times\sqrt D$ little is left: these tokens are loud already, and the positions drown. Without the
# ReLU it is chance, *positions or not*: a mean of sums is a sum of means, and the mean position is the same in every trial. Positions
# only help a model that lets what and where **interact** before it pools: through a ReLU here, through attention in lesson 03.
#
# </details>

# %% look="order-decoded"
with plots.needs("sinusoidal_encoding", "PositionalEmbedding"):
    place = sinusoidal_encoding(12, 24).to(tokens)
    scaled = PositionalEmbedding(12, 24).to(device)(tokens)
    results = {
        "no positions": order_accuracy(tokens),
        "added": order_accuracy(tokens + place),
        "added after × √D": order_accuracy(scaled),
        "added, no ReLU": order_accuracy(tokens + place, relu=False),
    }
    ax = plots.plt.subplots(figsize=(6.5, 2.4), layout="constrained")[1]
    ax.barh(list(results), list(results.values()), color=plots.PALE[plots.QUERY], edgecolor=plots.QUERY)
    ax.axvline(0.5, color=plots.MUTED, linestyle="--")
    for row, value in enumerate(results.values()):
        ax.text(0.02, row, f"{value:.2f}", va="center")
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="test trials read right (dashed: chance)")
    ax.set_title("Which of two simulated cues came first?")

# %% [markdown]
# **Did they arrive?** The line that adds positions is easily lost: commented out, or applied to a copy. Nothing crashes. So make the
# *shuffle test* a habit: shuffle the tokens of an input, and see whether the output of the model moves.

# %% look="shuffle-test"
with plots.needs("PositionalEmbedding", "sinusoidal_encoding"):
    layer, place = nn.Linear(24, 32).to(device), PositionalEmbedding(12, 24).to(device)
    models = {
        "positions lost": lambda x: layer(x).relu().mean(dim=1),
        "positions there": lambda x: layer(place(x)).relu().mean(dim=1),
    }
    order = torch.randperm(12)
    for name, model in models.items():
        with torch.no_grad():
            moved = (model(tokens[:1]) - model(tokens[:1, order])).abs().max()
        print(f"{name:15} shuffling moves the output by up to {moved:.1e}")

# %% [markdown]
# <a id="append"></a>
# ## 8 · Added or appended
#
# ![Added: width stays D, word and place share columns. Appended: columns of their own, wider token](../assets/figures/02_append.svg)
#
# Why add, and not append the position as columns of its own? Appended, what and where cannot disturb each other. But each token grows,
# and with it every layer behind it. Compare the two in the next linear map:
#
# $$W(x + p) = W x + W p, \qquad \begin{pmatrix} W_x & W_p \end{pmatrix} \begin{pmatrix} x \\ p \end{pmatrix} = W_x\, x + W_p\, p .$$
#
# Adding is appending with one map for both. In a wide space that costs little: training can put words and places into directions that
# hardly overlap.
#
# **Predict.** Tokens of width 512, 64 more columns for the position. How much more memory do the tokens take? The $D \times D$ matrices?
#
# <details><summary>Answer</summary>
#
# Tokens 576/512, 12.5 % more; matrices (576/512)², 27 % more, in every layer. Appending just the index adds one column and almost no
# memory, but then one number must tell everything, and it has to be scaled.
#
# </details>

# %% look="appended"
with plots.needs("sinusoidal_encoding"):
    place = sinusoidal_encoding(12, 24).to(tokens).expand(1600, -1, -1)
    index = (torch.arange(12.0, device=device) / 12)[:, None].expand(1600, -1, -1)  # from 0 to 1
    ways = {
        "added": tokens + place,
        "appended, 24 columns": torch.cat([tokens, place], dim=-1),
        "appended index, 1 column": torch.cat([tokens, index], dim=-1),
    }
    for name, x in ways.items():
        size = x[0].numel() * x.element_size()
        print(f"{name:25} width {x.shape[-1]}: {order_accuracy(x):.3f} right, {size} bytes a trial")

# %% [markdown]
# In this small decoder, whose first layer is not even trained, appending wins, for twice the memory. The first transformers add; many
# of today's do neither (section 11).
#
# <a id="learned"></a>
# ## 9 · Learned positions
#
# **Exercise `LearnedPositions`** · difficulty 1/5 · importance 4/5 · 5 minutes · {points:LearnedPositions} points
#
# *Why now:* why compute a table that training could find? BERT, GPT-2, the Vision Transformer and the Neural Data Transformer of lesson
# 07 *learn* one vector for each position, exactly as lesson 01 learned one for each word:
#
# $$\tilde x_t = x_t + w_t, \qquad W \in \mathbb{R}^{L \times D} \text{ a parameter.}$$
#
# *By hand,* $w_0 = (0.1, -0.2)$, $w_1 = (0.3, 0)$, and tokens $(1, 1), (2, 0)$: out come $(1.1, 0.8)$ and $(2.3, 0)$.
#
# | | sines and cosines | learned |
# |---|---|---|
# | parameters | none | $L \cdot D$ |
# | position beyond $L$ | defined (but a model trained on short ones rarely copes) | does not exist |
# | structure at the start | distances and shifts | none: the data must teach it |
# | seldom seen positions | as good as the others | hardly trained |
#
# The paper tried both and found nearly the same scores.
#
# **Predict.** GPT-2 small learns 1,024 positions of width 768. How many parameters is that?
#
# <details><summary>Answer</summary>
#
# 786,432: 0.6 % of its 124 million.
#
# </details>


# %% exercise="LearnedPositions"
class LearnedPositions(nn.Module):
    """Adds a learned vector for each position.

    max_seq_len: L, the longest sequence. embed_model_dim: D, the width of a token.
    Its only parameter is weight, of shape (L, D), one row a position.
    It starts with small random numbers (spread 0.02).
    """

    def __init__(self, max_seq_len, embed_model_dim):
        ### BEGIN SOLUTION
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(max_seq_len, embed_model_dim))
        ### END SOLUTION

    def forward(self, x):
        """x: (B, T, D), with T from 1 to L; it is left unchanged.

        Returns (B, T, D): x, not scaled, plus rows 0 ... T - 1 of weight.
        """
        ### BEGIN SOLUTION
        return x + self.weight[: x.shape[1]]  # (B, T, D) + (T, D)
        ### END SOLUTION


# %% check="LearnedPositions"
check("LearnedPositions")

# %% [markdown]
# <details><summary>Hint</summary>
#
# Section 6 shows how a module keeps a tensor that is to be trained. The forward pass has one line, almost that of the exercise before.
#
# </details>
#
# **Look.** We train your positions on the two cues, together with a layer and a read-out, for two seconds. Then: how alike are the
# learned positions (cosine)? The cues come in bins 1 to 4 and 7 to 10.
#
# **Predict** what the map will show for bins 0, 5, 6 and 11.

# %% look="learned"
with plots.needs("LearnedPositions"):
    torch.manual_seed(0)
    positions = LearnedPositions(12, 24).to(device)
    layer, readout = nn.Linear(24, 32).to(device), nn.Linear(32, 1).to(device)
    before = positions.weight.detach().clone()
    trained = [*positions.parameters(), *layer.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(trained, lr=0.01)
    target = left_first.float()

    def first_cue(x):
        return readout(layer(positions(x)).relu().mean(dim=1))[:, 0]

    for _ in range(300):
        loss = F.binary_cross_entropy_with_logits(first_cue(tokens[:1000]), target[:1000])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = ((first_cue(tokens[1000:]) > 0) == left_first[1000:]).float().mean()
    print(f"test trials read right: {right:.3f} (chance 0.5)")
    _, axes = plots.plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    for ax, title, w in zip(axes, ["before training", "after training"], [before, positions.weight]):
        plots.similarity_map(F.cosine_similarity(w[:, None], w[None], dim=-1), title=title, ax=ax)
        ax.set(xlabel="time bin", ylabel="time bin")

# %% [markdown]
# <details><summary>What the map says</summary>
#
# Two blocks: the positions of an early cue have become one, those of a late cue its opposite. The task needs "early or late" and nothing
# else, so nothing else was learned. Bins 0, 5, 6 and 11 never hold a cue; they are all asked for the same, and drift together into a
# third group. With sinusoids all twelve would have their place from the start.
#
# </details>
#
# <a id="axis"></a>
# ## 10 · A library, and the wrong axis
#
# The package `positional-encodings` has such tables ready (install it with `pip install "positional-encodings[pytorch]"`; the quotes
# keep some shells from reading the brackets). `PositionalEncoding1D(channels)` makes the table, `Summer` adds it.
#
# It expects **(batch, position, channel)**. Recordings often come as (batch, electrode, time). Nothing crashes then: the *electrodes*
# count as positions, and the time bins as channels.
#
# ![On (batch, electrode, time) the electrodes get numbered; after permuting, the time bins](../assets/figures/02_axis.svg)
#
# **Predict.** If time was meant and electrodes were numbered: does every time bin still get its own code?
#
# <details><summary>Answer</summary>
#
# Yes: a *column* of the table, one wave over the electrodes, the slow and last ones almost constant. Time is not quite invisible, so a
# model may even train. It is only worse, and nobody knows why. Look at what was added, not only at the shapes.
#
# </details>

# %% look="wrong-axis"
if importlib.util.find_spec("positional_encodings") is None:
    print("The package positional-encodings is not installed here: this comparison is left out.")
    print("Nothing below needs it.")
else:
    from positional_encodings.torch_encodings import PositionalEncoding1D, Summer

    with plots.needs("sinusoidal_encoding"):
        theirs = PositionalEncoding1D(24)(torch.zeros(1, 60, 24))[0]  # (60, 24)
        gap = (theirs - sinusoidal_encoding(60, 24)).abs().max()
        print(f"library and yours differ by at most {gap:.1e}")

    ecog = torch.rand(45, 6, 20)  # simulated: (batch, electrode, time)
    wrong = Summer(PositionalEncoding1D(20))(ecog)  # runs, and numbers the electrodes
    by_time = ecog.permute(0, 2, 1)  # (batch, time, electrode): time is position now
    right = Summer(PositionalEncoding1D(6))(by_time)
    print("wrong:", tuple(wrong.shape), " right:", tuple(right.shape), "ready for a transformer")
    added = [(wrong - ecog)[0], (right - by_time)[0].T]  # (electrode, time) both, to compare
    _, axes = plots.plt.subplots(1, 2, figsize=(11, 2.4), layout="constrained")
    for ax, title, what in zip(axes, ["wrong: as recorded", "right: permuted first"], added):
        plots.similarity_map(what, title=f"What was added, {title}", ax=ax)
        ax.set(xlabel="time bin", ylabel="electrode", xticks=range(0, 20, 5))

# %% [markdown]
# **Read the rows.** Along time, left to right, the right picture moves as a clock in each row. In the wrong one the clocks run down the
# electrodes. (The library accepts an odd width too, and cuts off the last cosine; ours refuses.)
#
# <a id="grid"></a>
# ## 11 · Positions on a grid
#
# **Exercise `sinusoidal_encoding_2d`** · difficulty 3/5 · importance 3/5 · 9 minutes · {points:sinusoidal_encoding_2d} points
#
# *Why now:* an image cut into patches, or an ECoG grid on the cortex, has two directions. Numbered row by row, electrode 7 at the end of
# one row and electrode 8 at the start of the next are "neighbors", while 0 and 8, one above the other, are not.
#
# ![A grid numbered row by row; a code whose first half tells the row, the second half the column](../assets/figures/02_grid.svg)
#
# The remedy: split the width. The first half tells the row $r$, the second half the column $c$, each with a table of width $D/2$:
#
# $$p_{r,c} = \bigl(\, p^{(D/2)}_r \;,\; p^{(D/2)}_c \,\bigr) .$$
#
# *By hand,* $D = 4$, row 2, column 1: $(0.909, -0.416)$ for the row, $(0.841, 0.540)$ for the column, so
# $(0.909, -0.416, 0.841, 0.540)$.
#
# **Predict.** By which numbers must $D$ be divisible?
#
# <details><summary>Answer</summary>
#
# By 4: two halves, and in each half pairs.
#
# </details>


# %% exercise="sinusoidal_encoding_2d"
def sinusoidal_encoding_2d(height, width, d_model):
    """Sines and cosines for the places of a grid.

    height, width: how many rows and columns the grid has, at least 1 each.
    d_model: how many numbers for each place, at least 4.
    Returns a floating-point tensor (height, width, d_model). Entry [r, c] holds
        in its first d_model / 2 numbers: row r of sinusoidal_encoding with d_model / 2 columns,
        in its last d_model / 2 numbers:  row c of sinusoidal_encoding with d_model / 2 columns.
    Raises ValueError if d_model is not divisible by 4.
    """
    ### BEGIN SOLUTION
    if d_model % 4:
        raise ValueError(f"d_model must be divisible by 4, for two halves of pairs, and is {d_model}")
    half = d_model // 2
    rows = sinusoidal_encoding(height, half)[:, None].expand(-1, width, -1)  # (H, W, D/2)
    columns = sinusoidal_encoding(width, half)[None].expand(height, -1, -1)  # (H, W, D/2)
    return torch.cat([rows, columns], dim=-1)
    ### END SOLUTION


# %% check="sinusoidal_encoding_2d"
check("sinusoidal_encoding_2d")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Two small tables, one with a row for each row of the grid, one with a row for each column. Each has to be repeated along the direction
# that it does not know.
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# complain unless four divides the width of the code · a ← table for the rows, with a new axis in the middle, expanded across · b ← table
# for the columns, with a new axis in front, expanded down · join a and b along the last axis
#
# </details>
#
# **Look.** How close does electrode [3, 4] of an 8 × 8 grid feel to all the others, by the dot product of their positions (0 for the
# least, 1 for itself)? Left, numbered row by row; right, your 2-D positions.

# %% look="electrode-grid"
with plots.needs("sinusoidal_encoding", "sinusoidal_encoding_2d"):
    in_a_row = sinusoidal_encoding(64, 64).view(8, 8, 64)
    on_a_grid = sinusoidal_encoding_2d(8, 8, 64)
    _, axes = plots.plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    names = ["numbered row by row", "rows and columns"]
    for ax, title, table in zip(axes, names, [in_a_row, on_a_grid]):
        near = table @ table[3, 4]  # (8, 8)
        near = (near - near.min()) / (near.max() - near.min())
        plots.similarity_map(near, title=title, ax=ax)
        ax.set(xlabel="column", ylabel="row")

if importlib.util.find_spec("positional_encodings") is not None:
    from positional_encodings.torch_encodings import PositionalEncoding2D

    with plots.needs("sinusoidal_encoding_2d"):
        theirs = PositionalEncoding2D(64)(torch.zeros(1, 5, 8, 64))[0]
        gap = (theirs - sinusoidal_encoding_2d(5, 8, 64)).abs().max()
        print(f"library and yours differ by at most {gap:.1e}")

# %% [markdown]
# Three things to know in practice.
#
# - **Real grids have holes.** A dead electrode is left out together with its position: index the table with the rows and columns that
#   remain. Then the order of channels in the file no longer matters. With positions in millimeters instead of whole numbers, the same
#   formula serves electrodes off a grid.
# - **The Vision Transformer does not do this.** It *learns* plain 1-D positions, one for each patch in reading order, and its authors
#   found no significant gain from 2-D ones. With millions of training images and 14 × 14 patches, neighborhood can be learned; the
#   learned vectors do show rows and columns. With minutes of recording from one patient, you may want to give it away for free.
# - **Newer models move positions into attention.** Rotary positions turn queries and keys by the rotation of section 4; others
#   subtract a penalty that grows with distance. And a causal mask (lesson 03) already lets some order in.
#
# <a id="recap"></a>
# ## Recap
#
# - Pooling, and attention too, sees a bag. Order must be written into the tokens; the shuffle test says whether it was.
# - Sines and cosines: bounded, one pair of columns a clock, all rows of length $\sqrt{D/2}$.
# - A shift is a rotation that does not depend on where you start; dot products tell distance, not direction.
# - Added or appended, interleaved or concatenated, fixed or learned: choices with prices, not articles of faith.
# - Constants of a module are buffers. The factor $\sqrt D$ fits small embeddings, not standardized counts.
# - Positions help only if what and where can interact before pooling.
# - Know which axis is position. On a grid there are two.
#
# *You have built* four ways to place a token. *Lesson 03* builds the attention that needs them.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | positional encoding | numbers that tell a token's place, computed or learned |
# | bag | a collection without order; what a mean over tokens sees |
# | frequency, wavelength | how fast a pair of columns turns; positions for one turn, from $2\pi$ to almost $20{,}000\pi$ |
# | interleaved, concatenated | sine and cosine columns in turn; all sines before all cosines |
# | buffer | a tensor that a module saves and moves, but does not train |
# | `state_dict` | all that is saved of a module, by name |
# | raster order | a grid numbered row by row |
# | patch | a small square of an image, used as a token |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - Doubling an exponent that a loop in steps of two has doubled already: half of the columns stand still.
# - A cosine with another frequency than its sine: square and add the pair.
# - Positions on the electrode axis: look at what was added.
# - Positions on the batch axis: works when B equals T, and means nothing.
# - The whole table added to a shorter sequence; or the last rows instead of the first.
# - Scaling after adding, or scaling tokens that are large already: compare lengths.
# - The table as a parameter (it drifts), or as a plain attribute (it stays behind).
# - `x *= ...` in the forward pass: the caller's tokens change.
# - Rows and columns exchanged, unnoticed on a square grid: test on a rectangle.
#
# <a id="reading"></a>
# ## Further reading
#
# - Vaswani et al. (2017), *Attention Is All You Need*, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.5 for the
#   formula, 3.4 for the factor $\sqrt D$, table 3, row (E), for learned positions.
# - Dosovitskiy et al. (2021), *An Image Is Worth 16x16 Words*, [arXiv:2010.11929](https://arxiv.org/abs/2010.11929): section 3.1 and
#   appendix D.4, 1-D against 2-D positions.
# - Press, Smith and Lewis (2022), *Train Short, Test Long*, [arXiv:2108.12409](https://arxiv.org/abs/2108.12409): why a formula for every
#   position is not yet a model for every length; the distance penalty.
# - Su et al. (2021), *RoFormer*, [arXiv:2104.09864](https://arxiv.org/abs/2104.09864): section 3, rotary positions.
# - Haviv et al. (2022), [arXiv:2203.16634](https://arxiv.org/abs/2203.16634): causal models without positions still learn some order.
# - Tanji and Shima (1994), *Role for supplementary motor area cells in planning several movements ahead*, Nature 371, 413–416: real
#   neurons that care about order.
# - PyTorch,
#   [`Module.register_buffer`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer).
