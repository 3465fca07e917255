import type { Clock } from "@millrace/clock/clock.ts";
import { Line } from "@millrace/clock/line.ts";
import { Control, type ControlParts } from "./control.ts";
import type { ControlNews, ControlRequest } from "./control-messages.ts";
import { Membership, type MembershipObserver } from "./membership.ts";

/** Runs the control on the thread of the event loop, for the simulation: with a clock of its own it goes on alone. */
export function startLocalControl(
  parts: Omit<ControlParts, "tell">,
  clock: Clock,
  observer: MembershipObserver,
): Membership {
  const { cells, identity } = parts;
  const news = new Line<ControlNews>(clock, (told) => membership.heard(told));
  const requests = new Line<ControlRequest>(parts.clock, (request) => control.heard(request));
  const post = (request: ControlRequest): void => requests.send(request, 0, 0);
  const membership = new Membership({ clock, cells, process: identity.process, post, observer });
  const control = new Control({ ...parts, tell: (told) => news.send(told, 0, 0) });
  control.start();
  return membership;
}
