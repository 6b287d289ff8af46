/* From arguments to a command and its exit code. */
#ifndef DROPFOLD_CLI_CLI_H
#define DROPFOLD_CLI_CLI_H

int cli_main(int argc, char **argv);

#endif
