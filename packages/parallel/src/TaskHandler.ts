/**
 * Carries out calls of a plain function in a worker, or in this thread, without Effect and without schemas.
 *
 * A call owns the function's promise: it is answered when that has settled, also after it was asked to stop. The module holds what a flavour needs to host handlers of tasks (`Task.make` with `handler`), and the type
 * of the context that a handler is called with.
 *
 * **Details**
 *
 * The function gets the JSON form of the payload, as the task's schemas encode it: a Date is its ISO text, a bigint its digits, NaN the text `"NaN"`. It gives its result in the same form, in which Dates and numbers that
 * are not finite may be left as they are. Bytes and shared memory keep their form both ways.
 *
 * **Example** (A handler)
 *
 * ```ts
 * import type { Context } from "@skein/parallel/TaskHandler"
 *
 * export const countLines = (text: string, { report, signal }: Context): number => {
 *   signal.throwIfAborted()
 *   const lines = text.split("\n").length
 *   report({ done: lines })
 *   return lines
 * }
 *
 * console.log(countLines("a\nb", { report: () => {}, log: () => {}, remaining: () => undefined, signal: new AbortController().signal })) // => 2
 * ```
 *
 * @since 0.1.0
 */
import * as answer from "./internal/taskAnswer.ts"
import * as bulk from "./internal/taskBulkPlain.ts"
import * as json from "./internal/taskJson.ts"
import * as defect from "./internal/taskDefect.ts"
import * as message from "./internal/taskMessage.ts"
import * as parts from "./internal/taskParts.ts"
import type { Answer, HostHandle, HostPort, Meta, Wire } from "./TaskRunner.ts"

/**
 * How far a handler is, in units of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly done?: number | undefined
  readonly total?: number | undefined
  readonly message?: string | undefined
}

/**
 * What a handler is called with beside the payload. Its functions need no `this`, and do nothing once the call has ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Context {
  /** Aborted when the call is to stop. */
  readonly signal: AbortSignal
  /** Reports progress to the observers of the calling task. */
  readonly report: (report: Report) => void
  /** Writes a line with the caller's loggers. */
  readonly log: (
    message: unknown,
    options?: {
      /**
       * How grave it is. Lines below the caller's minimum are dropped here.
       *
       * @default "Info"
       */
      readonly level?: "Trace" | "Debug" | "Info" | "Warn" | "Error" | "Fatal" | undefined
      /**
       * @default none
       */
      readonly annotations?: { readonly [key: string]: unknown } | undefined
    }
  ) => void
  /** Milliseconds that are left before the caller's deadline; `undefined` if there is none. */
  readonly remaining: () => number | undefined
}

/**
 * Makes of a function what carries out one call of it.
 *
 * @category contract
 * @since 0.1.0
 */
export const execute =
  (handler: (payload: never, context: Context) => unknown) =>
  (payload: Wire, meta: Meta | undefined, port: HostPort): HostHandle => {
    const run = handler as (payload: unknown, context: Context) => unknown
    if (meta?.chunk === undefined) return begin(run, () => parts.parse(payload), meta, port)
    return bulk.execute((value, meta, port) => begin(run, () => value, meta, port), payload, meta, port)
  }

const begin = (
  handler: (payload: unknown, context: Context) => unknown,
  payload: () => unknown,
  meta: Meta | undefined,
  port: bulk.Port
): HostHandle => {
  const call = new HandlerCall(meta, port)
  call.start(handler, payload)
  return call
}

/**
 * The answer to a call that could not even begin: a defect.
 *
 * @category contract
 * @since 0.1.0
 */
export const broken = (error: unknown): Answer => ({ ok: false, text: JSON.stringify({ cause: [["die", defect.encode(error)]] }) })

const levels = ["All", "Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None"]

class HandlerCall implements HostHandle, Context {
  private readonly port: bulk.Port
  private readonly level: number
  private deadline: number | undefined
  private controller: AbortController | undefined
  private stopped: Error | undefined
  private settled = false

  constructor(meta: Meta | undefined, port: bulk.Port) {
    this.port = port
    this.level = levels.indexOf(meta?.level ?? "Info")
    if (meta?.remaining !== undefined) this.deadline = performance.now() + meta.remaining
  }

  /** Made for those who ask for it: most handlers do not. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController()
      if (this.stopped !== undefined) this.controller.abort(this.stopped)
    }
    return this.controller.signal
  }

  readonly report = ({ done, message: text, total }: Report): void => {
    this.send(["progress", { done, total, message: text }])
  }

  readonly log: Context["log"] = (line, options) => {
    const level = options?.level ?? "Info"
    if (levels.indexOf(level) < this.level) return
    const { annotations } = options ?? {}
    this.send([
      "log",
      { level, message: [defect.encode(line)], ...(annotations === undefined ? undefined : { annotations: defect.encode(annotations) }) }
    ])
  }

  readonly remaining = (): number | undefined => (this.deadline === undefined ? undefined : Math.max(0, this.deadline - performance.now()))

  start(handler: (payload: unknown, context: Context) => unknown, payload: () => unknown): void {
    let result: unknown
    try {
      result = handler(payload(), this)
    } catch (error) {
      return this.settle(answer.thrown(error))
    }
    if (isThenable(result)) {
      Promise.resolve(result).then(
        (value) => this.finish(value),
        (error: unknown) => this.settle(answer.thrown(error))
      )
    } else this.finish(result)
  }

  private finish(value: unknown): void {
    if (typeof value !== "number" || this.port.number === undefined) return this.settle(answerOf(value))
    this.settled = true
    this.port.number(value)
  }

  private settle(answer: Answer): void {
    this.settled = true
    this.port.settle(answer)
  }

  private send(up: message.Up): void {
    if (!this.settled) this.port.send(message.write(up))
  }

  interrupt(): void {
    if (this.settled || this.stopped !== undefined) return
    this.stopped = new Error("the call was interrupted")
    this.stopped.name = "AbortError"
    this.controller?.abort(this.stopped)
  }

  receive(text: string): void {
    const down = message.read<message.Down>(text)
    this.deadline = performance.now() + (down[0] === "left" ? down[1] : 0)
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { readonly then?: unknown }).then === "function"

const answerOf = (value: unknown): Answer => {
  try {
    return { ...parts.collect(() => textOf(value)), ok: true }
  } catch (error) {
    return answer.refused("Unserializable", error instanceof Error ? error.message : String(error))
  }
}

const textOf = (value: unknown): string => {
  if (value === undefined) return "null"
  try {
    return json.write(value)
  } catch (error) {
    if (!(error instanceof json.NotJson)) throw error
    return json.write(jsonFormOf(value, 0))
  }
}

/** No JSON that anybody sends is nested deeper; a cycle is. */
const deepest = 1_000

/** What a schema would have made of the values that JSON has no form for. */
const jsonFormOf = (value: unknown, depth: number): unknown => {
  if (depth > deepest) throw new json.NotJson("it is cyclic, or nested too deep")
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  if (typeof value === "bigint") return String(value)
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer)
  ) {
    return parts.put(value as ArrayBuffer, false)
  }
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : jsonFormOf(item, depth + 1)))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const fields = {}
  for (const key of Object.keys(value)) {
    const field = (value as Record<string, unknown>)[key]
    if (field !== undefined)
      Object.defineProperty(fields, key, { value: jsonFormOf(field, depth + 1), enumerable: true, configurable: true, writable: true })
  }
  return fields
}
