/* An empty slice may carry a NULL pointer, which memcmp must not see: every comparison looks at the length first. */
#include "base/slice.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool slice_among(struct slice s, const struct slice *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(s, list[i]))
            return true;
    return false;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.data[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_blank(s.data[0])) {
        s.data++;
        s.len--;
    }
    return s;
}

bool slice_starts_with(struct slice s, struct slice prefix)
{
    if (prefix.len == 0)
        return true;
    return prefix.len <= s.len && memcmp(s.data, prefix.data, prefix.len) == 0;
}

bool slice_ends_with(struct slice s, struct slice suffix)
{
    if (suffix.len == 0)
        return true;
    return suffix.len <= s.len && memcmp(s.data + (s.len - suffix.len), suffix.data, suffix.len) == 0;
}

bool slice_ends_path(struct slice path, struct slice name)
{
    return name.len > 0 && slice_ends_with(path, name) &&
           (path.len == name.len || path.data[path.len - name.len - 1] == '/');
}
