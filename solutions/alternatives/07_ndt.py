"""Other right implementations of lesson 07, which must get full points."""

import numpy as np
import torch.nn.functional as F

# --- bin_spikes ---


@alternative("bin_spikes")
def by_comparing(times, edges):
    table = torch.zeros(len(edges) - 1, len(times))
    for n, spikes in enumerate(times):
        for t in range(len(edges) - 1):
            table[t, n] = ((spikes >= edges[t]) & (spikes < edges[t + 1])).sum()
    return table


@alternative("bin_spikes")
def sorted_and_searched(times, edges):
    columns = [torch.searchsorted(spikes.sort().values, edges).diff() for spikes in times]
    return torch.stack(columns).T.float()


@alternative("bin_spikes")
def with_histograms(times, edges):
    edges = edges.numpy()
    inside = [spikes.numpy()[spikes.numpy() < edges[-1]] for spikes in times]
    return torch.from_numpy(np.stack([np.histogram(spikes, edges)[0] for spikes in inside], axis=-1).astype(np.float32))


@alternative("bin_spikes")
def all_at_once(times, edges):
    which = torch.cat([torch.full((len(spikes),), n) for n, spikes in enumerate(times)])
    place = torch.searchsorted(edges.contiguous(), torch.cat(list(times)), side="right") - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    table = torch.zeros(len(edges) - 1, len(times), dtype=edges.dtype)
    return table.index_put_((place[inside], which[inside]), torch.ones(int(inside.sum()), dtype=edges.dtype), accumulate=True)


# --- smooth_spikes ---


@alternative("smooth_spikes")
def with_a_convolution(spikes, sd):
    """A long kernel over zeros, divided by what it makes of ones."""
    B, T, N = spikes.shape
    distance = torch.arange(1 - T, T, device=spikes.device).to(spikes)
    kernel = torch.exp(-(distance**2) / (2 * sd**2)).view(1, 1, -1)
    rows = spikes.transpose(1, 2).reshape(B * N, 1, T)
    smoothed = F.conv1d(rows, kernel, padding=T - 1) / F.conv1d(torch.ones_like(rows), kernel, padding=T - 1)
    return smoothed.view(B, N, T).transpose(1, 2)


@alternative("smooth_spikes")
def with_einsum(spikes, sd):
    t = torch.arange(spikes.size(1), device=spikes.device)
    weights = torch.softmax(-((t[:, None] - t[None, :]) ** 2).to(spikes) / (2 * sd * sd), dim=-1)
    return torch.einsum("ts,bsn->btn", weights, spikes)


@alternative("smooth_spikes")
def bin_by_bin(spikes, sd):
    result = torch.zeros_like(spikes)
    for t in range(spikes.shape[1]):
        weights = torch.tensor([math.exp(-((t - s) ** 2) / (2 * sd**2)) for s in range(spikes.shape[1])]).to(spikes)
        result[:, t] = (spikes * weights[None, :, None]).sum(dim=1) / weights.sum()
    return result


# --- mask_spikes ---


@alternative("mask_spikes")
def with_bernoulli(spikes, ratio, seed):
    if ratio < 0 or ratio >= 1:
        raise ValueError("ratio must be in [0, 1)")
    torch.manual_seed(seed)
    mask = torch.bernoulli(torch.full_like(spikes, ratio)).bool()
    return spikes * ~mask * (1 / (1 - ratio)), mask


@alternative("mask_spikes")
def with_numpy(spikes, ratio, seed):
    if not (0 <= ratio < 1):
        raise ValueError(f"{ratio} is no share")
    mask = torch.from_numpy(np.random.default_rng(seed).random(tuple(spikes.shape)) < ratio)
    return torch.where(mask, torch.zeros_like(spikes), spikes / (1 - ratio)), mask


@alternative("mask_spikes")
def with_dropout(spikes, ratio, seed):
    """Dropout, asked what it did to ones."""
    if not 0 <= ratio < 1:
        raise ValueError("choose a ratio from 0 up to, but not including, 1")
    torch.manual_seed(seed)
    kept = F.dropout(torch.ones_like(spikes), ratio, training=True)
    return spikes * kept, kept == 0


@alternative("mask_spikes")
def in_a_copy(spikes, ratio, seed):
    if ratio >= 1.0 or ratio < 0.0:
        raise ValueError(ratio)
    g = torch.Generator()
    g.manual_seed(seed)
    masked, keep = spikes.clone(), torch.rand(*spikes.shape, generator=g) >= ratio
    masked[~keep] = 0
    masked /= 1 - ratio
    return masked, ~keep


# --- masked_poisson_nll ---


@alternative("masked_poisson_nll")
def with_pytorch(log_rates, spikes, mask):
    if not mask.any():
        return torch.zeros(())
    return F.poisson_nll_loss(log_rates[mask], spikes[mask], log_input=True, full=False)


