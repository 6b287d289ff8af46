#include "base/json.h"

#include <inttypes.h>

#include "base/text.h"

void json_init(struct json *json, struct buf *out)
{
    *json = (struct json){.out = out};
}

static void begin_value(struct json *json, const char *name)
{
    uint32_t bit = UINT32_C(1) << (json->level & 31);
    if (json->filled & bit)
        buf_put_byte(json->out, ',');
    json->filled |= bit;
    if (name) {
        text_put_json(json->out, slice_of(name));
        buf_put_byte(json->out, ':');
    }
}

void json_open(struct json *json, const char *name, char bracket)
{
    begin_value(json, name);
    buf_put_byte(json->out, (uint8_t)bracket);
    json->level++;
    json->filled &= ~(UINT32_C(1) << (json->level & 31));
}

void json_close(struct json *json, char bracket)
{
    json->level--;
    buf_put_byte(json->out, (uint8_t)bracket);
}

void json_text(struct json *json, const char *name, struct slice value)
{
    begin_value(json, name);
    text_put_json(json->out, value);
}

void json_count(struct json *json, const char *name, uint64_t value)
{
    begin_value(json, name);
    buf_printf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *name, bool value)
{
    begin_value(json, name);
    buf_put_text(json->out, value ? "true" : "false");
}

void json_null(struct json *json, const char *name)
{
    begin_value(json, name);
    buf_put_text(json->out, "null");
}

void json_raw(struct json *json, const char *name, struct slice value)
{
    begin_value(json, name);
    buf_put(json->out, value.data, value.len);
}
