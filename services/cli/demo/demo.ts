// `make run`: Millrace with the examples on it. The server is this process; the worker, the service that steps call and
// the sender of webhooks are processes of their own, as they would be in life.
import type { Config } from "@millrace/config/config.ts";
import { type Client, createClient } from "@millrace/sdk/client/client.ts";
import type { Timeline } from "@millrace/sdk/client/timeline.ts";
import { createLog } from "@millrace/telemetry/logger.ts";
import type { Server } from "../compose.ts";
import { assertFree, assertPortsFree, startUp } from "../start-up.ts";
import { shownDuration } from "../terminal/durations.ts";
import { Output } from "../terminal/output.ts";
import { runStatus, timelineText } from "../terminal/timeline-table.ts";
import { untilStopped } from "../until-stopped.ts";
import { type Child, firstLine, startChild } from "./child-process.ts";
import { exampleFile, registerExamples } from "./examples.ts";
import { type FoundRuns, findRuns } from "./found-runs.ts";
import { nextCommands } from "./next-commands.ts";
import { secretFile, webhookSecret } from "./webhook-secret.ts";

export interface DemoOptions {
  readonly config: Config;
  readonly servicePort: number;
  /** How many webhooks are sent. */
  readonly webhooks: number;
}

/** What is under way, so that it can be stopped. */
interface Stage {
  readonly output: Output;
  readonly server: Server;
  readonly client: Client;
  readonly children: Child[];
  stopping: boolean;
}

/** Runs the demo until it is told to stop. Rejects with StartFailed if something is in its way. */
export async function demo(options: DemoOptions): Promise<void> {
  const { servicePort } = options;
  const output = new Output();
  output.line("Millrace starts …");
  await assertPortsFree(options.config);
  await assertFree({
    host: "127.0.0.1",
    port: servicePort,
    what: "the examples' service",
    flag: "--service-port",
    variable: "MILLRACE_DEMO_SERVICE_PORT",
  });
  const allowed: Config = {
    ...options.config,
    connectors: {
      ...options.config.connectors,
      httpAllow: [...options.config.connectors.httpAllow, `127.0.0.1:${servicePort}`],
    },
  };
  const log = createLog({ service: "millrace", level: allowed.log.level });
  const startedMs = performance.now();
  const server = await startUp(allowed, log, (records) => {
    output.line(`  … ${records.toLocaleString("en")} records of the journal read back`);
  });
  const client = createClient({ address: server.gateway.grpcAddress });
  const stage: Stage = { output, server, client, children: [], stopping: false };
  const stopped = untilStopped(log, () => stopDemo(stage));
  said(
    output,
    "server",
    `gRPC ${server.gateway.grpcAddress}, HTTP ${server.gateway.httpAddress}, data in ${allowed.storage.folder} (${shownDuration(performance.now() - startedMs)})`,
  );
  try {
    await show(stage, options);
  } catch (error: unknown) {
    // What breaks because everything stops is no failure.
    if (!stage.stopping) throw error;
  }
  await stopped;
}

async function show(stage: Stage, options: DemoOptions): Promise<void> {
  const { output, client, server } = stage;
  const { folder } = options.config.storage;
  const found = await findRuns(client);
  said(output, "data", foundText(found));
  const secret = await webhookSecret(folder);
  // The definition names this variable; only the server and the sender get to know the secret.
  process.env["GITHUB_WEBHOOK_SECRET"] = secret;
  said(output, "workflows", (await registerExamples(client, options.servicePort)).join(", "));
  await startProcesses(stage, options.servicePort);
  const approval = await waitingApproval(client);
  const reminder = await client.startRun({
    workflow: "trial-reminder",
    input: { customer: "ada@example.com", wait: REMINDER_WAIT },
  });
  said(
    output,
    "started",
    `release-approval ${approval} waits for a signal, trial-reminder ${reminder.runId} for ${REMINDER_WAIT}`,
  );
  const sent = await sendWebhooks(stage, { secret, count: options.webhooks });
  const shown = await watchAll(stage, sent);
  if (shown !== undefined) {
    const { columns, colours } = output;
    output.line(`\n${timelineText(shown, { columns, colours, nowMs: Date.now() })}\n`);
  }
  if (found.unfinished.length > 0) said(output, "data", await wentOnText(client, found));
  const { grpcAddress, httpAddress } = server.gateway;
  const next = {
    grpcAddress,
    httpAddress,
    secretFile: secretFile(folder),
    approval,
    timeline: shown?.run.runId ?? approval,
  };
  output.line(nextCommands(next, output.colours));
}

/** Long enough to kill the demo and see it go on. */
const REMINDER_WAIT = "30s";

