"""Language models of Hugging Face folders: base weights shared by all networks of a process, and what is trained."""

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.models.adapters import completed
from attribution.models.sources.base import library, made, take_fitting

if TYPE_CHECKING:
    from torch import nn

    from attribution.models.causal import CausalModel

ENDINGS = ("ForCausalLM", "LMHeadModel")  # of the architectures that config.json names
RECIPE = {"optimizer": "adamw", "lr": 5e-4, "weight_decay": 0.0, "epochs": 3, "batch_size": 8}
LORA = 8  # rank, where nobody says what is trained
LAYERS = 2  # the last ones, where nobody says how many have adapters
TARGETS = ("q", "v", "o", "down")
FUSED = ("c_attn", "query_key_value", "qkv_proj", "Wqkv")
KNOWN = {  # short words for the linear layers of a block, by the names that architectures give them
    "q": ("q_proj", "query", "q_lin", *FUSED),
    "k": ("k_proj", "key", "k_lin", *FUSED),
    "v": ("v_proj", "value", "v_lin", *FUSED),
    "o": ("o_proj", "out_proj", "dense", "out_lin"),
    "gate": ("gate_proj", "w1", "gate_up_proj"),
    "up": ("up_proj", "w3", "fc1", "c_fc", "dense_h_to_4h", "gate_up_proj"),
    "down": ("down_proj", "w2", "fc2", "c_proj", "dense_4h_to_h"),
}


@dataclass(frozen=True)
class Trained:
    """What of a language model is trained: adapters of this rank in the last ``layers``, or those layers whole."""

    lora: int
    layers: int
    targets: tuple[str, ...]
    alpha: float
    embeddings: bool

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Trained":
        """From the user's arguments, which are taken out of ``given``; ``UserError`` for two answers at once."""
        last, lora, layers = (int(given.pop(name, 0)) for name in ("last", "lora", "lora_layers"))
        targets = given.pop("lora_targets", TARGETS)
        alpha = float(given.pop("lora_alpha", 0))
        embeddings = bool(given.pop("embeddings", False))
        if last and (lora or layers or alpha):
            raise UserError(
                f"Both last={last} and lora are given.",
                "One says that the last layers are trained, the other that adapters in them are.",
                "Give last=2, or lora=8 with lora_layers=2.",
            )
        if min(last, lora, layers) < 0:
            raise UserError(
                "last, lora or lora_layers is below 0.", "They count layers and directions.", "Give whole numbers."
            )
        lora = 0 if last or (embeddings and not lora) else lora or LORA
        layers = last or layers or (LAYERS if lora else 0)
        chosen = (targets,) if isinstance(targets, str) else tuple(map(str, targets))
        return cls(lora, layers, chosen, alpha or 2.0 * lora, embeddings)


def is_causal(told: Mapping[str, Any]) -> bool:
    """Whether config.json tells of a language model."""
    return any(str(one).endswith(ENDINGS) for one in told.get("architectures") or [])


def language_model(folder: Path, given: dict[str, Any], where: str) -> "CausalModel":
    """The language model of a folder, of which the last layers or adapters in them are trained.

    ``given``: ``lora`` (rank, 8), ``lora_layers`` (the last 2), ``lora_targets`` (q/v/o/down), ``lora_alpha`` (twice
    the rank); or ``last`` (so many layers whole); ``embeddings`` (with the head, where they are one); ``pretrained``;
    others replace entries of config.json.
    """
    from attribution.models.causal import CausalModel

    trained = Trained.of(given)
    base = _base(folder, tuple(sorted(given.items())), where)
    network = _sharing(base)
    for name, weight in network.named_parameters():
        weight.requires_grad_(_chosen(network, name, trained))
    if trained.lora:
        network = _with_adapters(network, trained, where)
    _own(network)
    return CausalModel(network, tokenizer_of(folder), str(folder))


def adapted_model(base: Path, folder: Path, given: dict[str, Any], merge: bool, where: str) -> "CausalModel":
    """The base with a peft adapter, whose weights are trained; merged into it, the last layers are."""
    from attribution.models.causal import CausalModel
    from attribution.models.weight_files import read

    peft = library("peft", where)
    trained = Trained.of({"last": given.pop("last", LAYERS)}) if merge else None
    network = _sharing(_base(base, tuple(sorted(given.items())), where))
    config = made(where, lambda: peft.PeftConfig.from_pretrained(str(folder)))
    config.inference_mode = False
    adapted = _quietly(where, lambda: peft.get_peft_model(network, config))
    take_fitting(adapted, completed(read(folder).tensors, adapted.state_dict(), folder.name))
    if trained:
        for weight in adapted.parameters():  # merging adds in place
            weight.data = weight.data.clone()
        adapted = adapted.merge_and_unload()
        for name, weight in adapted.named_parameters():
            weight.requires_grad_(_chosen(adapted, name, trained))
    _own(adapted)
    tokens = folder if (folder / "tokenizer_config.json").is_file() else base
    return CausalModel(adapted, tokenizer_of(tokens), str(base))


