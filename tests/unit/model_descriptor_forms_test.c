/* How a descriptor reads files: the columns of a header by their names, the forms of CSV and JSON. */
#include "model_descriptors.h"

/* --- binding ------------------------------------------------------------------------------------------------------ */

#define BINDING                                                                                                        \
    "\"match\": [\"Extra Column\"], \"fields\": {"                                                                     \
    "\"Item_ID\": {\"type\": \"int64\", \"required\": true},"                                                          \
    "\"Price\": {\"type\": \"double\", \"required\": true, \"from\": [\"Unit Price\", \"Cost\"]},"                     \
    "\"Tip\": {\"type\": \"double\"}}}"

/* Binds a header of names separated by commas; the answer's words are put into `lacks`. */
static bool bind(const struct descriptor *d, const char *names, int *columns, char lacks[256])
{
    struct slice header[16];
    size_t count = 0;
    for (const char *at = names; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        header[count++] = (struct slice){at, strcspn(at, ",")};
    struct buf buf;
    buf_init(&buf, 255);
    bool fits = descriptor_bind(d, header, count, columns, &buf);
    memcpy(lacks, buf.data ? buf.data : "", buf.len);
    lacks[buf.len] = '\0';
    buf_close(&buf);
    int quiet[DESCRIPTOR_FIELDS_MAX];
    assert_int_equal(descriptor_bind(d, header, count, quiet, NULL), fits);
    return fits;
}

static void binds_fields_by_name_wherever_they_stand(void **state)
{
    const struct descriptor *d = load(*state, HEAD "\"names\": \"underscore\"," BINDING);
    int columns[3];
    char lacks[256];
    assert_true(bind(d, "Cost,Unit Price,x,Extra Column,Item ID", columns, lacks));
    assert_string_equal(lacks, "");
    assert_int_equal(columns[0], 4);
    assert_int_equal(columns[1], 1); /* the first of `from` that is there */
    assert_int_equal(columns[2], -1);
    assert_true(bind(d, "Item_ID,Extra_Column,Cost,Tip", columns, lacks));
    assert_int_equal(columns[1], 2);
    assert_int_equal(columns[2], 3);
}

static void takes_names_exactly_unless_told_otherwise(void **state)
{
    const struct descriptor *d = load(*state, HEAD BINDING);
    int columns[3];
    char lacks[256];
    assert_false(bind(d, "Item ID,Cost,Extra Column", columns, lacks));
    assert_string_equal(lacks, "lacks Item_ID (has \"Item ID\")");
    assert_true(bind(d, "Item_ID,Cost,Extra Column", columns, lacks));
    assert_false(bind(d, "item_id,Cost,Extra Column", columns, lacks));
}

static void says_all_that_a_header_lacks(void **state)
{
    const struct descriptor *d = load(*state, HEAD BINDING);
    int columns[3];
    char lacks[256];
    assert_false(bind(d, "Tip", columns, lacks));
    assert_string_equal(lacks, "lacks Item_ID, Price (\"Unit Price\" or \"Cost\"), Extra Column");
    assert_int_equal(columns[2], 0);
}

static void tells_a_column_that_is_nearly_the_one_it_lacks(void **state)
{
    static const struct {
        const char *header, *lacks;
    } cases[] = {{"ITEM-ID,unit price,Extra Column",
                  "lacks Item_ID (has \"ITEM-ID\"), Price (\"Unit Price\" or \"Cost\"; has \"unit price\")"},
                 {"Item_ID\u00a0,Cost.,Extra Column",
                  "lacks Item_ID (has \"Item_ID\u00a0\"), Price (\"Unit Price\" or \"Cost\"; has \"Cost.\")"},
                 {"Item_ID2,_,Cos,Extra Column", "lacks Item_ID, Price (\"Unit Price\" or \"Cost\")"}};
    const struct descriptor *d = load(*state, HEAD BINDING);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int columns[3];
        char lacks[256];
        assert_false(bind(d, cases[i].header, columns, lacks));
        assert_string_equal(lacks, cases[i].lacks);
    }
}

