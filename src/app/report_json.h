/* The JSON form of report.h's lines, and of buckets. */
#ifndef DROPFOLD_APP_REPORT_JSON_H
#define DROPFOLD_APP_REPORT_JSON_H

#include "app/report.h"
#include "base/json.h"

/* A member for each bucket, of the object that is open. */
void report_json_buckets(struct json *json, const struct buckets *buckets);

void report_json_target(struct report *report, const char *name);
void report_json_applied(struct report *report, const struct job *job, const char *where);
void report_json_duplicate(struct report *report, const struct job *job, const char *where);
void report_json_quarantined(struct report *report, const struct job *job, const char *where);
void report_json_delivered(struct report *report, const struct delivered *delivered);
void report_json_end(struct report *report, const struct engine_stats *stats);

#endif
