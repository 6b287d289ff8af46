#!/usr/bin/env python3
"""Runs the fault tests (*_test.py): each breaks something at many points and compares what is left with an oracle.

usage: run.py [--long] [--seed N] [--binary PATH] [--processes N] [--list] [ITEM]...

ITEM is the name of a file without _test.py. Each test prints its figures: the points tried, and files or rows that were
lost, doubled or wrong. A test that is skipped says what it would need.
"""
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / 'fixtures')]

from harness import runner  # noqa: E402


def items():
    return {path.name.removesuffix('_test.py'): path for path in sorted(HERE.glob('*_test.py'))}


def main():
    parser = runner.arguments(__doc__)
    parser.add_argument('item', nargs='*', metavar='ITEM', help='only these (all)')
    parser.add_argument('--long', action='store_true', help='every point; without it a sample with a fixed seed')
    parser.add_argument('--seed', type=int, metavar='N', help='of what is left to chance (1)')
    options = parser.parse_args()
    unknown = set(options.item) - items().keys()
    if unknown:
        parser.error(f'no such item: {", ".join(sorted(unknown))}; there are {", ".join(items())}')
    if options.list:
        for name, path in items().items():
            print(f'{name:16} {path.read_text(encoding="utf-8").splitlines()[0].strip(chr(34))}')
        return 0
    options.k += [f'{item}_test.' for item in options.item]
    if options.long:
        os.environ['DROPFOLD_TORTURE'] = 'long'
    if options.seed is not None:
        os.environ['DROPFOLD_TORTURE_SEED'] = str(options.seed)
    return runner.main(HERE, options)


if __name__ == '__main__':
    sys.exit(main())
