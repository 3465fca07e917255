const RESTORE =
  "Nothing was changed. Check the disk, then put a backup of the whole data folder in its place, or start on another folder with --data.";

/** Data is damaged and was left as it is; the message says where and what to do. */
export class DataDamaged extends Error {
  override readonly name = "DataDamaged";

  constructor(problem: string) {
    super(`${problem} ${RESTORE}`);
  }
}
