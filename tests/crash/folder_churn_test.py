"""Item 7, folder churn: the landing folder is renamed, removed, unmounted, mounted over, under a running daemon."""
from contextlib import nullcontext

from crash_case import APPLIED, CrashCase
from harness.mounts import mount, unmount
from harness.polling import until
from injecting import run_traced
from tracing import KILL, Tracer


class FolderChurn(CrashCase):
    """Between any two steps a file is dropped into the folder as it is now, and must be found and applied."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.rounds = self.scale(2, 50)
        self.files = self.order_files(4 * self.rounds + 1)
        self.landing = self.work.landing('Orders')
        self.dropped = 0

    def drop_next(self, count=1):
        portion = self.files[self.dropped:][:count]
        self.work.drop_all(portion)
        self.dropped += count
        return portion

    def applied(self):
        self.daemon.printed('applied ', self.dropped)

    def drop_and_wait(self):
        self.drop_next()
        self.applied()

    def under_a_daemon(self, one_round):
        with self.work.daemon('--rescan', 0.2) as self.daemon:
            self.drop_next(2)
            self.drop_and_wait()
            for _ in range(self.rounds):
                one_round()
            self.applied()
        self.judge(self.work, self.files[:self.dropped], 'after the churn')

    def churn(self, *steps):
        def one_round():
            for step in steps:
                step()
                self.count(points=1)
                self.drop_and_wait()
        self.under_a_daemon(one_round)

    # --- renamed, removed ---

    def away(self):
        return self.work.data / f'away-{self.dropped}'

    def replace(self):
        away = self.away()
        self.landing.rename(away)
        self.landing.mkdir()
        return away

    def leave_alone(self):
        """While the others, which are there all the time, are looked at twice."""
        before = self.running()['scans']['Customers']
        until(lambda: self.running()['scans']['Customers'] >= before + 2, lambda: f'more scans\n{self.daemon}')

    def running(self):
        return self.work.status()['running']

    def test_renamed_and_another_made(self):
        self.churn(self.replace)

    def test_removed_and_made_again(self):
        def remove_and_make():
            until(lambda: self.landing.rmdir() is None, lambda: 'an empty folder')
            self.landing.mkdir()
        self.churn(remove_and_make)

    def test_away_for_a_while_and_back(self):
        def away_and_back():
            away = self.away()
            self.landing.rename(away)
            self.leave_alone()
            away.rename(self.landing)
        self.churn(away_and_back)

    def test_files_in_a_folder_that_is_renamed_stay_there_until_they_are_put_back(self):
        """None is half in: it is applied, or it lies under its name where its user moved it. In every other round the daemon
        is at work on them meanwhile."""
        def one_round():
            with self.stopped(self.daemon) if self.count_rounds() % 2 else nullcontext():
                portion = self.drop_next(3)
                away = self.replace()
            self.drop_next()
            self.daemon.printed(f'applied Orders/{self.files[self.dropped - 1][1].name} ')
            until(self.nothing_under_way, lambda: f'the end of what is under way\n{self.daemon}')
            left = sorted(path.name for path in away.iterdir())
            self.assertLessEqual(set(left), {path.name for _, path in portion})
            self.count(points=len(portion), taken_back=len(left))
            for name in left:
                (away / name).rename(self.landing / name)
            self.applied()
        self.under_a_daemon(one_round)

    def count_rounds(self):
        self.count(rounds=1)
        return self.figures['rounds']

    def nothing_under_way(self):
        running = self.running()
        return running['settling'] + running['waiting'] + running['under_way'] == 0

    def test_a_file_that_a_crash_left_in_hiding_in_a_folder_that_comes_late(self):
        """Killed while it moves a committed file out; and while it puts back one that took its place just then."""
        for name, left, content in (('archiving', 0, self.files[2]), ('putting back', 1, self.files[3])):
            with self.subTest(name):
                self.late(self.workspace(name), left, content)

    def late(self, work, replaced, newest):
        landing = work.landing('Orders')
        path = work.drop(*self.files[2])
        moves = [0]

        def decide(call):
            moves[0] += 1
            if moves[0] == 1 and replaced:
                work.drop(*newest, name=path.name)
            return KILL if moves[0] == 2 else None

        run_traced(Tracer(['renameat2'], decide), work)
        self.assertEqual((moves[0], work.landed('Orders')), (2, []))
        away = work.data / 'away'
        landing.rename(away)
        landing.mkdir()
        with work.daemon('--rescan', 0.2) as daemon:
            until(lambda: work.status()['running']['scans']['Orders'], lambda: f'a scan\n{daemon}')
            landing.rename(work.data / 'empty')
            away.rename(landing)
            until(lambda: work.archived('Orders') and not list(landing.iterdir()), lambda: f'it is archived\n{daemon}')
        self.count(points=1)
        self.assertEqual([state for _, _, state, _ in self.ledger(work)], [APPLIED] * (1 + replaced))

    def test_a_bad_file_whose_copy_was_quarantined_before_a_crash_is_noted_once_when_its_folder_comes_late(self):
        work = self.workspace('quarantine')
        (work.data / 'quarantine').mkdir()
        mount(self, work.data / 'quarantine', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs')
        landing, away = work.landing('Orders'), work.data / 'away'
        work.drop('Orders', b'Order_ID,1\n"', 'bad.csv')

        def decide(call):
            """At the removal of the file, behind its copy."""
            return KILL if '/.dropfold-' in call.descriptor() and call.descriptor().endswith('-quarantine') else None

        run_traced(Tracer(['unlinkat'], decide), work)
        landing.rename(away)
        landing.mkdir()
        with work.daemon('--rescan', 0.2) as daemon:
            until(lambda: work.status()['running']['scans']['Orders'], lambda: f'a scan\n{daemon}')
            landing.rename(work.data / 'empty')
            away.rename(landing)
            until(lambda: not list(landing.iterdir()), lambda: f'it is quarantined\n{daemon}')
            work.drop(*self.files[2])
            daemon.printed('applied ')
        self.count(points=1)
        self.find('doubled', [name for _, name, *_ in self.ledger(work)].count('bad.csv') - 1, self.ledger(work))

    # --- mounts ---

    def elsewhere(self):
        folder = self.work.root / 'elsewhere'
        folder.mkdir(exist_ok=True)
        return folder

    def over(self, *arguments):
        return lambda: mount(self, self.landing, *arguments)

    def uncover(self):
        unmount(self.landing)

    def test_mounted_over_by_another_file_system(self):
        self.churn(self.over('-t', 'tmpfs', 'tmpfs'), self.uncover)

    def test_mounted_over_by_a_folder_of_the_same_file_system(self):
        self.churn(self.over('--bind', self.elsewhere()), self.uncover)

    def test_unmounted_for_a_while(self):
        mount(self, self.landing, '--bind', self.elsewhere())
        self.churn(self.uncover, self.leave_alone, self.over('--bind', self.elsewhere()))

    def test_files_on_a_file_system_that_is_unmounted_are_found_when_it_is_back(self):
        mount(self, self.landing, '--bind', self.elsewhere())

        def one_round():
            with self.stopped(self.daemon):
                self.count(points=len(self.drop_next(3)))
                unmount(self.landing)
            (_, path), = self.drop_next()
            self.daemon.printed(f'applied Orders/{path.name} ')
            mount(self, self.landing, '--bind', self.elsewhere())
            self.applied()
        self.under_a_daemon(one_round)
        self.assertEqual(list(self.elsewhere().iterdir()), [])
