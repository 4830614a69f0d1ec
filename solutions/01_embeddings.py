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
# # 01 · Embeddings: words and neurons as vectors
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you turn words into vectors, measure how alike two of them are, and find that a population of neurons speaks in vectors
# too.**
#
# *Before you start:* tensors, shapes, `nn.Module` and one training loop (lesson 00).
#
# | section | minutes |
# |---|---|
# | 1 · [Three words in space](#space) | 5 |
# | 2 · [The dot product](#dot): `dot_product` | 8 |
# | 3 · [Length and angle](#angle): `cosine_similarity` | 12 |
# | 4 · [A table of vectors](#table): `Embedding` | 10 |
# | 5 · [From random to learned](#learned) | 8 |
# | 6 · [Real word vectors](#glove): `nearest` | 11 |
# | 7 · [Analogies, and when they fail](#analogies): `analogy` | 12 |
# | 8 · [A look into 50 dimensions](#pca) | 5 |
# | 9 · [A population of neurons is a vector](#neurons) | 10 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **compute** dot products and cosines of whole batches, and **say** what each hides,
# 2. **build** an embedding layer, and show that it is a one-hot vector times a matrix,
# 3. **find** the nearest neighbors of a vector, whatever the lengths,
# 4. **solve** analogies by vector arithmetic, and **tell** how good the trick really is,
# 5. **treat** a population's spike counts with the same tools.

# %%
import itertools
import math

import torch
import torch.nn.functional as F
from torch import nn

from autograder import check
from course import plots, words

torch.manual_seed(1)
print(f"PyTorch {torch.__version__}; the tables of this lesson are small, so all of it runs on the CPU")

# %% [markdown]
# <a id="space"></a>
# ## 1 · Three words in space
#
# A transformer computes with vectors, never with words, spikes or pixels.
# So the first step of every model is to turn its input into **tokens**, the pieces that it reads, and each token into a vector: its
# **embedding**.
# In language a token is a word or a part of one; in a recording it may be a time bin with the counts of all neurons. Everything behind the
# embedding is the same machine.
#
# A vector can say what an index cannot: that two things are *alike*.
# Here are three words with three dimensions, **set by hand**: how much it is of the water, how alive it is, and how much of an action.

# %%
names = ["fish", "boat", "hunt"]
axes = ["water", "alive", "action"]
fish = torch.tensor([2.0, 2.0, 1.0])  # of the water, alive; "to fish" is an action too
boat = torch.tensor([2.0, -1.0, 0.0])  # of the water, decidedly not alive
hunt = torch.tensor([0.0, 1.0, 2.0])  # a thing that living beings do
three = torch.stack([fish, boat, hunt])  # (tokens, D)

# %% look="space"
plots.space(three, names, title="Three words, three dimensions: turn them around", axes=axes, arrows=True).show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper):
#
# ![Arrows in a space of water, alive and action: fish and hunt lean the same way, boat does not](../assets/figures/01_space.svg)
#
# **Predict.** Which two of the three words are most alike? Turn the figure until you are sure.
#
# One warning before we go on. Our axes have names because we named them; the axes that a network *learns* have none. Only the relations
# between vectors can be read.
#
# <a id="dot"></a>
# ## 2 · The dot product
#
# **Exercise `dot_product`** · difficulty 1/5 · importance 5/5 · 8 minutes · {points:dot_product} points
#
# *Why now:* we want a number for "these two have much in common". Where both vectors are large with the same sign, that speaks for it;
# where the signs differ, against it. Multiply place by place, and add up:
#
# $$a \cdot b = \sum_{d=1}^{D} a_d\, b_d .$$
#
# *By hand:* fish · hunt $= 2\cdot0 + 2\cdot1 + 1\cdot2 = 4$; fish · boat $= 2\cdot2 + 2\cdot(-1) + 1\cdot0 = 2$; boat · hunt $= 0 - 1 + 0 =
# -1$.
#
# ![Pairs of arrows: an acute angle has a positive dot product, a right angle zero, an obtuse one a negative](../assets/figures/01_dot.svg)
#
# Geometrically it is the length of $a$'s shadow on $b$, times the length of $b$: positive if they point the same way, zero at a right
# angle, negative if they point apart.
#
# We rarely have a single pair. A batch of vectors has axes in front of the last one, and those are to be left alone.
#
# **Predict.** `a` has shape (4, 1, 5), `b` has shape (3, 5). What is the shape of their dot products?
#
# <details><summary>Answer</summary>
#
# (4, 3): the last axis is summed away, and the leading axes (4, 1) and (3) broadcast. That gives all pairs of four and three vectors.
#
# </details>


# %% exercise="dot_product"
def dot_product(a, b):
    """The dot product of vectors that lie along the last axis.

    a, b: floating-point tensors (..., D). Any number of leading axes, also none; they broadcast.
    Returns (...), the broadcast leading axes: one number for each pair of vectors.
    """
    ### BEGIN SOLUTION
    return (a * b).sum(dim=-1)
    ### END SOLUTION


# %% check="dot_product"
check("dot_product")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Broadcasting does most of the work: what does plain multiplication of two tensors of these shapes give? Which axis must then disappear?
#
# </details>
# <details><summary>Hint 2: which function, and which not</summary>
#
# `torch.dot` takes single vectors only, and a matrix product pairs *every* row with every column. You need a product entry by entry and a
# sum along one axis, counted from the end.
#
# </details>
#
# **Look.** Your dot products of all pairs of words.

