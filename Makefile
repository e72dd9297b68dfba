# A Python environment with popclass[dev] is taken to be active: pip install -e '.[dev]'
.DEFAULT_GOAL := help
.PHONY: help check format test docs bench fuzz model real synthesis samples lock audit lowest ci

help:     ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

check:    ## lint, format and types
	ruff check .
	ruff format --check .
	mypy

format:   ## put the code into shape
	ruff check --fix .
	ruff format .

test:     ## tests, docstring examples among them
	pytest

docs:     ## run the commands of README.md and docs/ and write their real output into them
	python docs/refresh.py

bench:    ## run the benchmarks, each of which holds one bound
	missed=0; for script in $$(grep -l __main__ benchmarks/*.py | grep -v -e real.py -e synthesis_figures.py); do \
		echo "== $$script"; python $$script || missed=1; done; exit $$missed

fuzz:     ## look for inputs that break a promise, a minute for each target (pip install -e '.[fuzz]')
	python -m tests.robustness.fuzz.run

model:    ## rebuild models/default.onnx and its card from the generator
	python -m popclass.training.default

real:     ## score the default model on real recordings: make real REALDATA=FOLDER
	python benchmarks/real.py $(REALDATA) --write

synthesis: ## print published figures beside generated ones into docs/synthesis.md
	python benchmarks/synthesis_figures.py > docs/synthesis.md

samples:  ## rebuild samples/ from the generator
	python samples/make.py

lock:     ## write every version that development uses, with hashes, into tests/requirements.lock (needs uv)
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --python-version 3.11 \
		--extra dev --extra live --custom-compile-command "make lock" pyproject.toml -o tests/requirements.lock

audit:    ## look the locked versions up among known vulnerabilities (needs pip-audit and the network)
	pip-audit --strict --requirement tests/requirements.lock --disable-pip

lowest:   ## a selection of tests with the oldest versions that pyproject.toml allows, in .lowest/ (needs uv)
	tests/smoke.sh .lowest lowest-direct "$$(command -v python3.11)"

ci:       ## what must hold before a change is taken, in fresh environments
	.ci/run
