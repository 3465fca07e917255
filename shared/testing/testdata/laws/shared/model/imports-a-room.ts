// breaks: eslint(no-restricted-imports)
export { decide } from "@millrace/core/run/decide.ts";
