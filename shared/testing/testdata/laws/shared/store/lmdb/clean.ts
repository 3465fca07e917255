// breaks: nothing
export { open } from "lmdb";
