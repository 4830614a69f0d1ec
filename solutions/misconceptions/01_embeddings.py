"""What goes wrong in lesson 01, and how to say so without giving the answer away."""


# dot_product


@misconception(
    "dot_product",
    what="The products are there, but they are not added up.",
    why="A dot product is one number for a pair of vectors: evidence for and against must be weighed against each other.",
)
def products_only(a, b):
    return a * b


@misconception(
    "dot_product",
    what="Everything is summed into a single number.",
    why="The pairs of a batch are separate questions; only the entries within a vector belong together.",
)
def sum_of_everything(a, b):
    return (a * b).sum()


@misconception(
    "dot_product",
    what="The sum runs over the first axis.",
    why="The vectors lie along the last axis; summing the first one adds different vectors' entries to each other.",
)
def first_axis(a, b):
    return (a * b).sum(dim=0)


@misconception(
    "dot_product",
    what="Every vector of one tensor is paired with every vector of the other.",
    why="That is a table of all pairs; asked for are the pairs that stand at the same place, where broadcasting has lined the tensors up.",
)
def all_pairs(a, b):
    return a @ b.transpose(-2, -1) if a.ndim > 1 and b.ndim > 1 else (a * b).sum(dim=-1)


@misconception(
    "dot_product",
    what="The products are averaged, not added.",
    why="An average divides by the number of dimensions, so that agreeing in many of them counts for no more than agreeing in few.",
)
def mean_of_products(a, b):
    return (a * b).mean(dim=-1)


@misconception(
    "dot_product",
    what="The summed axis is kept with size 1.",
    why="One number a pair is asked for, without an axis of its own; a leftover axis makes later shapes broadcast in surprising ways.",
)
def leftover_axis(a, b):
    return (a * b).sum(dim=-1, keepdim=True)


@misconception(
    "dot_product",
    what="The function works for a single pair of vectors only.",
    why="Data come in batches; axes in front of the last one must be left alone, any number of them.",
)
def single_pair(a, b):
    return torch.dot(a, b)


@misconception(
    "dot_product",
    what="The signs of the products are dropped.",
    why="Entries of opposite sign speak against a likeness; without signs nothing can ever be unlike.",
)
def without_signs(a, b):
    return (a * b).abs().sum(dim=-1)


# cosine_similarity


@misconception(
    "cosine_similarity",
    what="A zero vector gives NaN.",
    why="Zero divided by zero is undefined, and one NaN spreads into every mean and maximum behind it. Silent neurons make zeros common.",
)
def nan_for_zero(a, b):
    return (a * b).sum(dim=-1) / (a.norm(dim=-1) * b.norm(dim=-1))


@misconception(
    "cosine_similarity",
    what="The lengths are not divided out.",
    why="Then a long vector seems similar to everything: ten times boat would be more like fish than fish itself.",
)
def lengths_left_in(a, b):
    return (a * b).sum(dim=-1)


@misconception(
    "cosine_similarity",
    what="Only one of the two lengths is divided out.",
    why="The result still grows with the other vector, and it matters which of the two comes first.",
)
def one_length(a, b):
    length = b.norm(dim=-1)
    return torch.where(length > 0, (a * b).sum(dim=-1) / length.clamp(min=1e-30), 0.0)


@misconception(
    "cosine_similarity",
    what="The division is by squared lengths.",
    why="A vector's dot product with itself is the square of its length, so a vector would not even have similarity 1 with itself.",
)
def squared_lengths(a, b):
    squares = (a * a).sum(dim=-1) * (b * b).sum(dim=-1)
    return torch.where(squares > 0, (a * b).sum(dim=-1) / squares.clamp(min=1e-30), 0.0)


@misconception(
    "cosine_similarity",
    what="The lengths are added instead of multiplied.",
    why="Stretching a vector then changes its similarity, and two equal vectors of length 1 get one half.",
)
def sum_of_lengths(a, b):
    lengths = a.norm(dim=-1) + b.norm(dim=-1)
    return torch.where(lengths > 0, (a * b).sum(dim=-1) / lengths.clamp(min=1e-30), 0.0)


@misconception(
    "cosine_similarity",
    what="One length is taken for the whole tensor.",
    why="Each vector has a length of its own; with a common one the long vectors of a batch still win.",
)
def one_length_for_all(a, b):
    lengths = a.norm() * b.norm()
    return torch.where(lengths > 0, (a * b).sum(dim=-1) / lengths.clamp(min=1e-30), 0.0)


@misconception(
    "cosine_similarity",
    what="The lengths are sums of absolute values.",
    why="The cosine belongs to the length that dot products measure; with another one a vector is not even similar 1 to itself.",
)
def absolute_lengths(a, b):
    lengths = a.abs().sum(dim=-1) * b.abs().sum(dim=-1)
    return torch.where(lengths > 0, (a * b).sum(dim=-1) / lengths.clamp(min=1e-30), 0.0)


@misconception(
    "cosine_similarity",
    what="What comes back is a distance, small for vectors that point the same way.",
    why="Asked for is a similarity: the largest value must mean the best agreement, or every ranking built on it is upside down.",
)
def a_distance(a, b):
    return 1 - F.cosine_similarity(a, b, dim=-1)


