"""Items 1 and 2, kill sweep: SIGKILL at every system call of a run, and again during its recovery."""
import shutil
import signal
import sqlite3
from contextlib import closing

from crash_case import APPLIED, CrashCase
from harness.case import InPostgres
from harness.files import order, orders
from harness.mounts import mount, unmount
from harness.oracle import surviving
from harness.targets import dump
from injecting import ARGUMENTS, calls_of, run_with


class KillSweep(CrashCase):
    SHORT, PAIRS_SHORT, PAIRS_LONG = 60, 10, 500
    FILES = 3  # that come behind those that are loaded

    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=40, files=2)
        self.points = {}

    def prepare(self, loaded):
        """A workspace with `loaded` files applied and the next ones dropped, the undisturbed end, and its calls."""
        self.start = self.workspace('start')
        if loaded:
            self.start.drop_all(self.files[:loaded])
            self.start.run_once()
        self.start.drop_all(self.files[loaded:loaded + self.FILES])
        self.present = self.files[:loaded + self.FILES]
        calm = self.again('calm')
        calls = self.calls(calm)
        self.judge(calm, self.present, 'undisturbed')
        self.reference = dump(calm.target)
        return calls

    def calls(self, calm):
        return calls_of(calm)

    def again(self, name):
        return self.copy_of(self.start, name)

    def kill(self, work, call):
        process, _, err = run_with(work, *call, 'signal=KILL')
        self.assertNotIn('hung', err, call)
        return process.returncode == -signal.SIGKILL

    def recover_and_judge(self, work, where):
        outcome = work.command('run', *ARGUMENTS, expect=None)
        if outcome.code != 0:
            self.find('lost', 1, f'{where}: the next start {outcome}')
        else:
            self.judge(work, self.present, where, self.reference)
        work.target.drop()
        shutil.rmtree(work.root)

    def sweep(self, loaded):
        for call in self.some(self.prepare(loaded), self.SHORT):
            work = self.again('killed')
            if self.kill(work, call):
                self.count(points=1)
            self.recover_and_judge(work, f'killed at {call}')

    def test_a_first_run(self):
        self.sweep(loaded=0)

    def test_a_run_after_others(self):
        self.sweep(loaded=3)

    def test_a_second_kill_during_the_recovery(self):
        calls = self.prepare(loaded=3)
        for _ in range(self.scale(self.PAIRS_SHORT, self.PAIRS_LONG)):
            first, second = self.rng.choice(calls), self.rng.choice(calls)
            work = self.again('killed')
            if self.kill(work, first) and self.kill(work, second):
                self.count(points=1)
            self.recover_and_judge(work, f'killed at {first}, then at {second}')


class KillSweepOfMany(KillSweep):
    """Small files that come together are read, committed and moved away together."""
    FILES = 24
    test_a_first_run = None

    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=90, files=9)

    def calls(self, calm):
        found = super().calls(calm)
        self.assertLess(sum(name == 'fdatasync' for name, _ in found), self.FILES, 'as many commits as files')
        self.assertIn(('syncfs', 1), found, 'each file was flushed alone')
        return found


