"""Item 17, corruption: bytes of the store change on the disk, one at a time, at random places.

What a change means is decided without the program: Python's SQLite reads all rows of all tables, before and after, and
checks every page and index. Where that tells a difference, dropfold must tell damage, at the start or by `store check` or
`verify`; where it tells none (unused bytes of a page, numbers in the header that nobody needs), dropfold may go on. What it
delivers when it goes on, into a target that was lost, must be what it was.
"""
import os
import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from crash_case import CrashCase
from harness.files import customers, order, orders
from harness.polling import until
from harness.targets import SqliteTarget, dump
from harness.workspace import COMMAND_LIMIT

PAGE, LOG_HEADER, FRAME_HEADER = 16384, 32, 24
FRAME = FRAME_HEADER + PAGE
STORE, LOG = 'ecommerce.db', 'ecommerce.db-wal'
NEWER = 'was made by a newer dropfold'  # a byte of user_version: nothing is damaged as far as anybody can tell
NAMED = re.compile(f'{re.escape(STORE)}(-wal)? ?.*(is damaged: |is not a dropfold store|{NEWER})')


@dataclass(frozen=True)
class Byte:
    file: str
    at: int
    mask: int

    def change(self, folder):
        with open(folder / self.file, 'r+b') as file:
            file.seek(self.at)
            found = file.read(1)[0]
            file.seek(self.at)
            file.write(bytes([found ^ self.mask]))


