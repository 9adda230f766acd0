"""Train a network on a labelled version of the data, or take over the user's checkpoints, as a run folder.

    run = train(dataset, dataset.base_version(), ModelConfig(), TrainConfig(), Path("NAME/runs"))
    run.metrics(), run.dynamics(), run.outputs()

The same data, labels, network and recipe find the finished run and return at once; a training that was cut short goes
on after its last finished epoch and ends with the same weights, bit for bit on the CPU.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from attribution.datasets.dataset import Dataset, Labels
from attribution.datasets.handed import Inputs
from attribution.errors import UserError
from attribution.models.build import build_model, check_model, identity
from attribution.models.checkpoints import (
    BUILDER,
    checkpoint_hash,
    load_checkpoint,
    read_state,
    save_checkpoint,
    weights_hash,
)
from attribution.models.devices import pick_device, reproducible, seeded, use_fast_layout
from attribution.models.features import batch_coupled, count_parameters, device_of, inputs_of, prepare
from attribution.models.predict import HeldInputs, evaluate, predict
from attribution.models.series import listed
from attribution.models.user_code import said
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig, default_recipe, fingerprint, request_of, to_dict
from attribution.storage.files import whole_file
from attribution.storage.locks import alone
from attribution.storage.sums import finish
from attribution.storage.tables import write_table
from attribution.training.augmented import Augmented
from attribution.training.early import back_to_best, check_patience, going, note_best
from attribution.training.known import Known
from attribution.training.measured import dynamics_of, epoch_message, figure_words, figures_of, measure, steps_of
from attribution.training.recipe import (
    batches,
    checkpoint_epochs,
    epoch_order,
    epoch_seed,
    influence_weight,
    make_optimizer,
)
from attribution.training.run import Run
from attribution.training.schedules import learning_rate
from attribution.training.start import begun, start_hash
from attribution.training.state import TrainingState, clone
from attribution.training.update import averaged, update

if TYPE_CHECKING:
    from attribution.tasks.base import Task

__all__ = ["Run", "adopt", "default_recipe", "fit", "loss_on_samples", "predict", "run_fingerprint", "train"]
FORMAT = 1  # raise when the same request would give other weights than before


def run_fingerprint(dataset: "Dataset", labels: "Labels", model: ModelConfig, config: TrainConfig) -> str:
    """Content key of a training: data, labels, network (with the hash of custom code), recipe and seed; not the
    device."""
    recipe = {name: value for name, value in request_of(config).items() if name != "device"}
    start = [start_hash(model)] if config.start == "loaded" else []
    return fingerprint(
        "train", FORMAT, dataset.info.base_hash, labels.version, identity(model, dataset.info.modality), recipe, *start
    )


@said("it was trained")
def train(
    dataset: "Dataset",
    labels: "Labels",
    model: ModelConfig,
    config: TrainConfig,
    runs: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    dynamics: bool = True,
) -> Run:
    """Train ``model`` on the active training samples and write the run into ``runs/FINGERPRINT``; a finished one is
    returned at once.

    The loss is the batch mean of the task's. After each epoch one pass in eval mode over the training samples
    gives their dynamics (about a third of the training time); ``dynamics=False`` leaves that pass out, takes a finished
    full run if there is one, and else writes ``runs/FINGERPRINT-brief``. Weights start from the seed; with the recipe's
    ``start="loaded"`` from the last of ``model.checkpoints``, which are not read otherwise. With ``patience`` the run
    ends with the epoch of the lowest validation loss. Probabilities and representation are written for all rows,
    dropped ones too.
    Raises ``UserError`` for a recipe, network or device that cannot work, for no training samples, and when the loss is
    not finite.
    """
    progress = progress or Progress()
    dataset = dataset.as_of(labels)
    rows = _to_train(dataset, labels)
    folder = Path(runs) / run_fingerprint(dataset, labels, model, config)
    if not dynamics and not (folder / "config.json").is_file():
        folder = Path(runs) / f"{folder.name}-brief"
    if (folder / "config.json").is_file():
        progress.update(1, 1, "already trained")
        return Run.open(folder)
    with alone(Path(runs) / f".{folder.name}.lock", progress):
        return _train_into(_Place(folder, dataset, labels, model), config, rows, progress, trusted, dynamics)


@dataclass(frozen=True)
class _Place:
    """What a run is made of, and where it is written."""

    folder: Path
    dataset: "Dataset"
    labels: "Labels"
    model: ModelConfig

    def log(self, line: str) -> None:
        """Add a line to the run's log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log.txt", "a") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")


