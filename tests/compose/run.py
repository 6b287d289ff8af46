#!/usr/bin/env python3
"""Brings compose.yaml up on a real Docker Engine, as a stranger would, and holds it to what the README says of it.

usage: run.py [--screenshot FILE] [--keep]

Pulls nothing: images that the engine lacks are built as stand-ins (stand_ins.py) and kept for the next run. Steps build
on one another; after one that failed, those that need it are skipped. Without an engine, root or Debian's packages all is
skipped, and said so.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(PROJECT / 'tests')]

from browser import Browser  # noqa: E402
from harness import compare, places  # noqa: E402
from harness.files import customers, deliveries, delivery, order, orders  # noqa: E402
from harness.oracle import Oracle  # noqa: E402
from pgadmin import PgAdmin  # noqa: E402
from project import Clone, ComposeError, compose_command  # noqa: E402
from stand_ins import EngineError, StandIns, docker  # noqa: E402
import sample  # noqa: E402

PACKAGES = {'debootstrap': 'debootstrap', 'chromium': 'chromium'}
WAIT = 90  # seconds that rows may take on a busy machine
TABLE = ('Servers', 'dropfold, read only', 'Databases', 'dropfold', 'Schemas', 'public', 'Tables', 'customer_windows')


class Failed(Exception):
    """A step's finding."""


def expect(condition, finding):
    if not condition:
        raise Failed(finding)


def missing():
    """Why nothing can be tested here; None when all can."""
    if os.geteuid() != 0:
        return 'not root'
    if not shutil.which('docker') or subprocess.run(['docker', 'info'], capture_output=True).returncode != 0:
        return 'no Docker Engine answers'
    if not compose_command():
        return 'no Compose'
    wanted = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if wanted and shutil.which('apt-get'):
        print(f'run.py: installs {" ".join(wanted)}', flush=True)
        for words in (['update'], ['install', '--no-install-recommends', *wanted]):
            subprocess.run(['apt-get', '-y', '-qq', '-o', 'DPkg::Lock::Timeout=120', *words], capture_output=True,
                           env=os.environ | {'DEBIAN_FRONTEND': 'noninteractive'})
        wanted = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    return f'no {" and no ".join(wanted)}' if wanted else None


def console(document, heading):
    """The lines to type of one section of a document, each with the lines that it says are printed."""
    section = document.read_text(encoding='utf-8').split(f'\n## {heading}\n')[1].split('\n## ')[0]
    lines = []
    for block in re.findall(r'^```console\n(.*?)^```$', section, re.M | re.S):
        for line in block.splitlines():
            if line.startswith('$ '):
                lines.append((line[2:], []))
            else:
                lines[-1][1].append(line)
    return lines


