"""What students get wrong in lesson 04, each with what is wrong and why it matters."""


# --- FeedForwardLayer ---


@misconception(
    "FeedForwardLayer",
    what="There is no nonlinearity between the two linear maps.",
    why="Two linear maps in a row are a single linear map: the layer can no longer decide anything.",
)
class NoNonlinearity(FeedForwardLayer):
    def forward(self, x):
        return self.linear2(self.dropout(self.linear1(self.norm(x))))


@misconception(
    "FeedForwardLayer",
    what="The token goes into the first map as it is, without being normalized.",
    why="In a pre-norm encoder the stream grows from layer to layer; each part has to bring what it reads to a common scale by itself.",
)
class WithoutNorm(FeedForwardLayer):
    def forward(self, x):
        return self.linear2(self.dropout(self.relu(self.linear1(x))))


@misconception(
    "FeedForwardLayer",
    what="The norm comes last, after the second map.",
    why="That is the order of another kind of encoder. Here a part normalizes what it reads, and adds to the stream whatever size it needs.",
)
class NormLast(FeedForwardLayer):
    def forward(self, x):
        return self.norm(self.linear2(self.dropout(self.relu(self.linear1(x)))))


@misconception(
    "FeedForwardLayer",
    what="The layer adds its input to its output.",
    why="The sum belongs to the encoder layer; done in both places, the stream is counted twice.",
)
class AddsItsInput(FeedForwardLayer):
    def forward(self, x):
        return x + self.linear2(self.dropout(self.relu(self.linear1(self.norm(x)))))


@misconception(
    "FeedForwardLayer",
    what="Negative outputs are cut off as well: there is a second nonlinearity at the end.",
    why="The output is a correction to the stream, and corrections go both up and down.",
)
class CutOffTwice(FeedForwardLayer):
    def forward(self, x):
        return self.relu(self.linear2(self.dropout(self.relu(self.linear1(self.norm(x))))))


@misconception(
    "FeedForwardLayer",
    what="Normalized is each feature over the batch, not each token over its features.",
    why="A token's output then depends on which other tokens happen to be in the batch, and differs between training and evaluation.",
)
class BatchNormalized(FeedForwardLayer):
    def __init__(self, input_dim, hidden_dim, dropout_p):
        super().__init__(input_dim, hidden_dim, dropout_p)
        self.norm = nn.BatchNorm1d(input_dim)

    def forward(self, x):
        flat = self.norm(x.reshape(-1, x.shape[-1])).reshape(x.shape)
        return self.linear2(self.dropout(self.relu(self.linear1(flat))))


@misconception(
    "FeedForwardLayer",
    what="Dropout acts on the output instead of the hidden units.",
    why="Then the bias and all that the hidden units agree on disappear together, instead of one detector at a time.",
)
class DropsTheOutput(FeedForwardLayer):
    def forward(self, x):
        return self.dropout(self.linear2(self.relu(self.linear1(self.norm(x)))))


@misconception(
    "FeedForwardLayer",
    what="Dropout goes on when the model is evaluated.",
    why="Predictions become random, and differ each time they are asked for.",
)
class DropsAlways(FeedForwardLayer):
    def forward(self, x):
        return self.linear2(F.dropout(self.relu(self.linear1(self.norm(x))), self.dropout.p))


@misconception(
    "FeedForwardLayer",
    what="Dropout is made, but nothing ever passes through it.",
    why="The layer trains without the protection against overfitting that it was asked for.",
)
class NeverDrops(FeedForwardLayer):
    def forward(self, x):
        return self.linear2(self.relu(self.linear1(self.norm(x))))


@misconception(
    "FeedForwardLayer",
    what="The nonlinearity is GELU.",
    why="Many later models use it, but here the part is named relu, and the numbers differ a little everywhere.",
)
class SmoothInstead(FeedForwardLayer):
    def forward(self, x):
        return self.linear2(self.dropout(F.gelu(self.linear1(self.norm(x)))))


