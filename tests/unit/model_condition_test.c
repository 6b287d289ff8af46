#include "testing.h"

#include "model/condition.h"

/* The record that conditions are about, with one field of every kind. */
static const struct {
    const char *name;
    struct value_type type;
} fields[] = {
    {"id", {VALUE_INT64, 0, 0}},     {"price", {VALUE_DECIMAL, 9, 2}}, {"weight", {VALUE_DOUBLE, 0, 0}},
    {"name", {VALUE_TEXT, 0, 0}},    {"open", {VALUE_BOOL, 0, 0}},     {"day", {VALUE_DATE, 0, 0}},
    {"at", {VALUE_TIMESTAMP, 0, 0}},
};

enum { ID, PRICE, WEIGHT, NAME, OPEN, DAY, AT, FIELDS };

struct fixture {
    struct arena arena;
    struct doc_problems problems;
    struct value values[FIELDS];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 20);
    doc_problems_init(&f->problems);
    f->values[ID].i = 7;
    f->values[PRICE].i = 1250;
    f->values[WEIGHT].d = 0.5;
    f->values[NAME].text = SLICE("DONE");
    f->values[OPEN].i = 1;
    f->values[DAY].i = 19000;
    f->values[AT].i = INT64_C(1645099393000000); /* 2022-02-17T12:03:13Z */
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

static bool resolve(void *context, const struct doc_node *member, size_t *field, struct value_type *type)
{
    (void)context;
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (slice_equal(member->name, slice_of(fields[i].name))) {
            *field = i;
            *type = fields[i].type;
            return true;
        }
    return doc_problem_at(member->doc, member->name_line, member->name_column, "no such field");
}

static struct condition *load(struct fixture *f, const char *text)
{
    struct doc *doc = arena_array(&f->arena, 1, sizeof *doc);
    assert_true(doc_parse(doc, "c", slice_of(text), &f->arena, &f->problems));
    return condition_load(doc->root, resolve, NULL, &f->arena);
}

static bool holds(struct fixture *f, const char *text)
{
    struct condition *condition = load(f, text);
    if (!condition)
        print_error("%s\n%.*s", text, (int)f->problems.text.len, f->problems.text.data);
    assert_non_null(condition);
    return condition_holds(condition, f->values);
}

/* The condition is refused with exactly this one problem. */
static void assert_refused(struct fixture *f, const char *text, const char *problem)
{
    char line[512];
    snprintf(line, sizeof line, "%s\n", problem);
    doc_problems_close(&f->problems);
    doc_problems_init(&f->problems);
    assert_null(load(f, text));
    assert_slice(buf_slice(&f->problems.text), line);
    assert_int_equal(f->problems.count, 1);
}

static void compares_every_kind_of_field(void **state)
{
    static const char *const true_ones[] = {
        "{\"id\": 7}",
        "{\"id\": {\">\": 6}}",
        "{\"id\": {\"!=\": 8}}",
        "{\"price\": 12.5}",
        "{\"price\": {\"<\": 12.51}}",
        "{\"weight\": 0.5}",
        "{\"weight\": {\"<=\": 1}}",
        "{\"weight\": {\"<=\": 0.5}}",
        "{\"id\": {\">=\": 7}}",
        "{\"name\": \"DONE\"}",
        "{\"name\": {\">=\": \"DON\"}}",
        "{\"open\": true}",
        "{\"day\": \"2022-01-08\"}",
        "{\"at\": \"2022-02-17T12:03:13.000Z\"}",
        "{\"at\": {\"<\": \"2022-02-18\"}}",
    };
    static const char *const false_ones[] = {
        "{\"id\": 8}",          "{\"id\": {\">\": 7}}",      "{\"id\": {\"!=\": 7}}",
        "{\"price\": 12.51}",   "{\"weight\": 0.25}",        "{\"name\": \"done\"}",
        "{\"open\": false}",    "{\"day\": \"2022-01-09\"}", "{\"at\": {\">=\": \"2022-02-18\"}}",
        "{\"id\": {\"<\": 7}}", "{\"id\": {\"<=\": 6}}",     "{\"id\": {\">=\": 8}}",
    };
    for (size_t i = 0; i < COUNT_OF(true_ones); i++)
        if (!holds(*state, true_ones[i]))
            fail_msg("%s should hold", true_ones[i]);
    for (size_t i = 0; i < COUNT_OF(false_ones); i++)
        if (holds(*state, false_ones[i]))
            fail_msg("%s should not hold", false_ones[i]);
}

static void wants_all_members_of_an_object(void **state)
{
    assert_true(holds(*state, "{\"id\": 7, \"name\": \"DONE\"}"));
    assert_false(holds(*state, "{\"id\": 7, \"name\": \"OPEN\"}"));
    assert_true(holds(*state, "{\"id\": {\">\": 6, \"<\": 8}}"));
    assert_false(holds(*state, "{\"id\": {\">\": 6, \"<\": 7}}"));
}

static void wants_one_of_a_list(void **state)
{
    assert_true(holds(*state, "{\"name\": [\"OPEN\", \"DONE\"]}"));
    assert_false(holds(*state, "{\"name\": [\"OPEN\", \"LOST\"]}"));
}

static void wants_any_of_several_conditions(void **state)
{
    assert_true(holds(*state, "{\"any\": [{\"id\": 1}, {\"name\": \"DONE\", \"open\": true}]}"));
    assert_false(holds(*state, "{\"any\": [{\"id\": 1}, {\"name\": \"DONE\", \"open\": false}]}"));
    assert_false(holds(*state, "{\"id\": 1, \"any\": [{\"id\": 7}]}"));
}

