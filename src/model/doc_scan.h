/* The scanner of JSON text, private to doc.c: where each node stands, and how it was written. */
#ifndef DROPFOLD_MODEL_DOC_SCAN_H
#define DROPFOLD_MODEL_DOC_SCAN_H

#include "model/doc.h"

/*
 * The tree of doc->text, allocated in doc->arena. Strings and names are still raw: the bytes between their quotes, with
 * valid escapes. NULL after the problem was reported: the first mistake of syntax ends the scan.
 */
struct doc_node *doc_scan(const struct doc *doc) MUST_USE;

#endif
