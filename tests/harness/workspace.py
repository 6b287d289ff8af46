"""A folder with landing folders, checkpoints and schemas of its own, and the program run in it."""
import json
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from harness.places import PROJECT, binary
from harness.polling import until

COMMAND_LIMIT = 240  # seconds until a command counts as hung
FIRST_DROP = 1_600_000_000


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def lines(self, first_word):
        return [line for line in self.out.splitlines() if line.split(' ')[0] == first_word]

    def __str__(self):
        return f'exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}'


class Workspace:
    FEEDS = ('Customers', 'Deliveries', 'Orders')

    def __init__(self, root, target, pipeline='ecommerce', feeds=FEEDS, identity=None):
        """`identity`: keywords of Popen that say who the program runs as; {} or None for us."""
        self.root, self.target, self.pipeline = Path(root), target, pipeline
        self.identity = identity or {}
        self.drops = 0
        shutil.copytree(PROJECT / 'schemas', self.root / 'schemas')
        for feed in feeds:
            self.landing(feed).mkdir(parents=True)
        self.checkpoints.mkdir()
        self.program = binary()
        if self.identity:
            self._hand_over()

    def _hand_over(self):
        """The other user may be barred from the project's folder, so the program comes along."""
        self.program = Path(shutil.copy(self.program, self.root / 'dropfold'))
        for path in (self.root, *self.root.rglob('*')):
            os.chown(path, self.identity['user'], self.identity['group'])

    def describe(self, pipeline, descriptors):
        """Schemas of nothing but these."""
        schemas = self.root / 'schemas'
        shutil.rmtree(schemas)
        documents = {f'{descriptor["feed"]}/{descriptor["version"]}.json': descriptor for descriptor in descriptors}
        documents[f'{pipeline["pipeline"]}.json'] = pipeline
        for path, document in documents.items():
            (schemas / path).parent.mkdir(parents=True, exist_ok=True)
            (schemas / path).write_text(json.dumps(document, ensure_ascii=False), encoding='utf-8')

    def configure(self, feed, **options):
        """What the pipeline says of a feed: after='leave', ready='done', settle='2 seconds'."""
        self.edit(f'{self.pipeline}.json', lambda pipeline: pipeline.setdefault('feeds', {}).update({feed: options}))

    def edit(self, name, change):
        """A pipeline or descriptor ('Orders/1.json') as `change` leaves what it says."""
        path = self.root / 'schemas' / name
        document = json.loads(path.read_text(encoding='utf-8'))
        change(document)
        path.write_text(json.dumps(document, ensure_ascii=False), encoding='utf-8')

    @property
    def data(self):
        return self.root / 'data'

    @property
    def checkpoints(self):
        return self.root / 'checkpoints'

    def landing(self, feed):
        return self.data / feed

    def landed(self, *feeds):
        """Visible names in the landing folders."""
        return sorted(path.name for feed in feeds or self.FEEDS for path in self.landing(feed).iterdir()
                      if not path.name.startswith('.'))

    def archived(self, feed):
        """In the order of their sequences."""
        folder = self.data / 'archive' / feed
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def drop(self, feed, source, name=None):
        """Puts a file (a path, or its bytes) into a landing folder, whole at once, later than all before it."""
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        path = self.landing(feed) / (name or Path(source).name)
        hidden = path.with_name('.dropped.part')
        hidden.write_bytes(content)
        if self.identity:
            os.chown(hidden, self.identity['user'], self.identity['group'])
        self.drops += 1
        os.utime(hidden, (FIRST_DROP + self.drops, FIRST_DROP + self.drops))
        hidden.rename(path)
        return path

    def drop_all(self, files):
        for feed, path in files:
            self.drop(feed, path)

    def environment(self, extra=None):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(('DROPFOLD_', 'PG'))}
        return {**kept, **self.target.environment, **(extra or {})}

    def arguments(self, command, *rest, target=None):
        address = target or self.target.address
        return [str(self.program), '-p', f'schemas/{self.pipeline}.json', *(('-t', address) if address else ()), command,
                *map(str, rest)]

    def popen(self, arguments, environment=None):
        return subprocess.Popen(arguments, cwd=self.root, env=self.environment(environment), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8', errors='surrogateescape',
                                **self.identity)

    def start(self, command, *rest, target=None, environment=None):
        return self.popen(self.arguments(command, *rest, target=target), environment)

    def command(self, command, *rest, expect=0, target=None, environment=None):
        """Runs a command to its end; `expect` is its exit code, None when any will do."""
        return finish(self.start(command, *rest, target=target, environment=environment), expect, COMMAND_LIMIT)

    def run_once(self, *rest, expect=0, target=None, environment=None):
        return self.command('run', '--once', '--settle', 0, *rest, expect=expect, target=target, environment=environment)

    def status(self):
        return json.loads(self.command('status', '--json').out)

    def rejects(self, *file):
        """The rejected rows."""
        return [reject for reject in self.rejected(*file) if 'whole' not in reject]

    def rejected(self, *file):
        """Those, and the files that were quarantined."""
        return [json.loads(line) for line in self.command('rejects', '--json', *file).out.splitlines()]

    def unmatched(self):
        return [json.loads(line) for line in self.command('unmatched', '--json').out.splitlines()]

    def daemon(self, *rest, environment=None):
        return Daemon(self, '--settle', '0.1', '--rescan', '1', *rest, environment=environment)


