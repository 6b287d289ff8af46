/* The key "zone" of a descriptor's field or of a window. */
#ifndef DROPFOLD_MODEL_ZONE_MEMBER_H
#define DROPFOLD_MODEL_ZONE_MEMBER_H

#include <stdbool.h>

#include "base/attr.h"
#include "model/doc.h"
#include "model/zone.h"

/* Reads `object`'s "zone": how far east of UTC ("+03:00"), or the name of a zone, whose rules are loaded. *out, in the
   document's arena, is NULL when there is none. False when there were problems. */
bool zone_member_load(const struct doc_node *object, struct zone **out) MUST_USE;

#endif
