"""Item 18, second instance and forks: one store has one process, one target one history; all others are refused."""
import shutil

from crash_case import CrashCase
from harness.case import InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.targets import dump

LOCKED = 75


def contents(folder):
    """{path: (size, time of change of content and of state, bytes)} of all that lies under it, but sockets."""
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns, path.lstat().st_ctime_ns,
                   path.read_bytes() if path.is_file() else None) for path in sorted(folder.rglob('*'))}


class SecondInstance(CrashCase):
    def test_it_ends_at_once_and_touches_nothing(self):
        work = self.workspace()
        files = self.order_files(3)
        applied = files[:-1]
        commands = (('run',), ('run', '--once'), ('run', '--once', '--yes'))
        with work.daemon() as daemon:
            work.drop_all(applied)
            daemon.printed(f'delivered seq={len(applied)} ')  # nothing of its own is left to do
            work.command('pause', 'Orders')
            work.drop_all(files[-1:])
            until(lambda: work.status()['running']['waiting'] == 1, lambda: f'the file that waits\n{daemon}')
            before = contents(work.root)
            for command in self.scale(2, 50) * commands:
                outcome = work.command(*command, expect=LOCKED)
                self.assertIn(f'held by process {daemon.process.pid}: another dropfold uses this store', outcome.err)
                touched = [path for path, what in contents(work.root).items() if what != before.get(path)]
                self.find('wrong', len(touched), f'{command} touched {touched}')
                self.count(points=1)
            work.command('store', 'compact', expect=LOCKED)
            work.command('resume', 'Orders')
            daemon.delivered(len(files))
        self.judge(work, files, 'at the end')


