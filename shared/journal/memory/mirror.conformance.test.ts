import { mirrorConformance } from "../mirror-conformance.ts";
import { MirrorDisk, openMemoryMirror } from "./mirror.ts";

mirrorConformance("memory", () => {
  const disk = new MirrorDisk();
  return Promise.resolve({
    open: () => Promise.resolve(openMemoryMirror(disk)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
