/*
 * Digits as numbers, eight at a time in one 64-bit word: what most numbers of a file are is read without a branch a
 * character. Nothing but the text's own bytes is read.
 */
#ifndef DROPFOLD_MODEL_DIGITS_H
#define DROPFOLD_MODEL_DIGITS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

enum {
    DIGITS_LEN_MAX = 16 /* characters of a text that digits_read takes */
};

#define DIGITS_ALL(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The last characters before `end`, at most eight of them, each less '0': the last one in the highest byte, zeros
   before the first. `len` is not 0. */
static inline uint64_t digits_load(const char *end, size_t len)
{
    uint64_t word = 0;
    if (len >= sizeof word) {
        memcpy(&word, end - sizeof word, sizeof word);
        return le64toh(word) ^ DIGITS_ALL('0');
    }
    unsigned unused = 8 * (unsigned)(sizeof word - len);
    if (len >= 4) {
        uint32_t first, last; /* which may overlap */
        memcpy(&first, end - len, sizeof first);
        memcpy(&last, end - sizeof last, sizeof last);
        word = (uint64_t)le32toh(first) << unused | (uint64_t)le32toh(last) << 32;
    } else {
        const unsigned char *at =
            (const unsigned char *)end - len; /* the first, the middle, the last: of one all three */
        word =
            (uint64_t)at[0] << unused | (uint64_t)at[len / 2] << (unused + len / 2 * 8) | (uint64_t)at[len - 1] << 56;
    }
    return (word ^ DIGITS_ALL('0')) & UINT64_MAX << unused;
}

/* Has a bit where a byte is no digit's value. */
static inline uint64_t digits_bad(uint64_t word)
{
    return ((word + DIGITS_ALL(0x80 - 10)) | word) & DIGITS_ALL(0x80);
}

/* The number that eight digits are, the first in the lowest byte. */
static inline uint64_t digits_number(uint64_t word)
{
    const uint64_t twos = 0x000000ff000000ff;
    word = word * 10 + (word >> 8); /* every other byte: two digits */
    return ((word & twos) * (100 + (UINT64_C(1000000) << 32)) + (word >> 16 & twos) * (1 + (UINT64_C(10000) << 32))) >>
           32;
}

/* A number of up to eight digits and nothing else. False says nothing about other texts. */
static inline bool digits_whole(struct slice text, uint64_t *number)
{
    if (text.len == 0 || text.len > 8)
        return false;
    uint64_t word = digits_load(text.data + text.len, text.len);
    *number = digits_number(word);
    return digits_bad(word) == 0;
}

/* Its digits without the point. */
struct digits {
    uint64_t units;
    size_t whole, places; /* digits before and behind the point; the latter 0 without one */
};

/* The place of the first point in a word, or 8. */
static inline unsigned digits_point(uint64_t word)
{
    word ^= DIGITS_ALL('.' ^ '0');
    uint64_t found = (word - DIGITS_ALL(1)) & ~word & DIGITS_ALL(0x80);
    return found ? (unsigned)__builtin_ctzll(found) / 8 : 8;
}

/* Closes the gap at `place`: what was before it moves up, and `first` comes in below. */
static inline uint64_t digits_without(uint64_t word, unsigned place, uint64_t first)
{
    uint64_t before = word & ~(UINT64_MAX << 8 * place);
    return (word & UINT64_MAX << 8 * place << 8) | before << 8 | first;
}

/*
 * Reads digits, of which one or more stand before a point if there is one, and one or more behind it. False says
 * nothing about the text but that it is another one.
 */
static inline bool digits_read(struct slice text, struct digits *out)
{
    if (text.len == 0 || text.len > DIGITS_LEN_MAX)
        return false;
    const char *end = text.data + text.len;
    uint64_t low = digits_load(end, text.len), high = 0;
    if (text.len > 8)
        high = digits_load(end - 8, text.len - 8);
    unsigned point = digits_point(low);
    *out = (struct digits){.whole = text.len};
    if (point < 8) {
        low = digits_without(low, point, high >> 56);
        high <<= 8;
        out->places = 7 - point;
    } else if (high && (point = digits_point(high)) < 8) {
        high = digits_without(high, point, 0);
        out->places = 15 - point;
    }
    if (point < 8) {
        out->whole = text.len - 1 - out->places;
        if (out->places == 0 || out->whole == 0)
            return false;
    }
    if (digits_bad(low) | digits_bad(high))
        return false;
    out->units = digits_number(low) + (high ? digits_number(high) * 100000000 : 0);
    return true;
}

#endif
