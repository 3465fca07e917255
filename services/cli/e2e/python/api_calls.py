"""Calls the API as a client would that knows the protos alone, and prints what came back as one JSON value.

Arguments: what to do, and gRPC's address or the HTTP API's URL.
"""

import concurrent.futures
import json
import sys
import time
import urllib.error
import urllib.request

import client
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from millrace.v1 import runs_pb2, runs_pb2_grpc, workflows_pb2, workflows_pb2_grpc

SIGNALS_MAX = 1_000
BATCH = 1_000
CALLS_AT_ONCE = 50
WAIT_S = 30


def batch(channel):
    """Starts runs in one call, twice with the same keys, and lists them until all have ended."""
    runs = runs_pb2_grpc.RunServiceStub(channel)
    request = runs_pb2.StartRunsRequest(
        runs=[
            runs_pb2.RunStart(ref=ref, workflow="counted", input=str(ref).encode(), idempotency_key=f"batch-{ref}")
            for ref in range(BATCH)
        ]
        + [runs_pb2.RunStart(ref=BATCH, workflow="unheard-of")]
    )
    first, second = runs.StartRuns(request, timeout=WAIT_S), runs.StartRuns(request, timeout=WAIT_S)
    give_up = time.monotonic() + WAIT_S
    while len(ended := listed(runs, "counted", runs_pb2.RUN_STATUS_COMPLETED)) < BATCH and time.monotonic() < give_up:
        pass
    some = first.runs[7].run_id
    return {
        "started": len({run.run_id for run in first.runs[:BATCH]}),
        "refs": [run.ref for run in first.runs] == list(range(BATCH + 1)),
        "repeated": sum(run.repeated_start for run in second.runs[:BATCH]),
        "same": [run.run_id for run in first.runs] == [run.run_id for run in second.runs],
        "refused": json_format.MessageToDict(first.runs[BATCH].error),
        "completed": len(ended & {run.run_id for run in first.runs}),
        "output": json.loads(runs.GetRun(runs_pb2.GetRunRequest(run_id=some), timeout=WAIT_S).run.output),
    }


def listed(runs, workflow, status):
    """All pages of a list."""
    found, token = set(), ""
    while True:
        request = runs_pb2.ListRunsRequest(workflow=workflow, status=status, page_size=300, page_token=token)
        page = runs.ListRuns(request, timeout=WAIT_S)
        found |= {run.run_id for run in page.runs}
        token = page.next_page_token
        if not token:
            return found


def reflection(channel):
    """Both versions of gRPC's reflection; their messages are the same, and Python's package brings the older one."""
    return {**{version: reflected(channel, version) for version in ("v1", "v1alpha")}, "called": called_unseen(channel)}


def called_unseen(channel):
    """Calls a method that it knows by reflection alone."""
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName("millrace.v1.WorkflowService").FindMethodByName("ListWorkflows")
    ask, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    path = f"/{method.containing_service.full_name}/{method.name}"
    call = channel.unary_unary(path, request_serializer=ask.SerializeToString, response_deserializer=answer.FromString)
    return [workflow.name for workflow in call(ask(page_size=2), timeout=WAIT_S).workflows]


def reflected(channel, version):
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    questions = (
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="millrace.v1.WorkerService.Connect"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="millrace/v1/runs.proto"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="millrace.v1.Nothing"),
    )
    services, worker, runs, nothing = ask(iter(questions), timeout=WAIT_S)
    return {
        "services": sorted(service.name for service in services.list_services_response.service),
        "files": [file_names(worker), file_names(runs)],
        "unknown": grpc.StatusCode.NOT_FOUND.value[0] == nothing.error_response.error_code,
    }


def file_names(answer):
    """The files that an answer describes, dependencies included, in order."""
    files = answer.file_descriptor_response.file_descriptor_proto
    return sorted(descriptor_pb2.FileDescriptorProto.FromString(file).name for file in files)


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)

    def check(service):
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=WAIT_S)
        except grpc.RpcError as error:
            return error.code().name
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    names = ("", "millrace.v1.RunService", "millrace.v1.WorkflowService", "millrace.v1.WorkerService", "nothing")
    return {name: check(name) for name in names}


def refusals(channel):
    """Refused calls by name: the status, and the details packed into its trailer."""
    runs, workflows = runs_pb2_grpc.RunServiceStub(channel), workflows_pb2_grpc.WorkflowServiceStub(channel)
    key = {"workflow": "waits", "idempotency_key": "used"}
    waiting = runs.StartRun(runs_pb2.StartRunRequest(input=b"1", **key), timeout=WAIT_S).run_id

    def signal(_number):
        runs.SignalRun(runs_pb2.SignalRunRequest(run_id=waiting, name="early"), timeout=WAIT_S)

    with concurrent.futures.ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        list(pool.map(signal, range(SIGNALS_MAX)))
    source = "name: Bad Name\nsteps:\n  one: { uses: sleep, needs: [two] }\n"
    return {
        "workflow": refused(workflows.RegisterWorkflow, workflows_pb2.RegisterWorkflowRequest(source=source)),
        "field": refused(runs.GetRun, runs_pb2.GetRunRequest(run_id="x")),
        "run": refused(runs.GetRun, runs_pb2.GetRunRequest(run_id="0" * 20)),
        "start": refused(runs.StartRun, runs_pb2.StartRunRequest(workflow="unheard-of")),
        "key": refused(runs.StartRun, runs_pb2.StartRunRequest(input=b"2", **key)),
        "state": refused(runs.ResumeRun, runs_pb2.ResumeRunRequest(run_id=waiting)),
        "full": refused(runs.SignalRun, runs_pb2.SignalRunRequest(run_id=waiting, name="early")),
    }


