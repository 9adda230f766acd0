"""Where projects live, and how a new one is made: whole or not at all."""

import errno
import glob
import os
import shutil
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from attribution.datasets.given._object import Given
from attribution.errors import UserError
from attribution.models.series import listed
from attribution.models.sources import source_of
from attribution.models.sources.given import keep_weights
from attribution.progress import Progress
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, default_recipe, from_dict, to_dict
from attribution.storage import database
from attribution.storage.files import read_json, write_json
from attribution.storage.locks import alone_or_refused
from attribution.tasks.own import placed
from attribution.trust import code_file, look, trust

SAMPLES = ("fashion", "fashion-cleaned", "text", "tabular", "moons", "cells", "facts", "chat")
# A sample in a later state: whose data it has, and the archive that is unpacked over that one's results.
CLEANED = {"fashion-cleaned": ("fashion", "cleaned.zip")}
LONGEST_NAME = 200  # bytes; the folder that is being built has a longer one, and the system takes 255
NO_NAME = ("Cc", "Cs", "Zl", "Zp")  # categories of signs: controls, halves of a pair, ends of lines
GIVEN = "given"  # the folder in a project that holds the data, where they came as a Python object
BUILDER = "builder"  # as a checkpoint: the weights that the user's function returns
SAMPLE_DATA = Path(__file__).resolve().parent.parent.parent / "sample_data"


def home() -> Path:
    """Where projects live: ``$DATABLAME_HOME``, else ``projects`` in the working directory."""
    return Path(os.environ.get("DATABLAME_HOME", "projects")).expanduser().resolve()


def list_projects(folder: Path | None = None) -> list[str]:
    """Names of the projects in ``folder`` (default: ``home()``), the last used first."""

    def used_s(path: Path) -> float:
        ledger = path / "project.db"
        return ledger.stat().st_mtime if ledger.exists() else 0.0

    found = [path.parent for path in (folder or home()).glob("*/project.json") if not path.parent.name.startswith(".")]
    return [path.name for path in sorted(found, key=used_s, reverse=True)]


def find(folder: str | Path) -> Path:
    """The folder of a project given by path or by name in ``home()``; ``UserError`` listing those there are."""
    given = Path(folder).expanduser()
    for path in (given, home() / given):
        if (path / "project.json").exists():
            return path.resolve()
    known = ", ".join(list_projects()) or "none yet"
    raise UserError(
        f"There is no project {str(folder)!r}.",
        f"Projects in {home()}: {known}.",
        "Run `datablame new` or `datablame sample`.",
    )


