#include "parse/csv_place.h"

#include <stdio.h>
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
    char delimiter, quote;
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
    while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t') && *walk->at != walk->delimiter)
        step(walk);
}

/* To behind the delimiter that ends the field; false when the record ends it. A doubled quote leaves the quotes and
   enters them again. */
static bool skip_field(struct walk *walk)
{
    bool inside = false;
    while (walk->at < walk->end) {
        char c = *walk->at;
        if (walk->quote && c == walk->quote)
            inside = !inside;
        step(walk);
        if (c == walk->delimiter && !inside)
            return true;
    }
    return false;
}

void csv_place_find(struct slice raw, char delimiter, char quote, size_t field, struct csv_place *place)
{
    struct walk walk = {raw.data, raw.data + raw.len, delimiter, quote, place};
    for (size_t i = 0; i < field; i++)
        skip_field(&walk);
    skip_blanks(&walk);
    place->quoted = quote && walk.at < walk.end && *walk.at == quote;
}

const char *csv_place_delimiter(char delimiter, char out[CSV_PLACE_DELIMITER_SIZE])
{
    switch (delimiter) {
    case ',':
        return "a comma";
    case ';':
        return "a semicolon";
    case '\t':
        return "a tab";
    default:
        snprintf(out, CSV_PLACE_DELIMITER_SIZE, "a \"%c\"", delimiter);
        return out;
    }
}

void csv_place_fields(struct slice raw, char delimiter, char quote, struct slice *fields, size_t count)
{
    struct csv_place place = {.line = 1, .column = 1};
    struct walk walk = {raw.data, raw.data + raw.len, delimiter, quote, &place};
    for (size_t i = 0; i < count; i++) {
        const char *from = walk.at;
        bool parted = skip_field(&walk);
        fields[i] = (struct slice){from, (size_t)(walk.at - from) - parted};
    }
}
