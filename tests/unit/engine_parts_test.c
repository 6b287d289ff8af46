/* The structures below the engine: rows, bags, texts, codes. */
#include "testing.h"

#include "engine/bag.h"
#include "engine/codes.h"
#include "engine/rows.h"
#include "model/timestamp.h"

static const int64_t interesting[] = {0,
                                      1,
                                      -1,
                                      127,
                                      128,
                                      -128,
                                      -129,
                                      32767,
                                      32768,
                                      -32768,
                                      -32769,
                                      8388607,
                                      8388608,
                                      INT32_MAX,
                                      INT32_MIN,
                                      INT64_C(1) << 39,
                                      -(INT64_C(1) << 47),
                                      (INT64_C(1) << 55) - 1,
                                      INT64_C(1) << 55,
                                      INT64_MAX,
                                      INT64_MIN};

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void rows_open(struct rows *rows, struct memory *memory, size_t columns)
{
    *memory = (struct memory){0};
    rows_init(rows, memory);
    for (size_t i = 0; i < columns; i++)
        rows_column(rows, (enum rows_hint)(i % 3));
    assert_true(rows_start(rows));
}

static void keeps_every_number_in_every_column(void **state)
{
    (void)state;
    enum { COLUMNS = 9, COUNT = 3 * ROWS_SEGMENT };
    struct memory memory;
    struct rows rows;
    rows_open(&rows, &memory, COLUMNS);
    int64_t *copy = calloc((size_t)(COUNT + 1) * COLUMNS, sizeof *copy);
    assert_non_null(copy);
    for (uint32_t i = 1; i <= COUNT; i++)
        assert_int_equal(rows_add(&rows), i);
    uint64_t random = 7;
    for (int step = 0; step < 60000; step++) {
        random = hash_u64(random);
        size_t row = 1 + random % COUNT, column = (random >> 20) % COLUMNS;
        /* Wide numbers come late, so that segments are laid out anew with rows in them. */
        size_t kinds = 1 + (size_t)step * COUNT_OF(interesting) / 60000;
        int64_t value = interesting[(random >> 40) % kinds];
        rows_set(&rows, (uint32_t)row, column, value);
        copy[row * COLUMNS + column] = value;
    }
    for (size_t row = 1; row <= COUNT; row++)
        for (size_t column = 0; column < COLUMNS; column++)
            assert_true(rows_get(&rows, (uint32_t)row, column) == copy[row * COLUMNS + column]);
    free(copy);
    rows_close(&rows);
    assert_int_equal(memory.used, 0);
}

static void columns_of_zeros_take_no_memory(void **state)
{
    (void)state;
    struct memory memory;
    struct rows rows;
    rows_open(&rows, &memory, 100);
    uint32_t row = rows_add(&rows);
    size_t before = memory.used;
    for (size_t i = 0; i < 100; i++)
        rows_set(&rows, row, i, 0);
    assert_int_equal(memory.used, before);
    assert_int_equal(rows.segments[0].layout->stride, 0);
    rows_set(&rows, row, 0, 5);
    assert_int_equal(rows.segments[0].layout->stride, 1);
    assert_int_equal(rows_get(&rows, row, 0), 5);
    assert_int_equal(rows_get(&rows, row, 99), 0);
    rows_close(&rows);
}

static void new_segments_begin_as_wide_as_older_ones_became(void **state)
{
    (void)state;
    struct memory memory;
    struct rows rows;
    rows_open(&rows, &memory, 1);
    rows_set(&rows, rows_add(&rows), 0, INT64_C(1) << 33);
    while (rows.segment_count < 2)
        rows_add(&rows);
    assert_ptr_equal(rows.segments[0].layout, rows.segments[1].layout);
    assert_int_equal(rows.segments[1].layout->places[0].width, 5);
    rows_close(&rows);
}

static void hands_returned_rows_out_again_empty(void **state)
{
    (void)state;
    struct memory memory;
    struct rows rows;
    rows_open(&rows, &memory, 2);
    uint32_t first = rows_add(&rows), second = rows_add(&rows);
    rows_set(&rows, first, 0, 77);
    rows_set(&rows, second, 0, 88);
    rows_remove(&rows, first);
    assert_int_equal(rows_add(&rows), first);
    assert_int_equal(rows_get(&rows, first, 0), 0);
    assert_int_equal(rows_get(&rows, second, 0), 88);
    rows_close(&rows);
}

