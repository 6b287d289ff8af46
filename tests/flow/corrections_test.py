"""Records that come late, again or corrected: the target equals a run from scratch on what survives."""
import itertools

from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.targets import dump

LATER = '2022-01-21T12:00:00.000Z'


class History(FlowCase):
    """Files applied one by one, a run each."""

    def setUp(self):
        super().setUp()
        self.history = []
        self.work = self.workspace()

    def apply(self, feed, content):
        """One file in one run; its line of report."""
        self.history.append((feed, content))
        self.work.drop(feed, content, f'{feed}-{len(self.history)}')
        lines = self.work.run_once().out.splitlines()
        return next(line for line in lines if f' {feed}/{feed}-{len(self.history)} ' in line)

    def apply_basis(self):
        """Orders 1 to 3 of customers 1 and 2, delivered."""
        self.apply('Customers', customers(1, 2))
        self.apply('Deliveries', deliveries(delivery(1, task=11), delivery(2, task=12), delivery(3, task=13)))
        self.apply('Orders', orders(order(1, 'A'), order(1, 'B', quantity=4), order(2, 'A', total='20.50'),
                                    order(3, 'C', customer=2, total='7')))

    def assert_like_scratch(self, survivors):
        """`survivors`: the files that a run from scratch would need, in their order."""
        scratch = self.workspace(f'scratch-{len(self.history)}')
        for number, (feed, content) in enumerate(survivors):
            scratch.drop(feed, content, f'survivor-{number}')
        scratch.run_once()
        self.assertEqual(dump(self.work.target), dump(scratch.target))

    def rows(self):
        return self.work.target.query('SELECT "Customer_ID", "Order_Count", "Total_Order_Amount", "Total_Quantity_Ordered" '
                                      'FROM ecommerce ORDER BY start_timestamp, "Customer_ID"')

    def assert_rows(self, *rows):
        self.assertEqual([tuple(map(float, row)) for row in self.rows()], list(rows))

    def assert_table_of_history(self):
        paths = []
        for number, (feed, content) in enumerate(self.history):
            path = self.folder / f'history-{number}'
            path.write_bytes(content)
            paths.append((feed, path))
        self.assert_table(self.work, paths)
        self.assert_like_scratch(self.history)
        self.assert_adds_up(self.work)


