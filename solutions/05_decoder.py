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
# # 05 · The decoder: reading one sequence, writing another
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you build the other half of the transformer, prove that the whole equals PyTorch's, and train it to replay a (simulated) rat's run backward.**
#
# *Before you start:* masks (lesson 03), multi-head attention and the residual stream (04). No code of earlier lessons is needed.
#
# | section | minutes |
# |---|---|
# | 1 · [Two sequences](#two) | 8 |
# | 2 · [Attention across sequences](#cross): `CrossAttention` | 15 |
# | 3 · [What the decoder may see](#see): `make_trg_mask` | 6 |
# | 4 · [All steps at once](#shift): `shift_right` | 6 |
# | 5 · [The decoder layer](#layer): `DecoderLayer` | 10 |
# | 6 · [The whole transformer](#whole): `Transformer` | 12 |
# | 7 · [The same as PyTorch's](#equal) | 4 |
# | 8 · [What to minimize](#loss) | 6 |
# | 9 · [Training, beside a baseline](#train) | 6 |
# | 10 · [One token at a time](#decode): `greedy_decode` | 12 |
# | 11 · [Other ways to choose](#choose) | 5 |
# | 12 · [Who was read for which token](#align) | 4 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# These are two sittings: section 6 ends the first. After them you can
#
# 1. **build** attention from one sequence to another of different length and width,
# 2. **mask** and **shift** a target so that all its steps are trained at once, and none sees its own answer,
# 3. **wire** a decoder layer, and prove what each output depends on,
# 4. **assemble** a transformer that returns logits, and **show** that it equals PyTorch's,
# 5. **decode** a batch token by token, and stop each row where it ends.

# %%
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from autograder import check
from course import plots

torch.manual_seed(5)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# <a id="two"></a>
# ## 1 · Two sequences
#
# An encoder answers with one output for each input. Much of what we want is not of this form: *"convolutions are dead"* has three words and its Catalan translation four; half a second of motor cortex becomes two syllables. Input and output are two sequences, of two lengths, in two vocabularies.
#
# ![Three zoom levels of a transformer: a box that translates; an encoder and a decoder; six layers in each, the last encoder layer read by every decoder layer](../assets/figures/05_zoom.svg)
#
# - **From afar:** a source sequence goes in, a target sequence comes out.
# - **Closer:** an *encoder* reads the whole source and leaves one vector for each of its tokens: the **memory**. A *decoder* writes the target, looking into the memory as it goes.
# - **Closest:** each is a stack of layers, six in the paper of 2017. *Every* decoder layer reads the same memory, the output of the *last* encoder layer.
#
# The decoder writes one token at a time and is fed what it has written so far:
#
# ![Four steps of a translation: the decoder gets the start token and all words written so far, and adds one, until it writes the end token](../assets/figures/05_dataflow.svg)
#
# It needs two words that are in no dictionary. **SOS**, *start of sequence*, is there so that something can be fed in before anything has been written. **EOS**, *end of sequence*, is how the decoder says that it has finished; nobody tells it the length. A third, **PAD**, fills up the shorter rows of a batch.
#
# ### Our two sequences
#
# A rat runs past places *a* to *h*, and somewhere on the way finds a reward, *R*. When it rests, place cells in its hippocampus fire again in quick succession, and often **backward**, from the reward to the start: *reverse replay* (Foster and Wilson 2006). Our caricature of it, *simulated*, is a pure sequence problem: **read the run, write the replay**. Places after the reward do not belong to it.
#
# ![A run past d, a, c, the reward, f; the replay tells c, a, d, EOS](../assets/figures/05_task.svg)

# %%
PAD, SOS, EOS, REWARD = 0, 1, 2, 3
NAMES = ["PAD", "SOS", "EOS", "R", *"abcdefgh"]  # tokens 4 to 11 are places


def simulate_replay(runs, before=(3, 8), held_out=False):
    """Simulated runs (runs, S) and their replays (runs, T), ending in EOS; both filled up with
    PAD.

    before: fewest and most places before the reward; up to 3 follow it. One replay in ten is
    never in the training set: held_out=True gives only such, False none of them.
    """
    many = runs * (14 if held_out else 2)
    ahead, behind = torch.randint(before[0], before[1] + 1, (many, 1)), torch.randint(4, (many, 1))
    at = torch.arange(before[1] + 4)
    places = torch.randint(4, 12, (many, len(at)))
    src = places.where(at != ahead, REWARD).where(at <= ahead + behind, PAD)
    step = torch.arange(before[1] + 1)
    backward = places.gather(1, (ahead - 1 - step).clamp(min=0))
    targets = backward.where(step < ahead, EOS).where(step <= ahead, PAD)
    kept_back = (targets * (1 + step) * (step < ahead)).sum(dim=1) % 10 == 0
    chosen = (kept_back == held_out).nonzero()[:runs, 0]
    return src[chosen].to(device), targets[chosen].to(device)


# %%
def spell(tokens):
    """A row of tokens as text, without its padding."""
    return " ".join(NAMES[token] for token in tokens.tolist() if token != PAD)


test_src, test_targets = simulate_replay(1000, held_out=True)
for run, replay in zip(test_src[:3], test_targets[:3]):
    print(f"run  {spell(run):26} replay  {spell(replay)}")
print("source (B, S):", tuple(test_src.shape), "  target (B, T):", tuple(test_targets.shape))

# %% [markdown]
# $S$ is the length of the source, $T$ that of the target; they differ, and in every test of this lesson they will.
#
# ### What you already have
#
# The encoder and the parts of lesson 04 come from PyTorch here, with the arguments and masks that yours had: they normalize what they read, and **True = may attend**. (PyTorch's own modules say True = *blocked*, so inside stands a `~`.) A token's vector is the sum of two embeddings: *what* it is, and *where* it stands (lesson 02; here positions are learned).


# %%
class MultiHeadAttention(nn.Module):
    """Self-attention of lesson 04, made of PyTorch's. forward(x, mask=None); num_heads *
    head_dims must be input_dim.
    """

    def __init__(self, input_dim, num_heads, head_dims, dropout_p):
        super().__init__()
        if num_heads * head_dims != input_dim:
            raise ValueError(f"PyTorch's attention needs num_heads * head_dims = input_dim; got {num_heads} * {head_dims} and {input_dim}")
        self.norm = nn.LayerNorm(input_dim)
        self.attention = nn.MultiheadAttention(input_dim, num_heads, dropout_p, batch_first=True)

    def forward(self, x, mask=None):
        (batch, length, _), heads, x = x.shape, self.attention.num_heads, self.norm(x)
        blocked = None if mask is None else (~mask).expand(batch, heads, length, length).flatten(0, 1)
        return self.attention(x, x, x, attn_mask=blocked, need_weights=False)[0]


class FeedForwardLayer(nn.Sequential):
    """Lesson 04's other part."""

    def __init__(self, input_dim, hidden_dim, dropout_p):
        into, out = nn.Linear(input_dim, hidden_dim), nn.Linear(hidden_dim, input_dim)
        super().__init__(nn.LayerNorm(input_dim), into, nn.ReLU(), nn.Dropout(dropout_p), out)


