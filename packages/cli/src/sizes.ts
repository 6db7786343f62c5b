/** Reads the small languages that flags are written in: numbers of jobs, times, sizes, rates, shares, stop sequences, halt policies. Each reader gives a value, or what was expected, with an example. */
import * as Result from "effect/Result"
import { constants } from "node:os"

/** A value, or a text that follows the flag's name: `must be …, such as …, got …`. */
export type Read<A> = Result.Result<A, string>

/** How many jobs may run at once. */
export type Jobs =
  | { readonly kind: "count"; readonly count: number }
  /** That many more than there are cores; fewer where it is negative. */
  | { readonly kind: "cores"; readonly plus: number }
  /** 0.5 is half of the cores. */
  | { readonly kind: "share"; readonly share: number }
  | { readonly kind: "unbounded" }

/** A limit of time: a length, or a multiple of what jobs of this run usually take. */
export type TimeLimit = { readonly kind: "millis"; readonly millis: number } | { readonly kind: "median"; readonly factor: number }

/** So many in so long. */
export interface Rate {
  readonly count: number
  readonly perMillis: number
}

/** A number of jobs, or a share of all jobs. */
export type Amount = { readonly kind: "count"; readonly count: number } | { readonly kind: "share"; readonly share: number }

/** A signal, and how long to wait for the end before the next. */
export interface StopStep {
  readonly signal: NodeJS.Signals
  readonly waitMillis: number
}

/** When the whole ends before its last job. `soon`: nothing more starts. `now`: what runs is stopped, too. */
export type Halt =
  | { readonly when: "never" }
  | { readonly when: "now" | "soon"; readonly on: "fail" | "success" | "done"; readonly limit: Amount }

const wrong = (expected: string, text: string): Result.Result<never, string> =>
  Result.fail(`must be ${expected}, got ${JSON.stringify(text)}`)

/** Digits with an optional fraction, no sign: `Number` alone would take "0x10", "1e3", " 1 " and "" too. */
const decimal = String.raw`(?:\d+(?:\.\d*)?|\.\d+)`

const matcher = (source: string): RegExp => new RegExp(`^(?:${source})$`)

const jobsWords = 'a number such as 8, a share of the cores such as 50%, +2 or -1 relative to the cores, or 0 for "as many as possible"'
const jobsShape = matcher(String.raw`(?<sign>[+-]?)(?<whole>\d+)|(?<percent>${decimal})%`)

/** `8`, `+2`, `-1`, `50%`, and `0` for as many as possible. */
export const jobs = (text: string): Read<Jobs> => {
  const found = jobsShape.exec(text)?.groups
  if (found === undefined) return wrong(jobsWords, text)
  if (found["percent"] !== undefined) {
    const share = Number(found["percent"]) / 100
    return share > 0 ? Result.succeed({ kind: "share", share }) : wrong(jobsWords, text)
  }
  const whole = Number(found["whole"])
  if (!Number.isSafeInteger(whole)) return wrong(jobsWords, text)
  if (found["sign"] === "+") return Result.succeed({ kind: "cores", plus: whole })
  if (found["sign"] === "-") return Result.succeed({ kind: "cores", plus: -whole })
  return Result.succeed(whole === 0 ? { kind: "unbounded" } : { kind: "count", count: whole })
}

/** What a number of jobs comes to on a machine: at least 1, `Infinity` for as many as possible. */
export const jobsOn = (jobs: Jobs, cores: number): number => {
  switch (jobs.kind) {
    case "count":
      return jobs.count
    case "cores":
      return Math.max(1, cores + jobs.plus)
    case "share":
      return Math.max(1, Math.floor(cores * jobs.share))
    case "unbounded":
      return Infinity
  }
}

const unitMillis: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000
}
const unit = "ms|sec|s|min|m|h|d"

const durationWords = "a time such as 10 (seconds), 1.5s, 2m, 3h, 1d or 1h30m"
const durationShape = matcher(`${decimal}|(?:${decimal}(?:${unit}))+`)
const durationPart = new RegExp(`(${decimal})(${unit})?`, "g")

const millisOf = (text: string): number | undefined => {
  if (!durationShape.test(text)) return undefined
  let millis = 0
  for (const [, number, unit = "s"] of text.matchAll(durationPart)) millis += Number(number) * unitMillis[unit]!
  // Timers of Node hold 24.8 days; what is longer is cut by whoever sets the timer. Here it only has to be a number.
  return Number.isFinite(millis) ? millis : undefined
}

/** `10`, `1.5s`, `2m`, `3h`, `1d`, `1h30m`, in milliseconds. */
export const duration = (text: string): Read<number> => {
  const millis = millisOf(text)
  return millis === undefined ? wrong(durationWords, text) : Result.succeed(millis)
}

const limitWords = `${durationWords}, more than 0, or a multiple of the median such as 300%`
const percentShape = matcher(`(${decimal})%`)

const percentOf = (text: string): number | undefined => {
  const found = percentShape.exec(text)
  return found === null ? undefined : Number(found[1]) / 100
}

/** A duration, or `300%` of the median run time. */
export const timeLimit = (text: string): Read<TimeLimit> => {
  const factor = percentOf(text)
  if (factor !== undefined) return factor > 0 ? Result.succeed({ kind: "median", factor }) : wrong(limitWords, text)
  const millis = millisOf(text)
  return millis === undefined || millis === 0 ? wrong(limitWords, text) : Result.succeed({ kind: "millis", millis })
}

