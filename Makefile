# `make help` lists the targets. Everything runs from a clone with Go, and what
# `make tools` installs: nothing else is assumed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
FUZZ    ?= 60s
BENCH   ?= .
STATIC  := $(GO) tool -modfile=tools/go.mod staticcheck
EXAMPLE := examples/temporal
EXAMPLES := $(EXAMPLE) examples/buf examples/kubernetes examples/proxy

## help: list the targets
help:
	@sed -n "s/^## /  /p" $(firstword $(MAKEFILE_LIST))

## demo: the main job, from nothing: key, served set, token, check, rotation; leaves nothing behind
demo: build
	@./bin/jwtctl demo

## build: the program, as bin/jwtctl; without cgo it is static and starts faster
build:
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/jwtctl ./cmd/jwtctl

## install: the program, into $GOBIN or $GOPATH/bin
install:
	CGO_ENABLED=0 $(GO) install -trimpath ./cmd/jwtctl

## test: everything that must hold: check, unit, e2e
test: tools check unit e2e

## check: formatting, vet, staticcheck, tidy modules, generated files
check:
	@out=$$(gofmt -l cmd internal examples); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(STATIC) ./...
	$(GO) mod tidy -diff
	for example in $(EXAMPLES); do \
	  (cd $$example && $(GO) vet ./... && $(GO) mod tidy -diff && $(GO) tool -modfile=../../tools/go.mod staticcheck ./...); \
	done
	$(GO) test -count=1 ./internal/docs

## unit: all tests of jwtctl itself, with the race detector
unit:
	$(GO) test -race -timeout 10m ./...

## e2e: jwtctl with a real Temporal server, buf, grpcurl and Node, and the Kubernetes manifests
e2e: build
	cd $(EXAMPLE) && $(GO) run ./genapi ../../bin/api_table.txt && diff ../../bin/api_table.txt ../../internal/temporal/api_table.go
	cd $(EXAMPLE) && $(GO) test -timeout 15m ./...
	for example in buf kubernetes proxy; do (cd examples/$$example && $(GO) test ./...); done

## bench: benchmarks; BENCH=regexp picks some
bench: tools build
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./internal/...

## fuzz: every fuzz target for FUZZ (60s) each
fuzz:
	@for pkg in $$($(GO) list ./internal/...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ) -fuzzminimizetime 1x $$pkg; \
	  done; \
	done

## generate: everything that is generated: docs/cli.md, man pages, Temporal's API table
generate:
	cd $(EXAMPLE) && $(GO) run ./genapi ../../internal/temporal/api_table.go
	$(GO) test -count=1 ./internal/docs -update

## tools: the programs that tests compare jwtctl with (Debian and npm packages; root or sudo)
# A name is the program's, and after a colon its package's if that has another.
tools:
	@need=""; for t in jose openssl dash curl strace protoc:protobuf-compiler dot:graphviz node:nodejs npm; do \
	  command -v "$${t%%:*}" >/dev/null || need="$$need $${t##*:}"; \
	done; \
	if [ -n "$$need" ]; then \
	  echo "installing:$$need"; as=""; [ "$$(id -u)" = 0 ] || as=sudo; \
	  $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq $$need >/dev/null; \
	fi
	@cmp -s internal/explain/testdata/mermaid/package-lock.json bin/mermaid/package-lock.json || { rm -rf bin/mermaid && mkdir -p bin/mermaid && \
	  cp internal/explain/testdata/mermaid/package*.json bin/mermaid/ && npm ci --silent --no-audit --no-fund --prefix bin/mermaid; }
	@cmp -s examples/proxy/server/package-lock.json bin/proxy-example/package-lock.json || { rm -rf bin/proxy-example && mkdir -p bin/proxy-example && \
	  cp examples/proxy/server/package*.json bin/proxy-example/ && npm ci --silent --no-audit --no-fund --prefix bin/proxy-example; }
	@$(GO) tool -modfile=tools/go.mod -n actionlint >/dev/null
	@cd examples/proxy && $(GO) tool -n grpcurl >/dev/null # builds it, outside the time limit of tests
	@cd examples/buf && $(GO) tool -n buf >/dev/null # builds it, outside the time limit of tests

## clean: remove what make built
clean:
	rm -rf bin dist

.PHONY: help demo build install test check unit e2e bench fuzz generate tools clean
