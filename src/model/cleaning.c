/* Reading of the rarer keys of a field. Every key is looked at, so that one run shows all mistakes. */
#include "model/cleaning.h"

#include <string.h>

#include "model/zone_member.h"

static const char *const words[] = {"unicode", "replace",  "split",   "join",         "number",   "true",     "false",
                                    "zone",    "on_error", "default", "default_null", "constant", "from_name"};
static const char *const unicode_words[] = {"keep", "ascii"};
static const char *const on_error_words[] = {"reject", "null"};
static const char *const number_words[] = {"thousands", "decimal", "currency", "parentheses", "suffixes"};

_Static_assert(COUNT_OF(words) <= CLEANING_WORDS_MAX, "callers make room for them");

const char *const *cleaning_words(size_t *count)
{
    *count = COUNT_OF(words);
    return words;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static bool load_slice(const struct doc_node *object, const char *name, struct slice *out)
{
    const char *text = NULL;
    if (!doc_string(object, name, false, &text))
        return false;
    if (text)
        *out = slice_of(text);
    return true;
}

static bool is_for(const struct doc_node *member, const char *name, bool fits, const char *types)
{
    const struct doc_node *node = doc_member(member, name);
    return !node || fits || doc_problem(member->doc, node, "\"%s\" is for the type%s only", name, types);
}

/* --- what is done to the text ------------------------------------------------------------------------------------- */

static bool load_unicode(const struct doc_node *member, struct cleaning *c)
{
    size_t unicode = 0;
    bool ok = doc_choice(member, "unicode", false, unicode_words, COUNT_OF(unicode_words), &unicode);
    c->ascii = unicode == 1;
    return ok;
}

static bool load_replacement(const struct doc_node *pair, struct cleaning *c)
{
    struct error error = {0};
    if (pair->kind != DOC_STRING)
        return doc_problem(pair->doc, pair, "\"%s\" is replaced by %s, expected a text", pair->name.data,
                           doc_kind_name(pair->kind));
    struct pattern *pattern = pattern_new_replace(pair->name, pair->text, &error);
    if (!pattern)
        return doc_problem_at(pair->doc, pair->name_line, pair->name_column, "\"replace\": %s", error.text);
    c->replace[c->replace_count++] = pattern;
    return true;
}

static bool load_replace(const struct doc_node *member, struct cleaning *c)
{
    const struct doc_node *replace = NULL;
    if (!doc_object(member, "replace", false, &replace))
        return false;
    if (!replace)
        return true;
    if (replace->count == 0 || replace->count > CLEANING_REPLACE_MAX)
        return doc_problem(replace->doc, replace, "\"replace\" has %zu expressions, expected 1 to %d", replace->count,
                           CLEANING_REPLACE_MAX);
    c->replace = arena_array(member->doc->arena, replace->count, sizeof(struct pattern *));
    if (!c->replace)
        return doc_memory(member->doc);
    bool ok = true;
    for (const struct doc_node *pair = replace->child; pair; pair = pair->next)
        ok = load_replacement(pair, c) && ok;
    return ok;
}

static bool load_split(const struct doc_node *member, struct value_type type, struct cleaning *c)
{
    bool ok = load_slice(member, "split", &c->split);
    const struct doc_node *split = doc_member(member, "split"), *join = doc_member(member, "join");
    if (ok && split && c->split.len == 0)
        ok = doc_problem(member->doc, split, "\"split\" is empty, expected what stands between the parts of a list");
    c->join = c->split;
    ok = load_slice(member, "join", &c->join) && ok;
    if (join && !split)
        ok = doc_problem(member->doc, join, "\"join\" goes with \"split\"");
    return is_for(member, "split", type.kind == VALUE_TEXT, " text") && ok;
}

/* --- how it is read ----------------------------------------------------------------------------------------------- */

/* What stands between digits cannot be taken for one, or for a sign. */
static bool check_mark(const struct doc_node *number, const char *name, struct slice mark)
{
    const struct doc_node *node = doc_member(number, name);
    if (!node)
        return true;
    bool ok = mark.len > 0;
    for (size_t i = 0; ok && i < mark.len; i++)
        ok = !strchr("0123456789+-()", mark.data[i]);
    return ok || doc_problem(node->doc, node, "\"%s\" is \"%s\", expected a mark such as \",\"", name, doc_text(node));
}

static bool check_marks(const struct doc_node *number, const struct number_form *form)
{
    bool ok = check_mark(number, "thousands", form->thousands);
    ok = check_mark(number, "decimal", form->decimal) && ok;
    if (ok && slice_equal(form->thousands, form->decimal))
        ok = doc_problem(number->doc, number, "\"thousands\" and \"decimal\" are both \"%s\"%s", form->decimal.data,
                         doc_member(number, "decimal") ? "" : ": say what stands before the places, \"decimal\"");
    return ok;
}

static bool load_number(const struct doc_node *member, struct value_type type, struct cleaning *c)
{
    const struct doc_node *number = NULL;
    if (!doc_object(member, "number", false, &number))
        return false;
    if (!number)
        return true;
    c->number = arena_array(member->doc->arena, 1, sizeof *c->number);
    if (!c->number)
        return doc_memory(member->doc);
    struct number_form *form = c->number;
    form->decimal = SLICE(".");
    bool ok = doc_only(number, number_words, COUNT_OF(number_words));
    ok = load_slice(number, "thousands", &form->thousands) && ok;
    ok = load_slice(number, "decimal", &form->decimal) && ok;
    ok = check_marks(number, form) && ok;
    ok = doc_filled_slices(number, "currency", &form->currency, &form->currency_count) && ok;
    ok = doc_bool(number, "parentheses", &form->parentheses) && ok;
    ok = doc_bool(number, "suffixes", &form->suffixes) && ok;
    bool numeric = type.kind == VALUE_INT64 || type.kind == VALUE_DECIMAL || type.kind == VALUE_DOUBLE;
    return is_for(member, "number", numeric, "s int64, decimal and double") && ok;
}

static bool load_truths(const struct doc_node *member, struct value_type type, struct cleaning *c)
{
    const struct doc_node *yes = doc_member(member, "true"), *no = doc_member(member, "false");
    bool ok = doc_filled_slices(member, "true", &c->truths, &c->truth_count);
    ok = doc_filled_slices(member, "false", &c->falsehoods, &c->falsehood_count) && ok;
    if (!yes != !no)
        ok = doc_problem(member->doc, yes ? yes : no, "\"true\" and \"false\" go together");
    for (size_t i = 0; i < c->truth_count; i++)
        if (slice_among(c->truths[i], c->falsehoods, c->falsehood_count))
            ok = doc_problem(member->doc, no, "\"%s\" is both \"true\" and \"false\"", c->truths[i].data);
    return is_for(member, yes ? "true" : "false", type.kind == VALUE_BOOL, " bool") && ok;
}

static bool load_zone(const struct doc_node *member, struct value_type type, struct cleaning *c)
{
    return zone_member_load(member, &c->zone) && is_for(member, "zone", type.kind == VALUE_TIMESTAMP, " timestamp");
}

/* --- where there is nothing to read ------------------------------------------------------------------------------- */

/* A text, a number or a bool, as the text that a file would have. */
static bool load_scalar(const struct doc_node *member, const char *name, struct slice *out, bool *there)
{
    const struct doc_node *node = doc_member(member, name);
    if (!node)
        return true;
    *there = true;
    if (node->kind == DOC_BOOL)
        *out = slice_of(node->truth ? "true" : "false");
    else if (node->kind == DOC_STRING || node->kind == DOC_NUMBER)
        *out = node->text;
    else
        return doc_problem(node->doc, node, "\"%s\" is %s, expected a text, a number, true or false", name,
                           doc_kind_name(node->kind));
    return true;
}

/* A constant is all there is to its field: no step has anything to do. */
static bool check_constant(const struct doc_node *member)
{
    static const char *const kept[] = {"type", "constant", "formats", "zone", "true", "false", "doc"};
    return doc_only_beside(member, kept, COUNT_OF(kept), "constant");
}

static bool load_from_name(const struct doc_node *member, struct cleaning *c)
{
    const char *expression = NULL;
    struct error error = {0};
    if (!doc_string(member, "from_name", false, &expression))
        return false;
    if (!expression)
        return true;
    c->from_name = pattern_new(slice_of(expression), &error);
    if (!c->from_name)
        return doc_problem(member->doc, doc_member(member, "from_name"), "\"from_name\": %s", error.text);
    const struct doc_node *from = doc_member(member, "from");
    return !from || doc_problem(member->doc, from, "\"from\" does not go with \"from_name\", which reads no column");
}

static bool load_fallback(const struct doc_node *member, struct cleaning *c)
{
    const struct doc_node *also = doc_member(member, "default_null");
    bool ok = load_scalar(member, "constant", &c->fallback, &c->constant);
    if (c->constant) {
        c->has_fallback = true;
        return check_constant(member) && ok;
    }
    ok = load_scalar(member, "default", &c->fallback, &c->has_fallback) && ok;
    ok = doc_bool(member, "default_null", &c->fallback_null) && ok;
    if (also && !c->has_fallback)
        ok = doc_problem(member->doc, also, "\"default_null\" goes with \"default\"");
    return load_from_name(member, c) && ok;
}

static bool load_on_error(const struct doc_node *member, struct cleaning *c)
{
    size_t on_error = 0;
    bool ok = doc_choice(member, "on_error", false, on_error_words, COUNT_OF(on_error_words), &on_error);
    c->null_on_error = on_error == 1;
    const struct doc_node *required = doc_member(member, "required");
    if (c->null_on_error && !c->fallback_null && required && required->kind == DOC_BOOL && required->truth)
        ok = doc_problem(member->doc, doc_member(member, "on_error"),
                         "\"on_error\" is \"null\", but the field is required; \"default\" with \"default_null\" would "
                         "fill it");
    return ok;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static bool has_any(const struct doc_node *member)
{
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (doc_member(member, words[i]))
            return true;
    return false;
}

bool cleaning_load(const struct doc_node *member, struct value_type type, struct cleaning **out)
{
    *out = NULL;
    if (!has_any(member))
        return true;
    struct cleaning *c = *out = arena_array(member->doc->arena, 1, sizeof *c);
    if (!c)
        return doc_memory(member->doc);
    bool ok = load_unicode(member, c);
    ok = load_replace(member, c) && ok;
    ok = load_split(member, type, c) && ok;
    ok = load_number(member, type, c) && ok;
    ok = load_truths(member, type, c) && ok;
    ok = load_zone(member, type, c) && ok;
    ok = load_fallback(member, c) && ok;
    return load_on_error(member, c) && ok;
}

void cleaning_close(struct cleaning *cleaning)
{
    if (!cleaning)
        return;
    for (size_t i = 0; i < cleaning->replace_count; i++)
        pattern_free(cleaning->replace[i]);
    pattern_free(cleaning->from_name);
    cleaning->replace_count = 0;
    cleaning->from_name = NULL;
}
