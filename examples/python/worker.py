"""A Millrace worker, written from docs/worker-protocol.md; the § numbers are its sections.

Run as a program it serves the tasks of workflow.yaml; imported, `Worker` serves any coroutines. They share a thread with
the heartbeats: whatever blocks, or computes for long, belongs into `asyncio.to_thread`.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import deque

import grpc.aio
from millrace.v1 import failures_pb2, workers_pb2, workers_pb2_grpc

RESULTS_MAX, RESULT_BYTES_MAX = 2_000, 2 << 20  # Of a frame, which takes 10,000 and 4 MiB; a large result goes alone.
KEPT_BYTES_MAX = 64 << 20  # Results kept until they are settled; beyond that no credit is granted.
LOGS_BYTES_MAX = 64 << 10
WELCOME_S = 10
LISTEN_S = 0.1  # For tasks that were on their way when the worker said that it drains.
BACKOFF_S, BACKOFF_HOLDING_MAX_S, BACKOFF_MAX_S = 0.05, 1, 5
REFUSED = {"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"}
STREAM_LOST = (grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.TimeoutError, ConnectionError)
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 16 << 20),
    # By default gRPC waits longer before it connects anew than the 5 s after which attempts count as lost (§6).
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Notices a server that vanished without a word.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
]


class TaskError(Exception):
    """Fails an attempt with a code of the handler's own: transient (tried again) or permanent (never)."""

    def __init__(self, code, message, *, permanent=False, guidance="", retry_after_ms=0):
        super().__init__(message)
        kind = failures_pb2.FAILURE_CLASS_PERMANENT if permanent else failures_pb2.FAILURE_CLASS_TRANSIENT
        self.failure = failures_pb2.Failure(code=code, message=message, guidance=guidance, retry_after_ms=retry_after_ms)
        setattr(self.failure, "class", kind)


class Context:
    """What a handler knows of its attempt; `task` also has the idempotency key. `progress` shows any JSON (§4)."""

    def __init__(self, task, progress):
        self.task, self.progress, self.lines = task, progress, []

    def log(self, message, level="info"):
        self.lines.append({"t": int(time.time() * 1000), "level": level, "msg": message})