# %%
class Encoder(nn.Module):
    """Lesson 04's encoder, made of PyTorch's, with one last norm, because its readers do not
    normalize the memory.

    forward(x, mask=None): x (B, S, input_dim), mask (B, 1, 1, S) bool, True = a real token.
    Returns the memory (B, S, input_dim).
    """

    def __init__(self, num_layers, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__()
        layer = nn.TransformerEncoderLayer(input_dim, num_heads, ffn_dim, ffn_dropout_p, batch_first=True, norm_first=True)
        self.stack = nn.TransformerEncoder(layer, num_layers, norm=nn.LayerNorm(input_dim), enable_nested_tensor=False)
        for parameter in self.stack.parameters():  # PyTorch copies one layer, initial weights included: draw each anew
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x, mask=None):
        return self.stack(x, src_key_padding_mask=None if mask is None else ~mask[:, 0, 0])


# %%
class TokenEmbedding(nn.Module):
    """Tokens (B, T) to vectors (B, T, input_dim): what each is, plus where it stands."""

    def __init__(self, vocab_size, max_len, input_dim):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, input_dim), nn.Embedding(max_len, input_dim)

    def forward(self, tokens):
        return self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]


sizes = dict(
    src_vocab=12, trg_vocab=12, max_len=16, num_layers=2, input_dim=32, num_heads=4, head_dims=8, ffn_dim=64, dropout_p=0.0, pad=PAD
)


# %% [markdown]
# <a id="cross"></a>
# ## 2 · Attention across sequences
#
# **Exercise `CrossAttention`** · difficulty 4/5 · importance 5/5 · 14 minutes · {points:CrossAttention} points
#
# *Why now:* the decoder must look into the memory. You know how tokens look at tokens; only one thing changes: **queries come from the target, keys and values from the memory**.
#
# ![Left, self-attention: queries, keys and values from one sequence. Right, cross-attention: queries from the target (B, T), keys and values from the memory (B, S), a table of T by S weights](../assets/figures/05_cross.svg)
#
# $$Q = \operatorname{norm}(X)\, W_Q^\top + b_Q, \qquad K = M W_K^\top + b_K, \qquad V = M W_V^\top + b_V,$$
#
# with the stream $X$ of the target, $(B, T, \cdot)$, and the memory $M$, $(B, S, \cdot)$. Each head has a table of $T \times S$ weights; its rows sum to one over the *source*. The output has $T$ rows: one for each token that *asked*.
#
# (*Cross* is about where keys come from, *multi-head* about how many tables there are. They are independent choices, often confused.)
#
# The two sequences may be of different kinds: an English and a Catalan sentence, a question and a text, **brain activity and speech**. So $M$ may even have another width than $X$. In language this is called *alignment*, and it is older than transformers: Bahdanau et al. added it in 2014 to a recurrent translator whose one state could not hold long sentences.
#
# *By hand:* one query $(1, 0)$, a memory of three tokens with keys $(2, 0), (0, 2), (1, 1)$ and values $3, 6, 9$. Scores $2, 0, 1$; divided by $\sqrt 2$: $1.41, 0, 0.71$; weights $0.58, 0.14, 0.28$; output $0.58 \cdot 3 + 0.14 \cdot 6 + 0.28 \cdot 9 = 5.1$. One query, three keys, one output.
#
# **Predict.** You shuffle the memory's tokens (and the mask with them). What happens to the outputs? And if you shuffle the queries?
#
# <details><summary>Answer</summary>
#
# Nothing: a sum does not care about the order of its terms. (The memory's tokens carry their positions inside.) Shuffled queries: the outputs are shuffled in the same way, because each is answered on its own.
#
# </details>


# %% exercise="CrossAttention"
class CrossAttention(nn.Module):
    """Multi-head attention from one sequence, x, to another, memory.

    input_dim: width of a token of x. memory_dim: width of a token of the memory. num_heads: H.
    head_dims: D, the width of each single head; H·D is free. dropout_p: probability with which,
    in training, an attention weight is dropped.
    Its parts are norm (nn.LayerNorm over input_dim), dropout (nn.Dropout), linear_q (input_dim to
    H·D), linear_k and linear_v (memory_dim to H·D), linear_out (H·D to input_dim). The linear
    maps have a bias; there are no other parameters.
    """

    def __init__(self, input_dim, memory_dim, num_heads, head_dims, dropout_p):
        ### BEGIN SOLUTION
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(input_dim)
        self.dropout = nn.Dropout(dropout_p)
        self.linear_q = nn.Linear(input_dim, num_heads * head_dims)
        self.linear_k = nn.Linear(memory_dim, num_heads * head_dims)
        self.linear_v = nn.Linear(memory_dim, num_heads * head_dims)
        self.linear_out = nn.Linear(num_heads * head_dims, input_dim)
        ### END SOLUTION

    def forward(self, x, memory, mask=None):
        """x: (B, T, input_dim), asks. memory: (B, S, memory_dim), is read. T and S may differ;
        both are left unchanged.

        Queries are made from the normalized x, keys and values from the memory as it is. Head h
        uses columns h·D to (h+1)·D - 1 of each map; scores are divided by the square root of D;
        dropout acts on the weights after the softmax.
        mask: None (all may attend), or a bool tensor that broadcasts to (B, H, T, S); True at [b,
        h, i, j] lets query i attend to memory token j in head h of sequence b. Every query is
        allowed at least one token.
        Returns linear_out of the heads' outputs, side by side: (B, T, input_dim). x is not added.
        """
        ### BEGIN SOLUTION
        asking, told = self.linear_q(self.norm(x)), (self.linear_k(memory), self.linear_v(memory))
        # Each cuts by its own length: (B, T or S, H·D) -> (B, T or S, H, D) -> (B, H, T or S, D)
        q, k, v = (tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for tokens in (asking, *told))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, S)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        heads = self.dropout(scores.softmax(dim=-1)) @ v  # (B, H, T, D)
        return self.linear_out(heads.transpose(1, 2).flatten(2))
        ### END SOLUTION


# %% check="CrossAttention"
check("CrossAttention")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Write the shape behind every line. There are two lengths, T and S: which of the tensors has which? If you cut heads with a length in the code, it must be the length of the tensor being cut.
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# queries ← map of normalized x · keys, values ← maps of the memory · all three: width cut into H and D, heads moved before the tokens · scaled scores, (B, H, T, S) · forbidden ones to minus infinity · softmax over the memory · dropout · blend · heads back behind the tokens, joined, last map
#
# </details>
# <details><summary>Hint 3: "view size is not compatible"</summary>
#
# After an exchange of axes the numbers lie in memory in the old order. `view` refuses to copy; `contiguous` before it, or an operation that copies when it must, helps.
#
# </details>
#
# **Look: from brain to speech.** A *simulated* recording, 12 bins of 20 neurons: somebody says *ba da gu mi*, each syllable drives five neurons for two to four bins. As a 21st column each bin carries the time. We set *your* layer by hand: the query of a syllable looks for its neurons, the value tells the time. So each of four queries asks twelve bins *when was I said?*, and your layer answers with the dashed lines.

