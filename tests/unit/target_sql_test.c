#include "target_support.h"

#include "target/pg_copy.h"
#include "target/pg_error.h"
#include "target/target_internal.h"
#include "target/target_sql.h"

static struct support_pipeline p;

/* Starts `text` afresh and returns what a call wrote, as a C string. */
static const char *ended(struct buf *text)
{
    buf_put_byte(text, '\0');
    assert_false(text->failed);
    return text->data;
}

#define assert_writes(call, wanted)                                                                                    \
    do {                                                                                                               \
        struct buf out;                                                                                                \
        buf_init(&out, TARGET_SQL_MAX);                                                                                \
        call;                                                                                                          \
        assert_string_equal(ended(&out), (wanted));                                                                    \
        buf_close(&out);                                                                                               \
    } while (0)

static void quotes_names_and_literals(void **state)
{
    (void)state;
    assert_writes(target_sql_name(&out, "FROM ", "plain"), "FROM \"plain\"");
    assert_writes(target_sql_name(&out, "", "a\"b\"\"c"), "\"a\"\"b\"\"\"\"c\"");
    assert_writes(target_sql_name(&out, "", "it's \\"), "\"it's \\\"");
    assert_writes(target_sql_literal(&out, "it's"), "'it''s'");
    assert_writes(target_sql_literal(&out, "a\\' b"), " E'a\\\\'' b'");
    assert_writes(target_sql_literal(&out, ""), "''");
}

static void lists_columns_and_keys(void **state)
{
    (void)state;
    assert_writes(target_sql_columns(&out, &p.tables[STRANGE]), "\"key\"\"; --\", \"select\", \"$1 '\\ %s\"");
    assert_writes(target_sql_key(&out, &p.tables[SALES]), "\"customer_id\", \"currency\", \"window_start\"");
}

static void writes_tables_in_both_dialects(void **state)
{
    (void)state;
    assert_writes(target_sql_create(&out, &p.pipeline, 1 + SALES, TARGET_POSTGRESQL),
                  "CREATE TABLE \"sales\" (\"total\" numeric, \"customer_id\" integer NOT NULL,"
                  " \"currency\" text NOT NULL, \"window_start\" timestamp with time zone NOT NULL,"
                  " \"orders\" bigint NOT NULL, \"highest\" real,"
                  " PRIMARY KEY (\"customer_id\", \"currency\", \"window_start\")) WITH (fillfactor = 50);\n");
    assert_writes(target_sql_create(&out, &p.pipeline, 1 + SALES, TARGET_SQLITE),
                  "CREATE TABLE \"sales\" (\"total\" TEXT, \"customer_id\" INTEGER NOT NULL,"
                  " \"currency\" TEXT NOT NULL, \"window_start\" TEXT NOT NULL,"
                  " \"orders\" INTEGER NOT NULL, \"highest\" REAL,"
                  " PRIMARY KEY (\"customer_id\", \"currency\", \"window_start\")) WITHOUT ROWID;\n");
}

static void divides_exactly_only_where_it_can(void **state)
{
    (void)state;
    struct support_pipeline q;
    support_pipeline_init(&q);
    q.lifetime[1].column = 5; /* a real */
    size_t relation = 1 + TABLE_COUNT + 1;
    struct buf out;
    buf_init(&out, TARGET_SQL_MAX);
    target_sql_create(&out, &p.pipeline, relation, TARGET_POSTGRESQL);
    assert_non_null(
        strstr(ended(&out), "CAST(sum(\"total\") AS numeric) / nullif(CAST(sum(\"orders\") AS numeric), 0)"));
    buf_reset(&out);
    target_sql_create(&out, &q.pipeline, relation, TARGET_POSTGRESQL);
    assert_non_null(
        strstr(ended(&out), "CAST(sum(CAST(\"highest\" AS double precision)) AS double precision) / nullif("));
    assert_non_null(strstr(ended(&out), "CAST(sum(CAST(\"highest\" AS double precision)) AS real) AS \"total\""));
    buf_reset(&out);
    target_sql_create(&out, &p.pipeline, relation, TARGET_SQLITE);
    assert_non_null(strstr(ended(&out), "round(sum(CAST(\"total\" AS REAL)), 2) AS \"total\""));
    buf_close(&out);
}

/* --- progress ----------------------------------------------------------------------------------------------------- */