static void segments_without_a_row_give_their_memory_back(void **state)
{
    (void)state;
    enum { SEGMENTS = 6, DEAD = 1 };
    struct memory memory;
    struct rows rows;
    rows_open(&rows, &memory, 2);
    for (uint32_t row = 1; row < SEGMENTS * ROWS_SEGMENT + 5; row++)
        rows_set(&rows, rows_add(&rows), 1, row);
    /* all rows of segments 1 to 4 but one of segment 2, and some of others */
    for (uint32_t row = 10; row < 5 * ROWS_SEGMENT; row++)
        if (row != 2 * ROWS_SEGMENT + 77) {
            rows_set(&rows, row, 0, DEAD);
            rows_remove(&rows, row);
        }
    size_t before = memory.used;
    rows_trim(&rows, 0, DEAD);
    assert_int_equal(rows.vacant.count, 3);
    /* three bytes a row, and four of the number that says it may be handed out */
    assert_in_range(memory.used, 1, before - (3 - 1) * 7 * ROWS_SEGMENT);
    assert_int_equal(rows_get(&rows, 3 * ROWS_SEGMENT + 5, 0), DEAD);
    assert_int_equal(rows_get(&rows, 3 * ROWS_SEGMENT + 5, 1), 0);
    assert_int_equal(rows_get(&rows, 2 * ROWS_SEGMENT + 77, 1), 2 * ROWS_SEGMENT + 77);
    assert_int_equal(rows_get(&rows, 5 * ROWS_SEGMENT, 1), 5 * ROWS_SEGMENT);
    rows_trim(&rows, 0, DEAD);
    assert_int_equal(rows.vacant.count, 3);
    /* each row is handed out once more, and is empty; of a segment that has memory again the others stay dead until
       then */
    uint32_t again = 5 * ROWS_SEGMENT - 10 - 1, end = rows.end;
    for (uint32_t i = 0; i < again + (SEGMENTS + 1) * ROWS_SEGMENT - end; i++) {
        uint32_t row = rows_add(&rows), next = row + 1;
        assert_int_equal(rows_get(&rows, row, 0), 0);
        assert_int_equal(rows_get(&rows, row, 1), 0);
        rows_set(&rows, row, 0, 3);
        assert_true(row >= 10 && row != 2 * ROWS_SEGMENT + 77);
        uint32_t segment = row / ROWS_SEGMENT;
        if ((segment == 1 || segment == 3 || segment == 4) && next % ROWS_SEGMENT != 0)
            assert_int_equal(rows_get(&rows, next, 0), DEAD);
    }
    assert_int_equal(rows.vacant.count, 0);
    assert_int_equal(rows.segment_count, SEGMENTS + 1);
    rows_close(&rows);
    assert_int_equal(memory.used, 0);
}

static void a_limit_fails_growth_once_and_for_all(void **state)
{
    (void)state;
    struct memory memory;
    struct rows rows;
    struct error error;
    rows_open(&rows, &memory, 4);
    memory.limit = memory.used + 100;
    uint32_t row = rows_add(&rows);
    rows_set(&rows, row, 0, INT64_MAX);
    assert_true(memory.failed);
    assert_false(memory_error(&memory, &error));
    assert_error(&error, ERROR_MEMORY, "limit");
    rows_close(&rows);
}

/* --- bags --------------------------------------------------------------------------------------------------------- */

enum { KEYS = 3000 };

static void check_bag(const struct bag *bag, const uint32_t *counts)
{
    uint32_t distinct = 0, found;
    int64_t first = -1, last = -1;
    for (int64_t key = 0; key < KEYS; key++) {
        if (counts[key] == 0)
            continue;
        first = first < 0 ? key : first;
        last = key;
        distinct++;
    }
    assert_int_equal(bag->distinct, distinct);
    assert_int_equal(bag->root != NULL, distinct > 0);
    if (distinct == 0)
        return;
    assert_int_equal(bag_first(bag, &found), first);
    assert_int_equal(found, counts[first]);
    assert_int_equal(bag_last(bag), last);
    int64_t greatest[40];
    size_t count = bag_greatest(bag, greatest, COUNT_OF(greatest));
    assert_int_equal(count, distinct < COUNT_OF(greatest) ? distinct : COUNT_OF(greatest));
    for (int64_t key = KEYS - 1; key >= 0 && count > 0; key--)
        if (counts[key] > 0)
            assert_int_equal(greatest[--count], key);
}

/* Fills and drains over and over, each time another share of the keys. */
static void knows_its_ends_and_its_size_through_any_history(void **state)
{
    (void)state;
    struct memory memory = {0};
    struct bag bag = {0};
    struct bag_order order = {NULL};
    uint32_t counts[KEYS] = {0};
    uint64_t random = 3;
    for (int step = 0; step < 120000; step++) {
        random = hash_u64(random);
        bool filling = step / 20000 % 2 == 0;
        size_t key = (random >> 8) % (step < 60000 ? KEYS : 40);
        if (random % 10 < (filling ? 8u : 2u)) {
            bag_add(&bag, order, &memory, (int64_t)key);
            counts[key]++;
        } else if (counts[key] > 0) {
            bag_take(&bag, order, &memory, (int64_t)key);
            counts[key]--;
        }
        if (step % 500 == 0)
            check_bag(&bag, counts);
    }
    for (size_t key = KEYS; key-- > 0;) {
        for (; counts[key] > 0; counts[key]--)
            bag_take(&bag, order, &memory, (int64_t)key);
        if (key % 100 == 0)
            check_bag(&bag, counts);
    }
    assert_null(bag.root);
    assert_int_equal(memory.used, 0);
}

