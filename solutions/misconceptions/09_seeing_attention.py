"""What students write instead, in lesson 09. Run in a copy of the lesson's namespace, with `misconception`."""

from contextlib import contextmanager


# --- collect_attention ---


def _run(model, inputs):
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def _attentions(model):
    return [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]


@contextmanager
def _careful(model, evaluate=True, restore=True, gradient=False, fast=False, put_back=True):
    """What surrounds the run when done with care; each argument leaves one part of the care out."""
    training, was_fast = model.training, torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(fast and was_fast)
    if evaluate:
        model.eval()
    try:
        with torch.set_grad_enabled(gradient):
            yield
    finally:
        if restore:
            model.train(training)
        if put_back:
            torch.backends.mha.set_fastpath_enabled(was_fast)


def _collect(model, inputs, care=None, ask=None, note=None, keep_hooks=False, finally_=True, layers=None):
    """The right way, with one of its parts replaced."""
    weights, each = [], {"need_weights": True, "average_attn_weights": False} if ask is None else ask
    note = note or (lambda layer, args, output: weights.append(output[1]))
    layers = _attentions(model) if layers is None else layers
    hooks = [layer.register_forward_pre_hook(lambda layer, args, kwargs: (args, kwargs | each), with_kwargs=True) for layer in layers]
    hooks += [layer.register_forward_hook(note) for layer in layers]
    failed = True
    try:
        with _careful(model, **(care or {})):
            _run(model, inputs)
        failed = False
    finally:
        if not keep_hooks and (finally_ or not failed):
            for hook in hooks:
                hook.remove()
    return weights


@misconception(
    "collect_attention",
    what="The weights are the mean over the heads of each layer.",
    why="Heads look at different things, and their mean is a head that does not exist. Averaging is what PyTorch does unless told otherwise.",
)
def collect_averages(model, inputs):
    return _collect(model, inputs, ask={"need_weights": True})


@misconception(
    "collect_attention",
    what="Layers that were asked for no weights gave none.",
    why="PyTorch's encoder and decoder layers save work that way; they have to be asked, at every call.",
)
def collect_what_comes(model, inputs):
    return _collect(model, inputs, ask={"average_attn_weights": False})


@misconception(
    "collect_attention",
    what="Only the model's direct children were searched, so layers inside an encoder are missing.",
    why="Models are nested: attention usually sits three levels down.",
)
def collect_from_children(model, inputs):
    return _collect(model, inputs, layers=[layer for layer in model.children() if isinstance(layer, nn.MultiheadAttention)])


@misconception(
    "collect_attention",
    what="The list follows the order in which the layers were made, not that of their calls.",
    why="Layer 0 of the picture would then be another layer than the first one that reads, and a product over layers makes no sense.",
)
def collect_in_the_order_of_making(model, inputs):
    found = {layer: [] for layer in _attentions(model)}
    _collect(model, inputs, note=lambda layer, args, output: found[layer].append(output[1]))
    return [weights for layer in found.values() for weights in layer]


@misconception(
    "collect_attention",
    what="Of a layer that is called more than once, only one call is kept.",
    why="Models that share weights between layers read again with the same module; each reading is a step of its own.",
)
def collect_once_for_each_layer(model, inputs):
    found = {}
    _collect(model, inputs, note=lambda layer, args, output: found.update({layer: output[1]}))
    return list(found.values())


@misconception(
    "collect_attention",
    what="The model was read in training mode, so dropout has removed weights at random.",
    why="Rows no longer sum to one, and each look at the same sentence shows another picture.",
)
def collect_while_training(model, inputs):
    return _collect(model, inputs, care={"evaluate": False})


@misconception(
    "collect_attention",
    what="The model stays in evaluation mode.",
    why="Looking must not change what is looked at: the training that goes on afterwards would silently have no dropout.",
)
def collect_and_stay_in_evaluation(model, inputs):
    return _collect(model, inputs, care={"restore": False})


@misconception(
    "collect_attention",
    what="The model is put into training mode at the end, in whichever mode it was.",
    why="Whoever was evaluating goes on with dropout switched on, and wonders about scores that change from run to run.",
)
def collect_and_train(model, inputs):
    weights = _collect(model, inputs)
    model.train()
    return weights


