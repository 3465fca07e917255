import { randomBytes } from "node:crypto";
import { chmod, open, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where a data folder's webhook secret is. */
export function secretFile(folder: string): string {
  return join(folder, "github-webhook.secret");
}

/** The secret that GitHub would share with this data folder: made once, and readable by its owner alone. */
export async function webhookSecret(folder: string): Promise<string> {
  const path = secretFile(folder);
  const known = await readFile(path, "utf8").catch(() => "");
  if (known.trim() !== "") {
    await chmod(path, 0o600);
    return known.trim();
  }
  const secret = randomBytes(32).toString("hex");
  const file = await open(path, "w", 0o600);
  await file.writeFile(`${secret}\n`);
  await file.sync();
  await file.close();
  return secret;
}
