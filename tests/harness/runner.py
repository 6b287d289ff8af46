"""Runs *_test.py files of a folder in processes side by side and sums them up."""
import argparse
import fnmatch
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path


def tests_in(suite):
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from tests_in(part)
        else:
            yield part


def discover(folder, patterns, without=()):
    suite = unittest.TestLoader().discover(str(folder), pattern='*_test.py', top_level_dir=str(folder))
    names = [test.id() for test in tests_in(suite)]
    def matches(name, wanted):
        return any(pattern in name or fnmatch.fnmatch(name, pattern) for pattern in wanted)
    return [name for name in names if (not patterns or matches(name, patterns)) and not matches(name, without)]


class Verdict(unittest.TestResult):
    """The last word on one test: passed, failed or skipped, and why."""

    word, why = 'passed', ''

    def _fail(self, test, error):
        self.word = 'failed'
        self.why += self._exc_info_to_string(error, test)

    def addError(self, test, err):
        self._fail(test, err)

    def addFailure(self, test, err):
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err:
            self.why += f'in {subtest.id()}:\n'
            self._fail(test, err)

    def addSkip(self, test, reason):
        if self.word == 'passed':
            self.word, self.why = 'skipped', reason


def worker():
    """Reads names of tests, answers each with a line of JSON. Servers that tests share end with this process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)
    for line in sys.stdin:
        verdict = Verdict()
        suite = unittest.TestLoader().loadTestsFromName(line.strip())
        tests = list(tests_in(suite))
        suite.run(verdict)
        figures = {name: value for test in tests for name, value in getattr(test, 'figures', {}).items()}
        if verdict.word == 'passed' and figures.get('points') == 0:
            verdict.word, verdict.why = 'failed', 'nothing was tried'
        print(json.dumps({'word': verdict.word, 'why': verdict.why, 'figures': figures}), file=answers, flush=True)


class Run:
    def __init__(self, names):
        self.waiting = queue.SimpleQueue()
        for name in names:
            self.waiting.put(name)
        self.sums = {'passed': 0, 'failed': 0, 'skipped': 0}
        self.lock = threading.Lock()

    def report(self, name, word, why, seconds, figures=None):
        with self.lock:
            self.sums[word] += 1
            reason = f' ({why})' if word == 'skipped' else ''
            sums = ''.join(f' {what}={value}' for what, value in (figures or {}).items())
            print(f'{word:8}{name}{reason}{sums} [{seconds:.1f} s]', flush=True)
            if word == 'failed':
                print(why, flush=True)

    def serve(self):
        """One worker process's share; a worker that dies fails its test and is replaced."""
        process = None
        while True:
            try:
                name = self.waiting.get_nowait()
            except queue.Empty:
                break
            process = process or subprocess.Popen([sys.executable, sys.argv[0], '--worker'], stdin=subprocess.PIPE,
                                                  stdout=subprocess.PIPE, text=True, encoding='utf-8')
            began = time.monotonic()
            process.stdin.write(name + '\n')
            process.stdin.flush()
            answer = process.stdout.readline()
            if answer:
                self.report(name, **json.loads(answer), seconds=time.monotonic() - began)
            else:
                self.report(name, 'failed', f'the test process ended with {process.wait()}', time.monotonic() - began)
                process = None
        if process:
            process.stdin.close()
            process.wait()


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-k', action='append', default=[], metavar='PATTERN', help='only tests whose name matches')
    parser.add_argument('--without', action='append', default=[], metavar='PATTERN', help='but for tests whose name matches')
    parser.add_argument('--binary', type=Path, metavar='PATH', help='the program to test (build/dropfold)')
    parser.add_argument('--processes', type=int, default=3 * (os.cpu_count() or 1), metavar='N',
                        help='how many side by side (three a core: they wait more than they compute)')
    parser.add_argument('--list', action='store_true', help='print the names and end')
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    return parser


def main(folder, options):
    """Runs the tests of `folder` that the options ask for; the exit code."""
    if options.worker:
        worker()
        return 0
    if options.binary:
        os.environ['DROPFOLD_BIN'] = str(options.binary.resolve())
    names = discover(folder, options.k, options.without)
    if options.list:
        print('\n'.join(names))
        return 0
    run = Run(names)
    servers = [threading.Thread(target=run.serve) for _ in range(options.processes)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    print(', '.join(f'{count} {word}' for word, count in run.sums.items()))
    return 1 if run.sums['failed'] or not names else 0
