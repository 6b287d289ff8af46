#include "model/contract.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "model/timestamp.h"

enum {
    SHOWN_LINE = 400,
    SHOWN_BEFORE = 60 /* bytes before the difference of two lines that are too long to be shown from their begin */
};

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* Takes the first line off `text`; false at its end. */
static bool next_line(struct slice *text, struct slice *line)
{
    if (text->len == 0)
        return false;
    const char *end = memchr(text->data, '\n', text->len);
    size_t len = end ? (size_t)(end - text->data) : text->len, past = end ? len + 1 : len;
    *line = (struct slice){text->data, len};
    *text = (struct slice){text->data + past, text->len - past};
    return true;
}

/* The line of `text` that begins with `start`. */
static bool find_line(struct slice text, struct slice start, struct slice *line)
{
    while (next_line(&text, line))
        if (slice_starts_with(*line, start))
            return true;
    return false;
}

static bool has_line(struct slice text, struct slice wanted)
{
    struct slice line;
    while (next_line(&text, &line))
        if (slice_equal(line, wanted))
            return true;
    return false;
}

/* --- readings ----------------------------------------------------------------------------------------------------- */

/* "<feed> <version> ", the feed as a JSON string: what a line of a reading begins with. */
static void put_start(struct buf *out, const struct feed *feed, uint32_t version)
{
    text_put_json(out, slice_of(feed->name));
    buf_printf(out, " %" PRIu32 " ", version);
}

void contract_reading(const struct pipeline *pipeline, struct buf *out)
{
    for (size_t f = 0; f < pipeline->feed_count; f++) {
        const struct feed *feed = &pipeline->feeds[f];
        for (size_t v = feed->version_count; v-- > 0;) {
            char hex[DIGEST_HEX_SIZE];
            const struct descriptor *d = feed->versions[v].descriptor;
            digest_hex(&d->digest, hex);
            put_start(out, feed, d->version);
            buf_printf(out, "%s\n", hex);
        }
    }
}

/* What is being said of changes. */
struct telling {
    struct buf *out;
    size_t count;
};

static void tell(struct telling *telling, struct slice line, const char *what)
{
    char shown[SHOWN_LINE];
    const char *blank = memrchr(line.data, ' ', line.len);
    struct slice start = {line.data, blank ? (size_t)(blank - line.data) : line.len};
    const char *version = memrchr(start.data, ' ', start.len);
    if (telling->count++ >= CONTRACT_CHANGES_MAX || !version || version - start.data < 2)
        return;
    struct slice feed = {start.data + 1, (size_t)(version - start.data) - 2}; /* without its quotes */
    buf_printf(telling->out, "%s%s v%.*s %s", telling->count > 1 ? ", " : "", text_escape(feed, shown, sizeof shown),
               (int)(start.data + start.len - version - 1), version + 1, what);
}

static void tell_lines(struct telling *telling, struct slice lines, struct slice others, bool are_new)
{
    struct slice line, other;
    while (next_line(&lines, &line)) {
        const char *blank = memrchr(line.data, ' ', line.len);
        struct slice start = {line.data, blank ? (size_t)(blank + 1 - line.data) : line.len};
        bool there = find_line(others, start, &other);
        if (!there)
            tell(telling, line, are_new ? "added" : "gone");
        else if (are_new && !slice_equal(line, other))
            tell(telling, line, "changed");
    }
}

void contract_reading_changes(const struct pipeline *pipeline, struct slice before, struct buf *out)
{
    struct telling telling = {out, 0};
    struct buf now;
    buf_init(&now, CONTRACT_TEXT_MAX);
    contract_reading(pipeline, &now);
    out->failed |= now.failed;
    tell_lines(&telling, buf_slice(&now), before, true);
    tell_lines(&telling, before, buf_slice(&now), false);
    if (telling.count > CONTRACT_CHANGES_MAX)
        buf_printf(out, " and %zu more", telling.count - CONTRACT_CHANGES_MAX);
    buf_close(&now);
}

/* --- shapes ------------------------------------------------------------------------------------------------------- */

