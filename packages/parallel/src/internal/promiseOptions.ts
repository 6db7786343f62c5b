/** Reads and checks the options of `@skein/parallel/promise`, and says them in the engine's words. */
import * as Settings from "@skein/core/Settings"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { isAbortSignal, type Plan, plan } from "./gatherPlan.ts"
import { Call } from "./promiseCall.ts"
import { TaskStopped } from "./promiseErrors.ts"
import type { CallOptions, GatherOptions, OnFailure, RetryOptions, TaskContext, Time } from "./promiseTypes.ts"
import { outcomeOf, reasonOf } from "./promiseResult.ts"

const forTasks = ["taskTimeout", "attemptTimeout", "queueTimeout", "retry", "grace", "name"] as const
const forCalls = [...forTasks, "concurrency", "timeout", "signal", "within", "onOutcome", "onProgress"] as const
const forGathers = [...forCalls, "onFailure", "onTimeout", "onAbort"] as const

export const known = { task: forTasks, call: forCalls, gather: forGathers, map: [...forGathers, "nameOf"] }

/** How long a task may take to stop, unless the caller says otherwise. */
const defaultGrace = "5 seconds"

/** The options of one call as they were read and checked. */
export interface CallPlan {
  readonly plan: Plan
  readonly onFailure: OnFailure
  readonly onTimeout: "partial" | "fail"
  readonly onAbort: "partial" | "fail"
  readonly within: Call | undefined
}

export const callPlan = (where: string, options: CallOptions<never> | undefined, names: ReadonlyArray<string>): CallPlan => {
  Settings.known(where, options ?? {}, names)
  const { onAbort, onFailure, onOutcome, onTimeout, signal, within, ...rest } = (options ?? {}) as GatherOptions<never>
  // What the façade alone knows.
  const { buffer: _b, order: _o, priority: _p, ...shared } = rest as Record<string, unknown>
  if (signal !== undefined && !isAbortSignal(signal)) throw Settings.mustBe(where, "signal", "an AbortSignal", signal)
  if (within !== undefined && !(within instanceof Call)) throw Settings.mustBe(where, "within", "the context that a task was given", within)
  if (onOutcome !== undefined && typeof onOutcome !== "function") throw Settings.mustBe(where, "onOutcome", "a function", onOutcome)
  const policy = Settings.oneOf(where, "onFailure", onFailure, ["isolate", "interrupt", "collect"])
  const engine: Plan = plan(
    where,
    {
      grace: defaultGrace,
      ...given(shared),
      retry: retryOf(where, rest.retry),
      stop: stopOf(signal, within),
      onFailure: policy === "interrupt" ? "interrupt" : "isolate"
    } as never,
    ["nameOf"]
  )
  return {
    plan: onOutcome === undefined ? engine : { ...engine, onOutcome: (outcome) => onOutcome(outcomeOf(outcome) as never) },
    onFailure: policy,
    onTimeout: Settings.oneOf(where, "onTimeout", onTimeout, ["partial", "fail"]),
    onAbort: Settings.oneOf(where, "onAbort", onAbort, ["partial", "fail"]),
    within
  }
}

/** An option that is `undefined` means the default. */
const given = (options: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const stopOf = (signal: AbortSignal | undefined, within: TaskContext | undefined): AbortSignal | undefined =>
  within === undefined ? signal : signal === undefined ? within.signal : AbortSignal.any([signal, within.signal])

/** Options that an executor and its calls share, as settings. */
export const taskSettings = (where: string, options: object, concurrency: unknown): Settings.Settings => {
  const { grace = defaultGrace, ...rest } = options as { readonly grace?: Time; readonly retry?: RetryOptions }
  return Settings.read(where, { ...rest, grace, concurrency, retry: retryOf(where, rest.retry) }, [])
}

const retryNames = ["times", "delay", "while", "needs"]

const retryOf = (where: string, retry: unknown): Settings.RetryOptions<unknown> | undefined => {
  if (retry === undefined) return undefined
  if (typeof retry !== "object" || retry === null) throw Settings.mustBe(where, "retry", "an object", retry)
  Settings.known(`${where}: retry`, retry, retryNames)
  const { delay = 0, needs, times, while: predicate } = retry as RetryOptions
  if (times === undefined && predicate === undefined) throw Settings.mustBe(where, "retry", "bounded by times or by while", retry)
  if (predicate !== undefined) {
    if (typeof predicate !== "function") throw Settings.mustBe(where, "retry.while", "a function", predicate)
  }
  const millisAfter =
    typeof delay === "function"
      ? (attempts: number, error: unknown) => Settings.millis(where, "what retry.delay gives", delay(attempts, error))
      : constant(Settings.millis(where, "retry.delay", delay))
  return {
    times: times === undefined ? undefined : Settings.whole(where, "retry.times", times, 0),
    needs,
    while: predicate === undefined ? undefined : (error: unknown) => predicate(plainError(error)),
    schedule: schedule((attempts, error) => millisAfter(attempts, plainError(error)))
  } as Settings.RetryOptions<unknown>
}

const constant = (millis: number) => (): number => millis

/** In place of the error of an attempt that hit its limit, one that is no value of Effect. */
const plainError = (error: unknown): unknown => {
  if (!(error instanceof Settings.AttemptTimedOut)) return error
  return new TaskStopped(error.message, reasonOf({ _tag: "TaskTimeout", after: error.after }), "attempt", true)
}

const schedule = (millisAfter: (attempts: number, error: unknown) => number): Schedule.Schedule<number, unknown> =>
  Schedule.fromStep(
    Effect.sync(() => {
      let attempts = 0
      return (_now: number, error: unknown) =>
        Effect.sync((): [number, Duration.Duration] => {
          attempts++
          return [attempts, Duration.millis(millisAfter(attempts, error))]
        })
    })
  )
