"""Windows of months, and of others with an origin, in a zone: their rows, late ones too, against a computation in Python; what is asked of them."""
import json
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from zones_test import DATABASE, first_days, midnight
from harness.case import FlowCase, InPostgres

# October 2003 and 2004 begin at the second midnight there, and April 2004 at one o'clock.
ZONE = 'Asia/Damascus'
LATENESS = timedelta(days=10)
SHOPS = ('east', 'west', 'south')
DESCRIPTOR = {'feed': 'Sales', 'version': 1, 'format': 'csv', 'fields': {
    'id': {'type': 'int64', 'required': True}, 'at': {'type': 'timestamp', 'required': True},
    'shop': {'type': 'text', 'required': True}, 'amount': {'type': 'decimal(9,2)'}}}
COLUMNS = {'from': {'window': 'start'}, 'to': {'window': 'end', 'type': 'timestamp'}, 'sales': {'count': 'id'},
           'amount': {'sum': 'amount'}, 'most': {'max': 'amount'}}


def pipeline(size, origin=None):
    window = {'on': 'at', 'size': size, 'zone': ZONE, **({'origin': origin} if origin else {})}
    return {'pipeline': 'sales', 'facts': {'feed': 'Sales', 'key': ['id']}, 'retention': {'lateness': f'{LATENESS.days} days'},
            'tables': {'shops': {'group_by': ['shop'], 'window': window, 'columns': {'shop': {'group': 'shop'}, **COLUMNS}},
                       'months': {'window': window, 'columns': COLUMNS}},
            'views': {'newest': {'table': 'shops', 'latest': {'by': ['shop'], 'on': 'from'}}}}


def window_of(moment, size, origin=None):
    """The moments at which the window begins and ends that holds this one."""
    day = datetime.fromisoformat(origin or '1970-01-01')
    behind = timedelta(hours=day.hour, minutes=day.minute)
    local = moment.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None) - behind
    first, second, third = (midnight(first, ZoneInfo(ZONE), behind) for first in first_days(local.date(), size, day.date()))
    return (first, second) if moment < second else (second, third)


class Sales:
    """What the files make of the tables, file by file."""

    def __init__(self, *windows):
        self.windows = windows  # size, and the origin if there is one
        self.live, self.final, self.closed, self.late = {}, {}, set(), []
        self.watermark = self.before = datetime.min.replace(tzinfo=timezone.utc)

    def apply(self, rows):
        for row in rows:
            number, at = row[:2]
            self.watermark = max(self.watermark, at)
            if number in self.closed or window_of(at, *self.windows)[1] <= self.before:
                self.late.append(number)
            else:
                self.live[number] = row
        due = window_of(self.watermark - LATENESS, *self.windows)[0]
        if due > self.before:
            self.close(due)

    def close(self, before):
        self.before = before
        self.final = {key: row for key, row in self.groups().items() if key[2] <= before}
        over = {number for number, row in self.live.items() if window_of(row[1], *self.windows)[1] <= before}
        self.closed |= over
        self.live = {number: row for number, row in self.live.items() if number not in over}

    def groups(self):
        """{(shop or None, start, end): amounts}"""
        groups = {key: list(amounts) for key, amounts in self.final.items()}
        for _, at, shop, amount in self.live.values():
            for by in (shop, None):
                groups.setdefault((by, *window_of(at, *self.windows)), []).append(amount)
        return groups

    def rows(self, by_shop):
        return sorted((*((shop,) if by_shop else ()), f'{start:%Y-%m-%d %H:%M:%S}+00', f'{end:%Y-%m-%d %H:%M:%S}',
                       str(len(amounts)), f'{sum(amounts):.2f}', f'{max(amounts):.2f}')
                      for (shop, start, end), amounts in self.groups().items() if by_shop == (shop is not None))


def made(rng, *windows):
    """Files around a moment that moves on, of which some rows lie far behind, many at the begin of a window, and some correct
    others; from August 2003 to November 2004."""
    for number in range(16):
        around = datetime(2003, 8, 1, tzinfo=timezone.utc) + timedelta(days=30 * number)

        def moment():
            at = around - timedelta(days=rng.choice((0, 0, 5, 12, 40, 80)), seconds=rng.randrange(30 * 86400))
            begin = window_of(at, *windows)[rng.randrange(2)] + timedelta(seconds=rng.randrange(-7200, 7200))
            return (begin if rng.random() < 0.5 and begin < around else at).replace(microsecond=0)

        yield [(rng.randrange(40 * number, 40 * number + 90), moment(), rng.choice(SHOPS), Decimal(rng.randrange(-99, 10**6)) / 100)
               for _ in range(60)]


def csv(rows):
    return ('id,at,shop,amount\n' + ''.join(f'{number},{at:%Y-%m-%dT%H:%M:%SZ},{shop},{amount}\n'
                                            for number, at, shop, amount in rows)).encode()


