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
from injecting import calls_of, run_traced
from tracing import Tracer

ERRORS = ('EIO', 'ENOSPC', 'EINTR', 'EAGAIN', 'EMFILE', 'ENOMEM')
NO_ERRORS = {'brk', 'futex', 'geteuid', 'getpid', 'getuid', 'rseq', 'rt_sigaction', 'rt_sigprocmask', 'sched_yield',
             'set_robust_list'}
INTERNAL = ('pipe:', 'anon_inode:')
INTERNAL_ERRORS = {'epoll_ctl': ('ENOSPC', 'ENOMEM'), 'epoll_wait': ('EINTR',), 'read': ('EINTR',), 'write': ('EINTR',)}
EXIT_CODES = (0, 1, 64, 65, 69, 75, 78)
BROKEN = ('Assertion', 'free()', 'malloc', 'corrupted', 'terminate called')


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
        return [(name, k, error) for name, k in calls if name not in NO_ERRORS for error in ERRORS]

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
        done = []

        def decide(call):
            if call.k != k or (call.descriptor().startswith(INTERNAL) and error not in INTERNAL_ERRORS.get(name, ())):
                return None
            done.append(call)
            return getattr(errno, error)

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
        self.fail_at(point for point in self.prepare(loaded=3) if point[0].startswith('faccessat'))

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
