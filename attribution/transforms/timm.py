"""The transform of a timm model, from the data config that comes with the package; nothing is downloaded."""

from typing import Any

from attribution.errors import UserError
from attribution.transforms._needs import library
from attribution.transforms.base import Transform, register


@register("timm")
class TimmTransform(Transform):
    """``timm.data.create_transform(**timm.data.resolve_data_config(...))``; for training, timm's augmentation."""

    written = "timm:NAME"
    summary = "What timm's data config says for a model, such as timm:resnet18; for training, its augmentation."
    kinds = ("image",)

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(rest, dataset, shape, training)
        data = library("timm.data", f"timm:{rest}")
        config = data.resolve_data_config(pretrained_cfg=_config(rest))
        if shape and len(shape) == 3:
            config["input_size"] = tuple(shape)
        self.transform = data.create_transform(**config, is_training=training)

    def one(self, original: Any) -> Any:
        return self.transform(original.convert("RGB"))


def _config(rest: str) -> dict[str, Any]:
    timm = library("timm", f"timm:{rest}")
    found = timm.get_pretrained_cfg(rest) if timm.is_model(rest.partition(".")[0]) else None
    if found is None:
        close = timm.list_models(f"*{rest.partition('.')[0][:8]}*")[:5]
        raise UserError(
            f"timm knows no model {rest!r}.",
            "Its preprocessing was asked for.",
            f"Write one of its names{', such as ' + ', '.join(close) if close else '; timm.list_models() lists them'}.",
        )
    return dict(found.to_dict())