static void refuses_a_declared_column_that_stands_twice(void **state)
{
    const struct descriptor *d = load(*state, HEAD BINDING);
    int columns[3];
    char lacks[256];
    assert_false(bind(d, "Item_ID,Tip,Cost,Extra Column,Tip", columns, lacks));
    assert_string_equal(lacks, "column \"Tip\" stands twice");
    assert_false(bind(d, "Tip,Cost,Tip,Item_ID", columns, lacks));
    assert_string_equal(lacks, "column \"Tip\" stands twice; lacks Extra Column");
    assert_true(bind(d, "Item_ID,x,Cost,Extra Column,x", columns, lacks));
}

/* --- forms of files ----------------------------------------------------------------------------------------------- */

#define FIELD "\"fields\": { \"a\": { \"type\": \"text\" } } }"

static void reads_the_form_of_csv(void **state)
{
    const struct descriptor *d =
        load(*state, HEAD "\"encoding\": \"windows-1252\", \"delimiter\": \"\\t\", \"quote\": \"'\","
                          "\"comment\": \"//\", \"skip\": 1000, \"header\": [\"b\", \"a\"]," FIELD);
    assert_int_equal(d->form.encoding, DESCRIPTOR_WINDOWS1252);
    assert_int_equal(d->form.delimiter, '\t');
    assert_int_equal(d->form.quote, '\'');
    assert_slice(d->form.comment, "//");
    assert_int_equal(d->form.skip, 1000);
    assert_int_equal(d->form.header_count, 2);
    assert_slice(d->form.header[1], "a");
    d = load(*state, HEAD "\"quote\": \"none\"," FIELD);
    assert_int_equal(d->form.quote, '\0');
    assert_int_equal(d->form.encoding, DESCRIPTOR_UTF8);
    assert_int_equal(d->form.delimiter, ',');
    assert_int_equal(d->form.header_count, 0);
}

static void refuses_signs_that_cannot_part_or_quote_fields(void **state)
{
#define ONE_OF "expected one character such as \",\" \";\" \"|\" or \"\\t\"\n"
    assert_refused(*state, HEAD "\"delimiter\": \"a\"," FIELD, "1.json:2:14: \"delimiter\" is \"a\", " ONE_OF);
    assert_refused(*state, HEAD "\"delimiter\": \"||\"," FIELD, "1.json:2:14: \"delimiter\" is \"||\", " ONE_OF);
    assert_refused(*state, HEAD "\"delimiter\": \"\"," FIELD, "1.json:2:14: \"delimiter\" is \"\", " ONE_OF);
    assert_refused(*state, HEAD "\"delimiter\": \"\\n\"," FIELD, "1.json:2:14: \"delimiter\" is \"\\n\", " ONE_OF);
    assert_refused(*state, HEAD "\"quote\": \"no\"," FIELD,
                   "1.json:2:10: \"quote\" is \"no\", expected one character such as \"\\\"\" or \"'\", or \"none\"\n");
    assert_refused(
        *state, HEAD "\"quote\": \"\\t\"," FIELD,
        "1.json:2:10: \"quote\" is \"\\t\", expected one character such as \"\\\"\" or \"'\", or \"none\"\n");
    assert_refused(*state, HEAD "\"quote\": \";\", \"delimiter\": \";\"," FIELD,
                   "1.json:2:10: \"quote\" and \"delimiter\" are one character, expected two\n");
    assert_refused(*state, HEAD "\"delimiter\": \"\\\"\"," FIELD,
                   "1.json:2:14: \"quote\" and \"delimiter\" are one character, expected two\n");
}

