/* A descriptor and its fields: what it may say, and how mistakes are told. model_descriptor_forms_test.c has files. */
#include "model_descriptors.h"

/* The same for a descriptor with the one field `field`, which begins at 2:13. */
static void assert_field_refused(struct fixture *f, const char *field, const char *problem)
{
    char text[1024], line[1024];
    snprintf(text, sizeof text, HEAD "\"fields\": { %s } }", field);
    snprintf(line, sizeof line, "%s\n", problem);
    assert_refused(f, text, line);
}

static const struct descriptor_field *load_field(struct fixture *f, const char *field)
{
    char text[1024];
    snprintf(text, sizeof text, HEAD "\"fields\": { %s } }", field);
    return &load(f, text)->fields[0];
}

static void reads_a_descriptor_with_every_key(void **state)
{
    struct descriptor *d =
        load(*state,
             HEAD "\"names\": \"underscore\", \"null\": [\"\", \"-\"], \"match\": [\"Debt Amount\"],\n"
                  "\"fields\": {\n"
                  "  \"Id\": {\"type\": \"int64\", \"from\": [\"Item Id\", \"ID\"], \"required\": true,\n"
                  "         \"extract\": \"^G-([0-9]+)$\", \"doc\": \"The number\"},\n"
                  "  \"Price\": {\"type\": \"decimal(18,2)\", \"strip_prefix\": [\"$\", \"USD\"], \"null\": \"n/a\"},\n"
                  "  \"Unit\": {\"type\": \"text\", \"map\": {\"pc\": \"piece\", \"kg\": \"kilogram\"}},\n"
                  "  \"Day\": {\"type\": \"date\", \"formats\": [\"%d.%m.%Y\", \"iso8601\"]}\n"
                  "}}");
    assert_string_equal(d->feed, "Goods");
    assert_string_equal(d->path, "1.json");
    assert_int_equal(d->version, 1);
    assert_int_equal(d->format, DESCRIPTOR_CSV);
    assert_int_equal(d->names, DESCRIPTOR_NAMES_UNDERSCORE);
    assert_int_equal(d->match_count, 1);
    assert_slice(d->match[0], "Debt Amount");
    assert_int_equal(d->field_count, 4);

    const struct descriptor_field *id = descriptor_field(d, "Id");
    assert_int_equal(id->type.kind, VALUE_INT64);
    assert_int_equal(id->from_count, 2);
    assert_slice(id->from[1], "ID");
    assert_true(id->required);
    assert_non_null(id->extract);
    assert_string_equal(id->doc, "The number");
    assert_int_equal(id->null_count, 2);

    const struct descriptor_field *price = descriptor_field(d, "Price");
    assert_int_equal(price->type.scale, 2);
    assert_int_equal(price->strip_prefix_count, 2);
    assert_slice(price->strip_prefix[1], "USD");
    assert_int_equal(price->null_count, 1);
    assert_slice(price->null[0], "n/a");
    assert_false(price->required);
    assert_null(price->doc);

    const struct descriptor_field *unit = descriptor_field(d, "Unit");
    assert_int_equal(unit->map_count, 2);
    assert_slice(unit->map[1].from, "kg");
    assert_slice(unit->map[1].to, "kilogram");

    const struct descriptor_field *day = descriptor_field(d, "Day");
    assert_int_equal(day->format_count, 2);
    assert_string_equal(day->formats[1], "iso8601");
    assert_null(descriptor_field(d, "day"));
}

static void fills_in_what_is_left_out(void **state)
{
    struct descriptor *d = load(*state, "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"json\","
                                        " \"fields\": {\"Id\": {\"type\": \"text\"}}}");
    assert_int_equal(d->format, DESCRIPTOR_JSON);
    assert_int_equal(d->names, DESCRIPTOR_NAMES_EXACT);
    assert_int_equal(d->match_count, 0);
    const struct descriptor_field *id = &d->fields[0];
    assert_int_equal(id->from_count, 1);
    assert_slice(id->from[0], "Id");
    assert_int_equal(id->null_count, 1);
    assert_slice(id->null[0], "");
    assert_null(id->extract);
    assert_int_equal(id->strip_prefix_count, 0);
    assert_int_equal(id->map_count, 0);
    assert_int_equal(id->format_count, 0);
}

