"""Files that come at the path of another one: "on_change" of their feed says what that means."""
import json
import random

from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.targets import dump

FEEDS = ('Customers', 'Deliveries', 'Orders')


class AtOnePath(FlowCase):
    """Files dropped under names of their own choice, a run each."""
    pipeline = 'ecommerce'
    rule = 'replace'

    def setUp(self):
        super().setUp()
        self.work = self.workspace(pipeline=self.pipeline)
        self.rules = {feed: self.rule for feed in FEEDS}
        for feed in FEEDS:
            self.work.configure(feed, on_change=self.rule)
        self.history = []  # what was applied: (feed, path), paths by name and number
        self.sequences = []

    def apply(self, feed, name, content, first_word='applied'):
        """One file in one run; its line of report."""
        self.work.drop(feed, content, name)
        line = self.work.run_once().lines(first_word)[0]
        if first_word == 'applied':
            path = self.folder / f'kept-{self.work.drops}' / name
            path.parent.mkdir()
            path.write_bytes(content)
            self.history.append((feed, path))
        return line

    def basis(self):
        self.apply('Customers', 'c', customers(1, 2))
        self.apply('Deliveries', 'd', deliveries(delivery(1, task=11), delivery(2, task=12), delivery(3, task=13)))

    def assert_like_oracle(self):
        self.assert_table(self.work, self.history, self.rules)
        self.assert_adds_up(self.work)

    def totals(self):
        return [tuple(map(float, row)) for row in self.work.target.query(
            f'SELECT "Customer_ID", "Order_Count", "Total_Order_Amount" FROM "{self.pipeline.replace("-", "_")}" '
            f'ORDER BY "Customer_ID"')]

    def feed(self, name='Orders'):
        return next(feed for feed in self.work.status()['feeds'] if feed['feed'] == name)


ONE = orders(order(1, total='10'), order(2, total='20'), order(3, customer=2, total='30'))
DROPS_A_LINE = orders(order(1, total='11'), order(3, customer=2, total='30'))


class Replacing(AtOnePath):
    def test_a_correction_that_drops_a_line_is_right(self):
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        self.assertEqual(self.totals(), [(1, 2, 30), (2, 1, 30)])
        line = self.apply('Orders', 'day.csv', DROPS_A_LINE)
        self.assertRegex(line, r'^applied Orders/day\.csv v\d seq=4 rows=2 applied=2 replaced seq=3 groups=')
        self.assertEqual(self.totals(), [(1, 1, 11), (2, 1, 30)])
        self.assert_like_oracle()
        self.assertEqual(self.feed()['files'], {'applied': 1, 'duplicate': 0, 'quarantined': 0, 'forgotten': 0, 'replaced': 1})
        self.assertEqual((self.feed()['rows'], self.feed()['records']), (2, 2))
        status = self.work.command('status').out
        self.assertIn('1 file applied, 1 replaced; 2 rows', status)
        self.work.command('verify', '--deep')
        self.assertIn(' and 1 replaced, ', self.work.command('store', 'check').out)

    def test_only_the_groups_that_it_touches_are_delivered_and_emptied_ones_are_deleted(self):
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        self.work.drop('Orders', orders(order(1, total='10'), order(2, total='20')), 'day.csv')
        outcome = self.work.run_once()
        self.assertRegex(outcome.out, r'(?m)^delivered seq=4 groups=4 in')
        self.assertEqual(self.totals(), [(1, 2, 30)])
        self.work.command('verify')

    def test_the_ledger_in_the_target_marks_what_was_replaced_and_loses_its_rejects(self):
        bad = orders(order(1, total='10'), order(2, quantity='x'), order(3, quantity='y'))
        self.basis()
        self.apply('Orders', 'day.csv', bad)
        self.apply('Orders', 'other.csv', orders(order(2, quantity='z')))
        self.work.drop('Orders', orders(order(1, total='11'), order(2, quantity='w')), 'day.csv')
        self.assertNotIn('(full)', self.work.run_once().out)
        self.assertEqual(self.work.target.query('SELECT name, sequence, forgotten FROM dropfold_files ORDER BY id'), [
            ('c', '1', None), ('d', '2', None), ('day.csv', '3', '5'), ('other.csv', '4', None), ('day.csv', '5', None)])
        self.assertEqual(len(self.work.target.query('SELECT * FROM dropfold_rejects')), 2)
        self.work.command('verify')

    def test_a_store_that_is_lost_leaves_it_replaced_whatever_a_redelivery_of_it_was_called(self):
        """Both are in the archive under one number; taken for the original, the redelivery would stand beside its successor."""
        self.lose_all_after_a_redelivery(between=1)

    def test_so_does_one_whose_redelivery_was_copied_with_its_time(self):
        self.lose_all_after_a_redelivery(between=0)

    def lose_all_after_a_redelivery(self, between):
        self.basis()
        self.apply('Orders', 'z.csv', ONE)
        self.work.drops += between - 1
        self.apply('Orders', 'a.csv', ONE, 'duplicate')
        self.apply('Orders', 'z.csv', DROPS_A_LINE)
        for path in self.work.checkpoints.iterdir():
            path.unlink()
        self.work.command('replay', '--from-archive', '--yes')
        self.assertEqual(self.totals(), [(1, 1, 11), (2, 1, 30)])
        self.assert_like_oracle()

    def test_rows_below_come_to_light_again(self):
        """Of feeds with a key: what the replaced file had corrected counts again."""
        self.basis()
        self.apply('Orders', 'first.csv', orders(order(1, total='10'), order(2, total='20')))
        self.apply('Orders', 'day.csv', orders(order(2, total='99'), order(3, customer=2, total='30')))
        self.apply('Orders', 'day.csv', orders(order(3, customer=2, total='31')))
        self.assert_like_oracle()
        self.assertEqual(self.totals(), [(1, 2, 30), (2, 1, 31)])


