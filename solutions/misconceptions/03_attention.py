"""What students write instead, in lesson 03. Run in a copy of the lesson's namespace, with `misconception`."""

# attention_scores


@misconception(
    "attention_scores",
    what="Queries and keys have changed places: the table has a row for each key.",
    why="Whoever asks then stands where the one who is asked should be, and the softmax of the next step normalizes the wrong side.",
)
def scores_of_keys_on_queries(q, k):
    return k @ q.transpose(-2, -1)


@misconception(
    "attention_scores",
    what="The keys were turned around along all of their axes, not the last two.",
    why="With a batch in front this mixes sequences, or crashes; it runs unnoticed only when all sizes happen to be equal.",
)
def scores_with_all_axes_reversed(q, k):
    return q @ k.permute(*range(k.dim() - 1, -1, -1))


@misconception(
    "attention_scores",
    what="The scores are already divided by the square root of the width.",
    why="Scaling is a step of its own; done here and again in attention, it makes the weights too flat.",
)
def scores_scaled_too_early(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


@misconception(
    "attention_scores",
    what="Queries and keys were brought to length one first: these are cosines.",
    why="Attention lets a longer key call louder; the lengths are part of what is learned.",
)
def scores_as_cosines(q, k):
    return F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)


@misconception(
    "attention_scores",
    what="The scores went through a softmax already.",
    why="Scores may be negative and of any size; turning them into shares is the next exercise, and twice is once too often.",
)
def scores_after_softmax(q, k):
    return torch.softmax(q @ k.transpose(-2, -1), dim=-1)


@misconception(
    "attention_scores",
    what="Each query meets only the key of the same number, so there is no table.",
    why="Information could never pass from one token to another.",
)
def scores_of_equal_places(q, k):
    shared = min(q.shape[-2], k.shape[-2])
    return (q[..., :shared, :] * k[..., :shared, :]).sum(dim=-1)


@misconception(
    "attention_scores",
    what="The sum over the width became a mean: scores are divided by the width.",
    why="A dot product adds up; at large widths these scores all shrink toward zero and the keys can no longer be told apart.",
)
def scores_as_means(q, k):
    return q @ k.transpose(-2, -1) / q.shape[-1]


# softmax


@misconception(
    "softmax",
    what="The last axis is normalized, whichever one was asked for.",
    why="Which axis sums to one decides who hands out attention; the caller must be able to choose.",
)
def softmax_always_last(x, dim):
    return torch.softmax(x, dim=-1)


@misconception(
    "softmax",
    what="The first axis is normalized, whichever one was asked for.",
    why="In a batch the first axis runs over the trials, and trials should not compete with one another.",
)
def softmax_always_first(x, dim):
    return torch.softmax(x, dim=0)


@misconception(
    "softmax",
    what="All numbers share a single sum, over the whole tensor.",
    why="Each query needs one unit of attention of its own, not a part of everybody's.",
)
def softmax_over_everything(x, dim):
    e = torch.exp(x - x.max())
    return e / e.sum()


@misconception(
    "softmax",
    what="Large scores overflow: an exponential became infinite, and infinity over infinity is not a number.",
    why="Scores of wide or well-trained layers reach such sizes, and a single NaN spreads through the whole network.",
)
def softmax_that_overflows(x, dim):
    e = torch.exp(x)
    return e / e.sum(dim=dim, keepdim=True)


@misconception(
    "softmax",
    what="One and the same number is subtracted everywhere, the largest of the whole tensor.",
    why="A slice far below it has only exponentials of zero, and zero over zero is not a number. Each slice needs its own.",
)
def softmax_minus_the_global_maximum(x, dim):
    e = torch.exp(x - x.max())
    return e / e.sum(dim=dim, keepdim=True)


@misconception(
    "softmax",
    what="The numbers are divided by their sum without the exponential.",
    why="Scores may be negative or sum to zero; then these are no shares at all.",
)
def softmax_without_exponential(x, dim):
    return x / x.sum(dim=dim, keepdim=True)


@misconception(
    "softmax",
    what="The exponentials are divided by the largest one instead of by their sum.",
    why="The winner gets one and the others come on top: more than one unit is handed out.",
)
def softmax_by_the_largest(x, dim):
    return torch.exp(x - x.amax(dim=dim, keepdim=True))


@misconception(
    "softmax",
    what="The caller's tensor was written to.",
    why="The scores are changed behind the caller's back, and gradients through them fail.",
)
def softmax_in_place(x, dim):
    x -= x.amax(dim=dim, keepdim=True)
    return torch.exp(x) / torch.exp(x).sum(dim=dim, keepdim=True)


