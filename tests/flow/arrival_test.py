"""Whatever the order and the portions files arrive in, the tables are those of all of them."""
import itertools

from harness import compare, files
from harness.case import TABLES, FlowCase, InPostgres
from harness.places import REAL_FILES

EXPECTED = {'ecommerce': 'expected.csv', 'ecommerce-rowwise': 'expected-rowwise.csv'}


class RealFilesAtOrderGrain(FlowCase):
    pipeline = 'ecommerce'

    def assert_expected(self, workspace):
        """What is expected was made elsewhere, its averages by dividing doubles."""
        expected = compare.expected_rows(REAL_FILES / EXPECTED[self.pipeline])
        self.assertEqual(compare.differences(workspace.target, TABLES[self.pipeline][0], expected, within=2**-52), [])

    def each_order(self, check):
        for number, order in enumerate(itertools.permutations(self.real_files())):
            with self.subTest(order=[feed for feed, _ in order]):
                check(self.workspace(f'order-{number}', pipeline=self.pipeline), order)

    def test_any_order_of_arrival_in_one_run(self):
        def check(workspace, order):
            workspace.drop_all(order)
            workspace.run_once()
            self.assertEqual(workspace.landed(), [])
            self.assert_expected(workspace)
        self.each_order(check)

    def test_any_order_of_arrival_in_six_runs(self):
        def check(workspace, order):
            for half in (0, 1):
                for feed, path in order:
                    workspace.drop(feed, files.halves(path)[half], f'half-{half}')
                    workspace.run_once()
            self.assertEqual(workspace.status()['sequence'], 6)
            self.assert_expected(workspace)
        self.each_order(check)

    def test_dropped_live_into_a_running_daemon(self):
        real = self.real_files()
        workspace = self.workspace(pipeline=self.pipeline)
        with workspace.daemon() as daemon:
            workspace.drop_all(real)
            daemon.delivered(len(real))
            self.assert_expected(workspace)
            self.assertEqual([line for line in daemon.err if ': columns in no descriptor, skipped: ' not in line], [])
        self.assert_adds_up(workspace)


class RealFilesAtOrderGrainInPostgres(InPostgres, RealFilesAtOrderGrain):
    pass


class RealFilesRowByRow(RealFilesAtOrderGrain):
    pipeline = 'ecommerce-rowwise'


class RealFilesRowByRowInPostgres(InPostgres, RealFilesRowByRow):
    pass


class TwoMarkets(FlowCase):
    """Generated files of both markets, with bad rows, duplicates and corrections."""
    pipeline = 'ecommerce'

    def assert_rejected(self, workspace, wanted):
        self.assertEqual(len(workspace.rejects()), wanted)
        self.assertEqual(workspace.status()['rejects'], wanted)

    def test_feeds_in_any_order_in_one_run(self):
        generated = self.sample()
        for number, order in enumerate(itertools.permutations(('Customers', 'Deliveries', 'Orders'))):
            with self.subTest(order=order):
                workspace = self.workspace(f'order-{number}', pipeline=self.pipeline)
                arrival = sorted(generated, key=lambda file: order.index(file[0]))
                workspace.drop_all(arrival)
                workspace.run_once()
                self.assert_table(workspace, arrival)
                self.assert_rejected(workspace, 10)
                self.assert_adds_up(workspace)

    def test_file_by_file(self):
        generated = self.sample(seed=2)
        workspace = self.workspace(pipeline=self.pipeline)
        for number, (feed, path) in enumerate(generated, 1):
            workspace.drop(feed, path)
            workspace.run_once()
            self.assert_table(workspace, generated[:number])

    def test_dropped_live_into_a_running_daemon(self):
        generated = self.sample(seed=3, files=10)
        workspace = self.workspace(pipeline=self.pipeline)
        with workspace.daemon('--threads', 4) as daemon:
            for number, (feed, path) in enumerate(generated, 1):
                workspace.drop(feed, path)
                daemon.printed('applied ', number)
            daemon.delivered(len(generated))
            self.assert_table(workspace, generated)
        self.assert_rejected(workspace, 10)

    def test_no_sample_without_bad_rows_is_rejected(self):
        generated = self.sample(seed=4, bad=False)
        workspace = self.workspace(pipeline=self.pipeline)
        workspace.drop_all(generated)
        workspace.run_once()
        self.assert_table(workspace, generated)
        self.assert_rejected(workspace, 0)


class TwoMarketsInPostgres(InPostgres, TwoMarkets):
    pass


class TwoMarketsRowByRow(TwoMarkets):
    pipeline = 'ecommerce-rowwise'


class TwoMarketsRowByRowInPostgres(InPostgres, TwoMarketsRowByRow):
    pass


class Versions(FlowCase):
    def test_each_market_takes_its_own_descriptor_version(self):
        workspace = self.workspace()
        workspace.drop_all(self.sample(files=2))
        lines = workspace.run_once().lines('applied')
        versions = {line.split()[1]: line.split()[2] for line in lines}
        for feed, kind in (('Customers', 'json'), ('Deliveries', 'csv'), ('Orders', 'csv')):
            names = [f'{feed}/{feed.lower()}-{number:02d}.{kind}' for number in (1, 2)]
            self.assertNotEqual(versions[names[0]], versions[names[1]], lines)
