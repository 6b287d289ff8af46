"""The databases that the program writes to, looked at from outside."""
import csv
import io
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

    def execute(self, sql):
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.executescript(sql)

    def drop(self):
        self.path.unlink(missing_ok=True)

    def relations(self):
        return [row[0] for row in self.query("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                                             "AND name NOT LIKE 'sqlite_%' ORDER BY name")]

    def columns(self, relation):
        return [row[0] for row in self.query(f"SELECT name FROM pragma_table_info('{relation}') ORDER BY cid")]


def text(value):
    return repr(value) if isinstance(value, float) else str(value)


class PostgresTarget:
    def __init__(self, cluster, database):
        self.cluster, self.database = cluster, database
        self.address = None
        self.environment = cluster.environment(database)
        cluster.psql('postgres', f'CREATE DATABASE "{database}";')

    def query(self, sql):
        out = self.cluster.psql(self.database, f"SET TimeZone = 'UTC';\nCOPY ({sql}) TO STDOUT (FORMAT csv, NULL '\\N');")
        return [tuple(None if value == '\\N' else value for value in row) for row in csv.reader(io.StringIO(out))]

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

    def columns(self, relation):
        return [row[0] for row in self.query('SELECT column_name FROM information_schema.columns WHERE '
                                             f"table_schema = 'public' AND table_name = '{relation}' "
                                             'ORDER BY ordinal_position')]


def dump(target):
    """Every row of every table and view but dropfold's own and the lists of files, sorted: equal dumps are equal tables to
    the last byte. Lists name changes, which have other numbers where the same files came in another order."""
    return {name: sorted(target.query(f'SELECT {columns_of(target, name)} FROM "{name}"'), key=repr)
            for name in target.relations() if not name.startswith('dropfold_') and not name.endswith('_files')}


def columns_of(target, relation):
    return ', '.join(f'"{column}"' for column in target.columns(relation) if column != 'files')
