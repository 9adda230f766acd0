"""A project is a folder; ``Project`` is the one object that pages, the command line and notebooks talk to."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from attribution.progress import Progress
from attribution.project import home as homes
from attribution.project.behaviours import Behaviours
from attribution.project.folder import About
from attribution.project.jobs import Board
from attribution.project.results import Results
from attribution.project.review import Review
from attribution.project.runs import Models
from attribution.project.studies import Studies
from attribution.settings.configs import DataConfig, ModelConfig, ScoreConfig, TrainConfig
from attribution.storage import formats
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.bench.study import BenchConfig
from attribution.studies.calibration.study import CalibrateConfig
from attribution.studies.contamination.study import ContaminationConfig
from attribution.studies.damping.study import DampingConfig
from attribution.studies.fairness.study import RemedyConfig
from attribution.studies.hygiene.study import HygieneConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.memorization.study import MemorizeConfig
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.preview.study import PreviewConfig
from attribution.studies.removal.study import RemovalConfig
from attribution.studies.retrain.study import RetrainConfig, typed
from attribution.studies.shift.study import ShiftConfig

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import nn

    from attribution.browse.columns import Columns
    from attribution.datasets.dataset import Dataset, DatasetInfo, Labels
    from attribution.project.applying import Applied
    from attribution.storage.ledger import Ledger
    from attribution.studies.angles.result import AnglesResult
    from attribution.studies.bench.result import BenchResult
    from attribution.studies.calibration.result import CalibrationResult
    from attribution.studies.contamination.result import ContaminationResult
    from attribution.studies.damping.result import DampingResult
    from attribution.studies.fairness.result import FairnessResult
    from attribution.studies.hygiene.result import HygieneResult
    from attribution.studies.influence.result import ScoreResult
    from attribution.studies.leaks.result import LeakResult
    from attribution.studies.map.result import MapResult
    from attribution.studies.memorization.result import MemorizationResult
    from attribution.studies.mislabels.result import FlagResult
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.removal.result import RemovalResult
    from attribution.studies.retrain.own import Version
    from attribution.studies.retrain.result import RetrainResult
    from attribution.studies.shift.result import ShiftResult
    from attribution.training.run import Run
    from attribution.trust import Look

P = ParamSpec("P")
T = TypeVar("T")


def of(part: str, method: Callable[Concatenate[Any, P], T]) -> "Callable[Concatenate[Project, P], T]":
    """A member of one of the project's parts, as a member of the project."""

    @wraps(method)
    def call(self: "Project", *args: P.args, **kwargs: P.kwargs) -> T:
        found: T = getattr(getattr(self, part), method.__name__)(*args, **kwargs)
        return found

    return call