static void takes_the_digest_of_the_files_bytes(void **state)
{
    struct fixture *f = *state;
    const char *text = HEAD "\"fields\": {\"Id\": {\"type\": \"text\"}}}";
    struct digester digester;
    struct error error = {0};
    assert_ok(digester_init(&digester, &error), &error);
    digester_add(&digester, slice_of(text));
    struct digest wanted = digester_take(&digester);
    assert_true(digest_equal(&load(f, text)->digest, &wanted));
    assert_false(digest_equal(&load(f, HEAD "\n\"fields\": {\"Id\": {\"type\": \"text\"}}}")->digest, &wanted));
}

static void refuses_another_feed_or_version_than_its_path_says(void **state)
{
    assert_refused(
        *state,
        "{\"feed\": \"Bads\", \"version\": 2,\n \"format\": \"csv\", \"fields\": {\"Id\": {\"type\": \"text\"}}}",
        "1.json:1:10: \"feed\" is \"Bads\", expected \"Goods\" as the folder says\n"
        "1.json:1:29: \"version\" is 2, expected 1 as the file's name says\n");
}

static void refuses_missing_keys(void **state)
{
    assert_refused(*state, "{}",
                   "1.json:1:1: \"feed\" is missing\n1.json:1:1: \"version\" is missing\n"
                   "1.json:1:1: \"format\" is missing\n1.json:1:1: \"fields\" is missing\n");
    assert_field_refused(*state, "\"Id\": {}", "1.json:2:19: \"type\" is missing");
}

static void refuses_unknown_words_and_names_the_nearest(void **state)
{
    assert_refused(
        *state,
        "{\"feed\": \"Goods\", \"versoin\": 1, \"version\": 1, \"format\": \"cvs\", \"names\": \"underscor\",\n"
        " \"fields\": {\"Id\": {\"type\": \"text\", \"requierd\": true}}}",
        "1.json:1:19: unknown word \"versoin\", expected feed, version, format, encoding, delimiter, quote, comment, "
        "skip, header, names, null, match, extends, repair, unknown or fields; "
        "did you mean \"version\"?\n"
        "1.json:1:57: unknown word \"cvs\", expected csv, json or ndjson; did you mean \"csv\"?\n"
        "1.json:1:73: unknown word \"underscor\", expected exact, underscore or fold; did you mean \"underscore\"?\n"
        "1.json:2:36: unknown word \"requierd\", expected type, from, required, null, extract, strip_prefix, "
        "map, formats, doc, derive, unicode, replace, split, join, number, true, false, zone, on_error, "
        "default, default_null, constant or from_name; did you mean \"required\"?\n");
}

static void refuses_unknown_types(void **state)
{
    assert_field_refused(*state, "\"Id\": {\"type\": \"integr\"}",
                         "1.json:2:28: unknown type \"integr\", expected int64, double, decimal(p,s) with at most 18 "
                         "digits, text, bool, date or timestamp");
    assert_field_refused(*state, "\"Id\": {\"type\": \"duoble\"}",
                         "1.json:2:28: unknown type \"duoble\", expected int64, double, decimal(p,s) with at most 18 "
                         "digits, text, bool, date or timestamp; did you mean \"double\"?");
    assert_field_refused(*state, "\"Id\": {\"type\": \"decimal(19,2)\"}",
                         "1.json:2:28: unknown type \"decimal(19,2)\", expected int64, double, decimal(p,s) with at "
                         "most 18 digits, text, bool, date or timestamp; did you mean \"decimal(18,2)\"?");
}

