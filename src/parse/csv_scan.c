#include "parse/csv_scan.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* --- marking ------------------------------------------------------------------------------------------------------ */

/* One bit a byte of a step, the first byte the lowest. */
struct masks {
    uint64_t quotes, ends; /* ends: delimiters, LF and CR */
};

/* Bit n: whether an odd number of bits up to n are set. */
static inline uint64_t odd_up_to(uint64_t bits)
{
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

/* The places of the bits, from `place` on. Writes up to 7 places more than it counts. */
static inline uint32_t *put_places(uint32_t *out, uint64_t bits, uint32_t place)
{
    size_t count = (size_t)__builtin_popcountll(bits);
    for (size_t i = 0; i < count; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            /* Of no bits there is no lowest one; what is written then is not counted. */
            out[i + k] = place + (bits ? (uint32_t)__builtin_ctzll(bits) : 0);
            bits &= bits - 1;
        }
    }
    return out + count;
}

/* The loop that all ways share; what it is made of is inlined into each. */
#define MARK_LOOP(look, odd_up_to, put_places)                                                                         \
    uint32_t *out = marks;                                                                                             \
    uint64_t inside = 0; /* all bits, or none: the last byte of the step before */                                     \
    for (size_t at = 0; at < len; at += CSV_SCAN_STEP) {                                                               \
        char rest[CSV_SCAN_STEP];                                                                                      \
        const char *step = from + at;                                                                                  \
        if (len - at < CSV_SCAN_STEP) {                                                                                \
            memset(rest, 0, sizeof rest);                                                                              \
            memcpy(rest, step, len - at);                                                                              \
            step = rest;                                                                                               \
        }                                                                                                              \
        struct masks found = look(step, bytes);                                                                        \
        uint64_t within = odd_up_to(found.quotes) ^ inside;                                                            \
        inside = (uint64_t)((int64_t)within >> 63);                                                                    \
        out = put_places(out, found.quotes | (found.ends & ~within), (uint32_t)at);                                    \
    }                                                                                                                  \
    return (size_t)(out - marks)

static inline struct masks look_plainly(const char *step, struct csv_scan_bytes bytes)
{
    struct masks found = {0, 0};
    for (size_t i = 0; i < CSV_SCAN_STEP; i++) {
        char c = step[i];
        found.quotes |= (uint64_t)(c == bytes.quote) << i;
        found.ends |= (uint64_t)(c == bytes.delimiter || c == '\n' || c == '\r') << i;
    }
    return found;
}

static size_t mark_plainly(const char *from, size_t len, struct csv_scan_bytes bytes, uint32_t *marks)
{
    MARK_LOOP(look_plainly, odd_up_to, put_places);
}

#if defined(__x86_64__)
static inline struct masks look_sse2(const char *step, struct csv_scan_bytes bytes)
{
    const __m128i quote = _mm_set1_epi8(bytes.quote), delimiter = _mm_set1_epi8(bytes.delimiter);
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    struct masks found = {0, 0};
    for (size_t i = 0; i < CSV_SCAN_STEP; i += sizeof quote) {
        __m128i part = _mm_loadu_si128((const __m128i *)(const void *)(step + i));
        __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(part, delimiter),
                                    _mm_or_si128(_mm_cmpeq_epi8(part, lf), _mm_cmpeq_epi8(part, cr)));
        found.quotes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(part, quote)) << i;
        found.ends |= (uint64_t)(uint32_t)_mm_movemask_epi8(ends) << i;
    }
    return found;
}

static size_t mark_sse2(const char *from, size_t len, struct csv_scan_bytes bytes, uint32_t *marks)
{
    MARK_LOOP(look_sse2, odd_up_to, put_places);
}

/* odd_up_to as a product without carries, by a factor of ones. */
__attribute__((target("pclmul"))) static inline uint64_t odd_up_to_clmul(uint64_t bits)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#define AVX2 __attribute__((target("avx2,bmi,popcnt,pclmul")))

AVX2 static inline struct masks look_avx2(const char *step, struct csv_scan_bytes bytes)
{
    const __m256i quote = _mm256_set1_epi8(bytes.quote), delimiter = _mm256_set1_epi8(bytes.delimiter);
    const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    struct masks found = {0, 0};
    for (size_t i = 0; i < CSV_SCAN_STEP; i += sizeof quote) {
        __m256i part = _mm256_loadu_si256((const __m256i *)(const void *)(step + i));
        __m256i ends = _mm256_or_si256(_mm256_cmpeq_epi8(part, delimiter),
                                       _mm256_or_si256(_mm256_cmpeq_epi8(part, lf), _mm256_cmpeq_epi8(part, cr)));
        found.quotes |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(part, quote)) << i;
        found.ends |= (uint64_t)(uint32_t)_mm256_movemask_epi8(ends) << i;
    }
    return found;
}

