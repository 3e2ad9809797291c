# `make` alone teaches what there is. Every target installs what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENV := $(VENV)/.installed

.DEFAULT_GOAL := help

$(ENV): requirements.lock tools/bootstrap.lock pyproject.toml tools/make-venv
	@PYTHON="$(PYTHON)" tools/make-venv "$(VENV)"
	@touch $@

.PHONY: env
env: $(ENV) ## Make .venv with tracksite (editable), every extra and every tool, from requirements.lock
