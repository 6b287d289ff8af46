"""Items 1 and 2, kill sweep: SIGKILL at every system call of a run, and again during its recovery."""
import shutil
import signal

from crash_case import CrashCase
from harness.case import InPostgres
from harness.targets import dump
from injecting import ARGUMENTS, calls_of, run_with


class KillSweep(CrashCase):
    SHORT, PAIRS_SHORT, PAIRS_LONG = 60, 10, 500

    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=40, files=2)
        self.points = {}

    def prepare(self, loaded):
        """A workspace with `loaded` files applied and the next three dropped, the undisturbed end, and its calls."""
        self.start = self.workspace('start')
        if loaded:
            self.start.drop_all(self.files[:loaded])
            self.start.run_once()
        self.start.drop_all(self.files[loaded:loaded + 3])
        self.present = self.files[:loaded + 3]
        calm = self.again('calm')
        calls = calls_of(calm)
        self.judge(calm, self.present, 'undisturbed')
        self.reference = dump(calm.target)
        return calls

    def again(self, name):
        return self.copy_of(self.start, name)

    def kill(self, work, call):
        process, _, err = run_with(work, *call, 'signal=KILL')
        self.assertNotIn('hung', err, call)
        return process.returncode == -signal.SIGKILL

    def recover_and_judge(self, work, where):
        outcome = work.command('run', *ARGUMENTS, expect=None)
        if outcome.code != 0:
            self.find('lost', 1, f'{where}: the next start {outcome}')
        else:
            self.judge(work, self.present, where, self.reference)
        work.target.drop()
        shutil.rmtree(work.root)

    def sweep(self, loaded):
        for call in self.some(self.prepare(loaded), self.SHORT):
            work = self.again('killed')
            if self.kill(work, call):
                self.count(points=1)
            self.recover_and_judge(work, f'killed at {call}')

    def test_a_first_run(self):
        self.sweep(loaded=0)

    def test_a_run_after_others(self):
        self.sweep(loaded=3)

    def test_a_second_kill_during_the_recovery(self):
        calls = self.prepare(loaded=3)
        for _ in range(self.scale(self.PAIRS_SHORT, self.PAIRS_LONG)):
            first, second = self.rng.choice(calls), self.rng.choice(calls)
            work = self.again('killed')
            if self.kill(work, first) and self.kill(work, second):
                self.count(points=1)
            self.recover_and_judge(work, f'killed at {first}, then at {second}')


class KillSweepInPostgres(InPostgres, KillSweep):
    SHORT, PAIRS_SHORT = 10, 4

    def prepare(self, loaded):
        calls = super().prepare(loaded)
        return [call for call in calls if call[0] not in ('brk', 'mmap', 'munmap', 'mprotect')]

    def again(self, name):
        """The server's copy of the starting point."""
        work = super().again(name)
        work.target.copy_from(self.start.target)
        return work
