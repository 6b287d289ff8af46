"""Item 4, power loss: ext4 and xfs shut down without a warning under a daemon at work, and mounted again.

Landing folders, archive, checkpoints and the embedded target all lie on the file system that is lost. What the daemon had
said to be applied must be in the store, and its file in the archive, whole, also where the producer flushed nothing; a
file that the producer did flush must never be lost. The producer sends again what was neither applied nor is whole in the
landing folder.
"""
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from crash_case import APPLIED, CrashCase
from harness.mounts import mount, unmount
from harness.polling import until
from injecting import strace

SIZE = 320 << 20  # bytes, of a sparse file; xfs takes no less than 300 MiB
LOSSES_A_DISK = 5  # then a fresh one
UNFLUSHED = ('-e', 'trace=fsync,fdatasync,syncfs', '-e', 'inject=fsync,fdatasync,syncfs:retval=0')


class Disk:
    """A file system in a file. Each time it is mounted as another device, as a boot may do."""

    def __init__(self, case, kind):
        self.case = case
        self.image, self.folder = case.folder / 'image', case.folder / 'disk'
        for tool in (f'mkfs.{kind}', 'xfs_io', 'losetup'):
            if not shutil.which(tool):
                case.skipTest(f'{tool} is not installed')
        self.image.unlink(missing_ok=True)
        self.folder.mkdir(exist_ok=True)
        with open(self.image, 'wb') as file:
            file.truncate(SIZE)
        run(f'mkfs.{kind}', '-q', self.image).check_returncode()
        case.addCleanup(self.detach)
        self.mount()

    def mount(self):
        before, made = self.devices(), run('losetup', '--find', '--show', self.image)
        if made.returncode != 0:
            self.case.skipTest(f'no loop device is to be had here: {made.stderr.strip()}')
        self.detach(before)
        mount(self.case, self.folder, made.stdout.strip())

    def devices(self):
        return run('losetup', '--noheadings', '--output', 'NAME', '--associated', self.image).stdout.split()

    def detach(self, devices=None):
        for device in self.devices() if devices is None else devices:
            run('losetup', '--detach', device)

    def unmount(self):
        unmount(self.folder)

    def remove(self):
        self.unmount()
        self.detach()

    def shut_down(self):
        """Nothing that is not on the disk by now ever gets there."""
        run('xfs_io', '-x', '-c', 'shutdown', self.folder).check_returncode()


def run(*command):
    return subprocess.run(command, capture_output=True, check=False, text=True)


def flush(path):
    with open(path, 'rb') as file:
        os.fsync(file.fileno())


