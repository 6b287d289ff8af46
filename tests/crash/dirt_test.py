"""Item 22, dirt: a corpus of files as they come; each is taken, loses rows, or is quarantined, as it declares."""
import sqlite3
from collections import defaultdict
from contextlib import closing
from decimal import Decimal

import dirt
from crash_case import APPLIED, CrashCase
from harness.case import InPostgres
from harness.files import customers, deliveries, delivery, order, orders

QUARANTINED = 2  # a file's state in the ledger


class Dirt(CrashCase):
    """All in one run, so that each also stands between others."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.fixtures = {number * dirt.ROOM: fixture for number, fixture in enumerate(dirt.CORPUS, 1)}

    def drop_all(self):
        """With a delivery of every order there may be but for those that fixtures bring, the customer of every fixture of
        orders or deliveries, and the orders that the others may wait for."""
        brought = {first for first, fixture in self.fixtures.items() if fixture.feed == 'Deliveries'}
        self.drop('Deliveries', 'deliveries', deliveries(*(
            delivery(first + at) for first in self.fixtures if first not in brought for at in range(dirt.ROOM))))
        self.drop('Customers', 'customers', customers(*(first for first, fixture in self.fixtures.items()
                                                        if fixture.feed != 'Customers')))
        self.drop('Orders', 'orders', orders(*(
            order(first + at, customer=first if first in brought else first + at) for first, fixture in self.fixtures.items()
            if fixture.feed != 'Orders' for at in range(10))))
        for first, fixture in self.fixtures.items():
            self.drop(fixture.feed, first, fixture.make(first))

    def drop(self, feed, name, content):
        self.work.drop(feed, content, str(name))

    def test_each_fixture_gets_what_it_declares(self):
        self.drop_all()
        self.work.run_once()
        self.assert_adds_up(self.work)
        self.assertEqual(self.work.landed(), [])
        files, rejects, table = self.files(), self.rejects(), self.table()
        for first, fixture in self.fixtures.items():
            self.count(points=1)
            where = f'{fixture.feed}, {fixture.name}'
            state, accepted, rejected, reason = files[str(first)]
            reasons = [reason] if state == QUARANTINED else rejects[str(first)]
            got = state, accepted, rejected
            wanted = (QUARANTINED, 0, 0) if fixture.whole else (APPLIED, len(fixture.accepted), fixture.rejected)
            self.find('wrong', got != wanted, f'{where}: {got} and not {wanted}: {reasons}')
            self.find('wrong', not all(fixture.words in one for one in reasons), f'{where}: no "{fixture.words}" in {reasons}')
            found = {customer: row for customer, row in table.items() if first <= customer < first + dirt.ROOM}
            self.find('wrong', found != self.expected(first, fixture), f'{where}: read as {found}, not {self.expected(first, fixture)}')

    def files(self):
        """{name: (state, rows accepted, rows rejected, why it was quarantined)}"""
        with closing(sqlite3.connect(self.work.checkpoints / 'ecommerce.db')) as connection:
            return {name.decode(): (state, rows - rejected, rejected, reason.decode()) for name, state, rows, rejected, reason in
                    connection.execute('SELECT name, state, row_count, rejected, reason FROM files')}

    def rejects(self):
        """{name: [field and reason, ...]}"""
        found = defaultdict(list)
        for reject in self.work.rejects():
            found[reject['file']].append(f'{reject["field"]}: {reject["reason"]}')
        return found

    def table(self):
        """{customer: (orders, total, quantity, distance)}"""
        found = defaultdict(lambda: (0, Decimal(0), 0, Decimal(0)))
        for row in self.work.target.query('SELECT customer_id, order_count, total_amount, total_quantity, total_distance_m '
                                          'FROM customer_windows'):
            own = int(row[1]), Decimal(row[2]), int(row[3]), Decimal(row[4] or 0)
            found[int(row[0])] = tuple(map(sum, zip(found[int(row[0])], own)))
        return found

    @staticmethod
    def expected(first, fixture):
        if fixture.feed == 'Customers':
            return {first + at: (1, Decimal(100), 1, Decimal(500)) for at in fixture.accepted}
        count = len(fixture.accepted)
        if not count:
            return {}
        if fixture.feed == 'Deliveries':
            return {first: (count, 100 * Decimal(count), count, sum(map(Decimal, fixture.accepted)))}
        return {first: (count, sum(Decimal(total) for total, _ in fixture.accepted),
                        sum(quantity for _, quantity in fixture.accepted), 500 * Decimal(count))}


class DirtInPostgres(InPostgres, Dirt):
    pass