@alternative("masked_poisson_nll")
def filled_before(log_rates, spikes, mask):
    """Harmless numbers put in before anything is computed."""
    log_rates, spikes = log_rates.masked_fill(~mask, 0.0), spikes.masked_fill(~mask, 0.0)
    losses = (torch.exp(log_rates) - spikes * log_rates) * mask
    return losses.sum() / mask.sum().clamp(min=1)


@alternative("masked_poisson_nll")
def with_the_module(log_rates, spikes, mask):
    chosen = torch.masked_select(log_rates, mask)
    total = nn.PoissonNLLLoss(log_input=True, reduction="sum")(chosen, torch.masked_select(spikes, mask))
    return total / max(chosen.numel(), 1)


# --- bits_per_spike ---


@alternative("bits_per_spike")
def neuron_by_neuron(log_rates, spikes):
    total = float(spikes.sum())
    if not total:
        raise ValueError("no spikes")
    gain = 0.0
    for n in range(spikes.shape[-1]):
        s, r = spikes[..., n].double(), log_rates[..., n].double()
        gain -= float((r.exp() - s * r).sum())
        if s.any():
            gain += float((s.mean() - s * s.mean().log()).sum())
    return gain / total / math.log(2)


@alternative("bits_per_spike")
def with_poisson_nll_loss(log_rates, spikes):
    """PyTorch's loss for both models, the null's means clamped."""
    if spikes.sum() <= 0:
        raise ValueError("there is no spike")
    null = spikes.mean(dim=[0, 1], keepdim=True).clamp(min=1e-9).log().expand_as(spikes)
    losses = [F.poisson_nll_loss(x, spikes, log_input=True, reduction="sum") for x in (null, log_rates)]
    return float((losses[0] - losses[1]) / spikes.sum() / np.log(2))


@alternative("bits_per_spike")
def with_numpy_arrays(log_rates, spikes):
    """As the benchmark's own code does it: rates, the full likelihood, and 1e-9 for a rate of zero."""
    log_rates, spikes = log_rates.double().numpy(), spikes.double().numpy()
    if spikes.sum() == 0:
        raise ValueError("bits per spike of no spike")

    def nll(rates):
        rates = np.where(rates == 0, 1e-9, rates)
        return np.sum(rates - spikes * np.log(rates))

    null = np.tile(spikes.mean(axis=(0, 1), keepdims=True), (*spikes.shape[:2], 1))
    return float((nll(null) - nll(np.exp(log_rates))) / spikes.sum() / np.log(2))


@alternative("bits_per_spike")
def with_logarithms_of_two(log_rates, spikes):
    n = spikes.sum().item()
    if n == 0:
        raise ValueError("zero spikes")
    rates, means = log_rates.exp(), spikes.mean((0, 1)).expand(spikes.shape)
    surprise = torch.where(spikes > 0, spikes * (torch.log2(rates) - torch.log2(means)), 0.0).sum()
    return (surprise - (rates - means).sum() / math.log(2)).item() / n


# --- NeuralDataTransformer ---


@alternative("NeuralDataTransformer")
class TwoDropouts(nn.Module):
    """A dropout for each place, settings by name, the encoder's parts made first."""

    def __init__(self, num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p):
        super().__init__()
        pattern = nn.TransformerEncoderLayer(
            d_model=d_model,
            nhead=num_heads,
            dim_feedforward=d_model * 2,
            dropout=dropout_p,
            activation=F.gelu,
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(pattern, num_layers=num_layers, norm=nn.LayerNorm((d_model,)))
        self.positions = nn.Parameter(torch.empty(trial_length, d_model))
        self.read_in, self.read_out = nn.Linear(num_in, d_model), nn.Linear(d_model, num_out)
        self.dropout, self.last_dropout = nn.Dropout(dropout_p), nn.Dropout(dropout_p)
        for values in (self.positions, self.read_out.weight):
            nn.init.normal_(values, mean=0.0, std=0.02)

    def forward(self, spikes):
        B, T, _ = spikes.shape
        if self.positions.shape[0] != T:
            raise ValueError(f"expected {self.positions.shape[0]} bins, got {T}")
        x = self.read_in(spikes)
        x = x + self.positions.unsqueeze(0).expand(B, -1, -1)
        return self.read_out(self.last_dropout(self.encoder(self.dropout(x))))

    def start_at_mean(self, counts):
        mean = counts.reshape(-1, counts.shape[-1]).mean(dim=0)
        self.read_out.bias.data = torch.log(torch.clamp(mean, min=1e-4))
        return self.read_out.bias


@alternative("NeuralDataTransformer")
class LayerByLayer(NeuralDataTransformer):
    """A loop over the encoder's layers, positions by index, a new parameter for the bias."""

    def forward(self, spikes):
        if spikes.size(1) != self.positions.size(0):
            raise ValueError(f"T={spikes.size(1)} but trial_length={self.positions.size(0)}")
        x = F.dropout(self.read_in(spikes) + self.positions[torch.arange(spikes.size(1))], self.dropout.p, self.training)
        x = self.encoder(x)
        return F.linear(self.dropout(x), self.read_out.weight, self.read_out.bias)

    def start_at_mean(self, counts):
        smallest = torch.full((counts.shape[-1],), 1e-4).to(counts)
        self.read_out.bias = nn.Parameter(torch.maximum(counts.mean(0).mean(0), smallest).log())
        return self.read_out.bias


@alternative("NeuralDataTransformer")
class WithSequence(NeuralDataTransformer):
    """The parts after the positions as one sequence."""

    def __init__(self, num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p):
        super().__init__(num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p)
        self.trial_length = trial_length
        self.positions = nn.Parameter(torch.normal(0.0, 0.02, (trial_length, d_model)))

    def forward(self, spikes):
        if spikes.shape[-2] != self.trial_length:
            raise ValueError(f"trials must have {self.trial_length} bins, not {spikes.shape[-2]}")
        x = torch.add(self.positions, self.read_in(spikes))
        for part in (self.dropout, self.encoder, self.dropout, self.read_out):
            x = part(x)
        return x


# --- train_step ---


@alternative("train_step")
def cleared_first(model, batch, optimizer):
    optimizer.zero_grad(set_to_none=False)
    model.train(True)
    loss = masked_poisson_nll(model(batch[0]), batch[1], batch[2])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=5)
    optimizer.step()
    return float(loss)