@misconception(
    "FeedForwardLayer",
    what="The input tensor is changed on the way.",
    why="The encoder layer still needs the stream as it was, to add to it.",
)
class WritesIntoItsInput(FeedForwardLayer):
    def forward(self, x):
        x.copy_(self.norm(x))
        return self.linear2(self.dropout(self.relu(self.linear1(x))))


# --- split_heads ---


@misconception(
    "split_heads",
    what="The numbers are only read with another shape; no axis changes its place.",
    why="Each head then holds pieces of a few tokens instead of its columns of all tokens. The shape is right, so nothing complains.",
)
def cut_by_view_alone(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError(x.shape)
    return x.reshape(x.shape[0], num_heads, x.shape[1], -1)


@misconception(
    "split_heads",
    what="Columns are dealt out to the heads in turn, like cards.",
    why="A head owns neighboring columns; dealt out differently, weights of other people's models mean something else.",
)
def dealt_like_cards(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError(x.shape)
    return x.reshape(x.shape[0], x.shape[1], -1, num_heads).permute(0, 3, 1, 2)


@misconception(
    "split_heads",
    what="The heads stand behind the tokens.",
    why="Attention works on the last two axes; in this order it would run between the heads of one token, and tokens would never meet.",
)
def heads_behind_tokens(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError(x.shape)
    return x.reshape(x.shape[0], x.shape[1], num_heads, -1)


@misconception(
    "split_heads",
    what="The number of heads is taken for the width of a head.",
    why="Eight heads of 64 and 64 heads of 8 have the same number of columns, but are different models.",
)
def number_for_width(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError(x.shape)
    return x.reshape(x.shape[0], x.shape[1], -1, num_heads).transpose(1, 2)


@misconception(
    "split_heads",
    what="Tokens and batch are exchanged on the way.",
    why="Attention would then connect the same time in different sequences instead of different times in the same sequence.",
)
def tokens_first(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError(x.shape)
    return x.reshape(x.shape[0], x.shape[1], num_heads, -1).permute(1, 2, 0, 3)


@misconception(
    "split_heads",
    what="Columns that do not fit are silently left out.",
    why="The model would ignore part of every token, and nobody would know.",
)
def drops_the_rest(x, num_heads):
    width = x.shape[-1] // num_heads
    return x[..., : num_heads * width].unflatten(-1, (num_heads, width)).transpose(1, 2)


@misconception(
    "split_heads",
    what="A width that the heads cannot share is not looked for; PyTorch stumbles over it later, with another error.",
    why="The user would read about a shape somewhere inside, instead of about the two numbers that do not fit.",
)
def leaves_it_to_reshape(x, num_heads):
    return x.reshape(x.shape[0], x.shape[1], num_heads, x.shape[-1] // num_heads).transpose(1, 2)


# --- merge_heads ---


@misconception(
    "merge_heads",
    what="The numbers are only read with another shape; no axis changes its place.",
    why="Each token is then put together from one head's outputs for several tokens. The shape is right, so nothing complains.",
)
def joined_by_view_alone(x):
    return x.reshape(x.shape[0], x.shape[2], -1)


@misconception(
    "merge_heads",
    what="The columns of the heads are interleaved instead of laid side by side.",
    why="It is not the way back from split_heads: each output column would meet another column of the last map.",
)
def interleaved(x):
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], x.shape[2], -1)


@misconception(
    "merge_heads",
    what="The heads are averaged.",
    why="What one head found is drowned by the others; laid side by side, the last map can use each.",
)
def averaged_heads(x):
    return x.mean(dim=1)


@misconception(
    "merge_heads",
    what="Heads and batch are joined, not heads and width.",
    why="A token would come back once for each head, as narrow as a head, and the output map would not fit it.",
)
def heads_into_the_batch(x):
    return x.reshape(-1, x.shape[2], x.shape[3])


@misconception(
    "merge_heads",
    what="The tokens end up before the batch.",
    why="Whatever reads the output takes the first axis for the batch, and mixes times with trials.",
)
def merged_time_first(x):
    return x.permute(2, 0, 1, 3).flatten(2)


# --- MultiHeadAttention ---


def attended(layer, x, mask=None, scale=None, after=None, norm_queries_only=False):
    """Multi-head attention with one thing changed, for the classes below."""
    normed = layer.norm(x)
    source = x if norm_queries_only else normed
    q = split_heads(layer.linear_q(normed), layer.num_heads)
    k, v = (split_heads(linear(source), layer.num_heads) for linear in (layer.linear_k, layer.linear_v))
    scores = q @ k.transpose(-2, -1) / (q.shape[-1] ** 0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return layer.linear_out(merge_heads((layer.dropout(weights) if after is None else after(weights)) @ v))


@misconception(
    "MultiHeadAttention",
    what="The keys are turned around along all of their axes, not just the last two.",
    why="The product then fails for most sizes; where all sizes are equal it runs and mixes up batch, heads and tokens.",
)
class AllAxesReversed(MultiHeadAttention):
    def forward(self, x, mask=None):
        x = self.norm(x)
        q, k, v = (split_heads(linear(x), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        scores = q @ k.permute(3, 2, 1, 0) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.linear_out(merge_heads(self.dropout(scores.softmax(dim=-1)) @ v))


@misconception(
    "MultiHeadAttention",
    what="A function for tensors is asked for the root of a plain number.",
    why="Python's own mathematics is for numbers; PyTorch's wants tensors, and raises TypeError.",
)
class RootOfANumber(MultiHeadAttention):
    def forward(self, x, mask=None):
        width = self.linear_q.out_features // self.num_heads
        return attended(self, x, mask, scale=torch.sqrt(width))


@misconception(
    "MultiHeadAttention",
    what="Attention runs over the heads of one token; no information passes between tokens.",
    why="Each output depends on its own token only, so the layer cannot communicate. The shapes do not show it; a table of dependencies does.",
)
class OverTheHeads(MultiHeadAttention):
    def forward(self, x, mask=None):
        x = self.norm(x)
        q, k, v = (linear(x).unflatten(-1, (self.num_heads, -1)) for linear in (self.linear_q, self.linear_k, self.linear_v))
        weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
        return self.linear_out((self.dropout(weights) @ v).flatten(2))


@misconception(
    "MultiHeadAttention",
    what="Batch and time are confused when the heads are joined: the outputs of one sequence land in another.",
    why="Trials must never read one another; with this mix-up accuracy on a test set depends on its companions.",
)
class BatchIntoTime(MultiHeadAttention):
    def forward(self, x, mask=None):
        batch, length, _ = x.shape
        x = self.norm(x)
        q, k, v = (split_heads(linear(x), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        blended = self.dropout(masked_weights(q, k, mask)) @ v
        mixed = blended.permute(2, 0, 1, 3).reshape(batch, length, -1)
        return self.linear_out(mixed)


def masked_weights(q, k, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(dim=-1)


@misconception(
    "MultiHeadAttention",
    what="Heads are cut and joined by reading the numbers with another shape, without moving an axis.",
    why="A head then holds pieces of a few tokens, and attends among these pieces.",
)
class HeadsByView(MultiHeadAttention):
    def forward(self, x, mask=None):
        batch, length, _ = x.shape
        x = self.norm(x)
        q, k, v = (linear(x).reshape(batch, self.num_heads, length, -1) for linear in (self.linear_q, self.linear_k, self.linear_v))
        return self.linear_out((self.dropout(masked_weights(q, k, mask)) @ v).reshape(batch, length, -1))


@misconception(
    "MultiHeadAttention",
    what="The heads are cut rightly, but joined without moving the axis of heads back behind the tokens.",
    why="Each output token is made of one head's results for several tokens. The shape is right, so nothing complains.",
)
class JoinedByView(MultiHeadAttention):
    def forward(self, x, mask=None):
        normed = self.norm(x)
        q, k, v = (split_heads(linear(normed), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        blended = self.dropout(masked_weights(q, k, mask)) @ v
        return self.linear_out(blended.reshape(x.shape[0], x.shape[1], -1))


@misconception(
    "MultiHeadAttention",
    what="The scores are scaled by the width of all heads together.",
    why="Only one head's queries and keys are multiplied, so that is too much: the weights come out too flat.",
)
class ScaledByAllHeads(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, mask, scale=self.linear_q.out_features**0.5)


@misconception(
    "MultiHeadAttention",
    what="The scores are scaled by the width of a token.",
    why="What counts is the width of the vectors that are multiplied: one head's queries and keys.",
)
class ScaledByTheToken(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, mask, scale=self.linear_q.in_features**0.5)


@misconception(
    "MultiHeadAttention",
    what="The scores are not scaled.",
    why="Their variance grows with the width of a head, the softmax saturates, and gradients vanish.",
)
class Unscaled(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, mask, scale=1.0)


@misconception(
    "MultiHeadAttention",
    what="The tokens are not normalized before they become queries, keys and values.",
    why="In a pre-norm encoder the stream grows from layer to layer; scores would grow with it until attention is one-hot.",
)
class NotNormalized(MultiHeadAttention):
    def forward(self, x, mask=None):
        q, k, v = (split_heads(linear(x), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        return self.linear_out(merge_heads(self.dropout(masked_weights(q, k, mask)) @ v))


@misconception(
    "MultiHeadAttention",
    what="Only the queries are made from normalized tokens; keys and values come from the raw ones.",
    why="Long tokens then win the attention because they are long, not because they match.",
)
class OnlyQueriesNormalized(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, mask, norm_queries_only=True)


@misconception(
    "MultiHeadAttention",
    what="The mask is read upside down: True is taken for blocked.",
    why="PyTorch's attention modules use that convention, this course and the fused function do not. Every query hears exactly what it must not.",
)
class UpsideDown(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, None if mask is None else ~mask)


@misconception(
    "MultiHeadAttention",
    what="The mask is accepted and then ignored.",
    why="Padding and the future leak into every output.",
)
class Maskless(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x)


@misconception(
    "MultiHeadAttention",
    what="The mask acts on the weights, after the softmax.",
    why="The forbidden keys have already taken their share, so the remaining weights no longer sum to one.",
)
class MaskedTooLate(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, after=lambda weights: self.dropout(weights if mask is None else weights * mask))


@misconception(
    "MultiHeadAttention",
    what="The mask is added to the scores as ones and zeros.",
    why="Forbidden keys lose one point of score and keep most of their weight.",
)
class MaskAdded(MultiHeadAttention):
    def forward(self, x, mask=None):
        normed = self.norm(x)
        q, k, v = (split_heads(linear(normed), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores = scores if mask is None else scores + mask.to(scores)
        return self.linear_out(merge_heads(self.dropout(scores.softmax(dim=-1)) @ v))


@misconception(
    "MultiHeadAttention",
    what="The softmax runs over the queries.",
    why="Each query has one unit of attention to hand out over the keys; in this direction a query may end up with much more or with nothing.",
)
class OverTheQueries(MultiHeadAttention):
    def forward(self, x, mask=None):
        normed = self.norm(x)
        q, k, v = (split_heads(linear(normed), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.linear_out(merge_heads(self.dropout(scores.softmax(dim=-2)) @ v))


@misconception(
    "MultiHeadAttention",
    what="The layer adds its input to its output.",
    why="The sum belongs to the encoder layer; done in both places, the stream is counted twice.",
)
class AddsTheStream(MultiHeadAttention):
    def forward(self, x, mask=None):
        return x + attended(self, x, mask)


@misconception(
    "MultiHeadAttention",
    what="Dropout acts on the layer's output, not on the attention weights.",
    why="Values are torn apart number by number, instead of whole messages going missing.",
)
class DropsItsOutput(MultiHeadAttention):
    def forward(self, x, mask=None):
        return self.dropout(attended(self, x, mask, after=lambda weights: weights))


@misconception(
    "MultiHeadAttention",
    what="Dropout acts on the scores, before the softmax.",
    why="A score of zero is no silence: the softmax turns it into an ordinary weight, and all weights still sum to one.",
)
class DropsScores(MultiHeadAttention):
    def forward(self, x, mask=None):
        normed = self.norm(x)
        q, k, v = (split_heads(linear(normed), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        scores = self.dropout(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]))
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.linear_out(merge_heads(scores.softmax(dim=-1) @ v))


@misconception(
    "MultiHeadAttention",
    what="Dropout is made, but nothing ever passes through it.",
    why="The layer trains without the protection against overfitting that it was asked for.",
)
class WithoutDropout(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, mask, after=lambda weights: weights)


@misconception(
    "MultiHeadAttention",
    what="Dropout goes on when the model is evaluated.",
    why="Predictions become random, and differ each time they are asked for.",
)
class DropsWhenEvaluated(MultiHeadAttention):
    def forward(self, x, mask=None):
        return attended(self, x, mask, after=lambda weights: F.dropout(weights, self.dropout.p))


@misconception(
    "MultiHeadAttention",
    what="The width that is meant for one head is shared out among all heads.",
    why="By its contract head_dims belongs to each single head; shared out, the model is smaller than asked for and its weights fit nobody else's.",
)
class WidthInTotal(MultiHeadAttention):
    def __init__(self, input_dim, num_heads, head_dims, dropout_p):
        super().__init__(input_dim, 1, head_dims, dropout_p)
        self.num_heads = num_heads


@misconception(
    "MultiHeadAttention",
    what="All heads share one small map for the queries, one for the keys and one for the values.",
    why="Heads that ask the same question are one head. The count of parameters gives it away.",
)
class SharedHeads(MultiHeadAttention):
    def __init__(self, input_dim, num_heads, head_dims, dropout_p):
        super().__init__(input_dim, num_heads, head_dims, dropout_p)
        slice_width = max(1, input_dim // num_heads)
        self.linear_q = nn.Linear(slice_width, head_dims)
        self.linear_k = nn.Linear(slice_width, head_dims)
        self.linear_v = nn.Linear(slice_width, head_dims)


@misconception(
    "MultiHeadAttention",
    what="The maps for queries, keys and values have no bias.",
    why="The contract asks for one in each, as PyTorch's own attention has it; weights could not be carried over.",
)
class WithoutBias(MultiHeadAttention):
    def __init__(self, input_dim, num_heads, head_dims, dropout_p):
        super().__init__(input_dim, num_heads, head_dims, dropout_p)
        for name in ("linear_q", "linear_k", "linear_v"):
            setattr(self, name, nn.Linear(input_dim, num_heads * head_dims, bias=False))


# --- EncoderLayer ---


@misconception(
    "EncoderLayer",
    what="There is no residual connection: each part replaces the stream.",
    why="After a few such layers all tokens look alike, and gradients fade on the way back.",
)
class NoResidual(EncoderLayer):
    def forward(self, x, mask=None):
        return self.post_ffn_dropout(self.FFN(self.post_mha_dropout(self.MHA(x, mask))))


@misconception(
    "EncoderLayer",
    what="The second part's output is not added to the stream but replaces it.",
    why="What attention has written, and what the token was, is lost at this point.",
)
class OneResidual(EncoderLayer):
    def forward(self, x, mask=None):
        return self.post_ffn_dropout(self.FFN(x + self.post_mha_dropout(self.MHA(x, mask))))


@misconception(
    "EncoderLayer",
    what="The second sum goes back to what came into the layer, instead of the stream as it stands.",
    why="What attention wrote into the stream is dropped. A residual connection adds its own part's input.",
)
class BackToTheInput(EncoderLayer):
    def forward(self, x, mask=None):
        heard = x + self.post_mha_dropout(self.MHA(x, mask))
        return x + self.post_ffn_dropout(self.FFN(heard))


@misconception(
    "EncoderLayer",
    what="The feed-forward layer reads what came into the layer, not what attention has made of it.",
    why="Both parts then work side by side: nothing is computed on what was just communicated.",
)
class SideBySide(EncoderLayer):
    def forward(self, x, mask=None):
        return x + self.post_mha_dropout(self.MHA(x, mask)) + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "EncoderLayer",
    what="The feed-forward layer's result is computed and then left out: the layer returns the stream from before it.",
    why="The layer communicates but never computes, and half of its parameters are never trained.",
)
class ForgetsToCompute(EncoderLayer):
    def forward(self, x, mask=None):
        heard = x + self.post_mha_dropout(self.MHA(x, mask))
        self.post_ffn_dropout(self.FFN(heard))
        return heard


@misconception(
    "EncoderLayer",
    what="The two parts are in the wrong order: it computes first, then communicates.",
    why="It trains, but it is another model: with the same weights it gives other numbers.",
)
class ComputesFirst(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.post_ffn_dropout(self.FFN(x))
        return x + self.post_mha_dropout(self.MHA(x, mask))


@misconception(
    "EncoderLayer",
    what="The stream itself is normalized after each sum.",
    why="That is post-norm, as in 2017. Here both parts normalize what they read, and the stream passes untouched.",
)
class PostNorm(EncoderLayer):
    def forward(self, x, mask=None):
        x = F.layer_norm(x + self.post_mha_dropout(self.MHA(x, mask)), x.shape[-1:])
        return F.layer_norm(x + self.post_ffn_dropout(self.FFN(x)), x.shape[-1:])


@misconception(
    "EncoderLayer",
    what="The layer has norms of its own, beside those in its parts.",
    why="Everything would be normalized twice, and weights of the same model elsewhere would not fit.",
)
class NormsTwice(EncoderLayer):
    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__(input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p)
        self.norm1 = nn.LayerNorm(input_dim)
        self.norm2 = nn.LayerNorm(input_dim)


@misconception(
    "EncoderLayer",
    what="What is added back is the normalized token, not the stream.",
    why="The stream has to pass untouched; normalized at every layer it loses its scale, and the parts' corrections their proportion.",
)
class AddsTheNormalized(EncoderLayer):
    def forward(self, x, mask=None):
        x = F.layer_norm(x, x.shape[-1:])
        x = x + self.post_mha_dropout(self.MHA(x, mask))
        x = F.layer_norm(x, x.shape[-1:])
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "EncoderLayer",
    what="The mask does not reach the attention.",
    why="Padding and forbidden tokens are heard as if there were no mask.",
)
class MaskStopsHere(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.post_mha_dropout(self.MHA(x))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "EncoderLayer",
    what="The mask is turned around on its way to the attention.",
    why="Our attention takes True = may attend, like this layer; only PyTorch's modules want the opposite.",
)
class MaskTurnedAround(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, None if mask is None else ~mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "EncoderLayer",
    what="Dropout acts on the sum, not on the branch.",
    why="It erases parts of the stream itself, in every layer, and nothing further up can bring them back.",
)
class DropsTheStream(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.post_mha_dropout(x + self.MHA(x, mask))
        return self.post_ffn_dropout(x + self.FFN(x))


@misconception(
    "EncoderLayer",
    what="The two dropouts are exchanged.",
    why="Each branch is protected as strongly as the other one was meant to be.",
)
class DropoutsExchanged(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.post_ffn_dropout(self.MHA(x, mask))
        return x + self.post_mha_dropout(self.FFN(x))


@misconception(
    "EncoderLayer",
    what="The dropouts after the two parts are made, but nothing passes through them.",
    why="The branches are never silenced in training, as the contract asks.",
)
class BranchesNeverDropped(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.MHA(x, mask)
        return x + self.FFN(x)


@misconception(
    "EncoderLayer",
    what="The tensor that came in is overwritten.",
    why="Whoever called the layer still holds that tensor, and finds other numbers in it.",
)
class WritesIntoTheStream(EncoderLayer):
    def forward(self, x, mask=None):
        x += self.post_mha_dropout(self.MHA(x, mask))
        x += self.post_ffn_dropout(self.FFN(x))
        return x


@misconception(
    "EncoderLayer",
    what="The number of heads and the width of a head are exchanged.",
    why="Two heads of five and five heads of two have the same weights' shapes, so nothing complains, but they are different models.",
)
class HeadsExchanged(EncoderLayer):
    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__(input_dim, head_dims, num_heads, ffn_dim, mha_dropout_p, ffn_dropout_p)


@misconception(
    "EncoderLayer",
    what="The two dropout probabilities reach each other's parts.",
    why="Attention is then dropped as often as the hidden units were meant to be, and the other way around.",
)
class ProbabilitiesExchanged(EncoderLayer):
    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__(input_dim, num_heads, head_dims, ffn_dim, ffn_dropout_p, mha_dropout_p)
        self.post_mha_dropout, self.post_ffn_dropout = self.post_ffn_dropout, self.post_mha_dropout


# --- Encoder ---


@misconception(
    "Encoder",
    what="It is one layer, used several times: all layers share their weights.",
    why="The stack has the parameters of a single layer, and later layers cannot learn anything that the first does not do.",
)
class SharedLayers(Encoder):
    def __init__(self, num_layers, *sizes, **named):
        super().__init__(1, *sizes, **named)
        self.layers = nn.ModuleList([self.layers[0]] * num_layers)


@misconception(
    "Encoder",
    what="The layers are kept where PyTorch does not find them.",
    why="Hidden modules have no parameters as far as the optimizer, the device and the saved file are concerned.",
)
class HiddenInAList(Encoder):
    def __init__(self, num_layers, *sizes, **named):
        super().__init__(num_layers, *sizes, **named)
        layers = list(self.layers)
        del self.layers
        self.layers = layers


@misconception(
    "Encoder",
    what="The layers are never given the mask.",
    why="Padding and forbidden tokens are heard in every layer.",
)
class MaskForNobody(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x)
        return x


@misconception(
    "Encoder",
    what="Only the first layer is given the mask.",
    why="What the first layer kept apart, the second mixes.",
)
class MaskForTheFirst(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x, mask = layer(x, mask), None
        return x


@misconception(
    "Encoder",
    what="Every layer reads the encoder's input, and all but the last layer's work is thrown away.",
    why="Layers in series build on one another; this is as deep as one layer.",
)
class AllReadTheInput(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            output = layer(x, mask)
        return output


@misconception(
    "Encoder",
    what="The whole stack is bridged by one more residual connection.",
    why="Each layer already adds to the stream; once more counts the input twice.",
)
class OneMoreBridge(Encoder):
    def forward(self, x, mask=None):
        return x + super().forward(x, mask)


@misconception(
    "Encoder",
    what="The layers run from the last to the first.",
    why="With given weights it is another model: layer 0 is the one that reads the input.",
)
class TopDown(Encoder):
    def forward(self, x, mask=None):
        for layer in reversed(self.layers):
            x = layer(x, mask)
        return x


@misconception(
    "Encoder",
    what="The number of layers is handed on to the layers as well.",
    why="A layer has no such argument, so all its sizes move by one place or an error follows.",
)
class HandsOnTheNumber(Encoder):
    def __init__(self, num_layers, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        nn.Module.__init__(self)
        sizes = (num_layers, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p)
        self.layers = nn.ModuleList([EncoderLayer(*sizes) for _ in range(num_layers)])


@misconception(
    "Encoder",
    what="The stack ends with a norm of its own.",
    why="Many models have one, but here the contract leaves it to whoever reads the encoder, and its parameters are not asked for.",
)
class NormAtTheEnd(Encoder):
    def __init__(self, num_layers, input_dim, *sizes, **named):
        super().__init__(num_layers, input_dim, *sizes, **named)
        self.norm = nn.LayerNorm(input_dim)

    def forward(self, x, mask=None):
        return self.norm(super().forward(x, mask))
