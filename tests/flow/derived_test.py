"""Fields that are computed from others, against Python's own decimals and dates."""
import json
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal, getcontext

from harness.case import FlowCase

getcontext().prec = 60
INT64 = (-2**63, 2**63 - 1)
ROWS = 1500

DESCRIPTOR = {'feed': 'Items', 'version': 1, 'format': 'json', 'fields': {
    'id': {'type': 'int64', 'required': True},
    'count': {'type': 'int64'},
    'price': {'type': 'decimal(18,2)'},
    'rate': {'type': 'decimal(18,9)'},
    'first': {'type': 'text'},
    'last': {'type': 'text'},
    'seen': {'type': 'timestamp'},
    'shop': {'type': 'text', 'from_name': '^([a-z]+)-'},
    'fee': {'type': 'decimal(4,2)', 'constant': '1.25'},
    'due': {'type': 'decimal(18,2)', 'derive': {'add': ['amount', 'fee', 'count']}},
    'amount': {'type': 'decimal(18,2)', 'derive': {'multiply': ['count', 'price']}},
    'rated': {'type': 'decimal(18,9)', 'derive': {'multiply': ['price', 'rate']}},
    'left': {'type': 'int64', 'derive': {'subtract': ['count', 'price']}},
    'either': {'type': 'decimal(18,9)', 'derive': {'coalesce': ['rate', 'count']}},
    'name': {'type': 'text', 'derive': {'concat': ['first', 'last', 'shop'], 'join': ' · '}},
    'day': {'type': 'date', 'derive': {'date': 'seen'}}}}
# Some sources are used by the table as well, most are not.
SHOWN = ('count', 'due', 'rated', 'left', 'either', 'name', 'day')
PIPELINE = {'pipeline': 'items', 'facts': {'feed': 'Items', 'key': ['id']}, 'tables': {
    'items': {'group_by': ['id'],
              'columns': {'id': {'group': 'id'}, **{name: {'min': name} for name in SHOWN}}},
    'days': {'group_by': ['day', 'name'], 'window': {'on': 'day', 'size': '7 days'},
             'columns': {'day': {'group': 'day'}, 'name': {'group': 'name'}, 'week': {'window': 'start'},
                         'due': {'sum': 'due'}}}}}


def some(rng, make):
    return None if rng.random() < 0.08 else make()


def units(rng, places):
    return Decimal(rng.choice((-1, 1)) * rng.randrange(10 ** rng.randint(1, 18))).scaleb(-places)


def row(rng, number):
    return {'id': number,
            'count': some(rng, lambda: rng.choice((rng.randint(-50, 50), rng.randint(*INT64), *INT64))),
            'price': some(rng, lambda: rng.choice((units(rng, 2), Decimal(rng.randint(-9, 9))))),
            'rate': some(rng, lambda: rng.choice((units(rng, 9), Decimal('0.5'), Decimal('0.001')))),
            'first': some(rng, lambda: rng.choice(('Ada', 'Zoë', '李'))), 'last': some(rng, lambda: rng.choice('XYZ')),
            'seen': some(rng, lambda: datetime(1, 1, 2, tzinfo=timezone.utc)
                         + timedelta(microseconds=rng.randrange(315_000_000_000_000_000)))}


def written(value):
    return f'{value:f}' if isinstance(value, Decimal) else str(value) if isinstance(value, datetime) else value


def fit(value, digits, places):
    """The number in that many digits, or None where it has none such; int64 where digits is 0."""
    if value is None:
        return None, True
    scaled = value.scaleb(places)
    low, high = (1 - 10 ** digits, 10 ** digits - 1) if digits else INT64
    return value, scaled == scaled.to_integral_value() and low <= scaled <= high