def _train_into(
    place: _Place, config: TrainConfig, rows: np.ndarray, progress: Progress, trusted: bool, dynamics: bool
) -> Run:
    """The training itself, by the only process that works on this folder; another may have finished it while this one
    waited."""
    folder, dataset, labels = place.folder, place.dataset, place.labels
    if (folder / "config.json").is_file():
        progress.update(1, 1, "already trained")
        return Run.open(folder)
    device = pick_device(config.device)
    validation = _active(dataset, labels, "val")
    check_patience(config, validation)
    network = begun(place.model, dataset.info, config, trusted=trusted)
    check_model(network, dataset)
    use_fast_layout(network.to(device))
    prepare(network, dataset, np.arange(len(dataset)), progress)
    state = _new_state(network, config)
    resumed = state.resume(folder)
    place.log(f"resumed after epoch {state.epoch}" if resumed else f"training on {len(rows)} samples on {device}")

    splits = _splits(dataset, labels, {"train": rows, "val": validation}, device, network, (place.model, config))
    kept = checkpoint_epochs(config.epochs, config.checkpoints)
    while going(state, config):
        table = _one_epoch(state, config, splits, labels.active[dataset.rows("train")], dynamics, progress)
        if state.epoch in kept:
            _keep_weights(state, folder, len(rows), config)
        state.save(folder, table)
        message = epoch_message(state.metrics, config.epochs, dataset.task)
        place.log(message)
        progress.update(state.epoch, config.epochs + 0.5, message)

    stopped = state.epoch
    last = back_to_best(state, folder)
    if last not in [entry["epoch"] for entry in state.checkpoints]:
        _keep_weights(state, folder, len(rows), config)
    if dynamics:
        write_table(folder / "dynamics.parquet", state.dynamics(folder, last))
    if len(state.losses) == last:  # not of a training that a former version began
        write_table(folder / "steps.parquet", steps_of(state.losses))
    extra = {
        "train": to_dict(config),
        "seed": config.seed,
        "seconds_s": round(state.seconds_s, 3),
        "source": "trained",
        "n_train": len(rows),
        "weight_unit": "nats" if config.plain else "order",
        "checkpoints": state.checkpoints,
        **({"stopped": {"after": stopped, "kept": last}} if config.patience else {}),
    }
    run = _finish(place, network, state.metrics, last, extra)
    TrainingState.remove(folder)
    progress.update(1, 1, epoch_message(state.metrics, config.epochs, dataset.task))
    return run


@said("it was trained")
def fit(
    dataset: "Dataset",
    labels: "Labels",
    model: ModelConfig,
    config: TrainConfig,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
) -> nn.Module:
    """The network that ``train`` would end with, bit for bit, in eval mode; nothing is measured on the way and nothing
    written."""
    progress = progress or Progress()
    dataset = dataset.as_of(labels)
    rows = _to_train(dataset, labels)
    device = pick_device(config.device)
    validation = _active(dataset, labels, "val") if config.patience else rows[:0]
    check_patience(config, validation)
    network = begun(model, dataset.info, config, trusted=trusted)
    use_fast_layout(network.to(device))
    prepare(network, dataset, np.concatenate([rows, validation]), progress)
    state = _new_state(network, config)
    splits = _splits(dataset, labels, {"train": rows, "val": validation}, device, network, (model, config))
    active = labels.active[dataset.rows("train")]
    while going(state, config):
        _one_epoch(state, config, splits, active, False, progress)
    back_to_best(state)
    return network.eval()


