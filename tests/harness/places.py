"""Where things are: the project, the program under test, the real files beside the project."""
import os
import pwd
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / 'shared'
REAL_FILES = SHARED / 'data' / 'market2'


def binary():
    """DROPFOLD_BIN, else the release build."""
    return Path(os.environ.get('DROPFOLD_BIN') or PROJECT / 'build' / 'dropfold').resolve()


def sanitized():
    """True under a sanitizer or valgrind: figures of memory mean nothing then, and everything takes its time."""
    return binary().parent.name in ('asan', 'tsan', 'valgrind')


def other_user():
    """Who else the program can run as, for what root may do anyway: keywords of Popen; {} when we are not root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam('nobody')
    return {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}