static void refuses_comments_that_could_be_fields(void **state)
{
#define COMMENT                                                                                                        \
    "\"comment\" is what lines to be left out begin with, expected 1 to 8 signs such as \"#\" or \"--\", neither "     \
    "delimiter nor quote\n"
    assert_refused(*state, HEAD "\"comment\": \"\"," FIELD, "1.json:2:12: " COMMENT);
    assert_refused(*state, HEAD "\"comment\": \"#########\"," FIELD, "1.json:2:12: " COMMENT);
    assert_refused(*state, HEAD "\"comment\": \"rem\"," FIELD, "1.json:2:12: " COMMENT);
    assert_refused(*state, HEAD "\"comment\": \"#\\t\"," FIELD, "1.json:2:12: " COMMENT);
    assert_refused(*state, HEAD "\"comment\": \"#,\"," FIELD, "1.json:2:12: " COMMENT);
    assert_refused(*state, HEAD "\"quote\": \"'\", \"comment\": \"#'\"," FIELD, "1.json:2:26: " COMMENT);
}

static void refuses_headers_that_its_fields_cannot_read(void **state)
{
    assert_refused(*state, HEAD "\"header\": [\"a\", \"b\", \"a\"]," FIELD,
                   "1.json:2:22: \"header\" has \"a\" twice, expected it once\n");
    assert_refused(*state, HEAD "\"header\": []," FIELD, "1.json:2:11: \"header\" has 0 names, expected 1 to 4096\n");
    assert_refused(*state, HEAD "\"header\": \"b\"," FIELD, "1.json:2:27: \"header\" has no column that \"a\" reads\n");
    load(*state, HEAD "\"names\": \"underscore\", \"header\": [\"x y\"],"
                      "\"fields\": { \"a\": { \"type\": \"text\", \"from\": [\"q\", \"x_y\"] } } }");
    /* Fields that read no column need none. */
    load(*state, HEAD "\"header\": [\"a\"], \"fields\": { \"a\": { \"type\": \"text\" }, "
                      "\"b\": { \"type\": \"text\", \"constant\": \"x\" }, "
                      "\"c\": { \"type\": \"text\", \"derive\": { \"concat\": [\"a\", \"b\"] } } } }");
}

static void refuses_forms_of_another_kind(void **state)
{
    assert_refused(
        *state, HEAD "\"encoding\": \"latin1\", \"skip\": 1001," FIELD,
        "1.json:2:13: unknown word \"latin1\", expected utf-8, utf-16le, utf-16be, latin-1 or windows-1252; did "
        "you mean \"latin-1\"?\n"
        "1.json:2:31: \"skip\" is 1001, expected an integer from 0 to 1000\n");
    assert_refused(*state, HEAD "\"quote\": 1, \"delimiter\": null, \"comment\": [], \"header\": {}," FIELD,
                   "1.json:2:26: \"delimiter\" is null, expected a text\n"
                   "1.json:2:10: \"quote\" is a number, expected a text\n"
                   "1.json:2:43: \"comment\" is a list, expected a text\n"
                   "1.json:2:57: \"header\" is an object, expected a text or a list of texts\n");
    assert_refused(
        *state, "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"json\",\n\"skip\": 1, \"quote\": \"'\"," FIELD,
        "1.json:2:12: \"quote\" is for the format csv only\n1.json:2:1: \"skip\" is for the format csv only\n");
}

static void cuts_paths_into_steps(void **state)
{
    const struct descriptor *d =
        load(*state, "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"json\", \"fields\": {"
                     "\"a\": {\"type\": \"text\", \"from\": [\"plain\", \"x.y[].z\\\\.w\", \"No[]..\"]},"
                     "\"b\": {\"type\": \"text\"}, \"c\": {\"type\": \"text\", \"from\": \"x.y[]\"}}}");
    const struct descriptor_path *paths = d->fields[0].paths;
    assert_int_equal(paths[0].count, 0);
    assert_int_equal(paths[1].count, 3);
    assert_int_equal(paths[1].spread, 2);
    assert_slice(paths[1].steps[1], "y");
    assert_slice(paths[1].steps[2], "z.w");
    assert_int_equal(paths[2].count, 0); /* an empty step makes a plain name of it */
    assert_int_equal(paths[2].spread, 0);
    assert_null(d->fields[1].paths);
    assert_slice(d->spread, "x.y");
}

