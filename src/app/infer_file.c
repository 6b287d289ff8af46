/*
 * First the file is read by a descriptor that declares nothing, which tells the columns; then, as many at a time as a
 * feed may have fields, by one that declares them all as texts. A column with an object or a list in it fails its row;
 * it is left out then, and the file read again.
 *
 * A CSV file that has one column by commas, or is none, is tried with the other common delimiters: the first that cuts
 * most rows into the same number of columns, two or more, is it. A first line "sep=;" says it. A file in which
 * something is no UTF-8, and nothing is UTF-8 beyond ASCII, is taken for windows-1252 and read again.
 */
#include "app/infer_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "feed/intake.h"
#include "model/chunk.h"
#include "model/pipeline.h"

enum { FIELD_NAME_SIZE = 16, VERSION_CSV = 1, VERSION_JSON = 2 };

/* A feed of both formats, with a text field for each of some columns. */
struct reading {
    struct infer_file *file;
    struct feed feed;
    struct feed_version versions[2];
    struct descriptor descriptors[2];
    struct feed_field fields[PIPELINE_FIELDS_MAX];
    struct descriptor_field read[PIPELINE_FIELDS_MAX];
    int places[PIPELINE_FIELDS_MAX];
    char names[PIPELINE_FIELDS_MAX][FIELD_NAME_SIZE];
    struct infer_column *columns[PIPELINE_FIELDS_MAX]; /* of each field; NULL: none */
    size_t count;
    unsigned spare; /* cores, as in struct intake_how */
    bool counting;  /* rows and rejects: in one reading only */
    bool nested;    /* a column was found to be, and another reading is due */
    bool foreign;   /* something was no UTF-8 */
    bool beyond;    /* something was UTF-8, and no ASCII */
};

static const struct value_type text_type = {.kind = VALUE_TEXT};

static void add_field(struct reading *r, struct infer_column *column, struct slice *name)
{
    size_t i = r->count++;
    snprintf(r->names[i], FIELD_NAME_SIZE, "f%zu", i);
    r->fields[i] = (struct feed_field){.name = r->names[i], .type = text_type, .max = TEXT_VALUE_MAX};
    r->read[i] = (struct descriptor_field){.name = r->names[i], .from = name, .from_count = 1, .type = text_type};
    r->places[i] = (int)i;
    r->columns[i] = column;
}

/* Delimiters are of CSV only. */
static struct descriptor_form json_form(const struct infer_file *file)
{
    struct descriptor_form form = DESCRIPTOR_FORM_PLAIN;
    form.encoding = file->form.encoding;
    form.lines = file->form.lines;
    return form;
}

static void finish_feed(struct reading *r)
{
    r->feed = (struct feed){
        .name = "this file", .fields = r->fields, .field_count = r->count, .versions = r->versions, .version_count = 2};
    for (int i = 0; i < 2; i++) {
        r->descriptors[i] = (struct descriptor){.feed = r->feed.name,
                                                .version = i == 0 ? VERSION_JSON : VERSION_CSV,
                                                .format = i == 0 ? DESCRIPTOR_JSON : DESCRIPTOR_CSV,
                                                .form = i == 0 ? json_form(r->file) : r->file->form,
                                                .fields = r->read,
                                                .field_count = r->count,
                                                .path = ""};
        r->versions[i] = (struct feed_version){.descriptor = &r->descriptors[i], .feed_field = r->places};
    }
}

static void note_letters(struct reading *r, struct slice text)
{
    for (size_t i = 0; i < text.len && !r->beyond; i++)
        r->beyond = (unsigned char)text.data[i] >= 0x80;
}

static void note_reject(struct reading *r, const struct reject *reject)
{
    static const char object[] = "found an object", list[] = "found an array", utf8[] = "expected valid UTF-8";
    r->foreign |= slice_ends_with(reject->reason, SLICE(utf8));
    bool nested = slice_starts_with(reject->reason, SLICE(object)) || slice_starts_with(reject->reason, SLICE(list));
    for (size_t i = 0; nested && i < r->count; i++) {
        if (r->columns[i] && slice_equal(reject->field, slice_of(r->names[i]))) {
            r->columns[i]->nested = r->nested = true;
            return;
        }
    }
    if (r->counting && r->file->reject_line == 0) {
        r->file->reject_line = reject->line;
        snprintf(r->file->reject, sizeof r->file->reject, "%.*s", (int)reject->reason.len, reject->reason.data);
    }
}