/* Whole leaves and inner nodes go, and keys come back into the gaps that they left. */
static void loses_ranges_of_keys_and_gets_some_of_them_back(void **state)
{
    (void)state;
    enum { MANY = 60000 };
    struct memory memory = {0};
    struct bag bag = {0};
    struct bag_order order = {NULL};
    bool *in = calloc(MANY, 1);
    uint64_t random = 11;
    uint32_t distinct = 0;
    assert_non_null(in);
    for (int round = 0; round < 400; round++) {
        random = hash_u64(random);
        size_t from = random % MANY, len = (random >> 20) % (round % 2 ? 20000 : 3000), keep = (random >> 40) % 60 + 2;
        for (size_t key = from; key < MANY && key < from + len; key++) {
            bool wanted = round % 4 == 0 || hash_u64(key + random) % keep == 0;
            if (wanted && !in[key])
                bag_add(&bag, order, &memory, (int64_t)key);
            else if (!wanted && in[key])
                bag_take(&bag, order, &memory, (int64_t)key);
            distinct += (uint32_t)wanted - (uint32_t)in[key];
            in[key] = wanted;
        }
        assert_int_equal(bag.distinct, distinct);
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t key = i * 7919 % MANY;
        if (!in[key])
            continue;
        bag_take(&bag, order, &memory, (int64_t)key);
        assert_int_equal(bag.distinct, --distinct);
    }
    assert_int_equal(memory.used, 0);
    free(in);
}

static void takes_its_keys_in_order_and_backwards(void **state)
{
    (void)state;
    struct memory memory = {0};
    for (int backwards = 0; backwards < 2; backwards++) {
        struct bag bag = {0};
        for (int64_t i = 0; i < 100000; i++)
            bag_add(&bag, (struct bag_order){NULL}, &memory, backwards ? -i : i);
        assert_int_equal(bag.distinct, 100000);
        for (int64_t i = 0; i < 100000; i++) {
            assert_int_equal(bag_first(&bag, NULL), backwards ? -99999 : i);
            assert_int_equal(bag_last(&bag), backwards ? -i : 99999);
            bag_take(&bag, (struct bag_order){NULL}, &memory, backwards ? -i : i);
        }
        assert_int_equal(memory.used, 0);
    }
}

static void stays_small_when_most_of_it_is_gone(void **state)
{
    (void)state;
    struct memory memory = {0};
    struct bag bag = {0};
    for (int64_t i = 0; i < 100000; i++)
        bag_add(&bag, (struct bag_order){NULL}, &memory, i);
    for (int64_t i = 0; i < 100000; i++)
        if (i % 50 != 0)
            bag_take(&bag, (struct bag_order){NULL}, &memory, i);
    assert_int_equal(bag.distinct, 2000);
    assert_true(memory.used < 2000 * 80);
    bag_close(&bag, &memory);
    assert_int_equal(memory.used, 0);
}

static void orders_texts_by_their_bytes(void **state)
{
    (void)state;
    struct memory memory = {0};
    struct dict dict;
    struct bag bag = {0};
    assert_true(dict_init(&dict, &memory));
    struct bag_order order = {&dict};
    static const char *const words[] = {"pear", "apple", "zebra", "\xc3\xa4pfel", "", "apple pie"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        bag_add(&bag, order, &memory, dict_id(&dict, slice_of(words[i])));
    assert_slice(dict_text(&dict, (uint32_t)bag_first(&bag, NULL)), "");
    assert_slice(dict_text(&dict, (uint32_t)bag_last(&bag)), "\xc3\xa4pfel");
    bag_close(&bag, &memory);
    dict_close(&dict);
    assert_int_equal(memory.used, 0);
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static void gives_equal_texts_one_number_and_keeps_their_bytes(void **state)
{
    (void)state;
    struct memory memory = {0};
    struct dict dict;
    char text[32];
    uint32_t ids[20000];
    assert_true(dict_init(&dict, &memory));
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "text %d", i);
        ids[i] = dict_id(&dict, slice_of(text));
        assert_int_equal(ids[i], i + 1);
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "text %d", i);
        assert_int_equal(dict_id(&dict, slice_of(text)), ids[i]);
        assert_slice(dict_text(&dict, ids[i]), text);
    }
    dict_close(&dict);
    assert_int_equal(memory.used, 0);
}

