"""The order of lines: a delivery is told behind the files that it brought, however long those take to be archived."""
from crash_case import CrashCase
from harness.files import customers, deliveries, delivery, order, orders
from harness.polling import until
from harness.workspace import COMMAND_LIMIT
from injecting import UNDER_TRACER
from tracing import Tracer


class ToldOrder(CrashCase):
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
