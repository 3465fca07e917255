// RegisterWorkflow, ValidateWorkflow, GetWorkflow and ListWorkflows.
import type { ParsedDefinition } from "@millrace/definition/parse.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { RegisteredDefinition } from "@millrace/link/registry.ts";
import type {
  GetWorkflowRequest,
  GetWorkflowResponse,
  ListWorkflowsRequest,
  ListWorkflowsResponse,
  RegisterWorkflowRequest,
  RegisterWorkflowResponse,
  ValidateWorkflowRequest,
  ValidateWorkflowResponse,
  Workflow,
  WorkflowProblem,
} from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import { type CallContext, type Outcome, Refused } from "../calls/call.ts";
import { numberFault, workflowOf } from "../calls/fields.ts";
import { lastOfPage, pageToken } from "../runs/page-token.ts";
import type { ReadPorts } from "../runs/read-runs.ts";
import type { PathConflict } from "../webhooks/routes.ts";

const PAGE_SIZE_MAX = 1_000;
const PAGE_SIZE_DEFAULT = 100;

export async function registerWorkflow(
  ports: ReadPorts,
  request: RegisterWorkflowRequest,
  context: CallContext,
): Promise<Outcome<RegisterWorkflowResponse>> {
  const parsed = await parse(request.source);
  if (parsed.type === "problems") return wrongDefinition(parsed.problems);
  const conflict = ports.webhooks.conflict(context.tenant, parsed.definition);
  if (conflict !== undefined) return takenPath(conflict);
  const answer = await ports.registry.register(context.tenant, parsed.definition, request.source);
  if ("code" in answer) return new Refused(answer);
  return { workflow: workflowMessage(answer.registered, true), created: answer.created };
}

export async function validateWorkflow(
  _ports: ReadPorts,
  request: ValidateWorkflowRequest,
): Promise<Outcome<ValidateWorkflowResponse>> {
  const parsed = await parse(request.source);
  return { problems: parsed.type === "problems" ? [...parsed.problems] : [] };
}

export async function getWorkflow(
  ports: ReadPorts,
  request: GetWorkflowRequest,
  context: CallContext,
): Promise<Outcome<GetWorkflowResponse>> {
  const name = workflowOf(request.name, "name");
  if (name instanceof Refused) return name;
  const registered = ports.registry.get(context.tenant, name, request.version);
  if (registered !== undefined) return { workflow: workflowMessage(registered, true) };
  const message =
    request.version === 0
      ? `Tenant ${context.tenant} has no workflow ${name}.`
      : `Tenant ${context.tenant} has no version ${request.version} of workflow ${name}.`;
  return new Refused(refusal("WORKFLOW_NOT_FOUND", { field: "name", message }));
}

export async function listWorkflows(
  ports: ReadPorts,
  request: ListWorkflowsRequest,
  context: CallContext,
): Promise<Outcome<ListWorkflowsResponse>> {
  const fault = numberFault("page_size", request.pageSize, 0, PAGE_SIZE_MAX);
  if (fault !== undefined) return fault;
  const last = lastOfPage(request.pageToken, context.tenant);
  if (last instanceof Refused) return last;
  const limit = request.pageSize === 0 ? PAGE_SIZE_DEFAULT : request.pageSize;
  const rest = ports.registry.list(context.tenant).filter(({ name }) => last === null || name > last);
  const page = rest.slice(0, limit);
  const end = rest.length > limit ? page.at(-1) : undefined;
  return {
    workflows: page.map((registered) => workflowMessage(registered, false)),
    nextPageToken: end === undefined ? "" : pageToken(end.name, context.tenant),
  };
}

/** Loads the parser with the first definition: it takes longer to load than the whole gateway to start. */
async function parse(source: string): Promise<ParsedDefinition> {
  const { parseDefinition } = await import("@millrace/definition/parse.ts");
  return parseDefinition(source);
}

function workflowMessage(registered: RegisteredDefinition, withSource: boolean): Workflow {
  const { definition } = registered;
  return {
    name: registered.name,
    version: registered.version,
    source: withSource ? registered.source : "",
    registerTime: new Date(registered.registeredMs),
    steps: definition.steps.map(({ name }) => name),
    webhookPaths: definition.triggers.map(({ path }) => path),
  };
}

function wrongDefinition(problems: readonly WorkflowProblem[]): Refused {
  const [first] = problems;
  const count = problems.length === 1 ? "1 mistake" : `${problems.length} mistakes`;
  const message = `The definition has ${count}. ${first === undefined ? "" : described(first)}`.trim();
  const violations = problems.map((problem) => ({ field: problem.field, description: described(problem) }));
  return new Refused(refusal("WORKFLOW_INVALID", { field: first?.field ?? "source", message }), violations);
}

function takenPath({ path, workflow }: PathConflict): Refused {
  const message = `The webhook path ${path} belongs to workflow ${workflow}.`;
  const fix = "Choose another path, or take the path out of that workflow first.";
  return new Refused(refusal("WORKFLOW_INVALID", { field: "on.webhook.path", message, fix }));
}

function described({ line, column, field, message, fix }: WorkflowProblem): string {
  const place = line === 0 ? field : `line ${line}, column ${column}, ${field}`;
  return `${place}: ${message} ${fix}`.trim();
}
