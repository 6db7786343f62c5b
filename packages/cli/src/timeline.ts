/**
 * Writes what ran when, for Perfetto and `chrome://tracing`: a track for each slot with a span for each attempt, the time in the queue and between attempts, the kills.
 *
 * The file is an array of trace events. That form needs no end, so a file that was cut off loads too, up to the last whole event. It is written in blocks, at least once a second, so memory does not grow with the jobs.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import type { Attempt, Job, JobRecord, Observer } from "./job.ts"
import { refusal } from "./records.ts"
import { fitted, oneLine } from "./terminalText.ts"

/** The file cannot be written. What it held before is gone, if it could be opened. */
export class TimelineError extends Data.TaggedError("TimelineError")<{
  readonly path: string
  readonly code: string
  readonly detail: string
}> {
  override get message(): string {
    return `timeline ${this.path}: ${this.detail}`
  }
}

export interface Timeline {
  readonly observer: Observer
  /** Writes the end of it. Fails with what went wrong on the way: a timeline is no reason to stop the work. */
  readonly end: Effect.Effect<void, TimelineError>
}

/** Opens the file (what it held is gone) and closes it with the scope. */
export const make = (path: string): Effect.Effect<Timeline, TimelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const fd = yield* Effect.acquireRelease(Effect.try({ try: () => fs.openSync(path, "w"), catch: (error) => fault(path, error) }), (fd) =>
      Effect.sync(() => fs.closeSync(fd))
    )
    const file = events(path, fd)
    yield* Effect.addFinalizer(() => Effect.sync(file.flush))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("1 second"), Effect.sync(file.flush))))
    file.add({ ph: "M", pid, tid: 0, name: "process_name", args: { name: "skein" } })
    return {
      observer: observer(file.add),
      end: Effect.suspend(() => {
        file.close()
        const error = file.failed()
        return error === undefined ? Effect.void : Effect.fail(error)
      })
    }
  })

const pid = 1

/** An event as the trace format has it: `ph` is its kind, `ts` and `dur` are microseconds, `tid` is its track. */
type Event = Readonly<Record<string, unknown>>

const blockSize = 64 * 1024

const events = (path: string, fd: number) => {
  let text = "["
  let first = true
  let closed = false
  let failed: TimelineError | undefined
  const flush = (): void => {
    const bytes = Buffer.from(text)
    text = ""
    if (failed !== undefined) return
    try {
      for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at)
    } catch (error) {
      failed = fault(path, error)
    }
  }
  return {
    flush,
    failed: () => failed,
    add: (event: Event): void => {
      if (closed || failed !== undefined) return
      text += `${first ? "\n" : ",\n"}${JSON.stringify(event)}`
      first = false
      if (text.length > blockSize) flush()
    },
    close: (): void => {
      if (!closed) text += "\n]\n"
      closed = true
      flush()
    }
  }
}

const observer = (add: (event: Event) => void): Observer => {
  const slots = new Set<number>()
  return {
    attempted: (job, attempt) => {
      const { slot, startedAt } = attempt
      if (!slots.has(slot)) {
        slots.add(slot)
        add({ ph: "M", pid, tid: slot, name: "thread_name", args: { name: `slot ${slot}` } })
        add({ ph: "M", pid, tid: slot, name: "thread_sort_index", args: { sort_index: slot } })
      }
      const name = `#${job.seq} ${fitted(oneLine(job.text), 100)}`
      const ts = micros(startedAt)
      add({ ph: "X", pid, tid: slot, cat: "run", name, ts, dur: micros(attempt.endedAt) - ts, args: described(job, attempt) })
      if (attempt.why === "timeout" || attempt.why === "stopped") {
        add({ ph: "i", pid, tid: slot, s: "t", cat: "kill", name: `${attempt.why} #${job.seq}`, ts: micros(attempt.endedAt) })
      }
    },
    finished: (record) => {
      for (const [name, from, to] of pauses(record)) {
        const span = { pid, tid: 0, cat: "queue", id: record.job.seq, name: `${name} #${record.job.seq}` }
        add({ ph: "b", ...span, ts: micros(from) })
        add({ ph: "e", ...span, ts: micros(to) })
      }
    }
  }
}

/** When a job waited: before its first attempt, and between attempts. */
const pauses = ({ attempts, queuedAt }: JobRecord): ReadonlyArray<readonly [name: string, from: number, to: number]> =>
  attempts.map(({ startedAt }, index) => {
    const before = attempts[index - 1]
    return before === undefined ? ["queued", queuedAt, startedAt] : ["waits to be tried again", before.endedAt, startedAt]
  })

const described = (job: Job, { exitCode, message, number, signal, why }: Attempt) => ({
  command: job.text,
  attempt: number,
  why,
  exit: exitCode,
  signal,
  ...(message === undefined ? {} : { message })
})

const micros = (millis: number): number => Math.round(millis * 1000)

const fault = (path: string, error: unknown): TimelineError => new TimelineError({ path, ...refusal(error) })
