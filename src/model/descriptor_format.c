/* The form of a descriptor's files: format, encoding, CSV's dialect, JSON's paths. */
#include "model/descriptor_format.h"

#include <string.h>

#include "base/text.h"

enum {
    SKIP_MAX = 1000, /* lines */
    COMMENT_MAX = 8  /* bytes of what a comment begins with */
};

enum { WORD_CSV, WORD_JSON, WORD_NDJSON };
static const char *const format_words[] = {"csv", "json", "ndjson"};
static const char *const encoding_words[] = {"utf-8", "utf-16le", "utf-16be", "latin-1", "windows-1252"};
static const char *const csv_words[] = {"delimiter", "quote", "comment", "skip", "header"};

bool descriptor_same_form(const struct descriptor *a, const struct descriptor *b)
{
    const struct descriptor_form *f = &a->form, *g = &b->form;
    bool same = a->format == b->format && f->encoding == g->encoding && f->lines == g->lines &&
                f->delimiter == g->delimiter && f->quote == g->quote && slice_equal(f->comment, g->comment) &&
                f->skip == g->skip && f->header_count == g->header_count;
    for (size_t i = 0; same && i < f->header_count; i++)
        same = slice_equal(f->header[i], g->header[i]);
    return same;
}

/* --- CSV's dialect ------------------------------------------------------------------------------------------------ */

/* Whether the byte can part fields or stand around them: no part of words and numbers, of line ends or of UTF-8. No
   blank either, for which libcsv takes it first; but a tab that parts fields. */
static bool is_mark(char c)
{
    bool word = text_is_letter(c) || text_is_digit(c);
    return c > 0 && c < 0x7f && c != ' ' && c != '\t' && c != '\n' && c != '\r' && !word;
}

static bool load_mark(const struct doc_node *root, const char *name, bool tab, const char *expected, char *out)
{
    const char *text = NULL;
    char shown[DOC_SHOWN_MAX];
    if (!doc_string(root, name, false, &text))
        return false;
    if (!text)
        return true;
    *out = text[0];
    return (strlen(text) == 1 && (is_mark(text[0]) || (tab && text[0] == '\t'))) ||
           doc_problem(doc_member(root, name)->doc, doc_member(root, name), "\"%s\" is \"%s\", expected %s", name,
                       text_escape(slice_of(text), shown, sizeof shown), expected);
}

static bool load_delimiter(const struct doc_node *root, struct descriptor_form *form)
{
    return load_mark(root, "delimiter", true, "one character such as \",\" \";\" \"|\" or \"\\t\"", &form->delimiter);
}

static bool load_quote(const struct doc_node *root, struct descriptor_form *form)
{
    const struct doc_node *node = doc_member(root, "quote");
    if (node && node->kind == DOC_STRING && slice_equal(node->text, SLICE("none"))) {
        form->quote = '\0';
        return true;
    }
    if (!load_mark(root, "quote", false, "one character such as \"\\\"\" or \"'\", or \"none\"", &form->quote))
        return false;
    return form->quote != form->delimiter ||
           doc_problem((node ? node : doc_member(root, "delimiter"))->doc, node ? node : doc_member(root, "delimiter"),
                       "\"quote\" and \"delimiter\" are one character, expected two");
}

static bool load_comment(const struct doc_node *root, struct descriptor_form *form)
{
    const char *text = NULL;
    if (!doc_string(root, "comment", false, &text))
        return false;
    if (!text)
        return true;
    form->comment = slice_of(text);
    bool ok = form->comment.len > 0 && form->comment.len <= COMMENT_MAX;
    for (size_t i = 0; ok && i < form->comment.len; i++)
        ok = is_mark(text[i]) && text[i] != form->delimiter && text[i] != form->quote;
    return ok ||
           doc_problem(doc_member(root, "comment")->doc, doc_member(root, "comment"),
                       "\"comment\" is what lines to be left out begin with, expected 1 to %d signs such as \"#\" "
                       "or \"--\", neither delimiter nor quote",
                       COMMENT_MAX);
}

