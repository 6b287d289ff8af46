"""Histories: random files and pipelines, restarts, forgetting; the target equals an independent oracle to the digit."""
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing

from crash_case import APPLIED, CrashCase
from harness.case import InPostgres
from histories import DESCRIPTORS, Maker, pipeline_of, rules_by, with_changes
from history_oracle import COLUMNS, History, equal, read_file

FEEDS = ('Lines', 'Lines', 'Trips', 'Shops')


class Histories(CrashCase):
    SHORT, LONG = 60, 2000

    def setUp(self):
        super().setUp()
        self.target = self.make_target('all')

    # --- one history ---

    def begin(self, number):
        self.rules = rules_by(self.rng)
        if self.rng.random() < 0.5:
            self.rules = with_changes(self.rules, self.rng)
        self.name = f'h{number}'
        work = self.workspace(self.name, pipeline=self.name, feeds=('Lines', 'Trips', 'Shops'),
                              **({'target': self.target} if self.target.address is None else {}))
        work.FEEDS = ('Lines', 'Trips', 'Shops')
        schemas = work.root / 'schemas'
        shutil.rmtree(schemas)
        documents = {f'{self.name}.json': pipeline_of(self.rules, self.name), **DESCRIPTORS}
        for path, document in documents.items():
            (schemas / path).parent.mkdir(parents=True, exist_ok=True)
            (schemas / path).write_text(json.dumps(document, ensure_ascii=False), encoding='utf-8')
        self.maker = Maker(self.rng)
        self.dropped = {}  # (feed, content): names it was dropped under
        return work

    def drop_some(self, work):
        for _ in range(self.rng.randrange(1, 5)):
            again = self.rng.random()
            feed, name = self.rng.choice(FEEDS), f'f{self.rng.randrange(10**9)}'
            content = self.maker.file(feed)
            if self.dropped and again < 0.25:
                feed, content = self.rng.choice(sorted(self.dropped))
            if self.dropped and again > 0.75:
                name = self.rng.choice(sorted(name for (of, _), names in self.dropped.items() if of == feed for name in names)
                                       or [name])
            if (work.landing(feed) / name).exists():
                continue
            work.drop(feed, content, name)
            self.dropped.setdefault((feed, content), set()).add(name)

    def forget_one(self, work):
        applied = [sequence for sequence, *_ in self.committed(work)]
        if applied:
            work.command('forget', f'seq={self.rng.choice(applied)}')

    def change_rules(self, work):
        """Which holds for files that come, and for all of them once the history is told by it."""
        self.rules = with_changes(self.rules, self.rng)
        document = json.dumps(pipeline_of(self.rules, self.name), ensure_ascii=False)
        (work.root / 'schemas' / f'{self.name}.json').write_text(document, encoding='utf-8')
        if self.rng.random() < 0.5:
            work.command('replay', '--yes')

    def drift(self, work):
        """Somebody edits a table; what verify mends is what was there."""
        table = f'{self.name}_table'
        work.target.execute(self.rng.choice((f'DELETE FROM {table} WHERE n > 1;', f'UPDATE {table} SET n = n + 1;',
                                             f"UPDATE {table} SET total = NULL WHERE lines > 1;")))
        work.command('verify', '--repair')

    def step(self, work):
        self.drop_some(work)
        outcome = work.run_once(expect=None)
        self.find('lost', outcome.code not in (0, 65) or work.landed() != [], f'{self.where}: {outcome}, left {work.landed()}')
        if self.rng.random() < 0.2:
            self.forget_one(work)
        if self.rules.on_change and self.rng.random() < 0.1:
            self.change_rules(work)
        if self.rng.random() < 0.1:
            work.command('replay', '--yes')
        self.count(runs=1)

    # --- what it comes to ---

    @staticmethod
    def store(work):
        return closing(sqlite3.connect(work.checkpoints / f'{work.pipeline}.db'))

    def committed(self, work):
        """[(sequence, feed, content digest, rows, rejected)] of applied files that were not taken back, in their order."""
        with self.store(work) as connection:
            return [(sequence, feed.decode(), bytes(content), rows, rejected) for sequence, feed, content, rows, rejected in connection.execute(
                'SELECT sequence, feed, content, row_count, rejected FROM files WHERE state = ? AND forgotten = 0 ORDER BY id', (APPLIED,))]

    def judge_history(self, work):
        contents = {(feed, digest_of(content)): content for feed, content in self.dropped}
        files = {}
        for sequence, feed, digest, rows, rejected in self.committed(work):
            content = contents[feed, digest]
            files.setdefault(feed, []).append((sequence, content))
            read = read_file(feed, content)
            self.find('wrong', (rows, rejected) != (len(read), read.count(None)),
                      f'{self.where}: {content!r} has {len(read)} rows, {read.count(None)} bad, and not {rows}, {rejected}')
        self.assert_adds_up(work)
        expected = History(self.rules, files).table()
        columns = ', '.join(f'"{column}"' for column in COLUMNS)
        self.count(groups=len(expected))
        rows = [dict(zip(COLUMNS, row)) for row in work.target.query(f'SELECT {columns} FROM {self.name}_table')]
        self.find('wrong', len(rows) != len(expected), f'{self.where}: {len(rows)} rows and not {len(expected)}: {rows} {expected}')
        by_key = {(row['grp'], row['win'].replace(' ', 'T').replace('Z', '')[:19]): row for row in rows}
        for (group, start), wanted in expected.items():
            row = by_key.get((group, start.strftime('%Y-%m-%dT%H:%M:%S')))
            self.find('lost', row is None, f'{self.where}: no {group} {start}')
            for column in COLUMNS if row else ():
                self.find('wrong', not equal(row[column], wanted[column]),
                          f'{self.where}: {group} {start} {column}: {row[column]} and not {wanted[column]}')

    def test_any_history_equals_the_oracle(self):
        for number in range(self.scale(self.SHORT, self.LONG)):
            work = self.begin(number)
            self.where = f'history {number} of seed {self.seed}, {self.rules}'
            for _ in range(self.rng.randrange(1, 6)):
                self.step(work)
            if self.rng.random() < 0.2:
                self.drift(work)
            self.judge_history(work)
            self.count(points=1, files=len(self.dropped))
            if self.findings:
                break
            self.end(work)
        self.assertGreater(self.figures['groups'], self.figures['points'])

    def end(self, work):
        shutil.rmtree(work.root)


class HistoriesInPostgres(InPostgres, Histories):
    SHORT = 40

    def end(self, work):
        super().end(work)
        work.target.execute(f'DROP TABLE {self.name}_table;')


def digest_of(content):
    return hashlib.sha256(content).digest()
