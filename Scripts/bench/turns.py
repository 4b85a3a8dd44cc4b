"""How the rivals take turns with foley-bench."""

import sys
import time


def take_turns(run, repeat, wait):
    """Runs once unmeasured, then `repeat` times, after a line on standard input each if `wait`; prints the wall and
    processor seconds that `run` took, or those it returns."""
    run()
    for _ in range(repeat):
        if wait:
            print("ready", flush=True)
            if not sys.stdin.readline():
                return
        processor, began = time.process_time(), time.perf_counter()
        own = run()
        wall, processor = time.perf_counter() - began, time.process_time() - processor
        if isinstance(own, float):
            wall, processor = own, processor * own / wall
        print(f"{wall:.4f} {processor:.4f}", flush=True)
