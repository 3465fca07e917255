// breaks: eslint(no-restricted-imports)
export { freePort } from "@millrace/testing/free-port.ts";
