"""A Millrace client: registers a workflow, starts runs, and shows what came of them. `client.py --help` lists how.

It calls the server at MILLRACE_ADDRESS, by default 127.0.0.1:7400.
"""

import argparse
import collections
import os
import sys
import time

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from millrace.v1 import runs_pb2, runs_pb2_grpc, workflows_pb2, workflows_pb2_grpc

START_FRAME = 500  # Runs in one frame of a stream: enough that the frame's own cost does not show.
DETAILS = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)


def register(channel, options):
    with open(options.file, encoding="utf8") as file:
        request = workflows_pb2.RegisterWorkflowRequest(source=file.read())
    answer = workflows_pb2_grpc.WorkflowServiceStub(channel).RegisterWorkflow(request, timeout=10)
    print(f"{answer.workflow.name} version {answer.workflow.version}{' is new' if answer.created else ''}")


def start(channel, options):
    """Starts one run and waits for its end. The key makes it safe to call again when an answer was lost."""
    request = runs_pb2.StartRunRequest(
        workflow=options.workflow, input=options.input.encode(), idempotency_key=options.key, wait=True
    )
    answer = runs_pb2_grpc.RunServiceStub(channel).StartRun(request, timeout=options.timeout)
    print(f"{answer.run_id} {runs_pb2.RunStatus.Name(answer.end.status)} {answer.end.output.decode()}")


def submit(channel, options):
    """Starts many runs over one stream and waits for their ends, which come in batches and in any order."""

    def frames():
        for first in range(1, options.count + 1, START_FRAME):
            refs = range(first, min(first + START_FRAME, options.count + 1))
            yield runs_pb2.SubmitRunsRequest(
                answers=runs_pb2.SUBMIT_ANSWERS_ENDS if first == 1 else runs_pb2.SUBMIT_ANSWERS_UNSPECIFIED,
                runs=[runs_pb2.RunStart(ref=ref, workflow=options.workflow, input=options.input.encode()) for ref in refs],
            )

    began, counts = time.monotonic(), collections.Counter()
    for answers in runs_pb2_grpc.RunServiceStub(channel).SubmitRuns(frames(), timeout=options.timeout):
        counts.update(refused.error.reason for refused in answers.started if refused.HasField("error"))
        counts.update(runs_pb2.RunStatus.Name(end.status) for end in answers.ended)
    seconds = time.monotonic() - began
    print(", ".join(f"{count} {what}" for what, count in counts.items()) + f" in {seconds:.2f} s")


def timeline(channel, options):
    answer = runs_pb2_grpc.RunServiceStub(channel).GetTimeline(
        runs_pb2.GetTimelineRequest(run_id=options.run_id), timeout=10
    )
    print(json_format.MessageToJson(answer))


def cancel(channel, options):
    request = runs_pb2.CancelRunRequest(run_id=options.run_id, reason=options.reason)
    runs_pb2_grpc.RunServiceStub(channel).CancelRun(request, timeout=10)


def explained(error):
    """What a refusal says: its status, and the details that the server packs into a trailer."""
    lines = [f"{error.code().name}: {error.details()}"]
    status = rpc_status.from_call(error)
    for packed in status.details if status else ():
        for detail in (kind() for kind in DETAILS):
            if packed.Unpack(detail):
                lines.append(f"  {json_format.MessageToJson(detail, indent=None)}")
    return "\n".join(lines)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("register", help="add a workflow")
    verb.add_argument("file")
    verb.set_defaults(do=register)
    verb = verbs.add_parser("start", help="start a run and wait for its end")
    verb.add_argument("workflow")
    verb.add_argument("input", help="JSON")
    verb.add_argument("--key", default="", help="starts at most one run with this key")
    verb.add_argument("--timeout", type=float, default=30, help="seconds to wait")
    verb.set_defaults(do=start)
    verb = verbs.add_parser("submit", help="start many runs over a stream and wait for their ends")
    verb.add_argument("workflow")
    verb.add_argument("input", help="JSON")
    verb.add_argument("count", type=int)
    verb.add_argument("--timeout", type=float, default=60, help="seconds to wait")
    verb.set_defaults(do=submit)
    verb = verbs.add_parser("timeline", help="everything that happened to a run, as JSON")
    verb.add_argument("run_id")
    verb.set_defaults(do=timeline)
    verb = verbs.add_parser("cancel", help="ask a run to stop")
    verb.add_argument("run_id")
    verb.add_argument("--reason", default="")
    verb.set_defaults(do=cancel)
    return parser.parse_args()


if __name__ == "__main__":
    # The server answers with up to 16 MiB, the library takes 4 unless told otherwise.
    receive = [("grpc.max_receive_message_length", 16 << 20)]
    with grpc.insecure_channel(os.environ.get("MILLRACE_ADDRESS", "127.0.0.1:7400"), options=receive) as opened:
        chosen = parse()
        try:
            chosen.do(opened, chosen)
        except grpc.RpcError as failure:
            sys.exit(explained(failure))