class ReplacingInPostgres(InPostgres, Replacing):
    pass


class ToldOfReplacing(AtOnePath):
    def test_the_old_content_again_replaces_in_turn_and_the_same_one_is_a_duplicate(self):
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        before = dump(self.work.target)
        self.apply('Orders', 'day.csv', DROPS_A_LINE)
        self.assertIn(' seq=4', self.apply('Orders', 'day.csv', DROPS_A_LINE, 'duplicate'))
        self.assertIn(' replaced seq=4 ', self.apply('Orders', 'day.csv', ONE))
        self.assertEqual(dump(self.work.target), before)
        self.assert_like_oracle()
        self.assertEqual(self.work.status()['sequence'], 5)

    def test_the_content_of_another_path_is_a_correction_all_the_same(self):
        self.basis()
        self.apply('Orders', 'a.csv', ONE)
        self.apply('Orders', 'b.csv', DROPS_A_LINE)
        self.assertIn(' replaced seq=3 ', self.apply('Orders', 'a.csv', DROPS_A_LINE))
        self.assert_like_oracle()
        self.apply('Orders', 'c.csv', DROPS_A_LINE, 'duplicate')
        self.assert_like_oracle()

    def test_what_was_replaced_stays_so_when_its_successor_is_forgotten(self):
        self.basis()
        before = dump(self.work.target)
        self.apply('Orders', 'day.csv', ONE)
        self.apply('Orders', 'day.csv', DROPS_A_LINE)
        self.assertIn('was replaced already, by seq=4', self.work.command('forget', 'seq=3', expect=64).err)
        self.work.command('forget', 'Orders/day.csv')
        self.assertEqual(dump(self.work.target), before)
        self.assertNotIn('replaced', self.apply('Orders', 'day.csv', ONE))
        self.assertEqual(self.feed()['files']['replaced'], 1)

    def test_plan_diff_and_impact_tell_it(self):
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        file = self.folder / 'day.csv'
        file.write_bytes(DROPS_A_LINE)
        plan = self.work.command('plan', file, 'Orders', '--json')
        self.assertIn('; it replaces seq=3', plan.err)
        self.apply('Orders', 'day.csv', DROPS_A_LINE)
        diff = [json.loads(line) for line in self.work.command('diff', '--json').out.splitlines()]
        for change in diff:
            self.assertEqual([(by['seq'], by['file'], by['replaced']) for by in change.pop('by')], [(4, 'day.csv', 3)])
        self.assertEqual(sorted(map(json.dumps, diff)), sorted(map(json.dumps, map(json.loads, plan.out.splitlines()))))
        self.assertTrue(diff)
        self.assertIn('day.csv seq=4 replacing seq=3', self.work.command('diff').out)
        impact = [json.loads(line) for line in self.work.command('impact', 'seq=4', '--json').out.splitlines()]
        self.assertEqual({change['change'] for change in impact}, {'added'})
        again = self.work.command('plan', file, 'Orders').err
        self.assertIn('a redelivery of day.csv', again)
        self.assertNotIn('replaces', again)

    def test_a_replay_comes_to_the_same(self):
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        self.apply('Orders', 'day.csv', DROPS_A_LINE)
        before = dump(self.work.target)
        self.work.command('replay')
        self.assertEqual(dump(self.work.target), before)
        # the one that was replaced is known still
        self.assertEqual(self.feed()['files'], {'applied': 1, 'duplicate': 1, 'quarantined': 0, 'forgotten': 0, 'replaced': 0})
        for path in self.work.checkpoints.iterdir():
            path.unlink()
        self.work.command('replay', '--yes')
        self.assertEqual(dump(self.work.target), before)
        self.assertEqual(self.feed()['files']['replaced'], 1)

    def test_a_rule_that_is_new_holds_for_the_history_too(self):
        self.work.configure('Orders')
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        self.apply('Orders', 'day.csv', DROPS_A_LINE)
        self.assertEqual(self.totals(), [(1, 2, 31), (2, 1, 30)])
        self.work.configure('Orders', on_change='replace')
        self.work.command('replay')
        self.assertEqual(self.totals(), [(1, 1, 11), (2, 1, 30)])
        self.assert_like_oracle()


