#!/usr/bin/env bash
# Installs what is missing, builds with warnings as errors, runs every test, and ends with a line that counts them.
#
#   scripts/test.sh                            the release build: unit tests, include rules, flow tests
#   scripts/test.sh PRESET [-k PATTERN]...     another preset (debug, asan, tsan); of the flow tests those that match
#   scripts/test.sh --compose                  only compose.yaml, on a Docker Engine and as root; else it is skipped
set -euo pipefail

cd "$(dirname "$0")/.."
if [ "${1-}" = --compose ]; then
    shift
    command -v python3 >/dev/null || scripts/setup.sh demo
    exec tests/compose/run.py "$@"
fi
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
export ASAN_OPTIONS=exitcode=99 TSAN_OPTIONS=exitcode=99:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1

failed=0
unit=$(mktemp)
flow=$(mktemp)
trap 'rm -f "$unit" "$flow"' EXIT
echo 'test.sh: unit tests and include rules'
without='^$'
# The pure floors have one thread.
if [ "$preset" = tsan ]; then without='^unit/(model|parse|engine)_'; fi
ctest --test-dir "$build" -LE flow -E "$without" -j 2 --output-on-failure --output-junit "$unit" || failed=1
echo 'test.sh: flow tests'
tests/flow/run.py --binary "$build/dropfold" "$@" | tee "$flow" || failed=1

# Both sums in one line.
python3 - "$unit" "$flow" "$((SECONDS - began))" <<'END'
import re
import sys
import xml.etree.ElementTree as xml

suite = xml.parse(sys.argv[1]).getroot().attrib
unit = {'failed': int(suite['failures']), 'skipped': int(suite['skipped']) + int(suite['disabled'])}
unit['passed'] = int(suite['tests']) - unit['failed'] - unit['skipped']
last = open(sys.argv[2], encoding='utf-8').read().splitlines()[-1:]
flow = {word: int(count) for count, word in re.findall(r'(\d+) (\w+)', ''.join(last))}
sums = {word: unit[word] + flow.get(word, 0) for word in ('passed', 'failed', 'skipped')}
print(', '.join(f'{count} {word}' for word, count in sums.items()), f'in {sys.argv[3]} s')
END
exit "$failed"