const sizeWords = "a number of bytes such as 4096, 64K or 1G (capital letters count in 1024, small ones in 1000)"
const sizeShape = matcher(`(${decimal})(?:([KMGTPkmgtp])|([KMGTP])iB)?`)

/** `4096`, `64K`, `1G`, `10m`, `16MiB`, in bytes: capitals are powers of 1024, small letters powers of 1000, as in GNU parallel. */
export const size = (text: string): Read<number> => {
  const found = sizeShape.exec(text)
  if (found === null) return wrong(sizeWords, text)
  const letter = found[2] ?? found[3] ?? ""
  const power = letter === "" ? 0 : "KMGTP".indexOf(letter.toUpperCase()) + 1
  const base = letter === letter.toUpperCase() ? 1024 : 1000
  const bytes = Number(found[1]) * base ** power
  return Number.isSafeInteger(Math.ceil(bytes)) ? Result.succeed(Math.floor(bytes)) : wrong(sizeWords, text)
}

const rateWords = "a rate such as 5 (a second), 100/s, 10/min or 1/30s, more than 0"
const rateShape = matcher(`(${decimal})(?:/(${decimal})?(${unit}))?`)

/** `5`, `100/s`, `10/min`, `1/30s`. */
export const rate = (text: string): Read<Rate> => {
  const found = rateShape.exec(text)
  if (found === null) return wrong(rateWords, text)
  const count = Number(found[1])
  const perMillis = Number(found[2] ?? 1) * unitMillis[found[3] ?? "s"]!
  return count > 0 && perMillis > 0 && Number.isFinite(count) && Number.isFinite(perMillis)
    ? Result.succeed({ count, perMillis })
    : wrong(rateWords, text)
}

const amountWords = "a whole number such as 3, or a share such as 10%, more than 0"
const wholeShape = /^\d+$/

/** `3` or `10%`. */
export const amount = (text: string): Read<Amount> => {
  const share = percentOf(text)
  if (share !== undefined)
    return share > 0 && share <= 1 ? Result.succeed({ kind: "share", share }) : wrong(`${amountWords} and at most 100%`, text)
  const count = wholeShape.test(text) ? Number(text) : 0
  return count > 0 && Number.isSafeInteger(count) ? Result.succeed({ kind: "count", count }) : wrong(amountWords, text)
}

const stopWords = "signals with the time to wait after each, KILL last, such as TERM,1000,KILL (milliseconds) or INT,2s,TERM,500ms,KILL"

const signalOf = (text: string): NodeJS.Signals | undefined => {
  const name = text.toUpperCase()
  const full = name.startsWith("SIG") ? name : `SIG${name}`
  if (Object.hasOwn(constants.signals, full)) return full as NodeJS.Signals
  if (!wholeShape.test(text)) return undefined
  for (const [known, number] of Object.entries(constants.signals)) if (number === Number(text)) return known as NodeJS.Signals
  return undefined
}

/**
 * `TERM,1000,TERM,500,KILL`: bare numbers are milliseconds. A sequence that ends with another signal is refused, since a program that ignores it would be waited for without limit.
 */
export const stopSequence = (text: string): Read<ReadonlyArray<StopStep>> => {
  const words = text.split(",")
  const steps: Array<StopStep> = []
  for (let i = 0; i < words.length; i += 2) {
    const signal = signalOf(words[i]!)
    const wait = words[i + 1] ?? "0"
    const waitMillis = wholeShape.test(wait) ? Number(wait) : millisOf(wait)
    if (signal === undefined || waitMillis === undefined) return wrong(stopWords, text)
    steps.push({ signal, waitMillis })
  }
  return steps[steps.length - 1]!.signal === "SIGKILL" ? Result.succeed(steps) : wrong(stopWords, text)
}

const haltWords = "never, or when and on what, such as now,fail=1, soon,fail=30%, now,success=1 or soon,done=10"
const haltShape = /^(now|soon),(fail|success|done)(?:=(.+))?$/
/** What GNU parallel calls 0, 1 and 2. */
const haltNumbers: Readonly<Record<string, string>> = { "0": "never", "1": "soon,fail=1", "2": "now,fail=1" }

/** `now,fail=1`, `soon,fail=30%`, `now,success=1`, `soon,done=10`, `never`; without a limit, the first counts. */
export const halt = (text: string): Read<Halt> => {
  const policy = haltNumbers[text] ?? text
  if (policy === "never") return Result.succeed({ when: "never" })
  const found = haltShape.exec(policy)
  const limit = found === null ? undefined : amount(found[3] ?? "1")
  if (found === null || limit === undefined || Result.isFailure(limit)) return wrong(haltWords, text)
  return Result.succeed({ when: found[1] as "now" | "soon", on: found[2] as "fail" | "success" | "done", limit: limit.success })
}

const delimiterWords = "one or more characters, with \\n, \\t, \\r, \\0, \\\\ and \\x1f for what is hard to type"
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0", "\\": "\\" }

/** What ends a line, for `-d`: `,`, `\t`, `\0`, `\x1f`. */
export const delimiter = (text: string): Read<string> => {
  let known = true
  const read = text.replace(/\\(?:x([0-7][0-9a-fA-F])|([^])|$)/g, (_, hex: string | undefined, letter: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    const found = letter === undefined ? undefined : escapes[letter]
    if (found === undefined) known = false
    return found ?? ""
  })
  return known && read !== "" ? Result.succeed(read) : wrong(delimiterWords, text)
}