def create(
    folder: str | Path,
    data: DataConfig | Given,
    model: ModelConfig,
    train: TrainConfig | Mapping[str, Any] | None,
    trust_code: bool,
    progress: Progress,
    expect_accuracy: float | None = None,
    results: Sequence[Path] = (),
) -> Path:
    """Import the data and write the project folder; see ``Project.create``. ``results`` are archives that are unpacked
    into it, one after the other."""
    from attribution.models.build import inputs_for
    from attribution.models.fit import as_share

    expected = None if expect_accuracy is None else as_share(expect_accuracy)
    path = _place(folder)
    if train is not None and not isinstance(train, TrainConfig):
        from_dict(TrainConfig, dict(train))  # a setting that cannot work is refused before the data are read
    given = data if isinstance(data, Given) else None
    model = _placed(model)
    if model.transform or model.train_transform:
        inputs_for(model)  # words that cannot work are refused before the data are read
    data = _for_model(_absolute(data.config if isinstance(data, Given) else data), model)
    for code in code_files(model, data):
        if trust_code:
            trust(code)
        elif not look(code).trusted:
            raise look(code).refusal()
    with alone_or_refused(path.with_name(f".{path.name}.lock"), f"The project {path.name}"):
        _place(path)  # another process may have made it since
        # What makers left that were killed: nobody else holds the lock.
        for left in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.building"):
            shutil.rmtree(left, ignore_errors=True)
        building = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.building")
        try:
            if given is not None:
                data = given.written(data, building / GIVEN, progress.part(0.0, 0.3))
                progress = progress.part(0.3, 1.0)
            _build(building, path.name, data, model, train, results, expected, progress)
            if path.exists():
                path.rmdir()
            building.rename(path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise _taken(path) from error
            raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return path


def network(model: Any) -> ModelConfig:
    """The config that ``Project.create`` is given as settings, a name, or an object of Python."""
    if model is None or isinstance(model, ModelConfig):
        return model or ModelConfig()
    if isinstance(model, str):
        return ModelConfig(model)
    from attribution.models.linear_models import is_estimator

    if is_estimator(model):  # its run is added once the project is there
        return ModelConfig()
    from attribution.models.sources.given import hand_over

    return ModelConfig(hand_over(model))


@contextmanager
def taken_back(path: Path) -> Iterator[None]:
    """Remove a project that was made just now when what it was made for cannot be done."""
    try:
        yield
    except UserError:
        shutil.rmtree(path)
        raise


def is_here(model: ModelConfig) -> bool:
    """Whether the network is a module of this process: its weights become a run at once."""
    return model.name.startswith("given:") and BUILDER in model.checkpoints


def _place(folder: str | Path) -> Path:
    """The folder that a new project is to have: a name in ``home()``, or a path."""
    if (
        "\0" in str(folder)
        or not str(folder).strip()
        or Path(folder).name in ("", "..")
        or Path(folder).name.startswith(".")
    ):
        raise UserError(
            f"{str(folder)!r} is no name for a project.",
            "It is the name of its folder, which is seen and opened by it.",
            "Name it, for example, shoes.",
        )
    name = Path(folder).name
    if name.startswith("-") or name != name.strip() or any(unicodedata.category(sign) in NO_NAME for sign in name):
        raise UserError(
            f"{name!r} is no name for a project.",
            "It begins with a dash or a blank, ends with a blank, or holds a sign that cannot be seen: a shell "
            "would not take it back.",
            "Name it, for example, shoes.",
        )
    path = Path(folder).expanduser()
    path = path if path.is_absolute() or len(path.parts) > 1 else home() / path
    longest = len(os.fsencode(path.name))
    if longest > LONGEST_NAME:
        raise UserError(
            f"The name {path.name[:60]!r} has {longest} bytes.",
            f"A folder's name has at most {LONGEST_NAME}.",
            "Choose a shorter one.",
        )
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise _taken(path)
    return path


def _taken(path: Path) -> UserError:
    return UserError(
        f"{path} already exists and is not empty.", "A project needs a folder of its own.", "Choose another name."
    )


def _build(
    building: Path,
    name: str,
    data: DataConfig,
    model: ModelConfig,
    train: TrainConfig | Mapping[str, Any] | None,
    results: Sequence[Path],
    expected: float | None,
    progress: Progress,
) -> None:
    """Everything that a new project holds, in a folder that nobody sees yet; ``results`` are archives of finished
    ones."""
    from attribution.datasets.load import import_data
    from attribution.models.build import inputs_for
    from attribution.project import first_look as first_looks
    from attribution.transforms.handing import keep

    dataset = import_data(_there(data, building), building / "data", name, progress, data.path)
    model = first_looks.with_source(dataset, model)
    if (side := first_looks.own_side(dataset, model, data)) and side != data.image_size:
        data = replace(data, image_size=side)
        shutil.rmtree(building / "data")
        dataset = import_data(_there(data, building), building / "data", name, progress, data.path)
    for archive in (one for one in results if one.exists()):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(building)
    usual = to_dict(first_looks.usual_recipe(dataset, model))
    recipe = train if isinstance(train, TrainConfig) else from_dict(TrainConfig, {**usual, **(train or {})})
    model = first_looks.settled(dataset, model)
    if model.transform:
        keep(dataset, inputs_for(model), progress)
    settings = {
        "name": name,
        "format": database.FORMAT,
        "data": to_dict(data),
        "model": to_dict(model),
        "train": to_dict(recipe),
    }
    keep_weights(model.name, building)
    if not (building / "first_look.json").is_file():  # a sample brings its own where its network is not among the files
        write_json(building / "first_look.json", first_looks.first_look(dataset, model, expected))
    write_json(building / "project.json", settings)
    database.create(building / "project.db")  # an archive may hold a ledger of before a table was added


def _there(data: DataConfig, folder: Path) -> DataConfig:
    """The settings with a place inside of the project as a path."""
    return replace(data, path=str(folder / data.path)) if data.path == GIVEN else data


def without_model(path: Path, data: DataConfig) -> Path:
    """A project folder with the data and an empty ledger alone: for decisions on files that are no project's."""
    from attribution.datasets.load import import_data

    for code in code_files(ModelConfig(), data):  # a task that a patch names is somebody else's word
        if not look(code).trusted:
            raise look(code).refusal()
    dataset = import_data(data, path / "data", path.name)
    recipe = default_recipe(dataset.info.modality, dataset.info.counts["train"], dataset.task.kind)
    database.create(path / "project.db")
    parts = {"data": to_dict(data), "model": to_dict(ModelConfig()), "train": to_dict(recipe)}
    write_json(path / "project.json", {"name": path.name, "format": database.FORMAT, **parts})
    return path


def create_sample(name: str, folder: str | Path | None, progress: Progress) -> Path:
    """Make (or find) a bundled sample project with its finished results; see ``Project.sample``."""
    if name not in SAMPLES:
        raise UserError(f"There is no sample {name!r}.", "", f"Choose one of: {', '.join(SAMPLES)}.")
    data_name, later = CLEANED.get(name, (name, ""))
    source = SAMPLE_DATA / data_name
    if not (source / "sample.json").exists():
        raise UserError(
            "The sample data is not beside this installation.",
            "It comes with the source tree.",
            "Install from a clone with pip install -e .",
        )
    target = Path(folder) if folder else home() / f"{name}-sample"
    if (target / "project.json").exists():
        return target
    wanted = read_json(source / "sample.json")
    data = from_dict(DataConfig, {**wanted["data"], "path": str(source / wanted["data"]["path"])})
    model = from_dict(ModelConfig, wanted.get("model", {}))
    train = from_dict(TrainConfig, wanted["train"]) if wanted.get("train") else None
    archives = [source / "prebuilt.zip", *([source / later] if later else [])]
    return create(target, data, model, train, False, progress, results=archives)


def code_files(model: ModelConfig, data: DataConfig) -> list[Path]:
    """The files of the user's own that a project runs: of its model and of its task."""
    from attribution.transforms import code_of

    found = (code_file(model.name), code_file(data.task), code_of(model.transform), code_of(model.train_transform))
    return list(dict.fromkeys(path for path in found if path))


def _absolute(data: DataConfig) -> DataConfig:
    from attribution.datasets.address import absolute  # numpy is behind it

    # A loop of links or an unknown user is said by the reader.
    path = absolute(data.path) if data.path else ""
    return from_dict(DataConfig, {**to_dict(data), "path": path, "task": placed(data.task)})


def _for_model(data: DataConfig, model: ModelConfig) -> DataConfig:
    """The settings with the task that the network says it was trained for, where none was asked for."""
    found = source_of(model.name)
    task = found[0].task(found[1]) if found and data.task == "auto" else ""
    if not task:
        return data
    # A network from elsewhere answers in the unit of the data.
    options = ("standardise=false",) if task == "regression" and not data.task_options else data.task_options
    return replace(data, task=task, task_options=options)


def _placed(model: ModelConfig) -> ModelConfig:
    """Paths in full: a job has another working directory, where the same words may name another file."""
    from attribution.transforms import placed as placed_transform

    found = source_of(model.name)
    code = None if found else code_file(model.name)
    name = f"{code}:{model.name.rpartition(':')[2]}" if code else model.name
    name = f"{found[0].name}:{found[0].placed(found[1])}" if found else name
    places = [path if path == BUILDER else str(Path(path).expanduser().resolve()) for path in model.checkpoints]
    full = {"transform": placed_transform(model.transform), "train_transform": placed_transform(model.train_transform)}
    return listed(from_dict(ModelConfig, {**to_dict(model), **full, "name": name, "checkpoints": places}))