static bool load_header(const struct doc_node *root, struct descriptor_form *form)
{
    const struct doc_node *node = doc_member(root, "header");
    if (!doc_slices(root, "header", &form->header, &form->header_count))
        return false;
    if (!node)
        return true;
    if (form->header_count == 0 || form->header_count > DESCRIPTOR_HEADER_MAX)
        return doc_problem(node->doc, node, "\"header\" has %zu names, expected 1 to %d", form->header_count,
                           DESCRIPTOR_HEADER_MAX);
    bool ok = true;
    char shown[DOC_SHOWN_MAX];
    const struct doc_node *item = node->kind == DOC_ARRAY ? node->child : node;
    for (size_t i = 0; i < form->header_count; i++, item = item->next)
        if (slice_among(form->header[i], form->header, i))
            ok = doc_problem(item->doc, item, "\"header\" has \"%s\" twice, expected it once",
                             text_escape(form->header[i], shown, sizeof shown));
    return ok;
}

static bool load_dialect(const struct doc_node *root, struct descriptor_form *form)
{
    int64_t skip = 0;
    bool ok = load_delimiter(root, form);
    ok = load_quote(root, form) && ok;
    ok = load_comment(root, form) && ok;
    ok = load_header(root, form) && ok;
    ok = doc_integer(root, "skip", false, 0, SKIP_MAX, &skip) && ok;
    form->skip = (uint32_t)skip;
    return ok;
}

static bool refuse_dialect(const struct doc_node *root)
{
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(csv_words); i++) {
        const struct doc_node *node = doc_member(root, csv_words[i]);
        if (node)
            ok = doc_problem_at(node->doc, node->name_line, node->name_column, "\"%s\" is for the format csv only",
                                csv_words[i]);
    }
    return ok;
}

bool descriptor_format_load(const struct doc_node *root, struct descriptor *d)
{
    size_t format = WORD_CSV, encoding = DESCRIPTOR_UTF8;
    d->form = DESCRIPTOR_FORM_PLAIN;
    bool known = doc_choice(root, "format", true, format_words, COUNT_OF(format_words), &format);
    bool ok = doc_choice(root, "encoding", false, encoding_words, COUNT_OF(encoding_words), &encoding) && known;
    d->format = format == WORD_CSV ? DESCRIPTOR_CSV : DESCRIPTOR_JSON;
    d->form.lines = format == WORD_NDJSON;
    d->form.encoding = (enum descriptor_encoding)encoding;
    if (d->format == DESCRIPTOR_JSON)
        return refuse_dialect(root) && ok;
    return load_dialect(root, &d->form) && ok;
}

/* --- files without a header --------------------------------------------------------------------------------------- */

static bool in_header(const struct descriptor *d, struct slice name)
{
    for (size_t i = 0; i < d->form.header_count; i++)
        if (descriptor_name_matches(d, name, d->form.header[i]))
            return true;
    return false;
}

static bool check_field(const struct doc_node *root, const struct descriptor *d, const struct descriptor_field *field)
{
    if (field->derive || (field->cleaning && (field->cleaning->has_fallback || field->cleaning->from_name)))
        return true; /* something stands in */
    for (size_t i = 0; i < field->from_count; i++)
        if (in_header(d, field->from[i]))
            return true;
    const struct doc_node *node = doc_member(doc_member(root, "fields"), field->name);
    return doc_problem_at(node->doc, node->name_line, node->name_column, "\"header\" has no column that \"%s\" reads",
                          field->name);
}

static bool check_header(const struct doc_node *root, const struct descriptor *d)
{
    bool ok = true;
    for (size_t i = 0; d->form.header_count > 0 && i < d->field_count; i++)
        ok = check_field(root, d, &d->fields[i]) && ok;
    return ok;
}

/* --- paths of JSON ------------------------------------------------------------------------------------------------ */

/* The length of the step that `text` begins with: up to a dot that no backslash stands before, or the end. */
static size_t step_length(struct slice text)
{
    size_t i = 0;
    while (i < text.len && text.data[i] != '.')
        i += text.data[i] == '\\' && i + 1 < text.len ? 2 : 1;
    return i;
}

/* Without the backslashes that stand before . [ ] and \. NULL data when out of memory. */
static struct slice unescape(struct slice text, struct arena *arena)
{
    char *copy = arena_alloc(arena, text.len);
    size_t len = 0;
    for (size_t i = 0; copy && i < text.len; i++) {
        if (text.data[i] == '\\' && i + 1 < text.len && strchr(".[]\\", text.data[i + 1]))
            i++;
        copy[len++] = text.data[i];
    }
    return (struct slice){copy, len};
}

static size_t count_steps(struct slice text)
{
    size_t count = 1;
    for (size_t len; (len = step_length(text)) < text.len; count++) {
        text.data += len + 1;
        text.len -= len + 1;
    }
    return count;
}

