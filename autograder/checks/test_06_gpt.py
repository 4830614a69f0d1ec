"""Probes of lesson 06: causal self-attention, the MLP, the block, GPT, the loss of next-token prediction, and sampling.

No two axes share a size: B sequences, T tokens, C = n_embd, H heads of width D, and a block size larger than T.
"""

import numpy as np

from autograder.probe import exercise
from autograder.submission import StudentError

B, T, H, C, BLOCK, VOCAB = 4, 5, 2, 6, 8, 11  # width of a head: 3
SIZES = {"n_embd": C, "n_head": H, "block_size": BLOCK, "dropout": 0.0}
GPT_SIZES = {"vocab_size": VOCAB, "block_size": BLOCK, "n_layer": 2, "n_head": H, "n_embd": C, "dropout": 0.0}

attention = exercise(
    "CausalSelfAttention",
    right="One matrix product made all queries, keys and values of all heads; and no output moved when a later token changed.",
)
mlp = exercise(
    "MLP", right="Two thirds of a block's weights sit here. Each token is computed on its own; only attention moves information."
)
block = exercise(
    "Block", right="Both parts read a normalized copy and add to the stream itself, so a part that says nothing changes nothing."
)
gpt = exercise(
    "GPT",
    right="One table reads words in and out: the row that stands for a word at the input is what its logit is compared with at the end.",
)
loss = exercise(
    "next_token_loss",
    right="A sequence of T tokens is T - 1 lessons at once. A model that knows nothing pays the logarithm of the vocabulary's size.",
)
sampling = exercise(
    "next_token_probs",
    right="Low temperature and small k make the model careful and dull; with both you never change which word is likeliest.",
)


def moved(before, after):
    """For each token, whether its output changed."""
    return np.abs(np.subtract(after, before)).max(axis=-1) > 1e-4


# --- causal self-attention ---


def attention_parameters(draw, width=C):
    return draw.linear("c_attn", width, 3 * width) | draw.linear("c_proj", width, width)


def attention_layer(submission, draw, dropout=0.0, training=False):
    return submission.module("CausalSelfAttention", SIZES | {"dropout": dropout}, attention_parameters(draw), training=training)


@attention.probe(points=2)
def test_attention_values(submission, observe, draw):
    """Rows 0 to C - 1 of c_attn make queries, the next C keys, the last C values; head h owns the h-th part of each."""
    reply = attention_layer(submission, draw)(draw.normal(B, T, C))
    observe("output (B, T, n_embd)", reply.result)
    observe("x, afterwards", reply.arguments)


@attention.probe(points=1)
def test_attention_dependence(submission, observe, draw):
    """Output t hears from tokens 0 to t of its own sequence, its own included, and from no later one."""
    layer, x = attention_layer(submission, draw), draw.normal(B, T, C)
    before = layer(x).result
    for place in (0, 2, T - 1):
        changed = x.copy()
        changed[1, place] = draw.normal(C)
        observe(f"which outputs move when token {place} of sequence 1 changes", moved(before, layer(changed).result))


@attention.probe(points=1)
def test_attention_lengths(submission, observe, draw):
    """Every length up to block_size works, a single token included."""
    layer = attention_layer(submission, draw)
    observe("output for one token", layer(draw.normal(2, 1, C)).result)
    observe("output for block_size tokens", layer(draw.normal(2, BLOCK, C)).result)


@attention.probe(points=0.5)
def test_attention_other_heads(submission, observe, draw):
    """The number of heads decides how the columns are cut: one head of width 6, or six of width 1."""
    x, parameters = draw.normal(B, T, C), attention_parameters(draw)
    for heads in (1, 6):
        layer = submission.module("CausalSelfAttention", SIZES | {"n_head": heads}, parameters)
        observe(f"output with {heads} head{'s' * (heads > 1)}", layer(x).result)


@attention.probe(points=0.5)
def test_attention_remainder(submission, observe, draw):
    """A width that is not a multiple of the number of heads raises ValueError when the module is made."""
    layer = submission.module("CausalSelfAttention", SIZES | {"n_head": 4}, attention_parameters(draw))
    observe("error for n_embd=6 and n_head=4", error_of(layer, draw.normal(2, 3, C)))


