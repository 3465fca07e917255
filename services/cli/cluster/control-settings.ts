// What the event loop tells the thread of the control about how to connect: text, as threads exchange.
import type { NatsSettings } from "@millrace/nats/settings.ts";
import type { Replicas } from "@millrace/nats/streams.ts";

export interface ControlSettings {
  readonly nats: NatsSettings;
  readonly replicas: Replicas;
}

export function printControlSettings(settings: ControlSettings): string {
  return JSON.stringify(settings);
}

/** Throws for text that {@link printControlSettings} did not write. */
export function parseControlSettings(text: string): ControlSettings {
  const parsed: unknown = JSON.parse(text);
  if (!isSettings(parsed)) throw new Error("These are no settings of a control.");
  return parsed;
}

function isSettings(value: unknown): value is ControlSettings {
  return typeof value === "object" && value !== null && "nats" in value && "replicas" in value;
}