#define SOME_DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static bool reads(const char *epoch, const char *sequence, const char *digest, const char *rows, struct progress *out)
{
    struct error error = {.kind = ERROR_NONE};
    const struct target_sql_progress row = {epoch, sequence, digest, rows};
    bool ok = target_sql_read_progress(&row, out, &error);
    assert_int_equal(error.kind, ok ? ERROR_NONE : ERROR_REFUSED);
    return ok;
}

static void reads_progress_rows_and_nothing_else(void **state)
{
    (void)state;
    struct progress progress;
    const char *epoch = "11111111-2222-4333-8444-555555555555";
    assert_true(
        reads(epoch, "18446744073709551615", SOME_DIGEST, "{1,22,4611686018427387903,4611686018427387904}", &progress));
    assert_true(progress.present);
    assert_string_equal(progress.epoch, epoch);
    assert_true(progress.sequence == UINT64_MAX);
    assert_int_equal(progress.digest.bytes[1], 0x11);
    assert_int_equal(progress.rows[1], 22);
    assert_true(progress.rows[2] == TARGET_OWNER_LEAST - 1);
    assert_int_equal(progress.rows[3], 0);
    assert_true(reads(epoch, "0", SOME_DIGEST, "{}", &progress));
    static const char *const bad_rows[] = {
        "", "{", "1,2", "{1", "{1,}", "{1,x}", "{-1}", "{1}x", "{1,NULL}", "{1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1}"};
    for (size_t i = 0; i < COUNT_OF(bad_rows); i++)
        assert_false(reads(epoch, "1", SOME_DIGEST, bad_rows[i], &progress));
    assert_false(reads(epoch, "-1", SOME_DIGEST, "{}", &progress));
    assert_false(reads(epoch, "1x", SOME_DIGEST, "{}", &progress));
    assert_false(reads(epoch, "", SOME_DIGEST, "{}", &progress));
    assert_false(reads(epoch, "1", "0011", "{}", &progress));
    assert_false(reads("11111111-2222-4333-8444-5555555555555", "1", SOME_DIGEST, "{}", &progress));
}

static void writes_row_counts_as_an_array(void **state)
{
    (void)state;
    static const uint64_t rows[] = {0, 7, 9, TARGET_OWNER_LEAST - 1};
    struct pipeline pipeline = {.table_count = 1, .ledger_count = 2};
    struct target_owner owner = {.marks = {TARGET_OWNER_LEAST + 1}};
    assert_writes(target_sql_put_rows(&out, &pipeline, rows, &owner), "{0,7,9,4611686018427387903}");
    owner.marked = true;
    assert_writes(target_sql_put_rows(&out, &pipeline, rows, &owner),
                  "{0,7,9,4611686018427387903,4611686018427387905}");
    pipeline.table_count = pipeline.ledger_count = 0;
    assert_writes(target_sql_put_rows(&out, &pipeline, rows, &owner), "{}");
}

static void tells_in_what_a_target_is_another(void **state)
{
    (void)state;
    struct error error;
    struct progress a = support_progress(3, 1), b = a, none = {.present = false};
    b.rows[0] = 99;
    assert_false(target_diverged(&b, &a, &error));
    assert_error(&error, ERROR_DIVERGED, "with other numbers of rows, not sequence 3 of epoch 1");
    b.digest.bytes[31] ^= 1;
    assert_false(target_diverged(&b, &a, &error));
    assert_error(&error, ERROR_DIVERGED, "with another digest");
    assert_false(target_diverged(&none, &a, &error));
    assert_error(&error, ERROR_DIVERGED, "holds no progress, not sequence 3");
}

/* --- shapes ------------------------------------------------------------------------------------------------------- */

static void finds_no_difference_in_what_it_wants(void **state)
{
    (void)state;
    struct error error;
    size_t count = target_shape_relations(&p.pipeline);
    struct target_shape *shapes = calloc(count, sizeof *shapes);
    assert_non_null(shapes);
    for (int dialect = TARGET_POSTGRESQL; dialect <= TARGET_SQLITE; dialect++) {
        for (size_t i = 0; i < count; i++)
            target_shape_wanted(&p.pipeline, i, (enum target_dialect)dialect, &shapes[i]);
        assert_ok(target_shape_check(&p.pipeline, (enum target_dialect)dialect, shapes, &error), &error);
    }
    free(shapes);
}

