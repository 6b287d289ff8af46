"""Where a measurement runs: its data sets, stores and server, and how a process is measured."""
import copy
import json
import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness.cluster import Cluster
from harness.places import PROJECT, binary
from harness.polling import until

FEEDS = ('Customers', 'Orders', 'Deliveries')
MEGABYTE = 1024 * 1024
LINES = 1_000_000
CUSTOMERS = 100_000
FIRST_FILE = 1_600_000_000
LONG = 600  # seconds until a measurement counts as hung


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds of the clock, seconds of all cores together, bytes at the peak."""
    wall: float
    cpu: float
    peak: int


def median(costs):
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ('wall', 'cpu', 'peak')))


def shown(cost):
    return f'{cost.wall:.2f} s wall, {cost.cpu:.2f} s CPU, {cost.peak / MEGABYTE:.0f} MB'


def measure(arguments, **options):
    """Runs a program to its end; its output and what it cost. Fails when the program does. What was written before is on
    the disk when it begins: else the first that flushes a file waits for the others' too."""
    os.sync()
    began = time.perf_counter()
    process = subprocess.Popen([str(argument) for argument in arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    out = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f'{arguments} ended with {process.returncode}:\n{out[-4000:]}')
    return out, Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


class Setting:
    """One folder for everything, and the options of the run."""

    def __init__(self, folder, scale, runs):
        self.folder, self.scale, self.runs = Path(folder).resolve(), scale, runs
        self._count()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.schemas = self._one_table()
        self._cluster = None

    def at(self, scale):
        """The same place at another scale: for what is compared across scales in one run."""
        other = copy.copy(self)
        other.scale = scale
        other._count()
        return other

    def _count(self):
        self.lines = max(110, int(LINES * self.scale))
        self.customers = max(10, int(CUSTOMERS * min(1, self.scale)))

    def _one_table(self):
        """The shipped pipeline without its second table, which the others do not make either."""
        schemas = self.folder / 'schemas'
        shutil.rmtree(schemas, ignore_errors=True)
        shutil.copytree(PROJECT / 'schemas', schemas)
        path = schemas / 'ecommerce.json'
        pipeline = json.loads(path.read_text(encoding='utf-8'))
        del pipeline['views'], pipeline['tables']['customer_windows']
        path.write_text(json.dumps(pipeline, ensure_ascii=False), encoding='utf-8')
        return path

    @property
    def cluster(self):
        """The server, started when it is first asked for; durable, as servers are."""
        if not self._cluster:
            self._cluster = Cluster(durable=True)
            # A checkpoint amid a row would make the pages it touches next be logged whole.
            self._cluster.configure(fsync='on', max_wal_size='4GB', shared_buffers='256MB', checkpoint_timeout='1h')
            self._cluster.stop()
            self._cluster.start()
        return self._cluster

    def close(self):
        if self._cluster:
            self._cluster.remove()

    def database(self, name):
        """A new empty database; its environment for clients."""
        self.cluster.psql('postgres', f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);\nCREATE DATABASE "{name}";')
        return self.cluster.environment(name)

    def data(self, data_set, **numbers):
        """A folder of files by data_bench, made once; its files have the times of their order."""
        folder = self.folder / 'data' / f'{data_set}-{self.scale:g}'
        mark = folder / '.complete'
        words = ' '.join(f'{key}={value}' for key, value in numbers.items())
        if not mark.exists() or mark.read_text(encoding='utf-8') != words:
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([binary().parent / 'tests' / 'data_bench', folder, *words.split()], check=True)
            for feed in FEEDS:
                (folder / feed).mkdir(exist_ok=True)
                for number, path in enumerate(sorted((folder / feed).iterdir())):
                    os.utime(path, (FIRST_FILE + number, FIRST_FILE + number))
            mark.write_text(words, encoding='utf-8')
        return folder

    def history(self):
        """The data set most rows begin with: 20 files a feed for each million order lines."""
        return self.data('history', lines=self.lines, customers=self.customers, files=max(2, int(20 * self.scale)))

    def work(self, name, *data):
        """A new workspace with hard links to the files of `data`: dropfold moves files, so each run needs its own."""
        folder = self.folder / 'work' / name
        shutil.rmtree(folder, ignore_errors=True)
        for feed in FEEDS:
            (folder / 'data' / feed).mkdir(parents=True)
        work = Work(self, folder)
        for source in data:
            work.link(source)
        return work


class Work:
    """dropfold's folders for one measurement."""

    def __init__(self, setting, folder):
        self.setting, self.folder = setting, folder

    def link(self, source):
        for feed in FEEDS:
            for path in sorted((source / feed).iterdir()):
                os.link(path, self.folder / 'data' / feed / path.name)

    def arguments(self, target, *rest):
        return [binary(), '-p', self.setting.schemas, '-d', self.folder / 'data', '-c', self.folder / 'checkpoints',
                '-t', target, 'run', *rest]

    def once(self, target, environment=None, *rest):
        """Applies what is there; output and cost."""
        (self.folder / 'checkpoints').mkdir(exist_ok=True)
        return measure(self.arguments(target, '--once', '--settle', '0', *rest),
                       env={**os.environ, **(environment or {})})

    def daemon(self, target, environment=None):
        return Daemon(self.arguments(target), {**os.environ, **(environment or {})}, self.folder / 'log')

    def rename_in(self, source):
        """Puts the files of `source` into the landing folders by renames; the moment before the first."""
        staged = []
        for feed in FEEDS:
            for path in sorted((source / feed).iterdir()):
                hidden = self.folder / 'data' / feed / f'.{path.name}.part'
                shutil.copyfile(path, hidden)
                with open(hidden, 'rb') as file:
                    os.fsync(file.fileno())
                staged.append((hidden, hidden.with_name(path.name)))
        began = time.perf_counter()
        for hidden, visible in staged:
            hidden.rename(visible)
        return began

    def remove(self):
        shutil.rmtree(self.folder)


class Daemon:
    """`run` without --once, as a context: it has replayed its store when entered. Its words go to the file `log`."""

    def __init__(self, arguments, environment, log):
        self.log = log
        with open(log, 'wb') as out:
            self.process = subprocess.Popen([str(argument) for argument in arguments], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def __enter__(self):
        until(lambda: 'target ' in self.log.read_text(encoding='utf-8'), lambda: f'a start; see {self.log}', LONG)
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        self.process.wait()

    def cpu(self):
        """Seconds used so far."""
        fields = Path(f'/proc/{self.process.pid}/stat').read_text(encoding='ascii').rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def memory(self):
        """Bytes resident now."""
        for line in Path(f'/proc/{self.process.pid}/status').read_text(encoding='ascii').splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) * 1024
        raise RuntimeError('the process is gone')