static void takes_signs_behind_a_backslash_for_a_name(void **state)
{
    const struct descriptor *d =
        load(*state,
             "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"json\", \"fields\": {"
             "\"a\": {\"type\": \"text\", \"from\": [\"a\\\\[]\", \"b\\\\[\\\\].c[1]\", \"d\\\\\\\\.e\", \"f\\\\g\"]},"
             "\"b\": {\"type\": \"text\", \"from\": \"h\\\\\\\\[].i\"}}}");
    const struct descriptor_path *paths = d->fields[0].paths, *rows = d->fields[1].paths;
    assert_int_equal(paths[0].count, 1);
    assert_slice(paths[0].steps[0], "a[]");
    assert_int_equal(paths[0].spread, 0);
    assert_int_equal(paths[1].count, 2);
    assert_slice(paths[1].steps[0], "b[]");
    assert_slice(paths[1].steps[1], "c[1]");
    assert_int_equal(paths[2].count, 2);
    assert_slice(paths[2].steps[0], "d\\");
    assert_int_equal(paths[3].count, 0); /* a backslash before another sign is one */
    assert_int_equal(rows[0].spread, 1);
    assert_slice(rows[0].steps[0], "h\\");
}

static void refuses_two_arrays_that_make_rows(void **state)
{
    assert_refused(*state,
                   "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"json\", \"fields\": {\n"
                   "\"a\": {\"type\": \"text\", \"from\": \"x[].y[].z\"},\n"
                   "\"b\": {\"type\": \"text\", \"from\": [\"x[].a\", \"y[].a\"]}}}",
                   "1.json:2:31: \"x[].y[].z\" has [] more than once, expected one array in a path\n"
                   "1.json:3:41: \"x[]\" and \"y[]\" both make rows, expected one such array in a descriptor\n");
    assert_refused(*state,
                   "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"json\", \"fields\": {\n"
                   "\"a\": {\"type\": \"text\", \"from\": \"x\\\\[].y[].a\"},\n"
                   "\"b\": {\"type\": \"text\", \"from\": \"x\\\\[].z[].a\"}}}",
                   "1.json:3:31: \"x\\\\[].y[]\" and \"x\\\\[].z[]\" both make rows, expected one such array in a "
                   "descriptor\n");
}

static void tells_whether_two_forms_are_one(void **state)
{
    struct fixture *f = *state;
    static const char *const keys[] = {"",
                                       "\"encoding\": \"latin-1\",",
                                       "\"delimiter\": \";\",",
                                       "\"quote\": \"none\",",
                                       "\"comment\": \"#\",",
                                       "\"skip\": 1,",
                                       "\"header\": \"a\",",
                                       "\"header\": [\"a\", \"b\"],",
                                       "\"header\": [\"a\", \"c\"],"};
    struct descriptor *all[COUNT_OF(keys)];
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        char text[512];
        snprintf(text, sizeof text, HEAD "%s" FIELD, keys[i]);
        all[i] = load(f, text);
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        for (size_t k = 0; k < COUNT_OF(keys); k++)
            assert_int_equal(descriptor_same_form(all[i], all[k]), i == k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(binds_fields_by_name_wherever_they_stand),
        TEST(takes_names_exactly_unless_told_otherwise),
        TEST(says_all_that_a_header_lacks),
        TEST(tells_a_column_that_is_nearly_the_one_it_lacks),
        TEST(refuses_a_declared_column_that_stands_twice),
        TEST(reads_the_form_of_csv),
        TEST(refuses_signs_that_cannot_part_or_quote_fields),
        TEST(refuses_comments_that_could_be_fields),
        TEST(refuses_headers_that_its_fields_cannot_read),
        TEST(refuses_forms_of_another_kind),
        TEST(cuts_paths_into_steps),
        TEST(takes_signs_behind_a_backslash_for_a_name),
        TEST(refuses_two_arrays_that_make_rows),
        TEST(tells_whether_two_forms_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
