"""What students write instead, in lesson 02. Run in a copy of the lesson's namespace, with `misconception`."""

# sinusoidal_encoding


def _table(max_len, exponents, cosine_exponents=None, first=0, base=10000.0):
    """Interleaved sines and cosines; exponents: of the base, one for each pair of columns."""
    t = torch.arange(first, first + max_len)[:, None]
    sines = torch.sin(t / base**exponents)
    cosines = torch.cos(t / base ** (exponents if cosine_exponents is None else cosine_exponents))
    return torch.stack([sines, cosines], dim=-1).flatten(1)


def _even(d_model):
    """The even columns 0, 2, 4, ..., for widths that the exercise allows."""
    if d_model % 2:
        raise ValueError("odd")
    return torch.arange(0, d_model, 2)


@misconception(
    "sinusoidal_encoding",
    what="The exponent is doubled once too often.",
    why="A count in steps of two holds 2i already; doubled again, half of the clocks stand still.",
)
def table_with_the_exponent_doubled(max_len, d_model):
    return _table(max_len, 2 * _even(d_model) / d_model)


@misconception(
    "sinusoidal_encoding",
    what="The exponent is not doubled: the pair's number counts once, not twice.",
    why="The slowest clock then turns a hundred times too fast, and distant positions can no longer be told apart by it.",
)
def table_with_half_the_exponent(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model / 2)


@misconception(
    "sinusoidal_encoding",
    what="Each column has a frequency of its own, so a cosine does not match the sine before it.",
    why="A pair is the hand of one clock; with two speeds its length changes with the position, and a shift is no rotation.",
)
def table_with_a_frequency_for_each_column(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model, (_even(d_model) + 1) / d_model)


@misconception(
    "sinusoidal_encoding",
    what="The exponent is doubled once too often, and the cosine takes a larger one than its sine.",
    why="Half of the clocks stand still, and in the others sine and cosine no longer belong together.",
)
def table_of_the_famous_copy(max_len, d_model):
    return _table(max_len, 2 * _even(d_model) / d_model, 2 * (_even(d_model) + 1) / d_model)


@misconception(
    "sinusoidal_encoding",
    what="The cosine takes the frequency of the next pair.",
    why="A pair is the hand of one clock; with two speeds its length changes with the position, and a shift is no rotation.",
)
def table_with_the_cosine_of_the_next_pair(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model, (_even(d_model) + 2) / d_model)


@misconception(
    "sinusoidal_encoding",
    what="All sines stand before all cosines.",
    why="That is the other common order. Weights trained with one do not fit the other; here they take turns.",
)
def table_concatenated(max_len, d_model):
    table = _table(max_len, _even(d_model) / d_model)
    return torch.cat([table[:, 0::2], table[:, 1::2]], dim=1)


@misconception(
    "sinusoidal_encoding",
    what="Sine and cosine have changed places.",
    why="The convention has the sine on even columns; a table in another order does not fit weights trained with this one.",
)
def table_with_cosine_first(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model).unflatten(1, (-1, 2)).flip(-1).flatten(1)


@misconception(
    "sinusoidal_encoding",
    what="Positions are counted from 1.",
    why="Row 0 belongs to position 0, where all sines are 0 and all cosines 1.",
)
def table_from_one(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model, first=1)


@misconception(
    "sinusoidal_encoding",
    what="The frequencies grow from pair to pair instead of falling.",
    why="Angles of many thousand turns are noise: neighbors look as different as strangers.",
)
def table_with_growing_frequencies(max_len, d_model):
    return _table(max_len, -_even(d_model).double() / d_model).float()  # in float32 such angles differ from machine to machine


@misconception(
    "sinusoidal_encoding",
    what="The base of the frequencies is not 10,000.",
    why="It sets how slow the slowest clock is, and so how long a sequence may get before positions repeat.",
)
def table_with_another_base(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model, base=1000.0)


@misconception(
    "sinusoidal_encoding",
    what="The last pair was stretched to reach the base exactly.",
    why="Some programs space their frequencies so; the formula here divides by the width, and its last clock is a little faster.",
)
def table_with_stretched_exponents(max_len, d_model):
    return _table(max_len, _even(d_model) / max(d_model - 2, 1))