class KillSweepOfReplacing(KillSweep):
    """A file comes corrected, under its name: whatever is killed, the old rows count or the new ones, and never both."""
    SHORT = 12
    test_a_first_run = test_a_second_kill_during_the_recovery = None

    def prepare(self, loaded):
        self.start = self.workspace('start')
        self.start.configure('Orders', on_change='replace')
        for feed, path in self.files:
            self.start.drop(feed, path)
        self.start.run_once()
        name = next(path.name for feed, path in self.files if feed == 'Orders')
        corrected = self.written([('Orders', name, orders(order(1, total='3.50'), order(2, customer=2, quantity=9)))])
        self.start.drop(*corrected[0])
        self.present = self.files + corrected
        calm = self.again('calm')
        calls = calls_of(calm)
        self.judge(calm, self.present, 'undisturbed')
        self.reference = dump(calm.target)
        return calls

    def judge(self, workspace, files, where, reference=None):
        """The ledger holds both files of the name, and says that the newer one took the older one's place."""
        with closing(sqlite3.connect(workspace.checkpoints / f'{workspace.pipeline}.db')) as connection:
            rows = connection.execute('SELECT state, forgotten FROM files ORDER BY id').fetchall()
        self.find('lost', len(files) - len(rows), f'{where}: {rows}')
        self.find('wrong', int([row for row in rows if row != (APPLIED, 0)] != [(APPLIED, len(files))]), f'{where}: {rows}')
        self.find('lost', len(workspace.landed()), f'{where}: still landed {workspace.landed()}')
        if reference is None:
            self.judge_target(workspace, surviving(files, {'Orders': 'replace'}), where)
        elif dump(workspace.target) != reference:
            self.find('wrong', 1, f'{where}: the target is not the undisturbed one')
        self.find('wrong', workspace.command('verify', '--deep', expect=None).code, f'{where}: verify')


class KillSweepOnTheWayOut(CrashCase):
    """Files leave their landing folder for FOLDER, on the same device or another: killed at CALLS from the first mkdirat on,
    once and twice, a run ends as a calm one does."""
    SHORT = None

    def again(self, name, mounted):
        work = self.copy_of(self.start, name)
        if mounted:
            mount(self, work.data / self.FOLDER, '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs')
        return work

    def sweep_calls(self, mounted, calls, wanted):
        first = next(at for at, (name, _) in enumerate(calls) if name == 'mkdirat')
        points = [call for call in calls[first:] if call[0] in self.CALLS]
        for call in self.some(points, self.SHORT) if self.SHORT else points:
            self.kill_and_judge(mounted, wanted, call)
        for _ in range(self.scale(2, 50)):
            self.kill_and_judge(mounted, wanted, *self.rng.choices(points, k=2))

    def kill_and_judge(self, mounted, wanted, *calls):
        work = self.again('killed', mounted)
        for call in calls:
            run_with(work, *call, 'signal=KILL')
        work.command('run', *ARGUMENTS)
        self.count(points=1)
        self.judge(work, self.end(work), wanted, f'killed at {calls}')
        if mounted:
            unmount(work.data / self.FOLDER)
        shutil.rmtree(work.root)


class KillSweepOfMoving(KillSweepOnTheWayOut):
    """What was committed leaves its folder, with its marker where it has one, and comes into the archive once and whole."""
    FOLDER = 'archive'
    CALLS = {'mkdirat', 'openat', 'write', 'renameat2', 'renameat', 'unlinkat', 'fsync'}
    SHORT = 5

    @staticmethod
    def end(work):
        archive = work.data / 'archive' / 'Orders'
        archived = {path.name: path.read_bytes() for path in archive.iterdir()} if archive.is_dir() else {}
        return archived, [path.name for path in work.landing('Orders').iterdir()]

    def sweep(self, files, mounted=False, **options):
        self.start = self.workspace('start')
        (self.start.data / 'archive').mkdir()
        self.start.configure('Orders', **options)
        for number in range(1, files + 1):
            path = self.start.drop('Orders', orders(order(number)), f'{number}.csv')
            if options.get('ready') == 'done':
                path.with_name(f'{path.name}.done').touch()
        self.present = [('Orders', path) for path in sorted(self.start.landing('Orders').glob('*.csv'))]
        calm = self.again('calm', mounted)
        calls = calls_of(calm)
        wanted = self.end(calm)
        self.assertEqual((len(wanted[0]), wanted[1]), (0 if options.get('after') == 'delete' else files, []))
        self.sweep_calls(mounted, calls, wanted)

    def judge(self, work, end, wanted, where):
        self.judge_ledger(work, self.present, where)
        self.find('wrong', end != wanted, f'{where}: {sorted(end[0])}, {end[1]}')

    def test_by_a_copy_to_another_device(self):
        self.sweep(files=1, mounted=True)

    def test_of_many_by_copies_to_another_device(self):
        self.sweep(files=6, mounted=True)

    def test_with_markers(self):
        self.sweep(files=2, ready='done')

    def test_of_many_by_their_end(self):
        self.sweep(files=6, after='delete')


