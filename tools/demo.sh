#!/usr/bin/env bash
# The main job on the shipped model: compress, verify, and answer under a cap smaller than the decoded experts.
set -euo pipefail
cd "$(dirname "$0")/.."
ebb=build/release/bin/ebb
checkpoint=models/ebb-arith
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
file=$work/ebb-arith.ebb

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'; else bold='' dim='' off=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$1" "$off"; }
field() { sed -E "s/.*\"$1\":([^,}]*).*/\1/"; }  # of one-line JSON
command_line() { printf '%s$ %s%s\n' "$dim" "$1" "$off"; }

step "1. Compress a trained Mixture-of-Experts model: every expert weight within 0.2 x its expert's mean magnitude"
command_line "ebb compress $checkpoint -o ebb-arith.ebb --bound rel:0.2"
$ebb compress "$checkpoint" -o "$file" --bound rel:0.2 | sed "s|$work/||"

step "2. Verify every weight against its bound, from the original"
command_line "ebb verify ebb-arith.ebb --against $checkpoint"
$ebb verify "$file" --against "$checkpoint"

step "3. Sizes of the routed experts"
json=$($ebb compress "$checkpoint" -o "$work/again.ebb" --bound rel:0.2 --json)
cmp -s "$file" "$work/again.ebb" || { echo "two compressions differ"; exit 1; }
weights=$(field weights <<<"$json")
awk -v weights="$weights" -v bytes="$(field expert_bytes <<<"$json")" -v entropy="$(field entropy_bits_per_weight <<<"$json")" '
  function bar(x) { s = ""; for (i = 0; i < x * 2; i++) s = s "█"; return s }
  BEGIN {
    bits = bytes * 8 / weights
    printf "  bf16               %6.2f MB  16.00 bits a weight  %s\n", weights * 2 / 1e6, bar(16)
    printf "  .ebb               %6.2f MB  %5.2f bits a weight  %s\n", bytes / 1e6, bits, bar(bits)
    printf "  entropy of codes   %6.2f MB  %5.2f bits a weight  %s\n", weights * entropy / 8e6, entropy, bar(entropy)
  }'

decoded=$((weights))  # one byte a weight
cap=$((decoded * 3 / 4 + 6 * 1024 * 1024))
step "4. Answer five held-out problems with a hard cap on memory: decoded, the experts alone would take $((decoded / 1024)) KiB as bytes, $((weights * 2 / 1024)) KiB as bf16"
command_line "ebb run ebb-arith.ebb --chat --memory $((cap / 1024))KiB -p PROBLEM"
right=0
for i in 1 2 3 4 5; do
  line=$(sed -n "$((i * 7))p" "$checkpoint/heldout.jsonl")
  prompt=$(sed -E 's/.*"prompt": "(([^"\\]|\\.)*)".*/\1/' <<<"$line")
  prompt=${prompt//\\\"/\"} && prompt=${prompt//\\\\/\\}  # of JSON, whose \" and \\ are all that these problems use
  answer=$(sed -E 's/.*"answer": (-?[0-9]+).*/\1/' <<<"$line")
  text=$($ebb run "$file" --chat --memory "$((cap / 1024))KiB" -n 160 -p "$prompt" 2>/dev/null)
  printf '\n  %s%s%s\n' "$dim" "$(fold -s -w 110 <<<"$prompt" | sed '2,$s/^/  /')" "$off"
  printf '  %s\n' "$(fold -s -w 110 <<<"$text" | sed '2,$s/^/  /')"
  if [[ $text =~ (boxed\{|\#\#\#\#\ |answer\"?:\ )$answer([^0-9]|$) ]]; then
    right=$((right + 1))
    printf '  %s✓ %s%s\n' "$bold" "$answer" "$off"
  else
    printf '  ✗ the answer is %s\n' "$answer"
  fi
done

json=$($ebb run "$file" --chat --memory "$((cap / 1024))KiB" -n 160 -p "$prompt" --json)
hits=$(field hits <<<"$json")
requests=$(field requests <<<"$json")
step "$right of 5 right. Of the last problem:"
awk -v tps="$(field decode_tokens_per_second <<<"$json")" -v hits="$hits" -v requests="$requests" \
    -v read="$(field bytes_read <<<"$json")" -v rss="$(field peak_rss_bytes <<<"$json")" -v cap="$cap" 'BEGIN {
  printf "  %.0f tokens a second;  %.1f %% of %d expert requests were in memory, %.2f MB read from the file\n", tps, 100 * hits / requests, requests, read / 1e6
  printf "  peak RSS %.1f MiB of the whole process, under a cap of %.1f MiB for the model\n", rss / 1048576, cap / 1048576
}'
