"""Other correct ways to write lesson 02. Run in a copy of the lesson's namespace, with `alternative`."""


@alternative("sinusoidal_encoding")
def table_by_loops(max_len, d_model):
    if d_model % 2 != 0:
        raise ValueError("even widths only")
    table = torch.zeros(max_len, d_model)
    for t in range(max_len):
        for column in range(0, d_model, 2):
            table[t, column] = math.sin(t / 10000 ** (column / d_model))
            table[t, column + 1] = math.cos(t / 10000 ** (column / d_model))
    return table


@alternative("sinusoidal_encoding")
def table_by_exp_and_log(max_len, d_model):
    if d_model % 2 == 1:
        raise ValueError("even widths only")
    position = torch.arange(max_len, dtype=torch.float).unsqueeze(1)
    speed = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
    table = torch.zeros(max_len, d_model)
    table[:, 0::2] = torch.sin(position * speed)
    table[:, 1::2] = torch.cos(position * speed)
    return table


@alternative("sinusoidal_encoding")
def table_by_stack(max_len, d_model):
    if d_model % 2:
        raise ValueError("even widths only")
    angles = torch.outer(torch.arange(max_len).double(), torch.pow(10000.0, torch.arange(0, -d_model, -2).double() / d_model))
    return torch.stack([angles.sin(), angles.cos()], dim=2).reshape(max_len, d_model)


@alternative("sinusoidal_encoding")
def table_of_sines_shifted_by_a_quarter(max_len, d_model):
    if d_model & 1:
        raise ValueError("even widths only")
    column = torch.arange(d_model, dtype=torch.float64)
    angles = torch.arange(max_len)[:, None] / 10000.0 ** (2 * (column // 2) / d_model)
    return torch.sin(angles + (column % 2) * math.pi / 2).float()


@alternative("PositionalEmbedding")
class PositionsWithWidthKept(nn.Module):
    def __init__(self, max_seq_len, embed_model_dim):
        super().__init__()
        self.embed_model_dim = embed_model_dim
        pe = sinusoidal_encoding(max_seq_len, embed_model_dim).unsqueeze(0)
        self.register_buffer("pe", pe)

    def forward(self, x):
        x = x * self.embed_model_dim**0.5
        return x + self.pe[:, : x.size(1), :]


@alternative("PositionalEmbedding")
class PositionsByTheirOwnFormula(nn.Module):
    def __init__(self, max_seq_len, embed_model_dim):
        super(PositionsByTheirOwnFormula, self).__init__()  # noqa: UP008 - as older code writes it
        pe = torch.zeros(max_seq_len, embed_model_dim)
        for t in range(max_seq_len):
            for i in range(0, embed_model_dim, 2):
                pe[t, i] = math.sin(t / (10000 ** (i / embed_model_dim)))
                pe[t, i + 1] = math.cos(t / (10000 ** (i / embed_model_dim)))
        self.register_buffer("pe", pe.unsqueeze(0))
        self.register_buffer("scale", torch.tensor(embed_model_dim).sqrt())

    def forward(self, x):
        return self.scale * x + self.pe[0, : x.shape[1]].requires_grad_(False)


@alternative("PositionalEmbedding")
class PositionsByIndex(PositionalEmbedding):
    def forward(self, x):
        places = torch.arange(x.shape[1]).expand(x.shape[0], -1)
        return torch.add(self.pe.squeeze(0)[places], x, alpha=math.sqrt(self.pe.shape[-1]))


@alternative("LearnedPositions")
class LearnedAsEmbedding(nn.Embedding):
    def __init__(self, max_seq_len, embed_model_dim):
        super().__init__(max_seq_len, embed_model_dim)

    def forward(self, x):
        return x + super().forward(torch.arange(x.shape[1]))


@alternative("LearnedPositions")
class LearnedFromZeros(nn.Module):
    def __init__(self, max_seq_len, embed_model_dim):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(max_seq_len, embed_model_dim))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x):
        return self.weight.unsqueeze(0)[:, : x.size(-2)] + x


@alternative("LearnedPositions")
class LearnedByNarrow(LearnedPositions):
    def forward(self, x):
        return x.clone().add_(self.weight.narrow(0, 0, x.shape[1]).expand_as(x))


@alternative("sinusoidal_encoding_2d")
def grid_by_slices(height, width, d_model):
    if d_model % 4 != 0:
        raise ValueError("divisible by 4 only")
    table = torch.empty(height, width, d_model)
    table[..., : d_model // 2] = sinusoidal_encoding(height, d_model // 2).unsqueeze(1)
    table[..., d_model // 2 :] = sinusoidal_encoding(width, d_model // 2)
    return table


@alternative("sinusoidal_encoding_2d")
def grid_by_loops(height, width, d_model):
    if d_model % 2 or (d_model // 2) % 2:
        raise ValueError("divisible by 4 only")
    rows, columns = sinusoidal_encoding(height, d_model // 2), sinusoidal_encoding(width, d_model // 2)
    return torch.stack([torch.stack([torch.cat([rows[r], columns[c]]) for c in range(width)]) for r in range(height)])


@alternative("sinusoidal_encoding_2d")
def grid_by_one_table(height, width, d_model):
    if d_model % 4:
        raise ValueError("divisible by 4 only")
    table = sinusoidal_encoding(max(height, width), d_model // 2)
    r, c = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.cat([table[r], table[c]], dim=2)
