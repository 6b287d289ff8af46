/* The store that operations are tried on: how it is made, what is done with a copy of it, and all that it holds as
   text. */
#ifndef DROPFOLD_TESTS_STORE_OPERATING_H
#define DROPFOLD_TESTS_STORE_OPERATING_H

#include "store_testing.h"

struct operating {
    char folder[TESTING_PATH_MAX];
    struct store *store;
    struct store *built; /* of a swap */
    struct batch *batch; /* rows made beforehand */
    struct arena texts;  /* of a forget */
};

static char operating_template[TESTING_PATH_MAX];

/* --- the store to begin with -------------------------------------------------------------------------------------- */

static const struct slice operating_columns[] = {{"Colour", 6}, {"Size", 4}};

static inline struct file_record operating_record(const char *name, uint8_t seed)
{
    struct file_record file = testing_record(name, seed, 5);
    file.buckets = (struct buckets){.applied = 3, .rejected = 2};
    file.unknown = operating_columns;
    file.unknown_count = seed % 3;
    file.stored = SLICE("archive/Orders/000001-x.csv");
    return file;
}

static inline struct batch *operating_batch(uint8_t seed)
{
    const struct reject reject = {4, 5, 2, {"SKU", 3}, {"too long", 8}, {"1,x", 3}};
    struct batch *batch = batch_new(testing_feed());
    assert_non_null(batch);
    testing_fill(batch, 1, 3, seed);
    assert_true(batch_reject(batch, &reject));
    assert_true(batch_reject(batch, &reject));
    return batch;
}

static inline bool operating_put(struct store *store, const struct batch *batch, const char *name, uint8_t seed,
                                 struct error *error)
{
    struct file_record file = operating_record(name, seed);
    return store_file_begin(store, file.feed, error) && store_put_batch(store, batch, error) &&
           store_file_end(store, &file, error);
}

static inline void operating_change(struct store *store, const char *name, uint8_t seed)
{
    struct error error = {0};
    struct batch *batch = operating_batch(seed);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(operating_put(store, batch, name, seed, &error), &error);
    assert_ok(store_commit(store, SLICE("summary"), seed, &error), &error);
    batch_free(batch);
}

static inline struct file_record operating_note(enum file_state state)
{
    struct file_record file = testing_record("note.csv", 77, 0);
    file.state = state;
    file.unknown = operating_columns;
    file.unknown_count = 2;
    file.reason = SLICE("a quote never closes");
    return file;
}

/* Three changes, a forgotten one, a note, with a log that is not folded in yet: copied from under an open store. */
static inline void operating_begin(void)
{
    char live[TESTING_PATH_MAX];
    struct error error = {0};
    struct file_record note = operating_note(FILE_QUARANTINED), file;
    struct arena texts;
    testing_folder_make(live);
    testing_folder_make(operating_template);
    arena_init(&texts, 65536);
    struct store *store = testing_open(live, STORE_WRITE);
    for (uint8_t i = 1; i <= 3; i++)
        operating_change(store, (const char *[]){"a.csv", "b.csv", "c.csv"}[i - 1], i);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_forget(store, SLICE("b.csv"), &texts, &file, &error), &error);
    assert_ok(store_commit(store, SLICE("forgotten"), 9, &error), &error);
    assert_ok(store_note_file(store, &note, 10, &error), &error);
    assert_ok(store_note_delivered(store, &(struct store_delivered){SLICE("sqlite:x.db"), 2, 0, 11}, &error), &error);
    testing_copy(testing_path(live, "ecommerce.db"), testing_path(operating_template, "ecommerce.db"));
    testing_copy(testing_path(live, "ecommerce.db-wal"), testing_path(operating_template, "ecommerce.db-wal"));
    store_close(store);
    arena_close(&texts);
    testing_folder_remove(live);
}

static inline void operating_over(void)
{
    testing_folder_remove(operating_template);
}

/* --- a copy of it ------------------------------------------------------------------------------------------------- */

static inline bool operating_open(struct operating *o, enum store_mode mode, struct error *error)
{
    struct digest fingerprint = testing_digest(7);
    return store_open(&o->store, o->folder, "ecommerce", &fingerprint, mode, error);
}

