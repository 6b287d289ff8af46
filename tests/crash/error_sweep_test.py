"""Item 3, error sweep: EIO, ENOSPC, EINTR, EAGAIN, EMFILE and ENOMEM at every system call of a run.

A run may fail, with an exit code that is documented and a message, or get over it and end with 0, all files applied and
delivered; the next one must end well. Before that one the corrections of the files are dropped, older than the files by
their times: a file that was applied but not moved away, and is taken for another one, would undo them.

What is not tried, by rule: the calls of the loader, before the program's own first; calls that have no error; and what
the process says to itself (pipes between its threads, eventfd, epoll), which no disk, limit or network reaches, fails in
no other way than its manual page knows.
"""
import errno
import os
import shutil

from crash_case import CrashCase
from harness.case import InPostgres
from harness.workspace import Workspace
from injecting import calls_of, run_traced, run_with
from tracing import Tracer

ERRORS = ('EIO', 'ENOSPC', 'EINTR', 'EAGAIN', 'EMFILE', 'ENOMEM')
NO_ERRORS = {'brk', 'futex', 'geteuid', 'getpid', 'getuid', 'rseq', 'rt_sigaction', 'rt_sigprocmask', 'sched_yield',
             'set_robust_list'}
INTERNAL = ('pipe:', 'anon_inode:')
INTERNAL_ERRORS = {'epoll_ctl': ('ENOSPC', 'ENOMEM'), 'epoll_wait': ('EINTR',), 'read': ('EINTR',), 'write': ('EINTR',)}
EXIT_CODES = (0, 1, 64, 65, 69, 75, 78)
BROKEN = ('Assertion', 'free()', 'malloc', 'corrupted', 'terminate called')


def errors_of(name):
    return () if name in NO_ERRORS else ERRORS


def injection(name, k, error):
    """What a tracer is to decide so that the k-th call of this name fails, and a list that then holds it."""
    done = []

    def decide(call):
        if call.k != k or (call.descriptor().startswith(INTERNAL) and error not in INTERNAL_ERRORS.get(name, ())):
            return None
        done.append(call)
        return getattr(errno, error)

    return decide, done


class ErrorSweep(CrashCase):
    SHORT = 24
    FILES = 3  # that come behind those that are loaded; and so many corrections behind them

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('only root may see what the descriptors of a traced dropfold are')
        self.files = self.sample(orders=40, files=3)

    def prepare(self, loaded):
        """A workspace with `loaded` files applied and more dropped, three to come, and every (name, k, error)."""
        self.start = self.workspace('start')
        if loaded:
            self.start.drop_all(self.files[:loaded])
            self.start.run_once()
        self.start.drop_all(self.files[loaded:loaded + self.FILES])
        dropped = loaded + self.FILES
        self.present, self.later = self.files[:dropped], self.files[dropped:dropped + 3]
        calm = self.again('calm')
        calls = calls_of(calm)
        self.judge(calm, self.present, 'undisturbed')
        return [(name, k, error) for name, k in calls for error in errors_of(name)]

    def again(self, name):
        return self.copy_of(self.start, name)

    def sweep(self, loaded):
        self.fail_at(self.some(self.prepare(loaded), self.SHORT))

    def fail_at(self, points):
        for point in points:
            work = self.again('failed')
            if self.inject(work, *point):
                self.count(points=1)
            self.go_on(work, f'{point}')
            work.target.drop()
            shutil.rmtree(work.root)

    def inject(self, work, name, k, error):
        """One run with the error; False when there was nothing to fail."""
        decide, done = injection(name, k, error)
        code, out, err, hung = run_traced(Tracer([name], decide), work)
        where = f'{error} at {name} {k}: exit code {code}, {err[-300:]}'
        self.find('wrong', hung, f'{where}: hung')
        self.find('wrong', code not in EXIT_CODES or any(word in err for word in BROKEN), f'{where}: crashed')
        self.find('wrong', code != 0 and not err.strip(), f'{where}: not a word')
        if code == 0:
            self.find('wrong', len(work.landed()) > 0 and not err.strip(), f'{where}: left {work.landed()} without a word')
            left = set(self.present) - set(self.in_order(work, self.present))
            self.find('wrong', len(left), f'{where}: did not apply {left}')
            self.judge_target(work, self.in_order(work, self.present), where)
        self.count(failed_runs=code != 0)
        return bool(done)

    def go_on(self, work, where):
        work.drops = -1000
        work.drop_all(self.later)
        outcome = work.command('run', '--once', '--settle', '0', expect=None)
        if outcome.code != 0:
            self.find('lost', 1, f'{where}: the next start {outcome}')
        else:
            self.judge(work, self.in_order(work, self.present + self.later), where)

    def test_a_first_run(self):
        self.sweep(loaded=0)

    def test_a_run_after_others(self):
        self.sweep(loaded=3)


