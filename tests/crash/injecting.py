"""Faults at chosen system calls: the k-th call of a name is killed, or fails with an error."""
import errno
import shutil
import subprocess
import unittest

from harness.workspace import COMMAND_LIMIT
from tracing import KILL, Tracer

# One worker makes the counts repeat; calls that begin or end a process are not the program's to survive.
ONE_WORKER = {'UV_THREADPOOL_SIZE': '1'}
# Leaks cannot be looked for under a tracer.
UNDER_TRACER = {**ONE_WORKER, 'LSAN_OPTIONS': 'detect_leaks=0'}
NOT_TRIED = {'execve', 'exit', 'exit_group', 'rt_sigreturn'}
ARGUMENTS = ('--once', '--settle', '0', '--threads', '1')


def strace():
    found = shutil.which('strace')
    if not found:
        raise unittest.SkipTest('strace is not installed')
    return found


def calls_of(workspace, *arguments):
    """Every (name, k) of one undisturbed run in this workspace, in the order of their occurrence."""
    calls = []
    tracer = Tracer(None, lambda call: calls.append((call.name, call.k)))
    code, _, err, _ = run_traced(tracer, workspace, *arguments)
    if code != 0:
        raise unittest.SkipTest(f'nothing can be traced here: exit code {code}, {err.strip()}')
    return [call for call in calls if call[0] not in NOT_TRIED]


def run_traced(tracer, workspace, *arguments, limit=COMMAND_LIMIT):
    """(return code, stdout, stderr, hung) of one run."""
    return tracer.run(workspace.arguments('run', *(arguments or ARGUMENTS)), workspace.root,
                      workspace.environment(UNDER_TRACER), limit)


def run_with(workspace, name, k, fault, *arguments):
    """One run with `fault` ("signal=KILL", "error=EIO") at the k-th call of `name`: a finished process and its output."""
    kind, _, what = fault.partition('=')
    fate = KILL if kind == 'signal' else getattr(errno, what)
    tracer = Tracer([name], lambda call: fate if call.k == k else None)
    code, out, err, hung = run_traced(tracer, workspace, *arguments)
    return subprocess.CompletedProcess(fault, code, out, err), out, f'hung\n{err}' if hung else err
