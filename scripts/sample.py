#!/usr/bin/env python3
"""Writes a made-up sample of the three feeds of schemas/ecommerce.json, with the quirks real files have.

Two markets drop into the same folders. The first writes Naira and the headers of descriptor version 1; the second writes
Kenyan shillings, CRLF and the headers of version 2: `Debt Amount` amid the orders' columns, `Agent_Name` and two unnamed
columns among the deliveries', `Number of employees`. An order's id stands bare in orders and as "YR-<id>,0" in deliveries,
`-` means null, lines repeat their order's attributes, some lines come twice, some orders and deliveries are corrected by a
later file, some orders wait for their delivery or customer.

The same options and seed give the same bytes. Files get the modification times of their order: the n-th file of every feed
before the n+1-th of any.
"""
import argparse
import csv
import io
import json
import os
import random
import sys
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

ORDER_COLUMNS = (
    'Order ID,Order Status,Category Name,SKU,Customization Group,Customization Option,Quantity,Unit Price,Cost Price,'
    'Total Cost Price,Total Price,Order Total,Sub Total,Tax,Delivery Charge,Tip,Discount,Remaining Balance,Payment Method,'
    'Additional Charge,Taxable Amount,Transaction ID,Currency Symbol,Transaction Status,Promo Code,Customer ID,Merchant ID,'
    'Description,Distance (in km),Order Time,Pickup Time,Delivery Time,Ratings,Reviews,Merchant Earning,Commission Amount,'
    'Commission Payout Status,Order Preparation Time,Redeemed Loyalty Points,Consumed Loyalty Points,Cancellation Reason,'
    'Flat Discount,Checkout Template Name,Checkout Template Value').split(',')
DELIVERY_COLUMNS = (
    'Task_ID,Order_ID,Relationship,Team_Name,Task_Type,Notes,Agent_ID,Distance(m),Total_Time_Taken(min),Task_Status,'
    'Ref_Images,Rating,Review,Latitude,Longitude,Tags,Promo_Applied,Custom_Template_ID,Task_Details_QTY,'
    'Task_Details_AMOUNT,Special_Instructions,Tip,Delivery_Charges,Discount,Subtotal,Payment_Type,Task_Category,Earning,'
    'Pricing').split(',')


def inserted(columns, after, name):
    at = columns.index(after) + 1
    return columns[:at] + [name] + columns[at:]


@dataclass(frozen=True)
class Market:
    currency: str
    first_order: int
    first_task: int
    first_customer: int
    order_columns: list
    delivery_columns: list
    employees: str
    line_end: str


MARKETS = (
    Market('₦', 11000001, 364000001, 3300001, ORDER_COLUMNS, DELIVERY_COLUMNS, 'Number of Employees', '\n'),
    Market('KSh', 12000001, 374000001, 4400001, inserted(ORDER_COLUMNS, 'Remaining Balance', 'Debt Amount'),
           inserted(DELIVERY_COLUMNS, 'Agent_ID', 'Agent_Name') + ['', ''], 'Number of employees', '\r\n'),
)
PRODUCTS = [(f'KN{kind}{number:02d}01', category, price) for kind, category, price in
            (('FS', 'Flour & Sugar', 20850), ('CO', 'Cooking Fat & Oil', 31200), ('RC', 'Rice & Cereals', 26050),
             ('SP', 'Spreads', 325), ('NS', 'Noodles & Spaghetti', 2475)) for number in range(1, 9)]
FIRST_DAY = datetime(2021, 12, 20, tzinfo=timezone.utc)
FIRST_FILE = datetime(2022, 3, 1, tzinfo=timezone.utc).timestamp()


@dataclass(frozen=True)
class Line:
    product: tuple
    quantity: int

    @property
    def price(self):
        return self.product[2] * self.quantity


@dataclass(frozen=True)
class Order:
    id: int
    customer: int
    time: datetime
    status: str
    lines: tuple
    points: int
    pay_later: bool

    @property
    def sub_total(self):
        return sum(line.price for line in self.lines)

    @property
    def total_cents(self):
        return (self.sub_total - 5 * self.points) * (102 if self.pay_later else 100)


