"""Other right solutions of lesson 01."""


@alternative("dot_product")
def dot_by_einsum(a, b):
    return torch.einsum("...d,...d->...", a, b)


@alternative("dot_product")
def dot_by_vecdot(a, b):
    return torch.linalg.vecdot(a, b)


@alternative("dot_product")
def dot_by_matrix_product(a, b):
    return (a.unsqueeze(-2) @ b.unsqueeze(-1)).squeeze(-1).squeeze(-1)


@alternative("dot_product")
def dot_by_loop(a, b):
    total = 0
    for d in range(a.shape[-1]):
        total = total + a[..., d] * b[..., d]
    return total


@alternative("cosine_similarity")
def pytorchs_own(a, b):
    return F.cosine_similarity(a, b, dim=-1)


@alternative("cosine_similarity")
def unit_vectors_first(a, b):
    return (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(dim=-1)


@alternative("cosine_similarity")
def repaired_afterward(a, b):
    return torch.nan_to_num(dot_product(a, b) / (a.norm(dim=-1) * b.norm(dim=-1)), nan=0.0)


@alternative("cosine_similarity")
def light_guard(a, b):
    return dot_product(a, b) / (a.norm(dim=-1) * b.norm(dim=-1) + 1e-8)


@alternative("cosine_similarity")
def chosen_with_where(a, b):
    lengths = a.pow(2).sum(-1).sqrt() * b.pow(2).sum(-1).sqrt()
    return torch.where(lengths == 0, torch.zeros_like(lengths), torch.einsum("...d,...d->...", a, b) / lengths)


@alternative("cosine_similarity")
def in_double_precision(a, b):
    return F.cosine_similarity(a.double(), b.double(), dim=-1).to(a.dtype)


@alternative("Embedding")
class PyTorchsOwn(nn.Embedding):
    def __init__(self, vocab_size, embed_dim):
        super().__init__(vocab_size, embed_dim)


@alternative("Embedding")
class FunctionalLookup(nn.Module):
    def __init__(self, vocab_size, embed_dim):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, embed_dim).uniform_(-0.1, 0.1))

    def forward(self, tokens):
        return F.embedding(tokens, self.weight)


@alternative("Embedding")
class OneHotTimesTable(nn.Module):
    def __init__(self, vocab_size, embed_dim):
        super().__init__()
        self.vocab_size = vocab_size
        self.weight = nn.Parameter(torch.randn(vocab_size, embed_dim))

    def forward(self, tokens):
        return F.one_hot(tokens, self.vocab_size).to(self.weight.dtype) @ self.weight


@alternative("nearest")
def nearest_by_sorting(query, embeddings, k):
    return torch.argsort(cosine_similarity(query, embeddings), descending=True)[:k]


@alternative("nearest")
def nearest_by_unit_rows(query, embeddings, k):
    return torch.sort(-(F.normalize(embeddings, dim=1) @ F.normalize(query, dim=0))).indices[:k]


@alternative("nearest")
def nearest_without_the_querys_length(query, embeddings, k):
    lengths = embeddings.norm(dim=1).clamp(min=1e-12)
    return torch.topk(embeddings @ query / lengths, k).indices


@alternative("nearest")
def nearest_by_loop(query, embeddings, k):
    similarity = [float(cosine_similarity(query, row)) for row in embeddings]
    return torch.tensor(sorted(range(len(similarity)), key=lambda row: -similarity[row])[:k])


@alternative("analogy")
def analogy_by_nearest(a, b, c, embeddings):
    rows = nearest(embeddings[b] - embeddings[a] + embeddings[c], embeddings, 4)
    return next(row for row in rows.tolist() if row not in (a, b, c))


@alternative("analogy")
def analogy_by_unit_rows(a, b, c, embeddings):
    target = embeddings[c] + embeddings[b] - embeddings[a]
    order = (F.normalize(embeddings, dim=1) @ target).argsort(descending=True)
    return next(int(row) for row in order if int(row) not in {a, b, c})


@alternative("analogy")
def analogy_with_a_mask(a, b, c, embeddings):
    allowed = torch.ones(len(embeddings), dtype=torch.bool)
    allowed[torch.tensor([a, b, c])] = False
    similarity = F.cosine_similarity(embeddings[b] - embeddings[a] + embeddings[c], embeddings, dim=-1)
    return torch.where(allowed, similarity, torch.tensor(-2.0)).argmax().item()
