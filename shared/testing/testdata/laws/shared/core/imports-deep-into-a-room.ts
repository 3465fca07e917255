// breaks: eslint(no-restricted-imports)
export { openStore } from "@millrace/store/lmdb/open.ts";
