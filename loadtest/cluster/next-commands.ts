import type { ClusterNode } from "./cluster-node.ts";
import type { Screen } from "./screen.ts";

/** What to try while the cluster serves: every command works when pasted. */
export function nextCommands(nodes: readonly ClusterNode[], screen: Screen): string {
  const [first, , last] = nodes;
  if (first === undefined || last === undefined) throw new Error("There are too few nodes.");
  const commands = [
    ["see what there is", `npx millrace run list --address ${first.grpcAddress}`],
    [
      "start a run by one node, and wait for its end",
      `npx millrace run start trial-reminder --input '{"customer": "you@example.com", "wait": "2s"}' --wait --address ${first.grpcAddress}`,
    ],
    [
      "see what a node hosts",
      `curl -sS ${first.httpAddress}/metrics | grep -E '^millrace_(shards_hosted|takeover_duration_seconds_count)'`,
    ],
    ["kill another one, and do all that again", `kill -9 ${last.pid ?? 0}`],
  ] as const;
  return [
    `${screen.styled("bold", "Serving")} until Ctrl-C.`,
    ...nodes.map(({ name, grpcAddress, httpAddress }) => `  ${name}  gRPC ${grpcAddress}   HTTP ${httpAddress}`),
    "",
    `${screen.styled("bold", "Try next")}, in another terminal:`,
    ...commands.flatMap(([what, command]) => [`  ${screen.styled("dim", `# ${what}`)}`, `  ${command}`]),
  ].join("\n");
}
