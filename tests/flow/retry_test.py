"""Rejected rows read again after a descriptor was mended: as if they had been valid when their file came."""
import csv
import io
import json
import random
import signal

from contract_test import Contract
from harness.case import InPostgres
from harness.files import deliveries, delivery, order, orders
from harness.targets import dump

MENDED = '^(?:YR-|ORD/)?([0-9]+)(?:,0)?$'


class Retrying(Contract):
    """Order 1 counts, of file 3; the file odd.csv, change 4, has orders 2 and 3 under ids that nobody expected."""

    def setUp(self):
        super().setUp()
        self.basis()
        self.odd = orders(order(1, 'B', quantity=2), order('ORD/2'), order('ORD/3', total='7'), order('X-4'))
        self.apply('odd.csv', self.odd)

    def apply(self, name, content, feed='Orders'):
        self.work.drop(feed, content, name)
        return self.work.run_once().lines('applied')

    def mend(self, pattern=MENDED):
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_ID'].update(extract=pattern))

    def retry(self, *files, expect=0):
        return self.work.command('rejects', 'retry', *files, expect=expect)

    def open_rows(self):
        return [(reject['file'], reject['seq'], reject['row']) for reject in self.work.rejects()]

    def feed(self):
        return next(feed for feed in self.work.status()['feeds'] if feed['feed'] == 'Orders')

    def assert_like(self, *contents, feed='Orders'):
        """The tables are those of a run on these files of orders, in this order, under today's descriptors."""
        scratch = self.workspace(f'scratch-{len(list(self.folder.iterdir()))}')
        for path in (self.work.root / 'schemas' / 'Orders').iterdir():
            (scratch.root / 'schemas' / 'Orders' / path.name).write_bytes(path.read_bytes())
        for name in ('c.json', 'd.csv'):
            source = next((self.work.data / 'archive').glob(f'*/*-{name}'))
            scratch.drop(source.parent.name, source, name)
        for number, content in enumerate(contents):
            scratch.drop(feed, content, f'{number}.csv')
        scratch.run_once()
        self.assertEqual(dump(self.work.target), dump(scratch.target))
        self.assert_adds_up(self.work)


