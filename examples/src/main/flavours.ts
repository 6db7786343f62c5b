/**
 * Where the task may run: in this fiber, in threads, in processes. Each is a layer.
 */
import { Processes, Workers } from "@skein/node"
import type { Event, Options } from "@skein/node/Flavour"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fileURLToPath } from "node:url"
import { analyse } from "./analysis.ts"
import type { Poison } from "./poison.ts"

export const flavours = ["inline", "worker", "process"] as const
export type Flavour = (typeof flavours)[number]

export const layers: Record<Flavour, (options: Options) => Layer.Layer<never>> = {
  inline: () => Layer.empty,
  worker: (options) => Workers.layer(options),
  process: (options) => Processes.layer(options)
}

/** How one of its workers is killed on purpose. Inline there is none. */
export const deaths: Record<Flavour, Poison["how"] | undefined> = { inline: undefined, worker: "exit", process: "SIGKILL" }

const here = fileURLToPath(import.meta.url)
const longest = "10 seconds"

/**
 * Waits until as many workers as are wanted have started, then has each analyse a small file, so that it has loaded what it needs; gives the milliseconds that took. With workers that do not get ready the run begins
 * all the same: its outcomes say what is wrong.
 */
export const warmUp = (size: number, events: ReadonlyArray<Event>): Effect.Effect<number> =>
  Effect.gen(function* () {
    const from = yield* Clock.currentTimeMillis
    const started = Effect.suspend((): Effect.Effect<void> => {
      const ready = events.filter(({ _tag }) => _tag === "Started").length
      return ready >= size ? Effect.void : Effect.andThen(Effect.sleep("2 millis"), started)
    })
    const one = Effect.ignore(analyse({ path: here }))
    const all = Effect.all(
      Array.from({ length: size }, () => one),
      { concurrency: size, discard: true }
    )
    yield* Effect.timeoutOption(Effect.andThen(started, all), longest)
    return (yield* Clock.currentTimeMillis) - from
  })
