#include "app/summary.h"

#include <inttypes.h>

#include "base/text.h"

struct word {
    const char *name;
    uint64_t *values;
    size_t count;
};

enum { WORDS = 12 };

static void list_words(struct engine_stats *stats, const struct pipeline *pipeline, struct word words[WORDS])
{
    size_t feeds = pipeline->feed_count, tables = pipeline->table_count;
    words[0] = (struct word){"records", stats->records, feeds};
    words[1] = (struct word){"waiting", stats->waiting, feeds};
    words[2] = (struct word){"groups", stats->groups, tables};
    words[3] = (struct word){"mixed", stats->mixed, tables};
    words[4] = (struct word){"units", &stats->units, 1};
    words[5] = (struct word){"conflicts", &stats->grain_conflicts, 1};
    words[6] = (struct word){"memory", &stats->memory, 1};
    words[7] = (struct word){"closed", &stats->closed, 1};
    words[8] = (struct word){"closed_waiting", &stats->closed_waiting, 1};
    words[9] = (struct word){"closed_groups", stats->closed_groups, tables};
    /* moments before 1970 too: the unsigned number of the same bits */
    words[10] = (struct word){"closed_before", (uint64_t *)&stats->closed_before, 1};
    words[11] = (struct word){"watermark", (uint64_t *)&stats->watermark, 1};
}

void summary_write(const struct engine_stats *stats, const struct pipeline *pipeline, struct buf *out)
{
    struct engine_stats copy = *stats;
    struct word words[WORDS];
    list_words(&copy, pipeline, words);
    for (size_t w = 0; w < WORDS; w++) {
        buf_put_text(out, words[w].name);
        for (size_t i = 0; i < words[w].count; i++)
            buf_printf(out, " %" PRIu64, words[w].values[i]);
        buf_put_byte(out, '\n');
    }
}

static struct slice next_token(struct slice *rest, char until)
{
    size_t len = 0;
    while (len < rest->len && rest->data[len] != until)
        len++;
    struct slice token = {rest->data, len};
    size_t skip = len < rest->len ? len + 1 : len;
    *rest = (struct slice){rest->data + skip, rest->len - skip};
    return token;
}

static uint64_t read_number(struct slice token)
{
    uint64_t value = 0;
    for (size_t i = 0; i < token.len && text_is_digit(token.data[i]); i++)
        value = value * 10 + (uint64_t)(token.data[i] - '0');
    return value;
}

void summary_read(struct slice text, const struct pipeline *pipeline, struct engine_stats *stats)
{
    struct word words[WORDS];
    *stats = (struct engine_stats){.closed_before = INT64_MIN, .watermark = INT64_MIN};
    list_words(stats, pipeline, words);
    while (text.len > 0) {
        struct slice line = next_token(&text, '\n');
        struct slice name = next_token(&line, ' ');
        for (size_t w = 0; w < WORDS; w++) {
            if (!slice_equal(name, slice_of(words[w].name)))
                continue;
            for (size_t i = 0; i < words[w].count && line.len > 0; i++)
                words[w].values[i] = read_number(next_token(&line, ' '));
        }
    }
}