def finish(process, expect, limit):
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as error:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f'still running after {limit} s: {process.args}\n{Outcome(-1, out, err)}') from error
    outcome = Outcome(process.returncode, out, err)
    if expect is not None and outcome.code != expect:
        raise AssertionError(f'expected exit code {expect} of {process.args}\n{outcome}')
    return outcome


class Daemon:
    """`run` without --once, as a context: left, it is told to drain. Its output is collected while it runs."""

    def __init__(self, workspace, *arguments, environment=None):
        self.workspace = workspace
        self.process = workspace.start('run', *arguments, environment=environment)
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=self._collect, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip('\n'))

    def __enter__(self):
        self.printed('target ')
        return self

    def __exit__(self, kind, value, trace):
        try:
            if self.process.poll() is None:
                self.stop(expect=0 if kind is None else None)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.ended()
            self.process.stdout.close()
            self.process.stderr.close()

    def ended(self):
        """Its exit code, once it has ended and all that it said is here."""
        code = self.process.wait(COMMAND_LIMIT)
        for reader in self.readers:
            reader.join()
        return code

    def _find(self, lines, start, count):
        ended = self.process.poll() is not None and self.ended() is not None
        found = [line for line in list(lines) if line.startswith(start) or (lines is self.err and start in line)]
        if len(found) < count and ended:
            raise RuntimeError(f'ended with {self.process.returncode}\n{self}')
        return found if len(found) >= count else None

    def printed(self, start, count=1):
        """Waits until `count` lines of stdout begin so."""
        return until(lambda: self._find(self.out, start, count), lambda: f'{count} lines "{start}..." of run\n{self}')

    def complained(self, words):
        """Waits until stderr has a line with `words`."""
        return until(lambda: self._find(self.err, words, 1), lambda: f'a message with "{words}"\n{self}')[0]

    def asked(self, *words):
        """What a command comes to that the running daemon does itself; while it starts it says "not now"."""
        outcome = []

        def answered():
            outcome[:] = [self.workspace.command(*words, expect=None)]
            return outcome[0].code != 75

        until(answered, lambda: f'an answer to {words}: {outcome}\n{self}')
        return outcome[0]

    def delivered(self, sequence):
        """Waits until the target holds change `sequence` or a later one."""
        work = self.workspace
        until(lambda: work.target.progress(work.pipeline) >= sequence and (work.status()['target']['sequence'] or 0) >= sequence,
              lambda: f'delivery of change {sequence}\n{self}')

    def stop(self, how=signal.SIGTERM, expect=0):
        self.process.send_signal(how)
        code = self.ended()
        if expect is not None and code != expect:
            raise AssertionError(f'expected exit code {expect}, got {code}\n{self}')
        return code

    def __str__(self):
        return str(Outcome(self.process.returncode, '\n'.join(self.out), '\n'.join(self.err)))
