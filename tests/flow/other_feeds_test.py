"""Nothing about orders is compiled in: a pipeline of other feeds, other fields, other tables."""
from decimal import Decimal

from harness.case import FlowCase, InPostgres

PIPELINE = {
    'pipeline': 'weather',
    'facts': {'feed': 'Readings', 'key': ['station', 'taken'], 'filter': {'quality': {'!=': 'bad'}}},
    'join': [{'feed': 'Stations', 'key': ['code'], 'on': {'station': 'code'}},
             {'feed': 'Alarms', 'on': {'station': 'place'}, 'required': False}],
    'tables': {
        'daily': {
            'group_by': ['station', 'Stations.country'],
            'window': {'on': 'taken', 'size': '1 day'},
            'columns': {
                'station': {'group': 'station'}, 'country': {'group': 'Stations.country'},
                'day': {'window': 'start', 'type': 'timestamp'},
                'readings': {'count': 'taken'}, 'rain': {'sum': 'rain_mm'}, 'warmest': {'max': 'celsius'},
                'coldest': {'min': 'celsius'}, 'average': {'avg': 'celsius'},
                'wet': {'count': 'rain_mm', 'where': {'rain_mm': {'>': 0}}}, 'alarms': {'count': 'Alarms.number'}}},
        'countries': {
            'group_by': ['Stations.country'],
            'columns': {'country': {'group': 'Stations.country'}, 'readings': {'count': 'taken'},
                        'stations': {'count_distinct': 'station'}, 'rain': {'sum': 'rain_mm', 'type': 'double'}}}},
    'views': {'rain_of_all_days': {'table': 'daily', 'by': ['country'], 'columns': {'rain': {'sum': 'rain'}}}}}
DESCRIPTORS = {
    'Readings': {'feed': 'Readings', 'version': 1, 'format': 'csv', 'null': ['', 'n/a'], 'fields': {
        'station': {'from': ['Station', 'Stn'], 'type': 'text', 'required': True},
        'taken': {'type': 'timestamp', 'required': True, 'formats': ['%d.%m.%Y %H:%M']},
        'celsius': {'type': 'decimal(6,1)'}, 'rain_mm': {'type': 'decimal(8,2)', 'strip_prefix': ['+']},
        'quality': {'type': 'text', 'map': {'B': 'bad', 'G': 'good'}}}},
    'Stations': {'feed': 'Stations', 'version': 1, 'format': 'json', 'fields': {
        'code': {'type': 'text', 'required': True}, 'country': {'type': 'text', 'required': True}}},
    'Alarms': {'feed': 'Alarms', 'version': 1, 'format': 'csv', 'fields': {
        'number': {'type': 'int64', 'required': True}, 'place': {'type': 'text', 'required': True}}}}
READINGS = b"""Station,taken,celsius,rain_mm,quality,comment
OSL,01.03.2022 06:00,-3.5,+0.25,G,
OSL,01.03.2022 12:00,1.0,0.50,G,sunny
OSL,02.03.2022 06:00,n/a,0,G,
BGO,01.03.2022 06:00,4.5,12.75,G,
BGO,01.03.2022 12:00,99.9,99.99,B,broken
CPH,01.03.2022 06:00,5.0,1.00,G,
XXX,01.03.2022 06:00,5.0,1.00,G,no such station
"""
RENAMED = b"""Stn,taken,celsius,rain_mm,quality
CPH,01.03.2022 06:00,6.5,1.50,G
"""
STATIONS = b"""{"code": "OSL", "country": "NO"}
{"code": "BGO", "country": "NO", "opened": 1861}
{"code": "CPH", "country": "DK"}
"""
ALARMS = b'number,place\n1,OSL\n3,CPH\n'


class OtherFeeds(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace_of(PIPELINE, *DESCRIPTORS.values())

    def rows(self, sql):
        """Rows with their numbers as exact numbers."""
        def value(text):
            try:
                return Decimal(text)
            except ArithmeticError:
                return text
        return [tuple(None if cell is None else value(cell) for cell in row) for row in self.work.target.query(sql)]

    def assert_result(self):
        self.assertEqual(self.rows('SELECT station, readings, rain, warmest, coldest, wet, alarms FROM daily '
                                   'ORDER BY station, day'), [
            ('BGO', 1, Decimal('12.75'), Decimal('4.5'), Decimal('4.5'), 1, 0),
            ('CPH', 1, Decimal('1.50'), Decimal('6.5'), Decimal('6.5'), 1, 1),
            ('OSL', 2, Decimal('0.75'), Decimal('1.0'), Decimal('-3.5'), 2, 2),
            ('OSL', 1, 0, None, None, 0, 1)])
        self.assertEqual(self.rows('SELECT country, readings, stations, rain FROM countries ORDER BY country'),
                         [('DK', 1, 1, Decimal('1.5')), ('NO', 4, 2, Decimal('13.5'))])
        self.assertEqual(self.rows('SELECT country, rain FROM rain_of_all_days ORDER BY country'),
                         [('DK', Decimal('1.50')), ('NO', Decimal('13.50'))])
        self.assertEqual([(found['key'], found['waits_for']) for found in self.work.unmatched()],
                         [({'station': 'XXX', 'taken': '2022-03-01T06:00:00Z'}, 'Stations')])
        self.assertEqual(self.work.status()['pipeline'], 'weather')
        self.assert_adds_up(self.work)

    def test_in_one_run(self):
        self.work.drop('Alarms', ALARMS, 'alarms.csv')
        self.work.drop('Stations', STATIONS, 'stations.ndjson')
        self.work.drop('Readings', READINGS, 'first.csv')
        self.work.drop('Readings', RENAMED, 'second.csv')
        self.assertIn(' filtered=1 ', next(line for line in self.work.run_once().lines('applied') if 'first.csv' in line))
        self.assert_result()
        self.assertEqual([(found['feed'], found['column']) for found in self.work.status()['unknown_columns']],
                         [('Readings', 'comment'), ('Stations', 'opened')])

    def test_facts_first_and_live(self):
        with self.work.daemon() as daemon:
            for feed, content, name in (('Readings', READINGS, '1.csv'), ('Readings', RENAMED, '2.csv'),
                                        ('Stations', STATIONS, '3.json'), ('Alarms', ALARMS, '4.csv')):
                self.work.drop(feed, content, name)
                daemon.printed(f'applied {feed}/{name}')
            daemon.delivered(4)
        self.assert_result()


class OtherFeedsInPostgres(InPostgres, OtherFeeds):
    pass
