/*
 * Descriptors: any text is one, or is told why not; and one that loads reads any file as parsing.h promises.
 *
 * An input is the text of Feed/3.json, then optionally, each behind a NUL, a file of that feed and the texts of 2.json
 * and 1.json, which it may extend.
 */
#include "model/descriptor.h"
#include "parsing.h"
#include "problems.h"

enum { FIRST_NUMBER = 900, FILES = 3, ARENA_MAX = 64 * 1024 * 1024 };

static void check_field(const struct descriptor *d, const struct descriptor_field *field)
{
    char text[VALUE_TYPE_TEXT_SIZE];
    struct value_type type;
    check(descriptor_field(d, field->name) == field && strlen(field->name) > 0);
    check(value_type_parse(slice_of(value_type_text(field->type, text)), &type) && value_type_equal(type, field->type));
    check((field->from_count > 0) == cleaning_reads_column(field->cleaning));
    check(field->null_count == 0 || field->null);
    check(field->format_count == 0 || field->type.kind == VALUE_DATE || field->type.kind == VALUE_TIMESTAMP);
}

/* Whether some field would read two columns of the header. */
static bool is_ambiguous(const struct descriptor *d, const struct slice *header, size_t count)
{
    for (size_t i = 0; i < d->field_count; i++)
        for (size_t k = 0, found = 0; k < count && d->fields[i].from_count > 0; k++)
            if (descriptor_name_matches(d, d->fields[i].from[0], header[k]) && found++ > 0)
                return true;
    return false;
}

/* A header of what each field reads first and of the `match` columns lacks nothing. */
static void check_bind(const struct descriptor *d)
{
    struct slice *header = calloc(d->field_count + d->match_count, sizeof *header);
    int columns[DESCRIPTOR_FIELDS_MAX];
    size_t count = 0;
    struct buf lacks;
    check(header);
    for (size_t i = 0; i < d->field_count; i++)
        if (d->fields[i].from_count > 0)
            header[count++] = d->fields[i].from[0];
    for (size_t i = 0; i < d->match_count; i++)
        header[count++] = d->match[i];
    buf_init(&lacks, ARENA_MAX);
    bool fits = descriptor_bind(d, header, count, columns, &lacks);
    struct slice words = buf_slice(&lacks);
    check(fits == (words.len == 0) && fits != is_ambiguous(d, header, count));
    check(fits || memmem(words.data, words.len, "stands twice", strlen("stands twice")));
    for (size_t i = 0; fits && i < d->field_count; i++)
        check(d->fields[i].from_count > 0 ? columns[i] >= 0 && (size_t)columns[i] < count : columns[i] == -1);
    buf_close(&lacks);
    free(header);
}

/* A feed of this one version, all of whose first fields are read. */
static void check_file(struct descriptor *d, struct slice file)
{
    struct feed_field fields[PIPELINE_FIELDS_MAX];
    int places[DESCRIPTOR_FIELDS_MAX];
    struct feed_version version = {.descriptor = d, .feed_field = places};
    struct feed feed = {.name = "Feed", .fields = fields, .versions = &version, .version_count = 1};
    for (size_t i = 0; i < d->field_count; i++) {
        places[i] = i < PIPELINE_FIELDS_MAX ? (int)feed.field_count++ : -1;
        if (places[i] >= 0)
            fields[i] = (struct feed_field){.name = d->fields[i].name,
                                            .type = d->fields[i].type,
                                            .min = INT64_MIN,
                                            .max = d->fields[i].type.kind == VALUE_TEXT ? TEXT_VALUE_MAX : INT64_MAX};
    }
    struct parsing *parsing = parsing_new(&feed);
    parsing_check(parsing, file, 1 + file.len, NULL);
    parsing_free(parsing);
}

static struct descriptor *load(struct arena *arena, struct doc_problems *problems)
{
    doc_problems_init(problems);
    arena_init(arena, ARENA_MAX);
    struct descriptor *d = descriptor_load(FUZZ_FILES "/Feed/3.json", "Feed", 3, arena, problems);
    check_problems(problems, d != NULL);
    return d;
}

static void unload(struct descriptor *d, struct arena *arena, struct doc_problems *problems)
{
    descriptor_close(d);
    doc_problems_close(problems);
    arena_close(arena);
}

/* Writes the descriptors; what is left out is empty. *file has no data when there is none. */
static void write_files(struct slice rest, struct slice *file)
{
    static bool open;
    for (int i = 0; !open && i < FILES; i++)
        fuzz_file_open(FIRST_NUMBER + i);
    open = true;
    *file = (struct slice){NULL, 0};
    for (int i = 0; i < FILES; i++) {
        struct slice text = SLICE("");
        (void)fuzz_section(&rest, &text);
        fuzz_file_write(FIRST_NUMBER + i, text);
        if (i == 0 && rest.data)
            (void)fuzz_section(&rest, file);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice file;
    struct arena arena;
    struct doc_problems problems;
    if (size == 0)
        return 0;
    write_files((struct slice){(const char *)data, size}, &file);
    struct descriptor *d = load(&arena, &problems);
    if (d) {
        check(d->version == 3 && d->field_count > 0 && d->field_count <= DESCRIPTOR_FIELDS_MAX);
        for (size_t i = 0; i < d->field_count; i++)
            check_field(d, &d->fields[i]);
        check_bind(d);
        if (file.data)
            check_file(d, file);
    }
    unload(d, &arena, &problems);
    return 0;
}
