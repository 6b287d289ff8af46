"""Item 24, SQL safety: names and values that are SQL make no statement, and the runtime role may do only its work."""
import csv
import io
import re
from collections import Counter

from crash_case import CrashCase
from harness.targets import PostgresTarget

DROP = 'DROP TABLE victim; '
NAMES = ('a"b', f'"; {DROP}--', f"'; {DROP}--", '$1', f'$$; {DROP}$$', '%s%n%1$x', 'back\\slash\\', f"\\'; {DROP}--", 'SELECT',
         'user', 'order by', 'naïve ☃ 名', 'x"."y', 'public.victim', '--', '/* ', '*/', ' blank ', 'a,b', '(', ');', '{"}',
         '[]', ':name', '?', '1', '""', "''", 'E\'\\\'', 'U&"d\\0061t"', ';', 'n' * 63)
VALUES = (*NAMES, f"'); {DROP}--", 'x' * 300, '\t', 'a\nb', '{a,"b"}', '\\N;', '\\.', '\\x41', '☃' * 90, '\u202e', 'NULL')
PLAIN = tuple('alpha beta gamma delta epsilon zeta eta theta iota kappa la mu nu xi omicron pi rho sigma tau ypsilon phi chi '
              'psi omega'.split())
MANY = 1_100  # rows of one delivery, in several blocks
VICTIM = 'CREATE TABLE victim (secret text); INSERT INTO victim VALUES (\'kept\');'
TOKEN = re.compile(r'''"(?:[^"]|"")*"|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\b\d+\b''', re.DOTALL)
PREFIX = '@%a@%d@'


def pipeline_of(names):
    """A pipeline of one shape; every name and text that a user may choose is the next of `names`."""
    name = iter(names)
    table, total, view, doc = next(name), next(name), next(name), next(name)
    group, start, end, count, amount, most = (next(name) for _ in range(6))
    total_group, total_amount, view_sum = next(name), next(name), next(name)
    columns = {group: {'group': 'select', 'doc': doc}, start: {'window': 'start'}, end: {'window': 'end'},
               count: {'count': 'table', 'doc': next(name)}, amount: {'sum': 'user'}, most: {'max': 'user'}}
    return {'pipeline': 'evil',
            'facts': {'feed': 'Facts', 'key': ['table']},
            'tables': {table: {'doc': next(name), 'group_by': ['select'], 'columns': columns,
                               'window': {'on': 'timestamp', 'size': '10 days'}},
                       total: {'group_by': ['select'], 'columns': {total_group: {'group': 'select'},
                                                                   total_amount: {'sum': 'user'}}}},
            'views': {view: {'table': table, 'by': [group], 'columns': {view_sum: {'sum': amount}}}}}, {
                'table': table, 'group': group, 'amount': amount, 'relations': sorted([table, total, view])}


def descriptor_of(names):
    """Its fields are words of SQL; its source columns the next of `names`."""
    fields = {'table': 'int64', 'select': 'text', 'timestamp': 'timestamp', 'user': 'decimal(18,2)'}
    sources = dict(zip(fields, names))
    return {'feed': 'Facts', 'version': 1, 'format': 'csv', 'null': [],
            'fields': {field: {'from': [sources[field]], 'type': kind, 'required': True, 'doc': names[-1]}
                       for field, kind in fields.items()}}, list(sources.values())


