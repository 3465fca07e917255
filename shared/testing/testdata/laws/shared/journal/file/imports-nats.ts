// breaks: eslint(no-restricted-imports)
export { jetstream } from "@nats-io/jetstream";
