#!/usr/bin/env python3
"""Sums up which lines of src/ the tests of a coverage build reached, per folder; fails when they are too few.

usage: coverage_table.py BUILD                       the table
       coverage_table.py BUILD --missing [PART]...   and the lines that nothing reached, of files whose path has such a part
"""
import argparse
import json
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / 'src'
OVERALL = 90
# Where a line that no test reached could be a wrong number.
STRICT = {'store': 95, 'engine': 95, 'target': 95}


def counts_of(note):
    """(path, line, count) of each line of an object's code; its .gcno says which there are, the .gcda beside it counts."""
    run = subprocess.run(['gcov', '--json-format', '--stdout', str(note)], check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, cwd=note.parent)
    for report in run.stdout.splitlines():
        for file in json.loads(report)['files']:
            for line in file['lines']:
                yield file['file'], line['line_number'], line['count']


def collect(build):
    """path -> line -> how often; a line of a header counts wherever it is compiled into. Some counts are differences of others,
    of which threads may have lost some: they may even be negative."""
    notes = sorted((build / 'CMakeFiles').glob('dropfold*.dir/src/**/*.gcno'))
    lines = defaultdict(lambda: defaultdict(int))
    with ThreadPoolExecutor(2) as pool:
        for counts in pool.map(lambda note: list(counts_of(note)), notes):
            for name, line, count in counts:
                path = Path(name)
                if path.is_relative_to(SOURCE):
                    lines[path.relative_to(SOURCE)][line] += count
    return lines


def share(reached, lines):
    return 100 * reached / lines


def table(lines):
    """Prints it; returns what is below its limit."""
    sums = defaultdict(lambda: [0, 0])
    for path, counts in lines.items():
        for name in (path.parts[0] if len(path.parts) > 1 else '.', 'all'):
            sums[name][0] += sum(count != 0 for count in counts.values())
            sums[name][1] += len(counts)
    limits = {**STRICT, 'all': OVERALL}
    print(f'{"src/":10}{"lines":>8}{"reached":>9}{"share":>9}{"at least":>10}')
    for name in sorted(sums, key=lambda name: (name == 'all', name)):
        reached, total = sums[name]
        limit = f'{limits[name]} %' if name in limits else ''
        print(f'{name:10}{total:8}{reached:9}{share(reached, total):7.1f} %{limit:>10}')
    return [name for name in limits if share(*sums[name]) < limits[name]]


def ranges(numbers):
    """[1, 2, 3, 7] as "1-3 7"."""
    runs = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ' '.join(str(a) if a == b else f'{a}-{b}' for a, b in runs)


def missing(lines, parts):
    for path in sorted(lines):
        unreached = sorted(line for line, count in lines[path].items() if count == 0)
        if unreached and (not parts or any(part in str(path) for part in parts)):
            print(f'src/{path}: {ranges(unreached)}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build', type=Path, metavar='BUILD')
    parser.add_argument('--missing', nargs='*', metavar='PART')
    options = parser.parse_args()
    lines = collect(options.build.resolve())
    if not lines:
        sys.exit(f'coverage_table.py: {options.build} holds no coverage build')
    if options.missing is not None:
        missing(lines, options.missing)
    short = table(lines)
    if short:
        sys.exit(f'coverage_table.py: too few lines are reached: {", ".join(short)}')


if __name__ == '__main__':
    main()
