# Sets everything up and runs it; `make` alone lists what there is.

# Versions: openmmlab (official packages) or onedl (maintained forks).
STACK ?= openmmlab
# Folder of the virtual environment.
VENV ?= $(if $(filter onedl,$(STACK)),.venv-onedl,.venv)
# Interpreter to make it with; the first of these that fits, if not given.
PYTHON ?=
PYTHONS := $(if $(filter onedl,$(STACK)),python3.12) \
    python3.11 python3.12 python3.10 python3.9 python3
# Processes that share the tests, with one thread each.
WORKERS ?= 2

RUN := $(VENV)/bin/python
PYTEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist worksteal
FITS := import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))

.PHONY: help setup demo demo-detection test quick lint clean

help:
	@echo 'make demo   sets everything up and runs the main job'
	@echo 'make demo-detection   the same with Mask R-CNN, on scenes of digits'
	@echo 'make test   sets everything up and runs all tests'
	@echo 'make quick  the same without the slow tests'
	@echo 'make lint   the same with the linters in place of the tests'
	@echo 'make setup  sets everything up'
	@echo 'make clean  removes what make has made'
	@echo
	@echo 'Variables: PYTHON=/path/to/python3.11  VENV=FOLDER'
	@echo '           STACK=openmmlab|onedl  WORKERS=2'

setup:
	@for python in $(if $(PYTHON),'$(PYTHON)',$(PYTHONS)); do \
	    if "$$python" -c '$(FITS)' 2>/dev/null; then \
	        exec "$$python" .dev --venv '$(VENV)' --stack '$(STACK)'; \
	    fi; \
	done; \
	echo 'error: no Python 3.9 to 3.12 among' \
	    '$(or $(PYTHON),$(strip $(PYTHONS))):' \
	    'install one, or name it: make PYTHON=/path/to/python3.11.' >&2; \
	exit 1

demo: setup
	$(RUN) -m demo.classification

demo-detection: setup
	$(RUN) -m demo.detection

test: setup
	$(PYTEST)

quick: setup
	$(PYTEST) -m 'not slow'

lint: setup
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(VENV)/bin/lint-imports
	$(RUN) -m mypy
	$(VENV)/bin/shellcheck -x tools/*.sh
	$(VENV)/bin/codespell

clean:
	if [ -f '$(VENV)/pyvenv.cfg' ]; then rm -rf '$(VENV)' '$(VENV).log'; fi
	rm -rf build dist sema_mm.egg-info work_dirs
	rm -rf .pytest_cache .mypy_cache .ruff_cache
