"""What students get wrong in lesson 07, each with what is wrong and why it matters."""

import numpy as np
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter1d

# --- bin_spikes ---

right_bins = bin_spikes  # the variant takes its place under its own name


def counted(times, edges, place):
    """As the reference, with `place` telling which bin a neuron's spikes are in; -1 and T are outside."""
    table = torch.zeros(len(edges) - 1, len(times), dtype=edges.dtype)
    for n, spikes in enumerate(times):
        for t in place(spikes, edges).tolist():
            if 0 <= t < len(table):
                table[int(t), n] += 1
    return table


@misconception(
    "bin_spikes",
    what="A spike on an edge is counted in the bin that ends there.",
    why="Bins have to share their edges by one rule; with the other one a spike at the very moment of alignment counts as before it.",
)
def closed_on_the_right(times, edges):
    return counted(times, edges, lambda spikes, edges: torch.bucketize(spikes, edges) - 1)


@misconception(
    "bin_spikes",
    what="The last bin takes spikes on its upper edge, too.",
    why="That is a habit of NumPy's histogram. Cut a recording into pieces, and a spike on the cut would be counted twice.",
)
def last_bin_closed(times, edges):
    return torch.stack([torch.tensor(np.histogram(spikes, edges)[0]) for spikes in times], dim=1).to(edges.dtype)


@misconception(
    "bin_spikes",
    what="Spikes outside are counted in the first or the last bin.",
    why="All that a neuron did before and after then piles up at the ends of the trial, as if it had fired wildly there.",
)
def ends_take_all(times, edges):
    last = len(edges) - 2
    return counted(times, edges, lambda spikes, edges: (torch.bucketize(spikes, edges, right=True) - 1).clamp(0, last))


@misconception(
    "bin_spikes",
    what="The bins are taken to be equally wide.",
    why="The edges say where a bin begins and ends. Only a rule for even bins may ignore all but two of them.",
)
def evenly_spaced(times, edges):
    width = (edges[-1] - edges[0]) / (len(edges) - 1)
    return counted(times, edges, lambda spikes, edges: torch.floor((spikes - edges[0]) / width))


@misconception(
    "bin_spikes",
    what="It counts whether a neuron fired in a bin, not how often.",
    why="Fast neurons fire several times in 20 ms; a table of zeros and ones cannot tell fast from very fast.",
)
def fired_or_not(times, edges):
    return right_bins(times, edges).clamp(max=1)


@misconception(
    "bin_spikes",
    what="The counts are divided by the widths of their bins.",
    why="That makes rates. The Poisson loss needs whole counts, of which it knows how they scatter.",
)
def rates_not_counts(times, edges):
    return right_bins(times, edges) / edges.diff()[:, None]


@misconception(
    "bin_spikes",
    what="Neurons and bins have changed places.",
    why="A token will be a time bin, so time comes before neurons in every table of this lesson.",
)
def neurons_first(times, edges):
    return right_bins(times, edges).T


@misconception(
    "bin_spikes",
    what="The table holds integers.",
    why="Linear layers multiply floating-point numbers; integers raise an error at the first one.",
)
def whole_numbers(times, edges):
    return right_bins(times, edges).long()


@misconception(
    "bin_spikes",
    what="Neurons without a spike are left out.",
    why="Columns then stand for other neurons from trial to trial, and nothing tells which.",
)
def only_active(times, edges):
    return right_bins([spikes for spikes in times if len(spikes)], edges)


@misconception(
    "bin_spikes",
    what="The spikes are taken to be sorted.",
    why="A search by halving finds something in an unsorted list as well, but not what it looks for, and says nothing.",
)
def by_searching_the_spikes(times, edges):
    return torch.stack([torch.searchsorted(spikes, edges).diff() for spikes in times], dim=1).to(edges.dtype)


@misconception(
    "bin_spikes",
    what="The counts go on adding up from bin to bin.",
    why="How many spikes there were so far is not how many there are now: at the end of a trial every neuron would look busy.",
)
def so_far(times, edges):
    return right_bins(times, edges).cumsum(dim=0)


# --- smooth_spikes ---


def gaussian(bins, sd, like, power=0.5):
    time = torch.arange(bins, device=like.device, dtype=like.dtype)
    return torch.exp(-power * ((time[:, None] - time) / sd) ** 2)


def shares(weights):
    return weights / weights.sum(dim=1, keepdim=True)


@misconception(
    "smooth_spikes",
    what="The weights are not made shares again where the Gaussian sticks out of the trial.",
    why="Every neuron then seems to fall silent at the beginning and at the end of every trial.",
)
def fading_edges(spikes, sd):
    weights = gaussian(spikes.shape[1], sd, spikes)
    return weights / (sd * math.sqrt(2 * math.pi)) @ spikes


@misconception(
    "smooth_spikes",
    what="The weights are not divided by their sum.",
    why="An average of ones has to be one. Without that, wider smoothing makes every neuron look faster.",
)
def not_an_average(spikes, sd):
    return gaussian(spikes.shape[1], sd, spikes) @ spikes


@misconception(
    "smooth_spikes",
    what="Beyond the edges the trial is continued by its mirror image.",
    why="That is SciPy's habit. Counts near an edge are then counted twice, as if more had been recorded than was.",
)
def mirrored_edges(spikes, sd):
    return torch.tensor(gaussian_filter1d(spikes.numpy(), sd, axis=1))


@misconception(
    "smooth_spikes",
    what="All weights are divided by the sum that they have in the middle of the trial.",
    why="At the edges some of them are missing, so that what is left sums to less than one.",
)
def middle_decides(spikes, sd):
    weights = gaussian(spikes.shape[1], sd, spikes)
    return weights / weights.sum(dim=1).max() @ spikes


@misconception(
    "smooth_spikes",
    what="The weights are divided by the wrong sum: what a bin gives away, not what an average takes in.",
    why="Each row of an average has to sum to one. Sums over the other axis look the same in the middle, and differ at the edges.",
)
def columns_sum_to_one(spikes, sd):
    weights = gaussian(spikes.shape[1], sd, spikes)
    return weights / weights.sum(dim=0, keepdim=True) @ spikes


@misconception(
    "smooth_spikes",
    what="The trials are smoothed as one long recording.",
    why="What lies side by side in the table lay seconds apart in the experiment: the end of one reach leaks into the next one's start.",
)
def across_trials(spikes, sd):
    B, T, N = spikes.shape
    long = spikes.reshape(1, B * T, N)
    return (shares(gaussian(B * T, sd, spikes)) @ long).reshape(B, T, N)


