"""The ledger in the target: files and rejected rows stand there as `status` and `rejects` tell them, whatever happens."""
import json
import shutil
from hashlib import sha256

from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until

LATER = '2022-02-10T12:00:00.000Z'  # in another window
BUCKETS = ('applied', 'unchanged', 'superseded', 'filtered', 'deleted', 'late', 'rejected')
COUNTS = "state IN ('applied', 'retried') AND forgotten IS NULL"
SUMS = {'rows': "CASE WHEN state = 'applied' THEN rows ELSE 0 END", **{bucket: bucket for bucket in BUCKETS},
        'rejected': "CASE WHEN state = 'retried' THEN rejected - rows ELSE rejected END"}
FEEDS = f'''SELECT feed, sum(CASE WHEN state = 'applied' AND forgotten IS NULL THEN 1 ELSE 0 END),
    sum(CASE WHEN state = 'duplicate' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'quarantined' THEN 1 ELSE 0 END),
    sum(CASE WHEN state = 'applied' AND forgotten IS NOT NULL THEN 1 ELSE 0 END),
    {', '.join(f'sum(CASE WHEN {COUNTS} THEN {of} ELSE 0 END)' for of in SUMS.values())}
    FROM dropfold_files WHERE pipeline = 'ecommerce' GROUP BY feed ORDER BY feed'''
REJECTS = '''SELECT f.feed, f.name, coalesce(o.sequence, f.sequence), r.row_number, r.line_number,
    coalesce(r.column_number, 0), coalesce(r.field, ''), r.reason, r.raw FROM dropfold_rejects r
    JOIN dropfold_files f ON f.pipeline = r.pipeline AND f.id = r.file_id
    LEFT JOIN dropfold_files o ON o.pipeline = f.pipeline AND o.id = f.retry_of
    WHERE r.pipeline = 'ecommerce' AND r.retried IS NULL ORDER BY f.id, r.row_number'''


