"""Which estimators can be asked of which measure."""

from collections.abc import Sequence

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Estimator


def check_layers(estimator: Estimator, layers: Sequence[str]) -> None:
    """``UserError`` for a part of the weights that an estimator does not go by."""
    if layers and not estimator.by_weights:
        raise UserError(
            f"{estimator.name} cannot be asked of a part of the weights ({', '.join(layers)}).",
            "It does not compare gradients.",
            "Leave layers empty, or use ip, cosine, tracin or ekfac.",
        )


def check_measure(estimator: Estimator, measure: str) -> None:
    """``UserError`` naming those that can, for a measure that the estimator cannot be asked of."""
    if estimator.loss_only and measure != "loss":
        able = [
            name for name in estimators.names() if not (estimators.get(name).loss_only or estimators.get(name).control)
        ]
        raise UserError(
            f"{estimator.name} cannot be asked of {measure}.",
            "It knows losses and labels, not the gradient of another measure.",
            f"Use one of: {', '.join(able)}.",
        )
