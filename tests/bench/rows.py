"""The rows of the table: each measures one thing and says what was reached."""
import csv
import json
import os
import re
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from harness.cluster import program
from harness.compare import matches, moment
from harness.oracle import COLUMNS, Oracle
from harness.places import binary
from harness.polling import until
from setting import LONG, MEGABYTE, Cost, measure, median, shown

HERE = Path(__file__).resolve().parent
SMALL = 5000  # order lines of a small new file
SIZES = (0.1, 1, 4, 10, 20)  # scales at which a history's cost is taken
IDLE_SECONDS = 12
TABLE = """CREATE TABLE ecommerce ("Customer_ID" integer, "Total_Order_Amount" double precision,
"Average_Order_Amount" double precision, "Order_Count" bigint NOT NULL, "Highest_Order_Amount" real,
"Lowest_Order_Amount" real, "Total_Quantity_Ordered" bigint, "Average_Quantity_Per_Ordered" double precision,
"Total_Delivery_Distance" double precision, "Average_Delivery_Distance" double precision,
"Distict_Products" bigint NOT NULL, start_timestamp timestamp, end_timestamp timestamp,
PRIMARY KEY ("Customer_ID", start_timestamp));"""


@dataclass(frozen=True)
class Reached:
    what: str
    goal: str
    value: str
    ok: bool
    detail: str = ''


class Skipped(Exception):
    """The row cannot be measured here; why."""


def below(what, goal, unit, value, detail='', digits=2):
    return Reached(what, f'{goal:g} {unit}'.strip(), f'{value:.{digits}f} {unit}'.strip(), value <= goal, detail)


def above(what, goal, unit, value, detail=''):
    return Reached(what, f'{goal:,} {unit}', f'{value:,.0f} {unit}', value >= goal, detail)


# --- the others ------------------------------------------------------------------------------------------------------


def rival(script, *arguments):
    """Runs a job beside this file, which tells its cost in its last line."""
    out, _ = measure([sys.executable, HERE / script, *arguments])
    told = json.loads(out.splitlines()[-1])
    return told, Cost(told['wall'], told['cpu'], told['peak'])


def run_duckdb(setting, data, *csv_path):
    database = setting.folder / 'duckdb.db'
    for path in (database, *csv_path):
        path.unlink(missing_ok=True)
    return rival('duckdb_job.py', data, database, *csv_path)


def need_duckdb():
    try:
        import duckdb  # noqa: F401
    except ImportError as error:
        raise Skipped('DuckDB is not installed') from error


def rows_of_csv(*paths):
    for path in paths:
        with open(path, encoding='utf-8', newline='') as file:
            yield from (tuple(value if value != '' else None for value in row) for row in csv.reader(file))


def rows_of_sqlite(path):
    columns = ', '.join(f'"{column}"' for column in COLUMNS)
    with closing(sqlite3.connect(path)) as connection:
        yield from connection.execute(f'SELECT {columns} FROM ecommerce')


def keyed(rows):
    return {(int(row[0]), moment(str(row[11]))): row for row in rows}


def agree(ours, theirs, who):
    """Every group of `ours` ({key: row}) has the same values there, and there are no others."""
    if ours.keys() != theirs.keys():
        raise RuntimeError(f'{who} has {len(theirs)} groups, dropfold {len(ours)}')
    for key, row in ours.items():
        for column, found, expected in zip(COLUMNS, row, theirs[key]):
            if column in ('start_timestamp', 'end_timestamp'):
                same = moment(str(found)) == moment(str(expected))
            else:
                same = matches(column, found, None if expected is None else float(expected), within=1e-12)
            if not same:
                raise RuntimeError(f'{who} says {column} of {key} is {expected}, dropfold {found}')
    print(f'  {len(ours)} groups, all as {who} has them', flush=True)


