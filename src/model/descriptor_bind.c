/* Fields to columns, by name only: a column's position says nothing, so that one more column shifts nothing. */
#include "base/text.h"
#include "model/descriptor.h"

enum { NOT_FOUND = -1, FOUND_TWICE = -2 };

/* The byte that stands for it and for all that count as the same. */
static char fold(char c, enum descriptor_names names)
{
    if (c == ' ' || c == '\t')
        return '_';
    if (names != DESCRIPTOR_NAMES_FOLD)
        return c;
    return c == '-' ? '_' : text_lower(c);
}

bool descriptor_name_matches(const struct descriptor *descriptor, struct slice from, struct slice column)
{
    if (descriptor->names == DESCRIPTOR_NAMES_EXACT || from.len != column.len)
        return slice_equal(from, column);
    for (size_t i = 0; i < from.len; i++)
        if (fold(from.data[i], descriptor->names) != fold(column.data[i], descriptor->names))
            return false;
    return true;
}

/* Under its own name, or as the begin of a path. */
static bool reads(const struct descriptor *d, const struct descriptor_field *field, size_t source, struct slice column)
{
    const struct descriptor_path *path = field->paths ? &field->paths[source] : NULL;
    return descriptor_name_matches(d, field->from[source], column) ||
           (path && path->count > 0 && descriptor_name_matches(d, path->steps[0], column));
}

bool descriptor_declares(const struct descriptor *descriptor, struct slice column)
{
    for (size_t i = 0; i < descriptor->field_count; i++)
        for (size_t k = 0; k < descriptor->fields[i].from_count; k++)
            if (reads(descriptor, &descriptor->fields[i], k, column))
                return true;
    for (size_t i = 0; i < descriptor->match_count; i++)
        if (descriptor_name_matches(descriptor, descriptor->match[i], column))
            return true;
    for (size_t i = 0; i < descriptor->repair_count; i++)
        if (column.len == 0 || descriptor_name_matches(descriptor, descriptor->repair[i], column))
            return true;
    return false;
}

/* Where the column `from` stands in the header. */
static int find_column(const struct descriptor *d, struct slice from, const struct slice *header, size_t count)
{
    int found = NOT_FOUND;
    for (size_t i = 0; i < count; i++) {
        if (!descriptor_name_matches(d, from, header[i]))
            continue;
        if (found != NOT_FOUND)
            return FOUND_TWICE;
        found = (int)i;
    }
    return found;
}

/* The words so far: lists what is missing after one "lacks". */
struct report {
    struct buf *out; /* or NULL */
    bool fits, lacking, strange;
};

/* In a list that begins with `words`. */
static void report_name(struct report *report, bool *begun, const char *words, const char *quote, struct slice name)
{
    char shown[DOC_SHOWN_MAX];
    if (report->out)
        buf_printf(report->out, "%s%s%s%s%s",
                   *begun         ? ", "
                   : report->fits ? ""
                                  : "; ",
                   *begun ? "" : words, quote, text_escape(name, shown, sizeof shown), quote);
    *begun = true;
    report->fits = false;
}

static void report_lack(struct report *report, struct slice name)
{
    report_name(report, &report->lacking, "lacks ", "", name);
}

/* The next letter or digit of ASCII, small; 0 at the end. */
static char next_letter(struct slice *name)
{
    while (name->len > 0) {
        char c = fold(*name->data, DESCRIPTOR_NAMES_FOLD);
        name->data++;
        name->len--;
        if (text_is_letter(c) || text_is_digit(c))
            return c;
    }
    return 0;
}

/* Whether a person would read the same: case, blanks (also those that no keyboard has) and signs set aside. */
static bool is_near(struct slice from, struct slice column)
{
    char a, b, seen = 0;
    do {
        a = next_letter(&from);
        b = next_letter(&column);
        seen |= a;
    } while (a == b && a);
    return a == b && seen;
}

/* The first column that is nearly called so, or NULL. */
static const struct slice *find_near(const struct descriptor_field *field, const struct slice *header, size_t count)
{
    for (size_t i = 0; i < field->from_count; i++)
        for (size_t k = 0; k < count; k++)
            if (is_near(field->from[i], header[k]))
                return &header[k];
    return NULL;
}

/* A field whose columns are called otherwise is told with their names, for these are what a file lacks. */
static void report_lacking_field(struct report *report, const struct descriptor *d,
                                 const struct descriptor_field *field, const struct slice *header, size_t count)
{
    char shown[DOC_SHOWN_MAX];
    const struct slice *near = report->out && !report->out->failed ? find_near(field, header, count) : NULL;
    bool as_called = field->from_count == 0 ||
                     (field->from_count == 1 && descriptor_name_matches(d, field->from[0], slice_of(field->name)));
    report_lack(report, slice_of(field->name));
    if (!report->out || (as_called && !near))
        return;
    for (size_t i = 0; !as_called && i < field->from_count; i++)
        buf_printf(report->out, "%s\"%s\"", i > 0 ? " or " : " (", text_escape(field->from[i], shown, sizeof shown));
    if (near)
        buf_printf(report->out, "%shas \"%s\"", as_called ? " (" : "; ", text_escape(*near, shown, sizeof shown));
    buf_put_byte(report->out, ')');
}

static void report_twice(struct report *report, struct slice name)
{
    char shown[DOC_SHOWN_MAX];
    if (report->out)
        buf_printf(report->out, "%scolumn \"%s\" stands twice", report->fits ? "" : "; ",
                   text_escape(name, shown, sizeof shown));
    report->lacking = false;
    report->fits = false;
}

static void report_strange(struct report *report, struct slice name)
{
    report_name(report, &report->strange, "has undeclared columns ", "\"", name);
}

/* Where the field's i-th source stands: under its name, else, for a path, where the path begins. */
static int find_source(const struct descriptor *d, const struct descriptor_field *field, size_t i,
                       const struct slice *header, size_t count)
{
    int column = find_column(d, field->from[i], header, count);
    if (column == NOT_FOUND && field->paths && field->paths[i].count > 0)
        column = find_column(d, field->paths[i].steps[0], header, count);
    return column;
}

static int bind_field(const struct descriptor *d, const struct descriptor_field *field, const struct slice *header,
                      size_t count, struct report *report)
{
    for (size_t i = 0; i < field->from_count; i++) {
        int column = find_source(d, field, i, header, count);
        if (column == FOUND_TWICE)
            report_twice(report, field->from[i]);
        if (column != NOT_FOUND)
            return column;
    }
    if (descriptor_field_needs_column(field))
        report_lacking_field(report, d, field, header, count);
    return NOT_FOUND;
}

bool descriptor_bind(const struct descriptor *descriptor, const struct slice *header, size_t header_count, int *columns,
                     struct buf *lacks)
{
    struct report report = {.out = lacks, .fits = true};
    for (size_t i = 0; i < descriptor->field_count; i++)
        columns[i] = bind_field(descriptor, &descriptor->fields[i], header, header_count, &report);
    for (size_t i = 0; i < descriptor->match_count; i++)
        if (find_column(descriptor, descriptor->match[i], header, header_count) == NOT_FOUND)
            report_lack(&report, descriptor->match[i]);
    for (size_t i = 0; descriptor->unknown_rejected && i < header_count; i++)
        if (!descriptor_declares(descriptor, header[i]))
            report_strange(&report, header[i]);
    return report.fits;
}
