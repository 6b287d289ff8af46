"""A running daemon: what it can be asked and told."""
import fcntl
import json
import os
import re
import shutil
import signal
import tempfile
import unittest
from pathlib import Path

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.workspace import COMMAND_LIMIT


def first_order():
    return [('Customers', customers(1), 'c.json'), ('Deliveries', deliveries(delivery(1)), 'd.csv'),
            ('Orders', orders(order(1)), 'o.csv')]


class Asked(FlowCase):
    def test_health_is_asked_of_the_process_and_not_of_the_files(self):
        work = self.workspace()
        self.assertIn('no dropfold answers', work.command('status', '--healthy', expect=1).err)
        with work.daemon():
            until(lambda: work.command('status', '--healthy', expect=None).code == 0, lambda: 'a healthy daemon')
            self.assertIn('running as process', work.command('status').out)
        work.command('status', '--healthy', expect=1)
        self.assertIn('no dropfold answers', work.command('status').out)

    def test_status_as_json_says_what_runs(self):
        work = self.workspace()
        with work.daemon() as daemon:
            work.command('pause', 'Orders')
            work.drop('Orders', orders(order(1)), 'o.csv')
            running = until(lambda: self.seen_all(work), lambda: 'every folder looked at, an event, the held file')
            del running['events'], running['scans']
            self.assertGreater(running.pop('memory_bytes'), 0)
            self.assertEqual(running, {'process': daemon.process.pid, 'settling': 0, 'waiting': 1, 'under_way': 0,
                                       'paused': ['Orders'], 'memory_full': False, 'held': False, 'trouble': None,
                                       'overflows': 0, 'unmarked': {feed: 0 for feed in work.FEEDS}})
        self.assertIsNone(work.status()['running'])

    @staticmethod
    def seen_all(work):
        """What runs, once it saw all that there is to see."""
        running = work.status()['running']
        seen = running['waiting'] == 1 and running['settling'] == 0 and running['events'] > 0
        return running if seen and all(running['scans'][feed] > 0 for feed in work.FEEDS) else None

    def test_files_that_wait_for_a_target_of_another_history_are_counted(self):
        work = self.workspace()
        for feed, content, name in first_order():
            work.drop(feed, content, name)
        work.run_once()
        shutil.rmtree(work.checkpoints)
        work.checkpoints.mkdir()
        with work.daemon() as daemon:
            daemon.complained('diverged')
            for name in ('1.csv', '2.csv'):
                work.drop('Orders', orders(order(int(name[0]))), name)
            until(lambda: (work.status()['running'] or {}).get('waiting') == 2, lambda: work.command('status', '--json').out)
            self.assertIn('0 files settle, 2 wait, 0 are under way; files wait until', work.command('status').out)
            daemon.stop(expect=1)

    def test_a_socket_of_a_killed_daemon_is_replaced(self):
        work = self.workspace()
        with work.daemon() as daemon:
            until(lambda: work.command('status', '--healthy', expect=None).code == 0, lambda: 'a healthy daemon')
            daemon.stop(signal.SIGKILL, expect=None)
        work.command('status', '--healthy', expect=1)
        with work.daemon():
            until(lambda: work.command('status', '--healthy', expect=None).code == 0, lambda: 'a healthy daemon')

    def test_only_its_user_may_ask(self):
        work = self.workspace()
        with work.daemon():
            socket = work.checkpoints / 'ecommerce.sock'
            until(socket.exists, lambda: 'the control socket')
            self.assertEqual(socket.stat().st_mode & 0o777, 0o600)
        self.assertFalse(socket.exists())

    def test_a_socket_that_somebody_removed_is_made_anew(self):
        work = self.workspace()
        with work.daemon() as daemon:
            socket = work.checkpoints / 'ecommerce.sock'
            for _ in range(3):
                until(lambda: work.command('status', '--healthy', expect=None).code == 0, lambda: f'an answer\n{daemon}')
                self.assertEqual(socket.stat().st_mode & 0o777, 0o600)
                socket.unlink()
            daemon.complained('the control socket was gone: it was made anew')
        self.assertFalse(socket.exists())

    def test_a_paused_feed_waits_and_the_others_go_on(self):
        work = self.workspace()
        with work.daemon() as daemon:
            self.assertIn('is paused', work.command('pause', 'Orders').out)
            for feed, content, name in first_order():
                work.drop(feed, content, name)
            daemon.delivered(2)
            until(lambda: '1 wait' in work.command('status').out, lambda: 'the held file in status')
            self.assertEqual(work.landed(), ['o.csv'])
            work.command('resume', 'Orders')
            daemon.delivered(3)
            until(lambda: work.landed() == [], lambda: f'the file archived\n{daemon}')  # it is delivered first

    def test_a_file_whose_mode_is_changed_while_it_waits_is_not_overtaken(self):
        work = self.workspace()
        with work.daemon() as daemon:
            work.command('pause', 'Orders')
            first = work.drop('Orders', orders(order(1, total='1')), 'first.csv')
            work.drop('Orders', orders(order(1, total='2')), 'second.csv')
            until(lambda: '2 wait' in work.command('status').out, lambda: 'both files in status')
            first.chmod(0o600)
            work.command('resume', 'Orders')
            daemon.printed('applied ', 2)
            self.assertEqual([line.split()[1] for line in daemon.out if line.startswith('applied')],
                             ['Orders/first.csv', 'Orders/second.csv'])
            self.assertEqual(work.landed('Orders'), [])
        self.assertEqual(work.command('verify', '--deep').code, 0)

    def test_a_feed_that_does_not_exist_cannot_be_paused(self):
        work = self.workspace()
        with work.daemon():
            until(lambda: work.command('status', '--healthy', expect=None).code == 0, lambda: 'a healthy daemon')
            self.assertIn('there is no feed "Ordres"; expected one of Orders, Deliveries, Customers',
                          work.command('pause', 'Ordres', expect=64).err)

    def test_it_forgets_a_file_between_two_others(self):
        work = self.workspace()
        generated = self.sample(files=3, seed=9)
        with work.daemon() as daemon:
            work.drop_all(generated)
            daemon.printed('applied ', len(generated))
            gone = next(number for number, (feed, _) in enumerate(generated) if feed == 'Orders')
            done = work.command('forget', f'Orders/{generated[gone][1].name}')
            self.assertIn('taken back', done.out)
            daemon.delivered(len(generated) + 1)
            sequence = re.search(r' (seq=\d+) as ', done.out).group(1)
            self.assertIn('forgotten', work.command('forget', sequence, expect=64).err)
        self.assert_table(work, generated[:gone] + generated[gone + 1:])
        work.run_once()
        self.assert_table(work, generated[:gone] + generated[gone + 1:])


