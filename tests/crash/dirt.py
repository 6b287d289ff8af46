"""The dirt corpus: files as they come, each with what must become of it.

A fixture of orders is of one customer, whose row in the table then shows what its accepted rows were read as: (total,
quantity) of an order each. One of customers names the customers that its accepted records are, by what is added to the
fixture's first id.
"""
import gzip
from dataclasses import dataclass

from harness.files import order, orders

BOM = b'\xef\xbb\xbf'
ROOM = 100  # ids of a fixture


@dataclass(frozen=True)
class Fixture:
    name: str
    feed: str
    make: object        # of the fixture's first id: the bytes
    accepted: tuple     # what its accepted rows are
    rejected: int = 0   # rows
    words: str = ''     # in each reason
    whole: bool = False  # the file is set aside


def taken(name, make, *accepted):
    return Fixture(name, 'Orders', make, accepted)


def partly(name, make, *accepted, rejected=1, words=''):
    return Fixture(name, 'Orders', make, accepted, rejected, words)


def refused(name, make, words):
    return Fixture(name, 'Orders', make, (), words=words, whole=True)


# --- orders -----------------------------------------------------------------------------------------------------------

TWO = (('100', 1), ('100', 1))
ONE = ('100', 1)


def rows(*changes):
    """An order each, of 100 for one piece but for the change."""
    return lambda first: orders(*(order(first + at, **{'customer': first, **change}) for at, change in enumerate(changes)))


def edited(change):
    """Two orders, their bytes changed."""
    return lambda first: change(rows({}, {})(first))


def replaced(old, new, count=-1):
    return edited(lambda content: content.replace(old, new, count))


def joined(end, last=True):
    return edited(lambda content: end.join(content.splitlines()) + (end if last else b''))


def quoted(content):
    return b'\n'.join(b','.join(b'"' + field + b'"' for field in line.split(b',')) for line in content.splitlines())


def backwards(content):
    return b'\n'.join(b','.join(reversed(line.split(b','))) for line in content.splitlines())


def with_column(content, name, value):
    header, *lines = content.splitlines()
    return b'\n'.join([header + b',' + name] + [line + b',' + value for line in lines])


def header_again(content):
    header, *lines = content.splitlines()
    return b'\n'.join([header, lines[0], header, lines[1]])


def each(column, words, texts, read_as=lambda text: ONE):
    """A row for each text in this column, in a fixture for the good ones and one for the bad: {text: whether it is good}."""
    good, bad = ([text for text, fine in texts.items() if fine is wanted] for wanted in (True, False))
    make = {'Order Total': 'total', 'Quantity': 'quantity', 'Order Time': 'time', 'Customer ID': 'customer', 'SKU': 'sku'}
    key = make.get(column, column)
    return [taken(f'{column}: as it may be', rows(*({key: text} for text in good)), *map(read_as, good)),
            partly(f'{column}: as it may not be', rows(*({key: text} for text in bad)), rejected=len(bad), words=words)]


def ids(texts):
    return lambda first: orders(*({**order(first, customer=first), 'Order ID': text.format(first + at)}
                                  for at, text in enumerate(texts)))


