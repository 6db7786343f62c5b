/** Reads the options of a keyed limiter. */
import * as Settings from "@skein/core/Settings"
import * as rates from "./keyedRate.ts"

export interface Read {
  readonly permits: number
  readonly perKey: number
  readonly rate: rates.Rate | undefined
  readonly name: string | undefined
  /** How many may wait before a request is refused: `Infinity` unless the policy is to refuse. */
  readonly max: number
  readonly maxPerKey: number
}

interface Given {
  readonly permits?: unknown
  readonly perKey?: unknown
  readonly rate?: unknown
  readonly name?: unknown
  readonly queue?: unknown
}

export const read = (given: object): Read => {
  const where = "KeyedLimiter.make"
  Settings.known(where, given, ["permits", "perKey", "rate", "name", "queue"])
  const { name, perKey, permits, queue, rate } = given as Given
  return {
    permits: Settings.whole(where, "permits", permits),
    perKey: perKey === undefined ? Infinity : Settings.whole(where, "perKey", perKey),
    rate: rate === undefined ? undefined : rates.read(where, rate, false),
    name: Settings.text(where, "name", name),
    ...(queue === undefined ? unbounded : readQueue(where, queue))
  }
}

const unbounded = { max: Infinity, maxPerKey: Infinity }

const readQueue = (where: string, value: unknown): typeof unbounded => {
  Settings.known(`${where} (queue)`, value, ["max", "maxPerKey", "onFull"])
  const queue = value as { readonly max?: unknown; readonly maxPerKey?: unknown; readonly onFull?: unknown }
  const count = (option: "max" | "maxPerKey"): number =>
    queue[option] === undefined ? Infinity : Settings.whole(where, `queue.${option}`, queue[option], 0)
  const bounds = { max: count("max"), maxPerKey: count("maxPerKey") }
  if (Settings.oneOf(where, "queue.onFull", queue.onFull, ["wait", "reject"]) === "wait") return unbounded
  if (bounds.max === Infinity && bounds.maxPerKey === Infinity) {
    throw Settings.mustBe(where, "queue.max or queue.maxPerKey", `given when queue.onFull is "reject"`, undefined)
  }
  return bounds
}
