/* The last step of a field: its cleaned text read as its type. */
#include "model/descriptor.h"
#include "model/timestamp.h"

static bool read_truth(const struct cleaning *cleaning, struct slice text, struct value *value, const char **expected)
{
    value->null = false;
    value->i = slice_among(text, cleaning->truths, cleaning->truth_count);
    *expected = "one of the words of its field's \"true\" and \"false\"";
    return value->i || slice_among(text, cleaning->falsehoods, cleaning->falsehood_count);
}

bool descriptor_value(const struct descriptor_field *field, bool plain, struct slice text, struct value *value,
                      const char **expected)
{
    const struct cleaning *cleaning = field->cleaning;
    char room[NUMBER_FORM_PLAIN_MAX];
    if (cleaning && cleaning->truth_count > 0)
        return read_truth(cleaning, text, value, expected);
    if (cleaning && cleaning->number && !plain && !number_form_plain(cleaning->number, text, room, &text, expected))
        return false;
    if (cleaning && cleaning->zone) {
        value->null = false;
        return timestamp_parse_any(text, field->formats, field->format_count, cleaning->zone, &value->i, expected);
    }
    return value_parse(field->type, field->formats, field->format_count, text, value, expected);
}
