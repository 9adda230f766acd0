"""What every test of the practitioners' libraries starts from: no network, one thread, homes of its own."""

import os
from pathlib import Path

import pytest

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", OMP_NUM_THREADS="1")
# Tests work in folders of their own, and the processes that they start look for the same modules.
os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, os.environ["PYTHONPATH"].split(os.pathsep)))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small nets are slower on many threads, and results must not depend on their number."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test sees or writes the user's projects, or what the user trusts; scripts run in a folder of their own."""
    home: Path = tmp_path / "home"
    monkeypatch.setenv("DATABLAME_HOME", str(home))
    monkeypatch.setenv("DATABLAME_TRUST", str(tmp_path / "trusted.json"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
