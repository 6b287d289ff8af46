"""What is too much: rejected rows of a file, combinations of a record, a sum for its column."""
from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders


def some_orders(good, bad, first=1):
    return orders(*(order(first + number) for number in range(good)),
                  *(order(first + good + number, quantity='x') for number in range(bad)))


class Limits(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.run_once()

    def run_with(self, content, name, **limits):
        """The lines of one run, and what plan and check say of the file before it."""
        self.work.configure('Orders', **limits)
        file = self.folder / name
        file.write_bytes(content)
        asked = [self.work.command(command, file, 'Orders', expect=None) for command in ('check', 'plan')]
        self.work.drop('Orders', file)
        return self.work.run_once(), asked

    def assert_quarantined(self, content, name, reason, shown, **limits):
        outcome, asked = self.run_with(content, name, **limits)
        self.assertIn(reason, outcome.lines('quarantined')[0])
        self.assertEqual([(one.code, reason in one.err) for one in asked], [(65, True), (65, True)])
        self.assertIn(shown, asked[0].out)
        self.assertEqual(self.work.status()['sequence'], 0)
        folder = self.work.data / 'quarantine' / 'Orders'
        self.assertTrue(any(reason in path.read_text(encoding='utf-8', errors='replace') for path in folder.iterdir()))

    def test_more_rejected_rows_than_are_allowed(self):
        self.assert_quarantined(some_orders(3, 2) + b'1,2', 'many.csv',
                              '6:1: 2 of the first 5 rows are rejected, and "max_rejects" of the feed is 1; '
                              'the first one, line 5, Quantity: found "x", expected an integer',
                              'many.csv:6:', max_rejects=1)
        outcome, _ = self.run_with(some_orders(3, 2), 'many.csv', max_rejects=2)
        self.assertIn(' applied=3 rejected=2 ', outcome.lines('applied')[0])

    def test_a_greater_part_than_is_allowed(self):
        self.assert_quarantined(some_orders(8, 1), 'part.csv',
                              'of 9 rows 1 are rejected, and "max_rejects_percent" of the feed is 10; the first one, line 10, '
                              'Quantity: found "x"', 'part.csv:10:', max_rejects_percent=10)
        outcome, _ = self.run_with(some_orders(9, 1), 'exactly.csv', max_rejects_percent=10)
        self.assertIn(' applied=9 rejected=1 ', outcome.lines('applied')[0])

    def test_what_was_applied_stays_so_when_the_limits_are_drawn_closer(self):
        outcome, _ = self.run_with(some_orders(3, 2), 'kept.csv')
        self.assertTrue(outcome.lines('applied'))
        self.work.configure('Orders', max_rejects=0, max_rejects_percent=0)
        self.work.command('verify', '--deep')
        self.work.command('replay')
        self.assertEqual((self.work.status()['sequence'], len(self.work.rejects())), (1, 2))


class Combinations(FlowCase):
    def test_a_file_with_more_of_them_than_can_be_counted_is_quarantined_and_the_rest_goes_on(self):
        work = self.workspace(pipeline='ecommerce-rowwise')
        work.drop('Customers', customers(*[1] * 50_000), 'c.json')
        work.drop('Deliveries', deliveries(*[delivery(1)] * 50_000, delivery(2)), 'd.csv')
        work.run_once()
        work.drop('Orders', orders(order(2)), 'before.csv')
        many = work.drop('Orders', orders(order(1)), 'many.csv')
        work.drop('Orders', orders(order(2, sku='B')), 'few.csv')
        self.assertIn('a record of Orders joins to more than 2147483648 combinations', work.command('plan', many, expect=65).err)
        done = work.run_once(expect=None)
        self.assertIn('a record of Orders joins to more than 2147483648 combinations', done.lines('quarantined')[0])
        self.assertEqual([line.split()[1] for line in done.lines('applied')], ['Orders/before.csv', 'Orders/few.csv'])
        self.assertEqual(work.target.query('SELECT "Order_Count" FROM ecommerce_rowwise'), [('100000',)])
        self.assertEqual(work.run_once().lines('quarantined'), [])


class Overflows(FlowCase):
    def test_a_sum_beyond_its_column_is_told_by_each_delivery_of_it(self):
        work = self.workspace()
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1), delivery(2)), 'd.csv')
        work.drop('Orders', orders(order(1, quantity=2**63 - 1), order(2, quantity=1)), 'o.csv')
        told = 'overflows=2: NULL, as their column cannot hold them, one in customer_windows.total_quantity'
        self.assertIn(told, work.run_once().out)
        self.assertEqual(work.status()['overflows'], 2)
        self.assertIn('overflows   2 values of the last delivery', work.command('status').out)
        self.assertEqual(work.target.query('SELECT "Total_Quantity_Ordered" FROM ecommerce'), [(None,)])
        self.assertIn(told, work.command('replay', '--rebuild').out)
        work.drop('Orders', orders(order(2, quantity=0)), 'p.csv')
        self.assertNotIn('overflows', work.run_once().out)
        self.assertEqual(work.status()['overflows'], 0)
        self.assertEqual(work.target.query('SELECT "Total_Quantity_Ordered" FROM ecommerce'), [(str(2**63 - 1),)])
