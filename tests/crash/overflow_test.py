"""Item 5, overflow: more events than inotify's queue holds; what it dropped is found by looking at the folders."""
import fcntl
from pathlib import Path

from crash_case import CrashCase

QUEUE = Path('/proc/sys/fs/inotify/max_queued_events')
LENGTH = 64  # of the queue; a file dropped is four events


class Overflow(CrashCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def short_queue(self):
        """For inotify descriptors that are opened from now on. The length is the whole machine's: one run at a time sets it, or
        another would put back what it found meanwhile."""
        try:
            turn = open(QUEUE, encoding='ascii')
            self.addCleanup(turn.close)
            fcntl.flock(turn, fcntl.LOCK_EX)
            before = turn.read()
            QUEUE.write_text(f'{LENGTH}\n', encoding='ascii')
        except OSError as error:
            self.skipTest(f'the length of inotify queues cannot be set here: {error}')

        def put_back():
            if not turn.closed:
                QUEUE.write_text(before, encoding='ascii')
                turn.close()

        self.addCleanup(put_back)
        return put_back

    def test_files_whose_events_were_dropped_are_processed(self):
        files = self.order_files(self.scale(300, 20_000))
        put_back = self.short_queue()
        # Nothing but an overflow may make it look again.
        with self.work.daemon('--rescan', 3600) as daemon:
            put_back()
            while waiting := files[self.figures['points']:]:
                portion = waiting[:self.scale(100, 500)]
                with self.stopped(daemon):
                    self.work.drop_all(portion)
                self.count(points=len(portion))
                daemon.printed('applied ', self.figures['points'])
            running = self.work.status()['running']
            self.count(overflows=running['overflows'])
            daemon.complained('inotify\'s queue ran over')
        self.assertGreaterEqual(self.figures['overflows'], 1)
        self.judge(self.work, files, 'after the overflow')