def apart(check, *arguments):
    """Runs a check in a process of its own: what a program used at most counts from its parent's size on."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            check(*arguments)
            code = 0
        except Exception as error:  # told here, and by the exit code
            print(f'  {error}', flush=True)
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise RuntimeError('the tables differ')


def agree_with_csv(setting, paths, who):
    agree(our_table(setting), keyed(rows_of_csv(*paths)), who)


def agree_in_postgres(setting):
    agree(rows_of_postgres(setting, 'ours'), rows_of_postgres(setting, 'rival'), 'DuckDB by COPY')


def our_table(setting):
    """What dropfold makes of the history."""
    work = setting.work('agree', setting.history())
    work.once(f'sqlite:{work.folder}/table.db')
    table = keyed(rows_of_sqlite(work.folder / 'table.db'))
    work.remove()
    return table


# --- rows ------------------------------------------------------------------------------------------------------------


def oracle(setting):
    """Not part of the table: dropfold's groups against the oracle of the tests, which reads the files itself."""
    data = setting.history()
    files = [(feed, path) for feed in ('Customers', 'Orders', 'Deliveries') for path in sorted((data / feed).iterdir())]
    expected = {key: tuple(row) for key, row in Oracle(files).ecommerce().items()}
    ours = our_table(setting)
    agree(ours, expected, 'the oracle')
    return [Reached('the groups, against the oracle of the tests', 'equal', 'equal', True, f'{len(ours)} groups')]


def cold(setting):
    need_duckdb()
    data = setting.history()
    ours, theirs = [], []
    for _ in range(setting.runs):
        work = setting.work('cold', data)
        ours.append(work.once('none:')[1])
        theirs.append(run_duckdb(setting, data)[1])
    out = setting.folder / 'duckdb.csv'
    told, _ = run_duckdb(setting, data, out)
    apart(agree_with_csv, setting, [out], 'DuckDB')
    we, they = median(ours), median(theirs)
    detail = f'dropfold {shown(we)}; DuckDB {told["version"]} {shown(they)}'
    return [below('cold load, durable, groups in memory, against DuckDB making the same table', 0.6, 'x',
                  we.wall / they.wall, detail),
            Reached('the same in CPU seconds', '', f'{we.cpu / they.cpu:.2f} x', True, detail),
            below('peak memory of the cold load, against DuckDB', 0.4, 'x', we.peak / they.peak, detail)]


def large(setting):
    """One file alone, beside the same order lines in files that are read side by side."""
    numbers = {'lines': setting.lines, 'customers': setting.customers, 'deliveries': 0, 'people': 0}
    sets = {'in one file': setting.data('large', files=1, **numbers),
            'in 20': setting.data('parts', files=20, **numbers)}
    costs = {name: [] for name in sets}
    for _ in range(setting.runs):
        for name, data in sets.items():
            costs[name].append(setting.work('large', data).once('none:')[1])
    one, many = (median(cost) for cost in costs.values())
    return [Reached(f'{setting.lines:,} order lines in one file, against the same in 20', '',
                    f'{one.wall / many.wall:.2f} x', True,
                    '; '.join(f'{name} {shown(median(cost))}' for name, cost in costs.items()))]