class Steps:
    """What is done to one clone, in the order of the definitions. A docstring is a step's name."""

    def __init__(self, folder, screenshot):
        self.folder, self.screenshot = folder, screenshot
        self.stand_ins = StandIns()
        self.clone = Clone(folder / 'clone', compose_command())
        self.dropped = []
        self.fast = self.generate('fast', orders=400, files=4, seed=3)
        self.large = self.generate('large', orders=6000, files=2, seed=7)

    def generate(self, name, **options):
        written = sample.write(self.folder / name, **options)
        return [(feed, path) for round_ in zip(*([(feed, path) for path in paths] for feed, paths in written.items()))
                for feed, path in round_]

    def drop(self, files):
        for feed, path in files:
            self.clone.drop(feed, path, f'{len(self.dropped):03}-{path.name}')
            self.dropped.append((feed, path))

    def expect_rows(self):
        """The table becomes what the oracle makes of all files dropped so far."""
        expected = Oracle(self.dropped).ecommerce()
        deadline = time.monotonic() + WAIT
        while True:
            try:
                lines = compare.differences(self.clone, 'ecommerce', expected)
            except ComposeError as error:
                lines = [str(error)]
            if not lines:
                return
            if time.monotonic() > deadline:
                logs = self.clone.run('logs', '--tail', '20', 'dropfold', check=False, merge=True)
                raise Failed('\n'.join([*lines, logs]))
            time.sleep(0.5)

    def totals(self):
        return self.clone.query('SELECT currency, count(*), sum(order_count), sum(total_amount) FROM customer_windows '
                                'GROUP BY currency ORDER BY currency')

    def passwords(self):
        return {role: self.clone.execute('db', 'cat', f'/secrets/{role}').strip()
                for role in ('postgres', 'dropfold_owner', 'dropfold', 'reader')}

    # --- coming up ---------------------------------------------------------------------------------------------------

    def images(self):
        """images are there, pulled from nowhere"""
        return self.stand_ins.provide()

    def build(self):
        """the Dockerfile builds the program, with no other file than those it names"""
        self.clone.run('build')

    def refusal(self):
        """a user who may not write data/ is told at once what to type"""
        said = self.clone.run('up', '-d', check=False, merge=True, DROPFOLD_UID='4321', DROPFOLD_GID='4321')
        said += self.clone.run('logs', 'prepare', merge=True)
        self.clone.down()
        expect('DROPFOLD_UID=1000 DROPFOLD_GID=1000 docker compose up --build' in said, said)

    def up(self):
        """one line brings everything up healthy, with nothing edited"""
        self.clone.run('up', '--build', '-d')
        self.clone.wait_healthy('db', 'dropfold', 'pgadmin')
        docker('tag', self.clone.inspect('dropfold', '{{.Image}}'), 'dropfold-stand-in/dropfold:built')
        for service in ('prepare', 'init'):
            state = self.clone.inspect(service, '{{.State.Status}} {{.State.ExitCode}}')
            expect(state == 'exited 0', f'{service}: {state}')

    def confinement(self):
        """dropfold runs as user 1000 with no capability, on a file system that it cannot write"""
        status = self.clone.execute('dropfold', 'cat', '/proc/1/status')
        facts = {name: value.split() for name, _, value in (line.partition(':') for line in status.splitlines())}
        expect(facts['Name'] == ['dropfold'] and set(facts['Uid'] + facts['Gid']) == {'1000'}, status)
        expect(all(int(facts[name][0], 16) == 0 for name in ('CapEff', 'CapPrm', 'CapBnd')), status)
        expect(facts['NoNewPrivs'] == ['1'], status)
        for path in ('/x', '/usr/share/x', '/schemas/x', '/secrets/x'):
            said = self.clone.execute('dropfold', 'touch', path, check=False, merge=True)
            expect('Read-only' in said, f'touch {path}: {said}')

    def ports(self):
        """ports are open on 127.0.0.1 only"""
        for service in ('db', 'dropfold', 'pgadmin'):
            bound = self.clone.inspect(service, '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}')
            expect(set(bound.split()) <= {'127.0.0.1'}, f'{service}: {bound}')

    def secrets(self):
        """passwords are in no file of the clone, no setting, argument or log; passfiles are 0600 and their reader's"""
        passwords = self.passwords()
        expect(len(set(passwords.values())) == 4 and all(len(word) >= 32 for word in passwords.values()), 'weak passwords')
        shown = self.clone.run('config') + self.clone.run('logs', merge=True)
        shown += ''.join(docker('inspect', self.clone.container(service)) + docker('top', self.clone.container(service))
                         for service in ('db', 'dropfold', 'pgadmin'))
        shown += docker('inspect', self.clone.container('prepare'), self.clone.container('init'))
        shown += ''.join(path.read_text(encoding='utf-8', errors='replace')
                         for path in self.clone.folder.rglob('*') if path.is_file())
        for role, word in passwords.items():
            expect(word not in shown, f'the password of {role} is shown')
        for service, owner in (('dropfold', '1000'), ('pgadmin', '5050')):
            facts = self.clone.execute(service, 'stat', '-c', '%a %u', '/secrets/passfile').split()
            expect(facts == ['600', owner], f'{service}: {facts}')

    # --- rows --------------------------------------------------------------------------------------------------------

    def readme(self):
        """each line of the README, typed as it stands, prints what the README says"""
        written = self.generate('readme', orders=600, files=4, bad=False)
        bad = self.folder / 'readme.json'
        bad.write_text('[{"Customer ID": 1}, {"Customer ID": "12,x"}]\n', encoding='utf-8')
        lines = console(PROJECT / 'README.md', 'Under docker compose')
        expect(len(lines) > 6, 'the README has lost its lines')
        for command, printed in lines:
            self.type(command, printed)
        self.dropped += [*written, ('Customers', bad)]
        self.expect_rows()

    def type(self, command, printed):
        """Runs a line of a document: of Docker as root, others as the owner of the clone. What it shows may take a while."""
        expected = [line.rstrip() for line in printed]
        deadline = time.monotonic() + WAIT
        while True:
            found, code = self.clone.shell(command)
            if code == 0 and (not expected or found == expected):
                return
            if ' exec ' not in command or not expected or time.monotonic() > deadline:
                raise Failed('\n'.join([f'$ {command}', *found, f'(exit code {code}) instead of', *expected]))
            time.sleep(0.5)

    def rows(self):
        """dropped files become exactly the expected rows"""
        self.drop(self.fast[:6])
        self.expect_rows()

    def rights(self):
        """each role can do what it is for, and nothing else"""
        self.clone.sql('CREATE TABLE another (x int); INSERT INTO another VALUES (1)')
        for role, statement, refused in (
                ('dropfold', 'SELECT * FROM another', 'permission denied'),
                ('dropfold', 'CREATE TABLE mine (x int)', 'permission denied'),
                ('dropfold', 'ALTER TABLE ecommerce ADD COLUMN x int', 'must be owner'),
                ('dropfold', 'TRUNCATE ecommerce', 'permission denied'),
                ('dropfold', 'CREATE TEMPORARY TABLE mine (x int)', ''),
                ('dropfold', 'UPDATE ecommerce SET "Order_Count" = 1 WHERE false', ''),
                ('reader', 'SELECT count(*) FROM latest_window', ''),
                ('reader', 'SELECT * FROM another', 'permission denied'),
                ('reader', 'BEGIN READ WRITE; DELETE FROM ecommerce', 'permission denied'),
                ('reader', 'CREATE TEMPORARY TABLE mine (x int)', 'read-only'),
                ('dropfold_owner', 'CREATE TABLE mine (x int); DROP TABLE mine', '')):
            said = self.clone.sql(statement, role, check=False)
            expect(refused in said if refused else 'ERROR' not in said, f'{role}: {statement}: {said}')
        self.clone.sql('DROP TABLE another')

    def browser(self):
        """pgAdmin asks for no password, connects as owner and as reader, and shows the table's rows"""
        with Browser(1400, 800) as browser:
            page = PgAdmin(browser, f'http://127.0.0.1:{self.clone.pgadmin_port}/')
            page.unfold(1, 'Servers', 'dropfold, owner')
            page.unfold(2, 'dropfold, owner', 'Databases')
            page.fold(2, 'dropfold, owner', 'Databases')
            page.descend(*TABLE)
            header, *shown = page.rows()
            columns = [text.split('\n')[0] for text in header]
            first = [columns.index(name) for name in ('customer_id', 'currency', 'order_count', 'total_amount')]
            seen = [tuple(row[at] for at in first) for row in shown[:5]]
            stored = self.clone.query('SELECT customer_id, currency, order_count, total_amount FROM customer_windows '
                                      'ORDER BY customer_id, currency, window_start LIMIT 5')
            page.screenshot(self.screenshot)
            expect(len(seen) == 5 and seen == stored, f'pgAdmin shows {seen}, the table holds {stored}')
        return [f'screenshot: {self.screenshot}']

    def stranger(self):
        """pgAdmin answers no page that comes by another name"""
        url = f'http://127.0.0.1:{self.clone.pgadmin_port}/browser/'
        for host, wanted in (('127.0.0.1', '200'), ('localhost', '200'), ('evil.example', '403')):
            code = subprocess.run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--noproxy', '*', '-H',
                                   f'Host: {host}', url], text=True, capture_output=True).stdout
            expect(code == wanted, f'{host}: {code}')

    def rejects(self):
        """a bad row is rejected with its reason, and the rest of its file counts"""
        path = self.folder / 'bad.csv'
        path.write_bytes(orders(order(77001, total='1000'), order(77002, total='a lot')))
        (self.folder / 'bad-deliveries.csv').write_bytes(deliveries(delivery(77001), delivery(77002)))
        (self.folder / 'bad-customers.json').write_bytes(customers(1))
        self.drop([('Customers', self.folder / 'bad-customers.json'), ('Deliveries', self.folder / 'bad-deliveries.csv'),
                   ('Orders', path)])
        self.expect_rows()
        said = self.clone.execute('dropfold', 'dropfold', 'rejects')
        expect('bad.csv' in said and 'a lot' in said, said)

    # --- coming down -------------------------------------------------------------------------------------------------

    def kill_dropfold(self):
        """dropfold killed: files wait, and after `up` the rows are as if nothing had happened"""
        before = self.totals()
        self.clone.run('kill', 'dropfold')
        self.drop(self.fast[6:])
        expect(self.totals() == before and self.clone.landed(), 'files were taken without dropfold')
        self.clone.run('up', '-d')
        self.clone.wait_healthy('dropfold')
        self.expect_rows()

    def kill_db(self):
        """db killed: files go into the store, and once it is back thousands of groups are delivered"""
        self.clone.run('kill', 'db')
        self.drop(self.large)
        deadline = time.monotonic() + WAIT
        while self.clone.landed():
            expect(time.monotonic() < deadline, f'files wait for the database: {self.clone.landed()}')
            time.sleep(0.2)
        self.clone.execute('dropfold', 'dropfold', 'status', '--healthy')
        self.clone.run('up', '-d')
        self.clone.wait_healthy('db', 'dropfold')
        self.expect_rows()

    def real_files(self):
        """the real files of the second market give the expected rows beside all others"""
        if not places.REAL_FILES.is_dir():
            return None
        self.drop([('Customers', places.REAL_FILES / 'customers.json'), ('Orders', places.REAL_FILES / 'orders.csv'),
                   ('Deliveries', places.REAL_FILES / 'deliveries.csv')])
        self.expect_rows()
        return []

    def owners(self):
        """archived files belong to the user who dropped them"""
        archived = [path for path in (self.clone.folder / 'data/archive').rglob('*') if path.is_file()]
        expect(len(archived) == len(self.dropped), f'{len(archived)} files archived of {len(self.dropped)}')
        others = [path for path in archived if path.stat().st_uid != 1000]
        expect(not others, f'not of user 1000: {others}')

    def stop(self):
        """a stop is answered within seconds, by a clean end"""
        began = time.monotonic()
        self.clone.run('stop', 'dropfold')
        took = time.monotonic() - began
        code = self.clone.inspect('dropfold', '{{.State.ExitCode}}')
        expect(code == '0' and took < 15, f'exit code {code} after {took:.1f} s')

    def again(self):
        """down and up again: volumes keep passwords, rows and the store"""
        before, passwords = self.totals(), self.passwords()
        self.clone.run('down')
        self.clone.run('up', '-d')
        self.clone.wait_healthy('db', 'dropfold', 'pgadmin')
        expect(self.passwords() == passwords and self.totals() == before, 'something else is there')
        self.expect_rows()

    def backup(self):
        """the lines of docs/operations.md back up and restore: what came between is gone"""
        lines = [command for command, _ in console(PROJECT / 'docs/operations.md', 'Under docker compose')]
        first = next(at for at, command in enumerate(lines) if ' stop ' in command)
        for command in lines[:first]:
            self.type(command, [])
        before = self.totals()
        for feed, path in self.generate('between', orders=300, files=2, seed=9):
            self.clone.drop(feed, path, f'between-{path.name}')
        deadline = time.monotonic() + WAIT
        while self.totals() == before:
            expect(time.monotonic() < deadline, 'nothing came between')
            time.sleep(0.5)
        for command in lines[first:]:
            self.type(command, [])
        self.expect_rows()

    def nothing_left(self):
        """down --volumes leaves nothing behind"""
        self.clone.run('down', '--volumes')
        expect(not self.clone.remains(), f'left: {self.clone.remains()}')

    def another_user(self):
        """a clone of another user works as that user, whoever it is"""
        for owner in (4321, 0):
            self.clone = Clone(self.folder / f'clone-{owner}', compose_command(), owner)
            self.clone.environment |= {'DROPFOLD_UID': str(owner), 'DROPFOLD_GID': str(owner)}
            try:
                self.clone.run('up', '--build', '-d', 'dropfold')
                self.clone.wait_healthy('dropfold')
                self.dropped = []
                self.drop(self.fast[:6])
                self.expect_rows()
                owners = {path.stat().st_uid for path in (self.clone.folder / 'data/archive').rglob('*')}
                expect(owners == {owner}, f'archived files belong to {owners}')
            finally:
                self.clone.down()

    ORDER = (images, build, refusal, up, confinement, ports, secrets, readme, rows, rights, browser, stranger, rejects,
             kill_dropfold, kill_db, real_files, owners, stop, again, backup, nothing_left,
             another_user)
    # Without these the others mean nothing; any other may fail alone.
    NEEDED = (images, build, up, rows)

    def close(self, keep):
        if not keep:
            self.clone.run('down', '--volumes', '--remove-orphans', '--rmi', 'local', check=False)
            self.stand_ins.take_back()


