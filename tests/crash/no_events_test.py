"""Item 6, no events: without inotify files are found by rescans alone, within two intervals."""
from crash_case import CrashCase
from harness.polling import until

FOLDERS = 3
INTERVALS = 2


class NoEvents(CrashCase):
    def test_files_are_found_within_two_rescans_of_their_folder(self):
        """Counted in scans, which a slow machine does later, and not in seconds: a folder may be in the midst of one when
        the files come, and then two more follow."""
        work = self.workspace()
        files = self.order_files(1_000 - 2)
        with work.daemon('--no-events') as daemon:
            work.command('pause', 'Orders')  # what is found waits to be counted
            before = work.status()['running']['scans']
            work.drop_all(files)
            after = before + FOLDERS * (1 + INTERVALS)
            running = until(lambda: (now := work.status()['running'])['scans'] >= after and now, lambda: f'the scans\n{daemon}')
            self.count(points=len(files), found=running['waiting'], events=running['events'])
            self.assertEqual((running['waiting'], running['events']), (len(files) - 2, 0))
            work.command('resume', 'Orders')
            daemon.printed('applied ', len(files))
        self.judge(work, files, 'without events')
