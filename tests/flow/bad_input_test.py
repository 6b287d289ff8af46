"""Bad input: a clear message, nothing lost, the next file processed. What becomes of which dirt: tests/fixtures/dirt.py."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders, table
from harness.mounts import mount
from harness.places import other_user
from harness.polling import until

import sample


class Files(FlowCase):
    """Each bad file stands between good ones, and a good order arrives after it."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.drop('Customers', customers(1), 'customers.json')
        self.work.drop('Deliveries', deliveries(delivery(1)), 'deliveries.csv')

    def run_with_good_order(self):
        self.work.drop('Orders', orders(order(1)), 'good.csv')
        outcome = self.work.run_once()
        self.assertEqual(self.work.target.query('SELECT "Order_Count" FROM ecommerce'), [('1',)], outcome)
        self.assertTrue(any('Orders/good.csv' in line for line in outcome.lines('applied')), outcome)
        self.assert_adds_up(self.work)
        return outcome

    def assert_rejected(self, content, row, line, field, *words, rejected=1, applied=0):
        """One row of an order file is rejected and kept whole."""
        self.work.drop('Orders', content, 'bad.csv')
        report = next(found for found in self.run_with_good_order().lines('applied') if 'bad.csv' in found)
        self.assertIn(f' applied={applied} rejected={rejected} ', report)
        rejects = self.work.rejects()
        self.assertEqual(len(rejects), rejected)
        reject = rejects[0]
        self.assertEqual((reject['feed'], reject['file'], reject['row'], reject['line']), ('Orders', 'bad.csv', row, line))
        self.assertEqual(reject['field'] or None, field)
        for word in words:
            self.assertIn(word, reject['reason'])
        self.assertIn(reject['raw'], content.decode())
        shown = self.work.command('rejects').out
        self.assertIn('bad.csv', shown)
        self.assertIn(reject['reason'], shown)

    def assert_quarantined(self, feed, name, content, *words):
        """A whole file is quarantined, with its reason beside it."""
        self.work.drop(feed, content, name)
        outcome = self.run_with_good_order()
        lines = outcome.lines('quarantined')
        self.assertEqual(len(lines), 1, outcome)
        for word in (f'{feed}/{name}', f'data/quarantine/{feed}/{name}', *words):
            self.assertIn(word, lines[0])
        kept = self.work.data / 'quarantine' / feed / name
        self.assertEqual(kept.read_bytes(), content)
        reason = kept.with_name(f'{name}.reason').read_text(encoding='utf-8')
        for word in words:
            self.assertIn(word, reason)
        counts = {found['feed']: found['files']['quarantined'] for found in self.work.status()['feeds']}
        self.assertEqual(counts[feed], 1)
        self.work.run_once()
        self.assertEqual(self.work.landed(), [])

    def test_a_row_with_a_word_in_a_number(self):
        self.assert_rejected(orders(order(7), order(8, quantity='12,x')), 2, 3, 'Quantity', '12,x', 'integer', applied=1)

    def test_a_value_with_a_backslash_is_escaped_once(self):
        content = orders(order(8, quantity='1\\2'))
        self.assert_rejected(content, 1, 2, 'Quantity', r'found "1\\2"')
        path = self.work.root / 'again.csv'
        path.write_bytes(content)
        self.assertIn(r'found "1\\2"', self.work.command('check', path, 'Orders', expect=65).out)

    def test_a_row_on_31_february(self):
        self.assert_rejected(orders(order(8, time='2022-02-31T10:00:00.000Z')), 1, 2, 'Order_Time', '2022-02-31')

    def test_a_customer_id_beyond_its_column(self):
        self.assert_rejected(orders(order(8, customer=3000000000)), 1, 2, 'Customer_ID', '3000000000', 'integer')

    def test_a_row_with_too_few_fields(self):
        self.assert_rejected(orders(order(7)) + b'8,COMPLETED,Flour\n' + orders(order(9)).split(b'\n')[1] + b'\n', 2, 3, None,
                             '3', '44', applied=2)

    def test_a_row_with_too_many_fields(self):
        self.assert_rejected(orders(order(8)).rstrip(b'\n') + b',more\n', 1, 2, None, '45', '44')

    def test_a_required_field_that_is_null(self):
        self.assert_rejected(orders(order(8, total='-')), 1, 2, 'Order_Total')

    def test_the_line_of_a_row_counts_line_ends_inside_quotes(self):
        self.assert_rejected(orders(order(7, **{'Reviews': 'two\nlines'}), order(8, quantity='x')), 2, 4, 'Quantity',
                             applied=1)

    def test_a_header_without_a_required_field(self):
        columns = [column for column in sample.ORDER_COLUMNS if column not in ('SKU', 'Order Total')]
        self.assert_quarantined('Orders', 'short.csv', table(columns, [order(8)]), 'SKU', 'Order_Total')

    def test_a_quote_that_never_closes(self):
        content = orders(*(order(number) for number in range(8, 12))).replace(b'\n9,', b'\n"9,')
        self.assert_quarantined('Orders', 'open.csv', content + b'x' * 200_000, 'quote')

    def test_truncated_json(self):
        self.assert_quarantined('Customers', 'cut.json', customers(5, 6, 7)[:-30])


