"""Item 16, store rewound: an older store put back while the target is ahead, also one that went on from there."""
import re
import shlex
import shutil

from crash_case import CrashCase
from harness.case import InPostgres
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.targets import dump

NOWHERE = 'host=/nowhere'  # a target that is down
BEFORE, LOST, MORE = 3, 3, 6  # generated files before the copy was made, between that and its return, and after


class StoreRewound(CrashCase):
    """The ways out are typed as the refusal has them."""

    def setUp(self):
        super().setUp()
        files = self.sample(orders=60, files=5)
        # the same order before, in between and after: in which of them it comes last, matters
        basis = self.written([('Customers', 'c.json', customers(1)), ('Deliveries', 'd.csv', deliveries(delivery(1)))])
        versions = self.written([('Orders', f'version-{number}.csv', orders(order(1, total=f'{number}00')))
                                 for number in (2, 3)])
        self.before = [*basis, *files[:BEFORE]]
        self.lost = [versions[0], *files[BEFORE:BEFORE + LOST]]
        self.more = [versions[1], *files[BEFORE + LOST:][:MORE]]

    def go_back(self, name, went_on):
        """A workspace whose store forgot `lost`, which the target has; `went_on` files came since, without a target."""
        work = self.workspace(name)
        if self.before:
            work.drop_all(self.before)
            work.run_once()
        older, self.newer = self.folder / f'{name}-older', self.folder / f'{name}-newer'
        shutil.copytree(work.checkpoints, older)
        work.drop_all(self.lost)
        work.run_once()
        shutil.copytree(work.checkpoints, self.newer)
        self.put_back(work, older)
        if went_on:
            work.drop_all(self.more[:went_on])
            work.run_once(target=NOWHERE, expect=69)
        return work

    @staticmethod
    def put_back(work, store):
        shutil.rmtree(work.checkpoints)
        shutil.copytree(store, work.checkpoints)

    def refused(self, work, daemon=None):
        """The refusal, which touches neither the target nor a file; and the commands that it names."""
        before = dump(work.target)
        feed, path = self.lost[-1]
        work.drop(feed, path, 'waits')
        if daemon:
            error = daemon.complained('diverged')
            self.assertIn('diverged', work.command('status', '--healthy', expect=1).err)
        else:
            error = work.run_once(expect=1).err
        self.assertIn('diverged', error)
        self.assertEqual((work.landed(), dump(work.target)), (['waits'], before))
        (work.landing(feed) / 'waits').unlink()
        return error, re.findall('`dropfold ([^`]*)`', error)

    @staticmethod
    def type(work, command):
        """As it stands: where things are says the environment."""
        address = {'DROPFOLD_TARGET': work.target.address} if work.target.address else {}
        process = work.popen([str(work.program), *shlex.split(command)], {'DROPFOLD_THREADS': '1', **address})
        _, err = process.communicate()
        return process.returncode, err

    def take(self, work, command, daemon, expected):
        code, err = self.type(work, command)
        self.assertEqual(code, 0, err)
        if daemon:
            until(lambda: dump(work.target) == expected, lambda: f'a right target after {command}\n{daemon}')
            until(lambda: work.command('status', '--healthy', expect=None).code == 0,
                  lambda: f'a healthy daemon\n{daemon}')
        else:
            work.run_once()

    def ways_out(self, name, went_on, live):
        ways = {'replay --from-archive --yes': self.before + self.lost + self.more[:went_on],
                'replay --rebuild --yes': self.before + self.more[:went_on]}
        for number, (way, files) in enumerate(ways.items()):
            where = f'{name}, {way}{", live" if live else ""}'
            work = self.go_back(f'{name}-{number}', went_on)
            expected = self.from_scratch(f'{name}-{number}-calm', files)
            if live:
                with work.daemon('--target-check', 0.5) as daemon:
                    error, commands = self.refused(work, daemon)
                    self.take(work, way, daemon, expected)
            else:
                error, commands = self.refused(work)
                self.take(work, way, None, expected)
            self.assertEqual(set(commands), set(ways), error)
            self.assertIn('from another checkpoint store' if not self.before else
                          'tells another history' if went_on == len(self.more) else 'is ahead of this store', error)
            self.count(points=1)
            self.judge(work, files, where)
            self.find('wrong', dump(work.target) != expected, f'{where}: not what the files alone give')

    def from_scratch(self, name, files):
        work = self.workspace(name)
        work.drop_all(files)
        work.run_once()
        return dump(work.target)

    def test_at_rest(self):
        for went_on in (0, 1, len(self.more)):
            self.ways_out(f'on-{went_on}', went_on, live=False)

    def test_under_a_daemon(self):
        for went_on in self.scale((len(self.more),), (0, 1, len(self.more))):
            self.ways_out(f'live-{went_on}', went_on, live=True)

    def test_nothing_put_back(self):
        """The store was lost: the same ways lead out."""
        self.before, self.lost = [], self.before + self.lost
        for went_on, live in ((0, False), (2, True)):
            self.ways_out(f'lost-{went_on}', went_on, live)

    def test_the_newer_store_put_back(self):
        work = self.go_back('newer', 1)
        error, _ = self.refused(work)
        self.assertIn('put the newer store back, and drop again what this one applied since', error)
        self.put_back(work, self.newer)
        work.drop_all(self.more[:1])
        work.run_once()
        self.count(points=1)
        self.judge(work, self.before + self.lost + self.more[:1], 'the newer store')

    def test_a_daemon_goes_on_by_itself_when_the_target_gives_way(self):
        work = self.go_back('waits', 1)
        with work.daemon('--target-check', 0.5) as daemon:
            self.refused(work, daemon)
            for relation in ('dropfold_progress', 'ecommerce', 'customer_windows'):
                work.target.execute(f'DELETE FROM {relation};')
            daemon.complained('files are taken')
            work.drop_all(self.more[1:])
            daemon.delivered(len(self.before) + len(self.more))
        self.count(points=1)
        self.judge(work, self.before + self.more, 'emptied')


class StoreRewoundInPostgres(InPostgres, StoreRewound):
    test_the_newer_store_put_back = test_nothing_put_back = None  # are the same there

    def test_at_rest(self):
        self.ways_out('on', len(self.more), live=False)

    def test_under_a_daemon(self):
        self.ways_out('live', 1, live=True)
