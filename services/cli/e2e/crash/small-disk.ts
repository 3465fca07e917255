// A file system of a few MiB, for what happens when a disk is full. It is a tmpfs in a mount namespace of its own, which
// nobody else sees and which goes when its processes do; Linux gives one to any user, in a user namespace.
import { type StartedProcess, start } from "@millrace/testing/process.ts";

const HELP =
  "A small file system is needed: run this on Linux, as root or where user namespaces are allowed " +
  "(sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0), with unshare and nsenter of util-linux.";

/** How long the mount is kept at most, s: it must outlive the test and nothing else. */
const KEPT_S = 600;

export class SmallDisk implements AsyncDisposable {
  readonly path: string;
  /** Keeps the namespace while no server runs in it. */
  readonly #keeper: StartedProcess;

  private constructor(path: string, keeper: StartedProcess) {
    this.path = path;
    this.#keeper = keeper;
  }

  /** Mounts it over an empty folder. Rejects, saying how to get one, where that is not allowed. */
  static async mount(path: string, mebibytes: number): Promise<SmallDisk> {
    const script = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$1" && echo mounted && exec sleep ${KEPT_S}`;
    try {
      const keeper = await start("unshare", ["-rm", "sh", "-c", script, "sh", path]);
      await keeper.waitForLine(/^mounted$/);
      return new SmallDisk(path, keeper);
    } catch (error: unknown) {
      throw new Error(HELP, { cause: error });
    }
  }

  /** Starts a program that sees it. */
  run(program: string, args: readonly string[]): Promise<StartedProcess> {
    const into = ["-t", String(this.#keeper.pid), "-U", "-m", "--preserve-credentials", "--"];
    return start("nsenter", [...into, program, ...args]);
  }

  /** Leaves no room at all. */
  async fill(): Promise<void> {
    await this.#shell(`head -c 1G /dev/zero > "${this.path}/filler" 2>/dev/null; test -s "${this.path}/filler"`);
  }

  async makeRoom(): Promise<void> {
    await this.#shell(`rm "${this.path}/filler"`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper.kill();
  }

  async #shell(script: string): Promise<void> {
    const { code } = await (await this.run("sh", ["-c", script])).exited;
    if (code !== 0) throw new Error(`${script} ended with ${String(code)}.`);
  }
}
