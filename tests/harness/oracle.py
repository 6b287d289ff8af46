"""What the tables of schemas/ecommerce*.json must hold, worked out anew from the files alone.

Nothing is shared with the program: its own CSV and JSON readers, whole files in memory, exact arithmetic. Files are
added in the order of their commits; a file that the program quarantines or takes for a redelivery is not added. What
"on_change" of the pipeline makes of several files of one name is surviving()'s to say, beforehand.
"""
import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

NULLS = ('', '-')
WINDOW = timedelta(days=10)
WINDOWS_START = datetime(1970, 1, 1)
INT32 = range(-2**31, 2**31)
COLUMNS = ('Customer_ID', 'Total_Order_Amount', 'Average_Order_Amount', 'Order_Count', 'Highest_Order_Amount',
           'Lowest_Order_Amount', 'Total_Quantity_Ordered', 'Average_Quantity_Per_Ordered', 'Total_Delivery_Distance',
           'Average_Delivery_Distance', 'Distict_Products', 'start_timestamp', 'end_timestamp')


class Rejected(Exception):
    """A row that a descriptor does not accept."""


@dataclass(frozen=True)
class OrderLine:
    order: int
    sku: str
    customer: int
    time: datetime
    total: Decimal
    quantity: int
    status: str
    currency: str


@dataclass(frozen=True)
class Task:
    id: int
    order: int
    distance: Decimal


@dataclass(frozen=True)
class Pairing:
    """What one member of a group adds: an order with its lines and tasks, or, row by row, one line with one task."""
    customer: int
    time: datetime
    total: Decimal
    quantities: tuple
    skus: tuple
    distances: tuple


def required(text):
    if text in NULLS:
        raise Rejected('null')
    return text


def integer(text, allowed=None):
    if not re.fullmatch(r'[+-]?\d+', required(text)) or (allowed and int(text) not in allowed):
        raise Rejected(text)
    return int(text)


def decimal(text):
    if text in NULLS:
        return None
    if not re.fullmatch(r'[+-]?\d+(\.\d+)?', text):
        raise Rejected(text)
    return Decimal(text)


def order_id(text):
    match = re.fullmatch(r'(?:YR-)?(\d+)(?:,0)?', required(text))
    if not match:
        raise Rejected(text)
    return int(match[1])


def timestamp(text):
    try:
        return datetime.strptime(required(text), '%Y-%m-%dT%H:%M:%S.%fZ')
    except ValueError as error:
        raise Rejected(text) from error


def order_line(row):
    return OrderLine(order=order_id(row['Order_ID']), sku=required(row['SKU']), customer=integer(row['Customer_ID'], INT32),
                     time=timestamp(row['Order_Time']), total=decimal(required(row['Order_Total'])),
                     quantity=integer(row['Quantity']), status=row['Order_Status'], currency=required(row['Currency_Symbol']))


def task(row):
    return Task(id=integer(row['Task_ID']), order=order_id(row['Order_ID']), distance=decimal(row['Distance(m)']))


def rejoined(header, values):
    """A row that a comma in a free text shifted into the unnamed columns at the end: the one way that gives numbers."""
    extra = sum(value != '' for name, value in zip(header, values) if not name)
    for column in ('Notes', 'Special_Instructions') if extra else ():
        at = header.index(column)
        row = dict(zip(header, values[:at] + [','.join(values[at:at + extra + 1])] + values[at + extra + 1:]))
        if all(re.fullmatch(r'-|[\d.]*', row[name]) for name in ('Agent_ID', 'Distance(m)', 'Rating', 'Longitude', 'Subtotal')):
            return row
    return dict(zip(header, values))


def csv_rows(path):
    with open(path, encoding='utf-8-sig', newline='') as file:
        reader = csv.reader(file)
        header = [name.replace(' ', '_') for name in next(reader)]
        for values in reader:
            yield rejoined(header, values) if len(values) == len(header) else None


