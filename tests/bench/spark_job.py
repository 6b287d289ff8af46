#!/usr/bin/env python3
"""The table `ecommerce` by Spark: spark_job.py DATA OUT batch|stream [MEMORY]. Prints what it cost as JSON.

As a batch it reads the files and writes the table. As a file stream three sources with checkpoints append their rows to
Parquet, a file a trigger until none is left, and the table is made of that: joins and aggregates after joins of streams
cannot be written in update mode. OUT gets the table as CSV.
"""
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession, functions as F, types as T

WINDOW = 10 * 86400


def names(folder):
    with open(sorted(folder.iterdir())[0], encoding='utf-8') as file:
        return file.readline().rstrip('\n').split(',')


def sources(spark, data, streaming):
    reader = spark.readStream.option('maxFilesPerTrigger', 1) if streaming else spark.read

    def csv(feed, wanted):
        schema = T.StructType([T.StructField(name, T.StringType()) for name in names(data / feed)])
        table = (reader.schema(schema).option('header', True).option('multiLine', True).option('escape', '"')
                 .csv(str(data / feed)))
        return table.select(*[F.expr(f'nullif(`{name}`, "-")').cast(kind).alias(alias)
                              for name, kind, alias in wanted])

    orders = csv('Orders', [('Order ID', 'bigint', 'o'), ('SKU', 'string', 'sku'), ('Customer ID', 'bigint', 'c'),
                            ('Order Time', 'timestamp', 't'), ('Order Total', 'decimal(18,2)', 'total'),
                            ('Quantity', 'bigint', 'q')])
    tasks = csv('Deliveries', [('Task_ID', 'bigint', 'task'), ('Order_ID', 'string', 'o'),
                               ('Distance(m)', 'decimal(12,2)', 'd')])
    tasks = tasks.withColumn('o', F.regexp_extract('o', '^(?:YR-)?([0-9]+)', 1).cast('bigint'))
    people = (reader.schema('`Customer ID` bigint').option('multiLine', True).json(str(data / 'Customers'))
              .select(F.col('Customer ID').alias('c')))
    return {'orders': orders, 'tasks': tasks, 'people': people}


def streamed(spark, tables, out):
    """The same tables, of what the streams have written."""
    queries = [table.writeStream.format('parquet').option('path', f'{out}/{name}')
               .option('checkpointLocation', f'{out}/checkpoint-{name}').trigger(availableNow=True).start()
               for name, table in tables.items()]
    for query in queries:
        query.awaitTermination()
    return {name: spark.read.parquet(f'{out}/{name}') for name in tables}


def folded(tables):
    ways = (tables['tasks'].dropDuplicates(['task']).groupBy('o')
            .agg(F.sum('d').alias('d'), F.count('d').alias('n')))
    orders = tables['orders'].groupBy('o').agg(F.first('c').alias('c'), F.first('t').alias('t'),
                                              F.first('total').alias('total'), F.sum('q').alias('q'),
                                              F.collect_set('sku').alias('skus'))
    kept = (orders.join(ways, 'o').join(tables['people'].distinct(), 'c', 'left_semi')
            .withColumn('w', F.expr(f'unix_timestamp(t) div {WINDOW} * {WINDOW}')))
    groups = kept.groupBy('c', 'w').agg(
        F.sum('total').alias('total'), F.count('*').alias('orders'), F.max('total').alias('high'),
        F.min('total').alias('low'), F.sum('q').alias('q'), F.sum('d').alias('d'), F.sum('n').alias('n'),
        F.size(F.array_distinct(F.flatten(F.collect_list('skus')))).alias('products'))
    return groups.selectExpr(
        'int(c) Customer_ID', 'double(total) Total_Order_Amount', 'double(total) / orders Average_Order_Amount',
        'orders Order_Count', 'float(high) Highest_Order_Amount', 'float(low) Lowest_Order_Amount',
        'q Total_Quantity_Ordered', 'double(q) / orders Average_Quantity_Per_Ordered',
        'double(d) Total_Delivery_Distance', 'double(d) / nullif(n, 0) Average_Delivery_Distance',
        'products Distict_Products', "date_format(timestamp_seconds(w), 'yyyy-MM-dd HH:mm:ss') start_timestamp",
        f"date_format(timestamp_seconds(w + {WINDOW}), 'yyyy-MM-dd HH:mm:ss') end_timestamp")


class Watch(threading.Thread):
    """The most bytes that the JVM below this process had resident."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peaks = {}
        self.start()

    def run(self):
        while True:
            self.look()
            time.sleep(0.2)

    def look(self):
        for status in Path('/proc').glob('[0-9]*/status'):
            try:
                lines = status.read_text(encoding='utf-8').splitlines()
            except OSError:
                continue
            fields = dict(line.split(':', 1) for line in lines if ':' in line)
            if fields['Name'].strip() == 'java' and self.ours(int(fields['PPid'])):
                self.peaks[fields['Pid']] = int(fields.get('VmHWM', '0 kB').split()[0]) * 1024

    @staticmethod
    def ours(pid):
        while pid > 1:
            if pid == os.getpid():
                return True
            pid = int(Path(f'/proc/{pid}/stat').read_text(encoding='ascii').rsplit(')', 1)[1].split()[1])
        return False


def main():
    data, out, way = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    memory = sys.argv[4] if len(sys.argv) > 4 else '6g'
    watch = Watch()
    began = time.perf_counter()
    spark = (SparkSession.builder.master('local[*]').config('spark.driver.memory', memory)
             .config('spark.sql.session.timeZone', 'UTC').config('spark.ui.enabled', False)
             .config('spark.sql.shuffle.partitions', os.cpu_count() * 2)
             .config('spark.log.level', 'ERROR').config('spark.ui.showConsoleProgress', False).getOrCreate())
    tables = sources(spark, data, way == 'stream')
    if way == 'stream':
        tables = streamed(spark, tables, out)
    folded(tables).write.csv(f'{out}/table', emptyValue='', nullValue='')
    wall = time.perf_counter() - began
    watch.look()
    version = spark.version
    spark.stop()
    SparkContext._gateway.shutdown()
    SparkContext._gateway.proc.stdin.close()
    SparkContext._gateway.proc.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({'wall': wall, 'cpu': used.ru_utime + used.ru_stime, 'peak': sum(watch.peaks.values()),
                      'version': version}))


if __name__ == '__main__':
    main()