function said(output: Output, what: string, text: string): void {
  output.line(`  ${output.colours.green("✓")} ${output.colours.bold(what.padEnd(9))} ${text}`);
}

function foundText({ total, more, unfinished }: FoundRuns): string {
  if (total === 0) return "empty: this is the first start with it";
  return `${more ? "over " : ""}${plural(total, "run")} found, ${unfinished.length} unfinished went on`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

async function wentOnText(client: Client, { unfinished }: FoundRuns): Promise<string> {
  const runs = await Promise.all(unfinished.slice(0, WENT_ON_MAX).map((runId) => client.getRun(runId)));
  const ended = runs.filter(({ endTime }) => endTime !== undefined);
  return `of ${plural(runs.length, "run")} that went on, ${ended.length} ended since, ${runs.length - ended.length} still wait`;
}

/** Runs that are asked after. */
const WENT_ON_MAX = 100;

async function startProcesses(stage: Stage, servicePort: number): Promise<void> {
  const { children, output, server } = stage;
  const { GITHUB_WEBHOOK_SECRET: _, ...inherited } = process.env;
  const env = { ...inherited, MILLRACE_ADDRESS: server.gateway.grpcAddress };
  const service = startChild(exampleFile("local/service.ts"), [String(servicePort)], env);
  const worker = startChild(exampleFile("worker.ts"), [], env);
  children.push(service, worker);
  await Promise.all([firstLine(service), firstLine(worker)]);
  for (const [name, child] of [
    ["service", service],
    ["worker", worker],
  ] as const) {
    void child.exited.then((status) => {
      if (stage.stopping) return;
      output.line(
        `The examples' ${name} ended (${status ?? "killed"}). Its work waits; Ctrl-C and make run start it again.`,
      );
    });
  }
  said(
    output,
    "processes",
    `the examples' worker; their service on http://127.0.0.1:${servicePort}, which fails every third time`,
  );
}

/** A run of the example that waits for a signal: one that waits already, or a new one. */
async function waitingApproval(client: Client): Promise<string> {
  for await (const { runId } of client.listRuns({ workflow: "release-approval", status: "running", pageSize: 1 })) {
    return runId;
  }
  const { runId } = await client.startRun({ workflow: "release-approval", input: { version: "1.4.0" } });
  return runId;
}

/** IDs of the runs that the webhooks started, and the event of each. */
async function sendWebhooks(
  { children, output, server }: Stage,
  { secret, count }: { readonly secret: string; readonly count: number },
): Promise<Map<string, string>> {
  const args = [`${server.gateway.httpAddress}/webhooks/github`, String(count)];
  const sender = startChild(exampleFile("local/send-webhooks.ts"), args, {
    ...process.env,
    GITHUB_WEBHOOK_SECRET: secret,
  });
  children.push(sender);
  const sent = new Map<string, string>();
  for await (const line of sender.lines) {
    const [runId = "", event = ""] = line.split("\t");
    sent.set(runId, event);
  }
  const status = await sender.exited;
  if (status !== 0) throw new Error("The webhooks were not all accepted; what the sender said stands above.");
  said(
    output,
    "webhooks",
    `${plural(sent.size, "real body", "real bodies")} of GitHub signed, posted and accepted: each is a run`,
  );
  return sent;
}

/** Waits for all runs to end, says how each did, and gives the timeline with the most tries. */
async function watchAll({ client, output }: Stage, sent: ReadonlyMap<string, string>): Promise<Timeline | undefined> {
  const timelines = await Promise.all(
    Array.from(sent, async ([runId, event]) => {
      for await (const { run } of client.watchRun(runId)) if (run.endTime !== undefined) break;
      const timeline = await client.getTimeline(runId, { brief: true });
      const { run, steps } = timeline;
      const tookMs = (run.endTime?.getTime() ?? Date.now()) - run.startTime.getTime();
      const again = steps.reduce((sum, { failedAttempts }) => sum + failedAttempts.length, 0);
      output.line(
        `    ${event.padEnd(13)} ${runId}  ${runStatus(run.status, output.colours)} in ${shownDuration(tookMs)}, ${again === 0 ? "nothing failed" : `${plural(again, "failed try", "failed tries")} made again`}`,
      );
      return { timeline, again };
    }),
  );
  return timelines.sort((left, right) => right.again - left.again)[0]?.timeline;
}

async function stopDemo(stage: Stage): Promise<void> {
  stage.stopping = true;
  stage.output.line("\nStopping: attempts under way may finish. Ctrl-C once more ends everything at once.");
  await Promise.all(stage.children.map((child) => child.stop()));
  await stage.server.stop();
  stage.client.close();
  stage.output.line("Stopped. Everything is kept: make run goes on where it was.");
}
