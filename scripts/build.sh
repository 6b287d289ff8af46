#!/usr/bin/env bash
# Builds a preset of CMakePresets.json (release by default). Prints the compiler's output only when it fails.
#
#   scripts/build.sh [PRESET]
set -euo pipefail

preset=${1:-release}
cd "$(dirname "$0")/.."
options=(-DDROPFOLD_TESTS=OFF)
if pkg-config --exists cmocka; then options=(-DDROPFOLD_TESTS=ON); fi
# A sanitizer's code makes the compiler see dangers that are none; the other builds judge warnings.
case $preset in asan | tsan) options+=(-DDROPFOLD_WERROR=OFF) ;; esac

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset "$preset" "${options[@]}" && cmake --build --preset "$preset"; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
