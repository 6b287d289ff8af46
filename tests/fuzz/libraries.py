"""The sources of libcsv and cJSON as Debian packages them, so that the fuzzer's clang can instrument them too.

apt-get fetches them by a configuration of its own: the machine's own lines, as sources of source packages. Nothing of
the machine's configuration changes, and no root is needed.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

PACKAGES = {'libcsv': 'libcsv.c', 'cjson': 'cJSON.c'}
APT = Path('/etc/apt')
DEADLINE = 300


class Missing(Exception):
    """Why they cannot be had here."""


def one_line_entries(text):
    """A sources.list: `deb [options] uri suite components` becomes `deb-src ...`; all else is left out."""
    return ''.join(f'deb-src{rest}\n' for rest in re.findall(r'^[ \t]*deb((?:[ \t]).*)$', text, re.MULTILINE))


def deb822_entries(text):
    """A *.sources: paragraphs with `Types: deb` become `Types: deb-src`; those that are switched off are left out."""
    taken = []
    text = re.sub(r'^#.*\n', '', text, flags=re.MULTILINE)
    for paragraph in re.split(r'\n\s*\n', text.strip()):
        fields = dict(re.findall(r'^([\w-]+):[ \t]*(.*)$', paragraph, re.MULTILINE))
        off = fields.get('Enabled', 'yes').strip().lower() in ('no', 'false', 'off', '0', 'without')
        if 'deb' in fields.get('Types', '').split() and not off:
            taken.append(re.sub(r'^Types:.*$', 'Types: deb-src', paragraph, flags=re.MULTILINE))
    return ''.join(paragraph + '\n\n' for paragraph in taken)


def write_entries(parts):
    """The machine's own lines, as sources of source packages, into the folder `parts`."""
    found = [(path, one_line_entries) for path in [APT / 'sources.list', *(APT / 'sources.list.d').glob('*.list')]]
    found += [(path, deb822_entries) for path in (APT / 'sources.list.d').glob('*.sources')]
    for path, convert in found:
        entries = convert(path.read_text(encoding='utf-8', errors='replace')) if path.is_file() else ''
        if entries:
            (parts / path.name).write_text(entries, encoding='utf-8')
    if not any(parts.iterdir()):
        raise Missing(f'{APT} names no Debian archive')


def fetch(folder):
    for name in ('parts', 'lists/partial', 'cache/archives/partial'):
        (folder / name).mkdir(parents=True)
    write_entries(folder / 'parts')
    settings = {'Dir::Etc::SourceList': '/dev/null', 'Dir::Etc::SourceParts': folder / 'parts',
                'Dir::State::Lists': folder / 'lists', 'Dir::Cache': folder / 'cache', 'Acquire::Languages': 'none',
                'Acquire::Retries': '3', 'Acquire::http::Timeout': '30', 'Acquire::https::Timeout': '30',
                'APT::Sandbox::User': 'root'}
    options = [word for name, value in settings.items() for word in ('-o', f'{name}={value}')]
    printed = ''
    # An archive that has no source packages makes `update` fail, and says nothing about the others.
    for words in (['update'], ['source', *PACKAGES]):
        done = subprocess.run(['apt-get', '-q', *options, *words], cwd=folder, text=True, check=False, timeout=DEADLINE,
                              env={**os.environ, 'LC_ALL': 'C'}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        printed += done.stdout
    if done.returncode != 0:
        raise Missing(f'apt-get source: {(re.findall("^[EW]: .*", printed, re.MULTILINE) or ["no word of why"])[0]}')
    for name in ('parts', 'lists', 'cache'):
        shutil.rmtree(folder / name)


def find(folder):
    """The folder of each package's sources; fewer when they are not all there."""
    return {name: path.parent for name, file in PACKAGES.items() for path in folder.glob(f'{name}-*/{file}')}


def sources(folder):
    """The same, fetched into `folder` unless they are there. Raises Missing."""
    found = find(folder)
    if len(found) == len(PACKAGES):
        return found
    for program in ('apt-get', 'dpkg-source'):
        if not shutil.which(program):
            raise Missing(f'no {program} to fetch the sources of libcsv and cJSON: scripts/setup.sh fuzz')
    fresh = folder.with_name(folder.name + '.new')
    for old in (folder, fresh):
        shutil.rmtree(old, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        fetch(fresh)
        fresh.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise Missing(f'apt-get: not within {DEADLINE} s') from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return find(folder)
