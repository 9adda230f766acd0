"""Form fields of New project for the model's own preprocessing: what becomes of a sample before the model is handed it,
and how it is augmented in training."""

from typing import Any

import streamlit as st

from attribution.errors import UserError
from attribution.transforms import kind_of
from attribution.trust import Look
from pages.parts import states, trusting

CHOICES = {
    "": "As this product encodes it",
    "imagenet": "ImageNet's usual: shorter side 256, a crop of 224, its mean and deviation",
    "steps": "Numbers of your own: size, crop, mean, deviation",
    "library": "From a library or a saved folder",
    "own": "A function in a Python file",
}
PICTURES = ("imagenet", "steps")  # choices for pictures alone
PICTURE_EXAMPLE = "torchvision:ResNet18_Weights.DEFAULT, timm:resnet18, hf:FOLDER or encoder:pictures"
TEXT_EXAMPLE = "hf:FOLDER or encoder:sentences"
COLOURS = {"": "As it is", "rgb": "Colour", "bgr": "Colour as BGR", "grey": "Grey"}
NUMBERS = "0.485/0.456/0.406"


def fields(kind: Any) -> tuple[dict[str, str], tuple[Look, ...], UserError | None]:
    """The settings ``transform`` and ``train_transform`` ({} for none), the files of code that were said yes to, and
    what is wrong; ``kind``: the data's ``Modality``."""
    picture = kind.shown_as == "picture"
    names = [name for name in CHOICES if picture or name not in PICTURES]
    names = [name for name in names if name != "library" or picture or kind.tokens]
    with st.expander("Preprocessing of your own", icon=":material/transform:"):
        st.caption("What your network was trained on, from the files at their own size. Scores are about these inputs.")
        choice = st.selectbox(
            "What the model is handed of each sample",
            names,
            format_func=CHOICES.__getitem__,
            key="transform-kind",
            width=520,
        )
        said = _said(choice or "", picture)
        if not choice:
            return {}, (), None
        train = st.text_input(
            "In training instead (augmentation)",
            key="train-transform",
            placeholder="random_resized=224,flip=0.5,mean=...,std=..." if picture else "FILE.py:FUNCTION",
            help="Drawn anew at every epoch, the same ones whenever the run is repeated. Empty: as above.",
        ).strip()
        return _checked({"transform": said, **({"train_transform": train} if train else {})})


def _said(choice: str, picture: bool) -> str:
    """``ModelConfig.transform`` by the fields of a choice."""
    if choice == "steps":
        return _steps()
    if choice == "library":
        example = PICTURE_EXAMPLE if picture else TEXT_EXAMPLE
        return st.text_input("Where from", key="transform-library", placeholder=example, width=640).strip()
    if choice == "own":
        return st.text_input(
            "Python file and function",
            key="transform-own",
            placeholder="/code/data.py:eval_transform",
            help="It is given a PIL picture, a text or a row (dict) and returns a tensor. A Compose in the file, or a "
            "function without parameters that returns one, will do.",
        ).strip()
    return choice


def _steps() -> str:
    """The declared steps that the fields say."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        values = {
            name: st.text_input(title, key=f"steps-{name}", placeholder=example, width=150, help=help).strip()
            for name, title, example, help in (
                ("resize", "Shorter side", "256", "In pixels; the ratio of the sides stays. Empty: not resized."),
                ("size", "Or both sides", "224", "Stretched to it: one side, or HEIGHT/WIDTH."),
                ("crop", "Crop", "224", "From the middle. Empty: not cropped."),
                ("mean", "Mean", NUMBERS, "Subtracted from pixels in 0 to 1: one number, or one per channel."),
                ("std", "Deviation", "0.229/0.224/0.225", "Divides after the mean: one number, or one per channel."),
            )
        }
        colour = st.selectbox("Colour", list(COLOURS), format_func=COLOURS.__getitem__, key="steps-colour", width=150)
    values = {name: value.replace(",", "/").replace(" ", "") for name, value in values.items()}
    return ",".join(f"{name}={value}" for name, value in {**values, "colour": colour or ""}.items() if value)


def _checked(settings: dict[str, str]) -> tuple[dict[str, str], tuple[Look, ...], UserError | None]:
    """The settings if they can be read, and the code in them that was said yes to."""
    trusted: dict[Any, Look] = {}
    if not settings["transform"]:
        st.caption("No preprocessing is named yet: fill in the fields, or choose none.")
        return {}, (), UserError("No preprocessing is named yet.", "", "Fill in the fields, or choose none.")
    try:
        for name, said in settings.items():
            kind, rest = kind_of(said)
            kind.identity(rest)
            path = kind.code(rest)
            if path is not None and path not in trusted and (seen := trusting.tick(str(path), f"trust-{name}")):
                trusted[path] = seen
    except UserError as error:
        states.error_box(error)
        return {}, (), error
    return settings, tuple(trusted.values()), None
