#!/usr/bin/env bash
# Every figure of README and docs/performance.md, measured anew on this machine: build/bench/*.txt.
# Let nothing else run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/bench
ebb=build/release/bin/ebb
mkdir -p "$out"
cmake --build --preset release --target kernels_bench >/dev/null

measure() {  # NAME COMMAND...: shows the output and keeps it
  local name=$1
  shift
  printf '\n$ %s\n' "$*"
  "$@" | tee "$out/$name.txt"
}

{
  date -u +%F
  grep -m1 'model name' /proc/cpuinfo | sed 's/.*: //'
  echo "$(nproc) processors, $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), $(. /etc/os-release && echo "$PRETTY_NAME")"
} | tee "$out/machine.txt"
measure codec "$ebb" bench codec --codecs ebb:fast --rates 0.05 0.2 0.4 0.8 --runs 15
measure codec_arith "$ebb" bench codec --codecs ebb:fast --rates 0.05 0.2 0.4 0.8 --input models/ebb-arith
measure gemv "$ebb" bench gemv
measure kernels build/release/bin/kernels_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only
"$ebb" compress models/ebb-arith -o "$out/ebb-arith.ebb" | sed "s|$out/||"
for i in 1 2 3 4 5; do
  "$ebb" run "$out/ebb-arith.ebb" --chat --memory 10MiB -n 160 --json \
    -p "Give the answer after ####. Anna has 58 toys. She gives 6 toys to each of 4 friends. How many are left?"
done >"$out/run_arith.jsonl"
sed -E 's/.*"decode_tokens_per_second":([0-9.]+).*"peak_rss_bytes":([0-9]+).*/run ebb-arith under 10 MiB: \1 tokens\/s, peak RSS \2 bytes/' "$out/run_arith.jsonl"
