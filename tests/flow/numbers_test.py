"""Floating columns hold the number nearest to the exact one, in both kinds of target."""
import json
import random
from decimal import Decimal

from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders

# As doubles they lie just between two floats, beside which they really are; or on the middle, and the even one counts.
BESIDE_THE_MIDDLE = ('4503599895805952.01', '4503599895805951.99', '9007199791611904.01')
ON_THE_MIDDLE = ('16777217', '16777219', '33554430')


class Numbers(FlowCase):
    def shop(self):
        """Customers of 1 to 40 orders, with totals of cents up to sums that no double holds."""
        rng = random.Random(5)
        lines, tasks, number = [], [], 0
        for customer in range(1, 121):
            digits = rng.choice((3, 5, 8, 13, 15))
            totals = [f'{rng.randrange(10**digits)}.{rng.randrange(100):02d}' for _ in range(rng.randrange(1, 41))]
            for total in totals[1:] + [rng.choice(BESIDE_THE_MIDDLE + ON_THE_MIDDLE) if customer % 3 == 0 else totals[0]]:
                number += 1
                lines.append(order(number, customer=customer, total=total, quantity=rng.randrange(1, 10)))
                tasks.append(delivery(number, distance=f'{rng.randrange(10**6)}.{rng.randrange(100):02d}'))
        return [('Customers', 'c.json', customers(*range(1, 121))), ('Orders', 'o.csv', orders(*lines)),
                ('Deliveries', 'd.csv', deliveries(*tasks))]

    def test_sums_and_averages_are_rounded_once(self):
        work = self.workspace(pipeline='ecommerce')
        files = [(feed, self.folder / name) for feed, name, _ in self.shop()]
        for (_, path), (_, _, content) in zip(files, self.shop()):
            path.write_bytes(content)
        work.drop_all(files)
        work.run_once()
        self.assert_table(work, files)
        work.command('verify')


class RealsAndKeys(FlowCase):
    """Reals, and a decimal in the key, in tables and views."""

    DESCRIPTOR = {'feed': 'Marks', 'version': 1, 'format': 'csv', 'fields': {
        'id': {'type': 'int64', 'required': True}, 'who': {'type': 'text', 'required': True},
        'place': {'type': 'decimal(18,2)', 'required': True}, 'value': {'type': 'decimal(18,12)', 'required': True}}}
    PIPELINE = {'pipeline': 'marks', 'facts': {'feed': 'Marks', 'key': ['id']}, 'tables': {'marks': {
        'group_by': ['who', 'place'], 'columns': {
            'who': {'group': 'who'}, 'place': {'group': 'place'}, 'value': {'sum': 'value', 'type': 'real'},
            'average': {'avg': 'value', 'type': 'real'}, 'n': {'count': 'id'}, 'ids': {'sum': 'id'},
            'exact': {'sum': 'value', 'type': 'numeric'}}}},
        'views': {'newest': {'table': 'marks', 'latest': {'by': ['who'], 'on': 'place'}},
                  'totals': {'table': 'marks', 'by': ['who'], 'columns': {
                      'value': {'sum': 'value'}, 'n': {'sum': 'n'}, 'each': {'ratio': ['value', 'n']},
                      'ids': {'sum': 'ids'}, 'id': {'ratio': ['ids', 'n']}, 'exact': {'sum': 'exact'}}}}}

    def marks(self, *rows):
        work = self.workspace(pipeline='marks', feeds=('Marks',))
        (work.root / 'schemas' / 'Marks').mkdir()
        (work.root / 'schemas' / 'Marks' / '1.json').write_text(json.dumps(self.DESCRIPTOR), encoding='utf-8')
        (work.root / 'schemas' / 'marks.json').write_text(json.dumps(self.PIPELINE), encoding='utf-8')
        lines = [f'{number},{who},{place},{value}\n' for number, (who, place, value) in enumerate(rows)]
        work.drop('Marks', ''.join(['id,who,place,value\n', *lines]).encode(), 'm.csv')
        work.run_once()
        return work

    def test_the_latest_of_two_decimals_that_are_one_double_is_one_row(self):
        work = self.marks(('a', '9007199254740993.00', 1), ('a', '9007199254740992.99', 1), ('b', '-0.05', 1), ('b', '-0.50', 1),
                          ('c', '9.50', 1), ('c', '10.25', 1), ('c', '-11.00', 1))
        self.assertEqual(sorted(work.target.query('SELECT who, place FROM newest')),
                         [('a', '9007199254740993.00'), ('b', '-0.05'), ('c', '10.25')])

    def test_a_view_adds_reals_up_without_rounding_each_sum(self):
        work = self.marks(*(('a', place, 1) for place in range(1, 33)), ('a', 0, 999999), ('a', 0, 999999),
                          *(('a', -place, 999999) for place in range(1, 31)))
        [(value, each)] = work.target.query('SELECT value, each FROM totals')
        self.assertEqual(Decimal(value), 32 + 32 * 999999)
        self.assertEqual(Decimal(each), Decimal(32000000) / 64)

    def test_a_view_cuts_no_ratio_and_rounds_no_sum_of_exact_numbers(self):
        work = self.marks(('a', 1, '999999.99'), ('a', 2, '999999.98'))
        [(ratio, exact)] = work.target.query('SELECT id, exact FROM totals')
        self.assertEqual((Decimal(ratio), round(Decimal(exact), 2)), (Decimal('0.5'), Decimal('1999999.97')))

    def test_a_small_real_is_the_decimal_that_it_means(self):
        work = self.marks(('a', 1, '0.000123456789'), ('a', 2, '0.000000001234'))
        self.assertEqual([(Decimal(value), Decimal(average)) for value, average in
                          work.target.query('SELECT value, average FROM marks ORDER BY n, place')],
                         [(Decimal('0.00012345679'),) * 2, (Decimal('0.000000001234'),) * 2])


class RealsAndKeysInPostgres(InPostgres, RealsAndKeys):
    pass


class NumbersInPostgres(InPostgres, Numbers):
    pass
