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
# # 06 · GPT: a decoder that predicts the next word
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you build a GPT from five small parts, train it on a novel, and let it write.**
#
# *Before you start:* attention with a causal mask (lesson 03), heads and the residual stream (04), the decoder and its loss (05).
#
# | section | minutes |
# |---|---|
# | 1 · [How we got here](#history) | 8 |
# | 2 · [Decoder-only](#only) | 5 |
# | 3 · [Attention, fused](#attention): `CausalSelfAttention` | 15 |
# | 4 · [The MLP](#mlp): `MLP` | 6 |
# | 5 · [The block](#block): `Block` | 6 |
# | 6 · [The whole model](#gpt): `GPT` | 15 |
# | 7 · [Every token is a lesson](#loss): `next_token_loss` | 10 |
# | 8 · [A word predictor](#train) | 10 |
# | 9 · [From logits to words](#sampling): `next_token_probs` | 10 |
# | 10 · [One line to an encoder](#encoder) | 5 |
# | 11 · [Not only words](#beyond) | 5 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **build** causal multi-head attention with one fused projection,
# 2. **assemble** a GPT: blocks, positions, a tied head, and clear errors,
# 3. **compute** the loss of next-token prediction, shifted and masked,
# 4. **compare** a language model with baselines in bits per token,
# 5. **sample** text with a temperature and a top-k cut.

# %%
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from autograder import check
from course import novel, plots

torch.manual_seed(6)
torch.set_printoptions(precision=3, sci_mode=False)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# <a id="history"></a>
# ## 1 · How we got here
#
# ![Timeline: AlexNet 2012, seq2seq and attention 2014, the transformer 2017, GPT and BERT 2018, GPT-3 2020](../assets/figures/06_history.svg)
#
# **2012.** AlexNet, a convolutional network trained on graphics cards, wins the ImageNet competition by a wide margin. Vision, speech and
# language were separate crafts; deep learning begins to merge them.
#
# **2014.** *Sequence to sequence* (Sutskever, Vinyals and Le): one LSTM reads a sentence into a single vector, another writes the
# translation from it. In the same year Bahdanau, Cho and Bengio remove the bottleneck: their decoder looks back at *all* the encoder's
# states and weights them anew for each word it writes. That is attention, and it is theirs, three years before the transformer.
#
# **2017.** *Attention Is All You Need* keeps the attention and drops the recurrence. Its pieces were mostly known: attention, residual
# connections, layer normalization, MLPs. New were several heads with a scaled dot product, sinusoidal positions, and a network of
# nothing else that trains in parallel. Few changes were needed since: the norm moved in front of each sublayer.
#
# **2018 and after.** Half of a transformer is enough: the decoder alone (GPT) or the encoder alone (BERT).
#
# | | reads all tokens at once? | how far it can look | in training it waits for |
# |---|---|---|---|
# | RNN, LSTM | no, one step at a time | as far as its one state remembers | the step before |
# | causal convolution | yes | its window, times the depth | nothing |
# | causal attention | yes | the whole context, in one step | nothing |
#
# An LSTM's gates protect its state but do not enlarge it, and its state costs the same however long the past. Attention's context is
# limited too: by the block size, and by a cost that grows with its square.
#
# <a id="only"></a>
# ## 2 · Decoder-only
#
# ![Three families: encoder-decoder with cross-attention, encoder only, decoder only](../assets/figures/06_family.svg)
#
# Take lesson 05's decoder. Remove cross-attention and the encoder that it read. What remains is a **GPT**: masked self-attention and an
# MLP, repeated. ChatGPT-style models are built so. Prompt and answer are *one* sequence, under *one* causal mask: the same weights that
# read the prompt write the answer.
#
# ![A prompt, the end token, and the generated words are one sequence under one causal mask](../assets/figures/06_prompt.svg)
#
# What tells a model where a text ends? A token of its own, `<eos>`, *end of sequence*. In training it stands between texts (here:
# paragraphs). So the model learns two things: to *predict* `<eos>` where a paragraph is complete, which stops generation, and that after
# `<eos>` something new begins, so that a lone `<eos>` can serve as a start token. It has no power of its own: it is a token like others, an
# entry in the vocabulary with a learned vector.
#
# The names of this lesson are those of GPT-2 and of Karpathy's *nanoGPT*, a reference implementation worth reading after this lesson:
# `c_attn`, `c_proj`, `c_fc`, `wte` (word token embedding), `wpe` (word position embedding), `ln_f`. Shapes: $B$ sequences, $T$ tokens,
# $H$ heads, $C$ = `n_embd`, the width of the stream, $D = C / H$, the width of a head.
#
# <a id="attention"></a>
# ## 3 · Attention, fused
#
# **Exercise `CausalSelfAttention`** · difficulty 4/5 · importance 5/5 · 15 minutes · {points:CausalSelfAttention} points
#
# *Why now:* attention is the only part in which tokens talk. In lesson 04 three linear maps made queries, keys and values. Their weights
# can lie in one matrix, so that one product makes all three:
#
# $$[\,Q \mid K \mid V\,] = X\, W_{attn}^\top + b, \qquad W_{attn} \in \mathbb R^{3C \times C}.$$
#
# ![One product makes a (B, T, 3C) tensor, cut into q, k and v, and each into heads](../assets/figures/06_fused.svg)
#
# Then each of the three is cut into heads, $(B, T, C) \to (B, H, T, D)$; every head attends with scores over $\sqrt D$ and a causal mask;
# the heads are joined again, $(B, T, C)$, and `c_proj` mixes them.
#
# The order $q, k, v$ is a convention, but not a matter of taste: saved weights are numbers without labels. Exchange two thirds, and a
# model that loads without complaint speaks nonsense.
#
# *By hand*, $C = 2$, $H = 1$, a token $x = (1, 2)$, no bias, and `c_attn.weight` with the rows
# $(1,0), (0,1) \mid (0,1), (1,0) \mid (1,1), (2,0)$: the product is $(1, 2, 2, 1, 3, 2)$, so $q = (1, 2)$, $k = (2, 1)$, $v = (3, 2)$.
# The first token sees only itself, so its head says $(3, 2)$ whatever $q$ and $k$ are.
#
# **The mask is no parameter.** It is the same for every model and nothing learns it. A *buffer* is the place for it: it moves to the GPU
# with the module. With `persistent=False` it also stays out of saved files.
#
# **Predict.** How many parameters has the module at $C = 64$ with 4 heads? With 8?
#
# <details><summary>Answer</summary>
#
# $64 \cdot 192 + 192 + 64 \cdot 64 + 64 = 16{,}640$, with any number of heads: heads share the width among them.
#
# </details>


