#!/usr/bin/env python3
"""Fuzzes the parsers and readers: builds the targets with clang's libFuzzer, AddressSanitizer and
UndefinedBehaviorSanitizer, libcsv and cJSON included, and runs them.

  tests/fuzz/run.py                           a short run of every target, from a fixed seed: part of the tests
  tests/fuzz/run.py --runs 10000000           the long form, before a release; goes on from what earlier ones found
  tests/fuzz/run.py --runs 1000000 csv json   of some targets

Each target prints one line. A finding's input is kept in build/fuzz/crashes, the whole report in build/fuzz/logs, and
the line says which command shows it again; once it is mended, the input becomes a seed in tests/fuzz/seeds/TARGET.
Exit code: 0 when nothing was found, 1 when something was. Where clang or the libraries' sources cannot be had, every
target is skipped, with the reason.
"""
import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import libraries

FUZZ = Path(__file__).resolve().parent
PROJECT = FUZZ.parents[1]

# Target: runs of the short form, bytes of the longest input. Those that take longest come first.
TARGETS = {
    'pipeline': (12_000, 3000),
    'csv': (20_000, 3000),
    'json': (25_000, 3000),
    'descriptor': (20_000, 2000),
    'extract': (30_000, 200),
    'amount': (100_000, 100),
    'decimal': (100_000, 300),
    'timestamp': (100_000, 150),
    'chunk': (150_000, 600),
}
INPUT_SECONDS = 60  # of one input, a few hundred times what the slowest takes here
MEMORY_MAX = 512    # MiB of one process
# Freed memory is kept from being used again up to this many MiB. It counts in MEMORY_MAX.
QUARANTINE = 32

FINDING = re.compile(r'.*(does not hold: |runtime error: |ERROR: (?:Address|Leak)Sanitizer|ERROR: libFuzzer: |'
                     r'SUMMARY: )(.*)')


def can_fuzz():
    """Why this machine's clang cannot; None when it can."""
    for program in ('clang', 'cmake', 'ninja', 'pkg-config'):
        if not shutil.which(program):
            return f'no {program}: scripts/setup.sh fuzz'
    with tempfile.TemporaryDirectory() as folder:
        program = 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }'
        done = subprocess.run(['clang', '-fsanitize=fuzzer,address,undefined', '-x', 'c', '-', '-o', folder + '/try'],
                              input=program, capture_output=True, text=True, check=False)
    return 'clang has no fuzzer or sanitizers: scripts/setup.sh fuzz' if done.returncode != 0 else None


def build(folder, names):
    """The targets' programs, in `folder`. Ends the run with the compiler's words when they cannot be built."""
    found = libraries.sources(folder / 'libraries')
    options = [f'-DLIBCSV_SOURCE={found["libcsv"]}', f'-DCJSON_SOURCE={found["cjson"]}']
    for words in (['cmake', '-S', FUZZ, '-B', folder, '-G', 'Ninja', '-DCMAKE_C_COMPILER=clang', *options],
                  ['cmake', '--build', folder, '--target', *(f'fuzz_{name}' for name in names)]):
        done = subprocess.run(words, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f'{done.stdout}\nrun.py: the fuzz targets do not build')