static inline void operating_remove_store(struct operating *o)
{
    static const char *const ends[] = {"ecommerce.db", "ecommerce.db-wal", "ecommerce.db-shm"};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        (void)unlink(testing_path(o->folder, ends[i]));
}

static inline bool operating_replay(struct store *store, struct error *error)
{
    const struct replay_visit nobody = {0};
    return store_replay(store, &nobody, error);
}

static inline void operating_build(struct operating *o)
{
    struct error error = {0};
    struct digest fingerprint = testing_digest(7);
    assert_ok(store_open(&o->built, o->folder, "ecommerce", &fingerprint, STORE_BUILD, &error), &error);
    operating_change(o->built, "a.csv", 1);
}

/* A file of the backup's name is a whole backup. */
static inline void operating_check_backup(const struct operating *o)
{
    struct digest fingerprint = testing_digest(7);
    struct error error = {0};
    struct store *copy;
    char folder[TESTING_PATH_MAX];
    if (access(testing_path(o->folder, "copy.db"), F_OK) != 0)
        return;
    testing_folder_make(folder);
    testing_copy(testing_path(o->folder, "copy.db"), testing_path(folder, "ecommerce.db"));
    assert_ok(store_open(&copy, folder, "ecommerce", &fingerprint, STORE_WRITE, &error), &error);
    assert_changes(copy, 4);
    assert_ok(store_check(copy, &error), &error);
    store_close(copy);
    testing_folder_remove(folder);
}

static inline void operating_remove_backup(struct operating *o)
{
    (void)unlink(testing_path(o->folder, "copy.db"));
}

/* --- all that it holds -------------------------------------------------------------------------------------------- */

static inline bool operating_tell_file(void *context, const struct file_record *file)
{
    char stored[64];
    snprintf(stored, sizeof stored, "%.*s", (int)file->stored.len, file->stored.data);
    buf_printf(context, "file %ju seq=%ju state=%d %.*s rows=%ju replaced=%d forgotten=%ju unknown=%zu at=%s\n",
               (uintmax_t)file->id, (uintmax_t)file->sequence, (int)file->state, (int)file->name.len, file->name.data,
               (uintmax_t)file->rows, file->replaced, (uintmax_t)file->forgotten, file->unknown_count, stored);
    return true;
}

static inline bool operating_tell_reject(void *context, const struct reject_record *reject)
{
    buf_printf(context, "reject seq=%ju row=%ju retried=%ju\n", (uintmax_t)reject->sequence,
               (uintmax_t)reject->reject.row, (uintmax_t)reject->retried);
    return true;
}

static inline bool operating_tell_feed(void *context, const struct feed_summary *feed)
{
    buf_printf(context, "feed %.*s rows=%ju\n", (int)feed->feed.len, feed->feed.data, (uintmax_t)feed->rows);
    return true;
}

static inline bool operating_tell_unknown(void *context, struct slice feed, struct slice column, uint64_t files)
{
    (void)feed;
    buf_printf(context, "unknown %.*s in %ju\n", (int)column.len, column.data, (uintmax_t)files);
    return true;
}

static inline bool operating_tell(struct store *store, struct buf *out, struct error *error)
{
    struct store_summary summary;
    bool good = store_each_file(store, operating_tell_file, out, error) &&
                store_each_reject(store, SLICE(""), operating_tell_reject, out, error) &&
                store_each_feed(store, operating_tell_feed, out, error) &&
                store_each_unknown(store, operating_tell_unknown, out, error) &&
                store_summary(store, &summary, error) && store_summary_text(store, out, error) &&
                store_contract(store, out, out, error);
    if (good)
        buf_printf(out, "\n%ju changes, rewritten by %ju, delivered %s %ju %ju\n",
                   (uintmax_t)store_progress(store)->sequence, (uintmax_t)store_rewritten(store),
                   summary.delivered_target, (uintmax_t)summary.delivered_sequence,
                   (uintmax_t)summary.delivered_overflows);
    return good;
}

#endif
