# Every recipe is one script or one command: read scripts/ for what it does.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run build test test-long lint bench attack-self screenshots setup clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

run: build ## Build, then serve the demo sales (ONSALE_ADDR, DATABASE_URL)
	@exec target/release/onsale serve --demo

build: ## Build client and server into target/ (installs the tools that are missing)
	@scripts/build.sh

test: ## Lint, Rust tests, browser tests
	@scripts/test.sh

test-long: ## The same, with the Rust tests at full scale (hours)
	@ONSALE_TEST_SCALE=long scripts/test.sh

lint: ## Formatting and clippy, both halves
	@scripts/lint.sh

bench: ## Measure the release build
	@scripts/bench.sh

attack-self: ## Attack a server on this machine as strangers would, and measure what others notice (minutes)
	@ONSALE_BENCH_ROWS=attacks,attacks-postgres ONSALE_BENCH_REPETITIONS=1 scripts/bench.sh

screenshots: ## Take the pictures of the documentation
	@scripts/screenshots.sh

setup: ## Install the tools for building and testing
	@scripts/setup.sh

clean: ## Remove everything that was built (the tools stay in the cache)
	cargo clean
	rm -rf target end2end/node_modules end2end/test-results end2end/playwright-report
