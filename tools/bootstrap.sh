#!/usr/bin/env bash
# Installs the Debian packages that are missing; does nothing when all are there.
# Usage: tools/bootstrap.sh [LIST ...]   (default: tools/packages.txt)
set -euo pipefail
cd "$(dirname "$0")/.."
lists=("$@")
[ ${#lists[@]} -gt 0 ] || lists=(tools/packages.txt)

if ! command -v dpkg-query >/dev/null; then
  echo "This machine has no dpkg. Install the equivalents of: $(grep -hv '^#' "${lists[@]}" | xargs)" >&2
  exit 1
fi
missing=()
for package in $(grep -hv '^#' "${lists[@]}"); do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Installing Debian packages: ${missing[*]}"
as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Neither root nor sudo. As root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