class Corrections(History):
    def test_a_delivery_after_its_order(self):
        self.apply('Customers', customers(1))
        self.apply('Orders', orders(order(1)))
        self.assert_rows()
        self.apply('Deliveries', deliveries(delivery(1, task=11)))
        self.assert_rows((1, 1, 100, 1))
        self.assert_like_scratch(reversed(self.history))

    def test_a_customer_after_their_order(self):
        self.apply('Orders', orders(order(1)))
        self.apply('Deliveries', deliveries(delivery(1, task=11)))
        self.assert_rows()
        self.apply('Customers', customers(1))
        self.assert_rows((1, 1, 100, 1))
        self.assert_like_scratch(reversed(self.history))

    def test_a_total_corrected_on_all_lines(self):
        self.apply_basis()
        self.apply('Orders', orders(order(1, 'A', total='90'), order(1, 'B', quantity=4, total='90')))
        self.assert_rows((1, 2, 110.5, 6), (2, 1, 7, 1))
        self.assert_like_scratch(self.history[:2] + [('Orders', orders(
            order(2, 'A', total='20.50'), order(3, 'C', customer=2, total='7'), order(1, 'A', total='90'),
            order(1, 'B', quantity=4, total='90')))])

    def test_a_total_corrected_on_one_line_holds_for_the_order(self):
        self.apply_basis()
        self.assertEqual(self.work.status()['grain_conflicts'], 0)
        self.apply('Orders', orders(order(1, 'A', total='90')))
        self.assert_rows((1, 2, 110.5, 6), (2, 1, 7, 1))
        self.assertEqual(self.work.status()['grain_conflicts'], 1)
        self.assert_table_of_history()

    def test_a_customer_corrected_moves_the_order(self):
        self.apply_basis()
        self.apply('Orders', orders(order(1, 'A', customer=2), order(1, 'B', customer=2, quantity=4)))
        self.assert_rows((1, 1, 20.5, 1), (2, 2, 107, 6))
        self.assert_table_of_history()

    def test_a_customer_corrected_on_one_line_moves_the_whole_order(self):
        self.apply_basis()
        self.apply('Orders', orders(order(1, 'A', customer=2)))
        self.assert_rows((1, 1, 20.5, 1), (2, 2, 107, 6))
        self.assert_table_of_history()

    def test_a_time_corrected_moves_the_order_to_another_window(self):
        self.apply_basis()
        self.apply('Orders', orders(order(1, 'A', time=LATER), order(1, 'B', time=LATER, quantity=4)))
        self.assert_rows((1, 1, 20.5, 1), (2, 1, 7, 1), (1, 1, 100, 5))
        self.assert_table_of_history()

    def test_a_time_corrected_on_one_line_moves_the_whole_order(self):
        self.apply_basis()
        self.apply('Orders', orders(order(1, 'B', time=LATER, quantity=4)))
        self.assert_rows((1, 1, 20.5, 1), (2, 1, 7, 1), (1, 1, 100, 5))
        self.assert_table_of_history()

    def test_a_group_that_is_emptied_is_deleted(self):
        self.apply_basis()
        self.apply('Orders', orders(order(3, 'C', time=LATER, customer=1, total='7')))
        self.assert_rows((1, 2, 120.5, 6), (1, 1, 7, 1))
        self.assertEqual([row['groups'] for row in self.work.status()['tables']], [2, 2])
        self.assert_table_of_history()

    def test_a_quantity_corrected(self):
        self.apply_basis()
        self.apply('Orders', orders(order(2, 'A', total='20.50', quantity=30)))
        self.assert_rows((1, 2, 120.5, 35), (2, 1, 7, 1))
        self.assert_table_of_history()

    def test_a_distance_corrected_to_unknown(self):
        self.apply_basis()
        self.apply('Deliveries', deliveries(delivery(3, '-', task=13)))
        found = self.work.target.query('SELECT "Total_Delivery_Distance" FROM ecommerce WHERE "Customer_ID" = 2')
        self.assertEqual(found, [(None,)])
        self.assert_table_of_history()

    def test_a_task_moved_to_another_order_leaves_its_old_one_waiting(self):
        self.apply_basis()
        self.apply('Deliveries', deliveries(delivery(1, task=13)))
        self.assert_rows((1, 2, 120.5, 6))
        self.assertEqual([waiting['waits_for'] for waiting in self.work.unmatched()], ['Deliveries'])
        self.assert_table_of_history()

    def test_the_original_dropped_again_undoes_a_correction_of_rows_that_another_file_had_repeated(self):
        self.apply_basis()
        self.apply('Orders', orders(order(1, 'A', total='90')))
        original = self.history[-1]
        self.apply('Orders', orders(order(1, 'A', total='90'), order(9, 'A', total='1')))
        self.apply('Orders', orders(order(1, 'A', total='55')))
        self.apply(*original)
        self.assert_table_of_history()
        self.assert_rows((1, 2, 110.5, 6), (2, 1, 7, 1))

    def test_the_original_dropped_again_undoes_a_bad_correction(self):
        self.apply_basis()
        before = dump(self.work.target)
        original = self.history[-1][1]
        self.apply('Orders', orders(order(1, 'A', total='9999999'), order(1, 'B', quantity=4, total='9999999')))
        self.assertNotEqual(dump(self.work.target), before)
        self.assertIn('applied ', self.apply('Orders', original))
        self.assertEqual(dump(self.work.target), before)

    def test_the_same_file_again_is_a_duplicate(self):
        self.apply_basis()
        before = dump(self.work.target)
        line = self.apply('Orders', self.history[-1][1])
        self.assertTrue(line.startswith('duplicate '), line)
        self.assertIn('seq=3', line)
        self.assertEqual(dump(self.work.target), before)
        self.assertEqual(self.work.status()['sequence'], 3)

    def test_the_same_rows_in_another_file_are_unchanged(self):
        self.apply_basis()
        line = self.apply('Orders', orders(order(1, 'B', quantity=4), order(1, 'A')))
        self.assertIn(' applied=0 unchanged=2 ', line)
        self.assert_table_of_history()


class CorrectionsInPostgres(InPostgres, Corrections):
    pass


class Filters(History):
    """The same pipeline, with cancelled orders filtered out."""

    def workspace(self, name='work', target=None, **options):
        made = super().workspace(name, target, **options)
        made.edit('ecommerce.json', lambda d: d['facts'].update(filter={'not': {'Order_Status': 'CANCELLED'}}))
        return made

    def test_a_correction_that_is_filtered_out_withdraws_the_order(self):
        self.apply_basis()
        line = self.apply('Orders', orders(order(3, 'C', customer=2, total='7', status='CANCELLED')))
        self.assertIn(' filtered=1 ', line)
        self.assert_rows((1, 2, 120.5, 6))
        self.assert_like_scratch(self.history)
        self.apply('Orders', orders(order(3, 'C', customer=2, total='8')))
        self.assert_rows((1, 2, 120.5, 6), (2, 1, 8, 1))
        self.assert_like_scratch(self.history)
        self.assert_adds_up(self.work)

    def test_a_line_that_is_filtered_out_leaves_the_others(self):
        self.apply_basis()
        self.apply('Orders', orders(order(1, 'B', quantity=4, status='CANCELLED')))
        self.assert_rows((1, 2, 120.5, 2), (2, 1, 7, 1))
        self.assert_like_scratch(self.history)


