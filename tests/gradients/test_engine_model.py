"""The user's model comes back as it was, what is covered is said, and what cannot be right is refused."""

import pytest
import torch
from engine_models import Scale, make, oracle
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.gradients.contract import contract
from attribution.gradients.engine import GradientEngine
from attribution.gradients.factors import Outer


def state(model: nn.Module) -> dict[str, object]:
    """Everything that must not change."""
    return {
        "training": [module.training for module in model.modules()],
        "requires_grad": [parameter.requires_grad for parameter in model.parameters()],
        "identity": [id(parameter) for parameter in model.parameters()],
        "gradients": [
            None if parameter.grad is None else parameter.grad.clone().tolist() for parameter in model.parameters()
        ],
        "values": [tensor.detach().clone().tolist() for tensor in model.state_dict().values()],
        "hooks": [
            len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
            for module in model.modules()
        ],
    }


def everything(engine: GradientEngine, x: Tensor, y: Tensor) -> None:
    """Every public method once."""
    queries = engine.queries(x, y)
    engine.dots_and_norms(x, y, queries)
    engine.group_query(x, y)
    engine.gradients(x, y)
    engine.project(x, y, 16)
    engine.explain(x, y, 10)
    engine.check(x, y)


@pytest.mark.parametrize("name", ["batch norm", "transformer", "custom module", "untraceable"])
def test_the_model_is_handed_back_as_it_was(name: str) -> None:
    model, x, y = make(name)
    first = next(model.parameters())
    first.grad = torch.ones_like(first)
    list(model.parameters())[-1].requires_grad_(False)
    model.train()
    next(iter(model.children())).eval()
    model.register_forward_hook(lambda module, args, output: None)
    before = state(model)
    everything(GradientEngine(model), x, y)
    assert state(model) == before
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("when", ["forward", "backward", "later"])
def test_the_model_is_restored_after_an_error(when: str) -> None:
    class Breaks(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            if when == "forward":
                raise ArithmeticError("broken forward")
            return x * 1.0

        @staticmethod
        def backward(ctx: object, gradient: Tensor) -> Tensor:
            raise ArithmeticError("broken backward")

    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.scale, self.head = nn.Linear(4, 4), Scale(4), nn.Linear(4, 3)
            self.on = when != "later"

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.scale(self.first(x))
            return self.head(Breaks.apply(hidden) if self.on else hidden)

    torch.manual_seed(0)
    model, x, y = Broken().double().train(), torch.randn(5, 4).double(), torch.tensor([0, 1, 2, 0, 1])
    engine = GradientEngine(model)
    if when == "later":
        engine.norms(x, y)
        model.on = True
    before = state(model)
    with pytest.raises((ArithmeticError, RuntimeError)):
        engine.norms(x, y)
    assert state(model) == before


def test_frozen_parameters_are_left_out_and_named() -> None:
    model, x, y = make("transformer")
    for parameter in model.attention.parameters():
        parameter.requires_grad_(False)
    model.head.bias.requires_grad_(False)
    engine = GradientEngine(model)
    assert "head.weight" in engine.covered
    assert engine.not_covered == [
        "attention.in_proj_weight",
        "attention.in_proj_bias",
        "attention.out_proj.weight",
        "attention.out_proj.bias",
        "head.bias",
    ]
    reference = oracle(model, x, y)
    torch.testing.assert_close(engine.norms(x, y), reference.norm(dim=1), rtol=1e-9, atol=0.0)
    model.head.bias.requires_grad_(True)  # the plan follows
    torch.testing.assert_close(engine.norms(x, y), oracle(model, x, y).norm(dim=1), rtol=1e-9, atol=0.0)


def test_other_weights_in_the_same_model_give_their_own_scores() -> None:
    model, x, y = make("group norm")
    engine = GradientEngine(model)
    engine.norms(x, y)
    other, _, _ = make("group norm", seed=1)
    model.load_state_dict(other.state_dict())
    torch.testing.assert_close(engine.norms(x, y), oracle(other, x, y).norm(dim=1), rtol=1e-9, atol=0.0)


def test_explain_names_the_path_of_every_parameter() -> None:
    def paths(name: str) -> dict[str, tuple[str, str]]:
        model, x, y = make(name)
        engine = GradientEngine(model)
        rows = engine.explain(x, y, n_queries=50)
        assert [row.parameter for row in rows] == engine.covered
        assert all(row.multiply_adds >= 0 for row in rows)
        return {row.parameter: (row.path, row.reason) for row in rows}

    block = paths("transformer")
    assert block["tokens.weight"] == block["mlp.0.weight"] == block["first.bias"] == ("closed form", "")
    assert block["attention.in_proj_weight"][0] == "at use"
    assert "MultiheadAttention" in block["attention.in_proj_weight"][1]
    assert block["attention.out_proj.weight"][0] == "at use"  # attention reads it without calling the module
    assert block["places.weight"][0] == "at use"  # no sample axis
    assert "shared with out" in paths("tied parameter")["embed.weight"][1]
    assert paths("read elsewhere")["embed.weight"][0] == "at use"
    assert paths("contracted elsewhere")["1.weight"][0] == "vmap"
    assert paths("untraceable")["1.scale"][0] == "loop"
    assert paths("positions first")["lin.weight"][0] == "vmap"
    for name in (
        "linear on steps",
        "flattened positions",
        "group norm",
        "same layer twice",
        "batch norm",
        "conv1d",
        "embedding",
    ):
        assert {path for path, _ in paths(name).values()} == {"closed form"}, name


def test_explain_counts_what_was_asked_for() -> None:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = torch.randn(32, 64), torch.zeros(32, dtype=torch.long)
    engine = GradientEngine(model)
    many, one, only = (
        engine.explain(x, y, q, norms=norms, written=w)
        for q, norms, w in ((100, True, False), (1, False, True), (0, True, False))
    )
    assert many.forward == 32 * (64 * 128 + 128 * 10)
    assert (many[0].dots, many[0].norms) == ("pairs", "pairs")
    assert (one[0].dots, one[0].norms) == ("forward mode", "")
    assert one.share == 2  # the derivative of each product: by its inputs and by its weights
    assert (only[0].dots, only.share < 0.1) == ("", True)
    assert (many[1].dots, many[1].norms, many[1].multiply_adds) == ("with weight", "with weight", 0)
    assert (only[1].dots, only[1].norms) == ("", "with weight")
    assert engine.explain(x, y, 100, written=True)[1].dots == "materialise"
    lines = str(many).splitlines()
    assert len(lines) == 2 + len(engine.covered)
    assert "of forward" in lines[0]
    assert lines[-1].startswith("all")


def test_a_bias_is_counted_once_whichever_way_its_weight_is_contracted() -> None:
    """With samples' own gradients as queries the bias comes with the weight, with others by itself: the same dots."""
    model, x, y = make("linear on steps")
    engine = GradientEngine(model)
    own = engine.queries(x[:3], y[:3])
    written = own.from_gradients([own.direction(k) for k in range(3)])
    torch.testing.assert_close(engine.dots(x, y, own), engine.dots(x, y, written))
    for part in (
        [name for name in engine.covered if name.endswith("bias")],
        [name for name in engine.covered if name.endswith("weight")],
    ):
        torch.testing.assert_close(engine.dots(x, y, own.only(part)), engine.dots(x, y, written.only(part)))
        torch.testing.assert_close(engine.dots_and_norms(x, y, own.only(part))[1], engine.norms(x, y))


def test_a_batch_norm_without_running_statistics_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"Layer '1'.*BatchNorm1d"):
        GradientEngine(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, track_running_stats=False), nn.Linear(6, 3)))