static void keeps_the_longest_texts_and_the_empty_one(void **state)
{
    (void)state;
    struct memory memory = {0};
    struct dict dict;
    char *text = malloc(TEXT_VALUE_MAX);
    assert_non_null(text);
    assert_true(dict_init(&dict, &memory));
    uint32_t empty = dict_id(&dict, (struct slice){NULL, 0});
    for (int i = 0; i < 20; i++) {
        memset(text, 'a' + i, TEXT_VALUE_MAX);
        assert_int_equal(dict_id(&dict, (struct slice){text, TEXT_VALUE_MAX}), i + 2);
    }
    for (int i = 0; i < 20; i++) {
        struct slice kept = dict_text(&dict, (uint32_t)i + 2);
        assert_int_equal(kept.len, TEXT_VALUE_MAX);
        assert_int_equal(kept.data[0], 'a' + i);
        assert_int_equal(kept.data[kept.len - 1], 'a' + i);
    }
    assert_int_equal(dict_id(&dict, (struct slice){NULL, 0}), empty);
    assert_int_equal(dict_text(&dict, empty).len, 0);
    free(text);
    dict_close(&dict);
}

/* --- codes -------------------------------------------------------------------------------------------------------- */

static void codes_come_back_as_their_values_in_the_same_order(void **state)
{
    (void)state;
    static const int64_t times[] = {TIMESTAMP_MIN,    -TIMESTAMP_SECOND - 1, -TIMESTAMP_SECOND, -1, 0, 1,
                                    TIMESTAMP_SECOND, TIMESTAMP_SECOND + 1,  TIMESTAMP_MAX};
    static const double doubles[] = {-1e300, -2.5, -1e-300, 0.0, 1e-300, 1.0, 2.5, 1e300};
    struct memory memory = {0};
    struct dict dict;
    assert_true(dict_init(&dict, &memory));
    for (size_t i = 0; i < COUNT_OF(times); i++)
        for (size_t j = 0; j < COUNT_OF(times); j++) {
            int64_t a = codes_of(VALUE_TIMESTAMP, &(struct value){.i = times[i]}, &dict);
            int64_t b = codes_of(VALUE_TIMESTAMP, &(struct value){.i = times[j]}, &dict);
            assert_true(codes_value(VALUE_TIMESTAMP, a, &dict).i == times[i]);
            assert_int_equal(codes_compare(VALUE_TIMESTAMP, a, b, &dict), (i > j) - (i < j));
            assert_true(codes_of_rank(VALUE_TIMESTAMP, codes_rank(VALUE_TIMESTAMP, a)) == a);
        }
    for (size_t i = 0; i < COUNT_OF(doubles); i++)
        for (size_t j = 0; j < COUNT_OF(doubles); j++) {
            int64_t a = codes_of(VALUE_DOUBLE, &(struct value){.d = doubles[i]}, &dict);
            int64_t b = codes_of(VALUE_DOUBLE, &(struct value){.d = doubles[j]}, &dict);
            assert_true(codes_value(VALUE_DOUBLE, a, &dict).d == doubles[i]);
            assert_int_equal(codes_compare(VALUE_DOUBLE, a, b, &dict), (i > j) - (i < j));
            assert_true(codes_of_rank(VALUE_DOUBLE, codes_rank(VALUE_DOUBLE, a)) == a);
        }
    assert_true(codes_of(VALUE_DOUBLE, &(struct value){.d = -0.0}, &dict) ==
                codes_of(VALUE_DOUBLE, &(struct value){.d = 0.0}, &dict));
    dict_close(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_number_in_every_column),
        cmocka_unit_test(columns_of_zeros_take_no_memory),
        cmocka_unit_test(new_segments_begin_as_wide_as_older_ones_became),
        cmocka_unit_test(hands_returned_rows_out_again_empty),
        cmocka_unit_test(segments_without_a_row_give_their_memory_back),
        cmocka_unit_test(a_limit_fails_growth_once_and_for_all),
        cmocka_unit_test(knows_its_ends_and_its_size_through_any_history),
        cmocka_unit_test(loses_ranges_of_keys_and_gets_some_of_them_back),
        cmocka_unit_test(takes_its_keys_in_order_and_backwards),
        cmocka_unit_test(stays_small_when_most_of_it_is_gone),
        cmocka_unit_test(orders_texts_by_their_bytes),
        cmocka_unit_test(gives_equal_texts_one_number_and_keeps_their_bytes),
        cmocka_unit_test(keeps_the_longest_texts_and_the_empty_one),
        cmocka_unit_test(codes_come_back_as_their_values_in_the_same_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
