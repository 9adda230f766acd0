"""Hugging Face folders, as ``save_pretrained`` and ``Trainer`` write them: network, weights, order of classes, task."""

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.modalities import modalities
from attribution.models.adapters import CONFIG, base_of, completed
from attribution.models.sources import register
from attribution.models.sources._language import RECIPE, adapted_model, is_causal, language_model
from attribution.models.sources.base import Source, Wanted, library, made, take_fitting
from attribution.transforms.packaged import folder_of, packaged

if TYPE_CHECKING:
    from torch import Tensor, nn

TASKS = {"regression": "regression", "multi_label_classification": "multilabel"}  # problem_type -> task
LANGUAGE = "causal-lm"  # the task for which a folder's language model is made, not a classifier
PREPARES = {  # by the kind of data: one of these files is there
    "chat": ("tokenizer.json", "tokenizer_config.json", "vocab.txt"),
    "text": ("tokenizer.json", "tokenizer_config.json", "vocab.txt"),
    "image": ("preprocessor_config.json", "processor_config.json"),
}
USUAL = {"optimizer": "adamw", "lr": 5e-5, "weight_decay": 0.0, "epochs": 3, "batch_size": 8}


@register("hf")
class HuggingFace(Source):
    """``AutoModelForSequenceClassification`` or ``AutoModelForImageClassification`` by the folder's config.json; for
    chats ``AutoModelForCausalLM``."""

    title = "A Hugging Face folder"
    summary = (
        "hf:FOLDER, as save_pretrained or Trainer writes it, or a name that was fetched before: a text or image "
        "classifier, or for chats a causal language model (hf:smollm2: the one that the extra chat brings). Its "
        "weights, order of classes, tokenizer or image processor and task are taken from it; code in it never runs."
    )
    example = "hf:FOLDER"
    package = "transformers"
    kinds = ("image", "text", "chat")

    def build(self, rest: str, wanted: Wanted) -> "nn.Module":
        """See ``Source.build``. Its weights are the folder's wherever they fit; ``pretrained=false`` draws all of them
        anew. Other arguments replace entries of config.json."""
        folder = _folder(rest)
        given = dict(wanted.arguments)
        if modalities.get(wanted.info.modality).task == LANGUAGE:
            return self._language(folder, given, f"hf:{rest}")
        if (folder / CONFIG).is_file():
            return self._adapted(folder, wanted, bool(given.pop("merge", False)), given)
        transformers = library("transformers", f"hf:{rest}")
        pretrained = bool(given.pop("pretrained", True))
        config = made(f"hf:{rest}", lambda: _config(transformers, folder, wanted, given))
        kind = _kind(transformers, config, rest)
        network = made(f"hf:{rest}", lambda: kind.from_config(config, trust_remote_code=False))
        if pretrained and (weights := _weights(folder)) is not None:
            take_fitting(network, _renamed(weights, network))
        if kind is transformers.AutoModelForSequenceClassification:
            network.datablame_fields = _fields(network)
        return network

    def identity(self, rest: str) -> dict[str, Any]:
        """See ``Source.identity``: also what is in the folder, not where it lies."""
        from attribution.models.checkpoints import checkpoint_hash
        from attribution.storage.files import file_hash

        if known := packaged(rest):
            return {"config": known.content, "weights": known.content}
        folder = _folder(rest)
        adapted = (folder / CONFIG).is_file()
        weights = checkpoint_hash(folder) if _weight_file(folder) else ""
        own = {"config": file_hash(folder / (CONFIG if adapted else "config.json")), "weights": weights}
        base = _known_base(folder) if adapted else ""
        return {**super().identity(rest), **own, **({"base": self.identity(base)} if base else {})}

    def placed(self, rest: str) -> str:
        """See ``Source.placed``."""
        return rest.strip().lower() if packaged(rest) else str(_folder(rest).resolve())

    def checkpoints(self, rest: str, outputs: int, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """See ``Source.checkpoints``: the folder, when it holds a classifier for as many classes."""
        if packaged(rest):
            return ()
        folder = _folder(rest)
        if not _weight_file(folder) or not arguments.get("pretrained", True):
            return ()
        if arguments.get("merge"):
            return ("builder",)
        if (folder / CONFIG).is_file() and (width := _head(folder)):
            return (str(folder),) if width == outputs else ()
        told = _told(folder)
        trained = any("Classification" in str(one) for one in told.get("architectures") or [])
        return (str(folder),) if trained and _labels(told) == outputs else ()

    def transform(self, rest: str, kind: str, arguments: Mapping[str, Any]) -> str:
        """See ``Source.transform``: its tokenizer or image processor, of an adapter else its base's."""
        if packaged(rest):
            return f"hf:{self.placed(rest)}"
        folder = _folder(rest)
        if any((folder / name).is_file() for name in PREPARES.get(kind, ())):
            return f"hf:{folder}"
        base = _known_base(folder) if (folder / CONFIG).is_file() else ""
        if base:
            return self.transform(base, kind, arguments)
        if kind in ("text", "chat"):
            raise UserError(
                f"{folder} holds no tokenizer.",
                "It would be handed this project's own word ids, which mean other words to it.",
                f"Name a folder that has it (--transform hf:FOLDER), or save it there: tokenizer.save_pretrained"
                f"({str(folder)!r}).",
            )
        return ""

    def recipe(self, rest: str, arguments: Mapping[str, Any], kind: str = "") -> dict[str, Any]:
        """See ``Source.recipe``: what the library's Trainer does unless it is told otherwise; of a language model's
        last layers what adapters usually take."""
        if kind and modalities.get(kind).task == LANGUAGE:
            return dict(RECIPE)
        return dict(USUAL) if arguments.get("pretrained", True) else {}

    def task(self, rest: str) -> str:
        """See ``Source.task``: by ``problem_type``; one output without it is a number, as the library has it."""
        told = {} if packaged(rest) else _told(_folder(rest))
        found = TASKS.get(str(told.get("problem_type") or ""), "")
        return found or ("regression" if _labels(told) == 1 and "id2label" in told else "")

    def said(self, rest: str, arguments: Mapping[str, Any]) -> list[str]:
        """See ``Source.said``."""
        if known := packaged(rest):
            return [f"{known.title}: its weights take {known.size} in the user's cache. Trainings start from them."]
        folder = _folder(rest)
        if not arguments.get("pretrained", True) or not _weight_file(folder):
            return []
        if (folder / CONFIG).is_file() and not arguments.get("merge"):
            return [
                "An adapter on its base: its weights and those of layers that were trained along are trained and "
                "asked; the base stays as it is. Trainings start from them."
            ]
        return ["Trainings start from the folder's weights."]

    def _language(self, folder: Path, given: dict[str, Any], where: str) -> "nn.Module":
        """The folder's language model, or its base's with the folder's adapter."""
        merge = bool(given.pop("merge", False))
        base = _folder(str(given.pop("base", "")) or _base(folder)) if (folder / CONFIG).is_file() else folder
        if not is_causal(told := _told(base)):
            raise UserError(
                f"{base} holds {', '.join(map(str, told.get('architectures') or ['a network']))}, which is no causal "
                "language model.",
                "Conversations are learned token by token, each from those before it.",
                "Name a folder of an AutoModelForCausalLM.",
            )
        if base == folder:
            return language_model(folder, given, where)
        return adapted_model(base, folder, given, merge, where)

    def _adapted(self, folder: Path, wanted: Wanted, merge: bool, given: dict[str, Any]) -> "nn.Module":
        """The base with the adapter's layers, whose weights and those trained along are the only ones to train; with
        ``merge=true`` its changes are added to the base, and all weights are."""
        peft = library("peft", f"the adapter in {folder}")
        base = str(given.pop("base", "")) or _base(folder)
        network = self.build(base, replace(wanted, arguments=given))
        fields = getattr(network, "datablame_fields", ())
        config = made(f"hf:{folder}", lambda: peft.PeftConfig.from_pretrained(str(folder)))
        config.inference_mode = False
        adapted = made(f"hf:{folder}", lambda: peft.get_peft_model(network, config))
        take_fitting(adapted, completed(_weights(folder) or {}, adapted.state_dict(), folder.name))
        if merge:
            adapted = adapted.merge_and_unload()
        else:
            adapted.datablame_base = True  # the folder's: checkpoints need not hold it (``models.base_kept``)
        if fields:
            adapted.datablame_fields = fields
        return adapted


def _folder(rest: str) -> Path:
    """The folder, the one of a packaged model, or that in which the library keeps what was fetched from the hub under
    this name."""
    if packaged(rest):
        return folder_of(rest)
    for folder in (Path(rest).expanduser(), _fetched(rest)):
        if folder and any((folder / name).is_file() for name in ("config.json", CONFIG)):
            return folder
    raise UserError(
        f"{Path(rest).expanduser()} is no Hugging Face folder: it holds no config.json.",
        "The network is made by it. A name of the hub is known when it was fetched before: nothing is downloaded.",
        "Name a folder that save_pretrained or Trainer wrote.",
    )


def _fetched(name: str) -> Path | None:
    """Where the newest copy of a name of the hub lies on this machine."""
    if find_spec("huggingface_hub") is None or name.count("/") > 1 or name.startswith((".", "/", "~")):
        return None
    cache = library("huggingface_hub", f"hf:{name}").try_to_load_from_cache
    found = next((one for file in ("config.json", CONFIG) if isinstance(one := cache(name, file), str)), None)
    return Path(found).parent if found else None


def _base(folder: Path) -> str:
    """The folder of an adapter's base; ``UserError`` for a name of the hub, which is not looked up."""
    if found := _known_base(folder):
        return found
    raise UserError(
        f"The adapter in {folder} belongs to the base {base_of(folder)!r}, which is no folder here.",
        "An adapter is a small change of it, and nothing is downloaded.",
        "Name the base's folder: --arguments base=FOLDER.",
    )


def _known_base(folder: Path) -> str:
    """The folder of an adapter's base, where it is one on this machine; else ""."""
    named = base_of(folder)
    if packaged(named):
        return named
    for found in (Path(named).expanduser(), _fetched(named) if named else None):
        if found and (found / "config.json").is_file():
            return str(found)
    return ""


def _head(folder: Path) -> int:
    """How many outputs the layers have that were trained along with an adapter; 0 where there are none."""
    kept = [one for name, one in (_weights(folder) or {}).items() if "lora" not in name and name.endswith(".weight")]
    return int(kept[-1].shape[0]) if kept else 0


def _told(folder: Path) -> dict[str, Any]:
    """What config.json says; of an adapter, its base's."""
    if (folder / CONFIG).is_file():
        base = _known_base(folder)
        return _told(_folder(base)) if base else {}
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(
            f"{folder / 'config.json'} cannot be read: {error}", "It describes the network.", "Save it again."
        ) from error
    return found if isinstance(found, dict) else {}


def _labels(told: Mapping[str, Any]) -> int:
    """How many outputs config.json says; transformers' own 2 where it says none."""
    named = told.get("id2label")
    return len(named) if isinstance(named, Mapping) else int(told.get("num_labels") or 2)


def _config(transformers: Any, folder: Path, wanted: Wanted, given: dict[str, Any]) -> Any:
    config = transformers.AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    if config.num_labels != wanted.outputs:
        config.num_labels = wanted.outputs
        config.id2label = dict(enumerate(wanted.names or map(str, range(wanted.outputs))))
    for name, value in {"use_cache": False, **given}.items():
        setattr(config, name, value)
    return config


def _kind(transformers: Any, config: Any, rest: str) -> Any:
    """The class that makes the network: for pictures or for text, by which of the two the library knows."""
    for kind in (transformers.AutoModelForSequenceClassification, transformers.AutoModelForImageClassification):
        if type(config) in kind._model_mapping:
            return kind
    raise UserError(
        f"The folder {rest} holds a {config.model_type} network, which is no classifier of texts or pictures.",
        "One output for each class is needed.",
        "Write a function that returns it with a last layer of your own: --model FILE.py:FUNCTION.",
    )


def _fields(network: "nn.Module") -> tuple[str, ...]:
    """What is handed to it by name, of what tokenizers give."""
    import inspect

    from attribution.models.packed import WORDS

    taken = inspect.signature(network.forward).parameters
    return tuple(name for name in WORDS if name in taken)


def _weight_file(folder: Path) -> bool:
    from attribution.models.weight_files import INDEX, WHOLE

    return any((folder / name).is_file() for name in (*WHOLE, *INDEX))


def _weights(folder: Path) -> "dict[str, Tensor] | None":
    from attribution.models.weight_files import read

    return read(folder).tensors if _weight_file(folder) else None


def _renamed(weights: "dict[str, Tensor]", network: "nn.Module") -> "dict[str, Tensor]":
    """Weights of the bare encoder under the classifier's names: the library leaves its prefix (``bert.``) out there."""
    prefix = getattr(network, "base_model_prefix", "")
    own = network.state_dict()
    if not prefix or any(name.startswith(f"{prefix}.") for name in weights):
        return weights
    return {name if name in own else f"{prefix}.{name}": value for name, value in weights.items()}
