"""Pipelines whose tables have one name in one target: each would take the other's rows for somebody's edits."""
import json
import shutil

from harness.case import FlowCase, InPostgres

DESCRIPTOR = {'feed': 'Sales', 'version': 1, 'format': 'csv', 'fields': {
    'Number': {'type': 'int64', 'required': True}, 'Shop': {'type': 'text', 'required': True}, 'Amount': {'type': 'int64'}}}
PIPELINE = {'facts': {'feed': 'Sales', 'key': ['Number']}, 'tables': {'shops': {
    'group_by': ['Shop'], 'columns': {'shop': {'group': 'Shop'}, 'amount': {'sum': 'Amount'}}}}}
TAKEN = 'delivers into table "shops" of '


def sales(*rows):
    return b'Number,Shop,Amount\n' + b''.join(b'%d,%s,%d\n' % row for row in rows)


class TwoPipelines(FlowCase):
    def setUp(self):
        super().setUp()
        self.target = self.make_target('target')
        self.north, self.south = self.pipeline('north'), self.pipeline('south')

    def pipeline(self, name):
        work = self.workspace(name, self.target, pipeline=name, feeds=('Sales',))
        work.FEEDS = ('Sales',)
        shutil.rmtree(work.root / 'schemas')
        (work.root / 'schemas' / 'Sales').mkdir(parents=True)
        (work.root / 'schemas' / f'{name}.json').write_text(json.dumps({'pipeline': name, **PIPELINE}))
        (work.root / 'schemas' / 'Sales' / '1.json').write_text(json.dumps(DESCRIPTOR))
        return work

    def rows(self):
        return self.target.query('SELECT shop, amount FROM shops ORDER BY shop')

    def test_the_second_is_refused_by_name_whatever_the_table_holds(self):
        self.north.run_once()  # it has no rows yet
        self.south.drop('Sales', sales((1, b'oslo', 100), (2, b'bergen', 100)), 'a.csv')
        outcome = self.south.run_once(expect=1)
        self.assertIn(f'pipeline north {TAKEN}', outcome.err)
        self.assertIn('and south would take its rows out', outcome.err)
        self.assertIn(TAKEN, self.south.command('check', expect=1).err)
        self.assertIn(TAKEN, self.south.command('status').out)
        self.assertIn(f'pipeline north {TAKEN}', self.south.command('target', 'init', expect=1).err)
        self.north.command('target', 'init')
        self.assertIn(TAKEN, self.south.command('verify', '--repair', expect=1).err)
        self.assertIn(TAKEN, self.south.command('replay', '--rebuild', expect=1).err)
        self.north.drop('Sales', sales((1, b'oslo', 1), (2, b'bergen', 1)), 'a.csv')
        self.north.run_once()
        self.south.run_once(expect=1)
        self.north.drop('Sales', sales((3, b'oslo', 1)), 'b.csv')
        self.north.run_once()
        self.assertEqual(self.rows(), [('bergen', '1'), ('oslo', '2')])
        self.north.command('verify')

    def test_one_that_is_given_another_name_takes_the_table_over(self):
        self.north.drop('Sales', sales((1, b'oslo', 1)), 'a.csv')
        self.north.run_once()
        shutil.copytree(self.north.data / 'archive', self.south.data / 'archive')
        self.assertIn(TAKEN, self.south.command('replay', '--from-archive', expect=1).err)
        self.south.command('replay', '--from-archive', '--yes')
        self.south.drop('Sales', sales((2, b'oslo', 1)), 'b.csv')
        self.south.run_once()
        self.assertEqual(self.rows(), [('oslo', '2')])
        self.south.command('verify')
        self.assertIn(f'pipeline south {TAKEN}', self.north.run_once(expect=1).err)
        self.assertEqual(self.rows(), [('oslo', '2')])

    def test_a_daemon_whose_table_was_taken_over_holds_and_goes_on_once_it_is_given_back(self):
        with self.north.daemon('--target-check', '0.2') as daemon:
            self.north.drop('Sales', sales((1, b'oslo', 1), (2, b'bergen', 1)), 'a.csv')
            daemon.delivered(1)
            self.south.drop('Sales', sales((1, b'oslo', 100), (2, b'bergen', 100)), 'a.csv')
            self.south.run_once('--yes')
            daemon.complained(f'pipeline south {TAKEN}')
            self.north.drop('Sales', sales((3, b'oslo', 1)), 'b.csv')
            self.assertEqual(self.rows(), [('bergen', '100'), ('oslo', '100')])
            daemon.asked('replay', '--rebuild', '--yes')
            daemon.delivered(2)
        self.assertEqual(self.rows(), [('bergen', '1'), ('oslo', '2')])


class TwoPipelinesInPostgres(InPostgres, TwoPipelines):
    pass
