/** Stops a program step by step, in steps that may be replaced by quicker ones meanwhile. */
import * as Effect from "effect/Effect"
import type { Run, StopStep } from "./executor.ts"

interface Asked {
  readonly steps: ReadonlyArray<StopStep>
  readonly why: "stopped" | "timeout"
}

/** What happens to one program from outside: it ends, or is asked to. One fiber waits for it. */
export class Course {
  asked: Asked | undefined
  ended = false
  private wake: (() => void) | undefined

  /** The first reason stays. Nothing is asked of a program that has ended by itself. */
  ask(steps: ReadonlyArray<StopStep>, why: Asked["why"]): void {
    if (this.ended && this.asked === undefined) return
    this.asked = { steps, why: this.asked?.why ?? why }
    this.wake?.()
  }

  end(): void {
    this.ended = true
    this.wake?.()
  }

  /** Until it has ended or is asked to, anew if it was; or the time is over. */
  wait(time?: number): Effect.Effect<void> {
    return Effect.suspend(() => (this.ended ? Effect.void : this.pause(time)))
  }

  /** Until something happens, whatever has happened before; or the time is over. */
  pause(time?: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const over = (): void => {
        this.wake = undefined
        clearTimeout(timer)
        resume(Effect.void)
      }
      const timer = time === undefined ? undefined : setTimeout(over, time)
      this.wake = over
      return Effect.sync(() => {
        this.wake = undefined
        clearTimeout(timer)
      })
    })
  }
}

/** The longest time that a timer can wait, in milliseconds: 24.8 days. */
const longest = 2 ** 31 - 1

/** Asks it to stop when its time is over. */
export const timerOf = (course: Course, { stop, timeout }: Run): NodeJS.Timeout | undefined =>
  timeout === undefined || timeout > longest ? undefined : setTimeout(() => course.ask(stop, "timeout"), timeout)

/** The tree of the program. */
export interface Tree {
  /** Gives how many it reached. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<number>
  /** For when nobody was reached since it is just starting: gives how many it reached another way. */
  readonly late: (signal: NodeJS.Signals) => number
  /** How many are left. */
  readonly count: Effect.Effect<number>
}

const defaultTime = 1_000

/** How often, in milliseconds, those are looked for who outlive the program: from, to. */
const shortPause = 5
const longPause = 100

/** Takes the steps. Gives whether nobody is left; otherwise it is the caller's to kill them. */
export const take = (course: Course, tree: Tree): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    for (;;) {
      const { asked } = course
      for (const step of asked?.steps ?? []) {
        if (yield* taken(course, tree, asked!, step)) return true
        if (course.asked !== asked) break
      }
      if (course.asked === asked) return false
    }
  })

const taken = (course: Course, tree: Tree, asked: Asked, step: StopStep): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const until = performance.now() + (step.for ?? defaultTime)
    let reached = yield* tree.signal(step.signal)
    for (let pause = shortPause; ; pause = Math.min(2 * pause, longPause)) {
      if (reached === 0 && !course.ended) reached = tree.late(step.signal)
      if (course.ended && (yield* tree.count) === 0) return true
      const left = until - performance.now()
      if (left <= 0 || course.asked !== asked) return false
      yield* course.ended || reached === 0 ? course.pause(Math.min(left, pause)) : course.wait(left)
    }
  })
