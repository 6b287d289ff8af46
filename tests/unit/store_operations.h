/*
 * Everything that can be asked of a store, one operation each, for tests that make each of them fail at every point:
 * whatever happened, the store then holds what it held before the operation or what it holds after it.
 *
 *     operating_begin();                         makes the store that all operations begin with
 *     for each operation:
 *         operating_prepare(&o, operation);      a fresh copy of it, open
 *         bool good = operation->work(&o, &error);
 *         operating_end(&o);                     closes it
 *         operating_state(&o, &text);            opens it again and tells all it holds
 *     operating_over();
 */
#ifndef DROPFOLD_TESTS_STORE_OPERATIONS_H
#define DROPFOLD_TESTS_STORE_OPERATIONS_H

#include "failing_vfs.h"
#include "store_operating.h"

struct operation {
    const char *name;
    bool (*work)(struct operating *o, struct error *error);
    bool closed;                              /* it opens the store itself */
    enum error_kind also;                     /* what it may say beside the fault's own kind; or ERROR_NONE */
    void (*prepare)(struct operating *o);     /* or NULL */
    void (*check)(const struct operating *o); /* what must hold besides, whatever happened; or NULL */
    void (*undo)(struct operating *o);        /* before the state is looked at and before another try; or NULL */
};

/* --- the operations ----------------------------------------------------------------------------------------------- */

static inline bool operation_open(struct operating *o, struct error *error)
{
    return operating_open(o, STORE_WRITE, error);
}

static inline bool operation_open_to_read(struct operating *o, struct error *error)
{
    return operating_open(o, STORE_READ, error);
}

static inline bool operation_close(struct operating *o, struct error *error)
{
    (void)error;
    store_close(o->store);
    o->store = NULL;
    return true;
}

static inline bool operation_change(struct operating *o, struct error *error)
{
    return store_begin(o->store, error) && operating_put(o->store, o->batch, "d.csv", 4, error) &&
           operating_put(o->store, o->batch, "e.csv", 5, error) &&
           store_mark_replaced(o->store, SLICE("Orders"), 1, error) && store_commit(o->store, SLICE("two"), 12, error);
}

static inline bool operating_visit_chunk(void *context, struct slice chunk, struct error *error)
{
    (void)context;
    (void)chunk;
    (void)error;
    return true;
}

/* A file is read back before it is done, and given up. */
static inline bool operation_rollback(struct operating *o, struct error *error)
{
    bool good = store_begin(o->store, error) && operating_put(o->store, o->batch, "d.csv", 4, error) &&
                store_file_begin(o->store, SLICE("Orders"), error) && store_put_batch(o->store, o->batch, error) &&
                store_file_chunks(o->store, operating_visit_chunk, NULL, error);
    store_rollback(o->store);
    return good;
}

static inline bool operation_forget(struct operating *o, struct error *error)
{
    struct file_record file;
    arena_reset(&o->texts);
    return store_begin(o->store, error) && store_forget(o->store, SLICE("seq=1"), &o->texts, &file, error) &&
           store_taken_chunks(o->store, operating_visit_chunk, NULL, error) && operating_replay(o->store, error) &&
           store_commit(o->store, SLICE("forgotten"), 13, error);
}

/* The history is told without the file before the other one takes its place. */
static inline bool operation_replace(struct operating *o, struct error *error)
{
    struct file_record file = operating_record("c.csv", 6);
    uint64_t count;
    return store_begin(o->store, error) && store_file_begin(o->store, file.feed, error) &&
           store_put_batch(o->store, o->batch, error) && store_replace(o->store, file.name, &count, error) &&
           store_taken_chunks(o->store, operating_visit_chunk, NULL, error) && operating_replay(o->store, error) &&
           store_file_end(o->store, &file, error) && store_commit(o->store, SLICE("replaced"), 13, error);
}

static inline bool operation_retry(struct operating *o, struct error *error)
{
    struct file_record file = operating_record("c.csv", 3);
    file.state = FILE_RETRIED;
    return store_begin(o->store, error) && store_retry(o->store, 3, error) &&
           store_file_begin(o->store, file.feed, error) && store_put_batch(o->store, o->batch, error) &&
           store_file_end(o->store, &file, error) && store_commit(o->store, SLICE("retried"), 16, error);
}

static inline bool operation_close_windows(struct operating *o, struct error *error)
{
    return store_begin(o->store, error) && store_close_windows(o->store, 864000000000, error) &&
           store_commit(o->store, SLICE("closed"), 13, error);
}

/* It wrote what it replaces, and its rows. */
static inline bool operation_given_up(struct operating *o, struct error *error)
{
    struct file_record file = operating_record("c.csv", 5);
    uint64_t count;
    bool good = store_begin(o->store, error) && store_file_begin(o->store, file.feed, error) &&
                store_reserve(o->store, &o->batch, 1, &file, 1, error) &&
                store_replace(o->store, file.name, &count, error) && store_put_batch(o->store, o->batch, error);
    store_rollback(o->store);
    return good;
}

