/*
 * Writes the files that scripts/bench.sh measures with: order lines of 47 columns, deliveries of 34, customers.
 *
 *     data_bench FOLDER [NAME=NUMBER]...
 *
 *     first=0 lines=1000000   the order lines first .. first+lines-1; deliveries have the same numbers
 *     customers=100000        a line's customer is one of them, by a hash of its order
 *     spread=1                or that of the order's number: each in turn
 *     days=30 day=0           an order's time is within so many days from 2022-01-01 and so many days more
 *     files=20                of each feed
 *     name=0                  the first number in the files' names
 *     orders=1 deliveries=1 people=1   which feeds
 *
 * Every eleventh line is a second line of the order before it, and its delivery row repeats the order's task, as the
 * real files do: who counts rows counts too much. A file of deliveries has the tasks of the file of orders with its
 * number, in another order. Some fields have commas, line ends and doubled quotes in quotes. The same numbers give the
 * same bytes on every machine.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINES_AN_ORDERS = 11, PATH_SIZE = 512, WRITE_BUFFER = 1 << 18, PRODUCTS = 20000, TIME_SIZE = 80 };

static const char order_header[] =
    "Order ID,Order Status,Category Name,SKU,Customization Group,Customization Option,Quantity,Unit Price,Cost Price,"
    "Total Cost Price,Total Price,Order Total,Sub Total,Tax,Delivery Charge,Tip,Discount,Debt Amount,Remaining Balance,"
    "Payment Method,Additional Charge,Taxable Amount,Transaction ID,Currency Symbol,Transaction Status,Promo Code,"
    "Customer ID,Merchant ID,Description,Distance (in km),Order Time,Pickup Time,Delivery Time,Ratings,Reviews,"
    "Merchant Earning,Commission Amount,Commission Payout Status,Order Preparation Time,Redeemed Loyalty Points,"
    "Consumed Loyalty Points,Cancellation Reason,Flat Discount,Checkout Template Name,Checkout Template Value,Shop,"
    "Channel\n";
static const char delivery_header[] =
    "Task_ID,Order_ID,Relationship,Team_Name,Task_Type,Notes,Agent_ID,Agent_Name,Distance(m),Total_Time_Taken(min),"
    "Task_Status,Ref_Images,Rating,Review,Latitude,Longitude,Tags,Promo_Applied,Custom_Template_ID,Task_Details_QTY,"
    "Task_Details_AMOUNT,Special_Instructions,Tip,Delivery_Charges,Discount,Subtotal,Payment_Type,Task_Category,"
    "Earning,Pricing,Vehicle,Zone,Batch,Source\n";

struct options {
    uint64_t first, lines, customers, spread, days, day, files, name, orders, deliveries, people;
};

struct order {
    uint64_t id, customer, hash, second; /* second: of the window's first day */
    bool again;                          /* its second line */
};

/* splitmix64: a number of its own for each line. */
static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static struct order order_of(const struct options *options, uint64_t line)
{
    uint64_t place = line % LINES_AN_ORDERS;
    bool again = place == LINES_AN_ORDERS - 1;
    uint64_t number = line / LINES_AN_ORDERS * (LINES_AN_ORDERS - 1) + place - again, hash = mixed(number);
    return (struct order){.id = 11000000 + number,
                          .customer = 3300000 + (options->spread ? number : hash >> 20) % options->customers,
                          .hash = hash,
                          .second = options->day * 86400 + (hash >> 7) % (options->days * 86400),
                          .again = again};
}

/* 2022-01-01 and `second` seconds, as the files write times. */
static const char *written_time(uint64_t second, char out[TIME_SIZE])
{
    uint64_t day = second / 86400 + 18993 + 719468, era = day / 146097, doe = day % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    uint64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    snprintf(out, TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.000Z", (unsigned)year, (unsigned)month,
             (unsigned)(doy - (153 * mp + 2) / 5 + 1), (unsigned)(second / 3600 % 24), (unsigned)(second / 60 % 60),
             (unsigned)(second % 60));
    return out;
}

