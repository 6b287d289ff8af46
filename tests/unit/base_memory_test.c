/* Every allocation of the lowest floor fails once, and once for good. */
#include "testing.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "failing_malloc.h"

static void an_arena_gives_what_it_can_and_goes_on(void **state)
{
    (void)state;
    for (struct failing f = {0}; failing_next(&f);) {
        struct arena arena;
        char *pieces[40];
        size_t missing = 0;
        arena_init(&arena, SIZE_MAX);
        failing_begin(&f);
        for (size_t i = 0; i < COUNT_OF(pieces); i++) {
            struct slice text = {"0123456789abcdefghij0123456789abcdefghij", i};
            size_t used = arena.used;
            pieces[i] = i % 3 > 0 ? arena_string(&arena, text) : arena_alloc(&arena, i * 1000);
            assert_int_equal(arena.used > used, pieces[i] != NULL);
            missing += !pieces[i];
            if (pieces[i] && i % 3 > 0)
                assert_int_equal(strlen(pieces[i]), i);
        }
        bool hit = failing_end(&f);
        assert_int_equal(missing > 0, hit);
        assert_non_null(arena_alloc(&arena, 100000));
        arena_close(&arena);
    }
}

static void a_buffer_keeps_what_was_written_and_remembers_the_failure(void **state)
{
    (void)state;
    for (struct failing f = {0}; failing_next(&f);) {
        struct buf buf;
        size_t good = 0;
        buf_init(&buf, SIZE_MAX);
        failing_begin(&f);
        for (size_t i = 0; i < 200; i++) {
            buf_printf(&buf, "%03zu ", i);
            good += !buf.failed;
        }
        bool hit = failing_end(&f);
        assert_int_equal(buf.failed, hit);
        assert_int_equal(buf.len, 4 * good);
        assert_true(good == 0 || memcmp(buf.data, "000 ", 4) == 0);
        buf_reset(&buf);
        buf_put_text(&buf, "again");
        assert_slice(buf_slice(&buf), "again");
        buf_close(&buf);
    }
}

static void a_list_keeps_what_is_in_it_and_grows_when_there_is_memory_again(void **state)
{
    (void)state;
    for (struct failing f = {0}; failing_next(&f);) {
        size_t count = 0, room = 0, refused = 0;
        uint32_t *list = NULL;
        failing_begin(&f);
        for (uint32_t i = 0; i < 200; i++) {
            uint32_t *grown = list_grow(list, count, &room, sizeof *list);
            refused += !grown;
            if (!grown)
                continue;
            list = grown;
            list[count++] = i;
        }
        bool hit = failing_end(&f);
        assert_int_equal(refused > 0, hit);
        assert_int_equal(count, 200 - refused);
        for (size_t i = 1; i < count; i++)
            assert_true(list[i - 1] < list[i]);
        uint32_t *grown = list_grow(list, count, &room, sizeof *list);
        assert_non_null(grown);
        assert_true(count < room);
        free(grown);
    }
}

static void a_list_that_cannot_be_counted_does_not_grow(void **state)
{
    (void)state;
    size_t room = SIZE_MAX / 2 + 1, none = 0;
    char item = 'x';
    assert_null(list_grow(&item, room, &room, 1));
    assert_int_equal(room, SIZE_MAX / 2 + 1);
    assert_null(list_grow(NULL, 0, &none, SIZE_MAX));
    assert_int_equal(none, 0);
}

static void json_is_cut_by_a_buffer_that_failed(void **state)
{
    (void)state;
    for (struct failing f = {0}; failing_next(&f);) {
        struct buf buf;
        struct json json;
        buf_init(&buf, SIZE_MAX);
        failing_begin(&f);
        json_init(&json, &buf);
        json_open(&json, NULL, '{');
        for (int i = 0; i < 30; i++)
            json_text(&json, "name", SLICE("a value \"with\" quotes\n"));
        json_close(&json, '}');
        assert_int_equal(buf.failed, failing_end(&f));
        buf_close(&buf);
    }
}

static void a_map_that_cannot_grow_is_empty_and_without_slots(void **state)
{
    (void)state;
    for (struct failing f = {0}; failing_next(&f);) {
        struct map map;
        map_init(&map);
        failing_begin(&f);
        bool good = map_resize(&map, map_grown(&map));
        if (good)
            map_put(&map, 7, 1);
        good = good && map_resize(&map, map_grown(&map));
        assert_int_equal(!good, failing_end(&f));
        assert_int_equal(map.count, 0);
        struct map_probe probe;
        assert_int_equal(map_first(&map, 7, &probe), MAP_NONE);
        assert_true(map_resize(&map, map_capacity_for(100)));
        map_close(&map);
    }
}

/* Once a digester exists there is nothing more that it could lack. */
static bool digest_abc(struct error *error, char hex[DIGEST_HEX_SIZE])
{
    struct digester d;
    if (!digester_init(&d, error))
        return false;
    digester_add(&d, SLICE("abc"));
    struct digest digest = digester_take(&d);
    digest_hex(&digest, hex);
    return true;
}

/* The first digest of a process is made beforehand: OpenSSL itself crashes when memory ends while it starts. */
static void a_digest_is_right_or_not_begun(void **state)
{
    (void)state;
    char hex[DIGEST_HEX_SIZE];
    struct error error = {0};
    assert_ok(digest_abc(&error, hex), &error);
    for (struct failing f = {0}; failing_next(&f);) {
        failing_begin(&f);
        bool good = digest_abc(&error, hex), hit = failing_end(&f);
        if (good) {
            assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
            continue;
        }
        assert_true(hit);
        assert_error(&error, ERROR_MEMORY, "memory");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_gives_what_it_can_and_goes_on),
        cmocka_unit_test(a_buffer_keeps_what_was_written_and_remembers_the_failure),
        cmocka_unit_test(json_is_cut_by_a_buffer_that_failed),
        cmocka_unit_test(a_list_keeps_what_is_in_it_and_grows_when_there_is_memory_again),
        cmocka_unit_test(a_list_that_cannot_be_counted_does_not_grow),
        cmocka_unit_test(a_map_that_cannot_grow_is_empty_and_without_slots),
        cmocka_unit_test(a_digest_is_right_or_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
