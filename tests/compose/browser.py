"""A headless Chromium, driven through its DevTools protocol over two pipes."""
import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ('chromium', 'chromium-browser', 'google-chrome')


class BrowserError(Exception):
    """The page did not do what was asked."""


class Browser:
    """One page. Give it up with close(), or use it in a with statement."""

    def __init__(self, width=1280, height=800):
        self.profile = tempfile.mkdtemp(prefix='dropfold-browser.')
        self.numbers = itertools.count(1)
        self.buffer = b''
        to_browser, self.to_browser = os.pipe()
        self.from_browser, from_browser = os.pipe()
        binary = next(filter(None, map(shutil.which, NAMES)), NAMES[0])
        # The browser reads its descriptor 3 and writes its descriptor 4; a shell puts the pipes there.
        self.process = subprocess.Popen(
            ['sh', '-c', f'exec "$@" 3<&{to_browser} 4>&{from_browser}', 'sh', binary, '--headless=new', '--no-sandbox',
             '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--no-proxy-server', '--remote-debugging-pipe',
             f'--user-data-dir={self.profile}', f'--window-size={width},{height}', 'about:blank'],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.session = None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        os.close(self.to_browser)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.from_browser)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _read(self, deadline):
        while b'\0' not in self.buffer:
            if not select.select([self.from_browser], [], [], max(0, deadline - time.monotonic()))[0]:
                raise BrowserError('the browser does not answer')
            data = os.read(self.from_browser, 1 << 16)
            if not data:
                raise BrowserError('the browser is gone')
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b'\0')
        return json.loads(message)

    def call(self, method, **params):
        """The result of one command; events are passed over."""
        number = next(self.numbers)
        message = {'id': number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + 60
        while True:
            answer = self._read(deadline)
            if answer.get('id') == number:
                if 'error' in answer:
                    raise BrowserError(f'{method}: {answer["error"]["message"]}')
                return answer['result']

    def open(self, url):
        self.call('Page.navigate', url=url)

    def evaluate(self, script):
        answer = self.call('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in answer:
            raise BrowserError(answer['exceptionDetails'].get('exception', {}).get('description', 'a script failed'))
        return answer['result'].get('value')

    def wait(self, script, what, seconds=60):
        """The first value of `script` that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.2)
        raise BrowserError(f'no {what} after {seconds} s')

    def place(self, script, what, seconds=60):
        """The middle of the element that `script` finds, once it is there, scrolled into view."""
        return self.wait(f'''(() => {{
            const element = {script};
            if (!element) return null;
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            return box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
        }})()''', what, seconds)

    def click(self, script, what, times=1, button='left'):
        x, y = self.place(script, what)
        for count in range(1, times + 1):
            for kind in ('mousePressed', 'mouseReleased'):
                self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button=button, clickCount=count)

    def screenshot(self, path, **options):
        shot = self.call('Page.captureScreenshot', format='png', **options)
        Path(path).write_bytes(base64.b64decode(shot['data']))