static void put_order(FILE *file, const struct options *options, uint64_t line)
{
    static const char *const states[] = {"COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED",
                                         "COMPLETED", "CANCELLED", "ORDERED",   "DISPATCHED"};
    static const char *const words[] = {"", "", "", "\"Call first,\nthen deliver\"", "null", "",
                                        "\"The \"\"blue\"\" gate\"", ""};
    struct order order = order_of(options, line);
    uint64_t h = mixed(line * 2 + 1), price = 100 + h % 20000, pieces = 1 + (h >> 16) % 9;
    uint64_t total = 10000 + order.hash % 9000000;
    char placed[TIME_SIZE], picked[TIME_SIZE], brought[TIME_SIZE];
    fprintf(file,
            "%ju,%s,\"Flour, Sugar\",KNFS%06ju,Packaging of the house,Paper bag,%ju,%ju.00,%ju.50,%ju.00,%ju.00,"
            "%ju.%02ju,%ju.00,-,-,-,0.00,-,0.00,"
            "CASH,-,-,TX-%012ju,\xe2\x82\xa6,SUCCESSFUL,,%ju,%u,%s,11996.%02ju,%s,%s,%s,5,Came in time and complete,"
            "%ju.00,0.00,UNPAID,0,-,%ju,,0.00,Order_Details,-,Shop %ju,%s\n",
            (uintmax_t)order.id, states[order.hash >> 50 & 7],
            (uintmax_t)((h >> 24) % (PRODUCTS / 2) * 2 + order.again), (uintmax_t)pieces, (uintmax_t)price,
            (uintmax_t)(price - 20), (uintmax_t)(price * pieces), (uintmax_t)(price * pieces), (uintmax_t)(total / 100),
            (uintmax_t)(total % 100), (uintmax_t)(total / 100),
            (uintmax_t)(order.hash % 1000000000000), (uintmax_t)order.customer, 1048159u, words[h >> 40 & 7],
            (uintmax_t)(h >> 44 & 63), written_time(order.second, placed), written_time(order.second + 51, picked),
            written_time(order.second + 86400, brought), (uintmax_t)(price * pieces - 10), (uintmax_t)(price / 500),
            (uintmax_t)(h >> 50 & 31), h >> 60 & 1 ? "WEB" : "ANDROID");
}

static void put_delivery(FILE *file, const struct options *options, uint64_t line)
{
    static const char *const notes[] = {"-", "-", "\"Ring twice, please\"", "-",
                                        "-", "-", "\"2nd floor,\nback door\"", "-"};
    struct order order = order_of(options, line);
    uint64_t h = mixed(order.id * 2), distance = h % 2500000, amount = 100 + h % 20000;
    char metres[32];
    snprintf(metres, sizeof metres, (h >> 33) % 10 < 3 ? "-" : "%ju.%02ju", (uintmax_t)(distance / 100),
             (uintmax_t)(distance % 100));
    fprintf(file,
            "%ju,\"YR-%ju,0\",3.68E+29,Default Team,Delivery,%s,%ju,Agent %ju,%s,%ju.%02ju,Completed,-,%ju,-,6.48%05ju,"
            "3.40%05ju,-,-,Order_Details,%u,\xe2\x82\xa6 %ju.00,Leave it with the guard at the main gate,"
            "\xe2\x82\xa6 0.00,\xe2\x82\xa6 0.00,"
            "\xe2\x82\xa6 %ju.00,%ju.00,CASH,Food and groceries,-,Standard pricing,Motorbike,Zone %ju,B-%08ju,APP\n",
            (uintmax_t)(368000000 + order.id), (uintmax_t)order.id, notes[h >> 40 & 7],
            (uintmax_t)(1100001 + (h >> 20) % 70), (uintmax_t)((h >> 20) % 70), metres, (uintmax_t)(h >> 10 & 63),
            (uintmax_t)(h % 97), (uintmax_t)(h >> 50 & 3), (uintmax_t)(h % 100000), (uintmax_t)((h >> 17) % 100000),
            order.again + 1u, (uintmax_t)amount, (uintmax_t)(h >> 55 & 127), (uintmax_t)(amount - 1),
            (uintmax_t)(h >> 12 & 31), (uintmax_t)(h % 100000000));
}

