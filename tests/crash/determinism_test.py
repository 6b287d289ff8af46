"""Item 23, determinism: the same records in any order, cut anywhere, over any restarts: the same tables to the byte."""
import shutil
from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from crash_case import CrashCase
from harness.case import InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.oracle import WINDOW, WINDOWS_START
from harness.targets import dump

DAYS = ['2021-12-28', '2021-12-29', '2022-01-07', '2022-01-08', '2022-02-17', '2024-02-29']


class Determinism(CrashCase):
    """No two records of one key differ, so there is one answer."""
    SHORT, LONG = 5, 1000
    ORDERS, CUSTOMERS = 60, 7
    VIEWS_OFF = Decimal('1e-14')

    def setUp(self):
        super().setUp()
        self.make_records()
        self.answer = None

    def make_records(self):
        """Orders of up to three lines, some rows twice; sums that no floating point number holds."""
        rng = self.rng
        self.orders, self.deliveries = [], []
        for number in range(1, self.ORDERS + 1):
            fixed = {'customer': rng.randrange(self.CUSTOMERS) + 1, 'time': f'{rng.choice(DAYS)}T{rng.randrange(24):02d}:59:59.999Z',
                     'total': f'{rng.randrange(10**15)}.{rng.randrange(100):02d}', 'currency': rng.choice(('₦', 'KSh')),
                     'status': rng.choice(('COMPLETED', 'CANCELLED', 'ORDERED'))}
            self.orders += [order(number, sku=f'sku-{line}', quantity=rng.randrange(1, 99), **fixed)
                            for line in range(rng.randrange(1, 4))]
            self.deliveries += [delivery(number, distance=f'{rng.randrange(10**6)}.{rng.randrange(100):02d}')
                                for _ in range(rng.randrange(1, 3))]
        self.customers = list(range(1, self.CUSTOMERS + 1))

    # --- one way for them to arrive ---

    def portions(self, records):
        """Shuffled, some of them twice, cut into files anywhere."""
        records = records + self.rng.choices(records, k=len(records) // 10)
        self.rng.shuffle(records)
        cuts = sorted(self.rng.choices(range(len(records) + 1), k=self.rng.randrange(6)))
        return [records[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(records)])]

    def arrival(self):
        """[(feed, name, content), ...]"""
        files = [(feed, make(portion)) for feed, records, make in (
            ('Orders', self.orders, lambda rows: orders(*rows)), ('Deliveries', self.deliveries, lambda rows: deliveries(*rows)),
            ('Customers', self.customers, lambda rows: customers(*rows))) for portion in self.portions(records)]
        self.rng.shuffle(files)
        return [(feed, f'{number:03d}', content) for number, (feed, content) in enumerate(files)]

    def run_all(self, work):
        """Runs over some files each, with another number of threads each."""
        waiting = self.arrival()
        self.count(files=len(waiting))
        while waiting:
            portion = self.rng.randrange(1, len(waiting) + 1)
            for feed, name, content in waiting[:portion]:
                work.drop(feed, content, name)
            waiting = waiting[portion:]
            work.run_once('--threads', self.rng.randrange(1, 5))
            self.count(runs=1)

    # --- the answer ---

    EXACT = ('customer_id, currency, window_start, order_count, total_amount, completed_amount, cancelled_amount, open_amount, '
             'highest_amount, lowest_amount, total_quantity, total_distance_m')

    def groups(self):
        """{(customer, currency, window): (orders, lines, distances)}"""
        lines_of, distances_of, found = defaultdict(list), defaultdict(list), defaultdict(lambda: ([], [], []))
        for line in self.orders:
            lines_of[line['Order ID']].append(line)
        for task in self.deliveries:
            distances_of[task['Order_ID']].append(Decimal(task['Distance(m)']))
        for number, lines in lines_of.items():
            time = datetime.strptime(lines[0]['Order Time'], '%Y-%m-%dT%H:%M:%S.%fZ')
            window = WINDOWS_START + WINDOW * ((time - WINDOWS_START) // WINDOW)
            group = found[str(lines[0]['Customer ID']), {'₦': 'NGN', 'KSh': 'KES'}[lines[0]['Currency Symbol']], window]
            group[0].append((lines[0]['Order Status'], Decimal(lines[0]['Order Total'])))
            group[1].extend(line['Quantity'] for line in lines)
            group[2].extend(distances_of[f'YR-{number},0'])
        return found

    @staticmethod
    def exact_row(orders_of, quantities, distances):
        def total(of):
            return sum(of) if of else None
        by = {status: [amount for found, amount in orders_of if found == status] for status in ('COMPLETED', 'CANCELLED', 'ORDERED')}
        amounts = [amount for _, amount in orders_of]
        return (Decimal(len(amounts)), sum(amounts), total(by['COMPLETED']), total(by['CANCELLED']), total(by['ORDERED']),
                max(amounts), min(amounts), Decimal(sum(quantities)), sum(distances))

    def assert_exact(self, target):
        """To the last digit; but the views of SQLite add up as doubles."""
        expected = {key: self.exact_row(*group) for key, group in self.groups().items()}
        rows = target.query(f'SELECT {self.EXACT} FROM customer_windows')
        self.assertEqual({(row[0], row[1], datetime.fromisoformat(row[2].replace('Z', '')[:19])):
                          tuple(value and Decimal(value) for value in row[3:]) for row in rows}, expected)
        lifetime = defaultdict(Decimal)
        for (customer, currency, _), row in expected.items():
            lifetime[customer, currency] += row[1]
        rows = target.query('SELECT customer_id, currency, total_amount FROM customer_lifetime')
        self.assertEqual({row[:2] for row in rows}, lifetime.keys())
        for row in rows:
            self.assertLessEqual(abs(Decimal(row[2]) - lifetime[row[:2]]), self.VIEWS_OFF * lifetime[row[:2]], row)

    def test_any_order_any_cuts_any_restarts(self):
        for number in range(self.scale(self.SHORT, self.LONG)):
            work = self.workspace(f'work-{number}')
            self.run_all(work)
            self.count(points=1)
            found = dump(work.target)
            if self.answer is None:
                self.answer = found
                self.assert_exact(work.target)
            self.find('wrong', found != self.answer, f'arrival {number} of seed {self.seed} has other tables')
            self.assert_adds_up(work)
            work.target.drop()
            shutil.rmtree(work.root)


class DeterminismInPostgres(InPostgres, Determinism):
    SHORT, LONG = 2, 100
    VIEWS_OFF = 0
