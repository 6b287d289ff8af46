"""Item 8, half files: slow writers, writers that come back, killed writers: nothing unfinished is applied."""
import subprocess

from crash_case import CrashCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until

LINES = 4


def content(number, lines=LINES):
    return orders(*(order(LINES * number + line) for line in range(1, lines + 1)))


class Case(CrashCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.landing = self.work.landing('Orders')
        self.files = self.written([('Customers', 'c.json', customers(1)),
                                   ('Deliveries', 'd.csv', deliveries(*map(delivery, range(1, 1000))))])

    def daemon(self):
        return self.work.daemon('--rescan', 0.05, '--settle', 0.05)

    def finished(self, name, whole):
        """The file is complete now: it is applied, and as it is."""
        self.running.printed(f'applied Orders/{name} ')
        self.files += self.written([('Orders', name, whole)])


class Writers(Case):
    """Each file comes in pieces, and the folder is looked at twice after each; every third writer is killed on its way, and
    another one does its work."""

    def setUp(self):
        super().setUp()
        self.writers = []
        self.addCleanup(lambda: [self.end(writer) for writer in self.writers])

    def begin(self, path):
        """A process that has the file open and writes what it is given."""
        with open(path, 'ab') as file:
            self.writers.append(subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=file))
        return self.writers[-1]

    def write(self, writer, path, piece):
        size = path.stat().st_size + len(piece)
        writer.stdin.write(piece)
        writer.stdin.flush()
        until(lambda: path.stat().st_size == size, lambda: f'{size} bytes of {path}')

    @staticmethod
    def end(writer):
        writer.kill()
        writer.stdin.close()
        writer.wait()

    def scans(self):
        return self.work.status()['running']['scans']['Orders']

    def not_taken(self, name):
        before = self.scans()
        until(lambda: self.scans() >= before + 3, lambda: f'scans\n{self.running}')
        self.count(looks=1)
        taken = [line for line in self.running.out if f'Orders/{name}' in line]
        self.find('wrong', len(taken), f'an unfinished file was taken: {taken}')

    def write_slowly(self, path, name, whole, reopen, killed):
        """All of it; or half of a line less, by a writer that is killed then."""
        lines = whole.splitlines(keepends=True)
        if killed:
            lines = lines[:2] + [lines[2][:len(lines[2]) // 2]]
        writer = self.begin(path)
        for line in lines:
            self.write(writer, path, line)
            self.not_taken(name)
            if reopen:
                self.end(writer)
                writer = self.begin(path)
        self.end(writer)
        self.not_taken(name)

    def run_all(self, unfinished, finish):
        """`unfinished` is what a name is called until `finish`."""
        with self.daemon() as self.running:
            self.work.drop_all(self.files)
            for number in range(self.scale(3, 60)):
                name, whole = f'{number}.csv', content(number)
                path = self.landing / unfinished(number, name)
                if number % 3 == 2:
                    self.write_slowly(path, name, whole, reopen=False, killed=True)
                    path.unlink()
                self.write_slowly(path, name, whole, reopen=number % 2 == 1, killed=False)
                finish(path, self.landing / name)
                self.finished(name, whole)
                self.count(points=1)
        for path in self.landing.glob('*.done'):
            path.unlink()
        self.judge(self.work, self.files, 'in the end')

    def test_renamed_when_complete(self):
        suffixes = ('.tmp', '.part', '~', '._COPYING_')
        self.run_all(lambda number, name: name + suffixes[number // 2 % 4] if number % 2 else f'.{name}',
                     lambda path, to: path.rename(to))

    def test_marked_when_complete(self):
        self.work.configure('Orders', ready='done')
        self.run_all(lambda number, name: name, lambda path, to: to.with_name(f'{to.name}.done').touch())


class Settled(Case):
    """Written in place and known to be complete by standing still alone: who pauses for longer than the settle time has
    dropped what is there by then. It is never silent, and what comes later makes it right."""

    def setUp(self):
        super().setUp()
        self.name, self.whole = 'o.csv', content(0)
        self.path = self.landing / self.name
        self.cut = len(content(0, lines=2)) + 5  # amid the third row

    def stands(self, content):
        """So it stood for the settle time; here it comes so at once, however slow this machine is."""
        self.work.drop('Orders', content, self.name)

    def test_a_half_file_is_taken_as_it_is_its_cut_row_is_kept_and_the_whole_file_counts_once_it_comes(self):
        with self.daemon() as self.running:
            self.work.drop_all(self.files)
            self.stands(self.whole[:self.cut])
            applied = self.running.printed(f'applied Orders/{self.name} ')[0]
            self.assertIn(' rows=3 applied=2 rejected=1 ', applied)
            self.assertEqual([reject['raw'] for reject in self.work.rejects()], [self.whole[:self.cut].decode().splitlines()[3]])
            self.stands(self.whole)
            self.running.printed(f'applied Orders/{self.name} ', 2)
            self.count(points=1)
        self.assert_table(self.work, self.files + self.written([('Orders', self.name, self.whole)]))

    def test_what_is_appended_to_a_file_that_was_left_counts(self):
        self.work.configure('Orders', after='leave')
        with self.daemon() as self.running:
            self.work.drop_all(self.files)
            self.stands(self.whole[:self.cut])
            for number, size in enumerate((self.cut + 30, len(self.whole), None), 1):
                self.running.printed(f'applied Orders/{self.name} ', number)
                self.count(points=1)
                if size:
                    with open(self.path, 'ab') as file:
                        file.write(self.whole[self.path.stat().st_size:size])
        self.assert_table(self.work, self.files + self.written([('Orders', self.name, self.whole)]))

    def test_what_is_appended_after_a_file_was_archived_is_quarantined_and_told(self):
        with self.daemon() as self.running:
            self.work.drop_all(self.files)
            self.stands(self.whole[:self.cut])
            self.running.printed(f'applied Orders/{self.name} ')
            self.stands(self.whole[self.cut:])
            self.running.printed(f'quarantined Orders/{self.name}')
            self.count(points=1)
        kept = self.work.data / 'quarantine' / 'Orders' / self.name
        self.assertEqual(kept.read_bytes(), self.whole[self.cut:])
