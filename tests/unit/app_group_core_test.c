/* Several changes of the core in one commit: each is one of its own, and they are durable together or not at all. */
#include "app_grouping.h"

enum {
    CUSTOMERS_OF_A_BIG_FILE = 200000,
    CHANGES_REPLACED = 900,
    ROOM_OF_A_SMALL_FILE = 5 * 512 * 1024, /* and not of marks for so many changes, but */
    ROOM_OF_MARKS = 6 * 1024 * 1024        /* is: they lie together in the pages of the ledger */
};

static void a_commit_that_fails_takes_all_of_them_back(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, 1, 1));
    assert_ok(core_group_begin(&f->core, &f->error), &f->error);
    assert_true(apply(f, 2, 1));
    assert_true(apply(f, 3, 1));
    assert_int_equal(records(f), 3);
    const struct failing_fault fault = {.call = FAILING_SYNC, .result = SQLITE_IOERR_FSYNC, .nth = 1};
    failing_vfs_arm(&fault);
    assert_false(core_group_end(&f->core, &f->error));
    assert_true(failing_vfs_disarm());
    assert_error(&f->error, ERROR_IO, "must be opened again");
    assert_false(f->core.grouped);
    assert_int_equal(store_progress(f->core.store)->sequence, 1);
    assert_int_equal(records(f), 1);
}

/* The pages of a store this small would stay in SQLite's memory to the end. */
static void forget_pages(bool forgets)
{
    (void)sqlite3_soft_heap_limit64(forgets);
}

/* Wherever it is: what the message says is what happened, and nothing of the group did. */
static void an_error_of_the_disk_amid_them_is_told_as_one(void **state)
{
    struct fixture *f = *state;
    static const struct failing_fault faults[] = {{.call = FAILING_READ, .result = SQLITE_IOERR_READ},
                                                  {.call = FAILING_WRITE, .result = SQLITE_IOERR_WRITE}};
    unsigned hits = 0;
    assert_true(apply(f, 1, 1));
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct failing_fault fault = faults[i];
        for (bool hit = true; hit; hits += hit) {
            fault.nth++;
            core_close(&f->core);
            open_core(f);
            forget_pages(true);
            uint64_t before = store_progress(f->core.store)->sequence, customers = records(f);
            assert_ok(core_group_begin(&f->core, &f->error), &f->error);
            assert_true(apply(f, (unsigned)customers + 1, 1));
            failing_vfs_arm(&fault);
            bool good = apply(f, (unsigned)customers + 2, 1);
            hit = failing_vfs_disarm();
            if (!good)
                assert_int_equal(f->error.kind, ERROR_IO);
            bool ended = core_group_end(&f->core, &f->error);
            forget_pages(false);
            assert_int_equal(ended, good);
            if (!ended)
                is_one_history(f, before, customers);
        }
    }
    assert_true(hits > 4);
}

/* Whichever step of the second of three it is that finds no room. */
static void one_without_room_is_undone_alone(void **state)
{
    struct fixture *f = *state;
    uint64_t changes = 0, customers = 0;
    unsigned first = 1, refused = 0, applied = 0;
    for (rlim_t room = 0; room < 12 * 1024 * 1024; room += 640 * 1024) {
        assert_ok(core_group_begin(&f->core, &f->error), &f->error);
        assert_true(apply(f, first, 1));
        write_customers(f, first + 1, CUSTOMERS_OF_A_BIG_FILE);
        grouping_limit_log(f, room);
        bool good = apply_read(f);
        grouping_limit_files(RLIM_INFINITY);
        if (!good)
            assert_int_equal(f->error.kind, ERROR_FULL);
        assert_true(apply(f, first + 1 + CUSTOMERS_OF_A_BIG_FILE, 1));
        assert_ok(core_group_end(&f->core, &f->error), &f->error);
        changes += good ? 3 : 2;
        customers += good ? CUSTOMERS_OF_A_BIG_FILE + 2 : 2;
        first += CUSTOMERS_OF_A_BIG_FILE + 2;
        good ? applied++ : refused++;
        is_one_history(f, changes, customers);
        if (applied > 1)
            break;
    }
    assert_true(refused > 2 && applied > 1);
}