@misconception(
    "softmax",
    what="The reduced axis got lost, so the sums line up with another axis.",
    why="Shapes then clash, or broadcast silently along the wrong axis where sizes are equal.",
)
def softmax_without_keeping_the_axis(x, dim):
    e = torch.exp(x - x.amax(dim=dim, keepdim=True))
    return e / e.sum(dim=dim)


@misconception(
    "softmax",
    what="These are logarithms of the shares.",
    why="Shares are positive and sum to one; logarithms are negative, and a hidden key would weigh minus infinity.",
)
def softmax_as_logarithm(x, dim):
    return torch.log_softmax(x, dim=dim).clamp_min(-1e6)


# scaled_dot_product_attention


def _attention(q, k, v, mask, scale, fill=-math.inf, dim=-1):
    """Attention with its choices laid open; empty rows give zeros."""
    scores = attention_scores(q, k) * scale
    if mask is None:
        weights = softmax(scores, dim)
    else:
        weights = torch.nan_to_num(softmax(scores.masked_fill(mask == 0, fill), dim))
    return weights @ v, weights


@misconception(
    "scaled_dot_product_attention",
    what="The scores are not scaled.",
    why="Their spread grows with the width, one key takes all the weight, and gradients vanish.",
)
def attention_without_scaling(q, k, v, mask=None):
    return _attention(q, k, v, mask, 1.0)


@misconception(
    "scaled_dot_product_attention",
    what="The scores are divided by the width itself, not by its root.",
    why="At large widths all scores shrink toward zero, and attention becomes a plain average.",
)
def attention_divided_by_the_width(q, k, v, mask=None):
    return _attention(q, k, v, mask, 1 / q.shape[-1])


@misconception(
    "scaled_dot_product_attention",
    what="The scores are multiplied by the root of the width.",
    why="Scaling should undo the growth of the scores, and this doubles it: attention becomes all or nothing.",
)
def attention_multiplied_by_the_root(q, k, v, mask=None):
    return _attention(q, k, v, mask, q.shape[-1] ** 0.5)


@misconception(
    "scaled_dot_product_attention",
    what="The scale comes from the number of keys, not from the width of queries and keys.",
    why="The spread of a dot product depends on how many products are summed; the length of the sequence plays no part in it.",
)
def attention_scaled_by_the_length(q, k, v, mask=None):
    return _attention(q, k, v, mask, k.shape[-2] ** -0.5)


@misconception(
    "scaled_dot_product_attention",
    what="The scale comes from the width of the values.",
    why="Values take no part in the scores; only the vectors that are multiplied there decide how far the scores spread.",
)
def attention_scaled_by_the_values(q, k, v, mask=None):
    return _attention(q, k, v, mask, v.shape[-1] ** -0.5)


@misconception(
    "scaled_dot_product_attention",
    what="The weights were scaled after the softmax, not the scores before it.",
    why="The weights no longer sum to one, and the softmax has saturated already.",
)
def attention_scaled_after_the_softmax(q, k, v, mask=None):
    _, weights = _attention(q, k, v, mask, 1.0)
    weights = weights / math.sqrt(q.shape[-1])
    return weights @ v, weights


@misconception(
    "scaled_dot_product_attention",
    what="The softmax runs over the queries.",
    why="Then each key hands out its attention among the queries, and a query's weights no longer sum to one.",
)
def attention_normalized_over_queries(q, k, v, mask=None):
    return _attention(q, k, v, mask, q.shape[-1] ** -0.5, dim=-2)


@misconception(
    "scaled_dot_product_attention",
    what="The keys are blended, not the values.",
    why="A key says when a token is relevant, a value what it passes on; the values would have no effect.",
)
def attention_of_the_keys(q, k, v, mask=None):
    _, weights = _attention(q, k, v, mask, q.shape[-1] ** -0.5)
    return weights @ k, weights


@misconception(
    "scaled_dot_product_attention",
    what="Every allowed key gets the same weight, whatever it holds.",
    why="That is an average: the query has no say, so nothing is looked for.",
)
def attention_that_averages(q, k, v, mask=None):
    return _attention(q, k, v, mask, 0.0)


@misconception(
    "scaled_dot_product_attention",
    what="The mask comes after the softmax.",
    why="Hidden keys have taken their share by then, and what is left no longer sums to one.",
)
def attention_masked_after_the_softmax(q, k, v, mask=None):
    _, weights = _attention(q, k, v, None, q.shape[-1] ** -0.5)
    if mask is not None:
        weights = weights * (mask != 0)
    return weights @ v, weights


