"""What the commands that look print: status, rejects, unmatched, help."""
import json
import re
import shutil

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders, table
from harness.places import PROJECT

FEED_COUNTS = {'rows', 'applied', 'unchanged', 'superseded', 'filtered', 'deleted', 'late', 'rejected', 'records', 'waiting'}


class Reports(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.drop('Customers', customers(1, 2), 'c.json')
        self.work.drop('Deliveries', deliveries(delivery(1, Surplus='x'), delivery(2)), 'd.csv')
        self.work.drop('Orders', orders(order(1), order(1, 'B', total='90'), order(2, customer=9), order(3),
                                        order(4, customer=9), order(5, quantity='x'), order(6, total='y')), 'o.csv')
        self.work.drop('Orders', orders(order(3)).replace(b'Order ID', b'Number'), 'bad.csv')
        self.work.drop('Deliveries', deliveries(delivery(1, Surplus='x'), delivery(2)).replace(b'Pricing', b'Prizing'),
                       'unknown.csv')
        self.outcome = self.work.run_once()

    def test_what_there_is_one_of(self):
        work = self.workspace('one')
        work.drop('Orders', orders(order(1)), 'o.csv')
        out = work.run_once().out
        self.assertIn('1 file applied, 0 duplicate, 0 quarantined; 1 row: applied=1; 0 groups in ecommerce, ', out)
        self.assertIn('1 unit waits for Deliveries, 1 for Customers (dropfold unmatched)', out)
        self.assertRegex(work.command('status').out, r'(?m)^Orders      1 file applied; 1 row: 1 applied; 1 live record$')

    def test_run_prints_target_files_delivery_and_sums(self):
        lines = self.outcome.out.splitlines()
        self.assertEqual(lines[0], f'target {self.work.target.address}')
        self.assertRegex(self.outcome.out, r'(?m)^applied Orders/o\.csv v1 seq=3 rows=7 applied=5 rejected=2 groups=\d+ in '
                                           r'\d+\.\d+ s -> data/archive/Orders/000003-[0-9a-f]{8}-o\.csv$')
        self.assertRegex(self.outcome.out, r'(?m)^quarantined Orders/bad\.csv: .*Order_ID.* -> data/quarantine/Orders/bad\.csv$')
        self.assertRegex(self.outcome.out, r'(?m)^delivered seq=4 groups=\d+ ')
        self.assertRegex(self.outcome.out, r'(?m)^2 units wait for Deliveries, 2 for Customers \(dropfold unmatched\)$')

    def test_columns_that_nobody_declared_are_named_by_the_first_file_that_has_just_these(self):
        columns = re.compile(r'(\S+): columns in no descriptor, skipped: (.*)')
        told = {name: names for name, names in columns.findall(self.outcome.err) if name.startswith('Deliveries/')}
        self.assertEqual(set(told), {'Deliveries/d.csv', 'Deliveries/unknown.csv'})
        self.assertIn(', "Prizing"', told['Deliveries/unknown.csv'])
        self.assertNotIn('"Prizing"', told['Deliveries/d.csv'])
        self.work.drop('Deliveries', deliveries(delivery(3)).replace(b'Pricing', b'Prizing'), 'same.csv')
        self.work.drop('Deliveries', deliveries(delivery(4)).replace(b'Pricing', b'P' * 200 + b'\x1b[2J'), 'long.csv')
        found = columns.findall(self.work.run_once().err)
        self.assertEqual([name for name, _ in found], ['Deliveries/long.csv'])
        self.assertIn(f'"{"P" * 124}..."', found[0][1])

    def test_columns_that_two_feeds_have_in_common_are_named_for_both(self):
        needed = ('Order ID', 'SKU', 'Customer ID', 'Order Time', 'Order Total', 'Quantity', 'Order Status', 'Currency Symbol')
        self.work.drop('Orders', table((*needed, 'Colour'), [order(8)]), 'colour.csv')
        self.work.drop('Customers', b'[{"Customer ID": 5, "Colour": "red"}]', 'colour.json')
        told = [line for line in self.work.run_once().err.splitlines() if 'in no descriptor' in line]
        self.assertEqual([line.rsplit(': ', 2)[-2:] for line in told], [['columns in no descriptor, skipped', '"Colour"']] * 2)

    def test_status_as_json(self):
        status = self.work.status()
        self.assertEqual((status['pipeline'], status['sequence']), ('ecommerce', 4))
        self.assertRegex(status['epoch'], r'^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$')
        self.assertEqual(status['target'], {'name': self.work.target.address, 'reachable': True, 'sequence': 4,
                                            'undelivered': 0})
        feeds = {feed['feed']: feed for feed in status['feeds']}
        self.assertEqual(set(feeds), {'Customers', 'Deliveries', 'Orders'})
        for feed in feeds.values():
            self.assertLessEqual(FEED_COUNTS | {'files'}, feed.keys())
        self.assertEqual(feeds['Orders']['files'], {'applied': 1, 'duplicate': 0, 'quarantined': 1,
                                                     'forgotten': 0, 'replaced': 0})
        self.assertEqual((feeds['Orders']['rows'], feeds['Orders']['applied'], feeds['Orders']['rejected']), (7, 5, 2))
        self.assertEqual((feeds['Deliveries']['waiting'], feeds['Customers']['waiting']), (2, 2))
        self.assertEqual({table['table']: (table['groups'], table['mixed']) for table in status['tables']},
                         {'ecommerce': (1, 0), 'customer_windows': (1, 0)})
        self.assertEqual((status['units'], status['grain_conflicts'], status['overflows'], status['rejects']), (4, 1, 0, 2))
        self.assertIn({'feed': 'Deliveries', 'column': 'Prizing', 'files': 1}, status['unknown_columns'])

    def test_status_for_people(self):
        text = self.work.command('status').out
        for word in ('ecommerce', 'Orders', 'Deliveries', 'Customers', 'customer_windows', self.work.target.address, 'Prizing'):
            self.assertIn(word, text)

    def test_rejects_as_json(self):
        rejects = self.work.rejects()
        self.assertEqual([(reject['feed'], reject['file'], reject['seq'], reject['row'], reject['line'], reject['field'])
                          for reject in rejects],
                         [('Orders', 'o.csv', 3, 6, 7, 'Quantity'), ('Orders', 'o.csv', 3, 7, 8, 'Order_Total')])
        self.assertEqual(rejects[0]['column'], 7)
        self.assertIn('"x"', rejects[0]['reason'])
        self.assertTrue(rejects[0]['raw'].startswith('5,COMPLETED,'), rejects[0])

    def test_rejects_of_one_file(self):
        self.assertEqual(len(self.work.rejects('o.csv')), 2)
        self.assertEqual(len(self.work.rejects('Orders/o.csv')), 2)
        self.assertEqual(self.work.rejects('c.json'), [])

    def test_rejects_for_people(self):
        text = self.work.command('rejects').out
        for word in ('Orders/o.csv', '7', 'Quantity', '"x"', 'Order_Total', '"y"'):
            self.assertIn(word, text)

    def test_unmatched_as_json(self):
        found = [(waiting['key'], waiting['waits_for'], f"{waiting['feed']}/{waiting['file']}", waiting['seq'], waiting['row'], waiting['line'])
                 for waiting in self.work.unmatched()]
        self.assertCountEqual(found, [({'Order_ID': number}, lacks, 'Orders/o.csv', 3, row, row + 1) for number, lacks, row in (
            ('2', 'Customers', 3), ('3', 'Deliveries', 4), ('4', 'Deliveries', 5), ('4', 'Customers', 5))])

    def test_unmatched_for_people(self):
        outcome = self.work.command('unmatched')
        self.assertEqual(outcome.err, '4 waiting\n')
        self.assertEqual(sorted(outcome.out.splitlines()), [
            'Order_ID=2 waits for Customers (Orders/o.csv:4, seq 3)', 'Order_ID=3 waits for Deliveries (Orders/o.csv:5, seq 3)',
            'Order_ID=4 waits for Customers (Orders/o.csv:6, seq 3)', 'Order_ID=4 waits for Deliveries (Orders/o.csv:6, seq 3)'])

    def test_unmatched_of_several_files(self):
        self.work.drop('Orders', orders(order(21, 'A'), order(22, 'A')), 'more.csv')
        self.work.drop('Deliveries', deliveries(delivery(21), delivery(2)), 'more-d.csv')
        self.work.run_once()
        found = {(waiting['key']['Order_ID'], waiting['waits_for']): (waiting['file'], waiting['line'])
                 for waiting in self.work.unmatched()}
        self.assertEqual(found[('22', 'Deliveries')], ('more.csv', 3))
        self.assertEqual(found[('3', 'Deliveries')], ('o.csv', 5))

    def test_mixed_currencies_are_counted_and_warned_about(self):
        self.work.drop('Deliveries', deliveries(delivery(7)), 'mixed.csv')
        self.work.drop('Orders', orders(order(7, currency='KSh')), 'mixed-orders.csv')
        outcome = self.work.run_once()
        self.assertIn('several values', outcome.err)
        mixed = {table['table']: table['mixed'] for table in self.work.status()['tables']}
        self.assertEqual(mixed, {'ecommerce': 1, 'customer_windows': 0})
        self.assertEqual(self.work.target.query('SELECT currency, total_amount FROM customer_windows ORDER BY currency')[0][0],
                         'KES')

    def test_looking_before_anything_ran_says_so(self):
        fresh = self.workspace('fresh')
        shutil.rmtree(fresh.checkpoints)
        for words in ('status', 'rejects', 'rejects retry', 'rejects export', 'late', 'unmatched', 'impact x', 'diff', 'verify',
                      'explain Customer_ID=1', 'store check', 'store compact', 'forget x', 'replay --rebuild'):
            with self.subTest(words=words):
                outcome = fresh.command(*words.split(), expect=1)
                self.assertIn('there is no store at checkpoints/ecommerce.db', outcome.err)
                self.assertFalse(fresh.checkpoints.exists())


class Help(FlowCase):
    COMMANDS = ('run', 'status', 'rejects', 'unmatched', 'check', 'replay')

    def test_help_names_every_command(self):
        work = self.workspace()
        work.arguments = lambda *rest, target=None: [str(work.program), *rest]
        text = work.command('--help').out
        for command in self.COMMANDS:
            self.assertRegex(text, rf'\b{command}\b')
        for variable in ('DROPFOLD_PIPELINE', 'DROPFOLD_DATA', 'DROPFOLD_CHECKPOINTS', 'DROPFOLD_TARGET'):
            self.assertIn(variable, text)

    def test_every_command_has_help_that_teaches(self):
        work = self.workspace()
        for command in self.COMMANDS:
            with self.subTest(command=command):
                text = work.command(command, '--help').out
                self.assertIn(f'dropfold {command}', text)
                self.assertGreater(len(text.splitlines()), 5)

    def test_version(self):
        work = self.workspace()
        work.arguments = lambda *rest, target=None: [str(work.program), *rest]
        version = re.search(r'project\(dropfold VERSION (\S+)', (PROJECT / 'CMakeLists.txt').read_text()).group(1)
        self.assertEqual(work.command('--version').out, f'dropfold {version}\n')


class Defaults(FlowCase):
    """Without a word about it: schemas/ecommerce.json, data, checkpoints, SQLite in data/results."""

    def test_the_embedded_database_is_the_default_target(self):
        work = self.workspace()
        work.arguments = lambda *rest, target=None: [str(work.program), *map(str, rest)]
        work.drop('Orders', orders(order(1)), 'o.csv')
        outcome = work.run_once()
        self.assertEqual(outcome.out.splitlines()[0], 'target sqlite:data/results/ecommerce.db')
        self.assertTrue((work.data / 'results' / 'ecommerce.db').is_file())
        self.assertTrue((work.checkpoints / 'ecommerce.db').is_file())

    def test_pg_variables_name_the_target_when_nothing_else_does(self):
        work = self.workspace(target=self.postgres_target())
        work.arguments = lambda *rest, target=None: [str(work.program), *map(str, rest)]
        work.run_once()
        self.assertIn('ecommerce', work.target.relations())

    def test_the_environment_stands_in_for_options(self):
        work = self.workspace()
        work.arguments = lambda *rest, target=None: [str(work.program), *map(str, rest)]
        elsewhere = self.folder / 'elsewhere'
        work.data.rename(elsewhere)
        outcome = work.run_once(environment={
            'DROPFOLD_DATA': str(elsewhere), 'DROPFOLD_CHECKPOINTS': str(work.checkpoints),
            'DROPFOLD_PIPELINE': 'schemas/ecommerce-rowwise.json', 'DROPFOLD_THREADS': '1',
            'DROPFOLD_TARGET': f'sqlite:{self.folder}/x.db'})
        self.assertEqual(outcome.out.splitlines()[0], f'target sqlite:{self.folder}/x.db')
        self.assertTrue((work.checkpoints / 'ecommerce-rowwise.db').is_file())

    def test_json_reports_are_one_object_a_line(self):
        work = self.workspace()
        work.drop('Orders', orders(order(1), order(2, quantity='x')), 'o.csv')
        work.run_once()
        for command in ('status', 'rejects', 'unmatched'):
            for line in work.command(command, '--json').out.splitlines():
                self.assertIsInstance(json.loads(line), dict)
