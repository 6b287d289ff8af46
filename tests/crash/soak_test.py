"""Item 27, soak: hours of load, with kills, server restarts and steps of the clock; Equal, and nothing grows.

DROPFOLD_SOAK_SECONDS says for how long the long form loads (3600). All files speak of the same orders, so what dropfold must
keep in memory stays as it is, and what it has beyond that must not grow with the files that it applied.

How growth is judged, file by file and never by the clock: when everything is applied and delivered, the process's resident
memory is noted, less what its engine accounts for. Of each life of the process, after its first third and where the store is
larger than SQLite's page cache (before that it fills), the slope is the median of the slopes between all pairs of these notes
(Theil-Sen: single outliers do not move it). It may be SLOPE bytes a file. Descriptors must be no more than at the first rest
of that life. A life of too few files has no slope; the short form has only such.
"""
import itertools
import os
import re
import sqlite3
import statistics
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from crash_case import CrashCase
from harness import places
from harness.clock import Clock
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until

SHORT_ROUNDS = 9
ORDERS, CUSTOMERS, VERSIONS = 2000, 200, 150
CACHE = 16 << 20  # bytes of SQLite's pages
SLOPE = 256  # bytes a file
ENOUGH = 1500  # files from the first to the last note of a life, for a slope
PAIRS = 20000  # looked at for one slope
PATIENCE = 120  # seconds: a server that recovers, on a machine with much else to do
SECOND, DAY = 10**6, 86400 * 10**6  # microseconds
STEPS = (-2 * SECOND, 2 * SECOND, -3600 * SECOND, 3600 * SECOND, -DAY, DAY, -30 * DAY, 400 * DAY)


@dataclass(frozen=True)
class Note:
    files: int  # applied in this life
    memory: int  # bytes, beyond the engine's
    store: int  # bytes


