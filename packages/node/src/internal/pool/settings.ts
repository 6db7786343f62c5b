/** Reads the options of a flavour. */
import * as Settings from "@skein/core/Settings"
import { availableParallelism } from "node:os"
import type { Event, Options } from "../../Flavour.ts"

/** The options as they were read: times in milliseconds, `Infinity` for none. */
export interface Plan {
  readonly flavour: string
  readonly size: number
  readonly concurrency: number
  readonly minimum: number
  readonly spare: number
  readonly idleTimeToLive: number
  readonly recycle: { readonly tasks: number; readonly age: number; readonly heap: number }
  readonly queueMax: number
  readonly readyTimeout: number
  readonly grace: number
  readonly retryLost: number
  readonly env: Readonly<Record<string, string>> | undefined
  readonly execArgv: ReadonlyArray<string> | undefined
  readonly boot: URL | undefined
  readonly onEvent: ((event: Event) => void) | undefined
}

/** The file that workers start with: TypeScript in the workspace, JavaScript in a build, and wherever a bundle has put it. */
export const bootOf = (name: "thread" | "process", { boot }: Plan): URL =>
  boot ?? new URL(`../../boot/${name}.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)

const known = [
  "size",
  "concurrency",
  "minimum",
  "spare",
  "idleTimeToLive",
  "recycle",
  "queue",
  "readyTimeout",
  "grace",
  "retryLost",
  "env",
  "execArgv",
  "boot",
  "onEvent"
]

/** Reads the options of a flavour; wrong ones throw at once. `further` are those that only one flavour has. */
export const read = (where: string, flavour: string, given: Options, further: ReadonlyArray<string>): Plan => {
  Settings.known(where, given, [...known, ...further])
  const { boot, env, execArgv, onEvent, queue, recycle } = given
  const whole = (option: "size" | "concurrency" | "minimum" | "spare" | "retryLost", byDefault: number, least: number): number =>
    given[option] === undefined ? byDefault : Settings.whole(where, option, given[option], least)
  const time = (option: "idleTimeToLive" | "readyTimeout" | "grace", byDefault: number): number =>
    given[option] === undefined ? byDefault : Settings.millis(where, option, given[option])
  const size = whole("size", availableParallelism(), 1)
  const minimum = whole("minimum", 0, 0)
  if (minimum > size) throw Settings.mustBe(where, "minimum", `at most size, which is ${size}`, minimum)
  if (onEvent !== undefined && typeof onEvent !== "function") throw Settings.mustBe(where, "onEvent", "a function", onEvent)
  if (env !== undefined && !(typeof env === "object" && env !== null && Object.values(env).every(isText)))
    throw Settings.mustBe(where, "env", "an object of strings", env)
  if (execArgv !== undefined && !(Array.isArray(execArgv) && execArgv.every(isText)))
    throw Settings.mustBe(where, "execArgv", "an array of strings", execArgv)
  if (boot !== undefined && !(boot instanceof URL)) throw Settings.mustBe(where, "boot", "a URL", boot)
  if (recycle !== undefined) Settings.known(`${where} (recycle)`, recycle, ["tasks", "age", "heap"])
  return {
    flavour,
    size,
    concurrency: whole("concurrency", 1, 1),
    minimum,
    spare: whole("spare", 0, 0),
    idleTimeToLive: time("idleTimeToLive", 30_000),
    recycle: {
      tasks: recycle?.tasks === undefined ? Infinity : Settings.whole(where, "recycle.tasks", recycle.tasks),
      age: recycle?.age === undefined ? Infinity : Settings.positiveMillis(where, "recycle.age", recycle.age),
      heap: recycle?.heap === undefined ? Infinity : Settings.whole(where, "recycle.heap", recycle.heap)
    },
    queueMax: queue === undefined ? Infinity : queueMax(where, queue),
    readyTimeout: time("readyTimeout", 10_000),
    grace: time("grace", 5_000),
    retryLost: whole("retryLost", 0, 0),
    env,
    execArgv,
    boot,
    onEvent
  }
}

const isText = (value: unknown): boolean => typeof value === "string"

const queueMax = (where: string, queue: NonNullable<Options["queue"]>): number => {
  Settings.known(`${where} (queue)`, queue, ["max", "onFull"])
  const max = Settings.whole(where, "queue.max", queue.max, 0)
  return Settings.oneOf(where, "queue.onFull", queue.onFull, ["wait", "reject"]) === "wait" ? Infinity : max
}

export interface Memory {
  readonly heap?: number | undefined
  readonly stack?: number | undefined
}

/** Reads bounds of memory, in bytes. */
export const readMemory = (where: string, given: unknown, names: ReadonlyArray<"heap" | "stack">): Memory => {
  if (given === undefined) return {}
  Settings.known(`${where} (memory)`, given, names)
  const memory = given as { readonly heap?: unknown; readonly stack?: unknown }
  const bytes = (name: "heap" | "stack"): number | undefined =>
    memory[name] === undefined ? undefined : Settings.whole(where, `memory.${name}`, memory[name], 2 ** 20)
  return { heap: bytes("heap"), stack: bytes("stack") }
}

/** Reads whether functions may be ended in a worker that lives on. */
export const readForce = (where: string, given: unknown, { concurrency }: Plan): boolean => {
  const force = Settings.oneOf(where, "force", given, ["worker", "call"])
  if (force === "call" && concurrency > 1) throw Settings.mustBe(where, "force", '"worker" where concurrency is above 1', given)
  return force === "call"
}
