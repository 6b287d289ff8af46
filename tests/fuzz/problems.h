/* What messages about descriptors and pipelines must keep. */
#ifndef DROPFOLD_TESTS_FUZZ_PROBLEMS_H
#define DROPFOLD_TESTS_FUZZ_PROBLEMS_H

#include "base/text.h"
#include "fuzz.h"
#include "model/doc.h"

/* Something was loaded, or at least one line "path:line:column: message" says why not. */
static inline void check_problems(const struct doc_problems *problems, bool loaded)
{
    struct slice text = buf_slice(&problems->text);
    size_t lines = 0;
    check(loaded == (problems->count == 0));
    check(!problems->text.failed);
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    check(lines == (problems->count < DOC_PROBLEMS_MAX ? problems->count : DOC_PROBLEMS_MAX));
    check(text.len == 0 || text.data[text.len - 1] == '\n');
    check(text_valid_utf8(text) == text.len);
    /* What doc.c says where its scanner and cJSON disagree. */
    const struct slice disagreement =
        SLICE(": this value is read in two ways; please report it as a bug of dropfold\n");
    check(text.len == 0 || !memmem(text.data, text.len, disagreement.data, disagreement.len));
    for (size_t i = 0; i < text.len; i++)
        check((unsigned char)text.data[i] >= ' ' || text.data[i] == '\n');
}

#endif
