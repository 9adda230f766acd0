"""Trains here, or takes the user's weights; a finished run is found by what it was made of (``training.train``)."""

from collections.abc import Sequence
from dataclasses import replace

from attribution.progress import Progress
from attribution.settings.configs import TrainConfig
from attribution.storage.artefact import finished
from attribution.studies.base import Context
from attribution.training.run import Run
from attribution.training.train import adopt, run_fingerprint, train


def made(
    context: Context, config: TrainConfig, work: Progress, checkpoints: Sequence[str] = (), rates: Sequence[float] = ()
) -> Run:
    """The run on the context's labels. It becomes the current model, unless its seed is another than the project's.

    Weights that were trained elsewhere are not replaced unasked: it takes ``checkpoints`` (``rates``: the learning rate
    near each, or one for all), or the user's word that models may be trained here; else ``UserError`` after an edit.
    """
    tuned = config.start == "loaded" and context.run is not None  # fine-tuning was asked for, and there is what to tune
    if checkpoints or (context.elsewhere and not context.agreed and not tuned):
        run = _adopted(context, config, work, tuple(checkpoints), tuple(rates))
    else:
        run = train(
            context.dataset,
            context.labels,
            context.network(config),
            config,
            context.folder / "runs",
            work,
            trusted=context.trusted,
        )
    if checkpoints or run.loaded or config.seed == context.own.seed:
        context.use(run.id)
    return run


def found(context: Context, config: TrainConfig) -> Run | None:
    """The finished run of this recipe on the current labels, or None."""
    key = run_fingerprint(context.dataset, context.labels, context.network(config), config)
    return next((run for run in finished(context.folder / "runs", Run.open) if run.id == key), None)


def _adopted(
    context: Context, config: TrainConfig, work: Progress, checkpoints: tuple[str, ...], rates: tuple[float, ...]
) -> Run:
    """The user's weights for the current labels: the files given, else those that the project was made with."""
    runs = context.folder / "runs"
    current = context.run
    known = [run for run in finished(runs, Run.open) if run.loaded and run.version == context.labels.version]
    if known and not checkpoints:
        return next((run for run in known if current is not None and run.id == current.id), known[0])
    if not checkpoints and context.labels.version != context.dataset.base_version().version:
        raise context.trained_elsewhere()
    model = context.model
    if checkpoints:
        model = replace(model, checkpoints=checkpoints, checkpoint_lr=rates)
    return adopt(context.dataset, context.labels, model, runs, work, trusted=context.trusted, device=config.device)
