"""Other right implementations of lesson 06, which must get full points."""


# --- CausalSelfAttention ---


@alternative("CausalSelfAttention")
class Fused(nn.Module):
    """PyTorch's fused function, no mask stored."""

    def __init__(self, n_embd, n_head, block_size, dropout):
        super().__init__()
        if n_embd % n_head != 0:
            raise ValueError("the heads do not divide the width")
        self.n_head, self.dropout = n_head, dropout
        self.c_attn, self.c_proj = nn.Linear(n_embd, 3 * n_embd), nn.Linear(n_embd, n_embd)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(C, dim=2)
        q, k, v = (t.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.dropout if self.training else 0.0)
        return F.dropout(self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C)), self.dropout, self.training)


@alternative("CausalSelfAttention")
class OneHeadAtATime(CausalSelfAttention):
    """A loop over the heads, with a mask made on the way."""

    def forward(self, x):
        wide, C, D = self.c_attn(x), x.shape[-1], x.shape[-1] // self.n_head
        future = torch.ones(x.shape[1], x.shape[1], device=x.device).triu(1) > 0
        heads = []
        for h in range(self.n_head):
            q, k, v = (wide[..., part * C + h * D : part * C + (h + 1) * D] for part in range(3))
            scores = (q @ k.mT * D**-0.5).masked_fill(future, float("-inf"))
            heads.append(self.attn_dropout(scores.softmax(dim=-1)) @ v)
        return self.resid_dropout(self.c_proj(torch.cat(heads, dim=-1)))


@alternative("CausalSelfAttention")
class WithEinsum(nn.Module):
    """Einstein's notation, and the persistent buffer of nanoGPT."""

    def __init__(self, n_embd, n_head, block_size, dropout):
        super().__init__()
        if n_embd / n_head != n_embd // n_head:
            raise ValueError("no whole number")
        self.c_proj = nn.Linear(n_embd, n_embd)
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=True)
        self.n_head, self.drop = n_head, nn.Dropout(dropout)
        self.register_buffer("bias", torch.tril(torch.ones(block_size, block_size)).view(1, 1, block_size, block_size))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.c_attn(x).view(B, T, 3, self.n_head, C // self.n_head).unbind(dim=2)
        scores = torch.einsum("bihd,bjhd->bhij", q, k) / (C / self.n_head) ** 0.5
        scores = scores.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        y = torch.einsum("bhij,bjhd->bihd", self.drop(scores.softmax(-1)), v)
        return self.drop(self.c_proj(y.flatten(2)))


# --- MLP ---


@alternative("MLP")
class WithErf(MLP):
    """The formula written out."""

    def forward(self, x):
        wide = self.c_fc(x)
        return self.dropout(self.c_proj(0.5 * wide * (1 + torch.erf(wide / math.sqrt(2)))))


@alternative("MLP")
class WithModules(nn.Module):
    """A module for each step."""

    def __init__(self, n_embd, dropout):
        super().__init__()
        self.c_proj = nn.Linear(n_embd * 4, n_embd)
        self.gelu, self.drop = nn.GELU(), nn.Dropout(p=dropout)
        self.c_fc = nn.Linear(n_embd, n_embd * 4)

    def forward(self, x):
        for step in (self.c_fc, self.gelu, self.c_proj, self.drop):
            x = step(x)
        return x


# --- Block ---


@alternative("Block")
class StepByStep(Block):
    """A name for each message."""

    def forward(self, x):
        heard = self.attn(self.ln_1(x))
        stream = x + heard
        computed = self.mlp(self.ln_2(stream))
        return torch.add(stream, computed)


@alternative("Block")
class InAnotherOrder(nn.Module):
    """Parts made in another order, arguments by name."""

    def __init__(self, n_embd, n_head, block_size, dropout):
        super().__init__()
        self.mlp = MLP(n_embd=n_embd, dropout=dropout)
        self.attn = CausalSelfAttention(n_embd=n_embd, n_head=n_head, block_size=block_size, dropout=dropout)
        self.ln_1, self.ln_2 = nn.LayerNorm((n_embd,)), nn.LayerNorm((n_embd,))

    def forward(self, x):
        for norm, part in [(self.ln_1, self.attn), (self.ln_2, self.mlp)]:
            x = part(norm(x)) + x
        return x


# --- GPT ---


@alternative("GPT")
class TiedTheOtherWay(GPT):
    """The embedding takes over the head's table."""

    def __init__(self, vocab_size, block_size, n_layer, n_head, n_embd, dropout):
        super().__init__(vocab_size, block_size, n_layer, n_head, n_embd, dropout)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.wte.weight = self.lm_head.weight


@alternative("GPT")
class WrittenOut(GPT):
    """Positions by slicing, logits by a matrix product, the loss by hand."""

    def forward(self, tokens, targets=None):
        T = tokens.shape[1]
        most = self.wpe.num_embeddings
        if most < T:
            raise ValueError(f"block_size is {most}: a sequence of length {T} does not fit")
        x = self.drop(self.wte(tokens) + self.wpe.weight[:T][None])
        for i in range(len(self.h)):
            x = self.h[i](x)
        logits = self.ln_f(x) @ self.wte.weight.transpose(0, 1)
        if targets is None:
            return logits, None
        counted = targets != -100
        log_p = logits.log_softmax(dim=-1)[counted]
        return logits, -log_p[torch.arange(len(log_p), device=log_p.device), targets[counted]].mean()


@alternative("GPT")
class WithReshape(GPT):
    """The shapes of nanoGPT."""

    def forward(self, idx, targets=None):
        t = idx.size(1)
        if not t <= self.block_size:
            raise ValueError(f"Cannot forward sequence of length {t}, block size is only {self.block_size}")
        x = self.drop(self.wte(idx) + self.wpe(torch.arange(0, t, dtype=torch.long, device=idx.device)))
        for block in self.h:
            x = block(x)
        logits, loss = self.lm_head(self.ln_f(x)), None
        if targets is not None:
            loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), targets.reshape(-1))
        return logits, loss


