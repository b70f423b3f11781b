# Everything there is to do here; `make` alone lists it. CI runs .ci/run.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LINT     := bin/golangci-lint-v2.15.0
VULN     := bin/govulncheck-v1.8.0
FUZZTIME ?= 10s
SIZES    ?= 100 10000 100000
IMAGE    ?= git-sync
PLATFORM ?=
TARGET   ?=
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# Without user and password.
SOURCE   ?= $(shell git config --get remote.origin.url 2>/dev/null | sed 's|//[^/]*@|//|')

# The modules: the product, and those under test/ whose heavy dependencies the product must not have.
MODULES := $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path './.cache/*'))

# Run a command in each module; all of them are tried, and one failure is enough to fail.
each_module = failed=; for m in $(MODULES); do (cd $$m && $(1)) || failed="$$failed $$m"; done; \
	[ -z "$$failed" ] || { echo "failed: $(firstword $(1)) in$$failed" >&2; exit 1; }

# The binary says its own version; the stamp that go would put in fails where .git belongs to another user.
export GOFLAGS ?= -buildvcs=false
export GOTOOLCHAIN ?= local

# Go wants a home to keep its caches in; a user without one (a container's, say) gets one here.
ifneq ($(shell test -d "$${HOME:-}" -a -w "$${HOME:-}" && echo yes),yes)
export GOPATH  ?= $(CURDIR)/.cache/go
export GOCACHE ?= $(CURDIR)/.cache/build
endif

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## build bin/git-sync, static and stripped
	CGO_ENABLED=0 go build -tags nethttpomithttp2 -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/git-sync ./cmd/git-sync

.PHONY: demo
demo: build ## the main job on a small upstream of its own: init container, sidecar, two pushes
	@test/demo/demo.sh bin/git-sync

# Shows what go test shows, then each skipped test with its reason, each failed one again, and a line of counts. Never from go's
# cache: many tests run the program as built, of which the cache knows nothing.
gotestsum = go tool -modfile=test/tools.mod gotestsum --format standard-quiet --raw-command -- \
	$(SHELL) $(.SHELLFLAGS) '$(1)'
gotest = go test -json -count=1 -timeout=30m

# The race detector is for what runs our code in the test itself, or builds it so; for the others it would only be slower.
raced = ./cmd/... ./pkg/... ./test/gitserver ./test/many ./test/script
.PHONY: test
test: ## all tests that need no container; what is exhaustive is sampled; RACE=yes adds the race detector
	@test/in-memory.sh $(call gotestsum,$(if $(RACE), \
	  races=0; $(gotest) -race $(raced) || races=1; raced=$$(go list $(raced)); \
	  $(call each_module,$(gotest) $$(go list ./... | grep -vxF "$$raced")); exit $$races, \
	  $(call each_module,$(gotest) ./...)))

.PHONY: test-full
test-full: export GITSYNC_TEST = full
test-full: ## all of it, with the race detector
	@$(MAKE) test RACE=yes

.PHONY: check
check: fmt-check vet lint vuln test-full scripts fuzz e2e ## formatting, vet, lint, known vulnerabilities, tests, scripts, fuzzing, e2e

.PHONY: fmt
fmt: $(LINT) ## format the code
	@$(call each_module,$(CURDIR)/$(LINT) fmt --config $(CURDIR)/.golangci.yml)

.PHONY: fmt-check
fmt-check: $(LINT)
	@$(call each_module,$(CURDIR)/$(LINT) fmt --config $(CURDIR)/.golangci.yml --diff)
	@$(call each_module,go mod tidy -diff)

.PHONY: vet
vet:
	@$(call each_module,go vet ./...)

.PHONY: lint
lint: $(LINT) ## golangci-lint with the house rules of .golangci.yml
	@$(call each_module,$(CURDIR)/$(LINT) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...)

.PHONY: scripts
scripts:
	@found=$$(find . -type d \( -name .git -o -name .cache -o -path ./bin \) -prune -o -type f -size -200k -print | while read -r f; do \
	  head -n 1 "$$f" | grep -aqE '^#!.*\<(ba|da)?sh\>' && echo "$$f"; done || true); \
	if command -v shellcheck >/dev/null; then printf '%s\n' $$found | xargs -r shellcheck --external-sources; \
	else printf '%s\n' $$found | xargs -r -n 1 bash -n; \
	  echo 'skipped: shellcheck is not installed, so scripts were only parsed (Debian package shellcheck)'; [ "$${CI:-}" != true ]; fi