@attention.probe(points=1)
def test_attention_dropout(submission, observe, draw):
    """Dropout works in training only: on the weights, and on the output after c_proj."""
    parameters, x = attention_parameters(draw), draw.normal(B, 7, C)
    sizes = SIZES | {"dropout": 0.5}
    calm = submission.module("CausalSelfAttention", sizes, parameters)(x).result
    shaken = submission.module("CausalSelfAttention", sizes, parameters, training=True)(x).result
    observe("output in evaluation", calm)
    silent = np.abs(shaken) < 1e-6
    observe("in training, some entries of the output are silent, some not", [bool(silent.any()), bool((~silent).any())])
    twice = np.abs(shaken - 2 * np.asarray(calm)) < 1e-4
    observe("whether the others are merely doubled, as if no weight was dropped", bool((silent | twice).all()))


def error_of(module, *args):
    """The class name of the exception that a module raises, "" if it raises none; code not written yet still counts as such."""
    try:
        module(*args)
    except StudentError as error:
        if error.failure.kind == "NotImplementedError":
            raise
        return error.failure.kind
    return ""


# --- the MLP ---


@mlp.probe(points=1)
def test_mlp_values(submission, observe, draw):
    """Each token is widened fourfold, passes the exact GELU, and is mapped back to its width."""
    layer = submission.module("MLP", {"n_embd": C, "dropout": 0.0}, mlp_parameters(draw))
    reply = layer(draw.normal(B, T, C, scale=1.5))
    observe("output (B, T, n_embd)", reply.result, rtol=2e-5, atol=2e-5)
    observe("x, afterwards", reply.arguments)


@mlp.probe(points=0.5)
def test_mlp_alone(submission, observe, draw):
    """Each token is computed on its own: changing one changes no other output."""
    layer, x = submission.module("MLP", {"n_embd": C, "dropout": 0.0}, mlp_parameters(draw)), draw.normal(B, T, C)
    changed = x.copy()
    changed[2, 3] = draw.normal(C)
    observe("which outputs move when token 3 of sequence 2 changes", moved(layer(x).result, layer(changed).result))


@mlp.probe(points=0.5)
def test_mlp_dropout(submission, observe, draw):
    """Dropout works in training only, and on the output: each entry is silent, or doubled when dropout is 0.5."""
    parameters, x = mlp_parameters(draw), draw.normal(B, 7, C)
    sizes = {"n_embd": C, "dropout": 0.5}
    calm = submission.module("MLP", sizes, parameters)(x).result
    shaken = submission.module("MLP", sizes, parameters, training=True)(x).result
    observe("output in evaluation", calm)
    silent, twice = np.abs(shaken) < 1e-6, np.abs(shaken - 2 * np.asarray(calm)) < 1e-4
    observe("every entry is silent or doubled; some are silent", [bool((silent | twice).all()), bool(silent.any())])


def mlp_parameters(draw):
    return draw.linear("c_fc", C, 4 * C) | draw.linear("c_proj", 4 * C, C)


# --- the block ---

PARTS = {"CausalSelfAttention": "CausalSelfAttention", "MLP": "MLP"}


@block.probe(points=2)
def test_block_values(submission, observe, draw):
    """Attention reads the normalized stream and adds to it; then the MLP reads the normalized new stream and adds to that."""
    parameters = draw.norm("ln_1", C) | draw.norm("ln_2", C)
    parameters |= {"attn.gain": draw.uniform(0.5, 1.5, 1), "mlp.gain": draw.uniform(0.5, 1.5, 1)}
    reply = submission.module("Block", SIZES, parameters, doubles=PARTS)(draw.normal(B, T, C, scale=1.5))
    observe("output (B, T, n_embd), with stand-ins for attention and MLP", reply.result)
    observe("x, afterwards", reply.arguments)


@block.probe(points=1)
def test_block_that_says_nothing(submission, observe, draw):
    """If attention and MLP both say zero, the stream comes through as it was."""
    parameters = draw.norm("ln_1", C) | draw.norm("ln_2", C) | {"attn.gain": np.zeros(1), "mlp.gain": np.zeros(1)}
    observe("output", submission.module("Block", SIZES, parameters, doubles=PARTS)(draw.normal(B, T, C)).result)


# --- GPT ---

BLOCKS = {"Block": "Block"}

