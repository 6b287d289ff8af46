"""Descriptors that change while their feeds go on: new files are read by the new ones, and nothing is built anew."""
import csv
import io
import json
import random
import signal

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders


def in_third_form(content):
    """A file of orders as a third system writes it: semicolons, and the total under another name."""
    rows = [[{'Order Total': 'Sum'}.get(name, name) for name in row]
            for row in csv.reader(io.StringIO(content.decode('utf-8-sig'), newline=''))]
    out = io.StringIO()
    csv.writer(out, delimiter=';', lineterminator='\n').writerows(rows)
    return out.getvalue().encode()


class Contract(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def add_third_version(self):
        third = {'feed': 'Orders', 'version': 3, 'extends': 2, 'delimiter': ';', 'match': ['Sum'],
                 'fields': {'Order_Total': {'from': ['Sum'], 'type': 'decimal(18,2)', 'required': True}}}
        (self.work.root / 'schemas' / 'Orders' / '3.json').write_text(json.dumps(third), encoding='utf-8')

    def basis(self):
        """Order 1 counts."""
        self.work.drop('Customers', customers(1), 'c.json')
        self.work.drop('Deliveries', deliveries(delivery(1), delivery(2), delivery(3)), 'd.csv')
        self.work.drop('Orders', orders(order(1)), 'o.csv')
        self.work.run_once()
        self.epoch = self.work.status()['epoch']

    def assert_same_store(self):
        self.assertEqual(self.work.status()['epoch'], self.epoch)

    def order_count(self):
        return sum(int(row[0]) for row in self.work.target.query('SELECT "Order_Count" FROM ecommerce'))


class Versions(Contract):
    def test_files_of_old_and_new_versions_come_in_any_order_and_a_version_while_it_runs(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        files = self.sample(orders=300, files=6, seed=seed)
        with self.subTest(seed=seed), self.work.daemon() as daemon:
            self.work.drop_all(files[:6])
            daemon.printed('applied ', 6)
            epoch = self.work.status()['epoch']
            self.add_third_version()
            self.assertIn('Orders v3 added', self.work.command('check').out)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('descriptors changed: Orders v3 added; files committed before keep what they were read as')
            daemon.printed('target ', 2)
            for feed, path in files[6:]:
                third = feed == 'Orders' and rng.random() < 0.5
                self.work.drop(feed, in_third_form(path.read_bytes()) if third else path, path.name)
            daemon.delivered(len(files))
            self.assertEqual(self.work.status()['epoch'], epoch)
            self.assertIn('descriptors as in the last run', self.work.command('check').out)
        self.assertFalse([line for line in daemon.err if 'built anew' in line])
        self.assert_table(self.work, files)
        self.assert_adds_up(self.work)
        self.work.run_once()
        self.assert_table(self.work, files)

    def test_a_mended_pattern_holds_for_new_files_and_old_ones_keep_what_they_were_read_as(self):
        self.basis()
        odd = orders(order('ORD/2'))
        self.work.drop('Orders', odd, 'odd.csv')
        self.work.run_once()
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_ID'].update(extract='^(?:YR-|ORD/)?([0-9]+)(?:,0)?$'))
        self.work.drop('Orders', orders(order('ORD/3')), 'new.csv')
        done = self.work.run_once()
        self.assertIn('descriptors changed: Orders v1 changed, Orders v2 changed; files committed before', done.err)
        self.assert_same_store()
        self.assertEqual(self.order_count(), 2)
        self.assertEqual([reject['file'] for reject in self.work.rejects()], ['odd.csv'])
        self.work.drop('Orders', odd, 'again.csv')
        self.assertEqual(len(self.work.run_once().lines('duplicate')), 1)
        deep = json.loads(self.work.command('verify', '--deep', '--json').out.splitlines()[-1])
        self.assertEqual(deep['sources'], {'read': 5, 'changed': 2, 'missing': 0, 'different': 0, 'unknown': 0})
        self.work.command('replay')
        self.assertEqual((self.order_count(), self.work.rejects()), (3, []))

    def test_a_file_that_is_read_otherwise_is_still_told_from_one_that_was_changed(self):
        self.basis()
        self.work.edit('Orders/1.json', lambda d: d['null'].append('n/a'))
        kept = self.work.data / 'archive' / 'Orders' / self.work.archived('Orders')[0]
        kept.write_bytes(kept.read_bytes().replace(b'100', b'900'))
        deep = json.loads(self.work.command('verify', '--deep', '--json', expect=65).out.splitlines()[-1])
        self.assertEqual((deep['sources']['changed'], deep['sources']['missing']), (1, 1))

    def test_a_view_and_what_becomes_of_files_need_no_new_store(self):
        self.basis()
        self.work.configure('Orders', after='leave')
        self.work.edit('ecommerce.json', lambda d: d['views'].update(
            latest_of_all={'table': 'ecommerce', 'latest': {'by': ['Customer_ID'], 'on': 'start_timestamp'}}))
        self.work.drop('Orders', orders(order(2)), 'left.csv')
        self.work.run_once()
        self.assert_same_store()
        self.assertEqual(self.work.landed('Orders'), ['left.csv'])
        self.assertEqual(int(self.work.target.query('SELECT "Order_Count" FROM latest_of_all')[0][0]), 2)


class Shape(Contract):
    def test_another_type_is_refused_by_name_and_built_anew_on_hup(self):
        self.basis()
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_Total'].update(type='decimal(18,4)'))
        refused = self.work.run_once(expect=78)
        self.assertIn('dropfold replay', refused.err)
        (self.work.root / 'new.csv').write_bytes(orders(order(9)))
        for words in (('explain', 'Customer_ID=1'), ('plan', 'new.csv', 'Orders'), ('impact', 'o.csv'), ('diff',), ('diff', '--from', '0'),
                      ('unmatched',), ('late',), ('verify',)):
            with self.subTest(words=words):
                outcome = self.work.command(*words, expect=78)
                self.assertEqual((outcome.out, 'or the type of a field that it uses, changed since' in outcome.err), ('', True), outcome)
        told = self.work.command('check', expect=78)
        self.assertIn('Orders v1 changed, Orders v2 changed', told.out)
        self.assertIn('field "Orders"."Order_Total" decimal(18,4); it was field "Orders"."Order_Total" decimal(18,2)', told.err)
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_Total'].update(type='decimal(18,2)'))
        with self.work.daemon() as daemon:
            for version in (1, 2):
                self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_Total'].update(type='decimal(18,4)'))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('the store is built anew')
            daemon.printed('target ', 2)
            daemon.delivered(3)
        self.assertNotEqual(self.work.status()['epoch'], self.epoch)
        self.assertEqual(self.order_count(), 1)

    def test_what_changes_before_any_file_was_applied_is_taken(self):
        work = self.work
        work.drop('Orders', orders(order(1)).replace(b'Order ID', b'Number'), 'bad.csv')
        work.run_once()
        epoch = work.status()['epoch']
        for version in (1, 2):
            work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_Total'].update(type='decimal(18,4)'))
        work.edit('ecommerce.json', lambda d: (d['tables'].pop('customer_windows'), d.pop('views')))
        self.assertIn('no file was applied by the old one: the next run takes it', work.command('check').out)
        self.assertIn('the pipeline changed; no file was applied by the old one', work.run_once().err)
        self.assertNotIn('changed', work.run_once().err)
        self.basis()
        self.assertNotEqual(self.epoch, epoch)
        self.assertEqual((self.order_count(), [whole['file'] for whole in work.rejected()]), (1, ['bad.csv']))
        self.assertEqual(work.target.query("SELECT count(*) FROM dropfold_files WHERE state = 'quarantined'"), [('1',)])
        work.command('verify')
