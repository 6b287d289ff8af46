#include "testing.h"

#include <unistd.h>

#include "model/doc.h"

struct fixture {
    struct arena arena;
    struct doc_problems problems;
    struct doc doc;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, 64 * 1024 * 1024);
    doc_problems_init(&f->problems);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_close(&f->arena);
    doc_problems_close(&f->problems);
    free(f);
    return 0;
}

static bool parse_slice(struct fixture *f, struct slice text)
{
    doc_problems_close(&f->problems);
    doc_problems_init(&f->problems);
    return doc_parse(&f->doc, "x.json", text, &f->arena, &f->problems);
}

static const struct doc_node *parse(struct fixture *f, const char *text)
{
    if (!parse_slice(f, slice_of(text))) {
        print_error("%.*s", (int)f->problems.text.len, f->problems.text.data);
        fail();
    }
    return f->doc.root;
}

#define assert_problems(f, wanted) assert_slice(buf_slice(&(f)->problems.text), wanted)

/* The text is refused with exactly this one problem. */
static void assert_refused(struct fixture *f, const char *text, const char *problem)
{
    assert_false(parse_slice(f, slice_of(text)));
    assert_null(f->doc.root);
    assert_int_equal(f->problems.count, 1);
    char line[512];
    snprintf(line, sizeof line, "%s\n", problem);
    assert_problems(f, line);
}

static void gives_every_node_its_line_and_column(void **state)
{
    const struct doc_node *root = parse(*state, "{\n  \"a\": 1,\n\t\"bé\": [ true,\r\n null]}");
    assert_int_equal(root->line, 1);
    assert_int_equal(root->column, 1);
    const struct doc_node *a = root->child, *b = a->next;
    assert_int_equal(a->name_line, 2);
    assert_int_equal(a->name_column, 3);
    assert_int_equal(a->line, 2);
    assert_int_equal(a->column, 8);
    assert_int_equal(b->name_line, 3);
    assert_int_equal(b->name_column, 2);
    assert_int_equal(b->column, 9); /* columns count bytes: é has two */
    assert_int_equal(b->child->column, 11);
    assert_int_equal(b->child->next->line, 4);
    assert_int_equal(b->child->next->column, 2);
}

static void keeps_the_order_and_the_kinds_of_the_file(void **state)
{
    const struct doc_node *node = parse(*state, "[{}, [], \"t\", -1.50e+3, true, false, null]");
    assert_int_equal(node->kind, DOC_ARRAY);
    assert_int_equal(node->count, 7);
    static const enum doc_kind kinds[] = {DOC_OBJECT, DOC_ARRAY, DOC_STRING, DOC_NUMBER, DOC_BOOL, DOC_BOOL, DOC_NULL};
    const struct doc_node *child = node->child;
    for (size_t i = 0; i < COUNT_OF(kinds); i++, child = child->next)
        assert_int_equal(child->kind, kinds[i]);
    assert_null(child);
    assert_true(node->child->next->next->next->next->truth);
    assert_false(node->child->next->next->next->next->next->truth);
}

static void keeps_a_number_as_it_was_written(void **state)
{
    const struct doc_node *node = parse(*state, "[9007199254740993, 1e400, 0.10]");
    assert_string_equal(doc_text(node->child), "9007199254740993");
    assert_string_equal(doc_text(node->child->next), "1e400");
    assert_string_equal(doc_text(node->child->next->next), "0.10");
}

static void decodes_escapes_in_texts_and_names(void **state)
{
    const struct doc_node *node = parse(*state, "{\"\\u0061\\n\": \"\\u20a6 \\ud83d\\ude00 \\\"\\\\\\/\"}");
    assert_slice(node->child->name, "a\n");
    assert_string_equal(doc_text(node->child), "₦ 😀 \"\\/");
}

static void skips_a_byte_order_mark(void **state)
{
    const struct doc_node *node = parse(*state, "\xef\xbb\xbf{\"a\": 1}");
    assert_int_equal(node->column, 1);
    assert_int_equal(node->child->name_column, 2);
}