ENCODINGS = [
    taken('utf-8 with a mark', edited(lambda content: BOM + content), *TWO),
    taken('utf-16, little end first', edited(lambda content: content.decode().encode('utf-16')), *TWO),
    taken('utf-16, big end first', edited(lambda content: b'\xfe\xff' + content.decode().encode('utf-16-be')), *TWO),
    refused('utf-16 that ends in half a letter', edited(lambda content: content.decode().encode('utf-16')[:-1]), 'half a'),
    taken('packed by gzip', edited(gzip.compress), *TWO),
    taken('packed by gzip twice, one behind the other', edited(lambda content: b''.join(
        gzip.compress(line) for line in content.splitlines(keepends=True))), *TWO),
    refused('packed by gzip and cut', edited(lambda content: gzip.compress(content)[:-9]), 'cut'),
    refused('packed by gzip, with a wrong checksum', edited(lambda content: gzip.compress(content)[:-8] + bytes(8)), 'check'),
    refused('packed by gzip, with more behind', edited(lambda content: gzip.compress(content) + content), 'behind'),
    refused('packed by gzip in gzip', edited(lambda content: gzip.compress(gzip.compress(content))), 'unpacked'),
    refused('utf-16 without a mark', edited(lambda content: content.decode().encode('utf-16-le')), 'NUL'),
    refused('utf-32', edited(lambda content: content.decode().encode('utf-32')), 'NUL'),
    refused('ebcdic', edited(lambda content: content.replace('₦'.encode(), b'N').decode().encode('cp037')), ''),
    partly('latin-1 in a field', replaced(b',A,', b',caf\xe9,', 1), ONE, words='UTF-8'),
    partly('utf-8 that is too long', replaced(b',A,', b',\xc0\xaf,', 1), ONE, words='UTF-8'),
    partly('utf-8 of half a pair', replaced(b',A,', b',\xed\xa0\x80,', 1), ONE, words='UTF-8'),
    partly('utf-8 that is cut', replaced(b',A,', b',\xf0\x9f\x98,', 1), ONE, words='UTF-8'),
    partly('utf-8 beyond its end', replaced(b',A,', b',\xf5\x80\x80\x80,', 1), ONE, words='UTF-8'),
    partly('a NUL in a field', replaced(b',A,', b',A\0B,', 1), ONE, words='NUL'),
    refused('a NUL in the header', replaced(b'SKU', b'S\0KU'), 'NUL'),
    refused('latin-1 in the header', replaced(b'SKU', b'SK\xdc'), 'lacks SKU'),
    taken('letters of all kinds', rows({'sku': 'é𝒳中文 عربي 👩‍👩‍👧'}, {'sku': 'e\u0301'}), *TWO),
]
LINES = [
    taken('CR LF', joined(b'\r\n'), *TWO),
    taken('CR alone', joined(b'\r'), *TWO),
    taken('no end of the last line', joined(b'\n', last=False), *TWO),
    taken('LF and CR LF mixed', replaced(b'\n', b'\r\n', 2), *TWO),
    taken('empty lines', edited(lambda content: content.replace(b'\n', b'\n\n\n') + b'\n \n\t\n'), *TWO),
    taken('empty lines before the header', edited(lambda content: b'\n\r\n' + content), *TWO),
    taken('a header alone', edited(lambda content: content.splitlines()[0])),
    partly('a line of commas', edited(lambda content: content + b',' * 43 + b'\n'), *TWO, words='null'),
    partly('a line of one word', edited(lambda content: content + b'total\n'), *TWO, words='1 field'),
    partly('a line cut in the middle', edited(lambda content: content[:-60]), ONE, words='field'),
    partly('a comma more', edited(lambda content: content[:-1] + b',\n'), ONE, words='45'),
    partly('the header again amid the rows', edited(header_again), *TWO, words='Order ID'),
]
QUOTES = [
    taken('everything in quotes', edited(quoted), *TWO),
    taken('a comma, a quote and line ends in quotes', rows({'Reviews': 'a, "b"\r\nc\nd'}, {}), *TWO),
    taken('blanks around fields', replaced(b',A,', b' , A\t,'), *TWO),
    refused('a quote within a field', replaced(b',A,', b',5" nail,', 1), 'quote'),
    refused('text behind a quote', replaced(b',A,', b',"A"B,', 1), 'quote'),
    refused('a quote that never closes', replaced(b',A,', b',"A,', 1), 'quote'),
    refused('a quote in the header that never closes', replaced(b'SKU', b'"SKU'), 'quote'),
    refused('quotes escaped with a backslash', replaced(b',A,', b',"A \\"big\\" one",', 1), 'quote'),
]
HEADERS = [
    taken('columns in another order', edited(backwards), *TWO),
    taken('a column more', edited(lambda content: with_column(content, b'Extra', b'x')), *TWO),
    taken('two columns more without a name', edited(lambda content: with_column(with_column(content, b'', b'x'), b'', b'y')), *TWO),
    taken('underscores for blanks in names', replaced(b'Order ID', b'Order_ID'), *TWO),
    taken('blanks around a name', replaced(b'Order ID', b'  Order ID '), *TWO),
    taken('a name in quotes', replaced(b'Order ID', b'"Order ID"'), *TWO),
    refused('a name in other letters', replaced(b'Order ID', b'ORDER ID'), 'Order_ID'),
    refused('a required column that is missing', replaced(b'Order Total', b'Total of it'), 'Order_Total'),
    refused('a name that comes twice', replaced(b'Tax', b'SKU', 1), 'SKU'),
    refused('no header', edited(lambda content: content.split(b'\n', 1)[1]), 'Order_ID'),
    refused('the header of another feed', lambda first: b'Task_ID,Distance(m)\n1,2\n', 'Order_ID'),
    refused('semicolons', replaced(b',', b';'), 'Order_ID'),
    refused('tabs', replaced(b',', b'\t'), 'Order_ID'),
    refused('JSON', lambda first: b'[{"Order ID": 1}]', ''),
    refused('HTML', lambda first: b'<!DOCTYPE html><html><body>503 Service Unavailable</body></html>', 'Order_ID'),
    refused('a ZIP', lambda first: b'PK\x03\x04\x14\0\0\0\x08\0' + b'\x9f' * 200, ''),
    refused('a PDF', lambda first: b'%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n', ''),
    refused('blanks alone', lambda first: b' \n\t\n \r\n', 'header'),
    refused('nothing', lambda first: b'', 'empty'),
    refused('a mark alone', lambda first: BOM, 'empty'),
]
VALUES = [
    *each('Order Total', 'decimal', read_as=lambda text: (text, 1), texts={
        '1.5': True, '.5': True, '5.': False, '1.500': True, '+2': True, '-3.10': True, '0': True, '-0.00': True, '007.10': True,
        ' 8 ': True, '9999999999999999.99': True, '10000000000000000.00': False, '1.005': False, '1e2': False, 'NaN': False,
        'inf': False, '0x10': False, '1,5': False, '1 000': False, '£5': False, '5 NGN': False, '--5': False, '+-5': False,
        '.': False, '+': False, '１２': False, '1.5.5': False, '1_000': False, '(5)': False}),
    *each('Quantity', 'integer', read_as=lambda text: ('100', int(text)), texts={
        '42': True, '-7': True, '+7': True, '007': True, '-0': True, ' 5 ': True, '1.0': False, '1e3': False, '0x10': False,
        '1,000': False, '９': False, '٣': False, '5x': False, '- 5': False, '9' * 19: False, '-' + '9' * 30: False, 'true': False,
        '1 2': False}),
    *each('Order Time', '', texts={
        '2024-02-29T12:00:00Z': True, '2022-01-10': True, '2022-01-10 12:00': True, '2022-01-10t12:00:00.123456z': True,
        '2022-01-10T12:00:00+01:00': True, '2022-01-10T12:00:00-0330': True, '0001-01-03T00:00:00Z': True,
        '9999-12-20T23:59:59.999999Z': True, '2022-01-10T12:00:00.123456000Z': True,
        '2023-02-29T12:00:00Z': False, '1900-02-29': False, '2022-13-01': False, '2022-00-10': False, '2022-01-00': False,
        '2022-01-10T24:00:00Z': False, '2016-12-31T23:59:60Z': False, '0000-01-01': False, '0001-01-02': False, '10000-01-01': False,
        '-0044-03-15': False, '2022-1-1': False, '10.01.2022': False, '01/10/2022': False, '20220110': False, '1641816000': False,
        '2022-01-10T12:00:00.1234567Z': False, '2022-01-10T12:00:00Z x': False, '2022-01-10T12': False, 'yesterday': False,
        '2022-01-10T12:00:00+25:00': False, '2022-W02-1': False}),
    *each('Customer ID', '', texts={'3000000000': False, '-2147483649': False, '12,x': False, '-': False, '': False, '1.5': False}),
    *each('SKU', '', texts={'-': False, '': False, '0': True, 'null': True, 'NULL': True, '=1+1': True, "'; DROP TABLE x; --": True,
                            '\\N': True, '\\.': True, 'x' * 60_000: True}),
    *each('Currency Symbol', '', texts={'₦': True, '-': False, '': False}),
    *each('Tax', 'number', texts={'-': True, '': True, '0': True, 'none': False}),
    taken('an id as the deliveries write it', ids(['YR-{},0', '{}', 'YR-{}', '{},0', '00{}']), *[ONE] * 5),
    partly('an id of another kind', ids(['yr-{}', '{},1', 'YR-{},0 ', 'x{}', '{}x', '-{}', 'YR-YR-{}']), ONE, rejected=6),
    partly('an id beyond 64 bits', ids(['{}' + '0' * 30, '{}']), ONE),
]

