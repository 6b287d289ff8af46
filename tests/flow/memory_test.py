"""Memory follows the rows, not the size of a file."""
import os

from harness.case import FlowCase
from harness.files import order, orders
from harness.places import sanitized

MEGABYTE = 1_000_000
BASE = 200 * MEGABYTE
PER_LINE = 250
CUSTOMERS = 5000


class Memory(FlowCase):
    def test_one_large_csv_stays_under_200_megabytes_plus_250_bytes_an_order_line(self):
        """2 GB with DROPFOLD_TEST_LARGE=1, else a tenth of it."""
        if sanitized():
            self.skipTest('a sanitizer needs memory of its own')
        size = (2000 if os.environ.get('DROPFOLD_TEST_LARGE') == '1' else 200) * MEGABYTE
        work = self.workspace()
        lines = self.write_orders(work.landing('Orders') / 'large.csv', size)
        process = work.start('run', '--once', '--settle', '0')
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(process.returncode, 0, err)
        self.assertIn(f' rows={lines} applied={lines} ', out)
        self.assertLess(usage.ru_maxrss * 1024, BASE + PER_LINE * lines, f'peak memory after {lines} lines')

    def write_orders(self, path, size):
        """Orders of two lines each until the file has `size` bytes; the number of lines."""
        header, line = orders(order(11223344, sku='SKU', customer=5566, **{
            'Category Name': 'Flour & Sugar', 'Unit Price': 20850, 'Cost Price': 20370, 'Total Cost Price': 101850,
            'Total Price': 104250, 'Sub Total': 104575, 'Payment Method': 'CASH', 'Merchant ID': 1048159,
            'Distance (in km)': '11996.01', 'Pickup Time': '2022-02-17T12:04:02.000Z', 'Flat Discount': 0,
            'Delivery Time': '2022-02-17T13:00:00.000Z'})).decode().splitlines()
        template = line.replace('%', '%%').replace('11223344', '%d').replace('SKU', 'KN%dS%d').replace('5566', '%d')
        count = 0
        with open(path, 'w', encoding='utf-8', buffering=MEGABYTE) as file:
            file.write(header + '\n')
            written = len(header)
            while written < size:
                written += file.write(''.join(
                    template % (n, n % 400, place, n % CUSTOMERS + 1) + '\n'
                    for n in range(count // 2, count // 2 + 5000) for place in (1, 2)))
                count += 10000
        os.utime(path, (1, 1))
        return count
