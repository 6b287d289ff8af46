"""A changed pipeline or descriptor, a target edited by hand: replay puts both right."""
import json
import os
from datetime import timedelta
from unittest import mock

from harness import oracle
from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.targets import dump
from harness.workspace import COMMAND_LIMIT, finish

REDELIVERIES = 600
ROOM = 48 << 20  # bytes of a file


class Replay(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def halve_windows(self):
        def change(pipeline):
            for table in pipeline['tables'].values():
                table['window']['size'] = '5 days'
        self.work.edit('ecommerce.json', change)

    def test_a_changed_pipeline_is_refused_until_it_is_replayed(self):
        generated = self.sample(files=4)
        self.work.drop_all(generated[:9])
        self.work.run_once()
        before = dump(self.work.target)
        self.halve_windows()
        self.work.drop_all(generated[9:])
        refusal = self.work.run_once(expect=78)
        self.assertIn('dropfold replay', refusal.err)
        self.assertEqual(dump(self.work.target), before)
        self.work.command('replay')
        with mock.patch.object(oracle, 'WINDOW', timedelta(days=5)):
            self.work.run_once()
            self.assert_table(self.work, generated)
        self.assert_adds_up(self.work)
        status = self.work.status()
        self.assertEqual(sum(feed['files']['applied'] for feed in status['feeds']), len(generated))
        self.assertEqual(status['rejects'], 10)

    def test_many_redeliveries_are_taken_over_in_the_room_of_a_few(self):
        for number in range(REDELIVERIES + 1):
            self.work.drop('Customers', customers(1), f'{number}.json')
        self.work.run_once()
        limited = ['prlimit', f'--fsize={ROOM}', *self.work.arguments('replay')]
        finish(self.work.popen(limited), 0, COMMAND_LIMIT)
        files = [feed['files'] for feed in self.work.status()['feeds'] if feed['feed'] == 'Customers']
        self.assertEqual([(found['applied'], found['duplicate']) for found in files], [(1, REDELIVERIES)])

    def test_a_changed_descriptor_mends_old_files_when_they_are_replayed(self):
        self.work.drop('Customers', customers(1), 'c.json')
        self.work.drop('Deliveries', deliveries(delivery(1), delivery(2)), 'd.csv')
        self.work.drop('Orders', orders(order(1), order(2, total='n/a')), 'o.csv')
        self.work.run_once()
        self.assertEqual(len(self.work.rejects()), 1)

        def change(descriptor):
            descriptor['fields']['Order_Total'] = {'type': 'decimal(18,2)'}
            descriptor['null'].append('n/a')
        self.work.edit('Orders/1.json', change)
        self.work.edit('Orders/2.json', change)
        self.work.run_once()
        self.assertEqual(len(self.work.rejects()), 1)
        self.work.command('replay')
        self.assertEqual(self.work.rejects(), [])
        found = self.work.target.query('SELECT "Order_Count", "Total_Order_Amount" FROM ecommerce')
        self.assertEqual([tuple(map(float, row)) for row in found], [(2, 100)])

    def test_rebind_takes_the_best_descriptor_of_today(self):
        self.work.drop('Customers', customers(1), 'c.json')
        self.work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        self.work.drop('Orders', orders(order(1, **{'Unit Price': '5.00'})), 'o.csv')
        self.work.run_once()
        path = self.work.root / 'schemas' / 'Orders'
        newer = json.loads((path / '1.json').read_text(encoding='utf-8'))
        newer['version'] = 3
        newer['fields']['Order_Total']['from'] = ['Unit Price']
        newer['match'] = ['Unit Price']
        (path / '3.json').write_text(json.dumps(newer, ensure_ascii=False), encoding='utf-8')

        def amount():
            return float(self.work.target.query('SELECT "Total_Order_Amount" FROM ecommerce')[0][0])
        self.work.command('replay')
        self.assertEqual(amount(), 100)
        self.work.command('replay', '--rebind')
        self.assertEqual(amount(), 5)

    def test_missing_sources_are_listed_and_refused_unless_accepted(self):
        generated = self.sample(files=2)
        self.work.drop_all(generated)
        self.work.run_once()
        before = dump(self.work.target)
        name = self.work.archived('Orders')[0]
        kept = self.work.data / 'archive' / 'Orders' / name
        kept.unlink()
        refusal = self.work.command('replay', expect=None)
        self.assertNotEqual(refusal.code, 0)
        self.assertIn(name, refusal.err + refusal.out)
        self.assertIn('--accept-missing', refusal.err)
        self.assertFalse((self.work.checkpoints / 'ecommerce.db.new').exists())
        self.assertEqual(dump(self.work.target), before)
        self.work.run_once()
        kept.mkdir()  # which opens, but cannot be read
        self.assertIn('1 file cannot be read now and may not be gone; nothing was changed',
                      self.work.command('replay', '--accept-missing', expect=1).err)
        kept.rmdir()
        self.assertEqual(dump(self.work.target), before)
        kept.write_bytes(orders(order(1), order(2, total='7')))  # as somebody has edited it
        self.assertIn('its content is not what the ledger says', self.work.command('replay', '--accept-missing').err)
        self.assert_table(self.work, [(feed, path) for feed, path in generated if path.name not in name])

    def test_rebuild_refills_a_target_that_was_edited_by_hand(self):
        self.work.drop_all(self.sample(files=2))
        self.work.run_once()
        expected = dump(self.work.target)
        self.work.target.execute('UPDATE ecommerce SET "Order_Count" = "Order_Count" + 1000;')
        self.assertNotEqual(dump(self.work.target), expected)
        epoch = self.work.status()['epoch']
        self.work.command('replay', '--rebuild')
        self.assertEqual(dump(self.work.target), expected)
        self.assertEqual(self.work.status()['epoch'], epoch)

    def test_replaying_what_did_not_change_changes_nothing(self):
        generated = self.sample(files=4, seed=11)
        self.work.drop_all(generated)
        self.work.run_once()
        before = dump(self.work.target)
        epoch = self.work.status()['epoch']
        self.work.command('replay')
        self.assertEqual(dump(self.work.target), before)
        self.assertNotEqual(self.work.status()['epoch'], epoch)
        self.assert_adds_up(self.work)

    def test_what_an_earlier_history_delivered_is_not_compared_with_that_of_a_replay(self):
        self.work.drop_all(self.sample(files=2))
        self.work.run_once()
        self.work.command('replay', target='none:')
        self.assertIn('holds nothing of this store yet: 6 changes', self.work.command('verify', expect=69).err)
        self.work.run_once()
        self.work.command('verify')


class ReplayInPostgres(InPostgres, Replay):
    pass


class Ledger(FlowCase):
    """What is no change is in the new store's ledger all the same: else it would be a new file to it."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace(pipeline='ecommerce-rowwise')  # no keys: what is applied twice counts twice
        self.work.drop('Customers', customers(1), 'c.json')
        self.work.drop('Deliveries', deliveries(delivery(1), delivery(2)), 'd.csv')

    def run_with(self, **contents):
        for name, content in contents.items():
            self.work.drop('Orders', content, f'{name}.csv')
            self.work.run_once()

    def states(self):
        """Of the files of Orders, as a target shows them."""
        return self.work.target.query("SELECT name, state, note FROM dropfold_files WHERE feed = 'Orders' ORDER BY id")

    def test_redeliveries_and_files_quarantined_are_known_to_it(self):
        one, two = orders(order(1, customer=1)), orders(order(2, customer=1))
        self.run_with(gone=two, one=one, bad=b'"', again=one)
        self.work.command('forget', 'Orders/gone.csv')
        self.work.run_once()
        before = dump(self.work.target)
        self.work.command('replay')
        self.assertEqual(dump(self.work.target), before)
        self.assertEqual([(name, state) for name, state, _ in self.states()],
                         [('one.csv', 'applied'), ('gone.csv', 'duplicate'), ('bad.csv', 'quarantined'), ('again.csv', 'duplicate')])
        self.assertIn('forgotten before', self.states()[1][2])
        self.assertIn('same content as one.csv (seq 3)', self.states()[3][2])
        self.assertIn('Orders/bad.csv', self.work.command('rejects').out)
        self.work.command('verify', '--deep')
        self.work.command('replay', '--from-archive', '--yes')
        self.assertEqual(dump(self.work.target), before)

    def test_a_file_dropped_again_to_undo_another_does_so_where_the_store_is_lost(self):
        first = orders(order(1, customer=1))
        for content in (first, orders(order(1, customer=1, quantity=5, total='50')), first):
            self.run_with(one=content)
        before = dump(self.work.target)
        for path in self.work.checkpoints.iterdir():
            path.unlink()
        self.work.command('replay', '--from-archive', '--yes')
        self.assertEqual(dump(self.work.target), before)
        self.assertEqual([state for _, state, _ in self.states()], ['applied'] * len(self.states()))

    def test_a_file_that_only_a_redelivery_of_it_is_left_of_is_read_from_there(self):
        """As where a file got another name after it was read and before it was archived."""
        one = orders(order(1, customer=1))
        self.run_with(one=one, again=one, last=one)
        before = dump(self.work.target)
        for gone in ('again', 'one'):
            next((self.work.data / 'archive' / 'Orders').glob(f'*-{gone}.csv')).unlink()
            self.work.command('verify', '--deep')
            self.work.command('replay')
            self.assertEqual(dump(self.work.target), before)

    def test_files_that_lie_in_their_folder_are_known_to_it(self):
        self.work.configure('Orders', after='leave')
        corrected, forgotten = orders(order(1, customer=1)), orders(order(2, customer=1))
        self.run_with(a=corrected, b=forgotten)
        self.work.command('forget', 'Orders/b.csv')
        self.work.run_once()
        before = dump(self.work.target)
        self.work.command('replay')
        outcome = self.work.run_once()
        self.assertEqual(outcome.lines('applied') + outcome.lines('duplicate'), [])
        self.assertEqual(dump(self.work.target), before)

    def test_a_feed_that_comes_back_is_told_to_lack_what_was_archived_of_it(self):
        work = self.workspace('back')
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        work.drop('Orders', orders(order(1)), 'o.csv')
        work.run_once()
        before, path = dump(work.target), work.root / 'schemas' / 'ecommerce.json'
        whole = path.read_text(encoding='utf-8')

        def without_deliveries(pipeline):
            pipeline['join'] = [join for join in pipeline['join'] if join['feed'] != 'Deliveries']
            pipeline['views'] = {}
            for table in pipeline['tables'].values():
                table['columns'] = {name: column for name, column in table['columns'].items() if 'Deliveries' not in str(column)}
        work.edit('ecommerce.json', without_deliveries)
        work.target.drop()
        self.assertIn('1 file of feeds that the pipeline no longer has: left out', work.command('replay').err)
        path.write_text(whole, encoding='utf-8')
        work.target.drop()
        self.assertIn('the archive has 1 file that the store does not know: left out', work.command('replay').err)
        outcome = work.command('replay', '--from-archive')
        self.assertNotIn('left out', outcome.err)
        self.assertEqual(dump(work.target), before)
        self.assertNotIn('left out', work.command('replay').err)


class Left(FlowCase):
    def test_what_was_corrected_stays_so_whichever_of_its_files_is_met_first(self):
        work = self.workspace()
        work.configure('Orders', after='leave')
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        late = work.drop('Orders', orders(order(1, customer=1, total='1')), 'a.csv')
        os.utime(late, (2_000_000_000, 2_000_000_000))
        work.run_once()
        work.drop('Orders', orders(order(1, customer=1, total='2')), 'b.csv')
        work.run_once()
        before = dump(work.target)
        work.command('replay')
        self.assertEqual(work.run_once().lines('applied'), [])
        self.assertEqual(dump(work.target), before)

    def test_what_could_not_be_read_today_is_archived_as_what_it_was(self):
        """Once files of its feed are archived, and whatever became of descriptors and limits meanwhile."""
        work = self.workspace()
        work.configure('Orders', after='leave')
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1), delivery(2)), 'd.csv')
        work.drop('Orders', orders(order(1, customer=1)), 'a.csv')
        work.drop('Orders', orders(order(2, customer=1), order(3, total='none')), 'b.csv')
        work.run_once()
        before, schemas = dump(work.target), {}
        for path in (work.root / 'schemas' / 'Orders').iterdir():
            schemas[path] = path.read_text(encoding='utf-8')
            work.edit(f'Orders/{path.name}', lambda descriptor: descriptor.update(match=['Sheet']))
        work.configure('Orders', after='archive')
        outcome = work.run_once()
        self.assertEqual((len(outcome.lines('duplicate')), outcome.lines('quarantined'), work.landed()), (2, [], []))
        for path, text in schemas.items():
            path.write_text(text, encoding='utf-8')
        work.configure('Orders', max_rejects=0)
        work.drop('Orders', orders(order(2, customer=1), order(3, total='none')), 'again.csv')
        work.drop('Orders', orders(order(4, total='none')), 'new.csv')
        outcome = work.run_once()
        self.assertEqual([len(outcome.lines(word)) for word in ('duplicate', 'quarantined')], [1, 1])
        work.command('verify', '--deep')
        work.command('replay')
        self.assertEqual(dump(work.target), before)
