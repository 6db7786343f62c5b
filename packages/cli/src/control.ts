/** What steers a run while it runs: signals, a file with the number of jobs, the load of the machine. Everything here ends with the scope. */
import type * as Limiter from "@skein/core/Limiter"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs/promises"
import { availableParallelism, constants, freemem, loadavg } from "node:os"
import type { Runner } from "./runner.ts"
import * as sizes from "./sizes.ts"

type Stopping = "SIGINT" | "SIGTERM" | "SIGHUP"

/** A person needs longer than this to press a key twice, in milliseconds; package managers send signals on that the terminal has sent already. */
const copyWithin = 100

const listen = (
  signals: ReadonlyArray<NodeJS.Signals>,
  listener: (signal: NodeJS.Signals) => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => signals.forEach((signal) => process.on(signal, listener))),
      () => Effect.sync(() => signals.forEach((signal) => process.off(signal, listener)))
    )
  )

/** What can be asked to end: `drain` starts nothing more, `stop` ends what runs, at once where it is given no steps. */
export type Steered = Pick<Runner, "drain" | "stop" | "phase">

/**
 * Ctrl-C, SIGTERM and SIGHUP. The first one does as `onStop` says, the second stops what runs, the third kills it.
 */
export const onSignals = (
  runner: Steered,
  options: { readonly onStop: "finish" | "stop"; readonly say: (text: string) => void; readonly running: () => number }
): Effect.Effect<void, never, Scope.Scope> => {
  let last = { signal: "", at: -Infinity }
  let times = 0
  return listen(["SIGINT", "SIGTERM", "SIGHUP"], (name) => {
    const signal = name as Stopping
    const at = performance.now()
    const isCopy = last.signal === signal && at - last.at < copyWithin
    last = { signal, at }
    if (isCopy) return
    times++
    const reason = { _tag: "Signal", signal } as const
    const running = options.running()
    const [what, them] = running === 1 ? ["the job that runs", "it"] : [`${running} running jobs`, "them"]
    if (times === 1 && options.onStop === "finish") {
      options.say(`${signal}: starting nothing more${running === 0 ? "" : `, waiting for ${what}; once more to stop ${them}`}`)
      return runner.drain(reason)
    }
    if (times <= 2 && runner.phase() !== "stopping") {
      options.say(`${signal}: stopping ${what}; once more to kill ${them}`)
      return runner.stop(reason)
    }
    options.say(`${signal}: killing ${what}`)
    runner.stop(reason, [])
  })
}

/** How many run at once: a number that is set by a flag, by a file, and one by one by signals as `xargs -P` knows them. */
export const jobs = (options: {
  readonly limiter: Limiter.Limiter
  readonly initial: number
  readonly most: number
  readonly file: string | undefined
  readonly say: (text: string) => void
}): Effect.Effect<void, never, Scope.Scope> => {
  let now = options.initial
  const set = (count: number): void => {
    const next = Math.min(options.most, Math.max(1, count))
    if (next === now) return
    now = next
    options.say(`running up to ${now} at once`)
    Effect.runFork(options.limiter.resize(now))
  }
  return Effect.gen(function* () {
    yield* listen(["SIGUSR1", "SIGUSR2"], (signal) => set(signal === "SIGUSR1" ? now + 1 : now - 1))
    if (options.file !== undefined) yield* Effect.forkScoped(follow(options.file, set, options.say))
  })
}

const followEvery = 300 // ms

/** What the file says when it is read for the first time holds from the start. */
const follow = (file: string, set: (count: number) => void, say: (text: string) => void): Effect.Effect<never> => {
  let seen: string | undefined
  return Effect.forever(
    Effect.gen(function* () {
      const text = yield* Effect.promise(() =>
        fs.readFile(file, "utf8").then(
          (all) => all.trim(),
          () => ""
        )
      )
      if (text !== seen && text !== "") {
        seen = text
        const read = sizes.jobs(text)
        if (Result.isSuccess(read)) set(sizes.jobsOn(read.success, availableParallelism()))
        else say(`${file} ${read.failure}; going on as before`)
      }
      yield* Effect.sleep(followEvery)
    })
  )
}

export interface Gates {
  /** Runnable processes, as `uptime` shows them. */
  readonly maxLoad?: number | undefined
  /** Bytes. */
  readonly minMemory?: number | undefined
}

const gateEvery = 1_000 // ms

/** Admits nobody while the machine has too much to do, or too little memory. */
export const gates = (
  limiter: Limiter.Limiter,
  options: Gates & { readonly say: (text: string) => void }
): Effect.Effect<void, never, Scope.Scope> => {
  if (options.maxLoad === undefined && options.minMemory === undefined) return Effect.void
  let shut = false
  const look = Effect.gen(function* () {
    const why = yield* Effect.promise(() => trouble(options))
    if ((why !== undefined) === shut) return
    shut = why !== undefined
    options.say(why === undefined ? "starting jobs again" : `starting nothing for now: ${why}`)
    yield* shut ? limiter.pause : limiter.resume
  })
  return Effect.andThen(look, Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(gateEvery), look)))))
}

const trouble = async ({ maxLoad = Infinity, minMemory = 0 }: Gates): Promise<string | undefined> => {
  const load = loadavg()[0]!
  if (load > maxLoad) return `the load is ${load.toFixed(1)}, above ${maxLoad}`
  const free = minMemory === 0 ? Infinity : await available()
  return free < minMemory
    ? `${Math.round(free / 2 ** 20)} MiB of memory are free, fewer than ${Math.round(minMemory / 2 ** 20)}`
    : undefined
}

/** What programs can have without swapping: more than what is unused, where the system says it. */
const available = async (): Promise<number> => {
  const text = await fs.readFile("/proc/meminfo", "utf8").catch(() => "")
  const kilobytes = /^MemAvailable:\s+(\d+)/m.exec(text)?.[1]
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024
}

/** The exit code that shells give to what a signal has ended. */
export const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]
