# `make demo` builds pgtest and shows it, `make scale-demo` in several jobs at once;
# `make install` installs it below PREFIX; `make test` checks everything.

GO ?= go
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SHAREDIR ?= $(PREFIX)/share

# The oldest Go that go.mod allows, the one that is installed, and the newest.
VERSIONS ?= go1.25.5 local go1.27.3
# What meets the go command, or package testing.
VERSIONED = ./cmd/pgtest ./harness/... ./jsonstream/...

# Tests wait more than they compute, so more packages are tested at once than
# there are processors. The target vet does what go test would do again.
TESTFLAGS ?= -vet=off -p=$$((2 * $$(getconf _NPROCESSORS_ONLN)))

# The go command, compilers and staticcheck, which collect garbage less often:
# there is memory, and all wait for the processor.
ROOMY = GOGC=400 $(GO)

.PHONY: build install uninstall demo scale-demo test fmt vet staticcheck race cross versions bench bench-real pictures

build:
	$(GO) build -o bin/pgtest ./cmd/pgtest

# The manual page and what completes command lines, where man and the shells look.
SHARED = man/man1/pgtest.1 bash-completion/completions/pgtest zsh/site-functions/_pgtest fish/vendor_completions.d/pgtest.fish

# DESTDIR is put in front of where the files go, for packages.
install: build
	mkdir -p "$(DESTDIR)$(BINDIR)"
	install -m 755 bin/pgtest "$(DESTDIR)$(BINDIR)/pgtest"
	@set -e; set -- man "completion bash" "completion zsh" "completion fish"; for file in $(SHARED); do \
		mkdir -p "$(DESTDIR)$(SHAREDIR)/$${file%/*}"; bin/pgtest tool $$1 >bin/shared; shift; \
		echo install -m 644 bin/shared "$(DESTDIR)$(SHAREDIR)/$$file"; \
		install -m 644 bin/shared "$(DESTDIR)$(SHAREDIR)/$$file"; \
	done; rm bin/shared

uninstall:
	rm -f "$(DESTDIR)$(BINDIR)/pgtest"
	for file in $(SHARED); do rm -f "$(DESTDIR)$(SHAREDIR)/$$file"; done

# The demo's tests fail on purpose, so pgtest's status must be 1.
demo: build
	cd docs/demo && ../../bin/pgtest --history=off -count=1 --junitfile ../../bin/demo.xml ./...; test $$? -eq 1
	@echo; echo '--- bin/demo.xml, the JUnit report:'; cat bin/demo.xml; echo
	@echo 'The demo worked: some of its tests fail, one panics and one leaks a process, on purpose.'

# A Slurm of its own on this machine, as root, with an array of shards.
scale-demo:
	$(GO) test ./cmd/pgtest/slurm -count=1 -v

test: fmt vet staticcheck race cross

fmt:
	@files=$$(gofmt -l cmd harness jsonstream signals docs); \
	if [ -n "$$files" ]; then echo "not in gofmt's format:"; echo "$$files"; exit 1; fi

# Packages are checked as they are compiled for the tests, so that they are not
# compiled without the race detector as well.
vet:
	$(ROOMY) vet -race ./...

# Not by go tool, which would build the program itself with the race detector.
staticcheck:
	program=$$($(ROOMY) tool -n staticcheck) && GOFLAGS="$$($(GO) env GOFLAGS) -race" GOGC=400 "$$program" ./...

# Tests see no setting of the garbage collector, so what they need is compiled
# before.
race:
	$(ROOMY) list -race -test -export ./... >/dev/null
	$(GO) test -race $(TESTFLAGS) -timeout=25m ./...

cross:
	@set -e; for os in linux darwin freebsd; do for arch in amd64 arm64; do \
		echo "GOOS=$$os GOARCH=$$arch $(GO) build ./..."; \
		GOOS=$$os GOARCH=$$arch CGO_ENABLED=0 $(ROOMY) build ./...; \
	done; done

# A version that can't be had is a failure.
versions:
	@status=0; for version in $(VERSIONS); do \
		echo "GOTOOLCHAIN=$$version $(GO) test"; \
		GOTOOLCHAIN=$$version $(GO) version && \
		GOTOOLCHAIN=$$version $(GO) test $(TESTFLAGS) -timeout=30m $(VERSIONED) || status=1; \
	done; exit $$status

# Figures over their limits make it fail, after all are printed.
bench:
	$(GO) run ./cmd/pgtest/bench

# Compares go test, gotestsum and pgtest on the module in DIR: make bench-real
# DIR=../module WORDS='-short ./...' ROUNDS=5.
DIR = .
ROUNDS = 3
WORDS = ./...

bench-real:
	$(GO) run ./cmd/pgtest/bench -rounds=$(ROUNDS) -real="$(DIR)" -- $(WORDS)

# Draws docs/live.svg and docs/report.png, and writes the README's transcript anew.
pictures:
	$(GO) run ./docs/picture
	$(GO) test ./jsonstream/report -run TestPage/picture -update
