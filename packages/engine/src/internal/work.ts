/** What a job does: an effect of one's own, a portable task, a command. A store keeps the latter two. */
import * as Settings from "@skein/core/Settings"
import type * as Task from "@skein/parallel/Task"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import type { Json } from "../JobStore.ts"

/** Writes values as JSON and reads them. Both throw for what does not fit. */
export interface Codec {
  readonly encode: (value: unknown) => Json
  readonly decode: (json: Json) => unknown
}

/** The codecs of what work gives and of what it fails with. */
export interface Codecs {
  readonly success: Codec
  readonly error: Codec
}

/** What makes work fit for a store. */
export interface Portable extends Codecs {
  /** Enough to find the work again in another process. */
  readonly data: { readonly kind: "task" | "command" } & { readonly [key: string]: Json }
  /** Of its input where that holds no place for the result of another job; where it does it is kept as plain data. */
  readonly input: Codec
}

export interface Work {
  /** Gives the effect for an input whose places are filled. */
  readonly start: (input: unknown) => unknown
  /** Why it cannot be kept, where it cannot. */
  readonly portable: Portable | string
  /** What becomes of it when its process died, unless the job says otherwise. */
  readonly onLost: "resume" | "fail"
}

/** An effect, or a function that gives one. */
export const ofEffect = (where: string, run: unknown, input: unknown): Work => {
  const isFunction = typeof run === "function"
  if (!isFunction && !Effect.isEffect(run)) {
    throw new TypeError(Settings.mustBe(where, "run", "an Effect or a function that gives one", run).message)
  }
  if (input !== undefined && !isFunction) throw new TypeError(Settings.mustBe(where, "run", "a function of the input", run).message)
  return {
    start: isFunction ? (run as (input: unknown) => unknown) : () => run,
    portable: "its work is a function of this process, and no task or command",
    onLost: "fail"
  }
}

export type AnyTask = Task.Task<any, unknown, unknown>

export const isTask = (value: unknown): value is AnyTask =>
  typeof value === "function" && isRecord((value as Partial<AnyTask>).definition) && isRecord((value as Partial<AnyTask>).json)

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null

/** A portable task. */
export const ofTask = (task: AnyTask): Work => {
  const { definition, json } = task
  const { idempotent, kind, main, module, name } = definition
  return {
    start: (input) => task(input as never),
    portable: {
      data: { kind: "task", name, module: kind === "handler" || main ? "" : module, export: definition.export },
      input: codecOf(json.payload),
      success: codecOf(json.success),
      error: withTrouble(codecOf(json.error))
    },
    onLost: idempotent ? "resume" : "fail"
  }
}

const mark = "$skein"

/** A task may fail with what kept it from running, beside its own errors. */
export const withTrouble = (own: Codec): Codec => ({
  encode: (error) => {
    if (error instanceof TaskRunner.TaskRunnerError) {
      const { flavour, reason, task } = error
      return { [mark]: { trouble: { task, flavour, reason: JSON.parse(JSON.stringify(reason)) as Json } } }
    }
    const json = own.encode(error)
    return isMarked(json) ? { [mark]: { own: json } } : json
  },
  decode: (json) => {
    if (!isMarked(json)) return own.decode(json)
    const marked = json[mark] as { readonly own?: Json; readonly trouble?: ConstructorParameters<typeof TaskRunner.TaskRunnerError>[0] }
    return marked.trouble === undefined ? own.decode(marked.own!) : new TaskRunner.TaskRunnerError(marked.trouble)
  }
})

const isMarked = (json: Json): json is { readonly [key: string]: Json } =>
  typeof json === "object" && json !== null && !Array.isArray(json) && mark in json

const codecOf = ({ read, write }: Task.JsonText): Codec => ({
  encode: (value) => {
    const text = write(value)
    return text === undefined ? null : (JSON.parse(text) as Json)
  },
  decode: (json) => read(JSON.stringify(json))
})

/** Hands JSON through that nobody can read. */
export const asItIs: Codec = { encode: (json) => json as Json, decode: (json) => json }

/** The same work for an input that cannot be read any more: it fails, and says why. */
export const unreadableInput = (work: Work, error: Error): Work => {
  const portable = work.portable as Portable
  return { ...work, start: () => Effect.die(error), portable: { ...portable, input: asItIs } }
}