@misconception(
    "smooth_spikes",
    what="It smooths over neurons instead of time.",
    why="That two neurons are neighbors in the table says nothing about what they have in common.",
)
def along_neurons(spikes, sd):
    return spikes @ shares(gaussian(spikes.shape[2], sd, spikes)).T


@misconception(
    "smooth_spikes",
    what="It smooths over trials instead of time.",
    why="Trials in a row belong to different reaches, and a trial's rates should not know of the next one.",
)
def along_trials(spikes, sd):
    return torch.einsum("bc,ctn->btn", shares(gaussian(spikes.shape[0], sd, spikes)), spikes)


@misconception(
    "smooth_spikes",
    what="The exponent lacks its factor of one half, so the Gaussian is narrower than asked for.",
    why="Then sd is not its standard deviation, and the widths of the literature mean something else here.",
)
def too_narrow(spikes, sd):
    return shares(gaussian(spikes.shape[1], sd, spikes, power=1.0)) @ spikes


@misconception(
    "smooth_spikes",
    what="sd is taken for the variance.",
    why="A width is in bins, a variance in bins squared; at a width of one they agree, which hides it.",
)
def variance_given(spikes, sd):
    return shares(gaussian(spikes.shape[1], math.sqrt(sd), spikes)) @ spikes


@misconception(
    "smooth_spikes",
    what="Only earlier bins take part.",
    why="That is the right thing for a brain-machine interface, which cannot see ahead; here all bins were asked for, and it delays every rate.",
)
def past_only(spikes, sd):
    return shares(gaussian(spikes.shape[1], sd, spikes).tril()) @ spikes


@misconception(
    "smooth_spikes",
    what="The bin itself is left out of its average.",
    why="The spike that is nearest in time says the most about the rate.",
)
def without_itself(spikes, sd):
    weights = gaussian(spikes.shape[1], sd, spikes)
    return shares(weights - torch.diag(weights.diagonal()) + 1e-12) @ spikes


@misconception(
    "smooth_spikes",
    what="The first and the last bin are repeated beyond the edges.",
    why="A single spike in the first bin then counts many times, as if the neuron had been firing long before.",
)
def repeated_edges(spikes, sd):
    B, T, N = spikes.shape
    reach = 4 * T
    long = torch.cat([spikes[:, :1].expand(B, reach, N), spikes, spikes[:, -1:].expand(B, reach, N)], dim=1)
    return (shares(gaussian(T + 2 * reach, sd, spikes)) @ long)[:, reach : reach + T]


@misconception(
    "smooth_spikes",
    what="Near an edge the kernel wraps around to the other end of the trial.",
    why="Fourier transforms take time for a circle. The end of a reach has nothing to say about its beginning.",
)
def around_the_circle(spikes, sd):
    T = spikes.shape[1]
    time = torch.arange(T, device=spikes.device, dtype=spikes.dtype)
    away = (time[:, None] - time).abs()
    return shares(torch.exp(-0.5 * (torch.minimum(away, T - away) / sd) ** 2)) @ spikes


# --- mask_spikes ---

right_mask = mask_spikes  # the variant takes its place under its own name


def drawn(shape, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def checked(ratio):
    if not 0 <= ratio < 1:
        raise ValueError("ratio")


@misconception(
    "mask_spikes",
    what="The counts that stay are not scaled up.",
    why="The model then hears fewer spikes in training than in use, and every rate that it has learned is off.",
)
def not_scaled(spikes, ratio, seed):
    checked(ratio)
    mask = drawn(spikes.shape, seed) < ratio
    return spikes.masked_fill(mask, 0.0), mask


@misconception(
    "mask_spikes",
    what="The counts that stay are divided by the share that is hidden, not by the share that stays.",
    why="Scaling has to make up for what is missing: the fewer entries stay, the more each of them counts.",
)
def scaled_by_the_hidden(spikes, ratio, seed):
    checked(ratio)
    mask = drawn(spikes.shape, seed) < ratio
    return spikes.masked_fill(mask, 0.0) / (ratio or 1.0), mask


@misconception(
    "mask_spikes",
    what="The counts that stay are scaled down instead of up.",
    why="Some counts are missing already. The expected input should stay as it was, so the others have to make up for it.",
)
def scaled_down(spikes, ratio, seed):
    checked(ratio)
    mask = drawn(spikes.shape, seed) < ratio
    return spikes.masked_fill(mask, 0.0) * (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="The mask says which entries stay, not which are hidden.",
    why="The loss will be taken where the mask is True. Turned around, the model is paid for copying what it was shown.",
)
def true_is_kept(spikes, ratio, seed):
    checked(ratio)
    mask = drawn(spikes.shape, seed) < ratio
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), ~mask


@misconception(
    "mask_spikes",
    what="ratio is taken for the share that stays.",
    why="A quarter hidden is an exercise; three quarters hidden is a guessing game.",
)
def ratio_is_kept(spikes, ratio, seed):
    checked(ratio)
    mask = drawn(spikes.shape, seed) >= ratio if ratio else torch.zeros(spikes.shape, dtype=torch.bool)
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="A mask is drawn, but the counts go to the model as they are.",
    why="What is to be predicted stands in the input. Copying it is all that the model will learn.",
)
def nothing_hidden(spikes, ratio, seed):
    checked(ratio)
    return spikes / (1 - ratio), drawn(spikes.shape, seed) < ratio


@misconception(
    "mask_spikes",
    what="Hidden entries become -100.",
    why="That number is a mark for targets that should not count, in the losses of language models. As an input it shouts louder than any neuron.",
)
def minus_hundred(spikes, ratio, seed):
    masked, mask = right_mask(spikes, ratio, seed)
    return masked.masked_fill(mask, -100.0), mask


@misconception(
    "mask_spikes",
    what="Hidden entries become NaN.",
    why="One value that is not a number makes every output of its trial one, the loss, and after one step all weights.",
)
def not_a_number(spikes, ratio, seed):
    masked, mask = right_mask(spikes, ratio, seed)
    return masked.masked_fill(mask, math.nan), mask


