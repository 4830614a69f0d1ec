"""Other correct ways to write lesson 03. Run in a copy of the lesson's namespace, with `alternative`."""


@alternative("attention_scores")
def scores_by_einsum(q, k):
    return torch.einsum("...id,...jd->...ij", q, k)


@alternative("attention_scores")
def scores_by_broadcasting(q, k):
    return (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(dim=-1)


@alternative("attention_scores")
def scores_in_double_precision(q, k):
    return torch.matmul(q.double(), k.double().mT).to(q.dtype)


@alternative("softmax")
def softmax_built_in(x, dim):
    return F.softmax(x, dim=dim)


@alternative("softmax")
def softmax_by_logsumexp(x, dim):
    return (x - x.logsumexp(dim=dim, keepdim=True)).exp()


@alternative("softmax")
def softmax_in_double_precision(x, dim):
    wide = x.double()
    wide = (wide - wide.max(dim, keepdim=True).values).exp()
    return wide / wide.sum(dim, keepdim=True)


@alternative("softmax")
def softmax_with_the_axis_moved(x, dim):
    x = x.movedim(dim, 0)
    e = (x - x.max(dim=0).values).exp()
    return (e / e.sum(dim=0)).movedim(0, dim)


@alternative("scaled_dot_product_attention")
def attention_by_einsum(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q * q.shape[-1] ** -0.5, k)
    if mask is not None:
        scores = torch.where(mask != 0, scores, -torch.inf)
    weights = torch.softmax(scores, dim=-1).nan_to_num(0.0)
    return torch.einsum("...ij,...jd->...id", weights, v), weights


@alternative("scaled_dot_product_attention")
def attention_by_the_fused_function(q, k, v, mask=None):
    allowed = None if mask is None else mask.bool()
    one_hot = torch.eye(k.shape[-2], dtype=q.dtype).expand(*k.shape[:-1], -1)
    output = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    weights = F.scaled_dot_product_attention(q, k, one_hot, attn_mask=allowed)
    lonely = torch.zeros(1, dtype=torch.bool) if allowed is None else ~allowed.any(dim=-1, keepdim=True)
    return output.masked_fill(lonely, 0.0), weights.masked_fill(lonely, 0.0)


@alternative("scaled_dot_product_attention")
def attention_in_double_precision(q, k, v, mask=None):
    scores = q.double() @ k.double().transpose(-1, -2) / k.size(-1) ** 0.5
    allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.bool().expand_as(scores)
    shares = torch.exp(scores.masked_fill(~allowed, -1e300) - scores.masked_fill(~allowed, -1e300).amax(-1, keepdim=True)) * allowed
    weights = shares / shares.sum(dim=-1, keepdim=True).clamp_min(1e-300)
    return weights @ v.double(), weights


@alternative("scaled_dot_product_attention")
def attention_that_zeroes_hidden_weights(q, k, v, mask=None):
    scores = attention_scores(q, k) / q.size(-1) ** 0.5
    if mask is None:
        mask = torch.ones_like(scores)
    weights = softmax(scores.masked_fill(mask == 0, -9e15), -1) * mask
    return weights @ v, weights


@alternative("causal_mask")
def causal_mask_by_comparison(length):
    places = torch.arange(length)
    return places[:, None] >= places


@alternative("causal_mask")
def causal_mask_by_negation(length):
    return ~torch.ones(length, length).triu(diagonal=1).bool()


@alternative("causal_mask")
def causal_mask_by_loops(length):
    return torch.tensor([[j <= i for j in range(length)] for i in range(length)])


@alternative("padding_mask")
def padding_mask_by_view(lengths, max_length):
    return torch.arange(max_length).view(1, 1, -1) < lengths.view(-1, 1, 1)


@alternative("padding_mask")
def padding_mask_by_negation(lengths, max_length):
    filler = torch.arange(max_length).expand(len(lengths), -1) >= lengths.unsqueeze(1)
    return (~filler).unsqueeze(1)


@alternative("padding_mask")
def padding_mask_by_loops(lengths, max_length):
    mask = torch.zeros(len(lengths), 1, max_length, dtype=torch.bool)
    for row, length in enumerate(lengths.tolist()):
        mask[row, 0, :length] = True
    return mask


@alternative("SelfAttention")
class SelfAttentionFused(SelfAttention):
    def forward(self, x, mask=None):
        return F.scaled_dot_product_attention(self.linear_q(x), self.linear_k(x), self.linear_v(x), attn_mask=mask)


@alternative("SelfAttention")
class SelfAttentionByHand(SelfAttention):
    def forward(self, x, mask=None):
        scores = self.linear_q(x) @ self.linear_k(x).mT / self.linear_k.out_features**0.5
        if mask is not None:
            scores = scores + torch.zeros(mask.shape, dtype=x.dtype).masked_fill(mask == 0, -torch.inf)
        return scores.softmax(dim=-1) @ self.linear_v(x)


@alternative("SelfAttention")
class SelfAttentionInAnotherOrder(nn.Module):
    def __init__(self, input_dim, head_dim):
        super().__init__()
        self.linear_v = nn.Linear(input_dim, head_dim)
        self.linear_k = nn.Linear(input_dim, head_dim)
        self.linear_q = nn.Linear(input_dim, head_dim)

    def forward(self, x, mask=None):
        output, _ = scaled_dot_product_attention(k=self.linear_k(x), q=self.linear_q(x), v=self.linear_v(x), mask=mask)
        return output