class ErrorSweepOfMany(ErrorSweep):
    """Small files that come together are read, committed and moved away together."""
    FILES = 9
    test_a_first_run = None

    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=40, files=5)

    def test_looks_at_folders(self):
        """A look that fails says nothing of the folder: files stay in one that cannot be written, and in no other."""
        looks = [point for point in self.prepare(loaded=3) if point[0].startswith('faccessat')]
        self.fail_at(self.some(looks, self.SHORT))

    def test_hiding_places_that_cannot_be_opened(self):
        """None is left behind in the landing folder, where nobody would look before the next start."""
        self.prepare(loaded=3)
        for error in ERRORS:
            work, made = self.again('failed'), []
            code, _, err, _ = run_traced(Tracer(['mkdirat', 'openat'], self.fail_to_open(made, error)), work)
            self.count(points=len(made) == 2)
            left = [path.name for path in work.data.glob('*/.dropfold-*')]
            self.find('wrong', len(left) or not err.strip(), f'{error}: exit code {code}, {left} is left, {err}')
            shutil.rmtree(work.root)

    @staticmethod
    def fail_to_open(made, error):
        """Fails to open the first folder that is made in a landing folder; `made` holds both calls then."""
        def decide(call):
            if call.name == 'mkdirat' and not made and '/archive' not in call.descriptor():
                made.extend([call] * call.descriptor().endswith(('/Customers', '/Deliveries', '/Orders')))
            elif call.name == 'openat' and len(made) == 1 and call.first == made[0].first:
                made.append(call)
                return getattr(errno, error)
            return None
        return decide

    def test_looks_at_streams(self):
        """The first calls of all. One that fails says nothing of a stream, and one that has no place is told."""
        self.fail_at(point for point in self.prepare(loaded=0) if point[0] == 'fcntl' and point[1] <= 3)
        closed = Tracer(['fcntl'], lambda call: errno.EBADF if call.k == 1 else None)
        code, _, err, _ = run_traced(closed, self.again('closed'))
        self.assertEqual((code, 'descriptor 0 is closed' in err), (1, True), err)


class ErrorSweepInPostgres(InPostgres, ErrorSweep):
    SHORT = 6

    def again(self, name):
        """The server's copy of the starting point."""
        work = super().again(name)
        work.target.copy_from(self.start.target)
        return work


class MarkedWorkspace(Workspace):
    """A marker says of each file that it is complete. One that stays behind would speak of the next file of its name."""

    def drop(self, feed, source, name=None):
        path = super().drop(feed, source, name)
        path.with_name(f'{path.name}.done').touch()
        return path


class ErrorSweepOfMarked(ErrorSweep):
    SHORT = 12
    AFTER = 'archive'
    test_a_run_after_others = None

    def workspace(self, name='work', target=None, **options):
        work = MarkedWorkspace(self.folder / name, target or self.make_target(name), **options)
        for feed in work.FEEDS:
            work.configure(feed, ready='done', after=self.AFTER)
        return work

    def test_moves_of_markers(self):
        self.fail_at(point for point in self.prepare(loaded=0) if point[0] == 'renameat')


class ErrorSweepOfDeleted(ErrorSweepOfMarked):
    AFTER = 'delete'