# %% look="dots"
with plots.needs("dot_product"):
    plots.similarity_map(dot_product(three[:, None], three), names, names, "a · b, by your function", limit=9)

# %% [markdown]
# *Fish* shares more with *hunt* than with *boat*; *boat* and *hunt* pull apart. And each word has most in common with itself. Or has it?
#
# **Break it.** Imagine a text that says *boat* ten times louder: the vector $10\cdot$boat, in the same direction. **Predict:** what is its
# dot product with *fish*, and how does that compare with fish · fish?

# %% look="louder"
with plots.needs("dot_product"):
    print(f"fish · fish    = {dot_product(fish, fish):4.0f}")
    print(f"fish · boat    = {dot_product(fish, boat):4.0f}")
    print(f"fish · 10 boat = {dot_product(fish, 10 * boat):4.0f}   more like fish than fish itself?")

# %% [markdown]
# <a id="angle"></a>
# ## 3 · Length and angle
#
# The dot product mixes two things. With $\lVert a \rVert = \sqrt{a \cdot a}$, the **norm** or length, and $\theta$, the angle between the
# vectors,
#
# $$a \cdot b = \lVert a \rVert\, \lVert b \rVert \cos\theta .$$
#
# | | says | hides |
# |---|---|---|
# | dot product | how much the two share in all | whether that comes from direction or from length |
# | norm | how long: how strong, how frequent, how sure | which way it points |
# | cosine of the angle | whether they point the same way, from −1 to 1 | the length: a whisper and a shout look the same |
#
# ![A short and a long boat arrow beside fish: the dot product grows, the angle and its cosine stay](../assets/figures/01_length.svg)
#
# **Exercise `cosine_similarity`** · difficulty 2/5 · importance 5/5 · 10 minutes · {points:cosine_similarity} points
#
# *Why now:* to compare *what* two vectors say and not *how loudly*, divide both lengths out:
#
# $$\cos(a, b) = \frac{a \cdot b}{\lVert a \rVert\, \lVert b \rVert} .$$
#
# *By hand:* the norms are $\sqrt{4+4+1} = 3$ for fish and $\sqrt{0+1+4} = 2.236$ for hunt, so $\cos = 4 / (3 \cdot 2.236) = 0.596$, an
# angle of 53°.
#
# **The zero vector** has no direction, and the fraction is 0/0. It is not a rare case: a padded place, a silent neuron, a trial without a
# spike. In this course it resembles nothing: its similarity is 0.
#
# **Predict.** What are the cosines of fish with 10·boat, with −fish, and with fish + fish?
#
# <details><summary>Answer</summary>
#
# 0.298, exactly as with boat itself; −1, the opposite direction; 1, for fish + fish is only longer.
#
# </details>


# %% exercise="cosine_similarity"
def cosine_similarity(a, b):
    """The cosine of the angle between vectors that lie along the last axis.

    It is their dot product divided by the product of their lengths.
    a, b: floating-point tensors (..., D). Any number of leading axes, also none; they broadcast.
    Returns (...), the broadcast leading axes. A pair with a zero vector (or two) gets exactly 0,
    and the other pairs are as always.
    """
    ### BEGIN SOLUTION
    lengths = torch.sqrt(dot_product(a, a) * dot_product(b, b))  # (...)
    nowhere = lengths == 0
    return (dot_product(a, b) / lengths.masked_fill(nowhere, 1.0)).masked_fill(nowhere, 0.0)
    ### END SOLUTION


# %% check="cosine_similarity"
check("cosine_similarity")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# You need three dot products: of a and b, of a with itself, of b with itself. All three run over the last axis, so their shapes broadcast.
#
# </details>
# <details><summary>Hint 2: the zero vector</summary>
#
# Dividing first and repairing afterward works, and so does preventing: where a length is zero, the dot product is zero too, so *any*
# positive divisor gives the right answer. An `if` will not do: in a batch some pairs need it and others do not.
#
# </details>
#
# **Look.** Your cosines of the three words, and what happens while *boat* gets louder.

# %% look="cosines"
with plots.needs("dot_product", "cosine_similarity"):
    _, (left, right) = plots.plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained", width_ratios=[1, 1.5])
    plots.similarity_map(cosine_similarity(three[:, None], three), names, names, "cosine, by your function", ax=left)
    loud = torch.linspace(0, 10, 21)
    with_fish = {
        "dot product with fish": dot_product(loud[:, None] * boat, fish),
        "fish · fish": torch.full((21,), 9.0),
        "10 × cosine with fish": 10 * cosine_similarity(loud[:, None] * boat, fish),
    }
    plots.curves(loud, with_fish, "how loud boat is", "similarity", "Boat, getting louder", ax=right)