class KillSweepOfSettingAside(KillSweepOnTheWayOut):
    """A bad file and its reason come into the quarantine, and it comes into the ledger, once, under its own name."""
    FOLDER = 'quarantine'
    CALLS = {'mkdirat', 'renameat2', 'unlinkat', 'fsync'}
    BEFORE, STORED = [], ['bad.csv']

    @staticmethod
    def end(work):
        folder = work.data / 'quarantine' / 'Orders'
        return (work.target.query("SELECT name, stored, note FROM dropfold_files WHERE state = 'quarantined' ORDER BY id"),
                {path.name: path.read_text(encoding='utf-8') for path in folder.iterdir()},
                [path.name for path in work.landing('Orders').iterdir()])

    def sweep(self, mounted):
        self.start = self.workspace('start')
        folder = self.start.data / 'quarantine'
        folder.mkdir()
        if mounted and self.BEFORE:
            mount(self, folder, '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs')
        for content in self.BEFORE:
            self.start.drop('Orders', content, 'bad.csv')
            self.start.run_once()
        self.start.drop('Orders', b'"a', 'bad.csv')
        calm = self.again('calm', mounted)
        calls = calls_of(calm)
        rows, quarantine, landed = wanted = self.end(calm)
        self.assertEqual(([row[:2] for row in rows], landed),
                         ([('bad.csv', f'quarantine/Orders/{name}') for name in self.STORED], []))
        self.assertEqual(sorted(quarantine), sorted({name + end for name in self.STORED for end in ('', '.reason')}))
        self.sweep_calls(mounted, calls, wanted)

    def again(self, name, mounted):
        work = super().again(name, mounted)
        if mounted:  # what lay there is below the mount of the copy
            shutil.copytree(self.start.data / self.FOLDER, work.data / self.FOLDER, dirs_exist_ok=True)
        return work

    def judge(self, _, end, wanted, where):
        self.find('doubled', max(len(end[0]) - len(wanted[0]), 0), f'{where}: {end}')
        self.find('wrong', end != wanted, f'{where}: {end}')

    def test_by_a_rename(self):
        self.sweep(mounted=False)

    def test_by_a_copy_to_another_device(self):
        self.sweep(mounted=True)


class KillSweepOfSettingAsideBesideAnother(KillSweepOfSettingAside):
    """Another file of its name lies there already."""
    SHORT = 12
    BEFORE, STORED = [b'"b'], ['bad.csv', 'bad.csv.1']


class KillSweepOfSettingAsideAgain(KillSweepOfSettingAside):
    """The same bytes lie there already, under that name, and stay; the note of the file that came again may be lost."""
    SHORT = 12
    BEFORE, STORED = [b'"a'], ['bad.csv', 'bad.csv']

    def judge(self, _, end, wanted, where):
        self.find('doubled', max(len(end[0]) - 2, 0), f'{where}: {end}')
        self.find('lost', not end[0], f'{where}: {end}')
        self.find('wrong', end[1:] != wanted[1:], f'{where}: {end}')


class KillSweepInPostgres(InPostgres, KillSweep):
    SHORT, PAIRS_SHORT = 10, 4

    def prepare(self, loaded):
        calls = super().prepare(loaded)
        return [call for call in calls if call[0] not in ('brk', 'mmap', 'munmap', 'mprotect')]

    def again(self, name):
        """The server's copy of the starting point."""
        work = super().again(name)
        work.target.copy_from(self.start.target)
        return work