@misconception(
    "cosine_similarity",
    what="What comes back is the angle, not its cosine.",
    why="An angle is smallest where two vectors agree most, so that it ranks upside down.",
)
def the_angle(a, b):
    return torch.acos(F.cosine_similarity(a, b, dim=-1).clamp(-1, 1))


@misconception(
    "cosine_similarity",
    what="The sign is lost.",
    why="Vectors that point in opposite directions are as unlike as can be; without the sign they count as equal.",
)
def without_sign(a, b):
    return F.cosine_similarity(a, b, dim=-1).abs()


@misconception(
    "cosine_similarity",
    what="The mean of each vector's entries is subtracted first.",
    why="That is the correlation of two vectors, another measure: it also ignores a constant added to all entries.",
)
def correlation(a, b):
    return F.cosine_similarity(a - a.mean(dim=-1, keepdim=True), b - b.mean(dim=-1, keepdim=True), dim=-1)


@misconception(
    "cosine_similarity",
    what="The number that guards against division by zero is so large that it changes ordinary answers.",
    why="Short vectors then look less similar than they are; a guard must act on zero vectors and be invisible elsewhere.",
)
def heavy_guard(a, b):
    return (a * b).sum(dim=-1) / (a.norm(dim=-1) * b.norm(dim=-1) + 0.1)


@misconception(
    "cosine_similarity",
    what="A zero vector counts as similar, with the value 1.",
    why="A vector without a direction agrees with nothing; as a perfect match it would head every list of neighbors.",
)
def zero_matches_all(a, b):
    return torch.nan_to_num((a * b).sum(dim=-1) / (a.norm(dim=-1) * b.norm(dim=-1)), nan=1.0)


# Embedding


@misconception(
    "Embedding",
    what="The table is a plain tensor, not a parameter.",
    why="The optimizer never sees it, so it stays random forever, and it is missing from what is saved.",
)
class PlainTable(nn.Module):
    def __init__(self, vocab_size, embed_dim):
        super().__init__()
        self.weight = torch.randn(vocab_size, embed_dim)

    def forward(self, tokens):
        return self.weight[tokens]


@misconception(
    "Embedding",
    what="The table lies on its side: its rows are dimensions, and its columns are tokens.",
    why="Everybody who loads, shares or reads the table expects a row for each token.",
)
class Sideways(nn.Module):
    def __init__(self, vocab_size, embed_dim):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(embed_dim, vocab_size))

    def forward(self, tokens):
        return self.weight[:, tokens].movedim(0, -1)


@misconception(
    "Embedding",
    what="A bias is added to the table's rows.",
    why="It is the same for all tokens and so tells them nothing; the table alone can already hold any vectors.",
)
class WithBias(nn.Module):
    def __init__(self, vocab_size, embed_dim):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocab_size, embed_dim))
        self.bias = nn.Parameter(torch.zeros(embed_dim))

    def forward(self, tokens):
        return self.weight[tokens] + self.bias


@misconception(
    "Embedding",
    what="The vectors of a sequence are added up into one.",
    why="Each token must keep its own vector; a sum forgets which tokens there were, and in what order.",
)
class BagOfTokens(Embedding):
    def forward(self, tokens):
        rows = self.weight[tokens]
        return rows.sum(dim=-2) if tokens.ndim else rows


@misconception(
    "Embedding",
    what="The rows are scaled to length 1.",
    why="Lengths are something that training may use; a lookup hands out what the table holds.",
)
class UnitRows(Embedding):
    def forward(self, tokens):
        return F.normalize(self.weight, dim=-1)[tokens]


@misconception(
    "Embedding",
    what="Token 0 gets a vector of zeros.",
    why="That is a special rule for padding which nobody asked for here: token 0 is a token like any other.",
)
class PaddingAtZero(Embedding):
    def forward(self, tokens):
        return self.weight[tokens] * (tokens != 0)[..., None]


@misconception(
    "Embedding",
    what="Tokens are counted from 1.",
    why="Every token then gets its neighbor's vector, and the first one that of the last, without an error.",
)
class CountsFromOne(Embedding):
    def forward(self, tokens):
        return self.weight[tokens - 1]


@misconception(
    "Embedding",
    what="All vectors of a batch stand in one long list.",
    why="The axes of the tokens must survive, or nobody knows any more which vector belongs to which sequence.",
)
class Flattened(Embedding):
    def forward(self, tokens):
        return self.weight[tokens.reshape(-1)]


# nearest


@misconception(
    "nearest",
    what="The rows are ranked by the dot product.",
    why="Long rows then come first wherever they point; near should mean the same direction.",
)
def nearest_by_dot(query, embeddings, k):
    return (embeddings @ query).topk(k).indices


@misconception(
    "nearest",
    what="The list begins with the least similar row.",
    why="Sorting is ascending unless asked otherwise, and a similarity is best where it is largest.",
)
def farthest(query, embeddings, k):
    return cosine_similarity(query, embeddings).argsort()[:k]


