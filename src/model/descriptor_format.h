/* Reading of what a descriptor says of its files' form; private to descriptor.c. */
#ifndef DROPFOLD_MODEL_DESCRIPTOR_FORMAT_H
#define DROPFOLD_MODEL_DESCRIPTOR_FORMAT_H

#include "model/descriptor.h"

/* Reads format, encoding and the dialect into `descriptor`. False when there were problems. */
bool descriptor_format_load(const struct doc_node *root, struct descriptor *descriptor) MUST_USE;

/* Holds the fields, which were read, against the form: that `header` has their columns, and that the paths of JSON are
   sound. Fills in the fields' paths. */
bool descriptor_format_check(const struct doc_node *root, struct arena *arena, struct descriptor *descriptor) MUST_USE;

#endif