#: Norms after two stand-ins magnify rounding errors, so logits are compared a little less strictly.
CLOSE = {"rtol": 1e-3, "atol": 1e-4}


def gpt_parameters(draw, layers=2):
    table = {"wte.weight": draw.normal(VOCAB, C), "wpe.weight": draw.normal(BLOCK, C)}
    table |= {f"h.{i}.gain": draw.uniform(1.0, 2.0, 1) for i in range(layers)}
    return table | draw.norm("ln_f", C) | {"lm_head.weight": table["wte.weight"]}


def model(submission, draw, **sizes):
    return submission.module("GPT", GPT_SIZES | sizes, gpt_parameters(draw, sizes.get("n_layer", 2)), doubles=BLOCKS)


@gpt.probe(points=2)
def test_gpt_logits(submission, observe, draw):
    """Words plus positions, through all blocks, a last norm, and the head: logits for every token, and None for the loss."""
    network = model(submission, draw)
    reply = network(draw.integers(0, VOCAB, B, T))
    observe("(logits, loss), with stand-ins for the blocks", reply.result, **CLOSE)
    observe("tokens, afterwards", reply.arguments)
    observe("(logits, loss) for one token", network(draw.integers(0, VOCAB, 3, 1)).result, **CLOSE)


@gpt.probe(points=1)
def test_gpt_depth(submission, observe, draw):
    """n_layer is the number of blocks: one is enough, and none leaves embeddings, norm and head."""
    observe("(logits, loss) of a single block", model(submission, draw, n_layer=1)(draw.integers(0, VOCAB, B, T)).result, **CLOSE)
    observe("(logits, loss) without blocks", model(submission, draw, n_layer=0)(draw.integers(0, VOCAB, B, T)).result, **CLOSE)


@gpt.probe(points=1)
def test_gpt_tied(submission, observe, draw):
    """The head and the word embedding are one and the same parameter, and the head has no bias."""
    width = int(draw.integers(2, 5)) * 2
    sizes = {"vocab_size": VOCAB, "block_size": 3, "n_layer": 1, "n_head": 1, "n_embd": width, "dropout": 0.0}
    described = submission.describe("GPT", sizes)
    observe("parameters that share their storage", described["shared"])
    names = ("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias", "lm_head.weight")
    observe("the model's own parameters", {name: described["parameters"].get(name) for name in names})


@gpt.probe(points=1)
def test_gpt_loss(submission, observe, draw):
    """With targets, the loss is the mean cross-entropy in nats: logits [b, t] against target [b, t], targets of -100 left out."""
    network, tokens, targets = model(submission, draw), draw.integers(0, VOCAB, B, T), draw.integers(0, VOCAB, B, T)
    observe("(logits, loss)", network(tokens, targets).result, **CLOSE)
    targets[0, 3:], targets[2, :2] = -100, -100
    observe("(logits, loss) where some targets are -100", network(tokens, targets).result, **CLOSE)
    observe("(logits, loss), targets by keyword", network(tokens, targets=targets).result, **CLOSE)


@gpt.probe(points=1)
def test_gpt_block_size(submission, observe, draw):
    """block_size tokens are welcome; one more raises ValueError, with a message that names both numbers."""
    network = model(submission, draw)
    observe("(logits, loss) of block_size tokens", network(draw.integers(0, VOCAB, 2, BLOCK)).result, **CLOSE)
    kind, message = "", ""
    try:
        network(draw.integers(0, VOCAB, 2, BLOCK + 1))
    except StudentError as error:
        if error.failure.kind == "NotImplementedError":
            raise
        kind, message = error.failure.kind, error.failure.message
    observe("error for one token more", kind)
    observe("the message names the number of tokens and the block size", [str(BLOCK + 1) in message, str(BLOCK) in message])


@gpt.probe(points=0.5)
def test_gpt_evaluation(submission, observe, draw):
    """In evaluation, dropout does nothing; in training it acts on the sum of word and position."""
    sizes = GPT_SIZES | {"n_layer": 0, "dropout": 0.5}
    parameters, tokens = gpt_parameters(draw, 0), draw.integers(0, VOCAB, B, 7)
    observe("(logits, loss) in evaluation, no blocks", submission.module("GPT", sizes, parameters)(tokens).result, **CLOSE)
    silenced = submission.module("GPT", GPT_SIZES | {"n_layer": 0, "dropout": 1.0}, gpt_parameters(draw, 0), training=True)
    observe("(logits, loss) in training when all is dropped", silenced(tokens).result, **CLOSE)


