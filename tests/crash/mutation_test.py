"""Item 28, mutation: the source without one of its guards; a test must fail for each.

The long form builds a copy of the project anew for each. The short one takes the guards out of two single files, links
those with what was built already, and runs one quick test on each program.
"""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from crash_case import CrashCase
from harness.places import PROJECT, binary
from mutations import MUTATIONS

SOURCE = PROJECT / 'src'
COPIED = ('CMakeLists.txt', 'src', 'tests', 'schemas', 'scripts', 'docs', 'README.md', 'compose.yaml')
SHORT = ('CSV that is not strict', 'no look for redeliveries')
RUNNERS = {'flow': 'tests/flow/run.py', 'crash': 'tests/crash/run.py'}


class Mutations(CrashCase):
    def test_each_guard_stands_where_its_mutation_takes_it_out(self):
        for mutation in MUTATIONS:
            found = (SOURCE / mutation.path).read_text(encoding='utf-8').count(mutation.old)
            self.find('lost', found != 1, f'{mutation.name}: its text is {found} times in {mutation.path}')
            self.count(points=1)
        self.assertEqual(len({mutation.name for mutation in MUTATIONS}), len(MUTATIONS))

    def test_a_test_fails_for_each(self):
        if not self.long:
            self.skipTest('builds the program anew for each: only in the long form')
        self.tree = self.folder / 'tree'
        self.copy_project()
        self.build()
        for test in sorted({test for mutation in MUTATIONS for test in mutation.tests}):
            self.assertFalse(self.fails(test), f'{test} fails without any mutation: {self.said}')
        for mutation in MUTATIONS:
            self.count(points=1, caught=0)
            caught_by = self.caught_by(mutation)
            self.count(caught=caught_by is not None)
            self.find('lost', caught_by is None, f'{mutation.name}: none of {mutation.tests} fails')
            print(f'{mutation.name}: {caught_by}', file=sys.stderr, flush=True)

    def test_a_test_fails_for_two_of_them(self):
        if not shutil.which('ninja') or not (binary().parent / 'build.ninja').is_file():
            self.skipTest(f'{binary()} does not lie where ninja built it')
        for mutation in (mutation for mutation in MUTATIONS if mutation.name in SHORT):
            kind, pattern = mutation.tests[0].split('/', 1)
            command = [sys.executable, RUNNERS[kind], '--binary', self.linked(mutation), '--processes', '1', '-k', pattern]
            done = self.run_command(command, PROJECT)
            self.find('lost', done.returncode != 1 or '1 failed' not in done.stdout,
                      f'{mutation.name}: {pattern} does not fail\n{done.stdout}\n{done.stderr}')
            self.count(points=1)

    def linked(self, mutation):
        """The program as it was built, but for the file of the mutation."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        source, object_, program = folder / Path(mutation.path).name, folder / 'mutated.o', folder / 'dropfold'
        original = (SOURCE / mutation.path).read_text(encoding='utf-8')
        source.write_text(original.replace(mutation.old, mutation.new), encoding='utf-8')
        steps = self.run_to_end(['ninja', '-t', 'commands', 'dropfold'], binary().parent).splitlines()
        compile_ = next(shlex.split(step) for step in steps if step.endswith(f'/src/{mutation.path}'))
        compile_[compile_.index('-o') + 1], compile_[-1] = str(object_), str(source)
        compile_[compile_.index('-MF') + 1] = str(folder / 'made')
        # Before the libraries: what it defines is taken from nowhere else.
        link = steps[-1].replace(' -o dropfold ', f' {object_} -o {program} ')
        self.run_to_end(compile_, binary().parent)
        self.run_to_end(['sh', '-c', link], binary().parent)
        return program

    def copy_project(self):
        for name in COPIED:
            source, to = PROJECT / name, self.tree / name
            if source.is_dir():
                shutil.copytree(source, to, ignore=shutil.ignore_patterns('__pycache__'))
            elif source.exists():
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, to)
        shared = PROJECT.parent / 'shared'
        if shared.is_dir():
            (self.folder / 'shared').symlink_to(shared)
        launcher = ['-DCMAKE_C_COMPILER_LAUNCHER=ccache'] if shutil.which('ccache') else []
        generator = ['-G', 'Ninja'] if shutil.which('ninja') else []
        self.run_to_end(['cmake', '-S', self.tree, '-B', 'build', '-DCMAKE_BUILD_TYPE=Release', *generator, *launcher])

    def run_command(self, command, folder):
        return subprocess.run(list(map(str, command)), cwd=folder, env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, text=True)

    def run_to_end(self, command, folder=None):
        """Its standard output."""
        done = self.run_command(command, folder or self.tree)
        self.assertEqual(done.returncode, 0, f'{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}')
        return done.stdout

    @staticmethod
    def environment():
        """Of the tests of the copy: short forms, of the copy's own program."""
        return {name: value for name, value in os.environ.items() if not name.startswith('DROPFOLD_')}

    def build(self):
        self.run_to_end(['cmake', '--build', 'build', '-j', '2'])

    def fails(self, test):
        """Twice, so that a moment's trouble of this machine is no failure."""
        return not self.passes(test) and not self.passes(test)

    def passes(self, test):
        kind, pattern = test.split('/', 1)
        if kind == 'unit':
            command = ['ctest', '--test-dir', 'build', '-R', f'^{test}$', '--no-tests=error', '--timeout', '600']
        else:
            command = [sys.executable, RUNNERS[kind], '--binary', 'build/dropfold', '-k', pattern]
        done = self.run_command(command, self.tree)
        self.said = f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
        self.assertNotIn('No tests were found', done.stderr, test)
        return done.returncode == 0

    def caught_by(self, mutation):
        """The first test that fails; None when all pass."""
        path = self.tree / 'src' / mutation.path
        original = path.read_text(encoding='utf-8')
        path.write_text(original.replace(mutation.old, mutation.new), encoding='utf-8')
        try:
            self.build()
            return next((test for test in mutation.tests if self.fails(test)), None)
        finally:
            path.write_text(original, encoding='utf-8')
