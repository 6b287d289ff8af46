"""A wall clock that is moved for the processes that are given it."""
import shutil
import struct
import subprocess
from pathlib import Path


class Clock:
    """Of a test case, which is skipped where no compiler makes the library that moves it."""

    def __init__(self, case):
        compiler = shutil.which('cc')
        if not compiler:
            case.skipTest('no C compiler: the clock cannot be moved')
        self.path = case.folder / 'clock'
        library = case.folder / 'clock_shim.so'
        subprocess.run([compiler, '-O1', '-shared', '-fPIC', '-o', library, Path(__file__).with_name('clock_shim.c')], check=True)
        self.environment = {'LD_PRELOAD': str(library), 'CLOCK_SHIM': str(self.path)}
        self.set(0)

    def set(self, micros):
        """So far from the true time; of processes that run too."""
        with open(self.path, 'r+b' if self.path.exists() else 'wb') as file:
            file.write(struct.pack('q', micros))
