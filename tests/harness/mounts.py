"""Mounts of a test, taken away again at its end."""
import os
import shutil
import subprocess
import unittest


def mount(case, folder, *arguments):
    """`mount ARGUMENTS... FOLDER`; skips the test where that cannot be done."""
    if os.geteuid() != 0 or not shutil.which('mount'):
        raise unittest.SkipTest('only root may mount')
    done = subprocess.run(['mount', *map(str, arguments), folder], capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise unittest.SkipTest(f'this cannot be mounted here: {done.stderr.strip()}')
    case.addCleanup(subprocess.run, ['umount', '-l', folder], check=False, capture_output=True)


def unmount(folder):
    """At once for every path, whoever still has something open in it."""
    subprocess.run(['umount', '-l', folder], check=True)
