#include "testing.h"

#include <limits.h>

#include "base/text.h"

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void makes_slices_of_strings_and_of_none(void **state)
{
    (void)state;
    struct slice s = slice_of("abc");
    assert_int_equal(s.len, 3);
    assert_int_equal(slice_of(NULL).len, 0);
    assert_true(slice_equal(slice_of(NULL), SLICE("")));
}

static void compares_slices_as_unsigned_bytes(void **state)
{
    (void)state;
    /* In order: each is less than all that follow. */
    static const struct slice ordered[] = {
        {NULL, 0}, {"\0", 1}, {"a", 1}, {"a\0", 2}, {"aa", 2}, {"b", 1}, {"\x80", 1}, {"\xff", 1},
    };
    for (size_t i = 0; i < COUNT_OF(ordered); i++) {
        for (size_t j = 0; j < COUNT_OF(ordered); j++) {
            assert_int_equal(sign(slice_compare(ordered[i], ordered[j])), (i > j) - (i < j));
            assert_int_equal(slice_equal(ordered[i], ordered[j]), i == j);
        }
    }
}

static void finds_a_slice_among_others(void **state)
{
    (void)state;
    const struct slice list[] = {SLICE("ab"), SLICE(""), SLICE("cd")};
    assert_true(slice_among(SLICE("cd"), list, COUNT_OF(list)));
    assert_false(slice_among(SLICE("cd"), list, 2));
    assert_false(slice_among(SLICE("c"), list, COUNT_OF(list)));
    assert_true(slice_among(slice_of(NULL), list, COUNT_OF(list)));
    assert_false(slice_among(SLICE("ab"), NULL, 0));
}

static void trims_blanks_at_both_ends_only(void **state)
{
    (void)state;
    assert_slice(slice_trim(SLICE(" \t\r\n\v\fa b\f\v\n\r\t ")), "a b");
    assert_slice(slice_trim(SLICE(" \t ")), "");
    assert_slice(slice_trim((struct slice){NULL, 0}), "");
    assert_slice(slice_trim(SLICE("\xc2\xa0x\x0e")), "\xc2\xa0x\x0e");
}

static void knows_beginnings_and_ends(void **state)
{
    (void)state;
    struct slice none = {NULL, 0};
    assert_true(slice_starts_with(SLICE("a.csv"), SLICE("a.")));
    assert_false(slice_starts_with(SLICE("a.csv"), SLICE("b")));
    assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
    assert_true(slice_ends_with(SLICE("a.csv"), SLICE(".csv")));
    assert_false(slice_ends_with(SLICE("a.csv"), SLICE(".tsv")));
    assert_false(slice_ends_with(SLICE("csv"), SLICE(".csv")));
    assert_true(slice_starts_with(none, none));
    assert_true(slice_ends_with(none, none));
    assert_false(slice_ends_with(none, SLICE("a")));
}

static void knows_what_a_path_ends_in(void **state)
{
    (void)state;
    assert_true(slice_ends_path(SLICE("data/Orders/a.csv"), SLICE("a.csv")));
    assert_true(slice_ends_path(SLICE("data/Orders/a.csv"), SLICE("Orders/a.csv")));
    assert_true(slice_ends_path(SLICE("a.csv"), SLICE("a.csv")));
    assert_false(slice_ends_path(SLICE("data/ba.csv"), SLICE("a.csv")));
    assert_false(slice_ends_path(SLICE("a.csv"), SLICE("Orders/a.csv")));
    assert_false(slice_ends_path(SLICE("Orders/"), SLICE("")));
}

static void assert_escaped(struct slice s, const char *wanted)
{
    char out[256];
    assert_ptr_equal(text_escape(s, out, sizeof out), out);
    assert_string_equal(out, wanted);
}

static void escapes_control_bytes(void **state)
{
    (void)state;
    assert_escaped(SLICE("a\nb\tc\rd"), "a\\nb\\tc\\rd");
    assert_escaped(SLICE("\x1b[2J\x7f\0"), "\\x1b[2J\\x7f\\x00");
    assert_escaped(SLICE("back\\slash"), "back\\\\slash");
    assert_escaped(SLICE("\xc2\x9b"
                         "1m"),
                   "\\xc2\\x9b1m");
}

static void keeps_the_backslashes_of_what_was_escaped_before(void **state)
{
    (void)state;
    char once[64], out[64];
    text_escape(SLICE("a\n\xff\\"), once, sizeof once);
    assert_string_equal(text_escape_again(slice_of(once), out, sizeof out), once);
    assert_string_equal(text_escape_again(SLICE("\\x41\x1b"), out, sizeof out), "\\x41\\x1b");
    assert_string_equal(text_escape_again(SLICE("1234567\\9"), out, 9), "12345...");
}

