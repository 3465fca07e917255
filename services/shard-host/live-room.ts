// How much memory the live runs of a shard take, in all and by tenant: counts and bytes, so that neither many small runs
// nor a few large ones can end the process (I9), and no tenant can use up what others need (I7).
import type { TenantId } from "@millrace/model/ids.ts";
import { ACTORS_MAX, LIVE_BYTES_MAX } from "./limits.ts";

interface Used {
  runs: number;
  bytes: number;
}

/** From this share on, a tenant that has more than half of what is used gets no more. */
const CROWDED = 0.8;

/** What a run takes beside its `stateBytes`: the rest of its state, its actor, and their places in maps. */
export const RUN_BYTES = 2048;

export class LiveRoom {
  readonly #used: Used = { runs: 0, bytes: 0 };
  readonly #tenants = new Map<TenantId, Used>();

  /** A run came into memory. */
  enter(tenant: TenantId, bytes: number): void {
    const used = this.#tenants.get(tenant);
    if (used === undefined) this.#tenants.set(tenant, { runs: 1, bytes });
    else {
      used.runs++;
      used.bytes += bytes;
    }
    this.#used.runs++;
    this.#used.bytes += bytes;
  }

  /** A run in memory grew, or shrank. */
  grow(tenant: TenantId, bytes: number): void {
    const used = this.#tenants.get(tenant);
    if (used !== undefined) used.bytes += bytes;
    this.#used.bytes += bytes;
  }

  /** A run left memory; `bytes` is all it was counted with. */
  leave(tenant: TenantId, bytes: number): void {
    const used = this.#tenants.get(tenant);
    if (used === undefined) return;
    used.runs--;
    used.bytes -= bytes;
    this.#used.runs--;
    this.#used.bytes -= bytes;
    if (used.runs === 0) this.#tenants.delete(tenant);
  }

  /** Whether no start is taken in at all. */
  get full(): boolean {
    return share(this.#used) >= 1;
  }

  /** Why a tenant's start is turned away; null = it is not. */
  refuses(tenant: TenantId): string | null {
    const { runs, bytes } = this.#used;
    const mebibytes = Math.round(bytes / 2 ** 20);
    if (this.full) return `${runs} runs of ${mebibytes} MiB are under way already.`;
    const used = this.#tenants.get(tenant);
    if (used === undefined || share(this.#used) < CROWDED || this.#tenants.size === 1) return null;
    if (used.runs * 2 <= runs && used.bytes * 2 <= bytes) return null;
    return `${used.runs} of the ${runs} runs under way are of this tenant.`;
  }
}

function share({ runs, bytes }: Used): number {
  return Math.max(runs / ACTORS_MAX, bytes / LIVE_BYTES_MAX);
}
