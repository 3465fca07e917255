// breaks: eslint(no-restricted-imports)
export { start } from "@millrace/testing/process.ts";