# %%
SYLLABLES = ["ba", "da", "gu", "mi"]
said = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3])  # which syllable, in each of the 12 bins
groups = torch.eye(4).repeat_interleave(5, dim=1)  # (4 syllables, 20 neurons)
spikes = torch.poisson(1 + 6 * groups[said])  # (S, N)
recording = torch.cat([spikes, torch.arange(12.0)[:, None]], dim=1).to(device)  # (S, 21)
hand_set = {"norm.weight": torch.ones(4), "norm.bias": torch.zeros(4)}  # a CrossAttention(4, 21, 1, 4, 0.0), by name
for name, (rows, columns) in {"linear_q": (4, 4), "linear_k": (4, 21), "linear_v": (4, 21), "linear_out": (4, 4)}.items():
    hand_set |= {f"{name}.weight": torch.zeros(rows, columns), f"{name}.bias": torch.zeros(rows)}
hand_set["linear_q.weight"] += torch.eye(4)  # what I look for: my own syllable
hand_set["linear_k.weight"][:, :20] = groups / 5  # what a bin has: mean counts of the four groups
hand_set["linear_v.weight"][0, 20] = 1.0  # what it tells: the time
hand_set["linear_out.weight"] += torch.eye(4)

# %% look="brain-to-speech"
with plots.needs("CrossAttention"), torch.no_grad():
    layer = CrossAttention(4, 21, 1, 4, 0.0).to(device)
    layer.load_state_dict(hand_set)
    when = layer(torch.eye(4, device=device)[None], recording[None])[0, :, 0]  # (T,), T = 4 queries on S = 12 bins
    events = {syllable: time.item() for syllable, time in zip(SYLLABLES, when)}
    plots.population(spikes, events, "Simulated: where your queries found their syllables")

# %% [markdown]
# <a id="see"></a>
# ## 3 · What the decoder may see
#
# Lesson 03 drew attention as messages on a graph. The transformer is three graphs:
#
# ![Graph of a transformer: three source nodes all connected to one another, four target nodes connected left to right, every source node sends to every target node; beside it the same as a table of filled squares](../assets/figures/05_graph.svg)
#
# - **encoder, source → source:** fully connected. The whole source is there; nothing is gained by hiding it.
# - **decoder, target → target:** left to right, and each token to itself. What is not written yet cannot be read.
# - **cross, source → target:** every source token to every target token. Cross-attention is *acausal*, which is right as long as the source is complete. A decoder that must speak *while* the brain is still active needs a causal mask here too (lesson 08).
#
# PAD tokens send to nobody.
#
# **Exercise `make_trg_mask`** · difficulty 2/5 · importance 5/5 · 5 minutes · {points:make_trg_mask} points
#
# *Why now:* the first and third graph only hide padding: `make_src_mask` below does it for both. The second one also has to be causal:
#
# $$\text{mask}[b, 0, i, j] = (j \le i) \;\text{and}\; (\text{trg}[b, j] \ne \text{PAD}).$$
#
# The axis of size 1 is for the heads, which all share the mask.
#
# *By hand*, for one row *SOS c PAD*: query 0 may read token 0; query 1 tokens 0 and 1; query 2, itself padding, also tokens 0 and 1.
#
# **Predict.** Can a row of this mask be empty? <details><summary>Answer</summary> Not if the first token is SOS: everybody may read token 0. (If padding stood in front, row 0 would be empty, and a softmax over nothing is NaN.) </details>


# %%
def make_src_mask(src, pad):
    """Which source tokens may be read: (B, 1, 1, S), True = a real token. For the encoder and for
    cross-attention.
    """
    return (src != pad)[:, None, None, :]


# %% exercise="make_trg_mask"
def make_trg_mask(trg, pad):
    """Who may read whom among the tokens that the decoder is fed.

    trg: (B, T) int64, the decoder's input tokens. pad: the number of the padding token.
    Returns (B, 1, T, T) bool, on the device of trg: True at [b, 0, i, j] where j is not later
    than i and trg[b, j] is not pad. What token i itself is does not matter.
    """
    ### BEGIN SOLUTION
    length = trg.shape[1]
    past = torch.ones(length, length, dtype=torch.bool, device=trg.device).tril()  # (T, T)
    return past & (trg != pad)[:, None, None, :]  # (B, 1, T, T)
    ### END SOLUTION


# %% check="make_trg_mask"
check("make_trg_mask")

# %% [markdown]
# <details><summary>Hints</summary>
#
# Two masks, each simple: one of shape (T, T), one that knows only about keys and has the axes (B, 1, 1, T). Combine them so that both must agree; broadcasting makes the shape. On a GPU a table made from nothing lands on the CPU, unless you say where.
#
# </details>
#
# **Look.** Your mask for a short and a long row, and the source's beside it.

# %% look="masks"
with plots.needs("make_trg_mask"):
    fed = torch.tensor([[SOS, 6, 4, PAD, PAD], [SOS, 9, 6, 6, 5]], device=device)
    _, axes = plots.plt.subplots(1, 3, figsize=(10.5, 3.4), layout="constrained")
    for ax, row, mask in zip(axes, fed, make_trg_mask(fed, PAD)):
        plots.mask_map(mask[0], f"target: {' '.join(NAMES[t] for t in row.tolist())}", "query (target)", "key (target)", ax)
    run = torch.tensor([[7, 4, 6, REWARD, 8, PAD, PAD]], device=device)
    plots.mask_map(make_src_mask(run, PAD)[0, 0].expand(5, 7), "source: d a c R e PAD PAD", "query (target)", "key (source)", axes[2])

# %% [markdown]
# <a id="shift"></a>
# ## 4 · All steps at once
#
# **Exercise `shift_right`** · difficulty 1/5 · importance 5/5 · 4 minutes · {points:shift_right} points
#
# *Why now:* at use, the decoder writes token by token. In training we know the whole target, so all steps can be computed *in one pass*: feed in the right tokens, **shifted by one place**, and ask at each place for the next. This is **teacher forcing**: even after a wrong guess, the next step starts from the truth.
#
# ![The target c a d EOS as decoder input SOS c a d, one place to the right; below each input the token to be predicted](../assets/figures/05_shift.svg)
#
# $$\text{input}_0 = \text{SOS}, \qquad \text{input}_t = \text{target}_{t-1}.$$
#
# *By hand:* targets *c a d EOS PAD* become inputs *SOS c a d EOS*. The last token is never fed in: nothing is left to predict from it.
#
# The shift and the mask need each other. Input $t$ is the answer to step $t-1$: the mask hides it from that step, and the shift keeps each step's own answer off its own place.
#
# **Predict.** You forget the shift, but keep the mask. What will training look like? And decoding?
#
# <details><summary>Answer</summary>
#
# Training looks wonderful: each place is fed the very token that it must predict (the mask allows one's own place), so the decoder learns to copy its input and needs no source. The loss falls to zero. At use it has nothing to copy, and babbles. A loss that is too good is a symptom.
#
# </details>


# %% exercise="shift_right"
def shift_right(targets, sos):
    """The decoder's inputs for all steps at once: what was to be said one step earlier.

    targets: (B, T) int64, T at least 1; left unchanged. sos: the number of the start token.
    Returns (B, T) int64, a new tensor: sos in the first column, then the targets without their
    last column.
    """
    ### BEGIN SOLUTION
    start = torch.full_like(targets[:, :1], sos)
    return torch.cat([start, targets[:, :-1]], dim=1)
    ### END SOLUTION


