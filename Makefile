# Each command does its own set-up: a virtual environment in .venv, with the CPU build of torch where there is one.
#
#   PYTHON=python3.12      make the environment with this interpreter (the default is the first one that will do)
#   TORCH_INDEX=ADDRESS    look for torch in this package index, for example PyTorch's own index of CPU builds
#   LAB_ARGS="..."         further options of `jupyter lab`
#   OUT=FOLDER             the graded folder that `make formgrader` opens (out/demo)
#   PARTS="unit grading"   run only these parts of `make test`

VENV := .venv
RUN := $(VENV)/bin/python
PYTHON ?=
TORCH_INDEX ?=
LAB_ARGS ?=
PARTS ?=
OUT ?= out/demo

TORCH := 2.13.0
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11)
PIP := $(RUN) -m pip --disable-pip-version-check
# The stamp carries a checksum of what the environment depends on, so that it is brought up to date when, and only when, that changes.
READY := $(VENV)/.ready-$(shell { cat pyproject.toml; pwd; } | cksum | tr ' ' '-')

.DEFAULT_GOAL := help
.PHONY: help setup demo formgrader lab test bench bench-ndt bench-ecog build audit format

help: ## show this list
	@echo "Transformers for Neural Data. Each command installs what it needs the first time (about 2 GB in .venv)."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## only install (every other command does this too)

demo: $(READY) ## grade a sample class in the sandbox and show its gradebook
	@$(RUN) -m autograder.grading.demo

lab: $(READY) ## open your own copies of the notebooks, in work/, in JupyterLab
	@mkdir -p work
	@for notebook in notebooks/*.ipynb; do \
	  [ -e "$$notebook" ] || { echo "notebooks/ is empty. Run 'make build' first."; exit 1; }; \
	  copy="work/$${notebook##*/}"; \
	  if [ ! -e "$$copy" ]; then cp "$$notebook" "$$copy" && echo "copied $$copy"; \
	  elif cmp -s "$$notebook" "$$copy"; then echo "kept   $$copy"; \
	  else echo "kept   $$copy, with your changes"; fi; \
	done
	@$(RUN) -m jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/work $$([ "$$(id -u)" != 0 ] || echo --allow-root) $(LAB_ARGS)

test: $(READY) ## run all tests, and show the minutes that each part took
	@$(RUN) tests/run_parts.py $(PARTS)

bench: $(READY) ## measure the grader against nbgrader's autograde on one class
	@$(RUN) -m autograder.grading.bench

bench-ndt: $(READY) ## measure a neural data transformer against its baselines on simulated maze sessions
	@$(RUN) -m benchmarks.ndt --threads 2

bench-ecog: $(READY) ## measure a causal ECoG decoder, its baselines and the leak of random splits on simulated sessions
	@$(RUN) -m benchmarks.ecog

build: $(READY) ## build the notebooks and the recordings from solutions/
	@$(RUN) -m autograder build

formgrader: $(READY) ## open the graded class of `make demo` (or of OUT=FOLDER) in nbgrader's formgrader
	@[ -d "$(OUT)/nbgrader" ] || { echo "$(OUT)/nbgrader is not there. Run 'make demo' first, or name a graded folder: make formgrader OUT=..."; exit 1; }
	@cd "$(OUT)/nbgrader" && "$(CURDIR)/$(RUN)" -m jupyter lab --ServerApp.default_url=/formgrader $$([ "$$(id -u)" != 0 ] || echo --allow-root) $(LAB_ARGS)

audit: $(READY) ## show that every misconception is caught and named, and every alternative accepted
	@$(RUN) -m autograder audit

format: $(READY) ## put the code into the project's format
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

$(READY): pyproject.toml
	@if ! $(RUN) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  found=; without_pip=; \
	  for candidate in $(CANDIDATES); do \
	    "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    if "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then found="$$candidate"; break; fi; \
	    without_pip="$$candidate"; \
	  done; \
	  if [ -z "$$found" ] && [ -n "$$without_pip" ]; then \
	    echo "$$without_pip cannot make a virtual environment: its modules venv and ensurepip are missing."; \
	    echo "On Debian and Ubuntu they are in a package of their own: sudo apt install python3-venv"; \
	    echo "Without root: use another interpreter (make setup PYTHON=/path/to/python3.12), or conda with environment.yml."; \
	    exit 1; \
	  elif [ -z "$$found" ]; then \
	    echo "No Python 3.11 or newer among: $(CANDIDATES)."; \
	    echo "Install one, or name it: make setup PYTHON=/path/to/python3.12"; \
	    exit 1; \
	  fi; \
	  echo "[1/3] a virtual environment in $(VENV), made with $$($$found --version)"; \
	  "$$found" -m venv --clear $(VENV); \
	fi
	@if ! $(RUN) -c 'import importlib.metadata as metadata; metadata.version("torch")' 2>/dev/null; then \
	  echo "[2/3] torch (about 200 MB)"; \
	  $(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) 'torch==$(TORCH)+cpu' || { \
	    echo "No CPU build of torch $(TORCH) where pip looked, so the standard build it is. On Linux that brings several GB for NVIDIA"; \
	    echo "GPUs. To avoid them, stop here (Ctrl-C) and run: make setup TORCH_INDEX=ADDRESS, with the address of the CPU builds"; \
	    echo "that PyTorch's installation page gives."; \
	    $(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) 'torch==$(TORCH)' || \
	    $(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) 'torch>=2.11,<3'; }; \
	fi
	@echo "[3/3] everything else (2 to 4 minutes the first time)"
	@rm -f $(VENV)/.failed
	@{ $(PIP) install --editable '.[notebooks,instructors,dev]' || touch $(VENV)/.failed; } | \
	  grep -v --line-buffered '^Requirement already satisfied'; test ! -e $(VENV)/.failed
	@rm -f $(VENV)/.ready-*
	@touch $@
