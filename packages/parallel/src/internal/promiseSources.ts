/** Reads what a call is made of: items and a function, or functions. */
import * as Settings from "@skein/core/Settings"
import { mustBeFunction } from "./promiseCall.ts"
import type { Job } from "./promiseGather.ts"
import { callPlan, type CallPlan, known } from "./promiseOptions.ts"
import type { Flow } from "./promiseStream.ts"
import type { Functions, StreamOptions, TaskContext, TaskFunction } from "./promiseTypes.ts"
import { isInput } from "./source.ts"

export const itemsOf = (where: string, items: unknown, f: Job["f"]): Job => {
  if (!isInput(items)) throw new TypeError(Settings.mustBe(where, "items", "iterable or async iterable", items).message)
  mustBeFunction(where, "f", f)
  return { items, f }
}

export const functionsOf = (where: string, functions: Functions): Job => {
  if ((typeof functions !== "object" || functions === null) && typeof functions !== "function") throw wrong(where, functions)
  const f = (given: unknown, index: number, task: TaskContext): unknown => {
    mustBeFunction(where, `task ${index}`, given)
    return (given as TaskFunction)(task)
  }
  if (isInput(functions)) return { items: functions, f }
  if (where.endsWith("fanOut") || typeof functions === "function") throw wrong(where, functions)
  const keys = Object.keys(functions)
  return { items: keys.map((key) => functions[key]), f, keys }
}

const wrong = (where: string, got: unknown): TypeError => {
  const record = where.endsWith("fanOut") ? "" : ", or a record of them"
  return new TypeError(Settings.mustBe(where, "functions", `an iterable of functions${record}`, got).message)
}

export const streamPlan = (
  where: string,
  options: StreamOptions<never, never> | undefined,
  further: ReadonlyArray<string> = []
): { readonly call: CallPlan; readonly flow: Flow } => {
  const names = [...known.call, "onFailure", "nameOf", "order", "buffer", ...further]
  const call = callPlan(where, options, names)
  if (call.onFailure === "collect") throw Settings.mustBe(where, "onFailure", '"isolate" | "interrupt"', "collect")
  const { concurrency } = call.plan.settings
  const buffer = options?.buffer === undefined ? concurrency : Settings.whole(where, "buffer", options.buffer, 0)
  return { call, flow: { order: Settings.oneOf(where, "order", options?.order, ["completion", "input"]), buffer } }
}
