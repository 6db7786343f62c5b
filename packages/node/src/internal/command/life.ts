/**
 * A program that was started, and its tree: from its start until nobody who must not be left is left.
 *
 * Whoever has a `Life` must call `stop` or `leave`, once it is known how it ended.
 */
import * as Effect from "effect/Effect"
import type { Branch } from "../../ProcessTree.ts"
import { available } from "../tree/scan.ts"
import type { Spec } from "./options.ts"
import type { Child, End } from "./starter.ts"

export class Life {
  readonly child: Child
  readonly startedAt = performance.now()
  readonly #branch: Branch
  readonly #spec: Spec
  readonly #waiting = new Set<() => void>()
  #endedAt = 0
  #end: End | undefined
  #over = false
  #stopping = false
  #stopped: "signal" | "killed" = "signal"
  readonly #waitingForStop: Array<() => void> = []

  constructor(child: Child, branch: Branch, spec: Spec) {
    this.child = child
    this.#branch = branch
    this.#spec = spec
    branch.lead(child.pid)
    child.onEnd((end) => {
      this.#endedAt = performance.now()
      this.#end = end
      for (const wake of this.#waiting) wake()
      this.#waiting.clear()
    })
  }

  get end(): End | undefined {
    return this.#end
  }

  get ranFor(): number {
    return this.#endedAt - this.startedAt
  }

  /** Calls when it has ended, at once if it has; gives how to listen no more. */
  onEnd(listener: () => void): () => void {
    if (this.#end === undefined) this.#waiting.add(listener)
    else listener()
    return () => void this.#waiting.delete(listener)
  }

  /** How the stop sequence ended it: `killed` if somebody in its tree got a SIGKILL, whose cleanup was skipped. */
  get stopped(): "signal" | "killed" {
    return this.#stopped
  }

  /** Ends well: with one of the codes that are a success. */
  get well(): boolean {
    const end = this.#end
    return end !== undefined && end.lost === undefined && end.exitCode !== null && this.#spec.okCodes.includes(end.exitCode)
  }

  signal(name: NodeJS.Signals): Effect.Effect<number> {
    return Effect.suspend(() => (this.#over ? Effect.succeed(0) : this.#branch.signal(name, this.#group)))
  }

  /** The stop sequence. Afterwards nobody is left. */
  get stop(): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        if (this.#over) return Effect.void
        // Asked twice, it is done once: a second SIGTERM often means something else than the first.
        if (this.#stopping) return Effect.callback<void>((resume) => void this.#waitingForStop.push(() => resume(Effect.void)))
        this.#stopping = true
        return Effect.flatMap(Effect.andThen(this.#steps, this.#kill), (killed) => {
          if (killed > 0) this.#stopped = "killed"
          return this.#finish
        })
      })
    )
  }

  /** Without a sequence: it has ended, but not well. */
  get kill(): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.suspend(() => (this.#over ? Effect.void : Effect.andThen(this.#kill, this.#finish))))
  }

  /** It ended well: who is left may stay, or must not, as was asked for. */
  get leave(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#over) return Effect.void
      if (this.#spec.leftovers === "kill") return this.kill
      this.#over = true
      this.#branch.release()
      return Effect.void
    })
  }

  /** Afterwards nobody is left. */
  get #kill(): Effect.Effect<number> {
    return Effect.suspend(() => Effect.tap(this.#branch.kill(this.#group), () => this.#reaped))
  }

  get #finish(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#over = true
      for (const wake of this.#waitingForStop.splice(0)) wake()
    })
  }

  /** The process group, as long as its number cannot belong to another. Where tags cannot be seen it is all there is. */
  get #group(): number | undefined {
    return this.#end === undefined || !available ? this.child.pid : undefined
  }

  get #steps(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (const { signal, wait } of this.#spec.stop) {
        const found = yield* this.signal(signal)
        if (signal === "SIGKILL" && found > 0) this.#stopped = "killed"
        if (yield* this.#goneWithin(wait)) return
      }
    })
  }

  /** Whether it and everybody in its tree ends within a time. */
  #goneWithin(wait: number): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      const until = performance.now() + wait
      yield* this.#endedWithin(wait)
      for (let pause = 2; this.#end !== undefined; pause = Math.min(pause * 2, 50)) {
        if ((yield* this.#branch.count) === 0) return true
        const left = until - performance.now()
        if (left <= 0) return false
        yield* sleep(Math.min(pause, left))
      }
      return false
    })
  }

  #endedWithin(wait: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const done = (): void => {
        clearTimeout(timer)
        forget()
        resume(Effect.void)
      }
      let forget = (): void => {}
      // It may have ended in this very turn of the loop, which has its news after its timers.
      const timer = setTimeout(() => setImmediate(done), wait)
      forget = this.onEnd(done)
    })
  }

  /** Not before: until then it is a zombie, and its number is taken. */
  get #reaped(): Effect.Effect<void> {
    return Effect.suspend(() => (this.#end === undefined ? this.#endedWithin(patience) : Effect.void))
  }
}

/** How long a killed program has to end, in milliseconds: only one that hangs in the kernel takes that long. */
const patience = 10_000

// Of the machine's time, whatever clock the program has: processes take no part in a simulation.
const sleep = (millis: number): Effect.Effect<void> => Effect.callback((resume) => void setTimeout(() => resume(Effect.void), millis))