@misconception(
    "collect_attention",
    what="The hooks stay on the model.",
    why="Each later call of the model goes on collecting, so memory fills up, and the next look collects everything twice.",
)
def collect_and_leave_hooks(model, inputs):
    return _collect(model, inputs, keep_hooks=True)


@misconception(
    "collect_attention",
    what="When the model raises an error, the hooks stay on it.",
    why="One wrong input, and every later look at the same model is spoiled.",
)
def collect_without_cleaning_up(model, inputs):
    return _collect(model, inputs, finally_=False)


@misconception(
    "collect_attention",
    what="When the model raises an error, it stays in evaluation mode.",
    why="One wrong input, and the training that goes on afterwards has no dropout.",
)
def collect_and_forget_the_mode(model, inputs):
    training = model.training
    weights = _collect(model, inputs, care={"restore": False})
    model.train(training)
    return weights


@misconception(
    "collect_attention",
    what="An error of the model was caught and kept quiet.",
    why="Whoever called believes that the list is complete, and learns nothing of what went wrong.",
)
def collect_quietly(model, inputs):
    try:
        return _collect(model, inputs)
    except Exception:
        return []


@misconception(
    "collect_attention",
    what="Gradients were recorded while the model read.",
    why="Nobody will go backward from here; recording costs memory, and some models behave differently while it is on.",
)
def collect_with_gradients(model, inputs):
    return _collect(model, inputs, care={"gradient": True})


@misconception(
    "collect_attention",
    what="The fast path was on, so padded queries have rows of zeros.",
    why="Their rows do not sum to one; a mean over queries is then too small, in each sequence by another amount.",
)
def collect_on_the_fast_path(model, inputs):
    return _collect(model, inputs, care={"fast": True})


@misconception(
    "collect_attention",
    what="PyTorch's fast path stays switched off.",
    why="That switch is global: everything that runs in this process afterwards is slower.",
)
def collect_and_stay_slow(model, inputs):
    return _collect(model, inputs, care={"put_back": False})


@misconception(
    "collect_attention",
    what="The batch is gone: only the first sequence, or the mean over sequences, is left.",
    why="Other exercises average over a batch; and a mean over sentences is a picture of none of them.",
)
def collect_the_first_sequence(model, inputs):
    return [weights[0] for weights in _collect(model, inputs)]


@misconception(
    "collect_attention",
    what="The first entry of the inputs was taken for all of them.",
    why="A model with two arguments needs both, and a batch of sequences is not a list of arguments.",
)
def collect_with_the_first_argument(model, inputs):
    return _collect(model, inputs[0] if isinstance(inputs, tuple) else inputs)


@misconception(
    "collect_attention",
    what="What was collected are the outputs of the layers, not their weights.",
    why="An attention layer gives back two things: what it says, and where it looked.",
)
def collect_outputs(model, inputs):
    found = []
    _collect(model, inputs, note=lambda layer, args, output: found.append(output[0]))
    return found


@misconception(
    "collect_attention",
    what="The layers' methods were replaced, and stay replaced.",
    why="The model is another one now: each later call goes through your code.",
)
def collect_and_leave_a_wrapper(model, inputs):
    found = []

    def wrapped(forward):
        def with_weights(*args, **kwargs):
            result = forward(*args, **(kwargs | {"need_weights": True, "average_attn_weights": False}))
            found.append(result[1])
            return result

        return with_weights

    for layer in _attentions(model):
        layer.forward = wrapped(layer.forward)
    with _careful(model):
        _run(model, inputs)
    return found


# --- head_entropy ---


def _bits(weights):
    return -torch.xlogy(weights, weights) / math.log(2)


@misconception(
    "head_entropy",
    what="The entropy is in nats: the logarithm has another base.",
    why="With bits, 3 means as spread out as over eight keys; in nats nobody reads that off.",
)
def entropy_in_nats(weights):
    return -torch.xlogy(weights, weights).sum(dim=-1).mean(dim=-1)


