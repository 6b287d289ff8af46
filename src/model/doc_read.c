/* Reading members of a document: each reader either gives what was asked for or reports why not. */
#include "model/doc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { WORDS_SHOWN_MAX = 600 /* bytes of a list of words in a message */ };

const char *doc_kind_name(enum doc_kind kind)
{
    switch (kind) {
    case DOC_OBJECT:
        return "an object";
    case DOC_ARRAY:
        return "a list";
    case DOC_STRING:
        return "a text";
    case DOC_NUMBER:
        return "a number";
    case DOC_BOOL:
        return "true or false";
    case DOC_NULL:
        return "null";
    }
    return "a value";
}

const char *doc_text(const struct doc_node *node)
{
    return node->text.data;
}

const struct doc_node *doc_member(const struct doc_node *object, const char *name)
{
    if (object->kind != DOC_OBJECT)
        return NULL;
    for (const struct doc_node *child = object->child; child; child = child->next)
        if (slice_equal(child->name, slice_of(name)))
            return child;
    return NULL;
}

/* `a, b or c` of the words, as many as fit. */
static const char *list_words(const char *const *words, size_t count, char out[WORDS_SHOWN_MAX])
{
    static const char rest[] = ", ...";
    char *at = out;
    *at = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        if (at + strlen(between) + strlen(words[i]) + sizeof rest > out + WORDS_SHOWN_MAX) {
            memcpy(at, rest, sizeof rest);
            break;
        }
        at = stpcpy(stpcpy(at, between), words[i]);
    }
    return out;
}

static bool unknown_word(const struct doc *doc, uint32_t line, uint32_t column, struct slice word,
                         const char *const *words, size_t count)
{
    char shown[DOC_SHOWN_MAX], known[WORDS_SHOWN_MAX], hint[TEXT_HINT_SIZE];
    return doc_problem_at(doc, line, column, "unknown word \"%s\", expected %s%s",
                          text_escape(word, shown, sizeof shown), list_words(words, count, known),
                          text_hint(word, words, count, hint));
}

bool doc_unknown(const struct doc_node *member, const char *const *words, size_t count)
{
    return unknown_word(member->doc, member->name_line, member->name_column, member->name, words, count);
}

bool doc_among(struct slice name, const char *const *words, size_t count, size_t *place)
{
    for (size_t i = 0; i < count; i++) {
        if (!slice_equal(name, slice_of(words[i])))
            continue;
        if (place)
            *place = i;
        return true;
    }
    return false;
}

bool doc_only(const struct doc_node *object, const char *const *words, size_t count)
{
    bool ok = true;
    for (const struct doc_node *child = object->child; child; child = child->next)
        ok = (doc_among(child->name, words, count, NULL) || doc_unknown(child, words, count)) && ok;
    return ok;
}

bool doc_only_beside(const struct doc_node *object, const char *const *words, size_t count, const char *key)
{
    bool ok = true;
    for (const struct doc_node *child = object->child; child; child = child->next)
        if (!doc_among(child->name, words, count, NULL))
            ok = doc_problem_at(child->doc, child->name_line, child->name_column,
                                "\"%s\" does not go with \"%s\", which reads no column", child->name.data, key);
    return ok;
}

static bool wrong_kind(const struct doc_node *node, const char *name, const char *expected)
{
    return doc_problem(node->doc, node, "\"%s\" is %s, expected %s", name, doc_kind_name(node->kind), expected);
}

/* The member; NULL with *ok told when it is missing. */
static const struct doc_node *find(const struct doc_node *object, const char *name, bool required, bool *ok)
{
    const struct doc_node *node = doc_member(object, name);
    *ok = node || !required || doc_problem(object->doc, object, "\"%s\" is missing", name);
    return node;
}

bool doc_string(const struct doc_node *object, const char *name, bool required, const char **out)
{
    bool ok;
    const struct doc_node *node = find(object, name, required, &ok);
    if (!node)
        return ok;
    if (node->kind != DOC_STRING)
        return wrong_kind(node, name, "a text");
    *out = doc_text(node);
    return true;
}

