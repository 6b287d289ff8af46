#!/usr/bin/env bash
# The long form of the fault tests: kills, errors, power loss, lost servers, full disks, at every point there is. Installs
# what is missing, builds, and prints a line of figures for each test. Hours, for all of them; as root, or some are skipped.
#
#   scripts/torture.sh                       all
#   scripts/torture.sh ITEM...               some: kill_sweep, power_loss, ...
#   scripts/torture.sh --list                what there is
#   scripts/torture.sh [--seed N] [ITEM]...  another draw of what is left to chance
set -euo pipefail

cd "$(dirname "$0")/.."
for word in "$@"; do
    case $word in
    --list | --help | -h)
        command -v python3 >/dev/null || scripts/setup.sh demo
        exec tests/crash/run.py "$word"
        ;;
    esac
done
scripts/setup.sh tests
scripts/build.sh release
exec tests/crash/run.py --long --binary build/dropfold "$@"
