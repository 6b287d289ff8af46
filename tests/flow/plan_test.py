"""What a file would do, what one did, and what changed between two changes: against the tables themselves."""
import json
import shutil
from decimal import Decimal, InvalidOperation

from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders

TABLES = ('ecommerce', 'customer_windows')


def plain(value):
    """Numbers by value, all else by text; a list as JSON has it, and not as PostgreSQL does."""
    if value and value.startswith('{'):
        value = f'[{value[1:-1]}]'
    try:
        return None if value is None else Decimal(value).normalize()
    except InvalidOperation:
        return value


def packed(row):
    return tuple(sorted((name, plain(value)) for name, value in row.items()))


class Rows(FlowCase):
    def tables(self, work):
        """{table: {row, ...}} as a reader sees them."""
        return {table: {packed(dict(zip(self.columns(work, table), row)))
                        for row in work.target.query(f'SELECT * FROM "{table}"')} for table in TABLES}

    @staticmethod
    def columns(work, table):
        pipeline = json.loads((work.root / 'schemas' / 'ecommerce.json').read_text(encoding='utf-8'))
        return list(pipeline['tables'][table]['columns'])

    @staticmethod
    def changes(outcome):
        return [json.loads(line) for line in outcome.out.splitlines()]

    def applied(self, tables, changes):
        """The tables after the changes; what they say of before must be there."""
        result = {table: set(rows) for table, rows in tables.items()}
        for change in changes:
            rows = result[change['table']]
            if 'before' in change:
                self.assertIn(packed(change['before']), rows, change)
                rows.remove(packed(change['before']))
            if 'after' in change:
                rows.add(packed(change['after']))
            self.assertNotEqual(change.get('before'), change.get('after'))
        return result

    def small(self):
        work = self.workspace()
        work.drop('Customers', customers(1, 2), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1, task=1), delivery(2, task=2)), 'd.csv')
        work.drop('Orders', orders(order(1, total='100'), order(2, total='5', customer=2)), 'o.csv')
        work.run_once()
        return work


class Plan(Rows):
    def test_applying_a_file_does_what_its_plan_said(self):
        work = self.workspace()
        work.run_once()
        for feed, path in self.sample(orders=60, files=4, seed=3):
            before = self.tables(work)
            plan = work.command('plan', path, feed, '--json')
            work.drop(feed, path)
            work.run_once()
            self.assertEqual(self.applied(before, self.changes(plan)), self.tables(work), path)

    def test_it_says_in_words_what_is_added_changed_and_deleted(self):
        work = self.small()
        new = work.root / 'o2.csv'
        new.write_bytes(orders(order(1, total='250'), order(2, total='5', customer=1), order(3, total='abc')))
        plan = work.command('plan', new, 'Orders')
        self.assertIn('- ecommerce Customer_ID=2', plan.out)
        self.assertIn('~ ecommerce Customer_ID=1', plan.out)
        self.assertIn('Total_Order_Amount 100 -> 255', plan.out)
        self.assertIn('2 applied', plan.err)
        self.assertIn('1 rejected', plan.err)
        self.assertEqual(work.status()['sequence'], 3)

    def test_a_redelivery_would_change_nothing(self):
        work = self.small()
        kept = work.data / 'archive' / 'Orders' / work.archived('Orders')[0]
        plan = work.command('plan', kept, 'Orders')
        self.assertEqual(plan.out, '')
        self.assertIn('a redelivery of o.csv (seq 3)', plan.err)

    def test_the_name_of_what_came_before_is_shown_without_what_a_terminal_would_obey(self):
        work = self.small()
        work.drop('Orders', orders(order(9)), 'a\x1b[2J\n.csv')
        work.run_once()
        plan = work.command('plan', work.data / 'archive' / 'Orders' / work.archived('Orders')[-1])
        self.assertIn(r'a redelivery of a\x1b[2J\n.csv (seq 4)', plan.err)

    def test_before_the_first_run_a_plan_is_made_against_nothing(self):
        work = self.workspace_of(
            {'pipeline': 'one', 'facts': {'feed': 'Goods', 'key': ['Id']}, 'feeds': {'Goods': {'on_change': 'reject'}},
             'tables': {'t': {'group_by': ['Id'], 'columns': {'id': {'group': 'Id'}, 'price': {'sum': 'Price'}}}}},
            {'feed': 'Goods', 'version': 1, 'format': 'csv',
             'fields': {'Id': {'type': 'int64', 'required': True}, 'Price': {'type': 'int64'}}})
        shutil.rmtree(work.checkpoints)
        path = work.drop('Goods', b'Id,Price\n1,5\n1,7\n2,x\n', 'first.csv')
        plan = work.command('plan', path)
        self.assertEqual(plan.out, '+ t id=1: price 7\n')
        self.assertIn('there is no store at checkpoints/one.db yet: as the first file\n', plan.err)
        self.assertIn('3 rows: 2 applied, 0 unchanged, 0 superseded, 0 filtered, 0 deleted, 0 late, 1 rejected', plan.err)
        self.assertFalse(work.checkpoints.exists())
        path.write_bytes(b'a,b\n')
        self.assertIn('fits no descriptor of Goods', work.command('plan', path, expect=65).err)

    def test_a_file_that_cannot_be_read_has_no_plan(self):
        work = self.small()
        bad = work.root / 'bad.csv'
        bad.write_bytes(b'a,b\n1,2\n')
        self.assertIn('bad.csv', work.command('plan', bad, 'Orders', expect=65).err)
        work.command('plan', work.root / 'none.csv', 'Orders', expect=None)
        self.assertIn('cannot tell its feed from the path; name it behind the file: one of Orders, Deliveries, Customers',
                      work.command('plan', bad, expect=64).err)
        self.assertIn('there is no feed "Ordres"; expected one of Orders, Deliveries, Customers',
                      work.command('plan', bad, 'Ordres', expect=64).err)


