/** Reads and checks the options of agents' gathers. */
import * as Settings from "@skein/core/Settings"
import * as Effect from "effect/Effect"
import type { GatherOptions, MakeOptions, Report, Store } from "../AgentGather.ts"
import type { Options } from "../Options.ts"
import { isAbortSignal } from "./gatherPlan.ts"
import * as record from "./agentRecord.ts"
import type { Limits } from "./agentStore.ts"

const shared = ["concurrency", "timeout", "taskTimeout", "attemptTimeout", "grace", "retry", "name"] as const

type Shared = Pick<MakeOptions, (typeof shared)[number]>

/** The options of `make`, checked, with their defaults. */
export interface Defaults extends Shared {
  readonly concurrency: number
  readonly store: Store | undefined
  readonly storeTimeout: number
  readonly maxTasks: number
  readonly textLimit: number
}

/** What one gather does. */
export interface Plan {
  readonly name: string
  readonly concurrency: number
  readonly timeout: number
  readonly grace: number
  /** The options of the call that runs one task. */
  readonly task: Pick<Options<any, any>, "taskTimeout" | "attemptTimeout" | "grace" | "retry">
  readonly stop: AbortSignal | Effect.Effect<unknown> | undefined
  readonly resume: string | undefined
  readonly store: Store | undefined
  readonly storeLimits: Limits
  /** What the keys of its results begin with, given what those of the task around it do. */
  readonly prefix: (outer: string | undefined) => string | undefined
  readonly maxTasks: number
  readonly textLimit: number
  readonly onReport: ((report: Report<any, any>) => void) | undefined
}

export const defaultsOf = (where: string, options: MakeOptions | undefined): Defaults => {
  Settings.known(where, options ?? {}, [...shared, "store", "storeTimeout", "maxTasks", "textLimit"])
  const { maxTasks, store, storeTimeout, textLimit, ...rest } = options ?? {}
  const settings = Settings.read(where, rest, [])
  if (settings.concurrency === Infinity) throw Settings.mustBe(where, "concurrency", "a whole number of at least 1", "unbounded")
  const isStore = typeof (store as Partial<Store> | undefined)?.get === "function" && typeof store?.set === "function"
  if (store !== undefined && !isStore) throw Settings.mustBe(where, "store", "a KeyValueStore", store)
  return {
    ...rest,
    timeout: rest.timeout ?? "60 seconds",
    grace: rest.grace ?? "5 seconds",
    concurrency: settings.concurrency,
    store,
    storeTimeout: storeTimeout === undefined ? 5_000 : Settings.positiveMillis(where, "storeTimeout", storeTimeout),
    maxTasks: maxTasks === undefined ? 100 : Settings.whole(where, "maxTasks", maxTasks),
    textLimit: textLimit === undefined ? 8_000 : Settings.whole(where, "textLimit", textLimit, 200)
  }
}

export const planOf = (where: string, options: GatherOptions | undefined, defaults: Defaults): Plan => {
  const settings = Settings.read(where, options ?? {}, ["stop", "resume", "onReport"])
  const { onReport, resume, stop } = options ?? {}
  if (stop !== undefined && !isAbortSignal(stop) && !Effect.isEffect(stop)) {
    throw Settings.mustBe(where, "stop", "an AbortSignal or an Effect", stop)
  }
  if (resume !== undefined && (typeof resume !== "string" || resume === "")) {
    throw Settings.mustBe(where, "resume", "a string that is not empty", resume)
  }
  if (onReport !== undefined && typeof onReport !== "function") throw Settings.mustBe(where, "onReport", "a function", onReport)
  const grace = Settings.millis(where, "grace", options?.grace ?? defaults.grace)
  return {
    name: settings.name ?? defaults.name ?? "AgentGather.gather",
    concurrency: options?.concurrency === undefined ? Infinity : settings.concurrency,
    timeout: Settings.millis(where, "timeout", options?.timeout ?? defaults.timeout),
    grace,
    task: {
      taskTimeout: options?.taskTimeout ?? defaults.taskTimeout,
      attemptTimeout: options?.attemptTimeout ?? defaults.attemptTimeout,
      grace: grace === Infinity ? "Infinity" : grace,
      retry: (options?.retry ?? defaults.retry) as Settings.RetryOptions<any> | undefined
    },
    stop,
    resume,
    store: defaults.store,
    storeLimits: { time: defaults.storeTimeout, grace },
    prefix: (outer) => (resume === undefined ? outer : record.prefixOf(outer, resume)),
    maxTasks: defaults.maxTasks,
    textLimit: defaults.textLimit,
    onReport: onReport as Plan["onReport"]
  }
}