# %% check="shift_right"
check("shift_right")

# %% [markdown]
# <details><summary>Hint</summary>
#
# A column of start tokens, one for each row of the batch, and all columns of the targets but one: glue them along the right axis. A function that rolls a tensor around would bring the last column to the front.
#
# </details>
#
# <a id="layer"></a>
# ## 5 · The decoder layer
#
# **Exercise `DecoderLayer`** · difficulty 3/5 · importance 5/5 · 8 minutes · {points:DecoderLayer} points
#
# *Why now:* all parts are there. A decoder layer is an encoder layer with one more part in the middle. Each part reads the **target's** stream and adds to it:
#
# ![The target's residual stream with three branches: masked self-attention, cross-attention that also reads the memory, feed-forward; each adds to the stream](../assets/figures/05_layer.svg)
#
# $$x \leftarrow x + \operatorname{MHA}(x, \text{trg mask}), \qquad x \leftarrow x + \operatorname{cross}(x, M, \text{src mask}), \qquad x \leftarrow x + \operatorname{FFN}(x),$$
#
# with dropout on each branch. The memory is only read: no layer of the decoder changes it.
#
# *By hand:* the stream holds $(1, 3)$. Self-attention writes $(0, 1)$: now $(1, 4)$. Cross-attention reads *that* and writes $(2, -1)$: now $(3, 3)$. The feed-forward layer reads *that* and writes $(-1, 0)$: the output is $(2, 3)$.
#
# **Predict.** (a) Which of the two attentions lets a target token find out what was already written? (b) Someone feeds the *memory* to the masked self-attention and the target to nothing but the queries of the other. Shapes agree, if $S = T$. What can this decoder not know?
#
# <details><summary>Answer</summary>
#
# (a) The masked self-attention, and it alone: cross-attention reads the source only. (b) Its own history: output 6 depends on target token 6 and the source, never on tokens 0 to 5. This bug was in teaching code that passed its only test, which had sources and targets of equal length.
#
# </details>


# %% exercise="DecoderLayer"
class DecoderLayer(nn.Module):
    """One layer of a pre-norm decoder: masked self-attention, cross-attention, a feed-forward
    layer, each added to the stream.

    input_dim: width of a token, of the memory too. num_heads, head_dims: of both attentions.
    ffn_dim: hidden width of the feed-forward layer. Its parts are MHA, a MultiHeadAttention, and
    cross, a CrossAttention, both with dropout mha_dropout_p; FFN, a FeedForwardLayer with dropout
    ffn_dropout_p; post_mha_dropout, post_cross_dropout (nn.Dropout with mha_dropout_p) and
    post_ffn_dropout (nn.Dropout with ffn_dropout_p). It has no parameters of its own.
    """

    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        ### BEGIN SOLUTION
        super().__init__()
        self.MHA = MultiHeadAttention(input_dim, num_heads, head_dims, mha_dropout_p)
        self.cross = CrossAttention(input_dim, input_dim, num_heads, head_dims, mha_dropout_p)
        self.FFN = FeedForwardLayer(input_dim, ffn_dim, ffn_dropout_p)
        self.post_mha_dropout = nn.Dropout(mha_dropout_p)
        self.post_cross_dropout = nn.Dropout(mha_dropout_p)
        self.post_ffn_dropout = nn.Dropout(ffn_dropout_p)
        ### END SOLUTION

    def forward(self, x, memory, trg_mask=None, src_mask=None):
        """x: (B, T, input_dim), the target's stream. memory: (B, S, input_dim). Both are left
        unchanged.

        trg_mask is handed to MHA, src_mask to cross, each as it is. In this order: MHA reads x;
        cross reads the sum so far and the memory; FFN reads the sum so far. Each one's output
        passes its dropout and is added to what that part read from the stream. Returns the last
        sum, (B, T, input_dim). Nothing else is normalized: the parts do it themselves.
        """
        ### BEGIN SOLUTION
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        x = x + self.post_cross_dropout(self.cross(x, memory, src_mask))
        return x + self.post_ffn_dropout(self.FFN(x))
        ### END SOLUTION


# %% check="DecoderLayer"
check("DecoderLayer")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Three lines of one form: stream = stream + dropout of a part's answer. Which part takes which mask? Which one takes the memory?
#
# </details>
# <details><summary>Hint 2: what often goes wrong</summary>
#
# The memory has S rows, the stream has T: they can never be added. Every sum has the stream on its left side, as the part before left it. `+=` would write into the caller's tensor.
#
# </details>
#
# **Look, and break it.** Who depends on whom: four target tokens against three of the source and four of the target. Left *your* layer; right the bug of the prediction, with PyTorch's attention.


# %% look="dependence"
def reads(layer, source=3, target=4):
    """Whether output i of layer(x, memory) depends on each memory token and each target token:
    bool (T, S + T).
    """
    x, memory = torch.randn(1, target, 8, device=device), torch.randn(1, source, 8, device=device)
    slopes = torch.autograd.functional.jacobian(layer, (x, memory))  # (1, T, 8, 1, T, 8) and (1, T, 8, 1, S, 8)
    of_x, of_memory = (slope.abs().amax(dim=(0, 2, 3, 5)) > 1e-7 for slope in slopes)
    return torch.cat([of_memory, of_x], dim=1)


def no_history(x, memory):  # masked self-attention on the memory, then queries from x: needs S = T
    past = torch.ones(4, 4, device=device).tril().bool()
    mixed = F.scaled_dot_product_attention(memory, memory, memory, attn_mask=past)
    return x + F.scaled_dot_product_attention(x, mixed, mixed)


_, (left, right) = plots.plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
plots.mask_map(reads(no_history, source=4), "the bug: no history", "output", "source 0-3, target 4-7", right)
left.set_axis_off()
with plots.needs("DecoderLayer", "CrossAttention"):
    past = torch.ones(4, 4, device=device).tril().bool()
    yours = DecoderLayer(8, 2, 4, 16, 0.0, 0.0).to(device)
    left.set_axis_on()
    plots.mask_map(reads(lambda x, memory: yours(x, memory, past)), "your layer", "output", "source 0-2, target 3-6", left)

# %% [markdown]
# ### How a decoder differs from an encoder
#
# 1. Its input is its own output, **shifted right**.
# 2. Its self-attention is **masked**.
# 3. It has **cross-attention**.
# 4. On top sit a **linear map and a softmax**.
#
# *What do a linear map and a softmax do at the end of a network?* The map turns the last vector into one number for each possible answer, a **logit**; the softmax turns logits into probabilities. *How wide is it, then?* As wide as the **target's vocabulary**: 12 for us, tens of thousands for a language. One such row for *each* target place.
#
# <a id="whole"></a>
# ## 6 · The whole transformer
#
# **Exercise `Transformer`** · difficulty 4/5 · importance 5/5 · 11 minutes · {points:Transformer} points
#
# *Why now:* connect the parts. Source tokens are embedded and encoded *once*; target tokens are embedded, pass all decoder layers, a last norm (a pre-norm stream grows), and the map to logits:
#
# $$M = \operatorname{encoder}(\operatorname{embed}(\text{src})), \qquad \text{logits} = \operatorname{linear}(\operatorname{norm}(\operatorname{decoder}(\operatorname{embed}(\text{trg}), M))).$$
#
# The model returns **logits**, without the softmax: `F.cross_entropy` contains it. A softmax too many is a famous silent bug (section 8).
#
# *By hand*, shapes for a batch of 2, source 7, target 5, width 32: src (2, 7) → (2, 7, 32) → memory (2, 7, 32); trg (2, 5) → (2, 5, 32) → logits (2, 5, 12).
#
# **Predict.** Which masks does `encode` need, which `decode`? <details><summary>Answer</summary> `encode`: the source's padding. `decode`: the causal-and-padding mask of its own tokens, and *again* the source's padding, because cross-attention looks at the source too. </details>


