/* What the tests of the store share: a feed of two fields, files of numbered rows, whole changes in one call. */
#ifndef DROPFOLD_TESTS_STORE_TESTING_H
#define DROPFOLD_TESTS_STORE_TESTING_H

#include "testing.h"

#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

static inline const struct feed *testing_feed(void)
{
    static struct feed_field fields[] = {{.name = "Order_ID", .type = {VALUE_INT64, 0, 0}},
                                         {.name = "SKU", .type = {VALUE_TEXT, 0, 0}}};
    static const struct feed feed = {.name = "Orders", .fields = fields, .field_count = 2};
    return &feed;
}

/* A digest that is all the byte `seed`. */
static inline struct digest testing_digest(uint8_t seed)
{
    struct digest digest;
    memset(digest.bytes, seed, sizeof digest.bytes);
    return digest;
}

static inline struct store *testing_open(const char *folder, enum store_mode mode)
{
    struct store *store;
    struct error error = {0};
    struct digest fingerprint = testing_digest(7);
    assert_ok(store_open(&store, folder, "ecommerce", &fingerprint, mode, &error), &error);
    return store;
}

static inline void testing_open_fails(const char *folder, enum store_mode mode, enum error_kind kind, const char *part)
{
    struct store *store;
    struct error error = {0};
    struct digest fingerprint = testing_digest(7);
    assert_false(store_open(&store, folder, "ecommerce", &fingerprint, mode, &error));
    assert_null(store);
    assert_error(&error, kind, part);
}

/* "<folder>/<name>", in one of eight buffers that take turns. */
static inline const char *testing_path(const char *folder, const char *name)
{
    static char paths[8][TESTING_PATH_MAX + 64];
    static unsigned turn;
    char path[sizeof paths[0]];
    /* The folder may be one of the buffers. */
    assert_in_range(snprintf(path, sizeof path, "%s/%s", folder, name), 1, sizeof path - 1);
    return memcpy(paths[turn++ % 8], path, sizeof path);
}

/* `rows` rows numbered from `first`, whose text shows `seed`. */
static inline void testing_fill(struct batch *batch, uint64_t first, uint32_t rows, uint8_t seed)
{
    char sku[16];
    snprintf(sku, sizeof sku, "SKU-%03u", seed);
    chunk_writer_close(&batch->chunk);
    for (uint64_t row = first; row < first + rows; row++) {
        struct value values[] = {{.i = (int64_t)(row * 1000 + seed)}, {.text = slice_of(sku)}};
        assert_true(chunk_put(&batch->chunk, row, row + 1, values));
    }
}

static inline bool testing_put_rows(struct store *store, uint64_t first, uint32_t rows, uint8_t seed,
                                    struct error *error)
{
    struct batch *batch = batch_new(testing_feed());
    assert_non_null(batch);
    testing_fill(batch, first, rows, seed);
    bool good = store_put_batch(store, batch, error);
    batch_free(batch);
    return good;
}

/* A file of `rows` applied rows whose content is told by `seed`. */
static inline struct file_record testing_record(const char *name, uint8_t seed, uint64_t rows)
{
    return (struct file_record){.state = FILE_APPLIED,
                                .feed = SLICE("Orders"),
                                .name = slice_of(name),
                                .size = 100 + seed,
                                .device = 5,
                                .inode = 1000 + seed,
                                .mtime_ns = 1234567890,
                                .ctime_ns = 9876543210 + seed,
                                .content = testing_digest(seed),
                                .version = 1,
                                .descriptor = testing_digest(9),
                                .rows = rows,
                                .buckets = {.applied = rows}};
}

/* The file within an open change. */
static inline void testing_put_file(struct store *store, const struct file_record *file)
{
    struct error error = {0};
    assert_ok(store_file_begin(store, file->feed, &error), &error);
    assert_ok(testing_put_rows(store, 1, (uint32_t)file->rows, file->content.bytes[0], &error), &error);
    assert_ok(store_file_end(store, file, &error), &error);
}

static inline void testing_put_change(struct store *store, const struct file_record *file)
{
    struct error error = {0};
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, file);
    assert_ok(store_commit(store, SLICE("summary"), 1700000000000000, &error), &error);
}

/* A change of one file with three rows. */
static inline void testing_change(struct store *store, const char *name, uint8_t seed)
{
    struct file_record file = testing_record(name, seed, 3);
    testing_put_change(store, &file);
}

/* What a replay hands out, in one run of bytes. */
struct testing_story {
    struct buf bytes;
    uint64_t changes, rows, as_committed;
};

static inline bool testing_story_chunk(void *context, const struct replay_chunk *chunk, struct error *error)
{
    struct testing_story *story = context;
    (void)error;
    buf_printf(&story->bytes, "%llu %.*s ", (unsigned long long)chunk->sequence, (int)chunk->feed.len,
               chunk->feed.data);
    buf_put_slice(&story->bytes, chunk->chunk);
    return true;
}

static inline bool testing_story_change(void *context, const struct replay_end *end, struct error *error)
{
    struct testing_story *story = context;
    (void)error;
    buf_printf(&story->bytes, "end %llu\n", (unsigned long long)end->sequence);
    story->changes++;
    story->rows += buckets_total(&end->buckets);
    story->as_committed += end->as_committed;
    return true;
}

static inline bool testing_replay(struct store *store, struct testing_story *story, struct error *error)
{
    *story = (struct testing_story){.changes = 0};
    buf_init(&story->bytes, 64 * 1024 * 1024);
    struct replay_visit visit = {.context = story, .chunk = testing_story_chunk, .change_end = testing_story_change};
    bool good = store_replay(store, &visit, error);
    assert_false(story->bytes.failed);
    return good;
}

/* Replays, and fails unless the store is sound and holds so many changes. */
static inline void assert_changes(struct store *store, uint64_t changes)
{
    struct testing_story story;
    struct error error = {0};
    assert_ok(testing_replay(store, &story, &error), &error);
    assert_int_equal(story.changes, changes);
    assert_int_equal(store_progress(store)->sequence, changes);
    buf_close(&story.bytes);
}

/* Whether two files hold the same bytes. */
static inline bool testing_same(const char *one, const char *other)
{
    int a, b;
    FILE *first = fopen(one, "rb"), *second = fopen(other, "rb");
    assert_non_null(first);
    assert_non_null(second);
    do {
        a = getc(first);
        b = getc(second);
    } while (a == b && a != EOF);
    fclose(first);
    fclose(second);
    return a == b;
}

#endif
