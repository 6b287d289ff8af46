"""Windows that close: their rows stay, what comes later for them is late, and a restart tells the same."""
import json
import random
from datetime import datetime, timedelta, timezone

from corrections_test import History
from harness import compare
from harness.case import FlowCase, InPostgres
from harness.clock import Clock
from harness.files import customers, deliveries, delivery, order, orders
from harness.retention import Retaining
from harness.targets import dump

RETENTION = {'lateness': '20 days'}
YEAR = 365 * 86400 * 10**6  # microseconds
OLD, NEW, NEWER = '2022-01-10T12:00:00.000Z', '2022-02-10T12:00:00.000Z', '2022-02-25T12:00:00.000Z'
OLD_WINDOW, NEW_WINDOW = '2022-01-08T00:00:00Z', '2022-02-07T00:00:00Z'


def retain(work, retention):
    def change(pipeline):
        pipeline.pop('retention', None)
        if retention:
            pipeline['retention'] = retention
    work.edit('ecommerce.json', change)


def late(work, *file):
    return [json.loads(line) for line in work.command('late', '--json', *file).out.splitlines()]


def numbers(rows):
    """(feed, order, task or None) of what `late` lists."""
    return [(row['feed'], int(row['key'].get('Order_ID', 0)), int(row['key']['Task_ID']) if 'Task_ID' in row['key'] else None)
            for row in rows]


class RetentionCase(FlowCase):
    def retaining(self, name='work', retention=None):
        work = self.workspace(name)
        retain(work, retention or RETENTION)
        return work

    def assert_like(self, work, oracle):
        self.assertEqual(compare.differences(work.target, 'ecommerce', oracle.ecommerce()), [])
        self.assert_adds_up(work)
        self.assertEqual(sum(feed['late'] for feed in work.status()['feeds']), len(oracle.late))


class ClosingCase(RetentionCase, History):
    def setUp(self):
        super().setUp()
        retain(self.work, RETENTION)
        self.apply_basis()
        self.apply('Deliveries', deliveries(delivery(4, task=14), delivery(8, task=18), delivery(9, task=19)))
        # an order that nobody delivers, and one whose customer nobody knows
        self.apply('Orders', orders(order(5, 'A'), order(6, 'A', customer=77), order(8, 'A', time=NEW), order(8, 'B', time=NEW)))
        self.applied = self.apply('Orders', orders(order(4, 'A', time=NEW)))

    def oracle(self, **options):
        paths = []
        for number, (feed, content) in enumerate(self.history):
            path = self.folder / f'history-{number}'
            path.write_bytes(content)
            paths.append((feed, path))
        return Retaining(paths, **options)

    def check(self):
        oracle = self.oracle()
        self.assert_like(self.work, oracle)
        self.assertEqual([(feed, number, task) for feed, number, task in oracle.late],
                         [(feed, number if feed == 'Orders' else oracle_order, task)
                          for (feed, number, task), (_, oracle_order, _) in zip(numbers(late(self.work)), oracle.late)])


