// breaks: nothing
export { serve } from "@millrace/gateway/serve.ts";
export { host } from "@millrace/shard-host/host.ts";
export { openStore } from "@millrace/store/lmdb/open.ts";
export { openBlobs } from "@millrace/blobs/nats/open.ts";
