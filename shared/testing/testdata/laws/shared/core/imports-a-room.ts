// breaks: eslint(no-restricted-imports)
export { pack } from "@millrace/codec/pack.ts";
