/* JSON files, whole, arrays and lines: bytes to rows by the feeds of schemas/feeds.json. The first byte chooses. */
#include "parsing.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsing_feed feeds[] = {
        {"Words", reference_json, NULL},  {"Objects", NULL, NULL}, {"Either", NULL, NULL},
        {"Cleaned", NULL, NULL},          {"Forms", NULL, NULL},   {"Spread", NULL, NULL},
        {"Lines", reference_lines, NULL}, {"Mixed", NULL, NULL}};
    parsing_check_input(feeds, COUNT_OF(feeds), data, size);
    return 0;
}
