"""The process: who may run beside it, how it is stopped, what it needs."""
import fcntl
import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

from harness.case import FlowCase, InPostgres
from harness.cluster import program
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.workspace import COMMAND_LIMIT, finish


class Instances(FlowCase):
    def test_a_second_run_ends_at_once_with_75_and_says_who_holds_the_store(self):
        work = self.workspace()
        with work.daemon() as daemon:
            second = work.run_once(expect=75)
            self.assertIn(str(daemon.process.pid), second.err)
            self.assertIn('checkpoints', second.err)
            work.drop('Orders', orders(order(1)), 'o.csv')
            daemon.printed('applied ')
        work.run_once()

    def test_another_pipeline_on_the_same_landing_folders_is_told(self):
        work = self.workspace()
        with work.daemon():
            work.pipeline = 'ecommerce-rowwise'
            other = work.command('run', '--once', expect=75, environment={'DROPFOLD_CHECKPOINTS': str(self.folder / 'other')})
            self.assertIn('data/', other.err)

    def test_looking_is_allowed_while_it_runs(self):
        work = self.workspace()
        with work.daemon() as daemon:
            work.drop('Orders', orders(order(1), order(2, quantity='x')), 'o.csv')
            daemon.delivered(1)
            self.assertEqual(work.status()['sequence'], 1)
            self.assertEqual(len(work.rejects()), 1)
            self.assertEqual(len(work.unmatched()), 2)


class Descriptors(FlowCase):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('the process is not dumpable: only root may see its descriptors')

    @staticmethod
    def open_in(daemon):
        """Files by their names, the rest by kind."""
        links = [os.readlink(path) for path in Path(f'/proc/{daemon.process.pid}/fd').iterdir()]
        return sorted(re.sub(r'\[\d+\]', '', link) for link in links)

    def open_at_rest(self, daemon):
        """What two looks in succession found; amid a move or a connection others are open for a moment."""
        looks = [self.open_in(daemon)]

        def again():
            looks.append(self.open_in(daemon))
            return looks[-1] == looks[-2]

        until(again, lambda: f'{looks[-2:]}')
        return looks[-1]

    def test_after_its_work_a_daemon_has_open_what_it_had_before(self):
        work = self.workspace()
        generated = self.sample(files=2)
        with work.daemon() as daemon:
            work.drop_all(generated)
            daemon.delivered(len(generated))
            daemon.printed('applied ', len(generated))
            before = self.open_at_rest(daemon)
            work.drop(*generated[0], name='again')
            work.drop('Orders', b'no header\n1\n', 'bad.csv')
            daemon.printed('duplicate ')
            daemon.printed('quarantined ')
            work.command('forget', f'Orders/{next(path.name for feed, path in generated if feed == "Orders")}')
            for command in (('pause', 'Orders'), ('resume', 'Orders'), ('status', '--json'), ('verify',), ('replay',)):
                work.command(*command)
            daemon.printed('target ', 2)
            work.drop('Orders', orders(order(1)), 'last.csv')
            daemon.printed('applied Orders/last.csv')
            daemon.delivered(work.status()['sequence'])
            # A look that was slow may have met something of a moment: then that much less is found again.
            until(lambda: not Counter(self.open_in(daemon)) - Counter(before), lambda: f'{before}, not {self.open_in(daemon)}')


class DescriptorsInPostgres(InPostgres, Descriptors):
    pass


