// breaks: eslint(no-restricted-imports)
export type { Turn } from "@millrace/shard-host/turn.ts";
