#!/usr/bin/env python3
"""Holds src/ to its rules (rules.py), and each rule to finding a planted violation.

usage: rules_test.py [--build DIR] [unittest options]
"""
import argparse
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import rules

PROJECT = Path(__file__).resolve().parents[2]


class Options:
    build = PROJECT / 'build'


class Tree(unittest.TestCase):
    """The rules hold for the sources as they are."""

    def holds(self, violations):
        violations = list(violations)
        self.assertFalse(violations, '\n' + '\n'.join(violations))

    def test_files_include_their_own_folder_and_lower_floors_only(self):
        self.holds(rules.floors(PROJECT / 'src'))

    def test_library_headers_stay_in_their_cages(self):
        self.holds(rules.cages(PROJECT / 'src'))

    def test_pure_floors_see_no_clock_log_or_file(self):
        self.holds(rules.purity(PROJECT / 'src'))

    def test_no_call_takes_a_shell_or_an_unbounded_buffer(self):
        self.holds(rules.banned(PROJECT / 'src'))

    def test_no_feed_field_or_table_is_compiled_in(self):
        self.holds(rules.compiled_in(PROJECT / 'src'))

    def test_files_can_be_read_in_one_go_and_functions_seen_at_one_glance(self):
        self.holds(rules.sizes(PROJECT / 'src'))

    def test_the_maps_of_floors_name_their_files(self):
        for folder in ('app', 'engine', 'parse', 'model', 'base'):
            with self.subTest(folder=folder):
                self.holds(rules.mapped(PROJECT / 'src', PROJECT / 'docs' / 'architecture.md', folder))

    def test_no_global_is_mutable(self):
        objects = sorted(Options.build.glob('libdropfold_*.a')) + sorted(Options.build.glob('CMakeFiles/dropfold.dir/src/*.o'))
        if not objects:
            self.skipTest(f'nothing is built in {Options.build}')
        self.holds(rules.mutable_globals(objects))

    def test_there_are_sources_to_look_at(self):
        self.assertGreater(len(rules.sources(PROJECT / 'src')), 50)


