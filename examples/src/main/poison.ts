/**
 * Kills a worker on purpose: an input that is poisoned ends the thread or the process that takes it up, once. When it is taken up again, it is an input like any other.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { threadId } from "node:worker_threads"

export const Poison = Schema.Struct({
  /** A file with a line for each time the input was taken up: a `Taker`. */
  note: Schema.String,
  /** A thread exits; a process sends itself the signal that nobody can catch. */
  how: Schema.Literals(["exit", "SIGKILL"])
})
export type Poison = typeof Poison.Type

/** One worker that took up a poisoned input, and all that ran in it then. */
export interface Taker {
  readonly who: string
  readonly paths: ReadonlyArray<string>
}

/** Who took up a poisoned input, in this order. */
export const takers = (note: string): ReadonlyArray<Taker> =>
  existsSync(note)
    ? readFileSync(note, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Taker)
    : []

/** Ends the worker that calls it, if it is the first one. The note is written synchronously, so it is there whatever comes next. */
export const take = ({ how, note }: Poison, running: Iterable<string>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const taker: Taker = { who: how === "exit" ? `thread ${threadId}` : `process ${process.pid}`, paths: [...running] }
    appendFileSync(note, `${JSON.stringify(taker)}\n`)
    if (takers(note).length > 1) return Effect.void
    if (how === "exit") process.exit(9)
    process.kill(process.pid, how)
    return Effect.never
  })
