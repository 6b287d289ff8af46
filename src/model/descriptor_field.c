/* One field of a descriptor: every key is read before the field is given up, so that one run shows all mistakes. */
#include "model/descriptor_field.h"

#include <string.h>

#include "base/text.h"
#include "model/timestamp.h"

static const char *const field_words[] = {"type",         "from", "required", "null", "extract",
                                          "strip_prefix", "map",  "formats",  "doc",  "derive"};

static bool check_words(const struct doc_node *member)
{
    const char *all[COUNT_OF(field_words) + CLEANING_WORDS_MAX];
    size_t count, own = COUNT_OF(field_words);
    const char *const *cleaning = cleaning_words(&count);
    memcpy(all, field_words, sizeof field_words);
    memcpy(all + own, cleaning, count * sizeof *cleaning);
    return doc_only(member, all, own + count);
}

static bool load_name(const struct doc_node *member, struct descriptor_field *field)
{
    struct slice name = member->name;
    bool ok = name.len > 0 && name.len <= DESCRIPTOR_NAME_MAX && !text_is_digit(name.data[0]);
    for (size_t i = 0; ok && i < name.len; i++)
        ok = text_is_letter(name.data[i]) || text_is_digit(name.data[i]) || name.data[i] == '_';
    field->name = name.data;
    char shown[DOC_SHOWN_MAX];
    return ok || doc_problem_at(member->doc, member->name_line, member->name_column,
                                "\"%s\" cannot name a field: letters, digits and _ only, at most %d, no digit first",
                                text_escape(name, shown, sizeof shown), DESCRIPTOR_NAME_MAX);
}

static bool load_type(const struct doc_node *member, struct descriptor_field *field)
{
    const char *text = NULL;
    if (!doc_string(member, "type", true, &text))
        return false;
    if (value_type_parse(slice_of(text), &field->type))
        return true;
    size_t count;
    const char *const *words = value_type_words(&count);
    char shown[DOC_SHOWN_MAX], hint[TEXT_HINT_SIZE];
    return doc_problem(member->doc, doc_member(member, "type"),
                       "unknown type \"%s\", expected int64, double, decimal(p,s) with at most %d digits, text, bool, "
                       "date or timestamp%s",
                       text_escape(slice_of(text), shown, sizeof shown), DECIMAL_PRECISION_MAX,
                       text_hint(slice_of(text), words, count, hint));
}

static bool load_from(const struct doc_node *member, struct arena *arena, struct descriptor_field *field)
{
    if (!doc_filled_slices(member, "from", &field->from, &field->from_count))
        return false;
    if (field->from)
        return true;
    field->from = arena_array(arena, 1, sizeof *field->from);
    if (!field->from)
        return doc_memory(member->doc);
    field->from[0] = member->name;
    field->from_count = 1;
    return true;
}

static bool load_extract(const struct doc_node *member, struct descriptor_field *field)
{
    const char *expression = NULL;
    if (!doc_string(member, "extract", false, &expression))
        return false;
    if (!expression)
        return true;
    struct error error = {0};
    field->extract = pattern_new(slice_of(expression), &error);
    return field->extract || doc_problem(member->doc, doc_member(member, "extract"), "\"extract\": %s", error.text);
}

static bool load_formats(const struct doc_node *member, struct descriptor_field *field)
{
    const char **formats = NULL;
    size_t count = 0;
    if (!doc_strings(member, "formats", false, &formats, &count))
        return false;
    const struct doc_node *node = doc_member(member, "formats");
    if (!node)
        return true;
    if (field->type.kind != VALUE_DATE && field->type.kind != VALUE_TIMESTAMP)
        return doc_problem(member->doc, node, "\"formats\" is for the types date and timestamp only");
    bool ok = count > 0 || doc_problem(member->doc, node, "\"formats\" needs at least one text");
    const struct doc_node *item = node->kind == DOC_ARRAY ? node->child : node;
    for (size_t i = 0; i < count; i++, item = item->next) {
        struct error error = {0};
        if (strcmp(formats[i], "iso8601") != 0 && !timestamp_format_check(formats[i], &error))
            ok = doc_problem(member->doc, item, "%s", error.text);
    }
    field->formats = formats;
    field->format_count = count;
    return ok;
}