class Versions(History):
    """The same pipeline; of a line the greatest quantity counts, and cancelled ones are delete markers."""
    PERMUTATIONS = list(itertools.permutations(range(3)))

    def workspace(self, name='work', target=None, **options):
        made = super().workspace(name, target, **options)
        made.edit('ecommerce.json', lambda d: d['facts'].update(version_field='Quantity',
                                                                delete={'Order_Status': 'CANCELLED'}))
        return made

    def test_a_delete_marker_counts_by_its_version_and_can_be_forgotten(self):
        self.apply_basis()
        line = self.apply('Orders', orders(order(3, 'C', customer=2, total='7', quantity=9, status='CANCELLED')))
        self.assertIn(' deleted=1 ', line)
        self.assert_rows((1, 2, 120.5, 6))
        line = self.apply('Orders', orders(order(3, 'C', customer=2, total='8', quantity=2)))
        self.assertIn(' superseded=1 ', line)
        self.assert_rows((1, 2, 120.5, 6))
        self.assert_like_scratch(self.history)
        self.assert_adds_up(self.work)
        self.work.command('forget', f'seq={self.work.status()["sequence"] - 1}')
        self.assert_rows((1, 2, 120.5, 6), (2, 1, 8, 2))

    def test_what_came_under_a_record_that_is_forgotten_counts_again_when_it_is_dropped_again(self):
        """Of two files that came under it the first is corrected by the second, once it is gone."""
        self.apply_basis()
        self.apply('Orders', orders(order(3, 'C', customer=2, total='7', quantity=99)))
        first = self.apply('Orders', orders(order(3, 'C', customer=2, total='8', quantity=2)))
        self.assertIn(' superseded=1 ', first)
        self.apply('Orders', orders(order(3, 'C', customer=2, total='9', quantity=2)))
        self.work.command('forget', 'Orders/Orders-4')
        self.assert_rows((1, 2, 120.5, 6), (2, 1, 9, 2))
        self.assertIn('applied ', self.apply('Orders', self.history[4][1]))
        self.assert_rows((1, 2, 120.5, 6), (2, 1, 8, 2))
        self.assert_like_scratch(self.history[:3] + self.history[4:])

    def test_a_delete_marker_suppresses_what_ranks_below_it_in_any_order(self):
        """Also where it comes before the record that it deletes."""
        self.apply_basis()
        files = [orders(order(3, 'C', customer=2, total='8', quantity=2)),
                 orders(order(3, 'C', customer=2, total='7', quantity=5, status='CANCELLED')),
                 orders(order(3, 'C', customer=2, total='9', quantity=4), order(2, 'A', total='21', quantity=3))]
        answers = []
        for number, names in enumerate(self.PERMUTATIONS):
            work = self.workspace(f'order-{number}')
            for feed, content in [*self.history, *(('Orders', files[name]) for name in names)]:
                work.drop(feed, content, f'{work.drops}.csv')
            work.run_once()
            answers.append(dump(work.target))
            self.assertEqual(work.status()['units'], 2)
        self.assertEqual(answers, answers[:1] * len(answers))
        self.apply('Orders', files[1])
        self.apply('Orders', files[2])
        self.assert_rows((1, 2, 121, 8))
        self.assertEqual(dump(self.work.target), answers[0])

    def test_a_forgotten_file_of_delete_markers_brings_all_its_records_back(self):
        self.apply_basis()
        before = dump(self.work.target)
        self.apply('Orders', orders(order(3, 'C', customer=2, total='7', quantity=9, status='CANCELLED'),
                                    order(1, 'B', quantity=9, status='CANCELLED'), order(4, 'A', quantity=1, status='CANCELLED')))
        self.assert_rows((1, 2, 120.5, 2))
        self.work.command('forget', 'Orders/Orders-4')
        self.assertEqual(dump(self.work.target), before)
        self.assert_like_scratch(self.history[:3])


class VersionsInPostgres(InPostgres, Versions):
    PERMUTATIONS = Versions.PERMUTATIONS[2:4]


class FiltersInPostgres(InPostgres, Filters):
    pass
