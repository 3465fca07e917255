// A process for the harness's own test: says where it listens, then echoes SIGTERM and ends, or ends with a code.
const [mode] = process.argv.slice(2);
// First: whoever reads that it listens may send the signal at once.
process.on("SIGTERM", () => {
  process.stdout.write("stopping\n");
  process.exit(0);
});
process.stderr.write("warming up\n");
process.stdout.write("listening on 127.0.0.1:4711\n");
if (mode === "exit") process.exit(3);
setInterval(() => undefined, 1000);
