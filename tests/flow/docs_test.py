"""The documents that show commands: each is run as it stands, and prints what the document says."""
import csv
import io
import json
import os
import re
import shutil
import subprocess

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.places import PROJECT, binary

BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Documents(FlowCase):
    def test_a_pipeline_of_your_own_works_as_it_is_told(self):
        if not shutil.which('sqlite3'):
            self.skipTest('no sqlite3 shell is installed')
        programs = self.folder / 'bin'
        programs.mkdir()
        (programs / 'dropfold').symlink_to(binary().resolve())
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('DROPFOLD_', 'PG'))}
        environment['PATH'] = f"{programs}:{environment['PATH']}"
        printed, checked = '', 0
        for language, text in BLOCK.findall((PROJECT / 'docs' / 'own-feeds.md').read_text(encoding='utf-8')):
            if language == 'sh':
                done = subprocess.run(['bash', '-euc', text], cwd=self.folder, env=environment, text=True, check=False,
                                      stdin=subprocess.DEVNULL, capture_output=True)
                self.assertEqual(done.returncode, 0, f'{text}\n{done.stdout}{done.stderr}')
                printed = done.stdout
            else:
                self.assertTrue(printed.endswith(text), f'{printed}\ndoes not end in\n{text}')
                checked += 1
        self.assertEqual(checked, 2)
    def test_the_demo_prints_what_the_readme_says(self):
        section = (PROJECT / 'README.md').read_text(encoding='utf-8').split('\n## Two commands\n')[1].split('\n## ')[0]
        lines = [text for _, text in BLOCK.findall(section)][1].splitlines()
        work = self.workspace()
        subprocess.run([PROJECT / 'scripts' / 'sample.py', '--out', work.data, '--orders', '600', '--files', '4'], check=True,
                       capture_output=True)
        work.run_once()
        rows = work.target.query('SELECT "Customer_ID", "Order_Count", "Total_Order_Amount", "Total_Quantity_Ordered", '
                                 '"Total_Delivery_Distance", "Distict_Products", start_timestamp FROM ecommerce '
                                 'ORDER BY "Customer_ID", start_timestamp LIMIT 2')
        self.assertEqual([tuple(line.split(maxsplit=6)) for line in lines[2:4]], rows)
        self.assertIn(f'\n{lines[-1]}\n', work.command('rejects').out)

    def test_files_of_your_own_as_the_readme_types_them(self):
        if not shutil.which('sqlite3'):
            self.skipTest('no sqlite3 shell is installed')
        work = self.workspace()
        (work.root / 'build').mkdir()
        (work.root / 'build' / 'dropfold').symlink_to(binary().resolve())
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        (work.root / 'your-orders.csv').write_bytes(orders(order(1), order(2, quantity='x')))
        section = (PROJECT / 'README.md').read_text(encoding='utf-8').split('\n## Your own files\n')[1].split('\n## ')[0]
        blocks = [text for _, text in BLOCK.findall(section)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('DROPFOLD_', 'PG'))}
        done = subprocess.run(['bash', '-euc', blocks[0]], cwd=work.root, env=environment, text=True, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for line in blocks[-1].splitlines():
            shape = re.sub(r'\d+', r'\\d+', re.escape(line.replace('orders-03.csv', 'NAME').replace('1a2b3c4d', 'HASH')))
            shape = shape.replace('NAME', r'your\-orders\.csv').replace('HASH', '[0-9a-f]{8}')
            self.assertRegex(done.stdout, f'(?m)^{shape}$')


def plain(text):
    return re.sub('["`]', '', text)


def texts_of_the_program():
    """All texts in src/, quotes taken out, with … where a value goes."""
    texts = []
    for path in sorted((PROJECT / 'src').rglob('*.[ch]')):
        source = re.sub(r'"\s*\n\s*"', '', re.sub(r'"\s*PRI\w+\s*"', 'u', path.read_text(encoding='utf-8')))
        for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', source):
            text = re.sub(r'(?<=[a-z])%s', 's', text.replace('\\"', '"').replace('%%', '%'))
            texts.append(plain(re.sub(r'%[-+ #0]*[\d.*]*(?:hh|h|ll|l|j|z|t)?[a-zA-Z]', '…', text)))
    return '\n'.join(texts)


class Operations(FlowCase):
    """The documents know every option and variable; docs/operations.md has no message that the program does not have."""

    OF_OTHERS = ('permission denied', 'Permission denied', 'Read-only file system', 'has no equivalent in encoding')

    def setUp(self):
        super().setUp()
        self.text = (PROJECT / 'docs' / 'operations.md').read_text(encoding='utf-8')
        self.work = self.workspace()

    def helps(self):
        whole = self.work.command('--help').out
        return [self.work.command(name, '--help').out for name in re.findall(r'^  ([a-z]+) +[A-Z]', whole, re.MULTILINE)]

    def test_every_option_and_variable_is_told(self):
        helps = self.helps()
        self.assertGreater(len(helps), 15)
        options = {name for text in helps for name in re.findall(r'^ .{4} (--[a-z-]+)', text.split('\nOptions:\n')[1], re.MULTILINE)}
        variables = {name for text in helps for name in re.findall(r'\[(DROPFOLD_[A-Z_]+)\]', text)}
        self.assertGreater(len(options), 25)
        told = self.text + (PROJECT / 'docs' / 'descriptors.md').read_text(encoding='utf-8')
        self.assertEqual({name for name in options | variables if not re.search(rf'{name}\b', told)}, {'--version'})

    def test_no_line_of_a_help_is_wider_than_a_terminal(self):
        for text in [self.work.command('--help').out, *self.helps()]:
            self.assertEqual([line for line in text.splitlines() if len(line) > 120], [])

    def test_each_message_is_one_of_the_program(self):
        texts = texts_of_the_program()
        section = self.text.split('\n## What dropfold says, and what to do\n')[1].split('\n## ')[0]
        messages = [message for cell in re.findall(r'^\| (`.*?) \| ', section, re.MULTILINE)
                    for message in re.findall('`([^`]+)`', cell) if not message.startswith('--')]
        self.assertGreater(len(messages), 40)
        unknown = []
        for message in messages:
            parts = re.split('…|, ', plain(re.sub(r'\b\d+\b', '…', message)))
            parts = [part.strip(' :;.()').removeprefix('cannot ') for part in parts]
            unknown += [part for part in parts if part not in texts and part not in self.OF_OTHERS]
        self.assertEqual(unknown, [])


def anchor(heading):
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


class Links(FlowCase):
    def test_each_leads_to_a_file_and_a_heading_that_are_there(self):
        texts = {path: re.sub(r'```.*?```', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
                 for folder in ('.', 'docs', 'schemas/examples') for path in (PROJECT / folder).resolve().glob('*.md')}
        anchors = {path: {anchor(heading) for heading in re.findall(r'^#+ (.+)$', text, re.MULTILINE)} for path, text in texts.items()}
        links = [(path, link) for path, text in texts.items() for link in re.findall(r'\]\(([^)]+)\)', text) if '://' not in link]
        self.assertGreater(len(links), 30)
        for path, link in links:
            name, _, heading = link.partition('#')
            target = (path.parent / name).resolve() if name else path
            with self.subTest(document=path.name, link=link):
                self.assertTrue(target.exists())
                self.assertTrue(not heading or heading in anchors[target])


EXAMPLE = re.compile(r'^```json\n((?:(?!```).)*)^```\n```text\n((?:(?!```).)*)^```\n```rows\n((?:(?!```).)*)^```$',
                     re.MULTILINE | re.DOTALL)
ENCODINGS = {'latin-1': 'latin-1', 'windows-1252': 'cp1252', 'utf-16le': 'utf-16-le', 'utf-16be': 'utf-16-be'}


class Examples(FlowCase):
    """docs/descriptors.md shows descriptors with a file and the rows that it gives."""

    def rows_of(self, descriptor, content):
        """All fields of all rows: what must be there as keys of groups, the rest by the only value that a group has."""
        feed = descriptor['feed']
        work = self.workspace(feed.lower(), pipeline='example', feeds=(feed,))
        work.FEEDS = (feed,)
        fields = descriptor['fields']
        keys = [name for name, field in fields.items() if field.get('required')]
        pipeline = {'pipeline': 'example', 'facts': {'feed': feed}, 'tables': {'rows': {
            'group_by': keys, 'columns': {name: {'group' if name in keys else 'min': name} for name in fields}}}}
        schemas = work.root / 'schemas'
        shutil.rmtree(schemas)
        (schemas / feed).mkdir(parents=True)
        (schemas / 'example.json').write_text(json.dumps(pipeline))
        (schemas / feed / f"{descriptor['version']}.json").write_text(json.dumps(descriptor))
        work.drop(feed, content, 'example')
        outcome = work.run_once()
        self.assertEqual(len(outcome.lines('applied')), 1, outcome)
        self.assert_adds_up(work)
        columns = ', '.join(f'"{name}"' for name in fields)
        return [[cell or '' for cell in row] for row in work.target.query(f'SELECT {columns} FROM rows ORDER BY {columns}')]

    def test_each_example_gives_the_rows_it_shows(self):
        text = (PROJECT / 'docs' / 'descriptors.md').read_text(encoding='utf-8')
        examples = EXAMPLE.findall(text)
        self.assertEqual(len(examples), text.count('```rows\n'))
        self.assertGreaterEqual(len(examples), 2)
        for source, content, rows in examples:
            descriptor = json.loads(source)
            with self.subTest(feed=descriptor['feed']):
                header, *wanted = csv.reader(io.StringIO(rows))
                self.assertEqual(header, list(descriptor['fields']))
                encoding = ENCODINGS.get(descriptor.get('encoding'), 'utf-8')
                self.assertEqual(self.rows_of(descriptor, content.encode(encoding)), wanted)


PLACED = re.compile(r'^```(?:json|text) ((?:schemas|data)/\S+)\n(.*?)^```$|^```rows (\w+)\n(.*?)^```$|^##+ ', re.MULTILINE | re.DOTALL)
KEY_TABLE = re.compile(r'^\| key \|.*\n\|[-|]+\n((?:\|.*\n)+)|^A column has exactly one of these:\n\n.*\n\|[-|]+\n((?:\|.*\n)+)',
                       re.MULTILINE)
EXAMPLE_ROW = re.compile(r'^\| (?:`[^`]*`)? ?\| `(\{.*\})` \| .* \|$', re.MULTILINE)


def names_in(value):
    """Every name of a JSON value."""
    for name, inner in value.items() if isinstance(value, dict) else ((None, inner) for inner in value if isinstance(value, list)):
        yield name
        if isinstance(inner, (dict, list)):
            yield from names_in(inner)


class Keys(FlowCase):
    def test_every_key_is_in_an_example_that_is_run(self):
        text = (PROJECT / 'docs' / 'descriptors.md').read_text(encoding='utf-8')
        sources = [source for source, *_ in EXAMPLE.findall(text)] + EXAMPLE_ROW.findall(text)
        sources += [content for path, content, *_ in PLACED.findall(text) if path.startswith('schemas/')]
        shown = {name for source in sources for name in names_in(json.loads(source))}
        told = {name for rows in KEY_TABLE.findall(text) for row in ''.join(rows).splitlines()
                for pair in re.findall(r'`(\w+)`|`"(\w+)":', row.split('|')[1]) for name in pair if name}
        self.assertGreaterEqual(len(told), 60)
        self.assertEqual(told - shown, set())


class Pipelines(FlowCase):
    """docs/descriptors.md shows whole pipelines, by the paths of their files, and the rows that tables then have."""

    def sections(self):
        """[({path: content}, {table: CSV}), ...]"""
        found, text = [({}, {})], (PROJECT / 'docs' / 'descriptors.md').read_text(encoding='utf-8')
        for path, content, table, rows in PLACED.findall(text):
            if path:
                found[-1][0][path] = content
            elif table:
                found[-1][1][table] = rows
            elif found[-1] != ({}, {}):
                found.append(({}, {}))
        self.assertEqual(sum(len(tables) for _, tables in found), len(re.findall(r'^```rows \w', text, re.MULTILINE)))
        return [section for section in found if section != ({}, {})]

    def run_section(self, number, files):
        pipeline = next(json.loads(content)['pipeline'] for path, content in files.items() if path.count('/') == 1)
        feeds = tuple(sorted({path.split('/')[1] for path in files if path.startswith('data/')}))
        work = self.workspace(f'section{number}', pipeline=pipeline, feeds=feeds)
        work.FEEDS = feeds
        shutil.rmtree(work.root / 'schemas')
        for path, content in files.items():
            if path.startswith('schemas/'):
                (work.root / path).parent.mkdir(parents=True, exist_ok=True)
                (work.root / path).write_text(content, encoding='utf-8')
        self.assertEqual(work.command('check').err, '')
        for path, content in files.items():
            if path.startswith('data/'):
                work.drop(path.split('/')[1], content.encode(), path.split('/')[2])
                work.run_once()
        self.assert_adds_up(work)
        return work

    def test_each_pipeline_gives_the_rows_it_shows(self):
        sections = self.sections()
        self.assertGreaterEqual(len(sections), 1)
        for number, (files, tables) in enumerate(sections):
            work = self.run_section(number, files)
            for table, text in tables.items():
                header, *wanted = csv.reader(io.StringIO(text))
                columns = ', '.join(f'"{name}"' for name in header)
                found = work.target.query(f'SELECT {columns} FROM "{table}" ORDER BY {columns}')
                self.assertEqual([[cell or '' for cell in row] for row in found], wanted, table)
