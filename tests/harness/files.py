"""Small files of the three feeds, row by row, and what is no file."""
import csv
import io
import json
import os
import socket
from itertools import count

import sample

NOON = '2022-01-10T12:00:00.000Z'
task_numbers = count(1)


def order(number, sku='A', customer=1, time=NOON, total='100', quantity=1, status='COMPLETED', currency='₦', **more):
    return {'Order ID': number, 'SKU': sku, 'Customer ID': customer, 'Order Time': time, 'Order Total': total,
            'Quantity': quantity, 'Order Status': status, 'Currency Symbol': currency, **more}


def delivery(number, distance='500', task=None, **more):
    """Of order `number`; each call is another task unless `task` says which."""
    return {'Task_ID': task or 900000 + next(task_numbers), 'Order_ID': f'YR-{number},0', 'Distance(m)': distance,
            'Task_Status': 'Completed', **more}


def lines(header, rows, line_end='\n'):
    """CSV of a header and lists of cells."""
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end).writerows([header, *rows])
    return out.getvalue().encode()


def table(columns, rows, line_end='\n'):
    return lines(columns, ([row.get(column, '') for column in columns] for row in rows), line_end)


def orders(*rows):
    return table(sample.ORDER_COLUMNS, rows)


def deliveries(*rows):
    return table(sample.DELIVERY_COLUMNS, rows)


def customers(*numbers):
    return json.dumps([{'Customer ID': number, 'Number of Employees': None} for number in numbers]).encode()


def halves(path):
    """A file of a feed as two: header and first records, header and the rest."""
    if path.suffix == '.json':
        records = json.loads(path.read_text(encoding='utf-8'))
        return [json.dumps(part).encode() for part in (records[:len(records) // 2], records[len(records) // 2:])]
    header, *lines = path.read_bytes().splitlines(keepends=True)
    return [header + b''.join(part) for part in (lines[:len(lines) // 2], lines[len(lines) // 2:])]


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        folder = os.open(path.parent, os.O_PATH)
        made.bind(f'/proc/self/fd/{folder}/{path.name}')  # a socket's path is short
        os.close(folder)
