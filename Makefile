# Needs an active Python environment with popclass[dev]: pip install -e '.[dev]'
.DEFAULT_GOAL := help
.PHONY: help check format test docs bench study fuzz model real synthesis samples lock audit lowest ci

help:     ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

check:    ## check lint, format and types
	ruff check .
	ruff format --check .
	mypy

format:   ## format the code and fix lint
	ruff check --fix .
	ruff format .

test:     ## run the tests, including docstring examples
	pytest -n auto

docs:     ## rewrite the console output, feature table and input table of README.md and docs/
	python docs/generate/refresh.py
	python docs/generate/features_table.py --write
	python docs/generate/reference_vector.py
	python docs/generate/picture.py
	python docs/generate/robustness_table.py

bench:    ## run the benchmarks; each checks its bounds
	missed=0; for script in $$(grep -l __main__ benchmarks/*.py); do \
		echo "== $$script"; python $$script || missed=1; done; exit $$missed

study:    ## rerun the studies of docs/research (an hour)
	python experiments/border.py --write
	python experiments/onsets.py --write
	python experiments/evidence.py
	python experiments/learning_curve.py

fuzz:     ## fuzz every target for a minute (pip install -e '.[fuzz]')
	python -m tests.robustness.fuzz.run

model:    ## rebuild models/default.onnx and its card from the generator
	python -m popclass.training.default

real:     ## score the default model on real recordings: make real REALDATA=FOLDER
	python experiments/real.py $(REALDATA) --write

synthesis: ## rewrite docs/synthesis.md
	python docs/generate/synthesis_figures.py > docs/synthesis.md

samples:  ## rebuild samples/ from the generator
	python samples/make.py

lock:     ## rewrite tests/requirements.lock: all development versions with hashes (needs uv)
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --python-version 3.11 \
		--extra dev --extra live --custom-compile-command "make lock" pyproject.toml -o tests/requirements.lock

audit:    ## check the locked versions for known vulnerabilities (needs pip-audit and the network)
	pip-audit --strict --requirement tests/requirements.lock --disable-pip

lowest:   ## run some tests with the oldest versions that pyproject.toml allows, in .lowest/ (needs uv)
	tests/smoke.sh .lowest lowest-direct "$$(command -v python3.11)"

ci:       ## run all checks of a change in fresh environments
	.ci/run
