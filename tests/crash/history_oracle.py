"""What the tables of a history's pipeline must hold, worked out anew from the bytes of its files.

Nothing is shared with the program: its own readers, keys resolved over the whole committed order before anything is
grouped, exact arithmetic. Slow on purpose.
"""
import csv
import io
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

NULLS = ('', '-')
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
INT64 = range(-2**63, 2**63)


class Rejected(Exception):
    """A row that its descriptor does not accept."""


@dataclass(frozen=True)
class Rules:
    """What a pipeline of a history says; see pipeline_of() in histories.py."""
    keyed: bool                # Lines by (Order, Item)
    grain: bool                # lines of an order share its attributes
    versioned: bool            # Rev ranks lines
    deletes: bool              # Op D is a delete marker, of lines and trips
    filtered: bool             # only lines of one piece or more
    trips_keyed: bool
    trips_required: bool
    by_city: bool              # grouped by the joined shop's city; else shops are not required and the shop groups
    days: int
    on_change: dict = field(default_factory=dict)


# --- cells ------------------------------------------------------------------------------------------------------------


def integer(text):
    if text in NULLS:
        return None
    if not re.fullmatch(r'[+-]?[0-9]+', text) or int(text) not in INT64:
        raise Rejected(text)
    return int(text)


def decimal(text, digits, places):
    if text in NULLS:
        return None
    if not re.fullmatch(r'[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)', text):
        raise Rejected(text)
    value = Decimal(text)
    if value * 10**places % 1 or abs(value) * 10**places >= 10**digits:
        raise Rejected(text)
    return value


def money(text):
    """With a currency before it, thousands in commas, and parentheses for what is owed."""
    match = re.fullmatch(r'(\()?(?:€ ?)?([0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?)(?(1)\))', text)
    if text in NULLS:
        return None
    if not match:
        raise Rejected(text)
    return decimal(('-' if match[1] else '') + match[2].replace(',', ''), 12, 2)


def suffixed(text):
    """1.5k is 1500; what cannot be read is null."""
    match = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?)([kKmM]?)', text)
    if not match:
        return None
    value = Decimal(match[1]) * {'': 1, 'k': 1000, 'm': 10**6}[match[2].lower()]
    return int(value) if value == int(value) else None


def moment(text):
    if text in NULLS:
        return None
    for form in ('%Y-%m-%dT%H:%M:%S%z', '%d.%m.%Y %H:%M'):
        try:
            value = datetime.strptime(text, form)
        except ValueError:
            continue
        return value if value.tzinfo else value.replace(tzinfo=timezone(timedelta(hours=3)))
    raise Rejected(text)


def word(text):
    return None if text in NULLS else text


def needed(value):
    if value is None:
        raise Rejected('null')
    return value


# --- files ------------------------------------------------------------------------------------------------------------


def csv_records(content):
    """(header, a list of cells or None where the row has other fields than the header)"""
    lines = csv.reader(io.StringIO(content.decode('utf-8', 'surrogateescape'), newline=''))
    header = next(lines)
    for cells in lines:
        if cells:
            yield header, cells if len(cells) == len(header) else None


def line(cells):
    second = 'Channel' in cells
    return {'Order': needed(integer(cells['Order'])), 'Item': needed(word(cells['Item'])), 'Shop': needed(word(cells['Shop'])),
            'At': needed(moment(cells['At'])), 'Total': money(cells['Sum']) if second else decimal(cells['Total'], 12, 2),
            'Status': word(cells['Status']), 'Pieces': integer(cells['Pieces']), 'Price': decimal(cells['Price'], 9, 3),
            'Rev': integer(cells['Rev']), 'Op': word(cells['Op'])}


def trip(cells):
    return {'Trip': needed(integer(cells['Trip'])), 'Order': needed(integer(cells['Order'])), 'Km': decimal(cells['Km'], 8, 1),
            'Op': word(cells['Op'])}


def shop(record):
    if not isinstance(record.get('Shop'), str) or not isinstance(record.get('City'), str):
        raise Rejected('shop')
    return {'Shop': needed(word(record['Shop'])), 'City': needed(word(record['City'])), 'Fans': suffixed(record.get('Fans') or '')}


def broken(cell):
    """Bytes that are no UTF-8 came through as halves of pairs."""
    return isinstance(cell, str) and any('\udc80' <= letter <= '\udcff' for letter in cell)


def read_file(feed, content):
    """[row, or None where it is rejected], in the order of the file."""
    rows = []
    if feed == 'Shops':
        records = json.loads(content)
    else:
        records = ({name: cell for name, cell in zip(header, cells)} if cells else None for header, cells in csv_records(content))
    make = {'Lines': line, 'Trips': trip, 'Shops': shop}[feed]
    for record in records:
        try:
            if record is None or any(broken(cell) for cell in record.values()):
                raise Rejected('fields')
            rows.append(make(record))
        except Rejected:
            rows.append(None)
    return rows


# --- the tables -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ranked:
    rank: tuple
    row: dict


def ranked(rules, feed, files):
    """Every accepted row of the feed's files [(sequence, content), ...], with its rank."""
    for sequence, content in files:
        for number, row in enumerate(read_file(feed, content), 1):
            if row is not None:
                version = row['Rev'] if feed == 'Lines' and rules.versioned else None
                yield Ranked(((version is not None, version or 0), sequence, number), row)