class Signals(FlowCase):
    def drains(self, how):
        work = self.workspace()
        generated = self.sample(files=6, seed=6)
        with work.daemon() as daemon:
            work.drop_all(generated)
            daemon.printed('applied ')
            daemon.stop(how)
        status = work.status()
        self.assertEqual(status['target']['undelivered'], 0)
        self.assertEqual(status['sequence'] + len(work.landed()), len(generated))
        # Files that are found together are taken by their times; the landing folders are not found together.
        self.assert_table(work, self.applied(work, generated))
        work.run_once()
        self.assert_table(work, self.applied(work, generated))

    @staticmethod
    def applied(work, generated):
        """The files in the archive, in the order of their sequences."""
        paths = {(feed, path.name): path for feed, path in generated}
        archived = sorted((name.split('-', 2), feed) for feed in work.FEEDS for name in work.archived(feed))
        return [(feed, paths[feed, name]) for (_, _, name), feed in archived]

    def test_sigterm_drains(self):
        self.drains(signal.SIGTERM)

    def test_sigint_drains(self):
        self.drains(signal.SIGINT)

    def test_a_run_once_that_is_told_to_end_before_all_was_applied_says_so_by_its_exit_code(self):
        work = self.workspace()
        path = work.landing('Orders') / 'o.csv'
        path.write_bytes(orders(order(1)))
        process = work.start('run', '--once', '--settle', '3600')
        self.assertTrue(process.stdout.readline().startswith('target '))
        process.send_signal(signal.SIGTERM)
        self.assertIn('0 files applied', finish(process, 1, COMMAND_LIMIT).out)
        self.assertTrue(path.exists())

    def test_a_second_signal_leaves_at_once_and_nothing_is_lost(self):
        cluster = self.own_cluster()
        work = self.workspace(target=self.postgres_target(cluster))
        generated = self.sample(files=2, seed=7)
        with work.daemon() as daemon:
            work.drop_all(generated[:3])
            daemon.delivered(3)
            # A delivery that hangs: nobody else may write the tables while this transaction is open.
            with Blocker(cluster, work.target.database):
                work.drop_all(generated[3:])
                daemon.printed('applied ', len(generated))
                daemon.process.send_signal(signal.SIGTERM)
                daemon.process.send_signal(signal.SIGINT)
                until(lambda: daemon.process.poll() is not None, lambda: 'the end of the process')
                self.assertNotEqual(daemon.process.returncode, 0)
        work.run_once()
        self.assert_table(work, generated)


    def test_a_signal_lets_the_last_delivery_of_a_run_once_come_to_its_end(self):
        cluster = self.own_cluster()
        work = self.workspace(target=self.postgres_target(cluster))
        work.run_once()
        work.drop_all(self.sample(files=1, seed=9))
        with Blocker(cluster, work.target.database, 'SHARE'):
            run = work.start('run', '--once', '--settle', '0')
            until(lambda: work.target.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'ecommerce'::regclass"),
                  lambda: 'a delivery that waits for the table')
            run.send_signal(signal.SIGTERM)
            until(lambda: run.poll() is not None or 'stopping: what is under way' in run.stderr.readline(),
                  lambda: 'that it heard of it')
        self.assertIn('delivered ', finish(run, 0, COMMAND_LIMIT).out)
        self.assertEqual(work.status()['target']['undelivered'], 0)


