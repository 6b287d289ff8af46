"""Item 21, bombs: small thoughts written large; each is quarantined within bounded memory, and the next file goes on."""
import gzip
import re
import shutil
import time

from crash_case import CrashCase
from harness.files import order, orders
from harness.places import sanitized
from harness.polling import DEADLINE, until

MEBIBYTE = 1 << 20
LIMIT = 256 * MEBIBYTE
HEADER = orders()
LINE = orders(order(7)).splitlines()[1]


def repeated(unit, block=MEBIBYTE):
    """Writes `unit` over and over until the file has `size` bytes."""
    many = unit * (block // len(unit) + 1)

    def write(file, size):
        while file.tell() < size:
            file.write(many)
    return write


def bomb(start, unit, end=b''):
    def write(file, size):
        file.write(start)
        repeated(unit)(file, size)
        file.write(end)
    return write


def wide(file, size):
    """100,000 columns; `size` in the second line."""
    file.write(b','.join(b'c%d' % number for number in range(100_000)) + b'\n')
    repeated(b'1,')(file, min(size, 64 * MEBIBYTE))


def sparse(file, size):
    """Nothing but a hole."""
    file.write(HEADER)
    file.truncate(size)
    file.seek(size)


def zipped(content):
    """As much in a file of a thousandth of it."""
    def write(file, size):
        with gzip.GzipFile(fileobj=file, mode='wb', compresslevel=9) as packed:
            for _ in range(size // MEBIBYTE):
                packed.write((content * (MEBIBYTE // len(content) + 1))[:MEBIBYTE])
    return write


class Bombs(CrashCase):
    """name: (feed, what writes it, words of the reason)"""
    BOMBS = {
        'open-quote.csv': ('Orders', bomb(HEADER + b'"', b'x'), 'quote'),
        'open-quote-with-lines.csv': ('Orders', bomb(HEADER + b'"', LINE + b'\n'), 'quote'),
        'one-field.csv': ('Orders', bomb(HEADER, b'x'), 'field longer'),
        'one-record.csv': ('Orders', bomb(HEADER, b'x,'), 'record longer'),
        'one-header.csv': ('Orders', bomb(b'', b'x,'), 'columns'),
        'header-field.csv': ('Orders', bomb(b'', b'x'), 'longer'),
        'columns.csv': ('Orders', wide, 'columns'),
        'empty-rows.csv': ('Orders', bomb(HEADER, b',\n'), 'rows are rejected'),
        'commas.csv': ('Orders', bomb(HEADER, b','), 'record longer'),
        'quotes.csv': ('Orders', bomb(HEADER, b'"'), 'quote'),
        'hole.csv': ('Orders', sparse, 'longer'),
        'zeros.csv.gz': ('Orders', zipped(b'\0'), 'longer'),
        'orders.csv.gz': ('Deliveries', zipped(LINE + b'\n'), 'fits no'),
        'zeros.json': ('Customers', bomb(b'[', b'0,'), 'rows are rejected'),
        'depth.json': ('Customers', bomb(b'', b'['), 'longer'),
        'depth-of-objects.json': ('Customers', bomb(b'', b'{"Customer ID":'), 'longer'),
        'depth-of-a-million.json': ('Customers', lambda file, size: file.write(b'[' * 1_000_000 + b']' * 1_000_000), 'longer'),
        'depth-in-a-record.json': ('Customers', bomb(b'[{"Customer ID": 1, "x": ', b'['), 'longer'),
        'open-string.json': ('Customers', bomb(b'[{"Customer ID": "', b'x'), 'longer'),
        'escapes.json': ('Customers', bomb(b'[{"Customer ID": "', b'\\u0000'), 'longer'),
        'members.json': ('Customers', bomb(b'[{', b'"x":1,'), 'longer'),
        'empty-objects.json': ('Customers', bomb(b'[{}', b',{}', b']'), 'Customer_ID'),
        'digits.json': ('Customers', bomb(b'[{"Customer ID": ', b'9'), 'longer'),
        'spaces.json': ('Customers', bomb(b'[', b' '), 'end of the file'),
        'zipped.json.gz': ('Customers', zipped(b'[0,'), 'longer'),
    }

    def setUp(self):
        super().setUp()
        if sanitized():
            self.skipTest('a sanitizer needs memory of its own')
        self.work = self.workspace()
        self.size = self.scale(8 * MEBIBYTE, 2048 * MEBIBYTE)

    def make(self, name):
        feed, write, _ = self.BOMBS[name]
        path = self.work.root / name
        with open(path, 'wb') as file:
            write(file, self.size)
        return feed, path

    def drop(self, name):
        feed, path = self.make(name)
        path.rename(self.work.landing(feed) / name)
        return feed

    @staticmethod
    def peak(process):
        with open(f'/proc/{process.pid}/status', encoding='ascii') as lines:
            return int(re.search(r'VmHWM:\s+(\d+) kB', lines.read())[1]) * 1024

    def quarantined(self, daemon, feed, name):
        line = until(lambda: [line for line in list(daemon.out) if line.startswith(f'quarantined {feed}/{name}: ')],
                     lambda: f'{name} quarantined\n{daemon}', seconds=self.scale(DEADLINE, 600))[0]
        self.find('wrong', self.BOMBS[name][2] not in line, f'{name}: {line}')
        self.count(points=1)

    def judge_bombs(self, daemon, files):
        """Of a daemon that has done with them."""
        self.count(peak_mib=self.peak(daemon.process) // MEBIBYTE)
        self.assertLess(self.figures['peak_mib'] * MEBIBYTE, LIMIT)
        noted = sum(feed['files']['quarantined'] for feed in self.work.status()['feeds'])
        self.find('lost', len(self.BOMBS) - noted, f'{noted} of {len(self.BOMBS)} are in the ledger')
        daemon.delivered(len(files))
        self.assert_table(self.work, files)

    def test_one_after_the_other_with_a_good_file_behind_each(self):
        files = self.order_files(len(self.BOMBS))
        with self.work.daemon() as daemon:
            self.work.drop_all(files[:2])
            for name, good in zip(self.BOMBS, files[2:]):
                self.quarantined(daemon, self.drop(name), name)
                began = time.monotonic()
                self.work.drop(*good)
                daemon.printed(f'applied Orders/{good[1].name} ')
                self.figures['next_ms'] = max(self.figures.get('next_ms', 0), int((time.monotonic() - began) * 1000))
                shutil.rmtree(self.work.data / 'quarantine')
            self.judge_bombs(daemon, files)
        self.assert_adds_up(self.work)

    def test_all_at_once_with_good_files_among_them(self):
        self.size = self.scale(8, 256) * MEBIBYTE
        files = self.order_files(4)
        with self.work.daemon('--threads', 4) as daemon:
            with self.stopped(daemon):
                feeds = {name: self.drop(name) for name in self.BOMBS}
                self.work.drop_all(files)
            for name, feed in feeds.items():
                self.quarantined(daemon, feed, name)
            daemon.printed('applied ', len(files))
            self.judge_bombs(daemon, files)
        self.assert_adds_up(self.work)