@misconception(
    "head_entropy",
    what="A weight of zero makes the result NaN: zero times minus infinity.",
    why="Every causal head has such weights. In the limit they add nothing.",
)
def entropy_of_zero_is_nan(weights):
    return -(weights * torch.log2(weights)).sum(dim=-1).mean(dim=-1)


@misconception(
    "head_entropy",
    what="A constant was added to all weights before the logarithm, and it is large enough to show.",
    why="It repairs the zeros and bends everything else: a head that looks at one key only no longer has 0 bits.",
)
def entropy_with_a_large_epsilon(weights):
    return -(weights * torch.log2(weights + 1e-3)).sum(dim=-1).mean(dim=-1)


@misconception(
    "head_entropy",
    what="The entropy is that of the mean row: first averaged over the queries, then measured.",
    why="A head in which each query looks at one key of its own is as sharp as can be, and would be called spread out.",
)
def entropy_of_the_mean_row(weights):
    return _bits(weights.mean(dim=-2)).sum(dim=-1)


@misconception(
    "head_entropy",
    what="The entropy runs along the queries instead of the keys.",
    why="Rows sum to one, columns do not: along a column there is no distribution to measure.",
)
def entropy_of_columns(weights):
    return _bits(weights).sum(dim=-2).mean(dim=-1)


@misconception(
    "head_entropy",
    what="Summed over the queries instead of averaged.",
    why="Longer sequences would look more spread out for no other reason than their length.",
)
def entropy_summed_over_queries(weights):
    return _bits(weights).sum(dim=(-2, -1))


@misconception(
    "head_entropy",
    what="There is one number for the whole tensor instead of one for each head.",
    why="Sharp and diffuse heads stand side by side in one layer; their mean describes neither.",
)
def entropy_of_everything(weights):
    return _bits(weights).sum(dim=-1).mean()


@misconception(
    "head_entropy",
    what="The mean runs over the sequences too, so the leading axes are lost.",
    why="Whether a head is sharp differs from sentence to sentence; the caller decides whether to average that.",
)
def entropy_without_the_batch(weights):
    return _bits(weights).sum(dim=-1).mean(dim=-1).flatten(0, -2).mean(dim=0) if weights.dim() > 3 else _bits(weights).sum(-1).mean(-1)


@misconception(
    "head_entropy",
    what="The sign is missing, so the entropy is negative.",
    why="A logarithm of a share is below zero; an entropy is not.",
)
def entropy_below_zero(weights):
    return -_bits(weights).sum(dim=-1).mean(dim=-1)


# --- find_head ---


def _best(weights, score):
    scores = {(layer, head): float(score(table[:, head])) for layer, table in enumerate(weights) for head in range(table.shape[1])}
    (layer, head), best = max(scores.items(), key=lambda item: item[1])
    return layer, head, best


def _marked(pattern):
    rows = pattern.any(dim=-1)
    if not rows.any():
        raise ValueError("no key is marked")
    return rows


@misconception(
    "find_head",
    what="The mean runs over all queries, those without a marked key included.",
    why="A query that has nothing to find gets a share of zero, so rare patterns score low in every head, whatever the head does.",
)
def find_over_all_queries(weights, pattern):
    _marked(pattern)
    return _best(weights, lambda table: (table * pattern).sum(dim=-1).mean())


@misconception(
    "find_head",
    what="The mean runs over the marked entries, so a query with many marked keys counts often and each with a small weight.",
    why="A head that hands all its attention to four marked keys does what was asked as well as one that gives it to one.",
)
def find_over_marked_entries(weights, pattern):
    _marked(pattern)
    return _best(weights, lambda table: table[:, pattern].mean())


@misconception(
    "find_head",
    what="The pattern was read the other way around: keys that are looked at by the marked queries.",
    why="Previous and next token would be the same pattern. The first axis asks, the second is looked at.",
)
def find_along_columns(weights, pattern):
    columns = pattern.any(dim=0)
    if not columns.any():
        raise ValueError("no key is marked")
    return _best(weights, lambda table: (table * pattern).sum(dim=-2)[..., columns].mean())


