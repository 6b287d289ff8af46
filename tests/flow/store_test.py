"""The store looked after: checked, copied while it is in use, put back, made smaller."""
import shutil
import sqlite3
from contextlib import closing

from harness.case import FlowCase
from harness.files import customers, order, orders
from harness.targets import dump

PAGE = 16384


class Store(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.history = self.sample(files=3)
        self.work.drop_all(self.history)
        self.work.run_once()
        self.copy = self.folder / 'copy.db'

    def store(self, *words, expect=0):
        return self.work.command('store', *words, expect=expect)

    def damage(self, sql):
        with closing(sqlite3.connect(self.work.checkpoints / 'ecommerce.db')) as connection:
            connection.executescript(sql)

    def test_check_says_what_it_checked(self):
        self.work.command('forget', 'seq=2')
        out = self.store('check').out
        self.assertIn('structure   sound', out)
        self.assertRegex(out, r'(?m)^history     sound: 10 changes of 8 files and 1 forgotten, [\d,]+ rows in 8 chunks ')
        self.assertIn(f'sequence 10 of epoch {self.work.status()["epoch"]}', out)

    def test_check_names_what_is_damaged(self):
        for sql, words in (('UPDATE chunks SET data = zeroblob(8) WHERE id = 5', 'change 5, file '),
                           ("UPDATE files SET stored = x'41' WHERE id = 3", 'row 3 of files fails its checksum'),
                           ('DELETE FROM changes WHERE sequence = 4', 'change 4: it is missing')):
            with self.subTest(sql=sql):
                shutil.copy(self.work.checkpoints / 'ecommerce.db', self.copy)
                self.damage(sql)
                self.assertIn(words, self.store('check', expect=1).err)
                for path in self.work.checkpoints.glob('ecommerce.db*'):
                    path.unlink()
                shutil.copy(self.copy, self.work.checkpoints / 'ecommerce.db')
        self.store('check')

    def test_check_finds_a_flipped_byte_in_any_page(self):
        path = self.work.checkpoints / 'ecommerce.db'
        self.store('compact')
        whole = path.read_bytes()
        seen = 0
        for page in range(len(whole) // PAGE):
            middle = page * PAGE + PAGE - 96
            path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0x5a]) + whole[middle + 1:])
            seen += self.store('check', expect=None).code != 0
        self.assertGreater(seen, len(whole) // PAGE * 0.5, 'the others hit bytes that are not used')

    def test_a_backup_put_back_is_the_store(self):
        state = self.work.status()
        out = self.store('backup', self.copy).out
        self.assertRegex(out, fr'^backed up .*copy.db: sequence 9 of epoch {state["epoch"]}, [\d,]+ bytes, ')
        self.assertEqual([path.name for path in self.folder.glob('copy*')], ['copy.db'])
        shutil.rmtree(self.work.checkpoints)
        self.work.checkpoints.mkdir()
        shutil.copy(self.copy, self.work.checkpoints / 'ecommerce.db')
        self.assertEqual(self.work.status(), state)
        self.work.drop('Customers', customers(9001), 'more.json')
        self.work.run_once()
        self.assert_table(self.work, self.history)
        self.store('check')

    def test_an_old_backup_before_a_newer_target_is_refused_by_name(self):
        self.store('backup', self.copy)
        self.work.drop('Orders', orders(order(9001)), 'more.csv')
        self.work.run_once()
        expected = dump(self.work.target)
        for path in self.work.checkpoints.glob('ecommerce.db*'):
            path.unlink()
        shutil.copy(self.copy, self.work.checkpoints / 'ecommerce.db')
        self.assertIn('is ahead of this store', self.work.run_once(expect=1).err)
        self.assertEqual(dump(self.work.target), expected)

    def test_a_backup_overwrites_nothing(self):
        self.copy.write_text('precious', encoding='utf-8')
        self.assertIn('is there already', self.store('backup', self.copy, expect=1).err)
        self.assertEqual(self.copy.read_text(encoding='utf-8'), 'precious')

    def test_check_and_backup_work_beside_a_daemon_and_compact_does_not(self):
        with self.work.daemon() as daemon:
            self.store('check')
            self.work.drop('Customers', customers(9001), 'more.json')
            daemon.delivered(10)
            self.assertIn('sequence 10 ', self.store('backup', self.copy).out)
            self.assertIn('another dropfold', self.store('compact', expect=75).err)
            self.work.drop('Customers', customers(9002), 'yet-more.json')
            daemon.delivered(11)
        self.store('check')

    def test_compact_says_how_much_it_gave_back(self):
        self.damage('CREATE TABLE filler(a); INSERT INTO filler VALUES(zeroblob(3000000)); DROP TABLE filler;')
        state = self.work.status()
        self.assertRegex(self.store('compact').out, r'^compacted .*: 3,\d{3},\d{3} bytes before, \d{2,3},\d{3} after$')
        self.assertEqual(self.work.status(), state)
        self.store('check')

    def test_wrong_words_are_told_the_right_ones(self):
        for words in ((), ('mend',), ('backup',), ('check', 'x')):
            with self.subTest(words=words):
                self.assertIn('error: store', self.store(*words, expect=64).err)

    def test_without_a_store_nothing_is_made(self):
        fresh = self.workspace('fresh')
        for words in (('check',), ('backup', self.copy), ('compact',)):
            with self.subTest(words=words):
                self.assertIn('no store', fresh.command('store', *words, expect=1).err)
        self.assertEqual(list(fresh.checkpoints.iterdir()), [])
        self.assertFalse(self.copy.exists())
