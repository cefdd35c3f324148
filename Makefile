# Works in a bare clone: what is missing is installed first.

PYTHON_BIN := .venv/bin
UV_AUDIT := $(PYTHON_BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
UV_COMPILE := $(PYTHON_BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra postgres --extra redis --extra otel

# For two processors: some tests wait, so more of them run at once. More than these only get in each other's way.
TEST_PROCESSES ?= 4

# Keep bytecode even if the machine is set up otherwise, or each process that runs tests would compile all of them.
unexport PYTHONDONTWRITEBYTECODE

# Run `make loader` after every change to loader/, editor/ or the form's scripts; tests compare the results.
.PHONY: help package loader reference demo test quick bench throughput chaos cost fuzz lint style types collected setup lock versions audit sbom

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: ## the widget, a local Insider Connect and a sample host page; Ctrl-C ends all three
	@scripts/setup demo
	@$(PYTHON_BIN)/python scripts/demo

test: setup ## every check and every test
	@$(MAKE) --no-print-directory --jobs 2 --output-sync types style collected
	@$(PYTHON_BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal

quick: lint ## style, types, and the tests that start no process: while you work
	@$(PYTHON_BIN)/pytest -q -n 2 --dist worksteal -m "not process" --ignore tests/browser

bench: ## speed and size compared with rivals and ceilings, as docs/performance.md; BENCH="--rows get" for a part, BENCH=--long for certainty
	@scripts/setup bench
	@$(PYTHON_BIN)/python -m bench $(BENCH)

throughput: setup ## what one process and several accept and deliver in a second
	@$(PYTHON_BIN)/python scripts/throughput

chaos: setup ## kills the service at random while Insider Connect fails at random: nothing lost, no silent duplicate
	@$(PYTHON_BIN)/python scripts/chaos $(CHAOS)

cost: setup ## what a submission costs here: statements, processor time, bytes
	@$(PYTHON_BIN)/python scripts/cost

fuzz: setup ## every fuzzer for five minutes; FUZZ_SECONDS=3600 for longer
	@$(PYTHON_BIN)/python -m fuzz all --seconds $(or $(FUZZ_SECONDS),300)

lint: setup ## style and types, of Python and of the scripts
	@$(MAKE) --no-print-directory --jobs 2 --output-sync types style

style:
	@$(PYTHON_BIN)/ruff check
	@$(PYTHON_BIN)/ruff format --check --quiet
	@$(PYTHON_BIN)/lint-imports --no-cache >/dev/null || $(PYTHON_BIN)/lint-imports --no-cache
	@node_modules/.bin/tsc
	@node_modules/.bin/biome lint --error-on-warnings >/dev/null 2>&1 || node_modules/.bin/biome lint --error-on-warnings
	@npm run --silent styles

types:
	@$(PYTHON_BIN)/mypy --no-error-summary

# pytest translates each file of tests, and keeps the result. Once, while mypy works, is less than once in each process.
collected:
	@$(PYTHON_BIN)/pytest --collect-only -qq >/dev/null || true

reference: setup ## docs/reference.md, docs/settings.md and the tree of the package, from the source
	@$(PYTHON_BIN)/python scripts/reference

loader: setup ## static/embed.js from loader/, the two scripts of static/form/, and static/editor/ from editor/
	@npm run --silent loader
	@npm run --silent form
	@npm run --silent rest
	@npm run --silent editor
	@cp static/embed.d.ts npm/embed.d.ts

setup: ## whatever development needs
	@scripts/setup

lock: setup ## requirements/*.txt from pyproject.toml
	@$(UV_COMPILE) pyproject.toml -o requirements/runtime.txt
	@$(UV_COMPILE) --group dev pyproject.toml -o requirements/dev.txt
	@$(UV_AUDIT) --group audit -o requirements/audit.txt
	@$(UV_AUDIT) --group build -o requirements/build.txt

package: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
package: setup ## wheel and sdist in dist/: the same bytes from the same commit, wherever they are built
	@$(PYTHON_BIN)/python -m hatchling build -d dist
	@$(PYTHON_BIN)/twine check --strict dist/*.whl dist/*.tar.gz

versions: setup ## the lowest and the newest versions that pyproject.toml allows; needs the network
	@scripts/versions

audit: setup ## known vulnerabilities of the locked packages; needs the network
	@scripts/audit

sbom: setup ## the software bill of materials, as dist/sbom.json
	@$(PYTHON_BIN)/python scripts/sbom