@misconception(
    "mask_spikes",
    what="Hidden entries become the mean count.",
    why="The mean is made of the hidden counts as well, so a little of them leaks into the input; and what was asked for is 0.",
)
def mean_instead(spikes, ratio, seed):
    masked, mask = right_mask(spikes, ratio, seed)
    return torch.where(mask, spikes.mean(), masked), mask


@misconception(
    "mask_spikes",
    what="Whole time bins are hidden.",
    why="That is another kind of masking, and a harder question: here other neurons of the same bin may help.",
)
def whole_bins(spikes, ratio, seed):
    checked(ratio)
    mask = (drawn((*spikes.shape[:2], 1), seed) < ratio).expand(spikes.shape).clone()
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="Whole neurons are hidden.",
    why="That is another kind of masking: here a neuron's own past and future may help.",
)
def whole_neurons(spikes, ratio, seed):
    checked(ratio)
    B, T, N = spikes.shape
    mask = (drawn((B, 1, N), seed) < ratio).expand(B, T, N).clone()
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="One mask serves all trials.",
    why="Then in each batch the same places are asked for everywhere, and fewer different questions are learned from.",
)
def same_in_every_trial(spikes, ratio, seed):
    checked(ratio)
    mask = (drawn(spikes.shape[1:], seed) < ratio).expand(spikes.shape).clone()
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="The seed is not used.",
    why="A result that cannot be made again cannot be checked, and comparing two models needs the same questions for both.",
)
def unseeded(spikes, ratio, seed):
    checked(ratio)
    mask = torch.rand(spikes.shape) < ratio
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="The mask is read off from where the result is zero.",
    why="Most counts are zero without being hidden; the model would be asked for what it was shown.",
)
def wherever_zero(spikes, ratio, seed):
    masked, _ = right_mask(spikes, ratio, seed)
    return masked, masked == 0


@misconception(
    "mask_spikes",
    what="Only spikes are hidden, never zeros.",
    why="What is hidden then tells what it was: the model learns that a question is always about a spike.",
)
def only_spikes(spikes, ratio, seed):
    checked(ratio)
    mask = (drawn(spikes.shape, seed) < ratio) & (spikes > 0)
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="The argument itself is written into.",
    why="The true counts are the targets. Written over, what is hidden is gone for the loss as well, and each epoch hides more.",
)
def written_over(spikes, ratio, seed):
    checked(ratio)
    mask = drawn(spikes.shape, seed) < ratio
    spikes[mask] = 0.0
    return spikes / (1 - ratio), mask


@misconception(
    "mask_spikes",
    what="The mask holds numbers, not True and False.",
    why="Indexed with zeros and ones, a tensor gives its first two rows again and again, without any error.",
)
def mask_of_numbers(spikes, ratio, seed):
    masked, mask = right_mask(spikes, ratio, seed)
    return masked, mask.to(spikes.dtype)


@misconception(
    "mask_spikes",
    what="The two results have changed places.",
    why="Python hands them over by order, not by name: the model would be shown the mask, and the loss would be told to use counts as one.",
)
def mask_first(spikes, ratio, seed):
    masked, mask = right_mask(spikes, ratio, seed)
    return mask, masked


@misconception(
    "mask_spikes",
    what="Any ratio is taken.",
    why="Where all is hidden, what stays would be scaled by one over zero; an error at once says which number to change.",
)
def any_ratio(spikes, ratio, seed):
    mask = drawn(spikes.shape, seed) < ratio
    return spikes.masked_fill(mask, 0.0) / (1 - ratio), mask


# --- masked_poisson_nll ---

right_loss = masked_poisson_nll  # the variant takes its place under its own name


@misconception(
    "masked_poisson_nll",
    what="The log-rates are taken for rates.",
    why="The model's output may be negative, a rate may not: it first has to be exponentiated.",
)
def rates_expected(log_rates, spikes, mask):
    rates, counts = log_rates[mask], spikes[mask]
    return (rates - counts * rates.clamp(min=1e-8).log()).sum() / max(1, len(rates))


@misconception(
    "masked_poisson_nll",
    what="The log-rate is exponentiated twice.",
    why="PyTorch's Poisson loss takes logarithms unless told otherwise; given rates, it exponentiates them once more.",
)
def exponentiated_twice(log_rates, spikes, mask):
    rates = log_rates[mask].exp()
    return (rates.exp() - spikes[mask] * rates).sum() / max(1, len(rates))


@misconception(
    "masked_poisson_nll",
    what="What was hidden is left out, and what was shown is scored.",
    why="For a count that stands in the input the best model is a copy, and a copy knows nothing about the population.",
)
def scores_the_shown(log_rates, spikes, mask):
    return right_loss(log_rates, spikes, ~mask)


@misconception(
    "masked_poisson_nll",
    what="All entries are scored, whatever the mask says.",
    why="Most of the loss then comes from entries that the model was shown, and it is paid for copying.",
)
def scores_everything(log_rates, spikes, mask):
    return right_loss(log_rates, spikes, torch.ones_like(mask))


@misconception(
    "masked_poisson_nll",
    what="The sum is divided by the number of all entries, not of those that are scored.",
    why="The loss then shrinks with the ratio of masking, and so do the gradients: losses of different ratios cannot be compared.",
)
def divided_by_all(log_rates, spikes, mask):
    chosen = log_rates[mask]
    return (chosen.exp() - spikes[mask] * chosen).sum() / mask.numel()


@misconception(
    "masked_poisson_nll",
    what="It is a sum, not a mean.",
    why="It grows with the batch and the number of neurons, and the learning rate would have to follow.",
)
def a_sum(log_rates, spikes, mask):
    chosen = log_rates[mask]
    return (chosen.exp() - spikes[mask] * chosen).sum()


@misconception(
    "masked_poisson_nll",
    what="Each trial's mean is taken first, and then the mean of these.",
    why="A trial with few scored entries then counts as much as one with many.",
)
def mean_of_means(log_rates, spikes, mask):
    losses = torch.where(mask, log_rates.exp() - spikes * log_rates, 0.0)
    return (losses.sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1)).mean()


@misconception(
    "masked_poisson_nll",
    what="A constant term of the likelihood is added.",
    why="It depends on the counts alone, so it moves no weight; but losses with and without it cannot be compared.",
)
def with_the_constant(log_rates, spikes, mask):
    return F.poisson_nll_loss(log_rates[mask], spikes[mask], full=True) if mask.any() else right_loss(log_rates, spikes, mask)