static void counts_columns_beyond_its_room(void **state)
{
    (void)state;
    struct error error;
    size_t count = target_shape_relations(&p.pipeline);
    struct target_shape *shapes = calloc(count, sizeof *shapes);
    assert_non_null(shapes);
    target_shape_wanted(&p.pipeline, 1 + STRANGE, TARGET_POSTGRESQL, &shapes[1 + STRANGE]);
    for (int i = 0; i < TARGET_SHAPE_COLUMNS_MAX; i++)
        target_shape_add(&shapes[1 + STRANGE], "x", "text", false, false);
    assert_int_equal(shapes[1 + STRANGE].count, TARGET_SHAPE_COLUMNS_MAX + STRANGE_COLUMNS);
    assert_false(target_shape_check(&p.pipeline, TARGET_POSTGRESQL, shapes, &error));
    assert_error(&error, ERROR_REFUSED, "\"x\" is not ours");
    free(shapes);
}

/* --- binary values ------------------------------------------------------------------------------------------------ */

/* A row of one numeric behind the header and the count of columns, as base 10000 digits. */
static void assert_numeric(wide value, uint8_t scale, const char *wanted)
{
    struct column column = support_column("n", SQL_NUMERIC, false, scale);
    struct table table = {.name = "t", .columns = &column, .column_count = 1};
    struct block *block = support_block(0, false, 1, 1);
    struct error error;
    struct buf out;
    char text[256];
    block->cells[0] = CELL_OF_NUMERIC(value);
    buf_init(&out, 4096);
    size_t row = 0;
    assert_ok(pg_copy_rows(&out, &table, block, &row, 4096, &error), &error);
    assert_int_equal(row, PG_COPY_ENDED);
    const uint8_t *at = (const uint8_t *)out.data + 19 + 2 + 4;
    int len = snprintf(text, sizeof text, "%d:%s%d:", (int16_t)(at[2] << 8 | at[3]), at[4] == 0x40 ? "-" : "",
                       at[6] << 8 | at[7]);
    for (int i = 0; i < (at[0] << 8 | at[1]); i++)
        len += snprintf(text + len, sizeof text - (size_t)len, " %d", at[8 + 2 * i] << 8 | at[9 + 2 * i]);
    assert_string_equal(text, wanted);
    buf_close(&out);
    block_free(block);
}

/* Whatever the size of the pieces, which are cut between rows. */
static void pieces_of_a_block_are_the_whole(void **state)
{
    (void)state;
    enum { ROWS = 50, ROW_BYTES = 2 + 4 + 8, HEAD_BYTES = 19 };
    struct column column = support_column("n", SQL_BIGINT, false, 0);
    struct table table = {.name = "t", .columns = &column, .column_count = 1};
    struct block *block = support_block(0, false, ROWS, 1);
    struct error error;
    struct buf whole, piece, joined;
    size_t row = 0;
    for (size_t i = 0; i < ROWS; i++)
        block->cells[i] = CELL_OF_INT((int64_t)i * 1000);
    buf_init(&whole, 4096);
    buf_init(&piece, 4096);
    buf_init(&joined, 4096);
    assert_ok(pg_copy_rows(&whole, &table, block, &row, 4096, &error), &error);
    assert_int_equal(whole.len, HEAD_BYTES + ROWS * ROW_BYTES + 2);
    for (size_t enough = 1; enough < 400; enough += 37) {
        buf_reset(&joined);
        for (row = 0; row != PG_COPY_ENDED;) {
            buf_reset(&piece);
            assert_ok(pg_copy_rows(&piece, &table, block, &row, enough, &error), &error);
            assert_in_range(piece.len, 1, enough + HEAD_BYTES + ROW_BYTES + 1);
            buf_put_slice(&joined, buf_slice(&piece));
        }
        assert_true(slice_equal(buf_slice(&joined), buf_slice(&whole)));
    }
    buf_close(&joined);
    buf_close(&piece);
    buf_close(&whole);
    block_free(block);
}