static void refuses_names_that_cannot_be_a_fields(void **state)
{
    static const char rule[] = "cannot name a field: letters, digits and _ only, at most 63, no digit first";
    static const char *const names[] = {"", "1st", "a b", "a.b", "é"};
    char field[256], problem[256];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(field, sizeof field, "\"%s\": {\"type\": \"text\"}", names[i]);
        snprintf(problem, sizeof problem, "1.json:2:13: \"%s\" %s", names[i], rule);
        assert_field_refused(*state, field, problem);
    }
    char name[65] = {0};
    memset(name, 'x', 64);
    snprintf(field, sizeof field, "\"%s\": {\"type\": \"text\"}", name);
    snprintf(problem, sizeof problem, "1.json:2:13: \"%s\" %s", name, rule);
    assert_field_refused(*state, field, problem);
    load_field(*state, "\"_x9\": {\"type\": \"text\"}");
}

static void refuses_a_field_that_is_no_object(void **state)
{
    assert_field_refused(*state, "\"Id\": \"text\"",
                         "1.json:2:19: \"Id\" is a text, expected an object such as {\"type\": \"text\"}");
}

static void refuses_a_pattern_that_does_not_compile(void **state)
{
    struct fixture *f = *state;
    assert_null(try_text(f, HEAD "\"fields\": { \"Id\": {\"type\": \"text\", \"extract\": \"([0-9\"} } }"));
    assert_int_equal(f->problems.count, 1);
    assert_true(slice_starts_with(buf_slice(&f->problems.text), SLICE("1.json:2:47: \"extract\": ")));
    assert_null(try_text(f, HEAD "\"fields\": { \"Id\": {\"type\": \"text\", \"extract\": \"[0-9]\"} } }"));
    assert_int_equal(f->problems.count, 1);
}

static void refuses_empty_lists_and_texts_where_they_mean_nothing(void **state)
{
    assert_field_refused(*state, "\"Id\": {\"type\": \"text\", \"from\": []}",
                         "1.json:2:44: \"from\" needs at least one text, and none of them empty");
    assert_field_refused(*state, "\"Id\": {\"type\": \"text\", \"strip_prefix\": [\"\"]}",
                         "1.json:2:52: \"strip_prefix\" needs at least one text, and none of them empty");
    assert_field_refused(*state, "\"Id\": {\"type\": \"date\", \"formats\": []}",
                         "1.json:2:47: \"formats\" needs at least one text");
}

static void refuses_formats_where_there_are_none(void **state)
{
    assert_field_refused(*state, "\"Id\": {\"type\": \"text\", \"formats\": \"%Y\"}",
                         "1.json:2:47: \"formats\" is for the types date and timestamp only");
}

static void refuses_formats_it_does_not_know(void **state)
{
    struct fixture *f = *state;
    assert_null(
        try_text(f, HEAD "\"fields\": { \"At\": {\"type\": \"date\", \"formats\": [\"%Y-%m-%d\", \"%Q\"]} } }"));
    assert_int_equal(f->problems.count, 1);
    assert_true(slice_starts_with(buf_slice(&f->problems.text), SLICE("1.json:2:60: ")));
}

static void refuses_a_map_to_what_the_type_is_not(void **state)
{
    struct fixture *f = *state;
    assert_field_refused(f, "\"N\": {\"type\": \"int64\", \"map\": {\"one\": \"1\", \"two\": \"zwei\"}}",
                         "1.json:2:63: \"two\" is mapped to \"zwei\", expected an integer");
    assert_field_refused(f, "\"N\": {\"type\": \"int64\", \"map\": {\"one\": 1}}",
                         "1.json:2:51: \"one\" is mapped to a number, expected a text");
    load_field(f, "\"B\": {\"type\": \"bool\", \"map\": {\"ja\": \"true\"}}");
}

