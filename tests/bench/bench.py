#!/usr/bin/env python3
"""Measures dropfold and what it is compared with, row by row; scripts/bench.sh prepares and calls it."""
import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness.places import PROJECT, binary  # noqa: E402
from rows import ROWS, Skipped  # noqa: E402
from setting import Setting  # noqa: E402

BEGIN, END = '<!-- scripts/bench.sh: begin {} -->', '<!-- scripts/bench.sh: end {} -->'
EXTRA = ('oracle', 'size')  # only when asked for; it takes the oracle a minute for a million lines


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()[0].strip()
    except (OSError, IndexError):
        return 'none'


def machine():
    """Lines about where this ran."""
    cpu = next((line.split(':', 1)[1].strip() for line in open('/proc/cpuinfo', encoding='utf-8')
                if line.startswith('model name')), platform.machine())
    memory = next(int(line.split()[1]) // 1024 // 1024 for line in open('/proc/meminfo', encoding='utf-8')
                  if line.startswith('MemTotal:'))
    system = next((line.split('=', 1)[1].strip().strip('"') for line in open('/etc/os-release', encoding='utf-8')
                   if line.startswith('PRETTY_NAME=')), platform.system())
    return [f'{os.cpu_count()} cores of {cpu}, {memory} GB, {system}, Linux {platform.release()}',
            f'{first_line(binary(), "--version")}; {first_line("psql", "--version")}']


def table(results):
    lines = ['| what | goal | measured | reached | |', '|---|---|---|---|---|']
    for result in results:
        reached = '' if not result.goal else 'yes' if result.ok else '**no**'
        lines.append(f'| {result.what} | {result.goal} | {result.value} | {reached} | {result.detail} |')
    return lines


def write(path, scale, lines):
    """Replaces the part of the document that this scale's last run wrote, or adds one."""
    begin, end = BEGIN.format(scale), END.format(scale)
    text = path.read_text(encoding='utf-8')
    part = '\n'.join([begin, *lines, end])
    if begin in text:
        head, tail = text.split(begin, 1)
        text = head + part + tail.split(end, 1)[1]
    else:
        text = text.rstrip('\n') + '\n\n' + part + '\n'
    path.write_text(text, encoding='utf-8')


def arguments():
    parser = argparse.ArgumentParser(prog='scripts/bench.sh', description=__doc__)
    parser.add_argument('--scale', type=float, default=1, metavar='N', help='millions of order lines (1)')
    parser.add_argument('--runs', type=int, default=5, metavar='N', help='of each, in turn (5)')
    parser.add_argument('--only', default='', metavar='ROW,...', help='these rows')
    parser.add_argument('--list', action='store_true', help='name the rows and end')
    parser.add_argument('--write', action='store_true', help='put the figures into docs/performance.md')
    parser.add_argument('--work', default=str(PROJECT / 'build' / 'bench'), metavar='FOLDER', help='data and stores')
    options = parser.parse_args()
    options.rows = [name for name in options.only.split(',') if name] or [name for name in ROWS if name not in EXTRA]
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f'no row "{unknown[0]}", there are {", ".join(ROWS)}')
    return options


def main():
    options = arguments()
    if options.list:
        print('\n'.join(ROWS))
        return 0
    setting = Setting(options.work, options.scale, options.runs)
    results = []
    try:
        for name in options.rows:
            print(f'{name} ...', flush=True)
            began = time.monotonic()
            try:
                rows = ROWS[name](setting)
            except Skipped as reason:
                print(f'  skipped: {reason}', flush=True)
                continue
            for row in rows:
                goal = f', goal {row.goal}: {"yes" if row.ok else "no"}' if row.goal else ''
                print(f'  {row.what}: {row.value}{goal} ({row.detail})', flush=True)
            results += rows
            print(f'  [{time.monotonic() - began:.0f} s]', flush=True)
    finally:
        setting.close()
    command = 'scripts/bench.sh ' + ' '.join(word for word in sys.argv[1:] if word != '--write')
    lines = [f'`{command.strip()}`, {time.strftime("%Y-%m-%d")}, medians of {options.runs}.', '',
             *(line + '.\n' for line in machine()), *table(results)]
    print('\n' + '\n'.join(lines))
    if options.write:
        write(PROJECT / 'docs' / 'performance.md', f'{options.scale:g}', lines)
    return 0


if __name__ == '__main__':
    sys.exit(main())
