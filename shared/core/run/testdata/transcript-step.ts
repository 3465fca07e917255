// `step name …` of a transcript.
import type { StepDefinition, StepKind, Template } from "@millrace/model/definition.ts";
import { makeStep, RETRY } from "./make-plan.ts";
import { durationMs, templateOf, type Words } from "./transcript-words.ts";

export function readStep(given: Words): StepDefinition {
  const needs = given.option("needs");
  const timeout = given.option("timeout");
  const retry = given.option("retry");
  return makeStep(given.at(1), {
    ...waiting(given),
    needs: needs === "" ? [] : needs.split(","),
    if: given.option("if") || null,
    forEach: given.option("forEach") || null,
    maxConcurrency: Number(given.option("max") || 100),
    stepTimeoutMs: timeout === "" ? 0 : durationMs(timeout),
    retry: retry === "" ? RETRY : { ...RETRY, maxAttempts: Number(retry) },
  });
}

function waiting(given: Words): Partial<StepDefinition> {
  const sleep = given.option("sleep");
  const signal = given.option("signal");
  const transform = given.option("transform");
  const workflow = given.option("workflow");
  const written = given.option("with");
  if (workflow !== "") return { ...started(workflow, given), ...(written === "" ? {} : { with: templateOf(written), hasWith: true }) };
  if (sleep !== "") return built("sleep", { [sleep.split(":")[0] ?? ""]: sleep.split(":").slice(1).join(":") });
  if (signal !== "") return built("signal", { name: signal });
  if (transform !== "") return built("transform", templateOf(transform));
  return written === "" ? {} : { with: templateOf(written), hasWith: true };
}

/** `workflow=name@version wait=false onCancel=terminate` */
function started(workflow: string, given: Words): Partial<StepDefinition> {
  const [name = "", version = "0"] = workflow.split("@");
  const wait = given.option("wait") !== "false";
  const policy = given.option("onCancel");
  const onCancel = policy === "terminate" || policy === "abandon" ? policy : wait ? "cancel" : "abandon";
  return { kind: "workflow", uses: "workflow", child: { name, version: Number(version), wait, onCancel } };
}

function built(kind: StepKind, template: Template): Partial<StepDefinition> {
  return { kind, uses: kind, with: template, hasWith: true };
}
