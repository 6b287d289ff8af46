#include "parse/csv_lines.h"

void csv_lines_start(struct csv_lines *lines, const struct descriptor_form *form)
{
    *lines = (struct csv_lines){.skip = form->skip, .comment = form->comment};
    lines->any = form->skip > 0 || form->comment.len > 0;
}

/* Whether the piece begins a comment, or may do so. */
static bool begins_comment(struct csv_lines *lines, const char *from, const char *to)
{
    size_t at = lines->waiting;
    for (; at < lines->comment.len && from < to && *from == lines->comment.data[at]; from++)
        at++;
    if (at == 0 || (at < lines->comment.len && from < to))
        return false;
    lines->inside = at == lines->comment.len;
    lines->waiting = lines->inside ? 0 : at;
    return true;
}

bool csv_lines_take(struct csv_lines *lines, const char *from, const char *to, bool second)
{
    if (lines->skip > 0 && !lines->inside && !second) {
        lines->skip--;
        lines->inside = true;
    } else if (!lines->inside && !second && !begins_comment(lines, from, to)) {
        return false;
    }
    lines->seen = true;
    if (to[-1] == '\n' || to[-1] == '\r')
        lines->inside = false;
    return true;
}

struct slice csv_lines_waiting(struct csv_lines *lines)
{
    struct slice waiting = {lines->comment.data, lines->waiting};
    lines->waiting = 0;
    return waiting;
}
