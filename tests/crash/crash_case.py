"""The base of all fault tests: figures that are counted, and the judgement of what a fault left behind."""
import os
import random
import shutil
import signal
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

from harness import compare
from harness.case import TABLES, FlowCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.oracle import Oracle
from harness.targets import dump

APPLIED = 0  # a file's state in the ledger


class CrashCase(FlowCase):
    """A test counts with count() and judges with judge(); what it found wrong fails it at its end."""

    def setUp(self):
        super().setUp()
        self.figures = {'points': 0, 'lost': 0, 'doubled': 0, 'wrong': 0}
        self.findings = []
        self.seed = int(os.environ.get('DROPFOLD_TORTURE_SEED', '1'))
        self.rng = random.Random(self.seed)

    def tearDown(self):
        super().tearDown()
        found = {name: self.figures[name] for name in ('lost', 'doubled', 'wrong') if self.figures[name]}
        self.assertEqual((found, self.findings[:5]), ({}, []), f'seed {self.seed}')

    @property
    def long(self):
        return os.environ.get('DROPFOLD_TORTURE') == 'long'

    def scale(self, short, long):
        """How many points this form of the test tries."""
        return long if self.long else short

    def some(self, points, short):
        """All points in the long form; in the short one so many of them, spread evenly, always the same for a seed."""
        if self.long or len(points) <= short:
            return list(points)
        step = len(points) / short
        first = self.rng.random() * step
        return [points[int(first + step * number)] for number in range(short)]

    def count(self, **figures):
        for name, value in figures.items():
            self.figures[name] = self.figures.get(name, 0) + value

    def find(self, kind, number, what):
        """Notes `number` lost, doubled or wrong."""
        if number:
            self.figures[kind] += number
            self.findings.append(what)

    # --- what is dropped ---

    def written(self, contents):
        """Files of (feed, name, bytes), in a folder of their own, as judge() takes them: [(feed, path), ...]."""
        folder = Path(tempfile.mkdtemp(prefix='files-', dir=self.folder))
        files = []
        for feed, name, content in contents:
            path = folder / feed / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            files.append((feed, path))
        return files

    def order_files(self, count, first=1):
        """A customer, a delivery of each of `count` orders, and these orders, a file each."""
        numbers = range(first, first + count)
        return self.written([('Customers', f'customers-{first}.json', customers(first)),
                             ('Deliveries', f'deliveries-{first}.csv', deliveries(*map(delivery, numbers)))] +
                            [('Orders', f'order-{number:06d}.csv', orders(order(number, customer=first, total=f'{number}.01')))
                             for number in numbers])

    # --- a daemon under a fault ---

    @contextmanager
    def stopped(self, daemon):
        """What happens meanwhile the daemon learns of at once, when it goes on."""
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            daemon.process.send_signal(signal.SIGCONT)

    # --- what a fault left ---

    def copy_of(self, workspace, name):
        """Another workspace with the same files, times, checkpoints and (SQLite) target."""
        copy = self.workspace(name)
        shutil.rmtree(copy.root)
        shutil.copytree(workspace.root, copy.root, symlinks=True, ignore=shutil.ignore_patterns('*.sock'))
        return copy

    def judge(self, workspace, files, where, reference=None):
        """After a run to the end: every file is applied once, its rows add up, and the target holds what the oracle makes
        of `files`. With a `reference`, the dump of a target that was judged already, the two must be equal to the byte.
        """
        self.judge_ledger(workspace, files, where)
        if reference is None:
            self.judge_target(workspace, files, where)
        elif dump(workspace.target) != reference:
            self.find('wrong', 1, f'{where}: the target is not the undisturbed one')

    def in_order(self, workspace, files):
        """Those of `files` that were applied, in the order of their changes."""
        paths = {(feed, path.name): path for feed, path in files}
        applied = [(feed, name) for feed, name, state, _ in self.ledger(workspace) if state == APPLIED]
        return [(feed, paths[feed, name]) for feed, name in applied if (feed, name) in paths]

    def judge_target(self, workspace, files, where):
        """Its table alone, whatever runs and wherever the files are."""
        table, expected = TABLES[workspace.pipeline]
        differences = compare.differences(workspace.target, table, expected(Oracle(files)), limit=10**6)
        self.find('wrong', len(differences), f'{where}: {differences[:3]}')

    def judge_ledger(self, workspace, files, where):
        ledger = self.ledger(workspace)
        for feed in workspace.FEEDS:
            wanted = sorted(path.name for kind, path in files if kind == feed)
            applied = sorted(name for kind, name, state, adds_up in ledger if kind == feed and state == APPLIED)
            self.find('lost', len(set(wanted) - set(applied)), f'{where}: {feed} has {applied}')
            self.find('doubled', len(applied) - len(set(applied)), f'{where}: {feed} has {applied}')
        others = [row for row in ledger if row[2] != APPLIED]
        self.find('doubled', len(others), f'{where}: not applied: {others}')
        uneven = [row for row in ledger if not row[3]]
        self.find('lost', len(uneven), f'{where}: rows do not add up: {uneven}')
        self.find('lost', len(workspace.landed()), f'{where}: still landed {workspace.landed()}')

    @staticmethod
    def ledger(workspace):
        """[(feed, name, state, its rows add up), ...] of a store that no process has open."""
        store = workspace.checkpoints / f'{workspace.pipeline}.db'
        with closing(sqlite3.connect(store)) as connection:
            return [(feed.decode(), os.fsdecode(name), state, bool(adds_up)) for feed, name, state, adds_up in
                    connection.execute('SELECT feed, name, state, row_count = applied + unchanged + superseded + filtered + '
                                       'deleted + late + rejected FROM files ORDER BY id')]
