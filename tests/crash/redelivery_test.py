"""Item 11, redelivery: the same content under other names, inodes, times, modes and links changes nothing."""
import os
import shutil

from crash_case import APPLIED, CrashCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.mounts import mount, unmount
from harness.polling import until
from harness.targets import dump
from injecting import ARGUMENTS, calls_of, run_with

FIRST, CORRECTION, OTHER = 'first.csv', 'correction.csv', 'other.csv'


class Case(CrashCase):
    """An order, its correction, and another one. Whoever applies the first file again takes the correction back."""

    def prepare(self, **options):
        self.work = self.workspace()
        self.work.configure('Orders', **options)
        self.files = self.written([('Customers', 'c.json', customers(1)),
                                   ('Deliveries', 'd.csv', deliveries(delivery(1), delivery(2))),
                                   ('Orders', FIRST, orders(order(1, total='100'))),
                                   ('Orders', CORRECTION, orders(order(1, total='50'))),
                                   ('Orders', OTHER, orders(order(2)))])
        self.content = {path.name: path.read_bytes() for _, path in self.files}

    def apply(self):
        self.work.drop_all(self.files)
        self.work.run_once()
        self.assert_table(self.work, self.files)
        self.expected = dump(self.work.target)

    def unchanged(self, where):
        """Another run applies nothing."""
        self.count(points=1)
        outcome = self.work.run_once()
        self.find('doubled', len(outcome.lines('applied')), f'{where}: {outcome.out}')
        self.find('wrong', dump(self.work.target) != self.expected, f'{where}: another table')
        self.find('doubled', self.work.status()['sequence'] - len(self.files), f'{where}: another change')
        return outcome

    def landing(self, name):
        return self.work.landing('Orders') / name


class Archived(Case):
    def setUp(self):
        super().setUp()
        self.prepare(after='archive')
        self.apply()

    def redelivered(self, path, where):
        self.assertEqual(len(self.unchanged(where).lines('duplicate')), 1, where)
        self.assertFalse(path.exists(), where)

    def test_under_new_names_and_recycled_inodes(self):
        inodes = set()
        for number in range(self.scale(12, 100)):
            name = (CORRECTION, OTHER)[number % 2]
            path = self.work.drop('Orders', self.content[name], (f'{number}.csv', name)[number % 3 == 0])
            inode = path.stat().st_ino
            self.count(recycled=inode in inodes)
            inodes.add(inode)
            self.redelivered(path, f'{name} for the {number}th time')
            # Its copy in the archive goes, and its inode is free for the next one.
            for archived in (self.work.data / 'archive' / 'Orders').iterdir():
                if archived.stat().st_ino == inode:
                    archived.unlink()

    def test_out_of_the_archive(self):
        for name in (CORRECTION, OTHER):
            archived = next((self.work.data / 'archive' / 'Orders').glob(f'*-{name}'))
            for how in (shutil.copy, shutil.copy2, os.link, os.rename):
                for back in (name, archived.name):
                    if archived.exists():
                        how(archived, self.landing(back))
                        self.redelivered(self.landing(back), f'{back} by {how.__name__}')

    def test_all_at_once(self):
        """Also of one file among the redeliveries of others."""
        count = self.scale(50, 1000)
        for number in range(count):
            self.work.drop('Orders', self.content[(CORRECTION, OTHER)[number % 2]], f'{number:04d}.csv')
        self.assertEqual(len(self.unchanged('all at once').lines('duplicate')), count)


class Left(Case):
    """What stays in its folder is met again and again."""

    def setUp(self):
        super().setUp()
        self.prepare(after='leave')
        self.apply()

    def test_touched(self):
        for name in (CORRECTION, OTHER):
            os.utime(self.landing(name))
            self.unchanged(f'{name} touched')

    def test_linked(self):
        for name in (CORRECTION, OTHER):
            os.link(self.landing(name), self.landing(f'link-of-{name}'))
            self.unchanged(f'{name} linked')
            self.landing(f'link-of-{name}').unlink()
            self.unchanged(f'{name} with one name less')

    def test_renamed(self):
        for name in (CORRECTION, OTHER):
            self.landing(name).rename(self.landing(f'new-{name}'))
            self.unchanged(f'{name} renamed')

    def test_a_file_that_was_corrected_since_is_not_dropped_again_by_a_change_of_its_mode_owner_or_links(self):
        for step in (lambda path: path.chmod(0o600), lambda path: os.chown(path, -1, os.getgid()),
                     lambda path: os.link(path, self.work.root / 'backup'), lambda path: path.rename(self.work.root / 'away')
                     .rename(path)):
            step(self.landing(FIRST))
            self.unchanged('after a change of its inode')

    def test_another_file_of_the_same_name_size_times_and_inode_is_new(self):
        """All that a user can make equal; the content is not."""
        path = self.landing(OTHER)
        before = path.stat()
        for number in range(self.scale(3, 50)):
            path.unlink()
            path.write_bytes(orders(order(2, quantity=number % 8 + 2)))
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            now = path.stat()
            self.assertEqual((now.st_size, now.st_mtime_ns), (before.st_size, before.st_mtime_ns))
            self.count(points=1, recycled=now.st_ino == before.st_ino)
            self.find('lost', 1 - len(self.work.run_once().lines('applied')), 'a new file was taken for an old one')


