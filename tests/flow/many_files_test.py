"""Many small files at once: the tables and the ledger of one at a time, for fewer commits."""
import re
import signal
import sqlite3
import struct
from contextlib import closing, contextmanager

from harness.case import FlowCase, InPostgres
from harness.polling import until
from harness.targets import dump

FRAME, PAGE = 24, 16384
COLUMNS = ('feed, name, state, content, row_count, applied, unchanged, superseded, filtered, deleted, late, rejected, '
           'replaced, forgotten, stored, reason')


def commits(workspace):
    """So many the log of the store holds: frames that say how large the database is behind them."""
    log = (workspace.checkpoints / f'{workspace.pipeline}.db-wal').read_bytes()
    salt = log[16:24]
    heads = (log[at:at + FRAME] for at in range(32, len(log), FRAME + PAGE))
    return sum(head[8:16] == salt and struct.unpack('>I', head[4:8])[0] > 0 for head in heads)


def ledger(workspace):
    """What the store says of each file, but for when, for the numbers that its disk gave it, and for those of the changes:
    which folder is looked into first is left to chance."""
    with closing(sqlite3.connect(workspace.checkpoints / f'{workspace.pipeline}.db')) as connection:
        rows = connection.execute(f'SELECT {COLUMNS} FROM files').fetchall()
    return sorted((*row[:-2], re.sub(rb'/\d{6}-', b'/N-', bytes(row[-2])), re.sub(rb'seq \d+', b'seq N', bytes(row[-1])))
                  for row in rows)


def sequences(workspace, feed):
    """The files of a feed in the order in which they were applied."""
    with closing(sqlite3.connect(workspace.checkpoints / f'{workspace.pipeline}.db')) as connection:
        return connection.execute('SELECT name FROM files WHERE state = 0 AND feed = ? ORDER BY sequence',
                                  (feed.encode(),)).fetchall()


@contextmanager
def stopped(daemon):
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.process.send_signal(signal.SIGCONT)


class ManyFiles(FlowCase):
    AFTER, LOOK = 'archive', ('--deep',)

    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=600, files=20)
        self.others = [('Orders', b'"never closed', 'bad.csv'), ('Orders', self.files[1][1], 'again.csv'),
                       ('Orders', self.files[4][1].read_bytes().replace(b'\n', b'\r\n'), 'equal.csv')]

    def all_dropped(self, work, then=lambda number: None):
        for number, (feed, path) in enumerate(self.files):
            work.drop(feed, path)
            then(number + 1)
        for number, (feed, content, name) in enumerate(self.others):
            work.drop(feed, content, name)
            then(len(self.files) + number + 1)

    def landed(self, work):
        return work.landed()

    def ended(self, daemon, number):
        """So many files have a line."""
        ends = ('applied ', 'duplicate ', 'quarantined ')
        until(lambda: sum(line.startswith(ends) for line in list(daemon.out)) >= number,
              lambda: f'{number} files\n{daemon}')

    def run_of(self, name, at_once):
        work = self.workspace(name)
        work.configure('Orders', after=self.AFTER)
        total = len(self.files) + len(self.others)
        with work.daemon() as daemon:
            if at_once:
                with stopped(daemon):
                    self.all_dropped(work)
            else:
                self.all_dropped(work, lambda number: self.ended(daemon, number))
            self.ended(daemon, total)
            daemon.delivered(len(self.files) + 1)
            count = commits(work)
        self.assertEqual(self.landed(work), [])
        self.assert_adds_up(work)
        return work, count

    def test_at_once_and_one_at_a_time(self):
        calm, one_by_one = self.run_of('calm', at_once=False)
        many, together = self.run_of('many', at_once=True)
        self.assertEqual(ledger(many), ledger(calm))
        for feed in ('Customers', 'Orders', 'Deliveries'):
            self.assertEqual(sequences(many, feed), sequences(calm, feed))
        self.assertEqual(dump(many.target), dump(calm.target))
        self.assertGreaterEqual(one_by_one, len(self.files))
        self.assertLess(together, len(self.files) / 2)
        self.assertEqual(many.command('verify', *self.LOOK).code, 0)


class ManyFilesInPostgres(InPostgres, ManyFiles):
    pass


class ManyFilesDeleted(ManyFiles):
    AFTER, LOOK = 'delete', ()


class ManyFilesLeft(ManyFiles):
    AFTER = 'leave'

    def landed(self, work):
        return work.landed('Customers', 'Deliveries')