# %% exercise="CausalSelfAttention"
class CausalSelfAttention(nn.Module):
    """Multi-head self-attention in which a token hears from itself and from earlier ones.

    n_embd: width C of a token, in and out. n_head: number of heads, each C / n_head wide;
    ValueError if that is no whole number. block_size: the most tokens that will ever come.
    dropout: probability. Parameters: c_attn, an nn.Linear(C, 3 * C), whose output holds queries,
    keys, values, in this order, and of each the columns of head 0 first, then of head 1, ...;
    c_proj, an nn.Linear(C, C). Both with bias.
    If you store the mask, register it as a buffer; no values are ever loaded into it.
    """

    def __init__(self, n_embd, n_head, block_size, dropout):
        ### BEGIN SOLUTION
        super().__init__()
        if n_embd % n_head:
            raise ValueError(f"n_embd={n_embd} cannot be divided among n_head={n_head} heads; choose a multiple")
        self.n_head = n_head
        self.c_attn = nn.Linear(n_embd, 3 * n_embd)
        self.c_proj = nn.Linear(n_embd, n_embd)
        self.attn_dropout = nn.Dropout(dropout)
        self.resid_dropout = nn.Dropout(dropout)
        earlier = torch.tril(torch.ones(block_size, block_size)).bool()
        self.register_buffer("mask", earlier, persistent=False)
        ### END SOLUTION

    def forward(self, x):
        """x: (B, T, C) with T <= block_size; returns (B, T, C), and leaves x unchanged.

        Scores are divided by the square root of a head's width. In training, dropout acts on the
        attention weights and on the output of c_proj; in evaluation on nothing.
        """
        ### BEGIN SOLUTION
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.n_head, -1).transpose(1, 2) for part in self.c_attn(x).chunk(3, dim=-1))
        scores = q @ k.transpose(-2, -1) / math.sqrt(C // self.n_head)
        scores = scores.masked_fill(~self.mask[:T, :T], -math.inf)  # remove this line: an encoder
        heads = self.attn_dropout(F.softmax(scores, dim=-1)) @ v  # (B, H, T, D)
        return self.resid_dropout(self.c_proj(heads.transpose(1, 2).reshape(B, T, C)))
        ### END SOLUTION


# %% check="CausalSelfAttention"
check("CausalSelfAttention")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Cut the last axis into three equal pieces first, and each piece into heads afterwards. Before heads can attend, their axis has to
# stand in front of the tokens'; before they can be joined, it has to go back.
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# q, k, v ← thirds of c_attn(x) · each: columns seen as (H, D), then heads before tokens · scores ← q times k turned, over √D · where the
# key is later than the query: minus infinity · weights ← softmax over keys, dropout · blend values · heads behind tokens again, side by
# side · c_proj, dropout
#
# </details>
# <details><summary>Hint 3: a shorter way</summary>
#
# PyTorch's fused attention function knows a causal flag. Its dropout argument does not know whether the module is in training: you
# have to tell it.
#
# </details>
#
# #### Look, and break it
#
# Who depends on whom? One token at a time is changed; a filled square means that an output moved. On the left your module. On the right
# the same computation without a mask: each token can see the one it is asked to predict.


# %% look="dependence"
def who_moves(layer, length=7, width=8):
    """Which output (row) moves when which input (column) changes: bool (T, T)."""
    x = torch.randn(1, length, width, device=device)
    changed = x.repeat(length, 1, 1) + torch.eye(length, device=device)[:, :, None] * torch.randn(width, device=device)
    with torch.no_grad():
        return ((layer(changed) - layer(x)).abs().amax(dim=-1) > 1e-6).T


with plots.needs("CausalSelfAttention"):
    layer = CausalSelfAttention(8, 2, 16, 0.0).to(device).eval()
    open_layer = nn.MultiheadAttention(8, 2, batch_first=True).to(device).eval()
    _, (left, right) = plots.plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    plots.mask_map(who_moves(layer), "your module", "output", "input", left)
    plots.mask_map(who_moves(lambda x: open_layer(x, x, x)[0]), "without a mask", "output", "input", right)

# %% [markdown]
# <a id="mlp"></a>
# ## 4 · The MLP
#
# **Exercise `MLP`** · difficulty 1/5 · importance 3/5 · 6 minutes · {points:MLP} points
#
# *Why now:* tokens have communicated; now each computes on what it heard. Lesson 04's feed-forward layer returns, with another
# nonlinearity: the Gaussian error linear unit,
#
# $$\operatorname{GELU}(x) = x \cdot \Phi(x) = \frac x2 \left(1 + \operatorname{erf}\frac{x}{\sqrt 2}\right), \qquad
# \operatorname{MLP}(x) = W_{proj}\, \operatorname{GELU}(W_{fc}\, x + b_{fc}) + b_{proj}.$$
#
# $\Phi(x)$ is the probability that a standard normal number is below $x$: large inputs pass, very negative ones do not, and in between there is no kink.
#
# ![GELU and ReLU over the same axis, and below the error of the tanh formula, at most 0.0005](../assets/figures/06_gelu.svg)
#
# *By hand:* $\Phi(1) = 0.841$, so GELU(1) = 0.841; $\Phi(-1) = 0.159$, so GELU(−1) = −0.159; GELU(0) = 0.
#
# GPT-2 used an approximation with tanh, from a time when erf was slow. It is close but not equal; here the exact one is wanted. To load
# somebody's weights, use the formula that they were trained with.
#
# **Predict.** Which part of a block has more parameters, attention or MLP?
#
# <details><summary>Answer</summary>
#
# The MLP: $2 \cdot 4C \cdot C = 8 C^2$ weights against $3 C^2 + C^2 = 4 C^2$.
#
# </details>


# %% exercise="MLP"
class MLP(nn.Module):
    """What each token computes on its own: c_fc, exact GELU, c_proj, dropout.

    n_embd: width C of a token, in and out. dropout: probability, at the very end and in training only.
    Parameters: c_fc, an nn.Linear(C, 4 * C); c_proj, an nn.Linear(4 * C, C). Both with bias.
    """

    def __init__(self, n_embd, dropout):
        ### BEGIN SOLUTION
        super().__init__()
        self.c_fc = nn.Linear(n_embd, 4 * n_embd)
        self.c_proj = nn.Linear(4 * n_embd, n_embd)
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, x):
        """x: (..., C); returns the same shape, and leaves x unchanged. GELU without the tanh approximation."""
        ### BEGIN SOLUTION
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x))))
        ### END SOLUTION