# --- next_token_loss ---


@alternative("next_token_loss")
def transposed(logits, tokens, ignore_index=-100):
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], ignore_index=ignore_index)


@alternative("next_token_loss")
def by_hand(logits, tokens, ignore_index=-100):
    total, count = 0.0, 0
    for row, said in zip(logits, tokens):
        for t in range(len(said) - 1):
            if said[t + 1] != ignore_index:
                total, count = total - row[t].log_softmax(dim=0)[said[t + 1]], count + 1
    return total / count


@alternative("next_token_loss")
def gathered(logits, tokens, ignore_index=-100):
    targets = tokens[:, 1:]
    counted = (targets != ignore_index).to(logits.dtype)
    surprise = torch.logsumexp(logits[:, :-1], dim=-1) - logits[:, :-1].gather(2, targets.clamp(min=0)[..., None])[..., 0]
    return (surprise * counted).sum() / counted.sum()


# --- next_token_probs ---


@alternative("next_token_probs")
def by_scatter(logits, temperature=1.0, top_k=None):
    if not temperature > 0:
        raise ValueError("temperature")
    if top_k is None:
        return torch.softmax(logits / temperature, dim=-1)
    if top_k <= 0:
        raise ValueError("top_k")
    best = torch.topk(logits, min(top_k, logits.size(-1)), dim=-1)
    return torch.zeros_like(logits).scatter(-1, best.indices, torch.softmax(best.values / temperature, dim=-1))


@alternative("next_token_probs")
def by_rank(logits, temperature=1.0, top_k=None):
    top_k = logits.shape[-1] if top_k is None else top_k
    if temperature <= 0 or top_k < 1:
        raise ValueError("temperature or top_k")
    rank = logits.argsort(dim=-1, descending=True).argsort(dim=-1)
    shares = torch.exp((logits - logits.amax(dim=-1, keepdim=True)) / temperature) * (rank < top_k)
    return shares / shares.sum(dim=-1, keepdim=True)


@alternative("next_token_probs")
def in_a_copy(logits, temperature=1.0, top_k=None):
    if temperature <= 0:
        raise ValueError("temperature")
    if top_k is not None and top_k < 1:
        raise ValueError("top_k")
    logits = logits.clone() / temperature
    if top_k is not None:
        values, _ = torch.topk(logits, min(top_k, logits.size(-1)))
        logits[logits < values[..., [-1]]] = -float("inf")
    return F.softmax(logits, dim=-1)
