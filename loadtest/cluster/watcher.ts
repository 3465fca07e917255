// Ends the processes of a demo that was killed. Reads the IDs of those that live, `+1234`, and that have ended, `-1234`,
// until the demo is gone.
import { createInterface } from "node:readline";

const living = new Set<number>();
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) living.add(pid);
  else living.delete(pid);
}
for (const pid of living) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