class Retry(Retrying):
    def test_rows_that_are_valid_now_count_and_leave_the_list(self):
        before = self.feed()
        self.assertEqual(self.open_rows(), [('odd.csv', 4, 2), ('odd.csv', 4, 3), ('odd.csv', 4, 4)])
        self.assertRegex(self.retry().out, '^[^\n]*none of 3 rejected rows is valid by version 1; nothing was changed. '
                                           'The first one, line 3, Order_ID: found "[^\n]*\n$')
        self.assertEqual(self.work.status()['sequence'], 4)
        self.mend()
        self.assertRegex(self.retry('--dry-run').out,
                         '2 of 3 rejected rows would be valid by version 1; the first that would not, line 5, Order_ID: found "')
        self.assertEqual(self.work.status()['sequence'], 4)
        done = self.retry('odd.csv')
        self.assertIn('retried Orders/odd.csv seq=4 as seq=5: rows=3 applied=2 rejected=1, by version 1', done.out)
        self.assertIn('delivered seq=5', done.out)
        self.assert_like(orders(order(1)), self.odd)
        self.assertEqual(self.open_rows(), [('odd.csv', 4, 4)])
        after = self.feed()
        self.assertEqual((after['rows'], after['applied'], after['rejected']),
                         (before['rows'], before['applied'] + 2, before['rejected'] - 2))
        self.assertEqual(after['files'], before['files'])
        every = [json.loads(line) for line in self.work.command('rejects', '--json', '--all').out.splitlines()]
        self.assertEqual([(reject['row'], reject.get('retried')) for reject in every], [(2, 5), (3, 5), (4, 5), (4, None)])
        self.assertIn('retried in seq 5', self.work.command('rejects', '--all').out)
        self.mend('^(?:YR-|ORD/|X-)?([0-9]+)(?:,0)?$')
        self.assertIn('rows=1 applied=1,', self.retry().out)
        self.assertIn('no rejected row is open', self.retry().err)
        self.assert_like(orders(order(1)), self.odd)
        self.work.command('store', 'check')
        self.assertEqual(json.loads(self.work.command('verify', '--json').out.splitlines()[-1])['equal'], True)

    def test_what_corrected_a_row_since_stays_and_it_is_superseded(self):
        self.apply('later.csv', orders(order(2, quantity=9, total='55')))
        self.mend()
        self.assertIn('rows=3 applied=1 superseded=1 rejected=1', self.retry().out)
        self.assert_like(orders(order(1)), self.odd, orders(order(2, quantity=9, total='55')))
        self.assertEqual(len(self.apply('undo.csv', self.odd)), 1, 'dropped again it undoes the correction')
        self.assert_like(orders(order(1)), self.odd, orders(order(2, quantity=9, total='55')), self.odd)

    def test_the_attributes_of_an_order_stay_those_of_its_newest_line(self):
        self.apply('later.csv', orders(order(3, 'Z', total='70', time='2022-01-21T12:00:00.000Z')))
        self.mend()
        self.retry()
        self.assert_like(orders(order(1)), self.odd, orders(order(3, 'Z', total='70', time='2022-01-21T12:00:00.000Z')))

    def test_a_redelivery_of_the_file_is_one_still(self):
        self.mend()
        self.work.drop('Orders', self.odd, 'again.csv')
        self.assertEqual(len(self.work.run_once().lines('duplicate')), 1)
        self.retry()
        self.work.drop('Orders', self.odd, 'third.csv')
        self.assertEqual(len(self.work.run_once().lines('duplicate')), 1)

    def test_forgetting_the_file_takes_its_retried_rows_along(self):
        before = dump(self.work.target)
        self.mend()
        self.retry()
        self.assertIn('a retry of rows of file odd.csv', self.work.command('forget', 'seq=5', expect=64).err)
        impact = self.work.command('impact', 'odd.csv').err
        self.work.command('forget', 'odd.csv')
        self.assert_like(orders(order(1)))
        self.assertEqual(self.open_rows(), [])
        self.assertNotEqual(dump(self.work.target), before)
        self.assertIn('changed', impact)
        self.work.run_once()
        self.work.command('store', 'check')

    def test_a_replay_that_has_the_file_replaced_has_nothing_of_it_to_retry(self):
        other = orders(order(1, total='5'))
        self.apply('odd.csv', other)
        self.mend()
        self.retry()
        self.work.configure('Orders', on_change='replace')
        self.work.command('replay')
        self.assert_like(orders(order(1)), other)
        self.assertEqual(self.open_rows(), [])

    def test_a_replay_applies_them_again_by_the_version_that_read_them(self):
        newer = {'feed': 'Orders', 'version': 3, 'extends': 2, 'match': ['SKU'],
                 'fields': {'Order_ID': {'type': 'int64', 'required': True, 'extract': '^(?:YR-|ORD/)?([0-9]+)(?:,0)?$'}}}
        (self.work.root / 'schemas' / 'Orders' / '3.json').write_text(json.dumps(newer), encoding='utf-8')
        self.assertIn('by version 3', self.retry().out)
        before = dump(self.work.target)
        self.apply('later.csv', orders(order(9)))
        self.work.command('replay')
        self.assertEqual(dump(self.work.target), before)
        newest = {**newer, 'version': 4, 'fields': {'Order_ID': {**newer['fields']['Order_ID'], 'extract': '([0-9]+)'}}}
        (self.work.root / 'schemas' / 'Orders' / '4.json').write_text(json.dumps(newest), encoding='utf-8')
        self.work.command('replay')
        self.assertEqual(dump(self.work.target), before)
        self.assertEqual(self.open_rows(), [('odd.csv', 4, 4)])
        self.work.command('replay', '--rebind')
        self.assertEqual(dump(self.work.target), before)
        self.assertEqual(self.open_rows(), [])
        self.assert_adds_up(self.work)

    def test_a_source_that_is_gone_changed_or_split_otherwise_is_refused_and_nothing_is_done(self):
        self.mend()
        kept = next((self.work.data / 'archive' / 'Orders').glob('*-odd.csv'))
        moved = kept.rename(kept.with_name('away'))
        self.assertIn('No such file', self.retry(expect=65).err)
        kept.write_bytes(self.odd.replace(b'ORD/2', b'ORD/5'))
        self.assertIn('its content is not what the ledger says', self.retry(expect=65).err)
        moved.rename(kept)
        self.apply('hash.csv', orders(order('#5'), order('Y-6')))
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json', lambda d: d.update(comment='#'))
        self.assertIn('is split into other rows now', self.retry('hash.csv', expect=65).err)
        self.assertEqual((self.work.status()['sequence'], len(self.open_rows())), (5, 5))
        self.assertIn('retried Orders/odd.csv', self.retry(expect=65).out, 'the others are retried all the same')
        self.assertIn('there are', self.retry('nobody.csv', expect=64).err)

    def test_as_many_rows_that_are_others_are_refused_too(self):
        def comments_begin(sign):
            for version in (1, 2):
                self.work.edit(f'Orders/{version}.json', lambda d: d.update(comment=sign))
        self.mend()
        comments_begin('%')
        self.apply('signs.csv', orders(order('#5'), order('%6')))
        comments_begin('#')
        self.assertIn('is split into other rows now', self.retry('signs.csv', expect=65).err)

    def test_explain_and_diff_name_the_line_of_the_file(self):
        self.mend()
        self.retry()
        self.assertIn('by retrying Orders/odd.csv seq=5', self.work.command('diff').out)
        self.assertIn('odd.csv:3 v1 seq=4 (rejected, and retried in seq 5) Order_ID=2',
                      self.work.command('explain', '--table', 'ecommerce', 'Customer_ID=1').out)
        rows = [json.loads(line) for line in self.work.command('explain', '--table', 'ecommerce', 'Customer_ID=1', '--json')
                .out.splitlines()]
        found = [record for row in rows for record in records_of(row) if record.get('retried')]
        self.assertEqual([(record['file'], record['line'], record['seq'], record['retried']) for record in found],
                         [('odd.csv', 3, 4, 5), ('odd.csv', 4, 4, 5)])
        self.work.command('forget', 'd.csv')
        self.assertIn('Order_ID=2 waits for Deliveries (Orders/odd.csv:3, seq 4)\n', self.work.command('unmatched').out)

    def test_a_running_dropfold_retries_between_two_files_by_the_descriptors_it_reads_by(self):
        with self.work.daemon() as daemon:
            self.mend()
            self.assertIn('send it HUP', self.retry(expect=78).err)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.printed('target ', 2)
            done = daemon.asked('rejects', 'retry', 'nobody.csv', 'odd.csv')
            self.assertIn('retried Orders/odd.csv seq=4 as seq=5', done.out)
            self.assertEqual(done.code, 64)
            daemon.delivered(5)
            self.work.drop('Orders', orders(order(3, quantity=5)), 'more.csv')
            daemon.delivered(6)
        self.assert_like(orders(order(1)), self.odd, orders(order(3, quantity=5)))