static void tells_what_was_found_and_what_was_expected(void **state)
{
    assert_refused(*state, "", "x.json:1:1: found the end of the file, expected a value");
    assert_refused(*state, " \n ", "x.json:2:2: found the end of the file, expected a value");
    assert_refused(*state, "{\"a\": tru}", "x.json:1:7: found \"tru\", expected a value");
    assert_refused(*state, "{\"a\": 1\n \"b\": 2}", "x.json:2:2: found a text, expected \",\" or \"}\"");
    assert_refused(*state, "[1 2]", "x.json:1:4: found \"2\", expected \",\" or \"]\"");
    assert_refused(*state, "{a: 1}", "x.json:1:2: found \"a\", expected a name in quotes");
    assert_refused(*state, "{\"a\" 1}", "x.json:1:6: found \"1\", expected \":\"");
    assert_refused(*state, "{\"a\": 1,}", "x.json:1:9: found \"}\", expected a name in quotes");
    assert_refused(*state, "[1,]", "x.json:1:4: found \"]\", expected a value");
    assert_refused(*state, "{\"a\": 1, // one\n}",
                   "x.json:1:10: found \"/\", expected a name in quotes; JSON has no comments");
    assert_refused(*state, "[₦]", "x.json:1:2: found \"₦\", expected a value");
}

static void refuses_what_follows_the_value(void **state)
{
    assert_refused(*state, "{\"a\":1}{\"b\":2}", "x.json:1:8: found \"{\", expected the end of the file");
    assert_refused(*state, "1 x", "x.json:1:3: found \"x\", expected the end of the file");
}

static void refuses_a_text_that_does_not_close(void **state)
{
    assert_refused(*state, "[\"abc", "x.json:1:2: a text that never closes");
    assert_refused(*state, "[\"abc\n\"]",
                   "x.json:1:2: a text that does not close on its line; write \\n for a line break");
}

static void refuses_what_a_text_cannot_hold(void **state)
{
    assert_refused(*state, "[\"a\\u0000b\"]", "x.json:1:4: a text cannot hold NUL (\\u0000)");
    assert_refused(*state, "[\"a\tb\"]", "x.json:1:4: found \"\\t\", expected no control character in a text");
    assert_refused(*state, "[\"\\ud800\"]", "x.json:1:3: half of a surrogate pair stands alone");
    assert_refused(*state, "[\"\\ud800\\u0041\"]", "x.json:1:3: half of a surrogate pair stands alone");
    assert_refused(*state, "[\"\\udc00\"]", "x.json:1:3: half of a surrogate pair stands alone");
    assert_refused(*state, "[\"\\u12g4\"]", "x.json:1:3: \\u needs four hexadecimal digits");
    assert_refused(*state, "[\"\\x41\"]",
                   "x.json:1:3: unknown escape; JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX");
}

static void refuses_a_raw_nul_byte(void **state)
{
    struct fixture *f = *state;
    assert_false(parse_slice(f, SLICE("[1\0]")));
    assert_problems(f, "x.json:1:3: found \"\\x00\", expected \",\" or \"]\"\n");
    assert_false(parse_slice(f, SLICE("[\"a\0b\"]")));
    assert_problems(f, "x.json:1:4: found \"\\x00\", expected no control character in a text\n");
}

static void refuses_bytes_that_are_not_utf8(void **state)
{
    assert_refused(*state, "[\n \"ab\xff\"]", "x.json:2:5: byte 0xff is not UTF-8");
    assert_refused(*state, "[\"\xed\xa0\x80\"]", "x.json:1:3: byte 0xed is not UTF-8");
}

static void refuses_numbers_that_json_does_not_write(void **state)
{
    static const char *const numbers[] = {"01", "1.", ".5", "-", "1e", "+1", "0x10", "1_000"};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        assert_false(parse_slice(*state, slice_of(numbers[i])));
    assert_refused(*state, "[01]", "x.json:1:2: found \"01\", expected a number as JSON writes it");
    assert_refused(*state, "1234567890123456789012345678901234567890123456789012345678901234",
                   "x.json:1:1: a number of more than 63 characters");
}

static void refuses_a_name_that_stands_twice(void **state)
{
    assert_refused(*state, "{\"a\": 1,\n \"b\": 2,\n \"a\": 3}",
                   "x.json:3:2: \"a\" stands twice in this object, first on line 1");
    assert_refused(*state, "[{\"x\": {\"a\": 1, \"\\u0061\": 2}}]",
                   "x.json:1:17: \"a\" stands twice in this object, first on line 1");
    parse(*state, "[{\"a\": 1}, {\"a\": 2, \"A\": 3}]");
}