bool doc_choice(const struct doc_node *object, const char *name, bool required, const char *const *words, size_t count,
                size_t *out)
{
    const char *word = NULL;
    if (!doc_string(object, name, required, &word))
        return false;
    if (!word || doc_among(slice_of(word), words, count, out))
        return true;
    const struct doc_node *node = doc_member(object, name);
    return unknown_word(node->doc, node->line, node->column, node->text, words, count);
}

bool doc_integer(const struct doc_node *object, const char *name, bool required, int64_t min, int64_t max, int64_t *out)
{
    bool ok;
    const struct doc_node *node = find(object, name, required, &ok);
    if (!node)
        return ok;
    if (node->kind != DOC_NUMBER)
        return wrong_kind(node, name, "an integer");
    char *stop;
    errno = 0;
    long long value = strtoll(doc_text(node), &stop, 10);
    if (*stop || errno != 0 || value < min || value > max)
        return doc_problem(node->doc, node, "\"%s\" is %s, expected an integer from %jd to %jd", name, doc_text(node),
                           (intmax_t)min, (intmax_t)max);
    *out = value;
    return true;
}

bool doc_bool(const struct doc_node *object, const char *name, bool *out)
{
    const struct doc_node *node = doc_member(object, name);
    if (!node)
        return true;
    if (node->kind != DOC_BOOL)
        return wrong_kind(node, name, "true or false");
    *out = node->truth;
    return true;
}

static bool collect(const struct doc_node *node, const char *name, const char **strings)
{
    bool ok = true;
    size_t count = 0;
    for (const struct doc_node *child = node->child; child; child = child->next) {
        if (child->kind == DOC_STRING)
            strings[count++] = doc_text(child);
        else
            ok = doc_problem(child->doc, child, "\"%s\" lists %s, expected texts only", name,
                             doc_kind_name(child->kind));
    }
    return ok;
}

bool doc_strings(const struct doc_node *object, const char *name, bool required, const char ***out, size_t *count)
{
    bool ok;
    const struct doc_node *node = find(object, name, required, &ok);
    if (!node)
        return ok;
    if (node->kind != DOC_STRING && node->kind != DOC_ARRAY)
        return wrong_kind(node, name, "a text or a list of texts");
    size_t n = node->kind == DOC_STRING ? 1 : node->count;
    const char **strings = arena_array(node->doc->arena, n, sizeof *strings);
    if (!strings)
        return doc_memory(node->doc);
    if (node->kind == DOC_STRING)
        strings[0] = doc_text(node);
    else if (!collect(node, name, strings))
        return false;
    *out = strings;
    *count = n;
    return true;
}

bool doc_slices(const struct doc_node *object, const char *name, struct slice **out, size_t *count)
{
    const char **strings = NULL;
    size_t n = 0;
    if (!doc_strings(object, name, false, &strings, &n))
        return false;
    if (!strings)
        return true;
    struct slice *slices = arena_array(object->doc->arena, n, sizeof *slices);
    if (!slices)
        return doc_memory(object->doc);
    for (size_t i = 0; i < n; i++)
        slices[i] = slice_of(strings[i]);
    *out = slices;
    *count = n;
    return true;
}

bool doc_filled_slices(const struct doc_node *object, const char *name, struct slice **out, size_t *count)
{
    if (!doc_slices(object, name, out, count))
        return false;
    const struct doc_node *node = doc_member(object, name);
    if (!node)
        return true;
    bool ok = *count > 0;
    for (size_t i = 0; ok && i < *count; i++)
        ok = (*out)[i].len > 0;
    return ok || doc_problem(object->doc, node, "\"%s\" needs at least one text, and none of them empty", name);
}

bool doc_object(const struct doc_node *object, const char *name, bool required, const struct doc_node **out)
{
    bool ok;
    const struct doc_node *node = find(object, name, required, &ok);
    if (!node)
        return ok;
    if (node->kind != DOC_OBJECT)
        return wrong_kind(node, name, "an object");
    *out = node;
    return true;
}
