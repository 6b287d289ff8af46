#!/usr/bin/env bash
# Installs what is missing, builds with warnings as errors, runs every test, and ends with what failed, why, and the sums.
#
#   scripts/test.sh                            the release build: unit tests, include rules, flow tests; the short forms
#                                              of the fault tests and of fuzzing; a few tests under valgrind; the lines
#                                              of src/ that tests reach
#   scripts/test.sh PRESET [-k PATTERN]...     another preset (debug, asan, tsan): unit tests, and of the flow tests those
#                                              that match
#   scripts/test.sh --compose                  only compose.yaml, on a Docker Engine and as root; else it is skipped
#
# The long forms are scripts/torture.sh, scripts/valgrind.sh and tests/fuzz/run.py --runs.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ "${1-}" = -h ] || [ "${1-}" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi
if [ "${1-}" = --compose ]; then
    shift
    command -v python3 >/dev/null || scripts/setup.sh demo
    exec tests/compose/run.py "$@"
fi
whole=no
if [ $# -eq 0 ]; then whole=yes; fi
preset=release
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    preset=$1
    shift
fi
build=build
if [ "$preset" != release ]; then build=build/$preset; fi

scripts/setup.sh tests
echo "test.sh: builds $preset"
began=$SECONDS
scripts/build.sh "$preset"
echo "test.sh: built in $((SECONDS - began)) s"

# A sanitizer's report must not pass for an exit code that some test expects.
export ASAN_OPTIONS=exitcode=99 TSAN_OPTIONS="exitcode=99:halt_on_error=1:suppressions=$PWD/tests/tsan.supp" UBSAN_OPTIONS=print_stacktrace=1

# Of each kind the cheapest: those with sums, arenas, chunks, a store, an engine.
under_valgrind=(base_arena base_hash base_text model_batch model_chunk store_open store_read engine_parts)

failed=0
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT
stages=()

# stage WHAT COMMAND...: runs it and keeps what it prints.
stage() {
    local what=$1 at=$SECONDS code=0
    shift
    echo "test.sh: $what"
    "$@" 2>&1 | tee "$kept/$what" || code=$?
    [ "$code" -eq 0 ] || failed=1
    stages+=("$code:$kept/$what")
    echo "test.sh: $what took $((SECONDS - at)) s"
}

units() {
    ctest --test-dir "$build" -LE flow -j "$((3 * $(nproc)))" --output-on-failure --output-junit "$kept/unit.xml"
}

stage 'unit tests and include rules' units
stage 'flow tests' tests/flow/run.py --binary "$build/dropfold" "$@"
if [ "$whole" = yes ]; then
    stage 'fault tests' tests/crash/run.py --binary "$build/dropfold"
    stage 'valgrind' scripts/valgrind.sh "${under_valgrind[@]}"
    stage 'fuzzing' tests/fuzz/run.py
    stage 'lines reached' scripts/coverage.sh
fi

scripts/test_end.py "$((SECONDS - began))" "$kept/unit.xml" "${stages[@]}"
exit "$failed"
