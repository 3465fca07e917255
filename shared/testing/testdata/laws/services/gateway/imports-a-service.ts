// breaks: eslint(no-restricted-imports)
export { turn } from "@millrace/shard-host/turn.ts";