@misconception(
    "find_head",
    what="Only the first sequence of the batch was looked at.",
    why="One sentence may fit a pattern by chance; the mean over many does not.",
)
def find_in_the_first_sequence(weights, pattern):
    rows = _marked(pattern)
    return _best(weights, lambda table: (table[0] * pattern).sum(dim=-1)[rows].mean())


@misconception(
    "find_head",
    what="Layer and head were computed from one running number as if all layers had the same number of heads.",
    why="Where they have not, the score belongs to another head than the one that is named.",
)
def find_with_a_running_number(weights, pattern):
    rows = _marked(pattern)
    scores = torch.cat([(table * pattern).sum(dim=-1)[..., rows].mean(dim=(0, 2)) for table in weights])
    best, heads = int(scores.argmax()), weights[0].shape[1]
    return best // heads, best % heads, float(scores[best])


@misconception(
    "find_head",
    what="Layers and heads are counted from 1.",
    why="The views, PyTorch, and the next exercise count from 0; whoever silences the head you name would silence its neighbor.",
)
def find_counting_from_one(weights, pattern):
    rows = _marked(pattern)
    layer, head, score = _best(weights, lambda table: (table * pattern).sum(dim=-1)[..., rows].mean())
    return layer + 1, head + 1, score


@misconception(
    "find_head",
    what="The best head of the last layer was returned, not the best of all.",
    why="Heads with a clear pattern are often found in early layers.",
)
def find_in_the_last_layer(weights, pattern):
    rows = _marked(pattern)
    _, head, score = _best(weights[-1:], lambda table: (table * pattern).sum(dim=-1)[..., rows].mean())
    return len(weights) - 1, head, score


@misconception(
    "find_head",
    what="It counts how often the strongest key is a marked one, not how much attention marked keys get.",
    why="A head that hardly prefers the marked key, and one that looks nowhere else, would score the same.",
)
def find_by_the_strongest_key(weights, pattern):
    rows = _marked(pattern)
    place = torch.arange(len(pattern))
    return _best(weights, lambda table: pattern[place, table.argmax(dim=-1)][:, rows].double().mean())


@misconception(
    "find_head",
    what="A pattern without a mark gives an answer all the same.",
    why="A score of zero, or NaN, for a head picked at random looks like a finding.",
)
def find_nothing_and_say_something(weights, pattern):
    if not pattern.any():
        return 0, 0, 0.0
    rows = pattern.any(dim=-1)
    return _best(weights, lambda table: (table * pattern).sum(dim=-1)[..., rows].mean())


# --- attention_rollout ---


def _roll(weights, step, last_first=False):
    """The product of step(layer) of all layers, later ones on the left unless `last_first`."""
    result = None
    for table in weights:
        mixed = step(table)
        result = mixed if result is None else (result @ mixed if last_first else mixed @ result)
    return result


def _eye(table):
    return torch.eye(table.shape[-1], dtype=table.dtype)


def _usual(table):
    mixed = table.mean(dim=1) + _eye(table)
    return mixed / mixed.sum(dim=-1, keepdim=True)


@misconception(
    "attention_rollout",
    what="The layers were multiplied in the opposite order.",
    why="Matrix products do not commute: the layer that reads first has to meet the input first.",
)
def rollout_backward(weights):
    return _roll(weights, _usual, last_first=True)


@misconception(
    "attention_rollout",
    what="The residual was left out: no identity is mixed in.",
    why="Each token also keeps what it had. Without that, information seems to blur within a few layers.",
)
def rollout_without_residual(weights):
    def step(table):
        mixed = table.mean(dim=1)
        return mixed / mixed.sum(dim=-1, keepdim=True).clamp(min=1e-12)

    return _roll(weights, step)


@misconception(
    "attention_rollout",
    what="The rows were not divided by their sum.",
    why="Where rows do not sum to one, what reaches an output shrinks or grows from layer to layer and is no share any more.",
)
def rollout_not_normalized(weights):
    return _roll(weights, lambda table: (table.mean(dim=1) + _eye(table)) / 2)


@misconception(
    "attention_rollout",
    what="Attention and identity were added but neither halved nor divided by the sum of the row.",
    why="Every layer doubles the total: the numbers grow with depth instead of remaining shares.",
)
def rollout_that_doubles(weights):
    return _roll(weights, lambda table: table.mean(dim=1) + _eye(table))


