#!/usr/bin/env bash
# Puts what bench/run.sh measured (build/bench/*.json) as tables into docs/performance.md, between the marks
# <!-- NAME --> and <!-- end -->. What was not measured stays as it is. Needs jq.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/bench
page=docs/performance.md

codec() {
  echo '| weights | rate | bits a weight | / H0 | encode | decode to codes | to bf16 | RAM, bf16 | codes / RAM | bf16 / RAM |'
  echo '|---|---|---|---|---|---|---|---|---|---|'
  jq -r 'def r(n): . * pow(10; n) | round / pow(10; n) | tostring;
    .results[] | select(.codec == "ebb:fast") |
    [.input, (.rate | tostring), (.bits_per_weight | r(3)), (.bits_over_entropy | r(4)), (.encode_weights_per_second / 1e9 | r(3)),
     (.decode_codes_weights_per_second / 1e9 | r(2)), (.decode_bf16_weights_per_second / 1e9 | r(2)),
     (.ram_bf16_weights_per_second / 1e9 | r(2)), (.decode_codes_over_ram | r(2)), (.decode_bf16_over_ram | r(2))] |
    "| " + join(" | ") + " |"' "$out/codec.json"
}

gemv() {
  jq -r 'def r(n): . * pow(10; n) | round / pow(10; n) | tostring;
    (.results | map(.rows) | unique) as $rows |
    "| matrix | bits a weight | " + ($rows | map(tostring + (if . == 1 then " row" else " rows" end) + " | / RAM") | join(" | ")) + " |",
    "|---|---|" + ($rows | map("---|---|") | join("")),
    (.results | group_by(.matrix) | sort_by(-.[0].bits_per_weight)[] |
      "| " + .[0].matrix + " | " + (.[0].bits_per_weight | r(2)) + " | " +
      (map((.weights_per_second / 1e9 | r(2)) + " | " + (.over_ram | r(2))) | join(" | ")) + " |")' "$out/gemv.json"
}

generate() {  # FILE.json
  echo '| memory | sequences | peak RSS, GB | prefill tokens/s | decode tokens/s (range) | wall / limit | hits | hot | MB read a token |'
  echo '|---|---|---|---|---|---|---|---|---|'
  jq -r 'def r(n): . * pow(10; n) | round / pow(10; n) | tostring;
    .results[] | .decode.ledger_a_token as $t |
    [(if .cap_bytes then (.cap_bytes / 1073741824 | r(1)) + " GiB" else "no cap" end), (.sequences | tostring),
     (.peak_rss_bytes / 1e9 | r(2)), (.prefill.tokens_per_second | r(1)),
     (.decode.tokens_per_second | r(2)) + " (" + (.decode.least | r(2)) + " to " + (.decode.largest | r(2)) + ")",
     (.decode.wall_over_limit | r(2)),
     (if $t.requests > 0 then 100 * $t.hits / $t.requests | r(0) else "100" end) + " %",
     (if $t.requests > 0 then 100 * $t.hot_hits / $t.requests | r(0) else "0" end) + " %",
     ($t.bytes_read / 1e6 | r(0))] | "| " + join(" | ") + " |"' "$1"
}

table() {  # NAME COMMAND...
  local name=$1 content
  shift
  [ -f "$out/$name.json" ] || return 0
  content=$(mktemp)
  "$@" >"$content"
  awk -v mark="<!-- $name -->" -v content="$content" '
    $0 == mark { print; while ((getline line < content) > 0) print line; skipping = 1; next }
    skipping && $0 == "<!-- end -->" { skipping = 0 }
    !skipping' "$page" >"$page.new"
  mv "$page.new" "$page"
  rm -f "$content"
}

table codec codec
table gemv gemv
for file in "$out"/generate*.json; do
  [ -f "$file" ] && table "$(basename "$file" .json)" generate "$file"
done
