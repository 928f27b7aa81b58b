#!/usr/bin/env bash
# Ebb beside a llama.cpp-family program on this machine: the same architecture's shape, the same memory.
#
#   bench/peer.sh FILE.ebb [--memory "none 6GiB 4GiB 2GiB"] [--runs 5] [--prompt 64] [--new 16]
#                 [--peer LLAMA_BENCH --gguf FILE.gguf]
#
# LLAMA_BENCH is the peer's own benchmark program. It maps its file, so that its memory is the page cache: a memory
# control group (root, version 1 or 2) holds that to the same cap, and the file's pages are dropped before each run.
# Without a peer, only our side is measured. Needs jq. Let nothing else run meanwhile.
set -euo pipefail

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
[ $# -ge 1 ] || usage
file=$1
shift
caps="none 6GiB 4GiB 2GiB"
runs=5
prompt=64
new=16
peer=
gguf=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --memory) caps=$2 ;;
    --runs) runs=$2 ;;
    --prompt) prompt=$2 ;;
    --new) new=$2 ;;
    --peer) peer=$2 ;;
    --gguf) gguf=$2 ;;
    *) usage ;;
  esac
  shift 2
done
ebb=$(cd "$(dirname "$0")/.." && pwd)/build/release/bin/ebb
[ -x "$ebb" ] || { echo "peer.sh: build ebb first: make build" >&2; exit 1; }
command -v jq >/dev/null || { echo "peer.sh: jq is missing: apt-get install jq" >&2; exit 1; }
[ -z "$peer" ] || [ -n "$gguf" ] || { echo "peer.sh: --peer needs --gguf" >&2; exit 2; }

bytes_of() { numfmt --from=auto "${1%B}"; }  # 4GiB -> 4294967296

# A control group that holds what runs in it, page cache included, to a cap.
group=
make_group() {
  local cap=$1 root=/sys/fs/cgroup
  if [ -f "$root/cgroup.controllers" ]; then
    group=$root/ebb-peer.$$
    mkdir "$group"
    echo "$cap" >"$group/memory.max"
    echo 0 >"$group/memory.swap.max" 2>/dev/null || true
  elif [ -d "$root/memory" ]; then
    group=$root/memory/ebb-peer.$$
    mkdir "$group"
    echo "$cap" >"$group/memory.limit_in_bytes"
  else
    echo "peer.sh: no memory control group here: the peer cannot be held to $cap bytes" >&2
    exit 1
  fi
}
remove_group() {
  [ -z "$group" ] || rmdir "$group" 2>/dev/null || true
  group=
}
trap remove_group EXIT

# The peer's tokens a second, and the bytes that it read from the disk: "PREFILL DECODE BYTES".
run_peer() {
  local cap=$1 out pid read=0 now
  out=$(mktemp)
  sync
  dd of="$gguf" oflag=nocache conv=notrunc,fdatasync count=0 status=none
  if [ "$cap" != none ]; then make_group "$(bytes_of "$cap")"; fi
  (
    if [ -n "$group" ]; then echo $BASHPID >"$group/cgroup.procs"; fi
    exec "$peer" -m "$gguf" -p "$prompt" -n "$new" -r 1 -t "$(nproc)" -o json
  ) >"$out" 2>/dev/null &
  pid=$!
  while kill -0 $pid 2>/dev/null; do
    now=$(awk '/^read_bytes/ {print $2}' /proc/$pid/io 2>/dev/null || true)
    [ -z "$now" ] || read=$now
    sleep 0.1
  done
  wait $pid || { echo "peer.sh: $peer failed: run it by hand with -m $gguf" >&2; exit 1; }
  remove_group
  jq -r --argjson read "$read" \
    '[(map(select(.n_gen == 0))[0].avg_ts), (map(select(.n_prompt == 0))[0].avg_ts), $read] | map(tostring) | join(" ")' "$out"
  rm -f "$out"
}
median() { sort -g | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

echo "| memory | program | file GB | prefill tokens/s (cold) | decode tokens/s | MB read a token of decode |"
echo "|---|---|---|---|---|---|"
for cap in $caps; do
  # Interleaved: a run of ours, a run of theirs.
  ours=$(mktemp)
  theirs=$(mktemp)
  for _ in $(seq "$runs"); do
    "$ebb" bench generate --input "$file" --memory "$cap" --runs 1 --prompt-tokens "$prompt" -n "$new" --json |
      jq -r '.results[0] | [.prefill.tokens_per_second, .decode.tokens_per_second, .decode.ledger_a_token.bytes_read] | map(tostring) | join(" ")' >>"$ours"
    if [ -n "$peer" ]; then run_peer "$cap" >>"$theirs"; fi
  done
  row() {  # NAME FILE MEASURED DIVISOR-OF-BYTES
    printf '| %s | %s | %.2f | %.2f | %.2f | %.0f |\n' "$cap" "$1" "$(($(stat -c %s "$2") / 10000000))e-2" \
      "$(cut -d' ' -f1 "$3" | median)" "$(cut -d' ' -f2 "$3" | median)" \
      "$(cut -d' ' -f3 "$3" | awk -v d="$4" '{print $1 / d / 1e6}' | median)"
  }
  row ebb "$file" "$ours" 1
  # The peer's bytes are those of prefill and decoding together.
  if [ -n "$peer" ]; then row "$(basename "$peer") (bytes of the prompt included)" "$gguf" "$theirs" "$new"; fi
  rm -f "$ours" "$theirs"
done
