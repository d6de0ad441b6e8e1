# Everything a person does with this repository. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Tests, linters, lab and product are built alike, so that each dependency is compiled once.
export CGO_ENABLED := 0
export GOFLAGS     := $(GOFLAGS) -trimpath

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BUILD   := go build -ldflags "-s -w -X github.com/pikasTech/unidesk-artifact-cd/internal/build.version=$(VERSION)"
BUF     := go tool -modfile=tools/go.mod buf
# make lint vets. A timeout ends what hangs; it is long enough for a busy machine.
GOTESTSUM := go tool -modfile=tools/go.mod gotestsum
SUM     := $(GOTESTSUM) --format pkgname-and-test-fails --format-hide-empty-pkg -- -vet=off -ldflags=-w -timeout 80m
LONGEST := $(GOTESTSUM) tool slowest --threshold 1s --num 10 --jsonfile
LINT    := go tool -modfile=tools/lint/go.mod golangci-lint

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/unidesk-agent and bin/unidesk-controller
	$(BUILD) -o bin/unidesk-agent ./cmd/agent
	$(BUILD) -o bin/unidesk-controller ./cmd/controller

.PHONY: agents
agents: ## build bin/unidesk-agent-<arch> for every architecture that a host may have
	GOARCH=amd64 $(BUILD) -o bin/unidesk-agent-amd64 ./cmd/agent
	GOARCH=arm64 $(BUILD) -o bin/unidesk-agent-arm64 ./cmd/agent

.PHONY: deb
deb: ARCH ?= $(shell go env GOARCH)
deb: ## make dist/*.deb for this architecture; ARCH=arm64 for another
	packaging/build.sh deb $(VERSION) $(ARCH)

.PHONY: release
release: ## make what a release has in dist: packages and tarballs for amd64 and arm64, SHA256SUMS
	packaging/build.sh release $(VERSION) amd64 arm64