# %% exercise="Transformer"
class Transformer(nn.Module):
    """A transformer from source tokens to logits over target tokens.

    src_vocab, trg_vocab: how many different tokens. max_len: longest sequence. pad: the padding
    token. num_layers: of the encoder and of the decoder. input_dim, num_heads, head_dims,
    ffn_dim: as in DecoderLayer. dropout_p: every dropout.
    Its parts are src_embed and trg_embed, TokenEmbeddings of their vocabularies; encoder, an
    Encoder; decoder, an nn.ModuleList of num_layers DecoderLayers; decoder_norm,
    nn.LayerNorm(input_dim); linear_out, nn.Linear to trg_vocab.
    """

    def __init__(self, src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad):
        ### BEGIN SOLUTION
        super().__init__()
        self.pad = pad
        sizes = (input_dim, num_heads, head_dims, ffn_dim, dropout_p, dropout_p)
        self.src_embed = TokenEmbedding(src_vocab, max_len, input_dim)
        self.trg_embed = TokenEmbedding(trg_vocab, max_len, input_dim)
        self.encoder = Encoder(num_layers, *sizes)
        self.decoder = nn.ModuleList([DecoderLayer(*sizes) for _ in range(num_layers)])
        self.decoder_norm = nn.LayerNorm(input_dim)
        self.linear_out = nn.Linear(input_dim, trg_vocab)
        ### END SOLUTION

    def encode(self, src):
        """src: (B, S) tokens. Returns the memory (B, S, input_dim): the encoder's output, under
        make_src_mask of src.
        """
        ### BEGIN SOLUTION
        return self.encoder(self.src_embed(src), make_src_mask(src, self.pad))
        ### END SOLUTION

    def decode(self, trg, memory, src):
        """trg: (B, T), the tokens so far, beginning with the start token. memory: what encode
        made of src (B, S).

        Every layer reads the same memory, and is given make_trg_mask of trg and make_src_mask of
        src. After the last layer come decoder_norm and linear_out. Returns logits (B, T,
        trg_vocab), no softmax: row t is about the token after trg[:, t].
        """
        ### BEGIN SOLUTION
        x, trg_mask, src_mask = self.trg_embed(trg), make_trg_mask(trg, self.pad), make_src_mask(src, self.pad)
        for layer in self.decoder:
            x = layer(x, memory, trg_mask, src_mask)
        return self.linear_out(self.decoder_norm(x))
        ### END SOLUTION

    def forward(self, src, trg):
        """Encodes src, then decodes trg (as it is: the caller has shifted it). Returns the logits
        (B, T, trg_vocab).
        """
        ### BEGIN SOLUTION
        return self.decode(trg, self.encode(src), src)
        ### END SOLUTION


# %% check="Transformer"
check("Transformer")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# The docstrings name every part and every mask; `forward` only calls the other two methods. Keep `pad`: the masks need it.
#
# </details>
# <details><summary>Hint 2: order of arguments</summary>
#
# A layer takes the stream, the memory, the target's mask, the source's mask. If an error speaks of two lengths, ask which of them is S and which T.
#
# </details>
#
# **Look.** A forward pass on real tokens, and the size of the parts. A transformer must accept any two lengths; try some.


# %% look="forward"
def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


with plots.needs("Transformer", "DecoderLayer", "CrossAttention"), torch.no_grad():
    torch.manual_seed(0)
    yours = Transformer(**sizes).to(device).eval()
    print("logits:", tuple(yours(test_src[:5], test_targets[:5]).shape), "= (B, T, trg_vocab), from a source", tuple(test_src[:5].shape))
    for name, part in yours.named_children():
        print(f"{name:13} {count_parameters(part):7,} parameters")
    print("all layers initialized differently:", len({layer.cross.linear_q.weight[0, 0].item() for layer in yours.decoder}) == 2)

# %% [markdown]
# <a id="equal"></a>
# ## 7 · The same as PyTorch's
#
# `nn.Transformer` holds an encoder and a decoder; embeddings, masks, shift, read-out and decoding remain yours. So why build our own? Because what it asks of you is what goes wrong:
#
# - **`batch_first=True`**, or it reads (T, B, width) and attends across the batch, without an error.
# - **Masks say True = blocked**, the opposite of ours, and there are *four* to think of: `tgt_mask` (causal), and `src_`, `tgt_` and `memory_key_padding_mask`. It makes none by itself: without `tgt_mask` the decoder sees the answers.
# - **`norm_first=True`** for pre-norm; the default is post-norm.
#
# From here on the lesson uses this `TorchTransformer`; copy its weights into yours, and both must say the same.


# %%
class TorchTransformer(nn.Module):
    """The known-good model: nn.Transformer with our embeddings and read-out. Made and used like
    your Transformer.
    """

    def __init__(self, src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad):
        super().__init__()
        self.pad, common = pad, {"dropout": dropout_p, "batch_first": True, "norm_first": True}
        self.src_embed = TokenEmbedding(src_vocab, max_len, input_dim)
        self.trg_embed = TokenEmbedding(trg_vocab, max_len, input_dim)
        encoder = Encoder(num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, dropout_p).stack
        self.core = nn.Transformer(input_dim, num_heads, 0, num_layers, ffn_dim, custom_encoder=encoder, **common)
        self.linear_out = nn.Linear(input_dim, trg_vocab)

    def encode(self, src):
        return self.core.encoder(self.src_embed(src), src_key_padding_mask=src == self.pad)

    def decode(self, trg, memory, src):
        future = torch.ones(trg.shape[1], trg.shape[1], device=trg.device).triu(1).bool()  # True = blocked
        padding = {"tgt_key_padding_mask": trg == self.pad, "memory_key_padding_mask": src == self.pad}
        return self.linear_out(self.core.decoder(self.trg_embed(trg), memory, tgt_mask=future, **padding))

    def forward(self, src, trg):
        memory = self.encode(src)
        return self.decode(trg, memory, src)


