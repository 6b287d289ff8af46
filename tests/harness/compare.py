"""The rows of a table against what an oracle says they must be."""
import csv
import struct
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from harness import oracle

REAL = ('Highest_Order_Amount', 'Lowest_Order_Amount')
TIMES = ('start_timestamp', 'end_timestamp')


def single(number):
    """What a column of type real holds of an exact number: the nearest float, of two the even one. Packing rounds a
    double, which was rounded before, so the float may be the one beside it."""
    exact = Fraction(number)
    bits = struct.unpack('<I', struct.pack('<f', abs(float(exact))))[0]
    near = [(struct.unpack('<f', struct.pack('<I', other))[0], other % 2) for other in range(max(bits, 1) - 1, bits + 2)]
    size = min(near, key=lambda found: (abs(Fraction(found[0]) - abs(exact)), found[1]))[0]
    return -size if exact < 0 else size


def moment(text):
    return datetime.fromisoformat(text.replace(' ', 'T')[:19])


def matches(column, found, expected, within=0):
    """To the digit; only where others reckoned in doubles their numbers may be off, `within` a part of it."""
    if found is None or expected is None:
        return found is None and expected is None
    if column in TIMES:
        return moment(found) == expected
    if column in REAL:
        return single(Decimal(found)) == single(expected)
    if isinstance(expected, int):
        return float(found) == expected
    return abs(float(found) - float(expected)) <= within * abs(float(expected))


def differences(target, table, expected, limit=10, within=0):
    """Lines that say where `table` is not `expected` ({key: row} of oracle.py); empty when they are equal."""
    columns = ', '.join(f'"{column}"' for column in oracle.COLUMNS)
    found = {(int(row[0]), moment(row[11])): row for row in target.query(f'SELECT {columns} FROM "{table}"')}
    lines = [f'{key} is missing' for key in expected.keys() - found.keys()]
    lines += [f'{key} should not be there' for key in found.keys() - expected.keys()]
    lines += [f'{key} {column}: {value} instead of {wanted}' for key in expected.keys() & found.keys()
              for column, value, wanted in zip(oracle.COLUMNS, found[key], expected[key])
              if not matches(column, value, wanted, within)]
    return lines[:limit] + ([f'and {len(lines) - limit} more'] if len(lines) > limit else [])


def expected_rows(path):
    """A file such as expected.csv in the shape that differences() compares with."""
    def value(column, text):
        if column in TIMES:
            return moment(text)
        return Decimal(text) if text else None

    with open(path, encoding='utf-8', newline='') as file:
        rows = [tuple(value(column, row[column]) for column in oracle.COLUMNS) for row in csv.DictReader(file)]
    return {(int(row[0]), row[11]): row for row in rows}
