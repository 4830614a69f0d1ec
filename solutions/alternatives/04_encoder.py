"""Other right implementations of lesson 04, which must get full points."""


# --- FeedForwardLayer ---


@alternative("FeedForwardLayer")
class ByName(nn.Module):
    """Functional ReLU beside the module, a step a line."""

    def __init__(self, input_dim, hidden_dim, dropout_p):
        super().__init__()
        self.linear2 = nn.Linear(in_features=hidden_dim, out_features=input_dim)
        self.linear1 = nn.Linear(in_features=input_dim, out_features=hidden_dim)
        self.norm = nn.LayerNorm(normalized_shape=[input_dim], eps=1e-5)
        self.dropout = nn.Dropout(p=dropout_p)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.norm(x)
        x = self.linear1(x)
        x = F.relu(x)
        x = self.dropout(x)
        x = self.linear2(x)
        return x


@alternative("FeedForwardLayer")
class DropThenCut(FeedForwardLayer):
    """Dropout before ReLU: the scale is never negative, so both orders give the same."""

    def forward(self, x):
        return self.linear2(self.relu(self.dropout(self.linear1(self.norm(x)))))


@alternative("FeedForwardLayer")
class WithMatrices(FeedForwardLayer):
    """The norm and the maps written out."""

    def forward(self, x):
        centered = x - x.mean(dim=-1, keepdim=True)
        normed = centered / (centered.square().mean(dim=-1, keepdim=True) + self.norm.eps).sqrt() * self.norm.weight + self.norm.bias
        hidden = F.dropout((normed @ self.linear1.weight.T + self.linear1.bias).clamp(min=0), self.dropout.p, self.training)
        return hidden @ self.linear2.weight.T + self.linear2.bias


# --- split_heads and merge_heads ---


@alternative("split_heads")
def split_by_stacking(x, num_heads):
    if x.shape[-1] % num_heads != 0:
        raise ValueError("not a multiple")
    width = x.shape[-1] // num_heads
    return torch.stack([x[..., h * width : (h + 1) * width] for h in range(num_heads)], dim=1)


@alternative("split_heads")
def split_by_permute(x, num_heads):
    if x.size(2) % num_heads:
        raise ValueError
    return x.unflatten(-1, (num_heads, -1)).permute(0, 2, 1, 3).contiguous()


@alternative("split_heads")
def split_by_einsum(x, num_heads):
    if x.shape[2] / num_heads != int(x.shape[2] / num_heads):
        raise ValueError(x.shape)
    return torch.einsum("bthd->bhtd", x.view(x.shape[0], x.shape[1], num_heads, -1))


@alternative("merge_heads")
def merge_by_concatenation(x):
    return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)


@alternative("merge_heads")
def merge_by_view(x):
    return x.permute(0, 2, 1, 3).contiguous().view(x.size(0), x.size(2), -1)


@alternative("merge_heads")
def merge_by_flatten(x):
    return x.swapaxes(1, 2).flatten(start_dim=2)


# --- MultiHeadAttention ---


@alternative("MultiHeadAttention")
class Fused(MultiHeadAttention):
    """PyTorch's fused attention, which takes our convention for boolean masks."""

    def forward(self, x, mask=None):
        x = self.norm(x)
        q, k, v = (split_heads(linear(x), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        p = self.dropout.p if self.training else 0.0
        return self.linear_out(merge_heads(F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p)))


@alternative("MultiHeadAttention")
class WithEinsum(MultiHeadAttention):
    """No split_heads: einsum over named axes."""

    def forward(self, x, mask=None):
        x = self.norm(x)
        q, k, v = (linear(x).unflatten(-1, (self.num_heads, -1)) for linear in (self.linear_q, self.linear_k, self.linear_v))
        scores = torch.einsum("bihd,bjhd->bhij", q, k) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = torch.where(mask, scores, torch.tensor(-1e9, dtype=scores.dtype))
        weights = self.dropout(scores.softmax(dim=-1))
        return self.linear_out(torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2))