static bool apply_in_room(struct fixture *f, size_t room, unsigned first, unsigned count)
{
    write_customers(f, first, count);
    grouping_limit_log(f, room);
    bool good = apply_read(f);
    grouping_limit_files(RLIM_INFINITY);
    return good;
}

/* A change each. */
static void apply_many(struct fixture *f)
{
    assert_ok(core_group_begin(&f->core, &f->error), &f->error);
    for (unsigned i = 1; i <= CHANGES_REPLACED; i++)
        assert_true(apply(f, i, 1));
    assert_ok(core_group_end(&f->core, &f->error), &f->error);
}

/* Dropped again, it is no redelivery then. */
static bool is_replaced(struct fixture *f, uint64_t sequence)
{
    char which[32];
    struct arena texts;
    struct file_record file;
    arena_init(&texts, STORE_TEXTS_MAX);
    snprintf(which, sizeof which, "seq=%llu", (unsigned long long)sequence);
    assert_ok(store_find_file(f->core.store, slice_of(which), &texts, &file, &f->error), &f->error);
    arena_close(&texts);
    return file.replaced;
}

static void one_without_room_for_its_marks_is_undone_alone(void **state)
{
    struct fixture *f = *state;
    apply_many(f);
    assert_ok(core_group_begin(&f->core, &f->error), &f->error);
    assert_true(apply(f, CHANGES_REPLACED + 1, 1));
    assert_false(apply_in_room(f, ROOM_OF_A_SMALL_FILE, 1, CHANGES_REPLACED));
    assert_error(&f->error, ERROR_FULL, "cannot make room");
    bool good = apply_in_room(f, ROOM_OF_A_SMALL_FILE, CHANGES_REPLACED + 2, 1);
    assert_ok(good, &f->error);
    good = apply_in_room(f, ROOM_OF_MARKS, 1, CHANGES_REPLACED);
    assert_ok(good, &f->error);
    assert_ok(core_group_end(&f->core, &f->error), &f->error);
    is_one_history(f, CHANGES_REPLACED + 3, CHANGES_REPLACED + 2);
    for (unsigned i = 1; i <= CHANGES_REPLACED; i++)
        assert_true(is_replaced(f, i));
    assert_false(is_replaced(f, CHANGES_REPLACED + 1));
}

/* Of more than a few the store has them as they are read, and the engine from there. */
static void apply_batches(struct fixture *f, unsigned first, unsigned count)
{
    struct file_facts facts = {.rows = 0};
    struct core_result result;
    const struct core_file file = {.name = "c.json", .facts = &facts};
    core_file_begin(&f->core, f->landing.index);
    for (unsigned i = 0; i < count; i++) {
        arena_close(&facts.arena);
        write_customers(f, first + i, 1);
        read_customers(f, put, f, &facts);
    }
    assert_int_equal(f->core.spilled, count > CORE_KEPT_MAX);
    facts.rows = count;
    assert_ok(core_file_end(&f->core, &file, 1, &result, &f->error), &f->error);
    arena_close(&facts.arena);
}

static void a_file_of_several_batches_is_kept_whole_and_marks_what_it_replaces(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 4; i++)
        assert_true(apply(f, i, 1));
    apply_batches(f, 4, 2);
    assert_true(is_replaced(f, 4));
    is_one_history(f, 5, 5);
    apply_batches(f, 2, CORE_KEPT_MAX + 1);
    assert_false(is_replaced(f, 1));
    assert_true(is_replaced(f, 2) && is_replaced(f, 3));
    is_one_history(f, 6, CORE_KEPT_MAX + 2);
}

