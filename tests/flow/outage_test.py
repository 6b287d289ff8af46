"""The target stops, loses its tables, comes back old; the store is lost: nothing is silently wrong."""
import shutil
import sqlite3
from contextlib import closing

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.targets import dump


class PostgresAway(FlowCase):
    def setUp(self):
        super().setUp()
        self.cluster = self.own_cluster()
        self.work = self.workspace(target=self.postgres_target(self.cluster))
        self.generated = self.sample(files=4)
        self.early, self.late = self.generated[:6], self.generated[6:]

    def run_early(self):
        self.work.drop_all(self.early)
        self.work.run_once()

    def test_files_are_applied_while_it_is_stopped_and_delivered_once_it_is_back(self):
        self.run_early()
        self.cluster.stop()
        self.work.drop_all(self.late)
        outcome = self.work.run_once(expect=69)
        self.assertEqual(len(outcome.lines('applied')), len(self.late))
        self.assertEqual(self.work.landed(), [])
        status = self.work.status()
        self.assertEqual(status['sequence'], len(self.generated))
        self.assertFalse(status['target']['reachable'])
        self.assertEqual(status['target']['sequence'], len(self.early))
        self.assertGreater(status['target']['undelivered'], 0)
        self.assertIn('undelivered', self.work.command('status').out)
        self.cluster.start()
        self.work.run_once()
        self.assert_table(self.work, self.generated)
        status = self.work.status()
        self.assertTrue(status['target']['reachable'])
        self.assertEqual(status['target']['undelivered'], 0)
        self.assertEqual(status['target']['sequence'], len(self.generated))

    def test_a_first_run_without_a_server_applies_the_files(self):
        self.cluster.stop()
        self.work.drop_all(self.early)
        outcome = self.work.run_once(expect=69)
        self.assertEqual(len(outcome.lines('applied')), len(self.early), outcome)
        self.cluster.start()
        self.work.run_once()
        self.assert_table(self.work, self.early)

    def test_a_daemon_goes_on_while_the_server_restarts(self):
        with self.work.daemon() as daemon:
            self.work.drop_all(self.early)
            daemon.delivered(len(self.early))
            for mode in ('fast', 'immediate'):
                self.cluster.stop(mode)
                before = len([line for line in daemon.out if line.startswith('applied ')])
                for feed, path in self.late[:3]:
                    self.work.drop(feed, path)
                daemon.printed('applied ', before + 3)
                self.late = self.late[3:]
                self.cluster.start()
                daemon.delivered(before + 3)
            self.assert_table(self.work, self.generated)

    def test_emptied_tables_are_filled_again(self):
        self.run_early()
        expected = dump(self.work.target)
        self.work.target.execute('TRUNCATE ecommerce, customer_windows;')
        self.work.run_once()
        self.assertEqual(dump(self.work.target), expected)

    def test_dropped_tables_are_made_again(self):
        self.run_early()
        expected = dump(self.work.target)
        self.work.target.execute('DROP TABLE ecommerce, customer_windows CASCADE;')
        self.work.run_once()
        self.assertEqual(dump(self.work.target), expected)

    def test_a_restored_older_dump_is_brought_up_to_date(self):
        self.run_early()
        self.cluster.dump(self.work.target.database, self.folder / 'older.sql')
        self.work.drop_all(self.late)
        self.work.run_once()
        expected = dump(self.work.target)
        self.cluster.restore(self.work.target.database, self.folder / 'older.sql')
        self.assertNotEqual(dump(self.work.target), expected)
        self.work.run_once()
        self.assertEqual(dump(self.work.target), expected)

    def test_an_older_dump_restored_under_a_running_daemon_is_noticed(self):
        with self.work.daemon() as daemon:
            self.work.drop_all(self.early)
            daemon.delivered(len(self.early))
            self.cluster.dump(self.work.target.database, self.folder / 'older.sql')
            self.work.drop_all(self.late[:3])
            daemon.delivered(len(self.early) + 3)
            self.cluster.restore(self.work.target.database, self.folder / 'older.sql')
            self.work.drop_all(self.late[3:])
            daemon.delivered(len(self.generated))
            self.assert_table(self.work, self.generated)


class StoreLost(FlowCase):
    def test_a_new_store_before_a_filled_target_says_what_is_at_stake_and_how_to_go_on(self):
        for name, target in (('sqlite', self.sqlite_target('sqlite')), ('postgres', self.postgres_target())):
            with self.subTest(target=name):
                work = self.workspace(name, target)
                work.drop('Customers', customers(1, 2), 'c.json')
                work.drop('Deliveries', deliveries(delivery(1), delivery(2)), 'd.csv')
                work.drop('Orders', orders(order(1), order(2, customer=2)), 'o.csv')
                work.run_once()
                expected = dump(target)
                shutil.rmtree(work.checkpoints)
                work.checkpoints.mkdir()

                refusal = work.run_once(expect=1)
                self.assertIn('4 groups', refusal.err)
                self.assertIn('--yes', refusal.err)
                self.assertIn('dropfold replay', refusal.err)
                self.assertEqual(dump(target), expected)

                work.drop('Orders', orders(order(3)), 'more.csv')
                work.run_once(expect=1)
                self.assertEqual(dump(target), expected)

                work.command('replay', '--yes')
                self.assertGreaterEqual(work.status()['sequence'], 3)
                self.assertEqual(dump(target), expected)

    def test_yes_gives_the_old_groups_up(self):
        work = self.workspace()
        work.drop_all(self.sample(orders=50, files=2))
        work.run_once()
        shutil.rmtree(work.checkpoints)
        work.checkpoints.mkdir()
        work.run_once('--yes')
        self.assertEqual(work.target.query('SELECT * FROM ecommerce'), [])


def copy_database(source, into):
    """With what may still lie in the write-ahead log."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(into)) as other:
        one.backup(other)


class SqliteAway(FlowCase):
    def test_a_deleted_database_is_written_again(self):
        work = self.workspace()
        generated = self.sample(orders=50, files=2)
        work.drop_all(generated)
        work.run_once()
        expected = dump(work.target)
        for path in work.target.path.parent.iterdir():
            path.unlink()
        work.run_once()
        self.assertEqual(dump(work.target), expected)

    def test_rows_deleted_by_hand_come_back(self):
        work = self.workspace()
        work.drop_all(self.sample(orders=50, files=2))
        work.run_once()
        expected = dump(work.target)
        work.target.execute('DELETE FROM ecommerce WHERE "Customer_ID" % 2 = 0')
        work.run_once()
        self.assertEqual(dump(work.target), expected)

    def test_an_older_copy_put_back_is_brought_up_to_date(self):
        work = self.workspace()
        generated = self.sample(orders=80, files=2)
        work.drop_all(generated[:3])
        work.run_once()
        older = self.folder / 'older.db'
        copy_database(work.target.path, older)
        work.drop_all(generated[3:])
        work.run_once()
        expected = dump(work.target)
        copy_database(older, work.target.path)
        work.run_once()
        self.assertEqual(dump(work.target), expected)
