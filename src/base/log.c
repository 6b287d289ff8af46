#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum {
    LINE_SIZE = 4096, /* bytes, the newline included; POSIX keeps this much together in a pipe */
    JSON_SIZE = 32 * 1024,
    REPEAT_AFTER = 10 * 1000 * 1000 /* microseconds that a repeated message is held back */
};

void log_init(struct log *log, int fd, enum log_level level)
{
    *log = (struct log){.fd = fd, .level = level};
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        break;
    }
    return "info";
}

/* A line that the descriptor does not take is lost: there is nowhere left to say so. */
static void write_line(int fd, const char *line, size_t len)
{
    ssize_t written;
    do
        written = write(fd, line, len);
    while (written < 0 && errno == EINTR);
}

/* In local time: the clock that the reader sees. Plain information needs no word for its level. One line, whatever
   words of others stand in it. */
static void put_text(const struct log *log, enum log_level level, const char *text)
{
    char line[LINE_SIZE], shown[LOG_TEXT_MAX];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    const char *word = level == LOG_INFO ? "" : level_name(level);
    int len = snprintf(line, sizeof line, "%02d:%02d:%02d %s%s%s\n", tm.tm_hour, tm.tm_min, tm.tm_sec, word,
                       *word ? ": " : "", text_escape_again(slice_of(text), shown, sizeof shown));
    if (len > 0)
        write_line(log->fd, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

static void put_json(const struct log *log, enum log_level level, const char *text)
{
    char when[CLOCK_TEXT_SIZE];
    struct buf out;
    struct json json;
    clock_text(clock_wall(), when);
    buf_init(&out, JSON_SIZE);
    json_init(&json, &out);
    json_open(&json, NULL, '{');
    json_text(&json, "time", slice_of(when));
    json_text(&json, "level", slice_of(level_name(level)));
    json_text(&json, "message", slice_of(text));
    json_close(&json, '}');
    buf_put_byte(&out, '\n');
    if (!out.failed)
        write_line(log->fd, out.data, out.len);
    buf_close(&out);
}

static void put(struct log *log, enum log_level level, const char *text)
{
    if (log->around)
        log->around(log->context, true);
    if (log->json)
        put_json(log, level, text);
    else
        put_text(log, level, text);
    if (log->around)
        log->around(log->context, false);
}

/* True while the message is only counted. */
static bool holds_back(struct log *log, const char *text)
{
    int64_t now = clock_monotonic();
    bool same = strcmp(log->last, text) == 0;
    if (same && now - log->last_at < REPEAT_AFTER) {
        log->repeated++;
        return true;
    }
    if (log->repeated > 0) {
        char line[64];
        snprintf(line, sizeof line, "the last message came %u time%s more", log->repeated, text_plural(log->repeated));
        put(log, LOG_INFO, line);
    }
    memcpy(log->last, text, strlen(text) + 1);
    log->last_at = now;
    log->repeated = 0;
    return false;
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    char text[LOG_TEXT_MAX];
    if (level > log->level)
        return;
    int saved = errno;
    va_list args;
    va_start(args, format);
    text_format(text, sizeof text, format, args);
    va_end(args);
    if (!holds_back(log, text))
        put(log, level, text);
    errno = saved;
}
