"""Files that drift and are dirty: versions that extend others, values cleaned, columns missing, new or named by the file."""
import json
import shutil

from harness.case import FlowCase, InPostgres

PIPELINE = {
    'pipeline': 'sales',
    'facts': {'feed': 'Sales'},
    'tables': {'days': {
        'group_by': ['Shop', 'Currency'], 'window': {'on': 'At', 'size': '1 day'},
        'columns': {'shop': {'group': 'Shop'}, 'currency': {'group': 'Currency'}, 'day': {'window': 'start'},
                    'amount': {'sum': 'Amount'}, 'followers': {'sum': 'Followers'}, 'sales': {'count': 'Amount'},
                    'tips': {'sum': 'Tip'}}}}}
FIRST = {'feed': 'Sales', 'version': 1, 'format': 'csv', 'names': 'fold', 'fields': {
    'Shop': {'type': 'text', 'required': True, 'from_name': '^([a-z]+)-'},
    'At': {'type': 'timestamp', 'required': True, 'formats': ['%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M'], 'zone': '+01:00'},
    'Amount': {'type': 'decimal(12,2)', 'required': True,
               'number': {'thousands': ',', 'currency': ['₦', '$'], 'parentheses': True}},
    'Currency': {'type': 'text', 'required': True, 'default': 'NGN'},
    'Followers': {'type': 'int64', 'number': {'suffixes': True}, 'on_error': 'null'}}}
SECOND = {'feed': 'Sales', 'version': 2, 'extends': 1, 'match': 'Tip', 'unknown': 'reject', 'fields': {
    'Amount': {'type': 'decimal(14,2)', 'required': True, 'from': ['Amount', 'Sum']},
    'Tip': {'type': 'decimal(9,2)'}, 'Followers': None}}
OLD = """at,AMOUNT,followers
17/02/2022 09:00,"₦ 1,000.50",1.5k
17/02/2022 10:00,(0.50),User Info Error
03/04/2022 10:00,5,1
17/02/2022 23:30,7,2
18/02/2022 00:30,"1,00",2
""".encode()
NEW = b"""Sum,Currency,AT,tip
2.25,USD,17/02/2022 09:00,0.50
3,NGN,17/02/2022 09:00,
"""
STRANGE = b"""Sum,Currency,At,Tip,Surplus
1,USD,17/02/2022 09:00,1,x
"""


