#!/usr/bin/env bash
# Fetches codecs that Ebb is compared with and that Debian does not package: SZ3, as the HDF5 filter of the hdf5plugin
# wheel, into a virtual environment under build/peers. Nothing of it is needed to build or to use Ebb.
# Usage: tools/peers.sh          fetches it, and says how to use it
#        tools/peers.sh --path   prints the filter's folder for HDF5_PLUGIN_PATH; nothing if it was not fetched
set -euo pipefail
cd "$(dirname "$0")/.."
plugins() {
  local folders=(build/peers/lib/python3*/site-packages/hdf5plugin/plugins)
  [ ! -d "${folders[0]}" ] || echo "$PWD/${folders[0]}"
}

if [ "${1:-}" = --path ]; then
  plugins
  exit 0
fi
if [ -z "$(plugins)" ]; then
  rm -rf build/peers
  if ! python3 -m venv build/peers; then
    rm -rf build/peers
    echo "Python cannot make a virtual environment here: apt-get install python3-venv" >&2
    exit 1
  fi
  build/peers/bin/pip install --quiet --disable-pip-version-check --no-deps 'hdf5plugin==7.1.0'
fi
echo "SZ3 is there. For ebb to find it:"
echo "  export HDF5_PLUGIN_PATH=$(plugins)"