class Closing(ClosingCase):
    def test_a_window_closes_once_the_watermark_is_the_lateness_past_its_end(self):
        status = self.work.status()
        self.assertEqual(status['closed'], {'before': '2022-01-18T00:00:00.000Z', 'units': 5, 'waiting': 2})
        self.assertEqual([table['closed'] for table in status['tables']], [2, 2])
        self.assertEqual(status['units'], 2)
        self.check()
        rows = dump(self.work.target)
        self.apply('Orders', orders(order(8, 'B', time=NEW)))
        self.assertEqual(dump(self.work.target), rows)
        self.assertEqual(self.work.status()['closed']['before'], '2022-01-18T00:00:00.000Z')
        self.apply('Orders', orders(order(9, 'A', time=NEWER)))
        self.assertEqual(self.work.status()['closed']['before'], '2022-01-28T00:00:00.000Z')
        self.check()

    def test_rows_of_what_is_closed_are_late_and_listed(self):
        rows = dump(self.work.target)
        self.apply('Orders', orders(order(1, 'A', quantity=9), order(1, 'Z'), order(1, 'Q', time=NEW), order(20, 'A'),
                                    order(8, 'B', time=OLD), order(5, 'A', time=NEW)))
        # of a closed order; a task of one, to an open order; one of an open order, to a closed one; an open one
        self.apply('Deliveries', deliveries(delivery(1, task=31), delivery(8, task=11), delivery(1, task=14), delivery(4, task=14)))
        self.apply('Deliveries', deliveries(delivery(5, task=15)))
        self.apply('Customers', customers(77))
        self.assertEqual(dump(self.work.target), rows)
        self.check()
        found = late(self.work)
        self.assertEqual([(row['file'], row['line'], row['why']) for row in found],
                         [('Orders-7', 2, 'key'), ('Orders-7', 3, 'key'), ('Orders-7', 4, 'key'), ('Orders-7', 5, 'window'),
                          ('Orders-7', 6, 'window'), ('Orders-7', 7, 'key'), ('Deliveries-8', 2, 'joined'),
                          ('Deliveries-8', 3, 'key'), ('Deliveries-8', 4, 'joined'), ('Deliveries-9', 2, 'joined')])
        self.assertEqual({row['window'] for row in found}, {OLD_WINDOW})
        self.assertEqual(found[1]['key'], {'Order_ID': '1', 'SKU': 'Z'})
        self.assertEqual(late(self.work, 'Deliveries/Deliveries-9'), found[-1:])
        text = self.work.command('late', 'Orders-7')
        self.assertEqual(text.err, '6 late rows\n')
        self.assertEqual(text.out.splitlines()[3],
                         f'Orders/Orders-7:5: Order_ID=20 SKU=A: it lies in the closed window from {OLD_WINDOW}')

    def test_a_target_that_was_lost_gets_the_closed_rows_too(self):
        rows = dump(self.work.target)
        self.work.target.execute('DELETE FROM ecommerce; DELETE FROM customer_windows;')
        self.work.run_once()
        self.assertEqual(dump(self.work.target), rows)

    def test_a_file_forgotten_leaves_closed_windows_closed(self):
        recorded = self.oracle().closings
        self.assertEqual(len(recorded), 2)
        self.apply('Orders', orders(order(1, 'A', quantity=9)))
        self.work.command('forget', 'Orders-3')
        self.history[2] = ('Orders', orders())
        oracle = self.oracle(closings=recorded)
        self.assertEqual(compare.differences(self.work.target, 'ecommerce', oracle.ecommerce()), [])
        self.assertEqual(numbers(late(self.work)), [('Orders', 1, None)])
        self.assertEqual(self.work.status()['closed']['before'], '2022-01-18T00:00:00.000Z')
        self.work.command('forget', 'Orders-6')
        self.assertEqual(self.work.status()['closed']['before'], '2022-01-18T00:00:00.000Z')
        self.work.run_once()


class ClosingInPostgres(InPostgres, Closing):
    pass