class Drift(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace(pipeline='sales', feeds=('Sales',))
        self.work.FEEDS = ('Sales',)
        self.schemas = self.work.root / 'schemas'
        shutil.rmtree(self.schemas)
        (self.schemas / 'Sales').mkdir(parents=True)
        self.write('sales.json', PIPELINE)
        self.write('Sales/1.json', FIRST)
        self.write('Sales/2.json', SECOND)

    def write(self, name, document):
        (self.schemas / name).write_text(json.dumps(document), encoding='utf-8')

    def rows(self):
        found = self.work.target.query('SELECT shop, currency, day, sales, amount, followers, tips FROM days '
                                       'ORDER BY shop, currency, day')
        return [(shop, currency, day[:10], sales, float(amount), followers, tips and float(tips))
                for shop, currency, day, sales, amount, followers, tips in found]

    EXPECTED = [('abuja', 'NGN', '2022-02-17', '3', 1007.0, '1502', None),
                ('jos', 'NGN', '2022-02-17', '1', 3.0, None, None),
                ('jos', 'USD', '2022-02-17', '1', 2.25, None, 0.5)]

    def drop_both(self):
        self.work.drop('Sales', OLD, 'abuja-1.csv')
        self.work.drop('Sales', NEW, 'jos-1.csv')

    def test_what_a_name_says_is_said_by_the_name_in_the_archive_too(self):
        self.work.drop('Sales', NEW, 'jos-1.csv')
        self.work.run_once()
        kept = self.work.data / 'archive' / 'Sales' / self.work.archived('Sales')[0]
        plain = self.work.root / kept.name
        plain.write_bytes(NEW)
        for path in (kept, plain):
            self.assertIn('version 2, 2 rows, 0 of them', self.work.command('check', path, 'Sales').out)
            self.assertIn('a redelivery of jos-1.csv (seq 1)', self.work.command('plan', path, 'Sales').err)
        plain.write_bytes(NEW + b'4,NGN,17/02/2022 09:00,\n')
        for word in ('check', 'plan'):
            self.assertIn(f'the file\'s name "{plain.name}" does not give Shop: it does not match',
                          self.work.command(word, plain, 'Sales', expect=65).err)

    def test_versions_and_dirt_in_any_order(self):
        self.drop_both()
        outcome = self.work.run_once()
        self.assertIn('applied Sales/abuja-1.csv v1 seq=1 rows=5 applied=3 rejected=2 (null by on_error: 1 of Followers) ', outcome.out)
        self.assertIn('applied Sales/jos-1.csv v2 seq=2 rows=2 applied=2 groups', outcome.out)
        self.assertEqual(self.rows(), self.EXPECTED)
        self.assertEqual([(found['line'], found['field'], found['reason']) for found in self.work.rejects()],
                         [(4, 'At', 'found "03/04/2022 10:00", expected a date that all its formats read alike; this one '
                                    'is ambiguous'),
                          (6, 'Amount', 'found "1,00", expected a number as its field\'s "number" says')])
        self.assertIn('Sales/abuja-1.csv: null by on_error: 1 of Followers\n', self.work.command('rejects').out)
        self.assert_adds_up(self.work)
        self.work.command('replay', '--yes')
        self.assertEqual(self.rows(), self.EXPECTED)
        self.assertIn('null by on_error: 1 of Followers\n', self.work.command('rejects').out)

    def test_the_new_version_first(self):
        self.work.drop('Sales', NEW, 'jos-1.csv')
        self.work.run_once()
        self.work.drop('Sales', OLD, 'abuja-1.csv')
        self.work.run_once()
        self.assertEqual(self.rows(), self.EXPECTED)

    def test_a_file_with_undeclared_columns_is_quarantined_where_the_version_says_so(self):
        self.work.drop('Sales', STRANGE, 'jos-2.csv')
        line = self.work.run_once().lines('quarantined')[0]
        self.assertIn('2.json has undeclared columns "Surplus"; 1.json lacks Amount', line)

    def test_the_same_content_under_another_name_is_another_file_where_the_name_tells(self):
        self.drop_both()
        self.work.run_once()
        self.work.drop('Sales', NEW, 'kano-1.csv')
        self.assertEqual(len(self.work.run_once().lines('applied')), 1)
        self.work.drop('Sales', NEW, 'jos-1.csv')
        self.assertEqual(len(self.work.run_once().lines('duplicate')), 1)
        self.assertEqual([row[0] for row in self.rows()], ['abuja', 'jos', 'jos', 'kano', 'kano'])
        self.work.drop('Sales', NEW, '7.csv')
        self.assertIn('the file\'s name "7.csv" does not give Shop: it does not match',
                      self.work.run_once().lines('quarantined')[0])

    def test_shifted_rows_are_repaired_where_that_is_sure(self):
        self.write('Sales/1.json', {**FIRST, 'repair': {'unquoted': 'Remark'}})
        content = ('At,Amount,Remark,Currency,Followers,,\n17/02/2022 09:00,1,"a, b",NGN,1,,\n'
                   '17/02/2022 09:00,2,so, then,NGN,2,\n17/02/2022 09:00,4,a,b,c,NGN,4\n17/02/2022 09:00,8,x,y,NGN,z,\n')
        self.work.drop('Sales', content.encode(), 'abuja-1.csv')
        outcome = self.work.run_once()
        self.assertIn(' rows=4 applied=3 rejected=1 (repaired: 2 rows) ', outcome.out)
        self.assertEqual(self.rows(), [('abuja', 'NGN', '2022-02-17', '3', 7.0, '7', None)])
        self.assertEqual([found['reason'] for found in self.work.rejects()],
                         ['found 6 fields, expected 5: no way of rejoining Remark is valid'])
        self.assertIn('Sales/abuja-1.csv: repaired: 2 rows\n', self.work.command('rejects').out)

    def test_check_tells_of_a_file_what_run_would(self):
        path = self.work.root / 'lagos-1.csv'
        path.write_bytes(OLD)
        outcome = self.work.command('check', path, 'Sales', expect=65)
        self.assertIn('5 rows, 2 of them would be rejected', outcome.out)
        self.assertIn('null by on_error: 1 of Followers\n', outcome.out)

    def test_a_default_that_its_column_cannot_hold_is_told_by_check(self):
        self.write('Sales/2.json', {**SECOND, 'fields': {**SECOND['fields'], 'Followers': {
            'type': 'int64', 'default': 3_000_000_000}}})
        pipeline = json.loads(json.dumps(PIPELINE))
        pipeline['tables']['days']['columns']['most'] = {'max': 'Followers', 'type': 'integer'}
        self.write('sales.json', pipeline)
        outcome = self.work.command('check', expect=78)
        self.assertRegex(outcome.err, r'Sales/2\.json:1:\d+: "default" is "3000000000", more than fits: days\.most is integer')


class DriftInPostgres(InPostgres, Drift):
    pass
