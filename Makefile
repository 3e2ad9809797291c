# Every target makes what it needs by itself and is quick when there is nothing to do.
PYTHON ?= python3
CHROMIUM ?= /usr/bin/chromium
FIREFOX ?= /usr/bin/firefox-esr
STRACE := /usr/bin/strace
PDFTOPPM := /usr/bin/pdftoppm
BIN := .venv/bin
ENV := .venv/.made

# A .venv whose Python is gone is no .venv.
ifneq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null),1)
$(shell rm -f $(ENV))
endif

.PHONY: help env demo test lint format faults mounts bench bench-others integrations lowest site lock
.PHONY: vendor clean

help:
	@echo "tracksite: from a checkout"
	@echo
	@echo "  make demo     train a real sweep, build its site, and say where it is"
	@echo "  make env      make .venv with tracksite (editable) and every tool; then $(BIN)/tracksite --help"
	@echo "  make test     lint, types and every test, in a real browser too (installs Debian's chromium,"
	@echo "                firefox-esr, poppler-utils and strace)"
	@echo "  make lint     ruff and mypy alone"
	@echo "  make format   let ruff format and fix what it can"
	@echo "  make faults   kill, fill up, cut the power and flip bytes at length, and count what is lost"
	@echo "  make mounts   log, kill, read, pack and merge on exFAT, NTFS, sshfs and rclone, and count"
	@echo "                what is lost (as root; installs Debian's packages for them)"
	@echo "  make bench    measure what tracksite costs, beside plain references (ten minutes and more)"
	@echo "  make bench-others   measure it beside MLflow, W&B, tensorboardX and trackio, which it"
	@echo "                installs into .venv-others; make bench finds them there from then on"
	@echo "  make integrations   train with every framework that has an integration, in an environment"
	@echo "                of its own, .venv-integrations (PyTorch and Ray: about 3 GB)"
	@echo "  make lowest   try the lowest versions that pyproject.toml allows, in .venv-lowest"
	@echo "  make site     refresh site/ and docs/cli.md, which the tests hold to the code"
	@echo "  make clean    remove .venv and everything made beside the code"
	@echo
	@echo "For maintainers:"
	@echo "  make lock     take the newest versions of all dependencies into requirements.lock"
	@echo "  make vendor   fetch the JavaScript libraries named in tools/vendor.py (needs npm)"
	@echo
	@echo "Settings: PYTHON=$(PYTHON) makes .venv, CHROMIUM=$(CHROMIUM) and"
	@echo "          FIREFOX=$(FIREFOX) run the browser tests,"
	@echo "          T='tests/test_x.py -k name' narrows make test."

$(ENV): pyproject.toml requirements.lock tools/bootstrap.lock tools/make-venv
	@PYTHON="$(PYTHON)" tools/make-venv
	@touch $@

env: $(ENV)
	@echo "Ready: $(BIN)/tracksite --help"

demo: $(ENV)
	@$(BIN)/tracksite demo

lint: $(ENV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

$(CHROMIUM):
	@tools/apt-install chromium

# Without Firefox its tests are skipped, and say so.
$(FIREFOX):
	@tools/apt-install firefox-esr || true

$(PDFTOPPM):
	@tools/apt-install poppler-utils

$(STRACE):
	@tools/apt-install strace

test: $(ENV) lint | $(CHROMIUM) $(FIREFOX) $(PDFTOPPM) $(STRACE)
	CHROMIUM=$(CHROMIUM) FIREFOX=$(FIREFOX) $(BIN)/python -m pytest -n 2 $(T)

format: $(ENV)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

faults: $(ENV) | $(STRACE)
	FAULTS=long $(BIN)/python -m pytest -n 2 tests/faults $(T)

MOUNTS := bindfs dosfstools exfat-fuse exfatprogs fuse3 ntfs-3g openssh-server rclone sshfs

mounts: $(ENV)
	@for program in bindfs mkfs.vfat mount.exfat-fuse mkfs.exfat ntfs-3g sshd rclone sshfs; do \
	  PATH=$$PATH:/usr/sbin command -v $$program >/dev/null || { tools/apt-install $(MOUNTS); break; }; done
	$(BIN)/python -m tools.mounts

bench: $(ENV)
	$(BIN)/python -m benchmarks

OTHERS := .venv-others

# One Python runs them all, ours too.
$(OTHERS)/.made: benchmarks/others.txt pyproject.toml | $(ENV)
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(OTHERS)
	$(BIN)/uv pip install -q --python $(OTHERS)/bin/python -r benchmarks/others.txt
	$(BIN)/uv pip install -q --python $(OTHERS)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

bench-others: $(OTHERS)/.made
	$(BIN)/python -m benchmarks others

FRAMEWORKS := .venv-integrations

# pip, not uv: it is what finds PyTorch's CPU build where one lies on the machine.
$(FRAMEWORKS)/.made: tests/integrations/requirements.txt pyproject.toml | $(ENV)
	$(BIN)/python -m venv --clear $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/python -m pip install -q -r tests/integrations/requirements.txt -e '.[models]'
	@touch $@

integrations: $(FRAMEWORKS)/.made
	$(FRAMEWORKS)/bin/python -m pytest tests/integrations --ignore-glob='*sklearn*' $(T)

LOWEST := .venv-lowest

$(LOWEST)/.made: pyproject.toml | $(ENV)
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip install -q --python $(LOWEST)/bin/python --resolution lowest-direct -e '.[all]' --group systems
	@touch $@

# A short way through everything that a floor could break; old libraries warn about newer ones.
lowest: $(LOWEST)/.made
	$(LOWEST)/bin/python -m pytest -W ignore tests/store/test_packs.py tests/query/test_curves.py \
	  tests/tracking/test_search.py tests/tracking/test_roundtrip.py tests/tracking/test_models.py \
	  tests/site/test_build.py tests/cli/test_runs.py tests/importers/test_folder.py \
	  tests/mlflow_plugin/test_around.py $(T)

site: $(ENV)
	@rm -rf site
	$(BIN)/tracksite build tests/golden/runs -o site
	$(BIN)/python -m tests.docs.pages > docs/cli.md

LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --upgrade

lock: $(ENV)
	$(LOCK) pyproject.toml --all-extras --group dev -o requirements.lock
	echo uv | $(LOCK) - -o tools/bootstrap.lock
	@$(MAKE) --no-print-directory env

vendor: $(ENV)
	$(BIN)/python tools/vendor.py

clean:
	rm -rf .venv .venv-others .venv-integrations .venv-lowest .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