/* How many of the bytes are digits. */
static size_t count_digits(struct slice text)
{
    size_t count = 0;
    while (count < text.len && text_is_digit(text.data[count]))
        count++;
    return count;
}

/* Where the size of a table's window stands in its line, as a number behind its field; false when it has none, or one
   in months. What stands in quotes is a name. */
static bool find_size(struct slice line, size_t *at, size_t *digits)
{
    static const struct slice table = {"table ", 6}, before = {" of ", 4}, months = {" month", 6};
    bool quoted = false;
    *digits = 0;
    for (size_t i = 0; slice_starts_with(line, table) && i < line.len && *digits == 0; i++) {
        struct slice rest = {line.data + i, line.len - i};
        if (line.data[i] == '\\')
            i++;
        else if (line.data[i] == '"')
            quoted = !quoted;
        else if (!quoted && slice_starts_with(rest, before)) {
            *at = i + before.len;
            *digits = count_digits((struct slice){line.data + *at, line.len - *at});
        }
    }
    return *digits > 0 &&
           !slice_starts_with((struct slice){line.data + *at + *digits, line.len - *at - *digits}, months);
}

/* The line as people are told it: the fingerprint has microseconds, they wrote "10 days". */
static void put_told(struct buf *out, struct slice line)
{
    size_t at = 0, digits;
    if (!find_size(line, &at, &digits)) {
        buf_put_slice(out, line);
        return;
    }
    int64_t micros = 0;
    for (size_t i = 0; i < digits && micros < INT64_MAX / 100; i++)
        micros = micros * 10 + (line.data[at + i] - '0');
    buf_put(out, line.data, at);
    timestamp_print_interval(micros, out);
    buf_put(out, line.data + at + digits, line.len - at - digits);
}

/* What two lines begin with alike and need not be shown, as their difference would not be seen behind it. */
static size_t hidden(struct slice a, struct slice b)
{
    size_t same = 0;
    while (same < a.len && same < b.len && a.data[same] == b.data[same])
        same++;
    if (same < SHOWN_LINE / 2)
        return 0;
    same -= SHOWN_BEFORE;
    while (same > 0 && text_goes_on(a.data[same]))
        same--;
    return same;
}

/* Of two lines that stand for each other. */
static void put_both(struct buf *out, struct slice line, struct slice old)
{
    char shown[SHOWN_LINE], other[SHOWN_LINE];
    size_t skipped = hidden(line, old);
    const char *dots = skipped > 0 ? "..." : "";
    text_escape((struct slice){line.data + skipped, line.len - skipped}, shown, sizeof shown);
    text_escape((struct slice){old.data + skipped, old.len - skipped}, other, sizeof other);
    buf_printf(out, "%s%s; it was %s%s", dots, shown, dots, other);
}

static void put_one(struct buf *out, const char *what, struct slice line)
{
    char shown[SHOWN_LINE];
    buf_printf(out, "%s%s", what, text_escape(line, shown, sizeof shown));
}

void contract_shape_change(const struct pipeline *pipeline, struct slice before, struct buf *out)
{
    struct buf told, told_old;
    struct slice now = pipeline->shape, line = {0}, old = {0};
    bool is_line, was_line;
    do {
        is_line = next_line(&now, &line);
        was_line = next_line(&before, &old);
        if (!is_line && !was_line)
            return;
    } while (is_line && was_line && slice_equal(line, old));
    buf_init(&told, CONTRACT_TEXT_MAX);
    buf_init(&told_old, CONTRACT_TEXT_MAX);
    put_told(&told, line);
    put_told(&told_old, old);
    out->failed |= told.failed || told_old.failed;
    if (was_line && (!is_line || has_line(before, line)))
        put_one(out, "no longer ", buf_slice(&told_old));
    else if (!was_line || has_line(now, old))
        put_one(out, "new: ", buf_slice(&told));
    else
        put_both(out, buf_slice(&told), buf_slice(&told_old));
    buf_close(&told);
    buf_close(&told_old);
}