@misconception(
    "masked_poisson_nll",
    what="The sign is turned around: this is the likelihood, not its negative.",
    why="An optimizer goes downhill. Turned around, it makes the counts as unlikely as it can.",
)
def likelihood_itself(log_rates, spikes, mask):
    return -right_loss(log_rates, spikes, mask)


@misconception(
    "masked_poisson_nll",
    what="The squared distance between rates and counts is taken.",
    why="A miss by one is a small surprise where ten spikes were expected and a large one where none was; the Poisson loss knows, this does not.",
)
def squared_error(log_rates, spikes, mask):
    return ((log_rates[mask].exp() - spikes[mask]) ** 2).sum() / max(1, int(mask.sum()))


@misconception(
    "masked_poisson_nll",
    what="What is not scored is multiplied by zero.",
    why="Zero times NaN, and zero times infinity, is NaN: a gap in one neuron's recording would ruin the loss of all.",
)
def times_the_mask(log_rates, spikes, mask):
    losses = log_rates.exp() - spikes * log_rates
    return (losses * mask).sum() / mask.sum().clamp(min=1)


@misconception(
    "masked_poisson_nll",
    what="The loss is right, but its gradient is NaN where a count that is not scored is NaN.",
    why="Going backward, zero still meets NaN in the branch that was not taken. Such entries must be gone before anything is computed.",
)
def gradient_of_both_branches(log_rates, spikes, mask):
    losses = torch.where(mask, log_rates.exp() - spikes * log_rates, 0.0)
    return losses.sum() / mask.sum().clamp(min=1)


@misconception(
    "masked_poisson_nll",
    what="The loss is a number without a past: no gradient leads back from it.",
    why="Whatever leaves the tensors, as a Python number or through NumPy, cuts the thread that learning goes back along.",
)
def without_gradient(log_rates, spikes, mask):
    return right_loss(log_rates.detach(), spikes, mask)


@misconception(
    "masked_poisson_nll",
    what="A mean over no entries is NaN.",
    why="A batch in which nothing was hidden would then end the training of all weights.",
)
def mean_of_nothing(log_rates, spikes, mask):
    chosen = log_rates[mask]
    return (chosen.exp() - spikes[mask] * chosen).mean()


@misconception(
    "masked_poisson_nll",
    what="The count is missing beside the log-rate.",
    why="Each spike is evidence for a higher rate, two are twice as much. Without the count, the loss never hears what happened.",
)
def count_forgotten(log_rates, spikes, mask):
    chosen = log_rates[mask]
    return (chosen.exp() - chosen).sum() / max(1, len(chosen))


# --- bits_per_spike ---

right_score = bits_per_spike  # the variant takes its place under its own name


def scored(log_rates, spikes, means, per=None):
    """Bits per spike against a null model of the given rates."""
    spikes_in_all = spikes.sum()
    if spikes_in_all == 0:
        raise ValueError("no spike")
    means = means.expand(spikes.shape)
    null = (means - torch.xlogy(spikes, means)).sum()
    loss = (log_rates.exp() - spikes * log_rates).sum()
    return ((null - loss) / (spikes_in_all if per is None else per) / math.log(2)).item()


def own_means(spikes):
    return spikes.mean(dim=(0, 1))


@misconception(
    "bits_per_spike",
    what="The log-rates are scored as if they were rates.",
    why="A log-rate of -2 means a rate of 0.14; taken for a rate it is impossible.",
)
def log_rates_as_rates(log_rates, spikes):
    return scored(log_rates.clamp(min=1e-9).log(), spikes, own_means(spikes))


@misconception(
    "bits_per_spike",
    what="The null model knows one mean for all neurons.",
    why="Knowing which neurons fire much is no achievement: it would earn most of such a score, without a word about time.",
)
def one_mean_for_all(log_rates, spikes):
    return scored(log_rates, spikes, spikes.mean())


@misconception(
    "bits_per_spike",
    what="The null model knows each neuron's mean in each time bin.",
    why="That is a strong model already, the average over trials; measured against it, hardly anything scores above zero.",
)
def mean_over_trials_only(log_rates, spikes):
    return scored(log_rates, spikes, spikes.mean(dim=0, keepdim=True))


@misconception(
    "bits_per_spike",
    what="The null model knows each neuron's mean in each trial.",
    why="It then knows how lively each trial was, which a model has to find out for itself.",
)
def mean_over_time_only(log_rates, spikes):
    return scored(log_rates, spikes, spikes.mean(dim=1, keepdim=True))


@misconception(
    "bits_per_spike",
    what="The null model's means are those of the predicted rates, not of the spikes.",
    why="A model that gets the means wrong would then be measured against its own mistake.",
)
def mean_of_the_rates(log_rates, spikes):
    return scored(log_rates, spikes, log_rates.exp().mean(dim=(0, 1)))


@misconception(
    "bits_per_spike",
    what="The score is in nats.",
    why="The natural logarithm counts in nats, of which one is about 1.44 bits; published scores are in bits.",
)
def in_nats(log_rates, spikes):
    return right_score(log_rates, spikes) * math.log(2)


@misconception(
    "bits_per_spike",
    what="It is divided by the number of entries, not of spikes.",
    why="Then the width of the bins decides: half as wide, twice as many, half the score.",
)
def per_entry(log_rates, spikes):
    return scored(log_rates, spikes, own_means(spikes), per=spikes.numel())


@misconception(
    "bits_per_spike",
    what="It is divided by the number of bins that hold a spike.",
    why="A bin with three spikes holds three, and each of them has to be explained.",
)
def per_busy_entry(log_rates, spikes):
    return scored(log_rates, spikes, own_means(spikes), per=max(1, int((spikes > 0).sum())))


@misconception(
    "bits_per_spike",
    what="The losses are means, and are divided by the number of spikes once more.",
    why="A score is what the spikes gain in all, shared among them; dividing twice makes it vanish with the size of the data.",
)
def mean_losses(log_rates, spikes):
    return scored(log_rates, spikes, own_means(spikes), per=spikes.numel() * float(spikes.sum()))


@misconception(
    "bits_per_spike",
    what="The sign is turned around: better predictions score lower.",
    why="Losses should be low, scores high. The null model's loss stands first, because it is the larger one.",
)
def turned_around(log_rates, spikes):
    return -right_score(log_rates, spikes)


