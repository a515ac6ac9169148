# make demo     install, then kdtoolbox distill on videos made on the spot: an image network teaches a video network
# make test     install, then run the tests, a worker for each core
# make test-fast  the tests that train nothing, in a minute and a half: for while you work
# make test-matrix  the tests with each Python that is supported, and with the lowest versions that setup.cfg admits
# make lint     install, then check style, format and types
# make docs     install, then build the pages as a site in build/site; a warning or a dead link is an error
# make audit    install, then list known faults of the packages (needs the network; a report, never a failure)
# make install  only the first part of both
PYTHON ?= python3
VENV := .venv
CONSTRAINTS := constraints.txt
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
HEADLESS := $(shell sed -n 's/^\(opencv-python-headless==.*\)/\1/p' constraints.txt)

# The tests start hundreds of processes; where modules are not kept compiled, each compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install test test-fast test-matrix lint docs demo faults audit clean

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml $(CONSTRAINTS) Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "kdtoolbox needs Python 3.10 or newer; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c $(CONSTRAINTS) -e '.[tests]'
	# mmengine and mmaction2 ask for builds of OpenCV that need a desktop's libraries; the headless one is the same
	# module without windows, and runs on a bare machine.
	$(BIN)/python -m pip uninstall --quiet --yes opencv-python opencv-contrib-python opencv-python-headless
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps '$(HEADLESS)'
	# On all cores, where pip would compile these 20,000 modules on one. What is not Python after all is passed over.
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	touch $@

test: install
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder  # else single slow tests come last, and a core waits

test-fast: install
	$(BIN)/python -m pytest -n auto -m 'not slow'

test-matrix:
	$(PYTHON) -m tests.matrix

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install  # in a language that is there: Sphinx ends with a traceback where that of the shell is not installed
	LC_ALL=C $(BIN)/python -m sphinx -W --keep-going -q docs build/site
	@echo 'build/site/index.html'

demo: install
	$(BIN)/kdtoolbox demo

faults: install  # trainings, features, frames and caches, killed at random moments; half an hour
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults --kills 50

clean:
	rm -rf $(VENV) $(AUDIT) build *.egg-info

# Known faults of the pinned packages, as a report: it never fails, as most are mended by no release yet.
AUDIT := .venv-audit
audit: install
	test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && \
		$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; }
	-$(AUDIT)/bin/pip-audit --path $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
