/* What the derived fields of a descriptor are made of, and in which order; private to descriptor.c. */
#ifndef DROPFOLD_MODEL_DESCRIPTOR_DERIVE_H
#define DROPFOLD_MODEL_DESCRIPTOR_DERIVE_H

#include "model/descriptor.h"

/* Once all fields are read: finds the fields that derived ones name, checks their types, and fills in `derived` so that
   each comes behind those it is made of. False when there were problems: unknown names, types, circles. */
bool descriptor_derive(struct descriptor *descriptor) MUST_USE;

#endif