AVX2 static size_t mark_avx2(const char *from, size_t len, struct csv_scan_bytes bytes, uint32_t *marks)
{
    MARK_LOOP(look_avx2, odd_up_to_clmul, put_places);
}

/* What the widest way needs: since Ice Lake and Zen 4. */
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi,popcnt,pclmul")))

AVX512 static inline struct masks look_avx512(const char *step, struct csv_scan_bytes bytes)
{
    const __m512i part = _mm512_loadu_si512(step);
    return (struct masks){_mm512_cmpeq_epi8_mask(part, _mm512_set1_epi8(bytes.quote)),
                          _mm512_cmpeq_epi8_mask(part, _mm512_set1_epi8(bytes.delimiter)) |
                              _mm512_cmpeq_epi8_mask(part, _mm512_set1_epi8('\n')) |
                              _mm512_cmpeq_epi8_mask(part, _mm512_set1_epi8('\r'))};
}

/* Writes up to 15 places more than it counts. */
AVX512 static inline uint32_t *put_places_avx512(uint32_t *out, uint64_t bits, uint32_t place)
{
    static const uint8_t numbers[CSV_SCAN_STEP] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                                   32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                                   48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i first = _mm512_set1_epi32((int)place);
    size_t count = (size_t)__builtin_popcountll(bits);
    __m512i places = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(numbers));
    for (size_t i = 0; i < count; i += 16) {
        _mm512_storeu_si512(out + i, _mm512_add_epi32(first, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places))));
        places = _mm512_shuffle_i64x2(places, places, 0x39); /* the next 16 bytes to the front */
    }
    return out + count;
}

AVX512 static size_t mark_avx512(const char *from, size_t len, struct csv_scan_bytes bytes, uint32_t *marks)
{
    MARK_LOOP(look_avx512, odd_up_to_clmul, put_places_avx512);
}
#elif defined(__aarch64__)
/* Four vectors of bytes that are all ones or all zeros to one bit a byte. */
static inline uint64_t bits_of(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    const uint8x16_t weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t low = vpaddq_u8(vandq_u8(a, weights), vandq_u8(b, weights));
    uint8x16_t high = vpaddq_u8(vandq_u8(c, weights), vandq_u8(d, weights));
    low = vpaddq_u8(low, high);
    low = vpaddq_u8(low, low);
    return vgetq_lane_u64(vreinterpretq_u64_u8(low), 0);
}

static inline struct masks look_neon(const char *step, struct csv_scan_bytes bytes)
{
    const uint8x16_t quote = vdupq_n_u8((uint8_t)bytes.quote), delimiter = vdupq_n_u8((uint8_t)bytes.delimiter);
    const uint8x16_t lf = vdupq_n_u8('\n'), cr = vdupq_n_u8('\r');
    uint8x16_t quotes[4], ends[4];
    for (size_t i = 0; i < 4; i++) {
        uint8x16_t part = vld1q_u8((const uint8_t *)step + 16 * i);
        quotes[i] = vceqq_u8(part, quote);
        ends[i] = vorrq_u8(vceqq_u8(part, delimiter), vorrq_u8(vceqq_u8(part, lf), vceqq_u8(part, cr)));
    }
    return (struct masks){bits_of(quotes[0], quotes[1], quotes[2], quotes[3]),
                          bits_of(ends[0], ends[1], ends[2], ends[3])};
}

static size_t mark_neon(const char *from, size_t len, struct csv_scan_bytes bytes, uint32_t *marks)
{
    MARK_LOOP(look_neon, odd_up_to, put_places);
}
#endif

