"""What a stranger meets: wrong words, places that are not there or may not be written, output that goes nowhere."""
import functools
import json
import os
import subprocess
from pathlib import Path

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, make_socket, order, orders
from harness.places import other_user
from harness.polling import until
from harness.workspace import COMMAND_LIMIT

NO_SERVER = 'host=127.0.0.1 port=1 dbname=none user=nobody'


def sleeps(pid):
    return Path(f'/proc/{pid}/stat').read_text(encoding='ascii').rsplit(')', 1)[1].split()[0] == 'S'


class Words(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def refused(self, *words, expect=64):
        return self.work.command(*words, expect=expect).err

    def test_what_a_command_needs_is_named_with_the_way_to_its_help(self):
        for command, expected in (('plan', 'FILE [FEED]'), ('impact', 'FILE'), ('forget', 'FILE'), ('explain', 'COLUMN=VALUE...'),
                                  ('pause', 'FEED'), ('resume', 'FEED'), ('store', 'check | backup FILE | compact'),
                                  ('schema', 'infer FILE | diff OLD NEW'), ('target', 'init')):
            with self.subTest(command=command):
                told = self.refused(command)
                self.assertIn(f'{command}: expected {expected}, found nothing', told)
                self.assertIn(f'`dropfold {command} --help`', told)

    def test_half_a_command_is_told_the_other_half(self):
        for words, told in ((('store', 'backup'), 'store backup: expected FILE'),
                            (('store', 'chek'), 'store: found "chek", expected check | backup FILE | compact; did you mean "check"?\n'),
                            (('target', 'x'), 'target: found "x", expected init\n'),
                            (('schema', 'infre', 'x'), 'schema: found "infre", expected infer FILE | diff OLD NEW; did you mean "infer"?\n'),
                            (('schema', 'infer'), 'schema infer: expected one FILE'),
                            (('schema', 'diff', 'x'), 'schema diff: expected two descriptors')):
            with self.subTest(words=words):
                self.assertIn(told, self.refused(*words))
                self.assertIn(f'`dropfold {words[0]} --help`', self.refused(*words))

    def test_options_alone_are_no_command(self):
        told = self.work.command('--once', expect=64).err
        self.assertIn('error: found options alone, expected a command such as check, run or status\n`dropfold --help`', told)
        self.assertIn('usage: dropfold', subprocess.run([self.work.program], capture_output=True, text=True, check=False).stderr)

    def test_an_empty_name_means_nothing(self):
        for words in (('rejects', ''), ('rejects', 'export', ''), ('late', ''), ('forget', ''), ('check', ''), ('pause', ''),
                      ('store', 'backup', '')):
            with self.subTest(words=words):
                self.assertRegex(self.refused(*words), rf' error: {words[0]}: expected .*, found an empty text\n')
        self.assertFalse(list(self.work.root.glob('.part-*')))

    def test_the_health_of_a_wrong_pipeline_is_no_health(self):
        (self.work.root / 'schemas' / 'ecommerce.json').write_text('{}', encoding='utf-8')
        self.assertIn('"pipeline" is missing', self.refused('status', '--healthy', expect=1))
        self.assertIn('"pipeline" is missing', self.refused('status', expect=78))

    def test_an_option_that_another_half_takes(self):
        for words, told in ((('rejects', '--dry-run'), '--dry-run goes with retry'),
                            (('rejects', 'export', '--dry-run'), '--dry-run goes with retry'),
                            (('rejects', '--memory-limit', 9), '--memory-limit and --target-timeout go with retry'),
                            (('rejects', 'export', '--target-timeout', 30), '--memory-limit and --target-timeout go with retry'),
                            (('rejects', '--format', 'json'), '--format and --spreadsheet go with export'),
                            (('rejects', 'retry', '--spreadsheet'), '--format and --spreadsheet go with export'),
                            (('rejects', 'export', '--spreadsheet', '--json'), '--spreadsheet goes with CSV'),
                            (('rejects', 'export', '--spreadsheet', '--format', 'json'), '--spreadsheet goes with CSV'),
                            (('rejects', 'retry', '--json'), '--json and --all do not go with retry'),
                            (('rejects', '--all', 'retry', 'x.csv'), '--json and --all do not go with retry'),
                            (('schema', 'diff', 'x', 'y', '--feed', 'z'), '--feed goes with infer'),
                            (('verify', '--accept-missing'), '--accept-missing goes with --deep'),
                            (('status', '--healthy', '--json'), '--healthy goes with none of --json and --watch'),
                            (('status', '--watch', '--healthy'), '--healthy goes with none of --json and --watch'),
                            (('replay', '--rebuild', '--rebind'), '--rebuild leaves the store as it is'),
                            (('replay', '--rebuild', '--from-archive', '--yes'), '--rebuild leaves the store as it is')):
            with self.subTest(words=words):
                self.assertIn(f'{words[0]}: {told}', self.refused(*words))

    def test_descriptors_that_are_not_there(self):
        told = self.refused('schema', 'diff', 'x.json', 'schemas/Orders/1.json', expect=78)
        self.assertIn('x.json:1:1: cannot be read: No such file', told)
        self.assertIn('1 mistake in x.json and schemas/Orders/1.json', told)

    def test_a_pipeline_that_is_not_there_and_how_to_name_another(self):
        (self.work.root / 'schemas' / 'ecommerce.json').unlink()
        told = self.refused('check', expect=78)
        self.assertIn('schemas/ecommerce.json cannot be read: No such file or directory; -p or DROPFOLD_PIPELINE names', told)

    def test_a_landing_folder_that_is_not_there_and_what_to_do(self):
        self.work.landing('Orders').rmdir()
        for words in (('check',), ('run', '--once')):
            self.assertIn('data/Orders is missing: make it, or say with -d', self.refused(*words, expect=78))
        self.work.landing('Orders').touch()
        self.assertIn('data/Orders is none: something else lies there', self.refused('check', expect=78))

    def test_help_is_had_whatever_the_environment_says(self):
        wrong = {'DROPFOLD_THREADS': 'many'}
        self.assertIn('DROPFOLD_THREADS: found "many", expected', self.work.command('status', expect=64, environment=wrong).err)
        self.assertIn('usage: dropfold', self.work.command('status', '--help', environment=wrong).out)

    def test_a_store_that_a_first_run_left_empty(self):
        (self.work.checkpoints / 'ecommerce.db').touch()
        told = 'there is no store at checkpoints/ecommerce.db: it is empty, and the first `dropfold run` fills it'
        self.assertIn(told, self.work.command('status', expect=1).err)
        self.assertIn('ecommerce.db: not there yet, the first run makes it\n', self.work.command('check').out)
        path = self.work.drop('Customers', customers(1), 'c.json')
        self.assertIn('1 applied', self.work.command('plan', path).err)
        self.work.run_once()
        self.assertEqual(self.work.status()['sequence'], 1)

    def test_nobody_runs_who_could_pause(self):
        self.assertIn('no dropfold answers on checkpoints/ecommerce.sock', self.refused('pause', 'Orders', expect=1))
        for word in ('pause', 'resume'):
            self.assertIn('there is no feed "Order"; expected one of Orders, Deliveries, Customers', self.refused(word, 'Order'))


class Names(FlowCase):
    """Files and changes that are meant by a wrong name are not taken for ones without rows."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.drop('Orders', orders(order(1), order(2, quantity='x')), 'o.csv')
        self.work.drop('Customers', customers(1), 'c.json')
        self.work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        self.work.drop('Orders', b'nothing\n', 'bad.csv')
        self.work.run_once()

    def test_a_file_that_never_came(self):
        for words in (('rejects',), ('rejects', 'export'), ('late',)):
            with self.subTest(words=words):
                outcome = self.work.command(*words, 'oo.csv', expect=64)
                self.assertIn('"oo.csv"; did you mean Orders/o.csv', outcome.err)
                self.assertEqual(outcome.out, '')
        self.assertIn('expected a name in a landing folder: "Orders/o.csv"',
                      self.work.command('rejects', self.work.archived('Orders')[0], expect=64).err)

    def test_a_file_that_no_run_takes(self):
        self.work.drop('Orders', orders(order(3)), 'x.csv.part')
        for words in (('check', 'data/Orders/x.csv.part'), ('plan', 'data/Orders/x.csv.part')):
            self.assertIn(' warning: data/Orders/x.csv.part: a file of this name is passed over (', self.work.command(*words).err)

    def test_a_file_without_rejected_rows(self):
        outcome = self.work.command('rejects', 'c.json')
        self.assertEqual((outcome.out, outcome.err), ('', '0 rejected rows\n'))
        self.assertEqual(self.work.command('late', 'Customers/c.json').err, '0 late rows\n')

    def test_a_file_that_was_quarantined_whole(self):
        self.assertIn('Orders/bad.csv: the whole file: 1:1: fits no descriptor', self.work.command('rejects', 'bad.csv').out)
        self.assertNotIn('whole file', self.work.command('rejects', 'o.csv').out)
        self.assertEqual([self.work.command('rejects', *name).err for name in ((), ('o.csv',), ('bad.csv',))],
                         ['1 rejected row, 1 file quarantined\n', '1 rejected row\n', '0 rejected rows, 1 file quarantined\n'])
        row, whole = self.work.rejected()
        self.assertEqual((row['file'], row['reason']), ('o.csv', 'found "x", expected an integer'))
        self.assertTrue(whole.pop('reason').startswith('1:1: fits no descriptor of Orders: '), whole)
        self.assertEqual(whole, {'feed': 'Orders', 'file': 'bad.csv', 'whole': True, 'stored': 'quarantine/Orders/bad.csv'})
        self.assertEqual([self.work.rejected(name)[0]['file'] for name in ('bad.csv', 'o.csv')], ['bad.csv', 'o.csv'])
        self.assertNotIn('bad.csv', self.work.command('rejects', 'export', '--json').out)

    def test_changes_that_are_not_there(self):
        for words, told in ((('--from', 9), 'there is no change 9: the last one is 3'), (('--to', 8), 'there is no change 8'),
                            (('--from', 2, '--to', 1), 'expected an earlier change first')):
            with self.subTest(words=words):
                self.assertIn(told, self.work.command('diff', *words, expect=64).err)

    def test_a_table_that_is_not_there(self):
        told = self.work.command('explain', '--table', 'nope', 'Customer_ID=1', expect=64).err
        self.assertIn('there is no table "nope"; expected one of: ecommerce (Customer_ID, start_timestamp); customer_', told)

    def test_a_file_that_cannot_be_read_is_placed_as_file_line_column(self):
        (self.work.root / 'open.csv').write_bytes(b'Order ID,SKU\n1,"x\n')
        for words in (('check', 'open.csv', 'Orders'), ('plan', 'open.csv', 'Orders'), ('schema', 'infer', 'open.csv')):
            with self.subTest(words=words):
                self.assertRegex(self.work.command(*words, expect=65).err, r' error: open\.csv:[12]:[13]: (the quote|fits no)')

    def test_a_path_is_shown_without_what_a_terminal_would_obey(self):
        name, shown = 'a\x1b[2J\n.csv', r'a\x1b[2J\n.csv'
        for content, code in ((orders(order(7, quantity='x')), 65), (b'nothing\n', 65), (b'a,a\n1,2\n', 65), (None, 1)):
            (self.work.root / name).write_bytes(content) if content else (self.work.root / name).unlink()
            for words in (('check', name, 'Orders'), ('plan', name, 'Orders'), ('schema', 'infer', name), ('check', name)):
                with self.subTest(content=content, words=words):
                    outcome = self.work.command(*words, expect=None)
                    self.assertNotIn('\x1b', outcome.out + outcome.err)
                    self.assertTrue(outcome.code == 0 or shown in outcome.out + outcome.err, outcome)
                    self.assertIn(outcome.code, (0, 64, code))

    def test_a_folder_is_shown_without_what_a_terminal_would_obey(self):
        name, shown = 'a\x1b[2J\n\u202e', r'a\x1b[2J\n\xe2\x80\xae'
        (self.work.root / name).symlink_to('.')
        (self.work.root / 'new.csv').write_bytes(orders(order(8)))
        for words in (('check',), ('status',), ('store', 'check'), ('store', 'compact'), ('verify',), ('forget', 'Orders/o.csv'),
                      ('check', '-c', name), ('plan', '-c', name, 'new.csv', 'Orders')):
            with self.subTest(words=words):
                outcome = self.work.command('-c', f'{name}/checkpoints', '-d', f'{name}/data', *words)
                self.assertIn(shown, outcome.out + outcome.err)
                self.assertEqual([c for c in outcome.out + outcome.err if c in '\x1b\u202e'], [])

    def test_a_device_is_no_file(self):
        for words in (('check', '/dev/zero', 'Orders'), ('plan', '/dev/zero', 'Orders'), ('schema', 'infer', '/dev/zero')):
            with self.subTest(words=words):
                self.assertIn(' error: /dev/zero is a device, and no file\n', self.work.command(*words, expect=1).err)

    def test_a_file_that_comes_through_a_pipe_is_waited_for(self):
        for word, told in (('check', '1 row, 0 of them would be rejected'), ('plan', '1 applied, ')):
            with self.subTest(word=word):
                process = subprocess.Popen(self.work.arguments(word, '/dev/stdin', 'Orders'), cwd=self.work.root, text=True,
                                           env=self.work.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT)
                until(lambda: process.poll() is not None or sleeps(process.pid), lambda: f'{word} to read or to end')
                out = process.communicate(orders(order(7)).decode(), timeout=COMMAND_LIMIT)[0]
                self.assertEqual((process.returncode, told in out), (0, True), out)

    def test_check_of_a_file_places_its_rejects_as_rejects_does(self):
        listed = self.work.command('rejects', 'o.csv').out
        self.assertTrue(listed.startswith('Orders/o.csv:3:7: Quantity: found "x"'), listed)
        kept = f'data/archive/Orders/{self.work.archived("Orders")[0]}'
        shown = self.work.command('check', kept, 'Orders', expect=65).out
        self.assertTrue(shown.startswith(listed.replace('Orders/o.csv', kept)), shown)


class Places(FlowCase):
    """`check` finds what would stop a run."""

    def workspace(self, *name, **options):
        options.setdefault('identity', other_user())
        return super().workspace(*name, **options)

    def forbid(self, path, mode=0o555):
        path.chmod(mode)
        self.addCleanup(path.chmod, 0o755)

    def test_checkpoints_that_cannot_be_written(self):
        work = self.workspace()
        self.forbid(work.checkpoints)
        self.assertIn('the store cannot be made in checkpoints: Permission denied', work.command('check', expect=1).err)
        work.checkpoints.chmod(0o755)
        work.command('check')
        work.run_once()
        work.status()  # who only reads makes a log that stays
        self.forbid(work.checkpoints)
        self.assertIn(' error: the folder checkpoints cannot be written: Permission denied', work.command('check', expect=1).err)
        work.checkpoints.chmod(0o755)
        self.forbid(work.checkpoints / 'ecommerce.db', 0o444)
        self.assertIn('checkpoints/ecommerce.db cannot be written: Permission denied', work.command('check', expect=1).err)

    def test_a_store_that_cannot_be_read_and_one_whose_folder_cannot_be_written(self):
        work = self.workspace()
        work.run_once()
        store = work.checkpoints / 'ecommerce.db'
        self.forbid(store, 0)
        self.assertIn('cannot open checkpoints/ecommerce.db: Permission denied\n', work.command('status', expect=1).err)
        store.chmod(0o640)
        self.forbid(work.checkpoints)
        self.assertIn('(is its folder writable?)\n', work.command('status', expect=1).err)

    def test_a_running_dropfold_of_another_user(self):
        work = self.workspace()
        work.run_once()
        make_socket(work.checkpoints / 'ecommerce.sock')
        self.forbid(work.checkpoints / 'ecommerce.sock', 0)
        told = 'only the user whose dropfold it is may ask on checkpoints/ecommerce.sock: Permission denied'
        for words in (('pause', 'Orders'), ('forget', 'x'), ('replay',), ('status', '--healthy')):
            self.assertIn(told, work.command(*words, expect=1).err)
        shown = work.command('status')
        self.assertEqual((told in shown.err, 'none runs' in shown.out), (True, False), shown)
        self.assertEqual(work.status()['running'], {'error': told})

    def test_checkpoints_that_cannot_be_looked_into(self):
        work = self.workspace()
        self.forbid(work.checkpoints, 0)
        for words in (('check',), ('status',)):
            told = work.command(*words, expect=1).err
            self.assertIn('checkpoints/ecommerce.db: Permission denied', told)
            self.assertNotIn('no store', told)

    def test_an_archive_that_cannot_be_written_leaves_files_where_they_are(self):
        work = self.workspace()
        self.assertIn('archive     data/archive\n', work.command('check').out)
        work.run_once()
        self.forbid(work.data)
        told = 'archive     data/archive: not writable, applied files will be left where they are'
        self.assertIn(told, work.command('check').out)
        path = work.drop('Orders', orders(order(1)), 'o.csv')
        self.assertIn('left in place', work.run_once().out)
        self.assertTrue(path.exists())

    def test_an_archive_that_is_a_link_is_not_followed(self):
        work = self.workspace()
        (work.data / 'archive').symlink_to(self.folder)
        self.assertIn('archive     data/archive: a symbolic link, which is not followed', work.command('check').out)
        path = work.drop('Orders', orders(order(1)), 'o.csv')
        outcome = work.run_once()
        self.assertIn('left in place', outcome.out)
        self.assertIn('data/archive/Orders: something else lies there; a symbolic link is not followed', outcome.err)
        self.assertTrue(path.exists())

    def test_a_database_whose_folder_is_not_there(self):
        """It may be a slip, so nothing is made; but the folder of the default."""
        work = self.workspace()
        folder = self.folder / 'typo'
        address = f'sqlite:{folder}/x.db'
        for words in (('check',), ('run', '--once'), ('verify',), ('replay',), ('target', 'init')):
            self.assertIn(f'{address}: there is no folder {folder}: make it, or mend the address (-t)\n',
                          work.command(*words, target=address, expect=1).err)
        self.assertIn(f'target      refuses: {address}: there is no folder', work.command('status', target=address).out)
        self.assertFalse(folder.exists())
        work.command('check', target='sqlite:x.db')
        folder.mkdir()
        folder.chmod(0o777)
        work.command('check', target=address)
        work.run_once(target=address)

    def test_a_folder_is_no_target(self):
        work = self.workspace()
        address = f'sqlite:{work.data}'
        for outcome in (work.command('check', target=address, expect=1), work.run_once(target=address, expect=1)):
            self.assertIn(f'error: {address} is not a regular file\n', outcome.err)

    def test_a_target_that_is_there_and_refuses(self):
        work = self.workspace()
        work.run_once()
        work.target.execute('ALTER TABLE ecommerce ADD COLUMN extra text')
        self.assertRegex(work.command('check', expect=1).out, r'(?m)^target      sqlite:\S+: refuses$')
        self.assertRegex(work.command('status').out, r'(?m)^target      refuses: .* "extra" is not ours$')

    def test_a_target_that_keeps_nothing(self):
        self.assertEqual(self.workspace().command('target', 'init', target='none:').out,
                         'target none: keeps nothing: nothing was made\n')

    def test_a_target_that_is_away_and_when_it_was_last_delivered_to(self):
        work = self.workspace()
        work.drop('Customers', customers(1), 'c.json')
        self.assertNotIn('last_delivery', work.run_once() and work.status()['target'])
        results = work.data / 'results'
        results.rename(work.root / 'away')
        results.touch()
        shown = work.status()['target']
        self.assertEqual((shown['reachable'], shown['sequence'], shown['undelivered']), (False, 1, 0))
        self.assertIn(f'\ndelivered   sequence 1 at {shown["last_delivery"]}, 0 changes undelivered\n', work.command('status').out)

    def test_a_target_that_is_away_and_refused_what_came_last(self):
        work = self.workspace()
        work.drop('Customers', customers(1), 'c.json')
        work.run_once()
        work.target.execute("CREATE TRIGGER no BEFORE INSERT ON ecommerce BEGIN SELECT RAISE(ABORT, 'no'); END")
        work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        work.drop('Orders', orders(order(1)), 'o.csv')
        work.run_once(expect=1)
        results = work.data / 'results'
        results.rename(work.root / 'away')
        results.touch()
        shown = work.status()['target']
        self.assertEqual((shown['reachable'], shown['sequence'], shown['undelivered']), (False, 1, 2))

    def test_a_server_that_is_not_there(self):
        work = self.workspace()
        work.run_once()
        work.drop('Orders', orders(order(1)), 'o.csv')
        work.run_once()
        out = work.command('status', target=NO_SERVER).out
        self.assertRegex(out, r'(?m)^target      not reachable: postgresql://nobody@127\.0\.0\.1:1/none: [^:]*connection')
        self.assertIn('delivered   nothing that this store knows of\n', out)
        self.assertNotIn('another history', out)
        self.assertNotIn('\\t', out)


class Output(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.work.drop('Orders', orders(order(1), order(2, quantity='x')), 'o.csv')
        self.work.run_once()

    def run_with(self, *words, **streams):
        return subprocess.run(self.work.arguments(*words), cwd=self.work.root, env=self.work.environment(), check=False,
                              text=True, stdin=subprocess.DEVNULL, timeout=COMMAND_LIMIT, **streams)

    def test_output_that_cannot_be_written_is_no_success(self):
        for words in (('status',), ('status', '--json'), ('unmatched',), ('rejects', 'export'), ('check',), ('verify',),
                      ('run', '--once'), ('run', '--help')):
            with self.subTest(words=words), open('/dev/full', 'w', encoding='utf-8') as full:
                outcome = self.run_with(*words, stdout=full, stderr=subprocess.PIPE)
                self.assertEqual(outcome.returncode, 1, outcome)
                self.assertIn('standard output could not be written', outcome.stderr)

    def test_what_is_watched_as_json_is_an_object_a_line(self):
        watching = subprocess.Popen(self.work.arguments('status', '--watch', '--json'), cwd=self.work.root, text=True,
                                    env=self.work.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            for _ in range(2):
                self.assertEqual(json.loads(watching.stdout.readline())['sequence'], 1)
        finally:
            watching.kill()
            watching.communicate()

    def test_output_that_is_closed_is_no_success_where_there_was_something_to_print(self):
        for words, code in ((('status',), 1), (('rejects', 'export'), 1), (('run', '--help'), 1), (('--version',), 1), (('late',), 0)):
            with self.subTest(words=words):
                outcome = self.run_with(*words, preexec_fn=functools.partial(os.close, 1), stderr=subprocess.PIPE)
                self.assertEqual((outcome.returncode, 'could not be written: Bad file descriptor\n' in outcome.stderr),
                                 (code, code == 1), outcome)

    def test_a_run_goes_on_without_a_reader(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.work.drop('Orders', orders(order(3)), 'o3.csv')
        try:
            outcome = self.run_with('run', '--once', '--settle', '0', stdout=writer, stderr=subprocess.PIPE)
        finally:
            os.close(writer)
        self.assertEqual((outcome.returncode, 'standard output' in outcome.stderr), (0, False), outcome)
        self.assertEqual(self.work.status()['sequence'], 2)

    def test_closed_streams_do_not_become_files(self):
        self.work.drop('Orders', orders(order(3)), 'o3.csv')
        words = self.work.arguments('run', '--once', '--settle', '0')
        done = subprocess.run(['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', *words], cwd=self.work.root,
                              env=self.work.environment(), check=False, timeout=COMMAND_LIMIT)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.work.status()['sequence'], 2)
        for path in self.work.root.rglob('*'):
            if path.is_file():
                self.assertNotIn(b'target sqlite:', path.read_bytes(), path)