@misconception(
    "attention_rollout",
    what="The columns were divided by their sum, not the rows.",
    why="A row says where an output's content comes from, so a row must sum to one.",
)
def rollout_by_columns(weights):
    def step(table):
        mixed = table.mean(dim=1) + _eye(table)
        return mixed / mixed.sum(dim=-2, keepdim=True)

    return _roll(weights, step)


@misconception(
    "attention_rollout",
    what="Layers were multiplied entry by entry instead of as matrices.",
    why="A path goes from a token to another and on to a third; entry by entry, only paths that never change their ends survive.",
)
def rollout_entry_by_entry(weights):
    result = _usual(weights[0])
    for table in weights[1:]:
        result = result * _usual(table)
    return result


@misconception(
    "attention_rollout",
    what="The layers were averaged, not multiplied.",
    why="Then no information ever takes two steps, and depth would not matter.",
)
def rollout_as_a_mean(weights):
    return sum(_usual(table) for table in weights) / len(weights)


@misconception(
    "attention_rollout",
    what="The strongest head stands for its layer instead of the mean over heads.",
    why="It is a variant with other numbers; which one is meant has to be said, and the docstring asks for the mean.",
)
def rollout_of_the_strongest_head(weights):
    return _roll(weights, lambda table: _usual(table.amax(dim=1, keepdim=True)))


@misconception(
    "attention_rollout",
    what="The last layer alone was returned.",
    why="Its keys are not the input tokens but what earlier layers made of them.",
)
def rollout_of_the_last_layer(weights):
    return _usual(weights[-1])


# --- ablate_head ---


def _silenced(model, inputs, layer, head, hush, evaluate=True, check=True, clean_up=True):
    """The right way, with hush(module, head) for what is done to the layer, which returns how to undo it."""
    calls, undo = [], []

    def before(module, args):
        if len(calls) == layer and (not check or 0 <= head < module.num_heads):
            undo.append(hush(module, head))
        calls.append(module)

    hooks = [module.register_forward_pre_hook(before) for module in _attentions(model)]
    training, failed = model.training, True
    with torch.no_grad():
        try:
            if evaluate:
                model.eval()
            result = _run(model, inputs)
            failed = False
        finally:
            for hook in hooks:
                hook.remove()
            if clean_up or not failed:
                for step in undo:
                    step()
            model.train(training)
    if check and not undo:
        raise ValueError("there is no such head")
    return result


def _own(module, head):
    return slice(head * module.head_dim, (head + 1) * module.head_dim)


def _zero(parameter, place):
    """Set a part of a parameter to zero; returns how to undo it."""
    values = parameter.clone()
    parameter[place] = 0
    return lambda: parameter.copy_(values)


def _zero_columns(module, head):
    return _zero(module.out_proj.weight, (slice(None), _own(module, head)))


@misconception(
    "ablate_head",
    what="Rows of the output projection were silenced, not columns.",
    why="A row makes one number of the stream out of all heads; a head owns columns.",
)
def ablate_rows(model, inputs, layer, head):
    return _silenced(model, inputs, layer, head, lambda module, h: _zero(module.out_proj.weight, _own(module, h)))


@misconception(
    "ablate_head",
    what="The whole layer was silenced.",
    why="The question is what one head contributes; its neighbors must go on.",
)
def ablate_the_layer(model, inputs, layer, head):
    return _silenced(model, inputs, layer, head, lambda module, h: _zero(module.out_proj.weight, slice(None)))


@misconception(
    "ablate_head",
    what="The bias of the output projection was silenced too.",
    why="It belongs to no head: it is added once, whatever the heads say.",
)
def ablate_the_bias_too(model, inputs, layer, head):
    def hush(module, h):
        steps = _zero_columns(module, h), _zero(module.out_proj.bias, slice(None))
        return lambda: [step() for step in steps]

    return _silenced(model, inputs, layer, head, hush)


