"""Histories made by chance: a pipeline, and files that add, correct, repeat, delete, drift and are dirty."""
import csv
import io
import json
from dataclasses import replace

from history_oracle import Rules

SHOPS = ('north', 'south', 'east, or "Ost"', 'wést')
CITIES = ('Lagos', 'Nairobi', 'Köln')
ITEMS = ('flour', 'oil 5%', 'rice', "sugar; DROP TABLE x; --", '=1+1', 'Tee\nund Kaffee')
FIRST_HEADER = ('Order', 'Item', 'Shop', 'At', 'Total', 'Status', 'Pieces', 'Price', 'Rev', 'Op')
SECOND_HEADER = ('Channel', 'Rev', 'Sum', 'Order', 'Shop', 'Item', 'At', 'Op', 'Price', 'Pieces', 'Status')
TRIP_HEADER = ('Trip', 'Order', 'Km', 'Op')
BAD = {'Order': ('', 'x7', '1.5', '9' * 20), 'Item': ('', '-', b'\xff\xfe'), 'Shop': ('', b'caf\xe9'), 'At': ('', '2022-02-30T00:00:00Z', 'soon'),
       'Total': ('1.005', '1,5', 'x', '9' * 12), 'Sum': ('1,00', '(5', '$5', '1.001'), 'Pieces': ('1.0', 'two'), 'Price': ('0.0001', '--1'),
       'Rev': ('v2',), 'Trip': ('', 'T1'), 'Km': ('1.25', 'far')}


def rules_by(rng):
    keyed = rng.random() < 0.75
    by_city = rng.random() < 0.5
    return Rules(keyed=keyed, grain=rng.random() < 0.6, versioned=keyed and rng.random() < 0.4, deletes=rng.random() < 0.4,
                 filtered=rng.random() < 0.3, trips_keyed=rng.random() < 0.7, trips_required=rng.random() < 0.6, by_city=by_city,
                 days=rng.choice((1, 7, 10)))


# --- descriptors and pipeline -----------------------------------------------------------------------------------------

DESCRIPTORS = {
    'Lines/1.json': {'feed': 'Lines', 'version': 1, 'format': 'csv', 'null': ['', '-'], 'fields': {
        'Order': {'type': 'int64', 'required': True}, 'Item': {'type': 'text', 'required': True},
        'Shop': {'type': 'text', 'required': True},
        'At': {'type': 'timestamp', 'required': True, 'formats': ['iso8601', '%d.%m.%Y %H:%M'], 'zone': '+03:00'},
        'Total': {'type': 'decimal(12,2)'}, 'Status': {'type': 'text'}, 'Pieces': {'type': 'int64'},
        'Price': {'type': 'decimal(9,3)'}, 'Rev': {'type': 'int64'}, 'Op': {'type': 'text'}}},
    'Lines/2.json': {'feed': 'Lines', 'version': 2, 'extends': 1, 'match': 'Channel', 'fields': {
        'Total': {'from': 'Sum', 'type': 'decimal(12,2)', 'number': {'thousands': ',', 'currency': '€', 'parentheses': True}}}},
    'Trips/1.json': {'feed': 'Trips', 'version': 1, 'format': 'csv', 'null': ['', '-'], 'fields': {
        'Trip': {'type': 'int64', 'required': True}, 'Order': {'type': 'int64', 'required': True}, 'Km': {'type': 'decimal(8,1)'},
        'Op': {'type': 'text'}}},
    'Shops/1.json': {'feed': 'Shops', 'version': 1, 'format': 'json', 'null': ['', '-'], 'fields': {
        'Shop': {'type': 'text', 'required': True}, 'City': {'type': 'text', 'required': True},
        'Fans': {'type': 'int64', 'number': {'suffixes': True}, 'on_error': 'null'}}},
}
MARKER = {'Op': 'D'}
TABLE_COLUMNS = {
    'win': {'window': 'start'}, 'n': {'count': 'Order'}, 'lines': {'count': 'Item'}, 'total': {'sum': 'Total'},
    'average': {'avg': 'Total'}, 'mean': {'avg': 'Total', 'type': 'double'}, 'most': {'max': 'Total'}, 'least': {'min': 'Total'},
    'items': {'count_distinct': 'Item'}, 'pieces': {'sum': 'Pieces'}, 'price': {'sum': 'Price'},
    'per': {'ratio': ['pieces', 'n'], 'type': 'numeric'}, 'done': {'count': 'Status', 'where': {'Status': 'DONE'}},
    'trips': {'count': 'Trips.Trip'}, 'km': {'sum': 'Trips.Km'}, 'per_trip': {'avg': 'Trips.Km'}, 'first_item': {'min': 'Item'},
    'newest': {'max': 'At'},
}


