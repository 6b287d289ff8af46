"""The rules of src/ as functions: each takes the source tree and returns its violations as "path: what" lines."""
import re
import subprocess
from fnmatch import fnmatch

FLOORS_BELOW = {
    'base': set(),
    'model': {'base'},
    'parse': {'base', 'model'},
    'engine': {'base', 'model'},
    'feed': {'base', 'model', 'parse'},
    'store': {'base', 'model'},
    'target': {'base', 'model'},
    'app': {'base', 'model', 'parse', 'engine', 'feed', 'store', 'target'},
    'cli': {'base', 'model', 'parse', 'engine', 'feed', 'store', 'target', 'app'},
    'main.c': {'base', 'app', 'cli'},
}

CAGES = {
    'csv.h': ('parse/csv_reader*',),
    'cjson/*': ('parse/json_reader*.c', 'model/doc*.c'),
    'cJSON.h': ('parse/json_reader*.c', 'model/doc*.c'),
    'sqlite3.h': ('store/*', 'target/target_sqlite*'),
    'libpq-fe.h': ('target/pg_*',),
    'uv.h': ('feed/*', 'target/*', 'app/*'),
    'zlib.h': ('parse/unpack.c',),
    'zstd*.h': ('parse/unpack.c',),
    'pcre2.h': ('model/pattern.c',),
    'openssl/*': ('base/hash.c',),
    'xxhash.h': ('base/hash.c',),
}

PURE = ('base', 'model', 'parse', 'engine')
PURE_HEADERS = set('assert.h ctype.h endian.h errno.h float.h inttypes.h limits.h math.h stdalign.h stdarg.h stdbool.h '
                   'stddef.h stdint.h stdio.h stdlib.h string.h strings.h'.split())
ABOVE_PURE = {'base/log.h', 'base/clock.h'}  # seen by each other only
# What reads configuration, writes messages, asks for the time or for memory may see the operating system, and no other
# pure file.
OPENINGS = {
    'base/arena.c': {'sanitizer/asan_interface.h'},
    'base/pages.c': {'sys/mman.h'},
    'parse/csv_scan.c': {'immintrin.h', 'arm_neon.h'},
    'base/log.[ch]': {'unistd.h', 'time.h'},
    'base/clock.[ch]': {'time.h'},
    'model/value*.c': {'locale.h'},
    'model/doc*.c': {'fcntl.h', 'unistd.h', 'sys/stat.h', 'sys/types.h'},
    'model/pipeline*.c': {'dirent.h', 'sys/stat.h', 'sys/types.h'},
    'model/zone_load.c': {'dirent.h', 'fcntl.h', 'unistd.h'},
}
IMPURE_CALLS = ('open openat fopen read write printf fprintf puts getenv time clock clock_gettime gmtime localtime rand '
                'random sleep usleep pthread_create').split()
CALL_OPENINGS = {'base/log.c': {'write', 'time'}, 'base/clock.c': {'clock_gettime'}, 'model/doc*.c': {'open', 'read'},
                 'model/zone_load.c': {'open', 'getenv'}}

BANNED_CALLS = 'system popen sprintf vsprintf strcpy strcat gets'.split()

# The default pipeline is a setting; what it computes is not known to the program.
COMPILED_IN = re.compile(r'\b(Orders|Customers|Deliveries|ecommerce\w*|customer_windows|(?:Order|Customer|Task)_ID|SKU)\b')
DEFAULT_PIPELINE = 'schemas/ecommerce.json'


FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 40


def sources(src):
    return sorted(path for path in src.rglob('*.[ch]'))


def relative(src, path):
    return path.relative_to(src).as_posix()


def floor(name):
    return name.split('/')[0]


def matches(name, patterns):
    return any(fnmatch(name, pattern) for pattern in patterns)


def opened(name, openings):
    return {word for pattern, words in openings.items() if fnmatch(name, pattern) for word in words}


