"""Item 3 too, commands: an error at each system call of the commands that work on a store beside `run`.

A command that ends with 0 has done its work whole, whatever failed under it: it printed what it prints undisturbed, and the
next run leaves the target that it leaves then. One that does not says why, and the same command then works. What is tried
of the calls is what error_sweep tries.
"""
import os
import shutil

from crash_case import CrashCase
from error_sweep_test import BROKEN, EXIT_CODES, errors_of, injection
from harness.files import customers, deliveries, delivery, order, orders
from harness.targets import dump
from harness.workspace import COMMAND_LIMIT
from injecting import NOT_TRIED, UNDER_TRACER
from tracing import Tracer


class Commands(CrashCase):
    SHORT = 4

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('only root may see what the descriptors of a traced dropfold are')
        self.start = self.workspace('start')
        for name, content in (('a', orders(order(1, customer=1))), ('b', orders(order(2, customer=1), order(3, quantity='x'))),
                              ('bad', b'"'), ('c', orders(order(2, customer=1, total='7.00')))):
            self.start.drop('Orders', content, f'{name}.csv')
        self.start.drop('Customers', customers(1), 'customers.json')
        self.start.drop('Deliveries', deliveries(*map(delivery, (1, 2, 3))), 'deliveries.csv')
        self.start.run_once()

    def traced(self, work, words, tracer):
        return tracer.run(work.arguments(*words), work.root, work.environment(UNDER_TRACER), COMMAND_LIMIT)

    def after(self, work):
        """What is there when the next run has ended."""
        outcome = work.command('run', '--once', '--settle', '0', expect=None)
        self.find('lost', outcome.code != 0, f'the next start {outcome}')
        return dump(work.target), work.landed(), [row[:3] for row in self.ledger(work)]

    def sweep(self, *words):
        calls = []
        calm = self.copy_of(self.start, 'calm')
        code, printed, err, _ = self.traced(calm, words, Tracer(None, lambda call: calls.append((call.name, call.k))))
        self.assertEqual(code, 0, err)
        wanted = self.after(calm)
        points = [(name, k, error) for name, k in calls if name not in NOT_TRIED for error in errors_of(name)]
        sure = [point for point in points if point[0] == 'getdents64' and point[-1] == 'EIO']
        for point in dict.fromkeys(sure + self.some(points, self.SHORT)):
            self.fail_at(words, point, printed, wanted)

    def fail_at(self, words, point, printed, wanted):
        work = self.copy_of(self.start, 'failed')
        decide, done = injection(*point)
        code, out, err, hung = self.traced(work, words, Tracer([point[0]], decide))
        where = f'{" ".join(words)}: {point}: exit code {code}, {err[-300:]}'
        self.count(points=len(done), failed_runs=code != 0)
        self.find('wrong', hung, f'{where}: hung')
        self.find('wrong', code not in EXIT_CODES or any(word in err for word in BROKEN), f'{where}: crashed')
        self.find('wrong', code != 0 and not err.strip() and out == printed, f'{where}: not a word')
        self.find('wrong', code == 0 and not err.strip() and not self.same(out, printed), f'{where}: prints {out}')
        if code != 0:
            again = work.command(*words, expect=None)
            self.find('lost', again.code != 0 and not self.done_before(again), f'{where}: again {again}')
        found = self.after(work)
        self.find('wrong', found != wanted, f'{where}: leaves {found}')
        shutil.rmtree(work.root)

    @staticmethod
    def same(out, printed):
        return len(out.splitlines()) == len(printed.splitlines())

    @staticmethod
    def done_before(outcome):
        return 'already' in outcome.err or 'forgotten' in outcome.err or 'no reject' in outcome.err

    def test_replay(self):
        self.sweep('replay')

    def test_replay_from_the_archive(self):
        self.sweep('replay', '--from-archive', '--yes')

    def test_replay_of_an_archive_alone(self):
        """A list that is cut short would be taken for a shorter history."""
        for path in self.start.checkpoints.iterdir():
            path.unlink()
        self.sweep('replay', '--from-archive', '--yes')

    def test_verify(self):
        self.sweep('verify', '--deep')

    def test_forget(self):
        self.sweep('forget', 'Orders/a.csv')

    def test_retry(self):
        self.sweep('rejects', 'retry')

    def test_check(self):
        self.sweep('store', 'check')

    def test_status(self):
        self.sweep('status', '--json')
