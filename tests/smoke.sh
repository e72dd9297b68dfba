#!/usr/bin/env bash
# Install popclass from this checkout into a fresh environment and run what shows soonest whether versions go together.
#
#     tests/smoke.sh ENVIRONMENT lowest-direct|highest PYTHON
#
# ENVIRONMENT is a folder that is made anew; lowest-direct takes the oldest versions that pyproject.toml allows. Needs uv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
environment=$1 resolution=$2 python=$3

uv venv --quiet --clear --python "$python" "$environment"
uv pip install --quiet --python "$environment/bin/python" --resolution "$resolution" '.[dev]'
"$environment/bin/popclass" classify samples/demo/*.flac --site mcp --subject demo > /dev/null
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$environment/bin/python" -m pytest -n auto -p no:cacheprovider \
    tests/test_package.py tests/model tests/utils tests/audio/test_decode.py tests/audio/test_recording.py \
    tests/formats tests/test_pipeline.py tests/features/test_frontend.py tests/training/test_fit.py \
    -k 'not (test_fit and not loaded_model) and not any_result'
