/*
 * How fast files become rows: MB/s of the parser on one core, beside those of libcsv alone.
 *
 *     parse_bench [PIPELINE [FEED FILE]]
 *
 * Without a file it makes order lines of 47 columns in memory.
 */
#include <csv.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "parse/parser.h"

enum { ROWS = 200000, ROUNDS = 5, SIZE_MAX_MB = 1024 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char header[] =
    "Order ID,Order Status,Category Name,SKU,Customization Group,Customization Option,Quantity,Unit Price,Cost "
    "Price,Total Cost Price,Total Price,Order Total,Sub Total,Tax,Delivery Charge,Tip,Discount,Debt Amount,Remaining "
    "Balance,Payment Method,Additional Charge,Taxable Amount,Transaction ID,Currency Symbol,Transaction Status,Promo "
    "Code,Customer ID,Merchant ID,Description,Distance (in km),Order Time,Pickup Time,Delivery Time,Ratings,Reviews,"
    "Merchant Earning,Commission Amount,Commission Payout Status,Order Preparation Time,Redeemed Loyalty "
    "Points,Consumed "
    "Loyalty Points,Cancellation Reason,Flat Discount,Checkout Template Name,Checkout Template Value,extra 1,extra 2\n";

static void put_row(struct buf *out, unsigned i)
{
    unsigned price = 100 + i * 7919u % 20000;
    buf_printf(
        out,
        "%u,COMPLETED,\"Flour, Sugar\",SKU%04u,,,%u,%u,%u,%u,%u,%u.50,%u,-,-,-,-,0,0,CASH,-,-,0,\xe2\x82\xa6,,,%u,"
        "1048159,,11996.%02u,2022-%02u-17T12:%02u:13.000Z,2022-02-17T12:04:02.000Z,2022-02-17T13:00:00.000Z,,,,,,0,"
        "-,-,,0,-,-,,\n",
        11262518 + i / 3, i % 700, 1 + i % 9, price, price - 20, price * 2, price * 3, price * 3, price * 3,
        3300000 + i % 100000, i % 100, 1 + i % 12, i % 60);
}

static void on_field(void *data, size_t len, void *context)
{
    (void)data;
    *(size_t *)context += len;
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    ++*(size_t *)context;
}

static double time_libcsv(struct slice text)
{
    struct csv_parser csv;
    size_t sum = 0;
    double start = now();
    csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL | CSV_APPEND_NULL);
    for (size_t at = 0; at < text.len; at += PARSER_INPUT_MAX) {
        size_t len = text.len - at < PARSER_INPUT_MAX ? text.len - at : PARSER_INPUT_MAX;
        if (csv_parse(&csv, text.data + at, len, on_field, on_row, &sum) != len)
            return 0;
    }
    csv_fini(&csv, on_field, on_row, &sum);
    csv_free(&csv);
    return sum > 0 ? now() - start : 0;
}

static bool take(struct parser *parser, struct error *error)
{
    struct batch *batch = NULL;
    if (!parser_take(parser, &batch, error))
        return false;
    batch_free(batch);
    return true;
}

static bool parse(struct parser *parser, struct slice text, struct error *error)
{
    parser_start(parser, 0);
    for (size_t at = 0; at < text.len; at += PARSER_INPUT_MAX) {
        size_t len = text.len - at < PARSER_INPUT_MAX ? text.len - at : PARSER_INPUT_MAX;
        if (!parser_feed(parser, (struct slice){text.data + at, len}, error))
            return false;
        while (parser_full(parser))
            if (!take(parser, error))
                return false;
    }
    return parser_finish(parser, error) && take(parser, error);
}

static bool report(const struct feed *feed, struct slice text)
{
    struct error error = {0};
    struct parser *parser = parser_new(feed, &error);
    double best = 1e9, libcsv = 1e9, megabytes = (double)text.len / 1e6;
    for (int i = 0; parser && i < ROUNDS; i++) {
        double start = now();
        if (!parse(parser, text, &error))
            break;
        double took = now() - start, plain = time_libcsv(text);
        best = took < best ? took : best;
        libcsv = plain > 0 && plain < libcsv ? plain : libcsv;
    }
    if (!parser || error.kind != ERROR_NONE) {
        fprintf(stderr, "parse_bench: %s\n", error.text);
        parser_free(parser);
        return false;
    }
    struct file_facts facts = {0};
    arena_init(&facts.arena, 1 << 24);
    bool ok = parser_facts(parser, &facts);
    printf("%s: %.1f MB, %ju rows (%ju rejected), version %u: %.0f MB/s", feed->name, megabytes, (uintmax_t)facts.rows,
           (uintmax_t)facts.rejected, facts.version, megabytes / best);
    if (libcsv < 1e9)
        printf("; libcsv alone %.0f MB/s", megabytes / libcsv);
    printf("\n");
    arena_close(&facts.arena);
    parser_free(parser);
    return ok;
}

static bool load(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "rb");
    char block[65536];
    size_t len;
    if (!file)
        return false;
    while ((len = fread(block, 1, sizeof block, file)) > 0)
        buf_put(text, block, len);
    return fclose(file) == 0 && !text->failed;
}

static bool make(struct buf *text)
{
    buf_put_text(text, header);
    for (unsigned i = 0; i < ROWS; i++)
        put_row(text, i);
    return !text->failed;
}

int main(int argc, char **argv)
{
    struct doc_problems problems;
    struct buf text;
    doc_problems_init(&problems);
    buf_init(&text, (size_t)SIZE_MAX_MB * 1024 * 1024);
    struct pipeline *pipeline = pipeline_load(argc > 1 ? argv[1] : PROJECT_DIR "/schemas/ecommerce.json", &problems);
    const struct feed *feed = pipeline ? pipeline_feed(pipeline, slice_of(argc > 3 ? argv[2] : "Orders")) : NULL;
    bool ok = feed && (argc > 3 ? load(argv[3], &text) : make(&text)) && report(feed, buf_slice(&text));
    if (problems.count > 0)
        fprintf(stderr, "%.*s", (int)problems.text.len, problems.text.data);
    pipeline_free(pipeline);
    doc_problems_close(&problems);
    buf_close(&text);
    return ok ? 0 : 1;
}