.PHONY: lintian
lintian: ## make the packages for this architecture, and have Debian's lintian look at them
	@lab/setup.sh lintian
	@rm -f dist/*.deb
	packaging/build.sh deb $(VERSION) $(shell go env GOARCH)
	lintian --allow-root --fail-on error,warning dist/*.deb

.PHONY: promtool
promtool: ## have Debian's promtool look at the alerts, and at the text of the metrics
	@lab/setup.sh promtool
	go test -vet=off -ldflags=-w -tags integration -count 1 -run '^TestPromtool' ./packaging ./internal/controller/metrics

.PHONY: demo
demo: ## play both hosts on this machine and show a deploy, a refusal, a revert, a recovery
	@lab/setup.sh engine sshd
	@echo "building the demo; the first time this takes a few minutes"
	@go run ./lab/cmd/demo

.PHONY: pictures
pictures: ## make the pictures that the documents have: the page by a real browser, a terminal by the demo
	@lab/setup.sh engine sshd browser
	@mkdir -p docs/pictures
	UNIDESK_PICTURES=$(CURDIR)/docs/pictures go test -vet=off -ldflags=-w -tags integration -count 1 -run '^TestEachPageFitsABrowser$$' ./internal/controller/page
	tools/picture.sh docs/pictures/terminal.png 4 7

.PHONY: weight
weight: ## the programs' size and start-up beside those of another commit: BEFORE=773cc84
	@tools/weight.sh $(BEFORE)

.PHONY: kube
kube: ## keep the two hosts up with a real Kubernetes on D601 and the sample in it, to look at by hand
	@lab/setup.sh hosts && lab/tools/build.sh compose registry kubernetes >/dev/null
	@go run ./lab/cmd/kube

# They mostly wait, so they start first, and more of them at a time than there are cores.
BESIDE := 4
# SKIP is a pattern of tests to leave out, as tools/share.sh prints it.
SKIP   ?=
SKIPS   = $(if $(SKIP),-skip "$$SKIP")
export SKIP
LONG := ./test/kill ./test/canary ./test/integration ./internal/agent ./internal/compose ./internal/stage ./lab

.PHONY: test
test: ## unit tests, CLI stories and integration on the real engine, registry and sshd
	@lab/setup.sh engine sshd lintian promtool samples browser
	go test -C tools ./...
	@lab/tools/build.sh --installed compose registry kubernetes >/dev/null
	@mkdir -p dist
	GOTESTSUM_JSONFILE_TIMING_EVENTS=dist/test.json $(SUM) -tags integration -p $(BESIDE) $(SKIPS) $(LONG) ./...
	@$(LONGEST) dist/test.json

.PHONY: unit
unit: ## only what needs nothing but Go
	$(SUM) ./...
	go test -C tools ./...

.PHONY: race
race: ## the unit tests of the packages with goroutines, under Go's race detector; ARGS="-share 4"
	@lab/setup.sh race
	@tools/race.sh $(ARGS)

.PHONY: fuzz
fuzz: ## each fuzz target, for a bounded number of inputs; FUZZ_SHARE=0.1 for ten times as many
	@tools/fuzz.sh

# They wait for programs, for each other, or for time to pass. Ten runs of what LONG does with an engine are hours, and
# make test runs those four at a time: here they are unit tests only.
WAITING := ./internal/confirm ./internal/deploy ./internal/engine ./internal/envfile ./internal/k3s ./internal/k3s/kube ./internal/ledger \
	./internal/pull ./internal/registryhost ./internal/rpc ./internal/statefile ./internal/systemd ./internal/tunnel ./cmd/controller \
	-unit $(filter ./internal/%,$(LONG))

.PHONY: steady
steady: ## the packages that wait, ten times each beside eight busy loops; of the long ones, which take hours, the unit tests; ARGS=./internal/stage for all tests of a package
	@lab/setup.sh engine sshd
	@lab/tools/build.sh --installed compose registry kubernetes >/dev/null
	@tools/steady.sh $(or $(ARGS),$(WAITING))

.PHONY: mutants
mutants: ## put named faults into the code, one at a time: the unit tests must catch each; ARGS="-only proof", ARGS="-share 6"
	go run -C tools ./mutants $(ARGS)

.PHONY: rooms
rooms: ## packages, their size, the arrows between them and between their files, against docs/layout.md; ARGS=-print, ARGS=-write
	go run -C tools ./rooms $(ARGS)

.PHONY: words
words: ## count words that make comments and messages hard to read, against their limits; ARGS=-list prints each place
	go run -C tools ./words $(ARGS)

.PHONY: commits
commits: ## check the subjects of new commits
	tools/commits.sh

.PHONY: hooks
hooks: ## have git check the subject of each commit here
	git config core.hooksPath tools

# A fresh Engine of today has containerd's image store; one that was there before keeps its own. Never from the cache: go
# test does not see that a TestMain has started another engine.
ENGINES := 29-containerd 28-classic
TOUCHING := ./internal/agent ./internal/compose ./internal/stage ./internal/engine ./internal/registryhost
STORIES := ^(TestACommitGoesLiveAndBack|TestLayersOfEveryCompressionGoLive|TestAnIndexResolvesToTheEnginesPlatform)$$

.PHONY: engines
engines: ## what touches the engine, again on Docker Engine 29.8.1 with containerd's image store and on 28.5.2 with the classic one
	@lab/setup.sh engine sshd
	@lab/tools/build.sh $(foreach engine,$(ENGINES),engine$(firstword $(subst -, ,$(engine)))) >/dev/null
	@lab/tools/build.sh --installed compose registry >/dev/null
	@for engine in $(ENGINES); do \
		echo "on Docker Engine $$engine"; export UNIDESK_LAB_ENGINE=$$engine; \
		$(SUM) -tags integration -count 1 -p 4 -parallel 6 $(SKIPS) $(TOUCHING); \
		$(SUM) -tags integration -count 1 -run '$(STORIES)' ./test/integration; \
	done

E2E := $(SUM) -tags e2e -p 1 -count 1
# HALVES is how many halves of e2e run at a time: 1 or 2.
HALVES := 2

.PHONY: e2e
e2e: ## the lab of two real hosts with systemd
	@lab/setup.sh hosts
	@mkdir -p dist && rm -f dist/sandbox.txt
	@lab/tools/build.sh compose registry >/dev/null
	$(E2E) ./lab/hosts/...
	@lab/tools/build.sh kubernetes >/dev/null
	@$(MAKE) --no-print-directory --keep-going --jobs=$(HALVES) e2e-compose e2e-kubernetes
	@$(LONGEST) dist/e2e-kubernetes.json && $(LONGEST) dist/e2e-compose.json
	@cat dist/sandbox.txt

# The halves of e2e, each in a lab of its own.
.PHONY: e2e-kubernetes e2e-compose
e2e-kubernetes:
	GOTESTSUM_JSONFILE_TIMING_EVENTS=dist/e2e-kubernetes.json $(E2E) -run '^TestKubernetes$$' ./test/e2e/...
e2e-compose:
	GOTESTSUM_JSONFILE_TIMING_EVENTS=dist/e2e-compose.json $(E2E) -skip '^TestKubernetes$$'$(if $(SKIP),"|$$SKIP") ./lab/kube/... ./test/e2e/...

.PHONY: bench
bench: ## measure transfers over slow links beside docker pull and others, write docs/benchmarks.md; ARGS="-only S1 -runs 1", ARGS=-goals
	@lab/setup.sh hosts && lab/tools/build.sh compose registry kubernetes >/dev/null
	go test -tags e2e -timeout 90m -count 1 -v -run '^TestBench' ./test/e2e/... -args -runs 3 $(ARGS)

.PHONY: lint
lint: ## formatting, linters, the contract's own lint and its breaking changes
	$(LINT) run ./...
	$(LINT) fmt --diff ./...
	cd tools && go tool -modfile=lint/go.mod golangci-lint run ./...
	$(BUF) format --diff --exit-code
	$(BUF) lint
	$(BUF) breaking --against proto/contract.binpb

.PHONY: vulns
vulns: ## look for called code with a known advisory, in the dated copy of the Go vulnerability database
	go run -C tools ./vulns

.PHONY: vulns-refresh
vulns-refresh: ## make the copy of the advisories anew, from the Go module proxy
	go run -C tools ./vulns -refresh

.PHONY: fmt
fmt: ## format everything
	$(LINT) fmt ./...
	$(BUF) format -w

.PHONY: generate
generate: ## make gen/ from proto/
	$(BUF) generate

.PHONY: release-contract
release-contract: ## make today's contract the one that later ones must not break
	$(BUF) build -o proto/contract.binpb

.PHONY: check
check: lint vulns rooms words commits test race fuzz mutants engines e2e ## everything; CI runs .ci/run
