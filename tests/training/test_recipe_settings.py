"""Every setting of the recipe: a plain PyTorch loop, written here anew, ends with the same weights."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from training_data import table

from attribution.errors import Cancelled, UserError
from attribution.models.build import build_model
from attribution.models.checkpoints import save_checkpoint, weights_hash
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig, request_of, to_dict
from attribution.training.recipe import epoch_order, epoch_seed
from attribution.training.schedules import learning_rate
from attribution.training.train import fit, train

MLP = ModelConfig("mlp", width=16)
FAST = TrainConfig(epochs=4, batch_size=16, lr=0.05, checkpoints=2, device="cpu")
CHANGES = [
    {"optimizer": "adamw", "betas": (0.8, 0.95), "lr": 0.01},
    {"optimizer": "adam", "betas": (0.5, 0.9), "lr": 0.01},
    {"optimizer": "nesterov"},
    {"optimizer": "rmsprop", "lr": 0.001},
    {"warmup": 0.25},
    {"warmup": 2.0, "schedule": "linear"},
    {"schedule": "step"},
    {"schedule": "onecycle"},
    {"clip": 0.2},
    {"ema": 0.9},
    {"precision": "bfloat16"},
    {"freeze": ("all-but-last",)},
    {"freeze": ("*.bias",), "clip": 0.5, "ema": 0.5, "optimizer": "adamw", "lr": 0.01},
    {"patience": 1, "lr": 0.5, "epochs": 8},
]
IDS = ["-".join(change) for change in CHANGES]


@pytest.fixture
def data(tmp_path):
    return table(tmp_path / "data")


def torchs_rates(config, steps):
    """Learning rates of every step by PyTorch's own schedulers."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=config.lr)
    lr = torch.optim.lr_scheduler
    warm = round(config.warmup * steps if config.warmup < 1 else config.warmup * steps / config.epochs)
    made = {
        "cosine": lambda: lr.CosineAnnealingLR(optimizer, steps - warm),
        "linear": lambda: lr.LinearLR(optimizer, 1.0, 0.0, steps - warm),
        "step": lambda: lr.MultiStepLR(optimizer, [-(-steps // 2), -(-3 * steps // 4)]),
        "onecycle": lambda: lr.OneCycleLR(optimizer, config.lr, steps, cycle_momentum=False),
        "constant": lambda: lr.ConstantLR(optimizer, 1.0),
    }[config.schedule]()
    rates = []
    for step in range(steps):
        if step < warm:
            rates.append(config.lr * (step + 1) / warm)
            continue
        rates.append(made.get_last_lr()[0])
        optimizer.step()
        made.step()
    return rates


def optimizer_of(config, weights):
    kinds = {
        "sgd": lambda: torch.optim.SGD(weights, momentum=0.9, weight_decay=5e-4),
        "nesterov": lambda: torch.optim.SGD(weights, momentum=0.9, weight_decay=5e-4, nesterov=True),
        "adam": lambda: torch.optim.Adam(weights, betas=config.betas, weight_decay=5e-4),
        "adamw": lambda: torch.optim.AdamW(weights, betas=config.betas, weight_decay=5e-4),
        "rmsprop": lambda: torch.optim.RMSprop(weights, weight_decay=5e-4),
    }
    return kinds[config.optimizer]()


def plain_loop(data, config, start=None):
    """What a user would write."""
    model = build_model(MLP, data.info, config.seed) if start is None else start
    frozen = {
        ("all-but-last",): lambda name: name not in ("5.weight", "5.bias"),
        ("*.bias",): lambda name: name.endswith("bias"),
    }.get(config.freeze, lambda name: False)
    for name, weight in model.named_parameters():
        weight.requires_grad_(not frozen(name))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = optimizer_of(config, weights)
    x, y = data.tensor(data.rows("train")), torch.from_numpy(data.labels[data.rows("train")]).long()
    held, wanted = data.tensor(data.rows("val")), torch.from_numpy(data.labels[data.rows("val")]).long()
    rates = iter(torchs_rates(config, config.epochs * -(-len(x) // config.batch_size)))
    average, best, waited, step = copy.deepcopy(model), (np.inf, None), 0, 0
    for epoch in range(1, config.epochs + 1):
        order = epoch_order(np.ones(len(x), dtype=bool), epoch_seed(config.seed, epoch))
        for batch in order.split(config.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = next(rates)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=config.precision == "bfloat16"):
                outputs = model(x[batch])
            optimizer.zero_grad()
            cross_entropy(outputs.float(), y[batch]).backward()
            if config.clip:
                torch.nn.utils.clip_grad_norm_(weights, config.clip)
            optimizer.step()
            step += 1
            decay = min(config.ema, (1 + step) / (10 + step))
            for mean, now in zip(average.parameters(), model.parameters(), strict=True):
                mean.data = decay * mean.data + (1 - decay) * now.data
        asked = average if config.ema else model
        with torch.no_grad():
            loss = float(cross_entropy(asked.eval()(held), wanted))
        model.train()
        waited = 0 if loss < best[0] else waited + 1
        best = (loss, copy.deepcopy(asked), epoch) if loss < best[0] else best
        if config.patience and waited == config.patience:
            break
    return (best[1], best[2]) if config.patience else (asked, config.epochs)


@pytest.mark.parametrize("change", CHANGES, ids=IDS)
def test_a_plain_loop_gives_the_same_weights(data, tmp_path, change):
    recipe = dataclasses.replace(FAST, **change)
    run = train(data, data.base_version(), MLP, recipe, tmp_path / "runs")
    expected, last = plain_loop(data, recipe)
    found = run.model(dataset=data)
    for (name, mine), theirs in zip(found.state_dict().items(), expected.state_dict().values(), strict=True):
        assert torch.allclose(mine, theirs, atol=2e-6), name
    assert run.config["checkpoints"][-1]["epoch"] == last == run.metrics()["epoch"].max()
    assert set(run.dynamics()["epoch"]) == set(range(1, last + 1))
    base = weights_hash(train(data, data.base_version(), MLP, FAST, tmp_path / "runs").model(dataset=data))
    assert weights_hash(found) != base  # so that the setting did something
    assert weights_hash(fit(data, data.base_version(), MLP, recipe)) == weights_hash(found)
    plain = recipe.optimizer in ("sgd", "nesterov") and not recipe.ema
    assert run.config["weight_unit"] == ("nats" if plain else "order")


@pytest.mark.parametrize("change", CHANGES, ids=IDS)
def test_an_interrupted_training_ends_with_the_same_weights(data, tmp_path, change):
    recipe = dataclasses.replace(FAST, **change)

    def cut(done, total, message):
        if 2.2 < done * (recipe.epochs + 0.5) / total < 3:
            raise Cancelled

    whole = train(data, data.base_version(), MLP, recipe, tmp_path / "whole")
    if whole.config.get("stopped", {"after": 4})["after"] > 2:
        with pytest.raises(Cancelled):
            train(data, data.base_version(), MLP, recipe, tmp_path / "cut", Progress(cut, 0))
        assert list((tmp_path / "cut").glob("*/.state/state.pt"))
    again = train(data, data.base_version(), MLP, recipe, tmp_path / "cut")
    assert weights_hash(again.model(dataset=data)) == weights_hash(whole.model(dataset=data))
    told = [[one[name] for name in ("file", "epoch", "lr", "weight")] for one in again.config["checkpoints"]]
    assert told == [[one[name] for name in ("file", "epoch", "lr", "weight")] for one in whole.config["checkpoints"]]
    assert again.metrics().equals(whole.metrics())


def test_a_training_may_start_from_the_loaded_weights(data, tmp_path):
    torch.manual_seed(5)
    given = build_model(MLP, data.info, 77)
    save_checkpoint(given, tmp_path / "mine.safetensors")
    model = dataclasses.replace(MLP, checkpoints=(str(tmp_path / "mine.safetensors"),))
    recipe = dataclasses.replace(FAST, start="loaded")
    run = train(data, data.base_version(), model, recipe, tmp_path / "runs")
    expected, _ = plain_loop(data, recipe, start=given)
    for mine, theirs in zip(run.model(dataset=data).parameters(), expected.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=2e-6)
    save_checkpoint(build_model(MLP, data.info, 78), tmp_path / "mine.safetensors")
    assert train(data, data.base_version(), model, recipe, tmp_path / "runs").id != run.id
    with pytest.raises(UserError, match="no weights were loaded"):
        train(data, data.base_version(), MLP, recipe, tmp_path / "runs")


def test_a_clipped_step_counts_by_how_far_it_went(data, tmp_path):
    """With a norm that always clips, TracIn's weights are those of the shortened steps."""
    recipe = dataclasses.replace(FAST, clip=0.01, momentum=0.0, weight_decay=0.0, schedule="constant", checkpoints=4)
    run = train(data, data.base_version(), MLP, recipe, tmp_path / "runs")
    first = run.config["checkpoints"][0]
    start = build_model(MLP, data.info, 0)
    moved = torch.cat(
        [
            (b - a).detach().flatten()
            for a, b in zip(start.parameters(), run.model(0, dataset=data).parameters(), strict=True)
        ]
    )
    assert float(moved.norm()) <= first["steps"] * 0.05 * 0.01 * 1.001
    assert first["weight"] < 0.2 * first["steps"] * 0.05 / 60
    assert first["weight"] == pytest.approx(first["lr"] * first["steps"] / 60)


def test_influence_is_of_the_trained_weights_alone(data, tmp_path):
    run = train(data, data.base_version(), MLP, dataclasses.replace(FAST, freeze=("all-but-last",)), tmp_path / "runs")
    asked = [name for name, weight in run.model(dataset=data).named_parameters() if weight.requires_grad]
    assert asked == ["5.weight", "5.bias"]
    for patterns, why in (("nothing.*",), "no weights of the model"), (("*",), "leaves no weights"):
        with pytest.raises(UserError, match=why):
            train(data, data.base_version(), MLP, dataclasses.replace(FAST, freeze=patterns), tmp_path / "runs")


def test_settings_that_came_later_are_in_no_key_at_their_defaults():
    first = "epochs batch_size optimizer lr momentum weight_decay schedule checkpoints seed device"
    assert list(request_of(TrainConfig())) == first.split()
    assert set(request_of(TrainConfig(clip=1.0))) == {*first.split(), "clip"}
    assert set(to_dict(TrainConfig())) > set(first.split())


def test_recipes_that_cannot_be_are_refused():
    for values, why in (
        ({"betas": (0.9,)}, "two means"),
        ({"warmup": 0.1, "schedule": "onecycle"}, "warm-up of its own"),
        ({"warmup": 12.0}, "never reach"),
        ({"optimizer": "nesterov", "momentum": 0.0}, "plain SGD"),
    ):
        with pytest.raises(UserError) as refused:
            TrainConfig(**values)
        assert why in str(refused.value)


def test_patience_needs_validation_samples(tmp_path):
    data = table(tmp_path / "data")
    labels = data.base_version()
    active = labels.active.copy()
    active[data.rows("val")] = False
    from attribution.datasets.dataset import Labels

    with pytest.raises(UserError, match="no validation samples"):
        train(
            data,
            Labels.of(data, data.labels, active),
            MLP,
            dataclasses.replace(FAST, patience=2),
            tmp_path / "runs",
        )


def test_rates_rise_and_fall_as_they_are_called():
    linear = [learning_rate(step, 10, TrainConfig(lr=1.0, schedule="linear", warmup=0.2)) for step in range(10)]
    assert linear[:3] == [0.5, 1.0, 1.0]
    assert linear[-1] == pytest.approx(1 / 8)
    stairs = [learning_rate(step, 8, TrainConfig(lr=1.0, schedule="step")) for step in range(8)]
    assert stairs == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])