/* What the file before it replaced takes no room of it. */
static void a_file_needs_room_for_what_it_writes_itself(void **state)
{
    struct fixture *f = *state;
    apply_many(f);
    assert_true(apply(f, 1, CHANGES_REPLACED));
    bool good = apply_in_room(f, ROOM_OF_A_SMALL_FILE, CHANGES_REPLACED + 1, 1);
    assert_ok(good, &f->error);
    is_one_history(f, CHANGES_REPLACED + 2, CHANGES_REPLACED + 1);
}

/* Not even by an engine that has some of what it should, now that there is memory again. */
static void takes_nothing(struct fixture *f)
{
    struct arena texts;
    struct file_record file;
    f->core.memory_limit = 0;
    f->error = (struct error){0};
    assert_false(apply(f, CHANGES_REPLACED + 2, 1));
    assert_error(&f->error, ERROR_CORRUPT, "after a failed commit");
    f->error = (struct error){0};
    arena_init(&texts, STORE_TEXTS_MAX);
    assert_false(core_forget(&f->core, SLICE("seq=1"), 1, &texts, &file, &f->error));
    assert_error(&f->error, ERROR_CORRUPT, "after a failed commit");
    arena_close(&texts);
}

/* There is no memory for the history without it. */
static void one_that_leaves_no_engine_takes_all_of_them_back(void **state)
{
    struct fixture *f = *state;
    apply_many(f);
    assert_ok(core_group_begin(&f->core, &f->error), &f->error);
    assert_true(apply(f, CHANGES_REPLACED + 1, 1));
    f->core.memory_limit = 1;
    assert_false(apply_in_room(f, ROOM_OF_A_SMALL_FILE, 1, CHANGES_REPLACED));
    assert_error(&f->error, ERROR_CORRUPT, "after a failed commit");
    f->error = (struct error){0};
    assert_false(core_group_end(&f->core, &f->error));
    assert_error(&f->error, ERROR_CORRUPT, "after a failed commit");
    takes_nothing(f);
    core_close(&f->core);
    open_core(f);
    is_one_history(f, CHANGES_REPLACED, CHANGES_REPLACED);
}

/* It may hold what the store refused, in part. */
static void an_engine_that_is_not_built_anew_delivers_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct delivery delivery = {.full = true};
    assert_true(apply(f, 1, 1));
    assert_ok(engine_delivery_start(f->core.engine, 0, true, &delivery, &f->error), &f->error);
    f->core.delivering = true;
    f->pipeline->fingerprint.bytes[0] ^= 1;
    assert_false(core_replay(&f->core, &(struct core_history){0}, &f->error));
    assert_error(&f->error, ERROR_CONFIG, "`dropfold replay`");
    assert_false(f->core.delivering);
}

/* As an engine would that sorted rows otherwise than the one that committed them. */
static void a_history_that_comes_to_other_rows_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, 1, 1));
    assert_true(apply(f, 1, 2));
    f->pipeline->feeds[f->landing.index].key_count = 0;
    assert_false(core_replay(&f->core, &(struct core_history){0}, &f->error));
    assert_error(&f->error, ERROR_CORRUPT, "change 2 does not replay to the rows its ledger counts");
}

static void what_is_not_committed_is_gone_with_the_process(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, 1, 1));
    assert_ok(core_group_begin(&f->core, &f->error), &f->error);
    assert_true(apply(f, 2, 1));
    core_close(&f->core);
    open_core(f);
    is_one_history(f, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commit_that_fails_takes_all_of_them_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_of_the_disk_amid_them_is_told_as_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_without_room_is_undone_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_without_room_for_its_marks_is_undone_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_several_batches_is_kept_whole_and_marks_what_it_replaces, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_needs_room_for_what_it_writes_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_leaves_no_engine_takes_all_of_them_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_engine_that_is_not_built_anew_delivers_nothing_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_history_that_comes_to_other_rows_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_committed_is_gone_with_the_process, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