/* Two changes and a redelivery in one commit, and a change between them that is given up. */
static inline bool operation_group(struct operating *o, struct error *error)
{
    struct file_record note = operating_note(FILE_DUPLICATE);
    bool good = store_group_begin(o->store, error) && store_begin(o->store, error) &&
                operating_put(o->store, o->batch, "d.csv", 4, error) && store_commit(o->store, SLICE(""), 12, error) &&
                operation_given_up(o, error);
    good = good && store_note_file(o->store, &note, 14, error) && store_begin(o->store, error) &&
           operating_put(o->store, o->batch, "e.csv", 6, error) &&
           store_mark_replaced(o->store, SLICE("Orders"), 5, error) && store_commit(o->store, SLICE(""), 13, error) &&
           operating_replay(o->store, error) && store_group_commit(o->store, SLICE("group"), error);
    if (!good) {
        store_rollback(o->store);
        store_group_rollback(o->store);
    }
    return good;
}

static inline bool operation_note(struct operating *o, struct error *error)
{
    struct file_record note = operating_note(FILE_DUPLICATE);
    return store_note_file(o->store, &note, 14, error);
}

static inline bool operation_note_delivered(struct operating *o, struct error *error)
{
    return store_note_delivered(o->store, &(struct store_delivered){SLICE("sqlite:y.db"), 4, 5, 15}, error);
}

static inline bool operation_note_contract(struct operating *o, struct error *error)
{
    return store_note_contract(o->store, SLICE("a shape"), SLICE("a reading"), error);
}

static inline bool operation_mark_replaced(struct operating *o, struct error *error)
{
    return store_mark_replaced(o->store, SLICE("Orders"), 3, error);
}

static inline bool operation_replay(struct operating *o, struct error *error)
{
    return operating_replay(o->store, error);
}

static inline bool operation_check(struct operating *o, struct error *error)
{
    return store_check(o->store, error);
}

static inline bool operation_ask(struct operating *o, struct error *error)
{
    struct file_record file = operating_record("a.csv", 1);
    struct store_summary summary;
    struct digest digest;
    struct store_original original;
    struct store_dealt dealt;
    bool found;
    arena_reset(&o->texts);
    return store_adopted(o->store, store_progress(o->store), &found, error) &&
           store_find_duplicate(o->store, &file, false, &original, error) &&
           store_knows(o->store, &file, &found, error) && store_dealt_with(o->store, &file, false, &dealt, error) &&
           store_dealt_with(o->store, &file, true, &dealt, error) &&
           store_has_stored(o->store, file.stored, &found, error) && store_digest_at(o->store, 2, &digest, error) &&
           store_digest_at(o->store, 0, &digest, error) && store_summary(o->store, &summary, error) &&
           store_find_file(o->store, SLICE("a.csv"), &o->texts, &file, error);
}

/* The texts go nowhere: what is told must be read all the same. */
static inline bool operation_tell(struct operating *o, struct error *error)
{
    struct buf out;
    buf_init(&out, 65536);
    bool good = operating_tell(o->store, &out, error);
    buf_close(&out);
    return good;
}

static inline bool operation_backup(struct operating *o, struct error *error)
{
    struct store_backup made;
    return store_backup(o->store, testing_path(o->folder, "copy.db"), &made, error);
}

static inline bool operation_compact(struct operating *o, struct error *error)
{
    uint64_t before, after;
    return store_compact(o->store, &before, &after, error);
}

static inline bool operation_build(struct operating *o, struct error *error)
{
    struct digest fingerprint = testing_digest(7);
    bool good = store_open(&o->built, o->folder, "ecommerce", &fingerprint, STORE_BUILD, error);
    store_close(o->built);
    o->built = NULL;
    return good;
}

static inline bool operation_adopt(struct operating *o, struct error *error)
{
    return store_adopt(o->built, o->store, error);
}

static inline bool operation_swap(struct operating *o, struct error *error)
{
    bool good = store_swap(o->store, o->built, error);
    o->store = o->built = NULL;
    return good;
}

