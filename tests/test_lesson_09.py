"""Lesson 09: what its text says it finds in trained models is found there, with the exercises' own reference."""

import math

import pytest
import torch
import torch.nn.functional as F

reference = pytest.importorskip("autograder.grading.reference")
trained = pytest.importorskip("course.trained")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def lesson() -> dict:
    return reference.namespace("09_seeing_attention")


@pytest.fixture(scope="module")
def minilm(lesson):
    """The attention of MiniLM on the lesson's two sentences, its tokens, and the model."""
    pytest.importorskip(trained.MINILM)
    model, tokenizer = trained.minilm()
    attention, tokens = lesson["read_pair"](model, tokenizer)
    return attention, tokens, model


@pytest.fixture(scope="module")
def pages() -> tuple:
    """Lesson 06's GPT, and 200 windows that it has not read."""
    gpt, book = trained.gpt()
    return gpt, book.test[: len(book.test) // 32 * 32].view(-1, 32)[:200]


@pytest.fixture(scope="module")
def replays() -> tuple:
    """Lesson 05's translator, new runs, the beginnings of their replays, and the replays."""
    translator, _, _ = trained.translator()
    torch.manual_seed(9)
    places, after = torch.randint(4, 12, (300, 4)), torch.randint(4, 12, (300, 2))
    runs = torch.cat([places, torch.full((300, 1), 3), after], dim=1)
    told = torch.cat([torch.full((300, 1), 1), places.flip(1)], dim=1)
    return translator, (runs, told), torch.cat([places.flip(1), torch.full((300, 1), 2)], dim=1)


def bits(gpt, logits, pages) -> float:
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), pages[:, 1:].flatten()).item() / math.log(2)


def right(logits, wanted) -> float:
    return (logits.argmax(dim=-1) == wanted).all(dim=1).float().mean().item()


def test_the_same_token_head_of_minilm_is_layer_2_head_9(lesson, minilm):
    attention, tokens, _ = minilm
    layer, head, score = lesson["find_head"](attention, lesson["same_token"](tokens))
    assert (layer, head) == (2, 9)
    assert score > 3 * lesson["chance"](lesson["same_token"](tokens))


def test_that_head_sends_most_of_its_attention_from_cat_to_cat(minilm):
    attention, tokens, _ = minilm
    first, second = (place for place, token in enumerate(tokens) if token == "cat")
    assert attention[2][0, 9, first, second] == pytest.approx(0.89, abs=0.03)


def test_minilm_has_a_previous_token_head_in_layer_0(lesson, minilm):
    layer, head, score = lesson["find_head"](minilm[0], lesson["previous_token"](len(minilm[1])))
    assert (layer, head) == (0, 2) and score > 0.9


def test_our_gpt_has_a_previous_token_head_in_layer_0(lesson, pages):
    weights = lesson["collect_attention"](*pages)
    layer, head, score = lesson["find_head"](weights, lesson["previous_token"](32))
    assert (layer, head) == (0, 2)
    assert score == pytest.approx(0.35, abs=0.02)


def test_losing_that_head_costs_our_gpt_most(lesson, pages):
    gpt, windows = pages
    silent = {(i, j): bits(gpt, lesson["ablate_head"](gpt, windows, i, j), windows) for i in range(2) for j in range(4)}
    assert max(silent, key=silent.get) == (0, 2)


def test_random_weights_have_no_such_heads(lesson, pages):
    torch.manual_seed(9)
    weights = lesson["collect_attention"](trained.LanguageModel(), pages[1])
    assert lesson["find_head"](weights, lesson["previous_token"](32))[2] < 0.13


def test_words_look_at_cls_whose_values_are_nearly_empty(lesson, minilm):
    attention, tokens, model = minilm
    words = torch.tensor([not token.startswith("[") for token in tokens])
    assert all(layer[0][:, words, 0].mean() > 0.45 for layer in attention[1:5])
    sizes = []
    layers = [layer.attention.self.value for layer in model.encoder.layer[1:5]]
    hooks = [layer.register_forward_hook(lambda m, a, out: sizes.append(out.view(15, 12, 32).norm(dim=-1).mean(dim=1))) for layer in layers]
    lesson["read_pair"](model, trained.minilm()[1])
    for hook in hooks:
        hook.remove()
    assert len(sizes) == 4 and all(size[0] < 0.15 * size[words].mean() for size in sizes)


def test_rollout_says_that_most_comes_from_cls(lesson, minilm):
    assert lesson["attention_rollout"](list(minilm[0]))[0, :, 0].mean() == pytest.approx(0.56, abs=0.02)


def test_without_eager_attention_the_lesson_says_so(lesson, minilm):
    _, tokenizer = trained.minilm()
    model = minilm[2]
    model.set_attn_implementation("sdpa")
    try:
        with pytest.raises(AssertionError, match="eager"):
            lesson["read_pair"](model, tokenizer)
    finally:
        model.set_attn_implementation("eager")


def test_the_clearest_head_of_the_translator_can_be_spared(lesson, replays):
    translator, inputs, wanted = replays
    aligned = torch.zeros(5, 7, dtype=torch.bool)
    aligned[range(4), [3, 2, 1, 0]] = True
    tables = lesson["collect_attention"](translator, inputs)
    across = {place: lesson["find_head"]([tables[place]], aligned) for place in (3, 5)}
    assert across[5][2] > 0.98 > across[3][2]
    assert right(lesson["ablate_head"](translator, inputs, 5, across[5][1]), wanted) > 0.95


def test_a_head_that_is_hardly_aligned_is_indispensable(lesson, replays):
    translator, inputs, wanted = replays
    assert right(translator(*inputs), wanted) > 0.99
    assert right(lesson["ablate_head"](translator, inputs, 3, 0), wanted) < 0.05


def test_all_aligned_heads_together_cannot_be_spared(replays):
    translator, inputs, wanted = replays
    weight = translator.decoder.layers[1].multihead_attn.out_proj.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.zero_()
        assert right(translator(*inputs), wanted) < 0.05
        weight.copy_(kept)


def test_silencing_every_head_of_a_layer_leaves_its_bias(lesson):
    torch.manual_seed(9)
    layer, x = torch.nn.MultiheadAttention(6, 1, batch_first=True), torch.randn(2, 3, 6)
    with torch.no_grad():
        layer.out_proj.bias.normal_()
    output, _ = lesson["ablate_head"](layer, (x, x, x), 0, 0)
    torch.testing.assert_close(output, layer.out_proj.bias.detach().expand(2, 3, 6))


def test_hidden_heads_of_torch_transformer_are_collected_as_its_own_layers_see_them(lesson):
    torch.manual_seed(9)
    model = torch.nn.Transformer(8, 2, 2, 2, 16, batch_first=True).eval()
    weights = lesson["collect_attention"](model, (torch.randn(3, 5, 8), torch.randn(3, 4, 8)))
    assert [tuple(table.shape[1:]) for table in weights] == [(2, 5, 5)] * 2 + [(2, 4, 4), (2, 4, 5)] * 2
    assert all(torch.allclose(table.sum(dim=-1), torch.ones(())) for table in weights)