static bool take(void *context, struct batch *batch)
{
    struct reading *r = context;
    struct chunk_reader reader;
    struct value values[PIPELINE_FIELDS_MAX];
    chunk_reader_init(&reader, &r->feed, buf_slice(&batch->chunk.buf));
    while (chunk_next(&reader, values) == CHUNK_ROW)
        for (size_t i = 0; i < r->count; i++) {
            if (!r->columns[i])
                continue;
            struct slice text = values[i].null ? SLICE("") : values[i].text;
            infer_value(r->columns[i], values[i].null, text);
            note_letters(r, text);
        }
    for (size_t i = 0; i < batch->reject_count; i++)
        note_reject(r, &batch->rejects[i]);
    batch_free(batch);
    return true;
}

/* One pass from the beginning; the caller closes facts->arena. */
static bool read_once(struct reading *r, int fd, struct file_facts *facts, struct error *error)
{
    finish_feed(r);
    r->nested = false;
    struct parser *parser = parser_new(&r->feed, error);
    if (!parser)
        return false;
    bool ok = lseek(fd, 0, SEEK_SET) == 0 || error_errno(error, ERROR_IO, errno, "cannot read it from its beginning");
    const struct intake_how how = {.parser = parser, .sink = take, .context = r, .spare = r->spare};
    ok = ok && intake_read_fd(fd, "", &how, facts, error) == INTAKE_READ;
    parser_free(parser);
    return ok;
}

static bool list_columns(struct infer_file *file, struct reading *r, int fd, struct error *error)
{
    static struct slice const nobody = {"\x01", 1}; /* no column is called so */
    struct file_facts facts = {0};
    struct slice name = nobody;
    file->count = r->count = 0;
    file->reject_line = 0;
    r->counting = true;
    add_field(r, NULL, &name);
    bool ok = read_once(r, fd, &facts, error);
    file->rows = facts.rows;
    file->rejected = facts.rejected;
    file->more = facts.unknown_more;
    if (ok) {
        file->format = facts.version == VERSION_JSON ? DESCRIPTOR_JSON : DESCRIPTOR_CSV;
        file->columns = arena_array(&file->arena, facts.unknown_count + 1, sizeof *file->columns);
        ok = file->columns || error_memory(error);
    }
    for (size_t i = 0; ok && i < facts.unknown_count; i++) {
        struct slice copy = arena_copy(&file->arena, facts.unknown[i]);
        ok = copy.data || error_memory(error);
        bool valid = text_valid_utf8(copy) == copy.len;
        r->foreign |= !valid;
        if (valid)
            note_letters(r, copy);
        infer_start(&file->columns[file->count], valid ? copy : SLICE(""), file->format);
        file->columns[file->count++].twice = file->format == DESCRIPTOR_CSV && facts.unknown_twice[i];
    }
    arena_close(&facts.arena);
    return ok;
}

/* A first line "sep=;", which Excel reads and some programs write for it: the header is behind it, and is cut at
   that. */
static bool read_marker(struct infer_file *file, int fd)
{
    static const char bom[] = "\xef\xbb\xbf", marker[] = "sep=", signs[] = ",;\t|";
    char head[sizeof bom + sizeof marker + 1];
    ssize_t len = pread(fd, head, sizeof head, 0);
    struct slice text = {head, len > 0 ? (size_t)len : 0};
    if (slice_starts_with(text, SLICE(bom)))
        text = (struct slice){text.data + sizeof bom - 1, text.len - (sizeof bom - 1)};
    if (text.len <= sizeof marker || !slice_starts_with(text, SLICE(marker)) ||
        !memchr(signs, text.data[sizeof marker - 1], sizeof signs - 1) || !memchr("\r\n", text.data[sizeof marker], 2))
        return false;
    file->form.delimiter = text.data[sizeof marker - 1];
    file->form.skip = 1;
    return true;
}

