"""What retention makes of the same files, worked out file by file: windows that close, and the rows that are then late.

What is closed is kept as the rows of the table that it was when it closed, and as the numbers of its orders and tasks.
"""
from datetime import datetime, timedelta, timezone

from harness.oracle import WINDOW, WINDOWS_START, Oracle


def window_of(time):
    return WINDOWS_START + WINDOW * ((time - WINDOWS_START) // WINDOW)


class Retaining(Oracle):
    """An oracle whose windows close `lateness` after the watermark passed their end.

    `closings`: {number of the file, from 1: moment}; then windows close there, as they did in a history that had more
    files, and nowhere else.
    """

    def __init__(self, files=(), lateness=timedelta(days=20), max_ahead=timedelta(days=1), closings=None):
        self.lateness = lateness
        self.horizon = datetime.now(timezone.utc).replace(tzinfo=None) + max_ahead
        self.recorded = closings
        self.closings = {}
        self.number = 0
        self.watermark = self.before = datetime.min
        self.final, self.orders, self.ids = {}, set(), set()
        self.late = []  # (feed, order, task or None)
        super().__init__(files)

    def closed(self, time):
        return window_of(time) + WINDOW <= self.before

    def add(self, feed, path):
        rows = {'Orders': self.lines, 'Deliveries': self.tasks}.get(feed)
        known = len(rows) if rows is not None else 0
        super().add(feed, path)
        if rows is not None:
            new, rows[known:] = rows[known:], []
            for row in new:
                (self.take_line if feed == 'Orders' else self.take_task)(row)
        self.number += 1
        self.close_what_is_due()

    def take_line(self, line):
        if line.time <= self.horizon:
            self.watermark = max(self.watermark, line.time)
        if line.order in self.orders or self.closed(line.time):
            self.late.append(('Orders', line.order, None))
        else:
            self.lines.append(line)

    def take_task(self, task):
        if task.id in self.ids or task.order in self.orders:
            self.late.append(('Deliveries', task.order, task.id))
        else:
            self.tasks.append(task)

    def close_what_is_due(self):
        if self.recorded is not None:
            due = self.recorded.get(self.number)
        else:
            due = window_of(self.watermark - self.lateness) if self.watermark > datetime.min else None
        if due and due > self.before:
            self.close(due)

    def close(self, before):
        self.closings[self.number] = self.before = before
        self.final = {key: row for key, row in self.ecommerce().items() if key[1] + WINDOW <= before}
        newest = {line.order: line for line in self.lines}
        gone = {order for order, line in newest.items() if self.closed(line.time)}
        self.orders |= gone
        self.lines = [line for line in self.lines if line.order not in gone]
        # a task lies where its newest row says
        where = {task.id: task.order for task in self.tasks}
        ids = {task for task, order in where.items() if order in gone}
        self.ids |= ids
        self.tasks = [task for task in self.tasks if task.id not in ids]

    def ecommerce(self):
        return {**super().ecommerce(), **self.final}
