#include "testing.h"

#include "base/buf.h"

static void keeps_what_is_put_in_order(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1024);
    buf_put(&buf, "ab\0c", 4);
    buf_put_slice(&buf, SLICE("de"));
    buf_put_slice(&buf, (struct slice){NULL, 0});
    buf_put_byte(&buf, 'f');
    buf_put_text(&buf, "gh");
    buf_printf(&buf, "%d-%s", 12, "i");
    assert_true(slice_equal(buf_slice(&buf), SLICE("ab\0cdefgh12-i")));
    assert_false(buf.failed);
    buf_close(&buf);
}

static void grows_by_doubling_up_to_its_limit(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    for (int i = 0; i < 129; i++)
        buf_put_byte(&buf, (uint8_t)i);
    assert_int_equal(buf.cap, 256);
    for (int i = 129; i < 1000; i++)
        buf_put_byte(&buf, (uint8_t)i);
    assert_int_equal(buf.cap, 1000);
    assert_int_equal(buf.len, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal((uint8_t)buf.data[i], (uint8_t)i);
    buf_close(&buf);
}

static void holds_exactly_its_limit_and_not_a_byte_more(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    buf_put_text(&buf, "12345");
    assert_false(buf.failed);
    buf_put_byte(&buf, '6');
    assert_true(buf.failed);
    assert_slice(buf_slice(&buf), "12345");
    buf_close(&buf);
}

static void does_nothing_after_a_failure_until_reset(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    buf_put_text(&buf, "12345");
    assert_true(buf.failed);
    buf_put_byte(&buf, 'x');
    buf_printf(&buf, "x");
    assert_null(buf_reserve(&buf, 1));
    assert_int_equal(buf.len, 0);
    buf_reset(&buf);
    buf_put_text(&buf, "1234");
    assert_false(buf.failed);
    assert_slice(buf_slice(&buf), "1234");
    buf_close(&buf);
}

static void keeps_its_memory_at_reset_and_its_limit_at_close(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 300);
    assert_non_null(buf_reserve(&buf, 300));
    char *data = buf.data;
    buf_reset(&buf);
    assert_ptr_equal(buf_reserve(&buf, 300), data);
    buf_close(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.limit, 300);
}

static void gives_room_that_the_caller_fills(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_put_text(&buf, "a");
    char *room = buf_reserve(&buf, 99);
    assert_ptr_equal(room, buf.data + 1);
    memset(room, 'b', 99);
    buf.len += 2;
    assert_slice(buf_slice(&buf), "abb");
    assert_null(buf_reserve(&buf, 98));
    buf_close(&buf);
}

static void refuses_sizes_that_would_overflow(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    buf_put_byte(&buf, 'a');
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    buf_close(&buf);
}

static void prints_text_of_every_length_at_every_place(void **state)
{
    (void)state;
    char text[201] = {0};
    memset(text, 'p', sizeof text - 1);
    for (int before = 0; before < 70; before++) {
        for (int length = 0; length <= 200; length += 7) {
            struct buf buf;
            buf_init(&buf, (size_t)(before + length));
            for (int i = 0; i < before; i++)
                buf_put_byte(&buf, '.');
            buf_printf(&buf, "%.*s", length, text);
            assert_false(buf.failed);
            assert_int_equal(buf.len, before + length);
            assert_memory_equal(buf.data + before, text, (size_t)length);
            buf_printf(&buf, "x");
            assert_true(buf.failed);
            buf_close(&buf);
        }
    }
}

static const uint64_t edges[] = {
    0, 1, 127, 128, 16383, 16384, UINT32_MAX, (uint64_t)1 << 62, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX,
};

static void reads_back_every_varint_it_writes(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1024);
    for (size_t i = 0; i < COUNT_OF(edges); i++)
        buf_put_varint(&buf, edges[i]);
    const char *at = buf.data;
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        uint64_t value;
        assert_true(varint_read(&at, buf.data + buf.len, &value));
        assert_int_equal(value, edges[i]);
    }
    assert_ptr_equal(at, buf.data + buf.len);
    buf_close(&buf);
}

static void writes_varints_as_leb128(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 64);
    buf_put_varint(&buf, 624485);
    assert_slice(buf_slice(&buf), "\xe5\x8e\x26");
    buf_reset(&buf);
    buf_put_varint(&buf, UINT64_MAX);
    assert_slice(buf_slice(&buf), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    buf_close(&buf);
}

static void refuse_varint(struct slice bytes)
{
    const char *at = bytes.data;
    uint64_t value = 42;
    assert_false(varint_read(&at, bytes.data + bytes.len, &value));
    assert_ptr_equal(at, bytes.data);
    assert_int_equal(value, 42);
}

static void refuses_a_cut_varint_at_every_length(void **state)
{
    (void)state;
    struct slice whole = SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    for (size_t len = 0; len < whole.len; len++)
        refuse_varint((struct slice){whole.data, len});
}

static void refuses_overlong_varints(void **state)
{
    (void)state;
    refuse_varint(SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
    refuse_varint(SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"));
    refuse_varint(SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"));
    refuse_varint(SLICE("\x80\x00"));
}

static void folds_signed_numbers_onto_small_ones(void **state)
{
    (void)state;
    static const int64_t order[] = {0, -1, 1, -2, 2};
    for (size_t i = 0; i < COUNT_OF(order); i++)
        assert_int_equal(zigzag_encode(order[i]), i);
    static const int64_t far[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, -1000000007};
    for (size_t i = 0; i < COUNT_OF(far); i++)
        assert_true(zigzag_decode(zigzag_encode(far[i])) == far[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_put_in_order),
        cmocka_unit_test(grows_by_doubling_up_to_its_limit),
        cmocka_unit_test(holds_exactly_its_limit_and_not_a_byte_more),
        cmocka_unit_test(does_nothing_after_a_failure_until_reset),
        cmocka_unit_test(keeps_its_memory_at_reset_and_its_limit_at_close),
        cmocka_unit_test(gives_room_that_the_caller_fills),
        cmocka_unit_test(refuses_sizes_that_would_overflow),
        cmocka_unit_test(prints_text_of_every_length_at_every_place),
        cmocka_unit_test(reads_back_every_varint_it_writes),
        cmocka_unit_test(writes_varints_as_leb128),
        cmocka_unit_test(refuses_a_cut_varint_at_every_length),
        cmocka_unit_test(refuses_overlong_varints),
        cmocka_unit_test(folds_signed_numbers_onto_small_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