/* Whether most lines are records, and more than one is. *ok: the columns are those of a file of another form. */
static bool find_lines(struct infer_file *file, struct reading *r, int fd, bool *ok, struct error *error)
{
    file->form.lines = true;
    *ok = list_columns(file, r, fd, error);
    bool lines =
        *ok && file->format == DESCRIPTOR_JSON && file->rows > 1 + file->rejected && file->rejected <= file->rows / 2;
    file->form.lines = lines;
    if (!lines && (*ok ? file->format == DESCRIPTOR_JSON : error->kind == ERROR_DATA))
        *ok = list_columns(file, r, fd, error);
    return lines;
}

/* By the delimiter that the file seems to have. */
static bool find_columns(struct infer_file *file, struct reading *r, int fd, struct error *error)
{
    static const char others[] = {';', '\t', '|'};
    struct error other = {0};
    if (read_marker(file, fd))
        return list_columns(file, r, fd, error);
    bool ok;
    if (find_lines(file, r, fd, &ok, error))
        return true;
    if (ok ? file->format != DESCRIPTOR_CSV || file->count > 1 : error->kind != ERROR_DATA)
        return ok;
    for (size_t i = 0; i < sizeof others; i++) {
        file->form.delimiter = others[i];
        if (list_columns(file, r, fd, &other) && file->format == DESCRIPTOR_CSV && file->count > 1 &&
            file->rejected <= file->rows / 2)
            return true;
    }
    file->form.delimiter = DESCRIPTOR_FORM_PLAIN.delimiter;
    return list_columns(file, r, fd, error);
}

/* The next columns that can be read, as many as a feed may have; *from is moved behind them. */
static void choose_columns(struct infer_file *file, struct reading *r, size_t *from)
{
    r->count = 0;
    for (; *from < file->count && r->count < PIPELINE_FIELDS_MAX; ++*from) {
        struct infer_column *column = &file->columns[*from];
        if (!infer_usable(column))
            continue;
        infer_start(column, column->name, file->format);
        add_field(r, column, &column->name);
    }
}

static bool read_columns(struct infer_file *file, struct reading *r, int fd, size_t *from, struct error *error)
{
    size_t first = *from;
    do {
        struct file_facts facts = {0};
        *from = first;
        choose_columns(file, r, from);
        if (r->count == 0)
            return true;
        if (r->counting)
            file->reject_line = 0;
        bool ok = read_once(r, fd, &facts, error);
        if (r->counting && !r->nested) { /* else rows were rejected for columns that are left out now */
            file->rows = facts.rows;
            file->rejected = facts.rejected;
        }
        arena_close(&facts.arena);
        if (!ok)
            return false;
    } while (r->nested);
    return true;
}

static bool read_all(struct infer_file *file, struct reading *r, int fd, struct error *error)
{
    r->foreign = r->beyond = false;
    if (!find_columns(file, r, fd, error))
        return false;
    for (size_t from = 0; from < file->count;) {
        r->counting = from == 0;
        if (!read_columns(file, r, fd, &from, error))
            return false;
    }
    return true;
}

bool infer_file_read(struct infer_file *file, int fd, unsigned spare, struct error *error)
{
    struct reading *r;
    *file = (struct infer_file){.form = DESCRIPTOR_FORM_PLAIN};
    arena_init(&file->arena, INFER_FILE_BYTES_MAX);
    r = arena_array(&file->arena, 1, sizeof *r);
    if (!r)
        return error_memory(error);
    r->file = file;
    r->spare = spare;
    if (!read_all(file, r, fd, error))
        return false;
    if (!r->foreign || r->beyond)
        return true;
    file->form.encoding = DESCRIPTOR_WINDOWS1252;
    file->form.delimiter = DESCRIPTOR_FORM_PLAIN.delimiter;
    return read_all(file, r, fd, error);
}

void infer_file_close(struct infer_file *file)
{
    arena_close(&file->arena);
}