class Shop:
    """A workspace with such a pipeline, and the files it is fed."""

    def __init__(self, case, name, names, values, target):
        self.names, self.values = names, values
        pipeline, self.made = pipeline_of(names)
        descriptor, self.columns = descriptor_of(names[-5:])
        self.work = case.workspace_of(pipeline, descriptor, name=name, target=target)
        self.groups, self.files = {}, 0

    def drop(self, rows):
        """(key, value, day, amount); the file's name is one of the names too."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator='\n', quoting=csv.QUOTE_ALL)
        writer.writerow(self.columns)
        for key, value, day, amount in rows:
            writer.writerow((key, value, f'2022-01-{day:02d}T00:00:00Z', amount))
            self.groups[key] = value, amount
        self.files += 1
        name = self.names[self.files % len(self.names)].replace('/', '|')
        self.work.drop('Facts', out.getvalue().encode(), f'{self.files}{name}'[:100])

    def live(self, run):
        """Every way a statement is made: a full delivery, few changes, deletes, many changes, all anew."""
        self.drop((key, value, 1, key) for key, value in enumerate(self.values))
        run('run', '--once', '--settle', 0)
        self.drop((key, value, 11, key + 1) for key, value in enumerate(self.values[:5]))  # these groups move
        run('run', '--once', '--settle', 0)
        self.drop((key + 1000, f'{self.values[key % len(self.values)][:250]}{key}', 1, 1) for key in range(MANY))
        run('run', '--once', '--settle', 0)
        self.drop((key + 1000, f'{self.values[key % len(self.values)][:250]}{key}', 1, 2) for key in range(MANY))
        run('run', '--once', '--settle', 0)
        run('forget', 'seq=4')
        for key in range(MANY):
            self.groups[key + 1000] = self.groups[key + 1000][0], 1
        run('replay', '--rebuild')
        run('status')

    def expected(self):
        sums = Counter()
        for value, amount in self.groups.values():
            sums[value] += amount
        return sorted((value, float(amount)) for value, amount in sums.items())

    def found(self):
        def quoted(name):
            return '"' + name.replace('"', '""') + '"'
        rows = self.work.target.query(f'SELECT {quoted(self.made["group"])}, {quoted(self.made["amount"])} '
                                      f'FROM {quoted(self.made["table"])}')
        return sorted((value, float(amount)) for value, amount in rows)


class SqlSafety(CrashCase):
    def names(self):
        """30 that differ, whatever the case of their letters."""
        chosen = {}
        while len(chosen) < 30:
            name = self.rng.choice(NAMES)
            if name.lower() in chosen:
                name = (name[:self.rng.randrange(1, 40)] + self.rng.choice(NAMES))
                name = name.encode()[:63].decode(errors='ignore')
            chosen[name.lower()] = name
        return list(chosen.values())

    def judge_shop(self, shop, where):
        self.count(points=1)
        relations = [name for name in shop.work.target.relations() if not name.startswith('dropfold_')]
        self.assertEqual(relations, sorted([*shop.made['relations'], 'victim']), where)
        self.find('lost', shop.work.target.query('SELECT secret FROM victim') != [('kept',)], f'{where}: the victim')
        self.find('wrong', shop.found() != shop.expected(), f'{where}: {shop.names}')

    def test_in_sqlite(self):
        for number in range(self.scale(3, 100)):
            target = self.sqlite_target(f'shop-{number}')
            shop = Shop(self, f'shop-{number}', self.names(), VALUES, target)
            target.execute(VICTIM)
            shop.live(shop.work.command)
            self.judge_shop(shop, f'shop {number}')

    def test_names_that_no_database_takes_as_they_are_are_refused(self):
        work = self.workspace()
        path = work.root / 'schemas' / 'ecommerce.json'
        text = path.read_text(encoding='utf-8')
        for name in ('x' * 64, '☃' * 22, 'dropfold_progress', 'sqlite_x', 'pg_x', 'a\\u0000b', 'a\\nb', 'a\\u007fb', ''):
            path.write_text(text.replace('"customer_windows"', f'"{name}"'), encoding='utf-8')
            self.assertIn('schemas/ecommerce.json:', work.run_once(expect=78).err, name)
            self.count(points=1)

    def test_values_that_no_database_takes_are_rejected_rows(self):
        shop = Shop(self, 'shop', PLAIN, PLAIN, None)
        shop.drop([(1, 'a\0b', 1, 1), (2, 'kept', 1, 2)])
        shop.work.command('run', '--once', '--settle', 0)
        del shop.groups[1]
        self.assertEqual(len(shop.work.rejects()), 1)
        self.count(points=1)
        self.find('wrong', shop.found() != shop.expected(), 'a NUL')


class SqlSafetyInPostgres(SqlSafety):
    test_in_sqlite = test_names_that_no_database_takes_as_they_are_are_refused = None
    test_values_that_no_database_takes_are_rejected_rows = None

    def setUp(self):
        super().setUp()
        self.cluster = self.own_cluster()
        self.cluster.configure(log_statement='all', log_line_prefix=PREFIX)
        self.cluster.psql('postgres', 'CREATE ROLE filler LOGIN; CREATE ROLE owner LOGIN;')

    def statements(self, database):
        """The shapes of what dropfold said: names, texts and numbers are all one. Further lines of one begin with a tab."""
        log = self.cluster.log.read_text(encoding='utf-8')
        begun = [entry for entry in re.split(r'\n(?!\t)', log) if entry.startswith(f'@dropfold@{database}@LOG:  ')]
        said = [re.sub(r'^(statement|execute [^:]*): ', '', entry.split('LOG:  ', 1)[1]) for entry in begun]
        return Counter(' '.join(TOKEN.sub('?', text).split()) for text in said)

    def shop(self, name, names, values):
        target = PostgresTarget(self.cluster, name)
        target.execute(VICTIM + f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC;'
                                f'GRANT CONNECT ON DATABASE "{name}" TO owner, filler;'
                                'GRANT USAGE ON SCHEMA public TO filler; GRANT USAGE, CREATE ON SCHEMA public TO owner;')
        return Shop(self, name, names, values, target)

    def live(self, shop):
        """As its owner and its runtime role do."""
        def run(*command):
            shop.work.command(*command, environment={'PGUSER': 'filler'})
        refusal = shop.work.command('run', '--once', expect=1, environment={'PGUSER': 'filler'})
        self.assertIn('`dropfold target init`', refusal.err)
        shop.work.command('target', 'init', environment={'PGUSER': 'owner'})
        # what `dropfold target --help` names
        shop.work.target.execute('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO filler;'
                                 'REVOKE ALL ON victim FROM filler;'
                                 f'GRANT TEMPORARY ON DATABASE "{shop.work.target.database}" TO filler;')
        shop.live(run)

    def assert_limited(self, database):
        """The runtime role can do no more than fill its tables."""
        for statement in ('CREATE TABLE mine (a int)', 'DROP TABLE "alpha"', 'ALTER TABLE "alpha" ADD x int',
                          'TRUNCATE "alpha"', 'SELECT * FROM victim', 'INSERT INTO victim VALUES (1)',
                          'DROP TABLE victim', 'CREATE SCHEMA mine', 'COPY "alpha" TO \'/tmp/x\'',
                          'CREATE ROLE mine', 'SELECT pg_read_file(\'/etc/passwd\')'):
            with self.assertRaisesRegex(ValueError, 'permission denied|must be (owner|superuser)', msg=statement):
                self.cluster.psql(database, statement, user='filler')
            self.count(points=1)

    def test_no_statement_comes_from_a_name_or_a_value_and_the_runtime_role_is_limited(self):
        calm = self.shop('calm', PLAIN, [f'{PLAIN[key % len(PLAIN)]}{key}' for key in range(len(VALUES))])
        self.live(calm)
        self.assert_limited('calm')
        self.judge_shop(calm, 'calm')
        wanted = self.statements('calm')
        self.assertGreater(len(wanted), 15, wanted)
        self.count(shapes=len(wanted))
        for number in range(self.scale(1, 50)):
            shop = self.shop(f'shop{number}', self.names(), VALUES)
            self.live(shop)
            self.judge_shop(shop, f'shop {number}')
            found = self.statements(f'shop{number}')
            self.find('wrong', len(found - wanted) + len(wanted - found),
                      f'shop {number}: {found - wanted}, {wanted - found}')
            self.count(statements=sum(found.values()))