.PHONY: fuzz
# One line for each that passes, all that it says for one that does not. Each has one worker, and there are as many at a time as
# there are cores: two of them take four minutes. When the time is up in the middle of an input, go calls that a failure of the
# test ("context deadline exceeded"); one that was found names the input, and says that it was written.
fuzz: ## every fuzz test for FUZZTIME (10s) each
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's|/[^/]*:func | |' | sort | xargs -P "$$(nproc)" -n 2 bash -c ' \
	  out=$$(cd "$$0" && go test -run "^$$" -fuzz "^$$1$$" -fuzztime $(FUZZTIME) -parallel 1 . 2>&1 </dev/null) || \
	    { grep -q "^    context deadline exceeded" <<<"$$out" && ! grep -q "Failing input" <<<"$$out"; } || \
	    { echo "fuzz $$0 $$1 failed:"; echo "$$out"; exit 1; }; \
	  echo "fuzz $$0 $$1: $$(grep "^fuzz: elapsed" <<<"$$out" | tail -n 1 | cut -d, -f2-)"'

.PHONY: e2e
e2e: ## the image, driven as users do; without a container engine, the same on the binary; E2E=--all builds for arm64 too
	./e2e.sh $(E2E)

.PHONY: e2e-kubernetes
e2e-kubernetes: ## a real Kubernetes node, and the examples and the chart on it; ONLY="article chart" for some scenarios
	@test/cluster/run.sh $(ONLY)

.PHONY: vuln
vuln: ## known vulnerabilities in what is linked in; needs the Go vulnerability database
	@mkdir -p bin; \
	if ! [ -x $(VULN) ] && ! { GOBIN=$(CURDIR)/bin go install golang.org/x/vuln/cmd/govulncheck@$(patsubst bin/govulncheck-%,%,$(VULN)) && mv bin/govulncheck $(VULN); }; then \
	  echo 'skipped: govulncheck cannot be installed here'; exit 0; fi; \
	out=$$($(VULN) ./... 2>&1) && { echo "$$out"; exit 0; } || code=$$?; echo "$$out"; \
	case "$$out" in *'fetching vulnerabilities'*) echo 'skipped: the vulnerability database cannot be reached from here';; *) exit $$code;; esac

.PHONY: crash
crash: ## end git-sync at every instant (CI takes a sample)
	GITSYNC_CRASH=all go test -count=1 -timeout=3h -v ./test/crash/...

.PHONY: crash-seeds
crash-seeds: ## put known bugs into a copy of the source; each must be found
	test/crash/seeds.sh

.PHONY: git-versions
SUITES ?= bullseye bookworm trixie sid
git-versions: ## the tests that touch git, with the git of each Debian release: make git-versions SUITES="bookworm sid"
	test/versions/versions.sh $(SUITES)

.PHONY: gitea
gitea: ## the tests with a real Gitea, which is built first: more than six minutes of CPU, a C compiler; CI does not run it
	GITSYNC_GITEA=1 go test -count=1 -timeout=90m -v ./test/gitea

.PHONY: endurance
endurance: ## 2,000 updates on one root, and a minute of readers, as tables
	GITSYNC_ENDURANCE=2000 GITSYNC_READERS=1m go test -count=1 -timeout=3h -run 'TestEndurance|TestReaders' -v ./test/faults

.PHONY: bench
bench: build ## cost beside plain git's in the same run: make bench SIZES="100 10000"
	@go run ./test/bench -sizes '$(SIZES)' $(BENCH) bin/git-sync

.PHONY: docs
docs: ## write docs/options.md, its schema, and the help and the manual in cmd/git-sync from the table of options
	go test -count=1 ./pkg/config -run TestDocuments -update

.PHONY: image
# The classic builder does not know --platform for what is built FROM scratch.
image: ## build the container image: make image IMAGE=name:tag PLATFORM=linux/arm64 TARGET=minimal
	@platform='$(PLATFORM)'; args=(); \
	if [ -z "$$platform" ]; then :; elif docker buildx version >/dev/null 2>&1; then args=(--platform "$$platform"); \
	else args=(--build-arg "TARGETARCH=$${platform#linux/}" --build-arg "BASE=$$(cmd/stage-image/empty-base.sh "$${platform#linux/}")"); fi; \
	docker build "$${args[@]}" $(if $(TARGET),--target $(TARGET)) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	  --build-arg SOURCE=$(SOURCE) -t $(IMAGE) .

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist .cache

# golangci-lint is installed by go, at the one version that the rules were written for.
$(LINT):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(patsubst bin/golangci-lint-%,%,$(LINT))
	@mv bin/golangci-lint $(LINT)
