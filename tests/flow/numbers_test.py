"""Floating columns hold the number nearest to the exact one, in both kinds of target."""
import random

from harness.case import FlowCase, InPostgres
from harness.files import customers, deliveries, delivery, order, orders

# As doubles they lie just between two floats, beside which they really are; or on the middle, and the even one counts.
BESIDE_THE_MIDDLE = ('4503599895805952.01', '4503599895805951.99', '9007199791611904.01')
ON_THE_MIDDLE = ('16777217', '16777219', '33554430')


class Numbers(FlowCase):
    def shop(self):
        """Customers of 1 to 40 orders, with totals of cents up to sums that no double holds."""
        rng = random.Random(5)
        lines, tasks, number = [], [], 0
        for customer in range(1, 121):
            digits = rng.choice((3, 5, 8, 13, 15))
            totals = [f'{rng.randrange(10**digits)}.{rng.randrange(100):02d}' for _ in range(rng.randrange(1, 41))]
            for total in totals[1:] + [rng.choice(BESIDE_THE_MIDDLE + ON_THE_MIDDLE) if customer % 3 == 0 else totals[0]]:
                number += 1
                lines.append(order(number, customer=customer, total=total, quantity=rng.randrange(1, 10)))
                tasks.append(delivery(number, distance=f'{rng.randrange(10**6)}.{rng.randrange(100):02d}'))
        return [('Customers', 'c.json', customers(*range(1, 121))), ('Orders', 'o.csv', orders(*lines)),
                ('Deliveries', 'd.csv', deliveries(*tasks))]

    def test_sums_and_averages_are_rounded_once(self):
        work = self.workspace(pipeline='ecommerce')
        files = [(feed, self.folder / name) for feed, name, _ in self.shop()]
        for (_, path), (_, _, content) in zip(files, self.shop()):
            path.write_bytes(content)
        work.drop_all(files)
        work.run_once()
        self.assert_table(work, files)
        work.command('verify')


class NumbersInPostgres(InPostgres, Numbers):
    pass
