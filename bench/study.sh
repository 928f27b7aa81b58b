#!/usr/bin/env bash
# How long studies take on this machine, for docs/study.md: the paper's preset on the shipped model, and one rank of one
# thread against two on a part of it, three times in turn. Let nothing else run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
ebb=$PWD/build/release/bin/ebb
out=build/bench/study
rm -rf "$out"
mkdir -p "$out"

"$ebb" study init --preset paper --model models/ebb-arith -o "$out/paper/study.toml"
time "$ebb" study run "$out/paper/study.toml"

for run in 1 2 3; do
  for ranks in 1 2; do
    folder=$out/ranks-$ranks-$run
    mkdir -p "$folder"
    cat >"$folder/study.toml" <<TOML
version = 1
model = "$PWD/models/ebb-arith"
database = "study.sqlite"
[[data]]
name = "arith"
task = "arith"
file = "$PWD/models/ebb-arith/heldout.jsonl"
limit = 60
new_tokens = 160
kl_items = 60
[[experiment]]
name = "T7"
data = "arith"
measure = ["kl", "inside", "accuracy"]
codecs = ["noise:normal"]
bounds = ["rel:0.3", "rel:0.5", "rel:0.8"]
layers = ["1-5", "4-8", "7-11"]
experts = ["top1"]
seeds = [1, 2, 3, 4, 5]
compare = "layers"
TOML
    start=$(date +%s.%N)
    mpirun --allow-run-as-root --bind-to core -n "$ranks" "$ebb" study run "$folder/study.toml" --threads 1
    awk -v a="$start" -v b="$(date +%s.%N)" -v n="$ranks" 'BEGIN { printf "ranks %d: %.1f s\n", n, b - a }'
    "$ebb" study status "$folder/study.toml" --hash | tail -n 1
  done
done
