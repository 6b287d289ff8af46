#include "testing.h"

#include <unistd.h>

#include "model/descriptor.h"

/* A folder to be in, and what the descriptors loaded there leave. */
struct fixture {
    char folder[TESTING_PATH_MAX];
    struct arena arena;
    struct doc_problems problems;
    struct descriptor *descriptor;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    testing_folder_make(f->folder);
    assert_int_equal(chdir(f->folder), 0);
    arena_init(&f->arena, 8 << 20);
    doc_problems_init(&f->problems);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    descriptor_close(f->descriptor);
    arena_close(&f->arena);
    doc_problems_close(&f->problems);
    assert_int_equal(chdir("/"), 0);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

/* Loads `text` as version 1 of the feed Goods. */
static struct descriptor *load_text(struct fixture *f, const char *text)
{
    FILE *file = fopen("1.json", "w");
    fputs(text, file);
    fclose(file);
    descriptor_close(f->descriptor);
    f->descriptor = NULL;
    doc_problems_close(&f->problems);
    doc_problems_init(&f->problems);
    f->descriptor = descriptor_load("1.json", "Goods", 1, &f->arena, &f->problems);
    return f->descriptor;
}

static struct descriptor *load(struct fixture *f, const char *text)
{
    if (!load_text(f, text)) {
        print_error("%.*s", (int)f->problems.text.len, f->problems.text.data);
        fail();
    }
    assert_int_equal(f->problems.count, 0);
    return f->descriptor;
}

#define HEAD "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"csv\",\n"

/* The descriptor is refused with exactly these lines. */
static void assert_refused(struct fixture *f, const char *text, const char *problems)
{
    assert_null(load_text(f, text));
    assert_slice(buf_slice(&f->problems.text), problems);
}

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
        "1.json:1:57: unknown word \"cvs\", expected csv or json; did you mean \"csv\"?\n"
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
    assert_null(load_text(f, HEAD "\"fields\": { \"Id\": {\"type\": \"text\", \"extract\": \"([0-9\"} } }"));
    assert_int_equal(f->problems.count, 1);
    assert_true(slice_starts_with(buf_slice(&f->problems.text), SLICE("1.json:2:47: \"extract\": ")));
    assert_null(load_text(f, HEAD "\"fields\": { \"Id\": {\"type\": \"text\", \"extract\": \"[0-9]\"} } }"));
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
        load_text(f, HEAD "\"fields\": { \"At\": {\"type\": \"date\", \"formats\": [\"%Y-%m-%d\", \"%Q\"]} } }"));
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
    load_text(f, HEAD "\"fields\": { \"Id\": {\"type\": \"text\", \"extract\": \"(a)\", \"map\": {\"a\": \"b\"}} } }");
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
    assert_string_equal(lacks, "lacks Item_ID");
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
                     "\"a\": {\"type\": \"text\", \"from\": [\"plain\", \"x.y[].z\\\\.w\", \"No.\"]},"
                     "\"b\": {\"type\": \"text\"}, \"c\": {\"type\": \"text\", \"from\": \"x.y[]\"}}}");
    const struct descriptor_path *paths = d->fields[0].paths;
    assert_int_equal(paths[0].count, 0);
    assert_int_equal(paths[1].count, 3);
    assert_int_equal(paths[1].spread, 2);
    assert_slice(paths[1].steps[1], "y");
    assert_slice(paths[1].steps[2], "z.w");
    assert_int_equal(paths[2].count, 0);
    assert_null(d->fields[1].paths);
    assert_slice(d->spread, "x.y");
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
        TEST(binds_fields_by_name_wherever_they_stand),
        TEST(takes_names_exactly_unless_told_otherwise),
        TEST(says_all_that_a_header_lacks),
        TEST(refuses_a_declared_column_that_stands_twice),
        TEST(reads_the_form_of_csv),
        TEST(refuses_signs_that_cannot_part_or_quote_fields),
        TEST(refuses_comments_that_could_be_fields),
        TEST(refuses_headers_that_its_fields_cannot_read),
        TEST(refuses_forms_of_another_kind),
        TEST(cuts_paths_into_steps),
        TEST(refuses_two_arrays_that_make_rows),
        TEST(tells_whether_two_forms_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
