// Every command on these pages is run as a reader would: in a folder with the packages installed, one page at a time.
import { readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { freePort } from "@millrace/testing/free-port.ts";
import { type StartedProcess, start } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, test } from "vitest";
import { pageScript } from "./page-script.ts";

/** A page starts about twenty processes, most of them by npx. */
const PAGE_MS = 170_000;

/** Runs a page's commands; the process that ran them, ended. */
async function runPage(page: string, folder: string): Promise<StartedProcess> {
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await writeFile(join(folder, "page.sh"), pageScript(await readFile(join(ROOT, page), "utf8")));
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const script = await start("bash", ["page.sh"], {
    cwd: folder,
    env: {
      // As outside of make, where npx finds the packages by itself.
      PATH: (process.env["PATH"] ?? "").replaceAll(join(ROOT, "node_modules/.bin") + delimiter, ""),
      MILLRACE_GATEWAY_GRPC_PORT: String(grpcPort),
      MILLRACE_GATEWAY_HTTP_PORT: String(httpPort),
      MILLRACE_ADDRESS: `127.0.0.1:${grpcPort}`,
      MILLRACE_HTTP: `http://127.0.0.1:${httpPort}`,
    },
  });
  await script.exited;
  return script;
}

test.each([
  ["README.md", [/greet\tcompleted\t2/, /\thello v1\tcompleted\t2\/2\t/]],
  ["docs/getting-started.md", [/ship\tfailed\t1/, /SHOP_CLOSED/, /ship\tcompleted\t/, /\torder v2\tcancel/]],
  [
    "docs/cli.md",
    [/sleep\t\tcompleted/, /\nalone\t/, /NOT_CLUSTERED/, /exit status 3/, /exit status 2/, /exit status 4/],
  ],
])(
  "the commands of %s work",
  async (page, printed) => {
    await using folder = await tempFolder();
    const script = await runPage(page, folder.path);
    const output = script.lines.join("\n");
    expect(await script.exited, output).toEqual({ code: 0, signal: null });
    for (const pattern of printed) expect(output).toMatch(pattern);
  },
  PAGE_MS,
);
