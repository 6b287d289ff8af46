#include "model/contract.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

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
    if (telling->count++ >= CONTRACT_CHANGES_MAX || !version || start.len < 2)
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

static bool continues_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
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
    while (same > 0 && continues_character(a.data[same]))
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

void contract_shape_change(const struct pipeline *pipeline, struct slice before, struct buf *out)
{
    char shown[SHOWN_LINE], other[SHOWN_LINE];
    struct slice now = pipeline->shape, line = {0}, old = {0};
    for (;;) {
        bool is_line = next_line(&now, &line), was_line = next_line(&before, &old);
        if (!is_line && !was_line)
            return;
        if (is_line && was_line && slice_equal(line, old))
            continue;
        text_escape(line, shown, sizeof shown);
        text_escape(old, other, sizeof other);
        if (was_line && (!is_line || has_line(before, line)))
            buf_printf(out, "no longer %s", other);
        else if (!was_line || has_line(now, old))
            buf_printf(out, "new: %s", shown);
        else
            put_both(out, line, old);
        return;
    }
}