csv_scan_mark csv_scan_way(size_t i)
{
    csv_scan_mark ways[4] = {NULL, NULL, NULL, NULL};
    size_t count = 0;
#if defined(__x86_64__)
    bool common = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
    if (common && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2"))
        ways[count++] = mark_avx512;
    if (common && __builtin_cpu_supports("avx2"))
        ways[count++] = mark_avx2;
    ways[count++] = mark_sse2;
#elif defined(__aarch64__)
    ways[count++] = mark_neon;
#endif
    ways[count++] = mark_plainly;
    return i < count ? ways[i] : NULL;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

void csv_scan_init(struct csv_scan *scan)
{
    scan->mark = csv_scan_way(0);
    scan->base = NULL;
}

void csv_scan_start(struct csv_scan *scan, char delimiter, char quote)
{
    scan->bytes = (struct csv_scan_bytes){delimiter, quote};
    scan->base = NULL;
}

static void mark_window(struct csv_scan *scan, const char *from, const char *end)
{
    size_t len = (size_t)(end - from);
    scan->base = from;
    scan->len = len < CSV_SCAN_WINDOW ? len : CSV_SCAN_WINDOW;
    scan->next = 0;
    scan->count = scan->mark(from, scan->len, scan->bytes, scan->marks);
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline void put_plain(struct csv_scan_field *field, const char *from, const char *to)
{
    /* A look at both ends: most fields have no blanks there. */
    if (from < to && (unsigned char)*from > ' ' && (unsigned char)to[-1] > ' ') {
        *field = (struct csv_scan_field){.data = from, .len = (uint32_t)(to - from)};
        return;
    }
    while (from < to && is_blank(*from))
        from++;
    while (from < to && is_blank(to[-1]))
        to--;
    *field = (struct csv_scan_field){.data = from, .len = (uint32_t)(to - from)};
}

/* Line ends of the text; false when a CR is among them, which may be one of its own or half of one. */
static bool count_lines(const char *from, const char *to, size_t *lines)
{
    if (memchr(from, '\r', (size_t)(to - from)))
        return false;
    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        ++*lines;
        from++;
    }
    return true;
}

enum walk { WALK_END, WALK_SHORT, WALK_ODD };

/* The field whose opening quote is at `from`, mark i - 1. Leaves i behind the mark that ends it. */
static enum walk walk_quoted(const struct csv_scan *scan, const char *from, size_t *i, size_t *lines,
                             struct csv_scan_field *field)
{
    *field = (struct csv_scan_field){.data = from + 1, .quoted = true};
    for (;;) {
        if (scan->count - *i < 2)
            return WALK_SHORT;
        uint32_t closing = scan->marks[*i], behind = scan->marks[*i + 1];
        if (behind != closing + 1)
            return WALK_ODD;
        *i += 2;
        if (scan->base[behind] == scan->bytes.quote) {
            field->doubled = true;
            continue;
        }
        field->len = (uint32_t)(scan->base + closing - field->data);
        return count_lines(field->data, field->data + field->len, lines) ? WALK_END : WALK_ODD;
    }
}

/* Behind the line end whose mark is i - 1, which is at `at`. */
static enum walk end_line(const struct csv_scan *scan, const char *at, const char *end, size_t *i,
                          struct csv_scan_record *record)
{
    record->end = at;
    record->next = at + 1;
    if (*at == '\n')
        return WALK_END;
    if (record->next == end || *i == scan->count)
        return WALK_SHORT;
    ++*i;
    return *record->next++ == '\n' ? WALK_END : WALK_ODD;
}

/* The record at `from` by the marks from scan->next on. */
static enum walk walk_record(struct csv_scan *scan, const char *from, const char *end, size_t count,
                             struct csv_scan_record *record)
{
    const char *base = scan->base, *at = from;
    size_t i = scan->next, field = 0;
    record->lines = 1;
    while (i < scan->count) {
        const char *mark = base + scan->marks[i++];
        if (field == count)
            return WALK_ODD;
        if (*mark == scan->bytes.quote) {
            enum walk walk = mark == at ? walk_quoted(scan, at, &i, &record->lines, &scan->fields[field]) : WALK_ODD;
            if (walk != WALK_END)
                return walk;
            mark = base + scan->marks[i - 1];
        } else {
            put_plain(&scan->fields[field], at, mark);
        }
        if ((int)CSV_SCAN_WINDOW > (int)PARSER_FIELD_MAX && scan->fields[field].len > PARSER_FIELD_MAX)
            return WALK_ODD;
        field++;
        at = mark + 1;
        if (*mark == scan->bytes.delimiter)
            continue;
        enum walk walk = field == count ? end_line(scan, mark, end, &i, record) : WALK_ODD;
        if (walk == WALK_END)
            scan->next = i;
        return walk;
    }
    return WALK_SHORT;
}

/* Blank lines are no records, and blanks may belong to one. */
static bool begins_blank(const struct csv_scan *scan, const char *from)
{
    return *from != scan->bytes.delimiter && (is_blank(*from) || *from == '\n' || *from == '\r');
}

enum csv_scan_result csv_scan_take(struct csv_scan *scan, const char *from, const char *end, size_t count,
                                   struct csv_scan_record *record)
{
    if (begins_blank(scan, from))
        return CSV_SCAN_ODD;
    bool fresh = !scan->base || scan->reached != from;
    if (fresh)
        mark_window(scan, from, end);
    enum walk walk = walk_record(scan, from, end, count, record);
    if (walk == WALK_SHORT && !fresh && scan->base + scan->len < end) {
        mark_window(scan, from, end);
        walk = walk_record(scan, from, end, count, record);
    }
    if (walk == WALK_END && record->next - from <= PARSER_RECORD_MAX) {
        scan->reached = record->next;
        return CSV_SCAN_RECORD;
    }
    scan->base = NULL;
    return walk == WALK_SHORT && end - from <= CSV_SCAN_WINDOW ? CSV_SCAN_CUT : CSV_SCAN_ODD;
}
