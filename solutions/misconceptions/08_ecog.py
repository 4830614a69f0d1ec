"""What students get wrong in lesson 08, each with what is wrong and why it matters."""


# --- sliding_windows ---


def checked_windows(x, length, step):
    """The reference's complaints."""
    if length < 1 or step < 1 or len(x) < length:
        raise ValueError("no such window")


@misconception(
    "sliding_windows",
    what="The numbers are right, but they were copied.",
    why="Windows of 40 bins at every bin repeat each number forty times: a recording that fits into memory becomes one that does not.",
)
def copied(x, length, step):
    checked_windows(x, length, step)
    return torch.stack([x[start : start + length] for start in range(0, len(x) - length + 1, step)])


@misconception(
    "sliding_windows",
    what="The last window that fits is missing.",
    why="Between the first and the last place where a window can begin lie as many steps as there are windows less one.",
)
def last_one_missing(x, length, step):
    checked_windows(x, length, step)
    return sliding_windows_of(x, length, step)[: (len(x) - length) // step]


def sliding_windows_of(x, length, step):
    """The windows, whatever stands in the place of the reference."""
    return x.unfold(0, length, step).transpose(1, 2)


@misconception(
    "sliding_windows",
    what="The features come before the bins of a window.",
    why="PyTorch's own tool hands windows out like this. A transformer would take features for bins, and attend among electrodes.",
)
def features_first(x, length, step):
    checked_windows(x, length, step)
    return x.unfold(0, length, step)


@misconception(
    "sliding_windows",
    what="The axes have the right lengths, but the numbers were only relabeled and not turned: bins and features are mixed up.",
    why="A reshape never exchanges two axes. Each token would hold numbers of several bins, and nothing would complain.",
)
def relabeled(x, length, step):
    checked_windows(x, length, step)
    return x.unfold(0, length, step).reshape(-1, length, x.shape[1])


@misconception(
    "sliding_windows",
    what="The step has no effect: the windows stand side by side without overlap.",
    why="How far windows are apart decides how many there are to learn from, and how much neighbors have in common.",
)
def side_by_side(x, length, step):
    checked_windows(x, length, step)
    return sliding_windows_of(x, length, length)


@misconception(
    "sliding_windows",
    what="The step thins out the bins within a window, instead of the places where windows begin.",
    why="A window is meant to hold neighboring bins; skipping some lowers the sampling rate that the model sees.",
)
def thinned(x, length, step):
    checked_windows(x, length, step)
    return sliding_windows_of(x[::step], min(length, len(x[::step])), 1)


@misconception(
    "sliding_windows",
    what="The step sets how many windows there are, but not where they begin: they start at neighboring bins.",
    why="The windows then come from the beginning of the recording alone, and labels cut with the right step belong to other times.",
)
def beginning_only(x, length, step):
    checked_windows(x, length, step)
    return sliding_windows_of(x, length, 1)[: (len(x) - length) // step + 1]


@misconception(
    "sliding_windows",
    what="The bins left over at the end become one more window, filled up with zeros.",
    why="Zeros are numbers like others: the model would learn from a stretch that was never recorded.",
)
def filled_up(x, length, step):
    checked_windows(x, length, step)
    if (len(x) - length) % step:
        x = torch.cat([x, x.new_zeros(step, x.shape[1])])
    return sliding_windows_of(x, length, step)


@misconception(
    "sliding_windows",
    what="The windows slide along the features and not along time.",
    why="Electrodes have no order that a window could follow; what is next to what is told by time alone.",
)
def along_features(x, length, step):
    checked_windows(x, length, step)
    return x.unfold(1, length, step)


@misconception(
    "sliding_windows",
    what="Bins and features of a window are laid out in one row.",
    why="A transformer needs to know what belongs to one bin: the tokens are an axis of their own.",
)
def in_one_row(x, length, step):
    checked_windows(x, length, step)
    return sliding_windows_of(x, length, step).flatten(1)


@misconception(
    "sliding_windows",
    what="A window that does not fit, or a step of 0, is left for PyTorch to complain about.",
    why="An error from below speaks of sizes and dimensions; yours can say that the recording is too short for the window, and what to do.",
)
def unasked(x, length, step):
    return sliding_windows_of(x, length, step)


@misconception(
    "sliding_windows",
    what="A recording shorter than the window gives no windows and no complaint.",
    why="An empty set of windows trains nothing and is noticed much later, as a score that is not a number.",
)
def empty_windows(x, length, step):
    if length < 1 or step < 1:
        raise ValueError("no such window")
    count = max((len(x) - length) // step + 1, 0)
    return x.as_strided((count, length, x.shape[1]), (step * x.stride(0), *x.stride()))


@misconception(
    "sliding_windows",
    what="A window as long as the recording is refused.",
    why="It fits, exactly once. Comparisons at a border deserve a test of their own.",
)
def none_that_just_fits(x, length, step):
    checked_windows(x, length, step)
    if len(x) == length:
        raise ValueError("no such window")
    return sliding_windows_of(x, length, step)


# --- contiguous_split ---


def parts_from(num_windows, train, validation, gap, test=None):
    """The three blocks, given the sizes of two or three of them."""
    first, second = train + gap, train + validation + 2 * gap
    if min(train, validation, num_windows - second) < 1:
        raise ValueError(f"{num_windows} windows with a gap of {gap} are too few")
    index = torch.arange(num_windows)
    return index[:train], index[first : first + validation], index[second : None if test is None else second + test]


def sizes_of(num_windows, fractions, gap):
    """How many windows the first two parts have."""
    remaining = num_windows - 2 * gap
    return int(fractions[0] * remaining), int(fractions[1] * remaining)


@misconception(
    "contiguous_split",
    what="The windows are dealt out at random.",
    why="Nearly every test window then shares bins with training windows: even labels unrelated to the data seem to be predicted.",
)
def shuffled_split(num_windows, fractions, gap):
    train, validation, test = parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    order = torch.randperm(num_windows)[: len(train) + len(validation) + len(test)]
    return order[: len(train)], order[len(train) : -len(test)], order[-len(test) :]


@misconception(
    "contiguous_split",
    what="Windows are dealt out in turn, like cards, so that parts lie between one another.",
    why="Every test window has training windows that share most of its bins next to it: this leaks as much as a random split.",
)
def dealt_in_turn(num_windows, fractions, gap):
    parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    index = torch.arange(num_windows)
    return index[index % 5 < 3], index[index % 5 == 3], index[index % 5 == 4]


@misconception(
    "contiguous_split",
    what="The blocks touch: nothing is left out between them.",
    why="The first test windows still share bins with the last training windows, and slow features reach across the border.",
)
def no_gap(num_windows, fractions, gap):
    parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    return parts_from(num_windows, int(fractions[0] * num_windows), int(fractions[1] * num_windows), 0)


@misconception(
    "contiguous_split",
    what="Only one gap is left out, between training and validation.",
    why="Settings are chosen on validation data; where they touch the test block, the choice has seen a part of it.",
)
def one_gap(num_windows, fractions, gap):
    parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    remaining = num_windows - gap
    train, validation = int(fractions[0] * remaining), int(fractions[1] * remaining)
    index = torch.arange(num_windows)
    return index[:train], index[train + gap : train + gap + validation], index[train + gap + validation :]


@misconception(
    "contiguous_split",
    what="The gap's windows are taken away at the end of the recording, and the blocks touch.",
    why="What is left out must lie between two parts; at the end it protects nobody.",
)
def gap_at_the_end(num_windows, fractions, gap):
    train, _, test = parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    index = torch.arange(num_windows - 2 * gap)
    return index[: len(train)], index[len(train) : -len(test)], index[-len(test) :]


@misconception(
    "contiguous_split",
    what="The shares are taken of all windows, so the gaps are paid for by the parts at the end.",
    why="With a long gap the test block shrinks far below the share that was asked for, or vanishes.",
)
def shares_of_all(num_windows, fractions, gap):
    return parts_from(num_windows, int(fractions[0] * num_windows), int(fractions[1] * num_windows), gap)


@misconception(
    "contiguous_split",
    what="The shares are taken of all windows, and the gaps are cut off where validation and test begin.",
    why="The smaller parts pay for the gaps: with a long one, hardly anything is left to choose and to test on.",
)
def later_parts_pay(num_windows, fractions, gap):
    first = int(fractions[0] * num_windows)
    second = first + int(fractions[1] * num_windows)
    if min(first, second - first - gap, num_windows - second - gap) < 1:
        raise ValueError(f"{num_windows} windows with a gap of {gap} are too few")
    index = torch.arange(num_windows)
    return index[:first], index[first + gap : second], index[second + gap :]


@misconception(
    "contiguous_split",
    what="The shares are taken of all windows, and the gaps are cut off where training and validation end.",
    why="What is left out belongs to no part, so the shares are meant of the rest: only then do they stay what was asked for.",
)
def earlier_parts_pay(num_windows, fractions, gap):
    first = int(fractions[0] * num_windows)
    second = first + int(fractions[1] * num_windows)
    if min(first - gap, second - first - gap, num_windows - second) < 1:
        raise ValueError(f"{num_windows} windows with a gap of {gap} are too few")
    index = torch.arange(num_windows)
    return index[: first - gap], index[first : second - gap], index[second:]


@misconception(
    "contiguous_split",
    what="For each part there is a mark at every window, and not the numbers of its own windows.",
    why="Both can pick windows, but the length of such a list says nothing of the part, and a loader counts windows that it should not.",
)
def marked(num_windows, fractions, gap):
    index = torch.arange(num_windows)
    return tuple(torch.isin(index, part) for part in parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap))


@misconception(
    "contiguous_split",
    what="The sizes are rounded to the nearest whole number, and not down.",
    why="It is a matter of one window, but who compares two decoders has to give both exactly the same test windows.",
)
def rounded(num_windows, fractions, gap):
    remaining = num_windows - 2 * gap
    return parts_from(num_windows, round(fractions[0] * remaining), round(fractions[1] * remaining), gap)


@misconception(
    "contiguous_split",
    what="The test block is rounded down as well, so the last windows belong to nobody.",
    why="Recordings are short: no window should be lost to rounding, and this one would be lost at every split.",
)
def end_lost(num_windows, fractions, gap):
    train, validation = sizes_of(num_windows, fractions, gap)
    return parts_from(num_windows, train, validation, gap, int(fractions[2] * (num_windows - 2 * gap)))


@misconception(
    "contiguous_split",
    what="The gap is one window shorter than asked for.",
    why="A gap is as long as the reach of window and filter together; one window less, and a test bin has been seen in training.",
)
def one_too_few_left_out(num_windows, fractions, gap):
    train, validation = sizes_of(num_windows, fractions, gap)
    parts_from(num_windows, train, validation, gap)
    index, between = torch.arange(num_windows), gap - 1
    second = train + between + validation
    return index[:train], index[train + between : second], index[second + between :]


@misconception(
    "contiguous_split",
    what="Test comes before validation.",
    why="Whoever unpacks the three in the order of the docstring would choose settings on the test block and report the validation score.",
)
def test_in_the_middle(num_windows, fractions, gap):
    train, validation, test = parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    return train, test, validation


@misconception(
    "contiguous_split",
    what="The borders of the parts are returned instead of the numbers of their windows.",
    why="What is asked for can be used directly to pick windows and labels; two borders pick just two windows.",
)
def borders(num_windows, fractions, gap):
    parts = parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    return tuple(torch.stack([part[0], part[-1] + 1]) for part in parts)


@misconception(
    "contiguous_split",
    what="Too few windows give an empty part and no complaint.",
    why="The mean score over an empty test block is not a number, and that shows only after hours of training.",
)
def empty_parts(num_windows, fractions, gap):
    train, validation = (max(size, 0) for size in sizes_of(num_windows, fractions, gap))
    index = torch.arange(num_windows)
    return index[:train], index[train + gap : train + gap + validation], index[train + 2 * gap + validation :]


@misconception(
    "contiguous_split",
    what="The complaint about too few windows does not say how many there are and how long the gap is.",
    why="Who reads it has to choose between a shorter gap and a longer recording, and needs the numbers for that.",
)
def speechless(num_windows, fractions, gap):
    try:
        return parts_from(num_windows, *sizes_of(num_windows, fractions, gap), gap)
    except ValueError:
        raise ValueError("too few windows") from None


# --- fit_standardizer ---


def steady(sd):
    """Standard deviations with 1 in place of 0."""
    return sd.masked_fill(sd == 0, 1.0)


@misconception(
    "fit_standardizer",
    what="The squared deviations are divided by one less than the number of values.",
    why="That is PyTorch's choice unless told otherwise. With thousands of bins it hardly matters; the docstring says which is meant.",
)
def one_less(train):
    values = train.flatten(0, -2)
    return values.mean(dim=0), steady(values.std(dim=0))


@misconception(
    "fit_standardizer",
    what="One mean and one standard deviation serve all features together.",
    why="Electrodes differ in how loud they are, by factors of ten: the loudest would speak for all.",
)
def one_for_all_features(train):
    ones = torch.ones_like(train[(0,) * (train.dim() - 1)])
    return ones * train.mean(), steady(ones * train.std(correction=0))


@misconception(
    "fit_standardizer",
    what="Mean and standard deviation are taken over the first axis only.",
    why="Then each bin of a window is measured by a ruler of its own, though it is the same electrode at every bin.",
)
def over_the_first_axis(train):
    return train.mean(dim=0), steady(train.std(dim=0, correction=0))


@misconception(
    "fit_standardizer",
    what="Mean and standard deviation are taken over the first two axes, whatever axes there are.",
    why="That is right for windows. Bins without windows have one axis less, and their features would be thrown together.",
)
def over_two_axes(train):
    return train.mean(dim=(0, 1)), steady(train.std(dim=(0, 1), correction=0))


@misconception(
    "fit_standardizer",
    what="Mean and standard deviation are taken over the features.",
    why="Each feature has its own unit and its own size; a mean over microvolts and logarithms means nothing.",
)
def over_the_features(train):
    return train.mean(dim=-1), steady(train.std(dim=-1, correction=0))


@misconception(
    "fit_standardizer",
    what="The variance is given back and not its root.",
    why="Features divided by their variance have the inverse of their old spread: loud ones become quiet and quiet ones loud.",
)
def without_the_root(train):
    values = train.flatten(0, -2)
    return values.mean(dim=0), steady(values.var(dim=0, correction=0))


@misconception(
    "fit_standardizer",
    what="A feature that never changes gets a standard deviation of 0.",
    why="Its standardized values are 0 divided by 0: not a number, and one such value turns every weight of the model into the same.",
)
def divided_by_zero(train):
    values = train.flatten(0, -2)
    return values.mean(dim=0), values.std(dim=0, correction=0)


@misconception(
    "fit_standardizer",
    what="A feature that never changes gets a tiny standard deviation.",
    why="It is 0 in training, but an electrode that comes alive in the test block is magnified a million times and drowns all others.",
)
def tiny_divisor(train):
    values = train.flatten(0, -2)
    return values.mean(dim=0), values.std(dim=0, correction=0) + 1e-6


@misconception(
    "fit_standardizer",
    what="A feature that changes little is treated as if it never changed.",
    why="What is small depends on the unit: a local potential in volts changes by millionths and may carry the most.",
)
def small_is_nothing(train):
    values = train.flatten(0, -2)
    sd = values.std(dim=0, correction=0)
    return values.mean(dim=0), sd.masked_fill(sd < 0.1, 1.0)


@misconception(
    "fit_standardizer",
    what="The training data itself is changed.",
    why="Whoever standardizes it afterwards, as is planned, does it twice, and test data only once.",
)
def changed_in_place(train):
    values = train.flatten(0, -2)
    mean, sd = values.mean(dim=0), steady(values.std(dim=0, correction=0))
    train.sub_(mean).div_(sd)
    return mean, sd


@misconception(
    "fit_standardizer",
    what="Standardized data are given back and not the two numbers of each feature.",
    why="Validation and test have to be standardized with the very same numbers, so these have to be kept.",
)
def did_it_already(train):
    values = train.flatten(0, -2)
    return (train - values.mean(dim=0)) / steady(values.std(dim=0, correction=0))


# --- ridge_fit ---


def solve_ridge(x, y, alpha):
    """The weights for data that are taken as they are."""
    return torch.linalg.solve(x.T @ x + alpha * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y)


@misconception(
    "ridge_fit",
    what="The intercept is penalized like a weight.",
    why="It is then pulled toward 0, as if 0 were special: velocities in other units, or with another zero, would give another decoder.",
)
def penalized_intercept(x, y, alpha):
    found = solve_ridge(torch.cat([x, torch.ones_like(x[:, :1])], dim=1), y, alpha)
    return found[:-1], found[-1]


@misconception(
    "ridge_fit",
    what="There is no intercept: the plane is forced through the origin.",
    why="Data that are not centered then bend the weights, which have to make up for the missing constant.",
)
def through_the_origin(x, y, alpha):
    return solve_ridge(x, y, alpha), torch.zeros_like(y[0])


@misconception(
    "ridge_fit",
    what="The intercept is the mean of y alone.",
    why="That is right only where the features have a mean of 0. Otherwise every prediction is off by the same amount.",
)
def mean_of_y(x, y, alpha):
    return solve_ridge(x - x.mean(dim=0), y - y.mean(dim=0), alpha), y.mean(dim=0)


@misconception(
    "ridge_fit",
    what="The weights are fitted to data that were not centered, and the intercept is added afterwards.",
    why="Then the two do not fit together: a constant added to y changes the weights.",
)
def centered_too_late(x, y, alpha):
    weights = solve_ridge(x, y, alpha)
    return weights, (y - x @ weights).mean(dim=0)


@misconception(
    "ridge_fit",
    what="The penalty has no effect.",
    why="With more features than samples there is no unique answer, and with many that resemble one another the weights explode.",
)
def least_squares(x, y, alpha):
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    weights = torch.linalg.pinv(x - x_mean) @ (y - y_mean)
    return weights, y_mean - x_mean @ weights


@misconception(
    "ridge_fit",
    what="The penalty grows with the number of samples, as if the errors were averaged and not summed.",
    why="Both conventions exist, and differ by a factor of thousands; a penalty that was chosen for one is nonsense for the other.",
)
def mean_of_squares(x, y, alpha):
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    weights = solve_ridge(x - x_mean, y - y_mean, alpha * len(x))
    return weights, y_mean - x_mean @ weights


@misconception(
    "ridge_fit",
    what="The penalty is squared.",
    why="Tables of penalties, and other people's papers, mean the factor itself; yours would be found at another place of the scale.",
)
def squared_penalty(x, y, alpha):
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    weights = solve_ridge(x - x_mean, y - y_mean, alpha**2)
    return weights, y_mean - x_mean @ weights


@misconception(
    "ridge_fit",
    what="The penalty is added to every entry of the matrix and not to its diagonal.",
    why="That penalizes the square of the sum of the weights: large weights of opposite signs, the very thing to prevent, cost nothing.",
)
def added_everywhere(x, y, alpha):
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    centered = x - x_mean
    weights = torch.linalg.pinv(centered.T @ centered + alpha) @ (centered.T @ (y - y_mean))
    return weights, y_mean - x_mean @ weights


@misconception(
    "ridge_fit",
    what="The features are divided by their spread inside, so the penalty and the weights belong to other features than were given.",
    why="The weights would not fit the x that they are used on. Standardizing is a step before this one, with numbers that are kept.",
)
def standardized_inside(x, y, alpha):
    scaled, y_mean = (x - x.mean(dim=0)) / x.std(dim=0, correction=0), y.mean(dim=0)
    return solve_ridge(scaled, y - y_mean, alpha), y_mean


@misconception(
    "ridge_fit",
    what="The data are centered where they lie: the caller's x and y have changed.",
    why="Whoever fits a second time, with another penalty, fits other data and gets an intercept of 0.",
)
def centered_in_place(x, y, alpha):
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x -= x_mean
    y -= y_mean
    weights = solve_ridge(x, y, alpha)
    return weights, y_mean - x_mean @ weights


@misconception(
    "ridge_fit",
    what="The weights come out with the outputs first.",
    why="Data are multiplied with weights from the right; in this order the product fails or, with equal numbers of both, is wrong.",
)
def outputs_first(x, y, alpha):
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    weights = solve_ridge(x - x_mean, y - y_mean, alpha)
    return weights.T, y_mean - x_mean @ weights


# --- ECoGDecoder ---


def tokens_of(model, x):
    """Features read in, with positions, dropped."""
    bins, window = x.shape[1], len(model.positions)
    if bins > window:
        raise ValueError(f"{bins} bins, window={window}")
    return model.dropout(model.read_in(x) + model.positions[:bins])


def said(model, hidden, blocked):
    """From tokens to outputs, with a given mask."""
    bins = hidden.shape[1]
    return model.read_out(model.norm(model.layers(hidden, mask=blocked[:bins, :bins])))


def layers_of(model, num_layers, **changed):
    """Encoder layers as in the reference, with something changed."""
    d_model = model.positions.shape[1]
    given = {"d_model": d_model, "nhead": model.layers.layers[0].self_attn.num_heads, "dim_feedforward": 2 * d_model, "dropout": 0.3}
    given |= {"activation": "gelu", "batch_first": True, "norm_first": True}
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(**given | changed), num_layers, enable_nested_tensor=False)


@misconception(
    "ECoGDecoder",
    what="Nothing hides the future, though a causal decoder was asked for.",
    why="The score is that of a decoder that waits for the end of the window: it cannot be promised to somebody who moves a cursor.",
)
class SeesTheFuture(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, False)


@misconception(
    "ECoGDecoder",
    what="The future is hidden, though a decoder was asked for that may use the whole window.",
    why="An analysis after the fact may read on both sides of a moment, and gives a better picture if it does.",
)
class AlwaysCausal(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, True)


@misconception(
    "ECoGDecoder",
    what="Unless told otherwise, the decoder reads the future.",
    why="The safe choice is the one that claims less: whoever forgets to choose should get a decoder that could run live.",
)
class AcausalByDefault(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=False):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)


