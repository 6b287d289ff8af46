"""The databases that the program writes to, looked at from outside."""
import csv
import io
import math
import sqlite3
from contextlib import closing


class SqliteTarget:
    def __init__(self, path):
        self.path = path
        self.address = f'sqlite:{path}'
        self.environment = {}

    def connect(self):
        return closing(sqlite3.connect(f'file:{self.path}?mode=ro', uri=True, timeout=30))

    def query(self, sql):
        """Rows as tuples of text, None for NULL."""
        with self.connect() as connection:
            return [tuple(None if value is None else text(value) for value in row) for row in connection.execute(sql)]

    def query_all(self, statements):
        """The rows of each."""
        return [self.query(sql) for sql in statements]

    def execute(self, sql):
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.executescript(sql)

    def drop(self):
        self.path.unlink(missing_ok=True)

    def relations(self):
        return [row[0] for row in self.query("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                                             "AND name NOT LIKE 'sqlite_%' ORDER BY name")]

    def shape(self):
        """(relation, column), those of a relation in their order."""
        return self.query("SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
                          "WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid")

    def progress(self, pipeline):
        """The sequence that it holds, of whatever history; 0: none, or it cannot be read now."""
        try:
            found = self.query(f"SELECT sequence FROM dropfold_progress WHERE pipeline = '{pipeline}'")
        except sqlite3.Error:
            return 0
        return int(found[0][0]) if found else 0


def text(value):
    return repr(value) if isinstance(value, float) else str(value)


class PostgresTarget:
    def __init__(self, cluster, database):
        self.cluster, self.database = cluster, database
        self.address = None
        self.environment = cluster.environment(database)
        cluster.psql('postgres', f'CREATE DATABASE "{database}";')

    def query(self, sql):
        return self.query_all([sql])[0]

    def query_all(self, statements):
        """In one session: to begin one costs more than most of them."""
        answers = [[] for _ in statements]
        copies = (f"COPY (SELECT {number}, q.* FROM ({sql}) AS q) TO STDOUT (FORMAT csv, NULL '\\N');\n"
                  for number, sql in enumerate(statements))
        out = self.cluster.psql(self.database, "SET TimeZone = 'UTC';\n" + ''.join(copies))
        for number, *row in csv.reader(io.StringIO(out)):
            answers[int(number)].append(tuple(None if value == '\\N' else value for value in row))
        return answers

    def execute(self, sql):
        self.cluster.psql(self.database, sql)

    def copy_from(self, other):
        """Makes this database a copy of another one of the same server, to which nobody is connected."""
        self.cluster.psql('postgres', f'DROP DATABASE "{self.database}" WITH (FORCE);\n'
                                      f'CREATE DATABASE "{self.database}" TEMPLATE "{other.database}";')

    def drop(self):
        self.cluster.psql('postgres', f'DROP DATABASE "{self.database}" WITH (FORCE);')

    def relations(self):
        return [row[0] for row in self.query("SELECT table_name FROM information_schema.tables "
                                             "WHERE table_schema = 'public' ORDER BY table_name")]

    def shape(self):
        """(relation, column), those of a relation in their order."""
        return self.query("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                          'ORDER BY table_name, ordinal_position')

    @staticmethod
    def progress(_):
        """Not asked for: that costs no less than the command which also knows of what history it is."""
        return math.inf


def dump(target):
    """Every row of every table and view but dropfold's own and the lists of files, sorted: equal dumps are equal tables to
    the last byte. Lists name changes, which have other numbers where the same files came in another order."""
    columns = {}
    for name, column in target.shape():
        if not name.startswith('dropfold_') and not name.endswith('_files') and column != 'files':
            columns.setdefault(name, []).append(f'"{column}"')
    rows = target.query_all([f'SELECT {", ".join(names)} FROM "{name}"' for name, names in columns.items()])
    return {name: sorted(found, key=repr) for name, found in zip(columns, rows)}
