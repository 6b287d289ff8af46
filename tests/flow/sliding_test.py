"""Windows that slide: a row lies in each that holds its moment, against a computation in Python, through corrections."""
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from calendar_test import COLUMNS, DESCRIPTOR, SHOPS, csv
from harness.case import FlowCase, InPostgres

FIRST = datetime(2024, 2, 1, tzinfo=timezone.utc)
EAST = timedelta(hours=1)  # of UTC are the clocks by which days begin
WEEK, DAY = timedelta(days=7), timedelta(days=1)
LONG, SHORT = timedelta(hours=30), timedelta(hours=6)
TABLES = {'weeks': {'group_by': ['shop'], 'window': {'on': 'at', 'size': '7 days', 'slide': '1 day', 'zone': '+01:00'},
                    'columns': {'shop': {'group': 'shop'}, **COLUMNS}},
          'hours': {'window': {'on': 'at', 'size': '30 hours', 'slide': '6 hours'}, 'columns': COLUMNS}}
PIPELINE = {'pipeline': 'sales', 'facts': {'feed': 'Sales', 'key': ['id']}, 'tables': TABLES,
            'views': {'newest': {'table': 'weeks', 'latest': {'by': ['shop'], 'on': 'from'}}}}


def windows(moment, size, slide, east=timedelta(0)):
    """The begins of all windows of that size that hold the moment, the latest first."""
    latest = moment - (moment + east - datetime(1970, 1, 1, tzinfo=timezone.utc)) % slide
    return [latest - number * slide for number in range(size // slide)]


def expected(rows, size, slide, east=timedelta(0), by_shop=False):
    groups = {}
    for _, at, shop, amount in rows:
        for begin in windows(at, size, slide, east):
            groups.setdefault(((shop,) if by_shop else (), begin), []).append(amount)
    return sorted((*shop, f'{begin:%Y-%m-%d %H:%M:%S}+00', f'{begin + size:%Y-%m-%d %H:%M:%S}', str(len(amounts)),
                   f'{sum(amounts):.2f}', f'{max(amounts):.2f}') for (shop, begin), amounts in groups.items())


def made(rng):
    """Files of which each row may correct an earlier one, and move it."""
    for _ in range(8):
        yield {number: (number, FIRST + timedelta(minutes=15 * rng.randrange(40 * 96)), rng.choice(SHOPS),
                        Decimal(rng.randrange(-99, 10**6)) / 100) for number in rng.sample(range(150), 40)}


class Sliding(FlowCase):
    def assert_like(self, work, rows):
        for table, key, wanted in (('weeks', 'shop, ', expected(rows, WEEK, DAY, EAST, by_shop=True)),
                                   ('hours', '', expected(rows, LONG, SHORT))):
            found = work.target.query(f'SELECT {key}"from", "to", sales, amount, most FROM {table}')
            self.assertEqual(sorted(found), wanted)

    def test_rows_and_their_corrections_are_what_python_makes_of_the_files(self):
        seed = random.randrange(2**32)
        with self.subTest(seed=seed):
            work, live = self.workspace_of(PIPELINE, DESCRIPTOR), {}
            for number, rows in enumerate(made(random.Random(seed))):
                before = dict(live)
                work.drop('Sales', csv(rows.values()), f'{number:02}.csv')
                work.run_once()
                live.update(rows)
                self.assert_like(work, live.values())
            work.command('forget', 'Sales/07.csv')
            work.run_once()
            self.assert_like(work, before.values())
            self.assertIn('as they should be', work.command('verify', '--deep').out)
            work.command('replay')
            self.assert_like(work, before.values())
            newest = [max(row[:2] for row in expected(before.values(), WEEK, DAY, EAST, by_shop=True) if row[0] == shop)
                      for shop in SHOPS]
            self.assertEqual(sorted(work.target.query('SELECT shop, "from" FROM newest')), sorted(newest))

    def test_a_row_is_explained_in_each_of_its_windows_and_no_other(self):
        work = self.workspace_of(PIPELINE, DESCRIPTOR)
        work.drop('Sales', csv([(1, FIRST, 'east', Decimal('1.50')), (2, FIRST + DAY, 'east', Decimal('2.25'))]), 'a.csv')
        work.run_once()
        for days, lines in ((-7, None), (-6, (2,)), (0, (2, 3)), (1, (3,)), (2, None)):
            begin = FIRST + days * DAY - EAST
            shown = ('explain', '--table', 'weeks', 'shop=east', f'from={begin:%Y-%m-%d %H:%M}')
            if lines is None:
                work.command(*shown, expect=1)
                continue
            told = work.command(*shown).out
            for line in (2, 3):
                self.assertEqual(f'Sales/a.csv:{line}' in told, line in lines, told)
        touched = work.command('impact', 'Sales/a.csv').out
        self.assertEqual(touched.count('weeks '), 8, touched)


class SlidingInPostgres(InPostgres, Sliding):
    pass
