# The checks of the project, one recipe each. `.ci/run` installs the tools and calls the same recipes.

CARGO ?= cargo

.PHONY: all fmt lint deny proto workflows test long bench deb

all: fmt proto workflows deny lint test

fmt:
	$(CARGO) fmt --check

lint:
	$(CARGO) clippy --quiet --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps --locked

# The advisories are in a repository that not every machine reaches. Then `unchecked` is printed:
# it does not mean "none".
deny:
	$(CARGO) deny --log-level error check licenses bans sources
	@if timeout 20 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then \
		$(CARGO) deny --log-level error check advisories; \
	else echo "advisories: unchecked, their repository cannot be reached"; fi

proto:
	buf lint

workflows:
	actionlint

test:
	$(CARGO) test --locked

# Minutes each, and printed figures: rolling restarts and reloads, 100,000 endpoints, a server under abuse.
long:
	$(CARGO) test --release --locked --test it -- --ignored --nocapture --test-threads=1

bench:
	$(CARGO) bench --locked

# The Debian package, with man pages and completions that the program itself writes.
deb:
	$(CARGO) build --release --locked
	mkdir -p target/generated
	target/release/labrpc man --dir target/generated/man
	target/release/labrpc completions bash > target/generated/labrpc.bash
	target/release/labrpc completions zsh > target/generated/_labrpc
	target/release/labrpc completions fish > target/generated/labrpc.fish
	$(CARGO) deb --locked --no-build