@dataclass(frozen=True)
class Task:
    id: int
    order: Order
    distance: object
    status: str
    agent: int


@dataclass
class Part:
    """What one round of files (one of each feed) of one market holds."""
    customers: list = field(default_factory=list)
    orders: list = field(default_factory=list)
    tasks: list = field(default_factory=list)


def iso(time):
    return time.strftime('%Y-%m-%dT%H:%M:%S.000Z')


def money(cents):
    return f'{cents // 100}.{cents % 100:02d}' if cents % 100 else str(cents // 100)


def make_order(rng, market, number, customers):
    products = rng.sample(PRODUCTS, rng.choices((1, 2, 3, 5), (70, 18, 9, 3))[0])
    known = rng.random() >= 0.01
    return Order(id=market.first_order + number,
                 customer=rng.choice(customers) if known else market.first_customer + 900000 + number,
                 time=FIRST_DAY + timedelta(seconds=rng.randrange(60 * 86400)),
                 status=rng.choices(('COMPLETED', 'CANCELLED', 'ORDERED', 'DISPATCHED'), (80, 13, 5, 2))[0],
                 lines=tuple(Line(product, rng.choice((1, 1, 1, 2, 2, 3, 5, 10))) for product in products),
                 points=rng.choice((0, 0, 0, 50, 63)),
                 pay_later=rng.random() < 0.05)


def make_tasks(rng, market, number, order):
    """None for a few orders, two for some; numbers leave room for two an order."""
    count = rng.choices((0, 1, 2), (2, 88, 10))[0]
    return [Task(id=market.first_task + 2 * number + i, order=order,
                 distance=None if rng.random() < 0.3 else rng.choice((0, rng.randrange(1, 25000), '%.2f' % (rng.random() * 9000))),
                 status=rng.choices(('Completed', 'Failed', 'Cancelled', 'Assigned'), (90, 4, 4, 2))[0],
                 agent=1100001 + rng.randrange(70)) for i in range(count)]


def corrected_order(rng, order):
    """Sent again later: another status and quantity, sometimes another time; the same lines."""
    lines = (replace(order.lines[0], quantity=order.lines[0].quantity + 1),) + order.lines[1:]
    time = order.time + timedelta(days=11) if rng.random() < 0.3 else order.time
    return replace(order, lines=lines, time=time, status=rng.choice(('COMPLETED', 'CANCELLED')))


def make_parts(rng, market, orders, rounds):
    parts = [Part() for _ in range(rounds)]
    customers = [market.first_customer + 7 * i for i in range(max(1, orders // 6))]
    for customer in customers:
        parts[rng.randrange(rounds)].customers.append(customer)
    for number in range(orders):
        at = number * rounds // orders
        order = make_order(rng, market, number, customers)
        tasks = make_tasks(rng, market, number, order)
        parts[at].orders.append(order)
        parts[min(rounds - 1, at + rng.choice((0, 0, 1)))].tasks.extend(tasks)
        if at + 1 < rounds and rng.random() < 0.03:
            parts[rng.randrange(at + 1, rounds)].orders.append(corrected_order(rng, order))
        if at + 2 < rounds and tasks and rng.random() < 0.03:
            parts[rng.randrange(at + 2, rounds)].tasks.append(replace(tasks[0], distance=rng.randrange(1, 25000)))
    return parts


def order_rows(market, order):
    for line in order.lines:
        sku, category, price = line.product
        cost = price - price // 50
        yield {
            'Order ID': order.id, 'Order Status': order.status, 'Category Name': category, 'SKU': sku,
            'Quantity': line.quantity, 'Unit Price': price, 'Cost Price': cost, 'Total Cost Price': cost * line.quantity,
            'Total Price': line.price, 'Order Total': money(order.total_cents), 'Sub Total': order.sub_total, 'Tax': '-',
            'Delivery Charge': '-', 'Tip': '-', 'Discount': '-', 'Remaining Balance': 0, 'Debt Amount': 0,
            'Payment Method': 'Pay Later' if order.pay_later else 'CASH', 'Additional Charge': '-', 'Taxable Amount': '-',
            'Transaction ID': 0, 'Currency Symbol': market.currency, 'Customer ID': order.customer, 'Merchant ID': 1048159,
            'Description': 'null' if order.id % 6 == 0 else '', 'Distance (in km)': '11996.01', 'Order Time': iso(order.time),
            'Pickup Time': iso(order.time + timedelta(seconds=51)), 'Delivery Time': iso(order.time + timedelta(days=1)),
            'Order Preparation Time': 0, 'Redeemed Loyalty Points': order.points or '-',
            'Consumed Loyalty Points': order.sub_total // 500 or '-', 'Flat Discount': 0, 'Checkout Template Name': '-',
            'Checkout Template Value': '-'}


def task_rows(market, task):
    """A row for each line of the order; money about the whole task stands on the last one only."""
    for line in task.order.lines:
        row = {
            'Task_ID': task.id, 'Order_ID': f'YR-{task.order.id},0', 'Relationship': '3.68E+29', 'Team_Name': 'Default Team',
            'Task_Type': 'Delivery', 'Agent_ID': task.agent if task.status != 'Assigned' else '-',
            'Agent_Name': f'Agent {task.agent % 100}', 'Distance(m)': '-' if task.distance is None else task.distance,
            'Total_Time_Taken(min)': '-' if task.distance is None else '0.17', 'Task_Status': task.status, 'Ref_Images': '-',
            'Rating': 0, 'Review': '-', 'Latitude': '6.4828466', 'Longitude': '3.4002079', 'Promo_Applied': '-',
            'Custom_Template_ID': 'Order_Details', 'Task_Details_QTY': line.quantity,
            'Task_Details_AMOUNT': f'{market.currency} {line.price}.00', 'Special_Instructions': '-', 'Tip': '-',
            'Delivery_Charges': '-', 'Discount': '-', 'Subtotal': '-', 'Payment_Type': '-', 'Task_Category': '-',
            'Earning': '-', 'Pricing': '-'}
        if line is task.order.lines[-1]:
            row.update({'Tip': f'{market.currency} 0.00', 'Delivery_Charges': f'{market.currency} 0.00',
                        'Discount': f'{market.currency} {5 * task.order.points}.00', 'Subtotal': task.order.sub_total,
                        'Payment_Type': 'Pay Later' if task.order.pay_later else 'CASH'})
        yield row


def customer_record(rng, market, customer):
    return {'Customer ID': customer, 'Last Used Platform': 'WEB', 'Is Blocked': 0,
            'Created At': iso(FIRST_DAY - timedelta(days=rng.randrange(1, 300))), 'Language': 'en', 'Outstanding Amount': 0,
            'Loyalty Points': rng.randrange(4000), market.employees: rng.choice((None, 3, 15, 9973126945))}


def bad_order_lines(market, template):
    """Lines that must be rejected: 31 February, `12,x`, a customer beyond int32, a line cut short."""
    for number, change in enumerate(({'Order Time': '2022-02-31T10:00:00.000Z'}, {'Quantity': '12,x'},
                                     {'Customer ID': 3000000000}, None)):
        row = {**template, 'Order ID': market.first_order + 800000 + number, **(change or {})}
        values = [row.get(name, '') for name in market.order_columns]
        yield values if change else values[:9]


def shifted_task_lines(market, template):
    """Commas in free texts that nobody quoted: values more, all behind them one column or two to the right."""
    for number, (column, text) in enumerate((('Notes', 'call first,then deliver'), ('Special_Instructions', 'ring,wait,ring'))):
        row = {**template, 'Task_ID': market.first_task + 1800000 + number}
        values = [row.get(name, '') for name in market.delivery_columns]
        at = market.delivery_columns.index(column)
        yield (values[:at] + text.split(',') + values[at + 1:])[:len(market.delivery_columns)]


def orders_csv(rng, market, part, bad):
    lines = []
    for order in part.orders:
        rows = [[row.get(name, '') for name in market.order_columns] for row in order_rows(market, order)]
        lines += rows + rows[:1] * (rng.random() < 0.01)
    if bad and part.orders:
        lines += bad_order_lines(market, next(order_rows(market, part.orders[0])))
    return csv_bytes(market, market.order_columns, lines)


def deliveries_csv(rng, market, part, bad):
    lines = []
    for task in part.tasks:
        rows = [[row.get(name, '') for name in market.delivery_columns] for row in task_rows(market, task)]
        lines += rows + rows[:1] * (rng.random() < 0.01)
    if bad and part.tasks and '' in market.delivery_columns:
        lines += shifted_task_lines(market, next(task_rows(market, part.tasks[0])))
    return csv_bytes(market, market.delivery_columns, lines)


def customers_json(rng, market, part, bad):
    records = [customer_record(rng, market, customer) for customer in part.customers]
    if bad:
        records.append(customer_record(rng, market, '12,x'))
    return json.dumps(records, indent=1, ensure_ascii=False).encode()


def csv_bytes(market, columns, lines):
    """No line end behind the last line, as the real files have it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=market.line_end)
    writer.writerow(columns)
    writer.writerows(lines)
    return out.getvalue().removesuffix(market.line_end).encode()


WRITERS = {'Customers': ('customers-{:0{}d}.json', customers_json), 'Orders': ('orders-{:0{}d}.csv', orders_csv),
           'Deliveries': ('deliveries-{:0{}d}.csv', deliveries_csv)}


def put(path, content, time):
    """A whole file with its time, at once: a dropfold that watches the folder must not find it before it is done."""
    hidden = path.with_name(f'.{path.name}.part')
    hidden.write_bytes(content)
    os.utime(hidden, (time, time))
    hidden.rename(path)


def write_each(out, orders=600, files=4, seed=1, bad=True):
    """Writes `files` files a feed below the folder `out`, in the order of their times; yields feed, path and bytes of each,
    as a dropfold may have taken it away by then."""
    if files < 1 or orders < 1:
        raise ValueError('at least one order and one file a feed')
    rng = random.Random(seed)
    markets = MARKETS[:files]
    share = {0: files - files // 2, 1: files // 2}
    parts = [make_parts(rng, market, max(1, orders * share[i] // files), share[i]) for i, market in enumerate(markets)]
    for number in range(files):
        market, part = markets[number % 2], parts[number % 2][number // 2]
        for place, (feed, (name, content)) in enumerate(WRITERS.items()):
            folder = Path(out, feed)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name.format(number + 1, max(2, len(str(files))))
            made = content(rng, market, part, bad and number < 2)
            put(path, made, FIRST_FILE + number * len(WRITERS) + place)
            yield feed, path, len(made)


def write(out, **options):
    """The same at once; returns {feed: [path, ...]}."""
    written = {feed: [] for feed in WRITERS}
    for feed, path, _ in write_each(out, **options):
        written[feed].append(path)
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', required=True, metavar='DIR', help='folder that gets Customers, Orders and Deliveries')
    parser.add_argument('--orders', type=int, default=600, metavar='N', help='orders of both markets together (600)')
    parser.add_argument('--files', type=int, default=4, metavar='N', help='files of each feed, the markets in turn (4)')
    parser.add_argument('--seed', type=int, default=1, metavar='S', help='another seed is another sample (1)')
    quality = parser.add_mutually_exclusive_group()
    quality.add_argument('--bad', action='store_true', default=True, help='with a few bad rows (the default)')
    quality.add_argument('--clean', dest='bad', action='store_false', help='without them')
    options = parser.parse_args()
    sizes = {feed: [] for feed in WRITERS}
    try:
        for feed, _, size in write_each(options.out, options.orders, options.files, options.seed, options.bad):
            sizes[feed].append(size)
    except (ValueError, OSError) as error:
        sys.exit(f'sample.py: {error}')
    for feed, its in sizes.items():
        print(f'{feed}: {len(its)} files, {sum(its)} bytes')


if __name__ == '__main__':
    main()
