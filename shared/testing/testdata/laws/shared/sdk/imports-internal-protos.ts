// breaks: eslint(no-restricted-imports)
export { ShardServiceClient } from "@millrace/rpc/generated/millrace/internal/v1/shards.ts";
