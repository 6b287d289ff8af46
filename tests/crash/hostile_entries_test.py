"""Item 9, hostile entries: links, pipes, sockets, devices, folders, odd names: none is followed or hangs, the healthy
files between them are processed."""
import ctypes
import os
import stat

from crash_case import APPLIED, CrashCase
from harness.files import customers, deliveries, delivery, make_socket, order, orders
from harness.polling import until

SECRET = 999_999  # an order that lies outside; whoever counts it has followed something


def secret(size=1):
    return orders(*(order(SECRET + number, total='1000000') for number in range(size)))


def make_device(kind, major, minor):
    return lambda path: os.mknod(path, kind | 0o644, os.makedev(major, minor))


class HostileEntries(CrashCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.landing = self.work.landing('Orders')
        self.outside = self.folder / 'outside'
        self.outside.mkdir()
        (self.outside / 'secret.csv').write_bytes(secret())

    def entries(self):
        """{name: what makes it}; none of them is a file to read."""
        return {
            'link-out.csv': lambda path: path.symlink_to(self.outside / 'secret.csv'),
            'link-relative.csv': lambda path: path.symlink_to(os.path.relpath(self.outside / 'secret.csv', self.landing)),
            'link-folder.csv': lambda path: path.symlink_to(self.outside),
            'link-up.csv': lambda path: path.symlink_to('..'),
            'link-nowhere.csv': lambda path: path.symlink_to('nowhere'),
            'link-itself.csv': lambda path: path.symlink_to('link-itself.csv'),
            'link-fifo.csv': lambda path: path.symlink_to('fifo.csv'),
            'link-neighbour.csv': lambda path: path.symlink_to('good-0.csv'),
            'fifo.csv': os.mkfifo,
            'socket.csv': make_socket,
            'folder.csv': lambda path: (path.mkdir(), (path / 'inside.csv').write_bytes(secret())),
            'zero.csv': make_device(stat.S_IFCHR, 1, 5),
            'full.csv': make_device(stat.S_IFCHR, 1, 7),
            'tty.csv': make_device(stat.S_IFCHR, 5, 0),
            'loop.csv': make_device(stat.S_IFBLK, 7, 0),
            'n' * 251 + '.csv': os.mkfifo,
        }

    # Hidden, or called as what is being written; never looked at.
    def ignored(self):
        hidden = ['.hidden.csv', '...', '..csv', '.dropfold-', '.dropfold-1-2-3-4-000001-abababab', 'x.csv.tmp', '.tmp', 'x~',
                  'x._COPYING_', '.part']
        return {name: secret() for name in hidden}

    # Regular files of any name.
    NAMES = ['-rf', '--help', '-p', '--', 'two words.csv', ' leading', 'trailing ', 'new\nline.csv', 'tab\t.csv', 'bell\a.csv',
             '\x1b[2J\x1b[31mred.csv', '\x7f', '%s%n%d.csv', '$(touch owned).csv', '`touch owned`.csv', ';reboot.csv', '*', '?', '\\',
             "'", '"', '\'; DROP TABLE ecommerce; --.csv', 'CON', 'good.csv.reason', 'dropfold-1-2-3-4-delete', 'a' * 255,
             'é' * 127, '\u202egnp.csv', os.fsdecode(b'latin-\xe9.csv'), os.fsdecode(b'\xff\xfe\x80'), os.fsdecode(b'\xc3' * 255),
             '𝒳.csv', '0', 'x.done', 'archive', 'quarantine', 'replaced-1-good-0.csv', '000001-abababab-good-0.csv']

    def drop_healthy(self):
        self.files = self.written([('Customers', 'c.json', customers(1)), ('Deliveries', 'd.csv', deliveries(
            *map(delivery, (*range(1, 500), *range(SECRET, SECRET + 2000)))))])
        self.files += self.written([('Orders', name, orders(order(number))) for number, name in enumerate(self.NAMES, 1)])
        self.work.drop_all(self.files)
        for number in range(3):
            self.drop_good(number)

    def drop_good(self, number):
        file = self.written([('Orders', f'good-{number}.csv', orders(order(400 + number)))])
        self.work.drop_all(file)
        self.files += file

    def make(self):
        entries, ignored = self.entries(), self.ignored()
        self.made = set()
        for name, maker in entries.items():
            try:
                maker(self.landing / name)
                self.made.add(name)
            except PermissionError:
                self.count(not_allowed=1)
        for name, content in ignored.items():
            (self.landing / name).write_bytes(content)
        self.left = self.made | ignored.keys()
        self.count(points=len(self.left) + len(self.NAMES))

    def judge_hostile(self, err):
        for name in self.left:
            self.find('wrong', not os.path.lexists(self.landing / name), f'{name!r} was taken away')
            shown = name[:60]
            self.find('wrong', (name in self.made) != (shown in err), f'{name!r} is not told as skipped, or is not to be: {err}')
        present = {path.name for path in self.landing.iterdir()}
        self.find('lost', len(present - self.left), f'still there: {present - self.left}')
        for name in self.left:
            self.remove(self.landing / name)
        self.find('wrong', (self.work.root / 'owned').exists(), 'a name was run by a shell')
        self.judge(self.work, self.files, 'with hostile entries')

    @staticmethod
    def remove(path):
        if path.is_dir() and not path.is_symlink():
            (path / 'inside.csv').unlink()
            path.rmdir()
        else:
            path.unlink()

    def test_in_one_run(self):
        self.drop_healthy()
        self.make()
        outcome = self.work.run_once()
        self.assertNotRegex(outcome.out + outcome.err, r'[\x00-\x09\x0b-\x1f\x7f]')
        self.judge_hostile(outcome.err)

    def test_under_a_daemon(self):
        with self.work.daemon() as daemon:
            self.make()
            self.drop_healthy()
            daemon.printed('applied ', len(self.files))
            until(lambda: all(daemon.complained(name[:60]) for name in self.made), lambda: f'each is told\n{daemon}')
        self.judge_hostile('\n'.join(daemon.err))

    def test_folders_that_are_called_like_ours(self):
        """As if a crash had left them; what is in them is put back or stays, and is read only when it is a file."""
        self.drop_healthy()
        makers = {'link': lambda path: path.symlink_to(self.outside / 'secret.csv'), 'fifo': os.mkfifo,
                  'folder': lambda path: (path.mkdir(), (path / 'inside.csv').write_bytes(secret()))}
        for tag in ('000001-abababab', 'delete', 'delete-5', 'quarantine', '', '-', 'x' * 100):
            for number, (name, maker) in enumerate(makers.items()):
                folder = self.landing / f'.dropfold-{number}-2-3-4-{tag}'
                folder.mkdir()
                maker(folder / f'{name}-{tag}')
                self.count(points=1)
        self.work.run_once()
        found = [path for path in self.landing.rglob('*') if path.name.startswith(tuple(makers))]
        self.find('lost', self.figures['points'] - len(found), f'only {found}')
        for path in sorted(self.landing.rglob('*'), reverse=True):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
        self.judge(self.work, self.files, 'with folders called like ours')

    def test_a_name_that_turns_into_a_link_and_back(self):
        """As fast as it can, while it is looked at, read and archived; in the end it is the file."""
        self.files = self.order_files(self.scale(5, 200))
        link = self.landing / '.link'
        with self.work.daemon('--rescan', 0.05) as daemon:
            self.work.drop_all(self.files[:2])
            for feed, source in self.files[2:]:
                link.symlink_to(self.outside / 'secret.csv')
                path = self.work.drop(feed, source)
                self.count(points=1, turns=sum(exchange(path, link) for _ in range(500)))
                self.put_right(path, link)
                daemon.printed(f'applied Orders/{path.name} ')
            # One that was a link just when it was to be archived settles, and is met again.
            until(lambda: all(path.is_symlink() for path in self.landing.iterdir()), lambda: f'all are away\n{daemon}')
        for path in self.landing.iterdir():
            self.find('wrong', not path.is_symlink(), f'{path} is left')
            path.unlink()
        self.find('wrong', (self.outside / 'secret.csv').read_bytes() != secret(), 'the file outside was changed')
        # A file that turned away just when it was to be archived is met again, as a redelivery.
        applied = sorted(name for _, name, state, _ in self.ledger(self.work) if state == APPLIED)
        self.assertEqual(applied, sorted(path.name for _, path in self.files))
        self.judge_target(self.work, self.files, 'with names that turn')

    @staticmethod
    def put_right(path, link):
        if not link.is_symlink():  # it is the file
            if path.is_symlink():
                path.unlink()
            link.rename(path)
        else:
            link.unlink()


libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def exchange(one, other):
    """What is under each name is under the other then; False when one of them is away."""
    return libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0
