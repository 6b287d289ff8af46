"""Item 25, secrets and TLS: a password is nowhere to be read, no core is written, certificates must be right."""
import os
import random
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from crash_case import CrashCase
from cutting import Proxy
from harness import places
from harness.case import shared_cluster
from harness.cluster import Cluster
from harness.polling import until

SECRET = 'Tr0ub4dor&3'
ROLE = 'scram'  # the one of whom tests/pg.sh wants a password
PORTS = 20000, 32000  # out of these none is given to a connection, which would take the server's while it starts again
KEY = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')


class Secrets(CrashCase):
    def setUp(self):
        super().setUp()
        self.cluster = shared_cluster()
        self.cluster.psql('postgres', f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN SUPERUSER PASSWORD '{SECRET}';"
                                      'EXCEPTION WHEN duplicate_object THEN NULL; END $$;')
        self.home = self.folder / 'home'
        self.home.mkdir()

    def secret_file(self, name, text):
        path = self.home / name
        path.write_text(text, encoding='utf-8')
        path.chmod(0o600)
        return str(path)

    def ways(self, database):
        """Of giving a password so that nobody reads it: the environment of each."""
        account = {'PGHOST': str(self.cluster.folder), 'PGUSER': ROLE, 'PGDATABASE': database, 'HOME': str(self.home)}
        line = f'*:*:*:{ROLE}:{SECRET}\n'
        service = (f'[shop]\nhost={self.cluster.folder}\nuser={ROLE}\ndbname={database}\npassword={SECRET}\n')
        return {'PGPASSWORD': {**account, 'PGPASSWORD': SECRET},
                'PGPASSFILE': {**account, 'PGPASSFILE': self.secret_file('passfile', line)},
                'service': {'HOME': str(self.home), 'PGSERVICE': 'shop',
                            'PGSERVICEFILE': self.secret_file('pg_service.conf', service)}}

    def look_for(self, where, *texts):
        for text in texts:
            self.find('wrong', SECRET in text, f'{where}: {text}')

    def look_in_files(self, where, folder):
        for path in folder.rglob('*'):
            if path.is_file():
                self.find('wrong', SECRET.encode() in path.read_bytes(), f'{where}: {path}')

    def ask(self, work, words):
        """What the control socket itself answers."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(work.checkpoints / 'ecommerce.sock'))
            client.sendall('\t'.join(words).encode() + b'\n')
            answer = b''
            while data := client.recv(4096):
                answer += data
        return answer.decode()

    def test_a_password_is_in_no_argument_line_file_or_answer(self):
        for number, way in enumerate(('PGPASSWORD', 'PGPASSFILE', 'service')):
            target = self.postgres_target()
            work = self.workspace(f'work-{number}', target)
            target.environment, outside = self.ways(target.database)[way], target.environment
            files = self.order_files(3)
            with work.daemon() as daemon:
                work.drop_all(files)
                daemon.delivered(len(files))
                arguments = Path(f'/proc/{daemon.process.pid}/cmdline').read_text(encoding='utf-8')
                self.look_for(f'{way}: arguments', arguments)
                for command in (('status',), ('status', '--json'), ('rejects',), ('pause', 'Orders')):
                    outcome = work.command(*command)
                    self.look_for(f'{way}: {command}', outcome.out, outcome.err)
                for words in (['live'], ['healthy'], ['resume', 'Orders'], ['what']):
                    self.look_for(f'{way}: socket {words}', self.ask(work, words))
            self.look_for(f'{way}: output', *daemon.out, *daemon.err)
            self.look_in_files(way, work.root)
            target.environment = outside
            self.look_for(f'{way}: the target', target.cluster.psql(target.database, 'TABLE dropfold_progress'))
            self.count(points=1)
            self.judge(work, files, way)

    def test_a_wrong_password_is_refused_and_not_repeated(self):
        target = self.postgres_target()
        work = self.workspace(target=target)
        target.environment = {**self.ways(target.database)['PGPASSWORD'], 'PGPASSWORD': f'not {SECRET}'}
        outcome = work.run_once(expect=1)
        self.assertIn('28P01', outcome.err)
        self.look_for('refusal', outcome.out, outcome.err)
        self.look_in_files('refusal', work.root)
        self.count(points=1)

    def test_a_password_in_the_address_is_refused_and_not_repeated(self):
        work = self.workspace()
        for address in (f'host=/tmp password={SECRET}', f'host=/tmp sslpassword={SECRET}',
                        f'postgresql://df:{SECRET}@localhost/shop', f'postgresql://localhost/shop?password={SECRET}',
                        f"host=/tmp password='{SECRET}", f'passwort={SECRET}', f'postgresql://df:{SECRET}@[::1/shop'):
            for outcome in (work.run_once(target=address, expect=64),
                            work.command('status', expect=None, environment={'DROPFOLD_TARGET': address})):
                self.look_for(address, outcome.out, outcome.err)
                self.count(points=1)
        self.look_in_files('the address', work.root)

    def test_no_core_is_written_and_nobody_looks_into_the_process(self):
        """Also where cores are allowed, and where they are piped into a program, for which no limit holds."""
        work = self.workspace(identity=places.other_user())
        raised = ['sh', '-c', 'ulimit -c unlimited || exit 77; exec "$@"', 'sh', *work.arguments('run')]
        process = work.popen(raised)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        if not process.stdout.readline().startswith('target '):
            self.skipTest(f'cores cannot be allowed here: {process.stderr.read()}')
        look = subprocess.run(['cat', f'/proc/{process.pid}/environ'], capture_output=True, check=False, **work.identity)
        self.assertIn(b'Permission denied', look.stderr)
        process.send_signal(signal.SIGSEGV)
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual(ended.si_code, os.CLD_KILLED, 'a core was written')
        process.communicate()
        self.count(points=1)


def is_free(port):
    try:
        socket.create_server(('127.0.0.1', port)).close()
        return True
    except OSError:
        return False


def openssl(*arguments):
    subprocess.run(['openssl', *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


class TlsCluster(Cluster):
    """Listens on 127.0.0.1 too, and there with TLS only. Certificates are made by an authority of its own."""

    def listen(self):
        while not is_free(port := random.randrange(*PORTS)):
            pass
        self.authority = self.make_authority('authority')
        with open(self.folder / 'data' / 'pg_hba.conf', 'a', encoding='ascii') as rules:
            rules.write('hostssl all all 127.0.0.1/32 trust\n')
        self.configure(listen_addresses='127.0.0.1', port=port, ssl='on',
                       **self.certificate('right', self.authority, 'db.example'))
        self.stop()
        self.start()
        self.port = port

    def make_authority(self, name):
        path = self.folder / name
        openssl('req', '-x509', *KEY, '-days', 2, '-subj', f'/CN={name}', '-keyout', f'{path}.key', '-out', f'{path}.crt')
        return path

    def certificate(self, name, authority, host, days=1):
        """The settings that make the server show it."""
        path = self.folder / 'data' / name
        (self.folder / 'host').write_text(f'subjectAltName=DNS:{host}\n', encoding='ascii')
        openssl('req', *KEY, '-subj', f'/CN={host}', '-keyout', f'{path}.key', '-out', f'{path}.csr')
        openssl('x509', '-req', '-in', f'{path}.csr', '-CA', f'{authority}.crt', '-CAkey', f'{authority}.key',
                '-CAcreateserial', '-days', days, '-extfile', self.folder / 'host', '-out', f'{path}.crt')
        owner = (self.folder / 'data').stat()
        os.chown(f'{path}.key', owner.st_uid, owner.st_gid)
        os.chmod(f'{path}.key', 0o600)
        return {'ssl_cert_file': f'{path}.crt', 'ssl_key_file': f'{path}.key'}


class Tls(CrashCase):
    HOST = 'db.example'

    def setUp(self):
        super().setUp()
        if not shutil.which('openssl'):
            self.skipTest('openssl is not installed')
        self.cluster = TlsCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.listen()
        self.other = self.cluster.make_authority('other')
        self.target = self.postgres_target(self.cluster)
        self.work = self.workspace(target=self.target)
        self.files = self.order_files(2)

    def address(self, host=HOST, authority=None, port=None):
        return (f'host={host} hostaddr=127.0.0.1 port={port or self.cluster.port} dbname={self.target.database} '
                f'user=dropfold sslmode=verify-full sslrootcert={authority or self.cluster.authority}.crt')

    def refused(self, address, words):
        error = self.work.run_once(target=address, expect=1).err
        self.assertIn(words, error)
        self.assertIn('TLS: nothing was sent', error)
        self.assertEqual(self.target.relations(), [], address)
        self.count(points=1)

    def test_verify_full_refuses_what_is_not_right(self):
        self.work.drop_all(self.files)
        self.refused(self.address(host='other.example'), 'does not match host name')
        self.refused(self.address(authority=self.other), 'certificate verify failed')
        self.refused(self.address(authority='/nowhere/at/all'), 'root certificate file')
        plain = Proxy(self.cluster.socket)  # where the server speaks no TLS
        self.addCleanup(plain.close)
        self.refused(self.address(port=plain.port), 'but SSL was required')
        self.cluster.configure(**self.cluster.certificate('expired', self.cluster.authority, self.HOST, days=-1))
        self.refused(self.address(), 'certificate verify failed')
        self.cluster.configure(**self.cluster.certificate('renewed', self.cluster.authority, self.HOST))
        self.work.run_once(target=self.address())
        self.judge(self.work, self.files, 'the right one')

    def test_a_certificate_that_changes_under_a_daemon(self):
        """Files go on into the store, and it says why nothing is delivered; with the right one it delivers."""
        self.target.address = self.address()
        with self.work.daemon('--target-check', 0.5) as daemon:
            self.work.drop_all(self.files[:2])
            daemon.delivered(2)
            self.cluster.configure(**self.cluster.certificate('wrong', self.other, self.HOST))
            complaint = daemon.complained('certificate verify failed')
            self.assertIn('delivery has stopped, files go on into the store', complaint)
            self.work.drop_all(self.files[2:])
            daemon.printed('applied ', len(self.files))
            self.assertIn('certificate', self.work.command('status', '--healthy', expect=1).err)
            self.cluster.configure(**self.cluster.certificate('mended', self.cluster.authority, self.HOST))
            daemon.delivered(len(self.files))
            until(lambda: self.work.command('status', '--healthy', expect=None).code == 0,
                  lambda: f'a healthy daemon\n{daemon}')
        self.count(points=1)
        self.judge(self.work, self.files, 'at the end')
