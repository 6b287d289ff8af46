"""Runs a program under ptrace and decides about its system calls one by one.

Calls are counted by name over all threads, from the program's entry point on: what the loader does before belongs to no
test. (strace counts each thread for itself, so that a fault at the k-th call of a name only ever meets the thread that
gets there first.) A filter of seccomp's stops the program at the wanted calls alone, so a run takes hardly longer.
"""
import ctypes
import os
import platform
import re
import signal
import struct
import tempfile
import threading
import unittest
from dataclasses import dataclass
from pathlib import Path

KILL = 'kill'  # what decide() may answer, beside None and a number of errno

PTRACE_TRACEME, PTRACE_PEEKTEXT, PTRACE_PEEKUSER, PTRACE_POKETEXT, PTRACE_POKEUSER, PTRACE_CONT = 0, 1, 3, 4, 6, 7
PTRACE_SETOPTIONS, OPTIONS = 0x4200, 0x08 | 0x10 | 0x80 | 0x100000  # new threads, exec, seccomp; killed with the tracer
EVENT_EXEC, EVENT_SECCOMP = 4, 7
WALL = 0x40000000  # waits for threads too
ORIG_RAX, RAX, RIP, RDI = 15 * 8, 10 * 8, 16 * 8, 14 * 8
AT_ENTRY, BREAKPOINT = 9, 0xcc
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_TRACE, RET_ALLOW = 0x7ff00000, 0x7fff0000
LOAD_WORD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Program(ctypes.Structure):
    """struct sock_fprog"""
    _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_char_p)]


@dataclass(frozen=True)
class Call:
    name: str
    k: int  # the k-th of its name, from 1
    thread: int
    first: int  # its first argument

    def descriptor(self):
        """What the first argument is open for ("/tmp/a", "pipe:[1]", "anon_inode:[eventfd]"); '' when for nothing."""
        try:
            return os.readlink(f'/proc/{self.thread}/fd/{self.first}')
        except OSError:
            return ''


def numbers():
    """{name: number} of this machine's system calls."""
    if platform.machine() != 'x86_64':
        raise unittest.SkipTest('system calls are only stopped on x86-64')
    for header in Path('/usr/include').glob('**/asm/unistd_64.h'):
        found = re.findall(r'#define __NR_(\w+) (\d+)', header.read_text(encoding='utf-8'))
        return {name: int(number) for name, number in found}
    raise unittest.SkipTest('no asm/unistd_64.h: linux-libc-dev is not installed')


def ptrace(request, thread, address=0, data=0):
    ctypes.set_errno(0)
    answer = libc.ptrace(request, thread, address, data)
    if answer == -1 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer & 0xffffffffffffffff


def seccomp(wanted):
    """A program for the kernel: stop at these numbers (None: at all)."""
    def step(code, value, yes=0, no=0):
        return struct.pack('HBBI', code, yes, no, value)
    if wanted is None:
        return step(RETURN, RET_TRACE)
    tests = [step(JUMP_EQUAL, number, no=1) + step(RETURN, RET_TRACE) for number in wanted]
    return step(LOAD_WORD, 0) + b''.join(tests) + step(RETURN, RET_ALLOW)


class Tracer:
    def __init__(self, names, decide):
        """Stops at calls of these names (None: all); decide(call) lets one go (None), fails it (errno) or kills (KILL)."""
        self.names = {number: name for name, number in numbers().items()}
        self.wanted = None if names is None else [number for number, name in self.names.items() if name in names]
        self.decide = decide
        self.counts = {}
        self.counting = False
        self.entry = self.original = None

    def run(self, arguments, cwd, environment, limit):
        """(return code as of Popen, stdout, stderr, whether it hung and was killed for it)"""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            self.leader = os.fork()
            if self.leader == 0:
                self._become(arguments, cwd, environment, out.fileno(), err.fileno())
            hung = threading.Event()
            timer = threading.Timer(limit, lambda: (hung.set(), os.kill(self.leader, signal.SIGKILL)))
            timer.start()
            try:
                code = self._follow()
            finally:
                timer.cancel()
            return code, self._text(out), self._text(err), hung.is_set()

    @staticmethod
    def _text(file):
        file.seek(0)
        return file.read().decode(errors='surrogateescape')

    def _become(self, arguments, cwd, environment, out, err):
        """The child: the program, once its tracer is ready. Nothing of Python is left to clean up."""
        try:
            os.setpgid(0, 0)
            os.chdir(cwd)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            filter_ = seccomp(self.wanted)
            program = Program(len(filter_) // 8, filter_)
            libc.ptrace(PTRACE_TRACEME, 0, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0:
                os.execve(arguments[0], arguments, environment)
        finally:
            os._exit(127)

    def _follow(self):
        os.waitpid(self.leader, WALL)
        ptrace(PTRACE_SETOPTIONS, self.leader, 0, OPTIONS)
        ptrace(PTRACE_CONT, self.leader)
        while True:
            thread, status = os.waitpid(-self.leader, WALL)
            if not os.WIFSTOPPED(status):
                if thread == self.leader:
                    return os.waitstatus_to_exitcode(status)
                continue
            try:
                ptrace(PTRACE_CONT, thread, 0, self._stopped(thread, os.WSTOPSIG(status), status >> 16))
            except ProcessLookupError:
                pass  # killed meanwhile: the next wait tells

    def _stopped(self, thread, number, event):
        """What a thread stopped for; the signal it is to go on with."""
        if event == EVENT_EXEC:
            self._mark_entry(thread)
        elif event == EVENT_SECCOMP:
            if self.counting:
                self._call(thread)
        elif number == signal.SIGTRAP and not event and not self.counting:
            ptrace(PTRACE_POKETEXT, thread, self.entry, self.original)
            ptrace(PTRACE_POKEUSER, thread, RIP, self.entry)
            self.counting = True
        elif not event and number != signal.SIGSTOP:  # with SIGSTOP a new thread begins
            return number
        return 0

    def _mark_entry(self, thread):
        auxiliary = Path(f'/proc/{thread}/auxv').read_bytes()
        self.entry = dict(struct.iter_unpack('QQ', auxiliary))[AT_ENTRY]
        self.original = ptrace(PTRACE_PEEKTEXT, thread, self.entry)
        ptrace(PTRACE_POKETEXT, thread, self.entry, self.original & ~0xff | BREAKPOINT)

    def _call(self, thread):
        name = self.names.get(ptrace(PTRACE_PEEKUSER, thread, ORIG_RAX), '?')
        self.counts[name] = self.counts.get(name, 0) + 1
        fate = self.decide(Call(name, self.counts[name], thread, ptrace(PTRACE_PEEKUSER, thread, RDI)))
        if fate == KILL:
            os.kill(self.leader, signal.SIGKILL)
        elif fate:
            # The kernel skips a call of number -1 and hands this to the program.
            ptrace(PTRACE_POKEUSER, thread, ORIG_RAX, 0xffffffffffffffff)
            ptrace(PTRACE_POKEUSER, thread, RAX, -fate & 0xffffffffffffffff)
