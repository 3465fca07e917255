// breaks: eslint(no-restricted-imports)
export { runId } from "@millrace/model/ids.ts";
