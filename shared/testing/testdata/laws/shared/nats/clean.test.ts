// breaks: nothing
import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";

test("tests of the room know NATS, too", () => {
  expect(connect).toBeDefined();
});
