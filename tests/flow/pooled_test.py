"""A pooler that gives a session of the server to one client after the other, with what the one before left in it."""
import select
import socket
import struct
import threading

from harness.case import FlowCase
from harness.files import customers, deliveries, delivery, order, orders

TERMINATE, READY = b'X\0\0\0\4', b'Z\0\0\0\5I'  # messages of PostgreSQL's protocol


class Pooler:
    def __init__(self, folder, cluster, database):
        folder.mkdir()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(str(cluster.socket))
        names = f'user\0{cluster.USER}\0database\0{database}\0\0'.encode()
        self.server.sendall(struct.pack('!ii', 8 + len(names), 3 << 16) + names)
        self.greeting = self.answer()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / cluster.socket.name))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def answer(self):
        answer = b''
        while not answer.endswith(READY):
            answer += self.server.recv(1 << 16)
        return answer

    def execute(self, sql):
        text = sql.encode() + b'\0'
        self.server.sendall(b'Q' + struct.pack('!i', 4 + len(text)) + text)
        return self.answer()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            client.recv(1 << 16)  # who it is
            client.sendall(self.greeting)
            while self.passes_on(client):
                pass
            client.close()
            self.execute('ROLLBACK')

    def passes_on(self, client):
        for ready in select.select([client, self.server], [], [])[0]:
            message = ready.recv(1 << 16)
            if ready is client and (not message or message.endswith(TERMINATE)):
                return False
            (self.server if ready is client else client).sendall(message)
        return True


class Pooled(FlowCase):
    def test_a_temporary_table_is_not_taken_for_one_that_is_missing(self):
        work = self.workspace(target=self.postgres_target())
        work.run_once()  # makes the tables
        target, folder = work.target, self.folder / 'pool'
        pooler = Pooler(folder, target.cluster, target.database)
        for table in ('ecommerce', 'customer_windows'):
            made = pooler.execute(f'CREATE TEMPORARY TABLE {table} (LIKE public.{table} INCLUDING ALL)')
            self.assertIn(b'CREATE TABLE', made)
        target.execute('DROP SCHEMA public CASCADE; CREATE SCHEMA public;')
        work.drop('Customers', customers(1), 'c.json')
        work.drop('Deliveries', deliveries(delivery(1)), 'd.csv')
        work.drop('Orders', orders(order(1, customer=1)), 'o.csv')
        work.run_once(environment={'PGHOST': str(folder)})
        for table in ('ecommerce', 'customer_windows'):
            self.assertEqual(target.query(f'SELECT count(*) FROM public.{table}'), [('1',)])
        work.command('verify')
