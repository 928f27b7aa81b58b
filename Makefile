# The few commands that everything starts with. Each installs what is missing (Debian 12, root or sudo), builds
# what is out of date, and does its thing.

JOBS ?= $(shell nproc)
BUILD = build/release

.PHONY: all build demo test peers bench format check clean

all: build

$(BUILD)/build.ninja: CMakePresets.json
	@tools/bootstrap.sh
	@cmake --preset release >/dev/null

# The program: build/release/bin/ebb
build: $(BUILD)/build.ninja
	@cmake --build --preset release -j $(JOBS) --target ebb

# The main job on the shipped model, in a few minutes.
demo: build
	@tools/demo.sh

# All tests but the long ones.
test: $(BUILD)/build.ninja
	@cmake --build --preset release -j $(JOBS)
	@HDF5_PLUGIN_PATH=$${HDF5_PLUGIN_PATH:-$$(tools/peers.sh --path)} ctest --preset release --progress -j $(JOBS)

# Real SZ3 from the Python registry, into build/peers, for `make test` and for comparisons.
peers:
	@tools/peers.sh

# Figures for README and docs/performance.md, each beside its physical limit.
bench: build
	@bench/run.sh

# What reviewers would ask for first.
check:
	@tools/bootstrap.sh tools/packages.txt tools/packages-ci.txt
	@tools/check_includes.sh
	@git ls-files '*.cc' '*.h' | xargs clang-format --dry-run -Werror

format:
	@tools/bootstrap.sh tools/packages.txt tools/packages-ci.txt
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

clean:
	rm -rf build