# %% [markdown]
# At loudness 0 boat is the zero vector, and its cosine drops to 0; everywhere else it is 0.298.
#
# **Which one is right?** Neither, always. If length is a nuisance (how often a word occurs, how excited the animal is), use the cosine. If
# length is evidence, the dot product keeps it. Attention, in lesson 03, uses dot products, but not of embeddings: of *learned projections*
# of them, queries and keys, and it can learn to make these longer or shorter.
#
# From here on the notebook uses PyTorch's `F.cosine_similarity` where it needs one.
#
# <a id="table"></a>
# ## 4 · A table of vectors
#
# How does a network get from a word to its vector? The simplest network that could: one input unit for each word of the vocabulary, one
# output unit for each dimension, and a weight on each connection.
# To read a word, set its input to 1 and the others to 0, a **one-hot** vector. The outputs are then that word's weights, and nothing else.
#
# ![A network with an input unit for each word and two outputs: the word that is on sends its two weights](../assets/figures/01_network.svg)
#
# In matrix form: with $W$ of shape $(V, D)$, vocabulary size by width,
#
# $$\operatorname{onehot}(t)\; W = \text{row } t \text{ of } W .$$
#
# ![A one-hot row vector times a matrix of weights picks out one row of the matrix](../assets/figures/01_lookup.svg)
#
# *By hand*, with the three words as rows: $(0, 1, 0)\, W = 0\cdot$fish $+\, 1\cdot$boat $+\, 0\cdot$hunt $= (2, -1, 0)$.
#
# Multiplying by all those zeros is a waste: with $V = 50{,}000$ and $D = 768$ it costs 38 million products for a single word. An embedding
# layer just *looks up* the row. Same result, same gradient.
#
# The same table serves every word, in every place, of a sentence of any length. So a word that occurs twice gets the same vector twice;
# telling the two apart is the business of lesson 02.
#
# **Exercise `Embedding`** · difficulty 2/5 · importance 5/5 · 7 minutes · {points:Embedding} points
#
# *Why now:* this is the first layer of every model in this course that reads words.
#
# **Predict.** How many parameters has `Embedding(vocab_size=12, embed_dim=2)`? What is the output's shape for tokens of shape (8, 5)?
#
# <details><summary>Answer</summary>
#
# 24, and no bias. (8, 5, 2): each index is replaced by its row, so one axis is added at the end.
#
# </details>


# %% exercise="Embedding"
class Embedding(nn.Module):
    """A table with a learned vector for each token of a vocabulary.

    vocab_size: V. embed_dim: D. Its only parameter is `weight`, (V, D), random at the start.
    Token t has row t.
    """

    def __init__(self, vocab_size, embed_dim):
        ### BEGIN SOLUTION
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocab_size, embed_dim))
        ### END SOLUTION

    def forward(self, tokens):
        """The vectors of tokens.

        tokens: int64 tensor of any shape (...), also without axes; entries from 0 to V - 1.
        Returns (..., D): for each token its row, as it is.
        """
        ### BEGIN SOLUTION
        return self.weight[tokens]  # (...) -> (..., D)
        ### END SOLUTION


# %% check="Embedding"
check("Embedding")

# %% [markdown]
# <details><summary>Hint 1: the table</summary>
#
# A tensor becomes something that an optimizer sees when it is wrapped in `nn.Parameter` and made an attribute, after the usual first line
# of `__init__`. Its name counts here.
#
# </details>
# <details><summary>Hint 2: the lookup</summary>
#
# Try `three[torch.tensor([2, 0, 0])]` in a cell of your own. Indexing with a tensor of integers does all of it, for any shape.
#
# </details>
#
# **Look.** Your layer with the three words as its table, reading *"hunt fish, fish hunt"*, against one-hot vectors times the matrix.

# %% look="lookup"
with plots.needs("Embedding"):
    layer = Embedding(vocab_size=3, embed_dim=3)
    layer.load_state_dict({"weight": three})
    tokens = torch.tensor([2, 0, 0, 2])  # hunt fish fish hunt
    one_hot = F.one_hot(tokens, num_classes=3).float()  # (T, V)
    _, panels = plots.plt.subplots(1, 3, figsize=(9.5, 2.9), layout="constrained")
    read = [names[t] for t in tokens]
    plots.similarity_map(one_hot, read, names, "one-hot (T, V)", 2, panels[0])
    plots.similarity_map(three, names, axes, "weight (V, D)", 2, panels[1])
    plots.similarity_map(layer(tokens), read, axes, "your output (T, D)", 2, panels[2])
    print("equal to one-hot @ weight:", torch.equal(layer(tokens), one_hot @ three))

# %% [markdown]
# **Break it.** Why not feed the *index* itself, fish = 0, boat = 1, hunt = 2, as a number? Because then boat would be the mean of fish and
# hunt, and hunt twice as much as boat. An index is a name, not a quantity.
#
# <a id="learned"></a>
# ## 5 · From random to learned
#
# Nobody sets vectors by hand. A table starts **random**, and a task shapes it: whatever vectors make the task easier, gradient descent
# finds.
#
# A good task is to guess a word's neighbors in text. Words that keep the same company then need the same vector: *fish* and *whale* never
# meet below, yet both swim and eat.
# This idea is older than neural networks (Harris 1954, Firth 1957), and is what word2vec and GloVe made practical.
#
# ![Animals are linked to swims, eats, hunts, vessels to sails, floats, sinks; two links are never seen](../assets/figures/01_company.svg)
#
# Our world has 12 words and 18 two-word sentences, such as *"fish swims"*. The model: a table of 2-D vectors, then one linear layer that
# scores all 12 words as the neighbor. **Two sentences are held out**: *"whale hunts"* and *"canoe sinks"*.

