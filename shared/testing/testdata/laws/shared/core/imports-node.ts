// breaks: eslint(no-restricted-imports) import(no-nodejs-modules)
export { createHash } from "node:crypto";