@misconception(
    "bits_per_spike",
    what="Each neuron is scored on its own, and the scores are averaged.",
    why="A neuron with three spikes then counts as much as one with three hundred, and its luck decides the score.",
)
def averaged_over_neurons(log_rates, spikes):
    if spikes.sum() == 0:
        raise ValueError("no spike")
    active = [n for n in range(spikes.shape[-1]) if spikes[..., n].sum() > 0]
    return sum(scored(log_rates[..., [n]], spikes[..., [n]], own_means(spikes[..., [n]])) for n in active) / len(active)


@misconception(
    "bits_per_spike",
    what="A silent neuron makes the score NaN or infinite.",
    why="The logarithm of its mean is minus infinity, and zero times infinity is not a number; but no spike was there to be explained.",
)
def silence_is_infinite(log_rates, spikes):
    if spikes.sum() == 0:
        raise ValueError("no spike")
    means = own_means(spikes).expand(spikes.shape)
    null = (means - spikes * means.log()).sum()
    loss = (log_rates.exp() - spikes * log_rates).sum()
    return ((null - loss) / spikes.sum() / math.log(2)).item()


@misconception(
    "bits_per_spike",
    what="Silent neurons are left out of the score.",
    why="A model that predicts spikes where there are none is wrong, and should pay for it.",
)
def silent_left_out(log_rates, spikes):
    active = spikes.sum(dim=(0, 1)) > 0
    return right_score(log_rates[..., active], spikes[..., active])


@misconception(
    "bits_per_spike",
    what="A score below zero is made zero.",
    why="Below zero means: worse than a flat line. That is worth knowing, and it happens.",
)
def never_negative(log_rates, spikes):
    return max(0.0, right_score(log_rates, spikes))


@misconception(
    "bits_per_spike",
    what="A tensor comes back.",
    why="A score kept as a tensor may keep the whole computation in memory; a number that is to be printed and compared should be one.",
)
def still_a_tensor(log_rates, spikes):
    return torch.tensor(right_score(log_rates, spikes))


@misconception(
    "bits_per_spike",
    what="Without a spike no error is raised.",
    why="Zero over zero is not a number, and that would be found far from where it came from.",
)
def nothing_over_nothing(log_rates, spikes):
    return right_score(log_rates, spikes) if spikes.sum() > 0 else math.nan


# --- NeuralDataTransformer ---


def rebuilt(module, num_layers=None, final=True, **changes):
    """The module's encoder, made with other settings."""
    old = module.encoder.layers[0]
    d_model, heads, hidden, p = old.linear1.in_features, old.self_attn.num_heads, old.linear1.out_features, module.dropout.p
    settings = {"dim_feedforward": hidden, "dropout": p, "activation": "gelu", "batch_first": True, "norm_first": True} | changes
    layer = nn.TransformerEncoderLayer(d_model, heads, **settings)
    norm = nn.LayerNorm(d_model) if final else None
    return nn.TransformerEncoder(layer, num_layers or len(module.encoder.layers), norm, enable_nested_tensor=False)


