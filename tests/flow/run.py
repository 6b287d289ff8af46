#!/usr/bin/env python3
"""Runs the flow tests (*_test.py) in processes side by side and sums them up.

PATTERN is part of a test's name, or a shell pattern over all of it. A test that is skipped says why.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import runner  # noqa: E402

if __name__ == '__main__':
    sys.exit(runner.main(HERE, runner.arguments(__doc__).parse_args()))
