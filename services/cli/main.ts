#!/usr/bin/env node
// The millrace command; bin/millrace runs it on the right Node.js.
import { enableCompileCache } from "node:module";

// Compiled code is kept between starts: it halves the time to the first run.
enableCompileCache();
// Whoever reads the output may stop reading: `millrace run list | head -1`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
const { program } = await import("./program.ts");
await program().parseAsync();
