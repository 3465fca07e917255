// The package ships no types; this is all that is used of it.
declare module "fs-native-extensions" {
  /** Takes an exclusive lock on the open file description; false = somebody else has it. */
  export function tryLock(fd: number): boolean;
}