@misconception(
    "NeuralDataTransformer",
    what="The layers bend with ReLU.",
    why="It is PyTorch's default, and not what was asked for; saved weights then mean something else.",
)
class WithRelu(NeuralDataTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoder = rebuilt(self, activation="relu")


@misconception(
    "NeuralDataTransformer",
    what="The layers normalize after each sum, not before each part.",
    why="It is PyTorch's default, the order of 2017: harder to train, and with no path that leads through untouched.",
)
class NormAfter(NeuralDataTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoder = rebuilt(self, norm_first=False)


@misconception(
    "NeuralDataTransformer",
    what="The first axis is taken for time: bins attend to the same bin of other trials.",
    why="It is PyTorch's default order. Nothing crashes, but a trial's rates depend on which trials share its batch.",
)
class TimeFirst(NeuralDataTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoder = rebuilt(self, batch_first=False)


@misconception(
    "NeuralDataTransformer",
    what="The encoder ends without a norm.",
    why="Pre-norm layers only ever add to the stream; without a last norm its size decides the rates.",
)
class WithoutLastNorm(NeuralDataTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoder = rebuilt(self, final=False)


@misconception(
    "NeuralDataTransformer",
    what="The feed-forward layers have PyTorch's default width.",
    why="Two thousand hidden units are made for sentences; with a few hundred trials they learn these by heart.",
)
class DefaultWidth(NeuralDataTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoder = rebuilt(self, dim_feedforward=2048)


@misconception(
    "NeuralDataTransformer",
    what="The layers drop with PyTorch's default probability, whatever dropout_p says.",
    why="Dropout is what keeps a model from learning few trials by heart; a setting that is not passed on cannot be tuned.",
)
class DefaultDropout(NeuralDataTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoder = rebuilt(self, dropout=0.1)


@misconception(
    "NeuralDataTransformer",
    what="Positions are never added.",
    why="Then the model cannot tell the time within the trial: shuffle the bins, and the rates are shuffled with them.",
)
class WithoutPositions(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        return self.read_out(self.dropout(self.encoder(self.dropout(self.read_in(spikes)))))


@misconception(
    "NeuralDataTransformer",
    what="What was read in is multiplied by the root of the width before positions are added.",
    why="That belongs to word embeddings of 2017. Counts have their own size, and learned positions take any size they need.",
)
class ScaledUp(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        tokens = self.read_in(spikes) * math.sqrt(self.positions.shape[1]) + self.positions
        return self.read_out(self.dropout(self.encoder(self.dropout(tokens))))


@misconception(
    "NeuralDataTransformer",
    what="Rates come out, not log-rates.",
    why="The loss exponentiates what it is given; rates would be exponentiated twice.",
)
class GivesRates(NeuralDataTransformer):
    def forward(self, spikes):
        return super().forward(spikes).exp()


@misconception(
    "NeuralDataTransformer",
    what="A softplus keeps the output positive.",
    why="A log-rate has to be free to go below zero: most neurons expect far less than one spike in a bin.",
)
class KeptPositive(NeuralDataTransformer):
    def forward(self, spikes):
        return F.softplus(super().forward(spikes))


@misconception(
    "NeuralDataTransformer",
    what="A causal mask hides later bins.",
    why="Nothing is predicted from the past alone here: hidden counts are inferred from both sides.",
)
class PastOnly(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        later = torch.ones(spikes.shape[1], spikes.shape[1], dtype=torch.bool, device=spikes.device).triu(1)
        return self.read_out(self.dropout(self.encoder(self.dropout(self.read_in(spikes) + self.positions), mask=later)))


@misconception(
    "NeuralDataTransformer",
    what="The tokens are read out as they were read in; the encoder is made but not used.",
    why="Without it every bin is on its own, and the model is a linear map.",
)
class SkipsTheEncoder(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        return self.read_out(self.dropout(self.read_in(spikes) + self.positions))


@misconception(
    "NeuralDataTransformer",
    what="The encoder's output is added to the tokens once more.",
    why="Inside its layers the stream is carried along already; with a second path around the last norm, the sizes are out of control.",
)
class AroundTheEncoder(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        tokens = self.dropout(self.read_in(spikes) + self.positions)
        return self.read_out(self.dropout(tokens + self.encoder(tokens)))


@misconception(
    "NeuralDataTransformer",
    what="Tokens are not dropped before the encoder.",
    why="In training each number of a token should sometimes be missing, so that no later part comes to rely on it alone.",
)
class NotDroppedBefore(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        return self.read_out(self.dropout(self.encoder(self.read_in(spikes) + self.positions)))


@misconception(
    "NeuralDataTransformer",
    what="Nothing is dropped between encoder and read-out.",
    why="The read-out of each neuron should not rely on a few numbers: there are few spikes to learn it from.",
)
class NotDroppedAfter(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        return self.read_out(self.encoder(self.dropout(self.read_in(spikes) + self.positions)))


@misconception(
    "NeuralDataTransformer",
    what="Dropout acts in evaluation as well.",
    why="The same trial then gets other rates each time, and every score is worse than the model is.",
)
class AlwaysDrops(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError(f"{spikes.shape[1]}, {len(self.positions)}")
        drop = lambda x: F.dropout(x, self.dropout.p)  # noqa: E731
        return self.read_out(drop(self.encoder(drop(self.read_in(spikes) + self.positions))))


@misconception(
    "NeuralDataTransformer",
    what="A shorter trial is taken without a word.",
    why="Its bins would be told positions that may not be theirs: whoever cuts off the start of a trial gets rates for another time.",
)
class TakesShorter(NeuralDataTransformer):
    def forward(self, spikes):
        T = spikes.shape[1]
        if len(self.positions) < T:
            raise ValueError(f"{T}, {len(self.positions)}")
        return self.read_out(self.dropout(self.encoder(self.dropout(self.read_in(spikes) + self.positions[:T]))))


@misconception(
    "NeuralDataTransformer",
    what="Trials of another length run into an error of the addition, or into none.",
    why="A single bin is stretched over the whole trial by broadcasting, without a word; other lengths fail with a message about shapes.",
)
class NoQuestionsAsked(NeuralDataTransformer):
    def forward(self, spikes):
        return self.read_out(self.dropout(self.encoder(self.dropout(self.read_in(spikes) + self.positions))))


@misconception(
    "NeuralDataTransformer",
    what="The error does not tell the two lengths.",
    why="Who reads it has to know what was given and what the model was made for, to see which one to change.",
)
class SilentError(NeuralDataTransformer):
    def forward(self, spikes):
        if spikes.shape[1] != len(self.positions):
            raise ValueError("the trial has the wrong length")
        return super().forward(spikes)


@misconception(
    "NeuralDataTransformer",
    what="Positions are a plain tensor, which nothing trains and nothing saves.",
    why="Only what is registered as a parameter is found by the optimizer, moves to the GPU, and is in a saved file.",
)
class PlainPositions(NeuralDataTransformer):
    def __init__(self, num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p):
        super().__init__(num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p)
        del self.positions
        self.positions = torch.randn(trial_length, d_model) * 0.02


@misconception(
    "NeuralDataTransformer",
    what="Positions start as large as the tokens, or larger.",
    why="At the start every bin would look mostly like its place in time and hardly like its spikes.",
)
class LoudPositions(NeuralDataTransformer):
    def __init__(self, num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p):
        super().__init__(num_in, num_out, d_model, num_heads, num_layers, trial_length, dropout_p)
        nn.init.normal_(self.positions)


@misconception(
    "NeuralDataTransformer",
    what="The read-out's weights start as PyTorch makes them.",
    why="With small weights the model starts at each neuron's mean rate; with larger ones it starts with wild rates and has to unlearn them.",
)
class DefaultReadOut(NeuralDataTransformer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.read_out.reset_parameters()


@misconception(
    "NeuralDataTransformer",
    what="The bias becomes the mean count itself, not its logarithm.",
    why="The read-out speaks in logarithms: a bias of 0.1 means an expected count of 1.1.",
)
class MeanWithoutLog(NeuralDataTransformer):
    def start_at_mean(self, counts):
        with torch.no_grad():
            self.read_out.bias.copy_(counts.mean(dim=(0, 1)).clamp(min=1e-4))
        return self.read_out.bias


@misconception(
    "NeuralDataTransformer",
    what="The bias becomes the mean of logarithms, not the logarithm of the mean.",
    why="Most counts are zero and have no logarithm; and a mean of logarithms lies far below the rate.",
)
class MeanOfLogs(NeuralDataTransformer):
    def start_at_mean(self, counts):
        with torch.no_grad():
            self.read_out.bias.copy_(counts.clamp(min=1e-4).log().mean(dim=(0, 1)))
        return self.read_out.bias


@misconception(
    "NeuralDataTransformer",
    what="A silent neuron's bias becomes minus infinity.",
    why="No gradient leads back from there: zero times infinity is NaN in the first loss that meets a spike.",
)
class SilentForever(NeuralDataTransformer):
    def start_at_mean(self, counts):
        with torch.no_grad():
            self.read_out.bias.copy_(counts.mean(dim=(0, 1)).log())
        return self.read_out.bias


@misconception(
    "NeuralDataTransformer",
    what="A small number is added to every mean.",
    why="A floor concerns silent neurons; added everywhere it moves all the others as well.",
)
class AddsTheFloor(NeuralDataTransformer):
    def start_at_mean(self, counts):
        with torch.no_grad():
            self.read_out.bias.copy_((counts.mean(dim=(0, 1)) + 0.01).log())
        return self.read_out.bias


@misconception(
    "NeuralDataTransformer",
    what="All neurons start at the mean of the whole population.",
    why="Rates differ a hundredfold from neuron to neuron, and the first hundred steps would be spent on finding that out.",
)
class OneMeanForAll(NeuralDataTransformer):
    def start_at_mean(self, counts):
        with torch.no_grad():
            self.read_out.bias.fill_(counts.mean().clamp(min=1e-4).log())
        return self.read_out.bias


@misconception(
    "NeuralDataTransformer",
    what="The logarithms are computed and given back, but the bias stays as it was.",
    why="Only what is written into the parameter changes what the model says.",
)
class NeverSet(NeuralDataTransformer):
    def start_at_mean(self, counts):
        return counts.mean(dim=(0, 1)).clamp(min=1e-4).log()


# --- train_step ---

right_step = train_step  # the variant takes its place under its own name


@misconception(
    "train_step",
    what="Gradients of earlier steps are never cleared.",
    why="PyTorch adds each gradient to what is there: the third step follows the sum of three.",
)
def never_cleared(model, batch, optimizer):
    inputs, counts, scored = batch
    model.train()
    loss = masked_poisson_nll(model(inputs), counts, scored)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    what="The weights never move: the gradient is cleared before it is used, or nobody is asked to use it.",
    why="The loss is right, and the same in every step. Computing a gradient changes nothing; following it does.",
)
def cleared_too_late(model, batch, optimizer):
    inputs, counts, scored = batch
    model.train()
    loss = masked_poisson_nll(model(inputs), counts, scored)
    loss.backward()
    optimizer.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()


def stepped(model, batch, optimizer, clip):
    inputs, counts, scored = batch
    model.train()
    loss = masked_poisson_nll(model(inputs), counts, scored)
    optimizer.zero_grad()
    loss.backward()
    clip(list(model.parameters()))
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    what="Long gradients are not scaled down, or only after the update.",
    why="One burst of spikes gives an exponential loss a gradient that throws the weights far away.",
)
def not_clipped(model, batch, optimizer):
    return stepped(model, batch, optimizer, lambda parameters: None)


@misconception(
    "train_step",
    what="Each entry of the gradient is cut on its own.",
    why="That changes where the gradient points; scaling all of it down keeps its direction.",
)
def clipped_by_entry(model, batch, optimizer):
    return stepped(model, batch, optimizer, lambda parameters: nn.utils.clip_grad_value_(parameters, 5.0))


@misconception(
    "train_step",
    what="Each parameter's gradient is scaled down on its own.",
    why="One gradient of all parameters together has a direction; scaled part by part it points elsewhere.",
)
def clipped_part_by_part(model, batch, optimizer):
    return stepped(model, batch, optimizer, lambda parameters: [nn.utils.clip_grad_norm_([p], 5.0) for p in parameters])


@misconception(
    "train_step",
    what="The gradient is scaled down to norm 1.",
    why="The limit is part of a recipe, tuned together with the learning rate.",
)
def clipped_to_one(model, batch, optimizer):
    return stepped(model, batch, optimizer, lambda parameters: nn.utils.clip_grad_norm_(parameters, 1.0))


@misconception(
    "train_step",
    what="Short gradients are scaled up as well.",
    why="Near the goal gradients become short, so that steps do; kept long, they overshoot for ever.",
)
def always_as_long(model, batch, optimizer):
    def scale(parameters):
        norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
        for p in parameters:
            p.grad *= 5.0 / norm

    return stepped(model, batch, optimizer, scale)


@misconception(
    "train_step",
    what="The model is in evaluation mode.",
    why="After a validation it stays so unless somebody says otherwise. Dropout then does nothing, and the training trials are learned by heart.",
)
def in_evaluation(model, batch, optimizer):
    inputs, counts, scored = batch
    model.eval()
    loss = masked_poisson_nll(model(inputs), counts, scored)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    what="The model is put into training mode only after it made its log-rates.",
    why="A mode acts when the model is called; in the first step after a validation nothing is dropped.",
)
def mode_too_late(model, batch, optimizer):
    inputs, counts, scored = batch
    log_rates = model(inputs)
    model.train()
    loss = masked_poisson_nll(log_rates, counts, scored)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    what="All entries are scored.",
    why="What the model was shown is then in the loss as well, and copying it pays.",
)
def scores_all(model, batch, optimizer):
    inputs, counts, scored = batch
    return right_step(model, (inputs, counts, torch.ones_like(scored)), optimizer)


@misconception(
    "train_step",
    what="Exactly the entries are scored that should not be.",
    why="The model learns to repeat what it was shown, and nothing about what was hidden.",
)
def scores_the_others(model, batch, optimizer):
    inputs, counts, scored = batch
    return right_step(model, (inputs, counts, ~scored), optimizer)


@misconception(
    "train_step",
    what="The model's output is exponentiated before it goes into the loss.",
    why="The loss expects log-rates and exponentiates them itself.",
)
def exponentiated_before(model, batch, optimizer):
    inputs, counts, scored = batch
    model.train()
    loss = masked_poisson_nll(model(inputs).exp(), counts, scored)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()


@misconception(
    "train_step",
    what="An optimizer of its own makes the update.",
    why="A new one in each step forgets its momentum, and ignores the learning rate that was chosen.",
)
def own_optimizer(model, batch, optimizer):
    return right_step(model, batch, torch.optim.Adam(model.parameters(), 1e-3))


@misconception(
    "train_step",
    what="The loss after the update comes back.",
    why="That costs another pass through the model, and is not the loss whose gradient was followed.",
)
def loss_after(model, batch, optimizer):
    right_step(model, batch, optimizer)
    inputs, counts, scored = batch
    with torch.no_grad():
        return masked_poisson_nll(model(inputs), counts, scored).item()


@misconception(
    "train_step",
    what="The loss comes back as a tensor.",
    why="Kept in a list over an epoch, each one keeps its whole computation in memory.",
)
def loss_as_tensor(model, batch, optimizer):
    return torch.tensor(right_step(model, batch, optimizer))


# --- fit_decoder ---

right_decoder = fit_decoder  # the variant takes its place under its own name


def chosen_alpha(x, y, alphas, folds, worst=False):
    """The penalty with the smallest error over the given folds, each (learn, test): rows of x and y flattened to (rows, N)."""

    def error(alpha):
        total = 0.0
        for learn, test in folds:
            weights, offset = ridge(x[learn], y[learn], alpha)
            total += float(((x[test] @ weights + offset - y[test]) ** 2).sum())
        return total

    return float((max if worst else min)(alphas, key=error))


def paired(rates, velocity, lag):
    """Rates and velocity with their lag, flattened, and the trial of each row."""
    T = rates.shape[1]
    x, y = rates[:, : T - lag], velocity[:, lag:]
    return x.flatten(0, 1), y.flatten(0, 1), torch.arange(len(x)).repeat_interleave(T - lag)


def five(group):
    return [(group != f, group == f) for f in range(5)]


@misconception(
    "fit_decoder",
    what="The lag points the wrong way: velocity is read from later rates.",
    why="Motor cortex leads the hand. Read backward in time, the best that is left is what the movement and the rates have in common.",
)
def lag_reversed(rates, velocity, lag, alphas):
    T = rates.shape[1]
    return right_decoder(rates[:, lag:], velocity[:, : T - lag], 0, alphas)


@misconception(
    "fit_decoder",
    what="The lag is ignored.",
    why="Rates lead the hand by about a tenth of a second, five bins; paired in the same bin they explain less.",
)
def lag_ignored(rates, velocity, lag, alphas):
    return right_decoder(rates, velocity, 0, alphas)


@misconception(
    "fit_decoder",
    what="The lag wraps around: the first bins of a trial are paired with its last rates.",
    why="A roll keeps the shape by moving the end to the start. These pairs never happened and must be left out.",
)
def lag_wraps(rates, velocity, lag, alphas):
    return right_decoder(rates.roll(lag, dims=1), velocity, 0, alphas)


@misconception(
    "fit_decoder",
    what="The lag runs across trials: the first bins of a trial are paired with the last rates of the trial before.",
    why="Trials are seconds apart, or were recorded in another order; shifting has to happen within each of them.",
)
def lag_across_trials(rates, velocity, lag, alphas):
    B, T, N = rates.shape
    shifted = torch.cat([torch.zeros(lag, N).to(rates), rates.flatten(0, 1)[: B * T - lag]]).view(B, T, N)
    return right_decoder(shifted, velocity, 0, alphas)


@misconception(
    "fit_decoder",
    what="The penalty is chosen by the error on the trials that were fitted.",
    why="There a smaller penalty always looks better. Only trials that were left out can tell what generalizes.",
)
def chosen_on_the_fit(rates, velocity, lag, alphas):
    x, y, trial = paired(rates, velocity, lag)
    everything = torch.ones_like(trial, dtype=torch.bool)
    best = chosen_alpha(x, y, alphas, [(everything, everything)])
    return *ridge(x, y, best), best


@misconception(
    "fit_decoder",
    what="Single bins are left out instead of whole trials.",
    why="The bins beside them, of the same trial, stay: they resemble them so much that the answer is known already.",
)
def folds_of_bins(rates, velocity, lag, alphas):
    x, y, trial = paired(rates, velocity, lag)
    best = chosen_alpha(x, y, alphas, five(torch.arange(len(trial)) % 5))
    return *ridge(x, y, best), best


@misconception(
    "fit_decoder",
    what="The folds are five blocks of neighboring trials.",
    why="Every fifth trial was asked for. Over an hour a recording drifts; a block at its end is another population than the rest.",
)
def folds_of_neighbors(rates, velocity, lag, alphas):
    x, y, trial = paired(rates, velocity, lag)
    best = chosen_alpha(x, y, alphas, five(trial * 5 // len(rates)))
    return *ridge(x, y, best), best


@misconception(
    "fit_decoder",
    what="Only one fold decides about the penalty.",
    why="A fifth of the trials may be easy or hard by chance; five folds together use every trial once.",
)
def a_single_fold(rates, velocity, lag, alphas):
    x, y, trial = paired(rates, velocity, lag)
    best = chosen_alpha(x, y, alphas, five(trial % 5)[:1])
    return *ridge(x, y, best), best


@misconception(
    "fit_decoder",
    what="The penalty with the largest error is taken.",
    why="Errors should be small. A score, like R², would be the larger the better.",
)
def the_worst(rates, velocity, lag, alphas):
    x, y, trial = paired(rates, velocity, lag)
    best = chosen_alpha(x, y, alphas, five(trial % 5), worst=True)
    return *ridge(x, y, best), best


@misconception(
    "fit_decoder",
    what="The first penalty is used, whatever the others would do.",
    why="How much to shrink depends on noise and number of trials, so the data have to say it.",
)
def the_first(rates, velocity, lag, alphas):
    x, y, _ = paired(rates, velocity, lag)
    return *ridge(x, y, alphas[0]), float(alphas[0])


@misconception(
    "fit_decoder",
    what="The read-out that comes back was fitted without the last fold.",
    why="Leaving out is for choosing; once the penalty is chosen, every trial should help.",
)
def last_fold_missing(rates, velocity, lag, alphas):
    best = right_decoder(rates, velocity, lag, alphas)[2]
    x, y, trial = paired(rates, velocity, lag)
    return *ridge(x[trial % 5 != 4], y[trial % 5 != 4], best), best


@misconception(
    "fit_decoder",
    what="There is no free offset.",
    why="Rates are never negative and velocity has a mean of its own: without an offset the weights are bent to make up for both.",
)
def through_the_origin(rates, velocity, lag, alphas):
    best = right_decoder(rates, velocity, lag, alphas)[2]
    x, y, _ = paired(rates, velocity, lag)
    weights = torch.linalg.solve(x.T @ x + best * torch.eye(x.shape[1]).to(x), x.T @ y)
    return weights, torch.zeros(y.shape[1]).to(y), best


@misconception(
    "fit_decoder",
    what="Each trial is averaged over time first.",
    why="A velocity is asked for in every bin; from averages the read-out learns where a trial went, not when.",
)
def averaged_trials(rates, velocity, lag, alphas):
    T = rates.shape[1]
    return right_decoder(rates[:, : T - lag].mean(dim=1, keepdim=True), velocity[:, lag:].mean(dim=1, keepdim=True), 0, alphas)


@misconception(
    "fit_decoder",
    what="The weights have changed their axes.",
    why="Rates times weights has to give a velocity: as many rows as neurons, as many columns as directions.",
)
def turned_weights(rates, velocity, lag, alphas):
    weights, offset, alpha = right_decoder(rates, velocity, lag, alphas)
    return weights.T, offset, alpha
