"""Item 13, server crash loop: the server is stopped at once, again and again, while files come."""
from crash_case import CrashCase

FILES = 4  # dropped before each crash


class ServerCrashLoop(CrashCase):
    def setUp(self):
        super().setUp()
        self.cluster = self.own_cluster()
        self.work = self.workspace(target=self.postgres_target(self.cluster))

    def test_the_target_ends_up_right(self):
        crashes = self.scale(4, 100)
        files = self.sample(orders=120 * crashes, files=-(-FILES * (crashes + 1) // 3))
        applied = 0
        with self.work.daemon() as daemon:
            for _ in range(crashes):
                portion = files[applied:applied + FILES]
                self.work.drop_all(portion)
                # somewhere between the first of them in the store and the last one delivered
                daemon.printed('applied ', applied + self.rng.randint(1, FILES))
                self.cluster.stop('immediate')
                self.count(points=1)
                applied += FILES
                if self.rng.random() < 0.5:
                    daemon.printed('applied ', applied)
                self.cluster.start()
            rest = files[applied:]
            self.work.drop_all(rest)
            daemon.delivered(len(files))
        self.count(files=len(files))
        self.judge(self.work, files, 'after the crashes')
