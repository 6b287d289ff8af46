"""Files that are packed or in another encoding: the same rows, the bytes kept as they came, damage told."""
import gzip

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.places import PROJECT

PACKED_CUSTOMERS = PROJECT / 'tests' / 'fixtures' / 'formats' / 'customers.json.zst'  # what customers(1) gives
COUNT = 'SELECT "Customer_ID", "Order_Count", "Total_Order_Amount" FROM ecommerce'


class Formats(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.drop('Deliveries', deliveries(delivery(1), delivery(2)), 'deliveries.csv')

    def assert_orders(self, count, amount):
        self.assertEqual([(int(customer), int(orders), float(total)) for customer, orders, total in
                          self.work.target.query(COUNT)], [(1, count, amount)])
        self.assert_adds_up(self.work)

    def test_packed_files_are_read_whatever_their_names_are_and_kept_as_they_came(self):
        half = orders(order(1)), orders(order(2)).split(b'\n', 1)[1]
        packed = gzip.compress(half[0]) + gzip.compress(half[1])
        self.work.drop('Orders', packed, 'orders.csv')
        self.work.drop('Customers', PACKED_CUSTOMERS, 'customers')
        outcome = self.work.run_once()
        self.assertEqual(len(outcome.lines('applied')), 3, outcome)
        self.assert_orders(2, 200)
        self.assertEqual((self.work.data / 'archive' / 'Orders' / self.work.archived('Orders')[0]).read_bytes(), packed)
        self.work.drop('Orders', packed, 'again.gz')
        self.assertEqual(len(self.work.run_once().lines('duplicate')), 1)
        self.work.drop('Orders', b''.join(half), 'plain.csv')
        self.assertIn(' unchanged=2', self.work.run_once().lines('applied')[0])
        self.work.command('replay')
        self.assert_orders(2, 200)

    def test_damaged_files_are_quarantined_with_the_reason(self):
        packed = gzip.compress(orders(order(1)))
        bomb = gzip.compress(orders() + (b' ' * 9999 + b'\n') * 16000)
        damaged = {'cut.csv.gz': (packed[:-1], 'it is cut'), 'wrong.csv.gz': (packed[:-8] + b'\0' * 8, 'data check'),
                   'more.csv.gz': (packed + b'\0', 'behind the gzip data'), 'bomb.csv.gz': (bomb, '200 times its size')}
        for name, (content, _) in damaged.items():
            self.work.drop('Orders', content, name)
        self.work.drop('Customers', customers(1), 'customers.json')
        self.work.drop('Orders', orders(order(1)), 'good.csv')
        lines = self.work.run_once().lines('quarantined')
        self.assertEqual(len(lines), len(damaged))
        for name, (content, reason) in damaged.items():
            self.assertTrue(any(name in line and reason in line for line in lines), (name, lines))
            kept = self.work.data / 'quarantine' / 'Orders' / name
            self.assertEqual(kept.read_bytes(), content)
            self.assertIn(reason, kept.with_name(f'{name}.reason').read_text(encoding='utf-8'))
        self.assert_orders(1, 100)

    def test_utf16_with_its_mark_needs_no_word_in_the_descriptor(self):
        self.work.drop('Customers', customers(1).decode().encode('utf-16'), 'customers.json')
        self.work.drop('Orders', gzip.compress(orders(order(1, currency='₦'), order(2, total='x')).decode().encode('utf-16')),
                       'orders.csv')
        self.work.run_once()
        self.assert_orders(1, 100)
        self.assertEqual([(reject['row'], reject['line'], reject['field']) for reject in self.work.rejects()],
                         [(2, 3, 'Order_Total')])

