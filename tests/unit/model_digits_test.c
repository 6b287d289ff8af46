#include "testing.h"

#include "model/digits.h"

/* digits_read by one character after the other. */
static bool read_plainly(const char *text, size_t len, struct digits *out)
{
    size_t points = 0;
    *out = (struct digits){0};
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' && points++ == 0)
            continue;
        if (text[i] < '0' || text[i] > '9')
            return false;
        out->units = out->units * 10 + (uint64_t)(text[i] - '0');
        out->whole += points == 0;
        out->places += points;
    }
    return len <= DIGITS_LEN_MAX && out->whole > 0 && (points == 0 || out->places > 0);
}

/* Of a copy on the heap, so that AddressSanitizer sees a read beside it. */
static void check(const char *text, size_t len)
{
    struct digits wanted, found;
    uint64_t number;
    char *copy = testing_heap(text, len);
    bool is_number = read_plainly(text, len, &wanted), read = digits_read((struct slice){copy, len}, &found);
    bool whole = digits_whole((struct slice){copy, len}, &number);
    free(copy);
    if (read != is_number ||
        (read && (found.units != wanted.units || found.whole != wanted.whole || found.places != wanted.places))) {
        print_error("\"%.*s\" is read as another number\n", (int)len, text);
        fail();
    }
    assert_int_equal(whole, is_number && wanted.places == 0 && len <= 8);
    if (whole)
        assert_true(number == wanted.units);
}

/* Mostly digits: else next to no text would be a number. */
static void reads_random_numbers_as_a_loop_does(void **state)
{
    static const char odd[] = "..-+/:eE \0\x7f\x80\xb0\xff\x1e";
    uint64_t random = 1;
    size_t numbers = 0;
    (void)state;
    for (size_t round = 0; round < 300000; round++) {
        char text[DIGITS_LEN_MAX + 2];
        struct digits ignored;
        size_t len = testing_random(&random) % (sizeof text + 1);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)('0' + testing_random(&random) % 10);
        if (len > 0 && round % 4 > 0)
            text[testing_random(&random) % len] = '.';
        if (len > 0 && round % 4 > 1)
            text[testing_random(&random) % len] = odd[testing_random(&random) % (sizeof odd - 1)];
        numbers += read_plainly(text, len, &ignored);
        check(text, len);
    }
    assert_true(numbers > 100000);
}

static void reads_every_byte_at_every_place(void **state)
{
    (void)state;
    for (size_t len = 1; len <= DIGITS_LEN_MAX + 1; len++) {
        for (size_t place = 0; place < len; place++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[DIGITS_LEN_MAX + 1];
                memset(text, '9', len);
                text[place] = (char)byte;
                check(text, len);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_random_numbers_as_a_loop_does),
        cmocka_unit_test(reads_every_byte_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