class Commands(ClosingCase):
    def test_a_plan_closes_first_what_a_run_would_close_first(self):
        retain(self.work, {'lateness': '1 day'})
        path = self.folder / 'plan.csv'
        path.write_bytes(orders(order(20, 'A', time='2022-01-20T12:00:00.000Z')))
        self.assertIn(' 1 late', self.work.command('plan', path, 'Orders').err)
        self.work.drop('Orders', path)
        self.assertIn(' late=1 ', self.work.run_once().lines('applied')[0])

    def test_a_plan_counts_what_would_be_late(self):
        path = self.folder / 'plan.csv'
        path.write_bytes(orders(order(1, 'A', quantity=9), order(4, 'A', time=NEW, quantity=2)))
        outcome = self.work.command('plan', path, 'Orders')
        self.assertIn(' 1 applied, 0 unchanged, 0 superseded, 0 filtered, 0 deleted, 1 late, 0 rejected', outcome.err)

    def test_what_is_asked_of_a_closed_row(self):
        text = self.work.command('explain', 'Customer_ID=1', 'window=2022-01-08').out
        self.assertIn('closed in seq=7: what it was made of was freed, and these are its final values', text)
        self.assertIn('Order_Count = 2\n', text)
        found = json.loads(self.work.command('explain', 'Customer_ID=1', 'window=2022-01-08', '--json').out)
        self.assertEqual((found['closed'], found['units'], found['columns']['Distict_Products']['value']), (7, [], '2'))
        self.assertEqual([(row['key']['Order_ID'], row['waits_for'], row['closed']) for row in self.work.unmatched()],
                         [('5', 'Deliveries', True), ('6', 'Deliveries', True), ('6', 'Customers', True)])
        self.assertEqual(self.work.command('unmatched').err, '0 waiting, and 3 whose window closed while they waited\n')
        self.assertIn('ecommerce: 3 rows, as they should be', self.work.command('verify', '--deep').out)
        self.assertEqual(self.work.command('diff', '--from', '6', '--to', '7').out, '')

    def test_customers_live_on(self):
        """What is closed has its final values whatever becomes of them."""
        self.apply('Orders', orders(order(8, 'A', time=NEW, customer=78)))
        self.apply('Customers', customers(78, 1, 77))
        self.check()
        self.assertEqual(len(self.oracle().final), 2)

    def test_a_replay_comes_to_the_same(self):
        self.apply('Orders', orders(order(1, 'A', quantity=9), order(20, 'A')))
        rows, found = dump(self.work.target), late(self.work)
        self.work.command('replay')
        self.assertEqual(dump(self.work.target), rows)
        self.assertEqual(late(self.work), found)
        self.check()

    def test_lateness_may_change_and_retention_may_not_go(self):
        retain(self.work, {'lateness': '1 day'})
        self.work.run_once()
        self.assertEqual(self.work.status()['closed']['before'], '2022-02-07T00:00:00.000Z')
        retain(self.work, {'lateness': '90 days'})
        self.work.run_once()
        self.assertEqual(self.work.status()['closed']['before'], '2022-02-07T00:00:00.000Z')
        retain(self.work, None)
        outcome = self.work.run_once(expect=78)
        self.assertIn('closed windows, but the pipeline has no "retention" any more', outcome.err)
        self.work.command('replay')
        self.assertIsNone(self.work.status()['closed'])
        self.assert_table_of_history()


class Ahead(RetentionCase):
    def test_a_row_from_the_future_closes_nothing(self):
        work = self.retaining()
        work.drop('Orders', orders(order(1, 'A'), order(2, 'A', time='9998-01-01T00:00:00.000Z')), 'orders')
        work.run_once()
        self.assertLess(work.status()['closed']['before'], '2022')
        retain(work, {'lateness': '20 days', 'max_ahead': '36525 days'})
        work.run_once()
        self.assertLess(work.status()['closed']['before'], '2022')


    def test_a_replay_finds_it_as_far_ahead_as_it_was_then(self):
        """A wrong year closes nothing either once that year has come."""
        clock = Clock(self)
        clock.set(-2 * YEAR)
        work = self.retaining()
        ahead = datetime.now(timezone.utc) - timedelta(days=365)
        work.drop('Customers', customers(1), 'customers')
        work.drop('Orders', orders(order(1, 'A'), order(2, 'A', time=ahead.strftime('%Y-%m-%dT%H:%MZ')),
                                   order(3, 'A', time=ahead.strftime('%d.%m.%Y %H:%M'))), 'orders')
        work.drop('Deliveries', deliveries(delivery(1), delivery(2), delivery(3), delivery(4)), 'deliveries')
        work.run_once(environment=clock.environment)
        work.edit('Orders/1.json', lambda d: d['fields']['Order_Time'].update(
            formats=['iso8601', '%d.%m.%Y %H:%M'], zone='+00:00'))
        work.command('rejects', 'retry', 'orders', environment=clock.environment)
        work.drop('Orders', orders(order(4, 'A')), 'more')
        work.run_once(environment=clock.environment)
        rows, closed, feeds = dump(work.target), work.status()['closed'], work.status()['feeds']
        self.assertEqual(len(rows['ecommerce']), 2)
        work.command('replay')
        for _ in range(2):
            self.assertEqual(dump(work.target), rows)
            self.assertEqual((work.status()['closed'], work.status()['feeds']), (closed, feeds))
            work.run_once()


