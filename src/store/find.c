/* Which applied file a user means by a name, and what there is instead when that is none or several. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "store/store_internal.h"

enum { LISTED_MAX = 5, LISTED_NAME = 120, LIST_SIZE = 700 };

/* Files named in an error: "Orders/a.csv seq=3, Orders/b.csv seq=4 and 7 more". */
struct list {
    char text[LIST_SIZE];
    size_t len;
    uint64_t count;
};

struct search {
    struct slice which;
    uint64_t sequence; /* of "seq=N"; 0 when it is a name */
    struct arena *texts;
    struct file_record *file; /* the first of those meant */
    bool failed;
    struct list meant, near, others;
    char instead[256]; /* why no rows of the last file of that name count */
};

/* --- what is meant ------------------------------------------------------------------------------------------------ */

/* "seq=12" as 12; 0 for all else. */
static uint64_t read_sequence(struct slice which)
{
    uint64_t number = 0;
    if (!slice_starts_with(which, SLICE("seq=")) || which.len == 4 || which.len > 4 + 19)
        return 0;
    for (size_t i = 4; i < which.len; i++) {
        if (which.data[i] < '0' || which.data[i] > '9')
            return 0;
        number = number * 10 + (uint64_t)(which.data[i] - '0');
    }
    return number;
}

static struct slice last_part(struct slice path)
{
    const char *slash = path.len > 0 ? memrchr(path.data, '/', path.len) : NULL;
    return slash ? (struct slice){slash + 1, (size_t)(path.data + path.len - slash - 1)} : path;
}

static bool is_meant(const struct search *search, const struct file_record *file)
{
    struct slice which = search->which;
    if (search->sequence > 0)
        return file->sequence == search->sequence;
    if (slice_equal(which, file->name) || slice_ends_path(which, file->stored) ||
        (file->stored.len > 0 && slice_equal(which, last_part(file->stored))))
        return true;
    if (!slice_ends_path(which, file->name) || which.len == file->name.len)
        return false;
    return slice_ends_path((struct slice){which.data, which.len - file->name.len - 1}, file->feed);
}

