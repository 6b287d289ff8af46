#include "cli/rejects_export.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* JSON has no bytes: what is no UTF-8 is U+FFFD in "raw", so its digits stand beside it. */
static void put_hex(struct json *json, struct slice raw)
{
    static const char digits[] = "0123456789abcdef";
    struct buf hex;
    buf_init(&hex, 2 * raw.len);
    for (size_t i = 0; i < raw.len; i++) {
        buf_put_byte(&hex, (uint8_t)digits[(uint8_t)raw.data[i] >> 4]);
        buf_put_byte(&hex, (uint8_t)digits[raw.data[i] & 15]);
    }
    json_text(json, "raw_hex", buf_slice(&hex));
    json->out->failed |= hex.failed;
    buf_close(&hex);
}

void rejects_export_json(struct buf *out, const struct reject_record *record)
{
    struct json json;
    json_init(&json, out);
    json_open(&json, NULL, '{');
    json_text(&json, "feed", record->feed);
    json_text(&json, "file", record->name);
    json_count(&json, "seq", record->sequence);
    json_count(&json, "row", record->reject.row);
    json_count(&json, "line", record->reject.line);
    json_count(&json, "column", record->reject.column);
    json_text(&json, "field", record->reject.field);
    json_text(&json, "reason", record->reject.reason);
    json_text(&json, "raw", record->reject.raw);
    if (text_valid_utf8(record->reject.raw) < record->reject.raw.len)
        put_hex(&json, record->reject.raw);
    if (record->retried)
        json_count(&json, "retried", record->retried);
    json_close(&json, '}');
}

void rejects_export_header(struct buf *out)
{
    buf_put_text(out, "feed,file,seq,row,line,column,field,reason,raw");
}

/* What OWASP names as the beginnings of formulas. */
static bool is_formula(struct slice cell)
{
    return cell.len > 0 && memchr("=+-@\t\r", cell.data[0], 6) != NULL;
}

static bool needs_quotes(struct slice cell)
{
    for (size_t i = 0; i < cell.len; i++)
        if (memchr(",\"\r\n", cell.data[i], 4))
            return true;
    return false;
}

static void put_cell(struct buf *out, struct slice cell, bool spreadsheet, const char *before)
{
    bool quotes = needs_quotes(cell);
    buf_put_text(out, before);
    if (quotes)
        buf_put_byte(out, '"');
    if (spreadsheet && is_formula(cell))
        buf_put_byte(out, '\'');
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.data[i] == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, (uint8_t)cell.data[i]);
    }
    if (quotes)
        buf_put_byte(out, '"');
}

static void put_number(struct buf *out, uint64_t number)
{
    buf_printf(out, ",%" PRIu64, number);
}

void rejects_export_csv(struct buf *out, const struct reject_record *record, bool spreadsheet)
{
    const struct reject *reject = &record->reject;
    put_cell(out, record->feed, spreadsheet, "");
    put_cell(out, record->name, spreadsheet, ",");
    put_number(out, record->sequence);
    put_number(out, reject->row);
    put_number(out, reject->line);
    put_number(out, reject->column);
    put_cell(out, reject->field, spreadsheet, ",");
    put_cell(out, reject->reason, spreadsheet, ",");
    put_cell(out, reject->raw, spreadsheet, ",");
}
