#!/usr/bin/env python3
"""Writes a made-up sample for a pipeline of schemas/examples, with the quirks real files have.

pins      posts as JSON, arrays and lines in turn: followers as "124k" or "User Info Error", lists of tags with stray commas
          and "#", titles in several scripts; some posts come again later with other followers
products  snapshots of a shop as nested JSON, the time in the file's name: prices as texts or numbers, several snapshots a
          day, some of which arrive late
trending  items with list and sale prices as semicolon-separated windows-1252: "1.234,50 €", local times of Berlin over the
          night in which its clocks are put forward

The same options and seed give the same bytes. Files get the modification times of their order.
"""
import argparse
import json
import os
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

FIRST_FILE = 1_710_000_000


def dumped(value):
    return json.dumps(value, ensure_ascii=False)


# --- pins -------------------------------------------------------------------------------------------------------------

CATEGORIES = ('travel', 'home-decor', 'Kunst & Küche', '食べ物')
WORDS = ('art', 'Zürich', 'тест', 'café', 'garden', '山', 'DIY')
TITLES = ('A weekend in Kisumu', 'Zoë’s  café ☕', '山の写真', 'No Title Data Available', '', 'Ünïcode & "quotes"', 'Дача\tлетом')


def followers(rng):
    return rng.choice((f'{rng.randrange(1, 999)}k', f'{rng.randrange(1, 99)}.{rng.randrange(1, 10)}k', f'{rng.randrange(1, 9)}M',
                       f'{rng.randrange(1, 99)},{rng.randrange(1000):03d}', str(rng.randrange(1000)), 'User Info Error'))


def tags(rng):
    if rng.random() < 0.15:
        return 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e'
    parts = [rng.choice(('', '#', ' #')) + rng.choice(WORDS) + rng.choice(('', ' ')) for _ in range(rng.randrange(4))]
    return rng.choice((',', ', ', ',,')).join(parts) + rng.choice(('', ',', ', ,', '#'))


def post(rng, number):
    count = followers(rng)
    return {'index': number, 'unique_id': f'{rng.getrandbits(64):016x}-{number}',
            'created_at': (datetime(2024, 3, 1) + timedelta(seconds=rng.randrange(5 * 86400))).isoformat() + 'Z',
            'category': rng.choice(CATEGORIES), 'title': rng.choice(TITLES), 'follower_count': count,
            'poster_name': 'User Info Error' if count == 'User Info Error' else rng.choice(('Ada', 'Zoë', '李', 'O’Hara')),
            'tag_list': tags(rng), 'is_image_or_video': 'image', 'save_location': 'Local save in /data/pins'}