def includes(text):
    """(header, True when quoted) of every #include."""
    return [(header, mark == '"') for mark, header in re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', text, re.M)]


TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code(text, strings=True):
    """`text` without comments; without the insides of strings too unless `strings`."""
    def blank(match):
        token = match[0]
        if token.startswith('/'):
            return ' ' + '\n' * token.count('\n')
        return token if strings else token[0] * 2
    return TOKENS.sub(blank, text)


def each(src):
    for path in sources(src):
        yield relative(src, path), path.read_text(encoding='utf-8')


def floors(src):
    """A file includes its own folder and lower floors only, and names the folder."""
    for name, text in each(src):
        own = floor(name)
        if own not in FLOORS_BELOW:
            yield f'{name}: stands in no known floor'
            continue
        for header, quoted in includes(text):
            if not quoted:
                continue
            if '/' not in header:
                yield f'{name}: includes "{header}" without its folder'
            elif floor(header) != own and floor(header) not in FLOORS_BELOW[own]:
                yield f'{name}: includes "{header}", {own} may not see {floor(header)}'


def cages(src):
    """A library's header is included only where it is wrapped."""
    for name, text in each(src):
        for header, _ in includes(text):
            for caged, places in CAGES.items():
                if fnmatch(header, caged) and not matches(name, places):
                    yield f'{name}: includes {header}, allowed only in {", ".join(places)}'


def purity(src):
    """The pure floors see no clock, log, thread or file."""
    for name, text in each(src):
        if floor(name) not in PURE:
            continue
        for header, quoted in includes(text):
            if quoted and header in ABOVE_PURE and not matches(name, ('base/log.[ch]', 'base/clock.[ch]')):
                yield f'{name}: includes "{header}"'
            if not quoted and header not in PURE_HEADERS | opened(name, OPENINGS) and not any(
                    fnmatch(header, caged) for caged in CAGES):
                yield f'{name}: includes <{header}>'
        for call in set(calls(text, IMPURE_CALLS)) - opened(name, CALL_OPENINGS):
            yield f'{name}: calls {call}()'


def calls(text, names):
    return re.findall(r'(?<![\w.>])(' + '|'.join(names) + r')\s*\(', code(text, strings=False))


def banned(src):
    """No call that takes a shell or an unbounded buffer."""
    for name, text in each(src):
        for call in calls(text, BANNED_CALLS):
            yield f'{name}: calls {call}()'


def compiled_in(src):
    """Feeds, fields and tables are data: no name of them stands in code."""
    for name, text in each(src):
        for number, line in enumerate(code(text).splitlines(), 1):
            found = COMPILED_IN.search(line.replace(DEFAULT_PIPELINE, ''))
            if found:
                yield f'{name}:{number}: names {found[0]}'


def sizes(src):
    """A file can be read in one go, and a function seen at one glance."""
    for name, text in each(src):
        lines = text.splitlines()
        if len(lines) > FILE_LINES_MAX:
            yield f'{name}: has {len(lines)} lines, the most is {FILE_LINES_MAX}'
        begin = None  # as clang-format has it: a function's braces stand alone in the first column
        for number, line in enumerate(lines, 1):
            if line == '{':
                begin = number
            elif line == '}' and begin is not None:
                if number - begin - 1 > FUNCTION_LINES_MAX:
                    yield f'{name}:{begin}: a function of {number - begin - 1} lines, the most is {FUNCTION_LINES_MAX}'
                begin = None


def mapped(src, page, folder):
    """The section "Inside `folder`" of the page names every file of the folder, and no other."""
    section = re.search(rf'^## Inside `{folder}`\n(.*?)(?=^## |\Z)', page.read_text(encoding='utf-8'), re.M | re.S)
    told = set(re.findall(r'`(\w+)`', section[1])) if section else set()
    there = {path.stem for path in (src / folder).glob('*.[ch]') if not path.stem.endswith('_internal')}
    for stem in sorted(there - told):
        yield f'{page.name}: "Inside `{folder}`" does not name {stem}'
    for stem in sorted(told - there):
        yield f'{page.name}: "Inside `{folder}`" names {stem}, which is not there'


def mutable_globals(objects):
    """No object file has a variable that is not constant. Tables of constant pointers lie in .data.rel.ro."""
    listing = subprocess.run(['objdump', '-t', *map(str, objects)], check=True, capture_output=True, text=True).stdout
    name = '?'
    for line in listing.splitlines():
        if 'file format' in line:
            name = line.split(':')[0]
            continue
        match = re.match(r'[0-9a-f]+ .{5}([ dfF])[ fFO] (\S+)\s+[0-9a-f]+ (?:\.hidden )?(\S+)$', line)
        if match and match[1] == ' ' and re.match(r'\.(data(?!\.rel\.ro)|bss|tdata|tbss)|\*COM\*', match[2]):
            yield f'{name}: {match[3]} is a mutable global ({match[2]})'
