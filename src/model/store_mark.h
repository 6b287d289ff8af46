/* What tells a checkpoint store from every other SQLite file, for the store that writes it and the target that must not
   write there. */
#ifndef DROPFOLD_MODEL_STORE_MARK_H
#define DROPFOLD_MODEL_STORE_MARK_H

enum { STORE_APPLICATION_ID = 0x64726f70 /* "drop", at byte 68 of the file: how file(1) and we know it */ };

#endif