class PowerLoss(CrashCase):
    KIND = 'ext4'
    ROUNDS = 6  # of three files, between two losses

    def begin(self):
        """A fresh disk with a workspace that is safe on it."""
        disk = Disk(self, self.KIND)
        work = self.workspace('disk/work')
        work.run_once()
        run('sync', '--file-system', disk.folder).check_returncode()  # and no other: beside it some are not to be flushed
        return disk, work

    def lose_power(self, disk, work, batch, flushed):
        """Drops the files and shuts the disk down amid the daemon's work on them; what it had said to be applied."""
        with self.begun(work) as daemon:
            self.drop(work, daemon, batch, flushed)
            goal = self.rng.randrange(len(batch)) + 1
            until(lambda: len(self.applied(daemon)) >= goal, lambda: f'{goal} files are applied\n{daemon}', pause=0)
            said = self.shut_down(disk, daemon, self.applied)
        disk.unmount()
        disk.mount()
        return said

    def shut_down(self, disk, daemon, said):
        """Takes the disk from the daemon; what that had `said` by then."""
        with self.stopped(daemon):
            told = said(daemon)
            disk.shut_down()
            daemon.process.kill()
        daemon.process.wait()
        return told

    def drop(self, work, _, batch, flushed):
        for feed, path in batch:
            dropped = work.drop(feed, path)
            if flushed:
                self.flush(dropped)

    def begun(self, work):
        return work.daemon()

    @staticmethod
    def flush(dropped):
        try:
            flush(dropped)
        except FileNotFoundError:
            return  # taken already
        folder = os.open(dropped.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    @staticmethod
    def applied(daemon):
        return {tuple(line.split(' ')[1].split('/')) for line in list(daemon.out) if line.startswith('applied ')}

    def in_store(self, work):
        """What the ledger says, read from a copy: the log is left for the program to read."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for path in work.checkpoints.glob('*.db*'):
                shutil.copy(path, folder)
            ledger = self.ledger(SimpleNamespace(checkpoints=Path(folder), pipeline=work.pipeline))
        return {(feed, name) for feed, name, state, _ in ledger if state == APPLIED}

    def send_again(self, work, batch, applied, flushed):
        for feed, source in batch:
            landed = work.landing(feed) / source.name
            whole = landed.is_file() and landed.read_bytes() == source.read_bytes()
            if whole or (feed, source.name) in applied:
                continue
            self.find('lost', flushed, f'{feed}/{source.name} was flushed by its producer and is gone')
            landed.unlink(missing_ok=True)
            work.drop(feed, source)

    def judge_archive(self, work, files, where):
        for feed, source in files:
            kept = [name for name in work.archived(feed) if name.split('-', 2)[2] == source.name]
            whole = [name for name in kept if (work.data / 'archive' / feed / name).read_bytes() == source.read_bytes()]
            self.find('lost', len(whole) != 1, f'{where}: the archive has {kept} of {source.name}, whole: {whole}')

    def go_on(self, work, files, where):
        outcome = work.command('run', '--once', '--settle', '0', expect=None)
        if outcome.code != 0:
            self.find('lost', 1, f'{where}: the next start {outcome}')
            return
        self.judge(work, self.in_order(work, files), where)
        self.judge_ledger(work, files, where)
        self.judge_archive(work, files, where)

    @staticmethod
    def different(files):
        """Without those of the same content as an earlier one, which would be taken for a redelivery."""
        return list({(feed, path.read_bytes()): (feed, path) for feed, path in reversed(files)}.values())[::-1]

    def losses(self, count):
        """A disk's worth of losses in one workspace."""
        disk, work = self.begin()
        files = self.different(self.sample(orders=100 * count, files=self.ROUNDS * count))
        size = len(files) // count
        for number in range(count):
            batch = files[size * number:size * (number + 1)]
            flushed = self.rng.random() < 0.5
            said = self.lose_power(disk, work, batch, flushed)
            applied = self.in_store(work)
            where = f'{self.KIND}, loss {number}'
            self.find('lost', len(said - applied), f'{where}: said to be applied, not in the store: {said - applied}')
            self.send_again(work, batch, applied, flushed)
            self.go_on(work, files[:size * (number + 1)], where)
            self.count(points=1, acknowledged=len(said), on_the_way=len(batch) - len(said))
        disk.remove()

    def test_what_was_acknowledged_is_there(self):
        left = self.scale(3, 200)
        while left > 0:
            self.losses(min(left, LOSSES_A_DISK))
            left -= LOSSES_A_DISK


class PowerLossOnXfs(PowerLoss):
    KIND = 'xfs'


class PowerLossOfMany(PowerLoss):
    """Small files that come together are flushed, committed and moved away together."""
    ROUNDS = 40

    def drop(self, work, daemon, batch, flushed):
        with self.stopped(daemon):
            super().drop(work, daemon, batch, flushed)


class PowerLossOfManyOnXfs(PowerLossOfMany):
    KIND = 'xfs'


class PowerLossOfBad(PowerLoss):
    """What was said to be quarantined is whole in the quarantine, also where the producer flushed nothing."""
    FILES = 12  # of each loss: more than are flushed alone

    def losses(self, count):
        disk, work = self.begin()
        for number in range(count):
            bad = {f'{number}-{k}.csv': f'"{number} {k}'.encode() * 999 for k in range(self.rng.choice([1, self.FILES]))}
            with work.daemon() as daemon:
                with self.stopped(daemon):
                    for name, content in bad.items():
                        work.drop('Orders', content, name)
                until(lambda: self.told(daemon), lambda: f'a file is quarantined\n{daemon}', pause=0)
                told = self.shut_down(disk, daemon, self.told)
            disk.unmount()
            disk.mount()
            quarantine = work.data / 'quarantine' / 'Orders'
            whole = {path.name for path in quarantine.iterdir() if path.read_bytes() == bad.get(path.name)}
            self.find('lost', len(told - whole), f'{self.KIND}, loss {number}: quarantined {told}, whole {whole}')
            work.run_once()
            self.count(points=1, acknowledged=len(told))
        disk.remove()

    @staticmethod
    def told(daemon):
        return {line.split(':')[0].split('/')[1] for line in list(daemon.out) if line.startswith('quarantined ')}


class PowerLossOfBadOnXfs(PowerLossOfBad):
    KIND = 'xfs'


class Teeth(PowerLoss):
    """The same without flushes: if nothing were lost then, the test above could not fail."""

    @contextmanager
    def begun(self, work):
        daemon = work.daemon()
        follower = subprocess.Popen([strace(), '-f', '-qq', '-o', '/dev/null', *UNFLUSHED, '-p', str(daemon.process.pid)])
        try:
            with daemon:
                until(lambda: 'TracerPid:\t0\n' not in Path(f'/proc/{daemon.process.pid}/status').read_text(encoding='utf-8'),
                      lambda: 'strace follows')
                yield daemon
        finally:
            follower.kill()
            follower.wait()

    def test_what_was_acknowledged_is_there(self):
        lost = 0
        for _ in range(self.scale(3, 10)):
            disk, work = self.begin()
            said = self.lose_power(disk, work, self.sample(orders=40, files=self.ROUNDS), False)
            lost += len(said - self.in_store(work))
            self.count(points=1, acknowledged=len(said))
            disk.remove()
            if lost and not self.long:  # else the kernel wrote it by itself, just before
                break
        self.count(lost_without_flushes=lost)
        self.assertGreater(lost, 0, 'nothing was lost although nothing was flushed')


class TeethOnXfs(Teeth):
    KIND = 'xfs'