class Impact(Rows):
    def test_what_a_file_did_is_what_forgetting_it_undoes(self):
        work = self.workspace()
        generated = self.sample(orders=60, files=3, seed=4)
        work.drop_all(generated)
        work.run_once()
        for feed, path in (generated[1], generated[4], generated[5]):
            impact = self.changes(work.command('impact', path.name, '--json'))
            after = self.tables(work)
            work.command('forget', path.name)
            self.assertEqual(self.applied(self.tables(work), impact), after, (feed, path))

    def test_of_no_file(self):
        work = self.small()
        self.assertIn('no applied file', work.command('impact', 'x.csv', expect=64).err)
        work.command('impact', expect=64)


class Diff(Rows):
    def test_between_any_two_changes_is_what_became_of_the_tables(self):
        work = self.workspace()
        generated = self.sample(orders=60, files=3, seed=5)
        states = [{table: set() for table in TABLES}]
        for feed, path in generated:
            work.drop(feed, path)
            work.run_once()
            states.append(self.tables(work))
        work.command('forget', generated[4][1].name)
        states.append(self.tables(work))
        last = len(states) - 1
        for first, then in ((0, last), (0, 1), (3, 7), (last - 1, last), (5, last)):
            changes = self.changes(work.command('diff', '--from', first, '--to', then, '--json'))
            self.assertEqual(self.applied(states[first], changes), states[then], (first, then))
            for change in changes:
                self.assertTrue(change['by'], change)
                self.assertTrue(all(first < file['seq'] <= then for file in change['by']), change)

    def test_it_names_the_file_that_did_it(self):
        work = self.small()
        work.drop('Orders', orders(order(1, total='250')), 'o2.csv')
        work.run_once()
        diff = work.command('diff')
        self.assertIn('Total_Order_Amount 100 -> 250', diff.out)
        self.assertIn('; by Orders/o2.csv seq=4', diff.out)
        self.assertNotIn('Customer_ID=2', diff.out)
        work.command('forget', 'o2.csv')
        self.assertIn('; by forgetting Orders/o2.csv seq=5', work.command('diff').out)
        self.assertEqual(work.command('diff', '--from', 3).out, '')

    def test_of_changes_that_are_not_there(self):
        work = self.small()
        self.assertIn('the last one is 3', work.command('diff', '--to', 4, expect=64).err)
        self.assertIn('expected an earlier change first', work.command('diff', '--from', 2, '--to', 2, expect=64).err)
        self.assertIn('expected the sequence of a change', work.command('diff', '--from', 'x', expect=64).err)


class PlanInPostgres(InPostgres, Plan):
    pass


class DiffInPostgres(InPostgres, Diff):
    pass
