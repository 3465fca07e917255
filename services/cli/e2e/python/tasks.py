"""The example's worker with tasks that fail, wait and end as the tests ask. Arguments: its name, its capacity."""

import asyncio
import os
import sys

import worker
from worker import TaskError


class Watched(worker.Worker):
    """Says which of the protocol's steps it takes, so that tests can wait for them."""

    def _frame(self):
        frame = super()._frame()
        if frame.results:
            worker.say(f"sends frame {frame.frame}")
        return frame

    def _receive(self, frame):
        if frame.draining:
            worker.say("is told to drain")
        super()._receive(frame)


async def echo(value, _context):
    return value


async def flaky(times, context):
    """Fails as often as its input says."""
    context.log(f"attempt {context.task.attempt}", level="warn")
    if context.task.attempt <= times:
        raise TaskError("FLAKY", f"Attempt {context.task.attempt} fails.", retry_after_ms=20)
    return {"key": context.task.idempotency_key}


async def declined(_value, _context):
    raise TaskError("CARD_DECLINED", "The bank declined the card.", permanent=True, guidance="Ask for another card.")


async def broken(_value, _context):
    raise ValueError("thrown by mistake")


async def large(size, _context):
    return "x" * size


async def wait(path, context):
    """Runs until the file is there."""
    context.log("waits")
    context.progress({"waits": True})
    worker.say(f"begins {context.task.run_id} attempt {context.task.attempt}")
    try:
        while not os.path.exists(path):
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        worker.say(f"stops {context.task.run_id}")
        raise
    worker.say(f"ends {context.task.run_id}")
    return {"attempt": context.task.attempt}


worker.Worker = Watched
HANDLERS = (echo, flaky, declined, broken, large, wait)
asyncio.run(
    worker.main({f"test.{task.__name__}": task for task in HANDLERS}, name=sys.argv[1], capacity=int(sys.argv[2]))
)
