#include "moved_clock.h"
#include "target_owner_cases.h"
#include "target_prepare_cases.h"

#include <sqlite3.h>
#include <sys/stat.h>

static char folder[TESTING_PATH_MAX];
static char address[TESTING_PATH_MAX + 32];
static char output[64 * 1024];

static sqlite3 *open_other(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(address + strlen("sqlite:"), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

static const char *query(const char *sql)
{
    sqlite3 *db = open_other();
    sqlite3_stmt *statement = NULL;
    size_t len = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    assert_non_null(statement);
    output[0] = '\0';
    while (sqlite3_step(statement) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);
            len += (size_t)snprintf(output + len, sizeof output - len, "%s%s", i > 0 ? "|" : "", text ? text : "-");
            if (i + 1 == sqlite3_column_count(statement))
                len += (size_t)snprintf(output + len, sizeof output - len, "\n");
        }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return output;
}

static void clean(void)
{
    char path[TESTING_PATH_MAX + 64];
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        snprintf(path, sizeof path, "%s%s", address + strlen("sqlite:"), ends[i]);
        remove(path);
    }
}

static void makes_the_folder_that_it_may_but_not_its_parents(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"a/b", "cannot make the folder /"}, {"other", "there is no folder /"}};
    struct support_pipeline p;
    struct subject s;
    char path[TESTING_PATH_MAX + 32];
    struct target_options options = {.address = path, .folder = true};
    support_pipeline_init(&p);
    snprintf(path, sizeof path, "sqlite:%s/new/db", folder);
    subject_init_as(&s, &p.pipeline, &options);
    assert_works(subject_open(&s));
    subject_close(&s);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        snprintf(path, sizeof path, "sqlite:%s/%s/db", folder, wrong[i][0]);
        options.folder = i == 0;
        options.look = false;
        subject_init_as(&s, &p.pipeline, &options);
        assert_fails(subject_open(&s), ERROR_REFUSED, wrong[i][1]);
        subject_close(&s);
        options.look = true;
        subject_init_as(&s, &p.pipeline, &options);
        if (options.folder)
            assert_works(subject_open(&s));
        else
            assert_fails(subject_open(&s), ERROR_REFUSED, wrong[i][1]);
        subject_close(&s);
        snprintf(path, sizeof path, "%s/%s", folder, wrong[i][0]);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void takes_a_file_of_the_working_folder(void **state)
{
    (void)state;
    struct support_pipeline p;
    struct subject s;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    support_pipeline_init(&p);
    subject_init(&s, &p.pipeline, "sqlite:here.db", 0);
    assert_works(subject_open(&s));
    subject_close(&s);
    assert_int_equal(access("here.db", F_OK), 0);
    assert_int_equal(chdir(before), 0);
}

/* As root nothing is forbidden; what is no folder holds no file for anybody. */
static void names_the_path_that_stands_in_the_way(void **state)
{
    (void)state;
    struct place place;
    struct subject s;
    char path[TESTING_PATH_MAX + 64];
    ground.clean();
    support_pipeline_init(&place.pipeline);
    query("CREATE TABLE other (x)"); /* makes the file */
    for (int look = 0; look < 2; look++) {
        snprintf(path, sizeof path, "%s/db", address);
        const struct target_options options = {.address = path, .look = look};
        subject_init_as(&s, &place.pipeline.pipeline, &options);
        assert_fails(subject_open(&s), ERROR_REFUSED, look ? "cannot look at it: Not a directory" : "cannot read /");
        assert_error(&s.answer.error, ERROR_REFUSED, ": Not a directory");
        subject_close(&s);
    }
    snprintf(path, sizeof path, "sqlite:%s", folder);
    subject_init(&s, &place.pipeline.pipeline, path, 0);
    assert_fails(subject_open(&s), ERROR_REFUSED, " is not a regular file");
    subject_close(&s);
}

static void refuses_a_device_and_a_pipe_by_name(void **state)
{
    (void)state;
    struct place place;
    struct subject s;
    char path[TESTING_PATH_MAX + 64], pipe[TESTING_PATH_MAX + 32];
    support_pipeline_init(&place.pipeline);
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "sqlite:%s", i < 2 ? "/dev/null" : pipe);
        const struct target_options options = {.address = path, .look = i % 2 == 1};
        subject_init_as(&s, &place.pipeline.pipeline, &options);
        assert_fails(subject_open(&s), ERROR_REFUSED, " is not a regular file");
        subject_close(&s);
    }
    assert_int_equal(unlink(pipe), 0);
}

static void wants_a_path(void **state)
{
    (void)state;
    struct error error;
    struct target *target;
    struct support_pipeline p;
    support_pipeline_init(&p);
    assert_false(target_new(&target, NULL, &p.pipeline, &(struct target_options){.address = "sqlite:"}, &error));
    assert_error(&error, ERROR_USAGE, "sqlite:PATH");
    assert_false(
        target_new(&target, NULL, &p.pipeline, &(struct target_options){.address = "sqlite::memory:"}, &error));
    assert_error(&error, ERROR_USAGE, "names no file");
}