class KilledOnTheWayOut(Case):
    """A kill between a file's commit and its move, with its correction committed too."""
    NAMES = ('mkdirat', 'renameat', 'renameat2', 'newfstatat', 'unlinkat', 'linkat', 'fsync', 'openat')

    def sweep(self, after, short, names=NAMES):
        self.prepare(after=after)
        self.work.drop_all(self.files)
        calm = self.copy_of(self.work, 'calm')
        calls = calls_of(calm)
        self.expected = dump(calm.target)
        self.assert_table(calm, self.files)
        for call in self.some(self.way_out(calls, names), short):
            self.count(points=1)
            killed = self.again()
            run_with(killed, *call, 'signal=KILL')
            killed.command('run', *ARGUMENTS)
            self.find('wrong', dump(killed.target) != self.expected, f'{after}, killed at {call}')
            applied = [name for _, name, state, _ in self.ledger(killed) if state == APPLIED]
            self.find('doubled', len(applied) - len(set(applied)), f'{after}, killed at {call}: {applied}')
            self.end(killed)

    def again(self):
        return self.copy_of(self.work, 'killed')

    def end(self, killed):
        shutil.rmtree(killed.root)

    @staticmethod
    def way_out(calls, names):
        first = next(at for at, (name, _) in enumerate(calls) if name == 'mkdirat')
        return [call for call in calls[first:] if call[0] in names]

    def test_archived(self):
        self.sweep('archive', 4)

    def test_deleted(self):
        self.sweep('delete', 4)


class LeftAndArchivedLater(KilledOnTheWayOut):
    """The ledger says where such a file goes before it goes there, in a row of its own."""
    test_deleted = None

    def copy_of(self, work, name):
        copy = super().copy_of(work, name)
        copy.run_once()
        copy.configure('Orders', after='archive')
        return copy

    def sweep(self, after, short, names=KilledOnTheWayOut.NAMES):
        super().sweep('leave', short, names)

    def end(self, killed):
        rows = killed.target.query("SELECT name, state, stored FROM dropfold_files WHERE feed = 'Orders' ORDER BY id")
        kept = {name: stored for name, _, stored in rows if stored}
        there = [stored for stored in kept.values() if (killed.data / stored).exists()]
        self.find('wrong', any(state == 'applied' and stored for _, state, stored in rows), f'changed rows: {rows}')
        self.find('lost', 3 - len(there), f'not where the ledger says: {rows}')
        killed.command('replay')
        self.find('wrong', dump(killed.target) != self.expected, 'another table from what was archived')
        super().end(killed)


class KilledOnTheWayOutOfAnOverlay(KilledOnTheWayOut):
    """Over two file systems the files of a folder are on another device than the folder."""
    test_archived = test_deleted = None

    def again(self):
        killed = super().again()
        layer = killed.root / 'layer'
        layer.mkdir()
        mount(self, layer, '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs')
        for folder in ('upper', 'work'):
            (layer / folder).mkdir()
        mount(self, killed.data, '-t', 'overlay', '-o',
              f'lowerdir={killed.data},upperdir={layer}/upper,workdir={layer}/work,xino=off', 'overlay')
        landing = killed.landing('Orders')
        self.assertNotEqual(landing.stat().st_dev, (landing / FIRST).stat().st_dev)
        return killed

    def end(self, killed):
        unmount(killed.data)
        unmount(killed.root / 'layer')
        super().end(killed)

    def test_archived_by_renames(self):
        self.sweep('archive', 100, {'renameat2'})

    def test_deleted_by_removals(self):
        self.sweep('delete', 100, {'unlinkat'})


class ArchiveFull(Case):
    def test_a_corrected_file_that_cannot_be_archived_waits_and_is_not_applied_again(self):
        self.prepare(after='archive')
        archive = self.work.data / 'archive'
        archive.mkdir()
        mount(self, archive, '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs')
        for feed in self.work.FEEDS:
            (archive / feed).mkdir()
        filler = archive / 'filler'
        with open(filler, 'wb', buffering=0) as file:
            self.assertRaises(OSError, lambda: [file.write(bytes(512)) for _ in range(1024)])
        with self.work.daemon('--rescan', 0.1) as daemon:
            for number, file in enumerate(self.files, 1):
                self.work.drop(*file)
                daemon.printed('applied ', number)
            before = self.scans()
            until(lambda: self.scans() > before + 10, lambda: f'ten looks at the folder\n{daemon}')
            self.assert_table(self.work, self.files)
            self.expected = dump(self.work.target)
            self.find('doubled', self.work.status()['sequence'] - len(self.files), f'{len(self.files)} files are more changes')
            self.assertEqual(self.work.archived('Orders'), [])
            filler.unlink()
            until(lambda: len(self.work.archived('Orders')) == 3, lambda: f'the files in the archive\n{daemon}')
        self.unchanged('with space again')
        self.assertEqual([path.name for path in self.work.landing('Orders').iterdir()], [])

    def scans(self):
        return self.work.status()['running']['scans']['Orders']
