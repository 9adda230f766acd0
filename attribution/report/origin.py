"""Where results come from: versions, recipe, seeds, and the hashes of data and code."""

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

from attribution.report.state import State
from attribution.views.comparison import recipe_words

PACKAGES = ("numpy", "pandas", "scikit-learn", "streamlit")


def _version(package: str) -> str:
    """Of an installed package; of a clone that is on the path alone there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def origin(state: State) -> list[tuple[str, str]]:
    """Names with values; those that the project lacks are empty."""
    run = state.run
    proof = state.proof
    installed = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    found = [
        ("Datablame", f"{_version('datablame')}, source {source_hash()}"),
        ("Python", f"{platform.python_version()}, {installed}"),
        ("Data as imported", state.dataset.info.base_hash),
        ("Data with the decisions", state.labels.version),
    ]
    if run is not None:
        code = str(run.config.get("code", ""))
        elsewhere = "predictions alone, of a model elsewhere" if run.given else "loaded weights"
        recipe = elsewhere if run.loaded else recipe_words(run.model_config.name, run.train_config)
        found += [
            ("Model in use", f"{run.id}, trained on data {run.version}, seed {run.config['seed']}"),
            ("Recipe", recipe),
            ("torch", str(run.config.get("torch", ""))),
            ("Your own code, hash", code),
        ]
    if proof is not None:
        seeds = ", ".join(map(str, proof.seeds))
        before, after = (proof.config.get(f"{side}_version", "") for side in ("before", "after"))
        found.append(("Proof", f"{proof.id}: seeds {seeds}, data {before} against {after}"))
    searches = (("Search for wrong labels", state.flags), ("Search for leaks", state.leaks))
    return [*found, *((title, one.id) for title, one in searches if one)]


@cache
def source_hash() -> str:
    """A hash of Datablame's own source files, 16 hex digits."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
