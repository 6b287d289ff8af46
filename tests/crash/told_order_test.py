"""What the lines say of files on their way into the archive."""
import errno
import os
import signal
import threading

from crash_case import CrashCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.workspace import COMMAND_LIMIT
from injecting import UNDER_TRACER
from tracing import Tracer


class ToldOrder(CrashCase):
    """A delivery is told behind the files that it brought, however long those take to be archived."""

    def test_files_that_are_delivered_before_they_are_archived(self):
        work = self.workspace()
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        work.run_once()
        work.drop('Orders', orders(order(1)), 'o.csv')
        held = []

        def delivered():
            return work.target.query('SELECT sequence FROM dropfold_progress') == [('3',)]

        def decide(_):
            if not held:
                held.append(until(delivered, lambda: 'a delivery while the file is on its way to the archive'))

        code, out, err, hung = Tracer(['renameat2'], decide).run(
            work.arguments('run', '--once', '--settle', '0', '--threads', '2'), work.root,
            work.environment({**UNDER_TRACER, 'UV_THREADPOOL_SIZE': '4'}), COMMAND_LIMIT)
        self.count(points=1)
        self.assertEqual((code, hung, held), (0, False, [True]), err)
        self.assertEqual([line.split()[0] for line in out.splitlines()][:3], ['target', 'applied', 'delivered'], out)


class LeftForAWhile(CrashCase):
    def test_a_file_whose_folder_cannot_be_written_for_a_moment_comes_to_the_place_that_the_ledger_has(self):
        """The moment is between the look, which the commit goes by, and the move."""
        work = self.workspace()
        work.drop('Orders', orders(order(1)), 'o.csv')
        refused = []

        def decide(call):
            if not refused and call.descriptor().endswith('data/Orders'):
                refused.append(call)
                return errno.EROFS
            return None

        def stop():
            try:
                until(lambda: work.archived('Orders'), lambda: 'the file in the archive')
            finally:
                os.kill(tracer.leader, signal.SIGTERM)

        tracer = Tracer(['mkdirat'], decide)
        stopping = threading.Thread(target=stop)
        stopping.start()
        code, out, err, hung = tracer.run(work.arguments('run', '--settle', '0', '--rescan', '0.1'), work.root,
                                          work.environment(UNDER_TRACER), COMMAND_LIMIT)
        stopping.join()
        self.count(points=1)
        self.assertEqual((code, hung, len(refused)), (0, False, 1), err)
        lines = [line for line in out.splitlines() if 'Orders/o.csv' in line]
        self.assertEqual([line.split()[0] for line in lines], ['applied', 'duplicate'], out)
        self.assertIn('left in place', lines[0])
        self.assertIn('-> data/archive/Orders/000001-', lines[1])
