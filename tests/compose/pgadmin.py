"""pgAdmin as a person uses it: opens the tree down to a table, asks for its rows, reads them off the grid."""
import json
import time

from browser import BrowserError

# An entry of the tree; only one way down it is ever opened, so a depth and a name are enough.
ENTRY = '''[...document.querySelectorAll(".file-entry.depth-%d")].find(
    entry => entry.querySelector(".file-name").innerText.trim() === %s)'''

# Each open table has a frame; the grid of the visible one.
TABLE = '([...document.querySelectorAll("iframe")].find(frame => frame.checkVisibility())?.contentDocument ?? document)'
GRID = f'''(() => {{
    const grid = {TABLE}.querySelector("[role=grid]");
    const texts = row => [...row.querySelectorAll("[role=columnheader], [role=gridcell]")].map(cell => cell.innerText);
    return grid ? [...grid.querySelectorAll("[role=row]")].map(texts) : null;
}})()'''


def entry(depth, name):
    return ENTRY % (depth, json.dumps(name))


class PgAdmin:
    def __init__(self, browser, url):
        self.browser = browser
        browser.open(url)
        browser.wait('!!document.querySelector(".file-entry")', 'tree of servers', 120)

    def descend(self, *path):
        """Opens each node of `path` but the last and chooses that one."""
        for depth, (name, child) in enumerate(zip(path, path[1:]), 1):
            self.unfold(depth, name, child)
        self.browser.click(entry(len(path), path[-1]), path[-1])

    def unfold(self, depth, name, child):
        """Opens a node until that child of it is seen."""
        self._toggle(depth, name, child, True)

    def fold(self, depth, name, child):
        self._toggle(depth, name, child, False)

    def _toggle(self, depth, name, child, wanted, seconds=60):
        # A click that comes while the tree is still being drawn is lost, so it is repeated while nothing happens.
        deadline = time.monotonic() + seconds
        toggle = f'{entry(depth, name)}.querySelector(".directory-toggle")'
        while self.browser.evaluate(f'!!{entry(depth + 1, child)}') != wanted:
            if time.monotonic() > deadline:
                raise BrowserError(f'{name} does not {"unfold" if wanted else "fold"} {child} within {seconds} s')
            self._refuse_prompts()
            self.browser.place(entry(depth, name), name)
            if self.browser.evaluate(f'!!{toggle} && {toggle}.classList.contains("open") != {json.dumps(wanted)} '
                                     f'&& !{toggle}.classList.contains("loading")'):
                self.browser.click(toggle, name)
            time.sleep(1)

    def _refuse_prompts(self):
        if self.browser.evaluate('[...document.querySelectorAll("input[type=password]")].some(field => field.checkVisibility())'):
            raise BrowserError('a password is asked for')

    def rows(self, seconds=60):
        """The chosen table's rows as far as they are drawn: header, then texts of cells."""
        self.browser.click('document.querySelector("button[aria-label=\'All Rows\']")', 'button for data')
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._refuse_prompts()
            found = self.browser.evaluate(GRID)
            if found and len(found) > 1:
                return found
            time.sleep(0.5)
        raise BrowserError(f'no rows after {seconds} s')

    def screenshot(self, path):
        """With nothing hovered, and once pgAdmin has taken its notices of success away."""
        self.browser.call('Input.dispatchMouseEvent', type='mouseMoved', x=700, y=300)
        self.browser.wait(f'!/Successfully run|Database connected/.test(document.body.innerText + {TABLE}.body.innerText)',
                          'view without a notice')
        self.browser.screenshot(path)