class Months(FlowCase):
    def setUp(self):
        super().setUp()
        if not (DATABASE / ZONE).is_file():
            self.skipTest('no time zones are installed')

    def start(self, *windows):
        return self.workspace_of(pipeline(*windows), DESCRIPTOR)

    def assert_like(self, work, sales):
        for table, key in (('shops', 'shop, '), ('months', '')):
            found = work.target.query(f'SELECT {key}"from", "to", sales, amount, most FROM {table}')
            self.assertEqual(sorted(found), sales.rows(by_shop=table == 'shops'))

    def check_rows(self, *windows):
        """Of files that are made anew each time."""
        seed = random.randrange(2**32)
        with self.subTest(seed=seed):
            work, sales, closings = self.start(*windows), Sales(*windows), set()
            for number, rows in enumerate(made(random.Random(seed), *windows)):
                work.drop('Sales', csv(rows), f'{number:02}.csv')
                work.run_once()
                sales.apply(rows)
                closings.add(sales.before)
                self.assert_like(work, sales)
                self.assertEqual(work.status()['closed']['before'], f'{sales.before:%Y-%m-%dT%H:%M:%S}.000Z')
            late = [json.loads(line) for line in work.command('late', '--json').out.splitlines()]
            self.assertEqual([int(row['key']['id']) for row in late], sales.late)
            self.assertGreater(len(late), 50)
            self.assertGreater(len(closings), 9)
            self.assert_adds_up(work)
            work.command('replay')
            self.assert_like(work, sales)
            self.assertIn('as they should be', work.command('verify', '--deep').out)
            return work

    def test_rows_late_ones_too_are_what_python_makes_of_the_files(self):
        self.check_rows('1 month')

    def test_windows_with_an_origin_begin_there_and_another_one_is_another_shape(self):
        # That evening clocks showed half past eleven twice: they were put back from midnight to eleven.
        work = self.check_rows('7 days', '2003-09-30T23:30')
        starts = {row[0] for row in work.target.query('SELECT "from" FROM months')}
        self.assertLessEqual({'2003-09-30 20:30:00+00', '2003-10-07 21:30:00+00'}, starts)
        told = work.command('explain', '--table', 'months', 'window=2003-10-07 21:30').out
        self.assertIn('months from=2003-10-07 21:30:00+00\n', told)
        (work.root / 'schemas' / 'sales.json').write_text(json.dumps(pipeline('7 days', '2024-04-30T23:30')))
        work.run_once()
        for origin, told in (('2003-10-02', 'of 7 days in'), ('2003-10-06', 'of 7 days from 1970-01-05 00:00:00 in')):
            (work.root / 'schemas' / 'sales.json').write_text(json.dumps(pipeline('7 days', origin)))
            work.run_once(expect=78)
            self.assertRegex(work.command('check', expect=78).err, f'{told} .* it was .* of 7 days from 1970-01-06 23:30:00 in')
        work.command('replay')
        self.assertIn(('2003-10-05 22:00:00+00',), work.target.query('SELECT "from" FROM months'))
        work.run_once()

    def test_another_size_is_another_shape_and_a_year_is_twelve_months(self):
        work, sales = self.start('1 year'), Sales('1 year')
        rows = [row for rows in made(random.Random(5), '1 month') for row in rows]
        work.drop('Sales', csv(rows), 'all.csv')
        work.run_once()
        sales.apply(rows)
        self.assert_like(work, sales)
        (work.root / 'schemas' / 'sales.json').write_text(json.dumps(pipeline('12 months')))
        work.run_once()
        (work.root / 'schemas' / 'sales.json').write_text(json.dumps(pipeline('3 months')))
        work.run_once(expect=78)
        told = work.command('check', expect=78).err
        self.assertRegex(told, 'of 3 months in .* it was .* of 12 months in')
        work.command('replay')
        sales = Sales('3 months')
        sales.apply(rows)
        self.assert_like(work, sales)
        start = sales.rows(by_shop=False)[0][0]
        told = work.command('explain', '--table', 'months', f'from={start[:10]}').out
        self.assertIn(f'months from={start}\n', told)

    def test_what_is_no_size_is_told_with_its_place(self):
        work = self.start('1 month')
        for size, expected in (('0 months', 'a time such as'), ('1 month 2 days', 'a time such as'), ('101 years', 'at most 100 years')):
            text = json.dumps(pipeline(size))
            (work.root / 'schemas' / 'sales.json').write_text(text)
            told = work.command('check', expect=78).err
            self.assertIn(f'schemas/sales.json:1:{text.index(size)}: "size" is "{size}", expected {expected}', told)


class MonthsInPostgres(InPostgres, Months):
    pass