/* A mapped text is read like any other, so one that cannot be read would reject its rows: better said now. */
static bool check_mapped(const struct doc_node *node, const struct descriptor_field *field)
{
    struct value value;
    const char *expected = "another text";
    char shown[DOC_SHOWN_MAX];
    if (descriptor_value(field, false, node->text, &value, &expected))
        return true;
    return doc_problem(node->doc, node, "\"%s\" is mapped to \"%s\", expected %s", node->name.data,
                       text_escape(node->text, shown, sizeof shown), expected);
}

static bool load_map(const struct doc_node *member, struct arena *arena, struct descriptor_field *field)
{
    const struct doc_node *map = NULL;
    if (!doc_object(member, "map", false, &map))
        return false;
    if (!map)
        return true;
    field->map = arena_array(arena, map->count, sizeof *field->map);
    if (!field->map)
        return doc_memory(member->doc);
    bool ok = true;
    for (const struct doc_node *pair = map->child; pair; pair = pair->next) {
        if (pair->kind != DOC_STRING) {
            ok = doc_problem(pair->doc, pair, "\"%s\" is mapped to %s, expected a text", pair->name.data,
                             doc_kind_name(pair->kind));
            continue;
        }
        ok = check_mapped(pair, field) && ok;
        field->map[field->map_count++] = (struct descriptor_pair){pair->name, pair->text};
    }
    return ok;
}

/* A default, or a constant, is written as a file would have it once it is clean. */
static bool check_fallback(const struct doc_node *member, const struct descriptor_field *field)
{
    const struct cleaning *cleaning = field->cleaning;
    struct value value;
    const char *expected = "another text";
    char shown[DOC_SHOWN_MAX];
    if (!cleaning || !cleaning->has_fallback || descriptor_value(field, false, cleaning->fallback, &value, &expected))
        return true;
    const char *name = cleaning->constant ? "constant" : "default";
    return doc_problem(member->doc, doc_member(member, name), "\"%s\" is \"%s\", expected %s", name,
                       text_escape(cleaning->fallback, shown, sizeof shown), expected);
}

/* What cannot be judged without a type. */
static bool load_typed(const struct doc_node *member, struct arena *arena, struct descriptor_field *field)
{
    bool ok = load_formats(member, field);
    bool clean = cleaning_load(member, field->type, &field->cleaning);
    if (!clean)
        return false;
    ok = load_map(member, arena, field) && ok;
    ok = check_fallback(member, field) && ok;
    ok = derive_load(member, field->type, &field->derive) && ok;
    if (!cleaning_reads_column(field->cleaning) || field->derive)
        field->from_count = 0;
    /* A constant is never null. */
    field->required = field->required || (field->cleaning && field->cleaning->constant);
    return ok;
}

bool descriptor_field_load(const struct doc_node *member, struct arena *arena, struct descriptor_field *field)
{
    bool ok = load_name(member, field);
    if (member->kind != DOC_OBJECT)
        return doc_problem(member->doc, member, "\"%s\" is %s, expected an object such as {\"type\": \"text\"}",
                           member->name.data, doc_kind_name(member->kind));
    ok = check_words(member) && ok;
    bool typed = load_type(member, field);
    ok = load_from(member, arena, field) && ok;
    ok = doc_bool(member, "required", &field->required) && ok;
    ok = doc_slices(member, "null", &field->null, &field->null_count) && ok;
    ok = load_extract(member, field) && ok;
    ok = doc_filled_slices(member, "strip_prefix", &field->strip_prefix, &field->strip_prefix_count) && ok;
    ok = doc_string(member, "doc", false, &field->doc) && ok;
    return typed && load_typed(member, arena, field) && ok;
}