def refused(method, request):
    try:
        method(request, timeout=WAIT_S)
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        kinds = (
            error_details_pb2.ErrorInfo,
            error_details_pb2.BadRequest,
            error_details_pb2.PreconditionFailure,
            error_details_pb2.QuotaFailure,
            error_details_pb2.RetryInfo,
        )
        details = {}
        for packed in status.details:
            for detail in (kind() for kind in kinds):
                if packed.Unpack(detail):
                    details[detail.DESCRIPTOR.name] = json_format.MessageToDict(detail)
        assert len(details) == len(status.details), "a detail of a type that google.rpc does not have"
        assert (status.code, status.message) == (error.code().value[0], error.details())
        return {"status": error.code().name, "message": error.details(), "explained": client.explained(error), **details}
    return {"status": "OK"}


def deadline(channel):
    """Waits for a run's end for too short a time, and asks again with the same key."""
    runs = runs_pb2_grpc.RunServiceStub(channel)
    request = runs_pb2.StartRunRequest(workflow="waits", input=b"3", idempotency_key="deadline", wait=True)
    try:
        runs.StartRun(request, timeout=0.5)
        code = "OK"
    except grpc.RpcError as error:
        code = error.code().name
    request.wait = False
    again = runs.StartRun(request, timeout=WAIT_S)
    status = runs.GetRun(runs_pb2.GetRunRequest(run_id=again.run_id), timeout=WAIT_S).run.status
    runs.SignalRun(runs_pb2.SignalRunRequest(run_id=again.run_id, name="go", payload=b'"on"'), timeout=WAIT_S)
    request.wait = True
    end = runs.StartRun(request, timeout=WAIT_S).end
    return {
        "code": code,
        "repeated": again.repeated_start,
        "meanwhile": runs_pb2.RunStatus.Name(status),
        "end": [runs_pb2.RunStatus.Name(end.status), json.loads(end.output)],
    }


def http(url):
    """The same API with Python's standard library alone."""
    source = "name: over-http\nsteps: { wait: { uses: signal, with: { name: go } } }\n"
    registered = posted(url, "WorkflowService/RegisterWorkflow", {"source": source})
    started = posted(url, "RunService/StartRun", {"workflow": "over-http", "input": {"big": 2**60 + 1, "text": "ä"}})
    run = {"runId": started["body"]["runId"]}
    late = posted(url, "RunService/StartRun", {"workflow": "over-http", "wait": True}, {"millrace-timeout-ms": "200"})
    events, statuses = [], []
    with opened(url, "RunService/WatchRun", run) as stream:
        kind = stream.headers.get_content_type()
        for event in server_sent(stream):
            events.append(event["event"])
            if event["event"] == "message":
                statuses.append(json.loads(event["data"])["run"]["status"])
            if len(events) == 1:
                posted(url, "RunService/SignalRun", {**run, "name": "go", "payload": [1, {"by": "http"}]})
    read = posted(url, "RunService/GetRun", run)
    return {
        "registered": registered,
        "late": late,
        "run": read,
        "exact": read["body"]["run"]["input"]["big"] == 2**60 + 1,
        "watch": {"type": kind, "first": events[0], "last": events[-1], "statuses": [statuses[0], statuses[-1]]},
        "unknown_run": posted(url, "RunService/GetRun", {"runId": "0" * 20}),
        "unknown_field": posted(url, "RunService/GetRun", {"runid": "x"}),
        "unknown_method": posted(url, "RunService/Nothing", {}),
        "stream": posted(url, "RunService/SubmitRuns", {}),
        "no_such_watch": posted(url, "RunService/WatchRun", {"runId": "0" * 20}),
    }


def opened(url, method, request, headers=None):
    body = json.dumps(request).encode()
    headers = {"content-type": "application/json", **(headers or {})}
    return urllib.request.urlopen(urllib.request.Request(f"{url}/millrace.v1.{method}", body, headers), timeout=WAIT_S)


def posted(url, method, request, headers=None):
    try:
        with opened(url, method, request, headers) as answer:
            return {"status": answer.status, "body": json.load(answer)}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": json.load(error)}


def server_sent(stream):
    """Events of a text/event-stream: lines of `field: value`, an empty line after each event."""
    event = {"event": "message", "data": ""}
    for line in (line.decode().rstrip("\n") for line in stream):
        if line:
            field, _, value = line.partition(": ")
            event[field] = value
        else:
            yield event
            event = {"event": "message", "data": ""}


what, where = sys.argv[1:]
if what == "http":
    print(json.dumps(http(where)))
else:
    calls = {"batch": batch, "reflection": reflection, "health": health, "refusals": refusals, "deadline": deadline}
    with grpc.insecure_channel(where) as opened_channel:
        print(json.dumps(calls[what](opened_channel)))
