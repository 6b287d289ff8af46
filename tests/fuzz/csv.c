/* CSV files, whole: bytes to rows by the feeds of schemas/feeds.json. The first byte chooses. */
#include "parsing.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsing *parsings[7];
    static const char *const names[] = {"Words", "Text", "Typed", "Either", "Cleaned", "Shifted", "Forms"};
    for (size_t i = 0; !parsings[6] && i < 7; i++)
        parsings[i] = parsing_new(parsing_shared_feed(names[i]));
    parsing_check_input(parsings, 7, reference_csv, data, size);
    return 0;
}