@misconception(
    "scaled_dot_product_attention",
    what="The mask is read the other way round: what it allows is hidden.",
    why="Every query sees exactly what it was to be kept from. Conventions differ between libraries; here True means may attend.",
)
def attention_with_the_mask_inverted(q, k, v, mask=None):
    return _attention(q, k, v, None if mask is None else mask == 0, q.shape[-1] ** -0.5)


@misconception(
    "scaled_dot_product_attention",
    what="The mask has no effect.",
    why="Padding and the future flow into every output.",
)
def attention_without_the_mask(q, k, v, mask=None):
    return _attention(q, k, v, None, q.shape[-1] ** -0.5)


@misconception(
    "scaled_dot_product_attention",
    what="Hidden scores became zero instead of minus infinity.",
    why="Zero is a score like any other: a hidden key may even win against allowed ones with negative scores.",
)
def attention_with_hidden_scores_zero(q, k, v, mask=None):
    return _attention(q, k, v, mask, q.shape[-1] ** -0.5, fill=0.0)


@misconception(
    "scaled_dot_product_attention",
    what="The mask was added to the scores as if it held scores itself.",
    why="One more or less changes the weights a little, and hides nothing.",
)
def attention_with_the_mask_added(q, k, v, mask=None):
    scores = attention_scores(q, k) / math.sqrt(q.shape[-1])
    weights = softmax(scores if mask is None else scores + mask, -1)
    return weights @ v, weights


@misconception(
    "scaled_dot_product_attention",
    what="A query without a key gets NaN.",
    why="The softmax of nothing but minus infinity is zero over zero; one such row makes every later result NaN.",
)
def attention_with_nan_in_empty_rows(q, k, v, mask=None):
    scores = attention_scores(q, k) / math.sqrt(q.shape[-1])
    weights = softmax(scores if mask is None else scores.masked_fill(mask == 0, -math.inf), -1)
    return weights @ v, weights


@misconception(
    "scaled_dot_product_attention",
    what="A query without a key gets the average of all values.",
    why="Hidden scores that are merely very negative are all alike, so an empty row silently averages what it must not see.",
)
def attention_with_averages_in_empty_rows(q, k, v, mask=None):
    return _attention(q, k, v, mask, q.shape[-1] ** -0.5, fill=-9e15)


@misconception(
    "scaled_dot_product_attention",
    what="A single query without a key sets everything to zero.",
    why="The other queries lose their messages too; each row has to be treated on its own.",
)
def attention_all_zero_if_any_row_is_empty(q, k, v, mask=None):
    output, weights = _attention(q, k, v, mask, q.shape[-1] ** -0.5)
    if mask is not None and not mask.bool().any(dim=-1).all():
        return torch.zeros_like(output), torch.zeros_like(weights)
    return output, weights


@misconception(
    "scaled_dot_product_attention",
    what="A mask of integers was negated bit by bit, so that every entry counts as hidden.",
    why="Masks of bools work by luck; with zeros and ones nobody attends to anything.",
)
def attention_with_integer_masks_negated(q, k, v, mask=None):
    return _attention(q, k, v, None if mask is None else (~mask).bool() == 0, q.shape[-1] ** -0.5)


@misconception(
    "scaled_dot_product_attention",
    what="The mask that was passed in has been overwritten.",
    why="The next layer gets another mask than the caller made, and the error shows far from its cause.",
)
def attention_that_overwrites_the_mask(q, k, v, mask=None):
    result = _attention(q, k, v, mask, q.shape[-1] ** -0.5)
    if mask is not None:
        mask.logical_not_()
    return result


@misconception(
    "scaled_dot_product_attention",
    what="The values that were passed in have been overwritten where the mask hides them.",
    why="Another query, head or layer may be allowed to read what this one may not; now it is gone for all.",
)
def attention_that_overwrites_the_values(q, k, v, mask=None):
    result = _attention(q, k, v, mask, q.shape[-1] ** -0.5)
    if mask is not None and mask.dim() == 2:
        v.masked_fill_(mask[0].bool().logical_not()[:, None], 0.0)
    return result


@misconception(
    "scaled_dot_product_attention",
    what="The queries that were passed in have been overwritten by their scaled version.",
    why="Called twice with the same tensor, the function gives two different answers, and gradients fail.",
)
def attention_that_scales_queries_in_place(q, k, v, mask=None):
    q *= q.shape[-1] ** -0.5
    return _attention(q, k, v, mask, 1.0)


@misconception(
    "scaled_dot_product_attention",
    what="The keys were turned around along all of their axes, not the last two.",
    why="Without a batch this is right; with one it mixes sequences or crashes.",
)
def attention_with_all_axes_reversed(q, k, v, mask=None):
    scores = q @ k.permute(*range(k.dim() - 1, -1, -1)) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask == 0, -math.inf)
    weights = torch.nan_to_num(torch.softmax(scores, dim=-1))
    return weights @ v, weights


