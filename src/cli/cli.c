#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/version.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/options.h"

const struct command *const *command_list(size_t *count)
{
    static const struct command *const commands[] = {
        &command_run,    &command_status, &command_rejects, &command_late,   &command_unmatched, &command_check,
        &command_plan,   &command_impact, &command_explain, &command_diff,   &command_verify,    &command_replay,
        &command_forget, &command_store,  &command_pause,   &command_resume, &command_target,    &command_schema};
    *count = COUNT_OF(commands);
    return commands;
}

const struct command *command_find(const char *name)
{
    size_t count;
    const struct command *const *commands = command_list(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* A core would hold customers' rows, and maybe a password. The limit does not hold for cores that the system pipes into
   a program; a process that is not dumpable has none at all, and other processes of its user cannot look into it. */
static void forbid_cores(void)
{
    const struct rlimit none = {0, 0};
    /* neither can fail here, and nothing depends on them */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Only calls that a signal handler may make. */
static void on_abort(int number)
{
    static const char text[] = "dropfold: a library gave up, mostly because the system refused a thread or a "
                               "descriptor (ulimit -u, ulimit -n, "
                               "a container's pids limit). What was committed is safe; start again\n";
    (void)number;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* where it goes to is gone too */
    _exit(1);
}

/* libuv calls abort() where it cannot go on: said in words, with an exit code, and not by a signal. A file that may not
   grow (ulimit -f) is an error of write like any other. */
static void tame_signals(void)
{
    (void)signal(SIGABRT, on_abort);
    (void)signal(SIGXFSZ, SIG_IGN);
}

/* A stream that was closed is /dev/null. Else the next file to be opened would get its number, and what is printed
   would be written into that. Standard output is one that takes nothing: what is printed there is lost, and that is an
   error. */
static bool open_streams(struct log *log)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        int opened = open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
        if (opened != fd) {
            log_error(log, "descriptor %d is closed, and /dev/null cannot take its place%s%s", fd,
                      opened < 0 ? ": " : "", opened < 0 ? strerror(errno) : "");
            return false;
        }
    }
    return true;
}

/* Nobody reads any more: that is a reader's choice (head), and only met by what goes on without one. */
static bool reader_left(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

/* What was printed and did not arrive was not done. */
static int end_output(struct log *log, int code)
{
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || reader_left())
        return code;
    log_error(log, "standard output could not be written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
    return code ? code : 1;
}

static int run_command(const struct invocation *invocation, const struct parsed *parsed)
{
    if (parsed->version) {
        printf("dropfold %s\n", DROPFOLD_VERSION);
        return 0;
    }
    if (parsed->help) {
        if (parsed->command)
            options_print_command_help(stdout, parsed->command);
        else
            options_print_help(stdout);
        return 0;
    }
    if (!parsed->command) {
        options_print_help(stderr);
        return error_exit_code(ERROR_USAGE);
    }
    invocation->log->json = invocation->settings.log_json;
    return parsed->command->execute(invocation);
}

int cli_main(int argc, char **argv)
{
    struct log log;
    struct parsed parsed;
    struct invocation invocation = {.log = &log};
    struct error error = {0};
    log_init(&log, STDERR_FILENO, LOG_INFO);
    if (!open_streams(&log))
        return 1;
    forbid_cores();
    tame_signals();
    if (!options_parse(argc, argv, &parsed, &invocation, &error))
        return common_misused(&invocation, error.text);
    return end_output(&log, run_command(&invocation, &parsed));
}
