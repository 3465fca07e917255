// breaks: nothing
export { jetstream } from "@nats-io/jetstream";