def records_of(row):
    """All objects with a line, however deep."""
    if isinstance(row, dict):
        return ([row] if 'line' in row else []) + [found for value in row.values() for found in records_of(value)]
    return [found for value in row for found in records_of(value)] if isinstance(row, list) else []


class AnyMoment(Contract):
    def spoil(self, rng, path):
        """Some orders of the file under ids that nobody expected; the order's id stands first."""
        return b''.join(b'ORD/' + line if line[:1].isdigit() and rng.random() < 0.3 else line
                        for line in path.read_bytes().splitlines(keepends=True))

    def test_rows_retried_at_any_moment_count_as_if_they_had_been_valid_when_their_file_came(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        files = self.sample(orders=200, files=4, seed=seed)
        rng.shuffle(files)
        mended = rng.randrange(len(files) // 2)
        with self.subTest(seed=seed):
            for number, (feed, path) in enumerate(files):
                self.work.drop(feed, self.spoil(rng, path) if feed == 'Orders' else path, path.name)
                self.work.run_once()
                if number == mended:
                    for version in (1, 2):
                        self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_ID'].update(extract=MENDED))
                if number >= mended and rng.random() < 0.3:
                    self.work.command('rejects', 'retry')
            self.work.command('rejects', 'retry')
            self.assert_table(self.work, files)
            self.assert_adds_up(self.work)
            gone = rng.choice(files)
            self.work.command('forget', f'{gone[0]}/{gone[1].name}')
            files.remove(gone)
            self.assert_table(self.work, files)
            self.assert_adds_up(self.work)
            self.work.command('replay')
            self.assert_table(self.work, files)

    def test_a_file_that_is_gone_from_the_archive_is_read_from_its_redelivery(self):
        self.basis()
        content = orders(order(2), order('N-3'))
        self.work.drop('Orders', content, 'first.csv')
        self.work.drop('Orders', content, 'again.csv')
        self.work.run_once()
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_ID'].update(extract='^(?:N-)?([0-9]+)$'))
        next((self.work.data / 'archive' / 'Orders').glob('*-first.csv')).unlink()
        self.assertIn('rows=1 applied=1', self.work.command('rejects', 'retry').out)

    def test_records_of_json_are_retried_too(self):
        self.basis()
        self.work.drop('Orders', orders(order(2, customer=7)), 'p.csv')
        self.work.drop('Customers', json.dumps([{'Customer ID': 1}, {'Customer ID': 'C-7'}, {'Customer ID': 'x'}],
                                               indent=1).encode(), 'more.json')
        self.work.run_once()
        self.assertEqual(self.order_count(), 1)
        for version in (1, 2):
            self.work.edit(f'Customers/{version}.json', lambda d: d['fields']['Customer_ID'].update(extract='^(?:C-)?([0-9]+)$'))
        self.assertIn('rows=2 applied=1 rejected=1', self.work.command('rejects', 'retry').out)
        self.assertEqual(self.order_count(), 2)
        self.assertEqual([(reject['file'], reject['row']) for reject in self.work.rejects()], [('more.json', 3)])


class RetryInPostgres(InPostgres, Retrying):
    def test_what_corrected_a_row_since_stays(self):
        self.apply('later.csv', orders(order(2, quantity=9, total='55')))
        self.mend()
        self.retry()
        self.assert_like(orders(order(1)), self.odd, orders(order(2, quantity=9, total='55')))


class Whole(Contract):
    def test_a_file_that_was_quarantined_is_put_back_and_read_anew(self):
        self.basis()
        content = orders(order(2)).replace(b'Order ID', b'Number')
        self.work.drop('Orders', content, 'odd.csv')
        self.work.run_once(expect=None)
        kept = self.work.data / 'quarantine' / 'Orders' / 'odd.csv'
        self.assertTrue(kept.is_file())
        (self.work.landing('Orders') / 'odd.csv').write_bytes(b'something else')
        self.assertIn('is there already', self.work.command('rejects', 'retry', 'odd.csv', expect=65).err)
        (self.work.landing('Orders') / 'odd.csv').unlink()
        kept.write_bytes(orders(order(2)))
        self.assertIn('odd.csv cannot be put back: its content is not what the ledger says; one that was mended is dropped into ',
                      self.work.command('rejects', 'retry', 'odd.csv', expect=65).err)
        kept.write_bytes(content)
        for version in (1, 2):
            self.work.edit(f'Orders/{version}.json', lambda d: d['fields']['Order_ID'].update({'from': ['Order ID', 'Number']}))
        self.assertIn('would put back', self.work.command('rejects', 'retry', '--dry-run', 'Orders/odd.csv').out)
        with self.work.daemon() as daemon:
            self.assertIn('put back Orders/odd.csv', daemon.asked('rejects', 'retry', 'Orders/odd.csv').out)
            daemon.printed('applied Orders/odd.csv')
        self.assertEqual(list(kept.parent.iterdir()), [])
        self.assertEqual(self.order_count(), 2)
        self.assertNotIn('the whole file', self.work.command('rejects').out)
        self.assertIn('read again since', self.work.command('rejects', '--all').out)
        self.assertIn('No such file', self.work.command('rejects', 'retry', kept, expect=65).err)

    def test_a_retry_of_all_says_that_files_were_quarantined_too(self):
        told = '1 quarantined file is not among these: `dropfold rejects` lists them'
        self.basis()
        self.assertNotIn('quarantined', self.work.command('rejects', 'retry').err)
        self.work.drop('Orders', b'odd\n1\n', 'odd.csv')
        self.work.run_once(expect=None)
        for more in ((), ('--dry-run',)):
            outcome = self.work.command('rejects', 'retry', *more)
            self.assertIn('no rejected row is open', outcome.err)
            self.assertIn(told, outcome.err)
        self.work.drop('Orders', orders(order(2, quantity='many')), 'row.csv')
        self.work.run_once(expect=None)
        outcome = self.work.command('rejects', 'retry')
        self.assertIn('none of 1 rejected row', outcome.out)
        self.assertIn(told, outcome.err)
        (self.work.data / 'quarantine' / 'Orders' / 'odd.csv').unlink()
        self.assertNotIn('quarantined', self.work.command('rejects', 'retry').err)

    def test_of_several_of_one_name_the_one_is_put_back_whose_path_is_given(self):
        for content in (b'first\n1\n', b'second\n1\n'):
            self.work.drop('Orders', content, 'odd.csv')
            self.work.run_once(expect=None)
        looked = self.work.command('rejects', 'retry', '--dry-run', 'quarantine/Orders/odd.csv').out
        self.assertIn('from data/quarantine/Orders/odd.csv:', looked)
        kept = self.work.data / 'quarantine' / 'Orders' / 'odd.csv'
        newest = next(path.name for path in kept.parent.iterdir() if path.read_bytes().startswith(b'second'))
        for which in (f'quarantine/Orders/{newest}', 'Orders/odd.csv'):
            self.assertIn(f'from data/quarantine/Orders/{newest}:', self.work.command('rejects', 'retry', '--dry-run', which).out)
        self.work.command('rejects', 'retry', kept)
        self.assertEqual((self.work.landing('Orders') / 'odd.csv').read_bytes(), b'first\n1\n')

    def test_a_file_that_was_applied_or_lies_in_quarantine_in_another_folder_is_not_put_back(self):
        self.basis()
        for total in ('1', '2'):
            self.work.drop('Orders', orders(order(2, total=total)), 'twice.csv')
            self.work.run_once()
        self.work.drop('Deliveries', b'odd\n1\n', 'odd.csv')
        self.work.run_once(expect=None)
        for which in ('twice.csv', 'Orders/odd.csv'):
            self.work.command('rejects', 'retry', which, expect=64)
        self.assertEqual([*self.work.landing('Orders').iterdir()], [])

    def test_the_same_content_quarantined_in_another_folder_hides_neither(self):
        for feed in ('Orders', 'Deliveries'):
            self.work.drop(feed, b'', 'empty.csv')
            self.work.run_once(expect=None)
        told = self.work.command('rejects').out
        self.assertIn('Orders/empty.csv: the whole file', told)
        self.assertIn('Deliveries/empty.csv: the whole file', told)

    def test_a_file_that_somebody_took_out_of_the_quarantine_is_done_with(self):
        self.work.drop('Orders', b'odd\n1\n', 'odd.csv')
        self.work.run_once(expect=None)
        folder = self.work.data / 'quarantine' / 'Orders'
        folder.rename(folder.with_name('away'))  # as a disk that is not there: nobody took a file out
        self.assertIn('\n    quarantine/Orders/odd.csv\n', self.work.command('rejects').out)
        folder.with_name('away').rename(folder)
        self.assertEqual([file['file'] for file in self.work.rejected()], ['odd.csv'])
        (folder / 'odd.csv').unlink()
        self.assertEqual((self.work.rejected(), self.work.command('rejects').out), ([], ''))
        self.assertIn('\n    quarantine/Orders/odd.csv: taken out of the quarantine since\n', self.work.command('rejects', '--all').out)
        listed = json.loads(self.work.command('rejects', '--all', '--json').out)
        self.assertEqual((listed['taken'], listed['stored']), (True, 'quarantine/Orders/odd.csv'))


class Export(Contract):
    def test_open_rows_are_exported_as_they_are_and_harmless_only_when_asked_for(self):
        self.basis()
        evil = [order('=1+1', **{'Description': 'a "quoted", text\nof two lines'}), order('-5'), order('plain'), order('@x')]
        self.work.drop('Orders', orders(*evil), '=odd.csv')
        self.work.run_once()
        rows = list(csv.DictReader(io.StringIO(self.work.command('rejects', 'export').out, newline='')))
        listed = self.work.rejects()
        self.assertEqual([row['raw'] for row in rows], [reject['raw'] for reject in listed])
        self.assertEqual([(row['file'], row['seq'], row['row'], row['line'], row['field']) for row in rows],
                         [('=odd.csv', '4', str(reject['row']), str(reject['line']), 'Order_ID') for reject in listed])
        self.assertEqual([json.loads(line) for line in self.work.command('rejects', 'export', '--format', 'json', '--',
                                                                         'Orders/=odd.csv').out.splitlines()], listed)
        self.assertEqual(self.work.command('rejects', 'export', '--json').out, self.work.command('rejects', '--json').out)
        safe = list(csv.DictReader(io.StringIO(self.work.command('rejects', 'export', '--spreadsheet').out, newline='')))
        self.assertEqual([row['raw'] for row in safe],
                         ["'" + row['raw'] if row['raw'][0] in '=+-@\t\r' else row['raw'] for row in rows])
        self.assertTrue(all(row['file'] == "'=odd.csv" for row in safe))
        self.assertTrue(any(row['raw'].startswith("'=1+1") for row in safe))
        self.assertEqual(len(list(csv.reader(io.StringIO(self.work.command('rejects', 'export', 'c.json').out)))), 1)

    def test_json_has_the_bytes_of_a_row_that_is_no_utf_8_as_digits(self):
        self.basis()
        self.work.drop('Orders', orders(order('x')), 'plain.csv')
        self.work.drop('Orders', orders(order(5, quantity='\ufffd')).replace('\ufffd'.encode(), b'\xe9'), 'latin.csv')
        self.work.run_once()
        shown = {reject['file']: reject for reject in self.work.rejects()}
        self.assertIn('\ufffd', shown['latin.csv']['raw'])
        self.assertIn(b',\xe9,', bytes.fromhex(shown['latin.csv']['raw_hex']))
        self.assertEqual([name for name, reject in shown.items() if 'raw_hex' in reject], ['latin.csv'])
