#include "parse/bind.h"

#include <stdlib.h>

#include "parse/parser.h"

#define NAMES_MAX ((size_t)FILE_UNKNOWN_COLUMNS_MAX * PARSER_RECORD_MAX)

enum {
    LACKS_MAX = 4 * ERROR_TEXT_MAX /* bytes: an error that ends before them says that it was cut */
};

static bool make_rules(struct bind *bind, size_t index)
{
    const struct feed_version *version = &bind->feed->versions[index];
    size_t count = version->descriptor->field_count;
    struct coerce_rule *rules = calloc(count, sizeof *rules);
    if (!rules)
        return false;
    for (size_t i = 0; i < count; i++)
        coerce_rule_init(&rules[i], bind->feed, version, i);
    bind->rules[index] = rules;
    return true;
}

bool bind_init(struct bind *bind, const struct feed *feed, struct error *error)
{
    *bind = (struct bind){.feed = feed};
    arena_init(&bind->names, NAMES_MAX);
    buf_init(&bind->lacks, LACKS_MAX);
    bind->rules = calloc(feed->version_count, sizeof(struct coerce_rule *));
    if (!bind->rules || !buf_reserve(&bind->lacks, LACKS_MAX))
        return error_memory(error);
    for (size_t i = 0; i < feed->version_count; i++)
        if (!make_rules(bind, i))
            return error_memory(error);
    return true;
}

void bind_close(struct bind *bind)
{
    for (size_t i = 0; bind->rules && i < bind->feed->version_count; i++)
        free(bind->rules[i]);
    free(bind->rules);
    buf_close(&bind->lacks);
    arena_close(&bind->names);
}

void bind_start(struct bind *bind, uint32_t wanted)
{
    bind->wanted = wanted;
    bind->version = NULL;
    bind->chosen = NULL;
    bind->unknown_count = 0;
    arena_reset(&bind->names);
}

static bool allowed(const struct bind *bind, const struct descriptor *descriptor)
{
    return bind->wanted == 0 || bind->wanted == descriptor->version;
}

bool bind_reads(const struct bind *bind, enum descriptor_format format)
{
    for (size_t i = 0; i < bind->feed->version_count; i++) {
        const struct descriptor *descriptor = bind->feed->versions[i].descriptor;
        if (descriptor->format == format && allowed(bind, descriptor))
            return true;
    }
    return false;
}

static bool fits(struct bind *bind, size_t index, enum descriptor_format format, const struct slice *names,
                 size_t count)
{
    struct buf *lacks = &bind->lacks;
    const struct feed_version *version = &bind->feed->versions[index];
    if (lacks->len > 0)
        buf_put_text(lacks, "; ");
    buf_printf(lacks, "%u.json ", version->descriptor->version);
    if (version->descriptor->format != format) {
        buf_printf(lacks, "is for %s files", format == DESCRIPTOR_CSV ? "JSON" : "CSV");
        return false;
    }
    if (!descriptor_bind(version->descriptor, names, count, bind->columns, lacks))
        return false;
    bind->version = version;
    bind->chosen = bind->rules[index];
    return true;
}

static bool fail_choice(const struct bind *bind, struct error *error)
{
    const struct buf *lacks = &bind->lacks;
    if (lacks->len == 0)
        return error_set(error, ERROR_DATA, "%s has no descriptor %u.json", bind->feed->name, bind->wanted);
    return error_set(error, ERROR_DATA, "fits no descriptor of %s: %.*s", bind->feed->name, (int)lacks->len,
                     lacks->data);
}

bool bind_choose(struct bind *bind, enum descriptor_format format, const struct slice *names, size_t count,
                 struct error *error)
{
    bool found = false;
    buf_reset(&bind->lacks);
    for (size_t i = 0; !found && i < bind->feed->version_count; i++)
        if (allowed(bind, bind->feed->versions[i].descriptor))
            found = fits(bind, i, format, names, count);
    return found || fail_choice(bind, error);
}

bool bind_declares(const struct bind *bind, struct slice name)
{
    const struct descriptor *descriptor = bind->version->descriptor;
    for (size_t i = 0; i < descriptor->field_count; i++)
        for (size_t k = 0; k < descriptor->fields[i].from_count; k++)
            if (descriptor_name_matches(descriptor, descriptor->fields[i].from[k], name))
                return true;
    for (size_t i = 0; i < descriptor->match_count; i++)
        if (descriptor_name_matches(descriptor, descriptor->match[i], name))
            return true;
    return false;
}

bool bind_unknown(struct bind *bind, struct slice name)
{
    if (bind->unknown_count == FILE_UNKNOWN_COLUMNS_MAX)
        return true;
    for (size_t i = 0; i < bind->unknown_count; i++)
        if (slice_equal(bind->unknown[i], name))
            return true;
    struct slice copy = arena_copy(&bind->names, name);
    if (!copy.data)
        return false;
    bind->unknown[bind->unknown_count++] = copy;
    return true;
}
