"""The gradient engine: exact per-sample gradient dots, norms and projections in about one forward and one backward
pass.

    engine = GradientEngine(model)
    queries = engine.queries(x_test, y_test)                    # once
    for x, y in training_batches:
        dots = engine.dots(x, y, queries)                       # (b, q), positive: a step on the sample lowers the
        query's loss

Nothing of the training set's per-sample gradients is ever kept, and nothing of the model is changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.gradients.capture import Loss, capture, evaluation, ordinary, per_sample
from attribution.gradients.compress import Compression, Map, compress, sizes_of
from attribution.gradients.contract import blocks, contract, with_bias
from attribution.gradients.explain import Explanations, explained
from attribution.gradients.factors import Dense, Factor
from attribution.gradients.fallback import Fallback
from attribution.gradients.forward import slopes
from attribution.gradients.heap import keep_heap
from attribution.gradients.layers import handler_of
from attribution.gradients.probe import Plan, Route, covered_parameters, first_coupled, make_plan, refuse
from attribution.gradients.project import Sketch, project
from attribution.gradients.queries import QueryGradients, gathered, keep
from attribution.gradients.trace import Trace
from attribution.tasks.classification import PLAIN

_SAVED_BYTES = 32 << 20
_FEWEST = 8  # activations kept for a backward pass on a CPU, about a quarter of a block's peak; samples of a block


@final
class GradientEngine:
    """Per-sample gradients of ``per_sample_loss(model(x), y)`` with respect to all parameters that require a gradient.

    ``x (b, ...)`` and ``y (b, ...)`` are tensors on the model's device; ``per_sample_loss(output, y)`` returns
    ``(b,)``, by default the cross-entropy of the logits. The model runs in evaluation mode and is handed back as it was
    (weights, ``requires_grad``, ``.grad``, train/eval per module, hooks), also after an error. ``budget_bytes`` bounds
    temporaries and, on a CPU, the
    activations of the block of a batch that is worked on at once (elsewhere the batch goes through whole); it never
    changes a result beyond rounding. ``autocast`` (bfloat16): forward and backward passes in that precision where torch
    deems it safe, everything after them in the model's; dots and norms are then good to about two digits. For GPUs;
    parameters without a closed form, mean gradients and curvature keep the model's precision.

    Raises ``UserError`` for a loss that is not one scalar per sample, a model without trainable parameters, a batch on
    another device and a model whose samples are coupled within a batch. Source: Goodfellow 2015, arXiv:1510.01799, for
    gradients from layer factors; Pruthi et al. 2020, arXiv:2002.08484, for dots as influence.
    """

    def __init__(
        self,
        model: nn.Module,
        per_sample_loss: Loss | None = None,
        *,
        budget_bytes: int = 512 << 20,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.model = model
        self.loss = per_sample_loss or _cross_entropy
        self.budget_bytes = budget_bytes
        self.autocast = autocast
        self._known: Plan | None = None
        self._forward_mode = True  # until it fails once
        self._sketches: dict[tuple[str, int, int, torch.device], Sketch] = {}
        self._maps: dict[tuple[Compression, tuple[Route, ...], torch.device], dict[str, Map]] = {}
        refuse(model)
        keep_heap()

    @property
    def covered(self) -> list[str]:
        """Names of the parameters that scores include."""
        return list(covered_parameters(self.model))

    @property
    def not_covered(self) -> list[str]:
        """Names of the parameters left out because ``requires_grad`` is False."""
        return [name for name, parameter in self.model.named_parameters() if not parameter.requires_grad]

    def dots(self, x: Tensor, y: Tensor, queries: QueryGradients) -> Tensor:
        """Dot products of the samples' gradients with the queries' ``(b, q)``, in loss units squared per parameter unit
        squared.

        Positive: a small gradient step on the sample lowers the query's loss (helpful). Cost: about one forward pass,
        one backward pass and one product per layer (``explain``).
        """
        return self._contract(x, y, queries, norms=False)[0]

    def along(self, x: Tensor, y: Tensor, query: QueryGradients) -> Tensor:
        """``dots`` with one query ``(b, 1)`` by the cheapest way: for a model of linear and convolution layers and a
        written-out query one pass in forward mode, else ``dots``.

        Forward mode rounds the gradients of samples that the model is all but certain of about three times as much as a
        backward pass.
        """
        forward = self._forward_mode and query.count == 1 and self.plan(x, y).plain
        found = self._along(x, y, query) if forward else None
        return self.dots(x, y, query) if found is None else found

    def norms(self, x: Tensor, y: Tensor) -> Tensor:
        """L2 norms of the samples' gradients ``(b,)``; their square is the self-influence."""
        return self._contract(x, y, None, norms=True)[1]

    def dots_and_norms(self, x: Tensor, y: Tensor, queries: QueryGradients) -> tuple[Tensor, Tensor]:
        """``dots`` and ``norms`` in one pass; the cosine is ``dots / (norms[:, None] * queries.norms)``."""
        return self._contract(x, y, queries, norms=True)

    @property
    def layers(self) -> dict[str, list[str]]:
        """Name of each layer with covered parameters of its own ("" for the model itself) -> their names, in the
        model's order."""
        found: dict[str, list[str]] = {}
        for name in self.covered:
            found.setdefault(name.rpartition(".")[0], []).append(name)
        return found

    def by_layer(self, x: Tensor, y: Tensor, queries: QueryGradients) -> tuple[Tensor, Tensor]:
        """``dots_and_norms`` of every layer apart, ``(l, b, q)`` and ``(l, b)`` in the order of ``layers``, at the cost
        of one pass.

        Dots and squared norms add up over layers. A layer's cosine is its dot over the norms of both sides there, the
        query's being ``queries.only(layers[name]).norms``.
        """
        places = {name: place for place, names in enumerate(self.layers.values()) for name in names}
        dots, norms = self._contract_apart(x, y, queries, True, places)
        return torch.stack(dots), torch.stack(norms)

    @torch.no_grad()
    def gradients(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Materialised per-sample gradients, parameter name -> ``(b, *shape)``. Memory: b times the model; meant for
        few samples."""
        result = {
            name: torch.zeros((len(x), *p.shape), dtype=p.dtype, device=p.device)
            for name, p in covered_parameters(self.model).items()
        }
        for start, stop, name, factor in self.factors(x, y):
            result[name][start:stop] = factor.dense().reshape(stop - start, *factor.shape)
        return result

    def mean_gradient(self, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Gradient of the mean loss over all samples of all batches, parameter name -> tensor; one plain backward pass
        per batch."""
        parameters = covered_parameters(self.model)
        total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        count = 0
        for x, y in batches:
            self._placed(x)
            with evaluation(self.model):
                value = per_sample(self.loss(self.model(ordinary(x)), ordinary(y)), len(x)).sum()
                found = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    total[name] += gradient
            count += len(x)
        if count == 0:
            raise UserError(
                "The group of queries is empty.",
                "A mean over no samples does not exist.",
                "Choose at least one sample.",
            )
        return {name: gradient / count for name, gradient in total.items()}

    @torch.no_grad()
    def queries(self, x: Tensor, y: Tensor, batch_size: int = 64) -> QueryGradients:
        """One query per sample, kept as factors where that is smaller; ``query_capacity`` says how many fit the
        budget."""
        found: dict[str, dict[int, Factor]] = {}
        for start, stop in blocks(len(x), batch_size):
            for first, _, name, factor in self.factors(x[start:stop], y[start:stop]):
                found.setdefault(name, {})[start + first] = keep(factor, self.budget_bytes)
        # One parameter after the other: few are there twice.
        parts = {name: gathered(found.pop(name), len(x)) for name in list(found)}
        return QueryGradients(parts, len(x), self.budget_bytes, of_samples=True)

    @staticmethod
    def stack(many: Sequence[QueryGradients]) -> QueryGradients:
        """All queries of ``many`` in order, as one."""
        return QueryGradients.stack(many)

    def query_capacity(self, x: Tensor, y: Tensor) -> int:
        """How many queries like the given ones fit into ``budget_bytes``, at least 1."""
        few = self.queries(x[:4], y[:4])
        return max(1, self.budget_bytes * len(few) // max(1, few.nbytes))

    def group_query(self, x: Tensor | Iterable[tuple[Tensor, Tensor]], y: Tensor | None = None) -> QueryGradients:
        """One query for the mean loss of a group of samples: one batch ``(x, y)``, or an iterable of batches for a
        large group."""
        batches = [(x, y)] if isinstance(x, Tensor) and y is not None else x
        return QueryGradients.from_gradients([self.mean_gradient(batches)])  # type: ignore[arg-type]

    @torch.no_grad()
    def project(self, x: Tensor, y: Tensor, dim: int, seed: int = 0) -> Tensor:
        """Random projections of the samples' gradients ``(b, dim)``: inner products estimate gradient dots, error about
        1 / sqrt(dim).

        The map depends on ``seed`` and the parameters' names and sizes alone (``project.Sketch``); cost: one pass over
        the gradients.
        """
        result = torch.zeros(len(x), dim, dtype=self.plan(x, y).dtype, device=x.device)
        for start, stop, name, factor in self.factors(x, y):
            key = (name, dim, seed, x.device)
            if key not in self._sketches:
                self._sketches[key] = Sketch(name, factor.numel, dim, seed, x.device)
            result[start:stop] += project(factor, self._sketches[key], self.budget_bytes)
        return result

    @torch.no_grad()
    def compress(self, x: Tensor, y: Tensor, compression: Compression) -> Tensor:
        """Compressed gradients of the samples ``(b, dim)``, whose inner products estimate gradient dots
        (``attribution.gradients.compress``).

        The map depends on the compression and the model's parameters alone. Cost: one forward and one backward pass,
        and less than writing the gradients out; see the compressions.
        """
        return self.compress_factors(x, y, self.factors(x, y), compression)

    @torch.no_grad()
    def compress_factors(
        self, x: Tensor, y: Tensor, factors: Iterable[tuple[int, int, str, Factor]], compression: Compression
    ) -> Tensor:
        """The same for gradients that are there already, as ``factors`` gives them for the batch ``x, y``."""
        plan = self.plan(x, y)
        key = (compression, plan.routes, x.device)
        if key not in self._maps:
            self._maps[key] = compression.maps(sizes_of(self.model, plan), x.device)
        into = torch.zeros(len(x), compression.dim, dtype=plan.dtype, device=x.device)
        return compress(factors, self._maps[key], into, self.budget_bytes)

    @torch.no_grad()
    def explain(
        self, x: Tensor, y: Tensor, n_queries: int = 1, *, norms: bool = True, written: bool = False
    ) -> Explanations:
        """One row per covered parameter: closed form or fallback and why, contraction order, cost for this batch; print
        it for a table.

        The request: dots with ``n_queries`` (0: none), ``norms`` or not; ``written``: queries that are no sample's own
        gradient and so have no factors (a mean, or anything multiplied by an inverse curvature). One of them without
        norms: as ``along`` compares it.
        """
        plan = self.plan(x, y)
        shapes = {name: tuple(parameter.shape) for name, parameter in covered_parameters(self.model).items()}
        size = self.at_once(x, y)
        seen = {name: factor for _, _, name, factor in self.factors(x[:size], y[:size])}
        rows = explained(plan, shapes, seen, n_queries, norms, written)
        return Explanations(row.times(len(x) / size) for row in rows)

    def check(self, x: Tensor, y: Tensor) -> None:
        """``UserError`` naming the layer if a sample's loss changes with the other samples of its batch; looks at up to
        eight samples."""
        self._placed(x)
        x, y = x[:8], y[:8]
        with evaluation(self.model), torch.no_grad():
            together = per_sample(self.loss(self.model(x), y), len(x))
            alone = torch.cat([self.loss(self.model(x[k : k + 1]), y[k : k + 1]) for k in range(len(x))])
        tolerance = 1e-7 if together.dtype == torch.float64 else 1e-2  # a GPU may round to TF32
        if not torch.allclose(together, alone, rtol=tolerance, atol=tolerance):
            worst = int((together - alone).abs().argmax())
            raise first_coupled(self.model, x) or UserError(
                f"The loss of sample {worst} is {together[worst]:.6g} in a batch of {len(x)} and "
                f"{alone[worst]:.6g} alone.",
                "A loss that depends on the batch has no per-sample gradient.",
                "Make the model and the loss treat samples independently in evaluation mode.",
            )

    def plan(self, x: Tensor, y: Tensor) -> Plan:
        """The routes of the covered parameters; made on the first batch and again when other parameters require
        gradients."""
        if self._known is None or self._known.stale:
            if not self.covered:
                raise UserError(
                    "No parameter of the model requires a gradient.",
                    "There is nothing to attribute.",
                    "Set requires_grad on some of them.",
                )
            self._placed(x)
            self._known = make_plan(self.model, ordinary(x), ordinary(y), self.loss)
        self._placed(x)
        return self._known

    def _placed(self, x: Tensor) -> None:
        if not isinstance(x, Tensor):
            raise UserError(
                f"The batch is a {type(x).__name__}.",
                "Batches are cut by sample, so a sample is one tensor here, also for a model with several inputs.",
                "Pack them: x, names = packed(inputs); model.datablame_fields = names; takes_packed(model), all of "
                "attribution.models.packed.",
            )
        device = (
            self._known.device
            if self._known
            else next((parameter.device for parameter in self.model.parameters()), x.device)
        )
        if x.device != device:
            raise UserError(
                f"The batch is on {x.device}, the model on {device}.",
                "They cannot be combined.",
                f"Move the batch to {device}.",
            )
        if x.shape[0] == 0:
            raise UserError("The batch is empty.", "There is nothing to score.", "Pass at least one sample.")

    def factors(self, x: Tensor, y: Tensor) -> Iterator[tuple[int, int, str, Factor]]:
        """``(start, stop, parameter, factor)`` for all covered parameters that the loss depends on, in blocks of
        samples.

        What a training set's curvature is built from; positions count from the start of the batch.
        """
        return self._factors(self.plan(x, y), ordinary(x), ordinary(y))

    def _factors(self, plan: Plan, x: Tensor, y: Tensor) -> Iterator[tuple[int, int, str, Factor]]:
        for start, stop in blocks(len(x), self.at_once(x, y)) if plan.modules or plan.at_use else ():
            trace = plan.trace(stop - start)
            with evaluation(self.model):
                calls = capture(self.model, plan.modules, x[start:stop], y[start:stop], self.loss, self.autocast, trace)
            for module_name in list(calls):
                module = plan.modules[module_name]
                handler = handler_of(module)
                assert handler is not None
                for name, factor in handler(module, calls.pop(module_name), stop - start).items():
                    full = f"{module_name}.{name}" if module_name else name
                    if full in plan.closed:
                        yield start, stop, full, factor
            if trace is not None:
                yield from self._at_use(plan, trace, x[start:stop], y[start:stop], start)
        if plan.others:
            yield from self._fallback_factors(plan.others, plan.loop, x, y, 0)

    def _at_use(
        self, plan: Plan, trace: Trace, x: Tensor, y: Tensor, offset: int
    ) -> Iterator[tuple[int, int, str, Factor]]:
        """Of the parameters that were followed through a block; of those that got lost one sample at a time."""
        lost = plan.lost(trace)
        for start, stop, name, factor in trace.factors(self.budget_bytes):
            if name not in lost:
                yield start + offset, stop + offset, name, factor
        if lost:
            yield from self._fallback_factors(lost, True, x, y, offset)

    def at_once(self, x: Tensor, y: Tensor) -> int:
        """How many samples of a batch go through the model at once; a CPU gains nothing from more activations than its
        caches are worth."""
        plan = self.plan(x, y)
        if x.device.type != "cpu":
            return len(x)
        most = max(_FEWEST, int(min(self.budget_bytes, _SAVED_BYTES) / max(1.0, plan.saved * x[0].numel())))
        return -(-len(x) // -(-len(x) // most))  # blocks of one size

    def _fallback_factors(
        self, names: tuple[str, ...], loop: bool, x: Tensor, y: Tensor, offset: int
    ) -> Iterator[tuple[int, int, str, Factor]]:
        fallback = Fallback(self.model, names, self.loss, loop)
        parameters: Mapping[str, nn.Parameter] = covered_parameters(self.model)
        sample_bytes = sum(parameters[name].nbytes for name in names)
        for start, stop in blocks(len(x), self.budget_bytes // (3 * sample_bytes)):
            for name, values in fallback.gradients(x[start:stop], y[start:stop]).items():
                rows = Dense(values.reshape(stop - start, -1), tuple(parameters[name].shape))
                yield start + offset, stop + offset, name, rows

    def _along(self, x: Tensor, y: Tensor, query: QueryGradients) -> Tensor | None:
        """Dots with one query ``(b, 1)`` in forward mode; None where it does not serve."""
        plan = self.plan(x, y)
        try:
            slope = slopes(self.model, plan.holders, self.loss, ordinary(x), ordinary(y), query)
        except RuntimeError:  # an operation without a forward-mode derivative, or too little memory: ask the other way
            self._forward_mode = False
            return None
        return None if slope is None else slope.to(plan.dtype)[:, None]

    def _contract(self, x: Tensor, y: Tensor, queries: QueryGradients | None, norms: bool) -> tuple[Tensor, Tensor]:
        dots, found = self._contract_apart(x, y, queries, norms, {})
        return dots[0], found[0]

    @torch.no_grad()
    def _contract_apart(
        self, x: Tensor, y: Tensor, queries: QueryGradients | None, norms: bool, places: Mapping[str, int]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Dots and norms summed over the parameters that share a place; a parameter without one has place 0."""
        plan = self.plan(x, y)
        b = x.shape[0]
        dtype = plan.dtype
        count = max(places.values(), default=0) + 1
        dots = [Total((b, queries.count if queries is not None else 0)) for _ in range(count)]
        squared = [Total((b,)) for _ in range(count)]
        done = set()
        for start, stop, name, factor in self._factors(plan, ordinary(x), ordinary(y)):
            if (start, name) in done:
                continue
            query = queries.parts.get(name) if queries is not None else None
            place = places.get(name, 0)
            merged = _implied(plan.biases.get(name), query, queries) and with_bias(factor, query, norms)
            if merged:
                done.add((start, plan.biases[name]))
            part, square = contract(factor, query, self.budget_bytes, norms, merged)
            dots[place].add(start, stop, part, dtype)
            squared[place].add(start, stop, square, dtype)
        found = [total.value(dtype, x.device).clamp_min_(0).sqrt_() for total in squared]
        return [total.value(dtype, x.device) for total in dots], found


def _cross_entropy(output: Any, labels: Tensor) -> Tensor:
    """The loss that is taken where none is given: of the logits, also where they are part of what the model gives."""
    return PLAIN.loss(PLAIN.outputs(output), labels)


def _implied(bias: str | None, query: Factor | None, queries: QueryGradients | None) -> bool:
    """Whether a weight's dots and norms say all that is needed to add those of its bias."""
    if bias is None or queries is None:
        return bias is not None
    return queries.of_samples and query is not None and bias in queries.parts


class Total:
    """A sum of parts that cover some of its rows each; the first whole one is taken over as it is."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.sum: Tensor | None = None

    def add(self, start: int, stop: int, part: Tensor | None, dtype: torch.dtype) -> None:
        """Add to the rows ``start..stop-1``; the part may be changed later on."""
        if part is None:
            return
        if stop - start < self.shape[0]:
            self.sum = self.value(dtype, part.device)
            self.sum[start:stop] += part
        else:
            self.sum = part.to(dtype) if self.sum is None else self.sum.add_(part)

    def value(self, dtype: torch.dtype, device: torch.device) -> Tensor:
        """The sum so far."""
        return torch.zeros(self.shape, dtype=dtype, device=device) if self.sum is None else self.sum
