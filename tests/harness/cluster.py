"""A private PostgreSQL server (tests/pg.sh) in a folder of its own, reached by a Unix socket only."""
import functools
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.places import PROJECT

SCRIPT = PROJECT / 'tests' / 'pg.sh'
NOT_INSTALLED = 77
IN_MEMORY, ROOM = Path('/dev/shm'), 4 << 30  # where files are made and unlinked at a third of the cost; bytes free there


def place():
    """Where servers go that need not outlive the machine; None is the folder of all temporary files."""
    if not os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return None
    there = os.statvfs(IN_MEMORY)
    return IN_MEMORY if there.f_bavail * there.f_frsize >= ROOM else None


@functools.cache
def program(name):
    """The path of one of the server's own programs."""
    done = subprocess.run([SCRIPT, 'bin'], stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise unittest.SkipTest(done.stderr.strip())
    return Path(done.stdout.strip()) / name


class Cluster:
    USER = 'dropfold'
    port = 5432

    def __init__(self, durable=False):
        self.folder = Path(tempfile.mkdtemp(prefix='dropfold-pg-', dir=None if durable else place()))
        self.start()

    def _script(self, action, *mode):
        done = subprocess.run([SCRIPT, action, self.folder, *mode], stdin=subprocess.DEVNULL, capture_output=True,
                              check=False, text=True)
        if done.returncode == NOT_INSTALLED:
            shutil.rmtree(self.folder)
            raise unittest.SkipTest('no PostgreSQL server is installed')
        if done.returncode != 0:
            raise RuntimeError(f'{SCRIPT} {action}: {done.stderr}')

    def start(self):
        self._script('start')

    def stop(self, mode='fast'):
        """'immediate' leaves a crash to recover from."""
        self._script('stop', mode)

    def stand_by(self):
        """From its next start on, of a first server that is not there, until pg_promote()."""
        (self.folder / 'data' / 'standby.signal').touch()

    def remove(self):
        self._script('remove')

    @property
    def socket(self):
        return self.folder / f'.s.PGSQL.{self.port}'

    @property
    def log(self):
        return self.folder / 'data' / 'server.log'

    def configure(self, **settings):
        """Settings of the server; some hold from its next start on."""
        self.psql('postgres', ''.join(f"ALTER SYSTEM SET {name} = '{value}';\n" for name, value in settings.items()) +
                  'SELECT pg_reload_conf();')

    def environment(self, database='postgres', user=USER):
        return {'PGHOST': str(self.folder), 'PGPORT': str(self.port), 'PGUSER': user, 'PGDATABASE': database}

    def psql(self, database, sql, user=USER):
        """Its output as it comes: for COPY ... TO STDOUT. Fails on the first error."""
        done = subprocess.run([program('psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-'], input=sql, text=True,
                              env={**os.environ, **self.environment(database, user)}, capture_output=True, check=False)
        if done.returncode != 0:
            raise ValueError(f'psql: {done.stderr}')
        return done.stdout

    def dump(self, database, path, *options):
        with open(path, 'wb') as file:
            subprocess.run([program('pg_dump'), '-Fp', *options], env={**os.environ, **self.environment(database)},
                           stdout=file, check=True)

    def restore(self, database, path):
        """Puts `database` back to what the dump holds."""
        self.psql('postgres', f'DROP DATABASE "{database}" WITH (FORCE);\nCREATE DATABASE "{database}";')
        self.psql(database, Path(path).read_text(encoding='utf-8'))
