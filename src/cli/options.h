/* Reading the command line, and the help that teaches it. */
#ifndef DROPFOLD_CLI_OPTIONS_H
#define DROPFOLD_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/error.h"
#include "cli/command.h"

struct parsed {
    const struct command *command; /* NULL: none was named */
    bool help, version;
};

/* Options may stand before and behind the command; "--" ends them. Operands are left in invocation->operands, which
   points into argv. ERROR_USAGE says what was found and, where one is near, the word that was meant. */
bool options_parse(int argc, char **argv, struct parsed *parsed, struct invocation *invocation,
                   struct error *error) MUST_USE;

void options_print_help(FILE *out);
void options_print_command_help(FILE *out, const struct command *command);

#endif