# %% check="MLP"
check("MLP")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# PyTorch has this nonlinearity, as a function and as a module. Read what its `approximate` argument does by default.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Widen, bend, narrow, drop: four steps, one after the other. Nothing here looks at other tokens.
#
# </details>
#
# #### Look
#
# Send numbers through your own MLP whose weights are set to let one hidden unit through: what comes out is the nonlinearity that you used.

# %% look="bend"
with plots.needs("MLP"), torch.no_grad():
    probe = MLP(1, 0.0).to(device).eval()
    for parameter in probe.parameters():
        parameter.zero_()
    probe.c_fc.weight[0], probe.c_proj.weight[0, 0] = 1.0, 1.0
    x = torch.linspace(-3, 3, 25, device=device)
    lines = {"your MLP": probe(x[:, None])[:, 0], "ReLU": x.relu()}
    plots.curves(x.cpu(), lines, "input", "output", "What your hidden units do")

# %% [markdown]
# <a id="block"></a>
# ## 5 · The block
#
# **Exercise `Block`** · difficulty 2/5 · importance 4/5 · 6 minutes · {points:Block} points
#
# *Why now:* two parts, one stream. As in lesson 04 each part reads a *normalized copy* of the stream and *adds* what it has to say:
#
# $$x \leftarrow x + \operatorname{attn}(\operatorname{ln}_1(x)), \qquad x \leftarrow x + \operatorname{mlp}(\operatorname{ln}_2(x)).$$
#
# ![A residual stream with two branches, attention between tokens and MLP within a token](../assets/figures/06_block.svg)
#
# What is added to is the sublayer's *input*, the stream itself: neither its normalized copy nor the original embedding.
#
# *By hand:* the stream holds $x = (2, 0)$; normalized (weight 1, bias 0) it is $(1, -1)$. If attention answers $(0.5, 0)$ the stream
# becomes $(2.5, 0)$, not $(1.5, -1)$.
#
# **Predict.** What does a block do whose `c_proj` weights and biases, both of them, are zero?
#
# <details><summary>Answer</summary>
#
# Nothing: the stream passes as it was. That is why a deep stack of fresh blocks with small weights can be trained at all.
#
# </details>


# %% exercise="Block"
class Block(nn.Module):
    """One layer of GPT: causal attention, then the MLP, each on a normalized copy and added to the stream.

    Sizes as in CausalSelfAttention. Parts: ln_1 and ln_2, each an nn.LayerNorm(n_embd);
    attn, a CausalSelfAttention(n_embd, n_head, block_size, dropout); mlp, an MLP(n_embd, dropout).
    """

    def __init__(self, n_embd, n_head, block_size, dropout):
        ### BEGIN SOLUTION
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd)
        self.attn = CausalSelfAttention(n_embd, n_head, block_size, dropout)
        self.ln_2 = nn.LayerNorm(n_embd)
        self.mlp = MLP(n_embd, dropout)
        ### END SOLUTION

    def forward(self, x):
        """x: (B, T, n_embd); returns the same shape, and leaves x unchanged."""
        ### BEGIN SOLUTION
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))
        ### END SOLUTION


# %% check="Block"
check("Block")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Two lines of the same form. The second one starts from the result of the first.
#
# </details>
# <details><summary>Hint 2: when the argument changes</summary>
#
# `x += ...` writes into the tensor that the caller gave you; an ordinary sum makes a new one.
#
# </details>
#
# #### Look
#
# How much does a fresh block add to the stream? Length of the stream, and of what eight of your blocks in a row add to it.

# %% look="stream"
with plots.needs("Block", "CausalSelfAttention", "MLP"), torch.no_grad():
    x, sizes_of = torch.randn(4, 10, 64, device=device), {"the stream": [], "what the block adds": []}
    for _ in range(8):
        after = Block(64, 4, 16, 0.0).to(device).eval()(x)
        sizes_of["the stream"].append(after.norm(dim=-1).mean().item())
        sizes_of["what the block adds"].append((after - x).norm(dim=-1).mean().item())
        x = after
    plots.curves(range(1, 9), sizes_of, "block", "mean length of a token's vector")

