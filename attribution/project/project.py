"""A project is a folder; ``Project`` is the one object that pages, the command line and notebooks talk to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attribution.progress import Progress
from attribution.project import home as homes
from attribution.project.jobs import Background
from attribution.project.work import Work
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig
from attribution.storage import formats


class Project(Work, Background):
    """One project folder. Cheap to open: everything heavy is read or imported when asked for.

    The parts, each a file of ``project/``:

    - ``about``, what it is: ``folder name model_config train_config save_recipe data_config code codes trusted
      trust_code dataset info first_look classes samples``.
    - ``review``, decisions: ``relabel drop keep undo redo revert``; what they come to: ``labels labels_at sample_state
      states edits edit_count revertible ledger class_index export``; what was pointed at: ``select selection selected
      selections``.
    - ``models``: ``runs run use_run loaded trains_here train_here recipe_for versions predictions query_rows``; what
      a study is told, and all studies: ``context studies``.
    - ``results``, reads: ``damaged scores find_query settings_found influence affected_by flags categories
      categories_of truth leaks map angles comparisons calibration budget shifts remedies memorizations benches dampings
      previews``.
    - ``work``, in this process: ``train score flag find_leaks embed angle retrain calibrate compare_splits remedy
      memorize compare damping_sweep preview prepare``.
    - ``forecasts`` of it: ``forecast_score forecast_flag forecast_train forecast_memorize forecast_compare
      find_forecast``.
    - ``background``, the same work as jobs: ``submit jobs job cancel kill resume run_job step``.
    """

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
        data: DataConfig,
        model: ModelConfig | None = None,
        train: TrainConfig | Mapping[str, Any] | None = None,
        *,
        trust_code: bool = False,
        expect_accuracy: float | None = None,
        progress: Progress | None = None,
    ) -> "Project":
        """Import the data and make the project folder, whole or not at all.

        ``trust_code`` allows the code file that ``model.name`` points to to be run, as it is now: its hash and those of
        the local modules it imports are kept in the user's settings (``attribution.trust``), and a changed file is
        refused. ``train``: a recipe, or a mapping of the settings in which it differs from the one that suits the data.
        ``expect_accuracy`` (0 to 1, or percent): what loaded weights have on the test split by your own figures; a drop
        beyond chance is said in ``first_look["warning"]``. Raises ``UserError`` for bad data, an existing folder,
        untrusted code, a recipe that cannot work, a network that does not fit the data, or weights that do worse than
        guessing.
        """
        made = homes.create(
            folder, data, model or ModelConfig(), train, trust_code, progress or Progress(), expect_accuracy
        )
        return Project.open(made)

    @staticmethod
    def sample(name: str, folder: str | Path | None = None, progress: Progress | None = None) -> "Project":
        """The bundled sample ``fashion``, ``text``, ``tabular``, ``moons`` or ``cells``, with its finished results;
        made on first
        use, opened afterwards."""
        return Project.open(homes.create_sample(name, folder, progress or Progress()))
