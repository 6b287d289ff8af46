"""Killed at any moment and started again, the target is that of a run nobody disturbed."""
import os
import random
import shutil
import signal
import stat
import time

from harness.case import FlowCase, InPostgres
from harness.files import make_socket
from harness.polling import until
from harness.targets import dump

KILLS = 20
FILES = 201


class Kills(FlowCase):
    def test_kill_9_at_twenty_random_moments_of_a_load_of_200_files(self):
        generated = self.sample(orders=8000, files=FILES // 3)
        undisturbed = self.workspace('undisturbed')
        undisturbed.drop_all(generated)
        undisturbed.run_once()

        seed = random.randrange(2**32)
        rng = random.Random(seed)
        killed = loads = 0
        with self.subTest(seed=seed):
            while killed < KILLS:
                # A fast machine ends a load before it was killed twenty times: then another one begins.
                self.assertLess(loads, KILLS, 'runs end before they can be killed')
                work = self.workspace(f'load-{loads}')
                work.drop_all(generated)
                loads += 1
                while killed < KILLS and self.kill_on_the_way(work, rng):
                    killed += 1
                work.run_once()
                self.assert_unharmed(work, undisturbed, generated)

    def kill_on_the_way(self, work, rng):
        """Starts a run and kills it some files and some moments later; False when it had ended by itself."""
        goal = len(work.landed()) - rng.randrange(1, 10)
        process = work.start('run', '--once', '--settle', '0')
        until(lambda: process.poll() is not None or len(work.landed()) <= goal,
              lambda: 'some files are applied', pause=0)
        time.sleep(rng.random() * 0.005)
        process.kill()
        process.communicate()
        return process.returncode == -signal.SIGKILL

    def assert_unharmed(self, work, undisturbed, generated):
        self.assertEqual(dump(work.target), dump(undisturbed.target))
        self.assert_table(work, generated)
        self.assert_adds_up(work)
        feeds = work.status()['feeds']
        self.assertEqual(sum(feed['files']['applied'] for feed in feeds), FILES)
        self.assertEqual(sum(feed['files']['duplicate'] + feed['files']['quarantined'] for feed in feeds), 0)
        self.assertEqual(work.landed(), [])
        for feed in work.FEEDS:
            names = [name.split('-', 2)[2] for name in work.archived(feed)]
            self.assertEqual(sorted(names), sorted(path.name for kind, path in generated if kind == feed))

    def test_a_daemon_that_is_killed_goes_on_where_it_was(self):
        generated = self.sample(files=6, seed=5)
        work = self.workspace()
        with work.daemon() as daemon:
            for feed, path in generated[:9]:
                work.drop(feed, path)
            daemon.printed('applied ', 4)
            daemon.process.kill()
            daemon.process.wait()
        with work.daemon() as daemon:
            for feed, path in generated[9:]:
                work.drop(feed, path)
            daemon.delivered(len(generated))
            self.assert_table(work, generated)


class KillsInPostgres(InPostgres, Kills):
    pass


class Unarchived(FlowCase):
    """Committed, and then a crash before the file was moved: as if the archive had been away."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace()
        self.generated = self.sample(files=2)
        self.work.drop_all(self.generated)
        (self.work.data / 'archive').write_bytes(b'')
        self.work.run_once(expect=None)
        self.assertEqual(len(self.work.landed()), len(self.generated))
        (self.work.data / 'archive').unlink()

    def assert_archived(self):
        self.assertEqual(self.work.landed(), [])
        self.assertEqual(sum(len(self.work.archived(feed)) for feed in self.work.FEEDS), len(self.generated))

    def test_the_next_start_moves_the_files_and_applies_none(self):
        outcome = self.work.run_once()
        self.assertEqual(outcome.lines('applied'), [])
        self.assert_archived()
        self.assert_table(self.work, self.generated)
        self.assertEqual(sum(feed['files']['duplicate'] for feed in self.work.status()['feeds']), 0)
        self.work.command('replay')
        self.assert_table(self.work, self.generated)

    def test_limits_that_were_drawn_closer_meanwhile_quarantine_none(self):
        for feed in self.work.FEEDS:
            self.work.configure(feed, max_rejects=0)
        self.assertEqual(self.work.run_once().lines('quarantined'), [])
        self.assert_archived()
        self.work.command('replay')
        self.assert_table(self.work, self.generated)

    def assert_replays(self):
        self.work.command('replay')
        self.assert_table(self.work, self.generated)

    def assert_goes_on(self):
        self.assertEqual(self.work.run_once().lines('applied'), [])
        self.assert_archived()
        self.assert_table(self.work, self.generated)

    def test_a_replay_finds_them_in_their_folders(self):
        self.assert_replays()
        self.assert_goes_on()

    def test_a_replay_finds_what_is_hidden_whatever_has_its_name_by_now(self):
        stored = dict(self.work.target.query('SELECT name, stored FROM dropfold_files'))
        for feed, path in self.generated:
            landed = self.work.landing(feed) / path.name
            found = landed.stat()
            tag = '-'.join(stored[path.name].split('/')[-1].split('-')[:2])
            hidden = landed.parent / f'.dropfold-{found.st_dev:x}-{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}-{tag}'
            hidden.mkdir()
            landed.rename(hidden / landed.name)
            landed.write_bytes(b'')
        self.assert_replays()
        for feed, path in self.generated:
            (self.work.landing(feed) / path.name).unlink()
        self.assert_goes_on()

    def test_a_store_that_was_built_anew_with_other_sequences_still_says_where_each_goes(self):
        self.work.command('forget', self.generated[0][1].name)
        self.work.command('replay')
        self.assertEqual(self.work.status()['sequence'], len(self.generated) - 1)
        stored = self.work.target.query('SELECT stored FROM dropfold_files ORDER BY stored')
        self.work.run_once()
        self.assert_archived()
        self.assertEqual(stored, sorted((f'archive/{feed}/{name}',) for feed in self.work.FEEDS
                                        for name in self.work.archived(feed)))
        self.assertEqual(self.work.target.query('SELECT stored FROM dropfold_files ORDER BY stored'), stored)

    def test_those_that_are_to_be_deleted_by_now_are(self):
        for feed in self.work.FEEDS:
            self.work.configure(feed, after='delete')
        self.assertEqual(self.work.run_once().lines('applied'), [])
        self.assertEqual([(self.work.landed(feed), self.work.archived(feed)) for feed in self.work.FEEDS], [([], [])] * 3)
        self.assert_table(self.work, self.generated)

    def test_a_file_forgotten_in_between_does_not_come_back(self):
        feed, path = self.generated[-1]
        self.work.command('forget', path.name)
        self.work.run_once()
        self.assert_archived()
        self.assert_table(self.work, self.generated[:-1])
        self.work.drop(feed, path)
        self.assertEqual(len(self.work.run_once().lines('applied')), 1)
        self.assert_table(self.work, self.generated)


class Unnoted(FlowCase):
    """A bad file is quarantined before the ledger has it."""

    def test_each_of_two_pipelines_over_one_data_folder_notes_its_own(self):
        work = self.workspace()
        for pipeline, name in (('ecommerce', 'first.csv'), ('ecommerce-rowwise', 'second.csv')):
            work.pipeline = pipeline
            work.drop('Orders', b'"' + name.encode(), name)
            work.run_once()
        quarantine = work.data / 'quarantine' / 'Orders'
        (quarantine / 'third.csv').write_bytes(b'"3')
        shutil.copy(quarantine / 'second.csv.reason', quarantine / 'third.csv.reason')
        for pipeline, names in (('ecommerce', ['first.csv']), ('ecommerce-rowwise', ['second.csv', 'third.csv'])) * 2:
            work.pipeline = pipeline
            work.run_once()
            found = work.target.query('SELECT name, note FROM dropfold_files WHERE pipeline = \'' + pipeline + '\' ORDER BY name')
            self.assertEqual([name for name, _ in found], names)
            for name, note in found:
                reason = (quarantine / f'{name}.reason').read_text(encoding='utf-8')
                self.assertEqual(reason.splitlines()[:2], [note, f'quarantined by pipeline {pipeline}'])

    def test_one_that_got_another_name_there_is_noted_by_its_own(self):
        """Dropped again as `a.csv.1` it would be another file to what its feed makes of names, and to on_change."""
        work = self.workspace()
        long = 'é' * 125 + '.csv'
        dropped = ['a.csv', 'a.csv', 'a.csv.1', 'b\nc', long, long]
        for number, name in enumerate(dropped):
            work.drop('Orders', f'"{number}'.encode(), name)
            work.run_once()
        quarantine = work.data / 'quarantine' / 'Orders'
        shutil.copy(quarantine / 'a.csv.1.reason', quarantine / 'other.csv.reason')
        (quarantine / 'other.csv').write_bytes(b'"o')
        query = "SELECT name FROM dropfold_files WHERE state = 'quarantined' ORDER BY name"
        self.assertEqual(work.target.query(query), [(name,) for name in sorted(dropped)])
        shutil.rmtree(work.checkpoints)
        work.run_once('--yes')
        self.assertEqual(work.target.query(query), [(name,) for name in sorted([*dropped, 'other.csv'])])

    def test_the_next_start_passes_over_what_is_no_file(self):
        work = self.workspace()
        quarantine = work.data / 'quarantine' / 'Orders'
        (quarantine / 'folder.csv').mkdir(parents=True)
        (quarantine / 'dangling.csv').symlink_to('nowhere')
        os.mkfifo(quarantine / 'fifo.csv')
        make_socket(quarantine / 'socket.csv')
        if os.geteuid() == 0:
            os.mknod(quarantine / 'device.csv', stat.S_IFCHR | 0o644, os.makedev(240, 250))
        self.assertEqual(work.run_once().err, '')
        self.assertEqual(sum(feed['files']['quarantined'] for feed in work.status()['feeds']), 0)

    def test_the_next_start_notes_what_was_quarantined(self):
        work = self.workspace()
        for name in ('told.csv', 'odd.csv.reason'):
            work.drop('Orders', b'"' + name.encode(), name)
        work.run_once()
        quarantine = work.data / 'quarantine' / 'Orders'
        (quarantine / 'untold.csv').write_bytes(b'"')
        (quarantine / 'with.csv').write_bytes(b'"x')
        (quarantine / 'with.csv.reason').write_text('1:1: too odd\n', encoding='utf-8')
        (quarantine / '.dropfold-reason-1-2-3').write_text('a half\n', encoding='utf-8')
        (quarantine / 'link.csv').symlink_to('with.csv')
        (quarantine / 'cut.csv').write_bytes(b'"y')
        cut = (quarantine / 'cut.csv').stat()
        (quarantine / f'.dropfold-reason-{cut.st_ino:x}-{cut.st_size:x}-{cut.st_mtime_ns:x}').write_text('1:1: cut off\n', encoding='utf-8')
        for _ in range(2):
            work.run_once()
            found = work.target.query("SELECT name, stored, note FROM dropfold_files WHERE state = 'quarantined' ORDER BY name")
            self.assertEqual([name for name, *_ in found],
                             ['cut.csv', 'odd.csv.reason', 'told.csv', 'untold.csv', 'with.csv'])
            self.assertEqual(found[0][1:], ('quarantine/Orders/cut.csv', '1:1: cut off'))
            self.assertEqual((quarantine / 'cut.csv.reason').read_text(encoding='utf-8'), '1:1: cut off\n')
            self.assertEqual(found[3][1:], ('quarantine/Orders/untold.csv', 'a crash came before it was written why'))
            self.assertEqual(found[4][1:], ('quarantine/Orders/with.csv', '1:1: too odd'))
        self.assertIn('too odd', work.command('rejects').out)
