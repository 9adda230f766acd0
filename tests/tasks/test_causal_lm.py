"""The loss of a language model, what it says of a row, and the tokens that are drawn."""

import numpy as np
import pytest
import torch

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.gradients.engine import GradientEngine
from attribution.models.gpt import Gpt
from attribution.tasks.causal_lm import CausalLanguageModel, CausalSettings

VOCABULARY = ["<padding>", "<unknown>", "<start>", "<end>", *"abcdefgh"]


@pytest.fixture
def model():
    torch.manual_seed(3)
    return Gpt(VOCABULARY, 9, 8).double()


@pytest.fixture
def batch():
    rng = np.random.default_rng(5)
    x = torch.zeros(4, 2, 9, dtype=torch.int64)
    x[:, 1] = -1
    for row, length in enumerate((9, 5, 7, 3)):
        x[row, 0, :length] = torch.from_numpy(rng.integers(1, 12, length))
        x[row, 1, :length] = 0
        x[row, 1, length // 2 : length] = 1
    return x


def by_hand(model, row):
    """Mean of minus log softmax over the trained tokens of one row, without padding, by torch alone."""
    length = int((row[1] >= 0).sum())
    ids = row[0, :length][None]
    logs = model.logits(model.hidden(ids, torch.ones_like(ids, dtype=torch.bool)))[0].log_softmax(-1)
    trained = [place for place in range(1, length) if row[1, place] == 1]
    return torch.stack([-logs[place - 1, ids[0, place]] for place in trained])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_is_that_of_the_trained_tokens(model, batch, reduction):
    task = CausalLanguageModel(settings=CausalSettings(reduction=reduction))
    found = task.loss(model(batch), torch.zeros(4))
    wanted = [getattr(by_hand(model, row), reduction)() for row in batch]
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-12, atol=1e-12)


def test_padding_and_the_other_rows_change_nothing(model, batch):
    whole = model(batch)
    for row in range(4):
        alone = model(batch[row : row + 1])
        torch.testing.assert_close(whole[row : row + 1], alone, rtol=1e-10, atol=1e-10)
        wider = torch.nn.functional.pad(batch[row : row + 1], (0, 3))
        wider[:, 1, 9:] = -1
        torch.testing.assert_close(model(wider)[:, :9], alone, rtol=1e-10, atol=1e-10)


def test_drawn_tokens_follow_the_model(model):
    """Over many rows of one beginning the log probability drawn has the mean of the model's own distribution."""
    x = torch.zeros(1, 2, 4, dtype=torch.int64)
    x[0, 0] = torch.tensor([2, 5, 6, 7])
    x[0, 1] = torch.tensor([0, 0, 1, 1])
    model.head.weight.data *= 80
    logs = model.logits(model.hidden(x[:, 0, :3], x[:, 1, :3] >= 0)).log_softmax(-1)[0, 1]
    many = x.repeat(4000, 1, 1)
    # What follows stands behind the place and is not read there; what stands before makes the draw.
    from attribution.models.language import chances

    ids = many[:, 0].numpy().copy()
    ids[:, 0] = np.arange(4000)
    numbers = chances(ids)[:, 1]
    assert abs(numbers.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.05
    total = logs.exp().cumsum(0)
    drawn = np.searchsorted(total.detach().numpy(), numbers * float(total[-1].detach()))
    shares = np.bincount(drawn, minlength=12) / 4000
    np.testing.assert_allclose(shares, logs.exp().detach().numpy(), atol=0.03)


def test_gradients_are_exact(model, batch):
    task = CausalLanguageModel()
    engine = GradientEngine(model, task.loss)
    y = torch.zeros(4, dtype=torch.int64)
    found = engine.gradients(batch, y)
    for row in range(4):
        loss = task.loss(model(batch[row : row + 1]), y[:1]).sum()
        wanted = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        for (name, weight), slope in zip(model.named_parameters(), wanted, strict=True):
            slope = torch.zeros_like(weight) if slope is None else slope
            torch.testing.assert_close(found[name][row], slope, rtol=1e-9, atol=1e-12, msg=name)


def test_what_a_run_keeps_says_the_same(model, batch):
    task = CausalLanguageModel()
    outputs = model(batch).detach()
    said = task.said(outputs, np.zeros(4, dtype=np.int64))
    np.testing.assert_allclose(said["loss"], task.loss(outputs, outputs).numpy(), rtol=1e-6)
    np.testing.assert_allclose(said["margin"], task.log_odds(outputs, outputs).numpy(), rtol=1e-5)
    np.testing.assert_allclose(said["tokens"], [5, 3, 4, 2])
    back = task.outputs_kept(task.kept(outputs))
    np.testing.assert_allclose(task.loss(back, back).numpy(), said["loss"], rtol=1e-6)


def test_the_question_and_the_answer():
    talk = Conversation.of([("system", "Be short."), ("user", "Why?"), ("assistant", "Because.")])
    assert talk.question == "system: Be short.\nuser: Why?"
    assert talk.answer == "Because."
    assert Conversation.from_json(talk.to_json()) == talk
    assert talk.answered("So.").turns[-1] == Turn("assistant", "So.", True)
    assert len(talk.prompt.turns) == 2
