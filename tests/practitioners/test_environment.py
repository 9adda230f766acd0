"""The environment of these tests: the libraries are there, beside the torch of ``constraints.txt``."""

import subprocess
import sys
from importlib import import_module

import pytest
import torch

LIBRARIES = "torchvision timm transformers peft accelerate lightning datasets webdataset polars openpyxl duckdb sklearn"


def test_torch_is_that_of_the_constraints():
    assert "+cpu" in torch.__version__ or torch.version.cuda


@pytest.mark.parametrize("name", LIBRARIES.split())
def test_a_library_is_there(name):
    import_module(name)


def test_processes_that_a_test_starts_read_torchvision_too():
    words = "import timm, torchvision; print(torchvision.models.resnet18(num_classes=3).fc.out_features)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