@misconception(
    "nearest",
    what="The right rows may be there, but in the order in which they stand in the table.",
    why="Whoever reads only the first answer expects the best one there.",
)
def in_table_order(query, embeddings, k):
    return cosine_similarity(query, embeddings).topk(k).indices.sort().values


@misconception(
    "nearest",
    what="The rows are ranked by their distance in space.",
    why="A row that points exactly the query's way counts as far away then, if it is longer or shorter.",
)
def by_distance(query, embeddings, k):
    return (embeddings - query).norm(dim=-1).argsort()[:k]


@misconception(
    "nearest",
    what="The similarities come back, not the rows that have them.",
    why="A caller wants to look up which tokens are near, and for that needs their places in the table.",
)
def similarities(query, embeddings, k):
    return cosine_similarity(query, embeddings).topk(k).values


@misconception(
    "nearest",
    what="The best row is left out.",
    why="The query need not be in the table; and if it is, it is a row like any other. Who wants to skip it can do so.",
)
def skips_the_first(query, embeddings, k):
    return cosine_similarity(query, embeddings).argsort(descending=True)[1 : k + 1]


@misconception(
    "nearest",
    what="Rows that point away from the query count as near.",
    why="The sign tells agreement from opposition; without it the most opposed row may come first.",
)
def sign_ignored(query, embeddings, k):
    return cosine_similarity(query, embeddings).abs().topk(k).indices


@misconception(
    "nearest",
    what="A row of zeros heads the list.",
    why="Its similarity came out as NaN, which sorts before every number; a vector without a direction is near to nothing.",
)
def zeros_first(query, embeddings, k):
    return ((embeddings @ query) / (embeddings.norm(dim=-1) * query.norm())).topk(k).indices


# analogy


@misconception(
    "analogy",
    what="The words of the question are allowed as answers.",
    why="The sum often lands nearest to one of the three, so that the answer only repeats the question.",
)
def question_as_answer(a, b, c, embeddings):
    return cosine_similarity(embeddings[b] - embeddings[a] + embeddings[c], embeddings).argmax()


@misconception(
    "analogy",
    what="Only c is excluded.",
    why="The sum may land nearest to b or a as well; all three words of the question are known not to be the answer.",
)
def only_c_excluded(a, b, c, embeddings):
    similarity = cosine_similarity(embeddings[b] - embeddings[a] + embeddings[c], embeddings)
    similarity[c] = -2
    return similarity.argmax()


@misconception(
    "analogy",
    what="b and c are excluded, but a is not.",
    why="Where a lies between b and c the sum lands on a, which is known not to be the answer.",
)
def a_not_excluded(a, b, c, embeddings):
    similarity = cosine_similarity(embeddings[b] - embeddings[a] + embeddings[c], embeddings)
    similarity[[b, c]] = -2
    return similarity.argmax()


@misconception(
    "analogy",
    what="The index counts the rows that were left after three had been taken out.",
    why="With rows removed all later ones move up, so that the number points to another row of the table that the caller has.",
)
def index_in_a_shorter_table(a, b, c, embeddings):
    others = [row for row in range(len(embeddings)) if row not in (a, b, c)]
    return cosine_similarity(embeddings[b] - embeddings[a] + embeddings[c], embeddings[others]).argmax()


@misconception(
    "analogy",
    what="The step goes from b to a, not from a to b.",
    why="Direction matters: taken backward, it leads away from the answer.",
)
def backward(a, b, c, embeddings):
    similarity = cosine_similarity(embeddings[a] - embeddings[b] + embeddings[c], embeddings)
    similarity[[a, b, c]] = -2
    return similarity.argmax()


@misconception(
    "analogy",
    what="The answer is the row nearest to b and c together; a plays no part.",
    why="What b is to a lies in the difference of the two, and a difference needs both.",
)
def without_a(a, b, c, embeddings):
    similarity = cosine_similarity(embeddings[b] + embeddings[c], embeddings)
    similarity[[a, b, c]] = -2
    return similarity.argmax()


@misconception(
    "analogy",
    what="The rows are compared by the dot product.",
    why="A long row then wins although another points more nearly at the sum.",
)
def analogy_by_dot(a, b, c, embeddings):
    similarity = embeddings @ (embeddings[b] - embeddings[a] + embeddings[c])
    similarity[[a, b, c]] = -math.inf
    return similarity.argmax()


@misconception(
    "analogy",
    what="The answer is the row at the smallest distance from the sum.",
    why="A row that points exactly that way, but is longer or shorter, loses; asked for is the same direction.",
)
def analogy_by_distance(a, b, c, embeddings):
    distance = (embeddings - (embeddings[b] - embeddings[a] + embeddings[c])).norm(dim=-1)
    distance[[a, b, c]] = math.inf
    return distance.argmin()


@misconception(
    "analogy",
    what="The vectors are scaled to length 1 before they are added.",
    why="Some programs do so, but it is another sum: lengths decide how much each of the three words contributes.",
)
def scaled_first(a, b, c, embeddings):
    rows = F.normalize(embeddings, dim=-1)
    similarity = cosine_similarity(rows[b] - rows[a] + rows[c], rows)
    similarity[[a, b, c]] = -2
    return similarity.argmax()
