"""A fresh clone of the project, as a stranger has it, brought up with whichever Compose is there."""
import csv
import io
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LIMIT = 600
FIRST_DROP = 1_600_000_000


class ComposeError(Exception):
    """A command of Docker or Compose failed."""


def compose_command():
    """`docker compose`, else `docker-compose`; None where there is neither."""
    for words in (['docker', 'compose'], ['docker-compose']):
        if shutil.which(words[0]) and subprocess.run([*words, 'version'], capture_output=True).returncode == 0:
            return words
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Clone:
    """The clone and its containers. `owner` is the user that cloned it."""

    def __init__(self, folder, compose, owner=1000):
        self.folder, self.compose, self.owner = Path(folder), compose, owner
        self.name = f'dropfold-test-{os.getpid()}'
        self.drops = 0
        # Ports only because another compose may run here; nothing else is set.
        self.pgadmin_port, self.db_port = free_port(), free_port()
        self.environment = {name: value for name, value in os.environ.items()
                            if not re.match('DROPFOLD_|PG|COMPOSE_', name)}
        self.environment |= {'COMPOSE_PROJECT_NAME': self.name, 'DROPFOLD_DB_PORT': str(self.db_port),
                             'DROPFOLD_PGADMIN_PORT': str(self.pgadmin_port)}
        self._copy()

    def _copy(self):
        """The files that git knows, as they are now."""
        listed = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=PROJECT,
                                check=True, capture_output=True).stdout
        for name in filter(None, listed.decode().split('\0')):
            if (PROJECT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, self.folder / name)
        for path in (self.folder, *self.folder.rglob('*')):
            os.chown(path, self.owner, self.owner)

    def run(self, *words, check=True, merge=False, **environment):
        """Compose with these words: its output. Fails with all that it said."""
        done = subprocess.run([*self.compose, *words], cwd=self.folder, env=self.environment | environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
        if check and done.returncode != 0:
            raise ComposeError(f'{" ".join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}')
        return done.stdout + done.stderr if merge else done.stdout

    def container(self, service):
        found = self.run('ps', '-q', '-a', service, check=False).split() or self.run('ps', '-q', service).split()
        if not found:
            raise ComposeError(f'there is no container of {service}')
        return found[0]

    def inspect(self, service, template):
        return subprocess.run(['docker', 'inspect', '-f', template, self.container(service)], check=True, text=True,
                              capture_output=True).stdout.strip()

    def wait_healthy(self, *services, seconds=180):
        """docker-compose v1 knows no --wait."""
        for service in services:
            deadline = time.monotonic() + seconds
            while (state := self.inspect(service, '{{.State.Health.Status}}')) != 'healthy':
                if time.monotonic() > deadline:
                    raise ComposeError(f'{service} is {state} after {seconds} s\n'
                                       f'{self.run("logs", "--tail", "30", service, check=False, merge=True)}')
                time.sleep(0.5)

    def execute(self, service, *words, check=True, merge=False):
        return self.run('exec', '-T', service, *words, check=check, merge=merge)

    def shell(self, command):
        """A line of a document, typed in the clone: lines of its output without blanks at their ends, exit code."""
        command = re.sub(r'docker compose exec (?!-T)', 'docker compose exec -T ', command)
        owner = {} if 'docker' in command else {'user': self.owner, 'group': self.owner, 'extra_groups': []}
        done = subprocess.run(['bash', '-c', command.replace('docker compose', ' '.join(self.compose))], cwd=self.folder,
                              env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT, **owner)
        lines = [line.rstrip() for line in (done.stdout if done.returncode == 0 else done.stdout + done.stderr).splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        return lines, done.returncode

    def sql(self, statement, role='postgres', check=True):
        """All that psql says, as that role."""
        return self.execute('db', 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-U', role, 'dropfold', '-c',
                            statement, check=check, merge=True)

    def query(self, select):
        """Rows as tuples of text, None for NULL: what harness.compare asks of a target."""
        out = self.execute('db', 'psql', '-X', '-q', '-U', 'reader', 'dropfold', '-c', "SET TimeZone = 'UTC'", '-c',
                           f"COPY ({select}) TO STDOUT (FORMAT csv, NULL '\\N')")
        return [tuple(None if value == '\\N' else value for value in row) for row in csv.reader(io.StringIO(out))]

    def drop(self, feed, source, name=None):
        """As the owner of the clone does it: copied beside, renamed in; later than all before it."""
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        path = self.folder / 'data' / feed / (name or Path(source).name)
        hidden = path.with_name(f'.{path.name}.part')
        hidden.write_bytes(content)
        os.chown(hidden, self.owner, self.owner)
        self.drops += 1
        os.utime(hidden, (FIRST_DROP + self.drops, FIRST_DROP + self.drops))
        hidden.rename(path)

    def landed(self):
        return [path.name for feed in ('Customers', 'Deliveries', 'Orders')
                for path in (self.folder / 'data' / feed).iterdir() if not path.name.startswith('.')]

    def down(self):
        self.run('down', '--volumes', '--remove-orphans', check=False)

    def remains(self):
        """Containers, volumes and networks that bear the project's name."""
        label = f'label=com.docker.compose.project={self.name}'
        return [line for words in (['ps', '-a'], ['volume', 'ls'], ['network', 'ls'])
                for line in subprocess.run(['docker', *words, '-q', '--filter', label], check=True, text=True,
                                           capture_output=True).stdout.split()]
