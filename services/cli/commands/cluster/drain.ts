import { setTimeout as passed } from "node:timers/promises";
import type { ClusterClient } from "@millrace/sdk/client/cluster.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { NotDone } from "../../failures.ts";
import { LiveText } from "../../terminal/live-text.ts";
import type { Output } from "../../terminal/output.ts";
import { type DrainProgress, drainProgress } from "./drain-progress.ts";

type Flags = ClientFlags & { readonly wait: boolean };

/** Between looks at how far it is. */
const LOOK_MS = 250;
/** For this long nobody may be there to take the shards: a process that restarts is back by then. */
const STUCK_MS = 5_000;

export function drainCommand(): Command {
  return clientCommand({
    name: "drain",
    summary:
      "Move all shards off a process, while runs go on, and wait until it hosts none. Until it is undrained it gets none back, whether it is restarted or not.",
    examples: [
      "millrace cluster drain node-1            # then stop, upgrade and start it, and: millrace cluster undrain node-1",
      "millrace cluster drain node-1 --no-wait  # see how far it is with: millrace cluster nodes",
    ],
  })
    .argument("<name>", "the process's name, as millrace cluster nodes shows it")
    .option("--no-wait", "return as soon as it is settled; shards move afterwards")
    .action((name: string, flags: Flags) =>
      withClient(flags, async ({ client, output }) => {
        await client.cluster.drainNode(name);
        if (flags.wait) await untilDrained(client.cluster, output, name);
        const status = flags.wait ? "drained" : "draining";
        output.result({
          terminal: flags.wait
            ? `${name} hosts nothing any more and can be stopped. Give it shards again with: millrace cluster undrain ${name}`
            : `${name} gives its shards away. See how far it is with: millrace cluster nodes`,
          plain: [name, status],
          json: { name, status },
        });
      }),
    );
}

/** Shows every step on the way. Throws {@link NotDone} when it cannot get there. */
async function untilDrained(cluster: ClusterClient, output: Output, name: string): Promise<void> {
  const show = progressOn(output, name);
  let hasBegun = false;
  let movedMs = performance.now();
  for (;;) {
    const [{ draining }, nodes] = await Promise.all([cluster.get(), cluster.listNodes()]);
    // The server that answers may be the last to hear of it.
    if (draining.includes(name)) {
      hasBegun = true;
      const progress = drainProgress(name, nodes);
      if (progress.type === "done") return;
      show(progress);
      if (progress.type === "moving") movedMs = performance.now();
      else if (performance.now() - movedMs > STUCK_MS)
        throw new NotDone(
          `${name} keeps its shards: no other process is there to take them.`,
          `Start another one with the role node, and it goes on by itself; or take it back with: millrace cluster undrain ${name}`,
        );
    } else if (hasBegun) {
      throw new NotDone(`Somebody has undrained ${name} meanwhile.`, `Drain it again if it is to be stopped.`);
    }
    await passed(LOOK_MS);
  }
}

type Left = Exclude<DrainProgress, { readonly type: "done" }>;

/** A line that is drawn again, or a line whenever something has changed. */
function progressOn(output: Output, name: string): (left: Left) => void {
  const live = output.mode === "terminal" ? new LiveText(process.stdout) : null;
  let said = "";
  return ({ owned, standbys }) => {
    const text = `${name} still owns ${owned} and stands by for ${standbys} shards.`;
    if (text === said) return;
    said = text;
    if (live !== null) live.show(text);
    else if (output.mode === "json")
      output.json({ name, status: "draining", ownedShards: owned, standbyShards: standbys });
    else output.tabbed([name, "draining", owned, standbys]);
  };
}
