/** Waits for runs: from outside plainly, from inside a job of the same engine with what that job holds of the limits lent meanwhile. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Job from "../Job.ts"
import type { EngineCore } from "./engineCore.ts"
import { JobCycle } from "./errors.ts"
import type { Run } from "./run.ts"

/** The job that a fiber runs. */
export const CurrentJob: Context.Reference<Run | undefined> = Context.Reference<Run | undefined>("@skein/engine/CurrentJob", {
  defaultValue: () => undefined
})

export const current: Effect.Effect<Option.Option<Job.Current>> = Effect.map(CurrentJob, (run) =>
  run === undefined
    ? Option.none()
    : Option.some({ id: run.id, name: run.name, attempt: run.attempts, token: run.engine.durable?.owner.token ?? 0 })
)

/** The job of `engine` that a fiber is inside of, also through engines that live in jobs. */
export const jobOf = (engine: EngineCore, fiber: Fiber.Fiber<unknown, unknown>): Run | undefined => {
  let run = Context.get(fiber.context, CurrentJob)
  while (run !== undefined && run.engine !== engine) run = Context.get(run.engine.owner.context, CurrentJob)
  // An abandoned one has ended and still holds what it took.
  return run !== undefined && (run.end === undefined || run.holds) ? run : undefined
}

/** Suspends until `subscribe` wakes it, unless `ready` says in the same step that there is nothing to wait for. `target` is the run that is waited for. */
export const suspend = (
  engine: EngineCore,
  fiber: Fiber.Fiber<unknown, unknown>,
  target: Run,
  ready: () => boolean,
  subscribe: (wake: () => void) => () => void
): Effect.Effect<void> => {
  const self = jobOf(engine, fiber)
  return Effect.callback<void>((resume) => {
    if (ready()) return resume(Effect.void)
    if (self === undefined) {
      const unsubscribe = subscribe(() => resume(Effect.void))
      return Effect.sync(unsubscribe)
    }
    const path = circle(self, target)
    if (path !== undefined) return resume(Effect.die(new JobCycle(path)))
    let goOn: () => void = () => {}
    let woken = false
    let isBack = false
    self.lent++
    ;(self.waitsFor ??= []).push(target)
    const back = (): void => {
      self.waitsFor!.splice(self.waitsFor!.indexOf(target), 1)
      takeBack(engine, self, () => {
        isBack = true
        goOn()
      })
    }
    const unsubscribe = subscribe(() => {
      if (woken) return
      woken = true
      goOn = () => resume(Effect.void)
      back()
    })
    if (self.lent === 1) engine.lend(self)
    return Effect.callback<void>((done) => {
      unsubscribe()
      if (isBack) return done(Effect.void)
      goOn = () => done(Effect.void)
      // Woken already, it stands in the line and keeps its place there.
      if (!woken) {
        woken = true
        back()
      }
    })
  })
}

/** Waits for the end of a run. */
export const awaitRun = (run: Run): Effect.Effect<Job.End<any, any>> =>
  Effect.withFiber((fiber) => {
    if (run.told) return Effect.succeed(run.end!)
    const wait = suspend(
      run.engine,
      fiber,
      run,
      () => run.told,
      (wake) => {
        const waiters = (run.waiters ??= new Set())
        waiters.add(wake)
        return () => void waiters.delete(wake)
      }
    )
    return Effect.map(wait, () => run.end!)
  })

/** Waits until `is` says so of a run, or it has ended. */
export const awaitChange = (run: Run, is: () => boolean): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    suspend(
      run.engine,
      fiber,
      run,
      () => is() || run.told,
      (wake) => {
        const unsubscribe = run.subscribe(() => (is() ? wake() : undefined))
        const waiters = (run.waiters ??= new Set())
        waiters.add(wake)
        return () => {
          unsubscribe()
          waiters.delete(wake)
        }
      }
    )
  )

/** Calls `then` when `self` has back what it lent: at once if another of its fibers still waits (then it stays lent until that one is back too) or when it was asked to stop. */
const takeBack = (engine: EngineCore, self: Run, then: () => void): void => {
  if (--self.lent > 0 || self.cut !== undefined || self.holds || self.end !== undefined) return then()
  let over = false
  const finish = (): void => {
    if (over) return
    over = true
    self.returns?.delete(giveUp)
    then()
    // What is back is the job's: its other fibers that stand in line have it too.
    if (self.returns !== undefined) for (const other of [...self.returns]) other()
  }
  const giveUp = (): void => {
    withdraw()
    finish()
  }
  const withdraw = engine.takeBack(self, finish)
  if (!over) (self.returns ??= new Set()).add(giveUp)
}

/**
 * The way from `target` back to `self`, if `target` cannot end before `self` does: it waits for it, by a dependency or inside. Of a choice (`afterAny`, several waits of one job) all ways have to lead back.
 *
 * Dependencies are there before anybody waits inside, and each wait inside is looked at when it begins: so each circle is found by the wait that closes it.
 */
const circle = (self: Run, target: Run): ReadonlyArray<string> | undefined => {
  const known = new Map<Run, ReadonlyArray<Run> | undefined>()
  // A stack of our own: chains of dependencies may be longer than the machine's stack.
  const order: Array<Run> = []
  const pending: Array<Run> = [target]
  while (pending.length > 0) {
    const run = pending.pop()!
    if (known.has(run) || run === self) continue
    known.set(run, undefined)
    order.push(run)
    for (const choice of choicesOf(run)) pending.push(...choice)
  }
  // What is found later depends on what was found earlier only by chains, so going backwards settles almost all in one round.
  const stuck = (run: Run): boolean => run === self || known.get(run) !== undefined
  for (let changed = true; changed;) {
    changed = false
    for (let i = order.length - 1; i >= 0; i--) {
      const run = order[i]!
      if (known.get(run) !== undefined) continue
      const choice = choicesOf(run).find((members) => members.length > 0 && members.every(stuck))
      if (choice === undefined) continue
      known.set(run, choice)
      changed = true
    }
  }
  if (!stuck(target)) return undefined
  const path = [self.id]
  for (let at = target; ; at = known.get(at)![0]!) {
    path.push(at.id)
    if (at === self) return path
  }
}

/** What a run waits for: of each list one is enough, and each list must be satisfied. */
const choicesOf = (run: Run): ReadonlyArray<ReadonlyArray<Run>> => {
  if (run.end !== undefined) return []
  if (run.phase === "running") return run.waitsFor === undefined || run.waitsFor.length === 0 ? [] : [run.waitsFor]
  if (run.phase !== "upstream" || run.edges === undefined) return []
  const lists = new Map<object, Array<Run>>()
  for (const { group, upstream } of run.edges) {
    if (group.decided || upstream.end !== undefined) continue
    const list = lists.get(group)
    if (list === undefined) lists.set(group, [upstream])
    else list.push(upstream)
  }
  return [...lists.values()]
}