/* Whether the step ends in [], and not in a bracket that a backslash takes for a sign: two in front are one of the
   name. */
static bool makes_rows(struct slice step)
{
    if (!slice_ends_with(step, SLICE("[]")))
        return false;
    size_t end = step.len - strlen("[]"), before = end;
    while (before > 0 && step.data[before - 1] == '\\')
        before--;
    return (end - before) % 2 == 0;
}

/* Cuts `text` into steps. Leaves the path empty where that makes none: an empty step, or one step that is a plain
   name. */
static bool cut_path(const struct doc *doc, struct slice text, struct arena *arena, struct descriptor_path *path,
                     size_t *spreads)
{
    size_t count = count_steps(text), whole = text.len;
    *path = (struct descriptor_path){.steps = arena_array(arena, count, sizeof *path->steps)};
    *spreads = 0;
    if (!path->steps)
        return doc_memory(doc);
    for (size_t i = 0; i < count; i++) {
        size_t len = step_length(text);
        struct slice step = {text.data, len};
        if (makes_rows(step)) {
            step.len -= strlen("[]");
            path->spread = i + 1;
            ++*spreads;
        }
        if (step.len == 0) {
            *path = (struct descriptor_path){.count = 0};
            return true;
        }
        path->steps[i] = unescape(step, arena);
        if (!path->steps[i].data)
            return doc_memory(doc);
        text.data += i + 1 < count ? len + 1 : len;
        text.len -= i + 1 < count ? len + 1 : len;
    }
    if (count > 1 || *spreads > 0 || path->steps[0].len != whole)
        path->count = count;
    return true;
}

/* The text of `from` up to the array whose elements become rows, which its step number `steps` ends in. */
static struct slice spread_text(struct slice from, size_t steps)
{
    size_t at = step_length(from);
    for (; steps > 1; steps--)
        at += 1 + step_length((struct slice){from.data + at + 1, from.len - at - 1});
    return (struct slice){from.data, at - strlen("[]")};
}

static bool check_spread(const struct doc_node *node, struct slice from, size_t steps, struct descriptor *d)
{
    char shown[DOC_SHOWN_MAX], other[DOC_SHOWN_MAX];
    struct slice spread = spread_text(from, steps);
    if (d->spread.len == 0)
        d->spread = spread;
    return slice_equal(d->spread, spread) ||
           doc_problem(node->doc, node, "\"%s[]\" and \"%s[]\" both make rows, expected one such array in a descriptor",
                       text_escape(d->spread, shown, sizeof shown), text_escape(spread, other, sizeof other));
}

static bool load_path(const struct doc_node *node, struct slice from, struct arena *arena, struct descriptor *d,
                      struct descriptor_path *path)
{
    size_t spreads;
    char shown[DOC_SHOWN_MAX];
    if (!cut_path(node->doc, from, arena, path, &spreads))
        return false;
    if (path->count == 0 || spreads == 0)
        return true;
    if (spreads > 1)
        return doc_problem(node->doc, node, "\"%s\" has [] more than once, expected one array in a path",
                           text_escape(from, shown, sizeof shown));
    return check_spread(node, from, path->spread, d);
}

static bool load_paths(const struct doc_node *member, struct arena *arena, struct descriptor *d,
                       struct descriptor_field *field)
{
    const struct doc_node *from = doc_member(member, "from");
    struct descriptor_path *paths = arena_array(arena, field->from_count, sizeof *paths);
    if (!paths)
        return doc_memory(member->doc);
    bool ok = true;
    const struct doc_node *item = from && from->kind == DOC_ARRAY ? from->child : from;
    for (size_t i = 0; i < field->from_count; i++, item = item ? item->next : NULL) {
        ok = load_path(item ? item : member, field->from[i], arena, d, &paths[i]) && ok;
        if (paths[i].count > 0)
            field->paths = paths;
    }
    return ok;
}

bool descriptor_format_check(const struct doc_node *root, struct arena *arena, struct descriptor *d)
{
    if (d->format == DESCRIPTOR_CSV)
        return check_header(root, d);
    bool ok = true;
    const struct doc_node *member = doc_member(root, "fields")->child;
    for (size_t i = 0; i < d->field_count; i++, member = member->next)
        ok = load_paths(member, arena, d, &d->fields[i]) && ok;
    return ok;
}
