/* Lists in runs, held against a plain array. */
#include "engine/unrolled.h"
#include "testing.h"

enum { LONGEST = 70, STEPS = 20000 };

struct lists {
    struct memory memory;
    struct rows runs;
    uint32_t head, ids[LONGEST];
    size_t count;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void assert_same(const struct lists *l)
{
    uint32_t found[LONGEST + 1], wanted[LONGEST];
    found[l->count] = UINT32_MAX; /* not to be written */
    struct unrolled_walk walk = {l->head, l->count};
    size_t count = 0;
    for (size_t step; (step = unrolled_step(&l->runs, &walk, found + count)) > 0;) {
        assert_true(step <= UNROLLED_RUN);
        count += step;
        assert_true(count <= l->count);
        unrolled_prefetch(&l->runs, &walk);
    }
    assert_int_equal(count, l->count);
    assert_int_equal(found[count], UINT32_MAX);
    memcpy(wanted, l->ids, count * sizeof *wanted);
    qsort(found, count, sizeof *found, by_number);
    qsort(wanted, count, sizeof *wanted, by_number);
    assert_memory_equal(found, wanted, count * sizeof *found);
}

static void add(struct lists *l, uint32_t id)
{
    l->head = unrolled_add(&l->runs, l->head, l->count, id);
    l->ids[l->count++] = id;
}

static void take(struct lists *l, size_t at)
{
    l->head = unrolled_remove(&l->runs, l->head, l->count, l->ids[at]);
    l->ids[at] = l->ids[--l->count];
}

/* Runs that are in use: row 0 is none. */
static size_t runs_of(const struct lists *l)
{
    return l->runs.end - 1 - l->runs.unused.count;
}

static void a_list_holds_what_came_and_did_not_go(void **state)
{
    (void)state;
    struct lists l = {.memory = {0}};
    uint32_t seed = 1, next = 1;
    assert_true(unrolled_start(&l.runs, &l.memory));
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223;
        bool grows = (i / 500) % 2 == 0 ? seed >> 30 != 0 : seed >> 30 == 0;
        if (l.count == 0 || (grows && l.count < LONGEST))
            add(&l, next++);
        else
            take(&l, (seed >> 8) % l.count);
        assert_same(&l);
        assert_int_equal(runs_of(&l), l.count < 2 ? 0 : (l.count + UNROLLED_RUN - 1) / UNROLLED_RUN);
        assert_true(l.count > 0 || l.head == 0);
    }
    assert_true(next > STEPS / 4);
    rows_close(&l.runs);
    assert_int_equal(l.memory.used, 0);
}

static void a_list_of_any_length_is_given_back_whole(void **state)
{
    (void)state;
    struct lists l = {.memory = {0}};
    assert_true(unrolled_start(&l.runs, &l.memory));
    for (size_t length = 0; length <= LONGEST; length++) {
        l.head = 0;
        for (l.count = 0; l.count < length;)
            add(&l, (uint32_t)l.count + 1);
        assert_true(length < 2 || runs_of(&l) > 0);
        unrolled_free(&l.runs, l.head, l.count);
        assert_int_equal(runs_of(&l), 0);
    }
    rows_close(&l.runs);
    assert_int_equal(l.memory.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_list_holds_what_came_and_did_not_go),
                                       cmocka_unit_test(a_list_of_any_length_is_given_back_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
