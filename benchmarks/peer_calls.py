"""What each peer library is asked to do, one function per library and kind of work; each returns scores ``(n, q)`` or
``(n,)``.

All get the same model, samples, absolute damping and batches of 128. A function says in ``CONVENTIONS`` where its
quantity differs from ours. Sign and scale are turned into ours (positive helps; mean loss) where they differ by a
constant.
"""

import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from peer_work import Work
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, vmap
from torch.nn import functional as F

Call = Callable[[Work, float], Tensor]
CALLS: dict[str, dict[str, Call]] = {}
CONVENTIONS: dict[tuple[str, str], str] = {}
MODELS: dict[tuple[str, str], tuple[str, ...]] = {}
EVERYWHERE = ("MLP", "CNN", "transformer")
SKETCH, RANK = 512, 50


def asks(kind: str, library: str, convention: str = "", models: tuple[str, ...] = EVERYWHERE) -> Callable[[Call], Call]:
    """Decorator that files a call under the kind of work and the library; ``models`` are those that it is tried on."""

    def put(call: Call) -> Call:
        CALLS.setdefault(kind, {})[library] = call
        CONVENTIONS[kind, library], MODELS[kind, library] = convention, models
        return call

    return put


def _linear_layers(work: Work) -> list[str] | None:
    """Names of the linear layers where the model has others that captum and kronfluence leave out; None if they take
    all."""
    linear = [name for name, module in work.model.named_modules() if isinstance(module, nn.Linear)]
    others = [module for module in work.model.modules() if isinstance(module, nn.LayerNorm | nn.Embedding)]
    return linear if others else None


# captum


def _tracin(work: Work, checkpoints: list[Any]) -> Any:
    from captum.influence import TracInCP

    def load(model: nn.Module, state: Any) -> float:
        model.load_state_dict(state)
        return 1.0

    return TracInCP(
        work.copy(),
        work.loader(),
        checkpoints,
        load,
        layers=_linear_layers(work),
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        batch_size=None,
        sample_wise_grads_per_batch=True,
    )


@asks("all pairs", "captum", "TracInCP with one checkpoint; on the transformer linear layers only")
def _(work: Work, damping: float) -> Tensor:
    return _tracin(work, work.checkpoints[-1:]).influence(work.asked).T


@asks("TracIn over 3 checkpoints", "captum", "TracInCP; on the transformer linear layers only")
def _(work: Work, damping: float) -> Tensor:
    return _tracin(work, work.checkpoints).influence(work.asked).T


@asks("self-influence", "captum", "TracInCP with one checkpoint; on the transformer linear layers only")
def _(work: Work, damping: float) -> Tensor:
    return _tracin(work, work.checkpoints[-1:]).self_influence()


