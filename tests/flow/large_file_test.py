"""One large CSV file is parsed by as many threads as there are cores for, and nothing but the time tells."""
import contextlib
import sqlite3

from harness.case import FlowCase
from harness.files import order, orders

COPIES = 600  # of the lines below: more than what is worth a thread
PARTS = 25
LINES = 250


def some_lines():
    """Of all kinds that do not fail a file: plain ones, text over several lines, rejects."""
    for number in range(1, LINES):
        if number % 60 == 0:
            yield order(number, quantity='none')
        elif number % 9 == 0:
            yield order(number, **{'Description': f'two\r\nlines, "{number}"\n'})
        else:
            yield order(number, sku=f'S{number}')


def misleading_lines():
    """A line whose text looks like many, and is longer than a cut is looked for in."""
    line = orders(order(1)).decode().splitlines()[1]
    return orders(order(1, Description=f'{line}\n' * 700)).split(b'\n', 1)[1]


class LargeFile(FlowCase):
    def setUp(self):
        super().setUp()
        header, rows = orders(*some_lines()).split(b'\n', 1)
        self.file = self.folder / 'large.csv'
        rows = (rows + b'\r\n' + b'1,too,few\r\n') * (COPIES // PARTS)
        self.file.write_bytes(header + b'\n' + (misleading_lines() + rows) * PARTS + b'2,no line end')

    def read_by(self, threads):
        work = self.workspace(f'by-{threads}')
        work.drop('Orders', self.file)
        return work, work.run_once('--threads', threads)

    def stored(self, work):
        with contextlib.closing(sqlite3.connect(work.checkpoints / 'ecommerce.db')) as store:
            return [store.execute(f'SELECT * FROM {table}').fetchall() for table in ('chunks', 'rejects', 'unknown')]

    def test_is_stored_the_same_by_any_number_of_threads(self):
        self.assertGreater(self.file.stat().st_size, 9 << 20)
        wanted, _ = self.read_by(1)
        rejected = COPIES * (LINES // 60 + 1) + 1
        self.assertEqual(len(wanted.rejects()), rejected)
        for threads in (2, 4):
            with self.subTest(threads=threads):
                work, outcome = self.read_by(threads)
                self.assertIn(f' rows={COPIES * LINES + PARTS + 1} ', outcome.lines('applied')[0])
                self.assertTrue(self.stored(work) == self.stored(wanted), 'chunks and rejects are others')
                work.command('verify', '--deep')

    def test_fails_at_the_same_place_with_any_number_of_threads(self):
        content = self.file.read_bytes()
        self.file.write_bytes(content[:content.rindex(b'1,too,few')] + b'3,a "quote"\n' + content)
        reasons = set()
        for threads in (1, 2, 4):
            _, outcome = self.read_by(threads)
            reasons.add(outcome.lines('quarantined')[0])
        self.assertEqual(len(reasons), 1, reasons)
        self.assertIn(':5: found a quote inside a field without quotes', reasons.pop())
