// A control on a thread of its own over memory adapters. Its heartbeats are told on the channel that the settings name,
// each behind the time when it was sent.
import { BroadcastChannel } from "node:worker_threads";
import { MemoryBus } from "@millrace/bus/memory/hub.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { MemoryKv } from "@millrace/kv/memory/store.ts";
import { BEAT_SUBJECT } from "../../subjects.ts";
import { type ControlConnections, serveControl } from "../serve-control.ts";

function connect(settings: string): Promise<ControlConnections> {
  if (settings === "nowhere") return Promise.reject(new Error("There is no server at nowhere."));
  if (settings === "crash") setTimeout(() => process.exit(3), 50);
  const hub = new MemoryBus(systemClock);
  const channel = new BroadcastChannel(settings);
  hub.connect("listener").subscribe(BEAT_SUBJECT, (message) => {
    if (message.type !== "message") return;
    const stamped = Buffer.alloc(8 + message.data.length);
    stamped.writeDoubleLE(systemClock.monotonicMs());
    stamped.set(message.data, 8);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel between threads has no origins
    channel.postMessage(stamped);
  });
  channel.unref();
  const bus = hub.connect("control");
  const kv = new MemoryKv(systemClock).connect("control");
  const close = async (): Promise<void> => {
    await Promise.all([bus.close(), kv.close()]);
  };
  return Promise.resolve({ bus, kv, close });
}

serveControl(connect);
