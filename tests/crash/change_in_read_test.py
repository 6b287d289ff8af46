"""Item 10, change during the read: truncated, appended, overwritten, replaced, while it is read and while it is archived."""
import hashlib
import os
import shutil
import sqlite3
from contextlib import closing

from crash_case import APPLIED, CrashCase
from harness.files import customers, deliveries, delivery, order, orders
from injecting import ARGUMENTS, run_traced
from tracing import KILL, Tracer

ROWS, NAME = 80, 'o.csv'
PADDING = 'x' * 4_000  # of a column that nobody reads, so that a file is several reads long


def version(number, rows=ROWS):
    """All versions have the same keys and as many digits: a mixture of two would go unnoticed but for the numbers."""
    return orders(*(order(1, sku=f'sku-{row}', quantity=100 + number, Reviews=PADDING) for row in range(rows)))


class Case(CrashCase):
    def setUp(self):
        super().setUp()
        self.versions = [version(number) for number in range(8)]
        self.states = {}

    def prepare(self, name='start'):
        """A workspace in which all is known but the one file of orders."""
        work = self.workspace(name)
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        work.run_once()
        return work

    # --- what a producer does to a file; each leaves a complete version, now the state of the name ---

    def replace(self, path):
        """Another file under its name."""
        hidden = path.with_name('.new')
        hidden.write_bytes(self.another())
        hidden.rename(path)

    def overwrite(self, path):
        """In place, and of the same size when it was a whole version."""
        content = self.another()
        with open(path, 'r+b' if path.exists() else 'wb') as file:
            file.write(content)
            file.truncate()

    def truncate(self, path):
        """To its first lines."""
        lines = self.present(path).splitlines(keepends=True)
        self.note(b''.join(lines[:self.rng.randrange(1, len(lines) + 1)]))
        os.truncate(path, len(self.last))

    def append(self, path):
        more = version(self.rng.randrange(8), rows=3).split(b'\n', 1)[1].replace(b'sku-', b'more-')
        self.note(self.present(path) + more)
        with open(path, 'ab') as file:
            file.write(more)

    def remove_and_write(self, path):
        path.unlink(missing_ok=True)
        path.write_bytes(self.another())

    def present(self, path):
        """What is there to be changed in place; where the file was taken away already, a new one."""
        if not path.exists():
            path.write_bytes(self.another())
        return path.read_bytes()

    def another(self):
        content = self.versions[self.rng.randrange(len(self.versions))]
        self.note(content)
        return content

    def note(self, content):
        self.states[hashlib.sha256(content).digest()] = content
        self.last = content

    OPERATIONS = (replace, overwrite, truncate, append, remove_and_write)

    # --- what must hold ---

    def judge_versions(self, work, where):
        """Each applied file is one complete version, the last one is the newest, and the table is that of all of them."""
        store = work.checkpoints / f'{work.pipeline}.db'
        with closing(sqlite3.connect(store)) as connection:
            contents = [content for content, in connection.execute(
                "SELECT content FROM files WHERE state = ? AND feed = CAST('Orders' AS BLOB) ORDER BY id", [APPLIED])]
        torn = [content.hex() for content in contents if content not in self.states]
        self.find('wrong', len(torn), f'{where}: no complete version was read')
        if torn:
            return
        newest = hashlib.sha256(self.last).digest()
        self.find('lost', not contents or contents[-1] != newest, f'{where}: the newest version is not the last applied one')
        files = self.written([('Customers', 'c.json', customers(1)), ('Deliveries', 'd.csv', deliveries(delivery(1)))] +
                             [('Orders', f'{at}.csv', self.states[content]) for at, content in enumerate(contents)])
        self.assert_table(work, files)
        self.find('lost', len(list(work.landing('Orders').iterdir())), f'{where}: still in the landing folder')
        archived = [(work.data / 'archive' / 'Orders' / name).read_bytes() for name in work.archived('Orders')]
        self.find('lost', self.last not in archived, f'{where}: the newest version is not in the archive')
        self.find('wrong', sum(content not in self.states.values() for content in archived), f'{where}: a torn one is archived')


class WhileRead(Case):
    def test_the_file_changes_between_two_reads_of_it(self):
        start = self.prepare()
        points = self.scale(12, 1000)
        while self.figures['points'] < points:
            self.states.clear()
            work = self.copy_of(start, 'work')
            path = work.drop('Orders', self.another(), NAME)
            left = self.rng.randrange(1, 5)  # changes, so that a file that is read again can change again

            def decide(call):
                nonlocal left
                if left and call.descriptor() == str(path) and self.rng.random() < 0.3:
                    left -= 1
                    self.count(points=1)
                    self.rng.choice(self.OPERATIONS)(self, path)

            code, _, err, hung = run_traced(Tracer(['read'], decide), work)
            self.assertEqual((code, hung), (0, False), err)
            work.command('run', *ARGUMENTS)
            self.judge_versions(work, f'after {self.figures["points"]} changes')
            shutil.rmtree(work.root)


class WhileArchived(Case):
    """At every call from the file's first read on, up to its way into the archive: the program goes on, or is killed."""

    def sweep(self, operation, then):
        start = self.prepare()
        self.states.clear()
        self.first = self.another()
        start.drop('Orders', self.first, NAME)
        for call in self.some(self.calls(start), 2):
            work = self.copy_of(start, 'work')
            self.meet(work, call, operation, then)
            work.command('run', *ARGUMENTS)
            self.judge_versions(work, f'{operation.__name__} at {call}, then {then or "on"}')
            shutil.rmtree(work.root)

    def calls(self, start):
        """Of an undisturbed run, those that reach for files."""
        calm = self.copy_of(start, 'calm')
        path = calm.landing('Orders') / NAME
        calls, opened = [], []

        def decide(call):
            calls.append((call.name, call.k))
            if not opened and call.name == 'read' and call.descriptor() == str(path):
                opened.append(len(calls) - 1)

        names = ['openat', 'read', 'fstat', 'newfstatat', 'mkdirat', 'renameat', 'renameat2', 'linkat', 'unlinkat', 'fsync',
                 'pwrite64', 'close']
        run_traced(Tracer(names, decide), calm)
        self.names = names
        return calls[opened[0]:]

    def meet(self, work, where, operation, then):
        path = work.landing('Orders') / NAME
        self.note(self.first)

        def decide(call):
            if (call.name, call.k) != where:
                return None
            self.count(points=1)
            operation(self, path)
            return then

        _, _, err, hung = run_traced(Tracer(self.names, decide), work)
        self.assertFalse(hung, err)

    def test_replaced(self):
        self.sweep(Case.replace, None)

    def test_replaced_and_killed(self):
        self.sweep(Case.replace, KILL)

    def test_overwritten(self):
        self.sweep(Case.overwrite, None)

    def test_overwritten_and_killed(self):
        self.sweep(Case.overwrite, KILL)

    def test_truncated(self):
        self.sweep(Case.truncate, None)

    def test_appended_to(self):
        self.sweep(Case.append, None)

    def test_removed_and_written_anew(self):
        self.sweep(Case.remove_and_write, None)
