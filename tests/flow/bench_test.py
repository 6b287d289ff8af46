"""The benchmarks run, and measure what they say: tiny, without a clock."""
import subprocess
import sys
import tempfile
import unittest

from harness.places import PROJECT, binary


class Bench(unittest.TestCase):
    def test_what_is_measured_are_the_groups_that_the_oracle_finds_in_the_same_files(self):
        if not (binary().parent / 'tests' / 'data_bench').exists():
            self.skipTest('data_bench is not built')
        with tempfile.TemporaryDirectory(prefix='dropfold-bench-') as folder:
            done = subprocess.run([sys.executable, PROJECT / 'tests' / 'bench' / 'bench.py', '--scale', '0.002', '--only',
                                   'oracle', '--work', folder], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r'[1-9]\d* groups, all as the oracle has them')


if __name__ == '__main__':
    unittest.main()
