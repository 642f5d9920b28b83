# The commands of the course. `make help` lists them. Each one installs what it needs into .venv first.

PYTHON ?= python3
# More options for pip, for instance the index of PyTorch's CPU-only builds (see README.md, "Install").
PIP_ARGS ?=
# More options for pytest: make test PYTEST_ARGS="-k masks"
PYTEST_ARGS ?=

# The browser that prints the book.
CHROMIUM ?= chromium

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
PEERS = $(if $(PYHIGHLIGHTS),$(VENV)-peers/.installed)
LESSONS = $(sort $(wildcard notebooks/[0-9]*.ipynb))
BOOK := book/_build/html
TOOLS := PYTHONPATH=book $(PY) -m tools
BUILD_BOOK = PYTHONPATH=book $(VENV)/bin/jupyter-book build . --config book/_config.yml --toc book/_toc.yml \
	--path-output book -W -n --keep-going --quiet
NBVAL = --nbval --nbval-current-env --nbval-cell-timeout=120
# A process a core; the groups of tests/spread.py stay together and start in its order, the longest first.
SPREAD = -n logical --maxprocesses 8 --dist loadgroup

export PYTHONUNBUFFERED := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MPLBACKEND ?= agg

.DEFAULT_GOAL := help
.PHONY: help install course test test-quick lab notebooks book pages publish pdf results bench bench-gpu mutants links check-links lint clean

help: ## this list
	@echo "ver-lite: make TARGET, with the times measured on two CPU cores"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: PYTHON (which Python makes .venv), PIP_ARGS, PYTEST_ARGS, CHROMIUM."

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ver-lite needs Python 3.11 or newer; this is %s. Say which with: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) cannot make virtual environments: install its venv package (python3-venv on Debian)"; exit 1; }
	@echo "Installing the library and its tools into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -qq $(PIP_ARGS) -c constraints.txt -e '.[course,teach,test]'
	@touch $@

install: $(STAMP) ## the library and its tools, into .venv (1.5 min, 1.7 GB with a CPU-only PyTorch)

course: $(STAMP) ## from nothing to the first game: install, train it, run the lessons, build the book (6 min)
	$(VENV)/bin/ver-lite train reviews --out runs/first --overwrite
	$(TOOLS).notebooks execute --into book/_build/executed $(LESSONS)
	$(BUILD_BOOK)
	@echo
	@echo "Your first game is in runs/first: look at it with   $(VENV)/bin/ver-lite show runs/first"
	@echo "The lessons you just ran are in book/_build/executed; to work in them:   make lab"
	@echo "The book: open $(CURDIR)/$(BOOK)/index.html in a browser"

test: lint ## everything CI runs: lint, library, lessons cell by cell, book, browser (14 min)
	OMP_NUM_THREADS=1 $(PY) -m pytest tests $(LESSONS) $(NBVAL) $(SPREAD) --durations=15 $(PYTEST_ARGS)

test-quick: $(STAMP) ## the library alone: no lessons, no book, no training runs (2.4 min)
	OMP_NUM_THREADS=1 $(PY) -m pytest tests -n logical --maxprocesses 8 --dist worksteal \
		-m "not slow and not notebook and not browser" $(PYTEST_ARGS)

lab: $(STAMP) ## open the lessons in JupyterLab
	$(VENV)/bin/jupyter lab notebooks/00-start-here.ipynb

notebooks: $(STAMP) ## run every lesson again, in place, and check its shape (4 min)
	$(TOOLS).notebooks execute --record $(LESSONS)
	$(TOOLS).notebooks check $(LESSONS)
	$(TOOLS).pages

book: $(STAMP) ## build the book; a warning is an error (30 s)
	$(BUILD_BOOK)
	@echo "The book: open $(CURDIR)/$(BOOK)/index.html in a browser"

pages: $(STAMP) ## write the book's tables from records and code: minutes, corpora, records, names (10 s)
	$(TOOLS).pages

publish: book ## the book as a folder for a web server: public/ (30 s)
	rm -rf public
	cp -r $(BOOK) public
	touch public/.nojekyll
	@echo "Publish the folder $(CURDIR)/public"

pdf: $(STAMP) ## the whole book as one file to print, by Chromium: book/_build/ver-lite.pdf (2 min)
	$(BUILD_BOOK) --builder singlehtml
	cp book/_build/singlehtml/book/index.html book/_build/singlehtml/printed.html
	$(CHROMIUM) --headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
		--virtual-time-budget=120000 --no-pdf-header-footer --print-to-pdf=book/_build/ver-lite.pdf \
		"file://$(CURDIR)/book/_build/singlehtml/printed.html"

results: $(STAMP) ## measure what is missing of the recorded results (2 h from nothing); SCALE=paper: for a GPU
	$(PY) -m ver_lite.experiments.record $(if $(filter paper,$(SCALE)),argument_paper)

bench: $(STAMP) $(PEERS) ## how fast training is, why, and how it grows (9 min); PEER=CHECKOUT, PYHIGHLIGHTS=1: against others; RECORD=1
	PYTHONPATH=tests $(PY) -m benchmarks $(if $(PEER),--peer $(PEER)) $(if $(PEERS),--pyhighlights $(VENV)-peers/bin/python) \
		$(if $(RECORD),--out data/results)

# A library that is only measured against: in an environment of its own, so that nothing of ours depends on it.
$(VENV)-peers/.installed: constraints.txt
	@echo "Installing pyhighlights into $(VENV)-peers ..."
	@$(PYTHON) -m venv $(VENV)-peers
	@$(VENV)-peers/bin/python -m pip install -qq $(PIP_ARGS) -c constraints.txt pyhighlights==0.14.0
	@touch $@

bench-gpu: $(STAMP) ## check and time training on a GPU: one run, its precisions, a fleet of thirty (under 9 min); PEER=CHECKOUT
	PYTHONPATH=tests $(PY) -m benchmarks.gpu $(if $(PEER),--peer $(PEER))

mutants: $(STAMP) ## change the code in one place at a time and see that a test fails (3,400 times, about 2 h); MODULE=metrics: one module of tests/mutants.toml (80 s)
	PYTHONPATH=tests nice -n 10 $(PY) -m mutants $(MODULE)

links: $(STAMP) ## write the repository's address, from pyproject.toml, everywhere it is used (1 s)
	$(TOOLS).notebooks links

check-links: $(STAMP) ## ask other hosts whether the book's links to them still lead somewhere (needs a network)
	PYTHONPATH=book $(VENV)/bin/jupyter-book build . --config book/_config.yml --toc book/_toc.yml \
		--path-output book/_build/links --builder linkcheck --keep-going

lint: $(STAMP) ## ruff: rules and format (1 s)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

clean: ## remove .venv, the built book and caches; runs/ and corpora stay
	rm -rf $(VENV) $(VENV)-peers book/_build public .pytest_cache .ruff_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +
