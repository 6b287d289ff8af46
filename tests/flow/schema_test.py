"""Drafts of descriptors from files, and what one descriptor changes over another."""
import json
import shutil

from harness.case import FlowCase

BASE = {'feed': 'Goods', 'version': 1, 'format': 'csv', 'names': 'underscore', 'fields': {
    'Id': {'type': 'int64', 'required': True}, 'Price': {'type': 'decimal(9,2)'}, 'Old': {'type': 'text'},
    'Size': {'type': 'int64'}, 'Shop': {'type': 'text', 'from': ['Shop', 'Store']}}}
DIRTY = """Id,Order Time,Price,Phone,Paid,Day,Note,"Net (EUR)",Seen,1st,Tip,Tip,
1,2022-02-17T12:03:13.000Z,1.5,0801234,yes,17/02/2022,null,-,17.02.2022 09:00,x,,1
2,2022-02-18T00:00:00Z,-12.25,0805678,No,28/02/2022,b,3.68E+29,18.02.2022 10:00,-,,2,
3,2022-02-18T00:00:00Z,7,0805678,true,01/03/2022,-,1,18.02.2022 10:00,,,3,
""".replace('0,x,,1\n', '0,x,,1,\n').replace(',Tip,Tip,', ',Tip,Other,')


class Drafts(FlowCase):
    def setUp(self):
        super().setUp()
        self.work = self.workspace(pipeline='one', feeds=('Goods',))
        self.work.FEEDS = ('Goods',)
        self.schemas = self.work.root / 'schemas'
        shutil.rmtree(self.schemas)
        (self.schemas / 'Goods').mkdir(parents=True)

    def infer(self, content, name='first.csv', *options, expect=0):
        path = self.work.landing('Goods') / name
        path.write_bytes(content)
        return self.work.command('schema', 'infer', path, *options, expect=expect)

    def accept(self, draft):
        """The draft as the pipeline's only descriptor, by which `check` reads the file."""
        fields = json.loads(draft)['fields']
        required = next(name for name, field in fields.items() if field.get('required') and field['type'] != 'double')
        self.work.data.joinpath('results').mkdir(exist_ok=True)
        (self.schemas / 'Goods' / '1.json').write_text(draft, encoding='utf-8')
        (self.schemas / 'one.json').write_text(json.dumps({
            'pipeline': 'one', 'facts': {'feed': 'Goods'},
            'tables': {'t': {'group_by': [required], 'columns': {'a': {'group': required}, 'n': {'count': required}}}}}))
        self.work.command('check')
        return fields

    def test_types_hold_every_value_and_check_accepts_the_draft(self):
        draft = self.infer(DIRTY.encode()).out
        fields = self.accept(draft)
        self.assertEqual(json.loads(draft)['feed'], 'Goods')
        self.assertEqual(json.loads(draft)['null'], ['', '-'])
        self.assertEqual(fields, {
            'Id': {'type': 'int64', 'required': True},
            'Order_Time': {'type': 'timestamp', 'required': True},
            'Price': {'type': 'decimal(14,2)', 'required': True},
            'Phone': {'type': 'text', 'required': True},
            'Paid': {'type': 'bool', 'required': True},
            'Day': {'type': 'date', 'formats': '%d/%m/%Y', 'required': True},
            'Note': {'type': 'text'},
            'Net_EUR': {'from': 'Net (EUR)', 'type': 'double'},
            'Seen': {'type': 'timestamp', 'formats': '%d.%m.%Y %H:%M', 'required': True},
            '_1st': {'from': '1st', 'type': 'text'},
            'Tip': {'type': 'text'}, 'Other': {'type': 'int64', 'required': True}})
        self.assertIn('3 rows, 0 of them would be rejected', self.work.command('check', 'data/Goods/first.csv').out)

    def test_a_date_that_may_be_two_is_marked(self):
        fields = self.accept(self.infer(b'Id,Day\n1,03/04/2022\n2,05/06/2022\n').out)
        self.assertEqual(fields['Day'], {'type': 'date', 'formats': '%d/%m/%Y', 'required': True,
                                         'doc': 'To be looked at: %m/%d/%Y fits every value too'})

    def test_numbers_with_commas_get_their_form(self):
        draft = self.infer('Id;Net;Gross;Pieces;Rate\n1;1.234,56;1,5;1,234,567;1,234\n2;-7;-;12;7\n'.encode()).out
        self.assertEqual(self.accept(draft), {
            'Id': {'type': 'int64', 'required': True},
            'Net': {'type': 'decimal(14,2)', 'number': {'thousands': '.', 'decimal': ','}, 'required': True},
            'Gross': {'type': 'decimal(13,1)', 'number': {'decimal': ','}},
            'Pieces': {'type': 'int64', 'number': {'thousands': ','}, 'required': True},
            'Rate': {'type': 'text', 'required': True,
                     'doc': 'To be looked at: numbers, whose comma may stand before places or between thousands'}})
        self.assertIn('2 rows, 0 of them would be rejected', self.work.command('check', 'data/Goods/first.csv').out)

    def test_points_that_may_stand_between_thousands_are_marked_where_others_have_decimal_commas(self):
        doc = 'To be looked at: numbers, whose point may stand before places or between thousands'
        for net, pieces in (('0,5', {'type': 'text', 'doc': doc}), ('0.5', {'type': 'decimal(15,3)'})):
            draft = self.infer(f'Id;Net;Pieces;Rate\n1;{net};12.500;1.25\n2;;12;\n'.encode()).out
            fields = self.accept(draft)
            self.assertEqual((fields['Pieces'], fields['Rate']), ({**pieces, 'required': True}, {'type': 'decimal(14,2)'}))

    def test_a_line_that_tells_the_delimiter_is_skipped(self):
        for begin, delimiter, skip in ((b'\xef\xbb\xbfsep=;\r\n', ';', 1), (b'sep=,\n', ',', 1), (b'', ';', None)):
            draft = json.loads(self.infer(begin + b'Id;A'.replace(b';', delimiter.encode()) + b'\r\n1' + delimiter.encode() +
                                          b'"2"\r\n').out)
            self.assertEqual((draft.get('skip'), draft.get('delimiter', ','), list(draft['fields'])), (skip, delimiter, ['Id', 'A']))
            self.accept(json.dumps(draft))
            self.assertIn('1 row, 0 of them would be rejected', self.work.command('check', 'data/Goods/first.csv').out)

    def test_json_with_nested_values_and_absent_members(self):
        outcome = self.infer(b'[{"a": 1, "b b": {"c": 1}, "d": [2], "e": true, "f": "x"},\n'
                             b' {"a": 2.50, "e": null, "g": 12345678901234567890}]', 'first.json', '--feed', 'Goods')
        fields = self.accept(outcome.out)
        self.assertEqual(fields, {'a': {'type': 'decimal(14,2)', 'required': True}, 'e': {'type': 'bool'},
                                  'f': {'type': 'text'}, 'g': {'type': 'text'}})
        self.assertIn('an object or list, "b b" is left out\n', outcome.err)
        self.assertIn('an object or list, "d" is left out\n', outcome.err)
        self.assertIn('is read by a path: "from": "OBJECT.MEMBER"', outcome.err)

    def test_records_on_lines_of_their_own_are_told_from_other_json(self):
        for content, form, rows, rejected in ((b'{"a": 1}\n{"a": 2}\n', 'ndjson', 2, 0), (b'{"a": 1}\n{"a":\n{"a": 3}\n', 'ndjson', 3, 1),
                                              (b'{"a": 1}\n', 'json', 1, 0), (b'{"a": 1}{"a":\n2}\n', 'json', 2, 0),
                                              (b'[{"a": 1},\n{"a": 2}]\n', 'json', 2, 0)):
            draft = self.infer(content, 'first.json').out
            self.assertEqual(json.loads(draft)['format'], form)
            self.accept(draft)
            counts = f'{rows} row{"s" if rows > 1 else ""}, {rejected} of them would be rejected'
            self.assertIn(counts, self.work.command('check', 'data/Goods/first.json', expect=None).out)

    def test_more_columns_than_a_feed_may_use_and_names_that_collide(self):
        names = [f'C {i}' for i in range(150)] + ['C_0', 'C-0', '%%']
        content = ','.join(names) + '\n' + ','.join(str(i) for i in range(153)) + '\n' + 'x\n'
        outcome = self.infer(content.encode())
        fields = self.accept(outcome.out)
        self.assertEqual(len(fields), 153)
        self.assertEqual({field['type'] for field in fields.values()}, {'int64'})
        self.assertEqual([fields[name]['from'] for name in ('C_0', 'C_0_2', 'C_0_3', '_')], ['C 0', 'C_0', 'C-0', '%%'])
        self.assertIn('1 of 2 rows could not be read and have no say, the first in line 3: found 1 field, expected 153',
                      outcome.err)

    def test_columns_beyond_those_that_a_draft_has_are_told(self):
        for columns, more in ((256, False), (257, True)):
            content = ','.join(f'C{i}' for i in range(columns)) + '\n' + ','.join('1' for i in range(columns)) + '\n'
            outcome = self.infer(content.encode())
            self.assertEqual((len(json.loads(outcome.out)['fields']), 'the columns behind the first 256 are left out' in outcome.err),
                             (256, more))

    def test_columns_that_share_a_name_are_left_out(self):
        outcome = self.infer(b'Id,Tip,A\tB,Tip,A_B,Tip,\n1,2,3,4,5,6,\n')
        self.assertEqual(self.accept(outcome.out), {name: {'type': 'int64', 'required': True, **more} for name, more in (
            ('Id', {}), ('A_B', {'from': 'A\tB'}), ('A_B_2', {'from': 'A_B'}))})
        self.assertEqual(outcome.err.count('a name that several columns have, "Tip" is left out\n'), 1, outcome)
        self.assertIn('1 row, 0 of them would be rejected', self.work.command('check', 'data/Goods/first.csv').out)
        self.assertIn('error: data/Goods/none.csv: no column that a field could read',
                      self.infer(b'Id,Id\n1,2\n', 'none.csv', expect=65).err.replace(str(self.work.root) + '/', ''))

    def test_real_files_are_read_whole_by_their_draft(self):
        for feed, path in self.real_files():
            with self.subTest(feed):
                self.accept(self.infer(path.read_bytes(), path.name).out)
                self.assertIn(' 0 of them would be rejected', self.work.command('check', f'data/Goods/{path.name}').out)

    def test_other_delimiters_are_found(self):
        for delimiter in (';', '\t', '|'):
            with self.subTest(delimiter=delimiter):
                draft = self.infer('"Id";"Net, EUR";"Note"\r\n1;2;"a;b"\r\n2;3;\r\nx\r\n'.replace(';', delimiter).encode()).out
                self.assertEqual(json.loads(draft)['delimiter'], delimiter)
                self.assertEqual(self.accept(draft), {
                    'Id': {'type': 'int64', 'required': True}, 'Note': {'type': 'text'},
                    'Net_EUR': {'from': 'Net, EUR', 'type': 'int64', 'required': True}})
        draft = json.loads(self.infer(b'Note\none; two\nthree\n').out)
        self.assertNotIn('delimiter', draft)
        self.assertEqual(list(draft['fields']), ['Note'])
        self.assertNotIn('delimiter', json.loads(self.infer(b'Note; more\none\ntwo\nthree; four\n').out))

    def test_what_is_no_utf_8_is_taken_for_windows_1252(self):
        outcome = self.infer('Id;Größe\n1;Café €\n'.encode('windows-1252'))
        self.assertEqual(json.loads(outcome.out)['encoding'], 'windows-1252')
        self.assertEqual(set(self.accept(outcome.out)), {'Id', 'Gr_e'})
        self.assertIn('it is not UTF-8, and was read as windows-1252', outcome.err)
        outcome = self.infer('[{"Id": 1, "Note": "Café"}]'.encode('latin-1'), 'first.json')
        self.assertEqual(json.loads(outcome.out)['encoding'], 'windows-1252')
        self.assertIn('Note', self.accept(outcome.out))
        outcome = self.infer('Id,Note\n1,Café\n2,'.encode() + b'Caf\xe9\n')
        self.assertNotIn('encoding', json.loads(outcome.out))
        self.assertIn('1 of 2 rows could not be read and have no say, the first in line 3', outcome.err)

    def test_what_is_no_file_of_rows(self):
        told = self.infer(b'{"a":1,}', expect=65).err
        self.assertIn('1 of 1 rows could not be read and have no say, the first in line 1: 1:8: ', told)
        self.assertIn('no column that a field could read', told)
        told = self.infer(b'{"next": {}, "data": [{"id": 1}]}', 'all.json', expect=65).err
        self.assertIn('an object or list, "data" is left out\n', told)
        self.assertIn('"LIST[].MEMBER"\n', told)
        self.assertNotIn('could not be read', told)
        self.assertIn('empty file', self.infer(b'', expect=65).err)
        self.assertIn('never closes', self.infer(b'a,b\n"', expect=65).err)
        self.assertIn('no column that a field could read', self.infer(b',,\n1,2,3\n', expect=65).err)
        self.assertIn('cannot open', self.work.command('schema', 'infer', 'nowhere.csv', expect=1).err)
        for arguments in ((), ('infer',), ('infer', 'a', 'b'), ('diff', 'a'), ('draw', 'a')):
            self.assertIn('schema', self.work.command('schema', *arguments, expect=64).err)

    def diff(self, new, expect=1, old=BASE):
        (self.schemas / 'Goods' / '1.json').write_text(json.dumps(old))
        (self.schemas / 'Goods' / '2.json').write_text(json.dumps(new))
        return self.work.command('schema', 'diff', 'schemas/Goods/1.json', 'schemas/Goods/2.json', expect=expect).out

    def test_a_difference_field_by_field(self):
        new = json.loads(json.dumps(BASE))
        new['version'] = 2
        self.assertEqual(self.diff(new, expect=0), 'equal\n')
        fields = new['fields']
        del fields['Old']
        fields['Price'] = {'type': 'decimal(12,2)', 'required': True, 'doc': 'Euro'}
        fields['Size'] = {'type': 'int64', 'strip_prefix': '#'}
        fields['Seller'] = fields.pop('Shop')
        fields['Tax'] = {'type': 'int64', 'required': True}
        new['match'] = 'Tax'
        self.assertEqual(self.diff(new).splitlines(), [
            '~ "match" is new', '~ Price: decimal(9,2) is now decimal(12,2), wider', '~ Price: required now',
            '- Old: text', '~ Size: "strip_prefix" is new', '~ Shop is called Seller now: the pipeline knows them as two fields',
            '+ Tax: int64, required',
            'yes: both can be versions of one feed, where the pipeline uses a field that is wider now after `dropfold replay`'])

    def test_whether_one_can_follow_the_other(self):
        new = {**BASE, 'version': 2, 'fields': {**BASE['fields'], 'Size': {'type': 'text'}}}
        self.assertEqual(self.diff(new).splitlines(), [
            '~ Size: int64 is now text, of another kind: neither holds every value of the other',
            'no: both cannot be versions of one feed, as a field has one type there'])
        new['fields']['Size'] = {'type': 'int64', 'null': '-'}
        new['fields']['Price'] = {'type': 'int64'}
        self.assertEqual(self.diff(new).splitlines()[:2], [
            '~ Price: decimal(9,2) is now int64, narrower', '~ Size: "null" is new'])
        self.assertIn('as a higher version it would be chosen for the old files too', self.diff(new))
        extending = {'feed': 'Goods', 'version': 2, 'extends': 1, 'match': 'x', 'fields': {'Size': {'type': 'bool'}}}
        self.assertIn('~ Size: int64 is now bool, of another kind', self.diff(extending))

    def test_another_form_of_the_files(self):
        self.assertEqual(self.diff({**BASE, 'version': 2, 'delimiter': ';', 'skip': 1}).splitlines(), [
            '~ "delimiter" is new', '~ "skip" is new', 'yes: both can be versions of one feed'])
        self.assertEqual(self.diff({**BASE, 'feed': 'Others'}).splitlines(), [
            '~ "feed" is another', 'no: they are of two feeds'])
        taken = 'would be chosen for the old files too'
        self.assertIn(taken, self.diff({**BASE, 'version': 2, 'encoding': 'latin-1'}))
        for old, new, takes in (('ndjson', 'json', True), ('json', 'ndjson', False)):
            self.assertEqual(taken in self.diff({**BASE, 'version': 2, 'format': new}, old={**BASE, 'format': old}), takes)

    def test_mistakes_of_both_are_told_at_their_places(self):
        (self.schemas / 'Goods' / '1.json').write_text('{"feed": "Goods", "version": 1, "format": "cvs", "fields": {}}')
        (self.schemas / 'Goods' / '2.json').write_text('{"feed": "Goods"}')
        outcome = self.work.command('schema', 'diff', 'schemas/Goods/1.json', 'schemas/Goods/2.json', expect=78)
        self.assertIn('schemas/Goods/1.json:1:43: unknown word "cvs"', outcome.err)
        self.assertIn('schemas/Goods/2.json:1:1: "version" is missing', outcome.err)
