"""Item 6, no events: without inotify files are found by rescans alone, within two intervals."""
from crash_case import CrashCase
from harness.polling import until

SCANS = 2


class NoEvents(CrashCase):
    def test_files_are_found_within_two_rescans_of_their_folder(self):
        """Counted in scans, which a slow machine does later, and not in seconds: the folder may be in the midst of one when
        the last file comes, and then two more follow."""
        work = self.workspace()
        files = self.order_files(1_000 - 2)
        with work.daemon('--no-events') as daemon:
            work.command('pause', 'Orders')  # what is found waits to be counted
            work.drop_all(files)
            after = work.status()['running']['scans']['Orders'] + 1 + SCANS
            running = until(lambda: (now := work.status()['running'])['scans']['Orders'] >= after and now,
                            lambda: f'the scans\n{daemon}')
            self.count(points=len(files), found=running['waiting'], events=running['events'])
            self.assertEqual((running['waiting'], running['events']), (len(files) - 2, 0))
            work.command('resume', 'Orders')
            daemon.printed('applied ', len(files))
        self.judge(work, files, 'without events')