def pipeline_of(rules, name):
    facts = {'feed': 'Lines'}
    if rules.keyed:
        facts['key'] = ['Order', 'Item']
    if rules.versioned:
        facts['version_field'] = 'Rev'
    if rules.grain:
        facts['grain'] = {'key': ['Order'], 'attributes': ['Shop', 'At', 'Total', 'Status']}
    if rules.filtered:
        facts['filter'] = {'Pieces': {'>': 0}}
    trips = {'feed': 'Trips', 'on': 'Order', 'required': rules.trips_required}
    if rules.trips_keyed:
        trips['key'] = ['Trip']
    for side in (facts, trips):
        if rules.deletes and 'key' in side:
            side['delete'] = MARKER
    group = 'Shops.City' if rules.by_city else 'Shop'
    pipeline = {'pipeline': name, 'facts': facts,
                'join': [trips, {'feed': 'Shops', 'key': ['Shop'], 'on': 'Shop', 'required': rules.by_city}],
                'tables': {f'{name}_table': {'group_by': [group], 'window': {'on': 'At', 'size': f'{rules.days} days'},
                                             'columns': {'grp': {'group': group}, **TABLE_COLUMNS}}}}
    if rules.on_change:
        pipeline['feeds'] = {feed: {'on_change': what} for feed, what in rules.on_change.items()}
    return pipeline


# --- files ------------------------------------------------------------------------------------------------------------


def as_csv(header, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell.decode('utf-8', 'surrogateescape') if isinstance(cell, bytes) else cell for cell in row])
    return out.getvalue().encode('utf-8', 'surrogateescape')


class Maker:
    """Files of few keys, so that they meet; about one row in twelve is dirty."""

    def __init__(self, rng, orders=8, trips=12):
        self.rng, self.orders, self.trips = rng, orders, trips
        self.first_day = rng.randrange(1, 20)

    def file(self, feed):
        return {'Lines': self.lines, 'Trips': self.of_trips, 'Shops': self.shops}[feed]()

    def maybe(self, value, chance=0.1):
        return self.rng.choice(('', '-')) if self.rng.random() < chance else value

    def dirty(self, header, rows):
        """Some cells that cannot be read, some rows with a field more or less."""
        out = []
        for row in rows:
            row = list(row)
            if self.rng.random() < 0.06:
                column = self.rng.choice([name for name in header if name in BAD])
                row[header.index(column)] = self.rng.choice(BAD[column])
            elif self.rng.random() < 0.02:
                row = self.rng.choice((row + ['more'], row[:-1]))
            out.append(row)
        return out

    def line(self):
        rng = self.rng
        cents = rng.choice((rng.randrange(-9999, 10**6), rng.randrange(10**11)))
        at = (f'{self.first_day + rng.randrange(9):02d}.02.2022 {rng.randrange(24):02d}:{rng.randrange(60):02d}' if rng.random() < 0.3
              else f'2022-02-{self.first_day + rng.randrange(9):02d}T{rng.randrange(24):02d}:30:00{rng.choice(("Z", "+01:00", "-03:30"))}')
        return {'Order': str(rng.randrange(1, self.orders + 1)), 'Item': rng.choice(ITEMS), 'Shop': rng.choice(SHOPS), 'At': at,
                'cents': cents, 'Status': self.maybe(rng.choice(('DONE', 'OPEN'))), 'Pieces': self.maybe(str(rng.randrange(-1, 50))),
                'Price': self.maybe(f'{rng.randrange(10**9) / 1000:.3f}'), 'Rev': self.maybe(str(rng.randrange(5)), 0.2),
                'Op': rng.choice(('', 'U', 'U', 'D'))}

    def money(self, cents):
        size = f'{abs(cents) // 100:,}.{abs(cents) % 100:02d}'
        return self.maybe(f'(€ {size})' if cents < 0 else self.rng.choice((size, '€' + size, size.replace(',', ''))))

    def plain(self, cents):
        return self.maybe(f'{"-" if cents < 0 else ""}{abs(cents) // 100}.{abs(cents) % 100:02d}')

    def lines(self):
        header = self.rng.choice((FIRST_HEADER, FIRST_HEADER, SECOND_HEADER))
        rows = []
        for _ in range(self.rng.randrange(1, 9)):
            row = self.line()
            row.update({'Total': self.plain(row['cents']), 'Sum': self.money(row['cents']), 'Channel': 'web'})
            rows.append([row[name] for name in header])
        if rows and self.rng.random() < 0.3:
            rows.append(self.rng.choice(rows))
        return as_csv(header, self.dirty(header, rows))

    def of_trips(self):
        rng = self.rng
        rows = [[str(rng.randrange(1, self.trips + 1)), str(rng.randrange(1, self.orders + 1)),
                 self.maybe(f'{rng.randrange(10**8) / 10:.1f}'), rng.choice(('', '', 'U', 'D'))] for _ in range(rng.randrange(1, 8))]
        return as_csv(TRIP_HEADER, self.dirty(TRIP_HEADER, rows))

    def shops(self):
        rng = self.rng
        records = [{'Shop': rng.choice(SHOPS), 'City': rng.choice(CITIES), 'Fans': rng.choice(('12', '1.5k', '2M', 'none', '0.0001k'))}
                   for _ in range(rng.randrange(1, 4))]
        if rng.random() < 0.1:
            records.append(rng.choice(({'Shop': 7, 'City': []}, {'City': 'Lagos'}, {'Shop': '-', 'City': 'Lagos'})))
        return json.dumps(records, ensure_ascii=rng.random() < 0.5).encode()


def with_changes(rules, rng):
    """The same with something said of files whose path comes again."""
    keyed = {'Lines': rules.keyed, 'Trips': rules.trips_keyed, 'Shops': True}
    chosen = {feed: rng.choice(('upsert' if keyed[feed] else 'append', 'replace', 'reject')) for feed in keyed}
    return replace(rules, on_change=chosen)
