# `make help` lists what can be made. Everything needs Go and nothing else;
# `make test` installs what the tests need beside it (scripts/install-test-parts).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO        ?= go
ARGS      ?=
BENCHTIME ?= 1s
FUZZTIME  ?= 1m
FOLDER    ?= .cache/screenshots

# The linter is compiled once and kept; its name carries Go's version, because it refuses code newer than its own Go.
LINT := .cache/bin/golangci-lint-$(shell $(GO) env GOVERSION)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## start a server from source with demo data (ARGS="--listen :8080" …)
	$(GO) run . serve --demo $(ARGS)

.PHONY: build
build: ## build ./guildhall, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o guildhall .

# Written beside its place and moved, so that a failure leaves the old document whole.
.PHONY: generate
generate: ## derive generated code and api/openapi.json from the source
	$(GO) generate ./...
	@mkdir -p api
	$(GO) run . openapi > api/.openapi.json.new || { rm -f api/.openapi.json.new; exit 1; }
	@mv api/.openapi.json.new api/openapi.json

.PHONY: check
check: format vet lint short contract ## everything that takes under a minute: before each commit

# Where goroutines meet: make test runs these with the race detector too.
CONCURRENT = ./internal/access ./internal/activity ./internal/authn ./internal/authz ./internal/certificate ./internal/device \
	./internal/job ./internal/mail ./internal/member ./internal/outbound ./internal/route ./internal/seal ./internal/store

.PHONY: test
test: parts format vet lint ## everything; installs what it needs
	$(GO) test -timeout 20m ./...
	$(GO) test -race -timeout 20m $(CONCURRENT)
	$(GO) test -race -timeout 20m ./internal/httpd -run 'Many|Load|Editors|Stream'

.PHONY: race
race: parts ## everything with the race detector: before a release
	$(GO) test -race -timeout 40m ./...

.PHONY: screenshots
screenshots: parts ## draw every page of the console (FOLDER=.cache/screenshots)
	@mkdir -p $(FOLDER)
	GUILDHALL_SCREENSHOTS=$(abspath $(FOLDER)) $(GO) test -count=1 -timeout 10m -run TestEveryPage ./internal/console/chrometest
	@echo "the pictures are in $(FOLDER)"

.PHONY: bench
bench: ## run the benchmarks (BENCHTIME=1s; DOCUMENT=docs/performance.md puts the tables there)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -timeout 20m ./bench $(if $(DOCUMENT),-document $(abspath $(DOCUMENT)))

.PHONY: fuzz
fuzz: ## run every fuzz target for a while (FUZZTIME=1m)
	@GO=$(GO) scripts/fuzz $(FUZZTIME)

.PHONY: lint
lint: $(LINT) ## golangci-lint, staticcheck included
	$(LINT) run

.PHONY: fmt
fmt: ## format all Go code
	gofmt -s -w .

.PHONY: clean
clean: ## remove what was built here (not the data)
	rm -rf guildhall .cache coverage*

# The parts of check and test; they can be called alone.

.PHONY: parts format vet short contract
parts:
	@scripts/install-test-parts

format:
	@out=$$(gofmt -s -l .); [ -z "$$out" ] || { echo "not formatted, run make fmt:"; echo "$$out"; exit 1; }

vet:
	$(GO) vet ./...

# The real binary is for make test: it takes as long as everything else together.
short:
	$(GO) test -short $$($(GO) list ./... | grep -v '/e2e$$')

contract:
	@scripts/contract-check api/openapi.json

$(LINT): tools/go.mod tools/go.sum
	@echo "building golangci-lint, once"
	@rm -f .cache/bin/golangci-lint-*
	$(GO) build -C tools -trimpath -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