class Life:
    """One process of dropfold, from its start to its end."""

    def __init__(self, soak):
        self.soak, self.notes, self.first = soak, [], soak.dropped
        self.daemon = soak.work.daemon('--target-check', '5', environment=soak.clock.environment)
        self.daemon.printed('target ')
        self.descriptors = None

    def rest(self):
        """Waits until everything is applied and delivered, and looks."""
        soak, pid = self.soak, self.daemon.process.pid
        until(lambda: (soak.work.status()['target']['sequence'] or 0) >= soak.dropped,
              lambda: f'delivery of {soak.dropped} changes\n{self.daemon}'[-3000:], PATIENCE)
        status = Path(f'/proc/{pid}/status').read_text(encoding='ascii')
        resident = int(re.search(r'VmRSS:\s+(\d+) kB', status)[1]) << 10
        files = soak.dropped - self.first
        self.notes.append(Note(files, resident - soak.accounted(), soak.store.stat().st_size))
        open_now = self.open_descriptors(pid)
        if self.descriptors is None:
            self.descriptors = len(open_now)
        elif len(open_now) > self.descriptors:
            until(lambda: len(self.open_descriptors(pid)) <= self.descriptors,
                  lambda: f'{self.descriptors} descriptors again: {self.open_descriptors(pid)}')

    @staticmethod
    def open_descriptors(pid):
        """Nothing where we may not look: the process is not dumpable."""
        if os.geteuid() != 0:
            return []
        return sorted(os.readlink(path) for path in Path(f'/proc/{pid}/fd').iterdir())

    def slope(self):
        """Bytes a file; None when this life was too short to tell."""
        warm = [note for note in self.notes[len(self.notes) // 3:] if note.store > CACHE]
        if len(warm) < 3 or warm[-1].files - warm[0].files < ENOUGH:
            return None
        pairs = [(a, b) for a, b in itertools.combinations(warm, 2) if b.files > a.files]
        if len(pairs) > PAIRS:
            pairs = self.soak.rng.sample(pairs, PAIRS)
        return statistics.median((b.memory - a.memory) / (b.files - a.files) for a, b in pairs)


class Soak(CrashCase):
    def setUp(self):
        super().setUp()
        self.cluster = self.own_cluster()
        self.work = self.workspace(target=self.postgres_target(self.cluster))
        self.store = self.work.checkpoints / 'ecommerce.db'
        self.clock, self.moved = Clock(self), 0
        self.files, self.dropped, self.lives = [], 0, []
        self.source = self.folder / 'files'
        self.source.mkdir()
        self.count(kills=0, restarts=0, steps=0)

    # --- what happens ---

    def step(self, micros):
        self.moved += micros
        if abs(self.moved) > 2000 * DAY:
            self.moved = 0
        self.clock.set(self.moved)

    def step_the_clock(self, _):
        self.step(self.rng.choice(STEPS))
        self.count(steps=1)

    def restart_the_server(self, _):
        self.cluster.stop('immediate')
        self.cluster.start()
        self.count(restarts=1)

    def kill(self, life):
        life.daemon.process.kill()
        life.daemon.process.wait()
        life.daemon.__exit__(None, None, None)
        self.count(kills=1)

    # --- files ---

    def content(self):
        """New versions of some orders, of their tasks, or of customers; no two files are the same."""
        rng, kind = self.rng, self.rng.random()
        numbers = rng.sample(range(1, ORDERS + 1), rng.randrange(1, 40))
        if kind < 0.05:
            return 'Customers', '.json', customers(*rng.sample(range(1, CUSTOMERS + 1), 20), self.dropped + 10**6)
        if kind < 0.4:
            return 'Deliveries', '.csv', deliveries(*(delivery(n, task=n, distance=rng.randrange(10**6)) for n in numbers))
        lines = [order(n, sku=rng.choice('AB'), customer=n % CUSTOMERS + 1, total=f'{rng.randrange(10**8)}.{n % 100:02}',
                       quantity=rng.randrange(1, 50), time=f'2022-0{rng.randrange(1, 4)}-1{n % 10}T12:00:00.000Z')
                 for n in numbers]
        if kind > 0.95:
            lines[-1]['Order Total'] = 'many'
        return 'Orders', '.csv', orders(*lines)

    def drop(self, feed, end, content):
        self.dropped += 1
        path = self.source / f'{self.dropped:07}{end}'
        path.write_bytes(content)
        self.files.append((feed, path))
        if self.rng.random() < 0.5:
            self.work.drop(feed, path)
        else:  # as who writes in place, at the machine's time
            (self.work.landing(feed) / path.name).write_bytes(content)

    def drop_first(self):
        """Everything that there will be; in the long form so often that the store is larger than the page cache."""
        every = range(1, ORDERS + 1)
        self.drop('Customers', '.json', customers(*range(1, CUSTOMERS + 1)))
        self.drop('Deliveries', '.csv', deliveries(*(delivery(n, task=n) for n in every)))
        for version in range(self.scale(1, VERSIONS)):
            self.drop('Orders', '.csv', orders(*(order(n, sku=sku, customer=n % CUSTOMERS + 1, total=f'{version}.{n % 100:02}')
                                                 for n in every for sku in 'AB')))

    # --- the load ---

    def accounted(self):
        """What the engine says that it holds, in bytes, as of the last commit."""
        with closing(sqlite3.connect(f'file:{self.store}?mode=ro', uri=True, timeout=30)) as connection:
            text = connection.execute("SELECT value FROM meta WHERE key = 'summary'").fetchone()[0].decode()
        return int(re.search(r'^memory (\d+)$', text, re.MULTILINE)[1])

    def rounds(self):
        """(what happens in it, how far we are from 0 to 1) of each round."""
        if not self.long:
            yield from ((what, 0) for what in (self.step_the_clock, self.restart_the_server, self.kill) * (SHORT_ROUNDS // 3))
            return
        seconds = float(os.environ.get('DROPFOLD_SOAK_SECONDS', '3600'))
        began = time.monotonic()
        while (gone := (time.monotonic() - began) / seconds) < 1:
            events = [self.step_the_clock] * 10 + [self.restart_the_server] * 2 + [None] * 10
            # the last half is one life, long enough for a slope
            yield self.rng.choice(events + [self.kill] * (2 if gone < 0.5 else 0)), gone

    def round(self, life, event):
        before = len(life.daemon.out)
        count = self.rng.randrange(5, self.scale(15, 60))
        for _ in range(count):
            self.drop(*self.content())
        if event:  # somewhere between the first of them and the last
            printed = self.rng.randrange(count)
            until(lambda: len(life.daemon.out) - before >= printed, lambda: f'{printed} lines more\n{life.daemon}'[-3000:],
                  PATIENCE)
            event(life)
        if life.daemon.process.poll() is not None:
            return self.begin()
        life.rest()
        return life

    def begin(self):
        life = Life(self)
        self.lives.append(life)
        life.rest()
        return life

    def test_nothing_is_lost_and_nothing_grows(self):
        self.drop_first()
        life = self.begin()
        try:
            for event, gone in self.rounds():
                life = self.round(life, event)
                self.count(points=1)
                self.progress(life, gone)
        finally:
            life.daemon.__exit__(*sys.exc_info())
        self.judge_ledger(self.work, self.files, 'at the end')
        self.judge_target(self.work, self.in_order(self.work, self.files), 'at the end')
        self.work.command('verify')
        self.count(files=self.dropped)
        self.judge_clock()
        self.judge_growth()

    def progress(self, life, gone):
        if self.long and self.figures['points'] % 100 == 0:
            note = life.notes[-1]
            print(f'{gone:.0%}: {self.figures}, {self.dropped} files, life {len(self.lives)}: {note}', flush=True)

    def judge_clock(self):
        """That the steps were steps to the program: the times of its commits went back now and then."""
        with closing(sqlite3.connect(self.store)) as connection:
            times = [row[0] for row in connection.execute('SELECT committed FROM changes ORDER BY sequence')]
        self.count(clock_went_back=sum(b < a for a, b in itertools.pairwise(times)))
        self.assertGreater(self.figures['clock_went_back'], 0)

    def judge_growth(self):
        slopes = [slope for slope in (life.slope() for life in self.lives) if slope is not None]
        if not self.long or places.sanitized():
            return
        self.assertTrue(slopes, f'no life of {ENOUGH} files: load for longer')
        self.count(lives=len(self.lives), bytes_a_file=round(max(slopes)), descriptors=self.lives[-1].descriptors)
        self.assertLessEqual(max(slopes), SLOPE, slopes)
