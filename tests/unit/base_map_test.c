#include "testing.h"

#include "base/hash.h"
#include "base/map.h"

enum { ROWS = 5000 };

/* A map over rows whose keys stand in an array; rows are numbered from 1. */
struct table {
    struct map map;
    uint64_t keys[ROWS + 1];
    bool in[ROWS + 1];
};

static uint64_t weak_hash(uint64_t key)
{
    return (key % 7) << 60 | (key & 1); /* seven homes, two tags */
}

static uint64_t hash_of(const void *context, uint32_t row)
{
    return hash_u64(((const struct table *)context)->keys[row]);
}

static uint64_t weak_hash_of(const void *context, uint32_t row)
{
    return weak_hash(((const struct table *)context)->keys[row]);
}

/* Homes at the end, from where entries go on at the beginning. */
static uint64_t late_hash_of(const void *context, uint32_t row)
{
    uint64_t key = ((const struct table *)context)->keys[row];
    return (15 - key % 3) << 60 | (key & 1);
}

static uint32_t find(const struct table *table, map_hash hash, uint64_t key)
{
    struct table probe_key = {.keys = {0, key}};
    struct map_probe probe;
    for (uint32_t row = map_first(&table->map, hash(&probe_key, 1), &probe); row; row = map_next(&table->map, &probe))
        if (table->keys[row] == key)
            return row;
    return MAP_NONE;
}

static void grow(struct table *table, map_hash hash)
{
    uint32_t capacity = map_grown(&table->map);
    assert_true(capacity > table->map.capacity);
    assert_true(map_resize(&table->map, capacity));
    for (uint32_t row = 1; row <= ROWS; row++)
        if (table->in[row])
            map_put(&table->map, hash(table, row), row);
}

static void put(struct table *table, map_hash hash, uint32_t row)
{
    if (!map_has_room(&table->map, 1))
        grow(table, hash);
    map_put(&table->map, hash(table, row), row);
    table->in[row] = true;
}

static void take(struct table *table, map_hash hash, uint32_t row)
{
    map_remove(&table->map, hash(table, row), row, hash, table);
    table->in[row] = false;
}

static struct table *new_table(void)
{
    struct table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    map_init(&table->map);
    for (uint32_t row = 1; row <= ROWS; row++)
        table->keys[row] = (uint64_t)row * 1000003;
    return table;
}

static void free_table(struct table *table)
{
    map_close(&table->map);
    free(table);
}

static void check(const struct table *table, map_hash hash, uint32_t rows)
{
    uint32_t count = 0;
    for (uint32_t row = 1; row <= rows; row++) {
        assert_int_equal(find(table, hash, table->keys[row]), table->in[row] ? row : MAP_NONE);
        count += table->in[row];
    }
    assert_int_equal(table->map.count, count);
}

static void finds_nothing_where_there_is_nothing(void **state)
{
    (void)state;
    struct map map;
    struct map_probe probe;
    map_init(&map);
    assert_int_equal(map_first(&map, 42, &probe), MAP_NONE);
    assert_false(map_has_room(&map, 1));
    assert_int_equal(map_size(map.capacity), 0);
    map_close(&map);
}

static void finds_every_row_at_every_size(void **state)
{
    (void)state;
    struct table *table = new_table();
    for (uint32_t row = 1; row <= ROWS; row++) {
        put(table, hash_of, row);
        if (row % 97 == 0)
            check(table, hash_of, row + 50 < ROWS ? row + 50 : ROWS);
    }
    check(table, hash_of, ROWS);
    free_table(table);
}

static void finds_rows_that_all_begin_at_a_few_slots(void **state)
{
    (void)state;
    struct table *table = new_table();
    for (uint32_t row = 1; row <= 300; row++)
        put(table, weak_hash_of, row);
    check(table, weak_hash_of, 300);
    free_table(table);
}