# %% [markdown]
# <a id="gpt"></a>
# ## 6 · The whole model
#
# **Exercise `GPT`** · difficulty 4/5 · importance 5/5 · 15 minutes · {points:GPT} points
#
# *Why now:* all parts are there. A token's number picks a row of `wte`, its place a row of `wpe`; their sum enters the stream. Then
# blocks, a last norm, and a linear map to one logit for each word of the vocabulary:
#
# $$x = \operatorname{wte}[\text{token}] + \operatorname{wpe}[\text{place}], \qquad \text{logits} = \operatorname{ln}_f(\text{blocks}(x))\; W_{head}^\top .$$
#
# ![GPT from tokens to logits; word embedding and head share one table](../assets/figures/06_gpt.svg)
#
# **Weight tying.** The embedding has a row for each word, $(V, C)$, and so has the head: its logit for a word is the dot product of the
# stream with that word's row. GPT-2 uses *one table for both*. This is a transpose, not an inverse: nothing runs backward, and
# head(embedding(word)) is not the word. It saves $V \cdot C$ numbers (GPT-2 small: 38 of 163 million), and what is learned of a word
# as input helps it as output. Not every model ties; what commercial ones do is often not published.
#
# **Positions end.** `wpe` has `block_size` rows. For one token more there is no position, and a clear error beats an index error from the
# depths, or a silent cut. Give numbers: what came, what is allowed.
#
# **Targets.** Given targets, the model also returns its loss, the cross-entropy of lesson 05. A target of −100 says *do not count
# this place*: padding, or a prompt that the model should answer but not learn to write.
#
# *By hand:* $C = 2$, rows of the table *fish* $(1, 0)$ and *boat* $(0, 2)$. If the last norm puts out $(0.5, 1)$, the logits are $0.5$
# and $2$, the probabilities $0.18$ and $0.82$, and if *boat* was the target the loss is $-\ln 0.82 = 0.20$.
#
# **Predict.** A vocabulary of 1,000 words, $C = 64$, two blocks: which part holds most parameters?
#
# <details><summary>Answer</summary>
#
# The table, 64,000. A block has 49,984. Untied, it would be 128,000 in tables alone.
#
# </details>


# %% exercise="GPT"
class GPT(nn.Module):
    """A decoder-only transformer.

    vocab_size: number of tokens. block_size: the most tokens in a sequence. n_layer: number of
    blocks, also 0. n_head, n_embd, dropout: as in Block. Parts, in the order in which they act:
    wte, an nn.Embedding(vocab_size, n_embd); wpe, an nn.Embedding(block_size, n_embd);
    drop, an nn.Dropout, on their sum;
    h, an nn.ModuleList of n_layer times Block(n_embd, n_head, block_size, dropout);
    ln_f, an nn.LayerNorm(n_embd);
    lm_head, an nn.Linear(n_embd, vocab_size) without bias, whose weight *is* the weight of wte:
    one parameter.
    """

    def __init__(self, vocab_size, block_size, n_layer, n_head, n_embd, dropout):
        ### BEGIN SOLUTION
        super().__init__()
        self.block_size = block_size
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.drop = nn.Dropout(dropout)
        self.h = nn.ModuleList(Block(n_embd, n_head, block_size, dropout) for _ in range(n_layer))
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.wte.weight
        ### END SOLUTION

    def forward(self, tokens, targets=None):
        """Returns (logits, loss): logits (B, T, vocab_size), not normalized; loss None without targets.

        tokens: (B, T) int64; the first has position 0. If T > block_size: ValueError whose message
        holds both numbers. targets: (B, T) int64; targets[b, t] is what logits[b, t] should say
        (nothing is shifted here). The loss is the mean cross-entropy, in nats, over all places of
        the batch whose target is not -100; there is at least one.
        """
        ### BEGIN SOLUTION
        T = tokens.shape[1]
        if T > self.block_size:
            raise ValueError(f"{T} tokens were given, but block_size={self.block_size} is the most; shorten the sequence")
        x = self.drop(self.wte(tokens) + self.wpe(torch.arange(T, device=tokens.device)))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
        ### END SOLUTION


# %% check="GPT"
check("GPT")

# %% [markdown]
# <details><summary>Hint 1: tying</summary>
#
# Make both layers, then let one's `weight` attribute *be* the other's. Copying values is not enough: training would pull them apart.
#
# </details>
# <details><summary>Hint 2: forward</summary>
#
# too long? say so · words plus the first T positions, dropout · one block after the other · norm, head · no targets: logits and nothing ·
# else: cross-entropy of all places in one row, those of −100 ignored
#
# </details>
# <details><summary>Hint 3: the loss</summary>
#
# `F.cross_entropy` wants logits (places, vocabulary) and targets (places,), takes logits as they are, and can ignore one index.
#
# </details>
#
# ### The same model from PyTorch's parts
#
# From here on the lesson has a known-good component: PyTorch's *encoder* layers, which become a decoder by a causal mask. GPT has no
# cross-attention, so `nn.TransformerDecoder` would have too much. `weights_for_yours` renames its parameters to yours:
# PyTorch's `in_proj_weight` has the order q, k, v as well.


# %%
class TorchGPT(nn.Module):
    """The known-good model: made and called like your GPT, from PyTorch's parts."""

    def __init__(self, vocab_size, block_size, n_layer, n_head, n_embd, dropout):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab_size, n_embd), nn.Embedding(block_size, n_embd)
        layer = nn.TransformerEncoderLayer(n_embd, n_head, 4 * n_embd, dropout, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, n_layer, nn.LayerNorm(n_embd), enable_nested_tensor=False)

    def forward(self, tokens, targets=None):
        T = tokens.shape[1]
        future = torch.ones(T, T, device=tokens.device).triu(1).bool()  # here True = blocked
        logits = self.blocks(self.wte(tokens) + self.wpe.weight[:T], mask=future) @ self.wte.weight.T
        return logits, None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())


# %%
def weights_for_yours(theirs):
    """The parameters of a TorchGPT under the names of your GPT."""
    names = {"blocks.layers.": "h.", "blocks.norm": "ln_f", "self_attn.in_proj_": "attn.c_attn.", "self_attn.out_proj": "attn.c_proj"}
    names |= {"norm1": "ln_1", "norm2": "ln_2", "linear1": "mlp.c_fc", "linear2": "mlp.c_proj"}
    yours = {"lm_head.weight": theirs.wte.weight}
    for name, parameter in theirs.state_dict().items():
        for old, new in names.items():
            name = name.replace(old, new)
        yours[name] = parameter
    return yours


