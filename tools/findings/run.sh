#!/usr/bin/env bash
# run.sh MODEL FOLDER: the studies behind docs/findings.md for one model: the paper's preset and more.toml, in FOLDER/study.toml.
# May be killed and started again. EBB is the program; one that was built with SZ3 measures SZ3, too (docs/codecs.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ebb=${EBB:-$here/../../build/release/bin/ebb}
[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
model=$1 folder=$2
heldout=$here/../../models/ebb-arith/heldout.jsonl
if [ ! -f "$folder/study.toml" ]; then
  mkdir -p "$folder"
  "$ebb" study init --preset paper --model "$model" --data "$heldout" -o "$folder/study.toml.new"
  # The bounds at which the codec takes as many bytes as each quantizer are in the preset; here with several draws.
  bounds=$(grep -o '"ebb:fast,rel:[0-9.]*"' "$folder/study.toml.new" | sort -u | sed 's/"ebb:fast,\(.*\)"/["ebb:fast+dither,\1"]/' | paste -sd, | sed 's/,\[/, [/g')
  {
    cat "$folder/study.toml.new" "$here/more.toml"
    printf '\n[[experiment]]\nname = "bytes-draws"\nabout = "The bounds of equal bytes, with five draws of the rounding"\ndata = "arith"\n'
    printf 'measure = ["kl", "accuracy"]\ninject = [%s]\nseeds = [1, 2, 3, 4, 5]\ncompare = "baseline"\n' "$bounds"
  } >"$folder/study.toml.all"
  rm "$folder/study.toml.new"
  if "$ebb" codec list | grep -q '^sz3:interp.* not available'; then
    sed -i 's/, "sz3:interp-lorenzo+dither"//' "$folder/study.toml.all"
  fi
  mv "$folder/study.toml.all" "$folder/study.toml"
fi
"$ebb" study run "$folder/study.toml"
"$ebb" study tables "$folder/study.toml" -o "$folder/tables"
"$ebb" study report "$folder/study.toml" -o "$folder/report"
