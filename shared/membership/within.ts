import type { Clock } from "@millrace/clock/clock.ts";

/** What a promise resolves to; undefined if it takes longer than this, or rejects. What becomes of it then is not awaited. */
export function within<Value>(clock: Clock, timeoutMs: number, promise: Promise<Value>): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(timeoutMs, () => resolve(undefined));
    const settle = (value?: Value): void => {
      cancel();
      resolve(value);
    };
    promise.then(settle, () => settle());
  });
}