class Worker:
    def __init__(self, address, handlers, *, name, build="1", capacity=100):
        self.address, self.handlers, self.name, self.build, self.capacity = address, handlers, name, build, capacity
        self.attempts = {}  # By key: the coroutines under way.
        self.held = {}  # By key: None while the attempt runs, then its result until that is settled.
        self.kept_bytes = 0  # Of the results in `held`.
        self.results = deque()  # Not in a frame yet.
        self.frames, self.frame = {}, 0  # Sent and not settled, by number; the last number.
        self.progress = {}  # By key: what the next frame reports.
        self.open_credits = 0  # Granted on this stream and not used.
        self.failures = 0  # Streams lost since the last welcome.
        self.stopping = self.closing = False  # `closing`: this stream drains, whichever side asked.
        self.wake = asyncio.Event()

    async def run(self):
        """Serves until `stop`; raises AioRpcError when the server refuses this worker."""
        async with grpc.aio.insecure_channel(self.address, options=CHANNEL_OPTIONS) as channel:
            while not self.stopping or self.held:
                try:
                    await self._serve(workers_pb2_grpc.WorkerServiceStub(channel).Connect())
                except STREAM_LOST as error:
                    if isinstance(error, grpc.aio.AioRpcError) and error.code().name in REFUSED:
                        raise
                    say(f"lost its stream: {error!r}".splitlines()[0])
                if not self.stopping or self.held:
                    longest = BACKOFF_HOLDING_MAX_S if self.held else BACKOFF_MAX_S
                    await asyncio.sleep(random.uniform(0, min(BACKOFF_S * 2**self.failures, longest)))
                    self.failures += 1

    def stop(self):
        """Takes no more tasks; `run` returns when everything under way is settled (§7)."""
        self.stopping = True
        self.wake.set()

    async def _serve(self, call):
        """One stream, from hello to its end (§1, §6)."""
        holding = [workers_pb2.TaskRef(**dict(key)) for key in self.held]
        hello = workers_pb2.WorkerHello(name=self.name, build=self.build, task_types=self.handlers, holding=holding)
        await call.write(workers_pb2.ConnectRequest(hello=hello))
        first = await asyncio.wait_for(call.read(), WELCOME_S)
        if first is grpc.aio.EOF:
            raise ConnectionError("no welcome")
        self.welcome, self.failures, self.open_credits, self.closing = first.welcome, 0, 0, self.stopping
        say(f"serves as {self.welcome.session}, holds {len(holding)}, sends {len(self.frames)} frames again")
        for number in sorted(self.frames):
            await call.write(self.frames[number])
        reader, sender = asyncio.create_task(self._read(call)), asyncio.create_task(self._send(call))
        try:
            await asyncio.wait((reader, sender), return_when=asyncio.FIRST_COMPLETED)
            if sender.done():
                sender.result()
            await reader
        finally:
            sender.cancel()
            call.cancel()

    async def _read(self, call):
        while (frame := await call.read()) is not grpc.aio.EOF:
            self._receive(frame)

    async def _send(self, call):
        """Says everything there is to say at one moment in one frame; returns when it has half-closed."""
        told_draining = False
        while True:
            self.wake.clear()
            self.closing = self.closing or self.stopping
            frame = self._frame()
            if self.stopping and not told_draining:
                frame.draining = told_draining = True
            try:
                if frame.ByteSize() > 0:
                    await call.write(frame)
                if self.closing and not self.held:
                    await asyncio.sleep(LISTEN_S)
                    if not self.held:
                        return await call.done_writing()
                if not self.results:
                    await asyncio.wait_for(self.wake.wait(), self.welcome.heartbeat_interval_ms / 2000)
            except asyncio.TimeoutError:
                if self.attempts:
                    await call.write(workers_pb2.ConnectRequest())  # A sign of life (§4).
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return None  # The stream is over; the reader learns how.

    def _frame(self):
        frame, size = workers_pb2.ConnectRequest(), 0
        while self.results and len(frame.results) < RESULTS_MAX:
            size += self.results[0].ByteSize()
            if frame.results and size > RESULT_BYTES_MAX:
                break
            frame.results.append(self.results.popleft())
        if frame.results:
            self.frame = frame.frame = self.frame + 1
            # Credits and progress are of this stream; the results alone are sent again on the next.
            self.frames[self.frame] = workers_pb2.ConnectRequest(frame=self.frame, results=frame.results)
        for key, progress in self.progress.items():
            frame.heartbeats.add(task=workers_pb2.TaskRef(**dict(key)), progress=progress)
        self.progress.clear()
        room = self.capacity - len(self.attempts) - self.open_credits
        if room > 0 and not self.closing and self.kept_bytes < KEPT_BYTES_MAX:
            frame.credits = room
            self.open_credits += room
        return frame

    def _receive(self, frame):
        for task in frame.tasks:
            self.open_credits -= 1
            key = key_of(task)
            if key not in self.held:
                self.held[key] = None
                self.attempts[key] = asyncio.create_task(self._attempt(key, task))
            elif self.held[key] is not None:
                self.results.append(self.held[key])  # It is done: its result goes again, in a new frame (§2).
        for cancelled in frame.cancels:
            if key_of(cancelled) in self.attempts:
                self.attempts[key_of(cancelled)].cancel()
        for number in frame.settled:
            for result in self.frames.pop(number).results if number in self.frames else ():
                if self.held.pop(key_of(result), None) is not None:
                    self.kept_bytes -= result.ByteSize()
        self.closing = self.closing or frame.draining
        self.wake.set()

    async def _attempt(self, key, task):
        """Runs the handler; whatever it does, there is a result (§3)."""

        def progress(value):
            self.progress[key] = json.dumps(value).encode()
            self.wake.set()

        context, result = Context(task, progress), workers_pb2.TaskResult(**dict(key))
        try:
            running = self.handlers[task.task_type](json.loads(task.input or b"null"), context)
            output = json.dumps(await asyncio.wait_for(running, task.timeout_ms / 1000), allow_nan=False).encode()
            if len(output) > self.welcome.payload_bytes_max:
                raise TaskError("PAYLOAD_TOO_LARGE", f"The output has {len(output)} bytes.", permanent=True)
            result.output = output
        except asyncio.CancelledError:
            result.cancelled = True
        except TaskError as error:
            result.failure.CopyFrom(error.failure)
        except asyncio.TimeoutError:
            result.failure.CopyFrom(TaskError("ATTEMPT_TIMEOUT", "The handler took too long.").failure)
        except Exception as error:  # Without a class: the worker does not know whether trying again helps.
            result.failure.code, result.failure.message = "WORKER_ERROR", repr(error)
        logs = json.dumps(context.lines).encode() if context.lines else b""
        result.logs = logs if len(logs) <= LOGS_BYTES_MAX else b""
        self.progress.pop(key, None)
        del self.attempts[key]
        self.held[key] = result
        self.kept_bytes += result.ByteSize()
        self.results.append(result)
        self.wake.set()


def key_of(named):
    """The five fields that name an attempt in a task, a result or a reference."""
    return tuple((field, getattr(named, field)) for field in ("run_id", "epoch", "step", "item", "attempt"))


def say(text):
    print(f"The worker {text}", flush=True)


async def main(handlers, **options):
    """Serves MILLRACE_ADDRESS until SIGTERM or Ctrl-C, and then until everything under way is done."""
    worker = Worker(os.environ.get("MILLRACE_ADDRESS", "127.0.0.1:7400"), handlers, **options)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stop)
    try:
        await worker.run()
    except grpc.aio.AioRpcError as refusal:
        sys.exit(f"The server refused this worker: {refusal.details()}")
    say("is done")


async def greet(person, context):
    context.log(f"greets {person['name']}")
    return {"greeting": f"Hello, {person['name']}!"}


async def count(step, context):
    greeting = step["greeting"]
    context.progress({"done": 0, "of": len(greeting)})
    return {"letters": sum(character.isalpha() for character in greeting)}


if __name__ == "__main__":
    asyncio.run(main({"py.greet": greet, "py.count": count}, name="python-example"))