@misconception(
    "scaled_dot_product_attention",
    what="Only the output comes back.",
    why="Two things are asked for: without the weights nobody can see who attended to whom.",
)
def attention_without_weights(q, k, v, mask=None):
    return _attention(q, k, v, mask, q.shape[-1] ** -0.5)[0]


@misconception(
    "scaled_dot_product_attention",
    what="Weights and output come back in the other order.",
    why="The caller blends weights and plots outputs; shapes may even agree by accident.",
)
def attention_with_results_exchanged(q, k, v, mask=None):
    return _attention(q, k, v, mask, q.shape[-1] ** -0.5)[::-1]


# causal_mask


@misconception(
    "causal_mask",
    what="The mask is upside down: every token sees itself and the future.",
    why="This is the one thing it should prevent; a model trained with it learns to copy the answer.",
)
def causal_mask_of_the_future(length):
    return torch.ones(length, length, dtype=torch.bool).triu()


@misconception(
    "causal_mask",
    what="True marks what is hidden.",
    why="Some of PyTorch's modules read masks like this, but here, and in the fused function, True = may attend.",
)
def causal_mask_of_what_is_hidden(length):
    return torch.ones(length, length, dtype=torch.bool).triu(1)


@misconception(
    "causal_mask",
    what="A token does not see itself.",
    why="The first token is then left without any key, and every token loses its own content.",
)
def causal_mask_without_the_diagonal(length):
    return torch.ones(length, length, dtype=torch.bool).tril(-1)


@misconception(
    "causal_mask",
    what="One token of the future is let in.",
    why="The next token is just what a language model has to predict; seeing it makes the loss suspiciously low.",
)
def causal_mask_one_too_many(length):
    return torch.ones(length, length, dtype=torch.bool).tril(1)


@misconception(
    "causal_mask",
    what="The mask holds numbers, not bools.",
    why="A floating-point mask is *added* to the scores by PyTorch's fused function, which hides nothing.",
)
def causal_mask_of_numbers(length):
    return torch.tril(torch.ones(length, length))


@misconception(
    "causal_mask",
    what="The mask holds zeros and minus infinities, to be added to the scores.",
    why="That is another convention. Read as a mask of who may attend, it says the opposite.",
)
def causal_mask_to_be_added(length):
    return torch.full((length, length), -1e9).triu(1)


# padding_mask


@misconception(
    "padding_mask",
    what="One filler token too many counts as real.",
    why="Counting starts at zero: the token whose number equals the length is the first filler.",
)
def padding_mask_one_too_many(lengths, max_length):
    return torch.arange(max_length) <= lengths[:, None, None]


@misconception(
    "padding_mask",
    what="True marks the filler.",
    why="Some of PyTorch's modules read it like this; in this course True means may attend, so only filler would be read.",
)
def padding_mask_of_the_filler(lengths, max_length):
    return torch.arange(max_length) >= lengths[:, None, None]


@misconception(
    "padding_mask",
    what="The axis for the queries is missing.",
    why="Against a table of scores for each sequence, it would be read as queries by keys, and sequences would hide each other's tokens.",
)
def padding_mask_without_the_query_axis(lengths, max_length):
    return torch.arange(max_length) < lengths[:, None]


@misconception(
    "padding_mask",
    what="Queries are hidden, not keys.",
    why="Filler tokens would look nowhere, while every real token still reads the filler.",
)
def padding_mask_of_the_queries(lengths, max_length):
    return (torch.arange(max_length) < lengths[:, None])[:, :, None]


@misconception(
    "padding_mask",
    what="The filler is taken to stand in front.",
    why="These sequences are filled up at the end; the first real tokens would be hidden, and filler read.",
)
def padding_mask_from_the_front(lengths, max_length):
    return torch.arange(max_length) >= max_length - lengths[:, None, None]


@misconception(
    "padding_mask",
    what="The width of the mask is the longest length, not the width that was given.",
    why="A batch may be wider than its longest sequence; then the mask does not fit.",
)
def padding_mask_as_wide_as_the_longest(lengths, max_length):
    return torch.arange(int(lengths.max())) < lengths[:, None, None]


@misconception(
    "padding_mask",
    what="The mask holds numbers, not bools.",
    why="A floating-point mask is *added* to the scores by PyTorch's fused function, which hides nothing.",
)
def padding_mask_of_numbers(lengths, max_length):
    return (torch.arange(max_length) < lengths[:, None, None]).float()