class Reloaded(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace()

    def change(self, path, old, new):
        path = self.work.root / 'schemas' / path
        text = path.read_text(encoding='utf-8')
        self.assertIn(old, text)
        path.write_text(text.replace(old, new), encoding='utf-8')

    def started(self, daemon):
        for feed, content, name in first_order():
            self.work.drop(feed, content, name)
        daemon.printed('applied ', 3)  # and so archived, which comes behind the delivery
        daemon.delivered(3)

    def columns(self):
        return [row[1] for row in self.work.target.query("SELECT * FROM pragma_table_info('customer_windows')")]

    def test_a_broken_descriptor_is_told_with_its_place_and_the_old_ones_go_on(self):
        with self.work.daemon() as daemon:
            self.started(daemon)
            self.change('Orders/1.json', '"required"', '"requierd"')
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('going on with the pipeline as it was')
            self.assertTrue([line for line in daemon.err if 'schemas/Orders/1.json:' in line and 'requierd' in line])
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')

    def test_another_window_replays_and_goes_on(self):
        with self.work.daemon() as daemon:
            self.started(daemon)
            self.change('ecommerce.json', '"10 days"', '"5 days"')
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('the store is built anew')
            daemon.printed('target ', 2)
            daemon.delivered(3)
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')
        self.work.run_once()

    def test_a_pipeline_that_cannot_go_on_from_the_store_is_told_and_the_old_one_goes_on(self):
        self.change('ecommerce.json', '"facts"', '"retention": { "lateness": "1 hour" }, "facts"')
        with self.work.daemon() as daemon:
            self.started(daemon)
            daemon.printed('closed windows')
            self.change('ecommerce.json', '"retention": { "lateness": "1 hour" }, ', '')
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('has no "retention" any more')
            daemon.complained('going on with the pipeline as it was')
            self.work.drop('Orders', orders(order(2, time='2022-02-10T12:00:00.000Z')), 'p.csv')
            daemon.printed('applied Orders/p.csv')

    def test_another_pipeline_takes_another_start(self):
        with self.work.daemon() as daemon:
            self.started(daemon)
            self.change('ecommerce.json', '"pipeline": "ecommerce"', '"pipeline": "other"')
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('going on with "ecommerce" as it was')
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')
        self.assertEqual([path.name for path in self.work.checkpoints.glob('other*')], [])

    def test_a_target_that_has_tables_of_the_old_shape_is_waited_for(self):
        with self.work.daemon('--target-check', 1) as daemon:
            self.started(daemon)
            self.change('ecommerce.json', '"currency"', '"money"')
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('delivery has stopped, files go on into the store: the target has tables of another shape')
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')
            self.assertIn('another shape', self.work.command('status', '--healthy', expect=1).err)
            self.work.target.execute('DROP VIEW latest_window; DROP VIEW customer_lifetime; DROP VIEW customer_windows_files; '
                                     'DROP TABLE customer_windows;')
            daemon.delivered(4)
            until(lambda: self.work.command('status', '--healthy', expect=None).code == 0, lambda: f'a healthy daemon\n{daemon}')

    def test_hup_at_any_moment_of_a_replay_is_taken_by_the_next_session(self):
        with self.work.daemon() as daemon:
            self.started(daemon)
            self.work.command('replay')
            while len([line for line in list(daemon.out) if line.startswith('target ')]) < 2:
                daemon.process.send_signal(signal.SIGHUP)
                self.assertIsNone(daemon.process.poll(), daemon)
            daemon.complained('are as they were')
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')

    def test_term_at_any_moment_of_a_replay_ends_it(self):
        for questions in (0, 0, 1, 1, 2, 3):  # each takes a few milliseconds, and a replay no more than two of them
            with self.work.daemon() as daemon:
                until(lambda: self.work.command('replay', expect=None).code == 0, lambda daemon=daemon: f'a replay\n{daemon}')
                for _ in range(questions):
                    self.work.command('status', expect=None)
                daemon.process.send_signal(signal.SIGTERM)
                self.assertIn(daemon.process.wait(COMMAND_LIMIT), (0, -signal.SIGTERM), daemon)
        self.work.run_once()

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which('unshare'), 'only root makes a first process')
    def test_term_ends_the_first_process_of_a_container_too(self):
        """The kernel keeps from it what it does not wait for."""
        script = self.folder / 'first'
        script.write_text(f'#!/bin/sh\nexec unshare --pid --fork --kill-child {self.work.program} "$@"\n', encoding='utf-8')
        script.chmod(0o755)
        self.work.program = script
        for questions in range(4):
            with self.work.daemon() as daemon:
                until(lambda: self.work.command('replay', expect=None).code == 0, lambda daemon=daemon: f'a replay\n{daemon}')
                for _ in range(questions):
                    self.work.command('status', expect=None)
                outside = daemon.process.pid
                first = Path(f'/proc/{outside}/task/{outside}/children').read_text(encoding='utf-8')
                os.kill(int(first), signal.SIGTERM)
                self.assertEqual(daemon.process.wait(COMMAND_LIMIT), 0, daemon)

    def test_folders_that_a_session_could_not_begin_with_are_told_and_the_old_one_goes_on(self):
        """One that two feeds have, one that is missing, one that another process has: for HUP, and for a replay."""
        folder = self.work.landing('Deliveries')
        away = folder.with_name('away')
        with self.work.daemon() as daemon, tempfile.TemporaryDirectory(dir=self.folder) as other:
            self.started(daemon)
            lock = os.open(other, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            for number, (place, words) in enumerate(((self.work.landing('Orders'), 'each feed needs one of its own'),
                                                     (None, 'is missing'), (other, 'in use by another dropfold'))):
                folder.rename(away)
                if place:
                    folder.symlink_to(place)
                self.work.configure('Orders', settle=f'{number + 2} seconds')
                daemon.process.send_signal(signal.SIGHUP)
                until(lambda words=words: [line for line in list(daemon.err) if words in line and 'Deliveries' in line and
                                           line.endswith('; going on with the pipeline as it was')], lambda: str(daemon))
                self.assertIn(words, self.work.command('replay', expect=None).err)
                folder.unlink(missing_ok=True)
                away.rename(folder)
            os.close(lock)
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')

    def test_nothing_happens_when_nothing_changed(self):
        with self.work.daemon() as daemon:
            self.started(daemon)
            daemon.process.send_signal(signal.SIGHUP)
            daemon.complained('are as they were')
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')

    def test_a_replay_that_cannot_be_done_leaves_all_as_it_was(self):
        with self.work.daemon() as daemon:
            self.started(daemon)
            (self.work.data / 'archive' / 'Orders' / self.work.archived('Orders')[0]).unlink()
            self.work.command('replay')
            daemon.complained('nothing was changed')
            daemon.printed('target ', 2)
            self.work.drop('Orders', orders(order(2)), 'p.csv')
            daemon.printed('applied Orders/p.csv')
        self.assertEqual(self.work.status()['sequence'], 4)


class Written(FlowCase):
    def test_every_line_is_json_when_asked_for(self):
        work = self.workspace()
        for feed, content, name in first_order():
            work.drop(feed, content, name)
        work.drop('Orders', b'"never closed', 'bad\n.csv')
        done = work.run_once('--log-format', 'json')
        events = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([event['event'] for event in events][0], 'target')
        applied = [event for event in events if event['event'] == 'applied']
        self.assertEqual({event['file'] for event in applied}, {'c.json', 'd.csv', 'o.csv'})
        self.assertEqual([event['file'] for event in events if event['event'] == 'quarantined'], ['bad\n.csv'])
        self.assertEqual(events[-1]['groups'], {'ecommerce': 1, 'customer_windows': 1})
        for line in done.err.splitlines():
            json.loads(line)

    def test_memory_over_the_limit_pauses_and_names_the_remedy(self):
        work = self.workspace()
        files = self.sample(orders=9000, files=12, seed=8)
        with work.daemon('--memory-limit', '1') as daemon:
            for number, file in enumerate(files, 1):
                work.drop(*file)
                daemon.printed('applied ', number)
                if work.status()['running']['memory_full']:
                    break
            daemon.complained('Start again with a higher limit')
            self.assertLess(number, len(files))
            daemon.complained('Start again with a higher limit')
            work.drop(*files[number])
            until(lambda: '1 wait' in work.command('status').out, lambda: 'the waiting file in status')
            self.assertIn('memory limit', work.command('status', '--healthy', expect=1).err)
            self.assertGreaterEqual(work.status()['running']['memory_bytes'], 1 << 20)
        self.assertEqual(len(work.landed()), 1)
        work.run_once()
        self.assert_table(work, files[:number + 1])

    def test_a_run_once_over_the_memory_limit_fails_and_says_so(self):
        work = self.workspace()
        generated = self.sample(orders=9000, files=2, seed=8)
        work.drop_all(generated)
        self.assertIn('limit', work.run_once('--memory-limit', '1', expect=1).err)
        work.run_once()
        self.assert_table(work, generated)

    def test_a_run_once_that_is_over_the_memory_limit_from_the_start_takes_no_file(self):
        work = self.workspace()
        for file in self.sample(orders=1200, files=6):
            work.drop(*file)
            if 'no further file' in work.run_once('--memory-limit', '1', expect=None).err:
                break
        work.drop('Orders', orders(order(1)), 'waits.csv')
        again = work.run_once('--memory-limit', '1', expect=1)
        self.assertIn('no further file is taken', again.err)
        self.assertIn('0 files applied', again.out)
        self.assertEqual(work.landed('Orders'), ['waits.csv'])

    def test_the_tables_can_be_made_ahead_for_a_role_that_may_not(self):
        work = self.workspace(target=self.postgres_target())
        database, psql = work.target.database, work.target.cluster.psql
        psql(database, 'CREATE ROLE filler LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC')
        self.addCleanup(psql, database, 'DROP OWNED BY filler; DROP ROLE filler')
        looked = work.command('check', environment={'PGUSER': 'filler'}, expect=1)
        self.assertRegex(looked.out, r'(?m)^target      \S+: refuses$')
        self.assertIn('is missing, and this role may not make it in schema "public"; let the owner', looked.err)
        self.assertIn('(42501)', work.run_once(environment={'PGUSER': 'filler'}, expect=1).err)
        self.assertIn('tables and views are there', work.command('target', 'init').out)
        psql(database, 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO filler;')
        for feed, content, name in first_order():
            work.drop(feed, content, name)
        self.assertRegex(work.command('check', environment={'PGUSER': 'filler'}).out, r'(?m)^target      \S+: reachable$')
        done = work.run_once(environment={'PGUSER': 'filler'})
        self.assertIn('delivered seq=3', done.out)


class Secrets(FlowCase):
    def test_a_password_in_the_address_is_refused_and_not_repeated(self):
        work = self.workspace()
        done = work.run_once(target='host=localhost password=Tr0ub4dor', expect=64)
        self.assertNotIn('Tr0ub4dor', done.out + done.err)

    def test_a_password_of_the_environment_is_in_no_line_and_no_file(self):
        work = self.workspace()
        secret = 'Tr0ub4dor'
        work.drop('Orders', orders(order(1)), 'o.csv')
        done = work.run_once(target='host=127.0.0.1 port=1 dbname=none', expect=69, environment={'PGPASSWORD': secret})
        self.assertNotIn(secret, done.out + done.err)
        for folder, _, names in os.walk(work.checkpoints):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    self.assertNotIn(secret.encode(), file.read())
