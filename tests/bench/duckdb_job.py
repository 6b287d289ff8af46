#!/usr/bin/env python3
"""The table `ecommerce` by DuckDB: duckdb_job.py DATA DATABASE [CSV]. Prints what it cost as JSON.

The query knows what dropfold has to find out: that no order line comes twice and how an order's number is written. The
columns' types are given, so that DuckDB need not sniff. Neither the start of Python nor its memory is counted.
"""
import csv
import json
import resource
import sys
import time
from pathlib import Path

ORDERS = {'Order ID': 'BIGINT', 'Quantity': 'BIGINT', 'Order Total': 'DECIMAL(18,2)', 'Customer ID': 'BIGINT',
          'Order Time': 'TIMESTAMP'}
DELIVERIES = {'Task_ID': 'BIGINT', 'Distance(m)': 'DECIMAL(12,2)'}

QUERY = """CREATE TABLE ecommerce AS
WITH lines AS MATERIALIZED (
  SELECT "Order ID" o, "Customer ID" c, "Order Time" t, "Order Total" total, "Quantity" q, "SKU" sku FROM {orders}),
tasks AS (
  SELECT "Task_ID" task, any_value(CAST(substr("Order_ID", 4, length("Order_ID") - 5) AS BIGINT)) o,
         any_value("Distance(m)") d FROM {deliveries} GROUP BY task),
ways AS (SELECT o, sum(d) d, count(d) n FROM tasks GROUP BY o),
orders AS (SELECT o, any_value(c) c, any_value(t) t, any_value(total) total, sum(q) q FROM lines GROUP BY o),
kept AS MATERIALIZED (
  SELECT orders.*, time_bucket(INTERVAL '10 days', t, TIMESTAMP '1970-01-01') w, d, n FROM orders JOIN ways USING (o)
  WHERE c IN (SELECT "Customer ID" FROM read_json('{data}/Customers/*.json', columns={{'Customer ID': 'BIGINT'}},
                                                  format='array'))),
products AS (
  SELECT kept.c, kept.w, count(DISTINCT sku) products FROM lines JOIN kept USING (o) GROUP BY kept.c, kept.w),
folded AS (SELECT c, w, sum(total) total, count(*) orders, max(total) high, min(total) low, sum(q) q, sum(d) d, sum(n) n
           FROM kept GROUP BY c, w)
SELECT c::INTEGER "Customer_ID", total::DOUBLE "Total_Order_Amount", total::DOUBLE / orders "Average_Order_Amount",
       orders "Order_Count", high::REAL "Highest_Order_Amount", low::REAL "Lowest_Order_Amount",
       q::BIGINT "Total_Quantity_Ordered", q::DOUBLE / orders "Average_Quantity_Per_Ordered",
       d::DOUBLE "Total_Delivery_Distance", d::DOUBLE / nullif(n, 0) "Average_Delivery_Distance",
       products "Distict_Products", w start_timestamp, w + INTERVAL '10 days' end_timestamp
FROM folded JOIN products USING (c, w)"""


def memory(word):
    for line in Path('/proc/self/status').read_text(encoding='ascii').splitlines():
        if line.startswith(word):
            return int(line.split()[1]) * 1024
    raise LookupError(word)


def table(folder, types):
    """read_csv of all files of a folder, every column declared; those that the query leaves out are not made values."""
    with open(sorted(folder.iterdir())[0], encoding='utf-8', newline='') as file:
        names = next(csv.reader(file))
    columns = ', '.join(f"'{name}': '{types.get(name, 'VARCHAR')}'" for name in names)
    return (f"read_csv('{folder}/*.csv', columns={{{columns}}}, header=true, auto_detect=false, delim=',', quote='\"', "
            f"escape='\"', nullstr=['', '-'])")


def main():
    before = memory('VmRSS:')
    import duckdb  # what it brings along is its own
    data, database, *out = map(Path, sys.argv[1:])
    used = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    connection = duckdb.connect(str(database))
    connection.execute(QUERY.format(data=data, orders=table(data / 'Orders', ORDERS),
                                    deliveries=table(data / 'Deliveries', DELIVERIES)))
    if out:
        connection.execute(f"COPY ecommerce TO '{out[0]}' (HEADER false)")
    connection.close()
    wall = time.perf_counter() - began
    now = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({'wall': wall, 'cpu': now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
                      'peak': memory('VmHWM:') - before, 'version': duckdb.__version__}))


if __name__ == '__main__':
    main()
