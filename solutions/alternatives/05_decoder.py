"""Other right implementations of lesson 05, which must get full points."""


# --- CrossAttention ---


@alternative("CrossAttention")
class FusedAcross(CrossAttention):
    """PyTorch's fused attention, which takes our convention for boolean masks."""

    def forward(self, x, memory, mask=None):
        batch, length, _ = x.shape
        q = self.linear_q(self.norm(x)).view(batch, length, self.num_heads, -1).transpose(1, 2)
        k = self.linear_k(memory).view(batch, memory.shape[1], self.num_heads, -1).transpose(1, 2)
        v = self.linear_v(memory).view(batch, memory.shape[1], self.num_heads, -1).transpose(1, 2)
        p = self.dropout.p if self.training else 0.0
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p)
        return self.linear_out(heads.transpose(1, 2).contiguous().view(batch, length, -1))


@alternative("CrossAttention")
class EinsumAcross(CrossAttention):
    """Named axes; the heads never move."""

    def forward(self, x, memory, mask=None):
        q = self.linear_q(self.norm(x)).unflatten(-1, (self.num_heads, -1))
        k, v = (linear(memory).unflatten(-1, (self.num_heads, -1)) for linear in (self.linear_k, self.linear_v))
        scores = torch.einsum("bthd,bshd->bhts", q, k) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = torch.where(mask, scores, torch.tensor(-1e9, dtype=scores.dtype))
        return self.linear_out(torch.einsum("bhts,bshd->bthd", self.dropout(scores.softmax(-1)), v).flatten(2))


@alternative("CrossAttention")
class HeadByHeadAcross(nn.Module):
    """A loop over the heads, the parts made in another order."""

    def __init__(self, input_dim, memory_dim, num_heads, head_dims, dropout_p):
        super().__init__()
        self.head_dims = head_dims
        self.linear_out = nn.Linear(head_dims * num_heads, input_dim)
        self.linear_v = nn.Linear(memory_dim, head_dims * num_heads)
        self.linear_k = nn.Linear(memory_dim, head_dims * num_heads)
        self.linear_q = nn.Linear(input_dim, head_dims * num_heads)
        self.dropout = nn.Dropout(p=dropout_p)
        self.norm = nn.LayerNorm([input_dim])

    def forward(self, x, memory, mask=None):
        queries, keys, values = (
            t.split(self.head_dims, -1) for t in (self.linear_q(self.norm(x)), self.linear_k(memory), self.linear_v(memory))
        )
        outputs = []
        for h, (q, k, v) in enumerate(zip(queries, keys, values)):
            scores = torch.bmm(q, k.transpose(1, 2)) * self.head_dims**-0.5
            if mask is not None:
                all_heads = mask.expand(len(x), len(queries), x.shape[1], memory.shape[1])
                scores = scores.masked_fill(all_heads[:, h].logical_not(), float("-inf"))
            outputs.append(self.dropout(F.softmax(scores, dim=2)) @ v)
        return self.linear_out(torch.cat(outputs, dim=-1))


# --- make_trg_mask ---


@alternative("make_trg_mask")
def mask_by_places(trg, pad):
    place = torch.arange(trg.size(1), device=trg.device)
    return (place[None, :] <= place[:, None])[None, None] & trg.ne(pad).unsqueeze(1).unsqueeze(2)


@alternative("make_trg_mask")
def mask_in_a_loop(trg, pad):
    batch, length = trg.shape
    mask = torch.zeros(batch, 1, length, length, dtype=torch.bool)
    for b in range(batch):
        for i in range(length):
            for j in range(i + 1):
                mask[b, 0, i, j] = bool(trg[b, j] != pad)
    return mask


@alternative("make_trg_mask")
def mask_from_the_blocked(trg, pad):
    future = torch.triu(torch.ones(trg.shape[1], trg.shape[1]), diagonal=1) == 1
    return ~(future | (trg == pad)[:, None, None, :])


# --- shift_right ---


@alternative("shift_right")
def shift_by_padding(targets, sos):
    return F.pad(targets, (1, 0), value=sos)[:, :-1]


@alternative("shift_right")
def shift_into_a_new_one(targets, sos):
    inputs = targets.new_full(targets.shape, sos)
    inputs[:, 1:] = targets[:, :-1]
    return inputs


@alternative("shift_right")
def shift_by_roll(targets, sos):
    inputs = targets.roll(1, dims=1)
    inputs[:, 0] = sos
    return inputs


# --- DecoderLayer ---


@alternative("DecoderLayer")
class DecoderByKeyword(nn.Module):
    """Everything by keyword, a variable for each stream."""

    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__()
        self.post_mha_dropout, self.post_cross_dropout = nn.Dropout(mha_dropout_p), nn.Dropout(mha_dropout_p)
        self.post_ffn_dropout = nn.Dropout(ffn_dropout_p)
        self.FFN = FeedForwardLayer(input_dim=input_dim, hidden_dim=ffn_dim, dropout_p=ffn_dropout_p)
        attention = {"num_heads": num_heads, "head_dims": head_dims, "dropout_p": mha_dropout_p}
        self.cross = CrossAttention(memory_dim=input_dim, input_dim=input_dim, **attention)
        self.MHA = MultiHeadAttention(input_dim=input_dim, **attention)

    def forward(self, x, memory, trg_mask=None, src_mask=None):
        history = x + self.post_mha_dropout(self.MHA(x=x, mask=trg_mask))
        informed = history + self.post_cross_dropout(self.cross(mask=src_mask, memory=memory, x=history))
        return informed + self.post_ffn_dropout(self.FFN(informed))


