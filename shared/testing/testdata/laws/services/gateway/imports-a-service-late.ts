// breaks: eslint(no-restricted-imports)
export const load = (): Promise<unknown> => import("@millrace/shard-host/turn.ts");