class Teeth(unittest.TestCase):
    """Each rule finds what it is there for, and nothing in a file that keeps to it."""

    def finds(self, rule, name, text, what):
        violations = self.plant(rule, name, text)
        self.assertEqual(len(violations), 1, violations)
        self.assertIn(what, violations[0])

    def passes(self, rule, name, text):
        self.assertEqual(self.plant(rule, name, text), [])

    def plant(self, rule, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return list(rule(Path(folder)))

    def test_a_higher_floor_is_found(self):
        self.finds(rules.floors, 'base/x.c', '#include "model/value.h"\n', 'may not see model')

    def test_a_sibling_is_found(self):
        for name, header in (('feed/x.c', 'store/store.h'), ('store/x.h', 'target/target.h'), ('target/x.c', 'feed/watch.h'),
                             ('parse/x.c', 'engine/engine.h'), ('engine/x.c', 'parse/parser.h')):
            self.finds(rules.floors, name, f'#include "{header}"\n', 'may not see')

    def test_an_include_without_its_folder_is_found(self):
        self.finds(rules.floors, 'base/x.c', '  # include "buf.h"\n', 'without its folder')

    def test_an_unknown_floor_is_found(self):
        self.finds(rules.floors, 'util/x.c', '', 'no known floor')

    def test_lower_floors_pass(self):
        self.passes(rules.floors, 'feed/x.c', '#include "feed/y.h"\n#include "parse/parser.h"\n#include <uv.h>\n')

    def test_an_escaped_library_is_found(self):
        for name, header in (('parse/parser.c', 'csv.h'), ('engine/x.c', 'cjson/cJSON.h'), ('app/x.c', 'sqlite3.h'),
                             ('target/target.c', 'libpq-fe.h'), ('store/x.c', 'uv.h'), ('model/value.c', 'openssl/evp.h'),
                             ('model/descriptor.c', 'pcre2.h'), ('store/x.c', 'xxhash.h'),
                             ('feed/intake.c', 'zlib.h'), ('parse/decode.c', 'zstd.h')):
            self.finds(rules.cages, name, f'#include <{header}>\n', 'allowed only in')

    def test_a_caged_library_passes(self):
        self.passes(rules.cages, 'parse/csv_reader.c', '#include <csv.h>\n')

    def test_a_clock_in_a_pure_floor_is_found(self):
        self.finds(rules.purity, 'engine/x.c', '#include <time.h>\n', '<time.h>')
        self.finds(rules.purity, 'model/x.c', '#include "base/clock.h"\n', 'base/clock.h')
        self.finds(rules.purity, 'parse/x.c', 'int f(void) { return (int)time(0); }\n', 'calls time()')

    def test_a_log_or_a_file_in_a_pure_floor_is_found(self):
        self.finds(rules.purity, 'parse/x.c', '#include "base/log.h"\n', 'base/log.h')
        self.finds(rules.purity, 'engine/x.c', '#include <unistd.h>\n', '<unistd.h>')
        self.finds(rules.purity, 'model/x.c', 'void f(void) { fopen("x", "r"); }\n', 'calls fopen()')

    def test_members_comments_and_outer_floors_may_be_called_so(self):
        self.passes(rules.purity, 'parse/x.c', '/* time() */ void f(void) { x->read(1); snprintf(b, n, "open(%d)", 1); }\n')
        self.passes(rules.purity, 'app/x.c', '#include <time.h>\nvoid f(void) { time(0); }\n')

    def test_a_shell_or_an_unbounded_buffer_is_found(self):
        for call in ('system("ls")', 'popen("ls", "r")', 'sprintf(b, "x")', 'strcpy (b, "x")'):
            self.finds(rules.banned, 'cli/x.c', f'void f(void) {{ {call}; }}\n', 'calls ' + call.split('(')[0].strip())

    def test_bounded_calls_strings_and_longer_names_pass(self):
        self.passes(rules.banned, 'cli/x.c', 'void f(void) { snprintf(b, 1, "system("); file_system(1); }\n')

    def test_a_compiled_in_name_is_found(self):
        for text in ('"Orders"', '"SELECT * FROM ecommerce_rowwise"', 'Order_ID', '"data/results/ecommerce.db"'):
            self.finds(rules.compiled_in, 'app/x.c', f'const char *x = {text};\n', 'names')

    def test_comments_and_the_default_pipeline_pass(self):
        self.passes(rules.compiled_in, 'app/settings.c', '/* as for Orders */ const char *x = "schemas/ecommerce.json";\n')

    def test_a_long_file_or_function_is_found(self):
        long = '    f();\n' * (rules.FUNCTION_LINES_MAX + 1)
        self.finds(rules.sizes, 'app/x.c', f'void g(void)\n{{\n{long}}}\n', 'x.c:2: a function of')
        self.finds(rules.sizes, 'app/x.h', 'int f(void);\n' * (rules.FILE_LINES_MAX + 1), 'lines')

    def test_files_and_functions_up_to_the_limits_pass(self):
        function = 'void g(void)\n{\n' + '    f();\n' * rules.FUNCTION_LINES_MAX + '}\n'
        self.passes(rules.sizes, 'app/x.c', function + '\n' * (rules.FILE_LINES_MAX - function.count('\n')))

    def test_a_map_without_a_file_or_with_one_too_many_is_found(self):
        self.assertEqual(self.map('## Inside `app`\n\n`x`\n'), [])
        for page, what in (('', 'does not name x'), ('## Inside `app`\n\n## Else\n`x`\n', 'does not name x'),
                           ('## Inside `app`\n\n`x`, `y`\n', 'names y, which is not there')):
            violations = self.map(page)
            self.assertEqual(len(violations), 1, violations)
            self.assertIn(what, violations[0])

    def map(self, text):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, 'page.md')
            page.write_text(text)
            app = Path(folder, 'src', 'app')
            app.mkdir(parents=True)
            for name in ('x.c', 'x.h', 'x_internal.h'):
                (app / name).touch()
            return list(rules.mapped(Path(folder, 'src'), page, 'app'))

    def test_a_mutable_global_is_found(self):
        self.assertEqual(len(self.compile('static int calls; int *f(void); int *f(void) { return &calls; }')), 1)
        self.assertEqual(len(self.compile('int limit = 3;')), 1)
        self.assertEqual(len(self.compile('int *f(void); int *f(void) { static _Thread_local int x; return &x; }')), 1)

    def test_constant_tables_pass(self):
        self.assertEqual(self.compile('extern const char *const words[]; const char *const words[] = {"a", "b"};'), [])

    def compile(self, text):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, 'x.c').write_text(text)
            subprocess.run(['cc', '-fPIE', '-c', 'x.c', '-o', 'x.o'], cwd=folder, check=True)
            return list(rules.mutable_globals([Path(folder, 'x.o')]))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--build', type=Path, default=Options.build)
    Options, rest = parser.parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest)
