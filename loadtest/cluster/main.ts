// `make cluster`: a whole cluster on this machine, of which one node is killed before the reader's eyes. The counterpart of
// `millrace demo`, and not a command of the product: it starts nats-servers, which an operator runs by other means.
import { parseArgs } from "node:util";
import { demo } from "./demo.ts";
import { demoPorts, PORT_FIRST, PORTS } from "./ports.ts";
import { Screen } from "./screen.ts";

const HELP = `Runs three NATS servers and three Millrace processes on loopback, kills one of them, and shows what happens.

  --data <folder>  where everything is kept from one run to the next; default ./data/cluster
  --port <first>   of ${PORTS} ports in a row; 0 takes any free ones; default ${PORT_FIRST}
  --once           end after the totals instead of serving until Ctrl-C
`;

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

const { values } = parseArgs({
  options: {
    data: { type: "string", default: "./data/cluster" },
    port: { type: "string", default: String(PORT_FIRST) },
    once: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const first = Number(values.port);
if (values.help || !Number.isInteger(first) || first < 0 || first > 65_535 - PORTS) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : EXIT_USAGE);
}

const screen = new Screen(process.stdout);
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // The second one ends everything at once: whoever started a process kills it when it ends itself.
    if (stopping.signal.aborted) process.exit(EXIT_INTERRUPTED);
    screen.say(
      "\nStopping: shards are handed over, servers write what they have. Ctrl-C once more ends everything at once.",
    );
    stopping.abort();
  });
}

try {
  const ports = await demoPorts(first);
  await demo({ folder: values.data, ports, once: values.once, screen, stopping: stopping.signal });
  process.exit(0);
} catch (error: unknown) {
  screen.keep();
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(EXIT_FAILED);
}