# %%
groups = {
    "animals": ["fish", "whale", "shark"],
    "vessels": ["boat", "ship", "canoe"],
    "what animals do": ["swims", "eats", "hunts"],
    "what vessels do": ["sails", "floats", "sinks"],
}
group_of = {word: group for group, members in groups.items() for word in members}
vocabulary = {word: index for index, word in enumerate(group_of)}
sentences = [
    *itertools.product(groups["animals"], groups["what animals do"]),
    *itertools.product(groups["vessels"], groups["what vessels do"]),
]
held_out = [("whale", "hunts"), ("canoe", "sinks")]
seen = [sentence for sentence in sentences if sentence not in held_out]
pairs = torch.tensor([[vocabulary[word] for word in pair] for pair in seen])  # (16, 2)
pairs = torch.cat([pairs, pairs.flip(1)])  # (32, 2): each word of a sentence guesses the other one
print(f"{len(vocabulary)} words, {len(seen)} sentences to learn from, {len(held_out)} held out")

# %% [markdown]
# **Predict.** Guessing blindly has a loss of $\ln 12 = 2.48$. What is the best possible loss, if each word has three neighbors, all equally
# likely? And what will the model say about the two sentences that it never saw?

# %% look="train"
torch.manual_seed(3)
model = nn.Sequential(nn.Embedding(12, 2), nn.Linear(2, 12, bias=False))  # PyTorch's own table: nothing here needs yours
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
never_seen = torch.tensor([[vocabulary[word] for word in pair] for pair in held_out])
tables, losses, chances = {}, [], []
for step in range(401):
    loss = F.cross_entropy(model(pairs[:, 0]), pairs[:, 1])
    if step in (0, 40, 400):
        tables[step] = model[0].weight.detach().clone()
    with torch.no_grad():
        chances.append(model(never_seen[:, 0]).softmax(dim=-1)[[0, 1], never_seen[:, 1]].mean())
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

print(f"loss: {losses[0]:.2f} at first, {losses[40]:.2f} after 40 steps, {losses[400]:.2f} after 400; blind guessing {math.log(12):.2f}")
_, panels = plots.plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for panel, (step, table) in zip(panels, tables.items()):
    plots.named_points(table, list(vocabulary), list(group_of.values()), "random" if step == 0 else f"after {step} steps", panel)
unseen = {"the two held-out sentences": torch.stack(chances), "blind guessing": torch.full((401,), 1 / 12)}
plots.curves(range(0, 401, 20), {name: y[::20] for name, y in unseen.items()}, "step", "probability of the verb", "What was never seen")

# %% [markdown]
# <details><summary>What the pictures say</summary>
#
# From random places the four groups gather, though nobody told the model about groups. After about 40 steps the *whale* sits with the
# other animals, so the model expects it to hunt, at more than twice blind chance: it **generalizes**, which a table of counts cannot.
#
# Trained on, it learns that whales *never* hunted in its small world, pulls the whale away from its kin, and drives that probability to
# zero. Its training loss is best just when it has become wrong: this is the overfitting of lesson 00, and held-out data show it.
#
# </details>
#
# The best loss with three equal neighbors is $\ln 3 = 1.10$ (a little less here, where two sentences are missing). The axes of the plots
# mean nothing by themselves: another seed turns the picture.
#
# <a id="glove"></a>
# ## 6 · Real word vectors
#
# Now the same with six billion words of text in place of 16 sentences. These are 5,000 English words from **GloVe** (Pennington and
# others, 2014): 50 numbers a word, fitted so that the dot product of a word's and a neighbor's vector predicts the logarithm of how often
# the two occur near each other, in Wikipedia and in news.

# %%
glove = words.load()
print(f"{len(glove)} words, vectors {tuple(glove.vectors.shape)}; the most frequent: {' '.join(glove.words[:8])}")
print("fish =", [round(x, 2) for x in glove["fish"][:8].tolist()], "...")

# %% [markdown]
# **Exercise `nearest`** · difficulty 2/5 · importance 4/5 · 8 minutes · {points:nearest} points
#
# *Why now:* 50 numbers mean nothing to the eye. To see what a vector says, ask who is near it.
#
# *By hand*, among our three words: the cosines of *fish* with fish, boat, hunt are $(1, 0.298, 0.596)$, so the two nearest rows are $[0,
# 2]$: itself, then hunt.
#
# **Predict.** What are the nearest words to *hot*? To *spike*?


# %% exercise="nearest"
def nearest(query, embeddings, k):
    """Which rows of a table point most nearly the way of a query.

    query: (D,). embeddings: (V, D), a row for each token. k: how many, from 1 to V.
    Returns the indices of the k rows with the highest cosine similarity to the query, the best
    first: an integer tensor (k,). A row of zeros counts as similarity 0. The query's own row, if
    it is in the table, is a row like any other.
    """
    ### BEGIN SOLUTION
    return cosine_similarity(query, embeddings).topk(k).indices  # (V,) -> (k,)
    ### END SOLUTION


# %% check="nearest"
check("nearest")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Your `cosine_similarity` broadcasts: one vector against a whole matrix gives all V similarities at once.
#
# </details>
# <details><summary>Hint 2: the order</summary>
#
# PyTorch can sort (mind the direction) or give the *top k* of a tensor. Both also tell the indices, and those are asked for.
#
# </details>
#
# **Look.** Your nearest neighbors. (The first would be the word itself; we leave it out.)

