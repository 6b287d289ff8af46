"""Item 12, target down: files go on into the store as fast as before, in bounded memory, and the target catches up."""
import re
import time
from pathlib import Path

from crash_case import CrashCase
from harness import places

SECONDS = 60  # of each phase, in the long form
AHEAD = 50  # files dropped and not yet applied
RATE = 0.9  # that ingest keeps without its target
MORE = 64 << 20  # bytes that retrying may cost


class TargetDown(CrashCase):
    def setUp(self):
        super().setUp()
        self.cluster = self.own_cluster()
        self.work = self.workspace(target=self.postgres_target(self.cluster))
        self.files = []

    @staticmethod
    def peak(daemon):
        """The most memory that the process had so far, in bytes."""
        status = Path(f'/proc/{daemon.process.pid}/status').read_text(encoding='ascii')
        return int(re.search(r'VmHWM:\s+(\d+) kB', status)[1]) << 10

    def portion(self):
        """New customers, deliveries and orders."""
        first = 1 + len(self.files) * 7
        return self.order_files(AHEAD - 2, first=first)

    def load(self, daemon, portions):
        """Keeps files coming; how many of them were applied, and in how many seconds."""
        before, began = len(self.files), time.monotonic()
        while portions(time.monotonic() - began, len(self.files) - before):
            portion = self.portion()
            self.work.drop_all(portion)
            daemon.printed('applied ', len(self.files))  # those before; AHEAD of them are under way now
            self.files += portion
        daemon.printed('applied ', len(self.files))
        return len(self.files) - before, time.monotonic() - began

    def phase(self, daemon):
        """As long as the list says, or, in short, a few portions."""
        if self.long:
            return self.load(daemon, lambda seconds, _: seconds < SECONDS)
        return self.load(daemon, lambda _, applied: applied < 3 * AHEAD)

    def test_ingest_goes_on_and_the_target_catches_up(self):
        with self.work.daemon() as daemon:
            up, up_seconds = self.phase(daemon)
            daemon.delivered(up)
            self.judge_target(self.work, self.files, 'before')
            before = self.peak(daemon)
            self.cluster.stop('immediate')
            down, down_seconds = self.phase(daemon)
            self.assertFalse(self.work.status()['target']['reachable'])
            self.assertEqual(self.work.landed(), [])
            after = self.peak(daemon)
            self.cluster.start()
            daemon.delivered(up + down)
        ratio = (down / down_seconds) / (up / up_seconds)
        self.count(points=1, applied_up=up, applied_down=down, rate=round(ratio, 2), memory_mib=after >> 20)
        if self.long:
            self.assertGreaterEqual(ratio, RATE)
        if not places.sanitized():
            self.assertLessEqual(after, before * (up + down) / up + MORE)
        self.judge(self.work, self.files, 'after')
