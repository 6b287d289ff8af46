"""Retention: SIGKILL at the calls that make a file and the windows behind it durable; what is closed is closed once."""
import shutil
import signal

from crash_case import CrashCase
from harness import compare
from harness.files import customers, deliveries, delivery, order, orders
from harness.retention import Retaining
from harness.targets import dump
from injecting import ARGUMENTS, calls_of, run_with

DURABLE = {'fdatasync', 'fsync', 'pwrite64', 'rename', 'renameat2', 'linkat', 'unlink', 'unlinkat'}
OLD, NEW, NEWER = '2022-01-10T12:00:00.000Z', '2022-02-10T12:00:00.000Z', '2022-03-10T12:00:00.000Z'


class Closing(CrashCase):
    SHORT = 12

    def setUp(self):
        super().setUp()
        self.files = self.written([
            ('Customers', 'customers', customers(1)),
            ('Deliveries', 'deliveries', deliveries(*(delivery(number, task=number) for number in range(1, 5)))),
            ('Orders', 'old', orders(order(1, 'A', time=OLD), order(2, 'A', time=NEW))),
            ('Orders', 'new', orders(order(1, 'B', time=OLD), order(3, 'A', time=NEWER))),
            ('Orders', 'late', orders(order(2, 'A', time=NEW, quantity=5), order(4, 'A', time=NEWER)))])
        self.start = self.workspace('start')
        self.start.edit('ecommerce.json', lambda d: d.update(retention={'lateness': '20 days'}))
        self.start.drop_all(self.files[:2])
        self.start.run_once()
        self.start.drop_all(self.files[2:])

    def assert_like_the_oracle(self, work, where):
        oracle = Retaining(self.files)
        self.find('wrong', len(compare.differences(work.target, 'ecommerce', oracle.ecommerce())), where)
        status = work.status()
        self.find('lost', abs(sum(feed['late'] for feed in status['feeds']) - len(oracle.late)), where)
        self.find('doubled', abs(status['closed']['units'] - len(oracle.orders)), where)
        self.judge_ledger(work, self.files, where)

    def test_a_file_and_what_it_closes(self):
        calm = self.copy_of(self.start, 'calm')
        calls = [call for call in calls_of(calm) if call[0] in DURABLE]
        self.assert_like_the_oracle(calm, 'undisturbed')
        reference = dump(calm.target)
        for call in self.some(calls, self.SHORT):
            work = self.copy_of(self.start, 'killed')
            process, _, err = run_with(work, *call, 'signal=KILL')
            self.assertNotIn('hung', err, call)
            self.count(points=process.returncode == -signal.SIGKILL)
            outcome = work.command('run', *ARGUMENTS, expect=None)
            self.find('lost', outcome.code, f'killed at {call}: the next start {outcome}')
            self.find('wrong', dump(work.target) != reference, f'killed at {call}: another target')
            self.assert_like_the_oracle(work, f'killed at {call}')
            shutil.rmtree(work.root)