# %% look="neighbors"
with plots.needs("nearest"):
    for word in ["fish", "boat", "hunt", "hot", "neuron", "reach", "spike", "bank"]:
        rows = nearest(glove[word], glove.vectors, 8)[1:]
        print(f"{word:7}", ", ".join(glove.words[row] for row in rows))

# %% [markdown]
# <details><summary>Three things to notice</summary>
#
# - **Opposites are neighbors.** *Hot* is near *cool* and *cold*: they keep the same company. Near means *used alike*, not *means the same*.
# - **One vector a word.** *Spike* lives among prices and inflation, for this is news text; its meaning in this course is outvoted. *Bank*
#   never leaves the money. Making a vector depend on its context is what attention is for (lesson 03).
# - **Neighbors tell of the corpus.** *Hunt* is near *kill* and *killer*, *bank* among securities: this is the news.
#
# </details>
#
# **Break it.** Rank by the dot product instead. **Predict:** is every word at least its own best match?

# %% look="dot-neighbors"
dots = glove.vectors @ glove.vectors.T  # (V, V)
best = dots.argmax(dim=1)
lost = (best != torch.arange(len(glove))).sum()
print(f"{lost} of {len(glove)} words have a larger dot product with another word than with themselves.")
winners = torch.bincount(best, minlength=len(glove)).topk(6).indices
print("The words that win most often:", ", ".join(glove.words[row] for row in winners))
ranked = dots[glove.row("happy")].argsort(descending=True)
by_cosine = F.cosine_similarity(glove["happy"], glove.vectors).argsort(descending=True)
print("happy, by dot product:", ", ".join(glove.words[row] for row in ranked[:8]))
print("happy, by cosine:     ", ", ".join(glove.words[row] for row in by_cosine[:8]))

# %% [markdown]
# A few long vectors, those of very common words, win everywhere: 10·boat was no invention.
#
# <a id="analogies"></a>
# ## 7 · Analogies, and when they fail
#
# If directions carry meaning, then *differences* should too. The step from *man* to *woman* might be the same as that from *king* to
# *queen*:
#
# $$\text{queen} \approx \text{woman} - \text{man} + \text{king} .$$
#
# ![Man, woman, king, queen: the point woman minus man plus king lands nearer to king than to queen](../assets/figures/01_analogy.svg)
#
# **Exercise `analogy`** · difficulty 3/5 · importance 3/5 · 10 minutes · {points:analogy} points
#
# *Why now:* it is the most famous property of word vectors, and one of the most oversold. Build it, then measure it.
#
# *By hand*, in two dimensions: $a = (1, 0)$, $b = (1, 1)$, $c = (3, 0)$ give $b - a + c = (3, 1)$. A row $(6, 2)$ points exactly that way
# and wins, however long; but so nearly does $c$ itself, at an angle of 18°. In real tables $c$ is often the nearest of all. So it is the
# custom to **exclude the three words of the question**.
#
# **Predict.** Without the exclusion, what would the answer to *man : woman = king : ?* be?


# %% exercise="analogy"
def analogy(a, b, c, embeddings):
    """What is to c as b is to a? The row nearest, by cosine, to b - a + c.

    a, b, c: row indices, three different integers. embeddings: (V, D), V at least 4; the rows are
    taken as they are, not normalized.
    Returns one row index (an int, or an integer tensor without axes): of all rows but a, b and c,
    the one with the highest cosine similarity to the sum.
    """
    ### BEGIN SOLUTION
    target = embeddings[b] - embeddings[a] + embeddings[c]  # (D,)
    similarity = cosine_similarity(target, embeddings)  # (V,), a new tensor
    similarity[[a, b, c]] = -math.inf
    return similarity.argmax()
    ### END SOLUTION


# %% check="analogy"
check("analogy")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# The target is one vector; your own functions find its neighbors. The indices that come back must be those of the *whole* table, so do not
# cut rows out of it.
#
# </details>
# <details><summary>Hint 2: two ways</summary>
#
# Give the three a similarity that can never win, then take the largest. Or: how many of the nearest rows do you need so that at least one
# of them is not among the three?
#
# </details>
#
# **Look.** Your answers, and beside them what comes out when nothing is excluded.

# %% look="famous"
questions = "man woman king, france paris japan, swim swam sing, fish fishing hunt, boat sailor plane, boat boats fish, cow calf dog"
with plots.needs("analogy"):
    for question in questions.split(", "):
        a, b, c = (glove.row(word) for word in question.split())
        target = glove.vectors[b] - glove.vectors[a] + glove.vectors[c]
        plain = F.cosine_similarity(target, glove.vectors).argmax()
        answer = glove.words[analogy(a, b, c, glove.vectors)]
        print("{:>7} : {:8} = {:>6} : ".format(*question.split()) + f"{answer:10} (nothing excluded: {glove.words[plain]})")

# %% [markdown]
# <details><summary>Why <em>legs</em>?</summary>
#
# A calf is a young cow, and the back of the lower leg. There is one vector for both, and the leg won.
#
# </details>
#
# ### How good is it really?
#
# Seven picked examples prove nothing. Below are seven relations with 11 word pairs each (five for animals and their young), and every pair
# asks every other.
# Beside your score stand two baselines: the word nearest to $c$, **ignoring the offset** altogether, and the answer with **nothing
# excluded**. Blind guessing is right once in 5,000.

