"""Guards of the source, each with the text that takes it out and the tests of which one at least must fail then.

A test is named by its folder and a pattern of it: unit/NAME, flow/MODULE.CLASS, crash/MODULE.CLASS.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    name: str
    path: str    # below src/
    old: str     # stands there once
    new: str
    tests: tuple


def mutation(name, path, old, new, *tests):
    return Mutation(name, path, old, new, tests)


MUTATIONS = [
    # what makes a commit durable, and alone
    mutation('no fsync at a commit', 'store/store_sql.h', 'PRAGMA synchronous = FULL; PRAGMA journal_size_limit',
             'PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit', 'unit/store_power_test', 'crash/power_loss_test'),
    mutation('many files are committed before they are flushed', 'feed/landing.c',
             'return syncfs(landing->fd) == 0 ||', 'return true ||', 'crash/power_loss_test.PowerLossOfMany'),
    mutation('a bad file is quarantined before it is flushed', 'feed/intake.c', 'return result == INTAKE_READ || result == INTAKE_BAD;',
             'return result == INTAKE_READ;', 'crash/power_loss_test.PowerLossOfBad'),
    mutation('files are answered before their commit', 'app/committer.c',
             'push_job(grouped ? &group->jobs : &committer->done_jobs, job);', 'push_job(&committer->done_jobs, job);', 'unit/app_group_test'),
    mutation('a request sees what is not committed', 'app/committer.c',
             'if (!step.joins)\n            end_group(committer);',
             'if (!step.joins && !step.request)\n            end_group(committer);', 'unit/app_group_test'),
    mutation('a change of a group is not undone alone', 'store/store_sql.h', '= "ROLLBACK TO change"', '= "SELECT 1"',
             'unit/store_group_test'),
    mutation('rows of a group are written before the engine has taken them', 'app/core_end.c',
             '!core_apply(core, result->sequence, ending->now, &record->buckets, error))',
             '!core_write(core, record, error) ||'
             ' !core_apply(core, result->sequence, ending->now, &record->buckets, error))',
             'flow/limits_test.Combinations'),
    mutation('no lock on the store', 'store/lock.c', 'if (flock(store->lock, LOCK_EX | LOCK_NB) == 0)', 'if (store->lock >= 0)',
             'flow/process_test.Instances'),
    mutation('no lock on landing folders', 'feed/landing.c', 'result = flock(landing->fd, LOCK_EX | LOCK_NB);', 'result = 0;',
             'flow/process_test.Instances'),
    mutation('no room reserved before a change', 'store/space.c',
             'bool done = reserve(space, (end / STEP + 1) * STEP) || reserve(space, end);', 'bool done = end > 0 || reserve(space, end);',
             'unit/store_space_test', 'flow/bad_input_test.FullDisk'),
    # what finds damage
    mutation('no checksum of chunks', 'store/replay.c', 'if (store_checksum(file->feed, r->sequence, ordinal, chunk.chunk) != checksum)',
             'if (store_checksum(file->feed, r->sequence, ordinal, chunk.chunk) == checksum + 1)', 'unit/store_replay_test'),
    mutation('no chain of digests', 'store/replay.c', 'if (!digest_equal(&r->digest, &wanted))', 'if (digest_equal(&r->digest, NULL))',
             'unit/store_replay_test'),
    mutation('no look at the target before a delivery (SQLite)', 'target/target_sqlite_write.c',
             'if (!progress_equal(&sqlite->progress, &sqlite->delivery.from))', 'if (!sqlite)', 'unit/target_sqlite_test',
             'crash/forks_test'),
    mutation('no look at the target before a delivery (PostgreSQL)', 'target/pg_delivery.c',
             'PQntuples(result) == 1 && progress_equal(&found, from)', 'PQntuples(result) == 1', 'unit/target_pg_test',
             'crash/forks_test'),
    mutation('a COMMIT answered by ROLLBACK counts', 'target/pg_delivery.c', 'if (strcmp(tag, "COMMIT") == 0)', 'if (tag)',
             'unit/target_pg_test'),
    mutation('rows that a trigger skips are not missed (SQLite)', 'target/target_sqlite_write.c',
             'w->wrong += (code == SQLITE_ROW) == w->block->deletes;', '(void)code;', 'unit/target_sqlite_test', 'flow/left_out_test'),
    mutation('rows that a trigger skips are not missed (PostgreSQL)', 'target/pg_delivery.c',
             'if (rows < conn->block->rows)', 'if (rows > conn->block->rows)',
             'unit/target_pg_test', 'flow/left_out_test'),
    # what finds files
    mutation('no rescans', 'feed/watch.c', 'watch->folders[i].wanted || !watch->folders[i].scan_job.running;',
             'watch->folders[i].wanted;', 'crash/no_events_test'),
    mutation('no scan after an overflow', 'feed/watch.c', '(fs.inotify.max_queued_events is the sysctl)");\n    events_lost(watch);',
             '(fs.inotify.max_queued_events is the sysctl)");', 'crash/overflow_test'),
    mutation('a folder is never another one', 'feed/landing.c',
             '*current = there && now.st_dev == landing->device && now.st_ino == landing->inode;', '*current = there;',
             'crash/folder_churn_test.FolderChurn.test_renamed_and_another_made'),
    mutation('no search in a folder that comes late', 'app/run_recover.c',
             'run->recovery.opened[feed] = true;\n    run->recovery.due = clock_monotonic();\n    run_recover_tick(run);',
             'watch_opened(run->watch, feed);', 'crash/folder_churn_test.FolderChurn.test_a_file_that_a_crash_left'),
    mutation('a folder that cannot be read is taken for an empty one', 'feed/folder.c',
             'folder->lost = true;\n    folder->missed = true;', 'folder->lost = true;', 'unit/feed_once_test'),
    # what makes a file whole
    mutation('no look whether a file stood still', 'feed/intake.c',
             'if (!reading->regular || (file_stat_equal(&reading->before, &after) && reading->count == reading->expected))',
             'if (!reading->regular || after.size >= reading->count)', 'unit/feed_intake_test', 'crash/change_in_read_test.WhileRead'),
    mutation('no wait for a marker', 'feed/sight.c', 'if (landing->feed->ready == FEED_READY_DONE_MARKER)\n        sight->kind',
             'if (landing->feed->ready != FEED_READY_DONE_MARKER)\n        sight->kind', 'crash/half_files_test.Writers.test_marked'),
    mutation('names being written are read', 'feed/landing.c', '{".tmp", ".part", "~", "._COPYING_"}', '{".tmp", "~", "._COPYING_"}',
             'unit/feed_landing_test', 'crash/hostile_entries_test.HostileEntries.test_in_one_run'),
    mutation('symlinks are followed', 'feed/landing.c', 'int fd = openat(landing->fd, name, O_RDONLY | O_NOFOLLOW |',
             'int fd = openat(landing->fd, name, O_RDONLY |', 'unit/feed_landing_test'),
    mutation('links are looked through', 'feed/sight.c',
             'if (fstatat(landing->fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0) {\n        sight->number',
             'if (fstatat(landing->fd, name, &stat, 0) < 0) {\n        sight->number',
             'crash/hostile_entries_test.HostileEntries.test_in_one_run'),
    mutation('CSV that is not strict', 'parse/csv_reader.c', 'CSV_OPTIONS = CSV_STRICT | CSV_STRICT_FINI |',
             'CSV_OPTIONS = CSV_STRICT_FINI |', 'crash/dirt_test.Dirt.'),
    mutation('CSV that may end in a quote', 'parse/csv_reader.c', 'CSV_STRICT | CSV_STRICT_FINI |', 'CSV_STRICT |', 'crash/dirt_test.Dirt.',
             'unit/parse_csv_test'),
    mutation('no limit of rejected rows', 'parse/rowsink.c', 'else if (sink->rejected > PARSER_REJECTS_MAX &&',
             'else if (sink->rejected > UINT32_MAX &&', 'unit/parse_csv_test', 'crash/bombs_test.Bombs.test_one'),
    # what makes a file count once
    mutation('no look for redeliveries', 'app/core_end.c', 'if (original.id > 0)', 'if (original.id > 0 && false)',
             'crash/redelivery_test.Archived.test_out_of_the_archive'),
    mutation('a committed file that is still there is asked anew', 'app/core_end.c', '*found = noted->found || changed.found;',
             '*found = changed.found;', 'flow/crash_test.Unarchived', 'crash/redelivery_test.KilledOnTheWayOut'),
    mutation('a chmod makes another file', 'app/core_end.c', 'if (ending->file->stays && !noted->found &&',
             'if (ending->file->stays && noted->found &&', 'crash/redelivery_test.Left'),
    mutation('no comparison before a file is moved away', 'feed/hidden.c', '    if (!same)\n        return hidden_put_back(hidden, error) ?',
             '    if (!same && false)\n        return hidden_put_back(hidden, error) ?', 'unit/feed_archive_test',
             'crash/change_in_read_test.WhileArchived'),
    mutation('a file that cannot be moved is shown again', 'feed/archive.c', 'if (code == ESTALE)\n        return archive_give_up',
             'if (code != 0)\n        return archive_give_up', 'unit/feed_archive_test', 'crash/redelivery_test.ArchiveFull'),
    mutation('what a crash left is never finished', 'feed/archive_recover.c',
             'if (!goes_on)\n        return hidden_put_back(hidden, error);', 'if (true)\n        return hidden_put_back(hidden, error);',
             'unit/feed_recover_test', 'crash/folder_churn_test'),
    mutation('a bad file is noted amid another change', 'app/run_moves.c',
             '.done = note_done, .alone = true}', '.done = note_done}', 'crash/bombs_test.Bombs.test_all_at_once'),
    # what makes the tables follow
    mutation('a change that is told late takes later ones back', 'app/deliverer.c', 'if (sequence > d->wanted)', 'if (sequence)',
             'unit/app_deliverer_test'),
    mutation('what triggers take out is not missed', 'target/pg_recount.c', 'if (found == wanted)', 'if (found <= wanted)',
             'flow/left_out_test'),
    mutation('a piece of a large file counts wherever it ends', 'parse/parser.c', 'return is_between(p) && is_between(part) &&',
             'return is_between(p) &&', 'unit/parse_parts_test'),
    mutation('emptied groups stay', 'engine/deliver.c', 'ids_push(memory, &lister->listed->parts[PART_DELETES], group);', '(void)memory;',
             'flow/corrections_test', 'unit/engine_delivery_test'),
    mutation('sums as doubles', 'engine/accumulate.c',
             'wide all = (wide)low + (wide)rows_peek(*at, measure->high) * ((wide)1 << 64) + value;',
             'wide all = (wide)((double)low + (double)value) + (wide)rows_peek(*at, measure->high) * ((wide)1 << 64);',
             'crash/determinism_test.Determinism.', 'unit/engine_numbers_test'),
    mutation('a retried row ranks by its own change', 'app/core_apply.c',
             'engine_rank(core->engine, rank);', 'engine_rank(core->engine, sequence);', 'flow/retry_test.Retry'),
    mutation('a file of other rows is retried all the same', 'app/retry.c',
             'if (r->shifted || (ok && (facts->rows != r->file->rows || r->found != r->count)))', 'if (r->shifted && !ok && !facts)',
             'flow/retry_test.Retry'),
    mutation('the older row wins', 'engine/records.c', 'if (record && rank_compare(records_rank(records, record), row->rank) > 0)',
             'if (record && rank_compare(records_rank(records, record), row->rank) < 0)', 'unit/engine_change_test',
             'flow/corrections_test'),
]
