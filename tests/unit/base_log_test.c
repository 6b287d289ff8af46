#include "testing.h"

#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* A log that writes into a pipe, and what came out of it. */
struct fixture {
    int ends[2];
    struct log log;
    char out[65536];
    size_t len;
};

static void open_log(struct fixture *f, enum log_level level)
{
    assert_int_equal(pipe(f->ends), 0);
    log_init(&f->log, f->ends[1], level);
    f->len = 0;
}

/* One write(2) on a pipe is one read(2) when nothing else was written. */
static const char *read_line(struct fixture *f)
{
    ssize_t len = read(f->ends[0], f->out, sizeof f->out - 1);
    assert_true(len > 0);
    f->len = (size_t)len;
    f->out[len] = '\0';
    return f->out;
}

static const char *read_rest(struct fixture *f)
{
    close(f->ends[1]);
    f->len = 0;
    ssize_t len;
    while ((len = read(f->ends[0], f->out + f->len, sizeof f->out - 1 - f->len)) > 0)
        f->len += (size_t)len;
    close(f->ends[0]);
    f->out[f->len] = '\0';
    return f->out;
}

static void assert_line(const char *line, const char *rest)
{
    for (int i = 0; i < 8; i++)
        assert_true(i % 3 == 2 ? line[i] == ':' : isdigit((unsigned char)line[i]));
    assert_string_equal(line + 8, rest);
}

static void writes_time_level_and_text(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_DEBUG);
    log_error(&f.log, "lost %d", 1);
    assert_line(read_line(&f), " error: lost 1\n");
    log_warning(&f.log, "odd");
    assert_line(read_line(&f), " warning: odd\n");
    log_info(&f.log, "%s", "done");
    assert_line(read_line(&f), " done\n");
    log_debug(&f.log, "inside");
    assert_line(read_line(&f), " debug: inside\n");
    read_rest(&f);
}

static void drops_what_is_less_grave(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_WARNING);
    log_info(&f.log, "no");
    log_debug(&f.log, "no");
    log_warning(&f.log, "yes");
    assert_line(read_rest(&f), " warning: yes\n");
}

static void cuts_a_long_message(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_INFO);
    char text[5000] = {0};
    memset(text, 'x', sizeof text - 1);
    log_info(&f.log, "%s", text);
    read_rest(&f);
    assert_in_range(f.len, LOG_TEXT_MAX - 1, 4096);
    assert_string_equal(f.out + f.len - 5, "x...\n");
}

static void shows_words_of_others_without_what_a_terminal_would_obey(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_INFO);
    log_info(&f.log, "unknown \"a\x1b[2J\n\xff\", not \"\\n\" nor é");
    assert_line(read_rest(&f), " unknown \"a\\x1b[2J\\n\\xff\", not \"\\n\" nor é\n");
}

static void holds_back_what_only_repeats_and_counts_it(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_INFO);
    log_warning(&f.log, "down");
    assert_line(read_line(&f), " warning: down\n");
    log_warning(&f.log, "down");
    log_warning(&f.log, "down");
    log_info(&f.log, "up");
    log_info(&f.log, "up");
    log_info(&f.log, "and away");
    const char *rest = read_rest(&f);
    assert_non_null(strstr(rest, " the last message came 2 times more\n"));
    assert_non_null(strstr(rest, " the last message came 1 time more\n"));
    assert_non_null(strstr(rest, " up\n"));
    assert_null(strstr(rest, "down"));
}

static void tells_a_repeated_message_again_after_a_while(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_INFO);
    log_warning(&f.log, "down");
    read_line(&f);
    f.log.last_at -= 11 * 1000 * 1000;
    log_warning(&f.log, "down");
    assert_line(read_rest(&f), " warning: down\n");
}

static void writes_json_lines(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_INFO);
    f.log.json = true;
    log_warning(&f.log, "a \"quoted\" word");
    const char *line = read_rest(&f);
    assert_non_null(strstr(line, "\"level\":\"warning\",\"message\":\"a \\\"quoted\\\" word\"}\n"));
    assert_memory_equal(line, "{\"time\":\"", 9);
}

static void count_call(void *context, bool before)
{
    char **at = context;
    *(*at)++ = before ? 'b' : 'a';
}

static void calls_around_each_line_that_it_writes(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, LOG_INFO);
    char calls[8] = {0};
    char *at = calls;
    f.log.around = count_call;
    f.log.context = &at;
    log_info(&f.log, "one");
    log_debug(&f.log, "dropped");
    log_info(&f.log, "two");
    read_rest(&f);
    assert_string_equal(calls, "baba");
}

static void leaves_errno_alone_when_nobody_reads(void **state)
{
    (void)state;
    struct log log;
    log_init(&log, -1, LOG_INFO);
    errno = ENOENT;
    log_info(&log, "into the void");
    assert_int_equal(errno, ENOENT);
}

static void writes_wall_times_in_utc_with_milliseconds(void **state)
{
    (void)state;
    char out[CLOCK_TEXT_SIZE];
    clock_text(1795172161123999, out);
    assert_string_equal(out, "2026-11-20T10:56:01.123Z");
    clock_text(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    clock_text(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
    clock_text(951782400000000, out);
    assert_string_equal(out, "2000-02-29T00:00:00.000Z");
}

static void writes_the_farthest_times_within_its_space(void **state)
{
    (void)state;
    char out[CLOCK_TEXT_SIZE];
    clock_text(INT64_MAX, out);
    assert_string_equal(out, "294247-01-10T04:00:54.775Z");
    clock_text(INT64_MIN, out);
    assert_string_equal(out, "-290308-12-21T19:59:05.224Z");
}

static void tells_times_that_go_forwards(void **state)
{
    (void)state;
    int64_t first = clock_monotonic(), wall = clock_wall();
    usleep(2000);
    int64_t passed = clock_monotonic() - first;
    assert_true(passed >= 2000 && passed < 60000000);
    /* Between 2020 and 2200: the unit is microseconds. */
    assert_true(wall > 1577836800000000 && wall < 7258118400000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_time_level_and_text),
        cmocka_unit_test(drops_what_is_less_grave),
        cmocka_unit_test(cuts_a_long_message),
        cmocka_unit_test(shows_words_of_others_without_what_a_terminal_would_obey),
        cmocka_unit_test(holds_back_what_only_repeats_and_counts_it),
        cmocka_unit_test(tells_a_repeated_message_again_after_a_while),
        cmocka_unit_test(writes_json_lines),
        cmocka_unit_test(calls_around_each_line_that_it_writes),
        cmocka_unit_test(leaves_errno_alone_when_nobody_reads),
        cmocka_unit_test(writes_wall_times_in_utc_with_milliseconds),
        cmocka_unit_test(writes_the_farthest_times_within_its_space),
        cmocka_unit_test(tells_times_that_go_forwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
