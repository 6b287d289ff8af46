#!/usr/bin/env bash
# Builds the coverage preset, runs unit tests and flow tests against it, and prints how many lines of src/ they reach. Fails
# when a test fails or too few lines are reached.
#
#   scripts/coverage.sh                     what reaches the lines at the least cost, then the table
#   scripts/coverage.sh -k PATTERN...       every unit test, and of the flow tests those that match; -k '' is all of them
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
# Random histories, losses of power, and sweeps over the engine's allocations and the log's writes go again and again through
# lines of which the other tests reach nearly all; and so do flow tests of a load, an order of arrival or a kill through those
# of the flow tests below. scripts/test.sh runs them all, in the release build; only the table does without them.
without='^$'
flow=("$@")
if [ $# -eq 0 ]; then
    without='^unit/(engine_random|engine_memory|store_power|store_log)_test$'
    for module in bad_input commands contract daemon drift explain ledger limits other_feeds plan process replay retention retry \
        schema store usage verify; do
        flow+=(-k "${module}_test.")
    done
    flow+=(-k forget_test.Forgetting)
fi
failed=0
ctest --test-dir "$build" -LE flow -E "$without" -j "$((3 * $(nproc)))" --output-on-failure >"$build/unit.log" 2>&1 || { cat "$build/unit.log"; failed=1; }
tests/flow/run.py --binary "$build/dropfold" --without InPostgres "${flow[@]}" >"$build/flow.log" 2>&1 || { cat "$build/flow.log"; failed=1; }
scripts/coverage_table.py "$build" || failed=1
echo "coverage.sh: took $((SECONDS - began)) s"
exit "$failed"
