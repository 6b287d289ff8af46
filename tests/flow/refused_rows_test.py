"""Rows that a target does not take: told once, and delivered without a restart once it takes them, or once they are gone."""
import sqlite3
from contextlib import closing

from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders


class RowsRefused(FlowCase):
    FORBID = 'CREATE TRIGGER no BEFORE INSERT ON ecommerce WHEN NEW."Customer_ID" = 2 BEGIN SELECT RAISE(ABORT, \'no twos\'); END;'
    ALLOW = 'DROP TRIGGER no;'
    REASON = 'no twos'
    BEFORE = 0  # warnings, until it is known to last

    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def forbid(self):
        self.work.target.execute(self.FORBID)

    def allow(self):
        self.work.target.execute(self.ALLOW)

    def assert_told_while_it_is_asked_again(self):
        """Which takes as long as another writer is at work."""
        with closing(sqlite3.connect(self.work.target.path, timeout=30, isolation_level=None)) as other:
            other.execute('BEGIN IMMEDIATE')
            self.assert_told()
            other.execute('ROLLBACK')

    def assert_told(self):
        for _ in range(20):
            self.assertIn(self.REASON, self.work.command('status', '--healthy', expect=1).err)

    def drop(self, number, **more):
        """An order of customer `number`, complete: one more row of each table."""
        self.work.drop('Customers', customers(number), f'c-{number}.json')
        self.work.drop('Deliveries', deliveries(delivery(number)), f'd-{number}.csv')
        self.work.drop('Orders', orders(order(number, customer=number, **more)), f'o-{number}.csv')

    def goes_on(self, mend, sequence, rows):
        """Rows of customer 2 are refused; `mend` leads to change `sequence` and to rows of these customers."""
        with self.work.daemon('--target-check', '0.05', '--target-timeout', '600') as daemon:
            self.drop(1)
            daemon.delivered(3)
            self.forbid()
            self.drop(2, currency='Ж')
            daemon.complained('delivery has stopped, files go on into the store')
            daemon.printed('applied ', 6)
            self.assert_told_while_it_is_asked_again()
            self.assertIn(' not delivered: `dropfold run --once`', self.work.command('verify', expect=69).err)
            mend()
            daemon.delivered(sequence)
            daemon.asked('status', '--healthy')
        told = [line for line in daemon.err if self.REASON in line]
        self.assertEqual(len(told), self.BEFORE + 1, daemon)
        self.assertIn('delivery has stopped, files go on into the store', told[-1])
        self.assertEqual(self.work.target.query('SELECT "Customer_ID" FROM ecommerce ORDER BY 1'), rows)
        self.work.command('verify')

    def test_are_delivered_once_they_are_taken(self):
        self.goes_on(self.allow, 6, [('1',), ('2',)])

    def test_that_are_forgotten_hold_nothing_up(self):
        self.goes_on(lambda: self.work.command('forget', 'o-2.csv'), 7, [('1',)])

    def test_that_are_corrected_hold_nothing_up(self):
        self.goes_on(lambda: self.work.drop('Orders', orders(order(2, customer=1)), 'o-2.csv'), 7, [('1',)])


class RowsRefusedByPostgres(InPostgres, RowsRefused):
    FORBID = 'ALTER TABLE ecommerce ADD CONSTRAINT no CHECK ("Customer_ID" <> 2);'
    ALLOW = 'ALTER TABLE ecommerce DROP CONSTRAINT no;'
    REASON = 'violates check constraint "no"'

    def assert_told_while_it_is_asked_again(self):
        self.assert_told()


class RowsOfAnotherEncoding(RowsRefusedByPostgres):
    """The database cannot hold a character in the key of a row."""
    REASON = 'has no equivalent in encoding "LATIN1" (22P05); a database with the encoding UTF8'

    def setUp(self):
        super().setUp()
        self.make_database('LATIN1')

    def make_database(self, encoding):
        target = self.work.target
        target.cluster.psql('postgres', f'DROP DATABASE "{target.database}" WITH (FORCE);\n'
                            f'CREATE DATABASE "{target.database}" ENCODING {encoding} LOCALE "C" TEMPLATE template0;')

    def forbid(self):
        pass

    def allow(self):
        self.make_database('UTF8')

    def test_that_are_corrected_between_two_runs_need_a_full_delivery(self):
        """The second run does not know that the database never had the row, and asks it to delete its key."""
        self.drop(1)
        self.work.run_once()
        self.drop(2, currency='Ж')
        self.assertIn(self.REASON, self.work.run_once(expect=1).err)
        self.work.drop('Orders', orders(order(2, customer=2)), 'o-2.csv')
        self.assertIn(self.REASON, self.work.run_once(expect=1).err)
        self.work.command('replay', '--rebuild')
        self.work.command('verify')
        self.assertEqual(self.work.target.query('SELECT "Customer_ID" FROM ecommerce ORDER BY 1'), [('1',), ('2',)])


class RowsWhoseTriggerFails(RowsRefusedByPostgres):
    """By an error that says of a table of ours that it is gone, and means another: so it is looked for anew at first."""
    FORBID = ("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (1); RETURN NEW; END';"
              'CREATE TRIGGER no BEFORE INSERT ON ecommerce FOR EACH ROW WHEN (NEW."Customer_ID" = 2) EXECUTE FUNCTION no();')
    ALLOW = 'CREATE TABLE audit (id integer);'
    REASON = 'relation "audit" does not exist'
    BEFORE = 1
