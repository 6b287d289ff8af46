"""Item 3, looks: a file that cannot be looked at, listed or opened for a moment is not one that is gone.

Commands that go by what they find fail at each call that looks, lists or opens, with an error that passes. Either they end
with an error, and nothing is done, or with what they come to undisturbed. Beside the error sweep, which has a run alone.
"""
import errno
import os
import shutil

from crash_case import CrashCase
from harness.files import order, orders
from harness.workspace import COMMAND_LIMIT, Outcome
from injecting import ARGUMENTS, UNDER_TRACER
from tracing import Tracer

LOOKS = ('access', 'faccessat', 'faccessat2', 'stat', 'lstat', 'newfstatat', 'getdents64', 'open', 'openat')
PASSING = (errno.EIO, errno.EMFILE)


class LooksThatFail(CrashCase):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('only root may see what the descriptors of a traced dropfold are')
        self.work = self.workspace('start')

    def traced(self, work, decide, words, names):
        code, out, err, hung = Tracer(names, decide).run(work.arguments(*words), work.root, work.environment(UNDER_TRACER),
                                                         COMMAND_LIMIT)
        self.assertFalse(hung, words)
        return Outcome(code, out, err)

    def tried(self, name, decide, words, where, names):
        """(workspace, outcome, where) of the command in a copy that is gone afterwards."""
        work = self.copy_of(self.work, name)
        outcome = self.traced(work, decide, words, names)
        yield work, outcome, f'{where} of {words}: {outcome}'
        work.target.drop()
        shutil.rmtree(work.root)

    def each(self, *words, inside='', errors=PASSING, names=LOOKS):
        """The same of none of its looks failed, then of each; or only of those inside of folders that end so."""
        calls = []

        def note(call):
            if call.descriptor().endswith(inside):
                calls.append((call.name, call.k))

        yield from self.tried('calm', note, words, 'nothing', names)
        points = [(point, number) for point in calls for number in errors]
        for point, number in self.some(points, short=16):
            self.count(points=1)
            yield from self.tried('failed', lambda call: number if (call.name, call.k) == point else None, words,
                                  f'{errno.errorcode[number]} at {point}', names)

    def applied(self, work):
        return sorted(name for _, name, state, _ in self.ledger(work) if state == 0)

    def test_a_replay_leaves_out_what_is_missing_and_nothing_else(self):
        """Out of the archive alone too, whose folders are listed."""
        self.work.drop_all(self.order_files(3))
        self.work.run_once()
        self.work.drop('Orders', self.order_files(1, first=9)[2][1])
        self.work.run_once()
        archive = self.work.data / 'archive' / 'Orders'
        (archive / self.work.archived('Orders')[0]).unlink()
        wanted = self.applied(self.work)
        wanted.remove('order-000001.csv')
        for lost in (False, True):
            if lost:
                (self.work.checkpoints / 'ecommerce.db').unlink()
            for work, outcome, where in self.each('replay', '--accept-missing', '--yes'):
                if outcome.code == 0:
                    self.find('lost', self.applied(work) != wanted, f'{where}: has {self.applied(work)}')
                else:
                    self.find('wrong', not outcome.err.strip(), f'{where}: not a word')
                    work.command('replay', '--accept-missing', '--yes')
                    self.find('lost', self.applied(work) != wanted, f'{where}: the next one has {self.applied(work)}')

    def test_the_file_of_a_name_that_is_there_is_put_back_and_no_other(self):
        for number in (1, 2):
            self.work.drop('Orders', f'Order_ID,{number}\n"'.encode(), 'bad.csv')
            self.work.run_once()
        kept = self.work.data / 'quarantine' / 'Orders' / 'bad.csv.1'
        content = kept.read_bytes()
        for work, outcome, where in self.each('rejects', 'retry', 'bad.csv'):
            landed = [(work.landing('Orders') / name).read_bytes() for name in work.landed('Orders')]
            self.find('wrong', landed not in ([], [content]), f'{where}: put back {landed}')
            self.find('wrong', outcome.code == 0 and not landed, f'{where}: nothing was put back')

    def test_files_that_another_pipeline_quarantined_are_not_noted(self):
        self.work.drop('Orders', b'Order_ID,1\n"', 'bad.csv')
        self.work.run_once()
        (self.work.checkpoints / 'ecommerce.db').unlink()
        reason = self.work.data / 'quarantine' / 'Orders' / 'bad.csv.reason'
        # As an older dropfold wrote it.
        reason.write_text('no closing quote\nset aside by pipeline another\n', encoding='utf-8')
        for work, outcome, where in self.each('run', *ARGUMENTS, inside='quarantine/Orders'):
            if (work.checkpoints / 'ecommerce.db').exists() and outcome.code == 0:
                self.find('wrong', len(self.ledger(work)), f'{where}: {self.ledger(work)}')

    def test_a_file_that_cannot_be_looked_at_or_read_for_a_moment_is_not_overtaken(self):
        for number, name in enumerate(('first.csv', 'second.csv', 'third.csv')):
            self.work.drop('Orders', orders(order(1, total=f'{number}.01')), name)
        for work, outcome, where in self.each('run', *ARGUMENTS, inside=('data/Orders', '.csv'),
                                              names=('openat', 'newfstatat', 'getdents64', 'read', 'fsync'),
                                              errors=(errno.EMFILE, errno.ENOMEM, errno.EIO)):
            if outcome.code != 0:
                work.run_once()
            names = [name for _, name, state, _ in self.ledger(work) if state == 0]
            self.find('wrong', names != ['first.csv', 'second.csv', 'third.csv'], f'{where}: applied {names}')

    def test_a_file_whose_folders_cannot_be_flushed_is_told_to_be_where_it_lies(self):
        self.work.drop_all(self.order_files(2))
        for work, outcome, where in self.each('run', *ARGUMENTS, inside='Orders', errors=(errno.EIO,), names=('fsync',)):
            for line in outcome.out.splitlines():
                if line.startswith('applied '):
                    file, place = line.split()[1], line.split(' -> ')[1]
                    lies = (work.data / file if place == 'left in place' else work.root / place).exists()
                    self.find('wrong', not lies, f'{where}: {line}')
