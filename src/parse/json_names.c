#include "parse/json_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum {
    TEXT_FULL = 4 * 1024 * 1024, /* bytes of names and uses from which on the table is emptied */
    TEXT_MAX = 4 * TEXT_FULL
};

bool json_names_init(struct json_names *names)
{
    *names = (struct json_names){.count = 0};
    arena_init(&names->arena, TEXT_MAX);
    names->names = calloc(JSON_NAMES_MAX, sizeof *names->names);
    names->slots = calloc(JSON_NAMES_SLOTS, sizeof *names->slots);
    return names->names && names->slots;
}

void json_names_close(struct json_names *names)
{
    free(names->names);
    free(names->slots);
    arena_close(&names->arena);
}

void json_names_start(struct json_names *names)
{
    names->count = 0;
    memset(names->slots, 0, JSON_NAMES_SLOTS * sizeof *names->slots);
    memset(names->before, 0, sizeof names->before);
    arena_reset(&names->arena);
}

bool json_names_make_room(struct json_names *names)
{
    if (names->count <= JSON_NAMES_MAX - PARSER_COLUMNS_MAX && names->arena.used <= TEXT_FULL)
        return false;
    json_names_start(names);
    return true;
}

static struct json_name *add(struct json_names *names, uint32_t *slot, struct slice text, uint64_t hash)
{
    struct slice copy = arena_copy(&names->arena, text);
    if (!copy.data)
        return NULL;
    struct json_name *name = &names->names[names->count++];
    *name = (struct json_name){.text = copy, .hash = hash};
    *slot = (uint32_t)names->count;
    return name;
}

static struct json_name *look_up(struct json_names *names, struct slice text)
{
    uint64_t hash = hash_bytes(text, 0);
    for (size_t i = hash & (JSON_NAMES_SLOTS - 1);; i = (i + 1) & (JSON_NAMES_SLOTS - 1)) {
        uint32_t *slot = &names->slots[i];
        if (*slot == 0)
            return add(names, slot, text, hash);
        struct json_name *name = &names->names[*slot - 1];
        if (name->hash == hash && slice_equal(name->text, text))
            return name;
    }
}

struct json_name *json_names_find(struct json_names *names, size_t place, struct slice text)
{
    uint32_t before = names->before[place];
    if (before > 0 && slice_equal(names->names[before - 1].text, text))
        return &names->names[before - 1];
    struct json_name *name = look_up(names, text);
    if (name)
        names->before[place] = (uint32_t)(name - names->names) + 1;
    return name;
}

static bool add_use(struct json_names *names, struct json_name *name, size_t field, size_t rank)
{
    struct json_use *use = arena_array(&names->arena, 1, sizeof *use);
    if (!use)
        return false;
    *use = (struct json_use){.field = (uint16_t)field, .rank = (uint16_t)rank, .next = name->uses};
    name->uses = use;
    return true;
}

bool json_names_link(struct json_names *names, struct json_name *name, struct bind *bind)
{
    const struct descriptor *descriptor = bind->version->descriptor;
    name->linked = true;
    for (size_t i = descriptor->field_count; i-- > 0;) {
        const struct descriptor_field *field = &descriptor->fields[i];
        for (size_t k = 0; k < field->from_count && k <= UINT16_MAX; k++) {
            if (!descriptor_name_matches(descriptor, field->from[k], name->text))
                continue;
            if (!add_use(names, name, i, k))
                return false;
            break;
        }
    }
    name->strange = !name->uses && !bind_declares(bind, name->text);
    return !name->strange || bind_unknown(bind, name->text);
}
