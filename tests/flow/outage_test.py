"""The target stops, loses its tables, comes back old; the store is lost: nothing is silently wrong."""
import os
import shutil
import socket
import sqlite3
import struct
from contextlib import closing

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.mounts import mount
from harness.places import other_user
from harness.polling import until
from harness.targets import dump
from harness.workspace import COMMAND_LIMIT, finish


def turn_away(listener, words):
    """As a server that is just starting."""
    client, _ = listener.accept()
    with client:
        client.recv(1 << 16)
        fields = f'SFATAL\0C57P03\0M{words}\0\0'.encode()
        client.sendall(b'E' + struct.pack('!i', 4 + len(fields)) + fields)


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

    def test_a_daemon_goes_on_while_the_server_restarts_and_while_it_is_a_standby(self):
        with self.work.daemon() as daemon:
            self.work.drop_all(self.early)
            daemon.delivered(len(self.early))
            for mode in ('fast', 'immediate'):
                self.cluster.stop(mode)
                self.work.drop_all(self.late[:2])
                self.late = self.late[2:]
                applied = len(self.generated) - len(self.late)
                daemon.printed('applied ', applied)
                self.cluster.start()
                daemon.delivered(applied)
            self.cluster.stop()
            self.cluster.stand_by()
            self.cluster.start()
            self.work.drop_all(self.late)
            daemon.complained('the server is a standby, which takes no rows until it is promoted')
            for command in ('check', 'verify'):
                self.assertIn('the server is a standby', self.work.command(command, expect=69).err)
            self.assertEqual(self.work.status()['target']['sequence'], len(self.generated) - len(self.late))
            self.cluster.psql('postgres', 'SELECT pg_promote();')
            daemon.delivered(len(self.generated))
            self.assert_table(self.work, self.generated)

    def test_a_restart_between_two_deliveries_is_no_trouble(self):
        with self.work.daemon() as daemon:
            self.work.drop_all(self.early)
            daemon.delivered(len(self.early))
            self.cluster.stop()
            self.cluster.start()
            self.work.drop_all(self.late)
            daemon.delivered(len(self.generated))
            self.assert_table(self.work, self.generated)
            self.assertEqual([line for line in daemon.err if 'cannot be reached' in line], [])

    def test_one_that_is_back_when_a_daemon_is_told_to_stop_gets_a_last_delivery_after_many_failed_tries(self):
        path = self.folder / self.cluster.socket.name
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            with self.work.daemon(environment={'PGHOST': str(self.folder)}) as daemon:
                self.work.drop_all(self.early)
                for number in range(3):
                    turn_away(listener, f'try {number}')
                    daemon.complained(f'try {number}')
                daemon.printed('applied ', len(self.early))
                path.unlink()
                path.symlink_to(self.cluster.socket)
        self.assert_table(self.work, self.early)

    def test_emptied_tables_are_filled_again(self):
        self.run_early()
        expected = dump(self.work.target)
        self.work.target.execute('TRUNCATE ecommerce, customer_windows;')
        self.work.run_once()
        self.assertEqual(dump(self.work.target), expected)

    def test_what_a_crash_empties_because_it_was_unlogged_is_filled_again_or_refused(self):
        self.run_early()
        expected = dump(self.work.target)
        self.work.target.execute('ALTER TABLE ecommerce SET UNLOGGED; CHECKPOINT;')
        self.cluster.stop('immediate')
        self.cluster.start()
        self.assertEqual(self.work.target.query('SELECT count(*) FROM ecommerce'), [('0',)])
        self.work.run_once()
        self.assertEqual(dump(self.work.target), expected)
        self.work.target.execute('ALTER TABLE dropfold_progress SET UNLOGGED; CHECKPOINT;')
        self.cluster.stop('immediate')
        self.cluster.start()
        self.assertIn('without a progress row', self.work.run_once(expect=1).err)
        self.work.command('replay', '--rebuild', '--yes')
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
        # A look amid the restore would make the tables that the dump is about to make.
        with self.work.daemon('--target-check', 3600) as daemon:
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
    def test_a_daemon_whose_store_is_deleted_takes_no_more_files_and_the_archive_brings_all_back(self):
        work = self.workspace()
        generated = self.sample(orders=50, files=2)
        daemon = work.daemon()
        with daemon:
            work.drop_all(generated[:3])
            daemon.printed('applied ', 3)  # and so archived
            daemon.delivered(3)
            for path in work.checkpoints.glob('ecommerce.db*'):
                path.unlink()
            work.drop_all(generated[3:])
            daemon.complained('ecommerce.db-wal was deleted')
            self.assertEqual(daemon.ended(), 1)
        self.assertEqual(len(work.landed()), 3)
        self.assertIn('another checkpoint store', work.run_once(expect=1).err)
        work.command('replay', '--from-archive', '--yes')
        work.run_once()
        self.assert_table(work, generated)

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

    def test_a_damaged_row_of_the_ledger_is_told_as_such_by_the_delivery_that_meets_it(self):
        work = self.workspace()
        with work.daemon('--target-timeout', 600) as daemon:
            for number in (1, 2):
                work.drop('Customers', customers(number), f'c-{number}.json')
                work.drop('Deliveries', deliveries(delivery(number)), f'd-{number}.csv')
                work.drop('Orders', orders(order(number, customer=number)), f'o-{number}.csv')
                if number == 1:
                    daemon.delivered(3)
                    other = sqlite3.connect(work.target.path, timeout=30, isolation_level=None)
                    self.addCleanup(other.close)
                    other.execute('BEGIN IMMEDIATE')  # the next delivery waits
            daemon.printed('applied ', 6)
            with closing(sqlite3.connect(work.checkpoints / 'ecommerce.db')) as store, store:
                store.execute('UPDATE files SET size = size + 1 WHERE id = 6')
            other.execute('ROLLBACK')
            self.assertIn('delivery has stopped', daemon.complained("the ledger's row of file 6 fails its checksum"))
            self.assertIn('is damaged', work.command('status', '--healthy', expect=1).err)
            self.assertNotIn('cannot be reached', str(daemon))
            daemon.stop(expect=1)

    def test_a_run_once_whose_last_delivery_meets_another_history_ends(self):
        work = self.workspace()
        work.drop_all(self.sample(orders=20, files=1))
        work.run_once()
        with closing(sqlite3.connect(work.target.path, isolation_level=None)) as other:
            other.execute('BEGIN IMMEDIATE')  # the delivery waits
            other.execute("UPDATE dropfold_progress SET epoch = 'another store'")
            work.drop('Customers', customers(1), 'c.json')
            run = work.start('run', '--once', '--settle', '0', '--target-timeout', '600')
            until(lambda: len(work.archived('Customers')) == 2, lambda: 'the file in the archive')
            other.execute('COMMIT')
        self.assertIn('from another checkpoint store', finish(run, 1, COMMAND_LIMIT).err)

    def test_a_progress_that_somebody_edited_is_refused_and_what_it_says_to_do_helps(self):
        for name, target in (('sqlite', self.sqlite_target('sqlite')), ('postgres', self.postgres_target())):
            with self.subTest(target=name):
                work = self.workspace(name, target)
                work.drop_all(self.sample(orders=50, files=2))
                work.run_once()
                expected = dump(target)
                target.execute("UPDATE dropfold_progress SET sequence = -1")
                words = 'the row of this pipeline in dropfold_progress was not written by dropfold; delete it, and then'
                self.assertIn(f'error: {words}', work.run_once(expect=1).err)
                target.execute('DELETE FROM dropfold_progress')
                work.command('replay', '--rebuild', '--yes')
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
        self.assertRegex(work.command('status').out, r'holds everything, but ecommerce has \d+ rows instead of \d+')
        self.assertEqual(work.status()['target']['altered'], 'ecommerce')
        work.run_once()
        self.assertEqual(dump(work.target), expected)
        self.assertNotIn('altered', work.status()['target'])

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


