"""The base of all flow tests: a temporary folder, targets to write to, oracles to compare with."""
import atexit
import functools
import itertools
import shutil
import tempfile
import unittest
from pathlib import Path

import sample
from harness import compare, places
from harness.cluster import Cluster
from harness.targets import PostgresTarget, SqliteTarget
from harness.workspace import Workspace
from harness.oracle import Oracle, surviving

TABLES = {'ecommerce': ('ecommerce', Oracle.ecommerce), 'ecommerce-rowwise': ('ecommerce_rowwise', Oracle.rowwise)}
numbers = itertools.count(1)


@functools.cache
def shared_cluster():
    """One server for all tests of this process that only need a database on it."""
    cluster = Cluster()
    atexit.register(cluster.remove)
    return cluster


class FlowCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if not places.binary().is_file():
            self.fail(f'{places.binary()} is not built')
        self.folder = Path(tempfile.mkdtemp(prefix='dropfold-flow-'))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def make_target(self, name):
        """The target that most tests do with."""
        return self.sqlite_target(name)

    def sqlite_target(self, name):
        folder = self.folder / name / 'data' / 'results'
        folder.mkdir(parents=True, exist_ok=True)
        return SqliteTarget(folder / 'target.db')

    def postgres_target(self, cluster=None):
        return PostgresTarget(cluster or shared_cluster(), f'flow_{next(numbers)}')

    def own_cluster(self):
        """For tests that stop their server."""
        cluster = Cluster()
        self.addCleanup(cluster.remove)
        return cluster

    def workspace(self, name='work', target=None, **options):
        return Workspace(self.folder / name, target or self.make_target(name), **options)

    def workspace_of(self, pipeline, *descriptors, name='work', target=None):
        """One with this pipeline and these descriptors, one of each feed, in place of those that come along."""
        feeds = tuple(descriptor['feed'] for descriptor in descriptors)
        work = self.workspace(name, target, pipeline=pipeline['pipeline'], feeds=feeds)
        work.FEEDS = feeds
        work.describe(pipeline, descriptors)
        return work

    def sample(self, **options):
        """Generated files as [(feed, path), ...] in the order of their times."""
        folder = Path(tempfile.mkdtemp(prefix='sample-', dir=self.folder))
        written = sample.write(folder, **options)
        return [(feed, path) for round_ in zip(*([(feed, path) for path in paths] for feed, paths in written.items()))
                for feed, path in round_]

    def real_files(self):
        if not places.REAL_FILES.is_dir():
            self.skipTest('the real files are not beside the project')
        return [('Customers', places.REAL_FILES / 'customers.json'), ('Orders', places.REAL_FILES / 'orders.csv'),
                ('Deliveries', places.REAL_FILES / 'deliveries.csv')]

    def assert_table(self, workspace, files, on_change=None):
        """The target holds exactly what the oracle makes of `files`, in this order of commits."""
        table, expected = TABLES[workspace.pipeline]
        oracle = Oracle(surviving(files, on_change or {}))
        self.assertEqual(compare.differences(workspace.target, table, expected(oracle)), [])

    def assert_adds_up(self, workspace):
        """Promise 2: every row read is in one bucket."""
        for feed in workspace.status()['feeds']:
            buckets = ('applied', 'unchanged', 'superseded', 'filtered', 'deleted', 'late', 'rejected')
            self.assertEqual(sum(feed[bucket] for bucket in buckets), feed['rows'], feed)


class InPostgres:
    """Mixed into a case, runs it against PostgreSQL."""

    def make_target(self, name):
        return self.postgres_target()