# --- the loss ---


@loss.probe(points=2)
def test_loss_values(submission, observe, draw):
    """Logits at place t are compared with token t + 1; the loss is one mean over all B·(T - 1) of these, in nats."""
    reply = submission.call("next_token_loss", draw.normal(B, T, VOCAB), draw.integers(0, VOCAB, B, T))
    observe("loss", reply.result)
    observe("arguments, afterwards", reply.arguments)
    by_hand = np.log(np.array([[[1.0, 2, 1], [2, 1, 1], [1, 1, 8]]]))
    observe("loss of the example by hand", submission.call("next_token_loss", by_hand, np.array([[0, 1, 2]])).result)
    observe("loss of two tokens", submission.call("next_token_loss", draw.normal(3, 2, 7), draw.integers(0, 7, 3, 2)).result)


@loss.probe(points=1)
def test_loss_dependence(submission, observe, draw):
    """Neither the last logits, which have no token after them, nor the first token, which nobody predicts, matter."""
    logits, tokens = draw.normal(B, T, VOCAB), draw.integers(0, VOCAB, B, T)
    observe("loss", submission.call("next_token_loss", logits, tokens).result)
    late, early = logits.copy(), tokens.copy()
    late[:, -1] = draw.normal(B, VOCAB)
    early[:, 0] = (early[:, 0] + 1) % VOCAB
    observe("loss with other last logits", submission.call("next_token_loss", late, tokens).result)
    observe("loss with other first tokens", submission.call("next_token_loss", logits, early).result)


@loss.probe(points=1)
def test_loss_ignores(submission, observe, draw):
    """Tokens equal to ignore_index are not predicted and not counted: the mean is over the others of the whole batch."""
    logits, tokens = draw.normal(B, T, VOCAB), draw.integers(1, VOCAB, B, T)
    tokens[0, 2:], tokens[3, 4:] = -100, -100
    observe("loss where tokens are -100", submission.call("next_token_loss", logits, tokens).result)
    tokens[tokens == -100] = 0
    observe("loss with ignore_index=0", submission.call("next_token_loss", logits, tokens, ignore_index=0).result)


# --- sampling ---


@sampling.probe(points=1)
def test_probs_temperature(submission, observe, draw):
    """Logits over the temperature, then softmax along the last axis; a single vector or any leading axes will do."""
    reply = submission.call("next_token_probs", draw.normal(VOCAB, scale=2.0))
    observe("probabilities at temperature 1", reply.result)
    for temperature in (0.5, 2.0):
        reply = submission.call("next_token_probs", draw.normal(3, VOCAB), temperature)
        observe(f"probabilities at temperature {temperature}", reply.result)
        observe("logits, afterwards", reply.arguments[0])
    observe("probabilities of three axes", submission.call("next_token_probs", draw.normal(2, 3, 7), temperature=0.7).result)


@sampling.probe(points=1.5)
def test_probs_top_k(submission, observe, draw):
    """With top_k only the k largest logits of each row keep a share, and the shares still sum to one."""
    for k in (1, 4):
        reply = submission.call("next_token_probs", draw.normal(3, VOCAB), top_k=k)
        observe(f"probabilities with top_k={k}", reply.result)
        observe("logits, afterwards", reply.arguments[0])
    observe("probabilities at temperature 2, top_k=3", submission.call("next_token_probs", draw.normal(VOCAB) - 3, 2.0, 3).result)
    for k in (7, 9):
        observe(f"probabilities of 7 tokens, top_k={k}", submission.call("next_token_probs", draw.normal(2, 7), top_k=k).result)


@sampling.probe(points=0.5)
def test_probs_errors(submission, observe, draw):
    """A temperature that is not positive, or a top_k below 1, raises ValueError."""
    logits = draw.normal(2, 7)
    for temperature in (0.0, -1.0):
        observe(f"error for temperature {temperature}", submission.error("next_token_probs", logits, temperature))
    observe("error for top_k=0", submission.error("next_token_probs", logits, 1.0, 0))
