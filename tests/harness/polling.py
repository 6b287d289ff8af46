"""Waiting for something to become true, with a generous deadline instead of a guess."""
import time

DEADLINE = 120
PAUSE = 0.02


def until(predicate, what, seconds=DEADLINE, pause=PAUSE):
    """The first true value of predicate(). Fails with what() and with what predicate last said or raised."""
    end = time.monotonic() + seconds
    while True:
        try:
            last = predicate()
            if last:
                return last
        except (OSError, LookupError, TypeError, ValueError, AssertionError) as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what()}; last seen: {last!r}')
        time.sleep(pause)
