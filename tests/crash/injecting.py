"""Faults at chosen system calls, by strace: the k-th call of a name is killed, or fails with an error."""
import collections
import re
import shutil
import subprocess
import unittest

from harness.workspace import COMMAND_LIMIT

# One worker makes the counts repeat; calls that begin or end a process are not the program's to survive.
ONE_WORKER = {'UV_THREADPOOL_SIZE': '1'}
NOT_TRIED = {'execve', 'exit', 'exit_group', 'rt_sigreturn'}
ARGUMENTS = ('--once', '--settle', '0', '--threads', '1')


def strace():
    found = shutil.which('strace')
    if not found:
        raise unittest.SkipTest('strace is not installed')
    return found


def calls_of(workspace, *arguments):
    """Every (name, k) of one undisturbed run in this workspace, in the order of their first occurrence."""
    trace = workspace.root / 'calls'
    command = [strace(), '-f', '-qq', '-o', str(trace), *workspace.arguments('run', *(arguments or ARGUMENTS))]
    outcome = workspace.popen(command, ONE_WORKER)
    _, err = outcome.communicate(timeout=COMMAND_LIMIT)
    if outcome.returncode != 0:
        raise unittest.SkipTest(f'strace cannot trace here: {err.strip()}')
    names = collections.Counter()
    with open(trace, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            match = re.match(r'\d+ +(\w+)\(', line)
            if match and match.group(1) not in NOT_TRIED:
                names[match.group(1)] += 1
    return [(name, k) for name, count in names.items() for k in range(1, count + 1)]


def run_with(workspace, name, k, fault, *arguments):
    """One run with `fault` ("signal=KILL", "error=EIO") at the k-th call of `name`: a finished process and its output."""
    command = [strace(), '-f', '-qq', '-o', '/dev/null', '-e', f'trace={name}', '-e', f'inject={name}:{fault}:when={k}',
               *workspace.arguments('run', *(arguments or ARGUMENTS))]
    process = workspace.popen(command, ONE_WORKER)
    try:
        out, err = process.communicate(timeout=COMMAND_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        return process, out, f'hung\n{err}'
    return process, out, err
