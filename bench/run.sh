#!/usr/bin/env bash
# The figures of README and docs/performance.md, measured anew on this machine: build/bench/*, and the tables of
# docs/performance.md. Let nothing else run meanwhile. EBB_BENCH_MOONLIGHT=FOLDER adds the model of Moonlight's real
# size: 32 GB of random weights and 7.6 GB of .ebb are made there, unless they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/bench
ebb=build/release/bin/ebb
command -v jq >/dev/null || { echo "run.sh: jq is missing: apt-get install jq" >&2; exit 1; }
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
json() {  # NAME COMMAND...: keeps the JSON, for bench/tables.sh
  local name=$1
  shift
  printf '\n$ %s\n' "$*"
  "$@" --json >"$out/$name.json"
}
json codec "$ebb" bench codec --codecs ebb:fast --rates 0.05 0.2 0.4 0.8 --runs 15
measure codec_arith "$ebb" bench codec --codecs ebb:fast --rates 0.05 0.2 0.4 0.8 --input models/ebb-arith
json gemv "$ebb" bench gemv
measure kernels build/release/bin/kernels_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only
"$ebb" compress models/ebb-arith -o "$out/ebb-arith.ebb" | sed "s|$out/||"
for i in 1 2 3 4 5; do
  "$ebb" run "$out/ebb-arith.ebb" --chat --memory 10MiB -n 160 --json \
    -p "Give the answer after ####. Anna has 58 toys. She gives 6 toys to each of 4 friends. How many are left?"
done >"$out/run_arith.jsonl"
sed -E 's/.*"decode_tokens_per_second":([0-9.]+).*"peak_rss_bytes":([0-9]+).*/run ebb-arith under 10 MiB: \1 tokens\/s, peak RSS \2 bytes/' "$out/run_arith.jsonl"

# Four layers of Moonlight's shape, everything in memory: encoded, and as bf16.
four=$out/moonlight-4
[ -d "$four" ] || build/release/bin/ebb_synthetic --layers 4 -o "$four"
[ -f "$four.ebb" ] || "$ebb" compress "$four" -o "$four.ebb" --bound like:rtn4 --dense-bound like:rtn4
json generate4 "$ebb" bench generate --input "$four.ebb" --memory none 4GiB --sequences 1 16
json generate4_bf16 "$ebb" bench generate --input "$four" --sequences 1 16
if [ -n "${EBB_BENCH_MOONLIGHT:-}" ]; then
  whole=$EBB_BENCH_MOONLIGHT/moonlight
  if [ ! -f "$whole.ebb" ]; then
    [ -d "$whole" ] || build/release/bin/ebb_synthetic -o "$whole"
    "$ebb" compress "$whole" -o "$whole.ebb" --bound like:rtn4 --dense-bound like:rtn4
  fi
  json generate "$ebb" bench generate --input "$whole.ebb" --memory 900MiB 2GiB 4GiB 6GiB none 12GiB
fi
bench/tables.sh