# %%
def copy_weights(theirs, own):
    """Give a Transformer of yours the weights of a TorchTransformer of the same sizes."""
    own.src_embed.load_state_dict(theirs.src_embed.state_dict())
    own.trg_embed.load_state_dict(theirs.trg_embed.state_dict())
    own.encoder.stack.load_state_dict(theirs.core.encoder.state_dict())
    for layer, torch_layer in zip(own.decoder, theirs.core.decoder.layers):
        layer.MHA.norm.load_state_dict(torch_layer.norm1.state_dict())
        layer.MHA.attention.load_state_dict(torch_layer.self_attn.state_dict())
        layer.cross.norm.load_state_dict(torch_layer.norm2.state_dict())
        attention = torch_layer.multihead_attn  # its three maps lie in one matrix, queries first
        maps = zip(attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3))
        for linear, (weight, bias) in zip([layer.cross.linear_q, layer.cross.linear_k, layer.cross.linear_v], maps):
            linear.load_state_dict({"weight": weight, "bias": bias})
        layer.cross.linear_out.load_state_dict(attention.out_proj.state_dict())
        for place, name in [(0, "norm3"), (1, "linear1"), (4, "linear2")]:
            layer.FFN[place].load_state_dict(getattr(torch_layer, name).state_dict())
    own.decoder_norm.load_state_dict(theirs.core.decoder.norm.state_dict())
    own.linear_out.load_state_dict(theirs.linear_out.state_dict())


# %% look="equal"
with plots.needs("Transformer", "DecoderLayer", "CrossAttention", "make_trg_mask"), torch.no_grad():
    theirs, yours = TorchTransformer(**sizes).to(device).eval(), Transformer(**sizes).to(device).eval()
    copy_weights(theirs, yours)
    src, fed = test_src[:50], test_targets[:50]
    real = fed != PAD
    print(f"logits, largest difference: {(theirs(src, fed) - yours(src, fed))[real].abs().max():.1e}")
    upside_down = theirs.core(theirs.src_embed(src), theirs.trg_embed(fed), tgt_mask=torch.ones(9, 9, device=device).tril().bool())
    print(f"with its mask upside down:  {(theirs.linear_out(upside_down) - yours(src, fed))[real].abs().max():.1e}")

# %% [markdown]
# Upside down, the last token may read nobody, and a softmax over nothing is NaN.
#
# <a id="loss"></a>
# ## 8 · What to minimize
#
# The model gives each next token a probability $p(y_t \mid y_{<t}, \text{src})$, so a whole target has the product of these. We want the true targets probable; a logarithm turns the product into a sum, a sign makes it a loss:
#
# $$-\log p(y \mid \text{src}) = -\sum_t \log p(y_t \mid y_{<t}, \text{src}).$$
#
# This is the **cross-entropy**. Its slope with respect to a logit is $p_v - [v = y_t]$: push up the true token, push down the others as far as they were believed. Places where the target is PAD do not count: `ignore_index=PAD`.
#
# **A softmax too many.** `F.cross_entropy` expects logits. Given probabilities, it takes *them* for logits: the best it can be given is a 1 and eleven 0s, so the loss cannot fall below $\log(e + 11) - 1 = 1.62$. It trains, badly, and nothing complains.
#
# **Label smoothing.** With one right answer, the loss always wants the logits further apart. Smoothing by $\varepsilon$ replaces the target "all on $y_t$" by $(1 - \varepsilon)$ of that, mixed with $\varepsilon$ of the *uniform* distribution over all $V$ tokens (the true one too). Nothing random is added:
#
# $$\mathcal L_\varepsilon = (1 - \varepsilon)\,(-\log p_{y}) + \varepsilon \cdot \tfrac1V \textstyle\sum_v (-\log p_v).$$
#
# ![Bars of the target distribution over six tokens with epsilon 0 and 0.1, and the loss against the logit gap: without smoothing it falls forever, with smoothing it has a minimum](../assets/figures/05_smoothing.svg)
#
# **Warm-up.** Adam divides each step by a running estimate of the gradient's size, and in the first steps this estimate rests on a few samples. So the learning rate starts near zero, rises, and then decays; in the paper, with $w = 4000$ steps of warm-up, $d^{-1/2} \min(s^{-1/2}, s\, w^{-3/2})$ at step $s$.
#
# **Dropout**, on weights and branches, regularizes. Layer norm and residual connections are often listed with it, but their job is another: they keep the sizes of signals and gradients in order, so that a deep stack can be trained at all.

# %% look="losses"
logits = torch.randn(40, 12)  # 40 places, 12 possible tokens
right = torch.randint(12, (40,))
log_p = logits.log_softmax(dim=-1)
by_hand = 0.9 * -log_p[range(40), right] + 0.1 * -log_p.mean(dim=-1)
print(f"label smoothing by hand {by_hand.mean():.6f}, by PyTorch {F.cross_entropy(logits, right, label_smoothing=0.1):.6f}")
certain = 50.0 * F.one_hot(right, 12)  # a model that is right, and sure of it
print(
    f"loss of a perfect model: {F.cross_entropy(certain, right):.3f}, with a softmax too many {F.cross_entropy(certain.softmax(-1), right):.3f}"
)
step = torch.arange(1, 20001, 50.0)
rates = {f"warm-up {w} steps": 512**-0.5 * torch.minimum(step**-0.5, step * w**-1.5) for w in (1000, 4000)}
ax = plots.plt.subplots(figsize=(6, 2.8), layout="constrained")[1]
for (name, rate), (color, _, dash) in zip(rates.items(), plots.LINES):
    ax.plot(step, rate, color=color, linestyle=dash, label=name)
ax.set(xlabel="step", ylabel="learning rate", title="The schedule of 2017, at width 512")
_ = ax.legend(frameon=False)

# %% [markdown]
# <a id="train"></a>
# ## 9 · Training, beside a baseline
#
# The score is strict: a replay counts only if **every** token is right, EOS included, on 1000 held-out replays that were never trained on. Guessing places gives at most $8^{-3} = 0.2\,\%$.
#
# The baseline is the way it was done before attention: a recurrent encoder (GRU) reads the run, and a recurrent decoder starts from its **last state**. It has more than twice the transformer's parameters, and gets the same data and the same number of steps.
#
# The first cell below has all that training needs. Its score uses a shortcut: a decoder that always takes its best guess writes the whole target right *exactly if* under teacher forcing every one of its guesses is right. (Why? Go from the first token to the last.)
#
# **Predict.** On which replays will the baseline be worst?


# %%
class BottleneckModel(nn.Module):
    """The baseline: a recurrent encoder and decoder that share one state."""

    def __init__(self, width=96):
        super().__init__()
        self.src_embed, self.trg_embed = nn.Embedding(12, width, padding_idx=PAD), nn.Embedding(12, width)
        self.reader, self.writer = nn.GRU(width, width, batch_first=True), nn.GRU(width, width, batch_first=True)
        self.linear_out = nn.Linear(width, 12)

    def forward(self, src, trg):
        states, _ = self.reader(self.src_embed(src))
        last = (src != PAD).sum(dim=1) - 1  # the state after the last real token
        state = states[torch.arange(len(src), device=src.device), last][None].contiguous()
        return self.linear_out(self.writer(self.trg_embed(trg), state)[0])


def lesson_pair(src, targets):
    """Source, decoder inputs (the targets, one place later, after SOS), and targets."""
    return src, F.pad(targets, (1, -1), value=SOS), targets


def all_right(model, src, targets):
    """For each row, whether every token is right, EOS included: bool (B,)."""
    src, fed, targets = lesson_pair(src, targets)
    with torch.no_grad():
        guess = model.eval()(src, fed).argmax(dim=-1)
    return ((guess == targets) | (targets == PAD)).all(dim=1)