static void refuses_depth_over_its_limit(void **state)
{
    char text[2 * (DOC_DEPTH_MAX + 1) + 1] = {0};
    memset(text, '[', DOC_DEPTH_MAX + 1);
    memset(text + DOC_DEPTH_MAX + 1, ']', DOC_DEPTH_MAX + 1);
    assert_refused(*state, text, "x.json:1:33: nested more than 32 deep");
    text[2 * DOC_DEPTH_MAX + 1] = '\0';
    parse(*state, text + 1);
}

static void refuses_every_cut_of_a_document(void **state)
{
    static const char whole[] = "{\"a\": [1, \"\\u00e9\\n\", {\"b\": null}], \"c\": -1.5e3}";
    struct fixture *f = *state;
    parse(f, whole);
    for (size_t len = 0; len + 1 < sizeof whole; len++) {
        assert_false(parse_slice(f, (struct slice){whole, len}));
        assert_int_equal(f->problems.count, 1);
    }
}

static void loads_a_file_and_names_it_in_problems(void **state)
{
    struct fixture *f = *state;
    char folder[TESTING_PATH_MAX], path[TESTING_PATH_MAX + 16], wanted[TESTING_PATH_MAX + 64];
    testing_folder_make(folder);
    snprintf(path, sizeof path, "%s/d.json", folder);
    FILE *file = fopen(path, "w");
    fputs("{\"a\": 1}", file);
    fclose(file);
    assert_true(doc_load(&f->doc, path, &f->arena, &f->problems));
    assert_slice(f->doc.text, "{\"a\": 1}");
    doc_problem(&f->doc, f->doc.root->child, "too %s", "small");
    snprintf(wanted, sizeof wanted, "%s:1:7: too small\n", path);
    assert_problems(f, wanted);
    testing_folder_remove(folder);
}

static void says_why_a_file_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    assert_false(doc_load(&f->doc, "/nonexistent/d.json", &f->arena, &f->problems));
    assert_false(doc_load(&f->doc, "/tmp", &f->arena, &f->problems));
    assert_problems(
        f, "/nonexistent/d.json:1:1: cannot be read: No such file or directory\n/tmp:1:1: not a regular file\n");
}

static void refuses_a_file_over_its_limit(void **state)
{
    struct fixture *f = *state;
    char folder[TESTING_PATH_MAX], path[TESTING_PATH_MAX + 16];
    testing_folder_make(folder);
    snprintf(path, sizeof path, "%s/d.json", folder);
    FILE *file = fopen(path, "w");
    assert_int_equal(ftruncate(fileno(file), DOC_SIZE_MAX + 1), 0);
    fclose(file);
    assert_false(doc_load(&f->doc, path, &f->arena, &f->problems));
    assert_non_null(strstr(f->problems.text.data, "d.json:1:1: larger than 1048576 bytes\n"));
    testing_folder_remove(folder);
}

static void shows_a_path_and_a_message_on_one_line(void **state)
{
    struct fixture *f = *state;
    assert_false(doc_parse(&f->doc, "a\nb.json", SLICE("{"), &f->arena, &f->problems));
    assert_problems(f, "a\\nb.json:1:2: found the end of the file, expected a name in quotes\n");
    doc_problems_close(&f->problems);
    doc_problems_init(&f->problems);
    doc_problem(&f->doc, NULL, "a %s", "\n");
    assert_problems(f, "a\\nb.json:1:1: a ?\n");
}

static void counts_more_problems_than_it_keeps(void **state)
{
    struct fixture *f = *state;
    const struct doc_node *root = parse(f, "{}");
    for (int i = 0; i < DOC_PROBLEMS_MAX + 7; i++)
        assert_false(doc_problem(root->doc, root, "%03d", i));
    assert_int_equal(f->problems.count, DOC_PROBLEMS_MAX + 7);
    assert_int_equal(f->problems.text.len, strlen("x.json:1:1: 000\n") * DOC_PROBLEMS_MAX);
}