class Seen(Generic[T]):
    """A property of one of the project's parts, as one of the project."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, project: "Project", owner: type | None = None) -> T:
        found: T = getattr(getattr(project, self._part), self._name) if project is not None else self
        return found


class Project:
    """One project folder. Cheap to open: everything heavy is read or imported when asked for.

    Its parts are, each a file of ``project/``, ``about`` (what it is), ``review`` (decisions on samples), ``models``
    (its trainings), ``studies`` (every kind of work: ``project.studies.leaks.run(config)``, ``.latest()``, ``.all()``,
    ``.find(config)``, ``.cost(config)``, ``.submit(config)``), ``results`` (which of them answers), ``board`` (the work
    as jobs), ``behaviours`` of a language model (``add``, ``rate``). What is asked of them most stands here, too:

    - what it is: ``folder name model_config train_config save_recipe data_config code codes trusted trust_code dataset
      info first_look classes samples``.
    - decisions: ``relabel rewrite drop keep undo redo revert``; marks: ``tag untag note unsure marks``; what was
      pointed at: ``select selection selected selections``; what decisions come to: ``labels labels_at sample_state
      states edits edit_count batches batch_count revertible decision_on ledger class_index export apply report
      summary``;
      samples by words: ``find table slices by_class annotators``, and saved: ``views save_view forget_view``.
    - models: ``runs run use_run add_run add_predictions add_sklearn attach loaded trains_here train_here recipe_for
      versions predictions losses rewind query_rows context``.
    - results: ``alike damaged scores find_query settings_found computed influence behaviour_influence affected_by
      token_influence flags categories categories_of truth leaks map plane angles comparisons calibration budget
      surest beforehand shifts remedies memorizations benches dampings previews``.
    - work, in this process: ``train score flag find_leaks contamination hygiene embed angle retrain calibrate
      compare_splits remedy memorize compare damping_sweep removal_curve preview prepare``.
    - the same work as jobs: ``submit jobs job cancel kill resume run_job step``.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.about = About(folder, settings)
        self.review = Review(self.about)
        self.models = Models(self.about, self.review)
        self.studies = Studies(self.about, self.review, self.models)
        self.results = Results(self.about, self.review, self.models, self.studies)
        self.board = Board(self.about, self.studies)
        self.behaviours = Behaviours(self.about, self.studies)

    @staticmethod
    def open(folder: str | Path) -> "Project":
        """Open a project by folder, or by name in ``home()``; one of an older format is brought to today's, after a
        backup.

        ``UserError`` when there is none, its files are gone or damaged, or a newer Datablame made it.
        """
        path = homes.find(folder)
        return Project(path, formats.opened(path))

    @staticmethod
    def create(
        folder: str | Path,
        data: Any,
        model: "ModelConfig | str | nn.Module | Callable[..., nn.Module] | None" = None,
        train: TrainConfig | Mapping[str, Any] | None = None,
        *,
        trust_code: bool = False,
        expect_accuracy: float | None = None,
        progress: Progress | None = None,
        fields: Sequence[str] = (),
        **settings: Any,
    ) -> "Project":
        """Import the data and make the project folder, whole or not at all.

        ``data``: settings, a path, or an object: a pandas or polars table, an Arrow table, a torch map-style
        ``Dataset``, a Hugging Face ``Dataset``, arrays ``(X, y)``, or ``dict(train=..., test=...)`` of any of them. An
        object is written once into the project, so that opening it again needs no object. ``fields`` names the values
        of a torch dataset's items in their order. Every other keyword is a setting of ``DataConfig`` (``label="y"``),
        or ``transform`` and ``train_transform``: what ``ModelConfig`` says by these names, a callable (a torchvision
        ``Compose``, a Hugging Face processor) or a timm data config; the tensors of a callable are kept with the
        project, so that opening it again needs no object.

        ``model``: settings, a name (``torchvision:resnet18``), an ``nn.Module``, whose weights are kept and asked, or a
        function that returns one and may take ``classes`` and ``shape``, or a fitted scikit-learn model
        (``add_sklearn``). Another process opens the results of a network from Python; what asks it needs ``attach``.

        ``trust_code`` allows the code file that ``model.name`` points to to be run, as it is now: its hash and those of
        the local modules it imports are kept in the user's settings (``attribution.trust``), and a changed file is
        refused. ``train``: a recipe, or a mapping of the settings in which it differs from the one that suits the data.
        ``expect_accuracy`` (0 to 1, or percent): what loaded weights have on the test split by your own figures; a drop
        beyond chance is said in ``first_look["warning"]``. Raises ``UserError`` for bad data, an existing folder,
        untrusted code, a recipe that cannot work, a network that does not fit the data, or weights that do worse than
        guessing.
        """
        from attribution.datasets.given._object import understood
        from attribution.models.linear_models import is_estimator
        from attribution.transforms.given import TRANSFORMS, with_transforms

        handed = {name: settings.pop(name) for name in TRANSFORMS if name in settings}
        data = understood(data, settings, fields)
        progress = progress or Progress()
        net = with_transforms(homes.network(model), handed)
        made = homes.create(folder, data, net, train, trust_code, progress, expect_accuracy)
        project = Project.open(made)
        if homes.is_here(project.model_config):  # no other process could
            project.studies.train.run(progress=progress)
        elif is_estimator(model):
            with homes.taken_back(made):
                project.add_sklearn(model, progress=progress)
        return project

    def attach(
        self,
        model: "nn.Module | Callable[..., nn.Module] | None" = None,
        *,
        transform: Any = None,
        train_transform: Any = None,
    ) -> None:
        """Give this process the network that the project was made with (``create(..., model=net)``): the same module,
        which gets the weights that the project keeps, or the same function; and the same transforms. ``UserError`` for
        another one."""
        from attribution.models.sources.given import attach_to
        from attribution.transforms.given import attach

        if model is not None:
            attach_to(self.model_config.name, self.folder, model)
        if transform is not None:
            attach(self.model_config.transform, transform)
        if train_transform is not None:
            attach(self.model_config.train_transform, train_transform, training=True)

    @staticmethod
    def sample(name: str, folder: str | Path | None = None, progress: Progress | None = None) -> "Project":
        """The bundled sample ``fashion``, ``fashion-cleaned`` (the same after a review, with its proof), ``text``,
        ``tabular``, ``moons``, ``cells``, ``facts`` or ``chat``, with its finished results; made on first use,
        opened afterwards."""
        return Project.open(homes.create_sample(name, folder, progress or Progress()))

    folder: Seen[Path] = Seen("about")
    name: Seen[str] = Seen("about")
    model_config: Seen[ModelConfig] = Seen("about")
    train_config: Seen[TrainConfig] = Seen("about")
    data_config: Seen[DataConfig] = Seen("about")
    code: "Seen[Look | None]" = Seen("about")
    codes: "Seen[list[Look]]" = Seen("about")
    trusted: Seen[bool] = Seen("about")
    dataset: "Seen[Dataset]" = Seen("about")
    info: "Seen[DatasetInfo]" = Seen("about")
    first_look: Seen[dict[str, Any]] = Seen("about")
    classes: Seen[tuple[str, ...]] = Seen("about")
    samples: "Seen[pd.DataFrame]" = Seen("about")
    save_recipe = of("about", About.save_recipe)
    trust_code = of("about", About.trust_code)

    ledger: "Seen[Ledger]" = Seen("review")
    labels: "Seen[Labels]" = Seen("review")
    labels_at = of("review", Review.labels_at)
    sample_state = of("review", Review.sample_state)
    states = of("review", Review.states)
    relabel = of("review", Review.relabel)
    rewrite = of("review", Review.rewrite)
    drop = of("review", Review.drop)
    keep = of("review", Review.keep)
    tag = of("review", Review.tag)
    untag = of("review", Review.untag)
    note = of("review", Review.note)
    unsure = of("review", Review.unsure)
    marks = of("review", Review.marks)
    undo = of("review", Review.undo)
    redo = of("review", Review.redo)
    revert = of("review", Review.revert)
    edits = of("review", Review.edits)
    edit_count = of("review", Review.edit_count)
    batches = of("review", Review.batches)
    batch_count = of("review", Review.batch_count)
    revertible = of("review", Review.revertible)
    decision_on = of("review", Review.decision_on)
    class_index = of("review", Review.class_index)
    select = of("review", Review.select)
    selection = of("review", Review.selection)
    selected = of("review", Review.selected)
    selections = of("review", Review.selections)
    views = of("review", Review.views)
    save_view = of("review", Review.save_view)
    forget_view = of("review", Review.forget_view)

    run: "Seen[Run | None]" = Seen("models")
    loaded: Seen[bool] = Seen("models")
    trains_here: Seen[bool] = Seen("models")
    runs = of("models", Models.runs)
    use_run = of("models", Models.use_run)
    train_here = of("models", Models.train_here)
    add_run = of("models", Models.add_run)
    add_predictions = of("models", Models.add_predictions)
    add_sklearn = of("models", Models.add_sklearn)
    recipe_for = of("models", Models.recipe_for)
    versions = of("models", Models.versions)
    predictions = of("models", Models.predictions)
    losses = of("models", Models.losses)
    rewind = of("models", Models.rewind)
    query_rows = of("models", Models.query_rows)
    context = of("models", Models.context)

    alike = of("results", Results.alike)
    damaged = of("results", Results.damaged)
    scores = of("results", Results.scores)
    find_query = of("results", Results.find_query)
    settings_found = of("results", Results.settings_found)
    computed = of("results", Results.computed)
    influence = of("results", Results.influence)
    behaviour_influence = of("results", Results.behaviour_influence)
    affected_by = of("results", Results.affected_by)
    flags = of("results", Results.flags)
    categories = of("results", Results.categories)
    categories_of = of("results", Results.categories_of)
    truth = of("results", Results.truth)
    leaks = of("results", Results.leaks)
    map = of("results", Results.map)
    plane = of("results", Results.plane)
    angles = of("results", Results.angles)
    comparisons = of("results", Results.comparisons)
    calibration = of("results", Results.calibration)
    budget = of("results", Results.budget)
    surest = of("results", Results.surest)
    beforehand = of("results", Results.beforehand)
    shifts = of("results", Results.shifts)
    remedies = of("results", Results.remedies)
    memorizations = of("results", Results.memorizations)
    benches = of("results", Results.benches)
    dampings = of("results", Results.dampings)
    previews = of("results", Results.previews)

    submit = of("board", Board.submit)
    jobs = of("board", Board.jobs)
    job = of("board", Board.job)
    cancel = of("board", Board.cancel)
    kill = of("board", Board.kill)
    resume = of("board", Board.resume)
    run_job = of("board", Board.run_job)
    step = of("board", Board.step)

    def export(self, name: str, path: "str | Path", **options: Any) -> Path:
        """Write what the exporter ``name`` makes of the project (``ledger``, ``dataset``, ``scores``, ...) to a new
        file, whole or not at all, in the format of its suffix; its path. ``options`` are the exporter's own settings.

        ``UserError`` for an unknown exporter or format, and for a file that is there already.
        """
        from attribution.exporters.base import export

        return export(self, name, Path(path), options)

    def report(self, path: "str | Path", *, replace: bool = False) -> Path:
        """Write the report to a new HTML file that needs nothing else: data, findings, decisions, the proof, and how to
        reproduce it; its path.

        Everything is read from finished results. ``UserError`` for a file that is there already, unless ``replace``.
        """
        found: Path = import_module("attribution.report").write(self, Path(path), replace)
        return found

    def summary(self) -> str:
        """The project in a few lines of Markdown for a pull request: verdict with intervals, edits, leaks, commands."""
        return str(import_module("attribution.report").summary(self))

    def find(self, words: str, by: str = "", *, query: str = "", estimator: str = "ip") -> "np.ndarray":
        """Rows of the samples that filter words mean (``label:Shirt right:no loss:>1.2``), int64: ascending, or in the
        order of the column ``by`` (``-loss``: the largest first). ``influence`` is that on ``query``, a sample id.

        ``UserError`` for a column or a value that there is not.
        """
        from attribution.browse.filter import matching, ordered, parse

        columns = self._columns(query, estimator)
        wanted = parse(words)
        return ordered(wanted, columns, matching(wanted, columns), by)

    def table(
        self, rows: "Sequence[int] | np.ndarray", columns: Sequence[str] = (), *, query: str = "", estimator: str = "ip"
    ) -> "pd.DataFrame":
        """One line per row with these columns, named as in filter words (none: the usual ones that there are)."""
        from attribution.browse.filter import table

        return table(self._columns(query, estimator), columns, rows)

    def slices(self, columns: Sequence[str] = (), split: str = "test") -> "pd.DataFrame":
        """How well the model does where a column has a value, against the other samples of the split: a line per value
        of these columns (none: labels, groups, tags and all of your own), with intervals; see ``browse.slices``."""
        from attribution.browse import slices as found

        every = self._columns("", "ip")
        rows = self._judged(split)
        names = [every.called(name) for name in columns] or found.sliced(every)
        return found.slices(every, names, rows, self.predictions().loc[rows], self.dataset.task.figures[0])

    def by_class(self, split: str = "test") -> "pd.DataFrame":
        """Precision, recall and F1 of every class, or of every label of sets, on a split, each with its 95 % interval
        (``statistics.by_group.by_class``). ``UserError`` for numbers, whose bands ``slices`` tells."""
        from attribution.errors import UserError
        from attribution.statistics.by_group import by_class

        targets = self.dataset.task.targets
        if targets.kind == "number":
            raise UserError("Numbers have no classes.", "A prediction is only nearer or farther.", "Use slices().")
        said = self.predictions().loc[self._judged(split)]
        return by_class(*(targets.groups(said[name].to_numpy()) for name in ("label", "prediction")))

    def _judged(self, split: str) -> "np.ndarray":
        rows = self.dataset.rows(split)
        found: np.ndarray = rows[~self.dataset.task.targets.bare(self.labels.values[rows])]
        return found

    def _columns(self, query: str, estimator: str) -> "Columns":
        from attribution.browse.columns import Columns
        from attribution.browse.see import See

        return Columns(See(self, query, estimator))

    def annotators(self) -> "pd.DataFrame":
        """A line per annotator (``DataConfig.annotators``): how many samples they labelled, and on which share they say
        what the label is now, after your decisions; those who agree least first. Columns as in
        ``datasets.annotators.quality``. ``UserError`` where the data name none."""
        from attribution.datasets.said_by import quality_of

        return quality_of(self.dataset, self.labels)

    def apply(self, patch: "str | Path", *, label_studio: bool = False, dry_run: bool = False) -> "Applied":
        """Replay the decisions of a patch (``export("patch", ...)``; ``label_studio``: of annotations exported from
        Label Studio) as one batch of the ledger, all or nothing; what it changed. Ids and content hashes are checked.

        ``dry_run`` writes nothing and lists the conflicts (``.conflicts``: what is expected, what is there); else
        ``UserError`` for them. Applied twice, the second time changes nothing.
        """
        from attribution.exporters._patch import read_patch
        from attribution.project import applying

        if label_studio:
            from attribution.exporters._label_studio import read_annotations

            found = read_annotations(Path(patch), self.dataset.task.targets)
        else:
            found = read_patch(Path(patch))
        return applying.apply(found, self.dataset, self.ledger, dry_run)

    def train(
        self,
        config: TrainConfig | None = None,
        progress: Progress | None = None,
        *,
        here: bool = False,
        checkpoints: "Sequence[str | Path]" = (),
    ) -> "Run":
        """Train the project's model on the current labels (or load the user's checkpoints); finished work is found, not
        repeated.

        Weights that were trained elsewhere are not replaced unasked: after an edit it takes ``checkpoints``, files that
        the user trained on the current labels, or ``here=True``, which trains from scratch with the project's recipe
        (see ``train_here``); else ``UserError``. The result becomes the current model, unless it was trained with
        another seed than the project's.
        """
        if here:
            self.models.train_here()
        more = {"checkpoints": [str(path) for path in checkpoints]} if checkpoints else {}
        return self.studies.train.run(config, progress, **more)

    def score(
        self,
        config: ScoreConfig | str | None = None,
        progress: Progress | None = None,
        part: tuple[int, int] | None = None,
    ) -> "ScoreResult":
        """Influence of every training sample on the queries, by these settings or the estimator of this name;
        ``part=(i, n)`` computes only every n-th shard, from the i-th."""
        config = ScoreConfig(estimator=config) if isinstance(config, str) else config
        return self.studies.influence.run(config, progress, **({"part": part} if part else {}))

    def token_influence(self, asked: "ScoreResult | str", row: int, query: "int | str") -> list[tuple[str, float]]:
        """The influence of one training row on one query, token by token: each token's text and value, which add up to
        the row's score; tokens that are not trained have 0.

        ``asked``: a finished score, ``query`` being the number of its column; or the name of an estimator, ``query``
        being a sample's id or row. Cost: what the estimator needs to prepare one query, and a backward pass for each
        trained token. ``UserError`` for an estimator that does not compare gradients.
        """
        from attribution.project.tokens import token_influence

        return token_influence(self.models, asked, row, query)

    def flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "FlagResult":
        """Search the training labels for wrong ones with the detectors named, or the default ones."""
        return self.studies.mislabels.run(config, progress)

    def contamination(
        self, benchmark: "str | Path | ContaminationConfig", progress: Progress | None = None, **settings: Any
    ) -> "ContaminationResult":
        """The items of a benchmark (a file; ``settings`` are those of ``ContaminationConfig``) that stand in the rows
        of a chat, word by word or in other words, each with its evidence and verdict, and with the influence of the
        rows on the item's loss where there is a model."""
        asked = benchmark if isinstance(benchmark, ContaminationConfig) else None
        config = asked or ContaminationConfig(benchmark=str(benchmark), **settings)
        found: ContaminationResult = self.studies.contamination.run(config, progress)
        return found

    def hygiene(self, config: HygieneConfig | None = None, progress: Progress | None = None) -> "HygieneResult":
        """What is wrong with the rows of a chat, by line: repeats, conflicting answers, faults of form, personal data;
        no model is asked."""
        found: HygieneResult = self.studies.hygiene.run(config, progress)
        return found

    def find_leaks(self, config: LeakConfig | None = None, progress: Progress | None = None) -> "LeakResult":
        """Search for training samples that repeat a test or validation sample, or each other."""
        return self.studies.leaks.run(config, progress)

    def embed(self, config: MapConfig | None = None, progress: Progress | None = None) -> "MapResult":
        """Lay all samples out in two dimensions."""
        return self.studies.map.run(config, progress)

    def angle(self, config: AnglesConfig | None = None, progress: Progress | None = None) -> "AnglesResult":
        """Measure how every training gradient stands to the gradient of the mean loss of the queries."""
        return self.studies.angles.run(config, progress)

    def retrain(
        self,
        config: RetrainConfig | None = None,
        progress: Progress | None = None,
        *,
        fit: "Callable[[Version, int], Any] | None" = None,
    ) -> "RetrainResult":
        """Train before and after the edits with every seed, by the recipe of the model in use, and compare on the test
        set.

        ``config.command`` trains by your own script instead, ``fit(data, seed)`` by a function: it gets a version of
        the data (``data.path``, ``data.labels``, ``data.arrays("train")``) and returns an ``nn.Module``, or
        probabilities, logits or numbers of the test samples (an array in their order, or a table with ids). A command
        given here is trusted as it is now: it is yours.
        """
        if config is not None and config.command:
            config = typed(config)
        return self.studies.retrain.run(config, progress, **({"fit": fit} if fit else {}))

    def calibrate(self, config: CalibrateConfig | None = None, progress: Progress | None = None) -> "CalibrationResult":
        """Set a few labels wrong in a copy, train there, and see where the queue puts them; ledger and models stay as
        they are."""
        return self.studies.calibration.run(config, progress)

    def compare_splits(self, config: ShiftConfig | None = None, progress: Progress | None = None) -> "ShiftResult":
        """Train a classifier to tell test from training samples: does the test set look like the training set? Needs no
        model, unless the representation is asked for."""
        return self.studies.shift.run(config, progress)

    def remedy(self, config: RemedyConfig | None = None, progress: Progress | None = None) -> "FairnessResult":
        """Rank the training samples by the harm they do to a gap or to robustness, and train anew without the worst;
        edits nothing."""
        return self.studies.fairness.run(config, progress)

    def memorize(self, config: MemorizeConfig | None = None, progress: Progress | None = None) -> "MemorizationResult":
        """Retrain on random subsets and estimate which training labels are known by heart."""
        return self.studies.memorization.run(config, progress)

    def compare(self, config: BenchConfig | None = None, progress: Progress | None = None) -> "BenchResult":
        """Measure on this model and data which estimators and detectors to trust."""
        return self.studies.bench.run(config, progress)

    def damping_sweep(self, config: DampingConfig | None = None, progress: Progress | None = None) -> "DampingResult":
        """How much the damping of a curvature estimator matters here: its influences at several ratios, compared."""
        return self.studies.damping.run(config, progress)

    def removal_curve(self, config: RemovalConfig | None = None, progress: Progress | None = None) -> "RemovalResult":
        """How a behaviour's rate on unseen prompts falls when the rows that estimators name are dropped, beside rows
        drawn by chance; says which estimator to go by. Edits nothing; costs a training per estimator, k and seed."""
        return self.studies.removal.run(config, progress)

    def preview(self, config: PreviewConfig | None = None, progress: Progress | None = None) -> "PreviewResult":
        """What the edits since the model was trained would do to it, without training: an approximation for one model.

        ``UserError`` when the labels that the model was trained on are not in this ledger, or none differs from the
        current ones.
        """
        return self.studies.preview.run(config, progress)

    def prepare(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Run":
        """Everything a new project opens on: train, search for wrong labels and leaks, map, explain wrong
        predictions."""
        return self.studies.prepare.run(config, progress)
