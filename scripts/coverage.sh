#!/usr/bin/env bash
# Builds the coverage preset, runs the unit tests and the flow tests against it, and prints how many lines of src/ they
# reach. Fails when a test fails or too few lines are reached.
#
#   scripts/coverage.sh                     everything but the flow tests that are another's in PostgreSQL, then the table
#   scripts/coverage.sh -k PATTERN...       of the flow tests those that match
#   scripts/coverage.sh --missing [PATH]... the last run's lines that nothing reached, of files whose path has such a part
#
# A process that is killed, or ends by _exit, leaves no counts: what it did is not in the sums.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ "${1-}" = -h ] || [ "${1-}" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi
build=build/coverage
if [ "${1-}" = --missing ]; then
    exec scripts/coverage_table.py "$build" "$@"
fi

scripts/setup.sh tests
began=$SECONDS
scripts/build.sh coverage
find "$build" -name '*.gcda' -delete
failed=0
ctest --test-dir "$build" -LE flow -j "$((2 * $(nproc)))" --output-on-failure >"$build/unit.log" 2>&1 || { cat "$build/unit.log"; failed=1; }
tests/flow/run.py --binary "$build/dropfold" --without InPostgres "$@" >"$build/flow.log" 2>&1 || { cat "$build/flow.log"; failed=1; }
scripts/coverage_table.py "$build" || failed=1
echo "coverage.sh: took $((SECONDS - began)) s"
exit "$failed"