@said("its weights were loaded")
def adopt(
    dataset: "Dataset",
    labels: "Labels",
    model: ModelConfig,
    runs: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    device: str = "auto",
    known: Known | None = None,
) -> Run:
    """Take the user's own trained weights, ``model.checkpoints`` (oldest first), as a run of the same layout.

    Several checkpoints give dynamics, one "epoch" each; a single one gives none. How they were trained is not known, so
    in TracInCP each counts the same (weight 1 / count), and the order of influences means something, their unit does
    not; with ``model.checkpoint_lr`` each counts by its learning rate (Pruthi et al. 2020, eq. for TracInCP). The files
    are copied into the run, never changed. ``known``, a recording of their loop, says what else there is: the record
    per epoch, and by what each checkpoint counts. Raises ``UserError`` for files that cannot be read safely or do not
    fit the network.
    """
    progress = progress or Progress()
    if not model.checkpoints:
        raise UserError(
            "No checkpoint was named.", "There are no weights to load.", "Name at least one file, or train here."
        )
    dataset = dataset.as_of(labels)
    model = listed(model)
    build = partial(build_model, model, dataset.info, 0, trusted=trusted)
    for path in model.checkpoints:
        if path != BUILDER:
            read_state(path)
    hashes = [weights_hash(build()) if path == BUILDER else checkpoint_hash(path) for path in model.checkpoints]
    rates = _rates(model)
    parts = [*rates, *([known.key] if known else [])]
    folder = Path(runs) / fingerprint(
        "adopt", FORMAT, dataset.info.base_hash, labels.version, identity(model, dataset.info.modality), hashes, *parts
    )
    if (folder / "config.json").is_file():
        progress.update(1, 1, "already loaded")
        return Run.open(folder)
    known = known or _unrecorded(len(model.checkpoints), rates)
    return _adopt_into(_Place(folder, dataset, labels, model), build, known, pick_device(device), progress)


def _unrecorded(count: int, rates: list[float]) -> Known:
    """What is known of weights alone: each stands for an epoch, and counts by its learning rate, or like the others."""
    entries = [
        {"epoch": at + 1, "lr": rate, "weight": rate or 1 / count} for at, rate in enumerate(rates or [None] * count)
    ]
    return Known("", pd.DataFrame(), entries, "rate" if rates else "order")


def _adopt_into(
    place: _Place, build: Callable[[], nn.Module], known: Known, device: torch.device, progress: Progress
) -> Run:
    """Copy, ask and measure every checkpoint."""
    started_s = time.monotonic()
    folder, dataset, model = place.folder, place.dataset, place.model
    network = build()
    check_model(network, dataset)
    prepare(network.to(device), dataset, np.arange(len(dataset)), progress)
    count = len(model.checkpoints)
    tables: list[pd.DataFrame] = []
    metrics: list[dict[str, Any]] = []
    kept = [{"file": f"epoch-{entry['epoch']:03d}.safetensors", **entry} for entry in known.checkpoints]
    for entry, path in zip(kept, model.checkpoints, strict=True):
        if path == BUILDER:
            network.load_state_dict(build().state_dict())
        else:
            for line in load_checkpoint(network, path):
                place.log(line)
        save_checkpoint(network, folder / "checkpoints" / entry["file"])
        told, table = _measured(place, network, entry["epoch"])
        metrics += told
        tables.append(table)
        words = f"{metrics[-1]['split']} {figure_words(metrics[-1], dataset.task)}"
        progress.update(len(tables), count + 1, f"checkpoint {len(tables)} of {count}, {words}")
    if len(known.dynamics) or count > 1:
        recorded = known.dynamics if len(known.dynamics) else pd.concat(tables, ignore_index=True)
        write_table(folder / "dynamics.parquet", recorded)
    if len(known.steps):
        write_table(folder / "steps.parquet", known.steps)
        write_table(folder / "batches.parquet", known.batches)
    extra = {
        "train": None,
        "seed": known.seed,
        "source": "loaded",
        "n_train": len(place.labels.train_rows(dataset)),
        "weight_unit": known.unit,
        "checkpoints": kept,
        "seconds_s": time.monotonic() - started_s,
        **known.about,
    }
    run = _finish(place, network, metrics, kept[-1]["epoch"], extra)
    progress.update(1, 1, f"loaded {count} checkpoint{'s' * (count > 1)}")
    return run