static void tells_a_problem_once(void **state)
{
    struct fixture *f = *state;
    const struct doc_node *root = parse(f, "{}");
    static const char *const told[] = {"one", "two", "one", "two", "three", "e"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        assert_false(doc_problem(root->doc, root, "%s", told[i]));
    assert_problems(f, "x.json:1:1: one\nx.json:1:1: two\nx.json:1:1: three\nx.json:1:1: e\n");
    assert_int_equal(f->problems.count, 4);
}

static void reports_unknown_members_with_the_nearest_word(void **state)
{
    static const char *const words[] = {"feed", "version", "fields"};
    struct fixture *f = *state;
    const struct doc_node *root = parse(f, "{\"feeed\": 1,\n \"version\": 1, \"zzzzzz\": 2}");
    assert_false(doc_only(root, words, COUNT_OF(words)));
    assert_problems(f, "x.json:1:2: unknown word \"feeed\", expected feed, version or fields; did you mean \"feed\"?\n"
                       "x.json:2:16: unknown word \"zzzzzz\", expected feed, version or fields\n");
    assert_true(doc_only(parse(f, "{\"feed\": 1}"), words, COUNT_OF(words)));
}

static void reads_members_of_the_kind_asked_for(void **state)
{
    struct fixture *f = *state;
    const struct doc_node *root = parse(f, "{\"s\": \"x\", \"i\": -5, \"b\": true, \"o\": {}, \"c\": \"two\"}");
    static const char *const words[] = {"one", "two"};
    const char *text = NULL;
    int64_t integer = 0;
    bool truth = false;
    const struct doc_node *object = NULL;
    size_t choice = 0;
    assert_true(doc_string(root, "s", true, &text));
    assert_string_equal(text, "x");
    assert_true(doc_integer(root, "i", true, -5, 5, &integer));
    assert_int_equal(integer, -5);
    assert_true(doc_bool(root, "b", &truth));
    assert_true(truth);
    assert_true(doc_object(root, "o", true, &object));
    assert_ptr_equal(object, doc_member(root, "o"));
    assert_true(doc_choice(root, "c", true, words, 2, &choice));
    assert_int_equal(choice, 1);
    assert_int_equal(f->problems.count, 0);
}

static void leaves_the_fallback_of_a_missing_member(void **state)
{
    const struct doc_node *root = parse(*state, "{}");
    const char *text = "before";
    int64_t integer = 7;
    bool truth = true;
    const struct doc_node *object = root;
    const char **list = NULL;
    size_t count = 9;
    assert_true(doc_string(root, "m", false, &text));
    assert_string_equal(text, "before");
    assert_true(doc_integer(root, "m", false, 0, 1, &integer));
    assert_int_equal(integer, 7);
    assert_true(doc_bool(root, "m", &truth));
    assert_true(truth);
    assert_true(doc_object(root, "m", false, &object));
    assert_ptr_equal(object, root);
    assert_true(doc_strings(root, "m", false, &list, &count));
    assert_null(list);
}

static void reports_missing_members_at_their_object(void **state)
{
    struct fixture *f = *state;
    const struct doc_node *root = parse(f, "\n {}");
    const char *text;
    const char **list;
    int64_t integer;
    size_t count;
    const struct doc_node *object;
    assert_false(doc_string(root, "a", true, &text));
    assert_false(doc_integer(root, "b", true, 0, 1, &integer));
    assert_false(doc_strings(root, "c", true, &list, &count));
    assert_false(doc_object(root, "d", true, &object));
    assert_problems(f, "x.json:2:2: \"a\" is missing\nx.json:2:2: \"b\" is missing\n"
                       "x.json:2:2: \"c\" is missing\nx.json:2:2: \"d\" is missing\n");
}

static void reports_members_of_another_kind(void **state)
{
    struct fixture *f = *state;
    static const char *const words[] = {"one", "two"};
    const struct doc_node *root =
        parse(f, "{\"s\": 1, \"i\": \"1\", \"b\": null,\n\"o\": [], \"l\": {}, \"m\": [\"x\", 2], \"c\": \"tow\"}");
    const char *text;
    const char **list;
    int64_t integer;
    bool truth;
    size_t count;
    const struct doc_node *object;
    assert_false(doc_string(root, "s", false, &text));
    assert_false(doc_integer(root, "i", false, 0, 1, &integer));
    assert_false(doc_bool(root, "b", &truth));
    assert_false(doc_object(root, "o", false, &object));
    assert_false(doc_strings(root, "l", false, &list, &count));
    assert_false(doc_strings(root, "m", false, &list, &count));
    assert_false(doc_choice(root, "c", false, words, 2, &count));
    assert_problems(f, "x.json:1:7: \"s\" is a number, expected a text\n"
                       "x.json:1:15: \"i\" is a text, expected an integer\n"
                       "x.json:1:25: \"b\" is null, expected true or false\n"
                       "x.json:2:6: \"o\" is a list, expected an object\n"
                       "x.json:2:15: \"l\" is an object, expected a text or a list of texts\n"
                       "x.json:2:30: \"m\" lists a number, expected texts only\n"
                       "x.json:2:39: unknown word \"tow\", expected one or two; did you mean \"two\"?\n");
}

static void reports_integers_out_of_range_or_with_a_fraction(void **state)
{
    struct fixture *f = *state;
    const struct doc_node *root = parse(f, "{\"a\": 6, \"b\": 1.5, \"c\": 99999999999999999999, \"d\": 1e1}");
    int64_t integer;
    assert_false(doc_integer(root, "a", true, 1, 5, &integer));
    assert_false(doc_integer(root, "b", true, 1, 5, &integer));
    assert_false(doc_integer(root, "c", true, 1, INT64_MAX, &integer));
    assert_false(doc_integer(root, "d", true, 1, 50, &integer));
    assert_problems(f, "x.json:1:7: \"a\" is 6, expected an integer from 1 to 5\n"
                       "x.json:1:15: \"b\" is 1.5, expected an integer from 1 to 5\n"
                       "x.json:1:25: \"c\" is 99999999999999999999, expected an integer from 1 to 9223372036854775807\n"
                       "x.json:1:52: \"d\" is 1e1, expected an integer from 1 to 50\n");
}

static void takes_one_text_for_a_list_of_one(void **state)
{
    struct fixture *f = *state;
    const struct doc_node *root = parse(f, "{\"a\": \"x\", \"b\": [\"y\", \"z\"], \"c\": []}");
    const char **list = NULL;
    size_t count = 0;
    assert_true(doc_strings(root, "a", true, &list, &count));
    assert_int_equal(count, 1);
    assert_string_equal(list[0], "x");
    assert_true(doc_strings(root, "b", true, &list, &count));
    assert_int_equal(count, 2);
    assert_string_equal(list[1], "z");
    assert_true(doc_strings(root, "c", true, &list, &count));
    assert_int_equal(count, 0);
}

static void says_so_when_memory_is_out(void **state)
{
    struct fixture *f = *state;
    struct arena small;
    size_t parsed = 0;
    for (size_t limit = 0; limit < 4096; limit += 8) {
        doc_problems_close(&f->problems);
        doc_problems_init(&f->problems);
        arena_init(&small, limit);
        if (doc_parse(&f->doc, "x.json", SLICE("{\"a\": [1, \"b\", {\"c\": true}]}"), &small, &f->problems))
            parsed++;
        else
            assert_non_null(strstr(f->problems.text.data, ":1:1: out of memory\n"));
        arena_close(&small);
    }
    assert_in_range(parsed, 1, 511);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(gives_every_node_its_line_and_column),
        TEST(keeps_the_order_and_the_kinds_of_the_file),
        TEST(keeps_a_number_as_it_was_written),
        TEST(decodes_escapes_in_texts_and_names),
        TEST(skips_a_byte_order_mark),
        TEST(tells_what_was_found_and_what_was_expected),
        TEST(refuses_what_follows_the_value),
        TEST(refuses_a_text_that_does_not_close),
        TEST(refuses_what_a_text_cannot_hold),
        TEST(refuses_a_raw_nul_byte),
        TEST(refuses_bytes_that_are_not_utf8),
        TEST(refuses_numbers_that_json_does_not_write),
        TEST(refuses_a_name_that_stands_twice),
        TEST(refuses_depth_over_its_limit),
        TEST(refuses_every_cut_of_a_document),
        TEST(loads_a_file_and_names_it_in_problems),
        TEST(says_why_a_file_cannot_be_read),
        TEST(refuses_a_file_over_its_limit),
        TEST(shows_a_path_and_a_message_on_one_line),
        TEST(counts_more_problems_than_it_keeps),
        TEST(tells_a_problem_once),
        TEST(reports_unknown_members_with_the_nearest_word),
        TEST(reads_members_of_the_kind_asked_for),
        TEST(leaves_the_fallback_of_a_missing_member),
        TEST(reports_missing_members_at_their_object),
        TEST(reports_members_of_another_kind),
        TEST(reports_integers_out_of_range_or_with_a_fraction),
        TEST(takes_one_text_for_a_list_of_one),
        TEST(says_so_when_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
