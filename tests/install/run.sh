#!/usr/bin/env bash
# Installs a build into a fresh prefix, and builds and runs a project that finds it there.
# Usage: tests/install/run.sh BUILD_DIR
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
build_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build_dir" --prefix "$work/prefix" >/dev/null
cmake -S "$source_dir/tests/install" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$work/build" >/dev/null
model="$source_dir/tests/golden/models/mixtral_plain"
"$work/prefix/bin/ebb" compress "$model" -o "$work/m.ebb" --bound lossless >/dev/null
LD_LIBRARY_PATH="$work/prefix/lib" "$work/build/uses_ebb" "$work/m.ebb" "$model"