class Unreadable(FlowCase):
    """Root may read everything, so the program runs as another user here."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace(identity=other_user())

    def test_an_unreadable_file_is_told_and_the_next_one_processed(self):
        path = self.work.drop('Orders', orders(order(1)), 'secret.csv')
        path.chmod(0)
        self.work.drop('Orders', orders(order(2)), 'open.csv')
        outcome = self.work.run_once(expect=None)
        self.assertIn('Orders/secret.csv: cannot be read now: cannot open it: Permission denied\n', outcome.err)
        self.assertEqual(len(outcome.lines('applied')), 1, outcome)
        path.chmod(0o644)
        self.assertIn('secret.csv', self.work.run_once().lines('applied')[0])

    def test_an_unreadable_file_is_told_again_only_when_something_about_it_changed(self):
        for number, name in enumerate(('one.csv', 'two.csv')):
            self.work.drop('Orders', orders(order(number)), name).chmod(0)
        with self.work.daemon('--rescan', 0.1) as daemon:
            self.warned(daemon, 'csv: cannot be read now', 2)
            # The log holds back what only repeats its last line, and the two are read side by side: the one told first.
            name = re.search(r'Orders/(\S+): cannot be read now', '\n'.join(daemon.err))[1]
            path = self.work.landing('Orders') / name
            os.utime(path)
            self.warned(daemon, 'csv: cannot be read now', 3)
            path.chmod(0o644)
            daemon.printed(f'applied Orders/{name}')
            daemon.complained(f'Orders/{name} can be read again')
            daemon.stop()
        self.warned(daemon, 'csv: cannot be read now', 3)
        self.warned(daemon, 'can be read again', 1)

    def test_an_archive_that_takes_nothing_is_told_once_for_each_file_and_none_is_read_again(self):
        archive, away = self.work.data / 'archive', self.work.data / 'away'
        archive.mkdir()
        (archive / 'Orders').touch()
        large = orders(*map(order, range(5000)))
        for name in ('one.csv', 'two.csv'):
            self.work.drop('Orders', large, name)
        with self.work.daemon('--rescan', 0.1) as daemon:
            daemon.complained('two.csv: cannot be archived')
            before = self.bytes_read(daemon)
            self.warned(daemon, 'two.csv: cannot be archived', 1)
            self.assertLess(self.bytes_read(daemon) - before, len(large))
            archive.chmod(0)
            self.warned(daemon, 'two.csv: cannot be archived', 2)
            archive.rename(away)
            away.chmod(0o777)
            until(lambda: len(self.work.archived('Orders')) == 2, lambda: f'both in the archive\n{daemon}')
            daemon.stop()
        self.warned(daemon, 'cannot be archived', 4)
        self.assertEqual(len([line for line in daemon.out if 'two.csv' in line]), 2, daemon)  # what it is; where it went

    def test_a_bad_file_that_cannot_be_quarantined_is_told_of_and_read_once(self):
        quarantine = self.work.data / 'quarantine' / 'Orders'
        quarantine.mkdir(parents=True)
        quarantine.chmod(0o555)
        large = b'"' + b'x' * 60_000
        with self.work.daemon('--rescan', 0.1) as daemon:
            self.work.drop('Orders', large, 'bad.csv')
            daemon.complained('Orders/bad.csv: cannot be quarantined: cannot move it to the quarantine: Permission denied')
            before = self.bytes_read(daemon)
            self.warned(daemon, 'bad.csv', 1)
            self.assertLess(self.bytes_read(daemon) - before, len(large))
            quarantine.rename(quarantine.parent / 'away')
            quarantine.touch()
            self.warned(daemon, 'bad.csv: cannot be quarantined: cannot open data/quarantine/Orders', 1)
            quarantine.unlink()
            quarantine.parent.chmod(0o777)
            daemon.printed('quarantined Orders/bad.csv: 1:1')
            daemon.stop()
        self.warned(daemon, 'bad.csv', 2)
        self.assertEqual((quarantine / 'bad.csv').read_bytes(), large)
        self.assertIn('quarantined by pipeline', (quarantine / 'bad.csv.reason').read_text(encoding='utf-8'))
        self.assertEqual(self.work.target.query('SELECT name, stored, sha256 FROM dropfold_files'),
                         [('bad.csv', 'quarantine/Orders/bad.csv', hashlib.sha256(large).hexdigest())])

    @staticmethod
    def bytes_read(daemon):
        return int(re.search(r'rchar: (\d+)', Path(f'/proc/{daemon.process.pid}/io').read_text(encoding='ascii'))[1])

    def warned(self, daemon, words, times):
        """So many times, also after more looks at the folder."""
        def warnings():
            return len([line for line in daemon.err if words in line])
        until(lambda: warnings() >= times, lambda: f'{times} times "{words}"\n{daemon}')
        if daemon.process.poll() is None:
            before = self.scans()
            until(lambda: self.scans() > before + 5, lambda: f'looks at the folder\n{daemon}')
        self.assertEqual(warnings(), times, daemon)

    def scans(self):
        return self.work.status()['running']['scans']['Orders']

    def test_checkpoints_that_cannot_be_written(self):
        self.work.drop('Orders', orders(order(1)), 'o.csv')
        self.work.checkpoints.chmod(0o555)
        outcome = self.work.run_once(expect=None)
        self.assertIn(outcome.code, (1, 78), outcome)
        self.assertIn('checkpoints', outcome.err)
        self.assertEqual(self.work.landed('Orders'), ['o.csv'])
        self.work.checkpoints.chmod(0o755)
        self.work.run_once()

    def test_a_landing_folder_that_cannot_be_written_is_read_and_left(self):
        self.work.drop('Orders', orders(order(1)), 'o.csv')
        self.work.landing('Orders').chmod(0o555)
        self.addCleanup(self.work.landing('Orders').chmod, 0o755)
        outcome = self.work.run_once()
        self.assertEqual(len(outcome.lines('applied')), 1, outcome)
        self.assertEqual(outcome.err.count('data/Orders cannot be written'), 1, outcome)
        self.assertEqual(self.work.landed('Orders'), ['o.csv'])
        for _ in range(2):
            self.assertEqual(self.work.run_once().lines('applied'), [])
            self.work.command('replay')

    def ledger(self):
        """What dropfold_files says of each file, and whether something lies where it says."""
        rows = self.work.target.query('SELECT name, state, stored FROM dropfold_files ORDER BY id')
        for name, _, stored in rows:
            kept = self.work.data / stored if stored else self.work.landing('Orders') / name
            self.assertTrue(kept.exists() or not stored, f'{stored} of {name} is not there')
        return [(name, state, bool(stored)) for name, state, stored in rows]

    def test_the_ledger_says_where_a_file_is_that_was_left_and_archived_later(self):
        row = orders(order(1), order(2, quantity='x'))
        self.work.drop('Orders', row, 'o.csv')
        folder = self.work.landing('Orders')
        folder.chmod(0o555)
        self.addCleanup(folder.chmod, 0o755)
        self.work.run_once()
        self.assertEqual(self.ledger(), [('o.csv', 'applied', False)])
        self.work.command('replay')
        self.assertEqual(self.ledger(), [('o.csv', 'applied', False)])
        folder.chmod(0o755)
        outcome = self.work.run_once()
        self.assertEqual((len(outcome.lines('duplicate')), outcome.lines('applied')), (1, []), outcome)
        self.assertEqual(self.ledger(), [('o.csv', 'applied', False), ('o.csv', 'duplicate', True)])
        self.assertEqual(self.work.landed('Orders'), [])
        self.assertEqual(self.work.run_once().lines('duplicate'), [])
        self.work.command('verify', '--deep')
        self.assertIn('none of 1 rejected row', self.work.command('rejects', 'retry', 'o.csv').out)
        self.work.command('replay')
        self.assertEqual(self.ledger(), [('o.csv', 'applied', True), ('o.csv', 'duplicate', True)])
        self.work.command('verify', '--deep')

    def test_a_folder_that_can_no_longer_be_written_is_noticed_before_the_commit(self):
        folder = self.work.landing('Orders')
        with self.work.daemon() as daemon:
            self.work.drop('Orders', orders(order(1)), 'one.csv')
            daemon.printed('applied Orders/one.csv')
            ready = self.work.drop('Orders', orders(order(2)), '.two')
            folder.chmod(0o555)
            self.addCleanup(folder.chmod, 0o755)
            ready.rename(folder / 'two.csv')  # root may
            daemon.printed('applied Orders/two.csv')
            self.assertIn('left in place', daemon.printed('applied Orders/two.csv')[0])
            daemon.stop()
        self.assertEqual(self.ledger(), [('one.csv', 'applied', True), ('two.csv', 'applied', False)])

    def test_a_file_of_another_user_in_a_sticky_folder_is_left(self):
        if not self.work.identity:
            self.skipTest('only root may give files to others')
        folder = self.work.landing('Orders')
        os.chown(folder, 0, 0)
        folder.chmod(0o1777)
        os.chown(self.work.drop('Orders', orders(order(1)), 'theirs.csv'), 0, 0)
        self.work.drop('Orders', orders(order(2)), 'ours.csv')
        os.chown(self.work.drop('Orders', b'"', 'bad.csv'), 0, 0)
        outcome = self.work.run_once()
        self.assertEqual(['left in place' in line for line in outcome.lines('applied')], [True, False], outcome)
        ledger = [('theirs.csv', 'applied', False), ('ours.csv', 'applied', True), ('bad.csv', 'quarantined', False)]
        self.assertEqual(self.ledger(), ledger)
        for later in (self.work.run_once(), self.work.run_once()):
            self.assertEqual([later.lines(word) for word in ('applied', 'duplicate', 'quarantined')], [[], [], []], later)
            self.assertEqual(later.err.count('warning'), 1, later)
            self.assertIn('data/Orders is sticky', later.err)
        folder.chmod(0o777)
        self.assertEqual(len(self.work.run_once().lines('duplicate')), 1)
        self.assertEqual(self.work.landed('Orders'), [])

    def test_files_that_are_left_are_noted_once_though_their_folder_was_away(self):
        self.work.drop('Orders', orders(order(1)), 'good.csv')
        self.work.drop('Orders', b'"', 'bad.csv')
        folder = self.work.landing('Orders')
        folder.chmod(0o555)
        self.addCleanup(folder.chmod, 0o755)
        with self.work.daemon('--rescan', 0.2) as daemon:
            daemon.printed('applied Orders/good.csv')
            daemon.printed('quarantined Orders/bad.csv')
            folder.rename(folder.parent / 'away')
            daemon.complained('looking for it at each rescan')
            (folder.parent / 'away').rename(folder)
            daemon.printed('duplicate Orders/good.csv')
            daemon.printed('quarantined Orders/bad.csv', 2)
        self.assertEqual(self.work.target.query('SELECT name, state FROM dropfold_files ORDER BY name'),
                         [('bad.csv', 'quarantined'), ('good.csv', 'applied')])


class Settings(FlowCase):
    def edit(self, work, path, old, new):
        path = work.root / 'schemas' / path
        text = path.read_text(encoding='utf-8')
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1), encoding='utf-8')

    def test_two_feeds_over_one_folder_are_refused(self):
        work = self.workspace()
        work.drop('Orders', orders(order(1)), 'o.csv')
        work.landing('Deliveries').rmdir()
        work.landing('Deliveries').symlink_to('Orders')
        for outcome in (work.run_once(expect=78), work.command('check', expect=78)):
            self.assertIn('error: data/Deliveries is the landing folder of Orders too: each feed needs one of its own', outcome.err)
        self.assertEqual(work.landed('Orders'), ['o.csv'])

    def test_a_missing_landing_folder_is_named(self):
        work = self.workspace(feeds=('Customers', 'Orders'))
        outcome = work.run_once(expect=78)
        self.assertIn('data/Deliveries', outcome.err)

    def test_an_unknown_word_is_told_with_its_place_and_the_nearest_one(self):
        work = self.workspace()
        self.edit(work, 'Orders/1.json', '"required"', '"requird"')
        for command in ('check', 'run'):
            outcome = work.command(command, *(['--once'] if command == 'run' else []), expect=78)
            self.assertRegex(outcome.err, r'schemas/Orders/1\.json:\d+:\d+: .*"requird".*"required"')

    def test_all_mistakes_of_all_files_are_told_at_once(self):
        work = self.workspace()
        self.edit(work, 'Orders/1.json', '"decimal(18,2)"', '"decimal(18;2)"')
        self.edit(work, 'Deliveries/2.json', '"extract"', '"extrakt"')
        self.edit(work, 'ecommerce.json', '"count_distinct"', '"count_distict"')
        outcome = work.command('check', expect=78)
        for place in (r'Orders/1\.json:\d+:\d+: ', r'Deliveries/2\.json:\d+:\d+: ', r'ecommerce\.json:\d+:\d+: '):
            self.assertRegex(outcome.err, place)
        for nearest in ('"extract"', '"count_distinct"'):
            self.assertIn(nearest, outcome.err)

    def test_a_pipeline_that_is_not_there(self):
        work = self.workspace(pipeline='elsewhere')
        self.assertIn('schemas/elsewhere.json', work.run_once(expect=78).err)

    def test_unknown_commands_and_options(self):
        work = self.workspace()
        for arguments in (['runn'], ['run', '--onse'], ['run', '--threads', 'many'], ['status', '--settle', '1']):
            with self.subTest(arguments=arguments):
                self.assertIn(arguments[-1] if len(arguments) < 3 else arguments[1], work.command(*arguments, expect=64).err)


class Targets(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.drop('Orders', orders(order(1)), 'o.csv')

    def test_an_unknown_kind_of_target(self):
        outcome = self.work.run_once(target='mysql:orders', expect=64)
        self.assertIn('mysql', outcome.err)
        self.assertEqual(self.work.landed('Orders'), ['o.csv'])

    def test_a_server_that_is_not_there(self):
        outcome = self.work.run_once(target=f'host={self.folder} dbname=x user=x', expect=69)
        self.assertIn(str(self.folder), outcome.err)
        self.assertEqual(len(outcome.lines('applied')), 1, outcome)

    def test_a_password_in_the_arguments_is_refused_and_not_repeated(self):
        outcome = self.work.run_once(target='host=localhost password=hunter2', expect=64)
        self.assertIn('password', outcome.err)
        self.assertNotIn('hunter2', outcome.err + outcome.out)

    def test_a_wrong_password(self):
        cluster = self.own_cluster()
        cluster.psql('postgres', "SET password_encryption = 'scram-sha-256';\n"
                                 "CREATE ROLE scram LOGIN PASSWORD 'right';\nCREATE DATABASE guarded OWNER scram;")
        server = {**cluster.environment('guarded'), 'PGUSER': 'scram'}
        outcome = self.work.run_once(target='dbname=guarded', environment={**server, 'PGPASSWORD': 'wr0ng'}, expect=1)
        self.assertIn('password', outcome.err)
        self.assertNotIn('wr0ng', outcome.err + outcome.out)
        outcome = self.work.run_once(target='dbname=guarded', environment={**server, 'PGPASSWORD': 'right'})
        self.assertEqual(self.work.landed('Orders'), [])
        self.assertNotIn('right', outcome.err + outcome.out)

    def test_a_table_of_another_shape(self):
        target = self.postgres_target()
        target.execute('CREATE TABLE ecommerce ("Customer_ID" text PRIMARY KEY, note text);')
        work = self.workspace('shape', target)
        outcome = work.run_once(expect=1)
        for word in ('ecommerce', 'Customer_ID', 'integer', 'text'):
            self.assertIn(word, outcome.err)
        self.assertEqual(target.query('SELECT count(*) FROM ecommerce'), [('0',)])


class FullDisk(FlowCase):
    def test_a_full_disk_under_the_checkpoints_is_waited_for(self):
        work = self.workspace()
        mount(self, work.checkpoints, '-t', 'tmpfs', '-o', 'size=2400k', 'tmpfs')
        work.drop('Customers', customers(*range(1, 500)), 'customers.json')
        work.drop('Deliveries', deliveries(*(delivery(number) for number in range(1, 6000))), 'deliveries.csv')
        filler = work.checkpoints / 'filler'
        with work.daemon() as daemon:
            daemon.printed('applied ', 2)
            with open(filler, 'wb', buffering=0) as file:
                self.assertRaises(OSError, lambda: [file.write(bytes(1024)) for _ in range(4096)])
            work.drop('Orders', orders(*(order(number, sku=f'sku-{number}' * 20, customer=number % 499 + 1)
                                         for number in range(1, 6000))), 'orders.csv')
            daemon.complained('o space left')
            self.assertEqual(work.landed('Orders'), ['orders.csv'])
            filler.unlink()
            subprocess.run(['mount', '-o', 'remount,size=64m', work.checkpoints], check=True)
            daemon.printed('applied ', 3)
            daemon.delivered(3)
        self.assertEqual(work.target.query('SELECT sum("Order_Count") FROM ecommerce'), [('5999',)])


    def test_a_file_that_finds_no_room_is_not_overtaken_by_a_correction(self):
        work = self.workspace()
        mount(self, work.checkpoints, '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs')
        work.drop('Customers', customers(1), 'customers.json')
        work.drop('Deliveries', deliveries(delivery(1)), 'deliveries.csv')
        many = orders(order(1, total='1'), *(order(number, sku=f'sku-{number}' * 20) for number in range(2, 20000)))
        with work.daemon() as daemon:
            daemon.printed('applied ', 2)
            filler = work.checkpoints / 'filler'
            filler.write_bytes(bytes(max(0, shutil.disk_usage(work.checkpoints).free - 1600 * 1024)))
            daemon.process.send_signal(signal.SIGSTOP)
            work.drop('Orders', many, 'a.csv')
            work.drop('Orders', orders(order(1, total='2')), 'b.csv')
            daemon.process.send_signal(signal.SIGCONT)
            daemon.complained('Orders/a.csv: no space left')
            work.drop('Orders', orders(order(1, total='3')), 'c.csv')
            filler.unlink()
            subprocess.run(['mount', '-o', 'remount,size=64m', work.checkpoints], check=True)
            daemon.printed('applied ', 5)
            daemon.delivered(5)
            self.assertEqual([line.split(' ')[1] for line in daemon.out if line.startswith('applied Orders')],
                             ['Orders/a.csv', 'Orders/b.csv', 'Orders/c.csv'])
        self.assertEqual(work.target.query('SELECT "Total_Order_Amount" FROM ecommerce'), [('3.0',)])


class Checking(FlowCase):
    def test_check_tells_what_a_file_would_become_and_touches_nothing(self):
        work = self.workspace()
        path = work.drop('Orders', orders(order(7), order(8, quantity='x')), 'o.csv')
        before = path.read_bytes(), path.stat().st_mtime_ns
        outcome = work.command('check', path, expect=65)
        for word in ('Orders', 'version 1', '2', 'Quantity'):
            self.assertIn(word, outcome.out + outcome.err)
        self.assertEqual((path.read_bytes(), path.stat().st_mtime_ns), before)
        self.assertEqual(list(work.checkpoints.iterdir()), [])
        self.assertFalse(work.target.path.exists())

    def test_check_of_a_good_file_ends_with_0(self):
        work = self.workspace()
        path = work.drop('Customers', customers(1, 2, 3), 'c.json')
        self.assertIn('3', work.command('check', path).out)

    def test_check_of_a_file_that_fits_no_descriptor_says_what_each_lacks(self):
        work = self.workspace()
        path = work.drop('Customers', json.dumps([{'Name': 'x'}]).encode(), 'c.json')
        self.assertIn('Customer_ID', (lambda outcome: outcome.out + outcome.err)(work.command('check', path, expect=65)))

    def test_check_of_everything(self):
        outcome = self.workspace().command('check')
        for word in ('ecommerce', 'Orders', 'Deliveries', 'Customers', 'sqlite:'):
            self.assertIn(word, outcome.out)