/* Every removal moves others back, round the end too; each time all that are left are found and none that is gone. */
static void removes_rows_so_that_the_others_are_still_found(void **state)
{
    (void)state;
    static const map_hash hashes[] = {hash_of, weak_hash_of, late_hash_of};
    for (size_t h = 0; h < COUNT_OF(hashes); h++) {
        struct table *table = new_table();
        uint64_t random = 1;
        for (uint32_t step = 0; step < 6000; step++) {
            random = hash_u64(random);
            uint32_t row = 1 + (uint32_t)(random % 120);
            if (table->in[row])
                take(table, hashes[h], row);
            else
                put(table, hashes[h], row);
            if (step % 50 == 0)
                check(table, hashes[h], 120);
        }
        check(table, hashes[h], 120);
        free_table(table);
    }
}

static void lets_another_row_take_an_entry_over(void **state)
{
    (void)state;
    struct table *table = new_table();
    for (uint32_t row = 1; row <= 10; row++)
        put(table, hash_of, row);
    table->keys[20] = table->keys[5];
    map_replace(&table->map, hash_of(table, 5), 5, 20);
    table->keys[5] = 0;
    assert_int_equal(find(table, hash_of, table->keys[20]), 20);
    assert_int_equal(table->map.count, 10);
    free_table(table);
}

static void holds_seven_eighths_and_says_when_it_is_full(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    assert_true(map_resize(&map, map_capacity_for(100)));
    assert_true(map_has_room(&map, 100));
    assert_false(map_has_room(&map, map.capacity));
    for (uint32_t row = 1; map_has_room(&map, 1); row++)
        map_put(&map, hash_u64(row), row);
    assert_int_equal(map.count, map.capacity - map.capacity / 8);
    map_close(&map);
}

static void grows_large_maps_by_half(void **state)
{
    (void)state;
    struct map map = {.capacity = 1200000};
    assert_int_equal(map_grown(&map), 1800000);
    map.capacity = 1200012;
    assert_int_equal(map_grown(&map), 1800012); /* whole lines */
    map.capacity = UINT32_MAX / MAP_SLOTS * MAP_SLOTS;
    assert_int_equal(map_grown(&map), 0);
    assert_int_equal(map_capacity_for(UINT64_C(1) << 33), 0);
}

static void takes_a_line_of_the_cache_for_twelve_slots(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    for (uint32_t capacity = MAP_SLOTS; capacity < 100 * MAP_SLOTS; capacity += MAP_SLOTS) {
        assert_int_equal(map_size(capacity), 64 * (capacity / MAP_SLOTS + 1));
        assert_true(map_resize(&map, capacity));
        assert_int_equal((uintptr_t)map.lines % 64, 0);
        assert_true((char *)(map.lines + capacity / MAP_SLOTS) <= (char *)map.memory + map_size(capacity));
    }
    map_close(&map);
}

/* What stays without an empty slot before it is found; what an empty slot stands before is not, however far it went. */
static void closes_the_gaps_of_lines_that_others_went_past(void **state)
{
    (void)state;
    struct table *table = new_table();
    /* Three lines of one home, and one of the next. */
    for (uint32_t row = 1; row <= 3 * MAP_SLOTS; row++)
        table->keys[row] = row * 7 + 3;
    for (uint32_t row = 3 * MAP_SLOTS + 1; row <= 4 * MAP_SLOTS; row++)
        table->keys[row] = row * 7 + 4;
    assert_true(map_resize(&table->map, 7 * MAP_SLOTS));
    for (uint32_t row = 1; row <= 4 * MAP_SLOTS; row++)
        put(table, weak_hash_of, row);
    for (uint32_t row = 1; row <= 4 * MAP_SLOTS; row++) {
        take(table, weak_hash_of, (row * 5) % (4 * MAP_SLOTS) + 1);
        check(table, weak_hash_of, 4 * MAP_SLOTS);
    }
    free_table(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nothing_where_there_is_nothing),
        cmocka_unit_test(finds_every_row_at_every_size),
        cmocka_unit_test(finds_rows_that_all_begin_at_a_few_slots),
        cmocka_unit_test(removes_rows_so_that_the_others_are_still_found),
        cmocka_unit_test(lets_another_row_take_an_entry_over),
        cmocka_unit_test(holds_seven_eighths_and_says_when_it_is_full),
        cmocka_unit_test(grows_large_maps_by_half),
        cmocka_unit_test(takes_a_line_of_the_cache_for_twelve_slots),
        cmocka_unit_test(closes_the_gaps_of_lines_that_others_went_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
