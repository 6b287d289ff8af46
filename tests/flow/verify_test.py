"""Whether the tables are what the store makes of the files: drift found, told apart, mended; nothing taken for drift."""
import json
import os
import re
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass

from harness.case import FlowCase, InPostgres
from harness.cluster import program
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.targets import dump
from harness.workspace import COMMAND_LIMIT, finish

TABLES = ('ecommerce', 'customer_windows')
NO_DRIFT = {'missing': 0, 'unexpected': 0, 'different': 0}


@dataclass(frozen=True)
class Verified:
    """What `verify --json` says: its lines of rows and of sources, and the last one, the sums."""
    rows: list
    sources: list
    sums: dict
    err: str

    def drift(self, table):
        return next({kind: found[kind] for kind in NO_DRIFT} for found in self.sums['tables'] if found['table'] == table)


class Verifying(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def load(self, files):
        self.work.drop_all(files)
        self.work.run_once()

    def verify(self, *words, expect=0, target=None):
        outcome = self.work.command('verify', '--json', *words, expect=expect, target=target)
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        return Verified([line for line in lines if 'drift' in line], [line for line in lines if 'problem' in line],
                        next((line for line in lines if 'equal' in line), None), outcome.err)

    def refused(self, words, *rest, expect, target=None):
        outcome = self.work.command('verify', *rest, expect=expect, target=target)
        self.assertIn(words, outcome.err)
        return outcome

    def assert_equal(self, *words):
        found = self.verify(*words)
        self.assertTrue(found.sums['equal'], found)
        self.assertEqual(found.rows, [])
        for table in TABLES:
            self.assertEqual(found.drift(table), NO_DRIFT)
        return found

    def keys(self, count, offset=0):
        """Customers whose windows lie apart from each other's, as SQL."""
        return (f'(SELECT "Customer_ID" FROM (SELECT DISTINCT "Customer_ID" FROM ecommerce ORDER BY 1 LIMIT {count} '
                f'OFFSET {offset}) AS few)')

    def edit(self):
        """Edits, deletes and adds rows by hand; {kind: rows} of table ecommerce."""
        def rows(keys):
            return int(self.work.target.query(f'SELECT count(*) FROM ecommerce WHERE "Customer_ID" IN {keys}')[0][0])
        different, missing = rows(self.keys(3)), rows(self.keys(2, 5))
        execute = self.work.target.execute
        execute(f'DELETE FROM ecommerce WHERE "Customer_ID" IN {self.keys(2, 5)};')
        execute(f'UPDATE ecommerce SET "Order_Count" = "Order_Count" + 1000 WHERE "Customer_ID" IN {self.keys(3)};')
        execute('INSERT INTO ecommerce ("Customer_ID", "Order_Count", "Distict_Products", start_timestamp, end_timestamp) '
                "VALUES (-7, 1, 0, '2022-01-08 00:00:00', '2022-01-18 00:00:00');")
        return {'missing': missing, 'unexpected': 1, 'different': different}


class Drift(Verifying):
    def test_nothing_drifts_by_itself(self):
        """Increments, corrections, a file forgotten, a store built anew, an older one at the side: never a false alarm."""
        generated = self.sample(files=4, orders=1500, seed=5)
        self.work.drop_all(generated[:3])
        self.work.run_once()
        self.assert_equal()
        for feed, path in generated[3:]:
            self.load([(feed, path)])
            self.assert_equal()
        self.assertGreater(sum(found['rows'] for found in self.assert_equal('--deep').sums['tables']), 400)
        self.work.command('forget', 'seq=5')
        self.assert_equal('--deep')
        self.work.command('replay')
        self.assert_equal()
        self.work.command('replay', '--rebuild')
        self.assert_equal()

    def test_nothing_drifts_in_the_real_files(self):
        self.load(self.real_files())
        found = self.assert_equal('--deep')
        self.assertEqual(found.sums['sources'], {'read': 3, 'changed': 0, 'missing': 0, 'different': 0, 'unknown': 0})

    def test_rows_edited_by_hand_are_told_and_mended(self):
        files = self.sample(files=3)
        self.load(files)
        expected = dump(self.work.target)
        drift = self.edit()
        self.work.target.execute("UPDATE customer_windows SET total_amount = total_amount + 0.01 WHERE customer_id = "
                                 "(SELECT max(customer_id) FROM customer_windows);")
        edited = dump(self.work.target)
        found = self.verify(expect=1)
        self.assertFalse(found.sums['equal'])
        self.assertEqual(found.drift('ecommerce'), drift)
        self.assertGreater(found.drift('customer_windows')['different'], 0)
        self.assertIn('dropfold verify --repair', found.err)
        self.assertEqual(dump(self.work.target), edited)
        found = self.verify('--repair')
        self.assertTrue(found.sums['repaired'])
        self.assertEqual(found.drift('ecommerce'), drift)
        self.assertEqual(dump(self.work.target), expected)
        self.assert_table(self.work, files)
        self.assertFalse(self.assert_equal('--repair').sums['repaired'])
        self.load(self.sample(files=2, seed=9))
        self.assert_equal()

    def test_what_is_listed_says_what_is_there_and_what_should_be(self):
        self.work.drop('Customers', customers(1, 2), 'c.json')
        self.work.drop('Deliveries', deliveries(delivery(1), delivery(2, distance='0.1')), 'd.csv')
        self.work.drop('Orders', orders(order(1, total='0.1'), order(2, customer=2, total='999999999.99')), 'o.csv')
        self.work.run_once()
        self.work.target.execute('UPDATE ecommerce SET "Order_Count" = 5, "Lowest_Order_Amount" = NULL '
                                 'WHERE "Customer_ID" = 1;')
        self.work.target.execute('DELETE FROM ecommerce WHERE "Customer_ID" = 2;')
        rows = {row['drift']: row for row in self.verify(expect=1).rows}
        self.assertEqual(rows['different'], {
            'table': 'ecommerce', 'drift': 'different',
            'key': {'Customer_ID': '1', 'start_timestamp': '2022-01-08 00:00:00'},
            'columns': {'Order_Count': {'found': '5', 'expected': '1'},
                        'Lowest_Order_Amount': {'found': None, 'expected': '0.1'}}})
        self.assertEqual(rows['missing']['key'], {'Customer_ID': '2', 'start_timestamp': '2022-01-08 00:00:00'})
        self.assertEqual(rows['missing']['columns']['Order_Count'], {'expected': '1'})
        out = self.work.command('verify', expect=1).out
        self.assertIn('different   ecommerce Customer_ID=1 start_timestamp=2022-01-08 00:00:00: Order_Count is 5 and '
                      'should be 1, Lowest_Order_Amount is null and should be 0.1\n', out)
        self.assertIn('missing     ecommerce Customer_ID=2 start_timestamp=2022-01-08 00:00:00\n', out)
        self.assertIn('table       ecommerce: 2 rows: 1 missing, 1 different\n', out)

    def test_only_so_many_rows_are_listed_and_all_are_counted(self):
        self.load(self.sample(files=3))
        self.work.target.execute('UPDATE ecommerce SET "Order_Count" = 0;')
        total = int(self.work.target.query('SELECT count(*) FROM ecommerce')[0][0])
        for words, listed in (((), 100), (('--limit', 7), 7), (('--limit', 0), 0), (('--limit', 100000), total)):
            with self.subTest(words=words):
                found = self.verify(*words, expect=1)
                self.assertEqual(len(found.rows), listed)
                self.assertEqual(found.drift('ecommerce')['different'], total)
        self.assertIn(f'and {total - 100} rows more\n', self.work.command('verify', expect=1).out)

    def test_an_emptied_table_is_filled_again(self):
        files = self.sample(files=2)
        self.load(files)
        expected = dump(self.work.target)
        self.work.target.execute('DELETE FROM ecommerce;')
        self.work.target.execute('DELETE FROM customer_windows;')
        self.verify(expect=1)
        self.verify('--repair')
        self.assertEqual(dump(self.work.target), expected)
        self.assert_equal()

    def test_tables_without_rows_are_compared_too(self):
        self.work.drop('Customers', customers(1), 'c.json')
        self.work.run_once()
        self.assert_equal()
        self.work.target.execute('INSERT INTO ecommerce ("Customer_ID", "Order_Count", "Distict_Products", start_timestamp,'
                                 " end_timestamp) VALUES (1, 1, 0, '2022-01-08 00:00:00', '2022-01-18 00:00:00');")
        self.assertEqual(self.verify('--repair').drift('ecommerce'), {**NO_DRIFT, 'unexpected': 1})
        self.assertEqual(self.work.target.query('SELECT count(*) FROM ecommerce'), [('0',)])

    def test_a_row_count_that_somebody_edited_is_mended_too(self):
        self.load(self.sample(files=2))
        counts = self.work.target.query('SELECT rows FROM dropfold_progress')
        edited = re.sub('[0-9]+', '1', counts[0][0], count=2)
        self.work.target.execute(f"UPDATE dropfold_progress SET rows = '{edited}';")
        self.assertIn('the progress row counts other rows', self.verify(expect=1).err)
        self.verify('--repair')
        self.assertEqual(self.work.target.query('SELECT rows FROM dropfold_progress'), counts)
        self.assert_equal()


class DriftInPostgres(InPostgres, Drift):
    def test_no_row_is_written_but_those_that_drifted(self):
        self.load(self.sample(files=3))
        self.edit()
        versions = {row[:2]: row[2] for row in self.versions()}
        rows = {tuple(row['key'].values()) for row in self.verify('--repair', '--limit', 10000).rows}
        after = {row[:2]: row[2] for row in self.versions()}
        written = {key for key in after if after[key] != versions.get(key)} | (versions.keys() - after.keys())
        self.assertEqual(written, rows)

    def versions(self):
        return self.work.target.query('SELECT "Customer_ID", start_timestamp, xmin FROM ecommerce')


class Refusals(Verifying):
    def test_before_anything_was_delivered_there_is_nothing_to_compare(self):
        self.refused('no store', expect=1)
        self.work.drop_all(self.sample(files=2))
        self.work.run_once(target='none:')
        for words in ((), ('--repair',)):
            self.refused('6 changes are not delivered; `dropfold run --once`', *words, expect=69)

    def test_a_target_that_lags_is_compared_with_what_it_holds(self):
        files = self.sample(files=4)
        self.load(files[:6])
        self.work.drop_all(files[6:])
        self.work.run_once(target='none:')
        found = self.verify(expect=69)
        self.assertTrue(found.sums['equal'])
        self.assertEqual((found.sums['sequence'], found.sums['undelivered']), (6, 6))
        self.assertIn('6 changes are not delivered: `dropfold run --once` delivers what is missing', found.err)
        self.edit()
        self.verify(expect=1)
        self.verify('--repair', expect=69)
        self.assert_table(self.work, files[:6])
        self.work.run_once()
        self.assert_table(self.work, files)
        self.assert_equal()

    def test_a_target_from_before_a_forget_is_compared_with_what_was(self):
        files = self.sample(files=2)
        self.load(files)
        self.work.command('forget', 'seq=3', target='none:')
        found = self.verify(expect=69)
        self.assertTrue(found.sums['equal'], found)
        self.assertEqual(found.sums['undelivered'], 1)
        self.work.run_once()
        self.assert_equal()

    def test_a_target_of_another_store_is_refused_by_name(self):
        self.load(self.sample(files=2))
        before = dump(self.work.target)
        shutil.rmtree(self.work.checkpoints)
        self.work.checkpoints.mkdir()
        self.assertIn('this store (epoch none yet) is at sequence 0', self.work.command('check', expect=1).err)
        self.work.drop('Customers', customers(1), 'c.json')
        self.work.run_once(target='none:')
        for words in ((), ('--repair',)):
            self.refused('diverged: ', *words, expect=1)
        self.assertEqual(dump(self.work.target), before)

    def test_a_target_ahead_of_the_store_is_refused_by_name(self):
        files = self.sample(files=2)
        self.load(files[:3])
        shutil.copytree(self.work.checkpoints, self.folder / 'older')
        self.load(files[3:])
        shutil.rmtree(self.work.checkpoints)
        shutil.copytree(self.folder / 'older', self.work.checkpoints)
        for words in ((), ('--repair',)):
            self.refused('is ahead of this store', *words, expect=1)
        self.assertIn('is ahead of this store', self.work.command('check', expect=1).err)
        self.assertIn('is ahead of this store', self.work.command('status').out)
        told = self.work.status()['target']
        self.assertEqual((told['sequence'], told['undelivered']), (None, None))
        self.work.run_once('--yes', target='none:')
        for number in range(4):
            self.work.drop('Customers', customers(70 + number), f'other-{number}.json')
        self.work.run_once(target='none:')
        for words in ((), ('--repair',)):
            self.refused('tells another history', *words, expect=1)

    def test_a_table_that_was_dropped_is_named(self):
        files = self.sample(files=2)
        self.load(files)
        self.work.target.execute('DROP TABLE ecommerce;')
        for words in ((), ('--repair',)):
            self.refused('no table "ecommerce" any more: `dropfold replay --rebuild`', *words, expect=1)
        self.work.command('replay', '--rebuild')
        self.assert_equal()

    def test_a_table_of_another_shape_is_refused(self):
        self.load(self.sample(files=2))
        self.work.target.execute('ALTER TABLE ecommerce ADD COLUMN extra text;')
        self.refused('"extra" is not ours', expect=1)

    def test_a_changed_pipeline_is_refused(self):
        self.load(self.sample(files=2))
        path = self.work.root / 'schemas' / 'ecommerce.json'
        path.write_text(path.read_text(encoding='utf-8').replace('"10 days"', '"5 days"'), encoding='utf-8')
        self.refused('dropfold replay', expect=78)

    def test_wrong_words(self):
        for words in (('all',), ('--limit', 'x'), ('--once',)):
            with self.subTest(words=words):
                self.work.command('verify', *words, expect=64)
        self.assertIn('--deep', self.work.command('verify', '--help').out)


class RefusalsInPostgres(InPostgres, Refusals):
    def test_a_server_that_is_away_is_told_as_such(self):
        cluster = self.own_cluster()
        self.work = self.workspace('away', target=self.postgres_target(cluster))
        self.load(self.sample(files=2))
        cluster.stop()
        self.refused('', expect=69)


class BesideADaemon(Verifying):
    def test_a_daemon_that_takes_files_is_not_taken_for_drift(self):
        files = self.sample(files=12)
        with self.work.daemon('--settle', 0) as daemon:
            self.work.drop_all(files[:3])
            daemon.delivered(3)
            dropping = threading.Thread(target=self.drop_one_by_one, args=(daemon, files[3:]))
            dropping.start()
            compared = set()
            while dropping.is_alive():
                compared.add(self.assert_equal().sums['sequence'])
            dropping.join()
            daemon.delivered(len(files))
            daemon.printed('applied ', len(files))  # and so archived
            compared.add(self.assert_equal('--deep').sums['sequence'])
        self.assertIn(len(files), compared)
        self.assert_table(self.work, files)

    def drop_one_by_one(self, daemon, files):
        for number, (feed, path) in enumerate(files, 4):
            self.work.drop(feed, path)
            daemon.delivered(number)

    def test_rows_are_mended_under_a_daemon_that_goes_on(self):
        files = self.sample(files=4)
        with self.work.daemon('--settle', 0) as daemon:
            self.work.drop_all(files[:6])
            daemon.delivered(6)
            for number, (feed, path) in enumerate(files[6:], 7):
                self.work.target.execute('UPDATE ecommerce SET "Order_Count" = "Order_Count" + 1000;')
                self.verify(expect=1)
                self.work.drop(feed, path)  # its delivery may come before, between, or behind
                self.verify('--repair')
                daemon.delivered(number)
                self.assert_equal()
            until(lambda: self.work.command('status', '--healthy', expect=None).code == 0, lambda: f'a healthy daemon\n{daemon}')
        self.assert_table(self.work, files)


class BesideADaemonInPostgres(InPostgres, BesideADaemon):
    @contextmanager
    def holding_a_row(self):
        """Another session has changed a row and not committed it."""
        target = self.work.target
        session = subprocess.Popen([program('psql'), '-X', '-q'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                   env={**os.environ, **target.environment})
        try:
            session.stdin.write('BEGIN; UPDATE ecommerce SET "Order_Count" = 1 '
                                'WHERE "Customer_ID" = (SELECT min("Customer_ID") FROM ecommerce);\n')
            session.stdin.flush()
            until(lambda: self.count_sessions("state = 'idle in transaction'"), lambda: 'the other session has its row')
            yield
        finally:
            session.communicate('ROLLBACK;\n')

    def count_sessions(self, condition):
        return int(self.work.target.query(f'SELECT count(*) FROM pg_stat_activity WHERE {condition} '
                                          'AND datname = current_database()')[0][0])

    def test_a_daemon_waits_for_a_repair_and_then_delivers(self):
        files = self.sample(files=2)
        with self.work.daemon('--settle', 0, '--target-timeout', 2) as daemon:
            self.work.drop_all(files[:3])
            daemon.delivered(3)
            self.work.target.execute('UPDATE ecommerce SET "Order_Count" = 0;')
            with self.holding_a_row():
                repair = self.work.start('verify', '--repair')
                until(lambda: self.count_sessions("wait_event_type = 'Lock' AND query LIKE '%DELETE FROM%'"),
                      lambda: 'the repair waits for the row')
                self.work.drop_all(files[3:])
                daemon.complained('the target cannot be reached')
            self.assertEqual(finish(repair, 0, COMMAND_LIMIT).code, 0)
            daemon.delivered(len(files))
        self.assert_equal()
        self.assert_table(self.work, files)


class Deep(Verifying):
    def setUp(self):
        super().setUp()
        self.files = self.sample(files=3)
        self.load(self.files)

    def archived(self, feed, number=0):
        return self.work.data / 'archive' / feed / self.work.archived(feed)[number]

    def test_sources_that_are_missing_are_named_and_accepted_only_when_told(self):
        path = self.archived('Orders')
        path.rename(self.folder / 'away')
        found = self.verify('--deep', expect=65)
        self.assertEqual([(source['problem'], source['source']) for source in found.sources],
                         [('missing', str(path.relative_to(self.work.root)))])
        self.assertTrue(found.sums['equal'])
        self.assertEqual(found.sums['sources'], {'read': 9, 'changed': 0, 'missing': 1, 'different': 0, 'unknown': 0})
        self.assertIn('--accept-missing', found.err)
        self.verify('--deep', '--accept-missing')
        self.verify()
        (self.folder / 'away').rename(path)
        self.assert_equal('--deep')

    def test_a_source_on_its_way_into_the_archive_is_found(self):
        path = self.archived('Orders')
        tag, name = path.name[:15], path.name[16:]
        path.rename(self.work.landing('Orders') / name)
        self.assert_equal('--deep')
        hidden = self.work.landing('Orders') / f'.dropfold-1-2-3-4-{tag}'
        hidden.mkdir()
        (self.work.landing('Orders') / name).rename(hidden / name)
        self.assert_equal('--deep')
        (hidden / name).unlink()
        self.assertEqual(self.verify('--deep', expect=65).sums['sources']['missing'], 1)

    def test_a_source_with_another_content_is_told(self):
        path = self.archived('Customers', 1)
        path.write_bytes(path.read_bytes() + b'\n')
        found = self.verify('--deep', expect=65)
        self.assertEqual(found.sources[0]['what'], 'its content is not what the ledger says')
        self.verify('--deep', '--accept-missing')

    def test_an_archived_file_that_the_ledger_does_not_know_is_told(self):
        stray = self.archived('Orders').with_name('000099-0123abcd-stray.csv')
        stray.write_bytes(orders(order(1)))
        found = self.verify('--deep', expect=65)
        self.assertEqual([(source['problem'], source['source']) for source in found.sources],
                         [('unknown', str(stray.relative_to(self.work.root)))])
        self.verify('--deep', '--accept-missing')

    def test_drift_is_mended_also_where_sources_are_missing(self):
        self.archived('Orders').unlink()
        self.edit()
        self.verify('--deep', '--accept-missing', expect=1)
        self.assertTrue(self.verify('--deep', '--repair', expect=65).sums['repaired'])
        self.assert_table(self.work, self.files)

    def test_files_without_a_record_that_tells_their_version_are_read_again_too(self):
        self.work.drop('Customers', b'[]', 'none.json')
        self.work.drop('Customers', b'[{"Customer ID": 1,}]', 'torn.json')
        self.assertIn('torn.json v0 ', self.work.run_once().out)
        found = self.verify('--deep')
        self.assertEqual((found.sums['sources']['read'], found.sums['sources']['changed']), (11, 0))
        self.assertIn('none of 1 rejected row is valid; nothing was changed',
                      self.work.command('rejects', 'retry', 'torn.json').out)

    def test_files_that_are_left_redelivered_forgotten_and_quarantined_are_no_problem(self):
        work = self.work = self.workspace('other')
        work.configure('Orders', after='leave')
        self.load(self.files)
        work.drop('Customers', self.files[0][1], 'again.json')
        work.drop('Customers', b'[', 'broken.json')
        work.drop('Customers', customers(77), 'wrong.json')
        work.run_once(expect=None)
        work.command('forget', 'Customers/wrong.json')
        found = self.assert_equal('--deep')
        self.assertEqual(found.sums['sources']['read'], len(self.files))
        (work.landing('Orders') / next(path.name for feed, path in self.files if feed == 'Orders')).unlink()
        self.assertEqual(self.verify('--deep', expect=65).sums['sources']['missing'], 1)

    def test_a_damaged_store_is_named(self):
        path = self.work.checkpoints / 'ecommerce.db'
        for sql, words in (('UPDATE chunks SET data = zeroblob(8) WHERE id = 5', 'a chunk fails its checksum'),
                           ("UPDATE rejects SET reason = x'41' WHERE id = 1", 'row 1 of rejects fails its checksum'),
                           ('DELETE FROM rejects WHERE id = 2', 'rows of rejects are missing')):
            with self.subTest(sql=sql):
                shutil.copy(path, self.folder / 'whole.db')
                with closing(sqlite3.connect(path)) as connection:
                    connection.executescript(sql)
                for rest in ((), ('--deep', '--repair')):
                    self.refused(words, *rest, expect=1)
                shutil.copy(self.folder / 'whole.db', path)
        self.assert_equal()