def surviving(files, on_change):
    """Those of `files`, [(feed, path), ...] in their order, that count where `on_change` is {feed: word}: of the files of
    one name the last for "replace", the first for "reject", else all.
    """
    first, last = {}, {}
    for number, (feed, path) in enumerate(files):
        first.setdefault((feed, path.name), number)
        last[feed, path.name] = number
    kept = {'replace': last, 'reject': first}
    return [(feed, path) for number, (feed, path) in enumerate(files)
            if kept.get(on_change.get(feed), {}).get((feed, path.name), number) == number]


class Oracle:
    """The history of accepted rows, feed by feed, and the tables that follow from it."""

    def __init__(self, files=()):
        self.lines, self.tasks, self.customers = [], [], []
        self.rejected = 0
        for feed, path in files:
            self.add(feed, path)

    def add(self, feed, path):
        {'Orders': self.add_orders, 'Deliveries': self.add_deliveries, 'Customers': self.add_customers}[feed](path)

    def add_orders(self, path):
        self._take(order_line, csv_rows(path), self.lines)

    def add_deliveries(self, path):
        self._take(task, csv_rows(path), self.tasks)

    def add_customers(self, path):
        with open(path, encoding='utf-8') as file:
            records = ({name.replace(' ', '_'): value for name, value in record.items()} for record in json.load(file))
            self._take(lambda record: integer(str(record['Customer_ID'])), records, self.customers)

    def _take(self, make, rows, into):
        for row in rows:
            try:
                if row is None:
                    raise Rejected('fields')
                into.append(make(row))
            except Rejected:
                self.rejected += 1

    def ecommerce(self):
        """{(customer, window start): row}: an order counts once, by its newest line's attributes."""
        live = {(line.order, line.sku): line for line in self.lines}
        newest = {line.order: line for line in self.lines}
        lines_of, tasks_of = defaultdict(list), defaultdict(list)
        for line in live.values():
            lines_of[line.order].append(line)
        for found in {found.id: found for found in self.tasks}.values():
            tasks_of[found.order].append(found)
        known = set(self.customers)
        return fold((Pairing(line.customer, line.time, line.total, tuple(l.quantity for l in lines_of[order]),
                             tuple(l.sku for l in lines_of[order]), tuple(t.distance for t in tasks_of[order]))
                     for order, line in newest.items() if line.customer in known and order in tasks_of),
                    distinct=lambda skus: len(set(skus)), per_order=lambda quantities, count: Fraction(sum(quantities), count))

    def rowwise(self):
        """The same of the plain join: every line with every row of its order's tasks and of its customer."""
        tasks_of, copies = defaultdict(list), defaultdict(int)
        for found in self.tasks:
            tasks_of[found.order].append(found)
        for customer in self.customers:
            copies[customer] += 1
        return fold((Pairing(line.customer, line.time, line.total, (line.quantity,), (line.sku,), (found.distance,))
                     for line in self.lines for found in tasks_of[line.order] for _ in range(copies[line.customer])),
                    distinct=len, per_order=lambda quantities, count: mean(quantities))

    def waiting(self):
        """How many orders wait for a delivery, and how many for a customer."""
        newest = {line.order: line for line in self.lines}
        delivered, known = {found.order for found in self.tasks}, set(self.customers)
        return (sum(order not in delivered for order in newest),
                sum(line.customer not in known for line in newest.values()))


def present(values):
    return [value for value in values if value is not None]


def mean(values):
    values = present(values)
    return Fraction(sum(values)) / len(values) if values else None


def total(values):
    values = present(values)
    return sum(values) if values else None


def fold(pairings, distinct, per_order):
    groups = defaultdict(list)
    for pairing in pairings:
        start = WINDOWS_START + WINDOW * ((pairing.time - WINDOWS_START) // WINDOW)
        groups[pairing.customer, start].append(pairing)
    table = {}
    for (customer, start), members in groups.items():
        totals = present(member.total for member in members)
        quantities = [quantity for member in members for quantity in member.quantities]
        distances = [distance for member in members for distance in member.distances]
        table[customer, start] = (customer, total(totals), mean(totals), len(members), max(totals, default=None),
                                  min(totals, default=None), total(quantities), per_order(quantities, len(members)),
                                  total(distances), mean(distances),
                                  distinct([sku for member in members for sku in member.skus]), start, start + WINDOW)
    return table
