"""Item 28, mutation: the program without one of its guards; a test must fail for each.

Only the files of the guard are compiled anew, from a copy of the source, and linked with what was built already; then the
tests that are named with the mutation run until one fails.
"""
import functools
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
RUNNERS = {'flow': 'tests/flow/run.py', 'crash': 'tests/crash/run.py'}
SHORT = ('CSV that is not strict', 'no look for redeliveries')


class Mutations(CrashCase):
    def test_each_guard_stands_where_its_mutation_takes_it_out(self):
        for mutation in MUTATIONS:
            found = (SOURCE / mutation.path).read_text(encoding='utf-8').count(mutation.old)
            self.find('lost', found != 1, f'{mutation.name}: its text is {found} times in {mutation.path}')
            self.count(points=1)
        self.assertEqual(len({mutation.name for mutation in MUTATIONS}), len(MUTATIONS))

    def test_a_test_fails_for_each(self):
        self.built = binary().parent
        if not shutil.which('ninja') or not (self.built / 'build.ninja').is_file():
            self.skipTest(f'{binary()} does not lie where ninja built it')
        for mutation in MUTATIONS if self.long else [mutation for mutation in MUTATIONS if mutation.name in SHORT]:
            self.count(points=1, caught=0)
            caught_by = self.caught_by(mutation)
            self.count(caught=caught_by is not None)
            self.find('lost', caught_by is None, f'{mutation.name}: none of {mutation.tests} fails')
            print(f'{mutation.name}: {caught_by}', file=sys.stderr, flush=True)

    def caught_by(self, mutation):
        """The first test that fails; None when all pass."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copytree(SOURCE, folder / 'src')
        mutated = folder / 'src' / mutation.path
        mutated.write_text(mutated.read_text(encoding='utf-8').replace(mutation.old, mutation.new), encoding='utf-8')
        # What a header of its own floor means to the other floors is no guard.
        sources = [mutated] if mutated.suffix == '.c' else sorted(mutated.parent.glob('*.c'))
        objects = [self.compiled(folder, source) for source in sources]
        link = functools.cache(lambda target: self.linked(folder, objects, target))
        return next((test for test in mutation.tests if self.fails(test, link)), None)

    def steps(self, target):
        """The commands that build it, the last one last."""
        return self.run_to_end(['ninja', '-t', 'commands', target]).splitlines()

    def compiled(self, folder, source):
        path, object_ = source.relative_to(folder / 'src'), source.with_suffix('.o')
        step = next(step for step in self.steps('dropfold') if step.endswith(f'/src/{path}'))
        words = [word.replace(str(SOURCE), str(folder / 'src')) for word in shlex.split(step) if word != '-Werror']
        words[words.index('-o') + 1] = str(object_)
        words[words.index('-MF') + 1] = str(source.with_suffix('.d'))
        self.run_to_end(words)
        return object_

    def linked(self, folder, objects, target):
        """The objects come before the libraries: what they define is taken from nowhere else."""
        program = folder / Path(target).name
        link = self.steps(target)[-1].replace(f' -o {target} ', f' {shlex.join(map(str, objects))} -o {program} ')
        self.run_to_end(['sh', '-c', link])
        return program

    def fails(self, test, link):
        """Twice with the mutation, so that a moment's trouble of this machine is no failure, and not without it; in the short
        form once, beside a run of all tests without it."""
        kind, pattern = test.split('/', 1)
        target = f'tests/{pattern}' if kind == 'unit' else 'dropfold'
        if not self.long:
            return not self.passes(kind, pattern, link(target))
        if self.passes(kind, pattern, link(target)) or self.passes(kind, pattern, link(target)):
            return False
        self.assertTrue(self.passes(kind, pattern, self.built / target), f'{test} fails without any mutation: {self.said}')
        return True

    def passes(self, kind, pattern, program):
        command = [program]
        if kind != 'unit':
            command = [sys.executable, RUNNERS[kind], '--binary', program, '--processes', '1', '-k', pattern]
        done = self.run_command(command, PROJECT)
        self.said = f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
        return done.returncode == 0

    def run_to_end(self, command):
        """Its standard output; in the folder of the build."""
        done = self.run_command(command, self.built)
        self.assertEqual(done.returncode, 0, f'{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}')
        return done.stdout

    @staticmethod
    def run_command(command, folder):
        """The tests it runs are short forms, of the program that they are given."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith('DROPFOLD_')}
        return subprocess.run(list(map(str, command)), cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, text=True)
