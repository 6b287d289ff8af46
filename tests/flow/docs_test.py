"""The documents that show commands: each is run as it stands, and prints what the document says."""
import csv
import io
import json
import os
import re
import shutil
import subprocess

from harness.case import FlowCase
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
        self.assertEqual(len(examples), text.count('```rows'))
        self.assertGreaterEqual(len(examples), 2)
        for source, content, rows in examples:
            descriptor = json.loads(source)
            with self.subTest(feed=descriptor['feed']):
                header, *wanted = csv.reader(io.StringIO(rows))
                self.assertEqual(header, list(descriptor['fields']))
                encoding = ENCODINGS.get(descriptor.get('encoding'), 'utf-8')
                self.assertEqual(self.rows_of(descriptor, content.encode(encoding)), wanted)
