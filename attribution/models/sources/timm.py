"""Networks of timm by name, with the last layer as wide as the data ask."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.models.sources import register
from attribution.models.sources.base import Source, Wanted, library, made, take_fitting

if TYPE_CHECKING:
    from torch import nn


@register("timm")
class Timm(Source):
    """``timm.create_model(NAME, num_classes=...)``."""

    title = "A network of timm"
    summary = (
        "timm:NAME, one of timm.list_models(). Random weights; pretrained=true takes those that timm fetched before, "
        "as nothing is downloaded."
    )
    example = "timm:vit_tiny_patch16_224"
    package = "timm"
    kinds = ("image",)

    def build(self, rest: str, wanted: Wanted) -> "nn.Module":
        """See ``Source.build``. Other arguments than ``pretrained`` are those of ``timm.create_model``; pictures of
        one channel get a network for one (``in_chans``)."""
        timm = library("timm", f"timm:{rest}")
        if not timm.is_model(rest):
            near = timm.list_models(f"*{rest.partition('.')[0][:6]}*")[:5]
            raise UserError(
                f"timm has no network {rest!r}.",
                "Its name is passed on.",
                f"Try one of: {', '.join(near)}." if near else "Look at timm.list_models().",
            )
        given = dict(wanted.arguments)
        pretrained = bool(given.pop("pretrained", False))
        channels = (
            {"in_chans": wanted.info.shape[0]} if len(wanted.info.shape) == 3 and wanted.info.shape[0] != 3 else {}
        )
        network = made(
            f"timm:{rest}",
            lambda: timm.create_model(rest, pretrained=False, **{"num_classes": wanted.outputs, **channels, **given}),
        )
        if pretrained:
            take_fitting(network, _cached(network, rest))
        return network

    def transform(self, rest: str, kind: str, arguments: Mapping[str, Any]) -> str:
        """See ``Source.transform``: timm's data config of the weights which it begins with."""
        return f"timm:{rest}" if kind == "image" and arguments.get("pretrained") else ""

    def said(self, rest: str, arguments: Mapping[str, Any]) -> list[str]:
        """See ``Source.said``."""
        if arguments.get("pretrained"):
            return ["Trainings start from timm's pretrained weights; layers of another shape are drawn anew."]
        return []


def _cached(network: "nn.Module", rest: str) -> Mapping[str, Any]:
    """The pretrained tensors that timm keeps on this machine; ``UserError`` saying how they get there."""
    import torch

    from attribution.models.weight_files import read

    told: Any = getattr(network, "pretrained_cfg", None) or {}
    found = str(told.get("file") or "")
    if not found and told.get("hf_hub_id"):
        cache = library("huggingface_hub", f"timm:{rest} with pretrained=true").try_to_load_from_cache
        places = [cache(told["hf_hub_id"], name) for name in ("model.safetensors", "pytorch_model.bin")]
        found = next((str(place) for place in places if isinstance(place, str)), "")
    if not found and told.get("url"):
        found = str(Path(torch.hub.get_dir(), "checkpoints", str(told["url"]).rpartition("/")[2]))
    if not found or not Path(found).is_file():
        raise UserError(
            f"The pretrained weights of timm:{rest} are not on this machine.",
            "Nothing is downloaded here.",
            f"Fetch them once: python -c 'import timm; timm.create_model(\"{rest}\", pretrained=True)', or leave out "
            "pretrained=true.",
        )
    return read(found).tensors
