/* What a derived field may be made of, and the mistakes that are told. */
#include "model_descriptors.h"

/* A descriptor of version 1 with the fields Price (decimal), N (int64), S (text), T (timestamp), and these; the first
   of them begins at 3:1. */
static const struct descriptor *try_fields(struct fixture *f, const char *fields)
{
    char text[65536];
    int len =
        snprintf(text, sizeof text,
                 "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"csv\", \"fields\": {\n"
                 "\"Price\": {\"type\": \"decimal(9,2)\"}, \"N\": {\"type\": \"int64\"}, \"S\": {\"type\": \"text\"}, "
                 "\"T\": {\"type\": \"timestamp\"},\n%s}}",
                 fields);
    assert_in_range(len, 1, sizeof text - 1);
    return try_text(f, text);
}

static void tells_each_mistake_at_its_place(void **state)
{
    static const char *const cases[][2] = {
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"Pirce\"]}}",
         "3:48: unknown field \"Pirce\"; did you mean \"Price\"?"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"nothing at all\"]}}",
         "3:48: unknown field \"nothing at all\""},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"S\"]}}",
         "3:48: \"S\" is text, expected int64 or a decimal for \"add\""},
        {"\"D\": {\"type\": \"text\", \"derive\": {\"multiply\": [\"N\", \"N\"]}}",
         "3:15: \"type\" is text, but \"multiply\" makes an int64 or a decimal"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"concat\": [\"S\", \"S\"]}}",
         "3:15: \"type\" is int64, but \"concat\" makes text"},
        {"\"D\": {\"type\": \"timestamp\", \"derive\": {\"date\": \"T\"}}",
         "3:15: \"type\" is timestamp, but \"date\" makes a date"},
        {"\"D\": {\"type\": \"date\", \"derive\": {\"date\": \"S\"}}",
         "3:42: \"S\" is text, expected timestamp for \"date\""},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"coalesce\": [\"N\", \"Price\"]}}",
         "3:53: \"Price\" is decimal(9,2), expected a type of which this one holds every value for \"coalesce\""},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"divide\": [\"N\", \"N\"]}}",
         "3:35: unknown word \"divide\", expected add, subtract, multiply, coalesce, concat, date, join or zone"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {}}",
         "3:34: \"derive\" says 0 things to do, expected one of add, subtract, multiply, coalesce, concat and date"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"N\"], \"multiply\": [\"N\", \"N\"]}}",
         "3:34: \"derive\" says 2 things to do, expected one of add, subtract, multiply, coalesce, concat and date"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": \"N\"}}", "3:42: \"add\" names 1 fields, expected 2 to 8"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"multiply\": [\"N\", \"N\", \"N\"]}}",
         "3:47: \"multiply\" names 3 fields, expected 2"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", 1]}}",
         "3:48: \"add\" lists a number, expected texts only"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"N\"], \"join\": \"x\"}}",
         "3:62: \"join\" goes with \"concat\""},
        {"\"D\": {\"type\": \"int64\", \"derive\": \"N\"}", "3:34: \"derive\" is a text, expected an object"},
        {"\"D\": {\"type\": \"int64\", \"from\": \"N\", \"derive\": {\"add\": [\"N\", \"N\"]}}",
         "3:24: \"from\" does not go with \"derive\", which reads no column"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"D\"]}}",
         "3:42: \"D\" is derived in a circle: D, and D again"},
        {"\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"E\"]}},\n"
         "\"E\": {\"type\": \"int64\", \"derive\": {\"add\": [\"F\", \"N\"]}},\n"
         "\"F\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"E\"]}}",
         "4:42: \"E\" is derived in a circle: E, F, and E again"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[512];
        snprintf(line, sizeof line, "1.json:%s\n", cases[i][1]);
        assert_null(try_fields(*state, cases[i][0]));
        assert_slice(buf_slice(&((struct fixture *)*state)->problems.text), line);
    }
}

static void puts_each_behind_what_it_is_made_of(void **state)
{
    static const char *const wanted[] = {"G", "E", "F", "D"};
    const struct descriptor *d =
        try_fields(*state, "\"D\": {\"type\": \"int64\", \"derive\": {\"add\": [\"E\", \"F\"]}},"
                           "\"E\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"G\"]}, \"required\": true},"
                           "\"F\": {\"type\": \"int64\", \"derive\": {\"multiply\": [\"G\", \"E\"]}},"
                           "\"G\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"N\"]}}");
    assert_non_null(d);
    assert_int_equal(d->derived_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        assert_string_equal(d->fields[d->derived[i]].name, wanted[i]);
    assert_false(descriptor_field(d, "Price")->is_source);
    assert_true(descriptor_field(d, "N")->is_source);
    assert_false(descriptor_field_needs_column(descriptor_field(d, "E")));
    assert_true(descriptor_field_is_filled(descriptor_field(d, "E")));
    assert_false(descriptor_declares(d, SLICE("D")));
}

static void takes_so_many_and_no_more(void **state)
{
    char fields[8192];
    for (size_t count = DESCRIPTOR_DERIVED_MAX; count <= DESCRIPTOR_DERIVED_MAX + 1; count++) {
        size_t len = 0;
        for (size_t i = 0; i < count; i++) {
            char before[32] = "N";
            if (i > 0)
                snprintf(before, sizeof before, "D%zu", i - 1);
            len += (size_t)snprintf(fields + len, sizeof fields - len,
                                    "%s\"D%zu\": {\"type\": \"int64\", \"derive\": {\"add\": [\"N\", \"%s\"]}}",
                                    i > 0 ? ", " : "", i, before);
        }
        const struct descriptor *d = try_fields(*state, fields);
        assert_int_equal(d != NULL, count == DESCRIPTOR_DERIVED_MAX);
    }
    assert_slice(buf_slice(&((struct fixture *)*state)->problems.text),
                 "1.json:1:60: 33 fields are derived, expected at most 32\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_each_mistake_at_its_place),
        TEST(puts_each_behind_what_it_is_made_of),
        TEST(takes_so_many_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