static void put_customer(FILE *file, uint64_t i, bool first)
{
    uint64_t h = mixed(i);
    fprintf(file,
            "%s{\"Customer ID\": %ju, \"Last Used Platform\": \"%s\", \"Is Blocked\": 0, \"Created At\": "
            "\"2021-%02ju-%02juT08:00:00.000Z\", \"Language\": \"en\", \"Outstanding Amount\": 0, "
            "\"Loyalty Points\": %ju, \"Number of Employees\": %ju}",
            first ? "" : ",\n", (uintmax_t)(3300000 + i), h & 1 ? "WEB" : "ANDROID", (uintmax_t)(1 + (h >> 8) % 12),
            (uintmax_t)(1 + (h >> 16) % 28), (uintmax_t)((h >> 24) % 4000), (uintmax_t)(1 + (h >> 40) % 50));
}

static FILE *make(const char *folder, const char *feed, const char *name, uint64_t number, const char *ending)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, feed);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s-%06ju%s", folder, feed, name, (uintmax_t)number, ending);
    FILE *file = fopen(path, "wb");
    if (!file || setvbuf(file, NULL, _IOFBF, WRITE_BUFFER) != 0) {
        perror(path);
        exit(1);
    }
    return file;
}

static void done(FILE *file)
{
    if (fclose(file) != 0) {
        perror("data_bench");
        exit(1);
    }
}

static void write_people(const char *folder, const struct options *options, uint64_t file)
{
    uint64_t from = options->customers * file / options->files, to = options->customers * (file + 1) / options->files;
    FILE *out = make(folder, "Customers", "customers", options->name + file, ".json");
    fputc('[', out);
    for (uint64_t i = from; i < to; i++)
        put_customer(out, i, i == from);
    fputs("]\n", out);
    done(out);
}

static void write_orders(const char *folder, const struct options *options, uint64_t file, uint64_t from, uint64_t to)
{
    FILE *out = make(folder, "Orders", "orders", options->name + file, ".csv");
    fputs(order_header, out);
    for (uint64_t i = from; i < to; i++)
        put_order(out, options, i);
    done(out);
}

/* The lines from .. to, each once, in the order of a step that shares no divisor with their count. */
static void write_deliveries(const char *folder, const struct options *options, uint64_t file, uint64_t from,
                             uint64_t to)
{
    uint64_t count = to - from, step = 7919;
    while (count > 0 && count % step == 0)
        step += 2;
    FILE *out = make(folder, "Deliveries", "deliveries", options->name + file, ".csv");
    fputs(delivery_header, out);
    for (uint64_t i = 0; i < count; i++)
        put_delivery(out, options, from + (i * step + 13) % count);
    done(out);
}

static bool take_option(struct options *options, const char *text)
{
    const struct {
        const char *name;
        uint64_t *value;
    } known[] = {{"first", &options->first},   {"lines", &options->lines},   {"customers", &options->customers},
                 {"spread", &options->spread}, {"days", &options->days},     {"day", &options->day},
                 {"files", &options->files},   {"name", &options->name},     {"orders", &options->orders},
                 {"people", &options->people}, {"deliveries", &options->deliveries}};
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals && i < sizeof known / sizeof *known; i++) {
        size_t len = strlen(known[i].name);
        if (len == (size_t)(equals - text) && strncmp(known[i].name, text, len) == 0) {
            *known[i].value = strtoull(equals + 1, NULL, 10);
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct options options = {.lines = 1000000, .customers = 100000, .days = 30, .files = 20, .orders = 1,
                              .deliveries = 1, .people = 1};
    bool ok = argc > 1;
    for (int i = 2; i < argc; i++)
        ok = ok && take_option(&options, argv[i]);
    if (!ok || options.files == 0 || options.customers == 0 || options.days == 0) {
        fprintf(stderr, "usage: data_bench FOLDER [NAME=NUMBER]...   (the names stand at the top of data_bench.c)\n");
        return 64;
    }
    mkdir(argv[1], 0777);
    for (uint64_t file = 0; file < options.files; file++) {
        uint64_t from = options.first + options.lines * file / options.files;
        uint64_t to = options.first + options.lines * (file + 1) / options.files;
        if (options.people)
            write_people(argv[1], &options, file);
        if (options.orders)
            write_orders(argv[1], &options, file, from, to);
        if (options.deliveries)
            write_deliveries(argv[1], &options, file, from, to);
    }
    return 0;
}