static void cuts_decimals_into_base_10000(void **state)
{
    (void)state;
    assert_numeric(0, 0, "-1:0:");
    assert_numeric(0, 2, "-1:2: 0"); /* PostgreSQL drops zeros at both ends */
    assert_numeric(1, 0, "0:0: 1");
    assert_numeric(-12345, 0, "1:-0: 1 2345");
    assert_numeric(123, 2, "0:2: 1 2300");
    assert_numeric(5, 2, "-1:2: 500");
    assert_numeric(5, 8, "-2:8: 5");
    assert_numeric(-1, 9, "-3:-9: 1000");
    assert_numeric((wide)10000 * 10000, 4, "1:4: 1 0 0");
    wide huge = 1;
    for (int i = 0; i < 38; i++)
        huge *= 10;
    assert_numeric(huge, 0, "9:0: 100 0 0 0 0 0 0 0 0 0");
    assert_numeric(-huge, 2, "9:-2: 1 0 0 0 0 0 0 0 0 0 0");
    assert_numeric(huge - 1, 38, "-1:38: 9999 9999 9999 9999 9999 9999 9999 9999 9999 9900");
}

static void refuses_cells_that_are_no_values_of_their_column(void **state)
{
    (void)state;
    static const struct {
        enum sql_type type;
        struct cell cell;
        bool fits;
    } cases[] = {
        {SQL_INTEGER, {.kind = CELL_INT, .i = INT32_MAX}, true},
        {SQL_INTEGER, {.kind = CELL_INT, .i = INT64_C(1) + INT32_MAX}, false},
        {SQL_BIGINT, {.kind = CELL_INT, .i = INT64_MIN}, true},
        {SQL_BIGINT, {.kind = CELL_FLOAT, .d = 1}, false},
        {SQL_DOUBLE, {.kind = CELL_INT, .i = 1}, false},
        {SQL_NUMERIC, {.kind = CELL_INT, .i = 1}, false},
        {SQL_TEXT, {.kind = CELL_INT, .i = 1}, false},
        {SQL_DATE, {.kind = CELL_NUMERIC, .n = 1}, false},
        {SQL_TEXT, {.kind = CELL_NULL}, true},
    };
    struct block *block = support_block(0, false, 1, 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct column column = support_column("c", cases[i].type, false, 0);
        struct error error;
        struct buf out;
        buf_init(&out, 4096);
        block->cells[0] = cases[i].cell;
        assert_int_equal(pg_copy_array(&out, &column, block, 0, &error), cases[i].fits);
        if (!cases[i].fits)
            assert_error(&error, ERROR_BUG, "column \"c\"");
        struct table table = {.name = "t", .columns = &column, .column_count = 1};
        assert_int_equal(pg_copy_row_array(&out, &table, block, 1, &error), cases[i].fits);
        buf_close(&out);
    }
    block_free(block);
}

static void knows_which_errors_pass(void **state)
{
    (void)state;
    static const char *const passing[] = {"08006", "40001", "40P01", "53300", "53100", "57P01", "57P03",
                                          "57014", "55P03", "25006", "58030", "25P03", "25P04"};
    static const char *const lasting[] = {"22003", "23505", "28P01", "28000", "3D000", "42501",
                                          "42P07", "0A000", "XX000", "25P02", "57000", "55000"};
    for (size_t i = 0; i < COUNT_OF(passing); i++)
        assert_int_equal(pg_error_kind(passing[i]), ERROR_TARGET);
    for (size_t i = 0; i < COUNT_OF(lasting); i++)
        assert_int_equal(pg_error_kind(lasting[i]), ERROR_REFUSED);
    assert_int_equal(pg_error_kind(NULL), ERROR_TARGET);
    assert_int_equal(pg_error_kind("42P01"), ERROR_DIVERGED);
}

static int set_up(void **state)
{
    (void)state;
    support_pipeline_init(&p);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_names_and_literals),
        cmocka_unit_test(lists_columns_and_keys),
        cmocka_unit_test(writes_tables_in_both_dialects),
        cmocka_unit_test(divides_exactly_only_where_it_can),
        cmocka_unit_test(reads_progress_rows_and_nothing_else),
        cmocka_unit_test(writes_row_counts_as_an_array),
        cmocka_unit_test(tells_in_what_a_target_is_another),
        cmocka_unit_test(finds_no_difference_in_what_it_wants),
        cmocka_unit_test(counts_columns_beyond_its_room),
        cmocka_unit_test(pieces_of_a_block_are_the_whole),
        cmocka_unit_test(cuts_decimals_into_base_10000),
        cmocka_unit_test(refuses_cells_that_are_no_values_of_their_column),
        cmocka_unit_test(knows_which_errors_pass),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
