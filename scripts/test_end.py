#!/usr/bin/env python3
"""The end of scripts/test.sh: what failed, in so few lines that a look at the end of its output is enough, and all sums.

usage: test_end.py SECONDS UNIT CODE:STAGE...    UNIT: what ctest reported, as JUnit has it; STAGE: what a stage printed,
                                                 that of the unit tests first, and CODE how it ended
"""
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

WHOLE, LINES, WIDTH = 4, 8, 240  # tests that failed whose reason is repeated; lines of it, and characters of each
VERDICT = re.compile(r'(?:passed|failed|skipped) +\S')
SUMS = re.compile(r'(\d+) (passed|failed|skipped)')
# Of cmocka, of a sanitizer or valgrind, of a script, and of ctest where a stage has it print.
TELLING = re.compile(r'\[  ERROR   \]|\[   LINE   \]|ERROR: |runtime error:|SUMMARY: |==\d+==|WARNING: ThreadSan|'
                     r'\w+\.(?:py|sh): |\s+\d+ - \S+ \(\w+\)$')
RAISED = re.compile(r'(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Expired)\b')


def reason(lines):
    """Of a Python test where it failed, why, and how that ends; of others the lines that tell something."""
    lines = [line[:WIDTH] for line in lines if line.strip()]
    raised = [at for at, line in enumerate(lines) if RAISED.match(line)]
    if raised:
        at = raised[-1]
        place = [line for line in lines[:at] if line.startswith('  File ') and '_test.py' in line][-1:]
        rest = lines[at:]
        return place + (rest if len(rest) < LINES else [*rest[:3], '...', *rest[4 - LINES:]])
    return ([line for line in lines if TELLING.search(line)] or lines)[:LINES]


def of_units(path):
    """[(name, lines of output)] of the unit tests that failed, and the sums."""
    cases = xml.parse(path).getroot().findall('testcase')
    failed = [case for case in cases if case.get('status') == 'fail']
    skipped = sum(case.get('status') in ('notrun', 'disabled') for case in cases)
    return ([(case.get('name'), (case.findtext('system-out') or '').splitlines()) for case in failed],
            {'passed': len(cases) - len(failed) - skipped, 'failed': len(failed), 'skipped': skipped})


def of_stage(path, code):
    """[(line, lines behind it)] of what a stage says to have failed; its last line counts its tests, if it has any."""
    found, into = [], []
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    for line in lines:
        if VERDICT.match(line):
            into = []
            if line.startswith('failed '):
                found.append((line, into))
        elif not SUMS.match(line):
            into.append(line)
    if code != '0' and not found:
        found = [(f'{path.name} ended with {code}', [line for line in lines if TELLING.search(line)] or lines[-LINES:])]
    return found, {word: int(count) for count, word in SUMS.findall(lines[-1] if lines else '')}


def main():
    seconds, unit, *stages = sys.argv[1:]
    failed, sums = of_units(unit)
    for number, stage in enumerate(stages):
        code, path = stage.split(':', 1)
        more, counts = of_stage(Path(path), code)
        failed += [] if number == 0 and failed else more
        for word, count in counts.items():
            sums[word] += count
    for name, lines in failed[:WHOLE]:
        print(f'--- {name[:WIDTH]}', *reason(lines), sep='\n    ')
    if failed[WHOLE:]:
        print('--- and', ', '.join(name.split(' [')[0] for name, _ in failed[WHOLE:])[:4 * WIDTH])
    print(', '.join(f'{count} {word}' for word, count in sums.items()), f'in {seconds} s')


if __name__ == '__main__':
    main()