class Run:
    """The targets still to run, and what became of the others."""

    def __init__(self, folder, names, runs):
        self.folder = folder
        self.runs = runs
        self.waiting = queue.Queue()
        self.sums = {'passed': 0, 'failed': 0, 'skipped': 0}
        self.lock = threading.Lock()
        for name in names:
            self.waiting.put(name)
        for part in ('crashes', 'logs', 'corpus'):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def command(self, name, corpus):
        runs, longest = TARGETS[name]
        crashes = self.folder / 'crashes' / f'{name}-'
        words = [self.folder / f'fuzz_{name}', f'-runs={self.runs or runs}', f'-max_len={longest}',
                 f'-rss_limit_mb={MEMORY_MAX}', f'-timeout={INPUT_SECONDS}', f'-artifact_prefix={crashes}',
                 '-print_final_stats=1']
        if not self.runs:
            words.append('-seed=1')
        dictionary = FUZZ / 'dictionaries' / name
        if dictionary.exists():
            words.append(f'-dict={dictionary}')
        return [*words, corpus, FUZZ / 'seeds' / name]

    def execute(self, name):
        """What the target printed, and its exit code. The short form forgets what it found worth keeping."""
        def run(corpus):
            done = subprocess.run(self.command(name, corpus), env=environment(), text=True, errors='replace',
                                  check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            (self.folder / 'logs' / name).write_text(done.stdout, encoding='utf-8')
            return done.stdout, done.returncode
        if self.runs:
            corpus = self.folder / 'corpus' / name
            corpus.mkdir(exist_ok=True)
            return run(corpus)
        with tempfile.TemporaryDirectory() as corpus:
            return run(Path(corpus))

    def judge(self, name, output, code):
        """The outcome and the rest of its line."""
        done = number(r'stat::number_of_executed_units: *(\d+)', output)
        seeds = len(list((FUZZ / 'seeds' / name).iterdir()))
        line = (f'{done:,} runs from {seeds} seeds, {number(r"cov: *([0-9]+)", output):,} edges, '
                f'{number(r"stat::peak_rss_mb: *([0-9]+)", output)} MiB at most')
        if code == 0 and done >= (self.runs or TARGETS[name][0]):
            return 'passed', f'{line}, 0 crashes'
        kept = re.findall(r'Test unit written to (.*)', output)
        found = FINDING.search(output)
        words = found[0].strip() if found else f'ended with {code} after {done:,} runs'
        again = ' '.join(map(str, [self.folder / f'fuzz_{name}', *kept[-1:]]))
        return 'failed', f'{line}, 1 crash: {words}\n    again: {again}\n    whole: {self.folder / "logs" / name}'

    def serve(self):
        while True:
            try:
                name = self.waiting.get_nowait()
            except queue.Empty:
                return
            began = time.monotonic()
            outcome, words = self.judge(name, *self.execute(name))
            with self.lock:
                self.sums[outcome] += 1
                first, _, rest = words.partition('\n')
                print(f'{outcome:8}fuzz {name}: {first} [{time.monotonic() - began:.1f} s]{rest and chr(10)}{rest}',
                      flush=True)


def number(pattern, text):
    """The last one that the pattern finds; 0 without any."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def environment():
    sanitizers = {'ASAN_OPTIONS': f'detect_leaks=1:quarantine_size_mb={QUARANTINE}',
                  'UBSAN_OPTIONS': 'print_stacktrace=1'}
    return {**os.environ, **sanitizers}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('targets', nargs='*', metavar='TARGET', help=f'of {", ".join(TARGETS)}; all when none is given')
    parser.add_argument('--runs', type=int, metavar='N', help='runs of each target: the long form')
    parser.add_argument('--processes', type=int, default=2, metavar='N', help='how many side by side (2)')
    parser.add_argument('--build', type=Path, default=PROJECT / 'build' / 'fuzz', metavar='FOLDER',
                        help='where all goes that is made (build/fuzz)')
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f'no target {", ".join(sorted(unknown))}, expected {", ".join(TARGETS)}')
    names = [name for name in TARGETS if name in options.targets or not options.targets]
    folder = options.build.resolve()
    run = Run(folder, names, options.runs)
    try:
        missing = can_fuzz()
        if missing:
            raise libraries.Missing(missing)
        build(folder, names)
    except libraries.Missing as error:
        for name in names:
            print(f'skipped fuzz {name} ({error})')
        run.sums['skipped'] = len(names)
    else:
        servers = [threading.Thread(target=run.serve) for _ in range(options.processes)]
        for server in servers:
            server.start()
        for server in servers:
            server.join()
    print(', '.join(f'{count} {word}' for word, count in run.sums.items()))
    return 1 if run.sums['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