/* A name that turns what stands behind it looks like another one. */
static void escapes_what_turns_a_line_or_ends_it_unseen(void **state)
{
    static const struct {
        uint32_t first, last;
    } unseen[] = {{0x80, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
    (void)state;
    for (uint32_t c = 0x80; c < 0x10000; c++) {
        bool is_unseen = false;
        for (size_t i = 0; i < COUNT_OF(unseen); i++)
            is_unseen |= c >= unseen[i].first && c <= unseen[i].last;
        if (c >= 0xd800 && c < 0xe000)
            continue;
        char text[3], wanted[16];
        size_t len = 0, written = 0;
        if (c >= 0x800)
            text[len++] = (char)(0xe0 | c >> 12);
        text[len++] = (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
        text[len++] = (char)(0x80 | (c & 0x3f));
        for (size_t i = 0; i < len; i++)
            written += (size_t)snprintf(wanted + written, sizeof wanted - written, is_unseen ? "\\x%02x" : "%c",
                                        (unsigned)(unsigned char)text[i]);
        assert_escaped((struct slice){text, len}, wanted);
    }
    assert_escaped(SLICE("a\xe2\x80\xae"
                         "vsc.b"),
                   "a\\xe2\\x80\\xaevsc.b");
}

static void shows_valid_text_and_escapes_invalid_bytes(void **state)
{
    (void)state;
    assert_escaped(SLICE("₦ é \xc2\xa0 \xf0\x9f\x98\x80"), "₦ é \xc2\xa0 \xf0\x9f\x98\x80");
    assert_escaped(SLICE("a\xff"
                         "b\xe2\x82"),
                   "a\\xffb\\xe2\\x82");
    assert_escaped(SLICE("\xc0\xaf"), "\\xc0\\xaf");
    assert_escaped((struct slice){NULL, 0}, "");
}

static void ends_what_does_not_fit_in_dots(void **state)
{
    (void)state;
    char out[16];
    assert_string_equal(text_escape(SLICE("12345678"), out, 9), "12345678");
    assert_string_equal(text_escape(SLICE("123456789"), out, 9), "12345...");
    assert_string_equal(text_escape(SLICE("1234\n6789"), out, 9), "1234...");
    assert_string_equal(text_escape(SLICE("123₦56789"), out, 9), "123...");
    assert_string_equal(text_escape(SLICE("\x01\x02\x03"), out, 9), "\\x01...");
    assert_string_equal(text_escape(SLICE("12"), out, 2), ".");
    assert_string_equal(text_escape(SLICE("12"), out, 1), "");
}

static void never_writes_behind_its_space(void **state)
{
    (void)state;
    struct slice s = SLICE("a\n₦\x01\xc2\x9b\xf0\x9f\x98\x80\xffzz");
    for (size_t size = 0; size < 64; size++) {
        char out[65];
        memset(out, '#', sizeof out);
        text_escape(s, out, size);
        for (size_t i = size; i < sizeof out; i++)
            assert_int_equal(out[i], '#');
        if (size > 0)
            assert_true(memchr(out, '\0', size) != NULL);
        if (size > 0)
            assert_int_equal(text_valid_utf8(slice_of(out)), strlen(out));
    }
}

PRINTF_LIKE(3, 4)
static size_t format(char *out, size_t size, const char *text, ...)
{
    va_list args;
    va_start(args, text);
    size_t len = text_format(out, size, text, args);
    va_end(args);
    assert_int_equal(len, strlen(out));
    return len;
}

static void formats_text_and_cuts_between_characters(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(format(out, 9, "%d %s", 7, "abcdef"), 8);
    assert_string_equal(out, "7 abcdef");
    format(out, 9, "%s", "123456789");
    assert_string_equal(out, "12345...");
    format(out, 9, "%s", "123₦56789");
    assert_string_equal(out, "123...");
    format(out, 3, "%s", "123");
    assert_string_equal(out, "..");
    format(out, 1, "%s", "1");
    assert_string_equal(out, "");
}

static void assert_json(struct slice s, const char *wanted)
{
    struct buf buf;
    buf_init(&buf, 4096);
    text_put_json(&buf, s);
    assert_false(buf.failed);
    assert_slice(buf_slice(&buf), wanted);
    buf_close(&buf);
}

static void writes_json_strings(void **state)
{
    (void)state;
    assert_json(SLICE("plain ₦ \x7f"), "\"plain ₦ \x7f\"");
    assert_json(SLICE("\"\\/"), "\"\\\"\\\\/\"");
    assert_json(SLICE("\b\f\n\r\t\0\x1f"), "\"\\b\\f\\n\\r\\t\\u0000\\u001f\"");
    assert_json((struct slice){NULL, 0}, "\"\"");
}

static void replaces_invalid_bytes_in_json(void **state)
{
    (void)state;
    assert_json(SLICE("a\xff"
                      "b"),
                "\"a\xef\xbf\xbd"
                "b\"");
    assert_json(SLICE("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json(SLICE("x\xe2\x82"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* Checks alone, and behind and before enough ASCII for the steps of eight bytes. */
static void assert_valid_prefix(struct slice s, size_t valid)
{
    assert_int_equal(text_valid_utf8(s), valid);
    char padded[64];
    for (size_t before = 0; before < 17; before++) {
        memset(padded, 'a', sizeof padded);
        memcpy(padded + before, s.data, s.len);
        size_t wanted = valid == s.len ? before + s.len + 16 : before + valid;
        assert_int_equal(text_valid_utf8((struct slice){padded, before + s.len + 16}), wanted);
    }
}

static void accepts_the_first_and_last_character_of_each_length(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "\x7f",         "\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbf",
    };
    for (size_t i = 0; i < COUNT_OF(valid); i++)
        assert_valid_prefix(slice_of(valid[i]), strlen(valid[i]));
    assert_valid_prefix(SLICE("a\0b"), 3);
    assert_int_equal(text_valid_utf8((struct slice){NULL, 0}), 0);
}

static void stops_at_what_rfc_3629_forbids(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc2\x41",
        "\xe2\x82\x41",
        "\xf0\x9f\x98\x41",
        "\xf0\x9f\x41\x80",
        "\xf8\x88\x80\x80",
    };
    for (size_t i = 0; i < COUNT_OF(invalid); i++)
        assert_valid_prefix(slice_of(invalid[i]), 0);
    assert_valid_prefix(SLICE("ok\xff"
                              "ok"),
                        2);
}

static void stops_before_a_character_that_is_cut(void **state)
{
    (void)state;
    struct slice s = SLICE("12345678\xf0\x9f\x98\x80");
    for (size_t len = 8; len < s.len; len++)
        assert_int_equal(text_valid_utf8((struct slice){s.data, len}), 8);
    assert_int_equal(text_valid_utf8(s), s.len);
}

static const char *const words[] = {"Order_ID", "Order_Time", "Order_Total", "SKU", "Quantity"};

static const char *nearest(const char *text)
{
    const char *word = text_nearest(slice_of(text), words, COUNT_OF(words));
    return word ? word : "none";
}

static void finds_the_word_behind_a_slip(void **state)
{
    (void)state;
    assert_string_equal(nearest("order_id"), "Order_ID");
    assert_string_equal(nearest("Order_Tiem"), "Order_Time");
    assert_string_equal(nearest("Order_Totl"), "Order_Total");
    assert_string_equal(nearest("Quanttity"), "Quantity");
    assert_string_equal(nearest("SUK"), "SKU");
    assert_string_equal(nearest("qtantiy"), "Quantity");
}

static void counts_a_swap_of_neighbours_as_one_slip(void **state)
{
    (void)state;
    /* Two replacements would be too far for five letters. */
    static const char *const one[] = {"abcde"};
    assert_non_null(text_nearest(SLICE("abced"), one, 1));
    assert_null(text_nearest(SLICE("abcxy"), one, 1));
}

static void prefers_a_swap_to_a_letter_more_or_less(void **state)
{
    (void)state;
    static const char *const comparisons[] = {"=", "<", "<=", ">", ">="};
    assert_string_equal(text_nearest(SLICE("=>"), comparisons, COUNT_OF(comparisons)), ">=");
    assert_string_equal(text_nearest(SLICE("<>"), comparisons, 2), "<");
}

static void finds_nothing_where_nothing_is_near(void **state)
{
    (void)state;
    assert_string_equal(nearest("Customer"), "none");
    assert_string_equal(nearest("ABC"), "none");
    assert_string_equal(nearest(""), "none");
    static const char *const letters[] = {"x", ""};
    assert_null(text_nearest(SLICE("y"), letters, COUNT_OF(letters)));
    assert_null(text_nearest(SLICE("y"), letters, 0));
}

static void reads_no_more_than_64_bytes_of_a_word(void **state)
{
    (void)state;
    char a[201] = {0}, b[301] = {0};
    memset(a, 'a', sizeof a - 1);
    memset(b, 'a', sizeof b - 1);
    memset(b + 64, 'b', 200);
    const char *const long_word[] = {b};
    assert_ptr_equal(text_nearest(slice_of(a), long_word, 1), b);
}

static void hints_at_the_nearest_word_at_a_message_s_end(void **state)
{
    (void)state;
    char out[TEXT_HINT_SIZE], word[2 * TEXT_HINT_SIZE] = {0};
    const char *const words_of[] = {"a\tb", word};
    memset(word, 'x', sizeof word - 1);
    assert_string_equal(text_hint(SLICE("Order_Totl"), words, COUNT_OF(words), out), "; did you mean \"Order_Total\"?");
    assert_string_equal(text_hint(SLICE("Customer"), words, COUNT_OF(words), out), "");
    assert_string_equal(text_hint(SLICE("a b"), words_of, COUNT_OF(words_of), out), "; did you mean \"a\\tb\"?");
    text_hint(slice_of(word), words_of, COUNT_OF(words_of), out);
    assert_true(slice_ends_with(slice_of(out), SLICE("xx...\"?")));
    assert_int_equal(strlen(out), TEXT_HINT_SIZE - 1);
}

static void tells_letters_and_digits_of_ascii(void **state)
{
    (void)state;
    size_t letters = 0, digits = 0, hex = 0, moved = 0;
    for (int c = CHAR_MIN; c <= CHAR_MAX; c++) {
        letters += text_is_letter((char)c);
        digits += text_is_digit((char)c);
        hex += text_hex_value((char)c) >= 0;
        moved += text_lower((char)c) != c;
    }
    assert_int_equal(letters, 52);
    assert_int_equal(digits, 10);
    assert_int_equal(hex, 22);
    assert_int_equal(moved, 26);
    assert_int_equal(text_hex_value('0'), 0);
    assert_int_equal(text_hex_value('9'), 9);
    assert_int_equal(text_hex_value('a'), 10);
    assert_int_equal(text_hex_value('F'), 15);
    assert_int_equal(text_lower('A'), 'a');
    assert_int_equal(text_lower('Z'), 'z');
}

static void groups_digits_by_thousands(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(text_count(0, out), "0");
    assert_string_equal(text_count(999, out), "999");
    assert_string_equal(text_count(1000, out), "1,000");
    assert_string_equal(text_count(1234567, out), "1,234,567");
    assert_string_equal(text_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_slices_of_strings_and_of_none),
        cmocka_unit_test(compares_slices_as_unsigned_bytes),
        cmocka_unit_test(finds_a_slice_among_others),
        cmocka_unit_test(trims_blanks_at_both_ends_only),
        cmocka_unit_test(knows_beginnings_and_ends),
        cmocka_unit_test(knows_what_a_path_ends_in),
        cmocka_unit_test(escapes_control_bytes),
        cmocka_unit_test(keeps_the_backslashes_of_what_was_escaped_before),
        cmocka_unit_test(escapes_what_turns_a_line_or_ends_it_unseen),
        cmocka_unit_test(shows_valid_text_and_escapes_invalid_bytes),
        cmocka_unit_test(ends_what_does_not_fit_in_dots),
        cmocka_unit_test(never_writes_behind_its_space),
        cmocka_unit_test(formats_text_and_cuts_between_characters),
        cmocka_unit_test(writes_json_strings),
        cmocka_unit_test(replaces_invalid_bytes_in_json),
        cmocka_unit_test(accepts_the_first_and_last_character_of_each_length),
        cmocka_unit_test(stops_at_what_rfc_3629_forbids),
        cmocka_unit_test(stops_before_a_character_that_is_cut),
        cmocka_unit_test(finds_the_word_behind_a_slip),
        cmocka_unit_test(counts_a_swap_of_neighbours_as_one_slip),
        cmocka_unit_test(prefers_a_swap_to_a_letter_more_or_less),
        cmocka_unit_test(finds_nothing_where_nothing_is_near),
        cmocka_unit_test(reads_no_more_than_64_bytes_of_a_word),
        cmocka_unit_test(hints_at_the_nearest_word_at_a_message_s_end),
        cmocka_unit_test(tells_letters_and_digits_of_ascii),
        cmocka_unit_test(groups_digits_by_thousands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