@misconception(
    "ablate_head",
    what="The head's queries were silenced: it now looks everywhere alike, and still speaks.",
    why="Uniform attention is a head that says the mean of all values, not a head that says nothing.",
)
def ablate_the_queries(model, inputs, layer, head):
    def hush(module, h):
        steps = _zero(module.in_proj_weight, _own(module, h)), _zero(module.in_proj_bias, _own(module, h))
        return lambda: [step() for step in steps]

    return _silenced(model, inputs, layer, head, hush)


@misconception(
    "ablate_head",
    what="The weight of the head's values was silenced but not their bias, so it still says a constant.",
    why="A blend of equal constants is that constant: a contribution, if a dull one.",
)
def ablate_values_but_not_their_bias(model, inputs, layer, head):
    def hush(module, h):
        first = 2 * module.embed_dim + h * module.head_dim
        return _zero(module.in_proj_weight, slice(first, first + module.head_dim))

    return _silenced(model, inputs, layer, head, hush)


@misconception(
    "ablate_head",
    what="Every so-manyth column was silenced, as if the heads' columns were interleaved.",
    why="Heads are joined side by side: all columns of head 0 first, then all of head 1.",
)
def ablate_interleaved(model, inputs, layer, head):
    return _silenced(model, inputs, layer, head, lambda m, h: _zero(m.out_proj.weight, (slice(None), slice(h, None, m.num_heads))))


@misconception(
    "ablate_head",
    what="A single column was silenced, that of the head's number, instead of the head's whole width.",
    why="A head is several columns wide; the rest of it goes on speaking.",
)
def ablate_one_column(model, inputs, layer, head):
    return _silenced(model, inputs, layer, head, lambda module, h: _zero(module.out_proj.weight, (slice(None), slice(h, h + 1))))


@misconception(
    "ablate_head",
    what="All other heads were silenced and the named one kept.",
    why="That asks what the head can do alone, another question with another answer.",
)
def ablate_the_others(model, inputs, layer, head):
    def hush(module, h):
        values = module.out_proj.weight.clone()
        module.out_proj.weight[:] = 0
        module.out_proj.weight[:, _own(module, h)] = values[:, _own(module, h)]
        return lambda: module.out_proj.weight.copy_(values)

    return _silenced(model, inputs, layer, head, hush)


@misconception(
    "ablate_head",
    what="The head stays silent afterwards: the model's parameters have changed.",
    why="Silence one head after the other, and in the end all are silent at once.",
)
def ablate_for_good(model, inputs, layer, head):
    def hush(module, h):
        _zero_columns(module, h)
        return lambda: None

    return _silenced(model, inputs, layer, head, hush)


@misconception(
    "ablate_head",
    what="After an error of the model, the head stays silent.",
    why="One wrong input, and the model is another one, without a word.",
)
def ablate_without_cleaning_up(model, inputs, layer, head):
    return _silenced(model, inputs, layer, head, _zero_columns, clean_up=False)


@misconception(
    "ablate_head",
    what="The model ran in training mode, so dropout acted as well.",
    why="Two things were changed at once, and one of them at random; the difference is no longer the head's.",
)
def ablate_while_training(model, inputs, layer, head):
    return _silenced(model, inputs, layer, head, _zero_columns, evaluate=False)


@misconception(
    "ablate_head",
    what="Layers were counted in the order in which they were made.",
    why="What collecting calls layer 0 is the first one that reads; the same number must mean the same layer.",
)
def ablate_in_the_order_of_making(model, inputs, layer, head):
    layers = _attentions(model)
    if not (0 <= layer < len(layers) and 0 <= head < layers[layer].num_heads):
        raise ValueError("there is no such head")
    training = model.training
    with torch.no_grad():
        undo = _zero_columns(layers[layer], head)
        try:
            return _run(model.eval(), inputs)
        finally:
            undo()
            model.train(training)


@misconception(
    "ablate_head",
    what="A head or layer that does not exist is passed over in silence: the whole model answers.",
    why="No difference then means that nothing was silenced, and is read as a head that does not matter.",
)
def ablate_nothing(model, inputs, layer, head):
    def hush(module, h):
        return _zero_columns(module, h) if 0 <= h < module.num_heads else lambda: None

    return _silenced(model, inputs, layer, head, hush, check=False)