@lru_cache(maxsize=4)
def tokenizer_of(folder: Path) -> Any:
    """The folder's tokenizer; ``UserError`` where it has none."""
    transformers = library("transformers", f"hf:{folder}")
    try:
        return transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UserError(
            f"{folder} has no tokenizer that can be loaded: {' '.join(str(error).split())[:200]}.",
            "It says how a conversation becomes the model's input.",
            f"Save it there: tokenizer.save_pretrained({str(folder)!r}).",
        ) from error


@lru_cache(maxsize=1)
def _base(folder: Path, given: tuple[tuple[str, Any], ...], where: str) -> "nn.Module":
    """The network with the folder's weights, float32, once in a process: a copy shares what it does not train."""
    import torch

    transformers = library("transformers", where)
    entries = dict(given)
    pretrained = bool(entries.pop("pretrained", True))
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}

    def build() -> Any:
        config = transformers.AutoConfig.from_pretrained(str(folder), **local)
        for name, value in {"use_cache": False, **entries}.items():
            setattr(config, name, value)
        kind = transformers.AutoModelForCausalLM
        if not pretrained:
            return kind.from_config(config, trust_remote_code=False).float()
        return kind.from_pretrained(str(folder), config=config, dtype=torch.float32, use_safetensors=True, **local)

    transformers.utils.logging.disable_progress_bar()
    return _plain_norms(_quietly(where, build))


def _quietly(where: str, build: Any) -> Any:
    """``made`` without what the libraries tell each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return made(where, build)


def _plain_norms(network: "nn.Module") -> "nn.Module":
    """The same with torch's own RMSNorm wherever a norm of the library's gives the same: its gradients have a closed
    form, and no step of it is forced into float32."""
    import torch
    from torch import nn

    for name, norm in list(network.named_modules()):
        weights = dict(norm.named_parameters())
        eps = getattr(norm, "variance_epsilon", getattr(norm, "eps", None))
        if not type(norm).__name__.endswith("RMSNorm") or list(weights) != ["weight"] or not isinstance(eps, float):
            continue
        plain = nn.RMSNorm(len(weights["weight"]), eps=eps)
        plain.weight = weights["weight"]
        probe = torch.randn(4, len(weights["weight"]), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            if torch.allclose(plain(probe), norm(probe), rtol=1e-5, atol=1e-6):
                owner, _, place = name.rpartition(".")
                setattr(network.get_submodule(owner), place, plain)
    return network


def _sharing(base: "nn.Module") -> "nn.Module":
    """A copy whose weights are the same memory."""
    from torch import nn

    keys = base.__dict__.setdefault("datablame_keys", {})
    memo: dict[int, Any] = {id(keys): keys}
    for weight in base.parameters():
        memo[id(weight)] = nn.Parameter(weight.data, requires_grad=False)
    return copy.deepcopy(base, memo)


def _own(network: "nn.Module") -> None:
    """Memory of their own for the weights that are trained."""
    for weight in network.parameters():
        if weight.requires_grad:
            weight.data = weight.data.clone()


def _chosen(network: Any, name: str, trained: Trained) -> bool:
    """Whether this weight of the base is trained."""
    place = _layer(network, name)
    if place is None:
        return trained.embeddings and _outer(network, name)
    return not trained.lora and place >= _count(network) - trained.layers


def _count(network: Any) -> int:
    return int(network.config.get_text_config().num_hidden_layers)


def _outer(network: Any, name: str) -> bool:
    """Whether a weight is of the embedding of words or of the head."""
    weight = network.get_parameter(name)
    ends = (network.get_input_embeddings(), network.get_output_embeddings())
    return any(weight is one for end in ends for one in end.parameters())


def _layer(network: Any, name: str) -> int | None:
    """The number of the layer that a weight is in."""
    from attribution.models.causal import container

    owner, place = container(network)
    prefix = f"{owner}.{place}." if owner else f"{place}."
    return int(name[len(prefix) :].partition(".")[0]) if name.startswith(prefix) else None


def _with_adapters(network: Any, trained: Trained, where: str) -> Any:
    peft = library("peft", where)
    count = _count(network)
    targets = _targets(network, trained.targets, where)
    config = peft.LoraConfig(
        r=trained.lora,
        lora_alpha=trained.alpha,
        lora_dropout=0.0,
        fan_in_fan_out=any(type(one).__name__ == "Conv1D" for one in network.modules()),  # GPT-2's turned weights
        target_modules=targets,
        layers_to_transform=list(range(max(0, count - trained.layers), count)),
        task_type="CAUSAL_LM",
    )
    kept = [weight for weight in network.parameters() if weight.requires_grad]
    adapted = _quietly(where, lambda: peft.get_peft_model(network, config))
    for weight in kept:
        weight.requires_grad_(True)
    return adapted


def _targets(network: Any, asked: tuple[str, ...], where: str) -> list[str]:
    """Names of linear layers: those that short words mean here, and others as they are."""
    there = {name.rpartition(".")[2] for name, _ in network.named_modules()}
    found = {name for word in asked for name in KNOWN.get(word, (word,)) if name in there}
    if not found:
        known = sorted(name for word in KNOWN.values() for name in word if name in there)
        raise UserError(
            f"lora_targets names {', '.join(asked)}, and {where} has no such layers.",
            "Adapters are put into linear layers by name.",
            f"Name some of: {', '.join(known) or 'its linear layers'} (lora_targets=q/v/o/down).",
        )
    return sorted(found)
