#!/usr/bin/env bash
# Everything that a lent accelerator is for, in under eight minutes: the tests that need CUDA, then the figures.
# Needs a checkout and a Python with torch, numpy, pandas, pyarrow, scipy, scikit-learn, safetensors, typer and pytest; no network.
# Usage: bash benchmarks/gpu.sh [arguments of benchmarks/gpu.py]; PYTHON names another interpreter.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 DATABLAME_HOME="${DATABLAME_HOME:-$(mktemp -d)}"
timeout 170 "$python" -m pytest -q -m cuda tests/test_cuda.py
tests=$?
timeout 380 "$python" benchmarks/gpu.py --minutes 5 "$@"
figures=$?
[ "$tests" -eq 0 ] && [ "$figures" -eq 0 ]