@misconception(
    "ECoGDecoder",
    what="The mask says the opposite of what is meant: it marks what may be read, where PyTorch's layers take what may not.",
    why="Earlier lessons used the other convention. Here a bin is kept from itself and its past, and the last has nothing left to read.",
)
class MarksWhatMayBeRead(ECoGDecoder):
    def forward(self, x):
        return said(self, tokens_of(self, x), ~self.blocked)


@misconception(
    "ECoGDecoder",
    what="A bin does not read itself.",
    why="The newest activity is the best evidence, and the first bin is left with nothing to read at all.",
)
class NotThePresent(ECoGDecoder):
    def forward(self, x):
        window = len(self.positions)
        causal = self.blocked.any()
        return said(self, tokens_of(self, x), torch.ones(window, window).triu().bool() if causal and window > 1 else self.blocked)


@misconception(
    "ECoGDecoder",
    what="The positions never reach the tokens.",
    why="Attention does not know the order of what it reads; without positions the same bins in another order get the same answers.",
)
class WithoutPositions(ECoGDecoder):
    def forward(self, x):
        if x.shape[1] > len(self.positions):
            raise ValueError("too many bins")
        return said(self, self.dropout(self.read_in(x)), self.blocked)


@misconception(
    "ECoGDecoder",
    what="The positions count the windows of a batch and not the bins of a window.",
    why="All bins of a window get the same position, so their order is still unknown, and answers depend on who else is in the batch.",
)
class PositionsOfWindows(ECoGDecoder):
    def forward(self, x):
        if x.shape[1] > len(self.positions):
            raise ValueError("too many bins")
        place = torch.arange(len(x)) % len(self.positions)
        return said(self, self.dropout(self.read_in(x) + self.positions[place].unsqueeze(1)), self.blocked)


