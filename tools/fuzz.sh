#!/usr/bin/env bash
# Runs every fuzz target for some seconds each, starting from its committed corpus.
# Usage: tools/fuzz.sh [SECONDS [TARGET ...]]   (default: 600 s, all targets)
# New inputs go to build/fuzz/corpus/TARGET; a crash leaves its input in build/fuzz/crashes/ and ends the run with an error.
# Put what was found into fuzz/corpus/ (named found_...) when it is mended: `make test` replays it for ever.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
shift || true

cmake --preset fuzz >/dev/null
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in fuzz/*_fuzz.cc; do targets+=("$(basename "$source" .cc)"); done
fi
cmake --build --preset fuzz --target "${targets[@]}"
mkdir -p build/fuzz/crashes
for target in "${targets[@]}"; do
  name=${target%_fuzz}
  mkdir -p "build/fuzz/corpus/$name"
  echo "$target: $seconds s"
  dictionary=()
  case $name in safetensors | model_config | checkpoint | tokenizer_json | chat) dictionary=(-dict=fuzz/json.dict) ;; esac
  "build/fuzz/bin/$target" "build/fuzz/corpus/$name" "fuzz/corpus/$name" "${dictionary[@]}" \
    -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/crashes/ -verbosity=0 2>&1 | grep -E 'ERROR|SUMMARY|Test unit|stat::number_of_executed|stat::new_units' || true
  if compgen -G "build/fuzz/crashes/*" >/dev/null; then
    echo "$target found something: $(ls build/fuzz/crashes)"
    exit 1
  fi
done
