"""Bursts: many files at once under a daemon that is killed at any moment and asked for things amid them; equal to the oracle."""
import signal
import sqlite3
import time

import histories_test
from harness.case import InPostgres
from harness.polling import until
from harness.workspace import Daemon
from histories_test import FEEDS, digest_of

ENDS = (0, 65, -signal.SIGTERM)  # of a daemon that is told to end: also while it builds its store anew
BUSY = 75  # a command has the store
BAD = (b'Order,Item\n"open', b'{"a":[', b'', b'\xff\xfe\x00', b'nothing,known\n1,2\n', b'\x1f\x8b\x08\x00')
HASTE, LIFE = 0.3, 0.25  # seconds at most: between two bursts, and from the last one to a kill


class Bursts(histories_test.Histories):
    """Small files are read in packs, committed in groups and moved away together: here groups are mixed of good ones and bad
    ones, redelivered, replaced and refused ones, and the end may come anywhere."""
    SHORT, LONG = 8, 500
    SIZES = (1, 3, 8, 20, 60)

    # --- what is dropped ---

    def drop(self, work, feed, content, name):
        if (work.landing(feed) / name).exists():
            return
        work.drop(feed, content, name)
        self.dropped.setdefault((feed, content), set()).add(name)

    def any_file(self, work):
        feed, name, again = self.rng.choice(FEEDS), f'f{self.rng.randrange(10**9)}', self.rng.random()
        content = self.rng.choice(BAD) if self.rng.random() < 0.04 else self.maker.file(feed)
        if self.dropped and again < 0.2:
            feed, content = self.rng.choice(sorted(self.dropped))
        elif self.dropped and again > 0.8:
            name = self.rng.choice(sorted(name for names in self.dropped.values() for name in names))
        self.drop(work, feed, content, name)

    def burst(self, work):
        for _ in range(self.rng.choice(self.SIZES)):
            self.any_file(work)

    # --- what is asked for meanwhile ---

    def forget_some(self, work, _):
        applied = [sequence for sequence, *_ in self.committed(work)]
        if applied:
            work.command('forget', f'seq={self.rng.choice(applied)}', expect=None)

    @staticmethod
    def hang_up(_, daemon):
        if daemon.out:  # it runs
            daemon.process.send_signal(signal.SIGHUP)

    @staticmethod
    def replay(work, _):
        work.command('replay', '--yes', expect=None)

    @staticmethod
    def retry(work, _):
        work.command('rejects', 'retry', expect=None)

    def empty_table(self, work, _):
        work.target.execute(f'DELETE FROM {self.name}_table;')

    def ask(self, work, daemon):
        try:
            self.rng.choice((self.forget_some, self.hang_up, self.replay, self.retry, self.empty_table))(work, daemon)
        except (sqlite3.Error, ValueError):  # there is no store or no table yet
            self.count(in_vain=1)

    # --- a life of the daemon ---

    def all_taken(self, work, daemon):
        until(lambda: daemon.process.poll() is not None or not work.landed(), lambda: f'{self.where}: all files taken\n{daemon}')

    def end_life(self, work, daemon, killed):
        if killed:
            time.sleep(self.rng.random() * LIFE)
            daemon.stop(signal.SIGKILL, expect=None)
            self.count(kills=1)
            return
        self.all_taken(work, daemon)
        code = daemon.process.returncode if daemon.process.poll() is not None else daemon.stop(expect=None)
        self.find('wrong', code not in (*ENDS, BUSY), f'{self.where}: ended with {code}\n{daemon}')

    def step(self, work):
        daemon = Daemon(work, '--settle', self.rng.choice((0, 0.05)), '--rescan', 0.5, '--target-check', self.rng.choice((0.2, 60)),
                        '--threads', self.rng.choice((1, 2, 4)))
        try:
            for _ in range(self.rng.randrange(1, 4)):
                self.burst(work)
                time.sleep(self.rng.choice((0, self.rng.random() * HASTE)))
                if self.rng.random() < 0.6:
                    self.ask(work, daemon)
            self.end_life(work, daemon, self.rng.random() < 0.7)
        finally:
            daemon.__exit__(RuntimeError, None, None)  # whatever it came to
        self.find('wrong', 'damaged' in str(daemon), f'{self.where}: {daemon}')
        self.count(runs=1)

    def drift(self, work):
        work.run_once(expect=None)  # a kill may have left changes undelivered, and verify says so
        super().drift(work)

    # --- what it comes to ---

    def judge_history(self, work):
        outcome = work.run_once(expect=None)
        left = [path for feed in work.FEEDS for path in work.landing(feed).iterdir()]
        self.find('lost', len(left) + (outcome.code not in (0, 65)), f'{self.where}: {outcome}, left {left}')
        with self.store(work) as connection:
            known = {(feed.decode(), bytes(content)) for feed, content in connection.execute('SELECT feed, content FROM files')}
        lost = [file for file in self.dropped if (file[0], digest_of(file[1])) not in known]
        self.find('lost', len(lost), f'{self.where}: in no ledger: {lost[:3]}')
        for command in (('store', 'check'), ('verify', '--deep')):
            outcome = work.command(*command, expect=None)
            self.find('wrong', outcome.code != 0, f'{self.where}: {command}: {outcome}')
        super().judge_history(work)


class BurstsInPostgres(InPostgres, Bursts):
    SHORT = 4

    def end(self, work):
        super().end(work)
        work.target.execute(f'DROP TABLE IF EXISTS {self.name}_table;')