static void refuses_keys_of_another_kind(void **state)
{
    assert_field_refused(*state, "\"Id\": {\"type\": \"text\", \"required\": \"yes\"}",
                         "1.json:2:48: \"required\" is a text, expected true or false");
    assert_field_refused(*state, "\"Id\": {\"type\": \"text\", \"map\": []}",
                         "1.json:2:43: \"map\" is a list, expected an object");
    assert_refused(*state, "[]", "1.json:1:1: a descriptor is an object, found a list\n");
    assert_refused(*state, HEAD "\"fields\": {}}", "1.json:2:11: \"fields\" has 0 fields, expected 1 to 512\n");
}

static void reports_all_mistakes_at_once(void **state)
{
    assert_refused(*state,
                   HEAD "\"match\": 3, \"fields\": {\n"
                        "  \"a\": {\"type\": \"text\", \"from\": 1, \"required\": 2, \"null\": 3, \"extract\": 4,\n"
                        "        \"strip_prefix\": 5, \"doc\": 6, \"map\": 7},\n"
                        "  \"b\": {\"type\": \"txt\", \"wrong\": 1}}}",
                   "1.json:2:10: \"match\" is a number, expected a text or a list of texts\n"
                   "1.json:3:33: \"from\" is a number, expected a text or a list of texts\n"
                   "1.json:3:48: \"required\" is a number, expected true or false\n"
                   "1.json:3:59: \"null\" is a number, expected a text or a list of texts\n"
                   "1.json:3:73: \"extract\" is a number, expected a text\n"
                   "1.json:4:25: \"strip_prefix\" is a number, expected a text or a list of texts\n"
                   "1.json:4:35: \"doc\" is a number, expected a text\n"
                   "1.json:4:45: \"map\" is a number, expected an object\n"
                   "1.json:5:24: unknown word \"wrong\", expected type, from, required, null, extract, strip_prefix, "
                   "map, formats, doc, derive, unicode, replace, split, join, number, true, false, zone, on_error, "
                   "default, default_null, constant or from_name\n"
                   "1.json:5:17: unknown type \"txt\", expected int64, double, decimal(p,s) with at most 18 digits, "
                   "text, bool, date or timestamp; did you mean \"text\"?\n");
}

static void says_so_when_memory_is_out(void **state)
{
    struct fixture *f = *state;
    try_text(f, HEAD "\"fields\": { \"Id\": {\"type\": \"text\", \"extract\": \"(a)\", \"map\": {\"a\": \"b\"}} } }");
    size_t loaded = 0;
    for (size_t limit = 0; limit < 16384; limit += 32) {
        struct arena small;
        arena_init(&small, limit);
        doc_problems_close(&f->problems);
        doc_problems_init(&f->problems);
        struct descriptor *d = descriptor_load("1.json", "Goods", 1, &small, &f->problems);
        assert_true((d != NULL) == (f->problems.count == 0));
        loaded += d != NULL;
        descriptor_close(d);
        arena_close(&small);
    }
    assert_in_range(loaded, 1, 511);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_a_descriptor_with_every_key),
        TEST(fills_in_what_is_left_out),
        TEST(takes_the_digest_of_the_files_bytes),
        TEST(refuses_another_feed_or_version_than_its_path_says),
        TEST(refuses_missing_keys),
        TEST(refuses_unknown_words_and_names_the_nearest),
        TEST(refuses_unknown_types),
        TEST(refuses_names_that_cannot_be_a_fields),
        TEST(refuses_a_field_that_is_no_object),
        TEST(refuses_a_pattern_that_does_not_compile),
        TEST(refuses_empty_lists_and_texts_where_they_mean_nothing),
        TEST(refuses_formats_where_there_are_none),
        TEST(refuses_formats_it_does_not_know),
        TEST(refuses_a_map_to_what_the_type_is_not),
        TEST(refuses_keys_of_another_kind),
        TEST(reports_all_mistakes_at_once),
        TEST(says_so_when_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