def live(rows, key, deleted):
    """Of each key the row of the highest rank, unless that is a delete marker; without a key all of them."""
    if key is None:
        return list(rows)
    best = {}
    for found in rows:
        name = tuple(found.row[part] for part in key)
        if name not in best or best[name].rank < found.rank:
            best[name] = found
    return [found for found in best.values() if not deleted(found.row)]


@dataclass
class Unit:
    lines: list
    trips: list
    shops: list

    @property
    def says(self):
        return max(self.lines, key=lambda found: found.rank).row


class History:
    """The committed files by feed, {feed: [(sequence, content), ...]}, without those that were taken back."""

    def __init__(self, rules, files):
        self.rules, self.files = rules, files

    def _live(self, feed, key, deletes):
        return live(ranked(self.rules, feed, self.files.get(feed, ())), key, lambda row: deletes and row['Op'] == 'D')

    def units(self):
        rules = self.rules
        lines = self._live('Lines', ('Order', 'Item') if rules.keyed else None, rules.keyed and rules.deletes)
        if rules.filtered:
            lines = [found for found in lines if found.row['Pieces'] is not None and found.row["Pieces"] > 0]
        trips = self._live('Trips', ('Trip',) if rules.trips_keyed else None, rules.trips_keyed and rules.deletes)
        shops = self._live('Shops', ('Shop',), False)
        of_order, of_shop, units = defaultdict(list), defaultdict(list), defaultdict(list)
        for found in trips:
            of_order[found.row['Order']].append(found.row)
        for found in shops:
            of_shop[found.row['Shop']].append(found.row)
        for number, found in enumerate(lines):
            units[found.row['Order'] if rules.grain else number].append(found)
        for members in units.values():
            unit = Unit(members, (), ())
            unit.trips, unit.shops = of_order[unit.says['Order']], of_shop[unit.says['Shop']]
            yield unit

    def table(self):
        """{(group, window start): row as the target has it, in the order of COLUMNS}"""
        rules, groups = self.rules, defaultdict(list)
        size = timedelta(days=rules.days)
        for unit in self.units():
            if (rules.trips_required and not unit.trips) or (rules.by_city and not unit.shops):
                continue
            group = unit.shops[0]['City'] if rules.by_city else unit.says['Shop']
            groups[group, EPOCH + size * ((unit.says['At'] - EPOCH) // size)].append(unit)
        return {key: self._row(key, units) for key, units in groups.items()}

    def _values(self, units, name, grain):
        """A field of the facts, as often as it counts."""
        for unit in units:
            times = 1 if self.rules.grain else max(1, len(unit.trips)) * max(1, len(unit.shops))
            rows = [unit.says] if grain and self.rules.grain else [found.row for found in unit.lines]
            for row in rows:
                if row[name] is not None:
                    yield from [row[name]] * times

    def _row(self, key, units):
        totals = list(self._values(units, 'Total', True))
        orders = list(self._values(units, 'Order', True))
        pieces = list(self._values(units, 'Pieces', False))
        items = list(self._values(units, 'Item', False))
        prices = list(self._values(units, 'Price', False))
        trips = [found for unit in units for found in unit.trips
                 for _ in range(1 if self.rules.grain else max(1, len(unit.shops)))]
        kms = [found['Km'] for found in trips if found['Km'] is not None]
        statuses = list(self._values(units, 'Status', True))
        times = list(self._values(units, 'At', True))
        return {'grp': key[0], 'win': key[1], 'n': len(orders), 'lines': len(items), 'total': total(totals),
                'average': mean(totals, 8), 'mean': mean(totals, None), 'most': max(totals, default=None),
                'least': min(totals, default=None), 'items': len(set(items)), 'pieces': total(pieces), 'price': total(prices),
                'per': rounded(Fraction(sum(pieces), len(orders)), 6) if pieces and orders else None,
                'done': statuses.count('DONE'), 'trips': len(trips), 'km': total(kms), 'per_trip': mean(kms, 7),
                'first_item': min(items, key=str.encode, default=None), 'newest': max(times, default=None)}


def total(values):
    return sum(values) if values else None


def rounded(value, places):
    """Half away from zero, to the digit."""
    whole, rest = divmod(abs(value.numerator) * 10**places, value.denominator)
    whole += 2 * rest >= value.denominator
    return Decimal(whole if value >= 0 else -whole).scaleb(-places)


def mean(values, places):
    if not values:
        return None
    exact = Fraction(sum(values)) / len(values)
    return float(exact) if places is None else rounded(exact, places)


def equal(found, expected):
    """A cell of the target, as text or NULL, against the value it must be."""
    if found is None or expected is None:
        return found is None and expected is None
    if isinstance(expected, datetime):
        return datetime.fromisoformat(found.replace(' ', 'T').replace('Z', '')[:19]).replace(tzinfo=timezone.utc) == expected
    if isinstance(expected, str):
        return found == expected
    if isinstance(expected, float):
        return float(found) == expected
    return Decimal(found) == expected


COLUMNS = ('grp', 'win', 'n', 'lines', 'total', 'average', 'mean', 'most', 'least', 'items', 'pieces', 'price', 'per', 'done', 'trips',
           'km', 'per_trip', 'first_item', 'newest')
