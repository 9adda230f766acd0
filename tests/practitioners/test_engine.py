"""The gradient engine on networks of Hugging Face and of one's own making: exact, without the slow ways."""

import pytest
import torch
from torch import nn

from attribution.gradients.curvature import GaussNewton, kronecker_factors
from attribution.gradients.engine import GradientEngine
from attribution.tasks.classification import per_sample_loss

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
CLASSIFIERS = {
    "bert": ("BertForSequenceClassification", "BertConfig", {"vocab_size": 90, **SMALL}),
    "roberta": ("RobertaForSequenceClassification", "RobertaConfig", {"vocab_size": 90, **SMALL}),
    "distilbert": (
        "DistilBertForSequenceClassification",
        "DistilBertConfig",
        {"vocab_size": 90, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48},
    ),
    "electra": ("ElectraForSequenceClassification", "ElectraConfig", {"vocab_size": 90, **SMALL, "embedding_size": 16}),
    "deberta": ("DebertaV2ForSequenceClassification", "DebertaV2Config", {"vocab_size": 90, **SMALL}),
    "gpt2": (
        "GPT2ForSequenceClassification",
        "GPT2Config",
        {"vocab_size": 90, "n_embd": 32, "n_layer": 2, "n_head": 2, "pad_token_id": 0},
    ),
    "llama": (
        "LlamaForSequenceClassification",
        "LlamaConfig",
        {"vocab_size": 90, **SMALL, "num_key_value_heads": 1, "pad_token_id": 0},
    ),
    "t5": (
        "T5EncoderModel",
        "T5Config",
        {"vocab_size": 90, "d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2},
    ),
}


class Logits(nn.Module):
    """The network's logits, or a head on the mean of its last states."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.head = nn.Linear(32, 3) if "Encoder" in type(net).__name__ else None

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found = self.net(input_ids=ids)
        return found.logits if self.head is None else self.head(found.last_hidden_state.mean(1))


def classifier(name: str) -> nn.Module:
    import transformers

    builder, config, arguments = CLASSIFIERS[name]
    torch.manual_seed(0)
    more = {} if name == "t5" else {"num_labels": 3}
    return Logits(getattr(transformers, builder)(getattr(transformers, config)(**arguments, **more))).eval()


def dots(model: nn.Module, x: torch.Tensor, y: torch.Tensor, loss=per_sample_loss) -> torch.Tensor:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rows = []
    for k in range(len(x)):
        found = torch.autograd.grad(loss(model(x[k : k + 1]), y[k : k + 1])[0], parameters, allow_unused=True)
        pairs = zip(parameters, found, strict=True)
        rows.append(torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten() for p, g in pairs]).double())
    return torch.stack(rows) @ torch.stack(rows).T


def off(model: nn.Module, x: torch.Tensor, y: torch.Tensor, loss=per_sample_loss) -> float:
    """Largest error of five by five dots over the largest."""
    engine, expected = GradientEngine(model, loss), dots(model, x, y, loss)
    return float((engine.dots(x, y, engine.queries(x, y)) - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_text_classifier_is_exact_without_the_slow_ways(name):
    model = classifier(name)
    x, y = torch.randint(2, 90, (5, 12)), torch.arange(5) % 3
    assert off(model, x, y) < 1e-4
    slow = {route.parameter: route.reason for route in GradientEngine(model).plan(x, y).routes if "vmap" in route.path}
    assert not slow
    assert not GradientEngine(model).plan(x, y).loop


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_ekfac_has_a_factor_for_every_linear_layer(name):
    model = classifier(name)
    x, y = torch.randint(2, 90, (6, 12)), torch.arange(6) % 3
    engine = GradientEngine(model)
    curvature = GaussNewton(engine, lambda at: (x[at], y[at]), 6, lambda: torch.rand(6).numpy())
    factors = kronecker_factors(curvature, corrected=True)
    for path, module in model.named_modules():
        if isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D":
            assert f"{path}.weight" in factors.layers, path
    solved = factors.solve_queries(engine.queries(x[:2], y[:2]))
    assert bool(engine.dots(x, y, solved).isfinite().all())


def test_a_language_model_with_a_tied_head_is_exact():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    net = GPT2LMHeadModel(GPT2Config(vocab_size=90, n_embd=32, n_layer=2, n_head=2)).eval()
    assert net.lm_head.weight is net.transformer.wte.weight

    def loss(output, ids):
        logits = output[:, :-1].flatten(0, 1)
        return nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none").view(len(ids), -1).mean(1)

    class Model(Logits):
        pass

    ids = torch.randint(0, 90, (5, 12))
    assert off(Model(net), ids, ids, loss) < 1e-4
    assert not GradientEngine(Model(net), loss).plan(ids, ids).others


def test_lora_is_exact_and_covers_the_adapters():
    from peft import LoraConfig, get_peft_model

    model = classifier("bert")
    model.net = get_peft_model(model.net, LoraConfig(r=4, target_modules=["query", "value"], task_type="SEQ_CLS"))
    model.eval()
    x, y = torch.randint(2, 90, (5, 12)), torch.arange(5) % 3
    assert off(model, x, y) < 1e-4
    assert all("lora_" in name or "classifier" in name for name in GradientEngine(model).covered)
