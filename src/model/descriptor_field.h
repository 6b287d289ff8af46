/* Reading of one field of a descriptor; private to descriptor.c. */
#ifndef DROPFOLD_MODEL_DESCRIPTOR_FIELD_H
#define DROPFOLD_MODEL_DESCRIPTOR_FIELD_H

#include "model/descriptor.h"

/* Reads `member` into `field`, whose null words were preset to the descriptor's. False when there were problems. What
   was made until then, a pattern for one, is in `field` all the same. */
bool descriptor_field_load(const struct doc_node *member, struct arena *arena, struct descriptor_field *field) MUST_USE;

#endif
