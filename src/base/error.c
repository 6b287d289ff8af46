#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (!error)
        return false;
    /* Formatted aside first: the arguments may point into the text that is replaced. */
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    size_t len = text_format(text, sizeof text, format, args);
    va_end(args);
    error->kind = kind;
    memcpy(error->text, text, len + 1);
    return false;
}

bool error_is_full(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG; /* the last: more than ulimit -f allows */
}

static enum error_kind kind_of_errno(int number, enum error_kind kind)
{
    return error_is_full(number) ? ERROR_FULL : number == ENOMEM ? ERROR_MEMORY : kind;
}

bool error_errno(struct error *error, enum error_kind kind, int number, const char *format, ...)
{
    char unknown[64];
    const char *reason = strerror_r(number, unknown, sizeof unknown);
    char what[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    /* A long path is cut rather than the reason behind it. */
    text_format(what, sizeof what - strlen(reason) - strlen(": "), format, args);
    va_end(args);
    return error_set(error, kind_of_errno(number, kind), "%s: %s", what, reason);
}

bool error_wrap(struct error *error, const char *format, ...)
{
    if (!error)
        return false;
    char context[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    text_format(context, sizeof context, format, args);
    va_end(args);
    return error_set(error, error->kind, "%s: %s", context, error->text);
}

/* Whether it begins with "line:column: ". */
static bool has_place(const char *text)
{
    static const char digits[] = "0123456789";
    size_t line = strspn(text, digits);
    size_t column = line > 0 && text[line] == ':' ? strspn(text + line + 1, digits) : 0;
    return column > 0 && text[line + 1 + column] == ':';
}

bool error_in_file(struct error *error, const char *path)
{
    return error && error_set(error, error->kind, "%s:%s%s", path, has_place(error->text) ? "" : " ", error->text);
}

bool error_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "out of memory");
}

int error_exit_code(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE:
        return 0;
    case ERROR_USAGE:
        return 64;
    case ERROR_DATA:
        return 65;
    case ERROR_TARGET:
        return 69;
    case ERROR_LOCKED:
        return 75;
    case ERROR_CONFIG:
        return 78;
    case ERROR_IO:
    case ERROR_FULL:
    case ERROR_MEMORY:
    case ERROR_CORRUPT:
    case ERROR_REFUSED:
    case ERROR_DIVERGED:
    case ERROR_BUG:
        return 1;
    }
    return 1;
}