def copy_to_postgres(setting, data):
    """DuckDB, and what it made by COPY into a new table with a key: the cost of both."""
    path = setting.folder / 'duckdb.csv'
    told, made = run_duckdb(setting, data, path)
    sql = f"{TABLE}\n\\copy ecommerce FROM '{path}' (FORMAT csv)\n"
    environment = {**os.environ, **setting.database('rival')}
    script = setting.folder / 'copy.sql'
    script.write_text(sql, encoding='utf-8')
    _, copied = measure([program('psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', script], env=environment)
    return told, Cost(made.wall + copied.wall, made.cpu + copied.cpu, max(made.peak, copied.peak))


def rows_of_postgres(setting, database):
    columns = ', '.join(f'"{column}"' for column in COLUMNS)
    out = setting.folder / f'{database}.csv'
    out.write_text(setting.cluster.psql(database, f'COPY (SELECT {columns} FROM ecommerce) TO STDOUT (FORMAT csv)'),
                   encoding='utf-8')
    return keyed(rows_of_csv(out))


def postgres(setting):
    need_duckdb()
    data = setting.history()
    ours, theirs, told = [], [], {}
    for _ in range(setting.runs):
        work = setting.work('postgres', data)
        ours.append(work.once('', setting.database('ours'))[1])
        told, cost = copy_to_postgres(setting, data)
        theirs.append(cost)
    apart(agree_in_postgres, setting)
    we, they = median(ours), median(theirs)
    return [below('cold load into an empty PostgreSQL, against DuckDB and COPY into the same server', 0.7, 'x',
                  we.wall / they.wall, f'dropfold {shown(we)}; DuckDB {told["version"]} and psql {shown(they)}')]


def spark(setting):
    """Not part of the table: the same job by Spark, once as a batch and once as a file stream."""
    if not shutil.which('java'):
        raise Skipped('there is no Java')
    data = setting.history()
    work = setting.work('cold', data)
    us = work.once('none:')[1]
    results = []
    for way in ('batch', 'stream'):
        out = setting.folder / f'spark-{way}'
        shutil.rmtree(out, ignore_errors=True)
        told, cost = rival('spark_job.py', data, out, way)
        apart(agree_with_csv, setting, list((out / 'table').glob('*.csv')), f'Spark as a {way}')
        results.append(Reached(f'cold load, against Spark {told["version"]} as a {way}', '',
                               f'{us.wall / cost.wall:.3f} x', True,
                               f'dropfold {shown(us)}; Spark {cost.wall:.2f} s wall, {cost.cpu:.2f} s CPU'))
    return results


class Visible:
    """Waits for changes to show in PostgreSQL, as a reader with an open connection sees them."""

    def __init__(self, setting, database):
        try:
            import psycopg2
        except ImportError as error:
            raise Skipped('psycopg2 is not installed') from error
        environment = setting.cluster.environment(database)
        self.connection = psycopg2.connect(host=environment['PGHOST'], port=environment['PGPORT'],
                                           user=environment['PGUSER'], dbname=database)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def sequence(self):
        self.cursor.execute('SELECT sequence FROM dropfold_progress')
        return self.cursor.fetchone()[0]

    def after(self, began, sequence):
        """Milliseconds from `began` until change `sequence` is there."""
        while self.sequence() < sequence:
            if time.perf_counter() - began > LONG:
                raise RuntimeError(f'change {sequence} does not come')
            time.sleep(0.0002)
        return (time.perf_counter() - began) * 1000


def each_arrival(setting, work, database, files, settled=0.5):
    """Milliseconds from rename-in to visible, for each of `files` (folders with one file a feed or none)."""
    times = []
    visible = Visible(setting, database)
    for source in files:
        count = sum(len(list((source / feed).iterdir())) for feed in ('Customers', 'Orders', 'Deliveries'))
        time.sleep(settled)  # an idle daemon is what is measured
        before = visible.sequence()
        times.append(visible.after(work.rename_in(source), before + count))
    visible.connection.close()
    return times


def middle(times):
    return sorted(times)[len(times) // 2]


def arrivals(*arguments):
    return middle(each_arrival(*arguments))


def new_files(setting, name, count, lines, first, **numbers):
    numbers = {'customers': setting.customers, 'people': 0, 'files': 1, **numbers}
    return [setting.data(f'{name}-{i}', first=first + i * lines, lines=lines, name=1000 + i, **numbers)
            for i in range(count)]


def small_after(setting):
    """Milliseconds until a small pair of files shows after a history, and what the daemon holds then."""
    setting.cluster  # started here, so that settings made from this one share it
    work = setting.work('small', setting.history())
    environment = setting.database('small')
    work.once('', environment)
    rounds = max(15, setting.runs)
    first = (setting.lines // 11 + 1) * 11
    with work.daemon('', environment) as daemon:
        files = new_files(setting, 'small', rounds + 1, SMALL, first)
        both = arrivals(setting, work, 'small', files)
        return both, daemon.memory()


def small(setting):
    """Beyond scale 1 also beside scale 1, in the same run."""
    what = f'{SMALL:,} new order lines and their deliveries after {{:,}}: ready to visible in PostgreSQL'
    if setting.scale <= 1:
        both, memory = small_after(setting)
        return [below(what.format(setting.lines), 25, 'ms', both, f'{memory / MEGABYTE:.0f} MB resident', 1)]
    one = setting.at(1)
    few, _ = small_after(one)
    many, memory = small_after(setting)
    return [below(what.format(setting.lines), 1.2, 'x', many / few,
                  f'{many:.1f} ms, after {one.lines:,} {few:.1f} ms; {memory / MEGABYTE:.0f} MB resident')]


def one_file(setting):
    work = setting.work('one', setting.history())
    environment = setting.database('one')
    work.once('', environment)
    rounds = 4 * max(5, setting.runs)
    with work.daemon('', environment):
        files = new_files(setting, 'one', rounds, 22, (setting.lines // 11 + 1) * 11, deliveries=0)
        took = arrivals(setting, work, 'one', files, 0.2)
    return [below('from rename-in to the row in PostgreSQL, one small file, idle daemon', 15, 'ms', took, digits=1)]


def bytes_a_line(setting):
    out, _ = measure([binary().parent / 'tests' / 'engine_bench', setting.schemas, setting.lines, setting.customers])
    bytes_held = float(re.search(r'([0-9.]+) by what the process grew', out).group(1))
    return [below('bytes of memory an order line with its delivery, peak of growth included', 140, 'bytes', bytes_held,
                  out.splitlines()[1], 1)]


def replay(setting):
    work = setting.work('replay', setting.history())
    work.once('none:')
    times = []
    for _ in range(setting.runs):
        out, _ = work.once('none:')
        rows, seconds = re.search(r'replayed (\d+) rows of \d+ changes in ([0-9.]+) s', out).groups()
        times.append(float(seconds))
    times.sort()
    rate = int(rows) / times[len(times) // 2]
    return [above('replay at start, rows/s', 6_000_000, 'rows/s', rate,
                  f'{int(rows):,} rows in {times[len(times) // 2]:.2f} s')]


def delivery(setting):
    """100,000 customers' orders of one window at a time, each file one change: the first groups of two windows fill the
    tables, a third window is inserted, then updated."""
    count = max(1000, int(100_000 * min(1, setting.scale)))
    numbers = {'customers': count, 'spread': 1, 'days': 1, 'files': 1, 'lines': count // 10 * 11}
    steps = [setting.data('base', **numbers, day=0),
             setting.data('insert', **numbers, first=count // 10 * 11, day=20, people=0, name=1),
             setting.data('update', **numbers, first=2 * (count // 10 * 11), day=20, people=0, name=2)]
    rates = {'insert': [], 'update': []}
    for _ in range(setting.runs):
        work = setting.work('delivery')
        environment = setting.database('delivery')
        for step, name in zip(steps, (None, 'insert', 'update')):
            work.link(step)
            out, _ = work.once('', environment, '--log-format', 'json')
            told = [json.loads(line) for line in out.splitlines() if '"delivered"' in line]
            told = [line for line in told if line['groups'] >= count]
            if name:
                rates[name].append(told[-1]['groups'] / told[-1]['micros'] * 1e6)
    results = []
    for name, goal in (('insert', 380_000), ('update', 250_000)):
        values = sorted(rates[name])
        results.append(above(f'delivery to PostgreSQL of {count:,} changed groups: {name}', goal, 'rows/s',
                             values[len(values) // 2]))
    return results


def hot(setting):
    """One customer with all orders in one window, and one with a few."""
    lines = setting.lines
    big = setting.data('hot', lines=lines, customers=1, days=1, files=10)
    few = setting.data('few', lines=22, customers=2, days=1, files=1, spread=1, first=(lines // 11 + 1000) * 11,
                       name=500)
    work = setting.work('hot', big, few)
    environment = setting.database('hot')
    work.once('', environment)
    rounds = max(15, setting.runs)
    first = (lines // 11 + 2000) * 11
    to_big = new_files(setting, 'hot-one', rounds, 1, first, customers=1, days=1)
    to_few = new_files(setting, 'few-one', rounds, 1, first + 20000, customers=1, days=1, day=20)
    with work.daemon('', environment):
        # In turn: the load before them is still on its way to the disk when the first ones come.
        times = each_arrival(setting, work, 'hot', [file for both in zip(to_big, to_few) for file in both])
    in_big, in_few = middle(times[::2]), middle(times[1::2])
    return [Reached(f'one customer with {lines:,} order lines in one window: one more order', 'as in a small group',
                    f'{in_big:.1f} ms', in_big <= 1.2 * in_few + 2, f'{in_few:.1f} ms in a small group')]


def idle(work):
    """Share of a core that a daemon uses while nothing happens, and its resident bytes."""
    with work.daemon('none:') as daemon:
        time.sleep(1)
        before = daemon.cpu()
        time.sleep(IDLE_SECONDS)
        return (daemon.cpu() - before) / IDLE_SECONDS, daemon.memory()


def many_files(setting):
    """Idle is measured with files of one row: of more, what is resident is the rows' state, which other lines count."""
    count = max(100, int(100_000 * min(1, setting.scale)))
    data = setting.data('many', lines=count * 10, customers=setting.customers, files=count // 2, people=0)
    people = setting.data('people', lines=0, customers=setting.customers, files=1, orders=0, deliveries=0)
    costs = []
    for _ in range(setting.runs):
        work = setting.work('many', data, people)
        costs.append(work.once('none:')[1])
    cost = median(costs)
    results = [above(f'{count:,} files of 20 rows', 10_000, 'files/s', count / cost.wall, shown(cost))]
    _, with_rows = idle(work)
    work.remove()
    single = setting.data('single', lines=count // 2, customers=setting.customers, files=count // 2, people=0)
    work = setting.work('single', single)
    work.once('none:')
    used, memory = idle(work)
    results.append(Reached(f'idle with {count:,} archived files known', 'no CPU, under 60 MB',
                           f'{100 * used:.1f}% CPU, {memory / MEGABYTE:.0f} MB',
                           memory < 60 * MEGABYTE and used < 0.005,
                           f'files of one row; of 20 rows {with_rows / MEGABYTE:.0f} MB, the state of their rows'))
    return results


def empty_start(setting):
    """Waits for nothing: the resident size of a daemon with an empty store, to compare with."""
    work = setting.work('empty')
    work.once('none:')
    with work.daemon('none:') as daemon:
        until(lambda: daemon.memory() > 0, lambda: 'a daemon')
        memory = daemon.memory()
    return [Reached('idle with an empty store', '', f'{memory / MEGABYTE:.0f} MB', True)]


def size_of(setting):
    """What a history of this length costs: the load, its store, the next start."""
    work = setting.work('size', setting.history())
    _, cost = work.once('none:')
    store = sum(path.stat().st_size for path in (work.folder / 'checkpoints').iterdir())
    out, again = work.once('none:')
    rows, seconds = re.search(r'replayed (\d+) rows of \d+ changes in ([0-9.]+) s', out).groups()
    work.remove()
    return Reached(f'{setting.lines:,} order lines and as many deliveries', '', shown(cost), True,
                   f'store of {store / MEGABYTE:.0f} MB; the next start replays {int(rows):,} rows in {seconds} s, '
                   f'{again.peak / MEGABYTE:.0f} MB at its peak')


def size(setting):
    """Not part of the table: what histories cost, up to the scale."""
    return [size_of(setting.at(scale)) for scale in SIZES if scale <= setting.scale]


ROWS = {'oracle': oracle, 'cold': cold, 'large': large, 'postgres': postgres, 'small': small, 'bytes': bytes_a_line,
        'replay': replay, 'delivery': delivery, 'hot': hot, 'files': many_files, 'one': one_file, 'empty': empty_start,
        'spark': spark, 'size': size}