static bool is_near(const struct search *search, const struct file_record *file)
{
    char name[LISTED_NAME];
    const char *word = text_escape(file->name, name, sizeof name);
    struct slice wanted = last_part(search->which);
    return wanted.len > 0 && (memmem(file->name.data, file->name.len, wanted.data, wanted.len) != NULL ||
                              text_nearest(wanted, &word, 1) != NULL);
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static void list_add(struct list *list, const struct file_record *file)
{
    char name[LISTED_NAME];
    if (list->count++ >= LISTED_MAX)
        return;
    int len = snprintf(list->text + list->len, sizeof list->text - list->len, "%s%.*s/%s seq=%" PRIu64,
                       list->len > 0 ? ", " : "", (int)(file->feed.len < 32 ? file->feed.len : 32), file->feed.data,
                       text_escape(file->name, name, sizeof name), file->sequence);
    if (len > 0 && (size_t)len < sizeof list->text - list->len)
        list->len += (size_t)len;
    list->text[list->len] = '\0';
}

/* " and 7 more", or nothing. */
static const char *more(const struct list *list, char out[48])
{
    out[0] = '\0';
    if (list->count > LISTED_MAX)
        snprintf(out, 48, " and %" PRIu64 " more", (list->count - LISTED_MAX));
    return out;
}

/* --- the search --------------------------------------------------------------------------------------------------- */

static struct slice keep(struct search *search, struct slice text)
{
    struct slice copy = arena_copy(search->texts, text);
    search->failed |= !copy.data;
    return copy;
}

static void take(struct search *search, const struct file_record *file)
{
    list_add(&search->meant, file);
    if (search->meant.count > 1)
        return;
    *search->file = *file;
    search->file->feed = keep(search, file->feed);
    search->file->name = keep(search, file->name);
    search->file->stored = keep(search, file->stored);
    search->file->reason = keep(search, file->reason);
    search->file->unknown = NULL;
    search->file->unknown_count = 0;
}

static void tell_why_not(struct search *search, const struct file_record *file)
{
    char *out = search->instead;
    size_t size = sizeof search->instead;
    uint64_t sequence = file->sequence;
    char name[LISTED_NAME];
    if (file->state == FILE_DUPLICATE)
        snprintf(out, size, "it was a redelivery of seq=%" PRIu64 " and not applied", sequence);
    else if (file->state == FILE_RETRIED)
        snprintf(out, size, "it is a retry of rows of file %.100s, which is taken back as a whole",
                 text_escape(file->name, name, sizeof name));
    else if (file->state == FILE_QUARANTINED)
        snprintf(out, size, "it was quarantined, and nothing of it applied");
    else
        snprintf(out, size, "seq=%" PRIu64 " was %s already, by seq=%" PRIu64, sequence,
                 file->succeeded ? "replaced" : "forgotten", file->forgotten);
}

static bool look_at(void *context, const struct file_record *file)
{
    struct search *search = context;
    bool meant = is_meant(search, file);
    bool applied = file->state == FILE_APPLIED && file->forgotten == 0;
    if (file->state == FILE_RETRIED) {
        if (search->sequence > 0 && file->sequence == search->sequence)
            tell_why_not(search, file);
        return true;
    }
    if (meant && applied)
        take(search, file);
    else if (meant)
        tell_why_not(search, file);
    else if (applied)
        list_add(search->sequence == 0 && is_near(search, file) ? &search->near : &search->others, file);
    return !search->failed;
}

static bool take_applied(void *context, const struct file_record *file)
{
    struct search *search = context;
    if (file->sequence == search->sequence && file->state == FILE_APPLIED && file->forgotten == 0)
        take(search, file);
    return !search->failed;
}

/* The file of the change itself, by its number: a ledger may have many others. */
static bool look_at_change(struct search *search, struct store *store, struct error *error)
{
    struct query q;
    bool row;
    struct ledger_range range = {.sequence = UINT64_MAX};
    query_open(&q, store, STORE_SQL_GET_CHANGE);
    query_u64(&q, search->sequence);
    bool good = query_row(&q, &row, error);
    if (good && row && query_u64_at(&q, 1) > 0) {
        range.after = query_u64_at(&q, 0) - 1;
        range.upto = range.after + query_u64_at(&q, 1);
    }
    query_close(&q);
    return good && (range.upto == 0 || store_read_files(store, &range, take_applied, search, error));
}

static bool refuse(const struct search *search, struct error *error)
{
    char which[LISTED_NAME], rest[48];
    text_escape(search->which, which, sizeof which);
    if (search->meant.count > 1)
        return error_set(error, ERROR_USAGE, "\"%s\" can mean %s%s: say which%s", which, search->meant.text,
                         more(&search->meant, rest), search->sequence ? " by its name" : ", by its seq=N");
    if (search->instead[0] != '\0')
        return error_set(error, ERROR_USAGE, "no rows of \"%s\" count: %s", which, search->instead);
    if (search->near.count > 0)
        return error_set(error, ERROR_USAGE, "no applied file is called \"%s\"; did you mean %s%s?", which,
                         search->near.text, more(&search->near, rest));
    return error_set(error, ERROR_USAGE, "no applied file is called \"%s\"; there %s %s%s", which,
                     search->others.count == 1 ? "is" : "are",
                     search->others.count > 0 ? search->others.text : "none at all", more(&search->others, rest));
}

bool store_find_file(struct store *store, struct slice which, struct arena *texts, struct file_record *file,
                     struct error *error)
{
    struct search search = {.which = which, .sequence = read_sequence(which), .texts = texts, .file = file};
    if (!store_read_begin(store, error))
        return false;
    bool good = search.sequence == 0 || look_at_change(&search, store, error);
    if (good && search.meant.count == 0 && !search.failed) /* by a name, or to say what there is instead */
        good = store_each_file(store, look_at, &search, error);
    store_read_end(store);
    if (!good)
        return false;
    if (search.failed)
        return error_memory(error);
    return search.meant.count == 1 || refuse(&search, error);
}