def pins(rng, rows, files):
    posts = [post(rng, number) for number in range(rows)]
    for number in range(files):
        mine = posts[number::files]
        if number:  # seen again: the poster is known, or has other followers
            mine = mine + [{**again, 'follower_count': f'{rng.randrange(1, 999)}k', 'poster_name': 'Ada'}
                           for again in rng.sample(posts[number - 1::files], max(1, len(mine) // 20))]
        else:
            mine = mine + [{**posts[0], 'unique_id': 'bad-1', 'follower_count': 'many'}, {**posts[0], 'unique_id': None},
                           {**posts[0], 'unique_id': 'bad-3', 'created_at': '2024-02-30T10:00:00Z'}]
        if number % 2:
            yield f'posts-{number + 1:02d}.ndjson', ''.join(dumped(one) + '\n' for one in mine).encode()
        else:
            yield f'posts-{number + 1:02d}.json', json.dumps(mine, indent=1, ensure_ascii=number % 4 == 0).encode()


# --- products ---------------------------------------------------------------------------------------------------------

VENDORS = ('Mühle & Söhne', 'Kitengela Glass', 'Åre Sport')


def variant(rng, number, cents):
    text = f'{cents // 100}.{cents % 100:02d}'
    was = rng.choice((None, None, '', f'{cents // 100 + rng.randrange(1, 9)}.50'))
    return {'id': number, 'title': rng.choice(('Default Title', 'S', 'Größe L')), 'sku': f'SKU-{number}',
            'price': float(text) if rng.random() < 0.3 else text, 'compare_at_price': was,
            'available': rng.choice((True, True, False, None))}


def products(rng, rows, files):
    """Each file has every product; a fifth of the prices change from one snapshot to the next."""
    count = max(2, rows // (3 * files))
    prices = {number: rng.randrange(100, 99999) for number in range(3 * count)}
    moment = datetime(2024, 2, 27, 6)
    snapshots = []
    for number in range(files):
        for changed in rng.sample(sorted(prices), len(prices) // 5):
            prices[changed] = rng.randrange(100, 99999)
        shop = [{'id': 1000 + i, 'title': f'Cup {i}', 'vendor': VENDORS[i % len(VENDORS)], 'tags': ['cup', 'clay'],
                 'options': [{'name': 'Title', 'values': ['S', 'L']}],
                 'variants': [variant(rng, 50000 + 3 * i + k, prices[3 * i + k]) for k in range(1 + i % 3)]} for i in range(count)]
        if number == 0:
            shop += [{**shop[0], 'id': 1, 'variants': []}, {**shop[0], 'id': 2, 'variants': [{'id': 7, 'price': '1.005'}]}]
        snapshots.append((f'products_{moment:%Y%m%dT%H%M%S}.json', dumped(shop).encode()))
        moment += timedelta(hours=rng.choice((5, 11, 26)), seconds=rng.randrange(3600))
    if files > 2:  # one arrives late
        snapshots[1], snapshots[2] = snapshots[2], snapshots[1]
    yield from snapshots


# --- trending ---------------------------------------------------------------------------------------------------------

def price(rng, cents):
    euros, rest = divmod(cents, 100)
    text = f'{euros:,}'.replace(',', '.') + f',{rest:02d}'
    return rng.choice((f'{text} €', f'€ {text}', f'{text} EUR', text))


def trending(rng, rows, files):
    for number in range(files):
        lines = ['Item;Category;List Price;Sale Price;Seen;Remark']
        for i in range(rows // files):
            cents = rng.randrange(199, 300000)
            sale = price(rng, cents - rng.randrange(cents // 2)) if rng.random() < 0.6 else rng.choice(('', '-'))
            seen = datetime(2024, 3, 29) + timedelta(minutes=rng.randrange(4 * 24 * 60))
            if datetime(2024, 3, 31, 2) <= seen < datetime(2024, 3, 31, 3):
                seen += timedelta(hours=1)
            lines.append(f'{rng.choice(("", "#"))}{rng.randrange(rows // 2)};{rng.choice(("Töpfe", "Pfannen", "Besteck"))};'
                         f'{price(rng, cents)};{sale};{seen:%d.%m.%Y %H:%M};"neu; „gut“"')
        if number == 0:
            lines += ['1;Töpfe;5,00;;31.03.2024 02:30;skipped by the clocks', '2;Töpfe;1,5,0;;30.03.2024 10:00;no price',
                      '3;;5,00;;30.03.2024 10:00;no category']
        yield f'items-{number + 1:02d}.csv', '\r\n'.join(lines).encode('cp1252')


EXAMPLES = {'pins': ('Posts', pins), 'products': ('Products', products), 'trending': ('Items', trending)}


def write(name, out, rows=600, files=6, seed=1):
    """Writes the sample of the example `name` below the folder `out`; returns its feed, [path, ...] in the order of their
    times, and the bytes of all: a dropfold may have taken files away by then."""
    feed, make = EXAMPLES[name]
    if files < 1 or rows < files:
        raise ValueError('at least one file, and one row a file')
    folder = Path(out, feed)
    folder.mkdir(parents=True, exist_ok=True)
    paths, size = [], 0
    for number, (file, content) in enumerate(make(random.Random(seed), rows, files)):
        path, hidden = folder / file, folder / f'.{file}.part'
        hidden.write_bytes(content)
        os.utime(hidden, (FIRST_FILE + number, FIRST_FILE + number))
        hidden.rename(path)  # whole and with its time, at once
        paths.append(path)
        size += len(content)
    return feed, paths, size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('example', choices=sorted(EXAMPLES))
    parser.add_argument('--out', required=True, metavar='DIR', help="folder that gets the feed's folder")
    parser.add_argument('--rows', type=int, default=600, metavar='N', help='rows of all files together, about (600)')
    parser.add_argument('--files', type=int, default=6, metavar='N', help='files (6)')
    parser.add_argument('--seed', type=int, default=1, metavar='S', help='another seed is another sample (1)')
    options = parser.parse_args()
    try:
        feed, paths, size = write(options.example, options.out, options.rows, options.files, options.seed)
    except (ValueError, OSError) as error:
        sys.exit(f'sample_examples.py: {error}')
    print(f'{feed}: {len(paths)} files, {size} bytes')


if __name__ == '__main__':
    main()
