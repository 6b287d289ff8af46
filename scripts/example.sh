#!/usr/bin/env bash
# Tries a pipeline of schemas/examples: makes a sample, drops its files, runs, and prints the first rows of its table. Needs
# python3 and sqlite3, and dropfold on the PATH or built in build/. Everything it writes is in FOLDER (build/examples/NAME),
# which must not be there yet or hold an example: it is made anew.
#
#   scripts/example.sh NAME [FOLDER]     NAME is pins, products or trending
set -euo pipefail

cd "$(dirname "$0")/.."
name=${1-}
pipeline=schemas/examples/$name/$name.json
if [ $# -lt 1 ] || [ $# -gt 2 ] || [ ! -f "$pipeline" ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 64
fi
for variable in $(compgen -e); do
    case $variable in DROPFOLD_* | PG*) unset "$variable" ;; esac
done
PATH=$PATH:$PWD/build
place=${2-build/examples/$name}
if [ -e "$place" ] && [ ! -e "$place/checkpoints/$name.db" ]; then
    echo "example.sh: $place is there already and holds no example" >&2
    exit 64
fi
rm -rf "$place"
mkdir -p "$place/checkpoints"
scripts/sample_examples.py "$name" --out "$place/data"
dropfold -p "$pipeline" -d "$place/data" -c "$place/checkpoints" run --once
table=$(sqlite3 "$place/data/results/$name.db" \
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'dropfold%' AND name NOT LIKE 'sqlite%'")
printf '\n%s, its first rows:\n' "$table"
sqlite3 -header -column "$place/data/results/$name.db" "SELECT * FROM $table ORDER BY 1, 2 LIMIT 8"