# %%
relations = {
    "country, capital": """france paris italy rome spain madrid germany berlin japan tokyo russia moscow egypt cairo
        greece athens poland warsaw norway oslo cuba havana""",
    "man, woman": """man woman king queen uncle aunt actor actress prince princess son daughter nephew niece
        grandfather grandmother waiter waitress brother sister husband wife""",
    "one, many": "boat boats bird birds dog dogs cat cats horse horses wolf wolves mouse mice foot feet child children man men city cities",
    "go, went": "go went eat ate sing sang swim swam write wrote speak spoke sink sank drive drove fly flew sleep slept grow grew",
    "good, better": """good better bad worse cold colder hot hotter warm warmer dark darker slow slower fast faster
        strong stronger weak weaker cheap cheaper""",
    "hot, cold": "hot cold good bad big small fast slow rich poor strong weak light dark high low open closed early late old new",
    "dog, puppy": "dog puppy cat kitten cow calf sheep lamb goose duckling",
}


# %% look="score"
def score(answers, relation):
    """Share of the questions (a, b, c, right answer) of a relation that `answers(a, b, c)` gets right."""
    rows = [glove.row(word) for word in relations[relation].split()]
    asked = [(*first, *second) for first, second in itertools.permutations(zip(rows[::2], rows[1::2]), 2)]
    return sum(int(answers(a, b, c)) == d for a, b, c, d in asked) / len(asked)


def ignoring_the_offset(a, b, c):
    similarity = F.cosine_similarity(glove.vectors[c], glove.vectors)
    return similarity.index_fill(0, torch.tensor([a, b, c]), -1).argmax()


def nothing_excluded(a, b, c):
    return F.cosine_similarity(glove.vectors[b] - glove.vectors[a] + glove.vectors[c], glove.vectors).argmax()


with plots.needs("analogy"):
    ways = {"yours": lambda a, b, c: analogy(a, b, c, glove.vectors), "no offset": ignoring_the_offset, "no exclusion": nothing_excluded}
    print(f"{'':18}" + "".join(f"{way:>14}" for way in ways))
    for relation in relations:
        print(f"{relation:18}" + "".join(f"{score(way, relation):14.2f}" for way in ways.values()))

# %% [markdown]
# <details><summary>What the table says</summary>
#
# - Where text has a steady relation (capitals, the grammar of gender and tense) the offset does real work, far above the baseline.
# - For plurals and comparatives nearly half or more of the success is simply the nearest neighbor of $c$, with $c$ itself removed.
# - Without the exclusion much of the magic is gone: the offset is often too small to leave $c$'s neighborhood.
# - For opposites the offset does *harm*: there is no one direction of "opposite".
#
# </details>
#
# ### What the vectors picked up besides
#
# *Man is to doctor as woman is to …* gives *nurse*. The vectors learned it from what people write, and a system built on them will act on
# it. But read the custom above once more: *doctor* was excluded, so the method **could not** have answered *doctor*, which is in fact the
# nearest. Both are true: the bias is in the text and in the vectors, and this test exaggerates it.

# %% look="bias"
with plots.needs("analogy", "nearest"):
    man, doctor, woman = (glove.row(word) for word in ("man", "doctor", "woman"))
    offered = nearest(glove["doctor"] - glove["man"] + glove["woman"], glove.vectors, 4)
    print("your analogy:", glove.words[analogy(man, doctor, woman, glove.vectors)])
    print("nearest, nothing excluded:", ", ".join(glove.words[row] for row in offered))

# %% [markdown]
# <a id="pca"></a>
# ## 8 · A look into 50 dimensions
#
# We cannot see 50 dimensions, only their shadow in two or three. **Principal component analysis** (PCA) picks the shadow with the most
# variance; the well-known [embedding projector](https://projector.tensorflow.org) starts with the same view. Turn it, and click groups in
# the legend away.

# %% look="projector"
shown = {
    "animals": "fish dog cat horse bird lion wolf shark whale salmon",
    "vessels": "boat ship ferry yacht canoe vessel sail kayak tanker raft",
    "brain": "neuron neurons cortex axon synapse dendrite neural brain nerve spinal",
    "body": "hand arm finger wrist elbow shoulder knee foot thumb toe",
    "family": "mother father son daughter aunt uncle niece nephew brother sister",
    "countries": "france italy spain japan egypt norway poland cuba greece russia",
    "capitals": "paris rome madrid tokyo cairo oslo warsaw havana athens moscow",
    "numbers": "one two three four five six seven eight nine ten",
}
picked = [(word, group) for group, members in shown.items() for word in members.split()]
points = glove.of([word for word, _ in picked])  # (80, 50)
centered = points - points.mean(dim=0)
_, sizes, directions = torch.linalg.svd(centered, full_matrices=False)
shadow = centered @ directions[:3].T  # (80, 3)
kept = (sizes**2 / (sizes**2).sum())[:3]

print(f"share of the variance on the three axes: {', '.join(f'{share:.0%}' for share in kept)}; {1 - kept.sum():.0%} is lost in this view")
plots.space(shadow, *zip(*picked), title="80 real word vectors: three principal components of 50 dimensions").show()

# %% [markdown]
# ![The 80 words on two principal components: family, brain, places and numbers form clusters](../assets/figures/01_projector.svg)
#
# **Predict.** Two words that touch in this view: are they neighbors in 50 dimensions?


