# Two commands are enough: `make demo` and `make test`. Each sets up what it needs, once.
# All paths are relative, so that a checkout may lie in a folder with spaces in its name.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv/bin/python

.PHONY: demo test lint format bench forms-docs setup browser office clean

demo: .venv/.ready
	@$(RUN) -m posmigran demo

test: .venv/.ready browser office
	@$(RUN) -m pytest -n auto --dist worksteal

lint: .venv/.ready
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@.venv/bin/lint-imports --no-logo

format: .venv/.ready
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: .venv/.ready
	@$(RUN) -m bench

# docs/forms: the forms as text in both languages.
forms-docs: .venv/.ready
	@$(RUN) -m forms.outline docs/forms

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "posmigran needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv \
		|| { echo "The venv module is missing: on Debian and Ubuntu run 'apt install python3-venv'" >&2; exit 1; }
	@echo "setting up (once, about a minute) ..."
	@$(RUN) -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch .venv/.ready

# The pages are tested in a real browser, the workbooks opened by a real office: neither is a Python package.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| $(call system_package,Chromium,chromium)

office:
	@command -v soffice >/dev/null || $(call system_package,LibreOffice,libreoffice-calc-nogui)

define system_package
	{ if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing $(1) for the tests ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
	else \
		echo "The tests need $(1): install it (Debian: 'sudo apt install $(2)') and run again." >&2; \
		exit 1; \
	fi; }
endef

clean:
	@rm -rf .venv build *.egg-info demo-output