class Forks(CrashCase):
    """Two workspaces, each with files of its own, one target."""
    SHORT, LONG = 1, 20

    def setUp(self):
        super().setUp()
        self.common = self.order_files(2, first=1)

    def files_of(self, number):
        """The n-th of either host: an order of its own and one that both have, with other values."""
        return self.written([('Customers', f'c-{number}.json', customers(number)),
                             ('Deliveries', f'd-{number}.csv', deliveries(delivery(100 * number), delivery(7, task=7))),
                             ('Orders', f'o-{number}.csv',
                              orders(*(order(one, customer=number, total=f'{number}') for one in (100 * number, 7))))])

    def pair(self, name):
        one = self.workspace(f'{name}-one')
        return one, self.workspace(f'{name}-two', one.target)

    def copied(self, name):
        """Two that began as one."""
        one = self.workspace(f'{name}-one')
        one.drop_all(self.common)
        one.run_once()
        two = self.workspace(f'{name}-two', one.target)
        shutil.rmtree(two.root)
        shutil.copytree(one.root, two.root)
        return one, two

    def is_refused(self, work, daemon):
        """And well in spite of it: it runs and says why it does nothing."""
        if not any('diverged' in line for line in list(daemon.err)):
            return False
        self.assertIn('diverged', work.command('status', '--healthy', expect=1).err)
        return True

    def judge_one_history(self, works, common, own, where):
        """The target is exactly what one of the two stores holds; which one."""
        self.count(points=1)
        held = []
        for number, work in enumerate(works):
            names = {name for _, name, _, _ in self.ledger(work)}
            files = [file for file in common + own[number] if file[1].name in names]
            fresh = self.workspace(name := f'{where}-check-{number}', self.sqlite_target(name))
            fresh.drop_all(files)
            fresh.run_once()
            if self.columns(fresh.target) == self.columns(work.target):
                held.append(number)
        self.find('wrong', len(held) != 1, f'{where}: the target is that of {held}')
        return held[0] if held else None

    @staticmethod
    def columns(target):
        """What two kinds of databases print alike."""
        return sorted(target.query('SELECT customer_id, currency, order_count, total_quantity FROM customer_windows'))

    def both_run(self, works, common, where):
        """Side by side; each gets its files in its turn. The one that is refused takes none from then on."""
        own = [self.files_of(11), self.files_of(12)]
        with works[0].daemon('--target-check', 0.5) as one, works[1].daemon('--target-check', 0.5) as two:
            daemons = (one, two)
            for files in zip(*own):
                for work, file in zip(works, files):
                    work.drop_all([file])
            until(lambda: any(self.is_refused(*pair) for pair in zip(works, daemons)),
                  lambda: f'a refusal\n{one}\n{two}')
            refused = [self.is_refused(*pair) for pair in zip(works, daemons)]
            winner = refused.index(False) if False in refused else None
            self.find('wrong', winner is None, f'{where}: both are refused\n{one}\n{two}')
            if winner is None:
                return
            daemons[winner].printed('applied ', len(own[winner]))
            daemons[winner].delivered(len(common) + len(own[winner]))
            last = self.files_of(20)
            works[1 - winner].drop_all(last)
            self.assertIn('files wait', works[1 - winner].command('status').out)
            daemons[1 - winner].stop(expect=1)
        self.find('lost', len(works[1 - winner].landed()) < len(last), f'{where}: the refused one took files')
        held = self.judge_one_history(works, common, own, where)
        self.find('wrong', held != winner, f'{where}: {held} is in the target, {winner} goes on')

    def rounds(self):
        return range(self.scale(self.SHORT, self.LONG))

    def test_two_hosts_that_begin_with_an_empty_target(self):
        for number in self.rounds():
            self.both_run(self.pair(f'hosts-{number}'), [], f'hosts-{number}')

    def test_a_copied_store_goes_on_beside_its_original(self):
        for number in self.rounds():
            self.both_run(self.copied(f'copy-{number}'), self.common, f'copies-{number}')

    @staticmethod
    def has_asked(work):
        """Until it has asked its target, a daemon takes no orders; then it says that there is no such file."""
        return work.command('forget', 'nothing', expect=None).code == 64

    def test_a_delivery_into_a_target_that_went_on_since_it_was_opened(self):
        """No look comes in between: what holds it back is the comparison within the delivery itself."""
        works = one, two = self.copied('open')
        own = [self.files_of(11), self.files_of(12)]
        with one.daemon() as first, two.daemon() as second:
            for work in works:
                until(lambda work=work: self.has_asked(work), lambda: f'both have asked\n{first}\n{second}')
            one.drop_all(own[0])
            first.delivered(len(self.common) + len(own[0]))
            two.drop_all(own[1])
            until(lambda: self.is_refused(two, second), lambda: f'a refusal\n{second}')
            second.stop(expect=1)
        self.assertEqual(self.judge_one_history(works, self.common, own, 'open'), 0)

    def test_a_copy_that_is_replayed_does_not_take_the_target_over(self):
        """A replay gives a store a new epoch and adopts the old one: as far as it knows it, and no further."""
        works = one, two = self.copied('replayed')
        own = [self.files_of(11), self.files_of(12)]
        one.drop_all(own[0])
        one.run_once()
        expected = dump(one.target)
        for went_on in (0, 1):
            if went_on:
                two.drop_all(own[1])
                two.run_once(target='host=/nowhere', expect=69)
            self.assertIn('diverged', two.command('replay', expect=1).err)
            self.assertIn('diverged', two.run_once(expect=1).err)
            self.find('wrong', dump(one.target) != expected, f'replayed, {went_on}: the target was taken over')
            self.judge_one_history(works, self.common, own, f'replayed-{went_on}')

    def test_a_restored_store_that_went_on(self):
        one, two = self.copied('restored')
        own = [self.files_of(11), self.files_of(12)]
        two.drop_all(own[1])
        two.run_once(target='host=/nowhere', expect=69)
        one.drop_all(own[0])
        one.run_once()
        self.assertIn('diverged', two.run_once(expect=1).err)
        self.assertEqual(self.judge_one_history((one, two), self.common, own, 'restored'), 0)

    def test_yes_is_for_once(self):
        """The one that overwrote is not allowed to do so again when the other one took the target back."""
        works = one, two = self.pair('yes')
        own = [self.files_of(11), self.files_of(12)]
        one.drop_all(own[0])
        one.run_once()
        with two.daemon('--yes', '--target-check', 0.5) as daemon:
            two.drop_all(own[1])
            daemon.delivered(len(own[1]))
            one.command('replay', '--rebuild', '--yes')
            until(lambda: self.is_refused(two, daemon), lambda: f'a refusal\n{daemon}')
            daemon.stop(expect=1)
        self.assertEqual(self.judge_one_history(works, [], own, 'yes'), 0)


class ForksInPostgres(InPostgres, Forks):
    LONG = 10
    test_a_restored_store_that_went_on = None  # the same as there
    test_yes_is_for_once = None