class SqliteBarred(FlowCase):
    """What may not be done to which path, and why, is told by name; and nothing is lost meanwhile."""

    def begin(self, **options):
        self.work = self.workspace(**options)
        self.path = self.work.target.path
        if self.work.identity:
            os.chown(self.path.parent, self.work.identity['user'], self.work.identity['group'])
        self.number = 0

    def drop_more(self):
        self.number += 1
        self.work.drop('Customers', customers(self.number), f'c-{self.number}.json')

    def refused(self, words):
        """A run says so and takes no file; `check` says why, too."""
        self.drop_more()
        outcome = self.work.run_once(expect=1)
        self.assertIn(f'error: {self.work.target.address}: cannot {words}', outcome.err)
        self.assertNotIn('No such file', outcome.err)
        self.assertEqual(outcome.lines('applied'), [])
        self.assertIn(words.rsplit(': ', 1)[1], self.work.command('check', expect=1).err)

    def delivered(self):
        self.work.run_once()
        self.assertEqual(self.work.target.query('SELECT sequence FROM dropfold_progress'), [(str(self.number),)])
        self.sweep()

    def sweep(self):
        """Takes away the empty log that a reader leaves, in its own name and with the rights that the file has then."""
        for path in self.path.parent.glob('*.db-*'):
            path.unlink()

    def remount(self, mode):
        mount(self, self.path.parent, '-o', f'remount,bind,{mode}')

    def test_a_file_system_that_is_read_only(self):
        self.begin()
        mount(self, self.path.parent, '--bind', self.path.parent)
        self.remount('ro')
        self.refused(f'make files in the folder {self.path.parent}: Read-only file system')
        self.remount('rw')
        self.delivered()
        self.remount('ro')
        self.refused(f'write {self.path}: Read-only file system')
        self.assertIn(f'cannot make files in the folder {self.path.parent}: Read-only file system',
                      self.work.command('verify', expect=1).err)
        self.remount('rw')
        self.delivered()

    def test_a_folder_and_a_file_that_may_not_be_written(self):
        self.begin(identity=other_user())
        self.path.parent.chmod(0o555)
        self.addCleanup(self.path.parent.chmod, 0o755)
        self.refused(f'make files in the folder {self.path.parent}: Permission denied')
        self.path.parent.chmod(0o755)
        self.delivered()
        self.path.parent.chmod(0o555)
        self.refused(f'make files in the folder {self.path.parent}: Permission denied')
        self.path.parent.chmod(0o755)
        self.path.chmod(0o444)
        self.refused(f'write {self.path}: Permission denied')
        self.path.chmod(0)
        self.refused(f'read {self.path}: Permission denied')
        self.path.chmod(0o644)
        self.sweep()
        self.delivered()
