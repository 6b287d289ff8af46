/* Kills a child at each of its system calls in turn, so that a test can look at what every such crash leaves. */
#ifndef DROPFOLD_TESTS_STORE_KILLING_H
#define DROPFOLD_TESTS_STORE_KILLING_H

#include "testing.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum killing_result { KILLING_DONE, KILLING_KILLED, KILLING_IMPOSSIBLE };

static inline void killing_child(void (*work)(void *context), void *context)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(99);
    raise(SIGSTOP);
    work(context);
    _exit(0);
}

/* Runs `work` in a child and kills it at its stop number `point`, from 1; a system call has two, at entry and exit. */
static inline enum killing_result killing_run(unsigned point, void (*work)(void *context), void *context)
{
    int status;
    pid_t child = testing_under_valgrind() ? -1 : fork();
    if (child == 0)
        killing_child(work, context);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
        return KILLING_IMPOSSIBLE;
    for (unsigned i = 0; i < point; i++) {
        (void)ptrace(PTRACE_SYSCALL, child, NULL, NULL);
        if (waitpid(child, &status, 0) == child && WIFEXITED(status))
            return WEXITSTATUS(status) == 0 ? KILLING_DONE : KILLING_IMPOSSIBLE;
        if (WIFSIGNALED(status))
            return KILLING_IMPOSSIBLE;
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
    return KILLING_KILLED;
}

static inline bool killing_was_told(int ends[2])
{
    char byte;
    close(ends[1]);
    ssize_t len = read(ends[0], &byte, 1);
    close(ends[0]);
    assert_true(len >= 0);
    return len == 1;
}

/* For `work` of killing_everywhere: what it did is done for good. */
static inline void killing_tell(const void *told_by)
{
    if (write(*(const int *)told_by, "", 1) != 1)
        _exit(1);
}

/* Kills `work` everywhere, each time after `prepare`. It is given what killing_tell wants once what it did is done for
   good; then `is_after` must find it done, and else wholly done or wholly not. False where nothing can be traced. */
static inline bool killing_everywhere(void (*prepare)(void), void (*work)(void *told_by), bool (*is_after)(void))
{
    enum killing_result result = KILLING_KILLED;
    unsigned before = 0, after = 0;
    /* Every other point: the exit of one call leaves the disk as the entry of the next. */
    for (unsigned point = 1; result == KILLING_KILLED; point += 2 * TESTING_STEP) {
        int ends[2];
        prepare();
        assert_int_equal(pipe(ends), 0);
        result = killing_run(point, work, &ends[1]);
        bool sure = killing_was_told(ends);
        if (result == KILLING_IMPOSSIBLE)
            return false;
        bool done = is_after();
        assert_true(done || !sure);
        done ? after++ : before++;
    }
    assert_in_range(before, TESTING_SHARE(40), 1000);
    assert_in_range(after, 3, 1000);
    return true;
}

#endif
