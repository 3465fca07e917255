// breaks: eslint(no-restricted-imports)
export { serve } from "@millrace/gateway/serve.ts";