@asks("Arnoldi", "captum", "Hessian, not Gauss-Newton; its own damping 1e-3; directions outside dropped", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from captum.influence._core.arnoldi_influence_function import ArnoldiInfluenceFunction

    def load(model: nn.Module, state: Any) -> float:
        model.load_state_dict(state)
        return 1.0

    found = ArnoldiInfluenceFunction(
        work.copy(),
        work.loader(),
        work.checkpoints[-1],
        load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        batch_size=None,
        sample_wise_grads_per_batch=True,
        projection_dim=100,
        arnoldi_dim=100,
    )
    return found.influence(work.asked).T


# torch.func


def _gradients(work: Work) -> Callable[[Tensor, Tensor], Tensor]:
    """Per-sample gradients laid end to end ``(b, P)`` by vmap, the general way."""
    parameters = {name: value.detach() for name, value in work.model.named_parameters()}

    def loss(values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(work.model, values, (x[None],)), y[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))
    return lambda x, y: torch.cat([part.flatten(1) for part in each(parameters, x, y).values()], 1)


@asks("all pairs", "torch.func", "vmap(grad), gradients written out")
def _(work: Work, damping: float) -> Tensor:
    each = _gradients(work)
    asked = each(*work.asked).T
    return torch.cat([each(x, y) @ asked for x, y in work.batches()])


@asks("self-influence", "torch.func", "vmap(grad), gradients written out")
def _(work: Work, damping: float) -> Tensor:
    each = _gradients(work)
    return torch.cat([each(x, y).square().sum(1) for x, y in work.batches()])


@asks("one direction", "torch.func", "jvp of the losses along the mean gradient of the queries")
def _(work: Work, damping: float) -> Tensor:
    leaves = dict(work.model.named_parameters())
    found = torch.autograd.grad(F.cross_entropy(work.model(work.asked[0]), work.asked[1]), list(leaves.values()))
    direction = dict(zip(leaves, found, strict=True))
    values = {name: value.detach() for name, value in leaves.items()}
    parts = []
    for x, y in work.batches():
        losses = lambda at, x=x, y=y: F.cross_entropy(functional_call(work.model, at, (x,)), y, reduction="none")  # noqa: E731
        parts.append(jvp(losses, (values,), (direction,))[1].detach())
    return torch.cat(parts)


# kronfluence


def _kronfluence(work: Work, strategy: str, damping: float, draws: int = 1, self_scores: bool = False) -> Tensor:
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task
    from torch.utils.data import ConcatDataset, TensorDataset

    class Classify(Task):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Tensor:
            logits, labels = model(batch[0]), batch[1]
            if sample:
                labels = torch.multinomial(logits.detach().softmax(-1), 1).flatten()
            return F.cross_entropy(logits, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: nn.Module) -> Tensor:
            return F.cross_entropy(model(batch[0]), batch[1], reduction="sum")

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        model = prepare_model(work.copy(), Classify())
        on_cpu = work.x.device.type == "cpu"
        analyzer = Analyzer("peers", model, Classify(), cpu=on_cpu, output_dir=folder, disable_tqdm=True)
        data, asked = TensorDataset(work.x, work.y), TensorDataset(*work.asked)
        many = ConcatDataset([data] * draws)  # one label is drawn per sample and visit
        analyzer.fit_all_factors(
            "f", many, per_device_batch_size=work.batch, factor_args=FactorArguments(strategy=strategy)
        )
        arguments = ScoreArguments(damping_factor=damping)
        if self_scores:
            analyzer.compute_self_scores("s", "f", data, per_device_train_batch_size=work.batch, score_args=arguments)
            return analyzer.load_self_scores("s")["all_modules"]
        sizes = {"per_device_query_batch_size": len(asked), "per_device_train_batch_size": work.batch}
        analyzer.compute_pairwise_scores("s", "f", asked, data, score_args=arguments, **sizes)
        return analyzer.load_pairwise_scores("s")["all_modules"].T


@asks("all pairs", "kronfluence", "identity factors; on the transformer linear layers only")
def _(work: Work, damping: float) -> Tensor:
    return _kronfluence(work, "identity", 0.0)


@asks("self-influence", "kronfluence", "identity factors; on the transformer linear layers only")
def _(work: Work, damping: float) -> Tensor:
    return _kronfluence(work, "identity", 0.0, self_scores=True)


@asks(
    "EK-FAC", "kronfluence", "true Fisher, one label drawn per sample; biases in; on the transformer linear layers only"
)
def _(work: Work, damping: float) -> Tensor:
    return _kronfluence(work, "ekfac", damping) / work.n


@asks("EK-FAC", "kronfluence, 40 draws", "true Fisher, 40 labels drawn per sample; biases in", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    return _kronfluence(work, "ekfac", damping, 40) / work.n


# dattri


@contextmanager
def _dattri(work: Work, checkpoints: list[Any], of_batch: bool = False) -> Any:
    """A task whose loss is of one sample, or of a batch's mean."""
    from dattri.task import AttributionTask

    model = work.copy()

    def loss(parameters: Any, pair: Any) -> Tensor:
        x, y = pair if of_batch else (pair[0][None], pair[1][None])
        return F.cross_entropy(functional_call(model, parameters, (x,)), y)

    yield AttributionTask(loss, model, checkpoints)


@asks("all pairs", "dattri", "TracIn; its projection, forced by its options, switched off from outside")
def _(work: Work, damping: float) -> Tensor:
    return _dattri_tracin(work, work.checkpoints[-1:])


@asks("TracIn over 3 checkpoints", "dattri", "TracIn; its projection switched off from outside", ("MLP", "transformer"))
def _(work: Work, damping: float) -> Tensor:
    return _dattri_tracin(work, work.checkpoints)


def _dattri_tracin(work: Work, checkpoints: list[Any]) -> Tensor:
    from dattri.algorithm.tracin import TracInAttributor

    with _dattri(work, checkpoints) as task:
        attributor = TracInAttributor(task, torch.ones(len(checkpoints)), normalized_grad=False)
        attributor.projector_kwargs = None
        return attributor.attribute(work.loader(), work.asked_loader())


@asks("TRAK", "dattri", f"{SKETCH} dimensions, one model, no ridge", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from dattri.algorithm.trak import TRAKAttributor

    with _dattri(work, work.checkpoints[-1:]) as task:
        model = task.get_model()

        def loss(parameters: Any, pair: Any) -> Tensor:
            logits = functional_call(model, parameters, (pair[0][None],))
            p = F.softmax(logits, 1)[0, pair[1]]
            return torch.log(p / (1 - p))

        def chance(parameters: Any, pair: Any) -> Tensor:
            return torch.exp(-F.cross_entropy(functional_call(model, parameters, (pair[0][None],)), pair[1][None]))

        from dattri.task import AttributionTask

        odds = AttributionTask(loss, model, work.checkpoints[-1:])
        attributor = TRAKAttributor(odds, chance, projector_kwargs={"proj_dim": SKETCH, "device": "cpu"})
        attributor.cache(work.loader())
        return attributor.attribute(work.asked_loader())


@asks(
    "DataInf, labels of the data",
    "dattri",
    "one block per layer; its curvature asked for one sample at a time",
    ("MLP",),
)
def _(work: Work, damping: float) -> Tensor:
    from dattri.algorithm.influence_function import IFAttributorDataInf

    with _dattri(work, work.checkpoints[-1:], of_batch=True) as task:
        attributor = IFAttributorDataInf(task, regularization=damping)
        attributor.cache(work.loader(batch_size=1))
        return attributor.attribute(work.loader(), work.asked_loader()) / work.n


@asks("Arnoldi", "dattri", "Hessian, not Gauss-Newton; directions outside dropped", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from dattri.algorithm.influence_function import IFAttributorArnoldi

    with _dattri(work, work.checkpoints[-1:], of_batch=True) as task:
        attributor = IFAttributorArnoldi(task, proj_dim=100, max_iter=100, regularization=damping)
        attributor.cache(work.loader(batch_size=work.n))
        return attributor.attribute(work.loader(), work.asked_loader()) / work.n


# pyDVL


def _pydvl(work: Work, model: Any) -> Tensor:
    """Fit, then the queries' factors once and their products with every batch, on our scale."""
    model = model.fit(work.loader())
    factors = model.influence_factors(*work.asked)
    return torch.cat([model.influences_from_factors(factors, x, y).T for x, y in work.batches()]).detach() / work.n


@asks(
    "EK-FAC",
    "pyDVL",
    "backward pass of a sum over classes weighted by root p, cross terms and all; linear layers only",
    ("MLP", "CNN"),
)
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import EkfacInfluence

    return _pydvl(work, EkfacInfluence(work.copy(), update_diagonal=True, hessian_regularization=damping))


@asks("Nystroem, rank 50", "pyDVL", "Hessian, not Gauss-Newton", ("MLP", "CNN"))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import NystroemSketchInfluence

    torch.manual_seed(0)
    return _pydvl(work, NystroemSketchInfluence(work.copy(), F.cross_entropy, damping, RANK))


@asks("Arnoldi", "pyDVL", "Hessian, not Gauss-Newton; directions outside dropped", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import ArnoldiInfluence

    np.random.seed(0)
    return _pydvl(work, ArnoldiInfluence(work.copy(), F.cross_entropy, damping, rank=100))


@asks("conjugate gradients", "pyDVL", "Hessian, not Gauss-Newton; tolerance 1e-5", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import CgInfluence

    return _pydvl(
        work, CgInfluence(work.copy(), F.cross_entropy, damping, rtol=1e-5, atol=0.0, solve_simultaneously=True)
    )


@asks("LiSSA", "pyDVL", "Hessian, not Gauss-Newton; 1,000 steps, its scale set to ours", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import LissaInfluence

    return _pydvl(work, LissaInfluence(work.copy(), F.cross_entropy, damping, maxiter=1000, scale=20.0, rtol=1e-5))


@asks("DataInf, labels of the data", "pyDVL", "one block per parameter tensor", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import InverseHarmonicMeanInfluence
    from pydvl.influence.torch.util import BlockMode

    return _pydvl(work, InverseHarmonicMeanInfluence(work.copy(), F.cross_entropy, damping, BlockMode.PARAMETER_WISE))


# Its other curvature, which it calls Gauss-Newton: the mean of the outer products of the data's own gradients (the
# empirical Fisher). Ours is
# the Gauss-Newton matrix of the expected labels; neither mode of theirs is the same matrix.
PRODUCTS = "mean outer product of the data's gradients"


def _products() -> Any:
    from pydvl.influence.torch.util import SecondOrderMode

    return SecondOrderMode.GAUSS_NEWTON


@asks("Nystroem, rank 50", "pyDVL, second mode", PRODUCTS, ("MLP", "CNN"))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import NystroemSketchInfluence

    torch.manual_seed(0)
    return _pydvl(
        work, NystroemSketchInfluence(work.copy(), F.cross_entropy, damping, RANK, second_order_mode=_products())
    )


@asks("Arnoldi", "pyDVL, second mode", f"{PRODUCTS}; directions outside dropped", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import ArnoldiInfluence

    np.random.seed(0)
    return _pydvl(
        work, ArnoldiInfluence(work.copy(), F.cross_entropy, damping, rank=100, second_order_mode=_products())
    )


@asks("conjugate gradients", "pyDVL, second mode", f"{PRODUCTS}; tolerance 1e-5", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import CgInfluence

    settings = {"rtol": 1e-5, "atol": 0.0, "solve_simultaneously": True, "second_order_mode": _products()}
    return _pydvl(work, CgInfluence(work.copy(), F.cross_entropy, damping, **settings))


@asks("LiSSA", "pyDVL, second mode", f"{PRODUCTS}; 1,000 steps, its scale set to ours", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.influence.torch import LissaInfluence

    settings = {"maxiter": 1000, "scale": 20.0, "rtol": 1e-5, "second_order_mode": _products()}
    return _pydvl(work, LissaInfluence(work.copy(), F.cross_entropy, damping, **settings))


@asks("KNN-Shapley", "pyDVL", "mean over the queries; unit vectors, so nearest by cosine", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from pydvl.valuation.dataset import Dataset
    from pydvl.valuation.methods.knn_shapley import KNNShapleyValuation
    from sklearn.neighbors import KNeighborsClassifier

    near, asked = (F.normalize(x.double()).numpy() for x in (work.x, work.asked[0]))
    names, targets = [str(column) for column in range(near.shape[1])], ["y"]
    data = Dataset(near, work.y.numpy(), names, targets)
    test = Dataset(asked, work.asked[1].numpy(), names, targets)
    found = KNNShapleyValuation(KNeighborsClassifier(5, algorithm="brute"), test, progress=False).fit(data).result
    values = np.empty(work.n)
    values[np.asarray(found.indices)] = found.values
    return torch.from_numpy(values)


# traker


@asks("TRAK", "traker", f"{SKETCH} dimensions, one model, no ridge", ("MLP",))
def _(work: Work, damping: float) -> Tensor:
    from trak import TRAKer

    with tempfile.TemporaryDirectory() as folder:
        traker = TRAKer(
            work.copy(),
            "image_classification",
            work.n,
            folder,
            device="cpu",
            use_half_precision=False,
            proj_dim=SKETCH,
            logging_level=40,
        )
        traker.load_checkpoint(work.checkpoints[-1], 0)
        for batch in work.batches():
            traker.featurize(batch, num_samples=len(batch[1]))
        traker.finalize_features()
        traker.start_scoring_checkpoint("scores", work.checkpoints[-1], 0, len(work.asked[1]))
        traker.score(work.asked, num_samples=len(work.asked[1]))
        return torch.from_numpy(np.array(traker.finalize_scores("scores")))