# SelfAttention


@misconception(
    "SelfAttention",
    what="Queries and keys have changed places.",
    why="What a token looks for and what it has are different maps; exchanged, everybody answers the question that others asked.",
)
class SelfAttentionWithQueriesAndKeysExchanged(SelfAttention):
    def forward(self, x, mask=None):
        return scaled_dot_product_attention(self.linear_k(x), self.linear_q(x), self.linear_v(x), mask)[0]


@misconception(
    "SelfAttention",
    what="The keys are passed on in place of the values.",
    why="What a token tells would be what it is found by, and the map of the values never learns.",
)
class SelfAttentionOfKeys(SelfAttention):
    def forward(self, x, mask=None):
        keys = self.linear_k(x)
        return scaled_dot_product_attention(self.linear_q(x), keys, keys, mask)[0]


@misconception(
    "SelfAttention",
    what="The tokens themselves are blended, not their values.",
    why="The third map has no effect, and the output keeps the width of the input.",
)
class SelfAttentionOfTokens(SelfAttention):
    def forward(self, x, mask=None):
        return scaled_dot_product_attention(self.linear_q(x), self.linear_k(x), x, mask)[0]


@misconception(
    "SelfAttention",
    what="The mask is dropped on the way.",
    why="Called with a causal mask, the layer still reads the future.",
)
class SelfAttentionWithoutTheMask(SelfAttention):
    def forward(self, x, mask=None):
        return scaled_dot_product_attention(self.linear_q(x), self.linear_k(x), self.linear_v(x))[0]


@misconception(
    "SelfAttention",
    what="Output and weights both come back.",
    why="The next layer expects one tensor; handing on a pair breaks it.",
)
class SelfAttentionWithWeights(SelfAttention):
    def forward(self, x, mask=None):
        return scaled_dot_product_attention(self.linear_q(x), self.linear_k(x), self.linear_v(x), mask)


@misconception(
    "SelfAttention",
    what="The weights come back in place of the output.",
    why="They say who was read, not what was said.",
)
class SelfAttentionOnlyWeights(SelfAttention):
    def forward(self, x, mask=None):
        return scaled_dot_product_attention(self.linear_q(x), self.linear_k(x), self.linear_v(x), mask)[1]


@misconception(
    "SelfAttention",
    what="One and the same map makes queries, keys and values.",
    why="Each token would look for its like, and mostly find itself. Three roles need three maps.",
)
class SelfAttentionWithOneMap(nn.Module):
    def __init__(self, input_dim, head_dim):
        super().__init__()
        self.linear_q = self.linear_k = self.linear_v = nn.Linear(input_dim, head_dim)

    def forward(self, x, mask=None):
        return scaled_dot_product_attention(self.linear_q(x), self.linear_k(x), self.linear_v(x), mask)[0]


@misconception(
    "SelfAttention",
    what="The module was not set up as one before it got its layers.",
    why="PyTorch then has no place to register the layers, and their parameters would never be trained.",
)
class SelfAttentionNotSetUp(nn.Module):
    def __init__(self, input_dim, head_dim):
        self.linear_q = nn.Linear(input_dim, head_dim)


@misconception(
    "SelfAttention",
    what="The three maps have no bias.",
    why="A query of its own, the same for all tokens, needs one: the layer could not ask the same question everywhere.",
)
class SelfAttentionWithoutBias(SelfAttention):
    def __init__(self, input_dim, head_dim):
        super().__init__(input_dim, head_dim)
        self.linear_q = nn.Linear(input_dim, head_dim, bias=False)
        self.linear_k = nn.Linear(input_dim, head_dim, bias=False)
        self.linear_v = nn.Linear(input_dim, head_dim, bias=False)


@misconception(
    "SelfAttention",
    what="The scores are scaled twice.",
    why="Attention divides already; the queries should come as the map makes them.",
)
class SelfAttentionScaledTwice(SelfAttention):
    def forward(self, x, mask=None):
        queries = self.linear_q(x) / math.sqrt(self.linear_q.out_features)
        return scaled_dot_product_attention(queries, self.linear_k(x), self.linear_v(x), mask)[0]


@misconception(
    "SelfAttention",
    what="A nonlinearity follows the three maps.",
    why="Queries, keys and values are linear maps of the tokens; cut off at zero, a key can no longer argue against itself.",
)
class SelfAttentionWithReLU(SelfAttention):
    def forward(self, x, mask=None):
        queries, keys, values = F.relu(self.linear_q(x)), F.relu(self.linear_k(x)), F.relu(self.linear_v(x))
        return scaled_dot_product_attention(queries, keys, values, mask)[0]
