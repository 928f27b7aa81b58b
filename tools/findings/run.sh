#!/usr/bin/env bash
# run.sh MODEL FOLDER: the studies behind docs/findings.md for one model: the paper's preset (FOLDER/study.toml), many draws (FOLDER/draws/study.toml, draws.toml), plans (FOLDER/plans, plans.py).
# May be killed and started again. EBB is the program; one that was built with SZ3 measures SZ3, too (docs/codecs.md).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ebb=${EBB:-$here/../../build/release/bin/ebb}
[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
model=$(realpath "$1") folder=$2
mkdir -p "$folder/draws"
if [ ! -f "$folder/study.toml" ]; then
  "$ebb" study init --preset paper --model "$model" -o "$folder/study.toml"
fi
if [ ! -f "$folder/draws/study.toml" ]; then
  # The bounds at which ebb:fast takes as many bytes as each quantizer are in the preset.
  bounds=$(grep -o '"ebb:fast,rel:[0-9.]*"' "$folder/study.toml" | sort -u | sed 's/"ebb:fast,\(.*\)"/["ebb:fast+dither,\1"], /' | tr -d '\n')
  layers=$(sed -n '/^name = "map"/,/^layers/s/^layers = //p' "$folder/study.toml")
  sed -e "s|MODEL|$model|" -e "s|BOUNDS|$bounds|" -e "s|LAYERS|$layers|" "$here/draws.toml" >"$folder/draws/study.toml.new"
  if "$ebb" codec list | grep -q '^sz3:interp.* not available'; then
    sed -i 's/, "sz3:interp-lorenzo+dither"//' "$folder/draws/study.toml.new"
  fi
  mv "$folder/draws/study.toml.new" "$folder/draws/study.toml"
fi
for study in "$folder" "$folder/draws"; do
  "$ebb" study run "$study/study.toml"
  "$ebb" study report "$study/study.toml" -o "$study/report"
done
python3 "$here/plans.py" --ebb "$ebb" "$model" "$folder/study.toml" "$folder/plans"