def derive(fields):
    """The derived fields, and whether the row is accepted."""
    def numbers(function, *names):
        values = [None if fields[name] is None else Decimal(fields[name]) for name in names]
        return None if None in values else function(*values)
    made = {'shop': 'north', 'fee': Decimal('1.25')}
    fields = {**fields, **made}
    sound = True
    rules = (('amount', 18, 2, lambda: numbers(lambda a, b: a * b, 'count', 'price')),
             ('due', 18, 2, lambda: numbers(lambda a, b, c: a + b + c, 'amount', 'fee', 'count')),
             ('rated', 18, 9, lambda: numbers(lambda a, b: a * b, 'price', 'rate')),
             ('left', 0, 0, lambda: numbers(lambda a, b: a - b, 'count', 'price')),
             ('either', 18, 9, lambda: numbers(lambda a: a, 'count' if fields['rate'] is None else 'rate')))
    for name, digits, places, compute in rules:
        fields[name], fits = fit(compute(), digits, places)
        sound = sound and fits
    parts = [fields['first'], fields['last'], fields['shop']]
    fields['name'] = None if None in parts else ' · '.join(parts)
    fields['day'] = fields['seen'] and fields['seen'].date()
    return fields, sound


class Derived(FlowCase):
    def test_numbers_texts_and_days_as_python_makes_them(self):
        rng = random.Random(5)
        rows = [row(rng, number) for number in range(1, ROWS + 1)]
        pipeline = json.loads(json.dumps(PIPELINE))
        del pipeline['tables']['days']  # keys cannot be null
        work = self.workspace_of(pipeline, DESCRIPTOR)
        text = '\n'.join(json.dumps({name: written(value)
                                     for name, value in fields.items()}, ensure_ascii=False) for fields in rows)
        work.drop('Items', text.encode(), 'north-1.json')
        work.run_once()
        made = [derive(fields) for fields in rows]
        wanted = {fields['id']: [fields[name] for name in SHOWN] for fields, sound in made if sound}
        self.assertGreater(len(wanted), ROWS // 10)
        self.assertGreater(ROWS - len(wanted), ROWS // 10)

        def value(name, text):
            return None if text is None else text if name in ('name', 'day') else Decimal(text)
        found = {int(number): [value(name, cell) for name, cell in zip(SHOWN, cells)]
                 for number, *cells in work.target.query(f"SELECT id, {', '.join(SHOWN)} FROM items")}
        for fields in wanted.values():
            fields[-1] = fields[-1] and fields[-1].isoformat()
        self.assertEqual(sorted(reject['row'] for reject in work.rejects()),
                         [fields['id'] for fields, sound in made if not sound])
        self.assertEqual(found, wanted)
        self.assert_adds_up(work)

    def test_they_make_keys_groups_and_windows_and_a_correction_moves_them(self):
        descriptor = json.loads(json.dumps(DESCRIPTOR))
        for name in ('day', 'name'):
            descriptor['fields'][name]['required'] = True
        work = self.workspace_of(PIPELINE, descriptor)
        rows = [{'id': 1, 'count': 2, 'price': '2', 'first': 'Ada', 'last': 'X', 'seen': '2024-03-06T23:59:59Z'},
                {'id': 2, 'count': 1, 'price': '4', 'first': 'Ada', 'last': 'X', 'seen': '2024-03-06'},
                {'id': 3, 'count': 1, 'price': '4', 'first': 'Ada', 'last': None, 'seen': '2024-03-06'}]
        work.drop('Items', json.dumps(rows).encode(), 'north-1.json')
        work.run_once()
        query = 'SELECT day, name, week, due FROM days ORDER BY day'
        self.assertEqual(work.target.query(query), [('2024-03-06', 'Ada · X · north', '2024-02-29 00:00:00+00', '13.50')])
        self.assertEqual([(reject['field'], reject['reason']) for reject in work.rejects()],
                         [('name', 'is null, required')])
        rows[0]['seen'] = '2024-03-07T00:00:00Z'
        work.drop('Items', json.dumps(rows[:1]).encode(), 'north-2.json')
        work.run_once()
        self.assertEqual(work.target.query(query), [('2024-03-06', 'Ada · X · north', '2024-02-29 00:00:00+00', '6.25'),
                                                    ('2024-03-07', 'Ada · X · north', '2024-03-07 00:00:00+00', '7.25')])
