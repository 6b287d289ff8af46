"""Waiting for something to become true, with a generous deadline instead of a guess."""
import time

DEADLINE = 120
PAUSE = 0.02


def until(predicate, what, seconds=DEADLINE, pause=PAUSE):
    """The first true value of predicate(). Fails with what() and with what predicate last said or raised.

    A look that is dear, as one by a command is, is taken less often: what it looks at needs the machine too.
    """
    end = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        try:
            last = predicate()
            if last:
                return last
        except (OSError, LookupError, TypeError, ValueError, AssertionError) as error:
            last = error
        now = time.monotonic()
        if now > end:
            raise AssertionError(f'not within {seconds} s: {what()}; last seen: {last!r}')
        time.sleep(max(pause, 2 * (now - began)))