static void names_itself_by_its_address(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_string_equal(target_name(s->target), address);
    subject_close(s);
}

static void refuses_what_is_no_database(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    FILE *file = fopen(address + strlen("sqlite:"), "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        fputs("Customer_ID,Total\n", file);
    fclose(file);
    assert_fails(subject_open(s), ERROR_REFUSED, "not a database");
    subject_close(s);
}

static void refuses_a_checkpoint_store_and_leaves_it_alone(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    query("PRAGMA application_id = 1685221232"); /* as file(1) knows a store */
    query("CREATE TABLE chunks (bytes BLOB)");
    assert_fails(subject_open(s), ERROR_REFUSED, "is a checkpoint store");
    subject_close(s);
    s = place_look_to(&place, false);
    assert_fails(subject_open(s), ERROR_REFUSED, "is a checkpoint store");
    subject_close(s);
    assert_query("SELECT group_concat(name) FROM sqlite_master", "chunks\n");
}

static void waits_for_another_writer_only_so_long(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place), brief;
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 1, "kept");
    subject_close(s);
    subject_init(&brief, &place.pipeline.pipeline, address, 0);
    assert_works(subject_open(&brief));
    sqlite3 *other = open_other();
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    subject_prepare(&brief, 2, false);
    moved_clock_begin(1000 * 1000); /* and the deadline, of 30 s, is soon there */
    assert_fails(subject_begin(&brief), ERROR_TARGET, "database is locked");
    (void)moved_clock_end();
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_works(subject_open(&brief));
    subject_prepare(&brief, 2, false);
    assert_works(subject_begin(&brief));
    assert_works(subject_commit(&brief));
    subject_close(&brief);
}

/* How often a lock is looked at that is never given up, when each look at the clock finds it so much later. */
static unsigned long looks_at_a_lock(int64_t step)
{
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    sqlite3 *other = open_other();
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    subject_prepare(s, 1, true);
    moved_clock_begin(step);
    assert_fails(subject_begin(s), ERROR_TARGET, "database is locked");
    unsigned long looks = moved_clock_end();
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    subject_close(s);
    return looks;
}

/* Half of the deadline of 30 s: before the loop tells that, which counts in another thread. */
static void waits_for_another_writer_by_its_pauses_and_by_the_clock(void **state)
{
    (void)state;
    assert_true(looks_at_a_lock(0) > 15 / 5 + 1);
    assert_int_equal(looks_at_a_lock(5 * 1000 * 1000), 15 / 5 + 1);
}

static void stops_waiting_for_another_writer_when_closed(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    sqlite3 *other = open_other();
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    subject_prepare(s, 1, true);
    target_begin(s->target, &s->delivery, support_answered, &s->answer);
    subject_close(s); /* a deadline is 30 s, a test waits 10 s */
    assert_error(&s->answer.error, ERROR_TARGET, "called off");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* A reader in the middle of its transaction sees what was there and holds nobody up. */
static void does_not_disturb_readers(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "old");
    sqlite3 *reader = open_other();
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM kinds", NULL, NULL, NULL), SQLITE_OK);
    subject_deliver(s, 2, true, 1, 5, "new");
    sqlite3_stmt *count;
    assert_int_equal(sqlite3_prepare_v2(reader, "SELECT count(*) FROM kinds", -1, &count, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(count, 0), 3);
    sqlite3_finalize(count);
    sqlite3_close(reader);
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "5\n");
}

static uv_sem_t gate;

static void wait_at_gate(uv_work_t *work)
{
    (void)work;
    uv_sem_wait(&gate);
}

static void after_gate(uv_work_t *work, int status)
{
    (void)work, (void)status;
}

/* All workers stand at a gate, as they would on a disk that does not answer. */
static void answers_by_its_deadline(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place), brief;
    uv_work_t work[64];
    assert_works(subject_open(s));
    subject_close(s);
    subject_init(&brief, &place.pipeline.pipeline, address, 100 * 1000);
    assert_int_equal(uv_sem_init(&gate, 0), 0);
    for (size_t i = 0; i < COUNT_OF(work); i++)
        assert_int_equal(uv_queue_work(&brief.loop, &work[i], wait_at_gate, after_gate), 0);
    assert_fails(subject_open(&brief), ERROR_TARGET, "no answer within 0.1 s");
    for (size_t i = 0; i < COUNT_OF(work); i++)
        uv_sem_post(&gate);
    uv_run(&brief.loop, UV_RUN_DEFAULT); /* until nothing is left of the late connection either */
    subject_close(&brief);
    uv_sem_destroy(&gate);
}

static int set_up(void **state)
{
    (void)state;
    testing_folder_make(folder);
    snprintf(address, sizeof address, "sqlite:%s/test.db", folder);
    ground = (struct ground){.address = address, .postgresql = false, .query = query, .clean = clean};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testing_folder_remove(folder);
    return 0;
}