class Blocker:
    """Holds a lock on table ecommerce in a session of its own: nobody else may read it, or with SHARE write it."""

    def __init__(self, cluster, database, mode='ACCESS EXCLUSIVE'):
        self.mode = mode
        self.session = subprocess.Popen([program('psql'), '-X', '-q', '-At'], env={**os.environ, **cluster.environment(database)},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.session.stdin.write('BEGIN; LOCK TABLE ecommerce IN ' + self.mode + ' MODE; SELECT 1;\n')
        self.session.stdin.flush()
        self.session.stdout.readline()
        return self

    def __exit__(self, *failure):
        self.session.communicate('ROLLBACK;\n')


class Finding(FlowCase):
    def test_files_are_found_without_events(self):
        work = self.workspace()
        generated = self.sample(files=3, seed=8)
        with work.daemon('--no-events') as daemon:
            work.drop_all(generated)
            daemon.delivered(len(generated))
            self.assert_table(work, generated)

    def test_a_file_written_in_place_is_taken_once_it_is_whole(self):
        work = self.workspace()
        content = orders(*(order(number) for number in range(1, 200)))
        with work.daemon('--settle', '2') as daemon:
            with open(work.landing('Orders') / 'slow.csv', 'wb', buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                for at in range(0, len(content), 4096):
                    file.write(content[at:at + 4096])
            daemon.printed('applied Orders/slow.csv')
        self.assertEqual(work.status()['feeds'][0]['rows'], 199)

    def test_a_landing_folder_renamed_and_made_again_is_watched_again(self):
        work = self.workspace()
        with work.daemon() as daemon:
            work.drop('Orders', orders(order(1)), 'one.csv')
            daemon.printed('applied ', 1)
            work.landing('Orders').rename(work.data / 'Orders-old')
            work.landing('Orders').mkdir()
            work.drop('Orders', orders(order(2)), 'two.csv')
            daemon.printed('applied Orders/two.csv')

    def test_many_threads_commit_in_the_order_of_the_files(self):
        work = self.workspace()
        generated = self.sample(files=20, seed=9)
        work.drop_all(generated)
        lines = work.run_once('--threads', 8).lines('applied')
        committed = sorted((int(line.split()[3].removeprefix('seq=')), line.split()[1]) for line in lines)
        self.assertEqual(committed, [(number, f'{feed}/{path.name}') for number, (feed, path) in enumerate(generated, 1)])

    def test_files_that_go_before_as_many_workers_as_may_be_come_to_them(self):
        work = self.workspace()
        files = range(500)
        with work.daemon('--threads', 64) as daemon:
            daemon.asked('pause', 'Customers')
            for number in files:
                (work.landing('Customers') / f'{number}.json').write_bytes(customers(number))
            until(lambda: work.status()['running']['waiting'] == len(files), lambda: f'the files to be ready\n{daemon}')
            for number in files:
                (work.landing('Customers') / f'{number}.json').unlink()
            daemon.asked('resume', 'Customers')
            work.drop('Customers', customers(1), 'one.json')
            daemon.printed('applied ')


class AfterCommit(FlowCase):
    """What becomes of a file that was applied."""

    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def apply(self, expect_lines=1):
        lines = self.work.run_once().lines('applied')
        self.assertEqual(len(lines), expect_lines, lines)
        return lines

    def test_archived_under_sequence_hash_and_name(self):
        self.work.drop('Customers', customers(1), 'c.json')
        content = orders(order(1))
        self.work.drop('Orders', content, 'o.csv')
        self.apply(2)
        names = self.work.archived('Orders')
        self.assertEqual(len(names), 1)
        self.assertRegex(names[0], r'^000002-[0-9a-f]{8}-o\.csv$')
        self.assertEqual((self.work.data / 'archive' / 'Orders' / names[0]).read_bytes(), content)
        self.assertEqual(self.work.landed(), [])

    def test_left_where_it_is_and_not_read_again(self):
        self.work.configure('Orders', after='leave')
        path = self.work.drop('Orders', orders(order(1)), 'o.csv')
        self.apply()
        self.apply(0)
        self.assertEqual(self.work.landed(), ['o.csv'])
        path.write_bytes(orders(order(1, total='90')))
        self.apply()
        self.assertEqual(self.work.status()['sequence'], 2)

    def test_deleted(self):
        self.work.configure('Orders', after='delete')
        self.work.drop('Orders', orders(order(1)), 'o.csv')
        self.apply()
        self.assertEqual(self.work.landed(), [])
        self.assertEqual(self.work.archived('Orders'), [])

    def test_the_same_name_again_with_other_content_is_another_file(self):
        for number in (1, 2):
            self.work.drop('Orders', orders(order(number)), 'o.csv')
            self.apply()
        self.assertEqual(len(self.work.archived('Orders')), 2)

    def test_a_done_marker_releases_its_file(self):
        told = '1 file of Orders without a marker (NAME.done), not read'
        self.work.configure('Orders', ready='done')
        self.work.drop('Orders', orders(order(1)), 'o.csv')
        outcome = self.work.run_once()
        self.assertEqual((outcome.lines('applied'), told in outcome.err), ([], True), outcome)
        with self.work.daemon():
            until(lambda: (self.work.status()['running'] or {}).get('unmarked') == {'Customers': 0, 'Deliveries': 0, 'Orders': 1},
                  lambda: self.work.command('status').out)
            self.assertIn('0 are under way; 1 of Orders without a marker;', self.work.command('status').out)
        self.work.drop('Orders', b'', 'o.csv.done')
        outcome = self.work.run_once()
        self.assertEqual((len(outcome.lines('applied')), told in outcome.err), (1, False), outcome)

    def test_a_redelivery_is_archived_too(self):
        self.work.drop('Deliveries', deliveries(delivery(1, task=5)), 'd.csv')
        self.apply()
        self.work.drop('Deliveries', deliveries(delivery(1, task=5)), 'again.csv')
        self.assertEqual(len(self.work.run_once().lines('duplicate')), 1)
        self.assertEqual(self.work.landed(), [])