static void turns_a_condition_around(void **state)
{
    assert_false(holds(*state, "{\"not\": {\"id\": 7}}"));
    assert_true(holds(*state, "{\"not\": {\"name\": [\"OPEN\", \"LOST\"]}}"));
    assert_true(holds(*state, "{\"not\": {\"not\": {\"id\": 7}}}"));
    assert_true(holds(*state, "{\"not\": {\"id\": 7, \"open\": false}}"));
}

static void holds_no_comparison_with_null(void **state)
{
    struct fixture *f = *state;
    f->values[ID] = VALUE_NULL;
    assert_false(holds(f, "{\"id\": 7}"));
    assert_false(holds(f, "{\"id\": {\"!=\": 7}}"));
    assert_false(holds(f, "{\"id\": {\"<\": 7}}"));
    assert_true(holds(f, "{\"not\": {\"id\": 7}}"));
}

static void asks_for_null(void **state)
{
    struct fixture *f = *state;
    assert_false(holds(f, "{\"id\": {\"null\": true}}"));
    assert_true(holds(f, "{\"id\": {\"null\": false}}"));
    f->values[ID] = VALUE_NULL;
    assert_true(holds(f, "{\"id\": {\"null\": true}}"));
    assert_false(holds(f, "{\"id\": {\"null\": false}}"));
}

static void holds_always_where_there_is_none(void **state)
{
    struct fixture *f = *state;
    assert_true(condition_holds(NULL, f->values));
}

static void refuses_operands_of_another_kind(void **state)
{
    assert_refused(*state, "{\"id\": \"7\"}",
                   "c:1:8: found the text \"7\" for a field of type int64, expected a number");
    assert_refused(*state, "{\"name\": 7}", "c:1:10: found the number \"7\" for a field of type text, expected a text");
    assert_refused(*state, "{\"open\": 1}",
                   "c:1:10: found the number \"1\" for a field of type bool, expected true or false");
    assert_refused(*state, "{\"at\": {\"<\": true}}",
                   "c:1:14: found true or false for a field of type timestamp, expected a text");
    assert_refused(*state, "{\"id\": [1, [2]]}", "c:1:12: found a list for a field of type int64, expected a number");
}

static void refuses_operands_that_the_type_cannot_hold(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"{\"id\": 1.5}", "{\"id\": 99999999999999999999}", "{\"price\": 1.005}",
                                        "{\"day\": \"2022-02-31\"}", "{\"at\": \"yesterday\"}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_null(load(f, texts[i]));
    assert_int_equal(f->problems.count, COUNT_OF(texts));
    assert_refused(f, "{\"id\": 1.5}",
                   "c:1:8: found the number \"1.5\" for a field of type int64, expected an integer");
}

static void refuses_to_compare_with_null(void **state)
{
    assert_refused(*state, "{\"id\": null}", "c:1:8: nothing equals null; write {\"null\": true} to ask for it");
    assert_refused(*state, "{\"id\": {\"null\": 1}}", "c:1:17: \"null\" is a number, expected true or false");
}

static void refuses_unknown_comparisons(void **state)
{
    assert_refused(*state, "{\"id\": {\"=>\": 1}}",
                   "c:1:9: unknown word \"=>\", expected =, !=, <, <=, >, >= or null; did you mean \">=\"?");
}

static void refuses_what_is_empty(void **state)
{
    assert_refused(*state, "{}", "c:1:1: a condition is empty, expected an object such as {\"Field\": \"value\"}");
    assert_refused(*state, "{\"not\": {}}",
                   "c:1:9: a condition is empty, expected an object such as {\"Field\": \"value\"}");
    assert_refused(*state, "{\"any\": []}", "c:1:9: \"any\" is empty, expected a list of conditions");
    assert_refused(*state, "{\"id\": []}", "c:1:8: an empty list never holds, expected values");
    assert_refused(*state, "{\"id\": {}}", "c:1:8: an empty comparison, expected such as {\">\": 0}");
}

static void refuses_conditions_of_another_kind(void **state)
{
    assert_refused(*state, "[]", "c:1:1: a condition is a list, expected an object such as {\"Field\": \"value\"}");
    assert_refused(*state, "{\"any\": {\"id\": 1}}", "c:1:9: \"any\" is an object, expected a list of conditions");
    assert_refused(*state, "{\"not\": 5}",
                   "c:1:9: a condition is a number, expected an object such as {\"Field\": \"value\"}");
}

static void reports_all_its_mistakes(void **state)
{
    struct fixture *f = *state;
    assert_null(load(f, "{\"ip\": 1,\n \"any\": [{\"id\": \"x\"}, {\"not\": {\"name\": 1}}]}"));
    assert_slice(buf_slice(&f->problems.text),
                 "c:1:2: no such field\n"
                 "c:2:17: found the text \"x\" for a field of type int64, expected a number\n"
                 "c:2:40: found the number \"1\" for a field of type text, expected a text\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(compares_every_kind_of_field),
        TEST(wants_all_members_of_an_object),
        TEST(wants_one_of_a_list),
        TEST(wants_any_of_several_conditions),
        TEST(turns_a_condition_around),
        TEST(holds_no_comparison_with_null),
        TEST(asks_for_null),
        TEST(holds_always_where_there_is_none),
        TEST(refuses_operands_of_another_kind),
        TEST(refuses_operands_that_the_type_cannot_hold),
        TEST(refuses_to_compare_with_null),
        TEST(refuses_unknown_comparisons),
        TEST(refuses_what_is_empty),
        TEST(refuses_conditions_of_another_kind),
        TEST(reports_all_its_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