def run(steps):
    sums = {'passed': 0, 'failed': 0, 'skipped': 0}
    needed = None
    for step in steps.ORDER:
        began, why, lines = time.monotonic(), '', []
        if needed:
            word, why = 'skipped', f' (needs: {needed})'
        else:
            try:
                lines = step(steps) or []
                word = 'passed'
                if step is Steps.real_files and not places.REAL_FILES.is_dir():
                    word, why = 'skipped', ' (the real files are not beside the project)'
            except Exception as error:  # pylint: disable=broad-except
                word = 'failed'
                lines = [str(error)] if isinstance(error, (Failed, ComposeError, EngineError)) else traceback.format_exc().splitlines()
                needed = step.__doc__ if step in steps.NEEDED else None
        sums[word] += 1
        print(f'{word:8}{step.__doc__}{why} [{time.monotonic() - began:.1f} s]', flush=True)
        for line in lines:
            print(f'        {line}', flush=True)
    return sums


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--screenshot', type=Path, default=PROJECT / 'build/compose/pgadmin.png', metavar='FILE',
                        help="where pgAdmin's picture goes (build/compose/pgadmin.png)")
    parser.add_argument('--keep', action='store_true', help='leave everything up, to look at')
    options = parser.parse_args()
    reason = missing()
    if reason:
        print(f'skipped dropfold under compose ({reason})\n0 passed, 0 failed, 1 skipped')
        return 0
    options.screenshot.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix='dropfold-compose.'))
    folder.chmod(0o755)
    steps = Steps(folder, options.screenshot.resolve())
    try:
        sums = run(steps)
    finally:
        steps.close(options.keep)
        if options.keep:
            print(f'left up: cd {folder}/clone')
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(', '.join(f'{count} {word}' for word, count in sums.items()))
    return 1 if sums['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