def test_an_embedding_that_rescales_itself_is_refused() -> None:
    with pytest.raises(UserError, match="max_norm=1"):
        GradientEngine(nn.Sequential(nn.Embedding(5, 4, max_norm=1.0), nn.Linear(4, 3)))


def test_a_batch_coupled_module_is_refused_by_name() -> None:
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x - x.mean(0)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), Centred(), nn.Linear(6, 3)).double()
    x, y = torch.randn(6, 4).double(), torch.tensor([0, 1, 2, 0, 1, 2])
    engine = GradientEngine(model)
    with pytest.raises(UserError, match="Layer '1' \\(Centred\\)"):
        engine.check(x, y)
    with pytest.raises(UserError, match="Layer '1' \\(Centred\\)"):
        engine.norms(x, y)


def test_user_mistakes_are_user_errors() -> None:
    model, x, y = make("linear")
    with pytest.raises(UserError, match="loss per sample"):
        GradientEngine(model, nn.functional.cross_entropy).norms(x, y)
    with pytest.raises(UserError, match="empty"):
        GradientEngine(model).norms(x[:0], y[:0])
    with pytest.raises(UserError, match="group of queries is empty"):
        GradientEngine(model).group_query([])
    with pytest.raises(UserError, match=r"'0\.weight' is not finite"):
        GradientEngine(model).norms(x * float("nan"), y)
    with pytest.raises(UserError, match=r"The batch is a dict.*takes_packed"):
        GradientEngine(model).norms({"x": x}, y)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(UserError, match="No parameter"):
        GradientEngine(model).norms(x, y)