class RandomReplacing(AtOnePath):
    STEPS = 16

    def test_any_history_equals_the_last_files_of_each_path(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        contents = {}
        for feed, path in self.sample(orders=60, files=6, seed=seed):
            contents.setdefault(feed, []).append(path.read_bytes())
        with self.subTest(seed=seed):
            for step in range(self.STEPS):
                feed, name = rng.choice(FEEDS), f'file-{rng.randrange(3)}'
                content = rng.choice(contents[feed])
                self.drop_some(feed, name, content)
                if rng.random() < 0.2:
                    self.forget_some(rng)
                if step % 4 == 3 or step == self.STEPS - 1:
                    self.assert_like_oracle()
            self.work.command('verify', '--deep')

    def drop_some(self, feed, name, content):
        """What a redelivery is, is the program's to say, but another content at the path never is one."""
        now = [path.read_bytes() for kind, path in self.history if (kind, path.name) == (feed, name)][-1:]
        path = self.folder / f'kept-{self.work.drops}' / name
        path.parent.mkdir()
        path.write_bytes(content)
        self.work.drop(feed, content, name)
        applied = self.work.run_once().lines('applied')
        self.assertTrue(applied or now in ([], [content]), (feed, name))
        if applied:
            self.assertEqual(' replaced seq=' in applied[0], bool(now), applied)
            self.history.append((feed, path))

    def forget_some(self, rng):
        there = sorted({(feed, path.name) for feed, path in self.history})
        feed, name = rng.choice(there)
        self.work.command('forget', f'{feed}/{name}')
        self.history = [(kind, path) for kind, path in self.history if (kind, path.name) != (feed, name)]


class RandomReplacingInPostgres(InPostgres, RandomReplacing):
    STEPS = 8


class RandomReplacingRowByRow(RandomReplacing):
    """No feed has a key."""
    pipeline = 'ecommerce-rowwise'


class RandomReplacingRowByRowInPostgres(InPostgres, RandomReplacingRowByRow):
    STEPS = 8


class Live(AtOnePath):
    def test_corrections_one_after_the_other_are_delivered_in_part(self):
        """Not so of a file that lies above others: the engine must look for their rows in the store."""
        with self.work.daemon() as daemon:
            for number, (feed, name, content) in enumerate((
                    ('Customers', 'c', customers(1, 2)),
                    ('Deliveries', 'd', deliveries(delivery(1, task=11), delivery(2, task=12), delivery(3, task=13))),
                    ('Orders', 'a.csv', ONE), ('Orders', 'a.csv', DROPS_A_LINE), ('Orders', 'b.csv', orders(order(1, total='5'))),
                    ('Orders', 'b.csv', orders(order(2, total='6'))), ('Orders', 'a.csv', ONE)), 1):
                self.work.drop(feed, content, name)
                daemon.printed('applied ', number)
                daemon.delivered(number)
            daemon.printed('delivered seq=7 ')
            delivered = {line.split()[1]: '(full)' in line for line in daemon.printed('delivered seq=')}
        self.assertEqual([delivered[f'seq={number}'] for number in (4, 6, 7)], [False, True, False])
        self.assertEqual(self.totals(), [(1, 2, 30), (2, 1, 30)])
        self.work.command('verify', '--deep')


class Rejecting(AtOnePath):
    rule = 'reject'

    def test_another_content_is_quarantined_whole(self):
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        before, sequence = dump(self.work.target), self.work.status()['sequence']
        file = self.folder / 'day.csv'
        file.write_bytes(DROPS_A_LINE)
        reason = 'another content was applied under this name before, as seq=3, and "on_change" of Orders is reject'
        for word in ('plan', 'check'):
            self.assertIn(f' error: {file}: {reason}\n', self.work.command(word, file, 'Orders', expect=65).err)
        self.work.command('check', file, 'Orders', '-c', 'none')
        self.work.command('check', self.work.data / 'archive' / 'Orders' / self.work.archived('Orders')[0], 'Orders')
        line = self.apply('Orders', 'day.csv', DROPS_A_LINE, 'quarantined')
        self.assertIn(f'quarantined Orders/day.csv: {reason} -> ', line)
        self.assertEqual((dump(self.work.target), self.work.status()['sequence']), (before, sequence))
        kept = list((self.work.data / 'quarantine' / 'Orders').iterdir())
        self.assertIn(DROPS_A_LINE, [path.read_bytes() for path in kept])
        self.assertIn(reason, '\n'.join(path.read_text(errors='replace') for path in kept))
        self.apply('Orders', 'day.csv', ONE, 'duplicate')
        self.apply('Orders', 'other.csv', DROPS_A_LINE)
        self.assert_like_oracle()

    def test_a_forgotten_file_stands_in_nobodys_way(self):
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        self.work.command('forget', 'Orders/day.csv')
        self.history.pop()
        self.apply('Orders', 'day.csv', DROPS_A_LINE)
        self.assert_like_oracle()

    def test_what_is_in_the_archive_was_applied_once_and_is_taken_from_there_too(self):
        """Its names do not say that the first one was forgotten, so that one comes back, and must not bar the second."""
        self.basis()
        self.apply('Orders', 'day.csv', ONE)
        self.work.command('forget', 'Orders/day.csv')
        self.apply('Orders', 'day.csv', DROPS_A_LINE)
        for path in self.work.checkpoints.iterdir():
            path.unlink()
        self.work.command('replay', '--from-archive', '--yes')
        self.assertEqual(self.totals(), [(1, 2, 31), (2, 1, 30)])


class Checked(FlowCase):
    def test_check_names_a_rule_that_goes_against_the_key(self):
        work = self.workspace()
        work.configure('Orders', on_change='append')
        self.assertIn('"on_change" is "append", but Orders has a "key", expected upsert, replace or reject',
                      work.command('check', expect=78).err)
