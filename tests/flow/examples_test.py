"""The pipelines of schemas/examples: three other worlds, each against an account of its own in Python."""
import csv
import json
import os
import re
import subprocess
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

import sample_examples
from harness.case import FlowCase, InPostgres
from harness.places import PROJECT, binary

BERLIN = ZoneInfo('Europe/Berlin')
UTC = timezone.utc


def shown(moment):
    return f'{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'


def exact(value, places):
    return str(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def texts(*values):
    return tuple(None if value is None else str(value) for value in values)


def grouped(records, key):
    groups = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return sorted(groups.items())


# --- pins -------------------------------------------------------------------------------------------------------------

def people(text):
    """"1.5k" as 1500; None where nobody is known."""
    if text == 'User Info Error':
        return None
    found = re.fullmatch(r'([0-9.,]+)([kM]?)', text)
    return int(Decimal(found[1].replace(',', '')) * {'': 1, 'k': 1000, 'M': 1_000_000}[found[2]])


def tag_list(text):
    tags = [tag.strip() for tag in text.replace('#', '').split(',')]
    return None if text.startswith('N,o, ') else ', '.join(tag for tag in tags if tag) or None


def pins(paths):
    posts, rejected = {}, 0
    for path in paths:
        text = path.read_text(encoding='utf-8')
        for post in json.loads(text) if path.suffix == '.json' else map(json.loads, text.splitlines()):
            try:
                posted = datetime.fromisoformat(post['created_at'].replace('Z', '+00:00'))
                post['followers'] = people(post['follower_count'])
                assert post['unique_id']
            except (ValueError, TypeError, AssertionError):
                rejected += 1
                continue
            posts[post['unique_id']] = {**post, 'day': posted.replace(hour=0, minute=0, second=0)}
    rows = []
    for (category, day), mine in grouped(posts.values(), lambda post: (post['category'], post['day'])):
        known = [post['followers'] for post in mine if post['followers'] is not None]
        titles = [re.sub(r'\s+', ' ', post['title']) for post in mine if post['title'] not in ('', 'No Title Data Available')]
        tags = [tags for tags in (tag_list(post['tag_list']) for post in mine) if tags]
        posters = {post['poster_name'] for post in mine} - {'User Info Error'}
        rows.append(texts(category, shown(day), len(mine), len(tags), len(posters), sum(known) if known else None,
                          max(known, default=None), max(titles, key=str.encode, default=None),
                          max(tags, key=str.encode, default=None)))
    return rows, rejected


# --- products ---------------------------------------------------------------------------------------------------------

def cents(price):
    return None if price in (None, '') else Decimal(str(price))


def products(paths):
    live, rejected = {}, 0
    for path in paths:
        taken = datetime.strptime(path.name, 'products_%Y%m%dT%H%M%S.json')
        for product in json.loads(path.read_text(encoding='utf-8')):
            for variant in product['variants'] or [{}]:
                price = cents(variant.get('price'))
                if 'id' not in variant or price != round(price, 2):
                    rejected += 1
                    continue
                record = (taken, product['vendor'], product['id'], variant['id'], price, cents(variant['compare_at_price']),
                          variant['available'])
                key = (variant['id'], taken.date())
                live[key] = max(live.get(key, record), record, key=lambda one: one[0])
    rows = []
    epoch = date(1970, 1, 1)
    for (vendor, week), mine in grouped(live.values(), lambda one: (one[1], (one[0].date() - epoch).days // 7 * 7)):
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=week)
        prices = [price for _, _, _, _, price, _, _ in mine]
        reductions = [was - price for _, _, _, _, price, was, _ in mine if was is not None]
        rows.append(texts(vendor, shown(start), len({one[2] for one in mine}), len({one[3] for one in mine}), len(mine),
                          sum(one[6] is True for one in mine), exact(min(prices), 2), exact(max(prices), 2),
                          exact(sum(prices) / len(prices), 8), exact(max(reductions), 2) if reductions else None))
    return rows, rejected


# --- trending ---------------------------------------------------------------------------------------------------------

def euros(text):
    bare = re.sub(r'^(€|EUR) ?| ?(€|EUR)$', '', text)
    if not re.fullmatch(r'[0-9]{1,3}(\.[0-9]{3})*,[0-9]{2}', bare):
        raise ValueError(text)
    return Decimal(bare.replace('.', '').replace(',', '.'))


def seen_at(text):
    """The moment, if there is one in Berlin."""
    local = datetime.strptime(text, '%d.%m.%Y %H:%M')
    moment = local.replace(tzinfo=BERLIN).astimezone(UTC)
    if moment.astimezone(BERLIN).replace(tzinfo=None) != local:
        raise ValueError(text)
    return moment


def trending(paths):
    live, rejected = {}, 0
    for path in paths:
        for line in csv.DictReader(path.read_text(encoding='cp1252').splitlines(), delimiter=';'):
            try:
                listed = euros(line['List Price'])
                paid = listed if line['Sale Price'] in ('', '-') else euros(line['Sale Price'])
                seen = seen_at(line['Seen'])
                assert line['Category']
            except (ValueError, AssertionError, InvalidOperation):
                rejected += 1
                continue
            day, item = seen.astimezone(BERLIN).date(), int(line['Item'].lstrip('#'))
            if (item, day) not in live or seen >= live[item, day][0]:
                live[item, day] = (seen, line['Category'], day, listed, paid)
    rows = []
    for (category, day), mine in grouped(live.values(), lambda one: (one[1], one[2])):
        start, end = (datetime(one.year, one.month, one.day, tzinfo=BERLIN) for one in (day, day + timedelta(days=1)))
        listed, paid = sum(one[3] for one in mine), sum(one[4] for one in mine)
        rows.append(texts(category, day, shown(start), shown(end), len(mine), sum(one[3] > one[4] for one in mine),
                          exact(listed, 2), exact(paid, 2), exact(listed - paid, 2), exact((listed - paid) / listed, 8),
                          exact(max(one[3] - one[4] for one in mine), 2)))
    return rows, rejected


# --- tests ------------------------------------------------------------------------------------------------------------

class Example(FlowCase):
    def check(self, name, table, expected):
        feed, paths, _ = sample_examples.write(name, self.folder / 'sample', rows=900, files=7, seed=3)
        work = self.workspace(name, pipeline=f'examples/{name}/{name}', feeds=(feed,))
        work.FEEDS = (feed,)
        check = work.command('check')
        self.assertEqual(check.err, '')
        for path in paths:
            work.drop(feed, path)
        work.run_once()
        rows, rejected = expected(paths)
        self.assertGreater(len(rows), 5)
        self.assertGreater(rejected, 1)
        columns = ', '.join(self.columns(name, table))
        found = work.target.query(f'SELECT {columns} FROM {table}')
        self.assertEqual(sorted(found, key=lambda row: row[:2]), sorted(rows, key=lambda row: row[:2]))
        self.assertEqual(len(work.rejects()), rejected)
        self.assert_adds_up(work)

    def columns(self, name, table):
        return json.loads((PROJECT / f'schemas/examples/{name}/{name}.json').read_text())['tables'][table]['columns']


class Pins(Example):
    def test_posts_and_followers_per_category_and_day(self):
        self.check('pins', 'category_days', pins)


class Products(Example):
    def test_price_ranges_per_vendor_and_week_and_a_later_snapshot_replaces(self):
        self.check('products', 'vendor_weeks', products)


class Trending(Example):
    def test_discounts_per_category_and_day(self):
        self.check('trending', 'category_days', trending)


class TrendingInPostgres(InPostgres, Trending):
    pass


class Scripts(FlowCase):
    def test_one_command_tries_an_example(self):
        programs = self.folder / 'bin'
        programs.mkdir()
        (programs / 'dropfold').symlink_to(Path(binary()).resolve())
        environment = {**os.environ, 'PATH': f"{programs}:{os.environ['PATH']}"}
        for name in sample_examples.EXAMPLES:
            done = subprocess.run([PROJECT / 'scripts/example.sh', name, self.folder / name], env=environment, text=True,
                                  check=False, stdin=subprocess.DEVNULL, capture_output=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn('6 files applied, 0 duplicate, 0 quarantined', done.stdout)
            self.assertRegex(done.stdout, r'\n(category_days|vendor_weeks), its first rows:\n')

    def test_the_end_of_a_run_of_all_tests_says_what_failed_and_why(self):
        units, flow, lines = (self.folder / name for name in ('unit.xml', 'flow tests', 'lines reached'))
        units.write_text('<testsuite><testcase name="unit/a" status="run"/><testcase name="unit/b" status="fail"><system-out>'
                         '[ RUN      ] x\n[  ERROR   ] --- 1 != 2\n[  FAILED  ] x\n</system-out></testcase></testsuite>')
        flow.write_text('passed  a [1.0 s]\nfailed  b [2.0 s]\nTraceback (most recent call last):\n  File "b_test.py", line 7, in b\n'
                        '    x()\n  File "harness.py", line 1, in x\nAssertionError: not within 9 s\n' + 'line\n' * 99 + 'the end\n\n'
                        'passed  c [1.0 s]\n2 passed, 1 failed, 0 skipped\n')
        lines.write_text('nothing\ncoverage_table.py: too few lines are reached: store\n')
        done = subprocess.run([PROJECT / 'scripts/test_end.py', '5', units, f'8:{os.devnull}', f'1:{flow}', f'1:{lines}'],
                              text=True, check=True, capture_output=True)
        self.assertEqual(done.stdout.splitlines(), [
            '--- unit/b', '    [  ERROR   ] --- 1 != 2',
            '--- failed  b [2.0 s]', '      File "b_test.py", line 7, in b', '    AssertionError: not within 9 s', *['    line'] * 2,
            '    ...', *['    line'] * 3, '    the end',
            '--- lines reached ended with 1', '    coverage_table.py: too few lines are reached: store',
            '3 passed, 2 failed, 0 skipped in 5 s'])