@alternative("DecoderLayer")
class FourTerms(DecoderLayer):
    """All terms summed at the end."""

    def forward(self, x, memory, trg_mask=None, src_mask=None):
        heard = self.post_mha_dropout(self.MHA(x, trg_mask))
        told = self.post_cross_dropout(self.cross(x + heard, memory, src_mask))
        thought = self.post_ffn_dropout(self.FFN(x + heard + told))
        return x + heard + told + thought


@alternative("DecoderLayer")
class DecoderOnACopy(DecoderLayer):
    """In-place sums, but on a copy of its own."""

    def forward(self, x, memory, trg_mask=None, src_mask=None):
        x = x.clone()
        x += self.post_mha_dropout(self.MHA(x, trg_mask))
        x += self.post_cross_dropout(self.cross(x, memory, src_mask))
        x += self.post_ffn_dropout(self.FFN(x))
        return x


# --- Transformer ---


@alternative("Transformer")
class TransformerByKeyword(nn.Module):
    """Layers appended one by one, masks by keyword."""

    def __init__(self, src_vocab, trg_vocab, max_len, num_layers, input_dim, num_heads, head_dims, ffn_dim, dropout_p, pad):
        super().__init__()
        self.padding = pad
        sizes = dict(input_dim=input_dim, num_heads=num_heads, head_dims=head_dims, ffn_dim=ffn_dim)
        sizes |= dict(mha_dropout_p=dropout_p, ffn_dropout_p=dropout_p)
        self.linear_out = nn.Linear(input_dim, trg_vocab)
        self.decoder_norm = nn.LayerNorm(input_dim)
        self.decoder = nn.ModuleList()
        for _ in range(num_layers):
            self.decoder.append(DecoderLayer(**sizes))
        self.encoder = Encoder(num_layers=num_layers, **sizes)
        self.trg_embed = TokenEmbedding(trg_vocab, max_len, input_dim)
        self.src_embed = TokenEmbedding(src_vocab, max_len, input_dim)

    def encode(self, src):
        return self.encoder(x=self.src_embed(src), mask=make_src_mask(src, self.padding))

    def decode(self, trg, memory, src):
        masks = {"src_mask": make_src_mask(src, self.padding), "trg_mask": make_trg_mask(trg, self.padding)}
        stream = self.trg_embed(trg)
        for i in range(len(self.decoder)):
            stream = self.decoder[i](stream, memory=memory, **masks)
        return self.linear_out(self.decoder_norm(stream))

    def forward(self, src, trg):
        memory = self.encode(src)
        logits = self.decode(trg=trg, memory=memory, src=src)
        return logits


@alternative("Transformer")
class AllInForward(Transformer):
    """forward written out, without the two methods; the stack folded up."""

    def forward(self, src, trg):
        from functools import reduce

        src_mask, trg_mask = (src != self.pad)[:, None, None], make_trg_mask(trg, self.pad)
        memory = self.encoder(self.src_embed(src), src_mask)
        stream = reduce(lambda x, layer: layer(x, memory, trg_mask, src_mask), self.decoder, self.trg_embed(trg))
        return self.linear_out(self.decoder_norm(stream))


@alternative("Transformer")
class SmallSteps(Transformer):
    """Helpers of its own, and the read-out as a product with the weights."""

    def read_out(self, x):
        return self.decoder_norm(x) @ self.linear_out.weight.T + self.linear_out.bias

    def decode(self, trg, memory, src):
        hidden = self.trg_embed(trg)
        for layer in self.decoder:
            hidden = layer(x=hidden, memory=memory, trg_mask=make_trg_mask(trg, pad=self.pad), src_mask=make_src_mask(src, pad=self.pad))
        return self.read_out(hidden)


# --- greedy_decode ---


@alternative("greedy_decode")
@torch.inference_mode()
def into_a_table(model, src, sos, eos, pad, max_len):
    """A table of full width, cut at the end."""
    model.train(False)
    memory = model.encode(src)
    table = torch.full((src.shape[0], max_len + 1), pad)
    table[:, 0] = sos
    alive = torch.ones(src.shape[0], dtype=torch.bool)
    for t in range(max_len):
        probabilities = model.decode(table[:, : t + 1], memory, src)[:, -1, :].softmax(-1)
        table[alive, t + 1] = probabilities.argmax(-1)[alive]
        alive &= table[:, t + 1] != eos
        if not alive.any():
            return table[:, 1 : t + 2]
    return table[:, 1:]


@alternative("greedy_decode")
def row_by_row(model, src, sos, eos, pad, max_len):
    """Each row on its own, padded together afterwards."""
    model.eval()
    rows = []
    for row in src:
        row, tokens = row[None], [sos]
        memory = model.encode(row)
        while len(tokens) == 1 or (len(tokens) <= max_len and tokens[-1] != eos):
            tokens.append(model.decode(torch.tensor([tokens]), memory, row)[0, -1].argmax().item())
        rows.append(torch.tensor(tokens[1:]))
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad)


@alternative("greedy_decode")
def cleaned_afterwards(model, src, sos, eos, pad, max_len):
    """Rows babble on while they wait, and what follows an end is replaced in the end."""
    model.eval()
    with torch.no_grad():
        memory = model.encode(src)
        written = src.new_full((len(src), 1), sos)
        for _ in range(max_len):
            new = torch.max(model.decode(written, memory, src)[:, -1], dim=-1).indices
            written = torch.cat((written, new.unsqueeze(1)), 1)
            if (written[:, 1:] == eos).any(dim=1).all():
                break
    written = written[:, 1:]
    ends = (written == eos).int()
    return torch.where(ends.cumsum(dim=1) - ends > 0, pad, written)