def test_a_single_sample_and_inference_mode_work() -> None:
    model, x, y = make("group norm")
    reference = oracle(model, x, y)
    engine = GradientEngine(model)
    assert abs(float(engine.norms(x[:1], y[:1])[0] - reference[0].norm())) < 1e-9
    with torch.inference_mode():
        inside = engine.norms(x + 0.0, y)
    torch.testing.assert_close(inside.clone(), reference.norm(dim=1), rtol=1e-9, atol=0.0)


def test_a_saturated_loss_does_not_blind_the_probe() -> None:
    model, x, y = make("read elsewhere")
    engine = GradientEngine(model, lambda output, labels: output.sum(1) * 0.0)
    assert {route.parameter for route in engine.plan(x, y).routes if route.path == "at use"} >= {
        "embed.weight",
        "unused.weight",
    }


def test_capacity_counts_queries_in_the_budget() -> None:
    model, x, y = make("linear")
    small, large = GradientEngine(model, budget_bytes=1_000), GradientEngine(model, budget_bytes=100_000)
    assert 1 <= small.query_capacity(x, y) < large.query_capacity(x, y)


def test_queries_of_a_large_weight_are_kept_as_factors_and_say_the_same() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(512, 640), nn.Tanh(), nn.Flatten(), nn.Linear(640 * 20, 3))
    x, y = torch.randn(5, 20, 512), torch.tensor([0, 1, 2, 0, 1])
    engine = GradientEngine(model)
    queries = engine.queries(x, y)
    assert isinstance(queries.parts["0.weight"], Outer)  # 1.4 times the multiply-adds for a ninth of the memory
    assert 5 * sum(p.nbytes for p in model.parameters()) > 3 * queries.nbytes
    found, norms = engine.dots_and_norms(x, y, queries)
    gradients = torch.cat([one.flatten(1) for one in engine.gradients(x, y).values()], 1).double()
    torch.testing.assert_close(found.double(), gradients @ gradients.T, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norms.double(), gradients.norm(dim=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("positions", [1, 4, 12])
def test_orders_of_factored_queries_agree(positions: int) -> None:
    torch.manual_seed(0)
    sizes = (7, 1, positions)
    train = Outer(torch.randn(*sizes, 6).double(), torch.randn(*sizes, 5).double(), (6, 5))
    queries = Outer(torch.randn(*sizes, 6).double(), torch.randn(*sizes, 5).double(), (6, 5))
    dots, squared = contract(train, queries, 1 << 10)
    torch.testing.assert_close(dots, train.dense() @ queries.dense().T)
    torch.testing.assert_close(squared, train.dense().square().sum(1))


@pytest.mark.parametrize("rows", [6, 40], ids=["nearly filled", "sparse"])
def test_an_embedding_is_the_same_written_out_or_by_rows(rows: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(rows, 3, padding_idx=0), nn.Flatten(), nn.Linear(15, 2)).double()
    x, y = torch.randint(0, rows, (7, 5)), torch.arange(7) % 2
    engine, reference = GradientEngine(model), oracle(model, x, y)
    dots, norms = engine.dots_and_norms(x, y, engine.queries(x[:3], y[:3]))
    torch.testing.assert_close(dots, reference @ reference[:3].T)
    torch.testing.assert_close(norms, reference.norm(dim=1))


def test_a_number_of_positions_that_happens_to_be_the_batch_size_is_not_taken_for_the_batch() -> None:
    class Spread(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4))

        def forward(self, x: Tensor) -> Tensor:
            return (x + self.weight.expand(x.shape[1], -1)).tanh()

    torch.manual_seed(0)
    model = nn.Sequential(Spread(), nn.Flatten(), nn.Linear(24, 3)).double()
    x, y = torch.randn(6, 6, 4).double(), torch.arange(6) % 3
    engine, reference = GradientEngine(model), oracle(model, x, y)
    assert engine.plan(x, y).at_use == ("0.weight",)
    for count in (6, 5, 1):
        dots = engine.dots(x[:count], y[:count], engine.queries(x[:2], y[:2]))
        torch.testing.assert_close(dots, reference[:count] @ reference[:2].T)


def test_one_sample_whose_picture_was_made_of_tokens_has_the_gradients_that_it_has_in_a_batch() -> None:
    """Torch's backward pass of batch normalisation is wrong for one sample in such an order in memory."""

    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.norm(self.conv(x)).flatten(2).transpose(1, 2)
            return torch.tanh(self.head(torch.tanh(tokens))).mean(1)

    torch.manual_seed(0)
    model, x, y = Tokens().double().eval(), torch.randn(3, 3, 6, 6).double(), torch.arange(3)
    engine = GradientEngine(model)
    norms = engine.norms(x, y)
    torch.testing.assert_close(torch.cat([engine.norms(x[k : k + 1], y[k : k + 1]) for k in range(3)]), norms)
    alone = [engine.mean_gradient([(x[k : k + 1], y[k : k + 1])]) for k in range(3)]
    lengths = [torch.cat([gradient.flatten() for gradient in each.values()]).norm() for each in alone]
    torch.testing.assert_close(torch.stack(lengths), norms)


def test_a_model_that_keeps_tensors_from_one_pass_to_the_next_is_asked_anew() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.biases, self.kept = nn.Parameter(torch.randn(4)), {}

        def forward(self, x: Tensor) -> Tensor:
            if "cpu" not in self.kept:
                self.kept["cpu"] = torch.tanh(self.biases)
            return x + self.kept["cpu"]

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), Keeps(), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = torch.randn(5, 4).double(), torch.arange(5) % 3
    engine = GradientEngine(model)
    dots = [engine.dots(x, y, engine.queries(x[:2], y[:2])) for _ in range(2)]
    torch.testing.assert_close(dots[0], dots[1])
    model[1].kept.clear()
    rows = []
    for k in range(5):
        rows.append(oracle(model, x[k : k + 1], y[k : k + 1])[0])
        model[1].kept.clear()
    torch.testing.assert_close(dots[0], torch.stack(rows) @ torch.stack(rows)[:2].T)


def test_logits_may_be_a_part_of_what_the_model_gives() -> None:
    class Named(nn.Linear):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"logits": super().forward(x), "more": x}

    torch.manual_seed(0)
    model, x, y = Named(4, 3).double(), torch.randn(5, 4).double(), torch.arange(5) % 3
    plain = nn.Linear(4, 3).double()
    plain.load_state_dict(model.state_dict())
    torch.testing.assert_close(GradientEngine(model).norms(x, y), oracle(plain, x, y).norm(dim=1))


def test_a_call_that_a_rule_cannot_read_leaves_its_parameter_to_the_fallback() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias, self.head = nn.Parameter(torch.randn(5, 5)), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = x[:, None]
            mixed = nn.functional.scaled_dot_product_attention(query=x, key=x, value=x, attn_mask=self.bias)
            return self.head(mixed[:, 0]).tanh().mean(1)

    torch.manual_seed(0)
    model, x, y = Named().double(), torch.randn(6, 5, 4).double(), torch.arange(6) % 3
    engine = GradientEngine(model)
    assert engine.plan(x, y).others == ("bias",)
    torch.testing.assert_close(engine.norms(x, y), oracle(model, x, y).norm(dim=1))
