#!/usr/bin/env bash
# Checks that every folder of src/ includes only what docs/architecture.md allows it to.
# A line "folder: may use". A folder may always use itself.
set -euo pipefail
cd "$(dirname "$0")/.."

rules='
base:
arch: base
checkpoint: base arch
codec: base
peers: base codec
container: base
packed: base arch codec peers container
pack: base arch checkpoint codec peers container packed
kernels: base codec
offload: base container
model: base arch kernels
text: base
engine: base arch checkpoint codec peers container packed kernels offload model text
api: base arch checkpoint codec peers container packed pack kernels offload model text engine
grade: base
stats: base
eval: base arch codec peers container packed kernels offload model text engine grade stats
study: base arch checkpoint codec peers container packed pack kernels offload model text engine grade stats eval
cli: *
'

failed=0
for folder in src/*/; do
  module=$(basename "$folder")
  if ! line=$(grep -E "^$module:" <<<"$rules"); then
    echo "src/$module has no line in tools/check_includes.sh"
    failed=1
    continue
  fi
  allowed=" $module ${line#*:} "
  [[ $allowed == *" * "* ]] && continue
  while IFS=: read -r file number included; do
    used=${included%%/*}
    [ -d "src/$used" ] || continue  # another library's header
    if [[ $allowed != *" $used "* ]]; then
      echo "$file:$number: $module may not include $included"
      failed=1
    fi
  done < <(grep -rnoE --include='*.h' --include='*.cc' '^#include "[^"/]+/[^"]+"' "$folder" |
           sed -E 's/#include "([^"]+)"/\1/')
done

# Below cli/ and serve/ nothing prints or exits.
if grep -rnE --include='*.h' --include='*.cc' '\b(std::cout|std::cerr|printf\(|fmt::print\(|std::exit\(|exit\()' \
     src --exclude-dir=cli --exclude-dir=serve | grep -vE 'snprintf|src/base/error.cc'; then
  echo "only src/cli may print or exit"
  failed=1
fi
exit $failed
