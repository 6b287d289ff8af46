#include "parse/csv_place.h"

#include <string.h>

const char *csv_place_line_end(const char *from, const char *end, const char **lf)
{
    if (!*lf || *lf < from) {
        *lf = memchr(from, '\n', (size_t)(end - from));
        if (!*lf)
            *lf = end;
    }
    const char *cr = memchr(from, '\r', (size_t)(*lf - from));
    if (cr && cr + 1 != *lf)
        return cr + 1;
    return *lf < end ? *lf + 1 : end;
}

struct walk {
    const char *at, *end;
    struct csv_place *place;
};

static void step(struct walk *walk)
{
    char c = *walk->at++;
    bool cut = c == '\r' && walk->at < walk->end && *walk->at == '\n';
    if ((c == '\n' || c == '\r') && !cut) {
        walk->place->line++;
        walk->place->column = 1;
    } else {
        walk->place->column++;
    }
}

static void skip_blanks(struct walk *walk)
{
    while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t'))
        step(walk);
}

/* To behind the comma that ends the field. A doubled quote leaves the quotes and enters them again. */
static void skip_field(struct walk *walk)
{
    bool inside = false;
    while (walk->at < walk->end) {
        char c = *walk->at;
        if (c == '"')
            inside = !inside;
        step(walk);
        if (c == ',' && !inside)
            return;
    }
}

void csv_place_find(struct slice raw, size_t field, struct csv_place *place)
{
    struct walk walk = {raw.data, raw.data + raw.len, place};
    for (size_t i = 0; i < field; i++)
        skip_field(&walk);
    skip_blanks(&walk);
    place->quoted = walk.at < walk.end && *walk.at == '"';
}

void csv_place_fields(struct slice raw, struct slice *fields, size_t count)
{
    struct csv_place place = {.line = 1, .column = 1};
    struct walk walk = {raw.data, raw.data + raw.len, &place};
    for (size_t i = 0; i < count; i++) {
        const char *from = walk.at;
        skip_field(&walk);
        bool parted = i + 1 < count && walk.at > from;
        fields[i] = (struct slice){from, (size_t)(walk.at - from) - parted};
    }
}