class RandomHistory(RetentionCase):
    """Files of rows around a moment that moves on, some far behind; a run each, so that every file meets a restart."""

    def files(self, rng, count=16):
        start = datetime(2022, 1, 1)
        made = []
        for number in range(count):
            around = start + timedelta(days=4 * number)

            def moment():
                behind = rng.choice((0, 0, 0, 3, 9, 25, 60))
                return (around - timedelta(days=behind, hours=rng.randrange(48))).strftime('%Y-%m-%dT%H:%M:%S.000Z')

            rows = [order(rng.randrange(3 * number, 3 * number + 30), rng.choice('ABC'), customer=rng.randrange(4), time=moment(),
                          total=f'{rng.randrange(1000)}.{rng.randrange(100):02}', quantity=rng.randrange(9))
                    for _ in range(12)]
            tasks = [delivery(rng.randrange(3 * number, 3 * number + 30), task=1 + rng.randrange(4 * number, 4 * number + 40))
                     for _ in range(12)]
            made += [('Orders', orders(*rows)), ('Deliveries', deliveries(*tasks))]
        made.insert(rng.randrange(5), ('Customers', customers(0, 1, 2)))
        made.insert(rng.randrange(len(made)), ('Customers', customers(3)))
        folder = self.folder / 'files'
        folder.mkdir()
        for number, (feed, content) in enumerate(made):
            path = folder / f'{number:03}-{feed}'
            path.write_bytes(content)
            yield feed, path

    def test_restarts_and_late_crashes_equal_the_oracle(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        with self.subTest(seed=seed):
            files = list(self.files(rng))
            one, each = self.retaining('one'), self.retaining('each')
            oracle = Retaining()
            for feed, path in files:
                each.drop(feed, path)
                each.run_once()
                oracle.add(feed, path)
            self.assert_like(each, oracle)
            self.assertGreater(len(oracle.closings), 3)
            self.assertGreater(len(oracle.late), 10)
            one.drop_all(files)
            one.run_once()
            self.assertEqual(dump(one.target), dump(each.target))
            self.assertEqual(one.status()['feeds'], each.status()['feeds'])
            found = [(row['feed'], int(row['key'].get('Task_ID', 0)) or None) for row in late(each)]
            self.assertEqual(found, [(feed, task) for feed, _, task in oracle.late])
            self.assertEqual(one.status()['closed'], each.status()['closed'])
            self.assert_forgets(each, files, oracle, rng)

    def assert_forgets(self, work, files, oracle, rng):
        feed, path = rng.choice([(feed, path) for feed, path in files if feed != 'Customers'])
        work.command('forget', path.name)
        empty = self.folder / 'empty'
        empty.write_bytes(orders() if feed == 'Orders' else deliveries())
        left = [(feed, empty if one is path else one) for feed, one in files]
        again = Retaining(left, closings=oracle.closings)
        self.assertEqual(compare.differences(work.target, 'ecommerce', again.ecommerce()), [])


class Crash(RetentionCase):
    def test_a_close_that_a_crash_prevented_comes_at_the_next_start(self):
        """Without retention, which is no part of the shape, a file is applied and nothing closes: what a crash between the
        two leaves. Nothing of it may be lost, and the next file must meet what is closed."""
        work = self.workspace()
        files = [('Customers', customers(1)), ('Deliveries', deliveries(delivery(1), delivery(2))),
                 ('Orders', orders(order(1, 'A'), order(2, 'A', time=NEW)))]
        for number, (feed, content) in enumerate(files):
            work.drop(feed, content, f'{number}')
        work.run_once()
        self.assertIsNone(work.status()['closed'])
        rows = dump(work.target)
        retain(work, RETENTION)
        work.drop('Orders', orders(order(1, 'B')), 'late')
        work.run_once()
        self.assertEqual(dump(work.target), rows)
        self.assertEqual([row['file'] for row in late(work)], ['late'])
        self.assertEqual(work.status()['sequence'], 5)
