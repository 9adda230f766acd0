"""Which tokens of a training row pulled towards what was asked."""

from typing import TYPE_CHECKING, Any

from attribution.errors import UserError

if TYPE_CHECKING:
    from attribution.project.runs import Models
    from attribution.studies.influence.result import ScoreResult
    from attribution.training.trained import TrainedModel


def token_influence(models: "Models", asked: "ScoreResult | str", row: int, query: Any) -> list[tuple[str, float]]:
    """See ``Project.token_influence``."""
    from attribution.estimators import estimators
    from attribution.estimators.base import Query
    from attribution.models.features import inputs_of
    from attribution.settings.options import own
    from attribution.transforms.pieces import tokens_of

    name = asked if isinstance(asked, str) else asked.estimator
    trained = _trained(models, asked)
    kind = estimators.get(name)
    if isinstance(asked, str):
        estimator = kind(trained)
        place = trained.dataset.row_of(query) if isinstance(query, str) else int(query)
        if place is None:
            raise UserError(f"No sample is called {query}.", "Influence is asked of a sample.", "Name one that exists.")
        question = Query(str(query), (place,))
    else:
        told = {key: value for key, value in asked.config["options"].items() if key != "store"}
        estimator = kind(trained, int(told.get("seed", 0)), own(kind.Settings, told))
        rows = tuple(int(one) for one in asked.config["queries"][int(query)]["rows"])
        question = Query(str(query), rows, asked.measure)
    estimator.prepare([question])
    values = estimator.by_token(int(row))[:, 0].tolist()
    words = tokens_of(trained.dataset, int(row), inputs_of(trained.model()))
    return [(word, float(value)) for (word, _), value in zip(words, values, strict=False)]


def _trained(models: "Models", asked: "ScoreResult | str") -> "TrainedModel":
    """The model that is asked, with the questions of a result."""
    from attribution.datasets.chat.questions import Questions
    from attribution.training.trained import TrainedModel

    if isinstance(asked, str):
        context = models.context()
        return TrainedModel(context.dataset, context.labels, context.asked, trusted=context.trusted)
    context = models.context(asked.config["run"])
    labels = context.labels_at(str(asked.config["version"])) or context.labels
    data = context.dataset.as_of(labels)
    data = data.with_questions(Questions.from_json(asked.questions)) if asked.questions else data
    layers = tuple(asked.config.get("layers", ()))
    return TrainedModel(data, labels, context.asked, trusted=context.trusted, layers=layers)
