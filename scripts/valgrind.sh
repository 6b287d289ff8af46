#!/usr/bin/env bash
# Runs the unit tests under valgrind's memcheck, in the release build: values that nobody set, bytes that are nobody's,
# leaks, and descriptors that are open at the end. Fails when it finds one, or a test fails. Half an hour, for all of them.
#
#   scripts/valgrind.sh                      all
#   scripts/valgrind.sh PATTERN...           those whose name has one of these in it: store_, parse_csv
#   scripts/valgrind.sh --flow PATTERN...    the program itself, in the flow tests that match (tests/flow/run.py -k)
#
# Tests that kill a child at each of its system calls are skipped under it: the calls would be valgrind's. So are the tests
# of an allocator that fails (*_memory_test): valgrind puts its own in its place; the address sanitizer runs them. A child
# that a test forks ends in the midst of things, so it may leak; else it is judged like its parent.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ "${1-}" = -h ] || [ "${1-}" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi
scripts/setup.sh tests
if ! command -v valgrind >/dev/null; then
    echo 'skipped valgrind is not installed'
    echo '0 passed, 0 failed, 1 skipped'
    exit 0
fi
scripts/build.sh release

# What is still pointed to at the end is no leak.
memcheck=(valgrind --quiet --suppressions="$PWD/tests/valgrind.supp" --leak-check=full --show-leak-kinds=definite,possible --track-fds=yes --num-callers=30)
export DROPFOLD_VALGRIND=yes
logs=$(mktemp -d)
export logs
trap 'rm -rf "$logs"' EXIT

# left_open LOG: descriptors that were not inherited, and where they were opened.
left_open() {
    awk '/FILE DESCRIPTORS/ { at = 1; next }
         !at { next }
         / Open / { if (own) printf "%s", text; text = ""; own = 1 }
         /<inherited from parent>/ { own = 0 }
         /^==[0-9]+== *$/ { if (own) printf "%s", text; text = ""; own = 0; next }
         { text = text $0 "\n" }
         END { if (own) printf "%s", text }' "$1"
}
# errors LOG: all but the descriptors.
errors() {
    sed '/FILE DESCRIPTORS/,/^==[0-9]*== *$/{/./d}; /Open .*file descriptor/,/^==[0-9]*== *$/d; /Open .*socket/,/^==[0-9]*== *$/d' \
        "$1" | grep -v '^==[0-9]*== *$' || true
}
# judge PROGRAM LOG: what is wrong with the process that wrote the log.
judge() {
    local found
    found=$(errors "$1")
    echo "$found$(left_open "$1")"
}
export -f left_open errors judge

# one PROGRAM VALGRIND...: a line, and the reasons when it fails.
one() {
    local program=$1 name=${1##*/} code=0 pid found child
    shift
    "$@" --log-file="$logs/$name.%p" "$program" >"$logs/$name.out" 2>&1 </dev/null &
    pid=$!
    wait "$pid" || code=$?
    found=$(judge "$logs/$name.$pid")
    for child in "$logs/$name".[0-9]*; do
        if [ "$child" != "$logs/$name.$pid" ]; then
            found+=$(errors "$child" | grep -E 'Invalid|uninitialised|Mismatched|unaddressable|overlap' || true)
        fi
    done
    if [ "$code" -eq 0 ] && [ -z "$found" ]; then
        echo "passed  $name"
        return 0
    fi
    echo "failed  $name: exit code $code"
    grep -v '^\[\(       OK\| RUN\)' "$logs/$name.out" || true
    echo "$found"
    return 1
}
export -f one

if [ "${1-}" = --flow ]; then
    shift
    words=()
    for pattern in "$@"; do words+=(-k "$pattern"); done
    mkdir -p build/valgrind
    printf '#!/bin/sh\nexec %s --error-exitcode=99 --log-file=%s/%%p "%s" "$@"\n' "${memcheck[*]}" "$logs" "$PWD/build/dropfold" \
        >build/valgrind/dropfold
    chmod +x build/valgrind/dropfold
    failed=0
    tests/flow/run.py --binary build/valgrind/dropfold "${words[@]}" || failed=1
    for log in "$logs"/*; do
        found=$(judge "$log")
        if [ -n "$found" ]; then
            echo "$found"
            failed=1
        fi
    done
    echo "$(find "$logs" -type f | wc -l) processes under valgrind"
    exit "$failed"
fi

programs=()
for program in build/tests/*_test; do
    case $program in *_memory_test) continue ;; esac
    matches=$([ $# -eq 0 ] && echo yes || echo no)
    for pattern in "$@"; do
        case ${program##*/} in *"$pattern"*) matches=yes ;; esac
    done
    if [ "$matches" = yes ]; then programs+=("$program"); fi
done
printf '%s\n' "${programs[@]}" | { xargs -r -P 2 -I '{}' bash -c 'one "$@"' _ '{}' "${memcheck[@]}" || true; } |
    tee "$logs/verdicts"
passed=$(grep -c '^passed  ' "$logs/verdicts" || true)
failed=$((${#programs[@]} - passed))
echo "$passed passed, $failed failed, 0 skipped"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
