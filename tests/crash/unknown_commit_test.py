"""Item 14, unknown commit: the connection is cut before and after COMMIT goes out, or swallows its answer."""
import re
from collections import Counter

from crash_case import CrashCase
from cutting import AFTER, ANSWERED, BEFORE, PASS, SWALLOW, Proxy
from harness.case import shared_cluster
from harness.targets import PostgresTarget

DEADLINE = 1  # seconds that the target may take for an answer
SHORT = {BEFORE: 4, AFTER: 2, ANSWERED: 2, SWALLOW: 1}
LONG = {BEFORE: 500, AFTER: 250, ANSWERED: 250, SWALLOW: 20}
BATCH = 25  # faults between two judgements


class Behind(PostgresTarget):
    """A database that dropfold reaches through the proxy, and the test without it."""

    def __init__(self, cluster, database, proxy):
        super().__init__(cluster, database)
        self.environment = proxy.environment(cluster, database)


class UnknownCommit(CrashCase):
    def setUp(self):
        super().setUp()
        faults = self.scale(SHORT, LONG)
        self.faults = [fault for fault, times in faults.items() for _ in range(times)]
        self.rng.shuffle(self.faults)
        self.next = None  # what becomes of the next COMMIT
        self.done = Counter()
        self.proxy = Proxy(shared_cluster().socket, self.decide)
        self.addCleanup(self.proxy.close)
        self.work = self.workspace(target=Behind(shared_cluster(), f'unknown_{self.proxy.port}', self.proxy))

    def decide(self, _):
        fault, self.next = self.next, None
        self.done[fault or PASS] += 1
        return fault or PASS

    def spoil(self, daemon, fault, files, applied):
        """The delivery of `files` meets `fault`; then the target holds them all the same."""
        self.next = fault
        self.work.drop_all(files)
        daemon.delivered(applied)
        self.assertIsNone(self.next, f'no COMMIT came for {files}')
        self.count(points=1)

    def test_nothing_is_lost_or_done_twice(self):
        files = self.order_files(len(self.faults))
        first, rest = files[:2], files[2:]
        with self.work.daemon('--target-timeout', DEADLINE) as daemon:
            self.work.drop_all(first)
            daemon.delivered(len(first))
            for at, (fault, file) in enumerate(zip(self.faults, rest), len(first) + 1):
                self.spoil(daemon, fault, [file], at)
                if at % BATCH == 0:
                    self.judge_target(self.work, files[:at], f'after {at} files')
            daemon.complained('no answer within 1 s')
        self.count(**{name: self.done[name] for name in (BEFORE, AFTER, ANSWERED, SWALLOW)})
        self.judge(self.work, files, 'at the end')

    def test_tries_that_came_through_do_not_lengthen_the_pause(self):
        """Seen in what is told of the pauses: each begins anew, as the target has something new each time."""
        files = self.order_files(self.scale(8, 100))
        with self.work.daemon() as daemon:
            self.work.drop_all(files[:2])
            daemon.delivered(2)
            for at, file in enumerate(files[2:], 3):
                self.spoil(daemon, (AFTER, ANSWERED)[at % 2], [file], at)
            pauses = [float(pause) for pause in re.findall(r'trying again in ([\d.]+) s', '\n'.join(daemon.err))]
        self.assertGreater(len(pauses), 0)
        self.assertLess(max(pauses), 0.5, pauses)
        self.judge(self.work, files, 'at the end')
