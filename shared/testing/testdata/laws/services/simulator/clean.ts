// breaks: nothing
export { serve } from "@millrace/gateway/serve.ts";
export { host } from "@millrace/shard-host/host.ts";
