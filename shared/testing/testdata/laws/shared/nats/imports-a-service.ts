// breaks: eslint(no-restricted-imports)
export { startGateway } from "@millrace/gateway/gateway.ts";
