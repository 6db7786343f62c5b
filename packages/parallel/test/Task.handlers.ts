/** The plain functions of the tests of tasks, in a module of their own as a worker would load it. */
import type { Context } from "@skein/parallel/TaskHandler"

export const echo = (payload: unknown): unknown => payload

export const add = ({ a, b }: { readonly a: number; readonly b: number }): number => a + b

export const later = async (payload: number): Promise<number> => {
  await Promise.resolve()
  return payload * 2
}

/** Says what it was given, as JSON would. */
export const forms = (payload: unknown): string => JSON.stringify(payload)

export class NotFound extends Error {
  readonly _tag = "NotFound"
  readonly id: number
  constructor(id: number) {
    super(`no ${id}`)
    this.id = id
  }
}

export const find = (id: number): string => {
  if (id === 0) throw new TypeError("zero is not an id", { cause: new RangeError("below one") })
  if (id === 1) throw { _tag: "NotFound", id: 1 }
  throw new NotFound(id)
}

export const events: Array<string> = []

/** Runs until it is asked to stop, and notes what happens. */
export const wait = (_: null, { signal }: Context): Promise<void> =>
  new Promise((_, reject) => {
    events.push("started")
    signal.addEventListener("abort", () => {
      setTimeout(() => {
        events.push("cleaned up")
        reject(signal.reason as Error)
      }, 20)
    })
  })

export const speak = (_: null, { log, remaining, report }: Context): boolean => {
  report({ done: 1, total: 2, message: "half" })
  log("heard", { annotations: { from: "handler" } })
  log("not heard", { level: "Debug" })
  log(new Error("grave"), { level: "Error" })
  return remaining() !== undefined
}

export const measure = (bytes: Uint8Array): { readonly bytes: Uint8Array; readonly sum: number } => ({
  bytes: bytes.map((byte) => byte + 1),
  sum: bytes.reduce((sum, byte) => sum + byte, 0)
})

export const odd = (what: string): unknown => {
  switch (what) {
    case "function":
      return { deep: [() => 1] }
    case "cycle": {
      const cycle: { self?: unknown } = {}
      cycle.self = cycle
      return cycle
    }
    case "text":
      return "no number"
    case "nothing":
      return undefined
    default:
      return Number.POSITIVE_INFINITY
  }
}

export const notAFunction = 1
