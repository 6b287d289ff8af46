"""Item 15, target rewound: an older dump restored, tables dropped or emptied, rows edited; at rest and live."""
import sqlite3
from contextlib import closing, nullcontext

from crash_case import CrashCase
from harness.case import InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.targets import dump

LATER = '2022-02-10T12:00:00.000Z'  # in another window


class TargetRewound(CrashCase):
    """One target, spoilt and mended again and again. Each round also brings files, of which one takes groups away. Beside
    it a calm one takes the same files: the two must be equal to the byte."""
    SHORT, LIVE_SHORT, LONG, LIVE_LONG = 8, 4, 200, 80
    TABLES = ('ecommerce', 'customer_windows')

    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.target = self.work.target
        self.calm = self.workspace('calm')
        self.files, self.round = [], 0
        self.older = self.folder / 'older'
        self.turns = []
        self.daemon = None

    # --- files ---

    def more(self):
        """Two orders of a customer of their own, and a correction that moves the ones before to another window: their
        groups are gone then, and rows of them in the target are stale."""
        self.round += 1
        first, number = 10 * self.round, self.round
        rows = [order(first + i, customer=number, total=f'{first}.{i}0') for i in range(2)]
        moved = [order(first - 10 + i, customer=number - 1, time=LATER, total='7') for i in range(2) if number > 1]
        files = self.written([('Customers', f'c-{number}.json', customers(number)),
                              ('Deliveries', f'd-{number}.csv', deliveries(delivery(first), delivery(first + 1))),
                              ('Orders', f'o-{number}.csv', orders(*rows, *moved))])
        self.work.drop_all(files)
        self.calm.drop_all(files)
        self.files += files

    def expected(self):
        self.calm.run_once()
        return dump(self.calm.target)

    # --- ways to spoil it ---

    def at_once(self, sql):
        """In one transaction: a daemon that looks in between makes anew what is gone already. Two that lock tables in another
        order may meet, of whom the server ends one."""
        until(lambda: self.target.execute(f'BEGIN;\n{sql}\nCOMMIT;') is None, lambda: sql)

    def drop_tables(self):
        self.at_once('DROP VIEW customer_lifetime; DROP VIEW latest_window; DROP VIEW customer_windows_files;'
                     f'DROP TABLE {self.rng.choice(self.TABLES)};')

    def drop_all_tables(self):
        self.at_once('DROP VIEW customer_lifetime; DROP VIEW latest_window; DROP VIEW customer_windows_files;'
                     'DROP TABLE ecommerce; DROP TABLE customer_windows; DROP TABLE dropfold_progress;')

    def empty_one(self):
        self.target.execute(f'DELETE FROM {self.rng.choice(self.TABLES)};')

    def empty_all(self):
        self.target.execute(''.join(f'DELETE FROM {table};' for table in self.TABLES))

    def delete_rows(self):
        self.target.execute('DELETE FROM ecommerce WHERE "Customer_ID" % 2 = 0;')

    def add_row(self):
        self.target.execute('''INSERT INTO customer_windows (customer_id, currency, window_start, window_end, order_count,
            completed_count, cancelled_count, distinct_products, files)
            SELECT 999, currency, window_start, window_end, 1, 1, 0, 1, files FROM customer_windows LIMIT 1;''')

    def restore_older(self):
        """`keep` was called some files ago."""
        self.copy(self.older, self.target.path)

    def keep(self):
        self.copy(self.target.path, self.older)

    @staticmethod
    def copy(source, into):
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(into, timeout=30)) as other:
            one.backup(other)

    def remove_all(self):
        """At once too: else a daemon may make the database anew while its log is still to go."""
        with self.stopped(self.daemon) if self.daemon else nullcontext():
            for path in self.target.path.parent.iterdir():
                path.unlink()

    def ways(self):
        return (self.drop_tables, self.drop_all_tables, self.empty_one, self.empty_all, self.delete_rows, self.add_row,
                self.restore_older, self.remove_all)

    def next_way(self):
        """Each in turn before one comes again."""
        if not self.turns:
            self.turns = list(self.ways())
            self.rng.shuffle(self.turns)
        return self.turns.pop()

    # --- tests ---

    def test_at_rest(self):
        self.more()
        self.work.run_once()
        for _ in range(self.scale(self.SHORT, self.LONG)):
            way = self.next_way()
            self.keep()
            self.more()
            self.work.run_once()
            way()
            if self.rng.random() < 0.5:  # there is something new to deliver
                self.more()
            self.work.run_once()
            self.count(points=1)
            self.find('wrong', dump(self.target) != self.expected(), f'{way.__name__}, round {self.round}')
        self.judge(self.work, self.files, 'at the end')

    def is_right(self, expected):
        try:
            return dump(self.target) == expected
        except sqlite3.Error:  # tables are gone, or just being put back
            return False

    def test_under_a_daemon(self):
        with self.work.daemon('--target-check', 0.5) as daemon:
            self.daemon = daemon
            self.more()
            daemon.delivered(len(self.files))
            for _ in range(self.scale(self.LIVE_SHORT, self.LIVE_LONG)):
                way = self.next_way()
                self.keep()
                self.more()
                daemon.delivered(len(self.files))
                way()
                if self.rng.random() < 0.5:
                    self.more()
                expected = self.expected()
                until(lambda expected=expected: self.is_right(expected),
                      lambda way=way: f'a right target after {way.__name__}, round {self.round}\n{daemon}')
                self.count(points=1)
        self.judge(self.work, self.files, 'at the end')

    def test_an_older_dump_before_the_next_delivery(self):
        """No look comes between: the delivery itself takes out what was emptied since."""
        with self.work.daemon('--target-check', 3600) as daemon:
            for restores in (False, False, True, False, True):
                self.more()
                daemon.delivered(len(self.files))
                if restores:
                    self.restore_older()
                    self.more()
                    daemon.delivered(len(self.files))
                    self.find('wrong', dump(self.target) != self.expected(), f'round {self.round}\n{daemon}')
                    self.count(points=1)
                self.keep()
        self.judge(self.work, self.files, 'at the end')

    EDITS = ('UPDATE ecommerce SET "Order_Count" = "Order_Count" + 1000;',
             'UPDATE ecommerce SET "Total_Quantity_Ordered" = NULL WHERE "Customer_ID" % 2 = 1;',
             'UPDATE customer_windows SET total_amount = \'0.01\';',
             'UPDATE customer_windows SET customer_id = customer_id + 500;')  # as many rows, none of them ours

    def test_rows_edited_by_hand(self):
        """No count tells of it, and no delivery: `verify` finds it and mends it, at rest and beside a daemon."""
        for _ in range(3):
            self.more()
        self.work.run_once()
        expected = self.expected()
        for edit in self.EDITS:
            self.mend(edit, expected)
        with self.work.daemon('--target-check', 0.5):
            for edit in self.some(self.EDITS, 1):
                self.mend(edit, expected)
        self.judge(self.work, self.files, 'at the end')

    def mend(self, edit, expected):
        self.target.execute(edit)
        self.find('wrong', self.work.command('verify', expect=None).code != 1, f'not found: {edit}')
        self.work.command('verify', '--repair')
        self.work.command('verify')
        self.count(points=1)
        self.find('wrong', dump(self.target) != expected, f'not mended: {edit}')


class TargetRewoundInPostgres(InPostgres, TargetRewound):
    SHORT, LIVE_SHORT = 3, 3

    def empty_one(self):
        self.target.execute(f'TRUNCATE {self.rng.choice(self.TABLES)};')

    def keep(self):
        self.target.cluster.dump(self.target.database, self.older, '--clean', '--if-exists')

    def restore_older(self):
        """In one transaction, as one does it under a running program."""
        self.at_once(self.older.read_text(encoding='utf-8'))

    def remove_all(self):
        self.target.cluster.psql('postgres', f'DROP DATABASE "{self.target.database}" WITH (FORCE);\n'
                                             f'CREATE DATABASE "{self.target.database}";')