@misconception(
    "ECoGDecoder",
    what="The positions are added to the features, before these are read in.",
    why="Positions belong to tokens. Added to electrodes, they have to be learned anew for each grid, and share numbers with the noise.",
)
class PositionsOfFeatures(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.positions = nn.Parameter(0.02 * torch.randn(window, num_electrodes))

    def forward(self, x):
        return said(self, self.dropout(self.read_in(x + self.positions[: x.shape[1]])), self.blocked)


@misconception(
    "ECoGDecoder",
    what="The last positions are used for an input that is shorter than the window.",
    why="The first bin then has another position in each length of input; what was learned about it in training does not apply.",
)
class LastPositions(ECoGDecoder):
    def forward(self, x):
        if x.shape[1] > len(self.positions):
            raise ValueError("too many bins")
        return said(self, self.dropout(self.read_in(x) + self.positions[-x.shape[1] :]), self.blocked)


@misconception(
    "ECoGDecoder",
    what="The positions begin as large as they would without a factor, with an sd of 1.",
    why="At the start they are then as loud as the features or louder, and every token says where it is before it says what it holds.",
)
class LoudPositions(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.positions = nn.Parameter(torch.randn(window, d_model))


@misconception(
    "ECoGDecoder",
    what="There is no read-in: the width of a token is the number of features.",
    why="Then the heads have to divide the number of electrodes, the model grows with the grid, and it fits one participant only.",
)
class WidthOfTheGrid(nn.Module):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__()
        self.positions = nn.Parameter(0.02 * torch.randn(window, num_electrodes))
        layer = nn.TransformerEncoderLayer(num_electrodes, num_heads, 2 * d_model, 0.3, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers)
        self.read_out = nn.Linear(num_electrodes, num_outputs)


@misconception(
    "ECoGDecoder",
    what="Only the last bin is read out.",
    why="In training every bin is a lesson; with one answer for a window, all the others are thrown away.",
)
class LastBinOnly(ECoGDecoder):
    def forward(self, x):
        return said(self, tokens_of(self, x), self.blocked)[:, -1]


@misconception(
    "ECoGDecoder",
    what="The bins of a window are averaged into one answer.",
    why="A movement takes place within a window; an average over two seconds cannot follow it, and it has read the future of most bins.",
)
class AveragedOverBins(ECoGDecoder):
    def forward(self, x):
        return said(self, tokens_of(self, x), self.blocked).mean(dim=1)


@misconception(
    "ECoGDecoder",
    what="The last norm is missing before the read-out.",
    why="In layers that normalize what they read, the stream itself grows with depth; the read-out would have to follow its size.",
)
class WithoutLastNorm(ECoGDecoder):
    def forward(self, x):
        tokens = tokens_of(self, x)
        return self.read_out(self.layers(tokens, mask=self.blocked[: x.shape[1], : x.shape[1]]))


@misconception(
    "ECoGDecoder",
    what="The layers normalize after each sum, and not what each part reads.",
    why="That is PyTorch's choice unless told otherwise, and that of 2017. It needs a careful warm-up to train.",
)
class NormAfterwards(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.layers = layers_of(self, num_layers, norm_first=False)


@misconception(
    "ECoGDecoder",
    what="The layers bend with ReLU, PyTorch's choice unless told otherwise.",
    why="The one asked for lets a little through below zero. Weights that were trained with one do not work with the other.",
)
class WithReLU(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.layers = layers_of(self, num_layers, activation="relu")


@misconception(
    "ECoGDecoder",
    what="The feed-forward parts are as wide as PyTorch makes them unless told otherwise.",
    why="That is meant for much wider tokens: nine parameters of ten would sit there, with ten minutes of data to learn them from.",
)
class DefaultWidth(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.layers = layers_of(self, num_layers, dim_feedforward=2048)


@misconception(
    "ECoGDecoder",
    what="Inside the layers, dropout is as rare as PyTorch makes it unless told otherwise.",
    why="The layers hold nearly all parameters. Minutes of data are little for them, so they need the stronger dropout most.",
)
class DefaultDropout(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.layers = layers_of(self, num_layers, dropout=0.1)


@misconception(
    "ECoGDecoder",
    what="The tokens are not dropped in training, only what layers make of them.",
    why="An electrode can fail; a decoder that never missed a number in training has learned to depend on each.",
)
class TokensNotDropped(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.dropout = nn.Dropout(0.0)


@misconception(
    "ECoGDecoder",
    what="The positions are added after the dropout.",
    why="Then a token's place is never in doubt, and the features alone have to bear the losses: the model comes to trust the clock.",
)
class DropsBeforePositions(ECoGDecoder):
    def forward(self, x):
        if x.shape[1] > len(self.positions):
            raise ValueError("too many bins")
        return said(self, self.dropout(self.read_in(x)) + self.positions[: x.shape[1]], self.blocked)


@misconception(
    "ECoGDecoder",
    what="The layers take the first axis for time: bins of different windows attend to one another.",
    why="That is PyTorch's convention unless told otherwise. Where a batch is as large as a window is long, nothing complains.",
)
class BatchForTime(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.layers = layers_of(self, num_layers, batch_first=False)


@misconception(
    "ECoGDecoder",
    what="The encoder ends with a norm of its own, besides the one that is asked for.",
    why="Two norms in a row: the second undoes what the first has learned, and saved weights do not fit.",
)
class TwoLastNorms(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.layers.norm = nn.LayerNorm(d_model)


@misconception(
    "ECoGDecoder",
    what="The outputs are squeezed into probabilities.",
    why="Velocities have any sign and size. And for classes the loss takes the logits themselves: squeezed twice, it stays large.",
)
class Squeezed(ECoGDecoder):
    def forward(self, x):
        return said(self, tokens_of(self, x), self.blocked).softmax(dim=-1)


@misconception(
    "ECoGDecoder",
    what="An input longer than the window is cut, and only its beginning is answered.",
    why="Whoever lays the answers beside the labels finds fewer of them, or shifts them against one another without noticing.",
)
class CutsSilently(ECoGDecoder):
    def forward(self, x):
        return said(self, tokens_of(self, x[:, : len(self.positions)]), self.blocked)


@misconception(
    "ECoGDecoder",
    what="An input longer than the window is left for PyTorch to complain about.",
    why="An error from below speaks of two sizes that do not match; yours can say how long the window is, and what to do.",
)
class LengthUnasked(ECoGDecoder):
    def forward(self, x):
        tokens = self.dropout(self.read_in(x) + self.positions[: x.shape[1]])
        return said(self, tokens, self.blocked)


@misconception(
    "ECoGDecoder",
    what="The mask consists of ones and zeros that are no truth values, so in training it does not hide the future.",
    why="PyTorch adds such numbers to the scores: a one is a gentle push and no wall. A faster path in evaluation hides the mistake.",
)
class PushesInstead(ECoGDecoder):
    def forward(self, x):
        return said(self, tokens_of(self, x), self.blocked.to(x.dtype))


@misconception(
    "ECoGDecoder",
    what="A width that the heads do not divide is left for PyTorch to notice.",
    why="Its complaint is an assertion about names that you did not choose, and assertions can be switched off.",
)
class HeadsUnasked(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        assert d_model % num_heads == 0, "embed_dim must be divisible by num_heads"
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)


@misconception(
    "ECoGDecoder",
    what="The mask is saved with the weights.",
    why="It is no knowledge but a rule. Saved weights should load into a decoder that may read the future, and the mask would come along.",
)
class SavesTheMask(ECoGDecoder):
    def __init__(self, num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal=True):
        super().__init__(num_electrodes, d_model, num_heads, num_layers, num_outputs, window, causal)
        self.register_buffer("mask", self.blocked.clone())


# --- evaluate ---


def errors_of(model, loader, mode=False):
    """The squared errors of each batch, asked in the given mode and without gradients; the mode is restored."""
    before = model.training
    model.train(mode)
    with torch.no_grad():
        errors = [(model(x) - y) ** 2 for x, y in loader]
    model.train(before)
    return errors


@misconception(
    "evaluate",
    what="The means of the batches are averaged, as if all batches had the same size.",
    why="The samples of a small last batch then count more than all others, and the score changes with the batch size.",
)
def mean_of_means(model, loader):
    means = [errors.mean().item() for errors in errors_of(model, loader)]
    return sum(means) / len(means)


@misconception(
    "evaluate",
    what="The means of the batches are summed and not averaged.",
    why="Beside a training loss that is a mean it looks like a disaster, by a factor of the number of batches.",
)
def sum_of_means(model, loader):
    return sum(errors.mean().item() for errors in errors_of(model, loader))


@misconception(
    "evaluate",
    what="The sum of the squared errors is divided by the number of samples, and not by all the numbers in them.",
    why="A sample holds many bins and outputs. The training loss is a mean over all of them, and only equals can be compared.",
)
def divided_by_samples(model, loader):
    errors = errors_of(model, loader)
    return sum(each.sum().item() for each in errors) / sum(len(each) for each in errors)


@misconception(
    "evaluate",
    what="The squared errors are summed and never divided.",
    why="The score then grows with the amount of data: a longer test block looks worse.",
)
def never_divided(model, loader):
    return sum(errors.sum().item() for errors in errors_of(model, loader))


@misconception(
    "evaluate",
    what="The root of the mean squared error is given back.",
    why="It has the unit of the labels, which is good for a report, but the training loss beside it is a mean of squares.",
)
def rooted(model, loader):
    errors = errors_of(model, loader)
    return (sum(each.sum().item() for each in errors) / sum(each.numel() for each in errors)) ** 0.5


@misconception(
    "evaluate",
    what="The errors are not squared.",
    why="Their absolute size is another loss, less sensitive to large errors; the two cannot be compared.",
)
def not_squared(model, loader):
    errors = errors_of(model, loader)
    return sum(each.sqrt().sum().item() for each in errors) / sum(each.numel() for each in errors)


@misconception(
    "evaluate",
    what="Only the last batch is scored.",
    why="The loop overwrites what it found before: the score is that of a few samples, often of the smallest batch.",
)
def last_batch_only(model, loader):
    return errors_of(model, loader)[-1].mean().item()


@misconception(
    "evaluate",
    what="The model stays in the mode in which it was, and drops at random while it is scored.",
    why="The score is worse than the model, and another each time. Switching off dropout is not what no_grad does.",
)
def not_in_evaluation(model, loader):
    errors = errors_of(model, loader, model.training)
    return sum(each.sum().item() for each in errors) / sum(each.numel() for each in errors)


@misconception(
    "evaluate",
    what="The model is left in evaluation mode.",
    why="The training that goes on afterwards is without dropout, from the first look at the validation score on, and nothing tells you.",
)
def left_in_evaluation(model, loader):
    errors = errors_of(model, loader)
    model.eval()
    return sum(each.sum().item() for each in errors) / sum(each.numel() for each in errors)


@misconception(
    "evaluate",
    what="The model is always put into training mode at the end.",
    why="A finished model that is only scored would drop at random ever after.",
)
def always_back_to_training(model, loader):
    errors = errors_of(model, loader)
    model.train()
    return sum(each.sum().item() for each in errors) / sum(each.numel() for each in errors)


@misconception(
    "evaluate",
    what="Gradients are recorded while the model is scored.",
    why="Every intermediate result is kept for a backward pass that never comes. Evaluation mode does not switch this off.",
)
def records_gradients(model, loader):
    before = model.training
    model.eval()
    errors = [((model(x) - y) ** 2).detach() for x, y in loader]
    model.train(before)
    return sum(each.sum().item() for each in errors) / sum(each.numel() for each in errors)
