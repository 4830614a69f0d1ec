"""What students get wrong in lesson 05, each with what is wrong and why it matters."""


# --- CrossAttention ---


def crossed(layer, x, memory, mask=None, scale=None, weigh=None, asking=None, normed=None):
    """Cross-attention with one thing changed, for the classes below. weigh: from masked scores to what multiplies the values."""
    asking = layer.norm(x) if asking is None else asking
    cut = [
        t.unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
        for t in (layer.linear_q(asking), layer.linear_k(memory), layer.linear_v(memory))
    ]
    q, k, v = cut
    scores = q @ k.mT / (q.shape[-1] ** 0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = layer.dropout(scores.softmax(dim=-1)) if weigh is None else weigh(scores)
    return layer.linear_out((weights @ v).transpose(1, 2).flatten(2))


@misconception(
    "CrossAttention",
    what="The queries are made from the memory, and keys and values from the target: the roles are exchanged.",
    why="There would be one output for each token of the source, and the target would be told nothing.",
)
class RolesExchanged(CrossAttention):
    def __init__(self, input_dim, memory_dim, num_heads, head_dims, dropout_p):
        super().__init__(input_dim, memory_dim, num_heads, head_dims, dropout_p)
        self.linear_q = nn.Linear(memory_dim, num_heads * head_dims)
        self.linear_k = nn.Linear(input_dim, num_heads * head_dims)
        self.linear_v = nn.Linear(input_dim, num_heads * head_dims)


@misconception(
    "CrossAttention",
    what="The values come from the target: only the keys are made from the memory.",
    why="The source then says where to look, but what is heard are the target's own tokens. Nothing of the source gets through.",
)
class ValuesFromTheTarget(CrossAttention):
    def __init__(self, input_dim, memory_dim, num_heads, head_dims, dropout_p):
        super().__init__(input_dim, memory_dim, num_heads, head_dims, dropout_p)
        self.linear_v = nn.Linear(input_dim, num_heads * head_dims)


@misconception(
    "CrossAttention",
    what="Everything is made from the target; the memory is never read.",
    why="That is self-attention. The decoder would write without having seen the source.",
)
class DeafToTheMemory(CrossAttention):
    def __init__(self, input_dim, memory_dim, num_heads, head_dims, dropout_p):
        super().__init__(input_dim, input_dim, num_heads, head_dims, dropout_p)


@misconception(
    "CrossAttention",
    what="Everything is made from the memory; the target asks nothing.",
    why="The outputs belong to source tokens, and the decoder never reads what it has written.",
)
class SelfAttentionOnTheMemory(CrossAttention):
    def __init__(self, input_dim, memory_dim, num_heads, head_dims, dropout_p):
        super().__init__(memory_dim, memory_dim, num_heads, head_dims, dropout_p)


@misconception(
    "CrossAttention",
    what="Keys and values are cut into heads with the length of the target.",
    why="It works as long as source and target are equally long, and fails on the first real pair of sentences.",
)
class OneLengthForAll(CrossAttention):
    def forward(self, x, memory, mask=None):
        batch, length, _ = x.shape
        asking = self.norm(x)
        maps = self.linear_q(asking), self.linear_k(memory), self.linear_v(memory)
        q, k, v = (t.reshape(batch, length, self.num_heads, -1).transpose(1, 2) for t in maps)
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.linear_out((self.dropout(scores.softmax(-1)) @ v).transpose(1, 2).flatten(2))


@misconception(
    "CrossAttention",
    what="The heads are cut by reading the numbers with another shape, without moving an axis.",
    why="A head then holds pieces of a few tokens, and attends among these pieces. No shape complains.",
)
class CutByView(CrossAttention):
    def forward(self, x, memory, mask=None):
        maps = self.linear_q(self.norm(x)), self.linear_k(memory), self.linear_v(memory)
        q, k, v = (t.reshape(t.shape[0], self.num_heads, t.shape[1], -1) for t in maps)
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.linear_out((self.dropout(scores.softmax(-1)) @ v).reshape(x.shape[0], x.shape[1], -1))


@misconception(
    "CrossAttention",
    what="The heads are joined without moving their axis back behind the tokens.",
    why="Each output token is put together from one head's results for several tokens.",
)
class JoinedByView(CrossAttention):
    def forward(self, x, memory, mask=None):
        maps = self.linear_q(self.norm(x)), self.linear_k(memory), self.linear_v(memory)
        q, k, v = (t.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for t in maps)
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.linear_out((self.dropout(scores.softmax(-1)) @ v).reshape(x.shape[0], x.shape[1], -1))


@misconception(
    "CrossAttention",
    what="The scores are not scaled.",
    why="Their variance grows with the width of a head, the softmax saturates, and gradients vanish.",
)
class CrossUnscaled(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory, mask, scale=1.0)


@misconception(
    "CrossAttention",
    what="The scores are scaled by the width of all heads together.",
    why="Only one head's queries and keys are multiplied, so that is too much: the weights come out too flat.",
)
class CrossScaledByAll(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory, mask, scale=self.linear_q.out_features**0.5)


@misconception(
    "CrossAttention",
    what="The mask is read upside down: True is taken for blocked.",
    why="PyTorch's attention modules use that convention, this course and the fused function do not. Every query hears exactly what it must not.",
)
class CrossUpsideDown(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory, None if mask is None else ~mask)


@misconception(
    "CrossAttention",
    what="The mask is accepted and then ignored.",
    why="The padding of the shorter sources leaks into every output.",
)
class CrossMaskless(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory)


@misconception(
    "CrossAttention",
    what="The mask acts on the weights, after the softmax.",
    why="The forbidden tokens have already taken their share, so the remaining weights no longer sum to one.",
)
class CrossMaskedTooLate(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory, weigh=lambda scores: self.dropout(scores.softmax(-1) * (1 if mask is None else mask)))


@misconception(
    "CrossAttention",
    what="The softmax runs over the queries.",
    why="Each query has one unit of attention to hand out over the source; in this direction a query may get much more, or nothing.",
)
class CrossOverQueries(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory, mask, weigh=lambda scores: self.dropout(scores.softmax(dim=-2)))


@misconception(
    "CrossAttention",
    what="The target's tokens are not normalized before they become queries.",
    why="In a pre-norm decoder the stream grows from layer to layer, and the scores with it, until attention is one-hot.",
)
class CrossNotNormalized(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory, mask, asking=x)


@misconception(
    "CrossAttention",
    what="The memory is normalized once more.",
    why="The encoder has normalized it already, or has reasons not to; here it is to be read as it is.",
)
class MemoryNormalized(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, F.layer_norm(memory, memory.shape[-1:]), mask)


@misconception(
    "CrossAttention",
    what="The layer adds its input to its output.",
    why="The sum belongs to the decoder layer; done in both places, the stream is counted twice.",
)
class CrossAddsTheStream(CrossAttention):
    def forward(self, x, memory, mask=None):
        return x + crossed(self, x, memory, mask)


@misconception(
    "CrossAttention",
    what="The keys are blended instead of the values.",
    why="What a token has to say need not be what it is found by. The map for the values would never be trained.",
)
class BlendsTheKeys(CrossAttention):
    def forward(self, x, memory, mask=None):
        own, self.linear_v = self.linear_v, self.linear_k
        output = crossed(self, x, memory, mask)
        self.linear_v = own
        return output


@misconception(
    "CrossAttention",
    what="Dropout acts on the layer's output, not on the attention weights.",
    why="Values are torn apart number by number, instead of whole messages going missing.",
)
class CrossDropsItsOutput(CrossAttention):
    def forward(self, x, memory, mask=None):
        return self.dropout(crossed(self, x, memory, mask, weigh=lambda scores: scores.softmax(-1)))


@misconception(
    "CrossAttention",
    what="Dropout is made, but nothing ever passes through it.",
    why="The layer trains without the protection against overfitting that it was asked for.",
)
class CrossNeverDrops(CrossAttention):
    def forward(self, x, memory, mask=None):
        return crossed(self, x, memory, mask, weigh=lambda scores: scores.softmax(-1))


# --- make_trg_mask ---


def right_mask(trg, pad):
    """The mask as it should be, for the functions below to spoil."""
    length = trg.shape[1]
    return torch.ones(length, length, dtype=torch.bool).tril() & (trg != pad)[:, None, None]


@misconception(
    "make_trg_mask",
    what="The mask is upside down: True marks what is blocked.",
    why="PyTorch's modules use that convention, this course does not. Every token would see the future and nothing else.",
)
def trg_mask_of_the_blocked(trg, pad):
    return ~right_mask(trg, pad)


@misconception(
    "make_trg_mask",
    what="Only the past is marked; padding may be read like any word.",
    why="What stands in the filler then changes what the model says, and so does the length of the longest row.",
)
def trg_mask_only_causal(trg, pad):
    length = trg.shape[1]
    return torch.ones(length, length, dtype=torch.bool).tril().expand(len(trg), 1, length, length)


@misconception(
    "make_trg_mask",
    what="Only padding is hidden; every token may read the future.",
    why="In training the next token can simply be read off. The loss becomes wonderful, and at use there is nothing to read.",
)
def trg_mask_only_padding(trg, pad):
    return (trg != pad)[:, None, None].expand(-1, 1, trg.shape[1], -1)


@misconception(
    "make_trg_mask",
    what="The past is hidden and the future may be read.",
    why="Rows are those who look, columns those who are looked at; the other triangle lets everybody read the answers.",
)
def trg_mask_of_the_future(trg, pad):
    length = trg.shape[1]
    return torch.ones(length, length, dtype=torch.bool).triu() & (trg != pad)[:, None, None]


@misconception(
    "make_trg_mask",
    what="A token may not read itself.",
    why="The first token then has nobody to read, and its row is empty. The inputs are shifted already: a token is no secret to itself.",
)
def trg_mask_without_itself(trg, pad):
    length = trg.shape[1]
    return torch.ones(length, length, dtype=torch.bool).tril(-1) & (trg != pad)[:, None, None]


@misconception(
    "make_trg_mask",
    what="It is the padding queries that are blocked, not the padding keys.",
    why="Real tokens go on reading the filler, while the rows of the filler are empty, which a softmax turns into NaN.",
)
def trg_mask_of_padding_queries(trg, pad):
    length = trg.shape[1]
    return torch.ones(length, length, dtype=torch.bool).tril() & (trg != pad)[:, None, :, None]


@misconception(
    "make_trg_mask",
    what="Padding is blocked as query and as key.",
    why="The rows of the filler are then empty; a softmax over nothing is NaN, and NaN spreads through the gradients.",
)
def trg_mask_of_both(trg, pad):
    return right_mask(trg, pad) & (trg != pad)[:, None, :, None]


@misconception(
    "make_trg_mask",
    what="The axis for the heads is missing.",
    why="Broadcast against (B, H, T, T), the batch then lines up with the heads: each head gets another sequence's mask, or an error.",
)
def trg_mask_without_heads(trg, pad):
    return right_mask(trg, pad)[:, 0]


@misconception(
    "make_trg_mask",
    what="The mask holds zeros and ones as numbers.",
    why="Upside down, a number is not what it seems: the complement of 1 is -2, and both count as true.",
)
def trg_mask_of_numbers(trg, pad):
    return right_mask(trg, pad).float()


@misconception(
    "make_trg_mask",
    what="The token 0 is taken for padding, whatever was named.",
    why="It works until a vocabulary numbers its tokens differently, and then hides a real word.",
)
def trg_mask_of_zeros(trg, pad):
    return right_mask(trg, 0)


# --- shift_right ---


@misconception(
    "shift_right",
    what="The targets are fed in as they are, without a shift.",
    why="Each step is given the very token that it must predict. It learns to copy, the loss falls to zero, and at use it babbles.",
)
def not_shifted(targets, sos):
    return targets.clone()


@misconception(
    "shift_right",
    what="The tokens move the other way, to the left.",
    why="Each step is then given the token after the one that it must predict: the future instead of the past.",
)
def shifted_left(targets, sos):
    return torch.cat([targets[:, 1:], torch.full_like(targets[:, :1], sos)], dim=1)


@misconception(
    "shift_right",
    what="The start token is put in front, but the last token is kept.",
    why="Inputs are then one longer than targets, and their steps do not pair up.",
)
def one_too_many(targets, sos):
    return torch.cat([torch.full_like(targets[:, :1], sos), targets], dim=1)


@misconception(
    "shift_right",
    what="The first token is replaced by the start token; the others stay where they are.",
    why="From the second step on, each is given its own answer.",
)
def start_written_over(targets, sos):
    inputs = targets.clone()
    inputs[:, 0] = sos
    return inputs


@misconception(
    "shift_right",
    what="The tokens go around: the last one comes to the front.",
    why="The first step would see how the sequence ends, and nothing tells the decoder that it has yet to begin.",
)
def rolled_around(targets, sos):
    return targets.roll(1, dims=1)


@misconception(
    "shift_right",
    what="The sequences of the batch are shifted, not the steps of each sequence.",
    why="Each row would be trained on the answer to another question.",
)
def batch_shifted(targets, sos):
    return torch.cat([torch.full_like(targets[:1], sos), targets[:-1]], dim=0)


@misconception(
    "shift_right",
    what="The targets themselves are changed.",
    why="The loss still needs them as they were; it would now compare each step with its own input.",
)
def shifts_the_targets(targets, sos):
    targets[:, 1:] = targets[:, :-1].clone()
    targets[:, 0] = sos
    return targets


@misconception(
    "shift_right",
    what="Each token is copied from the left in a loop that overwrites what it still needs.",
    why="Walking from left to right, the first token is copied into every place.",
)
def smeared(targets, sos):
    inputs = targets.clone()
    for t in range(1, targets.shape[1]):
        inputs[:, t] = inputs[:, t - 1]
    inputs[:, 0] = sos
    return inputs


# --- DecoderLayer ---


@misconception(
    "DecoderLayer",
    what="There is no cross-attention step: the memory is never read.",
    why="The decoder writes fluently about nothing: it knows its own words and not the source.",
)
class WithoutCross(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="The masked self-attention works on the memory, not on the target.",
    why="No output can then depend on earlier target tokens, and source and target must be equally long.",
)
class HistoryOfTheMemory(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        told = memory + self.post_mha_dropout(self.MHA(memory, trg_mask))
        x = x + self.post_cross_dropout(self.cross(x, told, src_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="Cross-attention is handed the target's stream as its memory.",
    why="It is self-attention once more, without a causal mask: the source stays unread and the future is visible.",
)
class CrossReadsTheTarget(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        x = x + self.post_cross_dropout(self.cross(x, x, src_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="Stream and memory are handed to cross-attention in the wrong order.",
    why="The source asks and the target answers; what comes out has the source's length and cannot be added to the stream.",
)
class MemoryAsks(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        x = x + self.post_cross_dropout(self.cross(memory, x, src_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="The output of cross-attention is added to the memory instead of the stream.",
    why="The residual connection carries the target; memory and target have different lengths and mean different things.",
)
class ResidualOfTheMemory(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        x = memory + self.post_cross_dropout(self.cross(x, memory, src_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="There are no residual connections: each part replaces the stream.",
    why="After a few such layers the history is gone, and gradients fade on the way back.",
)
class DecoderWithoutResiduals(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = self.post_mha_dropout(self.MHA(x, trg_mask))
        x = self.post_cross_dropout(self.cross(x, memory, src_mask))
        return self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="Cross-attention reads what came into the layer, not what self-attention left behind.",
    why="The question to the source is then asked without regard to what has been written so far.",
)
class CrossReadsTheInput(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        heard = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        heard = heard + self.post_cross_dropout(self.cross(x, memory, src_mask))
        return heard + self.post_ffn_dropout(self.FFN(heard))


@misconception(
    "DecoderLayer",
    what="The last sum starts again from the output of self-attention, and cross-attention's share of it is lost.",
    why="The feed-forward layer sees what the source said, but the stream does not carry it on.",
)
class LosesTheSource(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        told = x + self.post_cross_dropout(self.cross(x, memory, src_mask))
        return x + self.post_ffn_dropout(self.FFN(told))


@misconception(
    "DecoderLayer",
    what="Cross-attention comes first, self-attention after it.",
    why="A decoder can be built like this, but no weights of anybody else's fit it: the source is asked before the history is known.",
)
class SourceFirst(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_cross_dropout(self.cross(x, memory, src_mask))
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="The two masks are exchanged.",
    why="The future becomes visible in the target, and the source is hidden in a pattern that means nothing there.",
)
class MasksExchanged(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, src_mask))
        x = x + self.post_cross_dropout(self.cross(x, memory, trg_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="The target's mask never reaches the self-attention.",
    why="In training each step reads its answer; the loss is too good to be true, and decoding fails.",
)
class FutureVisible(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x))
        x = x + self.post_cross_dropout(self.cross(x, memory, src_mask))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="The source's mask never reaches the cross-attention.",
    why="The padding of short sources is read like words, so an answer depends on its companions in the batch.",
)
class SourcePaddingVisible(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x + self.post_mha_dropout(self.MHA(x, trg_mask))
        x = x + self.post_cross_dropout(self.cross(x, memory))
        return x + self.post_ffn_dropout(self.FFN(x))


@misconception(
    "DecoderLayer",
    what="Dropout acts on the stream after each sum, not on the branch.",
    why="Parts of the stream itself are erased, and nothing downstream can bring them back.",
)
class DropsTheDecoderStream(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = self.post_mha_dropout(x + self.MHA(x, trg_mask))
        x = self.post_cross_dropout(x + self.cross(x, memory, src_mask))
        return self.post_ffn_dropout(x + self.FFN(x))


@misconception(
    "DecoderLayer",
    what="The stream is normalized after each sum.",
    why="That is the post-norm of 2017. Here the parts normalize what they read, and the stream stays as it is.",
)
class DecoderPostNorm(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = F.layer_norm(x + self.post_mha_dropout(self.MHA(x, trg_mask)), x.shape[-1:])
        x = F.layer_norm(x + self.post_cross_dropout(self.cross(x, memory, src_mask)), x.shape[-1:])
        return F.layer_norm(x + self.post_ffn_dropout(self.FFN(x)), x.shape[-1:])


@misconception(
    "DecoderLayer",
    what="The caller's stream is changed in place.",
    why="Whoever called the layer still holds that tensor, and with gradients PyTorch may refuse it.",
)
class WritesIntoTheStream(DecoderLayer):
    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x += self.post_mha_dropout(self.MHA(x, trg_mask))
        x += self.post_cross_dropout(self.cross(x, memory, src_mask))
        x += self.post_ffn_dropout(self.FFN(x))
        return x


@misconception(
    "DecoderLayer",
    what="The dropouts are mixed up: attention gets the one that is meant for the feed-forward layer, and the other way around.",
    why="Each part then trains with a strength of regularization that nobody asked for.",
)
class DropoutsExchanged(DecoderLayer):
    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__(input_dim, num_heads, head_dims, ffn_dim, ffn_dropout_p, mha_dropout_p)


# --- Transformer ---


@misconception(
    "Transformer",
    what="The model ends with a softmax.",
    why="The loss contains one already. Twice is too much: the loss cannot come near zero, and training is slow, without any error.",
)
class EndsInSoftmax(Transformer):
    def decode(self, trg, memory, src):
        return super().decode(trg, memory, src).softmax(dim=-1)


@misconception(
    "Transformer",
    what="The model gives log-probabilities instead of logits.",
    why="For this loss it happens to make no difference, but the contract says logits, and whoever decodes from them is misled.",
)
class EndsInLogSoftmax(Transformer):
    def decode(self, trg, memory, src):
        return super().decode(trg, memory, src).log_softmax(dim=-1)


@misconception(
    "Transformer",
    what="The last norm, after the decoder's layers, is left out.",
    why="A pre-norm stream grows with every layer; the read-out would see numbers of ever larger size.",
)
class NoLastNorm(Transformer):
    def decode(self, trg, memory, src):
        x = self.trg_embed(trg)
        for layer in self.decoder:
            x = layer(x, memory, make_trg_mask(trg, self.pad), make_src_mask(src, self.pad))
        return self.linear_out(x)


def run_decoder(model, trg, memory, trg_mask, src_mask):
    """The decoder with other masks, for the classes below."""
    x = model.trg_embed(trg)
    for layer in model.decoder:
        x = layer(x, memory, trg_mask, src_mask)
    return model.linear_out(model.decoder_norm(x))


@misconception(
    "Transformer",
    what="The source's padding is not hidden from the encoder.",
    why="Every vector of the memory then contains some filler, and depends on how long the longest source of the batch is.",
)
class EncoderReadsPadding(Transformer):
    def encode(self, src):
        return self.encoder(self.src_embed(src))


@misconception(
    "Transformer",
    what="The source's padding is hidden from the encoder, but not from cross-attention.",
    why="The decoder reads the filler's vectors as if they were words.",
)
class CrossReadsPadding(Transformer):
    def decode(self, trg, memory, src):
        return run_decoder(self, trg, memory, make_trg_mask(trg, self.pad), None)


@misconception(
    "Transformer",
    what="The decoder's layers get no mask for the target.",
    why="Each step reads the token that it must predict. In training that looks wonderful.",
)
class DecoderSeesTheFuture(Transformer):
    def decode(self, trg, memory, src):
        return run_decoder(self, trg, memory, None, make_src_mask(src, self.pad))


@misconception(
    "Transformer",
    what="In the target only padding is hidden, not the future.",
    why="Each step reads the token that it must predict. In training that looks wonderful.",
)
class OnlyPaddingHidden(Transformer):
    def decode(self, trg, memory, src):
        return run_decoder(self, trg, memory, make_src_mask(trg, self.pad), make_src_mask(src, self.pad))


@misconception(
    "Transformer",
    what="In the target only the future is hidden, not padding.",
    why="Here the padding stands last and is hidden by the future anyway; with padding anywhere else it would be read.",
)
class OnlyTheFutureHidden(Transformer):
    def decode(self, trg, memory, src):
        past = torch.ones(trg.shape[1], trg.shape[1], dtype=torch.bool).tril()
        return run_decoder(self, trg, memory, past, make_src_mask(src, self.pad))


@misconception(
    "Transformer",
    what="The encoder is made causal.",
    why="The whole source is there from the start; a word's meaning often depends on what follows it.",
)
class CausalEncoder(Transformer):
    def encode(self, src):
        return self.encoder(self.src_embed(src), make_trg_mask(src, self.pad))


@misconception(
    "Transformer",
    what="The decoder's two masks are exchanged.",
    why="The future becomes visible, and the source is hidden in a pattern that means nothing there.",
)
class DecoderMasksExchanged(Transformer):
    def decode(self, trg, memory, src):
        return run_decoder(self, trg, memory, make_src_mask(src, self.pad), make_trg_mask(trg, self.pad))


@misconception(
    "Transformer",
    what="Target tokens are looked up in the source's table of embeddings.",
    why="Token 5 of one language is not token 5 of the other, and where the vocabularies differ in size, it may not even exist.",
)
class OneDictionary(Transformer):
    def decode(self, trg, memory, src):
        x = self.src_embed(trg)
        for layer in self.decoder:
            x = layer(x, memory, make_trg_mask(trg, self.pad), make_src_mask(src, self.pad))
        return self.linear_out(self.decoder_norm(x))


@misconception(
    "Transformer",
    what="The logits are about the source's vocabulary.",
    why="What is written are target tokens; there must be one number for each of them.",
)
class SourceLogits(Transformer):
    def __init__(self, src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad):
        super().__init__(src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad)
        self.linear_out = nn.Linear(input_dim, src_vocab)


@misconception(
    "Transformer",
    what="The decoder reads the embedded source instead of the encoder's output.",
    why="The encoder then works for nobody, and gets no gradient.",
)
class EncoderSkipped(Transformer):
    def forward(self, src, trg):
        return self.decode(trg, self.src_embed(src), src)


@misconception(
    "Transformer",
    what="Each decoder layer passes its output on as the next layer's memory.",
    why="All layers must read the same memory, what the encoder said; from the second layer on, the source would be lost.",
)
class MemoryReplaced(Transformer):
    def decode(self, trg, memory, src):
        x = self.trg_embed(trg)
        for layer in self.decoder:
            memory = x = layer(x, memory, make_trg_mask(trg, self.pad), make_src_mask(src, self.pad))
        return self.linear_out(self.decoder_norm(x))


@misconception(
    "Transformer",
    what="The same decoder layer is used again and again.",
    why="Repeating an object in a list repeats its parameters: the stack has the depth asked for, but the parameters of one layer.",
)
class OneLayerRepeated(Transformer):
    def __init__(self, src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad):
        super().__init__(src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad)
        self.decoder = nn.ModuleList([self.decoder[0]] * num_layers)


@misconception(
    "Transformer",
    what="The decoder's layers stand in a plain Python list.",
    why="PyTorch does not see them: they are not trained, not saved, not moved to a device.",
)
class HiddenLayers(Transformer):
    def __init__(self, src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad):
        super().__init__(src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad)
        layers = list(self.decoder)
        del self.decoder
        self.decoder = layers


@misconception(
    "Transformer",
    what="The decoder always has six layers, whatever is asked for.",
    why="Six is what one paper used; here the number is an argument.",
)
class SixLayers(Transformer):
    def __init__(self, src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad):
        super().__init__(src_vocab, trg_vocab, max_len, 6, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad)


@misconception(
    "Transformer",
    what="The model shifts the target by itself.",
    why="The caller has done so already: shifted twice, each step is two tokens behind, and decoding would lose its latest word.",
)
class ShiftsItself(Transformer):
    def decode(self, trg, memory, src):
        return super().decode(torch.cat([torch.zeros_like(trg[:, :1]), trg[:, :-1]], dim=1), memory, src)


# --- greedy_decode ---


def decoded_by(model, src, sos, eos, pad, max_len, feed=lambda trg: trg, place=-1, stop=None, after=None):
    """Greedy decoding with one thing changed, for the functions below."""
    model.eval()
    memory = model.encode(src)
    trg = torch.full((len(src), 1), sos)
    ended = torch.zeros(len(src), dtype=torch.bool)
    while trg.shape[1] <= max_len and not (ended.all() if stop is None else stop(ended)):
        best = model.decode(feed(trg), memory, src)[:, place].argmax(dim=-1)
        best = (best.masked_fill(ended, pad)) if after is None else after(best, ended)
        ended = ended | (best == eos)
        trg = torch.cat([trg, best[:, None]], dim=1)
    return trg[:, 1:]


@misconception(
    "greedy_decode",
    what="Only the latest token is fed in, not all that has been written so far.",
    why="The decoder keeps nothing in mind between two calls: it has no history, and always believes that it stands at the first place.",
)
def only_the_latest(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len, feed=lambda trg: trg[:, -1:])


@misconception(
    "greedy_decode",
    what="Writing never stops at the end token; every row is filled up to the greatest length.",
    why="After its end a row goes on into what it was never trained for, and the answer is lost in babble.",
)
def never_stops(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len, stop=lambda ended: False, after=lambda best, ended: best)


@misconception(
    "greedy_decode",
    what="A row that has ended gets padding, but the loop always runs to the greatest length.",
    why="Most of the work is then done for rows that have long been finished.",
)
def always_to_the_limit(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len, stop=lambda ended: False)


@misconception(
    "greedy_decode",
    what="Writing stops for all as soon as the first row has ended.",
    why="Rows of a batch end at different times; the longer answers are cut off.",
)
def stops_with_the_first(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len, stop=lambda ended: bool(ended.any()))


@misconception(
    "greedy_decode",
    what="Writing stops only if all rows end in the same step.",
    why="Rows of a batch end at different times, and such a step may never come.",
)
def stops_only_together(model, src, sos, eos, pad, max_len):
    model.eval()
    memory, trg = model.encode(src), torch.full((len(src), 1), sos)
    while trg.shape[1] <= max_len:
        best = model.decode(trg, memory, src)[:, -1].argmax(dim=-1)
        trg = torch.cat([trg, best[:, None]], dim=1)
        if (best == eos).all():
            break
    return trg[:, 1:]


@misconception(
    "greedy_decode",
    what="A row that has ended goes on writing while it waits for the others.",
    why="What stands behind its end token is babble, and depends on who else is in the batch.",
)
def babbles_on(model, src, sos, eos, pad, max_len):
    model.eval()
    memory, trg = model.encode(src), torch.full((len(src), 1), sos)
    ended = torch.zeros(len(src), dtype=torch.bool)
    while trg.shape[1] <= max_len and not ended.all():
        best = model.decode(trg, memory, src)[:, -1].argmax(dim=-1)
        ended = ended | (best == eos)
        trg = torch.cat([trg, best[:, None]], dim=1)
    return trg[:, 1:]


@misconception(
    "greedy_decode",
    what="A row that has ended repeats its end token instead of padding.",
    why="One sequence has one end; whoever counts or scores the tokens behind it counts too many.",
)
def ends_again_and_again(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len, after=lambda best, ended: best.masked_fill(ended, eos))


@misconception(
    "greedy_decode",
    what="The end token is replaced by padding.",
    why="Then nobody can tell a row that has ended from one that was cut off.",
)
def end_erased(model, src, sos, eos, pad, max_len):
    written = decoded_by(model, src, sos, eos, pad, max_len)
    return written.masked_fill(written == eos, pad)


@misconception(
    "greedy_decode",
    what="The start token is part of the answer.",
    why="It was only there so that something could be fed in; compared with a target, everything stands one place too late.",
)
def start_included(model, src, sos, eos, pad, max_len):
    written = decoded_by(model, src, sos, eos, pad, max_len)
    return torch.cat([torch.full((len(src), 1), sos), written], dim=1)


@misconception(
    "greedy_decode",
    what="The next token is taken from the first place of the logits, not from the last.",
    why="Only the last place is about the token that is to come; all others are about what has been written already.",
)
def reads_the_first_place(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len, place=0)


@misconception(
    "greedy_decode",
    what="As many tokens are written as the source is long.",
    why="Source and target have different lengths; only the end token says when to stop.",
)
def as_long_as_the_source(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, src.shape[1], stop=lambda ended: False)


@misconception(
    "greedy_decode",
    what="Writing begins with the end token in place of the start token.",
    why="The first token was always predicted from the start token in training; from anything else the model starts in a place unknown to it.",
)
def begins_with_the_end(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, eos, eos, pad, max_len)


@misconception(
    "greedy_decode",
    what="The model is used in the mode in which it was found.",
    why="In training mode dropout is active: the same source is answered differently each time.",
)
def left_in_training(model, src, sos, eos, pad, max_len):
    memory, trg = model.encode(src), torch.full((len(src), 1), sos)
    ended = torch.zeros(len(src), dtype=torch.bool)
    while trg.shape[1] <= max_len and not ended.all():
        best = model.decode(trg, memory, src)[:, -1].argmax(dim=-1).masked_fill(ended, pad)
        ended = ended | (best == eos)
        trg = torch.cat([trg, best[:, None]], dim=1)
    return trg[:, 1:]


@misconception(
    "greedy_decode",
    what="One token too few is written at most: the start token is counted as written.",
    why="The longest answers would lose their end.",
)
def one_too_few(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len - 1)


@misconception(
    "greedy_decode",
    what="The decoder is fed all tokens of the target but the latest.",
    why="The most recent word is the one that matters most for the next; the model predicts the same step twice.",
)
def one_step_behind(model, src, sos, eos, pad, max_len):
    return decoded_by(model, src, sos, eos, pad, max_len, feed=lambda trg: trg[:, :1] if trg.shape[1] == 1 else trg[:, :-1])


@misconception(
    "greedy_decode",
    what="The loop asks for a single token, so it works only for a batch of one.",
    why="Each row has its own next token, and its own end.",
)
def one_row_only(model, src, sos, eos, pad, max_len):
    model.eval()
    memory, trg = model.encode(src), torch.full((len(src), 1), sos)
    for _ in range(max_len):
        best = model.decode(trg, memory, src)[:, -1].argmax(dim=-1)
        trg = torch.cat([trg, best[:, None]], dim=1)
        if best.item() == eos:
            break
    return trg[:, 1:]


@misconception(
    "greedy_decode",
    what="The least probable token is taken.",
    why="Larger logits mean more probable tokens.",
)
def takes_the_worst(model, src, sos, eos, pad, max_len):
    model.eval()
    memory, trg = model.encode(src), torch.full((len(src), 1), sos)
    ended = torch.zeros(len(src), dtype=torch.bool)
    while trg.shape[1] <= max_len and not ended.all():
        best = model.decode(trg, memory, src)[:, -1].argmin(dim=-1).masked_fill(ended, pad)
        ended = ended | (best == eos)
        trg = torch.cat([trg, best[:, None]], dim=1)
    return trg[:, 1:]
