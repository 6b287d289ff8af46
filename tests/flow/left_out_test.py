"""A target whose triggers leave rows out without an error: no delivery counts that was not taken whole."""
from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders


class RowsLeftOut(FlowCase):
    SKIPPED = 'NEW."Customer_ID" = 2'
    TRIGGER = f'CREATE TRIGGER skip BEFORE INSERT ON ecommerce WHEN {SKIPPED} BEGIN SELECT RAISE(IGNORE); END;'
    DROP = 'DROP TRIGGER skip;'
    TAKER = 'CREATE TRIGGER skip AFTER INSERT ON ecommerce BEGIN DELETE FROM ecommerce WHERE "Customer_ID" = {}; END;'
    REASON = 'look for a trigger that skips rows'

    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.run_once()  # makes the tables
        self.work.target.execute(self.TRIGGER)

    def drop(self, number):
        """An order of customer `number`, complete: one more row of each table."""
        self.work.drop('Customers', customers(number), f'c-{number}.json')
        self.work.drop('Deliveries', deliveries(delivery(number)), f'd-{number}.csv')
        self.work.drop('Orders', orders(order(number, customer=number)), f'o-{number}.csv')

    def rows(self):
        return [row for (row,) in self.work.target.query('SELECT "Customer_ID" FROM ecommerce ORDER BY 1')]

    def told(self, sequence):
        """What the target says of itself, and what else it holds, is that of change `sequence`."""
        self.assertEqual(self.work.target.query('SELECT sequence FROM dropfold_progress'), [(str(sequence),)])
        self.assertEqual(self.work.target.query('SELECT count(*) FROM customer_windows'), [(str(sequence // 3),)])

    def test_a_run_fails_and_the_next_one_without_the_trigger_delivers(self):
        self.drop(1)
        self.work.run_once()
        for number in (2, 3):
            self.drop(number)
        refusal = self.work.run_once(expect=1)
        self.assertIn('delivery has stopped, files go on into the store', refusal.err)
        self.assertIn('table "ecommerce" took 1 row instead of 2 without an error, so nothing was committed', refusal.err)
        self.assertIn(self.REASON, refusal.err)
        self.assertEqual(len(refusal.lines('applied')), 6)
        self.assertEqual(refusal.lines('delivered'), [])
        self.told(3)
        self.work.run_once(expect=1)
        self.told(3)
        self.work.target.execute(self.DROP)
        self.work.run_once()
        self.told(9)
        self.assertEqual(self.rows(), ['1', '2', '3'])
        self.work.command('verify')

    def test_a_daemon_says_so_takes_files_on_and_delivers_once_the_trigger_is_gone(self):
        with self.work.daemon('--target-check', '0.2') as daemon:
            self.drop(1)
            daemon.delivered(3)
            self.drop(2)
            daemon.complained('table "ecommerce" took 0 rows instead of 1')
            self.drop(3)
            daemon.printed('applied ', 9)
            daemon.complained('table "ecommerce" took 1 row instead of 2')
            self.assertIn('took 1 row instead of 2', self.work.command('status', '--healthy', expect=1).err)
            self.assertEqual(self.rows(), ['1'])
            self.work.target.execute(self.DROP)
            daemon.delivered(9)
            self.assertEqual(self.rows(), ['1', '2', '3'])
        told = [line.split(': ', 1)[1] for line in daemon.err if 'took ' in line]
        self.assertEqual(sorted(set(told)), sorted(told), daemon)

    def test_a_daemon_that_ends_meanwhile_says_so_by_its_exit_code(self):
        with self.work.daemon() as daemon:
            self.drop(2)
            daemon.complained('table "ecommerce" took 0 rows instead of 1')
            daemon.stop(expect=1)
        self.assertLess(int(self.work.target.query('SELECT sequence FROM dropfold_progress')[0][0]), 3)

    def test_rows_that_a_trigger_takes_out_again_are_missed(self):
        self.drop(1)
        self.work.run_once()
        self.work.target.execute(self.DROP + self.TAKER.format(1))  # a row of the delivery before
        for number in (2, 3):
            self.drop(number)
        refusal = self.work.run_once(expect=1)
        self.assertIn('table "ecommerce" has 2 rows at the end of the delivery and should have 3', refusal.err)
        self.assertEqual(refusal.lines('delivered'), [])
        self.told(3)
        self.work.target.execute(self.DROP + self.TAKER.format(77))
        self.work.run_once()
        self.told(9)
        self.work.command('forget', 'o-2.csv')  # its rows go
        self.drop(4)
        self.work.run_once()
        self.assertEqual(self.rows(), ['1', '3', '4'])
        self.work.command('verify')

    def test_a_repair_does_not_say_that_it_mended_what_was_left_out(self):
        self.drop(1)
        self.work.run_once()
        self.work.target.execute('DELETE FROM ecommerce;')
        self.work.target.execute(self.DROP + self.TRIGGER.replace('= 2', '= 1'))
        self.assertIn('table "ecommerce" took 0 rows instead of 1', self.work.command('verify', '--repair', expect=1).err)
        self.work.target.execute(self.DROP)
        self.work.command('verify', '--repair')
        self.assertEqual(self.rows(), ['1'])


class RowsLeftOutByPostgres(InPostgres, RowsLeftOut):
    TRIGGER = ("CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
               f'CREATE TRIGGER skip BEFORE INSERT ON ecommerce FOR EACH ROW WHEN ({RowsLeftOut.SKIPPED}) '
               'EXECUTE FUNCTION skip();')
    DROP = 'DROP FUNCTION skip() CASCADE;'
    TAKER = ("CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
             'DELETE FROM ecommerce WHERE "Customer_ID" = {}; RETURN NULL; END\';'
             'CREATE TRIGGER skip AFTER INSERT ON ecommerce FOR EACH STATEMENT EXECUTE FUNCTION skip();')
    REASON = 'look for a trigger that skips rows, a rule or row-level security'