# %% look="shadow"
def neighbors(vectors, k=5):
    """The k nearest others of each of the 80 words, by cosine, (80, k)."""
    table = F.cosine_similarity(vectors[:, None], vectors, dim=-1).fill_diagonal_(-1)
    return table.topk(k).indices


def agreement(view):
    truth = neighbors(centered)
    return sum(len(set(a) & set(b)) for a, b in zip(neighbors(view).tolist(), truth.tolist())) / truth.numel()


by_width = {width: agreement(centered @ directions[:width].T) for width in (2, 3, 5, 10, 20, 50)}
for width, share in by_width.items():
    print(f"{width:3} dimensions keep {share:.0%} of the five nearest neighbors (chance {5 / 79:.0%})")

# %% [markdown]
# Not always. What lies far apart in a shadow is far apart in truth, but what touches there need not touch. Trust the gaps more than the
# contacts, and ask `nearest` before you believe either.
#
# <a id="neurons"></a>
# ## 9 · A population of neurons is a vector
#
# Record $N$ neurons while a monkey reaches to one of eight targets, count each neuron's spikes in one window, and you have $N$ numbers: **a
# vector, one for each trial**.
# In motor cortex many neurons fire most for one *preferred direction* and less, as a cosine, the further the reach is from it (Georgopoulos
# and others, 1982).
#
# The data below are **simulated** in this way: 40 neurons, 200 trials of 0.2 s, Poisson spikes. In each trial the whole population is more
# or less excited, by a factor of 0.6 to 1.5, as real populations are.

# %%
generator = torch.Generator().manual_seed(1)
preferred = 2 * math.pi * torch.rand(40, generator=generator)  # preferred direction of each neuron, radians
resting = 5 + 15 * torch.rand(40, generator=generator)  # spikes per second
depth = resting * (0.3 + 0.5 * torch.rand(40, generator=generator))
target = torch.arange(8).repeat(25)  # (trials,): which of eight directions
angle = 2 * math.pi * target / 8
excitement = 0.6 + 0.9 * torch.rand(200, 1, generator=generator)
rates = excitement * (resting + depth * torch.cos(angle[:, None] - preferred))  # (trials, N)
counts = torch.poisson(0.2 * rates, generator=generator)  # spikes in 0.2 s
early, late = slice(0, 100), slice(100, 200)  # the first trials make the templates, the later ones test them
templates = torch.stack([counts[early][target[early] == d].mean(dim=0) for d in range(8)])  # (8, N)
average = counts[early].mean(dim=0)  # (N,)
changes = templates - average  # (8, N)
compass = [f"{45 * d}°" for d in range(8)]

# %% [markdown]
# **Look.** Your cosines between the mean counts of the eight directions: as they are, and after the mean over all trials is subtracted.

# %% look="ring"
with plots.needs("cosine_similarity"):
    _, (left, right) = plots.plt.subplots(1, 2, figsize=(9.5, 4.4), layout="constrained")
    plots.similarity_map(cosine_similarity(templates[:, None], templates), compass, compass, "raw counts", ax=left)
    plots.similarity_map(cosine_similarity(changes[:, None], changes), compass, compass, "mean subtracted", ax=right)
    others = cosine_similarity(glove.vectors[:500, None], glove.vectors[:500])
    print(f"mean cosine of two frequent words in GloVe: {(others.sum() - 500) / (500 * 499):.2f}")

# %% [markdown]
# Counts are never negative, so all raw vectors lean the same way and every pair looks alike. The mean subtracted, neighbors agree, opposite
# reaches are opposed: a **ring**. A cosine depends on where you put the origin. Word vectors lean too, as the printed number shows.
#
# **Predict.** Which target was it? Take the template nearest to a trial's counts. Which measure wins: dot product or cosine?

# %% look="decode"
with plots.needs("nearest"):
    trials = counts[late]
    guesses = {
        "largest dot product": (trials @ templates.T).argmax(dim=1),
        "your nearest": torch.stack([nearest(trial, templates, 1)[0] for trial in trials]),
        "your nearest, mean subtracted": torch.stack([nearest(trial, changes, 1)[0] for trial in trials - average]),
    }
    for how, guess in guesses.items():
        print(f"{how:30} {(guess == target[late]).float().mean():.0%} of 100 trials right")
    print(f"{'chance':30} {1 / 8:.0%}")
    print("lengths of the eight templates: ", [round(length, 1) for length in templates.norm(dim=1).tolist()])
    print("how often the dot product won:  ", torch.bincount(guesses["largest dot product"], minlength=8).tolist(), "(should be 12 or 13)")

# %% [markdown]
# By dot product long templates win too often, and the shortest hardly ever: 10·boat again, this time made of spikes. The cosine ignores
# how excited the population was, and that is what we wanted here. Had we asked *how* excited it was, the length would have been the answer.
# Subtracting the mean made the ring visible; for this decoder it changes little.
#
# ### One-hot picks a row, counts blend rows
#
# Give each neuron an embedding, its preferred direction as an arrow: a table $(N, 2)$. A one-hot vector times the table picks one neuron's
# arrow. The vector of *counts* times the table adds all arrows, each as often as its neuron fired: the **population vector** (Georgopoulos
# and others, 1986), an estimate of where the hand will go.
#
# ![A one-hot vector times a table picks a row; spike counts times preferred directions blend all rows](../assets/figures/01_population.svg)