class ErrorSweepOfRecovery(ErrorSweep):
    """The run before was killed: it left a log, files in hiding, and a target that is older than the store."""
    SHORT = 12
    FILES = 6
    test_a_first_run = None

    def setUp(self):
        super().setUp()
        self.files = self.sample(orders=40, files=4)

    def again(self, name):
        """Killed as a copy: files are known by their inodes."""
        work = super().again(name)
        run_with(work, 'renameat2', 4, 'signal=KILL')
        hidden = list(work.data.glob('*/.dropfold-*/*'))
        self.assertTrue(hidden and (work.checkpoints / 'ecommerce.db-wal').is_file(), hidden)
        return work

    def test_a_log_that_cannot_be_read(self):
        """SQLite reads it by other calls: these are of the look for damage, which must not be passed over."""
        self.prepare(loaded=3)
        for error in ERRORS:
            reads = Tracer(['read'], lambda call: getattr(errno, error) if call.descriptor().endswith('-wal') else None)
            work = self.again('failed')
            code, _, err, _ = run_traced(reads, work)
            self.count(points=1)
            self.find('wrong', code == 0 or 'ecommerce.db-wal' not in err, f'{error}: exit code {code}, {err}')
            shutil.rmtree(work.root)


class ErrorSweepOfSettingAside(CrashCase):
    """A bad file comes into the quarantine and into the ledger, once, also where a run before was killed on the way."""
    SHORT = 12

    def test(self):
        if os.geteuid() != 0:
            self.skipTest('only root may see what the descriptors of a traced dropfold are')
        start = self.workspace('start')
        (start.data / 'quarantine').mkdir()
        start.drop('Orders', b'"a', 'bad.csv')
        kills = [call for call in calls_of(self.copy_of(start, 'calm')) if call[0] in ('mkdirat', 'renameat2', 'unlinkat')]
        points = [(kill, *point) for kill in [None, *kills] for point in self.points(self.killed(start, kill))]
        sure = [point for point in points if point[1] == 'fsync' and not point[0] and point[-1] == 'EIO' or
                point[1] == 'getdents64' and point[0] == kills[-1] and point[-1] == 'ENOMEM']
        for kill, *point in dict.fromkeys(sure + self.some(points, self.SHORT)):
            self.judge_failed(self.killed(start, kill), point, f'killed at {kill}, then {point}')

    def killed(self, start, kill):
        """Killed as a copy: files are known by their inodes."""
        work = self.copy_of(start, 'killed')
        if kill:
            run_with(work, *kill, 'signal=KILL')
        return work

    @staticmethod
    def points(work):
        """What of a run touches folders or what lies in them."""
        calls = calls_of(work)
        shutil.rmtree(work.root)
        names = {'fsync', 'getdents64', 'mkdirat', 'newfstatat', 'openat', 'read', 'renameat2', 'unlinkat'}
        first = next((at for at, (name, _) in enumerate(calls) if name == 'inotify_init1'), 0)
        return [(name, k, error) for name, k in calls[first:] if name in names for error in errors_of(name)]

    def judge_failed(self, work, point, where):
        decide, done = injection(*point)
        code, _, err, hung = run_traced(Tracer([point[0]], decide), work)
        self.count(points=len(done), failed_runs=code != 0)
        self.find('wrong', hung or code not in EXIT_CODES, f'{where}: exit code {code}, {err[-300:]}')
        noted = code == 0 and work.target.query("SELECT 1 FROM dropfold_files WHERE state = 'quarantined'")
        self.find('wrong', not noted and not err.strip(), f'{where}: not noted, and not a word')
        outcome = work.command('run', '--once', '--settle', '0', expect=None)
        self.find('lost', outcome.code != 0, f'{where}: the next start {outcome}')
        rows = work.target.query("SELECT name, stored FROM dropfold_files WHERE state = 'quarantined'")
        quarantine = sorted(path.name for path in (work.data / 'quarantine' / 'Orders').iterdir())
        self.find('doubled', len(rows) > 1, f'{where}: {rows}')
        self.find('wrong', (len(rows), quarantine, list(work.landing('Orders').iterdir())) != (1, ['bad.csv', 'bad.csv.reason'], []),
                  f'{where}: {rows} {quarantine} {err[-600:]}')
        shutil.rmtree(work.root)