static const struct operation operations[] = {
    {.name = "open", .work = operation_open, .closed = true},
    {.name = "open to read", .work = operation_open_to_read, .closed = true},
    {.name = "make", .work = operation_open, .closed = true, .prepare = operating_remove_store},
    {.name = "close", .work = operation_close},
    {.name = "change", .work = operation_change},
    {.name = "rollback", .work = operation_rollback},
    {.name = "forget", .work = operation_forget},
    {.name = "retry", .work = operation_retry},
    {.name = "replace", .work = operation_replace},
    {.name = "close windows", .work = operation_close_windows},
    {.name = "group",
     .work = operation_group,
     .also = ERROR_IO}, /* what cannot be given up leaves nothing to write to */
    {.name = "note", .work = operation_note},
    {.name = "note delivered", .work = operation_note_delivered},
    {.name = "note contract", .work = operation_note_contract},
    {.name = "mark replaced", .work = operation_mark_replaced},
    {.name = "replay", .work = operation_replay},
    {.name = "check", .work = operation_check, .also = ERROR_CORRUPT},
    {.name = "ask", .work = operation_ask},
    {.name = "tell", .work = operation_tell},
    {.name = "backup", .work = operation_backup, .check = operating_check_backup, .undo = operating_remove_backup},
    {.name = "compact", .work = operation_compact},
    {.name = "build", .work = operation_build},
    {.name = "adopt", .work = operation_adopt, .prepare = operating_build},
    {.name = "swap", .work = operation_swap, .prepare = operating_build, .also = ERROR_LOCKED},
};

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* For a program that makes them fail; nothing of that needs a disk. */
static inline int operations_begin(void **state)
{
    (void)state;
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 0);
    failing_vfs_install();
    operating_begin();
    return 0;
}

static inline int operations_over(void **state)
{
    (void)state;
    operating_over();
    return 0;
}

/* --- one of them -------------------------------------------------------------------------------------------------- */

static inline void operating_prepare(struct operating *o, const struct operation *operation)
{
    struct error error = {0};
    *o = (struct operating){.store = NULL};
    testing_folder_make(o->folder);
    testing_copy(testing_path(operating_template, "ecommerce.db"), testing_path(o->folder, "ecommerce.db"));
    testing_copy(testing_path(operating_template, "ecommerce.db-wal"), testing_path(o->folder, "ecommerce.db-wal"));
    arena_init(&o->texts, 65536);
    o->batch = operating_batch(4);
    if (!operation->closed)
        assert_ok(operating_open(o, STORE_WRITE, &error), &error);
    if (operation->prepare)
        operation->prepare(o);
}

/* Closes what the operation left open. */
static inline void operating_end(struct operating *o)
{
    if (o->store)
        store_rollback(o->store);
    store_close(o->built);
    store_close(o->store);
    o->store = o->built = NULL;
}

/* All that the store holds, now that it is opened again; it must be sound. */
static inline struct buf operating_state(struct operating *o)
{
    struct error error = {0};
    struct buf out;
    buf_init(&out, 65536);
    assert_ok(operating_open(o, STORE_WRITE, &error), &error);
    assert_ok(operating_replay(o->store, &error), &error);
    assert_ok(store_check(o->store, &error), &error);
    assert_ok(operating_tell(o->store, &out, &error), &error);
    store_close(o->store);
    o->store = NULL;
    return out;
}

static inline void operating_remove(struct operating *o)
{
    batch_free(o->batch);
    arena_close(&o->texts);
    testing_folder_remove(o->folder);
}

/* What the store holds before the operation, and after it where nothing fails. */
static inline void operating_expect(const struct operation *operation, struct buf *before, struct buf *after)
{
    struct operating o;
    struct error error = {0};
    operating_prepare(&o, operation);
    operating_end(&o);
    *before = operating_state(&o);
    operating_remove(&o);
    operating_prepare(&o, operation);
    assert_ok(operation->work(&o, &error), &error);
    operating_end(&o);
    *after = operating_state(&o);
    operating_remove(&o);
}

/*
 * The rest of a run in which something failed, or not: the store holds what it held before or what it holds after,
 * which is the latter where the operation said that it succeeded. One that is not lost takes the operation again.
 */
static inline void operating_judge(struct operating *o, const struct operation *operation, bool good,
                                   const struct buf *before, const struct buf *after)
{
    struct error error = {0};
    if (operation->check)
        operation->check(o);
    if (operation->undo)
        operation->undo(o);
    if (!good && o->store && !operation->closed) {
        store_rollback(o->store);
        good = operation->work(o, &error);
        if (!good)
            assert_error(&error, ERROR_IO, "must be opened again");
    }
    operating_end(o);
    struct buf state = operating_state(o);
    bool is_after = slice_equal(buf_slice(&state), buf_slice(after));
    bool is_before = slice_equal(buf_slice(&state), buf_slice(before));
    if (!is_after && (good || !is_before))
        print_error("%s, %s:\n%.*sbefore:\n%.*safter:\n%.*s", operation->name, good ? "done" : "failed", (int)state.len,
                    state.data, (int)before->len, before->data, (int)after->len, after->data);
    assert_true(is_after || (!good && is_before));
    buf_close(&state);
    operating_remove(o);
}

#endif
