#include "testing.h"

#include "base/hash.h"

static void hashes_as_xxh3_does(void **state)
{
    (void)state;
    /* The published value of XXH3_64bits for no bytes at all. */
    assert_true(hash_bytes((struct slice){NULL, 0}, 0) == 0x2d06800538d394c2u);
    assert_true(hash_bytes(SLICE(""), 0) == 0x2d06800538d394c2u);
}

static void hashes_other_bytes_and_seeds_to_other_values(void **state)
{
    (void)state;
    uint64_t hash = hash_bytes(SLICE("Order_ID"), 0);
    assert_true(hash == hash_bytes(SLICE("Order_ID"), 0));
    assert_true(hash != hash_bytes(SLICE("Order_IE"), 0));
    assert_true(hash != hash_bytes(SLICE("Order_ID"), 1));
    assert_true(hash != hash_bytes(SLICE("Order_I"), 0));
}

static void mixes_numbers_as_splitmix64_does(void **state)
{
    (void)state;
    /* The first outputs of the generator for the seeds 0 and 1234567. */
    assert_true(hash_u64(0) == 0xe220a8397b1dcdafu);
    assert_true(hash_u64(1234567) == 6457827717110365317u);
}

static struct digest digest_of(struct slice s)
{
    struct digester d;
    struct error error;
    assert_ok(digester_init(&d, &error), &error);
    digester_add(&d, s);
    return digester_take(&d);
}

static void assert_hex(const struct digest *digest, const char *wanted)
{
    char hex[DIGEST_HEX_SIZE];
    digest_hex(digest, hex);
    assert_string_equal(hex, wanted);
}

static const char abc_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char empty_hex[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void digests_as_sha256_does(void **state)
{
    (void)state;
    struct digest digest = digest_of(SLICE("abc"));
    assert_hex(&digest, abc_hex);
    digest = digest_of((struct slice){NULL, 0});
    assert_hex(&digest, empty_hex);
}

static void digests_pieces_as_it_does_the_whole(void **state)
{
    (void)state;
    char text[300];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)i;
    struct digest whole = digest_of((struct slice){text, sizeof text});
    struct digester d;
    struct error error;
    for (size_t step = 1; step < sizeof text; step++) {
        assert_ok(digester_init(&d, &error), &error);
        for (size_t at = 0; at < sizeof text; at += step)
            digester_add(&d, (struct slice){text + at, at + step < sizeof text ? step : sizeof text - at});
        struct digest pieces = digester_take(&d);
        assert_true(digest_equal(&pieces, &whole));
    }
}

static void is_for_one_digest(void **state)
{
    (void)state;
    struct digester d;
    struct error error;
    assert_ok(digester_init(&d, &error), &error);
    digester_add(&d, SLICE("noise"));
    digester_take(&d);
    assert_null(d.state);
    assert_ok(digester_init(&d, &error), &error);
    digester_add(&d, SLICE("abc"));
    struct digest digest = digester_take(&d);
    assert_hex(&digest, abc_hex);
    assert_ok(digester_init(&d, &error), &error);
    digest = digester_take(&d);
    assert_hex(&digest, empty_hex);
    assert_ok(digester_init(&d, &error), &error);
    digester_close(&d);
    assert_null(d.state);
    digester_close(&d);
}

static void adds_numbers_with_the_least_byte_first(void **state)
{
    (void)state;
    struct digester d;
    struct error error;
    assert_ok(digester_init(&d, &error), &error);
    digester_add_u64(&d, 0x8102030405060708u);
    struct digest number = digester_take(&d);
    struct digest bytes = digest_of(SLICE("\x08\x07\x06\x05\x04\x03\x02\x81"));
    assert_true(digest_equal(&number, &bytes));
}

static void tells_digests_apart_by_their_last_bit(void **state)
{
    (void)state;
    struct digest a = digest_of(SLICE("abc")), b = a;
    assert_true(digest_equal(&a, &b));
    b.bytes[DIGEST_SIZE - 1] ^= 1;
    assert_false(digest_equal(&a, &b));
}

static void reads_the_hexadecimal_it_writes_in_either_case(void **state)
{
    (void)state;
    struct digest digest;
    assert_true(digest_from_hex(slice_of(abc_hex), &digest));
    assert_hex(&digest, abc_hex);
    assert_true(digest_from_hex(SLICE("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), &digest));
    assert_hex(&digest, abc_hex);
}

static void refuses_hexadecimal_of_another_length_or_letter(void **state)
{
    (void)state;
    static const char strange[] = "g/:@G`\xff ";
    struct digest digest = digest_of(SLICE("kept")), kept = digest;
    assert_false(digest_from_hex((struct slice){abc_hex, 63}, &digest));
    assert_false(digest_from_hex((struct slice){abc_hex, 65}, &digest));
    assert_false(digest_from_hex((struct slice){NULL, 0}, &digest));
    for (size_t i = 0; i < sizeof strange; i++) {
        for (size_t at = 0; at < 64; at += 21) {
            char hex[64];
            memcpy(hex, abc_hex, sizeof hex);
            hex[at] = strange[i];
            assert_false(digest_from_hex((struct slice){hex, sizeof hex}, &digest));
        }
    }
    assert_true(digest_equal(&digest, &kept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_xxh3_does),
        cmocka_unit_test(hashes_other_bytes_and_seeds_to_other_values),
        cmocka_unit_test(mixes_numbers_as_splitmix64_does),
        cmocka_unit_test(digests_as_sha256_does),
        cmocka_unit_test(digests_pieces_as_it_does_the_whole),
        cmocka_unit_test(is_for_one_digest),
        cmocka_unit_test(adds_numbers_with_the_least_byte_first),
        cmocka_unit_test(tells_digests_apart_by_their_last_bit),
        cmocka_unit_test(reads_the_hexadecimal_it_writes_in_either_case),
        cmocka_unit_test(refuses_hexadecimal_of_another_length_or_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
