#!/usr/bin/env bash
# The peer libraries beside ours, in an environment of their own: pyDVL wants a numpy below 2, which constraints.txt does not.
# Usage: bash benchmarks/peers-env.sh [FOLDER], then FOLDER/bin/python benchmarks/peers.py. FOLDER: .venv-peers. PYTHON: python3.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.venv-peers}
torch=$(grep '^torch==' constraints.txt)
"${PYTHON:-python3}" -m venv "$folder"
pip() { "$folder/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
pip install "${torch%%+*}" 'numpy<2' -e . 'captum>=0.9' 'dattri>=0.3' 'traker>=0.3.2' 'pyDVL[influence]>=0.10'
# kronfluence declares torchvision, which breaks beside a CPU build of torch: it and what it really imports come without their dependencies.
pip install --no-deps kronfluence accelerate einops einconv opt_einsum
"$folder/bin/python" - <<'CHECK'
import importlib
import importlib.metadata

for module, name in (("captum", "captum"), ("dattri", "dattri"), ("trak", "traker"), ("pydvl", "pyDVL"), ("kronfluence", "kronfluence"), ("attribution", "datablame")):
    importlib.import_module(module)
    print(name, importlib.metadata.version(name))
CHECK