@alternative("MultiHeadAttention")
class HeadByHead(MultiHeadAttention):
    """A loop over the heads."""

    def forward(self, x, mask=None):
        x, heads = self.norm(x), []
        batch, length, _ = x.shape
        if mask is not None:
            mask = mask.expand(batch, self.num_heads, length, length)
        maps = [linear(x).chunk(self.num_heads, dim=-1) for linear in (self.linear_q, self.linear_k, self.linear_v)]
        for h, (q, k, v) in enumerate(zip(*maps)):
            scores = torch.bmm(q, k.mT) / q.shape[-1] ** 0.5
            if mask is not None:
                scores = scores.masked_fill(mask[:, h] == 0, float("-inf"))
            heads.append(self.dropout(F.softmax(scores, dim=2)) @ v)
        return self.linear_out(torch.cat(heads, dim=-1))


@alternative("MultiHeadAttention")
class AdditiveMask(MultiHeadAttention):
    """The scale on the queries, the mask as a sum of zero or minus infinity."""

    def forward(self, x, mask=None):
        x = self.norm(x)
        q, k, v = (split_heads(linear(x), self.num_heads) for linear in (self.linear_q, self.linear_k, self.linear_v))
        scores = (q / math.sqrt(q.size(-1))) @ k.transpose(2, 3)
        if mask is not None:
            scores = scores + torch.zeros(mask.shape).masked_fill(mask.logical_not(), float("-inf"))
        return self.linear_out(merge_heads(self.dropout(torch.softmax(scores, -1)) @ v))


# --- EncoderLayer ---


@alternative("EncoderLayer")
class StepByStep(nn.Module):
    """Everything by keyword, a variable for each stream."""

    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__()
        self.FFN = FeedForwardLayer(input_dim=input_dim, hidden_dim=ffn_dim, dropout_p=ffn_dropout_p)
        self.MHA = MultiHeadAttention(input_dim=input_dim, num_heads=num_heads, head_dims=head_dims, dropout_p=mha_dropout_p)
        self.post_mha_dropout = nn.Dropout(p=mha_dropout_p)
        self.post_ffn_dropout = nn.Dropout(p=ffn_dropout_p)

    def forward(self, x, mask=None):
        residual = x
        message = self.post_mha_dropout(self.MHA(x, mask=mask))
        stream = message + residual
        residual = stream
        computed = self.post_ffn_dropout(self.FFN(stream))
        return computed + residual


@alternative("EncoderLayer")
class OneSum(EncoderLayer):
    """Three terms summed at the end."""

    def forward(self, x, mask=None):
        heard = self.post_mha_dropout(self.MHA(x, mask))
        thought = self.post_ffn_dropout(self.FFN(x + heard))
        return x + heard + thought


@alternative("EncoderLayer")
class OnACopy(EncoderLayer):
    """In-place sums, but on a copy of its own."""

    def forward(self, x, mask=None):
        x = x.clone()
        x += self.post_mha_dropout(self.MHA(x, mask))
        x += self.post_ffn_dropout(self.FFN(x))
        return x


# --- Encoder ---


@alternative("Encoder")
class Appended(nn.Module):
    """Layers appended one by one, everything by keyword."""

    def __init__(self, num_layers, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(
                EncoderLayer(
                    input_dim=input_dim,
                    num_heads=num_heads,
                    head_dims=head_dims,
                    ffn_dim=ffn_dim,
                    mha_dropout_p=mha_dropout_p,
                    ffn_dropout_p=ffn_dropout_p,
                )
            )

    def forward(self, x, mask=None):
        for i in range(len(self.layers)):
            x = self.layers[i](x, mask=mask)
        return x


@alternative("Encoder")
class AnyArguments(nn.Module):
    """The layer's arguments passed through."""

    def __init__(self, num_layers, *args, **kwargs):
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(*args, **kwargs) for _ in range(num_layers))

    def forward(self, x, mask=None):
        from functools import reduce

        return reduce(lambda stream, layer: layer(stream, mask), self.layers, x)