# %% look="equal"
sizes = {"vocab_size": 1000, "block_size": 32, "n_layer": 2, "n_head": 4, "n_embd": 64, "dropout": 0.1}
some = torch.randint(1000, (3, 20), device=device)
theirs = TorchGPT(**sizes).to(device).eval()
print(f"{sum(p.numel() for p in theirs.parameters()):,} parameters")
with plots.needs("GPT", "Block", "CausalSelfAttention", "MLP"), torch.no_grad():
    yours = GPT(**sizes).to(device).eval()
    yours.load_state_dict(weights_for_yours(theirs), strict=False)  # a mask is not in the file
    gap = (yours(some)[0] - theirs(some)[0]).abs().max()
    print(f"logits of your GPT and of PyTorch's parts differ by at most {gap:.1e} (logits of size {theirs(some)[0].std():.1f})")

# %% [markdown]
# <a id="loss"></a>
# ## 7 · Every token is a lesson
#
# **Exercise `next_token_loss`** · difficulty 3/5 · importance 5/5 · 10 minutes · {points:next_token_loss} points
#
# *Why now:* what should the logits say? The next word; and text contains its own answers. At every place of a training text the next token is known, so
# the model is given the *true* past everywhere, not its own guesses: **teacher forcing**. With the causal mask all places are
# predicted in one pass, in parallel; a generated text is written word by word.
#
# ![Logits at each place are compared with the token one place later; the last has no target](../assets/figures/06_shift.svg)
#
# $$\mathcal L = -\frac{1}{B\,(T-1)} \sum_{b} \sum_{t=0}^{T-2} \log p_{b,t}\big[\text{token}_{b,t+1}\big], \qquad p = \operatorname{softmax}(\text{logits}).$$
#
# *By hand*, three tokens $0, 1, 2$ of a vocabulary of three. After token 0 the model gives $(\frac14, \frac12, \frac14)$, after token 1
# $(\frac12, \frac14, \frac14)$, after token 2 whatever. The loss is $-\frac12(\ln\frac12 + \ln\frac14) = 1.04$ nats, or 1.5 bits.
#
# Who shifts? Here this function does; in `GPT.forward` the caller did. Libraries differ in the same way. Shift once: twice predicts the
# token after next, and not at all asks the model to repeat what it sees.
#
# **Predict.** What loss has a model that gives all of $V = 1000$ words the same probability?
#
# <details><summary>Answer</summary>
#
# $\ln 1000 = 6.9$ nats, 10 bits. A fresh model should start near it. Much more means wrong initial weights; much *less* within a few steps means that it
# sees the answer.
#
# </details>


# %% exercise="next_token_loss"
def next_token_loss(logits, tokens, ignore_index=-100):
    """Mean cross-entropy, in nats, of predicting each token from what was said before it.

    logits: (B, T, V), not normalized; logits[b, t] predict tokens[b, t + 1].
    tokens: (B, T) int64, T >= 2. Tokens equal to ignore_index are not predicted: the mean is over
    all other tokens from place 1 on, of the whole batch; there is at least one.
    Returns a tensor with one number, and leaves the arguments unchanged.
    """
    ### BEGIN SOLUTION
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=ignore_index)
    ### END SOLUTION


# %% check="next_token_loss"
check("next_token_loss")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Which logits have no token after them? Which token has no logits before it? Leave both out, and the rest fits.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# All places of all sequences become one long row before the mean. A mean of the sequences' means would weigh short ones more.
#
# </details>
#
# #### Look
#
# The loss of each place for a model that repeats what it just saw, and for one that knows the future, on the same random tokens. Your
# function should punish the first and reward the second.

# %% look="shift"
with plots.needs("next_token_loss"):
    said = torch.randint(10, (50, 12))
    models = {"repeats the token": said, "knows the next token": said.roll(-1, dims=1), "knows nothing": None}
    for name, guess in models.items():
        logits = torch.zeros(50, 12, 10) if guess is None else 4.0 * F.one_hot(guess, 10)
        print(f"{name:22} loss {next_token_loss(logits, said):.2f} nats")
    print(f"{'logarithm of 10':22}      {math.log(10):.2f}")

# %% [markdown]
# <a id="train"></a>
# ## 8 · A word predictor
#
# The text: Jane Austen's *Pride and Prejudice* (1813), in the public domain, some 120,000 words. It ships with the course. Tokens are the 998 most
# frequent words and marks, `<eos>` at each paragraph's end, and `<unk>` for every rarer word (one token in nine). The first 85 % are for training, 5 % for
# choosing, and the last 10 % are touched only by the scores you see.

# %% look="novel"
book = novel.load()
V = len(book.vocabulary)
print(f"{len(book.train):,} tokens to train on, {len(book.valid):,} to choose with, {len(book.test):,} to test on, {V} different")
print("the test part begins:", book.decode(book.test[:45]))

# %% [markdown]
# **How good is good?** A loss in nats over $\ln 2$ gives *bits per token*: how many yes-or-no questions a word still costs. Two baselines count instead of
# learning. The *unigram* knows how frequent each word is. The *bigram* also counts which word follows which, mixed with the unigram
# where pairs are rare:
#
# $$p(w \mid u) = \frac{n(u, w) + \kappa\, p(w)}{n(u) + \kappa}, \qquad \kappa \text{ chosen on the validation part.}$$
#
# Bits depend on the tokens: with more `<unk>` they fall. Compare only models with the same vocabulary.

# %% look="baselines"
one = torch.bincount(book.train, minlength=V) + 1.0
one = one / one.sum()
pairs = torch.zeros(V, V).index_put_((book.train[:-1], book.train[1:]), torch.ones(len(book.train) - 1), accumulate=True)


def bigram_bits(text, kappa):
    """Mean bits per token of the smoothed bigram model on a text of tokens (N,)."""
    before, after = text[:-1], text[1:]
    return -torch.log2((pairs[before, after] + kappa * one[after]) / (pairs[before].sum(dim=1) + kappa)).mean().item()


