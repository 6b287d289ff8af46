/* What a descriptor may ask for beyond the plain keys of a field, and what it may not. */
#include "model_descriptors.h"

/* A descriptor of the field A alone, whose object begins at 2:18. */
static void assert_field_refused(struct fixture *f, const char *field, const char *problem)
{
    char text[1024], line[1024];
    snprintf(text, sizeof text, HEAD "\"fields\": { \"A\": %s } }", field);
    snprintf(line, sizeof line, "1.json:2:%s\n", problem);
    assert_refused(f, text, line);
}

static void tells_each_mistake_at_its_place(void **state)
{
    static const char *const cases[][2] = {
        {"{\"type\": \"text\", \"unicode\": \"asci\"}",
         "46: unknown word \"asci\", expected keep or ascii; did you mean \"ascii\"?"},
        {"{\"type\": \"text\", \"replace\": {\"a\": 1}}", "52: \"a\" is replaced by a number, expected a text"},
        {"{\"type\": \"text\", \"replace\": {\"(a\": \"\"}}",
         "47: \"replace\": missing closing parenthesis at offset 2"},
        {"{\"type\": \"text\", \"replace\": {\"a\": \"$1\"}}",
         "47: \"replace\": $1 at offset 0, but the expression has 0 groups"},
        {"{\"type\": \"text\", \"replace\": {\"(a)\": \"x$\"}}",
         "47: \"replace\": \"$\" at offset 1, expected $1 to $9, ${1} before a digit, or $$"},
        {"{\"type\": \"text\", \"replace\": {\"(a)\": \"$12\"}}",
         "47: \"replace\": \"$\" at offset 0, expected $1 to $9, ${1} before a digit, or $$"},
        {"{\"type\": \"text\", \"replace\": {\"(a)\": \"${1\"}}",
         "47: \"replace\": \"$\" at offset 0, expected $1 to $9, ${1} before a digit, or $$"},
        {"{\"type\": \"text\", \"replace\": {}}", "46: \"replace\" has 0 expressions, expected 1 to 16"},
        {"{\"type\": \"text\", \"replace\": \"a\"}", "46: \"replace\" is a text, expected an object"},
        {"{\"type\": \"text\", \"split\": \"\"}",
         "44: \"split\" is empty, expected what stands between the parts of a list"},
        {"{\"type\": \"int64\", \"split\": \",\"}", "45: \"split\" is for the type text only"},
        {"{\"type\": \"text\", \"join\": \",\"}", "43: \"join\" goes with \"split\""},
        {"{\"type\": \"text\", \"number\": {}}", "45: \"number\" is for the types int64, decimal and double only"},
        {"{\"type\": \"int64\", \"number\": {\"thousand\": \",\"}}",
         "47: unknown word \"thousand\", expected thousands, decimal, currency, parentheses or suffixes; did you mean "
         "\"thousands\"?"},
        {"{\"type\": \"int64\", \"number\": {\"thousands\": \"\"}}",
         "60: \"thousands\" is \"\", expected a mark such as \",\""},
        {"{\"type\": \"int64\", \"number\": {\"decimal\": \"-\"}}",
         "58: \"decimal\" is \"-\", expected a mark such as \",\""},
        {"{\"type\": \"int64\", \"number\": {\"thousands\": \".\"}}",
         "46: \"thousands\" and \"decimal\" are both \".\": say what stands before the places, \"decimal\""},
        {"{\"type\": \"int64\", \"number\": {\"thousands\": \",\", \"decimal\": \",\"}}",
         "46: \"thousands\" and \"decimal\" are both \",\""},
        {"{\"type\": \"int64\", \"number\": {\"currency\": []}}",
         "59: \"currency\" needs at least one text, and none of them empty"},
        {"{\"type\": \"int64\", \"number\": {\"suffixes\": 1}}",
         "59: \"suffixes\" is a number, expected true or false"},
        {"{\"type\": \"bool\", \"true\": \"J\"}", "43: \"true\" and \"false\" go together"},
        {"{\"type\": \"bool\", \"true\": \"J\", \"false\": [\"N\", \"J\"]}",
         "57: \"J\" is both \"true\" and \"false\""},
        {"{\"type\": \"text\", \"true\": \"J\", \"false\": \"N\"}", "43: \"true\" is for the type bool only"},
        {"{\"type\": \"timestamp\", \"zone\": \"+3:00\"}",
         "48: \"zone\" is \"+3:00\", expected how far east of UTC, such as \"+03:00\", or a name such as "
         "\"Africa/Lagos\""},
        {"{\"type\": \"date\", \"zone\": \"+01:00\"}", "43: \"zone\" is for the type timestamp only"},
        {"{\"type\": \"int64\", \"on_error\": \"nul\"}",
         "48: unknown word \"nul\", expected reject or null; did you mean \"null\"?"},
        {"{\"type\": \"int64\", \"required\": true, \"on_error\": \"null\"}",
         "66: \"on_error\" is \"null\", but the field is required; \"default\" with \"default_null\" would fill it"},
        {"{\"type\": \"int64\", \"default\": \"x\"}", "47: \"default\" is \"x\", expected an integer"},
        {"{\"type\": \"int64\", \"default\": []}",
         "47: \"default\" is a list, expected a text, a number, true or false"},
        {"{\"type\": \"int64\", \"default_null\": true}", "52: \"default_null\" goes with \"default\""},
        {"{\"type\": \"int64\", \"constant\": true}", "48: \"constant\" is \"true\", expected an integer"},
        {"{\"type\": \"int64\", \"constant\": 1, \"required\": true}",
         "51: \"required\" does not go with \"constant\", which reads no column"},
        {"{\"type\": \"int64\", \"from_name\": \"[0-9]+\"}",
         "49: \"from_name\": no capture group, expected \"(\" and \")\" around what to extract"},
        {"{\"type\": \"int64\", \"from_name\": \"([0-9]+)\", \"from\": \"B\"}",
         "69: \"from\" does not go with \"from_name\", which reads no column"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_field_refused(*state, cases[i][0], cases[i][1]);
}

static void shows_all_mistakes_of_a_field_in_one_run(void **state)
{
    write_version(1, HEAD "\"unknown\": \"refuse\", \"fields\": { \"A\": {\"type\": \"bool\", \"zone\": \"Z\",\n"
                          "\"split\": \"\", \"on_error\": 1} } }");
    assert_version_refused(*state, 1,
                           "1.json:2:12: unknown word \"refuse\", expected ignore or reject\n"
                           "1.json:3:10: \"split\" is empty, expected what stands between the parts of a list\n"
                           "1.json:3:10: \"split\" is for the type text only\n"
                           "1.json:2:64: \"zone\" is for the type timestamp only\n"
                           "1.json:3:26: \"on_error\" is a number, expected a text\n");
}

static void reads_every_key(void **state)
{
    write_version(
        1, HEAD "\"names\": \"fold\", \"unknown\": \"reject\", \"fields\": {\n"
                "\"A\": {\"type\": \"text\", \"unicode\": \"ascii\", \"replace\": {\"a(b)\": \"$1\", \"c\": \"$$\"},\n"
                "      \"split\": \",\", \"from_name\": \"^(.)\", \"required\": true},\n"
                "\"B\": {\"type\": \"decimal(9,2)\", \"number\": {\"decimal\": \",\", \"parentheses\": true}},\n"
                "\"C\": {\"type\": \"timestamp\", \"zone\": \"-01:30\", \"default\": \"2022-01-01\"},\n"
                "\"D\": {\"type\": \"bool\", \"constant\": true}, \"E\": {\"type\": \"text\"} } }");
    const struct descriptor *d = load_version(*state, 1);
    assert_int_equal(d->names, DESCRIPTOR_NAMES_FOLD);
    assert_true(d->unknown_rejected);
    const struct cleaning *a = d->fields[0].cleaning;
    assert_true(a->ascii);
    assert_int_equal(a->replace_count, 2);
    assert_slice(a->join, ",");
    assert_non_null(a->from_name);
    assert_int_equal(d->fields[0].from_count, 0);
    const struct cleaning *b = d->fields[1].cleaning;
    assert_slice(b->number->decimal, ",");
    assert_true(b->number->parentheses);
    assert_false(b->number->suffixes);
    const struct cleaning *c = d->fields[2].cleaning;
    assert_non_null(c->zone);
    assert_int_equal(c->zone->first, -5400000000);
    assert_int_equal(c->zone->count, 0);
    assert_true(c->has_fallback);
    assert_false(c->fallback_null);
    assert_true(d->fields[3].cleaning->constant);
    assert_true(d->fields[3].required);
    assert_int_equal(d->fields[3].from_count, 0);
    assert_null(d->fields[4].cleaning);
}

static void refuses_repairs_that_cannot_be(void **state)
{
    write_version(1, HEAD "\"repair\": {}, \"fields\": { \"A\": {\"type\": \"text\"} } }");
    assert_version_refused(*state, 1, "1.json:2:11: \"repair\" needs \"unquoted\", a list of 1 to 4 columns\n");
    write_version(1, HEAD "\"repair\": {\"unquotd\": [\"A\"]}, \"fields\": { \"A\": {\"type\": \"text\"} } }");
    assert_version_refused(*state, 1,
                           "1.json:2:12: unknown word \"unquotd\", expected unquoted; did you mean \"unquoted\"?\n");
    write_version(1, "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"json\",\n"
                     "\"repair\": {\"unquoted\": \"A\"}, \"fields\": { \"A\": {\"type\": \"text\"} } }");
    assert_version_refused(*state, 1, "1.json:2:11: \"repair\" is for CSV files only\n");
}

/* --- extends ------------------------------------------------------------------------------------------------------ */

static void takes_over_keys_and_fields_but_for_its_own(void **state)
{
    write_version(1, HEAD "\"names\": \"fold\", \"null\": \"-\", \"match\": \"Old\", \"fields\": {\n"
                          "\"A\": {\"type\": \"int64\"}, \"B\": {\"type\": \"text\", \"required\": true},\n"
                          "\"C\": {\"type\": \"date\"} } }");
    write_version(2, "{\"feed\": \"Goods\", \"version\": 2, \"extends\": 1, \"null\": \"?\",\n"
                     "\"fields\": { \"D\": {\"type\": \"bool\"}, \"B\": {\"type\": \"decimal(9,2)\"}, \"A\": null } }");
    write_version(3, "{\"feed\": \"Goods\", \"version\": 3, \"extends\": 2, \"match\": \"New\"}");
    struct fixture *f = *state;
    const struct descriptor *d = load_version(f, 3);
    assert_int_equal(d->format, DESCRIPTOR_CSV);
    assert_int_equal(d->names, DESCRIPTOR_NAMES_FOLD);
    assert_int_equal(d->match_count, 1);
    assert_slice(d->match[0], "New");
    assert_int_equal(d->field_count, 3);
    assert_string_equal(d->fields[0].name, "B");
    assert_int_equal(d->fields[0].type.kind, VALUE_DECIMAL);
    assert_false(d->fields[0].required);
    assert_slice(d->fields[0].null[0], "?");
    assert_string_equal(d->fields[1].name, "C");
    assert_string_equal(d->fields[2].name, "D");
    assert_int_equal(load_version(f, 2)->match_count, 0);
    /* What it extends is a part of what it is. */
    struct digest before = load_version(f, 3)->digest;
    write_version(1, HEAD "\"names\": \"fold\", \"fields\": {\n"
                          "\"A\": {\"type\": \"int64\"}, \"B\": {\"type\": \"text\"}, \"C\": {\"type\": \"text\"} } }");
    struct digest after = load_version(f, 3)->digest;
    assert_false(digest_equal(&before, &after));
}

static void refuses_what_cannot_be_extended(void **state)
{
    static const char extends[] = "{\"feed\": \"Goods\", \"version\": %u, \"extends\": %s, \"format\": \"csv\",\n"
                                  "\"fields\": %s }";
    char text[256];
    snprintf(text, sizeof text, extends, 1, "7", "{}");
    write_version(1, text);
    assert_version_refused(*state, 1, "1.json:1:44: \"extends\" is 7, but there is no 7.json\n");
    snprintf(text, sizeof text, extends, 1, "\"2\"", "{}");
    write_version(1, text);
    assert_version_refused(*state, 1, "1.json:1:44: \"extends\" is a text, expected an integer\n");
    snprintf(text, sizeof text, extends, 1, "3", "{}");
    write_version(1, text);
    snprintf(text, sizeof text, extends, 3, "2", "{}");
    write_version(3, text);
    snprintf(text, sizeof text, extends, 2, "3", "{}");
    write_version(2, text);
    assert_version_refused(*state, 1, "2.json:1:44: \"extends\" goes in a circle: 3.json, 2.json, and 3.json again\n");
    write_version(2, "[]");
    assert_version_refused(*state, 1, "2.json:1:1: a descriptor is an object, found a list\n");
    write_version(
        2, "{\"feed\": \"Goods\", \"version\": 2, \"format\": \"csv\",\n\"fields\": { \"A\": {\"type\": \"int\"} } }");
    write_version(1, "{\"feed\": \"Goods\", \"version\": 1, \"extends\": 2,\n\"fields\": { \"B\": null } }");
    assert_version_refused(*state, 1, "1.json:2:18: \"B\" is null, but 2.json has no such field to drop\n");
}

static void tells_a_mistake_of_what_is_extended_once(void **state)
{
    struct fixture *f = *state;
    write_version(1, HEAD "\"fields\": { \"A\": {\"type\": \"nit64\"}, \"B\": null } }");
    write_version(2, "{\"feed\": \"Goods\", \"version\": 2, \"extends\": 1, \"match\": \"x\" }");
    static const char told[] =
        "1.json:2:27: unknown type \"nit64\", expected int64, double, decimal(p,s) with at most 18 "
        "digits, text, bool, date or timestamp; did you mean \"int64\"?\n"
        "1.json:2:42: \"B\" is null, expected an object such as {\"type\": \"text\"}\n";
    assert_version_refused(f, 2, told);
    assert_null(descriptor_load("1.json", "Goods", 1, &f->arena, &f->problems));
    assert_slice(buf_slice(&f->problems.text), told);
    assert_int_equal(f->problems.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_each_mistake_at_its_place),
        TEST(shows_all_mistakes_of_a_field_in_one_run),
        TEST(reads_every_key),
        TEST(refuses_repairs_that_cannot_be),
        TEST(takes_over_keys_and_fields_but_for_its_own),
        TEST(refuses_what_cannot_be_extended),
        TEST(tells_a_mistake_of_what_is_extended_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
