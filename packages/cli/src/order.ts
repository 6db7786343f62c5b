/**
 * Lets what is done in any order out in the order of the input.
 *
 * What waits is bounded at the other end: a job is admitted when it is near enough to the oldest one that is not out. Bounding it where jobs end would hold the slots that the oldest one may need for another attempt.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

export interface Order<E> {
  /** Waits until this job is near enough to the oldest one that is not out. Call it before the job takes a slot. */
  readonly admit: (seq: number) => Effect.Effect<void>
  /** Runs `out` when all before it are out; one at a time. Done at once where others come first. `drop` is called in its place once an `out` has failed; from then on this fails. */
  readonly done: (seq: number, out: Effect.Effect<void, E>, drop?: () => void) => Effect.Effect<void, E>
  /** It will never be done: others need not wait for it. */
  readonly skip: (seq: number) => Effect.Effect<void, E>
  /** Nothing more comes: lets out what is left, past the gaps. */
  readonly end: Effect.Effect<void, E>
}

interface Waiting<E> {
  readonly out: Effect.Effect<void, E>
  readonly drop: () => void
}

const nothing: Waiting<never> = { out: Effect.void, drop: () => {} }

/** At most `ahead` jobs are admitted that are not out. Numbers start from 1. */
export const make = <E>(ahead: number): Order<E> => {
  let next = 1
  let draining = false
  let over = false
  let failure: Effect.Effect<never, E> | undefined
  const waiting = new Map<number, Waiting<E>>()
  const admissions = new Map<() => void, number>()
  const idle = new Set<() => void>()

  const admit = (): void => {
    for (const [resume, seq] of admissions) {
      if (!open(seq)) continue
      admissions.delete(resume)
      resume()
    }
  }
  const open = (seq: number): boolean => over || failure !== undefined || seq < next + ahead

  const fail = (failed: Effect.Effect<never, E>): void => {
    failure = failed
    for (const { drop } of waiting.values()) drop()
    waiting.clear()
  }

  /** One fiber lets out for all: those who come meanwhile leave theirs to it. One that is cut short by an interrupt counts as out. */
  const drain: Effect.Effect<void, E> = Effect.suspend(() => {
    if (failure !== undefined) return failure
    if (draining) return Effect.void
    draining = true
    return Effect.gen(function* () {
      for (let one = take(); one !== undefined; one = take()) {
        if (one !== nothing) yield* one.out
        next++
        admit()
      }
    }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          draining = false
          if (Exit.isFailure(exit)) {
            if (Cause.hasInterruptsOnly(exit.cause)) next++
            else fail(Effect.failCause(exit.cause))
            admit()
          }
          for (const resume of idle) resume()
          idle.clear()
        })
      )
    )
  })

  /** Waits for the fiber that is at it. */
  const drained: Effect.Effect<void, E> = Effect.suspend(() => {
    if (failure !== undefined) return failure
    if (!draining) return Effect.void
    const wait = Effect.callback<void>((resume) => {
      const done = (): void => resume(Effect.void)
      idle.add(done)
      return Effect.sync(() => void idle.delete(done))
    })
    return Effect.andThen(wait, drained)
  })

  const take = (): Waiting<E> | undefined => {
    if (over && waiting.size > 0 && !waiting.has(next)) next = Math.min(...waiting.keys())
    const one = waiting.get(next)
    waiting.delete(next)
    return one
  }

  const put = (seq: number, one: Waiting<E>): Effect.Effect<void, E> =>
    Effect.suspend(() => {
      if (failure !== undefined) one.drop()
      else waiting.set(seq, one)
      return drain
    })

  return {
    admit: (seq) =>
      Effect.suspend(() => {
        if (open(seq)) return Effect.void
        return Effect.callback<void>((resume) => {
          const admitted = (): void => resume(Effect.void)
          admissions.set(admitted, seq)
          return Effect.sync(() => void admissions.delete(admitted))
        })
      }),
    done: (seq, out, drop = () => {}) => put(seq, { out, drop }),
    skip: (seq) => put(seq, nothing),
    end: Effect.suspend(() => {
      over = true
      admit()
      return Effect.andThen(drained, drain)
    })
  }
}