kappa = min((1, 3, 10, 30, 100, 300), key=lambda k: bigram_bits(book.valid, k))
scores = {"chance": math.log2(V), "unigram": -torch.log2(one[book.test[1:]]).mean().item(), "bigram": bigram_bits(book.test, kappa)}
print("  ".join(f"{name} {bits:.2f}" for name, bits in scores.items()), f"bits per token on the test part (kappa = {kappa})")

# %% [markdown]
# **Training**, for up to a minute. Two details decide whether it works. The *initial weights* are small (standard deviation 0.02):
# `nn.Embedding` starts with standard deviation 1, which, tied to the head, gives logits of size $\sqrt C = 8$ and an absurd first loss. The *learning rate*
# rises, then falls. Windows of 32 tokens are drawn from anywhere in the training part; targets are the same window one token later.


# %%
def initialize(model):
    """Small random weights, zero biases, norms as they are."""
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def bits_per_token(model, text, window=32):
    """Mean bits per token on a text (N,), in windows one after the other; each window starts with no past."""
    count = (len(text) - 1) // window
    fed, wanted = (text[i : i + count * window].view(count, window).to(device) for i in (0, 1))
    with torch.no_grad():
        return model.eval()(fed, wanted)[1].item() / math.log(2)


# %%
def train(model, text, held_out, steps=900, rate=4e-3, batch=32, window=32):
    """Train on windows of a text; returns {step: (bits of the last batch, bits held out)}."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.1)
    shape = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 50) * (1 + math.cos(math.pi * s / steps)) / 2)
    history = {}
    for step in range(1, steps + 1):
        start = torch.randint(len(text) - window, (batch, 1))
        seen = text[start + torch.arange(window + 1)].to(device)
        loss = model.train()(seen[:, :-1], seen[:, 1:].contiguous())[1]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        shape.step()
        if step % 100 == 0 or step == 1:
            history[step] = (loss.item() / math.log(2), bits_per_token(model, held_out, window))
    return history


# %% look="train"
torch.manual_seed(6)
try:
    model, whose = initialize(GPT(**sizes)).to(device), "your GPT"
    assert model(some)[0].shape == (3, 20, 1000)
except Exception as error:  # not written yet, or not yet right: the lesson goes on with PyTorch's parts
    print(f"Your GPT does not run yet ({type(error).__name__}); this trains PyTorch's.")
    model, whose = initialize(TorchGPT(**sizes)).to(device), "PyTorch's GPT"
began = time.perf_counter()
history = train(model, book.train, book.valid)
lines = dict(zip(["training batch", "held out"], zip(*history.values())))
lines |= {name: [bits] * len(history) for name, bits in scores.items() if name != "chance"}
scores[whose] = bits_per_token(model, book.test)
plots.curves(list(history), lines, "training steps", "bits per token", f"{whose}: {time.perf_counter() - began:.0f} s of training")
print("  ".join(f"{name} {bits:.2f}" for name, bits in scores.items()), "bits per token on the test part")

# %% [markdown]
# The model starts near chance and passes the unigram quickly; the bigram takes longer. A count table with 1,000 × 1,000 cells is a strong
# opponent: it knows each pair it has seen. What the GPT has beyond it is the *longer past*. Three times as many steps bring it to 5.4 bits; much further they do not, for the novel is short.
#
# What follows uses saved weights, a longer run of the same code (`assets/models/make_06_gpt.py`), so you may skip the training.


# %%
def saved_model():
    """The TorchGPT as shipped; on a machine without the file, an untrained one."""
    model, file = TorchGPT(1000, 32, 2, 4, 64, 0.1).to(device).eval(), Path("../assets/models/06_gpt.safetensors")
    if file.is_file():
        model.load_state_dict(load_file(file))
    else:
        print(f"{file} is missing, so this model is untrained; run this notebook from a copy of the whole course.")
    return model


# %% look="saved"
trained = saved_model()
scores["saved GPT"] = bits_per_token(trained, book.test)
past = {}
for length in (1, 2, 4, 8, 16, 31):  # only the last word of windows that are this long
    windows = book.test[: (len(book.test) // 32) * 32].view(-1, 32).to(device)
    with torch.no_grad():
        logits = trained(windows[:, 31 - length : 31])[0][:, -1]
    past[length] = F.cross_entropy(logits, windows[:, 31]).item() / math.log(2)
pair = windows[:, 30:].cpu()  # the same words for both models
same = -torch.log2((pairs[pair[:, 0], pair[:, 1]] + kappa * one[pair[:, 1]]) / (pairs[pair[:, 0]].sum(dim=1) + kappa)).mean()
lines = {"saved GPT": list(past.values()), "bigram": [same] * len(past)}
plots.curves(list(past), lines, "words of the past that it may read", "bits per token", "What the past is worth", log="x")
print("  ".join(f"{name} {bits:.2f}" for name, bits in scores.items()), "bits per token on the test part")

# %% [markdown]
# <a id="sampling"></a>
# ## 9 · From logits to words
#
# **Exercise `next_token_probs`** · difficulty 2/5 · importance 4/5 · 10 minutes · {points:next_token_probs} points
#
# *Why now:* always taking the likeliest word (lesson 05's greedy decoding) soon runs in circles. Sampling from the probabilities is livelier, but a
# thousand unlikely words together are not unlikely. Two knobs help. The **temperature** $\tau$ divides the logits before the softmax; **top-k** keeps only the $k$ largest:
#
# $$p_w = \frac{e^{\,l_w / \tau}}{\sum_{u \in \text{top } k} e^{\,l_u / \tau}} \text{ for } w \text{ in the top } k, \text{ else } 0.$$
#
# *By hand*, logits $(2, 1, 0)$: at $\tau = 1$ the shares are $(0.67, 0.24, 0.09)$; at $\tau = 0.5$ they are $(0.87, 0.12, 0.02)$. With $k = 2$, at $\tau = 1$: $(0.73, 0.27, 0)$.
#
# **Predict.** Which temperature makes all words equally likely? Which gives greedy decoding?
#
# <details><summary>Answer</summary>
#
# A very high one; and one very near zero. Zero itself divides by zero: for greedy decoding take the largest logit, or $k = 1$.
#
# </details>


# %% exercise="next_token_probs"
def next_token_probs(logits, temperature=1.0, top_k=None):
    """Probabilities to draw the next token from.

    logits: (..., V), not normalized. temperature: > 0, divides the logits.
    top_k: None, or how many of the largest logits of each row keep a probability; the others get
    exactly 0. A top_k of V or more keeps all. No two logits are equal.
    A temperature <= 0, or a top_k < 1, raises ValueError.
    Returns (..., V), each row summing to one; logits are left unchanged.
    """
    ### BEGIN SOLUTION
    if temperature <= 0:
        raise ValueError(f"temperature={temperature} was given; it must be above 0 (for the likeliest token take top_k=1)")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k={top_k} was given; at least one token must remain")
    logits = logits / temperature
    if top_k is not None:
        smallest = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[..., -1:]  # that is kept
        logits = logits.masked_fill(logits < smallest, -math.inf)
    return F.softmax(logits, dim=-1)
    ### END SOLUTION


# %% check="next_token_probs"
check("next_token_probs")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# What must a logit become so that the softmax gives it exactly 0? You have used it for masks. Do it before the softmax, then the
# rest sums to one by itself.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Find for each row the k-th largest logit, keep its axis, and compare. Make a new tensor rather than writing into the given one.
#
# </details>
#
# #### Look
#
# **Move the slider:** ten words that the saved model holds likeliest after *"it is a truth universally acknowledged, that a single man in"*, at several temperatures.

# %% look="slider"
prompt = book.encode("it is a truth universally acknowledged, that a single man in").to(device)
with torch.no_grad():
    last = trained(prompt[None])[0][0, -1]
best = last.topk(10)
print("0 to 9:", ", ".join(book.vocabulary[token] for token in best.indices.tolist()))
frames = {}
for tau in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0):
    frames[str(tau)] = {"all words": F.softmax(last / tau, 0)[best.indices], "top_k = 5": F.softmax(best.values[:5] / tau, 0)}
plots.bars_with_slider(frames, "temperature", "word, by rank", "probability", "The next word").show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is what it says:
#
# ![Probabilities of ten words at temperatures 0.5, 1 and 2: from one dominant word to nearly flat](../assets/figures/06_sampling.svg)
#
# **Generation** is a loop: read, get probabilities, draw, append. It stops at `<eos>`. Positions end at the block size, so a longer text is read through a window of its last 32 tokens.


# %% look="generate"
def generate(model, tokens, count, temperature=1.0, top_k=None, block_size=32):
    """Continue tokens (T,) by up to `count` tokens, each drawn with next_token_probs; stops after <eos>."""
    model.eval()
    for _ in range(count):
        with torch.no_grad():
            logits = model(tokens[None, -block_size:])[0][0, -1]
        logits[book.index[novel.UNKNOWN]] = -math.inf  # nobody wants to read <unk>
        probabilities = next_token_probs(logits, temperature, top_k)
        tokens = torch.cat([tokens, torch.multinomial(probabilities, 1)])
        if tokens[-1] == book.index[novel.EOS]:
            break
    return tokens


with plots.needs("next_token_probs"):
    torch.manual_seed(1)
    start = book.encode("elizabeth could not").to(device)
    for tau, k in [(0.2, None), (0.8, 40), (1.0, None), (2.0, None)]:
        print(f"temperature {tau}, top_k {k}:\n  {book.decode(generate(trained, start, 45, tau, k))}\n")

# %% [markdown]
# It has learned spelling from nobody (words are whole here), grammar a little, sense hardly: 166,000 parameters and one novel. A cold model plays safe; a hot one forgets its grammar.
#
# **Break it.** Ask for one token more than the block size, and see whose error you get:

# %% look="too-long"
with plots.needs("GPT"):
    small = GPT(10, 4, 1, 1, 8, 0.0)
    for length in (4, 5):
        try:
            print(f"{length} tokens: logits {tuple(small(torch.zeros(1, length, dtype=torch.int64))[0].shape)}")
        except (ValueError, IndexError, RuntimeError) as error:
            print(f"{length} tokens: {type(error).__name__}: {error}")

# %% [markdown]
# <a id="encoder"></a>
# ## 10 · One line to an encoder
#
# What makes it a decoder is a single line of `CausalSelfAttention`: the one that hides the future. Remove it and every token reads all
# others; the same blocks are an encoder, as in BERT or in lesson 07's model of neurons. The *task* must change with it: with the future in
# sight, the next token is no longer a question. Encoders are trained to fill in masked tokens instead.
#
# To see the leak, here are both, trained on tokens that *nobody* can predict: ten symbols drawn at random. They differ in that one line.
#
# **Predict.** What is the best honest score, in bits per token?
#
# <details><summary>Answer</summary>
#
# $\log_2 10 = 3.32$: each symbol is equally likely, whatever came before.
#
# </details>


# %% look="leak"
class LeakyGPT(TorchGPT):
    """A TorchGPT whose mask was forgotten."""

    def forward(self, tokens, targets=None):
        logits = self.blocks(self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]) @ self.wte.weight.T
        return logits, None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())


torch.manual_seed(6)
dice = torch.randint(10, (20_000,))
tiny = {"vocab_size": 10, "block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 32, "dropout": 0.0}
curves_of = {}
for name, kind in {"causal": TorchGPT, "mask forgotten": LeakyGPT}.items():
    leak = train(kind(**tiny).to(device), dice[:18_000], dice[18_000:], steps=400, rate=5e-3, window=8)
    curves_of[name] = [held_out for step, (_, held_out) in leak.items() if step > 1]
curves_of["best possible"] = [math.log2(10)] * 4
plots.curves(list(leak)[1:], curves_of, "training steps", "held-out bits per token", "Too good to be true: predicting dice")

# %% [markdown]
# Where the leaky model can see the next token, it predicts dice; only the last place of each window, which has no next token in sight, still costs it bits.
# A loss far below every baseline is no triumph but a leak, and *held-out data do not reveal it*: the answer is
# in the input there too. What reveals it is the perturbation test of section 3, or generation, which has no future to copy.
#
# <a id="beyond"></a>
# ## 11 · Not only words
#
# A GPT needs tokens in order and something to predict. Turn it into a decoder of neural data, and most of it stays (lesson 08 does it):
#
# | language model | decoder of neural recordings | why |
# |---|---|---|
# | token = word, `wte` looks up a row | token = time bin, a linear map of the $N$ channels | bins are vectors already |
# | `wpe`, block size | the same, one place for each bin of a window | order still matters |
# | causal mask | kept for online use, dropped offline | may the future be read? |
# | tied head, softmax over words | a free linear map to positions or classes | output is not the vocabulary |
# | next-token loss | squared error, cross-entropy or Poisson loss | no next word to predict |
#
# What transformers have done elsewhere, with the family that each belongs to:
#
# - **GPT-3** (2020), decoder-only, 175 billion parameters; training took about 3,640 petaflop/s-days by its authors' count. What that cost was never published; outside estimates speak of millions of dollars.
# - **ChatGPT** (2022): such a decoder, then fine-tuned on demonstrations and human preferences.
# - **BERT** (2018), encoder-only, fills in masked tokens; search and classification.
# - **Gato** (2022), one decoder for text, images, games and robot arms, all turned into tokens.
# - **DALL·E 2** (2022): text to image by CLIP embeddings and *diffusion*. The first DALL·E was the autoregressive one.
# - **AlphaFold 2** (2021): attention over residues and related sequences, neither GPT nor BERT. AlphaFold 1 was a convolutional network.
# - **Perceiver** (2021): cross-attention from a few learned vectors to very many inputs, to escape the cost of $T^2$.
# - **In the lab**: masked models of spikes (lesson 07), speech decoded from the cortex with a language model, protein and DNA models.
#
# Scale brought much of this, and scale means data, computing time, energy and money: all four deserve thought.
#
# <a id="recap"></a>
# ## Recap
#
# - GPT = decoder − cross-attention: embeddings, blocks of causal attention and MLP, a norm, a tied head.
# - One product makes q, k and v, *in this order*; the mask is a buffer.
# - Teacher forcing: with the true past given, all places are trained at once. Logits $t$ meet token $t + 1$.
# - Bits per token, beside chance, unigram and bigram, on text never seen.
# - Temperature sharpens or flattens; top-k cuts the tail; `<eos>` stops.
# - One line less makes an encoder, and next-token loss meaningless.
#
# *You have built* a GPT and trained it. *Lesson 07* takes the mask away and reads neurons. The same training loop in PyTorch Lightning:
# `docs/lightning.md`.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | decoder-only | causal self-attention without an encoder to read |
# | fused projection | one matrix whose output holds q, k and v |
# | buffer | a tensor that belongs to a module but is not learned |
# | weight tying | embedding and head are one table, used as it is and transposed |
# | block size | the most tokens that a model can read, its context |
# | teacher forcing | in training the true past is given, not the model's own |
# | autoregressive | writing each token from those written before |
# | bits per token | mean of $-\log_2$ of the probability of what came |
# | temperature, top-k | divisor of the logits; number of tokens that may be drawn |
# | `<eos>`, `<unk>` | end of a text; a word without a number |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - No mask, or upside down: perturb a later token and see what moves.
# - Thirds in another order, or heads cut before thirds: loads fine, speaks nonsense.
# - Joining heads without moving their axis back: shapes agree, tokens are mixed.
# - The tanh GELU: small differences that grow with depth.
# - Adding to the normalized copy: the stream is lost.
# - Copying the embedding into the head: equal once, then training pulls them apart. Inverting it: not what tying means.
# - Positions past the block size: cut silently, or an index error from the depths.
# - No shift, or two: a loss suspiciously low, or stubbornly high.
# - Padding counted, or the mean taken a sequence at a time: losses that cannot be compared.
# - Softmax before the cross-entropy; temperature after the softmax.
#
# <a id="reading"></a>
# ## Further reading
#
# - Karpathy, *nanoGPT* ([github.com/karpathy/nanoGPT](https://github.com/karpathy/nanoGPT)) and his lectures *Neural Networks: Zero to
#   Hero* and Stanford CS25 (2023), *Introduction to Transformers*, from which this lesson's history and the idea "communicate, then compute" come.
# - Sutskever et al. (2014), [arXiv:1409.3215](https://arxiv.org/abs/1409.3215), section 2; Bahdanau et al.,
#   [arXiv:1409.0473](https://arxiv.org/abs/1409.0473), section 3; Vaswani et al. (2017), [arXiv:1706.03762](https://arxiv.org/abs/1706.03762), sections 1 and 3.
# - Radford et al. (2019), *Language Models are Unsupervised Multitask Learners* (GPT-2), section 2.3; Brown et al. (2020), GPT-3,
#   [arXiv:2005.14165](https://arxiv.org/abs/2005.14165), section 2 and appendix D for the computing time.
# - Press and Wolf (2017), *Using the Output Embedding to Improve Language Models*, [arXiv:1608.05859](https://arxiv.org/abs/1608.05859): weight tying.
# - Hendrycks and Gimpel (2016), GELU, [arXiv:1606.08415](https://arxiv.org/abs/1606.08415). Holtzman et al. (2020), on sampling, [arXiv:1904.09751](https://arxiv.org/abs/1904.09751).
# - Devlin et al. (2018), BERT, [arXiv:1810.04805](https://arxiv.org/abs/1810.04805); Reed et al. (2022), Gato, [arXiv:2205.06175](https://arxiv.org/abs/2205.06175);
#   Jaegle et al. (2021), Perceiver, [arXiv:2103.03206](https://arxiv.org/abs/2103.03206); Ramesh et al. (2022), DALL·E 2, [arXiv:2204.06125](https://arxiv.org/abs/2204.06125).