# %%
def train(model, steps=600, batch=64, rate=5e-3, warm_up=60):
    """Train on fresh simulated runs; the share of 300 held-out replays that are all right, every
    100 steps.
    """
    torch.manual_seed(0)  # the same training runs for every model
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / warm_up, (steps - s) / (steps - warm_up)))
    history = [0.0]
    for step in range(steps):
        src, fed, targets = lesson_pair(*simulate_replay(batch))
        loss = F.cross_entropy(model.train()(src, fed).flatten(0, 1), targets.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            history.append(all_right(model, test_src[:300], test_targets[:300]).float().mean().item())
    return history


# %% look="train"
torch.manual_seed(1)
try:
    model, whose = Transformer(**sizes).to(device), "your transformer"
    assert model(*lesson_pair(test_src[:2], test_targets[:2])[:2]).shape == (2, 9, 12)
except Exception as error:  # not written yet, or not yet right: the lesson goes on with PyTorch's parts
    print(f"Your Transformer does not run yet ({type(error).__name__}); this trains PyTorch's.")
    model, whose = TorchTransformer(**sizes).to(device), "PyTorch's transformer"
baseline = BottleneckModel().to(device)
runs = {whose: model, "one state (GRU)": baseline}
histories = {f"{name} ({sum(p.numel() for p in one.parameters()):,} parameters)": train(one) for name, one in runs.items()}
plots.curves(range(0, 601, 100), histories, "training steps", "replays all right", "held-out simulated runs")
lengths = (test_targets != PAD).sum(dim=1) - 1
longer, longer_targets = simulate_replay(1000, before=(9, 10), held_out=True)
for name, one in runs.items():
    right = all_right(one, test_src, test_targets)
    by_length = "  ".join(f"{n}: {right[lengths == n].float().mean():4.0%}" for n in range(3, 9))
    beyond = all_right(one, longer, longer_targets).float().mean()
    print(f"{name:22} all right {right.float().mean():.1%}")
    print(f"    by places to replay    {by_length}\n    never seen so long     9-10: {beyond:.0%}")

# %% [markdown]
# The longer the replay, the more one state has to hold; the transformer looks it up instead. With more steps the baseline improves: the bottleneck makes learning hard, not impossible.
#
# And read the last number: on runs longer than any in training the transformer fails completely, and the recurrent network, which has no positions to run out of, does better. *Held out* is not the same as *out of range*.
#
# What follows uses saved weights of the `TorchTransformer`, trained by this very cell (`assets/models/make_05_decoder.py`), so you may skip the training.


# %%
def saved_model():
    """The TorchTransformer as shipped; on a machine without the file, an untrained one."""
    model, file = TorchTransformer(**sizes).to(device).eval(), Path("../assets/models/05_decoder.safetensors")
    if file.is_file():
        model.load_state_dict(load_file(file))
    else:
        print(f"{file} is missing, so this model is untrained; run this notebook from a copy of the whole course.")
    return model


# %% look="saved"
trained = saved_model()
print(f"saved model: {all_right(trained, test_src, test_targets).float().mean():.1%} of the held-out replays all right")

# %% [markdown]
# <a id="decode"></a>
# ## 10 · One token at a time
#
# **Exercise `greedy_decode`** · difficulty 4/5 · importance 5/5 · 11 minutes · {points:greedy_decode} points
#
# *Why now:* so far the decoder was fed the truth. At use there is none: it must be fed its own words. **Greedy** decoding always takes the most probable next token:
#
# $$\hat y_t = \arg\max_v\, \text{logits}_t[v], \qquad \text{logits} = \operatorname{decode}([\text{SOS}, \hat y_0, \dots, \hat y_{t-1}], M).$$
#
# - The **whole history** is fed in each time, not only the last token: the decoder keeps nothing in mind between calls. Only the last row of the logits is news.
# - The memory is computed **once**.
# - Rows of a batch end at different times. A row that has said EOS is finished and gets PAD from then on; when all have finished, so has the loop.
#
# *By hand*, two rows: after SOS the guesses are *c* and *b*; then *a* and EOS; then EOS and whatever, which we replace. Result: *c a EOS* and *b EOS PAD*.
#
# **Predict.** A batch has replays of 3 and 8 places. How often is `decode` called? What would happen to the first row if it were not stopped? <details><summary>Answer</summary> Nine times: 8 places and EOS. The first row would go on from EOS, where it was never trained, and babble. </details>


# %% exercise="greedy_decode"
def greedy_decode(model, src, sos, eos, pad, max_len):
    """Write a target for every row of src, always taking the most probable next token.

    model: has encode(src) and decode(trg, memory, src) as in Transformer; it is put into
    evaluation mode, and no gradient is recorded. src: (B, S) int64, left unchanged. sos, eos,
    pad: tokens. max_len: the most tokens to write.
    Returns (B, L) int64 without the start token. Each row ends with its first eos, and holds pad
    after it. Writing stops when every row has its eos, so L is the length of the longest row;
    rows that have none by then are cut at L = max_len.
    """
    ### BEGIN SOLUTION
    model.eval()
    with torch.no_grad():
        memory = model.encode(src)
        trg = torch.full((len(src), 1), sos, dtype=torch.int64, device=src.device)
        ended = torch.zeros(len(src), dtype=torch.bool, device=src.device)
        while trg.shape[1] <= max_len and not ended.all():
            best = model.decode(trg, memory, src)[:, -1].argmax(dim=-1)  # (B,)
            best = best.masked_fill(ended, pad)
            ended = ended | (best == eos)
            trg = torch.cat([trg, best[:, None]], dim=1)
    return trg[:, 1:]
    ### END SOLUTION


# %% check="greedy_decode"
check("greedy_decode")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Keep two things through the loop: the tokens so far, which start as one column, and for each row whether it has ended. Each round adds one column.
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# evaluation mode, no gradients · memory ← encode · tokens ← a column of sos · ended ← nobody · while somebody has not ended and there is room: logits of all tokens so far, last place, best token; where ended, pad instead; who said eos has ended now; append · give back all but the first column
#
# </details>
#
# **Look.** Your function on the saved model. Last: what comes out if only the latest token is fed in.


# %% look="greedy"
def forgetful(trg, memory, src):
    """decode of the saved model, but each time fed with the latest token only."""
    return trained.decode(trg[:, -1:], memory, src)


with plots.needs("greedy_decode"), torch.no_grad():
    written = greedy_decode(trained, test_src[:4], SOS, EOS, PAD, 12)
    for run, replay in zip(test_src, written):
        print(f"run  {spell(run):26} your replay  {spell(replay)}")
    memory, token, told = trained.encode(test_src[:1]), torch.tensor([[SOS]], device=device), []
    for _ in range(len(written[0])):
        token = forgetful(token, memory, test_src[:1])[:, -1:].argmax(dim=-1)
        told.append(token[0])
    print("fed with the latest token only, the first run:", spell(torch.cat(told)))

# %% [markdown]
# <a id="choose"></a>
# ## 11 · Other ways to choose
#
# Greedy decoding gives the most probable *next token* each time, which need not make the most probable *sequence*.
#
# ![A tree of words with probabilities: greedy takes the likelier first word and ends at 0.24; a beam of two keeps both and finds the other sequence, 0.36](../assets/figures/05_beam.svg)
#
# - **Beam search** keeps the $k$ best beginnings at each step, and extends them all. It pays where there is about one right answer: translation, speech.
# - **Sampling** draws the next token by its probability, after dividing the logits by a **temperature**: below 1 bolder, above 1 more even. It pays where answers should vary (lesson 06).
#
# Move the slider: the saved model's probabilities for the first place of a replay whose source has been *smudged* with noise, so that it cannot be sure.

# %% look="temperature"
with torch.no_grad():
    torch.manual_seed(2)
    memory = trained.encode(test_src[:1])
    memory = memory + 1.2 * torch.randn_like(memory)
    first = trained.decode(torch.tensor([[SOS]], device=device), memory, test_src[:1])[0, -1]  # (12,)
frames = {f"{t:g}": {"next token": (first / t).softmax(dim=-1)} for t in (0.25, 0.5, 1, 2, 4, 8)}
figure = plots.bars_with_slider(frames, "temperature", "next token", "probability", "First token of a replay, from a smudged memory")
figure.update_xaxes(tickvals=list(range(12)), ticktext=NAMES)
figure.show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is the kind of thing it says:
#
# ![Bars of the same logits at temperatures 0.5, 1 and 4: one token takes nearly all, leads, or is one of many](../assets/figures/05_temperature.svg)


# %% look="beam"
def beam_search(model, memory, src, width, max_len):
    """The `width` best targets for one row of src that were found, as (log-probability, tokens
    without SOS), best first.
    """
    beams, finished = [(0.0, [SOS])], []
    for _ in range(max_len):
        trg = torch.tensor([tokens for _, tokens in beams], device=src.device)
        n = len(beams)
        log_p = model.decode(trg, memory.expand(n, -1, -1), src.expand(n, -1))[:, -1].log_softmax(dim=-1)
        longer = [(score + step[v].item(), [*tokens, v]) for (score, tokens), step in zip(beams, log_p) for v in range(len(step))]
        best = sorted(longer, reverse=True)[:width]
        finished += [beam for beam in best if beam[1][-1] == EOS]
        beams = [beam for beam in best if beam[1][-1] != EOS]
        if not beams:
            break
    return sorted(((score, tokens[1:]) for score, tokens in finished), reverse=True)[:width]


with torch.no_grad():
    print("run:", spell(test_src[0]), "  (memory smudged)")
    for width in (1, 3):
        print(f"beam of {width}{' (greedy)' if width == 1 else ''}")
        for score, tokens in beam_search(trained, memory, test_src[:1], width, 12):
            print(f"    p = {math.exp(score):.3f}   {spell(torch.tensor(tokens))}")

# %% [markdown]
# <a id="align"></a>
# ## 12 · Who was read for which token
#
# **Predict.** The rows of the last layer's cross-attention are steps of the replay, the columns places of the run. What pattern do you expect?
#
# <details><summary>Answer</summary>
#
# From the reward backward: a diagonal from upper right to lower left, starting one place before R.
#
# </details>


# %% look="alignment"
@torch.no_grad()
def alignment(model, src, fed):
    """Cross-attention weights of every decoder layer for one row: (layers, H, T, S)."""
    x, memory, found = model.trg_embed(fed), model.encode(src), []
    future = torch.ones(fed.shape[1], fed.shape[1], device=fed.device).triu(1).bool()
    for layer in model.core.decoder.layers:
        own = layer.norm1(x)
        asking = layer.norm2(x + layer.self_attn(own, own, own, attn_mask=future, need_weights=False)[0])
        found.append(layer.multihead_attn(asking, memory, memory, average_attn_weights=False)[1][0])
        x = layer(x, memory, tgt_mask=future)
    return torch.stack(found)


row = ((test_targets != PAD).sum(dim=1) == 7).nonzero()[0].item()  # six places to replay, and EOS
run, replay = test_src[row][test_src[row] != PAD], test_targets[row][:7]
src, fed, targets = lesson_pair(run[None], replay[None])
weights = alignment(trained, src, fed)
steps, places = ([NAMES[t] for t in tokens[0].tolist()] for tokens in (targets, src))
tables = {f"layer {i}, mean of the heads": layer.mean(dim=0) for i, layer in enumerate(weights)}
plots.attention_maps(tables, [f"writes {name}" for name in steps], places, width=5)

# %% [markdown]
# Nobody told the model where to look; the diagonal came out of training. The layer below it does other work, and there the table is harder to read. Lesson 09 looks at this model again, and asks how far such pictures may be trusted.
#
# <a id="recap"></a>
# ## Recap
#
# - An encoder turns the source into a memory, once; a decoder writes the target, token by token, until EOS.
# - Cross-attention: queries from the target, keys and values from the memory, a table of $T \times S$ weights.
# - Targets shifted right and a causal mask train all steps at once; each protects against the other's leak.
# - A decoder layer adds three times to the *target's* stream: own history, source, computing.
# - The model returns logits; the softmax is in the loss.
# - Decoding feeds the whole history back, and stops each row at its EOS.
#
# *You have built* the transformer of 2017, in its pre-norm form. *Lesson 06* keeps the decoder alone, as GPT does.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | source, target | the sequence that is read (length $S$), the one that is written ($T$) |
# | memory | the encoder's output, one vector for each source token |
# | cross-attention, alignment | attention from target to source; its weights, read as who was used for what |
# | SOS, EOS, PAD | start of sequence, end of sequence, filler |
# | teacher forcing | training each step from the true history |
# | logits | one number for each possible token, before the softmax |
# | label smoothing | mixing the target distribution with the uniform one |
# | warm-up | letting the learning rate rise from near zero at first |
# | greedy, beam, sampling | best next token; best few beginnings; drawn by probability |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - Queries from the memory, or keys from the target: look at the table of dependencies.
# - Tests with equal lengths: they hide half of the errors of this lesson.
# - Adding the memory to the stream, or letting a part add what another one read.
# - Masks exchanged, or the causal one given to the encoder.
# - No shift: a loss that is too good. No mask: the same.
# - Softmax in the model and in the loss: a loss that stops at 1.62.
# - Decoding from the latest token only, or past EOS, or in training mode.
# - PyTorch's masks: True = blocked; its batches: second, unless `batch_first=True`.
#
# <a id="reading"></a>
# ## Further reading
#
# - Vaswani et al. (2017), *Attention Is All You Need*, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.1 (stacks), 3.2.3 (the three uses of attention), 5.3 (warm-up), 5.4 (dropout, label smoothing).
# - Bahdanau, Cho and Bengio (2015), [arXiv:1409.0473](https://arxiv.org/abs/1409.0473): section 5.2.1, alignments; Sutskever et al. (2014), [arXiv:1409.3215](https://arxiv.org/abs/1409.3215): one state, and why they *reversed* their sources.
# - Szegedy et al. (2016), [arXiv:1512.00567](https://arxiv.org/abs/1512.00567): section 7, label smoothing.
# - Foster and Wilson (2006), Nature 440, 680–683: reverse replay in place cells of awake rats.
# - Anumanchipalli, Chartier and Chang (2019), *Speech synthesis from neural decoding of spoken sentences*, Nature 568, 493–498: brain to speech, with recurrent networks.
# - PyTorch, [`nn.Transformer`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Transformer.html): its masks.
