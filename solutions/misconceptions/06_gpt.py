"""What students get wrong in lesson 06, each with what is wrong and why it matters."""


# --- CausalSelfAttention ---


def attend_with(module, x, q, k, v, hide=None, scale=None, dim=-1):
    """Attention of heads (B, H, T, D) as in the reference, with one thing changed."""
    B, T, C = x.shape
    hide = ~module.mask[:T, :T] if hide is None else hide
    scores = q @ k.transpose(-2, -1) / (scale or math.sqrt(C // module.n_head))
    heads = module.attn_dropout(F.softmax(scores.masked_fill(hide, -math.inf), dim=dim)) @ v
    return module.resid_dropout(module.c_proj(heads.transpose(1, 2).reshape(B, T, C)))


def cut(module, x, order=(0, 1, 2)):
    """The thirds of c_attn's output in the given order, as heads (B, H, T, D)."""
    B, T, _ = x.shape
    thirds = module.c_attn(x).chunk(3, dim=-1)
    return [thirds[i].view(B, T, module.n_head, -1).transpose(1, 2) for i in order]


@misconception(
    "CausalSelfAttention",
    what="The first third is taken for keys and the second for queries.",
    why="Saved weights carry no labels: with the roles exchanged they load without complaint, and who looks becomes who is looked at.",
)
class KeysFirst(CausalSelfAttention):
    def forward(self, x):
        return attend_with(self, x, *cut(self, x, (1, 0, 2)))


@misconception(
    "CausalSelfAttention",
    what="The values are taken from the first third.",
    why="Then what should be asked is told instead. The order of the thirds is part of the format of saved weights.",
)
class ValuesFirst(CausalSelfAttention):
    def forward(self, x):
        return attend_with(self, x, *cut(self, x, (1, 2, 0)))


@misconception(
    "CausalSelfAttention",
    what="The wide output is cut into heads before it is cut into queries, keys and values.",
    why="Then each head takes columns that belong to other parts. All shapes agree, and saved weights mean something else.",
)
class HeadsBeforeThirds(CausalSelfAttention):
    def forward(self, x):
        B, T, _ = x.shape
        parts = self.c_attn(x).view(B, T, self.n_head, -1).transpose(1, 2).chunk(3, dim=-1)
        return attend_with(self, x, *parts)


@misconception(
    "CausalSelfAttention",
    what="Nothing hides the future: every token hears from all others.",
    why="In training each token could copy the answer that it is asked for. The loss becomes suspiciously low, and generation fails.",
)
class NoMask(CausalSelfAttention):
    def forward(self, x):
        return attend_with(self, x, *cut(self, x), hide=torch.zeros(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device))


@misconception(
    "CausalSelfAttention",
    what="The mask is upside down: tokens hear from later ones and not from earlier ones.",
    why="The last token then knows only itself, and it is the one from which the next word is generated.",
)
class FutureOnly(CausalSelfAttention):
    def forward(self, x):
        return attend_with(self, x, *cut(self, x), hide=~self.mask[: x.shape[1], : x.shape[1]].T)


@misconception(
    "CausalSelfAttention",
    what="A token does not hear from itself.",
    why="The first token is left with no key at all, and the result there is not a number.",
)
class NotOneself(CausalSelfAttention):
    def forward(self, x):
        T = x.shape[1]
        return attend_with(self, x, *cut(self, x), hide=torch.ones(T, T, dtype=torch.bool, device=x.device).triu())


@misconception(
    "CausalSelfAttention",
    what="The future is hidden after the softmax, so the weights that remain do not sum to one.",
    why="Early tokens then hear everything more quietly than late ones, and hidden tokens still decide how quietly.",
)
class MaskAfterSoftmax(CausalSelfAttention):
    def forward(self, x):
        B, T, C = x.shape
        q, k, v = cut(self, x)
        weights = F.softmax(q @ k.transpose(-2, -1) / math.sqrt(C // self.n_head), dim=-1) * self.mask[:T, :T]
        heads = self.attn_dropout(weights) @ v
        return self.resid_dropout(self.c_proj(heads.transpose(1, 2).reshape(B, T, C)))


@misconception(
    "CausalSelfAttention",
    what="The scores are divided by the root of the whole width, not of a head's.",
    why="Queries and keys of one head meet, so a head's width sets the spread of the scores; with many heads attention would go flat.",
)
class ScaledByTheWhole(CausalSelfAttention):
    def forward(self, x):
        return attend_with(self, x, *cut(self, x), scale=math.sqrt(x.shape[-1]))


@misconception(
    "CausalSelfAttention",
    what="The scores are not scaled.",
    why="Their spread grows with the width of a head, the softmax saturates, and little is left to learn from.",
)
class NotScaled(CausalSelfAttention):
    def forward(self, x):
        return attend_with(self, x, *cut(self, x), scale=1.0)


@misconception(
    "CausalSelfAttention",
    what="The softmax runs over the queries.",
    why="Each query hands out one unit of attention among its keys. Along the other axis a token's weights sum to anything.",
)
class OverTheQueries(CausalSelfAttention):
    def forward(self, x):
        T, C = x.shape[1:]
        q, k, v = cut(self, x)
        scores = (q @ k.transpose(-2, -1) / math.sqrt(C // self.n_head)).masked_fill(~self.mask[:T, :T], -math.inf)
        heads = self.attn_dropout(F.softmax(scores, dim=-2)) @ v
        return self.resid_dropout(self.c_proj(heads.transpose(1, 2).reshape(x.shape)))


@misconception(
    "CausalSelfAttention",
    what="The heads are joined without moving their axis back behind the tokens.",
    why="The shape comes out right, but each row is put together from other tokens: the future leaks in without any mask failing.",
)
class JoinedInPlace(CausalSelfAttention):
    def forward(self, x):
        T, C = x.shape[1:]
        q, k, v = cut(self, x)
        scores = (q @ k.transpose(-2, -1) / math.sqrt(C // self.n_head)).masked_fill(~self.mask[:T, :T], -math.inf)
        heads = self.attn_dropout(F.softmax(scores, dim=-1)) @ v
        return self.resid_dropout(self.c_proj(heads.reshape(x.shape)))


@misconception(
    "CausalSelfAttention",
    what="The tokens are cut into heads by a reshape alone, straight to the order in which heads attend.",
    why="A reshape moves no numbers: what it calls a head is a stretch of tokens, so tokens and heads are mixed up.",
)
class CutWithoutTurning(CausalSelfAttention):
    def forward(self, x):
        B, T, _ = x.shape
        return attend_with(self, x, *(part.reshape(B, self.n_head, T, -1) for part in self.c_attn(x).chunk(3, dim=-1)))


@misconception(
    "CausalSelfAttention",
    what="The heads are given back as they were joined; the last linear map is missing.",
    why="Without it each head writes into its own columns of the stream only, and heads cannot combine what they found.",
)
class WithoutProjection(CausalSelfAttention):
    def forward(self, x):
        T = x.shape[1]
        q, k, v = cut(self, x)
        scores = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(~self.mask[:T, :T], -math.inf)
        return self.resid_dropout((self.attn_dropout(F.softmax(scores, dim=-1)) @ v).transpose(1, 2).reshape(x.shape))


@misconception(
    "CausalSelfAttention",
    what="Dropout acts on the weights in evaluation as well.",
    why="The same prompt then gets other logits each time. A function that drops has to be told whether the module is training.",
)
class AlwaysDrops(CausalSelfAttention):
    def forward(self, x):
        q, k, v = cut(self, x)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.attn_dropout.p)
        return self.resid_dropout(self.c_proj(heads.transpose(1, 2).reshape(x.shape)))


@misconception(
    "CausalSelfAttention",
    what="No dropout acts on the attention weights; only the output is dropped.",
    why="Without losing messages in training, a head may come to rely on a single token.",
)
class DropsOutputOnly(CausalSelfAttention):
    def __init__(self, n_embd, n_head, block_size, dropout):
        super().__init__(n_embd, n_head, block_size, dropout)
        self.attn_dropout = nn.Identity()


@misconception(
    "CausalSelfAttention",
    what="The output is not dropped in training.",
    why="The stream is what later blocks read; they should learn not to depend on any one of its numbers.",
)
class DropsWeightsOnly(CausalSelfAttention):
    def __init__(self, n_embd, n_head, block_size, dropout):
        super().__init__(n_embd, n_head, block_size, dropout)
        self.resid_dropout = nn.Identity()


@misconception(
    "CausalSelfAttention",
    what="A width that does not divide among the heads is rounded down, or fails later in a reshape.",
    why="An error where the module is made says what to change; one from the depths of a reshape does not.",
)
class NoQuestionsAsked(CausalSelfAttention):
    def __init__(self, n_embd, n_head, block_size, dropout):
        super().__init__(n_embd, 1, block_size, dropout)
        self.n_head = n_head


@misconception(
    "CausalSelfAttention",
    what="The module is never set up as a module before it is given layers.",
    why="PyTorch registers layers in tables that the parent class makes; without them not even the first layer can be stored.",
)
class NeverSetUp(CausalSelfAttention):
    def __init__(self, n_embd, n_head, block_size, dropout):
        self.n_head = n_head
        self.c_attn = nn.Linear(n_embd, 3 * n_embd)


# --- MLP ---


@misconception(
    "MLP",
    what="The nonlinearity is an approximation with tanh.",
    why="It is close but not equal: weights trained with one formula should be used with the same one, and the gap grows with depth.",
)
class WithTanh(MLP):
    def forward(self, x):
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


@misconception(
    "MLP",
    what="The nonlinearity is ReLU.",
    why="Below zero it is silent and has no slope; the one asked for bends smoothly and lets a little through.",
)
class WithRelu(MLP):
    def forward(self, x):
        return self.dropout(self.c_proj(self.c_fc(x).relu()))


@misconception(
    "MLP",
    what="The nonlinearity is an approximation with a sigmoid.",
    why="It saves time and misses by up to two hundredths, far too much to run weights trained with the exact formula.",
)
class WithSigmoid(MLP):
    def forward(self, x):
        wide = self.c_fc(x)
        return self.dropout(self.c_proj(wide * torch.sigmoid(1.702 * wide)))


@misconception(
    "MLP",
    what="There is no nonlinearity between the two maps.",
    why="Two linear maps in a row are one linear map: the token computes nothing that a single one could not.",
)
class NothingBends(MLP):
    def forward(self, x):
        return self.dropout(self.c_proj(self.c_fc(x)))


@misconception(
    "MLP",
    what="The output is bent as well.",
    why="What is added to the stream has to be free to go down as far as up.",
)
class BentTwice(MLP):
    def forward(self, x):
        return self.dropout(F.gelu(self.c_proj(F.gelu(self.c_fc(x)))))


@misconception(
    "MLP",
    what="The module adds its input to its output.",
    why="The sum belongs to the block; done in both places, the stream is counted twice.",
)
class AddsTheStream(MLP):
    def forward(self, x):
        return x + self.dropout(self.c_proj(F.gelu(self.c_fc(x))))


@misconception(
    "MLP",
    what="Dropout acts on the hidden units instead of the output.",
    why="GPT-2 drops what a sublayer adds to the stream; dropping in the middle is another model, with other training.",
)
class DropsInside(MLP):
    def forward(self, x):
        return self.c_proj(self.dropout(F.gelu(self.c_fc(x))))


# --- Block ---


@misconception(
    "Block",
    what="Each part reads the stream as it is, and the sum is normalized afterwards.",
    why="That is the order of 2017. Deep stacks of it are hard to train, because no path leads through untouched.",
)
class PostNorm(Block):
    def forward(self, x):
        x = self.ln_1(x + self.attn(x))
        return self.ln_2(x + self.mlp(x))


@misconception(
    "Block",
    what="What the parts say replaces the stream instead of being added to it.",
    why="Then each block must repeat everything that is still needed, and the gradient has no short way back.",
)
class NoStream(Block):
    def forward(self, x):
        return self.mlp(self.ln_2(self.attn(self.ln_1(x))))


@misconception(
    "Block",
    what="The parts' messages are added to the normalized copy, not to the stream itself.",
    why="The stream is lost at every layer: its size and everything that the norm removes.",
)
class AddsToTheCopy(Block):
    def forward(self, x):
        x = self.ln_1(x)
        x = x + self.attn(x)
        x = self.ln_2(x)
        return x + self.mlp(x)


@misconception(
    "Block",
    what="The MLP reads the stream as it was before attention added to it.",
    why="Tokens should compute on what they have just heard; side by side, this block's MLP never learns of it.",
)
class SideBySide(Block):
    def forward(self, x):
        return x + self.attn(self.ln_1(x)) + self.mlp(self.ln_2(x))


@misconception(
    "Block",
    what="The MLP comes before attention.",
    why="Communicate first, then compute on it: in the other order weights of a trained model do not fit.",
)
class ComputeFirst(Block):
    def forward(self, x):
        x = x + self.mlp(self.ln_2(x))
        return x + self.attn(self.ln_1(x))


@misconception(
    "Block",
    what="Both parts read through the first norm; the second has no effect.",
    why="Each reader scales and shifts the stream to its own needs, so each has a norm of its own.",
)
class OneNorm(Block):
    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_1(x))


@misconception(
    "Block",
    what="The argument itself is written into.",
    why="The caller's stream changes behind its back, and a second use of it is wrong.",
)
class InPlace(Block):
    def forward(self, x):
        x += self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


# --- GPT ---


def stream_of(model, tokens, place=None):
    """Words plus positions."""
    place = torch.arange(tokens.shape[1], device=tokens.device) if place is None else place
    return model.drop(model.wte(tokens) + model.wpe(place))


def finish(model, x, targets, table=None):
    """From the stream to (logits, loss)."""
    for block in model.h:
        x = block(x)
    logits = model.ln_f(x) @ (model.lm_head.weight if table is None else table).T
    return logits, None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def too_long(model, tokens):
    """The reference's complaint."""
    if tokens.shape[1] > model.block_size:
        raise ValueError(f"{tokens.shape[1]} tokens, block_size={model.block_size}")


@misconception(
    "GPT",
    what="The head has a table of its own.",
    why="Tying is one parameter in two places: what a word means as input then also decides when it comes out, and a third of a small model's numbers are saved.",
)
class Untied(GPT):
    def __init__(self, vocab_size, block_size, n_layer, n_head, n_embd, dropout):
        super().__init__(vocab_size, block_size, n_layer, n_head, n_embd, dropout)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)


@misconception(
    "GPT",
    what="The head inverts the embedding instead of comparing with its rows.",
    why="Tying uses the table turned around, not undone: the network does not run backward.",
)
class Inverted(GPT):
    def forward(self, tokens, targets=None):
        too_long(self, tokens)
        return finish(self, stream_of(self, tokens), targets, torch.linalg.pinv(self.wte.weight).T)


@misconception(
    "GPT",
    what="Positions are never added.",
    why="Then only the mask tells something of order, and a word means the same wherever it stands.",
)
class WithoutPositions(GPT):
    def forward(self, tokens, targets=None):
        too_long(self, tokens)
        return finish(self, self.drop(self.wte(tokens)), targets)


@misconception(
    "GPT",
    what="Positions are counted from the end of the sequence.",
    why="A word's position then changes each time another is appended, and what it was trained with no longer fits.",
)
class CountsFromTheEnd(GPT):
    def forward(self, tokens, targets=None):
        too_long(self, tokens)
        return finish(self, stream_of(self, tokens, torch.arange(tokens.shape[1], device=tokens.device).flip(0)), targets)


@misconception(
    "GPT",
    what="The word vectors are multiplied by the root of the width before positions are added.",
    why="That belongs to the transformer of 2017, whose positions are fixed waves. Here positions are learned and take any size they need.",
)
class RootScaled(GPT):
    def forward(self, tokens, targets=None):
        too_long(self, tokens)
        x = self.wte(tokens) * math.sqrt(self.wte.embedding_dim) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        return finish(self, self.drop(x), targets)


@misconception(
    "GPT",
    what="The last norm is missing.",
    why="Every block has added to the stream; without a norm its size decides how sure the model sounds.",
)
class WithoutLastNorm(GPT):
    def forward(self, tokens, targets=None):
        too_long(self, tokens)
        x = stream_of(self, tokens)
        for block in self.h:
            x = block(x)
        logits = self.lm_head(x)
        return logits, None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@misconception(
    "GPT",
    what="All layers are one and the same block, used again and again.",
    why="Layers do different work at different depths; sharing one block leaves the model with the weights of a single layer.",
)
class OneBlockForAll(GPT):
    def __init__(self, vocab_size, block_size, n_layer, n_head, n_embd, dropout):
        super().__init__(vocab_size, block_size, n_layer, n_head, n_embd, dropout)
        if n_layer:
            self.h = nn.ModuleList([Block(n_embd, n_head, block_size, dropout)] * n_layer)


@misconception(
    "GPT",
    what="The output is probabilities, not logits.",
    why="The loss applies a softmax itself. Given probabilities it takes them for logits, and can never come near zero.",
)
class SoftmaxInside(GPT):
    def forward(self, tokens, targets=None):
        probabilities = F.softmax(super().forward(tokens)[0], dim=-1)
        return probabilities, None if targets is None else F.cross_entropy(probabilities.flatten(0, 1), targets.flatten())


@misconception(
    "GPT",
    what="The loss shifts targets once more, though they were given in place.",
    why="The model is then taught to predict the token after next, and generates every other word of the text.",
)
class ShiftsAgain(GPT):
    def forward(self, tokens, targets=None):
        logits, _ = super().forward(tokens)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


@misconception(
    "GPT",
    what="Places that should not count are still counted in the mean, as zeros.",
    why="The loss then depends on how much padding a batch has, and losses of different batches cannot be compared.",
)
class CountsTheIgnored(GPT):
    def forward(self, tokens, targets=None):
        logits, _ = super().forward(tokens)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").mean()


@misconception(
    "GPT",
    what="The loss is a sum over places, not a mean.",
    why="It then grows with the batch and the length, and so do the gradients: the learning rate would have to follow.",
)
class SumsTheLoss(GPT):
    def forward(self, tokens, targets=None):
        logits, _ = super().forward(tokens)
        return logits, None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


@misconception(
    "GPT",
    what="A sequence that is too long is cut without a word.",
    why="The caller gets logits for other tokens than were given, and no sign of it.",
)
class CutsSilently(GPT):
    def forward(self, tokens, targets=None):
        return super().forward(tokens[:, -self.block_size :], targets)


@misconception(
    "GPT",
    what="A sequence that is too long runs into an error from the depths of the embedding.",
    why="The message speaks of an index, or on a GPU of nothing intelligible; it should say how many tokens came and how many may.",
)
class IndexOutOfRange(GPT):
    def forward(self, tokens, targets=None):
        return finish(self, stream_of(self, tokens), targets)


@misconception(
    "GPT",
    what="The complaint about too many tokens does not say how many.",
    why="Who reads the message needs both numbers to know what to change.",
)
class VagueComplaint(GPT):
    def forward(self, tokens, targets=None):
        if tokens.shape[1] > self.block_size:
            raise ValueError("cannot forward, block size is only")
        return super().forward(tokens, targets)


@misconception(
    "GPT",
    what="A sequence as long as the block size is already refused.",
    why="There is a position for each of its tokens; the longest context goes unused.",
)
class OneTooStrict(GPT):
    def forward(self, tokens, targets=None):
        if tokens.shape[1] >= self.block_size:
            raise ValueError(f"{tokens.shape[1]} tokens, block_size={self.block_size}")
        return super().forward(tokens, targets)


@misconception(
    "GPT",
    what="Dropout after the embeddings is missing.",
    why="In training the model should not rely on any single number of a word's vector.",
)
class NothingDropped(GPT):
    def __init__(self, vocab_size, block_size, n_layer, n_head, n_embd, dropout):
        super().__init__(vocab_size, block_size, n_layer, n_head, n_embd, dropout)
        self.drop = nn.Identity()


# --- next_token_loss ---


@misconception(
    "next_token_loss",
    what="Logits and tokens are compared at the same place.",
    why="The model is then asked to repeat what it just read. That is easy, the loss falls to nothing, and generation stutters.",
)
def without_a_shift(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=ignore_index)


@misconception(
    "next_token_loss",
    what="The shift goes the wrong way: the token before is predicted.",
    why="Causal attention has already read that token; the model learns to remember, not to predict.",
)
def shifted_back(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits[:, 1:].flatten(0, 1), tokens[:, :-1].flatten(), ignore_index=ignore_index)


@misconception(
    "next_token_loss",
    what="The tokens are rolled around, so the last logits are compared with the first token.",
    why="No token follows the last one; the model is punished for not guessing how the text began.",
)
def rolled_around(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits.flatten(0, 1), tokens.roll(-1, dims=1).flatten(), ignore_index=ignore_index)


@misconception(
    "next_token_loss",
    what="The shift was applied twice.",
    why="Skipping a token, the model learns the one after next, and generated text misses every other word.",
)
def shifted_twice(logits, tokens, ignore_index=-100):
    logits, tokens = (logits[:, :-2], tokens[:, 2:]) if tokens.shape[1] > 2 else (logits[:, :1], tokens[:, :1])
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=ignore_index)


@misconception(
    "next_token_loss",
    what="A softmax is applied before the loss, which applies its own.",
    why="Probabilities taken for logits are nearly flat: the loss has a floor far above zero, and gradients are small.",
)
def softmax_twice(logits, tokens, ignore_index=-100):
    return F.cross_entropy(F.softmax(logits[:, :-1], dim=-1).flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=ignore_index)


@misconception(
    "next_token_loss",
    what="The losses are summed.",
    why="A sum grows with the batch and the length; only means of the same thing can be compared.",
)
def summed(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=ignore_index, reduction="sum")


@misconception(
    "next_token_loss",
    what="The mean is taken in each sequence first, and then over sequences.",
    why="Tokens of short sequences then weigh more than those of long ones.",
)
def mean_of_means(logits, tokens, ignore_index=-100):
    each = [F.cross_entropy(row[:-1], said[1:], ignore_index=ignore_index) for row, said in zip(logits, tokens)]
    return torch.stack(each).mean()


@misconception(
    "next_token_loss",
    what="Ignored tokens add nothing to the sum but are counted in the mean.",
    why="The more padding, the smaller the loss, whatever the model says.",
)
def counts_padding(logits, tokens, ignore_index=-100):
    each = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=ignore_index, reduction="none")
    return each.mean()


@misconception(
    "next_token_loss",
    what="Only the last token is predicted.",
    why="That is what generation needs, but in training every place is a lesson: all the others are thrown away.",
)
def last_one_only(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits[:, -2], tokens[:, -1], ignore_index=ignore_index)


@misconception(
    "next_token_loss",
    what="The loss is in bits.",
    why="Bits are fine for people; the optimizer, the docstring and other people's losses speak nats, a factor of 0.69 away.",
)
def in_bits(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=ignore_index) / math.log(2)


@misconception(
    "next_token_loss",
    what="The argument that names the ignored token has no effect.",
    why="A text padded with another number than the usual one would be scored on its padding.",
)
def own_ignore_index(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


# --- next_token_probs ---


plain_probs = next_token_probs  # the reference, under a name that stays while a variant stands in its place


def checked(temperature, top_k):
    """The reference's complaints."""
    if temperature <= 0 or (top_k is not None and top_k < 1):
        raise ValueError("out of range")


def kept(logits, top_k):
    """The smallest logit that is kept, in each row."""
    return logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[..., -1:]


@misconception(
    "next_token_probs",
    what="The logits are multiplied by the temperature.",
    why="Then hot is careful and cold is wild: the knob turns the wrong way.",
)
def multiplied(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    return plain_probs(logits, 1 / temperature, top_k)


@misconception(
    "next_token_probs",
    what="The temperature acts on the probabilities, after the softmax.",
    why="A constant factor cancels once rows sum to one again; without that, they do not sum to one.",
)
def cooled_late(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    return plain_probs(logits, 1.0, top_k) / temperature


@misconception(
    "next_token_probs",
    what="The probabilities of the cut tokens are removed, and the rest is left as it was.",
    why="What remains sums to less than one: not a distribution to draw from.",
)
def not_renormalized(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    shares = F.softmax(logits / temperature, dim=-1)
    return shares if top_k is None else shares.masked_fill(logits < kept(logits, top_k), 0.0)


@misconception(
    "next_token_probs",
    what="Cut tokens get a logit of zero.",
    why="Zero is a logit like others, and often larger than those that were kept: cut words come back as favorites.",
)
def zero_logits(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    logits = logits / temperature
    return F.softmax(logits if top_k is None else logits.masked_fill(logits < kept(logits, top_k), 0.0), dim=-1)


@misconception(
    "next_token_probs",
    what="The threshold itself is cut, so one token fewer is kept.",
    why="With one token asked for, none remains, and the result is not a number.",
)
def one_too_few(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    logits = logits / temperature
    return F.softmax(logits if top_k is None else logits.masked_fill(logits <= kept(logits, top_k), -math.inf), dim=-1)


@misconception(
    "next_token_probs",
    what="The smallest logits are kept.",
    why="The tail is what should be cut off; this keeps nothing else.",
)
def keeps_the_tail(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    logits = logits / temperature
    if top_k is not None:
        bound = -kept(-logits, top_k)
        logits = logits.masked_fill(logits > bound, -math.inf)
    return F.softmax(logits, dim=-1)


@misconception(
    "next_token_probs",
    what="One threshold is used for all rows.",
    why="In rows with lower logits everything would be cut, in others nothing: each row has its own largest ones.",
)
def one_threshold(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    logits = logits / temperature
    if top_k is not None:
        bound = kept(logits, top_k).max()
        logits = logits.masked_fill((logits < bound) & (logits < logits.amax(dim=-1, keepdim=True)), -math.inf)
    return F.softmax(logits, dim=-1)


@misconception(
    "next_token_probs",
    what="The softmax runs over the first axis.",
    why="With a single row it looks right; with a batch, rows compete with one another instead of words.",
)
def first_axis(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    logits = logits / temperature
    return F.softmax(logits if top_k is None else logits.masked_fill(logits < kept(logits, top_k), -1e9), dim=0)


@misconception(
    "next_token_probs",
    what="The given logits are written into.",
    why="Who calls again with other settings, as one does when trying some, gets answers from logits that were already changed.",
)
def written_into(logits, temperature=1.0, top_k=None):
    checked(temperature, top_k)
    logits /= temperature
    return plain_probs(logits, 1.0, top_k)


@misconception(
    "next_token_probs",
    what="Settings that make no sense are taken as they come.",
    why="A temperature of zero gives values that are not numbers, a negative one turns the ranking around, and nobody is told.",
)
def takes_anything(logits, temperature=1.0, top_k=None):
    logits = logits / temperature
    return F.softmax(logits if not top_k else logits.masked_fill(logits < kept(logits, top_k), -math.inf), dim=-1)


@misconception(
    "next_token_probs",
    what="A cut larger than the vocabulary raises an error.",
    why="It asks for nothing impossible: all tokens are among that many largest.",
)
def no_more_than_there_are(logits, temperature=1.0, top_k=None):
    if top_k is not None and top_k > logits.shape[-1]:
        raise RuntimeError("selected index k out of range")
    return plain_probs(logits, temperature, top_k)
