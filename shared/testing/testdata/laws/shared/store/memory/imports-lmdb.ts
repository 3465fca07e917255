// breaks: eslint(no-restricted-imports)
export { open } from "lmdb";
