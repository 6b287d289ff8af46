#include "model/zone_member.h"

#include "model/timestamp.h"

bool zone_member_load(const struct doc_node *object, struct zone **out)
{
    const char *text = NULL;
    struct error error = {0};
    *out = NULL;
    if (!doc_string(object, "zone", false, &text))
        return false;
    if (!text)
        return true;
    const struct doc_node *node = doc_member(object, "zone");
    struct zone *zone = arena_array(object->doc->arena, 1, sizeof *zone);
    if (!zone)
        return doc_memory(object->doc);
    struct slice rest = node->text;
    const char *at = rest.data, *end = rest.data + rest.len;
    bool fixed = timestamp_parse_zone(&at, end, &zone->first) && at == end;
    if (!fixed && (rest.len == 0 || rest.data[0] == '+' || rest.data[0] == '-'))
        return doc_problem(object->doc, node,
                           "\"zone\" is \"%s\", expected how far east of UTC, such as \"+03:00\", or a name such as "
                           "\"Africa/Lagos\"",
                           text);
    if (fixed || zone_load(text, object->doc->arena, zone, &error)) {
        *out = zone;
        return true;
    }
    return error.kind == ERROR_MEMORY ? doc_memory(object->doc)
                                      : doc_problem(object->doc, node, "\"zone\": %s", error.text);
}
