// Branded identifiers and positions: a bare string or number never crosses a room.
// The functions below are the only places that give a brand; they do not check, parsers at the edges do.

declare const brand: unique symbol;

/** A `Value` that only the function named after `Name` hands out. */
export type Branded<Value, Name extends string> = Value & { readonly [brand]: Name };

/** 20 characters of lower-case Crockford base32: 9 of start time (ms), 3 of slot, 8 random. Sorts by start time. */
export type RunId = Branded<string, "RunId">;
/** The customer a run belongs to; at most 64 characters of `[a-z0-9._-]`. */
export type TenantId = Branded<string, "TenantId">;
/** A workflow's name; at most 128 characters of `[a-z0-9._-]`. */
export type WorkflowName = Branded<string, "WorkflowName">;
/** One of 4,096 fixed hash values, 0 to 4,095. */
export type Slot = Branded<number, "Slot">;
/** The number of a shard within its cluster (or its data folder, without one), from 0. */
export type ShardId = Branded<number, "ShardId">;
/** The number of a shard's current ownership, from 1. */
export type Term = Branded<number, "Term">;
/** The ordinal of a record in its shard's journal: the first record has position 1; 0 means "before the first". */
export type Position = Branded<number, "Position">;
/** What a worker calls itself in timelines: `name@build`. */
export type WorkerName = Branded<string, "WorkerName">;
/** One life of a process of a cluster: `<name>-<8 random characters>`, new at every start. A token of a subject. */
export type ProcessId = Branded<string, "ProcessId">;
/** A process's name through all its lives; at most 64 characters of `[A-Za-z0-9_-]`. No two live processes share one. */
export type ProcessName = Branded<string, "ProcessName">;

/** How many slots there are. Fixed for ever: it is part of every run ID. */
export const SLOT_COUNT = 4096;

export const runId = (text: string): RunId => text as RunId;
export const tenantId = (text: string): TenantId => text as TenantId;
export const workflowName = (text: string): WorkflowName => text as WorkflowName;
export const slot = (value: number): Slot => value as Slot;
export const shardId = (value: number): ShardId => value as ShardId;
export const term = (value: number): Term => value as Term;
export const position = (value: number): Position => value as Position;
export const workerName = (text: string): WorkerName => text as WorkerName;
export const processId = (text: string): ProcessId => text as ProcessId;
export const processName = (text: string): ProcessName => text as ProcessName;