class Ledger(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.number = 0

    def query(self, sql):
        return self.work.target.query(sql)

    def more(self, *bad):
        """An order with its delivery and its customer, in three files; `bad` rows stand among the orders."""
        self.number += 1
        number = self.number
        self.work.drop('Customers', customers(number), f'c-{number}.json')
        self.work.drop('Deliveries', deliveries(delivery(number, task=number)), f'd-{number}.csv')
        return self.work.drop('Orders', orders(order(number, customer=number), *bad), f'o-{number}.csv')

    def settle(self, *words):
        self.work.run_once(*words)
        self.assert_told()

    def assert_told(self):
        said = [(feed['feed'], *(feed['files'][state] for state in ('applied', 'duplicate', 'quarantined')),
                 feed['files']['forgotten'] + feed['files']['replaced'], feed['rows'], *(feed[bucket] for bucket in BUCKETS)) for feed in self.work.status()['feeds']]
        self.assertEqual(self.query(FEEDS), sorted(tuple(map(str, feed)) for feed in said if any(feed[1:])))
        keys = ('feed', 'file', 'seq', 'row', 'line', 'column', 'field', 'reason', 'raw')
        self.assertEqual(self.query(REJECTS), [tuple(str(reject[key]) for key in keys) for reject in self.work.rejects()])
        self.work.command('verify')

    def copy_target(self):
        """A function that puts the target back as it is now."""
        kept = self.folder / 'kept.db'
        shutil.copy(self.work.target.path, kept)
        return lambda: shutil.copy(kept, self.work.target.path)

    def test_files_and_rejected_rows_are_those_of_status_and_rejects(self):
        self.more(order('no number'))
        self.work.drop('Orders', orders(order(1, total='1,2,3'), order(1, sku='', total='7\n"8"')), 'odd "name"; --.csv')
        self.settle()
        self.assertEqual(self.query("SELECT count(*) FROM dropfold_rejects"), [('3',)])
        kept = [(self.work.data / stored, size, content) for stored, size, content in
                self.query('SELECT stored, size, sha256 FROM dropfold_files ORDER BY id')]
        self.assertEqual(len(kept), 4)
        for path, size, content in kept:
            self.assertEqual((len(path.read_bytes()), sha256(path.read_bytes()).hexdigest()), (int(size), content))

    def test_what_is_no_change_comes_by_itself(self):
        """A redelivery and a quarantined file: no group changes, and nothing else need come."""
        path = self.more()
        content = path.read_bytes()
        self.settle()
        self.work.drop('Orders', content, 'again.csv')
        self.settle()
        self.work.drop('Orders', b'no,such,columns\n1,2,3\n', 'other.csv')
        self.settle()
        self.assertEqual(self.query('SELECT name, state, sequence, stored IS NOT NULL, note IS NOT NULL '
                                    'FROM dropfold_files WHERE id > 3 ORDER BY id'),
                         self.query("SELECT 'again.csv', 'duplicate', 3, true, true UNION ALL "
                                    "SELECT 'other.csv', 'quarantined', NULL, true, true"))
        with self.work.daemon():
            self.work.drop('Orders', content, 'third.csv')
            until(lambda: self.query("SELECT 1 FROM dropfold_files WHERE name = 'third.csv'"),
                  lambda: 'the row of a redelivery')
            self.work.drop('Orders', b'none\n', 'fourth.csv')
            until(lambda: self.query("SELECT 1 FROM dropfold_files WHERE name = 'fourth.csv'"),
                  lambda: 'the row of a quarantined file')
        self.assert_told()

    def test_bytes_that_are_no_text_are_escaped(self):
        self.more()
        self.work.drop('Orders', orders(order('x')).replace(b'x,', b'\xff\x01\xe2\x98\x83,'), 'bytes.csv')
        odd = self.work.landing('Orders') / 'a\udcff\t.csv'
        self.work.drop('Orders', orders(order(2, sku='A\0B')), odd.name)
        self.work.run_once()
        self.assertEqual(self.query("SELECT name FROM dropfold_files WHERE id = 5"), [('a\\xff\\t.csv',)])
        raws = [raw for raw, in self.query('SELECT raw FROM dropfold_rejects ORDER BY file_id')]
        self.assertEqual([raws[0].startswith('\\xff\\x01☃,'), 'A\\x00B' in raws[1]], [True, True], raws)
        self.work.command('verify')

    def test_a_forgotten_file_is_marked_and_its_rejects_are_gone(self):
        self.more(order('bad'))
        self.more()
        self.settle()
        self.work.command('forget', 'Orders/o-1.csv')
        self.assert_told()
        self.assertEqual(self.query('SELECT sequence, forgotten FROM dropfold_files WHERE forgotten IS NOT NULL'),
                         [('3', '7')])
        self.assertEqual(self.query('SELECT count(*) FROM dropfold_rejects'), [('0',)])
        self.more(order('bad again'))
        self.settle()
        last = 'SELECT sequence FROM dropfold_files WHERE name = '
        self.work.drop('Orders', orders(order(2, customer=2)), 'again.csv')
        self.settle()
        self.work.command('replay')
        self.assert_told()
        self.assertEqual(self.query('SELECT state, rows, applied, rejected, coalesce(forgotten, 0) FROM dropfold_files '
                                    "WHERE name = 'o-1.csv'"), [('duplicate', '0', '0', '0', '0')])
        self.assertEqual(self.query(last + "'again.csv' AND state = 'duplicate'"), self.query(last + "'o-2.csv'"))

    def test_a_replaced_file_is_marked_in_a_delivery_in_part(self):
        """With the rejects that it had, and those that its successor has."""
        self.work.configure('Orders', on_change='replace')
        self.work.drop('Customers', customers(1, 2, 3), 'c.json')
        self.work.drop('Deliveries', deliveries(*(delivery(number, task=number) for number in range(1, 9))), 'd.csv')
        self.work.drop('Orders', orders(order(8)), 'other.csv')
        self.settle()
        with self.work.daemon() as daemon:
            self.work.drop('Orders', orders(order(1, customer=3), order('bad'), order('worse')), 'day.csv')
            daemon.printed('applied Orders/day.csv')  # and so archived
            daemon.delivered(4)
            self.work.drop('Orders', orders(order(1, customer=2), order('bad')), 'day.csv')
            daemon.printed('delivered seq=5 ')
            self.assertEqual([line for line in daemon.out if '(full)' in line], [])
        self.assertEqual(self.query('SELECT id, forgotten FROM dropfold_files WHERE id > 3 ORDER BY id'),
                         [('4', '5'), ('5', None)])
        self.assertEqual(self.query('SELECT file_id, row_number FROM dropfold_rejects'), [('5', '2')])
        self.assert_told()

    def test_rows_that_are_retried_are_closed(self):
        self.more(order('ORD/8', customer=1), order('X/9', customer=1))
        self.settle()
        before = self.query('SELECT * FROM dropfold_rejects WHERE row_number = 2')
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json',
                           lambda d: d['fields']['Order_ID'].update(extract='^(?:ORD/)?([0-9]+)$'))
        self.work.command('rejects', 'retry')
        self.assert_told()
        self.assertEqual(self.query("SELECT state, sequence, retry_of, rows, applied, rejected FROM dropfold_files "
                                    "WHERE id > 3"), [('retried', '4', '3', '2', '1', '1')])
        self.assertEqual(self.query('SELECT file_id, row_number, retried FROM dropfold_rejects ORDER BY 1, 2'),
                         [('3', '2', '4'), ('3', '3', '4'), ('4', '3', None)])
        self.assertEqual([row[:-1] for row in self.query('SELECT * FROM dropfold_rejects WHERE row_number = 2')],
                         [row[:-1] for row in before])
        self.work.command('forget', 'seq=3')
        self.assert_told()
        self.assertEqual(self.query('SELECT count(*) FROM dropfold_rejects'), [('0',)])

    def test_a_lost_target_and_one_of_yesterday_get_all_of_it(self):
        self.more(order('bad'))
        self.settle()
        restore = self.copy_target()
        self.more(order('bad'), order('bad', sku='B'))
        self.work.drop('Orders', b'none\n', 'none.csv')
        self.settle()
        now = self.query('SELECT * FROM dropfold_files ORDER BY id')
        for spoil in ('DELETE FROM dropfold_files WHERE id = 2;', 'DELETE FROM dropfold_rejects;',
                      'DROP TABLE dropfold_rejects;', 'DROP TABLE dropfold_files; DROP TABLE dropfold_progress;'):
            if 'progress' in spoil and isinstance(self, InPostgres):
                continue  # a table is dropped there with its views only
            self.work.target.execute(spoil)
            self.work.run_once(*(('--yes',) if 'progress' in spoil else ()))
            self.assertEqual(self.query('SELECT * FROM dropfold_files ORDER BY id'), now)
        restore()
        self.settle()
        self.assertEqual(self.query('SELECT * FROM dropfold_files ORDER BY id'), now)
        self.work.target.execute("UPDATE dropfold_files SET name = 'edited' WHERE id = 1;")
        self.assertIn('dropfold_files', self.work.command('verify', expect=1).out)
        self.work.command('verify', '--repair')
        self.assert_told()
        self.work.command('replay')
        self.assert_told()

    def test_an_older_store_that_noted_other_files_since_tells_its_own(self):
        """Redeliveries are no change, so that the target looks like one that this store filled."""
        content = self.more().read_bytes()
        self.settle()
        kept = self.folder / 'kept'
        shutil.copytree(self.work.checkpoints, kept)
        for name in ('again-1.csv', 'again-2.csv', 'again-3.csv'):
            self.work.drop('Orders', content, name)
        self.settle()
        shutil.rmtree(self.work.checkpoints)
        shutil.copytree(kept, self.work.checkpoints)
        self.more(order('x', customer=1))
        self.work.run_once(target='none:')
        self.settle()

    def test_many_rejects_go_in_blocks(self):
        self.more(*(order(f'bad {i}', total='x' * (i % 7) * 40) for i in range(5000)))
        self.settle()
        self.assertEqual(self.query('SELECT count(*), max(row_number) FROM dropfold_rejects'), [('5000', '5001')])

    def files_of(self):
        """{(customer, window): {(folder, name), ...}} as the view has it and as explain says."""
        seen = {}
        for customer, start, feed, name in self.query(
                'SELECT customer_id, window_start, feed, name FROM customer_windows_files'):
            seen.setdefault((customer, start[:10]), set()).add((feed, name))
        told = {}
        for customer, in self.query('SELECT DISTINCT customer_id FROM customer_windows'):
            out = self.work.command('explain', '--table', 'customer_windows', f'customer_id={customer}', '--json').out
            for row in map(json.loads, out.splitlines()):
                key = (customer, row['columns']['window_start']['value'][:10])
                told.setdefault(key, set()).update((record['feed'], record['file']) for unit in row['units']
                                                   for record in unit)
        self.assertEqual(seen, told)
        return seen

    def test_a_row_leads_to_its_files(self):
        content = self.more().read_bytes()
        self.work.drop('Orders', orders(order(1, 'B', total='100'), order(1, 'C', total='100')), 'lines.csv')
        self.settle()
        files = {('Customers', 'c-1.json'), ('Deliveries', 'd-1.csv'), ('Orders', 'o-1.csv'), ('Orders', 'lines.csv')}
        self.assertEqual(self.files_of(), {('1', '2022-01-08'): files})
        # What repeats a row is not what it is made of; what corrects it is.
        self.work.drop('Customers', customers(1, 2), 'both.json')
        self.work.drop('Orders', orders(order(1, 'B', total='100'), order(1, 'C', total='100', quantity=5)), 'fix.csv')
        self.settle()
        files |= {('Orders', 'fix.csv')}
        self.assertEqual(self.files_of(), {('1', '2022-01-08'): files})
        self.work.command('forget', 'Customers/c-1.json')
        files = files - {('Customers', 'c-1.json')} | {('Customers', 'both.json')}
        self.assertEqual(self.files_of(), {('1', '2022-01-08'): files})
        # A correction that moves the order takes its files along.
        self.work.drop('Orders', orders(order(1, time=LATER), order(1, 'B', time=LATER), order(1, 'C', time=LATER)), 'later.csv')
        self.settle()
        files = {('Customers', 'both.json'), ('Deliveries', 'd-1.csv'), ('Orders', 'later.csv')}
        self.assertEqual(self.files_of(), {('1', '2022-02-07'): files})
        self.work.command('replay')
        self.assert_told()
        self.assertEqual(self.files_of(), {('1', '2022-02-07'): files})
        # The original once more is a change of its own.
        self.work.drop('Orders', content, 'o-1.csv')
        self.settle()
        self.assertIn(('Orders', 'o-1.csv'), self.files_of()['1', '2022-01-08'])

    def test_a_row_of_many_files_names_the_newest(self):
        self.more()
        self.settle()
        for number in range(2, 42):
            self.work.drop('Deliveries', deliveries(delivery(number, task=number)), f'd-{number}.csv')
            self.work.drop('Orders', orders(order(number)), f'o-{number}.csv')
        self.settle()
        (found,) = self.files_of().values()
        self.assertEqual(len(found), 3 + 2 * 40)  # more orders than a group lists: bags
        self.work.drop('Orders', orders(order(41, total='8')), 'fix.csv')
        self.settle()
        self.assertEqual(self.files_of()['1', '2022-01-08'], found - {('Orders', 'o-41.csv')} | {('Orders', 'fix.csv')})

    def test_a_pipeline_may_keep_it_to_itself(self):
        self.work.edit('ecommerce.json', lambda d: d.update(ledger=False))
        self.assertIn('needs the ledger', self.work.command('check', expect=78).err)
        self.work.edit('ecommerce.json', lambda d: d['views'].pop('customer_windows_files'))
        self.more(order('bad'))
        self.work.run_once()
        self.assertNotIn('dropfold_files', self.work.target.relations())
        self.work.command('verify')


class LedgerInPostgres(InPostgres, Ledger):
    """What is the database's own part."""
    test_a_pipeline_may_keep_it_to_itself = None
    test_a_forgotten_file_is_marked_and_its_rejects_are_gone = None
    test_rows_that_are_retried_are_closed = None
    test_a_row_of_many_files_names_the_newest = None
    test_files_and_rejected_rows_are_those_of_status_and_rejects = None

    def copy_target(self):
        kept = self.postgres_target()
        kept.copy_from(self.work.target)
        return lambda: self.work.target.copy_from(kept)