/* Of two keys that are one to a collation of somebody's the second would take the place of the first without a word. */
static void refuses_keys_that_a_collation_takes_for_equal(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    query("DROP TABLE sales");
    query("CREATE TABLE sales (total TEXT, customer_id INTEGER NOT NULL,"
          " currency TEXT NOT NULL COLLATE NOCASE, window_start TEXT NOT NULL, orders INTEGER NOT NULL, highest REAL,"
          " PRIMARY KEY (customer_id, currency, window_start)) WITHOUT ROWID");
    target_abort(s->target);
    assert_works(subject_open(s));
    begin_two_sales(s);
    assert_works(subject_write(s, sales_block("ngn")));
    assert_fails(subject_write(s, sales_block("NGN")), ERROR_REFUSED, "UNIQUE constraint failed");
    assert_works(subject_open(s));
    miss_a_key_that_takes_the_place_of_another(s);
    subject_close(s);
}

/* The row with the same value elsewhere would go, and SQLite counts it nowhere. */
static void takes_no_other_row_out_for_a_table_that_says_so(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    query("DROP TABLE kinds");
    query(
        "CREATE TABLE kinds (id INTEGER NOT NULL PRIMARY KEY, big INTEGER, r REAL, d REAL, cents TEXT, whole TEXT,"
        " fine TEXT, t TEXT UNIQUE ON CONFLICT REPLACE, b INTEGER, day TEXT, at TEXT, atz TEXT, \"Mixed Case\" TEXT)");
    subject_deliver(s, 1, true, 1, 1, "same");
    subject_prepare(s, 2, false);
    s->delivery.upserts[KINDS] = 1;
    s->delivery.to.rows[KINDS] = 2;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, support_kinds_block(2, 1, "same")), ERROR_REFUSED,
                 "UNIQUE constraint failed: kinds.t");
    subject_close(s);
    assert_query("SELECT id FROM kinds", "1\n");
}

/* A float that is no short decimal is one when it is read as a double: 0.1 and not 0.100000001490116. */
static void keeps_reals_as_their_shortest_decimals(void **state)
{
    (void)state;
    static const float reals[] = {0.1F, 1e-22F, 16777216.0F, -1234.567F};
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_prepare(s, 1, true);
    s->delivery.upserts[KINDS] = s->delivery.to.rows[KINDS] = COUNT_OF(reals);
    assert_works(subject_begin(s));
    struct block *block = support_block(KINDS, false, COUNT_OF(reals), KINDS_COLUMNS);
    for (size_t i = 0; i < COUNT_OF(reals); i++) {
        block->cells[i * KINDS_COLUMNS] = CELL_OF_INT((int64_t)i);
        block->cells[i * KINDS_COLUMNS + 2] = CELL_OF_FLOAT((double)reals[i]);
    }
    assert_works(subject_write(s, block));
    assert_works(subject_commit(s));
    subject_close(s);
    if (!testing_under_valgrind()) /* SQLite reads the numbers by way of a long double */
        assert_query("SELECT id FROM kinds WHERE r IN (0.1, 1e-22, 16777216, -1234.567) ORDER BY id", "0\n1\n2\n3\n");
}

static void knows_whose_a_table_is_in_letters_of_either_case(void **state)
{
    (void)state;
    struct place place, rival;
    struct subject *s = place_init(&place), *r = rival_init(&rival, "rival");
    place.pipeline.tables[KINDS].name = "a to z";
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "x");
    rival.pipeline.tables[KINDS].name = "A TO Z";
    assert_works(subject_open(r));
    const char *by;
    assert_string_equal(target_taken(r->target, &by), "A TO Z");
    subject_close(r);
    subject_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_CASES,
        TARGET_SHAPE_CASES,
        TARGET_COMPARE_CASES,
        TARGET_SHARED_CASES,
        TARGET_OWNER_CASES,
        TARGET_TAKEN_CASES,
        TARGET_PREPARE_CASES,
        cmocka_unit_test(makes_the_folder_that_it_may_but_not_its_parents),
        cmocka_unit_test(names_the_path_that_stands_in_the_way),
        cmocka_unit_test(refuses_a_device_and_a_pipe_by_name),
        cmocka_unit_test(wants_a_path),
        cmocka_unit_test(names_itself_by_its_address),
        cmocka_unit_test(refuses_what_is_no_database),
        cmocka_unit_test(refuses_a_checkpoint_store_and_leaves_it_alone),
        cmocka_unit_test(waits_for_another_writer_only_so_long),
        cmocka_unit_test(waits_for_another_writer_by_its_pauses_and_by_the_clock),
        cmocka_unit_test(stops_waiting_for_another_writer_when_closed),
        cmocka_unit_test(refuses_keys_that_a_collation_takes_for_equal),
        cmocka_unit_test(takes_no_other_row_out_for_a_table_that_says_so),
        cmocka_unit_test(knows_whose_a_table_is_in_letters_of_either_case),
        cmocka_unit_test(keeps_reals_as_their_shortest_decimals),
        cmocka_unit_test(takes_a_file_of_the_working_folder),
        cmocka_unit_test(does_not_disturb_readers),
        cmocka_unit_test(answers_by_its_deadline),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
