"""The documents that show commands: each is run as it stands, and prints what the document says."""
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
