"""Files taken back: the target equals a run from scratch on the others, whatever happens in between."""
import random
import shutil
import sqlite3
import time
from contextlib import closing, contextmanager

from corrections_test import LATER, History
from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.targets import dump

KILLS = 12


class RandomHistory(FlowCase):
    pipeline = 'ecommerce'

    def test_forgetting_any_file_equals_a_run_from_scratch_on_the_others(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        history = self.sample(orders=120, files=3, seed=seed)
        work = self.workspace(pipeline=self.pipeline)
        work.drop_all(history)
        work.run_once()
        with self.subTest(seed=seed):
            for feed, path in rng.sample(history, len(history)):
                work.command('forget', f'{feed}/{path.name}')
                history.remove((feed, path))
                self.assert_table(work, history)
                work.drop(feed, path)
                self.assertEqual(len(work.run_once().lines('applied')), 1)
                history.append((feed, path))
                self.assert_table(work, history)
            self.assert_adds_up(work)

    def test_forgetting_all_files_leaves_nothing(self):
        history = self.sample(orders=40, files=2)
        work = self.workspace(pipeline=self.pipeline)
        work.drop_all(history)
        work.run_once()
        random.shuffle(history)
        for feed, path in history:
            work.command('forget', path.name)
        self.assertEqual({name: rows for name, rows in dump(work.target).items() if rows}, {})
        self.assertEqual([table['groups'] for table in work.status()['tables']], [0] * len(work.status()['tables']))


class RandomHistoryInPostgres(InPostgres, RandomHistory):
    pass


class RandomHistoryRowByRow(RandomHistory):
    pipeline = 'ecommerce-rowwise'


class RandomHistoryRowByRowInPostgres(InPostgres, RandomHistoryRowByRow):
    pass


class Forgetting(History):
    def setUp(self):
        super().setUp()
        self.apply_basis()
        self.before = dump(self.work.target)

    def forget(self, number, expect=0):
        """The file that was applied `number`th, from 1."""
        feed, _ = self.history[number - 1]
        return self.work.command('forget', f'{feed}/{feed}-{number}', expect=expect)

    def feed(self, name):
        return next(feed for feed in self.work.status()['feeds'] if feed['feed'] == name)

    def test_a_forgotten_correction_brings_the_corrected_rows_back(self):
        self.apply('Orders', orders(order(1, 'A', total='999'), order(1, 'B', quantity=40, total='999')))
        self.assertNotEqual(dump(self.work.target), self.before)
        self.forget(4)
        self.assertEqual(dump(self.work.target), self.before)
        self.assert_adds_up(self.work)

    def test_a_forgotten_original_leaves_its_correction(self):
        correction = orders(order(1, 'A', customer=2, total='90'))
        self.apply('Orders', correction)
        self.forget(3)
        self.assert_rows((2, 1, 90, 1))
        self.assert_like_scratch(self.history[:2] + self.history[3:])

    def test_a_group_that_only_the_file_had_is_gone(self):
        self.apply('Deliveries', deliveries(delivery(7, task=17)))
        self.apply('Orders', orders(order(7, time=LATER)))
        self.assert_rows((1, 2, 120.5, 6), (2, 1, 7, 1), (1, 1, 100, 1))
        self.forget(5)
        self.assertEqual(dump(self.work.target), self.before)

    def test_forgotten_customers_leave_their_orders_waiting(self):
        self.forget(1)
        self.assert_rows()
        self.assertEqual({waiting['waits_for'] for waiting in self.work.unmatched()}, {'Customers'})

    def test_it_says_what_it_took_and_where_the_file_is(self):
        outcome = self.forget(3)
        archived = self.work.archived('Orders')[0]
        self.assertRegex(outcome.out, r'(?m)^forgot Orders/Orders-3 seq=3 as seq=4: rows=4 taken back; kept at '
                                      fr'data/archive/Orders/{archived}\ndropped into data/Orders again, it is applied anew$')
        self.assertRegex(outcome.out, r'(?m)^delivered seq=4 groups=\d+ ')
        self.assertEqual((self.work.data / 'archive' / 'Orders' / archived).read_bytes(), self.history[2][1])

    def test_dropped_again_it_is_applied_anew(self):
        self.forget(3)
        self.work.drop('Orders', self.history[2][1], 'Orders-3')
        self.assertIn('seq=5 ', self.work.run_once().lines('applied')[0])
        self.assertEqual(dump(self.work.target), self.before)
        self.assertEqual(self.feed('Orders')['files'], {'applied': 1, 'duplicate': 0, 'quarantined': 0, 'forgotten': 1,
                                                      'replaced': 0})
        self.assertEqual(len(self.work.archived('Orders')), 2)
        self.forget(3)
        self.assert_rows()
        self.assertEqual(self.feed('Orders')['files']['forgotten'], 2)

    def test_it_is_found_by_its_archive_name_and_its_sequence(self):
        self.work.command('forget', f'data/archive/Orders/{self.work.archived("Orders")[0]}')
        self.assertEqual(self.feed('Orders')['files']['forgotten'], 1)
        self.work.command('forget', 'seq=1')
        self.assertEqual(self.feed('Customers')['files']['forgotten'], 1)

    def test_what_is_not_there_or_ambiguous_or_gone_already_is_refused(self):
        self.work.drop('Orders', orders(order(9)), 'Orders-3')
        self.work.run_once()
        state = self.work.status()
        self.assertIn('Orders/Orders-3 seq=3, Orders/Orders-3 seq=4', self.forget(3, expect=64).err)
        self.assertIn('Orders/Orders-3', self.work.command('forget', 'Orders/Orders-2', expect=64).err)
        self.assertIn('forget: expected FILE', self.work.command('forget', expect=64).err)
        self.assertEqual(self.work.status(), state)
        self.work.command('forget', 'seq=4')
        self.assertIn('forgotten already, by seq=5', self.work.command('forget', 'seq=4', expect=64).err)
        self.assertEqual(dump(self.work.target), self.before)

    def test_status_counts_what_is_left(self):
        self.apply('Orders', orders(order(4), order(5, quantity='x')))
        self.assertEqual((self.work.status()['rejects'], len(self.work.rejects())), (1, 1))
        self.forget(4)
        status = self.work.status()
        self.assertEqual((status['sequence'], status['rejects'], status['units']), (5, 0, 3))
        self.assertEqual(status['target']['undelivered'], 0)
        self.assertEqual([table['groups'] for table in status['tables']], [2, 2])
        found = self.feed('Orders')
        self.assertEqual((found['files']['forgotten'], found['rows'], found['records']), (1, 4, 4))
        self.assertEqual(self.work.rejects(), [])
        self.assertIn('1 file applied, 1 forgotten', self.work.command('status').out)
        self.assert_adds_up(self.work)

    def test_a_replay_leaves_it_out_for_good(self):
        self.apply('Orders', orders(order(1, 'A', total='999')))
        self.forget(4)
        self.work.command('replay')
        self.assertEqual(dump(self.work.target), self.before)
        status = self.work.status()
        self.assertEqual((status['sequence'], self.feed('Orders')['files']['forgotten']), (3, 0))
        self.work.drop('Orders', self.history[3][1], 'Orders-4')
        self.assertEqual(len(self.work.run_once().lines('applied')), 1)
        self.assert_rows((1, 2, 1019.5, 6), (2, 1, 7, 1))
        self.assertEqual(len(self.work.archived('Orders')), 2)

    def test_a_rebuild_fills_the_target_without_it(self):
        self.forget(3)
        without = dump(self.work.target)
        self.work.command('replay', '--rebuild')
        self.assertEqual(dump(self.work.target), without)

    def test_changes_after_it_are_delivered_as_ever(self):
        self.apply('Orders', orders(order(1, 'A', total='999')))
        self.forget(4)
        self.work.drop('Orders', orders(order(2, 'A', total='30.50')), 'more')
        outcome = self.work.run_once()
        self.assertNotIn('(full)', outcome.out)
        self.assert_rows((1, 2, 130.5, 6), (2, 1, 7, 1))

    def test_a_redelivery_of_what_was_corrected_by_a_forgotten_file_changes_nothing(self):
        self.apply('Orders', orders(order(1, 'A', total='999'), order(1, 'B', quantity=4, total='999')))
        self.forget(4)
        self.work.drop('Orders', self.history[2][1], 'again')
        self.work.run_once()
        self.assertEqual(dump(self.work.target), self.before)


class ForgettingInPostgres(InPostgres, Forgetting):
    pass


class Interrupted(History):
    """What stands between the forget and the target: here a lock on its file."""

    def setUp(self):
        super().setUp()
        self.apply_basis()
        self.apply('Orders', orders(order(7, time=LATER), order(1, 'A', customer=2)))
        self.apply('Deliveries', deliveries(delivery(7, task=17)))

    @contextmanager
    def target_away(self):
        with closing(sqlite3.connect(self.work.target.path, isolation_level=None)) as connection:
            connection.execute('BEGIN EXCLUSIVE')
            yield
            connection.execute('ROLLBACK')

    def keep_target(self):
        shutil.copy(self.work.target.path, self.folder / 'kept.db')

    def put_target_back(self):
        shutil.copy(self.folder / 'kept.db', self.work.target.path)

    def forgotten(self):
        return sum(feed['files']['forgotten'] for feed in self.work.status()['feeds'])

    def assert_without(self, number):
        self.assert_like_scratch(self.history[:number - 1] + self.history[number:])

    def test_killed_before_the_delivery_the_next_run_delivers(self):
        with self.target_away():
            process = self.work.start('forget', 'Orders-4')
            self.assertTrue(process.stdout.readline().startswith('forgot Orders/Orders-4 '))
            process.kill()
            process.communicate()
        self.assertEqual(self.forgotten(), 1)
        self.assertIn('delivered seq=6 ', self.work.run_once().out)
        self.assert_without(4)

    def test_a_target_from_before_it_is_refilled(self):
        self.keep_target()
        self.work.command('forget', 'Orders-4')
        self.work.drop('Customers', customers(8), 'more')
        self.history.append(('Customers', customers(8)))
        self.work.run_once()
        self.put_target_back()
        self.assertIn('(full)', self.work.run_once().out)
        self.assert_without(4)

    def test_killed_at_any_moment_it_is_done_or_not_done(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        whole = dump(self.work.target)
        self.work.command('forget', 'Orders-4')
        without = dump(self.work.target)
        done = 0
        with self.subTest(seed=seed):
            for number in range(KILLS):
                if self.forgotten() > done:
                    done = self.forgotten()
                    self.work.drop('Orders', self.history[3][1], 'Orders-4')
                    self.work.run_once()
                self.assertEqual(dump(self.work.target), whole)
                process = self.work.start('forget', 'Orders-4')
                time.sleep(rng.random() * 0.03)
                process.kill()
                process.communicate()
                self.work.run_once()
                self.assertEqual(dump(self.work.target), without if self.forgotten() > done else whole)


class InterruptedInPostgres(Interrupted):
    """Here the server is stopped, and comes back old."""

    def make_target(self, name):
        if name == 'work':
            self.cluster = self.own_cluster()
        return self.postgres_target(self.cluster)

    @contextmanager
    def target_away(self):
        self.cluster.stop()
        yield
        self.cluster.start()

    def keep_target(self):
        self.cluster.dump(self.work.target.database, self.folder / 'kept.sql')

    def put_target_back(self):
        self.cluster.restore(self.work.target.database, self.folder / 'kept.sql')

    def test_a_target_that_is_away_gets_it_later(self):
        with self.target_away():
            outcome = self.work.command('forget', 'Orders-4', expect=69)
            self.assertIn('the next run delivers', outcome.err)
        self.assertEqual(self.work.status()['target']['undelivered'], 1)
        self.work.run_once()
        self.assert_without(4)
