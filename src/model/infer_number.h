/*
 * Finds out in which form (model/number_form) a column's numbers are written: "1.234,56", "1,234.56" or "5 €".
 *
 * "1,234" may be either, so each value says which of the two it can only be, and the column is what all of them agree
 * on.
 */
#ifndef DROPFOLD_MODEL_INFER_NUMBER_H
#define DROPFOLD_MODEL_INFER_NUMBER_H

#include <stdbool.h>

#include "base/slice.h"

enum infer_number_kind {
    INFER_NUMBER_NONE,    /* some value is no number in either way, all are plain, or no decimal holds them */
    INFER_NUMBER_MONEYS,  /* several currencies stand beside them, which one field cannot tell apart */
    INFER_NUMBER_COMMA,   /* places stand behind a comma, in some of them, or points between thousands of a currency */
    INFER_NUMBER_POINT,   /* commas stand between thousands, or a currency beside them and no comma */
    INFER_NUMBER_BOTH,    /* some can only be the one, some only the other */
    INFER_NUMBER_UNCLEAR, /* all can be either, and would be other numbers */
    INFER_NUMBER_POINTS, /* points may stand before places or between thousands: a currency stands beside them, or other
                             numbers of the file have decimal commas */
    INFER_NUMBER_DOTS    /* points stand between thousands and nowhere a comma: codes and addresses look so too */
};

/* Signs and names of currencies, ended by NULL. */
extern const char *const infer_money[];

/* Digits before and behind the point of the longest numbers. */
struct infer_digits {
    unsigned whole, places;
};

/* All zeros but for `json` before the first value. */
struct infer_number {
    bool json;          /* what looks like a plain number may be one without quotes, and is then read as such */
    bool neither;       /* some value is no number, or a code */
    bool commas, dots;  /* signs that were seen */
    unsigned money;     /* one bit for each of infer_money that was */
    bool must_be_comma; /* some value cannot be read with commas between thousands */
    bool must_be_point; /* some value cannot be read with a comma before the places */
    struct infer_digits comma, point; /* as read either way */
};

/* Digits, and a point before or among them, behind a sign; *padded when a zero stands before other digits. */
bool infer_number_plain(struct slice text, struct infer_digits *digits, bool *padded);

/* `text` has no blanks around it and is not empty. */
void infer_number_value(struct infer_number *number, struct slice text);

/* As far as one column tells: what is plain alone may be INFER_NUMBER_POINTS beside others. */
enum infer_number_kind infer_number_kind(const struct infer_number *number);

/* Whether points before places, in all of them that have any, could as well be points between thousands: "12.500". */
bool infer_number_points(const struct infer_number *number);

#endif
