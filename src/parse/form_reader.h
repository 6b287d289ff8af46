/*
 * A file's text to rows, by the versions of one run (bind.h), which have one form:
 *
 *   mark      a byte order mark is dropped, and tells the encoding; else the form does
 *   charset   other encodings become UTF-8
 *   format    CSV or JSON: the form's; of a feed that has both the first byte that is no blank tells
 *   reader    rows, as that format writes them, to the sink
 *
 * A failure means that the file is not of this form, or that it is broken: trial.h tells these apart, and starts the
 * next run.
 */
#ifndef DROPFOLD_PARSE_FORM_READER_H
#define DROPFOLD_PARSE_FORM_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "parse/bind.h"
#include "parse/charset.h"
#include "parse/coerce.h"
#include "parse/csv_reader.h"
#include "parse/json_reader.h"
#include "parse/rowsink.h"

enum form_phase {
    FORM_NONE,   /* the feed has no such version */
    FORM_MARK,   /* the first bytes may be a byte order mark */
    FORM_FORMAT, /* blanks until the format is known */
    FORM_CSV,
    FORM_JSON
};

struct form_place {
    uint64_t line, column;
};

struct form_reader {
    struct bind *bind;
    struct coerce *coerce;
    struct rowsink *sink;
    struct csv_reader *csv;
    struct json_reader *json;

    enum form_phase phase;
    bool other_format; /* the file is not of the run's format */
    char mark[3];      /* bytes that wait */
    size_t mark_len;
    struct charset charset;
    char *text; /* PARSER_INPUT_MAX bytes of UTF-8; made for the first file that needs them */
    /* The place of the next byte while in FORM_FORMAT: in CSV, where a lone CR ends a line, and in JSON. */
    struct form_place in_csv, in_json;
    bool after_cr;
};

/* What it is given must outlive it. Close it also when init fails. */
bool form_reader_init(struct form_reader *reader, struct bind *bind, struct coerce *coerce, struct rowsink *sink,
                      struct error *error) MUST_USE;
void form_reader_close(struct form_reader *reader);

/* Begins a file anew by the run that bind is at; the rows made of it so far are dropped. */
void form_reader_start(struct form_reader *reader);

/* The error's text begins with the place where there is one. After a failure only start may follow. */
bool form_reader_feed(struct form_reader *reader, struct slice block, struct error *error) MUST_USE;
bool form_reader_finish(struct form_reader *reader, struct error *error) MUST_USE;

/* Whether the file was found to be of this form, and its version is chosen. */
bool form_reader_settled(const struct form_reader *reader);

/* Whether the text comes in another encoding than UTF-8. */
bool form_reader_recodes(const struct form_reader *reader);

#endif