def contents(checkpoints, scratch):
    """Every row of every table and what SQLite says of the structure; None when something cannot be read."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(checkpoints, scratch)
    try:
        with closing(sqlite3.connect(scratch / STORE)) as connection:
            connection.text_factory = bytes
            found = {pragma: connection.execute(f'PRAGMA {pragma}').fetchall()
                     for pragma in ('application_id', 'user_version', 'encoding', 'integrity_check')}
            found['schema'] = connection.execute('SELECT type, name, tbl_name, sql FROM sqlite_schema').fetchall()
            for kind, name, _, _ in found['schema']:
                if kind == b'table':
                    table = name.decode()
                    found[table] = connection.execute(f'SELECT * FROM "{table}" NOT INDEXED').fetchall()
            return found
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError):
        return None


class Corruption(CrashCase):
    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=200, files=3)
        self.figures |= {'found_at_start': 0, 'found_by_check': 0, 'harmless': 0, 'last_transaction': 0, 'ways_out': 0}
        self.scratch = self.folder / 'scratch'
        self.cut = self.reference_cut = None  # the store without the last transaction of its log, and its target
        self.work = self.workspace()
        self.fill()

    def fill(self):
        """Rows in every table of the store: rejects, a redelivery, a quarantined file, one forgotten, a store replaced."""
        self.work.drop_all(self.files[:6])
        self.work.run_once()
        self.work.command('replay', '--yes')
        feed, path = self.files[0]
        self.work.drop(feed, path, 'again')
        self.work.drop('Orders', b'no header of ours\n1\n', 'quarantined.csv')
        self.work.drop('Orders', orders(order(1, customer=7), order(2, customer=7)), 'taken-back.csv')
        self.work.drop('Customers', customers(7), 'customer-7.json')
        self.work.run_once(expect=None)
        self.work.command('forget', 'taken-back.csv')
        # the names in an archive do not say what was forgotten
        next((self.work.data / 'archive' / 'Orders').glob('*-taken-back.csv')).unlink()
        self.extra = self.written([('Customers', 'customer-7.json', customers(7))])

    def keep(self):
        """What all trials begin with, and must come to again."""
        self.judge_target(self.work, [*self.files, *self.extra], 'undisturbed')
        self.whole = self.folder / 'whole'
        shutil.copytree(self.work.checkpoints, self.whole, ignore=shutil.ignore_patterns('*.sock'))
        self.reference = dump(self.work.target)
        self.sound = contents(self.whole, self.scratch)
        self.assertEqual(self.sound['integrity_check'], [(b'ok',)])
        empty = [name for name, rows in self.sound.items() if not rows]
        self.assertEqual(empty, [], 'every table has rows')
        self.backup = self.folder / 'backup.db'
        self.bench = self.copy_of(self.work, 'bench')
        self.bench.command('store', 'backup', self.backup)
        self.lost = SqliteTarget(self.bench.data / 'results' / 'lost.db')

    # --- a byte ---

    def put(self, work, byte):
        shutil.rmtree(work.checkpoints)
        shutil.copytree(self.whole, work.checkpoints)
        byte.change(work.checkpoints)

    def random_byte(self, file):
        """Anywhere; or at the beginning of a page or frame, which says how it is to be read; or at its end, where the
        rows are."""
        rng, size = self.rng, (self.whole / file).stat().st_size
        head, unit, start = (0, PAGE, 128) if file == STORE else (LOG_HEADER, FRAME, FRAME_HEADER)
        beginning = head + unit * rng.randrange(-1 if head else 0, (size - head) // unit)
        at = rng.choice((rng.randrange(size), max(beginning, 0) + rng.randrange(start),
                         beginning + unit - 1 - rng.randrange(512)))
        mask = 1 << rng.randrange(8) if rng.random() < 0.5 else rng.randrange(1, 256)
        return Byte(file, min(max(at, 0), size - 1), mask)

    def command(self, work, byte, *words, target=None):
        """Its outcome, on the damaged store; that it came to an end of its own, and said why."""
        self.put(work, byte)
        outcome = work.command(*words, expect=None, target=target)
        named = outcome.code == 0 or NAMED.search(outcome.err) or 'diverged' in outcome.err
        wanted = 78 if NEWER in outcome.err else 1
        self.find('wrong', outcome.code not in (0, wanted), f'{byte}, {words}: {outcome}')
        self.find('wrong', not named, f'{byte}, {words}: no name for it: {outcome}')
        return outcome

    def start(self, byte):
        """With a target that was lost, so that all of the store is delivered: (went on, what was delivered)."""
        for path in self.lost.path.parent.glob('lost.db*'):
            path.unlink()
        outcome = self.command(self.bench, byte, 'run', '--once', '--settle', 0, target=self.lost.address)
        held = dump(self.lost) if self.lost.path.exists() else {}
        self.find('wrong', outcome.code != 0 and any(held.values()), f'{byte}: refused and delivered: {outcome}')
        return outcome, held

    def trial(self, number, byte):
        self.put(self.bench, byte)
        found = contents(self.bench.checkpoints, self.scratch)
        started, held = self.start(byte)
        checked = self.command(self.bench, byte, *(('store', 'check') if number % 2 else ('verify',)))
        if started.code == 0 and byte.file == LOG and found == self.cut:
            self.last_transaction(byte, held)
        elif started.code or checked.code:
            self.count(found_at_start=started.code != 0, found_by_check=started.code == 0)
        else:
            self.count(harmless=1)
            self.find('lost', found != self.sound, f'{byte}: changes the store and is not found')
        if started.code == 0:
            self.find('wrong', held not in (self.reference, found == self.cut and self.reference_cut),
                      f'{byte}: other numbers are delivered')
        self.count(points=1)
        return started

    def last_transaction(self, byte, held):
        """A log whose last transaction cannot be read: a power loss leaves the same. A note of a delivery is no loss; of a
        change the target that has it tells, and a deep look at the sources.
        """
        self.count(last_transaction=1)
        if held == self.reference:
            return
        refused = self.command(self.bench, byte, 'run', '--once', '--settle', 0)
        self.find('lost', 'is ahead of this store' not in refused.err, f'{byte}: the target does not tell: {refused}')
        self.find('wrong', dump(self.bench.target) != self.reference, f'{byte}: the target was changed')
        self.bench.run_once(target='none:')
        looked = self.bench.command('verify', '--deep', target=self.lost.address, expect=None)
        self.find('lost', looked.code != 65 or 'in no ledger' not in looked.out, f'{byte}: {looked}')

    def try_all(self, bytes_, way_out_every):
        found = 0
        for number, byte in enumerate(bytes_):
            started = self.trial(number, byte)
            if started.code == 1:
                if found % way_out_every == 0:
                    self.ways_out(byte, started)
                found += 1

    # --- the ways out ---

    def ways_out(self, byte, started):
        """As the message has them."""
        commands = re.findall('`dropfold ([^`]*)`', started.err)
        self.assertEqual(commands, ['replay --from-archive --yes'], started)
        self.assertIn('backup', started.err)
        for way in ('backup', *commands):
            work = self.copy_of(self.work, 'way-out')
            self.put(work, byte)
            for path in work.checkpoints.glob(f'{STORE}*'):
                path.unlink()
            if way == 'backup':
                shutil.copy(self.backup, work.checkpoints / STORE)
            else:
                process = work.popen([str(work.program), '-t', work.target.address, *shlex.split(way)])
                _, err = process.communicate(timeout=COMMAND_LIMIT)
                self.assertEqual(process.returncode, 0, err)
            work.run_once()
            self.find('wrong', dump(work.target) != self.reference, f'{byte}: {way} does not lead back')
            self.count(ways_out=1)
            shutil.rmtree(work.root)

    # --- tests ---

    def test_a_store_at_rest(self):
        self.work.drop_all(self.files[6:])
        self.work.run_once()
        self.keep()
        self.assertEqual([path.name for path in self.whole.glob(f'{STORE}*')], [STORE])
        self.try_all([self.random_byte(STORE) for _ in range(self.scale(20, 550))], self.scale(10, 40))

    def test_a_log_that_a_killed_process_left(self):
        """With the store that it belongs to. The last transaction notes a delivery."""
        self.fill_log()
        self.keep_log(self.commits())
        self.assertEqual(self.cut['changes'], self.sound['changes'])
        self.try_all([self.random_byte(self.rng.choice((STORE, LOG, LOG))) for _ in range(self.scale(10, 250))],
                     self.scale(10, 40))

    def test_a_log_that_ends_with_a_change(self):
        """As when the process is killed before it notes that the target has it."""
        self.fill_log()
        ends = self.commits()
        whole = len(self.cut_at(ends[-1])['changes'])
        while len(self.cut_at(ends[-2])['changes']) == whole:
            ends.pop()
        self.keep_log(ends)
        self.assertEqual(len(self.cut['changes']), whole - 1)
        self.try_all([self.random_byte(LOG) for _ in range(self.scale(10, 200))], self.scale(10, 40))

    # --- a log ---

    def fill_log(self):
        *more, last = self.files[6:]
        with self.work.daemon() as daemon:
            for feed, path in more:
                self.drop_and_wait(daemon, feed, path)
            self.reference_cut = dump(self.work.target)
            self.drop_and_wait(daemon, *last)
            daemon.process.kill()
            daemon.process.wait()

    def drop_and_wait(self, daemon, feed, path):
        sequence = self.work.status()['sequence'] + 1
        self.work.drop(feed, path)
        daemon.delivered(sequence)
        until(lambda: self.noted() == sequence, lambda: f'a note that change {sequence} is delivered\n{daemon}')

    def noted(self):
        """The last delivery that the store knows of."""
        with closing(sqlite3.connect(f'file:{self.work.checkpoints / STORE}?mode=ro', uri=True)) as connection:
            return int(connection.execute("SELECT value FROM meta WHERE key = 'delivered_sequence'").fetchone()[0])

    def commits(self):
        """Where each transaction ends in the log."""
        log = (self.work.checkpoints / LOG).read_bytes()
        salts = log[16:24]
        heads = ((end, log[end - FRAME:end - PAGE]) for end in range(LOG_HEADER + FRAME, len(log) + 1, FRAME))
        return [end for end, head in heads if any(head[4:8]) and head[8:16] == salts]

    def cut_at(self, end):
        """What the store holds when its log ends there."""
        cut = self.folder / 'cut'
        shutil.rmtree(cut, ignore_errors=True)
        shutil.copytree(self.work.checkpoints, cut, ignore=shutil.ignore_patterns('*.sock', '*-shm'))
        os.truncate(cut / LOG, end)
        return contents(cut, self.scratch)

    def keep_log(self, ends):
        """Up to the last of these ends."""
        os.truncate(self.work.checkpoints / LOG, ends[-1])
        self.cut = self.cut_at(ends[-2])
        self.keep()
