// breaks: eslint(no-restricted-imports)
export { connect } from "@nats-io/transport-node";
