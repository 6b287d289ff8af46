"""Which records of which files make a row: what is said must add up to the row, and stand where it says it does."""
import json
from decimal import Decimal
from fractions import Fraction

from harness.case import FlowCase
from harness.compare import single
from harness.files import customers, deliveries, delivery, order, orders


class Explained(FlowCase):
    PIPELINE = 'ecommerce'
    TABLES = {'ecommerce': ('Customer_ID', 'start_timestamp'), 'customer_windows': ('customer_id', 'window')}

    def explain(self, work, *words):
        return [json.loads(line) for line in work.command('explain', *words, '--json').out.splitlines()]

    def assert_adds_up(self, work, row):
        pipeline = json.loads((work.root / 'schemas' / f'{work.pipeline}.json').read_text(encoding='utf-8'))
        for name, column in pipeline['tables'][row['table']]['columns'].items():
            said = row['columns'][name]
            terms = [(term['value'], term['times']) for term in said.get('of', ())]
            found = None if said['value'] is None else said['value']
            if 'count' in column:
                self.assertEqual(int(found), sum(times for _, times in terms), (row, name))
            elif 'count_distinct' in column:
                self.assertEqual(int(found), len({value for value, _ in terms}), (row, name))
            elif 'sum' in column or 'avg' in column:
                total = sum(Fraction(value) * times for value, times in terms)
                count = sum(times for _, times in terms) if 'avg' in column else 1
                self.assert_shown(column, found, total / count if terms else None, (row, name))
            elif 'min' in column or 'max' in column:
                numbers = [Fraction(value) for value, _ in terms]
                wanted = (min if 'min' in column else max)(numbers, default=None)
                self.assert_shown(column, found, wanted, (row, name))

    def assert_shown(self, column, found, exact, what):
        if exact is None:
            self.assertIsNone(found, what)
        elif column.get('type') == 'double':
            self.assertEqual(float(found), float(exact), what)
        elif column.get('type') == 'real':
            self.assertEqual(single(Decimal(found)), single(exact), what)
        else:
            places = -Decimal(found).as_tuple().exponent
            self.assertLessEqual(2 * abs(Fraction(found) - exact) * 10**places, 1, what)

    def assert_stands_there(self, work, record):
        """The record's key in the line of the archived file (the sample has one record a line)."""
        folder = work.data / 'archive' / record['feed']
        kept = next(path for path in folder.iterdir() if path.name.startswith(f'{record["seq"]:06}-'))
        line = kept.read_text(encoding='utf-8').splitlines()[record['line'] - 1]
        key = {'Orders': 'Order_ID', 'Deliveries': 'Order_ID', 'Customers': 'Customer_ID'}[record['feed']]
        self.assertIn(record['values'][key], line, record)

    def test_every_row_is_the_sum_of_what_is_said_of_it(self):
        work = self.workspace(pipeline=self.PIPELINE)
        work.drop_all(self.sample(orders=40, files=3, seed=6))
        work.run_once()
        for table, (key, window) in self.TABLES.items():
            columns = f'"{key}"'
            customers_there = sorted({row[0] for row in work.target.query(f'SELECT {columns} FROM "{table}"')})
            rows = [row for customer in customers_there for row in
                    self.explain(work, '--table', table, f'{key}={customer}')]
            self.assertEqual(len(rows), int(work.target.query(f'SELECT count(*) FROM "{table}"')[0][0]))
            for row in rows:
                self.assertEqual(row['table'], table)
                self.assert_adds_up(work, row)
            for record in rows[0]['units'][0]:
                if record['feed'] != 'Customers':
                    self.assert_stands_there(work, record)


class ExplainedRowByRow(Explained):
    PIPELINE = 'ecommerce-rowwise'
    TABLES = {'ecommerce_rowwise': ('Customer_ID', 'start_timestamp')}


class Words(Explained):
    test_every_row_is_the_sum_of_what_is_said_of_it = None

    def small(self):
        work = self.workspace()
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1, task=1)), 'd.csv')
        work.drop('Orders', orders(order(1, total='100'), order(1, sku='B', total='100')), 'o.csv')
        work.drop('Orders', orders(order(1, total='250')), 'o2.csv')
        work.run_once()
        return work

    def test_a_correction_is_named_with_its_file_and_line(self):
        work = self.small()
        out = work.command('explain', 'Customer_ID=1').out
        self.assertIn('  Orders/o.csv:3 v1 seq=3 Order_ID=1 SKU=B', out)
        self.assertIn('  Orders/o2.csv:2 v1 seq=4 Order_ID=1 SKU=A', out)
        self.assertIn('    with Deliveries/d.csv:2 v1 seq=2 Task_ID=1', out)
        self.assertIn('  Total_Order_Amount = 250.00 = 250\n', out)
        self.assertIn('  Total_Quantity_Ordered = 1 + 1 = 2\n', out)
        self.assertNotIn('Orders/o.csv:2', out)

    def test_a_window_may_be_cut_short(self):
        work = self.small()
        self.assertEqual(len(self.explain(work, 'Customer_ID=1', 'window=2022-01-08')), 1)
        self.assertEqual(len(self.explain(work, 'Customer_ID=1', 'window=2022-01-08T00:00:00Z')), 1)
        for window in ('2022-01-18', '2022-01-08T00:00:01Z', '2022T01-08', ''):
            self.assertIn('no such row', work.command('explain', 'Customer_ID=1', f'window={window}', expect=1).err)

    def test_a_customer_is_not_cut_short(self):
        work = self.small()
        work.drop('Customers', customers(12), 'c12.json')
        work.drop('Deliveries', deliveries(delivery(2)), 'd12.csv')
        work.drop('Orders', orders(order(2, customer=12)), 'o12.csv')
        work.run_once()
        self.assertEqual([row['columns']['Customer_ID']['value'] for row in self.explain(work, 'Customer_ID=1')], ['1'])

    def test_a_value_that_counts_twice_says_so(self):
        work = self.workspace(pipeline='ecommerce-rowwise')
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1), delivery(1)), 'd.csv')
        work.drop('Orders', orders(order(1, total='100')), 'o.csv')
        work.run_once()
        self.assertIn('  Total_Order_Amount = 100.00 x 2 = 200\n', work.command('explain', 'Customer_ID=1').out)

    def test_what_is_no_key_is_refused_with_what_there_is(self):
        work = self.small()
        self.assertIn('customer_windows (customer_id, currency, window_start)',
                      work.command('explain', 'Custome_ID=1', expect=64).err)
        self.assertIn('explain: expected COLUMN=VALUE', work.command('explain', expect=64).err)
        self.assertIn('found "Customer_ID", expected COLUMN=VALUE', work.command('explain', 'Customer_ID', expect=64).err)
        work.command('explain', '--table', 'nothing', 'Customer_ID=1', expect=64)

    def test_a_forgotten_file_is_in_no_row(self):
        work = self.small()
        work.command('forget', 'o2.csv')
        out = work.command('explain', 'Customer_ID=1').out
        self.assertIn('Orders/o.csv:2 ', out)
        self.assertNotIn('o2.csv', out)