# --- customers --------------------------------------------------------------------------------------------------------


def json_of(text):
    """`text` with the fixture's first id for @, the next one for @1, and so on."""
    def make(first):
        out = text if isinstance(text, bytes) else text.encode()
        for at in range(9, 0, -1):
            out = out.replace(b'@%d' % at, b'%d' % (first + at))
        return out.replace(b'@', b'%d' % first)
    return make


def known(name, text, *accepted, rejected=0, words=''):
    return Fixture(name, 'Customers', json_of(text), accepted, rejected, words)


def unreadable(name, text, words=''):
    return Fixture(name, 'Customers', json_of(text), (), words=words, whole=True)


ID = '"Customer ID"'
STRUCTURE = [
    known('an array', f'[{{{ID}: @}}, {{{ID}: @1}}]', 0, 1),
    known('objects behind each other', f'{{{ID}: @}}\n{{{ID}: @1}}\r\n{{{ID}: @2}}', 0, 1, 2),
    known('one object', f'{{{ID}: @}}', 0),
    known('a mark and blanks', BOM + f' \r\n\t[ {{ {ID}\n:\t@ }} ]\n\n'.encode(), 0),
    known('an empty array', '[]'),
    known('members that nobody reads', f'[{{{ID}: @, "x": {{"y": [1, {{"z": null}}]}}, "": 0}}]', 0),
    known('elements that are no objects', f'[0, null, "x", true, [], [{{}}], {{{ID}: @}}]', 0, rejected=6, words='object'),
    known('objects that lack the member', f'[{{{ID}: @}}, {{}}, {{"id": 5}}]', 0, rejected=2),
    known('a record that is broken inside', f'[{{{ID}: @}}, {{{ID}: }}, {{{ID} 5}}, {{{ID}: 01}}, {{{ID}: @1}}]', 0, 1, rejected=3),
    known('a comma at the end of an object', f'[{{{ID}: @,}}, {{{ID}: @1}}]', 1, rejected=1),
    known('a name that comes twice', f'[{{{ID}: @, {ID}: @1}}, {{{ID}: @2}}]', 2, rejected=1, words='twice'),
    known('a name that comes twice, once in escapes', f'[{{{ID}: @, "Customer\\u0020ID": @1}}, {{{ID}: @2}}]', 2, rejected=1),
    known('a name in escapes', '[{"Customer\\u0020\\u0049D": @}]', 0),
    known('a name with an underscore', '[{"Customer_ID": @}]', 0),
    known('32 levels', f'[{{{ID}: @, "x": {"[" * 30}{"]" * 30}}}]', 0),
    known('33 levels and more', f'[{{{ID}: @, "x": {"[" * 99}{"]" * 99}}}, {{{ID}: @1}}]', 1, rejected=1),
    unreadable('a comma at the end of the array', f'[{{{ID}: @}},]'),
    unreadable('no comma between records', f'[{{{ID}: @}} {{{ID}: @1}}]'),
    unreadable('cut within a record', f'[{{{ID}: @}}, {{{ID}: @1'),
    unreadable('cut between records', f'[{{{ID}: @}},'),
    unreadable('an array that never ends', f'[{{{ID}: @}}'),
    unreadable('more behind the array', f'[{{{ID}: @}}] x'),
    unreadable('two arrays', f'[{{{ID}: @}}][{{{ID}: @1}}]'),
    unreadable('an open string', f'[{{{ID}: "@}}, {{{ID}: @1}}]'),
    unreadable('a brace too many', f'[{{{ID}: @}}}}]'),
    unreadable('an array closed as an object', f'[{{{ID}: @}}}}'),
    unreadable('a comment', f'// customers\n[{{{ID}: @}}]'),
    unreadable('a function call around it', f'callback([{{{ID}: @}}])'),
    unreadable('CSV', 'Customer ID\n@\n'),
    unreadable('utf-16 without a mark', f'[{{{ID}: 1}}]'.encode('utf-16-le'), 'expected'),
    unreadable('nothing', b'', 'empty'),
    unreadable('blanks', b' \n', 'empty'),
    unreadable('another kind of record', '[{"Order": @}]', 'Customer_ID'),
]
MEMBERS = [
    known('an id as text', f'[{{{ID}: "@"}}, {{{ID}: " @1 "}}]', 0, 1),
    known('an id that is none', f'[{{{ID}: @}}, {{{ID}: null}}, {{{ID}: true}}, {{{ID}: ""}}, {{{ID}: "x"}}, {{{ID}: 1.5}}, {{{ID}: {{}}}}, '
                                f'{{{ID}: []}}, {{{ID}: "@1 x"}}]', 0, rejected=8),
    known('an id beyond 64 bits', f'[{{{ID}: @}}, {{{ID}: 9223372036854775808}}, {{{ID}: 1e400}}]', 0, rejected=2),
    known('words that JSON lacks', f'[{{{ID}: @}}, {{{ID}: NaN}}, {{{ID}: Infinity}}, {{{ID}: undefined}}, {{{ID}: 0x10}}, {{{ID}: +1}}, '
                                   f'{{{ID}: .5}}, {{{ID}: TRUE}}]', 0, rejected=7),
    known('quotes of another kind', f"[{{{ID}: @}}, {{'Customer ID': @1}}]", 0, rejected=1),
    known('a comment in a record', f'[{{{ID}: @}}, {{/* x */ {ID}: @1}}]', 0, rejected=1),
    known('a NUL in a string', f'[{{{ID}: @, "Language": "a\\u0000b"}}, {{{ID}: @1}}]', 1, rejected=1, words='u0000'),
    known('a NUL that is none', f'[{{{ID}: @, "Language": "a\\\\u0000b"}}]', 0),
    known('a raw NUL', f'[{{{ID}: @, "Language": "a\0b"}}, {{{ID}: @1}}]', 1, rejected=1),
    known('a raw line end in a string', f'[{{{ID}: @, "Language": "a\nb"}}, {{{ID}: @1}}]', 1, rejected=1),
    known('an escape that is none', f'[{{{ID}: @, "Language": "\\x41"}}, {{{ID}: @1}}]', 1, rejected=1),
    known('half a pair', f'[{{{ID}: @, "Language": "\\ud800"}}, {{{ID}: @1}}]', 1, rejected=1),
    known('a whole pair', f'[{{{ID}: @, "Language": "\\ud83d\\ude00"}}]', 0),
    known('bytes that are no UTF-8', f'[{{{ID}: @, "Language": "'.encode() + b'\xff"}, {' + f'{ID}: @1}}]'.encode(), 1, rejected=1,
          words='UTF-8'),
    known('a bool in words', f'[{{{ID}: @, "Is Blocked": "yes"}}, {{{ID}: @1, "Is Blocked": 0}}, {{{ID}: @2, "Is Blocked": "maybe"}}]',
          0, 1, rejected=1, words='Is_Blocked'),
    known('money as a number and as text', f'[{{{ID}: @, "Outstanding Amount": 12.50}}, {{{ID}: @1, "Outstanding Amount": "-0.5"}}, '
                                           f'{{{ID}: @2, "Outstanding Amount": 1.005}}, {{{ID}: @3, "Outstanding Amount": 1e2}}]',
          0, 1, 3, rejected=1, words='2 places'),
]
CORPUS = ENCODINGS + LINES + QUOTES + HEADERS + VALUES + STRUCTURE + MEMBERS