@alternative("train_step")
def clipped_by_hand(model, batch, optimizer):
    model.train()
    model.zero_grad()
    inputs, counts, scored = batch
    loss = masked_poisson_nll(log_rates=model(inputs), spikes=counts, mask=scored)
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
    if norm > 5:
        for g in gradients:
            g.mul_(5 / norm)
    optimizer.step()
    return loss.detach().cpu().item()


@alternative("train_step")
def with_autograd(model, batch, optimizer):
    """The loss written out, gradients asked for by name."""
    model.train()
    inputs, counts, scored = batch
    log_rates = model(inputs)[scored]
    loss = (log_rates.exp() - counts[scored] * log_rates).mean()
    parameters = list(model.parameters())
    for p, g in zip(parameters, torch.autograd.grad(loss, parameters)):
        p.grad = g
    nn.utils.clip_grad_norm_(parameters, 5.0)
    optimizer.step()
    return loss.item()


# --- fit_decoder ---


@alternative("fit_decoder")
def with_loops(rates, velocity, lag, alphas):
    """Folds as lists of trials, rows by concatenation."""
    B, T, _ = rates.shape
    x = [rates[b, : T - lag] for b in range(B)]
    y = [velocity[b, lag:] for b in range(B)]
    best, smallest = None, math.inf
    for alpha in alphas:
        error = 0.0
        for f in range(5):
            learn = [b for b in range(B) if b % 5 != f]
            weights, offset = ridge(torch.cat([x[b] for b in learn]), torch.cat([y[b] for b in learn]), alpha)
            error += sum(((x[b] @ weights + offset - y[b]) ** 2).sum().item() for b in range(f, B, 5))
        if error < smallest:
            best, smallest = alpha, error
    weights, offset = ridge(torch.cat(x), torch.cat(y), best)
    return weights, offset, float(best)


@alternative("fit_decoder")
def with_scikit_learn(rates, velocity, lag, alphas):
    """Somebody else's ridge regression and folds."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold

    T = rates.shape[1]
    x, y = (part.flatten(0, 1).double().numpy() for part in (rates[:, : T - lag], velocity[:, lag:]))
    fold = np.repeat(np.arange(len(rates)) % 5, T - lag)

    def error(alpha):
        folds = GroupKFold(5).split(x, y, fold)
        return sum(((Ridge(alpha).fit(x[learn], y[learn]).predict(x[test]) - y[test]) ** 2).sum() for learn, test in folds)

    best = min(alphas, key=error)
    found = Ridge(best).fit(x, y)
    return torch.from_numpy(found.coef_.T.copy()), torch.from_numpy(found.intercept_), float(best)


@alternative("fit_decoder")
def with_a_column_of_ones(rates, velocity, lag, alphas):
    """Normal equations with a column of ones whose weight costs nothing."""
    T, N = rates.shape[1:]
    ones = torch.ones(*rates.shape[:2], 1).to(rates)
    x, y = torch.cat([rates, ones], dim=-1)[:, : T - lag].double(), velocity[:, lag:].double()
    free = torch.diag(torch.tensor([1.0] * N + [0.0])).double()
    fold = torch.arange(len(x)) % 5

    def solve(a, b, alpha):
        a, b = a.flatten(0, 1), b.flatten(0, 1)
        return torch.linalg.lstsq(a.T @ a + alpha * free, a.T @ b).solution

    errors = torch.tensor(
        [sum(((x[fold == f] @ solve(x[fold != f], y[fold != f], alpha) - y[fold == f]) ** 2).sum() for f in range(5)) for alpha in alphas]
    )
    alpha = float(alphas[int(errors.argmin())])
    solution = solve(x, y, alpha)
    return solution[:N].to(rates), solution[N].to(rates), alpha