# %% look="population-vectors"
arrows = torch.stack([preferred.cos(), preferred.sin()], dim=1)  # (N, 2): each neuron's embedding
population_vectors = (counts - average) @ arrows / 40  # (trials, N) @ (N, 2) -> (trials, 2)
heading = torch.atan2(angle.sin(), angle.cos())
plots.plane({"one dot a trial, simulated": population_vectors}, heading, "Population vectors, colored by the true direction")
read = torch.round(torch.atan2(population_vectors[:, 1], population_vectors[:, 0]) / (2 * math.pi / 8)) % 8
print(f"nearest of eight directions: {(read == target).float().mean():.0%} right, chance {1 / 8:.0%}")

# %% [markdown]
# Hold on to this picture: in lesson 03, attention will blend the rows of a table just so, with weights that the tokens choose themselves.
#
# **Break it.** Do analogies work for reaches? *0° is to 90° as 180° is to …*: a quarter turn, so 270°. **Predict** what $b - a + c$ gives.
# Draw the three arrows first.

# %% look="turn"
with plots.needs("analogy"):
    answer = analogy(0, 2, 4, changes)
    print(f"0° is to 90° as 180° is to {compass[answer]}")
    tips = {compass[d]: [math.cos(angle[d]), math.sin(angle[d])] for d in (0, 2, 4)}
    plots.vectors(tips | {"b − a + c": [-2.0, 1.0]}, title="An offset is a shift, not a turn")

# %% [markdown]
# An offset *shifts*; it cannot *turn*. On a ring, "a quarter further" is a rotation, and needs a matrix. Lesson 02 builds positions on
# exactly such rotations.
#
# **Alike, but not the same.** An axis of the neural vector has a name, one neuron; a learned axis has none. A word has one vector, fixed
# after training; each trial is a new, noisy draw, so measure many. And the neurons' table here was known, because we simulated it; in
# lesson 07 a network learns it from data.
#
# <a id="recap"></a>
# ## Recap
#
# - A model reads vectors. An embedding is a learned table, one row a token; looking up a row is a one-hot vector times the table.
# - The dot product mixes direction and length; the cosine keeps direction alone, and depends on the origin. The zero vector resembles
#   nothing.
# - Training puts things that keep the same company near each other. The axes stay nameless.
# - Real word vectors have good neighbors, mixed meanings, and the prejudices of their text.
# - Analogies work for some relations; the excluded words and the baseline tell how well.
# - A population's spike counts are a vector too; counts times a table of preferred directions blend its rows.
#
# *You have built* the measures and the first layer of every transformer. *Lesson 02* tells the model where in the sentence a token stands.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | token | a piece of the input that gets one vector: a word, a time bin |
# | embedding | the vector of a token; also the table of all of them |
# | vocabulary | all tokens that have a row, $V$ of them |
# | one-hot | all zeros but for one 1 |
# | norm | the length of a vector, $\sqrt{a \cdot a}$ |
# | cosine similarity | cosine of the angle between two vectors, from −1 to 1 |
# | offset | the difference of two vectors |
# | PCA | the directions in which a cloud of points varies most |
# | preferred direction | the reach for which a neuron fires most |
# | population vector | sum of preferred directions, weighted by spike counts |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - Summing over all axes instead of the last: one number for a whole batch.
# - A dot product called similarity: scale one vector and look again.
# - 0/0 for zero vectors: one NaN in a table spreads into every mean and maximum.
# - One length for the whole batch: norms need the axis, too.
# - A table that is no parameter: the loss falls less than it could, and nothing complains.
# - Ascending sort: the *least* similar words come first.
# - Cutting rows out of the table before looking for the answer: all later indices shift.
# - Reading an analogy without asking what was excluded.
# - Cosines of raw counts or rates: all near 1, whatever the neurons say.
#
# <a id="reading"></a>
# ## Further reading
#
# - Mikolov et al. (2013), *Efficient Estimation of Word Representations in Vector Space* (word2vec),
#   [arXiv:1301.3781](https://arxiv.org/abs/1301.3781): section 4 for analogies, with the three words excluded.
# - Pennington, Socher and Manning (2014), *GloVe: Global Vectors for Word Representation*, [EMNLP](https://aclanthology.org/D14-1162/):
#   section 3, and the data page [nlp.stanford.edu/projects/glove](https://nlp.stanford.edu/projects/glove/).
# - Linzen (2016), *Issues in evaluating semantic spaces using word analogies*, [arXiv:1606.07736](https://arxiv.org/abs/1606.07736): the
#   baselines of section 7.
# - Bolukbasi et al. (2016), [arXiv:1607.06520](https://arxiv.org/abs/1607.06520), on bias in word vectors; and Nissim, van Noord and van
#   der Goot (2020), *Fair Is Better than Sensational: Man Is to Doctor as Woman Is to Doctor*,
#   [arXiv:1905.09866](https://arxiv.org/abs/1905.09866).
# - Steck, Ekanadham and Kallus (2024), *Is Cosine-Similarity of Embeddings Really About Similarity?*,
#   [arXiv:2403.05440](https://arxiv.org/abs/2403.05440): why the cosine of learned vectors deserves care.
# - Georgopoulos, Schwartz and Kettner (1986), *Neuronal population coding of movement direction*, Science 233, 1416–1419; tuning:
#   Georgopoulos et al. (1982), Journal of Neuroscience 2, 1527–1537.
# - PyTorch, [`nn.Embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html): the layer that you built, with
#   options.