@misconception(
    "sinusoidal_encoding",
    what="Positions were divided by the length of the sequence.",
    why="A step then means another thing in every length, and a model learns nothing that it can use elsewhere.",
)
def table_of_fractions(max_len, d_model):
    angles = (torch.arange(max_len) / max_len)[:, None] / 10000.0 ** (_even(d_model) / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


@misconception(
    "sinusoidal_encoding",
    what="There are only sines, in the odd columns too.",
    why="From a sine alone nobody can tell whether the hand is going up or down.",
)
def table_of_sines(max_len, d_model):
    table = _table(max_len, _even(d_model) / d_model)
    return table[:, 0::2].repeat_interleave(2, dim=1)


@misconception(
    "sinusoidal_encoding",
    what="All pairs turn at one and the same speed.",
    why="One clock comes round after six steps, and then positions repeat. Was the exponent perhaps rounded to a whole number?",
)
def table_with_one_frequency(max_len, d_model):
    return _table(max_len, 0.0 * _even(d_model))


@misconception(
    "sinusoidal_encoding",
    what="Rows and columns are exchanged: there is a row for each feature.",
    why="Added to tokens, it either does not fit, or numbers the features instead of the positions.",
)
def table_transposed(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model).T


@misconception(
    "sinusoidal_encoding",
    what="The table has an axis too many in front.",
    why="It is asked for as positions by columns; a module may add a batch axis where it needs one.",
)
def table_with_a_batch_axis(max_len, d_model):
    return _table(max_len, _even(d_model) / d_model)[None]


@misconception(
    "sinusoidal_encoding",
    what="An odd width is accepted, and the last cosine cut off.",
    why="One sine is then without its partner. Better to say so than to hand on half a clock.",
)
def table_of_odd_width(max_len, d_model):
    return _table(max_len, torch.arange(0, d_model, 2) / d_model)[:, :d_model]


@misconception(
    "sinusoidal_encoding",
    what="An odd width fails somewhere inside, by accident.",
    why="Who meets that error cannot know what was wrong with the call; a ValueError with a sentence says it.",
)
def table_that_fails_inside(max_len, d_model):
    table = torch.zeros(max_len, d_model)
    angles = torch.arange(max_len)[:, None] / 10000.0 ** (torch.arange(0, d_model, 2) / d_model)
    for column in range(0, d_model, 2):
        table[:, column] = angles[:, column // 2].sin()
        table[:, column + 1] = angles[:, column // 2].cos()
    return table


# PositionalEmbedding


@misconception(
    "PositionalEmbedding",
    what="The tokens are not scaled.",
    why="The paper's small embeddings would be drowned by the positions.",
)
class PositionsWithoutScaling(PositionalEmbedding):
    def forward(self, x):
        return x + self.pe[:, : x.shape[1]]


@misconception(
    "PositionalEmbedding",
    what="Tokens and positions are scaled together.",
    why="Their proportion stays as it was, and to change it was the purpose of the factor.",
)
class PositionsScaledToo(PositionalEmbedding):
    def forward(self, x):
        return (x + self.pe[:, : x.shape[1]]) * math.sqrt(x.shape[-1])


@misconception(
    "PositionalEmbedding",
    what="The tokens are divided by the root of the width.",
    why="Division belongs to the scores of attention; here it makes small embeddings smaller still.",
)
class PositionsWithTokensDivided(PositionalEmbedding):
    def forward(self, x):
        return x / math.sqrt(x.shape[-1]) + self.pe[:, : x.shape[1]]


@misconception(
    "PositionalEmbedding",
    what="The tokens are multiplied by the width, not by its root.",
    why="Lengths grow with the root of the number of entries; the positions would vanish in wide models.",
)
class PositionsScaledByTheWidth(PositionalEmbedding):
    def forward(self, x):
        return x * x.shape[-1] + self.pe[:, : x.shape[1]]


@misconception(
    "PositionalEmbedding",
    what="The factor comes from the length of the sequence.",
    why="The balance of word and place would change from sequence to sequence.",
)
class PositionsScaledByTheLength(PositionalEmbedding):
    def forward(self, x):
        return x * math.sqrt(x.shape[1]) + self.pe[:, : x.shape[1]]


@misconception(
    "PositionalEmbedding",
    what="The whole table is added, however short the sequence is.",
    why="It fits sequences of full length only, and most are shorter.",
)
class PositionsNotCut(PositionalEmbedding):
    def forward(self, x):
        return x * math.sqrt(x.shape[-1]) + self.pe


@misconception(
    "PositionalEmbedding",
    what="A shorter sequence gets the last rows of the table.",
    why="The first token would have another position in every length.",
)
class PositionsFromTheEnd(PositionalEmbedding):
    def forward(self, x):
        return x * math.sqrt(x.shape[-1]) + self.pe[:, -x.shape[1] :]


@misconception(
    "PositionalEmbedding",
    what="All tokens of a sequence get one and the same row.",
    why="Shifting all tokens alike tells nobody who comes first.",
)
class PositionsAllAlike(PositionalEmbedding):
    def forward(self, x):
        return x * math.sqrt(x.shape[-1]) + self.pe[:, x.shape[1] - 1 : x.shape[1]]


@misconception(
    "PositionalEmbedding",
    what="Positions run along the batch: each sequence got a row, not each token.",
    why="Order within a sequence stays invisible, and a sequence's number in the batch means nothing.",
)
class PositionsAlongTheBatch(PositionalEmbedding):
    def forward(self, x):
        return x * math.sqrt(x.shape[-1]) + self.pe[:, : x.shape[0]].transpose(0, 1)


@misconception(
    "PositionalEmbedding",
    what="The positions come back without the tokens.",
    why="Then all sequences look alike: where is known, what is lost.",
)
class PositionsAlone(PositionalEmbedding):
    def forward(self, x):
        return self.pe[:, : x.shape[1]].expand_as(x).clone()


@misconception(
    "PositionalEmbedding",
    what="The positions were appended, not added.",
    why="A fair choice, but the tokens get wider, and here the next layer expects their width unchanged.",
)
class PositionsAppended(PositionalEmbedding):
    def forward(self, x):
        return torch.cat([x * math.sqrt(x.shape[-1]), self.pe[:, : x.shape[1]].expand_as(x)], dim=-1)


@misconception(
    "PositionalEmbedding",
    what="The caller's tokens were written to.",
    why="Called twice with the same tensor, the module gives two different answers, and gradients fail.",
)
class PositionsInPlace(PositionalEmbedding):
    def forward(self, x):
        x *= math.sqrt(x.shape[-1])
        return x + self.pe[:, : x.shape[1]]


@misconception(
    "PositionalEmbedding",
    what="The table is a parameter.",
    why="An optimizer that gets all parameters would change it, and it would no longer be the table of the formula.",
)
class PositionsAsParameter(PositionalEmbedding):
    def __init__(self, max_seq_len, embed_model_dim):
        nn.Module.__init__(self)
        self.pe = nn.Parameter(sinusoidal_encoding(max_seq_len, embed_model_dim)[None])


@misconception(
    "PositionalEmbedding",
    what="The table is a plain attribute, of which the module knows nothing.",
    why="It is neither saved nor moved: on another device or in another dtype it stays behind, and the sum fails.",
)
class PositionsAsAttribute(PositionalEmbedding):
    def __init__(self, max_seq_len, embed_model_dim):
        nn.Module.__init__(self)
        self.pe = sinusoidal_encoding(max_seq_len, embed_model_dim)[None]


@misconception(
    "PositionalEmbedding",
    what="The saved table lacks the axis of size 1 in front.",
    why="Its shape is part of what is saved: a state from elsewhere would not load.",
)
class PositionsWithoutAxis(PositionalEmbedding):
    def __init__(self, max_seq_len, embed_model_dim):
        nn.Module.__init__(self)
        self.register_buffer("pe", sinusoidal_encoding(max_seq_len, embed_model_dim))

    def forward(self, x):
        return x * math.sqrt(x.shape[-1]) + self.pe[: x.shape[1]]


@misconception(
    "PositionalEmbedding",
    what="The module was not set up as one before it got its table.",
    why="PyTorch then has no place to register a buffer, and building the module fails.",
)
class PositionsNotSetUp(PositionalEmbedding):
    def __init__(self, max_seq_len, embed_model_dim):
        self.register_buffer("pe", sinusoidal_encoding(max_seq_len, embed_model_dim)[None])


# LearnedPositions


@misconception(
    "LearnedPositions",
    what="The tokens are scaled as in the exercise before.",
    why="Training can make learned positions as large as they need to be; here nothing is scaled.",
)
class LearnedAndScaled(LearnedPositions):
    def forward(self, x):
        return x * math.sqrt(x.shape[-1]) + self.weight[: x.shape[1]]


@misconception(
    "LearnedPositions",
    what="All rows are added, however short the sequence is.",
    why="It fits sequences of full length only, and most are shorter.",
)
class LearnedNotCut(LearnedPositions):
    def forward(self, x):
        return x + self.weight


@misconception(
    "LearnedPositions",
    what="A shorter sequence gets the last rows.",
    why="The first token would have another position in every length.",
)
class LearnedFromTheEnd(LearnedPositions):
    def forward(self, x):
        return x + self.weight[-x.shape[1] :]


@misconception(
    "LearnedPositions",
    what="Positions run along the batch: each sequence got a row, not each token.",
    why="Order within a sequence stays invisible, and a sequence's number in the batch means nothing.",
)
class LearnedAlongTheBatch(LearnedPositions):
    def forward(self, x):
        return x + self.weight[: x.shape[0], None]


@misconception(
    "LearnedPositions",
    what="The vectors come back without the tokens.",
    why="Then all sequences look alike: where is known, what is lost.",
)
class LearnedAlone(LearnedPositions):
    def forward(self, x):
        return self.weight[: x.shape[1]].expand_as(x).clone()


@misconception(
    "LearnedPositions",
    what="All tokens of a sequence get one and the same row.",
    why="Shifting all tokens alike tells nobody who comes first.",
)
class LearnedAllAlike(LearnedPositions):
    def forward(self, x):
        return x + self.weight[x.shape[1] - 1]


@misconception(
    "LearnedPositions",
    what="The caller's tokens were written to.",
    why="Called twice with the same tensor, the module gives two different answers, and gradients fail.",
)
class LearnedInPlace(LearnedPositions):
    def forward(self, x):
        x += self.weight[: x.shape[1]]
        return x.clone()


@misconception(
    "LearnedPositions",
    what="The rows are a buffer, so nothing will ever be learned.",
    why="An optimizer sees parameters only; these numbers would stay the random ones they were.",
)
class LearnedAsBuffer(LearnedPositions):
    def __init__(self, max_seq_len, embed_model_dim):
        nn.Module.__init__(self)
        self.register_buffer("weight", 0.02 * torch.randn(max_seq_len, embed_model_dim))


@misconception(
    "LearnedPositions",
    what="Rows and columns are exchanged: there is a row for each feature.",
    why="A checkpoint in the common layout would not load.",
)
class LearnedTransposed(LearnedPositions):
    def __init__(self, max_seq_len, embed_model_dim):
        super().__init__(embed_model_dim, max_seq_len)

    def forward(self, x):
        return x + self.weight.T[: x.shape[1]]


@misconception(
    "LearnedPositions",
    what="The parameter hides in a layer inside, under a longer name.",
    why="It is asked for by its name; a state saved by others would not load.",
)
class LearnedInALayer(LearnedPositions):
    def __init__(self, max_seq_len, embed_model_dim):
        nn.Module.__init__(self)
        self.embedding = nn.Embedding(max_seq_len, embed_model_dim)

    def forward(self, x):
        return x + self.embedding(torch.arange(x.shape[1]))


@misconception(
    "LearnedPositions",
    what="What is called weight is a layer, and the rows are a parameter of that layer.",
    why="In the saved state they get a longer name then, and a state saved by others would not load.",
)
class LearnedWithALayerAsWeight(LearnedPositions):
    def __init__(self, max_seq_len, embed_model_dim):
        nn.Module.__init__(self)
        self.weight = nn.Embedding(max_seq_len, embed_model_dim)

    def forward(self, x):
        return x + self.weight(torch.arange(x.shape[1]))


@misconception(
    "LearnedPositions",
    what="The parameter has an axis of size 1 in front.",
    why="The table of the exercise before has one; here the rows alone are asked for, and a state saved by others would not load.",
)
class LearnedWithAxis(LearnedPositions):
    def __init__(self, max_seq_len, embed_model_dim):
        nn.Module.__init__(self)
        self.weight = nn.Parameter(0.02 * torch.randn(1, max_seq_len, embed_model_dim))

    def forward(self, x):
        return x + self.weight[:, : x.shape[1]]


# sinusoidal_encoding_2d


def _grid(height, width, d_model):
    """The two halves, (H, W, D/2) each, for widths that the exercise allows."""
    if d_model % 4:
        raise ValueError("not divisible by 4")
    rows = sinusoidal_encoding(height, d_model // 2)[:, None].expand(-1, width, -1)
    columns = sinusoidal_encoding(width, d_model // 2)[None].expand(height, -1, -1)
    return rows, columns


@misconception(
    "sinusoidal_encoding_2d",
    what="The halves are exchanged: columns come first.",
    why="Which half tells what is a convention; weights trained with one do not fit the other. Here rows come first.",
)
def grid_with_columns_first(height, width, d_model):
    rows, columns = _grid(height, width, d_model)
    return torch.cat([columns, rows], dim=-1)


@misconception(
    "sinusoidal_encoding_2d",
    what="The codes of row and column were added up instead of put side by side.",
    why="A sum is the same after row and column change places: [2, 5] and [5, 2] become one place.",
)
def grid_of_sums(height, width, d_model):
    if d_model % 4:
        raise ValueError("not divisible by 4")
    return sinusoidal_encoding(height, d_model)[:, None] + sinusoidal_encoding(width, d_model)[None]


@misconception(
    "sinusoidal_encoding_2d",
    what="The grid was numbered row by row, in one dimension.",
    why="The end of one row is then next to the start of the following one, and the place above is far away.",
)
def grid_in_raster_order(height, width, d_model):
    if d_model % 4:
        raise ValueError("not divisible by 4")
    return sinusoidal_encoding(height * width, d_model).reshape(height, width, d_model)


@misconception(
    "sinusoidal_encoding_2d",
    what="Height and width are exchanged.",
    why="On a square grid nobody notices; on any other the table does not fit.",
)
def grid_on_its_side(height, width, d_model):
    rows, columns = _grid(height, width, d_model)
    return torch.cat([rows, columns], dim=-1).transpose(0, 1)


@misconception(
    "sinusoidal_encoding_2d",
    what="The features come first, as in an image with channels first.",
    why="Tokens have their features last; added to them, this table does not fit.",
)
def grid_with_channels_first(height, width, d_model):
    rows, columns = _grid(height, width, d_model)
    return torch.cat([rows, columns], dim=-1).permute(2, 0, 1)


@misconception(
    "sinusoidal_encoding_2d",
    what="Both halves tell the row.",
    why="All places of a row get the same code, so nobody can tell them apart.",
)
def grid_of_rows_only(height, width, d_model):
    rows, _ = _grid(height, width, d_model)
    return torch.cat([rows, rows], dim=-1)


@misconception(
    "sinusoidal_encoding_2d",
    what="The halves were cut from tables of the full width.",
    why="Each half then holds the fast clocks only, and the slow ones are missing.",
)
def grid_cut_from_wide_tables(height, width, d_model):
    if d_model % 4:
        raise ValueError("not divisible by 4")
    rows, columns = sinusoidal_encoding(height, d_model)[:, None], sinusoidal_encoding(width, d_model)[None]
    half = d_model // 2
    return torch.cat([rows[..., :half].expand(-1, width, -1), columns[..., :half].expand(height, -1, -1)], dim=-1)


@misconception(
    "sinusoidal_encoding_2d",
    what="Rows and columns take turns, pair by pair.",
    why="Same numbers in another order than asked for: first all of the row, then all of the column.",
)
def grid_of_pairs_in_turn(height, width, d_model):
    rows, columns = _grid(height, width, d_model)
    return torch.stack([rows.unflatten(-1, (-1, 2)), columns.unflatten(-1, (-1, 2))], dim=-2).flatten(-3)


@misconception(
    "sinusoidal_encoding_2d",
    what="The places stand in one long list.",
    why="A grid was asked for, with an axis for the rows and one for the columns.",
)
def grid_as_a_list(height, width, d_model):
    rows, columns = _grid(height, width, d_model)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1)


@misconception(
    "sinusoidal_encoding_2d",
    what="A width that cannot be split is rounded down silently.",
    why="The code comes out narrower than was asked for, and the error shows far from its cause.",
)
def grid_that_rounds_down(height, width, d_model):
    quarter = d_model // 4 * 4
    rows, columns = _grid(height, width, quarter)
    return torch.cat([rows, columns], dim=-1)


@misconception(
    "sinusoidal_encoding_2d",
    what="An odd width is halved and rounded down without a word.",
    why="The code comes out narrower than was asked for, and the error shows far from its cause.",
)
def grid_that_only_minds_its_halves(height, width, d_model):
    half = d_model // 2
    rows, columns = sinusoidal_encoding(height, half)[:, None], sinusoidal_encoding(width, half)[None]
    return torch.cat([rows.expand(-1, width, -1), columns.expand(height, -1, -1)], dim=-1)
