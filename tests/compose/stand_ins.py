"""Images for an engine that can pull none: built from Debian's and PyPI's packages, tagged as compose.yaml names them.

They are kept under names of our own, so that a second run finds them, and bear the real names only while a test runs: an
image that is no stand-in is never replaced. What they cannot prove is said in docs/operations.md.
"""
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
LABEL = 'dropfold.stand-in'
CERTIFICATES = Path('/etc/ssl/certs/ca-certificates.crt')


class EngineError(Exception):
    """A command of docker failed."""


def docker(*words, **options):
    done = subprocess.run(['docker', *words], text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise EngineError('\n'.join([f'docker {" ".join(words)} ended with {done.returncode}',
                                     *(done.stdout + done.stderr).splitlines()[-20:]]))
    return done.stdout.strip()


def names():
    """The images that the project names: base, database, pgAdmin."""
    base = re.search(r'^ARG BASE=(\S+)$', (PROJECT / 'Dockerfile').read_text(encoding='utf-8'), re.M)[1]
    compose = (PROJECT / 'compose.yaml').read_text(encoding='utf-8')
    images = dict.fromkeys(re.findall(r'^\s+image:\s+(?:&\w+\s+)?([^*\s]\S*)$', compose, re.M))
    return (base, next(name for name in images if name.startswith('postgres:')),
            next(name for name in images if 'pgadmin' in name))


def image(name, template='{{.Id}}'):
    """What the engine knows of an image; None when it has none."""
    found = subprocess.run(['docker', 'image', 'inspect', '-f', template, name], text=True, capture_output=True)
    return found.stdout.strip() if found.returncode == 0 else None


def is_stand_in(name):
    return image(name, f'{{{{index .Config.Labels "{LABEL}"}}}}') == 'yes'


def digest(*parts):
    made_of = hashlib.sha256()
    for part in parts:
        for path in sorted(part.rglob('*')) if isinstance(part, Path) else [part]:
            made_of.update(path.read_bytes() if isinstance(path, Path) and path.is_file() else str(path).encode())
    return made_of.hexdigest()[:12]


def make_base(tag):
    """A Debian 12 as small as debootstrap makes it."""
    folder = Path(tempfile.mkdtemp(prefix='dropfold-base.'))
    try:
        subprocess.run(['debootstrap', '--variant=minbase', '--include=ca-certificates', 'bookworm', folder / 'root'],
                       check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder / 'root/var/cache/apt/archives')
        (folder / 'root/var/cache/apt/archives/partial').mkdir(parents=True)
        with subprocess.Popen(['tar', '-C', folder / 'root', '-c', '.'], stdout=subprocess.PIPE) as tar:
            docker('import', '-c', f'LABEL {LABEL}=yes', '-c', 'CMD ["bash"]', '-', tag, stdin=tar.stdout)
        if tar.returncode != 0:
            raise subprocess.CalledProcessError(tar.returncode, 'tar')
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make(tag, kind, base, *arguments):
    with tempfile.TemporaryDirectory(prefix='dropfold-stand-in.') as folder:
        context = Path(folder, kind)
        shutil.copytree(HERE / 'stand-ins' / kind, context)
        if CERTIFICATES.is_file():
            shutil.copy(CERTIFICATES, context / 'certificates.crt')
        words = [word for argument in (f'BASE={base}', *arguments) for word in ('--build-arg', argument)]
        docker('build', '--label', f'{LABEL}=yes', *words, '-t', tag, str(context))


class StandIns:
    """The three images, for as long as a test runs."""

    def __init__(self):
        self.lent = []

    def provide(self):
        """Makes what is missing. Returns lines that say what stands for what."""
        base, postgres, pgadmin = names()
        lines = [self._provide(base, 'base', '1', make_base)]
        cached = image(base)
        lines.append(self._provide(postgres, 'postgres', digest(HERE / 'stand-ins/postgres', cached),
                                   lambda tag: make(tag, 'postgres', base)))
        version = pgadmin.partition(':')[2]
        lines.append(self._provide(pgadmin, 'pgadmin', digest(HERE / 'stand-ins/pgadmin', cached, version),
                                   lambda tag: make(tag, 'pgadmin', base, f'VERSION={version}')))
        return lines

    def _provide(self, name, kind, key, build):
        if image(name) and not is_stand_in(name):
            return f'{name} is the real image'
        kept, how = f'dropfold-stand-in/{kind}:{key}', 'kept from before'
        if not image(kept):
            build(kept)
            how = 'made'
        docker('tag', kept, name)
        self.lent.append(name)
        return f'{name} is a stand-in, {how}'

    def take_back(self):
        """The real names are free again."""
        for name in self.lent:
            if is_stand_in(name):
                subprocess.run(['docker', 'rmi', name], capture_output=True)
        self.lent = []
