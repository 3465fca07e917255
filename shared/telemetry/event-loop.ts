// How late the event loop is, and how busy: the first thing to look at when latency rises.
import { monitorEventLoopDelay, performance } from "node:perf_hooks";

/** How often the loop's lateness is sampled. Shorter would itself wake the loop too often. */
const RESOLUTION_MS = 10;

const NS_PER_SECOND = 1e9;

/** What was seen since the last reading. */
export interface EventLoopReading {
  readonly delayP50Seconds: number;
  readonly delayP99Seconds: number;
  readonly delayMaxSeconds: number;
  /** Share of the time the loop was busy, 0 to 1. */
  readonly utilisation: number;
}

/** Watches this thread's event loop until stopped. */
export class EventLoopWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #since = performance.eventLoopUtilization();

  constructor() {
    this.#histogram.enable();
  }

  /** What was seen since the last call, less one sampling interval; forgets it. */
  read(): EventLoopReading {
    const histogram = this.#histogram;
    const now = performance.eventLoopUtilization();
    const reading = {
      delayP50Seconds: lateness(histogram.percentile(50)),
      delayP99Seconds: lateness(histogram.percentile(99)),
      delayMaxSeconds: lateness(histogram.max),
      utilisation: performance.eventLoopUtilization(now, this.#since).utilization,
    };
    histogram.reset();
    this.#since = now;
    return reading;
  }

  stop(): void {
    this.#histogram.disable();
  }
}

/** The histogram holds the time between two samples; what exceeds the sampling interval is delay. */
function lateness(intervalNs: number): number {
  return Math.max(intervalNs - RESOLUTION_MS * 1e6, 0) / NS_PER_SECOND;
}
