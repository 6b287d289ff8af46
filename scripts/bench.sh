#!/usr/bin/env bash
# Measures dropfold beside DuckDB, PostgreSQL's COPY and Spark, on the same files in the same run, and prints medians.
#
#   scripts/bench.sh                    everything at scale 1 (1M order lines, 720 MB), five runs of each, in turn
#   scripts/bench.sh --scale 10         what depends on the history, at 10M order lines (7.2 GB)
#   scripts/bench.sh --only cold,memory some rows of the table; --list names them
#   scripts/bench.sh --runs 3           other counts
#   scripts/bench.sh --write            also puts the figures into docs/performance.md
#
# DuckDB and PySpark come from PyPI into build/bench/venv; PostgreSQL is a private server on a Unix socket. What is not
# there (Java for Spark, PyPI) is skipped with a word. Data and stores go to build/bench, or --work FOLDER.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ "${1-}" = -h ] || [ "${1-}" = --help ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi
work=build/bench
venv=$work/venv
mkdir -p "$work"
scripts/setup.sh tests
scripts/build.sh release
if [ ! -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
"$venv/bin/python" -c 'import duckdb, psycopg2, pyspark' 2>/dev/null ||
    "$venv/bin/pip" install -q duckdb psycopg2-binary pyspark ||
    echo "bench.sh: not everything could be installed from PyPI; what is missing is skipped" >&2
exec "$venv/bin/python" tests/bench/bench.py "$@"