def _measured(place: _Place, network: nn.Module, epoch: int) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Figures of a checkpoint on training and validation samples, and what it says of the training samples."""
    dataset, labels = place.dataset, place.labels
    metrics: list[dict[str, Any]] = []
    found = {}
    for split in ("train", "val"):
        some = _active(dataset, labels, split)
        values = labels.values[some]
        found[split] = dataset.task.said(torch.from_numpy(predict(network, dataset, some)[0]), values)
        metrics += figures_of(dataset.task, found[split], values, epoch, split) if len(values) else []
    rows = labels.train_rows(dataset)
    return metrics, dynamics_of(dataset.task, found["train"], labels.values[rows], rows, epoch)


def _rates(model: ModelConfig) -> list[float]:
    """The learning rate near each checkpoint, as given; empty where none was. ``UserError`` for another number of
    them."""
    rates = list(model.checkpoint_lr)
    count = len(model.checkpoints)
    if len(rates) not in (0, 1, count):
        raise UserError(
            f"checkpoint_lr has {len(rates)} values for {count} checkpoints.",
            "Each checkpoint counts by the learning rate near it.",
            f"Give {count}, or one for all.",
        )
    return rates * count if len(rates) == 1 else rates


@said("it was asked about samples")
def loss_on_samples(
    model: "Run | nn.Module", dataset: "Dataset", n: int = 10, *, trusted: bool = False
) -> pd.DataFrame:
    """The model's answer on ``n`` test samples spread over the split (training samples when there is no test split).

    Columns: row, id, label and prediction (in words; numbers as they are), confidence (probability of the prediction;
    NaN where there is none), loss (for the base label, in the task's unit). A quick look at whether weights,
    preprocessing and class order fit: ``dataset.task.chance`` says what guessing gives.
    """
    network = model if isinstance(model, nn.Module) else model.model(dataset=dataset, trusted=trusted)
    rows = dataset.rows("test") if dataset.info.counts["test"] else dataset.labelled_rows("train")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(int))]
    task = dataset.task
    found = task.said(torch.from_numpy(predict(network, dataset, rows)[0]), dataset.labels[rows])
    shown = {"label": dataset.labels[rows], "prediction": found["prediction"]}
    if task.kind != "number":
        shown = {name: np.array(task.targets.words(values), dtype=object) for name, values in shown.items()}
    rest = {"confidence": found["certainty"], "loss": found["loss"]}
    return pd.DataFrame({"row": rows, "id": dataset.ids[rows], **shown, **rest})


def _new_state(network: nn.Module, config: TrainConfig) -> TrainingState:
    """Before the first step."""
    state = TrainingState(network, make_optimizer(network, config))
    state.average = clone(network) if config.ema else {}
    return state


class _Split:
    """One split on the device: inputs held there, targets as the loss takes them (``labels``), ``values``, rows."""

    def __init__(
        self, dataset: "Dataset", labels: "Labels", rows: np.ndarray, device: torch.device, inputs: Inputs
    ) -> None:
        self.rows = rows
        self.inputs = HeldInputs(dataset, rows, device, inputs)
        self.values = labels.values[rows]
        self.task = dataset.task
        self.labels = dataset.task.tensor(self.values, device)
        own = dataset.weights
        self.weights = None if own is None else torch.from_numpy(own[rows].astype(np.float32)).to(device)
        self.augmented: Augmented | None = None

    def weights_at(self, positions: torch.Tensor) -> torch.Tensor | None:
        """The weights of the samples at these places (b,); None where all count the same."""
        return None if self.weights is None else self.weights[positions.to(self.weights.device)]

    def at(self, positions: torch.Tensor, epoch: int) -> torch.Tensor:
        """Inputs to train on in this epoch, at these places (CPU int64) among the split's rows."""
        return self.inputs.at(positions) if self.augmented is None else self.augmented.at(positions, epoch)


def _splits(
    dataset: "Dataset",
    labels: "Labels",
    rows: Mapping[str, np.ndarray],
    device: torch.device,
    network: nn.Module,
    made_with: tuple[ModelConfig, TrainConfig],
) -> dict[str, _Split]:
    """Both splits of a training; the training part is augmented where the model says so."""
    model, config = made_with
    found = {name: _Split(dataset, labels, some, device, inputs_of(network)) for name, some in rows.items()}
    if model.train_transform:
        found["train"].augmented = Augmented(dataset, rows["train"], model, config.seed, device)
    return found


def _to_train(dataset: "Dataset", labels: "Labels") -> np.ndarray:
    rows = labels.train_rows(dataset)
    if not len(rows):
        raise UserError("No training sample is active.", "There is nothing to train on.", "Undo some of the drops.")
    return rows


def _active(dataset: "Dataset", labels: "Labels", split: str) -> np.ndarray:
    rows = dataset.rows(split)
    return rows[labels.active[rows]]


def _one_epoch(
    state: TrainingState,
    config: TrainConfig,
    splits: dict[str, _Split],
    active: np.ndarray,
    dynamics: bool,
    progress: Progress,
) -> pd.DataFrame | None:
    started_s = time.monotonic()
    data = splits["train"]
    task = data.task
    epoch = state.epoch + 1
    seed = epoch_seed(config.seed, epoch)
    # Place among all training samples -> place among the active ones.
    position = torch.from_numpy(np.cumsum(active) - 1)
    least = 2 if batch_coupled(state.model) else 1
    plan = list(batches(position[epoch_order(active, seed)], config.batch_size, least=least))
    table = None
    with seeded(seed, data.labels.device), reproducible():
        answers = _steps(state, config, data, plan, not dynamics, progress)
        if dynamics:
            with state.asked() as model:
                found = task.said(evaluate(model, data.inputs).cpu(), data.values)
            state.metrics += figures_of(task, found, data.values, epoch, "train")
            table = dynamics_of(task, found, data.values, data.rows, epoch)
        else:  # over the epoch, while the weights were changing
            seen = torch.cat(plan).numpy()
            state.metrics += measure(task, torch.cat(answers).float().cpu(), data.values[seen], epoch, "train")
        if len(splits["val"].rows):
            with state.asked() as model:
                outputs = evaluate(model, splits["val"].inputs).cpu()
            state.metrics += measure(task, outputs, splits["val"].values, epoch, "val")
    if not np.isfinite([entry["loss"] for entry in state.metrics if entry["epoch"] == epoch]).all():
        raise UserError(
            f"The loss is not finite after epoch {epoch}.",
            "The training diverged.",
            f"Lower the learning rate (now {config.lr:g}).",
        )
    state.epoch = epoch
    note_best(state, config)
    state.seconds_s += time.monotonic() - started_s
    return table


def _steps(
    state: TrainingState,
    config: TrainConfig,
    data: _Split,
    plan: list[torch.Tensor],
    keep: bool,
    progress: Progress,
) -> list[torch.Tensor]:
    """A step for each batch of ``plan`` (positions among the active samples); the outputs on the way where asked to
    keep them."""
    answers: list[torch.Tensor] = []
    losses: list[torch.Tensor] = []
    state.model.train()
    for done, positions in enumerate(plan):
        lr = learning_rate(state.step, len(plan) * config.epochs, config)
        y = data.labels[positions.to(data.labels.device)]
        x = data.at(positions, state.epoch + 1)
        loss = partial(_loss, data.task, y, data.weights_at(positions))
        outputs, went, at = update(state.model, state.optimizer, x, loss, lr, config)
        losses.append(at)
        state.step += 1
        state.lr_sum += went
        if config.ema:
            averaged(state.average, state.model, state.step, config.ema)
        answers += [outputs.detach()] if keep else []
        progress.update(
            state.epoch + (done + 1) / (len(plan) + 1),
            config.epochs + 0.5,
            epoch_message(state.metrics, config.epochs, data.task),
        )
    state.losses.append(torch.stack(losses).tolist())
    return answers


def _loss(task: "Task", targets: torch.Tensor, weights: torch.Tensor | None, outputs: torch.Tensor) -> torch.Tensor:
    losses = task.loss(outputs, targets)
    return losses if weights is None else losses * weights


def _keep_weights(state: TrainingState, folder: Path, n: int, config: TrainConfig) -> None:
    steps = state.step - sum(entry["steps"] for entry in state.checkpoints)
    name = f"epoch-{state.epoch:03d}.safetensors"
    with state.asked() as model:
        save_checkpoint(model, folder / "checkpoints" / name)
    weight = influence_weight(state.lr_sum, n, config)
    state.checkpoints.append(
        {"file": name, "epoch": state.epoch, "lr": state.lr_sum / steps, "steps": steps, "weight": weight}
    )
    state.lr_sum = 0.0


def _finish(
    place: _Place, network: nn.Module, metrics: list[dict[str, Any]], epochs: int, extra: dict[str, Any]
) -> Run:
    """Ask the finished network about all samples, and write what it says, its figures, and config.json last."""
    folder = place.folder
    dataset = place.dataset
    task = place.dataset.task
    outputs, features = predict(network, dataset, dataset.rows("all"))
    _check_finite(outputs, dataset)
    for name, array in ((task.kept_file, task.kept(torch.from_numpy(outputs))), ("representation.npy", features)):
        with whole_file(folder / name) as temporary, open(temporary, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
    test = _active(dataset, place.labels, "test")
    metrics = metrics + measure(task, torch.from_numpy(outputs[test]), place.labels.values[test], epochs, "test")
    write_table(folder / "metrics.parquet", pd.DataFrame(metrics).astype({"epoch": "int32", "n": "int32"}))
    last = {
        entry["split"]: {name: value for name, value in entry.items() if name not in ("epoch", "split")}
        for entry in metrics
        if entry["epoch"] == epochs
    }
    values = {
        "version": place.labels.version,
        "fingerprint": folder.name,
        "model": to_dict(place.model),
        "code": identity(place.model, dataset.info.modality)["code"],
        "parameters": count_parameters(network),
        "batch_coupled": bool(batch_coupled(network)),
        "classes": list(dataset.info.classes),
        "device": str(device_of(network)),
        "torch": torch.__version__,
        "final": last,
        "finished_at": time.time(),
        "finished": True,
        **({"task": dataset.info.task, "kept": task.kept_file} if dataset.info.task else {}),
        **extra,
    }
    place.log("finished: " + ", ".join(f"{split} {figure_words(entry, task, 2)}" for split, entry in last.items()))
    finish(folder, values)
    return Run.open(folder)


def _check_finite(outputs: np.ndarray, dataset: "Dataset") -> None:
    odd = np.flatnonzero(~np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1))
    if len(odd):
        raise UserError(
            f"The model answers NaN or infinity for sample {dataset.ids[odd[0]]} ({len(odd):,} of {len(outputs):,} "
            "samples).",
            "Every result about them would be NaN.",
            "Look at that sample, and for a division by 0 or a logarithm of 0 in the model.",
        )
