#include "parse/clean.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/value.h"

static const char no_room[] = "less text to clean in one row";

bool clean_room_init(struct clean_room *room)
{
    *room = (struct clean_room){.data = malloc(CLEAN_ROOM_SIZE)};
    return room->data != NULL;
}

void clean_room_close(struct clean_room *room)
{
    free(room->data);
    room->data = NULL;
}

/* Bytes that a new text may have, which are then looked for at the room's end; 0: none. */
static size_t left(const struct clean_room *room, size_t wanted)
{
    size_t free_bytes = CLEAN_ROOM_SIZE - room->len;
    return free_bytes < wanted ? 0 : wanted;
}

static bool fail(const char **expected, const char *words)
{
    *expected = words;
    return false;
}

static bool keep_ascii(struct clean_room *room, struct slice *text, const char **expected)
{
    if (left(room, text->len) < text->len)
        return fail(expected, no_room);
    char *out = room->data + room->len;
    size_t len = 0;
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->data[i] < 0x80)
            out[len++] = text->data[i];
    if (len < text->len) {
        *text = (struct slice){out, len};
        room->len += len;
    }
    return true;
}

static bool replace(const struct pattern *pattern, struct clean_room *room, struct pattern_scratch *scratch,
                    struct slice *text, const char **expected)
{
    size_t size = left(room, TEXT_VALUE_MAX + 1);
    char *out = room->data + room->len;
    if (size == 0)
        return fail(expected, no_room);
    enum pattern_result result = pattern_replace(pattern, scratch, text, out, size, expected);
    if (result == PATTERN_MEMORY)
        return fail(expected, NULL);
    if (result == PATTERN_NONE)
        return false;
    if (text->data == out)
        room->len += text->len;
    return true;
}

bool clean_replace(const struct cleaning *cleaning, struct clean_room *room, struct pattern_scratch *scratch,
                   struct slice *text, const char **expected)
{
    if ((cleaning->ascii || cleaning->replace_count > 0) && text_valid_utf8(*text) != text->len)
        return fail(expected, "valid UTF-8");
    if (cleaning->ascii && !keep_ascii(room, text, expected))
        return false;
    for (size_t i = 0; i < cleaning->replace_count; i++)
        if (!replace(cleaning->replace[i], room, scratch, text, expected))
            return false;
    return true;
}

/* The part before the next split, which is taken off the rest together with it. */
static struct slice take_part(struct slice *rest, struct slice split)
{
    const char *at = rest->len > 0 ? memmem(rest->data, rest->len, split.data, split.len) : NULL;
    struct slice part = {rest->data, at ? (size_t)(at - rest->data) : rest->len};
    size_t used = part.len + (at ? split.len : 0);
    rest->data += used;
    rest->len -= used;
    return slice_trim(part);
}

bool clean_split(const struct cleaning *cleaning, struct clean_room *room, struct slice *text, const char **expected)
{
    if (cleaning->split.len == 0)
        return true;
    char *out = room->data + room->len;
    size_t len = 0, size = left(room, TEXT_VALUE_MAX);
    struct slice rest = *text;
    while (rest.len > 0) {
        struct slice part = take_part(&rest, cleaning->split);
        struct slice join = len > 0 ? cleaning->join : SLICE("");
        if (part.len == 0)
            continue;
        if (part.len + join.len > size - len)
            return fail(expected, size == 0 ? no_room : "a list of at most 65536 bytes once it is joined");
        memcpy(out + len, join.data, join.len);
        memcpy(out + len + join.len, part.data, part.len);
        len += join.len + part.len;
    }
    *text = (struct slice){out, len};
    room->len += len;
    return true;
}
