"""Item 19, disk full: checkpoints, archive, temporary space, the embedded target, standard output; and ulimit -f.

A daemon that finds no room says so and waits; once there is room it goes on by itself, and nothing was lost or doubled.
"""
import os
import resource
import subprocess

from crash_case import CrashCase
from harness.mounts import mount
from harness.polling import until

SIZE = 16 << 20  # bytes, of a file system
NO_LIMIT = resource.RLIM_INFINITY


class DiskFull(CrashCase):
    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=1500, files=6)

    def small(self, folder):
        folder.mkdir(exist_ok=True)
        mount(self, folder, '-t', 'tmpfs', '-o', f'size={SIZE}', 'tmpfs')
        return folder

    @staticmethod
    def fill(folder, room):
        """Leaves so many bytes; the file that takes the others."""
        ballast = folder / 'ballast'
        space = os.statvfs(folder)
        with open(ballast, 'wb') as file:
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - room)
        return ballast

    def rooms(self):
        """Bytes that end early, late and in between."""
        return [self.rng.randrange(16, 128) << 10 for _ in range(self.scale(1, 40))]

    def waits_and_goes_on(self, work, words, begin, end):
        """A daemon at work runs out of room after begin(), says so, and is done with everything after end()."""
        with work.daemon() as daemon:
            begin(daemon.process.pid)
            self.drop(work, daemon)
            daemon.complained(words)
            work.status()
            end(daemon.process.pid)
            daemon.printed('applied ', len(self.files))
            daemon.delivered(len(self.files))
            until(lambda: not self.on_the_way(work), lambda: f'every file is archived\n{daemon}')
        self.judge(work, self.in_order(work, self.files), words)
        self.judge_ledger(work, self.files, words)
        self.find('lost', len(self.files) - sum(len(work.archived(feed)) for feed in work.FEEDS), f'{words}: not archived')
        self.count(points=1)

    def drop(self, work, daemon):
        work.drop_all(self.files)

    @staticmethod
    def on_the_way(work):
        """What is left in the landing folders, the hidden folders of files that cannot be archived included."""
        return [path for feed in work.FEEDS for path in work.landing(feed).iterdir()]

    def without_room(self, place, words):
        for number, room in enumerate(self.rooms()):
            work = self.workspace(f'work-{number}')
            folder = self.small(work.root / place)
            work.run_once()
            ballast = self.fill(folder, room)
            self.waits_and_goes_on(work, words, lambda pid: None, lambda pid, ballast=ballast: ballast.unlink())

    def test_checkpoints(self):
        self.without_room('checkpoints', 'no space left, waiting for it')

    def test_archive(self):
        self.without_room('data/archive', 'No space left on device')

    def test_embedded_target(self):
        self.without_room('data/results', 'disk is full')

    def test_files_that_may_not_grow(self):
        for number, room in enumerate(self.rooms()):
            work = self.workspace(f'work-{number}')
            self.waits_and_goes_on(work, 'no space left, waiting for it', lambda pid, room=room: self.limit(pid, room),
                                   lambda pid: self.limit(pid, NO_LIMIT))

    @staticmethod
    def limit(pid, size):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, NO_LIMIT))

    def test_no_room_for_a_beginning(self):
        """A store cannot be made: an error, and nothing in the way of the next start."""
        for room in self.some((0, 4096, 16384, 65536), 2):
            work = self.workspace(f'full-{room}')
            ballast = self.fill(self.small(work.checkpoints), room)
            self.fails_and_begins_anew(work, ballast.unlink)
            work = self.workspace(f'limited-{room}')
            self.fails_and_begins_anew(work, lambda: None, 'prlimit', f'--fsize={room}')

    def fails_and_begins_anew(self, work, end, *prefix):
        work.drop_all(self.files[:3])
        process = work.popen([*prefix, *work.arguments('run', '--once', '--settle', '0')])
        _, err = process.communicate()
        self.find('wrong', process.returncode not in (0, 1, 69) or (process.returncode != 0 and not err), f'{prefix}: {err}')
        end()
        work.run_once()
        self.judge(work, self.files[:3], f'{prefix} at the start')
        self.count(points=1, failed_starts=process.returncode != 0)

    def test_temporary_space_and_standard_output(self):
        work = self.workspace()
        full = self.small(self.folder / 'full')
        self.fill(full, 0)
        work.drop_all(self.files)
        with open('/dev/full', 'wb') as out:
            subprocess.run(work.arguments('run', '--once', '--settle', '0'), cwd=work.root, stdout=out, stderr=out, check=False,
                           env=work.environment({'TMPDIR': str(full), 'SQLITE_TMPDIR': str(full)}))
        self.judge(work, self.files, 'no temporary space')
        self.count(points=1)


class DiskFullOfMany(DiskFull):
    """Small files that come together are committed and moved away together."""
    test_no_room_for_a_beginning = test_temporary_space_and_standard_output = test_embedded_target = None

    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=1500, files=25)

    def drop(self, work, daemon):
        with self.stopped(daemon):
            super().drop(work, daemon)
