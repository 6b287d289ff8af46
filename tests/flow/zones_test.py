"""Zones by name: local times against Python's zoneinfo, what clocks skip or show twice, a system without zones."""
import functools
import random
import shutil
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo as LoadedZone

from harness.case import FlowCase

DATABASE = Path('/usr/share/zoneinfo')
ZONES = ('Africa/Lagos', 'Africa/Nairobi', 'Africa/Casablanca', 'Europe/Dublin', 'Europe/Berlin', 'America/New_York',
         'America/Sao_Paulo', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Nuuk', 'Etc/GMT+5')
ROWS = 1500
ZoneInfo = functools.cache(LoadedZone)  # its own cache holds eight
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def descriptor(fields):
    return {'feed': 'Times', 'version': 1, 'format': 'csv', 'fields': {
        'id': {'type': 'int64', 'required': True}, 'text': {'type': 'text'}, **fields}}


def moment(text, zone):
    """The one moment at which clocks in the zone show `text`, as the target prints it; None when there is none, or two."""
    local, found = datetime.fromisoformat(text), set()
    for fold in 0, 1:
        utc = local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(timezone.utc)
        if utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local:
            found.add(utc)
    return f'{found.pop():%Y-%m-%d %H:%M:%S}+00' if len(found) == 1 else None


def near_changes(rng, zone):
    """A local time around a change of the zone's clocks, found by halving."""
    info = ZoneInfo(zone)
    low = EPOCH + timedelta(days=rng.randrange(-40000, 190000))
    high = low + timedelta(days=200)
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        if info.utcoffset(middle.astimezone(info)) == info.utcoffset(low.astimezone(info)):
            low = middle
        else:
            high = middle
    return low.astimezone(info).replace(tzinfo=None) + timedelta(seconds=rng.randrange(-9000, 9000))


def midnight(day, info, behind=timedelta()):
    """The first moment at which clocks show that day's midnight, or a time so far behind it, or later."""
    local = datetime.combine(day, datetime.min.time()) + behind
    utc = local.replace(tzinfo=info).astimezone(timezone.utc)
    if utc.astimezone(info).replace(tzinfo=None) == local:
        return utc
    low, high = utc - timedelta(hours=26), utc  # clocks skip it: when they do is found by halving
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(info).replace(tzinfo=None) < local:
            low = middle
        else:
            high = middle
    return high


def first_days(day, size, origin=EPOCH.date()):
    """The first day of the window of that size that holds `day`, where one begins at `origin`, and those of the two behind it."""
    count, unit = int(size.split(' ')[0]), size.split(' ')[1].rstrip('s')
    if unit == 'day':
        first = origin + timedelta(days=(day - origin).days // count * count)
        return [first + timedelta(days=i * count) for i in range(3)]
    count *= {'month': 1, 'year': 12}[unit]
    first, number = origin.year * 12 + origin.month - 1, day.year * 12 + day.month - 1
    first += (number - first) // count * count
    return [date((first + i * count) // 12, 1 + (first + i * count) % 12, 1) for i in range(3)]


class Zones(FlowCase):
    def setUp(self):
        super().setUp()
        if not (DATABASE / ZONES[0]).is_file():
            self.skipTest('no time zones are installed')

    def start(self, fields, columns, tables=None):
        tables = tables or {'times': {'group_by': ['id'], 'columns': {'id': {'group': 'id'}, **columns}}}
        pipeline = {'pipeline': 'times', 'facts': {'feed': 'Times', 'key': ['id']}, 'tables': tables}
        return self.workspace_of(pipeline, descriptor(fields))

    def test_local_times_are_the_moments_that_zoneinfo_gives(self):
        rng = random.Random(11)
        texts = []
        for number in range(ROWS):
            local = near_changes(rng, rng.choice(ZONES)) if number % 2 else \
                datetime(1800, 1, 1) + timedelta(seconds=rng.randrange(8000 * 31_556_952))
            texts.append(local.replace(microsecond=0).isoformat(' '))
        fields = {f'z{i}': {'from': 'text', 'type': 'timestamp', 'zone': zone, 'on_error': 'null'}
                  for i, zone in enumerate(ZONES)}
        days = {f'd{i}': {'type': 'date', 'derive': {'date': 'z0', 'zone': zone}} for i, zone in enumerate(ZONES)}
        work = self.start({**fields, **days}, {name: {'min': name} for name in (*fields, *days)})
        work.drop('Times', ('id,text\n' + ''.join(f'{i},{text}\n' for i, text in enumerate(texts))).encode(), 't.csv')
        work.run_once()
        rows = work.target.query(f"SELECT {', '.join((*fields, *days))} FROM times ORDER BY id")
        self.assertEqual(len(rows), ROWS)
        odd = 0
        for text, row in zip(texts, rows):
            wanted = [moment(text, zone) for zone in ZONES]
            odd += wanted.count(None)
            first = wanted[0] and datetime.fromisoformat(f'{wanted[0]}:00')
            wanted += [first and first.astimezone(ZoneInfo(zone)).date().isoformat() for zone in ZONES]
            self.assertEqual(list(row), wanted, text)
        self.assertGreater(odd, 10)

    def test_a_time_that_clocks_skip_or_show_twice_rejects_its_row(self):
        work = self.start({'at': {'type': 'timestamp', 'zone': 'Europe/Berlin', 'required': True}}, {'at': {'min': 'at'}})
        work.drop('Times', b'id,text,at\n1,,2024-03-31 02:30\n2,,2024-10-27 02:30\n3,,2024-10-27 02:30+01:00\n'
                           b'4,,2024-03-31 03:00\n', 't.csv')
        work.run_once()
        self.assertEqual([(reject['row'], reject['reason']) for reject in work.rejects()], [
            (1, 'found "2024-03-31 02:30", expected a time that clocks show in its zone: they were put forward over this one'),
            (2, 'found "2024-10-27 02:30", expected a time that clocks show once in its zone: they were put back over this one')])
        self.assertEqual(work.target.query('SELECT id, at FROM times ORDER BY id'),
                         [('3', '2024-10-27 01:30:00+00'), ('4', '2024-03-31 01:00:00+00')])

    def test_mistakes_are_told_and_so_is_a_system_without_zones(self):
        work = self.start({'at': {'type': 'timestamp', 'zone': 'Africa/Lagso'}}, {'at': {'min': 'at'}})

        def problem(**environment):
            return work.command('check', expect=78, environment=environment).err
        self.assertIn('1.json:1:', problem())
        self.assertIn('"zone": no time zone "Africa/Lagso" in /usr/share/zoneinfo; did you mean "Africa/Lagos"?', problem())
        self.assertIn(f'"zone": no time zones are installed here: there is no folder {work.root}/none (Debian has them in '
                      'the package tzdata)', problem(TZDIR=str(work.root / 'none')))

    def test_windows_of_days_begin_at_midnight_in_their_zone(self):
        # The clocks of St. John's were put back from 00:01 to 23:01: two midnights, and an evening between them.
        lengths = self.check_windows(('Africa/Nairobi', 'Europe/Berlin', 'America/Sao_Paulo', 'America/St_Johns', 'Pacific/Apia'),
                                     ('1 day', '7 days'), [datetime(1990, 10, 28, 2, 29)])
        self.assertLessEqual({23, 24, 25}, lengths)

    def test_windows_of_months_begin_at_midnight_in_their_zone(self):
        # So they were on 1 November. In Damascus October begins at the second midnight, and April at one o'clock.
        lengths = self.check_windows(('Asia/Damascus', 'Europe/Berlin', 'America/Sao_Paulo', 'America/St_Johns', 'Pacific/Apia'),
                                     ('1 month', '5 months', '1 year'),
                                     [datetime(2009, 11, 1, 1, 59), datetime(2004, 9, 30, 20), datetime(2004, 3, 31, 21)])
        self.assertLessEqual({28 * 24, 30 * 24 + 1, 31 * 24 - 1, 366 * 24}, lengths)

    def check_windows(self, zones, sizes, begins):
        """How long they are, in hours, for moments everywhere and in the two hours behind each of `begins`."""
        rng = random.Random(12)
        moments = []
        for number in range(ROWS):
            zone = ZoneInfo(zones[number % len(zones)])
            local = near_changes(rng, zone.key) if number % 3 else \
                datetime(1900, 1, 1) + timedelta(seconds=rng.randrange(900 * 31_556_952))
            moments.append(local.replace(microsecond=0, tzinfo=zone).astimezone(timezone.utc))
        moments += [begin.replace(tzinfo=timezone.utc) + timedelta(minutes=i / 2) for begin in begins for i in range(250)]
        tables = {f'{zone} {size}': {'group_by': ['id'], 'window': {'on': 'at', 'size': size, 'zone': zone}, 'columns': {
            'id': {'group': 'id'}, 'start': {'window': 'start'}, 'end': {'window': 'end', 'type': 'timestamp'}}}
            for zone in zones for size in sizes}
        work = self.start({'at': {'type': 'timestamp', 'required': True}}, {}, tables)
        rows = ''.join(f'{i},,{at:%Y-%m-%dT%H:%M:%SZ}\n' for i, at in enumerate(moments))
        work.drop('Times', ('id,text,at\n' + rows).encode(), 't.csv')
        work.run_once()
        lengths = set()
        for table, spec in tables.items():
            info = ZoneInfo(spec['window']['zone'])
            found = work.target.query(f'SELECT start, "end" FROM "{table}" ORDER BY id')
            self.assertEqual(len(found), len(moments))
            for at, (start, end) in zip(moments, found):
                first, second, third = first_days(at.astimezone(info).date(), spec['window']['size'])
                begin, until = midnight(first, info), midnight(second, info)
                if at >= until:  # put back over midnight: the new day goes on
                    begin, until = until, midnight(third, info)
                self.assertEqual((start, end), (f'{begin:%Y-%m-%d %H:%M:%S}+00', f'{until:%Y-%m-%d %H:%M:%S}'), (table, at))
                lengths.add((until - begin) / timedelta(hours=1))
        self.assert_adds_up(work)
        return lengths

    def changes_rules(self, work):
        """Applies a file under the rules of Lagos, and puts those of Nairobi under the same name."""
        place = work.root / 'zones' / 'Test' / 'Place'
        place.parent.mkdir(parents=True)
        self.environment = {'TZDIR': str(work.root / 'zones')}
        shutil.copy(DATABASE / 'Africa/Lagos', place)
        work.drop('Times', b'id,text,at\n1,,2024-03-31 02:30\n', 't.csv')
        for _ in range(2):
            self.assertNotIn('changed', work.run_once(environment=self.environment).err)
        shutil.copy(DATABASE / 'Africa/Nairobi', place)

    def test_other_rules_of_a_field_are_another_reading(self):
        work = self.start({'at': {'type': 'timestamp', 'zone': 'Test/Place'}}, {'at': {'min': 'at'}})
        self.changes_rules(work)
        work.drop('Times', b'id,text,at\n2,,2024-03-31 02:30\n', 'u.csv')
        self.assertIn('descriptors changed: Times v1 changed', work.run_once(environment=self.environment).err)
        self.assertEqual(work.target.query('SELECT at FROM times ORDER BY id'),
                         [('2024-03-31 01:30:00+00',), ('2024-03-30 23:30:00+00',)])

    def test_other_rules_of_a_window_are_another_shape(self):
        tables = {'days': {'window': {'on': 'at', 'size': '1 day', 'zone': 'Test/Place'},
                           'columns': {'start': {'window': 'start'}, 'times': {'count': 'at'}}}}
        work = self.start({'at': {'type': 'timestamp', 'required': True}}, {}, tables)
        self.changes_rules(work)
        work.run_once(environment=self.environment, expect=78)
        told = work.command('check', environment=self.environment, expect=78).err
        self.assertIn(r'in "Test/Place" with rules', told)
        work.command('replay', environment=self.environment)
        self.assertEqual(work.target.query('SELECT start FROM days'), [('2024-03-30 21:00:00+00',)])
