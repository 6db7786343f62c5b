/** Knows the processes of an app: the branches of the process tree that its commands made. */
import * as Effect from "effect/Effect"
import type { Branch, ProcessTree } from "../../ProcessTree.ts"

/** One signal after the other, each with a wait in milliseconds. */
type Steps = ReadonlyArray<{ readonly signal: NodeJS.Signals; readonly wait: number }>

export class Processes {
  /** The values that tell them in their environment. */
  readonly tags = new Set<string>()
  readonly #branches = new Set<Branch>()
  readonly #leftovers: "hold" | "leave"

  /** `hold`: what a command left running when it ended well belongs to the app, and is stopped with it. */
  constructor(leftovers: "hold" | "leave") {
    this.#leftovers = leftovers
  }

  /** A tree that grows in the place of `outer`. */
  within(outer: ProcessTree): ProcessTree {
    return {
      branch: () => {
        const branch = outer.branch()
        // The tags of the trees around it come first.
        const tag = branch.variable[1].split(",").at(-1)!
        this.tags.add(tag)
        this.#branches.add(branch)
        const over = (): void => {
          this.tags.delete(tag)
          this.#branches.delete(branch)
        }
        return {
          variable: branch.variable,
          lead: branch.lead,
          signal: branch.signal,
          count: branch.count,
          kill: (group) => Effect.tap(branch.kill(group), () => Effect.sync(over)),
          release: () => {
            if (this.#leftovers === "hold") return
            over()
            branch.release()
          }
        }
      }
    }
  }

  /** How many processes there are. */
  get count(): Effect.Effect<number> {
    return Effect.map(
      Effect.forEach([...this.#branches], (branch) => branch.count),
      (counts) => counts.reduce((sum, count) => sum + count, 0)
    )
  }

  /** Stops them. Afterwards nobody is left. */
  stop(steps: Steps): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (const { signal, wait } of steps) {
        if ((yield* this.count) === 0) break
        for (const branch of this.#branches) yield* branch.signal(signal)
        const until = performance.now() + wait
        for (let pause = 2; (yield* this.count) > 0; pause = Math.min(2 * pause, 50)) {
          const time = until - performance.now()
          if (time <= 0) break
          yield* sleep(Math.min(pause, time))
        }
      }
      for (const branch of this.#branches) yield* branch.kill()
      this.#branches.clear()
    }).pipe(Effect.uninterruptible)
  }
}

/** Of the machine's time, whatever clock the program has: processes take no part in a simulation. */
export const sleep = (millis: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    return Effect.sync(() => clearTimeout(timer))
  })
