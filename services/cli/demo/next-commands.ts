import type { Colours } from "../terminal/output.ts";

export interface DemoAddresses {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly secretFile: string;
  /** A run that waits for a signal. */
  readonly approval: string;
  /** A run worth looking at. */
  readonly timeline: string;
}

/** What to try while the demo serves: every command works when pasted. */
export function nextCommands(demo: DemoAddresses, colours: Colours): string {
  const address = demo.grpcAddress === "127.0.0.1:7400" ? "" : ` --address ${demo.grpcAddress}`;
  const millrace = (command: string): string => `npx millrace ${command}${address}`;
  const webhook = `${demo.httpAddress}/webhooks/github`;
  const commands = [
    ["see what there is", millrace("run list")],
    ["… and one run with all items", `${millrace(`run timeline ${demo.timeline}`)} --items`],
    [
      "approve the release that waits",
      millrace(`run signal ${demo.approval} approved --payload '{"ok": true, "by": "you"}'`),
    ],
    ["… and see what that did", millrace(`run watch ${demo.approval}`)],
    [
      "send more webhooks",
      `GITHUB_WEBHOOK_SECRET=$(cat "${demo.secretFile}") npx node examples/local/send-webhooks.ts ${webhook} 12`,
    ],
    [
      "the same API as JSON over HTTP",
      `curl -sS ${demo.httpAddress}/millrace.v1.RunService/GetRun -H 'content-type: application/json' -d '{"runId": "${demo.approval}"}'`,
    ],
  ];
  const lines = commands.map(([what, command]) => `  ${colours.dim(`# ${what ?? ""}`)}\n  ${command ?? ""}`);
  return [
    `${colours.bold("Serving")} until Ctrl-C. Kill it as you like, even with kill -9: the next make run goes on where it was.`,
    `  gRPC ${demo.grpcAddress}   HTTP ${demo.httpAddress}   webhooks ${webhook}   metrics ${demo.httpAddress}/metrics`,
    "",
    `${colours.bold("Try next")}, in another terminal:`,
    ...lines,
  ].join("\n");
}
