# Every target makes what it needs: its own .venv from hashed locks, nothing installed globally.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := deploy/local

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/.installed: requirements-dev.txt pyproject.toml
	@echo "installing the locked dependencies into $(VENV) (a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: venv
venv: $(BIN)/.installed ## Make .venv with everything that development needs

.PHONY: control-plane
control-plane: venv ## Build etcd, kube-apiserver, kube-controller-manager, kubectl and the oracles (about 7 minutes, then cached)
	@$(BIN)/python -m control_plane build

.PHONY: demo
demo: control-plane ## Watch a campaign being paused and resumed on a real Kubernetes API server (about a minute)
	@$(BIN)/python -m demo

.PHONY: playground
playground: control-plane ## The same parts as the demo, left running until Ctrl-C
	@$(BIN)/python -m demo --playground

# Tests wait more than they compute; each worker has a control plane of its own (400 MiB).
WORKERS ?= 3

.PHONY: test
test: control-plane ## Run all tests (about 12 minutes on two cores, once the control plane is built)
	@$(BIN)/python -m pytest -v -n $(WORKERS) --dist loadfile

.PHONY: bench
bench: control-plane ## Measure the cost of a poll and the time of a flip
	@$(BIN)/python -m pytest -s tests/bench

.PHONY: lint
lint: venv ## ruff, mypy --strict and import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: venv ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: generate
generate: venv ## Write what is generated: crds/, docs/reference/, the picture, the settings for Argo CD
	@set -e; new=$$(mktemp); trap 'rm -f "$$new"' EXIT; \
		$(BIN)/campaign-throttle crds > "$$new"; cat "$$new" > crds/campaignthrottles.yaml
	@$(BIN)/python docs/reference/generate.py
	@$(BIN)/python docs/images/generate.py
	@$(BIN)/python deploy/argocd/generate.py

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --upgrade

.PHONY: lock
lock: venv ## Lock the dependencies anew, with hashes
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --group build -o requirements-build.txt
	$(COMPILE) -c requirements.txt pyproject.toml --group dev -o requirements-dev.txt

.PHONY: clean
clean: ## Remove .venv and what the tools cache here (the control plane's cache is outside: see deploy/local)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
