"""Turn-over dropout: a network trained so that every sample touches its own half of the last layer's inputs and no
other.

Kobayashi et al., Efficient Estimation of Influence of a Training Instance, SustaiNLP 2020, section 3. Masks are applied
to the representation (the input of the last linear layer): everything before it runs once for all samples, so a pair
costs one product with the last layer instead of two forward passes. The layers below are shared by all samples, which
the masks above can only partly make up for.
"""

from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.estimators._hash import uniform
from attribution.models.build import build_model
from attribution.models.checkpoints import load_checkpoint, save_checkpoint
from attribution.models.features import batch_coupled, forward_features
from attribution.settings.configs import fingerprint
from attribution.training.frozen import freeze
from attribution.training.recipe import batches, epoch_seed, make_optimizer
from attribution.training.schedules import learning_rate
from attribution.training.update import update

if TYPE_CHECKING:
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


class TurnOver:
    """The network of one run, trained anew with masks; made on first use and kept beside the run."""

    def __init__(self, trained: "TrainedModel", seed: int) -> None:
        self.trained, self.seed = trained, seed

    @cached_property
    def network(self) -> nn.Module:
        """In eval mode. Found beside the run when it was trained before on the same labels; a training costs about what
        the run's own did."""
        trained = self.trained
        run = self.trained.run
        if run.config.get("source") == "loaded":
            raise UserError(
                "Your weights were trained elsewhere.",
                "Turn-over dropout trains the network anew with the recipe of the run, which is not known for them.",
                "Train the model here, or use an estimator that asks the weights themselves, such as ip or tracin.",
            )
        if run.train_config.ema or run.train_config.patience or run.train_config.start != "seed":
            raise UserError(
                f"Run {run.id} was trained with a moving average of the weights, with early stopping or from loaded "
                "weights.",
                "Turn-over dropout trains the network anew, and knows no such recipe.",
                "Use an estimator that asks the weights themselves, such as ip or tracin.",
            )
        network = build_model(run.model_config, trained.dataset.info, run.config["seed"], trusted=trained.trusted)
        freeze(network, run.train_config.freeze)
        network = network.to(trained.device, next(trained.model().parameters()).dtype)
        last_linear(network)
        order = sorted(str(name) for name in trained.dataset.ids[trained.rows])
        path = run.folder / "turn-over" / f"{fingerprint(trained.labels.version, order, self.seed)}.safetensors"
        if path.is_file():
            load_checkpoint(network, path)
        else:
            self._train(network)
            if trained.share == 1:
                save_checkpoint(network, path)
        return network.eval()

    def masks(self, rows: np.ndarray) -> Tensor:
        """Which inputs of the last layer each training row touches, ``(b, d)`` of 0 and 2, half of them each: fixed by
        the sample's id."""
        width = last_linear(self.network).in_features
        half = last_linear(self.network).in_features // 2
        parts = []
        for name in self.trained.dataset.ids[np.asarray(rows, dtype=np.int64)]:
            chance = np.random.default_rng(int(uniform([str(name)], self.seed)[0] * 2**53))
            mask = np.zeros(width)
            mask[chance.permutation(width)[:half]] = width / half
            parts.append(mask)
        return torch.as_tensor(np.array(parts), dtype=next(self.network.parameters()).dtype, device=self.trained.device)

    def flipped(self, masks: Tensor) -> Tensor:
        """The masks of what the same rows never touch."""
        width = masks.shape[1]
        return (masks == 0).to(masks.dtype) * (width / (width - width // 2))

    def features(self, rows: np.ndarray) -> Tensor:
        """What the last layer is given for these rows ``(b, d)``, without any mask."""
        with torch.no_grad():
            parts = [forward_features(self.network, x)[1] for x, _ in self.trained.batches(rows)]
        self.trained.count(len(rows))
        return torch.cat(parts)

    def losses(self, features: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
        """Losses ``(b, v)`` in nats of v samples' features ``(v, d)`` under each of b masks ``(b, d)``."""
        head = last_linear(self.network)
        with torch.no_grad():
            logits = torch.einsum("bd,vd,cd->bvc", masks, features, head.weight)
            logits = logits if head.bias is None else logits + head.bias
            b, v, c = logits.shape
            many = labels.repeat(b, *[1] * (labels.dim() - 1))
            return self.trained.task.loss(logits.reshape(b * v, c), many).reshape(b, v)

    def own_losses(self, features: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
        """Losses ``(b,)`` in nats of b samples, each under its own mask."""
        with torch.no_grad():
            return self.trained.task.loss(last_linear(self.network)(features * masks), labels)

    def _train(self, network: nn.Module) -> None:
        """The run's recipe with a mask per sample. The order of the samples follows from their ids, not from their
        rows."""
        trained = self.trained
        recipe = self.trained.run.train_config
        self.__dict__["network"] = network  # ``masks`` asks for its last layer
        names = [str(name) for name in trained.dataset.ids[trained.rows]]
        optimizer = make_optimizer(network, recipe)
        head = last_linear(network)
        least = 2 if batch_coupled(network) else 1
        step = 0
        now = [torch.zeros(())]
        handle = head.register_forward_pre_hook(lambda module, inputs: (inputs[0] * now[0], *inputs[1:]))
        masks = self.masks(trained.rows)
        network.train()
        try:
            with torch.enable_grad():
                for epoch in range(recipe.epochs):
                    order = torch.from_numpy(np.argsort(uniform(names, epoch_seed(self.seed, epoch)), kind="stable"))
                    plan = list(batches(order, recipe.batch_size, least=least))
                    for places in plan:
                        lr = learning_rate(step, len(plan) * recipe.epochs, recipe)
                        x, y = trained.batch(trained.rows[places.numpy()])
                        now[0] = masks[places.to(masks.device)]
                        update(network, optimizer, x, partial(_loss, trained.task, y), lr, recipe)
                        step += 1
                        trained.count(3 * len(y))
        finally:
            handle.remove()
        for parameter in network.parameters():
            parameter.grad = None


def _loss(task: "Task", targets: Tensor, outputs: Tensor) -> Tensor:
    return task.loss(outputs, targets)


def last_linear(network: nn.Module) -> nn.Linear:
    """The linear layer that the masks stand before; ``UserError`` for a network without one, or whose last one is as
    narrow as one input."""
    found = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not found or found[-1].in_features < 2:
        raise UserError(
            "This network has no last linear layer with several inputs.",
            "Turn-over dropout gives each sample its own half of them.",
            "Use another estimator, for example tracin.",
        )
    return found[-1]
